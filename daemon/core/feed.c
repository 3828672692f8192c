/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Feeds (P7.1 to P7.5): what each peer should have, numbered, and how it gets there. The
 * receiver keeps the cursor; the request is the flow control.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define FEED_BUDGET ((uint64_t)1024 * 1024) /* what we ask for at a time */
#define FEED_SOFT   RUN_BYTES_MAX           /* a frame is sent once it has this much */
#define FEED_HARD   ((size_t)240 * 1024)    /* and never has more */
#define WANTS_MAX   100000                  /* of one peer; beyond, its feed waits */
#define ITEMS_MAX   1024
#define OWED_MAX    (4 * FEED_BUDGET)
#define ANEW_PAUSE  300000 /* between two beginnings of one feed */
#define HEARD_WAIT  2000   /* what has come is acknowledged after so long, at most (P7.2) */

#define BACKFILL_SIZE ((size_t)24) /* of such an item in a message, at most */

/* Serving ---------------------------------------------------------------------------------- */

/* Delete the entries up to .n, which the peer has, or is told anew of. */
static int trim(struct step *s, struct peer *p, uint64_t n, bool acknowledged)
{
	struct scan scan;
	int r;

	scan_init(&scan, TABLE_FEED, SPAN_OF(p->region));
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct feed_row row;
		uint64_t at;

		if (!feed_row_read(scan_key(&scan), scan.value, &at, &row))
			return err_new(-EUCLEAN);
		if (at > n)
			break;
		r = row_del(s->view, TABLE_FEED, scan_key(&scan));
		if (!r && acknowledged && s->node->unreceived)
			r = handover_received(s, p, &row);
		if (r)
			return err_up(r);
	}
	if (r < 0)
		return err_up(r);
	p->row.feed_acked = n;
	p->row_dirty = true;
	return 0;
}

/* The feed begins anew with one BACKFILL for every shared record (P7.4). */
static int begin_anew(struct step *s, struct peer *p)
{
	struct message m = { .kind = MSG_RECONCILE,
		.reconcile = { s->node->incarnation, p->row.feed_next - 1 } };
	struct scan scan;
	int r;

	/* What was begun a moment ago is there still: say again where. */
	if (s->event->now < p->anew_due) {
		if (p->row.feed_acked > p->anew_from)
			return peer_refuse(s, p, NULL, VERDICT_TOO_OFTEN, true);
		m.reconcile.from = p->feed_sent = p->anew_from;
		p->asked = false;
		return peer_send(s, p, &m);
	}
	p->anew_due = s->event->now + ANEW_PAUSE;
	p->anew_from = m.reconcile.from;
	r = trim(s, p, p->row.feed_next - 1, false);
	if (r)
		return err_up(r);
	scan_init(&scan, TABLE_SHARE, SPAN_OF(p->region));
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct id record;

		if (scan.key_len != 2 * ID_LEN)
			return err_new(-EUCLEAN);
		memcpy(record.b, scan.key + ID_LEN, ID_LEN);
		r = feed_backfill(s, &p->region, &record);
		if (r)
			return err_up(r);
	}
	if (r < 0)
		return err_up(r);
	p->asked = false;
	p->rung = true; /* it will ask by itself */
	r = node_tell(s, &(struct tell){ .verb = TELL_RECONCILES, .peer = p->region });
	return r ? err_up(r) : peer_send(s, p, &m);
}

int feed_asked(struct step *s, struct peer *p, const struct message *m)
{
	uint64_t after = m->feed_req.after;
	int r;

	if (!id_equal(&m->feed_req.incarnation, &s->node->incarnation) ||
		after < p->row.feed_acked || after >= p->row.feed_next) {
		/* It asked before it heard that the feed begins anew. It will ask again: to
		 * begin anew for each of two such requests would never end. */
		if (p->reconciling)
			return peer_idle(s, p);
		p->reconciling = true;
		return begin_anew(s, p);
	}
	p->reconciling = false;
	if (after > p->row.feed_acked) {
		r = trim(s, p, after, true);
	} else {
		r = peer_idle(s, p);
	}
	if (r || p->state != PEER_LIVE)
		return r ? err_up(r) : 0;
	/* What is in flight on this link is not sent again. */
	if (p->feed_sent < after)
		p->feed_sent = after;
	p->asked = true;
	p->rung = false;
	p->feed_budget = m->feed_req.budget < FEED_BUDGET ? m->feed_req.budget : FEED_BUDGET;
	p->feed_dirty = true;
	return 0;
}

/* A frame of the feed being put together. */
struct filling {
	struct feed_item *items;
	size_t n, room_changes;
	size_t bytes;
	struct log_at log; /* nothing is written while it is filled */
	size_t run_from;   /* .bytes where the open run begins */
	uint64_t through;  /* everything up to here is in .items, whole */
	uint64_t run_last; /* the last entry of the open run */
	size_t run_signed; /* changes of the open run up to its last signature */
	size_t run_signed_bytes;
	uint64_t run_signed_n;
	struct feed_row run_at; /* where the open run stands */
	bool open, full;
};

/* End the open run at its last signature; what is behind it goes into the next frame. */
static void close_run(struct filling *f)
{
	struct feed_item *item;

	if (!f->open)
		return;
	item = &f->items[f->n - 1];
	f->open = false;
	if (f->run_signed == 0) {
		/* It does not reach its signature in one frame: the record is asked for whole.
		 * Its bytes are not sent: who counts them would wait for them (P7.2). */
		*item = (struct feed_item){ .is_backfill = true, .backfill = f->run_at.record };
		f->through = f->run_last;
		f->bytes = f->run_from + BACKFILL_SIZE;
		return;
	}
	if (f->run_signed < item->run.n)
		f->full = true;
	item->run.n = f->run_signed;
	f->through = f->run_signed_n;
	f->bytes = f->run_signed_bytes;
}

static bool continues(const struct filling *f, const struct feed_row *row)
{
	return f->open && id_equal(&f->run_at.record, &row->record) &&
	       id_equal(&f->run_at.at.author, &row->at.author) &&
	       id_equal(&f->run_at.at.incarnation, &row->at.incarnation) &&
	       f->run_at.at.seq + 1 == row->at.seq;
}

static int add_change(struct step *s, struct filling *f, uint64_t n, const struct feed_row *row)
{
	struct wire_change c, *grown;
	struct feed_item *item;
	size_t size;
	int r = chain_read(s, &row->record, &row->at, &f->log, &c);

	if (r)
		return r == ROW_NONE ? err_new(-EUCLEAN) : err_up(r);
	size = wire_change_size(&c);
	if (!continues(f, row)) {
		close_run(f);
		if (f->full || f->bytes > FEED_SOFT || f->n == ITEMS_MAX) {
			f->full = true;
			return 0;
		}
		f->items[f->n++] = (struct feed_item){ 0 };
		f->open = true;
		f->run_signed = f->room_changes = 0;
		f->run_from = f->bytes;
	}
	item = &f->items[f->n - 1];
	if (f->bytes + size > FEED_HARD || item->run.n == RUN_CHANGES_MAX ||
		f->bytes - f->run_from + size > RUN_BYTES_MAX || /* (P3.2) */
		(f->bytes > FEED_SOFT && f->run_signed == item->run.n && item->run.n)) {
		close_run(f);
		f->full = true;
		return 0;
	}
	grown = arena_grow(
		s->arena, item->run.changes, item->run.n, &f->room_changes, sizeof(*grown));
	if (!grown)
		return err_new(-ENOMEM);
	item->run.changes = grown;
	r = change_keep(s->arena, &c);
	if (r)
		return err_up(r);
	item->run.changes[item->run.n++] = c;
	f->bytes += size;
	f->run_at = *row;
	f->run_last = n;
	if (c.signature.len) {
		f->run_signed = item->run.n;
		f->run_signed_bytes = f->bytes;
		f->run_signed_n = n;
	}
	return 0;
}

/* Changes borrow from the store: nothing is written between here and the encoding. */
static int fill(struct step *s, struct peer *p, struct filling *f)
{
	uint8_t from[VIEW_KEY_MAX];
	struct scan scan;
	int r = 0;

	*f = (struct filling){ .through = p->feed_sent };
	f->items = arena_array(s->arena, ITEMS_MAX, sizeof(*f->items));
	if (!f->items)
		return err_new(-ENOMEM);
	scan_init(&scan, TABLE_FEED, SPAN_OF(p->region));
	scan_from(&scan, (struct span){ from, peer_key(&p->region, p->feed_sent + 1, from) });
	while (!f->full && (r = scan_next(&scan, s->view)) == 0) {
		struct feed_row row;
		uint64_t n;

		if (!feed_row_read(scan_key(&scan), scan.value, &n, &row))
			return err_new(-EUCLEAN);
		if (!row.is_backfill) {
			r = add_change(s, f, n, &row);
			if (r)
				return err_up(r);
			continue;
		}
		close_run(f);
		if (f->full || f->n == ITEMS_MAX) {
			f->full = true;
			break;
		}
		f->items[f->n++] =
			(struct feed_item){ .is_backfill = true, .backfill = row.record };
		f->bytes += BACKFILL_SIZE;
		f->through = n;
	}
	close_run(f);
	return r < 0 ? err_up(r) : 0;
}

int feed_pump(struct step *s, struct peer *p)
{
	struct filling f;

	if (p->state != PEER_LIVE || !p->feed_dirty)
		return 0;
	if (!p->asked) {
		struct message bell = { .kind = MSG_DOORBELL };

		p->feed_dirty = false;
		if (p->rung || p->row.feed_next - 1 <= p->feed_sent)
			return 0;
		p->rung = true;
		return peer_send(s, p, &bell);
	}
	while (p->asked && p->feed_sent + 1 < p->row.feed_next) {
		struct message m = { .kind = MSG_FEED };
		size_t bytes;
		int r = fill(s, p, &f);

		if (r)
			return err_up(r);
		if (f.n == 0)
			break;
		m.feed.items = f.items;
		m.feed.n = f.n;
		m.feed.through = f.through;
		bytes = f.bytes + 16;
		r = peer_send(s, p, &m);
		if (r)
			return err_up(r);
		p->idle = 0;
		p->feed_sent = f.through;
		if (p->feed_reached < f.through)
			p->feed_reached = f.through;
		if (bytes >= p->feed_budget)
			p->asked = false; /* spent: it will ask again */
		else
			p->feed_budget -= bytes;
	}
	p->feed_dirty = p->feed_sent + 1 < p->row.feed_next;
	return 0;
}

/* Receiving -------------------------------------------------------------------------------- */

int feed_ask(struct step *s, struct peer *p)
{
	struct message m = { .kind = MSG_FEED_REQ, .feed_req = { .budget = FEED_BUDGET } };
	struct cursor_row cursor;
	int r;

	if (p->state != PEER_LIVE || (p->asking && p->asked_budget > FEED_BUDGET / 2) ||
		p->wants > WANTS_MAX || s->node->disk_full)
		return 0;
	r = cursor_get(s->view, &p->region, &cursor);
	if (r < 0)
		return err_up(r);
	m.feed_req.incarnation = cursor.incarnation;
	m.feed_req.after = cursor.n;
	/* A request replaces the one before, whose last half is on its way. */
	if (p->asking)
		m.feed_req.budget = FEED_BUDGET / 2;
	p->due = s->event->now + POLL;
	p->asking = true;
	p->asked_budget = FEED_BUDGET;
	p->owed += m.feed_req.budget + FRAME_MAX;
	if (p->owed > OWED_MAX)
		p->owed = OWED_MAX;
	return peer_send(s, p, &m);
}

/* P7.10: from a member, and only where we are one. */
static int may_take(struct step *s, const struct peer *p, const struct id *record, bool *ret)
{
	const struct affairs *a;
	struct record_row row;
	int r = record_get(s->view, record, &row);

	/* Of what is not held, a part of the path may be here. */
	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	r = node_affairs(s, record, &a);
	if (r)
		return err_up(r);
	*ret = affairs_role(a, &p->region) != ROLE_NONE &&
	       affairs_role(a, &s->node->region) != ROLE_NONE;
	return 0;
}

/* A key-epoch change brings no keys: they are asked for. */
static int want_keys(struct step *s, struct peer *p, const struct id *record)
{
	const struct affairs *a;
	bool whole;
	int r = node_affairs(s, record, &a);

	if (!r)
		r = keys_all(s, record, a, &whole);
	if (r)
		return err_up(r);
	return whole || affairs_role(a, &s->node->region) == ROLE_NONE
		       ? 0
		       : sync_want(s, p, record);
}

/* Changes of custody and circle that stand behind content without room come by their path. */
static bool has_control(const struct run *run)
{
	struct header h;

	for (size_t i = 0; i < run->n; i++)
		if (!wire_header_decode(run->changes[i].header, &h) && h.flags & FLAG_CONTROL)
			return true;
	return false;
}

/* What stands behind content that is parked waits with it, unless it is a control change. */
static int want_more(
	struct step *s, struct peer *p, const struct id *record, const struct run *run)
{
	struct want_row row;
	int r = parked_get(s->view, &p->region, record, &row);

	if (r < 0)
		return err_up(r);
	return r == 0 && !has_control(run) ? 0 : sync_want(s, p, record);
}

static int take_run(struct step *s, struct peer *p, const struct run *run)
{
	struct id record;
	size_t added;
	bool may = false;
	int r = chain_run_record(run, &record);

	if (r)
		return peer_refuse(s, p, NULL, chain_verdict(r), false);
	r = may_take(s, p, &record, &may);
	if (r)
		return err_up(r);
	/* A record that is not known, and one that is not this peer's as far as we know, are
	 * asked about alike (P7.9): the path in the answer decides (P7.10). */
	if (!may)
		return sync_want(s, p, &record);

	r = chain_take(s, &p->region, run, &record, &added);
	if (r < 0)
		return err_up(r);
	/* Early, by a card or a circle change that is still on its way: no fault (P7.6). */
	if (r == CHAIN_E_GAP || r == CHAIN_E_UNKNOWN || r == CHAIN_E_STRANGER)
		return want_more(s, p, &record, run);
	if (r == CHAIN_E_QUOTA) {
		r = quota_park(s, p, &record);
		return r || !has_control(run) ? r : sync_want(s, p, &record);
	}
	if (r)
		return peer_refuse(s, p, &record, chain_verdict(r), false);
	/* What is held may have come from somebody who did not have its keys. */
	if (!added)
		return has_control(run) ? want_keys(s, p, &record) : 0;
	r = summary_taken(s, &record, run, added);
	if (!r)
		r = want_keys(s, p, &record);
	if (!r)
		r = node_touch(s, &record);
	if (r)
		return err_up(r);
	return node_tell(s,
		&(struct tell){
			.verb = TELL_STORES, .peer = p->region, .record = record, .n = added });
}

/* The running hash of what was taken, so that a restored sender can be told apart. */
static int run_hash(struct step *s, const struct message *m, struct cursor_row *cursor)
{
	uint8_t through[8];
	struct writer w = writer_of(through, sizeof(through));
	struct hash next;
	int r;

	put_u64(&w, m->feed.through);
	r = crypto_hash(s->crypto,
		(struct span[]){ SPAN_LIT("kith/feed/1\0"), SPAN_OF(cursor->running),
			{ through, sizeof(through) } },
		3, &next);
	if (r)
		return err_odd(r);
	cursor->running = next;
	return 0;
}

int feed_came(struct step *s, struct peer *p, const struct message *m, size_t bytes)
{
	struct cursor_row cursor;
	int r = cursor_get(s->view, &p->region, &cursor);

	if (r < 0)
		return err_up(r);
	/* What is asked for brings at most so many wants: more comes from nobody honest. */
	if (r == ROW_NONE || m->feed.through < cursor.n || p->wants > 2 * WANTS_MAX ||
		bytes > p->owed)
		return peer_refuse(s, p, NULL, VERDICT_FEED_UNASKED, true);
	p->owed -= bytes;
	if (m->feed.n)
		p->idle = 0;
	s->node->bulk_last = s->event->now;
	for (size_t i = 0; i < m->feed.n; i++) {
		const struct feed_item *item = &m->feed.items[i];

		r = item->is_backfill ? sync_want(s, p, &item->backfill)
				      : take_run(s, p, &item->run);
		if (r)
			return err_up(r);
		if (p->state != PEER_LIVE)
			return 0;
	}
	cursor.n = m->feed.through;
	r = run_hash(s, m, &cursor);
	if (!r)
		r = cursor_put(s->view, &p->region, &cursor);
	if (r)
		return err_odd(r);
	p->asked_budget -= bytes < p->asked_budget ? bytes : p->asked_budget;
	/* Not for each: in a steady stream the next request says it. */
	if (p->due > s->event->now + HEARD_WAIT)
		p->due = s->event->now + HEARD_WAIT;
	return feed_ask(s, p);
}

int feed_reconcile(struct step *s, struct peer *p, const struct message *m)
{
	struct cursor_row cursor = { .incarnation = m->reconcile.incarnation,
		.n = m->reconcile.from };
	int r;

	/* Once a session is enough to agree; more would be a question and an answer without
	 * end. */
	if (p->reconciled)
		return peer_refuse(s, p, NULL, VERDICT_FEED_UNASKED, true);
	p->reconciled = true;
	r = cursor_put(s->view, &p->region, &cursor);
	if (r)
		return err_odd(r);
	p->asking = false;
	return feed_ask(s, p);
}
