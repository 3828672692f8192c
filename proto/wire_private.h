/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Wire, inside
 *
 * A bounded scanner of protobuf fields and, on top of it, tables: one row a field says where it
 * stands in our struct, how wide it is and what it may hold. One loop reads by a table and one
 * writes by it. Only tables decide what is entered, so that bytes cannot make anything recurse:
 * nesting is at most 4 (P8.6) because the schemas nest no deeper, which a test proves.
 */

#include <kith/arena.h>
#include <kith/wire.h>

#include <stddef.h>

/* ---- Fields as they stand in the bytes ---- */

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LEN = 2, WIRE_FIXED32 = 5 };

struct scan {
	struct span in;
	size_t pos;
	bool bad; /* sticky: not protobuf, or something we never accept (P8.6) */
};
struct scan_field {
	uint32_t number;
	unsigned wire;
	uint64_t uint;     /* WIRE_VARINT */
	struct span bytes; /* WIRE_LEN */
	struct span raw;   /* tag and value */
};
struct scan scan_of(struct span in);
/* false at the end, and when bad. */
bool scan_one(struct scan *s, struct scan_field *ret);

/* ---- Tables ---- */

enum slot_type {
	SLOT_U32,
	SLOT_U64,
	SLOT_S32, /* sint32 */
	SLOT_BOOL,
	SLOT_ENUM,  /* an enum of ours, with the protocol's numbers, from .lo to .hi */
	SLOT_BITS,  /* repeated uint32 below 32, as the bits of an uint32_t */
	SLOT_FIXED, /* exactly .size bytes, copied */
	SLOT_BYTES, /* struct span */
	SLOT_TEXT,  /* struct span, checked */
	SLOT_CHARS, /* char [.size], NUL-terminated */
	SLOT_CSTR,  /* const char *, written only */
	SLOT_SIG,   /* struct span: SIG_LEN bytes, or none unless needed; with .hi a batch's */
	SLOT_SUB,   /* a struct with a table of its own */
};
enum {
	SLOT_NEED = 1,     /* refused without; always written */
	SLOT_ALWAYS = 2,   /* always written. Default: when not zero, not empty */
	SLOT_HAS = 4,      /* the bool at .has says whether it is there */
	SLOT_UNLESS = 8,   /* written when the bool at .has is false */
	SLOT_MANY = 16,    /* repeated: .at is a pointer to the elements, .n their count */
	SLOT_INLINE = 32,  /* with MANY: .at is the array itself */
	SLOT_POINTER = 64, /* .at is a pointer, NULL when not there; written only */
};
struct slot {
	uint32_t number; /* below 64 */
	enum slot_type type;
	unsigned flags;
	size_t at, has, n;
	size_t size;         /* of one value */
	size_t min_n, max_n; /* of elements; max_n 0: as many as the message may have parts */
	uint64_t lo, hi;     /* of numbers, or of lengths; hi 0: no limit */
	const struct schema *sub;
};
struct schema {
	const struct slot *slots;
	size_t n;
	size_t max_bytes;    /* of a whole message; 0: no limit */
	size_t max_parts;    /* sub-messages and elements in it, however deep; 0: PARTS_MAX */
	bool one;            /* exactly one of the known fields is there */
	bool or_a_later_one; /* ... or none of them, but one that we do not know */
};
#define SLOTS_MAX 48   /* of a table that is read */
#define PARTS_MAX 4096 /* (P8.6) */

#define SLOT(no, kind, what, in, member, ...)                                                  \
	{                                                                                      \
		.number = (no), .type = SLOT_##kind, .flags = (what),                          \
		.at = offsetof(in, member), .size = sizeof(((in *)NULL)->member), __VA_ARGS__  \
	}
#define SLOTS(no, kind, what, in, member, count, ...)                                          \
	{                                                                                      \
		.number = (no), .type = SLOT_##kind, .flags = SLOT_MANY | (what),              \
		.at = offsetof(in, member), .n = offsetof(in, count),                          \
		.size = sizeof(*((in *)NULL)->member), __VA_ARGS__                             \
	}
/* A sub-message without a struct of its own: its table counts from the struct around it. */
#define SLOT_WHOLE(no, in, mark, name)                                                         \
	{                                                                                      \
		.number = (no), .type = SLOT_SUB, .flags = SLOT_HAS, .size = sizeof(in),       \
		.has = offsetof(in, mark), .sub = &name##_schema                               \
	}
#define SCHEMA(name, ...)                                                                      \
	const struct schema name##_schema = {                                                  \
		.slots = name##_slots, .n = COUNT(name##_slots), __VA_ARGS__                   \
	}

/* Read .in into the struct at .ret (.size bytes, cleared first) by a table: everything is
 * checked before the first allocation. A known field twice is malformed, an unknown one is
 * skipped. .seen, if not NULL, gets a bit for the number of each known field. The arena may be
 * NULL when no table below has SLOT_MANY without SLOT_INLINE. */
MUST_USE int schema_decode(const struct schema *s, struct span in, struct arena *a, void *ret,
	size_t size, uint64_t *seen);

/* The encoding of the struct at .from, in the order of the table. */
MUST_USE int schema_encode(
	const struct schema *s, const void *from, struct arena *a, struct span *ret);
/* Of a message with one field: that of this number. */
MUST_USE int schema_encode_one(const struct schema *s, uint32_t number, const void *from,
	struct arena *a, struct span *ret);
size_t schema_size(const struct schema *s, const void *from);

/* What a failed allocation means: WIRE_E_BUDGET or -ENOMEM. */
MUST_USE int wire_no_memory(const struct arena *a);

size_t varint_size(uint64_t v);

/* ---- Tables that several files use ---- */

extern const struct schema ref_schema, head_schema, date_schema, change_schema, entry_schema,
	row_schema;

/* ---- What only the tests ask (wire_proof.c) ---- */

/* protobuf-c knows every field of these bytes of that message and writes the same ones. */
bool proof_repacks(const char *message, struct span in);
/* How deep the schemas nest; PROOF_DEPTH_ODD, and no end, when one is in itself or has a field
 * that our tables do not know: enums, floats, required, packed, oneof. */
#define PROOF_DEPTH_ODD 32
unsigned proof_depth(void);
