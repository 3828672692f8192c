/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows of the log: LOG, under the number of the first change that a row holds. Changes of a
 * turn are written together, so rows are cut to fill the pages of the store, and of signatures
 * that were made together only the difference is kept. Beside rows.c, since only these rows
 * depend on what stands beside what.
 */

#include "daemon/core/rows.h"

#include <errno.h>
#include <string.h>

/* Signatures of one batch (P3.6) have much of their bytes in common, at the beginning and at
 * the end: of one that follows another in its row only what is between is written. Its length
 * has this bit then, and then come be16 of what is left out at either end. */
#define AS_BEFORE ((uint16_t)0x8000)

struct common {
	size_t head, tail;
};

/* Of a batch the signature proper, and the upper nodes of the path (P3.6). */
static struct common common_of(struct span a, struct span b)
{
	const size_t least = a.len < b.len ? a.len : b.len;
	struct common c = { 0 };

	if (least <= SIG_LEN || memcmp(a.at, b.at, SIG_LEN) != 0)
		return c;
	c.head = SIG_LEN;
	while (c.head + c.tail + HASH_LEN <= least &&
		memcmp(a.at + a.len - c.tail - HASH_LEN, b.at + b.len - c.tail - HASH_LEN,
			HASH_LEN) == 0)
		c.tail += HASH_LEN;
	return c;
}

static void put_signature(struct writer *w, struct span before, struct span s)
{
	const struct common c = common_of(before, s);

	if (!c.head) {
		put_u16(w, (uint16_t)s.len);
		put_span(w, s);
		return;
	}
	put_u16(w, (uint16_t)(s.len | AS_BEFORE));
	put_u16(w, (uint16_t)c.head);
	put_u16(w, (uint16_t)c.tail);
	put_bytes(w, s.at + c.head, s.len - c.head - c.tail);
}

static struct span get_signature(struct reader *r, struct log_at *at)
{
	const struct span before = at->signature;
	size_t len = get_u16(r), head, tail;

	if (!(len & AS_BEFORE))
		return get_span(r, len);
	len -= AS_BEFORE;
	head = get_u16(r);
	tail = get_u16(r);
	if (len > sizeof(at->room) || head + tail > len || head > before.len ||
		tail > before.len) {
		r->bad = true;
		return (struct span){ 0 };
	}
	if (tail)
		memmove(at->room + len - tail, before.at + before.len - tail, tail);
	if (head)
		memmove(at->room, before.at, head);
	get_into(r, at->room + head, len - head - tail);
	return (struct span){ at->room, len };
}

int change_keep(struct arena *a, struct wire_change *c)
{
	if (c->signature.len <= SIG_LEN) /* as it stands in the store */
		return 0;
	c->signature.at = arena_copy(a, c->signature.at, c->signature.len);
	return c->signature.at ? 0 : err_new(-ENOMEM);
}

#define LOG_ALONE_MAX (HEADER_MAX + SIGNATURE_MAX + BODY_SEALED_MAX + 64)

/* A row that is longer than half a page of LMDB takes whole pages, a shorter one shares a page
 * with its neighbours. More than three pages would be fuller still, but whoever reads one
 * change of a row pays for the hash of all of it. */
#define PAGE        ((size_t)4096)
#define PAGE_HEAD   ((size_t)16)
#define ROW_HEAD    ((size_t)8 + 8 + 2 + 8) /* node, key, its place in the page, sum */
#define ROW_SHARES  ((size_t)2038)
#define LOG_ROW_MAX (3 * PAGE - PAGE_HEAD - 8)

/* .signature: the last one before it in its row. */
static size_t packed_size(struct span signature, const struct wire_change *c)
{
	const struct common as = common_of(signature, c->signature);
	const size_t left_out = as.head ? as.head + as.tail - 4 : 0;

	return 4 + 2 + c->header.len + 2 + c->signature.len - left_out + c->body.len;
}

static size_t disk_bytes(size_t row)
{
	if (row + ROW_HEAD <= ROW_SHARES)
		return PAGE / ((PAGE - PAGE_HEAD) / (row + ROW_HEAD));
	return (row + 8 + PAGE_HEAD + PAGE - 1) / PAGE * PAGE;
}

/* How many changes the next row takes: so many that the fewest bytes are left empty. */
static size_t row_length(const struct wire_change *changes, size_t n)
{
	struct span signature = { 0 };
	size_t sum = 0, best = 1, best_sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += packed_size(signature, &changes[i]);
		if (i && sum > LOG_ROW_MAX)
			break;
		if (!i || disk_bytes(sum) * best_sum <= disk_bytes(best_sum) * sum) {
			best = i + 1;
			best_sum = sum;
		}
		if (changes[i].signature.len)
			signature = changes[i].signature;
	}
	return best;
}

/* A row: of each change be32 its length from there on, be16 that of its header, the header, the
 * signature (be16 its length, and it), the body. */
static int put_row(const struct view *v, uint64_t first, const struct wire_change *c, size_t n)
{
	uint8_t key[8], value[LOG_ALONE_MAX];
	struct writer k = writer_of(key, sizeof(key)), w = writer_of(value, sizeof(value));
	struct span signature = { 0 };

	put_u64(&k, first);
	for (size_t i = 0; i < n; i++) {
		put_u32(&w, (uint32_t)(packed_size(signature, &c[i]) - 4));
		put_u16(&w, (uint16_t)c[i].header.len);
		put_span(&w, c[i].header);
		put_signature(&w, signature, c[i].signature);
		put_span(&w, c[i].body);
		if (c[i].signature.len)
			signature = c[i].signature;
	}
	return row_append(v, TABLE_LOG, writer_span(&k), writer_span(&w));
}

int log_put(const struct view *v, uint64_t first, const struct wire_change *changes, size_t n)
{
	for (size_t i = 0; i < n;) {
		const size_t some = row_length(changes + i, n - i);
		int r = put_row(v, first + i, changes + i, some);

		if (r)
			return err_up(r);
		i += some;
	}
	return 0;
}

bool log_row_next(struct log_at *row, struct wire_change *ret)
{
	struct reader r = reader_of(row->rest), one;

	if (!r.left)
		return false;
	one = reader_of(get_span(&r, get_u32(&r)));
	ret->header = get_span(&one, get_u16(&one));
	ret->signature = get_signature(&one, row);
	ret->body = get_span(&one, one.left);
	if (ret->signature.len)
		row->signature = ret->signature;
	row->rest = get_span(&r, r.left);
	row->next++;
	return !r.bad && !one.bad;
}

/* The row in which the change .n would be. */
static int find_row(const struct view *v, struct log_at *at, uint64_t n)
{
	uint8_t upto[8];
	struct writer w = writer_of(upto, sizeof(upto));
	struct span key;
	struct reader k;
	int r;

	at->signature = (struct span){ 0 };
	put_u64(&w, n);
	r = row_back(v, TABLE_LOG, (struct span){ 0 }, writer_span(&w), &key, &at->rest);
	if (r)
		return r;
	k = reader_of(key);
	at->next = get_u64(&k);
	return k.bad || at->next > n || !at->rest.len ? err_new(-EUCLEAN) : 0;
}

int log_get(const struct view *v, struct log_at *at, uint64_t n, struct wire_change *ret)
{
	int r = at->next == n && at->rest.len ? 0 : find_row(v, at, n);

	if (r)
		return r;
	while (at->next <= n && at->rest.len)
		if (!log_row_next(at, ret))
			return err_new(-EUCLEAN);
	if (at->next == n + 1)
		return 0;
	at->next = 0;
	return ROW_NONE;
}

int log_last(const struct view *v, uint64_t *ret)
{
	struct log_at at = { 0 };
	struct wire_change c;
	int r = find_row(v, &at, UINT64_MAX);

	*ret = 0;
	if (r)
		return r == ROW_NONE ? 0 : r;
	while (at.rest.len)
		if (!log_row_next(&at, &c))
			return err_new(-EUCLEAN);
	*ret = at.next - 1;
	return 0;
}
