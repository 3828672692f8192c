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

/* All of it from the store. 0, or < 0. Call fold_done() also after that. */
MUST_USE int fold_read(struct step *s, const struct id *record, struct fold *ret);
void fold_done(struct fold *f);
