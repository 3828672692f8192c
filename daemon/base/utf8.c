/* SPDX-License-Identifier: Apache-2.0 */

/*
 * UTF-8: the one decoder
 */

#include <string.h>

#include <kith/utf8.h>

size_t utf8_next(struct span text, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = text.at[0];
	const size_t len = c < 0x80   ? 1
			   : c < 0xc0 ? 0
			   : c < 0xe0 ? 2
			   : c < 0xf0 ? 3
			   : c < 0xf8 ? 4
				      : 0;

	if (len == 0 || len > text.len)
		return 0;
	if (len > 1)
		c &= 0x7fU >> len;
	for (size_t i = 1; i < len; i++) {
		if ((text.at[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (text.at[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;

	*ret = c;
	return len;
}

/* Whether the next eight bytes are ASCII, as most text is. */
static bool eight_plain(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return !(v & UINT64_C(0x8080808080808080));
}

bool utf8_valid(struct span text)
{
	for (size_t i = 0; i < text.len;) {
		const struct span rest = { text.at + i, text.len - i };
		uint32_t c;
		const size_t n = rest.len >= 8 && eight_plain(rest.at) ? 8
				 : rest.at[0] < 0x80                   ? 1
								       : utf8_next(rest, &c);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}
