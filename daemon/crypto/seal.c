/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Seal
 *
 * Boxes (one AEAD call) and seals (P4.1: C2SP chunked encryption, Cobblestone-256). A seal
 * commits to its key: plain AES-GCM does not, and one ciphertext could then be made to open to
 * two different texts under two keys.
 */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>

#include "daemon/crypto/engine.h"

#define SEAL_HEAD_LEN  (SEAL_SALT_LEN + SEAL_COMMITMENT_LEN)
#define SEALED_CHUNK   (SEAL_CHUNK + SEAL_TAG_LEN)
#define SEAL_INFO_HEAD "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"

static int aead_start(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce,
	struct span aad, bool seal)
{
	int n;

	if (aad.len > INT_MAX)
		return err_new(-E2BIG);
	if (!EVP_CipherInit_ex2(ctx, NULL, key, nonce, seal, NULL))
		return err_ssl();
	if (aad.len > 0 && !EVP_CipherUpdate(ctx, NULL, &n, aad.at, (int)aad.len))
		return err_ssl();
	return 0;
}

int aead_seal(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce, struct span aad,
	struct span plain, uint8_t *ret)
{
	int r, n;

	if (plain.len > INT_MAX)
		return err_new(-E2BIG);
	r = aead_start(ctx, key, nonce, aad, true);
	if (r < 0)
		return err_up(r);

	if (plain.len > 0 && !EVP_CipherUpdate(ctx, ret, &n, plain.at, (int)plain.len))
		return err_ssl();
	ret += plain.len;
	if (!EVP_CipherFinal_ex(ctx, ret, &n))
		return err_ssl();
	if (!EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, ret))
		return err_ssl();
	return 0;
}

int aead_open(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce, struct span aad,
	struct span boxed, uint8_t *ret)
{
	uint8_t tag[AEAD_TAG_LEN], none[1];
	size_t len;
	int r, n;

	if (boxed.len < AEAD_TAG_LEN || boxed.len > INT_MAX)
		return CRYPTO_E_BAD;
	len = boxed.len - AEAD_TAG_LEN;
	memcpy(tag, boxed.at + len, sizeof(tag));

	r = aead_start(ctx, key, nonce, aad, false);
	if (r < 0)
		return err_up(r);
	if (len > 0 && !EVP_CipherUpdate(ctx, ret, &n, boxed.at, (int)len))
		return err_ssl();
	if (!EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag))
		return err_ssl();
	/* Both are stream ciphers: at the end come no bytes, only the answer. */
	if (EVP_CipherFinal_ex(ctx, none, &n) == 1)
		return 0;

	if (len > 0)
		OPENSSL_cleanse(ret, len);
	return ssl_verdict();
}

/* The key, or NULL when .box has it: its expansion costs as much as a short box. */
static const uint8_t *box_key(struct crypto *c, const struct secret *key)
{
	c->counts.boxes++;
	if (c->boxed && crypto_same(c->box_key.b, key->b, KEY_LEN))
		return NULL;
	memcpy(c->box_key.b, key->b, KEY_LEN);
	c->boxed = true;
	return key->b;
}

int crypto_box(struct crypto *c, const struct secret *key, const uint8_t nonce[12],
	struct span aad, struct span plain, uint8_t *ret)
{
	int r = aead_seal(c->box, box_key(c, key), nonce, aad, plain, ret);

	if (r != 0) /* it may not have been given */
		c->boxed = false;
	return r < 0 ? err_up(r) : 0;
}

int crypto_unbox(struct crypto *c, const struct secret *key, const uint8_t nonce[12],
	struct span aad, struct span boxed, uint8_t *ret)
{
	int r = aead_open(c->box, box_key(c, key), nonce, aad, boxed, ret);

	if (r != 0) /* it may not have been given */
		c->boxed = false;
	return r < 0 ? err_up(r) : r;
}

/* What one seal works with, in the order in which it is derived. */
struct seal_keys {
	uint8_t key[KEY_LEN];
	uint8_t nonce[AEAD_NONCE_LEN];
	uint8_t commitment[SEAL_COMMITMENT_LEN];
};

static void seal_keys_done(struct seal_keys *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

static int derive(const struct secret *key, const uint8_t *salt, struct span context,
	struct seal_keys *ret)
{
	struct span info[] = { SPAN_LIT(SEAL_INFO_HEAD), { salt, SEAL_SALT_LEN }, context };
	int r;

	r = hkdf_expand(
		&digest_sha512, SPAN_OF(*key), info, COUNT(info), (uint8_t *)ret, sizeof(*ret));
	return r < 0 ? err_up(r) : 0;
}

/* Base nonce XOR chunk number, big-endian in the last 8 bytes. */
static void nonce_of(const struct seal_keys *k, uint64_t chunk, uint8_t ret[AEAD_NONCE_LEN])
{
	memcpy(ret, k->nonce, AEAD_NONCE_LEN);
	for (size_t i = 0; i < 8; i++)
		ret[AEAD_NONCE_LEN - 1 - i] ^= (uint8_t)(chunk >> (8 * i));
}

int crypto_seal(struct crypto *c, const struct secret *key, struct span context,
	struct span plain, uint8_t *ret)
{
	CLEANUP(seal_keys_done) struct seal_keys k;
	uint64_t last = plain.len / SEAL_CHUNK;
	uint8_t nonce[AEAD_NONCE_LEN];
	int r;

	c->counts.seals++;
	r = crypto_random(c, ret, SEAL_SALT_LEN);
	if (r < 0)
		return err_up(r);
	r = derive(key, ret, context, &k);
	if (r < 0)
		return err_up(r);
	memcpy(ret + SEAL_SALT_LEN, k.commitment, sizeof(k.commitment));
	ret += SEAL_HEAD_LEN;

	for (uint64_t i = 0; i <= last; i++) {
		size_t len = i < last ? SEAL_CHUNK : plain.len % SEAL_CHUNK;
		struct span chunk = { len > 0 ? plain.at + i * SEAL_CHUNK : NULL, len };

		nonce_of(&k, i, nonce);
		r = aead_seal(c->gcm, i == 0 ? k.key : NULL, nonce, (struct span){ 0 }, chunk,
			ret + i * SEALED_CHUNK);
		if (r < 0)
			return err_up(r);
	}
	return 0;
}

int crypto_open(struct crypto *c, const struct secret *key, struct span context,
	struct span sealed, uint8_t *ret, size_t *ret_len)
{
	CLEANUP(seal_keys_done) struct seal_keys k;
	uint8_t nonce[AEAD_NONCE_LEN];
	uint64_t last;
	size_t tail;
	int r;

	c->counts.opens++;
	if (sealed.len < SEAL_HEAD_LEN + SEAL_TAG_LEN)
		return CRYPTO_E_BAD;
	last = (sealed.len - SEAL_HEAD_LEN) / SEALED_CHUNK;
	tail = (sealed.len - SEAL_HEAD_LEN) % SEALED_CHUNK;
	if (tail < SEAL_TAG_LEN) /* the last chunk is always shorter, and always there */
		return CRYPTO_E_BAD;

	r = derive(key, sealed.at, context, &k);
	if (r < 0)
		return err_up(r);
	if (!crypto_same(sealed.at + SEAL_SALT_LEN, k.commitment, sizeof(k.commitment)))
		return CRYPTO_E_BAD;

	for (uint64_t i = 0; i <= last; i++) {
		struct span chunk = { sealed.at + SEAL_HEAD_LEN + i * SEALED_CHUNK,
			i < last ? SEALED_CHUNK : tail };

		nonce_of(&k, i, nonce);
		r = aead_open(c->gcm, i == 0 ? k.key : NULL, nonce, (struct span){ 0 }, chunk,
			ret + i * SEAL_CHUNK);
		if (r != 0 && i > 0)
			OPENSSL_cleanse(ret, i * SEAL_CHUNK);
		if (r != 0)
			return r < 0 ? err_up(r) : r;
	}

	*ret_len = last * SEAL_CHUNK + tail - SEAL_TAG_LEN;
	return 0;
}
