/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Meaning: what a list and a timeline say is what the rows say, in bounded room.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/care_fixture.h"

/* A return of one file; every row's title in turn is given to .want. */
static void titles(const char *file, const char *const *want, size_t n)
{
	struct fixture f;
	char got[400];

	fixture_init(&f, 2020);
	assert_int_equal(add(&f, "f", text(file)), 0);
	assert_int_equal(f.ret.n_rows, n);
	for (size_t i = 0; i < n; i++) {
		size_t len = care_row_title(f.ret.rows[i], got, sizeof(got));

		assert_string_equal(got, want[i]);
		assert_int_equal(len, strlen(want[i]));
	}
	fixture_done(&f);
}

static void an_episode_is_one_line(void **state)
{
	static const char *const want[] = {
		"Episode from 12/05/2019: LS C2 full care order, placement U4 foster placement "
		"with "
		"other carer, long term, ended 01/06/2019 E3 care taken over by another LA in "
		"the UK",
		"Episode from 12/05/2019: LS C1 interim care order, placement P1 placed with "
		"own "
		"parent(s) or person with parental responsibility, open",
		"Episode from zz/05/2019: LS C9 (unknown code), placement R2 NHS/health trust "
		"or other "
		"establishment providing medical/nursing care, open, although with a reason "
		"for ending, "
		"E45 SGO to former foster carer, relative/friend",
		"Episode from (no date), ended soon",
	};

	(void)state;
	titles(EPISODES_LINE "A1,12/05/2019,S,C2,N1,U4,PR1,01/06/2019,E3,,,,\n"
			     "A1,2019-05-12,S,C1,N1,P1,PR0,,,,,,\n"
			     "A1,zz/05/2019,S,C9,N1,R2,PR1,,E45,,,,\n"
			     "A1,,,,,,,soon,,,,,\n",
		want, COUNT(want));
}

static void headers_and_reviews_are_one_line(void **state)
{
	static const char *const header[] = {
		"Header: born 23/06/2002, sex 2 female, ethnicity WBRI White British",
		"Header: born (no date)",
	};
	static const char *const reviews[] = {
		"Review on 08/10/2019: PN1 attends and speaks for self",
		"Review on 38/10/2019: PN9 (unknown code)",
	};

	(void)state;
	titles(HEADER_LINE "A1,2,23/06/02,WBRI,,,\nA1,,,,,,\n", header, COUNT(header));
	titles(REVIEWS_LINE "A1,,08/10/2019,PN1\nA1,,38/10/2019,PN9\n", reviews,
		COUNT(reviews));
}

static void a_title_never_leaves_its_room_nor_splits_a_character(void **state)
{
	struct fixture f;
	char into[64], whole[64];
	size_t full;

	(void)state;
	fixture_init(&f, 2020);
	assert_int_equal(
		add(&f, "r", text(REVIEWS_LINE "A1,,08/10/2019,\xc3\xa9\xe2\x82\xac\n")), 0);
	full = care_row_title(f.ret.rows[0], whole, sizeof(whole));
	assert_string_equal(whole, "Review on 08/10/2019: \xc3\xa9\xe2\x82\xac (unknown code)");
	for (size_t room = 0; room <= full + 1; room++) {
		size_t len;

		memset(into, 'X', sizeof(into));
		len = care_row_title(f.ret.rows[0], into, room);
		assert_true(room == 0 ? len == 0 : len < room);
		assert_memory_equal(into, whole, len);
		if (room > 0)
			assert_int_equal(into[len], '\0');
		for (size_t i = room; i < sizeof(into); i++)
			assert_int_equal(into[i], 'X');
		/* never behind the first byte of one, nor the second of the euro sign */
		assert_true(len != 23 && len != 25 && len != 26);
	}
	fixture_done(&f);
}

static void nothing_that_moves_a_terminal_comes_through(void **state)
{
	static const char *const want[] = {
		"Review on 08/10/2019: ?[2J??x??? (unknown code)",
	};

	(void)state;
	/* escape, a C1 control, bad UTF-8, a right-to-left override, line feed, tab */
	titles(REVIEWS_LINE "A1,,08/10/2019,\"\x1b[2J\xc2\x9b\xff"
			    "x\xe2\x80\xae\n\x7f\"\n",
		want, 1);
}

static void summary_of(
	struct fixture *f, const char *header, const char *episodes, struct care_summary *ret)
{
	fixture_init(f, 2020);
	*ret = (struct care_summary){ 0 };
	assert_int_equal(add(f, "h", text(header)), 0);
	assert_int_equal(add(f, "e", text(episodes)), 0);
	assert_int_equal(add(f, "r",
				 text(REVIEWS_LINE "A1,,08/10/2019,PN1\nA1,,07/10/2019,PN1\n"
						   "A1,,38/10/2019,PN1\n")),
		0);
	for (size_t i = 0; i < f->ret.n_rows; i++)
		care_summary_apply(ret, f->ret.rows[i]);
}

static void a_summary_says_the_latest_episode_and_review(void **state)
{
	struct care_summary s;
	char at[CARE_DATE_TEXT];
	struct fixture f;

	(void)state;
	summary_of(&f, HEADER_LINE "A1,2,23/06/2002,NOBT,UN1,,\nA1,,,NOBT,UN1,,\n",
		EPISODES_LINE "A1,01/07/2019,P,C2,N1,U4,PR1,02/08/2019,E3,,,,\n"
			      "A1,01/05/2019,S,C1,N1,U6,PR1,01/07/2019,X1,,,,\n"
			      "A1,when,S,V2,N1,U6,PR1,01/07/2019,X1,,,,\n",
		&s);
	assert_string_equal(s.sex, "2");
	assert_string_equal(care_date_iso(s.dob, at), "2002-06-23");
	assert_string_equal(care_date_iso(s.decom, at), "2019-07-01");
	assert_string_equal(care_date_iso(s.dec, at), "2019-08-02");
	assert_string_equal(s.rec, "E3");
	assert_string_equal(s.ls, "C2");
	assert_string_equal(s.place, "U4");
	assert_string_equal(s.rne, "P");
	assert_string_equal(care_date_iso(s.review, at), "2019-10-08");
	assert_int_equal(s.headers, 2);
	assert_int_equal(s.episodes, 3);
	assert_int_equal(s.reviews, 3);
	assert_true(care_summary_moved(&s));
	fixture_done(&f);
}

static void only_a_closed_latest_episode_with_e3_is_a_move(void **state)
{
	struct care_summary s;
	struct fixture f;

	(void)state;
	summary_of(&f, HEADER_LINE, EPISODES_LINE "A1,01/07/2019,S,C2,N1,U4,PR1,,E3,,,,\n", &s);
	assert_false(care_summary_moved(&s));
	fixture_done(&f);
	summary_of(&f, HEADER_LINE,
		EPISODES_LINE "A1,01/07/2019,S,C2,N1,U4,PR1,02/08/2019,E3,,,,\n"
			      "A1,02/09/2019,S,C2,N1,U4,PR1,,,,,,\n",
		&s);
	assert_false(care_summary_moved(&s));
	fixture_done(&f);
}

static void of_two_episodes_of_one_day_the_later_application_wins(void **state)
{
	struct care_summary s;
	struct fixture f;

	(void)state;
	summary_of(&f, HEADER_LINE,
		EPISODES_LINE "A1,01/07/2019,S,C2,N1,U4,PR1,02/08/2019,E8,,,,\n"
			      "A1,01/07/2019,S,C2,N1,U4,PR1,02/08/2019,E3,,,,\n",
		&s);
	assert_string_equal(s.rec, "E3");
	fixture_done(&f);
}

static void a_code_that_is_too_long_is_cut_and_not_split(void **state)
{
	struct care_summary s;
	struct fixture f;

	(void)state;
	summary_of(&f, HEADER_LINE,
		EPISODES_LINE "A1,01/07/2019,S,12345678901234\xc3\xa9z,N1,U4,PR1,,,,,,\n", &s);
	assert_string_equal(s.ls, "12345678901234");
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_episode_is_one_line),
		cmocka_unit_test(headers_and_reviews_are_one_line),
		cmocka_unit_test(a_title_never_leaves_its_room_nor_splits_a_character),
		cmocka_unit_test(nothing_that_moves_a_terminal_comes_through),
		cmocka_unit_test(a_summary_says_the_latest_episode_and_review),
		cmocka_unit_test(only_a_closed_latest_episode_with_e3_is_a_move),
		cmocka_unit_test(of_two_episodes_of_one_day_the_later_application_wins),
		cmocka_unit_test(a_code_that_is_too_long_is_cut_and_not_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
