/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a body: its leaves are all its bytes (P4.4), and padding opens again (P4.3).
 */

#include "tests/fuzz/wire_fuzz.h"

/* What lies between leaves: seeds, and tags and lengths of entries. */
struct cover {
	struct span in;
	size_t pos;
};

static uint64_t varint(struct cover *c)
{
	uint64_t v = 0;
	unsigned shift = 0;
	do {
		demand(c->pos < c->in.len && shift < 70);
		v |= (uint64_t)(c->in.at[c->pos] & 0x7f) << shift;
		shift += 7;
	} while (c->in.at[c->pos++] & 0x80);
	return v;
}

static void cover_gap(struct cover *c, size_t to)
{
	demand(to <= c->in.len);
	while (c->pos < to) {
		uint64_t tag = varint(c);
		demand(tag >> 3 == 9 || tag >> 3 == 1);
		if (tag == (1 << 3 | 1))
			c->pos += 8;
		else if (tag == (1 << 3 | 5))
			c->pos += 4;
		else if (tag == 1 << 3)
			(void)varint(c);
		else {
			uint64_t len = varint(c);
			c->pos += tag >> 3 == 1 ? len : 0;
		}
	}
	demand(c->pos == to);
}

static int leaf(void *ctx, const struct leaf *l)
{
	struct cover *c = ctx;
	demand(l->raw.len >= 2 && l->raw.at >= c->in.at);
	demand(l->entry == UINT32_MAX || l->entry < 256);
	cover_gap(c, (size_t)(l->raw.at - c->in.at));
	c->pos += l->raw.len;
	demand(c->pos <= c->in.len);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	struct arena a;
	struct body b;
	struct span padded, back;
	arena_init(&a, FUZZ_BUDGET);
	if (taken(wire_body_unpad(in, &back))) {
		demand(wire_body_pad(back, &a, &padded) == 0);
		demand_same(padded, in);
	}
	if (size <= BODY_PLAIN_MAX - 4) {
		demand(wire_body_pad(in, &a, &padded) == 0);
		demand(wire_body_unpad(padded, &back) == 0);
		demand_same(back, in);
	} else {
		demand(wire_body_pad(in, &a, &padded) == WIRE_E_RANGE);
	}
	if (taken(wire_body_decode(in, &a, &b))) {
		demand(b.n_entries <= 256 && b.n_deps <= 64);
		for (size_t i = 0; i < b.n_entries; i++)
			demand(wire_entry_size(&b.entries[i]) >= 2);
		SETTLES(b, wire_body_decode, wire_body_encode);
	}
	struct cover c = { .in = in };
	if (taken(wire_body_leaves(in, leaf, &c)))
		cover_gap(&c, size);
	arena_done(&a);
	return 0;
}
