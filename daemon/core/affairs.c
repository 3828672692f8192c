/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The custody reducer: walks the path term by term. In each term only its custodian's own
 * changes count, in the order of its chain; what candidates answer is looked up beside them.
 */

#include "daemon/core/affairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	const struct held **all; /* sorted by place */
	size_t n;
	struct arena *arena;
	struct affairs *a;
	size_t room_terms, room_offers, room_members, room_keys, room_acting;
};

static int order(const void *x, const void *y)
{
	const struct held *const *a = x, *const *b = y;

	return place_order(&(*a)->ref.at, &(*b)->ref.at);
}

#define ADD(w, list, value)                                                                    \
	({                                                                                     \
		void *grown_ = arena_grow((w)->arena, (w)->a->list, (w)->a->n_##list,          \
			&(w)->room_##list, sizeof(*(w)->a->list));                             \
		if (grown_) {                                                                  \
			(w)->a->list = grown_;                                                 \
			(w)->a->list[(w)->a->n_##list++] = (value);                            \
		}                                                                              \
		grown_ ? 0 : -ENOMEM;                                                          \
	})

static struct member *find_member(struct affairs *a, const struct id *region)
{
	for (size_t i = 0; i < a->n_members; i++)
		if (id_equal(&a->members[i].row.region, region))
			return &a->members[i];
	return NULL;
}

static int set_member(struct walk *w, const struct circle_row *row)
{
	struct member *m = find_member(w->a, &row->region);
	struct member now = { .row = *row, .wrote = row->role != ROLE_READER };

	if (!m)
		return ADD(w, members, now);
	now.wrote |= m->wrote;
	*m = now;
	return 0;
}

/* Release changes two roles and nothing else (P6.6). */
static int hand_over(struct walk *w, const struct id *from, const struct id *to)
{
	struct member *m = from ? find_member(w->a, from) : NULL;
	struct circle_row row = { .region = *to,
		.role = ROLE_CUSTODIAN,
		.classes = UINT32_MAX,
		.first_epoch = 1,
		.guardian = true };

	if (m)
		m->row.role = ROLE_READER;
	return set_member(w, &row);
}

static int add_keys(struct walk *w, const struct key_commitment *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = ADD(w, keys, keys[i]);

		if (r)
			return err_new(r);
		if (keys[i].epoch > w->a->epoch)
			w->a->epoch = keys[i].epoch;
	}
	return 0;
}

/* The first change by .author about .offer that is one of the two kinds. */
static const struct held *answer(const struct walk *w, const struct id *author,
	const struct ref *offer, enum control_kind a, enum control_kind b)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct held *h = w->all[i];

		if ((h->control.kind == a || h->control.kind == b) &&
			id_equal(&h->ref.at.author, author) && h->control.has_offer &&
			ref_equal(&h->control.offer, offer))
			return h;
	}
	return NULL;
}

static const struct held *find_ref(const struct walk *w, const struct ref *ref)
{
	for (size_t i = 0; i < w->n; i++)
		if (ref_equal(&w->all[i]->ref, ref))
			return w->all[i];
	return NULL;
}

static bool is_open(const struct offer *o)
{
	return !o->withdraw && !o->decline && !o->release;
}

/* The open Offer of the running term; at most one (P6.4). */
static struct offer *open_offer(struct affairs *a)
{
	struct offer *o = a->n_offers ? &a->offers[a->n_offers - 1] : NULL;

	return o && o->term == a->term && is_open(o) ? o : NULL;
}

static struct offer *find_offer(struct affairs *a, const struct ref *ref)
{
	for (size_t i = 0; i < a->n_offers; i++)
		if (ref_equal(&a->offers[i].offer->ref, ref))
			return &a->offers[i];
	return NULL;
}

static int take_offer(struct walk *w, const struct held *h, const struct term *t)
{
	struct offer o = { .offer = h, .term = t->number, .from = t->custodian };
	const struct held *said;

	if (open_offer(w->a) || id_equal(&h->control.to, &t->custodian))
		return 0;
	said = answer(w, &h->control.to, &h->ref, CONTROL_ACCEPT, CONTROL_DECLINE);
	if (said && said->control.kind == CONTROL_ACCEPT)
		o.accept = said;
	else
		o.decline = said;
	return ADD(w, offers, o);
}

static void take_withdraw(struct walk *w, const struct held *h)
{
	struct offer *o = find_offer(w->a, &h->control.offer);
	const struct held *down;

	if (!o || o->term != w->a->term || o->withdraw)
		return;
	o->withdraw = h;
	down = answer(w, &o->offer->control.to, &o->offer->ref, CONTROL_STAND_DOWN,
		CONTROL_STAND_DOWN);
	if (o->accept && down && down->control.has_withdraw &&
		ref_equal(&down->control.withdraw, &h->ref))
		o->stand_down = down;
}

static bool release_counts(
	const struct walk *w, const struct held *h, const struct offer *o, uint64_t term)
{
	const struct held *accept = find_ref(w, &h->control.accept);

	return o && o->term == term && !o->withdraw && accept &&
	       accept->control.kind == CONTROL_ACCEPT && o->accept == accept;
}

static int take_circle(struct walk *w, const struct control *c, const struct id *custodian)
{
	int r = 0;

	for (size_t i = 0; i < c->n_set && !r; i++)
		if (!id_equal(&c->set[i].region, custodian) && c->set[i].role != ROLE_CUSTODIAN)
			r = set_member(w, &c->set[i]);
	for (size_t i = 0; i < c->n_removed && !r; i++) {
		struct member *m = find_member(w->a, &c->removed[i].region);

		if (!m || id_equal(&m->row.region, custodian))
			continue;
		m->removed = true;
		m->removal = &c->removed[i];
	}
	return r;
}

/* One term: its custodian's changes in order, until the Release that ends it. Gives that
 * Release in *ret, or NULL while it runs. */
static int walk_term(struct walk *w, const struct term *t, const struct offer **ret)
{
	const struct offer *ended = NULL;
	int r = 0;

	for (size_t i = 0; i < w->n && !r; i++) {
		const struct held *h = w->all[i];
		struct offer *o;

		if (!id_equal(&h->ref.at.author, &t->custodian) || !h->control.has_right ||
			h->control.term != t->number ||
			!ref_equal(&h->control.right, &t->begun))
			continue;
		/* Another incarnation may not have known that it was over (P6.10). */
		if (ended &&
			id_equal(&ended->release->ref.at.incarnation, &h->ref.at.incarnation))
			continue;
		switch (h->control.kind) {
		case CONTROL_OFFER:
			r = take_offer(w, h, t);
			break;
		case CONTROL_WITHDRAW:
			take_withdraw(w, h);
			break;
		case CONTROL_RELEASE:
			o = find_offer(w->a, &h->control.offer);
			if (!release_counts(w, h, o, t->number) || o->release)
				break;
			if (ended)
				w->a->forked = true;
			o->release = h;
			ended = ended ? ended : o;
			break;
		case CONTROL_CIRCLE:
			r = take_circle(w, &h->control, &t->custodian);
			break;
		case CONTROL_KEY_EPOCH:
			r = add_keys(w, h->control.keys, h->control.n_keys);
			break;
		case CONTROL_GENESIS:
		case CONTROL_ACCEPT:
		case CONTROL_DECLINE:
		case CONTROL_STAND_DOWN:
		case CONTROL_CLOSE:
		case CONTROL_ERASURE:
		case CONTROL_UNKNOWN:
			break;
		}
	}
	*ret = ended;
	return r ? err_up(r) : 0;
}

static int walk_path(struct walk *w, const struct held *genesis)
{
	struct term t = { .number = 1,
		.custodian = genesis->ref.at.author,
		.begun = genesis->ref,
		.date = genesis->control.date };
	int r = add_keys(w, genesis->control.keys, genesis->control.n_keys);

	if (!r)
		r = hand_over(w, NULL, &t.custodian);
	/* Every round but the last uses up a Release. */
	for (size_t i = 0; i <= w->n && !r; i++) {
		const struct offer *ended;
		struct id from = t.custodian;

		w->a->term = t.number;
		w->a->custodian = t.custodian;
		w->a->right = t.begun;
		r = walk_term(w, &t, &ended);
		if (r)
			break;
		if (ended) {
			t.offer = ended->offer;
			t.accept = ended->accept;
			t.release = ended->release;
		}
		r = ADD(w, terms, t);
		if (r || !ended)
			break;
		t = (struct term){ .number = t.number + 1,
			.custodian = ended->offer->control.to,
			.begun = ended->release->ref,
			.date = ended->release->control.date };
		r = hand_over(w, &from, &t.custodian);
	}
	return r ? err_up(r) : 0;
}

static enum offer_state state_of(const struct offer *o)
{
	if (o->release)
		return OFFER_RELEASED;
	if (o->stand_down)
		return OFFER_STOOD_DOWN;
	if (o->withdraw && o->accept)
		return OFFER_WITHDRAWN_ACCEPTED;
	if (o->withdraw)
		return o->decline ? OFFER_REFUSED_LATE : OFFER_WITHDRAWN;
	if (o->decline)
		return OFFER_DECLINED;
	return o->accept ? OFFER_ACCEPTED : OFFER_OPEN;
}

/* An acceptor is responsible until its own view has passed the term, or it stood down (P6.5). A
 * forked custody makes everybody responsible whom a branch made custodian (P6.10). */
static int find_acting(struct walk *w)
{
	struct affairs *a = w->a;

	for (size_t i = 0; i < a->n_offers; i++) {
		struct offer *o = &a->offers[i];
		const struct id *to = &o->offer->control.to;
		bool counts = o->accept && !o->stand_down && o->term >= a->term;

		o->state = state_of(o);
		if (a->forked && o->release)
			counts = true;
		if (!counts || id_equal(to, &a->custodian))
			continue;
		if (ADD(w, acting, *to))
			return err_new(-ENOMEM);
	}
	a->open = open_offer(a);
	return 0;
}

static bool is_custody(enum control_kind k)
{
	switch (k) {
	case CONTROL_GENESIS:
	case CONTROL_OFFER:
	case CONTROL_WITHDRAW:
	case CONTROL_ACCEPT:
	case CONTROL_DECLINE:
	case CONTROL_STAND_DOWN:
	case CONTROL_RELEASE:
		return true;
	case CONTROL_CIRCLE:
	case CONTROL_KEY_EPOCH:
	case CONTROL_CLOSE:
	case CONTROL_ERASURE:
	case CONTROL_UNKNOWN:
		return false;
	}
	return false;
}

int affairs_read(const struct held *held, size_t n, struct arena *arena, struct affairs *ret)
{
	struct walk w = { .n = n, .arena = arena, .a = ret };
	const struct held *genesis = NULL;
	uint64_t newest = 0;
	int r;

	*ret = (struct affairs){ 0 };
	w.all = arena_array(arena, n ? n : 1, sizeof(*w.all));
	if (!w.all)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n; i++)
		w.all[i] = &held[i];
	qsort(w.all, n, sizeof(*w.all), order);
	ret->all = w.all;
	ret->n_all = n;

	for (size_t i = 0; i < n; i++) {
		const struct held *h = w.all[i];

		if (h->control.kind == CONTROL_GENESIS && h->ref.at.seq == 1 && !genesis)
			genesis = h;
		if (h->control.kind == CONTROL_UNKNOWN && h->must_understand)
			ret->needs_newer = true;
		if (is_custody(h->control.kind) && h->control.clock >= newest) {
			newest = h->control.clock;
			ret->before = h->ref;
		}
	}
	if (!genesis)
		return 0;

	ret->known = true;
	ret->genesis = genesis->ref;
	r = walk_path(&w, genesis);
	return r ? err_up(r) : find_acting(&w);
}

/* The term that a change counts against: one that its author was custodian of, or none. */
static uint64_t own_term(const struct affairs *a, const struct id *author, uint64_t term)
{
	if (term < 1 || term > a->n_terms || a->terms[term - 1].number != term)
		return 0;
	return id_equal(&a->terms[term - 1].custodian, author) ? term : 0;
}

bool affairs_room(const struct affairs *a, const struct id *author, uint64_t term, size_t more)
{
	const uint64_t own = own_term(a, author, term);
	size_t all = more, mine = more;

	for (size_t i = 0; i < a->n_all; i++) {
		const struct held *h = a->all[i];

		all += h->bytes;
		if (id_equal(&h->ref.at.author, author) &&
			own_term(a, author, h->control.term) == own)
			mine += h->bytes;
	}
	return all <= PATH_MAX_BYTES && mine <= (own ? PATH_TERM_MAX : PATH_MEMBER_MAX);
}

const struct member *affairs_member(const struct affairs *a, const struct id *region)
{
	for (size_t i = 0; i < a->n_members; i++)
		if (id_equal(&a->members[i].row.region, region))
			return &a->members[i];
	return NULL;
}

enum role affairs_role(const struct affairs *a, const struct id *region)
{
	const struct member *m = affairs_member(a, region);

	return m && !m->removed ? m->row.role : ROLE_NONE;
}

bool affairs_responsible(const struct affairs *a, const struct id *region)
{
	if (a->known && id_equal(&a->custodian, region))
		return true;
	for (size_t i = 0; i < a->n_acting; i++)
		if (id_equal(&a->acting[i], region))
			return true;
	return false;
}

bool affairs_counts(const struct affairs *a, const struct place *at, uint32_t class)
{
	const struct member *m = affairs_member(a, &at->author);

	if (!m)
		return false;
	/* A custodian that handed over is a reader now; what it wrote still counts. */
	if (!m->wrote && class != 1)
		return false;
	if (!m->removed)
		return true;
	for (size_t i = 0; m->removal && i < m->removal->n_last; i++)
		if (id_equal(&m->removal->last[i].at.incarnation, &at->incarnation))
			return at->seq <= m->removal->last[i].at.seq;
	return false;
}

const struct offer *affairs_offer_to(const struct affairs *a, const struct id *region)
{
	for (size_t i = a->n_offers; i > 0; i--)
		if (id_equal(&a->offers[i - 1].offer->control.to, region))
			return &a->offers[i - 1];
	return NULL;
}
