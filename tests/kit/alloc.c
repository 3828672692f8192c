/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Failing allocator
 *
 * The linker's --wrap sends our calls here. Calls inside shared libraries do not pass, so what
 * fails is always an allocation whose result our own code looks at.
 */

#include "tests/kit/alloc.h"

#include <errno.h>
#include <stdatomic.h>

static atomic_uint_fast64_t calls;
static atomic_uint_fast64_t fail_at;
static atomic_bool met;

/* The names are the linker's. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);

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
