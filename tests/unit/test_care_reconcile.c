/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reconciliation: a return imported twice adds nothing, whatever was imported before.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/kit/alloc.h"
#include "tests/unit/care_fixture.h"

#define MAX 32

/* A row in two letters: identity and content. "kx" and "ky" differ in content only. */
static struct care_held row(const char *two, uint32_t copies, int year)
{
	struct care_held h = {
		.key = { (const uint8_t *)two, 1 }, .copies = copies, .year = year
	};

	h.content.b[0] = (uint8_t)two[1];
	return h;
}

/* Rows given as "kx ky lz". */
static size_t rows(const char *list, int year, struct care_held *ret)
{
	size_t n = 0;

	for (; *list != '\0'; list += list[2] == '\0' ? 2 : 3)
		ret[n++] = row(list, 1, year);
	return n;
}

/* The decisions as "=0 +  >1 -0" without blanks: same, new, supersedes, past. */
static void decide(const struct care_held *held, size_t n_held, const struct care_held *now,
	size_t n, char *ret)
{
	struct care_decision d[MAX];
	struct arena a;

	arena_init(&a, 0);
	assert_int_equal(care_reconcile(&a, held, n_held, now, n, d), 0);
	for (size_t i = 0; i < n; i++) {
		*ret++ = "=+>-"[d[i].kind];
		if (d[i].kind != CARE_NEW)
			*ret++ = (char)('0' + d[i].of);
	}
	*ret = '\0';
	arena_done(&a);
}

static void expect(const char *held, const char *now, const char *want)
{
	struct care_held h[MAX], n[MAX];
	char got[3 * MAX];
	size_t n_h = rows(held, 2020, h), n_n = rows(now, 2020, n);

	decide(h, n_h, n, n_n, got);
	assert_string_equal(got, want);
}

static void the_first_import_is_new(void **state)
{
	(void)state;
	expect("", "kx ky lz", "+++");
	expect("kx", "", "");
	expect("", "", "");
}

static void the_same_rows_again_are_the_same_in_any_order(void **state)
{
	(void)state;
	expect("kx ky lz", "kx ky lz", "=0=1=2");
	expect("kx ky lz", "lz ky kx", "=2=1=0");
}

static void a_changed_row_supersedes_the_one_of_its_identity(void **state)
{
	(void)state;
	expect("kx lz", "lw kx", ">1=0");
	expect("kx", "ky", ">0");
}

static void an_absent_row_means_nothing(void **state)
{
	(void)state;
	expect("kx ky lz", "ky", "=1");
	expect("kx lz", "mw", "+");
}

static void in_a_group_equal_rows_match_first_and_the_rest_in_order(void **state)
{
	(void)state;
	expect("kx ky", "kw ky", ">0=1");
	expect("kx ky", "kw kv", ">0>1");
	expect("kx ky", "kw kv ku", ">0>1+");
	expect("kx", "ky kx", "+=0");
	expect("kb ka", "kz ky", ">0>1"); /* the order of the record, not that of the bytes */
}

static void more_copies_supersede_and_fewer_say_nothing(void **state)
{
	struct care_held held = row("kx", 2, 2020), now = row("kx", 3, 2020);
	char got[8];

	(void)state;
	decide(&held, 1, &now, 1, got);
	assert_string_equal(got, ">0");
	now.copies = 2;
	decide(&held, 1, &now, 1, got);
	assert_string_equal(got, "=0");
	now.copies = 1;
	decide(&held, 1, &now, 1, got);
	assert_string_equal(got, "=0");
}

static void rows_held_twice_are_both_spoken_for(void **state)
{
	(void)state;
	/* two regions imported the same return before they met */
	expect("kx kx", "kx ky", "=0+");
}

static void an_old_return_again_does_not_undo_a_newer_one(void **state)
{
	struct care_held held[2] = { row("kx", 1, 2020), row("ky", 1, 2020) };
	struct care_held now = row("kx", 1, 2019);
	char got[8];

	(void)state;
	held[0].past = true;
	decide(held, 2, &now, 1, got);
	assert_string_equal(got, "-0");
	/* a newer collection that says so again means it */
	now.year = 2021;
	decide(held, 2, &now, 1, got);
	assert_string_equal(got, ">1");
	/* and what is past is not superseded again */
	now = row("kz", 1, 2020);
	decide(held, 2, &now, 1, got);
	assert_string_equal(got, ">1");
}

/* A record that applies its decisions, as the core will. */
static void import(struct care_held *held, size_t *n, const char *list, int year, size_t *added)
{
	struct care_held now[MAX];
	struct care_decision d[MAX];
	size_t n_now = rows(list, year, now);
	struct arena a;

	arena_init(&a, 0);
	assert_int_equal(care_reconcile(&a, held, *n, now, n_now, d), 0);
	*added = 0;
	for (size_t i = 0; i < n_now; i++) {
		if (d[i].kind == CARE_SUPERSEDES) {
			held[d[i].of].past = true;
			held[d[i].of].year = year;
		}
		if (d[i].kind == CARE_SUPERSEDES || d[i].kind == CARE_NEW) {
			held[(*n)++] = now[i];
			(*added)++;
		}
	}
	arena_done(&a);
}

static void importing_any_return_twice_adds_nothing_the_second_time(void **state)
{
	static const char *const returns[] = { "kx ky lz", "ky kw lz", "lz", "kv ku kx lq",
		"kx ky lz" };
	struct care_held held[MAX];
	size_t n = 0, added;

	(void)state;
	for (size_t i = 0; i < COUNT(returns); i++) {
		int year = 2016 + (int)i;

		import(held, &n, returns[i], year, &added);
		for (size_t back = 0; back <= i; back++) {
			import(held, &n, returns[back], 2016 + (int)back, &added);
			assert_int_equal(added, 0);
		}
	}
	assert_in_range(n, 5, MAX);
}

static void a_failing_allocation_is_fatal_and_a_budget_a_verdict(void **state)
{
	struct care_held h = row("kx", 1, 2020);
	struct care_decision d;
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	alloc_fail_at(1);
	assert_int_equal(care_reconcile(&a, &h, 1, &h, 1, &d), -ENOMEM);
	assert_true(alloc_failed());
	arena_done(&a);
	arena_init(&a, 16);
	assert_int_equal(care_reconcile(&a, &h, 1, &h, 1, &d), CARE_E_BIG);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_import_is_new),
		cmocka_unit_test(the_same_rows_again_are_the_same_in_any_order),
		cmocka_unit_test(a_changed_row_supersedes_the_one_of_its_identity),
		cmocka_unit_test(an_absent_row_means_nothing),
		cmocka_unit_test(in_a_group_equal_rows_match_first_and_the_rest_in_order),
		cmocka_unit_test(more_copies_supersede_and_fewer_say_nothing),
		cmocka_unit_test(rows_held_twice_are_both_spoken_for),
		cmocka_unit_test(an_old_return_again_does_not_undo_a_newer_one),
		cmocka_unit_test(importing_any_return_twice_adds_nothing_the_second_time),
		cmocka_unit_test(a_failing_allocation_is_fatal_and_a_budget_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
