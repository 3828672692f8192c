/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sealing and opening of bodies (P4): padding, content root, Cobblestone-256 under the content
 * key of the record's epoch and class. What opens is checked against its content root, always.
 */

#include <errno.h>

#include "daemon/core/inside.h"

#define CONTEXT_MAX 96

static struct span context(const struct header *h, uint8_t into[CONTEXT_MAX])
{
	struct writer w = writer_of(into, CONTEXT_MAX);

	put_span(&w, SPAN_LIT("kith/body/1\0"));
	put_bytes(&w, h->record.b, ID_LEN);
	put_bytes(&w, h->at.author.b, ID_LEN);
	put_bytes(&w, h->at.incarnation.b, ID_LEN);
	put_u64(&w, h->at.seq);
	put_u32(&w, h->key_epoch);
	put_u32(&w, h->key_class);
	return writer_span(&w);
}

struct rooting {
	struct crypto *crypto;
	const uint8_t *seed;
	struct merkle merkle;
	uint32_t n;
};

static int add_leaf(void *ctx, const struct leaf *l)
{
	struct rooting *t = ctx;
	uint8_t number[4], path[12];
	struct writer w = writer_of(number, sizeof(number));
	struct hash salt;
	struct span part = { number, sizeof(number) };
	int r;

	put_u32(&w, t->n++);
	r = crypto_mac(t->crypto, (struct span){ t->seed, 32 }, &part, 1, &salt);
	if (r)
		return err_odd(r);

	w = writer_of(path, sizeof(path));
	put_u32(&w, l->entry);
	put_u32(&w, l->field);
	put_u32(&w, l->occurrence);
	r = merkle_add(t->crypto, &t->merkle,
		(struct span[]){ SPAN_OF(salt), { path, sizeof(path) }, l->raw }, 3);
	return r ? err_odd(r) : 0;
}

/* 0, BODY_E_FORM. */
static int content_root(
	struct crypto *c, struct span body, const uint8_t seed[32], struct hash *ret)
{
	struct rooting t = { .crypto = c, .seed = seed };
	struct hash root;
	uint8_t count[8];
	struct writer w = writer_of(count, sizeof(count));
	int r;

	merkle_init(&t.merkle);
	r = wire_body_leaves(body, add_leaf, &t);
	if (r > 0)
		return BODY_E_FORM;
	if (r)
		return err_up(r);
	r = merkle_root(c, &t.merkle, &root);
	if (r)
		return err_odd(r);
	put_u64(&w, t.n);
	r = crypto_hash(c,
		(struct span[]){
			SPAN_LIT("kith/content/1\0"), { count, sizeof(count) }, SPAN_OF(root) },
		3, ret);
	return r ? err_odd(r) : 0;
}

int body_seal(struct step *s, const struct header *h, const struct body *b,
	struct span *ret_sealed, struct hash *ret_root)
{
	CLEANUP(secret_done) struct secret key = { 0 };
	const struct key_commitment *of;
	uint8_t ctx[CONTEXT_MAX], *sealed;
	struct span bytes, padded;
	const struct affairs *a;
	int r = node_affairs(s, &h->record, &a);

	if (r)
		return err_up(r);
	of = keys_newest(a, h->key_class);
	r = of ? node_key(s, &h->record, of, &key) : ROW_NONE;
	if (r)
		return r == ROW_NONE ? BODY_E_KEY : err_up(r);
	r = wire_body_encode(b, s->arena, &bytes);
	if (r)
		return err_odd(r);
	r = content_root(s->crypto, bytes, b->seed, ret_root);
	if (r)
		return err_odd(r);
	r = wire_body_pad(bytes, s->arena, &padded);
	if (r)
		return r < 0 ? err_up(r) : BODY_E_FORM;

	sealed = arena_alloc(s->arena, SEALED_LEN(padded.len));
	if (!sealed)
		return err_new(-ENOMEM);
	r = crypto_seal(s->crypto, &key, context(h, ctx), padded, sealed);
	if (r)
		return err_odd(r);
	*ret_sealed = (struct span){ sealed, SEALED_LEN(padded.len) };
	return 0;
}

/* With the key of the body before, if that has the number: it mostly opens the next one, too.
 */
static int open_kept(struct step *s, const struct header *h, const struct body_key *k,
	struct span sealed, uint8_t *plain, size_t *len)
{
	uint8_t ctx[CONTEXT_MAX];

	if (!k->held || k->epoch != h->key_epoch || k->class != h->key_class ||
		!id_equal(&k->record, &h->record))
		return CRYPTO_E_BAD;
	return crypto_open(s->crypto, &k->secret, context(h, ctx), sealed, plain, len);
}

/* Then with each of that number: there is one, unless people had to resolve who is custodian
 * (P5.5). 0, BODY_E_KEY, BODY_E_SEAL. */
static int open_sealed(struct step *s, const struct header *h, struct body_key *k,
	struct span sealed, uint8_t *plain, size_t *len)
{
	bool any = false, lacks = false;
	struct scan scan;
	int r = open_kept(s, h, k, sealed, plain, len);

	if (r != CRYPTO_E_BAD)
		return r ? err_up(r) : 0;
	k->held = false;
	k->record = h->record;
	k->epoch = h->key_epoch;
	k->class = h->key_class;
	key_scan_init(&scan, &h->record, h->key_epoch, h->key_class);
	while ((r = key_scan_next(&scan, s->view, &k->secret)) == 0) {
		k->held = any = true;
		r = open_kept(s, h, k, sealed, plain, len);
		if (r != CRYPTO_E_BAD)
			return r ? err_up(r) : 0;
	}
	if (r != ROW_NONE)
		return err_up(r);
	r = any ? keys_lack(s, &h->record, h->key_epoch, h->key_class, &lacks) : 0;
	if (r)
		return err_up(r);
	return any && !lacks ? BODY_E_SEAL : BODY_E_KEY;
}

int body_open(struct step *s, struct arena *a, struct body_key *key, const struct header *h,
	struct span sealed, struct body *ret)
{
	struct span bytes;
	struct hash root;
	uint8_t *plain;
	size_t len;
	int r;

	if (sealed.len > BODY_SEALED_MAX)
		return BODY_E_SEAL;
	plain = arena_alloc(a, sealed.len ? sealed.len : 1);
	if (!plain)
		return err_new(-ENOMEM);
	r = open_sealed(s, h, key, sealed, plain, &len);
	if (r)
		return r < 0 ? err_up(r) : r;
	r = wire_body_unpad((struct span){ plain, len }, &bytes);
	if (!r)
		r = wire_body_decode(bytes, a, ret);
	if (r)
		return r > 0 ? BODY_E_FORM : err_up(r);
	r = content_root(s->crypto, bytes, ret->seed, &root);
	if (r)
		return r < 0 ? err_up(r) : r;
	return hash_equal(&root, &h->content_root) ? 0 : BODY_E_ROOT;
}
