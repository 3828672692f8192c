/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Recent
 *
 * Rows that a turn has read or written, as the core sees them: a row that is asked for again is
 * neither looked for, nor hashed, nor opened again. A step asks for the row of its record five
 * times. Bounded: what finds no place is read again.
 */

#include <kith/view.h>

#define RECENT_SLOTS 1024
#define RECENT_BYTES 400 /* of key and value */

struct recent {
	uint64_t turn;
	struct recent_slot {
		uint64_t turn; /* in which it was filled */
		uint8_t table, key_len;
		bool secret; /* stands in .secret */
		uint16_t len;
		uint8_t bytes[RECENT_BYTES];
	} slots[RECENT_SLOTS];
	/* Of the turn and the key in each: what is not there is not looked for in slots, which
	 * are far apart. */
	uint32_t marks[RECENT_SLOTS];
	uint16_t secret[RECENT_SLOTS]; /* slots that hold or held a row of a sealed table */
	size_t n_secret;
};

/* Valid until the next recent_put() or recent_drop(). */
bool recent_get(const struct recent *r, enum table t, struct span key, struct span *ret);
/* A row that was read: kept if there is a free slot. */
void recent_keep(struct recent *r, enum table t, struct span key, struct span value);
/* A row that is being written. */
void recent_put(struct recent *r, enum table t, struct span key, struct span value);
void recent_drop(struct recent *r, enum table t, struct span key);
/* Forgets all, and wipes what was sealed. */
void recent_end(struct recent *r);
