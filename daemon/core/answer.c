/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Answering a GET (P7.7): cards, custody path, key wraps, then chains, as much as one message
 * and the asker's need allow. What it answers borrows from the store until it is encoded.
 */

#include <errno.h>

#include "daemon/core/inside.h"

#define ANSWER_SOFT ((size_t)160 * 1024)
/* Answers leave when a turn has ended, and nobody has more than GETS_MAX questions open. */
#define GETS_IN_TURN (4 * GETS_MAX)
#define ANSWER_HARD  ((size_t)250 * 1024)

struct answer {
	struct step *s;
	struct peer *p;
	const struct message *get;
	const struct affairs *affairs;
	struct message m;
	size_t bytes, soft; /* beyond .soft no further run is begun */
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

static int add_path(struct answer *an)
{
	struct scan scan;
	int r;

	scan_init(&scan, TABLE_CONTROL, SPAN_OF(an->get->get.record));
	while ((r = scan_next(&scan, an->s->view)) == 0) {
		struct wire_change c;
		struct ref ref;

		if (!control_row_read(
			    (struct span){ scan.key, scan.key_len }, scan.value, &ref, &c))
			return err_new(-EUCLEAN);
		if (!fits(an, wire_change_size(&c) + 8))
			return 0;
		r = ADD(an, path, c);
		if (r)
			return err_up(r);
	}
	return r < 0 ? err_up(r) : 0;
}

static int add_keys(struct answer *an)
{
	const struct affairs *a = an->affairs;
	const struct member *m = affairs_member(a, &an->p->region);

	for (size_t i = 0; m && i < a->n_keys && an->bytes + 256 < ANSWER_HARD; i++) {
		const struct key_commitment *k = &a->keys[i];
		struct key_wrap wrap;
		int r;

		if (k->class > 31 || !(m->row.classes & 1u << k->class) ||
			k->epoch < m->row.first_epoch)
			continue;
		if (!fits(an, sizeof(wrap) + 16))
			return 0;
		r = keys_wrap(an->s, &an->get->get.record, k->epoch, k->class, &an->p->region,
			&an->p->kem_key, &wrap);
		if (r == ROW_NONE)
			continue;
		if (!r)
			r = ADD(an, keys, wrap);
		if (r)
			return err_up(r);
	}
	return 0;
}

static uint64_t had(const struct message *get, const struct place *at)
{
	for (size_t i = 0; i < get->get.n_have; i++)
		if (id_equal(&get->get.have[i].author, &at->author) &&
			id_equal(&get->get.have[i].incarnation, &at->incarnation))
			return get->get.have[i].seq;
	return 0;
}

/* One run from .at on, ending in a signature. *ret_n is how many of its changes are sent. */
static int add_run(struct answer *an, struct place at, uint64_t head, size_t *ret_n)
{
	struct step *s = an->s;
	struct run run = { 0 };
	size_t room = 0, signed_n = 0, bytes = 0, signed_bytes = 0;

	*ret_n = 0;
	for (; at.seq <= head && run.n < RUN_CHANGES_MAX; at.seq++) {
		struct index_row index;
		struct wire_change c, *grown;
		size_t size;
		int r = index_get(s->view, &an->get->get.record, &at, &index);

		if (!r)
			r = log_get(s->view, index.n, &c);
		if (r)
			return r == ROW_NONE ? err_new(-EUCLEAN) : err_up(r);
		size = wire_change_size(&c);
		if (bytes + size > RUN_BYTES_MAX || an->bytes + bytes + size > ANSWER_HARD ||
			(signed_n && an->bytes + bytes + size > an->soft))
			break;
		grown = arena_grow(s->arena, run.changes, run.n, &room, sizeof(*grown));
		if (!grown)
			return err_new(-ENOMEM);
		run.changes = grown;
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

/* The proof that a chain is forked stands behind it (P3.7). */
static int add_evidence(struct answer *an, const struct place *at)
{
	struct span bytes;
	int r = fork_evidence(an->s, &an->get->get.record, at, &bytes);

	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	return fits(an, bytes.len + 8) ? ADD(an, evidence, bytes) : 0;
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

		if (!chain_row_read(
			    (struct span){ scan.key, scan.key_len }, scan.value, &at, &row))
			return err_new(-EUCLEAN);
		at.seq = had(an->get, &at);
		if (at.seq == UINT64_MAX)
			continue;
		for (at.seq++; at.seq <= row.seq && n; at.seq += n) {
			if (an->bytes > an->soft)
				return 0;
			r = add_run(an, at, row.seq, &n);
			if (r)
				return err_up(r);
		}
		if (at.seq <= row.seq)
			return 0;
		r = row.forked ? add_evidence(an, &at) : 0;
		if (r)
			return err_up(r);
	}
	if (r < 0)
		return err_up(r);
	an->m.changes.done = !an->cut;
	return 0;
}

int sync_get(struct step *s, struct peer *p, const struct message *m)
{
	struct answer an = { .s = s,
		.p = p,
		.get = m,
		.m = { .kind = MSG_CHANGES,
			.changes = { .request = m->get.request, .record = m->get.record } } };
	int r;

	if (++p->gets_in_turn > GETS_IN_TURN)
		return peer_refuse(s, p, NULL, VERDICT_TOO_OFTEN, true);
	r = share_has(s->view, &p->region, &m->get.record);
	if (r < 0)
		return err_up(r);
	if (r == ROW_NONE) { /* (P7.9) */
		an.m.changes.none = an.m.changes.done = true;
		return peer_send(s, p, &an.m);
	}
	r = node_affairs(s, &m->get.record, &an.affairs);
	if (!r && m->get.keys)
		r = add_bundles(&an);
	if (!r && m->get.keys)
		r = add_path(&an);
	if (!r && m->get.keys)
		r = add_keys(&an);
	/* A long path does not leave the chains without room. */
	an.soft = an.bytes + (m->get.budget < ANSWER_SOFT ? m->get.budget : ANSWER_SOFT);
	if (!r)
		r = add_chains(&an);
	if (r)
		return err_up(r);
	return peer_send(s, p, &an.m);
}
