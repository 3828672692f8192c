/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Answering a GET (P7.7): cards, custody path, key wraps, then chains, in messages until the
 * asker's budget is spent. Where that was is kept, so that a GET that comes before the asker
 * has them all goes on there. What a message says borrows from the store until it is encoded.
 */

#include <errno.h>
#include <stdlib.h>

#include "daemon/core/inside.h"

#define ANSWER_SOFT RUN_BYTES_MAX       /* as much as one signature may cover */
#define RUN_LEAST   ((size_t)24 * 1024) /* what is left of a message is no room for a run */
#define ANSWER_HARD ((size_t)250 * 1024)
#define BUDGET_MAX  ((uint64_t)1024 * 1024) /* of one GET, whatever it says */
/* Answers leave when a turn has ended, and nobody has more open than this. */
#define GETS_IN_TURN  (2 * GETS_MAX)
#define BYTES_IN_TURN ((uint64_t)6 * 1024 * 1024)

struct answer {
	struct step *s;
	struct peer *p;
	const struct message *get;
	const struct affairs *affairs;
	struct answering *at;
	struct message m;
	size_t bytes, soft; /* beyond .soft no further run is begun */
	bool begun;         /* this GET has had a message: no run goes beyond its budget */
	bool cut;           /* something did not fit: there is more than is said */
	size_t room_bundles, room_path, room_keys, room_runs, room_evidence;
};

/* What others put into a record may be more than one message holds. */
static bool fits(struct answer *an, size_t size)
{
	if (an->bytes + size > ANSWER_HARD) {
		an->cut = true;
		return false;
	}
	an->bytes += size;
	return true;
}

#define ADD(an, list, value)                                                                   \
	({                                                                                     \
		void *grown_ = arena_grow((an)->s->arena, (an)->m.changes.list,                \
			(an)->m.changes.n_##list, &(an)->room_##list,                          \
			sizeof(*(an)->m.changes.list));                                        \
		if (grown_) {                                                                  \
			(an)->m.changes.list = grown_;                                         \
			(an)->m.changes.list[(an)->m.changes.n_##list++] = (value);            \
		}                                                                              \
		grown_ ? 0 : err_new(-ENOMEM);                                                 \
	})

static int add_bundle(struct answer *an, const struct id *region)
{
	struct span bytes;
	int r = row_get(an->s->view, TABLE_CARD, SPAN_OF(*region), &bytes);

	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	return fits(an, bytes.len + 8) ? ADD(an, bundles, bytes) : 0;
}

static int add_bundles(struct answer *an)
{
	for (size_t i = 0; i < an->affairs->n_members; i++) {
		int r = 0;

		if (an->bytes + BUNDLE_MAX < ANSWER_SOFT)
			r = add_bundle(an, &an->affairs->members[i].row.region);
		if (r)
			return err_up(r);
	}
	return 0;
}

static int chain_order(const void *x, const void *y)
{
	const struct place *a = x, *b = y;
	const int order = id_order(&a->author, &b->author);

	return order ? order : id_order(&a->incarnation, &b->incarnation);
}

/* Every change of a path is looked for in what the asker has, and it may say that it has some
 * thousand chains: .have is in order. */
static uint64_t had(const struct message *get, const struct place *at)
{
	const struct place *have = get->get.n_have ? bsearch(at, get->get.have, get->get.n_have,
							     sizeof(*have), chain_order)
						   : NULL;

	return have ? have->seq : 0;
}

static bool lacks(const struct answer *an, const struct place *at)
{
	const uint64_t held = had(an->get, at);

	return held < at->seq || held == UINT64_MAX;
}

static int path_order(const void *x, const void *y)
{
	const struct path_at *a = x, *b = y;

	if (a->clock != b->clock)
		return a->clock < b->clock ? -1 : 1;
	return place_order(&a->at, &b->at);
}

/* The path as it was written: by its clocks, so that what a change rests on comes before it. */
static int sort_path(struct answer *an, struct path_at **ret)
{
	const struct affairs *a = an->affairs;
	struct path_at *v = arena_array(an->s->arena, a->n_all + 1, sizeof(*v));

	if (!v)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < a->n_all; i++)
		v[i] = (struct path_at){ a->all[i]->control.clock, a->all[i]->ref.at };
	qsort(v, a->n_all, sizeof(*v), path_order);
	*ret = v;
	return 0;
}

/* What of the path follows .at->path, as far as it fits. */
static int add_path(struct answer *an)
{
	struct answering *at = an->at;
	struct path_at *v = NULL;
	struct log_at log = { 0 }; /* nothing is written meanwhile */
	int r = sort_path(an, &v);

	for (size_t i = 0; !r && v && i < an->affairs->n_all; i++) {
		const struct id *record = &an->get->get.record;
		struct wire_change c;

		if ((at->path_begun && path_order(&v[i], &at->path) <= 0) ||
			!lacks(an, &v[i].at))
			continue;
		r = control_get(an->s->view, record, &v[i].at, &log, &c);
		if (!r)
			r = change_keep(an->s->arena, &c);
		if (r)
			return r == ROW_NONE ? err_new(-EUCLEAN) : err_up(r);
		if (an->bytes + wire_change_size(&c) + 8 > ANSWER_HARD) {
			an->m.changes.path_more = true;
			return 0;
		}
		an->bytes += wire_change_size(&c) + 8;
		r = ADD(an, path, c);
		at->path = v[i];
		at->path_begun = true;
	}
	return r ? err_up(r) : 0;
}

/* Who does not ask for keys has those of the epochs that it knows. */
static uint32_t first_epoch(const struct answer *an)
{
	const struct affairs *a = an->affairs;
	uint32_t first = UINT32_MAX;

	if (an->at->keys)
		return 0;
	for (size_t i = 0; i < a->n_all; i++) {
		const struct control *c = &a->all[i]->control;

		if (c->n_keys && c->keys[0].epoch < first && lacks(an, &a->all[i]->ref.at))
			first = c->keys[0].epoch;
	}
	return first;
}

static int add_keys(struct answer *an)
{
	const uint32_t first = first_epoch(an);
	const struct affairs *a = an->affairs;
	const struct member *m = affairs_member(a, &an->p->region);
	const struct key_commitment *k;

	for (size_t i = 0; m && (k = keys_of(a, i)) && an->bytes + 256 < ANSWER_HARD; i++) {
		struct key_wrap wrap;
		int r;

		if (!keys_for(m, k) || k->epoch < first)
			continue;
		if (!fits(an, sizeof(wrap) + 16))
			return 0;
		r = keys_wrap(
			an->s, &an->get->get.record, k, &an->p->region, &an->p->kem_key, &wrap);
		if (r == ROW_NONE)
			continue;
		if (!r)
			r = ADD(an, keys, wrap);
		if (r)
			return err_up(r);
	}
	return 0;
}

/* A chain that is read: mostly its changes stand in the log one behind the other. */
struct reading {
	struct log_at log;
	uint64_t n;    /* the last one's number */
	uint32_t more; /* those behind it have the next numbers */
};

static int read_next(
	struct answer *an, const struct place *at, struct reading *rd, struct wire_change *ret)
{
	int r = 0;

	if (rd->more) {
		rd->more--;
		rd->n++;
	} else {
		r = index_reach(an->s->view, &an->get->get.record, at, &rd->n, &rd->more);
	}
	return r ? r : log_read(an->s, &rd->log, rd->n, ret);
}

/* One run from .at on, ending in a signature. *ret_n is how many of its changes are sent. */
static int add_run(struct answer *an, struct place at, uint64_t head, size_t *ret_n)
{
	struct step *s = an->s;
	struct run run = { 0 };
	struct reading rd = { 0 };
	size_t room = 0, signed_n = 0, bytes = 0, signed_bytes = 0;

	*ret_n = 0;
	for (; at.seq <= head && run.n < RUN_CHANGES_MAX; at.seq++) {
		struct wire_change c, *grown;
		size_t size;
		int r = read_next(an, &at, &rd, &c);

		if (r)
			return r == ROW_NONE ? err_new(-EUCLEAN) : err_up(r);
		size = wire_change_size(&c);
		if (bytes + size > RUN_BYTES_MAX || an->bytes + bytes + size > ANSWER_HARD ||
			((signed_n || an->begun) && an->bytes + bytes + size > an->soft))
			break;
		grown = arena_grow(s->arena, run.changes, run.n, &room, sizeof(*grown));
		if (!grown)
			return err_new(-ENOMEM);
		run.changes = grown;
		r = change_keep(s->arena, &c);
		if (r)
			return err_up(r);
		run.changes[run.n++] = c;
		bytes += size;
		if (c.signature.len) {
			signed_n = run.n;
			signed_bytes = bytes;
		}
	}
	if (!signed_n)
		return 0;
	run.n = signed_n;
	an->bytes += signed_bytes + 8;
	*ret_n = signed_n;
	return ADD(an, runs, run);
}

enum { NO_ROOM = 1 };

/* The proof that a chain is forked stands behind it (P3.7). 0, NO_ROOM. */
static int add_evidence(struct answer *an, const struct place *at)
{
	struct span bytes;
	int r = fork_evidence(an->s, &an->get->get.record, at, &bytes);

	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	if (an->bytes + bytes.len + 8 > ANSWER_HARD)
		return NO_ROOM;
	an->bytes += bytes.len + 8;
	return ADD(an, evidence, bytes);
}

/* The first change of this chain that is still to be sent. */
static uint64_t first_of(const struct answer *an, const struct place *chain)
{
	const uint64_t held = had(an->get, chain), first = held < UINT64_MAX ? held + 1 : held;
	const int order = chain_order(chain, &an->at->next);

	if (order < 0)
		return UINT64_MAX; /* sent as it was then; what it got since comes by the feed
				    */
	return order == 0 && an->at->next.seq > first ? an->at->next.seq : first;
}

static int add_chains(struct answer *an)
{
	struct scan scan;
	int r;

	scan_init(&scan, TABLE_CHAIN, SPAN_OF(an->get->get.record));
	while ((r = scan_next(&scan, an->s->view)) == 0) {
		struct chain_row row;
		struct place at;
		size_t n = 1;

		if (!chain_row_read(scan_key(&scan), scan.value, &at, &row))
			return err_new(-EUCLEAN);
		at.seq = first_of(an, &at);
		if (at.seq == UINT64_MAX)
			continue;
		for (; at.seq <= row.seq; at.seq += n) {
			if (an->m.changes.n_runs && an->bytes + RUN_LEAST > an->soft)
				return 0;
			r = add_run(an, at, row.seq, &n);
			if (r || !n)
				return r ? err_up(r) : 0;
			an->at->next = at;
			an->at->next.seq += n;
		}
		r = row.forked ? add_evidence(an, &at) : 0;
		if (r)
			return r < 0 ? err_up(r) : 0;
		an->at->next = at;
		if (row.forked)
			an->at->next.seq = UINT64_MAX;
	}
	if (r < 0)
		return err_up(r);
	an->m.changes.done = an->at->done = !an->cut;
	return 0;
}

/* Where the answers to GETs of this number stand; a new one at its beginning. */
static struct answering *find_answering(struct peer *p, const struct message *get)
{
	struct answering *at = &p->answers[0];

	for (size_t i = 0; i < GETS_MAX; i++) {
		struct answering *this = &p->answers[i];

		if (this->busy && id_equal(&this->record, &get->get.record)) {
			at = this;
			break;
		}
		if (at->busy && (!this->busy || this->used < at->used))
			at = this;
	}
	if (!at->busy || at->request != get->get.request ||
		!id_equal(&at->record, &get->get.record))
		*at = (struct answering){ .busy = true,
			.path_open = true,
			.keys = get->get.keys,
			.request = get->get.request,
			.record = get->get.record };
	at->used = ++p->n_answers;
	return at;
}

/* Cards go with every part of the path: whoever gets it can check it. */
static int add_head(struct answer *an)
{
	int r = add_bundles(an);

	if (!r)
		r = add_path(an);
	if (r || an->m.changes.path_more)
		return r ? err_up(r) : 0;
	an->at->path_open = false;
	return add_keys(an);
}

/* One message of an answer that has .left bytes to go. *ret: what it took. */
static int say_some(struct answer *an, uint64_t left, uint64_t *ret)
{
	int r = 0;

	an->m = (struct message){ .kind = MSG_CHANGES,
		.changes = { .request = an->get->get.request,
			.record = an->get->get.record,
			.done = an->at->done } };
	an->bytes = 0;
	an->cut = false;
	an->room_bundles = an->room_path = an->room_keys = an->room_runs = an->room_evidence =
		0;
	if (an->at->path_open)
		r = add_head(an);
	/* A long path does not leave the chains without room. */
	an->soft = an->bytes + (left < ANSWER_SOFT ? left : ANSWER_SOFT);
	if (!r && !an->at->done && !an->m.changes.path_more)
		r = add_chains(an);
	if (r)
		return err_up(r);
	*ret = an->bytes;
	an->m.changes.more = (an->m.changes.n_runs || an->m.changes.path_more) &&
			     !an->at->done && an->bytes + RUN_LEAST < left;
	return peer_send(an->s, an->p, &an->m);
}

int sync_get(struct step *s, struct peer *p, const struct message *m)
{
	struct message none = { .kind = MSG_CHANGES,
		.changes = { .request = m->get.request,
			.record = m->get.record,
			.none = true,
			.done = true } };
	struct answer an = { .s = s, .p = p, .get = m };
	uint64_t left = m->get.budget < BUDGET_MAX ? m->get.budget : BUDGET_MAX;
	uint64_t bytes = 0;
	int r;

	if (++p->gets_in_turn > GETS_IN_TURN || p->answered_in_turn > BYTES_IN_TURN)
		return peer_refuse(s, p, NULL, VERDICT_TOO_OFTEN, true);
	r = turn_write(s);
	if (r)
		return err_up(r);
	r = share_has(s->view, &p->region, &m->get.record);
	if (r < 0)
		return err_up(r);
	if (r == ROW_NONE) /* (P7.9) */
		return peer_send(s, p, &none);
	if (s->node->unreceived) {
		r = handover_asked(s, p, m);
		if (r)
			return err_up(r);
	}
	r = node_affairs(s, &m->get.record, &an.affairs);
	if (r)
		return err_up(r);
	an.at = find_answering(p, m);
	if (m->get.n_have)
		qsort(m->get.have, m->get.n_have, sizeof(*m->get.have), chain_order);
	do {
		r = say_some(&an, left, &bytes);
		if (r)
			return err_up(r);
		an.begun = true;
		p->answered_in_turn += bytes;
		left -= bytes < left ? bytes : left;
	} while (an.m.changes.more && p->state == PEER_LIVE);
	return 0;
}
