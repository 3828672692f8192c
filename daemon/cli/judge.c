/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is wrong
 *
 * Findings from what kithd says of itself, its peers and the moves: how grave, since when, and
 * the next command. Nothing is asked and nothing is shown here.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/cli/cli.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* A link that breaks comes back within this time, and nobody need know. */
#define AWAY_NOTICED (30 * SECOND)
#define AWAY_ALARM   DAY
#define CONDUCT_KEPT DAY
/* What goes on all day takes seconds; a record of a child minutes. */
#define BEHIND_NOTICED (15 * MINUTE)
#define BEHIND_ALARM   DAY
/* Links take a while to come up; more than that is the clock. */
#define SKEW_NOTICED (10 * SECOND)
#define DISK_LOW     (UINT64_C(1) << 30)

struct judging {
	struct arena *a;
	const json_t *reply, *status;
	uint64_t now;
	struct judged *out;
	bool failed;
};

static uint64_t of(const struct judging *j, const char *key)
{
	return json_number(j->status, key);
}

/* How long ago; 0 for the future and for never. */
static uint64_t ago(const struct judging *j, uint64_t wall)
{
	return wall > 0 && wall < j->now ? j->now - wall : 0;
}

static void find(struct judging *j, struct finding f)
{
	if (!f.text || !f.next)
		j->failed = true;
	else if (j->out->n < FINDINGS_MAX)
		j->out->v[j->out->n++] = f;
}

static const char *age(struct judging *j, uint64_t ms)
{
	char text[SHORT_TEXT];
	const char *kept = arena_text(j->a, "%s", age_text(ms, text));

	if (!kept)
		j->failed = true;
	return kept ? kept : "";
}

static const char *size(struct judging *j, uint64_t bytes)
{
	char text[SHORT_TEXT];
	const char *kept = arena_text(j->a, "%s", size_text(bytes, text));

	if (!kept)
		j->failed = true;
	return kept ? kept : "";
}

static void judge_room(struct judging *j)
{
	const uint64_t store = of(j, "store_bytes"), map = of(j, "store_map_bytes"),
		       left = of(j, "disk_free_bytes");
	const bool full = of(j, "full_since_ms") != 0;

	if (full)
		find(j, (struct finding){ GRAVE_ALARM, "full", NULL, of(j, "full_since_ms"),
				arena_text(j->a,
					"the store or its disk is full (%s used of %s, %s left "
					"on the disk): new work is refused",
					size(j, store), size(j, map), size(j, left)),
				"free space on the store's disk, or raise map_size in "
				"kithd.conf and: systemctl restart kithd" });
	if (!full && map > 0 && store > map / 100 * 80)
		find(j, (struct finding){ GRAVE_ATTENTION, "map-nearly-full", NULL, 0,
				arena_text(j->a,
					"the store uses %s of the %s that map_size allows",
					size(j, store), size(j, map)),
				"raise map_size in kithd.conf, then: systemctl restart "
				"kithd" });
	if (!full && map > 0 && left < DISK_LOW)
		find(j, (struct finding){ GRAVE_ATTENTION, "disk-low", NULL, 0,
				arena_text(
					j->a, "%s are left on the store's disk", size(j, left)),
				"free space there; kithctl doctor says which disk it is" });
}

static void judge_region(struct judging *j)
{
	const char *link = json_text(j->status, "link");
	const uint64_t forks = of(j, "forks");
	const char *by = json_text(j->status, "forked_by");

	if (forks > 0)
		find(j, (struct finding){ GRAVE_ALARM, "forked", NULL, of(j, "forks_since_ms"),
				arena_text(j->a,
					"%" PRIu64 " chain%s forked: %s signed two histories; "
					"custody of these records stands still",
					forks, forks == 1 ? " is" : "s are",
					*by ? by : "one region"),
				"journalctl -xu kithd --grep 'forked', then ask the people of "
				"that region which machine is theirs" });
	if (*link && strcmp(link, "absent") == 0)
		find(j, (struct finding){ ago(j, of(j, "link_since_ms")) > AWAY_NOTICED
						  ? GRAVE_ALARM
						  : GRAVE_ATTENTION,
				"link-absent", NULL, of(j, "link_since_ms"),
				"kith-link is not connected: no region can be reached",
				"systemctl status kith-link" });
	if (of(j, "peers") == 0)
		find(j, (struct finding){ GRAVE_NOTE, "no-peers", NULL, 0,
				"no other region is known here yet", "kithctl setup" });
}

static const char *next_of_problem(struct judging *j, const char *problem, const char *name)
{
	if (strcmp(problem, "no-version-in-common") == 0)
		return "kithctl upgrade --check";
	/* A verdict is one word with hyphens; what kith-link says is a sentence. */
	if (*problem && !strchr(problem, ' '))
		return arena_text(j->a, "kithctl explain %s", problem);
	return arena_text(j->a, "kithctl doctor --peer %s", name);
}

/* The last thing that was wrong with what it sent: it may go on, or be kept out for a while. */
static void judge_conduct(struct judging *j, const json_t *p, const char *name)
{
	const char *problem = json_text(p, "problem"), *what = verdict_text(problem);
	const uint64_t since = json_number(p, "problem_ms");

	if (what && ago(j, since) <= CONDUCT_KEPT)
		find(j, (struct finding){ GRAVE_ATTENTION, "peer-problem", name, since,
				arena_text(j->a, "%s: %s (%s)", name, what, problem),
				next_of_problem(j, problem, name) });
}

static void judge_away(struct judging *j, const json_t *p, const char *name, uint64_t since)
{
	const char *problem = json_text(p, "problem");
	const uint64_t unsent = json_number(p, "unsent");
	const bool ever = json_number(p, "last_heard_ms") != 0;
	const bool dialled = json_is_true(json_object_get(p, "dialled"));

	if (ago(j, since) <= AWAY_NOTICED)
		return;
	/* Before its people have added our card, nothing else can be expected. */
	find(j, (struct finding){ ago(j, since) > AWAY_ALARM ? GRAVE_ALARM : GRAVE_ATTENTION,
			"peer-away", name, since,
			arena_text(j->a,
				"%s is not reached%s%s%s; %" PRIu64 " changes wait for it",
				name,
				ever      ? ""
				: dialled ? ", and was not since kithd began"
					  : ", and has not called since kithd began",
				*problem ? ": " : "", problem, unsent),
			next_of_problem(j, problem, name) });
}

static void judge_peer(struct judging *j, const json_t *p)
{
	const char *name = json_text(p, "name");
	const bool live = strcmp(json_text(p, "state"), "live") == 0;
	const uint64_t since = json_number(p, "since_ms");
	const uint64_t behind = json_number(p, "oldest_unreplicated_ms");
	const uint64_t wants = json_number(p, "wants_since_ms");
	const json_int_t skew = json_integer_value(json_object_get(p, "clock_skew_ms"));
	const uint64_t apart = (uint64_t)(skew < 0 ? -skew : skew);

	if (live || ago(j, since) <= AWAY_NOTICED)
		judge_conduct(j, p, name);
	if (!live && strcmp(json_text(j->status, "link"), "absent") != 0)
		judge_away(j, p, name, since);
	if (live && behind > BEHIND_NOTICED)
		find(j, (struct finding){ behind > BEHIND_ALARM ? GRAVE_ALARM : GRAVE_ATTENTION,
				"peer-behind", name, j->now > behind ? j->now - behind : 0,
				arena_text(j->a,
					"%s has not taken a change for %s, though it is linked",
					name, age(j, behind)),
				"kithctl peers, and the same at that region: is its disk "
				"full?" });
	if (live && ago(j, wants) > BEHIND_NOTICED)
		find(j, (struct finding){ GRAVE_ATTENTION, "wants", name, wants,
				arena_text(j->a,
					"%" PRIu64 " records are not whole: waited for from %s",
					json_number(p, "wants"), name),
				"journalctl -u kithd --grep refuses" });
	if (json_number(p, "parked") > 0)
		find(j, (struct finding){ GRAVE_ATTENTION, "parked", name, 0,
				arena_text(j->a,
					"%" PRIu64
					" records from %s wait: what it sent is beyond a quota",
					json_number(p, "parked"), name),
				"kithctl peers, and ask the people of that region what they "
				"send" });
	if (apart > SKEW_NOTICED)
		find(j, (struct finding){ GRAVE_ATTENTION, "clock", name, 0,
				arena_text(j->a, "the clock of %s is %s %s ours", name,
					age(j, apart), skew < 0 ? "behind" : "ahead of"),
				"kithctl doctor says whether it is ours that is wrong" });
}

/* What is late by the limits of kithd.conf; which of it is to be acted on here is said by
 * "waits for". */
static void judge_moves(struct judging *j)
{
	const json_t *moves = json_object_get(j->reply, "moves"), *oldest = NULL;
	uint64_t late = 0;
	bool alarm = false;

	for (size_t i = 0; i < json_array_size(moves); i++) {
		const json_t *m = json_array_get(moves, i);

		if (!*json_text(m, "late"))
			continue;
		late++;
		alarm |= strcmp(json_text(m, "late"), "alarm") == 0;
		if (!oldest || json_number(m, "since_ms") < json_number(oldest, "since_ms"))
			oldest = m;
	}
	/* Who may not look at moves is told how many. */
	if (json_array_size(moves) == 0 && of(j, "moves_warning") + of(j, "moves_alarm") > 0)
		find(j, (struct finding){ of(j, "moves_alarm") ? GRAVE_ALARM : GRAVE_ATTENTION,
				"moves-late", NULL, j->now - of(j, "move_oldest_ms"),
				arena_text(j->a,
					"%" PRIu64 " moves wait longer than is allowed",
					of(j, "moves_warning") + of(j, "moves_alarm")),
				"ask somebody of kith-operator or kith-app: kithctl move "
				"list" });
	if (of(j, "requests_in") > 0)
		find(j, (struct finding){ GRAVE_NOTE, "requests", NULL, 0,
				arena_text(j->a,
					"requests of other regions that wait for our people: "
					"%" PRIu64,
					of(j, "requests_in")),
				"kithctl move requests" });
	if (late > 0)
		find(j, (struct finding){ alarm ? GRAVE_ALARM : GRAVE_ATTENTION, "moves-late",
				NULL, json_number(oldest, "since_ms"),
				arena_text(j->a,
					"%" PRIu64 " move%s wait%s longer than %s allows, the "
					"oldest for: %s",
					late, late == 1 ? "" : "s", late == 1 ? "s" : "",
					alarm ? "move_alarm" : "move_warn",
					json_text(oldest, "waits_for")),
				"kithctl move list" });
}

/* The gravest first, and of those the oldest; otherwise as they were found. */
static void sort(struct judged *out)
{
	for (size_t i = 1; i < out->n; i++) {
		struct finding f = out->v[i];
		size_t k = i;

		for (; k > 0 && out->v[k - 1].grave < f.grave; k--)
			out->v[k] = out->v[k - 1];
		out->v[k] = f;
	}
	out->worst = out->n > 0 ? out->v[0].grave : GRAVE_NONE;
}

int judge(struct arena *a, const json_t *reply, uint64_t now_ms, struct judged *ret)
{
	struct judging j = { .a = a,
		.reply = reply,
		.status = json_object_get(reply, "status"),
		.now = now_ms,
		.out = ret };
	const json_t *peers = json_object_get(reply, "peers");

	ret->n = 0;
	judge_room(&j);
	judge_region(&j);
	for (size_t i = 0; i < json_array_size(peers); i++)
		judge_peer(&j, json_array_get(peers, i));
	judge_moves(&j);
	sort(ret);

	return j.failed ? err_new(-ENOMEM) : 0;
}

const char *grave_word(enum grave g)
{
	static const char *const words[] = {
		[GRAVE_NONE] = "ok",
		[GRAVE_NOTE] = "ok",
		[GRAVE_ATTENTION] = "attention",
		[GRAVE_ALARM] = "alarm",
	};

	return words[g];
}

json_t *judged_json(const struct judged *j)
{
	json_t *list = json_array();

	for (size_t i = 0; i < j->n && list; i++) {
		const struct finding *f = &j->v[i];
		json_t *one = json_pack("{s:s, s:s, s:s, s:s, s:I}", "grave",
			f->grave == GRAVE_NOTE ? "note" : grave_word(f->grave), "name", f->name,
			"text", f->text, "next", f->next, "since_ms", (json_int_t)f->since_ms);

		if (one && f->about)
			(void)json_object_set_new(one, "about", json_string(f->about));
		if (!one || json_array_append_new(list, one) != 0) {
			json_decref(list);
			return NULL;
		}
	}

	return list;
}
