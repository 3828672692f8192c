/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Working days
 *
 * Monday to Friday without the bank holidays of England, as they follow from the calendar. Days
 * that are proclaimed for one year (a coronation, a moved holiday) follow from nothing and are
 * not known here.
 */

#include "daemon/care/care.h"

#define DAY_MS ((uint64_t)86400000)

enum { MON, TUE, WED, THU, FRI, SAT, SUN };

/* 1970-01-01 was a Thursday. */
static int weekday_of(int32_t day)
{
	return (int)(((int64_t)day % 7 + 7 + THU) % 7);
}

static int year_of(int32_t day)
{
	int year = 1970 + day / 366;

	while (day_of(year + 1, 1, 1) <= day)
		year++;
	return year;
}

/* Easter Sunday (the anonymous Gregorian computus). */
static int32_t easter_of(int year)
{
	int a = year % 19, b = year / 100, c = year % 100, d = b / 4, e = b % 4;
	int f = (b + 8) / 25, g = (b - f + 1) / 3, h = (19 * a + b - d - g + 15) % 30;
	int i = c / 4, k = c % 4, l = (32 + 2 * e + 2 * i - h - k) % 7;
	int m = (a + 11 * h + 22 * l) / 451, n = h + l - 7 * m + 114;

	return day_of(year, n / 31, n % 31 + 1);
}

/* The first Monday on or after a day. */
static int32_t monday_from(int32_t day)
{
	return day + (7 - weekday_of(day)) % 7;
}

/* A holiday on a weekend is kept on the next day that is none and no other holiday. */
static bool is_new_year(int32_t day, int year)
{
	int32_t first = day_of(year, 1, 1);

	return day == (weekday_of(first) >= SAT ? monday_from(first) : first);
}

static bool is_christmas(int32_t day, int year)
{
	int32_t first = day_of(year, 12, 25);

	switch (weekday_of(first)) {
	case FRI: /* and Boxing Day on Monday */
		return day == first || day == first + 3;
	case SAT: /* Monday and Tuesday */
		return day == first + 2 || day == first + 3;
	case SUN: /* Boxing Day is Monday, Christmas Day is kept on Tuesday */
		return day == first + 1 || day == first + 2;
	default:
		return day == first || day == first + 1;
	}
}

bool care_workday(int32_t day)
{
	int year;
	int32_t easter;

	if (weekday_of(day) >= SAT)
		return false;
	year = year_of(day);
	easter = easter_of(year);
	return day != easter - 2 && day != easter + 1 &&
	       day != monday_from(day_of(year, 5, 1)) &&
	       day != monday_from(day_of(year, 5, 25)) &&
	       day != monday_from(day_of(year, 8, 25)) && !is_new_year(day, year) &&
	       !is_christmas(day, year);
}

uint64_t care_workdays_after(uint64_t ms, unsigned n)
{
	int32_t day = (int32_t)(ms / DAY_MS);
	uint64_t of_day = ms % DAY_MS;

	if (ms / DAY_MS > CARE_WORKDAY_LAST)
		return UINT64_MAX;
	/* What begins on a day without work begins with the next working day. */
	for (; !care_workday(day); day++)
		of_day = 0;
	for (unsigned i = 0; i < n; i++)
		do
			day++;
		while (!care_workday(day));
	return (uint64_t)day * DAY_MS + of_day;
}
