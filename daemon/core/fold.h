/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Fold
 *
 * The state of a record: its accepted changes in the one order that every region finds (P10),
 * opened, each entry with its status. Derived on read, kept nowhere.
 */

#include <kith/arena.h>
#include <kith/wire.h>

#include "daemon/core/body.h"
#include "daemon/core/rows.h"

struct step;

enum fold_open {
	FOLD_CONTROL, /* clear */
	FOLD_OPEN,
	FOLD_SEALED,  /* the key is not held */
	FOLD_DAMAGED, /* does not open, or not to what its root says */
	FOLD_APART,   /* its author's word does not count (P6.9): shown, outside the state */
};

enum entry_status { ENTRY_CURRENT, ENTRY_SUPERSEDED, ENTRY_CONFLICT };

struct fold_change {
	struct ref ref;
	struct header header;
	enum fold_open open;
	struct body body; /* FOLD_OPEN, FOLD_APART when it opens */
	uint64_t clock;   /* in the order (P10.1): its own, or its predecessor's */
	size_t first;     /* its entries, in .entries */
};

struct fold_entry {
	const struct fold_change *change;
	uint32_t index;
	const struct entry *entry;
	enum entry_status status;
};

struct fold {
	struct arena arena;          /* all of it lies here */
	struct fold_change *changes; /* in the order of (P10.1), then those that stand apart */
	size_t n_changes;
	struct fold_entry *entries; /* in that order */
	size_t n_entries;
	size_t sealed, damaged, apart, missing_deps, conflicts;
	struct hash state; /* (P10.3); zero when the key is not held */
};

/* The order and every status of changes that are read: chain after chain, each from seq 1
 * without a hole, with its clock if it opens. .f is empty but for its arena. 0, or < 0. */
MUST_USE int fold_arrange(struct fold *f, struct fold_change *all, size_t n);
/* Then the state hash, under the newest class-0 key. */
MUST_USE int fold_state(struct fold *f, struct crypto *c, const struct secret *key);

/* Reading in portions, which may be steps apart: what the record gets meanwhile may be missing,
 * and the caller compares the number. .f is taken by fold_end(). */
struct fold_reading {
	struct fold f;
	struct id record;
	struct index_scan scan;
	struct fold_change *all;
	size_t n, room;
	struct body_key key;
};
void fold_begin(struct fold_reading *w, const struct id *record);
enum { FOLD_MORE = 1 };
/* Opens at most .most changes: 0, all are; FOLD_MORE. */
MUST_USE int fold_some(struct step *s, struct fold_reading *w, size_t most);
MUST_USE int fold_end(struct step *s, struct fold_reading *w, struct fold *ret);
void fold_drop(struct fold_reading *w); /* in whatever state it is */

/* All of it from the store. 0, or < 0. Call fold_done() also after that. */
MUST_USE int fold_read(struct step *s, const struct id *record, struct fold *ret);
void fold_done(struct fold *f);
