/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Doctor
 *
 * The table of checks, and how results are shown. What is found is a line; what is wrong has
 * the next command below it.
 */

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "daemon/cli/doctor.h"

static const struct check {
	const char *name, *how;
	int (*run)(struct doctor *d);
	bool of_peers; /* with --peer only these */
} checks[] = {
	{ "configuration", "reads kithd.conf and its drop-ins", check_conf, false },
	{ "socket", "connects to the control socket and asks for the status", check_socket,
		false },
	{ "groups", "compares the groups of this user with those that kithd heeds",
		check_groups, false },
	{ "units", "asks systemd for kithd, kith-link and their sockets", check_units, false },
	{ "program", "compares the versions of kithctl and the kithd that runs", check_program,
		false },
	{ "files", "looks at owner and mode of state, keys and store", check_files, false },
	{ "root-key", "looks for root keys that were not taken away", check_root_key, false },
	{ "backups", "looks at what lies with the backups, and on which disk", check_backups,
		false },
	{ "disk", "asks the store's file system what is left", check_disk, false },
	{ "map", "compares the store with map_size", check_map, false },
	{ "clock", "asks the kernel whether the clock is kept", check_clock, false },
	{ "link", "asks kithd whether its kith-link is there", check_link, false },
	{ "listener", "connects to where this region listens", check_listener, false },
	{ "card", "looks up the endpoints on this region's card", check_card, false },
	{ "peer", "looks up each peer's endpoint and connects to it", check_peers, true },
	{ "peer-clock", "compares the clock of each peer at its greeting with ours",
		check_peer_clocks, true },
	{ "peer-version", "compares the wire versions of each peer with ours", check_versions,
		true },
	{ "filter", "compares kith-link's address filter with the peers", check_filter, false },
};

const char *health_word(enum health h)
{
	static const char *const words[] = {
		[HEALTH_OK] = "ok",
		[HEALTH_WARN] = "warn",
		[HEALTH_FAIL] = "fail",
		[HEALTH_SKIPPED] = "skipped",
	};

	return words[h];
}

void doctor_done(struct doctor *d)
{
	json_decref(d->reply);
	json_decref(d->results);
	conf_done(&d->conf);
}

int report(struct doctor *d, enum health h, const char *about, const char *next,
	const char *fmt, ...)
{
	const char *text;
	json_t *one;
	va_list ap;

	va_start(ap, fmt);
	text = arena_vtext(&d->cli->arena, fmt, ap);
	va_end(ap);
	one = text ? json_pack("{s:s, s:s, s:s}", "check", d->check, "state", health_word(h),
			     "text", text)
		   : NULL;
	if (!one)
		return err_new(-ENOMEM);
	if (about)
		(void)json_object_set_new(one, "about", json_string(about));
	if (next && (h == HEALTH_WARN || h == HEALTH_FAIL))
		(void)json_object_set_new(one, "next", json_string(next));
	if (json_array_append_new(d->results, one) != 0)
		return err_new(-ENOMEM);
	d->counts[h]++;

	return 0;
}

static const char *paint(const struct cli *c, const char *state)
{
	if (!c->colour)
		return "";
	return strcmp(state, "ok") == 0     ? "\033[32m"
	       : strcmp(state, "warn") == 0 ? "\033[33m"
	       : strcmp(state, "fail") == 0 ? "\033[31m"
					    : "\033[2m";
}

static int show_one(struct cli *c, const json_t *r)
{
	const char *state = json_text(r, "state"), *next = json_text(r, "next");
	const char *about = json_text(r, "about"), *text = json_text(r, "text");
	char *line = arena_text(&c->arena, "%s%s%s", about, *about ? ": " : "", text);
	char *safe = line ? safe_text(&c->arena, span_of(line), SAFE_LINE) : NULL;
	char *then = safe_text(&c->arena, span_of(next), SAFE_LINE);

	if (!safe || !then)
		return err_new(-ENOMEM);
	(void)printf("%s%-7s%s  %-13s  %s\n", paint(c, state), state,
		c->colour ? "\033[0m" : "", json_text(r, "check"), safe);
	if (*then)
		(void)printf("%9s%-13s  next: %s\n", "", "", then);

	return 0;
}

static int show_all(struct doctor *d)
{
	struct cli *c = d->cli;

	if (c->json) {
		json_t *out CLEANUP(json_drop) = json_pack("{s:O}", "checks", d->results);

		return out ? json_out(c, out) : err_new(-ENOMEM);
	}
	for (size_t i = 0; i < json_array_size(d->results); i++) {
		int rc = show_one(c, json_array_get(d->results, i));

		if (rc != 0)
			return rc;
	}
	(void)printf("%u ok, %u to look at, %u wrong, %u skipped\n", d->counts[HEALTH_OK],
		d->counts[HEALTH_WARN], d->counts[HEALTH_FAIL], d->counts[HEALTH_SKIPPED]);

	return 0;
}

/* Also what later checks build on: the configuration and kithd's answers come first. */
static int examine(struct doctor *d, bool only_peers, bool quietly)
{
	for (size_t i = 0; i < COUNT(checks); i++) {
		int rc;

		if ((only_peers || quietly) && i >= 2 && (quietly || !checks[i].of_peers))
			continue;
		d->check = checks[i].name;
		rc = checks[i].run(d);
		if (rc != 0)
			return rc;
	}

	return 0;
}

int verb_doctor(struct cli *c)
{
	struct doctor d CLEANUP(
		doctor_done) = { .cli = c, .world = &world_real, .results = json_array() };
	bool list = cli_has(c, OPT_DROP_IN);
	int rc = d.results ? examine(&d, cli_has(c, OPT_PEER), list) : err_new(-ENOMEM);

	if (rc != 0)
		return rc;
	if (list)
		return drop_in(&d);
	rc = show_all(&d);
	if (rc != 0)
		return rc;

	return d.counts[HEALTH_FAIL] > 0 ? CLI_FAILED : 0;
}
