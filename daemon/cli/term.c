/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a terminal may see
 *
 * Names and notes come from other regions and from files of others. Whatever could move the
 * cursor, change colours or turn the direction of writing is shown, not obeyed.
 */

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <kith/utf8.h>

#include "daemon/cli/cli.h"

/* Controls, line separators, and what turns or hides writing. */
static bool hostile(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0xad ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	       (c >= 0xe0000 && c <= 0xe007f);
}

char *safe_text(struct arena *a, struct span s, enum safe how)
{
	static const size_t widest =
		10; /* \U000e0041; the longest that one byte gives is \x1b */
	char *text = arena_alloc(a, s.len * 4 + widest + 1);
	size_t n = 0;

	if (!text)
		return NULL;
	while (s.len > 0) {
		uint32_t c = s.at[0];
		size_t len = utf8_next(s, &c);

		if (len == 0 || (len == 1 && hostile(c))) {
			len = 1;
			if (c == '\n' && how == SAFE_LINES)
				text[n++] = '\n';
			else if (c == '\t')
				text[n++] = ' ';
			else if (c == '\n' || c == '\r')
				n += (size_t)sprintf(text + n, "\\%c", c == '\n' ? 'n' : 'r');
			else
				n += (size_t)sprintf(text + n, "\\x%02x", c & 0xff);
		} else if (hostile(c))
			n += (size_t)sprintf(text + n, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
		else {
			memcpy(text + n, s.at, len);
			n += len;
		}
		s.at += len;
		s.len -= len;
	}
	text[n] = '\0';

	return text;
}

char *age_text(uint64_t ms, char into[SHORT_TEXT])
{
	uint64_t s = ms / 1000;

	if (s < 1)
		(void)snprintf(into, SHORT_TEXT, "%" PRIu64 " ms", ms);
	else if (s < 120)
		(void)snprintf(into, SHORT_TEXT, "%" PRIu64 " s", s);
	else if (s < 7200)
		(void)snprintf(into, SHORT_TEXT, "%" PRIu64 " min", s / 60);
	else if (s < UINT64_C(2) * 86400)
		(void)snprintf(into, SHORT_TEXT, "%" PRIu64 " h", s / 3600);
	else
		(void)snprintf(into, SHORT_TEXT, "%" PRIu64 " days", s / 86400);

	return into;
}

/* In the time zone of whoever reads. */
char *date_text(uint64_t wall, char into[SHORT_TEXT])
{
	const time_t t = (time_t)(wall / 1000);
	struct tm tm;

	if (!localtime_r(&t, &tm) || strftime(into, SHORT_TEXT, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)snprintf(into, SHORT_TEXT, "%" PRIu64, wall);

	return into;
}

char *size_text(uint64_t bytes, char into[SHORT_TEXT])
{
	static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		(void)snprintf(into, SHORT_TEXT, "%" PRIu64 " B", bytes);
		return into;
	}
	while (v >= 1024 && i + 1 < COUNT(unit)) {
		v /= 1024;
		i++;
	}
	(void)snprintf(into, SHORT_TEXT, "%.*f %s", v < 100 ? 1 : 0, v, unit[i]);

	return into;
}

static uint64_t read_clock(clockid_t which)
{
	struct timespec t = { 0 };

	(void)clock_gettime(which, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t wall_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t clock_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

bool term_yes(const char *question)
{
	char line[16] = "";

	(void)fprintf(stderr, "%s ", question);
	(void)fflush(stderr);
	if (!fgets(line, sizeof(line), stdin))
		return false;
	for (char *p = line; *p; p++)
		*p = (char)tolower((unsigned char)*p);

	return strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0;
}

bool term_line(const char *question, const char *otherwise, char *into, size_t room)
{
	if (*otherwise)
		(void)fprintf(stderr, "%s [%s] ", question, otherwise);
	else
		(void)fprintf(stderr, "%s ", question);
	(void)fflush(stderr);
	if (!fgets(into, (int)room, stdin))
		return false;
	into[strcspn(into, "\n")] = '\0';
	if (!*into)
		(void)snprintf(into, room, "%s", otherwise);

	return true;
}
