/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the tests of crypto share: bytes from hex, an engine for each test, and chance that says
 * what it is told to say.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <kith/crypto.h>

/* Chance that gives these bytes and then fails. */
struct script {
	const uint8_t *at;
	size_t left;
};

static inline int script_fill(void *ctx, void *into, size_t len)
{
	struct script *s = ctx;

	if (len > s->left)
		return err_new(-61 /* ENODATA */);
	memcpy(into, s->at, len);
	s->at += len;
	s->left -= len;
	return 0;
}

static inline struct crypto *engine_with(struct chance chance)
{
	struct crypto *c = NULL;

	assert_int_equal(crypto_new(chance, &c), 0);
	return c;
}

static inline int engine_up(void **state)
{
	*state = engine_with(chance_kernel());
	return 0;
}

static inline int engine_down(void **state)
{
	*state = crypto_free(*state);
	return 0;
}

static inline size_t unhex(const char *text, void *ret, size_t room)
{
	size_t len = strlen(text) / 2;

	assert_true(len <= room);
	assert_true(hex_parse(text, 2 * len, ret, len));
	return len;
}

static inline void assert_hex(const void *bytes, size_t len, const char *text)
{
	uint8_t expected[512];

	assert_int_equal(unhex(text, expected, sizeof(expected)), len);
	assert_memory_equal(bytes, expected, len);
}

#define UNHEX(text, object)                                                                    \
	assert_int_equal(unhex(text, &(object), sizeof(object)), sizeof(object))
#define IN_ENGINE(test) cmocka_unit_test_setup_teardown(test, engine_up, engine_down)
