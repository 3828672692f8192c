/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: writing by a table
 *
 * Fields in the order of the table, which is that of their numbers: the same bytes that
 * protobuf-c's own pack gives, which a test compares. Lengths come from a first run that only
 * counts.
 */

#include "proto/wire_private.h"

#include <assert.h>
#include <string.h>

struct out {
	uint8_t *at; /* NULL: count only */
	size_t len;
};

static void out_bytes(struct out *o, const void *bytes, size_t len)
{
	if (o->at && len > 0)
		memcpy(o->at + o->len, bytes, len);
	o->len += len;
}

static void out_varint(struct out *o, uint64_t v)
{
	uint8_t b[10];
	size_t n = 0;
	if (v < 0x80) { /* nearly all: numbers of fields, lengths of words */
		if (o->at)
			o->at[o->len] = (uint8_t)v;
		o->len++;
		return;
	}
	for (; v >= 0x80; v >>= 7)
		b[n++] = (uint8_t)(v | 0x80);
	b[n++] = (uint8_t)v;
	out_bytes(o, b, n);
}

size_t varint_size(uint64_t v)
{
	struct out o = { 0 };
	out_varint(&o, v);
	return o.len;
}

static void out_number(struct out *o, uint32_t number, uint64_t v)
{
	out_varint(o, (uint64_t)number << 3 | WIRE_VARINT);
	out_varint(o, v);
}

static void out_blob(struct out *o, uint32_t number, const void *bytes, size_t len)
{
	out_varint(o, (uint64_t)number << 3 | WIRE_LEN);
	out_varint(o, len);
	out_bytes(o, bytes, len);
}

/* From here on recursion is as deep as the schemas nest.
 * NOLINTBEGIN(misc-no-recursion) */
static void out_schema(struct out *o, const struct schema *s, const uint8_t *from);

static void out_sub(struct out *o, const struct slot *d, const uint8_t *at)
{
	out_varint(o, (uint64_t)d->number << 3 | WIRE_LEN);
	/* Behind the one byte that most lengths take; a longer one moves it. So that each value
	 * is counted once and written once, however deep it lies. */
	const size_t head = o->len, begin = ++o->len;
	out_schema(o, d->sub, at);
	const size_t len = o->len - begin, more = varint_size(len) - 1;
	if (o->at && more > 0)
		memmove(o->at + begin + more, o->at + begin, len);
	o->len = head;
	out_varint(o, len);
	o->len += len;
}

static void out_bits(struct out *o, uint32_t number, uint32_t bits)
{
	for (uint32_t bit = 0; bit < 32; bit++) {
		if (bits >> bit & 1)
			out_number(o, number, bit);
	}
}

static void out_value(struct out *o, const struct slot *d, const uint8_t *at)
{
	uint32_t u32 = 0;
	uint64_t u64 = 0;
	struct span span = { 0 };
	const char *text = (const char *)at;
	switch (d->type) {
	case SLOT_U32:
	case SLOT_ENUM:
	case SLOT_BITS:
		memcpy(&u32, at, sizeof(u32));
		if (d->type == SLOT_BITS)
			out_bits(o, d->number, u32);
		else
			out_number(o, d->number, u32);
		break;
	case SLOT_U64:
		memcpy(&u64, at, sizeof(u64));
		out_number(o, d->number, u64);
		break;
	case SLOT_S32:
		memcpy(&u32, at, sizeof(u32));
		out_number(o, d->number, (uint32_t)(u32 << 1) ^ (0 - (u32 >> 31)));
		break;
	case SLOT_BOOL:
		out_number(o, d->number, *at != 0);
		break;
	case SLOT_FIXED:
		out_blob(o, d->number, at, d->size);
		break;
	case SLOT_BYTES:
	case SLOT_TEXT:
	case SLOT_SIG:
		memcpy(&span, at, sizeof(span));
		out_blob(o, d->number, span.at, span.len);
		break;
	case SLOT_CSTR:
		memcpy(&text, at, sizeof(text));
		out_blob(o, d->number, text, strlen(text));
		break;
	case SLOT_CHARS:
		out_blob(o, d->number, text, strnlen(text, d->size));
		break;
	case SLOT_SUB:
		out_sub(o, d, at);
		break;
	}
}

/* Whether a value that has no mark of its own is there: not zero, not empty. */
static bool not_empty(const struct slot *d, const uint8_t *at)
{
	struct span span;
	switch (d->type) {
	case SLOT_BYTES:
	case SLOT_TEXT:
	case SLOT_SIG:
		memcpy(&span, at, sizeof(span));
		return span.len > 0;
	case SLOT_CHARS:
		return at[0] != 0;
	case SLOT_SUB:
		return true;
	case SLOT_U32:
	case SLOT_U64:
	case SLOT_S32:
	case SLOT_BOOL:
	case SLOT_ENUM:
	case SLOT_BITS:
	case SLOT_FIXED:
	case SLOT_CSTR:
		break;
	}
	for (size_t i = 0; i < d->size; i++) {
		if (at[i] != 0)
			return true;
	}
	return false;
}

static bool is_there(const struct slot *d, const uint8_t *from)
{
	bool has = false;
	if (d->flags & (SLOT_HAS | SLOT_UNLESS)) {
		memcpy(&has, from + d->has, sizeof(has));
		return has == ((d->flags & SLOT_HAS) != 0);
	}
	return d->flags & (SLOT_NEED | SLOT_ALWAYS) || not_empty(d, from + d->at);
}

static void out_slot(struct out *o, const struct slot *d, const uint8_t *from)
{
	const uint8_t *at = from + d->at;
	size_t n = 0;
	if (d->flags & SLOT_POINTER) {
		memcpy(&at, from + d->at, sizeof(at));
		if (at)
			out_value(o, d, at);
		return;
	}
	if (!(d->flags & SLOT_MANY)) {
		if (is_there(d, from))
			out_value(o, d, at);
		return;
	}
	memcpy(&n, from + d->n, sizeof(n));
	assert(d->max_n == 0 || n <= d->max_n);
	if (!(d->flags & SLOT_INLINE))
		memcpy(&at, from + d->at, sizeof(at));
	for (size_t i = 0; i < n; i++)
		out_value(o, d, at + i * d->size);
}

static void out_schema(struct out *o, const struct schema *s, const uint8_t *from)
{
	for (size_t i = 0; i < s->n; i++)
		out_slot(o, &s->slots[i], from);
}

size_t schema_size(const struct schema *s, const void *from)
{
	struct out o = { 0 };
	out_schema(&o, s, from);
	return o.len;
}

/* NOLINTEND(misc-no-recursion) */

int schema_encode(const struct schema *s, const void *from, struct arena *a, struct span *ret)
{
	size_t len = schema_size(s, from);
	struct out o = { .at = arena_alloc(a, len ? len : 1) };
	if (!o.at)
		return wire_no_memory(a);
	out_schema(&o, s, from);
	assert(o.len == len);
	*ret = (struct span){ o.at, o.len };
	return 0;
}

int schema_encode_one(const struct schema *s, uint32_t number, const void *from,
	struct arena *a, struct span *ret)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->slots[i].number == number) {
			struct schema one = *s;
			one.slots += i;
			one.n = 1;
			return schema_encode(&one, from, a, ret);
		}
	}
	assert(s->n == 0); /* every kind has a field */
	return err_new(-1);
}
