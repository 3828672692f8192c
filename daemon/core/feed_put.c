/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is put into feeds (P7.1): the changes that each peer should have, and for one that is
 * far behind the records that it should ask about.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

/* Entries that wait, from which on a record is told once: of a peer in session, and of another
 */
#define BEHIND_LIVE 1024
#define BEHIND      64

static int feed_add(struct step *s, const struct id *peer, const struct feed_row *row)
{
	struct peer *p = peer_find(s->node, peer);
	int r;

	if (!p)
		return 0; /* in the circle, and not introduced to us yet: peer add backfills */
	r = feed_put(s->view, peer, p->row.feed_next, row);
	if (r)
		return err_odd(r);
	p->row.feed_next++;
	p->feed_dirty = true;
	return 0;
}

/* What waits, and has never been sent. */
static uint64_t first_unsent(const struct peer *p)
{
	return (p->feed_reached > p->row.feed_acked ? p->feed_reached : p->row.feed_acked) + 1;
}

static int feed_record(struct step *s, struct peer *p, const struct feed_row *row)
{
	const struct feed_row all = {
		.is_backfill = true, .record = row->record, .at_ms = row->at_ms
	};
	uint64_t told;
	int r = share_told(s->view, &p->region, &row->record, &told);

	if (r)
		return r == ROW_NONE ? feed_add(s, &p->region, row) : err_up(r);
	if (told >= first_unsent(p))
		return 0; /* it will ask for all of it, this too */
	r = share_tell(s->view, &p->region, &row->record, p->row.feed_next);
	return r ? err_odd(r) : feed_add(s, &p->region, &all);
}

/* Who is far behind hears of a record once, and asks for what it lacks of it: in long runs,
 * however the changes were written. */
static int feed_one(struct step *s, const struct id *to, const struct feed_row *row)
{
	struct peer *p = peer_find(s->node, to);

	if (!p)
		return 0; /* in the circle, and not introduced to us yet: peer add backfills */
	if (p->row.feed_next - first_unsent(p) >=
		(p->state == PEER_LIVE ? BEHIND_LIVE : BEHIND))
		return feed_record(s, p, row);
	return feed_add(s, to, row);
}

int feed_change(struct step *s, const struct affairs *a, const struct id *record,
	const struct place *at, const struct id *not_to)
{
	const struct id *self = &s->node->region;
	bool own = id_equal(&at->author, self);
	struct feed_row row = { .record = *record, .at = *at, .at_ms = s->event->wall_ms };

	if (!own && !id_equal(&a->custodian, self))
		return 0;
	for (size_t i = 0; i < a->n_members; i++) {
		const struct member *m = &a->members[i];
		int r;

		if (m->removed || id_equal(&m->row.region, self) ||
			id_equal(&m->row.region, &at->author) ||
			(not_to && id_equal(&m->row.region, not_to)))
			continue;
		r = feed_one(s, &m->row.region, &row);
		if (r)
			return err_up(r);
	}
	return 0;
}

int feed_backfill(struct step *s, const struct id *peer, const struct id *record)
{
	return feed_add(s, peer,
		&(struct feed_row){
			.is_backfill = true, .record = *record, .at_ms = s->event->wall_ms });
}

int feed_last(
	struct step *s, const struct id *peer, const struct id *record, const struct place *at)
{
	return feed_add(s, peer,
		&(struct feed_row){ .record = *record, .at = *at, .at_ms = s->event->wall_ms });
}

int feed_oldest(struct step *s, const struct id *peer, uint64_t *ret_unsent, uint64_t *ret_ms)
{
	const struct peer *p = peer_find(s->node, peer);
	struct feed_row row;
	struct scan scan;
	uint64_t n;
	int r;

	*ret_unsent = *ret_ms = 0;
	if (!p)
		return 0;
	scan_init(&scan, TABLE_FEED, SPAN_OF(*peer));
	r = scan_next(&scan, s->view);
	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	if (!feed_row_read(scan_key(&scan), scan.value, &n, &row))
		return err_new(-EUCLEAN);
	*ret_unsent = p->row.feed_next - n;
	if (s->event->wall_ms > row.at_ms)
		*ret_ms = s->event->wall_ms - row.at_ms;
	return 0;
}
