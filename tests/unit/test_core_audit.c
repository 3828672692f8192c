/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who asked what: what is noted and what not, how it is found again, and how old rows go.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

enum { NORTH };

#define HOUR_S 3600

static void keep_for(struct fix *x, uint64_t hours)
{
	fix_step(x, NORTH,
		&(struct event){
			.kind = EVENT_SETTINGS, .audit_keep_ms = hours * HOUR_S * 1000 });
	assert_int_equal(x->v[NORTH].result, 0);
}

static struct fix *noting(void)
{
	struct fix *x = fix_new(1);

	keep_for(x, 24);
	return x;
}

/* How many rows the audit shows of what .q asks for. */
static unsigned audit(struct fix *x, struct ctl_request q)
{
	unsigned n = 0;

	q.verb = VERB_AUDIT;
	assert_int_equal(fix_ask(x, NORTH, &q), 0);
	for (const char *at = x->v[NORTH].reply; (at = strstr(at, "user=")); at++)
		n++;
	return n;
}

static bool said(struct fix *x, const char *line)
{
	return strstr(x->v[NORTH].reply, line) != NULL;
}

static void reading_writing_listing_and_what_is_refused_are_noted(void **state)
{
	struct fix *x = noting();
	struct id record = fix_record(x, NORTH);
	char hex[ID_TEXT_LEN];

	(void)state;
	id_text(&record, hex);
	assert_int_equal(audit(x, (struct ctl_request){ 0 }), 1);
	assert_true(said(x, "verb=record new\n"));
	assert_true(said(x, hex));

	assert_int_equal(fix_ask(x, NORTH,
				 &(struct ctl_request){ .verb = VERB_RECORD_SHOW,
					 .record = span_of(hex),
					 .worker = SPAN_LIT("Ann"),
					 .role = SPAN_LIT("nurse"),
					 .purpose = SPAN_LIT("a visit") }),
		0);
	assert_int_equal(
		fix_ask(x, NORTH, &(struct ctl_request){ .verb = VERB_RECORD_LIST }), 0);
	x->v[NORTH].groups = GROUP_OPERATOR;
	assert_int_equal(fix_ask(x, NORTH,
				 &(struct ctl_request){
					 .verb = VERB_TIMELINE, .record = SPAN_LIT("340/7") }),
		PROBLEM_NEEDS_CARE);
	x->v[NORTH].groups = 0;
	assert_int_equal(audit(x, (struct ctl_request){ .after = 2 }), 3);
	assert_true(said(x, "user=uid 1000 (ann)\n"));
	assert_true(said(x, "worker=Ann\nrole=nurse\npurpose=a visit\n"));
	assert_true(said(x, "verb=record list\n"));
	assert_true(said(x, "groups=kith-operator\nverb=record timeline\nabout=340/7\n"
			    "problem=needs-kith-app\n"));
	fix_free(x);
}

static void what_anybody_may_see_and_dry_runs_are_not_noted(void **state)
{
	struct fix *x = noting();

	(void)state;
	assert_int_equal(fix_ask(x, NORTH, &(struct ctl_request){ .verb = VERB_STATUS }), 0);
	assert_int_equal(fix_ask(x, NORTH, &(struct ctl_request){ .verb = VERB_PEERS }), 0);
	assert_int_equal(
		fix_ask(x, NORTH,
			&(struct ctl_request){ .verb = VERB_RECORD_NEW, .dry_run = true }),
		0);
	assert_int_equal(audit(x, (struct ctl_request){ 0 }), 0);
	fix_free(x);
}

static void rows_are_found_by_record_by_user_and_by_time(void **state)
{
	struct fix *x = noting();
	struct id one = fix_record(x, NORTH), other;
	char hex[ID_TEXT_LEN];

	(void)state;
	fix_wait(x, 2 * HOUR_S);
	other = fix_record(x, NORTH);
	assert_int_equal(fix_about(x, NORTH, VERB_CUSTODY, &other), 0);
	assert_int_equal(
		audit(x, (struct ctl_request){ .record = span_of(id_text(&one, hex)) }), 1);
	assert_int_equal(
		audit(x, (struct ctl_request){ .record = span_of(id_text(&other, hex)) }), 2);
	assert_int_equal(audit(x, (struct ctl_request){ .user = SPAN_LIT("jo") }), 0);
	assert_int_equal(audit(x, (struct ctl_request){ .user = SPAN_LIT("100") }), 0);
	assert_int_equal(
		audit(x, (struct ctl_request){ .user = SPAN_LIT("ann"), .limit = 2 }), 2);
	assert_int_equal(
		audit(x, (struct ctl_request){ .user = SPAN_LIT("1000"), .limit = 2 }), 2);
	assert_int_equal(audit(x, (struct ctl_request){ .since_ms = FIX_WALL + x->now }), 8);
	fix_free(x);
}

static void a_question_about_a_record_is_noted_before_it_is_answered(void **state)
{
	struct fix *x = noting();
	uint64_t before, after, flushes;

	(void)state;
	store_counts(x->v[NORTH].store, &before, &flushes);
	assert_int_equal(
		fix_ask(x, NORTH, &(struct ctl_request){ .verb = VERB_RECORD_LIST }), 0);
	store_counts(x->v[NORTH].store, &after, &flushes);
	assert_int_equal(after, before + 1);
	assert_int_equal(fix_ask(x, NORTH, &(struct ctl_request){ .verb = VERB_STATUS }), 0);
	store_counts(x->v[NORTH].store, &before, &flushes);
	assert_int_equal(after, before);
	fix_free(x);
}

static void pages_lead_to_the_end(void **state)
{
	struct fix *x = noting();

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		(void)fix_record(x, NORTH);
	assert_int_equal(audit(x, (struct ctl_request){ .limit = 3 }), 3);
	assert_int_equal(audit(x, (struct ctl_request){ .after = 3, .limit = 100 }), 3);
	assert_int_equal(audit(x, (struct ctl_request){ .after = 7 }), 0);
	fix_free(x);
}

/* Many clients at once: their requests share a turn. */
static int ask_often(struct step *s, void *ctx)
{
	for (unsigned i = 0; i < *(unsigned *)ctx; i++)
		fix_ask_inside(s, &(struct ctl_request){ .verb = VERB_RECORD_LIST });
	return 0;
}

static void notes_of_a_turn_share_a_row_and_are_found_one_by_one(void **state)
{
	struct fix *x = noting();
	struct store_stat stat;
	unsigned many = 70, more = 4000;

	(void)state;
	assert_int_equal(fix_inside(x, NORTH, ask_often, &many), 0);
	assert_int_equal(store_stat(x->v[NORTH].store, &stat), 0);
	assert_int_equal(stat.rows[TABLE_AUDIT], 1);
	fix_restart(x, NORTH);
	keep_for(x, 24);
	assert_int_equal(audit(x, (struct ctl_request){ 0 }), 70);
	assert_int_equal(audit(x, (struct ctl_request){ .after = 30, .limit = 20 }), 20);
	assert_int_equal(audit(x, (struct ctl_request){ .after = 60 }), 12);
	assert_int_equal(audit(x, (struct ctl_request){ .after = 71 }), 2);
	assert_int_equal(fix_inside(x, NORTH, ask_often, &more), 0);
	assert_int_equal(store_stat(x->v[NORTH].store, &stat), 0);
	assert_int_equal(stat.rows[TABLE_AUDIT], 1 + 4 + 1); /* 4,000 bytes a row, at most */
	assert_int_equal(audit(x, (struct ctl_request){ .after = 4050, .limit = 9 }), 9);
	assert_int_equal(audit(x, (struct ctl_request){ .after = 4070 }), 5);
	keep_for(x, 1);
	fix_wait(x, 2 * HOUR_S);
	(void)fix_record(x, NORTH);
	(void)fix_record(x, NORTH);
	assert_int_equal(store_stat(x->v[NORTH].store, &stat), 0);
	assert_int_equal(stat.rows[TABLE_AUDIT], 2);
	fix_free(x);
}

static void rows_outlive_the_daemon_and_numbers_go_on(void **state)
{
	struct fix *x = noting();

	(void)state;
	(void)fix_record(x, NORTH);
	fix_restart(x, NORTH);
	keep_for(x, 24);
	(void)fix_record(x, NORTH);
	assert_int_equal(audit(x, (struct ctl_request){ 0 }), 2);
	assert_int_equal(
		audit(x, (struct ctl_request){ .after = 2 }), 1); /* the first question */
	fix_free(x);
}

static void damaged_rows_keep_nobody_from_working(void **state)
{
	struct fix *x = noting();

	(void)state;
	(void)fix_record(x, NORTH);
	(void)fix_record(x, NORTH);
	fix_damaged = TABLE_AUDIT;
	(void)fix_record(x, NORTH);
	fix_restart(x, NORTH);
	keep_for(x, 24);
	(void)fix_record(x, NORTH);
	fix_damaged = TABLE_META;
	/* All of them are there, and the number of the last has left room for what was damaged.
	 */
	assert_int_equal(audit(x, (struct ctl_request){ 0 }), 4);
	assert_int_equal(audit(x, (struct ctl_request){ .after = 3 }), 2);
	assert_int_equal(audit(x, (struct ctl_request){ .after = 1000 }), 3);
	fix_free(x);
}

static void what_is_too_old_is_not_shown_and_goes_as_new_rows_come(void **state)
{
	struct fix *x = noting();

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		(void)fix_record(x, NORTH);
	keep_for(x, 1);
	fix_wait(x, 2 * HOUR_S);
	assert_int_equal(audit(x, (struct ctl_request){ 0 }), 0);
	/* that one and two more have taken four old rows each with them */
	assert_int_equal(audit(x, (struct ctl_request){ 0 }), 1);
	assert_int_equal(audit(x, (struct ctl_request){ 0 }), 2);
	keep_for(x, 24);
	assert_int_equal(audit(x, (struct ctl_request){ 0 }), 3);
	assert_int_equal(audit(x, (struct ctl_request){ .after = 10 }), 4);
	fix_free(x);
}

static void long_words_of_foreign_letters_are_cut_between_letters(void **state)
{
	char many[160];
	struct fix *x = noting();

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(many); i += 2)
		memcpy(many + i, "\xc3\xa9", 2);
	many[0] = 'x'; /* so that a letter stands across the limit */
	memmove(many + 1, many + 2, sizeof(many) - 2);
	assert_int_equal(fix_ask(x, NORTH,
				 &(struct ctl_request){ .verb = VERB_PEER_REMOVE,
					 .peer = { (const uint8_t *)many, 141 } }),
		PROBLEM_PEER_UNKNOWN);
	assert_int_equal(audit(x, (struct ctl_request){ 0 }), 1);
	assert_true(said(x, "about=x\xc3\xa9"));
	fix_free(x);
}

/* Ann looks at a record, for that purpose; how many changes it has then. */
static uint64_t changes_after(
	struct fix *x, const struct id *record, enum verb verb, const char *purpose)
{
	char hex[ID_TEXT_LEN];

	assert_int_equal(fix_ask(x, NORTH,
				 &(struct ctl_request){ .verb = verb,
					 .record = span_of(id_text(record, hex)),
					 .worker = SPAN_LIT("Ann"),
					 .purpose = span_of(purpose) }),
		0);
	return fix_affairs(x, NORTH, record) ? x->v[NORTH].node->log_next : 0;
}

static void a_restart_writes_no_second_access_entry_of_the_same_hour(void **state)
{
	static const enum verb verbs[] = { VERB_RECORD_SHOW, VERB_TIMELINE, VERB_EXPORT };
	struct fix *x = noting();
	struct id record = fix_record(x, NORTH);
	uint64_t before;

	(void)state;
	for (size_t i = 0; i < COUNT(verbs); i++) {
		before = x->v[NORTH].node->log_next;
		assert_int_equal(changes_after(x, &record, verbs[i], "visit"), before + 1);
		assert_int_equal(changes_after(x, &record, verbs[i], "visit"), before + 1);
	}
	fix_restart(x, NORTH);
	keep_for(x, 24);
	before = x->v[NORTH].node->log_next;
	for (size_t i = 0; i < COUNT(verbs); i++)
		assert_int_equal(changes_after(x, &record, verbs[i], "visit"), before);
	/* Another purpose is another reading; so is the same in the next hour. */
	assert_int_equal(changes_after(x, &record, VERB_TIMELINE, "court"), before + 1);
	x->now += (uint64_t)HOUR_S * 1000;
	fix_restart(x, NORTH);
	assert_int_equal(changes_after(x, &record, VERB_TIMELINE, "visit"), before + 2);
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_writing_listing_and_what_is_refused_are_noted),
		cmocka_unit_test(what_anybody_may_see_and_dry_runs_are_not_noted),
		cmocka_unit_test(rows_are_found_by_record_by_user_and_by_time),
		cmocka_unit_test(a_question_about_a_record_is_noted_before_it_is_answered),
		cmocka_unit_test(a_restart_writes_no_second_access_entry_of_the_same_hour),
		cmocka_unit_test(pages_lead_to_the_end),
		cmocka_unit_test(notes_of_a_turn_share_a_row_and_are_found_one_by_one),
		cmocka_unit_test(rows_outlive_the_daemon_and_numbers_go_on),
		cmocka_unit_test(damaged_rows_keep_nobody_from_working),
		cmocka_unit_test(what_is_too_old_is_not_shown_and_goes_as_new_rows_come),
		cmocka_unit_test(long_words_of_foreign_letters_are_cut_between_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
