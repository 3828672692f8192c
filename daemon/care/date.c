/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Dates
 *
 * The forms in which returns hold dates, whole and partial, and how they are written again. A
 * partial date gets the day that the sector's guide gives it: the 15th, or 1 July.
 */

#include "daemon/care/care.h"

#include <string.h>

#define YEAR_FIRST 1850
#define YEAR_LAST  2199
#define DAY_FIRST  (-719162) /* 0001-01-01 */
#define DAY_LAST   2932896   /* 9999-12-31 */

/* Howard Hinnant's days_from_civil, for years after 0. */
int32_t day_of(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = y / 400;
	int yoe = y - era * 400;
	int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

static void civil_of(int32_t days, int *year, int *month, int *day)
{
	int z = days + 719468;
	int era = z / 146097;
	int doe = z - era * 146097;
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2 ? 1 : 0);
}

static bool leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool real_day(int year, int month, int day)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (year < YEAR_FIRST || year > YEAR_LAST || month < 1 || month > 12 || day < 1)
		return false;
	return day <= lengths[month - 1] + (month == 2 && leap(year) ? 1 : 0);
}

/* One part of a date: digits, or z in their place. */
struct part {
	int value;
	size_t len;
	bool unknown;
};

static bool digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool take_part(struct span *s, struct part *ret)
{
	*ret = (struct part){ 0 };
	while (s->len > 0 && ret->len < 5) {
		bool z = s->at[0] == 'z' || s->at[0] == 'Z';

		if (!z && !digit(s->at[0]))
			break;
		if (ret->len > 0 && z != ret->unknown)
			return false;
		ret->unknown = z;
		if (!z)
			ret->value = ret->value * 10 + (s->at[0] - '0');
		ret->len++;
		s->at++;
		s->len--;
	}
	return ret->len > 0 && ret->len < 5;
}

/* Three parts with one kind of separator between them; what follows stays in .s. */
static bool take_parts(struct span *s, struct part p[3])
{
	uint8_t between = 0;

	for (size_t i = 0; i < 3; i++) {
		if (!take_part(s, &p[i]))
			return false;
		if (i == 2)
			break;
		if (s->len == 0 || memchr("/-.", s->at[0], 3) == NULL)
			return false;
		if (i == 1 && s->at[0] != between)
			return false;
		between = s->at[0];
		s->at++;
		s->len--;
	}
	return true;
}

/* Nothing, or a time of day: spreadsheets and databases add one to every date. */
static bool time_or_nothing(struct span s)
{
	static const char form[] = " 00:00:00";
	size_t i;

	for (i = 0; i < s.len && i < sizeof(form) - 1; i++) {
		if (i == 0 ? s.at[0] != ' ' && s.at[0] != 'T'
			   : (form[i] == ':' ? s.at[i] != ':' : !digit(s.at[i])))
			return false;
	}
	if (i == 0 || (i == 6 && s.len == 6))
		return true;
	if (i < sizeof(form) - 1)
		return false;
	if (s.len == i)
		return true;
	/* fractions of a second */
	if (s.at[i] != '.' || s.len == i + 1 || s.len > i + 10)
		return false;
	for (i++; i < s.len; i++) {
		if (!digit(s.at[i]))
			return false;
	}
	return true;
}

static int date_of(int year, const struct part *m, const struct part *d, struct care_date *ret)
{
	if (m->unknown && !d->unknown)
		return CARE_DATE_E_BAD;
	enum care_precision precision = CARE_DATE_DAY;
	int month = m->value, day = d->value;

	if (m->unknown && !d->unknown)
		return CARE_DATE_E_BAD;
	if (m->unknown) {
		precision = CARE_DATE_YEAR;
		month = 7;
		day = 1;
	} else if (d->unknown) {
		precision = CARE_DATE_MONTH;
		day = 15;
	}
	if (!real_day(year, month, day))
		return CARE_DATE_E_BAD;
	*ret = (struct care_date){ day_of(year, month, day), precision };
	return 0;
}

/* A two-digit year: this century unless that is more than a year after the collection. */
static int date_short(const struct part p[3], int year, struct care_date *ret)
{
	int r = date_of(2000 + p[2].value, &p[1], &p[0], ret);

	if (r == 0 && (year == 0 || ret->day <= day_of(year + 1, 3, 31)))
		return 0;
	/* 29/02/00 is a day of 2000 and not of 1900: what does not exist is not guessed. */
	if (r != 0 && (year == 0 || 2000 + p[2].value <= year + 1))
		return r;
	return date_of(1900 + p[2].value, &p[1], &p[0], ret);
}

int care_date_parse(struct span text, int year, struct care_date *ret)
{
	struct care_date none = { 0, CARE_NO_DATE };
	struct part p[3];
	int r;

	*ret = none;
	text = trim(text);
	if (text.len == 0)
		return CARE_DATE_E_BLANK;
	if (!take_parts(&text, p) || !time_or_nothing(text))
		return CARE_DATE_E_BAD;

	if (p[2].len == 4 && p[0].len <= 2 && p[1].len <= 2) {
		if (p[2].unknown && p[1].unknown && p[0].unknown) {
			*ret = (struct care_date){ 0, CARE_DATE_UNKNOWN };
			return 0;
		}
		r = p[2].unknown ? CARE_DATE_E_BAD : date_of(p[2].value, &p[1], &p[0], ret);
	} else if (p[0].len == 4 && p[1].len <= 2 && p[2].len <= 2) {
		r = p[0].unknown ? CARE_DATE_E_BAD : date_of(p[0].value, &p[1], &p[2], ret);
	} else if (p[2].len == 2 && p[0].len <= 2 && p[1].len <= 2 && !p[2].unknown) {
		r = date_short(p, year, ret);
	} else {
		r = CARE_DATE_E_BAD;
	}
	if (r != 0)
		*ret = none;
	return r;
}

int care_date_parse_iso(struct span text, struct care_date *ret)
{
	struct part p[3] = { { 0, 0, true }, { 0, 0, true }, { 0, 0, true } };

	*ret = (struct care_date){ 0, CARE_NO_DATE };
	text = trim(text);
	if (text.len == 0)
		return CARE_DATE_E_BLANK;
	if (span_is(text, "unknown")) {
		ret->precision = CARE_DATE_UNKNOWN;
		return 0;
	}
	for (size_t i = 0; i < 3 && text.len > 0; i++) {
		if (!take_part(&text, &p[i]) || p[i].unknown || p[i].len != (i == 0 ? 4 : 2))
			return CARE_DATE_E_BAD;
		if (text.len == 0)
			return date_of(p[0].value, &p[1], &p[2], ret);
		if (text.at[0] != '-')
			return CARE_DATE_E_BAD;
		text.at++;
		text.len--;
	}
	return CARE_DATE_E_BAD;
}

static char *put_number(char *at, int value, int digits)
{
	for (int i = digits - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return at + digits;
}

char *care_date_iso(struct care_date d, char into[CARE_DATE_TEXT])
{
	int year, month, day;
	char *at = into;

	/* A day of a peer's may be any number: years of four digits, or none. */
	if (d.precision != CARE_NO_DATE && (d.day < DAY_FIRST || d.day > DAY_LAST))
		d.precision = CARE_DATE_UNKNOWN;
	switch (d.precision) {
	case CARE_NO_DATE:
		*at = '\0';
		return into;
	case CARE_DATE_UNKNOWN:
		memcpy(into, "unknown", sizeof("unknown"));
		return into;
	case CARE_DATE_DAY:
	case CARE_DATE_MONTH:
	case CARE_DATE_YEAR:
		break;
	}
	civil_of(d.day, &year, &month, &day);
	at = put_number(at, year, 4);
	if (d.precision != CARE_DATE_YEAR) {
		*at++ = '-';
		at = put_number(at, month, 2);
	}
	if (d.precision == CARE_DATE_DAY) {
		*at++ = '-';
		at = put_number(at, day, 2);
	}
	*at = '\0';
	return into;
}

char *care_date_text(struct care_date d, char into[CARE_DATE_TEXT])
{
	int year, month, day;

	if (d.precision == CARE_NO_DATE) {
		into[0] = '\0';
		return into;
	}
	memcpy(into, "zz/zz/zzzz", sizeof("zz/zz/zzzz"));
	if (d.precision == CARE_DATE_UNKNOWN)
		return into;
	civil_of(d.day, &year, &month, &day);
	put_number(into + 6, year, 4);
	if (d.precision != CARE_DATE_YEAR)
		put_number(into + 3, month, 2);
	if (d.precision == CARE_DATE_DAY)
		put_number(into, day, 2);
	return into;
}

bool care_date_known(struct care_date d)
{
	return d.precision == CARE_DATE_DAY || d.precision == CARE_DATE_MONTH ||
	       d.precision == CARE_DATE_YEAR;
}
