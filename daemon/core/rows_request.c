/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows of requests: DRAFT, sealed, under peer, way and request. Beside rows.c, since nothing
 * but requests lies there.
 */

#include "daemon/core/request.h"

#include <errno.h>
#include <string.h>

#define TEXTS 5
#define ROW_MAX                                                                                \
	(64 + ID_LEN + 2 * REQUEST_WORDS_MAX + REQUEST_NAME_MAX + 2 * REQUEST_NUMBER_MAX)

static void make_key(const struct id *peer, enum request_way way, const struct id *request,
	uint8_t into[REQUEST_KEY])
{
	memcpy(into, peer->b, ID_LEN);
	into[ID_LEN] = (uint8_t)way;
	memcpy(into + ID_LEN + 1, request->b, ID_LEN);
}

static void texts_of(struct request_row *row, struct span *ret[TEXTS])
{
	ret[0] = &row->authority;
	ret[1] = &row->child;
	ret[2] = &row->purpose;
	ret[3] = &row->worker;
	ret[4] = &row->text;
}

int request_put(const struct view *v, const struct id *peer, enum request_way way,
	const struct id *request, const struct request_row *row)
{
	struct request_row copy = *row;
	uint8_t key[REQUEST_KEY], value[ROW_MAX];
	struct writer w = writer_of(value, sizeof(value));
	struct span *texts[TEXTS];

	make_key(peer, way, request, key);
	put_u8(&w, (uint8_t)row->state);
	put_u8(&w, row->has_record);
	put_bytes(&w, row->record.b, ID_LEN);
	put_u32(&w, row->code);
	put_u64(&w, row->since_ms);
	put_u64(&w, row->answered_ms);
	texts_of(&copy, texts);
	for (size_t i = 0; i < TEXTS; i++) {
		put_u16(&w, (uint16_t)texts[i]->len);
		put_span(&w, *texts[i]);
	}
	if (w.over)
		return err_new(-EOVERFLOW);
	return row_put(v, TABLE_DRAFT, (struct span){ key, sizeof(key) }, writer_span(&w));
}

bool request_row_read(struct span key, struct span value, struct id *ret_peer,
	enum request_way *ret_way, struct id *ret_request, struct request_row *ret)
{
	static const enum request_state states[] = { REQUEST_WAITING, REQUEST_NOTED,
		REQUEST_REFUSED, REQUEST_OFFERED, REQUEST_CANCELLED };
	struct reader k = reader_of(key), rd = reader_of(value);
	struct span *texts[TEXTS];
	uint8_t way, state;

	*ret = (struct request_row){ 0 };
	get_into(&k, ret_peer->b, ID_LEN);
	way = get_u8(&k);
	get_into(&k, ret_request->b, ID_LEN);
	*ret_way = way == REQUEST_OURS ? REQUEST_OURS : REQUEST_THEIRS;
	state = get_u8(&rd);
	ret->has_record = get_u8(&rd);
	get_into(&rd, ret->record.b, ID_LEN);
	ret->code = get_u32(&rd);
	ret->since_ms = get_u64(&rd);
	ret->answered_ms = get_u64(&rd);
	texts_of(ret, texts);
	for (size_t i = 0; i < TEXTS; i++) {
		const uint16_t len = get_u16(&rd);

		*texts[i] = get_span(&rd, len);
	}
	if (k.bad || k.left || rd.bad || rd.left || way > REQUEST_THEIRS ||
		state >= COUNT(states))
		return false;
	ret->state = states[state];
	return true;
}

bool request_row_copy(struct arena *a, struct span key, struct span value, struct id *ret_peer,
	enum request_way *ret_way, struct id *ret_request, struct request_row *ret)
{
	struct span *texts[TEXTS];

	if (!request_row_read(key, value, ret_peer, ret_way, ret_request, ret))
		return false;
	texts_of(ret, texts);
	for (size_t i = 0; i < TEXTS; i++) {
		if (!texts[i]->len)
			continue;
		texts[i]->at = arena_copy(a, texts[i]->at, texts[i]->len);
		if (!texts[i]->at)
			return false;
	}
	return true;
}

int request_get(struct step *s, const struct id *peer, enum request_way way,
	const struct id *request, struct request_row *ret)
{
	uint8_t key[REQUEST_KEY];
	struct span value, k = { key, sizeof(key) };
	struct id again, same;
	enum request_way its;
	int r;

	make_key(peer, way, request, key);
	*ret = (struct request_row){ 0 };
	r = row_get(s->view, TABLE_DRAFT, k, &value);
	if (r)
		return r == ROW_NONE ? r : err_up(r);
	if (!request_row_copy(s->arena, k, value, &again, &its, &same, ret))
		return err_new(s->arena->failed ? -ENOMEM : -EUCLEAN);
	return 0;
}

int request_del(const struct view *v, const struct id *peer, enum request_way way,
	const struct id *request)
{
	uint8_t key[REQUEST_KEY];

	make_key(peer, way, request, key);
	return row_del(v, TABLE_DRAFT, (struct span){ key, sizeof(key) });
}
