/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Buffers: nothing is written past the end, nothing is read past the end, and both are noticed.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <kith/buf.h>

static void integers_are_big_endian_and_come_back(void **state)
{
	static const uint8_t want[] = { 0xfe, 0x01, 0x02, 0xa1, 0xa2, 0xa3, 0xa4, 0x80, 0, 0, 0,
		0, 0, 0, 0x01, 'k' };
	uint8_t into[sizeof(want)];
	struct writer w = writer_of(into, sizeof(into));
	struct reader r;

	(void)state;
	put_u8(&w, 0xfe);
	put_u16(&w, 0x0102);
	put_u32(&w, 0xa1a2a3a4);
	put_u64(&w, 0x8000000000000001);
	put_span(&w, SPAN_LIT("k"));
	assert_false(w.over);
	assert_int_equal(writer_span(&w).len, sizeof(want));
	assert_memory_equal(into, want, sizeof(want));

	r = reader_of(writer_span(&w));
	assert_int_equal(get_u8(&r), 0xfe);
	assert_int_equal(get_u16(&r), 0x0102);
	assert_int_equal(get_u32(&r), 0xa1a2a3a4);
	assert_true(get_u64(&r) == 0x8000000000000001);
	assert_int_equal(get_span(&r, 1).at[0], 'k');
	assert_int_equal(r.left, 0);
	assert_false(r.bad);
}

static void what_does_not_fit_is_marked_and_not_begun(void **state)
{
	uint8_t into[4] = { 9, 9, 9, 9 };
	struct writer w = writer_of(into, 3);

	(void)state;
	put_u16(&w, 0x0102);
	put_u16(&w, 0x0304);
	assert_true(w.over);
	assert_int_equal(w.len, 2);
	put_u8(&w, 5); /* would fit, but the mark is sticky */
	assert_int_equal(w.len, 2);
	assert_int_equal(into[2], 9);
	assert_int_equal(into[3], 9);
}

static void a_length_near_the_largest_does_not_wrap(void **state)
{
	uint8_t into[4] = { 0 };
	struct writer w = writer_of(into, sizeof(into));
	struct reader r = reader_of((struct span){ into, sizeof(into) });

	(void)state;
	put_u8(&w, 1);
	put_bytes(&w, into, SIZE_MAX);
	assert_true(w.over);
	assert_int_equal(w.len, 1);

	assert_int_equal(get_u8(&r), 1);
	assert_null(get_span(&r, SIZE_MAX).at);
	assert_true(r.bad);
}

static void reading_past_the_end_gives_zero_and_a_mark_that_stays(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct reader r = reader_of((struct span){ bytes, sizeof(bytes) });
	uint8_t into[2] = { 7, 7 };

	(void)state;
	assert_int_equal(get_u32(&r), 0);
	assert_true(r.bad);
	assert_int_equal(get_u8(&r), 0); /* there is one, but the mark is sticky */
	assert_int_equal(get_span(&r, 1).len, 0);
	get_into(&r, into, sizeof(into));
	assert_int_equal(into[0], 0);
	assert_int_equal(into[1], 0);
	assert_int_equal(r.left, 3);
}

static void nothing_may_be_put_into_and_read_from_nothing(void **state)
{
	struct writer w = writer_of(NULL, 0);
	struct reader r = reader_of((struct span){ 0 });

	(void)state;
	put_bytes(&w, NULL, 0);
	put_span(&w, (struct span){ 0 });
	assert_false(w.over);
	get_into(&r, NULL, 0);
	assert_int_equal(get_span(&r, 0).len, 0);
	assert_false(r.bad);
	put_u8(&w, 1);
	assert_true(w.over);
	assert_int_equal(get_u8(&r), 0);
	assert_true(r.bad);
}

static void get_into_copies_exactly_what_was_asked(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct reader r = reader_of((struct span){ bytes, sizeof(bytes) });
	uint8_t into[3] = { 0, 0, 9 };

	(void)state;
	get_into(&r, into, 2);
	assert_int_equal(into[0], 1);
	assert_int_equal(into[1], 2);
	assert_int_equal(into[2], 9);
	assert_int_equal(r.left, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_big_endian_and_come_back),
		cmocka_unit_test(what_does_not_fit_is_marked_and_not_begun),
		cmocka_unit_test(a_length_near_the_largest_does_not_wrap),
		cmocka_unit_test(reading_past_the_end_gives_zero_and_a_mark_that_stays),
		cmocka_unit_test(nothing_may_be_put_into_and_read_from_nothing),
		cmocka_unit_test(get_into_copies_exactly_what_was_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
