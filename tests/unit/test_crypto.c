/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Crypto: hashes, MACs, key derivation, signatures, Diffie-Hellman and the Merkle tree, against
 * the answers their standards publish, and against everything that must be refused.
 */

#include "tests/unit/test_crypto.h"

#include "tests/kit/alloc.h"

#define NO_LABEL ((struct span){ 0 })

static void sha256_of_parts_is_sha256_of_the_whole(void **state)
{
	struct span parts[] = { SPAN_LIT("a"), { 0 }, SPAN_LIT("bc") };
	struct hash h;

	assert_int_equal(crypto_hash(*state, parts, COUNT(parts), &h), 0);
	assert_hex(&h, sizeof(h),
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(crypto_hash(*state, NULL, 0, &h), 0);
	assert_hex(&h, sizeof(h),
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hmac_gives_the_answers_of_rfc_4231(void **state)
{
	uint8_t key[131];
	struct span hi[] = { SPAN_LIT("Hi "), SPAN_LIT("There") };
	struct span want = SPAN_LIT("what do ya want for nothing?");
	struct span large = SPAN_LIT("Test Using Larger Than Block-Size Key - Hash Key First");
	struct hash h;

	memset(key, 0x0b, 20);
	assert_int_equal(crypto_mac(*state, (struct span){ key, 20 }, hi, 2, &h), 0);
	assert_hex(&h, sizeof(h),
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");

	assert_int_equal(crypto_mac(*state, SPAN_LIT("Jefe"), &want, 1, &h), 0);
	assert_hex(&h, sizeof(h),
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");

	memset(key, 0xaa, sizeof(key));
	assert_int_equal(crypto_mac(*state, SPAN_OF(key), &large, 1, &h), 0);
	assert_hex(&h, sizeof(h),
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hkdf_gives_the_answers_of_rfc_5869(void **state)
{
	uint8_t ikm[80], salt[80], info[80], okm[82];

	memset(ikm, 0x0b, 22);
	unhex("000102030405060708090a0b0c", salt, sizeof(salt));
	unhex("f0f1f2f3f4f5f6f7f8f9", info, sizeof(info));
	assert_int_equal(crypto_hkdf(*state, (struct span){ salt, 13 },
				 (struct span){ ikm, 22 }, (struct span){ info, 10 }, okm, 42),
		0);
	assert_hex(okm, 42,
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
		"34007208d5b887185865");

	assert_int_equal(crypto_hkdf(*state, (struct span){ 0 }, (struct span){ ikm, 22 },
				 (struct span){ 0 }, okm, 42),
		0);
	assert_hex(okm, 42,
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
		"9d201395faa4b61a96c8");

	for (size_t i = 0; i < 80; i++) {
		ikm[i] = (uint8_t)i;
		salt[i] = (uint8_t)(0x60 + i);
		info[i] = (uint8_t)(0xb0 + i);
	}
	assert_int_equal(
		crypto_hkdf(*state, SPAN_OF(salt), SPAN_OF(ikm), SPAN_OF(info), okm, 82), 0);
	assert_hex(okm, 82,
		"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
		"59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
		"cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

static void hkdf_gives_as_much_as_the_rfc_allows(void **state)
{
	static uint8_t most[255 * 32], some[33];

	assert_int_equal(crypto_hkdf(*state, SPAN_LIT("salt"), SPAN_LIT("key"),
				 SPAN_LIT("info"), most, sizeof(most)),
		0);
	assert_int_equal(crypto_hkdf(*state, SPAN_LIT("salt"), SPAN_LIT("key"),
				 SPAN_LIT("info"), some, sizeof(some)),
		0);
	assert_memory_equal(most, some, sizeof(some));
	assert_memory_not_equal(most, most + sizeof(most) - 32, 32);
}

static void same_sees_a_difference_in_any_byte(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	(void)state;
	assert_true(crypto_same(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] = 0x80;
		assert_false(crypto_same(a, b, sizeof(a)));
		b[i] = 0;
	}
}

static const struct {
	const char *secret, *public, *message, *sig;
} rfc8032[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
		"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
		"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
		"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
		"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
	{ "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
		"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
		"09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704" },
};

static void ed25519_gives_the_answers_of_rfc_8032(void **state)
{
	for (size_t i = 0; i < COUNT(rfc8032); i++) {
		uint8_t text[64];
		struct span message = { text, unhex(rfc8032[i].message, text, sizeof(text)) };
		struct pubkey public;
		struct secret secret;
		struct sig sig;

		UNHEX(rfc8032[i].secret, secret);
		assert_int_equal(crypto_sign_public(*state, &secret, &public), 0);
		assert_hex(&public, sizeof(public), rfc8032[i].public);
		assert_int_equal(crypto_sign(*state, &secret, NO_LABEL, message, &sig), 0);
		assert_hex(&sig, sizeof(sig), rfc8032[i].sig);
		assert_int_equal(crypto_verify(*state, &public, NO_LABEL, message, &sig), 0);
	}
}

/* Longer than what is signed without asking for memory. */
static void ed25519_signs_a_message_of_many_sizes(void **state)
{
	static uint8_t message[70000];
	struct secret secret;
	struct pubkey public;
	struct sig sig, whole;

	assert_int_equal(crypto_sign_keypair(*state, &secret, &public), 0);
	assert_int_equal(crypto_random(*state, message, sizeof(message)), 0);
	for (size_t len = 500; len < sizeof(message); len += len < 530 ? 1 : 23173) {
		struct span all = { message, len };
		struct span label = { message, 12 }, rest = { message + 12, len - 12 };

		assert_int_equal(crypto_sign(*state, &secret, label, rest, &sig), 0);
		assert_int_equal(crypto_sign(*state, &secret, NO_LABEL, all, &whole), 0);
		assert_memory_equal(&sig, &whole, sizeof(sig));
		assert_int_equal(crypto_verify(*state, &public, label, rest, &sig), 0);
		message[len - 1] ^= 1;
		assert_int_equal(
			crypto_verify(*state, &public, label, rest, &sig), CRYPTO_E_BAD);
	}
}

static void a_signature_with_any_bit_flipped_is_refused(void **state)
{
	struct span label = SPAN_LIT("kith/sign/1\0"), message = SPAN_LIT("32 bytes or so");
	struct secret secret;
	struct pubkey public;
	struct sig sig;

	assert_int_equal(crypto_sign_keypair(*state, &secret, &public), 0);
	assert_int_equal(crypto_sign(*state, &secret, label, message, &sig), 0);
	for (size_t bit = 0; bit < 8 * sizeof(sig); bit++) {
		sig.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			crypto_verify(*state, &public, label, message, &sig), CRYPTO_E_BAD);
		sig.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(crypto_verify(*state, &public, label, message, &sig), 0);
}

static void a_signature_under_another_label_key_or_message_is_refused(void **state)
{
	struct span label = SPAN_LIT("kith/sign/1\0"), message = SPAN_LIT("moved to Leeds");
	struct secret secret, other_secret;
	struct pubkey public, other;
	struct sig sig;

	assert_int_equal(crypto_sign_keypair(*state, &secret, &public), 0);
	assert_int_equal(crypto_sign_keypair(*state, &other_secret, &other), 0);
	assert_int_equal(crypto_sign(*state, &secret, label, message, &sig), 0);

	assert_int_equal(crypto_verify(*state, &other, label, message, &sig), CRYPTO_E_BAD);
	assert_int_equal(
		crypto_verify(*state, &public, SPAN_LIT("kith/card/1\0"), message, &sig),
		CRYPTO_E_BAD);
	assert_int_equal(crypto_verify(*state, &public, label, SPAN_LIT("moved to Leed"), &sig),
		CRYPTO_E_BAD);
	assert_int_equal(
		crypto_verify(*state, &public, label, SPAN_LIT("moved to Leeds "), &sig),
		CRYPTO_E_BAD);
	assert_int_equal(crypto_verify(*state, &public, label, message, &sig), 0);
}

static void a_signature_whose_s_is_not_reduced_is_refused(void **state)
{
	struct secret secret;
	struct pubkey public;
	struct sig sig;
	uint8_t order[32];
	unsigned carry = 0;

	UNHEX("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order);
	assert_int_equal(crypto_sign_keypair(*state, &secret, &public), 0);
	assert_int_equal(crypto_sign(*state, &secret, NO_LABEL, SPAN_LIT("x"), &sig), 0);
	for (size_t i = 0; i < sizeof(order); i++) {
		carry += sig.b[32 + i] + (unsigned)order[i];
		sig.b[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(carry, 0);
	assert_int_equal(
		crypto_verify(*state, &public, NO_LABEL, SPAN_LIT("x"), &sig), CRYPTO_E_BAD);
}

static void a_key_that_is_no_point_is_a_verdict(void **state)
{
	struct pubkey public = { { 2 } };
	struct sig sig = { { 0 } };

	assert_int_equal(
		crypto_verify(*state, &public, NO_LABEL, SPAN_LIT("x"), &sig), CRYPTO_E_BAD);
}

/* More keys than are kept, each used again after it was pushed out. */
static void many_keys_take_turns(void **state)
{
	enum { MANY = 150 };
	static struct secret secret[MANY];
	static struct pubkey public[MANY];
	static struct sig sig[MANY];

	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(crypto_sign_keypair(*state, &secret[i], &public[i]), 0);
		assert_int_equal(
			crypto_sign(*state, &secret[i], NO_LABEL, SPAN_LIT("x"), &sig[i]), 0);
	}
	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < MANY; i++) {
			struct span x = SPAN_LIT("x");
			size_t other = (i + 1) % MANY;

			assert_int_equal(
				crypto_verify(*state, &public[i], NO_LABEL, x, &sig[i]), 0);
			assert_int_equal(
				crypto_verify(*state, &public[i], NO_LABEL, x, &sig[other]),
				CRYPTO_E_BAD);
		}
	for (size_t i = 0; i < MANY; i++) {
		struct sig again;

		assert_int_equal(
			crypto_sign(*state, &secret[i], NO_LABEL, SPAN_LIT("x"), &again), 0);
		assert_memory_equal(&again, &sig[i], sizeof(again));
	}
}

static void x25519_gives_the_answers_of_rfc_7748(void **state)
{
	struct secret k, out;
	struct pubkey u;

	UNHEX("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", k);
	UNHEX("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", u);
	assert_int_equal(crypto_dh(*state, &k, &u, &out), 0);
	assert_hex(&out, sizeof(out),
		"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");

	UNHEX("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d", k);
	UNHEX("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493", u);
	assert_int_equal(crypto_dh(*state, &k, &u, &out), 0);
	assert_hex(&out, sizeof(out),
		"95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

static void x25519_of_itself_a_thousand_times_is_as_rfc_7748_says(void **state)
{
	struct secret k = { { 9 } }, out;
	struct pubkey u = { { 9 } };

	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(crypto_dh(*state, &k, &u, &out), 0);
		memcpy(&u, &k, sizeof(u));
		memcpy(&k, &out, sizeof(k));
		if (i == 0)
			assert_hex(&k, sizeof(k),
				"422c8e7a6227d7bca1350b3e2bb7279f"
				"7897b87bb6854b783c60e80311ae3079");
	}
	assert_hex(&k, sizeof(k),
		"684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

static void both_ends_of_a_diffie_hellman_agree(void **state)
{
	struct secret a, b, ab, ba;
	struct pubkey a_pub, b_pub, again;

	assert_int_equal(crypto_dh_keypair(*state, &a, &a_pub), 0);
	assert_int_equal(crypto_dh_keypair(*state, &b, &b_pub), 0);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_int_equal(crypto_dh_public(*state, &a, &again), 0);
	assert_memory_equal(&again, &a_pub, sizeof(again));
	assert_int_equal(crypto_dh(*state, &a, &b_pub, &ab), 0);
	assert_int_equal(crypto_dh(*state, &b, &a_pub, &ba), 0);
	assert_memory_equal(&ab, &ba, sizeof(ab));
}

static void a_point_of_low_order_is_refused(void **state)
{
	static const char *const low[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	struct secret own, out;
	struct pubkey own_pub, peer;

	assert_int_equal(crypto_dh_keypair(*state, &own, &own_pub), 0);
	for (size_t i = 0; i < COUNT(low); i++) {
		UNHEX(low[i], peer);
		assert_int_equal(crypto_dh(*state, &own, &peer, &out), CRYPTO_E_BAD);
	}
}

static void a_merkle_tree_of_nought_to_eight_leaves_has_the_known_root(void **state)
{
	static const char *const leaves[] = { "", "00", "10", "2021", "3031", "40414243",
		"5051525354555657", "606162636465666768696a6b6c6d6e6f" };
	static const char *const roots[] = {
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	};
	struct merkle m;
	struct hash root;

	merkle_init(&m);
	for (size_t n = 0;; n++) {
		uint8_t leaf[16];
		struct span parts[2];

		assert_int_equal(merkle_root(*state, &m, &root), 0);
		assert_hex(&root, sizeof(root), roots[n]);
		if (n == COUNT(leaves))
			break;
		/* In two parts, as a leaf is salt and the rest. */
		parts[0] = (struct span){ leaf, unhex(leaves[n], leaf, sizeof(leaf)) / 2 };
		parts[1] = (struct span){ leaf + parts[0].len,
			strlen(leaves[n]) / 2 - parts[0].len };
		assert_int_equal(merkle_add(*state, &m, parts, 2), 0);
	}
}

/* RFC 9162, 2.1.1 as it is written: split at the largest power of two below n. Nine deep.
 * NOLINTNEXTLINE(misc-no-recursion) */
static void root_by_definition(
	struct crypto *c, const struct hash *leaf, size_t n, struct hash *ret)
{
	struct hash half[2];
	struct span parts[] = { SPAN_LIT("\x01"), SPAN_OF(half) };
	size_t k = 1;

	if (n == 1) {
		*ret = leaf[0];
		return;
	}
	while (2 * k < n)
		k *= 2;
	root_by_definition(c, leaf, k, &half[0]);
	root_by_definition(c, leaf + k, n - k, &half[1]);
	assert_int_equal(crypto_hash(c, parts, COUNT(parts), ret), 0);
}

static void a_merkle_tree_of_any_size_has_the_root_of_the_definition(void **state)
{
	static struct hash leaf[300];
	struct merkle m;

	merkle_init(&m);
	for (size_t n = 1; n <= COUNT(leaf); n++) {
		struct span parts[] = { SPAN_LIT("\0"), SPAN_OF(n) };
		struct hash root, expected;

		assert_int_equal(crypto_hash(*state, parts, 2, &leaf[n - 1]), 0);
		assert_int_equal(merkle_add(*state, &m, &parts[1], 1), 0);
		assert_int_equal(merkle_root(*state, &m, &root), 0);
		root_by_definition(*state, leaf, n, &expected);
		assert_memory_equal(&root, &expected, sizeof(root));
	}
}

static void what_is_done_is_counted(void **state)
{
	struct crypto *c = *state;
	const struct crypto_counts *n = crypto_counts(c);
	uint8_t sealed[SEALED_LEN(5)], plain[5], wrap[WRAP_LEN];
	struct secret secret, key = { { 7 } };
	struct span five = SPAN_LIT("12345");
	struct pubkey public, kem;
	struct merkle m;
	struct hash h;
	struct sig sig;
	size_t len;

	assert_int_equal(crypto_sign_keypair(c, &secret, &public), 0);
	assert_int_equal(n->signs, 0);
	assert_int_equal(crypto_sign(c, &secret, NO_LABEL, five, &sig), 0);
	assert_int_equal(crypto_verify(c, &public, NO_LABEL, five, &sig), 0);
	assert_int_equal(crypto_verify(c, &public, five, five, &sig), CRYPTO_E_BAD);
	assert_int_equal(n->signs, 1);
	assert_int_equal(n->verifies, 2);

	assert_int_equal(crypto_hash(c, &five, 1, &h), 0);
	assert_int_equal(crypto_mac(c, five, &five, 1, &h), 0);
	assert_int_equal(n->hashes, 1);
	merkle_init(&m);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(merkle_add(c, &m, &five, 1), 0);
	assert_int_equal(merkle_root(c, &m, &h), 0);
	assert_int_equal(n->hashes, 1 + 4 + 3);

	assert_int_equal(crypto_seal(c, &key, five, five, sealed), 0);
	assert_int_equal(crypto_open(c, &key, five, SPAN_OF(sealed), plain, &len), 0);
	assert_int_equal(n->seals, 1);
	assert_int_equal(n->opens, 1);

	assert_int_equal(crypto_dh_keypair(c, &secret, &kem), 0);
	assert_int_equal(crypto_wrap(c, &kem, five, &key, wrap), 0);
	assert_int_equal(n->wraps, 1);
	assert_int_equal(n->hashes, 8);
}

static void chance_is_asked_for_exactly_what_a_key_needs(void **state)
{
	static const uint8_t bytes[64] = { 1, 2, 3, [32] = 4, 5, 6 };
	struct script script = { bytes, sizeof(bytes) };
	struct crypto *c = engine_with((struct chance){ &script, script_fill });
	struct secret sign, dh;
	struct pubkey public;
	uint8_t more;

	(void)state;
	assert_int_equal(crypto_sign_keypair(c, &sign, &public), 0);
	assert_memory_equal(&sign, bytes, 32);
	assert_int_equal(crypto_dh_keypair(c, &dh, &public), 0);
	assert_memory_equal(&dh, bytes + 32, 32);
	assert_int_equal(script.left, 0);

	/* A generator that fails is fatal, and goes up as it came. */
	assert_int_equal(crypto_random(c, &more, 1), -61);
	assert_int_equal(crypto_dh_keypair(c, &dh, &public), -61);
	err_forget();
	crypto_free(c);
}

static void what_is_drawn_at_once_is_taken_in_order_and_its_rest_by_nobody(void **state)
{
	static const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct script script = { bytes, sizeof(bytes) };
	struct crypto *c = engine_with((struct chance){ &script, script_fill });
	uint8_t got[8] = { 0 };

	(void)state;
	assert_int_equal(crypto_draw(c, 4), 0);
	assert_int_equal(crypto_random(c, got, 2), 0);
	assert_int_equal(crypto_random(c, got + 2, 1), 0);
	assert_memory_equal(got, bytes, 3);
	assert_int_equal(crypto_random(c, got, 2), 0); /* more than is left of it */
	assert_memory_equal(got, bytes + 4, 2);
	crypto_drawn(c);
	assert_int_equal(crypto_random(c, got, 1), 0);
	assert_int_equal(got[0], 7);
	assert_int_equal(crypto_counts(c)->draws, 3);
	assert_int_equal(crypto_draw(c, 2), -61);
	assert_int_equal(crypto_random(c, got, 1), 0); /* nothing was kept of that */
	assert_int_equal(got[0], 8);
	err_forget();
	crypto_free(c);
}

static void the_kernels_chance_fills_large_buffers_and_does_not_repeat(void **state)
{
	static uint8_t a[1 << 20], b[1 << 20], zero[64];

	assert_int_equal(crypto_random(*state, a, sizeof(a)), 0);
	assert_int_equal(crypto_random(*state, b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, 64);
	assert_memory_not_equal(a + sizeof(a) - 64, zero, 64);
	assert_int_equal(crypto_random(*state, NULL, 0), 0);
}

static void a_wiped_secret_is_zero(void **state)
{
	static const struct secret zero;
	struct secret s;

	(void)state;
	memset(&s, 0x5a, sizeof(s));
	secret_done(&s);
	assert_memory_equal(&s, &zero, sizeof(s));
}

static void an_engine_without_memory_is_not_made(void **state)
{
	struct crypto *c = NULL;

	(void)state;
	alloc_fail_at(1);
	assert_int_equal(crypto_new(chance_kernel(), &c), -12 /* ENOMEM */);
	assert_true(alloc_failed());
	assert_null(c);
	assert_null(crypto_free(NULL));
	err_forget();
}

static void a_long_message_without_memory_is_neither_signed_nor_refused(void **state)
{
	static uint8_t message[4096];
	struct secret secret;
	struct pubkey public;
	struct sig sig;

	assert_int_equal(crypto_sign_keypair(*state, &secret, &public), 0);
	alloc_fail_at(1);
	assert_int_equal(crypto_sign(*state, &secret, NO_LABEL, SPAN_OF(message), &sig), -12);
	assert_true(alloc_failed());
	assert_int_equal(crypto_sign(*state, &secret, NO_LABEL, SPAN_OF(message), &sig), 0);
	alloc_fail_at(1);
	assert_int_equal(crypto_verify(*state, &public, NO_LABEL, SPAN_OF(message), &sig), -12);
	assert_true(alloc_failed());
	assert_int_equal(crypto_verify(*state, &public, NO_LABEL, SPAN_OF(message), &sig), 0);
	err_forget();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_ENGINE(sha256_of_parts_is_sha256_of_the_whole),
		IN_ENGINE(hmac_gives_the_answers_of_rfc_4231),
		IN_ENGINE(hkdf_gives_the_answers_of_rfc_5869),
		IN_ENGINE(hkdf_gives_as_much_as_the_rfc_allows),
		cmocka_unit_test(same_sees_a_difference_in_any_byte),
		IN_ENGINE(ed25519_gives_the_answers_of_rfc_8032),
		IN_ENGINE(ed25519_signs_a_message_of_many_sizes),
		IN_ENGINE(a_signature_with_any_bit_flipped_is_refused),
		IN_ENGINE(a_signature_under_another_label_key_or_message_is_refused),
		IN_ENGINE(a_signature_whose_s_is_not_reduced_is_refused),
		IN_ENGINE(a_key_that_is_no_point_is_a_verdict),
		IN_ENGINE(many_keys_take_turns),
		IN_ENGINE(x25519_gives_the_answers_of_rfc_7748),
		IN_ENGINE(x25519_of_itself_a_thousand_times_is_as_rfc_7748_says),
		IN_ENGINE(both_ends_of_a_diffie_hellman_agree),
		IN_ENGINE(a_point_of_low_order_is_refused),
		IN_ENGINE(a_merkle_tree_of_nought_to_eight_leaves_has_the_known_root),
		IN_ENGINE(a_merkle_tree_of_any_size_has_the_root_of_the_definition),
		IN_ENGINE(what_is_done_is_counted),
		cmocka_unit_test(chance_is_asked_for_exactly_what_a_key_needs),
		cmocka_unit_test(
			what_is_drawn_at_once_is_taken_in_order_and_its_rest_by_nobody),
		IN_ENGINE(the_kernels_chance_fills_large_buffers_and_does_not_repeat),
		cmocka_unit_test(a_wiped_secret_is_zero),
		cmocka_unit_test(an_engine_without_memory_is_not_made),
		IN_ENGINE(a_long_message_without_memory_is_neither_signed_nor_refused),
	};

	return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
