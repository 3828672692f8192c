/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Upgrade
 *
 * From an older format to this one: what the redo file has goes into the format that it was
 * written for, both environments are copied beside the store, then each goes up step by step,
 * its mark in the transaction of the step. Whatever interrupts it, the next open goes on where
 * it was.
 */

#include "daemon/store/inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SUFFIX_MAX 40

static char *beside(const char *dir, uint32_t format, const char *end)
{
	size_t len = strlen(dir);
	char *path = malloc(len + SUFFIX_MAX);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (path)
		(void)snprintf(path, len + SUFFIX_MAX, "%.*s.before-format-%u%s", (int)len, dir,
			format, end);
	return path;
}

/* What an attempt that was interrupted has left; never a copy that is whole. */
static void remove_part(const char *part)
{
	static const char *const files[] = { "data/data.mdb", "keys/data.mdb", "data", "keys",
		"redo" };

	for (size_t i = 0; i < COUNT(files); i++) {
		CLEANUP(path_drop) char *path = path_of(part, files[i]);

		if (path)
			(void)remove(path);
	}
	(void)rmdir(part);
}

static int copy_env(const struct env *e, enum env_id id, const char *part, struct why *why)
{
	CLEANUP(path_drop) char *dir = path_of(part, env_name(id));
	CLEANUP(path_drop) char *file = dir ? path_of(dir, "data.mdb") : NULL;
	int rc, r;

	if (!file)
		return err_new(-ENOMEM);
	if (mkdir(dir, 0700) < 0)
		return path_trouble(dir, errno, why);
	rc = mdb_env_copy2(e->mdb, dir, MDB_CP_COMPACT);
	if (rc > 0)
		return path_trouble(file, rc, why);
	if (rc)
		return env_explain(e, rc, why);
	r = flush_path(file, why);
	return r ? r : flush_path(dir, why);
}

/* Said before an hour of copying ends with a full disk. */
static int room_check(const struct store *s, const char *dir, struct why *why)
{
	uint64_t need = 0;
	struct statvfs v;

	for (unsigned e = 0; e < ENV_COUNT; e++) {
		MDB_envinfo info;
		MDB_stat st;
		int rc = mdb_env_info(s->env[e].mdb, &info);

		if (!rc)
			rc = mdb_env_stat(s->env[e].mdb, &st);
		if (rc)
			return env_explain(&s->env[e], rc, why);
		need += (info.me_last_pgno + 1) * st.ms_psize;
	}
	if (statvfs(dir, &v) < 0)
		return path_trouble(dir, errno, why);
	if ((uint64_t)v.f_bavail * v.f_frsize > need)
		return 0;

	why_set(why,
		"the store is copied before it is upgraded, and there is no room for that "
		"beside "
		"%s: free %llu MiB there, and start again",
		dir, (unsigned long long)(need >> 20) + 1);
	return STORE_E_FULL;
}

static int flush_parent(const char *path, struct why *why)
{
	const char *slash = strrchr(path, '/');
	const size_t len = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
	CLEANUP(path_drop) char *parent = slash ? strndup(path, len) : strdup(".");

	return parent ? flush_path(parent, why) : err_new(-ENOMEM);
}

static int back_up(const struct store *s, const char *dir, uint32_t format, struct why *why)
{
	CLEANUP(path_drop) char *whole = beside(dir, format, "");
	CLEANUP(path_drop) char *part = beside(dir, format, ".part");
	int r;

	if (!whole || !part)
		return err_new(-ENOMEM);
	if (access(whole, F_OK) == 0)
		return 0;
	remove_part(part);
	r = room_check(s, dir, why);
	if (r)
		return r;
	if (mkdir(part, 0700) < 0)
		return path_trouble(part, errno, why);
	for (unsigned e = 0; e < ENV_COUNT && !r; e++)
		r = copy_env(&s->env[e], e, part, why);
	if (!r)
		r = redo_create(part, why);
	if (!r)
		r = flush_path(part, why);
	if (!r && rename(part, whole) < 0)
		r = path_trouble(whole, errno, why);
	if (!r)
		r = flush_parent(whole, why);
	if (r)
		remove_part(part);
	return r;
}

static const struct upgrade_step *step_from(
	const struct upgrade_step *steps, size_t n, uint32_t from)
{
	for (size_t i = 0; i < n; i++)
		if (steps[i].from == from)
			return &steps[i];
	return NULL;
}

static int one_step(
	struct store *s, enum env_id id, const struct upgrade_step *step, struct why *why)
{
	const struct env *e = &s->env[id];
	MDB_txn *txn;
	int rc = mdb_txn_begin(e->mdb, NULL, 0, &txn), r = 0;

	if (rc)
		return env_explain(e, rc, why);
	rc = step->run(id, txn, s->crypto, &s->key);
	if (!rc)
		r = marks_put_format(e, txn, s->crypto, step->from + 1, why);
	if (rc || r)
		mdb_txn_abort(txn);
	else
		rc = mdb_txn_commit(txn);
	if (!rc && !r)
		rc = mdb_env_sync(e->mdb, 1);
	return rc ? env_explain(e, rc, why) : r;
}

static int settle(struct store *s, struct why *why)
{
	int r = turns_begin(s, true, why);

	if (!r)
		r = store_checkpoint(s, why);
	txn_end(&s->turn);
	return r;
}

int upgrade_run(struct store *s, const char *dir, const struct marks marks[ENV_COUNT],
	uint32_t to, const struct upgrade_step *steps, size_t n, struct why *why)
{
	/* As in a turn, the keys go first. */
	static const enum env_id order[] = { ENV_KEYS, ENV_DATA };
	uint32_t lowest = to;
	int r;

	for (unsigned e = 0; e < ENV_COUNT; e++)
		lowest = marks[e].format < lowest ? marks[e].format : lowest;
	if (lowest == to)
		return 0;
	r = settle(s, why);
	if (!r)
		r = back_up(s, dir, lowest, why);
	for (size_t i = 0; i < COUNT(order) && !r; i++)
		for (uint32_t f = marks[order[i]].format; f < to && !r; f++) {
			const struct upgrade_step *step = step_from(steps, n, f);

			r = step ? one_step(s, order[i], step, why) : err_new(-ENOTSUP);
		}
	return r;
}
