/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: control bodies
 *
 * The clear bodies of control changes (P6.1). One table says how they are encoded, a second
 * which fields each kind needs and may have: what does not belong to a kind is refused. Whether
 * the author has the right is not decided here.
 */

#include "proto/wire_private.h"

#include <assert.h>

#define CONTROL_MAX 65536 /* (P6.1) */
#define ROWS_MAX    64

static const struct slot key_slots[] = {
	SLOT(1, U32, SLOT_NEED, struct key_commitment, epoch, .lo = 1),
	SLOT(2, U32, SLOT_ALWAYS, struct key_commitment, class, .hi = 31),
	SLOT(3, FIXED, SLOT_NEED, struct key_commitment, commitment),
};
static SCHEMA(key);

static const struct slot circle_row_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct circle_row, region),
	SLOT(2, ENUM, SLOT_NEED, struct circle_row, role, .lo = ROLE_CUSTODIAN,
		.hi = ROLE_READER),
	SLOT(3, BITS, 0, struct circle_row, classes),
	SLOT(4, U32, SLOT_ALWAYS, struct circle_row, first_epoch),
	SLOT(5, BOOL, 0, struct circle_row, guardian),
};
static SCHEMA(circle_row);

static const struct slot removal_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct removal, region),
	SLOTS(2, SUB, 0, struct removal, last, n_last, .max_n = HEADS_MAX, .sub = &head_schema),
	SLOT(3, U32, SLOT_ALWAYS, struct removal, keep, .hi = 1),
};
static SCHEMA(removal);

static const struct slot manifest_slots[] = {
	SLOTS(1, SUB, 0, struct manifest, heads, n_heads, .max_n = HEADS_MAX,
		.sub = &head_schema),
	SLOT(2, FIXED, SLOT_ALWAYS, struct manifest, blobs),
	SLOTS(3, SUB, 0, struct manifest, keys, n_keys, .max_n = KEYS_MAX, .sub = &key_schema),
	SLOTS(4, SUB, 0, struct manifest, lacks, n_lacks, .max_n = HEADS_MAX,
		.sub = &head_schema),
};
static SCHEMA(manifest);

/* What our struct has no mark for. */
struct marked {
	struct control c;
	bool genesis, circle, last, to;
};

static const struct slot genesis_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct marked, c.random),
	SLOT(2, U32, SLOT_NEED, struct marked, c.suite, .lo = 1, .hi = 1),
};
static SCHEMA(genesis);

static const struct slot circle_slots[] = {
	SLOTS(1, SUB, 0, struct marked, c.set, c.n_set, .max_n = ROWS_MAX,
		.sub = &circle_row_schema),
	SLOTS(2, SUB, 0, struct marked, c.removed, c.n_removed, .max_n = ROWS_MAX,
		.sub = &removal_schema),
};
static SCHEMA(circle);

enum field {
	KIND = 1,
	DATE,
	TERM,
	RIGHT,
	BEFORE,
	WORDS,
	OFFER,
	ACCEPT,
	WITHDRAW,
	GENESIS,
	CIRCLE,
	TO,
	CODE,
	MANIFEST,
	KEYS,
	LAST,
	CLOCK,
	VOTES
};

#define REF(no, name)                                                                          \
	SLOT(no, SUB, SLOT_HAS, struct marked, c.name,                                         \
		.has = offsetof(struct marked, c.has_##name), .sub = &ref_schema)
static const struct slot control_slots[] = {
	SLOT(KIND, U32, SLOT_NEED, struct marked, c.kind_number),
	SLOT(DATE, SUB, SLOT_NEED, struct marked, c.date, .sub = &date_schema),
	SLOT(TERM, U64, SLOT_NEED, struct marked, c.term, .lo = 1),
	REF(RIGHT, right),
	REF(BEFORE, before),
	REF(WORDS, words),
	REF(OFFER, offer),
	REF(ACCEPT, accept),
	REF(WITHDRAW, withdraw),
	SLOT_WHOLE(GENESIS, struct marked, genesis, genesis),
	SLOT_WHOLE(CIRCLE, struct marked, circle, circle),
	SLOT(TO, FIXED, SLOT_HAS, struct marked, c.to, .has = offsetof(struct marked, to)),
	SLOT(CODE, U32, 0, struct marked, c.code, .lo = 1),
	SLOT(MANIFEST, SUB, SLOT_HAS, struct marked, c.manifest,
		.has = offsetof(struct marked, c.has_manifest), .sub = &manifest_schema),
	SLOTS(KEYS, SUB, 0, struct marked, c.keys, c.n_keys, .max_n = KEYS_MAX,
		.sub = &key_schema),
	SLOT(LAST, SUB, SLOT_HAS, struct marked, c.last, .has = offsetof(struct marked, last),
		.sub = &head_schema),
	SLOT(CLOCK, U64, SLOT_NEED, struct marked, c.clock),
	SLOTS(VOTES, SUB, 0, struct marked, c.votes, c.n_votes, .max_n = ROWS_MAX,
		.sub = &ref_schema),
};
static SCHEMA(control, .max_bytes = CONTROL_MAX);

/* Of a kind that we do not know nothing is required, and only this is read. */
static const struct slot unknown_slots[] = {
	SLOT(KIND, U32, SLOT_NEED, struct marked, c.kind_number),
	SLOT(DATE, SUB, 0, struct marked, c.date, .sub = &date_schema),
	SLOT(TERM, U64, 0, struct marked, c.term),
	REF(RIGHT, right),
	REF(BEFORE, before),
	SLOT(CLOCK, U64, 0, struct marked, c.clock),
};
static SCHEMA(unknown, .max_bytes = CONTROL_MAX);

#define B(field)  (UINT32_C(1) << (field))
#define EVERY     (B(KIND) | B(DATE) | B(TERM) | B(CLOCK))
#define ANSWER    (EVERY | B(RIGHT) | B(BEFORE) | B(OFFER))
#define CUSTODIAN (EVERY | B(RIGHT))

static const struct {
	uint32_t need, may;
} rules[CONTROL_UNKNOWN] = {
	[CONTROL_GENESIS] = { EVERY | B(GENESIS) | B(KEYS), B(WORDS) },
	[CONTROL_CIRCLE] = { CUSTODIAN | B(CIRCLE), B(BEFORE) | B(WORDS) },
	[CONTROL_OFFER] = { CUSTODIAN | B(BEFORE) | B(TO) | B(MANIFEST) | B(CODE), B(WORDS) },
	[CONTROL_WITHDRAW] = { CUSTODIAN | B(BEFORE) | B(OFFER), B(WORDS) },
	[CONTROL_ACCEPT] = { ANSWER, B(WORDS) },
	[CONTROL_DECLINE] = { ANSWER | B(CODE), B(WORDS) },
	[CONTROL_STAND_DOWN] = { ANSWER | B(WITHDRAW), B(WORDS) },
	[CONTROL_RELEASE] = { CUSTODIAN | B(BEFORE) | B(OFFER) | B(ACCEPT) | B(MANIFEST),
		B(WORDS) },
	[CONTROL_KEY_EPOCH] = { CUSTODIAN | B(KEYS), B(BEFORE) | B(WORDS) },
	[CONTROL_CLOSE] = { EVERY | B(LAST), B(RIGHT) | B(BEFORE) | B(WORDS) },
	[CONTROL_ERASURE] = { CUSTODIAN, B(BEFORE) | B(WORDS) },
	[CONTROL_ASSUME] = { CUSTODIAN | B(TO) | B(CODE), B(VOTES) | B(WORDS) },
	[CONTROL_RESOLVE] = { CUSTODIAN | B(TO) | B(CODE) | B(LAST), B(VOTES) | B(WORDS) },
};

/* All of one epoch: the first in Genesis, a later one elsewhere (P5.1). */
static bool epochs_fit(const struct control *c)
{
	uint32_t epoch = c->keys[0].epoch;
	if ((epoch == 1) != (c->kind == CONTROL_GENESIS))
		return false;
	for (size_t i = 1; i < c->n_keys; i++) {
		if (c->keys[i].epoch != epoch)
			return false;
	}
	return true;
}

static bool fits_kind(const struct control *c, uint64_t seen)
{
	uint64_t need = rules[c->kind].need;
	if ((seen & need) != need || (seen & ~(need | rules[c->kind].may)))
		return false;
	if (c->date.precision != DATE_DAY)
		return false;
	if (c->kind == CONTROL_GENESIS && c->term != 1)
		return false;
	if (c->kind == CONTROL_CIRCLE && c->n_set + c->n_removed == 0)
		return false;
	bool answers = c->kind == CONTROL_ACCEPT || c->kind == CONTROL_DECLINE ||
		       c->kind == CONTROL_STAND_DOWN;
	if (answers && !ref_equal(&c->right, &c->offer)) /* (P6.3) */
		return false;
	return !(need & B(KEYS)) || epochs_fit(c);
}

int wire_control_decode(struct span bytes, struct arena *a, struct control *ret)
{
	struct marked m;
	uint64_t seen = 0;
	int r = schema_decode(&unknown_schema, bytes, a, &m, sizeof(m), &seen);
	if (r != 0)
		return r;
	if (m.c.kind_number < CONTROL_GENESIS || m.c.kind_number >= CONTROL_UNKNOWN) {
		m.c.kind = CONTROL_UNKNOWN;
		*ret = m.c;
		return 0;
	}
	r = schema_decode(&control_schema, bytes, a, &m, sizeof(m), &seen);
	if (r != 0)
		return r;
	m.c.kind = (enum control_kind)m.c.kind_number;
	if (!fits_kind(&m.c, seen))
		return WIRE_E_RANGE;
	*ret = m.c;
	return 0;
}

int wire_control_encode(const struct control *c, struct arena *a, struct span *ret)
{
	assert(c->kind >= CONTROL_GENESIS && c->kind < CONTROL_UNKNOWN);
	struct marked m = { .c = *c };
	m.c.kind_number = (uint32_t)c->kind;
	m.genesis = c->kind == CONTROL_GENESIS;
	m.circle = c->kind == CONTROL_CIRCLE;
	m.last = c->kind == CONTROL_CLOSE || c->kind == CONTROL_RESOLVE;
	m.to = c->kind == CONTROL_OFFER || c->kind == CONTROL_ASSUME ||
	       c->kind == CONTROL_RESOLVE;
	return schema_encode(&control_schema, &m, a, ret);
}
