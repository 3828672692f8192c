/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Arena
 *
 * Memory that lives and dies together: what a step makes lives until the turn ends. An arena
 * may have a budget, and then asking for more is a refusal, not a crash: whatever a peer
 * can make grow is charged to an arena with a budget.
 */

#include <stdarg.h>

#include <kith/base.h>

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t used;   /* bytes handed out since the last reset */
	size_t budget; /* 0: none */
	bool over;     /* the budget, not the machine, refused an allocation */
	bool failed;   /* the machine did, since the last reset: who made what is not whole */
};

void arena_init(struct arena *a, size_t budget);
void arena_done(struct arena *a);
/* Forget everything; keeps one block for the next round. */
void arena_reset(struct arena *a);

/* Zeroed, aligned for any type. NULL: out of memory, or over budget (then .over is set). */
MUST_USE void *arena_alloc(struct arena *a, size_t size);
/* As calloc: NULL too when n * size overflows. */
MUST_USE void *arena_array(struct arena *a, size_t n, size_t size);
/* A copy; the bytes are followed by a NUL that is not counted. */
MUST_USE uint8_t *arena_copy(struct arena *a, const void *bytes, size_t len);
MUST_USE char *arena_text(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
MUST_USE char *arena_vtext(struct arena *a, const char *fmt, va_list ap) PRINTF(2, 0);

/* Grow an arena array by doubling. .at is the old one (NULL at first), .n its count, .room in
 * and out. Returns the array with room for n + 1, or NULL. */
MUST_USE void *arena_grow(struct arena *a, void *at, size_t n, size_t *room, size_t size);
