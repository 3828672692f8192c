/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies: every entry comes back, padding says only a power of two (P4.3), and each field of
 * the encoding is one leaf, also one that we do not know (P4.4).
 */

#include "tests/unit/wire_fixture.h"

static struct arena kept;

static int tear_down(void **state)
{
	(void)state;
	arena_done(&kept);
	return 0;
}

static struct entry_ref before[2];
static struct wire_cell cells[2] = {
	{ SPAN_LIT("CHILD"), SPAN_LIT("12345") },
	{ SPAN_LIT("DOB"), SPAN_LIT("\xff\x00") },
};
static struct span faults[2] = { SPAN_LIT("101"), SPAN_LIT("102") };
static struct ref deps[65];
static struct entry entries[257];

/* Everything that a body can hold. */
static struct body full_body(void)
{
	for (size_t i = 0; i < COUNT(deps); i++)
		deps[i] = ref_of(9);
	before[0] = (struct entry_ref){ ref_of(1), 0 };
	before[1] = (struct entry_ref){ ref_of(2), 300 };
	entries[0] = (struct entry){
		.kind = ENTRY_ROW,
		.has_effective = true,
		.effective = { 20000, DATE_MONTH },
		.supersedes = before,
		.n_supersedes = 2,
		.corrects = before,
		.n_corrects = 1,
		.title = SPAN_LIT("a title"),
		.text = SPAN_LIT("words, \xc3\xa9"),
		.has_row = true,
		.row = { 2, 17, 2026, 1, SPAN_LIT("ABC"), SPAN_LIT("header.csv"), cells, 2,
			faults, 2 },
	};
	entries[1] = (struct entry){
		.kind = 4711,
		.has_alias = true,
		.alias = { SPAN_LIT("ABC"), SPAN_LIT("12345") },
		.has_access = true,
		.access = { SPAN_LIT("who"), SPAN_LIT("role"), SPAN_LIT("purpose"), 2, 3 },
		.has_worker = true,
		.worker = { .name = SPAN_LIT("name"),
			.role = SPAN_LIT("role"),
			.team = SPAN_LIT("team") },
	};
	struct body b = {
		.clock = UINT64_MAX,
		.worker = SPAN_LIT("w"),
		.role = SPAN_LIT("r"),
		.source = SPAN_LIT("s"),
		.deps = deps,
		.n_deps = 2,
		.entries = entries,
		.n_entries = 2,
	};
	memset(b.seed, 0xee, sizeof(b.seed));
	return b;
}

static struct span encoded(struct body b)
{
	struct span s = { 0 };
	assert_int_equal(wire_body_encode(&b, &kept, &s), 0);
	return s;
}

static int decoded(struct span s)
{
	struct body b;
	return wire_body_decode(s, &kept, &b);
}

static void body_comes_back_as_it_went(void **state)
{
	(void)state;
	struct span s = encoded(full_body());
	struct body out;
	assert_true(proof_repacks("Body", s));
	assert_int_equal(wire_body_decode(s, &kept, &out), 0);
	same_bytes(encoded(out), s);
	assert_int_equal(out.n_deps, 2);
	assert_int_equal(out.n_entries, 2);
	assert_int_equal(out.entries[0].effective.precision, DATE_MONTH);
	assert_int_equal(out.entries[0].supersedes[1].index, 300);
	assert_true(out.entries[0].has_row && !out.entries[1].has_row);
	same_bytes(out.entries[0].row.cells[1].value, SPAN_LIT("\xff\x00"));
	same_bytes(out.entries[0].row.faults[1], SPAN_LIT("102"));
	assert_int_equal(out.entries[1].kind, 4711);
	same_bytes(out.entries[1].access.purpose, SPAN_LIT("purpose"));
	same_bytes(out.entries[1].worker.team, SPAN_LIT("team"));
	same_bytes(out.entries[1].alias.child, SPAN_LIT("12345"));
}

static void entry_size_is_what_it_adds(void **state)
{
	(void)state;
	struct body b = full_body();
	size_t whole = encoded(b).len;
	b.n_entries = 1;
	assert_int_equal(encoded(b).len + wire_entry_size(&entries[1]), whole);
}

static void body_ends_at_its_limits(void **state)
{
	(void)state;
	struct body b = full_body();
	struct span s = encoded(b);
	struct span five = s, nine = s;
	for (uint64_t n = 1; n <= 9; n++) {
		five = n == 5 ? five : without(five, n);
		nine = n == 9 ? nine : without(nine, n);
	}
	s = without(without(s, 5), 9);
	assert_int_equal(decoded(joined(s, times(five, 5, 32))), 0);
	assert_int_equal(
		decoded(joined(joined(s, times(five, 5, 32)), five)), WIRE_E_MALFORMED);
	assert_int_equal(decoded(joined(s, times(nine, 9, 128))), 0);
	assert_int_equal(
		decoded(joined(joined(s, times(nine, 9, 128)), nine)), WIRE_E_MALFORMED);
	static uint8_t zeros[BODY_PLAIN_MAX];
	struct span rest = { zeros, BODY_PLAIN_MAX - 4 - s.len - 5 };
	assert_int_equal(decoded(joined(s, bytes_field(99, rest))), 0);
	rest.len++;
	assert_int_equal(decoded(joined(s, bytes_field(99, rest))), WIRE_E_MALFORMED);
}

static void body_needs_seed_and_clock_and_has_them_once(void **state)
{
	(void)state;
	struct span s = encoded(full_body());
	assert_int_equal(decoded(without(s, 1)), WIRE_E_RANGE);
	assert_int_equal(decoded(without(s, 2)), WIRE_E_RANGE);
	for (uint64_t n = 1; n <= 6; n++) {
		if (n != 5)
			assert_int_equal(decoded(twice(s, n)), WIRE_E_MALFORMED);
	}
	assert_int_equal(
		decoded(with(s, 1, bytes_field(1, SPAN_LIT("short")))), WIRE_E_MALFORMED);
}

static void text_that_is_none_is_refused(void **state)
{
	(void)state;
	struct span s = encoded(full_body());
	for (uint64_t n = 3; n <= 6; n++) {
		if (n == 5)
			continue;
		assert_int_equal(decoded(with(s, n, bytes_field(n, SPAN_LIT("a\0b")))),
			WIRE_E_MALFORMED);
		assert_int_equal(decoded(with(s, n, bytes_field(n, SPAN_LIT("\xff")))),
			WIRE_E_MALFORMED);
		assert_int_equal(decoded(with(s, n, number_field(n, 1))), WIRE_E_MALFORMED);
	}
	for (uint64_t n = 5; n <= 6; n++) {
		struct span entry = bytes_field(n, SPAN_LIT("\xc3("));
		assert_int_equal(decoded(joined(s, bytes_field(9, entry))), WIRE_E_MALFORMED);
	}
	struct span date = joined(number_field(1, UINT64_C(1) << 32), number_field(2, 3));
	assert_int_equal(
		decoded(joined(s, bytes_field(9, bytes_field(2, date)))), WIRE_E_RANGE);
	assert_int_equal(decoded(joined(s, bytes_field(9, bytes_field(2, number_field(2, 4))))),
		WIRE_E_RANGE);
}

static void padding_says_only_a_power_of_two(void **state)
{
	(void)state;
	static uint8_t ones[BODY_PLAIN_MAX];
	memset(ones, 1, sizeof(ones));
	const size_t lens[][2] = { { 0, 256 }, { 1, 256 }, { 252, 256 }, { 253, 512 },
		{ 508, 512 }, { 509, 1024 }, { 32764, 32768 }, { 32765, 65536 },
		{ 65532, 65536 } };
	for (size_t i = 0; i < COUNT(lens); i++) {
		struct span padded, back;
		assert_int_equal(
			wire_body_pad((struct span){ ones, lens[i][0] }, &kept, &padded), 0);
		assert_int_equal(padded.len, lens[i][1]);
		assert_int_equal(wire_body_unpad(padded, &back), 0);
		same_bytes(back, (struct span){ ones, lens[i][0] });
	}
	struct span s;
	assert_int_equal(wire_body_pad((struct span){ ones, 65533 }, &kept, &s), WIRE_E_RANGE);
}

static void other_padding_is_refused(void **state)
{
	(void)state;
	uint8_t b[1024] = { 0, 0, 0, 10 };
	struct span back;
	assert_int_equal(wire_body_unpad((struct span){ b, 256 }, &back), 0);
	assert_int_equal(wire_body_unpad((struct span){ b, 255 }, &back), WIRE_E_MALFORMED);
	assert_int_equal(wire_body_unpad((struct span){ b, 257 }, &back), WIRE_E_MALFORMED);
	assert_int_equal(wire_body_unpad((struct span){ b, 512 }, &back), WIRE_E_MALFORMED);
	assert_int_equal(wire_body_unpad((struct span){ NULL, 0 }, &back), WIRE_E_MALFORMED);
	b[255] = 1;
	assert_int_equal(wire_body_unpad((struct span){ b, 256 }, &back), WIRE_E_MALFORMED);
	b[255] = 0;
	b[14] = 1; /* the first byte behind */
	assert_int_equal(wire_body_unpad((struct span){ b, 256 }, &back), WIRE_E_MALFORMED);
	b[13] = 1, b[14] = 0;
	assert_int_equal(wire_body_unpad((struct span){ b, 256 }, &back), 0);
	b[3] = 253;
	assert_int_equal(wire_body_unpad((struct span){ b, 256 }, &back), WIRE_E_MALFORMED);
	b[0] = 0xff;
	assert_int_equal(wire_body_unpad((struct span){ b, 256 }, &back), WIRE_E_MALFORMED);
}

struct seen {
	struct leaf v[400];
	size_t n, stop_at;
};

static int see(void *ctx, const struct leaf *l)
{
	struct seen *s = ctx;
	if (s->n < COUNT(s->v))
		s->v[s->n] = *l;
	s->n++;
	return s->n == s->stop_at ? 77 : 0;
}

static void is_leaf(const struct leaf *l, uint32_t entry, uint32_t field, uint32_t occurrence,
	struct span raw)
{
	assert_int_equal(l->entry, entry);
	assert_int_equal(l->field, field);
	assert_int_equal(l->occurrence, occurrence);
	same_bytes(l->raw, raw);
}

static void leaves_are_fields_in_order_known_or_not(void **state)
{
	(void)state;
	struct span seed = bytes_field(1, SPAN_LIT("01234567890123456789012345678901"));
	struct span clock = number_field(2, 5), worker = bytes_field(3, SPAN_LIT("w"));
	struct span kind = number_field(1, 1), odd = number_field(1000, 300);
	struct span a = bytes_field(3, SPAN_LIT("x")), b = bytes_field(3, SPAN_LIT(""));
	struct span first = joined(joined(kind, a), joined(odd, b));
	struct span body = joined(seed, joined(odd, clock));
	body = joined(body, bytes_field(9, first));
	body = joined(body, joined(worker, odd));
	body = joined(body, bytes_field(9, joined(odd, joined(kind, odd))));
	struct seen seen = { .n = 0 };
	assert_int_equal(wire_body_leaves(body, see, &seen), 0);
	assert_int_equal(seen.n, 11);
	const uint32_t whole = UINT32_MAX;
	is_leaf(&seen.v[0], whole, 1000, 0, odd);
	is_leaf(&seen.v[1], whole, 2, 0, clock);
	is_leaf(&seen.v[2], 0, 1, 0, kind);
	is_leaf(&seen.v[3], 0, 3, 0, a);
	is_leaf(&seen.v[4], 0, 1000, 0, odd);
	is_leaf(&seen.v[5], 0, 3, 1, b);
	is_leaf(&seen.v[6], whole, 3, 0, worker);
	is_leaf(&seen.v[7], whole, 1000, 1, odd);
	is_leaf(&seen.v[8], 1, 1000, 0, odd);
	is_leaf(&seen.v[9], 1, 1, 0, kind);
	is_leaf(&seen.v[10], 1, 1000, 1, odd);
}

static void leaves_of_what_we_write_are_all_its_bytes(void **state)
{
	(void)state;
	struct span s = encoded(full_body());
	struct seen seen = { .n = 0 };
	assert_int_equal(wire_body_leaves(s, see, &seen), 0);
	size_t bytes = 0;
	for (size_t i = 0; i < seen.n; i++)
		bytes += seen.v[i].raw.len;
	size_t around =
		s.len - without(s, 1).len; /* the seed, and tag and length of two entries */
	assert_int_equal(bytes, s.len - around - (3 + 2));
}

static void verdict_of_the_leaf_goes_up(void **state)
{
	(void)state;
	struct seen seen = { .stop_at = 3 };
	assert_int_equal(wire_body_leaves(encoded(full_body()), see, &seen), 77);
	assert_int_equal(seen.n, 3);
}

static void bad_encodings_have_no_leaves(void **state)
{
	(void)state;
	struct seen seen = { .n = 0 };
	struct span s = encoded(full_body());
	assert_int_equal(wire_body_leaves(joined(s, BYTES(0)), see, &seen), WIRE_E_MALFORMED);
	assert_int_equal(wire_body_leaves(number_field(9, 1), see, &seen), WIRE_E_MALFORMED);
	assert_int_equal(
		wire_body_leaves(bytes_field(9, BYTES(0x0b)), see, &seen), WIRE_E_MALFORMED);
	struct span one = bytes_field(9, BYTES(0x08, 0x01));
	assert_int_equal(wire_body_leaves(times(one, 9, 256), see, &seen), 0);
	assert_int_equal(wire_body_leaves(times(one, 9, 257), see, &seen), WIRE_E_MALFORMED);
	struct span many = { NULL, 0 };
	for (uint64_t n = 100; n < 356; n++)
		many = joined(many, number_field(n, 0));
	assert_int_equal(wire_body_leaves(many, see, &seen), 0);
	many = joined(many, number_field(356, 0));
	assert_int_equal(wire_body_leaves(many, see, &seen), WIRE_E_MALFORMED);
}

static void memory_that_is_out_is_not_a_verdict(void **state)
{
	(void)state;
	struct body b = full_body(), out;
	for (size_t i = 1; i < COUNT(entries); i++)
		entries[i] = entries[0];
	b.n_entries = 100;
	struct span s = encoded(b), again;
	FAILS_WELL(wire_body_decode(s, &a, &out));
	FAILS_WELL(wire_body_encode(&b, &a, &again));
	FAILS_WELL(wire_body_pad(s, &a, &again));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body_comes_back_as_it_went),
		cmocka_unit_test(entry_size_is_what_it_adds),
		cmocka_unit_test(body_ends_at_its_limits),
		cmocka_unit_test(body_needs_seed_and_clock_and_has_them_once),
		cmocka_unit_test(text_that_is_none_is_refused),
		cmocka_unit_test(padding_says_only_a_power_of_two),
		cmocka_unit_test(other_padding_is_refused),
		cmocka_unit_test(leaves_are_fields_in_order_known_or_not),
		cmocka_unit_test(leaves_of_what_we_write_are_all_its_bytes),
		cmocka_unit_test(verdict_of_the_leaf_goes_up),
		cmocka_unit_test(bad_encodings_have_no_leaves),
		cmocka_unit_test(memory_that_is_out_is_not_a_verdict),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
