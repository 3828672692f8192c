/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Journal
 *
 * A line that cannot be built for want of memory is lost: a log must not stop a daemon.
 */

#include "daemon/host/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#define FIELDS_MAX 6

static struct {
	int level;
	bool journal;
} said = { .level = LOG_INFO };

/* systemd tells in JOURNAL_STREAM which device and inode its stream has: whoever has sent our
 * standard error elsewhere since then wants to read it there. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	char *end;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	dev = strtoull(stream, &end, 10);
	if (end == stream || *end != ':')
		return false;
	stream = end + 1;
	ino = strtoull(stream, &end, 10);
	return end != stream && *end == '\0' && dev == st.st_dev && ino == st.st_ino;
}

void journal_open(int level)
{
	said.level = level;
	said.journal = stderr_is_journal();
}

void journal_set_level(int level)
{
	said.level = level;
}

bool journal_hears(int priority)
{
	return priority <= said.level;
}

static void make_plain(char *text)
{
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}

struct fields {
	struct iovec v[FIELDS_MAX];
	int n;
};

static void field(struct fields *f, const char *name, const char *value)
{
	char *text;

	if (!value || asprintf(&text, "%s=%s", name, value) < 0)
		return;
	f->v[f->n++] = (struct iovec){ text, strlen(text) };
}

static void to_journal(int priority, const struct about *about, const char *text)
{
	const char number[] = { (char)('0' + (priority & 7)), '\0' };
	struct fields f = { 0 };

	field(&f, "MESSAGE", text);
	field(&f, "PRIORITY", number);
	if (about) {
		field(&f, "KITH_PEER", about->peer);
		field(&f, "KITH_RECORD", about->record);
		field(&f, "KITH_VERDICT", about->verdict);
		field(&f, "MESSAGE_ID", about->id);
	}
	(void)sd_journal_sendv(f.v, f.n);
	for (int i = 0; i < f.n; i++)
		free(f.v[i].iov_base);
}

static const char *urgency(int priority)
{
	if (priority <= LOG_ERR)
		return "error: ";
	return priority == LOG_WARNING ? "warning: " : "";
}

void journal_say(int priority, const struct about *about, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	if (!journal_hears(priority))
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;

	make_plain(text);
	if (said.journal)
		to_journal(priority, about, text);
	else
		(void)fprintf(stderr, "kithd: %s%s\n", urgency(priority), text);
	free(text);
}

void journal_trail(void)
{
	const struct err_place *trail;
	size_t n = err_trail(&trail);

	for (size_t i = 0; i < n; i++)
		journal_say(LOG_ERR, NULL, "  at %s (%s:%d): %s", trail[i].func, trail[i].file,
			trail[i].line, strerror(-trail[i].code));
	err_forget();
}
