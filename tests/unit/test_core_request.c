/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Requests for records between real nodes (P7.11): what the asker cannot learn, what a flood
 * cannot do, and what somebody who watches is told.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/core/request.h"
#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH, EAST };

static struct message ask_of(unsigned char n)
{
	struct message m = { .kind = MSG_ASK,
		.ask = { .purpose = SPAN_LIT("placed here"), .worker = SPAN_LIT("Jo") } };

	m.ask.id.b[0] = n;
	return m;
}

static int fix_request(struct fix *x, unsigned at, unsigned of, const char *what)
{
	char peer[ID_TEXT_LEN];
	struct entry worker = { .kind = ENTRY_WORKER, .has_worker = true };
	struct ctl_request q = { .verb = VERB_MOVE_REQUEST,
		.peer = span_of(id_text(&x->v[of].id, peer)),
		.record = span_of(what),
		.purpose = SPAN_LIT("placed here"),
		.entries = &worker,
		.n_entries = 1 };

	worker.worker.name = SPAN_LIT("Jo");
	return fix_ask(x, at, &q);
}

/* Held and ours, held and another's, known to nobody; by id and by AUTHORITY/CHILD. */
static void the_first_answer_is_the_same_whatever_is_held(void **state)
{
	struct fix *x = fix_new(3);
	struct id ours, theirs;
	struct message asks[5];
	size_t bytes[COUNT(asks)];

	(void)state;
	fix_introduce_all(x);
	ours = fix_record(x, NORTH);
	theirs = fix_record(x, NORTH);
	fix_move(x, NORTH, &theirs, SOUTH);
	for (size_t i = 0; i < COUNT(asks); i++) {
		asks[i] = ask_of((unsigned char)(i + 1));
		asks[i].ask.has_record = i < 3;
		asks[i].ask.record = i == 0 ? ours : i == 1 ? theirs : (struct id){ { 9 } };
		if (i >= 3) {
			asks[i].ask.authority = SPAN_LIT("998");
			asks[i].ask.child = i == 3 ? SPAN_LIT("1") : SPAN_LIT("9");
		}
	}
	for (size_t i = 0; i < COUNT(asks); i++) {
		fix_wait(x, 1);
		x->frames = x->bytes = 0;
		fix_say(x, EAST, NORTH, &asks[i]);
		fix_run(x);
		assert_int_equal(x->frames, 2); /* the question and one answer */
		bytes[i] = x->bytes;
	}
	assert_int_equal(bytes[0], bytes[1]);
	assert_int_equal(bytes[0], bytes[2]);
	assert_int_equal(bytes[3], bytes[4]);
	assert_int_equal(x->v[NORTH].node->peers[0]->requests[REQUEST_THEIRS] +
				 x->v[NORTH].node->peers[1]->requests[REQUEST_THEIRS],
		COUNT(asks));
	fix_free(x);
}

static void a_flood_of_requests_ends_at_the_quota(void **state)
{
	struct fix *x = fix_new(2);
	const struct ctl_request list = { .verb = VERB_MOVE_REQUESTS };

	(void)state;
	fix_introduce_all(x);
	for (unsigned i = 0; i < 2 * REQUESTS_MAX; i++) {
		struct message m = ask_of((unsigned char)i);

		m.ask.id.b[1] = (uint8_t)(i >> 8);
		m.ask.has_record = true;
		fix_say(x, SOUTH, NORTH, &m);
		fix_run(x);
	}
	assert_int_equal(x->v[NORTH].node->peers[0]->requests[REQUEST_THEIRS], REQUESTS_MAX);
	assert_int_equal(x->v[NORTH].node->peers[0]->state, PEER_LIVE);
	assert_int_equal(fix_ask(x, NORTH, &list), 0);
	/* What is taken back makes room. */
	for (unsigned i = 0; i < 3; i++) {
		struct message m = ask_of((unsigned char)i);

		m.ask.cancel = true;
		fix_say(x, SOUTH, NORTH, &m);
		fix_run(x);
	}
	assert_int_equal(
		x->v[NORTH].node->peers[0]->requests[REQUEST_THEIRS], REQUESTS_MAX - 3);
	fix_restart(x, NORTH);
	assert_int_equal(
		x->v[NORTH].node->peers[0]->requests[REQUEST_THEIRS], REQUESTS_MAX - 3);
	fix_free(x);
}

static void a_request_that_names_nothing_or_two_things_ends_the_link(void **state)
{
	struct message m = ask_of(1);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct fix *x = fix_new(2);

		fix_introduce_all(x);
		m = ask_of(1);
		if (i == 1 || i == 2)
			m.ask.has_record = true;
		if (i == 1)
			m.ask.authority = m.ask.child = SPAN_LIT("1");
		if (i == 2)
			m.ask.purpose = (struct span){ 0 };
		if (i == 3)
			m.ask.authority = SPAN_LIT("998");
		fix_say(x, SOUTH, NORTH, &m);
		fix_run(x);
		assert_true(fix_told(x, NORTH, "refuses"));
		assert_int_equal(x->v[NORTH].node->peers[0]->requests[REQUEST_THEIRS], 0);
		fix_free(x);
	}
}

static void answers_to_what_was_never_asked_do_nothing(void **state)
{
	struct fix *x = fix_new(2);

	(void)state;
	fix_introduce_all(x);
	for (unsigned i = ANSWER_NOTED; i <= ANSWER_FULL; i++)
		fix_say(x, SOUTH, NORTH,
			&(struct message){ .kind = MSG_ANSWER,
				.answer = { .state = (enum answer_state)i } });
	fix_say(x, SOUTH, NORTH, &(struct message){ .kind = MSG_HEARD });
	fix_run(x);
	assert_int_equal(x->v[NORTH].node->peers[0]->state, PEER_LIVE);
	assert_int_equal(x->v[NORTH].node->peers[0]->requests[REQUEST_OURS], 0);
	fix_free(x);
}

static void who_watches_is_told_of_each_change(void **state)
{
	struct fix *x = fix_new(2);
	const struct ctl_request watch = { .verb = VERB_MOVE_REQUESTS, .follow = true };

	(void)state;
	fix_introduce_all(x);
	(void)fix_ask(x, NORTH, &watch);
	x->v[NORTH].reply[0] = '\0';
	assert_int_equal(fix_request(x, SOUTH, NORTH, "998/17"), 0);
	fix_wait(x, 1);
	assert_non_null(strstr(x->v[NORTH].reply, "998/17"));
	assert_non_null(strstr(x->v[NORTH].reply, "placed here"));
	fix_free(x);
}

static void requests_wait_for_a_peer_and_survive_a_restart(void **state)
{
	struct fix *x = fix_new(2);

	(void)state;
	fix_introduce_all(x);
	fix_cut(x, NORTH, SOUTH);
	for (unsigned i = 0; i < 30; i++) {
		char what[32];

		snprintf(what, sizeof(what), "998/%u", i);
		assert_int_equal(fix_request(x, SOUTH, NORTH, what), 0);
		assert_int_equal(fix_request(x, SOUTH, NORTH, what), 0); /* the same one */
	}
	assert_int_equal(x->v[SOUTH].node->peers[0]->requests[REQUEST_OURS], 30);
	fix_restart(x, SOUTH);
	fix_heal(x, NORTH, SOUTH);
	fix_wait(x, 100);
	assert_int_equal(x->v[NORTH].node->peers[0]->requests[REQUEST_THEIRS], 30);
	assert_int_equal(x->v[SOUTH].node->peers[0]->flying, 0);
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_answer_is_the_same_whatever_is_held),
		cmocka_unit_test(a_flood_of_requests_ends_at_the_quota),
		cmocka_unit_test(a_request_that_names_nothing_or_two_things_ends_the_link),
		cmocka_unit_test(answers_to_what_was_never_asked_do_nothing),
		cmocka_unit_test(who_watches_is_told_of_each_change),
		cmocka_unit_test(requests_wait_for_a_peer_and_survive_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
