/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Base vocabulary
 *
 * The handful of words every module speaks: borrowed bytes, scope cleanup,
 * must-use results. Nothing here allocates, logs or reads a clock.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE     __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define CLEANUP(fn)  __attribute__((cleanup(fn)))
#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))

/* Borrowed bytes. Whoever hands out a span says how long it stays valid. */
struct span {
	const uint8_t *at;
	size_t len;
};

/* The bytes of a string literal, without its final NUL. */
#define SPAN_LIT(s) ((struct span){ (const uint8_t *)("" s), sizeof(s) - 1 })
/* A whole fixed-size object as bytes: SPAN_OF(id) where id is a struct of bytes. */
#define SPAN_OF(x) ((struct span){ (const uint8_t *)&(x), sizeof(x) })

/* Milliseconds on the node's own clock. The core is told the time; it never asks. */
typedef uint64_t msec;
#define MSEC_NEVER UINT64_MAX

/* Move a pointer out of a variable, leaving NULL: the reader sees ownership leave. */
#define TAKE(p)                                                                                \
	({                                                                                     \
		__typeof__(p) *taken_ = &(p);                                                  \
		__typeof__(p) value_ = *taken_;                                                \
		*taken_ = NULL;                                                                \
		value_;                                                                        \
	})
