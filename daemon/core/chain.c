/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Chains: adding a change of our own, and taking a run of somebody's. Everything about hashes,
 * links and signatures (P2, P3) is here; what a change means is not.
 */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

enum verdict chain_verdict(int verdict)
{
	static const enum verdict verdicts[] = {
		[CHAIN_E_GAP] = VERDICT_GAP,
		[CHAIN_E_UNKNOWN] = VERDICT_AUTHOR_UNKNOWN,
		[CHAIN_E_FORKED] = VERDICT_FORKED,
		[CHAIN_E_HEADER] = VERDICT_HEADER_MALFORMED,
		[CHAIN_E_RUN] = VERDICT_RUN_MALFORMED,
		[CHAIN_E_LINK] = VERDICT_LINK_BROKEN,
		[CHAIN_E_BODY] = VERDICT_BODY_HASH,
		[CHAIN_E_SIGNATURE] = VERDICT_SIGNATURE_WRONG,
		[CHAIN_E_CONTROL] = VERDICT_CONTROL_MALFORMED,
		[CHAIN_E_STRANGER] = VERDICT_STRANGER,
		[CHAIN_E_PATH] = VERDICT_PATH_LONG,
		[CHAIN_E_QUOTA] = VERDICT_QUOTA,
	};

	assert(verdict > 0 && (size_t)verdict < COUNT(verdicts));
	return verdicts[verdict];
}

int chain_read(struct step *s, const struct id *record, const struct place *place,
	struct log_at *at, struct wire_change *ret)
{
	uint64_t n;
	int r = index_get(s->view, record, place, &n);

	return r ? r : log_read(s, at, n, ret);
}

int chain_id_at(
	struct step *s, const struct id *record, const struct place *place, struct hash *ret)
{
	struct log_at at = { 0 };
	struct wire_change c;
	int r = chain_read(s, record, place, &at, &c);

	return r ? r : chain_id(s->crypto, c.header, ret);
}

static int body_hash(struct crypto *c, struct span body, struct hash *ret)
{
	int r = crypto_hash(c, &body, 1, ret);

	return r ? err_odd(r) : 0;
}

/* Genesis must disclose the bytes that its record's id was made from (P1.3). */
static int genesis_true(
	struct step *s, const struct header *h, const struct control *c, bool *ret)
{
	struct hash hash;
	int r = crypto_hash(s->crypto,
		(struct span[]){ SPAN_LIT("kith/record/1\0"), SPAN_OF(h->at.author),
			SPAN_OF(h->at.incarnation), { c->random, sizeof(c->random) } },
		4, &hash);

	*ret = r == 0 && h->at.seq == 1 && memcmp(hash.b, h->record.b, ID_LEN) == 0;
	return r ? err_odd(r) : 0;
}

/* One of our own: LOG (at the turn's end), INDEX, CHAIN and, for control changes, CONTROL. */
static int store_own(struct step *s, const struct header *h, const struct hash *id,
	const struct wire_change *c, const struct chain_row *row)
{
	const uint64_t at = s->node->log_next;
	int r = turn_own(s, h, id, c);

	if (!r)
		r = index_put(s->view, &h->record, &h->at, at, 1);
	if (!r)
		r = chain_put(s->view, &h->record, &h->at.author, &h->at.incarnation, row);
	if (!r && h->flags & FLAG_CONTROL) {
		r = control_put(s->view, &h->record, &h->at, id, c, false);
		node_forget(s->node, &h->record);
	}
	return r ? err_odd(r) : 0;
}

/* The heads of all other chains of the record: what the author of a change had seen. */
static int collect_deps(struct step *s, const struct id *record, struct body *b)
{
	struct scan scan;
	size_t room = 0;
	int r;

	if (node_alone(s->node, record))
		return 0;
	scan_init(&scan, TABLE_CHAIN, SPAN_OF(*record));
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct chain_row row;
		struct ref *grown, dep = { 0 };

		if (!chain_row_read(scan_key(&scan), scan.value, &dep.at, &row))
			return err_new(-EUCLEAN);
		if (id_equal(&dep.at.author, &s->node->region) &&
			id_equal(&dep.at.incarnation, &s->node->incarnation))
			continue;
		if (b->n_deps == 64) /* (P4.5) */
			break;
		dep.change = row.head;
		grown = arena_grow(s->arena, b->deps, b->n_deps, &room, sizeof(*b->deps));
		if (!grown)
			return err_new(-ENOMEM);
		b->deps = grown;
		b->deps[b->n_deps++] = dep;
	}
	node_set_alone(s->node, record, r == ROW_NONE && !b->n_deps);
	return r == ROW_NONE || r == 0 ? 0 : err_up(r);
}

/* Fills header and body from what the caller wants to say. 0, BODY_E_*. */
static int compose(struct step *s, const struct own_change *o, struct header *h, uint64_t clock,
	struct span *ret_body)
{
	int r;

	assert(!o->control != !o->body);
	if (o->control) {
		h->flags = FLAG_CONTROL;
		o->control->clock = clock;
		r = wire_control_encode(o->control, s->arena, ret_body);
		return r ? err_odd(r) : 0;
	}
	h->key_class = o->class;
	o->body->clock = clock;
	r = crypto_random(s->crypto, o->body->seed, sizeof(o->body->seed));
	if (r)
		return err_odd(r);
	r = collect_deps(s, o->record, o->body);
	if (r)
		return err_up(r);
	return body_seal(s, h, o->body, ret_body, &h->content_root);
}

int chain_append(struct step *s, const struct own_change *o, struct ref *ret)
{
	struct node *n = s->node;
	struct header h = { .version = HEADER_VERSION, .record = *o->record };
	uint8_t *header = arena_alloc(s->arena, HEADER_MAX);
	struct wire_change c = { 0 };
	struct chain_row row;
	const struct affairs *a;
	int r;

	if (!header)
		return err_new(-ENOMEM);

	r = chain_get(s->view, o->record, &n->region, &n->incarnation, &row);
	if (r < 0)
		return err_up(r);
	h.at = (struct place){ n->region, n->incarnation, row.seq + 1 };
	h.prev = row.head;
	if (o->body) {
		r = node_affairs(s, o->record, &a);
		if (r)
			return err_up(r);
		h.key_epoch = a->epoch;
	}
	/* Also after a restart with a wall clock that stands behind. */
	if (row.clock > n->clock)
		n->clock = row.clock;
	row.clock = node_clock(s);
	r = compose(s, o, &h, row.clock, &c.body);
	if (r)
		return r < 0 ? err_up(r) : r;
	r = body_hash(s->crypto, c.body, &h.body_hash);
	if (r)
		return err_up(r);

	c.header = (struct span){ header, wire_header_encode(&h, header) };
	r = chain_id(s->crypto, c.header, &row.head);
	if (r)
		return err_up(r);
	row.seq++;
	r = store_own(s, &h, &row.head, &c, &row);
	if (r)
		return err_up(r);
	*ret = (struct ref){ .at = h.at, .change = row.head };

	r = record_count(s, o->record, 1);
	if (!r && o->control)
		r = summary_entries(s, o->record, NULL, 0);
	if (!r)
		r = node_touch(s, o->record);
	if (!r)
		r = node_affairs(s, o->record, &a);
	if (r)
		return err_up(r);
	return feed_change(s, a, o->record, &h.at, NULL);
}

/* A run as it was checked: its headers, and the ids of its changes. */
struct checked {
	struct header *headers;
	struct hash *ids;
	size_t n;
};

static bool same_chain(const struct header *a, const struct header *b)
{
	return id_equal(&a->record, &b->record) && id_equal(&a->at.author, &b->at.author) &&
	       id_equal(&a->at.incarnation, &b->at.incarnation);
}

/* Headers, hashes and links, but not the signature. */
static int check_links(struct step *s, const struct run *run, bool bodies, struct checked *ret)
{
	size_t bytes = 0;

	if (run->n == 0 || run->n > RUN_CHANGES_MAX)
		return CHAIN_E_RUN;
	ret->n = run->n;
	ret->headers = arena_array(s->arena, run->n, sizeof(*ret->headers));
	ret->ids = arena_array(s->arena, run->n, sizeof(*ret->ids));
	if (!ret->headers || !ret->ids)
		return err_new(-ENOMEM);

	for (size_t i = 0; i < run->n; i++) {
		const struct wire_change *c = &run->changes[i];
		struct header *h = &ret->headers[i];
		struct hash hash;
		int r = wire_header_decode(c->header, h);

		if (r)
			return r < 0 ? err_up(r) : CHAIN_E_HEADER;
		bytes += c->header.len + c->body.len;
		if (bytes > RUN_BYTES_MAX ||
			(i > 0 && (!same_chain(h, &ret->headers[0]) ||
					  h->at.seq != ret->headers[i - 1].at.seq + 1)))
			return CHAIN_E_RUN;
		if (i > 0 && !hash_equal(&h->prev, &ret->ids[i - 1]))
			return CHAIN_E_LINK;
		r = bodies ? body_hash(s->crypto, c->body, &hash) : 0;
		if (r)
			return err_up(r);
		if (bodies && !hash_equal(&hash, &h->body_hash))
			return CHAIN_E_BODY;
		r = chain_id(s->crypto, c->header, &ret->ids[i]);
		if (r)
			return err_up(r);
	}
	return 0;
}

static int check_signature(
	struct step *s, const struct header *h, const struct hash *id, struct span signature)
{
	struct pubkey key;
	int r;

	if (!signature.len)
		return CHAIN_E_SIGNATURE;
	r = region_key(s, &h->at.author, &h->at.incarnation, &key);
	if (r)
		return r == ROW_NONE ? CHAIN_E_UNKNOWN : err_up(r);
	r = signature_check(s->crypto, &key, id, signature, &s->node->summits);
	return r < 0 ? err_up(r) : r ? CHAIN_E_SIGNATURE : 0;
}

static int read_control(
	struct step *s, const struct header *h, struct span body, struct control *ret)
{
	bool good = true;
	int r = wire_control_decode(body, s->arena, ret);

	if (r)
		return r < 0 ? err_up(r) : CHAIN_E_CONTROL;
	if (ret->kind == CONTROL_GENESIS) {
		r = genesis_true(s, h, ret, &good);
		if (r)
			return err_up(r);
	}
	return good ? 0 : CHAIN_E_CONTROL;
}

int chain_check_control(struct step *s, const struct id *record, const struct wire_change *c,
	struct ref *ret, struct control *ret_control)
{
	struct wire_change one = *c;
	struct run run = { .changes = &one, .n = 1 };
	struct checked k;
	int r = check_links(s, &run, true, &k);

	if (r)
		return r;
	if (!id_equal(&k.headers[0].record, record) || !(k.headers[0].flags & FLAG_CONTROL))
		return CHAIN_E_RUN;
	r = check_signature(s, &k.headers[0], &k.ids[0], c->signature);
	if (r)
		return r;
	*ret = (struct ref){ .at = k.headers[0].at, .change = k.ids[0] };
	return read_control(s, &k.headers[0], c->body, ret_control);
}

int chain_check_headers(
	struct step *s, const struct run *run, struct header *ret, struct hash *ret_id)
{
	struct checked k;
	int r = check_links(s, run, false, &k);

	if (r)
		return r;
	*ret = k.headers[0];
	*ret_id = k.ids[0];
	return check_signature(
		s, &k.headers[k.n - 1], &k.ids[k.n - 1], run->changes[run->n - 1].signature);
}

int chain_run_record(const struct run *run, struct id *ret)
{
	struct header h;

	if (run->n == 0 || wire_header_decode(run->changes[0].header, &h))
		return CHAIN_E_HEADER;
	*ret = h.record;
	return 0;
}

/* How many of the first changes are held already; CHAIN_E_FORKED when one differs. */
static int skip_held(
	struct step *s, const struct checked *k, const struct chain_row *row, size_t *ret)
{
	struct log_at at = { 0 };

	*ret = 0;
	while (*ret < k->n && k->headers[*ret].at.seq <= row->seq) {
		const struct header *h = &k->headers[*ret];
		struct wire_change c;
		struct hash held;
		int r = chain_read(s, &h->record, &h->at, &at, &c);

		if (!r)
			r = chain_id(s->crypto, c.header, &held);
		if (r)
			return r == ROW_NONE ? err_new(-EUCLEAN) : err_up(r);
		if (!hash_equal(&held, &k->ids[*ret]))
			return CHAIN_E_FORKED;
		(*ret)++;
	}
	return 0;
}

int chain_writable(struct step *s, const struct id *record)
{
	const struct affairs *a;
	int r = fork_own(s, record);

	if (r != ROW_NONE)
		return r ? err_up(r) : CHAIN_E_FORKED;
	r = node_affairs(s, record, &a);
	if (r)
		return err_up(r);
	/* Two at once is what one decision takes, at most. */
	return affairs_room(a, &s->node->region, a->term, 2 * PATH_CONTROL_MAX) ? 0
										: CHAIN_E_PATH;
}

/* Control bodies are read before anything is stored: a run is taken whole or not at all. */
static int check_meaning(struct step *s, const struct checked *k, const struct run *run,
	size_t from, const struct affairs *a)
{
	size_t more = 0, fresh = 0;

	for (size_t i = from; i < k->n; i++) {
		const struct header *h = &k->headers[i];
		struct control c;
		struct hash held;
		bool unseen;
		int r;

		if (!affairs_member(a, &h->at.author))
			return CHAIN_E_STRANGER;
		if (!(h->flags & FLAG_CONTROL))
			continue;
		if (node_affairs_full(s->node, &h->record))
			return CHAIN_E_RUN;
		r = control_has(s->view, &h->record, &h->at, &held);
		if (r < 0)
			return err_up(r);
		unseen = r == ROW_NONE;
		if (unseen && node_reads_enough(s->node, a, ++fresh))
			return CHAIN_E_GAP; /* (P7.6) with their path they are read once */
		r = check_signature(s, h, &k->ids[i], run->changes[i].signature);
		if (!r)
			r = read_control(s, h, run->changes[i].body, &c);
		if (r)
			return r;
		/* Anybody in the circle can write them, and everybody in it must keep them. */
		if (unseen)
			more += wire_change_size(&run->changes[i]);
		if (!affairs_room(a, &h->at.author, c.term, more))
			return CHAIN_E_PATH;
		node_clock_seen(s, c.clock);
	}
	return 0;
}

/* A control change that came by its path must be the one that the chain has at its place. */
static int agrees_with_path(
	struct step *s, const struct checked *k, size_t from, size_t *ret_at)
{
	for (*ret_at = from; *ret_at < k->n; (*ret_at)++) {
		const struct header *h = &k->headers[*ret_at];
		struct hash held;
		int r;

		if (!(h->flags & FLAG_CONTROL))
			continue;
		r = control_has(s->view, &h->record, &h->at, &held);
		if (r < 0)
			return err_up(r);
		if (r == 0 && !hash_equal(&held, &k->ids[*ret_at]))
			return CHAIN_E_FORKED;
	}
	return 0;
}

static int keep_fork(struct step *s, const struct checked *k, const struct run *run, size_t at)
{
	int r = fork_keep(s, &k->headers[at], run, at);

	return r ? err_up(r) : CHAIN_E_FORKED;
}

/* Where a run with a good signature stands: *ret_held of its changes are here, the rest follows
 * what is here. 0, or why it does not connect. */
static int connect_run(struct step *s, const struct checked *k, const struct run *run,
	const struct chain_row *row, size_t *ret_held)
{
	size_t at;
	int r;

	if (row->forked)
		return CHAIN_E_FORKED;
	if (k->headers[0].at.seq > row->seq + 1)
		return CHAIN_E_GAP;
	r = skip_held(s, k, row, ret_held);
	if (r == CHAIN_E_FORKED)
		return keep_fork(s, k, run, *ret_held);
	if (r)
		return r;
	if (*ret_held < k->n && !hash_equal(&k->headers[*ret_held].prev, &row->head))
		return keep_fork(s, k, run, *ret_held);
	r = agrees_with_path(s, k, *ret_held, &at);
	return r == CHAIN_E_FORKED ? keep_fork(s, k, run, at) : r;
}

/* Content has room in the quota of who answers for it (P7.12); control changes never wait. */
static int check_quota(struct step *s, const struct checked *k, const struct run *run,
	size_t held, const struct id *from, const struct chain_row *row, uint64_t *ret_cost)
{
	bool content = false;

	*ret_cost = 0;
	for (size_t i = held; i < k->n; i++) {
		*ret_cost += quota_cost(wire_change_size(&run->changes[i]));
		content |= !(k->headers[i].flags & FLAG_CONTROL);
	}
	return content ? quota_room(
				 s, &k->headers[0].record, &k->headers[0].at.author, row, from)
		       : 0;
}

/* A control change that came with its path says nothing new: a long path is not read again for
 * each change of it. */
static int store_control(struct step *s, const struct header *h, const struct hash *id,
	const struct wire_change *c)
{
	struct hash held;
	int r = control_has(s->view, &h->record, &h->at, &held);

	if (r < 0)
		return err_up(r);
	if (r == ROW_NONE || !hash_equal(&held, id))
		node_forget(s->node, &h->record);
	r = control_put(s->view, &h->record, &h->at, id, c, false);
	return r ? err_odd(r) : 0;
}

/* The new ones of a run: their rows are written once, however many they are. */
static int store_run(struct step *s, const struct checked *k, const struct run *run,
	size_t held, const struct id *from, struct chain_row *row)
{
	const struct header *first = &k->headers[held];
	const uint64_t n = s->node->log_next;
	const struct affairs *a;
	int r = 0;

	node_set_alone(s->node, &k->headers[0].record, false);
	for (size_t i = held; i < k->n && !r; i++) {
		row->seq = k->headers[i].at.seq;
		row->head = k->ids[i];
		row->bytes += quota_cost(wire_change_size(&run->changes[i]));
		r = turn_hold(s, &run->changes[i]);
	}
	if (!r && held < k->n)
		r = index_put(s->view, &first->record, &first->at, n, (uint32_t)(k->n - held));
	if (!r && held < k->n)
		r = chain_put(s->view, &first->record, &first->at.author,
			&first->at.incarnation, row);
	for (size_t i = held; i < k->n && !r; i++) {
		const struct header *h = &k->headers[i];

		if (h->flags & FLAG_CONTROL)
			r = store_control(s, h, &k->ids[i], &run->changes[i]);
		/* A control change may have changed the circle: look again. */
		if (!r)
			r = node_affairs(s, &h->record, &a);
		if (!r)
			r = feed_change(s, a, &h->record, &h->at, from);
	}
	return r ? err_odd(r) : 0;
}

int chain_take(struct step *s, const struct id *from, const struct run *run,
	struct id *ret_record, size_t *ret_new)
{
	const struct affairs *a;
	struct checked k;
	struct chain_row row;
	const struct header *h;
	uint64_t cost = 0;
	size_t held;
	int r;

	*ret_new = 0;
	r = check_links(s, run, true, &k);
	if (r)
		return r;
	h = &k.headers[0];
	*ret_record = h->record;
	r = chain_get(s->view, &h->record, &h->at.author, &h->at.incarnation, &row);
	if (r < 0)
		return err_up(r);
	if (k.headers[k.n - 1].at.seq <= row.seq && !row.forked) {
		/* Nothing new, or a fork: only then is the signature worth its price. */
		r = skip_held(s, &k, &row, &held);
		if (r != CHAIN_E_FORKED)
			return r;
	}
	r = check_signature(
		s, &k.headers[k.n - 1], &k.ids[k.n - 1], run->changes[run->n - 1].signature);
	if (!r)
		r = connect_run(s, &k, run, &row, &held);
	if (!r)
		r = node_affairs(s, &h->record, &a);
	if (!r)
		r = check_meaning(s, &k, run, held, a);
	if (!r)
		r = check_quota(s, &k, run, held, from, &row, &cost);
	if (!r)
		r = store_run(s, &k, run, held, from, &row);
	if (!r && cost)
		r = quota_charge(s, &h->at.author, from, cost, k.n - held);
	if (r)
		return r < 0 ? err_up(r) : r;
	*ret_new = k.n - held;
	return *ret_new ? record_count(s, &h->record, *ret_new) : 0;
}
