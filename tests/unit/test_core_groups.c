/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who may what: each verb of control.def asked by each group, and what an operator is shown of
 * records whose contents are not his.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH };

static bool is_refusal(int problem)
{
	return problem == PROBLEM_NOT_ALLOWED || problem == PROBLEM_NEEDS_RUN ||
	       problem == PROBLEM_NEEDS_CARE || problem == PROBLEM_NEEDS_ADMIN;
}

static int ask_as(struct fix *x, unsigned groups, uint32_t verb)
{
	int problem;

	x->v[NORTH].groups = groups;
	problem = fix_ask(x, NORTH, &(struct ctl_request){ .verb = verb });
	x->v[NORTH].groups = 0;
	return problem;
}

static void each_verb_is_for_the_groups_that_control_def_names(void **state)
{
	static const unsigned groups[] = { GROUP_LOOK, GROUP_OPERATOR, GROUP_APP, GROUP_ADMIN,
		GROUP_OPERATOR | GROUP_LOOK, GROUP_APP | GROUP_OPERATOR };
	struct fix *x = fix_new(1);

	(void)state;
	for (size_t i = 0; i < COUNT(groups); i++) {
#define VERB(id, number, words, changes, who, help)                                            \
	if (is_refusal(ask_as(x, groups[i], number)) == ((groups[i] & (who)) != 0))            \
		fail_msg(words " by %u", groups[i]);
#include <kith/control.def>
#undef VERB
	}
	fix_free(x);
}

static void refusal_names_the_group_that_is_needed_and_the_one_that_there_is(void **state)
{
	struct fix *x = fix_new(1);

	(void)state;
	assert_int_equal(ask_as(x, GROUP_OPERATOR, VERB_RECORD_LIST), PROBLEM_NEEDS_CARE);
	assert_non_null(strstr(x->v[NORTH].reply,
		"text=record list is for kith-app and kith-admin; uid 1000 (ann) is in "
		"kith-operator\n"));
	assert_int_equal(ask_as(x, GROUP_APP, VERB_PEER_ADD), PROBLEM_NEEDS_ADMIN);
	assert_int_equal(ask_as(x, GROUP_APP, VERB_RELOAD), PROBLEM_NEEDS_RUN);
	assert_int_equal(ask_as(x, GROUP_LOOK, VERB_MOVE_LIST), PROBLEM_NEEDS_RUN);
	assert_int_equal(ask_as(x, 1U << 31, VERB_STATUS), PROBLEM_NEEDS_RUN);
	fix_free(x);
}

static void operator_sees_how_a_move_stands_and_nothing_that_it_is_about(void **state)
{
	struct fix *x = fix_new(2);
	const char *reply = x->v[NORTH].reply;
	struct id record;

	(void)state;
	fix_introduce_all(x);
	record = fix_record(x, NORTH);
	fix_move(x, NORTH, &record, SOUTH);

	assert_int_equal(fix_about(x, NORTH, VERB_MOVE_SHOW, &record), 0);
	assert_non_null(strstr(reply, "reason="));
	assert_int_equal(fix_about(x, NORTH, VERB_CUSTODY, &record), 0);
	assert_non_null(strstr(reply, "worker="));

	x->v[NORTH].groups = GROUP_OPERATOR;
	assert_int_equal(fix_about(x, NORTH, VERB_MOVE_SHOW, &record), 0);
	assert_non_null(strstr(reply, "state="));
	assert_null(strstr(reply, "reason="));
	assert_null(strstr(reply, "worker="));
	assert_int_equal(fix_about(x, NORTH, VERB_CUSTODY, &record), 0);
	assert_non_null(strstr(reply, "region="));
	assert_null(strstr(reply, "worker="));
	assert_int_equal(fix_ask(x, NORTH,
				 &(struct ctl_request){
					 .verb = VERB_CUSTODY, .record = span_of("340/99") }),
		PROBLEM_NEEDS_CARE);
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_verb_is_for_the_groups_that_control_def_names),
		cmocka_unit_test(
			refusal_names_the_group_that_is_needed_and_the_one_that_there_is),
		cmocka_unit_test(operator_sees_how_a_move_stands_and_nothing_that_it_is_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
