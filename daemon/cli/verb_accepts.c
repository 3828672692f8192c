/* SPDX-License-Identifier: Apache-2.0 */

/*
 * move accept --all
 *
 * Accepts what is offered to this region and complete, each by the worker whom a file names for
 * it. With --follow also what becomes complete later, until all of it is settled.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/cli/cli.h"

enum { RECORD, WORKER, ROLE, TEAM, COLUMNS };
static const char *const columns[COLUMNS] = { "record", "worker", "role", "team" };

#define LOOK_MS 250

/* One move that this region is offered, or was. */
enum offered { OFFERED_COMES, OFFERED_READY, OFFERED_ASKED, OFFERED_ACCEPTED, OFFERED_OVER };
struct offered_move {
	const char *record, *alias;
	uint32_t request; /* under way */
	enum offered state;
};

struct accepts {
	struct bulk bulk;
	struct sheet sheet; /* of workers; empty: --worker for all */
	struct line line;
	const char *self;
	struct offered_move *v;
	size_t n, room;
	json_t *by_record; /* record -> index in .v */
	size_t accepted;
	struct progress progress;
};

/* Workers -----------------------------------------------------------------------------------
 */

static int read_workers(struct accepts *a)
{
	struct cli *c = a->bulk.cli;
	const char *file = c->given[OPT_WORKERS];
	int rc;

	if (!file)
		return args_need(c, OPT_WORKER);
	rc = sheet_read(c, file, columns, COLUMNS, &a->sheet);
	for (size_t i = 0; i < a->sheet.n && rc == 0; i++)
		if (!*a->sheet.rows[i].cells[WORKER])
			rc = cli_say(CLI_FAILED, "%s:%" PRIu32 ": no worker is named", file,
				a->sheet.rows[i].line);

	return rc;
}

/* The row of a move: the last that names it, else the last for all others. */
static const struct sheet_row *row_of(const struct accepts *a, const struct offered_move *m)
{
	const struct sheet_row *other = NULL;

	for (size_t i = a->sheet.n; i > 0; i--) {
		const struct sheet_row *row = &a->sheet.rows[i - 1];
		const char *name = row->cells[RECORD];

		if (strcmp(name, m->record) == 0 || (*m->alias && strcmp(name, m->alias) == 0))
			return row;
		if (!other && strcmp(name, "*") == 0)
			other = row;
	}
	return other;
}

static bool worker_of(const struct accepts *a, const struct offered_move *m, struct entry *ret)
{
	const struct cli *c = a->bulk.cli;
	const struct sheet_row *row = a->sheet.n > 0 ? row_of(a, m) : NULL;

	*ret = (struct entry){ .kind = ENTRY_WORKER, .has_worker = true };
	ret->worker.name = span_of(row ? row->cells[WORKER] : c->given[OPT_WORKER]);
	ret->worker.role = span_of(
		row && *row->cells[ROLE] ? row->cells[ROLE] : c->given[OPT_WORKER_ROLE]);
	ret->worker.team =
		span_of(row && *row->cells[TEAM] ? row->cells[TEAM] : c->given[OPT_TEAM]);

	return ret->worker.name.len > 0;
}

/* What is offered ---------------------------------------------------------------------------
 */

static bool for_us(const struct accepts *a, const json_t *m)
{
	const char *from = a->bulk.cli->given[OPT_FROM];

	return strcmp(json_text(m, "to"), a->self) == 0 &&
	       (!from || strcmp(json_text(m, "from"), from) == 0);
}

static struct offered_move *find(struct accepts *a, const char *record, const json_t *m)
{
	const json_t *at = json_object_get(a->by_record, record);
	struct cli *c = a->bulk.cli;
	struct offered_move *grown;

	if (at) {
		struct offered_move *o = &a->v[json_integer_value(at)];

		/* It is known by its alias only once its first entries have come. */
		if (!*o->alias && *json_text(m, "alias"))
			o->alias = arena_text(&c->arena, "%s", json_text(m, "alias"));
		return o->alias ? o : NULL;
	}
	grown = arena_grow(&c->arena, a->v, a->n, &a->room, sizeof(*grown));
	if (!grown ||
		json_object_set_new(a->by_record, record, json_integer((json_int_t)a->n)) != 0)
		return NULL;
	a->v = grown;
	a->v[a->n] = (struct offered_move){ .record = arena_text(&c->arena, "%s", record),
		.alias = arena_text(&c->arena, "%s", json_text(m, "alias")) };
	if (!a->v[a->n].record || !a->v[a->n].alias)
		return NULL;

	return &a->v[a->n++];
}

/* Only what nobody here has acted on changes by what is seen; the rest by its answer. */
static int see(struct accepts *a, const json_t *m)
{
	const char *state = json_text(m, "state");
	struct offered_move *o;

	if (!for_us(a, m))
		return 0;
	o = find(a, json_text(m, "record"), m);
	if (!o)
		return err_new(-ENOMEM);
	if (!*json_text(m, "waits_for"))
		o->state = OFFERED_OVER;
	else if (o->state == OFFERED_COMES && strcmp(state, "complete") == 0)
		o->state = OFFERED_READY;
	else if (o->state == OFFERED_COMES && strcmp(state, "accepted") == 0) {
		o->state = OFFERED_ACCEPTED;
		a->bulk.before++;
	}
	return 0;
}

static int accept(struct accepts *a, struct offered_move *m)
{
	struct ctl_request r = ask_request(a->bulk.cli);
	json_t *nobody CLEANUP(json_drop) = NULL;
	struct entry worker;
	int rc;

	if (!worker_of(a, m, &worker)) {
		m->state = OFFERED_OVER;
		nobody = json_pack("{s:s, s:s, s:s}", "name", "no-worker", "text",
			"no worker is named for it", "next", "add a row for it, or for *");
		return bulk_refused(&a->bulk, 0, m->record, nobody);
	}
	r.verb = VERB_MOVE_ACCEPT;
	r.record = span_of(m->record);
	r.entries = &worker;
	r.n_entries = 1;
	r.again = true;
	rc = line_post(&a->line, &r);
	m->request = r.id;
	m->state = OFFERED_ASKED;

	return rc;
}

static int post_some(struct accepts *a)
{
	int rc = 0;

	for (size_t i = 0; i < a->n && rc == 0 && a->line.under_way < ASK_WINDOW; i++)
		if (a->v[i].state == OFFERED_READY)
			rc = accept(a, &a->v[i]);

	return rc;
}

static int answered(struct accepts *a, const struct line_reply *r)
{
	const json_t *made = json_object_get(r->tree, "made");
	struct offered_move *m = NULL;

	for (size_t i = 0; i < a->n && !m; i++)
		if (a->v[i].request == r->id)
			m = &a->v[i];
	if (!m)
		return 0;
	if (!made) {
		m->state = OFFERED_OVER;
		return bulk_refused(
			&a->bulk, 0, m->record, json_object_get(r->tree, "problem"));
	}
	/* The release may have been seen before the answer. */
	if (m->state == OFFERED_ASKED)
		m->state = cli_has(a->bulk.cli, OPT_DRY_RUN) ? OFFERED_OVER : OFFERED_ACCEPTED;
	if (*json_text(made, "text"))
		a->bulk.before++;
	else
		a->bulk.done++;

	return 0;
}

static size_t count(const struct accepts *a, enum offered state)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->v[i].state == state;
	return n;
}

/* The next row from .from on that names a record which has not been seen here yet; .sheet.n:
 * none does. */
static size_t unseen(const struct accepts *a, size_t from)
{
	for (; from < a->sheet.n; from++) {
		const char *name = a->sheet.rows[from].cells[RECORD];
		bool seen = strcmp(name, "*") == 0;

		for (size_t k = 0; k < a->n && !seen; k++)
			seen = strcmp(a->v[k].record, name) == 0 ||
			       strcmp(a->v[k].alias, name) == 0;
		if (!seen)
			break;
	}
	return from;
}

static bool over(const struct accepts *a)
{
	if (!a->line.listed || a->line.under_way > 0 || count(a, OFFERED_READY) > 0)
		return false;
	if (!cli_has(a->bulk.cli, OPT_FOLLOW))
		return true;
	return count(a, OFFERED_OVER) == a->n && unseen(a, 0) == a->sheet.n;
}

static int work(struct accepts *a)
{
	int rc = line_begin(&a->line, a->bulk.cli, false);

	a->progress = progress_begin("accepting:", 0);
	while (rc == 0 && !over(a)) {
		struct line_reply r = { 0 };
		const json_t *moves;

		rc = post_some(a);
		if (rc != 0)
			break;
		rc = ask_interrupted() ? CLI_LOST : line_next(&a->line, LOOK_MS, &r);
		if (rc == LINE_QUIET) {
			rc = 0;
			continue;
		}
		if (rc != 0)
			break;
		moves = json_object_get(r.tree, "moves");
		for (size_t i = 0; r.id == a->line.moves && i < json_array_size(moves) && !rc;
			i++)
			rc = see(a, json_array_get(moves, i));
		if (rc == 0 && r.id != a->line.moves)
			rc = answered(a, &r);
		json_drop(&r.tree);
		a->progress.of = a->n;
		progress_set(&a->progress, a->bulk.done + a->bulk.before);
	}
	progress_end(&a->progress);
	line_end(&a->line);
	if (rc == CLI_LOST || rc == LINE_LOST)
		return cli_say(CLI_LOST,
			"%zu are accepted, and perhaps more\n  next: run it again: it goes on "
			"where "
			"it was",
			a->bulk.done);

	return rc;
}

/* Reporting ---------------------------------------------------------------------------------
 */

/* Those that were seen, and those that the file names and that were done with before. */
static int collect(struct accepts *a)
{
	struct cli *c = a->bulk.cli;
	const char **records = arena_array(&c->arena, a->n + a->sheet.n + 1, sizeof(*records));
	size_t n = 0;

	if (!records)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < a->n; i++)
		records[n++] = a->v[i].record;
	for (size_t i = unseen(a, 0); i < a->sheet.n; i = unseen(a, i + 1))
		records[n++] = a->sheet.rows[i].cells[RECORD];
	a->bulk.n = n;

	return bulk_collect(&a->bulk, records, n);
}

/* What is still on its way is not done, and no fault. */
static int say_coming(struct accepts *a)
{
	size_t coming = count(a, OFFERED_COMES);

	if (coming > 0)
		(void)cli_say(0,
			"%zu more are offered and not complete yet\n  next: run it again, or "
			"with "
			"--follow",
			coming);

	return 0;
}

int accepts_all(struct cli *c)
{
	struct accepts a = { .by_record = json_object() };
	int rc = a.by_record ? bulk_begin(&a.bulk, c) : err_new(-ENOMEM);

	if (rc == 0)
		rc = read_workers(&a);
	if (rc == 0)
		rc = ask_name(c, &a.self);
	if (rc == 0)
		rc = work(&a);
	if (rc == 0)
		rc = say_coming(&a);
	if (rc == 0 && !cli_has(c, OPT_DRY_RUN))
		rc = collect(&a);
	if (rc == 0)
		rc = bulk_report(&a.bulk, "accepted");
	bulk_end(&a.bulk);
	json_drop(&a.by_record);

	return rc;
}
