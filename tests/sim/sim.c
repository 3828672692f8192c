/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The simulator's command line:
 *
 *	sim [--update] STORY...         text files, see story.c
 *	sim --hours H --seed N          a random life; prints seed and telling when a law breaks
 *	sim --shrink --hours H --seed N the same, and when it breaks, fewer deeds that do:
 *	                                DIR/sim-N.life (--dir DIR, else .), in --for SECONDS
 *	sim --replay FILE               lives what such a file says
 *	sim --mutants                   each law against a world that breaks it
 *	    --moves                     with --hours: mostly moves
 *	    --broken                    with --hours: a life that breaks in the middle
 */

#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

static int usage(void)
{
	fprintf(stderr,
		"usage: sim [--update] STORY... | [--shrink [--dir DIR] [--for SECONDS]] "
		"--hours H --seed N | --replay FILE | --mutants\n");
	return 2;
}

static void replay(const char *path, struct tally *t)
{
	struct script script;

	script_read(&script, path);
	life_run(&(struct life_options){ .script = &script }, t);
	script_free(&script);
}

int main(int argc, char **argv)
{
	struct life_options life = { .seed = 1 };
	struct tally tally = { 0 };
	unsigned seconds = 60;
	const char *dir = ".";
	bool update = false, shrink = false;

	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(arg, "--update") == 0)
			update = true;
		else if (strcmp(arg, "--shrink") == 0)
			shrink = true;
		else if (strcmp(arg, "--moves") == 0)
			life.moves = true;
		else if (strcmp(arg, "--broken") == 0)
			life.broken_on_purpose = true;
		else if (strcmp(arg, "--mutants") == 0)
			mutants_run(&tally);
		else if (arg[0] != '-')
			story_run(arg, update, &tally);
		else if (!value)
			return usage();
		else if (strcmp(arg, "--hours") == 0)
			life.hours = strtoull(argv[++i], NULL, 10);
		else if (strcmp(arg, "--seed") == 0)
			life.seed = strtoull(argv[++i], NULL, 10);
		else if (strcmp(arg, "--dir") == 0)
			dir = argv[++i];
		else if (strcmp(arg, "--for") == 0)
			seconds = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(arg, "--replay") == 0)
			replay(argv[++i], &tally);
		else
			return usage();
	}
	if (life.hours && shrink)
		life_shrink(&life, dir, seconds, &tally);
	else if (life.hours)
		life_run(&life, &tally);
	if (tally.passed + tally.failed == 0)
		return usage();
	printf("%u passed, %u failed\n", tally.passed, tally.failed);
	return tally.failed > 0;
}
