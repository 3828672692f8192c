/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Environment
 *
 * One LMDB environment: opening it without trusting its file, and saying in words what LMDB
 * says in numbers. Each environment is opened once in a process: LMDB does not notice a second
 * time, and closing either drops the locks of both. The store's lock file sees to that.
 */

#include <lmdb.h>

#include <kith/store.h>

enum env_id { ENV_DATA, ENV_KEYS, ENV_COUNT };

struct env {
	MDB_env *mdb;
	char *file;        /* its data.mdb: what messages name */
	uint64_t map_size; /* as asked for; what LMDB maps is larger by the reserve */
};

static inline MDB_val val_of(struct span s)
{
	return (MDB_val){ .mv_size = s.len, .mv_data = (void *)s.at };
}

static inline struct span span_of_val(MDB_val v)
{
	return (struct span){ v.mv_data, v.mv_size };
}

/* "data" or "keys", below the store's directory. */
const char *env_name(enum env_id id);

/* .create: an empty directory becomes an environment. Otherwise the file must be there and at
 * least as long as its own header says, since LMDB would make an empty one for the first and
 * die of SIGBUS for the second. 0, STORE_E_DAMAGED, STORE_E_FULL, STORE_E_IO. */
MUST_USE int env_open(struct env *e, const char *dir, enum env_id id,
	const struct store_options *o, bool create, struct why *why);
void env_close(struct env *e);

/* What an LMDB result means for whoever wrote: STORE_E_FULL, STORE_E_IO, or < 0 when it should
 * not have been possible. Not for MDB_NOTFOUND and 0. */
MUST_USE int env_trouble(const struct env *e, int rc);
/* As env_trouble, with words; .rc may also come from opening, hence STORE_E_DAMAGED. */
MUST_USE int env_explain(const struct env *e, int rc, struct why *why);
/* The negative errno for an LMDB result that nobody can do anything about. */
int env_fatal(int rc);

/* .dir/.name, to be freed; NULL: no memory. */
MUST_USE char *path_of(const char *dir, const char *name);
void path_drop(char **path); /* for CLEANUP */
/* What goes wrong with a path: full and broken disks are verdicts, the rest is ours to stop at.
 */
MUST_USE int path_trouble(const char *path, int err, struct why *why);
/* A file or a directory, onto the disk. */
MUST_USE int flush_path(const char *path, struct why *why);
