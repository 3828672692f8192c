/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: reading by a table
 *
 * First the whole message is checked against its table: framing, wire types, lengths, ranges,
 * text, counts, what must be there. Only then are arrays allocated and structs filled, so that
 * bytes that earn a verdict have cost no memory (P8.6).
 */

#include "proto/wire_private.h"

#include <assert.h>
#include <string.h>

_Static_assert(sizeof(enum role) == sizeof(uint32_t) &&
		       sizeof(enum date_precision) == sizeof(uint32_t) &&
		       sizeof(enum incarnation_status) == sizeof(uint32_t),
	"SLOT_ENUM stores 32 bits");

static const struct slot *slot_of(const struct schema *s, uint32_t number)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->slots[i].number == number)
			return &s->slots[i];
	}
	return NULL;
}

static bool is_number(enum slot_type t)
{
	return t <= SLOT_BITS;
}

static uint64_t most_of(const struct slot *d)
{
	if (d->type == SLOT_BITS)
		return 31;
	if (d->hi != 0)
		return d->hi;
	return d->type == SLOT_U32 || d->type == SLOT_S32 ? UINT32_MAX : UINT64_MAX;
}

/* Whether a signature of a batch may have so many bytes (P3.6). */
static bool batch_length(size_t len)
{
	const size_t least = SIG_LEN + 2 * 4 + HASH_LEN;

	return len >= least && len <= SIGNATURE_MAX && (len - least) % HASH_LEN == 0;
}

static int check_length(const struct slot *d, struct span bytes)
{
	size_t len = bytes.len;
	if (d->type == SLOT_FIXED)
		return len == d->size ? 0 : WIRE_E_MALFORMED;
	if (d->type == SLOT_SIG && len == 0)
		return d->flags & SLOT_NEED ? WIRE_E_MALFORMED : 0;
	if (d->type == SLOT_SIG)
		return len == SIG_LEN || (d->hi && batch_length(len)) ? 0 : WIRE_E_MALFORMED;
	if (d->type == SLOT_CHARS && len >= d->size)
		return WIRE_E_MALFORMED;
	if (len < d->lo || (d->hi != 0 && len > d->hi))
		return WIRE_E_MALFORMED;
	bool text = d->type == SLOT_TEXT || d->type == SLOT_CHARS;
	return text && !wire_text_ok(bytes) ? WIRE_E_MALFORMED : 0;
}

/* Here and in filling, recursion is as deep as the schemas nest.
 * NOLINTBEGIN(misc-no-recursion) */
static int check(const struct schema *s, struct span in, size_t *parts, uint64_t *ret_seen);

static int check_field(const struct slot *d, const struct scan_field *f, size_t *parts)
{
	if (f->wire != (is_number(d->type) ? (unsigned)WIRE_VARINT : (unsigned)WIRE_LEN))
		return WIRE_E_MALFORMED;
	if (is_number(d->type))
		return f->uint >= d->lo && f->uint <= most_of(d) ? 0 : WIRE_E_RANGE;
	int verdict = check_length(d, f->bytes);
	if (verdict != 0 || d->type != SLOT_SUB)
		return verdict;
	return check(d->sub, f->bytes, parts, NULL);
}

static int check_whole(
	const struct schema *s, const size_t n[SLOTS_MAX], uint64_t seen, bool unknown)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct slot *d = &s->slots[i];
		if (n[i] < d->min_n || ((d->flags & SLOT_NEED) && n[i] == 0))
			return WIRE_E_RANGE;
	}
	if (!s->one)
		return 0;
	if (seen == 0)
		return unknown && s->or_a_later_one ? 0 : WIRE_E_MALFORMED;
	return (seen & (seen - 1)) == 0 ? 0 : WIRE_E_MALFORMED;
}

static int check(const struct schema *s, struct span in, size_t *parts, uint64_t *ret_seen)
{
	size_t n[SLOTS_MAX] = { 0 };
	assert(s->n <= SLOTS_MAX);
	uint64_t seen = 0;
	bool unknown = false;
	struct scan scan = scan_of(in);
	struct scan_field f;
	while (scan_one(&scan, &f)) {
		const struct slot *d = slot_of(s, f.number);
		if (!d) {
			unknown = true;
			continue;
		}
		size_t *count = &n[d - s->slots];
		bool many = (d->flags & SLOT_MANY) || d->type == SLOT_BITS;
		if ((many || d->type == SLOT_SUB) && (*parts)-- == 0)
			return WIRE_E_MALFORMED;
		if (*count > 0 && !many)
			return WIRE_E_MALFORMED;
		if (d->max_n != 0 && *count == d->max_n)
			return WIRE_E_MALFORMED;
		++*count;
		seen |= UINT64_C(1) << d->number;
		int verdict = check_field(d, &f, parts);
		if (verdict != 0)
			return verdict;
	}
	if (scan.bad)
		return WIRE_E_MALFORMED;
	if (ret_seen)
		*ret_seen = seen;
	return check_whole(s, n, seen, unknown);
}

static int fill(const struct schema *s, struct span in, struct arena *a, uint8_t *ret);

static int fill_value(
	const struct slot *d, const struct scan_field *f, struct arena *a, uint8_t *at)
{
	uint32_t u32 = (uint32_t)f->uint;
	int32_t s32 = (int32_t)((u32 >> 1) ^ (0 - (u32 & 1)));
	bool truth = f->uint != 0;
	switch (d->type) {
	case SLOT_U32:
	case SLOT_ENUM:
		memcpy(at, &u32, sizeof(u32));
		break;
	case SLOT_U64:
		memcpy(at, &f->uint, sizeof(f->uint));
		break;
	case SLOT_S32:
		memcpy(at, &s32, sizeof(s32));
		break;
	case SLOT_BOOL:
		memcpy(at, &truth, sizeof(truth));
		break;
	case SLOT_BITS:
		memcpy(&s32, at, sizeof(s32));
		u32 = (uint32_t)s32 | UINT32_C(1) << u32;
		memcpy(at, &u32, sizeof(u32));
		break;
	case SLOT_FIXED:
	case SLOT_CHARS:
		memcpy(at, f->bytes.at, f->bytes.len);
		break;
	case SLOT_BYTES:
	case SLOT_TEXT:
	case SLOT_SIG:
		memcpy(at, &f->bytes, sizeof(f->bytes));
		break;
	case SLOT_SUB:
		return fill(d->sub, f->bytes, a, at);
	case SLOT_CSTR:
		assert(d->type != SLOT_CSTR); /* written only */
	}
	return 0;
}

/* An array for each repeated field, as long as the field is often. */
static int make_arrays(const struct schema *s, struct span in, struct arena *a, uint8_t *ret)
{
	size_t n[SLOTS_MAX] = { 0 };
	struct scan scan = scan_of(in);
	struct scan_field f;
	while (scan_one(&scan, &f)) {
		const struct slot *d = slot_of(s, f.number);
		if (d)
			n[d - s->slots]++;
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct slot *d = &s->slots[i];
		if (!(d->flags & SLOT_MANY) || (d->flags & SLOT_INLINE) || n[i] == 0)
			continue;
		void *elements = arena_array(a, n[i], d->size);
		if (!elements)
			return wire_no_memory(a);
		memcpy(ret + d->at, &elements, sizeof(elements));
	}
	return 0;
}

/* The place of the next element; counts it. */
static uint8_t *next_element(const struct slot *d, uint8_t *ret)
{
	size_t n;
	memcpy(&n, ret + d->n, sizeof(n));
	uint8_t *elements = ret + d->at;
	if (!(d->flags & SLOT_INLINE))
		memcpy(&elements, ret + d->at, sizeof(elements));
	uint8_t *at = elements + n * d->size;
	n++;
	memcpy(ret + d->n, &n, sizeof(n));
	return at;
}

static bool has_arrays(const struct schema *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if ((s->slots[i].flags & (SLOT_MANY | SLOT_INLINE)) == SLOT_MANY)
			return true;
	}
	return false;
}

static int fill(const struct schema *s, struct span in, struct arena *a, uint8_t *ret)
{
	int r = has_arrays(s) ? make_arrays(s, in, a, ret) : 0;
	if (r != 0)
		return r;
	struct scan scan = scan_of(in);
	struct scan_field f;
	while (scan_one(&scan, &f)) {
		const struct slot *d = slot_of(s, f.number);
		if (!d)
			continue;
		bool yes = true;
		if (d->flags & SLOT_HAS)
			memcpy(ret + d->has, &yes, sizeof(yes));
		r = fill_value(
			d, &f, a, d->flags & SLOT_MANY ? next_element(d, ret) : ret + d->at);
		if (r != 0)
			return r;
	}
	return 0;
}

/* NOLINTEND(misc-no-recursion) */

int schema_decode(const struct schema *s, struct span in, struct arena *a, void *ret,
	size_t size, uint64_t *seen)
{
	if (s->max_bytes != 0 && in.len > s->max_bytes)
		return WIRE_E_MALFORMED;
	size_t parts = s->max_parts ? s->max_parts : PARTS_MAX;
	int r = check(s, in, &parts, seen);
	if (r != 0)
		return r;
	memset(ret, 0, size);
	return fill(s, in, a, ret);
}
