/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Log
 *
 * One line to the error output, with the urgency that systemd reads from its front.
 */

#include <stdarg.h>
#include <stdio.h>

#include "daemon/link/hub.h"

static int most = 6;

void log_level(int level)
{
	most = level;
}

void log_say(int level, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	if (level > most)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* What came from elsewhere must not begin a line of its own. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = '?';
	(void)fprintf(stderr, "<%d>kith-link: %s\n", level, text);
}
