/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Affairs, inside
 *
 * What the three files of the reducer share: the changes that count, in order, and the lists
 * that grow while the path is walked.
 */

#include "daemon/core/affairs.h"

/* The beginning of another branch of a forked custody. */
struct branch {
	const struct held *release;
	struct id custodian;
	uint64_t term;
	uint32_t epoch; /* the newest where it branches off */
};

struct walk {
	const struct held **all;    /* that count: by clock, and each chain in its own order */
	const struct held **placed; /* the same, by place */
	size_t n;
	const struct held **resolves; /* of them */
	size_t n_resolves;
	struct arena *arena;
	struct affairs *a;
	struct branch *branches;
	size_t n_branches;
	size_t room_terms, room_offers, room_members, room_keys, room_past_keys, room_acting,
		room_stints, room_votes, room_guardians, room_dangling, room_branches;
};

#define ADD_TO(w, owner, list, value)                                                          \
	({                                                                                     \
		void *grown_ = arena_grow((w)->arena, (owner)->list, (owner)->n_##list,        \
			&(w)->room_##list, sizeof(*(owner)->list));                            \
		if (grown_) {                                                                  \
			(owner)->list = grown_;                                                \
			(owner)->list[(owner)->n_##list++] = (value);                          \
		}                                                                              \
		grown_ ? 0 : err_new(-ENOMEM);                                                 \
	})
#define ADD(w, list, value) ADD_TO(w, (w)->a, list, value)
#define BRANCH(w, value)    ADD_TO(w, w, branches, value)

/* affairs_count.c: .all and .n, from what is held; and whose changes do not count. */
MUST_USE int walk_count(struct walk *w, const struct held *held, size_t n);

/* One of .all, or NULL. */
const struct held *walk_find(const struct walk *w, const struct ref *ref);

/* affairs_votes.c (P6.12 to P6.14) */
/* The Resolve that says that the change before .all[at] is the last of the term that counts, if
 * there is one: by the guardians as they stand there. */
const struct held *votes_resolve(const struct walk *w, const struct term *t, size_t at);
/* Duties by an Assume of this term; .over: what ended it, or NULL. */
MUST_USE int votes_assumed(struct walk *w, const struct term *t, const struct held *over);
/* At the end of the path: votes and guardians of the term that a Resolve would end. */
MUST_USE int votes_now(struct walk *w);
