/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A few regions to test the core with: real nodes over real stores, seeded chance, and a pump
 * that carries frames between them at once. Links come up when dialled unless they are cut. A
 * test may say a message as a peer would that has gone bad: fix_say(). Stories of
 * more than a few messages belong into tests/sim.
 *
 * long: one fixture for all tests of the core; half of it is how a bad peer says things.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kith/store.h>

#include "daemon/core/inside.h"

#define UNUSED   __attribute__((unused))
#define SIDES    4
#define FIX_WALL UINT64_C(1767225600000) /* 2026-01-01 */

struct side {
	unsigned at;
	int64_t skew_ms; /* of its wall clock */
	uint64_t chance;
	struct id id;
	struct node_keys keys;
	struct secret store_key;
	struct pubkey curve;
	struct crypto *crypto;
	struct store *store;
	struct node *node;
	struct arena arena;
	struct view view;
	int result;       /* of the last step */
	uint32_t problem; /* of the last request; 0: none */
	unsigned groups;  /* of who asks; 0: an administrator */
	char reply[4096]; /* its last reply, as text of every string in it */
	char told[8192];  /* every tell since the last fix_hush */
};

struct parcel {
	struct parcel *next;
	unsigned to;
	struct event event;
	uint8_t *bytes;
};

struct fix {
	char top[64];
	struct side v[SIDES];
	size_t n;
	struct parcel *first, **last;
	msec now;
	uint64_t link[SIDES][SIDES]; /* as .v[i] numbers its link with .v[k]; 0: none */
	uint64_t next_link;
	bool cut[SIDES][SIDES];
	size_t frames; /* carried since the last look */
	size_t bytes;  /* in them */
};

UNUSED static int fix_fill(void *ctx, void *into, size_t len)
{
	uint64_t *state = ctx;
	uint8_t *at = into;

	for (size_t i = 0; i < len; i++) {
		*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
		at[i] = (uint8_t)(*state >> 56);
	}
	return 0;
}

UNUSED static unsigned side_of(const struct fix *x, const struct id *id)
{
	for (unsigned i = 0; i < x->n; i++)
		if (id_equal(&x->v[i].id, id))
			return i;
	fail_msg("no such region");
	return 0;
}

/* Carrying ---------------------------------------------------------------------------------
 */

UNUSED static void fix_post(struct fix *x, unsigned to, const struct event *e)
{
	struct parcel *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->to = to;
	p->event = *e;
	if (e->bytes.len) {
		p->bytes = malloc(e->bytes.len);
		assert_non_null(p->bytes);
		memcpy(p->bytes, e->bytes.at, e->bytes.len);
		p->event.bytes.at = p->bytes;
	}
	*x->last = p;
	x->last = &p->next;
}

static void fix_step(struct fix *x, unsigned at, const struct event *e);

/* Every row of this table reads back damaged; META: of none. */
static enum table fix_damaged;
static struct view fix_sound;

static int fix_seek(void *ctx, enum table t, struct span prefix, struct span from,
	struct span *ret_key, struct span *ret)
{
	int r = fix_sound.seek(ctx, t, prefix, from, ret_key, ret);

	return r == 0 && t == fix_damaged ? VIEW_DAMAGED : r;
}

static int fix_last(
	void *ctx, enum table t, struct span prefix, struct span *ret_key, struct span *ret)
{
	int r = fix_sound.last(ctx, t, prefix, ret_key, ret);

	return r == 0 && t == fix_damaged ? VIEW_DAMAGED : r;
}

static void fix_begin(struct side *s)
{
	assert_int_equal(store_turn_begin(s->store, &s->view), 0);
	fix_sound = s->view;
	if (fix_damaged != TABLE_META) {
		s->view.seek = fix_seek;
		s->view.last = fix_last;
	}
}

UNUSED static void fix_down(struct fix *x, unsigned a, unsigned b, bool tell_a)
{
	for (unsigned i = 0; i < 2; i++) {
		const unsigned from = i ? b : a, to = i ? a : b;

		if (x->link[from][to] && (i || tell_a))
			fix_post(x, from,
				&(struct event){ .kind = EVENT_LINK_DOWN,
					.link = x->link[from][to],
					.text = "the link ended" });
	}
	x->link[a][b] = x->link[b][a] = 0;
}

UNUSED static void fix_dial(struct fix *x, unsigned from, const struct link_frame *f)
{
	const unsigned to = side_of(x, &f->region);
	struct event up = { .kind = EVENT_LINK_UP, .dialled = true, .link = f->link };

	if (x->cut[from][to] || !x->v[to].node->link_ready) {
		fix_post(x, from,
			&(struct event){ .kind = EVENT_LINK_DOWN,
				.link = f->link,
				.text = "nobody there" });
		return;
	}
	x->link[from][to] = f->link;
	x->link[to][from] = x->next_link += 2;
	up.region = x->v[to].id;
	up.curve_key = x->v[to].curve;
	fix_post(x, from, &up);
	up = (struct event){ .kind = EVENT_LINK_UP, .link = x->link[to][from] };
	up.region = x->v[from].id;
	up.curve_key = x->v[from].curve;
	fix_post(x, to, &up);
}

UNUSED static void fix_carry(struct fix *x, unsigned from, const struct action *a)
{
	struct link_frame f;

	assert_int_equal(wire_link_decode(a->bytes, &x->v[from].arena, &f), 0);
	if (f.kind == LINK_DIAL)
		fix_dial(x, from, &f);
	for (unsigned to = 0; to < x->n && (f.kind == LINK_SEND || f.kind == LINK_DROP); to++) {
		if (!x->link[from][to] || x->link[from][to] != f.link)
			continue;
		if (f.kind == LINK_DROP) {
			fix_down(x, from, to, false);
			return;
		}
		assert_true(f.frame.len <= FRAME_MAX);
		x->frames++;
		x->bytes += f.frame.len;
		fix_post(x, to,
			&(struct event){ .kind = EVENT_FRAME,
				.link = x->link[to][from],
				.bytes = f.frame });
		return;
	}
}

UNUSED static void fix_value(void *ctx, const char *name, const struct walk_value *v)
{
	struct side *s = ctx;
	const size_t n = strlen(s->reply);

	assert_true(v->type != WALK_TEXT || wire_text_ok(v->bytes));
	if (v->type == WALK_TEXT)
		snprintf(s->reply + n, sizeof(s->reply) - n, "%s=%.*s\n", name ? name : "",
			(int)v->bytes.len, (const char *)v->bytes.at);
}

static void fix_name(void *ctx, const char *name)
{
	(void)ctx, (void)name;
}

static void fix_leave(void *ctx)
{
	(void)ctx;
}

UNUSED static void fix_reply(struct side *s, struct span bytes)
{
	const struct walker w = { s, fix_name, fix_leave, fix_name, fix_leave, fix_value };
	struct reply_head head;

	assert_int_equal(wire_reply_head(bytes, &s->arena, &head), 0);
	assert_int_equal(wire_reply_walk(bytes, &s->arena, &w), 0);
	s->problem = head.problem;
}

UNUSED static void fix_tell(struct side *s, const struct tell *t)
{
	const size_t n = strlen(s->told);

	snprintf(s->told + n, sizeof(s->told) - n, "%s%s%s%s%s%s\n", tell_word(t->verb),
		t->peer_name[0] ? " " : "", t->peer_name, t->verdict ? " " : "",
		t->verdict ? t->verdict : "", t->again ? " again" : "");
}

UNUSED static void fix_speak(struct fix *x, unsigned at, const struct actions *out)
{
	struct side *s = &x->v[at];

	for (size_t i = 0; i < out->n; i++) {
		const struct action *a = &out->v[i];

		if (a->kind == ACTION_TELL)
			fix_tell(s, &a->tell);
		else if (a->kind == ACTION_REPLY)
			fix_reply(s, a->bytes);
		else if (a->kind != ACTION_LINK_PEERS && a->kind != ACTION_HOST)
			fix_carry(x, at, a);
	}
}

/* A turn up to its commit, if its step goes well. */
static void fix_turn(struct fix *x, unsigned at, const struct event *e, struct actions *ret)
{
	struct side *s = &x->v[at];
	struct event now = *e;
	struct why why;

	*ret = (struct actions){ .arena = &s->arena };
	now.now = x->now;
	now.wall_ms = FIX_WALL + x->now + (uint64_t)s->skew_ms;
	arena_reset(&s->arena);
	fix_begin(s);
	s->result = node_step(s->node, &now, &s->view, ret);
	if (s->result == 0)
		s->result = node_end(s->node, &now, &s->view, ret);
	if (s->result == 0)
		assert_int_equal(store_turn_commit(s->store, &why), 0);
	else
		store_turn_abort(s->store);
}

static void fix_step(struct fix *x, unsigned at, const struct event *e)
{
	struct actions out;

	fix_turn(x, at, e, &out);
	if (x->v[at].result == 0)
		fix_speak(x, at, &out);
}

/* What is the first on its way. */
static struct parcel *fix_take(struct fix *x)
{
	struct parcel *p = x->first;

	x->first = p->next;
	if (!x->first)
		x->last = &x->first;
	return p;
}

static void parcel_free(struct parcel *p)
{
	free(p->bytes);
	free(p);
}

/* It arrives; the step must go well. */
static void fix_arrive(struct fix *x)
{
	struct parcel *p = fix_take(x);

	fix_step(x, p->to, &p->event);
	assert_int_equal(x->v[p->to].result, 0);
	parcel_free(p);
}

/* Until nothing is on its way. */
UNUSED static void fix_run(struct fix *x)
{
	for (unsigned i = 0; x->first; i++) {
		assert_true(i < 20000); /* or they talk for ever */
		fix_arrive(x);
	}
}

/* Let some milliseconds pass; who is due ticks, once. */
UNUSED static void fix_pass(struct fix *x, unsigned ms)
{
	const struct event tick = { .kind = EVENT_TICK };

	x->now += ms;
	for (unsigned i = 0; i < x->n; i++)
		if (node_due(x->v[i].node) <= x->now)
			fix_step(x, i, &tick);
	fix_run(x);
}

/* Let time pass, in seconds. */
UNUSED static void fix_wait(struct fix *x, unsigned seconds)
{
	fix_run(x);
	for (unsigned k = 0; k < 4 * seconds; k++)
		fix_pass(x, 250);
}

/* Their link ends, and none comes up. */
UNUSED static void fix_cut(struct fix *x, unsigned a, unsigned b)
{
	x->cut[a][b] = x->cut[b][a] = true;
	fix_down(x, a, b, true);
	fix_run(x);
}

/* Who dials gets through again. */
UNUSED static void fix_heal(struct fix *x, unsigned a, unsigned b)
{
	x->cut[a][b] = x->cut[b][a] = false;
}

/* Regions ----------------------------------------------------------------------------------
 */

UNUSED static void fix_ready(struct fix *x, unsigned at)
{
	struct side *s = &x->v[at];
	const struct node_options o = {
		.software = "kith test", .listen = "tcp://*:1", .started_ms = FIX_WALL + x->now
	};
	struct why why = { { 0 } };

	fix_begin(s);
	if (node_new(s->crypto, &s->keys, &o, &s->view, &s->node, &why))
		fail_msg("%s", why.text);
	store_turn_abort(s->store);
	fix_step(x, at, &(struct event){ .kind = EVENT_TICK });
	fix_step(x, at,
		&(struct event){ .kind = EVENT_LINK_READY, .curve_key = s->curve, .text = "" });
}

UNUSED static void fix_restart(struct fix *x, unsigned at)
{
	for (unsigned i = 0; i < x->n; i++)
		if (i != at)
			fix_down(x, at, i, false);
	x->v[at].node = node_free(x->v[at].node);
	fix_ready(x, at);
}

UNUSED static void fix_add(struct fix *x)
{
	static const struct store_options o = { .map_size = UINT64_C(64) << 20,
		.unflushed = true };
	static const char *const names[SIDES] = { "north", "south", "east", "west" };
	const unsigned at = (unsigned)x->n++;
	struct side *s = &x->v[at];
	char dir[96], endpoint[32];
	const char *endpoints[] = { endpoint };
	struct region_found f = {
		.name = names[at], .endpoints = endpoints, .n_endpoints = 1, .keys = &s->keys
	};
	struct pubkey unused;
	struct why why = { { 0 } };

	s->at = at;
	s->chance = at + 1;
	arena_init(&s->arena, 0);
	snprintf(dir, sizeof(dir), "%s/%s", x->top, f.name);
	snprintf(endpoint, sizeof(endpoint), "tcp://%s:1", f.name);
	assert_int_equal(crypto_new((struct chance){ &s->chance, fix_fill }, &s->crypto), 0);
	assert_int_equal(crypto_sign_keypair(s->crypto, &s->keys.sign, &unused), 0);
	assert_int_equal(crypto_sign_keypair(s->crypto, &s->keys.control, &unused), 0);
	assert_int_equal(crypto_dh_keypair(s->crypto, &s->keys.kem, &unused), 0);
	assert_int_equal(crypto_dh_keypair(s->crypto, &s->keys.token, &s->curve), 0);
	assert_int_equal(crypto_sign_keypair(s->crypto, &f.root, &unused), 0);
	f.curve_key = s->curve;
	assert_int_equal(store_create(dir, &o, s->crypto, &s->store_key, &why), 0);
	assert_int_equal(store_open(dir, &o, s->crypto, &s->store_key, &s->store, &why), 0);
	fix_begin(s);
	assert_int_equal(region_found(s->crypto, &f, &s->view, &s->id, &why), 0);
	assert_int_equal(store_turn_commit(s->store, &why), 0);
	fix_ready(x, at);
}

UNUSED static struct fix *fix_new(size_t n)
{
	struct fix *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	snprintf(x->top, sizeof(x->top), "%s/kith-core-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(x->top));
	x->last = &x->first;
	x->now = 1000000;
	x->next_link = 2;
	while (x->n < n)
		fix_add(x);
	return x;
}

UNUSED static int fix_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

UNUSED static void fix_free(struct fix *x)
{
	for (size_t i = 0; i < x->n; i++) {
		struct side *s = &x->v[i];

		node_free(s->node);
		store_close(s->store);
		crypto_free(s->crypto);
		arena_done(&s->arena);
	}
	while (x->first)
		parcel_free(fix_take(x));
	nftw(x->top, fix_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(x);
}

/* People -----------------------------------------------------------------------------------
 */

/* Ann asks, who is an administrator. */
UNUSED static struct event fix_ann(void)
{
	static const struct host_figures figures = { .store_map_bytes = 1 << 26,
		.disk_free_bytes = UINT64_C(1) << 40 };

	return (struct event){ .kind = EVENT_ASK,
		.client = 1,
		.figures = &figures,
		.user = "uid 1000 (ann)",
		.groups = GROUP_ADMIN };
}

/* One request; gives its problem, 0 for none. -1: the step failed. */
UNUSED static int fix_ask(struct fix *x, unsigned at, const struct ctl_request *q)
{
	struct side *s = &x->v[at];
	struct ctl_request full = *q;
	struct event e = fix_ann();
	struct arena a;

	arena_init(&a, 0);
	full.id = 1;
	if (s->groups)
		e.groups = s->groups;
	s->reply[0] = '\0';
	s->problem = UINT32_MAX;
	assert_int_equal(wire_request_encode(&full, &a, &e.bytes), 0);
	fix_step(x, at, &e);
	arena_done(&a);
	return s->result ? -1 : (int)s->problem;
}

/* .to trusts .who. */
UNUSED static void fix_introduce(struct fix *x, unsigned to, unsigned who)
{
	struct ctl_request q = { .verb = VERB_PEER_ADD };
	struct side *s = &x->v[who];
	struct arena a;

	arena_init(&a, 0);
	fix_begin(s);
	assert_int_equal(region_bundle(&s->view, &a, &q.bundle), 0);
	store_turn_abort(s->store);
	assert_int_equal(fix_ask(x, to, &q), 0);
	arena_done(&a);
}

UNUSED static void fix_introduce_all(struct fix *x)
{
	for (unsigned i = 0; i < x->n; i++)
		for (unsigned k = 0; k < x->n; k++)
			if (i != k)
				fix_introduce(x, i, k);
	fix_wait(x, 2);
}

UNUSED static struct id fix_record(struct fix *x, unsigned at)
{
	char hex[ID_TEXT_LEN] = "";
	struct id record;

	assert_int_equal(fix_ask(x, at, &(struct ctl_request){ .verb = VERB_RECORD_NEW }), 0);
	memcpy(hex, strstr(x->v[at].reply, "record=") + 7, 2 * ID_LEN);
	assert_true(id_parse(hex, &record));
	fix_run(x);
	return record;
}

UNUSED static int fix_about(struct fix *x, unsigned at, enum verb verb, const struct id *record)
{
	char hex[ID_TEXT_LEN];

	return fix_ask(x, at,
		&(struct ctl_request){
			.verb = verb, .record = span_of(id_text(record, hex)), .code = 1 });
}

UNUSED static int fix_note(
	struct fix *x, unsigned at, const struct id *record, const char *text)
{
	char hex[ID_TEXT_LEN];
	struct entry note = { .kind = ENTRY_NOTE, .text = span_of(text) };
	int r = fix_ask(x, at,
		&(struct ctl_request){ .verb = VERB_APPEND,
			.record = span_of(id_text(record, hex)),
			.entries = &note,
			.n_entries = 1 });

	fix_run(x);
	return r;
}

UNUSED static int fix_offer(struct fix *x, unsigned at, const struct id *record, unsigned to)
{
	char hex[ID_TEXT_LEN], peer[ID_TEXT_LEN];
	int r = fix_ask(x, at,
		&(struct ctl_request){ .verb = VERB_MOVE_OFFER,
			.record = span_of(id_text(record, hex)),
			.peer = span_of(id_text(&x->v[to].id, peer)),
			.code = 1 });

	fix_run(x);
	return r;
}

/* A new record of .from that it has offered to .to. */
UNUSED static struct id fix_offered(struct fix *x, unsigned from, unsigned to)
{
	const struct id record = fix_record(x, from);

	assert_int_equal(fix_offer(x, from, &record, to), 0);
	fix_wait(x, 1);
	return record;
}

UNUSED static int fix_accept(struct fix *x, unsigned at, const struct id *record)
{
	char hex[ID_TEXT_LEN];
	struct entry who = { .kind = ENTRY_WORKER, .has_worker = true };
	int r;

	who.worker.name = SPAN_LIT("Jo");
	r = fix_ask(x, at,
		&(struct ctl_request){ .verb = VERB_MOVE_ACCEPT,
			.record = span_of(id_text(record, hex)),
			.entries = &who,
			.n_entries = 1 });
	fix_run(x);
	return r;
}

/* Offer, Accept, Release. */
UNUSED static void fix_move(struct fix *x, unsigned from, const struct id *record, unsigned to)
{
	assert_int_equal(fix_offer(x, from, record, to), 0);
	fix_wait(x, 1);
	assert_int_equal(fix_accept(x, to, record), 0);
	fix_wait(x, 1);
}

/* Inside -----------------------------------------------------------------------------------
 */

/* Something done inside a region in a turn of its own; then said to the others. */
UNUSED static int fix_inside(
	struct fix *x, unsigned at, int (*todo)(struct step *s, void *ctx), void *ctx)
{
	struct side *s = &x->v[at];
	struct event e = { .kind = EVENT_TICK, .now = x->now, .wall_ms = FIX_WALL + x->now };
	struct actions out = { .arena = &s->arena };
	struct step step = { .node = s->node,
		.event = &e,
		.view = &s->view,
		.out = &out,
		.arena = &s->arena,
		.crypto = s->crypto };
	struct why why;
	int r;

	arena_reset(&s->arena);
	s->node->touched = NULL;
	s->node->n_touched = s->node->room_touched = 0;
	fix_begin(s);
	r = todo(&step, ctx);
	s->node->touched = NULL;
	s->node->n_touched = s->node->room_touched = 0;
	assert_int_equal(node_end(s->node, &e, &s->view, &out), 0);
	assert_int_equal(store_turn_commit(s->store, &why), 0);
	fix_speak(x, at, &out);
	return r;
}

/* One more request of the turn that is under way. */
UNUSED static void fix_ask_inside(struct step *s, const struct ctl_request *q)
{
	const struct event *tick = s->event;
	struct event e = fix_ann();

	e.now = tick->now;
	e.wall_ms = tick->wall_ms;
	assert_int_equal(wire_request_encode(q, s->arena, &e.bytes), 0);
	s->event = &e;
	assert_int_equal(ask_step(s), 0);
	s->event = tick;
}

struct fix_saying {
	const struct id *to;
	const struct message *m;
};

UNUSED static int fix_say_it(struct step *s, void *ctx)
{
	const struct fix_saying *what = ctx;

	return peer_send(s, peer_find(s->node, what->to), what->m);
}

/* .from says this to .to in their session, whatever its node thinks of it. */
UNUSED static void fix_say(struct fix *x, unsigned from, unsigned to, const struct message *m)
{
	struct fix_saying what = { &x->v[to].id, m };

	assert_int_equal(fix_inside(x, from, fix_say_it, &what), 0);
}

/* What a region makes of a record; borrowed until its next turn. */
UNUSED static int fix_look(struct step *s, void *ctx)
{
	const struct affairs *a;
	struct id record;
	int r;

	memcpy(&record, ctx, sizeof(record));
	r = node_affairs(s, &record, &a);
	memcpy(ctx, &a, sizeof(a));
	return r;
}

UNUSED static const struct affairs *fix_affairs(
	struct fix *x, unsigned at, const struct id *record)
{
	struct id in_and_out = *record;
	const struct affairs *a;

	assert_int_equal(fix_inside(x, at, fix_look, &in_and_out), 0);
	memcpy(&a, &in_and_out, sizeof(a));
	return a;
}

UNUSED static int fix_row(struct step *s, void *ctx)
{
	struct record_row row;
	struct id record;
	int r;

	memcpy(&record, ctx, sizeof(record));
	r = record_get(s->view, &record, &row);
	memcpy(ctx, &row, sizeof(row));
	return r;
}

UNUSED static struct record_row fix_record_row(
	struct fix *x, unsigned at, const struct id *record)
{
	union {
		struct id record;
		struct record_row row;
	} u = { .record = *record };

	assert_int_equal(fix_inside(x, at, fix_row, &u), 0);
	return u.row;
}

UNUSED static void fix_hush(struct fix *x)
{
	for (size_t i = 0; i < x->n; i++)
		x->v[i].told[0] = '\0';
	x->frames = x->bytes = 0;
}

UNUSED static bool fix_told(const struct fix *x, unsigned at, const char *line)
{
	return strstr(x->v[at].told, line) != NULL;
}
