/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The net: what kith-link does, under virtual time. Frames of one direction come in order; a
 * cut loses what is on its way and is noticed by both ends some seconds later. When only one
 * way is cut, frames stop there as in a stream, until it heals or a heartbeat ends the link.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

#define NOTICE    5000  /* until a dead link is noticed */
#define HEARTBEAT 30000 /* until one is that is dead in one direction */

static msec way(struct world *w, unsigned from, unsigned to, size_t len)
{
	const msec jitter = w->jitter + w->shaky[from][to];

	return w->regions[from].late + w->latency + w->slow[from][to] + len / 1024 +
	       (jitter ? world_random(w, jitter) : 0);
}

/* Which end of the link this region is: 0 or 1. */
static unsigned end_of(const struct link *l, const struct region *r)
{
	return l->ends[0] == r->index ? 0 : 1;
}

static struct link *find(const struct region *r, uint64_t number)
{
	for (struct link *l = r->world->links; l; l = l->next) {
		const unsigned end = end_of(l, r);

		if (l->up && l->ends[end] == r->index && l->numbers[end] == number &&
			l->lives[end] == r->life)
			return l;
	}
	return NULL;
}

/* Takes it off the list of what is looked through; events that are on their way may still name
 * it. */
static void bury(struct world *w, struct link *l)
{
	struct link **at = &w->links;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	l->up = false;
	l->next = w->graves;
	w->graves = l;
	net_forget(l);
}

void net_forget(struct link *l)
{
	for (unsigned end = 0; end < 2; end++) {
		for (size_t i = 0; i < l->n_stalled[end]; i++)
			free(l->stalled[end][i].bytes);
		free(l->stalled[end]);
		l->stalled[end] = NULL;
		l->n_stalled[end] = l->room_stalled[end] = 0;
	}
}

static bool between(const struct link *l, unsigned a, unsigned b)
{
	return l->up &&
	       ((l->ends[0] == a && l->ends[1] == b) || (l->ends[0] == b && l->ends[1] == a));
}

static void down(struct world *w, const struct link *l, unsigned end, msec at, const char *text)
{
	world_push(w, &(struct item){ .at = at,
			      .kind = ITEM_DOWN,
			      .region = l->ends[end],
			      .life = l->lives[end],
			      .number = l->numbers[end],
			      .text = text });
}

static void up(struct world *w, struct link *l, unsigned end)
{
	l->told[end] = true;
	world_push(w, &(struct item){ .at = l->last[end],
			      .kind = ITEM_UP,
			      .region = l->ends[end],
			      .peer = l->ends[1 - end],
			      .life = l->lives[end],
			      .number = l->numbers[end],
			      .link = l,
			      .dialled = end == 0 });
}

void net_peers(struct region *r, const struct link_frame *f)
{
	struct world *w = r->world;

	r->admits = 0;
	for (size_t i = 0; i < f->n_peers; i++) {
		const struct region *peer = region_of(w, &f->peers[i].region);

		for (size_t k = 0; peer && k < f->peers[i].n_curve_keys; k++)
			if (memcmp(&f->peers[i].curve_keys[k], &peer->curve, KEY_LEN) == 0)
				r->admits |= 1u << peer->index;
	}
}

void net_dial(struct region *r, const struct link_frame *f)
{
	struct world *w = r->world;
	const struct region *peer = region_of(w, &f->region);
	struct link *l = calloc(1, sizeof(*l));

	must(l && peer ? 0 : -EINVAL);
	*l = (struct link){ .next = w->links,
		.ends = { r->index, peer->index },
		.numbers = { f->link, 0 },
		.lives = { r->life, 0 } };
	w->links = l;
	world_push(w, &(struct item){ .at = w->now + way(w, r->index, peer->index, 0),
			      .kind = ITEM_DIAL,
			      .region = peer->index,
			      .life = peer->life,
			      .link = l });
}

static void dial_arrives(struct region *r, struct link *l)
{
	struct world *w = r->world;
	const unsigned from = l->ends[0];

	if (w->cut[from][r->index] || w->cut[r->index][from] || !(r->admits & 1u << from) ||
		w->regions[from].life != l->lives[0]) {
		down(w, l, 0, w->now + way(w, r->index, from, 0), "no answer");
		bury(w, l);
		return;
	}
	l->up = true;
	l->numbers[1] = r->next_link;
	l->lives[1] = r->life;
	r->next_link += 2;
	l->last[0] = w->now + way(w, r->index, from, 0);
	up(w, l, 0);
}

/* True: it stays on the way. */
static bool stalls(struct region *r, struct item *item)
{
	struct link *l = item->link;
	const unsigned end = end_of(l, r);

	if (!r->world->cut[l->ends[1 - end]][r->index] && !l->n_stalled[end])
		return false;
	if (l->n_stalled[end] == l->room_stalled[end]) {
		l->room_stalled[end] = l->room_stalled[end] ? 2 * l->room_stalled[end] : 16;
		l->stalled[end] = realloc(
			l->stalled[end], l->room_stalled[end] * sizeof(*l->stalled[end]));
		must(l->stalled[end] ? 0 : -ENOMEM);
	}
	l->stalled[end][l->n_stalled[end]++] = *item;
	item->bytes = NULL;
	return true;
}

/* What was sent before the other end was closed comes, too. */
static bool still_comes(struct region *r, struct item *item)
{
	const struct link *l = item->link;

	if (item->life != r->life)
		return false;
	return l->up ? !stalls(r, item) : item->at <= l->until[end_of(l, r)];
}

static bool frame_arrives(struct region *r, struct item *item)
{
	if (!still_comes(r, item))
		return false;
	free(r->last_frame);
	r->last_frame = malloc(item->len);
	must(r->last_frame ? 0 : -ENOMEM);
	memcpy(r->last_frame, item->bytes, item->len);
	r->last_frame_len = item->len;
	r->last_link = item->link;
	if (r->garble)
		item->bytes[item->len / 2] ^= 1;
	r->garble = false;
	return true;
}

static void end_link(struct world *w, struct link *l, msec at, const char *text)
{
	bury(w, l);
	down(w, l, 0, at, text);
	down(w, l, 1, at, text);
}

bool net_arrives(struct region *r, struct item *item)
{
	struct link *l = item->link;

	if (item->kind == ITEM_FRAME)
		return frame_arrives(r, item);
	if (item->kind == ITEM_UP && !item->dialled)
		return still_comes(r, item);
	if (item->kind == ITEM_DIAL)
		dial_arrives(r, l);
	if (item->kind == ITEM_DEAD && l->up && l->stalls == item->number)
		end_link(r->world, l, r->world->now, "missed heartbeats");
	return item->kind != ITEM_DIAL && item->kind != ITEM_DEAD;
}

static void send_to(
	struct world *w, struct link *l, unsigned end, struct span bytes, uint64_t allowed)
{
	msec at = w->now + way(w, l->ends[1 - end], l->ends[end], bytes.len);
	uint8_t *copy = malloc(bytes.len ? bytes.len : 1);

	must(copy ? 0 : -ENOMEM);
	memcpy(copy, bytes.at, bytes.len);
	if (at < l->last[end])
		at = l->last[end];
	l->last[end] = at;
	if (!l->told[end])
		up(w, l, end); /* who is dialled hears of a link with its first frame */
	world_push(w, &(struct item){ .at = at,
			      .kind = ITEM_FRAME,
			      .region = l->ends[end],
			      .life = l->lives[end],
			      .number = l->numbers[end],
			      .link = l,
			      .bytes = copy,
			      .len = bytes.len,
			      .allowed = allowed });
}

void net_send(struct region *r, const struct link_frame *f)
{
	struct link *l = find(r, f->link);
	uint64_t allowed;

	if (!l)
		return;
	world_digest(r->world, f->frame);
	allowed = watch_sent(r, l, 1 - end_of(l, r), f->frame);
	send_to(r->world, l, 1 - end_of(l, r), f->frame, allowed);
}

bool net_replay(struct region *r)
{
	struct link *l = r->last_link;

	if (!l || !l->up || l->lives[end_of(l, r)] != r->life)
		return false;
	send_to(r->world, l, end_of(l, r), (struct span){ r->last_frame, r->last_frame_len },
		0);
	return true;
}

void net_drop(struct region *r, uint64_t number, const char *reason)
{
	struct world *w = r->world;
	struct link *l = find(r, number);

	if (!l)
		return;
	bury(w, l);
	for (unsigned end = 0; end < 2; end++) {
		const unsigned to = l->ends[end];
		msec at = w->now;

		if (to == r->index) {
			down(w, l, end, at, reason);
		} else if (w->cut[r->index][to]) {
			down(w, l, end, at + HEARTBEAT, "missed heartbeats");
		} else {
			at += way(w, r->index, to, 0);
			l->until[end] = at > l->last[end] ? at : l->last[end];
			down(w, l, end, l->until[end], reason);
		}
	}
}

void net_lost(struct region *r)
{
	struct world *w = r->world;

	for (struct link *l = w->links, *next; l; l = next) {
		const unsigned end = end_of(l, r);

		next = l->next;
		if (!l->up || l->ends[end] != r->index)
			continue;
		bury(w, l);
		down(w, l, 1 - end, w->now + way(w, r->index, l->ends[1 - end], 0),
			"the peer is gone");
	}
}

/* What had stopped goes on; its places in the queue are those it had. */
static void flow(struct world *w, struct link *l, unsigned end)
{
	for (size_t i = 0; i < l->n_stalled[end]; i++) {
		struct item item = l->stalled[end][i];

		item.at = w->now;
		world_push(w, &item);
	}
	l->n_stalled[end] = 0;
}

void net_cut(struct world *w, unsigned a, unsigned b, bool cut)
{
	w->cut[a][b] = w->cut[b][a] = cut;
	for (struct link *l = w->links, *next; l; l = next) {
		next = l->next;
		if (!between(l, a, b))
			continue;
		if (cut) {
			end_link(w, l, w->now + NOTICE, "timed out");
			continue;
		}
		l->stalls++;
		flow(w, l, 0);
		flow(w, l, 1);
	}
}

void net_mute(struct world *w, unsigned from, unsigned to)
{
	if (w->cut[from][to])
		return;
	w->cut[from][to] = true;
	for (struct link *l = w->links; l; l = l->next)
		if (between(l, from, to))
			world_push(w, &(struct item){ .at = w->now + HEARTBEAT,
					      .kind = ITEM_DEAD,
					      .region = l->ends[0],
					      .link = l,
					      .number = ++l->stalls });
}

void net_kill(struct world *w, unsigned a, unsigned b)
{
	for (struct link *l = w->links, *next; l; l = next) {
		next = l->next;
		if (between(l, a, b))
			end_link(w, l, w->now + way(w, a, b, 0), "the link died");
	}
}

void net_heal(struct world *w)
{
	for (unsigned a = 0; a < w->n_regions; a++)
		for (unsigned b = 0; b < a; b++)
			if (w->cut[a][b] || w->cut[b][a])
				net_cut(w, a, b, false);
}
