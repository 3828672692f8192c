/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Moves as people ask for them and see them: the verbs, the list of what waits for whom, and
 * those who follow one move until it is settled.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/ask.h"

/* What a Decline says, with a word also for a code of a later kith. */
static const struct reason *decline_of(uint32_t code)
{
	static const struct reason later = { .name = "a-code-of-a-later-kith",
		.next = "compare versions: that region may run a newer kith" };
	const struct reason *r = reason_of(REASONS_DECLINE, code);

	return r ? r : &later;
}

/* Verbs -------------------------------------------------------------------------------------
 */

static int made(struct ask *a, int r, const struct id *record, const struct ref *ref)
{
	if (r && r != MOVE_BEFORE)
		return r;
	if (r == MOVE_BEFORE)
		a->reply.made_text = "done before";
	r = ask_made(a, record, ref);
	return r;
}

int ask_move_offer(struct ask *a)
{
	struct id record, to;
	struct ref ref = { 0 };
	struct node *n = a->s->node;
	int r = ask_record(a, &record);

	if (!r && span_is(a->q.peer, n->name))
		return ask_problem(a, PROBLEM_ARGUMENT, "%s is this region itself", n->name);
	if (!r)
		r = ask_peer(a, &to);
	if (r)
		return r;
	if (!reason_of(REASONS_OFFER, a->q.code))
		return ask_problem(
			a, PROBLEM_ARGUMENT, "%u is not a reason for an offer", a->q.code);
	r = move_offer(a->s, &record, &to, a->q.code, a->q.text, &a->q, &ref);
	if (!r && !a->q.dry_run)
		r = requests_offered(a->s, &to, &record);
	return made(a, r, &record, &ref);
}

int ask_move_accept(struct ask *a)
{
	struct id record;
	struct ref ref = { 0 };
	int r = ask_record(a, &record);

	if (r)
		return r;
	if (a->q.n_entries != 1 || !a->q.entries[0].has_worker ||
		!a->q.entries[0].worker.name.len)
		return ask_problem(a, PROBLEM_ARGUMENT,
			"name the worker who takes the child up (one worker entry)");
	r = move_accept(a->s, &record, &a->q, &ref);
	return made(a, r, &record, &ref);
}

int ask_move_decline(struct ask *a)
{
	struct id record;
	struct ref ref = { 0 };
	int r = ask_record(a, &record);

	if (r)
		return r;
	if (!reason_of(REASONS_DECLINE, a->q.code) || a->q.code == MOVE_CODE_WITHDRAWN)
		return ask_problem(
			a, PROBLEM_ARGUMENT, "%u is not a code for a refusal", a->q.code);
	r = move_decline(a->s, &record, a->q.code, &a->q, &ref);
	return r ? r : ask_made(a, &record, &ref);
}

int ask_move_withdraw(struct ask *a)
{
	struct id record;
	struct ref ref = { 0 };
	int r = ask_record(a, &record);

	if (!r)
		r = move_withdraw(a->s, &record, &a->q, &ref);
	return r ? r : ask_made(a, &record, &ref);
}

/* Views -------------------------------------------------------------------------------------
 */

static const char *state_of(struct step *s, const struct offer *o, const struct progress *p,
	const struct record_row *row)
{
	bool to_us = id_equal(&o->offer->control.to, &s->node->region);

	switch (o->state) {
	case OFFER_OPEN:
		if (!to_us)
			return "offered";
		return row->complete ? "complete" : p->held < p->of ? "receiving" : "checking";
	case OFFER_ACCEPTED:
		return "accepted";
	case OFFER_DECLINED:
		return "declined";
	case OFFER_WITHDRAWN:
	case OFFER_REFUSED_LATE:
		return "withdrawn";
	case OFFER_WITHDRAWN_ACCEPTED:
		return "withdrawn after acceptance";
	case OFFER_STOOD_DOWN:
		return "stood down";
	case OFFER_RELEASED:
		return "released";
	}
	return NULL;
}

/* An offer to us: for people, for room, or for what is on its way. */
static const char *what_we_wait_for(
	struct step *s, const char *from, const struct record_row *row, bool parked)
{
	if (row->complete)
		return "us: kithctl move accept, or decline";
	if (!parked)
		return "the rest of the record";
	return arena_text(s->arena,
		"us: the quota of %s is used up (quota_record, quota_peer in kithd.conf)",
		from);
}

/* Whose turn it is, in words; NULL: nobody's, it is settled. */
static const char *waits_for(struct step *s, const struct offer *o, const char *to,
	const char *from, const struct record_row *row, bool parked)
{
	bool to_us = id_equal(&o->offer->control.to, &s->node->region);

	switch (o->state) {
	case OFFER_OPEN:
		if (to_us)
			return what_we_wait_for(s, from, row, parked);
		return arena_text(s->arena, "%s to accept or decline", to);
	case OFFER_ACCEPTED:
		return arena_text(s->arena, "%s to release", from);
	case OFFER_WITHDRAWN:
		return arena_text(s->arena, "%s to confirm the withdrawal", to);
	case OFFER_WITHDRAWN_ACCEPTED:
		return arena_text(s->arena, "%s to stand down", to);
	case OFFER_DECLINED:
	case OFFER_REFUSED_LATE:
	case OFFER_STOOD_DOWN:
	case OFFER_RELEASED:
		return NULL;
	}
	return NULL;
}

/* What is only in the account of the newest move, and what it waits for. */
static int view_newest(struct step *s, const struct id *record, const struct affairs *f,
	const struct offer *o, struct ctl_move *ret)
{
	static const char *const late[] = { NULL, "warning", "alarm" };
	struct record_row row;
	struct want_row waits;
	struct move_row m;
	struct progress p;
	bool parked;
	int r = parked_get(s->view, &o->from, record, &waits);

	if (r < 0)
		return err_up(r);
	parked = r == 0;
	r = record_get(s->view, record, &row);
	if (!r)
		r = record_progress(s, record, f, &p);
	if (r)
		return err_odd(r);
	r = move_row_get(s->view, record, &m);
	if (r < 0)
		return err_up(r);
	ret->state = state_of(s, o, &p, &row);
	ret->waits_for = waits_for(s, o, ret->to, ret->from, &row, parked);
	ret->held = p.held;
	ret->of = p.of;
	ret->since_ms = r == 0 ? m.since_ms : row.since_ms;
	ret->received_ms = m.received_ms;
	ret->complete_ms = m.complete_ms;
	if (r == 0 && m.phase != MOVE_SETTLED)
		ret->late = late[handover_late(s, &m, &ret->due_ms)];
	return 0;
}

static const char *text_of_change(struct step *s, const struct held *h)
{
	char hex[HASH_TEXT_LEN];

	return h ? arena_text(s->arena, "%s", hex_text(h->ref.change.b, HASH_LEN, hex)) : NULL;
}

/* What was sealed to go with the answer, or with the offer. */
static int view_words(
	struct step *s, const struct id *record, const struct offer *o, struct ctl_move *ret)
{
	const struct held *h = o->accept ? o->accept : o->decline ? o->decline : o->offer;
	struct body b;
	int r = handover_words(s, record, h, &b);

	if (r)
		return r < 0 ? err_up(r) : 0;
	for (size_t i = 0; i < b.n_entries; i++) {
		const struct entry *e = &b.entries[i];

		if (!e->has_worker) {
			ret->text = text_of_span(s->arena, e->text);
			continue;
		}
		ret->worker = text_of_span(s->arena, e->worker.name);
		if (!ret->received_ms)
			ret->received_ms = e->worker.received_ms;
		if (!ret->complete_ms)
			ret->complete_ms = e->worker.complete_ms;
	}
	return 0;
}

int view_offer(struct step *s, const struct id *record, const struct affairs *f,
	const struct offer *o, struct ctl_move *ret)
{
	static const struct progress none;
	static const struct record_row nothing;
	struct summary y;
	int r = summary_get(s, record, &y);

	if (r < 0)
		return err_up(r);
	*ret = (struct ctl_move){ .record = text_of_id(s->arena, record),
		.alias = r == 0 && y.alias[0] ? arena_text(s->arena, "%s", y.alias) : NULL,
		.from = text_of_region(s, &o->from),
		.to = text_of_region(s, &o->offer->control.to),
		.state = state_of(s, o, &none, &nothing),
		.reason = reason_name(REASONS_OFFER, o->offer->control.code),
		.term = o->term,
		.offer = text_of_change(s, o->offer),
		.answer = text_of_change(s, o->accept ? o->accept : o->decline),
		.release = text_of_change(s, o->release),
		.offered_ms = handover_said(o->offer),
		.taken_up_ms = handover_said(o->accept),
		.settled_ms = handover_settled(o) };
	if (o->decline) {
		ret->code = decline_of(o->decline->control.code)->name;
		ret->next = decline_of(o->decline->control.code)->next;
	}
	r = o == &f->offers[f->n_offers - 1] ? view_newest(s, record, f, o, ret) : 0;
	return r ? err_up(r) : view_words(s, record, o, ret);
}

int view_move(
	struct step *s, const struct id *record, const struct affairs *f, struct ctl_move *ret)
{
	if (f->n_offers)
		return view_offer(s, record, f, &f->offers[f->n_offers - 1], ret);
	*ret = (struct ctl_move){ .record = text_of_id(s->arena, record) };
	return 0;
}

/* What an operator is shown of a move: how it stands, and nothing of what it is about. */
void view_bare(struct ctl_move *m)
{
	*m = (struct ctl_move){ .record = m->record,
		.from = m->from,
		.to = m->to,
		.state = m->state,
		.waits_for = m->waits_for,
		.held = m->held,
		.of = m->of,
		.since_ms = m->since_ms,
		.term = m->term,
		.offered_ms = m->offered_ms,
		.received_ms = m->received_ms,
		.complete_ms = m->complete_ms,
		.taken_up_ms = m->taken_up_ms,
		.settled_ms = m->settled_ms,
		.due_ms = m->due_ms,
		.late = m->late,
		.offer = m->offer,
		.answer = m->answer,
		.release = m->release };
}

/* Followers ---------------------------------------------------------------------------------
 */

static bool settled(const struct affairs *f)
{
	return f->known && !f->open && f->n_offers;
}

int follower_tell(struct step *s, struct follower *f)
{
	struct ctl_reply reply = { .id = f->request };
	const struct affairs *a;
	struct ctl_move move = { 0 };
	struct progress p;
	uint32_t state;
	int r = node_affairs(s, &f->record, &a);

	if (r)
		return err_up(r);
	if (!a->known)
		return 0;
	r = record_progress(s, &f->record, a, &p);
	if (!r)
		r = view_move(s, &f->record, a, &move);
	if (r)
		return err_up(r);
	state = a->n_offers ? (uint32_t)a->offers[a->n_offers - 1].state : UINT32_MAX;
	if (f->bare)
		view_bare(&move);
	if (move.state && strcmp(move.state, "complete") == 0)
		state |= 256;
	if (f->told && f->told_held == p.held && f->told_state == state && !settled(a))
		return 0;
	if (!f->told || f->told_held != p.held) {
		reply.has_progress = true;
		reply.progress_what = "changes";
		reply.progress_done = p.held;
		reply.progress_of = p.of;
	}
	if (!f->told || f->told_state != state || settled(a)) {
		reply.moves = &move;
		reply.n_moves = a->n_offers > 0;
	}
	reply.last = settled(a);
	f->told = true;
	f->told_held = p.held;
	f->told_state = state;
	f->busy = !reply.last;
	return ask_reply(s, f->client, &reply);
}

int follower_begin(struct ask *a, const struct id *record, struct follower **ret)
{
	struct node *n = a->s->node;

	for (size_t i = 0; i < FOLLOWERS_MAX; i++) {
		struct follower *f = &n->followers[i];

		if (f->busy)
			continue;
		*f = (struct follower){ .busy = true,
			.all = !record,
			.client = a->s->event->client,
			.request = a->q.id,
			.bare = !ask_sees_contents(a) };
		if (record)
			f->record = *record;
		a->open = true;
		*ret = f;
		return 0;
	}
	return ask_problem(a, PROBLEM_BUSY, "%d clients follow moves already", FOLLOWERS_MAX);
}

static int follow(struct ask *a, const struct id *record)
{
	struct follower *f;
	int r = follower_begin(a, record, &f);

	return r ? r : follower_tell(a->s, f);
}

int ask_move_show(struct ask *a)
{
	const struct affairs *f;
	struct ctl_move *move;
	struct id record;
	char text[ID_TEXT_LEN] = "";
	int r = ask_record(a, &record);

	/* A record that is still to come can be followed by its whole id. */
	if (r == PROBLEM_RECORD_UNKNOWN && a->q.follow && a->q.record.len == 2 * ID_LEN) {
		memcpy(text, a->q.record.at, 2 * ID_LEN);
		if (id_parse(text, &record))
			r = 0;
	}
	if (r)
		return r;
	if (a->q.follow)
		return follow(a, &record);
	move = arena_alloc(a->s->arena, sizeof(*move));
	if (!move)
		return err_new(-ENOMEM);
	r = node_affairs(a->s, &record, &f);
	if (r)
		return err_up(r);
	if (!f->n_offers)
		return ask_problem(a, PROBLEM_OFFER_NONE, "this record was never offered");
	r = view_move(a->s, &record, f, move);
	if (!r && !ask_sees_contents(a))
		view_bare(move);
	a->reply.moves = move;
	a->reply.n_moves = 1;
	return r ? err_up(r) : 0;
}
