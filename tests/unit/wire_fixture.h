/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Wire tests: bytes to play with
 *
 * Encodings are changed here by a small reader and writer of protobuf fields that shares no
 * code with proto/; and whatever kith writes must come out the same from protobuf-c.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <kith/wire.h>

#include "proto/wire_private.h"
#include "tests/kit/alloc.h"

/* Bytes that are made here live until the program ends. */
#define BYTES(...)                                                                             \
	((struct span){                                                                        \
		(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) })

__attribute__((unused)) static struct id id_of(uint8_t n)
{
	struct id id;
	memset(id.b, n, sizeof(id.b));
	return id;
}

__attribute__((unused)) static struct hash hash_of(uint8_t n)
{
	struct hash h;
	memset(h.b, n, sizeof(h.b));
	return h;
}

__attribute__((unused)) static struct ref ref_of(uint8_t n)
{
	return (struct ref){ { id_of(n), id_of((uint8_t)(n + 1)), n }, hash_of(n) };
}

__attribute__((unused)) static void same_bytes(struct span a, struct span b)
{
	assert_int_equal(a.len, b.len);
	if (a.len > 0)
		assert_memory_equal(a.at, b.at, a.len);
}

/* A field of well-formed bytes: how long it is, and its number. */
static size_t field_at(const uint8_t *at, uint64_t *ret_number)
{
	uint64_t v[2] = { 0 };
	size_t n = 0;
	for (int i = 0; i < 2; i++) {
		unsigned shift = 0;
		do {
			v[i] |= (uint64_t)(at[n] & 0x7f) << shift;
			shift += 7;
		} while (at[n++] & 0x80);
	}
	*ret_number = v[0] >> 3;
	return (v[0] & 7) == 2 ? n + v[1] : n;
}

/* .in with the fields of this number that many times each. */
__attribute__((unused)) static struct span times(struct span in, uint64_t number, int how_often)
{
	static struct arena kept;
	uint8_t *made = arena_alloc(&kept, in.len * (size_t)(how_often + 1) + 1);
	size_t len = 0;
	assert_non_null(made);
	for (size_t i = 0; i < in.len;) {
		uint64_t n = 0;
		size_t field = field_at(in.at + i, &n);
		for (int t = 0; t < (n == number ? how_often : 1); t++) {
			memcpy(made + len, in.at + i, field);
			len += field;
		}
		i += field;
	}
	return (struct span){ made, len };
}

__attribute__((unused)) static struct span without(struct span in, uint64_t number)
{
	return times(in, number, 0);
}

__attribute__((unused)) static struct span twice(struct span in, uint64_t number)
{
	return times(in, number, 2);
}

__attribute__((unused)) static struct span joined(struct span a, struct span b)
{
	static struct arena kept;
	uint8_t *made = arena_alloc(&kept, a.len + b.len + 1);
	assert_non_null(made);
	if (a.len > 0)
		memcpy(made, a.at, a.len);
	if (b.len > 0)
		memcpy(made + a.len, b.at, b.len);
	return (struct span){ made, a.len + b.len };
}

static size_t put_int(uint8_t *into, uint64_t v)
{
	size_t n = 0;
	for (; v > 0x7f; v >>= 7)
		into[n++] = (uint8_t)(0x80 | (v & 0x7f));
	into[n++] = (uint8_t)v;
	return n;
}

/* A number, or bytes, as a field. */
__attribute__((unused)) static struct span number_field(uint64_t number, uint64_t v)
{
	uint8_t b[20];
	size_t n = put_int(b, number << 3);
	n += put_int(b + n, v);
	return joined((struct span){ b, n }, (struct span){ NULL, 0 });
}

__attribute__((unused)) static struct span bytes_field(uint64_t number, struct span v)
{
	uint8_t b[20];
	size_t n = put_int(b, number << 3 | 2);
	n += put_int(b + n, v.len);
	return joined((struct span){ b, n }, v);
}

/* .in with the one field of this number replaced. */
__attribute__((unused)) static struct span with(
	struct span in, uint64_t number, struct span field)
{
	size_t i = 0;
	uint64_t n = 0;
	while (i < in.len) {
		size_t len = field_at(in.at + i, &n);
		if (n >= number)
			break;
		i += len;
	}
	struct span rest = without((struct span){ in.at + i, in.len - i }, number);
	return joined(joined((struct span){ in.at, i }, field), rest);
}

/* Whatever allocation fails, or whatever the budget: the call says which, and works with
 * enough. The call uses an arena that is called .a. */
#define FAILS_WELL(call)                                                                       \
	do {                                                                                   \
		struct arena a;                                                                \
		int r_ = -1;                                                                   \
		for (uint64_t n_ = 1; r_ != 0; n_++) {                                         \
			arena_init(&a, 0);                                                     \
			alloc_fail_at(n_);                                                     \
			r_ = (call);                                                           \
			bool failed_ = alloc_failed();                                         \
			arena_done(&a);                                                        \
			assert_int_equal(r_, failed_ ? -ENOMEM : 0);                           \
			assert_true(n_ > 1 || failed_);                                        \
		}                                                                              \
		size_t budget_ = 16;                                                           \
		for (r_ = -1; r_ != 0; budget_ += 16) {                                        \
			arena_init(&a, budget_);                                               \
			r_ = (call);                                                           \
			arena_done(&a);                                                        \
			assert_true(r_ == 0 || r_ == WIRE_E_BUDGET);                           \
			assert_true(budget_ > 16 || r_ == WIRE_E_BUDGET);                      \
		}                                                                              \
	} while (0)
