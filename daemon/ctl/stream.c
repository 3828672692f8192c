/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Stream
 *
 * A buffer with a start and an end that moves its bytes to the front when it is asked for room.
 * One that has been large and is empty again is given back, so that many idle connections cost
 * little.
 */

#include "daemon/ctl/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kith/buf.h>

#define ROOM_MIN  4096
#define ROOM_KEEP 65536

/* Room for .more bytes behind .len, by doubling, but never beyond .max. */
static int grow(uint8_t **at, size_t *start, size_t len, size_t *room, size_t more, size_t max)
{
	size_t want = *room ? *room : ROOM_MIN;
	uint8_t *fresh;

	if (*start > 0) {
		memmove(*at, *at + *start, len);
		*start = 0;
	}
	if (*room - len >= more)
		return 0;

	while (want - len < more)
		want *= 2;
	if (want > max)
		want = max;
	fresh = realloc(*at, want);
	if (!fresh)
		return err_new(-ENOMEM);
	*at = fresh;
	*room = want;
	return 0;
}

/* All bytes have gone: start again, in little memory. */
static void rest(uint8_t **at, size_t *start, size_t *room)
{
	*start = 0;
	if (*room <= ROOM_KEEP)
		return;
	free(*at);
	*at = NULL;
	*room = 0;
}

void inbox_init(struct inbox *b, size_t frame_max)
{
	assert(frame_max > 0 && frame_max < UINT32_MAX - STREAM_HEAD);
	*b = (struct inbox){ .frame_max = frame_max };
}

void inbox_done(struct inbox *b)
{
	free(b->at);
	b->at = NULL;
}

static size_t announced(const struct inbox *b)
{
	struct reader r = reader_of((struct span){ b->at + b->start, b->len });

	return get_u32(&r);
}

bool inbox_ready(const struct inbox *b)
{
	if (b->len < STREAM_HEAD)
		return false;
	return announced(b) > b->frame_max || b->len - STREAM_HEAD >= announced(b);
}

int inbox_fill(struct inbox *b, int fd)
{
	ssize_t n;
	int r;

	assert(!inbox_ready(b));
	if (b->len == 0)
		rest(&b->at, &b->start, &b->room);
	r = grow(&b->at, &b->start, b->len, &b->room, 1, STREAM_HEAD + b->frame_max);
	if (r < 0)
		return err_up(r);

	do
		n = recv(fd, b->at + b->len, b->room - b->len, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return CTL_E_TIMEOUT;
	if (n <= 0)
		return CTL_E_CLOSED;
	b->len += (size_t)n;
	return 0;
}

int inbox_take(struct inbox *b, struct span *ret)
{
	size_t len;

	if (!inbox_ready(b))
		return CTL_E_TIMEOUT;
	len = announced(b);
	if (len > b->frame_max)
		return CTL_E_MALFORMED;

	*ret = (struct span){ b->at + b->start + STREAM_HEAD, len };
	b->start += STREAM_HEAD + len;
	b->len -= STREAM_HEAD + len;
	return 0;
}

void outbox_done(struct outbox *b)
{
	free(b->at);
	b->at = NULL;
}

int outbox_put(struct outbox *b, struct span frame)
{
	struct writer w;
	int r;

	assert(frame.len < UINT32_MAX);
	r = grow(&b->at, &b->start, b->len, &b->room, STREAM_HEAD + frame.len, SIZE_MAX);
	if (r < 0)
		return err_up(r);

	w = writer_of(b->at + b->len, b->room - b->len);
	put_u32(&w, (uint32_t)frame.len);
	put_span(&w, frame);
	assert(!w.over);
	b->len += w.len;
	return 0;
}

int outbox_flush(struct outbox *b, int fd)
{
	while (b->len > 0) {
		ssize_t n = send(fd, b->at + b->start, b->len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0)
			return CTL_E_CLOSED;
		b->start += (size_t)n;
		b->len -= (size_t)n;
	}
	rest(&b->at, &b->start, &b->room);
	return 0;
}
