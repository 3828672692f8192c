/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/store/env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MAP_SIZE_DEFAULT (UINT64_C(256) << 30)

/* Copy on write: in a map that is full to the last page nothing can be deleted either. What
 * LMDB gets beyond the map size is for turns that only delete (turn.c refuses the others). */
#define RESERVE(map_size) ((map_size) / 8 + (UINT64_C(256) << 10))

/* LMDB calls a short write of several pages EIO. With less than this left on the disk it was
 * the disk that was full: one write is at most one row (1 MiB) and its neighbours. */
#define DISK_LOW (UINT64_C(4) << 20)

const char *env_name(enum env_id id)
{
	return id == ENV_KEYS ? "keys" : "data";
}

char *path_of(const char *dir, const char *name)
{
	const size_t room = strlen(dir) + 1 + strlen(name) + 1;
	char *path = malloc(room);

	if (path)
		(void)snprintf(path, room, "%s/%s", dir, name);
	return path;
}

void path_drop(char **path)
{
	free(*path);
	*path = NULL;
}

int path_trouble(const char *path, int err, struct why *why)
{
	switch (err) {
	case ENOSPC:
	case EDQUOT:
		why_set(why, "the disk of %s is full: free some space on it", path);
		return STORE_E_FULL;
	case EIO:
		why_set(why, "the disk of %s failed: look at the disk and the kernel's log",
			path);
		return STORE_E_IO;
	default:
		why_set(why, "%s cannot be used: %s", path, strerror(err));
		return err_new(-err);
	}
}

int flush_path(const char *path, struct why *why)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return path_trouble(path, errno, why);
	if (fsync(fd) < 0)
		err = errno;
	(void)close(fd);
	return err ? path_trouble(path, err, why) : 0;
}

int env_fatal(int rc)
{
	return rc > 0 ? -rc : -EIO;
}

static bool disk_is_full(const struct env *e)
{
	struct statvfs vfs;

	if (statvfs(e->file, &vfs) < 0)
		return false;
	return (uint64_t)vfs.f_bavail * vfs.f_frsize < DISK_LOW;
}

int env_trouble(const struct env *e, int rc)
{
	switch (rc) {
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case ENOSPC:
	case EDQUOT:
		return STORE_E_FULL;
	case EIO:
		return disk_is_full(e) ? STORE_E_FULL : STORE_E_IO;
	default:
		return err_new(env_fatal(rc));
	}
}

int env_explain(const struct env *e, int rc, struct why *why)
{
	switch (rc) {
	case MDB_MAP_FULL:
		why_set(why, "%s has reached its map size: raise the map size and restart",
			e->file);
		return STORE_E_FULL;
	case MDB_TXN_FULL:
		why_set(why, "one turn was too large for %s; nothing of it was kept", e->file);
		return STORE_E_FULL;
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_VERSION_MISMATCH:
		why_set(why,
			"%s is damaged or not of this kind (%s): restore the whole store from "
			"a "
			"backup",
			e->file, mdb_strerror(rc));
		return STORE_E_DAMAGED;
	case ENOSPC:
	case EDQUOT:
	case EIO:
		break;
	default:
		why_set(why, "%s cannot be used: %s", e->file, mdb_strerror(rc));
		return err_new(env_fatal(rc));
	}

	if (env_trouble(e, rc) == STORE_E_FULL) {
		why_set(why, "the disk of %s is full: free some space on it", e->file);
		return STORE_E_FULL;
	}
	why_set(why,
		"the disk of %s failed (%s): stop, look at the disk and the kernel's log, and "
		"check the store before use",
		e->file, strerror(EIO));
	return STORE_E_IO;
}

/* LMDB is about to abort over a page that makes no sense. It cannot be asked to go on; the
 * administrator is told at least where. */
__attribute__((noreturn)) static void on_assert(MDB_env *mdb, const char *message)
{
	const char *file = mdb_env_get_userctx(mdb);

	(void)fprintf(stderr,
		"kith: %s is damaged (%s): restore the whole store from a backup\n", file,
		message);
	abort();
}

/* LMDB makes a new environment of a file that is missing or empty: the loss must be noticed
 * before it is asked. */
static int file_check(const struct env *e, struct why *why)
{
	struct stat st = { .st_size = 0 };

	if (stat(e->file, &st) < 0 && errno != ENOENT)
		return env_explain(e, errno, why);
	if (st.st_size > 0)
		return 0;

	why_set(why,
		"%s is missing or empty: restore the whole store (data and keys) from one "
		"backup",
		e->file);
	return STORE_E_DAMAGED;
}

/* A page that the file does not have is a SIGBUS later: compare before anything is read. */
static int length_check(const struct env *e, struct why *why)
{
	MDB_envinfo info;
	MDB_stat stat_;
	struct stat st;
	int fd, rc;

	rc = mdb_env_info(e->mdb, &info);
	if (!rc)
		rc = mdb_env_stat(e->mdb, &stat_);
	if (!rc)
		rc = mdb_env_get_fd(e->mdb, &fd);
	if (!rc && fstat(fd, &st) < 0)
		rc = errno;
	if (rc)
		return env_explain(e, rc, why);

	if (info.me_last_pgno < (uint64_t)st.st_size / stat_.ms_psize)
		return 0;

	why_set(why,
		"%s is shorter (%llu pages) than its header says (%llu): restore the whole "
		"store "
		"(data and keys) from one backup",
		e->file, (unsigned long long)st.st_size / stat_.ms_psize,
		(unsigned long long)info.me_last_pgno + 1);
	return STORE_E_DAMAGED;
}

static int open_mdb(struct env *e, const char *path, const struct store_options *o)
{
	const unsigned flags = MDB_NOTLS | (o->unflushed ? MDB_NOSYNC : 0);
	int rc;

	rc = mdb_env_create(&e->mdb);
	if (!rc)
		rc = mdb_env_set_userctx(e->mdb, e->file);
	if (!rc)
		rc = mdb_env_set_assert(e->mdb, on_assert);
	if (!rc)
		rc = mdb_env_set_maxdbs(e->mdb, TABLE_COUNT + 1); /* the tables and the marks */
	if (!rc)
		rc = mdb_env_set_mapsize(e->mdb, e->map_size + RESERVE(e->map_size));
	if (!rc)
		rc = mdb_env_open(e->mdb, path, flags, 0600);
	return rc;
}

int env_open(struct env *e, const char *dir, enum env_id id, const struct store_options *o,
	bool create, struct why *why)
{
	CLEANUP(path_drop) char *path = path_of(dir, env_name(id));
	int r, rc;

	*e = (struct env){ .map_size = o->map_size ? o->map_size : MAP_SIZE_DEFAULT };
	if (path)
		e->file = path_of(path, "data.mdb");
	if (!e->file)
		return err_new(-ENOMEM);

	r = create ? 0 : file_check(e, why);
	if (!r) {
		rc = open_mdb(e, path, o);
		if (rc)
			r = env_explain(e, rc, why);
	}
	if (!r && !create)
		r = length_check(e, why);
	if (r)
		env_close(e);
	return r;
}

void env_close(struct env *e)
{
	if (e->mdb)
		mdb_env_close(e->mdb);
	free(e->file);
	*e = (struct env){ 0 };
}
