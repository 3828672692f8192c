/* SPDX-License-Identifier: Apache-2.0 */

/*
 * HPKE
 *
 * RFC 9180 from EVP parts, since OpenSSL 3.0 has no call for it: section 4 (labels, DHKEM), 5.1
 * (key schedule, base mode) and 6.1 (one message). A wrap is this without AAD (P5.2).
 */

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>

#include "daemon/crypto/engine.h"
#include "daemon/crypto/hpke.h"

#define HPKE_VERSION SPAN_LIT("HPKE-v1")
#define KEM_SUITE    SPAN_LIT("KEM\x00\x20")
#define HPKE_SUITE   SPAN_LIT("HPKE\x00\x20\x00\x01\x00\x03") /* KEM, KDF, AEAD */
#define MODE_BASE    0x00

void hpke_keys_done(struct hpke_keys *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

static int labeled_extract(struct span suite, struct span salt, struct span label,
	struct span ikm, struct secret *ret)
{
	struct span parts[] = { HPKE_VERSION, suite, label, ikm };
	int r = hmac_parts(&digest_sha256, salt, parts, COUNT(parts), ret->b);

	return r < 0 ? err_up(r) : 0;
}

static int labeled_expand(struct span suite, const struct secret *prk, struct span label,
	struct span info, uint8_t *ret, size_t len)
{
	uint8_t length[2] = { (uint8_t)(len >> 8), (uint8_t)len };
	struct span parts[] = { SPAN_OF(length), HPKE_VERSION, suite, label, info };
	int r = hkdf_expand(&digest_sha256, SPAN_OF(*prk), parts, COUNT(parts), ret, len);

	return r < 0 ? err_up(r) : 0;
}

/* ExtractAndExpand of section 4.1: the shared secret is bound to both public keys. */
static int kem_secret(const struct secret *dh, const struct pubkey *enc,
	const struct pubkey *recipient, struct secret *ret)
{
	const struct pubkey both[] = { *enc, *recipient };
	CLEANUP(secret_done) struct secret prk;
	int r;

	r = labeled_extract(
		KEM_SUITE, (struct span){ 0 }, SPAN_LIT("eae_prk"), SPAN_OF(*dh), &prk);
	if (r < 0)
		return err_up(r);
	r = labeled_expand(KEM_SUITE, &prk, SPAN_LIT("shared_secret"), SPAN_OF(both), ret->b,
		sizeof(ret->b));
	return r < 0 ? err_up(r) : 0;
}

int hpke_encap(struct crypto *c, const struct pubkey *recipient, struct pubkey *ret_enc,
	struct secret *ret_shared)
{
	CLEANUP(secret_done) struct secret ephemeral;
	CLEANUP(pkey_done) EVP_PKEY *key = NULL;
	CLEANUP(secret_done) struct secret dh;
	struct pubkey enc;
	int r;

	r = crypto_random(c, ephemeral.b, sizeof(ephemeral.b));
	if (r < 0)
		return err_up(r);
	r = key_import(EVP_PKEY_X25519, &ephemeral, &key);
	if (r < 0)
		return err_up(r);
	r = key_public(key, &enc);
	if (r < 0)
		return err_up(r);
	r = dh_with(key, recipient, &dh);
	if (r != 0)
		return r < 0 ? err_up(r) : r;
	r = kem_secret(&dh, &enc, recipient, ret_shared);
	if (r < 0)
		return err_up(r);

	*ret_enc = enc;
	return 0;
}

int hpke_decap(struct crypto *c, const struct secret *own, const struct pubkey *own_pub,
	const struct pubkey *enc, struct secret *ret_shared)
{
	CLEANUP(secret_done) struct secret dh;
	EVP_PKEY *key;
	int r;

	/* Kept: one region unwraps with one key, thousands of times in a bulk move. */
	r = key_of_own(c, EVP_PKEY_X25519, own, &key);
	if (r < 0)
		return err_up(r);
	r = dh_with(key, enc, &dh);
	if (r != 0)
		return r < 0 ? err_up(r) : r;
	r = kem_secret(&dh, enc, own_pub, ret_shared);
	return r < 0 ? err_up(r) : 0;
}

int hpke_schedule(const struct secret *shared, struct span info, struct hpke_keys *ret)
{
	static const struct span none = { 0 };
	/* mode || psk_id_hash || info_hash; both hashes are public, the type is only handy */
	struct {
		uint8_t mode;
		struct secret psk_id, info;
	} context = { .mode = MODE_BASE };
	CLEANUP(secret_done) struct secret secret;
	int r;

	static_assert(sizeof(context) == 1 + 2 * KEY_LEN, "hashed as it lies");

	r = labeled_extract(HPKE_SUITE, none, SPAN_LIT("psk_id_hash"), none, &context.psk_id);
	if (r < 0)
		return err_up(r);
	r = labeled_extract(HPKE_SUITE, none, SPAN_LIT("info_hash"), info, &context.info);
	if (r < 0)
		return err_up(r);
	r = labeled_extract(HPKE_SUITE, SPAN_OF(*shared), SPAN_LIT("secret"), none, &secret);
	if (r < 0)
		return err_up(r);
	r = labeled_expand(HPKE_SUITE, &secret, SPAN_LIT("key"), SPAN_OF(context), ret->key.b,
		sizeof(ret->key.b));
	if (r < 0)
		return err_up(r);
	r = labeled_expand(HPKE_SUITE, &secret, SPAN_LIT("base_nonce"), SPAN_OF(context),
		ret->nonce, sizeof(ret->nonce));
	return r < 0 ? err_up(r) : 0;
}

int hpke_seal(struct crypto *c, const struct pubkey *recipient, struct span info,
	struct span aad, struct span plain, uint8_t *ret)
{
	CLEANUP(secret_done) struct secret shared;
	CLEANUP(hpke_keys_done) struct hpke_keys k;
	struct pubkey enc;
	int r;

	r = hpke_encap(c, recipient, &enc, &shared);
	if (r != 0)
		return r < 0 ? err_up(r) : r;
	r = hpke_schedule(&shared, info, &k);
	if (r < 0)
		return err_up(r);
	memcpy(ret, enc.b, sizeof(enc.b));
	r = aead_seal(c->chacha, k.key.b, k.nonce, aad, plain, ret + sizeof(enc.b));
	return r < 0 ? err_up(r) : 0;
}

int hpke_open(struct crypto *c, const struct secret *own, const struct pubkey *own_pub,
	struct span info, struct span aad, struct span sealed, uint8_t *ret)
{
	CLEANUP(secret_done) struct secret shared;
	CLEANUP(hpke_keys_done) struct hpke_keys k;
	struct pubkey enc;
	int r;

	if (sealed.len < HPKE_OVERHEAD)
		return CRYPTO_E_BAD;
	memcpy(enc.b, sealed.at, sizeof(enc.b));
	r = hpke_decap(c, own, own_pub, &enc, &shared);
	if (r != 0)
		return r < 0 ? err_up(r) : r;
	r = hpke_schedule(&shared, info, &k);
	if (r < 0)
		return err_up(r);
	r = aead_open(c->chacha, k.key.b, k.nonce, aad,
		(struct span){ sealed.at + sizeof(enc.b), sealed.len - sizeof(enc.b) }, ret);
	return r < 0 ? err_up(r) : r;
}

int crypto_wrap(struct crypto *c, const struct pubkey *recipient, struct span info,
	const struct secret *key, uint8_t ret[WRAP_LEN])
{
	int r;

	static_assert(WRAP_LEN == KEY_LEN + HPKE_OVERHEAD, "a wrap is one key in HPKE");
	c->counts.wraps++;
	r = hpke_seal(c, recipient, info, (struct span){ 0 }, SPAN_OF(*key), ret);
	return r < 0 ? err_up(r) : r;
}

int crypto_unwrap(struct crypto *c, const struct secret *own, const struct pubkey *own_pub,
	struct span info, const uint8_t wrap[WRAP_LEN], struct secret *ret)
{
	int r;

	c->counts.wraps++;
	r = hpke_open(c, own, own_pub, info, (struct span){ 0 },
		(struct span){ wrap, WRAP_LEN }, ret->b);
	return r < 0 ? err_up(r) : r;
}
