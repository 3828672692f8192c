/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a node says of itself and of its peers for people who watch it: since when, which wire
 * versions are spoken, whose clock is wrong (P8.3).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH };

static const struct peer *peer_at(struct fix *x, unsigned at, unsigned who)
{
	return peer_find(x->v[at].node, &x->v[who].id);
}

/* Before they are introduced: .at speaks wire versions up to .newest. */
static struct fix *of_versions(uint32_t newest)
{
	struct fix *x = fix_new(2);

	x->v[NORTH].node->options.wire_max = newest;
	fix_introduce_all(x);
	fix_wait(x, 1);
	return x;
}

static void a_region_and_one_of_the_next_version_speak_the_older(void **state)
{
	struct fix *x = of_versions(WIRE_VERSION + 1);
	struct id record = fix_record(x, NORTH);

	(void)state;
	assert_int_equal(peer_at(x, NORTH, SOUTH)->state, PEER_LIVE);
	assert_int_equal(peer_at(x, SOUTH, NORTH)->state, PEER_LIVE);
	assert_int_equal(peer_at(x, NORTH, SOUTH)->wire, WIRE_VERSION);
	assert_int_equal(peer_at(x, SOUTH, NORTH)->wire, WIRE_VERSION);
	assert_int_equal(peer_at(x, SOUTH, NORTH)->wire_max, WIRE_VERSION + 1);
	fix_move(x, NORTH, &record, SOUTH);
	assert_int_equal(fix_note(x, SOUTH, &record, "after the move"), 0);
	fix_wait(x, 61);
	assert_int_equal(fix_record_row(x, NORTH, &record).changes,
		fix_record_row(x, SOUTH, &record).changes);
	fix_free(x);
}

static void when_the_older_is_upgraded_too_they_speak_the_newer(void **state)
{
	struct fix *x = of_versions(WIRE_VERSION + 1);

	(void)state;
	x->v[SOUTH].node->options.wire_max = WIRE_VERSION + 1;
	fix_down(x, NORTH, SOUTH, true);
	fix_run(x);
	fix_wait(x, 120);
	assert_int_equal(peer_at(x, NORTH, SOUTH)->state, PEER_LIVE);
	assert_int_equal(peer_at(x, NORTH, SOUTH)->wire, WIRE_VERSION + 1);
	assert_int_equal(peer_at(x, SOUTH, NORTH)->wire, WIRE_VERSION + 1);
	fix_free(x);
}

static void a_clock_that_is_wrong_is_told_by_both_sides(void **state)
{
	struct fix *x = fix_new(2);

	(void)state;
	x->v[NORTH].skew_ms = 90000;
	fix_introduce_all(x);
	fix_wait(x, 1);
	assert_true(peer_at(x, SOUTH, NORTH)->has_skew);
	assert_int_equal(peer_at(x, SOUTH, NORTH)->skew_ms, 90000);
	assert_int_equal(peer_at(x, NORTH, SOUTH)->skew_ms, -90000);
	fix_free(x);
}

static void since_when_a_peer_is_away_is_known(void **state)
{
	struct fix *x = fix_new(2);
	uint64_t live, away, began = FIX_WALL + x->now;

	(void)state;
	fix_introduce_all(x);
	fix_wait(x, 5);
	live = peer_at(x, NORTH, SOUTH)->since_ms;
	assert_true(live >= began && live <= began + 5000);
	fix_cut(x, NORTH, SOUTH);
	away = FIX_WALL + x->now;
	fix_wait(x, 600);
	assert_int_not_equal(peer_at(x, NORTH, SOUTH)->state, PEER_LIVE);
	assert_int_equal(peer_at(x, NORTH, SOUTH)->since_ms, away);
	fix_free(x);
}

static int want(struct step *s, void *ctx)
{
	return sync_want(s, s->node->peers[0], ctx);
}

static void since_when_something_is_wanted_is_known_until_it_has_come(void **state)
{
	struct fix *x = fix_new(2);
	struct id record;
	uint64_t began;

	(void)state;
	fix_introduce_all(x);
	fix_wait(x, 1);
	record = fix_record(x, NORTH);
	assert_int_equal(peer_at(x, SOUTH, NORTH)->wants_since_ms, 0);
	began = FIX_WALL + x->now;
	assert_int_equal(fix_inside(x, SOUTH, want, &record), 0);
	assert_int_equal(peer_at(x, SOUTH, NORTH)->wants, 1);
	assert_int_equal(peer_at(x, SOUTH, NORTH)->wants_since_ms, began);
	assert_int_equal(fix_offer(x, NORTH, &record, SOUTH), 0);
	fix_wait(x, 61);
	assert_int_equal(peer_at(x, SOUTH, NORTH)->wants, 0);
	assert_int_equal(peer_at(x, SOUTH, NORTH)->wants_since_ms, 0);
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_region_and_one_of_the_next_version_speak_the_older),
		cmocka_unit_test(when_the_older_is_upgraded_too_they_speak_the_newer),
		cmocka_unit_test(a_clock_that_is_wrong_is_told_by_both_sides),
		cmocka_unit_test(since_when_a_peer_is_away_is_known),
		cmocka_unit_test(since_when_something_is_wanted_is_known_until_it_has_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
