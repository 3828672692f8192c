/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Errors
 *
 * The trail of a fatal error is per thread and bounded: the first places are the ones that say
 * where it began, so it is the later ones that are dropped.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include <kith/err.h>

#define TRAIL_MAX 16

static _Thread_local struct err_place trail[TRAIL_MAX];
static _Thread_local size_t trail_len;

int err_note(int code, const char *func, const char *file, int line)
{
	if (code < 0 && trail_len < COUNT(trail))
		trail[trail_len++] = (struct err_place){ func, file, line, code };

	return code;
}

int err_odd_at(int verdict, const char *func, const char *file, int line)
{
	if (verdict > 0)
		verdict = -ENOTRECOVERABLE;

	return err_note(verdict, func, file, line);
}

size_t err_trail(const struct err_place **ret)
{
	*ret = trail;
	return trail_len;
}

void err_forget(void)
{
	trail_len = 0;
}

void why_set(struct why *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
}
