/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Regions: their cards and incarnation lists (P1). A bundle is checked once, when it comes;
 * what stands in CARD has proved itself and is only read.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/inside.h"

#define LABEL_CARD         SPAN_LIT("kith/card/1\0")
#define LABEL_INCARNATIONS SPAN_LIT("kith/incarnations/1\0")

static int hash_of(struct crypto *c, struct span bytes, struct hash *ret)
{
	int r = crypto_hash(c, &bytes, 1, ret);

	return r ? err_odd(r) : 0;
}

/* 0, CARD_E_BAD with .why. */
static int verify(struct crypto *c, const struct pubkey *key, struct span label,
	const struct signed_bytes *what, const char *words, struct why *why)
{
	struct sig sig;
	int r;

	memcpy(sig.b, what->signature.at, SIG_LEN);
	r = crypto_verify(c, key, label, what->bytes, &sig);
	if (r == CRYPTO_E_BAD) {
		why_set(why, "%s is not signed by the key that it must be signed by", words);
		return CARD_E_BAD;
	}
	return r ? err_up(r) : 0;
}

/* Whether a card follows from the one before it (P1.4). */
static bool succeeds(const struct card *now, const struct card *before,
	const struct hash *before_hash, const struct hash *root_hash, uint32_t version)
{
	if (now->version != version || !hash_equal(&now->before, before_hash))
		return false;
	if (version == 1)
		return true;
	return memcmp(now->root_key.b, before->root_key.b, KEY_LEN) == 0 ||
	       hash_equal(root_hash, &before->next_root);
}

static int check_cards(
	struct crypto *c, const struct bundle *b, struct checked_card *ret, struct why *why)
{
	struct hash before = { 0 }, root;
	struct card last = { 0 };

	for (size_t i = 0; i < b->n_cards; i++) {
		struct card card;
		int r = wire_card_decode(b->cards[i].bytes, &card);

		if (r) {
			why_set(why, "card %zu cannot be read", i + 1);
			return r < 0 ? err_up(r) : CARD_E_BAD;
		}
		r = hash_of(c, SPAN_OF(card.root_key), &root);
		if (r)
			return err_up(r);
		if (!succeeds(&card, &last, &before, &root, (uint32_t)i + 1)) {
			why_set(why, "card %zu does not follow from the one before it", i + 1);
			return CARD_E_BAD;
		}
		r = verify(c, &card.root_key, LABEL_CARD, &b->cards[i], "a card", why);
		if (r)
			return r;
		r = hash_of(c, b->cards[i].bytes, &before);
		if (r)
			return err_up(r);
		if (i == 0)
			memcpy(ret->region.b, before.b, ID_LEN); /* (P1.1) */
		last = card;
	}
	ret->card = last;
	ret->fingerprint = before;
	return 0;
}

static int check_incarnations(struct crypto *c, const struct bundle *b, struct arena *a,
	struct checked_card *ret, struct why *why)
{
	int r = verify(c, &ret->card.control_key, LABEL_INCARNATIONS, &b->incarnations,
		"the incarnation list", why);

	if (r)
		return r;
	r = wire_incarnations_decode(b->incarnations.bytes, a, &ret->incarnations);
	if (r) {
		why_set(why, "the incarnation list cannot be read");
		return r < 0 ? err_up(r) : CARD_E_BAD;
	}
	for (size_t i = 0; i < ret->incarnations.n; i++) {
		const struct incarnation *in = &ret->incarnations.v[i];
		struct hash h;

		r = hash_of(c, SPAN_OF(in->key), &h);
		if (r)
			return err_up(r);
		if (memcmp(h.b, in->id.b, ID_LEN) != 0) { /* (P1.2) */
			why_set(why, "an incarnation's id is not that of its key");
			return CARD_E_BAD;
		}
	}
	if (!id_equal(&ret->incarnations.region, &ret->region)) {
		why_set(why, "the incarnation list is another region's");
		return CARD_E_BAD;
	}
	return 0;
}

int card_check(struct crypto *c, struct span bytes, struct arena *a, struct checked_card *ret,
	struct why *why)
{
	struct bundle b;
	int r;

	if (bytes.len > BUNDLE_MAX) {
		why_set(why, "%zu bytes are more than a card can have", bytes.len);
		return CARD_E_BAD;
	}
	r = wire_bundle_decode(bytes, a, &b);
	if (r) {
		why_set(why, "this is not a region card");
		return r < 0 ? err_up(r) : CARD_E_BAD;
	}
	r = check_cards(c, &b, ret, why);
	return r ? r : check_incarnations(c, &b, a, ret, why);
}

char *fingerprint_text(const struct hash *h, char into[FINGERPRINT_TEXT_LEN])
{
	char *at = into;

	for (size_t i = 0; i < HASH_LEN; i += 2) {
		hex_text(h->b + i, 2, at);
		at += 4;
		*at++ = ' ';
	}
	at[-1] = '\0';
	return into;
}

int region_card(struct step *s, const struct id *region, struct checked_card *ret)
{
	struct span bytes;
	struct bundle b;
	int r = row_get(s->view, TABLE_CARD, SPAN_OF(*region), &bytes);

	if (r)
		return r;
	/* Into the arena first: what is read must outlive the next write. */
	bytes.at = arena_copy(s->arena, bytes.at, bytes.len);
	if (!bytes.at)
		return err_new(-ENOMEM);
	r = wire_bundle_decode(bytes, s->arena, &b);
	if (!r)
		r = wire_card_decode(b.cards[b.n_cards - 1].bytes, &ret->card);
	if (!r)
		r = wire_incarnations_decode(
			b.incarnations.bytes, s->arena, &ret->incarnations);
	if (r)
		return r < 0 ? err_up(r) : err_new(-EUCLEAN);
	ret->region = *region;
	return hash_of(s->crypto, b.cards[b.n_cards - 1].bytes, &ret->fingerprint);
}

/* Whether two bundles of a region tell one history as far as both go (P1.4). */
static int same_history(struct step *s, const struct id *region, struct span bundle, bool *ret)
{
	struct span bytes;
	struct bundle now, held;
	int r = row_get(s->view, TABLE_CARD, SPAN_OF(*region), &bytes);

	if (!r)
		r = wire_bundle_decode(bytes, s->arena, &held);
	if (!r)
		r = wire_bundle_decode(bundle, s->arena, &now);
	if (r)
		return r < 0 ? err_up(r) : err_new(-EUCLEAN);
	*ret = true;
	for (size_t i = 0; i < now.n_cards && i < held.n_cards; i++)
		*ret &= span_equal(now.cards[i].bytes, held.cards[i].bytes);
	return 0;
}

int region_keep(
	struct step *s, struct span bundle, const struct checked_card *now, enum card_news *ret)
{
	struct checked_card held;
	int r = region_card(s, &now->region, &held);

	if (r < 0)
		return err_up(r);
	*ret = r == ROW_NONE ? CARD_FIRST : CARD_NEWER;
	if (r == 0) {
		bool same = false;

		r = same_history(s, &now->region, bundle, &same);
		if (r)
			return err_up(r);
		if (!same)
			return CARD_E_BAD; /* two of one version (P1.4) */
		if (now->card.version < held.card.version ||
			now->incarnations.version < held.incarnations.version) {
			*ret = CARD_OLDER;
			return 0;
		}
		if (now->card.version == held.card.version &&
			now->incarnations.version == held.incarnations.version) {
			*ret = CARD_HELD;
			return 0;
		}
	}
	r = row_put(s->view, TABLE_CARD, SPAN_OF(now->region), bundle);
	return r ? err_odd(r) : 0;
}

/* Whether these very bytes are held: then they were checked when they came. */
static int is_held(struct step *s, struct span bundle, struct id *ret_region, bool *ret)
{
	struct span held;
	struct hash first;
	struct bundle b;
	int r;

	*ret = false;
	if (bundle.len > BUNDLE_MAX || wire_bundle_decode(bundle, s->arena, &b) || !b.n_cards)
		return 0; /* card_check() says what is wrong with it */
	r = hash_of(s->crypto, b.cards[0].bytes, &first);
	if (r)
		return err_up(r);
	memcpy(ret_region->b, first.b, ID_LEN); /* (P1.1) */
	r = row_get(s->view, TABLE_CARD, SPAN_OF(*ret_region), &held);
	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	*ret = span_equal(held, bundle);
	return 0;
}

int region_learn(
	struct step *s, struct span bundle, struct id *ret_region, enum card_news *ret_news)
{
	struct checked_card now;
	struct why why;
	bool held;
	int r = is_held(s, bundle, ret_region, &held);

	*ret_news = CARD_HELD;
	if (r || held)
		return r ? err_up(r) : 0;
	r = card_check(s->crypto, bundle, s->arena, &now, &why);
	if (r)
		return r;
	*ret_region = now.region;
	return region_keep(s, bundle, &now, ret_news);
}

int region_key(struct step *s, const struct id *region, const struct id *incarnation,
	struct pubkey *ret)
{
	struct checked_card card;
	int r = region_card(s, region, &card);

	if (r)
		return r;
	for (size_t i = 0; i < card.incarnations.n; i++)
		if (id_equal(&card.incarnations.v[i].id, incarnation)) {
			*ret = card.incarnations.v[i].key;
			return 0;
		}
	return ROW_NONE;
}

/* Founding ----------------------------------------------------------------------------------
 */

bool endpoint_allowed(struct span text)
{
	bool port = false;

	if (text.len < 7 || text.len >= ENDPOINT_MAX || memcmp(text.at, "tcp://", 6) != 0)
		return false;
	for (size_t i = 6; i < text.len; i++) {
		if (text.at[i] <= ' ' || text.at[i] > '~')
			return false;
		port |= text.at[i] == ':' && i > 6 && i + 1 < text.len;
	}
	return port;
}

static bool name_allowed(const char *name)
{
	size_t n = strnlen(name, REGION_NAME_MAX);

	return n > 0 && n < REGION_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int fill_card(
	struct crypto *c, const struct region_found *f, struct card *card, struct why *why)
{
	int r;

	if (!name_allowed(f->name)) {
		why_set(why, "'%s' cannot be a region's name: 1 to 63 of a-z, 0-9 and -",
			f->name);
		return NODE_E_KEYS;
	}
	if (f->n_endpoints > ENDPOINTS_MAX) {
		why_set(why, "at most %d endpoints", ENDPOINTS_MAX);
		return NODE_E_KEYS;
	}
	*card = (struct card){ .version = 1,
		.next_root = f->next_root,
		.n_curve_keys = 1,
		.n_endpoints = f->n_endpoints };
	card->curve_keys[0] = f->curve_key;
	for (size_t i = 0; i < f->n_endpoints; i++) {
		const char *e = f->endpoints[i];

		if (!endpoint_allowed(span_of(e))) {
			why_set(why, "'%s' is not an endpoint of the form tcp://host:port", e);
			return NODE_E_KEYS;
		}
		memcpy(card->endpoints[i], e, strlen(e) + 1);
	}
	memcpy(card->name, f->name, strlen(f->name) + 1);
	r = crypto_sign_public(c, &f->root, &card->root_key);
	if (!r)
		r = crypto_sign_public(c, &f->keys->control, &card->control_key);
	if (!r)
		r = crypto_dh_public(c, &f->keys->kem, &card->kem_key);
	return r ? err_odd(r) : 0;
}

/* The bundle of a region with one card and one incarnation. */
static int first_bundle(struct crypto *c, const struct region_found *f, const struct card *card,
	struct arena *a, struct span *ret, struct id *ret_region, struct id *ret_incarnation)
{
	struct sig card_sig, list_sig;
	struct signed_bytes one = { .signature = SPAN_OF(card_sig) };
	struct incarnation in = { .number = 1, .status = INCARNATION_OPEN };
	struct incarnations list = { .version = 1, .v = &in, .n = 1 };
	struct bundle b = { .cards = &one, .n_cards = 1 };
	struct hash h;
	int r = wire_card_encode(card, a, &one.bytes);

	if (!r)
		r = crypto_sign(c, &f->root, LABEL_CARD, one.bytes, &card_sig);
	if (!r)
		r = hash_of(c, one.bytes, &h);
	if (r)
		return err_odd(r);
	memcpy(ret_region->b, h.b, ID_LEN);

	r = crypto_sign_public(c, &f->keys->sign, &in.key);
	if (!r)
		r = hash_of(c, SPAN_OF(in.key), &h);
	if (r)
		return err_odd(r);
	memcpy(in.id.b, h.b, ID_LEN);
	*ret_incarnation = in.id;
	list.region = *ret_region;
	r = wire_incarnations_encode(&list, a, &b.incarnations.bytes);
	if (!r)
		r = crypto_sign(c, &f->keys->control, LABEL_INCARNATIONS, b.incarnations.bytes,
			&list_sig);
	if (r)
		return err_odd(r);
	b.incarnations.signature = SPAN_OF(list_sig);
	r = wire_bundle_encode(&b, a, ret);
	return r ? err_odd(r) : 0;
}

int region_found(struct crypto *c, const struct region_found *f, const struct view *v,
	struct id *ret_region, struct why *why)
{
	static const uint8_t one[8] = { 0, 0, 0, 0, 0, 0, 0, 1 };
	struct arena a;
	struct card card;
	struct span bundle;
	struct id incarnation;
	int r = fill_card(c, f, &card, why);

	if (r)
		return r;
	arena_init(&a, 0);
	r = first_bundle(c, f, &card, &a, &bundle, ret_region, &incarnation);
	if (!r)
		r = row_put(v, TABLE_CARD, SPAN_OF(*ret_region), bundle);
	if (!r)
		r = meta_put(v, "region", ret_region, sizeof(*ret_region));
	if (!r)
		r = meta_put(v, "incarnation", &incarnation, sizeof(incarnation));
	if (!r)
		r = meta_put(v, "incarnation-number", one, sizeof(one));
	arena_done(&a);
	return r ? err_odd(r) : 0;
}

int region_bundle(const struct view *v, struct arena *a, struct span *ret)
{
	struct id region;
	struct span bytes;
	int r = meta_get(v, "region", &region, sizeof(region));

	if (!r)
		r = row_get(v, TABLE_CARD, SPAN_OF(region), &bytes);
	if (r)
		return r == ROW_NONE ? NODE_E_EMPTY : err_up(r);
	ret->len = bytes.len;
	ret->at = arena_copy(a, bytes.at, bytes.len);
	return ret->at ? 0 : err_new(-ENOMEM);
}
