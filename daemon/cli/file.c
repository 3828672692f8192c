/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Files
 *
 * Reading within a bound, and writing so that a file is there whole or not at all and never
 * takes the place of another.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/cli/cli.h"

#define READ_STEP (256 * 1024)

void file_drop(FILE **f)
{
	if (*f && *f != stdin)
		(void)fclose(*f);
}

int file_read(struct cli *c, const char *path, size_t most, struct span *ret)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *f CLEANUP(file_drop) = standard ? stdin : fopen(path, "re");
	uint8_t *at = NULL;
	size_t n = 0, room = 0;

	if (!f)
		return cli_say(CLI_FAILED, "%s cannot be read: %s", path, strerror(errno));
	for (;;) {
		if (n == room) {
			size_t more = room == 0 ? READ_STEP : room * 2;
			uint8_t *grown = arena_alloc(&c->arena, more);

			if (!grown)
				return err_new(-ENOMEM);
			if (n > 0)
				memcpy(grown, at, n);
			at = grown;
			room = more;
		}
		n += fread(at + n, 1, room - n, f);
		if (n > most)
			return cli_say(
				CLI_FAILED, "%s is too large (over %zu bytes)", path, most);
		if (ferror(f))
			return cli_say(
				CLI_FAILED, "%s cannot be read: %s", path, strerror(errno));
		if (feof(f))
			break;
	}

	*ret = (struct span){ at, n };
	return 0;
}

static int there_already(const char *path)
{
	return cli_say(CLI_FAILED,
		"%s is there already\n  next: choose another name; kithctl replaces no file",
		path);
}

int new_file_open(struct cli *c, const char *path, struct new_file *ret)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) == 0)
		return there_already(path);
	ret->path = arena_text(&c->arena, "%s", path);
	ret->temporary = arena_text(&c->arena, "%s.XXXXXX", path);
	if (!ret->path || !ret->temporary)
		return err_new(-ENOMEM);

	fd = mkostemp(ret->temporary, O_CLOEXEC);
	if (fd < 0) {
		ret->temporary = NULL;
		return cli_say(CLI_FAILED, "%s cannot be written: %s", path, strerror(errno));
	}
	ret->f = fdopen(fd, "w");
	if (!ret->f) {
		(void)close(fd);
		return err_new(-ENOMEM);
	}

	return 0;
}

int new_file_keep(struct new_file *n)
{
	bool well = fflush(n->f) == 0 && fsync(fileno(n->f)) == 0;
	int cause = errno;

	if (fclose(TAKE(n->f)) != 0 || !well)
		return cli_say(
			CLI_FAILED, "%s cannot be written: %s", n->path, strerror(cause));
	/* Unlike rename, link fails when somebody made the name meanwhile. */
	if (link(n->temporary, n->path) != 0)
		return errno == EEXIST ? there_already(n->path)
				       : cli_say(CLI_FAILED, "%s cannot be named: %s", n->path,
						 strerror(errno));

	return 0;
}

void new_file_drop(struct new_file *n)
{
	if (n->f)
		(void)fclose(n->f);
	if (n->temporary)
		(void)unlink(n->temporary);
}
