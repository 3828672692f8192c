/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/store/row.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SUM_LEN     8
#define NONCE_LEN   12
#define TAG_LEN     16
#define TABLE_MAX   16
#define SCRATCH_MIN 4096

struct row_form row_form(enum table t)
{
	static const struct row_form forms[] = {
#define T(id, name, sealed) [TABLE_##id] = { name, sealed },
		TABLES(T)
#undef T
	};

	assert(t < TABLE_COUNT);
	return forms[t];
}

void scratch_wipe(struct scratch *s)
{
	if (s->used)
		explicit_bzero(s->at, s->used);
	s->used = 0;
}

void scratch_done(struct scratch *s)
{
	scratch_wipe(s);
	free(s->at);
	*s = (struct scratch){ 0 };
}

/* Room for .len bytes; what was there is gone. */
static int scratch_take(struct scratch *s, size_t len)
{
	size_t room = s->room ? s->room : SCRATCH_MIN;
	uint8_t *at;

	if (len > s->room) {
		while (room < len)
			room *= 2;
		at = malloc(room);
		if (!at)
			return err_new(-ENOMEM);
		scratch_done(s);
		s->at = at;
		s->room = room;
	}
	scratch_wipe(s);
	s->used = len;
	return 0;
}

static int row_sum(struct crypto *c, struct row_at at, struct span value, struct hash *ret)
{
	/* The name goes in with its final NUL: table || 0x00. */
	const struct span parts[] = {
		{ (const uint8_t *)at.form.table, strlen(at.form.table) + 1 },
		at.key,
		value,
	};

	return crypto_hash(c, parts, COUNT(parts), ret);
}

/* table || 0x00 || key into .room. */
static struct span row_aad(struct row_at at, uint8_t room[TABLE_MAX + VIEW_KEY_MAX])
{
	const size_t name = strlen(at.form.table) + 1;

	assert(name <= TABLE_MAX && at.key.len <= VIEW_KEY_MAX);
	memcpy(room, at.form.table, name);
	memcpy(room + name, at.key.at, at.key.len);
	return (struct span){ room, name + at.key.len };
}

static int row_seal(struct crypto *c, const struct secret *key, struct row_at at,
	struct span value, struct scratch *into)
{
	uint8_t aad[TABLE_MAX + VIEW_KEY_MAX];
	int r;

	r = scratch_take(into, NONCE_LEN + value.len + TAG_LEN);
	if (!r)
		r = crypto_random(c, into->at, NONCE_LEN);
	if (!r)
		r = crypto_box(c, key, into->at, row_aad(at, aad), value, into->at + NONCE_LEN);
	return r ? err_odd(r) : 0;
}

int row_pack(struct crypto *c, const struct secret *key, struct row_at at, struct span value,
	struct scratch *into, struct span *ret)
{
	struct hash sum;
	int r;

	if (value.len > ROW_VALUE_MAX)
		return err_new(-EMSGSIZE);

	if (at.form.sealed) {
		r = row_seal(c, key, at, value, into);
	} else {
		r = row_sum(c, at, value, &sum);
		if (!r)
			r = scratch_take(into, value.len + SUM_LEN);
		if (!r && value.len)
			memcpy(into->at, value.at, value.len);
		if (!r)
			memcpy(into->at + value.len, sum.b, SUM_LEN);
	}
	if (r)
		return err_odd(r);

	*ret = (struct span){ into->at, into->used };
	return 0;
}

static int row_open(struct crypto *c, const struct secret *key, struct row_at at,
	struct span stored, struct scratch *into, struct span *ret)
{
	uint8_t aad[TABLE_MAX + VIEW_KEY_MAX];
	struct span boxed;
	int r;

	if (stored.len < NONCE_LEN + TAG_LEN)
		return VIEW_DAMAGED;
	boxed = (struct span){ stored.at + NONCE_LEN, stored.len - NONCE_LEN };

	r = scratch_take(into, boxed.len); /* the tag's room is too much, so never zero */
	if (r)
		return err_up(r);
	r = crypto_unbox(c, key, stored.at, row_aad(at, aad), boxed, into->at);
	if (r == CRYPTO_E_BAD)
		return VIEW_DAMAGED;
	if (r)
		return err_odd(r);

	*ret = (struct span){ into->at, boxed.len - TAG_LEN };
	return 0;
}

int row_unpack(struct crypto *c, const struct secret *key, struct row_at at, struct span stored,
	struct scratch *into, struct span *ret)
{
	struct span value;
	struct hash sum;
	int r;

	/* A longer key or value than we write is not ours, whatever its hash. */
	if (at.key.len > VIEW_KEY_MAX || stored.len > ROW_VALUE_MAX + NONCE_LEN + TAG_LEN)
		return VIEW_DAMAGED;
	if (at.form.sealed)
		return row_open(c, key, at, stored, into, ret);
	if (stored.len < SUM_LEN)
		return VIEW_DAMAGED;

	value = (struct span){ stored.at, stored.len - SUM_LEN };
	r = row_sum(c, at, value, &sum);
	if (r)
		return err_odd(r);
	if (memcmp(sum.b, stored.at + value.len, SUM_LEN) != 0)
		return VIEW_DAMAGED;

	*ret = value;
	return 0;
}
