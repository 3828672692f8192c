/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which entries are superseded, and which stand in conflict (P10.2). Anybody in a circle may
 * say of one entry a hundred thousand times that it is superseded: no two of them are compared
 * but neighbours, and what a change had seen is followed back once for each chain.
 */

#include "daemon/core/folding.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/core/inside.h"

#define NO_LANE UINT32_MAX

/* One entry's word about another: both as indices in .entries; and its change, in .all. */
struct claim {
	size_t target, by, at;
	const uint32_t
		*seen; /* by that change, when the target is contested: see struct judging */
};

struct judging {
	struct folding *w;
	struct arena *arena;
	struct claim *claims;
	size_t n, room;
	size_t *place; /* place[i]: the change that is the i-th in the order, in .all */
	/* Strands from which entries are claimed that others claim, too. */
	uint32_t *lanes; /* of each strand, or NO_LANE */
	size_t n_lanes;
	struct claim **contested; /* by their changes */
	size_t n_contested;
	/* What the changes of one strand have seen, as it is followed back: of each strand so
	 * many, and so many of these have been looked at. */
	uint32_t *seen, *looked;
	size_t *stack; /* strands that are to be looked at, each once */
	size_t n_stack;
	bool *stacked;
	size_t *deps, *deps_end; /* of every change, in .all */
};

static int claim_order(const void *x, const void *y)
{
	const struct claim *a = x, *b = y;

	if (a->target != b->target)
		return a->target < b->target ? -1 : 1;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->by < b->by ? -1 : a->by > b->by;
}

static int change_order(const void *x, const void *y)
{
	const struct claim *const *a = x, *const *b = y;

	return (*a)->at < (*b)->at ? -1 : (*a)->at > (*b)->at;
}

/* Claims --------------------------------------------------------------------------------------
 */

static int add_claims(struct judging *j, size_t by, const struct entry_ref *refs, size_t n)
{
	const struct folding *w = j->w;
	const struct fold *f = w->f;

	for (size_t i = 0; i < n; i++) {
		struct claim *grown;
		const struct fold_change *target;
		size_t at;

		if (!fold_find(w, &refs[i].change, &at))
			continue;
		target = &f->changes[w->rank[at]];
		if (!fold_counts(target) || refs[i].index >= target->body.n_entries)
			continue;
		grown = arena_grow(j->arena, j->claims, j->n, &j->room, sizeof(*grown));
		if (!grown)
			return err_new(-ENOMEM);
		j->claims = grown;
		grown[j->n++] = (struct claim){ .target = target->first + refs[i].index,
			.by = by,
			.at = j->place[f->entries[by].change - f->changes] };
	}
	return 0;
}

static int collect_claims(struct judging *j)
{
	struct folding *w = j->w;
	struct fold *f = w->f;

	j->place = arena_array(j->arena, w->n + 1, sizeof(*j->place));
	if (!j->place)
		return err_new(-ENOMEM);
	for (size_t at = 0; at < w->n; at++)
		j->place[w->rank[at]] = at;
	for (size_t i = 0; i < f->n_entries; i++) {
		const struct entry *e = f->entries[i].entry;
		int r;

		if (!fold_counts(f->entries[i].change))
			continue;
		r = add_claims(j, i, e->supersedes, e->n_supersedes);
		if (!r)
			r = add_claims(j, i, e->corrects, e->n_corrects);
		if (r)
			return err_up(r);
	}
	if (j->n)
		qsort(j->claims, j->n, sizeof(*j->claims), claim_order);
	for (size_t i = 0; i < j->n; i++)
		f->entries[j->claims[i].target].status = ENTRY_SUPERSEDED;
	return 0;
}

/* The end of the claims from .i on that are about one target, or that come from one lane. */
static size_t end_of_target(const struct judging *j, size_t i)
{
	const size_t target = j->claims[i].target;

	while (i < j->n && j->claims[i].target == target)
		i++;
	return i;
}

static size_t end_of_lane(const struct judging *j, size_t i, size_t end)
{
	const struct strand *t = &j->w->strands[fold_strand(j->w, j->claims[i].at)];

	while (i < end && j->claims[i].at < t->first + t->n)
		i++;
	return i;
}

/* A target is contested when more than one chain claims it. */
static int find_contested(struct judging *j)
{
	j->lanes = arena_array(j->arena, j->w->n_strands + 1, sizeof(*j->lanes));
	j->contested = arena_array(j->arena, j->n + 1, sizeof(struct claim *));
	if (!j->lanes || !j->contested)
		return err_new(-ENOMEM);
	for (size_t k = 0; k < j->w->n_strands; k++)
		j->lanes[k] = NO_LANE;
	for (size_t i = 0, end; i < j->n; i = end) {
		end = end_of_target(j, i);
		if (end_of_lane(j, i, end) == end)
			continue;
		for (size_t k = i; k < end; k++) {
			uint32_t *lane = &j->lanes[fold_strand(j->w, j->claims[k].at)];

			if (*lane == NO_LANE)
				*lane = (uint32_t)j->n_lanes++;
			j->contested[j->n_contested++] = &j->claims[k];
		}
	}
	if (j->n_contested)
		qsort(j->contested, j->n_contested, sizeof(struct claim *), change_order);
	return 0;
}

/* What a change has seen
 * -----------------------------------------------------------------------
 */

/* Each dep is looked for once. */
static int find_deps(struct judging *j)
{
	const struct folding *w = j->w;
	size_t n = 0;

	for (size_t at = 0; at < w->n; at++)
		n += w->all[at].body.n_deps;
	j->deps = arena_array(j->arena, n + 1, sizeof(*j->deps));
	j->deps_end = arena_array(j->arena, w->n + 1, sizeof(*j->deps_end));
	if (!j->deps || !j->deps_end)
		return err_new(-ENOMEM);
	n = 0;
	for (size_t at = 0; at < w->n; at++) {
		const struct fold_change *c = &w->all[at];

		for (size_t d = 0; d < c->body.n_deps; d++)
			n += fold_dep(w, c, d, &j->deps[n]);
		j->deps_end[at] = n;
	}
	return 0;
}

static void has_seen(struct judging *j, size_t at)
{
	const size_t k = fold_strand(j->w, at);
	const uint32_t n = (uint32_t)(at - j->w->strands[k].first + 1);

	if (j->seen[k] >= n)
		return;
	j->seen[k] = n;
	if (!j->stacked[k])
		j->stack[j->n_stack++] = k;
	j->stacked[k] = true;
}

/* What this change has seen, and what that has seen: each change is looked at once. */
static void follow_back(struct judging *j, size_t at)
{
	has_seen(j, at);
	while (j->n_stack) {
		const size_t k = j->stack[--j->n_stack], first = j->w->strands[k].first;

		j->stacked[k] = false;
		while (j->looked[k] < j->seen[k]) {
			const size_t i = first + j->looked[k]++;

			for (size_t d = i ? j->deps_end[i - 1] : 0; d < j->deps_end[i]; d++)
				has_seen(j, j->deps[d]);
		}
	}
}

static const uint32_t *remember(struct judging *j)
{
	uint32_t *v = arena_array(j->arena, j->n_lanes, sizeof(*v));

	for (size_t k = 0; v && k < j->w->n_strands; k++)
		if (j->lanes[k] != NO_LANE)
			v[j->lanes[k]] = j->seen[k];
	return v;
}

/* Chain after chain, each from its first claim to its last: it has seen more and more. */
static int look_back(struct judging *j)
{
	const size_t strands = j->w->n_strands;
	size_t last = SIZE_MAX;

	j->seen = arena_array(j->arena, strands, sizeof(*j->seen));
	j->looked = arena_array(j->arena, strands, sizeof(*j->looked));
	j->stack = arena_array(j->arena, strands, sizeof(*j->stack));
	j->stacked = arena_array(j->arena, strands, sizeof(*j->stacked));
	if (!j->seen || !j->looked || !j->stack || !j->stacked)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < j->n_contested; i++) {
		struct claim *c = j->contested[i];
		const size_t strand = fold_strand(j->w, c->at);

		if (i && j->contested[i - 1]->at == c->at) {
			c->seen = j->contested[i - 1]->seen;
			continue;
		}
		for (size_t k = 0; strand != last && k < strands; k++)
			j->seen[k] = j->looked[k] = 0;
		last = strand;
		follow_back(j, c->at);
		c->seen = remember(j);
		if (!c->seen)
			return err_new(-ENOMEM);
	}
	return 0;
}

/* Conflicts
 * ------------------------------------------------------------------------------------
 */

/* Of two chains that claim one target: those of .a that know of none of .b that does not know
 * of them. What a change has seen, the next one of its chain has seen; so the first of .b that
 * a change of .a has not seen decides. */
static void judge_lanes(struct judging *j, size_t a, size_t a_end, size_t b, size_t b_end)
{
	const struct strand *at_a = &j->w->strands[fold_strand(j->w, j->claims[a].at)];
	const struct strand *at_b = &j->w->strands[fold_strand(j->w, j->claims[b].at)];
	const uint32_t lane_a = j->lanes[at_a - j->w->strands];
	const uint32_t lane_b = j->lanes[at_b - j->w->strands];

	for (; a < a_end; a++) {
		const struct claim *c = &j->claims[a];
		struct fold_entry *e = &j->w->f->entries[c->by];

		while (b < b_end && j->claims[b].at < at_b->first + c->seen[lane_b])
			b++;
		if (b < b_end && c->at >= at_a->first + j->claims[b].seen[lane_a] &&
			e->status == ENTRY_CURRENT)
			e->status = ENTRY_CONFLICT;
	}
}

static void judge_target(struct judging *j, size_t first, size_t end)
{
	for (size_t a = first, a_end; a < end; a = a_end) {
		a_end = end_of_lane(j, a, end);
		for (size_t b = first, b_end; b < end; b = b_end) {
			b_end = end_of_lane(j, b, end);
			if (a != b)
				judge_lanes(j, a, a_end, b, b_end);
		}
	}
}

int fold_judge(struct folding *w)
{
	struct fold *f = w->f;
	struct arena arena;
	struct judging j = { .w = w, .arena = &arena };
	int r;

	arena_init(&arena, 0);
	r = collect_claims(&j);
	if (!r)
		r = find_contested(&j);
	if (!r && j.n_contested)
		r = find_deps(&j);
	if (!r && j.n_contested)
		r = look_back(&j);
	for (size_t i = 0, end; !r && j.n_contested && i < j.n; i = end) {
		end = end_of_target(&j, i);
		judge_target(&j, i, end);
	}
	arena_done(&arena);
	for (size_t i = 0; i < f->n_entries; i++)
		f->conflicts += f->entries[i].status == ENTRY_CONFLICT;
	return r ? err_up(r) : 0;
}
