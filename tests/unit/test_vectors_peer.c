/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Golden vectors of what regions show each other: cards and bundles, control bodies, HELLO and
 * the sealed frames after it.
 */

#include "tests/unit/vectors.h"

#include <kith/buf.h>
#include <kith/message.h>
#include <kith/node.h>

static void check_newest(struct vectors *v, const json_t *j, const struct card *c)
{
	const json_t *endpoints = json_object_get(j, "endpoints");

	assert_int_equal(c->version, number_of(j, "version"));
	same_bytes(SPAN_OF(c->before), bytes_of(v, j, "before"));
	same_bytes(SPAN_OF(c->root_key), bytes_of(v, j, "root_key"));
	same_bytes(SPAN_OF(c->next_root), bytes_of(v, j, "next_root"));
	same_bytes(SPAN_OF(c->control_key), bytes_of(v, j, "control_key"));
	same_bytes(SPAN_OF(c->kem_key), bytes_of(v, j, "kem_key"));
	assert_int_equal(c->n_curve_keys, json_array_size(field(j, "curve_keys")));
	same_bytes(SPAN_OF(c->curve_keys[0]),
		hex_of(v, json_array_get(field(j, "curve_keys"), 0)));
	assert_int_equal(c->n_endpoints, json_array_size(endpoints));
	for (size_t i = 0; i < c->n_endpoints; i++)
		assert_string_equal(
			c->endpoints[i], json_string_value(json_array_get(endpoints, i)));
	assert_string_equal(c->name, json_string_value(field(j, "name")));
}

static void check_cards(struct vectors *v, const json_t *j, const struct bundle *b)
{
	const json_t *cards = field(j, "cards"), *signed_card;

	assert_int_equal(b->n_cards, json_array_size(cards));
	for (struct each e = each_of(cards); each_next(&e, &signed_card);) {
		struct span again;
		struct pubkey root;
		struct card c;
		struct sig sig;

		same_bytes(b->cards[e.n - 1].bytes, bytes_of(v, signed_card, "card"));
		same_bytes(b->cards[e.n - 1].signature, bytes_of(v, signed_card, "signature"));
		FIXED(v, signed_card, "root_key", root);
		FIXED(v, signed_card, "signature", sig);
		assert_int_equal(crypto_verify(v->c, &root, SPAN_LIT("kith/card/1\0"),
					 b->cards[e.n - 1].bytes, &sig),
			0);
		assert_int_equal(wire_card_decode(b->cards[e.n - 1].bytes, &c), 0);
		assert_int_equal(wire_card_encode(&c, &v->arena, &again), 0);
		same_bytes(again, b->cards[e.n - 1].bytes);
		if (e.n == b->n_cards)
			check_newest(v, field(j, "newest"), &c);
	}
}

static void a_bundle_decodes_to_its_cards_and_encodes_to_its_bytes(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "card", "good")); each_next(&e, &j);) {
		struct span bytes = bytes_of(v, j, "bundle"), again;
		struct incarnations l;
		struct bundle b;

		assert_int_equal(wire_bundle_decode(bytes, &v->arena, &b), 0);
		check_cards(v, j, &b);
		same_bytes(b.incarnations.bytes, bytes_of(v, j, "incarnations"));
		same_bytes(b.incarnations.signature, bytes_of(v, j, "incarnations_signature"));
		assert_int_equal(wire_bundle_encode(&b, &v->arena, &again), 0);
		same_bytes(again, bytes);

		assert_int_equal(
			wire_incarnations_decode(b.incarnations.bytes, &v->arena, &l), 0);
		same_bytes(SPAN_OF(l.region), bytes_of(v, j, "region"));
		assert_int_equal(wire_incarnations_encode(&l, &v->arena, &again), 0);
		same_bytes(again, b.incarnations.bytes);
	}
}

static void a_bundle_proves_the_region_that_it_is_of(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "card", "good")); each_next(&e, &j);) {
		char shown[FINGERPRINT_TEXT_LEN];
		struct checked_card card;
		struct why why = { 0 };

		assert_int_equal(
			card_check(v->c, bytes_of(v, j, "bundle"), &v->arena, &card, &why), 0);
		same_bytes(SPAN_OF(card.region), bytes_of(v, j, "region"));
		same_hash(&card.fingerprint, bytes_of(v, j, "fingerprint"));
		assert_string_equal(fingerprint_text(&card.fingerprint, shown),
			json_string_value(field(j, "fingerprint_text")));
		assert_int_equal(card.incarnations.n,
			json_array_size(
				field(field(j, "incarnations_fields"), "incarnations")));
	}
}

static void a_bundle_that_does_not_prove_itself_is_refused(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "card", "refused")); each_next(&e, &j);) {
		struct checked_card card;
		struct why why = { 0 };

		if (card_check(v->c, bytes_of(v, j, "bytes"), &v->arena, &card, &why) !=
			CARD_E_BAD)
			fail_msg("taken: %s", why_of(j));
		assert_true(strlen(why.text) > 0);
	}
}

static void check_ref(struct vectors *v, const json_t *j, bool has, const struct ref *ref)
{
	assert_int_equal(has, j != NULL);
	if (!j)
		return;
	same_bytes(SPAN_OF(ref->at.author), bytes_of(v, j, "author"));
	same_bytes(SPAN_OF(ref->at.incarnation), bytes_of(v, j, "incarnation"));
	assert_int_equal(ref->at.seq, number_of(j, "seq"));
	same_bytes(SPAN_OF(ref->change), bytes_of(v, j, "change"));
}

static void check_control(struct vectors *v, const json_t *j, const struct control *c)
{
	const json_t *keys = json_object_get(j, "keys");
	const json_t *manifest = json_object_get(j, "manifest");
	const json_t *circle = json_object_get(j, "circle");

	assert_int_equal(c->kind_number, number_of(j, "kind"));
	assert_int_equal(c->kind, number_of(j, "kind"));
	assert_int_equal(c->term, number_of(j, "term"));
	assert_int_equal(c->clock, number_of(j, "clock"));
	assert_int_equal(c->date.day, number_of(field(j, "date"), "day"));
	assert_int_equal(c->date.precision, DATE_DAY);
	check_ref(v, json_object_get(j, "right"), c->has_right, &c->right);
	check_ref(v, json_object_get(j, "before"), c->has_before, &c->before);
	check_ref(v, json_object_get(j, "words"), c->has_words, &c->words);
	check_ref(v, json_object_get(j, "offer"), c->has_offer, &c->offer);
	check_ref(v, json_object_get(j, "accept"), c->has_accept, &c->accept);
	check_ref(v, json_object_get(j, "withdraw"), c->has_withdraw, &c->withdraw);
	assert_int_equal(c->n_keys, json_array_size(keys));
	for (size_t i = 0; i < c->n_keys; i++) {
		const json_t *key = json_array_get(keys, i);

		assert_int_equal(c->keys[i].epoch, number_of(key, "epoch"));
		assert_int_equal(c->keys[i].class, number_of(key, "class"));
		same_hash(&c->keys[i].commitment, bytes_of(v, key, "commitment"));
	}
	assert_int_equal(c->has_manifest, manifest != NULL);
	if (manifest) {
		assert_int_equal(
			c->manifest.n_heads, json_array_size(field(manifest, "heads")));
		assert_int_equal(c->manifest.n_keys, json_array_size(field(manifest, "keys")));
	}
	assert_int_equal(c->n_set, json_array_size(json_object_get(circle, "set")));
	assert_int_equal(c->n_removed, json_array_size(json_object_get(circle, "removed")));
	if (json_object_get(j, "to"))
		same_bytes(SPAN_OF(c->to), bytes_of(v, j, "to"));
	if (json_object_get(j, "genesis"))
		same_bytes(SPAN_OF(c->random), bytes_of(v, field(j, "genesis"), "random"));
}

static void every_kind_of_control_body_decodes_and_encodes(void **state)
{
	struct vectors *v = *state;
	uint32_t kinds = 0;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "control", "good")); each_next(&e, &j);) {
		struct span bytes = bytes_of(v, j, "bytes"), again;
		struct control c;

		assert_int_equal(wire_control_decode(bytes, &v->arena, &c), 0);
		check_control(v, field(j, "fields"), &c);
		assert_int_equal(wire_control_encode(&c, &v->arena, &again), 0);
		same_bytes(again, bytes);
		kinds |= UINT32_C(1) << c.kind;
	}
	assert_int_equal(kinds, (UINT32_C(1) << CONTROL_UNKNOWN) - 2);
}

static void a_kind_of_the_future_is_known_to_be_unknown(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "control", "unknown"));
		each_next(&e, &j);) {
		struct control c;

		assert_int_equal(
			wire_control_decode(bytes_of(v, j, "bytes"), &v->arena, &c), 0);
		assert_int_equal(c.kind, CONTROL_UNKNOWN);
		assert_int_equal(c.kind_number, number_of(j, "kind"));
	}
}

static void a_control_body_that_is_none_is_refused(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "control", "refused"));
		each_next(&e, &j);) {
		struct control c;

		if (wire_control_decode(bytes_of(v, j, "bytes"), &v->arena, &c) <= 0)
			fail_msg("taken: %s", why_of(j));
	}
}

static void check_hello(struct vectors *v, const json_t *j)
{
	const json_t *fields = field(j, "fields"), *seen = field(fields, "last_seen");
	struct span bytes = bytes_of(v, j, "hello"), again;
	struct frame f, sent;
	struct pubkey key;
	struct hello h;
	struct sig sig;

	assert_int_equal(wire_frame_decode(bytes_of(v, j, "frame"), &f), 0);
	assert_true(f.is_hello);
	same_bytes(f.hello.bytes, bytes);
	same_bytes(f.hello.signature, bytes_of(v, j, "signature"));
	sent = f;
	assert_int_equal(wire_frame_encode(&sent, &v->arena, &again), 0);
	same_bytes(again, bytes_of(v, j, "frame"));

	FIXED(v, j, "incarnation_key", key);
	FIXED(v, j, "signature", sig);
	assert_int_equal(crypto_verify(v->c, &key, SPAN_LIT("kith/hello/1\0"), bytes, &sig), 0);

	assert_int_equal(wire_hello_decode(bytes, &v->arena, &h), 0);
	assert_int_equal(h.wire_min, number_of(fields, "wire_min"));
	assert_int_equal(h.wire_max, number_of(fields, "wire_max"));
	same_bytes(SPAN_OF(h.from), bytes_of(v, fields, "from"));
	same_bytes(SPAN_OF(h.to), bytes_of(v, fields, "to"));
	same_bytes(h.bundle, bytes_of(v, fields, "bundle"));
	same_bytes(SPAN_OF(h.incarnation), bytes_of(v, fields, "incarnation"));
	same_bytes(SPAN_OF(h.boot_nonce), bytes_of(v, fields, "boot_nonce"));
	same_bytes(SPAN_OF(h.ephemeral), bytes_of(v, fields, "ephemeral"));
	same_bytes(SPAN_OF(h.curve_from), bytes_of(v, fields, "curve_from"));
	same_bytes(SPAN_OF(h.curve_to), bytes_of(v, fields, "curve_to"));
	assert_true(h.has_last_seen);
	same_bytes(SPAN_OF(h.last_seen.incarnation), bytes_of(v, seen, "incarnation"));
	assert_int_equal(h.last_seen.feed, number_of(seen, "feed"));
	same_bytes(SPAN_OF(h.last_seen.running), bytes_of(v, seen, "running"));
	assert_int_equal(wire_hello_encode(&h, &v->arena, &again), 0);
	same_bytes(again, bytes);
}

static void a_hello_decodes_verifies_and_encodes(void **state)
{
	struct vectors *v = *state;

	vectors_open(v, "hello", "frames");
	check_hello(v, field(v->root, "small"));
	check_hello(v, field(v->root, "large"));
}

static void both_sides_agree_on_the_session_keys(void **state)
{
	struct vectors *v = *state;
	struct hash small, large;
	struct secret own, dh;
	struct pubkey peer;
	uint8_t keys[2 * KEY_LEN], info[16 + 2 * HASH_LEN];
	struct writer w = writer_of(info, sizeof(info));

	vectors_open(v, "hello", "frames");
	const json_t *s = field(v->root, "small"), *l = field(v->root, "large");
	FIXED(v, s, "ephemeral_secret", own);
	FIXED(v, field(l, "fields"), "ephemeral", peer);
	assert_int_equal(crypto_dh(v->c, &own, &peer, &dh), 0);
	same_bytes(SPAN_OF(dh), bytes_of(v, v->root, "shared"));
	FIXED(v, l, "ephemeral_secret", own);
	FIXED(v, field(s, "fields"), "ephemeral", peer);
	assert_int_equal(crypto_dh(v->c, &own, &peer, &dh), 0);
	same_bytes(SPAN_OF(dh), bytes_of(v, v->root, "shared"));

	HASH(v, &small, bytes_of(v, s, "hello"));
	HASH(v, &large, bytes_of(v, l, "hello"));
	put_span(&w, SPAN_LIT("kith/session/1\0"));
	put_span(&w, SPAN_OF(small));
	put_span(&w, SPAN_OF(large));
	assert_int_equal(crypto_hkdf(v->c, (struct span){ 0 }, SPAN_OF(dh), writer_span(&w),
				 keys, sizeof(keys)),
		0);
	same_bytes((struct span){ keys, KEY_LEN }, bytes_of(v, s, "key"));
	same_bytes((struct span){ keys + KEY_LEN, KEY_LEN }, bytes_of(v, l, "key"));
}

static void frames_are_sealed_under_the_key_of_their_side_and_their_counter(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "hello", "frames")); each_next(&e, &j);) {
		const char *from = json_string_value(field(j, "from"));
		struct span plain = bytes_of(v, j, "message"),
			    sealed = bytes_of(v, j, "sealed");
		struct span frame = bytes_of(v, j, "frame"), again;
		uint8_t *out = arena_alloc(&v->arena, sealed.len);
		uint8_t nonce[12];
		struct secret key;
		struct frame f;

		FIXED(v, field(v->root, from), "key", key);
		FIXED(v, j, "nonce", nonce);
		assert_int_equal(
			crypto_box(v->c, &key, nonce, (struct span){ 0 }, plain, out), 0);
		same_bytes((struct span){ out, plain.len + 16 }, sealed);
		assert_int_equal(wire_frame_decode(frame, &f), 0);
		assert_false(f.is_hello);
		same_bytes(f.sealed, sealed);
		assert_int_equal(wire_frame_encode(&f, &v->arena, &again), 0);
		same_bytes(again, frame);
		assert_int_equal(
			crypto_unbox(v->c, &key, nonce, (struct span){ 0 }, f.sealed, out), 0);
		same_bytes((struct span){ out, plain.len }, plain);
		nonce[11] ^= 1;
		assert_int_equal(
			crypto_unbox(v->c, &key, nonce, (struct span){ 0 }, f.sealed, out),
			CRYPTO_E_BAD);
	}
}

static void every_message_decodes_and_encodes(void **state)
{
	static const struct {
		const char *name;
		enum message_kind kind;
	} kinds[] = { { "error", MSG_ERROR }, { "bye", MSG_BYE }, { "doorbell", MSG_DOORBELL },
		{ "feed_req", MSG_FEED_REQ }, { "feed", MSG_FEED },
		{ "reconcile", MSG_RECONCILE }, { "get", MSG_GET }, { "changes", MSG_CHANGES },
		{ "none", MSG_CHANGES } };
	struct vectors *v = *state;
	size_t met = 0;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "hello", "frames")); each_next(&e, &j);) {
		const char *name = json_string_value(field(j, "kind"));
		struct span bytes = bytes_of(v, j, "message"), again;
		struct message m;

		for (size_t k = 0; name && k < COUNT(kinds); k++) {
			if (strcmp(name, kinds[k].name) != 0)
				continue;
			met++;
			assert_int_equal(wire_message_decode(bytes, &v->arena, &m), 0);
			assert_int_equal(m.kind, kinds[k].kind);
			assert_int_equal(wire_message_encode(&m, &v->arena, &again), 0);
			same_bytes(again, bytes);
		}
	}
	assert_int_equal(met, 2 * COUNT(kinds));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_VECTORS(a_bundle_decodes_to_its_cards_and_encodes_to_its_bytes),
		IN_VECTORS(a_bundle_proves_the_region_that_it_is_of),
		IN_VECTORS(a_bundle_that_does_not_prove_itself_is_refused),
		IN_VECTORS(every_kind_of_control_body_decodes_and_encodes),
		IN_VECTORS(a_kind_of_the_future_is_known_to_be_unknown),
		IN_VECTORS(a_control_body_that_is_none_is_refused),
		IN_VECTORS(a_hello_decodes_verifies_and_encodes),
		IN_VECTORS(both_sides_agree_on_the_session_keys),
		IN_VECTORS(frames_are_sealed_under_the_key_of_their_side_and_their_counter),
		IN_VECTORS(every_message_decodes_and_encodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
