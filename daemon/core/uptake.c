/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Uptake: what has come is stored at once, and opened afterwards. A record that needs its fold,
 * for its summary or because the open Offer to us has all that it names (P6.7), stands in STALE
 * until then, also over a restart. It is read a portion a turn, when no bulk of a peer comes,
 * and now and then when it does not end: nobody waits for it long, and it for nobody.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/fold.h"
#include "daemon/core/inside.h"

#define PORTION     256 /* changes a turn, of one record or of several */
#define RECORD_COST 8   /* and what else there is to do for one */
#define QUIET       20  /* ms without bulk before it goes on, when there is more to come, */
#define PAUSE       2   /* and when there is not: not in the turn that stores the last */
#define AT_LEAST    200 /* and the longest that it waits */
#define ANEW_MOST   3   /* then it is read in one go */

struct uptake {
	struct fold_reading reading;
	uint64_t of;   /* changes that were held when it began */
	unsigned anew; /* how often more had come by its end */
};

int uptake_put(struct step *s, const struct id *record)
{
	static const uint8_t form = 1;
	struct node *n = s->node;
	struct span value;
	int r = row_get(s->view, TABLE_STALE, SPAN_OF(*record), &value);

	if (!n->stale) {
		n->stale = true;
		n->uptake_last = s->event->now;
	}
	if (r == ROW_NONE)
		r = row_put(s->view, TABLE_STALE, SPAN_OF(*record), SPAN_OF(form));
	return r ? err_odd(r) : 0;
}

/* More records than that are wanted from one peer. */
static bool wants_more(const struct node *n, uint64_t than)
{
	for (size_t i = 0; i < n->n_peers; i++)
		if (n->peers[i]->state == PEER_LIVE && n->peers[i]->wants > than)
			return true;
	return false;
}

bool uptake_later(const struct node *n)
{
	return wants_more(n, GETS_MAX);
}

msec uptake_due(const struct node *n)
{
	const msec latest = n->uptake_last + AT_LEAST;
	const msec quiet = n->bulk_last + (wants_more(n, 0) ? QUIET : PAUSE);

	if (!n->stale)
		return MSEC_NEVER;
	return n->bulk_last && quiet < latest ? quiet : n->bulk_last ? latest : 0;
}

void uptake_drop(struct node *n)
{
	if (n->uptake)
		fold_drop(&n->uptake->reading);
	free(n->uptake);
	n->uptake = NULL;
}

int uptake_find(struct node *n, const struct view *v)
{
	struct scan scan;
	int r;

	scan_init(&scan, TABLE_STALE, (struct span){ 0 });
	r = scan_next(&scan, v);
	n->stale = r == 0;
	return r < 0 ? err_up(r) : 0;
}

static int begin(struct step *s, const struct id *record)
{
	struct node *n = s->node;
	const unsigned anew = n->uptake ? n->uptake->anew + 1 : 0;
	struct record_row row;
	int r = record_get(s->view, record, &row);

	if (r)
		return err_odd(r);
	uptake_drop(n);
	n->uptake = calloc(1, sizeof(*n->uptake));
	if (!n->uptake)
		return err_new(-ENOMEM);
	n->uptake->of = row.changes;
	n->uptake->anew = anew;
	fold_begin(&n->uptake->reading, record);
	return 0;
}

/* The next record, or nothing any more. */
static int begin_next(struct step *s)
{
	struct scan scan;
	struct id record;
	int r;

	scan_init(&scan, TABLE_STALE, (struct span){ 0 });
	r = scan_next(&scan, s->view);
	if (r) {
		s->node->stale = false;
		return r == ROW_NONE ? 0 : err_up(r);
	}
	if (scan.key_len != ID_LEN)
		return err_new(-EUCLEAN);
	memcpy(record.b, scan.key, ID_LEN);
	return begin(s, &record);
}

/* All of it is read: 0, or -EUCLEAN and the like. */
static int end(struct step *s)
{
	struct node *n = s->node;
	const struct id record = n->uptake->reading.record;
	struct fold f = { 0 };
	int r = fold_end(s, &n->uptake->reading, &f);

	if (!r)
		r = row_del(s->view, TABLE_STALE, SPAN_OF(record));
	if (!r)
		r = record_taken_up(s, &record, &f);
	if (!r)
		r = record_told(s, &record);
	fold_done(&f);
	uptake_drop(n);
	return r ? err_up(r) : 0;
}

/* A damaged row must not be met again and again: whoever asks for the record hears of it. */
static int pass_over(struct step *s)
{
	const struct id record = s->node->uptake->reading.record;
	int r = row_del(s->view, TABLE_STALE, SPAN_OF(record));

	err_forget();
	uptake_drop(s->node);
	if (r)
		return err_up(r);
	return node_tell(
		s, &(struct tell){ .verb = TELL_REFUSES, .record = record, .text = "damaged" });
}

/* Up to *left changes of the record that is being read. */
static int portion(struct step *s, size_t *left)
{
	struct uptake *u = s->node->uptake;
	const size_t before = u->reading.n;
	struct record_row row;
	int r = fold_some(s, &u->reading, u->anew < ANEW_MOST ? *left : SIZE_MAX);
	const size_t took = u->reading.n - before + RECORD_COST;

	*left -= took < *left ? took : *left;
	if (r == -EUCLEAN)
		return pass_over(s);
	if (r)
		return r == FOLD_MORE ? 0 : err_up(r);
	r = record_get(s->view, &u->reading.record, &row);
	if (r)
		return err_odd(r);
	if (u->reading.n == row.changes)
		return end(s);
	const struct id record = u->reading.record;

	return begin(s, &record);
}

int uptake_some(struct step *s)
{
	struct node *n = s->node;
	size_t left = PORTION;
	int r = 0;

	if (s->event->now < uptake_due(n))
		return 0;
	n->uptake_last = s->event->now;
	while (!r && n->stale && left) {
		if (!n->uptake)
			r = begin_next(s);
		if (!r && n->uptake)
			r = portion(s, &left);
	}
	return r ? err_up(r) : 0;
}
