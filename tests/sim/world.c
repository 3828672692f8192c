/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The world: regions with a node and a store each, one queue of what will happen, and time. Who
 * is next gets everything that has come for it by now, in one turn.
 */

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/sim.h"

#define TURN_EVENTS 64              /* at most so many share one commit */
#define REST        (5 * 60 * 1000) /* nothing moves for so long: quiet */
#define REST_MAX    (6 * 3600 * 1000)

void must_at(int r, const char *what, const char *file, int line)
{
	const struct err_place *trail;
	size_t n;

	if (r == 0)
		return;
	n = err_trail(&trail);
	fprintf(stderr, "%s:%d: %s: %d\n", file, line, what, r);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "  %s %s:%d: %d\n", trail[i].func, trail[i].file, trail[i].line,
			trail[i].code);
	exit(2);
}

/* Chance ------------------------------------------------------------------------------------
 */

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int fill(void *ctx, void *into, size_t len)
{
	uint8_t *at = into;

	for (size_t i = 0; i < len; i += 8) {
		const uint64_t v = next_random(ctx);

		memcpy(at + i, &v, len - i < 8 ? len - i : 8);
	}
	return 0;
}

uint64_t world_random(struct world *w, uint64_t below)
{
	return next_random(&w->chance) % below;
}

/* The telling -------------------------------------------------------------------------------
 */

static void add_line(struct world *w, char *line)
{
	if (w->keep && w->n_telling == w->keep) {
		free(w->telling[0]);
		memmove(w->telling, w->telling + 1, (w->keep - 1) * sizeof(*w->telling));
		w->n_telling--;
	}
	if (w->n_telling == w->room_telling) {
		w->room_telling = w->room_telling ? 2 * w->room_telling : 256;
		w->telling = realloc(w->telling, w->room_telling * sizeof(*w->telling));
		must(w->telling ? 0 : -ENOMEM);
	}
	w->telling[w->n_telling++] = line;
}

void world_tell(struct world *w, const struct region *r, const char *fmt, ...)
{
	const msec at = w->now - START;
	char text[512], *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	must(asprintf(&line, "%4llu.%03llu %s %s", (unsigned long long)at / 1000,
		     (unsigned long long)at % 1000, r ? r->name : "-", text) < 0);
	world_digest(w, (struct span){ (const uint8_t *)line, strlen(line) });
	add_line(w, line);
}

void world_digest(struct world *w, struct span bytes) /* FNV-1a */
{
	for (size_t i = 0; i < bytes.len; i++)
		w->digest = (w->digest ^ bytes.at[i]) * UINT64_C(0x100000001b3);
}

void world_tell_hush(struct world *w)
{
	for (size_t i = 0; i < w->n_telling; i++)
		free(w->telling[i]);
	w->n_telling = 0;
}

/* The queue: a heap by time and order
 * ---------------------------------------------------------- */

static bool before(const struct item *a, const struct item *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct item *a, struct item *b)
{
	const struct item c = *a;

	*a = *b;
	*b = c;
}

void world_push(struct world *w, const struct item *item)
{
	size_t i = w->n_heap++;

	if (i == w->room_heap) {
		w->room_heap = w->room_heap ? 2 * w->room_heap : 256;
		w->heap = realloc(w->heap, w->room_heap * sizeof(*w->heap));
		must(w->heap ? 0 : -ENOMEM);
	}
	w->heap[i] = *item;
	if (!w->heap[i].order) /* what had to wait keeps its place */
		w->heap[i].order = ++w->order;
	for (; i > 0 && before(&w->heap[i], &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&w->heap[i], &w->heap[(i - 1) / 2]);
}

static struct item pop(struct world *w)
{
	const struct item first = w->heap[0];
	size_t i = 0;

	w->heap[0] = w->heap[--w->n_heap];
	for (;;) {
		size_t least = i;

		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < w->n_heap; c++)
			if (before(&w->heap[c], &w->heap[least]))
				least = c;
		if (least == i)
			return first;
		swap(&w->heap[i], &w->heap[least]);
		i = least;
	}
}

/* Regions -----------------------------------------------------------------------------------
 */

void world_node(struct region *r, msec at)
{
	static const struct node_options options = {
		.software = "kith sim", .listen = "tcp://*:1", .remove_former = true
	};
	struct node_options o = options;
	struct why why = { { 0 } };
	int rc;

	o.audit_keep_ms = r->world->audits ? UINT64_C(3600000) : 0;
	o.quota_record = r->quota_record;
	o.quota_peer = r->quota_peer;
	o.started_ms = (uint64_t)((int64_t)(EPOCH_MS + r->world->now) + r->skew_ms);
	must(store_turn_begin(r->store, &r->view));
	rc = node_new(r->crypto, &r->keys, &o, &r->view, &r->node, &why);
	if (rc)
		fprintf(stderr, "%s: %s\n", r->name, why.text);
	must(rc);
	store_turn_abort(r->store);
	r->life++;
	world_push(r->world,
		&(struct item){
			.at = at, .kind = ITEM_START, .region = r->index, .life = r->life });
	world_push(r->world,
		&(struct item){
			.at = at, .kind = ITEM_READY, .region = r->index, .life = r->life });
}

static const struct store_options on_tmpfs = { .map_size = UINT64_C(256) << 20,
	.unflushed = true };

static void open_store(struct region *r)
{
	struct why why = { { 0 } };

	must(store_open(r->dir, &on_tmpfs, r->crypto, &r->store_key, &r->store, &why));
}

static void found(struct region *r)
{
	char endpoint[32];
	const char *endpoints[] = { endpoint };
	struct region_found f = { .name = r->name,
		.endpoints = endpoints,
		.n_endpoints = 1,
		.keys = &r->keys,
		.curve_key = r->curve };
	struct pubkey unused;
	struct hash h;
	struct why why = { { 0 } };

	snprintf(endpoint, sizeof(endpoint), "tcp://%s:1", r->name);
	must(crypto_sign_keypair(r->crypto, &r->keys.sign, &r->sign_public));
	must(crypto_sign_keypair(r->crypto, &r->keys.control, &unused));
	must(crypto_dh_keypair(r->crypto, &r->keys.kem, &unused));
	must(crypto_random(r->crypto, &r->keys.token, sizeof(r->keys.token)));
	must(crypto_random(r->crypto, &r->store_key, sizeof(r->store_key)));
	must(crypto_sign_keypair(r->crypto, &r->root, &unused));
	must(crypto_dh_keypair(r->crypto, &f.root, &f.curve_key));
	r->curve = f.curve_key;
	f.root = r->root;
	must(crypto_hash(r->crypto, (struct span[]){ SPAN_OF(unused) }, 1, &f.next_root));
	must(crypto_hash(r->crypto, (struct span[]){ SPAN_OF(r->sign_public) }, 1, &h));
	memcpy(r->incarnation.b, h.b, ID_LEN);

	must(store_create(r->dir, &on_tmpfs, r->crypto, &r->store_key, &why));
	open_store(r);
	must(store_turn_begin(r->store, &r->view));
	must(region_found(r->crypto, &f, &r->view, &r->id, &why));
	must(store_turn_commit(r->store, &why));
}

struct region *world_add(struct world *w, const char *name)
{
	struct region *r = &w->regions[w->n_regions];

	if (w->n_regions == REGIONS_MAX)
		return NULL;
	r->world = w;
	r->index = (unsigned)w->n_regions++;
	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->dir, sizeof(r->dir), "%s/%s", w->top, name);
	r->chance = w->seed * 1000003 + r->index + 1;
	r->next_link = 2;
	arena_init(&r->arena, 0);
	arena_init(&r->heard_arena, 0);
	must(crypto_new((struct chance){ &r->chance, fill }, &r->crypto));
	found(r);
	world_node(r, w->now);
	return r;
}

void world_restart(struct region *r)
{
	r->world->restarts++;
	r->crash = CRASH_NOT;
	net_lost(r);
	r->node = node_free(r->node);
	r->admits = 0;
	r->held = r->busy = 0;
	/* As a killed kithd leaves it. */
	r->store = store_close(r->store);
	open_store(r);
	world_node(r, r->world->now);
}

struct region *world_region(struct world *w, const char *name)
{
	for (size_t i = 0; name && i < w->n_regions; i++)
		if (strcmp(w->regions[i].name, name) == 0 ||
			(name[0] == (char)('1' + i) && !name[1]))
			return &w->regions[i];
	return NULL;
}

struct record *world_record(struct world *w, const char *name)
{
	for (size_t i = 0; name && i < w->n_records; i++)
		if (strcmp(w->records[i].name, name) == 0)
			return &w->records[i];
	return NULL;
}

struct record *record_of(struct world *w, const struct id *id)
{
	for (size_t i = 0; i < w->n_records; i++)
		if (id_equal(&w->records[i].id, id))
			return &w->records[i];
	return NULL;
}

struct region *region_of(struct world *w, const struct id *id)
{
	for (size_t i = 0; i < w->n_regions; i++)
		if (id_equal(&w->regions[i].id, id))
			return &w->regions[i];
	return NULL;
}

/* Turns -------------------------------------------------------------------------------------
 */

static bool as_event(struct region *r, const struct item *item, struct event *ret)
{
	const struct world *w = r->world;

	*ret = (struct event){ 0 };
	if (item->life != r->life)
		return false;
	switch (item->kind) {
	case ITEM_START:
		ret->kind = EVENT_TICK;
		return true;
	case ITEM_READY:
		ret->kind = EVENT_LINK_READY;
		ret->curve_key = r->curve;
		ret->text = "tcp://*:1";
		return true;
	case ITEM_DIAL:
	case ITEM_DEAD:
		return false;
	case ITEM_UP:
		if (item->dialled && !item->link->up)
			return false;
		ret->kind = EVENT_LINK_UP;
		ret->region = w->regions[item->peer].id;
		ret->curve_key = w->regions[item->peer].curve;
		ret->dialled = item->dialled;
		break;
	case ITEM_DOWN:
		ret->kind = EVENT_LINK_DOWN;
		ret->text = item->text;
		break;
	case ITEM_FRAME:
		ret->kind = EVENT_FRAME;
		ret->bytes = (struct span){ item->bytes, item->len };
		break;
	}
	ret->link = item->number;
	return true;
}

/* Everything that has come for one region by now, in one turn. */
static void take_items(struct world *w)
{
	const unsigned index = w->heap[0].region;
	struct region *r = &w->regions[index];
	struct {
		struct item item;
		struct event event;
	} came[TURN_EVENTS];
	const struct event *events[TURN_EVENTS];
	size_t n = 0, taken = 0;

	if (r->busy > w->now) {
		struct item item = pop(w);

		item.at = r->busy;
		world_push(w, &item);
		return;
	}
	while (taken < TURN_EVENTS && w->n_heap && w->heap[0].at <= w->now &&
		w->heap[0].region == index) {
		struct item *item = &came[taken].item;

		*item = pop(w);
		if (net_arrives(r, item) && as_event(r, item, &came[taken].event)) {
			r->allowed += item->allowed;
			events[n++] = &came[taken].event;
		}
		taken++;
	}
	if (n)
		world_turn(r, events, n);
	for (size_t i = 0; i < taken; i++)
		free(came[i].item.bytes);
}

static struct region *earliest(struct world *w, msec *ret)
{
	struct region *first = NULL;

	*ret = MSEC_NEVER;
	for (size_t i = 0; i < w->n_regions; i++) {
		msec due = node_due(w->regions[i].node);

		if (due < w->regions[i].held)
			due = w->regions[i].held;
		if (due < w->regions[i].busy)
			due = w->regions[i].busy;
		if (due < *ret) {
			*ret = due;
			first = &w->regions[i];
		}
	}
	return first;
}

static void __attribute__((noreturn)) stuck(const struct world *w, const struct region *r)
{
	const size_t n = w->n_telling;

	for (size_t i = n > 40 ? n - 40 : 0; i < n; i++)
		fprintf(stderr, "%s\n", w->telling[i]);
	fprintf(stderr, "at %llu %s does not let time pass\n", (unsigned long long)w->now,
		r ? r->name : "nobody");
	exit(2);
}

bool world_run(struct world *w, msec until)
{
	uint64_t still = 0;

	while (!w->broken) {
		const struct event tick = { .kind = EVENT_TICK }, *ticks = &tick;
		msec due, next;
		struct region *r = earliest(w, &due);

		next = w->n_heap && w->heap[0].at <= due ? w->heap[0].at : due;
		if (next > until || next == MSEC_NEVER)
			break;
		still = next > w->now ? 0 : still + 1;
		if (still > 20000) {
			stuck(w, r);
		}
		if (next > w->now)
			w->now = next;
		if (w->n_heap && w->heap[0].at <= due)
			take_items(w);
		else
			world_turn(r, &ticks, 1);
		if (w->turns % 4096 == 0)
			law_everywhere(w);
	}
	if (!w->broken && until != MSEC_NEVER && until > w->now)
		w->now = until;
	return !w->broken;
}

bool world_settle(struct world *w)
{
	const msec limit = w->now + REST_MAX;

	w->busy = w->now;
	while (w->now < w->busy + REST) {
		if (!world_run(w, w->busy + REST))
			return false;
		if (w->now > limit) {
			law_broken(w, LAW_HASHES, "the regions do not come to rest");
			return false;
		}
	}
	law_everywhere(w);
	law_settled(w);
	watch_settled(w);
	prove_settled(w);
	return !w->broken;
}

/* A world's life ------------------------------------------------------------------------------
 */

void world_init(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->chance = seed ^ UINT64_C(0x6b697468);
	w->now = START;
	w->latency = 10;
	w->laws = ~0u;
	w->digest = UINT64_C(0xcbf29ce484222325);
	snprintf(w->top, sizeof(w->top), "%s/kith-sim-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(w->top) ? 0 : -errno);
	must(crypto_new((struct chance){ &w->chance, fill }, &w->judge));
}

static int drop_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static void drop_links(struct link *l)
{
	while (l) {
		struct link *next = l->next;

		net_forget(l);
		free(l);
		l = next;
	}
}

void world_done(struct world *w)
{
	for (size_t i = 0; i < w->n_regions; i++) {
		struct region *r = &w->regions[i];

		node_free(r->node);
		store_close(r->store);
		crypto_free(r->crypto);
		arena_done(&r->arena);
		arena_done(&r->heard_arena);
		free(r->last_frame);
	}
	while (w->n_heap)
		free(pop(w).bytes);
	free(w->heap);
	drop_links(w->links);
	drop_links(w->graves);
	world_tell_hush(w);
	free(w->telling);
	for (size_t i = 0; i < w->n_texts; i++)
		free(w->texts[i]);
	prove_done(w);
	crypto_free(w->judge);
	nftw(w->top, drop_file, 16, FTW_DEPTH | FTW_PHYS);
}
