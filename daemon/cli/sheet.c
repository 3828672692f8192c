/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sheets of what to do
 *
 * A CSV file with one move a row. The first row names the columns if its first cell is the name
 * of the first column; otherwise they stand in their usual order.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include <kith/care.h>

#include "daemon/cli/cli.h"

#define SHEET_MAX ((size_t)64 * 1024 * 1024)

struct reading {
	struct cli *cli;
	const char *path;
	const char *const *names;
	size_t n_names;
	size_t of[SHEET_COLUMNS]; /* which column each cell is */
	size_t n_of;
	struct sheet *out;
	size_t room;
};

static struct span bare(struct span s)
{
	while (s.len > 0 && (*s.at == ' ' || *s.at == '\t')) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static bool is(struct span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp((const char *)s.at, word, s.len) == 0;
}

static int take_header(struct reading *r, const struct csv_row *row)
{
	for (size_t i = 0; i < row->n; i++) {
		struct span cell = bare(row->cells[i]);
		size_t k = 0;

		while (k < r->n_names && !is(cell, r->names[k]))
			k++;
		if (k == r->n_names || i == SHEET_COLUMNS)
			return cli_say(CLI_FAILED,
				"%s:%" PRIu32 ": there is no column \"%.*s\"", r->path,
				row->line, (int)cell.len, (const char *)cell.at);
		r->of[i] = k;
	}
	r->n_of = row->n;
	return 0;
}

static int take_row(struct reading *r, const struct csv_row *row)
{
	struct cli *c = r->cli;
	struct sheet_row *grown =
		arena_grow(&c->arena, r->out->rows, r->out->n, &r->room, sizeof(*grown));
	struct sheet_row *to;

	if (!grown)
		return err_new(-ENOMEM);
	r->out->rows = grown;
	to = &grown[r->out->n];
	*to = (struct sheet_row){ .line = row->line };
	if (row->n > r->n_of)
		return cli_say(CLI_FAILED, "%s:%" PRIu32 ": more cells than columns", r->path,
			row->line);
	for (size_t i = 0; i < row->n; i++) {
		struct span cell = bare(row->cells[i]);

		if (!wire_text_ok(cell))
			return cli_say(CLI_FAILED,
				"%s:%" PRIu32 ": a cell is not UTF-8: save the "
				"file as CSV UTF-8",
				r->path, row->line);
		to->cells[r->of[i]] =
			arena_text(&c->arena, "%.*s", (int)cell.len, (const char *)cell.at);
		if (!to->cells[r->of[i]])
			return err_new(-ENOMEM);
	}
	for (size_t k = 0; k < SHEET_COLUMNS; k++)
		if (!to->cells[k])
			to->cells[k] = "";
	if (!*to->cells[0])
		return cli_say(CLI_FAILED, "%s:%" PRIu32 ": the row names no %s", r->path,
			row->line, r->names[0]);
	r->out->n++;
	return 0;
}

int sheet_read(struct cli *c, const char *path, const char *const *names, size_t n_names,
	struct sheet *ret)
{
	struct reading r = {
		.cli = c, .path = path, .names = names, .n_names = n_names, .out = ret
	};
	struct why why = { "" };
	struct csv_row row;
	struct span file;
	struct csv csv;
	bool first = true;
	int rc = file_read(c, path, SHEET_MAX, &file);

	*ret = (struct sheet){ 0 };
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n_names; i++)
		r.of[i] = i;
	r.n_of = n_names;
	csv_init(&csv, &c->arena, file);
	while ((rc = csv_next(&csv, &row, &why)) == 0) {
		bool header = first && row.n > 0 && is(bare(row.cells[0]), names[0]);

		first = false;
		rc = header ? take_header(&r, &row) : take_row(&r, &row);
		if (rc != 0)
			return rc < 0 ? err_up(rc) : rc;
	}
	if (rc < 0)
		return err_up(rc);
	if (rc != CARE_E_END)
		return cli_say(CLI_FAILED, "%s: %s", path, why.text);

	return ret->n > 0 ? 0 : cli_say(CLI_FAILED, "%s has no row", path);
}
