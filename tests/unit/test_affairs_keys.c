/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which content keys a record has (P5.1): those of epochs that follow one another, whoever may
 * begin them.
 */

#include "tests/unit/affairs_fixture.h"

/* .who begins an epoch. */
static struct held *epoch(
	struct set *s, enum who who, uint64_t term, const struct held *begun, uint32_t number)
{
	struct held *k = custodian(s, who, CONTROL_KEY_EPOCH, term, begun);
	struct key_commitment *c = &s->keys[s->n];

	*c = (struct key_commitment){ .epoch = number };
	c->commitment.b[0] = (uint8_t)s->n;
	k->control.keys = c;
	k->control.n_keys = 1;
	return k;
}

/* From A to .to, in term 1. */
static struct held *hand_over(struct set *s, const struct held *g, enum who to)
{
	const struct held *o, *a;

	put_in(s, A, 1, g, to, ROLE_WRITER);
	o = offer(s, A, 1, g, to);
	a = answer(s, to, CONTROL_ACCEPT, o);
	return release(s, A, g, o, a);
}

/* So many keys of the path, the newest of that epoch; and so many of what ended beside it. */
static void assert_keys(struct set *s, uint32_t newest, size_t keys, size_t past_keys)
{
	read_affairs(s);
	assert_int_equal(s->affairs.epoch, newest);
	assert_int_equal(s->affairs.n_keys, keys);
	assert_int_equal(s->affairs.n_past_keys, past_keys);
}

static void the_newest_epoch_is_the_highest_that_a_counting_change_commits_to(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s);

	epoch(s, A, 1, g, 2);
	assert_keys(s, 2, 2, 0);
	epoch(s, B, 1, g, 3); /* a region that is not custodian begins none */
	assert_keys(s, 2, 2, 0);
}

static void an_epoch_that_does_not_follow_brings_nothing(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s);

	epoch(s, A, 1, g, 3);
	epoch(s, A, 1, g, UINT32_MAX);
	assert_keys(s, 1, 1, 0);
	/* And the next one may be begun as if they were not there. */
	epoch(s, A, 1, g, 2);
	epoch(s, A, 1, g, 3);
	assert_keys(s, 3, 3, 0);
}

static void two_lives_may_begin_the_same_epoch(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *other;

	epoch(s, A, 1, g, 2);
	other = epoch(s, A, 1, g, 2);
	memset(other->ref.at.incarnation.b, 2, ID_LEN);
	epoch(s, A, 1, g, 3);
	assert_keys(s, 3, 4, 0);
}

static void epochs_go_on_over_a_handover(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s);
	const struct held *r;

	epoch(s, A, 1, g, 2);
	r = hand_over(s, g, B);
	epoch(s, B, 2, r, 4);
	epoch(s, B, 2, r, 3);
	assert_keys(s, 3, 3, 0);
}

static void a_branch_goes_on_from_the_epoch_that_it_branched_off_at(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *o, *r;
	const size_t from = s->n + 5;

	epoch(s, A, 1, g, 2);
	hand_over(s, g, B);
	r = hand_over(s, g, C); /* another life of A, which knew nothing of the first */
	for (struct held *h = &s->held[from]; h <= r; h++)
		if (id_equal(&h->ref.at.author, &g->ref.at.author))
			memset(h->ref.at.incarnation.b, 2, ID_LEN);
	o = &s->held[from + 1];
	s->held[from + 2].control.offer = s->held[from + 2].control.right = o->ref;
	r->control.offer = o->ref;
	epoch(s, C, 2, r, 4); /* a leap */
	epoch(s, C, 2, r, 3);
	assert_keys(s, 2, 2, 1); /* what is sealed there opens (P5.5) */
	assert_true(s->affairs.forked);
	assert_int_equal(s->affairs.past_keys[0].epoch, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(the_newest_epoch_is_the_highest_that_a_counting_change_commits_to),
		TEST(an_epoch_that_does_not_follow_brings_nothing),
		TEST(two_lives_may_begin_the_same_epoch),
		TEST(epochs_go_on_over_a_handover),
		TEST(a_branch_goes_on_from_the_epoch_that_it_branched_off_at),
	};

	return cmocka_run_group_tests_name("affairs_keys", tests, NULL, NULL);
}
