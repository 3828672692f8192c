/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Store
 *
 * Two LMDB environments in one directory, data/ and keys/, and the file redo: what turns have
 * written since the data environment was last committed. Nothing else in kith sees LMDB.
 *
 * Every row carries the first 8 bytes of SHA-256(table name || 0 || key || value) behind its
 * value, since LMDB has no checksums; rows of sealed tables are AES-256-GCM boxes under
 * store.key with table and key as associated data. Both are taken off before a row is seen.
 *
 * A turn is all or nothing over both environments: keys commit before data (an orphan key is
 * harmless, a missing one is not). Data are durable by a record in the redo file, and part of
 * their environment from the next checkpoint on; opening does again what the file has. No
 * DUPSORT, no WRITEMAP, no NOSYNC, always NOTLS.
 */

#include <kith/crypto.h>
#include <kith/err.h>
#include <kith/view.h>

/* Of rows and tables: the number in the marks of both environments. */
#define STORE_FORMAT 1u

struct store;

struct store_options {
	/* Bytes that may be used in each environment; 0: 256 GiB. Turns that only delete may go
	 * beyond, so that a full store can be made smaller. */
	uint64_t map_size;
	bool unflushed; /* MDB_NOSYNC, for simulators on tmpfs only */
};

/* Verdicts of open and create; .why says the cause and the next step. */
enum {
	STORE_E_NONE = 1, /* no store in that directory */
	STORE_E_EXISTS,   /* create: there is one already */
	STORE_E_BUSY,     /* somebody has it open for writing (a lock file, F_OFD_SETLK) */
	STORE_E_DAMAGED,  /* truncated, or not an environment */
	STORE_E_NEWER,    /* written by a newer kith: the upgrade marker is above ours */
	STORE_E_KEY,      /* store.key does not open it */
	STORE_E_FULL,     /* map or disk full */
	STORE_E_IO,       /* EIO: do not retry, exit and verify */
};

/* Make an empty store in .dir (which must not exist, or be an empty directory): built in a
 * temporary directory beside it, one durable turn written, files and directories flushed, then
 * renamed. .store_key is the key for sealed tables. */
MUST_USE int store_create(const char *dir, const struct store_options *o, struct crypto *c,
	const struct secret *store_key, struct why *why);

/* Open for writing: lock, truncation check of both environments before any read, upgrade
 * marker, check that the key is the right one, stale readers cleared. A store of an older
 * format is copied beside itself and upgraded, which goes on where it was interrupted. .c is
 * borrowed for the store's life. */
MUST_USE int store_open(const char *dir, const struct store_options *o, struct crypto *c,
	const struct secret *store_key, struct store **ret, struct why *why);
struct store *store_close(struct store *s); /* accepts NULL, returns NULL */

/* A turn. At most one at a time. The view is valid until commit or abort. */
MUST_USE int store_turn_begin(struct store *s, struct view *ret);
/* Why a turn could not begin, in words; empty: there are none. The store's. */
const char *store_failure(const struct store *s);
/* 0; STORE_E_FULL (nothing of the turn is there) or STORE_E_IO (whether it is there is seen
 * when the store is opened again); < 0 fatal. Returns after the flushes. */
MUST_USE int store_turn_commit(struct store *s, struct why *why);
void store_turn_abort(struct store *s);
/* Whether the open turn has written anything: a turn without writes is not flushed. */
bool store_turn_dirty(const struct store *s);

/* Between turns: makes what they have written part of the environments. Before a read that is
 * to see all of it, and before the store is closed in order; a store that is closed without, or
 * killed, loses nothing. Verdicts as of store_turn_commit(). */
MUST_USE int store_checkpoint(struct store *s, struct why *why);

/* A read of what the last checkpoint committed: its view refuses put, append and del with
 * -EPERM. Own struct crypto when it is used on another thread. Keep it short: it pins pages. */
struct store_read;
MUST_USE int store_read_begin(
	struct store *s, struct crypto *c, struct store_read **ret, struct view *view);
void store_read_end(struct store_read *r);

/* Clear readers that died. Called at open and once a minute. Returns how many in *ret. */
MUST_USE int store_check_readers(struct store *s, int *ret);

struct store_stat {
	uint64_t map_size, used_bytes; /* data environment */
	uint64_t keys_used_bytes;
	uint64_t disk_free_bytes, disk_size_bytes;
	uint64_t rows[TABLE_COUNT];
	uint64_t last_txn;
	/* Since open: turns that wrote, and flushes: one for a record of the redo file, two for
	 * an environment (counted also when .unflushed, so that a simulator can gate on them).
	 */
	uint64_t commits, flushes;
};
MUST_USE int store_stat(struct store *s, struct store_stat *ret);
/* The last two alone: they cost nothing, all of it costs a read of every table's head. */
void store_counts(const struct store *s, uint64_t *ret_commits, uint64_t *ret_flushes);

/* Read every row of every table and check its hash. .progress may be NULL; when it gives false,
 * no more is read. Counts rows and damaged rows; the first damaged one is named in .why. May
 * run on another thread, beside turns. */
MUST_USE int store_verify(struct store *s,
	bool (*progress)(void *ctx, uint64_t done, uint64_t of), void *ctx, uint64_t *ret_rows,
	uint64_t *ret_damaged, struct why *why);
