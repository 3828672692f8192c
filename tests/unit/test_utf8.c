/* SPDX-License-Identifier: Apache-2.0 */

/*
 * UTF-8: every character there is, and nothing else
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <kith/utf8.h>

/* The shortest form, or any longer one that has room for it. */
static struct span form(uint32_t c, size_t len, uint8_t into[4])
{
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = len; i-- > 1; c >>= 6)
		into[i] = (uint8_t)(0x80 | (c & 0x3f));
	into[0] = (uint8_t)(lead[len] | c);
	return (struct span){ into, len };
}

static size_t length(uint32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void every_character_is_read_in_its_shortest_form_only(void **state)
{
	static const uint32_t most[] = { 0, 0x7f, 0x7ff, 0xffff, 0x1fffff };

	(void)state;
	for (uint32_t c = 0; c <= 0x1fffff; c++) {
		const bool is = c < 0xd800 || (c > 0xdfff && c <= 0x10ffff);

		for (size_t len = length(c); len <= 4; len++) {
			uint8_t bytes[4];
			uint32_t got = c + 1;
			const struct span s = form(c, len, bytes);
			const bool good = is && len == length(c);

			assert_true(c <= most[len]);
			assert_int_equal(utf8_next(s, &got), good ? len : 0);
			assert_true(got == (good ? c : c + 1));
			assert_int_equal(utf8_valid(s), good);
		}
	}
}

static void what_is_cut_off_or_goes_on_wrongly_is_no_character(void **state)
{
	(void)state;
	for (uint32_t c = 0x80; c <= 0x10ffff; c += 0x7d) {
		uint8_t bytes[4];
		struct span s = form(c, length(c), bytes);

		if (!utf8_valid(s))
			continue; /* a surrogate */
		for (size_t i = 1; i < s.len; i++) {
			const uint8_t was = bytes[i];

			assert_false(utf8_valid((struct span){ bytes, i }));
			bytes[i] = was & 0x3f;
			assert_false(utf8_valid(s));
			bytes[i] = was | 0xc0;
			assert_false(utf8_valid(s));
			bytes[i] = was;
		}
		s.at++;
		s.len--;
		assert_false(utf8_valid(s));
	}
	for (unsigned first = 0xf8; first <= 0xff; first++)
		assert_false(utf8_valid((struct span){
			(const uint8_t[]){ (uint8_t)first, 0x80, 0x80, 0x80, 0x80 }, 5 }));
}

static void text_is_valid_when_each_of_its_characters_is(void **state)
{
	(void)state;
	assert_true(utf8_valid((struct span){ NULL, 0 }));
	assert_true(utf8_valid(SPAN_LIT("a\0b \xc3\xa2 \xe2\x82\xac \xf0\x9f\x91\xa7 z")));
	assert_false(utf8_valid(SPAN_LIT("a\0b \xc3\xa2 \xe2\x82 \xf0\x9f\x91\xa7 z")));
	assert_false(utf8_valid(SPAN_LIT("and the last \xf0\x9f\x91")));
	for (size_t i = 0; i < 30; i++) {
		uint8_t plain[30] = "thirty plain letters, or less";

		plain[i] = 0x80;
		for (size_t from = 0; from <= i; from++)
			assert_false(utf8_valid(
				(struct span){ plain + from, sizeof(plain) - from }));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_is_read_in_its_shortest_form_only),
		cmocka_unit_test(what_is_cut_off_or_goes_on_wrongly_is_no_character),
		cmocka_unit_test(text_is_valid_when_each_of_its_characters_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
