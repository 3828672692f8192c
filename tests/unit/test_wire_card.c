/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards, incarnation lists and bundles within their limits (P1.4 to P1.6), and export pieces
 * that protobuf joins (P9.1).
 */

#include "tests/unit/wire_fixture.h"

static struct arena kept;

static int tear_down(void **state)
{
	(void)state;
	arena_done(&kept);
	return 0;
}

static struct card card_of(uint32_t version)
{
	struct card c = {
		.version = version,
		.before = hash_of(version == 1 ? 0 : 1),
		.root_key = { { 2 } },
		.next_root = hash_of(3),
		.control_key = { { 4 } },
		.kem_key = { { 5 } },
		.curve_keys = { { { 6 } }, { { 7 } } },
		.n_curve_keys = 2,
		.endpoints = { "tcp://a.example:7040", "tcp://[::1]:1", "tcp://c", "tcp://d" },
		.n_endpoints = 4,
		.name = "north-west-1",
	};
	return c;
}

static struct span card_bytes(struct card c)
{
	struct span s = { 0 };
	assert_int_equal(wire_card_encode(&c, &kept, &s), 0);
	return s;
}

static int card_verdict(struct span s)
{
	struct card c;
	return wire_card_decode(s, &c);
}

static void card_comes_back_as_it_went(void **state)
{
	(void)state;
	for (uint32_t version = 1; version < 3; version++) {
		struct span s = card_bytes(card_of(version));
		struct card out;
		assert_true(proof_repacks("Card", s));
		assert_int_equal(wire_card_decode(s, &out), 0);
		same_bytes(card_bytes(out), s);
		assert_string_equal(out.name, "north-west-1");
		assert_string_equal(out.endpoints[1], "tcp://[::1]:1");
		assert_int_equal(out.n_curve_keys, 2);
	}
}

static void card_needs_its_fields_once(void **state)
{
	(void)state;
	struct span s = card_bytes(card_of(1));
	for (uint64_t n = 1; n <= 9; n++) {
		assert_int_equal(card_verdict(without(s, n)), n == 8 ? 0 : WIRE_E_RANGE);
		assert_int_equal(card_verdict(twice(s, n)), WIRE_E_MALFORMED);
	}
	assert_int_equal(card_verdict(joined(s, number_field(50, 1))), 0);
}

static void card_with_a_name_or_endpoint_that_is_none_is_refused(void **state)
{
	(void)state;
	struct span s = card_bytes(card_of(1));
	const struct span bad[] = { SPAN_LIT("North"), SPAN_LIT("a b"), SPAN_LIT("a_b"),
		SPAN_LIT("\xc3\xa9") };
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(
			card_verdict(with(s, 9, bytes_field(9, bad[i]))), WIRE_E_RANGE);
	static uint8_t a[128];
	memset(a, 'a', sizeof(a));
	assert_int_equal(card_verdict(with(s, 9, bytes_field(9, (struct span){ a, 63 }))), 0);
	assert_int_equal(card_verdict(with(s, 9, bytes_field(9, (struct span){ a, 64 }))),
		WIRE_E_MALFORMED);
	assert_int_equal(card_verdict(with(s, 9, bytes_field(9, (struct span){ a, 0 }))),
		WIRE_E_MALFORMED);
	assert_int_equal(
		card_verdict(with(s, 9, bytes_field(9, SPAN_LIT("a\0")))), WIRE_E_MALFORMED);
	memcpy(a, "tcp://", 6);
	assert_int_equal(card_verdict(with(s, 8, bytes_field(8, (struct span){ a, 127 }))), 0);
	assert_int_equal(card_verdict(with(s, 8, bytes_field(8, (struct span){ a, 128 }))),
		WIRE_E_MALFORMED);
	assert_int_equal(
		card_verdict(with(s, 8, bytes_field(8, SPAN_LIT("ipc:///x")))), WIRE_E_RANGE);
	assert_int_equal(
		card_verdict(with(s, 8, bytes_field(8, SPAN_LIT("tcp://a b")))), WIRE_E_RANGE);
	assert_int_equal(
		card_verdict(with(s, 8, bytes_field(8, SPAN_LIT("tcp://a\n")))), WIRE_E_RANGE);
}

static void first_card_alone_has_none_before_it(void **state)
{
	(void)state;
	struct card c = card_of(1);
	c.before = hash_of(1);
	assert_int_equal(card_verdict(card_bytes(c)), WIRE_E_RANGE);
	c = card_of(2);
	c.before = hash_of(0);
	assert_int_equal(card_verdict(card_bytes(c)), WIRE_E_RANGE);
	c = card_of(1);
	c.version = 0;
	assert_int_equal(card_verdict(card_bytes(c)), WIRE_E_RANGE);
}

static struct incarnation lives[65];

static struct span list_bytes(size_t n)
{
	for (size_t i = 0; i < COUNT(lives); i++)
		lives[i] =
			(struct incarnation){ id_of(1), i + 1, { { 2 } }, INCARNATION_CLOSED };
	struct incarnations l = { id_of(3), 4, lives, n };
	struct span s = { 0 };
	assert_int_equal(wire_incarnations_encode(&l, &kept, &s), 0);
	return s;
}

static int list_verdict(struct span s)
{
	struct incarnations l;
	return wire_incarnations_decode(s, &kept, &l);
}

static void incarnations_come_back_as_they_went(void **state)
{
	(void)state;
	struct span s = list_bytes(64);
	struct incarnations out;
	assert_true(proof_repacks("Incarnations", s));
	assert_int_equal(wire_incarnations_decode(s, &kept, &out), 0);
	assert_int_equal(out.n, 64);
	assert_int_equal(out.v[63].number, 64);
	assert_int_equal(out.v[63].status, INCARNATION_CLOSED);
	struct span three = list_bytes(1);
	assert_int_equal(
		list_verdict(joined(s, without(without(three, 1), 2))), WIRE_E_MALFORMED);
}

static void incarnations_out_of_range_are_refused(void **state)
{
	(void)state;
	struct span s = list_bytes(1);
	assert_int_equal(list_verdict(without(s, 1)), WIRE_E_RANGE);
	assert_int_equal(list_verdict(without(s, 2)), WIRE_E_RANGE);
	assert_int_equal(list_verdict(with(s, 2, number_field(2, 0))), WIRE_E_RANGE);
	struct span whole = list_bytes(0);
	struct hash key = hash_of(1);
	for (uint64_t status = 0; status < 6; status++) {
		struct span life =
			joined(bytes_field(1, (struct span){ key.b, 16 }), number_field(2, 1));
		life = joined(life, bytes_field(3, (struct span){ key.b, 32 }));
		life = joined(life, number_field(4, status));
		int verdict = list_verdict(joined(whole, bytes_field(3, life)));
		assert_int_equal(verdict, status >= 1 && status <= 3 ? 0 : WIRE_E_RANGE);
	}
}

static uint8_t sig[SIG_LEN];

static struct span bundle_bytes(size_t n, size_t len)
{
	static struct signed_bytes cards[17];
	static uint8_t zeros[BUNDLE_MAX];
	for (size_t i = 0; i < COUNT(cards); i++)
		cards[i] = (struct signed_bytes){ { zeros, 200 }, { sig, SIG_LEN } };
	struct bundle b = { cards, n, { { zeros, len }, { sig, SIG_LEN } } };
	struct span s = { 0 };
	assert_int_equal(wire_bundle_encode(&b, &kept, &s), 0);
	return s;
}

static int bundle_verdict(struct span s)
{
	struct bundle b;
	return wire_bundle_decode(s, &kept, &b);
}

static void bundle_comes_back_as_it_went(void **state)
{
	(void)state;
	struct span s = bundle_bytes(3, 100);
	struct bundle out;
	assert_true(proof_repacks("CardBundle", s));
	assert_int_equal(wire_bundle_decode(s, &kept, &out), 0);
	assert_int_equal(out.n_cards, 3);
	assert_int_equal(out.cards[2].bytes.len, 200);
	assert_int_equal(out.incarnations.bytes.len, 100);
	assert_int_equal(out.incarnations.signature.len, SIG_LEN);
}

static void bundle_ends_at_its_limits(void **state)
{
	(void)state;
	struct span s = bundle_bytes(16, 100),
		    one = without(without(bundle_bytes(1, 100), 2), 3);
	assert_int_equal(bundle_verdict(s), 0);
	assert_int_equal(bundle_verdict(joined(one, s)), WIRE_E_MALFORMED);
	for (uint64_t n = 1; n <= 3; n++) {
		assert_int_equal(bundle_verdict(without(s, n)), WIRE_E_RANGE);
		if (n > 1)
			assert_int_equal(bundle_verdict(twice(s, n)), WIRE_E_MALFORMED);
	}
	size_t room = BUNDLE_MAX - (bundle_bytes(1, 1000).len - 1000);
	assert_int_equal(bundle_verdict(bundle_bytes(1, room)), 0);
	assert_int_equal(bundle_verdict(bundle_bytes(1, room + 1)), WIRE_E_MALFORMED);
	struct span bad = bytes_field(3, (struct span){ sig, 63 });
	assert_int_equal(bundle_verdict(with(s, 3, bad)), WIRE_E_MALFORMED);
	assert_int_equal(bundle_verdict(with(s, 3, BYTES(0x1a, 0))), WIRE_E_MALFORMED);
}

static void pieces_of_an_export_are_one_export(void **state)
{
	(void)state;
	struct secret key = { { 9 } };
	struct wire_change change = { SPAN_LIT("h"), { sig, SIG_LEN }, SPAN_LIT("body") };
	const struct export_piece pieces[] = {
		{ .head = true, .record = id_of(1), .by = id_of(2), .at_ms = 3 },
		{ .bundle = SPAN_LIT("cards") },
		{ .has_key = true, .key_of = { .epoch = 1 }, .key = &key },
		{ .change = &change },
		{ .change = &change },
		{ .has_state_hash = true, .state_hash = hash_of(4) },
	};
	struct span all = { NULL, 0 }, s;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		assert_int_equal(wire_export_encode(&pieces[i], &kept, &s), 0);
		assert_true(proof_repacks("Export", s));
		all = joined(all, s);
	}
	assert_true(proof_repacks("Export", all));
	for (uint64_t n = 1; n <= 8; n++)
		assert_true(without(all, n).len < all.len);
	FAILS_WELL(wire_export_encode(&pieces[0], &a, &s));
}

static void memory_that_is_out_is_not_a_verdict(void **state)
{
	(void)state;
	struct span list = list_bytes(64), bundle = bundle_bytes(16, 100), s;
	struct incarnations l;
	struct bundle b;
	struct card c = card_of(1);
	FAILS_WELL(wire_incarnations_decode(list, &a, &l));
	FAILS_WELL(wire_bundle_decode(bundle, &a, &b));
	FAILS_WELL(wire_card_encode(&c, &a, &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(card_comes_back_as_it_went),
		cmocka_unit_test(card_needs_its_fields_once),
		cmocka_unit_test(card_with_a_name_or_endpoint_that_is_none_is_refused),
		cmocka_unit_test(first_card_alone_has_none_before_it),
		cmocka_unit_test(incarnations_come_back_as_they_went),
		cmocka_unit_test(incarnations_out_of_range_are_refused),
		cmocka_unit_test(bundle_comes_back_as_it_went),
		cmocka_unit_test(bundle_ends_at_its_limits),
		cmocka_unit_test(pieces_of_an_export_are_one_export),
		cmocka_unit_test(memory_that_is_out_is_not_a_verdict),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
