/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What peers and local clients may send, and what may not come of it: a failure of ours. Every
 * step of the fixture must go well, whatever is said.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH, EAST };

/* North has a record that it has offered to south. */
static struct fix *offered(struct id *ret)
{
	struct fix *x = fix_new(2);

	fix_introduce_all(x);
	*ret = fix_record(x, NORTH);
	assert_int_equal(fix_offer(x, NORTH, ret, SOUTH), 0);
	fix_wait(x, 1);
	fix_hush(x);
	return x;
}

static void get_beyond_all_numbers_is_answered_like_any_other(void **state)
{
	struct id record;
	struct fix *x = offered(&record);
	struct place have = { x->v[NORTH].id, x->v[NORTH].node->incarnation, UINT64_MAX };
	struct message m = { .kind = MSG_GET,
		.get = { .request = 77, .record = record, .have = &have, .n_have = 1 } };

	(void)state;
	fix_say(x, SOUTH, NORTH, &m);
	fix_run(x);
	assert_true(x->frames >= 2); /* the question, and an answer */
	fix_free(x);
}

static void kem_key_of_low_order_gets_no_keys_and_breaks_nothing(void **state)
{
	struct id record;
	struct fix *x = offered(&record);
	struct message m = { .kind = MSG_GET,
		.get = { .request = 77, .record = record, .budget = 100000, .keys = true } };

	(void)state;
	/* As if its card said so: 32 zero bytes are a point of low order. */
	memset(&x->v[NORTH].node->peers[0]->kem_key, 0, KEY_LEN);
	fix_say(x, SOUTH, NORTH, &m);
	fix_run(x);
	assert_true(x->frames >= 2);
	fix_free(x);
}

static void purpose_of_any_length_is_refused_not_fatal(void **state)
{
	struct id record;
	struct fix *x = offered(&record);
	char hex[ID_TEXT_LEN];
	static char words[100000];
	struct ctl_request q = { .verb = VERB_TIMELINE,
		.record = text_span(id_text(&record, hex)) };

	(void)state;
	memset(words, 'x', sizeof(words));
	q.purpose = (struct span){ (const uint8_t *)words, sizeof(words) };
	assert_int_equal(fix_ask(x, NORTH, &q), PROBLEM_TOO_LARGE);
	q.purpose = (struct span){ 0 };
	q.worker = (struct span){ (const uint8_t *)words, sizeof(words) };
	assert_int_equal(fix_ask(x, NORTH, &q), PROBLEM_TOO_LARGE);
	q.worker = SPAN_LIT("Ann");
	assert_int_equal(fix_ask(x, NORTH, &q), 0);
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_beyond_all_numbers_is_answered_like_any_other),
		cmocka_unit_test(kem_key_of_low_order_gets_no_keys_and_breaks_nothing),
		cmocka_unit_test(purpose_of_any_length_is_refused_not_fatal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
