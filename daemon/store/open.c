/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Open
 *
 * From a directory to a store that may be trusted to answer: the lock, then each environment's
 * length, marks and tables, then the redo file. Whatever is wrong is said before a row is read.
 */

#include "daemon/store/inside.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Only where a store is, so that a wrong directory is not given a lock file. */
static int presence_check(const char *dir, struct why *why)
{
	unsigned there = 0;

	for (unsigned e = 0; e < ENV_COUNT; e++) {
		CLEANUP(path_drop) char *path = path_of(dir, env_name(e));

		if (!path)
			return err_new(-ENOMEM);
		if (access(path, F_OK) == 0) {
			there++;
		} else if (errno != ENOENT && errno != ENOTDIR) {
			const int err = errno;

			why_set(why, "%s cannot be reached: %s", path, strerror(err));
			return err_new(-err);
		}
	}
	if (there)
		return 0; /* if only one is, its twin is missed by name */

	why_set(why, "there is no store in %s: create one, or correct the directory", dir);
	return STORE_E_NONE;
}

/* .fd holds what the owner wrote there: its pid, a courtesy to whoever looks for it. */
static int busy(int fd, const char *dir, struct why *why)
{
	char text[16] = "";
	const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	const long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	if (pid > 0)
		why_set(why, "%s is in use by process %ld: stop it first", dir, pid);
	else
		why_set(why, "%s is in use by another process: stop it first", dir);
	return STORE_E_BUSY;
}

/* An open file description lock is given back by the kernel when its holder dies, and two
 * descriptions in one process exclude each other too. */
static int lock_take(const char *dir, int *ret, struct why *why)
{
	CLEANUP(path_drop) char *path = path_of(dir, "lock");
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, r;

	if (!path)
		return err_new(-ENOMEM);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		r = -errno;
		why_set(why, "%s cannot be opened: %s", path, strerror(-r));
		return err_new(r);
	}
	if (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
		r = -errno;
		if (r == -EAGAIN || r == -EACCES)
			r = busy(fd, dir, why);
		else
			why_set(why, "%s cannot be locked: %s", path, strerror(-r));
		(void)close(fd);
		return r < 0 ? err_new(r) : r;
	}

	if (ftruncate(fd, 0) == 0)
		(void)dprintf(fd, "%ld\n", (long)getpid());
	*ret = fd;
	return 0;
}

/* Handles for all tables. They outlive the transaction because it is committed. */
static int tables_open(struct store *s, enum env_id id, struct why *why)
{
	const struct env *e = &s->env[id];
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(e->mdb, NULL, MDB_RDONLY, &txn);
	if (rc)
		return env_explain(e, rc, why);

	for (unsigned t = 0; t < TABLE_COUNT && !rc; t++) {
		if (table_env(t) != id)
			continue;
		rc = mdb_dbi_open(txn, row_form(t).table, 0, &s->tables[t]);
		if (rc == MDB_NOTFOUND) {
			mdb_txn_abort(txn);
			why_set(why,
				"%s has no table \"%s\": restore the whole store (data and "
				"keys) "
				"from one backup",
				e->file, row_form(t).table);
			return STORE_E_DAMAGED;
		}
	}
	if (rc)
		mdb_txn_abort(txn);
	else
		rc = mdb_txn_commit(txn);
	return rc ? env_explain(e, rc, why) : 0;
}

static int twins_check(const struct marks marks[ENV_COUNT], const char *dir, struct why *why)
{
	if (id_equal(&marks[ENV_DATA].store, &marks[ENV_KEYS].store))
		return 0;
	why_set(why,
		"%s/data and %s/keys belong to two different stores: restore both from one "
		"backup",
		dir, dir);
	return STORE_E_DAMAGED;
}

/* A killed process and a backup that was just put back leave pages that only the kernel knows.
 * Until the next checkpoint nothing else would flush them, and turns are acknowledged that
 * stand on them. */
static int settle_files(const struct store *s, struct why *why)
{
	for (unsigned e = 0; e < ENV_COUNT; e++) {
		const int rc = mdb_env_sync(s->env[e].mdb, 1);

		if (rc)
			return env_explain(&s->env[e], rc, why);
	}
	return 0;
}

static int open_in(struct store *s, const char *dir, const struct store_options *o,
	const struct secret *key, struct why *why)
{
	struct marks marks[ENV_COUNT];
	int dead, r;

	r = lock_take(dir, &s->lock, why);
	/* Both lengths before anything is read. */
	for (unsigned e = 0; e < ENV_COUNT && !r; e++)
		r = env_open(&s->env[e], dir, e, o, false, why);
	for (unsigned e = 0; e < ENV_COUNT && !r; e++)
		r = marks_read(&s->env[e], s->crypto, key, &marks[e], why);
	if (!r)
		r = twins_check(marks, dir, why);
	if (!r && !o->unflushed)
		r = settle_files(s, why);
	if (!r)
		r = redo_open(&s->redo, dir, o->unflushed, why);
	if (!r)
		redo_begin(&s->redo, &marks[ENV_DATA].epoch);
	/* Format 1 is the first: the first step comes with format 2. */
	if (!r)
		r = upgrade_run(s, dir, marks, STORE_FORMAT, NULL, 0, why);
	for (unsigned e = 0; e < ENV_COUNT && !r; e++)
		r = tables_open(s, e, why);
	if (!r)
		r = turns_begin(s, true, why);
	if (!r)
		r = store_check_readers(s, &dead);
	return r;
}

int store_open(const char *dir, const struct store_options *o, struct crypto *c,
	const struct secret *store_key, struct store **ret, struct why *why)
{
	struct store *s;
	int r;

	r = presence_check(dir, why);
	if (r)
		return r;

	s = calloc(1, sizeof(*s));
	if (!s)
		return err_new(-ENOMEM);
	s->lock = s->redo.fd = -1;
	s->crypto = c;
	memcpy(s->key.b, store_key->b, sizeof(s->key.b)); /* wiped by store_close() */
	s->turn = (struct txn){ .store = s, .crypto = c, .writing = true };
	recent_end(&s->recent);

	r = open_in(s, dir, o, store_key, why);
	if (r) {
		store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;

	if (s->in_turn)
		store_turn_abort(s);
	txn_end(&s->turn);
	scratch_done(&s->turn.opened);
	scratch_done(&s->turn.packed);
	for (unsigned e = 0; e < ENV_COUNT; e++)
		env_close(&s->env[e]);
	redo_close(&s->redo);
	if (s->lock >= 0)
		(void)close(s->lock);
	secret_done(&s->key);
	free(s);
	return NULL;
}
