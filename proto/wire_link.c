/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: between kithd and kith-link
 *
 * link.proto as one struct. kithd reads these from a process that parses strangers' bytes, so
 * they are checked like a peer's.
 */

#include "proto/wire_private.h"

#include <kith/message.h>

#include <assert.h>

static const struct slot peer_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct link_peer, region),
	SLOTS(2, FIXED, SLOT_INLINE, struct link_peer, curve_keys, n_curve_keys,
		.max_n = CURVE_KEYS_MAX),
	SLOT(3, TEXT, 0, struct link_peer, endpoint, .hi = ENDPOINT_MAX - 1),
	SLOT(4, FIXED, 0, struct link_peer, dial_key),
};
static SCHEMA(peer);

static const struct slot peers_slots[] = {
	SLOTS(1, SUB, 0, struct link_frame, peers, n_peers, .sub = &peer_schema),
	SLOT(2, TEXT, 0, struct link_frame, listen, .hi = ENDPOINT_MAX - 1),
};
static SCHEMA(peers);

static const struct slot dial_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct link_frame, region),
	SLOT(2, U64, SLOT_NEED, struct link_frame, link),
};
static SCHEMA(dial);

static const struct slot send_slots[] = {
	SLOT(1, U64, SLOT_NEED, struct link_frame, link),
	SLOT(2, BYTES, SLOT_NEED, struct link_frame, frame, .hi = FRAME_MAX),
};
static SCHEMA(send);

static const struct slot drop_slots[] = {
	SLOT(1, U64, SLOT_NEED, struct link_frame, link),
	SLOT(2, TEXT, 0, struct link_frame, reason),
};
static SCHEMA(drop);

static const struct slot ready_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct link_frame, curve_key),
	SLOT(2, TEXT, 0, struct link_frame, listen, .hi = ENDPOINT_MAX - 1),
	SLOT(3, U32, SLOT_ALWAYS, struct link_frame, pid),
};
static SCHEMA(ready);

static const struct slot up_slots[] = {
	SLOT(1, U64, SLOT_NEED, struct link_frame, link),
	SLOT(2, FIXED, SLOT_NEED, struct link_frame, region),
	SLOT(3, BOOL, SLOT_ALWAYS, struct link_frame, dialled),
	SLOT(4, FIXED, SLOT_NEED, struct link_frame, curve_key),
};
static SCHEMA(up);

#define KIND(no, table)                                                                        \
	{                                                                                      \
		.number = (no), .type = SLOT_SUB, .size = sizeof(struct link_frame),           \
		.sub = &table##_schema                                                         \
	}
static const struct slot link_slots[] = {
	KIND(1, peers),
	KIND(2, dial),
	KIND(3, send),
	KIND(4, drop),
	KIND(10, ready),
	KIND(11, up),
	KIND(12, drop), /* LinkDown has the same fields */
	KIND(13, send),
};
static SCHEMA(link, .max_bytes = LINK_FRAME_MAX, .one = true);

/* In the order of the table above. */
static const enum link_kind kinds[] = { LINK_PEERS, LINK_DIAL, LINK_SEND, LINK_DROP, LINK_READY,
	LINK_UP, LINK_DOWN, LINK_RECEIVED };
_Static_assert(COUNT(kinds) == COUNT(link_slots), "a kind for each field");

int wire_link_decode(struct span bytes, struct arena *a, struct link_frame *ret)
{
	struct link_frame f;
	uint64_t seen = 0;
	int r = schema_decode(&link_schema, bytes, a, &f, sizeof(f), &seen);
	if (r != 0)
		return r;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (seen == UINT64_C(1) << link_slots[i].number)
			f.kind = kinds[i];
	}
	*ret = f;
	return 0;
}

int wire_link_encode(const struct link_frame *f, struct arena *a, struct span *ret)
{
	assert(f->kind >= LINK_PEERS && f->kind <= LINK_RECEIVED);
	return schema_encode_one(
		&link_schema, link_slots[f->kind - LINK_PEERS].number, f, a, ret);
}
