/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Dates: each form that returns use is understood, what no calendar has is not.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/care_fixture.h"

/* Parse in the collection of .year and write both ways. */
static void expect(const char *cell, int year, const char *iso, const char *people)
{
	char into[CARE_DATE_TEXT];
	struct care_date d;

	assert_int_equal(care_date_parse(text(cell), year, &d), 0);
	assert_string_equal(care_date_iso(d, into), iso);
	assert_string_equal(care_date_text(d, into), people);
}

static void refuse(const char *cell)
{
	struct care_date d = { 7, CARE_DATE_DAY };

	assert_int_equal(care_date_parse(text(cell), 2020, &d), CARE_DATE_E_BAD);
	assert_int_equal(d.precision, CARE_NO_DATE);
}

static void whole_dates_come_in_british_and_iso_order(void **state)
{
	(void)state;
	expect("12/05/2020", 2020, "2020-05-12", "12/05/2020");
	expect("1/2/2020", 2020, "2020-02-01", "01/02/2020");
	expect("2020-05-12", 2020, "2020-05-12", "12/05/2020");
	expect("12-05-2020", 2020, "2020-05-12", "12/05/2020");
	expect("12.05.2020", 2020, "2020-05-12", "12/05/2020");
	expect("  12/05/2020 ", 2020, "2020-05-12", "12/05/2020");
}

static void a_time_of_day_behind_a_date_is_ignored(void **state)
{
	(void)state;
	expect("2020-05-12 00:00:00", 2020, "2020-05-12", "12/05/2020");
	expect("2020-05-12T00:00:00", 2020, "2020-05-12", "12/05/2020");
	expect("12/05/2020 00:00", 2020, "2020-05-12", "12/05/2020");
	expect("2020-05-12 00:00:00.000", 2020, "2020-05-12", "12/05/2020");
	refuse("2020-05-12 noon");
	refuse("2020-05-12 00:00:00.");
	refuse("2020-05-12 0");
	refuse("12/05/20200");
}

static void a_two_digit_year_is_at_most_a_year_after_the_collection(void **state)
{
	(void)state;
	expect("12/05/19", 2020, "2019-05-12", "12/05/2019");
	expect("31/03/21", 2020, "2021-03-31", "31/03/2021");
	expect("01/04/21", 2020, "1921-04-01", "01/04/1921");
	expect("17/12/99", 2017, "1999-12-17", "17/12/1999");
	expect("29/02/00", 2017, "2000-02-29", "29/02/2000");
	expect("zz/05/99", 2017, "1999-05", "zz/05/1999");
	expect("01/01/99", 0, "2099-01-01", "01/01/2099");
	/* 2019 has no such day, and 1919 is not guessed instead */
	refuse("29/02/19");
}

static void unknown_parts_are_a_precision_and_never_the_first(void **state)
{
	struct care_date d, fifteenth, july;

	(void)state;
	expect("zz/05/2020", 2020, "2020-05", "zz/05/2020");
	expect("zz/zz/2020", 2020, "2020", "zz/zz/2020");
	expect("ZZ/zz/Zzzz", 2020, "unknown", "zz/zz/zzzz");
	assert_int_equal(care_date_parse(text("ZZ/05/2020"), 2020, &d), 0);
	assert_int_equal(care_date_parse(text("15/05/2020"), 2020, &fifteenth), 0);
	assert_int_equal(d.day, fifteenth.day);
	assert_int_equal(care_date_parse(text("zz/zz/2020"), 2020, &d), 0);
	assert_int_equal(care_date_parse(text("01/07/2020"), 2020, &july), 0);
	assert_int_equal(d.day, july.day);
	assert_true(care_date_known(d));
	assert_int_equal(care_date_parse(text("zz/zz/zzzz"), 2020, &d), 0);
	assert_int_equal(d.precision, CARE_DATE_UNKNOWN);
	assert_false(care_date_known(d));
	refuse("12/zz/2020");
	refuse("12/05/zzzz");
	refuse("zz/zz/zz");
	refuse("1z/05/2020");
}

static void days_that_no_calendar_has_are_not_dates(void **state)
{
	(void)state;
	refuse("31/02/2020");
	refuse("29/02/2019");
	refuse("00/01/2020");
	refuse("01/13/2020");
	refuse("01/00/2020");
	refuse("31/06/2020");
	refuse("29/02/1900");
	refuse("01/01/1066");
	refuse("01/01/9999");
}

static void other_words_are_not_dates_and_a_blank_is_a_blank(void **state)
{
	struct care_date d;

	(void)state;
	refuse("yesterday");
	refuse("43962");
	refuse("2020");
	refuse("2020-05");
	refuse("12/05-2020");
	refuse("//");
	refuse("1/2/3/2020");
	refuse("12345/1/1");
	assert_int_equal(care_date_parse(text(""), 2020, &d), CARE_DATE_E_BLANK);
	assert_int_equal(care_date_parse(text(" \t"), 2020, &d), CARE_DATE_E_BLANK);
	assert_int_equal(d.precision, CARE_NO_DATE);
}

static void days_are_counted_from_1970(void **state)
{
	struct care_date d;

	(void)state;
	assert_int_equal(care_date_parse(text("01/01/1970"), 2020, &d), 0);
	assert_int_equal(d.day, 0);
	assert_int_equal(care_date_parse(text("31/12/1969"), 2020, &d), 0);
	assert_int_equal(d.day, -1);
	assert_int_equal(care_date_parse(text("29/02/2000"), 2020, &d), 0);
	assert_int_equal(d.day, 11016);
}

static void every_day_of_350_years_is_written_as_it_was_read(void **state)
{
	struct care_date first, d, again;
	char a[CARE_DATE_TEXT], b[CARE_DATE_TEXT];

	(void)state;
	assert_int_equal(care_date_parse(text("01/01/1850"), 0, &first), 0);
	for (int32_t i = 0; i < 350 * 365; i++) {
		d = (struct care_date){ first.day + i, CARE_DATE_DAY };
		assert_int_equal(care_date_parse_iso(text(care_date_iso(d, a)), &again), 0);
		assert_int_equal(again.day, d.day);
		assert_int_equal(care_date_parse(text(care_date_text(d, b)), 0, &again), 0);
		assert_int_equal(again.day, d.day);
	}
}

static void iso_texts_of_every_precision_are_read_again(void **state)
{
	static const char *const texts[] = { "2020-05-12", "2020-05", "2020", "unknown" };
	static const char *const bad[] = { "2020-5", "20", "2020-", "2020-05-", "2020-05-12-01",
		"zzzz", "2020-zz", "2020-02-30" };
	char into[CARE_DATE_TEXT];
	struct care_date d;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(care_date_parse_iso(text(texts[i]), &d), 0);
		assert_string_equal(care_date_iso(d, into), texts[i]);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(care_date_parse_iso(text(bad[i]), &d), CARE_DATE_E_BAD);
	assert_int_equal(care_date_parse_iso(text(""), &d), CARE_DATE_E_BLANK);
	assert_string_equal(care_date_iso(d, into), "");
	assert_string_equal(care_date_text(d, into), "");
}

static void a_day_that_no_year_of_four_digits_has_is_unknown(void **state)
{
	static const int32_t days[] = { INT32_MIN, INT32_MAX, -719163, 2932897 };
	char into[CARE_DATE_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(days); i++)
		assert_string_equal(care_date_iso((struct care_date){ .day = days[i],
							  .precision = CARE_DATE_DAY },
					    into),
			"unknown");
	assert_string_equal(
		care_date_iso(
			(struct care_date){ .day = -719162, .precision = CARE_DATE_DAY }, into),
		"0001-01-01");
	assert_string_equal(
		care_date_iso(
			(struct care_date){ .day = 2932896, .precision = CARE_DATE_DAY }, into),
		"9999-12-31");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_dates_come_in_british_and_iso_order),
		cmocka_unit_test(a_time_of_day_behind_a_date_is_ignored),
		cmocka_unit_test(a_two_digit_year_is_at_most_a_year_after_the_collection),
		cmocka_unit_test(unknown_parts_are_a_precision_and_never_the_first),
		cmocka_unit_test(days_that_no_calendar_has_are_not_dates),
		cmocka_unit_test(other_words_are_not_dates_and_a_blank_is_a_blank),
		cmocka_unit_test(days_are_counted_from_1970),
		cmocka_unit_test(every_day_of_350_years_is_written_as_it_was_read),
		cmocka_unit_test(iso_texts_of_every_precision_are_read_again),
		cmocka_unit_test(a_day_that_no_year_of_four_digits_has_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
