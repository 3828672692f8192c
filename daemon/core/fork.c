/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Forks (P3.5, P3.7): the proof that a region has signed two changes for one place is kept
 * once, told once, and given to the record's circle in answers to their questions. Who reads
 * that it is itself the region stops writing there.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define EVIDENCE_A_MESSAGE 16 /* proofs of one message that are looked at */

static struct span fork_key(const struct header *h, uint8_t into[CHAIN_PREFIX])
{
	memcpy(into, h->record.b, ID_LEN);
	memcpy(into + ID_LEN, h->at.author.b, ID_LEN);
	memcpy(into + 2 * ID_LEN, h->at.incarnation.b, ID_LEN);
	return (struct span){ into, CHAIN_PREFIX };
}

/* A change as it stands in a proof: only the last of a run needs its signature, and a header
 * says enough of its body. */
static struct wire_change bare(const struct wire_change *c, bool last)
{
	return (struct wire_change){ .header = c->header,
		.signature = last ? c->signature : (struct span){ 0 } };
}

/* What is held from that place on, to the next signature: in .ret with room for
 * RUN_CHANGES_MAX, borrowed from the store. 0 changes: nothing there that is signed. */
static int held_run(struct step *s, const struct header *h, struct run *ret)
{
	struct place at = h->at;
	struct log_at log = { 0 };
	int r;

	for (ret->n = 0; ret->n < RUN_CHANGES_MAX; at.seq++) {
		struct wire_change c;

		r = chain_read(s, &h->record, &at, &log, &c);
		if (r == ROW_NONE)
			break;
		if (r)
			return err_up(r);
		r = change_keep(s->arena, &c);
		if (r)
			return err_up(r);
		ret->changes[ret->n++] = bare(&c, c.signature.len);
		if (c.signature.len)
			return 0;
	}
	ret->n = 0;
	/* It may be known by its path alone; there each change is signed itself (P7.8). */
	r = control_get(s->view, &h->record, &h->at, &log, &ret->changes[0]);
	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	ret->changes[0] = bare(&ret->changes[0], true);
	ret->n = 1;
	return 0;
}

/* The proof as others can check it; empty when one side of it has no signature yet. */
static int make_evidence(struct step *s, const struct header *h, const struct run *run,
	size_t at, struct span *ret)
{
	struct evidence e = { 0 };
	int r;

	*ret = (struct span){ 0 };
	e.held.changes = arena_array(s->arena, RUN_CHANGES_MAX, sizeof(*e.held.changes));
	e.other.changes = arena_array(s->arena, run->n, sizeof(*e.other.changes));
	if (!e.held.changes || !e.other.changes)
		return err_new(-ENOMEM);
	for (size_t i = at; i < run->n; i++) {
		bool last = run->changes[i].signature.len > 0;

		e.other.changes[e.other.n++] = bare(&run->changes[i], last);
		if (last)
			break;
	}
	r = held_run(s, h, &e.held);
	if (r || !e.held.n || !e.other.n)
		return r ? err_up(r) : 0;
	r = wire_evidence_encode(&e, s->arena, ret);
	return r ? err_odd(r) : 0;
}

int fork_has(struct step *s, const struct id *record, const struct id *author,
	const struct id *incarnation)
{
	struct header h = { .record = *record, .at = { *author, *incarnation, 0 } };
	uint8_t key[CHAIN_PREFIX];
	struct span value;

	return row_get(s->view, TABLE_FORK, fork_key(&h, key), &value);
}

int fork_own(struct step *s, const struct id *record)
{
	const struct node *n = s->node;
	struct chain_row row;
	int r;

	if (!n->stopped)
		return ROW_NONE;
	r = chain_get(s->view, record, &n->region, &n->incarnation, &row);
	if (r)
		return r;
	return row.forked ? 0 : ROW_NONE;
}

/* Everybody in the circle asks what is new, and finds the proof in the answer. */
static int tell_circle(struct step *s, const struct header *h, const struct id *not_to)
{
	const struct affairs *a;
	int r = node_affairs(s, &h->record, &a);

	for (size_t i = 0; !r && i < a->n_members; i++) {
		const struct member *m = &a->members[i];

		if (m->removed || id_equal(&m->row.region, &s->node->region) ||
			(not_to && id_equal(&m->row.region, not_to)))
			continue;
		r = feed_backfill(s, &m->row.region, &h->record);
	}
	return r ? err_up(r) : 0;
}

void fork_count(struct node *n, const struct id *author)
{
	n->forks++;
	for (size_t i = 0; i < n->n_forkers; i++)
		if (id_equal(&n->forkers[i], author))
			return;
	if (n->n_forkers < FORKERS_MAX)
		n->forkers[n->n_forkers++] = *author;
}

/* Once a chain: the row, the mark, the telling, the circle. */
static int keep(
	struct step *s, const struct header *h, struct span value, const struct id *not_to)
{
	bool own = id_equal(&h->at.author, &s->node->region) &&
		   id_equal(&h->at.incarnation, &s->node->incarnation);
	uint8_t key[CHAIN_PREFIX];
	struct chain_row row;
	int r = chain_get(s->view, &h->record, &h->at.author, &h->at.incarnation, &row);

	if (r == 0) {
		row.forked = true;
		r = chain_put(s->view, &h->record, &h->at.author, &h->at.incarnation, &row);
	}
	if (r < 0)
		return err_up(r);
	r = row_put(s->view, TABLE_FORK, fork_key(h, key), value);
	if (r)
		return err_odd(r);
	s->node->stopped |= own;
	if (s->node->forks == 0)
		s->node->forks_since_ms = s->event->wall_ms;
	fork_count(s->node, &h->at.author);
	r = node_tell(s, &(struct tell){ .verb = own ? TELL_STOPS : TELL_FORKED,
				 .record = h->record,
				 .peer = h->at.author });
	return r ? err_up(r) : tell_circle(s, h, not_to);
}

int fork_keep(struct step *s, const struct header *h, const struct run *run, size_t at)
{
	struct span evidence;
	struct writer w;
	uint8_t *value;
	size_t room;
	int r = fork_has(s, &h->record, &h->at.author, &h->at.incarnation);

	if (r != ROW_NONE)
		return r;
	r = turn_write(s); /* what is held may be of this turn */
	if (!r)
		r = make_evidence(s, h, run, at, &evidence);
	if (r)
		return err_up(r);
	room = evidence.len + 8;
	for (size_t i = at; i < run->n; i++)
		room += wire_change_size(&run->changes[i]) + 16;
	value = arena_alloc(s->arena, room);
	if (!value)
		return err_new(-ENOMEM);
	w = writer_of(value, room);
	put_u32(&w, (uint32_t)evidence.len);
	put_span(&w, evidence);
	for (size_t i = at; i < run->n; i++) {
		struct span bytes;

		r = wire_change_encode(&run->changes[i], s->arena, &bytes);
		if (r)
			return err_odd(r);
		put_u32(&w, (uint32_t)bytes.len);
		put_span(&w, bytes);
	}
	if (w.over)
		return err_new(-EOVERFLOW);
	return keep(s, h, writer_span(&w), NULL);
}

int fork_evidence(
	struct step *s, const struct id *record, const struct place *at, struct span *ret)
{
	struct header h = { .record = *record, .at = *at };
	uint8_t key[CHAIN_PREFIX];
	struct reader rd;
	struct span value;
	int r = row_get(s->view, TABLE_FORK, fork_key(&h, key), &value);

	if (r)
		return r;
	rd = reader_of(value);
	*ret = get_span(&rd, get_u32(&rd));
	if (rd.bad)
		return err_new(-EUCLEAN);
	return ret->len ? 0 : ROW_NONE;
}

/* One proof that a peer has sent: 0, FORK_E_WRONG. */
static int take(struct step *s, struct peer *p, const struct id *record, struct span bytes)
{
	const struct affairs *a;
	struct evidence e;
	struct header held, other;
	struct hash held_id, other_id;
	struct writer w;
	uint8_t *value;
	int r = wire_evidence_decode(bytes, s->arena, &e);

	if (r)
		return r < 0 ? err_up(r) : FORK_E_WRONG;
	if (wire_header_decode(e.held.changes[0].header, &held) ||
		!id_equal(&held.record, record))
		return FORK_E_WRONG;
	/* The same proof twice is nothing, and so is one about a chain that is not here. */
	r = fork_has(s, record, &held.at.author, &held.at.incarnation);
	if (r != ROW_NONE)
		return r;
	r = node_affairs(s, record, &a);
	if (r)
		return err_up(r);
	if (!affairs_member(a, &held.at.author))
		return FORK_E_WRONG;
	r = chain_check_headers(s, &e.held, &held, &held_id);
	if (!r)
		r = chain_check_headers(s, &e.other, &other, &other_id);
	if (r)
		return r < 0 ? err_up(r) : FORK_E_WRONG;
	if (!id_equal(&other.record, record) || !place_equal(&held.at, &other.at) ||
		hash_equal(&held_id, &other_id))
		return FORK_E_WRONG;
	value = arena_alloc(s->arena, bytes.len + 4);
	if (!value)
		return err_new(-ENOMEM);
	w = writer_of(value, bytes.len + 4);
	put_u32(&w, (uint32_t)bytes.len);
	put_span(&w, bytes);
	return keep(s, &held, writer_span(&w), &p->region);
}

int fork_take(struct step *s, struct peer *p, const struct message *m)
{
	for (size_t i = 0; i < m->changes.n_evidence && i < EVIDENCE_A_MESSAGE; i++) {
		int r = take(s, p, &m->changes.record, m->changes.evidence[i]);

		/* The others are not looked at: each costs two signatures. */
		if (r == FORK_E_WRONG)
			return peer_refuse(
				s, p, &m->changes.record, VERDICT_EVIDENCE_WRONG, false);
		if (r)
			return err_up(r);
	}
	return 0;
}
