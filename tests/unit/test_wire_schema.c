/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schemas themselves: no message contains itself, none nests deeper than four (P8.6), and
 * nothing in them is a kind of field that our tables do not know.
 */

#include "tests/unit/wire_fixture.h"

static void no_message_is_recursive_odd_or_deeper_than_four(void **state)
{
	(void)state;
	assert_int_equal(proof_depth(), 4); /* Message, Feed, FeedItem, Run, Change */
}

static void proof_sees_what_is_not_the_same(void **state)
{
	(void)state;
	struct span bye = bytes_field(2, number_field(1, 1));
	assert_true(proof_repacks("Message", bye));
	assert_false(proof_repacks("Message", joined(bye, bytes_field(9, SPAN_LIT("later")))));
	assert_false(proof_repacks("Message", bytes_field(2, number_field(7, 1))));
	assert_false(proof_repacks("Message", BYTES(0x12, 0x03, 0x08, 0x81, 0x00)));
	assert_false(proof_repacks("Message", BYTES(0x0b)));
	assert_false(proof_repacks("Nothing", bye));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_message_is_recursive_odd_or_deeper_than_four),
		cmocka_unit_test(proof_sees_what_is_not_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
