/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Regions that are peers no more: what was kept for one of them goes, a portion a step, also
 * after a crash. Its card stays, since what it wrote must stay verifiable, and so does its
 * place in the circles of records, which only their custodians change.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/inside.h"

#define ROWS_A_STEP  500
#define WANTS_A_STEP 50 /* each may settle its record */

/* What a peer has, each row under its id. */
static const enum table tables[] = { TABLE_FEED, TABLE_CURSOR, TABLE_WANT, TABLE_DRAFT,
	TABLE_PARKED };

/* 0, or ROW_NONE when nothing of .region is left. */
static int any_row(const struct view *v, const struct id *region)
{
	int r = ROW_NONE;

	for (size_t i = 0; i < COUNT(tables) && r == ROW_NONE; i++) {
		struct scan scan;

		scan_init(&scan, tables[i], SPAN_OF(*region));
		r = scan_next(&scan, v);
	}
	return r;
}

int forget_pending(const struct view *v, const struct id *region, bool *ret)
{
	struct peer_row row;
	int r = peer_row_get(v, region, &row);

	*ret = false;
	if (r != ROW_NONE)
		return r ? err_up(r) : 0;
	r = any_row(v, region);
	*ret = r == 0;
	return r < 0 ? err_up(r) : 0;
}

/* The id that follows; false: there is none. */
static bool next_id(struct id *id)
{
	for (size_t i = ID_LEN; i > 0; i--)
		if (++id->b[i - 1])
			return true;
	return false;
}

/* A region with rows in .table that is no peer: 0, or ROW_NONE. One look a region. */
static int find_in(const struct view *v, enum table table, struct id *ret)
{
	struct id from = { 0 };
	int r;

	do {
		struct scan scan;
		struct peer_row row;

		scan_init(&scan, table, (struct span){ 0 });
		scan_from(&scan, SPAN_OF(from));
		r = scan_next(&scan, v);
		if (r)
			return r;
		if (scan.key_len < ID_LEN)
			return err_new(-EUCLEAN);
		memcpy(from.b, scan.key, ID_LEN);
		r = peer_row_get(v, &from, &row);
		if (r == ROW_NONE) {
			*ret = from;
			return 0;
		}
	} while (r == 0 && next_id(&from));
	return r < 0 ? err_up(r) : ROW_NONE;
}

int forget_find(struct node *n, const struct view *v)
{
	int r = ROW_NONE;

	for (size_t i = 0; i < COUNT(tables) && r == ROW_NONE; i++)
		r = find_in(v, tables[i], &n->forgotten);
	n->forgetting = r == 0;
	return r < 0 ? err_up(r) : 0;
}

static int drop_rows(struct step *s, enum table table, size_t *left)
{
	struct scan scan;
	int r = 0;

	scan_init(&scan, table, SPAN_OF(s->node->forgotten));
	while (*left && (r = scan_next(&scan, s->view)) == 0) {
		r = row_del(s->view, table, scan_key(&scan));
		if (r)
			return err_up(r);
		(*left)--;
	}
	return r < 0 ? err_up(r) : 0;
}

/* What was wanted from it alone is wanted no more: what is held of the record has to do. */
static int drop_wants(struct step *s, size_t *left)
{
	struct scan scan;
	int r = 0;

	scan_init(&scan, TABLE_WANT, SPAN_OF(s->node->forgotten));
	while (*left && (r = scan_next(&scan, s->view)) == 0) {
		struct id record;

		if (scan.key_len != 2 * ID_LEN)
			return err_new(-EUCLEAN);
		memcpy(record.b, scan.key + ID_LEN, ID_LEN);
		r = row_del(s->view, TABLE_WANT, scan_key(&scan));
		if (!r)
			r = sync_wanted(s, &record, NULL);
		if (!r)
			r = node_touch(s, &record);
		if (r)
			return err_up(r);
		(*left)--;
	}
	return r < 0 ? err_up(r) : 0;
}

int forget_some(struct step *s)
{
	size_t rows = ROWS_A_STEP, wants = WANTS_A_STEP;
	int r;

	if (!s->node->forgetting)
		return 0;
	r = drop_rows(s, TABLE_CURSOR, &rows);
	if (!r)
		r = drop_wants(s, &wants);
	if (!r)
		r = drop_rows(s, TABLE_DRAFT, &rows);
	if (!r)
		r = drop_rows(s, TABLE_PARKED, &rows);
	if (!r)
		r = drop_rows(s, TABLE_FEED, &rows);
	if (!r && rows && wants)
		r = forget_find(s->node, s->view);
	return r ? err_up(r) : 0;
}

/* Becoming one, and no more
 * ----------------------------------------------------------------------- */

/* The number at which the next feed of a region begins that was a peer before. A number is
 * never given twice: what the region says it has of the old feed would be believed of the new.
 */
#define FEED_MARK_LEN 64
static const char *feed_mark(const struct id *region, char into[FEED_MARK_LEN])
{
	char hex[ID_TEXT_LEN];

	snprintf(into, FEED_MARK_LEN, "feed-next/%s", id_text(region, hex));
	return into;
}

int forget_resume(struct step *s, const struct id *region, struct peer_row *ret)
{
	char mark[FEED_MARK_LEN];
	uint8_t next[8];
	struct reader rd = reader_of((struct span){ next, sizeof(next) });
	int r = meta_get(s->view, feed_mark(region, mark), next, sizeof(next));

	if (r < 0)
		return err_up(r);
	*ret = (struct peer_row){ .feed_next = 1, .added_ms = s->event->wall_ms };
	if (r == 0) {
		ret->feed_next = get_u64(&rd);
		ret->feed_acked = ret->feed_next - 1;
	}
	return 0;
}

static void take_out(struct node *n, struct peer *p)
{
	for (size_t i = 0; i < n->n_peers; i++) {
		if (n->peers[i] != p)
			continue;
		memmove(&n->peers[i], &n->peers[i + 1],
			(n->n_peers - i - 1) * sizeof(n->peers[0]));
		n->n_peers--;
		break;
	}
	free(p);
}

int forget_begin(struct step *s, struct peer *p)
{
	struct link_frame f = {
		.kind = LINK_DROP, .link = p->link, .reason = SPAN_LIT("it is no peer any more")
	};
	struct id region = p->region;
	char mark[FEED_MARK_LEN];
	uint8_t next[8];
	struct writer w = writer_of(next, sizeof(next));
	bool live = p->state == PEER_LIVE;
	int r = 0;

	put_u64(&w, p->row.feed_next);
	if (p->state != PEER_DOWN)
		r = node_link(s, ACTION_LINK_DROP, &f);
	if (!r && live)
		r = node_tell(s, &(struct tell){ .verb = TELL_LOSES,
					 .peer = region,
					 .text = "it is no peer any more" });
	if (!r)
		r = node_tell(s, &(struct tell){ .verb = TELL_DROPS_PEER, .peer = region });
	if (!r)
		r = meta_put(s->view, feed_mark(&region, mark), next, sizeof(next));
	if (!r)
		r = row_del(s->view, TABLE_PEER, SPAN_OF(region));
	if (r)
		return err_odd(r);
	peer_lost(s, p);
	take_out(s->node, p);
	r = forget_find(s->node, s->view);
	return r ? err_up(r) : peer_announce(s);
}
