/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/store/recent.h"

#include <string.h>

#include "daemon/store/row.h"

/* A key has two places, side by side. */
struct at {
	size_t place;
	uint32_t mark;
};

static struct at at_of(const struct recent *r, enum table t, struct span key)
{
	uint64_t h = r->turn << 16 ^ (uint64_t)t << 8 ^ key.len;

	for (size_t i = 0; i < key.len; i += sizeof(h)) {
		uint64_t part = 0;

		memcpy(&part, key.at + i,
			key.len - i < sizeof(part) ? key.len - i : sizeof(part));
		h = (h ^ part) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (struct at){ h % RECENT_SLOTS & ~(size_t)1, (uint32_t)(h >> 32) };
}

static bool is(
	const struct recent *r, const struct recent_slot *s, enum table t, struct span key)
{
	return s->turn == r->turn && s->table == t && s->key_len == key.len &&
	       memcmp(s->bytes, key.at, key.len) == 0;
}

static size_t find(const struct recent *r, enum table t, struct span key)
{
	const struct at at = at_of(r, t, key);

	for (size_t i = at.place; i < at.place + 2; i++)
		if (r->marks[i] == at.mark && is(r, &r->slots[i], t, key))
			return i;
	return RECENT_SLOTS;
}

static bool fits(enum table t, struct span key, struct span value)
{
	return t != TABLE_LOG && t != TABLE_CONTROL && key.len + value.len <= RECENT_BYTES;
}

static void fill(struct recent *r, size_t i, uint32_t mark, enum table t, struct span key,
	struct span value)
{
	struct recent_slot *s = &r->slots[i];

	if (row_form(t).sealed && !s->secret) {
		r->secret[r->n_secret++] = (uint16_t)i;
		s->secret = true;
	}
	/* The value may be the one that stands here; then the key is the same, too. */
	if (value.len)
		memmove(s->bytes + key.len, value.at, value.len);
	memmove(s->bytes, key.at, key.len);
	s->table = (uint8_t)t;
	s->key_len = (uint8_t)key.len;
	s->len = (uint16_t)value.len;
	s->turn = r->turn;
	r->marks[i] = mark;
}

bool recent_get(const struct recent *r, enum table t, struct span key, struct span *ret)
{
	const size_t i = find(r, t, key);

	if (i == RECENT_SLOTS)
		return false;
	*ret = (struct span){ r->slots[i].bytes + key.len, r->slots[i].len };
	return true;
}

void recent_keep(struct recent *r, enum table t, struct span key, struct span value)
{
	const struct at at = at_of(r, t, key);
	size_t i = at.place;

	/* Who holds a row that was read before reads on in it. */
	i += r->slots[i].turn == r->turn;
	if (fits(t, key, value) && r->slots[i].turn != r->turn)
		fill(r, i, at.mark, t, key, value);
}

void recent_put(struct recent *r, enum table t, struct span key, struct span value)
{
	const struct at at = at_of(r, t, key);
	size_t i = find(r, t, key);

	if (!fits(t, key, value)) {
		recent_drop(r, t, key);
		return;
	}
	if (i == RECENT_SLOTS) {
		i = at.place;
		i += r->slots[i].turn == r->turn && r->slots[i + 1].turn != r->turn;
	}
	fill(r, i, at.mark, t, key, value);
}

void recent_drop(struct recent *r, enum table t, struct span key)
{
	const size_t i = find(r, t, key);

	if (i != RECENT_SLOTS)
		r->slots[i].turn = 0;
}

void recent_end(struct recent *r)
{
	while (r->n_secret) {
		struct recent_slot *s = &r->slots[r->secret[--r->n_secret]];

		explicit_bzero(s, sizeof(*s));
	}
	r->turn++;
}
