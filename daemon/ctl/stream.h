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
};

void outbox_done(struct outbox *b);
MUST_USE int outbox_put(struct outbox *b, struct span frame); /* 0 */
/* What the kernel takes now; .len says what is left. 0, CTL_E_CLOSED. */
MUST_USE int outbox_flush(struct outbox *b, int fd);
