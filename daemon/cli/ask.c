/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Asking kithd
 *
 * The connection, requests and the replies that belong to them. A few requests may be under way
 * at once; their answers are handed on in the order of the requests.
 */

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <kith/conf.h>

#include "daemon/cli/cli.h"

#define WINDOW_BYTES (1024 * 1024)
#define SLICE_MS     250
#define SILENCE_MS   120000 /* an import batch may wait for the disk */

/* Set by a signal; nothing else can be done from there. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	if (interrupted)
		_exit(CLI_LOST); /* the second time: a send may be stuck */
	interrupted = 1;
}

bool ask_interrupted(void)
{
	return interrupted != 0;
}

void ask_close(struct cli *c)
{
	c->link = ctl_client_free(c->link);
}

/* One request whose answer is not whole yet. */
struct waiting {
	uint32_t id;
	size_t bytes; /* of the request */
	json_t *tree;
	bool whole;
	struct progress progress;
};

int ask_socket(struct cli *c, const char **ret)
{
	struct conf conf CLEANUP(conf_done) = { 0 };
	int rc;

	*ret = c->given[OPT_SOCKET];
	if (*ret)
		return 0;
	rc = cli_conf(c, &conf);
	if (rc != 0)
		return rc;
	*ret = arena_text(&c->arena, "%s", conf.control_socket);

	return *ret ? 0 : err_new(-ENOMEM);
}

int ask_connect(struct cli *c)
{
	struct sigaction act = { .sa_handler = interrupt };
	struct why why = { "" };
	const char *path;
	int rc;

	if (c->link)
		return 0;
	(void)sigemptyset(&act.sa_mask);
	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
	rc = ask_socket(c, &path);
	if (rc != 0)
		return rc;

	rc = ctl_connect(path, CONTROL_FRAME_MAX, &c->link, &why);
	if (rc < 0)
		return err_up(rc);
	if (rc == CTL_E_ABSENT)
		return unit_absent(c, path);
	if (rc == CTL_E_DENIED) {
		c->denied = true;
		return cli_say(CLI_ABSENT,
			"%s may not be opened by this user\n"
			"  next: ask its owner, or run kithctl as that user",
			path);
	}
	if (rc > 0)
		return cli_say(CLI_ABSENT, "%s: %s", path, why.text);

	return 0;
}

struct ctl_request ask_request(struct cli *c)
{
	const char *who = c->given[OPT_WORKER_ID];
	const struct passwd *pw = who ? NULL : getpwuid(getuid());

	if (pw)
		who = arena_text(&c->arena, "%s", pw->pw_name);

	return (struct ctl_request){
		.verb = c->verb->number,
		.worker = span_of(who),
		.role = span_of(c->given[OPT_ROLE]),
		.purpose = span_of(c->given[OPT_PURPOSE]),
		.dry_run = cli_has(c, OPT_DRY_RUN),
	};
}

/* The answer is in the id; nobody else's answer comes on this connection. */
int ask_send(struct cli *c, struct ctl_request *r, struct arena *a, size_t *ret_bytes)
{
	struct span bytes;
	int rc;

	r->id = ++c->asked;
	rc = wire_request_encode(r, a, &bytes);
	if (rc < 0)
		return err_up(rc);
	if (rc > 0 || bytes.len > CONTROL_FRAME_MAX)
		return cli_say(CLI_FAILED, "%s: the request is too large for kithd (1 MiB)",
			c->verb->words);

	*ret_bytes = bytes.len;
	rc = ctl_client_send(c->link, bytes);
	if (rc < 0)
		return err_up(rc);
	if (rc > 0)
		return cli_say(CLI_LOST, "the connection to kithd broke\n"
					 "  next: see journalctl -u kithd, then ask again");

	return 0;
}

static int lost(const char *how)
{
	return cli_say(CLI_LOST,
		"%s\n  next: see kithctl status and journalctl -u kithd, then ask again", how);
}

/* One frame, while looking for signals. */
static int receive(struct cli *c, bool for_ever, struct span *ret)
{
	struct pollfd p = { .fd = ctl_client_fd(c->link), .events = POLLIN };
	uint64_t since = clock_ms();

	for (;;) {
		int rc;

		if (interrupted)
			return lost("interrupted; what was asked may still be carried out");
		if (!ctl_client_ready(c->link))
			(void)poll(&p, 1, SLICE_MS);
		rc = ctl_client_receive(c->link, 0, ret);
		if (rc == 0)
			return 0;
		if (rc == CTL_E_TIMEOUT && (for_ever || clock_ms() - since < SILENCE_MS))
			continue;
		if (rc < 0 && rc != -EINTR)
			return err_up(rc);
		if (rc == CTL_E_TIMEOUT)
			return lost("kithd has not answered for two minutes");
		if (rc > 0)
			return lost(rc == CTL_E_CLOSED ? "kithd closed the connection"
						       : "kithd sent what is not a frame");
	}
}

static int say_problem(struct cli *c, const struct reply_head *h, json_t *tree)
{
	char *name = safe_text(&c->arena, h->problem_name, SAFE_LINE);
	char *text = safe_text(&c->arena, h->problem_text, SAFE_LINE);
	char *next = safe_text(&c->arena, h->problem_next, SAFE_LINE);

	if (!name || !text || !next)
		return err_new(-ENOMEM);
	if (c->json) {
		int rc = json_out(c, tree);

		if (rc != 0)
			return rc;
	}

	if (*next)
		return cli_say(CLI_FAILED, "%s: %s\n  next: %s", name, text, next);
	return cli_say(CLI_FAILED, "%s: %s", name, text);
}

static int show_progress(struct cli *c, struct waiting *w, const struct reply_head *h)
{
	if (w->progress.of == 0) {
		char *what = safe_text(&c->arena, h->progress_what, SAFE_LINE);

		if (!what)
			return err_new(-ENOMEM);
		w->progress = progress_begin(what, h->progress_of);
	}
	w->progress.of = h->progress_of;
	progress_set(&w->progress, h->progress_done);

	return 0;
}

/* One frame to the request that it answers. .scratch is reset by the caller. */
static int take_reply(struct cli *c, struct waiting *w, size_t n, const struct ask *how,
	struct arena *scratch)
{
	struct waiting *mine = NULL;
	struct reply_head head;
	struct span bytes = { 0 };
	json_t *tree;
	int rc = receive(c, how->latest, &bytes);

	if (rc != 0)
		return rc;
	rc = wire_reply_head(bytes, scratch, &head);
	if (rc == 0)
		rc = json_reply(bytes, scratch, &tree);
	if (rc < 0)
		return err_up(rc);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (w[i].id == head.id && !w[i].whole)
			mine = &w[i];
	if (rc > 0)
		return lost("kithd sent what is not a Reply: kithctl and kithd may differ in "
			    "version");
	/* Id 0: kithd could not even read the request. */
	if (!mine && !(head.id == 0 && head.problem)) {
		json_decref(tree);
		return lost("kithd answered what was not asked");
	}

	if (head.problem && !(mine && how->refused)) {
		if (mine)
			progress_end(&mine->progress);
		rc = how->quiet ? CLI_FAILED : say_problem(c, &head, tree);
		json_decref(tree);
		return rc;
	}
	if (how->reply) {
		rc = how->reply(how->ctx, tree);
		json_decref(tree);
	} else {
		rc = json_merge(mine->tree, tree, how->latest);
	}
	if (rc == 0 && head.has_progress)
		rc = how->progress ? how->progress(how->ctx, &head)
				   : show_progress(c, mine, &head);
	if (rc == 0 && how->piece && head.data.len > 0)
		rc = how->piece(how->ctx, head.data);
	mine->whole = head.last;
	if (mine->whole)
		progress_end(&mine->progress);

	return rc;
}

static void arena_drop(struct arena *a)
{
	arena_done(a);
}

int ask(struct cli *c, struct ctl_request *r, const struct ask *how, json_t **ret)
{
	static const struct ask plain = { 0 };
	struct arena scratch CLEANUP(arena_drop);
	json_t *tree CLEANUP(json_drop) = json_object();
	struct waiting w = { .tree = tree };
	int rc;

	arena_init(&scratch, 0);
	if (!tree)
		return err_new(-ENOMEM);
	rc = ask_connect(c);
	if (rc == 0)
		rc = ask_send(c, r, &scratch, &w.bytes);
	w.id = r->id;
	while (rc == 0 && !w.whole) {
		rc = take_reply(c, &w, 1, how ? how : &plain, &scratch);
		arena_reset(&scratch);
	}
	if (rc != 0)
		return rc;

	*ret = TAKE(tree);
	return 0;
}

int ask_change(struct cli *c, struct ctl_request *r, const char *done, json_t **ret)
{
	json_t *reply CLEANUP(json_drop) = NULL;
	int rc;

	if (!done)
		return err_new(-ENOMEM);
	rc = ask(c, r, NULL, &reply);
	if (rc != 0)
		return rc;
	if (c->json)
		return show_json(c, reply, NULL);
	rc = show_made(c, reply, done);
	if (rc == 0 && ret)
		*ret = TAKE(reply);
	return rc;
}

int ask_name(struct cli *c, const char **ret)
{
	json_t *status CLEANUP(json_drop) = NULL;
	struct ctl_request r = ask_request(c);
	int rc;

	r.verb = VERB_STATUS;
	r.dry_run = false;
	rc = ask(c, &r, NULL, &status);
	if (rc != 0)
		return rc;
	*ret = arena_text(
		&c->arena, "%s", json_text(json_object_get(status, "status"), "name"));
	return *ret ? 0 : err_new(-ENOMEM);
}

/* The window of requests under way: the oldest first. */
struct window {
	struct waiting w[ASK_WINDOW];
	size_t n, bytes;
};

/* Small requests share a commit of kithd's; large ones are few, since it keeps them for a turn.
 */
static bool window_open(const struct window *win)
{
	return win->n < ASK_WINDOW && win->bytes < WINDOW_BYTES;
}

static void window_drop(struct window *win)
{
	for (size_t i = 0; i < win->n; i++)
		json_decref(win->w[i].tree);
}

static int hand_on(struct window *win, const struct ask_many *m)
{
	while (win->n > 0 && win->w[0].whole) {
		int rc = m->answered(m->ctx, win->w[0].tree);

		json_decref(win->w[0].tree);
		win->bytes -= win->w[0].bytes;
		win->n--;
		memmove(win->w, win->w + 1, win->n * sizeof(win->w[0]));
		if (rc != 0)
			return rc;
	}

	return 0;
}

static int ask_next(struct cli *c, const struct ask_many *m, struct window *win,
	struct arena *scratch, bool *ret_end)
{
	struct ctl_request r = ask_request(c);
	size_t bytes = 0;
	int rc;

	arena_reset(scratch);
	rc = m->next(m->ctx, scratch, &r);
	if (rc == ASK_END) {
		*ret_end = true;
		return 0;
	}
	if (rc != 0)
		return rc;
	rc = ask_send(c, &r, scratch, &bytes);
	if (rc != 0)
		return rc;

	win->w[win->n] = (struct waiting){ .id = r.id, .bytes = bytes, .tree = json_object() };
	if (!win->w[win->n].tree)
		return err_new(-ENOMEM);
	win->n++;
	win->bytes += bytes;

	return 0;
}

int ask_each(struct cli *c, const struct ask_many *m)
{
	const struct ask quiet = { .refused = m->refused };
	struct arena scratch CLEANUP(arena_drop);
	struct window win CLEANUP(window_drop) = { .n = 0 };
	bool end = false;
	int rc;

	arena_init(&scratch, 0);
	rc = ask_connect(c);
	while (rc == 0 && (!end || win.n > 0)) {
		if (!end && window_open(&win)) {
			rc = ask_next(c, m, &win, &scratch, &end);
			continue;
		}
		arena_reset(&scratch);
		rc = take_reply(c, win.w, win.n, &quiet, &scratch);
		if (rc == 0)
			rc = hand_on(&win, m);
	}

	return rc;
}
