/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Replies as trees: the names of control.proto, bytes that are no text, replies of one request
 * merged into one object.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/cli/cli.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static json_t *tree_of(const struct ctl_reply *r)
{
	struct span bytes;
	json_t *tree = NULL;

	assert_int_equal(wire_reply_encode(r, &arena, &bytes), 0);
	assert_int_equal(json_reply(bytes, &arena, &tree), 0);
	return tree;
}

static void assert_json(const json_t *j, const char *expected)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void a_reply_has_the_names_of_the_schema_and_nothing_of_the_transport(void **state)
{
	struct ctl_circle rows[] = {
		{ .region = "aa",
			.name = "north-west",
			.role = "custodian",
			.guardian = true,
			.changes = 7 },
		{ .region = "bb", .name = "north-east", .role = "writer" },
	};
	const char *notes[] = { "south-west not heard for 3 days" };
	const struct ctl_reply r = {
		.id = 9,
		.last = true,
		.circle = rows,
		.n_circle = 2,
		.seen = notes,
		.n_seen = 1,
		.has_progress = true,
		.progress_what = "x",
		.progress_done = 1,
		.progress_of = 2,
		.data = SPAN_LIT("bytes"),
	};
	json_t *tree = tree_of(&r);

	(void)state;
	assert_null(json_object_get(tree, "id"));
	assert_null(json_object_get(tree, "last"));
	assert_null(json_object_get(tree, "data"));
	assert_null(json_object_get(tree, "progress"));
	assert_int_equal(json_array_size(json_object_get(tree, "circle")), 2);
	assert_string_equal(
		json_text(json_array_get(json_object_get(tree, "circle"), 1), "name"),
		"north-east");
	assert_int_equal(
		json_number(json_array_get(json_object_get(tree, "circle"), 0), "changes"), 7);
	assert_json(json_object_get(tree, "seen"),
		"{\"notes\":[\"south-west not heard for 3 days\"]}");
	json_decref(tree);
}

static void cells_are_text_when_they_are_utf8_and_base64_when_not(void **state)
{
	struct wire_cell cells[] = {
		{ SPAN_LIT("CHILD"), SPAN_LIT("Si\xc3\xa2n") },
		{ SPAN_LIT("DOB"), SPAN_LIT("Si\xe2n") },
	};
	struct wire_row row = { .table = 2, .line = 3, .cells = cells, .n_cells = 2 };
	struct ctl_entry e = { .number = 1, .row = &row };
	const struct ctl_reply r = { .id = 1, .last = true, .entries = &e, .n_entries = 1 };
	json_t *tree = tree_of(&r);
	const json_t *row_j =
		json_object_get(json_array_get(json_object_get(tree, "entries"), 0), "row");

	(void)state;
	assert_json(json_object_get(row_j, "cells"),
		"[{\"column\":\"CHILD\",\"value\":\"Si\xc3\xa2n\"},"
		"{\"column\":\"DOB\",\"value\":{\"base64\":\"U2nibg==\"}}]");
	assert_int_equal(json_number(row_j, "line"), 3);
	json_decref(tree);
}

static void lists_of_several_replies_become_one_and_the_rest_is_the_latest(void **state)
{
	json_t *into = json_pack("{s:[i], s:s}", "peers", 1, "state", "old");
	json_t *more = json_pack("{s:[i,i], s:s}", "peers", 2, 3, "state", "new");

	(void)state;
	assert_int_equal(json_merge(into, more, false), 0);
	assert_json(into, "{\"peers\":[1,2,3],\"state\":\"new\"}");
	json_decref(into);
}

static void following_keeps_the_latest_list_only(void **state)
{
	json_t *into = json_pack("{s:[i]}", "moves", 1);
	json_t *more = json_pack("{s:[i]}", "moves", 2);

	(void)state;
	assert_int_equal(json_merge(into, more, true), 0);
	assert_json(into, "{\"moves\":[2]}");
	json_decref(into);
}

static void bytes_that_are_no_reply_are_a_verdict(void **state)
{
	static const uint8_t bad[] = { 0x12, 0x7f, 0x00 };
	json_t *tree = NULL;

	(void)state;
	assert_int_equal(
		json_reply((struct span){ bad, sizeof(bad) }, &arena, &tree), WIRE_E_MALFORMED);
	assert_null(tree);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_reply_has_the_names_of_the_schema_and_nothing_of_the_transport),
		TEST(cells_are_text_when_they_are_utf8_and_base64_when_not),
		TEST(lists_of_several_replies_become_one_and_the_rest_is_the_latest),
		TEST(following_keeps_the_latest_list_only),
		TEST(bytes_that_are_no_reply_are_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
