/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Many moves
 *
 * What becomes of each of many moves that one command began: refusals are collected and end
 * nothing, and the report at the end says how each stands, with the counts and digests that the
 * other region must have alike.
 */

#include <errno.h>
#include <inttypes.h>

#include "daemon/cli/cli.h"

int bulk_begin(struct bulk *b, struct cli *c)
{
	*b = (struct bulk){ .cli = c,
		.report = json_pack("{s:[], s:[]}", "moves", "not_done") };

	return b->report ? 0 : err_new(-ENOMEM);
}

void bulk_end(struct bulk *b)
{
	json_drop(&b->report);
}

int bulk_refused(struct bulk *b, uint32_t line, const char *record, const json_t *problem)
{
	json_t *one = json_pack("{s:I, s:s, s:s, s:s, s:s}", "line", (json_int_t)line, "record",
		record, "name", json_text(problem, "name"), "text", json_text(problem, "text"),
		"next", json_text(problem, "next"));

	return one && json_array_append_new(json_object_get(b->report, "not_done"), one) == 0
		       ? 0
		       : err_new(-ENOMEM);
}

/* Collecting --------------------------------------------------------------------------------
 */

struct collecting {
	struct bulk *bulk;
	const char *const *records;
	size_t n, asked;
};

static int collect_next(void *ctx, struct arena *a, struct ctl_request *r)
{
	struct collecting *c = ctx;
	const char *record;

	(void)a;
	if (c->asked == c->n)
		return ASK_END;
	record = c->records[c->asked++];
	r->verb = VERB_MOVE_SHOW;
	r->dry_run = false;
	r->record = span_of(record);

	return 0;
}

static int collect_answered(void *ctx, const json_t *reply)
{
	const struct collecting *c = ctx;
	const json_t *moves = json_object_get(reply, "moves");

	if (!moves)
		return 0; /* it is listed as refused already */
	return json_array_extend(json_object_get(c->bulk->report, "moves"), (json_t *)moves) ==
			       0
		       ? 0
		       : err_new(-ENOMEM);
}

int bulk_collect(struct bulk *b, const char *const *records, size_t n)
{
	struct collecting c = { .bulk = b, .records = records, .n = n };
	const struct ask_many many = {
		.ctx = &c, .refused = true, .next = collect_next, .answered = collect_answered
	};

	return ask_each(b->cli, &many);
}

/* Waiting -----------------------------------------------------------------------------------
 */

/* Takes out of .waits what is settled: first, what the list of those that wait does not have.
 */
static void settle(json_t *waits, json_t *seen, const json_t *moves)
{
	for (size_t i = 0; i < json_array_size(moves); i++) {
		const json_t *m = json_array_get(moves, i);
		const char *record = json_text(m, "record");

		if (*json_text(m, "waits_for"))
			(void)json_object_set_new(seen, record, json_true());
		else
			(void)json_object_del(waits, record);
	}
}

static void listed(json_t *waits, const json_t *seen)
{
	const char *record;
	json_t *v;
	void *next;

	json_object_foreach_safe(waits, next, record, v) if (!json_object_get(seen, record))(
		void) json_object_del(waits, record);
}

int bulk_wait(struct bulk *b, const char *const *records, size_t n)
{
	json_t *waits CLEANUP(json_drop) = json_object(),
		      *seen CLEANUP(json_drop) = json_object();
	struct line l CLEANUP(line_end) = { 0 };
	struct progress p = progress_begin("settled:", n);
	bool was = false;
	int rc = waits && seen ? line_begin(&l, b->cli, false) : err_new(-ENOMEM);

	for (size_t i = 0; i < n && rc == 0; i++)
		if (json_object_set_new(waits, records[i], json_true()) != 0)
			rc = err_new(-ENOMEM);
	while (rc == 0 && !(l.listed && json_object_size(waits) == 0)) {
		struct line_reply r = { 0 };

		rc = ask_interrupted() ? CLI_LOST : line_next(&l, 250, &r);
		if (rc == LINE_QUIET) {
			rc = 0;
			continue;
		}
		if (rc != 0)
			break;
		settle(waits, seen, json_object_get(r.tree, "moves"));
		if (l.listed && !was)
			listed(waits, seen);
		was = l.listed;
		progress_set(&p, n - json_object_size(waits));
		json_drop(&r.tree);
	}
	progress_end(&p);
	if (rc == CLI_LOST || rc == LINE_LOST)
		return cli_say(CLI_LOST,
			"%zu of %zu are settled\n  next: run it again: it goes "
			"on where it was",
			n - json_object_size(waits), n);

	return rc;
}

/* The end -----------------------------------------------------------------------------------
 */

static int add_counts(struct bulk *b)
{
	json_t *r = b->report;

	return json_object_set_new(r, "asked", json_integer((json_int_t)b->n)) == 0 &&
			       json_object_set_new(
				       r, "done", json_integer((json_int_t)b->done)) == 0 &&
			       json_object_set_new(
				       r, "before", json_integer((json_int_t)b->before)) == 0 &&
			       json_object_set_new(r, "dry_run",
				       json_boolean(cli_has(b->cli, OPT_DRY_RUN))) == 0
		       ? 0
		       : err_new(-ENOMEM);
}

int bulk_report(struct bulk *b, const char *did)
{
	static const struct column cols[] = {
		{ "line", "LINE", FORM_NUMBER, WHOLE, false },
		{ "record", "RECORD", FORM_TEXT, WHOLE, false },
		{ "name", "NOT DONE", FORM_TEXT, WHOLE, false },
		{ "text", "WHY", FORM_TEXT, WRAP, false },
		{ "next", "NEXT", FORM_TEXT, WRAP, false },
	};
	const json_t *not_done = json_object_get(b->report, "not_done");
	struct cli *c = b->cli;
	int rc = tally_add(c, b->report, json_object_get(b->report, "moves"));

	if (rc == 0)
		rc = add_counts(b);
	if (rc == 0 && c->json)
		rc = json_out(c, b->report);
	else if (rc == 0 && json_array_size(json_object_get(b->report, "moves")) > 0)
		rc = tally_show(c, b->report);
	if (rc == 0 && !c->json && json_array_size(not_done) > 0) {
		(void)printf("\n");
		rc = show_table(c, b->report, "not_done", "", cols, COUNT(cols));
	}
	if (rc != 0)
		return rc;
	if (!c->json)
		(void)printf("%s: %zu now, %zu before, %zu not%s\n", did, b->done, b->before,
			json_array_size(not_done),
			cli_has(c, OPT_DRY_RUN) ? " (dry run: nothing was changed)" : "");

	return json_array_size(not_done) > 0 ? CLI_FAILED : 0;
}
