/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Moves: what people decide about custody (P6). Each checks what the person may do, and says
 * which rule is in the way; what follows by itself is in record.c.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

void move_control(
	struct step *s, const struct affairs *a, enum control_kind kind, struct control *ret)
{
	*ret = (struct control){ .kind = kind,
		.date = node_today(s),
		.term = a->term,
		.has_right = true,
		.right = a->right,
		.has_before = true,
		.before = a->before };
}

int move_words(struct step *s, const struct id *record, struct entry *e,
	const struct ctl_request *by, struct ref *ret)
{
	struct body b = {
		.worker = by->worker, .role = by->role, .entries = e, .n_entries = 1
	};
	int r;

	e->has_effective = true;
	e->effective = node_today(s);
	r = chain_append(s, &(struct own_change){ .record = record, .body = &b }, ret);
	if (r == BODY_E_KEY)
		return PROBLEM_KEYS_MISSING;
	if (r == BODY_E_FORM)
		return PROBLEM_TOO_LARGE;
	if (!r)
		r = summary_entries(s, record, e, 1);
	return r ? err_odd(r) : 0;
}

static int say(struct step *s, const struct id *record, struct control *c, enum tell_verb verb,
	const struct id *peer, struct ref *ret)
{
	int r = chain_append(s, &(struct own_change){ .record = record, .control = c }, ret);

	if (r)
		return err_odd(r);
	return node_tell(s, &(struct tell){ .verb = verb, .record = *record, .peer = *peer });
}

int move_workable(struct step *s, const struct id *record, const struct affairs **ret)
{
	int r = node_affairs(s, record, ret);

	if (r)
		return err_up(r);
	if (!(*ret)->known)
		return PROBLEM_INCOMPLETE;
	if ((*ret)->forked)
		return PROBLEM_FORKED;
	if (affairs_dangling(*ret, &s->node->region))
		return PROBLEM_OWN_WAITS;
	if ((*ret)->needs_newer)
		return PROBLEM_NEEDS_NEWER;
	r = chain_writable(s, record);
	if (r <= 0)
		return r ? err_up(r) : 0;
	return r == CHAIN_E_FORKED ? PROBLEM_CHAIN_FORKED : PROBLEM_PATH_FULL;
}

/* A candidate comes into the circle as a writer, in the turn of its Offer (P6.8). */
static int admit(
	struct step *s, const struct id *record, const struct affairs *a, const struct id *to)
{
	struct circle_row row = { .region = *to,
		.role = ROLE_WRITER,
		.classes = 1u << 0 | 1u << 1,
		.first_epoch = 1,
		.guardian = true };
	struct control c;
	struct ref ref;
	int r;

	if (affairs_role(a, to) == ROLE_WRITER)
		return 0;
	move_control(s, a, CONTROL_CIRCLE, &c);
	c.has_before = false;
	c.set = &row;
	c.n_set = 1;
	r = chain_append(s, &(struct own_change){ .record = record, .control = &c }, &ref);
	return r ? err_odd(r) : 0;
}

/* We released it to that region, which is its custodian since: nothing is left to be done. */
static bool moved_to(
	const struct step *s, const struct affairs *a, const struct id *to, struct ref *ret)
{
	const struct offer *o = a->n_offers ? &a->offers[a->n_offers - 1] : NULL;

	if (!o || o->state != OFFER_RELEASED || !id_equal(&o->from, &s->node->region) ||
		!id_equal(&o->offer->control.to, to) || !id_equal(&a->custodian, to))
		return false;
	*ret = o->offer->ref;
	return true;
}

/* Our Accept of the newest Offer is on its way, or has done what it was for. */
static bool accepted_before(const struct step *s, const struct affairs *a, struct ref *ret)
{
	const struct offer *o = a->n_offers ? &a->offers[a->n_offers - 1] : NULL;

	if (!o || !o->accept || !id_equal(&o->offer->control.to, &s->node->region) ||
		(o->state != OFFER_ACCEPTED && o->state != OFFER_RELEASED))
		return false;
	*ret = o->accept->ref;
	return true;
}

int move_offer(struct step *s, const struct id *record, const struct id *to, uint32_t reason,
	struct span words, const struct ctl_request *by, struct ref *ret)
{
	const struct affairs *a;
	struct control c;
	struct ref said = { 0 };
	int r = move_workable(s, record, &a);

	if (r)
		return r;
	if (by->again && moved_to(s, a, to, ret))
		return MOVE_BEFORE;
	if (!id_equal(&a->custodian, &s->node->region))
		return PROBLEM_NOT_CUSTODIAN;
	if (a->open && by->again && id_equal(&a->open->offer->control.to, to)) {
		*ret = a->open->offer->ref;
		return MOVE_BEFORE;
	}
	if (a->open)
		return PROBLEM_OFFER_OPEN;
	r = record_manifest(s, record, a, &c.manifest);
	if (r)
		return r == RECORD_E_MANY ? PROBLEM_TOO_LARGE : err_up(r);
	if (by->dry_run)
		return 0;
	if (words.len) {
		struct entry e = { .kind = ENTRY_WORDS, .text = words };

		r = move_words(s, record, &e, by, &said);
		if (!r)
			r = node_affairs(s, record, &a);
		if (r)
			return r;
	}
	r = admit(s, record, a, to);
	if (!r)
		r = node_affairs(s, record, &a);
	if (r)
		return err_up(r);
	move_control(s, a, CONTROL_OFFER, &c);
	c.to = *to;
	c.code = reason;
	c.has_words = words.len > 0;
	c.words = said;
	c.has_manifest = true;
	r = record_manifest(s, record, a, &c.manifest);
	return r ? err_odd(r) : say(s, record, &c, TELL_OFFERS, to, ret);
}

int move_withdraw(
	struct step *s, const struct id *record, const struct ctl_request *by, struct ref *ret)
{
	const struct affairs *a;
	struct control c;
	struct id to;
	int r = move_workable(s, record, &a);

	if (r)
		return r;
	if (!id_equal(&a->custodian, &s->node->region))
		return PROBLEM_NOT_CUSTODIAN;
	if (!a->open)
		return PROBLEM_OFFER_NONE;
	if (by->dry_run)
		return 0;
	to = a->open->offer->control.to;
	move_control(s, a, CONTROL_WITHDRAW, &c);
	c.has_offer = true;
	c.offer = a->open->offer->ref;
	return say(s, record, &c, TELL_WITHDRAWS, &to, ret);
}

/* The open offer, if it is ours to answer. */
static int answerable(struct step *s, const struct id *record, const struct affairs **ret,
	struct offer *ret_offer)
{
	int r = move_workable(s, record, ret);

	if (r)
		return r;
	if (!(*ret)->open)
		return PROBLEM_OFFER_NONE;
	*ret_offer = *(*ret)->open;
	if (!id_equal(&ret_offer->offer->control.to, &s->node->region))
		return PROBLEM_NOT_OFFERED;
	return ret_offer->accept ? PROBLEM_ACCEPTED : 0;
}

int move_accept(
	struct step *s, const struct id *record, const struct ctl_request *by, struct ref *ret)
{
	const struct affairs *a;
	struct record_row row;
	struct control c;
	struct ref said, offer;
	struct offer o;
	struct entry e = { .kind = ENTRY_WORKER, .has_worker = true };
	struct move_row times;
	int r = answerable(s, record, &a, &o);

	if ((r == PROBLEM_ACCEPTED || r == PROBLEM_OFFER_NONE) && by->again &&
		accepted_before(s, a, ret))
		return MOVE_BEFORE;
	if (r)
		return r;
	r = record_get(s->view, record, &row);
	if (r)
		return err_odd(r);
	if (!row.complete) /* (P6.7) */
		return PROBLEM_INCOMPLETE;
	if (by->dry_run)
		return 0;
	r = move_row_get(s->view, record, &times);
	if (r < 0)
		return err_up(r);
	e.worker = by->entries[0].worker;
	e.worker.received_ms = times.received_ms;
	e.worker.complete_ms = times.complete_ms;
	offer = o.offer->ref;
	r = move_words(s, record, &e, by, &said);
	if (!r)
		r = node_affairs(s, record, &a);
	if (r)
		return r;
	move_control(s, a, CONTROL_ACCEPT, &c);
	c.right = c.offer = offer;
	c.has_offer = c.has_words = true;
	c.words = said;
	return say(s, record, &c, TELL_ACCEPTS, &o.from, ret);
}

int move_decline(struct step *s, const struct id *record, uint32_t code,
	const struct ctl_request *by, struct ref *ret)
{
	const struct affairs *a;
	struct control c;
	struct ref said = { 0 }, offer;
	struct offer o;
	int r = answerable(s, record, &a, &o);

	if (r || by->dry_run)
		return r;
	offer = o.offer->ref;
	if (by->text.len) {
		struct entry e = { .kind = ENTRY_WORDS, .text = by->text };

		r = move_words(s, record, &e, by, &said);
		if (!r)
			r = node_affairs(s, record, &a);
		if (r)
			return r;
	}
	move_control(s, a, CONTROL_DECLINE, &c);
	c.right = c.offer = offer;
	c.has_offer = true;
	c.code = code;
	c.has_words = by->text.len > 0;
	c.words = said;
	return say(s, record, &c, TELL_DECLINES, &o.from, ret);
}
