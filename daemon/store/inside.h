/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside the store
 *
 * The store and its transactions as the files of this folder see them. A txn is one LMDB
 * transaction on each environment with a cursor per table, kept so that a scan does not look
 * for its place every time. That of the turns over the data stays open from one checkpoint to
 * the next (redo.h); the keys one is begun late in a turn, since most turns have no keys, and
 * ends with it.
 */

#include "daemon/store/env.h"
#include "daemon/store/recent.h"
#include "daemon/store/redo.h"
#include "daemon/store/row.h"

struct txn {
	struct store *store;
	struct crypto *crypto; /* of the thread that uses this txn */
	bool writing;
	MDB_txn *mdb[ENV_COUNT];
	bool dirty[ENV_COUNT]; /* something was written */
	bool grown[ENV_COUNT]; /* something was put, and not only deleted */
	bool broken;           /* LMDB said what it should not: it may refuse the rest */
	MDB_cursor *cursors[TABLE_COUNT];
	int spoilt; /* the LMDB result that a write failed with; 0: none */
	enum env_id spoilt_in;
	struct scratch opened; /* the sealed row that was last read */
	struct scratch packed; /* the row that is being written */
};

struct store {
	int lock; /* fd of the lock file, held while open */
	struct crypto *crypto;
	struct secret key;
	struct env env[ENV_COUNT];
	MDB_dbi tables[TABLE_COUNT];
	struct redo redo;
	struct txn turn;
	struct recent recent; /* of the turn */
	bool in_turn;
	bool failed; /* a disk error: what a later flush says cannot be believed any more */
	struct why failure; /* of a turn that could not begin */
	uint64_t commits, flushes;
};

struct store_read {
	struct txn txn;
};

static inline enum env_id table_env(enum table t)
{
	return t == TABLE_KEY ? ENV_KEYS : ENV_DATA;
}

/* The view over .x, which must not move while it is used. */
void view_of_txn(struct txn *x, struct view *ret);
/* Drop cursors, abort what is not committed, wipe what was opened. */
void txn_end(struct txn *x);
void txn_drop_cursor(struct txn *x, enum table t);

/* The transaction of the turns, when there is none: what the redo file has is done again in it.
 * .opening: as redo_replay(). Verdicts of store_open(). */
MUST_USE int turns_begin(struct store *s, bool opening, struct why *why);
/* What all tables of that environment take in it. */
uint64_t turns_bytes(const struct store *s, enum env_id e);

/* Marks: what an environment says about itself, in a database of its own ("store"): format
 * version, store id, the epoch of the redo file, and a box that only the right store.key opens.
 */
struct marks {
	struct id store;
	uint32_t format; /* at most STORE_FORMAT; less: to be upgraded */
	struct id epoch; /* of the redo file; in the data environment */
};
/* Into a new environment, with its empty tables, as one durable transaction. */
MUST_USE int marks_write(const struct env *e, enum env_id id, struct crypto *c,
	const struct secret *key, const struct marks *m, struct why *why);
/* The name of the redo file's epoch, with what the file had until now. 0, STORE_E_FULL,
 * STORE_E_IO. */
MUST_USE int marks_put_epoch(const struct env *e, MDB_txn *txn, struct crypto *c,
	const struct id *epoch, struct why *why);
/* 0, STORE_E_DAMAGED, STORE_E_NEWER, STORE_E_KEY. */
MUST_USE int marks_read(const struct env *e, struct crypto *c, const struct secret *key,
	struct marks *ret, struct why *why);
/* The format alone, within a write transaction. An LMDB result. */
MUST_USE int marks_put_format(
	const struct env *e, MDB_txn *txn, struct crypto *c, uint32_t format, struct why *why);

/* Upgrades: a step takes one environment from format .from to the next, in the transaction that
 * then marks it, so that it is done or not begun. It may be done in one environment and not yet
 * in the other: the marks say where to go on. */
struct upgrade_step {
	uint32_t from;
	const char *what; /* for people */
	/* An LMDB result. */
	int (*run)(enum env_id id, MDB_txn *txn, struct crypto *c, const struct secret *key);
};
/* From what .marks say to format .to. Before anything is written both environments are copied
 * to DIR.before-format-N, whole or not at all; one that is there was made by an attempt before
 * this one and stays. 0, STORE_E_FULL, STORE_E_IO. */
MUST_USE int upgrade_run(struct store *s, const char *dir, const struct marks marks[ENV_COUNT],
	uint32_t to, const struct upgrade_step *steps, size_t n, struct why *why);
