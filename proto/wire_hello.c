/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: frames and HELLO
 *
 * What is on a link before anybody is known: the frame (P8.1) and the HELLO in it (P8.2). Both
 * come from strangers, so a frame allocates nothing.
 */

#include "proto/wire_private.h"

#include <kith/message.h>

static const struct slot signed_slots[] = {
	SLOT(1, BYTES, SLOT_NEED, struct signed_bytes, bytes, .lo = 1, .hi = HELLO_MAX),
	SLOT(2, SIG, SLOT_NEED, struct signed_bytes, signature),
};
static SCHEMA(signed);

static const struct slot frame_slots[] = {
	SLOT(1, SUB, SLOT_HAS, struct frame, hello, .has = offsetof(struct frame, is_hello),
		.sub = &signed_schema),
	SLOT(2, BYTES, SLOT_UNLESS, struct frame, sealed,
		.has = offsetof(struct frame, is_hello)),
};
static SCHEMA(frame, .max_bytes = FRAME_MAX, .one = true);

int wire_frame_decode(struct span bytes, struct frame *ret)
{
	struct frame f;
	int verdict = schema_decode(&frame_schema, bytes, NULL, &f, sizeof(f), NULL);
	if (verdict == 0)
		*ret = f;
	return verdict;
}

int wire_frame_encode(const struct frame *f, struct arena *a, struct span *ret)
{
	return schema_encode(&frame_schema, f, a, ret);
}

static const struct slot last_seen_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct hello, last_seen.incarnation),
	SLOT(2, U64, SLOT_NEED, struct hello, last_seen.feed),
	SLOT(3, FIXED, SLOT_NEED, struct hello, last_seen.running),
};
static SCHEMA(last_seen);

static const struct slot hello_slots[] = {
	SLOT(1, U32, SLOT_NEED, struct hello, wire_min, .lo = 1),
	SLOT(2, U32, SLOT_NEED, struct hello, wire_max, .lo = 1),
	SLOT(3, FIXED, SLOT_NEED, struct hello, from),
	SLOT(4, FIXED, SLOT_NEED, struct hello, to),
	SLOT(5, BYTES, SLOT_NEED, struct hello, bundle, .lo = 1, .hi = BUNDLE_MAX),
	SLOT(6, FIXED, SLOT_NEED, struct hello, incarnation),
	SLOT(7, FIXED, SLOT_NEED, struct hello, boot_nonce),
	SLOT(8, FIXED, SLOT_NEED, struct hello, ephemeral),
	SLOT(9, FIXED, SLOT_NEED, struct hello, curve_from),
	SLOT(10, FIXED, SLOT_NEED, struct hello, curve_to),
	SLOT_WHOLE(11, struct hello, has_last_seen, last_seen),
	SLOT(12, TEXT, 0, struct hello, software),
	SLOT(13, U64, 0, struct hello, wall_ms),
};
static SCHEMA(hello, .max_bytes = HELLO_MAX);

int wire_hello_decode(struct span bytes, struct arena *a, struct hello *ret)
{
	struct hello h;
	int r = schema_decode(&hello_schema, bytes, a, &h, sizeof(h), NULL);
	if (r != 0)
		return r;
	if (h.wire_min > h.wire_max)
		return WIRE_E_RANGE;
	*ret = h;
	return 0;
}

int wire_hello_encode(const struct hello *h, struct arena *a, struct span *ret)
{
	return schema_encode(&hello_schema, h, a, ret);
}
