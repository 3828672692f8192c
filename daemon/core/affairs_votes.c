/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What guardians sign when the custodian is gone or custody has forked (P6.12 to P6.14). A vote
 * is a change on the guardian's own chain. The region that is named signs last and quotes the
 * votes that it rests on: so whoever knows that it counts, knows that this region knows.
 */

#include "daemon/core/affairs_walk.h"

#include <errno.h>
#include <string.h>

static bool is_guardian(const struct affairs *a, const struct id *region)
{
	const struct member *m = affairs_member(a, region);

	return m && !m->removed && m->row.guardian;
}

static size_t count_guardians(const struct affairs *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_members; i++)
		n += !a->members[i].removed && a->members[i].row.guardian;
	return n;
}

static bool same_term(const struct held *h, const struct term *t)
{
	return h->control.has_right && h->control.term == t->number &&
	       ref_equal(&h->control.right, &t->begun);
}

static bool same_last(const struct head *a, const struct head *b)
{
	return place_equal(&a->at, &b->at) && hash_equal(&a->change, &b->change);
}

/* A guardian signs one of a kind in a term: its first (P6.14). An Assume is only duty, and may
 * be signed for more than one region. */
static bool is_first(const struct walk *w, const struct held *h, const struct term *t)
{
	for (size_t i = 0; i < w->n_resolves && h->control.kind == CONTROL_RESOLVE; i++) {
		const struct held *other = w->resolves[i];

		if (same_term(other, t) && id_equal(&other->ref.at.author, &h->ref.at.author))
			return other == h;
	}
	return true;
}

static bool says_the_same(const struct held *a, const struct held *b)
{
	return a->control.kind == b->control.kind && id_equal(&a->control.to, &b->control.to) &&
	       (a->control.kind != CONTROL_RESOLVE ||
		       same_last(&a->control.last, &b->control.last));
}

static bool is_vote(const struct walk *w, const struct held *h, const struct term *t,
	const struct held *lead)
{
	return h && same_term(h, t) && says_the_same(h, lead) &&
	       is_guardian(w->a, &h->ref.at.author) && is_first(w, h, t);
}

/* One that the named region wrote, with the votes of more than half of the guardians as they
 * stand where the walk is. */
static bool carries(const struct walk *w, const struct held *lead, const struct term *t)
{
	size_t n = is_vote(w, lead, t, lead);

	if (!same_term(lead, t) || !id_equal(&lead->ref.at.author, &lead->control.to) ||
		!is_first(w, lead, t))
		return false;
	for (size_t i = 0; i < lead->control.n_votes; i++) {
		const struct held *vote = walk_find(w, &lead->control.votes[i]);
		bool twice = vote && id_equal(&vote->ref.at.author, &lead->ref.at.author);

		for (size_t k = 0; k < i && !twice; k++)
			twice = id_equal(&lead->control.votes[k].at.author,
				&lead->control.votes[i].at.author);
		n += !twice && is_vote(w, vote, t, lead);
	}
	return n >= count_guardians(w->a) / 2 + 1;
}

const struct held *votes_resolve(const struct walk *w, const struct term *t, size_t at)
{
	const struct held *last = at ? w->all[at - 1] : NULL;

	if (!last || !id_equal(&last->ref.at.author, &t->custodian))
		return NULL;
	for (size_t i = 0; i < w->n_resolves; i++) {
		const struct held *h = w->resolves[i];

		if (place_equal(&last->ref.at, &h->control.last.at) &&
			hash_equal(&last->ref.change, &h->control.last.change) &&
			carries(w, h, t))
			return h;
	}
	return NULL;
}

int votes_assumed(struct walk *w, const struct term *t, const struct held *over)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct held *h = w->all[i];
		int r = 0;

		if (h->control.kind == CONTROL_ASSUME && carries(w, h, t))
			r = ADD(w, stints,
				((struct stint){ .region = h->control.to,
					.why = STINT_ASSUMED,
					.term = t->number,
					.from = h,
					.to = over }));
		if (r)
			return err_up(r);
	}
	return 0;
}

int votes_now(struct walk *w)
{
	struct affairs *a = w->a;
	int r = 0;

	if (!a->forked)
		a->disputed = a->terms[a->n_terms - 1];
	for (size_t i = 0; i < a->n_members && !r; i++)
		if (is_guardian(a, &a->members[i].row.region))
			r = ADD(w, guardians, a->members[i].row.region);
	for (size_t i = 0; i < w->n && !r; i++) {
		const struct held *h = w->all[i];

		if (id_equal(&h->ref.at.author, &a->disputed.custodian))
			a->last = h;
		if ((h->control.kind == CONTROL_ASSUME || h->control.kind == CONTROL_RESOLVE) &&
			same_term(h, &a->disputed))
			r = ADD(w, votes,
				((struct vote){ .held = h,
					.counts = is_vote(w, h, &a->disputed, h),
					.leads =
						id_equal(&h->ref.at.author, &h->control.to) }));
	}
	return r ? err_up(r) : 0;
}
