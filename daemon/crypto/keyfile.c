/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Keyfile
 *
 * One secret in one small text file, two lines: `kith-key/1 <kind> plain|sealed` and hex. What
 * is refused here is what a tired administrator could do by accident: overwrite a key, read one
 * that everybody can read, mix up two kinds, forget the wrapping key.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "daemon/crypto/engine.h"

#define KIND_MAX       32
#define HEAD_MAX       64 /* the first line with its newline and a NUL */
#define SEALED_KEY_LEN SEALED_LEN(KEY_LEN)
#define FILE_MAX       (HEAD_MAX + 2 * SEALED_KEY_LEN + 1)
#define NEW_SUFFIX     ".new"

#define FILE_CONTEXT "kith/keyfile/1\0"

struct text {
	char at[FILE_MAX + 1]; /* one more, to see that a file is too long */
	size_t len;
};

static void text_done(struct text *t)
{
	OPENSSL_cleanse(t, sizeof(*t));
}

static void fd_done(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void heap_done(char **p)
{
	free(*p);
}

static struct span head_of(char head[HEAD_MAX], const char *kind, bool sealed)
{
	int n = snprintf(
		head, HEAD_MAX, "kith-key/1 %s %s\n", kind, sealed ? "sealed" : "plain");

	assert(n > 0 && n < HEAD_MAX && strlen(kind) <= KIND_MAX);
	return (struct span){ (const uint8_t *)head, (size_t)n };
}

/* The kind is part of the seal, so that a file renamed or edited into another kind stays shut.
 */
static struct span context_of(uint8_t into[HEAD_MAX], const char *kind)
{
	size_t len = strlen(kind);

	assert(len > 0 && len <= KIND_MAX);
	memcpy(into, FILE_CONTEXT, sizeof(FILE_CONTEXT) - 1);
	memcpy(into + sizeof(FILE_CONTEXT) - 1, kind, len);
	return (struct span){ into, sizeof(FILE_CONTEXT) - 1 + len };
}

static int text_make(struct crypto *c, const char *kind, const struct secret *key,
	const struct secret *wrapping, struct text *ret)
{
	uint8_t sealed[SEALED_KEY_LEN], context[HEAD_MAX];
	struct span body = SPAN_OF(*key);
	char head[HEAD_MAX];
	struct span first = head_of(head, kind, wrapping != NULL);
	int r;

	if (wrapping) {
		r = crypto_seal(c, wrapping, context_of(context, kind), body, sealed);
		if (r < 0)
			return err_up(r);
		body = SPAN_OF(sealed);
	}

	memcpy(ret->at, first.at, first.len);
	hex_text(body.at, body.len, ret->at + first.len);
	ret->len = first.len + 2 * body.len;
	ret->at[ret->len++] = '\n';
	return 0;
}

static int write_all(int fd, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Write, flush and close a new file. On failure the file is gone. */
static int write_new(const char *path, const struct text *t)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, t->at, t->len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		unlink(path);
	return r;
}

/* The name is durable only when its directory is. */
static int flush_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	CLEANUP(heap_done)
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	CLEANUP(fd_done) int fd = -1;

	if (!dir)
		return -ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int exists(struct why *why, const char *path)
{
	why_set(why, "%s exists; a key is never overwritten: move it away first", path);
	return CRYPTO_E_BAD;
}

int keyfile_write(struct crypto *c, const char *path, const char *kind,
	const struct secret *key, const struct secret *wrapping, struct why *why)
{
	CLEANUP(text_done) struct text t;
	CLEANUP(heap_done) char *fresh = NULL;
	int r;

	if (asprintf(&fresh, "%s" NEW_SUFFIX, path) < 0) {
		fresh = NULL;
		return err_new(-ENOMEM);
	}
	if (access(path, F_OK) == 0)
		return exists(why, path);

	r = text_make(c, kind, key, wrapping, &t);
	if (r < 0)
		return err_up(r);

	r = write_new(fresh, &t);
	if (r == -EEXIST) {
		why_set(why, "%s is left from an interrupted write: remove it", fresh);
		return CRYPTO_E_BAD;
	}
	if (r < 0) {
		why_set(why, "cannot write %s: %s", fresh, strerror(-r));
		return err_new(r);
	}

	/* The check above is for the words; this one cannot be overtaken. */
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE) < 0) {
		r = -errno;
		unlink(fresh);
		if (r == -EEXIST)
			return exists(why, path);
		why_set(why, "cannot rename %s to %s: %s", fresh, path, strerror(-r));
		return err_new(r);
	}

	r = flush_directory_of(path);
	if (r < 0) {
		why_set(why, "cannot flush the directory of %s: %s", path, strerror(-r));
		return err_new(r);
	}
	return 0;
}

/* O_NONBLOCK: should somebody have put a pipe there, nobody waits for its other end. */
static int open_to_read(const char *path, struct why *why, int *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r = 0;

	if (fd < 0 && errno == ENOENT) {
		why_set(why, "there is no key file %s", path);
		return CRYPTO_E_BAD;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = err_new(-errno);
		why_set(why, "cannot open %s: %s", path, strerror(-r));
	} else if (!S_ISREG(st.st_mode)) {
		why_set(why, "%s is not a file", path);
		r = CRYPTO_E_BAD;
	} else if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		why_set(why, "others may read %s: run `chmod 600 %s`", path, path);
		r = CRYPTO_E_BAD;
	}

	if (r != 0) {
		fd_done(&fd);
		return r;
	}
	*ret = fd;
	return 0;
}

static int read_text(const char *path, struct text *ret, struct why *why)
{
	CLEANUP(fd_done) int fd = -1;
	int r;

	r = open_to_read(path, why, &fd);
	if (r != 0)
		return r < 0 ? err_up(r) : r;

	ret->len = 0;
	while (ret->len < sizeof(ret->at)) {
		ssize_t n = read(fd, ret->at + ret->len, sizeof(ret->at) - ret->len);

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = err_new(-errno);
			why_set(why, "cannot read %s: %s", path, strerror(-r));
			return r;
		}
		ret->len += (size_t)n;
	}
	return 0;
}

/* The second line, if the first one is .head and the whole has the right length. */
static bool body_of(const struct text *t, struct span head, void *ret, size_t len)
{
	if (t->len != head.len + 2 * len + 1 || t->at[t->len - 1] != '\n')
		return false;
	if (memcmp(t->at, head.at, head.len) != 0)
		return false;
	return hex_parse(t->at + head.len, 2 * len, ret, len);
}

static int text_read(struct crypto *c, const struct text *t, const char *path, const char *kind,
	const struct secret *wrapping, struct secret *ret, struct why *why)
{
	CLEANUP(secret_done) struct secret plain;
	uint8_t sealed[SEALED_KEY_LEN], context[HEAD_MAX];
	char head[HEAD_MAX];
	bool is_plain = body_of(t, head_of(head, kind, false), plain.b, KEY_LEN);
	bool is_sealed = body_of(t, head_of(head, kind, true), sealed, sizeof(sealed));
	size_t len;
	int r;

	if (!is_plain && !is_sealed) {
		why_set(why, "%s is not a key file of kind %s", path, kind);
		return CRYPTO_E_BAD;
	}
	if (is_sealed && !wrapping) {
		why_set(why, "%s is sealed: give the wrapping key", path);
		return CRYPTO_E_BAD;
	}
	if (is_plain && wrapping) {
		why_set(why, "%s is not sealed, though there is a wrapping key", path);
		return CRYPTO_E_BAD;
	}

	if (is_sealed) {
		r = crypto_open(
			c, wrapping, context_of(context, kind), SPAN_OF(sealed), plain.b, &len);
		if (r < 0)
			return err_up(r);
		if (r > 0) {
			why_set(why, "%s does not open: another wrapping key, or damaged",
				path);
			return CRYPTO_E_BAD;
		}
	}
	memcpy(ret->b, plain.b, sizeof(ret->b));
	return 0;
}

int keyfile_read(struct crypto *c, const char *path, const char *kind,
	const struct secret *wrapping, struct secret *ret, struct why *why)
{
	CLEANUP(text_done) struct text t;
	int r;

	r = read_text(path, &t, why);
	if (r != 0)
		return r < 0 ? err_up(r) : r;
	r = text_read(c, &t, path, kind, wrapping, ret, why);
	return r < 0 ? err_up(r) : r;
}
