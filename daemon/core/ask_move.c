/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Moves as people ask for them and see them: the verbs, the list of what waits for whom, and
 * those who follow one move until it is settled.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/ask.h"

static const char *reason_name(uint32_t code)
{
	switch (code) {
#define REASON(number, name, text)                                                             \
	case number:                                                                           \
		return name;
#include <kith/reasons.def>
#undef REASON
	default:
		return NULL;
	}
}

static const char *decline_name(uint32_t code)
{
	switch (code) {
#define DECLINE(number, name, rule, cause, next)                                               \
	case number:                                                                           \
		return name;
#include <kith/reasons.def>
#undef DECLINE
	default:
		return NULL;
	}
}

/* Verbs -------------------------------------------------------------------------------------
 */

int ask_move_offer(struct ask *a)
{
	struct id record, to;
	struct ref ref = { 0 };
	struct node *n = a->s->node;
	int r = ask_record(a, &record);

	if (!r && a->q.peer.len == strlen(n->name) &&
		memcmp(a->q.peer.at, n->name, a->q.peer.len) == 0)
		return ask_problem(a, PROBLEM_ARGUMENT, "%s is this region itself", n->name);
	if (!r)
		r = ask_peer(a, &to);
	if (r)
		return r;
	if (!reason_name(a->q.code))
		return ask_problem(
			a, PROBLEM_ARGUMENT, "%u is not a reason for an offer", a->q.code);
	r = move_offer(a->s, &record, &to, a->q.code, a->q.text, &a->q, &ref);
	if (!r && !a->q.dry_run)
		r = requests_offered(a->s, &to, &record);
	return r ? r : ask_made(a, &record, &ref);
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
	return r ? r : ask_made(a, &record, &ref);
}

int ask_move_decline(struct ask *a)
{
	struct id record;
	struct ref ref = { 0 };
	int r = ask_record(a, &record);

	if (r)
		return r;
	if (!decline_name(a->q.code) || a->q.code == MOVE_CODE_WITHDRAWN)
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

/* Whose turn it is, in words; NULL: nobody's, it is settled. */
static const char *waits_for(struct step *s, const struct offer *o, const char *to,
	const char *from, const struct record_row *row)
{
	bool to_us = id_equal(&o->offer->control.to, &s->node->region);

	switch (o->state) {
	case OFFER_OPEN:
		if (to_us)
			return row->complete ? "us: kithctl move accept, or decline"
					     : "the rest of the record";
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

int view_move(
	struct step *s, const struct id *record, const struct affairs *f, struct ctl_move *ret)
{
	const struct offer *o = f->n_offers ? &f->offers[f->n_offers - 1] : NULL;
	struct record_row row;
	struct progress p;
	struct summary y;
	int r;

	*ret = (struct ctl_move){ .record = text_of_id(s->arena, record) };
	if (!o)
		return 0;
	r = record_get(s->view, record, &row);
	if (!r)
		r = record_progress(s, record, f, &p);
	if (r)
		return err_odd(r);
	r = summary_get(s, record, &y);
	if (r < 0)
		return err_up(r);
	if (r == 0 && y.alias[0])
		ret->alias = arena_text(s->arena, "%s", y.alias);
	ret->from = text_of_region(s, &o->from);
	ret->to = text_of_region(s, &o->offer->control.to);
	ret->state = state_of(s, o, &p, &row);
	ret->reason = reason_name(o->offer->control.code);
	ret->waits_for = waits_for(s, o, ret->to, ret->from, &row);
	ret->held = p.held;
	ret->of = p.of;
	ret->since_ms = row.since_ms;
	ret->term = o->term;
	ret->worker = view_worker(s, record, o->accept);
	if (o->decline)
		ret->code = decline_name(o->decline->control.code);
	return 0;
}

/* What an operator is shown of a move: how it stands, and nothing of what it is about. */
static void without_contents(struct ctl_move *m)
{
	*m = (struct ctl_move){ .record = m->record,
		.from = m->from,
		.to = m->to,
		.state = m->state,
		.waits_for = m->waits_for,
		.held = m->held,
		.of = m->of,
		.since_ms = m->since_ms,
		.term = m->term };
}

int moves_waiting(struct step *s, uint64_t *ret)
{
	struct scan scan;
	int r;

	*ret = 0;
	scan_init(&scan, TABLE_RECORD, (struct span){ 0 });
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct record_row row;

		if (!record_row_read(scan.value, &row))
			return err_new(-EUCLEAN);
		*ret += row.offer_open;
	}
	return r < 0 ? err_up(r) : 0;
}

int ask_move_list(struct ask *a)
{
	struct step *s = a->s;
	struct scan scan;
	size_t room = 0;
	int r;

	scan_init(&scan, TABLE_RECORD, (struct span){ 0 });
	while ((r = scan_next(&scan, s->view)) == 0) {
		const struct affairs *f;
		struct record_row row;
		struct ctl_move *grown;
		struct id record;

		if (!record_row_read(scan.value, &row))
			return err_new(-EUCLEAN);
		if (!row.offer_open)
			continue;
		grown = arena_grow(
			s->arena, a->reply.moves, a->reply.n_moves, &room, sizeof(*grown));
		if (!grown)
			return err_new(-ENOMEM);
		a->reply.moves = grown;
		memcpy(record.b, scan.key, ID_LEN);
		r = node_affairs(s, &record, &f);
		if (!r)
			r = view_move(s, &record, f, &grown[a->reply.n_moves++]);
		if (r)
			return err_up(r);
	}
	for (size_t i = 0; i < a->reply.n_moves && !ask_sees_contents(a); i++)
		without_contents(&a->reply.moves[i]);
	return r < 0 ? err_up(r) : 0;
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
	struct ctl_move move;
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
		without_contents(&move);
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

static int follow(struct ask *a, const struct id *record)
{
	struct node *n = a->s->node;

	for (size_t i = 0; i < FOLLOWERS_MAX; i++) {
		struct follower *f = &n->followers[i];

		if (f->busy)
			continue;
		*f = (struct follower){ .busy = true,
			.client = a->s->event->client,
			.request = a->q.id,
			.bare = !ask_sees_contents(a),
			.record = *record };
		a->open = true;
		return follower_tell(a->s, f);
	}
	return ask_problem(a, PROBLEM_BUSY, "%d clients follow moves already", FOLLOWERS_MAX);
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
		without_contents(move);
	a->reply.moves = move;
	a->reply.n_moves = 1;
	return r ? err_up(r) : 0;
}
