/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Codes and rules: each rule finds the rows that the sector's own validation finds, and none of
 * them keeps a row out.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/care_fixture.h"

static void a_code_is_judged_by_its_collection(void **state)
{
	(void)state;
	assert_int_equal(care_code_check(CARE_SET_SEX, text("1"), 2024), CARE_CODE_KNOWN);
	assert_int_equal(care_code_check(CARE_SET_SEX, text("1"), 2025), CARE_CODE_OTHER_YEAR);
	assert_int_equal(care_code_check(CARE_SET_SEX, text("F"), 2024), CARE_CODE_OTHER_YEAR);
	assert_int_equal(care_code_check(CARE_SET_SEX, text("F"), 2025), CARE_CODE_KNOWN);
	assert_int_equal(care_code_check(CARE_SET_SEX, text("F"), 0), CARE_CODE_KNOWN);
	assert_int_equal(care_code_check(CARE_SET_SEX, text("X"), 0), CARE_CODE_UNKNOWN);
	assert_int_equal(care_code_check(CARE_SET_PLACE, text("Z11"), 2026), CARE_CODE_KNOWN);
	assert_int_equal(
		care_code_check(CARE_SET_PLACE, text("Z11"), 2025), CARE_CODE_OTHER_YEAR);
	assert_int_equal(care_code_check(CARE_SET_REC, text(" E3 "), 2020), CARE_CODE_KNOWN);
	assert_int_equal(care_code_check(CARE_SET_REC, text("e3"), 2020), CARE_CODE_UNKNOWN);
	assert_int_equal(care_code_check(CARE_SET_REC, text(""), 2020), CARE_CODE_UNKNOWN);
}

static void every_set_has_a_name_and_every_code_a_meaning(void **state)
{
	const struct care_code *codes;
	size_t all = 0;

	(void)state;
	for (enum care_set s = 0; s < CARE_SET_COUNT; s++) {
		size_t n = care_set_codes(s, &codes);

		assert_true(n >= 2 && strlen(care_set_name(s)) > 0);
		for (size_t i = 0; i < n; i++) {
			assert_string_equal(
				care_code_meaning(s, text(codes[i].code)), codes[i].meaning);
			assert_true(strlen(codes[i].meaning) > 1);
		}
		all += n;
	}
	assert_int_equal(all, 240);
	assert_string_equal(care_set_name(CARE_SET_SW_REASON), "SW_REASON");
	assert_null(care_code_meaning(CARE_SET_REC, text("E99")));
}

static void authorities_are_found_by_code_gss_code_and_name(void **state)
{
	const struct care_authority *all;
	size_t n = care_authorities(&all);

	(void)state;
	assert_int_equal(n, 184);
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(care_authority_find(text(all[i].code)), &all[i]);
		assert_ptr_equal(care_authority_find(text(all[i].name)), &all[i]);
	}
	assert_string_equal(care_authority_find(text("E09000002"))->code, "301");
	assert_string_equal(care_authority_find(text(" barking AND dagenham"))->code, "301");
	assert_true(care_authority_find(text("942"))->current);
	assert_false(care_authority_find(text("909"))->current);
	assert_null(care_authority_find(text("999")));
	assert_null(care_authority_find(text("")));
}

static void the_check_letter_of_a_upn_is_computed(void **state)
{
	(void)state;
	assert_true(care_upn_letter_agrees(text("B801200005001")));
	assert_false(care_upn_letter_agrees(text("A801200005001")));
	assert_true(care_upn_letter_agrees(text("P207000016049")));
	assert_false(care_upn_letter_agrees(text("Q207000016049")));
	assert_false(care_upn_letter_agrees(text("B80120000500")));
	/* a temporary one: the letter at the end counts 13 times its place (A is 0) */
	assert_true(care_upn_letter_agrees(text("A00000000000A")));
	assert_true(care_upn_letter_agrees(text("P00000000000B")));
}

static void every_rule_has_a_text_that_says_what_to_do(void **state)
{
	unsigned n = 0;

	(void)state;
	for (; care_rule(n) != NULL; n++) {
		const struct care_rule *r = care_rule(n);

		assert_ptr_equal(care_rule_named(text(r->code)), r);
		assert_true(strlen(r->text) > 40);
		assert_int_equal(r->text[strlen(r->text) - 1], '.');
	}
	assert_true(n <= CARE_RULES_MAX && n >= 40);
	assert_null(care_rule_named(text("999")));
}

/* Rows of one table, each expected to break exactly .rules (codes and blanks) or nothing. */
struct case_of {
	const char *row;
	const char *rules;
};

static void expect(const char *columns, int year, const struct case_of *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct care_rule *list[CARE_RULES_MAX];
		struct fixture f;
		const char *file, *got = "";
		size_t faults;

		fixture_init(&f, year);
		file = arena_text(&f.arena, "%s%s", columns, cases[i].row);
		assert_int_equal(add(&f, "x.csv", text(file)), 0);
		assert_int_equal(care_return_finish(&f.ret), 0);
		assert_int_equal(f.ret.n_rows, 1);
		faults = care_faults_list(f.ret.rows[0]->faults, list);
		for (size_t k = 0; k < faults; k++) {
			got = arena_text(
				&f.arena, "%s%s%s", got, k > 0 ? " " : "", list[k]->code);
		}
		assert_string_equal(got, cases[i].rules);
		assert_int_equal(f.ret.report.faulty, faults > 0);
		fixture_done(&f);
	}
}

static void header_rows_are_checked(void **state)
{
	static const struct case_of cases[] = {
		{ "A1,2,23/06/2002,NOBT,B801200005001,,", "" },
		{ "A1,2,23/06/02,NOBT,UN1,1,21/11/2017", "" },
		{ "A1,1,23/06/2002,NOBT,,,", "" },
		{ "A1,3,23/06/2002,NOBT,UN5,,", "101" },
		{ "A1,,23/06/2002,NOBT,UN5,,", "101" },
		{ "A1,F,23/06/2002,NOBT,UN5,,", "101 K16" },
		{ "A1,2,31/02/2002,NOBT,UN5,,", "102" },
		{ "A1,2,,NOBT,UN5,,", "102" },
		{ "A1,2,zz/02/2002,NOBT,UN5,,", "" },
		{ "A1,2,23/06/2002,CNHE,UN5,,", "103" },
		{ "A1,2,23/06/2002,,UN5,,", "103" },
		{ "A1,2,23/06/2002,NOBT,UN5,1.0,", "165" },
		{ "A1,1,23/06/2002,NOBT,UN5,0,", "165" },
		{ "A1,2,23/06/2002,NOBT,UN5,0,soon", "K10" },
		{ "A1,2,23/06/2002,NOBT,UN7,,", "168" },
		{ "A1,2,23/06/2002,NOBT,S074885779408,,", "168" },
		{ "A1,2,23/06/2002,NOBT,K06014812931,,", "168" },
		{ "A1,2,23/06/2002,NOBT,A801200005001,,", "K14" },
		{ "A_1,2,23/06/2002,NOBT,UN5,,", "K08" },
		{ "A12345678901234567890,2,23/06/2002,NOBT,UN5,,", "K08" },
		{ ",2,23/06/2002,NOBT,UN5,,", "K07" },
	};

	(void)state;
	expect(HEADER_LINE, 2020, cases, COUNT(cases));
}

static void header_codes_follow_the_collection(void **state)
{
	static const struct case_of cases[] = {
		{ "A1,F,23/06/2012,NOBT,UN1,1,", "" },
		{ "A1,M,23/06/2012,NOBT,UN1,1,", "165" },
		{ "A1,2,23/06/2012,NOBT,UN1,,", "101 K16" },
	};

	(void)state;
	expect(HEADER_LINE, 2025, cases, COUNT(cases));
}

static void episode_rows_are_checked(void **state)
{
	static const struct case_of cases[] = {
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,,,,AB1 2CD,AB1 2CE,SC123456", "" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,02/05/2019,E3,CARPL,,,", "" },
		{ "A1,31/06/2019,S,C2,N1,U4,PR1,,,,,,", "141" },
		{ "A1,,S,C2,N1,U4,PR1,,,,,,", "K09" },
		{ "A1,01/05/2019,s,C2,N1,U4,PR1,,,,,,", "143" },
		{ "A1,01/05/2019,S,C9,N1,U4,PR1,,,,,,", "144" },
		{ "A1,01/05/2019,S,C2,N9,U4,PR1,,,,,,", "145" },
		{ "A1,01/05/2019,S,C2,N1,K3,PR1,,,,,,", "146 K16" },
		{ "A1,01/05/2019,S,C2,N1,QQ,PR1,,,,,,", "146" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,38/05/2019,E3,,,,", "147" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,,E3,,,,", "148" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,02/05/2019,,,,,", "148" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,02/05/2019,E4b,,,,", "149" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR9,,,,,,", "178" },
		{ "A1,01/05/2019,P,C2,N1,T1,PR1,,,,,,", "178" },
		{ "A1,01/05/2019,P,C2,N1,T1,,,,,,,", "" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,01/05/2019,E3,,,,", "355" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,30/04/2019,E3,,,,", "K11" },
		{ "A1,01/05/2019,S,C2,N1,T1,,,,,,,", "380" },
		{ "A1,01/05/2019,B,C2,N1,T1,,02/05/2019,E8,,,,", "381" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,02/05/2019,X1,,,,", "388" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,02/05/2019,E3,WHY,,,", "1009" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,,,,,", "K01" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,,,,,,,more", "K02" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,,,,\"a\"b,,", "K15" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,,,,caf\xe9,,", "K04" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,,,,caf\xc3\xa9,,", "" },
		{ "A1,01/05/2019,S,C2,N1,U4,PR1,,,,\xed\xa0\x80,,", "K04" },
	};

	(void)state;
	expect(EPISODES_LINE, 2020, cases, COUNT(cases));
}

static void review_rows_are_checked(void **state)
{
	static const struct case_of cases[] = {
		{ "A1,23/06/2002,08/10/2017,PN5", "" },
		{ "A1,23/06/2002,38/04/2019,PN5", "166" },
		{ "A1,23/06/2002,,PN5", "166" },
		{ "A1,23/06/2002,08/10/2017,pr0", "167" },
		{ "A1,23/06/2002,08/10/2017,", "167" },
		{ "A1,never,08/10/2017,PN5", "K10" },
	};

	(void)state;
	expect(REVIEWS_LINE, 2020, cases, COUNT(cases));
}

/* Import episodes of one child; each row's expected chain faults stand under its DECOM. */
static void chain(struct fixture *f, const char *rows)
{
	const char *file;

	fixture_init(f, 2020);
	file = arena_text(&f->arena, "%s%s", EPISODES_LINE, rows);
	assert_int_equal(add(f, "episodes.csv", text(file)), 0);
	assert_int_equal(care_return_finish(&f->ret), 0);
}

static void a_sound_chain_breaks_no_rule_in_any_order(void **state)
{
	struct fixture f;

	(void)state;
	chain(&f, "A1,03/06/2019,L,C2,N1,U4,PR1,05/06/2019,X1,,,P1,U1\n"
		  "A1,01/06/2019,S,C1,N1,U4,PR1,03/06/2019,X1,,,P1,U1\n"
		  "A1,01/09/2019,S,C2,N1,U4,PR1,,,,,P3,U3\n"
		  "A1,07/06/2019,B,E1,N1,A5,PR1,08/06/2019,E11,,,P2,U2\n"
		  "A1,05/06/2019,P,C2,N1,U6,PR1,07/06/2019,X1,CARPL,,P2,U2\n");
	assert_int_equal(f.ret.report.faulty, 0);
	fixture_done(&f);
}

static void only_the_last_episode_may_be_open(void **state)
{
	struct fixture f;

	(void)state;
	chain(&f, "A1,01/06/2019,S,C1,N1,U4,PR1,,,,,P1,U1\n"
		  "A1,03/06/2019,S,C2,N1,U4,PR1,,,,,P1,U1\n");
	assert_true(breaks(row_on(&f, "2019-06-01"), "142"));
	assert_int_equal(reported(&f.ret, "142"), 1);
	fixture_done(&f);
}

static void the_reason_for_ceasing_must_agree_with_the_next_episode(void **state)
{
	struct fixture f;

	(void)state;
	chain(&f, "A1,01/06/2019,S,C1,N1,U4,PR1,03/06/2019,X1,,,P1,U1\n"
		  "A1,05/06/2019,S,C1,N1,U4,PR1,06/06/2019,E11,,,P1,U1\n"
		  "A1,06/06/2019,L,C2,N1,U4,PR1,08/06/2019,X1,,,P1,U1\n");
	assert_true(breaks(row_on(&f, "2019-06-01"), "388")); /* no episode on the 3rd */
	assert_true(breaks(row_on(&f, "2019-06-05"), "388")); /* one on the 6th */
	assert_true(breaks(row_on(&f, "2019-06-06"), "388")); /* none at all */
	assert_true(breaks(row_on(&f, "2019-06-06"), "432")); /* after an adoption, not S */
	assert_int_equal(reported(&f.ret, "388"), 3);
	assert_int_equal(reported(&f.ret, "432"), 1);
	fixture_done(&f);
}

static void the_reason_for_the_new_episode_must_agree_with_the_dates(void **state)
{
	struct fixture f;

	(void)state;
	chain(&f, "A1,01/06/2019,S,C1,N1,U4,PR1,04/06/2019,X1,,,P1,U1\n"
		  "A1,02/06/2019,S,C1,N1,U4,PR1,06/06/2019,X1,,,P1,U1\n"
		  "A1,07/06/2019,P,C1,N1,U4,PR1,,,,,P2,U1\n");
	assert_true(breaks(row_on(&f, "2019-06-02"), "501"));
	assert_true(breaks(row_on(&f, "2019-06-02"), "431"));
	assert_true(breaks(row_on(&f, "2019-06-07"), "433"));
	assert_int_equal(reported(&f.ret, "501"), 1);
	assert_int_equal(reported(&f.ret, "431"), 1);
	assert_int_equal(reported(&f.ret, "433"), 1);
	assert_int_equal(reported(&f.ret, "432"), 0);
	fixture_done(&f);
}

static void what_changed_must_agree_with_the_reason(void **state)
{
	struct fixture f;

	(void)state;
	chain(&f, "A1,01/06/2019,S,C1,N1,U4,PR1,02/06/2019,X1,,,P1,U1\n"
		  "A1,02/06/2019,L,C1,N1,U4,PR1,03/06/2019,X1,,,P1,U1\n" /* nothing changed */
		  "A1,03/06/2019,L,C2,N1,U4,PR1,04/06/2019,X1,,,P2,U1\n" /* placement too */
		  "A1,04/06/2019,P,C2,N1,U4,PR1,05/06/2019,X1,,,P2,U1\n" /* nothing */
		  "A1,05/06/2019,T,E1,N1,U4,PR1,06/06/2019,X1,,,P3,U1\n" /* status too */
		  "A1,06/06/2019,B,E1,N1,U4,PR1,07/06/2019,X1,,,P4,U1\n" /* placement only */
		  "A1,07/06/2019,U,C2,N1,U4,PR1,08/06/2019,X1,,,P4,U1\n" /* status only */
		  "A1,08/06/2019,U,E1,N1,U4,PR1,,,,,P5,U1\n");
	assert_true(breaks(row_on(&f, "2019-06-02"), "434"));
	assert_true(breaks(row_on(&f, "2019-06-03"), "434"));
	assert_true(breaks(row_on(&f, "2019-06-04"), "435"));
	assert_true(breaks(row_on(&f, "2019-06-05"), "435"));
	assert_true(breaks(row_on(&f, "2019-06-06"), "436"));
	assert_true(breaks(row_on(&f, "2019-06-07"), "436"));
	assert_int_equal(row_on(&f, "2019-06-08")->faults, 0);
	assert_int_equal(f.ret.report.faulty, 6);
	fixture_done(&f);
}

static void nothing_follows_a_death(void **state)
{
	struct fixture f;

	(void)state;
	chain(&f, "A1,01/06/2019,S,C1,N1,U4,PR1,02/06/2019,E2,,,P1,U1\n"
		  "A1,03/06/2019,S,C1,N1,U4,PR1,,,,,P1,U1\n");
	assert_true(breaks(row_on(&f, "2019-06-01"), "437"));
	assert_int_equal(f.ret.report.faulty, 1);
	fixture_done(&f);
}

static void an_episode_without_a_readable_date_has_no_neighbours(void **state)
{
	struct fixture f;

	(void)state;
	chain(&f, "A1,31/06/2019,S,C1,N1,U4,PR1,,,,,P1,U1\n"
		  "A1,01/06/2019,S,C1,N1,U4,PR1,,,,,P1,U1\n");
	assert_int_equal(row_on(&f, "2019-06-01")->faults, 0);
	assert_int_equal(reported(&f.ret, "141"), 1);
	assert_int_equal(f.ret.report.faulty, 1);
	fixture_done(&f);
}

static void children_are_not_each_others_neighbours(void **state)
{
	struct fixture f;

	(void)state;
	chain(&f, "A1,01/06/2019,S,C1,N1,U4,PR1,,,,,P1,U1\n"
		  "A2,03/06/2019,S,C1,N1,U4,PR1,,,,,P1,U1\n");
	assert_int_equal(f.ret.report.faulty, 0);
	fixture_done(&f);
}

static void an_open_episode_with_a_reason_for_ceasing_is_imported(void **state)
{
	struct fixture f;

	(void)state;
	chain(&f, "A1,01/06/2019,S,C1,N1,U4,PR1,,E3,,,P1,U1\n");
	assert_int_equal(f.ret.n_children, 1);
	assert_int_equal(f.ret.children[0].n_rows, 1);
	assert_true(breaks(f.ret.children[0].rows[0], "148"));
	assert_true(span_equals(care_row_value(f.ret.children[0].rows[0], "REC"), "E3"));
	fixture_done(&f);
}

static void a_date_of_birth_that_differs_between_tables_is_told(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "r",
				 text(REVIEWS_LINE "A1,23/06/2002,01/10/2019,PN5\n"
						   "A1,2002-06-23,02/10/2019,PN5\n"
						   "A1,24/06/2002,03/10/2019,PN5\n")),
		0);
	assert_int_equal(add(&f, "h", text(HEADER_LINE "A1,2,23/06/02,NOBT,UN1,,\n")), 0);
	assert_int_equal(care_return_finish(&f.ret), 0);
	assert_true(breaks(row_on(&f, "2019-10-03"), "K17"));
	assert_int_equal(f.ret.report.faulty, 1);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_is_judged_by_its_collection),
		cmocka_unit_test(every_set_has_a_name_and_every_code_a_meaning),
		cmocka_unit_test(authorities_are_found_by_code_gss_code_and_name),
		cmocka_unit_test(the_check_letter_of_a_upn_is_computed),
		cmocka_unit_test(every_rule_has_a_text_that_says_what_to_do),
		cmocka_unit_test(header_rows_are_checked),
		cmocka_unit_test(header_codes_follow_the_collection),
		cmocka_unit_test(episode_rows_are_checked),
		cmocka_unit_test(review_rows_are_checked),
		cmocka_unit_test(a_sound_chain_breaks_no_rule_in_any_order),
		cmocka_unit_test(only_the_last_episode_may_be_open),
		cmocka_unit_test(the_reason_for_ceasing_must_agree_with_the_next_episode),
		cmocka_unit_test(the_reason_for_the_new_episode_must_agree_with_the_dates),
		cmocka_unit_test(what_changed_must_agree_with_the_reason),
		cmocka_unit_test(nothing_follows_a_death),
		cmocka_unit_test(an_episode_without_a_readable_date_has_no_neighbours),
		cmocka_unit_test(children_are_not_each_others_neighbours),
		cmocka_unit_test(an_open_episode_with_a_reason_for_ceasing_is_imported),
		cmocka_unit_test(a_date_of_birth_that_differs_between_tables_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
