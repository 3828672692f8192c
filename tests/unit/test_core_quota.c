/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What another region can make this one hold (P7.12, P7.13): so much, and no more, and nothing
 * that has nothing to do with a record held here.
 */

#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH, EAST };

static void quotas(struct fix *x, unsigned at, uint64_t record, uint64_t peer)
{
	fix_step(x, at,
		&(struct event){
			.kind = EVENT_SETTINGS, .quota_record = record, .quota_peer = peer });
	assert_int_equal(x->v[at].result, 0);
	fix_run(x);
}

static int has_card(struct step *s, void *ctx)
{
	struct span card;

	return row_get(s->view, TABLE_CARD, SPAN_OF(*(const struct id *)ctx), &card) == 0;
}

static struct span bundle_of(struct fix *x, unsigned at, struct arena *a)
{
	struct side *s = &x->v[at];
	struct span bundle;

	assert_int_equal(store_turn_begin(s->store, &s->view), 0);
	assert_int_equal(region_bundle(&s->view, a, &bundle), 0);
	store_turn_abort(s->store);
	return bundle;
}

static void card_of_a_region_that_is_in_no_circle_here_is_not_kept(void **state)
{
	struct fix *x = fix_new(3);
	struct message m = { .kind = MSG_CHANGES, .changes = { .request = 7, .done = true } };
	struct span bundle;
	struct arena a;
	struct id record;

	(void)state;
	arena_init(&a, 0);
	fix_introduce(x, NORTH, SOUTH);
	fix_introduce(x, SOUTH, NORTH);
	fix_wait(x, 2);
	record = fix_offered(x, NORTH, SOUTH);
	bundle = bundle_of(x, EAST, &a);
	m.changes.record = record;
	m.changes.bundles = &bundle;
	m.changes.n_bundles = 1;
	x->v[SOUTH].node->peers[0]->gets[0] = (struct get_slot){
		.busy = true, .request = 7, .record = record, .asked = 1, .owed = 1 << 20
	};
	fix_say(x, NORTH, SOUTH, &m);
	fix_run(x);
	assert_false(x->v[SOUTH].node->peers[0]->gets[0].busy); /* it was taken for an answer */
	assert_int_equal(fix_inside(x, SOUTH, has_card, &x->v[EAST].id), 0);
	assert_int_equal(fix_inside(x, SOUTH, has_card, &x->v[NORTH].id), 1);
	arena_done(&a);
	fix_free(x);
}

static void record_that_begins_waits_when_its_account_is_full_and_comes_when_it_is_not(
	void **state)
{
	struct fix *x = fix_new(2);
	struct id second;

	(void)state;
	fix_introduce_all(x);
	(void)fix_offered(x, NORTH, SOUTH);
	quotas(x, SOUTH, 1 << 20, 1000);
	fix_hush(x);
	second = fix_record(x, NORTH);
	assert_int_equal(fix_offer(x, NORTH, &second, SOUTH), 0);
	fix_wait(x, 120);
	assert_true(fix_told(x, SOUTH, "parks"));
	assert_int_equal(x->v[SOUTH].node->peers[0]->parked, 1);
	assert_int_equal(x->v[SOUTH].node->peers[0]->wants, 0);
	assert_true(x->frames < 40); /* it is not asked for again and again */
	assert_int_equal(fix_accept(x, SOUTH, &second), PROBLEM_RECORD_UNKNOWN);

	fix_restart(x, SOUTH); /* with the defaults */
	fix_wait(x, 70);
	assert_int_equal(x->v[SOUTH].node->peers[0]->parked, 0);
	assert_int_equal(fix_accept(x, SOUTH, &second), 0);
	fix_free(x);
}

static void account_that_is_full_takes_custody_changes_and_no_content(void **state)
{
	struct fix *x = fix_new(2);
	struct record_row before, after;
	struct id record;

	(void)state;
	fix_introduce_all(x);
	record = fix_offered(x, NORTH, SOUTH);
	quotas(x, SOUTH, 1 << 20, 1000);
	before = fix_record_row(x, SOUTH, &record);
	assert_int_equal(fix_note(x, NORTH, &record, "this is parked"), 0);
	fix_wait(x, 1);
	after = fix_record_row(x, SOUTH, &record);
	assert_int_equal(before.changes, after.changes);
	assert_true(after.offer_open);
	assert_int_equal(fix_about(x, NORTH, VERB_MOVE_WITHDRAW, &record), 0);
	fix_wait(x, 1);
	assert_false(fix_record_row(x, SOUTH, &record).offer_open);
	fix_free(x);
}

static void peers_shows_what_is_held_and_parked_on_whose_account(void **state)
{
	struct fix *x = fix_new(2);
	struct id record;

	(void)state;
	fix_introduce_all(x);
	record = fix_offered(x, NORTH, SOUTH);
	quotas(x, SOUTH, 1000, 1 << 20);
	assert_int_equal(fix_note(x, NORTH, &record, "this is parked"), 0);
	fix_wait(x, 1);
	assert_int_equal(fix_ask(x, SOUTH, &(struct ctl_request){ .verb = VERB_STATUS }), 0);
	assert_non_null(strstr(x->v[SOUTH].reply, "is parked"));
	quotas(x, SOUTH, 1 << 20, 1 << 20);
	fix_wait(x, 1);
	assert_int_equal(fix_ask(x, SOUTH, &(struct ctl_request){ .verb = VERB_STATUS }), 0);
	assert_null(strstr(x->v[SOUTH].reply, "is parked"));
	fix_free(x);
}

static bool move_says(struct fix *x, unsigned at, const struct id *record, const char *words)
{
	assert_int_equal(fix_about(x, at, VERB_MOVE_SHOW, record), 0);
	return strstr(x->v[at].reply, words) != NULL;
}

static void a_move_says_that_it_waits_for_a_quota(void **state)
{
	struct fix *x = fix_new(2);
	struct id record;

	(void)state;
	fix_introduce_all(x);
	quotas(x, SOUTH, 1000, 1 << 20);
	record = fix_record(x, NORTH);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(fix_note(x, NORTH, &record, "more than there is room for"), 0);
	assert_int_equal(fix_offer(x, NORTH, &record, SOUTH), 0);
	fix_wait(x, 2);
	assert_true(move_says(x, SOUTH, &record, "state=receiving\n"));
	assert_true(
		move_says(x, SOUTH, &record, "waits_for=us: the quota of north is used up"));
	assert_true(move_says(x, NORTH, &record, "waits_for=south to accept"));
	quotas(x, SOUTH, 1 << 20, 1 << 20);
	fix_wait(x, 2);
	assert_true(move_says(x, SOUTH, &record, "state=complete\n"));
	assert_true(move_says(x, SOUTH, &record, "waits_for=us: kithctl move accept"));
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(card_of_a_region_that_is_in_no_circle_here_is_not_kept),
		cmocka_unit_test(
			record_that_begins_waits_when_its_account_is_full_and_comes_when_it_is_not),
		cmocka_unit_test(account_that_is_full_takes_custody_changes_and_no_content),
		cmocka_unit_test(a_move_says_that_it_waits_for_a_quota),
		cmocka_unit_test(peers_shows_what_is_held_and_parked_on_whose_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
