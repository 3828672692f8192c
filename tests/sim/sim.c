/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The simulator's command line:
 *
 *	sim [--update] STORY...         text files, see story.c
 *	sim --hours H --seed N          a random life; prints seed and telling when a law breaks
 *	sim --mutants                   each law against a world that breaks it
 */

#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

static int usage(void)
{
	fprintf(stderr, "usage: sim [--update] STORY... | --hours H --seed N | --mutants\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct tally tally = { 0 };
	uint64_t hours = 0, seed = 1;
	bool update = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--update") == 0)
			update = true;
		else if (strcmp(argv[i], "--mutants") == 0)
			mutants_run(&tally);
		else if (strcmp(argv[i], "--hours") == 0 && i + 1 < argc)
			hours = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 10);
		else if (argv[i][0] == '-')
			return usage();
		else
			story_run(argv[i], update, &tally);
	}
	if (hours)
		life_run(seed, hours, &tally);
	if (tally.passed + tally.failed == 0)
		return usage();
	printf("%u passed, %u failed\n", tally.passed, tally.failed);
	return tally.failed > 0;
}
