/* SPDX-License-Identifier: Apache-2.0 */

/*
 * kithctl's pure text: what a terminal may see, cards as text, progress, sizes and ages.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <kith/utf8.h>

#include "daemon/cli/cli.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static struct span text(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

static const char *line(const char *s)
{
	return safe_text(&arena, text(s), SAFE_LINE);
}

static void names_of_any_script_are_shown_as_they_are(void **state)
{
	(void)state;
	assert_string_equal(line("Siân Ní Dhónaill 李 \xf0\x9f\x91\xa7"),
		"Siân Ní Dhónaill 李 \xf0\x9f\x91\xa7");
}

static void an_escape_sequence_is_shown_not_obeyed(void **state)
{
	(void)state;
	assert_string_equal(line("a\033[2Jb\007c\x7f"), "a\\x1b[2Jb\\x07c\\x7f");
	assert_string_equal(line("\xc2\x9b"
				 "31m"),
		"\\u009b31m");
	assert_string_equal(line("one\r\ntwo\tthree"), "one\\r\\ntwo three");
}

static void writing_cannot_be_turned_round_or_hidden(void **state)
{
	/* As bytes: in a string literal they would turn this file round. */
	static const uint8_t turned[] = { 'a', 0xe2, 0x80, 0xae, 'b', 0xe2, 0x81, 0xa6 };
	static const uint8_t hidden[] = { 'x', 0xe2, 0x80, 0x8b, 0xef, 0xbb, 0xbf, 0xf3, 0xa0,
		0x81, 0x81 };

	(void)state;
	assert_string_equal(
		safe_text(&arena, (struct span){ turned, sizeof(turned) }, SAFE_LINE),
		"a\\u202eb\\u2066");
	assert_string_equal(
		safe_text(&arena, (struct span){ hidden, sizeof(hidden) }, SAFE_LINE),
		"x\\u200b\\ufeff\\U000e0041");
}

static void bytes_that_are_no_utf8_are_shown_one_by_one(void **state)
{
	(void)state;
	assert_string_equal(line("Si\xe2n"), "Si\\xe2n");
	assert_string_equal(line("\xc0\xaf"), "\\xc0\\xaf");
	assert_string_equal(line("\xed\xa0\x80"), "\\xed\\xa0\\x80");
	assert_string_equal(line("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
	assert_string_equal(line("\xe2\x82"), "\\xe2\\x82");
	assert_false(utf8_valid(text("\xc0\xaf")));
	assert_true(utf8_valid(text("Siân")));
}

static void a_nul_does_not_end_what_is_shown(void **state)
{
	(void)state;
	assert_string_equal(
		safe_text(&arena, (struct span){ (const uint8_t *)"a\0b", 3 }, SAFE_LINE),
		"a\\x00b");
}

static void a_note_keeps_its_lines_and_nothing_else(void **state)
{
	(void)state;
	assert_string_equal(
		safe_text(&arena, text("one\ntwo\033c"), SAFE_LINES), "one\ntwo\\x1bc");
}

static void ages_and_sizes_are_for_people(void **state)
{
	char into[SHORT_TEXT];

	(void)state;
	assert_string_equal(age_text(7, into), "7 ms");
	assert_string_equal(age_text(119999, into), "119 s");
	assert_string_equal(age_text(180000, into), "3 min");
	assert_string_equal(age_text(7200000, into), "2 h");
	assert_string_equal(age_text(UINT64_C(3) * 86400000, into), "3 days");
	assert_string_equal(size_text(1023, into), "1023 B");
	assert_string_equal(size_text(1536, into), "1.5 KiB");
	assert_string_equal(size_text(UINT64_C(256) << 30, into), "256 GiB");
	assert_string_equal(size_text(UINT64_MAX, into), "16.0 EiB");
}

static void progress_promises_no_time_before_it_has_a_rate(void **state)
{
	char into[160];

	(void)state;
	assert_string_equal(progress_text("importing", 500, 2000, 100, into, sizeof(into)),
		"importing 500 of 2000 (25 %)");
	assert_string_equal(progress_text("importing", 500, 2000, 2000, into, sizeof(into)),
		"importing 500 of 2000 (25 %), 250/s, 6 s left");
	assert_string_equal(progress_text("importing", 2000, 2000, 8000, into, sizeof(into)),
		"importing 2000 of 2000 (100 %), 250/s");
	assert_string_equal(
		progress_text("x", 0, 0, 0, into, sizeof(into)), "x 0 of 0 (100 %)");
	assert_string_equal(
		progress_text("importing", 500, 2000, 2000, into, 12), "importing 5");
}

static struct span card_of(size_t n)
{
	uint8_t *bytes = arena_alloc(&arena, n + 1);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 7 + n);
	return (struct span){ bytes, n };
}

static void a_card_of_any_length_comes_back_from_its_text(void **state)
{
	(void)state;
	for (size_t n = 1; n < 200; n++) {
		struct span in = card_of(n), out = { 0 };
		struct why why = { "" };
		const char *t = card_text_make(&arena, "north-west", "ab12 cd34", in);

		assert_int_equal(card_text_parse(text(t), &arena, &out, &why), 0);
		assert_int_equal(out.len, n);
		assert_memory_equal(out.at, in.at, n);
	}
}

static void a_card_as_text_has_its_name_and_lines_that_a_mail_leaves_alone(void **state)
{
	const char *t = card_text_make(&arena, "north-west", "ab12 cd34", card_of(49));
	struct span empty = { 0 };

	(void)state;
	assert_string_equal(t,
		"Region: north-west\nFingerprint: ab12 cd34\n"
		"-----BEGIN KITH REGION CARD-----\n"
		"MTg/Rk1UW2JpcHd+hYyTmqGor7a9xMvS2eDn7vX8AwoRGB8mLTQ7QklQV15lbHN6\n"
		"gQ==\n-----END KITH REGION CARD-----\n");
	assert_string_equal(base64_text(&arena, empty), "");
}

static void a_card_that_went_through_windows_is_read(void **state)
{
	struct span out = { 0 };
	struct why why = { "" };

	(void)state;
	assert_int_equal(
		card_text_parse(text("Hello,\r\n\r\n-----BEGIN KITH REGION CARD-----\r\n"
				     "AQID \r\nBA==\t\r\n-----END KITH REGION CARD-----"),
			&arena, &out, &why),
		0);
	assert_int_equal(out.len, 4);
	assert_memory_equal(out.at, "\1\2\3\4", 4);
}

#define WRAP(body)                                                                             \
	"-----BEGIN KITH REGION CARD-----\n" body "\n-----END KITH REGION CARD-----\n"

static void a_card_that_is_not_whole_is_refused_with_the_line(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "there is no line -----BEGIN KITH REGION CARD-----" },
		{ "AQID\n", "there is no line -----BEGIN KITH REGION CARD-----" },
		{ "-----BEGIN KITH REGION CARD-----\nAQID\n",
			"the line -----END KITH REGION CARD----- is missing: the card is cut "
			"short" },
		{ WRAP(""), "the card is cut short" },
		{ WRAP("AQI"), "the card is cut short" },
		{ WRAP("AQID\nA"), "the card is cut short" },
		{ WRAP("AQID\nA*=="), "line 3: there is a character that is not of base64" },
		{ WRAP("> AQID"), "line 2: there is a character that is not of base64" },
		{ WRAP("AR=="), "line 2: the last character is not one that base64 ends in" },
		{ WRAP("AQJ="), "line 2: the last character is not one that base64 ends in" },
		{ WRAP("A==="), "line 2: '=' stands where no padding may" },
		{ WRAP("AQ="), "line 2: the padding is not whole, or something follows it" },
		{ WRAP("AQ==AQID"),
			"line 2: the padding is not whole, or something follows it" },
		{ WRAP("AQ==\nAQID"), "line 3: something follows the padding" },
		{ WRAP("AQ==\n=="), "line 3: there is a character that is not of base64" },
		{ WRAP("AQID") WRAP("AQID"), "line 4: a second card; a file holds one" },
		{ WRAP("AQIDAQIDAQIDAQIDAQIDAQIDAQIDAQIDAQIDAQIDAQIDAQIDAQIDAQIDAQIDAQIDAQIDAQI"
		       "DAQ"
		       "IDAQID"),
			"line 2: the line is too long" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct span out = { 0 };
		struct why why = { "" };

		assert_int_equal(card_text_parse(text(bad[i].text), &arena, &out, &why),
			CARD_TEXT_E_BAD);
		assert_string_equal(why.text, bad[i].why);
		assert_null(out.at);
	}
}

static void a_card_that_is_too_large_is_refused(void **state)
{
	struct span out = { 0 };
	struct why why = { "" };
	const char *t = card_text_make(&arena, "n", "f", card_of(BUNDLE_MAX + 1));
	uint8_t *zeroes = arena_alloc(&arena, CARD_TEXT_MAX + 1);

	(void)state;
	assert_int_equal(card_text_parse(text(t), &arena, &out, &why), CARD_TEXT_E_BAD);
	assert_non_null(strstr(why.text, "the card is too large"));
	t = card_text_make(&arena, "n", "f", card_of(BUNDLE_MAX));
	assert_int_equal(card_text_parse(text(t), &arena, &out, &why), 0);
	assert_int_equal(
		card_text_parse((struct span){ zeroes, CARD_TEXT_MAX + 1 }, &arena, &out, &why),
		CARD_TEXT_E_BAD);
	assert_string_equal(why.text, "this is too large to be a region card");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_of_any_script_are_shown_as_they_are),
		TEST(an_escape_sequence_is_shown_not_obeyed),
		TEST(writing_cannot_be_turned_round_or_hidden),
		TEST(bytes_that_are_no_utf8_are_shown_one_by_one),
		TEST(a_nul_does_not_end_what_is_shown),
		TEST(a_note_keeps_its_lines_and_nothing_else),
		TEST(ages_and_sizes_are_for_people),
		TEST(progress_promises_no_time_before_it_has_a_rate),
		TEST(a_card_of_any_length_comes_back_from_its_text),
		TEST(a_card_as_text_has_its_name_and_lines_that_a_mail_leaves_alone),
		TEST(a_card_that_went_through_windows_is_read),
		TEST(a_card_that_is_not_whole_is_refused_with_the_line),
		TEST(a_card_that_is_too_large_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
