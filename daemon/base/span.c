/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Spans
 *
 * An empty one may point nowhere, and memcmp may not.
 */

#include <string.h>

#include <kith/span.h>

struct span span_of(const char *text)
{
	return text ? (struct span){ (const uint8_t *)text, strlen(text) } : (struct span){ 0 };
}

bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool span_is(struct span s, const char *text)
{
	return span_equal(s, span_of(text));
}
