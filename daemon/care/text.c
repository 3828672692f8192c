/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Text and order
 *
 * Blanks, ASCII case, UTF-8 and a stable sort: what the rest of the folder needs and no locale
 * may change. No table of the C library is consulted.
 */

#include "daemon/care/care.h"

#include <string.h>

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static uint8_t upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

struct span trim(struct span s)
{
	while (s.len > 0 && blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

bool span_equal_any_case(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (upper(a.at[i]) != upper(b.at[i]))
			return false;
	}
	return true;
}

int span_order(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n == 0 ? 0 : memcmp(a.at, b.at, n);

	if (r != 0)
		return r;
	return (a.len > b.len) - (a.len < b.len);
}

/* What could forge a line or turn a terminal: controls (C0, DEL, C1), line and paragraph
 * separators, and the marks that change the direction of text. */
static bool harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

size_t text_next(struct span s, bool *ret_printable)
{
	uint32_t c;
	const size_t n = utf8_next(s, &c);

	*ret_printable = n > 0 && !harmful(c);
	return n == 0 ? 1 : n;
}

static const void *pointer_at(const uint8_t *v, size_t i)
{
	const void *p;

	memcpy(&p, v + i * sizeof(p), sizeof(p));
	return p;
}

/* Bottom up: no recursion, n log n whatever a return holds. The arrays are moved as bytes, so
 * that they may be of pointers to anything. */
void sort_stably(void *v, void *spare, size_t n, order_fn *order)
{
	const uint8_t *from = v;
	uint8_t *to = spare;

	for (size_t width = 1; width < n; width *= 2) {
		for (size_t lo = 0; lo < n; lo += 2 * width) {
			size_t mid = lo + width < n ? lo + width : n;
			size_t hi = mid + width < n ? mid + width : n;
			size_t i = lo, j = mid;

			for (size_t k = lo; k < hi; k++) {
				bool left = i < mid &&
					    (j >= hi || order(pointer_at(from, i),
								pointer_at(from, j)) <= 0);
				const void *p = pointer_at(from, left ? i++ : j++);

				memcpy(to + k * sizeof(p), &p, sizeof(p));
			}
		}
		memcpy(v, spare, n * sizeof(void *));
	}
}
