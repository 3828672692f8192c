/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Content keys (P5): made by the custodian, committed to in a control change, wrapped for a
 * member when it asks, never stored wrapped.
 */

#include <string.h>

#include "daemon/core/inside.h"

int keys_commitment(struct step *s, const struct id *record, uint32_t epoch, uint32_t class,
	const struct secret *key, struct hash *ret)
{
	uint8_t numbers[8];
	struct writer w = writer_of(numbers, sizeof(numbers));
	int r;

	put_u32(&w, epoch);
	put_u32(&w, class);
	r = crypto_hash(s->crypto,
		(struct span[]){ SPAN_LIT("kith/key/1\0"), SPAN_OF(*record),
			{ numbers, sizeof(numbers) }, SPAN_OF(*key) },
		4, ret);
	return r ? err_odd(r) : 0;
}

int keys_make(struct step *s, const struct id *record, uint32_t epoch, uint32_t n_classes,
	struct key_commitment *ret)
{
	for (uint32_t class = 0; class < n_classes; class ++) {
		CLEANUP(secret_done) struct secret key = { 0 };
		int r = crypto_random(s->crypto, key.b, KEY_LEN);

		if (r)
			return err_odd(r);
		ret[class] = (struct key_commitment){ .epoch = epoch, .class = class };
		r = keys_commitment(s, record, epoch, class, &key, &ret[class].commitment);
		if (!r)
			r = key_put(s->view, record, &ret[class], &key);
		if (r)
			return err_odd(r);
	}
	return 0;
}

#define INFO_MAX 96

static struct span wrap_info(const struct id *record, uint32_t epoch, uint32_t class,
	const struct id *to, const struct pubkey *kem, uint8_t into[INFO_MAX])
{
	struct writer w = writer_of(into, INFO_MAX);

	put_span(&w, SPAN_LIT("kith/wrap/1\0"));
	put_bytes(&w, record->b, ID_LEN);
	put_u32(&w, epoch);
	put_u32(&w, class);
	put_bytes(&w, to->b, ID_LEN);
	put_bytes(&w, kem->b, KEY_LEN);
	return writer_span(&w);
}

int keys_wrap(struct step *s, const struct id *record, const struct key_commitment *c,
	const struct id *to, const struct pubkey *kem, struct key_wrap *ret)
{
	CLEANUP(secret_done) struct secret key = { 0 };
	uint8_t info[INFO_MAX];
	int r = key_get(s->view, record, c, &key);

	if (r)
		return r;
	ret->epoch = c->epoch;
	ret->class = c->class;
	r = crypto_wrap(s->crypto, kem, wrap_info(record, c->epoch, c->class, to, kem, info),
		&key, ret->wrap);
	if (r == CRYPTO_E_BAD)
		return ROW_NONE; /* a KEM key that nothing can be wrapped for: its own doing */
	return r ? err_up(r) : 0;
}

const struct key_commitment *keys_of(const struct affairs *a, size_t i)
{
	if (i < a->n_keys)
		return &a->keys[i];
	return i - a->n_keys < a->n_past_keys ? &a->past_keys[i - a->n_keys] : NULL;
}

bool keys_for(const struct member *m, const struct key_commitment *c)
{
	return c->class < 32 && m->row.classes & 1u << c->class &&
	       c->epoch >= m->row.first_epoch;
}

const struct key_commitment *keys_newest(const struct affairs *a, uint32_t class)
{
	for (size_t i = a->n_keys; i > 0; i--)
		if (a->keys[i - 1].epoch == a->epoch && a->keys[i - 1].class == class)
			return &a->keys[i - 1];
	return NULL;
}

/* Of the keys of that number: is any committed to, and is one of them not held? */
static int look_for(struct step *s, const struct id *record, const struct affairs *a,
	uint32_t epoch, uint32_t class, bool *ret_named, bool *ret_lacks)
{
	const struct key_commitment *c;

	*ret_named = *ret_lacks = false;
	for (size_t i = 0; (c = keys_of(a, i)) && !*ret_lacks; i++) {
		CLEANUP(secret_done) struct secret key = { 0 };
		int r;

		if (c->epoch != epoch || c->class != class)
			continue;
		*ret_named = true;
		r = key_get(s->view, record, c, &key);
		if (r < 0)
			return err_up(r);
		*ret_lacks = r == ROW_NONE;
	}
	return 0;
}

int keys_lack(
	struct step *s, const struct id *record, uint32_t epoch, uint32_t class, bool *ret)
{
	const struct affairs *a;
	bool named;
	int r = node_affairs(s, record, &a);

	if (!r)
		r = look_for(s, record, a, epoch, class, &named, ret);
	return r ? err_up(r) : 0;
}

static bool is_committed_to(const struct affairs *a, const struct key_commitment *is)
{
	const struct key_commitment *c;

	for (size_t i = 0; (c = keys_of(a, i)); i++)
		if (c->epoch == is->epoch && c->class == is->class &&
			hash_equal(&c->commitment, &is->commitment))
			return true;
	return false;
}

int keys_take(struct step *s, const struct id *record, const struct affairs *a,
	const struct key_wrap *w, bool *ret_new)
{
	CLEANUP(secret_done) struct secret key = { 0 };
	const struct node *n = s->node;
	struct key_commitment is = { .epoch = w->epoch, .class = w->class };
	uint8_t info[INFO_MAX];
	bool named, lacks;
	int r = look_for(s, record, a, w->epoch, w->class, &named, &lacks);

	*ret_new = false;
	if (r)
		return err_up(r);
	if (!named || !lacks)
		return named ? 0 : KEYS_E_BAD;
	r = crypto_unwrap(s->crypto, &n->keys->kem, &n->kem_public,
		wrap_info(record, w->epoch, w->class, &n->region, &n->kem_public, info),
		w->wrap, &key);
	if (r)
		return r == CRYPTO_E_BAD ? KEYS_E_BAD : err_up(r);
	r = keys_commitment(s, record, w->epoch, w->class, &key, &is.commitment);
	if (r)
		return err_up(r);
	if (!is_committed_to(a, &is))
		return KEYS_E_BAD;
	r = key_put(s->view, record, &is, &key);
	if (r)
		return err_odd(r);
	*ret_new = true;
	return 0;
}

/* The first .n of keys_of(). */
static int whole(
	struct step *s, const struct id *record, const struct affairs *a, size_t n, bool *ret)
{
	const struct member *m = affairs_member(a, &s->node->region);

	*ret = false;
	if (!m || m->removed)
		return 0;
	for (size_t i = 0; i < n; i++) {
		CLEANUP(secret_done) struct secret key = { 0 };
		const struct key_commitment *c = keys_of(a, i);
		int r;

		if (!keys_for(m, c))
			continue;
		r = key_get(s->view, record, c, &key);
		if (r == ROW_NONE)
			return 0;
		if (r)
			return err_up(r);
	}
	*ret = true;
	return 0;
}

int keys_whole(struct step *s, const struct id *record, const struct affairs *a, bool *ret)
{
	return whole(s, record, a, a->n_keys, ret);
}

int keys_all(struct step *s, const struct id *record, const struct affairs *a, bool *ret)
{
	return whole(s, record, a, a->n_keys + a->n_past_keys, ret);
}
