/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The fold merges the chains of a record: of the changes that stand first in their chains and
 * whose deps are out, the smallest comes next. Chains are few, so that this needs no graph.
 */

#include "daemon/core/folding.h"

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

struct reading {
	struct step *s;
	struct fold_reading *r;
	const struct affairs *affairs;
	struct log_at log; /* nothing is written meanwhile */
};

bool fold_counts(const struct fold_change *c)
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
		*last = (struct strand){
			.author = at->author, .incarnation = at->incarnation, .first = i
		};
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

bool fold_find(const struct folding *w, const struct ref *ref, size_t *ret)
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

size_t fold_strand(const struct folding *w, size_t at)
{
	size_t low = 0, high = w->n_strands;

	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;

		if (w->strands[middle].first <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

bool fold_dep(const struct folding *w, const struct fold_change *c, size_t d, size_t *ret)
{
	return fold_counts(c) && fold_find(w, &c->body.deps[d], ret) &&
	       w->all[*ret].open != FOLD_APART;
}

/* Whether all deps of the next change of a strand are out. Each is looked for once, and then
 * only waited for. */
static bool is_ready(const struct folding *w, struct strand *t)
{
	const struct fold_change *c = &w->all[t->first + t->out];
	size_t dep = 0;

	for (;;) {
		if (t->waits && w->strands[t->behind].out <= t->needs)
			return false;
		t->waits = false;
		while (t->deps < c->body.n_deps && !fold_dep(w, c, t->deps, &dep))
			t->deps++;
		if (t->deps == c->body.n_deps)
			return true;
		t->deps++;
		t->waits = true;
		t->behind = fold_strand(w, dep);
		t->needs = dep - w->strands[t->behind].first;
	}
}

static void pass(struct strand *t)
{
	t->out++;
	t->deps = 0;
	t->waits = false;
}

static bool comes_before(const struct fold_change *a, const struct fold_change *b)
{
	if (a->clock != b->clock)
		return a->clock < b->clock;
	return place_order(&a->ref.at, &b->ref.at) < 0;
}

/* The strand whose next change is the next of all; a change that names a later one as its dep
 * cannot exist, and if it did it would come in its turn all the same. */
static struct strand *next_strand(struct folding *w)
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
		if (is_ready(w, t))
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
			pass(t);
	}
	t = next_strand(w);
	if (!t)
		return false;
	*ret = t->first + t->out;
	pass(t);
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

		f->missing_deps += !fold_find(w, &c->body.deps[d], &dep);
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

int fold_arrange(struct fold *f, struct fold_change *all, size_t n)
{
	struct folding w = { .f = f, .all = all, .n = n };
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		if (!fold_counts(&all[i]))
			all[i].clock = all[i].ref.at.seq > 1 ? all[i - 1].clock : 0;
		r = strand_of(&w, i);
	}
	if (!r)
		r = put_in_order(&w);
	if (!r)
		r = fold_judge(&w);
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

		if (!fold_counts(change))
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
