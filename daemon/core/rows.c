/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows
 *
 * long: a pair of calls for each table, and every key and value in one place.
 */

#include "daemon/core/rows.h"

#include <errno.h>
#include <string.h>

static int from_view(int r)
{
	switch (r) {
	case 0:
		return 0;
	case VIEW_NONE:
		return ROW_NONE;
	case VIEW_DAMAGED:
		return err_new(-EUCLEAN);
	case VIEW_FULL:
		return err_new(-ENOSPC);
	default:
		return r < 0 ? err_up(r) : err_odd(r);
	}
}

int row_get(const struct view *v, enum table t, struct span key, struct span *ret)
{
	return from_view(v->get(v->ctx, t, key, ret));
}

int row_back(const struct view *v, enum table t, struct span prefix, struct span upto,
	struct span *ret_key, struct span *ret)
{
	return from_view(v->back(v->ctx, t, prefix, upto, ret_key, ret));
}

int row_last(const struct view *v, enum table t, struct span prefix, struct span *ret_key,
	struct span *ret)
{
	return from_view(v->last(v->ctx, t, prefix, ret_key, ret));
}

int row_put(const struct view *v, enum table t, struct span key, struct span value)
{
	return from_view(v->put(v->ctx, t, key, value));
}

int row_append(const struct view *v, enum table t, struct span key, struct span value)
{
	return from_view(v->append(v->ctx, t, key, value));
}

int row_del(const struct view *v, enum table t, struct span key)
{
	int r = from_view(v->del(v->ctx, t, key));

	return r == ROW_NONE ? 0 : r;
}

/* A row of ours that does not read back is damage, whatever its hash says. */
static int damaged(void)
{
	return err_new(-EUCLEAN);
}

void scan_init(struct scan *s, enum table t, struct span prefix)
{
	s->table = t;
	s->prefix_len = prefix.len;
	if (prefix.len)
		memcpy(s->prefix, prefix.at, prefix.len);
	s->key_len = 0;
	s->begun = false;
	s->value = (struct span){ 0 };
}

void scan_from(struct scan *s, struct span from)
{
	memcpy(s->key, from.at, from.len);
	s->key_len = from.len;
}

int scan_next(struct scan *s, const struct view *v)
{
	struct span key;
	int r;

	/* The key that follows .key immediately is .key with a zero byte behind it. */
	if (s->begun)
		s->key[s->key_len++] = 0;
	s->begun = true;
	r = from_view(v->seek(v->ctx, s->table, (struct span){ s->prefix, s->prefix_len },
		(struct span){ s->key, s->key_len }, &key, &s->value));
	if (r)
		return r;
	if (key.len > VIEW_KEY_MAX)
		return damaged();
	memcpy(s->key, key.at, key.len);
	s->key_len = key.len;
	return 0;
}

void pair_key(const struct id *a, const struct id *b, uint8_t into[2 * ID_LEN])
{
	memcpy(into, a->b, ID_LEN);
	memcpy(into + ID_LEN, b->b, ID_LEN);
}

static struct span pair_span(const struct id *a, const struct id *b, uint8_t into[2 * ID_LEN])
{
	pair_key(a, b, into);
	return (struct span){ into, 2 * ID_LEN };
}

static void put_place(struct writer *w, const struct place *at)
{
	put_bytes(w, at->author.b, ID_LEN);
	put_bytes(w, at->incarnation.b, ID_LEN);
	put_u64(w, at->seq);
}

static void get_place(struct reader *r, struct place *ret)
{
	get_into(r, ret->author.b, ID_LEN);
	get_into(r, ret->incarnation.b, ID_LEN);
	ret->seq = get_u64(r);
}

size_t index_key(const struct id *record, const struct place *at, uint8_t into[VIEW_KEY_MAX])
{
	struct writer w = writer_of(into, VIEW_KEY_MAX);

	put_bytes(&w, record->b, ID_LEN);
	put_place(&w, at);
	return w.len;
}

bool index_key_read(struct span key, struct id *ret_record, struct place *ret)
{
	struct reader r = reader_of(key);

	get_into(&r, ret_record->b, ID_LEN);
	get_place(&r, ret);
	return !r.bad && r.left == 0;
}

static struct span chain_key(const struct id *record, const struct id *author,
	const struct id *incarnation, uint8_t into[CHAIN_PREFIX])
{
	memcpy(into, record->b, ID_LEN);
	memcpy(into + ID_LEN, author->b, ID_LEN);
	memcpy(into + 2 * ID_LEN, incarnation->b, ID_LEN);
	return (struct span){ into, CHAIN_PREFIX };
}

bool chain_row_read(
	struct span key, struct span value, struct place *ret_at, struct chain_row *ret)
{
	struct reader k = reader_of(key), r = reader_of(value);

	get_span(&k, ID_LEN);
	get_into(&k, ret_at->author.b, ID_LEN);
	get_into(&k, ret_at->incarnation.b, ID_LEN);
	ret->seq = ret_at->seq = get_u64(&r);
	get_into(&r, ret->head.b, HASH_LEN);
	ret->forked = get_u8(&r);
	ret->clock = get_u64(&r);
	ret->bytes = get_u64(&r);
	return !k.bad && !r.bad;
}

int chain_get(const struct view *v, const struct id *record, const struct id *author,
	const struct id *incarnation, struct chain_row *ret)
{
	uint8_t key[CHAIN_PREFIX];
	struct span k = chain_key(record, author, incarnation, key), value;
	struct place at;
	int r = row_get(v, TABLE_CHAIN, k, &value);

	if (r) {
		*ret = (struct chain_row){ 0 };
		return r;
	}
	return chain_row_read(k, value, &at, ret) ? 0 : damaged();
}

int chain_put(const struct view *v, const struct id *record, const struct id *author,
	const struct id *incarnation, const struct chain_row *row)
{
	uint8_t key[CHAIN_PREFIX], value[80];
	struct writer w = writer_of(value, sizeof(value));

	put_u64(&w, row->seq);
	put_bytes(&w, row->head.b, HASH_LEN);
	put_u8(&w, row->forked);
	put_u64(&w, row->clock);
	put_u64(&w, row->bytes);
	return row_put(
		v, TABLE_CHAIN, chain_key(record, author, incarnation, key), writer_span(&w));
}

#define CONTROL_ROW_MAX (HASH_LEN + HEADER_MAX + SIGNATURE_MAX + BODY_SEALED_MAX + 64)
enum { CONTROL_WHOLE = 1, CONTROL_MUST_UNDERSTAND = 2 };

/* A row: the id, what it is, be32 the bytes of the change; header and signature, each behind
 * its be16 length, if it is whole; the body. */
int control_put(const struct view *v, const struct id *record, const struct place *at,
	const struct hash *id, const struct wire_change *c, bool whole)
{
	uint8_t key[VIEW_KEY_MAX], value[CONTROL_ROW_MAX];
	struct writer w = writer_of(value, sizeof(value));
	/* Our own is signed when its turn ends. */
	const size_t unsigned_room = c->signature.len ? 0 : SIGNATURE_MAX;
	struct header h;

	if (wire_header_decode(c->header, &h))
		return err_new(-EINVAL);
	put_bytes(&w, id->b, HASH_LEN);
	put_u8(&w, (uint8_t)((whole ? CONTROL_WHOLE : 0) |
			     (h.flags & FLAG_MUST_UNDERSTAND ? CONTROL_MUST_UNDERSTAND : 0)));
	put_u32(&w, (uint32_t)(wire_change_size(c) + unsigned_room));
	if (whole) {
		put_u16(&w, (uint16_t)c->header.len);
		put_span(&w, c->header);
		put_u16(&w, (uint16_t)c->signature.len);
		put_span(&w, c->signature);
	}
	put_span(&w, c->body);
	return row_put(v, TABLE_CONTROL, (struct span){ key, index_key(record, at, key) },
		writer_span(&w));
}

int control_has(const struct view *v, const struct id *record, const struct place *at,
	struct hash *ret_id)
{
	uint8_t key[VIEW_KEY_MAX];
	struct span value;
	int r = row_get(
		v, TABLE_CONTROL, (struct span){ key, index_key(record, at, key) }, &value);

	if (r)
		return r;
	if (value.len < HASH_LEN)
		return damaged();
	memcpy(ret_id->b, value.at, HASH_LEN);
	return 0;
}

int control_get(const struct view *v, const struct id *record, const struct place *at,
	struct log_at *log, struct wire_change *ret)
{
	uint8_t key[VIEW_KEY_MAX];
	struct span value, k = { key, index_key(record, at, key) };
	struct control_row row;
	uint64_t n;
	int r = row_get(v, TABLE_CONTROL, k, &value);

	if (r)
		return r;
	if (!control_row_read(k, value, &row))
		return damaged();
	*ret = row.change;
	if (row.whole)
		return 0;
	r = index_get(v, record, at, &n);
	if (!r)
		r = log_get(v, log, n, ret);
	return r == ROW_NONE ? damaged() : r;
}

bool control_row_read(struct span key, struct span value, struct control_row *ret)
{
	struct reader r = reader_of(value);
	struct id record;
	uint8_t flags;

	*ret = (struct control_row){ 0 };
	if (!index_key_read(key, &record, &ret->ref.at))
		return false;
	get_into(&r, ret->ref.change.b, HASH_LEN);
	flags = get_u8(&r);
	ret->whole = flags & CONTROL_WHOLE;
	ret->must_understand = flags & CONTROL_MUST_UNDERSTAND;
	ret->bytes = get_u32(&r);
	if (ret->whole) {
		ret->change.header = get_span(&r, get_u16(&r));
		ret->change.signature = get_span(&r, get_u16(&r));
	}
	ret->body = ret->change.body = get_span(&r, r.left);
	return !r.bad;
}

bool record_row_read(struct span value, struct record_row *ret)
{
	struct reader r = reader_of(value);
	uint8_t role = get_u8(&r), flags;

	ret->role = role <= ROLE_READER ? (enum role)role : ROLE_NONE;
	ret->wanted = get_u8(&r);
	get_into(&r, ret->custodian.b, ID_LEN);
	ret->term = get_u64(&r);
	ret->changes = get_u64(&r);
	ret->offer_open = get_u8(&r);
	get_into(&r, ret->offer_to.b, ID_LEN);
	ret->since_ms = get_u64(&r);
	flags = get_u8(&r);
	ret->complete = flags & 1;
	ret->acting = flags & 2;
	ret->emergency = flags & 4;
	ret->offer_seq = get_u64(&r);
	return !r.bad;
}

int record_get(const struct view *v, const struct id *record, struct record_row *ret)
{
	struct span value;
	int r = row_get(v, TABLE_RECORD, SPAN_OF(*record), &value);

	if (r) {
		*ret = (struct record_row){ 0 };
		return r;
	}
	return record_row_read(value, ret) ? 0 : damaged();
}

size_t record_row_write(const struct record_row *row, uint8_t into[RECORD_ROW_MAX])
{
	struct writer w = writer_of(into, RECORD_ROW_MAX);

	put_u8(&w, (uint8_t)row->role);
	put_u8(&w, row->wanted);
	put_bytes(&w, row->custodian.b, ID_LEN);
	put_u64(&w, row->term);
	put_u64(&w, row->changes);
	put_u8(&w, row->offer_open);
	put_bytes(&w, row->offer_to.b, ID_LEN);
	put_u64(&w, row->since_ms);
	put_u8(&w, (uint8_t)(row->complete | row->acting << 1 | row->emergency << 2));
	put_u64(&w, row->offer_seq);
	return w.len;
}

int record_put(const struct view *v, const struct id *record, const struct record_row *row)
{
	uint8_t value[RECORD_ROW_MAX];

	return row_put(v, TABLE_RECORD, SPAN_OF(*record),
		(struct span){ value, record_row_write(row, value) });
}

#define MOVE_ROW_LEN (2 * ID_LEN + 8 + 2 * ID_LEN + 1 + 6 * 8 + 1)

bool move_row_read(struct span value, struct move_row *ret)
{
	struct reader r = reader_of(value);
	uint8_t phase;

	get_place(&r, &ret->offer);
	get_into(&r, ret->from.b, ID_LEN);
	get_into(&r, ret->to.b, ID_LEN);
	phase = get_u8(&r);
	ret->phase = phase <= MOVE_STANDS_DOWN ? (enum move_phase)phase : MOVE_SETTLED;
	ret->offered_ms = get_u64(&r);
	ret->received_ms = get_u64(&r);
	ret->complete_ms = get_u64(&r);
	ret->taken_up_ms = get_u64(&r);
	ret->settled_ms = get_u64(&r);
	ret->since_ms = get_u64(&r);
	ret->told = get_u8(&r);
	return !r.bad && phase <= MOVE_STANDS_DOWN;
}

int move_row_get(const struct view *v, const struct id *record, struct move_row *ret)
{
	struct span value;
	int r = row_get(v, TABLE_MOVE, SPAN_OF(*record), &value);

	*ret = (struct move_row){ 0 };
	if (r)
		return r;
	return move_row_read(value, ret) ? 0 : damaged();
}

static struct span move_row_pack(const struct move_row *row, uint8_t into[MOVE_ROW_LEN])
{
	struct writer w = writer_of(into, MOVE_ROW_LEN);

	put_place(&w, &row->offer);
	put_bytes(&w, row->from.b, ID_LEN);
	put_bytes(&w, row->to.b, ID_LEN);
	put_u8(&w, (uint8_t)row->phase);
	put_u64(&w, row->offered_ms);
	put_u64(&w, row->received_ms);
	put_u64(&w, row->complete_ms);
	put_u64(&w, row->taken_up_ms);
	put_u64(&w, row->settled_ms);
	put_u64(&w, row->since_ms);
	put_u8(&w, row->told);
	return writer_span(&w);
}

bool move_row_same(const struct move_row *a, const struct move_row *b)
{
	uint8_t x[MOVE_ROW_LEN], y[MOVE_ROW_LEN];

	return memcmp(move_row_pack(a, x).at, move_row_pack(b, y).at, MOVE_ROW_LEN) == 0;
}

int move_row_put(const struct view *v, const struct id *record, const struct move_row *row)
{
	uint8_t value[MOVE_ROW_LEN];

	return row_put(v, TABLE_MOVE, SPAN_OF(*record), move_row_pack(row, value));
}

int share_put(
	const struct view *v, const struct id *peer, const struct id *record, enum role role)
{
	uint8_t key[2 * ID_LEN], value = (uint8_t)role;

	return row_put(
		v, TABLE_SHARE, pair_span(peer, record, key), (struct span){ &value, 1 });
}

int share_del(const struct view *v, const struct id *peer, const struct id *record)
{
	uint8_t key[2 * ID_LEN];

	return row_del(v, TABLE_SHARE, pair_span(peer, record, key));
}

int share_told(
	const struct view *v, const struct id *peer, const struct id *record, uint64_t *ret)
{
	uint8_t key[2 * ID_LEN];
	struct span value;
	struct reader rd;
	int r = row_get(v, TABLE_SHARE, pair_span(peer, record, key), &value);

	*ret = 0;
	if (r)
		return r;
	rd = reader_of(value);
	get_u8(&rd);
	if (rd.left)
		*ret = get_u64(&rd);
	return rd.bad ? damaged() : 0;
}

int share_tell(const struct view *v, const struct id *peer, const struct id *record, uint64_t n)
{
	uint8_t key[2 * ID_LEN], value[9];
	struct writer w = writer_of(value, sizeof(value));
	struct span held;
	int r = row_get(v, TABLE_SHARE, pair_span(peer, record, key), &held);

	if (r)
		return r;
	put_u8(&w, held.len ? held.at[0] : 0);
	put_u64(&w, n);
	return row_put(v, TABLE_SHARE, pair_span(peer, record, key), writer_span(&w));
}

int share_has(const struct view *v, const struct id *peer, const struct id *record)
{
	uint8_t key[2 * ID_LEN];
	struct span value;

	return row_get(v, TABLE_SHARE, pair_span(peer, record, key), &value);
}

bool peer_row_read(struct span value, struct peer_row *ret)
{
	struct reader r = reader_of(value);
	size_t len;

	ret->feed_next = get_u64(&r);
	ret->feed_acked = get_u64(&r);
	ret->added_ms = get_u64(&r);
	len = get_u8(&r);
	if (len >= ENDPOINT_MAX)
		return false;
	get_into(&r, ret->endpoint, len);
	ret->endpoint[len] = '\0';
	return !r.bad;
}

/* Entries of a feed do not touch the row of its peer: what the last of them says counts. */
int peer_row_get(const struct view *v, const struct id *peer, struct peer_row *ret)
{
	struct span value, key;
	struct reader rd;
	uint64_t last;
	int r = row_get(v, TABLE_PEER, SPAN_OF(*peer), &value);

	if (r)
		return r;
	if (!peer_row_read(value, ret))
		return damaged();
	/* A damaged entry has its number too, which row_last() would not give. */
	r = v->last(v->ctx, TABLE_FEED, SPAN_OF(*peer), &key, &value);
	if (r && r != VIEW_DAMAGED)
		return r == VIEW_NONE ? 0 : from_view(r);
	rd = reader_of(key);
	(void)get_span(&rd, ID_LEN);
	last = get_u64(&rd);
	if (ret->feed_next <= last)
		ret->feed_next = last + 1;
	return 0;
}

int peer_row_put(const struct view *v, const struct id *peer, const struct peer_row *row)
{
	uint8_t value[32 + ENDPOINT_MAX];
	struct writer w = writer_of(value, sizeof(value));
	size_t len = strnlen(row->endpoint, ENDPOINT_MAX - 1);

	put_u64(&w, row->feed_next);
	put_u64(&w, row->feed_acked);
	put_u64(&w, row->added_ms);
	put_u8(&w, (uint8_t)len);
	put_bytes(&w, row->endpoint, len);
	return row_put(v, TABLE_PEER, SPAN_OF(*peer), writer_span(&w));
}

size_t peer_key(const struct id *peer, uint64_t n, uint8_t into[VIEW_KEY_MAX])
{
	struct writer w = writer_of(into, VIEW_KEY_MAX);

	put_bytes(&w, peer->b, ID_LEN);
	put_u64(&w, n);
	return w.len;
}

int feed_put(
	const struct view *v, const struct id *peer, uint64_t n, const struct feed_row *row)
{
	uint8_t key[VIEW_KEY_MAX], value[96];
	struct writer w = writer_of(value, sizeof(value));

	put_u8(&w, row->is_backfill);
	put_bytes(&w, row->record.b, ID_LEN);
	put_place(&w, &row->at);
	put_u64(&w, row->at_ms);
	return row_put(
		v, TABLE_FEED, (struct span){ key, peer_key(peer, n, key) }, writer_span(&w));
}

bool feed_row_read(struct span key, struct span value, uint64_t *ret_n, struct feed_row *ret)
{
	struct reader k = reader_of(key), r = reader_of(value);

	get_span(&k, ID_LEN);
	*ret_n = get_u64(&k);
	ret->is_backfill = get_u8(&r);
	get_into(&r, ret->record.b, ID_LEN);
	get_place(&r, &ret->at);
	ret->at_ms = get_u64(&r);
	return !k.bad && !r.bad;
}

int cursor_get(const struct view *v, const struct id *peer, struct cursor_row *ret)
{
	struct span value;
	struct reader r;
	int e = row_get(v, TABLE_CURSOR, SPAN_OF(*peer), &value);

	*ret = (struct cursor_row){ 0 };
	if (e)
		return e;
	r = reader_of(value);
	get_into(&r, ret->incarnation.b, ID_LEN);
	ret->n = get_u64(&r);
	get_into(&r, ret->running.b, HASH_LEN);
	return r.bad ? damaged() : 0;
}

int cursor_put(const struct view *v, const struct id *peer, const struct cursor_row *row)
{
	uint8_t value[ID_LEN + 8 + HASH_LEN];
	struct writer w = writer_of(value, sizeof(value));

	put_bytes(&w, row->incarnation.b, ID_LEN);
	put_u64(&w, row->n);
	put_bytes(&w, row->running.b, HASH_LEN);
	return row_put(v, TABLE_CURSOR, SPAN_OF(*peer), writer_span(&w));
}

static int lack_get(const struct view *v, enum table t, const struct id *peer,
	const struct id *record, struct want_row *ret)
{
	uint8_t key[2 * ID_LEN];
	struct span value;
	struct reader r;
	int e = row_get(v, t, pair_span(peer, record, key), &value);

	if (e)
		return e;
	r = reader_of(value);
	ret->since_ms = get_u64(&r);
	return r.bad ? damaged() : 0;
}

static int lack_put(const struct view *v, enum table t, const struct id *peer,
	const struct id *record, const struct want_row *row)
{
	uint8_t key[2 * ID_LEN], value[8];
	struct writer w = writer_of(value, sizeof(value));

	put_u64(&w, row->since_ms);
	return row_put(v, t, pair_span(peer, record, key), writer_span(&w));
}

int want_get(const struct view *v, const struct id *peer, const struct id *record,
	struct want_row *ret)
{
	return lack_get(v, TABLE_WANT, peer, record, ret);
}

int want_put(const struct view *v, const struct id *peer, const struct id *record,
	const struct want_row *row)
{
	return lack_put(v, TABLE_WANT, peer, record, row);
}

int parked_get(const struct view *v, const struct id *peer, const struct id *record,
	struct want_row *ret)
{
	return lack_get(v, TABLE_PARKED, peer, record, ret);
}

int parked_put(const struct view *v, const struct id *peer, const struct id *record,
	const struct want_row *row)
{
	return lack_put(v, TABLE_PARKED, peer, record, row);
}

int charge_get(const struct view *v, const struct id *region, struct charge_row *ret)
{
	struct span value;
	struct reader r;
	int e = row_get(v, TABLE_CHARGE, SPAN_OF(*region), &value);

	*ret = (struct charge_row){ 0 };
	if (e)
		return e;
	r = reader_of(value);
	ret->bytes = get_u64(&r);
	ret->changes = get_u64(&r);
	return r.bad ? damaged() : 0;
}

int charge_put(const struct view *v, const struct id *region, const struct charge_row *row)
{
	uint8_t value[16];
	struct writer w = writer_of(value, sizeof(value));

	put_u64(&w, row->bytes);
	put_u64(&w, row->changes);
	return row_put(v, TABLE_CHARGE, SPAN_OF(*region), writer_span(&w));
}

int want_del(const struct view *v, const struct id *peer, const struct id *record)
{
	uint8_t key[2 * ID_LEN];

	return row_del(v, TABLE_WANT, pair_span(peer, record, key));
}

/* The key of a row is the number of a content key, and then what commits to it. */
static struct writer key_number(
	const struct id *record, uint32_t epoch, uint32_t class, uint8_t into[VIEW_KEY_MAX])
{
	struct writer w = writer_of(into, VIEW_KEY_MAX);

	put_bytes(&w, record->b, ID_LEN);
	put_u32(&w, epoch);
	put_u32(&w, class);
	return w;
}

static struct span key_place(
	const struct id *record, const struct key_commitment *c, uint8_t into[VIEW_KEY_MAX])
{
	struct writer w = key_number(record, c->epoch, c->class, into);

	put_bytes(&w, c->commitment.b, HASH_LEN);
	return writer_span(&w);
}

static int key_read(struct span value, struct secret *ret)
{
	if (value.len != KEY_LEN)
		return damaged();
	memcpy(ret->b, value.at, KEY_LEN);
	return 0;
}

int key_get(const struct view *v, const struct id *record, const struct key_commitment *c,
	struct secret *ret)
{
	uint8_t key[VIEW_KEY_MAX];
	struct span value;
	int r = row_get(v, TABLE_KEY, key_place(record, c, key), &value);

	return r ? r : key_read(value, ret);
}

int key_put(const struct view *v, const struct id *record, const struct key_commitment *c,
	const struct secret *key)
{
	uint8_t into[VIEW_KEY_MAX];

	return row_put(
		v, TABLE_KEY, key_place(record, c, into), (struct span){ key->b, KEY_LEN });
}

void key_scan_init(struct scan *s, const struct id *record, uint32_t epoch, uint32_t class)
{
	uint8_t key[VIEW_KEY_MAX];
	struct writer w = key_number(record, epoch, class, key);

	scan_init(s, TABLE_KEY, writer_span(&w));
}

int key_scan_next(struct scan *s, const struct view *v, struct secret *ret)
{
	int r = scan_next(s, v);

	return r ? r : key_read(s->value, ret);
}

int meta_get(const struct view *v, const char *name, void *ret, size_t len)
{
	struct span value;
	int r = row_get(v, TABLE_META, span_of(name), &value);

	if (r)
		return r;
	if (value.len != len)
		return damaged();
	memcpy(ret, value.at, len);
	return 0;
}

int meta_put(const struct view *v, const char *name, const void *value, size_t len)
{
	return row_put(v, TABLE_META, span_of(name), (struct span){ value, len });
}
