/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long a peer stays away after whatever kept it away has ended: a network that was cut, a
 * door that strangers crowded. Seconds for who was in session not long before, a minute for who
 * was not.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH };

#define MINUTE 60
#define SOON   7  /* seconds: five, a quarter by chance, and the way there */
#define LATE   76 /* a minute, and a quarter of it by chance */

static unsigned dialler(const struct fix *x)
{
	return peer_find(x->v[NORTH].node, &x->v[SOUTH].id)->we_dial ? NORTH : SOUTH;
}

static const struct peer *other(const struct fix *x)
{
	const unsigned at = dialler(x);

	return peer_find(x->v[at].node, &x->v[!at].id);
}

/* Nobody gets through, for so long. */
static void cut_for(struct fix *x, unsigned seconds)
{
	fix_cut(x, NORTH, SOUTH);
	fix_wait(x, seconds);
	assert_int_equal(other(x)->state, PEER_DOWN);
	fix_heal(x, NORTH, SOUTH);
	fix_hush(x);
}

/* Seconds until they are in session. */
static unsigned back_after(struct fix *x)
{
	unsigned seconds = 0;

	while (other(x)->state != PEER_LIVE && seconds < 10 * MINUTE) {
		fix_wait(x, 1);
		seconds++;
	}
	return seconds;
}

static unsigned dials_in(struct fix *x, unsigned seconds)
{
	const unsigned at = dialler(x);
	unsigned n = 0;

	fix_cut(x, NORTH, SOUTH);
	for (unsigned i = 0; i < seconds; i++) {
		fix_hush(x);
		fix_wait(x, 1);
		n += fix_told(x, at, "dials");
	}
	return n;
}

static void who_was_in_session_is_back_within_seconds_of_the_end_of_an_outage(void **state)
{
	struct fix *x = fix_new(2);

	(void)state;
	fix_introduce_all(x);
	assert_int_equal(other(x)->state, PEER_LIVE);
	for (unsigned minutes = 1; minutes <= 14; minutes += minutes < 4 ? 1 : 5) {
		cut_for(x, minutes * MINUTE);
		assert_in_range(back_after(x), 0, SOON);
	}
	fix_free(x);
}

static void who_has_been_away_for_long_is_dialled_once_a_minute(void **state)
{
	struct fix *x = fix_new(2);

	(void)state;
	fix_introduce_all(x);
	cut_for(x, 20 * MINUTE);
	assert_in_range(dials_in(x, 10 * MINUTE), 7, 11);
	fix_heal(x, NORTH, SOUTH);
	assert_in_range(back_after(x), 0, LATE);
	fix_free(x);
}

static void who_never_was_in_session_is_dialled_once_a_minute(void **state)
{
	struct fix *x = fix_new(2);

	(void)state;
	fix_cut(x, NORTH, SOUTH);
	fix_introduce_all(x);
	fix_wait(x, 5 * MINUTE);
	assert_in_range(dials_in(x, 10 * MINUTE), 7, 11);
	fix_free(x);
}

static void who_offends_waits_ever_longer_although_it_was_in_session(void **state)
{
	struct fix *x = fix_new(2);
	struct peer *p;

	(void)state;
	fix_introduce_all(x);
	p = peer_find(x->v[dialler(x)].node, &x->v[!dialler(x)].id);
	p->offences = 20;
	cut_for(x, MINUTE);
	assert_in_range(dials_in(x, 10 * MINUTE), 7, 11);
	fix_free(x);
}

/* Who is to dial dialled in vain for long: its next attempt is far off. */
static void who_comes_back_dials_once_though_the_other_is_to(void **state)
{
	struct fix *x = fix_new(2);
	unsigned waits;

	(void)state;
	fix_introduce_all(x);
	waits = !dialler(x);
	assert_false(x->v[waits].node->peers[0]->we_dial);
	cut_for(x, 60 * MINUTE);
	fix_restart(x, waits);
	for (unsigned i = 0; i < 50; i++)
		fix_pass(x, 10);
	assert_int_equal(x->v[waits].node->peers[0]->state, PEER_LIVE);
	assert_int_equal(other(x)->state, PEER_LIVE);

	/* Once: it is not its turn. */
	fix_cut(x, NORTH, SOUTH);
	fix_hush(x);
	fix_restart(x, waits);
	fix_wait(x, 600);
	assert_non_null(strstr(x->v[waits].told, "dials"));
	assert_null(strstr(strstr(x->v[waits].told, "dials") + 1, "dials"));
	fix_free(x);
}

/* What a region says again is not for the journal's readers: fix_tell sees all of it. */
static void one_failure_after_the_other_is_told_as_the_same(void **state)
{
	struct fix *x = fix_new(2);
	unsigned at;

	(void)state;
	fix_introduce_all(x);
	at = dialler(x);
	cut_for(x, MINUTE);
	fix_hush(x);
	fix_cut(x, NORTH, SOUTH);
	fix_wait(x, SOON);
	assert_true(
		fix_told(x, at, "loses south again") || fix_told(x, at, "loses north again"));
	fix_heal(x, NORTH, SOUTH);
	fix_wait(x, SOON);
	fix_hush(x);
	fix_down(x, at, !at, true);
	fix_run(x);
	assert_true(fix_told(x, at, "loses"));
	assert_false(fix_told(x, at, "again"));
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			who_was_in_session_is_back_within_seconds_of_the_end_of_an_outage),
		cmocka_unit_test(who_has_been_away_for_long_is_dialled_once_a_minute),
		cmocka_unit_test(who_never_was_in_session_is_dialled_once_a_minute),
		cmocka_unit_test(who_comes_back_dials_once_though_the_other_is_to),
		cmocka_unit_test(one_failure_after_the_other_is_told_as_the_same),
		cmocka_unit_test(who_offends_waits_ever_longer_although_it_was_in_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
