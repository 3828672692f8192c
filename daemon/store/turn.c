/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Turns and reads
 *
 * Beginning and ending of transactions. Turns share one data transaction, from checkpoint to
 * checkpoint, and are durable by their record in the redo file; one that writes much, or that
 * finds the file full, is the checkpoint. A turn has its keys transaction when needed; a read
 * has both at once, data first, so that it never holds a change whose key it does not see.
 */

#include "daemon/store/inside.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
	x->broken = false;
	x->spoilt = 0;
	scratch_wipe(&x->opened);
	scratch_wipe(&x->packed);
}

/* One operation of the redo file, by the table's name: the file may be older than this kith. */
static int again(void *ctx, const struct redo_op *op)
{
	static const unsigned flags[] = { [REDO_PUT] = 0, [REDO_APPEND] = MDB_APPEND };
	MDB_val k = val_of(op->key), v = val_of(op->row);
	char name[UINT8_MAX + 1] = "";
	MDB_txn *txn = ctx;
	MDB_dbi dbi;
	int rc;

	memcpy(name, op->table.at, op->table.len);
	rc = mdb_dbi_open(txn, name, 0, &dbi);
	if (rc)
		return rc;
	return op->kind == REDO_DEL ? mdb_del(txn, dbi, &k, NULL)
				    : mdb_put(txn, dbi, &k, &v, flags[op->kind]);
}

int turns_begin(struct store *s, bool opening, struct why *why)
{
	const struct env *e = &s->env[ENV_DATA];
	MDB_txn *txn;
	int rc, r;

	if (s->turn.mdb[ENV_DATA])
		return 0;
	rc = mdb_txn_begin(e->mdb, NULL, 0, &txn);
	if (rc)
		return env_explain(e, rc, why);
	r = redo_replay(&s->redo, s->crypto, opening, again, txn, &rc, why);
	if (r)
		mdb_txn_abort(txn);
	else
		s->turn.mdb[ENV_DATA] = txn;
	/* That a row is not where it was says that the two files do not belong together; all
	 * else is LMDB's trouble. */
	if (r && rc && rc != MDB_NOTFOUND && rc != MDB_KEYEXIST)
		return env_explain(e, rc, why);
	return r;
}

int store_turn_begin(struct store *s, struct view *ret)
{
	int r;

	assert(!s->in_turn);
	if (s->failed)
		return err_new(-EIO);
	r = turns_begin(s, false, &s->failure);
	if (r) {
		s->failed = true;
		return r < 0 ? err_up(r) : err_new(-EIO);
	}
	s->in_turn = true;
	view_of_txn(&s->turn, ret);
	return 0;
}

const char *store_failure(const struct store *s)
{
	return s->failure.text;
}

/* The turn is over; .undone: what it wrote is in the transaction that it shares with turns
 * before it, so that has to go. The next one finds them in the redo file. */
static void turn_over(struct store *s, bool undone)
{
	struct txn *x = &s->turn;
	MDB_txn *const shared = undone ? NULL : TAKE(x->mdb[ENV_DATA]);

	txn_end(x);
	x->mdb[ENV_DATA] = shared;
	redo_drop(&s->redo);
	recent_end(&s->recent);
	s->in_turn = false;
}

void store_turn_abort(struct store *s)
{
	const struct txn *x = &s->turn;

	assert(s->in_turn);
	turn_over(s, x->dirty[ENV_DATA] || x->spoilt || x->broken);
}

bool store_turn_dirty(const struct store *s)
{
	return s->turn.dirty[ENV_DATA] || s->turn.dirty[ENV_KEYS];
}

/* The turn is lost. After a disk error the pages that the kernel gave up on may look flushed to
 * the next turn, so there is none: the process has to go and the store be looked at. */
static int turn_lost(struct store *s, int verdict)
{
	if (verdict != STORE_E_FULL)
		s->failed = true;
	turn_over(s, true);
	return verdict;
}

uint64_t turns_bytes(const struct store *s, enum env_id e)
{
	uint64_t bytes = 0;

	for (unsigned t = 0; t < TABLE_COUNT; t++) {
		MDB_stat stat;

		if (table_env(t) != e || mdb_stat(s->turn.mdb[e], s->tables[t], &stat))
			continue;
		bytes += (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) *
			 stat.ms_psize;
	}
	return bytes;
}

/* Whether the turn would leave more in an environment than its map size: what is beyond that is
 * kept for turns that only delete. */
static bool over_map_size(const struct store *s, enum env_id e)
{
	return s->turn.grown[e] && turns_bytes(s, e) > s->env[e].map_size;
}

static int commit_pages(struct store *s, enum env_id id, struct why *why)
{
	const struct env *e = &s->env[id];
	const int rc = mdb_txn_commit(TAKE(s->turn.mdb[id]));

	if (rc)
		return env_explain(e, rc, why);
	s->flushes += 2;
	return 0;
}

/* All that turns have written since the last one, this one too. */
static int checkpoint(struct store *s, struct why *why)
{
	struct id epoch;
	int r = redo_name(&epoch);

	if (r)
		return err_up(r);
	r = marks_put_epoch(&s->env[ENV_DATA], s->turn.mdb[ENV_DATA], s->crypto, &epoch, why);
	if (!r)
		r = commit_pages(s, ENV_DATA, why);
	if (!r)
		redo_begin(&s->redo, &epoch);
	return r;
}

/* Whether the pages that wait could fill the map. Each operation makes at most a leaf or so
 * wait; and LMDB takes free pages only two transactions later, so that of three of them there
 * is an old and a new one. In a map of a GiB there is always room. */
static bool crowded(const struct store *s)
{
	const uint64_t ops = s->redo.ops + s->redo.turn_ops;
	MDB_envinfo info;
	MDB_stat stat;

	if (mdb_env_info(s->env[ENV_DATA].mdb, &info) ||
		mdb_env_stat(s->env[ENV_DATA].mdb, &stat))
		return true;
	return turns_bytes(s, ENV_DATA) + 4 * (s->redo.used + ops * stat.ms_psize) >
	       info.me_mapsize;
}

static int commit_data(struct store *s, struct why *why)
{
	int r;

	if (!redo_takes(&s->redo) || crowded(s))
		return checkpoint(s, why);
	r = redo_write(&s->redo, s->crypto, why);
	s->flushes += r == 0;
	return r;
}

int store_turn_commit(struct store *s, struct why *why)
{
	const struct txn *x = &s->turn;
	const bool dirty = store_turn_dirty(s);
	int r = 0;

	assert(s->in_turn);
	if (x->spoilt)
		return turn_lost(s, env_explain(&s->env[x->spoilt_in], x->spoilt, why));

	drop_cursors(&s->turn);
	for (unsigned e = 0; e < ENV_COUNT; e++) {
		if (over_map_size(s, e))
			return turn_lost(s, env_explain(&s->env[e], MDB_MAP_FULL, why));
	}
	/* Keys first: an orphan key is harmless, a missing one is not. */
	if (x->dirty[ENV_KEYS])
		r = commit_pages(s, ENV_KEYS, why);
	if (!r && x->dirty[ENV_DATA])
		r = commit_data(s, why);
	if (r)
		return turn_lost(s, r);
	s->commits += dirty;
	turn_over(s, false);
	return 0;
}

int store_checkpoint(struct store *s, struct why *why)
{
	int r;

	assert(!s->in_turn);
	if (s->failed)
		return err_new(-EIO);
	if (!s->redo.used)
		return 0;
	r = turns_begin(s, false, why);
	if (!r)
		r = checkpoint(s, why);
	return r ? turn_lost(s, r) : 0;
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
