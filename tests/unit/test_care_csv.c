/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CSV: what people send becomes rows and cells, byte for byte; what cannot be cut is refused.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "tests/kit/alloc.h"
#include "tests/unit/care_fixture.h"

/* Rows as "a|b;c|d;", or "!" and the verdict that ended them. */
static void expect(struct span file, const char *want)
{
	char got[512] = "";
	struct csv_row row;
	struct arena a;
	struct why why;
	struct csv c;
	size_t n = 0;
	int r;

	arena_init(&a, 0);
	csv_init(&c, &a, file);
	while ((r = csv_next(&c, &row, &why)) == 0) {
		for (size_t i = 0; i < row.n; i++) {
			if (i > 0)
				got[n++] = '|';
			assert_true(n + row.cells[i].len + 3 < sizeof(got));
			if (row.cells[i].len > 0)
				memcpy(got + n, row.cells[i].at, row.cells[i].len);
			n += row.cells[i].len;
		}
		got[n++] = ';';
	}
	assert_int_equal(r, CARE_E_END);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(got, want, n);
	arena_done(&a);
}

static void every_line_end_ends_a_row(void **state)
{
	(void)state;
	expect(text("a,b\nc,d\n"), "a|b;c|d;");
	expect(text("a,b\r\nc,d\r\n"), "a|b;c|d;");
	expect(text("a,b\rc,d\r"), "a|b;c|d;");
	expect(text("a,b\nc,d"), "a|b;c|d;");
	expect(text("a,b\nc,"), "a|b;c|;");
}

static void a_byte_order_mark_is_not_part_of_the_first_cell(void **state)
{
	(void)state;
	expect(text("\xef\xbb\xbf"
		    "a,b\n"),
		"a|b;");
	expect(text("\xef\xbb\xbf"), "");
}

static void empty_files_and_empty_lines_have_no_rows(void **state)
{
	(void)state;
	expect(text(""), "");
	expect((struct span){ NULL, 0 }, "");
	expect(text("\n"), "");
	expect(text("\r\n\n\r"), "");
	expect(text("a\n\n\nb\n\n"), "a;b;");
	expect(text(",\n"), "|;");
}

static void quotes_hold_commas_line_ends_and_doubled_quotes(void **state)
{
	(void)state;
	expect(text("\"a,b\",\"c\nd\"\n"), "a,b|c\nd;");
	expect(text("\"say \"\"no\"\"\",x"), "say \"no\"|x;");
	expect(text("\"\",\"\"\"\""), "|\";");
	expect(text(" \"a\",b\"c\n"), " \"a\"|b\"c;");
}

static void blanks_and_nul_bytes_stay_in_the_cell(void **state)
{
	struct csv_row row;
	struct arena a;
	struct why why;
	struct csv c;

	(void)state;
	expect(text(" a , b\t\n"), " a | b\t;");

	arena_init(&a, 0);
	csv_init(&c, &a, SPAN_LIT("a\0b,c\n"));
	assert_int_equal(csv_next(&c, &row, &why), 0);
	assert_int_equal(row.n, 2);
	assert_int_equal(row.cells[0].len, 3);
	assert_memory_equal(row.cells[0].at, "a\0b", 3);
	arena_done(&a);
}

static void a_row_knows_the_line_on_which_it_begins(void **state)
{
	struct csv_row row;
	struct arena a;
	struct why why;
	struct csv c;

	(void)state;
	arena_init(&a, 0);
	csv_init(&c, &a, text("a\n\n\"b\r\nc\nd\re\"\nf\n"));
	assert_int_equal(csv_next(&c, &row, &why), 0);
	assert_int_equal(row.line, 1);
	assert_int_equal(csv_next(&c, &row, &why), 0);
	assert_int_equal(row.line, 3);
	assert_int_equal(csv_next(&c, &row, &why), 0);
	assert_int_equal(row.line, 7);
	assert_false(row.stray);
	arena_done(&a);
}

static void text_behind_a_closing_quote_is_kept_and_marked(void **state)
{
	struct csv_row row;
	struct arena a;
	struct why why;
	struct csv c;

	(void)state;
	arena_init(&a, 0);
	csv_init(&c, &a, text("\"a\"b ,c\n"));
	assert_int_equal(csv_next(&c, &row, &why), 0);
	assert_true(row.stray);
	assert_int_equal(row.n, 2);
	assert_true(span_equals(row.cells[0], "ab "));
	arena_done(&a);
}

static int verdict_of(struct span file, struct why *why)
{
	struct csv_row row;
	struct arena a;
	struct csv c;
	int r;

	arena_init(&a, 0);
	csv_init(&c, &a, file);
	while ((r = csv_next(&c, &row, why)) == 0)
		;
	arena_done(&a);
	return r;
}

static void a_quote_that_is_never_closed_is_refused_with_its_line(void **state)
{
	struct why why;

	(void)state;
	assert_int_equal(verdict_of(text("a,b\nc,\"d\ne,f\n"), &why), CARE_E_QUOTE);
	assert_non_null(strstr(why.text, "line 2"));
	assert_int_equal(verdict_of(text("\""), &why), CARE_E_QUOTE);
	assert_int_equal(verdict_of(text("\"a\"\""), &why), CARE_E_QUOTE);
}

static void a_cell_of_the_greatest_length_is_kept_and_one_byte_more_refused(void **state)
{
	size_t len = CARE_CELL_MAX + 5;
	uint8_t *file = malloc(len);
	struct why why;

	(void)state;
	assert_non_null(file);
	memset(file, 'x', len);
	file[0] = 'a';
	file[1] = '\n';
	assert_int_equal(
		verdict_of((struct span){ file, CARE_CELL_MAX + 2 }, &why), CARE_E_END);
	assert_int_equal(
		verdict_of((struct span){ file, CARE_CELL_MAX + 3 }, &why), CARE_E_CELL);
	assert_non_null(strstr(why.text, "line 2"));

	file[2] = '"';
	file[len - 1] = '"';
	assert_int_equal(verdict_of((struct span){ file, len }, &why), CARE_E_CELL);
	file[len - 2] = '"';
	assert_int_equal(verdict_of((struct span){ file, len - 1 }, &why), CARE_E_END);
	free(file);
}

static void a_row_may_have_128_cells_and_no_more(void **state)
{
	uint8_t file[CARE_CELLS_MAX];
	struct why why;

	(void)state;
	memset(file, ',', sizeof(file));
	assert_int_equal(
		verdict_of((struct span){ file, CARE_CELLS_MAX - 1 }, &why), CARE_E_END);
	assert_int_equal(verdict_of((struct span){ file, CARE_CELLS_MAX }, &why), CARE_E_CELLS);
	assert_non_null(strstr(why.text, "line 1"));
}

static void a_spent_budget_is_a_verdict_and_no_memory_is_fatal(void **state)
{
	struct csv_row row;
	struct arena a;
	struct why why;
	struct csv c;

	(void)state;
	arena_init(&a, 16);
	csv_init(&c, &a, text("\"a\"\"b\",\"a\"\"b\"\n"));
	assert_int_equal(csv_next(&c, &row, &why), CARE_E_BIG);
	arena_done(&a);

	arena_init(&a, 0);
	csv_init(&c, &a, text("\"a\"\"b\"\n"));
	alloc_fail_at(1);
	assert_int_equal(csv_next(&c, &row, &why), -ENOMEM);
	assert_true(alloc_failed());
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_end_ends_a_row),
		cmocka_unit_test(a_byte_order_mark_is_not_part_of_the_first_cell),
		cmocka_unit_test(empty_files_and_empty_lines_have_no_rows),
		cmocka_unit_test(quotes_hold_commas_line_ends_and_doubled_quotes),
		cmocka_unit_test(blanks_and_nul_bytes_stay_in_the_cell),
		cmocka_unit_test(a_row_knows_the_line_on_which_it_begins),
		cmocka_unit_test(text_behind_a_closing_quote_is_kept_and_marked),
		cmocka_unit_test(a_quote_that_is_never_closed_is_refused_with_its_line),
		cmocka_unit_test(
			a_cell_of_the_greatest_length_is_kept_and_one_byte_more_refused),
		cmocka_unit_test(a_row_may_have_128_cells_and_no_more),
		cmocka_unit_test(a_spent_budget_is_a_verdict_and_no_memory_is_fatal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
