/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Working days in England.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/care_fixture.h"

#define DAY_MS UINT64_C(86400000)

static int32_t day(const char *iso)
{
	struct care_date d;

	assert_int_equal(
		care_date_parse_iso((struct span){ (const uint8_t *)iso, strlen(iso) }, &d), 0);
	return d.day;
}

/* The bank holidays of England, as GOV.UK publishes them, without the proclaimed ones. */
static void bank_holidays_are_those_that_are_published(void **state)
{
	static const char *const holidays[] = { "2024-01-01", "2024-03-29", "2024-04-01",
		"2024-05-06", "2024-05-27", "2024-08-26", "2024-12-25", "2024-12-26",
		"2025-01-01", "2025-04-18", "2025-04-21", "2025-05-05", "2025-05-26",
		"2025-08-25", "2025-12-25", "2025-12-26", "2026-01-01", "2026-04-03",
		"2026-04-06", "2026-05-04", "2026-05-25", "2026-08-31", "2026-12-25",
		"2026-12-28", "2027-01-01", "2027-03-26", "2027-03-29", "2027-05-03",
		"2027-05-31", "2027-08-30", "2027-12-27", "2027-12-28", "2028-01-03",
		"2028-04-14", "2028-04-17", "2028-05-01", "2028-05-29", "2028-08-28",
		"2028-12-25", "2028-12-26" };
	size_t next = 0;

	(void)state;
	for (int32_t d = day("2024-01-01"); d <= day("2028-12-31"); d++) {
		bool weekend = (d + 3) % 7 >= 5;
		bool holiday = next < COUNT(holidays) && d == day(holidays[next]);

		next += holiday;
		assert_int_equal(care_workday(d), !weekend && !holiday);
	}
	assert_int_equal(next, COUNT(holidays));
	/* Christmas Day on a Sunday: Boxing Day is Monday, Tuesday makes up for it. */
	assert_false(care_workday(day("2022-12-27")));
	assert_true(care_workday(day("2022-12-28")));
}

static void limit_is_the_same_time_of_day_so_many_working_days_later(void **state)
{
	static const struct {
		const char *from;
		unsigned hour, n;
		const char *to;
		unsigned to_hour;
	} rows[] = {
		{ "2026-11-17", 16, 1, "2026-11-18", 16 }, /* Tuesday */
		{ "2026-11-20", 16, 1, "2026-11-23", 16 }, /* over a weekend */
		{ "2026-11-21", 16, 1, "2026-11-24", 0 },  /* Saturday is Monday 00:00 */
		{ "2026-11-17", 16, 5, "2026-11-24", 16 },
		{ "2026-04-02", 9, 1, "2026-04-07", 9 }, /* over Easter */
		{ "2026-12-24", 9, 5, "2027-01-05", 9 },
		{ "2026-11-17", 16, 0, "2026-11-17", 16 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_true(care_workdays_after((uint64_t)day(rows[i].from) * DAY_MS +
							rows[i].hour * UINT64_C(3600000),
				    rows[i].n) == (uint64_t)day(rows[i].to) * DAY_MS +
							  rows[i].to_hour * UINT64_C(3600000));
	assert_true(care_workdays_after(UINT64_MAX, 1) == UINT64_MAX);
	assert_true(care_workdays_after(0, 1) == 4 * DAY_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bank_holidays_are_those_that_are_published),
		cmocka_unit_test(limit_is_the_same_time_of_day_so_many_working_days_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
