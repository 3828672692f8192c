/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Arena
 *
 * A list of blocks, each about twice as large as the one before, handed out from the front. The
 * newest block is the one in use and the one that a reset keeps, so that a turn like the turn
 * before it does not call malloc() at all.
 */

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/arena.h>

#define UNIT      alignof(max_align_t) /* every allocation starts at, and is charged as, units */
#define BLOCK_MIN 4096
#define BLOCK_MAX ((size_t)1 << 20) /* larger ones are made to measure and not kept */

struct arena_block {
	struct arena_block *next;
	size_t room, used;
	alignas(max_align_t) uint8_t bytes[];
};

void arena_init(struct arena *a, size_t budget)
{
	*a = (struct arena){ .budget = budget };
}

static void drop_blocks(struct arena_block *b)
{
	while (b) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
}

void arena_done(struct arena *a)
{
	drop_blocks(a->head);
	*a = (struct arena){ .budget = a->budget };
}

void arena_reset(struct arena *a)
{
	struct arena_block *kept = a->head;

	if (kept && kept->room <= BLOCK_MAX) {
		drop_blocks(kept->next);
		kept->next = NULL;
		kept->used = 0;
	} else {
		drop_blocks(kept);
		kept = NULL;
	}
	*a = (struct arena){ .head = kept, .budget = a->budget };
}

/* Put a block with room for .size bytes in front; false when there is no memory. */
static bool add_block(struct arena *a, size_t size)
{
	size_t room = a->head ? 2 * a->head->room : BLOCK_MIN;
	struct arena_block *b;

	if (room > BLOCK_MAX)
		room = BLOCK_MAX;
	if (room < size)
		room = size;
	if (room > SIZE_MAX - sizeof(*b))
		return false;

	b = malloc(sizeof(*b) + room);
	if (!b)
		return false;

	b->next = a->head;
	b->room = room;
	b->used = 0;
	a->head = b;
	return true;
}

/* What cannot be counted is over any budget too: a peer's number is never taken for our lack
 * of memory. */
static void *refuse(struct arena *a)
{
	a->over = a->budget != 0;
	return NULL;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->head;
	uint8_t *at;

	if (size > SIZE_MAX - UNIT)
		return refuse(a);
	size = (size + UNIT - 1) / UNIT * UNIT;
	if (!size)
		size = UNIT;

	if (a->budget && size > a->budget - a->used)
		return refuse(a);
	if (!b || size > b->room - b->used) {
		if (!add_block(a, size)) {
			a->failed = true;
			return NULL;
		}
		b = a->head;
	}

	at = b->bytes + b->used;
	b->used += size;
	a->used += size;
	return memset(at, 0, size);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t whole;

	if (__builtin_mul_overflow(n, size, &whole))
		return refuse(a);
	return arena_alloc(a, whole);
}

uint8_t *arena_copy(struct arena *a, const void *bytes, size_t len)
{
	uint8_t *copy = len < SIZE_MAX ? arena_alloc(a, len + 1) : refuse(a);

	if (copy && len)
		memcpy(copy, bytes, len);
	return copy;
}

char *arena_vtext(struct arena *a, const char *fmt, va_list ap)
{
	char *text = NULL, here[256]; /* as most texts fit: then they are made once */
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(here, sizeof(here), fmt, ap);
	if (len >= 0)
		text = arena_alloc(a, (size_t)len + 1);
	if (text && (size_t)len < sizeof(here))
		memcpy(text, here, (size_t)len);
	else if (text)
		(void)vsnprintf(text, (size_t)len + 1, fmt, again);
	va_end(again);
	return text;
}

char *arena_text(struct arena *a, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = arena_vtext(a, fmt, ap);
	va_end(ap);
	return text;
}

void *arena_grow(struct arena *a, void *at, size_t n, size_t *room, size_t size)
{
	size_t wider;
	void *grown;

	if (n < *room)
		return at;

	if (__builtin_mul_overflow(*room, 2, &wider))
		return refuse(a);
	if (!wider)
		wider = 8;

	grown = arena_array(a, wider, size);
	if (!grown)
		return NULL;
	if (n)
		memcpy(grown, at, n * size);
	*room = wider;
	return grown;
}
