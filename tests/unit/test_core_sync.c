/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Feeds and wants between real nodes (P7): that everything comes, once, to those who may have
 * it, and that nobody talks for ever.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH, EAST };

static uint64_t changes_at(struct fix *x, unsigned at, const struct id *record)
{
	return fix_record_row(x, at, record).changes;
}

/* A burst of small changes in one turn, of which only the last is signed. */
struct burst {
	struct id record;
	size_t signed_n, unsigned_n, bytes;
};

static int burst(struct step *s, void *ctx)
{
	const struct burst *b = ctx;
	static char words[40000];
	struct entry e = { .kind = ENTRY_NOTE };
	struct ref ref;

	memset(words, 'w', sizeof(words));
	e.text = (struct span){ (const uint8_t *)words, b->bytes };
	for (size_t i = 0; i < b->signed_n + b->unsigned_n; i++) {
		struct body body = { .entries = &e, .n_entries = 1 };
		struct own_change own = { .record = &b->record, .body = &body };

		assert_int_equal(chain_append(s, &own, &ref), 0);
		if (i < b->signed_n)
			assert_int_equal(turn_write(s), 0);
	}
	return 0;
}

static void burst_of_small_changes_with_few_signatures_comes_whole(void **state)
{
	struct fix *x = fix_new(2);
	struct burst b = { .signed_n = 75, .unsigned_n = 190, .bytes = 200 };

	(void)state;
	fix_introduce_all(x);
	b.record = fix_offered(x, NORTH, SOUTH);
	fix_hush(x);
	assert_int_equal(fix_inside(x, NORTH, burst, &b), 0);
	fix_wait(x, 61);
	assert_int_equal(changes_at(x, SOUTH, &b.record), changes_at(x, NORTH, &b.record));
	assert_false(fix_told(x, SOUTH, "refuses"));
	fix_free(x);
}

/* The row of a peer is not written for every change: the last entry of its feed has the number.
 */
static void who_starts_again_gives_no_number_of_a_feed_twice(void **state)
{
	struct fix *x = fix_new(2);
	struct id record;
	uint64_t next;

	(void)state;
	fix_introduce_all(x);
	record = fix_offered(x, NORTH, SOUTH);
	fix_hush(x);
	fix_cut(x, NORTH, SOUTH);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(fix_note(x, NORTH, &record, "while nobody hears"), 0);
	next = x->v[NORTH].node->peers[0]->row.feed_next;
	fix_restart(x, NORTH);
	assert_int_equal(x->v[NORTH].node->peers[0]->row.feed_next, next);

	fix_heal(x, NORTH, SOUTH);
	fix_wait(x, 130); /* it comes, and is acknowledged: nothing is left of the feed */
	assert_int_equal(changes_at(x, SOUTH, &record), changes_at(x, NORTH, &record));
	next = x->v[NORTH].node->peers[0]->row.feed_next;
	assert_int_equal(x->v[NORTH].node->peers[0]->row.feed_acked, next - 1);
	fix_restart(x, NORTH);
	assert_int_equal(x->v[NORTH].node->peers[0]->row.feed_next, next);
	assert_int_equal(fix_note(x, NORTH, &record, "and it goes on"), 0);
	fix_wait(x, 130);
	assert_int_equal(changes_at(x, SOUTH, &record), changes_at(x, NORTH, &record));
	assert_false(fix_told(x, SOUTH, "refuses"));
	assert_false(fix_told(x, NORTH, "reconciles"));
	fix_free(x);
}

static int holds_keys(struct step *s, void *ctx)
{
	const struct id *record = ctx;
	const struct affairs *a;
	bool whole;

	assert_int_equal(node_affairs(s, record, &a), 0);
	assert_int_equal(keys_whole(s, record, a, &whole), 0);
	return whole;
}

/* North, with south as a reader and no links but its own. */
static struct fix *star(struct id *ret)
{
	struct fix *x = fix_new(3);

	for (unsigned i = SOUTH; i <= EAST; i++) {
		fix_introduce(x, NORTH, i);
		fix_introduce(x, i, NORTH);
	}
	fix_wait(x, 2);
	*ret = fix_record(x, NORTH);
	fix_move(x, NORTH, ret, SOUTH);
	fix_move(x, SOUTH, ret, NORTH);
	return x;
}

static void change_of_a_region_that_one_never_met_comes_by_the_custodian(void **state)
{
	struct id record;
	struct fix *x = star(&record);

	(void)state;
	assert_int_equal(fix_offer(x, NORTH, &record, EAST), 0);
	fix_wait(x, 1);
	assert_int_equal(fix_note(x, EAST, &record, "from the candidate"), 0);
	fix_wait(x, 1);
	assert_int_equal(changes_at(x, SOUTH, &record), changes_at(x, NORTH, &record));
	assert_int_equal(x->v[SOUTH].node->peers[0]->wants, 0);
	assert_false(fix_told(x, SOUTH, "refuses"));
	fix_free(x);
}

/* (P7.6) A control change makes all of them be read again, and a turn has time for so many. */
static void control_change_that_a_turn_has_no_time_for_comes_with_its_path(void **state)
{
	struct id record;
	struct fix *x = star(&record);
	const struct peer *p = x->v[SOUTH].node->peers[0];

	(void)state;
	fix_cut(x, NORTH, SOUTH);
	assert_int_equal(fix_offer(x, NORTH, &record, EAST), 0);
	assert_int_equal(fix_note(x, NORTH, &record, "and behind it"), 0);
	fix_heal(x, NORTH, SOUTH);
	fix_hush(x);
	for (unsigned i = 0; i < 200; i++) {
		const struct event tick = { .kind = EVENT_TICK };

		x->now += 250;
		fix_step(x, NORTH, &tick);
		fix_step(x, SOUTH, &tick);
		while (x->first) {
			x->v[SOUTH].node->reread = 1 << 20;
			fix_arrive(x);
		}
	}
	assert_true(fix_told(x, SOUTH, "wants north"));
	assert_int_equal(p->wants, 0);
	assert_int_equal(changes_at(x, SOUTH, &record), changes_at(x, NORTH, &record));
	assert_non_null(fix_affairs(x, SOUTH, &record)->open);
	assert_false(fix_told(x, SOUTH, "refuses"));
	fix_free(x);
}

static void reader_gets_the_new_key_when_another_leaves(void **state)
{
	struct id record;
	struct fix *x = star(&record);

	(void)state;
	assert_int_equal(fix_offer(x, NORTH, &record, EAST), 0);
	fix_wait(x, 1);
	assert_int_equal(fix_about(x, EAST, VERB_MOVE_DECLINE, &record), 0);
	fix_wait(x, 1);
	assert_int_equal(fix_affairs(x, SOUTH, &record)->epoch, 2);
	assert_true(fix_inside(x, SOUTH, holds_keys, &record));
	fix_free(x);
}

/* What north says when a region that is not in the circle speaks of a record: bytes. */
static size_t bytes_about(struct fix *x, const struct id *record)
{
	struct feed_item item = { .is_backfill = true, .backfill = *record };
	struct message m = { .kind = MSG_FEED,
		.feed = { .items = &item, .n = 1, .through = 1000 } };

	fix_hush(x);
	fix_say(x, EAST, NORTH, &m);
	fix_run(x);
	return x->bytes;
}

static void outsider_cannot_tell_by_a_question_whether_a_record_is_held(void **state)
{
	struct id record, unknown = { { 1, 2, 3 } };
	struct fix *x = star(&record);

	(void)state;
	assert_int_equal(bytes_about(x, &record), bytes_about(x, &unknown));
	assert_false(fix_record_row(x, NORTH, &record).wanted);
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_starts_again_gives_no_number_of_a_feed_twice),
		cmocka_unit_test(burst_of_small_changes_with_few_signatures_comes_whole),
		cmocka_unit_test(change_of_a_region_that_one_never_met_comes_by_the_custodian),
		cmocka_unit_test(
			control_change_that_a_turn_has_no_time_for_comes_with_its_path),
		cmocka_unit_test(reader_gets_the_new_key_when_another_leaves),
		cmocka_unit_test(outsider_cannot_tell_by_a_question_whether_a_record_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
