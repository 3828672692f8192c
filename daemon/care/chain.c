/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Chain rules
 *
 * What a child's rows say about each other: the episodes in the order in which they began, each
 * with its neighbours, and the date of birth across tables. Rows whose date nobody can read
 * have no neighbours; they carry the fault that says so.
 */

#include "daemon/care/care.h"

/* What the rules ask of an episode, read once. */
struct episode {
	struct care_row *row;
	struct span rne, ls, rec;
	struct care_date end;
};

static struct episode episode_of(struct care_row *r)
{
	struct episode e = {
		.row = r,
		.rne = care_row_value(r, "RNE"),
		.ls = care_row_value(r, "LS"),
		.rec = care_row_value(r, "REC"),
	};

	if (care_date_parse(care_row_value(r, "DEC"), r->year, &e.end) != 0)
		e.end = (struct care_date){ 0, CARE_NO_DATE };
	return e;
}

static bool ended(const struct episode *e)
{
	return care_date_known(e->end);
}

static int end_of(const struct care_row *r)
{
	struct care_date d;

	if (care_date_parse(care_row_value(r, "DEC"), r->year, &d) != 0 || !care_date_known(d))
		return INT32_MAX;
	return d.day;
}

/* By beginning, then by end with open ones last. The sort is stable, so the file decides ties.
 */
static int by_date(const void *a, const void *b)
{
	const struct care_row *x = a, *y = b;
	int32_t p = x->date.day, q = y->date.day;

	if (p == q) {
		p = end_of(x);
		q = end_of(y);
	}
	return (p > q) - (p < q);
}

static bool same_in(const struct episode *a, const struct episode *b, const char *column)
{
	return span_equal(care_row_value(a->row, column), care_row_value(b->row, column));
}

static bool same_placement(const struct episode *a, const struct episode *b)
{
	return same_in(a, b, "PLACE") && same_in(a, b, "PL_POST") && same_in(a, b, "URN") &&
	       same_in(a, b, "PLACE_PROVIDER");
}

static bool rne_in(const struct episode *e, const char *codes)
{
	if (e->rne.len != 1)
		return false;
	for (; *codes != '\0'; codes++) {
		if (e->rne.at[0] == (uint8_t)*codes)
			return true;
	}
	return false;
}

static void check_changes(const struct episode *before, const struct episode *e)
{
	bool same_status = span_equal(before->ls, e->ls);
	bool same_place = same_placement(before, e);

	if (rne_in(e, "L") && (same_status || !same_place))
		fault(e->row, RULE_434);
	if (rne_in(e, "PT") && (!same_status || same_place))
		fault(e->row, RULE_435);
	if (rne_in(e, "BU") && (same_status || same_place))
		fault(e->row, RULE_436);
}

static void check_neighbours(const struct episode *before, const struct episode *e)
{
	bool x1 = span_is(before->rec, "X1");
	bool touches = ended(before) && before->end.day == e->row->date.day;

	if (!ended(before) || before->rec.len == 0)
		fault(before->row, RULE_142);
	if (ended(before) && before->rec.len > 0 && x1 != touches)
		fault(before->row, RULE_388);
	if (span_is(before->rec, "E2") || span_is(before->rec, "E15"))
		fault(before->row, RULE_437);

	if (ended(before) && e->row->date.day < before->end.day)
		fault(e->row, RULE_501);
	if (rne_in(e, "S") && ended(before) && e->row->date.day <= before->end.day)
		fault(e->row, RULE_431);
	if (!x1 && !rne_in(e, "S") &&
		care_code_check(CARE_SET_REC, before->rec, 0) == CARE_CODE_KNOWN)
		fault(e->row, RULE_432);
	if (rne_in(e, "LPTBU") && !touches)
		fault(e->row, RULE_433);
	check_changes(before, e);
}

static void check_episodes(struct care_row **v, size_t n)
{
	struct episode before, e;

	for (size_t i = 0; i < n; i++) {
		e = episode_of(v[i]);
		if (i > 0)
			check_neighbours(&before, &e);
		before = e;
	}
	if (n > 0 && ended(&before) && span_is(before.rec, "X1"))
		fault(before.row, RULE_388);
}

static void check_births(struct care_row **rows, size_t n)
{
	struct care_date dob = { 0, CARE_NO_DATE }, d;

	for (size_t i = 0; i < n && dob.precision == CARE_NO_DATE; i++) {
		if (rows[i]->table == CARE_HEADER &&
			care_date_parse(care_row_value(rows[i], "DOB"), rows[i]->year, &d) == 0)
			dob = d;
	}
	if (dob.precision == CARE_NO_DATE)
		return;
	for (size_t i = 0; i < n; i++) {
		if (rows[i]->table != CARE_REVIEWS)
			continue;
		if (care_date_parse(care_row_value(rows[i], "DOB"), rows[i]->year, &d) != 0)
			continue;
		if (d.day != dob.day || d.precision != dob.precision)
			fault(rows[i], RULE_DOB_DIFFERS);
	}
}

void check_chain(struct care_row **rows, size_t n, struct care_row **spare)
{
	struct care_row **episodes = spare;
	size_t n_episodes = 0;

	for (size_t i = 0; i < n; i++) {
		if (rows[i]->table == CARE_EPISODES && care_date_known(rows[i]->date))
			episodes[n_episodes++] = rows[i];
	}
	sort_stably(episodes, spare + n, n_episodes, by_date);
	check_episodes(episodes, n_episodes);
	check_births(rows, n);
}
