/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Identities
 *
 * Comparing, ordering and spelling fixed-width names. Nothing here is secret, so nothing here
 * is in constant time: keys and tags are compared by crypto.
 */

#include <string.h>

#include <kith/ident.h>

static bool all_zero(const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i])
			return false;
	return true;
}

bool id_equal(const struct id *a, const struct id *b)
{
	return !memcmp(a->b, b->b, ID_LEN);
}

bool id_is_zero(const struct id *a)
{
	return all_zero(a->b, ID_LEN);
}

int id_order(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, ID_LEN);
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
	return !memcmp(a->b, b->b, HASH_LEN);
}

bool hash_is_zero(const struct hash *a)
{
	return all_zero(a->b, HASH_LEN);
}

bool place_equal(const struct place *a, const struct place *b)
{
	return !place_order(a, b);
}

int place_order(const struct place *a, const struct place *b)
{
	int order = id_order(&a->author, &b->author);

	if (!order)
		order = id_order(&a->incarnation, &b->incarnation);
	if (!order)
		order = (a->seq > b->seq) - (a->seq < b->seq);
	return order;
}

bool ref_equal(const struct ref *a, const struct ref *b)
{
	return place_equal(&a->at, &b->at) && hash_equal(&a->change, &b->change);
}

char *hex_text(const void *bytes, size_t len, char *into)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++) {
		into[2 * i] = digits[at[i] >> 4];
		into[2 * i + 1] = digits[at[i] & 15];
	}
	into[2 * len] = '\0';
	return into;
}

char *id_text(const struct id *id, char into[ID_TEXT_LEN])
{
	return hex_text(id->b, ID_LEN, into);
}

#define NOT_HEX 16u

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return NOT_HEX;
}

bool hex_parse(const char *text, size_t text_len, void *ret, size_t len)
{
	uint8_t *into = ret;

	if (text_len / 2 != len || text_len % 2)
		return false;

	/* Look first: what is not hex leaves .ret as it was. */
	for (size_t i = 0; i < text_len; i++)
		if (digit(text[i]) == NOT_HEX)
			return false;

	for (size_t i = 0; i < len; i++)
		into[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
	return true;
}

bool id_parse(const char *text, struct id *ret)
{
	return hex_parse(text, strlen(text), ret->b, ID_LEN);
}
