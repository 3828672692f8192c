/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Custody between real nodes (P6): what follows by itself, in the corners that a random life
 * seldom reaches.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH, EAST };

static void record_that_was_rekeyed_forty_times_is_offered_and_moved(void **state)
{
	struct fix *x = fix_new(2);
	struct id record;

	(void)state;
	fix_introduce_all(x);
	record = fix_record(x, NORTH);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(fix_offer(x, NORTH, &record, SOUTH), 0);
		fix_wait(x, 1);
		assert_int_equal(fix_about(x, SOUTH, VERB_MOVE_DECLINE, &record), 0);
		fix_wait(x, 1);
	}
	assert_int_equal(fix_affairs(x, NORTH, &record)->epoch, 41);
	fix_move(x, NORTH, &record, SOUTH);
	assert_true(id_equal(&fix_affairs(x, NORTH, &record)->custodian, &x->v[SOUTH].id));
	fix_free(x);
}

/* South accepts while north, who does not hear of it, withdraws and offers again. */
static void acceptor_stands_down_from_the_old_offer_before_it_is_removed(void **state)
{
	struct fix *x = fix_new(2);
	const struct affairs *a;
	struct id record;

	(void)state;
	fix_introduce_all(x);
	record = fix_offered(x, NORTH, SOUTH);
	fix_cut(x, NORTH, SOUTH);
	assert_int_equal(fix_accept(x, SOUTH, &record), 0);
	assert_int_equal(fix_about(x, NORTH, VERB_MOVE_WITHDRAW, &record), 0);
	assert_int_equal(fix_offer(x, NORTH, &record, SOUTH), 0);
	fix_heal(x, NORTH, SOUTH);
	fix_wait(x, 100);

	a = fix_affairs(x, SOUTH, &record);
	assert_int_equal(a->n_offers, 2);
	assert_int_equal(a->offers[0].state, OFFER_STOOD_DOWN);
	assert_int_equal(a->offers[1].state, OFFER_OPEN);
	assert_int_equal(fix_about(x, SOUTH, VERB_MOVE_DECLINE, &record), 0);
	fix_wait(x, 1);
	a = fix_affairs(x, NORTH, &record);
	assert_int_equal(a->n_acting, 0);
	assert_int_equal(affairs_role(a, &x->v[SOUTH].id), ROLE_NONE);
	fix_free(x);
}

/* Withdraw and the next Offer reach south together; what the next one names does not. */
static void what_was_complete_for_one_offer_is_looked_at_again_for_the_next(void **state)
{
	struct fix *x = fix_new(2);
	struct id record;

	(void)state;
	fix_introduce_all(x);
	record = fix_offered(x, NORTH, SOUTH);
	assert_true(fix_record_row(x, SOUTH, &record).complete);
	fix_cut(x, NORTH, SOUTH);
	assert_int_equal(fix_about(x, NORTH, VERB_MOVE_WITHDRAW, &record), 0);
	assert_int_equal(fix_note(x, NORTH, &record, "in between"), 0);
	assert_int_equal(fix_offer(x, NORTH, &record, SOUTH), 0);
	fix_hush(x);
	fix_heal(x, NORTH, SOUTH);
	fix_wait(x, 100);
	assert_true(fix_told(x, SOUTH, "completes"));
	assert_true(fix_record_row(x, SOUTH, &record).complete);
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_that_was_rekeyed_forty_times_is_offered_and_moved),
		cmocka_unit_test(acceptor_stands_down_from_the_old_offer_before_it_is_removed),
		cmocka_unit_test(
			what_was_complete_for_one_offer_is_looked_at_again_for_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
