/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What guardians may settle when the custodian is gone or custody has forked (P6.10, P6.12 to
 * P6.14), by small cases; and what an Offer rests on.
 */

#include "tests/unit/affairs_fixture.h"

/* ---- Guardians (P6.12 to P6.14) --------------------------------------------------------- */

/* A is custodian, B and C are in the circle; all three are guardians. */
static struct held *guarded(struct set *s)
{
	struct held *g = genesis(s);

	for (enum who who = B; who <= C; who++)
		put_in(s, A, 1, g, who, ROLE_READER)->control.set->guardian = true;
	return g;
}

static struct held *vote(struct set *s, enum who who, enum control_kind kind,
	const struct held *begun, enum who to)
{
	struct held *h = custodian(s, who, kind, 1, begun);

	h->control.to = region(to);
	h->control.code = 1;
	return h;
}

static void names_last(struct held *h, const struct held *last)
{
	h->control.last = (struct head){ .at = last->ref.at, .change = last->ref.change };
}

static void quotes(struct held *h, struct held *vote_of)
{
	h->control.votes = &vote_of->ref;
	h->control.n_votes = 1;
}

static void who_assumes_is_responsible_beside_the_custodian_and_rules_nothing(void **state)
{
	struct set *s = *state;
	struct held *g = guarded(s), *b = vote(s, B, CONTROL_ASSUME, g, B),
		    *c = vote(s, C, CONTROL_ASSUME, g, B);

	read_affairs(s);
	assert_false(responsible(s, B)); /* it quotes nobody */
	assert_int_equal(s->affairs.n_votes, 2);
	quotes(b, c);
	read_affairs(s);
	assert_true(responsible(s, A));
	assert_true(responsible(s, B));
	assert_true(s->affairs.assumed);
	assert_true(custodian_is(s, A, 1));
	assert_int_equal(role_of(s, B), ROLE_READER);
	s->n--; /* what it rests on is not held: it says nothing */
	read_affairs(s);
	assert_false(responsible(s, B));
}

static void an_assume_needs_more_than_half_of_the_guardians(void **state)
{
	struct set *s = *state;
	struct held *g = guarded(s), *d = put_in(s, A, 1, g, D, ROLE_READER),
		    *c = vote(s, C, CONTROL_ASSUME, g, B),
		    *b = vote(s, B, CONTROL_ASSUME, g, B);

	d->control.set->guardian = true;
	quotes(b, c);
	read_affairs(s);
	assert_int_equal(s->affairs.n_guardians, 4);
	assert_false(responsible(s, B)); /* two of four */
	d->control.set->guardian = false;
	read_affairs(s);
	assert_true(responsible(s, B)); /* two of three */
}

static void an_assume_ends_with_the_term(void **state)
{
	struct set *s = *state;
	struct held *g = guarded(s), *c = vote(s, C, CONTROL_ASSUME, g, B),
		    *b = vote(s, B, CONTROL_ASSUME, g, B), *o, *a;

	quotes(b, c);
	o = offer(s, A, 1, g, C);
	a = answer(s, C, CONTROL_ACCEPT, o);
	release(s, A, g, o, a);
	read_affairs(s);
	assert_true(custodian_is(s, C, 2));
	assert_false(responsible(s, B));
	assert_false(s->affairs.assumed);
	assert_int_equal(s->affairs.n_stints, 4); /* A, C since its Accept, B, C */
}

static void a_resolve_begins_the_next_term_behind_the_head_that_it_names(void **state)
{
	struct set *s = *state;
	struct held *g = guarded(s), *last = offer(s, A, 1, g, C), *o, *a, *c, *b;

	withdraw(s, A, g, last);
	o = offer(s, A, 1, g, D); /* nobody of those who resolve has seen it */
	a = answer(s, D, CONTROL_ACCEPT, o);
	release(s, A, g, o, a);
	read_affairs(s);
	assert_true(custodian_is(s, D, 2));
	c = vote(s, C, CONTROL_RESOLVE, g, B);
	b = vote(s, B, CONTROL_RESOLVE, g, B);
	names_last(c, last);
	names_last(b, last);
	quotes(b, c);
	read_affairs(s);
	assert_true(custodian_is(s, B, 2));
	assert_true(ref_equal(&s->affairs.right, &b->ref));
	assert_false(responsible(s, A));
	assert_false(responsible(s, D));
	assert_int_equal(role_of(s, A), ROLE_READER);
	assert_int_equal(role_of(s, D), ROLE_READER); /* it must hear of it */
	assert_int_equal(s->affairs.n_terms, 2);
	assert_ptr_equal(s->affairs.terms[0].resolve, b);
}

static void a_release_up_to_that_head_stands(void **state)
{
	struct set *s = *state;
	struct held *g = guarded(s), *o = offer(s, A, 1, g, C),
		    *a = answer(s, C, CONTROL_ACCEPT, o), *r = release(s, A, g, o, a),
		    *c = vote(s, C, CONTROL_RESOLVE, g, B),
		    *b = vote(s, B, CONTROL_RESOLVE, g, B);

	names_last(c, r);
	names_last(b, r);
	quotes(b, c);
	read_affairs(s);
	assert_true(custodian_is(s, C, 2));
	assert_false(responsible(s, B));
}

static void a_resolve_is_written_by_the_region_that_it_names(void **state)
{
	struct set *s = *state;
	struct held *g = guarded(s), *b = vote(s, B, CONTROL_RESOLVE, g, D),
		    *c = vote(s, C, CONTROL_RESOLVE, g, D);

	names_last(b, &s->held[2]);
	names_last(c, &s->held[2]);
	quotes(c, b);
	read_affairs(s);
	assert_true(custodian_is(s, A, 1));
	assert_true(responsible(s, A));
}

static void a_guardian_signs_one_resolve_of_a_term(void **state)
{
	struct set *s = *state;
	struct held *g = guarded(s), *first = vote(s, C, CONTROL_RESOLVE, g, A),
		    *second = vote(s, C, CONTROL_RESOLVE, g, B),
		    *b = vote(s, B, CONTROL_RESOLVE, g, B);

	names_last(first, &s->held[2]);
	names_last(second, &s->held[2]);
	names_last(b, &s->held[2]);
	quotes(b, second);
	read_affairs(s);
	assert_true(custodian_is(s, A, 1)); /* C has spoken for another */
	first->control.kind = CONTROL_ASSUME;
	read_affairs(s);
	assert_true(custodian_is(s, B, 2));
}

/* The same term of A's, lived by another incarnation too. */
static struct held *second_life(struct set *s, const struct held *g, enum who to)
{
	struct held *o = offer(s, A, 1, g, to), *a = answer(s, to, CONTROL_ACCEPT, o),
		    *r = release(s, A, g, o, a);

	memset(o->ref.at.incarnation.b, 9, ID_LEN);
	memset(r->ref.at.incarnation.b, 9, ID_LEN);
	o->ref.at.seq = 1;
	r->ref.at.seq = 2;
	a->control.right = a->control.offer = r->control.offer = o->ref;
	return r;
}

static void a_branch_of_a_fork_makes_responsible_whom_it_came_to_in_the_end(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B),
		    *a = answer(s, B, CONTROL_ACCEPT, o), *other, *on, *yes;

	release(s, A, g, o, a);
	other = second_life(s, g, C);
	on = offer(s, C, 2, other, D);
	yes = answer(s, D, CONTROL_ACCEPT, on);
	release(s, C, other, on, yes);
	read_affairs(s);
	assert_true(s->affairs.forked); /* P6.10 */
	assert_true(custodian_is(s, B, 2));
	assert_false(responsible(s, C)); /* it has released */
	assert_true(responsible(s, D));
}

static void a_resolve_of_the_term_that_forked_ends_the_fork(void **state)
{
	struct set *s = *state;
	struct held *g = guarded(s), *o = offer(s, A, 1, g, B),
		    *a = answer(s, B, CONTROL_ACCEPT, o), *c, *b;

	release(s, A, g, o, a);
	second_life(s, g, C);
	read_affairs(s);
	assert_true(s->affairs.forked);
	assert_int_equal(s->affairs.disputed.number, 1);
	c = vote(s, C, CONTROL_RESOLVE, g, B);
	b = vote(s, B, CONTROL_RESOLVE, g, B);
	names_last(c, o);
	names_last(b, o);
	quotes(b, c);
	read_affairs(s);
	assert_false(s->affairs.forked);
	assert_true(custodian_is(s, B, 2));
	assert_false(responsible(s, C));
}

static void an_offer_does_not_count_before_what_it_rests_on_is_held(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B), *next = offer(s, A, 1, g, C),
		    *d = answer(s, B, CONTROL_DECLINE, o);

	next->control.has_before = true;
	next->control.before = d->ref;
	read_affairs(s);
	assert_int_equal(s->affairs.n_offers, 2);
	assert_int_equal(s->affairs.n_dangling, 0);
	s->n--;
	read_affairs(s);
	assert_int_equal(s->affairs.n_offers, 1);
	assert_int_equal(s->affairs.n_dangling, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(who_assumes_is_responsible_beside_the_custodian_and_rules_nothing),
		TEST(an_assume_needs_more_than_half_of_the_guardians),
		TEST(an_assume_ends_with_the_term),
		TEST(a_resolve_begins_the_next_term_behind_the_head_that_it_names),
		TEST(a_release_up_to_that_head_stands),
		TEST(a_resolve_is_written_by_the_region_that_it_names),
		TEST(a_guardian_signs_one_resolve_of_a_term),
		TEST(a_branch_of_a_fork_makes_responsible_whom_it_came_to_in_the_end),
		TEST(a_resolve_of_the_term_that_forked_ends_the_fork),
		TEST(an_offer_does_not_count_before_what_it_rests_on_is_held),
	};

	return cmocka_run_group_tests_name("affairs_votes", tests, NULL, NULL);
}
