/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sign
 *
 * Ed25519 over label || message. The label says what is signed, so that a signature of one
 * thing can never pass for a signature of another.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/crypto/engine.h"

#define MOST_MESSAGES 512 /* bytes of label and message that fit without asking for memory */

/* Ed25519 passes over its message twice, so it has to be in one piece. */
struct piece {
	uint8_t here[MOST_MESSAGES];
	uint8_t *at, *more;
	size_t len;
};

static void piece_done(struct piece *p)
{
	free(p->more);
}

static int piece_init(struct piece *p, struct span label, struct span message)
{
	p->more = NULL;
	p->at = p->here;
	p->len = label.len + message.len;
	if (p->len > sizeof(p->here)) {
		p->more = malloc(p->len);
		if (!p->more)
			return err_new(-ENOMEM);
		p->at = p->more;
	}
	if (label.len > 0)
		memcpy(p->at, label.at, label.len);
	if (message.len > 0)
		memcpy(p->at + label.len, message.at, message.len);
	return 0;
}

int crypto_sign_keypair(struct crypto *c, struct secret *ret_secret, struct pubkey *ret)
{
	int r = key_make(c, EVP_PKEY_ED25519, ret_secret, ret);

	return r < 0 ? err_up(r) : 0;
}

int crypto_sign_public(struct crypto *c, const struct secret *s, struct pubkey *ret)
{
	CLEANUP(pkey_done) EVP_PKEY *key = NULL;
	int r;

	(void)c;
	r = key_import(EVP_PKEY_ED25519, s, &key);
	if (r < 0)
		return err_up(r);
	r = key_public(key, ret);
	return r < 0 ? err_up(r) : 0;
}

int crypto_sign(struct crypto *c, const struct secret *key, struct span label,
	struct span message, struct sig *ret)
{
	CLEANUP(piece_done) struct piece p;
	size_t len = sizeof(ret->b);
	EVP_PKEY *k;
	int r;

	c->counts.signs++;
	r = piece_init(&p, label, message);
	if (r < 0)
		return err_up(r);
	r = key_of_own(c, EVP_PKEY_ED25519, key, &k);
	if (r < 0)
		return err_up(r);

	if (!EVP_DigestSignInit(c->signature, NULL, NULL, NULL, k) ||
		!EVP_DigestSign(c->signature, ret->b, &len, p.at, p.len) || len != SIG_LEN)
		r = err_ssl();
	/* A context that is given another key keeps working with the first. */
	EVP_MD_CTX_reset(c->signature);
	return r;
}

int crypto_verify(struct crypto *c, const struct pubkey *key, struct span label,
	struct span message, const struct sig *sig)
{
	CLEANUP(piece_done) struct piece p;
	EVP_PKEY *k;
	int r;

	c->counts.verifies++;
	r = piece_init(&p, label, message);
	if (r < 0)
		return err_up(r);
	r = key_of_peer(c, key, &k);
	if (r < 0)
		return err_up(r);

	if (!EVP_DigestVerifyInit(c->signature, NULL, NULL, NULL, k))
		r = err_ssl();
	else if (EVP_DigestVerify(c->signature, sig->b, sizeof(sig->b), p.at, p.len) != 1)
		r = ssl_verdict();
	EVP_MD_CTX_reset(c->signature);
	return r;
}
