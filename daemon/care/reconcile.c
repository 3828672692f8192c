/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reconciliation
 *
 * What a return adds to a record that has met returns before. Both sides are sorted by identity
 * and matched group by group, so a return that repeats one row a million times costs a sort.
 */

#include "daemon/care/care.h"

#include <string.h>

/* A row on either side. .used: something in the return equals it, or supersedes it. */
struct side {
	const struct care_held *row;
	size_t index;
	bool used;
};

static int by_key(const void *a, const void *b)
{
	const struct side *x = a, *y = b;

	return span_order(x->row->key, y->row->key);
}

static int by_content(const void *a, const void *b)
{
	const struct side *x = a, *y = b;
	int r = by_key(a, b);

	return r != 0 ? r : memcmp(x->row->content.b, y->row->content.b, HASH_LEN);
}

static int sides_of(struct arena *a, const struct care_held *rows, size_t n, struct side ***ret)
{
	struct side *all = arena_array(a, n + 1, sizeof(*all));
	struct side **v = arena_array(a, 2 * n + 1, sizeof(struct side *));

	if (all == NULL || v == NULL)
		return no_room(a);
	for (size_t i = 0; i < n; i++) {
		all[i] = (struct side){ &rows[i], i, false };
		v[i] = &all[i];
	}
	sort_stably(v, v + n, n, by_content);
	*ret = v;
	return 0;
}

/* One row of the return against the held rows that equal it: all of them are spoken for. */
static struct care_decision match(struct side *row, struct side **held, size_t n)
{
	struct care_decision d = { CARE_NEW, 0 };
	const struct side *now = NULL, *past = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct care_held *h = held[i]->row;

		held[i]->used = true;
		if (!h->past && (now == NULL || h->copies > now->row->copies))
			now = held[i];
		if (h->past && h->year >= row->row->year)
			past = held[i];
	}
	if (now != NULL) {
		d.kind = row->row->copies > now->row->copies ? CARE_SUPERSEDES : CARE_SAME;
		d.of = now->index;
		return d;
	}
	if (past != NULL)
		return (struct care_decision){ CARE_PAST, past->index };
	return d;
}

/* What nothing held equals: in order, over what nothing in the return equals. */
static void pair_rest(struct side **rows, size_t n_rows, struct side **held, size_t n_held,
	struct care_decision *ret)
{
	size_t h = 0;

	for (size_t i = 0; i < n_rows; i++) {
		struct care_decision *d = &ret[rows[i]->index];

		if (d->kind != CARE_NEW)
			continue;
		while (h < n_held &&
			(held[h]->used || held[h]->row->past || by_key(held[h], rows[i]) < 0))
			h++;
		if (h == n_held || by_key(held[h], rows[i]) != 0)
			continue;
		*d = (struct care_decision){ CARE_SUPERSEDES, held[h]->index };
		held[h]->used = true;
	}
}

static int by_key_and_index(const void *a, const void *b)
{
	const struct side *x = a, *y = b;
	int r = by_key(a, b);

	return r != 0 ? r : (x->index > y->index) - (x->index < y->index);
}

int care_reconcile(struct arena *a, const struct care_held *held, size_t n_held,
	const struct care_held *rows, size_t n_rows, struct care_decision *ret)
{
	struct side **h, **v;
	size_t lo = 0;
	int r;

	r = sides_of(a, held, n_held, &h);
	if (r == 0)
		r = sides_of(a, rows, n_rows, &v);
	if (r != 0)
		return r < 0 ? err_up(r) : r;

	for (size_t i = 0; i < n_rows; i++) {
		size_t hi;

		while (lo < n_held && by_content(h[lo], v[i]) < 0)
			lo++;
		for (hi = lo; hi < n_held && by_content(h[hi], v[i]) == 0;)
			hi++;
		ret[v[i]->index] = match(v[i], h + lo, hi - lo);
	}
	sort_stably(h, h + n_held, n_held, by_key_and_index);
	sort_stably(v, v + n_rows, n_rows, by_key_and_index);
	pair_rest(v, n_rows, h, n_held, ret);
	return 0;
}
