/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a turn has added to the log stays in memory until its end, when its heads are signed
 * together (P3.6) and everything is written in one go: a row is written once, in order, with
 * its signature. Until then log_read() gives what is here.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define UNSIGNED_MAX       200          /* (P3.3) allows 255 */
#define UNSIGNED_BYTES_MAX (120 * 1024) /* (P3.3) allows 128 KiB */
/* (P3.6) allows 4,096. With more of them a signature costs the store more than it saves: one
 * hash a change for every doubling, and a 256th of a signature is nothing already. */
#define BATCH_MADE 256

/* A change of our own that has to be signed. */
struct turn_head {
	struct id record;
	struct hash change;
	struct place at;
	size_t held; /* which of .held it is */
	uint32_t unsigned_n, unsigned_bytes;
	bool control, fixed; /* fixed: a later one does not cover it */
};

/* The head that the next change of .record covers: only one that stands right before it, here
 * and so in every feed, for a run is what follows one after another (P3.2). */
static struct turn_head *covered(const struct turn_changes *t, const struct id *record)
{
	struct turn_head *last = t->n_heads ? &t->heads[t->n_heads - 1] : NULL;

	return last && !last->fixed && last->held + 1 == t->n && id_equal(&last->record, record)
		       ? last
		       : NULL;
}

int turn_own(struct step *s, const struct header *h, const struct hash *id,
	const struct wire_change *c)
{
	struct turn_changes *t = &s->node->turn;
	struct turn_head *head = covered(t, &h->record);
	const uint32_t n = head ? head->unsigned_n : 0;
	const uint32_t bytes = head ? head->unsigned_bytes : 0;

	if (!head) {
		head = arena_grow(
			s->arena, t->heads, t->n_heads, &t->room_heads, sizeof(*head));
		if (!head)
			return err_new(-ENOMEM);
		t->heads = head;
		head += t->n_heads++;
	}
	*head = (struct turn_head){ .record = h->record,
		.change = *id,
		.at = h->at,
		.held = t->n,
		.unsigned_n = n + 1,
		.unsigned_bytes = bytes + (uint32_t)c->body.len,
		.control = h->flags & FLAG_CONTROL };
	head->fixed = head->control || head->unsigned_n >= UNSIGNED_MAX ||
		      head->unsigned_bytes + BODY_SEALED_MAX > UNSIGNED_BYTES_MAX;
	return turn_hold(s, c);
}

int turn_hold(struct step *s, const struct wire_change *c)
{
	struct turn_changes *t = &s->node->turn;
	struct wire_change *grown =
		arena_grow(s->arena, t->held, t->n, &t->room, sizeof(*t->held));

	if (!grown)
		return err_new(-ENOMEM);
	t->held = grown;
	t->held[t->n++] = *c;
	s->node->log_next++;
	return 0;
}

int log_read(struct step *s, struct log_at *at, uint64_t n, struct wire_change *ret)
{
	const struct turn_changes *t = &s->node->turn;
	const uint64_t first = s->node->log_next - t->n;

	if (n < first)
		return log_get(s->view, at, n, ret);
	if (n >= s->node->log_next)
		return ROW_NONE;
	*ret = t->held[n - first];
	return 0;
}

/* Heads from .from on, as one batch. */
static int sign_batch(struct step *s, size_t from, size_t n)
{
	const struct turn_changes *t = &s->node->turn;
	const struct turn_head *heads = t->heads + from;
	struct hash *changes = arena_array(s->arena, n, sizeof(*changes));
	struct span *signatures = arena_array(s->arena, n, sizeof(*signatures));
	int r;

	if (!changes || !signatures)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n; i++)
		changes[i] = heads[i].change;
	r = signatures_make(s->crypto, &s->node->keys->sign, changes, n, s->arena, signatures);
	for (size_t i = 0; i < n && !r; i++) {
		struct wire_change *c = &t->held[heads[i].held];

		c->signature = signatures[i];
		if (heads[i].control)
			r = control_put(s->view, &heads[i].record, &heads[i].at,
				&heads[i].change, c, false);
	}
	return r ? err_odd(r) : 0;
}

int turn_write(struct step *s)
{
	struct turn_changes *t = &s->node->turn;
	const uint64_t first = s->node->log_next - t->n;
	int r = 0;

	for (size_t i = 0; i < t->n_heads && !r; i += BATCH_MADE)
		r = sign_batch(s, i, t->n_heads - i < BATCH_MADE ? t->n_heads - i : BATCH_MADE);
	if (!r)
		r = log_put(s->view, first, t->held, t->n);
	*t = (struct turn_changes){ 0 };
	return r ? err_odd(r) : 0;
}
