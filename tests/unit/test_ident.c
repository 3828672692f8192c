/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Identities: order is the order of bytes, and text is exactly hex or refused.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <kith/ident.h>

static void ids_are_equal_and_ordered_as_bytes(void **state)
{
	struct id a = { { [0] = 1, [15] = 0x7f } }, b = { { [0] = 1, [15] = 0x80 } };

	(void)state;
	assert_true(id_equal(&a, &a));
	assert_false(id_equal(&a, &b));
	assert_true(id_order(&a, &b) < 0); /* unsigned: 0x7f before 0x80 */
	assert_true(id_order(&b, &a) > 0);
	assert_int_equal(id_order(&a, &a), 0);
}

static void only_zeroes_are_zero(void **state)
{
	struct id id = { 0 };
	struct hash hash = { 0 };

	(void)state;
	assert_true(id_is_zero(&id));
	assert_true(hash_is_zero(&hash));
	id.b[ID_LEN - 1] = 1;
	hash.b[HASH_LEN - 1] = 0x80;
	assert_false(id_is_zero(&id));
	assert_false(hash_is_zero(&hash));
}

static void hashes_that_differ_in_their_last_byte_differ(void **state)
{
	struct hash a = { { 5 } }, b = a;

	(void)state;
	assert_true(hash_equal(&a, &b));
	b.b[HASH_LEN - 1] = 1;
	assert_false(hash_equal(&a, &b));
}

static void places_are_ordered_by_author_then_incarnation_then_number(void **state)
{
	const struct place low = { { { 1 } }, { { 9 } }, 300 };
	struct place p = low;

	(void)state;
	assert_true(place_equal(&low, &p));

	p.seq = 4000000000;
	assert_true(place_order(&low, &p) < 0);
	p.seq = 2;
	assert_true(place_order(&low, &p) > 0);
	p.incarnation.b[0] = 10;
	assert_true(place_order(&low, &p) < 0);
	p.incarnation.b[0] = 8;
	p.author.b[0] = 2;
	assert_true(place_order(&low, &p) < 0);
	assert_false(place_equal(&low, &p));
}

static void a_reference_is_its_place_and_its_check(void **state)
{
	struct ref a = { .at = { .seq = 1 }, .change = { { 1 } } }, b = a;

	(void)state;
	assert_true(ref_equal(&a, &b));
	b.change.b[0] = 2;
	assert_false(ref_equal(&a, &b));
	b = a;
	b.at.seq = 2;
	assert_false(ref_equal(&a, &b));
}

static void an_id_survives_its_text(void **state)
{
	struct id id = { { 0x00, 0x1f, 0xab, [15] = 0xff } }, got;
	char text[ID_TEXT_LEN];

	(void)state;
	assert_string_equal(id_text(&id, text), "001fab000000000000000000000000ff");
	assert_true(id_parse(text, &got));
	assert_true(id_equal(&id, &got));
	assert_true(id_parse("001FAB000000000000000000000000FF", &got));
	assert_true(id_equal(&id, &got));
}

static void text_that_is_not_exactly_hex_is_refused_and_writes_nothing(void **state)
{
	static const char *const bad[] = {
		"",
		"00",
		"001fab000000000000000000000000f",
		"001fab000000000000000000000000ff0",
		"001fab000000000000000000000000ff00",
		"001fab000000000000000000000000fg",
		"001fab00000000000000000000000 ff",
		"0x1fab000000000000000000000000ff",
		"001fab000000000000000000000000f\xff",
		":01fab000000000000000000000000ff",
		"@01fab000000000000000000000000ff",
		"`01fab000000000000000000000000ff",
	};
	struct id got = { { 0x55 } };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(id_parse(bad[i], &got));
		assert_int_equal(got.b[0], 0x55);
	}
}

static void no_bytes_have_an_empty_text(void **state)
{
	char text[1] = { 'x' };
	uint8_t byte = 9;

	(void)state;
	assert_string_equal(hex_text(&byte, 0, text), "");
	assert_true(hex_parse("", 0, &byte, 0));
	assert_false(hex_parse("0", 1, &byte, 0));
	assert_int_equal(byte, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_equal_and_ordered_as_bytes),
		cmocka_unit_test(only_zeroes_are_zero),
		cmocka_unit_test(hashes_that_differ_in_their_last_byte_differ),
		cmocka_unit_test(places_are_ordered_by_author_then_incarnation_then_number),
		cmocka_unit_test(a_reference_is_its_place_and_its_check),
		cmocka_unit_test(an_id_survives_its_text),
		cmocka_unit_test(text_that_is_not_exactly_hex_is_refused_and_writes_nothing),
		cmocka_unit_test(no_bytes_have_an_empty_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
