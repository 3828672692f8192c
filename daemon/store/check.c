/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Check
 *
 * Questions about the whole store: how full it is, whether dead readers hold its pages, whether
 * every row is what was written. Verifying may run on another thread, beside turns.
 */

#include "daemon/store/inside.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include <kith/ident.h>

/* Rows per read transaction: a reader that stays pins every page that is freed meanwhile. */
#define VERIFY_BATCH 4096

int store_check_readers(struct store *s, int *ret)
{
	int sum = 0;

	for (unsigned e = 0; e < ENV_COUNT; e++) {
		int dead = 0;
		const int rc = mdb_reader_check(s->env[e].mdb, &dead);

		if (rc)
			return err_new(env_fatal(rc));
		sum += dead;
	}
	*ret = sum;
	return 0;
}

/* Pages that are in the file but free: LMDB keeps lists of them in its database 0, each row a
 * count and so many page numbers. */
static int free_pages(MDB_txn *txn, uint64_t *ret)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	uint64_t sum = 0;
	int rc;

	rc = mdb_cursor_open(txn, 0, &cursor);
	if (rc)
		return rc;
	while (!(rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT))) {
		size_t n;

		memcpy(&n, v.mv_data, sizeof(n));
		sum += n;
	}
	mdb_cursor_close(cursor);
	*ret = sum;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int used_bytes(const struct env *e, MDB_txn *txn, uint64_t *ret)
{
	MDB_envinfo info;
	MDB_stat stat;
	uint64_t free_n;
	int rc;

	rc = mdb_env_info(e->mdb, &info);
	if (!rc)
		rc = mdb_env_stat(e->mdb, &stat);
	if (!rc)
		rc = free_pages(txn, &free_n);
	if (!rc)
		*ret = (info.me_last_pgno + 1 - free_n) * stat.ms_psize;
	return rc;
}

static int stat_in(struct store *s, MDB_txn *const txn[ENV_COUNT], struct store_stat *ret)
{
	MDB_envinfo info;
	MDB_stat stat;
	int rc;

	rc = mdb_env_info(s->env[ENV_DATA].mdb, &info);
	if (!rc)
		rc = used_bytes(&s->env[ENV_DATA], txn[ENV_DATA], &ret->used_bytes);
	if (!rc)
		rc = used_bytes(&s->env[ENV_KEYS], txn[ENV_KEYS], &ret->keys_used_bytes);
	for (unsigned t = 0; t < TABLE_COUNT && !rc; t++) {
		rc = mdb_stat(txn[table_env(t)], s->tables[t], &stat);
		if (!rc)
			ret->rows[t] = stat.ms_entries;
	}
	if (rc)
		return rc;
	ret->map_size = s->env[ENV_DATA].map_size;
	ret->last_txn = info.me_last_txnid;
	return 0;
}

/* All but what only the turns' own thread may read. */
static int stat_shared(struct store *s, struct store_stat *ret)
{
	struct store_read *read;
	struct statvfs vfs;
	struct view view;
	int r, rc;

	r = store_read_begin(s, s->crypto, &read, &view);
	if (r)
		return err_up(r);
	rc = stat_in(s, read->txn.mdb, ret);
	store_read_end(read);
	if (!rc && statvfs(s->env[ENV_DATA].file, &vfs) < 0)
		rc = errno;
	if (rc)
		return err_new(env_fatal(rc));

	ret->disk_free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	ret->disk_size_bytes = (uint64_t)vfs.f_blocks * vfs.f_frsize;
	return 0;
}

/* What no checkpoint has committed yet counts too. */
static int stat_turns(const struct store *s, struct store_stat *ret)
{
	MDB_txn *txn = s->turn.mdb[ENV_DATA];
	uint64_t bytes;

	if (!txn)
		return 0;
	for (unsigned t = 0; t < TABLE_COUNT; t++) {
		MDB_stat stat;
		int rc;

		if (table_env(t) != ENV_DATA)
			continue;
		rc = mdb_stat(txn, s->tables[t], &stat);
		if (rc)
			return err_new(env_fatal(rc));
		ret->rows[t] = stat.ms_entries;
	}
	bytes = turns_bytes(s, ENV_DATA);
	if (bytes > ret->used_bytes)
		ret->used_bytes = bytes;
	return 0;
}

int store_stat(struct store *s, struct store_stat *ret)
{
	struct store_stat stat = { .commits = s->commits, .flushes = s->flushes };
	int r;

	r = stat_shared(s, &stat);
	if (r)
		return err_up(r);
	r = stat_turns(s, &stat);
	if (r)
		return err_up(r);
	*ret = stat;
	return 0;
}

void store_counts(const struct store *s, uint64_t *ret_commits, uint64_t *ret_flushes)
{
	*ret_commits = s->commits;
	*ret_flushes = s->flushes;
}

struct verify {
	struct store *store;
	struct crypto *crypto;
	bool (*progress)(void *ctx, uint64_t done, uint64_t of);
	void *ctx;
	uint64_t rows, of, damaged;
	/* Where the next batch begins: the last key and a zero byte. */
	uint8_t from[VIEW_KEY_MAX + 1];
	size_t from_len;
};

static void damage_found(struct verify *v, enum table t, struct span key, struct why *why)
{
	char text[2 * 48 + 1];

	if (v->damaged++ > 0)
		return;
	why_set(why, "table \"%s\", row %s%s is damaged: restore the store from a backup",
		row_form(t).table, hex_text(key.at, key.len < 48 ? key.len : 48, text),
		key.len > 48 ? "..." : "");
}

/* Up to VERIFY_BATCH rows from .from on: 0, or VIEW_NONE when the table ends there. */
static int verify_batch(struct verify *v, enum table t, struct why *why)
{
	struct store_read *read;
	struct view view;
	int r;

	r = store_read_begin(v->store, v->crypto, &read, &view);
	if (r)
		return err_up(r);

	for (unsigned n = 0; n < VERIFY_BATCH; n++) {
		struct span key, value;

		r = view.seek(view.ctx, t, (struct span){ 0 },
			(struct span){ v->from, v->from_len }, &key, &value);
		if (r == VIEW_DAMAGED)
			damage_found(v, t, key, why);
		else if (r)
			break;
		r = 0;
		v->rows++;
		if (key.len > VIEW_KEY_MAX) { /* not one of ours; nor can we look behind it */
			r = VIEW_NONE;
			break;
		}
		memcpy(v->from, key.at, key.len);
		v->from[key.len] = 0;
		v->from_len = key.len + 1;
	}
	store_read_end(read);
	return r;
}

static int verify_tables(struct verify *v, struct why *why)
{
	for (unsigned t = 0; t < TABLE_COUNT; t++) {
		int r = 0;

		v->from_len = 0;
		while (!r) {
			r = verify_batch(v, t, why);
			if (v->progress && !v->progress(v->ctx, v->rows, v->of) && r >= 0)
				return 0;
		}
		if (r != VIEW_NONE)
			return err_odd(r);
	}
	return 0;
}

int store_verify(struct store *s, bool (*progress)(void *ctx, uint64_t done, uint64_t of),
	void *ctx, uint64_t *ret_rows, uint64_t *ret_damaged, struct why *why)
{
	struct verify v = { .store = s, .progress = progress, .ctx = ctx };
	struct store_stat stat = { 0 };
	int r;

	r = stat_shared(s, &stat);
	if (r)
		return err_up(r);
	for (unsigned t = 0; t < TABLE_COUNT; t++)
		v.of += stat.rows[t];

	/* Its own, since it may run on another thread than the store's. */
	r = crypto_new(chance_kernel(), &v.crypto);
	if (r)
		return err_odd(r);
	r = verify_tables(&v, why);
	crypto_free(v.crypto);
	if (r)
		return err_up(r);

	*ret_rows = v.rows;
	*ret_damaged = v.damaged;
	return 0;
}
