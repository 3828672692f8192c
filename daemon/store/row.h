/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Row
 *
 * What stands in LMDB for a value: the value and 8 bytes of a hash over table, key and value,
 * or in a sealed table nonce(12) || AES-256-GCM box with table and key as associated data. So a
 * flipped bit, and a row that was copied to another place, are noticed when the row is read.
 */

#include <kith/crypto.h>
#include <kith/view.h>

#define ROW_VALUE_MAX (1u << 20) /* bytes; our own rows are far smaller, blobs are files */

/* A buffer that grows up to a row and is wiped before it is given back. */
struct scratch {
	uint8_t *at;
	size_t room, used;
};
void scratch_wipe(struct scratch *s);
void scratch_done(struct scratch *s);

struct row_form {
	const char *table;
	bool sealed;
};
struct row_form row_form(enum table t);

/* What packing and unpacking need to know about the place. */
struct row_at {
	struct row_form form;
	struct span key;
};

/* *ret stands in .into. */
MUST_USE int row_pack(struct crypto *c, const struct secret *key, struct row_at at,
	struct span value, struct scratch *into, struct span *ret);
/* 0, VIEW_DAMAGED. *ret stands in .stored (plain) or in .into (sealed). */
MUST_USE int row_unpack(struct crypto *c, const struct secret *key, struct row_at at,
	struct span stored, struct scratch *into, struct span *ret);
