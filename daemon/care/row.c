/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tables and rows
 *
 * Which table a header line is, and what one row of it is about: whose, when, and by which
 * bytes it is recognised again.
 */

#include "daemon/care/care.h"

#include <string.h>

#include <kith/buf.h>

#define COLUMNS_MAX 13

static const struct {
	const char *name;
	const char *columns[COLUMNS_MAX];
} tables[CARE_TABLE_COUNT] = {
	[CARE_TABLE_NONE] = { "", { NULL } },
	[CARE_HEADER] = { "Header",
		{ "CHILD", "SEX", "DOB", "ETHNIC", "UPN", "MOTHER", "MC_DOB" } },
	[CARE_EPISODES] = { "Episodes",
		{ "CHILD", "DECOM", "RNE", "LS", "CIN", "PLACE", "PLACE_PROVIDER", "DEC", "REC",
			"REASON_PLACE_CHANGE", "HOME_POST", "PL_POST", "URN" } },
	[CARE_REVIEWS] = { "Reviews", { "CHILD", "DOB", "REVIEW", "REVIEW_CODE" } },
	[CARE_UASC] = { "UASC", { "CHILD", "SEX", "DOB", "DUC" } },
	[CARE_OC2] = { "OC2",
		{ "CHILD", "DOB", "SDQ_SCORE", "SDQ_REASON", "CONVICTED", "HEALTH_CHECK",
			"IMMUNISATIONS", "TEETH_CHECK", "HEALTH_ASSESSMENT", "SUBSTANCE_MISUSE",
			"INTERVENTION_RECEIVED", "INTERVENTION_OFFERED" } },
	[CARE_OC3] = { "OC3", { "CHILD", "DOB", "IN_TOUCH", "ACTIV", "ACCOM" } },
	[CARE_AD1] = { "AD1", { "CHILD", "DOB", "DATE_INT", "DATE_MATCH", "FOSTER_CARE",
				      "NB_ADOPTR", "SEX_ADOPTR", "LS_ADOPTR" } },
	[CARE_PLACED_ADOPTION] = { "PlacedAdoption",
		{ "CHILD", "DOB", "DATE_PLACED", "DATE_PLACED_CEASED",
			"REASON_PLACED_CEASED" } },
	[CARE_PREV_PERM] = { "PrevPerm",
		{ "CHILD", "DOB", "PREV_PERM", "LA_PERM", "DATE_PERM" } },
	[CARE_MISSING] = { "Missing", { "CHILD", "DOB", "MISSING", "MIS_START", "MIS_END" } },
	[CARE_SW_EPISODES] = { "SWEpisodes",
		{ "CHILD", "DOB", "SW_ID", "SW_DECOM", "SW_DEC", "SW_REASON" } },
	[CARE_DOLO] = { "DoLo", { "CHILD", "DOB", "DOLO_START", "DOLO_END" } },
};

const char *care_table_name(enum care_table t)
{
	return tables[t].name;
}

enum care_table care_table_named(struct span name)
{
	for (enum care_table t = CARE_HEADER; t < CARE_TABLE_COUNT; t++) {
		if (span_is(name, tables[t].name))
			return t;
	}
	return CARE_TABLE_NONE;
}

bool care_table_imported(enum care_table t)
{
	return t == CARE_HEADER || t == CARE_EPISODES || t == CARE_REVIEWS;
}

static bool has_column(const struct span *columns, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (span_equal_any_case(trim(columns[i]), span_of(name)))
			return true;
	}
	return false;
}

enum care_table care_table_of(const struct span *columns, size_t n)
{
	enum care_table best = CARE_TABLE_NONE;
	size_t most = 0;

	for (enum care_table t = CARE_HEADER; t < CARE_TABLE_COUNT; t++) {
		size_t c = 0;

		while (c < COLUMNS_MAX && tables[t].columns[c] != NULL &&
			has_column(columns, n, tables[t].columns[c]))
			c++;
		if ((c == COLUMNS_MAX || tables[t].columns[c] == NULL) && c > most) {
			best = t;
			most = c;
		}
	}
	return best;
}

struct span care_row_value(const struct care_row *r, const char *column)
{
	struct span name = span_of(column);

	for (size_t i = 0; i < r->n_cells; i++) {
		if (span_equal_any_case(trim(r->cells[i].name), name))
			return trim(r->cells[i].value);
	}
	return (struct span){ 0 };
}

/* 2020, or 2019/20 and 2019-20 for the collection that ends in 2020. 0: no year. */
static int year_of(struct span text)
{
	int year = 0;

	if (text.len != 4 && text.len != 7)
		return 0;
	for (size_t i = 0; i < 4; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return 0;
		year = year * 10 + (text.at[i] - '0');
	}
	if (text.len == 7) {
		year++;
		if ((text.at[4] != '/' && text.at[4] != '-') ||
			text.at[5] != '0' + year / 10 % 10 || text.at[6] != '0' + year % 10)
			return 0;
	}
	return year >= 1990 && year < 2200 ? year : 0;
}

static void apply_options(struct care_row *r, struct span authority, int year)
{
	struct span la = care_row_value(r, "LA");
	struct span collection = care_row_value(r, "YEAR");
	const struct care_authority *known;

	r->authority = la.len > 0 ? la : trim(authority);
	known = care_authority_find(r->authority);
	if (known != NULL)
		r->authority = span_of(known->code);
	else
		fault(r, RULE_AUTHORITY);

	r->year = year;
	if (collection.len > 0) {
		r->year = year_of(collection);
		if (r->year == 0) {
			r->year = year;
			fault(r, RULE_YEAR);
		}
	}
}

static void check_form(struct care_row *r)
{
	for (size_t i = 0; i < r->n_cells; i++) {
		struct span v = r->cells[i].value;

		if (v.len > 0 && memchr(v.at, 0, v.len) != NULL)
			fault(r, RULE_NUL);
		if (!utf8_valid(v))
			fault(r, RULE_UTF8);
	}
}

void care_row_init(struct care_row *ret, enum care_table t, const struct care_cell *cells,
	size_t n, struct span authority, int year)
{
	*ret = (struct care_row){ .table = t, .cells = cells, .n_cells = n, .copies = 1 };
	apply_options(ret, authority, year);
	ret->child = care_row_value(ret, "CHILD");
	if (t == CARE_EPISODES)
		ret->date_text = care_row_value(ret, "DECOM");
	if (t == CARE_REVIEWS)
		ret->date_text = care_row_value(ret, "REVIEW");
	/* Whether it is a date is for the rules to say: the row is kept under its text. */
	if (care_date_parse(ret->date_text, ret->year, &ret->date) != 0)
		ret->date = (struct care_date){ 0, CARE_NO_DATE };
	check_form(ret);
	check_row(ret);
}

/* A part with its length before it, so that no two lists of parts give the same bytes. */
static void put_part(struct writer *w, struct span s)
{
	put_u32(w, (uint32_t)s.len);
	put_span(w, s);
}

int care_row_key(const struct care_row *r, struct arena *a, struct span *ret)
{
	struct span table = span_of(care_table_name(r->table));
	struct span date = r->date_text;
	char iso[CARE_DATE_TEXT];
	struct writer w;
	uint8_t *room;
	size_t len;

	if (r->date.precision != CARE_NO_DATE)
		date = span_of(care_date_iso(r->date, iso));

	len = 4 * sizeof(uint32_t) + table.len + r->authority.len + r->child.len + date.len;
	room = arena_alloc(a, len);
	if (room == NULL)
		return no_room(a);
	w = writer_of(room, len);
	put_part(&w, table);
	put_part(&w, r->authority);
	put_part(&w, r->child);
	put_part(&w, date);
	*ret = writer_span(&w);
	return 0;
}

int care_row_content(const struct care_row *r, struct arena *a, struct span *ret)
{
	struct span table = span_of(care_table_name(r->table));
	size_t len = 2 * sizeof(uint32_t) + table.len;
	struct writer w;
	uint8_t *room;

	for (size_t i = 0; i < r->n_cells; i++)
		len += 2 * sizeof(uint32_t) + r->cells[i].name.len + r->cells[i].value.len;
	room = arena_alloc(a, len);
	if (room == NULL)
		return no_room(a);
	w = writer_of(room, len);
	put_part(&w, table);
	put_u32(&w, (uint32_t)r->n_cells);
	for (size_t i = 0; i < r->n_cells; i++) {
		put_part(&w, r->cells[i].name);
		put_part(&w, r->cells[i].value);
	}
	*ret = writer_span(&w);
	return 0;
}
