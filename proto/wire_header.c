/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: headers
 *
 * By hand, because one header has one encoding (P2.2): the reader goes through the eleven
 * fields in order and refuses whatever stands differently, also an unknown field.
 */

#include "proto/wire_private.h"

#include <string.h>

enum { NARROW, WIDE, BYTES };
static const struct {
	int form;
	size_t at, len;
} fields[] = {
	{ NARROW, offsetof(struct header, version), 4 },
	{ BYTES, offsetof(struct header, record), ID_LEN },
	{ BYTES, offsetof(struct header, at.author), ID_LEN },
	{ BYTES, offsetof(struct header, at.incarnation), ID_LEN },
	{ WIDE, offsetof(struct header, at.seq), 8 },
	{ BYTES, offsetof(struct header, prev), HASH_LEN },
	{ BYTES, offsetof(struct header, body_hash), HASH_LEN },
	{ BYTES, offsetof(struct header, content_root), HASH_LEN },
	{ NARROW, offsetof(struct header, key_epoch), 4 },
	{ NARROW, offsetof(struct header, key_class), 4 },
	{ NARROW, offsetof(struct header, flags), 4 },
};

static int range(const struct header *h)
{
	if (h->version != HEADER_VERSION || h->at.seq == 0)
		return WIRE_E_RANGE;
	if ((h->at.seq == 1) != hash_is_zero(&h->prev)) /* (P2.4) */
		return WIRE_E_RANGE;
	if (h->flags & ~(uint32_t)(FLAG_CONTROL | FLAG_MUST_UNDERSTAND)) /* (P2.7) */
		return WIRE_E_RANGE;
	if (h->flags & FLAG_CONTROL) {
		bool clear = h->key_epoch == 0 && h->key_class == 0 &&
			     hash_is_zero(&h->content_root);
		return clear ? 0 : WIRE_E_RANGE;
	}
	return h->flags == 0 && h->key_epoch >= 1 ? 0 : WIRE_E_RANGE;
}

int wire_header_decode(struct span bytes, struct header *ret)
{
	struct scan scan = scan_of(bytes);
	struct header h = { 0 };
	if (bytes.len > HEADER_MAX)
		return WIRE_E_MALFORMED;
	for (size_t i = 0; i < COUNT(fields); i++) {
		struct scan_field f;
		if (!scan_one(&scan, &f) || f.number != i + 1)
			return WIRE_E_MALFORMED;
		uint8_t *at = (uint8_t *)&h + fields[i].at;
		uint32_t narrow = (uint32_t)f.uint;
		if (fields[i].form == BYTES) {
			/* One byte of tag, one of length. */
			if (f.wire != WIRE_LEN || f.bytes.len != fields[i].len ||
				f.raw.len != f.bytes.len + 2)
				return WIRE_E_MALFORMED;
			memcpy(at, f.bytes.at, f.bytes.len);
			continue;
		}
		if (f.wire != WIRE_VARINT || f.raw.len != 1 + varint_size(f.uint))
			return WIRE_E_MALFORMED;
		if (fields[i].form == WIDE)
			memcpy(at, &f.uint, sizeof(f.uint));
		else if (f.uint > UINT32_MAX)
			return WIRE_E_MALFORMED;
		else
			memcpy(at, &narrow, sizeof(narrow));
	}
	if (scan.pos != bytes.len)
		return WIRE_E_MALFORMED;
	int verdict = range(&h);
	if (verdict == 0)
		*ret = h;
	return verdict;
}

static size_t put_varint(uint8_t *into, uint64_t v)
{
	size_t n = 0;
	for (; v >= 0x80; v >>= 7)
		into[n++] = (uint8_t)(v | 0x80);
	into[n++] = (uint8_t)v;
	return n;
}

size_t wire_header_encode(const struct header *h, uint8_t into[HEADER_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < COUNT(fields); i++) {
		const uint8_t *at = (const uint8_t *)h + fields[i].at;
		bool bytes = fields[i].form == BYTES;
		into[n++] = (uint8_t)((i + 1) << 3 | (bytes ? WIRE_LEN : WIRE_VARINT));
		if (bytes) {
			into[n++] = (uint8_t)fields[i].len;
			memcpy(into + n, at, fields[i].len);
			n += fields[i].len;
			continue;
		}
		uint32_t narrow;
		uint64_t wide;
		memcpy(&narrow, at, sizeof(narrow));
		wide = narrow;
		if (fields[i].form == WIDE)
			memcpy(&wide, at, sizeof(wide));
		n += put_varint(into + n, wide);
	}
	return n;
}
