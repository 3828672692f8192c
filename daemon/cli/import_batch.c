/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Batches of an import
 *
 * All rows of a child go in one request, since kithd compares them with what it holds as a
 * whole: half of them would look like changed rows. Cells are handed on as the bytes they came
 * as.
 */

#include <errno.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/import.h"

#define ROW_EXTRA                                                                              \
	64 /* tags, lengths and numbers of one row; a cell has two lengths and a tag */
#define CELL_EXTRA 12
#define FAULT_SIZE 8

size_t child_size(const struct care_child *child)
{
	size_t n = child->authority.len + child->child.len + ROW_EXTRA;

	for (size_t i = 0; i < child->n_rows; i++) {
		const struct care_row *row = child->rows[i];

		n += ROW_EXTRA + row->authority.len + row->file.len +
		     FAULT_SIZE * (size_t)__builtin_popcountll(row->faults);
		for (size_t k = 0; k < row->n_cells; k++)
			n += CELL_EXTRA + row->cells[k].name.len + row->cells[k].value.len;
	}

	return n;
}

enum unsent child_unsent(const struct care_child *child)
{
	if (child->child.len == 0)
		return UNSENT_NAMELESS;
	if (!wire_text_ok(child->child) || !wire_text_ok(child->authority))
		return UNSENT_TEXT;

	return child_size(child) > CHILD_MAX ? UNSENT_LARGE : UNSENT_NOT;
}

const char *unsent_text(enum unsent why)
{
	switch (why) {
	case UNSENT_NOT:
		break;
	case UNSENT_NAMELESS:
		return "no CHILD: it is nobody's record";
	case UNSENT_TEXT:
		return "CHILD or LA is not UTF-8: save the file as CSV UTF-8";
	case UNSENT_LARGE:
		return "the rows of this child are too many for one request (900 KiB)";
	}

	return "";
}

static int row_fill(const struct care_row *row, struct arena *a, struct wire_row *ret)
{
	const struct care_rule *rules[CARE_RULES_MAX];
	size_t n_faults = care_faults_list(row->faults, rules);

	*ret = (struct wire_row){
		.table = (uint32_t)row->table,
		.line = row->line,
		.year = (uint32_t)row->year,
		.copies = row->copies,
		.authority = row->authority,
		.file = row->file,
		.cells = arena_array(a, row->n_cells + 1, sizeof(*ret->cells)),
		.n_cells = row->n_cells,
		.faults = arena_array(a, n_faults + 1, sizeof(*ret->faults)),
		.n_faults = n_faults,
	};
	if (!ret->cells || !ret->faults)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < row->n_cells; i++)
		ret->cells[i] = (struct wire_cell){ row->cells[i].name, row->cells[i].value };
	for (size_t i = 0; i < n_faults; i++)
		ret->faults[i] = span_of(rules[i]->code);

	return 0;
}

static int child_fill(const struct care_child *child, struct arena *a, struct import_child *ret)
{
	ret->authority = child->authority;
	ret->child = child->child;
	ret->n_rows = child->n_rows;
	ret->rows = arena_array(a, child->n_rows, sizeof(*ret->rows));
	if (!ret->rows)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < child->n_rows; i++) {
		int rc = row_fill(child->rows[i], a, &ret->rows[i]);

		if (rc != 0)
			return rc;
	}

	return 0;
}

int batch_fill(const struct care_return *r, size_t next, struct arena *a,
	struct ctl_request *ret, size_t *ret_next)
{
	size_t bytes = 0;

	ret->children = arena_array(a, BATCH_CHILDREN, sizeof(*ret->children));
	if (!ret->children)
		return err_new(-ENOMEM);
	for (; next < r->n_children && ret->n_children < BATCH_CHILDREN; next++) {
		const struct care_child *child = &r->children[next];
		size_t size = child_size(child);
		int rc;

		if (child_unsent(child) != UNSENT_NOT)
			continue;
		if (ret->n_children > 0 && bytes + size > BATCH_TARGET)
			break;
		rc = child_fill(child, a, &ret->children[ret->n_children]);
		if (rc != 0)
			return rc;
		ret->n_children++;
		bytes += size;
	}

	*ret_next = next;
	return 0;
}
