/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Buffers
 *
 * Both marks are sticky, so that a caller may put or get a whole structure and look once. After
 * a mark nothing moves any more: what stands in a writer is always whole fields.
 */

#include <string.h>

#include <kith/buf.h>

struct writer writer_of(void *into, size_t room)
{
	return (struct writer){ .at = into, .room = room };
}

void put_bytes(struct writer *w, const void *bytes, size_t len)
{
	if (w->over || len > w->room - w->len) {
		w->over = true;
		return;
	}
	if (len)
		memcpy(w->at + w->len, bytes, len);
	w->len += len;
}

void put_span(struct writer *w, struct span s)
{
	put_bytes(w, s.at, s.len);
}

/* To the order of the wire, and from it. */
static uint64_t swapped(uint64_t v)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(v) : v;
}

static void put_big(struct writer *w, uint64_t v, size_t len)
{
	const uint64_t big = swapped(v << 8 * (sizeof(v) - len));

	put_bytes(w, &big, len);
}

void put_u8(struct writer *w, uint8_t v)
{
	put_big(w, v, sizeof(v));
}

void put_u16(struct writer *w, uint16_t v)
{
	put_big(w, v, sizeof(v));
}

void put_u32(struct writer *w, uint32_t v)
{
	put_big(w, v, sizeof(v));
}

void put_u64(struct writer *w, uint64_t v)
{
	put_big(w, v, sizeof(v));
}

struct span writer_span(const struct writer *w)
{
	return (struct span){ w->at, w->len };
}

struct reader reader_of(struct span s)
{
	return (struct reader){ .at = s.at, .left = s.len };
}

struct span get_span(struct reader *r, size_t len)
{
	struct span s = { r->at, len };

	if (r->bad || len > r->left) {
		r->bad = true;
		return (struct span){ 0 };
	}
	if (len)
		r->at += len;
	r->left -= len;
	return s;
}

static uint64_t get_big(struct reader *r, size_t len)
{
	struct span s = get_span(r, len);
	uint64_t big = 0;

	if (s.len)
		memcpy((uint8_t *)&big + sizeof(big) - len, s.at, len);
	return swapped(big);
}

uint8_t get_u8(struct reader *r)
{
	return (uint8_t)get_big(r, sizeof(uint8_t));
}

uint16_t get_u16(struct reader *r)
{
	return (uint16_t)get_big(r, sizeof(uint16_t));
}

uint32_t get_u32(struct reader *r)
{
	return (uint32_t)get_big(r, sizeof(uint32_t));
}

uint64_t get_u64(struct reader *r)
{
	return get_big(r, sizeof(uint64_t));
}

void get_into(struct reader *r, void *ret, size_t len)
{
	struct span s = get_span(r, len);

	if (s.len)
		memcpy(ret, s.at, s.len);
	else if (len)
		memset(ret, 0, len);
}
