/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Units
 *
 * What systemd says of a unit, by asking systemctl: kithctl needs no bus for that. Other
 * programs are run here too, with a bound on their time and output and nothing on their input.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kith/conf.h>

#include "daemon/cli/cli.h"

#define RUN_MS 5000

static int reap(pid_t pid, bool kill_it)
{
	int status = 0;

	if (kill_it)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;

	return !kill_it && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Until the other end is closed. False: it took too long. */
static bool drain(int fd, char *into, size_t room)
{
	const uint64_t end = clock_ms() + RUN_MS;
	size_t n = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const uint64_t now = clock_ms();
		char beyond[512];
		ssize_t got;

		if (now >= end || poll(&p, 1, (int)(end - now)) == 0)
			return false;
		got = n + 1 < room ? read(fd, into + n, room - 1 - n)
				   : read(fd, beyond, sizeof(beyond));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0;
		if (n + 1 < room)
			n += (size_t)got;
		into[n] = '\0';
	}
}

int run_program(const char *const argv[], char *into, size_t room)
{
	posix_spawn_file_actions_t act;
	int ends[2], rc;
	pid_t pid;
	bool done;

	into[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	rc = posix_spawn_file_actions_init(&act);
	if (rc == 0) {
		(void)posix_spawn_file_actions_addopen(
			&act, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
		(void)posix_spawn_file_actions_addopen(
			&act, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
		(void)posix_spawn_file_actions_adddup2(&act, ends[1], STDOUT_FILENO);
		/* The strings are not written to. */
		rc = posix_spawnp(&pid, argv[0], &act, NULL, (char *const *)argv, environ);
		(void)posix_spawn_file_actions_destroy(&act);
	}
	(void)close(ends[1]);
	done = rc == 0 && drain(ends[0], into, room);
	(void)close(ends[0]);
	if (rc != 0)
		return -1;

	return reap(pid, !done);
}

/* The value behind "Key=" at the beginning of a line. */
static void take(const char *text, const char *key, char *into, size_t room)
{
	const size_t len = strlen(key);

	into[0] = '\0';
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, key, len) == 0 && line[len] == '=') {
			const char *at = line + len + 1;

			(void)snprintf(into, room, "%.*s", (int)strcspn(at, "\n"), at);
			return;
		}
}

void unit_parse(const char *text, struct unit_state *ret)
{
	*ret = (struct unit_state){ 0 };
	take(text, "LoadState", ret->load, sizeof(ret->load));
	take(text, "ActiveState", ret->active, sizeof(ret->active));
	take(text, "SubState", ret->sub, sizeof(ret->sub));
	take(text, "Result", ret->result, sizeof(ret->result));
	take(text, "StateChangeTimestamp", ret->since, sizeof(ret->since));
	ret->known = ret->load[0] && ret->active[0];
}

void unit_ask(const char *unit, struct unit_state *ret)
{
	const char *const argv[] = { "systemctl", "show", "--no-pager", "-p",
		"LoadState,ActiveState,SubState,Result,StateChangeTimestamp", unit, NULL };
	char text[2048];

	*ret = (struct unit_state){ 0 };
	if (run_program(argv, text, sizeof(text)) == 0)
		unit_parse(text, ret);
}

const char *unit_of(struct cli *c, const char *stem, const char *kind)
{
	static const char dir[] = "/etc/kith/", suffix[] = ".conf";
	const char *file = c->given[OPT_CONFIG];
	size_t len = file ? strlen(file) : 0;

	if (cli_has(c, OPT_SOCKET) || cli_has(c, OPT_DIR))
		return NULL;
	if (!file || strcmp(file, CONF_PATH) == 0)
		return arena_text(&c->arena, "%s.%s", stem, kind);
	if (len <= strlen(dir) + strlen(suffix) || strncmp(file, dir, strlen(dir)) != 0 ||
		strcmp(file + len - strlen(suffix), suffix) != 0 ||
		strchr(file + strlen(dir), '/'))
		return NULL;

	return arena_text(&c->arena, "%s@%.*s.%s", stem,
		(int)(len - strlen(dir) - strlen(suffix)), file + strlen(dir), kind);
}

const char *unit_name(struct cli *c)
{
	return unit_of(c, "kithd", "service");
}

int unit_absent(struct cli *c, const char *socket)
{
	const char *unit = unit_name(c);
	struct unit_state u = { 0 };

	if (unit)
		unit_ask(unit, &u);
	if (!u.known || strcmp(u.load, "not-found") == 0)
		return cli_say(CLI_ABSENT,
			"kithd does not run: nobody listens on %s\n"
			"  next: %s%s, or name its socket with --socket",
			socket,
			u.known ? "there is no kithd.service here; kithd --config FILE"
			: c->given[OPT_CONFIG]
				? "kithd --config "
				: "systemctl start kithd (or kithd --config FILE)",
			!u.known && c->given[OPT_CONFIG] ? c->given[OPT_CONFIG] : "");

	return cli_say(CLI_ABSENT,
		"kithd does not run: nobody listens on %s\n"
		"  %s: %s (%s%s%s)%s%s\n"
		"  next: %ssystemctl start %s",
		socket, unit, u.active, u.sub, *u.result ? ", result " : "", u.result,
		*u.since ? " since " : "", u.since,
		strcmp(u.active, "failed") == 0 ? "journalctl -u kithd -n 20 says why; then: "
						: "",
		unit);
}
