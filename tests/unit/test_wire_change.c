/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes: three byte strings within their limits (P2.6), and the protobuf that is never read
 * at all (P8.6).
 */

#include "tests/unit/wire_fixture.h"

#include <kith/message.h>

static uint8_t zeros[BODY_SEALED_MAX + 1];

static struct wire_change change_of(size_t header, size_t signature, size_t body)
{
	return (struct wire_change){ { zeros, header }, { zeros, signature }, { zeros, body } };
}

static int decoded(struct span s)
{
	struct wire_change c;
	return wire_change_decode(s, &c);
}

static struct span encoded(struct arena *a, struct wire_change c)
{
	struct span s = { 0 };
	assert_int_equal(wire_change_encode(&c, a, &s), 0);
	return s;
}

static void change_comes_back_as_it_went(void **state)
{
	(void)state;
	struct arena a;
	struct wire_change out;
	arena_init(&a, 0);
	struct span s = encoded(&a, change_of(180, SIG_LEN, 400));
	assert_int_equal(wire_change_decode(s, &out), 0);
	assert_int_equal(out.header.len, 180);
	assert_int_equal(out.signature.len, SIG_LEN);
	assert_int_equal(out.body.len, 400);
	assert_true(out.body.at > s.at && out.body.at < s.at + s.len); /* borrowed */
	assert_true(proof_repacks("Change", s));
	s = encoded(&a, change_of(180, 0, 400));
	assert_int_equal(wire_change_decode(s, &out), 0);
	assert_int_equal(out.signature.len, 0);
	arena_done(&a);
}

static void change_size_is_what_it_takes_in_a_message(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 0);
	struct wire_change c = change_of(180, SIG_LEN, 65672);
	struct span s = encoded(&a, c);
	assert_int_equal(wire_change_size(&c), bytes_field(1, s).len);
	arena_done(&a);
}

static void change_at_its_limits_is_taken_and_over_them_refused(void **state)
{
	(void)state;
	struct span header = bytes_field(1, (struct span){ zeros, HEADER_MAX });
	struct span body = bytes_field(3, (struct span){ zeros, BODY_SEALED_MAX });
	assert_int_equal(decoded(joined(header, body)), 0);
	struct span over = bytes_field(3, (struct span){ zeros, BODY_SEALED_MAX + 1 });
	assert_int_equal(decoded(joined(header, over)), WIRE_E_MALFORMED);
	over = bytes_field(1, (struct span){ zeros, HEADER_MAX + 1 });
	assert_int_equal(decoded(joined(over, body)), WIRE_E_MALFORMED);
	body = bytes_field(3, (struct span){ zeros, 100 });
	for (size_t sig = 1; sig <= SIGNATURE_MAX + 2 * HASH_LEN; sig++) {
		/* Alone (P3.1), or in a batch, with a path of 1 to 12 hashes (P3.6). */
		const bool batch = sig >= 104 && sig <= 456 && (sig - 72) % 32 == 0;
		struct span signature = bytes_field(2, (struct span){ zeros, sig });
		assert_int_equal(decoded(joined(header, joined(signature, body))),
			sig == SIG_LEN || batch ? 0 : WIRE_E_MALFORMED);
	}
}

static void change_without_a_header_or_with_two_is_refused(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 0);
	struct span s = encoded(&a, change_of(180, SIG_LEN, 400));
	assert_int_equal(decoded(without(s, 1)), WIRE_E_RANGE);
	for (uint64_t n = 1; n <= 3; n++)
		assert_int_equal(decoded(twice(s, n)), WIRE_E_MALFORMED);
	assert_int_equal(decoded(joined(s, number_field(9, 1))), 0); /* a later version's */
	arena_done(&a);
}

static void bytes_that_are_never_read_are_refused(void **state)
{
	(void)state;
	struct span header = bytes_field(1, (struct span){ zeros, 10 });
	const struct span bad[] = {
		BYTES(0x00, 0x00), /* field number 0 */
		BYTES(0x4b),
		BYTES(0x4b, 0x4c),
		BYTES(0x4c), /* groups */
		BYTES(0x4e),
		BYTES(0x4f),             /* wire types 6, 7 */
		BYTES(0x48),             /* cut */
		BYTES(0x48, 0x80),       /* cut in a varint */
		BYTES(0x4a, 0x02, 0x00), /* longer than the rest */
		BYTES(0x49, 0, 0, 0, 0, 0, 0, 0),
		BYTES(0x4d, 0, 0, 0),
		BYTES(0xc8, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01), /* a tag of six bytes */
		BYTES(0xc8, 0x80, 0x80, 0x80, 0x10, 0x01),       /* a tag of 33 bits */
		BYTES(0x48, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02),
		BYTES(0x48, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00),
		BYTES(0x4a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
	};
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(decoded(joined(header, bad[i])), WIRE_E_MALFORMED);
	const struct span good[] = {
		BYTES(0x49, 0, 0, 0, 0, 0, 0, 0, 0),
		BYTES(0x4d, 0, 0, 0, 0),
		BYTES(0x4a, 0x00),
		BYTES(0x48, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
	};
	for (size_t i = 0; i < COUNT(good); i++)
		assert_int_equal(decoded(joined(header, good[i])), 0);
}

static void text_is_utf8_without_nul(void **state)
{
	(void)state;
	const struct span good[] = {
		{ NULL, 0 },
		SPAN_LIT("ascii"),
		SPAN_LIT("\xc3\xa9"),
		SPAN_LIT("\xe2\x82\xac"),
		SPAN_LIT("\xf0\x9f\x98\x80"),
		SPAN_LIT("\xed\x9f\xbf"),
		SPAN_LIT("\xee\x80\x80"),
		SPAN_LIT("\xf4\x8f\xbf\xbf"),
		SPAN_LIT("\xe0\xa0\x80"),
		SPAN_LIT("\xf0\x90\x80\x80"),
		SPAN_LIT("\xf1\x80\x80\x80"),
	};
	const struct span bad[] = {
		SPAN_LIT("\0"),
		SPAN_LIT("a\0b"),
		SPAN_LIT("\x80"),
		SPAN_LIT("\xc0\x80"),
		SPAN_LIT("\xc1\xbf"),
		SPAN_LIT("\xc3"),
		SPAN_LIT("\xc3\x28"),
		SPAN_LIT("\xe2\x82"),
		SPAN_LIT("\xe0\x9f\xbf"),
		SPAN_LIT("\xed\xa0\x80"),
		SPAN_LIT("\xf0\x8f\xbf\xbf"),
		SPAN_LIT("\xf4\x90\x80\x80"),
		SPAN_LIT("\xf5\x80\x80\x80"),
		SPAN_LIT("\xff"),
		SPAN_LIT("\xf1\x80\x80"),
		SPAN_LIT("\xe2\x82\x41"),
	};
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(wire_text_ok(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(wire_text_ok(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(change_comes_back_as_it_went),
		cmocka_unit_test(change_size_is_what_it_takes_in_a_message),
		cmocka_unit_test(change_at_its_limits_is_taken_and_over_them_refused),
		cmocka_unit_test(change_without_a_header_or_with_two_is_refused),
		cmocka_unit_test(bytes_that_are_never_read_are_refused),
		cmocka_unit_test(text_is_utf8_without_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
