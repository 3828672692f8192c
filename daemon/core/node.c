/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The node: takes an event to the file that knows what to do with it, then settles what the
 * step touched and lets the feeds and wants run on. Also the few things that all files of core
 * share: the hybrid clock, the affairs cache, the list of actions. (long: that, and a node's
 * life)
 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/inside.h"

#define DAY_MS 86400000

/* A record's control changes may take this much memory; beyond, it cannot be read. */
#define AFFAIRS_BUDGET ((size_t)32 * 1024 * 1024)
#define REREAD_MAX     ((size_t)32 * 1024)        /* a turn's; a path has at most some 20,000 */
#define AFFAIRS_BYTES  ((size_t)64 * 1024 * 1024) /* of all that are in memory, about */

int node_act(struct step *s, const struct action *a)
{
	struct action *v = arena_grow(
		s->out->arena, s->out->v, s->out->n, &s->out->room, sizeof(*s->out->v));

	if (!v)
		return err_new(-ENOMEM);
	s->out->v = v;
	v[s->out->n++] = *a;
	return 0;
}

int node_tell(struct step *s, const struct tell *t)
{
	struct action a = { .kind = ACTION_TELL, .tell = *t };
	int r;

	if (!id_is_zero(&t->peer)) {
		r = node_region_name(s, &t->peer, a.tell.peer_name);
		if (r)
			return err_up(r);
	}
	return node_act(s, &a);
}

const char *tell_word(enum tell_verb v)
{
	static const char *const words[TELL_COUNT] = {
		[TELL_STARTS] = "starts",
		[TELL_DIALS] = "dials",
		[TELL_GREETS] = "greets",
		[TELL_LOSES] = "loses",
		[TELL_REFUSES] = "refuses",
		[TELL_STORES] = "stores",
		[TELL_WANTS] = "wants",
		[TELL_HAS] = "has",
		[TELL_MAKES] = "makes",
		[TELL_OFFERS] = "offers",
		[TELL_WITHDRAWS] = "withdraws",
		[TELL_COMPLETES] = "completes",
		[TELL_ACCEPTS] = "accepts",
		[TELL_DECLINES] = "declines",
		[TELL_STANDS_DOWN] = "stands down",
		[TELL_RELEASES] = "releases",
		[TELL_TAKES_OVER] = "takes over",
		[TELL_REMOVES] = "removes",
		[TELL_REKEYS] = "rekeys",
		[TELL_RECONCILES] = "reconciles",
		[TELL_FORKED] = "finds forked",
		[TELL_STOPS] = "stops writing in",
		[TELL_ADDS_PEER] = "adds peer",
		[TELL_DROPS_PEER] = "drops peer",
		[TELL_PARKS] = "parks",
		[TELL_WARNS] = "warns of",
		[TELL_ALARMS] = "is alarmed by",
		[TELL_ADMITS] = "admits",
		[TELL_ASSUMES] = "signs an assume of",
		[TELL_RESOLVES] = "signs a resolve of",
		[TELL_NEEDS_PEOPLE] = "needs people for",
		[TELL_SETTLED] = "sees settled",
		[TELL_ASKS] = "asks",
		[TELL_IS_ASKED] = "is asked by",
		[TELL_ANSWERS] = "answers",
		[TELL_IS_ANSWERED] = "is answered by",
	};

	return v < TELL_COUNT ? words[v] : "?";
}

int node_link(struct step *s, enum action_kind kind, const struct link_frame *f)
{
	struct action a = { .kind = kind, .link = f->link };
	int r = wire_link_encode(f, s->arena, &a.bytes);

	if (kind == ACTION_LINK_SEND)
		s->node->bytes_out += f->frame.len;
	return r ? err_odd(r) : node_act(s, &a);
}

uint64_t node_clock(struct step *s)
{
	uint64_t wall = s->event->wall_ms << 16;

	s->node->clock = wall > s->node->clock ? wall : s->node->clock + 1;
	return s->node->clock;
}

void node_clock_seen(struct step *s, uint64_t clock)
{
	if (clock > s->node->clock && clock < (s->event->wall_ms + DAY_MS) << 16)
		s->node->clock = clock;
}

void node_text_mend(char *text)
{
	if (wire_text_ok(span_of(text)))
		return;
	for (; *text; text++)
		if ((uint8_t)*text > '~')
			*text = '?';
}

uint32_t node_wire_max(const struct node *n)
{
	return n->options.wire_max ? n->options.wire_max : WIRE_VERSION;
}

struct date node_today(const struct step *s)
{
	return (struct date){ (int32_t)(s->event->wall_ms / DAY_MS), DATE_DAY };
}

int node_counts(struct step *s, int records, int custodian_of, struct counts *ret)
{
	struct counts c = { 0 };
	uint8_t packed[16];
	struct reader rd;
	struct writer w;
	int r = meta_get(s->view, "counts", packed, sizeof(packed));

	if (r < 0)
		return err_up(r);
	if (r == 0) {
		rd = reader_of((struct span){ packed, sizeof(packed) });
		c.records = get_u64(&rd);
		c.custodian_of = get_u64(&rd);
	}
	if (records || custodian_of) {
		c.records += (uint64_t)(int64_t)records;
		c.custodian_of += (uint64_t)(int64_t)custodian_of;
		w = writer_of(packed, sizeof(packed));
		put_u64(&w, c.records);
		put_u64(&w, c.custodian_of);
		r = meta_put(s->view, "counts", packed, sizeof(packed));
		if (r)
			return err_odd(r);
	}
	if (ret)
		*ret = c;
	return 0;
}

int node_region_name(struct step *s, const struct id *region, char into[NAME_TEXT_MAX])
{
	const struct peer *p = peer_find(s->node, region);
	struct checked_card card;
	int r;

	if (p || id_equal(region, &s->node->region)) {
		memcpy(into, p ? p->name : s->node->name, NAME_TEXT_MAX);
		return 0;
	}
	r = region_card(s, region, &card);
	if (r < 0)
		return err_up(r);
	if (r == 0)
		memcpy(into, card.card.name, NAME_TEXT_MAX);
	else
		hex_text(region->b, 4, into);
	return 0;
}

/* Affairs -----------------------------------------------------------------------------------
 */

/* The first of the places that a record may have. */
static struct cached_affairs *places(struct node *n, const struct id *record)
{
	const size_t set = record->b[0] | (size_t)record->b[1] << 8;

	return &n->cache[set % (AFFAIRS_CACHED / AFFAIRS_WAYS) * AFFAIRS_WAYS];
}

/* Where a record's affairs are; NULL: they are not. */
static struct cached_affairs *find_cached(struct node *n, const struct id *record)
{
	struct cached_affairs *c = places(n, record);

	for (size_t i = 0; i < AFFAIRS_WAYS; i++)
		if (c[i].valid && id_equal(&c[i].record, record))
			return &c[i];
	return NULL;
}

static struct cached_affairs *oldest_of(struct cached_affairs *c)
{
	struct cached_affairs *oldest = c;

	for (size_t i = 0; i < AFFAIRS_WAYS; i++) {
		if (!c[i].valid)
			return &c[i];
		if (c[i].used < oldest->used)
			oldest = &c[i];
	}
	return oldest;
}

static void drop_cached(struct cached_affairs *c)
{
	secret_done(&c->key);
	c->valid = c->keyed = c->alone = false;
}

void node_forget(struct node *n, const struct id *record)
{
	struct cached_affairs *c = find_cached(n, record);

	if (c)
		drop_cached(c);
}

int node_key(struct step *s, const struct id *record, const struct key_commitment *c,
	struct secret *ret)
{
	struct cached_affairs *at = find_cached(s->node, record);
	int r;

	if (at && at->keyed && hash_equal(&at->of, &c->commitment)) {
		*ret = at->key;
		return 0;
	}
	r = key_get(s->view, record, c, ret);
	if (!r && at) {
		at->of = c->commitment;
		at->key = *ret;
		at->keyed = true;
	}
	return r;
}

bool node_alone(struct node *n, const struct id *record)
{
	const struct cached_affairs *c = find_cached(n, record);

	return c && c->alone;
}

void node_set_alone(struct node *n, const struct id *record, bool alone)
{
	struct cached_affairs *c = find_cached(n, record);

	if (c)
		c->alone = alone;
}

bool node_reads_enough(const struct node *n, const struct affairs *a, size_t fresh)
{
	return n->reread + fresh * (a->n_all + fresh) > REREAD_MAX;
}

bool node_affairs_full(struct node *n, const struct id *record)
{
	const struct cached_affairs *c = find_cached(n, record);

	return c && c->arena.used > AFFAIRS_BUDGET / 2;
}

int held_read(const struct scan *scan, struct arena *a, struct held *ret)
{
	struct control_row row;
	int r;

	if (!control_row_read(scan_key(scan), scan->value, &row))
		return err_new(-EUCLEAN);
	*ret = (struct held){
		.ref = row.ref, .must_understand = row.must_understand, .bytes = row.bytes
	};
	r = wire_control_decode(row.body, a, &ret->control);
	return !r ? 0 : r == -ENOMEM ? err_up(r) : err_new(-EUCLEAN);
}

static int load_held(struct step *s, const struct id *record, struct arena *a,
	struct held **ret, size_t *ret_n)
{
	struct held *v = NULL, *grown;
	struct scan scan;
	size_t room = 0, n = 0;
	int r;

	scan_init(&scan, TABLE_CONTROL, SPAN_OF(*record));
	while ((r = scan_next(&scan, s->view)) == 0) {
		grown = arena_grow(a, v, n, &room, sizeof(*v));
		if (!grown)
			return err_new(-ENOMEM);
		v = grown;
		r = held_read(&scan, a, &v[n]);
		if (r)
			return err_up(r);
		n++;
	}
	*ret = v;
	*ret_n = n;
	return r == ROW_NONE ? 0 : err_up(r);
}

/* All slots together have a bound, too; who makes a record large makes others be read again. */
static void make_room(struct node *n, const struct cached_affairs *keep)
{
	for (size_t i = 0; i < AFFAIRS_CACHED && n->cache_bytes > AFFAIRS_BYTES; i++) {
		struct cached_affairs *c = &n->cache[i];

		if (c == keep)
			continue;
		n->cache_bytes -= c->arena.used;
		drop_cached(c);
		arena_done(&c->arena);
	}
}

static int load_affairs(struct step *s, const struct id *record, struct cached_affairs *c)
{
	struct node *n = s->node;
	struct held *held;
	size_t n_held;
	int r;

	drop_cached(c);
	n->cache_bytes -= c->arena.used;
	arena_reset(&c->arena);
	r = load_held(s, record, &c->arena, &held, &n_held);
	if (!r)
		r = affairs_read(held, n_held, &c->arena, &c->affairs);
	n->cache_bytes += c->arena.used;
	if (r)
		return err_up(r);
	n->reread += n_held;
	c->record = *record;
	c->valid = true;
	make_room(n, c);
	return 0;
}

int node_affairs(struct step *s, const struct id *record, const struct affairs **ret)
{
	struct node *n = s->node;
	struct cached_affairs *c = find_cached(n, record);
	int r;

	if (!c) {
		c = oldest_of(places(n, record));
		r = load_affairs(s, record, c);
		if (r)
			return err_up(r);
	}
	c->used = ++n->cache_uses;
	*ret = &c->affairs;
	return 0;
}

int node_touch(struct step *s, const struct id *record)
{
	struct node *n = s->node;
	struct id *grown;

	for (size_t i = 0; i < n->n_touched; i++)
		if (id_equal(&n->touched[i], record))
			return 0;
	grown = arena_grow(
		s->arena, n->touched, n->n_touched, &n->room_touched, sizeof(*n->touched));
	if (!grown)
		return err_new(-ENOMEM);
	n->touched = grown;
	n->touched[n->n_touched++] = *record;
	return 0;
}

/* The ends of steps and turns
 * ---------------------------------------------------------------- */

static int finish_step(struct step *s)
{
	struct node *n = s->node;
	int r = forget_some(s);

	if (!r)
		r = quota_some(s);
	if (!r)
		r = circle_some(s);
	/* Settling may touch further records, behind this one: the list grows at its end. */
	for (size_t i = 0; i < n->n_touched && !r; i++) {
		struct id record = n->touched[i];

		r = record_settle(s, &record);
		if (!r)
			r = record_told(s, &record);
	}
	return r ? err_up(r) : 0;
}

static int end_turn(struct step *s)
{
	struct node *n = s->node;
	int r = uptake_some(s);

	if (!r)
		r = handover_limits(s);
	if (!r)
		r = turn_write(s);
	if (!r)
		r = audit_write(s);
	for (size_t i = 0; i < n->n_peers && !r; i++) {
		struct peer *p = n->peers[i];

		p->gets_in_turn = p->asked_in_turn = 0;
		p->answered_in_turn = 0;
		if (p->state == PEER_LIVE)
			r = sync_pump(s, p);
		if (!r)
			r = requests_pump(s, p);
		if (!r)
			r = feed_pump(s, p);
		if (!r)
			r = peer_save(s, p);
	}
	if (!r)
		r = follow_some(s);
	n->reread = 0;
	assert(r || !n->turn.n); /* what is said here writes nothing that has to be signed */
	return r ? err_up(r) : 0;
}

static int link_ready(struct step *s)
{
	struct node *n = s->node;
	int r;

	n->link_ready = true;
	n->link_since_ms = s->event->wall_ms;
	n->link_key = s->event->curve_key;
	n->listening[0] = '\0';
	if (s->event->text)
		snprintf(n->listening, sizeof(n->listening), "%s", s->event->text);
	r = peer_announce(s);
	for (size_t i = 0; i < n->n_peers && !r; i++)
		r = peer_link_ready(s, n->peers[i]);
	return r ? err_up(r) : 0;
}

static int link_gone(struct step *s)
{
	struct node *n = s->node;

	n->link_ready = false;
	n->link_since_ms = s->event->wall_ms;
	n->listening[0] = '\0';
	for (size_t i = 0; i < n->n_peers; i++) {
		struct peer *p = n->peers[i];
		bool was = p->state == PEER_LIVE;
		int r;

		peer_lost(s, p);
		p->due = MSEC_NEVER;
		if (!was)
			continue;
		r = node_tell(s, &(struct tell){ .verb = TELL_LOSES,
					 .peer = p->region,
					 .text = "kith-link is gone" });
		if (r)
			return err_up(r);
	}
	return 0;
}

/* A copy: who gave it may read his configuration again. */
static void set_listen(struct node *n, const char *listen)
{
	snprintf(n->listen, sizeof(n->listen), "%s", listen ? listen : "");
	n->options.listen = n->listen[0] ? n->listen : NULL;
}

/* kith-link says by itself what it has bound; nothing, when there is nothing to bind. */
static int listen_elsewhere(struct step *s)
{
	struct node *n = s->node;

	set_listen(n, s->event->text);
	n->listening[0] = '\0';
	return peer_announce(s);
}

static void client_gone(struct node *n, uint64_t client)
{
	for (size_t i = 0; i < FOLLOWERS_MAX; i++)
		if (n->followers[i].busy && n->followers[i].client == client)
			n->followers[i].busy = false;
	for (size_t i = 0; i < WATCHERS_MAX; i++)
		if (n->watchers[i].busy && n->watchers[i].client == client)
			n->watchers[i].busy = false;
	follow_gone(n, client);
}

/* Nearly full is a state, not an error path: others' changes and own notes are refused before
 * LMDB would, custody last. */
static void look_at_disk(struct node *n, const struct event *e)
{
	const struct host_figures *f = e->figures;

	if (!f || !f->store_map_bytes)
		return;
	n->disk_full = f->store_bytes > f->store_map_bytes / 100 * 95 ||
		       f->disk_free_bytes < (uint64_t)32 << 20;
	n->disk_out = f->store_bytes > f->store_map_bytes / 100 * 99 ||
		      f->disk_free_bytes < (uint64_t)8 << 20;
	if (!n->disk_full)
		n->full_since_ms = 0;
	else if (!n->full_since_ms)
		n->full_since_ms = e->wall_ms;
}

static int take_event(struct step *s)
{
	struct node *n = s->node;
	int r = 0;

	switch (s->event->kind) {
	case EVENT_TICK:
		for (size_t i = 0; i < n->n_peers && !r; i++)
			r = peer_tick(s, n->peers[i]);
		return r;
	case EVENT_LINK_READY:
		return link_ready(s);
	case EVENT_LINK_GONE:
		return link_gone(s);
	case EVENT_LINK_UP:
		return peer_link_up(s);
	case EVENT_LINK_DOWN:
		return peer_link_down(s);
	case EVENT_FRAME:
		return peer_frame(s);
	case EVENT_ASK:
		return ask_step(s);
	case EVENT_CLIENT_GONE:
		client_gone(n, s->event->client);
		return 0;
	case EVENT_SETTINGS:
		quota_set(n, s->event->quota_record, s->event->quota_peer);
		n->options.audit_keep_ms = s->event->audit_keep_ms;
		return 0;
	case EVENT_LISTEN:
		return listen_elsewhere(s);
	}
	return 0;
}

/* What came of a step or of a turn's end, as the host is told. */
static int outcome(const struct step *s, int r)
{
	/* Texts of replies and tellings may be missing for want of memory: not unnoticed. */
	if (!r && s->arena->failed)
		r = err_new(-ENOMEM);
	if (r == -ENOSPC)
		return VIEW_FULL;
	if (r == -EUCLEAN)
		return VIEW_DAMAGED;
	return r ? err_odd(r) : 0;
}

static struct step step_of(
	struct node *n, const struct event *e, const struct view *v, struct actions *out)
{
	return (struct step){ .node = n,
		.event = e,
		.view = v,
		.out = out,
		.arena = out->arena,
		.crypto = n->crypto };
}

int node_step(struct node *n, const struct event *e, const struct view *v, struct actions *out)
{
	struct step s = step_of(n, e, v, out);
	int r;

	look_at_disk(n, e);
	n->touched = NULL;
	n->n_touched = n->room_touched = 0;
	r = take_event(&s);
	if (!r)
		r = finish_step(&s);
	n->touched = NULL;
	n->n_touched = n->room_touched = 0;
	return outcome(&s, r);
}

int node_end(struct node *n, const struct event *e, const struct view *v, struct actions *out)
{
	struct step s = step_of(n, e, v, out);
	int r = end_turn(&s);

	n->touched = NULL;
	n->n_touched = n->room_touched = 0;
	return outcome(&s, r);
}

uint64_t node_changes(const struct node *n)
{
	return n->log_next - 1;
}

msec node_due(const struct node *n)
{
	msec due =
		n->forgetting || n->unparking || n->leaving || follow_waits(n) ? 0 : MSEC_NEVER;

	if (uptake_due(n) < due)
		due = uptake_due(n);
	if (n->limits_due < due)
		due = n->limits_due;
	for (size_t i = 0; i < n->n_peers; i++)
		if (peer_due(n->peers[i]) < due)
			due = peer_due(n->peers[i]);
	return due;
}

/* A node's life ------------------------------------------------------------------------------
 */

static int load_identity(struct step *s, struct why *why)
{
	struct node *n = s->node;
	struct checked_card card;
	struct pubkey sign;
	struct hash hash;
	uint8_t number[8];
	struct reader rd;
	int r;

	r = meta_get(s->view, "region", &n->region, sizeof(n->region));
	if (r) {
		why_set(why, "the store holds no region; make one with kithctl region init");
		return r == ROW_NONE ? NODE_E_EMPTY : err_up(r);
	}
	r = meta_get(s->view, "incarnation", &n->incarnation, sizeof(n->incarnation));
	if (!r)
		r = meta_get(s->view, "incarnation-number", number, sizeof(number));
	if (!r)
		r = region_card(s, &n->region, &card);
	if (!r)
		r = log_last(s->view, &n->log_next);
	if (!r)
		r = audit_last(s->view, &n->audit_next);
	if (r)
		return err_odd(r);
	rd = reader_of((struct span){ number, sizeof(number) });
	n->incarnation_number = get_u64(&rd);
	n->log_next++;
	n->audit_next++;
	n->has_endpoint = card.card.n_endpoints > 0;
	memcpy(n->name, card.card.name, sizeof(n->name));

	r = crypto_sign_public(s->crypto, &n->keys->sign, &sign);
	if (!r)
		r = crypto_dh_public(s->crypto, &n->keys->kem, &n->kem_public);
	if (!r)
		r = crypto_hash(s->crypto, (struct span[]){ SPAN_OF(sign) }, 1, &hash);
	if (!r)
		r = crypto_random(s->crypto, n->boot_nonce.b, ID_LEN);
	if (r)
		return err_odd(r);
	if (memcmp(hash.b, n->incarnation.b, ID_LEN) != 0 ||
		memcmp(n->kem_public.b, card.card.kem_key.b, KEY_LEN) != 0) {
		why_set(why,
			"the keys are not those of region %s: keys and store must come "
			"from one kithctl region init",
			n->name);
		return NODE_E_KEYS;
	}
	return 0;
}

static int count_emergencies(struct step *s)
{
	struct scan scan;
	int r;

	scan_init(&scan, TABLE_RECORD, (struct span){ 0 });
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct record_row row;

		if (!record_row_read(scan.value, &row))
			return err_new(-EUCLEAN);
		s->node->emergencies += row.emergency;
	}
	return r < 0 ? err_up(r) : 0;
}

static int count_forks(struct step *s)
{
	struct scan scan;
	int r;

	scan_init(&scan, TABLE_FORK, (struct span){ 0 });
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct id author;

		if (scan.key_len != CHAIN_PREFIX)
			return err_new(-EUCLEAN);
		memcpy(author.b, scan.key + ID_LEN, ID_LEN);
		fork_count(s->node, &author);
		s->node->stopped |=
			id_equal(&author, &s->node->region) &&
			memcmp(scan.key + 2 * ID_LEN, s->node->incarnation.b, ID_LEN) == 0;
	}
	if (s->node->forks)
		s->node->forks_since_ms = s->node->options.started_ms;
	return r < 0 ? err_up(r) : 0;
}

static int load_peers(struct step *s)
{
	struct id regions[PEERS_MAX];
	struct scan scan;
	size_t n = 0;
	int r;

	scan_init(&scan, TABLE_PEER, (struct span){ 0 });
	while ((r = scan_next(&scan, s->view)) == 0 && n < PEERS_MAX) {
		if (scan.key_len != ID_LEN)
			return err_new(-EUCLEAN);
		memcpy(regions[n++].b, scan.key, ID_LEN);
	}
	if (r < 0)
		return err_up(r);
	for (size_t i = 0; i < n; i++) {
		r = peer_load(s, &regions[i]);
		if (r)
			return err_up(r);
	}
	return 0;
}

int node_new(struct crypto *c, const struct node_keys *keys, const struct node_options *o,
	const struct view *v, struct node **ret, struct why *why)
{
	struct event e = { .kind = EVENT_TICK };
	struct arena arena;
	struct actions out = { .arena = &arena };
	struct node *n = calloc(1, sizeof(*n));
	struct step s = {
		.node = n, .event = &e, .view = v, .out = &out, .arena = &arena, .crypto = c
	};
	int r;

	if (!n)
		return err_new(-ENOMEM);
	arena_init(&arena, 0);
	n->crypto = c;
	n->keys = keys;
	n->options = *o;
	set_listen(n, o->listen);
	n->next_link = 1;
	n->link_since_ms = o->started_ms;
	quota_set(n, o->quota_record, o->quota_peer);
	for (size_t i = 0; i < AFFAIRS_CACHED; i++)
		arena_init(&n->cache[i].arena, AFFAIRS_BUDGET);
	r = load_identity(&s, why);
	if (!r)
		r = load_peers(&s);
	if (!r)
		r = count_forks(&s);
	if (!r)
		r = count_emergencies(&s);
	if (!r)
		r = access_restore(&s);
	if (!r)
		r = forget_find(n, v);
	if (!r)
		r = uptake_find(n, v);
	arena_done(&arena);
	if (r) {
		node_free(n);
		return r < 0 ? err_up(r) : r;
	}
	*ret = n;
	return 0;
}

struct node *node_free(struct node *n)
{
	if (!n)
		return NULL;
	for (size_t i = 0; i < n->n_peers; i++) {
		secret_done(&n->peers[i]->ephemeral);
		secret_done(&n->peers[i]->key_in);
		secret_done(&n->peers[i]->key_out);
		free(n->peers[i]);
	}
	for (size_t i = 0; i < AFFAIRS_CACHED; i++) {
		drop_cached(&n->cache[i]);
		arena_done(&n->cache[i].arena);
	}
	uptake_drop(n);
	free(n);
	return NULL;
}
