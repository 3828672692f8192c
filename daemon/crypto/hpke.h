/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * HPKE (private to crypto; the tests look in)
 *
 * RFC 9180, base mode, one message: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.
 * A wrap is one use of it; the pieces stand here alone because appendix A.2 has a known answer
 * for each.
 */

#include <kith/crypto.h>

#define HPKE_NONCE_LEN 12
#define HPKE_OVERHEAD  (KEY_LEN + 16) /* enc and tag */

struct hpke_keys {
	struct secret key;
	uint8_t nonce[HPKE_NONCE_LEN]; /* of message 0, which is the only one */
};
void hpke_keys_done(struct hpke_keys *k);

/* The secret that both ends share. .enc comes of 32 bytes of chance and nothing else. A key of
 * low order is CRYPTO_E_BAD. */
MUST_USE int hpke_encap(struct crypto *c, const struct pubkey *recipient,
	struct pubkey *ret_enc, struct secret *ret_shared);
MUST_USE int hpke_decap(struct crypto *c, const struct secret *own,
	const struct pubkey *own_pub, const struct pubkey *enc, struct secret *ret_shared);
MUST_USE int hpke_schedule(
	const struct secret *shared, struct span info, struct hpke_keys *ret);

/* .ret has plain.len + HPKE_OVERHEAD bytes: enc || ciphertext || tag. */
MUST_USE int hpke_seal(struct crypto *c, const struct pubkey *recipient, struct span info,
	struct span aad, struct span plain, uint8_t *ret); /* 0, CRYPTO_E_BAD */
/* .ret has sealed.len - HPKE_OVERHEAD bytes. */
MUST_USE int hpke_open(struct crypto *c, const struct secret *own, const struct pubkey *own_pub,
	struct span info, struct span aad, struct span sealed,
	uint8_t *ret); /* 0, CRYPTO_E_BAD */
