/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Create
 *
 * A new store is built in a directory beside the wanted one and renamed into place once all of
 * it is on the disk: LMDB writes the first pages of an environment without flushing them, so
 * a crash in the middle must leave nothing that looks like a store.
 */

#include "daemon/store/inside.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The target may be missing or an empty directory. */
static int target_check(const char *dir, struct why *why)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	if (!d && errno == ENOENT)
		return 0;
	if (!d && errno != ENOTDIR)
		return path_trouble(dir, errno, why);

	/* Two of them are . and ..: a third is enough. */
	while (d && n < 3 && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	if (d && n < 3)
		return 0;

	why_set(why,
		"%s is not an empty directory, so no store is made there: open the store that "
		"is "
		"there, or choose another directory",
		dir);
	return STORE_E_EXISTS;
}

static int make_env(const char *dir, enum env_id id, const struct store_options *o,
	struct crypto *c, const struct secret *key, const struct marks *m, struct why *why)
{
	CLEANUP(path_drop) char *path = path_of(dir, env_name(id));
	struct env e = { 0 };
	int r;

	if (!path)
		return err_new(-ENOMEM);
	if (mkdir(path, 0700) < 0)
		return path_trouble(path, errno, why);

	r = env_open(&e, dir, id, o, true, why);
	if (!r)
		r = marks_write(&e, id, c, key, m, why);
	if (!r)
		r = flush_path(e.file, why);
	env_close(&e);
	if (!r)
		r = flush_path(path, why);
	return r;
}

static int make_store(const char *dir, const struct store_options *o, struct crypto *c,
	const struct secret *key, struct why *why)
{
	struct marks m;
	int r;

	r = crypto_random(c, m.store.b, sizeof(m.store.b));
	if (!r)
		r = redo_name(&m.epoch);
	if (r)
		return err_odd(r);
	for (unsigned e = 0; e < ENV_COUNT && !r; e++)
		r = make_env(dir, e, o, c, key, &m, why);
	if (!r)
		r = redo_create(dir, why);
	if (!r)
		r = flush_path(dir, why);
	return r;
}

/* Takes away what make_store() may have left, and nothing else. */
static void unmake_store(const char *dir)
{
	static const char *const files[] = {
		"data/data.mdb",
		"data/lock.mdb",
		"keys/data.mdb",
		"keys/lock.mdb",
		"data",
		"keys",
		"redo",
	};

	for (size_t i = 0; i < COUNT(files); i++) {
		CLEANUP(path_drop) char *path = path_of(dir, files[i]);

		if (path)
			(void)remove(path);
	}
	(void)rmdir(dir);
}

static int move_into_place(
	const char *made, const char *dir, const char *parent, struct why *why)
{
	if (rename(made, dir) == 0)
		return flush_path(parent, why);
	if (errno != ENOTEMPTY && errno != EEXIST)
		return path_trouble(dir, errno, why);
	why_set(why, "somebody else has just made %s: nothing was changed there", dir);
	return STORE_E_EXISTS;
}

static int create_beside(const char *dir, const char *parent, const struct store_options *o,
	struct crypto *c, const struct secret *key, struct why *why)
{
	CLEANUP(path_drop) char *made = path_of(parent, ".kith-store-XXXXXX");
	int r;

	if (!made)
		return err_new(-ENOMEM);
	if (!mkdtemp(made))
		return path_trouble(made, errno, why);

	r = make_store(made, o, c, key, why);
	if (!r)
		r = move_into_place(made, dir, parent, why);
	if (r)
		unmake_store(made);
	return r;
}

int store_create(const char *dir, const struct store_options *o, struct crypto *c,
	const struct secret *store_key, struct why *why)
{
	CLEANUP(path_drop) char *own = strdup(dir);
	CLEANUP(path_drop) char *parent = strdup(dir);
	char *slash;
	int r;

	if (!own || !parent)
		return err_new(-ENOMEM);
	/* rename() and the search for the parent want no slashes at the end. */
	for (size_t n = strlen(own); n > 1 && own[n - 1] == '/'; n--)
		own[n - 1] = parent[n - 1] = '\0';

	slash = strrchr(parent, '/');
	if (slash == parent)
		slash[1] = '\0';
	else if (slash)
		slash[0] = '\0';

	r = target_check(own, why);
	if (!r)
		r = create_beside(own, slash ? parent : ".", o, c, store_key, why);
	return r;
}
