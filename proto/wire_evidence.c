/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: evidence
 *
 * The proof of a fork (P3.7): two runs of one chain without their bodies.
 */

#include "proto/wire_private.h"

#include <kith/message.h>

static const struct slot evidence_slots[] = {
	SLOTS(1, SUB, 0, struct evidence, held.changes, held.n, .min_n = 1,
		.max_n = RUN_CHANGES_MAX, .sub = &change_schema),
	SLOTS(2, SUB, 0, struct evidence, other.changes, other.n, .min_n = 1,
		.max_n = RUN_CHANGES_MAX, .sub = &change_schema),
};
static SCHEMA(evidence, .max_bytes = EVIDENCE_MAX);

int wire_evidence_decode(struct span bytes, struct arena *a, struct evidence *ret)
{
	return schema_decode(&evidence_schema, bytes, a, ret, sizeof(*ret), NULL);
}

int wire_evidence_encode(const struct evidence *e, struct arena *a, struct span *ret)
{
	return schema_encode(&evidence_schema, e, a, ret);
}
