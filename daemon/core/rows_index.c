/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows of the index: INDEX, under record, author, incarnation and the seq of the first change
 * that a row is about. Many clients write many records, and then hardly two changes of a chain
 * stand beside each other in the log: so a row has room for several extents, of four bytes
 * each. Beside rows.c, since only these rows are added to.
 */

#include "daemon/core/rows.h"

#include <errno.h>

#define EXTENT_MAX UINT16_MAX /* changes of an extent, and before it */
#define EXTENT_LEN 4
#define INDEX_MAX  (8 + EXTENT_LEN * INDEX_EXTENTS_MAX)

bool index_row_read(struct span value, struct index_extents *ret)
{
	struct reader r = reader_of(value);

	if (value.len < 8 + EXTENT_LEN || value.len > INDEX_MAX || (value.len - 8) % EXTENT_LEN)
		return false;
	ret->n = get_u64(&r);
	ret->len = r.left;
	ret->taken = 0;
	get_into(&r, ret->packed, ret->len);
	return true;
}

bool index_extents_take(struct index_extents *e, uint64_t *ret_n, uint32_t *ret_count)
{
	struct reader r = reader_of((struct span){ e->packed + e->taken, e->len - e->taken });
	const uint16_t others = get_u16(&r);

	*ret_count = get_u16(&r);
	if (r.bad)
		return false;
	*ret_n = e->n + others;
	e->n = *ret_n + *ret_count;
	e->taken = e->len - r.left;
	return true;
}

/* The row that a place belongs to, if it has come so far. */
static int find(const struct view *v, struct span key, struct place *ret_first,
	struct index_extents *ret)
{
	struct span found, value;
	struct id record;
	int r = row_back(
		v, TABLE_INDEX, (struct span){ key.at, CHAIN_PREFIX }, key, &found, &value);

	if (r)
		return r;
	return index_key_read(found, &record, ret_first) && index_row_read(value, ret)
		       ? 0
		       : err_new(-EUCLEAN);
}

/* The changes of a row, and the number behind the last of them. */
static uint64_t length(const struct index_extents *e, uint64_t *ret_end)
{
	struct reader r = reader_of((struct span){ e->packed, e->len });
	uint64_t all = 0;

	*ret_end = e->n;
	while (r.left) {
		const uint16_t others = get_u16(&r), count = get_u16(&r);

		all += count;
		*ret_end += others + count;
	}
	return all;
}

static void push(struct index_extents *e, uint16_t others, uint16_t count)
{
	struct writer w = writer_of(e->packed + e->len, EXTENT_LEN);

	put_u16(&w, others);
	put_u16(&w, count);
	e->len += w.len;
}

/* Adds .count changes that stand .others behind the end; false: the row cannot say that. */
static bool extend(struct index_extents *e, uint64_t others, uint32_t count)
{
	struct reader last =
		reader_of((struct span){ e->packed + e->len - EXTENT_LEN, EXTENT_LEN });
	const uint16_t before = get_u16(&last), held = get_u16(&last);

	if (!others && held + count <= EXTENT_MAX) {
		e->len -= EXTENT_LEN;
		push(e, before, (uint16_t)(held + count));
		return true;
	}
	if (others > EXTENT_MAX || e->len == sizeof(e->packed))
		return false;
	push(e, (uint16_t)others, (uint16_t)count);
	return true;
}

int index_put(const struct view *v, const struct id *record, const struct place *at, uint64_t n,
	uint32_t count)
{
	uint8_t key[VIEW_KEY_MAX], value[INDEX_MAX];
	struct span k = { key, index_key(record, at, key) };
	struct writer w = writer_of(value, sizeof(value));
	struct index_extents e;
	struct place first;
	uint64_t end = 0;
	int r = find(v, k, &first, &e);

	if (r < 0)
		return r;
	if (!count || count > EXTENT_MAX)
		return err_new(-EINVAL);
	if (r == 0 && first.seq + length(&e, &end) == at->seq && end <= n &&
		extend(&e, n - end, count)) {
		k.len = index_key(record, &first, key);
	} else {
		e = (struct index_extents){ .n = n };
		push(&e, 0, (uint16_t)count);
	}
	put_u64(&w, e.n);
	put_bytes(&w, e.packed, e.len);
	return row_put(v, TABLE_INDEX, k, writer_span(&w));
}

int index_reach(const struct view *v, const struct id *record, const struct place *at,
	uint64_t *ret, uint32_t *ret_more)
{
	uint8_t key[VIEW_KEY_MAX];
	struct index_extents e;
	struct place first;
	uint64_t behind;
	uint32_t count;
	int r = find(v, (struct span){ key, index_key(record, at, key) }, &first, &e);

	if (r)
		return r;
	behind = at->seq - first.seq;
	while (index_extents_take(&e, ret, &count)) {
		if (behind < count) {
			*ret += behind;
			*ret_more = count - (uint32_t)behind - 1;
			return 0;
		}
		behind -= count;
	}
	return ROW_NONE;
}

int index_get(
	const struct view *v, const struct id *record, const struct place *at, uint64_t *ret)
{
	uint32_t more;

	return index_reach(v, record, at, ret, &more);
}

void index_scan_init(struct index_scan *s, const struct id *record)
{
	*s = (struct index_scan){ 0 };
	scan_init(&s->rows, TABLE_INDEX, SPAN_OF(*record));
}

int index_scan_next(struct index_scan *s, const struct view *v)
{
	struct id record;
	int r;

	s->at.seq++;
	s->n++;
	while (!s->left) {
		if (index_extents_take(&s->row, &s->n, &s->left))
			continue;
		r = scan_next(&s->rows, v);
		if (r)
			return r;
		if (!index_key_read(scan_key(&s->rows), &record, &s->at) ||
			!index_row_read(s->rows.value, &s->row))
			return err_new(-EUCLEAN);
	}
	s->left--;
	return 0;
}
