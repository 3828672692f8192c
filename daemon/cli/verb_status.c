/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Status
 *
 * One screen: the verdict, what is wrong since when and what to do about it, then the figures.
 * Three requests make it; what is wrong is found by judge.c.
 */

#include <errno.h>
#include <inttypes.h>

#include "daemon/cli/cli.h"

#define GOOD  "\033[32m"
#define WAITS "\033[33m"
#define BAD   "\033[31m"
#define PLAIN "\033[0m"

/* Status's own exits: LSB's. Those of --check are a monitoring plug-in's. */
enum { LSB_RUNNING = 0, LSB_STOPPED = 3, LSB_UNKNOWN = 4 };
enum { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

static int ask_into(struct cli *c, enum verb verb, bool quiet, json_t *into)
{
	const struct ask how = { .quiet = quiet };
	struct ctl_request r = ask_request(c);
	json_t *reply = NULL;
	int rc;

	r.verb = verb;
	rc = ask(c, &r, &how, &reply);
	/* Each says how complete it is; the latest that says so stays. */
	return rc != 0 ? rc : json_merge(into, reply, true);
}

int status_ask(struct cli *c, json_t **ret, struct judged *judged)
{
	json_t *all CLEANUP(json_drop) = json_pack("{s:[], s:[]}", "peers", "moves");
	int rc;

	if (!all)
		return err_new(-ENOMEM);
	rc = ask_into(c, VERB_STATUS, false, all);
	if (rc == 0)
		rc = ask_into(c, VERB_PEERS, false, all);
	/* Moves are work; they are looked through only when some are under way. Who may look at
	 * the region but not at moves sees how many there are. */
	if (rc == 0 && json_number(json_object_get(all, "status"), "moves_waiting") > 0) {
		rc = ask_into(c, VERB_MOVE_LIST, true, all);
		rc = rc == CLI_FAILED ? 0 : rc;
	}
	if (rc == 0)
		rc = judge(&c->arena, all, wall_ms(), judged);
	if (rc != 0)
		return rc;

	*ret = TAKE(all);
	return 0;
}

static const char *paint_of(const struct cli *c, enum grave g)
{
	if (!c->colour)
		return "";
	return g == GRAVE_ALARM ? BAD : g == GRAVE_ATTENTION ? WAITS : GOOD;
}

static char *safe(struct cli *c, const char *text)
{
	return safe_text(&c->arena, span_of(text), SAFE_LINE);
}

/* The line that is read when nothing else is. */
static int verdict_line(struct cli *c, const json_t *status, const struct judged *j)
{
	const char *name = safe(c, json_text(status, "name"));
	const char *first = j->n > 0 ? safe(c, j->v[0].text) : "";
	size_t others = 0;
	char more[64] = "";

	if (!name || !first)
		return err_new(-ENOMEM);
	for (size_t i = 1; i < j->n; i++)
		others += j->v[i].grave >= GRAVE_ATTENTION;
	if (others > 0)
		(void)snprintf(more, sizeof(more), " (and %zu more)", others);
	(void)printf("%s%s%s: %s%s%s%s\n", paint_of(c, j->worst), grave_word(j->worst),
		c->colour ? PLAIN : "", name,
		j->worst >= GRAVE_ATTENTION ? ": " : " runs, and nothing is wrong",
		j->worst >= GRAVE_ATTENTION ? first : "", more);

	return 0;
}

static uint64_t of(const json_t *status, const char *key)
{
	return json_number(status, key);
}

/* "2026-11-21 14:02:11 (3 min)" */
static const char *since(struct cli *c, uint64_t wall)
{
	char date[SHORT_TEXT], age[SHORT_TEXT];
	const uint64_t now = wall_ms();

	return arena_text(&c->arena, "%s (%s)", date_text(wall, date),
		age_text(now > wall ? now - wall : 0, age));
}

static int show_finding(struct cli *c, const struct finding *f)
{
	const char *text = safe(c, f->text), *next = safe(c, f->next);

	if (!text || !next)
		return err_new(-ENOMEM);
	(void)printf("  %s%s%s %s\n", paint_of(c, f->grave), f->grave == GRAVE_NOTE ? "-" : "*",
		c->colour ? PLAIN : "", text);
	if (f->since_ms)
		(void)printf("    since %s\n", since(c, f->since_ms));
	(void)printf("    next: %s\n", next);

	return 0;
}

/* Seven lines instead of one for each figure: all of it is seen at once. */
static int show_figures(struct cli *c, const json_t *s)
{
	const char *listening = safe(c, json_text(s, "listening"));
	const char *name = safe(c, json_text(s, "name"));
	const char *state = safe(c, json_text(s, "state"));
	const uint64_t oldest = of(s, "oldest_unreplicated_ms");
	char age[SHORT_TEXT], store[SHORT_TEXT], map[SHORT_TEXT], disk[SHORT_TEXT];

	if (!listening || !name || !state)
		return err_new(-ENOMEM);
	(void)printf("\n region: %s, id %s\n"
		     "         incarnation %" PRIu64 ", id %s\n",
		name, json_text(s, "region"), of(s, "incarnation_number"),
		json_text(s, "incarnation"));
	(void)printf("  kithd: %s; %s since %s\n", state, json_text(s, "version"),
		since(c, of(s, "started_ms")));
	(void)printf("   link: %s since %s; %s%s\n", json_text(s, "link"),
		since(c, of(s, "link_since_ms")),
		*listening ? "listens on " : "does not listen", listening);
	(void)printf("  holds: %" PRIu64 " records, custodian of %" PRIu64 "; %" PRIu64
		     " changes\n",
		of(s, "records"), of(s, "custodian_of"), of(s, "changes"));
	(void)printf("  peers: %" PRIu64 ", %" PRIu64 " live; oldest unreplicated: %s; wants: "
		     "%" PRIu64 "; forks: %" PRIu64 "\n",
		of(s, "peers"), of(s, "peers_live"), oldest ? age_text(oldest, age) : "none",
		of(s, "wants"), of(s, "forks"));
	(void)printf("  moves: %" PRIu64 " under way; %" PRIu64 " requests to answer, %" PRIu64
		     " unanswered\n",
		of(s, "moves_waiting"), of(s, "requests_in"), of(s, "requests_out"));
	if (of(s, "emergencies"))
		(void)printf("custody: %" PRIu64
			     " records have MORE THAN ONE REGION RESPONSIBLE: "
			     "guardians must settle them (record list, custody)\n",
			of(s, "emergencies"));
	(void)printf("  store: %s of %s; %s left on the disk\n",
		size_text(of(s, "store_bytes"), store),
		size_text(of(s, "store_map_bytes"), map),
		size_text(of(s, "disk_free_bytes"), disk));

	return 0;
}

static int show_peers(struct cli *c, const json_t *reply)
{
	static const struct column cols[] = {
		{ "name", "PEER", FORM_TEXT, WHOLE, false },
		{ "state", "STATE", FORM_TEXT, WHOLE, true },
		{ "since_ms", "SINCE", FORM_SINCE, WHOLE, false },
		{ "last_heard_ms", "HEARD", FORM_WHEN, WHOLE, false },
		{ "unsent", "UNSENT", FORM_NUMBER, WHOLE, false },
		{ "oldest_unreplicated_ms", "OLDEST", FORM_AGE, WHOLE, false },
		{ "wants", "WANTS", FORM_NUMBER, WHOLE, false },
	};

	if (json_array_size(json_object_get(reply, "peers")) == 0)
		return 0;
	(void)putchar('\n');
	return show_table(c, reply, "peers", "", cols, COUNT(cols));
}

static int show_moves(struct cli *c, const json_t *reply)
{
	static const struct column cols[] = {
		{ "record", "MOVE OF", FORM_ID, WHOLE, false },
		{ "from", "FROM", FORM_TEXT, WHOLE, false },
		{ "to", "TO", FORM_TEXT, WHOLE, false },
		{ "state", "STATE", FORM_TEXT, WHOLE, true },
		{ "since_ms", "SINCE", FORM_WHEN, WHOLE, false },
		{ "waits_for", "WAITS FOR", FORM_TEXT, WRAP, false },
	};

	if (json_array_size(json_object_get(reply, "moves")) == 0)
		return 0;
	(void)putchar('\n');
	return show_table(c, reply, "moves", "", cols, COUNT(cols));
}

int status_screen(struct cli *c, const json_t *reply, const struct judged *judged)
{
	const json_t *status = json_object_get(reply, "status");
	int rc = verdict_line(c, status, judged);

	for (size_t i = 0; i < judged->n && rc == 0; i++)
		rc = show_finding(c, &judged->v[i]);
	if (rc == 0)
		rc = show_figures(c, status);
	if (rc == 0)
		rc = show_peers(c, reply);
	if (rc == 0)
		rc = show_moves(c, reply);

	return rc != 0 ? rc : show_seen(c, reply);
}

static int tell(struct cli *c, json_t *reply, const struct judged *judged)
{
	json_t *findings;

	if (!c->json && cli_has(c, OPT_CHECK))
		return verdict_line(c, json_object_get(reply, "status"), judged);
	if (!c->json)
		return status_screen(c, reply, judged);
	findings = judged_json(judged);
	if (!findings || json_object_set_new(reply, "findings", findings) != 0 ||
		json_object_set_new(reply, "verdict", json_string(grave_word(judged->worst))) !=
			0)
		return err_new(-ENOMEM);

	return json_out(c, reply);
}

/* Nobody answered: the reason is said by now, on standard error. */
static int unanswered(struct cli *c, int rc)
{
	const bool stopped = rc == CLI_ABSENT && !c->denied;
	json_t *out CLEANUP(json_drop) = NULL;
	int told;

	if (rc < 0 || rc == CLI_USAGE)
		return rc;
	/* A refusal is an object already. */
	if (c->json && rc != CLI_FAILED) {
		out = json_pack("{s:s}", "verdict", stopped ? "stopped" : "unknown");
		told = out ? json_out(c, out) : err_new(-ENOMEM);
		if (told != 0)
			return told;
	}
	if (cli_has(c, OPT_CHECK))
		return CHECK_UNKNOWN;

	return stopped ? LSB_STOPPED : LSB_UNKNOWN;
}

int verb_status(struct cli *c)
{
	static const int exits[] = {
		[GRAVE_NONE] = CHECK_OK,
		[GRAVE_NOTE] = CHECK_OK,
		[GRAVE_ATTENTION] = CHECK_WARNING,
		[GRAVE_ALARM] = CHECK_CRITICAL,
	};
	json_t *reply CLEANUP(json_drop) = NULL;
	struct judged judged = { 0 };
	int rc = status_ask(c, &reply, &judged);

	if (rc != 0)
		return unanswered(c, rc);
	rc = tell(c, reply, &judged);
	if (rc != 0)
		return rc;

	return cli_has(c, OPT_CHECK) ? exits[judged.worst] : LSB_RUNNING;
}
