/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the load generators share: a clock, quantiles, and a way out. A bench that cannot go on
 * says why and ends: there is nobody to hand an error to.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <kith/base.h>

static inline uint64_t now_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
		abort();
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline double seconds_since(uint64_t begun)
{
	return (double)(now_ns() - begun) / 1e9;
}

static inline int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* In microseconds, of nanoseconds; .v is sorted here. */
static inline double quantile(uint64_t *v, size_t n, double q)
{
	if (n == 0)
		return 0;
	qsort(v, n, sizeof(*v), by_size);
	return (double)v[(size_t)((double)(n - 1) * q)] / 1e3;
}

#define die(...)                                                                               \
	do {                                                                                   \
		(void)fprintf(stderr, __VA_ARGS__);                                            \
		(void)fputc('\n', stderr);                                                     \
		exit(EXIT_FAILURE);                                                            \
	} while (0)
