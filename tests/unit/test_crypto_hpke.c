/* SPDX-License-Identifier: Apache-2.0 */

/*
 * HPKE and wraps, against RFC 9180, A.2.1: the base mode of the very suite that wraps use, step
 * by step.
 */

#include "tests/unit/test_crypto.h"

#include "daemon/crypto/hpke.h"

#define INFO SPAN_LIT("Ode on a Grecian Urn")
#define TEXT SPAN_LIT("Beauty is truth, truth beauty")
#define AAD  SPAN_LIT("Count-0")

static const char skEm[] = "f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600";
static const char skRm[] = "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb";
static const char pkRm[] = "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a";
static const char enc_text[] =
	"1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a";
static const char shared_text[] =
	"0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7";

struct both {
	struct crypto *c; /* its chance is the RFC's ephemeral secret, once */
	struct script script;
	uint8_t chance[32];
	struct secret own;
	struct pubkey own_pub;
};

static int both_up(void **state)
{
	static struct both b;

	memset(&b, 0, sizeof(b));
	UNHEX(skEm, b.chance);
	UNHEX(skRm, b.own);
	UNHEX(pkRm, b.own_pub);
	b.script = (struct script){ b.chance, sizeof(b.chance) };
	b.c = engine_with((struct chance){ &b.script, script_fill });
	*state = &b;
	return 0;
}

static int both_down(void **state)
{
	struct both *b = *state;

	b->c = crypto_free(b->c);
	return 0;
}

static void the_recipients_public_key_is_that_of_the_rfc(void **state)
{
	struct both *b = *state;
	struct pubkey p;

	assert_int_equal(crypto_dh_public(b->c, &b->own, &p), 0);
	assert_memory_equal(&p, &b->own_pub, sizeof(p));
}

static void both_ends_reach_the_shared_secret_of_the_rfc(void **state)
{
	struct both *b = *state;
	struct pubkey enc;
	struct secret s;

	assert_int_equal(hpke_encap(b->c, &b->own_pub, &enc, &s), 0);
	assert_hex(&enc, sizeof(enc), enc_text);
	assert_hex(&s, sizeof(s), shared_text);
	assert_int_equal(b->script.left, 0);

	memset(&s, 0, sizeof(s));
	assert_int_equal(hpke_decap(b->c, &b->own, &b->own_pub, &enc, &s), 0);
	assert_hex(&s, sizeof(s), shared_text);
}

static void the_key_schedule_is_that_of_the_rfc(void **state)
{
	struct hpke_keys k;
	struct secret s;

	(void)state;
	UNHEX(shared_text, s);
	assert_int_equal(hpke_schedule(&s, INFO, &k), 0);
	assert_hex(&k.key, sizeof(k.key),
		"ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91");
	assert_hex(k.nonce, sizeof(k.nonce), "5c4d98150661b848853b547f");
}

static void the_first_message_is_that_of_the_rfc(void **state)
{
	struct both *b = *state;
	uint8_t sealed[29 + HPKE_OVERHEAD], text[29];

	assert_int_equal(hpke_seal(b->c, &b->own_pub, INFO, AAD, TEXT, sealed), 0);
	assert_hex(sealed, 32, enc_text);
	assert_hex(sealed + 32, 45,
		"1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db"
		"21993c62ce81883d2dd1b51a28");
	assert_int_equal(
		hpke_open(b->c, &b->own, &b->own_pub, INFO, AAD, SPAN_OF(sealed), text), 0);
	assert_memory_equal(text, TEXT.at, sizeof(text));
	assert_int_equal(hpke_open(b->c, &b->own, &b->own_pub, INFO, SPAN_LIT("Count-1"),
				 SPAN_OF(sealed), text),
		CRYPTO_E_BAD);
	for (size_t len = 0; len < sizeof(sealed); len++)
		assert_int_equal(hpke_open(b->c, &b->own, &b->own_pub, INFO, AAD,
					 (struct span){ sealed, len }, text),
			CRYPTO_E_BAD);
}

/* The same with another implementation, over the primitives of Python's cryptography. */
static void a_wrap_is_hpke_without_aad(void **state)
{
	struct both *b = *state;
	struct secret key, back;
	uint8_t wrap[WRAP_LEN];

	for (size_t i = 0; i < sizeof(key.b); i++)
		key.b[i] = (uint8_t)i;
	assert_int_equal(
		crypto_wrap(b->c, &b->own_pub, SPAN_LIT("kith/wrap/1\0test"), &key, wrap), 0);
	assert_hex(wrap, sizeof(wrap),
		"1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"
		"8611e778eb6a4b5636b9194c0327509e2560a4015e8af46f439d982e99db2c82"
		"aba9f22bfe698a70e79a6bda1b5b6ac5");
	assert_int_equal(crypto_unwrap(b->c, &b->own, &b->own_pub,
				 SPAN_LIT("kith/wrap/1\0test"), wrap, &back),
		0);
	assert_memory_equal(&back, &key, sizeof(back));
}

static void a_wrap_with_any_bit_flipped_does_not_open(void **state)
{
	struct both *b = *state;
	struct secret key = { { 1 } }, back;
	uint8_t wrap[WRAP_LEN];

	assert_int_equal(crypto_wrap(b->c, &b->own_pub, INFO, &key, wrap), 0);
	for (size_t bit = 0; bit < 8 * sizeof(wrap); bit++) {
		wrap[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(crypto_unwrap(b->c, &b->own, &b->own_pub, INFO, wrap, &back),
			CRYPTO_E_BAD);
		assert_memory_not_equal(&back, &key, sizeof(back));
		wrap[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(crypto_unwrap(b->c, &b->own, &b->own_pub, INFO, wrap, &back), 0);
}

static void a_wrap_for_another_or_of_another_purpose_does_not_open(void **state)
{
	struct crypto *c = *state;
	struct secret own, stranger, key = { { 1 } }, back;
	struct pubkey own_pub, stranger_pub;
	uint8_t wrap[WRAP_LEN];

	assert_int_equal(crypto_dh_keypair(c, &own, &own_pub), 0);
	assert_int_equal(crypto_dh_keypair(c, &stranger, &stranger_pub), 0);
	assert_int_equal(crypto_wrap(c, &own_pub, INFO, &key, wrap), 0);
	assert_int_equal(
		crypto_unwrap(c, &stranger, &stranger_pub, INFO, wrap, &back), CRYPTO_E_BAD);
	assert_int_equal(crypto_unwrap(c, &own, &own_pub, SPAN_LIT("epoch 2"), wrap, &back),
		CRYPTO_E_BAD);
	assert_int_equal(
		crypto_unwrap(c, &own, &stranger_pub, INFO, wrap, &back), CRYPTO_E_BAD);
	assert_int_equal(crypto_unwrap(c, &own, &own_pub, INFO, wrap, &back), 0);
	assert_memory_equal(&back, &key, sizeof(back));
}

static void two_wraps_of_one_key_have_nothing_in_common(void **state)
{
	struct crypto *c = *state;
	struct secret own, key = { { 1 } };
	struct pubkey own_pub;
	uint8_t a[WRAP_LEN], b[WRAP_LEN];

	assert_int_equal(crypto_dh_keypair(c, &own, &own_pub), 0);
	assert_int_equal(crypto_wrap(c, &own_pub, INFO, &key, a), 0);
	assert_int_equal(crypto_wrap(c, &own_pub, INFO, &key, b), 0);
	assert_memory_not_equal(a, b, 32);
	assert_memory_not_equal(a + 32, b + 32, 32);
}

static void a_key_of_low_order_is_a_verdict_at_both_ends(void **state)
{
	struct crypto *c = *state;
	struct secret own, key = { { 1 } }, back;
	struct pubkey own_pub, zero = { { 0 } };
	uint8_t wrap[WRAP_LEN] = { 0 };

	assert_int_equal(crypto_dh_keypair(c, &own, &own_pub), 0);
	assert_int_equal(crypto_unwrap(c, &own, &own_pub, INFO, wrap, &back), CRYPTO_E_BAD);
	assert_int_equal(crypto_wrap(c, &zero, INFO, &key, wrap), CRYPTO_E_BAD);
}

#define OF_THE_RFC(test) cmocka_unit_test_setup_teardown(test, both_up, both_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		OF_THE_RFC(the_recipients_public_key_is_that_of_the_rfc),
		OF_THE_RFC(both_ends_reach_the_shared_secret_of_the_rfc),
		OF_THE_RFC(the_key_schedule_is_that_of_the_rfc),
		OF_THE_RFC(the_first_message_is_that_of_the_rfc),
		OF_THE_RFC(a_wrap_is_hpke_without_aad),
		OF_THE_RFC(a_wrap_with_any_bit_flipped_does_not_open),
		IN_ENGINE(a_wrap_for_another_or_of_another_purpose_does_not_open),
		IN_ENGINE(two_wraps_of_one_key_have_nothing_in_common),
		IN_ENGINE(a_key_of_low_order_is_a_verdict_at_both_ends),
	};

	return cmocka_run_group_tests_name("crypto hpke", tests, NULL, NULL);
}
