/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: changes
 *
 * A change as the three byte strings that it is (P2.6), and the small messages that everything
 * signed is made of: references, heads, dates.
 */

#include "proto/wire_private.h"

#include <kith/message.h>

#include <assert.h>

static const struct slot ref_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct ref, at.author),
	SLOT(2, FIXED, SLOT_NEED, struct ref, at.incarnation),
	SLOT(3, U64, SLOT_NEED, struct ref, at.seq, .lo = 1),
	SLOT(4, FIXED, SLOT_NEED, struct ref, change),
};
SCHEMA(ref);

static const struct slot head_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct head, at.author),
	SLOT(2, FIXED, SLOT_NEED, struct head, at.incarnation),
	SLOT(3, U64, SLOT_NEED, struct head, at.seq, .lo = 1),
	SLOT(4, FIXED, SLOT_NEED, struct head, change),
};
SCHEMA(head);

static const struct slot date_slots[] = {
	SLOT(1, S32, SLOT_ALWAYS, struct date, day),
	SLOT(2, ENUM, SLOT_ALWAYS, struct date, precision, .lo = DATE_UNKNOWN, .hi = DATE_DAY),
};
SCHEMA(date);

static const struct slot change_slots[] = {
	SLOT(1, BYTES, SLOT_NEED, struct wire_change, header, .lo = 1, .hi = HEADER_MAX),
	SLOT(2, SIG, 0, struct wire_change, signature, .hi = SIGNATURE_MAX),
	SLOT(3, BYTES, SLOT_ALWAYS, struct wire_change, body, .hi = BODY_SEALED_MAX),
};
SCHEMA(change);

int wire_change_decode(struct span bytes, struct wire_change *ret)
{
	struct wire_change c;
	int verdict = schema_decode(&change_schema, bytes, NULL, &c, sizeof(c), NULL);
	if (verdict == 0)
		*ret = c;
	return verdict;
}

int wire_change_encode(const struct wire_change *c, struct arena *a, struct span *ret)
{
	assert(c->signature.len <= SIGNATURE_MAX);
	return schema_encode(&change_schema, c, a, ret);
}

size_t wire_change_size(const struct wire_change *c)
{
	size_t len = schema_size(&change_schema, c);
	return 1 + varint_size(len) + len;
}
