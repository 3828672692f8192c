/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the tests on golden vectors share: a file of proto/vectors (or of $KITH_VECTORS), its
 * fields as bytes and numbers, and an engine whose chance is what the vector says.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <kith/arena.h>
#include <kith/crypto.h>

struct vectors {
	json_t *root;
	struct arena arena;
	struct crypto *c;
	struct span chance; /* what the engine draws next, and then no more */
};

static inline int scripted(void *ctx, void *into, size_t len)
{
	struct vectors *v = ctx;

	if (len > v->chance.len)
		return err_new(-61 /* ENODATA */);
	memcpy(into, v->chance.at, len);
	v->chance.at += len;
	v->chance.len -= len;
	return 0;
}

static inline int vectors_up(void **state)
{
	struct vectors *v = calloc(1, sizeof(*v));

	assert_non_null(v);
	arena_init(&v->arena, 0);
	assert_int_equal(crypto_new((struct chance){ v, scripted }, &v->c), 0);
	*state = v;
	return 0;
}

static inline int vectors_down(void **state)
{
	struct vectors *v = *state;

	json_decref(v->root);
	crypto_free(v->c);
	arena_done(&v->arena);
	free(v);
	return 0;
}

#define IN_VECTORS(test) cmocka_unit_test_setup_teardown(test, vectors_up, vectors_down)

static inline json_t *field(const json_t *of, const char *name)
{
	json_t *j = json_object_get(of, name);

	if (!j)
		fail_msg("a vector without %s", name);
	return j;
}

/* The list .name in a file, which is not empty. */
static inline json_t *vectors_open(struct vectors *v, const char *file, const char *name)
{
	const char *dir = getenv("KITH_VECTORS");
	json_error_t error;

	if (!v->root)
		v->root = json_load_file(
			arena_text(&v->arena, "%s/%s.json", dir ? dir : "proto/vectors", file),
			0, &error);
	if (!v->root)
		fail_msg("%s.json: %s", file, error.text);
	assert_true(json_array_size(field(v->root, name)) > 0);
	return field(v->root, name);
}

/* One element of a list after the other: for (struct each e = each_of(list); each_next(&e,
 * &j);) */
struct each {
	const json_t *list;
	size_t n; /* of the element, from 1 */
};

static inline struct each each_of(const json_t *list)
{
	return (struct each){ .list = list };
}

static inline bool each_next(struct each *e, const json_t **ret)
{
	*ret = json_array_get(e->list, e->n++);
	return *ret != NULL;
}

static inline struct span hex_of(struct vectors *v, const json_t *text)
{
	size_t len = json_string_length(text) / 2;
	uint8_t *at = arena_alloc(&v->arena, len + 1);

	assert_non_null(at);
	assert_true(json_is_string(text));
	assert_true(hex_parse(json_string_value(text), 2 * len, at, len));
	return (struct span){ at, len };
}

static inline struct span bytes_of(struct vectors *v, const json_t *of, const char *name)
{
	return hex_of(v, field(of, name));
}

static inline void fixed_of(
	struct vectors *v, const json_t *of, const char *name, void *ret, size_t len)
{
	struct span s = bytes_of(v, of, name);

	assert_int_equal(s.len, len);
	memcpy(ret, s.at, len);
}

#define FIXED(v, of, name, object) fixed_of((v), (of), (name), &(object), sizeof(object))

static inline uint64_t number_of(const json_t *of, const char *name)
{
	json_t *j = field(of, name);

	assert_true(json_is_integer(j));
	return (uint64_t)json_integer_value(j);
}

static inline const char *why_of(const json_t *of)
{
	return json_string_value(field(of, "why"));
}

static inline void same_bytes(struct span got, struct span expected)
{
	assert_int_equal(got.len, expected.len);
	if (got.len > 0)
		assert_memory_equal(got.at, expected.at, got.len);
}

static inline void same_hash(const struct hash *got, struct span expected)
{
	same_bytes(SPAN_OF(*got), expected);
}

/* The first 16 bytes of a hash are an id (P1). */
static inline void same_id(const struct hash *got, struct span expected)
{
	same_bytes((struct span){ got->b, ID_LEN }, expected);
}

#define HASH(v, ret, ...)                                                                      \
	assert_int_equal(crypto_hash((v)->c, (struct span[]){ __VA_ARGS__ },                   \
				 COUNT(((struct span[]){ __VA_ARGS__ })), (ret)),              \
		0)

/* Byte i is (7 i + len) mod 256. */
static inline struct span pattern(struct vectors *v, size_t len)
{
	uint8_t *at = arena_alloc(&v->arena, len + 1);

	assert_non_null(at);
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(7 * i + len);
	return (struct span){ at, len };
}
