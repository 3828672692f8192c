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
	*ret = fix_offered(x, NORTH, SOUTH);
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

/* The question that is open, from what the node itself knows of it. */
static struct get_slot *open_question(struct fix *x)
{
	struct peer *p = x->v[SOUTH].node->peers[0];

	for (size_t i = 0; i < GETS_MAX; i++)
		if (p->gets[i].busy)
			return &p->gets[i];
	return NULL;
}

/* The next on its way: it arrives, or is lost. */
static void take_parcel(struct fix *x, bool arrives)
{
	struct parcel *p = x->first;

	assert_non_null(p);
	x->first = p->next;
	if (!x->first)
		x->last = &x->first;
	if (arrives)
		fix_step(x, p->to, &p->event);
	free(p->bytes);
	free(p);
}

/* South has begun to ask for a record, and nothing has been answered. */
static struct fix *asking(struct id *ret)
{
	struct fix *x = fix_new(2);
	struct message feed = { .kind = MSG_FEED };
	struct feed_item item = { .is_backfill = true };

	fix_introduce_all(x);
	memset(item.backfill.b, 0x77, ID_LEN);
	*ret = item.backfill;
	feed.feed.items = &item;
	feed.feed.n = 1;
	feed.feed.through = 1;
	feed.feed.through = x->v[NORTH].node->peers[0]->row.feed_next + 7;
	fix_say(x, NORTH, SOUTH, &feed);
	take_parcel(x, true);
	fix_hush(x);
	return x;
}

static void messages_without_end_that_bring_nothing_end_the_link(void **state)
{
	struct id record;
	struct fix *x = asking(&record);
	struct get_slot *slot = open_question(x);
	struct message m = { .kind = MSG_CHANGES,
		.changes = { .record = record, .more = true } };
	unsigned n = 0;

	(void)state;
	assert_non_null(slot);
	m.changes.request = slot->request;
	while (x->first) /* north never hears the question */
		take_parcel(x, false);
	x->v[SOUTH].node->peers[0]->count_out = x->v[NORTH].node->peers[0]->count_in;
	while (!fix_told(x, SOUTH, "changes-not-asked-for") && n++ < 1000)
		fix_say(x, NORTH, SOUTH, &m), fix_run(x);
	assert_in_range(n, 100, 256); /* as many of 4 KiB as fit into what may come */
	fix_free(x);
}

static void answer_after_the_last_message_of_it_ends_the_link(void **state)
{
	struct id record;
	struct fix *x = asking(&record);
	struct message m = { .kind = MSG_CHANGES,
		.changes = { .record = record, .none = true, .done = true } };

	(void)state;
	m.changes.request = open_question(x)->request;
	fix_run(x); /* the true answer */
	assert_null(open_question(x));
	fix_say(x, NORTH, SOUTH, &m);
	fix_run(x);
	assert_true(fix_told(x, SOUTH, "changes-not-asked-for"));
	fix_free(x);
}

/* As often as it goes before the turn ends. */
static int ask_again_and_again(struct step *s, void *ctx)
{
	struct peer *p = s->node->peers[0];
	struct message *m = ctx;
	int r = 0;

	for (m->get.request = 0; !r && p->state == PEER_LIVE && m->get.request < 1000;)
		m->get.request++, r = sync_get(s, p, m);
	return r;
}

static void who_asks_more_often_than_anybody_can_be_answered_is_put_out(void **state)
{
	struct id record;
	struct fix *x = offered(&record);
	struct message m = { .kind = MSG_GET, .get = { .record = record, .budget = 1 } };

	(void)state;
	assert_int_equal(fix_inside(x, NORTH, ask_again_and_again, &m), 0);
	assert_true(fix_told(x, NORTH, "asks-too-much"));
	assert_in_range(m.get.request, GETS_MAX, 2 * GETS_MAX + 1);
	fix_free(x);
}

/* .n messages that bring nothing, so many milliseconds apart. */
static void say_often(struct fix *x, enum message_kind kind, unsigned n, unsigned ms)
{
	const struct peer *p = peer_find(x->v[NORTH].node, &x->v[SOUTH].id);
	struct message m = { .kind = kind };

	if (kind == MSG_FEED_REQ) {
		m.feed_req.incarnation = x->v[NORTH].node->incarnation;
		m.feed_req.after = p->row.feed_acked;
		m.feed_req.budget = 1 << 20;
	}
	for (unsigned i = 0; i < n && p->state == PEER_LIVE; i++) {
		fix_say(x, SOUTH, NORTH, &m);
		fix_run(x);
		fix_pass(x, ms);
	}
}

static void who_rings_or_asks_for_nothing_as_fast_as_it_can_is_put_out(void **state)
{
	static const enum message_kind kinds[] = { MSG_DOORBELL, MSG_FEED_REQ };

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct id record;
		struct fix *x = offered(&record);

		fix_wait(x, 31);
		say_often(x, kinds[i], 64, 0);
		assert_false(fix_told(x, NORTH, "asks-too-much"));
		say_often(x, kinds[i], 1, 0);
		assert_true(fix_told(x, NORTH, "refuses south asks-too-much"));
		assert_true(fix_told(x, NORTH, "loses south"));
		fix_free(x);
	}
}

static void who_rings_or_asks_now_and_then_may_do_so_for_ever(void **state)
{
	static const enum message_kind kinds[] = { MSG_DOORBELL, MSG_FEED_REQ };
	struct id record;
	struct fix *x = offered(&record);

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++)
		say_often(x, kinds[i], 1000, 500);
	assert_false(fix_told(x, NORTH, "refuses"));
	assert_false(fix_told(x, NORTH, "loses"));
	fix_free(x);
}

static void who_has_something_each_time_may_ring_as_often_as_it_likes(void **state)
{
	struct id record;
	struct fix *x = offered(&record);

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(fix_note(x, NORTH, &record, "news"), 0);
		say_often(x, MSG_DOORBELL, 1, 0);
		say_often(x, MSG_FEED_REQ, 1, 0);
	}
	assert_false(fix_told(x, NORTH, "refuses"));
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
		.record = span_of(id_text(&record, hex)) };

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

struct forging {
	struct id record;
	struct wire_change change; /* in .bytes */
	uint8_t bytes[4096];
};

/* A control change in a record that the region knows nothing of. */
static int forge(struct step *s, void *ctx)
{
	struct forging *f = ctx;
	struct control c = { .kind = CONTROL_CLOSE, .date = node_today(s), .term = 1 };
	struct own_change own = { .record = &f->record, .control = &c };
	struct wire_change made;
	struct log_at log = { 0 };
	uint64_t at;
	struct writer w = writer_of(f->bytes, sizeof(f->bytes));
	struct ref ref;

	c.last.at = (struct place){ s->node->region, s->node->incarnation, 1 };
	assert_int_equal(chain_append(s, &own, &ref), 0);
	assert_int_equal(turn_write(s), 0);
	assert_int_equal(index_get(s->view, &f->record, &ref.at, &at), 0);
	assert_int_equal(log_get(s->view, &log, at, &made), 0);
	put_span(&w, made.header);
	put_span(&w, made.signature);
	put_span(&w, made.body);
	f->change.header = (struct span){ f->bytes, made.header.len };
	f->change.signature = (struct span){ f->bytes + made.header.len, SIG_LEN };
	f->change.body = (struct span){ f->bytes + made.header.len + SIG_LEN, made.body.len };
	return 0;
}

static int count_chains(struct step *s, void *ctx)
{
	struct scan scan;
	int n = 0;

	scan_init(&scan, TABLE_CHAIN, (struct span){ ctx, ID_LEN });
	while (scan_next(&scan, s->view) == 0)
		n++;
	return n;
}

static void control_change_of_a_stranger_is_not_kept(void **state)
{
	struct fix *x = fix_new(3);
	struct forging f;
	struct feed_item item = { .run = { .changes = &f.change, .n = 1 } };
	struct message m = { .kind = MSG_FEED,
		.feed = { .items = &item, .n = 1, .through = 100 } };

	(void)state;
	fix_introduce_all(x);
	f.record = fix_record(x, NORTH);
	assert_int_equal(fix_offer(x, NORTH, &f.record, SOUTH), 0);
	fix_wait(x, 1);
	assert_int_equal(fix_inside(x, EAST, forge, &f), 0);
	const int before = fix_inside(x, NORTH, count_chains, &f.record);

	fix_say(x, SOUTH, NORTH, &m);
	fix_wait(x, 70);
	assert_int_equal(fix_inside(x, NORTH, count_chains, &f.record), before);
	fix_free(x);
}

/* 63 bytes of letters of two bytes: every cut goes through one. */
#define LONG_TEXT                                                                              \
	"x\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251"    \
	"\303\251\303\251"                                                                     \
	"\303\251\303\251\303\251\303\251\303\251\303\251"

static void text_that_is_cut_can_still_be_read(void **state)
{
	struct id record;
	struct fix *x = offered(&record);
	char hex[ID_TEXT_LEN];
	struct entry alias = { .kind = ENTRY_ALIAS, .has_alias = true };
	struct ctl_request q = { .verb = VERB_APPEND,
		.record = span_of(id_text(&record, hex)),
		.entries = &alias,
		.n_entries = 1 };

	(void)state;
	alias.alias.authority = alias.alias.child = span_of(LONG_TEXT);
	assert_int_equal(fix_ask(x, NORTH, &q), 0);
	/* The fixture asserts that all text of a reply is text. */
	assert_int_equal(
		fix_ask(x, NORTH, &(struct ctl_request){ .verb = VERB_RECORD_LIST }), 0);
	assert_non_null(strstr(x->v[NORTH].reply, "alias="));
	fix_free(x);
}

static void import_with_a_row_that_fits_nowhere_leaves_nothing_unsigned(void **state)
{
	struct fix *x = fix_new(1);
	static char words[60000];
	struct wire_cell cell = { SPAN_LIT("NOTE"), { (const uint8_t *)words, 60000 } };
	struct wire_row rows[2] = { { .table = 1 },
		{ .table = 1, .cells = &cell, .n_cells = 1 } };
	struct import_child child = {
		.authority = SPAN_LIT("998"), .child = SPAN_LIT("7"), .rows = rows, .n_rows = 2
	};
	struct ctl_request q = { .verb = VERB_IMPORT, .children = &child, .n_children = 1 };

	(void)state;
	assert_int_equal(fix_ask(x, NORTH, &q), PROBLEM_TOO_LARGE);
	assert_int_equal(x->v[NORTH].node->log_next, 1);
	fix_free(x);
}

static void feed_that_always_begins_anew_ends_the_link(void **state)
{
	struct id record;
	struct fix *x = offered(&record);
	struct message m = { .kind = MSG_RECONCILE, .reconcile = { .from = 7 } };

	(void)state;
	fix_say(x, SOUTH, NORTH, &m);
	fix_run(x);
	for (unsigned i = 0; i < 3; i++)
		if (x->link[SOUTH][NORTH])
			fix_say(x, SOUTH, NORTH, &m);
	fix_run(x);
	assert_true(fix_told(x, NORTH, "refuses south feed-not-asked-for"));
	fix_wait(x, 70);
	assert_true(fix_told(x, NORTH, "greets south"));
	fix_free(x);
}

static void name_that_another_region_claims_first_does_not_capture_our_child(void **state)
{
	struct fix *x = fix_new(2);
	const struct ctl_request make = { .verb = VERB_RECORD_NEW,
		.record = SPAN_LIT("998/7") };
	const struct ctl_request show = { .verb = VERB_RECORD_SHOW,
		.record = SPAN_LIT("998/7") };
	struct id theirs;
	char hex[ID_TEXT_LEN];

	(void)state;
	fix_introduce_all(x);
	assert_int_equal(fix_ask(x, SOUTH, &make), 0);
	memcpy(hex, strstr(x->v[SOUTH].reply, "record=") + 7, 2 * ID_LEN);
	hex[2 * ID_LEN] = '\0';
	assert_true(id_parse(hex, &theirs));
	assert_int_equal(fix_offer(x, SOUTH, &theirs, NORTH), 0);
	fix_wait(x, 1);
	assert_int_equal(fix_ask(x, NORTH, &show), 0);
	assert_non_null(strstr(x->v[NORTH].reply, hex)); /* nobody else is known so */

	assert_int_equal(fix_ask(x, NORTH, &make), 0);
	assert_int_equal(fix_ask(x, NORTH, &show), 0);
	assert_null(strstr(x->v[NORTH].reply, hex));
	assert_int_equal(
		fix_ask(x, NORTH, &make), PROBLEM_ARGUMENT); /* one of ours is enough */
	fix_free(x);
}

static void endpoint_that_is_none_is_refused(void **state)
{
	struct fix *x = fix_new(2);
	struct side *s = &x->v[SOUTH];
	struct ctl_request q = { .verb = VERB_PEER_ADD };
	static const char *const bad[] = { "tcp://", "tcp://x", "ipc:///tmp/x:1", "tcp://:1",
		"tcp://a b:1", "tcp://a:", "tcp://h\xc3\xa9:1" };
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	assert_int_equal(store_turn_begin(s->store, &s->view), 0);
	assert_int_equal(region_bundle(&s->view, &a, &q.bundle), 0);
	store_turn_abort(s->store);
	for (size_t i = 0; i < COUNT(bad); i++) {
		q.peer_endpoint = span_of(bad[i]);
		assert_int_equal(fix_ask(x, NORTH, &q), PROBLEM_ARGUMENT);
	}
	assert_int_equal(x->v[NORTH].node->n_peers, 0);
	q.peer_endpoint = SPAN_LIT("tcp://[::1]:7420");
	assert_int_equal(fix_ask(x, NORTH, &q), 0);
	arena_done(&a);
	fix_free(x);
}

static int newest_clock(struct step *s, void *ctx)
{
	struct chain_row row;
	struct id record;

	memcpy(&record, ctx, sizeof(record));
	assert_int_equal(
		chain_get(s->view, &record, &s->node->region, &s->node->incarnation, &row), 0);
	memcpy(ctx, &row.clock, sizeof(row.clock));
	return 0;
}

static void clock_of_a_chain_goes_on_after_a_restart_with_the_wall_behind(void **state)
{
	struct fix *x = fix_new(1);
	union {
		struct id record;
		uint64_t clock;
	} before, after;
	struct id record = fix_record(x, NORTH);

	(void)state;
	x->now += 3600000;
	assert_int_equal(fix_note(x, NORTH, &record, "with the wall an hour ahead"), 0);
	before.record = record;
	assert_int_equal(fix_inside(x, NORTH, newest_clock, &before), 0);
	x->now -= 3600000;
	fix_restart(x, NORTH);
	assert_int_equal(fix_note(x, NORTH, &record, "and back"), 0);
	after.record = record;
	assert_int_equal(fix_inside(x, NORTH, newest_clock, &after), 0);
	assert_true(after.clock > before.clock);
	fix_free(x);
}

/* Let time pass: a clock that rings is heard, and then rings later. */
static void pass_quietly(struct fix *x, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		fix_pass(x, 1000);
		assert_true(node_due(x->v[SOUTH].node) > x->now);
	}
}

/* South wants .n records that nobody has, and its questions are lost. One wants_due later it is
 * as if an answer had been no good. */
static struct fix *wanting(size_t n, struct peer **ret)
{
	struct feed_item items[GETS_MAX + 1] = { 0 };
	struct message feed = { .kind = MSG_FEED, .feed = { items, n, 0 } };
	struct fix *x = fix_new(2);
	struct peer *p;

	fix_introduce_all(x);
	p = x->v[SOUTH].node->peers[0];
	feed.feed.through = x->v[NORTH].node->peers[0]->row.feed_next - 1;
	for (size_t i = 0; i < n; i++) {
		items[i].is_backfill = true;
		memset(items[i].backfill.b, (int)i + 1, ID_LEN);
	}
	fix_say(x, NORTH, SOUTH, &feed);
	take_parcel(x, true);
	while (x->first)
		take_parcel(x, false);
	p->count_out = x->v[NORTH].node->peers[0]->count_in;
	assert_int_equal(p->wants, n);
	p->wants_due = x->now + 1000;
	*ret = p;
	return x;
}

static void wants_wait_for_a_full_disk_and_no_clock_rings_without_end(void **state)
{
	struct peer *p;
	struct fix *x = wanting(1, &p);
	uint32_t asked = p->next_request;

	(void)state;
	p->gets[0].busy = false;
	x->v[SOUTH].node->disk_full = true;
	pass_quietly(x, 100);
	assert_int_equal(p->wants, 1);
	assert_int_equal(p->next_request, asked);
	x->v[SOUTH].node->disk_full = false;
	pass_quietly(x, 31);
	assert_int_equal(p->next_request, asked + 1);
	fix_free(x);
}

static void wants_wait_for_a_free_place_and_no_clock_rings_without_end(void **state)
{
	struct peer *p;
	struct fix *x = wanting(GETS_MAX + 1, &p);
	uint32_t asked = p->next_request;

	(void)state;
	pass_quietly(x, 10);
	assert_int_equal(p->wants, GETS_MAX + 1);
	assert_int_equal(p->next_request, asked);
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_beyond_all_numbers_is_answered_like_any_other),
		cmocka_unit_test(messages_without_end_that_bring_nothing_end_the_link),
		cmocka_unit_test(answer_after_the_last_message_of_it_ends_the_link),
		cmocka_unit_test(who_asks_more_often_than_anybody_can_be_answered_is_put_out),
		cmocka_unit_test(who_rings_or_asks_for_nothing_as_fast_as_it_can_is_put_out),
		cmocka_unit_test(who_rings_or_asks_now_and_then_may_do_so_for_ever),
		cmocka_unit_test(who_has_something_each_time_may_ring_as_often_as_it_likes),
		cmocka_unit_test(kem_key_of_low_order_gets_no_keys_and_breaks_nothing),
		cmocka_unit_test(control_change_of_a_stranger_is_not_kept),
		cmocka_unit_test(text_that_is_cut_can_still_be_read),
		cmocka_unit_test(import_with_a_row_that_fits_nowhere_leaves_nothing_unsigned),
		cmocka_unit_test(feed_that_always_begins_anew_ends_the_link),
		cmocka_unit_test(
			name_that_another_region_claims_first_does_not_capture_our_child),
		cmocka_unit_test(endpoint_that_is_none_is_refused),
		cmocka_unit_test(clock_of_a_chain_goes_on_after_a_restart_with_the_wall_behind),
		cmocka_unit_test(purpose_of_any_length_is_refused_not_fatal),
		cmocka_unit_test(wants_wait_for_a_full_disk_and_no_clock_rings_without_end),
		cmocka_unit_test(wants_wait_for_a_free_place_and_no_clock_rings_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
