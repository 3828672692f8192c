/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Arena: a budget refuses, the machine fails, and the two are told apart.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

#include <kith/arena.h>

#include "tests/kit/alloc.h"

static void memory_is_zeroed_and_aligned_also_after_a_reset(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (int round = 0; round < 3; round++) {
		for (size_t size = 1; size < 3000; size += 37) {
			uint8_t *at = arena_alloc(&a, size);

			assert_non_null(at);
			assert_int_equal((uintptr_t)at % alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(at[i], 0);
			memset(at, 0xee, size);
		}
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_done(&a);
}

static void allocations_do_not_overlap(void **state)
{
	uint8_t *at[500];
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < COUNT(at); i++) {
		at[i] = arena_alloc(&a, i + 1);
		assert_non_null(at[i]);
		memset(at[i], (int)(i & 0xff), i + 1);
	}
	for (size_t i = 0; i < COUNT(at); i++)
		for (size_t j = 0; j <= i; j++)
			assert_int_equal(at[i][j], i & 0xff);
	arena_done(&a);
}

static void a_budget_refuses_and_says_that_it_was_the_budget(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1024);
	assert_non_null(arena_alloc(&a, 1000));
	assert_false(a.over);
	assert_null(arena_alloc(&a, 100));
	assert_true(a.over);

	arena_reset(&a);
	assert_false(a.over);
	assert_non_null(arena_alloc(&a, 1024));
	assert_null(arena_alloc(&a, 1));
	assert_true(a.over);
	arena_done(&a);
}

static void asking_for_nothing_for_ever_reaches_the_budget(void **state)
{
	struct arena a;
	size_t n = 0;

	(void)state;
	arena_init(&a, 1024);
	while (n < 2000 && arena_alloc(&a, 0))
		n++;
	assert_true(a.over);
	assert_in_range(n, 1, 1024);
	arena_done(&a);
}

static void sizes_that_cannot_be_counted_are_over_any_budget_and_never_wrap(void **state)
{
	struct arena a, free_one;

	(void)state;
	arena_init(&a, 1024);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_true(a.over);
	arena_reset(&a);
	assert_null(arena_array(&a, SIZE_MAX / 2, 4));
	assert_true(a.over);
	arena_reset(&a);
	assert_null(arena_copy(&a, "", SIZE_MAX));
	assert_true(a.over);
	arena_done(&a);

	arena_init(&free_one, 0);
	assert_null(arena_alloc(&free_one, SIZE_MAX - 3));
	assert_null(arena_array(&free_one, SIZE_MAX / 2, 4));
	assert_false(free_one.over);
	arena_done(&free_one);
}

static void out_of_memory_is_null_and_not_over(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	alloc_fail_at(1);
	assert_null(arena_alloc(&a, 10));
	assert_true(alloc_failed());
	assert_false(a.over);

	assert_non_null(arena_alloc(&a, 10));
	alloc_fail_at(1);
	assert_null(arena_alloc(&a, 100000)); /* needs a second block */
	assert_true(alloc_failed());
	assert_false(a.over);
	assert_non_null(arena_alloc(&a, 10)); /* the first block still serves */
	arena_done(&a);
}

static void a_turn_like_the_one_before_allocates_nothing(void **state)
{
	struct arena a;
	uint64_t before;

	(void)state;
	arena_init(&a, 0);
	for (int i = 0; i < 100; i++)
		assert_non_null(arena_alloc(&a, 1000));
	arena_reset(&a);
	before = alloc_count();
	for (int i = 0; i < 60; i++)
		assert_non_null(arena_alloc(&a, 1000));
	assert_int_equal(alloc_count(), before);
	arena_done(&a);
}

static void a_copy_is_followed_by_a_nul(void **state)
{
	struct arena a;
	uint8_t *copy;

	(void)state;
	arena_init(&a, 0);
	copy = arena_copy(&a, "kith", 4);
	assert_non_null(copy);
	assert_memory_equal(copy, "kith", 5);
	copy = arena_copy(&a, NULL, 0);
	assert_non_null(copy);
	assert_int_equal(copy[0], 0);
	arena_done(&a);
}

static void text_is_as_long_as_it_needs_to_be(void **state)
{
	struct arena a;
	char *text;

	(void)state;
	arena_init(&a, 100000);
	text = arena_text(&a, "%s-%05d", "north", 7);
	assert_non_null(text);
	assert_string_equal(text, "north-00007");
	text = arena_text(&a, "%*s", 20000, "x");
	assert_non_null(text);
	assert_int_equal(strlen(text), 20000);
	assert_null(arena_text(&a, "%*s", 90000, "x"));
	assert_true(a.over);
	arena_done(&a);
}

static void a_growing_array_keeps_what_is_in_it(void **state)
{
	struct arena a;
	uint32_t *v = NULL;
	size_t room = 0;

	(void)state;
	arena_init(&a, 0);
	for (uint32_t n = 0; n < 1000; n++) {
		v = arena_grow(&a, v, n, &room, sizeof(*v));
		assert_non_null(v);
		assert_true(room > n);
		v[n] = n * 3;
	}
	for (uint32_t n = 0; n < 1000; n++)
		assert_int_equal(v[n], n * 3);
	arena_done(&a);
}

static void an_array_that_may_not_grow_stays_as_it_was(void **state)
{
	struct arena a;
	uint64_t *v;
	size_t room = 0, before;

	(void)state;
	arena_init(&a, 200);
	v = arena_grow(&a, NULL, 0, &room, sizeof(*v));
	assert_non_null(v);
	before = room;
	v[before - 1] = 5;
	assert_null(arena_grow(&a, v, before, &room, 100));
	assert_true(a.over);
	assert_int_equal(room, before);
	assert_int_equal(v[before - 1], 5);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned_also_after_a_reset),
		cmocka_unit_test(allocations_do_not_overlap),
		cmocka_unit_test(a_budget_refuses_and_says_that_it_was_the_budget),
		cmocka_unit_test(asking_for_nothing_for_ever_reaches_the_budget),
		cmocka_unit_test(
			sizes_that_cannot_be_counted_are_over_any_budget_and_never_wrap),
		cmocka_unit_test(out_of_memory_is_null_and_not_over),
		cmocka_unit_test(a_turn_like_the_one_before_allocates_nothing),
		cmocka_unit_test(a_copy_is_followed_by_a_nul),
		cmocka_unit_test(text_is_as_long_as_it_needs_to_be),
		cmocka_unit_test(a_growing_array_keeps_what_is_in_it),
		cmocka_unit_test(an_array_that_may_not_grow_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
