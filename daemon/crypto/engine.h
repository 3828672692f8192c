/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Engine (private to crypto)
 *
 * What the parts of crypto share: the algorithms, fetched once, one context of each kind, and
 * the keys that were imported. An implicit fetch per call costs two to three times as much as
 * hashing a change, and two threads that do it wait for each other.
 */

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <kith/crypto.h>

/* A fatal error of OpenSSL starts here; what it says about itself is dropped. */
#define err_ssl() err_note(ssl_code(), __func__, __FILE__, __LINE__)

#define AEAD_NONCE_LEN 12
#define AEAD_TAG_LEN   16

#define DIGEST_BLOCK_MAX 128
#define DIGEST_LEN_MAX   64
#define INFO_PARTS_MAX   8

#define KEPT_PEERS 64 /* every region of England with a few incarnations each */
#define KEPT_OWN   4

struct digest {
	size_t block, len; /* bytes */
};
extern const struct digest digest_sha256, digest_sha512;
union sha {
	SHA256_CTX sha256;
	SHA512_CTX sha512;
};
/* An HMAC that has taken in its key. */
struct hmac {
	const struct digest *d;
	union sha inner, outer;
};

/* An imported key. Importing costs 15 us for a public and 50 us for a secret one. */
struct kept_key {
	uint8_t raw[KEY_LEN];
	int type; /* EVP_PKEY_ED25519, EVP_PKEY_X25519 */
	EVP_PKEY *key;
	uint64_t used; /* when, on crypto.clock; the oldest makes room */
};

struct crypto {
	struct chance chance;
	uint8_t drawn[DRAW_MAX]; /* the last .n_drawn bytes are for who asks next */
	size_t n_drawn;
	struct crypto_counts counts;
	struct hmac mac;
	struct secret mac_key; /* of .mac */
	bool mac_keyed;        /* .mac_key is one */
	EVP_CIPHER *gcm_type, *chacha_type;
	EVP_CIPHER_CTX *gcm, *chacha;
	EVP_CIPHER_CTX *box;   /* of boxes: rows, one after another, have one key */
	struct secret box_key; /* that .box was given last */
	bool boxed;            /* .box_key is one */
	EVP_MD_CTX *signature; /* empty between calls */
	struct kept_key peers[KEPT_PEERS], own[KEPT_OWN];
	uint64_t clock;
};

int ssl_code(void);
/* An operation said no. Its verdict, unless it said so for want of memory. */
MUST_USE int ssl_verdict(void);

/* SHA over .head and then the parts. .ret has d->len bytes. */
MUST_USE int digest_parts(const struct digest *d, struct span head, const struct span *parts,
	size_t n, uint8_t *ret);
/* HMAC (RFC 2104) in steps: one key, and any number of messages. */
MUST_USE int hmac_init(struct hmac *m, const struct digest *d, struct span key);
MUST_USE int hmac_next(const struct hmac *m, const struct span *parts, size_t n, uint8_t *ret);
void hmac_done(struct hmac *m);
/* HMAC (RFC 2104); HKDF-Extract is this with the salt as key. .ret has d->len bytes. */
MUST_USE int hmac_parts(const struct digest *d, struct span key, const struct span *parts,
	size_t n, uint8_t *ret);
/* HKDF-Expand (RFC 5869); the info is given in at most INFO_PARTS_MAX parts. */
MUST_USE int hkdf_expand(const struct digest *d, struct span prk, const struct span *info,
	size_t n, uint8_t *ret, size_t len);

/* An AEAD over a context that has its cipher. With .key NULL the key of the call before stays,
 * which saves its expansion. Sealing writes plain.len + 16 bytes; opening boxed.len - 16. */
MUST_USE int aead_seal(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce,
	struct span aad, struct span plain, uint8_t *ret);
MUST_USE int aead_open(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce,
	struct span aad, struct span boxed, uint8_t *ret); /* 0, CRYPTO_E_BAD */

/* Import a secret key; the caller frees it. */
MUST_USE int key_import(int type, const struct secret *s, EVP_PKEY **ret);
MUST_USE int key_public(EVP_PKEY *key, struct pubkey *ret);
/* Import and keep; the key is borrowed until the next call. A kept secret lives in memory until
 * others push it out or crypto_free: for keys that we keep anyway, never for ephemeral ones. */
MUST_USE int key_of_peer(struct crypto *c, const struct pubkey *p, EVP_PKEY **ret);
MUST_USE int key_of_own(struct crypto *c, int type, const struct secret *s, EVP_PKEY **ret);
void keys_done(struct crypto *c);
/* New secret from chance. */
MUST_USE int key_make(
	struct crypto *c, int type, struct secret *ret_secret, struct pubkey *ret);

/* X25519 with an imported secret. */
MUST_USE int dh_with(EVP_PKEY *own, const struct pubkey *peer, struct secret *ret);

static inline void pkey_done(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
