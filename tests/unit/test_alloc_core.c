/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Out of memory at every place: two regions live through a move, and before each event is
 * taken, it is tried with every one of its allocations failing: the first, the second, until a
 * try meets no failure. Each failure is -ENOMEM and nothing else, and a node that is made anew
 * from the store goes on. The tries are made by copies of the node, in turns that are aborted.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/control.h>
#include <kith/message.h>

#include "daemon/core/inside.h"
#include "tests/kit/alloc.h"
#include "tests/unit/store_fixture.h"

#define WALL   UINT64_C(1767225600000) /* 2026-01-01 */
#define EVENTS 256                     /* on their way */

struct region {
	struct fixture f;
	uint64_t chance;
	struct crypto *crypto; /* the node's: its chance is ours */
	struct node_keys keys;
	struct pubkey curve;
	struct id id;
	struct node *node;
	unsigned tells[TELL_COUNT];
	struct id made; /* a record */
	uint32_t problem;
	size_t replied; /* bytes of .data of the last request */
};

struct federation {
	struct region r[2];
	msec now;
	char record[ID_TEXT_LEN];
	struct {
		unsigned to;
		struct event e;
		uint8_t *bytes;
	} queue[EVENTS];
	size_t first, n;
	uint64_t tries;
};

static int fill(void *ctx, void *into, size_t len)
{
	uint64_t *state = ctx;
	uint8_t *at = into;

	for (size_t i = 0; i < len; i++) {
		*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		at[i] = (uint8_t)(*state >> 56);
	}
	return 0;
}

/* A copy of a node ------------------------------------------------------------------------- */

/* What a step may change of the node, it changes of the copy. The cache is only memory. */
static struct node *copy_node(const struct node *n)
{
	struct node *copy = malloc(sizeof(*copy));

	assert_non_null(copy);
	*copy = *n;
	for (size_t i = 0; i < n->n_peers; i++) {
		copy->peers[i] = malloc(sizeof(*copy->peers[i]));
		assert_non_null(copy->peers[i]);
		*copy->peers[i] = *n->peers[i];
	}
	for (size_t i = 0; i < AFFAIRS_CACHED; i++) {
		copy->cache[i].valid = false;
		arena_init(&copy->cache[i].arena, n->cache[i].arena.budget);
	}
	return copy;
}

static int make_node(struct region *r, struct node **ret)
{
	static const struct node_options o = { .software = "kith test", .listen = "tcp://*:1" };
	struct why why;

	return node_new(r->crypto, &r->keys, &o, &r->f.view, ret, &why);
}

static int step(struct region *r, struct node *n, const struct event *e, struct actions *out)
{
	int rc = node_step(n, e, &r->f.view, out);

	return rc ? rc : node_end(n, e, &r->f.view, out);
}

/* The event with its n-th allocation failing; false: there is no n-th. */
static bool try_failing(struct region *r, const struct event *e, uint64_t n)
{
	const uint64_t chance = r->chance;
	struct node *copy = copy_node(r->node);
	struct arena arena;
	struct actions out = { .arena = &arena };
	bool failed;
	int rc;

	arena_init(&arena, 0);
	begin(&r->f);
	alloc_fail_at(n);
	rc = step(r, copy, e, &out);
	failed = alloc_failed();
	if (failed && rc != -ENOMEM)
		fail_msg("event %d: allocation %llu failed, and the step gave %d", e->kind,
			(unsigned long long)n, rc);
	if (!failed)
		assert_int_equal(rc, 0);
	store_turn_abort(r->f.store);
	node_free(copy);
	arena_done(&arena);
	r->chance = chance;
	return failed;
}

/* A node that knows only what is stored takes a request as if nothing had happened. */
static void try_anew(struct region *r, const struct event *e)
{
	const uint64_t chance = r->chance;
	struct arena arena;
	struct actions out = { .arena = &arena };
	struct node *n = NULL;

	arena_init(&arena, 0);
	begin(&r->f);
	assert_int_equal(make_node(r, &n), 0);
	assert_int_equal(step(r, n, e, &out), 0);
	assert_true(e->kind != EVENT_ASK || out.n > 0);
	store_turn_abort(r->f.store);
	node_free(n);
	arena_done(&arena);
	r->chance = chance;
}

/* Two regions and what is between them
 * ----------------------------------------------------------- */

static void send(struct federation *f, unsigned to, const struct event *e, struct span bytes)
{
	uint8_t *copy = malloc(bytes.len + 1);

	assert_non_null(copy);
	assert_true(f->n < EVENTS);
	if (bytes.len)
		memcpy(copy, bytes.at, bytes.len);
	f->queue[f->n].to = to;
	f->queue[f->n].bytes = copy;
	f->queue[f->n].e = *e;
	f->queue[f->n].e.bytes = (struct span){ copy, bytes.len };
	f->n++;
}

/* Both ends of the one link have the dialler's number, and the other its own: 2. */
static void carry_link(struct federation *f, unsigned from, const struct link_frame *l)
{
	const uint64_t number = l->link == 2 ? 1 : 2;
	struct event e = { .kind = EVENT_LINK_UP, .dialled = true, .link = l->link };

	if (l->kind == LINK_SEND) {
		send(f, 1 - from, &(struct event){ .kind = EVENT_FRAME, .link = number },
			l->frame);
		return;
	}
	assert_int_equal(l->kind, LINK_DIAL);
	assert_int_equal(l->link, 1); /* the first dial, and the only one */
	e.region = f->r[1 - from].id;
	e.curve_key = f->r[1 - from].curve;
	send(f, from, &e, (struct span){ 0 });
	e.dialled = false;
	e.link = number;
	e.region = f->r[from].id;
	e.curve_key = f->r[from].curve;
	send(f, 1 - from, &e, (struct span){ 0 });
}

static void carry_out(struct federation *f, unsigned from, const struct actions *out)
{
	struct region *r = &f->r[from];

	for (size_t i = 0; i < out->n; i++) {
		const struct action *a = &out->v[i];
		struct reply_head head;
		struct link_frame l;

		if (a->kind == ACTION_TELL) {
			r->tells[a->tell.verb]++;
			if (a->tell.verb == TELL_MAKES)
				r->made = a->tell.record;
		} else if (a->kind == ACTION_REPLY) {
			assert_int_equal(wire_reply_head(a->bytes, out->arena, &head), 0);
			r->problem = head.problem;
			r->replied += head.data.len;
		} else if (a->kind != ACTION_LINK_PEERS) {
			assert_int_equal(wire_link_decode(a->bytes, out->arena, &l), 0);
			carry_link(f, from, &l);
		}
	}
}

static void take(struct federation *f, unsigned to, struct event *e)
{
	struct region *r = &f->r[to];
	struct arena arena;
	struct actions out = { .arena = &arena };
	uint64_t n = 1;

	e->now = f->now;
	e->wall_ms = WALL + f->now;
	while (try_failing(r, e, n))
		n++;
	f->tries += n - 1;
	try_anew(r, e);

	arena_init(&arena, 0);
	begin(&r->f);
	assert_int_equal(step(r, r->node, e, &out), 0);
	commit(&r->f);
	carry_out(f, to, &out);
	arena_done(&arena);
}

static void settle(struct federation *f)
{
	while (f->first < f->n) {
		const size_t i = f->first++;

		take(f, f->queue[i].to, &f->queue[i].e);
		free(f->queue[i].bytes);
	}
	f->first = f->n = 0;
}

static void ask(struct federation *f, unsigned of, const struct ctl_request *q)
{
	static const struct host_figures figures = { .store_map_bytes = 1 << 28,
		.disk_free_bytes = UINT64_C(1) << 40 };
	struct ctl_request full = *q;
	struct event e = { .kind = EVENT_ASK,
		.client = 7,
		.user = "uid 1000 (ann)",
		.groups = GROUP_ADMIN,
		.figures = &figures };
	struct arena a;

	full.id = 1;
	full.worker = full.role = full.purpose = SPAN_LIT("someone");
	arena_init(&a, 0);
	assert_int_equal(wire_request_encode(&full, &a, &e.bytes), 0);
	f->now += 1000;
	f->r[of].replied = 0;
	take(f, of, &e);
	arena_done(&a);
	if (f->r[of].problem)
		fail_msg("verb %u: problem %u", q->verb, f->r[of].problem);
	settle(f);
}

/* Making them ------------------------------------------------------------------------------ */

/* region_found with each allocation failing; then in earnest. */
static void found(struct region *r, const char *name)
{
	const char *endpoints[] = { "tcp://a:1" };
	struct region_found found = {
		.name = name, .endpoints = endpoints, .n_endpoints = 1, .keys = &r->keys
	};
	struct pubkey unused;
	bool failed = true;
	struct why why;

	assert_int_equal(crypto_sign_keypair(r->crypto, &r->keys.sign, &unused), 0);
	assert_int_equal(crypto_sign_keypair(r->crypto, &r->keys.control, &unused), 0);
	assert_int_equal(crypto_dh_keypair(r->crypto, &r->keys.kem, &unused), 0);
	assert_int_equal(crypto_random(r->crypto, &r->keys.token, 32), 0);
	assert_int_equal(crypto_sign_keypair(r->crypto, &found.root, &unused), 0);
	assert_int_equal(crypto_random(r->crypto, &r->curve, 32), 0);
	found.curve_key = r->curve;
	for (uint64_t n = 1; failed; n++) {
		int rc;

		begin(&r->f);
		alloc_fail_at(n);
		rc = region_found(r->crypto, &found, &r->f.view, &r->id, &why);
		failed = alloc_failed();
		assert_int_equal(rc, failed ? -ENOMEM : 0);
		if (failed)
			store_turn_abort(r->f.store);
	}
	commit(&r->f);
}

static void make_with_failures(struct region *r)
{
	bool failed = true;

	for (uint64_t n = 1; failed; n++) {
		int rc;

		begin(&r->f);
		alloc_fail_at(n);
		rc = make_node(r, &r->node);
		failed = alloc_failed();
		assert_int_equal(rc, failed ? -ENOMEM : 0);
		store_turn_abort(r->f.store);
	}
}

static void region_up(struct region *r, unsigned number, const char *name)
{
	struct fixture *made;
	void *state;

	assert_int_equal(fixture_bare(&state), 0);
	made = state;
	r->f = *made;
	free(made);
	r->f.options.unflushed = true;
	assert_int_equal(
		store_create(r->f.dir, &r->f.options, r->f.crypto, &r->f.key, &r->f.why), 0);
	fixture_open(&r->f);
	r->chance = number;
	assert_int_equal(crypto_new((struct chance){ &r->chance, fill }, &r->crypto), 0);
	found(r, name);
	make_with_failures(r);
}

static int up(void **state)
{
	struct federation *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	alloc_arenas(true);
	f->now = 1000000;
	region_up(&f->r[0], 1, "north");
	region_up(&f->r[1], 2, "south");
	*state = f;
	return 0;
}

static int down(void **state)
{
	struct federation *f = *state;

	alloc_arenas(false);
	for (unsigned i = 0; i < 2; i++) {
		struct region *r = &f->r[i];

		node_free(r->node);
		store_close(r->f.store);
		crypto_free(r->f.crypto);
		crypto_free(r->crypto);
		nftw(r->f.top, fixture_drop, 16, FTW_DEPTH | FTW_PHYS);
	}
	free(f);
	return 0;
}

static void introduce(struct federation *f)
{
	for (unsigned i = 0; i < 2; i++) {
		struct event ready = { .kind = EVENT_LINK_READY,
			.curve_key = f->r[i].curve,
			.text = "tcp://*:1" };

		take(f, i, &ready);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct region *other = &f->r[1 - i];
		struct ctl_request q = { .verb = VERB_PEER_ADD };
		struct arena a;

		arena_init(&a, 0);
		begin(&other->f);
		assert_int_equal(region_bundle(&other->f.view, &a, &q.bundle), 0);
		store_turn_abort(other->f.store);
		ask(f, i, &q);
		arena_done(&a);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct event tick = { .kind = EVENT_TICK };

		take(f, i, &tick);
		settle(f);
	}
	assert_int_equal(f->r[0].tells[TELL_GREETS], 1);
	assert_int_equal(f->r[1].tells[TELL_GREETS], 1);
}

static void make_record(struct federation *f)
{
	struct entry note = { .kind = ENTRY_NOTE, .text = SPAN_LIT("a note") };
	struct ctl_request q = { .verb = VERB_RECORD_NEW, .record = SPAN_LIT("301/7") };

	ask(f, 0, &q);
	q = (struct ctl_request){ .verb = VERB_APPEND,
		.record = text(id_text(&f->r[0].made, f->record)),
		.entries = &note,
		.n_entries = 1 };
	ask(f, 0, &q);
}

static void import(struct federation *f)
{
	struct wire_cell cells[] = { { SPAN_LIT("CHILD"), SPAN_LIT("9") },
		{ SPAN_LIT("SEX"), SPAN_LIT("2") },
		{ SPAN_LIT("DOB"), SPAN_LIT("12/05/2015") } };
	struct wire_row row = { .table = 1,
		.line = 2,
		.year = 2023,
		.copies = 1,
		.authority = SPAN_LIT("301"),
		.file = SPAN_LIT("header.csv"),
		.cells = cells,
		.n_cells = COUNT(cells) };
	struct wire_row rows[] = { row, row };
	struct import_child child = {
		.authority = SPAN_LIT("301"), .child = SPAN_LIT("9"), .rows = rows, .n_rows = 2
	};

	rows[1].line = 3;
	ask(f, 0,
		&(struct ctl_request){
			.verb = VERB_IMPORT, .children = &child, .n_children = 1 });
}

static void about_record(struct federation *f, unsigned of, enum verb verb)
{
	struct entry worker = { .kind = ENTRY_WORKER, .has_worker = true };
	struct ctl_request q = { .verb = verb, .record = text(f->record), .code = 1 };

	worker.worker.name = SPAN_LIT("Bea");
	if (verb == VERB_MOVE_OFFER)
		q.peer = SPAN_LIT("south");
	if (verb == VERB_MOVE_ACCEPT) {
		q.entries = &worker;
		q.n_entries = 1;
	}
	ask(f, of, &q);
}

static void a_move_loses_nothing_wherever_memory_runs_out(void **state)
{
	struct federation *f = *state;

	introduce(f);
	make_record(f);
	import(f);
	about_record(f, 0, VERB_MOVE_OFFER);
	assert_int_equal(f->r[1].tells[TELL_COMPLETES], 1);
	about_record(f, 1, VERB_MOVE_ACCEPT);
	assert_int_equal(f->r[0].tells[TELL_RELEASES], 1);
	assert_int_equal(f->r[1].tells[TELL_TAKES_OVER], 1);
	for (unsigned i = 0; i < 2; i++) {
		about_record(f, i, VERB_TIMELINE);
		about_record(f, i, VERB_RECORD_SHOW);
		about_record(f, i, VERB_CUSTODY);
		about_record(f, i, VERB_EXPORT);
		assert_true(f->r[i].replied > 2000);
		ask(f, i, &(struct ctl_request){ .verb = VERB_RECORD_LIST });
		ask(f, i, &(struct ctl_request){ .verb = VERB_STATUS });
		ask(f, i, &(struct ctl_request){ .verb = VERB_PEERS });
		ask(f, i, &(struct ctl_request){ .verb = VERB_MOVE_LIST });
	}
	print_message("# %llu allocations failed\n", (unsigned long long)f->tries);
	assert_true(f->tries > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_move_loses_nothing_wherever_memory_runs_out, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
