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
#include <sys/uio.h>
#include <unistd.h>

#include <kith/buf.h>

#define ROOM_MIN  4096
#define ROOM_KEEP 65536
#define WIDE      (1024 * 1024) /* several frames of the largest size */

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
static void rest(uint8_t **at, size_t *start, size_t *room, bool keep)
{
	*start = 0;
	if (keep || *room <= ROOM_KEEP)
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
		rest(&b->at, &b->start, &b->room, b->keep);
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

static int queue(struct outbox *b, struct span bytes)
{
	struct writer w;
	int r;

	if (!bytes.len)
		return 0; /* and the queue may have no memory yet */
	r = grow(&b->at, &b->start, b->len, &b->room, bytes.len, SIZE_MAX);
	if (r < 0)
		return err_up(r);
	w = writer_of(b->at + b->len, b->room - b->len);
	put_span(&w, bytes);
	assert(!w.over);
	b->len += w.len;
	return 0;
}

/* How much of both the kernel takes. 0, CTL_E_CLOSED. */
static int send_both(int fd, struct span head, struct span frame, size_t *ret)
{
	struct iovec v[] = { { (void *)head.at, head.len }, { (void *)frame.at, frame.len } };
	const struct msghdr m = { .msg_iov = v, .msg_iovlen = COUNT(v) };
	ssize_t n;

	do
		n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
		return CTL_E_CLOSED;
	*ret = n < 0 ? 0 : (size_t)n;
	return 0;
}

static struct span behind(struct span s, size_t n)
{
	return n < s.len ? (struct span){ s.at + n, s.len - n } : (struct span){ 0 };
}

int outbox_send(struct outbox *b, int fd, struct span frame)
{
	uint8_t bytes[STREAM_HEAD];
	struct writer w = writer_of(bytes, sizeof(bytes));
	const struct span head = SPAN_OF(bytes);
	size_t sent = 0;
	int r;

	assert(frame.len < UINT32_MAX);
	put_u32(&w, (uint32_t)frame.len);
	r = b->len ? outbox_flush(b, fd) : 0;
	if (!r && !b->len)
		r = send_both(fd, head, frame, &sent);
	if (!r)
		r = queue(b, behind(head, sent));
	if (!r)
		r = queue(b, behind(frame, sent > STREAM_HEAD ? sent - STREAM_HEAD : 0));
	return r < 0 ? err_up(r) : r;
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
	rest(&b->at, &b->start, &b->room, b->keep);
	return 0;
}

void stream_widen(int fd)
{
	const int bytes = WIDE;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}
