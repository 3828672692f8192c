/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Moves
 *
 * Offer, accept, decline, withdraw, and watching one: how much of what the manifest names has
 * come, and who is waited for.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cli/cli.h"

static struct ctl_request move_request(struct cli *c)
{
	struct ctl_request r = ask_request(c);

	r.record = span_of(c->words[0]);
	r.text = span_of(c->given[OPT_TEXT]);
	return r;
}

static const struct column cols[] = {
	{ "late", "LATE", FORM_TEXT, WHOLE, true },
	{ "since_ms", "SINCE", FORM_WHEN, WHOLE, false },
	{ "record", "RECORD", FORM_ID, WHOLE, false },
	{ "alias", "ALIAS", FORM_TEXT, CUT, false },
	{ "from", "FROM", FORM_TEXT, WHOLE, false },
	{ "to", "TO", FORM_TEXT, WHOLE, false },
	{ "state", "STATE", FORM_TEXT, WHOLE, true },
	{ "held", "HELD", FORM_NUMBER, WHOLE, false },
	{ "of", "OF", FORM_NUMBER, WHOLE, false },
	{ "waits_for", "WAITS FOR", FORM_TEXT, WHOLE, false },
	{ "received_ms", "RECEIVED", FORM_WHEN, WHOLE, false },
	{ "worker", "TAKEN UP BY", FORM_TEXT, CUT, false },
};

/* And how the move stands. */
static int change(struct cli *c, struct ctl_request *r, const char *done)
{
	json_t *reply CLEANUP(json_drop) = NULL;
	int rc = ask_change(c, r, done, &reply);

	if (rc == 0 && json_array_size(json_object_get(reply, "moves")) > 0)
		rc = show_table(c, reply, "moves", "", cols, COUNT(cols));

	return rc;
}

/* One record, or many. 0, or CLI_USAGE. */
static int one_or_many(const struct cli *c, bool many, const char *how)
{
	if (many == (c->n_words == 0))
		return 0;
	return cli_say(CLI_USAGE, "give one RECORD, or %s\n  next: kithctl %s --help", how,
		c->verb->words);
}

int verb_move_offer(struct cli *c)
{
	struct ctl_request r;

	if (one_or_many(c, cli_has(c, OPT_FROM_FILE), "many with --from-file") != 0)
		return CLI_USAGE;
	if (cli_has(c, OPT_FROM_FILE))
		return offers_from_file(c);
	r = move_request(c);
	if (args_need(c, OPT_TO) != 0 || args_need(c, OPT_REASON) != 0)
		return CLI_USAGE;
	if (reason_choose(REASONS_OFFER, c->given[OPT_REASON], &r.code) != 0)
		return CLI_USAGE;
	r.peer = span_of(c->given[OPT_TO]);

	return change(c, &r,
		arena_text(&c->arena, "offered %s to %s", c->words[0], c->given[OPT_TO]));
}

int verb_move_accept(struct cli *c)
{
	struct entry worker = { .kind = ENTRY_WORKER, .has_worker = true };
	struct ctl_request r;

	if (one_or_many(c, cli_has(c, OPT_ALL), "--all") != 0)
		return CLI_USAGE;
	if (cli_has(c, OPT_ALL))
		return accepts_all(c);
	r = move_request(c);
	if (args_need(c, OPT_WORKER) != 0)
		return CLI_USAGE;
	worker.worker.name = span_of(c->given[OPT_WORKER]);
	worker.worker.role = span_of(c->given[OPT_WORKER_ROLE]);
	worker.worker.team = span_of(c->given[OPT_TEAM]);
	r.entries = &worker;
	r.n_entries = 1;

	return change(c, &r,
		arena_text(&c->arena, "responsible for %s; %s takes the child up", c->words[0],
			c->given[OPT_WORKER]));
}

int verb_move_decline(struct cli *c)
{
	struct ctl_request r = move_request(c);

	if (args_need(c, OPT_CODE) != 0 ||
		reason_choose(REASONS_DECLINE, c->given[OPT_CODE], &r.code) != 0)
		return CLI_USAGE;

	return change(c, &r, arena_text(&c->arena, "declined %s", c->words[0]));
}

int verb_move_withdraw(struct cli *c)
{
	struct ctl_request r = move_request(c);

	return change(c, &r, arena_text(&c->arena, "withdrew the offer of %s", c->words[0]));
}

static int lateness(const json_t *move)
{
	const char *late = json_text(move, "late");

	return strcmp(late, "alarm") == 0 ? 2 : strcmp(late, "warning") == 0;
}

/* Overdue first, and what waits longest. */
static int by_lateness(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	uint64_t since_x = json_number(x, "since_ms"), since_y = json_number(y, "since_ms");
	int late = lateness(y) - lateness(x);

	if (late != 0)
		return late;
	return since_x < since_y ? -1 : since_x > since_y;
}

int moves_sort(struct cli *c, json_t *reply)
{
	const json_t *list = json_object_get(reply, "moves");
	size_t n = json_array_size(list);
	json_t **v = arena_array(&c->arena, n + 1, sizeof(json_t *));
	json_t *sorted = json_array();
	int rc = 0;

	if (!v || !sorted) {
		json_decref(sorted);
		return err_new(-ENOMEM);
	}
	for (size_t i = 0; i < n; i++)
		v[i] = json_array_get(list, i);
	qsort(v, n, sizeof(json_t *), by_lateness);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = json_array_append(sorted, v[i]);
	if (rc != 0 || json_object_set_new(reply, "moves", sorted) != 0)
		return err_new(-ENOMEM);
	(void)json_object_del(reply, "more");

	return 0;
}

int verb_move_list(struct cli *c)
{
	struct ctl_request r = ask_request(c);
	json_t *reply CLEANUP(json_drop) = NULL;
	int rc = ask(c, &r, NULL, &reply);

	if (rc == 0)
		rc = moves_sort(c, reply);
	if (rc != 0)
		return rc;
	if (c->json)
		return show_json(c, reply, "moves");
	rc = show_table(c, reply, "moves", "no moves", cols, COUNT(cols));

	return rc != 0 ? rc : show_seen(c, reply);
}

/* Following, where there is no terminal: a line an event, so that a script can wait for one. */
static int follow_line(void *ctx, const struct reply_head *h)
{
	const struct cli *c = ctx;
	FILE *to = c->json ? stderr : stdout;

	(void)fprintf(
		to, "held %" PRIu64 " of %" PRIu64 "\n", h->progress_done, h->progress_of);
	return fflush(to) == 0 ? 0 : cli_say(CLI_FAILED, "nobody reads what is followed");
}

int verb_move_show(struct cli *c)
{
	static const struct column block[] = {
		{ "record", "record", FORM_ID, WHOLE, false },
		{ "alias", "alias", FORM_TEXT, WHOLE, false },
		{ "term", "term", FORM_NUMBER, WHOLE, false },
		{ "from", "from", FORM_TEXT, WHOLE, false },
		{ "to", "to", FORM_TEXT, WHOLE, false },
		{ "state", "state", FORM_TEXT, WHOLE, true },
		{ "reason", "reason", FORM_TEXT, WHOLE, false },
		{ "code", "refused", FORM_TEXT, WHOLE, true },
		{ "text", "words", FORM_TEXT, WHOLE, false },
		{ "next", "next", FORM_TEXT, WHOLE, false },
		{ "held", "held", FORM_NUMBER, WHOLE, false },
		{ "of", "of", FORM_NUMBER, WHOLE, false },
		{ "waits_for", "waits for", FORM_TEXT, WHOLE, false },
		{ "since_ms", "since", FORM_WHEN, WHOLE, false },
		{ "late", "late", FORM_TEXT, WHOLE, true },
		{ "offered_ms", "offered", FORM_TIME, WHOLE, false },
		{ "received_ms", "received", FORM_TIME, WHOLE, false },
		{ "complete_ms", "complete", FORM_TIME, WHOLE, false },
		{ "taken_up_ms", "taken up", FORM_TIME, WHOLE, false },
		{ "worker", "by", FORM_TEXT, WHOLE, false },
		{ "settled_ms", "settled", FORM_TIME, WHOLE, false },
	};
	struct ctl_request r = move_request(c);
	json_t *reply CLEANUP(json_drop) = NULL;
	const json_t *moves;
	struct ask how = { .ctx = c, .latest = cli_has(c, OPT_FOLLOW) };
	int rc;

	r.follow = cli_has(c, OPT_FOLLOW);
	if (r.follow && (!isatty(STDERR_FILENO) || !isatty(STDOUT_FILENO)))
		how.progress = follow_line;
	rc = ask(c, &r, &how, &reply);
	if (rc != 0)
		return rc;
	if (c->json)
		return show_json(c, reply, "moves");
	moves = json_object_get(reply, "moves");
	if (json_array_size(moves) == 0)
		(void)printf("no move of %s\n", c->words[0]);
	for (size_t i = 0; i < json_array_size(moves) && rc == 0; i++)
		rc = show_block(c, json_array_get(moves, i), block, COUNT(block));

	return rc != 0 ? rc : show_seen(c, reply);
}
