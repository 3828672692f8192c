/* SPDX-License-Identifier: Apache-2.0 */

/*
 * View
 *
 * The port of <kith/view.h> over one txn. A plain row comes out as a span into the map, a
 * sealed one as a span into the txn's scratch. A write that failed spoils the turn: LMDB
 * refuses all work in such a transaction, so every later call of the turn answers VIEW_FULL.
 */

#include "daemon/store/inside.h"

#include <errno.h>
#include <string.h>

#include <kith/span.h>

static bool starts_with(struct span s, struct span prefix)
{
	return s.len >= prefix.len && (!prefix.len || memcmp(s.at, prefix.at, prefix.len) == 0);
}

/* As LMDB sorts: bytes, then the shorter one first. */
static bool before(struct span a, struct span b)
{
	const size_t common = a.len < b.len ? a.len : b.len;
	const int order = common ? memcmp(a.at, b.at, common) : 0;

	return order < 0 || (order == 0 && a.len < b.len);
}

/* LMDB said what nobody can do anything about. */
static int fatal(struct txn *x, int rc)
{
	x->broken = true;
	return env_fatal(rc);
}

/* The LMDB transaction for a table. A turn gets the one over the keys when it first asks. */
static int mdb_of(struct txn *x, enum table t, MDB_txn **ret)
{
	const enum env_id e = table_env(t);
	int rc;

	if (x->spoilt)
		return VIEW_FULL;
	if (!x->mdb[e]) {
		rc = mdb_txn_begin(
			x->store->env[e].mdb, NULL, x->writing ? 0 : MDB_RDONLY, &x->mdb[e]);
		if (rc)
			return err_new(fatal(x, rc));
	}
	*ret = x->mdb[e];
	return 0;
}

static int cursor_of(struct txn *x, enum table t, MDB_cursor **ret)
{
	MDB_txn *mdb = NULL; /* gcc -O2 does not see that only a failure leaves it */
	int r, rc;

	r = mdb_of(x, t, &mdb);
	if (r)
		return r;
	if (!x->cursors[t]) {
		rc = mdb_cursor_open(mdb, x->store->tables[t], &x->cursors[t]);
		if (rc)
			return err_new(fatal(x, rc));
	}
	*ret = x->cursors[t];
	return 0;
}

static int unpack(struct txn *x, enum table t, struct span key, MDB_val v, struct span *ret)
{
	return row_unpack(x->crypto, &x->store->key, (struct row_at){ row_form(t), key },
		span_of_val(v), &x->opened, ret);
}

/* What a scan found, if it is under the prefix. The key is told for a damaged row too: without
 * it nobody could step over one. */
static int found(struct txn *x, enum table t, struct span prefix, MDB_val k, MDB_val v,
	struct span *ret_key, struct span *ret)
{
	if (!starts_with(span_of_val(k), prefix))
		return VIEW_NONE;
	*ret_key = span_of_val(k);
	return unpack(x, t, *ret_key, v, ret);
}

static int get(void *ctx, enum table t, struct span key, struct span *ret)
{
	struct txn *x = ctx;
	MDB_val k = val_of(key), v;
	MDB_txn *mdb;
	int r, rc;

	if (!key.len || key.len > VIEW_KEY_MAX)
		return err_new(-EINVAL);

	r = mdb_of(x, t, &mdb);
	if (r)
		return r;
	if (x->writing && recent_get(&x->store->recent, t, key, ret))
		return 0;
	rc = mdb_get(mdb, x->store->tables[t], &k, &v);
	if (rc == MDB_NOTFOUND)
		return VIEW_NONE;
	if (rc)
		return err_new(fatal(x, rc));
	r = unpack(x, t, key, v, ret);
	if (!r && x->writing)
		recent_keep(&x->store->recent, t, key, *ret);
	return r;
}

static int seek(void *ctx, enum table t, struct span prefix, struct span from,
	struct span *ret_key, struct span *ret)
{
	const struct span start = before(from, prefix) ? prefix : from;
	struct txn *x = ctx;
	MDB_val k = val_of(start), v;
	MDB_cursor *cursor;
	int r, rc;

	/* One more for .from: "just behind that key" is the key and a zero byte. */
	if (prefix.len > VIEW_KEY_MAX || from.len > VIEW_KEY_MAX + 1)
		return err_new(-EINVAL);

	r = cursor_of(x, t, &cursor);
	if (r)
		return r;
	rc = mdb_cursor_get(cursor, &k, &v, start.len ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == MDB_NOTFOUND)
		return VIEW_NONE;
	if (rc)
		return err_new(fatal(x, rc));
	return found(x, t, prefix, k, v, ret_key, ret);
}

/* The smallest string that is greater than all that start with .prefix; empty: there is none.
 */
static struct span successor(struct span prefix, uint8_t room[VIEW_KEY_MAX])
{
	size_t len = prefix.len;

	while (len && prefix.at[len - 1] == 0xff)
		len--;
	if (!len)
		return (struct span){ room, 0 };
	memcpy(room, prefix.at, len);
	room[len - 1]++;
	return (struct span){ room, len };
}

/* The last row before .end, or at it when .itself counts; an empty .end is behind all rows. */
static int back_from(struct txn *x, enum table t, struct span prefix, struct span end,
	bool itself, struct span *ret_key, struct span *ret)
{
	MDB_val k = val_of(end), v;
	MDB_cursor *cursor;
	int r = cursor_of(x, t, &cursor), rc = MDB_NOTFOUND;

	if (r)
		return r;
	if (end.len)
		rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	if (rc == 0 && (!itself || before(end, span_of_val(k))))
		rc = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
	else if (rc == MDB_NOTFOUND)
		rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
	if (rc == MDB_NOTFOUND)
		return VIEW_NONE;
	if (rc)
		return err_new(fatal(x, rc));
	return found(x, t, prefix, k, v, ret_key, ret);
}

static int last(
	void *ctx, enum table t, struct span prefix, struct span *ret_key, struct span *ret)
{
	uint8_t room[VIEW_KEY_MAX];

	if (prefix.len > VIEW_KEY_MAX)
		return err_new(-EINVAL);
	return back_from(ctx, t, prefix, successor(prefix, room), false, ret_key, ret);
}

static int back(void *ctx, enum table t, struct span prefix, struct span upto,
	struct span *ret_key, struct span *ret)
{
	if (prefix.len > VIEW_KEY_MAX || !upto.len || upto.len > VIEW_KEY_MAX)
		return err_new(-EINVAL);
	return back_from(ctx, t, prefix, upto, true, ret_key, ret);
}

/* A write did not work. When the cause is room or the disk, the turn is over but kith is not:
 * commit says which it was. */
static int spoil(struct txn *x, enum env_id e, int rc)
{
	const int trouble = env_trouble(&x->store->env[e], rc);

	if (trouble < 0) {
		x->broken = true;
		return err_up(trouble);
	}
	x->spoilt = rc;
	x->spoilt_in = e;
	return VIEW_FULL;
}

/* Whether that row can be written, and by which transaction. */
static int writable(struct txn *x, enum table t, struct span key, MDB_txn **ret)
{
	if (!x->writing)
		return err_new(-EPERM);
	if (!key.len || key.len > VIEW_KEY_MAX)
		return err_new(-EINVAL);
	return mdb_of(x, t, ret);
}

/* A row of the data is written again from the redo file if need be; the keys commit as they
 * are. */
static void wrote(
	struct txn *x, enum table t, enum redo_kind kind, struct span key, struct span row)
{
	x->dirty[table_env(t)] = true;
	if (table_env(t) == ENV_DATA)
		redo_add(&x->store->redo,
			&(struct redo_op){ kind, span_of(row_form(t).table), key, row });
}

static int write_row(
	struct txn *x, enum table t, struct span key, struct span value, unsigned flags)
{
	uint8_t own[VIEW_KEY_MAX];
	struct row_at at = { row_form(t), { own, key.len } };
	MDB_val k = val_of(at.key), v;
	struct span row;
	MDB_txn *mdb;
	int r = writable(x, t, key, &mdb), rc;

	if (r)
		return r;

	/* Key and value may be spans of ours, in a page that this very write moves about. */
	memcpy(own, key.at, key.len);
	r = row_pack(x->crypto, &x->store->key, at, value, &x->packed, &row);
	if (r)
		return err_up(r);
	v = val_of(row);
	recent_put(&x->store->recent, t, at.key, value);

	txn_drop_cursor(x, t);
	rc = mdb_put(mdb, x->store->tables[t], &k, &v, flags);
	if (rc == MDB_KEYEXIST) { /* an append that is not behind all others */
		recent_drop(&x->store->recent, t, at.key);
		return err_new(-EEXIST);
	}
	if (rc)
		return spoil(x, table_env(t), rc);
	wrote(x, t, flags & MDB_APPEND ? REDO_APPEND : REDO_PUT, at.key, row);
	x->grown[table_env(t)] = true;
	return 0;
}

static int put(void *ctx, enum table t, struct span key, struct span value)
{
	return write_row(ctx, t, key, value, 0);
}

static int append(void *ctx, enum table t, struct span key, struct span value)
{
	return write_row(ctx, t, key, value, MDB_APPEND);
}

static int del(void *ctx, enum table t, struct span key)
{
	struct txn *x = ctx;
	uint8_t own[VIEW_KEY_MAX];
	MDB_val k = { .mv_size = key.len, .mv_data = own };
	MDB_txn *mdb;
	int r = writable(x, t, key, &mdb), rc;

	if (r)
		return r;
	memcpy(own, key.at, key.len); /* as in write_row() */
	recent_drop(&x->store->recent, t, key);
	txn_drop_cursor(x, t);
	rc = mdb_del(mdb, x->store->tables[t], &k, NULL);
	if (rc == MDB_NOTFOUND)
		return VIEW_NONE;
	if (rc)
		return spoil(x, table_env(t), rc);
	wrote(x, t, REDO_DEL, span_of_val(k), (struct span){ 0 });
	return 0;
}

void view_of_txn(struct txn *x, struct view *ret)
{
	*ret = (struct view){
		.ctx = x,
		.get = get,
		.seek = seek,
		.last = last,
		.back = back,
		.put = put,
		.append = append,
		.del = del,
	};
}
