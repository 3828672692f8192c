/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Crypto
 *
 * Every cryptographic operation of kith, over OpenSSL, which is seen nowhere else. Pure code
 * reaches these through a struct crypto (a port), so the same calls work in kithd and in the
 * simulator; chance is a port too. One struct crypto belongs to one thread: it keeps the
 * fetched algorithms and one context of each kind.
 *
 * Results follow <kith/err.h>: 0, a verdict below, or < 0 when OpenSSL itself failed.
 */

#include <kith/base.h>
#include <kith/err.h>
#include <kith/ident.h>

#define KEY_LEN             32 /* Ed25519 and X25519 keys, content keys, store keys */
#define SIG_LEN             64
#define SEAL_SALT_LEN       24
#define SEAL_COMMITMENT_LEN 32
#define SEAL_TAG_LEN        16
#define SEAL_CHUNK          16384
/* What sealing adds to .len bytes: salt, commitment, one tag a chunk; the last chunk is always
 * shorter than SEAL_CHUNK, so a multiple of it gains an empty one (P4.1). */
#define SEALED_LEN(len)                                                                        \
	(SEAL_SALT_LEN + SEAL_COMMITMENT_LEN + (len) + ((len) / SEAL_CHUNK + 1) * SEAL_TAG_LEN)
#define WRAP_LEN (KEY_LEN + KEY_LEN + 16) /* HPKE enc || ciphertext of one content key */

enum {
	CRYPTO_E_BAD = 1, /* a signature, tag, commitment or length that is not right */
};

struct pubkey {
	uint8_t b[KEY_LEN];
};
struct sig {
	uint8_t b[SIG_LEN];
};
/* Wiped by its _done; never copied by assignment outside crypto, host and core's keys. */
struct secret {
	uint8_t b[KEY_LEN];
};
void secret_done(struct secret *s);

/* Chance: fills .into. The kernel's in kithd, seeded in the simulator. */
struct chance {
	void *ctx;
	MUST_USE int (*fill)(void *ctx, void *into, size_t len);
};

struct crypto; /* fetched algorithms, contexts, a small cache of verification keys */

MUST_USE int crypto_new(struct chance chance, struct crypto **ret);
struct crypto *crypto_free(struct crypto *c); /* accepts NULL, returns NULL */
MUST_USE int crypto_random(struct crypto *c, void *into, size_t len);
/* Draws at once what the calls of crypto_random() until crypto_drawn() take, up to .len bytes,
 * at most DRAW_MAX. What is left then is forgotten: nothing drawn stays from one piece of work
 * to the next, where a fork or a copy of the machine could use it twice. */
#define DRAW_MAX 128
MUST_USE int crypto_draw(struct crypto *c, size_t len);
void crypto_drawn(struct crypto *c);

/* Counted since crypto_new: gates in the tests are counts (verifications, hashes...). A hash is
 * one crypto_hash or one node of a Merkle tree; boxes, opened ones too, are not seals;
 * unwrapping counts as wraps; a draw is one call of chance. */
struct crypto_counts {
	uint64_t signs, verifies, hashes, seals, opens, wraps, boxes, draws;
};
const struct crypto_counts *crypto_counts(const struct crypto *c);

/* SHA-256 over the parts in order. */
MUST_USE int crypto_hash(
	struct crypto *c, const struct span *parts, size_t n, struct hash *ret);
/* HMAC-SHA-256; the key may have any length. */
MUST_USE int crypto_mac(struct crypto *c, struct span key, const struct span *parts, size_t n,
	struct hash *ret);
/* HKDF-SHA-256, extract and expand (RFC 5869). .len at most 255 * 32. */
MUST_USE int crypto_hkdf(struct crypto *c, struct span salt, struct span ikm, struct span info,
	uint8_t *ret, size_t len);
/* Equal in constant time. */
bool crypto_same(const void *a, const void *b, size_t len);

/* Ed25519 (RFC 8032). A signed message is label || parts; every label ends in "/1\0". */
MUST_USE int crypto_sign_keypair(
	struct crypto *c, struct secret *ret_secret, struct pubkey *ret);
MUST_USE int crypto_sign_public(struct crypto *c, const struct secret *s, struct pubkey *ret);
MUST_USE int crypto_sign(struct crypto *c, const struct secret *key, struct span label,
	struct span message, struct sig *ret);
MUST_USE int crypto_verify(struct crypto *c, const struct pubkey *key, struct span label,
	struct span message, const struct sig *sig); /* 0, CRYPTO_E_BAD */

/* X25519. An all-zero result (low order point) is CRYPTO_E_BAD. */
MUST_USE int crypto_dh_keypair(struct crypto *c, struct secret *ret_secret, struct pubkey *ret);
MUST_USE int crypto_dh_public(struct crypto *c, const struct secret *s, struct pubkey *ret);
MUST_USE int crypto_dh(struct crypto *c, const struct secret *s, const struct pubkey *peer,
	struct secret *ret);

/* Seal and open: C2SP chunked encryption, Cobblestone-256 (P4.1). .ret has
 * SEALED_LEN(plain.len) bytes; opening gives sealed.len - overhead. In and out must not
 * overlap. */
MUST_USE int crypto_seal(struct crypto *c, const struct secret *key, struct span context,
	struct span plain, uint8_t *ret);
MUST_USE int crypto_open(struct crypto *c, const struct secret *key, struct span context,
	struct span sealed, uint8_t *ret, size_t *ret_len); /* 0, CRYPTO_E_BAD */

/* One AES-256-GCM box with an explicit 12-byte nonce: session frames (P8.4) and rows at rest.
 * .ret has plain.len + 16 bytes. */
MUST_USE int crypto_box(struct crypto *c, const struct secret *key, const uint8_t nonce[12],
	struct span aad, struct span plain, uint8_t *ret);
MUST_USE int crypto_unbox(struct crypto *c, const struct secret *key, const uint8_t nonce[12],
	struct span aad, struct span boxed, uint8_t *ret); /* 0, CRYPTO_E_BAD */

/* HPKE base mode (RFC 9180), DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, one
 * message, empty AAD (P5.2). A wrap is enc(32) || ciphertext(32) || tag(16). */
MUST_USE int crypto_wrap(struct crypto *c, const struct pubkey *recipient, struct span info,
	const struct secret *key,
	uint8_t ret[WRAP_LEN]); /* 0, CRYPTO_E_BAD: low order recipient */
MUST_USE int crypto_unwrap(struct crypto *c, const struct secret *own,
	const struct pubkey *own_pub, struct span info, const uint8_t wrap[WRAP_LEN],
	struct secret *ret); /* 0, CRYPTO_E_BAD */

/* RFC 9162 Merkle tree hash over leaves that are hashed here as SHA-256(0x00 || leaf). The
 * leaves come one by one, so that nothing grows with their number. */
struct merkle {
	struct hash node[40];
	uint64_t n;
};
void merkle_init(struct merkle *m);
MUST_USE int merkle_add(struct crypto *c, struct merkle *m, const struct span *parts, size_t n);
MUST_USE int merkle_root(struct crypto *c, const struct merkle *m, struct hash *ret);

/* Inclusion proofs (RFC 9162, 2.1.3). A tree that is held whole: .n leaf hashes, and behind
 * them room for the nodes above, up to the root, which is the last of all. */
#define MERKLE_LEVELS_MAX 16
#define MERKLE_NODES(n)   (2 * (n) + MERKLE_LEVELS_MAX)
MUST_USE int merkle_leaf(struct crypto *c, struct span leaf, struct hash *ret);
MUST_USE int merkle_tree(
	struct crypto *c, struct hash *nodes, size_t n, const struct hash **ret_root);
/* How many hashes prove that a leaf stands at .index of .n; .index < .n. */
size_t merkle_path_len(size_t index, size_t n);
/* They, for a leaf of a whole tree: merkle_path_len hashes. */
void merkle_path(const struct hash *nodes, size_t n, size_t index, uint8_t *ret);
/* The root to which a leaf at .index of .n and such a path lead. */
MUST_USE int merkle_climb(struct crypto *c, const struct hash *leaf, size_t index, size_t n,
	const uint8_t *path, struct hash *ret);

/* Key files: a secret on disk, 0600, written to a temporary name, flushed and renamed. With a
 * wrapping key (32 bytes, from a systemd credential) the file is sealed; without, it is a plain
 * text with a label. .kind is a short word of ours. Verdict CRYPTO_E_BAD, always with .why: on
 * writing, the file is there already; on reading, it is not there, others may read it, it is
 * not this kind of file, or it needs another wrapping key or none. */
MUST_USE int keyfile_write(struct crypto *c, const char *path, const char *kind,
	const struct secret *key, const struct secret *wrapping, struct why *why);
MUST_USE int keyfile_read(struct crypto *c, const char *path, const char *kind,
	const struct secret *wrapping, struct secret *ret, struct why *why);

/* The kernel's chance (getrandom). */
struct chance chance_kernel(void);
