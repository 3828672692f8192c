/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Top
 *
 * The screen of status again and again, with rates from kithd's counters. On a terminal it is
 * drawn over itself until q; elsewhere screens follow each other.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "daemon/cli/cli.h"

const char *const rates_names[] = { "changes", "commits", "flushes", "signatures",
	"verifications", "bytes_in", "bytes_out" };
const size_t n_rates = COUNT(rates_names);

struct rates rates_between(const json_t *before, const json_t *status, uint64_t ms)
{
	struct rates r = { .ms = ms };

	/* Counters of another life of kithd begin at nothing. */
	if (!before || ms == 0 ||
		json_number(before, "started_ms") != json_number(status, "started_ms"))
		return (struct rates){ 0 };
	for (size_t i = 0; i < n_rates; i++) {
		const uint64_t then = json_number(before, rates_names[i]);
		const uint64_t now = json_number(status, rates_names[i]);

		r.per[i] = now > then ? (double)(now - then) * 1000 / (double)ms : 0;
	}

	return r;
}

struct top {
	struct cli *cli;
	uint64_t interval, left; /* ms; screens, UINT64_MAX: no end */
	bool screen;             /* drawn over itself */
	struct termios before;
	json_t *last; /* the status of the look before */
	uint64_t last_at;
};

static void top_done(struct top *t)
{
	json_decref(t->last);
	if (!t->screen)
		return;
	(void)fputs("\033[?7h\033[?25h\033[?1049l", stdout);
	(void)fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
}

static void take_terminal(struct top *t)
{
	struct termios raw;

	if (t->cli->json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
		tcgetattr(STDIN_FILENO, &t->before) != 0)
		return;
	raw = t->before;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	/* Another screen, no cursor, and lines that are too long are cut. */
	(void)fputs("\033[?1049h\033[?25l\033[?7l", stdout);
	t->screen = true;
}

static void show_rates(const struct rates *r)
{
	char in[SHORT_TEXT], out[SHORT_TEXT];

	if (r->ms == 0)
		(void)printf("\na second: the first look\n");
	else
		(void)printf("\na second: %.1f changes, %.1f commits, %.1f flushes, %.1f "
			     "signatures, %.1f verifications, %s in, %s out\n",
			r->per[0], r->per[1], r->per[2], r->per[3], r->per[4],
			size_text((uint64_t)r->per[5], in),
			size_text((uint64_t)r->per[6], out));
}

static int show_line(
	struct top *t, json_t *reply, const struct judged *j, const struct rates *r)
{
	json_t *rates = json_object(), *findings = judged_json(j);
	int rc = !rates || !findings;

	for (size_t i = 0; i < n_rates && rc == 0; i++)
		rc = json_object_set_new(rates, rates_names[i], json_real(r->per[i]));
	rc |= json_object_set_new(reply, "rates", rates);
	rc |= json_object_set_new(reply, "findings", findings);
	rc |= json_object_set_new(reply, "verdict", json_string(grave_word(j->worst)));
	rc |= json_object_set_new(reply, "interval_ms", json_integer((json_int_t)r->ms));
	if (rc != 0)
		return err_new(-ENOMEM);

	rc = json_line(t->cli, reply);
	return fflush(stdout) == 0 ? rc : CLI_FAILED;
}

static int draw(
	struct top *t, const json_t *reply, const struct judged *j, const struct rates *r)
{
	char now[SHORT_TEXT];
	int rc = status_screen(t->cli, reply, j);

	if (rc != 0)
		return rc;
	show_rates(r);
	if (t->screen)
		(void)printf("\n%s, every %" PRIu64 " s; q ends\n", date_text(wall_ms(), now),
			t->interval / 1000);
	return 0;
}

/* What fits, from the top: the verdict is there. */
static void put_lines(FILE *f)
{
	struct winsize size = { .ws_row = 24 };
	unsigned row = 0;
	int c;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
		size.ws_row = 24;
	(void)fputs("\033[H", stdout);
	rewind(f);
	while ((c = fgetc(f)) != EOF && row + 1 < size.ws_row) {
		row += c == '\n';
		if (c == '\n')
			(void)fputs("\033[K", stdout);
		(void)putchar(c);
	}
	(void)fputs("\033[J", stdout);
}

/* Tables go to standard output, so that is a file in memory meanwhile. */
static int redraw(
	struct top *t, const json_t *reply, const struct judged *j, const struct rates *r)
{
	FILE *f CLEANUP(file_drop) = NULL;
	int fd = memfd_create("kithctl-top", MFD_CLOEXEC), out = dup(STDOUT_FILENO), rc;

	if (fd < 0 || out < 0)
		return err_new(-errno);
	(void)fflush(stdout);
	(void)dup2(fd, STDOUT_FILENO);
	rc = draw(t, reply, j, r);
	(void)fflush(stdout);
	(void)dup2(out, STDOUT_FILENO);
	(void)close(out);
	f = fdopen(fd, "r");
	if (!f)
		return err_new(-errno);
	if (rc == 0)
		put_lines(f);
	(void)fflush(stdout);

	return rc;
}

static int look(struct top *t)
{
	json_t *reply CLEANUP(json_drop) = NULL;
	struct judged judged = { 0 };
	struct rates rates;
	int rc = status_ask(t->cli, &reply, &judged);

	if (rc == CLI_ABSENT || rc == CLI_LOST)
		ask_close(t->cli);
	if (rc != 0)
		return rc;
	rates = rates_between(
		t->last, json_object_get(reply, "status"), clock_ms() - t->last_at);
	json_decref(t->last);
	t->last = json_incref(json_object_get(reply, "status"));
	t->last_at = clock_ms();
	if (t->cli->json)
		rc = show_line(t, reply, &judged, &rates);
	else
		rc = t->screen ? redraw(t, reply, &judged, &rates)
			       : draw(t, reply, &judged, &rates);
	if (fflush(stdout) != 0 && rc == 0)
		rc = cli_say(CLI_FAILED, "standard output cannot be written");

	return rc;
}

/* True: go on. */
static bool pause_until(const struct top *t, uint64_t end)
{
	struct pollfd p = { .fd = t->screen ? STDIN_FILENO : -1, .events = POLLIN };

	for (;;) {
		const uint64_t now = clock_ms();
		char key;

		if (ask_interrupted())
			return false;
		if (now >= end)
			return true;
		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == 3)
			return false;
		if (key == ' ' || key == '\n')
			return true;
	}
}

int verb_top(struct cli *c)
{
	struct top t CLEANUP(top_done) = { .cli = c, .interval = 2, .left = UINT64_MAX };
	int rc = cli_number(c, OPT_INTERVAL, 1, 3600, &t.interval);

	if (rc == 0)
		rc = cli_number(c, OPT_SCREENS, 1, 1000000000, &t.left);
	if (rc != 0)
		return rc;
	t.interval *= 1000;
	take_terminal(&t);
	if (!t.screen && !cli_has(c, OPT_SCREENS))
		t.left = 1;
	/* The first look only begins to count, unless somebody sits there and waits. */
	for (t.left += !t.screen; t.left > 0; t.left--) {
		const uint64_t began = clock_ms();

		if (t.screen)
			(void)fputs("\033[H", stdout);
		if (!t.screen && !t.last) {
			json_t *reply CLEANUP(json_drop) = NULL;
			struct judged judged;

			rc = status_ask(c, &reply, &judged);
			if (rc != 0)
				return rc;
			t.last = json_incref(json_object_get(reply, "status"));
			t.last_at = clock_ms();
		} else {
			rc = look(&t);
			/* On a terminal it is waited for: it may be restarting. */
			if (rc != 0 && !(t.screen && (rc == CLI_ABSENT || rc == CLI_LOST)))
				return rc;
		}
		if (t.left > 1 && !pause_until(&t, began + t.interval))
			return 0;
	}

	return 0;
}
