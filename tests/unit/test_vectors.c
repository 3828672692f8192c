/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Golden vectors of what a record is made of: ids, headers, changes, content, sealing, padding,
 * keys. They were made by other code, from the text of the protocol alone, and the C must give
 * the same bytes in both directions.
 */

#include "tests/unit/vectors.h"

#include <kith/buf.h>
#include <kith/wire.h>

static void ids_are_hashes_of_what_they_name(void **state)
{
	struct vectors *v = *state;
	struct hash h;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "ids", "regions")); each_next(&e, &j);) {
		HASH(v, &h, bytes_of(v, j, "first_card"));
		same_id(&h, bytes_of(v, j, "id"));
	}
	for (struct each e = each_of(vectors_open(v, "ids", "incarnations"));
		each_next(&e, &j);) {
		HASH(v, &h, bytes_of(v, j, "key"));
		same_id(&h, bytes_of(v, j, "id"));
	}
	for (struct each e = each_of(vectors_open(v, "ids", "records")); each_next(&e, &j);) {
		HASH(v, &h, SPAN_LIT("kith/record/1\0"), bytes_of(v, j, "author"),
			bytes_of(v, j, "incarnation"), bytes_of(v, j, "random"));
		same_id(&h, bytes_of(v, j, "id"));
	}
}

static void a_header_decodes_to_its_fields_and_encodes_to_its_bytes(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "header", "good")); each_next(&e, &j);) {
		struct span bytes = bytes_of(v, j, "bytes");
		uint8_t again[HEADER_MAX];
		struct header h;
		struct span seq;

		assert_int_equal(wire_header_decode(bytes, &h), 0);
		same_bytes((struct span){ again, wire_header_encode(&h, again) }, bytes);

		assert_int_equal(h.version, number_of(j, "version"));
		same_bytes(SPAN_OF(h.record), bytes_of(v, j, "record"));
		same_bytes(SPAN_OF(h.at.author), bytes_of(v, j, "author"));
		same_bytes(SPAN_OF(h.at.incarnation), bytes_of(v, j, "incarnation"));
		seq = bytes_of(v, j, "seq_be64");
		assert_int_equal(h.at.seq, get_u64(&(struct reader){ seq.at, seq.len, false }));
		same_bytes(SPAN_OF(h.prev), bytes_of(v, j, "prev"));
		same_bytes(SPAN_OF(h.body_hash), bytes_of(v, j, "body_hash"));
		same_bytes(SPAN_OF(h.content_root), bytes_of(v, j, "content_root"));
		assert_int_equal(h.key_epoch, number_of(j, "key_epoch"));
		assert_int_equal(h.key_class, number_of(j, "key_class"));
		assert_int_equal(h.flags, number_of(j, "flags"));
	}
}

static void any_other_encoding_of_a_header_is_refused(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "header", "refused"));
		each_next(&e, &j);) {
		struct header h;

		if (wire_header_decode(bytes_of(v, j, "bytes"), &h) <= 0)
			fail_msg("taken: %s", why_of(j));
	}
}

static void check_change(
	struct vectors *v, const json_t *j, const struct secret *key, const struct pubkey *pub)
{
	struct wire_change c;
	struct hash id, body;
	struct header h;
	struct span again;

	assert_int_equal(wire_change_decode(bytes_of(v, j, "encoded"), &c), 0);
	same_bytes(c.header, bytes_of(v, j, "header"));
	same_bytes(c.signature, bytes_of(v, j, "signature"));
	same_bytes(c.body, bytes_of(v, j, "body"));
	assert_int_equal(wire_change_encode(&c, &v->arena, &again), 0);
	same_bytes(again, bytes_of(v, j, "encoded"));

	assert_int_equal(wire_header_decode(c.header, &h), 0);
	HASH(v, &body, c.body);
	same_hash(&body, SPAN_OF(h.body_hash));
	HASH(v, &id, SPAN_LIT("kith/change/1\0"), c.header);
	same_hash(&id, bytes_of(v, j, "id"));
	if (c.signature.len > 0) {
		struct sig given, made;

		FIXED(v, j, "signature", given);
		assert_int_equal(crypto_verify(v->c, pub, SPAN_LIT("kith/sign/1\0"),
					 SPAN_OF(id), &given),
			0);
		assert_int_equal(
			crypto_sign(v->c, key, SPAN_LIT("kith/sign/1\0"), SPAN_OF(id), &made),
			0);
		same_bytes(SPAN_OF(made), SPAN_OF(given));
		assert_int_equal(crypto_verify(v->c, pub, SPAN_LIT("kith/hello/1\0"),
					 SPAN_OF(id), &given),
			CRYPTO_E_BAD);
	}
}

static void a_change_has_its_id_and_its_signature(void **state)
{
	struct vectors *v = *state;
	struct pubkey pub, made;
	struct secret key;
	const json_t *j;
	const json_t *run = vectors_open(v, "change", "run");

	FIXED(v, v->root, "secret", key);
	FIXED(v, v->root, "public", pub);
	assert_int_equal(crypto_sign_public(v->c, &key, &made), 0);
	same_bytes(SPAN_OF(made), SPAN_OF(pub));
	for (struct each e = each_of(field(v->root, "signed")); each_next(&e, &j);)
		check_change(v, j, &key, &pub);
	for (struct each e = each_of(run); each_next(&e, &j);)
		check_change(v, j, &key, &pub);
}

static void a_run_is_linked_and_its_last_change_alone_is_signed(void **state)
{
	struct vectors *v = *state;
	const json_t *run = vectors_open(v, "change", "run"), *j;
	struct span before = bytes_of(v, json_array_get(field(v->root, "signed"), 0), "id");

	for (struct each e = each_of(run); each_next(&e, &j);) {
		struct header h;

		assert_int_equal(wire_header_decode(bytes_of(v, j, "header"), &h), 0);
		same_hash(&h.prev, before);
		before = bytes_of(v, j, "id");
		assert_int_equal(bytes_of(v, j, "signature").len,
			e.n == json_array_size(run) ? SIG_LEN : 0);
	}
}

struct leaves {
	struct vectors *v;
	const json_t *expected;
	struct span seed;
	struct merkle merkle;
	uint32_t n;
};

static int check_leaf(void *ctx, const struct leaf *l)
{
	struct leaves *s = ctx;
	const json_t *j = json_array_get(s->expected, s->n);
	uint8_t number[4], path[12];
	struct writer w = writer_of(number, sizeof(number));
	struct hash salt;

	assert_non_null(j);
	put_u32(&w, s->n++);
	assert_int_equal(
		crypto_mac(s->v->c, s->seed, (struct span[]){ SPAN_OF(number) }, 1, &salt), 0);
	same_hash(&salt, bytes_of(s->v, j, "salt"));
	assert_int_equal(l->entry, number_of(j, "entry"));
	assert_int_equal(l->field, number_of(j, "field"));
	assert_int_equal(l->occurrence, number_of(j, "occurrence"));
	same_bytes(l->raw, bytes_of(s->v, j, "raw"));

	w = writer_of(path, sizeof(path));
	put_u32(&w, l->entry);
	put_u32(&w, l->field);
	put_u32(&w, l->occurrence);
	assert_int_equal(merkle_add(s->v->c, &s->merkle,
				 (struct span[]){ SPAN_OF(salt), SPAN_OF(path), l->raw }, 3),
		0);
	return 0;
}

static void a_body_has_its_leaves_and_its_content_root(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "content", "good")); each_next(&e, &j);) {
		struct leaves s = {
			.v = v, .expected = field(j, "leaves"), .seed = bytes_of(v, j, "seed")
		};
		uint8_t count[8];
		struct writer w = writer_of(count, sizeof(count));
		struct hash root, content;

		merkle_init(&s.merkle);
		assert_int_equal(wire_body_leaves(bytes_of(v, j, "body"), check_leaf, &s), 0);
		assert_int_equal(s.n, json_array_size(s.expected));
		assert_int_equal(merkle_root(v->c, &s.merkle, &root), 0);
		same_hash(&root, bytes_of(v, j, "root"));
		put_u64(&w, s.n);
		HASH(v, &content, SPAN_LIT("kith/content/1\0"), SPAN_OF(count), SPAN_OF(root));
		same_hash(&content, bytes_of(v, j, "content_root"));
	}
}

static void a_canonical_body_encodes_to_its_bytes_again(void **state)
{
	struct vectors *v = *state;
	size_t canonical = 0;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "content", "good")); each_next(&e, &j);) {
		struct span bytes = bytes_of(v, j, "body"), again;
		struct body b;

		if (!json_is_true(field(j, "canonical")))
			continue;
		canonical++;
		assert_int_equal(wire_body_decode(bytes, &v->arena, &b), 0);
		same_bytes(SPAN_OF(b.seed), bytes_of(v, j, "seed"));
		assert_int_equal(wire_body_encode(&b, &v->arena, &again), 0);
		same_bytes(again, bytes);
	}
	assert_true(canonical >= 5);
}

static int any_leaf(void *ctx, const struct leaf *l)
{
	(void)ctx;
	(void)l;
	return 0;
}

static void what_is_no_encoding_has_no_leaves(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "content", "refused"));
		each_next(&e, &j);) {
		if (wire_body_leaves(bytes_of(v, j, "bytes"), any_leaf, NULL) !=
			WIRE_E_MALFORMED)
			fail_msg("taken: %s", why_of(j));
	}
}

static void what_is_no_body_is_refused(void **state)
{
	struct vectors *v = *state;
	struct body b;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "content", "refused_bodies"));
		each_next(&e, &j);) {
		if (wire_body_decode(bytes_of(v, j, "bytes"), &v->arena, &b) <= 0)
			fail_msg("taken: %s", why_of(j));
	}
}

static void sealing_with_that_salt_gives_those_bytes_and_they_open(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "seal", "good")); each_next(&e, &j);) {
		struct span plain = pattern(v, number_of(j, "plain_len"));
		struct span context = bytes_of(v, j, "context");
		struct span begin = bytes_of(v, j, "sealed");
		struct span sealed = { NULL, SEALED_LEN(plain.len) };
		uint8_t *into = arena_alloc(&v->arena, sealed.len);
		uint8_t *opened = arena_alloc(&v->arena, sealed.len);
		struct secret key;
		struct hash h;
		size_t len;

		sealed.at = into;
		FIXED(v, j, "key", key);
		v->chance = bytes_of(v, j, "salt");
		assert_int_equal(crypto_seal(v->c, &key, context, plain, into), 0);
		assert_int_equal(v->chance.len, 0);
		assert_int_equal(sealed.len, number_of(j, "sealed_len"));
		assert_memory_equal(into, begin.at, begin.len);
		HASH(v, &h, sealed);
		same_hash(&h, bytes_of(v, j, "sealed_sha256"));

		assert_int_equal(crypto_open(v->c, &key, context, sealed, opened, &len), 0);
		same_bytes((struct span){ opened, len }, plain);
	}
}

static void what_was_not_sealed_so_does_not_open(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "seal", "refused")); each_next(&e, &j);) {
		struct span sealed = bytes_of(v, j, "sealed");
		uint8_t *opened = arena_alloc(&v->arena, sealed.len + 1);
		struct secret key;
		size_t len;

		FIXED(v, j, "key", key);
		if (crypto_open(v->c, &key, bytes_of(v, j, "context"), sealed, opened, &len) !=
			CRYPTO_E_BAD)
			fail_msg("opened: %s", why_of(j));
	}
}

static void the_context_of_a_body_names_its_place(void **state)
{
	struct vectors *v = *state;
	const json_t *j = json_array_get(vectors_open(v, "seal", "contexts"), 0);
	uint8_t bytes[96];
	struct writer w = writer_of(bytes, sizeof(bytes));

	put_span(&w, SPAN_LIT("kith/body/1\0"));
	put_span(&w, bytes_of(v, j, "record"));
	put_span(&w, bytes_of(v, j, "author"));
	put_span(&w, bytes_of(v, j, "incarnation"));
	put_u64(&w, number_of(j, "seq"));
	put_u32(&w, (uint32_t)number_of(j, "epoch"));
	put_u32(&w, (uint32_t)number_of(j, "class"));
	same_bytes(writer_span(&w), bytes_of(v, j, "bytes"));
}

static void a_body_is_padded_to_the_next_power_of_two_and_unpadded(void **state)
{
	struct vectors *v = *state;
	struct span padded, body, too_long;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "pad", "good")); each_next(&e, &j);) {
		struct span plain = pattern(v, number_of(j, "body_len"));
		struct span begin = bytes_of(v, j, "padded");
		struct hash h;

		assert_int_equal(wire_body_pad(plain, &v->arena, &padded), 0);
		assert_int_equal(padded.len, number_of(j, "padded_len"));
		assert_memory_equal(padded.at, begin.at, begin.len);
		HASH(v, &h, padded);
		same_hash(&h, bytes_of(v, j, "padded_sha256"));
		assert_int_equal(wire_body_unpad(padded, &body), 0);
		same_bytes(body, plain);
	}
	too_long = pattern(v, number_of(v->root, "too_long"));
	assert_int_equal(wire_body_pad(too_long, &v->arena, &padded), WIRE_E_RANGE);
}

static void other_padding_is_refused(void **state)
{
	struct vectors *v = *state;
	struct span body;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "pad", "refused")); each_next(&e, &j);) {
		if (wire_body_unpad(bytes_of(v, j, "bytes"), &body) <= 0)
			fail_msg("taken: %s", why_of(j));
	}
}

static void key_commitments_and_wraps_are_those_of_the_vectors(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "keys", "commitments"));
		each_next(&e, &j);) {
		uint8_t numbers[8];
		struct writer w = writer_of(numbers, sizeof(numbers));
		struct hash h;

		put_u32(&w, (uint32_t)number_of(j, "epoch"));
		put_u32(&w, (uint32_t)number_of(j, "class"));
		HASH(v, &h, SPAN_LIT("kith/key/1\0"), bytes_of(v, j, "record"),
			SPAN_OF(numbers), bytes_of(v, j, "key"));
		same_hash(&h, bytes_of(v, j, "commitment"));
	}
	for (struct each e = each_of(vectors_open(v, "keys", "wraps")); each_next(&e, &j);) {
		struct span info = bytes_of(v, j, "info");
		struct secret own, key, got;
		struct pubkey pub;
		uint8_t wrap[WRAP_LEN];

		FIXED(v, j, "secret", own);
		FIXED(v, j, "public", pub);
		FIXED(v, j, "key", key);
		v->chance = bytes_of(v, j, "ephemeral");
		assert_int_equal(crypto_wrap(v->c, &pub, info, &key, wrap), 0);
		assert_int_equal(v->chance.len, 0);
		same_bytes(SPAN_OF(wrap), bytes_of(v, j, "wrap"));
		assert_int_equal(crypto_unwrap(v->c, &own, &pub, info, wrap, &got), 0);
		same_bytes(SPAN_OF(got), SPAN_OF(key));
	}
}

static void another_wrap_gives_no_key(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "keys", "refused")); each_next(&e, &j);) {
		struct secret own, got;
		struct pubkey pub;
		uint8_t wrap[WRAP_LEN];

		FIXED(v, j, "secret", own);
		FIXED(v, j, "public", pub);
		FIXED(v, j, "wrap", wrap);
		if (crypto_unwrap(v->c, &own, &pub, bytes_of(v, j, "info"), wrap, &got) !=
			CRYPTO_E_BAD)
			fail_msg("opened: %s", why_of(j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_VECTORS(ids_are_hashes_of_what_they_name),
		IN_VECTORS(a_header_decodes_to_its_fields_and_encodes_to_its_bytes),
		IN_VECTORS(any_other_encoding_of_a_header_is_refused),
		IN_VECTORS(a_change_has_its_id_and_its_signature),
		IN_VECTORS(a_run_is_linked_and_its_last_change_alone_is_signed),
		IN_VECTORS(a_body_has_its_leaves_and_its_content_root),
		IN_VECTORS(a_canonical_body_encodes_to_its_bytes_again),
		IN_VECTORS(what_is_no_encoding_has_no_leaves),
		IN_VECTORS(what_is_no_body_is_refused),
		IN_VECTORS(sealing_with_that_salt_gives_those_bytes_and_they_open),
		IN_VECTORS(what_was_not_sealed_so_does_not_open),
		IN_VECTORS(the_context_of_a_body_names_its_place),
		IN_VECTORS(a_body_is_padded_to_the_next_power_of_two_and_unpadded),
		IN_VECTORS(other_padding_is_refused),
		IN_VECTORS(key_commitments_and_wraps_are_those_of_the_vectors),
		IN_VECTORS(another_wrap_gives_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
