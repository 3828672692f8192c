/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Golden vectors of signatures made together (P3.6), in both directions; everything that is
 * nearly one is refused. And what a batch costs who verifies it: one verification.
 */

#include "tests/unit/vectors.h"

#include <kith/buf.h>
#include <kith/node.h>

struct keys {
	struct secret secret;
	struct pubkey public;
};

static struct keys keys_of(struct vectors *v)
{
	struct keys k;

	FIXED(v, v->root, "secret", k.secret);
	FIXED(v, v->root, "public", k.public);
	return k;
}

/* The changes of the vectors: SHA-256("change" || be32(i)). */
static struct hash *changes_of(struct vectors *v, size_t n)
{
	struct hash *ids = arena_array(&v->arena, n, sizeof(*ids));

	assert_non_null(ids);
	for (size_t i = 0; i < n; i++) {
		uint8_t number[4];
		struct writer w = writer_of(number, sizeof(number));

		put_u32(&w, (uint32_t)i);
		HASH(v, &ids[i], SPAN_LIT("change"), writer_span(&w));
	}
	return ids;
}

static size_t count_of(const json_t *j, const char *name)
{
	return strtoul(json_string_value(field(j, name)), NULL, 10);
}

/* Every list of the vectors that is called .name: our bytes are those, and they verify. */
static void check_batches(struct vectors *v, const char *name)
{
	const json_t *list = vectors_open(v, "batch", name), *b, *j;
	const struct keys k = keys_of(v);

	for (struct each e = each_of(list); each_next(&e, &b);) {
		const size_t n = count_of(b, "size");
		struct hash *ids = changes_of(v, n);
		struct span *made = arena_array(&v->arena, n, sizeof(*made));

		assert_non_null(made);
		assert_int_equal(signatures_make(v->c, &k.secret, ids, n, &v->arena, made), 0);
		for (struct each s = each_of(field(b, "signed")); each_next(&s, &j);) {
			const size_t i = count_of(j, "index");

			assert_true(i < n);
			same_hash(&ids[i], bytes_of(v, j, "change"));
			same_bytes(made[i], bytes_of(v, j, "signature"));
			assert_int_equal(
				signature_check(v->c, &k.public, &ids[i], made[i], NULL), 0);
		}
	}
}

static void signatures_of_a_batch_are_those_of_the_vectors(void **state)
{
	check_batches(*state, "batches");
}

static void signatures_of_a_large_batch_are_those_of_the_vectors(void **state)
{
	check_batches(*state, "some");
}

static void one_change_alone_is_signed_as_one(void **state)
{
	struct vectors *v = *state;
	const struct span single =
		(vectors_open(v, "batch", "some"), bytes_of(v, v->root, "single"));
	const struct keys k = keys_of(v);
	struct span made;

	assert_int_equal(
		signatures_make(v->c, &k.secret, changes_of(v, 1), 1, &v->arena, &made), 0);
	same_bytes(made, single);
	assert_int_equal(signature_check(v->c, &k.public, changes_of(v, 1), made, NULL), 0);
}

static void anything_else_is_refused(void **state)
{
	struct vectors *v = *state;
	const json_t *list = vectors_open(v, "batch", "refused"), *j;
	const struct keys k = keys_of(v);
	struct summits seen = { 0 };
	struct span made[7];

	/* Also when the batch that they pretend to be of has just been verified. */
	assert_int_equal(
		signatures_make(v->c, &k.secret, changes_of(v, 7), 7, &v->arena, made), 0);
	assert_int_equal(
		signature_check(v->c, &k.public, &changes_of(v, 7)[2], made[2], &seen), 0);
	for (struct each e = each_of(list); each_next(&e, &j);) {
		struct hash id;

		FIXED(v, j, "change", id);
		for (unsigned with = 0; with < 2; with++)
			if (signature_check(v->c, &k.public, &id, bytes_of(v, j, "signature"),
				    with ? &seen : NULL) != CRYPTO_E_BAD)
				fail_msg("taken: %s", why_of(j));
	}
	assert_int_equal(seen.next, 1);
}

static void every_place_has_one_encoding_of_one_length(void **state)
{
	(void)state;
	for (size_t n = 2; n < 70; n++)
		for (size_t i = 0; i < n; i++) {
			size_t len = 0;

			/* (RFC 9162, 2.1.3.2): as its verifier walks. */
			for (size_t f = i, s = n - 1; s; len++) {
				while (!(f & 1) && f == s)
					f /= 2, s /= 2;
				f /= 2, s /= 2;
			}
			assert_int_equal(merkle_path_len(i, n), len);
		}
	assert_int_equal(merkle_path_len(0, BATCH_MAX), 12);
	assert_int_equal(SIG_LEN + 8 + 12 * HASH_LEN, SIGNATURE_MAX);
}

static void batch_costs_one_verification_however_many_of_it_come(void **state)
{
	struct vectors *v = *state;
	const struct keys k = (vectors_open(v, "batch", "some"), keys_of(v));
	const struct crypto_counts *counts = crypto_counts(v->c);
	struct hash *ids = changes_of(v, 100);
	struct summits seen = { 0 };
	struct span made[100];
	uint64_t before;

	assert_int_equal(signatures_make(v->c, &k.secret, ids, 100, &v->arena, made), 0);
	before = counts->verifies;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(signature_check(v->c, &k.public, &ids[i], made[i], &seen), 0);
	assert_int_equal(counts->verifies - before, 1);
}

static void what_was_verified_vouches_for_nothing_else(void **state)
{
	struct vectors *v = *state;
	const struct keys k = (vectors_open(v, "batch", "some"), keys_of(v));
	struct pubkey other = k.public;
	struct hash *ids = changes_of(v, 4);
	struct summits seen = { 0 };
	uint8_t copy[SIGNATURE_MAX];
	struct span made[4], forged;

	assert_int_equal(signatures_make(v->c, &k.secret, ids, 4, &v->arena, made), 0);
	assert_int_equal(signature_check(v->c, &k.public, &ids[0], made[0], &seen), 0);
	/* The same root, and another signature of it; or another key. */
	for (size_t i = 0; i < 64; i++) {
		memcpy(copy, made[1].at, made[1].len);
		forged = (struct span){ copy, made[1].len };
		copy[i] ^= 1;
		assert_int_equal(
			signature_check(v->c, &k.public, &ids[1], forged, &seen), CRYPTO_E_BAD);
	}
	other.b[3] ^= 4;
	assert_int_equal(signature_check(v->c, &other, &ids[1], made[1], &seen), CRYPTO_E_BAD);
	assert_int_equal(
		signature_check(v->c, &k.public, &ids[0], made[1], &seen), CRYPTO_E_BAD);
	assert_int_equal(seen.next, 1);
}

static void ring_of_roots_holds_the_newest(void **state)
{
	struct vectors *v = *state;
	const struct keys k = (vectors_open(v, "batch", "some"), keys_of(v));
	const struct crypto_counts *counts = crypto_counts(v->c);
	struct hash *ids = changes_of(v, SUMMITS_MAX + 2);
	struct summits seen = { 0 };
	struct span made[2], first[2] = { { 0 } };
	uint64_t before;

	for (size_t i = 0; i <= SUMMITS_MAX; i++) {
		assert_int_equal(
			signatures_make(v->c, &k.secret, &ids[i], 2, &v->arena, made), 0);
		if (i == 0)
			memcpy(first, made, sizeof(made));
		assert_int_equal(signature_check(v->c, &k.public, &ids[i], made[0], &seen), 0);
	}
	before = counts->verifies;
	assert_int_equal(
		signature_check(v->c, &k.public, &ids[SUMMITS_MAX + 1], made[1], &seen), 0);
	assert_int_equal(counts->verifies, before);
	assert_int_equal(signature_check(v->c, &k.public, &ids[1], first[1], &seen), 0);
	assert_int_equal(counts->verifies, before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_VECTORS(signatures_of_a_batch_are_those_of_the_vectors),
		IN_VECTORS(signatures_of_a_large_batch_are_those_of_the_vectors),
		IN_VECTORS(one_change_alone_is_signed_as_one),
		IN_VECTORS(anything_else_is_refused),
		IN_VECTORS(every_place_has_one_encoding_of_one_length),
		IN_VECTORS(batch_costs_one_verification_however_many_of_it_come),
		IN_VECTORS(what_was_verified_vouches_for_nothing_else),
		IN_VECTORS(ring_of_roots_holds_the_newest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
