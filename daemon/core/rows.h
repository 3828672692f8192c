/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rows
 *
 * The exact keys and values of every table, and the only code that knows them. Keys are
 * compound and big-endian, so that what is read together lies together: one child's changes,
 * one peer's feed. Results are those of the core: 0, ROW_NONE, or < 0, where -ENOSPC says that
 * the turn is spoilt by a full store and -EUCLEAN that a damaged row stands in the way.
 */

#include <kith/buf.h>
#include <kith/crypto.h>
#include <kith/message.h>
#include <kith/span.h>
#include <kith/view.h>

enum { ROW_NONE = 1 };

#define CHAIN_PREFIX (3 * ID_LEN) /* record author incarnation */

/* The view's results as the core's. */
MUST_USE int row_get(const struct view *v, enum table t, struct span key, struct span *ret);
/* The last row whose key starts with .prefix; and of those the last that is <= .upto. */
MUST_USE int row_last(const struct view *v, enum table t, struct span prefix,
	struct span *ret_key, struct span *ret);
MUST_USE int row_back(const struct view *v, enum table t, struct span prefix, struct span upto,
	struct span *ret_key, struct span *ret);
MUST_USE int row_put(const struct view *v, enum table t, struct span key, struct span value);
MUST_USE int row_append(const struct view *v, enum table t, struct span key, struct span value);
MUST_USE int row_del(
	const struct view *v, enum table t, struct span key); /* 0 also when none */

/* A scan that survives writes: it remembers the last key and seeks the next. */
struct scan {
	enum table table;
	uint8_t prefix[VIEW_KEY_MAX];
	size_t prefix_len;
	uint8_t key[VIEW_KEY_MAX + 1];
	size_t key_len;
	struct span value;
	bool begun;
};
void scan_init(struct scan *s, enum table t, struct span prefix);
/* Begin at the first key >= from instead. */
void scan_from(struct scan *s, struct span from);
MUST_USE int scan_next(struct scan *s, const struct view *v); /* 0, ROW_NONE */
static inline struct span scan_key(const struct scan *s) /* of the row that scan_next gave */
{
	return (struct span){ s->key, s->key_len };
}

/* LOG: changes in the order in which they came, numbered from 1; a row holds some of them, one
 * behind the other. A stored change borrows from the store: valid until the next write; and its
 * signature from .at, where it was read: change_keep() it, if more is read there. */
MUST_USE int log_put(
	const struct view *v, uint64_t first, const struct wire_change *changes, size_t n);
MUST_USE int log_last(const struct view *v, uint64_t *ret); /* 0 when empty */
/* Where the last one was read: the next of the row is found without looking. Begun zeroed, and
 * again behind every write; never copied. */
struct log_at {
	uint64_t next; /* 0: nothing was read */
	struct span rest;
	struct span signature; /* the last one of the row */
	uint8_t room[SIGNATURE_MAX];
};
MUST_USE int log_get(
	const struct view *v, struct log_at *at, uint64_t n, struct wire_change *ret);
/* The next change of a row whose value was put into .rest; false: none, or none that can be
 * read. */
bool log_row_next(struct log_at *row, struct wire_change *ret);
MUST_USE int change_keep(struct arena *a, struct wire_change *c);

/* INDEX: where the changes of a chain stand in the log (rows_index.c). A row has extents:
 * changes that stand one behind the other there, and before them how many others' changes. */
#define INDEX_EXTENTS_MAX 48
struct index_extents {
	uint64_t n; /* number of what follows the extents that were taken */
	uint8_t packed[4 * INDEX_EXTENTS_MAX]; /* be16 of others, be16 of this chain */
	size_t len, taken;
};
bool index_row_read(struct span value, struct index_extents *ret);
/* The first of them: number of its first change and how many; false: there is none left. */
bool index_extents_take(struct index_extents *e, uint64_t *ret_n, uint32_t *ret_count);
MUST_USE int index_put(const struct view *v, const struct id *record, const struct place *at,
	uint64_t n, uint32_t count);
/* The number of the change at a place. */
MUST_USE int index_get(
	const struct view *v, const struct id *record, const struct place *at, uint64_t *ret);
/* The same, and of how many behind it in the chain the numbers follow it. */
MUST_USE int index_reach(const struct view *v, const struct id *record, const struct place *at,
	uint64_t *ret, uint32_t *ret_more);
/* All changes of a record, chain after chain; survives writes. */
struct index_scan {
	struct scan rows;
	struct index_extents row;
	struct place at; /* of the change that was given */
	uint64_t n;
	uint32_t left; /* of its extent */
};
void index_scan_init(struct index_scan *s, const struct id *record);
MUST_USE int index_scan_next(struct index_scan *s, const struct view *v); /* 0, ROW_NONE */
size_t index_key(const struct id *record, const struct place *at, uint8_t into[VIEW_KEY_MAX]);
bool index_key_read(struct span key, struct id *ret_record, struct place *ret);

/* CHAIN. */
struct chain_row {
	uint64_t seq; /* of the head */
	struct hash head;
	bool forked;
	uint64_t clock; /* of the head, when it is known */
	uint64_t bytes; /* that the chain takes here (P7.12); not of our own */
};
MUST_USE int chain_get(const struct view *v, const struct id *record, const struct id *author,
	const struct id *incarnation, struct chain_row *ret);
MUST_USE int chain_put(const struct view *v, const struct id *record, const struct id *author,
	const struct id *incarnation, const struct chain_row *row);
bool chain_row_read(
	struct span key, struct span value, struct place *ret_at, struct chain_row *ret);

/* CONTROL: what custody needs of each control change. The log has the rest, or (.whole) it has
 * nothing of it yet, since the path travels first (P7.8), and here is all of it. */
struct control_row {
	struct ref ref;
	bool must_understand, whole;
	size_t bytes; /* that the change takes in a path */
	struct span body;
	struct wire_change change; /* when it is .whole */
};
MUST_USE int control_put(const struct view *v, const struct id *record, const struct place *at,
	const struct hash *id, const struct wire_change *c, bool whole);
MUST_USE int control_has(const struct view *v, const struct id *record, const struct place *at,
	struct hash *ret_id);
/* The change itself, from where it is; not of a turn that has not written its log. */
MUST_USE int control_get(const struct view *v, const struct id *record, const struct place *at,
	struct log_at *log, struct wire_change *ret);
bool control_row_read(struct span key, struct span value, struct control_row *ret);

/* RECORD: what we are to it, so that lists and probes need no fold. */
struct record_row {
	enum role role; /* ours; ROLE_NONE: we were removed, or are not told yet */
	bool wanted;    /* something is still missing */
	struct id custodian;
	uint64_t term;
	uint64_t changes; /* held */
	bool offer_open;
	struct id offer_to;
	uint64_t offer_seq; /* where it stands in its chain; 0: none is open */
	uint64_t since_ms;  /* of the newest custody change, as seen here */
	bool acting;        /* responsible, and not the custodian */
	bool emergency;     /* assumed or forked: people must settle it */
	bool complete; /* the open offer's (or last release's) manifest is held and verified */
};
MUST_USE int record_get(const struct view *v, const struct id *record, struct record_row *ret);
MUST_USE int record_put(
	const struct view *v, const struct id *record, const struct record_row *row);
#define RECORD_ROW_MAX 96
size_t record_row_write(const struct record_row *row, uint8_t into[RECORD_ROW_MAX]);
bool record_row_read(struct span value, struct record_row *ret);

/* MOVE: the newest move of a record. Its times that no control change says are only here. */
enum move_phase { /* who is waited for */
	MOVE_SETTLED,
	MOVE_ANSWERS,     /* the region that is asked, for its Accept or Decline */
	MOVE_RELEASES,    /* the custodian, after an Accept */
	MOVE_CONFIRMS,    /* the region that was asked, after a Withdraw */
	MOVE_STANDS_DOWN, /* the same, which had accepted */
};
struct move_row {
	struct place offer; /* where the Offer stands */
	struct id from, to;
	enum move_phase phase;
	/* Wall clock, 0: not yet, or not known here. */
	uint64_t offered_ms;
	uint64_t received_ms; /* the region that is asked holds the offer, and wants the rest */
	uint64_t complete_ms; /* it holds, has opened and verified all that the offer names */
	uint64_t taken_up_ms; /* it has accepted, and named a worker */
	uint64_t settled_ms;  /* released, declined, withdrawn or stood down */
	uint64_t since_ms;    /* the phase began */
	uint8_t told;         /* of how many limits of this phase people were told */
};
MUST_USE int move_row_get(const struct view *v, const struct id *record, struct move_row *ret);
MUST_USE int move_row_put(
	const struct view *v, const struct id *record, const struct move_row *row);
bool move_row_read(struct span value, struct move_row *ret);
bool move_row_same(const struct move_row *a, const struct move_row *b);

/* SHARE: the one probe whether a peer may have a record (P7.9). */
MUST_USE int share_put(
	const struct view *v, const struct id *peer, const struct id *record, enum role r);
MUST_USE int share_del(const struct view *v, const struct id *peer, const struct id *record);
/* The last BACKFILL entry of its feed that is about this record; 0: none is known. */
MUST_USE int share_told(
	const struct view *v, const struct id *peer, const struct id *record, uint64_t *ret);
MUST_USE int share_tell(
	const struct view *v, const struct id *peer, const struct id *record, uint64_t n);
MUST_USE int share_has(const struct view *v, const struct id *peer, const struct id *record);

/* PEER. */
struct peer_row {
	uint64_t feed_next; /* number that the next entry gets, from 1; exact when it is read */
	uint64_t feed_acked; /* everything up to here is durable there */
	uint64_t added_ms;
	char endpoint[ENDPOINT_MAX]; /* instead of the card's; may be empty */
};
MUST_USE int peer_row_get(const struct view *v, const struct id *peer, struct peer_row *ret);
MUST_USE int peer_row_put(
	const struct view *v, const struct id *peer, const struct peer_row *row);
bool peer_row_read(struct span value, struct peer_row *ret);

/* FEED. */
struct feed_row {
	bool is_backfill;
	struct id record;
	struct place at;
	uint64_t
		at_ms; /* wall clock when it was put there: the age of the oldest is a metric */
};
MUST_USE int feed_put(
	const struct view *v, const struct id *peer, uint64_t n, const struct feed_row *row);
bool feed_row_read(struct span key, struct span value, uint64_t *ret_n, struct feed_row *ret);
size_t peer_key(const struct id *peer, uint64_t n, uint8_t into[VIEW_KEY_MAX]);

/* CURSOR. */
struct cursor_row {
	struct id incarnation;
	uint64_t n;
	struct hash running;
};
MUST_USE int cursor_get(const struct view *v, const struct id *peer, struct cursor_row *ret);
MUST_USE int cursor_put(
	const struct view *v, const struct id *peer, const struct cursor_row *row);

/* WANT. */
struct want_row {
	uint64_t since_ms;
};
MUST_USE int want_get(const struct view *v, const struct id *peer, const struct id *record,
	struct want_row *ret);
MUST_USE int want_put(const struct view *v, const struct id *peer, const struct id *record,
	const struct want_row *row);
MUST_USE int want_del(const struct view *v, const struct id *peer, const struct id *record);

/* PARKED: as a want that waits for room (P7.12). */
MUST_USE int parked_get(const struct view *v, const struct id *peer, const struct id *record,
	struct want_row *ret);
MUST_USE int parked_put(const struct view *v, const struct id *peer, const struct id *record,
	const struct want_row *row);

/* CHARGE: what is held on a region's account. Zero, and ROW_NONE, when there is none. */
struct charge_row {
	uint64_t bytes, changes;
};
MUST_USE int charge_get(const struct view *v, const struct id *region, struct charge_row *ret);
MUST_USE int charge_put(
	const struct view *v, const struct id *region, const struct charge_row *row);

/* KEY: content keys, by what commits to them: epochs of one number may be several (P5.5). */
MUST_USE int key_get(const struct view *v, const struct id *record,
	const struct key_commitment *c, struct secret *ret);
MUST_USE int key_put(const struct view *v, const struct id *record,
	const struct key_commitment *c, const struct secret *key);
/* Those of one number. */
void key_scan_init(struct scan *s, const struct id *record, uint32_t epoch, uint32_t class);
MUST_USE int key_scan_next(struct scan *s, const struct view *v, struct secret *ret);

/* META, by name. */
MUST_USE int meta_get(const struct view *v, const char *name, void *ret, size_t len);
MUST_USE int meta_put(const struct view *v, const char *name, const void *value, size_t len);

/* TOKEN, SUMMARY, CARD, FORK: plain keys; see their users. */
void pair_key(const struct id *a, const struct id *b, uint8_t into[2 * ID_LEN]);
