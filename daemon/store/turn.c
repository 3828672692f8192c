/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Turns and reads
 *
 * Beginning and ending of transactions. A turn has its data transaction at once and its keys
 * transaction when needed; a read has both at once, data first, so that it never holds a change
 * whose key it does not see.
 */

#include "daemon/store/inside.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* A write makes LMDB move the table's open cursors along. We do not lean on that: the cursor
 * goes and the next scan opens one. */
void txn_drop_cursor(struct txn *x, enum table t)
{
	if (x->cursors[t])
		mdb_cursor_close(x->cursors[t]);
	x->cursors[t] = NULL;
}

static void drop_cursors(struct txn *x)
{
	for (unsigned t = 0; t < TABLE_COUNT; t++)
		txn_drop_cursor(x, t);
}

void txn_end(struct txn *x)
{
	drop_cursors(x);
	for (unsigned e = 0; e < ENV_COUNT; e++) {
		if (x->mdb[e])
			mdb_txn_abort(x->mdb[e]);
		x->mdb[e] = NULL;
		x->dirty[e] = x->grown[e] = false;
	}
	x->spoilt = 0;
	scratch_wipe(&x->opened);
	scratch_wipe(&x->packed);
}

int store_turn_begin(struct store *s, struct view *ret)
{
	int rc;

	assert(!s->in_turn);
	if (s->failed)
		return err_new(-EIO);

	rc = mdb_txn_begin(s->env[ENV_DATA].mdb, NULL, 0, &s->turn.mdb[ENV_DATA]);
	if (rc)
		return err_new(env_fatal(rc));

	s->in_turn = true;
	view_of_txn(&s->turn, ret);
	return 0;
}

void store_turn_abort(struct store *s)
{
	assert(s->in_turn);
	txn_end(&s->turn);
	recent_end(&s->recent);
	s->in_turn = false;
}

bool store_turn_dirty(const struct store *s)
{
	return s->turn.dirty[ENV_DATA] || s->turn.dirty[ENV_KEYS];
}

/* The turn is lost. After a disk error the pages that the kernel gave up on may look flushed to
 * the next turn, so there is none: the process has to go and the store be looked at. */
static int turn_lost(struct store *s, enum env_id e, int rc, struct why *why)
{
	const int verdict = env_explain(&s->env[e], rc, why);

	if (verdict != STORE_E_FULL)
		s->failed = true;
	store_turn_abort(s);
	return verdict;
}

/* Whether the turn would leave more in an environment than its map size: what is beyond that is
 * kept for turns that only delete. */
static bool over_map_size(const struct store *s, enum env_id e)
{
	const struct txn *x = &s->turn;
	uint64_t bytes = 0;

	if (!x->grown[e])
		return false;
	for (unsigned t = 0; t < TABLE_COUNT; t++) {
		MDB_stat stat;

		if (table_env(t) != e || mdb_stat(x->mdb[e], s->tables[t], &stat))
			continue;
		bytes += (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) *
			 stat.ms_psize;
	}
	return bytes > s->env[e].map_size;
}

int store_turn_commit(struct store *s, struct why *why)
{
	/* An orphan key is harmless, a missing one is not. */
	static const enum env_id order[] = { ENV_KEYS, ENV_DATA };
	struct txn *x = &s->turn;
	const bool dirty = store_turn_dirty(s);
	int rc;

	assert(s->in_turn);
	if (x->spoilt)
		return turn_lost(s, x->spoilt_in, x->spoilt, why);

	drop_cursors(x);
	for (unsigned e = 0; e < ENV_COUNT; e++) {
		if (over_map_size(s, e))
			return turn_lost(s, e, MDB_MAP_FULL, why);
	}
	for (size_t i = 0; i < COUNT(order); i++) {
		if (!x->dirty[order[i]])
			continue;
		rc = mdb_txn_commit(TAKE(x->mdb[order[i]]));
		if (rc)
			return turn_lost(s, order[i], rc, why);
		s->flushes += 2;
	}
	if (dirty)
		s->commits++;

	store_turn_abort(s); /* what is left of it: transactions without writes */
	return 0;
}

int store_read_begin(
	struct store *s, struct crypto *c, struct store_read **ret, struct view *view)
{
	static const enum env_id order[] = { ENV_DATA, ENV_KEYS };
	struct store_read *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return err_new(-ENOMEM);

	r->txn = (struct txn){ .store = s, .crypto = c };
	for (size_t i = 0; i < COUNT(order); i++) {
		rc = mdb_txn_begin(
			s->env[order[i]].mdb, NULL, MDB_RDONLY, &r->txn.mdb[order[i]]);
		if (rc) {
			store_read_end(r);
			return err_new(env_fatal(rc));
		}
	}

	view_of_txn(&r->txn, view);
	*ret = r;
	return 0;
}

void store_read_end(struct store_read *r)
{
	if (!r)
		return;
	txn_end(&r->txn);
	scratch_done(&r->txn.opened);
	free(r);
}
