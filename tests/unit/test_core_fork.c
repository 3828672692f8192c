/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Forks (P3.5, P3.7): a clone of north writes where north has written. Who sees both keeps the
 * proof, the circle gets it and nobody else does, and north stops.
 */

#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH, EAST, WEST };

/* What the clone of a region has written at the place of its head, as bytes of our own. */
struct twin {
	struct id record;
	uint8_t header[HEADER_MAX], body[300];
	struct sig sig;
	struct wire_change change;
	struct hash id;
};

static int clone_writes(struct step *s, void *ctx)
{
	struct twin *t = ctx;
	const struct node *n = s->node;
	struct header h;
	struct chain_row row;
	struct log_at log = { 0 };
	uint64_t number;
	struct wire_change c;
	struct place at = { n->region, n->incarnation, 0 };

	assert_int_equal(chain_get(s->view, &t->record, &at.author, &at.incarnation, &row), 0);
	at.seq = row.seq;
	assert_int_equal(index_get(s->view, &t->record, &at, &number), 0);
	assert_int_equal(log_get(s->view, &log, number, &c), 0);
	assert_int_equal(wire_header_decode(c.header, &h), 0);
	memset(t->body, 7, sizeof(t->body));
	assert_int_equal(
		crypto_hash(s->crypto, (struct span[]){ SPAN_OF(t->body) }, 1, &h.body_hash),
		0);
	t->change.header = (struct span){ t->header, wire_header_encode(&h, t->header) };
	t->change.body = SPAN_OF(t->body);
	assert_int_equal(
		crypto_hash(s->crypto,
			(struct span[]){ SPAN_LIT("kith/change/1\0"), t->change.header }, 2,
			&t->id),
		0);
	assert_int_equal(crypto_sign(s->crypto, &n->keys->sign, SPAN_LIT("kith/sign/1\0"),
				 SPAN_OF(t->id), &t->sig),
		0);
	t->change.signature = SPAN_OF(t->sig);
	return 0;
}

/* A record of north's whose circle is north, south and east; west is outside. North has written
 * a note, and its clone another. */
static struct fix *cloned(struct twin *t)
{
	struct fix *x = fix_new(4);

	fix_introduce_all(x);
	t->record = fix_record(x, NORTH);
	fix_move(x, NORTH, &t->record, SOUTH);
	fix_move(x, SOUTH, &t->record, EAST);
	fix_move(x, EAST, &t->record, NORTH);
	assert_int_equal(fix_note(x, NORTH, &t->record, "by north"), 0);
	fix_wait(x, 1);
	assert_int_equal(fix_inside(x, NORTH, clone_writes, t), 0);
	fix_hush(x);
	return x;
}

/* The clone says it to one region, in the session of north. */
static void clone_says(struct fix *x, struct twin *t, unsigned to)
{
	struct feed_item item = { .run = { .changes = &t->change, .n = 1 } };
	struct message m = { .kind = MSG_FEED,
		.feed = { .items = &item, .n = 1, .through = 1000 } };

	fix_say(x, NORTH, to, &m);
	fix_run(x);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

static void proof_of_a_fork_reaches_the_circle_and_nobody_else(void **state)
{
	struct twin t;
	struct fix *x = cloned(&t);

	(void)state;
	clone_says(x, &t, SOUTH);
	fix_wait(x, 120);
	assert_int_equal(count(x->v[SOUTH].told, "finds forked"), 1);
	assert_int_equal(count(x->v[EAST].told, "finds forked"), 1);
	assert_int_equal(count(x->v[NORTH].told, "stops writing in"), 1);
	assert_int_equal(count(x->v[WEST].told, "fork"), 0);
	assert_int_equal(x->v[WEST].node->forks, 0);
	for (unsigned i = NORTH; i <= EAST; i++)
		assert_int_equal(x->v[i].node->forks, 1);
	fix_free(x);
}

static void region_whose_chain_is_forked_writes_nothing_more_and_reads_on(void **state)
{
	struct twin t;
	struct fix *x = cloned(&t);
	struct id other;
	uint64_t before;

	(void)state;
	clone_says(x, &t, SOUTH);
	fix_wait(x, 120);
	before = x->v[NORTH].node->log_next;
	assert_int_equal(fix_note(x, NORTH, &t.record, "one more"), PROBLEM_CHAIN_FORKED);
	assert_int_equal(fix_offer(x, NORTH, &t.record, SOUTH), PROBLEM_CHAIN_FORKED);
	assert_int_equal(fix_about(x, NORTH, VERB_TIMELINE, &t.record), 0);
	assert_non_null(strstr(x->v[NORTH].reply, "by north"));
	assert_int_equal(x->v[NORTH].node->log_next, before);
	/* Other records are none the worse for it, also after a restart. */
	fix_restart(x, NORTH);
	fix_wait(x, 5);
	assert_int_equal(fix_note(x, NORTH, &t.record, "one more"), PROBLEM_CHAIN_FORKED);
	other = fix_record(x, NORTH);
	assert_int_equal(fix_note(x, NORTH, &other, "elsewhere"), 0);
	fix_free(x);
}

static void others_go_on_writing_in_a_record_with_a_forked_chain(void **state)
{
	struct twin t;
	struct fix *x = cloned(&t);
	const struct affairs *a;

	(void)state;
	clone_says(x, &t, SOUTH);
	fix_wait(x, 120);
	a = fix_affairs(x, SOUTH, &t.record);
	assert_false(a->forked); /* the chain is, custody is not */
	assert_int_equal(affairs_role(a, &x->v[SOUTH].id), ROLE_READER);
	assert_int_equal(fix_about(x, SOUTH, VERB_TIMELINE, &t.record), 0);
	fix_free(x);
}

static void forged_proof_is_refused_and_nothing_is_marked(void **state)
{
	struct twin t;
	struct fix *x = cloned(&t);
	struct evidence e = { .held = { .changes = &t.change, .n = 1 },
		.other = { .changes = &t.change, .n = 1 } };
	struct message m = { .kind = MSG_CHANGES,
		.changes = {
			.request = 7, .done = true, .record = t.record, .n_evidence = 1 } };
	struct span bytes[20];
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	t.change.body = (struct span){ 0 };
	/* Both sides are the same; then one is signed by nobody; then it is none at all. */
	for (unsigned way = 0; way < 3; way++) {
		struct wire_change bad = t.change;
		uint8_t sig[SIG_LEN] = { 1 };

		if (way == 1) {
			bad.signature = SPAN_OF(sig);
			e.other.changes = &bad;
		}
		assert_int_equal(wire_evidence_encode(&e, &a, &bytes[0]), 0);
		if (way == 2)
			bytes[0].len--;
		for (unsigned i = 1; i < COUNT(bytes); i++)
			bytes[i] = bytes[0];
		m.changes.evidence = bytes;
		m.changes.n_evidence = COUNT(bytes);
		x->v[SOUTH].node->peers[0]->gets[0] = (struct get_slot){ .busy = true,
			.request = 7,
			.record = t.record,
			.asked = 1,
			.owed = 1 << 20 };
		fix_hush(x);
		const uint64_t verifies = crypto_counts(x->v[SOUTH].crypto)->verifies;

		fix_say(x, NORTH, SOUTH, &m);
		fix_run(x);
		assert_int_equal(count(x->v[SOUTH].told, "refuses north evidence-wrong"), 1);
		assert_int_equal(x->v[SOUTH].node->forks, 0);
		assert_true(crypto_counts(x->v[SOUTH].crypto)->verifies - verifies <= 2);
	}
	arena_done(&a);
	fix_free(x);
}

static void proof_that_comes_again_and_again_is_told_and_kept_once(void **state)
{
	struct twin t;
	struct fix *x = cloned(&t);

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		clone_says(x, &t, SOUTH);
	fix_wait(x, 200);
	assert_int_equal(count(x->v[SOUTH].told, "finds forked"), 1);
	assert_int_equal(x->v[SOUTH].node->forks, 1);
	assert_int_equal(x->v[SOUTH].node->peers[0]->wants, 0);
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proof_of_a_fork_reaches_the_circle_and_nobody_else),
		cmocka_unit_test(region_whose_chain_is_forked_writes_nothing_more_and_reads_on),
		cmocka_unit_test(others_go_on_writing_in_a_record_with_a_forked_chain),
		cmocka_unit_test(forged_proof_is_refused_and_nothing_is_marked),
		cmocka_unit_test(proof_that_comes_again_and_again_is_told_and_kept_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
