/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: the scanner
 *
 * One protobuf field after another, without meaning. Groups, field number 0, varints over 10
 * bytes or over 64 bits and tags over 5 bytes or over 32 bits are bad (P8.6); nothing is
 * entered and nothing is allocated.
 */

#include "proto/wire_private.h"

#include <errno.h>
#include <string.h>

#include <kith/utf8.h>

struct scan scan_of(struct span in)
{
	return (struct scan){ .in = in };
}

static bool bad(struct scan *s)
{
	s->bad = true;
	return false;
}

static bool varint(struct scan *s, size_t longest, uint64_t *ret)
{
	uint64_t v = 0;
	for (size_t i = 0; i < longest; i++) {
		if (s->pos == s->in.len)
			return bad(s);
		uint8_t byte = s->in.at[s->pos++];
		/* The tenth byte holds the 64th bit only. */
		if (i == 9 && byte > 1)
			return bad(s);
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*ret = v;
			return true;
		}
	}
	return bad(s);
}

static bool skip(struct scan *s, uint64_t len, struct span *ret)
{
	if (len > s->in.len - s->pos)
		return bad(s);
	*ret = (struct span){ s->in.at + s->pos, (size_t)len };
	s->pos += (size_t)len;
	return true;
}

bool scan_one(struct scan *s, struct scan_field *ret)
{
	if (s->bad || s->pos == s->in.len)
		return false;
	size_t from = s->pos;
	uint64_t tag = 0;
	if (!varint(s, 5, &tag))
		return false;
	if (tag > UINT32_MAX || tag >> 3 == 0)
		return bad(s);
	*ret = (struct scan_field){ .number = (uint32_t)(tag >> 3), .wire = (unsigned)tag & 7 };
	uint64_t len = 0;
	bool ok = false;
	switch (ret->wire) {
	case WIRE_VARINT:
		ok = varint(s, 10, &ret->uint);
		break;
	case WIRE_FIXED64:
		ok = skip(s, 8, &ret->bytes);
		break;
	case WIRE_LEN:
		ok = varint(s, 10, &len) && skip(s, len, &ret->bytes);
		break;
	case WIRE_FIXED32:
		ok = skip(s, 4, &ret->bytes);
		break;
	default:
		ok = bad(s);
		break;
	}
	if (ok)
		ret->raw = (struct span){ s->in.at + from, s->pos - from };
	return ok;
}

bool wire_text_ok(struct span s)
{
	return !s.len || (!memchr(s.at, 0, s.len) && utf8_valid(s));
}

int wire_no_memory(const struct arena *a)
{
	return a->over ? (int)WIRE_E_BUDGET : err_new(-ENOMEM);
}
