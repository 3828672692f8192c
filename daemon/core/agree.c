/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Several certificates of one record (P11.9): whether all that they say can be true. Each has
 * been checked by itself; here the changes of two are put together.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/certify.h"

struct agreeing {
	struct arena *arena;
	struct notice *v;
	size_t n;
};

PRINTF(5, 6)
static int differ(struct agreeing *g, const struct certified *c, const char *rule,
	const struct place *at, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = notice_add(g->arena, c, &g->v, &g->n,
		&(struct notice){ .wrong = true, .rule = rule }, at, fmt, ap);
	va_end(ap);
	return r;
}

/* Two changes in one place are a fork of its chain (P3.5). */
static int compare_places(struct agreeing *g, const struct certified *a,
	const struct certified *b, size_t i, size_t j)
{
	for (size_t n = 0; n < a->by->n; n++) {
		const struct ref *one = &a->by->held[n].ref;
		const struct held *other = held_at(b->by->held, b->by->n, &one->at);
		int r;

		if (!other || hash_equal(&other->ref.change, &one->change))
			continue;
		r = differ(g, a, "P3.5", &one->at,
			"certificates %zu and %zu have two different changes there, both "
			"signed "
			"by its author",
			i + 1, j + 1);
		if (r)
			return err_up(r);
	}
	return 0;
}

/* What a region knew it knows later, too, in the same life. Later is what its log says: its
 * clock may have been set back. */
static int compare_knowledge(struct agreeing *g, const struct certified *before,
	const struct certified *later, size_t i, size_t j)
{
	if (!id_equal(&before->said.incarnation, &later->said.incarnation))
		return 0;
	for (size_t n = 0; n < before->by->n; n++) {
		const struct ref *one = &before->by->held[n].ref;
		int r;

		if (held_at(later->by->held, later->by->n, &one->at))
			continue;
		r = differ(g, before, "P11.9", &one->at,
			"certificate %zu has it and certificate %zu, which the same region "
			"issued later, does not: it was withheld",
			i + 1, j + 1);
		if (r)
			return err_up(r);
	}
	return 0;
}

static int held_sort(const void *x, const void *y)
{
	const struct held *a = x, *b = y;

	return place_order(&a->ref.at, &b->ref.at);
}

/* Of a fork's two changes the first stays: the fork has been named. */
static int unite(struct arena *arena, const struct certified *a, const struct certified *b,
	struct reckoning *ret)
{
	struct held *v = arena_array(arena, a->by->n + b->by->n, sizeof(*v));
	size_t n = a->by->n;

	if (!v)
		return err_new(-ENOMEM);
	memcpy(v, a->by->held, n * sizeof(*v));
	for (size_t i = 0; i < b->by->n; i++)
		if (!held_at(a->by->held, a->by->n, &b->by->held[i].ref.at))
			v[n++] = b->by->held[i];
	qsort(v, n, sizeof(*v), held_sort);
	return duties_reckon(v, n, arena, ret);
}

/* A Resolve that a certificate does not hold has ended the term, or taken away what came of it;
 * and that an Assume counts depends on who is known to be a guardian. */
static bool may_go(const struct duty *d, const struct certified *c, const struct reckoning *all)
{
	const struct affairs *f = &all->affairs;

	for (size_t i = 0; i < f->n_terms; i++) {
		const struct held *by = f->terms[i].resolve;

		if (by && f->terms[i].number <= d->term &&
			!held_at(c->by->held, c->by->n, &by->ref.at))
			return true;
	}
	return d->how == DUTY_ASSUMED;
}

/* Whether what one certificate says stays true when more is known (P11.9). */
static bool stays(const struct duty *d, const struct reckoning *all)
{
	for (size_t i = 0; i < all->n_duties; i++) {
		const struct duty *x = &all->duties[i];

		if (!id_equal(&x->region, &d->region) || x->term != d->term ||
			x->how != d->how || x->from != d->from)
			continue;
		if (d->open || (!x->open && (x->to == d->to || d->how == DUTY_ACTING)))
			return true;
	}
	return false;
}

static int compare_duties(struct agreeing *g, const struct certified *a,
	const struct reckoning *all, size_t i, size_t j)
{
	for (size_t n = 0; n < a->by->n_duties; n++) {
		const struct duty *d = &a->by->duties[n];
		const char *name, *from;
		int r;

		if (stays(d, all) || may_go(d, a, all))
			continue;
		name = certified_name(a, &d->region, g->arena);
		from = day_text(g->arena, d->from);
		r = name && from
			    ? differ(g, a, "P11.9", NULL,
				      "certificate %zu has %s, %s, term %llu, from %s; with "
				      "what certificate %zu has, that is not so",
				      i + 1, name, duty_how_text(d->how),
				      (unsigned long long)d->term, from, j + 1)
			    : err_new(-ENOMEM);
		if (r)
			return err_up(r);
	}
	return 0;
}

static int compare(struct agreeing *g, const struct certified *v, size_t i, size_t j)
{
	const struct certified *a = &v[i], *b = &v[j];
	struct reckoning all;
	size_t before = g->n;
	int r;

	if (!id_equal(&a->said.record, &b->said.record))
		return differ(g, a, "P11.9", NULL,
			"certificates %zu and %zu are about two different records", i + 1,
			j + 1);
	r = compare_places(g, a, b, i, j);
	if (!r && a->said.log <= b->said.log)
		r = compare_knowledge(g, a, b, i, j);
	if (!r && b->said.log <= a->said.log)
		r = compare_knowledge(g, b, a, j, i);
	if (r || g->n != before)
		return r ? err_up(r) : 0;
	r = unite(g->arena, a, b, &all);
	if (!r && all.affairs.forked && !a->forked && !b->forked)
		r = differ(g, a, "P6.10", NULL,
			"certificates %zu and %zu together show that two regions were released "
			"to in one term: custody is forked",
			i + 1, j + 1);
	if (!r)
		r = compare_duties(g, a, &all, i, j);
	if (!r)
		r = compare_duties(g, b, &all, j, i);
	return r ? err_up(r) : 0;
}

int certificates_agree(const struct certified *v, size_t n, struct arena *a,
	struct notice **ret, size_t *ret_n)
{
	struct agreeing g = { .arena = a };

	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++) {
			int r = compare(&g, v, i, j);

			if (r)
				return err_up(r);
		}
	*ret = g.v;
	*ret_n = g.n;
	return 0;
}
