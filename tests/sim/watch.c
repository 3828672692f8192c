/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Laws 5 to 9, and the second half of law 3: what leaves a region is opened with the keys of
 * its own session and held against what its store has, after the commit; what a turn cost is
 * held against what it was given to do.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"
#include "tests/sim/sim.h"

/* What one step may make for each of its peers: a feed's budget, encoded, sealed and framed. */
#define STEP_MADE ((size_t)8 * 1024 * 1024)

/* A frame that leaves. */
struct leaving {
	struct world *w;
	struct region *from, *to;
	struct arena *arena;
	uint64_t allowed;
};

static void check_sent(const struct leaving *v, bool good, const char *what)
{
	v->w->checked[LAW_DURABLE]++;
	if (!good)
		law_broken(v->w, LAW_DURABLE, "%s sends %s %s that it has not stored",
			v->from->name, v->to->name, what);
}

/* Law 3: who has left gets nothing written since ---------------------------------------------
 */

/* The removal that put .to out, and the first epoch that was made behind it (0: none yet). */
struct parting {
	bool found;
	uint64_t term;
	struct place at;
	uint32_t epoch;
};

static void look_for_parting(
	struct parting *p, const struct ref *ref, const struct control *c, const struct id *to)
{
	for (size_t i = 0; i < c->n_removed; i++)
		if (id_equal(&c->removed[i].region, to) &&
			(!p->found || c->term > p->term ||
				(c->term == p->term && ref->at.seq > p->at.seq)))
			*p = (struct parting){ true, c->term, ref->at, 0 };
}

static void look_for_epoch(struct parting *p, const struct ref *ref, const struct control *c)
{
	if (c->kind != CONTROL_KEY_EPOCH || !p->found || !c->n_keys ||
		!id_equal(&ref->at.author, &p->at.author) || ref->at.seq < p->at.seq)
		return;
	if (!p->epoch || c->keys[0].epoch < p->epoch)
		p->epoch = c->keys[0].epoch;
}

static struct parting parting_of(const struct leaving *v, const struct id *record)
{
	struct parting p = { 0 };

	for (int round = 0; round < 2; round++) {
		struct scan scan;

		scan_init(&scan, TABLE_CONTROL, SPAN_OF(*record));
		while (scan_next(&scan, &v->from->view) == 0) {
			struct control_row row;
			struct control control;

			if (!control_row_read((struct span){ scan.key, scan.key_len },
				    scan.value, &row) ||
				wire_control_decode(row.body, v->arena, &control))
				continue;
			if (round == 0)
				look_for_parting(&p, &row.ref, &control, &v->to->id);
			else
				look_for_epoch(&p, &row.ref, &control);
		}
	}
	return p;
}

static void check_parted(const struct leaving *v, const struct header *h)
{
	const struct record *record = record_of(v->w, &h->record);
	struct parting p;

	if (!record || record->standing[v->from->index].members & 1u << v->to->index)
		return;
	p = parting_of(v, &h->record);
	v->w->checked[LAW_CIRCLE]++;
	if (!p.found ||
		(!(p.epoch && h->key_epoch >= p.epoch) &&
			(!id_equal(&h->at.author, &p.at.author) || h->at.seq <= p.at.seq)))
		return;
	law_broken(v->w, LAW_CIRCLE, "%s sends %s, which left the circle, change %llu of %s",
		v->from->name, v->to->name, (unsigned long long)h->at.seq, record->name);
}

/* Law 5: what is sent is stored --------------------------------------------------------------
 */

static void check_change(struct leaving *v, const struct wire_change *c, bool by_path)
{
	const struct view *view = &v->from->view;
	struct log_at at = { 0 };
	struct wire_change other;
	struct header h;
	struct hash id, held;
	bool stored = false;
	uint64_t n;

	if (wire_header_decode(c->header, &h)) {
		check_sent(v, false, "a header");
		return;
	}
	must(crypto_hash(v->w->judge, (struct span[]){ SPAN_LIT("kith/change/1\0"), c->header },
		2, &id));
	if (by_path)
		stored = control_has(view, &h.record, &h.at, &held) == 0 &&
			 hash_equal(&held, &id);
	else
		stored = index_get(view, &h.record, &h.at, &n) == 0 &&
			 log_get(view, &at, n, &other) == 0 &&
			 other.header.len == c->header.len &&
			 memcmp(other.header.at, c->header.at, c->header.len) == 0;
	check_sent(v, stored, by_path ? "a control change" : "a change");
	if (by_path || h.flags & FLAG_CONTROL)
		v->allowed++;
	check_parted(v, &h);
}

static void check_run(struct leaving *v, const struct run *run)
{
	v->allowed++;
	for (size_t i = 0; i < run->n; i++)
		check_change(v, &run->changes[i], false);
}

/* A bundle costs a signature for every card and one for its list (P1.6). */
static void allow_bundle(struct leaving *v, struct span bytes)
{
	struct bundle b;

	if (wire_bundle_decode(bytes, v->arena, &b) == 0)
		v->allowed += b.n_cards + 1;
}

static void check_changes(struct leaving *v, const struct message *m)
{
	const struct record *record = record_of(v->w, &m->changes.record);
	struct parting p = { 0 };

	for (size_t i = 0; i < m->changes.n_bundles; i++)
		allow_bundle(v, m->changes.bundles[i]);
	for (size_t i = 0; i < m->changes.n_path; i++)
		check_change(v, &m->changes.path[i], true);
	for (size_t i = 0; i < m->changes.n_runs; i++)
		check_run(v, &m->changes.runs[i]);
	v->allowed += 2 * m->changes.n_evidence; /* (P3.7) */
	if (m->changes.n_keys && record &&
		!(record->standing[v->from->index].members & 1u << v->to->index))
		p = parting_of(v, &m->changes.record);
	for (size_t i = 0; i < m->changes.n_keys; i++) {
		const struct key_wrap *k = &m->changes.keys[i];
		struct scan scan;
		struct secret key;

		key_scan_init(&scan, &m->changes.record, k->epoch, k->class);
		check_sent(v, key_scan_next(&scan, &v->from->view, &key) == 0, "a key");
		secret_done(&key);
		if (p.found && p.epoch && k->epoch >= p.epoch)
			law_broken(v->w, LAW_CIRCLE, "%s sends %s, which left, a new key of %s",
				v->from->name, v->to->name, record->name);
	}
}

static void check_feed(struct leaving *v, const struct message *m)
{
	for (size_t i = 0; i < m->feed.n; i++) {
		const struct feed_item *item = &m->feed.items[i];
		struct record_row row;

		if (item->is_backfill)
			check_sent(v, record_get(&v->from->view, &item->backfill, &row) == 0,
				"the name of a record");
		else
			check_run(v, &item->run);
	}
}

/* Asking "after n" says that n is durable here (P7.2). */
static void check_asked(struct leaving *v, const struct message *m)
{
	struct cursor_row cursor = { 0 };
	const int r = cursor_get(&v->from->view, &v->to->id, &cursor);

	check_sent(v,
		r == ROW_NONE ? m->feed_req.after == 0
			      : id_equal(&cursor.incarnation, &m->feed_req.incarnation) &&
					m->feed_req.after <= cursor.n,
		"an acknowledgement");
}

static void check_message(struct leaving *v, const struct message *m)
{
	switch (m->kind) {
	case MSG_FEED_REQ:
		check_asked(v, m);
		return;
	case MSG_FEED:
		check_feed(v, m);
		return;
	case MSG_CHANGES:
		check_changes(v, m);
		return;
	case MSG_ERROR:
	case MSG_BYE:
	case MSG_DOORBELL:
	case MSG_RECONCILE:
	case MSG_GET:
	case MSG_ASK:
	case MSG_ANSWER:
	case MSG_HEARD:
	case MSG_UNKNOWN:
		return;
	}
}

static const struct peer *session_of(const struct region *r, uint64_t link)
{
	for (size_t i = 0; r->node && i < r->node->n_peers; i++)
		if (r->node->peers[i]->link == link && r->node->peers[i]->state == PEER_LIVE)
			return r->node->peers[i];
	return NULL;
}

/* The plain message, when the session that sealed it is still there; NULL: it has ended in the
 * same turn, and nobody will open it. */
static uint8_t *open_frame(
	const struct leaving *v, const struct peer *p, uint64_t count, struct span sealed)
{
	uint8_t nonce[12], *plain = arena_alloc(v->arena, sealed.len);
	struct writer n = writer_of(nonce, sizeof(nonce));

	must(plain ? 0 : -ENOMEM);
	put_u32(&n, 0);
	put_u64(&n, count);
	return crypto_unbox(v->w->judge, &p->key_out, nonce, (struct span){ 0 }, sealed, plain)
		       ? NULL
		       : plain;
}

static void look_inside(
	struct leaving *v, const struct peer *p, uint64_t count, struct span sealed)
{
	const uint8_t *plain = open_frame(v, p, count, sealed);
	struct message m;

	if (!plain)
		return;
	must(wire_message_decode(
		(struct span){ plain, sealed.len - SEAL_TAG_LEN }, v->arena, &m));
	must(store_turn_begin(v->from->store, &v->from->view));
	check_message(v, &m);
	store_turn_abort(v->from->store);
}

uint64_t watch_sent(struct region *r, struct link *l, unsigned to_end, struct span bytes)
{
	struct arena arena;
	struct leaving v = { .w = r->world,
		.from = r,
		.to = &r->world->regions[l->ends[to_end]],
		.arena = &arena };
	const struct peer *p = session_of(r, l->numbers[1 - to_end]);
	struct frame f;
	struct hello h;

	arena_init(&arena, 0);
	must(wire_frame_decode(bytes, &f));
	if (!f.is_hello) {
		const uint64_t count = l->sealed[to_end]++;

		if (p)
			look_inside(&v, p, count, f.sealed);
	} else if (wire_hello_decode(f.hello.bytes, &arena, &h) == 0) {
		v.allowed++;
		allow_bundle(&v, h.bundle);
	}
	arena_done(&arena);
	return v.allowed;
}

/* Laws 6 and 9: bounds and costs -------------------------------------------------------------
 */

static void read_counts(
	struct region *r, uint64_t *verifies, uint64_t *flushes, uint64_t *commits)
{
	struct store_stat stat;

	must(store_stat(r->store, &stat));
	*flushes = stat.flushes;
	*commits = stat.commits;
	*verifies = crypto_counts(r->crypto)->verifies;
}

void watch_turn_begins(struct region *r)
{
	if (law_on(r->world, LAW_COSTS))
		read_counts(r, &r->verifies, &r->flushes, &r->commits);
}

void watch_step(struct region *r, const struct event *e, size_t used)
{
	struct world *w = r->world;
	size_t live = 1;

	if (r->mutant == WASTE_MEMORY && e->kind == EVENT_FRAME)
		used += 64 * STEP_MADE;
	for (size_t i = 0; i < r->node->n_peers; i++)
		live += r->node->peers[i]->state == PEER_LIVE;
	w->checked[LAW_BOUNDS]++;
	if (used > w->largest)
		w->largest = used;
	if (used > live * STEP_MADE)
		law_broken(w, LAW_BOUNDS, "%s makes %zu bytes in one step, with %zu peers",
			r->name, used, live - 1);
}

static void check_wants(struct region *r)
{
	struct world *w = r->world;

	for (size_t i = 0; i < r->node->n_peers; i++) {
		const struct peer *p = r->node->peers[i];
		struct scan scan;
		uint64_t n = 0;

		scan_init(&scan, TABLE_WANT, SPAN_OF(p->region));
		while (scan_next(&scan, &r->view) == 0)
			n++;
		w->checked[LAW_BOUNDS]++;
		if (n > w->n_records)
			law_broken(w, LAW_BOUNDS,
				"%s wants %llu records of %s, and there are %zu", r->name,
				(unsigned long long)n, p->name, w->n_records);
		if (n != p->wants)
			law_broken(w, LAW_BOUNDS, "%s counts %llu wants of %s for %llu",
				r->name, (unsigned long long)p->wants, p->name,
				(unsigned long long)n);
	}
}

/* What lies in the log by its author, counted again. */
static uint64_t count_log(struct region *r, const struct region *author)
{
	struct scan scan;
	uint64_t bytes = 0;

	scan_init(&scan, TABLE_LOG, (struct span){ 0 });
	while (scan_next(&scan, &r->view) == 0) {
		struct log_at row = { .rest = scan.value };
		struct wire_change c;
		struct header h;

		while (log_row_next(&row, &c))
			if (!wire_header_decode(c.header, &h) &&
				id_equal(&h.at.author, &author->id))
				bytes += wire_change_size(&c);
	}
	return bytes;
}

/* What others made it hold is on somebody's account, and no account is beyond its quota by more
 * than what is kept for records that begin, and one run. */
static void check_charges(struct region *r)
{
	struct world *w = r->world;
	const uint64_t most = quota_reserve(r->node) + RUN_BYTES_MAX * 2;
	uint64_t held = 0, charged = 0;
	struct scan scan;

	for (size_t i = 0; i < w->n_regions; i++)
		if (&w->regions[i] != r)
			held += count_log(r, &w->regions[i]);
	scan_init(&scan, TABLE_CHARGE, (struct span){ 0 });
	while (scan_next(&scan, &r->view) == 0) {
		struct charge_row row;
		struct id region;

		memcpy(region.b, scan.key, ID_LEN);
		must(charge_get(&r->view, &region, &row));
		charged += row.bytes;
		w->checked[LAW_BOUNDS]++;
		if (row.bytes > most)
			law_broken(w, LAW_BOUNDS, "%s holds %llu bytes on one account", r->name,
				(unsigned long long)row.bytes);
	}
	if (held > charged)
		law_broken(w, LAW_BOUNDS, "%s holds %llu bytes of others and has charged %llu",
			r->name, (unsigned long long)held, (unsigned long long)charged);
}

static void check_costs(struct region *r, bool dirty)
{
	struct world *w = r->world;
	uint64_t verifies, flushes, commits;

	if (r->mutant == WASTE_SIGNATURES) {
		struct sig sig = { 0 };

		(void)!crypto_verify(r->crypto, &r->sign_public, SPAN_LIT("kith/sign/1\0"),
			SPAN_LIT("nothing"), &sig);
	}
	if (r->mutant == WASTE_FLUSHES && dirty) {
		must(store_turn_begin(r->store, &r->view));
		must(meta_put(&r->view, "waste", &w->now, sizeof(w->now)));
		must(store_turn_commit(r->store, &(struct why){ { 0 } }));
	}
	read_counts(r, &verifies, &flushes, &commits);
	verifies -= r->verifies;
	flushes -= r->flushes;
	commits -= r->commits;
	w->checked[LAW_COSTS]++;
	if (verifies > r->allowed)
		law_broken(w, LAW_COSTS, "%s verifies %llu signatures where %llu are enough",
			r->name, (unsigned long long)verifies, (unsigned long long)r->allowed);
	if (commits != dirty || flushes > (dirty ? 4 : 0))
		law_broken(w, LAW_COSTS, "%s commits %llu times with %llu flushes in a turn",
			r->name, (unsigned long long)commits, (unsigned long long)flushes);
}

/* Law 8: the cursor --------------------------------------------------------------------------
 */

/* One entry of .f's feed that .r says it has, lacks or has no room for. */
static bool has_entry(struct region *r, const struct region *f, const struct feed_row *row)
{
	const struct record *record = record_of(r->world, &row->record);
	const unsigned both = 1u << r->index | 1u << f->index;
	uint64_t at;
	struct record_row held;
	struct want_row want;

	if (want_get(&r->view, &f->id, &row->record, &want) == 0 ||
		parked_get(&r->view, &f->id, &row->record, &want) == 0)
		return true;
	if (row->is_backfill ? record_get(&r->view, &row->record, &held) == 0
			     : index_get(&r->view, &row->record, &row->at, &at) == 0)
		return true;
	/* Refused, since by what either knows one of the two is outside. */
	return record && ((record->standing[f->index].members & both) != both ||
				 (record->standing[r->index].members & both) != both);
}

static void check_cursor(struct region *r, struct region *f)
{
	struct world *w = r->world;
	struct cursor_row cursor;
	struct feed_row row;
	struct scan scan;
	uint64_t n;

	if (cursor_get(&r->view, &f->id, &cursor))
		return;
	scan_init(&scan, TABLE_FEED, SPAN_OF(r->id));
	while (scan_next(&scan, &f->view) == 0) {
		must(feed_row_read(
			     (struct span){ scan.key, scan.key_len }, scan.value, &n, &row)
				? 0
				: -EINVAL);
		if (n > cursor.n)
			return;
		w->checked[LAW_CURSOR]++;
		if (!has_entry(r, f, &row))
			law_broken(w, LAW_CURSOR,
				"%s is at %llu of the feed of %s and lacks %llu of %s", r->name,
				(unsigned long long)cursor.n, f->name, (unsigned long long)n,
				record_of(w, &row.record) ? record_of(w, &row.record)->name
							  : "no record");
	}
}

static void check_cursors(struct region *r, bool all)
{
	struct world *w = r->world;

	must(store_turn_begin(r->store, &r->view));
	for (size_t i = 0; i < w->n_regions; i++) {
		struct region *f = &w->regions[i];

		if (f == r || !(all || r->wrote.cursor[i]))
			continue;
		must(store_turn_begin(f->store, &f->view));
		check_cursor(r, f);
		store_turn_abort(f->store);
	}
	store_turn_abort(r->store);
}

void watch_committed(struct region *r, bool dirty)
{
	if (law_on(r->world, LAW_COSTS))
		check_costs(r, dirty);
	r->allowed = 0;
	for (size_t i = 0; dirty && i < REGIONS_MAX; i++) {
		if (!r->wrote.cursor[i])
			continue;
		check_cursors(r, false);
		break;
	}
}

void watch_everywhere(struct world *w)
{
	for (size_t i = 0; i < w->n_regions && !w->broken; i++) {
		struct region *r = &w->regions[i];

		check_cursors(r, true);
		must(store_turn_begin(r->store, &r->view));
		check_wants(r);
		check_charges(r);
		store_turn_abort(r->store);
	}
}

/* Law 7: wants drain -------------------------------------------------------------------------
 */

void watch_settled(struct world *w)
{
	for (size_t i = 0; i < w->n_regions && !w->broken; i++) {
		struct region *r = &w->regions[i];
		struct scan scan;

		must(store_turn_begin(r->store, &r->view));
		scan_init(&scan, TABLE_WANT, (struct span){ 0 });
		w->checked[LAW_WANTS]++;
		if (scan_next(&scan, &r->view) == 0) {
			struct id peer, record;

			memcpy(peer.b, scan.key, ID_LEN);
			memcpy(record.b, scan.key + ID_LEN, ID_LEN);
			law_broken(w, LAW_WANTS, "%s still wants %s of %s", r->name,
				record_of(w, &record) ? record_of(w, &record)->name
						      : "something",
				region_of(w, &peer) ? region_of(w, &peer)->name : "somebody");
		}
		for (size_t k = 0; k < w->n_records; k++) {
			struct record_row row;

			if (record_get(&r->view, &w->records[k].id, &row) == 0 && row.wanted)
				law_broken(w, LAW_WANTS,
					"%s says that something of %s is wanted", r->name,
					w->records[k].name);
		}
		store_turn_abort(r->store);
	}
}
