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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_that_was_rekeyed_forty_times_is_offered_and_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
