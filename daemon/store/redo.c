/* SPDX-License-Identifier: Apache-2.0 */

#include "daemon/store/redo.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/env.h"

#define BLOCK    4096u
#define HEAD_LEN (ID_LEN + 4 + 4)
#define SUM_LEN  16u

static size_t blocks(size_t len)
{
	return (len + BLOCK - 1) / BLOCK * BLOCK;
}

/* 0 or an errno. */
static int write_at(int fd, const uint8_t *at, size_t len, size_t offset)
{
	while (len) {
		const ssize_t n = pwrite(fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		at += n;
		len -= (size_t)n;
		offset += (size_t)n;
	}
	return 0;
}

static int read_at(int fd, uint8_t *at, size_t len, size_t offset)
{
	while (len) {
		const ssize_t n = pread(fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		at += n;
		len -= (size_t)n;
		offset += (size_t)n;
	}
	return 0;
}

/* Written, not only given room: the first write to a block that was never written makes the
 * file system write its own books too. */
int redo_create(const char *dir, struct why *why)
{
	static const uint8_t zeros[REDO_RECORD_MAX];
	CLEANUP(path_drop) char *path = path_of(dir, "redo");
	int fd, err = 0;

	if (!path)
		return err_new(-ENOMEM);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return path_trouble(path, errno, why);
	for (size_t at = 0; at < REDO_BYTES && !err; at += sizeof(zeros))
		err = write_at(fd, zeros, sizeof(zeros), at);
	(void)close(fd);
	return err ? path_trouble(path, err, why) : flush_path(path, why);
}

static int damaged(const struct redo *r, const char *what, struct why *why)
{
	why_set(why, "%s %s: restore the whole store (data, keys and redo) from one backup",
		r->file, what);
	return STORE_E_DAMAGED;
}

int redo_open(struct redo *r, const char *dir, bool unflushed, struct why *why)
{
	uint8_t *room = malloc(REDO_RECORD_MAX);
	struct stat st;
	int fd;

	*r = (struct redo){ .fd = -1,
		.file = path_of(dir, "redo"),
		.unflushed = unflushed,
		.turn = { .at = room } };
	if (!r->file || !room)
		return err_new(-ENOMEM);
	fd = open(r->file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return damaged(r, "is missing", why);
	if (fd < 0)
		return path_trouble(r->file, errno, why);
	r->fd = fd;
	if (fstat(fd, &st) < 0)
		return path_trouble(r->file, errno, why);
	if (st.st_size != REDO_BYTES)
		return damaged(r, "is not as long as it was made", why);
	redo_drop(r);
	return 0;
}

void redo_close(struct redo *r)
{
	if (r->fd >= 0)
		(void)close(r->fd);
	free(r->file);
	free(r->turn.at);
	*r = (struct redo){ .fd = -1 };
}

int redo_name(struct id *ret)
{
	const struct chance chance = chance_kernel();
	int r = chance.fill(chance.ctx, ret->b, ID_LEN);

	return r ? err_odd(r) : 0;
}

void redo_begin(struct redo *r, const struct id *epoch)
{
	r->epoch = *epoch;
	r->n = 0;
	r->used = r->ops = 0;
	redo_drop(r);
}

void redo_drop(struct redo *r)
{
	r->turn = writer_of(r->turn.at, REDO_RECORD_MAX - SUM_LEN);
	r->turn.len = HEAD_LEN;
	r->turn_ops = 0;
}

void redo_add(struct redo *r, const struct redo_op *op)
{
	struct writer *w = &r->turn;

	assert(op->table.len <= UINT8_MAX && op->key.len <= UINT8_MAX);
	put_u8(w, (uint8_t)op->kind);
	put_u8(w, (uint8_t)op->table.len);
	put_span(w, op->table);
	put_u8(w, (uint8_t)op->key.len);
	put_span(w, op->key);
	if (op->kind != REDO_DEL) {
		put_u32(w, (uint32_t)op->row.len);
		put_span(w, op->row);
	}
	r->turn_ops++;
}

bool redo_takes(const struct redo *r)
{
	return !r->turn.over && r->ops + r->turn_ops <= REDO_OPS_MAX &&
	       r->used + blocks(r->turn.len + SUM_LEN) <= REDO_BYTES;
}

static int sum_of(struct crypto *c, struct span s, struct hash *ret)
{
	int r = crypto_hash(c, &s, 1, ret);

	return r ? err_odd(r) : 0;
}

static int flush(const struct redo *r)
{
	return r->unflushed || fdatasync(r->fd) == 0 ? 0 : errno;
}

int redo_write(struct redo *r, struct crypto *c, struct why *why)
{
	const size_t len = r->turn.len, whole = blocks(len + SUM_LEN);
	struct writer head = writer_of(r->turn.at, HEAD_LEN);
	struct hash sum;
	int rc, err;

	assert(redo_takes(r));
	put_bytes(&head, r->epoch.b, ID_LEN);
	put_u32(&head, r->n);
	put_u32(&head, (uint32_t)(len - HEAD_LEN));
	rc = sum_of(c, writer_span(&r->turn), &sum);
	if (rc)
		return err_up(rc);
	memcpy(r->turn.at + len, sum.b, SUM_LEN);
	memset(r->turn.at + len + SUM_LEN, 0, whole - len - SUM_LEN);

	err = write_at(r->fd, r->turn.at, whole, r->used);
	if (err)
		return path_trouble(r->file, err, why);
	/* Now the record is there for whoever opens the file, even if the disk calls itself
	 * full (as some file systems do only here): that cannot be called "nothing is there".
	 */
	if (flush(r))
		return path_trouble(r->file, EIO, why);
	r->used += whole;
	r->ops += r->turn_ops;
	r->n++;
	redo_drop(r);
	return 0;
}

/* ---- Reading again ---- */

static bool op_get(struct reader *from, struct redo_op *ret)
{
	const uint8_t kind = get_u8(from);

	*ret = (struct redo_op){ .kind = (enum redo_kind)kind };
	ret->table = get_span(from, get_u8(from));
	ret->key = get_span(from, get_u8(from));
	if (kind != REDO_DEL)
		ret->row = get_span(from, get_u32(from));
	return !from->bad && kind < REDO_KINDS;
}

/* The operations of the record that begins at .from, if it is record .n of this epoch and
 * whole; .ret_whole: the blocks it takes. */
static int record_at(const struct redo *r, struct crypto *c, struct span from, uint32_t n,
	bool *ret_there, struct span *ret, size_t *ret_whole)
{
	struct reader in = reader_of(from);
	const struct span epoch = get_span(&in, ID_LEN);
	const uint32_t number = get_u32(&in);
	const struct span ops = get_span(&in, get_u32(&in));
	const struct span sum = get_span(&in, SUM_LEN);
	struct hash want;
	int rc;

	*ret_there = false;
	if (in.bad || memcmp(epoch.at, r->epoch.b, ID_LEN) != 0 || number != n)
		return 0;
	rc = sum_of(c, (struct span){ from.at, HEAD_LEN + ops.len }, &want);
	if (rc)
		return err_up(rc);
	*ret_there = memcmp(sum.at, want.b, SUM_LEN) == 0;
	*ret = ops;
	*ret_whole = blocks(HEAD_LEN + ops.len + SUM_LEN);
	return 0;
}

/* A record that a crash cut off is the last one: nothing of its epoch follows it. */
static bool last_of_epoch(const struct redo *r, struct span rest)
{
	for (size_t at = BLOCK; at < rest.len; at += BLOCK)
		if (memcmp(rest.at + at, r->epoch.b, ID_LEN) == 0)
			return false;
	return true;
}

static int apply_all(struct redo *r, struct span ops,
	int (*apply)(void *ctx, const struct redo_op *op), void *ctx, int *ret_rc,
	struct why *why)
{
	struct reader in = reader_of(ops);

	while (in.left) {
		struct redo_op op;

		if (!op_get(&in, &op))
			return damaged(r, "holds what this kith cannot read", why);
		*ret_rc = apply(ctx, &op);
		if (*ret_rc)
			return damaged(r, "does not belong to this data/data.mdb", why);
		r->ops++;
	}
	return 0;
}

static int replay(struct redo *r, struct crypto *c, struct span image, bool opening,
	int (*apply)(void *ctx, const struct redo_op *op), void *ctx, int *ret_rc,
	struct why *why)
{
	r->used = r->ops = 0;
	r->n = 0;
	while (r->used < image.len) {
		const struct span rest = { image.at + r->used, image.len - r->used };
		struct span ops = { 0 };
		size_t whole = 0;
		bool there;
		int rc = record_at(r, c, rest, r->n, &there, &ops, &whole);

		if (rc)
			return err_up(rc);
		if (!there)
			return opening && last_of_epoch(r, rest)
				       ? 0
				       : damaged(r, "has a damaged record", why);
		rc = apply_all(r, ops, apply, ctx, ret_rc, why);
		if (rc)
			return rc;
		r->used += whole;
		r->n++;
	}
	return 0;
}

int redo_replay(struct redo *r, struct crypto *c, bool opening,
	int (*apply)(void *ctx, const struct redo_op *op), void *ctx, int *ret_rc,
	struct why *why)
{
	const size_t len = opening ? REDO_BYTES : r->used;
	uint8_t *image;
	int rc, err;

	*ret_rc = 0;
	if (!len)
		return 0;
	image = malloc(len);
	if (!image)
		return err_new(-ENOMEM);
	err = read_at(r->fd, image, len, 0);
	if (err)
		rc = path_trouble(r->file, err, why);
	else
		rc = replay(
			r, c, (struct span){ image, len }, opening, apply, ctx, ret_rc, why);
	if (!rc && opening && r->used) {
		err = write_at(r->fd, image, r->used, 0);
		if (!err)
			err = flush(r);
		if (err)
			rc = path_trouble(r->file, err, why);
	}
	explicit_bzero(image, len);
	free(image);
	return rc < 0 ? err_up(rc) : rc;
}
