/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Returns: every row of every file is there afterwards, under the right child, as it came.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/kit/alloc.h"
#include "tests/unit/care_fixture.h"

#define HEADER_ROW  "A1,2,23/06/2002,NOBT,UN1,,\n"
#define EPISODE_ROW "A1,01/05/2019,S,C2,N1,U4,PR1,,,,AB1 2CD,AB1 2CE,SC123456\n"
#define REVIEW_ROW  "A1,23/06/2002,08/10/2019,PN5\n"

static void a_table_is_recognised_by_its_columns_whatever_the_file_is_called(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "reviews.csv", text(HEADER_LINE HEADER_ROW)), 0);
	assert_int_equal(add(&f, "x",
				 text("REC,DEC,urn,PL_POST,HOME_POST,REASON_PLACE_CHANGE,"
				      "PLACE_PROVIDER,PLACE,CIN,LS,RNE, Decom ,child\n"
				      "E3,02/05/2019,,,,,PR1,U4,N1,C2,S,01/05/2019,A1\n")),
		0);
	assert_int_equal(add(&f, "", text(REVIEWS_LINE REVIEW_ROW)), 0);
	assert_int_equal(care_return_finish(&f.ret), 0);

	assert_int_equal(f.ret.files[0].table, CARE_HEADER);
	assert_int_equal(f.ret.files[1].table, CARE_EPISODES);
	assert_int_equal(f.ret.files[2].table, CARE_REVIEWS);
	assert_int_equal(f.ret.n_children, 1);
	assert_int_equal(f.ret.children[0].n_rows, 3);
	assert_true(span_equals(care_row_value(f.ret.rows[1], "REC"), "E3"));
	assert_int_equal(f.ret.rows[1]->faults, 0);
	fixture_done(&f);
}

static void a_missing_column_means_that_it_is_not_that_table(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "header.csv", text("CHILD,SEX,DOB,ETHNIC,UPN,MOTHER\n")),
		CARE_E_UNKNOWN);
	assert_non_null(strstr(f.why.text, "line 1"));
	assert_string_equal(f.ret.files[0].why, f.why.text);
	/* what is left of a Header has all that UASC needs but DUC */
	assert_int_equal(
		add(&f, "x", text("CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,DUC\n")), CARE_E_LATER);
	assert_int_equal(add(&f, "u",
				 text("\xff\xfe"
				      "C")),
		CARE_E_UNKNOWN);
	assert_non_null(strstr(f.why.text, "UTF-16"));
	fixture_done(&f);
}

static void all_twelve_tables_are_recognised_and_three_imported(void **state)
{
	static const char header[] = HEADER_LINE, episodes[] = EPISODES_LINE,
			  reviews[] = REVIEWS_LINE;
	static const char oc2[] =
		"CHILD,DOB,SDQ_SCORE,SDQ_REASON,CONVICTED,HEALTH_CHECK,IMMUNISATIONS,TEETH_"
		"CHECK,"
		"HEALTH_ASSESSMENT,SUBSTANCE_MISUSE,INTERVENTION_RECEIVED,INTERVENTION_OFFERED";
	static const char *const lines[] = {
		header,
		episodes,
		reviews,
		"CHILD,SEX,DOB,DUC",
		oc2,
		"CHILD,DOB,IN_TOUCH,ACTIV,ACCOM",
		"CHILD,DOB,DATE_INT,DATE_MATCH,FOSTER_CARE,NB_ADOPTR,SEX_ADOPTR,LS_ADOPTR",
		"CHILD,DOB,DATE_PLACED,DATE_PLACED_CEASED,REASON_PLACED_CEASED",
		"CHILD,DOB,PREV_PERM,LA_PERM,DATE_PERM",
		"CHILD,DOB,MISSING,MIS_START,MIS_END",
		"CHILD,DOB,SW_ID,SW_DECOM,SW_DEC,SW_REASON",
		"CHILD,DOB,DOLO_START,DOLO_END",
	};
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	for (size_t i = 0; i < COUNT(lines); i++) {
		enum care_table t = (enum care_table)(CARE_HEADER + i);

		assert_int_equal(add(&f, "f", text(lines[i])), i < 3 ? 0 : CARE_E_LATER);
		assert_int_equal(f.ret.files[i].table, t);
		assert_int_equal(care_table_imported(t), i < 3);
		assert_int_equal(care_table_named(text(care_table_name(t))), t);
	}
	assert_non_null(strstr(f.ret.files[9].why, "Missing"));
	assert_int_equal(care_table_named(text("episodes")), CARE_TABLE_NONE);
	fixture_done(&f);
}

static void files_without_a_header_line_are_empty(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "ad1.csv", text("\n")), CARE_E_EMPTY);
	assert_int_equal(add(&f, "ad1.csv", text("")), CARE_E_EMPTY);
	assert_int_equal(add(&f, "ad1.csv", text("\xef\xbb\xbf\r\n\r\n")), CARE_E_EMPTY);
	assert_int_equal(care_return_finish(&f.ret), 0);
	assert_int_equal(f.ret.report.files, 3);
	assert_int_equal(f.ret.report.refused, 0);
	assert_int_equal(f.ret.n_children, 0);
	fixture_done(&f);
}

static void mark_crlf_and_a_missing_last_line_end_change_nothing(void **state)
{
	static const char *const forms[] = {
		REVIEWS_LINE REVIEW_ROW,
		"\xef\xbb\xbf" REVIEWS_LINE REVIEW_ROW,
		"CHILD,DOB,REVIEW,REVIEW_CODE\r\nA1,23/06/2002,08/10/2019,PN5\r\n",
		"CHILD,DOB,REVIEW,REVIEW_CODE\nA1,23/06/2002,08/10/2019,PN5",
		"CHILD,DOB,REVIEW,REVIEW_CODE\rA1,\"23/06/2002\",08/10/2019,PN5\r\r",
	};
	struct span first, content;
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	for (size_t i = 0; i < COUNT(forms); i++)
		assert_int_equal(add(&f, "f", text(forms[i])), 0);
	assert_int_equal(f.ret.n_rows, COUNT(forms));
	assert_int_equal(care_row_content(f.ret.rows[0], &f.arena, &first), 0);
	for (size_t i = 1; i < COUNT(forms); i++) {
		assert_int_equal(care_row_content(f.ret.rows[i], &f.arena, &content), 0);
		assert_int_equal(content.len, first.len);
		assert_memory_equal(content.at, first.at, first.len);
	}
	fixture_done(&f);
}

static void extra_columns_blanks_and_unknown_codes_are_kept_as_they_came(void **state)
{
	const struct care_row *r;
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "reviews.csv",
				 text("TEAM,CHILD,DOB,REVIEW, Review_Code\n"
				      "North, A1 ,23/06/2002,08/10/2019, PN99\n")),
		0);
	r = f.ret.rows[0];
	assert_int_equal(r->n_cells, 5);
	assert_true(span_equals(r->cells[0].name, "TEAM"));
	assert_true(span_equals(r->cells[0].value, "North"));
	assert_true(span_equals(r->cells[1].value, " A1 "));
	assert_true(span_equals(r->cells[4].name, " Review_Code"));
	assert_true(span_equals(r->cells[4].value, " PN99"));
	assert_true(span_equals(r->child, "A1"));
	assert_true(span_equals(care_row_value(r, "REVIEW_CODE"), "PN99"));
	assert_true(breaks(r, "167"));
	fixture_done(&f);
}

static void la_and_year_columns_win_over_the_options(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "r",
				 text("CHILD,DOB,REVIEW,REVIEW_CODE,LA,YEAR\n"
				      "A1,23/06/2002,08/10/2016,PN5,Newham,2017\n"
				      "A1,23/06/2002,09/10/2016,PN5,E09000025,2016/17\n"
				      "A1,23/06/2002,10/10/2016,PN5,,\n"
				      "A1,23/06/2002,11/10/2016,PN5,Atlantis,soon\n"
				      "A1,23/06/2002,12/10/2016,PN5,316,2016/18\n")),
		0);
	assert_int_equal(care_return_finish(&f.ret), 0);
	assert_true(span_equals(f.ret.rows[0]->authority, "316"));
	assert_int_equal(f.ret.rows[0]->year, 2017);
	assert_true(span_equals(f.ret.rows[1]->authority, "316"));
	assert_int_equal(f.ret.rows[1]->year, 2017);
	assert_true(span_equals(f.ret.rows[2]->authority, "301"));
	assert_int_equal(f.ret.rows[2]->year, 2020);
	assert_int_equal(f.ret.rows[2]->faults, 0);
	assert_true(span_equals(f.ret.rows[3]->authority, "Atlantis"));
	assert_int_equal(f.ret.rows[3]->year, 2020);
	assert_true(breaks(f.ret.rows[3], "K05"));
	assert_true(breaks(f.ret.rows[3], "K06"));
	assert_true(breaks(f.ret.rows[4], "K06"));
	/* the same CHILD in three authorities is three children */
	assert_int_equal(f.ret.n_children, 3);
	assert_int_equal(f.ret.children[0].n_rows, 3);
	fixture_done(&f);
}

static void the_year_decides_two_digit_years_and_codes(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 2025);
	assert_int_equal(add(&f, "h",
				 text("CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB,YEAR\n"
				      "A1,1,23/06/10,NOBT,UN1,,,2020\n"
				      "A1,M,23/06/10,NOBT,UN1,,,\n")),
		0);
	assert_int_equal(f.ret.rows[0]->faults, 0);
	assert_int_equal(f.ret.rows[1]->faults, 0);
	fixture_done(&f);
}

static void children_come_in_order_of_appearance_with_their_rows_in_order(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "r",
				 text(REVIEWS_LINE "Z9,23/06/2002,08/10/2019,PN5\n"
						   "A1,23/06/2002,09/10/2019,PN5\n"
						   "Z9,23/06/2002,07/10/2019,PN5\n")),
		0);
	assert_int_equal(add(&f, "h",
				 text(HEADER_LINE "B2,2,23/06/2002,NOBT,UN1,,\n"
						  "Z9,2,23/06/2002,NOBT,UN1,,\n")),
		0);
	assert_int_equal(care_return_finish(&f.ret), 0);
	assert_int_equal(f.ret.n_children, 3);
	assert_true(span_equals(f.ret.children[0].child, "Z9"));
	assert_true(span_equals(f.ret.children[1].child, "A1"));
	assert_true(span_equals(f.ret.children[2].child, "B2"));
	assert_int_equal(f.ret.children[0].n_rows, 3);
	assert_int_equal(f.ret.children[0].rows[0]->line, 2);
	assert_int_equal(f.ret.children[0].rows[1]->line, 4);
	assert_int_equal(f.ret.children[0].rows[2]->table, CARE_HEADER);
	assert_true(span_equals(f.ret.children[0].rows[2]->file, "h"));
	fixture_done(&f);
}

static void identical_rows_are_counted_and_rivals_told(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "r",
				 text(REVIEWS_LINE "A1,23/06/2002,08/10/2019,PN5\n"
						   "A1,23/06/2002,08/10/2019,PN4\n"
						   "A1,23/06/2002,08/10/2019,PN5\n"
						   "A1,23/06/2002,2019-10-08,PN5\n"
						   "A1,23/06/2002,09/10/2019,PN5\n")),
		0);
	assert_int_equal(
		add(&f, "copy of r", text(REVIEWS_LINE "A1,23/06/2002,08/10/2019,PN5\n")), 0);
	assert_int_equal(care_return_finish(&f.ret), 0);

	assert_int_equal(f.ret.children[0].n_rows, 4);
	assert_int_equal(f.ret.children[0].rows[0]->copies, 3);
	assert_true(breaks(f.ret.children[0].rows[0], "K12"));
	assert_true(breaks(f.ret.children[0].rows[0], "K13"));
	assert_int_equal(f.ret.children[0].rows[1]->copies, 1);
	assert_true(breaks(f.ret.children[0].rows[1], "K13"));
	assert_false(breaks(f.ret.children[0].rows[1], "K12"));
	assert_true(breaks(f.ret.children[0].rows[2], "K13"));
	assert_int_equal(f.ret.children[0].rows[3]->faults, 0);
	assert_int_equal(f.ret.report.rows, 6);
	assert_int_equal(f.ret.report.identical, 2);
	fixture_done(&f);
}

static void rows_that_name_nobody_are_kept_apart(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(
		add(&f, "e",
			text(EPISODES_LINE EPISODE_ROW ",,,,,,,,,,,,\n"
						       " ,01/05/2019,S,C2,N1,U4,,,,,,,\n")),
		0);
	assert_int_equal(care_return_finish(&f.ret), 0);
	assert_int_equal(f.ret.n_children, 2);
	assert_int_equal(f.ret.children[1].child.len, 0);
	assert_int_equal(f.ret.children[1].n_rows, 2);
	assert_int_equal(reported(&f.ret, "K07"), 2);
	fixture_done(&f);
}

static void a_nul_byte_is_kept_and_told(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "r",
				 SPAN_LIT("CHILD,DOB,REVIEW,REVIEW_CODE,X\n"
					  "A1,23/06/2002,08/10/2019,PN5,a\0b\n")),
		0);
	assert_true(breaks(f.ret.rows[0], "K03"));
	assert_int_equal(f.ret.rows[0]->cells[4].value.len, 3);
	fixture_done(&f);
}

static void a_file_that_cannot_be_cut_is_refused_whole_and_the_others_stay(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "r", text(REVIEWS_LINE REVIEW_ROW)), 0);
	assert_int_equal(add(&f, "bad", text(REVIEWS_LINE REVIEW_ROW "A2,\"23/06/2002,x\n")),
		CARE_E_QUOTE);
	assert_non_null(strstr(f.why.text, "line 3"));
	assert_int_equal(add(&f, "h", text(HEADER_LINE HEADER_ROW)), 0);
	assert_int_equal(care_return_finish(&f.ret), 0);
	assert_int_equal(f.ret.n_rows, 2);
	assert_int_equal(f.ret.report.refused, 1);
	assert_int_equal(f.ret.report.files, 3);
	assert_int_equal(f.ret.files[1].verdict, CARE_E_QUOTE);
	assert_int_equal(f.ret.files[1].rows, 0);
	fixture_done(&f);
}

static void the_report_says_how_many_rows_of_what_with_which_faults(void **state)
{
	const struct care_report *t;
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "e1", text(EPISODES_LINE EPISODE_ROW)), 0);
	assert_int_equal(add(&f, "e2",
				 text(EPISODES_LINE "A2,01/05/2019,S,C2,N1,U4,,,E3,,,,\n"
						    "A3,01/05/2019,S,C2,N1,U4,,,E3,,,,\n"
						    "A3,01/05/2019,S,C2,N1,U4,,,E3,,,,\n")),
		0);
	assert_int_equal(add(&f, "h", text(HEADER_LINE HEADER_ROW)), 0);
	assert_int_equal(care_return_finish(&f.ret), 0);
	t = &f.ret.report;
	assert_int_equal(t->tables[CARE_EPISODES].files, 2);
	assert_int_equal(t->tables[CARE_EPISODES].rows, 4);
	assert_int_equal(t->tables[CARE_EPISODES].identical, 1);
	assert_int_equal(t->tables[CARE_HEADER].rows, 1);
	assert_int_equal(t->rows, 5);
	assert_int_equal(t->faulty, 3);
	assert_int_equal(t->children, 3);
	for (unsigned i = 0; care_rule(i) != NULL; i++) {
		bool open = strcmp(care_rule(i)->code, "148") == 0;
		bool twice = strcmp(care_rule(i)->code, "K12") == 0;

		assert_int_equal(t->rules[i].rows, open ? 3 : (twice ? 2 : 0));
		if (open) {
			assert_int_equal(t->rules[i].n, 2);
			assert_true(span_equals(t->rules[i].at[0].file, "e2"));
			assert_int_equal(t->rules[i].at[0].line, 2);
			assert_int_equal(t->rules[i].at[1].line, 3);
		}
	}
	fixture_done(&f);
}

static void key_of(const struct care_row *r, struct arena *a, struct span *ret)
{
	assert_int_equal(care_row_key(r, a, ret), 0);
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static void identity_is_table_authority_child_and_date(void **state)
{
	struct fixture f;
	struct span k[8];

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "r",
				 text("CHILD,DOB,REVIEW,REVIEW_CODE,LA\n"
				      "A1,23/06/2002,08/10/2019,PN5,\n"
				      "A1,,2019-10-08,PN4,301\n"
				      "A1,,8/10/19 00:00,,\n"
				      "A1,23/06/2002,09/10/2019,PN5,\n"
				      "A2,23/06/2002,08/10/2019,PN5,\n"
				      "A1,23/06/2002,08/10/2019,PN5,316\n"
				      "A1,23/06/2002,zz/10/2019,PN5,\n"
				      "A1,23/06/2002,38/10/2019,PN5,\n")),
		0);
	for (size_t i = 0; i < 8; i++)
		key_of(f.ret.rows[i], &f.arena, &k[i]);
	assert_true(same(k[0], k[1]));
	assert_true(same(k[0], k[2]));
	for (size_t i = 3; i < 8; i++) {
		for (size_t j = 0; j < i; j++)
			assert_false(same(k[i], k[j]));
	}
	fixture_done(&f);
}

static void a_stored_row_is_understood_as_the_imported_one(void **state)
{
	struct care_row again;
	struct span a, b;
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "e", text(EPISODES_LINE EPISODE_ROW)), 0);
	care_row_init(&again, CARE_EPISODES, f.ret.rows[0]->cells, f.ret.rows[0]->n_cells,
		f.ret.rows[0]->authority, f.ret.rows[0]->year);
	key_of(&again, &f.arena, &a);
	key_of(f.ret.rows[0], &f.arena, &b);
	assert_true(same(a, b));
	assert_int_equal(care_row_content(&again, &f.arena, &a), 0);
	assert_int_equal(care_row_content(f.ret.rows[0], &f.arena, &b), 0);
	assert_true(same(a, b));
	assert_int_equal(again.date.day, f.ret.rows[0]->date.day);
	fixture_done(&f);
}

static void cells_that_differ_only_in_where_they_end_differ_in_content(void **state)
{
	struct span a, b;
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "r",
				 text("CHILD,DOB,REVIEW,REVIEW_CODE,X,Y\n"
				      "A1,,08/10/2019,PN5,ab,c\nA1,,08/10/2019,PN5,a,bc\n")),
		0);
	assert_int_equal(care_row_content(f.ret.rows[0], &f.arena, &a), 0);
	assert_int_equal(care_row_content(f.ret.rows[1], &f.arena, &b), 0);
	assert_false(same(a, b));
	fixture_done(&f);
}

static int import_within(size_t budget, struct arena *a)
{
	struct care_options o = { SPAN_LIT("301"), 2020 };
	struct care_return r;
	struct why why;
	int v;

	arena_init(a, budget);
	care_return_init(&r, a, &o);
	v = care_return_add(
		&r, SPAN_LIT("e"), text(EPISODES_LINE EPISODE_ROW EPISODE_ROW), &why);
	if (v == 0)
		v = care_return_finish(&r);
	if (v == 0)
		assert_int_equal(r.children[0].rows[0]->copies, 2);
	arena_done(a);
	return v;
}

static void any_budget_that_is_too_small_is_a_verdict(void **state)
{
	struct arena a;
	size_t budget;
	int v;

	(void)state;
	for (budget = 16; (v = import_within(budget, &a)) != 0; budget += 16)
		assert_int_equal(v, CARE_E_BIG);
	assert_in_range(budget, 1000, 100000);
}

static void any_allocation_that_fails_is_fatal_and_leaves_nothing(void **state)
{
	struct arena a;
	uint64_t n;

	(void)state;
	for (n = 1;; n++) {
		int v;

		alloc_fail_at(n);
		v = import_within(0, &a);
		if (!alloc_failed()) {
			assert_int_equal(v, 0);
			break;
		}
		assert_int_equal(v, -ENOMEM);
	}
	assert_true(n > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_table_is_recognised_by_its_columns_whatever_the_file_is_called),
		cmocka_unit_test(a_missing_column_means_that_it_is_not_that_table),
		cmocka_unit_test(all_twelve_tables_are_recognised_and_three_imported),
		cmocka_unit_test(files_without_a_header_line_are_empty),
		cmocka_unit_test(mark_crlf_and_a_missing_last_line_end_change_nothing),
		cmocka_unit_test(extra_columns_blanks_and_unknown_codes_are_kept_as_they_came),
		cmocka_unit_test(la_and_year_columns_win_over_the_options),
		cmocka_unit_test(the_year_decides_two_digit_years_and_codes),
		cmocka_unit_test(children_come_in_order_of_appearance_with_their_rows_in_order),
		cmocka_unit_test(identical_rows_are_counted_and_rivals_told),
		cmocka_unit_test(rows_that_name_nobody_are_kept_apart),
		cmocka_unit_test(a_nul_byte_is_kept_and_told),
		cmocka_unit_test(
			a_file_that_cannot_be_cut_is_refused_whole_and_the_others_stay),
		cmocka_unit_test(the_report_says_how_many_rows_of_what_with_which_faults),
		cmocka_unit_test(identity_is_table_authority_child_and_date),
		cmocka_unit_test(a_stored_row_is_understood_as_the_imported_one),
		cmocka_unit_test(cells_that_differ_only_in_where_they_end_differ_in_content),
		cmocka_unit_test(any_budget_that_is_too_small_is_a_verdict),
		cmocka_unit_test(any_allocation_that_fails_is_fatal_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
