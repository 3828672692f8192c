/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Boxes and seals. The sealed texts were made by another program, from HKDF and AES-GCM of
 * Python's cryptography; what is damaged in any way must not open, and must leave nothing.
 */

#include "tests/unit/test_crypto.h"

#include <stdlib.h>

#define BIG  (257 * SEAL_CHUNK + 1) /* the chunk number needs its second byte */
#define ROOM SEALED_LEN(BIG)
#define WIRE (SEAL_CHUNK + SEAL_TAG_LEN)
#define HEAD (SEAL_SALT_LEN + SEAL_COMMITMENT_LEN)

static const struct secret key = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 } };
static const uint8_t salt[SEAL_SALT_LEN] = { 100, 101, 102, 103, 104, 105, 106, 107, 108, 109,
	110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123 };

static uint8_t plain[BIG], sealed[ROOM], other[ROOM], opened[ROOM];

static int buffers_reset(void **state)
{
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7 + 3);
	memset(sealed, 0, sizeof(sealed));
	memset(opened, 0xa5, sizeof(opened));
	return engine_up(state);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, buffers_reset, engine_down)

static struct span sealed_of(struct crypto *c, struct span context, size_t len)
{
	assert_int_equal(crypto_seal(c, &key, context, (struct span){ plain, len }, sealed), 0);
	return (struct span){ sealed, SEALED_LEN(len) };
}

/* It does not open, and nothing of the text stands in the buffer. */
static void assert_shut(struct crypto *c, struct span context, struct span what)
{
	size_t len = 4711, head = what.len < 16 ? what.len : 16;

	memset(opened, 0xa5, sizeof(opened));
	assert_int_equal(crypto_open(c, &key, context, what, opened, &len), CRYPTO_E_BAD);
	assert_int_equal(len, 4711);
	if (head == 16)
		assert_memory_not_equal(opened, plain, head);
}

static void seal_is_cobblestone_256(void **state)
{
	struct script script = { salt, sizeof(salt) };
	struct crypto *c = engine_with((struct chance){ &script, script_fill });
	uint8_t small[SEALED_LEN(11)];

	(void)state;
	assert_int_equal(
		crypto_seal(c, &key, (struct span){ 0 }, (struct span){ 0 }, small), 0);
	assert_hex(small, SEALED_LEN(0),
		"6465666768696a6b6c6d6e6f707172737475767778797a7bc3e85ce0f72398b0"
		"116b509fc0959fe37713642695670dff847e2ae8493f183de5729036f651cf9b"
		"55ddcfae225bd451");

	script = (struct script){ salt, sizeof(salt) };
	assert_int_equal(
		crypto_seal(c, &key, SPAN_LIT("kith/body/1\0"), SPAN_LIT("hello world"), small),
		0);
	assert_hex(small, SEALED_LEN(11),
		"6465666768696a6b6c6d6e6f707172737475767778797a7b572e7df6660e9e82"
		"d5d571fd68eed51d73bdda417ef80d08e6f67a99614c509b7a4df35493f48cf0"
		"a217aa400a94d0c43de886baa5fff875871440");
	crypto_free(c);
}

static void a_seal_of_many_chunks_is_cobblestone_256(void **state)
{
	static const struct {
		size_t len;
		const char *hash;
	} known[] = {
		{ SEAL_CHUNK - 1,
			"3680d47dfe7acbb55e7d23d2f6d2cfb3f93e1d6617c88f6d528cee4aa0aa253b" },
		{ SEAL_CHUNK,
			"ca93ab08a0b8fa2cdecac414110d917f5e46442ed30502973ce4db5821e4264f" },
		{ SEAL_CHUNK + 1,
			"e51934d663879b1bb1524c534db2499e372336fcec0f472e4a6054d8fb571302" },
		{ 2 * SEAL_CHUNK,
			"79c63273d411974af8d0f654155f2f77164edd03b0cf1fb910c82b847f0b6505" },
		{ 5 * SEAL_CHUNK + 100,
			"2b013d226956464051753323ffe0b0d00a3381fb4b3d635b42fc19fd58e37ea8" },
		{ BIG, /* of zeros */
			"34bfc63008bdc05e1039468f0b042e974373de459d9dc4737e8321bd599c52b4" },
	};
	struct script script;
	struct crypto *c = engine_with((struct chance){ &script, script_fill });

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		struct span all;
		struct hash h;
		size_t len;

		if (known[i].len == BIG)
			memset(plain, 0, sizeof(plain));
		script = (struct script){ salt, sizeof(salt) };
		all = sealed_of(c, SPAN_LIT("kith/blob/1"), known[i].len);
		assert_int_equal(crypto_hash(c, &all, 1, &h), 0);
		assert_hex(&h, sizeof(h), known[i].hash);

		assert_int_equal(
			crypto_open(c, &key, SPAN_LIT("kith/blob/1"), all, opened, &len), 0);
		assert_int_equal(len, known[i].len);
		assert_memory_equal(opened, plain, len);
	}
	crypto_free(c);
}

static void what_was_sealed_opens_at_every_size_around_a_chunk(void **state)
{
	static const size_t around[] = { 0, SEAL_CHUNK, 2 * SEAL_CHUNK, 3 * SEAL_CHUNK };

	for (size_t i = 0; i < COUNT(around); i++)
		for (size_t len = around[i] < 17 ? 0 : around[i] - 17; len <= around[i] + 17;
			len++) {
			struct span all = sealed_of(*state, SPAN_LIT("c"), len);
			size_t n;

			opened[len] = 0x77;
			assert_int_equal(
				crypto_open(*state, &key, SPAN_LIT("c"), all, opened, &n), 0);
			assert_int_equal(n, len);
			assert_memory_equal(opened, plain, len);
			assert_int_equal(opened[len], 0x77);
		}
}

static void sealing_writes_exactly_its_length(void **state)
{
	static const size_t lens[] = { 0, 1, SEAL_CHUNK - 1, SEAL_CHUNK, SEAL_CHUNK + 1 };

	for (size_t i = 0; i < COUNT(lens); i++) {
		uint8_t *into = malloc(SEALED_LEN(lens[i])); /* a sanitizer watches its end */

		assert_non_null(into);
		assert_int_equal(crypto_seal(*state, &key, SPAN_LIT("c"),
					 (struct span){ plain, lens[i] }, into),
			0);
		free(into);
	}
}

static void the_same_text_is_never_sealed_to_the_same_bytes(void **state)
{
	sealed_of(*state, SPAN_LIT("c"), 100);
	memcpy(other, sealed, SEALED_LEN(100));
	sealed_of(*state, SPAN_LIT("c"), 100);
	assert_memory_not_equal(other, sealed, SEAL_SALT_LEN);
	assert_memory_not_equal(other + HEAD, sealed + HEAD, 100);
}

static void a_seal_with_any_bit_flipped_does_not_open(void **state)
{
	struct span all = sealed_of(*state, SPAN_LIT("c"), 40);

	for (size_t bit = 0; bit < 8 * all.len; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_shut(*state, SPAN_LIT("c"), all);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_long_seal_with_a_bit_flipped_in_any_chunk_leaves_nothing(void **state)
{
	struct span all = sealed_of(*state, SPAN_LIT("c"), 3 * SEAL_CHUNK + 50);

	for (size_t at = HEAD; at < all.len; at += 4099) {
		sealed[at] ^= 0x10;
		assert_shut(*state, SPAN_LIT("c"), all);
		sealed[at] ^= 0x10;
	}
}

static void a_seal_cut_short_anywhere_does_not_open(void **state)
{
	struct span all = sealed_of(*state, SPAN_LIT("c"), 2 * SEAL_CHUNK + 30);

	for (size_t len = 0; len < all.len; len += len < 80 || len > all.len - 80 ? 1 : 61)
		assert_shut(*state, SPAN_LIT("c"), (struct span){ sealed, len });
	/* Exactly at the ends of chunks, where every tag that is left is right. */
	for (size_t chunks = 0; chunks <= 2; chunks++)
		assert_shut(
			*state, SPAN_LIT("c"), (struct span){ sealed, HEAD + chunks * WIRE });
}

static void a_seal_with_something_behind_it_does_not_open(void **state)
{
	struct span all = sealed_of(*state, SPAN_LIT("c"), SEAL_CHUNK + 30);

	for (size_t more = 1; more <= 2 * SEAL_TAG_LEN; more++)
		assert_shut(*state, SPAN_LIT("c"), (struct span){ sealed, all.len + more });
	/* Its own last chunk once more. */
	memcpy(sealed + all.len, sealed + HEAD + WIRE, 30 + SEAL_TAG_LEN);
	assert_shut(
		*state, SPAN_LIT("c"), (struct span){ sealed, all.len + 30 + SEAL_TAG_LEN });
}

static void chunks_that_changed_places_do_not_open(void **state)
{
	struct span all = sealed_of(*state, SPAN_LIT("c"), 3 * SEAL_CHUNK + 30);

	memcpy(other, sealed, all.len);
	memcpy(sealed + HEAD, other + HEAD + WIRE, WIRE);
	memcpy(sealed + HEAD + WIRE, other + HEAD, WIRE);
	assert_shut(*state, SPAN_LIT("c"), all);

	/* One left out. */
	memcpy(sealed, other, all.len);
	memmove(sealed + HEAD + WIRE, other + HEAD + 2 * WIRE, all.len - HEAD - 2 * WIRE);
	assert_shut(*state, SPAN_LIT("c"), (struct span){ sealed, all.len - WIRE });
}

static void a_chunk_of_another_seal_does_not_open(void **state)
{
	struct span all = sealed_of(*state, SPAN_LIT("c"), SEAL_CHUNK + 30);

	memcpy(other, sealed, all.len);
	sealed_of(*state, SPAN_LIT("c"), SEAL_CHUNK + 30);
	memcpy(sealed + HEAD, other + HEAD, WIRE);
	assert_shut(*state, SPAN_LIT("c"), all);
}

static void a_seal_in_another_context_or_under_another_key_does_not_open(void **state)
{
	struct span all = sealed_of(*state, SPAN_LIT("kith/body/1\0record"), 40);
	struct secret wrong = key;
	size_t len;

	assert_shut(*state, SPAN_LIT("kith/body/1\0recorD"), all);
	assert_shut(*state, SPAN_LIT("kith/body/1\0recor"), all);
	assert_shut(*state, SPAN_LIT("kith/body/1\0records"), all);
	assert_shut(*state, (struct span){ 0 }, all);
	wrong.b[31] ^= 1;
	assert_int_equal(
		crypto_open(*state, &wrong, SPAN_LIT("kith/body/1\0record"), all, opened, &len),
		CRYPTO_E_BAD);
	assert_int_equal(
		crypto_open(*state, &key, SPAN_LIT("kith/body/1\0record"), all, opened, &len),
		0);
}

/* The commitment alone decides: with it wrong, right chunks do not help. */
static void a_wrong_commitment_is_refused_before_any_chunk_is_opened(void **state)
{
	struct span all = sealed_of(*state, SPAN_LIT("c"), 40);
	size_t len;

	memset(opened, 0xa5, sizeof(opened));
	sealed[SEAL_SALT_LEN] ^= 1;
	assert_int_equal(
		crypto_open(*state, &key, SPAN_LIT("c"), all, opened, &len), CRYPTO_E_BAD);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(opened[i], 0xa5);
}

static const char box_key[] =
	"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
static const char box_text[] =
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
static const char box_boxed[] =
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
	"76fc6ece0f4e1768cddf8853bb2d551b";

struct box_case {
	struct secret key;
	uint8_t nonce[12], aad[20], text[60], boxed[76];
};

static void box_case_init(struct box_case *b)
{
	UNHEX(box_key, b->key);
	UNHEX("cafebabefacedbaddecaf888", b->nonce);
	UNHEX("feedfacedeadbeeffeedfacedeadbeefabaddad2", b->aad);
	UNHEX(box_text, b->text);
	UNHEX(box_boxed, b->boxed);
}

/* Test case 16 of the GCM specification. */
static void a_box_is_aes_256_gcm(void **state)
{
	uint8_t into[76], back[60];
	struct box_case b;

	box_case_init(&b);
	assert_int_equal(
		crypto_box(*state, &b.key, b.nonce, SPAN_OF(b.aad), SPAN_OF(b.text), into), 0);
	assert_memory_equal(into, b.boxed, sizeof(into));
	assert_int_equal(
		crypto_unbox(*state, &b.key, b.nonce, SPAN_OF(b.aad), SPAN_OF(b.boxed), back),
		0);
	assert_memory_equal(back, b.text, sizeof(back));
}

/* Test cases 13 and 14. */
static void a_box_of_nothing_and_of_zeros_is_aes_256_gcm(void **state)
{
	struct secret zero = { { 0 } };
	uint8_t nonce[12] = { 0 }, text[16] = { 0 }, into[32];
	struct span none = { 0 };

	assert_int_equal(crypto_box(*state, &zero, nonce, none, none, into), 0);
	assert_hex(into, 16, "530f8afbc74536b9a963b4f1c4cb738b");
	assert_int_equal(
		crypto_unbox(*state, &zero, nonce, none, (struct span){ into, 16 }, NULL), 0);
	assert_int_equal(crypto_box(*state, &zero, nonce, none, SPAN_OF(text), into), 0);
	assert_hex(
		into, 32, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

static void a_box_with_any_bit_of_anything_flipped_does_not_open(void **state)
{
	static const uint8_t zero[60];
	struct box_case b;
	uint8_t back[60];

	box_case_init(&b);
	for (size_t bit = 0; bit < 8 * sizeof(b); bit++) {
		size_t at = bit / 8;

		if (at >= offsetof(struct box_case, text) &&
			at < offsetof(struct box_case, boxed))
			continue;
		((uint8_t *)&b)[at] ^= (uint8_t)(1 << bit % 8);
		memset(back, 0xa5, sizeof(back));
		assert_int_equal(crypto_unbox(*state, &b.key, b.nonce, SPAN_OF(b.aad),
					 SPAN_OF(b.boxed), back),
			CRYPTO_E_BAD);
		assert_memory_equal(back, zero, sizeof(back));
		((uint8_t *)&b)[at] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_box_cut_or_grown_or_without_its_data_does_not_open(void **state)
{
	struct box_case b;
	uint8_t back[76], grown[77] = { 0 };

	box_case_init(&b);
	for (size_t len = 0; len < sizeof(b.boxed); len++)
		assert_int_equal(crypto_unbox(*state, &b.key, b.nonce, SPAN_OF(b.aad),
					 (struct span){ b.boxed, len }, back),
			CRYPTO_E_BAD);
	memcpy(grown, b.boxed, sizeof(b.boxed));
	assert_int_equal(
		crypto_unbox(*state, &b.key, b.nonce, SPAN_OF(b.aad), SPAN_OF(grown), back),
		CRYPTO_E_BAD);
	assert_int_equal(crypto_unbox(*state, &b.key, b.nonce, (struct span){ 0 },
				 SPAN_OF(b.boxed), back),
		CRYPTO_E_BAD);
}

/* One context serves all: what one call leaves in it must not reach the next. */
static void boxes_and_seals_between_each_other_do_not_mix(void **state)
{
	struct box_case b;
	uint8_t into[76], back[60];
	size_t len;

	box_case_init(&b);
	for (size_t i = 0; i < 3; i++) {
		struct span all = sealed_of(*state, SPAN_LIT("c"), SEAL_CHUNK + i);

		assert_int_equal(crypto_box(*state, &b.key, b.nonce, SPAN_OF(b.aad),
					 SPAN_OF(b.text), into),
			0);
		assert_memory_equal(into, b.boxed, sizeof(into));
		into[0] ^= 1;
		assert_int_equal(crypto_unbox(*state, &b.key, b.nonce, SPAN_OF(b.aad),
					 SPAN_OF(into), back),
			CRYPTO_E_BAD);
		assert_int_equal(
			crypto_open(*state, &key, SPAN_LIT("c"), all, opened, &len), 0);
		assert_memory_equal(opened, plain, len);
	}
}

/* The key of the box before is kept expanded: only for who has the same. */
static void boxes_of_several_keys_do_not_mix(void **state)
{
	struct secret second;
	struct box_case b;
	uint8_t into[76], back[60];

	box_case_init(&b);
	second = b.key;
	second.b[KEY_LEN - 1] ^= 1;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(crypto_box(*state, &b.key, b.nonce, SPAN_OF(b.aad),
					 SPAN_OF(b.text), into),
			0);
		assert_memory_equal(into, b.boxed, sizeof(into));
		/* What is too short to be looked at brings a key that is not used. */
		assert_int_equal(crypto_unbox(*state, &second, b.nonce, SPAN_OF(b.aad),
					 (struct span){ b.boxed, 3 }, back),
			CRYPTO_E_BAD);
		assert_int_equal(crypto_unbox(*state, i == 1 ? &b.key : &second, b.nonce,
					 SPAN_OF(b.aad), SPAN_OF(b.boxed), back),
			i == 1 ? 0 : CRYPTO_E_BAD);
		assert_int_equal(crypto_unbox(*state, &b.key, b.nonce, SPAN_OF(b.aad),
					 SPAN_OF(b.boxed), back),
			0);
		assert_memory_equal(back, b.text, sizeof(back));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FRESH(seal_is_cobblestone_256),
		FRESH(a_seal_of_many_chunks_is_cobblestone_256),
		FRESH(what_was_sealed_opens_at_every_size_around_a_chunk),
		FRESH(sealing_writes_exactly_its_length),
		FRESH(the_same_text_is_never_sealed_to_the_same_bytes),
		FRESH(a_seal_with_any_bit_flipped_does_not_open),
		FRESH(a_long_seal_with_a_bit_flipped_in_any_chunk_leaves_nothing),
		FRESH(a_seal_cut_short_anywhere_does_not_open),
		FRESH(a_seal_with_something_behind_it_does_not_open),
		FRESH(chunks_that_changed_places_do_not_open),
		FRESH(a_chunk_of_another_seal_does_not_open),
		FRESH(a_seal_in_another_context_or_under_another_key_does_not_open),
		FRESH(a_wrong_commitment_is_refused_before_any_chunk_is_opened),
		IN_ENGINE(a_box_is_aes_256_gcm),
		IN_ENGINE(a_box_of_nothing_and_of_zeros_is_aes_256_gcm),
		IN_ENGINE(a_box_with_any_bit_of_anything_flipped_does_not_open),
		IN_ENGINE(a_box_cut_or_grown_or_without_its_data_does_not_open),
		FRESH(boxes_and_seals_between_each_other_do_not_mix),
		FRESH(boxes_of_several_keys_do_not_mix),
	};

	return cmocka_run_group_tests_name("crypto seal", tests, NULL, NULL);
}
