/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: exports
 *
 * One piece of an export at a time (P9.1): an Export message with a part of its fields. Pieces
 * one after another are one message to protobuf, so that no export is ever whole in memory.
 */

#include "proto/wire_private.h"

#define EXPORT_FORMAT 1

struct piece {
	bool head, has_bundle, has_state_hash;
	uint32_t format, epoch, class;
	uint64_t at_ms;
	struct id record, by;
	struct hash state_hash;
	struct span bundle, key; /* .key borrows the secret: the copy is in the output alone */
	bool has_key;
	const struct wire_change *change;
};

static const struct slot key_slots[] = {
	SLOT(1, U32, SLOT_ALWAYS, struct piece, epoch),
	SLOT(2, U32, SLOT_ALWAYS, struct piece, class),
	SLOT(3, BYTES, SLOT_ALWAYS, struct piece, key),
};
static SCHEMA(key);

#define PART(no, kind, member, mark, ...)                                                      \
	SLOT(no, kind, SLOT_HAS, struct piece, member, .has = offsetof(struct piece, mark),    \
		__VA_ARGS__)

static const struct slot export_slots[] = {
	PART(1, U32, format, head),
	PART(2, FIXED, record, head),
	PART(3, FIXED, by, head),
	PART(4, U64, at_ms, head),
	PART(5, BYTES, bundle, has_bundle),
	SLOT_WHOLE(6, struct piece, has_key, key),
	SLOT(7, SUB, SLOT_POINTER, struct piece, change, .sub = &change_schema),
	PART(8, FIXED, state_hash, has_state_hash),
};
static SCHEMA(export);

int wire_export_encode(const struct export_piece *p, struct arena *a, struct span *ret)
{
	struct piece piece = {
		.head = p->head,
		.format = EXPORT_FORMAT,
		.record = p->record,
		.by = p->by,
		.at_ms = p->at_ms,
		.has_bundle = p->bundle.len > 0,
		.bundle = p->bundle,
		.has_key = p->has_key,
		.epoch = p->key_of.epoch,
		.class = p->key_of.class,
		.change = p->change,
		.has_state_hash = p->has_state_hash,
		.state_hash = p->state_hash,
	};
	if (p->has_key)
		piece.key = (struct span){ p->key->b, KEY_LEN };
	return schema_encode(&export_schema, &piece, a, ret);
}
