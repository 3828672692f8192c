/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: bodies
 *
 * What is inside a sealed body (P4.5), its padding (P4.3) and its leaves (P4.4). Unknown fields
 * and kinds are passed over in reading; they are leaves like the others, and live on because
 * the bytes of a body are kept as they came (P2.6).
 */

#include "proto/wire_private.h"

#include <string.h>

#define ENTRIES_MAX 256 /* (P4.5) */
#define DEPS_MAX    64
#define BODY_MAX    (BODY_PLAIN_MAX - 4)

enum { BODY_SEED = 1, BODY_ENTRIES = 9 };

static const struct slot cell_slots[] = {
	SLOT(1, BYTES, 0, struct wire_cell, column),
	SLOT(2, BYTES, 0, struct wire_cell, value),
};
static SCHEMA(cell);

static const struct slot row_slots[] = {
	SLOT(1, U32, 0, struct wire_row, table),
	SLOT(2, TEXT, 0, struct wire_row, authority),
	SLOTS(3, SUB, 0, struct wire_row, cells, n_cells, .sub = &cell_schema),
	SLOT(4, TEXT, 0, struct wire_row, file),
	SLOT(5, U32, 0, struct wire_row, line),
	SLOT(6, U32, 0, struct wire_row, year),
	SLOT(7, U32, 0, struct wire_row, copies),
	SLOTS(8, TEXT, 0, struct wire_row, faults, n_faults),
};
SCHEMA(row);

static const struct slot entry_ref_slots[] = {
	SLOT(1, SUB, SLOT_NEED, struct entry_ref, change, .sub = &ref_schema),
	SLOT(2, U32, SLOT_ALWAYS, struct entry_ref, index),
};
static SCHEMA(entry_ref);

static const struct slot alias_slots[] = {
	SLOT(1, TEXT, 0, struct entry, alias.authority),
	SLOT(2, TEXT, 0, struct entry, alias.child),
};
static SCHEMA(alias);

static const struct slot access_slots[] = {
	SLOT(1, TEXT, 0, struct entry, access.who),
	SLOT(2, TEXT, 0, struct entry, access.role),
	SLOT(3, TEXT, 0, struct entry, access.purpose),
	SLOT(4, U32, 0, struct entry, access.kind),
	SLOT(5, U32, 0, struct entry, access.what),
};
static SCHEMA(access);

static const struct slot worker_slots[] = {
	SLOT(1, TEXT, 0, struct entry, worker.name),
	SLOT(2, TEXT, 0, struct entry, worker.role),
	SLOT(3, TEXT, 0, struct entry, worker.team),
	SLOT(4, U64, 0, struct entry, worker.received_ms),
	SLOT(5, U64, 0, struct entry, worker.complete_ms),
};
static SCHEMA(worker);

static const struct slot entry_slots[] = {
	SLOT(1, U32, SLOT_ALWAYS, struct entry, kind),
	SLOT(2, SUB, SLOT_HAS, struct entry, effective,
		.has = offsetof(struct entry, has_effective), .sub = &date_schema),
	SLOTS(3, SUB, 0, struct entry, supersedes, n_supersedes, .sub = &entry_ref_schema),
	SLOTS(4, SUB, 0, struct entry, corrects, n_corrects, .sub = &entry_ref_schema),
	SLOT(5, TEXT, 0, struct entry, title),
	SLOT(6, TEXT, 0, struct entry, text),
	SLOT(10, SUB, SLOT_HAS, struct entry, row, .has = offsetof(struct entry, has_row),
		.sub = &row_schema),
	SLOT_WHOLE(11, struct entry, has_alias, alias),
	SLOT_WHOLE(12, struct entry, has_access, access),
	SLOT_WHOLE(13, struct entry, has_worker, worker),
};
SCHEMA(entry);

static const struct slot body_slots[] = {
	SLOT(BODY_SEED, FIXED, SLOT_NEED, struct body, seed),
	SLOT(2, U64, SLOT_NEED, struct body, clock),
	SLOT(3, TEXT, 0, struct body, worker),
	SLOT(4, TEXT, 0, struct body, role),
	SLOTS(5, SUB, 0, struct body, deps, n_deps, .max_n = DEPS_MAX, .sub = &ref_schema),
	SLOT(6, TEXT, 0, struct body, source),
	SLOTS(BODY_ENTRIES, SUB, 0, struct body, entries, n_entries, .max_n = ENTRIES_MAX,
		.sub = &entry_schema),
};
/* As many parts as fit: what our own region wrote must open again. */
static SCHEMA(body, .max_bytes = BODY_MAX, .max_parts = BODY_MAX / 2);

int wire_body_decode(struct span bytes, struct arena *a, struct body *ret)
{
	struct body b;
	int r = schema_decode(&body_schema, bytes, a, &b, sizeof(b), NULL);
	if (r == 0)
		*ret = b;
	return r;
}

int wire_body_encode(const struct body *b, struct arena *a, struct span *ret)
{
	return schema_encode(&body_schema, b, a, ret);
}

size_t wire_entry_size(const struct entry *e)
{
	size_t len = schema_size(&entry_schema, e);
	return 1 + varint_size(len) + len;
}

/* ---- Padding ---- */

static size_t padded_size(size_t len)
{
	size_t size = 256;
	while (size < len + 4)
		size *= 2;
	return size;
}

int wire_body_pad(struct span body, struct arena *a, struct span *ret)
{
	if (body.len > BODY_MAX)
		return WIRE_E_RANGE;
	size_t size = padded_size(body.len);
	uint8_t *at = arena_alloc(a, size);
	if (!at)
		return wire_no_memory(a);
	for (size_t i = 0; i < 4; i++)
		at[i] = (uint8_t)(body.len >> (24 - 8 * i));
	if (body.len > 0)
		memcpy(at + 4, body.at, body.len);
	*ret = (struct span){ at, size };
	return 0;
}

int wire_body_unpad(struct span padded, struct span *ret)
{
	if (padded.len < 256 || padded.len > BODY_PLAIN_MAX)
		return WIRE_E_MALFORMED;
	size_t len = 0;
	for (size_t i = 0; i < 4; i++)
		len = len << 8 | padded.at[i];
	if (len > BODY_MAX || padded_size(len) != padded.len)
		return WIRE_E_MALFORMED;
	for (size_t i = 4 + len; i < padded.len; i++) {
		if (padded.at[i] != 0)
			return WIRE_E_MALFORMED;
	}
	*ret = (struct span){ padded.at + 4, len };
	return 0;
}

/* ---- Leaves ---- */

/* How often each number has been there. Numbers are the author's choice, so that the table has
 * an end: a message with more different ones is none that any version writes. */
#define NUMBERS_MAX 256
struct numbers {
	struct {
		uint32_t number, times;
	} v[NUMBERS_MAX];
	size_t n;
};

static bool occurrence(struct numbers *seen, uint32_t number, uint32_t *ret)
{
	size_t i = 0;
	while (i < seen->n && seen->v[i].number != number)
		i++;
	if (i == NUMBERS_MAX)
		return false;
	if (i == seen->n) {
		seen->v[i].number = number;
		seen->v[i].times = 0;
		seen->n++;
	}
	*ret = seen->v[i].times++;
	return true;
}

struct leaves {
	int (*leaf)(void *ctx, const struct leaf *l);
	void *ctx;
};

static int give(const struct leaves *to, uint32_t entry, const struct scan_field *f,
	struct numbers *seen)
{
	struct leaf l = { .entry = entry, .field = f->number, .raw = f->raw };
	if (!occurrence(seen, f->number, &l.occurrence))
		return WIRE_E_MALFORMED;
	return to->leaf(to->ctx, &l);
}

static int entry_leaves(const struct leaves *to, uint32_t entry, struct span in)
{
	struct numbers seen = { .n = 0 };
	struct scan scan = scan_of(in);
	struct scan_field f;
	while (scan_one(&scan, &f)) {
		int r = give(to, entry, &f, &seen);
		if (r != 0)
			return r;
	}
	return scan.bad ? WIRE_E_MALFORMED : 0;
}

int wire_body_leaves(struct span body, int (*leaf)(void *ctx, const struct leaf *l), void *ctx)
{
	struct leaves to = { leaf, ctx };
	struct numbers seen = { .n = 0 };
	struct scan scan = scan_of(body);
	struct scan_field f;
	uint32_t entries = 0;
	if (body.len > BODY_MAX)
		return WIRE_E_MALFORMED;
	while (scan_one(&scan, &f)) {
		int r = 0;
		if (f.number == BODY_ENTRIES) {
			if (f.wire != WIRE_LEN || entries == ENTRIES_MAX)
				return WIRE_E_MALFORMED;
			r = entry_leaves(&to, entries++, f.bytes);
		} else if (f.number != BODY_SEED) {
			r = give(&to, UINT32_MAX, &f, &seen);
		}
		if (r != 0)
			return r;
	}
	return scan.bad ? WIRE_E_MALFORMED : 0;
}
