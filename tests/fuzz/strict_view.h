/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A view that takes its contract at its word: what it hands out is a copy that is freed as soon
 * as the contract lets it go, so that a sanitizer sees who looks too late.
 */

#include <stdlib.h>
#include <string.h>

#include <kith/view.h>

struct strict {
	const struct view *under;
	void **plain; /* until the next write */
	size_t n, room;
	void *sealed; /* until the next look at a sealed table, or write */
	void (*written)(void *ctx, enum table t, struct span key); /* or NULL */
	void *ctx;
};

static inline bool strict_sealed(enum table t)
{
	static const bool sealed[TABLE_COUNT] = {
#define T(id, name, sealed) [TABLE_##id] = sealed,
		TABLES(T)
#undef T
	};

	return sealed[t];
}

static inline void strict_wrote(struct strict *s)
{
	while (s->n)
		free(s->plain[--s->n]);
	free(s->sealed);
	s->sealed = NULL;
}

static inline void strict_done(struct strict *s)
{
	strict_wrote(s);
	free((void *)s->plain);
	s->plain = NULL;
	s->room = 0;
}

static inline void strict_copy(struct strict *s, bool sealed, struct span *what)
{
	uint8_t *copy = malloc(what->len ? what->len : 1);

	if (!copy)
		abort();
	if (what->len)
		memcpy(copy, what->at, what->len);
	what->at = copy;
	if (sealed) {
		free(s->sealed);
		s->sealed = copy;
		return;
	}
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->plain = (void **)realloc((void *)s->plain, s->room * sizeof(*s->plain));
		if (!s->plain)
			abort();
	}
	s->plain[s->n++] = copy;
}

static inline int strict_get(void *ctx, enum table t, struct span key, struct span *ret)
{
	struct strict *s = ctx;
	const int r = s->under->get(s->under->ctx, t, key, ret);

	if (r == 0)
		strict_copy(s, strict_sealed(t), ret);
	return r;
}

static inline int strict_seek(void *ctx, enum table t, struct span prefix, struct span from,
	struct span *ret_key, struct span *ret)
{
	struct strict *s = ctx;
	const int r = s->under->seek(s->under->ctx, t, prefix, from, ret_key, ret);

	if (r == 0) {
		strict_copy(s, false, ret_key);
		strict_copy(s, strict_sealed(t), ret);
	}
	return r;
}

static inline int strict_last(
	void *ctx, enum table t, struct span prefix, struct span *ret_key, struct span *ret)
{
	struct strict *s = ctx;
	const int r = s->under->last(s->under->ctx, t, prefix, ret_key, ret);

	if (r == 0) {
		strict_copy(s, false, ret_key);
		strict_copy(s, strict_sealed(t), ret);
	}
	return r;
}

static inline int strict_back(void *ctx, enum table t, struct span prefix, struct span upto,
	struct span *ret_key, struct span *ret)
{
	struct strict *s = ctx;
	const int r = s->under->back(s->under->ctx, t, prefix, upto, ret_key, ret);

	if (r == 0) {
		strict_copy(s, false, ret_key);
		strict_copy(s, strict_sealed(t), ret);
	}
	return r;
}

/* What it is given may stand in what it lets go: freed behind the write. */
static inline int strict_put(void *ctx, enum table t, struct span key, struct span value)
{
	struct strict *s = ctx;
	const int r = s->under->put(s->under->ctx, t, key, value);

	if (s->written)
		s->written(s->ctx, t, key);
	strict_wrote(s);
	return r;
}

static inline int strict_append(void *ctx, enum table t, struct span key, struct span value)
{
	struct strict *s = ctx;
	const int r = s->under->append(s->under->ctx, t, key, value);

	if (s->written)
		s->written(s->ctx, t, key);
	strict_wrote(s);
	return r;
}

static inline int strict_del(void *ctx, enum table t, struct span key)
{
	struct strict *s = ctx;
	const int r = s->under->del(s->under->ctx, t, key);

	strict_wrote(s);
	return r;
}

static inline struct view strict_view(struct strict *s, const struct view *under)
{
	*s = (struct strict){ .under = under };
	return (struct view){ .ctx = s,
		.get = strict_get,
		.seek = strict_seek,
		.last = strict_last,
		.put = strict_put,
		.back = strict_back,
		.append = strict_append,
		.del = strict_del };
}
