/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: cards
 *
 * Region cards, incarnation lists and the bundles of both (P1.4 to P1.6), as bytes to structs.
 * Signatures, the chain of cards and the ids of incarnations are checked where crypto is.
 */

#include "proto/wire_private.h"

#include <string.h>

static const struct slot card_slots[] = {
	SLOT(1, U32, SLOT_NEED, struct card, version, .lo = 1),
	SLOT(2, FIXED, SLOT_NEED, struct card, before),
	SLOT(3, FIXED, SLOT_NEED, struct card, root_key),
	SLOT(4, FIXED, SLOT_NEED, struct card, next_root),
	SLOT(5, FIXED, SLOT_NEED, struct card, control_key),
	SLOT(6, FIXED, SLOT_NEED, struct card, kem_key),
	SLOTS(7, FIXED, SLOT_INLINE, struct card, curve_keys, n_curve_keys, .min_n = 1,
		.max_n = CURVE_KEYS_MAX),
	SLOTS(8, CHARS, SLOT_INLINE, struct card, endpoints, n_endpoints,
		.max_n = ENDPOINTS_MAX, .lo = 1),
	SLOT(9, CHARS, SLOT_NEED, struct card, name, .lo = 1),
};
static SCHEMA(card, .max_bytes = BUNDLE_MAX);

static bool name_ok(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == 0; /* (P1.6) */
}

static bool endpoint_ok(const char *endpoint)
{
	if (strncmp(endpoint, "tcp://", 6) != 0)
		return false;
	for (const char *c = endpoint; *c; c++) {
		if (*c <= ' ' || *c > '~')
			return false;
	}
	return true;
}

int wire_card_decode(struct span bytes, struct card *ret)
{
	struct card c;
	int verdict = schema_decode(&card_schema, bytes, NULL, &c, sizeof(c), NULL);
	if (verdict != 0)
		return verdict;
	if ((c.version == 1) != hash_is_zero(&c.before) || !name_ok(c.name))
		return WIRE_E_RANGE;
	for (size_t i = 0; i < c.n_endpoints; i++) {
		if (!endpoint_ok(c.endpoints[i]))
			return WIRE_E_RANGE;
	}
	*ret = c;
	return 0;
}

int wire_card_encode(const struct card *c, struct arena *a, struct span *ret)
{
	return schema_encode(&card_schema, c, a, ret);
}

static const struct slot incarnation_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct incarnation, id),
	SLOT(2, U64, SLOT_NEED, struct incarnation, number),
	SLOT(3, FIXED, SLOT_NEED, struct incarnation, key),
	SLOT(4, ENUM, SLOT_NEED, struct incarnation, status, .lo = INCARNATION_OPEN,
		.hi = INCARNATION_COMPROMISED),
};
static SCHEMA(incarnation);

static const struct slot incarnations_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct incarnations, region),
	SLOT(2, U64, SLOT_NEED, struct incarnations, version, .lo = 1),
	SLOTS(3, SUB, 0, struct incarnations, v, n, .max_n = INCARNATIONS_MAX,
		.sub = &incarnation_schema),
};
static SCHEMA(incarnations, .max_bytes = BUNDLE_MAX);

int wire_incarnations_decode(struct span bytes, struct arena *a, struct incarnations *ret)
{
	struct incarnations l;
	int r = schema_decode(&incarnations_schema, bytes, a, &l, sizeof(l), NULL);
	if (r == 0)
		*ret = l;
	return r;
}

int wire_incarnations_encode(const struct incarnations *l, struct arena *a, struct span *ret)
{
	return schema_encode(&incarnations_schema, l, a, ret);
}

static const struct slot signed_card_slots[] = {
	SLOT(1, BYTES, SLOT_NEED, struct signed_bytes, bytes, .lo = 1),
	SLOT(2, SIG, SLOT_NEED, struct signed_bytes, signature),
};
static SCHEMA(signed_card);

static const struct slot bundle_slots[] = {
	SLOTS(1, SUB, 0, struct bundle, cards, n_cards, .min_n = 1, .max_n = CARDS_MAX,
		.sub = &signed_card_schema),
	SLOT(2, BYTES, SLOT_NEED, struct bundle, incarnations.bytes, .lo = 1),
	SLOT(3, SIG, SLOT_NEED, struct bundle, incarnations.signature),
};
static SCHEMA(bundle, .max_bytes = BUNDLE_MAX);

int wire_bundle_decode(struct span bytes, struct arena *a, struct bundle *ret)
{
	struct bundle b;
	int r = schema_decode(&bundle_schema, bytes, a, &b, sizeof(b), NULL);
	if (r == 0)
		*ret = b;
	return r;
}

int wire_bundle_encode(const struct bundle *b, struct arena *a, struct span *ret)
{
	return schema_encode(&bundle_schema, b, a, ret);
}
