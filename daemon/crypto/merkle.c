/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Merkle
 *
 * The tree hash of RFC 9162, 2.1.1, built as the leaves come. After n leaves, node[i] is the
 * root of a full subtree of 2^i leaves for every bit i that is set in n: nothing else of the
 * tree is ever needed again. Where inclusion is to be proved the tree is held whole, level by
 * level: a node without a right neighbour goes up as it is, which gives the same root.
 */

#include <assert.h>
#include <string.h>

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
	r = digest_parts(&digest_sha256, SPAN_OF(prefix), parts, COUNT(parts), right->b);
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
	r = digest_parts(&digest_sha256, SPAN_OF(prefix), parts, n, h.b);
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

int merkle_leaf(struct crypto *c, struct span leaf, struct hash *ret)
{
	static const uint8_t prefix = 0x00;
	int r;

	c->counts.hashes++;
	r = digest_parts(&digest_sha256, SPAN_OF(prefix), &leaf, 1, ret->b);
	return r < 0 ? err_up(r) : 0;
}

int merkle_tree(struct crypto *c, struct hash *nodes, size_t n, const struct hash **ret_root)
{
	assert(n > 0 && n <= (size_t)1 << MERKLE_LEVELS_MAX);
	while (n > 1) {
		struct hash *above = nodes + n;

		for (size_t i = 0; i < n; i += 2) {
			int r = 0;

			above[i / 2] = nodes[i + (i + 1 < n)];
			if (i + 1 < n)
				r = join(c, &nodes[i], &above[i / 2]);
			if (r < 0)
				return err_up(r);
		}
		nodes = above;
		n = (n + 1) / 2;
	}
	*ret_root = nodes;
	return 0;
}

size_t merkle_path_len(size_t index, size_t n)
{
	size_t len = 0;

	for (; n > 1; index /= 2, n = (n + 1) / 2)
		len += (index ^ 1) < n;
	return len;
}

void merkle_path(const struct hash *nodes, size_t n, size_t index, uint8_t *ret)
{
	for (; n > 1; nodes += n, index /= 2, n = (n + 1) / 2) {
		if ((index ^ 1) >= n)
			continue;
		memcpy(ret, nodes[index ^ 1].b, HASH_LEN);
		ret += HASH_LEN;
	}
}

int merkle_climb(struct crypto *c, const struct hash *leaf, size_t index, size_t n,
	const uint8_t *path, struct hash *ret)
{
	*ret = *leaf;
	for (; n > 1; index /= 2, n = (n + 1) / 2) {
		struct hash left, other;
		int r;

		if ((index ^ 1) >= n)
			continue;
		memcpy(other.b, path, HASH_LEN);
		path += HASH_LEN;
		left = index & 1 ? other : *ret;
		if (!(index & 1))
			*ret = other;
		r = join(c, &left, ret);
		if (r < 0)
			return err_up(r);
	}
	return 0;
}
