/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control bodies: each kind has the fields that it needs and no others (P6.1 to P6.9).
 */

#include "tests/unit/wire_fixture.h"

enum {
	KIND = 1,
	DATE,
	TERM,
	RIGHT,
	BEFORE,
	WORDS,
	OFFER,
	ACCEPT,
	WITHDRAW,
	GENESIS,
	CIRCLE,
	TO,
	CODE,
	MANIFEST,
	KEYS,
	LAST,
	CLOCK,
	VOTES
};

static struct ref votes[2];
static struct head heads[257];
static struct circle_row rows[65];
static struct key_commitment keys[65];
static struct removal removed[1];
static struct arena kept;

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++)
		heads[i] = (struct head){ { id_of(1), id_of(2), i + 1 }, hash_of(3) };
	for (size_t i = 0; i < COUNT(rows); i++)
		rows[i] = (struct circle_row){ id_of(4), ROLE_WRITER, UINT32_C(0x80000003), 1,
			true };
	for (size_t i = 0; i < COUNT(keys); i++)
		keys[i] = (struct key_commitment){ 1, (uint32_t)i % 32, hash_of(5) };
	removed[0] = (struct removal){ id_of(6), heads, 3, 1 };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_done(&kept);
	return 0;
}

/* What a kind needs, and nothing else. */
static struct control control_of(enum control_kind kind)
{
	struct control c = {
		.kind = kind,
		.date = { -3653, DATE_DAY },
		.clock = 77,
		.term = 1,
		.has_right = true,
		.right = ref_of(1),
	};
	static struct key_commitment later[2];
	bool answer =
		kind == CONTROL_ACCEPT || kind == CONTROL_DECLINE || kind == CONTROL_STAND_DOWN;
	c.has_offer = answer || kind == CONTROL_WITHDRAW || kind == CONTROL_RELEASE;
	c.offer = answer ? ref_of(1) : ref_of(2);
	c.has_before = c.has_offer || kind == CONTROL_OFFER;
	c.before = ref_of(3);
	c.has_accept = kind == CONTROL_RELEASE;
	c.accept = ref_of(4);
	c.has_withdraw = kind == CONTROL_STAND_DOWN;
	c.withdraw = ref_of(5);
	c.has_manifest = kind == CONTROL_OFFER || kind == CONTROL_RELEASE;
	if (c.has_manifest)
		c.manifest = (struct manifest){ heads, 2, hash_of(0), keys, 2, heads, 1 };
	const bool vote = kind == CONTROL_ASSUME || kind == CONTROL_RESOLVE;
	if (kind == CONTROL_OFFER || vote)
		c.to = id_of(9);
	if (kind == CONTROL_OFFER || kind == CONTROL_DECLINE || vote)
		c.code = 1;
	if (vote) {
		votes[0] = ref_of(10);
		votes[1] = ref_of(11);
		c.votes = votes;
		c.n_votes = 2;
	}
	if (kind == CONTROL_GENESIS) {
		c.has_right = false;
		memset(c.random, 7, sizeof(c.random));
		c.suite = 1;
	}
	if (kind == CONTROL_GENESIS || kind == CONTROL_KEY_EPOCH) {
		later[0] = (struct key_commitment){ 2, 0, hash_of(1) };
		later[1] = (struct key_commitment){ 2, 1, hash_of(2) };
		c.keys = kind == CONTROL_GENESIS ? keys : later;
		c.n_keys = 2;
	}
	if (kind == CONTROL_CIRCLE) {
		c.set = rows;
		c.n_set = 2;
		c.removed = removed;
		c.n_removed = 1;
	}
	if (kind == CONTROL_CLOSE || kind == CONTROL_RESOLVE)
		c.last = heads[0];
	return c;
}

static struct span encoded(struct control c)
{
	struct span s = { 0 };
	assert_int_equal(wire_control_encode(&c, &kept, &s), 0);
	return s;
}

static int decoded(struct span s)
{
	struct control c;
	return wire_control_decode(s, &kept, &c);
}

static void every_kind_comes_back_as_it_went(void **state)
{
	(void)state;
	for (uint32_t k = CONTROL_GENESIS; k < CONTROL_UNKNOWN; k++) {
		struct span s = encoded(control_of(k));
		struct control out;
		assert_true(proof_repacks("Control", s));
		assert_int_equal(wire_control_decode(s, &kept, &out), 0);
		assert_int_equal(out.kind, k);
		assert_int_equal(out.kind_number, k);
		assert_int_equal(out.date.day, -3653);
		same_bytes(encoded(out), s);
	}
}

static void circle_rows_come_back_as_they_went(void **state)
{
	(void)state;
	struct control out;
	assert_int_equal(
		wire_control_decode(encoded(control_of(CONTROL_CIRCLE)), &kept, &out), 0);
	assert_int_equal(out.n_set, 2);
	assert_int_equal(out.set[1].role, ROLE_WRITER);
	assert_int_equal(out.set[1].classes, UINT32_C(0x80000003));
	assert_true(out.set[1].guardian);
	assert_int_equal(out.n_removed, 1);
	assert_int_equal(out.removed[0].n_last, 3);
	assert_int_equal(out.removed[0].last[2].at.seq, 3);
	assert_int_equal(out.removed[0].keep, 1);
}

static void words_may_stand_in_every_kind(void **state)
{
	(void)state;
	for (uint32_t k = CONTROL_GENESIS; k < CONTROL_UNKNOWN; k++) {
		struct control c = control_of(k);
		c.has_words = true;
		c.words = ref_of(8);
		assert_int_equal(decoded(encoded(c)), 0);
	}
}

static bool has_field(struct span s, uint64_t number)
{
	return without(s, number).len != s.len;
}

static void kind_without_a_field_that_it_needs_is_refused(void **state)
{
	(void)state;
	for (uint32_t k = CONTROL_GENESIS; k < CONTROL_UNKNOWN; k++) {
		struct span s = encoded(control_of(k));
		for (uint64_t n = KIND; n <= CLOCK; n++) {
			bool may = k == CONTROL_CLOSE && n == RIGHT;
			if (has_field(s, n) && !may)
				assert_int_equal(decoded(without(s, n)), WIRE_E_RANGE);
		}
	}
}

static void field_of_another_kind_is_refused(void **state)
{
	(void)state;
	/* One of each field, from kinds that have it. */
	const enum control_kind from[] = { CONTROL_OFFER, CONTROL_RELEASE, CONTROL_STAND_DOWN,
		CONTROL_GENESIS, CONTROL_CIRCLE, CONTROL_CLOSE };
	int refused = 0;
	for (uint32_t k = CONTROL_GENESIS; k < CONTROL_UNKNOWN; k++) {
		struct span s = encoded(control_of(k));
		for (size_t i = 0; i < COUNT(from); i++) {
			struct span other = encoded(control_of(from[i]));
			for (uint64_t n = RIGHT; n <= LAST; n++) {
				if (has_field(s, n) || !has_field(other, n))
					continue;
				if (n == BEFORE &&
					(k == CONTROL_CIRCLE ||
						(k >= CONTROL_KEY_EPOCH && k < CONTROL_ASSUME)))
					continue;
				struct span field = other;
				for (uint64_t m = KIND; m <= CLOCK; m++)
					field = m == n ? field : without(field, m);
				assert_int_equal(decoded(with(s, n, field)), WIRE_E_RANGE);
				refused++;
			}
		}
	}
	assert_true(refused > 100);
}

static void no_field_may_stand_twice(void **state)
{
	(void)state;
	for (uint32_t k = CONTROL_GENESIS; k < CONTROL_UNKNOWN; k++) {
		struct span s = encoded(control_of(k));
		for (uint64_t n = KIND; n <= CLOCK; n++) {
			if (n != KEYS && has_field(s, n))
				assert_int_equal(decoded(twice(s, n)), WIRE_E_MALFORMED);
		}
	}
}

static void numbers_out_of_range_are_refused(void **state)
{
	(void)state;
	struct span genesis = encoded(control_of(CONTROL_GENESIS));
	struct span offer = encoded(control_of(CONTROL_OFFER));
	assert_int_equal(decoded(with(offer, TERM, number_field(TERM, 0))), WIRE_E_RANGE);
	assert_int_equal(decoded(with(genesis, TERM, number_field(TERM, 2))), WIRE_E_RANGE);
	assert_int_equal(decoded(with(offer, CODE, number_field(CODE, 0))), WIRE_E_RANGE);
	assert_int_equal(decoded(with(offer, CODE, number_field(CODE, UINT64_C(1) << 32))),
		WIRE_E_RANGE);
	for (uint64_t precision = 0; precision < 5; precision++) {
		struct span date = joined(number_field(1, 4), number_field(2, precision));
		assert_int_equal(decoded(with(offer, DATE, bytes_field(DATE, date))),
			precision == DATE_DAY ? 0 : WIRE_E_RANGE);
	}
	struct control c = control_of(CONTROL_OFFER);
	c.before.at.seq = 0;
	assert_int_equal(decoded(encoded(c)), WIRE_E_RANGE);
	c = control_of(CONTROL_GENESIS);
	c.suite = 2;
	assert_int_equal(decoded(encoded(c)), WIRE_E_RANGE);
}

static void role_that_is_none_is_refused(void **state)
{
	(void)state;
	struct span circle = encoded(control_of(CONTROL_CIRCLE));
	struct id region = id_of(1);
	struct span id = bytes_field(1, (struct span){ region.b, ID_LEN });
	for (uint64_t role = 0; role < 6; role++) {
		struct span row = bytes_field(1, joined(id, number_field(2, role)));
		int verdict = decoded(with(circle, CIRCLE, bytes_field(CIRCLE, row)));
		assert_int_equal(verdict, role >= 1 && role <= 3 ? 0 : WIRE_E_RANGE);
	}
	struct span class = joined(joined(id, number_field(2, 1)), number_field(3, 32));
	assert_int_equal(
		decoded(with(circle, CIRCLE, bytes_field(CIRCLE, bytes_field(1, class)))),
		WIRE_E_RANGE);
	assert_int_equal(decoded(with(circle, CIRCLE, BYTES(0x5a, 0))), WIRE_E_RANGE);
}

static void keys_are_all_of_the_epoch_that_fits(void **state)
{
	(void)state;
	struct key_commitment k[2] = { { 2, 0, hash_of(1) }, { 3, 1, hash_of(1) } };
	struct control c = control_of(CONTROL_KEY_EPOCH);
	c.keys = k;
	assert_int_equal(decoded(encoded(c)), WIRE_E_RANGE); /* two epochs */
	k[0].epoch = k[1].epoch = 1;
	assert_int_equal(decoded(encoded(c)), WIRE_E_RANGE); /* that of Genesis */
	k[0].epoch = k[1].epoch = 0;
	assert_int_equal(decoded(encoded(c)), WIRE_E_RANGE);
	k[0].epoch = k[1].epoch = 2;
	assert_int_equal(decoded(encoded(c)), 0);
	k[1].class = 32;
	assert_int_equal(decoded(encoded(c)), WIRE_E_RANGE);
	k[1].class = 31;
	c = control_of(CONTROL_GENESIS);
	c.keys = k;
	assert_int_equal(decoded(encoded(c)), WIRE_E_RANGE);
}

static void answer_has_its_right_from_the_offer(void **state)
{
	(void)state;
	for (uint32_t k = CONTROL_ACCEPT; k <= CONTROL_STAND_DOWN; k++) {
		struct control c = control_of(k);
		c.right.change.b[31] ^= 1;
		assert_int_equal(decoded(encoded(c)), WIRE_E_RANGE);
	}
}

/* The contents of the field .number of .in. */
static struct span inside(struct span in, uint64_t number)
{
	for (uint64_t n = 1; n <= CLOCK; n++)
		in = n == number ? in : without(in, n);
	size_t skip = 2;
	while (in.at[skip - 1] & 0x80)
		skip++;
	return (struct span){ in.at + skip, in.len - skip };
}

/* The field of that number in the field .outer, .n times. */
static int decoded_with_many(enum control_kind kind, uint64_t outer, uint64_t number, int n)
{
	struct control c = control_of(kind);
	c.manifest.n_heads = c.manifest.n_keys = c.manifest.n_lacks = c.n_set = 1;
	struct span s = encoded(c);
	struct span many = times(inside(s, outer), number, n);
	return decoded(with(s, outer, bytes_field(outer, many)));
}

static void repeated_fields_end_at_their_limits(void **state)
{
	(void)state;
	const struct {
		enum control_kind kind;
		int most;
		uint64_t outer, number;
	} limits[] = {
		{ CONTROL_OFFER, 256, MANIFEST, 1 },
		{ CONTROL_OFFER, 64, MANIFEST, 3 },
		{ CONTROL_OFFER, 256, MANIFEST, 4 },
		{ CONTROL_CIRCLE, 64, CIRCLE, 1 },
		{ CONTROL_CIRCLE, 64, CIRCLE, 2 },
	};
	for (size_t i = 0; i < COUNT(limits); i++) {
		for (int more = 0; more < 2; more++) {
			int verdict = decoded_with_many(limits[i].kind, limits[i].outer,
				limits[i].number, limits[i].most + more);
			assert_int_equal(verdict, more ? WIRE_E_MALFORMED : 0);
		}
	}
	struct control c = control_of(CONTROL_GENESIS);
	c.n_keys = 1;
	assert_int_equal(decoded(times(encoded(c), KEYS, 64)), 0);
	assert_int_equal(decoded(times(encoded(c), KEYS, 65)), WIRE_E_MALFORMED);
}

static void more_than_64_kib_are_refused(void **state)
{
	(void)state;
	static uint8_t zeros[65536];
	struct span s = encoded(control_of(CONTROL_OFFER));
	struct span rest = { zeros, 65536 - s.len - 5 };
	struct span full = joined(s, bytes_field(99, rest));
	assert_int_equal(full.len, 65536);
	assert_int_equal(decoded(full), 0); /* unknown fields are passed over */
	rest.len++;
	assert_int_equal(decoded(joined(s, bytes_field(99, rest))), WIRE_E_MALFORMED);
}

static void unknown_kind_is_kept_with_what_every_kind_has(void **state)
{
	(void)state;
	struct control out;
	struct span s = encoded(control_of(CONTROL_OFFER));
	const uint64_t numbers[] = { 0, CONTROL_UNKNOWN, 4000000000 };
	for (size_t i = 0; i < COUNT(numbers); i++) {
		struct span other = with(s, KIND, number_field(KIND, numbers[i]));
		assert_int_equal(wire_control_decode(other, &kept, &out), 0);
		assert_int_equal(out.kind, CONTROL_UNKNOWN);
		assert_int_equal(out.kind_number, numbers[i]);
		assert_int_equal(out.term, 1);
		assert_int_equal(out.clock, 77);
		assert_true(out.has_right && out.has_before);
		assert_false(out.has_manifest);
	}
	assert_int_equal(wire_control_decode(number_field(KIND, 99), &kept, &out), 0);
	assert_int_equal(out.kind, CONTROL_UNKNOWN);
	assert_false(out.has_right);
	assert_int_equal(decoded((struct span){ NULL, 0 }), WIRE_E_RANGE);
}

static void memory_that_is_out_is_not_a_verdict(void **state)
{
	(void)state;
	struct control c = control_of(CONTROL_OFFER), out;
	c.manifest = (struct manifest){ heads, 256, hash_of(0), keys, 64, heads, 256 };
	struct span s = encoded(c), again;
	FAILS_WELL(wire_control_decode(s, &a, &out));
	FAILS_WELL(wire_control_encode(&c, &a, &again));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_comes_back_as_it_went),
		cmocka_unit_test(circle_rows_come_back_as_they_went),
		cmocka_unit_test(words_may_stand_in_every_kind),
		cmocka_unit_test(kind_without_a_field_that_it_needs_is_refused),
		cmocka_unit_test(field_of_another_kind_is_refused),
		cmocka_unit_test(no_field_may_stand_twice),
		cmocka_unit_test(numbers_out_of_range_are_refused),
		cmocka_unit_test(role_that_is_none_is_refused),
		cmocka_unit_test(keys_are_all_of_the_epoch_that_fits),
		cmocka_unit_test(answer_has_its_right_from_the_offer),
		cmocka_unit_test(repeated_fields_end_at_their_limits),
		cmocka_unit_test(more_than_64_kib_are_refused),
		cmocka_unit_test(unknown_kind_is_kept_with_what_every_kind_has),
		cmocka_unit_test(memory_that_is_out_is_not_a_verdict),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
