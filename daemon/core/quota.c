/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Quotas (P7.12): what another region can make us hold, in one record and in all. Content
 * beyond it is parked: a row says that it is lacked, and it is asked for again when there is
 * room. Control changes of a record that is held never wait.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define RECORD_DEFAULT ((uint64_t)256 << 20)
#define PEER_DEFAULT   ((uint64_t)16 << 30)
#define ROWS_COST      320 /* of the rows that a change has beside its bytes, about */
#define CHAINS_MAX     64  /* of one author: its incarnations (P1.6) */
#define AGAIN_A_STEP   50  /* records that are asked for again in one step */

void quota_set(struct node *n, uint64_t record, uint64_t peer)
{
	record = record ? record : RECORD_DEFAULT;
	peer = peer ? peer : PEER_DEFAULT;
	n->unparking |= record > n->quota_record || peer > n->quota_peer;
	n->quota_record = record;
	n->quota_peer = peer;
}

uint64_t quota_reserve(const struct node *n)
{
	return n->quota_peer + n->quota_peer / 4;
}

uint64_t quota_cost(size_t bytes)
{
	return (uint64_t)bytes + ROWS_COST;
}

/* An author that we know answers for itself; for any other answers who lets it in here: regions
 * can be made up without end, peers cannot. */
static const struct id *charged(
	const struct step *s, const struct id *author, const struct id *from)
{
	return peer_find(s->node, author) ? author : from;
}

int quota_used(struct step *s, const struct id *region, uint64_t *ret)
{
	struct charge_row row;
	int r = charge_get(s->view, region, &row);

	*ret = row.bytes;
	return r < 0 ? err_up(r) : 0;
}

int quota_charge(struct step *s, const struct id *author, const struct id *from, uint64_t cost,
	uint64_t changes)
{
	const struct id *region = charged(s, author, from);
	struct charge_row row;
	int r = charge_get(s->view, region, &row);

	if (r < 0)
		return err_up(r);
	row.bytes += cost;
	row.changes += changes;
	r = charge_put(s->view, region, &row);
	return r ? err_odd(r) : 0;
}

/* What all chains of one author take in one record. */
static int used_in_record(
	struct step *s, const struct id *record, const struct id *author, uint64_t *ret)
{
	uint8_t prefix[2 * ID_LEN];
	struct scan scan;
	int r;

	*ret = 0;
	pair_key(record, author, prefix);
	scan_init(&scan, TABLE_CHAIN, (struct span){ prefix, sizeof(prefix) });
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct chain_row row;
		struct place at;

		if (!chain_row_read(scan_key(&scan), scan.value, &at, &row))
			return err_new(-EUCLEAN);
		*ret += row.bytes;
	}
	return r < 0 ? err_up(r) : 0;
}

int quota_room(struct step *s, const struct id *record, const struct id *author,
	const struct chain_row *row, const struct id *from)
{
	const struct node *n = s->node;
	uint64_t used = row->bytes;
	int r = 0;

	if (id_equal(author, &n->region))
		return 0;
	/* As long as one chain has less than its part of it, all of them together have less. */
	if (used >= n->quota_record / CHAINS_MAX)
		r = used_in_record(s, record, author, &used);
	if (r)
		return err_up(r);
	if (used >= n->quota_record)
		return CHAIN_E_QUOTA;
	r = quota_used(s, charged(s, author, from), &used);
	if (r)
		return err_up(r);
	return used >= n->quota_peer ? CHAIN_E_QUOTA : 0;
}

/* Parking -----------------------------------------------------------------------------------
 */

int quota_park(struct step *s, struct peer *p, const struct id *record)
{
	struct want_row row = { .since_ms = s->event->wall_ms };
	int r = parked_get(s->view, &p->region, record, &row);

	if (r != ROW_NONE)
		return r;
	r = parked_put(s->view, &p->region, record, &row);
	if (r)
		return err_odd(r);
	p->parked++;
	return node_tell(s, &(struct tell){ .verb = TELL_PARKS,
				    .peer = p->region,
				    .record = *record,
				    .text = "its quota is used up" });
}

/* The next that is parked, of any peer, is a want again. *ret: there was one. */
static int unpark_one(struct step *s, bool *ret)
{
	*ret = false;
	for (size_t i = 0; i < s->node->n_peers; i++) {
		struct peer *p = s->node->peers[i];
		struct scan scan;
		struct id record;
		int r;

		scan_init(&scan, TABLE_PARKED, SPAN_OF(p->region));
		r = scan_next(&scan, s->view);
		if (r == ROW_NONE)
			continue;
		if (r)
			return err_up(r);
		memcpy(record.b, scan.key + ID_LEN, ID_LEN);
		r = row_del(s->view, TABLE_PARKED, scan_key(&scan));
		if (!r)
			r = sync_want(s, p, &record);
		if (r)
			return err_odd(r);
		p->parked -= p->parked > 0;
		*ret = true;
		return 0;
	}
	return 0;
}

int quota_some(struct step *s)
{
	bool more = s->node->unparking;
	int r = 0;

	for (unsigned i = 0; more && i < AGAIN_A_STEP && !r; i++)
		r = unpark_one(s, &more);
	s->node->unparking = more;
	return r ? err_up(r) : 0;
}
