/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Keys
 *
 * Raw 32-byte keys in and out of OpenSSL's objects, and two small bounded caches of them: the
 * verification keys of peers and our own long-lived secrets. What is used least recently makes
 * room, so a peer that shows many keys costs time and no memory.
 */

#include <string.h>

#include <openssl/crypto.h>

#include "daemon/crypto/engine.h"

int key_import(int type, const struct secret *s, EVP_PKEY **ret)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(type, NULL, s->b, sizeof(s->b));

	if (!key)
		return err_ssl();
	*ret = key;
	return 0;
}

int key_public(EVP_PKEY *key, struct pubkey *ret)
{
	size_t len = sizeof(ret->b);

	if (!EVP_PKEY_get_raw_public_key(key, ret->b, &len) || len != sizeof(ret->b))
		return err_ssl();
	return 0;
}

int key_make(struct crypto *c, int type, struct secret *ret_secret, struct pubkey *ret)
{
	CLEANUP(pkey_done) EVP_PKEY *key = NULL;
	CLEANUP(secret_done) struct secret s;
	int r;

	r = crypto_random(c, s.b, sizeof(s.b));
	if (r < 0)
		return err_up(r);
	r = key_import(type, &s, &key);
	if (r < 0)
		return err_up(r);
	r = key_public(key, ret);
	if (r < 0)
		return err_up(r);

	memcpy(ret_secret->b, s.b, sizeof(s.b));
	return 0;
}

/* The place of a key in a cache: its own, or that of the one to give up. */
static struct kept_key *place_of(struct kept_key *kept, size_t n, int type, const uint8_t *raw)
{
	struct kept_key *oldest = kept;

	for (size_t i = 0; i < n; i++) {
		struct kept_key *k = &kept[i];

		if (k->key && k->type == type && crypto_same(k->raw, raw, KEY_LEN))
			return k;
		if (k->used < oldest->used)
			oldest = k;
	}

	EVP_PKEY_free(TAKE(oldest->key));
	OPENSSL_cleanse(oldest, sizeof(*oldest));
	return oldest;
}

static void keep(struct kept_key *k, int type, const uint8_t *raw, EVP_PKEY *key)
{
	memcpy(k->raw, raw, KEY_LEN);
	k->type = type;
	k->key = key;
}

int key_of_peer(struct crypto *c, const struct pubkey *p, EVP_PKEY **ret)
{
	struct kept_key *k = place_of(c->peers, COUNT(c->peers), EVP_PKEY_ED25519, p->b);

	if (!k->key) {
		EVP_PKEY *key =
			EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, p->b, sizeof(p->b));

		if (!key)
			return err_ssl();
		keep(k, EVP_PKEY_ED25519, p->b, key);
	}
	k->used = ++c->clock;
	*ret = k->key;
	return 0;
}

int key_of_own(struct crypto *c, int type, const struct secret *s, EVP_PKEY **ret)
{
	struct kept_key *k = place_of(c->own, COUNT(c->own), type, s->b);

	if (!k->key) {
		EVP_PKEY *key = NULL;
		int r = key_import(type, s, &key);

		if (r < 0)
			return err_up(r);
		keep(k, type, s->b, key);
	}
	k->used = ++c->clock;
	*ret = k->key;
	return 0;
}

void keys_done(struct crypto *c)
{
	for (size_t i = 0; i < COUNT(c->peers); i++)
		EVP_PKEY_free(c->peers[i].key);
	for (size_t i = 0; i < COUNT(c->own); i++)
		EVP_PKEY_free(c->own[i].key);
	OPENSSL_cleanse(c->own, sizeof(c->own));
}
