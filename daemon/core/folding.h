/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A fold being made: the chains as they are merged (fold.c), and what their entries say of each
 * other (fold_judge.c).
 */

#include "daemon/core/fold.h"

/* Changes as they lie in the index: chain after chain, each from seq 1 without a hole. */
struct strand {
	struct id author, incarnation;
	size_t first, n; /* in .all */
	size_t out;      /* how many have their place in the order */
	size_t deps;     /* of the next one: so many are out, */
	size_t behind;   /* and if .waits this strand has not got beyond .needs */
	size_t needs;
	bool waits;
};

struct folding {
	struct fold *f;
	const struct fold_change *all;
	size_t n;
	struct strand *strands;
	size_t n_strands, room_strands;
	size_t *rank; /* rank[i]: where in the order .all[i] stands */
};

/* Whether it takes part in the order with a clock and deps of its own (P10.1): the state is
 * that of class 0, which everybody in the circle reads, and must not depend on what only some
 * can open. */
bool fold_counts(const struct fold_change *c);
/* Where a place stands in .all; false when it is not held. */
bool fold_find(const struct folding *w, const struct ref *ref, size_t *ret);
/* The dep of a change, if it is one that the order respects. */
bool fold_dep(const struct folding *w, const struct fold_change *c, size_t d, size_t *ret);
/* The strand that .all[at] lies in. */
size_t fold_strand(const struct folding *w, size_t at);

/* The status of every entry, when the order is made (P10.2). */
MUST_USE int fold_judge(struct folding *w);
