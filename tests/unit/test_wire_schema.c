/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schemas themselves: no message contains itself, none nests deeper than four (P8.6), and
 * nothing in them is a kind of field that we do not want: groups, floats, enums, maps.
 */

#include "tests/unit/wire_fixture.h"

/* clang-format off: a list, one row after another */
#define MESSAGES(X)                                                                            \
	X(header)                                                                              \
	X(control) X(card) X(signed_card) X(incarnations) X(card_bundle) X(export) X(frame)    \
		X(signed_hello) X(hello) X(message) X(change) X(body) X(link_frame) X(request) \
			X(reply)
/* clang-format on */

#define DECLARE(name) extern const ProtobufCMessageDescriptor kith__##name##__descriptor;
MESSAGES(DECLARE)

#define LIST(name) &kith__##name##__descriptor,
static const ProtobufCMessageDescriptor *const roots[] = { MESSAGES(LIST) };

#define DEEPEST 4

/* How deep a message nests; fails when it is in itself.
 * NOLINTNEXTLINE(misc-no-recursion): ends when the path is longer than any may be */
static unsigned depth_of(const ProtobufCMessageDescriptor *m,
	const ProtobufCMessageDescriptor *path[DEEPEST + 1], unsigned at)
{
	unsigned deepest = at;
	assert_true(at <= DEEPEST);
	for (unsigned i = 0; i < at; i++)
		assert_ptr_not_equal(path[i], m);
	path[at] = m;
	for (unsigned i = 0; i < m->n_fields; i++) {
		if (m->fields[i].type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		unsigned deep = depth_of(m->fields[i].descriptor, path, at + 1);
		deepest = deep > deepest ? deep : deepest;
	}
	return deepest;
}

static void no_message_is_recursive_or_deeper_than_four(void **state)
{
	(void)state;
	unsigned deepest = 0;
	for (size_t i = 0; i < COUNT(roots); i++) {
		const ProtobufCMessageDescriptor *path[DEEPEST + 1];
		unsigned deep = depth_of(roots[i], path, 0);
		deepest = deep > deepest ? deep : deepest;
	}
	assert_int_equal(deepest, DEEPEST); /* Message, Feed, FeedItem, Run, Change */
}

/* NOLINTNEXTLINE(misc-no-recursion): schemas nest four deep */
static void plain(const ProtobufCMessageDescriptor *m)
{
	for (unsigned i = 0; i < m->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->fields[i];
		assert_int_not_equal(f->label, PROTOBUF_C_LABEL_REQUIRED);
		assert_int_not_equal(f->type, PROTOBUF_C_TYPE_ENUM);
		assert_int_not_equal(f->type, PROTOBUF_C_TYPE_FLOAT);
		assert_int_not_equal(f->type, PROTOBUF_C_TYPE_DOUBLE);
		assert_true(f->id < 64);
		assert_false(f->flags &
			     (PROTOBUF_C_FIELD_FLAG_PACKED | PROTOBUF_C_FIELD_FLAG_ONEOF));
		if (f->type == PROTOBUF_C_TYPE_MESSAGE)
			plain(f->descriptor);
	}
}

static void fields_are_optional_or_repeated_and_of_plain_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(roots); i++)
		plain(roots[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_message_is_recursive_or_deeper_than_four),
		cmocka_unit_test(fields_are_optional_or_repeated_and_of_plain_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
