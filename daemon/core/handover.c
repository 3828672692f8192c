/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The account of each move: who is waited for since when, and when it was received, complete
 * and taken up. What control changes say is taken from them; what they do not is kept in a row:
 * when the offer came and was complete here, and when the region that is asked acknowledged it.
 * Limits that a wait passes are told once each.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/ask.h"

#define LOOK_AGAIN_MS 3600000 /* at the latest, since wall clocks are set */
#define LIMITS_N      2

uint64_t handover_said(const struct held *h)
{
	return h ? h->control.clock >> 16 : 0;
}

/* The only place where a row is written: what was counted is to be counted again. */
static int put_move(struct step *s, const struct id *record, const struct move_row *row)
{
	int r = move_row_put(s->view, record, row);

	s->node->waiting.known = false;
	return r ? err_odd(r) : 0;
}

int handover_words(
	struct step *s, const struct id *record, const struct held *h, struct body *ret)
{
	CLEANUP(body_key_done) struct body_key key = { 0 };
	struct log_at at = { 0 };
	struct wire_change c;
	struct header header;
	struct hash id;
	int r;

	if (!h || !h->control.has_words)
		return ROW_NONE;
	r = chain_read(s, record, &h->control.words.at, &at, &c);
	if (!r)
		r = chain_id(s->crypto, c.header, &id);
	if (r)
		return r;
	if (!hash_equal(&id, &h->control.words.change))
		return ROW_NONE;
	r = wire_header_decode(c.header, &header);
	if (!r)
		r = body_open(s, s->arena, &key, &header, c.body, ret);
	return r < 0 ? err_up(r) : r ? ROW_NONE : 0;
}

/* Phases and times --------------------------------------------------------------------------
 */

static enum move_phase phase_of(enum offer_state state)
{
	switch (state) {
	case OFFER_OPEN:
		return MOVE_ANSWERS;
	case OFFER_ACCEPTED:
		return MOVE_RELEASES;
	case OFFER_WITHDRAWN:
		return MOVE_CONFIRMS;
	case OFFER_WITHDRAWN_ACCEPTED:
		return MOVE_STANDS_DOWN;
	case OFFER_DECLINED:
	case OFFER_STOOD_DOWN:
	case OFFER_REFUSED_LATE:
	case OFFER_RELEASED:
		break;
	}
	return MOVE_SETTLED;
}

/* When it came to the phase that it is in. */
static uint64_t began_ms(const struct offer *o)
{
	const struct held *last = o->release      ? o->release
				  : o->stand_down ? o->stand_down
				  : o->decline    ? o->decline
				  : o->withdraw   ? o->withdraw
				  : o->accept     ? o->accept
						  : o->offer;

	return handover_said(last);
}

uint64_t handover_settled(const struct offer *o)
{
	return phase_of(o->state) == MOVE_SETTLED ? began_ms(o) : 0;
}

/* The acceptor says with its Accept when it had received and completed what it accepts. */
static int read_acknowledged(
	struct step *s, const struct id *record, const struct offer *o, struct move_row *row)
{
	struct body b;
	int r = handover_words(s, record, o->accept, &b);

	if (r)
		return r < 0 ? err_up(r) : 0;
	for (size_t i = 0; i < b.n_entries; i++) {
		if (!b.entries[i].has_worker)
			continue;
		row->complete_ms = b.entries[i].worker.complete_ms;
		if (!row->received_ms)
			row->received_ms = b.entries[i].worker.received_ms;
	}
	return 0;
}

static int update(struct step *s, const struct id *record, const struct offer *o,
	const struct record_row *held, struct move_row *row)
{
	const struct id *self = &s->node->region;
	uint64_t now = s->event->wall_ms, began = began_ms(o);
	bool to_us = id_equal(&o->offer->control.to, self);
	enum move_phase phase = phase_of(o->state);

	if (!place_equal(&row->offer, &o->offer->ref.at)) {
		*row = (struct move_row){ .offer = o->offer->ref.at,
			.from = o->from,
			.to = o->offer->control.to,
			.offered_ms = handover_said(o->offer),
			.received_ms = to_us ? now : 0 };
		s->node->unreceived += id_equal(&o->from, self);
	}
	if (row->phase != phase || !row->since_ms) {
		row->phase = phase;
		row->since_ms = began < now ? began : now; /* a clock may be ahead */
		row->told = 0;
	}
	if (to_us && held->complete && !row->complete_ms)
		row->complete_ms = now;
	row->taken_up_ms = handover_said(o->accept);
	row->settled_ms = handover_settled(o);
	return o->accept && !row->complete_ms ? read_acknowledged(s, record, o, row) : 0;
}

/* The next look is no later than when this one passes a limit. */
static void look_at(struct step *s, uint64_t at)
{
	struct node *n = s->node;
	uint64_t now = s->event->wall_ms;

	if (!at || at >= n->limits_at)
		return;
	n->limits_at = at;
	n->limits_due = s->event->now + (at > now ? at - now : 0);
}

int handover_settle(struct step *s, const struct id *record, const struct affairs *a,
	const struct record_row *held)
{
	struct move_row row, was;
	uint64_t next;
	int r;

	if (!a->n_offers)
		return 0;
	r = move_row_get(s->view, record, &row);
	if (r < 0)
		return err_up(r);
	was = row;
	r = update(s, record, &a->offers[a->n_offers - 1], held, &row);
	if (r)
		return err_up(r);
	if (move_row_same(&row, &was))
		return 0;
	r = put_move(s, record, &row);
	if (r)
		return err_up(r);
	if (row.phase != MOVE_SETTLED) {
		(void)handover_late(s, &row, &next);
		look_at(s, next);
	}
	return followers_tell_all(s, record);
}

/* Whether our Offer to that peer is the newest, and not known to have come. */
static int unreceived(struct step *s, const struct peer *p, const struct id *record,
	struct move_row *ret, bool *ret_is)
{
	int r = move_row_get(s->view, record, ret);

	*ret_is = r == 0 && !ret->received_ms && id_equal(&ret->to, &p->region) &&
		  id_equal(&ret->from, &s->node->region);
	return r < 0 ? err_up(r) : 0;
}

static int received(struct step *s, const struct id *record, struct move_row *row)
{
	int r;

	row->received_ms = s->event->wall_ms;
	if (s->node->unreceived)
		s->node->unreceived--;
	r = put_move(s, record, row);
	return r ? err_up(r) : followers_tell_all(s, record);
}

/* Our Offer, or what came behind it in its chain. */
static bool reaches(const struct place *at, const struct place *offer)
{
	return id_equal(&at->author, &offer->author) &&
	       id_equal(&at->incarnation, &offer->incarnation) && at->seq >= offer->seq;
}

int handover_received(struct step *s, const struct peer *p, const struct feed_row *fed)
{
	struct move_row row;
	bool is;
	int r = unreceived(s, p, &fed->record, &row, &is);

	/* A BACKFILL stands for all of the record, the Offer too. */
	if (r || !is || (!fed->is_backfill && !reaches(&fed->at, &row.offer)))
		return r ? err_up(r) : 0;
	return received(s, &fed->record, &row);
}

int handover_asked(struct step *s, const struct peer *p, const struct message *m)
{
	struct move_row row;
	bool is, has;
	int r = unreceived(s, p, &m->get.record, &row, &is);

	if (r || !is)
		return r ? err_up(r) : 0;
	/* Who had nothing of it asks because it was admitted with the Offer; who had some, of
	 * something else perhaps. */
	has = m->get.n_have == 0;
	for (size_t i = 0; i < m->get.n_have; i++)
		has |= reaches(&m->get.have[i], &row.offer);
	return has ? received(s, &m->get.record, &row) : 0;
}

/* Limits ------------------------------------------------------------------------------------
 */

static const struct move_limits *limits_of(const struct step *s)
{
	static const struct move_limits usual = { MOVE_WARN_DAYS, MOVE_ALARM_DAYS };
	const struct host_figures *f = s->event->figures;

	return f && f->limits ? f->limits : &usual;
}

unsigned handover_late(const struct step *s, const struct move_row *row, uint64_t *ret_next)
{
	const struct move_limits *l = limits_of(s);
	const unsigned days[LIMITS_N] = { l->warn, l->alarm };
	unsigned late = 0;

	*ret_next = 0;
	for (unsigned i = 0; i < LIMITS_N; i++) {
		uint64_t at = days[i] ? care_workdays_after(row->since_ms, days[i]) : 0;

		if (!at)
			continue;
		if (at <= s->event->wall_ms)
			late = i + 1;
		else if (!*ret_next || at < *ret_next)
			*ret_next = at;
	}
	return late;
}

static int tell_late(
	struct step *s, const struct id *record, const struct move_row *row, unsigned late)
{
	const struct move_limits *l = limits_of(s);
	unsigned days = late == 1 ? l->warn : l->alarm;
	bool ours = id_equal(&row->from, &s->node->region);
	const struct affairs *a;
	struct ctl_move move;
	int r = node_affairs(s, record, &a);

	if (!r)
		r = view_move(s, record, a, &move);
	if (r)
		return err_up(r);
	return node_tell(s, &(struct tell){ .verb = late == 1 ? TELL_WARNS : TELL_ALARMS,
				    .record = *record,
				    .peer = ours ? row->to : row->from,
				    .text = arena_text(s->arena, "over %u working day%s for %s",
					    days, days == 1 ? "" : "s",
					    move.waits_for ? move.waits_for : "nobody") });
}

/* One that waits: tell what is new, and note when the next limit comes. */
static int look_late(struct step *s, const struct id *record, struct move_row *row)
{
	uint64_t next;
	unsigned late = handover_late(s, row, &next);
	int r = 0;

	if (late > row->told) {
		r = tell_late(s, record, row, late);
		row->told = (uint8_t)late;
		if (!r)
			r = put_move(s, record, row);
	}
	look_at(s, next);
	return r ? err_up(r) : 0;
}

static bool concerns(const struct step *s, const struct move_row *row)
{
	const struct id *self = &s->node->region;

	return row->phase != MOVE_SETTLED &&
	       (id_equal(&row->from, self) || id_equal(&row->to, self));
}

int handover_limits(struct step *s)
{
	const struct move_limits *l = limits_of(s);
	struct node *n = s->node;
	struct scan scan;
	bool changed = l->warn != n->limits.warn || l->alarm != n->limits.alarm;
	int r;

	if (s->event->wall_ms < n->limits_at && s->event->now < n->limits_due && !changed)
		return 0;
	if (n->disk_out) { /* a full store could not keep that it was told */
		n->limits_due = s->event->now + LOOK_AGAIN_MS;
		return 0;
	}
	n->limits = *l;
	n->unreceived = 0;
	n->limits_at = s->event->wall_ms + LOOK_AGAIN_MS;
	n->limits_due = s->event->now + LOOK_AGAIN_MS;
	scan_init(&scan, TABLE_MOVE, (struct span){ 0 });
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct move_row row;
		struct id record;

		if (!move_row_read(scan.value, &row))
			return err_new(-EUCLEAN);
		if (!concerns(s, &row))
			continue;
		memcpy(record.b, scan.key, ID_LEN);
		n->unreceived += !row.received_ms && id_equal(&row.from, &n->region);
		r = look_late(s, &record, &row);
		if (r)
			return err_up(r);
	}
	return r < 0 ? err_up(r) : 0;
}

static int count_waiting(struct step *s, struct waiting *ret)
{
	struct scan scan;
	int r;

	*ret = (struct waiting){ .limits = *limits_of(s),
		.from_ms = s->event->wall_ms,
		.until_ms = UINT64_MAX,
		.since_ms = s->event->wall_ms };
	scan_init(&scan, TABLE_MOVE, (struct span){ 0 });
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct move_row row;
		uint64_t next;
		unsigned late;

		if (!move_row_read(scan.value, &row))
			return err_new(-EUCLEAN);
		if (!concerns(s, &row))
			continue;
		late = handover_late(s, &row, &next);
		ret->moves++;
		ret->warned += late == 1;
		ret->alarmed += late == 2;
		if (row.since_ms < ret->since_ms)
			ret->since_ms = row.since_ms;
		if (next && next < ret->until_ms)
			ret->until_ms = next;
	}
	ret->known = r == ROW_NONE;
	return r < 0 ? err_up(r) : 0;
}

int handover_count(struct step *s, const struct waiting **ret)
{
	const struct move_limits *l = limits_of(s);
	struct waiting *w = &s->node->waiting;
	const uint64_t now = s->event->wall_ms;

	*ret = w;
	if (w->known && w->from_ms <= now && now < w->until_ms && w->limits.warn == l->warn &&
		w->limits.alarm == l->alarm)
		return 0;
	return count_waiting(s, w);
}
