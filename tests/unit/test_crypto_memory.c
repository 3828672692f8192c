/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What OpenSSL allocates: nothing while hashing, boxing and sealing; and when it gets nothing,
 * that is our failure and no verdict about the bytes of a peer.
 */

#include "tests/unit/test_crypto.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/crypto.h>

static uint64_t asked, fail_at;

static void *counted(void *old, size_t len)
{
	if (++asked == fail_at)
		return NULL;
	return realloc(old, len);
}

static void *count_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return counted(NULL, len);
}

static void *count_realloc(void *old, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return counted(old, len);
}

static void count_free(void *old, const char *file, int line)
{
	(void)file;
	(void)line;
	free(old);
}

static const struct secret key = { { 1, 2, 3 } };
static uint8_t plain[2 * SEAL_CHUNK], sealed[SEALED_LEN(2 * SEAL_CHUNK)],
	opened[sizeof(sealed)];

static uint64_t asked_since(uint64_t *mark)
{
	uint64_t n = asked - *mark;

	*mark = asked;
	return n;
}

static void a_box_allocates_nothing(void **state)
{
	uint8_t nonce[12] = { 0 };
	uint64_t mark = asked;

	for (size_t len = 0; len < sizeof(plain); len += 997) {
		struct span text = { plain, len }, boxed = { sealed, len + SEAL_TAG_LEN };

		assert_int_equal(
			crypto_box(*state, &key, nonce, SPAN_OF(nonce), text, sealed), 0);
		assert_int_equal(
			crypto_unbox(*state, &key, nonce, SPAN_OF(nonce), boxed, opened), 0);
		sealed[0] ^= 1;
		assert_int_equal(
			crypto_unbox(*state, &key, nonce, SPAN_OF(nonce), boxed, opened),
			CRYPTO_E_BAD);
	}
	assert_int_equal(asked_since(&mark), 0);
}

static void a_hash_allocates_nothing(void **state)
{
	struct span parts[] = { SPAN_OF(key), SPAN_OF(plain) };
	uint64_t mark = asked;
	struct merkle m;
	struct hash h;

	assert_int_equal(crypto_hash(*state, parts, 2, &h), 0);
	assert_int_equal(crypto_mac(*state, SPAN_OF(key), parts, 2, &h), 0);
	merkle_init(&m);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(merkle_add(*state, &m, parts, 2), 0);
	assert_int_equal(asked_since(&mark), 0);
}

static void a_seal_allocates_nothing(void **state)
{
	struct span text = SPAN_OF(plain), all = { sealed, SEALED_LEN(sizeof(plain)) };
	uint64_t mark = asked;
	size_t n;

	assert_int_equal(crypto_seal(*state, &key, SPAN_LIT("c"), text, sealed), 0);
	assert_int_equal(crypto_open(*state, &key, SPAN_LIT("c"), all, opened, &n), 0);
	assert_int_equal(asked_since(&mark), 0);
}

static struct secret sign_secret, dh_secret;
static struct pubkey sign_public, dh_public;
static struct sig right, wrong;
static uint8_t wrap[WRAP_LEN];

/* The one exception: OpenSSL 3.0 hashes with SHA-512 inside a verification, and when there is
 * no memory for that it says no to the signature and nothing else. */
static int verified(struct crypto *c)
{
	struct span x = SPAN_LIT("x");
	int r = crypto_verify(c, &sign_public, x, x, &right);

	return r == CRYPTO_E_BAD ? -EIO : r;
}

/* Everything, with a new engine. 0, or the first thing that went otherwise than it should. */
static int whole_life(void)
{
	struct span x = SPAN_LIT("x");
	struct crypto *c = NULL;
	struct secret out;
	struct sig sig;
	struct hash h;
	size_t n;
	int r;

	r = crypto_new(chance_kernel(), &c);
	if (r == 0)
		r = crypto_hash(c, &x, 1, &h);
	if (r == 0)
		r = crypto_sign(c, &sign_secret, x, x, &sig);
	if (r == 0)
		r = verified(c);
	if (r == 0 && (r = crypto_verify(c, &sign_public, x, x, &wrong)) == CRYPTO_E_BAD)
		r = 0;
	if (r == 0)
		r = crypto_seal(c, &key, x, x, sealed);
	if (r == 0)
		r = crypto_open(c, &key, x, (struct span){ sealed, SEALED_LEN(1) }, opened, &n);
	if (r == 0)
		r = crypto_dh(c, &dh_secret, &dh_public, &out);
	if (r == 0)
		r = crypto_wrap(c, &dh_public, x, &key, wrap);
	if (r == 0)
		r = crypto_unwrap(c, &dh_secret, &dh_public, x, wrap, &out);
	crypto_free(c);
	return r;
}

static void without_memory_everything_fails_and_only_a_signature_gets_a_verdict(void **state)
{
	struct span x = SPAN_LIT("x");
	uint64_t n, failures = 0;

	assert_int_equal(crypto_sign_keypair(*state, &sign_secret, &sign_public), 0);
	assert_int_equal(crypto_dh_keypair(*state, &dh_secret, &dh_public), 0);
	assert_int_equal(crypto_sign(*state, &sign_secret, x, x, &right), 0);
	wrong = right;
	wrong.b[0] ^= 1;
	assert_int_equal(whole_life(), 0);

	for (n = 1; n < 10000; n++) {
		uint64_t met;
		int r;

		asked = 0;
		fail_at = n;
		r = whole_life();
		met = asked;
		fail_at = 0;
		if (met < n)
			break;
		if (r > 0)
			fail_msg("allocation %lu of OpenSSL failed and gave verdict %d", n, r);
		failures += r < 0;
		err_forget();
	}
	assert_in_range(n, 20, 9999);
	assert_in_range(failures, 10, n);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_ENGINE(a_box_allocates_nothing),
		IN_ENGINE(a_hash_allocates_nothing),
		IN_ENGINE(a_seal_allocates_nothing),
		IN_ENGINE(without_memory_everything_fails_and_only_a_signature_gets_a_verdict),
	};

	if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free))
		return 1;
	return cmocka_run_group_tests_name("crypto memory", tests, NULL, NULL);
}
