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

bool span_same(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool span_same_any_case(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (upper(a.at[i]) != upper(b.at[i]))
			return false;
	}
	return true;
}

struct span span_text(const char *text)
{
	return (struct span){ (const uint8_t *)text, strlen(text) };
}

bool span_is(struct span s, const char *text)
{
	return span_same(s, span_text(text));
}

int span_order(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n == 0 ? 0 : memcmp(a.at, b.at, n);

	if (r != 0)
		return r;
	return (a.len > b.len) - (a.len < b.len);
}

/* How many bytes the character at .at[0] has; 0: it is not UTF-8 (RFC 3629). */
static size_t utf8_len(const uint8_t *at, size_t left)
{
	static const struct {
		uint8_t first, last, low, high; /* of the first byte; of the second */
		size_t len;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (at[0] < 0x80)
		return 1;
	for (size_t f = 0; f < COUNT(forms); f++) {
		if (at[0] < forms[f].first || at[0] > forms[f].last)
			continue;
		if (left < forms[f].len || at[1] < forms[f].low || at[1] > forms[f].high)
			return 0;
		for (size_t i = 2; i < forms[f].len; i++) {
			if ((at[i] & 0xc0) != 0x80)
				return 0;
		}
		return forms[f].len;
	}
	return 0;
}

bool utf8_valid(struct span s)
{
	while (s.len > 0) {
		size_t n = utf8_len(s.at, s.len);

		if (n == 0)
			return false;
		s.at += n;
		s.len -= n;
	}
	return true;
}

/* What could forge a line or turn a terminal: controls (C0, DEL, C1), line and paragraph
 * separators, and the marks that change the direction of text. */
static bool harmful(const uint8_t *at, size_t n)
{
	if (n == 1)
		return at[0] < 0x20 || at[0] == 0x7f;
	if (n == 2)
		return at[0] == 0xc2 && at[1] < 0xa0;
	if (n != 3 || at[0] != 0xe2)
		return false;
	return (at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) ||
	       (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

size_t utf8_next(struct span s, bool *ret_printable)
{
	size_t n = utf8_len(s.at, s.len);

	*ret_printable = n > 0 && !harmful(s.at, n);
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
