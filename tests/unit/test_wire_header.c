/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers: one header, one encoding (P2.2), and nothing out of range (P2.4, P2.7).
 */

#include "tests/unit/wire_fixture.h"

static struct header plain_header(void)
{
	return (struct header){
		.version = 1,
		.record = id_of(1),
		.at = { id_of(2), id_of(3), 300 },
		.prev = hash_of(4),
		.body_hash = hash_of(5),
		.content_root = hash_of(6),
		.key_epoch = 7,
		.key_class = 1,
	};
}

static struct header control_header(void)
{
	struct header h = plain_header();
	h.content_root = hash_of(0);
	h.key_epoch = h.key_class = 0;
	h.flags = FLAG_CONTROL | FLAG_MUST_UNDERSTAND;
	return h;
}

static struct span encoded(const struct header *h)
{
	uint8_t into[HEADER_MAX];
	size_t len = wire_header_encode(h, into);
	assert_true(len <= sizeof(into));
	return joined((struct span){ into, len }, (struct span){ NULL, 0 });
}

static int decoded(struct span s)
{
	struct header h;
	return wire_header_decode(s, &h);
}

static void header_comes_back_as_it_went(void **state)
{
	(void)state;
	struct header in[2] = { plain_header(), control_header() }, out;
	for (size_t i = 0; i < COUNT(in); i++) {
		assert_int_equal(wire_header_decode(encoded(&in[i]), &out), 0);
		same_bytes(encoded(&out), encoded(&in[i]));
		assert_true(place_equal(&in[i].at, &out.at));
		assert_int_equal(out.flags, in[i].flags);
		assert_true(proof_repacks("Header", encoded(&in[i])));
	}
}

static void largest_header_fits(void **state)
{
	(void)state;
	struct header h = plain_header();
	h.at.seq = UINT64_MAX;
	h.key_epoch = h.key_class = UINT32_MAX;
	assert_int_equal(decoded(encoded(&h)), 0);
	assert_true(encoded(&h).len <= HEADER_MAX);
}

static void header_without_any_one_field_is_refused(void **state)
{
	(void)state;
	struct header h = plain_header();
	for (uint64_t n = 1; n <= 11; n++) {
		assert_int_equal(decoded(without(encoded(&h), n)), WIRE_E_MALFORMED);
		assert_int_equal(decoded(twice(encoded(&h), n)), WIRE_E_MALFORMED);
	}
}

static void header_with_more_behind_it_is_refused(void **state)
{
	(void)state;
	struct header h = plain_header();
	struct span s = encoded(&h);
	assert_int_equal(decoded(joined(s, number_field(12, 0))), WIRE_E_MALFORMED);
	assert_int_equal(decoded(joined(s, BYTES(0))), WIRE_E_MALFORMED);
	assert_int_equal(decoded(joined(number_field(12, 0), s)), WIRE_E_MALFORMED);
}

static void header_cut_anywhere_is_refused(void **state)
{
	(void)state;
	struct header h = plain_header();
	struct span s = encoded(&h);
	for (size_t len = 0; len < s.len; len++)
		assert_int_equal(decoded((struct span){ s.at, len }), WIRE_E_MALFORMED);
	assert_int_equal(decoded((struct span){ NULL, 0 }), WIRE_E_MALFORMED);
}

static void longer_varint_than_needed_is_refused(void **state)
{
	(void)state;
	struct header h = plain_header();
	struct span s = encoded(&h);
	assert_int_equal(decoded(with(s, 1, BYTES(0x08, 0x81, 0x00))), WIRE_E_MALFORMED);
	assert_int_equal(decoded(with(s, 1, BYTES(0x88, 0x00, 0x01))), WIRE_E_MALFORMED);
	assert_int_equal(decoded(with(s, 11, BYTES(0x58, 0x80, 0x00))), WIRE_E_MALFORMED);
	struct span id = { h.record.b, ID_LEN };
	assert_int_equal(
		decoded(with(s, 2, joined(BYTES(0x12, 0x90, 0x00), id))), WIRE_E_MALFORMED);
	assert_int_equal(decoded(with(s, 2, joined(BYTES(0x12, 0x10), id))), 0);
}

static void header_with_another_width_or_wire_type_is_refused(void **state)
{
	(void)state;
	struct header h = plain_header();
	struct span s = encoded(&h);
	struct hash hash = hash_of(9);
	assert_int_equal(decoded(with(s, 2, bytes_field(2, (struct span){ hash.b, 15 }))),
		WIRE_E_MALFORMED);
	assert_int_equal(decoded(with(s, 2, bytes_field(2, (struct span){ hash.b, 17 }))),
		WIRE_E_MALFORMED);
	assert_int_equal(decoded(with(s, 6, bytes_field(6, (struct span){ hash.b, 31 }))),
		WIRE_E_MALFORMED);
	assert_int_equal(decoded(with(s, 2, number_field(2, 1))), WIRE_E_MALFORMED);
	assert_int_equal(decoded(with(s, 1, bytes_field(1, BYTES(1)))), WIRE_E_MALFORMED);
	assert_int_equal(
		decoded(with(s, 9, number_field(9, UINT64_C(1) << 32))), WIRE_E_MALFORMED);
}

static void header_out_of_range_is_refused(void **state)
{
	(void)state;
	const struct header plain = plain_header(), control = control_header();
	struct header h[] = { plain, plain, plain, plain, plain, plain, plain, control, control,
		control };
	h[0].version = 2;
	h[1].at.seq = 0;
	h[2].at.seq = 1; /* with a prev */
	h[3].prev = hash_of(0);
	h[4].flags = 4;
	h[5].flags = FLAG_MUST_UNDERSTAND;
	h[6].key_epoch = 0;
	h[7].key_epoch = 1;
	h[8].key_class = 1;
	h[9].content_root = hash_of(1);
	for (size_t i = 0; i < COUNT(h); i++)
		assert_int_equal(decoded(encoded(&h[i])), WIRE_E_RANGE);
	struct header first = plain;
	first.at.seq = 1;
	first.prev = hash_of(0);
	assert_int_equal(decoded(encoded(&first)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_comes_back_as_it_went),
		cmocka_unit_test(largest_header_fits),
		cmocka_unit_test(header_without_any_one_field_is_refused),
		cmocka_unit_test(header_with_more_behind_it_is_refused),
		cmocka_unit_test(header_cut_anywhere_is_refused),
		cmocka_unit_test(longer_varint_than_needed_is_refused),
		cmocka_unit_test(header_with_another_width_or_wire_type_is_refused),
		cmocka_unit_test(header_out_of_range_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
