/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The shrinker: a life that broke a law, or the program, is lived again and again with some of
 * its deeds left out, as long as it breaks the same way. Each try is a process of its own, so
 * that one which dies or hangs says something too.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/sim.h"

#define DIED 100 /* instead of a law: an assertion, a broken must(), a loop */

static double now(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_MONOTONIC, &t) ? -errno : 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* How a life ends: 0, the law it breaks, or DIED. */
static int try_life(const struct life_options *o, unsigned seconds)
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	must(pid < 0 ? -errno : 0);
	if (pid == 0) {
		/* What a try says of its death is not news. */
		if (!freopen("/dev/null", "we", stderr))
			_exit(DIED);
		alarm(seconds);
		_exit((int)life_live(o));
	}
	while (waitpid(pid, &status, 0) < 0)
		must(errno == EINTR ? 0 : -errno);
	if (WIFEXITED(status) && WEXITSTATUS(status) <= LAW_LAST)
		return WEXITSTATUS(status);
	return DIED;
}

struct shrinking {
	struct script script;
	int how;
	unsigned seconds; /* of one try */
	double until;
	unsigned tries;
};

static bool breaks(struct shrinking *s, const struct script *script)
{
	const struct life_options o = { .script = script, .quiet = true };

	s->tries++;
	return try_life(&o, s->seconds) == s->how;
}

/* Leaves out .n deeds from .at on; true: it still breaks, and they are gone. */
static bool leave_out(struct shrinking *s, size_t at, size_t n)
{
	struct script less = {
		.seed = s->script.seed, .n_regions = s->script.n_regions, .end = s->script.end
	};
	bool still;

	for (size_t i = 0; i < s->script.n; i++)
		if (i < at || i >= at + n)
			script_add(&less, &s->script.v[i]);
	if (less.n && s->script.end && at + n >= s->script.n)
		less.end = less.v[less.n - 1].at + 1;
	still = breaks(s, &less);
	if (still) {
		script_free(&s->script);
		s->script = less;
	} else {
		script_free(&less);
	}
	return still;
}

/* Halves, quarters, ... and at last one by one, from the end. */
static void shrink(struct shrinking *s)
{
	for (size_t n = (s->script.n + 1) / 2; n > 0; n = n == 1 ? 0 : (n + 1) / 2) {
		for (size_t end = s->script.n; end > 0 && now() < s->until;) {
			const size_t at = end > n ? end - n : 0;

			(void)leave_out(s, at, end - at);
			end = at;
		}
	}
}

void life_shrink(
	const struct life_options *o, const char *dir, unsigned seconds, struct tally *t)
{
	struct shrinking s = { 0 };
	struct life_options first = *o;
	struct life_options last = { .script = &s.script };
	char path[256];
	const double begun = now();
	size_t deeds;
	FILE *f;

	snprintf(path, sizeof(path), "%s/sim-%llu.life", dir, (unsigned long long)o->seed);
	first.record = path;
	first.quiet = true;
	s.how = try_life(&first, 3600);
	if (!s.how) {
		printf("seed %llu breaks nothing\n", (unsigned long long)o->seed);
		t->passed++;
		return;
	}
	s.seconds = 5 + 3 * (unsigned)(now() - begun);
	s.until = now() + seconds;
	script_read(&s.script, path);
	deeds = s.script.n;
	if (breaks(&s, &s.script))
		shrink(&s);
	f = fopen(path, "we");
	must(f ? 0 : -errno);
	fprintf(f, "# breaks %s\n", s.how == DIED ? "the program" : law_name((enum law)s.how));
	script_write(&s.script, f);
	(void)fclose(f);
	printf("%zu of %zu deeds break %s, after %u tries. Again:\n    sim --replay %s\n",
		s.script.n, deeds, s.how == DIED ? "the program" : law_name((enum law)s.how),
		s.tries, path);
	script_write(&s.script, stdout);
	if (s.how != DIED)
		(void)life_live(&last);
	script_free(&s.script);
	t->failed++;
}
