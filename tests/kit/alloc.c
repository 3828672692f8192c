/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Failing allocator
 *
 * The linker's --wrap sends our calls here. Calls inside shared libraries do not pass, so what
 * fails is always an allocation whose result our own code looks at.
 */

#include "tests/kit/alloc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <kith/arena.h>

static atomic_uint_fast64_t calls;
static atomic_uint_fast64_t fail_at;
static atomic_bool met;
static atomic_bool arenas;

/* The names are the linker's. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__real_arena_alloc(struct arena *a, size_t size);
void *__real_arena_array(struct arena *a, size_t n, size_t size);
uint8_t *__real_arena_copy(struct arena *a, const void *bytes, size_t len);
void *__real_arena_grow(struct arena *a, void *at, size_t n, size_t *room, size_t size);
void *__wrap_arena_alloc(struct arena *a, size_t size);
void *__wrap_arena_array(struct arena *a, size_t n, size_t size);
uint8_t *__wrap_arena_copy(struct arena *a, const void *bytes, size_t len);
void *__wrap_arena_grow(struct arena *a, void *at, size_t n, size_t *room, size_t size);
PRINTF(2, 3) char *__wrap_arena_text(struct arena *a, const char *fmt, ...);

void alloc_fail_at(uint64_t n)
{
	met = false;
	fail_at = n ? calls + n : 0;
}

bool alloc_failed(void)
{
	fail_at = 0;
	return met;
}

void alloc_arenas(bool too)
{
	arenas = too;
}

uint64_t alloc_count(void)
{
	return calls;
}

static bool now_fails(void)
{
	uint64_t n = atomic_fetch_add(&calls, 1) + 1;

	if (n != fail_at)
		return false;
	met = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return now_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return now_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t size)
{
	return now_fails() ? NULL : __real_realloc(at, size);
}

/* Arenas: what is taken from one that has room still is an allocation to whoever asks. Calls
 * inside arena.c do not pass here, so that each is met once.
 */

static bool arena_fails(struct arena *a)
{
	const bool fails = arenas && now_fails();

	a->failed |= fails;
	return fails;
}

void *__wrap_arena_alloc(struct arena *a, size_t size)
{
	return arena_fails(a) ? NULL : __real_arena_alloc(a, size);
}

void *__wrap_arena_array(struct arena *a, size_t n, size_t size)
{
	return arena_fails(a) ? NULL : __real_arena_array(a, n, size);
}

uint8_t *__wrap_arena_copy(struct arena *a, const void *bytes, size_t len)
{
	return arena_fails(a) ? NULL : __real_arena_copy(a, bytes, len);
}

void *__wrap_arena_grow(struct arena *a, void *at, size_t n, size_t *room, size_t size)
{
	return n >= *room && arena_fails(a) ? NULL : __real_arena_grow(a, at, n, room, size);
}

char *__wrap_arena_text(struct arena *a, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = arena_fails(a) ? NULL : arena_vtext(a, fmt, ap);
	va_end(ap);
	return text;
}
