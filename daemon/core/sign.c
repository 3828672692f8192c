/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Signatures of changes, in their two forms: of one head (P3.1), and of all heads of a turn
 * together with the place of this one among them (P3.6). Whoever verifies a change, anywhere,
 * does it by signature_check().
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define LABEL_SIGN  SPAN_LIT("kith/sign/1\0")
#define LABEL_BATCH SPAN_LIT("kith/batch/1\0")
#define BATCH_FIXED (SIG_LEN + 2 * 4) /* of a batch's signature, before the path */

/* What a batch's signature is made of: be64(size) || root. */
struct summit {
	uint8_t b[8 + HASH_LEN];
};

static void summit_of(size_t n, const struct hash *root, struct summit *ret)
{
	struct writer w = writer_of(ret->b, sizeof(ret->b));

	put_u64(&w, n);
	put_bytes(&w, root->b, HASH_LEN);
}

/* The exact form, before anything is hashed: one encoding for each place in each size. */
static bool read_batch(struct span signature, struct sig *ret, size_t *ret_index, size_t *ret_n)
{
	struct reader r = reader_of(signature);

	get_into(&r, ret->b, SIG_LEN);
	*ret_index = get_u32(&r);
	*ret_n = get_u32(&r);
	return !r.bad && *ret_n >= 2 && *ret_n <= BATCH_MAX && *ret_index < *ret_n &&
	       r.left == merkle_path_len(*ret_index, *ret_n) * HASH_LEN;
}

static bool seen_before(const struct summits *seen, const struct pubkey *key,
	const struct summit *summit, const struct sig *sig)
{
	for (size_t i = 0; i < COUNT(seen->v); i++)
		if (memcmp(seen->v[i].summit, summit->b, sizeof(summit->b)) == 0 &&
			memcmp(seen->v[i].sig.b, sig->b, SIG_LEN) == 0 &&
			memcmp(seen->v[i].key.b, key->b, KEY_LEN) == 0)
			return true;
	return false;
}

/* Only what was verified gets here, whole: it can vouch for nothing but itself. */
static void keep(struct summits *seen, const struct pubkey *key, const struct summit *summit,
	const struct sig *sig)
{
	const size_t i = seen->next++ % COUNT(seen->v);

	memcpy(seen->v[i].summit, summit->b, sizeof(summit->b));
	seen->v[i].sig = *sig;
	seen->v[i].key = *key;
}

static int check_batch(struct crypto *c, const struct pubkey *key, const struct hash *change,
	struct span signature, struct summits *seen)
{
	struct summit summit;
	struct hash leaf, root;
	struct sig sig;
	size_t index, n;
	int r;

	if (!read_batch(signature, &sig, &index, &n))
		return CRYPTO_E_BAD;
	r = merkle_leaf(c, SPAN_OF(*change), &leaf);
	if (!r)
		r = merkle_climb(c, &leaf, index, n, signature.at + BATCH_FIXED, &root);
	if (r)
		return err_odd(r);
	summit_of(n, &root, &summit);
	if (seen && seen_before(seen, key, &summit, &sig))
		return 0;
	r = crypto_verify(c, key, LABEL_BATCH, SPAN_OF(summit), &sig);
	if (!r && seen)
		keep(seen, key, &summit, &sig);
	return r < 0 ? err_up(r) : r;
}

int signature_check(struct crypto *c, const struct pubkey *key, const struct hash *change,
	struct span signature, struct summits *seen)
{
	struct sig sig;
	int r;

	if (signature.len != SIG_LEN)
		return check_batch(c, key, change, signature, seen);
	memcpy(sig.b, signature.at, SIG_LEN);
	r = crypto_verify(c, key, LABEL_SIGN, SPAN_OF(*change), &sig);
	return r < 0 ? err_up(r) : r;
}

/* Making ----------------------------------------------------------------------------------- */

static int sign_one(struct crypto *c, const struct secret *key, const struct hash *change,
	struct arena *a, struct span *ret)
{
	struct sig *sig = arena_alloc(a, sizeof(*sig));
	int r;

	if (!sig)
		return err_new(-ENOMEM);
	r = crypto_sign(c, key, LABEL_SIGN, SPAN_OF(*change), sig);
	*ret = SPAN_OF(*sig);
	return r ? err_odd(r) : 0;
}

static int write_batch(const struct sig *sig, const struct hash *nodes, size_t n, size_t index,
	struct arena *a, struct span *ret)
{
	const size_t len = BATCH_FIXED + merkle_path_len(index, n) * HASH_LEN;
	uint8_t *bytes = arena_alloc(a, len);
	struct writer w = writer_of(bytes, len);

	if (!bytes)
		return err_new(-ENOMEM);
	put_bytes(&w, sig->b, SIG_LEN);
	put_u32(&w, (uint32_t)index);
	put_u32(&w, (uint32_t)n);
	merkle_path(nodes, n, index, bytes + BATCH_FIXED);
	*ret = (struct span){ bytes, len };
	return 0;
}

int signatures_make(struct crypto *c, const struct secret *key, const struct hash *changes,
	size_t n, struct arena *a, struct span *ret)
{
	struct hash *nodes;
	const struct hash *root = NULL;
	struct summit summit;
	struct sig sig;
	int r = 0;

	if (n == 1)
		return sign_one(c, key, changes, a, ret);
	nodes = arena_array(a, MERKLE_NODES(n), sizeof(*nodes));
	if (!nodes)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n && !r; i++)
		r = merkle_leaf(c, SPAN_OF(changes[i]), &nodes[i]);
	if (!r)
		r = merkle_tree(c, nodes, n, &root);
	if (r)
		return err_odd(r);
	summit_of(n, root, &summit);
	r = crypto_sign(c, key, LABEL_BATCH, SPAN_OF(summit), &sig);
	for (size_t i = 0; i < n && !r; i++)
		r = write_batch(&sig, nodes, n, i, a, &ret[i]);
	return r ? err_odd(r) : 0;
}

int chain_id(struct crypto *c, struct span header, struct hash *ret)
{
	int r = crypto_hash(c, (struct span[]){ SPAN_LIT("kith/change/1\0"), header }, 2, ret);

	return r ? err_odd(r) : 0;
}
