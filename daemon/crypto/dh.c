/* SPDX-License-Identifier: Apache-2.0 */

/*
 * DH
 *
 * X25519 (RFC 7748). Secrets that come here are mostly ephemeral, so none is kept.
 */

#include <openssl/crypto.h>

#include "daemon/crypto/engine.h"

static void pkey_ctx_done(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

int dh_with(EVP_PKEY *own, const struct pubkey *peer, struct secret *ret)
{
	CLEANUP(pkey_done)
	EVP_PKEY *theirs =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer->b, sizeof(peer->b));
	CLEANUP(pkey_ctx_done) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	size_t len = sizeof(ret->b);

	if (!theirs || !ctx)
		return err_ssl();
	/* Nothing to validate: every 32 bytes are a point, and the low-order ones show below.
	 */
	if (EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer_ex(ctx, theirs, 0) != 1)
		return err_ssl();
	if (EVP_PKEY_derive(ctx, ret->b, &len) != 1 || len != sizeof(ret->b)) {
		secret_done(ret);
		return ssl_verdict();
	}
	return 0;
}

int crypto_dh_keypair(struct crypto *c, struct secret *ret_secret, struct pubkey *ret)
{
	int r = key_make(c, EVP_PKEY_X25519, ret_secret, ret);

	return r < 0 ? err_up(r) : 0;
}

int crypto_dh_public(struct crypto *c, const struct secret *s, struct pubkey *ret)
{
	CLEANUP(pkey_done) EVP_PKEY *key = NULL;
	int r;

	(void)c;
	r = key_import(EVP_PKEY_X25519, s, &key);
	if (r < 0)
		return err_up(r);
	r = key_public(key, ret);
	return r < 0 ? err_up(r) : 0;
}

int crypto_dh(
	struct crypto *c, const struct secret *s, const struct pubkey *peer, struct secret *ret)
{
	CLEANUP(pkey_done) EVP_PKEY *key = NULL;
	int r;

	(void)c;
	r = key_import(EVP_PKEY_X25519, s, &key);
	if (r < 0)
		return err_up(r);
	r = dh_with(key, peer, ret);
	return r < 0 ? err_up(r) : r;
}
