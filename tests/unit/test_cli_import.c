/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A return cut into requests: every child whole and once, what cannot be sent left out and
 * named, every request one that fits in a frame.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/import.h"

static struct arena arena;
static struct care_return ret;

static int setup(void **state)
{
	static const struct care_options o = { SPAN_LIT("340"), 2023 };

	(void)state;
	arena_init(&arena, 0);
	care_return_init(&ret, &arena, &o);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static struct span text(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

#define REVIEWS "CHILD,DOB,REVIEW,REVIEW_CODE\n"

static void take(const char *csv)
{
	struct why why = { "" };

	assert_int_equal(care_return_add(&ret, text("reviews.csv"), text(csv), &why), 0);
	assert_int_equal(care_return_finish(&ret), 0);
}

static void a_row_goes_out_as_it_came(void **state)
{
	struct ctl_request r = { 0 };
	size_t next;

	(void)state;
	take(REVIEWS "101, 26/05/2011 ,17/05/2022,PN9\n");
	assert_int_equal(batch_fill(&ret, 0, &arena, &r, &next), 0);
	assert_int_equal(next, 1);
	assert_int_equal(r.n_children, 1);
	assert_memory_equal(r.children[0].authority.at, "340", 3);
	assert_memory_equal(r.children[0].child.at, "101", 3);
	assert_int_equal(r.children[0].n_rows, 1);
	assert_int_equal(r.children[0].rows[0].table, CARE_REVIEWS);
	assert_int_equal(r.children[0].rows[0].line, 2);
	assert_int_equal(r.children[0].rows[0].year, 2023);
	assert_int_equal(r.children[0].rows[0].copies, 1);
	assert_int_equal(r.children[0].rows[0].n_cells, 4);
	assert_memory_equal(r.children[0].rows[0].cells[1].value.at, " 26/05/2011 ", 12);
	/* PN9 is a review code of no year: the rule goes along. */
	assert_true(r.children[0].rows[0].n_faults > 0);
}

static void every_child_goes_out_once_and_no_request_is_over_its_target(void **state)
{
	char *csv = arena_alloc(&arena, 4000 * 64 + 64);
	size_t n = 0, next = 0, children = 0, requests = 0;

	(void)state;
	n += (size_t)sprintf(csv, REVIEWS);
	for (int i = 0; i < 4000; i++)
		n += (size_t)sprintf(csv + n, "c%d,26/05/2011,17/05/2022,PN1\n", i);
	take(csv);
	for (;;) {
		struct ctl_request r = { 0 };
		struct span bytes;

		assert_int_equal(batch_fill(&ret, next, &arena, &r, &next), 0);
		if (r.n_children == 0)
			break;
		assert_int_equal(wire_request_encode(&r, &arena, &bytes), 0);
		assert_true(bytes.len <= BATCH_TARGET);
		for (size_t i = 0; i < r.n_children; i++, children++) {
			char name[16];
			int len = snprintf(name, sizeof(name), "c%zu", children);

			assert_int_equal(r.children[i].child.len, len);
			assert_memory_equal(r.children[i].child.at, name, (size_t)len);
		}
		requests++;
	}
	assert_int_equal(children, 4000);
	assert_true(requests > 1);
}

static void a_row_that_names_no_child_stays_behind_and_the_next_does_not(void **state)
{
	struct ctl_request r = { 0 };
	size_t next, unsent = 0;

	(void)state;
	take(REVIEWS "101,26/05/2011,17/05/2022,PN1\n ,26/05/2011,17/05/2022,PN1\n"
		     "S\xe2n,26/05/2011,17/05/2022,PN1\n103,26/05/2011,17/05/2022,PN1\n");
	assert_int_equal(batch_fill(&ret, 0, &arena, &r, &next), 0);
	assert_int_equal(r.n_children, 2);
	assert_memory_equal(r.children[1].child.at, "103", 3);
	for (size_t i = 0; i < ret.n_children; i++)
		if (child_unsent(&ret.children[i]) == UNSENT_NAMELESS ||
			child_unsent(&ret.children[i]) == UNSENT_TEXT)
			unsent++;
	assert_int_equal(unsent, 2);
}

static void a_child_too_large_for_a_frame_is_not_cut_in_two(void **state)
{
	static const size_t rows = 20000;
	char *csv = arena_alloc(&arena, rows * 64 + 64);
	struct ctl_request r = { 0 };
	size_t n = 0, next;

	(void)state;
	n += (size_t)sprintf(csv, REVIEWS);
	for (size_t i = 0; i < rows; i++)
		n += (size_t)sprintf(csv + n, "101,26/05/2011,%02zu/%02zu/20%02zu,PN%zu\n",
			i % 28 + 1, i / 28 % 12 + 1, i / 336 % 100, i % 8);
	take(csv);
	assert_int_equal(ret.n_children, 1);
	assert_int_equal(child_unsent(&ret.children[0]), UNSENT_LARGE);
	assert_int_equal(batch_fill(&ret, 0, &arena, &r, &next), 0);
	assert_int_equal(r.n_children, 0);
	assert_int_equal(next, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_row_goes_out_as_it_came),
		TEST(every_child_goes_out_once_and_no_request_is_over_its_target),
		TEST(a_row_that_names_no_child_stays_behind_and_the_next_does_not),
		TEST(a_child_too_large_for_a_frame_is_not_cut_in_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
