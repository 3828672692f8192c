/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Errors: what is fatal leaves a trail, what is a verdict leaves none.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <kith/err.h>

static void a_fatal_error_leaves_a_trail_from_its_first_place(void **state)
{
	const struct err_place *trail;

	(void)state;
	err_forget();
	assert_int_equal(err_new(-ENOMEM), -ENOMEM);
	assert_int_equal(err_up(-ENOMEM), -ENOMEM);

	assert_int_equal(err_trail(&trail), 2);
	assert_string_equal(trail[0].func, __func__);
	assert_int_equal(trail[0].code, -ENOMEM);
	assert_true(trail[0].line < trail[1].line);
	assert_non_null(strstr(trail[0].file, "test_err.c"));
}

static void a_verdict_or_a_success_passing_up_leaves_no_trail(void **state)
{
	const struct err_place *trail;

	(void)state;
	err_forget();
	assert_int_equal(err_up(0), 0);
	assert_int_equal(err_up(3), 3);

	assert_int_equal(err_trail(&trail), 0);
}

static void a_verdict_that_could_not_come_is_fatal(void **state)
{
	const struct err_place *trail;

	(void)state;
	err_forget();
	assert_int_equal(err_odd(0), 0);
	assert_int_equal(err_odd(2), -ENOTRECOVERABLE);
	assert_int_equal(err_odd(-EIO), -EIO);

	assert_int_equal(err_trail(&trail), 2);
	assert_int_equal(trail[0].code, -ENOTRECOVERABLE);
	assert_int_equal(trail[1].code, -EIO);
}

static void the_trail_keeps_the_first_places_and_stays_bounded(void **state)
{
	const struct err_place *trail;
	size_t n;

	(void)state;
	err_forget();
	for (int i = 1; i <= 100; i++)
		(void)err_up(-i);

	n = err_trail(&trail);
	assert_in_range(n, 8, 99);
	assert_int_equal(trail[0].code, -1);
	assert_int_equal(trail[n - 1].code, -(int)n);
}

static void a_forgotten_trail_is_empty(void **state)
{
	const struct err_place *trail;

	(void)state;
	(void)err_new(-EIO);
	err_forget();
	assert_int_equal(err_trail(&trail), 0);
}

static void why_is_cut_to_its_room_and_always_ends(void **state)
{
	struct why why;
	char words[400];

	(void)state;
	memset(words, 'w', sizeof(words));
	words[sizeof(words) - 1] = '\0';
	memset(&why, 1, sizeof(why));
	why_set(&why, "%s", words);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);

	why_set(&why, "disk %d is full", 7);
	assert_string_equal(why.text, "disk 7 is full");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fatal_error_leaves_a_trail_from_its_first_place),
		cmocka_unit_test(a_verdict_or_a_success_passing_up_leaves_no_trail),
		cmocka_unit_test(a_verdict_that_could_not_come_is_fatal),
		cmocka_unit_test(the_trail_keeps_the_first_places_and_stays_bounded),
		cmocka_unit_test(a_forgotten_trail_is_empty),
		cmocka_unit_test(why_is_cut_to_its_room_and_always_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
