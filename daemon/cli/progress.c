/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Progress
 *
 * How far long work is, on standard error: a bar that is drawn over itself on a terminal, and a
 * plain line at every tenth elsewhere, so that logs stay short.
 */

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cli/cli.h"

#define DRAW_EVERY_MS 100
#define BAR_WIDTH     24

char *progress_text(
	const char *what, uint64_t done, uint64_t of, uint64_t ms, char *into, size_t room)
{
	double rate = ms > 0 ? (double)done * 1000 / (double)ms : 0;
	unsigned percent = of > 0 ? (unsigned)((double)done * 100 / (double)of) : 100;
	char left[SHORT_TEXT] = "";
	int n = snprintf(
		into, room, "%s %" PRIu64 " of %" PRIu64 " (%u %%)", what, done, of, percent);

	/* A rate from the first moments promises nonsense. */
	if (ms < 1000 || rate <= 0 || n < 0 || (size_t)n >= room)
		return into;
	n += snprintf(into + n, room - (size_t)n, rate < 10 ? ", %.1f/s" : ", %.0f/s", rate);
	if (done < of && n > 0 && (size_t)n < room)
		(void)snprintf(into + n, room - (size_t)n, ", %s left",
			age_text((uint64_t)((double)(of - done) / rate * 1000), left));

	return into;
}

struct progress progress_begin(const char *what, uint64_t of)
{
	return (struct progress){
		.what = what, .of = of, .began = clock_ms(), .bar = isatty(STDERR_FILENO)
	};
}

static void draw(struct progress *p, uint64_t now)
{
	char text[160], bar[BAR_WIDTH + 1];
	size_t full =
		p->of > 0 ? (size_t)((double)p->done * BAR_WIDTH / (double)p->of) : BAR_WIDTH;

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', full < BAR_WIDTH ? full : BAR_WIDTH);
	bar[BAR_WIDTH] = '\0';
	(void)fprintf(stderr, "\r\033[K[%s] %s", bar,
		progress_text(p->what, p->done, p->of, now - p->began, text, sizeof(text)));
	(void)fflush(stderr);
	p->drawn = now;
}

void progress_set(struct progress *p, uint64_t done)
{
	uint64_t now = clock_ms();
	unsigned tenth;
	char text[160];

	p->done = done;
	if (p->bar) {
		if (p->drawn == 0 || now - p->drawn >= DRAW_EVERY_MS || done >= p->of)
			draw(p, now);
		return;
	}
	tenth = p->of > 0 ? (unsigned)((double)done * 10 / (double)p->of) : 10;
	if (tenth <= p->tenth)
		return;
	p->tenth = tenth;
	(void)fprintf(stderr, "%s\n",
		progress_text(p->what, done, p->of, now - p->began, text, sizeof(text)));
}

void progress_end(struct progress *p)
{
	if (p->bar && p->drawn > 0)
		(void)fputs("\r\033[K", stderr);
	p->drawn = 0;
}
