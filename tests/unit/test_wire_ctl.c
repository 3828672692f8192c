/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket's messages: requests come back, replies are walked by their schema alone,
 * and every verb and problem has its words.
 */

#include "tests/unit/wire_fixture.h"

#include <stdio.h>

#include <kith/control.h>

static struct arena kept;

static int tear_down(void **state)
{
	(void)state;
	arena_done(&kept);
	return 0;
}

static struct wire_cell cells[2] = { { SPAN_LIT("CHILD"), SPAN_LIT("1") },
	{ SPAN_LIT("SEX"), SPAN_LIT("2") } };
static struct wire_row rows[2] = { { .table = 1, .cells = cells, .n_cells = 2 },
	{ .table = 2 } };

static struct ctl_request full_request(void)
{
	static struct entry entries[2];
	static struct import_child children[2];
	entries[0] = (struct entry){
		.kind = ENTRY_NOTE, .title = SPAN_LIT("t"), .text = SPAN_LIT("x")
	};
	entries[1] = (struct entry){ .kind = ENTRY_ROW, .has_row = true, .row = rows[0] };
	children[0] = children[1] =
		(struct import_child){ SPAN_LIT("ABC"), SPAN_LIT("1"), rows, 2 };
	return (struct ctl_request){
		.id = 7,
		.verb = VERB_APPEND,
		.worker = SPAN_LIT("w"),
		.role = SPAN_LIT("r"),
		.purpose = SPAN_LIT("p"),
		.record = SPAN_LIT("abcdef"),
		.peer = SPAN_LIT("north"),
		.bundle = SPAN_LIT("\0\1"),
		.entries = entries,
		.n_entries = 2,
		.children = children,
		.n_children = 2,
		.code = 3,
		.text = SPAN_LIT("words"),
		.dry_run = true,
		.follow = true,
		.rec = SPAN_LIT("E3"),
		.after = 8,
		.limit = 9,
		.peer_endpoint = SPAN_LIT("tcp://a:1"),
		.kind = SPAN_LIT("sealed"),
	};
}

static void request_comes_back_as_it_went(void **state)
{
	(void)state;
	struct ctl_request in = full_request(), out;
	struct span s, again;
	assert_int_equal(wire_request_encode(&in, &kept, &s), 0);
	assert_true(proof_repacks("Request", s));
	assert_int_equal(wire_request_decode(s, &kept, &out), 0);
	assert_int_equal(wire_request_encode(&out, &kept, &again), 0);
	same_bytes(again, s);
	assert_int_equal(out.children[1].rows[0].n_cells, 2);
	for (uint64_t n = 1; n <= 18; n++) {
		bool many = n == 9 || n == 10;
		assert_int_equal(wire_request_decode(without(s, n), &kept, &out),
			n == 2 ? WIRE_E_RANGE : 0);
		assert_int_equal(wire_request_decode(twice(s, n), &kept, &out),
			many ? 0 : WIRE_E_MALFORMED);
	}
	FAILS_WELL(wire_request_decode(s, &a, &out));
	FAILS_WELL(wire_request_encode(&in, &a, &again));
}

static void request_ends_at_one_mebibyte(void **state)
{
	(void)state;
	static uint8_t zeros[CONTROL_FRAME_MAX];
	struct ctl_request out;
	struct span verb = number_field(2, 1);
	struct span rest = { zeros, CONTROL_FRAME_MAX - verb.len - 4 };
	assert_int_equal(
		wire_request_decode(joined(verb, bytes_field(8, rest)), &kept, &out), 0);
	rest.len++;
	assert_int_equal(wire_request_decode(joined(verb, bytes_field(8, rest)), &kept, &out),
		WIRE_E_MALFORMED);
}

static void import_of_cells_alone_has_room(void **state)
{
	(void)state;
	struct ctl_request out;
	struct span row = times(bytes_field(3, bytes_field(1, SPAN_LIT("c"))), 3, 100000);
	struct span child = bytes_field(10, bytes_field(3, row));
	struct span s = joined(number_field(2, VERB_IMPORT), child);
	assert_int_equal(wire_request_decode(s, &kept, &out), 0);
	assert_int_equal(out.children[0].rows[0].n_cells, 100000);
	struct arena small;
	arena_init(&small, 1 << 20);
	assert_int_equal(wire_request_decode(s, &small, &out), WIRE_E_BUDGET);
	arena_done(&small);
}

static void every_verb_and_problem_has_its_words(void **state)
{
	(void)state;
	assert_string_equal(verb_words(VERB_PEER_ADD), "peer add");
	assert_true(verb_changes(VERB_PEER_ADD));
	assert_false(verb_changes(VERB_STATUS));
	assert_null(verb_words(0));
	assert_null(verb_words(UINT32_MAX));
	assert_false(verb_changes(UINT32_MAX));
	assert_int_equal(verb_groups(UINT32_MAX), 0);
	assert_string_equal(problem_name(PROBLEM_RECORD_UNKNOWN), "record-unknown");
	assert_null(problem_name((enum problem)0));
	assert_null(problem_next((enum problem)100000));
#define VERB(id, number, words, changes, who, help)                                            \
	assert_string_equal(verb_words(number), words);                                        \
	assert_int_equal(verb_changes(number), changes);                                       \
	assert_int_equal(verb_groups(number), who);
#include <kith/control.def>
#undef VERB
#define PROBLEM(id, number, name, rule, cause, next)                                           \
	assert_string_equal(problem_name(PROBLEM_##id), name);                                 \
	assert_string_equal(problem_cause(PROBLEM_##id), cause);                               \
	assert_string_equal(problem_next(PROBLEM_##id), next);
#include <kith/control.def>
#undef PROBLEM
}

static struct ctl_reply full_reply(void)
{
	static const struct ctl_status status = {
		.region = "00ff", .records = 3, .state = "running"
	};
	static const struct ctl_import imported = { .children = 2, .rows = 9 };
	static struct ctl_peer peer = { .region = "aa", .name = "north", .unsent = 4 };
	static struct ctl_record record = { .record = "bb", .alias = "ABC/1", .entries = 2 };
	static const char *faults[] = { "101", "102" };
	static struct ctl_entry entries[2];
	static struct ctl_circle circle = {
		.region = "cc", .role = "writer", .guardian = true
	};
	static struct ctl_custody custody = { .term = 1, .how = "made the record" };
	static struct ctl_move move = { .record = "dd", .held = 1, .of = 2 };
	static const char *seen[] = { "south-west not heard for 3 days" };
	entries[0] =
		(struct ctl_entry){ .number = 1, .faults = faults, .n_faults = 2, .row = rows };
	entries[1] = (struct ctl_entry){ .number = 2 };
	return (struct ctl_reply){
		.id = 5,
		.last = true,
		.problem = PROBLEM_TOO_LARGE,
		.problem_text = "entry 3 has 50,000 bytes",
		.has_progress = true,
		.progress_what = "rows",
		.progress_done = 1,
		.progress_of = 2,
		.status = &status,
		.peers = &peer,
		.n_peers = 1,
		.records = &record,
		.n_records = 1,
		.entries = entries,
		.n_entries = 2,
		.circle = &circle,
		.n_circle = 1,
		.custody = &custody,
		.n_custody = 1,
		.moves = &move,
		.n_moves = 1,
		.has_made = true,
		.made_text = "made",
		.imported = &imported,
		.data = SPAN_LIT("\0\xff"),
		.seen = seen,
		.n_seen = 1,
	};
}

static struct span reply_bytes(struct ctl_reply r)
{
	struct span s = { 0 };
	assert_int_equal(wire_reply_encode(&r, &kept, &s), 0);
	return s;
}

static void reply_is_what_protobuf_reads(void **state)
{
	(void)state;
	struct span s = reply_bytes(full_reply());
	assert_true(proof_repacks("Reply", s));
	for (uint64_t n = 1; n <= 15; n++)
		assert_true(without(s, n).len < s.len);
	struct ctl_reply r = full_reply();
	FAILS_WELL(wire_reply_encode(&r, &a, &s));
}

static void numbers_of_a_view_are_there_also_when_zero(void **state)
{
	(void)state;
	struct ctl_circle circle = { 0 };
	struct ctl_reply r = { .circle = &circle, .n_circle = 1 };
	struct span view = joined(number_field(4, 0), number_field(5, 0));
	same_bytes(reply_bytes(r),
		joined(joined(number_field(1, 0), number_field(2, 0)), bytes_field(9, view)));
}

static void head_is_what_a_client_needs(void **state)
{
	(void)state;
	struct reply_head h;
	struct span s = reply_bytes(full_reply());
	assert_int_equal(wire_reply_head(s, &kept, &h), 0);
	assert_int_equal(h.id, 5);
	assert_true(h.last && h.has_progress);
	assert_int_equal(h.problem, PROBLEM_TOO_LARGE);
	same_bytes(h.problem_name, SPAN_LIT("entry-too-large"));
	same_bytes(h.problem_text, SPAN_LIT("entry 3 has 50,000 bytes"));
	assert_true(h.problem_next.len > 0);
	same_bytes(h.progress_what, SPAN_LIT("rows"));
	assert_int_equal(h.progress_of, 2);
	same_bytes(h.data, SPAN_LIT("\0\xff"));
	assert_int_equal(wire_reply_head(twice(s, 1), &kept, &h), WIRE_E_MALFORMED);
	assert_int_equal(wire_reply_head(BYTES(0x0b), &kept, &h), WIRE_E_MALFORMED);
}

/* The walk as a text. */
struct told {
	char text[4096];
	size_t len;
};

static void tell(struct told *t, const char *what, const char *name)
{
	int n = snprintf(
		t->text + t->len, sizeof(t->text) - t->len, "%s%s ", name ? name : "", what);
	assert_true(n > 0 && (size_t)n < sizeof(t->text) - t->len);
	t->len += (size_t)n;
}

static void tell_enter(void *ctx, const char *name)
{
	tell(ctx, "{", name);
}

static void tell_leave(void *ctx)
{
	tell(ctx, "}", NULL);
}

static void tell_begin(void *ctx, const char *name)
{
	tell(ctx, "[", name);
}

static void tell_end(void *ctx)
{
	tell(ctx, "]", NULL);
}

static void tell_value(void *ctx, const char *name, const struct walk_value *v)
{
	char text[100];
	if (v->type == WALK_TEXT || v->type == WALK_BYTES)
		(void)snprintf(text, sizeof(text), "%c%.*s", v->type == WALK_TEXT ? '=' : '~',
			(int)v->bytes.len, (const char *)v->bytes.at);
	else if (v->type == WALK_BOOL)
		(void)snprintf(text, sizeof(text), "?%d", v->truth);
	else if (v->type == WALK_UINT)
		(void)snprintf(text, sizeof(text), "=%llu", (unsigned long long)v->uint);
	else
		(void)snprintf(text, sizeof(text), "=%lld", (long long)v->sint);
	tell(ctx, text, name);
}

static int walked(struct span s, struct told *t)
{
	*t = (struct told){ .len = 0 };
	const struct walker w = { t, tell_enter, tell_leave, tell_begin, tell_end, tell_value };
	return wire_reply_walk(s, &kept, &w);
}

static void walk_tells_the_schema(void **state)
{
	(void)state;
	static const char *faults[] = { "101", "102" };
	struct ctl_entry entries[2] = {
		{ .number = 1, .date = "2026", .faults = faults, .n_faults = 2, .row = rows },
		{ .number = 2, .recorded_ms = UINT64_MAX }
	};
	struct ctl_reply r = { .id = 3,
		.last = true,
		.entries = entries,
		.n_entries = 2,
		.data = SPAN_LIT("piece") };
	struct told t;
	assert_int_equal(walked(reply_bytes(r), &t), 0);
	assert_string_equal(t.text,
		"id=3 last?1 entries[ { number=1 date=2026 recorded_ms=0 faults[ =101 =102 ] "
		"row{ table=1 cells[ { column~CHILD value~1 } { column~SEX value~2 } ] } } "
		"{ number=2 recorded_ms=18446744073709551615 } ] data~piece ");
}

static void walk_is_in_the_order_of_the_schema(void **state)
{
	(void)state;
	struct told t;
	struct span s = joined(bytes_field(14, SPAN_LIT("d")), number_field(2, 1));
	s = joined(joined(s, number_field(1, 9)), number_field(77, 5));
	assert_int_equal(walked(s, &t), 0);
	assert_string_equal(t.text, "id=9 last?1 data~d ");
}

static void reply_that_is_none_is_not_walked_at_all(void **state)
{
	(void)state;
	struct told t;
	struct span good = number_field(1, 9);
	struct span name = bytes_field(2, SPAN_LIT("a\0b"));
	const struct span bad[] = { joined(good, good), BYTES(0x0b), BYTES(0x00, 0x00),
		bytes_field(1, good), bytes_field(6, name), bytes_field(6, BYTES(0x08)),
		bytes_field(15, bytes_field(1, SPAN_LIT("\xff"))) };
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
			walked(i == 0 ? bad[0] : joined(good, bad[i]), &t), WIRE_E_MALFORMED);
		assert_int_equal(t.len, 0);
	}
	static uint8_t zeros[CONTROL_FRAME_MAX];
	struct span big = bytes_field(14, (struct span){ zeros, sizeof(zeros) });
	assert_int_equal(walked(big, &t), WIRE_E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_comes_back_as_it_went),
		cmocka_unit_test(request_ends_at_one_mebibyte),
		cmocka_unit_test(import_of_cells_alone_has_room),
		cmocka_unit_test(every_verb_and_problem_has_its_words),
		cmocka_unit_test(reply_is_what_protobuf_reads),
		cmocka_unit_test(numbers_of_a_view_are_there_also_when_zero),
		cmocka_unit_test(head_is_what_a_client_needs),
		cmocka_unit_test(walk_tells_the_schema),
		cmocka_unit_test(walk_is_in_the_order_of_the_schema),
		cmocka_unit_test(reply_that_is_none_is_not_walked_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
