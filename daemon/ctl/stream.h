/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Stream
 *
 * Both halves of a connection, the same for server and client: bytes that came and are cut into
 * frames, and frames that wait for the kernel to take them. Neither ever waits.
 */

#include <kith/base.h>
#include <kith/ctl.h>

#define STREAM_HEAD 4 /* the length, big-endian, before each frame */

struct inbox {
	uint8_t *at;
	size_t start, len, room;
	size_t frame_max;
	bool keep; /* its memory, also when nothing is in it */
};

void inbox_init(struct inbox *b, size_t frame_max);
void inbox_done(struct inbox *b);
/* One read. Memory grows with the bytes that came, never with the length that was announced.
 * There must be no whole frame waiting. 0, CTL_E_TIMEOUT (nothing there), CTL_E_CLOSED. */
MUST_USE int inbox_fill(struct inbox *b, int fd);
/* inbox_take has something to say other than CTL_E_TIMEOUT. */
bool inbox_ready(const struct inbox *b);
/* The next frame, valid until the next fill. 0, CTL_E_TIMEOUT (not whole), CTL_E_MALFORMED. */
MUST_USE int inbox_take(struct inbox *b, struct span *ret);

struct outbox {
	uint8_t *at;
	size_t start, len, room;
	bool keep;
};

void outbox_done(struct outbox *b);
/* One frame more: what the kernel takes of it now, if nothing waits before it, and the rest
 * into the queue. 0, CTL_E_CLOSED. */
MUST_USE int outbox_send(struct outbox *b, int fd, struct span frame);
/* What the kernel takes now; .len says what is left. 0, CTL_E_CLOSED. */
MUST_USE int outbox_flush(struct outbox *b, int fd);

/* Large frames and many of them: fewer are cut in two by what the kernel holds, each half with
 * a wake of both sides. As much as it allows; less costs time and nothing else. */
void stream_widen(int fd);
