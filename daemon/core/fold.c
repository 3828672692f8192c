/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The fold merges the chains of a record: of the changes that stand first in their chains and
 * whose deps are out, the smallest comes next. Chains are few, so that this needs no graph.
 */

#include "daemon/core/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/inside.h"

/* Changes as they lie in the index: chain after chain, each from seq 1 without a hole. */
struct strand {
	struct id author, incarnation;
	size_t first, n; /* in .all */
	size_t out;      /* how many have their place in the order */
};

struct reading {
	struct step *s;
	struct fold_reading *r;
	const struct affairs *affairs;
	struct log_at log; /* nothing is written meanwhile */
};

struct folding {
	struct fold *f;
	const struct fold_change *all;
	size_t n;
	struct strand *strands;
	size_t n_strands, room_strands;
	size_t *rank; /* rank[i]: where in the order .all[i] stands */
};

/* Whether it takes part in the order with a clock and deps of its own (P10.1): the state is
 * that of class 0, which everybody in the circle reads, and must not depend on what only some
 * can open. */
static bool is_counted(const struct fold_change *c)
{
	return c->open == FOLD_CONTROL || (c->open == FOLD_OPEN && c->header.key_class == 0);
}

static int open_control(struct reading *w, struct fold_change *c, struct span body)
{
	struct control control;
	int r = wire_control_decode(body, &w->r->f.arena, &control);

	if (r < 0)
		return err_up(r);
	c->open = FOLD_CONTROL;
	/* Of every region that is or was in the circle, up to its removal: as access entries
	 * are. */
	if (!affairs_counts(w->affairs, &c->ref.at, 1))
		c->open = FOLD_APART;
	if (r == 0)
		c->clock = control.clock;
	return 0;
}

static int open_change(struct reading *w, struct fold_change *c, struct span body)
{
	int r;

	if (c->header.flags & FLAG_CONTROL)
		return open_control(w, c, body);
	r = body_open(w->s, &w->r->f.arena, &w->r->key, &c->header, body, &c->body);
	if (r < 0)
		return err_up(r);
	c->open = r == BODY_E_KEY ? FOLD_SEALED : r ? FOLD_DAMAGED : FOLD_OPEN;
	if (r)
		c->body = (struct body){ 0 };
	if (!affairs_counts(w->affairs, &c->ref.at, c->header.key_class))
		c->open = FOLD_APART;
	c->clock = c->body.clock;
	return 0;
}

static int strand_of(struct folding *w, size_t i)
{
	const struct place *at = &w->all[i].ref.at;
	struct strand *last = w->n_strands ? &w->strands[w->n_strands - 1] : NULL;

	if (!last || !id_equal(&last->author, &at->author) ||
		!id_equal(&last->incarnation, &at->incarnation)) {
		struct strand *grown = arena_grow(&w->f->arena, w->strands, w->n_strands,
			&w->room_strands, sizeof(*grown));

		if (!grown)
			return err_new(-ENOMEM);
		w->strands = grown;
		last = &grown[w->n_strands++];
		*last = (struct strand){ at->author, at->incarnation, i, 0, 0 };
	}
	last->n++;
	return 0;
}

/* The change of the row that the scan has found. */
static int load_change(struct reading *w)
{
	struct fold_reading *rd = w->r;
	struct fold_change *grown =
		arena_grow(&rd->f.arena, rd->all, rd->n, &rd->room, sizeof(*grown));
	struct fold_change *c;
	struct wire_change bytes;
	int r;

	if (!grown)
		return err_new(-ENOMEM);
	rd->all = grown;
	c = &grown[rd->n];
	*c = (struct fold_change){ 0 };
	c->ref.at = rd->scan.at;
	r = log_read(w->s, &w->log, rd->scan.n, &bytes);
	if (!r)
		r = chain_id(w->s->crypto, bytes.header, &c->ref.change);
	if (r)
		return r == ROW_NONE ? err_new(-EUCLEAN) : err_up(r);
	if (wire_header_decode(bytes.header, &c->header))
		return err_new(-EUCLEAN);
	r = open_change(w, c, bytes.body);
	rd->n++;
	return r ? err_up(r) : 0;
}

void fold_begin(struct fold_reading *w, const struct id *record)
{
	*w = (struct fold_reading){ .record = *record };
	arena_init(&w->f.arena, 0);
	index_scan_init(&w->scan, record);
}

int fold_some(struct step *s, struct fold_reading *w, size_t most)
{
	struct reading rd = { .s = s, .r = w };
	int r = node_affairs(s, &w->record, &rd.affairs);

	if (r)
		return err_up(r);
	for (size_t i = 0; i < most; i++) {
		r = index_scan_next(&w->scan, s->view);
		if (r)
			return r == ROW_NONE ? 0 : err_up(r);
		r = load_change(&rd);
		if (r)
			return err_up(r);
	}
	return FOLD_MORE;
}

/* Where a place stands in .all; false when it is not held. */
static bool find(const struct folding *w, const struct ref *ref, size_t *ret)
{
	for (size_t i = 0; i < w->n_strands; i++) {
		const struct strand *t = &w->strands[i];

		if (!id_equal(&t->author, &ref->at.author) ||
			!id_equal(&t->incarnation, &ref->at.incarnation))
			continue;
		if (ref->at.seq < 1 || ref->at.seq > t->n)
			return false;
		*ret = t->first + ref->at.seq - 1;
		return hash_equal(&w->all[*ret].ref.change, &ref->change);
	}
	return false;
}

static bool is_out(const struct folding *w, size_t i)
{
	for (size_t k = 0; k < w->n_strands; k++)
		if (i >= w->strands[k].first && i < w->strands[k].first + w->strands[k].n)
			return i < w->strands[k].first + w->strands[k].out;
	return true;
}

/* The dep of a change, if it is one that the order respects. */
static bool dep_of(const struct folding *w, const struct fold_change *c, size_t d, size_t *ret)
{
	return is_counted(c) && find(w, &c->body.deps[d], ret) &&
	       w->all[*ret].open != FOLD_APART;
}

static bool is_ready(const struct folding *w, const struct fold_change *c)
{
	for (size_t i = 0; i < c->body.n_deps; i++) {
		size_t dep;

		if (dep_of(w, c, i, &dep) && !is_out(w, dep))
			return false;
	}
	return true;
}

static bool comes_before(const struct fold_change *a, const struct fold_change *b)
{
	if (a->clock != b->clock)
		return a->clock < b->clock;
	return place_order(&a->ref.at, &b->ref.at) < 0;
}

/* The strand whose next change is the next of all; a change that names a later one as its dep
 * cannot exist, and if it did it would come in its turn all the same. */
static struct strand *next_strand(const struct folding *w)
{
	struct strand *best = NULL, *any = NULL;

	for (size_t i = 0; i < w->n_strands; i++) {
		struct strand *t = &w->strands[i];
		const struct fold_change *c = &w->all[t->first + t->out];

		if (t->out == t->n)
			continue;
		any = any ? any : t;
		if (best && !comes_before(c, &w->all[best->first + best->out]))
			continue;
		if (is_ready(w, c))
			best = t;
	}
	return best ? best : any;
}

/* The next change of all that is not apart, as an index in .all. */
static bool next_change(struct folding *w, size_t *ret)
{
	struct strand *t;

	for (size_t i = 0; i < w->n_strands; i++) {
		t = &w->strands[i];
		while (t->out < t->n && w->all[t->first + t->out].open == FOLD_APART)
			t->out++;
	}
	t = next_strand(w);
	if (!t)
		return false;
	*ret = t->first + t->out++;
	return true;
}

static void place_change(struct folding *w, size_t at, size_t i)
{
	struct fold *f = w->f;
	struct fold_change *c = &f->changes[i];

	w->rank[at] = i;
	*c = w->all[at];
	c->first = f->n_entries;
	f->n_entries += c->body.n_entries;
	f->sealed += c->open == FOLD_SEALED;
	f->damaged += c->open == FOLD_DAMAGED;
	f->apart += c->open == FOLD_APART;
	for (size_t d = 0; d < c->body.n_deps; d++) {
		size_t dep;

		f->missing_deps += !find(w, &c->body.deps[d], &dep);
	}
}

/* What stands apart (P6.9) comes last: it must not move what counts. */
static int put_in_order(struct folding *w)
{
	struct fold *f = w->f;
	size_t i = 0, at;

	w->rank = arena_array(&f->arena, w->n + 1, sizeof(*w->rank));
	f->changes = arena_array(&f->arena, w->n + 1, sizeof(*f->changes));
	if (!w->rank || !f->changes)
		return err_new(-ENOMEM);
	f->n_changes = w->n;
	while (next_change(w, &at))
		place_change(w, at, i++);
	for (at = 0; at < w->n; at++)
		if (w->all[at].open == FOLD_APART)
			place_change(w, at, i++);
	f->entries = arena_array(&f->arena, f->n_entries + 1, sizeof(*f->entries));
	if (!f->entries)
		return err_new(-ENOMEM);
	for (i = 0; i < w->n; i++)
		for (size_t k = 0; k < f->changes[i].body.n_entries; k++)
			f->entries[f->changes[i].first + k] =
				(struct fold_entry){ &f->changes[i], (uint32_t)k,
					&f->changes[i].body.entries[k], ENTRY_CURRENT };
	return 0;
}

/* One entry's word about another: both as indices in .entries. */
struct claim {
	size_t target, by;
};

static int claim_order(const void *x, const void *y)
{
	const struct claim *a = x, *b = y;

	if (a->target != b->target)
		return a->target < b->target ? -1 : 1;
	return a->by < b->by ? -1 : a->by > b->by;
}

struct claims {
	struct claim *v;
	size_t n, room;
};

static int add_claims(
	struct folding *w, struct claims *c, size_t by, const struct entry_ref *refs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct claim *grown;
		const struct fold_change *target;
		size_t at;

		if (!find(w, &refs[i].change, &at))
			continue;
		target = &w->f->changes[w->rank[at]];
		if (!is_counted(target) || refs[i].index >= target->body.n_entries)
			continue;
		grown = arena_grow(&w->f->arena, c->v, c->n, &c->room, sizeof(*grown));
		if (!grown)
			return err_new(-ENOMEM);
		c->v = grown;
		c->v[c->n++] = (struct claim){ target->first + refs[i].index, by };
	}
	return 0;
}

/* Whether .a is an ancestor of .b: what .b and its predecessors had seen, followed back. */
static int is_ancestor(struct folding *w, const struct ref *a, const struct ref *b, bool *ret)
{
	size_t *reach = arena_array(&w->f->arena, w->n_strands, sizeof(*reach));
	size_t *seen = arena_array(&w->f->arena, w->n_strands, sizeof(*seen));
	size_t at;
	bool more = true;

	if (!reach || !seen)
		return err_new(-ENOMEM);
	*ret = false;
	if (!find(w, b, &at))
		return 0;
	for (size_t k = 0; k < w->n_strands; k++)
		if (at >= w->strands[k].first && at < w->strands[k].first + w->strands[k].n)
			reach[k] = at - w->strands[k].first + 1;
	/* Every round passes over changes that were not passed before: at most all of them. */
	while (more) {
		more = false;
		for (size_t k = 0; k < w->n_strands; k++)
			for (; seen[k] < reach[k]; seen[k]++, more = true) {
				const struct fold_change *c =
					&w->all[w->strands[k].first + seen[k]];

				for (size_t d = 0; d < c->body.n_deps; d++) {
					size_t dep;

					if (!dep_of(w, c, d, &dep))
						continue;
					for (size_t j = 0; j < w->n_strands; j++) {
						size_t first = w->strands[j].first;

						if (dep >= first &&
							dep < first + w->strands[j].n &&
							dep - first + 1 > reach[j])
							reach[j] = dep - first + 1;
					}
				}
			}
	}
	if (find(w, a, &at))
		for (size_t k = 0; k < w->n_strands; k++)
			if (at >= w->strands[k].first &&
				at < w->strands[k].first + w->strands[k].n)
				*ret = at - w->strands[k].first < reach[k];
	return 0;
}

/* Two that supersede one entry without knowing of each other stand in conflict, each until it
 * is superseded itself (P10.2). */
static int judge_pair(struct folding *w, size_t x, size_t y)
{
	struct fold_entry *a = &w->f->entries[x], *b = &w->f->entries[y];
	bool knew = false;
	int r;

	if (a->change == b->change)
		return 0;
	r = is_ancestor(w, &a->change->ref, &b->change->ref, &knew);
	if (!r && !knew)
		r = is_ancestor(w, &b->change->ref, &a->change->ref, &knew);
	if (r)
		return err_up(r);
	if (!knew && a->status == ENTRY_CURRENT)
		a->status = ENTRY_CONFLICT;
	if (!knew && b->status == ENTRY_CURRENT)
		b->status = ENTRY_CONFLICT;
	return 0;
}

static int judge_entries(struct folding *w)
{
	struct claims c = { 0 };
	struct fold *f = w->f;
	int r = 0;

	for (size_t i = 0; i < f->n_entries && !r; i++) {
		const struct entry *e = f->entries[i].entry;

		if (!is_counted(f->entries[i].change))
			continue;
		r = add_claims(w, &c, i, e->supersedes, e->n_supersedes);
		if (!r)
			r = add_claims(w, &c, i, e->corrects, e->n_corrects);
	}
	if (r)
		return err_up(r);
	if (c.n)
		qsort(c.v, c.n, sizeof(*c.v), claim_order);
	for (size_t i = 0; i < c.n; i++)
		f->entries[c.v[i].target].status = ENTRY_SUPERSEDED;
	for (size_t i = 0; i < c.n && !r; i++)
		for (size_t k = i + 1; k < c.n && c.v[k].target == c.v[i].target && !r; k++)
			r = judge_pair(w, c.v[i].by, c.v[k].by);
	for (size_t i = 0; i < f->n_entries; i++)
		f->conflicts += f->entries[i].status == ENTRY_CONFLICT;
	return r ? err_up(r) : 0;
}

int fold_arrange(struct fold *f, struct fold_change *all, size_t n)
{
	struct folding w = { .f = f, .all = all, .n = n };
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		if (!is_counted(&all[i]))
			all[i].clock = all[i].ref.at.seq > 1 ? all[i - 1].clock : 0;
		r = strand_of(&w, i);
	}
	if (!r)
		r = put_in_order(&w);
	if (!r)
		r = judge_entries(&w);
	return r ? err_up(r) : 0;
}

int fold_state(struct fold *f, struct crypto *c, const struct secret *key)
{
	size_t room = f->n_changes * (HASH_LEN + 4) + f->n_entries;
	uint8_t *bytes = arena_alloc(&f->arena, room + 1);
	struct writer wr = writer_of(bytes, room + 1);
	int r;

	if (!bytes)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < f->n_changes; i++) {
		const struct fold_change *change = &f->changes[i];

		if (!is_counted(change))
			continue;
		put_bytes(&wr, change->ref.change.b, HASH_LEN);
		put_u32(&wr, (uint32_t)change->body.n_entries);
		for (size_t k = 0; k < change->body.n_entries; k++)
			put_u8(&wr, (uint8_t)f->entries[change->first + k].status);
	}
	r = crypto_mac(c, SPAN_OF(*key),
		(struct span[]){ SPAN_LIT("kith/state/1\0"), writer_span(&wr) }, 2, &f->state);
	return r ? err_odd(r) : 0;
}

int fold_end(struct step *s, struct fold_reading *w, struct fold *ret)
{
	CLEANUP(secret_done) struct secret key = { 0 };
	const struct key_commitment *of;
	const struct affairs *a = NULL;
	int r = fold_arrange(&w->f, w->all, w->n);

	if (!r)
		r = node_affairs(s, &w->record, &a);
	of = !r ? keys_newest(a, 0) : NULL;
	if (of) {
		r = key_get(s->view, &w->record, of, &key);
		r = r == 0 ? fold_state(&w->f, s->crypto, &key) : r == ROW_NONE ? 0 : r;
	}
	*ret = w->f;
	w->f = (struct fold){ 0 };
	if (r)
		fold_done(ret);
	return r ? err_up(r) : 0;
}

int fold_read(struct step *s, const struct id *record, struct fold *ret)
{
	struct fold_reading w;
	int r;

	*ret = (struct fold){ 0 };
	fold_begin(&w, record);
	r = fold_some(s, &w, SIZE_MAX);
	if (!r)
		r = fold_end(s, &w, ret);
	fold_drop(&w);
	return r ? err_up(r) : 0;
}

void fold_drop(struct fold_reading *w)
{
	secret_done(&w->key.secret);
	fold_done(&w->f);
}

void fold_done(struct fold *f)
{
	arena_done(&f->arena);
}
