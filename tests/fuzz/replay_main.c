/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Replay
 *
 * A fuzz target without its fuzzer: every file of the given directories goes through it once.
 * So what a fuzzer has ever found is tested with each change, by any compiler. A target that
 * objects aborts, and then the last file named is the culprit. An empty or missing corpus
 * fails: it would test nothing.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/base.h>

#define INPUT_MAX ((size_t)1 << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Noreturn void stop(const char *what, const char *name)
{
	fprintf(stderr, "%s: %s\n", name, what);
	exit(EXIT_FAILURE);
}

/* The input stands in memory of exactly its size, so that a sanitizer sees the end of it. */
static void replay_file(const char *path, uint8_t *room)
{
	FILE *f = fopen(path, "rb");
	uint8_t *exact;
	size_t size;

	if (!f)
		stop("cannot be opened", path);
	size = fread(room, 1, INPUT_MAX, f);
	if (ferror(f) || !feof(f))
		stop("cannot be read whole", path);
	(void)fclose(f);

	exact = malloc(size ? size : 1);
	if (!exact)
		stop("no memory", path);
	memcpy(exact, room, size);
	fprintf(stderr, "# %s\n", path);
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static size_t replay_dir(const char *dir, uint8_t *room)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, NULL, alphasort);
	size_t done = 0;

	if (n < 0)
		stop("cannot be listed", dir);
	for (int i = 0; i < n; i++) {
		char path[4096];

		if (entries[i]->d_name[0] != '.') {
			(void)snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
			replay_file(path, room);
			done++;
		}
		free(entries[i]);
	}
	free((void *)entries);
	return done;
}

int main(int argc, char **argv)
{
	uint8_t *room = malloc(INPUT_MAX);
	size_t done = 0;

	if (!room)
		stop("no memory", argv[0]);
	for (int i = 1; i < argc; i++)
		done += replay_dir(argv[i], room);
	free(room);

	/* On a line of its own: libconfuse's scanner echoes what it does not know. */
	printf("\n%zu passed, %d failed\n", done, done ? 0 : 1);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
