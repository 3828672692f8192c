/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Any bytes as a life of the whole node: a program of frames, requests and link events, from
 * strangers and from peers with valid keys (hostile.c). The node works on a real store, in one
 * turn that is never committed, so that each run begins with the same one.
 *
 * After every step: it was done, whatever came; its memory is within STEP_MEMORY; everything
 * that it says decodes and opens; time goes on. In the end what it wrote can be read again.
 */

#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <unistd.h>

#include <kith/store.h>

#include "tests/fuzz/node_fuzz.h"
#include "tests/fuzz/strict_view.h"

#define EPOCH_MS    UINT64_C(1767225600000) /* 2026-01-01 */
#define START       UINT64_C(1000000)
#define STEP_MEMORY ((size_t)24 << 20) /* of a step's arena */
#define ACTS_MAX    64
#define DUE_MAX     200 /* ticks that may follow each other at one moment */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct ground {
	char dir[64];
	struct store *store;
	struct crypto *crypto; /* the node's */
	uint64_t chance, puppet_chance;
	struct node_keys keys;
	struct arena kept; /* of the stage that every run begins with */
	struct stage begun;
	bool telling; /* KITH_FUZZ_TELLING is set: to see what an input does */
} ground;

static const struct node_options options = {
	.software = "kith fuzz", .listen = "tcp://*:1", .audit_keep_ms = 60000
};

static int fill(void *ctx, void *into, size_t len) /* splitmix64 */
{
	uint64_t *state = ctx;
	uint8_t *at = into;

	for (size_t i = 0; i < len; i++) {
		uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		at[i] = (uint8_t)(z ^ z >> 31);
	}
	return 0;
}

/* The linker's --wrap sends every verification here. What was verified once need not be again:
 * chance is the same in each run, and so are most signatures. */
int __real_crypto_verify(struct crypto *c, const struct pubkey *key, struct span label,
	struct span message, const struct sig *sig);
int __wrap_crypto_verify(struct crypto *c, const struct pubkey *key, struct span label,
	struct span message, const struct sig *sig);

int __wrap_crypto_verify(struct crypto *c, const struct pubkey *key, struct span label,
	struct span message, const struct sig *sig)
{
	static struct hash good[4096];
	struct hash h, *slot;
	int r;

	demand(crypto_hash(c, (struct span[]){ SPAN_OF(*key), SPAN_OF(*sig), label, message },
		       4, &h) == 0);
	slot = &good[(h.b[0] | (size_t)h.b[1] << 8) % COUNT(good)];
	if (hash_equal(slot, &h))
		return 0;
	r = __real_crypto_verify(c, key, label, message, sig);
	if (r == 0)
		*slot = h;
	return r;
}

/* The input --------------------------------------------------------------------------------
 */

bool input_left(const struct world *w)
{
	return w->input.len > 0;
}

uint8_t input_byte(struct world *w)
{
	if (!w->input.len)
		return 0;
	w->input.len--;
	return *w->input.at++;
}

unsigned input_pick(struct world *w, unsigned below)
{
	return input_byte(w) % below;
}

struct span input_bytes(struct world *w, size_t most)
{
	size_t len = input_byte(w);
	struct span s;

	if (len >= 0xf0)
		len = (len & 0xf) << 8 | input_byte(w);
	len = len < most ? len : most;
	len = len < w->input.len ? len : w->input.len;
	s = (struct span){ w->input.at, len };
	w->input.at += len;
	w->input.len -= len;
	return s;
}

/* What the node says -----------------------------------------------------------------------
 */

static void walk_name(void *ctx, const char *name)
{
	(void)ctx, (void)name;
}

static void walk_leave(void *ctx)
{
	(void)ctx;
}

static void walk_value(void *ctx, const char *name, const struct walk_value *v)
{
	(void)ctx, (void)name;
	demand(v->type != WALK_TEXT || wire_text_ok(v->bytes));
}

static void hear_reply(struct span bytes, struct arena *a)
{
	static const struct walker walker = { .enter = walk_name,
		.leave = walk_leave,
		.list_begin = walk_name,
		.list_end = walk_leave,
		.value = walk_value };
	struct reply_head head;

	demand(bytes.len <= CONTROL_FRAME_MAX);
	demand(wire_reply_head(bytes, a, &head) == 0);
	demand(wire_reply_walk(bytes, a, &walker) == 0);
}

static unsigned puppet_at(const struct world *w, uint64_t link)
{
	for (unsigned p = 0; p < PUPPETS; p++)
		if (w->st.puppets[p].link == link && link)
			return p;
	return PUPPETS;
}

static unsigned puppet_of(const struct world *w, const struct id *region)
{
	for (unsigned p = 0; p < PUPPETS; p++)
		if (id_equal(&w->st.puppets[p].region, region))
			return p;
	return PUPPETS;
}

static void hear_frame(struct world *w, uint64_t link, struct span bytes)
{
	struct frame f;
	struct hello h;
	struct message m;
	unsigned p = puppet_at(w, link);

	demand(bytes.len <= FRAME_MAX && wire_frame_decode(bytes, &f) == 0);
	if (!f.is_hello) {
		demand(p < PUPPETS && w->st.puppets[p].live);
		puppet_hear(&w->st, p, f.sealed, &m);
		demand(m.kind != MSG_UNKNOWN);
		return;
	}
	demand(wire_hello_decode(f.hello.bytes, w->st.arena, &h) == 0);
	if (p < PUPPETS)
		w->st.puppets[p].link = 0;
	p = puppet_of(w, &h.to);
	demand(p < PUPPETS);
	w->st.puppets[p].link = link;
	puppet_hear_hello(&w->st, p, &f.hello);
}

static void hear_link(struct world *w, const struct action *a)
{
	struct link_frame f;
	unsigned p;

	demand(wire_link_decode(a->bytes, w->st.arena, &f) == 0);
	switch (a->kind) {
	case ACTION_LINK_DIAL:
		demand(f.kind == LINK_DIAL);
		p = puppet_of(w, &f.region);
		demand(p < PUPPETS);
		w->dialled[p] = f.link;
		return;
	case ACTION_LINK_DROP:
		demand(f.kind == LINK_DROP);
		p = puppet_at(w, f.link);
		if (p < PUPPETS) {
			w->st.puppets[p].link = 0;
			w->st.puppets[p].live = false;
		}
		return;
	case ACTION_LINK_SEND:
		demand(f.kind == LINK_SEND);
		hear_frame(w, f.link, f.frame);
		return;
	case ACTION_LINK_PEERS:
		demand(f.kind == LINK_PEERS);
		return;
	case ACTION_HOST:
	case ACTION_REPLY:
	case ACTION_TELL:
		return;
	}
}

static void hear(struct world *w, const struct action *a)
{
	if (a->kind == ACTION_REPLY) {
		hear_reply(a->bytes, w->st.arena);
	} else if (a->kind == ACTION_TELL) {
		demand(a->tell.verb < TELL_COUNT);
		demand(strnlen(a->tell.peer_name, REGION_NAME_MAX) < REGION_NAME_MAX);
		w->tells[a->tell.verb]++;
		if (ground.telling)
			fprintf(stderr, "  %s %s %llu %s%s\n", tell_word(a->tell.verb),
				a->tell.peer_name, (unsigned long long)a->tell.n,
				a->tell.verdict ? a->tell.verdict : "",
				a->tell.text ? a->tell.text : "");
		if (a->tell.verb == TELL_MAKES)
			w->made = a->tell.record;
	} else {
		hear_link(w, a);
	}
}

/* Steps ------------------------------------------------------------------------------------
 */

/* A change of a record: it is looked at in the end. */
static void written(void *ctx, enum table t, struct span key)
{
	struct world *w = ctx;

	if (t != TABLE_CONTROL && t != TABLE_INDEX)
		return;
	for (unsigned n = 0; n < RECORDS; n++)
		if (memcmp(key.at, w->st.tales[n].id.b, ID_LEN) == 0)
			w->changed |= 1u << n;
}

void world_step(struct world *w, struct event *e)
{
	const struct host_figures figures = { .store_map_bytes = 1 << 28,
		.disk_free_bytes = w->disk_full ? 0 : UINT64_C(1) << 40,
		.link_connected = true };
	struct arena arena;
	struct actions out = { .arena = &arena };
	struct strict strict;
	struct view view = strict_view(&strict, w->view);

	strict.written = written;
	strict.ctx = w;
	arena_init(&arena, 0);
	err_forget();
	e->now = w->now;
	e->wall_ms = EPOCH_MS + w->now;
	e->figures = e->kind == EVENT_ASK ? &figures : NULL;
	demand(node_step(w->node, e, &view, &out) == 0);
	demand(node_end(w->node, e, &view, &out) == 0);
	strict_done(&strict);
	demand(arena.used <= STEP_MEMORY);
	if (ground.telling)
		fprintf(stderr, "event %d: %zu actions, %zu bytes\n", e->kind, out.n,
			arena.used);
	for (size_t i = 0; i < out.n; i++)
		hear(w, &out.v[i]);
	arena_done(&arena);
}

/* What comes stands in memory of exactly its size. */
void world_frame(struct world *w, uint64_t link, struct span bytes)
{
	uint8_t *exact = malloc(bytes.len ? bytes.len : 1);
	struct event e = { .kind = EVENT_FRAME, .link = link, .bytes = { exact, bytes.len } };

	demand(exact);
	if (bytes.len)
		memcpy(exact, bytes.at, bytes.len);
	world_step(w, &e);
	free(exact);
}

void world_message(struct world *w, unsigned p, const struct message *m)
{
	struct span plain;

	demand(wire_message_encode(m, w->st.arena, &plain) == 0);
	if (plain.len < FRAME_MAX - 64)
		world_frame(w, w->st.puppets[p].link, puppet_seal(&w->st, p, plain));
}

void world_request(struct world *w, const struct ctl_request *q)
{
	struct event e = {
		.kind = EVENT_ASK, .client = 7, .user = "uid 1000 (ann)", .groups = GROUP_ADMIN
	};

	demand(wire_request_encode(q, w->st.arena, &e.bytes) == 0);
	world_step(w, &e);
}

void world_ready(struct world *w)
{
	struct event e = {
		.kind = EVENT_LINK_READY, .curve_key = w->st.node_curve, .text = "tcp://*:1"
	};

	world_step(w, &e);
}

void world_greet(struct world *w, unsigned number, unsigned wrong)
{
	struct puppet *p = &w->st.puppets[number];
	struct event e = { .kind = EVENT_LINK_UP,
		.region = p->region,
		.dialled = w->dialled[number] != 0,
		.link = w->dialled[number],
		.curve_key = p->curve };

	if (!e.dialled)
		e.link = w->accepted += 2;
	w->dialled[number] = 0;
	world_step(w, &e);
	if (p->link == e.link)
		world_frame(w, p->link, puppet_hello(&w->st, number, wrong));
}

static void take_due(struct world *w)
{
	unsigned n = 0;

	while (node_due(w->node) <= w->now) {
		struct event e = { .kind = EVENT_TICK };

		demand(n++ < DUE_MAX);
		world_step(w, &e);
	}
}

void world_pass(struct world *w, msec ms)
{
	const msec until = w->now + ms;

	for (unsigned i = 0; i < 16 && node_due(w->node) <= until; i++) {
		if (node_due(w->node) > w->now)
			w->now = node_due(w->node);
		take_due(w);
	}
	w->now = until;
	take_due(w);
}

static void begin_node(struct world *w)
{
	struct why why = { "" };

	demand(node_new(ground.crypto, &ground.keys, &options, w->view, &w->node, &why) == 0);
}

void world_restart(struct world *w)
{
	node_free(w->node);
	for (unsigned p = 0; p < PUPPETS; p++) {
		w->st.puppets[p].link = w->dialled[p] = 0;
		w->st.puppets[p].live = false;
	}
	begin_node(w);
}

/* What was written is read again, by a node that knows nothing else. */
static void look_again(struct world *w)
{
	world_restart(w);
	world_request(w, &(struct ctl_request){ .verb = VERB_STATUS });
	for (unsigned t = 0; t < RECORDS; t++) {
		char id[ID_TEXT_LEN];
		struct ctl_request q = { .verb = VERB_TIMELINE };

		if (!(w->changed & 1u << t))
			continue;
		q.record = (struct span){ (const uint8_t *)id_text(&w->st.tales[t].id, id),
			2 * ID_LEN };
		world_request(w, &q);
	}
}

/* The ground -------------------------------------------------------------------------------
 */

static int drop_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static void leave_ground(void)
{
	store_close(ground.store);
	crypto_free(ground.crypto);
	crypto_free(ground.begun.crypto);
	arena_done(&ground.kept);
	nftw(ground.dir, drop_file, 16, FTW_DEPTH | FTW_PHYS);
}

static void found(struct stage *st)
{
	const char *endpoints[] = { "tcp://node:1" };
	struct region_found f = {
		.name = "node", .endpoints = endpoints, .n_endpoints = 1, .keys = &ground.keys
	};
	struct pubkey unused, sign;
	struct view view;
	struct hash h;
	struct why why;
	struct node_keys *k = &ground.keys;

	demand(crypto_sign_keypair(ground.crypto, &k->sign, &sign) == 0);
	demand(crypto_sign_keypair(ground.crypto, &k->control, &unused) == 0);
	demand(crypto_dh_keypair(ground.crypto, &k->kem, &st->node_kem) == 0);
	demand(crypto_random(ground.crypto, &k->token, sizeof(k->token)) == 0);
	demand(crypto_sign_keypair(ground.crypto, &f.root, &unused) == 0);
	demand(crypto_random(ground.crypto, &f.curve_key, sizeof(f.curve_key)) == 0);
	st->node_curve = f.curve_key;
	demand(crypto_hash(ground.crypto, (struct span[]){ SPAN_OF(sign) }, 1, &h) == 0);
	memcpy(st->node_incarnation.b, h.b, ID_LEN);
	demand(store_turn_begin(ground.store, &view) == 0);
	demand(region_found(ground.crypto, &f, &view, &st->node, &why) == 0);
	demand(store_turn_commit(ground.store, &why) == 0);
}

static void lay_ground(void)
{
	const struct store_options o = { .map_size = UINT64_C(256) << 20, .unflushed = true };
	struct secret key = { { 1 } };
	struct world w = { .now = START };
	struct view view;
	struct why why;
	char store[80];

	(void)snprintf(ground.dir, sizeof(ground.dir), "%s/kith-fuzz-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	demand(mkdtemp(ground.dir));
	(void)snprintf(store, sizeof(store), "%s/store", ground.dir);
	demand(crypto_new((struct chance){ &ground.chance, fill }, &ground.crypto) == 0);
	demand(crypto_new((struct chance){ &ground.puppet_chance, fill }, &w.st.crypto) == 0);
	demand(store_create(store, &o, ground.crypto, &key, &why) == 0);
	demand(store_open(store, &o, ground.crypto, &key, &ground.store, &why) == 0);
	arena_init(&ground.kept, 0);
	w.st.arena = &ground.kept;
	found(&w.st);

	demand(store_turn_begin(ground.store, &view) == 0);
	w.view = &view;
	begin_node(&w);
	hostile_begin(&w);
	world_restart(&w);
	node_free(w.node);
	demand(store_turn_commit(ground.store, &why) == 0);
	demand(store_checkpoint(ground.store, &why) == 0); /* every input's turn is undone */
	ground.begun = w.st;
	ground.telling = getenv("KITH_FUZZ_TELLING");
	(void)atexit(leave_ground);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	lay_ground();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct arena arena;
	struct view view;

	if (!ground.store)
		lay_ground();
	ground.chance = 1;
	ground.puppet_chance = 2;
	arena_init(&arena, 0);
	memset(&w, 0, sizeof(w));
	w.st = ground.begun;
	w.st.arena = &arena;
	w.input = (struct span){ data, size };
	w.now = START;
	demand(store_turn_begin(ground.store, &view) == 0);
	w.view = &view;
	begin_node(&w);
	for (unsigned i = 0; i < ACTS_MAX && input_left(&w); i++)
		hostile_act(&w);
	world_pass(&w, 1);
	if (w.changed)
		look_again(&w);
	w.node = node_free(w.node);
	store_turn_abort(ground.store);
	arena_done(&arena);
	return 0;
}
