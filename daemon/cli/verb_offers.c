/* SPDX-License-Identifier: Apache-2.0 */

/*
 * move offer --from-file
 *
 * Many offers at once, a few under way at a time. What was offered before is done, so that the
 * same file may be given again after anything.
 */

#include <errno.h>
#include <inttypes.h>

#include "daemon/cli/cli.h"

enum { RECORD, TO, REASON, TEXT, COLUMNS };
static const char *const columns[COLUMNS] = { "record", "to", "reason", "text" };

struct offers {
	struct bulk bulk;
	struct sheet sheet;
	uint32_t *reasons;    /* of each row */
	const char **records; /* ids of those that are offered */
	size_t n_records;
	size_t asked, heard;
	struct progress progress;
};

/* What the row says, else what the option does; NULL: neither. */
static const char *cell_or(
	const struct cli *c, const struct sheet_row *row, size_t column, enum opt o)
{
	return *row->cells[column] ? row->cells[column] : c->given[o];
}

/* Everything that can be wrong in the file is found before anything is sent. */
static int check(struct offers *o)
{
	struct cli *c = o->bulk.cli;

	o->reasons = arena_array(&c->arena, o->sheet.n, sizeof(*o->reasons));
	o->records = arena_array(&c->arena, o->sheet.n, sizeof(*o->records));
	if (!o->reasons || !o->records)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < o->sheet.n; i++) {
		const struct sheet_row *row = &o->sheet.rows[i];
		const char *reason = cell_or(c, row, REASON, OPT_REASON);

		if (!cell_or(c, row, TO, OPT_TO))
			return cli_say(CLI_USAGE,
				"%s:%" PRIu32
				": to which region? give a column \"to\", or --to",
				c->given[OPT_FROM_FILE], row->line);
		if (!reason)
			return cli_say(CLI_USAGE,
				"%s:%" PRIu32 ": why? give a column \"reason\", or --reason",
				c->given[OPT_FROM_FILE], row->line);
		if (reason_choose(REASONS_OFFER, reason, &o->reasons[i]) != 0)
			return CLI_USAGE;
	}
	return 0;
}

static int offer_next(void *ctx, struct arena *a, struct ctl_request *r)
{
	struct offers *o = ctx;
	const struct cli *c = o->bulk.cli;
	const struct sheet_row *row = &o->sheet.rows[o->asked];

	(void)a;
	if (o->asked == o->sheet.n)
		return ASK_END;
	r->record = span_of(row->cells[RECORD]);
	r->peer = span_of(cell_or(c, row, TO, OPT_TO));
	r->code = o->reasons[o->asked];
	r->again = true;
	if (cell_or(c, row, TEXT, OPT_TEXT))
		r->text = span_of(cell_or(c, row, TEXT, OPT_TEXT));
	o->asked++;

	return 0;
}

static int offer_answered(void *ctx, const json_t *reply)
{
	struct offers *o = ctx;
	const struct sheet_row *row = &o->sheet.rows[o->heard++];
	const json_t *made = json_object_get(reply, "made");

	progress_set(&o->progress, o->heard);
	if (!made)
		return bulk_refused(&o->bulk, row->line, row->cells[RECORD],
			json_object_get(reply, "problem"));
	if (*json_text(made, "text"))
		o->bulk.before++;
	else
		o->bulk.done++;
	o->records[o->n_records] =
		arena_text(&o->bulk.cli->arena, "%s", json_text(made, "record"));

	return o->records[o->n_records++] ? 0 : err_new(-ENOMEM);
}

static int offer_all(struct offers *o)
{
	const struct ask_many many = {
		.ctx = o, .refused = true, .next = offer_next, .answered = offer_answered
	};
	int rc;

	o->progress = progress_begin("offering:", o->sheet.n);
	rc = ask_each(o->bulk.cli, &many);
	progress_end(&o->progress);
	if (rc > 0)
		(void)cli_say(0,
			"%zu of %zu are offered, and perhaps more; next: run it again: it goes "
			"on "
			"where it was",
			o->n_records, o->sheet.n);

	return rc;
}

int offers_from_file(struct cli *c)
{
	struct offers o = { 0 };
	int rc = sheet_read(c, c->given[OPT_FROM_FILE], columns, COLUMNS, &o.sheet);

	if (rc == 0)
		rc = bulk_begin(&o.bulk, c);
	o.bulk.n = o.sheet.n;
	if (rc == 0)
		rc = check(&o);
	if (rc == 0)
		rc = offer_all(&o);
	if (rc == 0 && cli_has(c, OPT_FOLLOW) && !cli_has(c, OPT_DRY_RUN))
		rc = bulk_wait(&o.bulk, o.records, o.n_records);
	if (rc == 0 && !cli_has(c, OPT_DRY_RUN))
		rc = bulk_collect(&o.bulk, o.records, o.n_records);
	if (rc == 0)
		rc = bulk_report(&o.bulk, "offered");
	bulk_end(&o.bulk);

	return rc;
}
