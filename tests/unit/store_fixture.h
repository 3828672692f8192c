/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A store to test with: a directory of its own, the real crypto, a key, and the few helpers
 * that every test about the store wants. Include it behind cmocka.h.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kith/store.h>

#define UNUSED __attribute__((unused))

struct fixture {
	char top[128]; /* a directory of this test alone */
	char dir[160]; /* the store in it */
	struct store_options options;
	struct crypto *crypto;
	struct secret key;
	struct store *store;
	struct view view;
	struct why why;
};

UNUSED static int fixture_drop(
	const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

UNUSED static void fixture_open(struct fixture *f)
{
	f->why.text[0] = '\0';
	if (store_open(f->dir, &f->options, f->crypto, &f->key, &f->store, &f->why))
		fail_msg("store_open: %s", f->why.text);
}

UNUSED static void fixture_close(struct fixture *f)
{
	f->store = store_close(f->store);
}

/* A directory and the crypto; no store yet. */
UNUSED static int fixture_bare(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");

	assert_non_null(f);
	snprintf(f->top, sizeof(f->top), "%s/kith-store-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->dir, sizeof(f->dir), "%s/store", f->top);
	f->options.map_size = UINT64_C(64) << 20;
	memset(f->key.b, 0x5a, sizeof(f->key.b));
	assert_int_equal(crypto_new(chance_kernel(), &f->crypto), 0);
	*state = f;
	return 0;
}

UNUSED static int fixture_sized(void **state, uint64_t map_size)
{
	struct fixture *f;

	fixture_bare(state);
	f = *state;
	f->options.map_size = map_size;
	if (store_create(f->dir, &f->options, f->crypto, &f->key, &f->why))
		fail_msg("store_create: %s", f->why.text);
	fixture_open(f);
	return 0;
}

/* A store that is open. */
UNUSED static int fixture_setup(void **state)
{
	return fixture_sized(state, UINT64_C(64) << 20);
}

UNUSED static int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	crypto_free(f->crypto);
	nftw(f->top, fixture_drop, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

UNUSED static struct span text(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

#define assert_span(s, want)                                                                   \
	do {                                                                                   \
		const struct span want_ = (want);                                              \
		assert_int_equal((s).len, want_.len);                                          \
		assert_memory_equal((s).at, want_.at, want_.len);                              \
	} while (0)

UNUSED static void begin(struct fixture *f)
{
	assert_int_equal(store_turn_begin(f->store, &f->view), 0);
}

UNUSED static void commit(struct fixture *f)
{
	assert_int_equal(store_turn_commit(f->store, &f->why), 0);
}

UNUSED static void checkpoint(struct fixture *f)
{
	assert_int_equal(store_checkpoint(f->store, &f->why), 0);
}

/* As kithd stops: all of it is in the files of LMDB. */
UNUSED static void fixture_stop(struct fixture *f)
{
	if (f->store)
		checkpoint(f);
	fixture_close(f);
}

UNUSED static int get(struct fixture *f, enum table t, struct span key, struct span *ret)
{
	return f->view.get(f->view.ctx, t, key, ret);
}

UNUSED static int seek(struct fixture *f, enum table t, struct span prefix, struct span from,
	struct span *ret_key, struct span *ret)
{
	return f->view.seek(f->view.ctx, t, prefix, from, ret_key, ret);
}

UNUSED static int last(struct fixture *f, enum table t, struct span prefix,
	struct span *ret_key, struct span *ret)
{
	return f->view.last(f->view.ctx, t, prefix, ret_key, ret);
}

UNUSED static int put(struct fixture *f, enum table t, struct span key, struct span value)
{
	return f->view.put(f->view.ctx, t, key, value);
}

UNUSED static int append(struct fixture *f, enum table t, struct span key, struct span value)
{
	return f->view.append(f->view.ctx, t, key, value);
}

UNUSED static int del(struct fixture *f, enum table t, struct span key)
{
	return f->view.del(f->view.ctx, t, key);
}

UNUSED static void assert_row(
	struct fixture *f, enum table t, struct span key, struct span want)
{
	struct span value;

	assert_int_equal(get(f, t, key, &value), 0);
	assert_span(value, want);
}

/* A whole file of the store, to look into or to damage. */
struct file {
	char path[224];
	uint8_t *at;
	size_t len;
};

UNUSED static struct file file_read(const struct fixture *f, const char *name)
{
	struct file file = { .at = NULL };
	struct stat st = { .st_size = 0 };
	int fd;

	snprintf(file.path, sizeof(file.path), "%s/%s", f->dir, name);
	fd = open(file.path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	file.len = (size_t)st.st_size;
	file.at = malloc(file.len + 1);
	assert_non_null(file.at);
	assert_int_equal(read(fd, file.at, file.len), (ssize_t)file.len);
	close(fd);
	return file;
}

UNUSED static void file_write(struct file *file)
{
	const int fd = open(file->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file->at, file->len), (ssize_t)file->len);
	close(fd);
	free(file->at);
}

/* How often .what is in the file; each is overwritten with .by, of the same length, unless
 * NULL. */
UNUSED static unsigned file_replace(struct file *file, struct span what, const void *by)
{
	uint8_t *at = file->at;
	unsigned n = 0;

	while ((at = memmem(at, file->len - (size_t)(at - file->at), what.at, what.len))) {
		if (by)
			memcpy(at, by, what.len);
		at += what.len;
		n++;
	}
	return n;
}
