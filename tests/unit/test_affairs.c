/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The custody reducer: each rule of P6 by a small case, and agreement with the model of
 * tests/model on every set of changes that a region can come to know within a bound. Regions
 * are "A", "B" and "C"; A made the record. (long: a case a rule)
 */

#include "tests/unit/affairs_fixture.h"

/* ---- The rules ------------------------------------------------------------------------- */

static void without_genesis_nothing_is_known(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s);

	offer(s, A, 1, g, B);
	lose(s, g);
	read_affairs(s);
	assert_false(s->affairs.known);
	assert_false(responsible(s, A));
	assert_int_equal(s->affairs.n_offers, 0);
}

static void who_makes_a_record_is_custodian_of_term_one(void **state) /* P6.2 */
{
	struct set *s = *state;

	genesis(s);
	read_affairs(s);
	assert_true(custodian_is(s, A, 1));
	assert_true(responsible(s, A));
	assert_false(responsible(s, B));
	assert_int_equal(role_of(s, A), ROLE_CUSTODIAN);
	assert_int_equal(s->affairs.epoch, 1);
}

static void a_genesis_that_is_not_first_in_its_chain_makes_nobody_custodian(void **state)
{
	struct set *s = *state;

	s->seq[A] = 1;
	genesis(s);
	assert_false(read_affairs(s)->known);
}

static void an_offer_alone_moves_nothing(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s);

	offer(s, A, 1, g, B);
	read_affairs(s);
	assert_true(custodian_is(s, A, 1));
	assert_false(responsible(s, B));
	assert_int_equal(s->affairs.open->state, OFFER_OPEN);
}

static void an_acceptor_is_responsible_beside_the_custodian(void **state) /* P6.5, P6.6 */
{
	struct set *s = *state;
	struct held *g = genesis(s);

	answer(s, B, CONTROL_ACCEPT, offer(s, A, 1, g, B));
	read_affairs(s);
	assert_true(custodian_is(s, A, 1));
	assert_true(responsible(s, A));
	assert_true(responsible(s, B));
	assert_int_equal(s->affairs.open->state, OFFER_ACCEPTED);
}

static void a_release_makes_the_acceptor_custodian_and_the_giver_a_reader(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *o, *a;

	put_in(s, A, 1, g, B, ROLE_WRITER);
	o = offer(s, A, 1, g, B);
	a = answer(s, B, CONTROL_ACCEPT, o);
	release(s, A, g, o, a);
	read_affairs(s);
	assert_true(custodian_is(s, B, 2));
	assert_false(responsible(s, A));
	assert_int_equal(role_of(s, A), ROLE_READER);
	assert_int_equal(role_of(s, B), ROLE_CUSTODIAN);
	assert_int_equal(s->affairs.n_terms, 2);
	assert_null(s->affairs.open);
	assert_true(counts(s, A, 2, 0)); /* what it wrote as custodian */
}

static void a_release_whose_accept_is_not_held_counts_for_nothing(void **state) /* P6.3 */
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B);
	struct held *a = answer(s, B, CONTROL_ACCEPT, o);

	release(s, A, g, o, a);
	lose(s, a);
	read_affairs(s);
	assert_true(custodian_is(s, A, 1));
	assert_false(responsible(s, B));
}

static void an_accept_whose_offer_is_not_held_counts_for_nothing(void **state) /* P6.3 */
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B);

	answer(s, B, CONTROL_ACCEPT, o);
	lose(s, o);
	read_affairs(s);
	assert_true(custodian_is(s, A, 1));
	assert_false(responsible(s, B));
}

static void an_offer_of_a_region_that_is_not_custodian_counts_for_nothing(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s);

	put_in(s, A, 1, g, B, ROLE_WRITER);
	answer(s, C, CONTROL_ACCEPT, offer(s, B, 1, g, C));
	read_affairs(s);
	assert_int_equal(s->affairs.n_offers, 0);
	assert_false(responsible(s, C));
}

static void an_accept_by_another_than_the_offer_names_counts_for_nothing(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B);

	release(s, A, g, o, answer(s, C, CONTROL_ACCEPT, o));
	read_affairs(s);
	assert_false(responsible(s, C));
	assert_true(custodian_is(s, A, 1));
}

static void an_offer_to_oneself_counts_for_nothing(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s);

	offer(s, A, 1, g, A);
	assert_int_equal(read_affairs(s)->n_offers, 0);
}

static void a_second_open_offer_does_not_count(void **state) /* P6.4 */
{
	struct set *s = *state;
	struct held *g = genesis(s), *second;

	offer(s, A, 1, g, B);
	second = offer(s, A, 1, g, C);
	release(s, A, g, second, answer(s, C, CONTROL_ACCEPT, second));
	read_affairs(s);
	assert_int_equal(s->affairs.n_offers, 1);
	assert_true(custodian_is(s, A, 1));
	assert_false(responsible(s, C));
}

static void after_withdraw_or_decline_another_offer_counts(void **state) /* P6.4 */
{
	struct set *s = *state;
	struct held *g = genesis(s), *third;

	withdraw(s, A, g, offer(s, A, 1, g, B));
	answer(s, C, CONTROL_DECLINE, offer(s, A, 1, g, C));
	third = offer(s, A, 1, g, D);
	read_affairs(s);
	assert_int_equal(s->affairs.n_offers, 3);
	assert_int_equal(s->affairs.offers[0].state, OFFER_WITHDRAWN);
	assert_int_equal(s->affairs.offers[1].state, OFFER_DECLINED);
	assert_ptr_equal(s->affairs.open->offer, third);
}

static void an_acceptor_stays_responsible_after_a_withdraw(void **state) /* P6.5 */
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B);

	answer(s, B, CONTROL_ACCEPT, o);
	withdraw(s, A, g, o);
	read_affairs(s);
	assert_true(responsible(s, A));
	assert_true(responsible(s, B));
	assert_int_equal(s->affairs.offers[0].state, OFFER_WITHDRAWN_ACCEPTED);
}

static void a_stand_down_ends_it_only_when_it_quotes_the_withdraw(void **state) /* P6.5 */
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B), *w, *down;

	answer(s, B, CONTROL_ACCEPT, o);
	w = withdraw(s, A, g, o);
	down = stand_down(s, B, o, g);
	read_affairs(s);
	assert_true(responsible(s, B)); /* quotes another change */

	down->control.withdraw = w->ref;
	read_affairs(s);
	assert_false(responsible(s, B));
	assert_true(responsible(s, A));
	assert_int_equal(s->affairs.offers[0].state, OFFER_STOOD_DOWN);

	lose(s, w);
	read_affairs(s);
	assert_true(responsible(s, B)); /* what it quotes is not held */
}

static void a_release_after_the_withdraw_of_its_offer_counts_for_nothing(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B);
	struct held *a = answer(s, B, CONTROL_ACCEPT, o);

	withdraw(s, A, g, o);
	release(s, A, g, o, a);
	read_affairs(s);
	assert_true(custodian_is(s, A, 1));
	assert_true(responsible(s, B));
}

static void what_a_custodian_writes_in_a_term_that_has_ended_counts_for_nothing(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B);

	release(s, A, g, o, answer(s, B, CONTROL_ACCEPT, o));
	put_in(s, A, 1, g, C, ROLE_WRITER);
	offer(s, A, 1, g, C);
	read_affairs(s);
	assert_true(custodian_is(s, B, 2));
	assert_int_equal(role_of(s, C), ROLE_NONE);
	assert_int_equal(s->affairs.n_offers, 1);
}

static void a_change_of_the_next_term_must_name_the_release_that_began_it(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B);
	struct held *r = release(s, A, g, o, answer(s, B, CONTROL_ACCEPT, o));

	offer(s, B, 2, g, C);
	assert_int_equal(read_affairs(s)->n_offers, 1);
	offer(s, B, 2, r, C);
	assert_int_equal(read_affairs(s)->n_offers, 2);
}

static void duty_ends_when_the_path_has_passed_the_term_and_not_before(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B);
	struct held *r = release(s, A, g, o, answer(s, B, CONTROL_ACCEPT, o));
	struct held *o2 = offer(s, B, 2, r, C);

	release(s, B, r, o2, answer(s, C, CONTROL_ACCEPT, o2));
	read_affairs(s);
	assert_true(custodian_is(s, C, 3));
	assert_false(responsible(s, B));

	/* The first Release has not come: B and C are two acceptors and A is custodian. */
	lose(s, r);
	read_affairs(s);
	assert_true(custodian_is(s, A, 1));
	assert_true(responsible(s, B));
}

static void two_releases_of_one_term_are_a_fork_and_both_are_responsible(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *o = offer(s, A, 1, g, B), *a, *first, *o2, *a2, *second;

	a = answer(s, B, CONTROL_ACCEPT, o);
	first = release(s, A, g, o, a);
	assert_false(read_affairs(s)->forked);

	/* The same term lived twice: another incarnation of A's knows nothing of the first. */
	o2 = offer(s, A, 1, g, C);
	a2 = answer(s, C, CONTROL_ACCEPT, o2);
	second = release(s, A, g, o2, a2);
	memset(o2->ref.at.incarnation.b, 9, ID_LEN);
	memset(second->ref.at.incarnation.b, 9, ID_LEN);
	o2->ref.at.seq = 1;
	second->ref.at.seq = 2;
	a2->control.right = a2->control.offer = second->control.offer = o2->ref;
	read_affairs(s);
	assert_true(s->affairs.forked); /* P6.10 */
	assert_true(responsible(s, B));
	assert_true(responsible(s, C));
	assert_non_null(first);
}

static void a_removed_region_counts_up_to_the_head_that_is_named(void **state) /* P6.9 */
{
	struct set *s = *state;
	struct held *g = genesis(s);

	put_in(s, A, 1, g, B, ROLE_WRITER);
	read_affairs(s);
	assert_true(counts(s, B, 9, 0));
	take_out(s, A, 1, g, B, 3);
	read_affairs(s);
	assert_int_equal(role_of(s, B), ROLE_NONE);
	assert_true(counts(s, B, 3, 0));
	assert_false(counts(s, B, 4, 0));

	put_in(s, A, 1, g, B, ROLE_WRITER);
	read_affairs(s);
	assert_int_equal(role_of(s, B), ROLE_WRITER);
	assert_true(counts(s, B, 4, 0)); /* put in again, it counts whole */
}

static void a_chain_that_the_removal_does_not_name_counts_for_nothing(void **state) /* P6.9 */
{
	struct set *s = *state;
	struct held *g = genesis(s);

	put_in(s, A, 1, g, B, ROLE_WRITER);
	take_out(s, A, 1, g, B, 0);
	read_affairs(s);
	assert_false(counts(s, B, 1, 0));
}

static void a_reader_writes_access_entries_only(void **state) /* P6.9 */
{
	struct set *s = *state;
	struct held *g = genesis(s);

	put_in(s, A, 1, g, B, ROLE_READER);
	read_affairs(s);
	assert_false(counts(s, B, 1, 0));
	assert_true(counts(s, B, 1, 1));
	assert_false(counts(s, C, 1, 1)); /* a stranger: nothing */
}

static void a_writer_that_becomes_a_reader_keeps_what_it_wrote(void **state) /* P6.9 */
{
	struct set *s = *state;
	struct held *g = genesis(s);

	put_in(s, A, 1, g, B, ROLE_WRITER);
	put_in(s, A, 1, g, B, ROLE_READER);
	read_affairs(s);
	assert_true(counts(s, B, 1, 0));
}

static void nobody_can_put_the_custodian_out_or_another_in_its_place(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s);

	put_in(s, A, 1, g, B, ROLE_CUSTODIAN);
	take_out(s, A, 1, g, A, 0);
	put_in(s, A, 1, g, A, ROLE_READER);
	read_affairs(s);
	assert_int_equal(role_of(s, A), ROLE_CUSTODIAN);
	assert_int_equal(role_of(s, B), ROLE_NONE);
}

static void an_unknown_kind_stops_work_only_with_must_understand(void **state) /* P6.11 */
{
	struct set *s = *state;
	struct held *h;

	genesis(s);
	h = add(s, A, CONTROL_UNKNOWN, 1);
	assert_false(read_affairs(s)->needs_newer);
	h->must_understand = true;
	read_affairs(s);
	assert_true(s->affairs.needs_newer);
	assert_true(responsible(s, A)); /* it goes on reading */
}

static void the_order_in_which_changes_came_makes_no_difference(void **state)
{
	struct set *s = *state;
	struct held *g = genesis(s), *o, *w, *o2;

	put_in(s, A, 1, g, B, ROLE_WRITER);
	o = offer(s, A, 1, g, B);
	answer(s, B, CONTROL_ACCEPT, o);
	w = withdraw(s, A, g, o);
	stand_down(s, B, o, w);
	o2 = offer(s, A, 1, g, C);
	release(s, A, g, o2, answer(s, C, CONTROL_ACCEPT, o2));

	for (unsigned seed = 1; seed < 200; seed++) {
		for (size_t i = s->n; i-- > 1;) {
			const size_t j = (size_t)(seed * 2654435761u >> (i % 13)) % (i + 1);
			const struct held h = s->held[i];

			s->held[i] = s->held[j];
			s->held[j] = h;
		}
		read_affairs(s);
		assert_true(custodian_is(s, C, 2));
		assert_int_equal(s->affairs.n_offers, 2);
		assert_int_equal(s->affairs.offers[0].state, OFFER_STOOD_DOWN);
		assert_false(responsible(s, A));
		assert_false(responsible(s, B));
		assert_int_equal(role_of(s, B), ROLE_WRITER);
	}
}

/* ---- The model --------------------------------------------------------------------------- */

static unsigned number_read(const char **at)
{
	char *end = NULL;
	const unsigned long n = strtoul(*at, &end, 10);

	assert_true(end != *at && n < 100);
	*at = end;
	return (unsigned)n;
}

static void mark_read(const char **at, char mark)
{
	assert_int_equal(**at, mark);
	(*at)++;
}

static struct ref place_read(const char **at)
{
	unsigned who, seq;

	if (**at == 'g') {
		(*at)++;
		return ref_at(A, 1);
	}
	who = number_read(at);
	mark_read(at, '.');
	seq = number_read(at);
	/* Behind Genesis, in the chain of the region that made the record. */
	return ref_at((enum who)who, seq + (who == A ? 2 : 1));
}

static enum control_kind kind_read(const char **at)
{
	static const struct {
		const char *name;
		enum control_kind kind;
	} kinds[] = {
		{ "Off:", CONTROL_OFFER },
		{ "Wd:", CONTROL_WITHDRAW },
		{ "Acc:", CONTROL_ACCEPT },
		{ "Sd:", CONTROL_STAND_DOWN },
		{ "Rel:", CONTROL_RELEASE },
	};

	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strncmp(*at, kinds[i].name, strlen(kinds[i].name)) == 0) {
			*at += strlen(kinds[i].name);
			return kinds[i].kind;
		}
	fail_msg("no kind: %s", *at);
	return CONTROL_UNKNOWN;
}

/* "0.1:Rel:1:1:g,0.0,1.0": place, kind, to, term, names. */
static void change_read(struct set *s, const char *at)
{
	struct held *h = &s->held[s->n++];
	struct control *c = &h->control;
	struct ref names[3] = { 0 };
	unsigned to;
	size_t n = 0;

	assert_true(s->n <= HELD_MAX);
	*h = (struct held){ 0 };
	h->ref = place_read(&at);
	mark_read(&at, ':');
	c->kind = kind_read(&at);
	to = number_read(&at);
	mark_read(&at, ':');
	c->term = number_read(&at);
	mark_read(&at, ':');
	for (; n < COUNT(names) && *at; at += *at == ',')
		names[n++] = place_read(&at);

	c->kind_number = c->kind;
	c->clock = s->n;
	c->has_right = true;
	c->right = names[0];
	if (c->kind == CONTROL_OFFER)
		c->to = region((enum who)to);
	if (c->kind == CONTROL_WITHDRAW || c->kind == CONTROL_RELEASE)
		c->offer = names[1];
	if (c->kind == CONTROL_ACCEPT || c->kind == CONTROL_STAND_DOWN)
		c->offer = names[0];
	c->has_offer = c->kind != CONTROL_OFFER;
	c->has_accept = c->kind == CONTROL_RELEASE;
	c->accept = names[2];
	c->has_withdraw = c->kind == CONTROL_STAND_DOWN;
	c->withdraw = names[1];
}

/* "CUSTODIAN TERM RESPONSIBLE CHANGE...". */
static void agree(struct set *s, char *line)
{
	const char *at = line;
	char *rest = NULL, *word;
	const unsigned who = number_read(&at);
	unsigned term, duty = 0;

	mark_read(&at, ' ');
	term = number_read(&at);
	do {
		at++;
		duty |= 1u << number_read(&at);
	} while (*at == ',');
	s->n = 0;
	s->seq[A] = 0;
	genesis(s);
	for (word = strtok_r(line + (at - line), " \n", &rest); word;
		word = strtok_r(NULL, " \n", &rest))
		change_read(s, word);
	arena_reset(&s->arena);
	read_affairs(s);
	if (!custodian_is(s, (enum who)who, term))
		fail_msg("not custodian %u in term %u", who, term);
	for (unsigned r = A; r <= C; r++)
		if (responsible(s, (enum who)r) != (duty >> r & 1))
			fail_msg("region %u is%s responsible", r, duty >> r & 1 ? "" : " not");
}

static void affairs_agree_with_the_model_on_all_that_a_region_can_know(void **state)
{
	FILE *model = popen("exec python3 tests/model/custody.py --dump 3 8", "r"); // NOLINT
	char line[1024];
	size_t lines = 0;

	assert_non_null(model);
	while (fgets(line, sizeof(line), model)) {
		agree(*state, line);
		lines++;
	}
	assert_int_equal(pclose(model), 0);
	assert_true(lines > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(without_genesis_nothing_is_known),
		TEST(who_makes_a_record_is_custodian_of_term_one),
		TEST(a_genesis_that_is_not_first_in_its_chain_makes_nobody_custodian),
		TEST(an_offer_alone_moves_nothing),
		TEST(an_acceptor_is_responsible_beside_the_custodian),
		TEST(a_release_makes_the_acceptor_custodian_and_the_giver_a_reader),
		TEST(a_release_whose_accept_is_not_held_counts_for_nothing),
		TEST(an_accept_whose_offer_is_not_held_counts_for_nothing),
		TEST(an_offer_of_a_region_that_is_not_custodian_counts_for_nothing),
		TEST(an_accept_by_another_than_the_offer_names_counts_for_nothing),
		TEST(an_offer_to_oneself_counts_for_nothing),
		TEST(a_second_open_offer_does_not_count),
		TEST(after_withdraw_or_decline_another_offer_counts),
		TEST(an_acceptor_stays_responsible_after_a_withdraw),
		TEST(a_stand_down_ends_it_only_when_it_quotes_the_withdraw),
		TEST(a_release_after_the_withdraw_of_its_offer_counts_for_nothing),
		TEST(what_a_custodian_writes_in_a_term_that_has_ended_counts_for_nothing),
		TEST(a_change_of_the_next_term_must_name_the_release_that_began_it),
		TEST(duty_ends_when_the_path_has_passed_the_term_and_not_before),
		TEST(two_releases_of_one_term_are_a_fork_and_both_are_responsible),
		TEST(a_removed_region_counts_up_to_the_head_that_is_named),
		TEST(a_chain_that_the_removal_does_not_name_counts_for_nothing),
		TEST(a_reader_writes_access_entries_only),
		TEST(a_writer_that_becomes_a_reader_keeps_what_it_wrote),
		TEST(nobody_can_put_the_custodian_out_or_another_in_its_place),
		TEST(an_unknown_kind_stops_work_only_with_must_understand),
		TEST(the_order_in_which_changes_came_makes_no_difference),
		TEST(affairs_agree_with_the_model_on_all_that_a_region_can_know),
	};

	return cmocka_run_group_tests_name("affairs", tests, NULL, NULL);
}
