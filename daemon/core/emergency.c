/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The custodian is gone, or custody has forked (P6.12 to P6.14): what guardians sign. Each
 * signs on its own chain; the region that is named signs last, with the others' votes, and is
 * then responsible (Assume) or custodian (Resolve).
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define SILENCE_MS ((uint64_t)3600 * 1000) /* before a custodian may be taken for gone */

uint64_t emergency_silence(struct step *s, const struct id *region)
{
	const struct peer *p = peer_find(s->node, region);
	uint64_t last = s->node->options.started_ms;

	if (p && p->last_heard_ms > last)
		last = p->last_heard_ms;
	if (p && p->state == PEER_LIVE)
		last = s->event->wall_ms;
	return s->event->wall_ms > last ? s->event->wall_ms - last : 0;
}

static bool is_in(const struct id *list, size_t n, const struct id *id)
{
	for (size_t i = 0; i < n; i++)
		if (id_equal(&list[i], id))
			return true;
	return false;
}

static bool same(const struct held *h, const struct control *c)
{
	return h->control.kind == c->kind && id_equal(&h->control.to, &c->to) &&
	       (c->kind != CONTROL_RESOLVE ||
		       (place_equal(&h->control.last.at, &c->last.at) &&
			       hash_equal(&h->control.last.change, &c->last.change)));
}

/* The last change that counts: as who signed before says, else the newest that is held. */
static void choose_last(const struct affairs *a, struct control *c)
{
	for (size_t i = 0; i < a->n_votes; i++) {
		const struct vote *v = &a->votes[i];

		if (v->held->control.kind == CONTROL_RESOLVE && v->counts &&
			id_equal(&v->held->control.to, &c->to)) {
			c->last = v->held->control.last;
			return;
		}
	}
	c->last = (struct head){ .at = a->last->ref.at, .change = a->last->ref.change };
}

/* The votes of others that say what .c says. */
static int collect(struct step *s, const struct affairs *a, struct control *c)
{
	c->votes = arena_array(s->arena, a->n_votes + 1, sizeof(*c->votes));
	c->n_votes = 0;
	if (!c->votes)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < a->n_votes; i++) {
		const struct vote *v = &a->votes[i];
		bool twice = id_equal(&v->held->ref.at.author, &s->node->region);

		for (size_t k = 0; k < c->n_votes && !twice; k++)
			twice = id_equal(&c->votes[k].at.author, &v->held->ref.at.author);
		if (v->counts && !twice && same(v->held, c))
			c->votes[c->n_votes++] = v->held->ref;
	}
	return 0;
}

/* It has signed one of this kind in this term; a Resolve for anybody, an Assume for the same.
 */
static bool has_signed(struct step *s, const struct affairs *a, const struct control *c)
{
	for (size_t i = 0; i < a->n_votes; i++) {
		const struct held *h = a->votes[i].held;

		if (id_equal(&h->ref.at.author, &s->node->region) &&
			h->control.kind == c->kind &&
			(c->kind == CONTROL_RESOLVE || id_equal(&h->control.to, &c->to)))
			return true;
	}
	return false;
}

static int may_sign(
	struct step *s, const struct affairs *a, const struct control *c, bool anyway)
{
	const struct id *self = &s->node->region, *gone = &a->disputed.custodian;
	const bool guardian = is_in(a->guardians, a->n_guardians, self),
		   named = id_equal(&c->to, self);

	if (affairs_dangling(a, self))
		return PROBLEM_OWN_WAITS;
	if (affairs_role(a, self) == ROLE_NONE || (!guardian && !named))
		return PROBLEM_NOT_GUARDIAN;
	if (affairs_role(a, &c->to) == ROLE_NONE)
		return PROBLEM_MEMBER_UNKNOWN;
	if (c->kind == CONTROL_ASSUME && a->forked)
		return PROBLEM_FORKED;
	if (has_signed(s, a, c))
		return PROBLEM_SIGNED;
	if (!anyway && !a->forked && !id_equal(gone, self) &&
		emergency_silence(s, gone) < SILENCE_MS)
		return PROBLEM_CUSTODIAN_HEARD;
	return 0;
}

int emergency_sign(struct step *s, const struct id *record, enum control_kind kind,
	const struct id *to, uint32_t code, bool anyway, const struct ctl_request *by,
	struct emergency *ret)
{
	const struct affairs *a;
	struct control c;
	struct ref said;
	int r = node_affairs(s, record, &a);

	*ret = (struct emergency){ 0 };
	if (r)
		return err_up(r);
	if (!a->known)
		return PROBLEM_INCOMPLETE;
	if (a->needs_newer)
		return PROBLEM_NEEDS_NEWER;
	r = chain_writable(s, record);
	if (r)
		return r < 0                 ? err_up(r)
		       : r == CHAIN_E_FORKED ? PROBLEM_CHAIN_FORKED
					     : PROBLEM_TOO_LARGE;
	move_control(s, a, kind, &c);
	c.has_before = false;
	c.right = a->disputed.begun;
	c.term = a->disputed.number;
	c.to = *to;
	c.code = code;
	if (kind == CONTROL_RESOLVE)
		choose_last(a, &c);
	r = may_sign(s, a, &c, anyway);
	if (!r)
		r = collect(s, a, &c);
	if (r)
		return r;
	ret->leads = id_equal(to, &s->node->region);
	ret->guardians = a->n_guardians;
	ret->needed = affairs_majority(a);
	ret->have = c.n_votes + is_in(a->guardians, a->n_guardians, &s->node->region);
	if (ret->leads && ret->have < ret->needed)
		return PROBLEM_VOTES_MISSING;
	if (!ret->leads)
		c.n_votes = 0;
	if (by->dry_run)
		return 0;
	if (by->text.len) {
		struct entry e = { .kind = ENTRY_WORDS, .text = by->text };

		r = move_words(s, record, &e, by, &said);
		if (r)
			return r;
		c.has_words = true;
		c.words = said;
	}
	r = chain_append(s, &(struct own_change){ .record = record, .control = &c }, &ret->ref);
	if (r)
		return err_odd(r);
	return node_tell(s,
		&(struct tell){ .verb = kind == CONTROL_ASSUME ? TELL_ASSUMES : TELL_RESOLVES,
			.record = *record,
			.peer = *to });
}
