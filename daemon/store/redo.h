/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Redo
 *
 * The file "redo": what turns have written and the file of the data environment does not hold
 * yet. LMDB makes a turn durable by writing every page on the way to every row, and flushes
 * twice; here it is one write of a few KiB, one after the other, into blocks that are there
 * already, and one flush. LMDB's pages wait meanwhile, in a transaction that stays open over
 * many turns, for the checkpoint that commits them together.
 *
 * The file is as long as it ever gets. A record begins at a block and fills whole blocks, so
 * that no write touches one that is durable (but opening, which writes the same bytes again):
 *
 *   epoch(16) n(4) length(4) operations(length) sum(16), zeros
 *   operation: kind(1) length(1) table length(1) key [length(4) row, as it stands in LMDB]
 *
 * An epoch is from one checkpoint to the next; it has a random name, which the checkpoint that
 * began it put into the environment. n counts from 0, the sum is the first half of a SHA-256
 * over all before it. What is not of this epoch is none of our business: it is in LMDB.
 */

#include <lmdb.h>

#include <kith/buf.h>
#include <kith/crypto.h>
#include <kith/err.h>

#define REDO_BYTES (UINT32_C(4) << 20)
/* A longer turn is not worth writing twice: it is a checkpoint. */
#define REDO_RECORD_MAX (UINT32_C(512) << 10)
/* Each makes a page wait, at worst: they are bounded, and so is the time of a checkpoint. */
#define REDO_OPS_MAX 8192u

enum redo_kind { REDO_PUT, REDO_APPEND, REDO_DEL, REDO_KINDS };

struct redo_op {
	enum redo_kind kind;
	struct span table; /* its name */
	struct span key, row;
};

struct redo {
	int fd; /* -1: not open */
	char *file;
	bool unflushed;
	struct id epoch;
	uint32_t n;         /* records of this epoch */
	size_t used, ops;   /* what they take, and how much they do */
	struct writer turn; /* the record that is being made */
	size_t turn_ops;
};

/* A new file of zeros below .dir, flushed. Verdicts as of store_create(). */
MUST_USE int redo_create(const char *dir, struct why *why);
/* 0, STORE_E_DAMAGED, STORE_E_IO. */
MUST_USE int redo_open(struct redo *r, const char *dir, bool unflushed, struct why *why);
void redo_close(struct redo *r);

/* A name for an epoch. Not of the crypto's chance: how many are drawn depends on how much is
 * written, and what a simulation draws must not. */
MUST_USE int redo_name(struct id *ret);
/* A checkpoint is there: what the file holds is old. */
void redo_begin(struct redo *r, const struct id *epoch);

/* One operation more of this turn. What does not fit makes the turn a checkpoint. */
void redo_add(struct redo *r, const struct redo_op *op);
void redo_drop(struct redo *r); /* this turn's */
/* Whether the turn is to be written here. */
bool redo_takes(const struct redo *r);
/* Returns once it is durable. 0; STORE_E_FULL: nothing is there; STORE_E_IO: only the next
 * opening knows. */
MUST_USE int redo_write(struct redo *r, struct crypto *c, struct why *why);

/* Every operation of this epoch, in order. .opening: what is found is what there is, and since
 * it may stand only in the kernel's memory it is written and flushed again; otherwise it is
 * what this process has written. .apply gives an LMDB result. 0, STORE_E_DAMAGED, STORE_E_FULL,
 * STORE_E_IO; *ret_rc: what .apply gave when it was not 0, and the verdict is STORE_E_DAMAGED.
 */
MUST_USE int redo_replay(struct redo *r, struct crypto *c, bool opening,
	int (*apply)(void *ctx, const struct redo_op *op), void *ctx, int *ret_rc,
	struct why *why);
