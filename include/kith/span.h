/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Spans
 *
 * Borrowed bytes, compared with each other and with words of ours.
 */

#include <kith/base.h>

/* A text's bytes without its NUL; none of NULL. */
struct span span_of(const char *text);
/* Byte for byte. */
bool span_equal(struct span a, struct span b);
bool span_is(struct span s, const char *text);
