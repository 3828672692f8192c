/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Deeds: everything that people, the net and the machines do in a life, as plain numbers, and
 * as a file that one can read, shorten and live again:
 *
 *	seed 7
 *	regions 4
 *	12.345 offer north C1 south 2
 *	...
 *	14400.000 end
 *
 * Times are seconds since the beginning. C1 is the first child for whom a record was made.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

const char *const region_names[REGIONS_MAX] = { "north", "south", "east", "west", "mid",
	"coast", "moor", "fen", "vale", "hill", "ford", "wold", "dale", "shore", "weald",
	"marsh" };

/* r: a region, c: a child, n: a number */
static const struct {
	const char *word, *args;
} deeds[DEED_COUNT] = {
	[DEED_MAKE] = { "make", "rc" },
	[DEED_NOTE] = { "note", "rcnn" },   /* how many, and what about */
	[DEED_OFFER] = { "offer", "rcrn" }, /* to whom, and the reason */
	[DEED_ACCEPT] = { "accept", "rc" },
	[DEED_DECLINE] = { "decline", "rcn" },
	[DEED_PROVE] = { "prove", "rc" },
	[DEED_WITHDRAW] = { "withdraw", "rc" },
	[DEED_ADD] = { "add", "rcrn" }, /* whom; 1: as a writer, 2: as a guardian */
	[DEED_REMOVE] = { "remove", "rcr" },
	[DEED_REQUEST] = { "request", "rcr" }, /* of whom */
	[DEED_REFUSE] = { "refuse", "rcr" },   /* whose first request */
	[DEED_ASSUME] = { "assume", "rcr" },   /* for whom */
	[DEED_RESOLVE] = { "resolve", "rcr" },
	[DEED_BACKUP] = { "backup", "rc" },
	[DEED_CUT] = { "cut", "rr" },
	[DEED_MUTE] = { "mute", "rr" }, /* from, to */
	[DEED_HEAL] = { "heal", "rr" },
	[DEED_KILL] = { "kill", "rr" },     /* the links between them */
	[DEED_DELAY] = { "delay", "rrnn" }, /* from, to, ms, and so much more by chance */
	[DEED_RESTART] = { "restart", "r" },
	[DEED_CRASH_BEFORE] = { "crash-before", "r" },
	[DEED_CRASH_AFTER] = { "crash-after", "r" },
	[DEED_GARBLE] = { "garble", "r" },
	[DEED_REPLAY] = { "replay", "r" },
	[DEED_SLOW] = { "slow-disk", "rn" }, /* ms for a commit */
	[DEED_FULL] = { "full-disk", "rn" }, /* bytes that a turn may still write */
	[DEED_ROOM] = { "room", "r" },
	[DEED_CLOCK] = { "clock", "rn" },   /* ms that the wall clock is off */
	[DEED_STARVE] = { "starve", "rn" }, /* that allocation fails */
	[DEED_TWICE] = { "twice", "r" },    /* the next request */
	[DEED_BREAK] = { "break", "r" },    /* a mutant: it loses what made it responsible */
};

void script_add(struct script *s, const struct deed *d)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		s->v = realloc(s->v, s->room * sizeof(*s->v));
		must(s->v ? 0 : -ENOMEM);
	}
	s->v[s->n++] = *d;
}

void script_free(struct script *s)
{
	free(s->v);
	*s = (struct script){ 0 };
}

static void write_at(msec at, FILE *f)
{
	fprintf(f, "%llu.%03llu", (unsigned long long)at / 1000, (unsigned long long)at % 1000);
}

void script_write_deed(const struct deed *d, FILE *f)
{
	const char *args = deeds[d->kind].args;

	write_at(d->at, f);
	fprintf(f, " %s", deeds[d->kind].word);
	for (size_t i = 0; args[i]; i++) {
		if (args[i] == 'r')
			fprintf(f, " %s", region_names[d->a[i]]);
		else
			fprintf(f, args[i] == 'c' ? " C%lld" : " %lld", (long long)d->a[i]);
	}
	fputc('\n', f);
}

void script_write(const struct script *s, FILE *f)
{
	if (s->n_regions)
		fprintf(f, "seed %llu\nregions %zu\n", (unsigned long long)s->seed,
			s->n_regions);
	for (size_t i = 0; i < s->n; i++)
		script_write_deed(&s->v[i], f);
	if (s->end) {
		write_at(s->end, f);
		fprintf(f, " end\n");
	}
	(void)fflush(f);
}

static bool read_arg(char kind, const char *word, int64_t *ret)
{
	char *end = NULL;

	if (kind == 'r') {
		for (*ret = 0; *ret < REGIONS_MAX; (*ret)++)
			if (strcmp(region_names[*ret], word) == 0)
				return true;
		return false;
	}
	*ret = strtoll(word + (kind == 'c'), &end, 10);
	return *word && !*end && (kind != 'c' || *word == 'C');
}

/* SECONDS.mmm WORD ARGUMENT... */
static bool read_deed(struct script *s, char *line)
{
	char *save = NULL, *end = NULL;
	const char *at = strtok_r(line, " \n", &save), *word = strtok_r(NULL, " \n", &save);
	struct deed d = { 0 };

	if (!at || !word)
		return false;
	d.at = strtoull(at, &end, 10) * 1000;
	if (*end != '.' || strlen(end) != 4)
		return false;
	d.at += strtoull(end + 1, NULL, 10);
	if (strcmp(word, "end") == 0) {
		s->end = d.at;
		return true;
	}
	while (strcmp(deeds[d.kind].word, word) != 0)
		if (++d.kind == DEED_COUNT)
			return false;
	for (size_t i = 0; deeds[d.kind].args[i]; i++) {
		const char *arg = strtok_r(NULL, " \n", &save);

		if (!arg || !read_arg(deeds[d.kind].args[i], arg, &d.a[i]))
			return false;
	}
	script_add(s, &d);
	return true;
}

void script_read(struct script *s, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[256];
	unsigned n = 0;

	*s = (struct script){ 0 };
	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
	while (fgets(line, sizeof(line), f)) {
		n++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (strncmp(line, "seed ", 5) == 0) {
			s->seed = strtoull(line + 5, NULL, 10);
		} else if (strncmp(line, "regions ", 8) == 0) {
			s->n_regions = strtoul(line + 8, NULL, 10);
		} else if (!read_deed(s, line)) {
			fprintf(stderr, "%s:%u: not a deed\n", path, n);
			exit(2);
		}
	}
	(void)fclose(f);
	if (s->n_regions < 2 || s->n_regions > REGIONS_MAX) {
		fprintf(stderr, "%s: regions: 2 to %d\n", path, REGIONS_MAX);
		exit(2);
	}
	if (!s->end && s->n)
		s->end = s->v[s->n - 1].at;
}
