/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Failing allocator
 *
 * Every test program is linked so that malloc, calloc and realloc, as kith's own code calls
 * them, pass through here. Out of memory is then a number: let the first allocation fail, then
 * the second, until one run gets through without meeting a failure.
 *
 *	for (uint64_t n = 1; ; n++) {
 *		alloc_fail_at(n);
 *		r = what_is_tested();
 *		if (!alloc_failed())
 *			break;
 *		assert_int_equal(r, -ENOMEM);
 *	}
 */

#include <kith/base.h>

/* Let the n-th allocation from now on fail, once; 1 is the next one, 0 means none. */
void alloc_fail_at(uint64_t n);

/* Whether that allocation was met; and from now on none fails. */
bool alloc_failed(void);

/* Whether what is taken from an arena is an allocation too, although its block has room. */
void alloc_arenas(bool too);

/* How many allocations there were since the program began: a gate may be a count. */
uint64_t alloc_count(void);
