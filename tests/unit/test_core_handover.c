/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The account of a move: what waits too long is told once each, also over a restart, by limits
 * that may be changed.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH };

#define HOUR_MS UINT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

static size_t told(const struct fix *x, unsigned at, const char *what)
{
	size_t n = 0;

	for (const char *p = strstr(x->v[at].told, what); p; p = strstr(p + 1, what))
		n++;
	return n;
}

/* To a moment since FIX_WALL, in steps of an hour. */
static void wait_until(struct fix *x, uint64_t ms)
{
	while (x->now + HOUR_MS <= ms)
		fix_pass(x, HOUR_MS);
	fix_pass(x, (unsigned)(ms - x->now));
}

static struct move_row row_of(struct fix *x, unsigned at, const struct id *record)
{
	struct side *s = &x->v[at];
	struct move_row row;

	assert_int_equal(store_turn_begin(s->store, &s->view), 0);
	assert_int_equal(move_row_get(&s->view, record, &row), 0);
	store_turn_abort(s->store);
	return row;
}

static int count(struct step *s, void *ctx)
{
	const struct waiting **ret = ctx;

	return handover_count(s, ret);
}

/* What a status says: so many moves wait, and so many of them are late. */
static void assert_waiting(
	struct fix *x, unsigned at, uint64_t moves, uint64_t warned, uint64_t alarmed)
{
	const struct waiting *w;

	assert_int_equal(fix_inside(x, at, count, &w), 0);
	assert_int_equal(w->moves, moves);
	assert_int_equal(w->warned, warned);
	assert_int_equal(w->alarmed, alarmed);
}

/* 2026-01-01 is a holiday and a Thursday: what is offered then has until Monday 00:00, which is
 * one working day behind Friday 00:00, and until Friday week for the alarm. */
static void wait_is_told_of_once_for_each_limit_and_no_more_after_a_restart(void **state)
{
	struct fix *x = fix_new(2);
	struct id record;

	(void)state;
	fix_introduce_all(x);
	assert_waiting(x, NORTH, 0, 0, 0);
	record = fix_offered(x, NORTH, SOUTH);
	assert_waiting(x, NORTH, 1, 0, 0);
	wait_until(x, 4 * DAY_MS - 1000);
	assert_waiting(x, SOUTH, 1, 0, 0);
	assert_int_equal(told(x, NORTH, "warns of") + told(x, SOUTH, "warns of"), 0);
	wait_until(x, 4 * DAY_MS + HOUR_MS);
	assert_int_equal(told(x, NORTH, "warns of"), 1);
	assert_int_equal(told(x, SOUTH, "warns of"), 1);
	assert_waiting(x, NORTH, 1, 1, 0);
	assert_waiting(x, SOUTH, 1, 1, 0);
	fix_restart(x, NORTH);
	wait_until(x, 7 * DAY_MS);
	assert_int_equal(told(x, NORTH, "warns of"), 1);
	assert_int_equal(told(x, NORTH, "is alarmed by"), 0);
	wait_until(x, 8 * DAY_MS + 2 * HOUR_MS);
	assert_int_equal(told(x, NORTH, "is alarmed by"), 1);
	assert_int_equal(told(x, SOUTH, "is alarmed by"), 1);
	assert_int_equal(row_of(x, SOUTH, &record).told, 2);
	assert_waiting(x, SOUTH, 1, 0, 1);

	/* What comes to its end is late no more. */
	fix_restart(x, SOUTH);
	fix_wait(x, 60);
	assert_int_equal(fix_about(x, SOUTH, VERB_MOVE_DECLINE, &record), 0);
	fix_wait(x, 1);
	assert_int_equal(row_of(x, NORTH, &record).phase, MOVE_SETTLED);
	assert_waiting(x, NORTH, 0, 0, 0);
	assert_waiting(x, SOUTH, 0, 0, 0);
	wait_until(x, 30 * DAY_MS);
	assert_int_equal(told(x, NORTH, "warns of") + told(x, NORTH, "is alarmed by"), 2);
	fix_free(x);
}

static void custodian_knows_that_the_offer_came_when_the_record_is_asked_for(void **state)
{
	struct fix *x = fix_new(2);
	struct id record;
	uint64_t at;

	(void)state;
	fix_introduce_all(x);
	record = fix_record(x, NORTH);
	fix_cut(x, NORTH, SOUTH);
	fix_wait(x, 1);
	assert_int_equal(fix_offer(x, NORTH, &record, SOUTH), 0);
	fix_wait(x, 100);
	assert_true(row_of(x, NORTH, &record).received_ms == 0);
	fix_heal(x, NORTH, SOUTH);
	fix_wait(x, 100);
	at = row_of(x, NORTH, &record).received_ms;
	assert_true(at > row_of(x, NORTH, &record).offered_ms + 100000);
	fix_restart(x, NORTH);
	assert_true(row_of(x, NORTH, &record).received_ms == at);

	/* The Accept says when it was complete there. */
	assert_true(row_of(x, NORTH, &record).complete_ms == 0);
	fix_wait(x, 60);
	assert_int_equal(fix_accept(x, SOUTH, &record), 0);
	fix_wait(x, 2);
	assert_true(row_of(x, SOUTH, &record).complete_ms > 0);
	assert_true(
		row_of(x, NORTH, &record).complete_ms == row_of(x, SOUTH, &record).complete_ms);
	assert_true(row_of(x, NORTH, &record).received_ms == at);
	fix_free(x);
}

static void done_again_is_done_and_a_problem_only_without_saying_so(void **state)
{
	struct fix *x = fix_new(3);
	struct id record;
	struct entry worker = { .kind = ENTRY_WORKER, .has_worker = true };
	char hex[ID_TEXT_LEN];
	struct ctl_request q = { .verb = VERB_MOVE_OFFER, .code = 1, .again = true };

	(void)state;
	fix_introduce_all(x);
	record = fix_record(x, NORTH);
	q.record = (struct span){ (const uint8_t *)id_text(&record, hex), 2 * ID_LEN };
	q.peer = (struct span){ (const uint8_t *)x->v[SOUTH].node->name,
		strlen(x->v[SOUTH].node->name) };
	assert_int_equal(fix_ask(x, NORTH, &q), 0);
	assert_null(strstr(x->v[NORTH].reply, "done before"));
	assert_int_equal(fix_ask(x, NORTH, &q), 0);
	assert_non_null(strstr(x->v[NORTH].reply, "done before"));
	assert_int_equal(fix_affairs(x, NORTH, &record)->n_offers, 1);
	q.again = false;
	assert_int_equal(fix_ask(x, NORTH, &q), PROBLEM_OFFER_OPEN);
	q.again = true; /* to another region it is another offer */
	q.peer = (struct span){ (const uint8_t *)x->v[2].node->name,
		strlen(x->v[2].node->name) };
	assert_int_equal(fix_ask(x, NORTH, &q), PROBLEM_OFFER_OPEN);

	fix_wait(x, 1);
	worker.worker.name = SPAN_LIT("Jo");
	q.verb = VERB_MOVE_ACCEPT;
	q.entries = &worker;
	q.n_entries = 1;
	assert_int_equal(fix_ask(x, SOUTH, &q), 0);
	assert_int_equal(fix_ask(x, SOUTH, &q), 0);
	fix_wait(x, 2);
	assert_int_equal(fix_ask(x, SOUTH, &q), 0);
	q.again = false;
	assert_int_equal(fix_ask(x, SOUTH, &q), PROBLEM_OFFER_NONE);

	q.again = true;
	q.verb = VERB_MOVE_OFFER;
	q.n_entries = 0;
	q.peer = (struct span){ (const uint8_t *)x->v[SOUTH].node->name,
		strlen(x->v[SOUTH].node->name) };
	assert_int_equal(fix_ask(x, NORTH, &q), 0); /* moved there: nothing is left to do */
	q.again = false;
	assert_int_equal(fix_ask(x, NORTH, &q), PROBLEM_NOT_CUSTODIAN);
	assert_int_equal(fix_affairs(x, SOUTH, &record)->n_offers, 1);
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			wait_is_told_of_once_for_each_limit_and_no_more_after_a_restart),
		cmocka_unit_test(
			custodian_knows_that_the_offer_came_when_the_record_is_asked_for),
		cmocka_unit_test(done_again_is_done_and_a_problem_only_without_saying_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
