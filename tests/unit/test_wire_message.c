/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages, frames, HELLO and what passes between kithd and kith-link: exactly one thing at a
 * time, within its limits (P3.2, P8.1, P8.2, P8.6).
 */

#include "tests/unit/wire_fixture.h"

#include <kith/message.h>

static struct arena kept;
static uint8_t zeros[FRAME_MAX + 64];

static int tear_down(void **state)
{
	(void)state;
	arena_done(&kept);
	return 0;
}

static struct wire_change changes[RUN_CHANGES_MAX + 1];
static struct feed_item items[2];
static struct place have[2];
static struct span bundles[2] = { SPAN_LIT("one"), SPAN_LIT("two") };
static struct key_wrap keys[2];
static struct run runs[2];

static struct message message_of(enum message_kind kind)
{
	struct message m = { .kind = kind };
	for (size_t i = 0; i < COUNT(changes); i++)
		changes[i] =
			(struct wire_change){ { zeros, 180 }, { zeros, 0 }, { zeros, 100 } };
	changes[1].signature.len = SIG_LEN;
	runs[0] = runs[1] = (struct run){ changes, 2 };
	items[0] = (struct feed_item){ .run = runs[0] };
	items[1] = (struct feed_item){ .is_backfill = true, .backfill = id_of(1) };
	have[0] = have[1] = (struct place){ id_of(1), id_of(2), 3 };
	keys[0] = (struct key_wrap){ .epoch = 1 };
	keys[1] = (struct key_wrap){ .epoch = 2, .class = 31 };
	if (kind == MSG_ERROR) {
		m.error.code = 1;
		m.error.text = SPAN_LIT("no common version");
	} else if (kind == MSG_FEED_REQ) {
		m.feed_req.incarnation = id_of(4);
		m.feed_req.budget = UINT64_MAX;
	} else if (kind == MSG_FEED) {
		m.feed.items = items;
		m.feed.n = 2;
		m.feed.through = 900;
	} else if (kind == MSG_RECONCILE) {
		m.reconcile.from = 12;
	} else if (kind == MSG_GET) {
		m.get.request = 7;
		m.get.have = have;
		m.get.n_have = 2;
		m.get.keys = true;
	} else if (kind == MSG_ASK) {
		m.ask.id = id_of(1);
		m.ask.has_record = true;
		m.ask.record = id_of(2);
		m.ask.purpose = SPAN_LIT("the child is placed here");
		m.ask.worker = SPAN_LIT("Amina Example");
	} else if (kind == MSG_ANSWER) {
		m.answer.id = id_of(1);
		m.answer.state = ANSWER_REFUSED;
		m.answer.code = 4;
		m.answer.text = SPAN_LIT("until the hearing");
	} else if (kind == MSG_HEARD) {
		m.heard.id = id_of(1);
	} else if (kind == MSG_CHANGES) {
		m.changes.record = id_of(5);
		m.changes.bundles = bundles;
		m.changes.path = changes;
		m.changes.keys = keys;
		m.changes.runs = runs;
		m.changes.n_bundles = m.changes.n_path = m.changes.n_keys = m.changes.n_runs =
			2;
		m.changes.done = true;
	}
	return m;
}

static struct span encoded(struct message m)
{
	struct span s = { 0 };
	assert_int_equal(wire_message_encode(&m, &kept, &s), 0);
	return s;
}

static int decoded(struct span s)
{
	struct message m;
	return wire_message_decode(s, &kept, &m);
}

static void every_message_comes_back_as_it_went(void **state)
{
	(void)state;
	for (uint32_t k = MSG_ERROR; k < MSG_UNKNOWN; k++) {
		if (k > MSG_CHANGES && k < MSG_ASK)
			continue; /* numbers that nobody has */
		struct span s = encoded(message_of(k));
		struct message out;
		assert_true(proof_repacks("Message", s));
		assert_int_equal(wire_message_decode(s, &kept, &out), 0);
		assert_int_equal(out.kind, k);
		same_bytes(encoded(out), s);
	}
}

static void feed_and_changes_keep_their_parts(void **state)
{
	(void)state;
	struct message out;
	assert_int_equal(wire_message_decode(encoded(message_of(MSG_FEED)), &kept, &out), 0);
	assert_int_equal(out.feed.n, 2);
	assert_false(out.feed.items[0].is_backfill);
	assert_int_equal(out.feed.items[0].run.n, 2);
	assert_int_equal(out.feed.items[0].run.changes[1].signature.len, SIG_LEN);
	assert_true(out.feed.items[1].is_backfill);
	assert_int_equal(out.feed.items[1].run.n, 0);
	assert_int_equal(wire_message_decode(encoded(message_of(MSG_CHANGES)), &kept, &out), 0);
	assert_int_equal(out.changes.n_path, 2);
	assert_int_equal(out.changes.runs[1].n, 2);
	assert_int_equal(out.changes.keys[1].class, 31);
	same_bytes(out.changes.bundles[1], SPAN_LIT("two"));
	assert_true(out.changes.done && !out.changes.none);
}

static void message_is_one_thing(void **state)
{
	(void)state;
	struct span bell = encoded(message_of(MSG_DOORBELL)),
		    bye = encoded(message_of(MSG_BYE));
	same_bytes(bell, BYTES(0x1a, 0x00));
	assert_int_equal(decoded(joined(bye, bell)), WIRE_E_MALFORMED);
	assert_int_equal(decoded(joined(bell, bell)), WIRE_E_MALFORMED);
	assert_int_equal(decoded((struct span){ NULL, 0 }), WIRE_E_MALFORMED);
	struct message out;
	struct span later = bytes_field(9, SPAN_LIT("later"));
	assert_int_equal(wire_message_decode(later, &kept, &out), 0);
	assert_int_equal(out.kind, MSG_UNKNOWN);
	assert_int_equal(wire_message_decode(joined(later, bell), &kept, &out), 0);
	assert_int_equal(out.kind, MSG_DOORBELL);
}

static void feed_item_is_a_run_or_a_backfill(void **state)
{
	(void)state;
	struct span header = bytes_field(1, SPAN_LIT("h"));
	struct span run = bytes_field(1, bytes_field(1, header));
	struct span backfill = bytes_field(2, SPAN_LIT("0123456789abcdef"));
	const struct {
		struct span item;
		int verdict;
	} cases[] = {
		{ run, 0 }, { backfill, 0 }, { joined(run, backfill), WIRE_E_MALFORMED },
		{ { NULL, 0 }, WIRE_E_MALFORMED },
		{ bytes_field(2, SPAN_LIT("short")), WIRE_E_MALFORMED },
		{ bytes_field(1, (struct span){ NULL, 0 }), WIRE_E_RANGE }, /* an empty run */
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span feed = bytes_field(5, bytes_field(1, cases[i].item));
		assert_int_equal(decoded(feed), cases[i].verdict);
	}
}

static void run_ends_at_its_limits(void **state)
{
	(void)state;
	struct message m = message_of(MSG_FEED);
	items[0].run.n = RUN_CHANGES_MAX;
	struct span s = encoded(m);
	assert_int_equal(decoded(s), 0);
	struct span change = bytes_field(1, bytes_field(1, SPAN_LIT("h")));
	struct span run = times(change, 1, 257);
	assert_int_equal(
		decoded(bytes_field(5, bytes_field(1, bytes_field(1, run)))), WIRE_E_MALFORMED);
	/* 192 KiB in all, in three changes. */
	struct span big = joined(
		bytes_field(1, SPAN_LIT("h")), bytes_field(3, (struct span){ zeros, 65000 }));
	run = times(bytes_field(1, big), 1, 3);
	size_t rest = RUN_BYTES_MAX - run.len - 11;
	for (size_t over = 0; over < 2; over++) {
		struct span body = bytes_field(3, (struct span){ zeros, rest + over });
		struct span last =
			bytes_field(1, joined(bytes_field(1, SPAN_LIT("hhh")), body));
		struct span whole = joined(run, last);
		assert_int_equal(whole.len, RUN_BYTES_MAX + over);
		assert_int_equal(decoded(bytes_field(5, bytes_field(1, bytes_field(1, whole)))),
			over ? WIRE_E_MALFORMED : 0);
	}
}

static void frame_has_at_most_4096_parts(void **state)
{
	(void)state;
	struct span place = bytes_field(1, SPAN_LIT("0123456789abcdef"));
	place = joined(place, bytes_field(2, SPAN_LIT("0123456789abcdef")));
	place = bytes_field(3, joined(place, number_field(3, 1)));
	struct span record = bytes_field(2, SPAN_LIT("0123456789abcdef"));
	struct span most = joined(record, times(place, 3, 4095)); /* and the Get itself */
	assert_int_equal(decoded(bytes_field(7, most)), 0);
	assert_int_equal(decoded(bytes_field(7, joined(most, place))), WIRE_E_MALFORMED);
}

static void parts_of_a_message_are_checked(void **state)
{
	(void)state;
	struct span get = without(bytes_field(2, SPAN_LIT("0123456789abcdef")), 1);
	assert_int_equal(decoded(bytes_field(7, get)), 0);
	assert_int_equal(decoded(bytes_field(7, joined(get, get))), WIRE_E_MALFORMED);
	assert_int_equal(decoded(bytes_field(7, (struct span){ NULL, 0 })), WIRE_E_RANGE);
	struct span wrap =
		joined(number_field(1, 1), bytes_field(3, (struct span){ zeros, WRAP_LEN }));
	assert_int_equal(decoded(bytes_field(8, joined(get, bytes_field(5, wrap)))), 0);
	struct span class = joined(wrap, number_field(2, 32));
	assert_int_equal(
		decoded(bytes_field(8, joined(get, bytes_field(5, class)))), WIRE_E_RANGE);
	wrap = with(wrap, 3, bytes_field(3, (struct span){ zeros, WRAP_LEN - 1 }));
	assert_int_equal(
		decoded(bytes_field(8, joined(get, bytes_field(5, wrap)))), WIRE_E_MALFORMED);
	struct span bundle = bytes_field(3, (struct span){ zeros, BUNDLE_MAX + 1 });
	assert_int_equal(decoded(bytes_field(8, joined(get, bundle))), WIRE_E_MALFORMED);
	assert_int_equal(
		decoded(bytes_field(1, bytes_field(2, SPAN_LIT("\xff")))), WIRE_E_MALFORMED);
}

static void frame_is_a_hello_or_sealed(void **state)
{
	(void)state;
	struct frame f[2] = {
		{ .is_hello = true, .hello = { SPAN_LIT("hello"), { zeros, SIG_LEN } } },
		{ .sealed = SPAN_LIT("sealed") },
	};
	struct span s[2];
	for (size_t i = 0; i < 2; i++) {
		struct frame out;
		assert_int_equal(wire_frame_encode(&f[i], &kept, &s[i]), 0);
		assert_true(proof_repacks("Frame", s[i]));
		assert_int_equal(wire_frame_decode(s[i], &out), 0);
		assert_int_equal(out.is_hello, f[i].is_hello);
		same_bytes(out.hello.bytes, f[i].hello.bytes);
		same_bytes(out.sealed, f[i].sealed);
	}
	struct frame out;
	assert_int_equal(wire_frame_decode(joined(s[0], s[1]), &out), WIRE_E_MALFORMED);
	assert_int_equal(wire_frame_decode((struct span){ NULL, 0 }, &out), WIRE_E_MALFORMED);
	assert_int_equal(wire_frame_decode(bytes_field(3, s[0]), &out), WIRE_E_MALFORMED);
}

static void frame_ends_at_its_limits(void **state)
{
	(void)state;
	struct frame out;
	struct span most = bytes_field(2, (struct span){ zeros, FRAME_MAX - 4 });
	assert_int_equal(most.len, FRAME_MAX);
	assert_int_equal(wire_frame_decode(most, &out), 0);
	most = bytes_field(2, (struct span){ zeros, FRAME_MAX - 3 });
	assert_int_equal(wire_frame_decode(most, &out), WIRE_E_MALFORMED);
	struct span sig = bytes_field(2, (struct span){ zeros, SIG_LEN });
	for (size_t over = 0; over < 2; over++) {
		struct span hello = bytes_field(1, (struct span){ zeros, HELLO_MAX + over });
		assert_int_equal(wire_frame_decode(bytes_field(1, joined(hello, sig)), &out),
			over ? WIRE_E_MALFORMED : 0);
	}
}

static struct hello hello_of(bool last_seen)
{
	struct hello h = {
		.wire_min = 1,
		.wire_max = 3,
		.from = id_of(1),
		.to = id_of(2),
		.incarnation = id_of(3),
		.boot_nonce = id_of(4),
		.bundle = SPAN_LIT("bundle"),
		.ephemeral = { { 5 } },
		.curve_from = { { 6 } },
		.curve_to = { { 7 } },
		.has_last_seen = last_seen,
		.last_seen = { id_of(8), 9, hash_of(10) },
		.software = SPAN_LIT("kith 0.1"),
	};
	return h;
}

static struct span hello_bytes(struct hello h)
{
	struct span s = { 0 };
	assert_int_equal(wire_hello_encode(&h, &kept, &s), 0);
	return s;
}

static int hello_verdict(struct span s)
{
	struct hello h;
	return wire_hello_decode(s, &kept, &h);
}

static void hello_comes_back_as_it_went(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct hello out;
		struct span s = hello_bytes(hello_of(i));
		assert_true(proof_repacks("Hello", s));
		assert_int_equal(wire_hello_decode(s, &kept, &out), 0);
		assert_int_equal(out.has_last_seen, i);
		assert_int_equal(out.last_seen.feed, i ? 9 : 0);
		same_bytes(hello_bytes(out), s);
	}
}

static void hello_needs_its_fields_once(void **state)
{
	(void)state;
	struct span s = hello_bytes(hello_of(true));
	for (uint64_t n = 1; n <= 12; n++) {
		assert_int_equal(hello_verdict(without(s, n)), n > 10 ? 0 : WIRE_E_RANGE);
		assert_int_equal(hello_verdict(twice(s, n)), WIRE_E_MALFORMED);
	}
	assert_int_equal(hello_verdict(joined(s, number_field(13, 1))), 0);
	assert_int_equal(hello_verdict(with(s, 11, BYTES(0x5a, 0))), WIRE_E_RANGE);
}

static void hello_out_of_range_is_refused(void **state)
{
	(void)state;
	struct span s = hello_bytes(hello_of(true));
	assert_int_equal(hello_verdict(with(s, 1, number_field(1, 0))), WIRE_E_RANGE);
	assert_int_equal(hello_verdict(with(s, 1, number_field(1, 4))), WIRE_E_RANGE);
	struct span rest = { zeros, HELLO_MAX - s.len - 4 };
	assert_int_equal(hello_verdict(joined(s, bytes_field(99, rest))), 0);
	rest.len++;
	assert_int_equal(hello_verdict(joined(s, bytes_field(99, rest))), WIRE_E_MALFORMED);
	struct span bundle = bytes_field(5, (struct span){ zeros, BUNDLE_MAX + 1 });
	assert_int_equal(hello_verdict(with(s, 5, bundle)), WIRE_E_MALFORMED);
}

static struct link_frame link_of(enum link_kind kind)
{
	static struct link_peer peers[2];
	struct link_frame f = { .kind = kind, .link = 7, .region = id_of(1) };
	peers[0] = (struct link_peer){ id_of(1), { { { 1 } }, { { 2 } } }, 2,
		SPAN_LIT("tcp://a:1"), { { 1 } } };
	peers[1] = (struct link_peer){ .region = id_of(2), .n_curve_keys = 1 };
	if (kind == LINK_PEERS) {
		f.peers = peers;
		f.n_peers = 2;
		f.listen = SPAN_LIT("tcp://*:7040");
	}
	f.frame = SPAN_LIT("frame");
	f.reason = SPAN_LIT("why");
	f.dialled = true;
	f.curve_key.b[0] = 9;
	f.pid = 4711;
	return f;
}

static void link_frame_comes_back_as_it_went(void **state)
{
	(void)state;
	for (uint32_t k = LINK_PEERS; k <= LINK_RECEIVED; k++) {
		struct link_frame in = link_of(k), out;
		struct span s, again;
		assert_int_equal(wire_link_encode(&in, &kept, &s), 0);
		assert_true(proof_repacks("LinkFrame", s));
		assert_int_equal(wire_link_decode(s, &kept, &out), 0);
		assert_int_equal(out.kind, k);
		assert_int_equal(wire_link_encode(&out, &kept, &again), 0);
		same_bytes(again, s);
		assert_int_equal(wire_link_decode(joined(s, s), &kept, &out), WIRE_E_MALFORMED);
	}
	struct link_frame out;
	assert_int_equal(
		wire_link_decode((struct span){ NULL, 0 }, &kept, &out), WIRE_E_MALFORMED);
	assert_int_equal(wire_link_decode(BYTES(0x2a, 0), &kept, &out), WIRE_E_MALFORMED);
	assert_int_equal(wire_link_decode(BYTES(0x12, 0), &kept, &out), WIRE_E_RANGE);
}

static void largest_frame_passes_the_link(void **state)
{
	(void)state;
	struct link_frame f = {
		.kind = LINK_SEND, .link = UINT64_MAX, .frame = { zeros, FRAME_MAX }
	};
	struct link_frame out;
	struct span s;
	assert_int_equal(wire_link_encode(&f, &kept, &s), 0);
	assert_true(s.len <= LINK_FRAME_MAX);
	assert_int_equal(wire_link_decode(s, &kept, &out), 0);
	assert_int_equal(out.frame.len, FRAME_MAX);
	f.frame.len++;
	assert_int_equal(wire_link_encode(&f, &kept, &s), 0);
	assert_int_equal(wire_link_decode(s, &kept, &out), WIRE_E_MALFORMED);
}

static void memory_that_is_out_is_not_a_verdict(void **state)
{
	(void)state;
	struct message m = message_of(MSG_FEED), out;
	items[0].run.n = RUN_CHANGES_MAX;
	struct span s = encoded(m), again;
	struct link_frame f = link_of(LINK_PEERS), f_out;
	struct hello h = hello_of(true);
	struct frame frame = { .sealed = SPAN_LIT("x") };
	FAILS_WELL(wire_message_decode(s, &a, &out));
	FAILS_WELL(wire_message_encode(&m, &a, &again));
	FAILS_WELL(wire_hello_encode(&h, &a, &again));
	FAILS_WELL(wire_link_encode(&f, &a, &again));
	assert_int_equal(wire_link_encode(&f, &kept, &s), 0);
	FAILS_WELL(wire_link_decode(s, &a, &f_out));
	frame.sealed.at = zeros;
	frame.sealed.len = 100;
	FAILS_WELL(wire_frame_encode(&frame, &a, &again));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_comes_back_as_it_went),
		cmocka_unit_test(feed_and_changes_keep_their_parts),
		cmocka_unit_test(message_is_one_thing),
		cmocka_unit_test(feed_item_is_a_run_or_a_backfill),
		cmocka_unit_test(run_ends_at_its_limits),
		cmocka_unit_test(frame_has_at_most_4096_parts),
		cmocka_unit_test(parts_of_a_message_are_checked),
		cmocka_unit_test(frame_is_a_hello_or_sealed),
		cmocka_unit_test(frame_ends_at_its_limits),
		cmocka_unit_test(hello_comes_back_as_it_went),
		cmocka_unit_test(hello_needs_its_fields_once),
		cmocka_unit_test(hello_out_of_range_is_refused),
		cmocka_unit_test(link_frame_comes_back_as_it_went),
		cmocka_unit_test(largest_frame_passes_the_link),
		cmocka_unit_test(memory_that_is_out_is_not_a_verdict),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
