/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Spans: compared byte for byte, and empty ones wherever they point
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <kith/span.h>

static void spans_of_the_same_bytes_are_equal_wherever_they_stand(void **state)
{
	const uint8_t a[] = { 'k', 0, 'i' }, b[] = { 'k', 0, 'i', 't' };
	const struct span long_one = { b, 4 }, short_one = { b, 3 };

	(void)state;
	assert_true(span_equal((struct span){ a, 3 }, short_one));
	assert_false(span_equal(short_one, long_one));
	assert_false(span_equal(long_one, short_one));
	assert_false(span_equal((struct span){ b + 1, 3 }, short_one));
}

static void empty_spans_are_equal_also_when_they_point_nowhere(void **state)
{
	const struct span nowhere = { 0 };

	(void)state;
	assert_true(span_equal(nowhere, nowhere));
	assert_true(span_equal(nowhere, SPAN_LIT("")));
	assert_false(span_equal(nowhere, SPAN_LIT("k")));
	assert_true(span_is(nowhere, ""));
	assert_int_equal(span_of(NULL).len, 0);
}

static void a_word_is_meant_by_all_of_its_letters_only(void **state)
{
	(void)state;
	assert_int_equal(span_of("kith").len, 4);
	assert_true(span_is(SPAN_LIT("kith"), "kith"));
	assert_false(span_is(SPAN_LIT("kith"), "kit"));
	assert_false(span_is(SPAN_LIT("kit"), "kith"));
	assert_false(span_is(SPAN_LIT("Kith"), "kith"));
	assert_false(span_is(SPAN_LIT("kith\0"), "kith"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_of_the_same_bytes_are_equal_wherever_they_stand),
		cmocka_unit_test(empty_spans_are_equal_also_when_they_point_nowhere),
		cmocka_unit_test(a_word_is_meant_by_all_of_its_letters_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
