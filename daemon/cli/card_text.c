/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Cards as text
 *
 * A card bundle between two lines that a mail and a printer leave alone. Reading is strict: one
 * card in the file, base64 with its padding and nothing else, and a clear word about the line
 * that is wrong. The lines above the card are for people and prove nothing.
 */

#include <errno.h>
#include <string.h>

#include "daemon/cli/cli.h"

#define BEGIN_LINE "-----BEGIN KITH REGION CARD-----"
#define END_LINE   "-----END KITH REGION CARD-----"
#define LINE_CHARS 64

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *encode(struct arena *a, struct span bytes, size_t line)
{
	size_t chars = (bytes.len + 2) / 3 * 4, n = 0;
	char *text = arena_alloc(a, chars + (line > 0 ? chars / line + 1 : 0) + 1);

	for (size_t i = 0; text && i < bytes.len; i += 3) {
		uint32_t v = (uint32_t)bytes.at[i] << 16;
		size_t left = bytes.len - i;

		v |= left > 1 ? (uint32_t)bytes.at[i + 1] << 8 : 0;
		v |= left > 2 ? bytes.at[i + 2] : 0;
		text[n++] = digits[v >> 18];
		text[n++] = digits[v >> 12 & 63];
		text[n++] = '=';
		text[n++] = '=';
		if (left > 1)
			text[n - 2] = digits[v >> 6 & 63];
		if (left > 2)
			text[n - 1] = digits[v & 63];
		if (line > 0 && (i / 3 * 4 + 4) % line == 0 && left > 3)
			text[n++] = '\n';
	}

	return text;
}

char *base64_text(struct arena *a, struct span bytes)
{
	return encode(a, bytes, 0);
}

char *card_text_make(
	struct arena *a, const char *name, const char *fingerprint, struct span bundle)
{
	const char *body = encode(a, bundle, LINE_CHARS);

	if (!body)
		return NULL;
	return arena_text(a, "Region: %s\nFingerprint: %s\n%s\n%s\n%s\n", name, fingerprint,
		BEGIN_LINE, body, END_LINE);
}

/* Four characters a group; state that goes from line to line. */
struct decoder {
	uint8_t *into;
	size_t n, room;
	uint32_t bits;
	unsigned held; /* characters of the group */
	bool ended;    /* padding was seen */
};

/* Why the group's end is wrong, or NULL. Bits that would be thrown away must be zero: one card
 * has one text. */
static const char *pad(struct decoder *d)
{
	unsigned bytes = d->held == 2 ? 1 : 2;

	if (d->held < 2)
		return "'=' stands where no padding may";
	if ((d->bits & (d->held == 2 ? 15 : 3)) != 0)
		return "the last character is not one that base64 ends in";
	if (d->n + bytes > d->room)
		return "the card is too large";
	d->into[d->n++] = (uint8_t)(d->held == 2 ? d->bits >> 4 : d->bits >> 10);
	if (bytes == 2)
		d->into[d->n++] = (uint8_t)(d->bits >> 2);
	d->ended = true;

	return NULL;
}

static const char *decode_line(struct decoder *d, struct span line)
{
	for (size_t i = 0; i < line.len; i++) {
		const char *digit = line.at[i] ? strchr(digits, line.at[i]) : NULL;

		if (line.at[i] == '=' && !d->ended) {
			size_t pads = 4 - d->held;
			const char *wrong = pad(d);

			if (wrong)
				return wrong;
			if (line.len - i != pads || (pads == 2 && line.at[i + 1] != '='))
				return "the padding is not whole, or something follows it";
			d->held = 0;
			return NULL;
		}
		if (!digit)
			return "there is a character that is not of base64";
		if (d->ended)
			return "something follows the padding";
		d->bits = d->bits << 6 | (uint32_t)(digit - digits);
		if (++d->held < 4)
			continue;
		if (d->n + 3 > d->room)
			return "the card is too large";
		d->into[d->n++] = (uint8_t)(d->bits >> 16);
		d->into[d->n++] = (uint8_t)(d->bits >> 8);
		d->into[d->n++] = (uint8_t)d->bits;
		d->bits = d->held = 0;
	}

	return NULL;
}

/* The next line without its end and the blanks that mail programs leave; false at the end. */
static bool next_line(struct span *text, struct span *ret)
{
	const uint8_t *end;

	if (text->len == 0)
		return false;
	end = memchr(text->at, '\n', text->len);
	ret->at = text->at;
	ret->len = end ? (size_t)(end - text->at) : text->len;
	text->at += ret->len + (end ? 1 : 0);
	text->len -= ret->len + (end ? 1 : 0);
	while (ret->len > 0 && strchr(" \t\r", ret->at[ret->len - 1]) && ret->at[ret->len - 1])
		ret->len--;

	return true;
}

static int bad(struct why *why, unsigned line, const char *what)
{
	if (line > 0)
		why_set(why, "line %u: %s", line, what);
	else
		why_set(why, "%s", what);
	return CARD_TEXT_E_BAD;
}

/* long: one pass over the lines with the three things that can be wrong before, in and after.
 */
int card_text_parse(struct span text, struct arena *a, struct span *ret, struct why *why)
{
	struct decoder d = { .room = BUNDLE_MAX };
	bool inside = false, done = false;
	struct span line;
	unsigned n = 0;

	if (text.len > CARD_TEXT_MAX)
		return bad(why, 0, "this is too large to be a region card");
	d.into = arena_alloc(a, d.room);
	if (!d.into)
		return err_new(-ENOMEM);

	while (next_line(&text, &line)) {
		const char *wrong = NULL;

		n++;
		if (span_is(line, BEGIN_LINE)) {
			if (inside || done)
				return bad(why, n, "a second card; a file holds one");
			inside = true;
		} else if (inside && span_is(line, END_LINE)) {
			inside = false;
			done = true;
		} else if (inside) {
			wrong = line.len > LINE_CHARS + 12 ? "the line is too long"
							   : decode_line(&d, line);
			if (wrong)
				return bad(why, n, wrong);
		}
	}
	if (inside)
		return bad(why, 0, "the line " END_LINE " is missing: the card is cut short");
	if (!done)
		return bad(why, 0, "there is no line " BEGIN_LINE);
	if (d.held > 0 || d.n == 0)
		return bad(why, 0, "the card is cut short");

	*ret = (struct span){ d.into, d.n };
	return 0;
}
