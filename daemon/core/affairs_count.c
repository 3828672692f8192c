/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which changes count, and their order. A change counts when everything that it names is held
 * and counts (P6.3): until then it says nothing, so that nobody acts on half of a path. The
 * order is by clock, but each chain stays in its own: so the lives of a store that was restored
 * come one after the other, whatever their ids are.
 */

#include "daemon/core/affairs_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct node {
	const struct held *held;
	uint64_t clock; /* the highest of its chain up to here */
	size_t waits;   /* for so many that it names */
	bool missing;   /* one that it names is not held */
	bool counts;
};

struct graph {
	struct node *v; /* by place */
	size_t n;
	struct edge {
		size_t of, by;
	} * edges; /* .by names .of */
	size_t n_edges, room_edges;
	struct arena *arena;
};

static int by_place(const void *x, const void *y)
{
	const struct node *a = x, *b = y;

	return place_order(&a->held->ref.at, &b->held->ref.at);
}

static int by_clock(const void *x, const void *y)
{
	const struct node *a = x, *b = y;

	if (a->clock != b->clock)
		return a->clock < b->clock ? -1 : 1;
	return by_place(x, y);
}

static int by_named(const void *x, const void *y)
{
	const struct edge *a = x, *b = y;

	return a->of < b->of ? -1 : a->of > b->of;
}

/* Two changes of one place can be held only where a test says so: then the id decides. */
static const struct node *find(
	const struct graph *g, const struct place *at, const struct hash *change)
{
	const struct held key = { .ref = { .at = *at } };
	const struct node like = { .held = &key };
	const struct node *v = bsearch(&like, g->v, g->n, sizeof(*g->v), by_place);

	return v && hash_equal(&v->held->ref.change, change) ? v : NULL;
}

static int name(struct graph *g, size_t by, const struct place *at, const struct hash *change)
{
	const struct node *v = find(g, at, change);
	struct edge *grown;

	if (!v) {
		g->v[by].missing = true;
		return 0;
	}
	grown = arena_grow(g->arena, g->edges, g->n_edges, &g->room_edges, sizeof(*grown));
	if (!grown)
		return err_new(-ENOMEM);
	g->edges = grown;
	g->edges[g->n_edges++] = (struct edge){ .of = (size_t)(v - g->v), .by = by };
	g->v[by].waits++;
	return 0;
}

/* .before is for people, but for what rests on the answer that it names: an Offer, and what is
 * said of the circle (P6.3). */
static bool rests_on_before(const struct control *c)
{
	return c->has_before && (c->kind == CONTROL_OFFER || c->kind == CONTROL_CIRCLE);
}

static int name_all(struct graph *g, size_t by)
{
	const struct control *c = &g->v[by].held->control;
	const struct {
		bool there;
		const struct ref *ref;
	} refs[] = { { c->has_right, &c->right }, { rests_on_before(c), &c->before },
		{ c->has_offer, &c->offer }, { c->has_accept, &c->accept },
		{ c->has_withdraw, &c->withdraw } };
	int r = 0;

	for (size_t i = 0; i < COUNT(refs) && !r; i++)
		if (refs[i].there)
			r = name(g, by, &refs[i].ref->at, &refs[i].ref->change);
	for (size_t i = 0; i < c->n_votes && !r; i++)
		r = name(g, by, &c->votes[i].at, &c->votes[i].change);
	if (!r && c->kind == CONTROL_RESOLVE)
		r = name(g, by, &c->last.at, &c->last.change);
	return r ? err_up(r) : 0;
}

/* From those that name nothing upwards: each edge is looked at once. */
static int settle(struct graph *g)
{
	size_t *queue = arena_array(g->arena, g->n ? g->n : 1, sizeof(*queue)), n = 0;
	size_t *first = arena_array(g->arena, g->n + 1, sizeof(*first));

	if (!queue || !first)
		return err_new(-ENOMEM);
	if (g->n_edges)
		qsort(g->edges, g->n_edges, sizeof(*g->edges), by_named);
	memset(first, 0, (g->n + 1) * sizeof(*first));
	for (size_t i = 0; i < g->n_edges; i++)
		first[g->edges[i].of + 1]++;
	for (size_t i = 0; i < g->n; i++) {
		first[i + 1] += first[i];
		if (!g->v[i].waits && !g->v[i].missing)
			queue[n++] = i;
	}
	for (size_t i = 0; i < n; i++) {
		g->v[queue[i]].counts = true;
		for (size_t k = first[queue[i]]; k < first[queue[i] + 1]; k++) {
			struct node *v = &g->v[g->edges[k].by];

			if (--v->waits == 0 && !v->missing)
				queue[n++] = g->edges[k].by;
		}
	}
	return 0;
}

static bool is_custody(enum control_kind k)
{
	switch (k) {
	case CONTROL_OFFER:
	case CONTROL_WITHDRAW:
	case CONTROL_ACCEPT:
	case CONTROL_DECLINE:
	case CONTROL_STAND_DOWN:
	case CONTROL_RELEASE:
	case CONTROL_RESOLVE:
		return true;
	case CONTROL_GENESIS:
	case CONTROL_CIRCLE:
	case CONTROL_KEY_EPOCH:
	case CONTROL_CLOSE:
	case CONTROL_ERASURE:
	case CONTROL_ASSUME:
	case CONTROL_UNKNOWN:
		return false;
	}
	return false;
}

static int add_dangling(struct walk *w, const struct id *region)
{
	if (affairs_dangling(w->a, region))
		return 0;
	return ADD(w, dangling, *region);
}

static int place_of(const void *x, const void *y)
{
	const struct ref *at = x;
	const struct held *const *h = y;

	return place_order(&at->at, &(*h)->ref.at);
}

const struct held *walk_find(const struct walk *w, const struct ref *ref)
{
	const struct held **h =
		w->n ? bsearch(ref, w->placed, w->n, sizeof(*w->placed), place_of) : NULL;

	return h && ref_equal(&(*h)->ref, ref) ? *h : NULL;
}

int walk_count(struct walk *w, const struct held *held, size_t n)
{
	struct graph g = { .n = n, .arena = w->arena };
	int r = 0;

	g.v = arena_array(w->arena, n ? n : 1, sizeof(*g.v));
	w->all = arena_array(w->arena, n ? n : 1, sizeof(*w->all));
	w->placed = arena_array(w->arena, n ? n : 1, sizeof(*w->placed));
	w->resolves = arena_array(w->arena, n ? n : 1, sizeof(*w->resolves));
	w->a->all = arena_array(w->arena, n ? n : 1, sizeof(*w->a->all));
	if (!g.v || !w->all || !w->placed || !w->resolves || !w->a->all)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n; i++)
		g.v[i] = (struct node){ .held = &held[i], .clock = held[i].control.clock };
	qsort(g.v, n, sizeof(*g.v), by_place);
	w->a->n_all = n;
	for (size_t i = 0; i < n; i++)
		w->a->all[i] = g.v[i].held;
	for (size_t i = 1; i < n; i++)
		if (id_equal(&g.v[i].held->ref.at.author, &g.v[i - 1].held->ref.at.author) &&
			id_equal(&g.v[i].held->ref.at.incarnation,
				&g.v[i - 1].held->ref.at.incarnation) &&
			g.v[i].clock < g.v[i - 1].clock)
			g.v[i].clock = g.v[i - 1].clock;
	for (size_t i = 0; i < n && !r; i++)
		r = name_all(&g, i);
	if (!r)
		r = settle(&g);
	if (r)
		return err_up(r);
	for (size_t i = 0; i < n; i++)
		if (g.v[i].counts)
			w->placed[w->n++] = g.v[i].held;
	w->n = 0;
	qsort(g.v, n, sizeof(*g.v), by_clock);
	for (size_t i = 0; i < n && !r; i++) {
		if (g.v[i].counts && g.v[i].held->control.kind == CONTROL_RESOLVE)
			w->resolves[w->n_resolves++] = g.v[i].held;
		if (g.v[i].counts)
			w->all[w->n++] = g.v[i].held;
		else if (is_custody(g.v[i].held->control.kind))
			r = add_dangling(w, &g.v[i].held->ref.at.author);
	}
	return r ? err_up(r) : 0;
}
