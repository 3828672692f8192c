/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * View
 *
 * What the core sees of the store: tables of ordered bytes, as the current turn sees them (its
 * own writes included). A port: the store gives one for a write turn and for a read, the tests
 * may give another. The core never sees LMDB.
 *
 * A span that comes out is valid until the next put, append or del in the same turn; the value
 * of a row of a sealed table only until the next get, seek or last on a sealed table.
 */

#include <kith/base.h>
#include <kith/err.h>

/* clang-format off */
/*      id        name        sealed     what it holds (daemon/core/rows.h: exact keys) */
#define TABLES(T)                                                                              \
	T(META,     "meta",     false)  /* region, incarnation, cursors of our own, counters */\
	T(LOG,      "log",      false)  /* n -> changes from the n-th on: append-only */       \
	T(INDEX,    "index",    false)  /* record author incarnation seq -> n, and so on */\
	T(CHAIN,    "chain",    false)  /* record author incarnation -> head seq, head id, state */\
	T(CONTROL,  "control",  false)  /* record author incarnation seq -> its part in custody */\
	T(RECORD,   "record",   false)  /* record -> what we are to it */                      \
	T(MOVE,     "move",     false)  /* record -> its newest move: times, who is waited for */\
	T(SHARE,    "share",    false)  /* peer record -> their role: the one probe (P7.9) */  \
	T(PEER,     "peer",     false)  /* region -> how we link with it */                    \
	T(CARD,     "card",     false)  /* region -> card bundle, also of authors not our peers */\
	T(FEED,     "feed",     false)  /* peer n -> what that peer should have */             \
	T(CURSOR,   "cursor",   false)  /* peer -> how far we are in its feed */               \
	T(STALE,    "stale",    false)  /* record -> its fold is needed: summary, completeness */\
	T(WANT,     "want",     false)  /* peer record -> what we lack and they have */        \
	T(PARKED,   "parked",   false)  /* peer record -> beyond a quota: lacked, and not asked for */\
	T(CHARGE,   "charge",   false)  /* region -> what we hold on its account */            \
	T(FORK,     "fork",     false)  /* record author incarnation -> proof */               \
	T(TOKEN,    "token",    false)  /* HMAC of an identifier -> record */                  \
	T(SUMMARY,  "summary",  true)   /* record -> one row for lists, sealed under store.key */\
	T(DRAFT,    "draft",    true)   /* requests that wait (moves being asked), sealed */   \
	T(AUDIT,    "audit",    true)   /* n -> who asked what, from the n-th on */            \
	T(KEY,      "key",      true)   /* record epoch class commitment -> content key: in the keys env */
/* clang-format on */

enum table {
#define T(id, name, sealed) TABLE_##id,
	TABLES(T) TABLE_COUNT
#undef T
};

/* Verdicts. VIEW_FULL means that the turn is spoilt: whatever is asked in it from then on,
 * reads too, is answered so; its commit aborts it and says whether the room or the disk was at
 * fault. */
enum {
	VIEW_NONE = 1, /* no such row */
	VIEW_DAMAGED,  /* its hash does not match: the caller says so, loses nothing */
	VIEW_FULL,     /* a write did not fit */
};

#define VIEW_KEY_MAX 200 /* bytes */

struct view {
	void *ctx;
	/* 0 and *ret, VIEW_NONE, VIEW_DAMAGED. */
	MUST_USE int (*get)(void *ctx, enum table t, struct span key, struct span *ret);
	/* The first row whose key starts with .prefix and is >= .from (both may be empty; .from
	 * may be a key and a zero byte, to go on behind it). Seek and last set *ret_key with
	 * VIEW_DAMAGED too, so that a scan can step over that row. */
	MUST_USE int (*seek)(void *ctx, enum table t, struct span prefix, struct span from,
		struct span *ret_key, struct span *ret);
	/* The last row whose key starts with .prefix. */
	MUST_USE int (*last)(void *ctx, enum table t, struct span prefix, struct span *ret_key,
		struct span *ret);
	/* The last row whose key starts with .prefix and is <= .upto. */
	MUST_USE int (*back)(void *ctx, enum table t, struct span prefix, struct span upto,
		struct span *ret_key, struct span *ret);
	MUST_USE int (*put)(void *ctx, enum table t, struct span key, struct span value);
	/* As put, for a key greater than all others in the table. */
	MUST_USE int (*append)(void *ctx, enum table t, struct span key, struct span value);
	MUST_USE int (*del)(void *ctx, enum table t, struct span key); /* 0, VIEW_NONE */
};
