/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Merkle
 *
 * The tree hash of RFC 9162, 2.1.1, built as the leaves come. After n leaves, node[i] is the
 * root of a full subtree of 2^i leaves for every bit i that is set in n: nothing else of the
 * tree is ever needed again.
 */

#include <assert.h>

#include "daemon/crypto/engine.h"

void merkle_init(struct merkle *m)
{
	*m = (struct merkle){ 0 };
}

static int join(struct crypto *c, const struct hash *left, struct hash *right)
{
	static const uint8_t prefix = 0x01;
	struct span parts[] = { SPAN_OF(*left), SPAN_OF(*right) };
	int r;

	c->counts.hashes++;
	r = digest_parts(&c->sha256, SPAN_OF(prefix), parts, COUNT(parts), right->b);
	return r < 0 ? err_up(r) : 0;
}

int merkle_add(struct crypto *c, struct merkle *m, const struct span *parts, size_t n)
{
	static const uint8_t prefix = 0x00;
	struct hash h;
	size_t level = 0;
	int r;

	assert(m->n < UINT64_C(1) << (COUNT(m->node) - 1));

	c->counts.hashes++;
	r = digest_parts(&c->sha256, SPAN_OF(prefix), parts, n, h.b);
	if (r < 0)
		return err_up(r);

	/* As adding one to a binary number: each set bit carries. */
	for (; m->n >> level & 1; level++) {
		r = join(c, &m->node[level], &h);
		if (r < 0)
			return err_up(r);
	}
	m->node[level] = h;
	m->n++;
	return 0;
}

int merkle_root(struct crypto *c, const struct merkle *m, struct hash *ret)
{
	struct hash h = { 0 };
	bool any = false;
	int r;

	if (m->n == 0) {
		r = crypto_hash(c, NULL, 0, ret);
		return r < 0 ? err_up(r) : 0;
	}

	for (size_t i = 0; i < COUNT(m->node); i++) {
		if (!(m->n >> i & 1))
			continue;
		if (any) {
			r = join(c, &m->node[i], &h);
			if (r < 0)
				return err_up(r);
		} else {
			h = m->node[i];
		}
		any = true;
	}

	*ret = h;
	return 0;
}
