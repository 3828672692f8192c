/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Returns
 *
 * Files in, children out: recognise the table of each file, keep every row, group the rows by
 * whose they are, count identical ones, let the rules look at each child, and report.
 */

#include "daemon/care/care.h"

#include <inttypes.h>
#include <string.h>

void care_return_init(struct care_return *r, struct arena *a, const struct care_options *o)
{
	*r = (struct care_return){ .arena = a, .options = *o };
}

static int keep_row(struct care_return *r, enum care_table t, const struct csv_row *columns,
	const struct csv_row *line, struct span file)
{
	struct care_cell *cells = arena_array(r->arena, line->n, sizeof(*cells));
	struct care_row *row = arena_alloc(r->arena, sizeof(*row));
	struct care_row **rows;

	rows = arena_grow(
		r->arena, r->rows, r->n_rows, &r->room_rows, sizeof(struct care_row *));
	if (cells == NULL || row == NULL || rows == NULL)
		return no_room(r->arena);
	r->rows = rows;

	for (size_t i = 0; i < line->n; i++) {
		cells[i].value = line->cells[i];
		if (i < columns->n)
			cells[i].name = columns->cells[i];
	}
	care_row_init(row, t, cells, line->n, r->options.authority, r->options.year);
	row->file = file;
	row->line = line->line;
	if (line->n < columns->n)
		fault(row, RULE_CELLS_FEW);
	if (line->n > columns->n)
		fault(row, RULE_CELLS_MANY);
	if (line->stray)
		fault(row, RULE_QUOTE);
	r->rows[r->n_rows++] = row;
	return 0;
}

/* Excel's "Unicode text": every second byte is NUL, so no column has a name that we know. */
static bool looks_like_utf16(struct span s)
{
	return s.len >= 2 &&
	       ((s.at[0] == 0xff && s.at[1] == 0xfe) || (s.at[0] == 0xfe && s.at[1] == 0xff));
}

static int recognise(
	const struct csv_row *columns, struct span bytes, struct care_file *f, struct why *why)
{
	f->table = care_table_of(columns->cells, columns->n);
	if (f->table == CARE_TABLE_NONE) {
		if (looks_like_utf16(bytes))
			why_set(why,
				"the file is UTF-16. Save it as CSV UTF-8 and import it again");
		else
			why_set(why,
				"line %" PRIu32
				": these are the columns of no SSDA903 table. If it is "
				"meant to be one, compare the header line with the guide: "
				"every column "
				"must be there",
				columns->line);
		return CARE_E_UNKNOWN;
	}
	if (!care_table_imported(f->table)) {
		why_set(why, "this is %s, a table that this version does not import yet",
			care_table_name(f->table));
		return CARE_E_LATER;
	}
	return 0;
}

static int read_file(
	struct care_return *r, struct span bytes, struct care_file *f, struct why *why)
{
	size_t before = r->n_rows;
	struct csv_row columns, line;
	struct csv csv;
	int v;

	csv_init(&csv, r->arena, bytes);
	v = csv_next(&csv, &columns, why);
	if (v == CARE_E_END) {
		why_set(why,
			"the file is empty, which is fine if the table has no rows this year");
		return CARE_E_EMPTY;
	}
	if (v == 0)
		v = recognise(&columns, bytes, f, why);
	while (v == 0) {
		v = csv_next(&csv, &line, why);
		if (v == 0)
			v = keep_row(r, f->table, &columns, &line, f->name);
	}
	if (v == CARE_E_END) {
		f->rows = (uint32_t)(r->n_rows - before);
		return 0;
	}
	/* All of a file or nothing of it: half a table would look like a whole one. */
	r->n_rows = before;
	return v;
}

int care_return_add(struct care_return *r, struct span name, struct span bytes, struct why *why)
{
	struct care_file f = { .name = name };
	struct care_file *files;
	int v;

	v = read_file(r, bytes, &f, why);
	if (v < 0)
		return err_up(v);
	if (v == CARE_E_BIG)
		why_set(why, "the return is too large to import at once: import it in parts");

	f.verdict = v;
	if (v != 0)
		f.why = arena_text(r->arena, "%s", why->text);
	files = arena_grow(r->arena, r->files, r->n_files, &r->room_files, sizeof(*files));
	if (files == NULL || (v != 0 && f.why == NULL)) {
		r->n_rows -= f.rows;
		why_set(why, "the return is too large to import at once: import it in parts");
		return no_room(r->arena);
	}
	r->files = files;
	r->files[r->n_files++] = f;
	return v;
}

/* A row and its number in the return. */
struct entry {
	struct care_row *row;
	size_t seq;
};

static int by_child(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = span_order(x->row->authority, y->row->authority);

	return r != 0 ? r : span_order(x->row->child, y->row->child);
}

/* Runs of one child, by the number of the first row of each. */
struct run {
	struct entry **at;
	size_t n;
};

static int by_appearance(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return (x->at[0]->seq > y->at[0]->seq) - (x->at[0]->seq < y->at[0]->seq);
}

static int by_identity(const void *a, const void *b)
{
	const struct care_row *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if (x->date.precision != y->date.precision)
		return x->date.precision < y->date.precision ? -1 : 1;
	if (x->date.precision == CARE_NO_DATE)
		return span_order(x->date_text, y->date_text);
	return (x->date.day > y->date.day) - (x->date.day < y->date.day);
}

static int by_identity_and_cells(const void *a, const void *b)
{
	const struct care_row *x = a, *y = b;
	int r = by_identity(a, b);

	if (r != 0 || x->n_cells != y->n_cells)
		return r != 0 ? r : (x->n_cells < y->n_cells ? -1 : 1);
	for (size_t i = 0; r == 0 && i < x->n_cells; i++) {
		r = span_order(x->cells[i].name, y->cells[i].name);
		if (r == 0)
			r = span_order(x->cells[i].value, y->cells[i].value);
	}
	return r;
}

/* Identical rows become the first of them, with a count; the others get .copies 0. */
static void count_identical(struct care_row **rows, size_t n, struct care_row **spare)
{
	struct care_row *first = NULL; /* of the identical ones */
	struct care_row *other = NULL; /* the one before it, of the same identity */

	memcpy(spare, rows, n * sizeof(*rows));
	sort_stably(spare, spare + n, n, by_identity_and_cells);
	for (size_t i = 0; i < n; i++) {
		if (first != NULL && by_identity_and_cells(first, spare[i]) == 0) {
			first->copies++;
			spare[i]->copies = 0;
			fault(first, RULE_IDENTICAL);
			continue;
		}
		other = first;
		first = spare[i];
		if (other != NULL && by_identity(other, first) == 0) {
			fault(other, RULE_RIVALS);
			fault(first, RULE_RIVALS);
		}
	}
}

/* .rows is where this child's part of the list begins, .spare has room for twice as many. */
static void fill_child(struct care_child *c, const struct run *run, struct care_row **rows,
	struct care_row **spare)
{
	for (size_t i = 0; i < run->n; i++)
		rows[i] = run->at[i]->row;
	count_identical(rows, run->n, spare);

	*c = (struct care_child){ rows[0]->authority, rows[0]->child, rows, 0 };
	for (size_t i = 0; i < run->n; i++) {
		if (rows[i]->copies > 0)
			rows[c->n_rows++] = rows[i];
	}
	/* Rows that name nobody have no order among themselves: they may be of many children.
	 */
	if (c->child.len > 0)
		check_chain(rows, c->n_rows, spare);
}

static void tally(struct care_report *t, const struct care_row *row)
{
	t->rows++;
	t->tables[row->table].rows++;
	if (row->copies == 0) {
		t->identical++;
		t->tables[row->table].identical++;
		return;
	}
	t->faulty += row->faults != 0 ? row->copies : 0;
	for (unsigned i = 0; i < RULE_COUNT; i++) {
		uint32_t n = t->rules[i].n;

		if ((row->faults >> i & 1) == 0)
			continue;
		t->rules[i].rows += row->copies;
		if (n == CARE_REPORT_LINES)
			continue;
		t->rules[i].at[n].file = row->file;
		t->rules[i].at[n].line = row->line;
		t->rules[i].n++;
	}
}

static void write_report(struct care_return *r)
{
	struct care_report *t = &r->report;

	*t = (struct care_report){ .files = (uint32_t)r->n_files };
	t->children = (uint32_t)r->n_children;
	for (size_t i = 0; i < r->n_files; i++) {
		int v = r->files[i].verdict;

		t->tables[r->files[i].table].files++;
		t->refused += v == CARE_E_CELL || v == CARE_E_CELLS || v == CARE_E_QUOTE ||
			      v == CARE_E_BIG;
	}
	for (size_t i = 0; i < r->n_rows; i++)
		tally(t, r->rows[i]);
}

/* The rows sorted by child, cut into runs; the runs in order of appearance. */
static int find_runs(struct care_return *r, struct run ***ret, size_t *ret_n)
{
	size_t n = r->n_rows, n_runs = 0;
	struct entry *entries = arena_array(r->arena, n, sizeof(*entries));
	struct entry **order = arena_array(r->arena, 2 * n, sizeof(struct entry *));
	struct run *runs = arena_array(r->arena, n, sizeof(*runs));
	struct run **sorted = arena_array(r->arena, 2 * n, sizeof(struct run *));

	if (entries == NULL || order == NULL || runs == NULL || sorted == NULL)
		return no_room(r->arena);
	for (size_t i = 0; i < n; i++) {
		entries[i] = (struct entry){ r->rows[i], i };
		order[i] = &entries[i];
	}
	sort_stably(order, order + n, n, by_child);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || by_child(order[i - 1], order[i]) != 0) {
			runs[n_runs] = (struct run){ &order[i], 0 };
			sorted[n_runs] = &runs[n_runs];
			n_runs++;
		}
		runs[n_runs - 1].n++;
	}
	sort_stably(sorted, sorted + n, n_runs, by_appearance);
	*ret = sorted;
	*ret_n = n_runs;
	return 0;
}

int care_return_finish(struct care_return *r)
{
	struct care_row **rows, **spare;
	struct run **runs;
	size_t n_runs;
	int v;

	v = find_runs(r, &runs, &n_runs);
	if (v != 0)
		return v < 0 ? err_up(v) : v;
	rows = arena_array(r->arena, r->n_rows, sizeof(struct care_row *));
	spare = arena_array(r->arena, 2 * r->n_rows, sizeof(struct care_row *));
	r->children = arena_array(r->arena, n_runs, sizeof(*r->children));
	if (rows == NULL || spare == NULL || r->children == NULL)
		return no_room(r->arena);

	for (size_t i = 0; i < n_runs; i++) {
		fill_child(&r->children[i], runs[i], rows, spare);
		rows += runs[i]->n;
	}
	r->n_children = n_runs;
	write_report(r);
	return 0;
}
