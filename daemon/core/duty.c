/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Days of changes, and duties from affairs. What affairs say of terms and Offers becomes ranges
 * of days; nothing here decides again what counts.
 */

#include "daemon/core/duty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct held *held_at(const struct held *held, size_t n, const struct place *at)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = place_order(&held[mid].ref.at, at);

		if (order == 0)
			return &held[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

size_t held_names(const struct held *h, bool before, struct named ret[NAMES_MAX])
{
	const struct control *c = &h->control;
	const struct {
		bool has;
		const char *as;
		const struct ref *ref;
	} all[] = {
		{ c->has_right, "right", &c->right },
		{ c->has_offer, "offer", &c->offer },
		{ c->has_accept, "accept", &c->accept },
		{ c->has_withdraw, "withdraw", &c->withdraw },
		{ c->has_before && before, "before", &c->before },
	};
	size_t n = 0;

	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i].has)
			ret[n++] = (struct named){ all[i].as, &all[i].ref->at,
				&all[i].ref->change };
	if (c->kind == CONTROL_RESOLVE)
		ret[n++] = (struct named){ "last", &c->last.at, &c->last.change };
	for (size_t i = 0; i < c->n_votes && n < NAMES_MAX; i++)
		ret[n++] = (struct named){ "vote", &c->votes[i].at, &c->votes[i].change };
	return n;
}

static const struct held *held_named(const struct reckoning *k, const struct named *name)
{
	const struct held *h = held_at(k->held, k->n, name->at);

	return h && hash_equal(&h->ref.change, name->change) ? h : NULL;
}

/* One change names another. */
struct edge {
	size_t by, on;
};

static int head_order(const void *x, const void *y)
{
	const struct head *a = x, *b = y;
	int order = place_order(&a->at, &b->at);

	return order ? order : memcmp(a->change.b, b->change.b, HASH_LEN);
}

/* What is named and not here, each once. */
static int find_lacks(struct reckoning *k, struct arena *a)
{
	size_t room = 0, n = 0;

	for (size_t i = 0; i < k->n; i++) {
		struct named names[NAMES_MAX];
		size_t n_names = held_names(&k->held[i], true, names);

		for (size_t j = 0; j < n_names; j++) {
			struct head *grown;

			if (held_named(k, &names[j]))
				continue;
			grown = arena_grow(a, k->lacks, n, &room, sizeof(*k->lacks));
			if (!grown)
				return err_new(-ENOMEM);
			k->lacks = grown;
			k->lacks[n++] = (struct head){ *names[j].at, *names[j].change };
		}
	}
	if (n)
		qsort(k->lacks, n, sizeof(*k->lacks), head_order);
	for (size_t i = 0; i < n; i++)
		if (!k->n_lacks || head_order(&k->lacks[k->n_lacks - 1], &k->lacks[i]) != 0)
			k->lacks[k->n_lacks++] = k->lacks[i];
	return 0;
}

/* One round over what each change names; whether a day moved. */
static bool raise_days(struct reckoning *k, const struct edge *edges, size_t n)
{
	bool moved = false;

	for (size_t i = 0; i < n; i++)
		if (k->days[edges[i].on] > k->days[edges[i].by]) {
			k->days[edges[i].by] = k->days[edges[i].on];
			moved = true;
		}
	return moved;
}

/* (P11.6) A change stands on no day before those of what it names. Nobody can make changes that
 * name each other in a ring, so that the rounds are as many as the longest path at most. */
static int find_days(struct reckoning *k, struct arena *a)
{
	struct edge *edges = NULL, *grown;
	size_t n_edges = 0, room = 0;

	k->days = arena_array(a, k->n + 1, sizeof(*k->days));
	if (!k->days)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < k->n; i++) {
		struct named names[NAMES_MAX];
		size_t n = held_names(&k->held[i], false, names);

		k->days[i] = k->held[i].control.date.day;
		for (size_t j = 0; j < n; j++) {
			const struct held *h = held_named(k, &names[j]);

			if (!h)
				continue;
			grown = arena_grow(a, edges, n_edges, &room, sizeof(*edges));
			if (!grown)
				return err_new(-ENOMEM);
			edges = grown;
			edges[n_edges++] =
				(struct edge){ .on = (size_t)(h - k->held), .by = i };
		}
	}
	for (size_t round = 0; round <= k->n && raise_days(k, edges, n_edges); round++)
		;
	return 0;
}

static int32_t day_of(const struct reckoning *k, const struct held *h)
{
	return k->days[h - k->held];
}

int32_t duties_since(const struct reckoning *k)
{
	return day_of(k, held_at(k->held, k->n, &k->affairs.genesis.at));
}

static void end_duty(const struct reckoning *k, struct duty *d, const struct held *end)
{
	d->open = !end;
	d->to = end ? day_of(k, end) : INT32_MAX;
	if (d->to < d->from)
		d->to = d->from;
}

static enum duty_how how_of(const struct stint *s)
{
	switch (s->why) {
	case STINT_CUSTODIAN:
		return s->term == 1 ? DUTY_MADE : DUTY_CUSTODIAN;
	case STINT_ACCEPTED:
		return DUTY_ACTING;
	case STINT_ASSUMED:
		return DUTY_ASSUMED;
	case STINT_FORKED:
		break;
	}
	return DUTY_FORKED;
}

static int find_duties(struct reckoning *k, struct arena *a)
{
	const struct affairs *f = &k->affairs;

	k->duties = arena_array(a, f->n_stints + 1, sizeof(*k->duties));
	if (!k->duties)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < f->n_stints; i++) {
		const struct stint *s = &f->stints[i];
		struct duty *d = &k->duties[k->n_duties++];

		*d = (struct duty){ .region = s->region,
			.term = s->term,
			.from = day_of(k, s->from),
			.how = how_of(s) };
		end_duty(k, d, s->to);
	}
	return 0;
}

int duties_reckon(const struct held *held, size_t n, struct arena *a, struct reckoning *ret)
{
	int r;

	*ret = (struct reckoning){ .held = held, .n = n };
	r = affairs_read(held, n, a, &ret->affairs);
	if (!r)
		r = find_days(ret, a);
	if (!r)
		r = find_lacks(ret, a);
	if (!r && ret->affairs.known)
		r = find_duties(ret, a);
	return r ? err_up(r) : 0;
}

static int number_order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int duty_order(const struct duty *a, const struct duty *b)
{
	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	if (a->to != b->to)
		return a->to < b->to ? -1 : 1;
	if (a->term != b->term)
		return number_order(a->term, b->term);
	if (a->how != b->how)
		return a->how < b->how ? -1 : 1;
	return id_order(&a->region, &b->region);
}

static int duty_sort(const void *x, const void *y)
{
	return duty_order(x, y);
}

int duties_within(const struct reckoning *k, int32_t from, int32_t to, struct arena *a,
	struct duty **ret, size_t *ret_n)
{
	struct duty *v = arena_array(a, k->n_duties + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < k->n_duties; i++) {
		struct duty d = k->duties[i];

		if (d.to < from || d.from > to)
			continue;
		if (d.from < from)
			d.from = from;
		if (d.to > to)
			d.to = to;
		v[n++] = d;
	}
	qsort(v, n, sizeof(*v), duty_sort);
	*ret = v;
	*ret_n = n;
	return 0;
}

/* .v is in order, so that whoever covers a day begins before what lies behind it. */
bool duties_gap(const struct duty *v, size_t n, int32_t from, int32_t to, int32_t *ret,
	int32_t *ret_last)
{
	int64_t next = from;

	for (size_t i = 0; i < n && next <= to; i++) {
		if (v[i].from > next) {
			*ret = (int32_t)next;
			*ret_last = v[i].from <= to ? v[i].from - 1 : to;
			return true;
		}
		if (v[i].to >= next)
			next = (int64_t)v[i].to + 1;
	}
	if (next > to)
		return false;
	*ret = (int32_t)next;
	*ret_last = to;
	return true;
}
