/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CSV
 *
 * Cuts a file into rows and cells and judges nothing about them. Cells borrow from the file;
 * only one with doubled quotes, or with text behind its closing quote, is copied. What cannot
 * be cut without guessing (a quote never closed, a cell or row beyond all measure) is refused.
 */

#include "daemon/care/care.h"

#include <inttypes.h>
#include <string.h>

void csv_init(struct csv *c, struct arena *a, struct span file)
{
	if (file.len >= 3 && memcmp(file.at, "\xef\xbb\xbf", 3) == 0) {
		file.at += 3;
		file.len -= 3;
	}
	*c = (struct csv){
		.arena = a,
		.at = file.at,
		.end = file.len == 0 ? file.at : file.at + file.len,
		.line = 1,
	};
}

static bool at_line_end(const struct csv *c)
{
	return c->at == c->end || *c->at == '\n' || *c->at == '\r';
}

/* CRLF, LF and CR are each one line end. */
static void take_line_end(struct csv *c)
{
	if (c->at == c->end)
		return;
	if (*c->at == '\r' && c->end - c->at > 1 && c->at[1] == '\n')
		c->at++;
	c->at++;
	c->line++;
}

static int cell_too_long(uint32_t line, struct why *why)
{
	why_set(why,
		"line %" PRIu32 ": a cell has more than %d bytes. Look there for a quote that "
		"is not closed, shorten the cell and import the file again",
		line, CARE_CELL_MAX);
	return CARE_E_CELL;
}

static int plain_cell(struct csv *c, struct span *ret, struct why *why)
{
	const uint8_t *start = c->at;

	while (!at_line_end(c) && *c->at != ',')
		c->at++;
	*ret = (struct span){ start, (size_t)(c->at - start) };
	return ret->len > CARE_CELL_MAX ? cell_too_long(c->line, why) : 0;
}

/* The bytes between the quotes, doubled ones still doubled; .at is behind the closing quote. */
static int quoted_part(struct csv *c, struct span *ret, bool *doubled, struct why *why)
{
	const uint8_t *start = ++c->at;
	uint32_t line = c->line;

	for (; c->at < c->end; c->at++) {
		if (*c->at == '"' && c->end - c->at > 1 && c->at[1] == '"') {
			*doubled = true;
			c->at++;
			continue;
		}
		if (*c->at == '"') {
			*ret = (struct span){ start, (size_t)(c->at - start) };
			c->at++;
			return 0;
		}
		/* A CR that a LF follows is counted with it. */
		if (*c->at == '\n' ||
			(*c->at == '\r' && !(c->end - c->at > 1 && c->at[1] == '\n')))
			c->line++;
		/* Twice: every byte of a cell may be a doubled quote. */
		if (c->at - start > 2 * CARE_CELL_MAX)
			return cell_too_long(line, why);
	}
	why_set(why,
		"line %" PRIu32 ": a quoted cell begins here and is never closed. Add the "
		"missing quote (\") and import the file again",
		line);
	return CARE_E_QUOTE;
}

static int quoted_cell(struct csv *c, struct span *ret, bool *stray, struct why *why)
{
	uint32_t line = c->line;
	struct span inner, tail;
	bool doubled = false;
	uint8_t *cell;
	size_t n = 0;
	int r;

	r = quoted_part(c, &inner, &doubled, why);
	if (r != 0)
		return r;
	r = plain_cell(c, &tail, why);
	if (r != 0)
		return r;
	*stray |= tail.len > 0;

	*ret = inner;
	if (doubled || tail.len > 0) {
		cell = arena_alloc(c->arena, inner.len + tail.len + 1);
		if (cell == NULL)
			return no_room(c->arena);
		for (size_t i = 0; i < inner.len; i++) {
			cell[n++] = inner.at[i];
			i += inner.at[i] == '"';
		}
		if (tail.len > 0)
			memcpy(cell + n, tail.at, tail.len);
		*ret = (struct span){ cell, n + tail.len };
	}
	return ret->len > CARE_CELL_MAX ? cell_too_long(line, why) : 0;
}

static int take_cells(
	struct csv *c, struct span cells[CARE_CELLS_MAX], struct csv_row *row, struct why *why)
{
	for (;;) {
		int r;

		if (row->n == CARE_CELLS_MAX) {
			why_set(why,
				"line %" PRIu32 ": the row has more than %d cells. Remove what "
				"does not belong there and import the file again",
				row->line, CARE_CELLS_MAX);
			return CARE_E_CELLS;
		}
		if (c->at < c->end && *c->at == '"')
			r = quoted_cell(c, &cells[row->n], &row->stray, why);
		else
			r = plain_cell(c, &cells[row->n], why);
		if (r != 0)
			return r;
		row->n++;
		if (at_line_end(c))
			return 0;
		c->at++; /* the comma: whatever else ends a cell ends the line */
	}
}

int csv_next(struct csv *c, struct csv_row *ret, struct why *why)
{
	struct span cells[CARE_CELLS_MAX];
	struct span *kept;
	int r;

	while (c->at < c->end && at_line_end(c))
		take_line_end(c);
	if (c->at == c->end)
		return CARE_E_END;

	*ret = (struct csv_row){ .line = c->line };
	r = take_cells(c, cells, ret, why);
	if (r == CARE_E_BIG)
		why_set(why, "line %" PRIu32 ": the return is too large to import at once",
			ret->line);
	if (r != 0)
		return r < 0 ? err_up(r) : r;
	take_line_end(c);

	kept = arena_array(c->arena, ret->n, sizeof(*kept));
	if (kept == NULL)
		return no_room(c->arena);
	memcpy(kept, cells, ret->n * sizeof(*kept));
	ret->cells = kept;
	return 0;
}
