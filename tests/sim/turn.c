/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Turns, as the host does them: step, commit, and only then speak. A turn that is lost, for
 * want of room or of memory, is undone; there is a new node, and what was asked in it is asked
 * again, alone.
 */

#include <errno.h>
#include <string.h>

#include "tests/kit/alloc.h"
#include "tests/sim/sim.h"

#define HOLD      1000 /* after a lost turn; doubled with every one in a row */
#define DOUBLINGS 6
#define QUIET     60000

enum outcome { DONE, KILLED, FULL, BROKEN };

/* One line: verb, record, peer, number, verdict, words. */
static void retell(struct region *r, const struct tell *t)
{
	const struct record *record = record_of(r->world, &t->record);
	const struct region *peer = region_of(r->world, &t->peer);
	char line[400], id[ID_TEXT_LEN];
	int n = snprintf(line, sizeof(line), "%s", tell_word(t->verb));

#define SAY(...) n += snprintf(line + n, sizeof(line) - (size_t)n, __VA_ARGS__)
	if (!id_is_zero(&t->record))
		SAY(" %s", record ? record->name : id_text(&t->record, id));
	if (!id_is_zero(&t->peer))
		SAY(" %s", peer ? peer->name : t->peer_name);
	if (t->n)
		SAY(" %llu", (unsigned long long)t->n);
	if (t->verdict)
		SAY(" %.80s", t->verdict);
	if (t->text)
		SAY(": %.120s", t->text);
#undef SAY
	world_tell(r->world, r, "%s", line);
}

/* A reply outlives its turn: client.c reads it. */
static void hear(struct region *r, const struct action *a)
{
	struct actions *h = &r->heard;
	struct action *v = arena_grow(&r->heard_arena, h->v, h->n, &h->room, sizeof(*v));
	uint8_t *copy = arena_copy(&r->heard_arena, a->bytes.at, a->bytes.len);

	must(v && copy ? 0 : -ENOMEM);
	h->v = v;
	v[h->n] = *a;
	v[h->n++].bytes.at = copy;
}

static void carry_out(struct region *r, const struct action *a)
{
	struct link_frame f;

	switch (a->kind) {
	case ACTION_TELL:
		retell(r, &a->tell);
		return;
	case ACTION_REPLY:
		hear(r, a);
		return;
	case ACTION_HOST:
		return; /* a reload, a verification: not asked for here */
	case ACTION_LINK_PEERS:
	case ACTION_LINK_DIAL:
	case ACTION_LINK_DROP:
	case ACTION_LINK_SEND:
		break;
	}
	must(wire_link_decode(a->bytes, &r->arena, &f));
	if (a->kind == ACTION_LINK_PEERS)
		net_peers(r, &f);
	else if (a->kind == ACTION_LINK_DIAL)
		net_dial(r, &f);
	else if (a->kind == ACTION_LINK_SEND)
		net_send(r, &f);
	else
		net_drop(r, f.link, "dropped");
}

/* What a slow disk holds back leaves when it is written; until then nothing is taken in. */
static void speak(struct region *r, const struct actions *out, bool dirty)
{
	r->late = dirty ? r->disk_ms : 0;
	for (size_t i = 0; i < out->n; i++)
		carry_out(r, &out->v[i]);
	if (r->late)
		r->busy = r->world->now + r->late;
	r->late = 0;
}

static const struct host_figures *figures_of(const struct region *r)
{
	static const struct host_figures roomy = { .store_map_bytes = 1 << 28,
		.disk_free_bytes = UINT64_C(1) << 40,
		.link_connected = true };
	static const struct host_figures full = { .store_map_bytes = 1 << 28,
		.store_bytes = 1 << 28,
		.disk_free_bytes = UINT64_C(1) << 40,
		.link_connected = true };

	/* Not always seen before a write meets it: figures are some time old. */
	return r->full && r->room % 2 ? &full : &roomy;
}

/* One event, or the turn's end: no event. Its n-th allocation fails when it is so ordered;
 * nothing may come of that but a broken turn. */
static enum outcome step(struct region *r, const struct event *event, const struct view *view,
	struct actions *out)
{
	struct world *w = r->world;
	const uint64_t calls = alloc_count();
	const size_t used = r->arena.used;
	struct event e = event ? *event : (struct event){ .kind = EVENT_TICK };
	bool starved = false;
	int rc;

	e.now = w->now;
	e.wall_ms = (uint64_t)((int64_t)(EPOCH_MS + w->now) + r->skew_ms);
	e.figures = figures_of(r);
	if (r->starve)
		alloc_fail_at(r->starve);
	rc = event ? node_step(r->node, &e, view, out) : node_end(r->node, &e, view, out);
	w->events += event != NULL;
	if (r->starve) {
		const uint64_t made = alloc_count() - calls;

		starved = alloc_failed();
		r->starve = starved || made >= r->starve ? 0 : r->starve - made;
	}
	if (starved && rc >= 0 && rc != VIEW_FULL)
		law_broken(w, LAW_BOUNDS, "%s has no memory and goes on (%d)", r->name, rc);
	if (starved || rc == VIEW_FULL) {
		err_forget();
		return starved ? BROKEN : FULL;
	}
	must(rc);
	watch_step(r, &e, r->arena.used - used);
	return DONE;
}

static enum outcome attempt(struct region *r, const struct event *const *events, size_t n)
{
	struct world *w = r->world;
	const enum crash crash = r->crash;
	struct actions out = { .arena = &r->arena };
	struct why why = { { 0 } };
	struct view view;
	bool dirty;

	memset(&r->wrote, 0, sizeof(r->wrote));
	arena_reset(&r->arena);
	r->spoilt = false;
	r->left = r->room;
	must(store_turn_begin(r->store, &r->view));
	view = port_view(r);
	watch_turn_begins(r);
	for (size_t i = 0; i <= n; i++) {
		const enum outcome outcome = step(r, i < n ? events[i] : NULL, &view, &out);

		if (outcome != DONE) {
			store_turn_abort(r->store);
			return outcome;
		}
	}
	w->turns++;
	law_before_commit(r);
	dirty = store_turn_dirty(r->store);
	if (crash == CRASH_BEFORE_COMMIT && dirty) {
		store_turn_abort(r->store);
		world_tell(w, r, "is killed before its commit");
		if (r->mutant == SPEAKS_EARLY)
			speak(r, &out, dirty);
		world_restart(r);
		return KILLED;
	}
	must(store_turn_commit(r->store, &why));
	law_after_commit(r);
	watch_committed(r, dirty);
	if (crash == CRASH_AFTER_COMMIT && dirty) {
		world_tell(w, r, "is killed after its commit");
		world_restart(r);
		return KILLED;
	}
	speak(r, &out, dirty);
	return DONE;
}

/* Its links are closed with kith-link, which comes back when the node is let go on. */
static void renew(struct region *r, enum outcome why)
{
	struct world *w = r->world;

	world_tell(
		w, r, "%s: the turn is undone", why == FULL ? "has no room" : "has no memory");
	w->lost++;
	if (w->now > r->held + QUIET)
		r->losses = 0;
	r->held = w->now + ((msec)HOLD << (r->losses < DOUBLINGS ? r->losses : DOUBLINGS));
	r->losses++;
	net_lost(r);
	r->node = node_free(r->node);
	r->admits = 0;
	world_node(r, r->held);
}

static void refuse(struct region *r, const struct event *e)
{
	const struct ctl_reply reply = { .id = 1,
		.last = true,
		.problem = PROBLEM_DISK_FULL,
		.problem_text = "the store or its disk is full" };
	struct action a = { .kind = ACTION_REPLY, .client = e->client };

	must(wire_reply_encode(&reply, &r->heard_arena, &a.bytes));
	hear(r, &a);
}

void world_turn(struct region *r, const struct event *const *events, size_t n)
{
	enum outcome outcome;

	arena_reset(&r->heard_arena);
	r->heard = (struct actions){ .arena = &r->heard_arena };
	outcome = attempt(r, events, n);
	if (outcome == DONE || outcome == KILLED)
		return;
	renew(r, outcome);
	for (size_t i = 0; i < n; i++) {
		if (events[i]->kind != EVENT_ASK)
			continue;
		outcome = attempt(r, &events[i], 1);
		if (outcome == KILLED)
			return;
		if (outcome == DONE)
			continue;
		renew(r, outcome);
		if (outcome == FULL)
			refuse(r, events[i]);
	}
}
