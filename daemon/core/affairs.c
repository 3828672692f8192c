/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The custody reducer: walks the path term by term. In each term only its custodian's own
 * changes count, in order; what candidates and guardians answer is looked up beside them. What
 * is held of it all that counts, and in which order, affairs_count.c says. (long: one walk)
 */

#include "daemon/core/affairs_walk.h"

#include <errno.h>
#include <string.h>

static struct member *find_member(struct affairs *a, const struct id *region)
{
	for (size_t i = 0; i < a->n_members; i++)
		if (id_equal(&a->members[i].row.region, region))
			return &a->members[i];
	return NULL;
}

static int set_member(struct walk *w, const struct circle_row *row, const struct held *by)
{
	struct member *m = find_member(w->a, &row->region);
	struct member now = { .row = *row,
		.wrote = row->role != ROLE_READER,
		.set = by,
		.offers_then = w->a->n_offers };

	if (!m)
		return ADD(w, members, now);
	now.wrote |= m->wrote;
	now.was = m->removed ? ROLE_NONE : m->row.role;
	/* What a custodian does by itself names what it rests on; a person's word does not. */
	now.former = m->former && by && by->control.has_before && row->role == ROLE_READER;
	*m = now;
	return 0;
}

/* Release and Resolve change two roles and nothing else (P6.6, P6.14). */
static int hand_over(struct walk *w, const struct id *from, const struct id *to)
{
	struct member *m = from && !id_equal(from, to) ? find_member(w->a, from) : NULL;
	struct circle_row row = { .region = *to,
		.role = ROLE_CUSTODIAN,
		.classes = UINT32_MAX,
		.first_epoch = 1,
		.guardian = true };

	if (m) {
		m->row.role = ROLE_READER;
		m->former = true;
	}
	return set_member(w, &row, NULL);
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

/* Consecutive (P5.1). Two lives of one custodian, or two branches, may begin the same epoch; a
 * leap brings nothing, or one change could use up all the numbers that there are. */
static int take_epoch(struct walk *w, const struct held *h)
{
	const struct control *c = &h->control;

	if (!c->n_keys || c->keys[0].epoch > w->a->epoch + 1)
		return 0;
	return add_keys(w, c->keys, c->n_keys);
}

static int add_past_keys(struct walk *w, const struct key_commitment *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ADD(w, past_keys, keys[i]))
			return err_new(-ENOMEM);
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

/* What the candidate was before it was let in for this Offer, or for the one before to it. */
static enum role role_before(struct affairs *a, const struct held *h)
{
	const struct member *m = find_member(a, &h->control.to);

	if (!m || m->removed)
		return ROLE_NONE;
	if (m->set && id_equal(&m->set->ref.at.incarnation, &h->ref.at.incarnation) &&
		m->set->ref.at.seq + 1 == h->ref.at.seq)
		return m->was;
	for (size_t i = a->n_offers; i > m->offers_then; i--)
		if (id_equal(&a->offers[i - 1].offer->control.to, &h->control.to))
			return a->offers[i - 1].before;
	return m->row.role;
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
	o.before = role_before(w->a, h);
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
	const struct held *accept = walk_find(w, &h->control.accept);

	return o && o->term == term && !o->withdraw && accept &&
	       accept->control.kind == CONTROL_ACCEPT && o->accept == accept;
}

static int take_circle(struct walk *w, const struct held *h, const struct id *custodian)
{
	const struct control *c = &h->control;
	int r = 0;

	for (size_t i = 0; i < c->n_set && !r; i++)
		if (!id_equal(&c->set[i].region, custodian) && c->set[i].role != ROLE_CUSTODIAN)
			r = set_member(w, &c->set[i], h);
	for (size_t i = 0; i < c->n_removed && !r; i++) {
		struct member *m = find_member(w->a, &c->removed[i].region);

		if (!m || id_equal(&m->row.region, custodian))
			continue;
		m->removed = true;
		m->removal = &c->removed[i];
	}
	return r;
}

/* Where a term ends: by a Release, a Resolve, or not yet. */
struct ending {
	const struct offer *released;
	const struct held *resolve;
};

static int take_release(
	struct walk *w, const struct held *h, const struct term *t, struct ending *end)
{
	struct offer *o = find_offer(w->a, &h->control.offer);

	if (!release_counts(w, h, o, t->number) || o->release)
		return 0;
	o->release = h;
	if (!end->released) {
		end->released = o;
		return 0;
	}
	if (!w->a->forked)
		w->a->disputed = *t;
	w->a->forked = true;
	return BRANCH(w, ((struct branch){ .release = h,
				 .custodian = o->offer->control.to,
				 .term = t->number + 1,
				 .epoch = w->a->epoch }));
}

static bool of_term(const struct held *h, const struct term *t)
{
	return id_equal(&h->ref.at.author, &t->custodian) && h->control.has_right &&
	       h->control.term == t->number && ref_equal(&h->control.right, &t->begun);
}

static int take_one(
	struct walk *w, const struct held *h, const struct term *t, struct ending *end)
{
	switch (h->control.kind) {
	case CONTROL_OFFER:
		return take_offer(w, h, t);
	case CONTROL_WITHDRAW:
		take_withdraw(w, h);
		return 0;
	case CONTROL_RELEASE:
		return take_release(w, h, t, end);
	case CONTROL_CIRCLE:
		return take_circle(w, h, &t->custodian);
	case CONTROL_KEY_EPOCH:
		return take_epoch(w, h);
	case CONTROL_GENESIS:
	case CONTROL_ACCEPT:
	case CONTROL_DECLINE:
	case CONTROL_STAND_DOWN:
	case CONTROL_CLOSE:
	case CONTROL_ERASURE:
	case CONTROL_ASSUME:
	case CONTROL_RESOLVE:
	case CONTROL_UNKNOWN:
		return 0;
	}
	return 0;
}

/* Whom the custodian offered to behind the last change that counts may have acted on it: it
 * must hear of the Resolve (P6.14). */
static int tell_too(struct walk *w, const struct held *h)
{
	struct circle_row row = { .region = h->control.to,
		.role = ROLE_READER,
		.classes = 1u << 0 | 1u << 1,
		.first_epoch = 1 };
	const struct member *m = find_member(w->a, &row.region);

	return h->control.kind != CONTROL_OFFER || (m && !m->removed) ? 0
								      : set_member(w, &row, h);
}

/* One term: its custodian's changes in order, until what ends it. */
static int walk_term(struct walk *w, const struct term *t, struct ending *end)
{
	bool over = false; /* a Resolve has said that this was the last that counts */
	int r = 0;

	*end = (struct ending){ 0 };
	for (size_t i = 0; i <= w->n && !r; i++) {
		const struct held *by = over ? NULL : votes_resolve(w, t, i), *h;

		if (by && !end->released)
			end->resolve = by;
		over |= by != NULL;
		if (i == w->n || !of_term(w->all[i], t))
			continue;
		h = w->all[i];
		if (over) {
			r = end->resolve ? tell_too(w, h) : 0;
			if (!r && h->control.kind == CONTROL_KEY_EPOCH)
				r = add_past_keys(w, h->control.keys, h->control.n_keys);
			continue;
		}
		/* Another incarnation may not have known that it was over (P6.10). */
		if (end->released && id_equal(&end->released->release->ref.at.incarnation,
					     &h->ref.at.incarnation))
			continue;
		r = take_one(w, h, t, end);
	}
	return r ? err_up(r) : 0;
}

/* Stints -------------------------------------------------------------------------------------
 */

static int add_stint(struct walk *w, const struct id *region, enum why_responsible why,
	uint64_t term, const struct held *from, const struct held *to)
{
	return ADD(w, stints,
		((struct stint){
			.region = *region, .why = why, .term = term, .from = from, .to = to }));
}

/* Who was responsible in the term that .t says all of. An acceptor is, until the path has
 * passed the term or it stood down (P6.5). */
static int term_stints(struct walk *w, const struct term *t, size_t first_offer)
{
	const struct held *over = t->release ? t->release : t->resolve;
	int r = add_stint(
		w, &t->custodian, STINT_CUSTODIAN, t->number, walk_find(w, &t->begun), over);

	for (size_t i = first_offer; i < w->a->n_offers && !r; i++) {
		const struct offer *o = &w->a->offers[i];

		if (o->accept)
			r = add_stint(w, &o->offer->control.to, STINT_ACCEPTED, t->number,
				o->accept,
				o->stand_down ? o->stand_down
				: o->release  ? o->release
					      : over);
	}
	return r ? err_up(r) : votes_assumed(w, t, over);
}

static void end_term(struct term *t, const struct ending *end)
{
	if (end->released) {
		t->offer = end->released->offer;
		t->accept = end->released->accept;
		t->release = end->released->release;
	} else {
		t->resolve = end->resolve;
	}
}

static struct term next_term(const struct term *t)
{
	const struct held *by = t->release ? t->release : t->resolve;

	return (struct term){ .number = t->number + 1,
		.custodian = t->release ? t->offer->control.to : by->control.to,
		.begun = by->ref,
		.date = by->control.date };
}

/* From the beginning of one term to where the path ends. */
static int walk_terms(struct walk *w, struct term t)
{
	int r = 0;

	/* Every round but the last uses up a Release or a Resolve. */
	for (size_t i = 0; i <= w->n && !r; i++) {
		const size_t first_offer = w->a->n_offers;
		struct ending end;
		struct id from = t.custodian;

		w->a->term = t.number;
		w->a->custodian = t.custodian;
		w->a->right = t.begun;
		r = walk_term(w, &t, &end);
		if (r)
			break;
		end_term(&t, &end);
		r = ADD(w, terms, t);
		if (!r)
			r = term_stints(w, &t, first_offer);
		if (r || (!t.release && !t.resolve))
			break;
		t = next_term(&t);
		r = hand_over(w, &from, &t.custodian);
	}
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
	return r ? err_up(r) : walk_terms(w, t);
}

/* The other branches of a forked custody: whom one of them makes responsible in the end, is
 * (P6.10). Each is walked beside the path, with what it forks into added behind it. */
static int walk_branches(struct walk *w)
{
	for (size_t i = 0; i < w->n_branches && i < w->n; i++) {
		const struct branch b = w->branches[i];
		struct affairs beside = { .forked = true, .epoch = b.epoch };
		struct walk side = { .all = w->all,
			.placed = w->placed,
			.resolves = w->resolves,
			.n_resolves = w->n_resolves,
			.n = w->n,
			.arena = w->arena,
			.a = &beside,
			.branches = w->branches,
			.n_branches = w->n_branches,
			.room_branches = w->room_branches };
		int r = walk_terms(&side, (struct term){ .number = b.term,
						  .custodian = b.custodian,
						  .begun = b.release->ref,
						  .date = b.release->control.date });

		w->branches = side.branches;
		w->n_branches = side.n_branches;
		w->room_branches = side.room_branches;
		for (size_t k = 0; k < beside.n_stints && !r; k++) {
			const struct stint *d = &beside.stints[k];

			r = add_stint(w, &d->region, STINT_FORKED, d->term, d->from, d->to);
		}
		if (!r)
			r = add_past_keys(w, beside.keys, beside.n_keys);
		if (!r)
			r = add_past_keys(w, beside.past_keys, beside.n_past_keys);
		if (r)
			return err_up(r);
	}
	return 0;
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

static bool is_acting(const struct affairs *a, const struct id *region)
{
	for (size_t i = 0; i < a->n_acting; i++)
		if (id_equal(&a->acting[i], region))
			return true;
	return false;
}

/* Responsible now, and not custodian of record: whose stint has no end. */
static int find_acting(struct walk *w)
{
	struct affairs *a = w->a;

	for (size_t i = 0; i < a->n_offers; i++)
		a->offers[i].state = state_of(&a->offers[i]);
	for (size_t i = 0; i < a->n_stints; i++) {
		const struct stint *d = &a->stints[i];

		if (d->to)
			continue;
		a->assumed |= d->why == STINT_ASSUMED;
		if (id_equal(&d->region, &a->custodian) || is_acting(a, &d->region))
			continue;
		if (ADD(w, acting, d->region))
			return err_new(-ENOMEM);
	}
	a->open = open_offer(a);
	return 0;
}

/* The newest custody change of the path: what the next one names (P6.3). */
static void find_before(struct walk *w)
{
	struct affairs *a = w->a;

	a->before = a->right;
	for (size_t i = w->n; i > 0; i--) {
		const struct held *h = w->all[i - 1];
		const struct offer *o = h->control.kind == CONTROL_OFFER
						? find_offer(a, &h->ref)
						: find_offer(a, &h->control.offer);

		if (ref_equal(&h->ref, &a->right))
			return;
		if (o && (h == o->offer || h == o->accept || h == o->decline ||
				 h == o->withdraw || h == o->stand_down || h == o->release)) {
			a->before = h->ref;
			return;
		}
	}
}

int affairs_read(const struct held *held, size_t n, struct arena *arena, struct affairs *ret)
{
	struct walk w = { .arena = arena, .a = ret };
	const struct held *genesis = NULL;
	int r;

	*ret = (struct affairs){ 0 };
	r = walk_count(&w, held, n);
	if (r)
		return err_up(r);
	for (size_t i = 0; i < w.n && !genesis; i++)
		if (w.all[i]->control.kind == CONTROL_GENESIS && w.all[i]->ref.at.seq == 1)
			genesis = w.all[i];
	for (size_t i = 0; i < n; i++)
		if (held[i].control.kind == CONTROL_UNKNOWN && held[i].must_understand)
			ret->needs_newer = true;
	if (!genesis)
		return 0;

	ret->known = true;
	ret->genesis = genesis->ref;
	r = walk_path(&w, genesis);
	if (!r)
		r = walk_branches(&w);
	if (!r)
		r = find_acting(&w);
	if (r)
		return err_up(r);
	find_before(&w);
	return votes_now(&w);
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
	return a->known && (id_equal(&a->custodian, region) || is_acting(a, region));
}

bool affairs_dangling(const struct affairs *a, const struct id *region)
{
	for (size_t i = 0; i < a->n_dangling; i++)
		if (id_equal(&a->dangling[i], region))
			return true;
	return false;
}

size_t affairs_majority(const struct affairs *a)
{
	return a->n_guardians / 2 + 1;
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

const struct offer *affairs_owes_stand_down(const struct affairs *a, const struct id *region)
{
	for (size_t i = 0; i < a->n_offers; i++)
		if (a->offers[i].state == OFFER_WITHDRAWN_ACCEPTED &&
			id_equal(&a->offers[i].offer->control.to, region))
			return &a->offers[i];
	return NULL;
}

const struct offer *affairs_offer_to(const struct affairs *a, const struct id *region)
{
	for (size_t i = a->n_offers; i > 0; i--)
		if (id_equal(&a->offers[i - 1].offer->control.to, region))
			return &a->offers[i - 1];
	return NULL;
}
