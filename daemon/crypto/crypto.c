/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Crypto
 *
 * Makes and frees the engine. Everything that can be fetched or allocated beforehand is, here:
 * a box and a hash allocate nothing.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "daemon/crypto/engine.h"

int ssl_code(void)
{
	bool memory = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;

	ERR_clear_error();
	return memory ? -ENOMEM : -EIO;
}

int ssl_verdict(void)
{
	int r = ssl_code();

	return r == -ENOMEM ? err_new(r) : CRYPTO_E_BAD;
}

static int cipher_init(const char *name, EVP_CIPHER **ret_type, EVP_CIPHER_CTX **ret)
{
	*ret_type = EVP_CIPHER_fetch(NULL, name, NULL);
	*ret = EVP_CIPHER_CTX_new();
	if (!*ret_type || !*ret)
		return err_ssl();
	/* From now on the cipher is never named again: naming it would rebuild the context. */
	if (!EVP_CipherInit_ex2(*ret, *ret_type, NULL, NULL, 1, NULL))
		return err_ssl();
	return 0;
}

static int engine_init(struct crypto *c)
{
	int r;

	r = cipher_init("AES-256-GCM", &c->gcm_type, &c->gcm);
	if (r < 0)
		return err_up(r);
	r = cipher_init("ChaCha20-Poly1305", &c->chacha_type, &c->chacha);
	if (r < 0)
		return err_up(r);
	c->box = EVP_CIPHER_CTX_new();
	if (!c->box || !EVP_CipherInit_ex2(c->box, c->gcm_type, NULL, NULL, 1, NULL))
		return err_ssl();
	c->signature = EVP_MD_CTX_new();
	if (!c->signature)
		return err_ssl();
	return 0;
}

int crypto_new(struct chance chance, struct crypto **ret)
{
	struct crypto *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_new(-ENOMEM);

	c->chance = chance;
	r = engine_init(c);
	if (r < 0) {
		crypto_free(c);
		return err_up(r);
	}

	*ret = c;
	return 0;
}

struct crypto *crypto_free(struct crypto *c)
{
	if (!c)
		return NULL;

	keys_done(c);
	EVP_MD_CTX_free(c->signature);
	EVP_CIPHER_CTX_free(c->chacha);
	EVP_CIPHER_CTX_free(c->box);
	EVP_CIPHER_CTX_free(c->gcm);
	EVP_CIPHER_free(c->chacha_type);
	EVP_CIPHER_free(c->gcm_type);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
	return NULL;
}

static int draw(struct crypto *c, void *into, size_t len)
{
	int r;

	c->counts.draws++;
	r = c->chance.fill(c->chance.ctx, into, len);
	return r < 0 ? err_up(r) : err_odd(r);
}

int crypto_random(struct crypto *c, void *into, size_t len)
{
	uint8_t *at = c->drawn + DRAW_MAX - c->n_drawn;

	if (!len || len > c->n_drawn)
		return draw(c, into, len);
	memcpy(into, at, len);
	OPENSSL_cleanse(at, len);
	c->n_drawn -= len;
	return 0;
}

int crypto_draw(struct crypto *c, size_t len)
{
	int r;

	assert(len <= DRAW_MAX);
	crypto_drawn(c);
	r = draw(c, c->drawn + DRAW_MAX - len, len);
	if (r < 0)
		return err_up(r);
	c->n_drawn = len;
	return 0;
}

void crypto_drawn(struct crypto *c)
{
	OPENSSL_cleanse(c->drawn + DRAW_MAX - c->n_drawn, c->n_drawn);
	c->n_drawn = 0;
}

const struct crypto_counts *crypto_counts(const struct crypto *c)
{
	return &c->counts;
}

bool crypto_same(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void secret_done(struct secret *s)
{
	OPENSSL_cleanse(s, sizeof(*s));
}
