/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Records as people see them: lists, one record, its circle and custody, its timeline, the
 * whole of it as an export. Reading leaves an access entry (class 1) in the record itself.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/ask.h"

#define LIST_BATCH     200
#define TIMELINE_BATCH 100
#define EXPORT_PIECE   ((size_t)192 * 1024)
#define HOUR_MS        3600000

/* Access entries ----------------------------------------------------------------------------
 */

/* One per user, record, purpose and hour: whether this one was there already. */
static int seen_before(struct ask *a, const struct id *record, uint32_t what, bool *ret)
{
	struct node *n = a->s->node;
	const char *user = a->s->event->user ? a->s->event->user : "";
	uint64_t hour = a->s->event->wall_ms / HOUR_MS;
	struct hash h;
	int r = crypto_hash(a->s->crypto,
		(struct span[]){ SPAN_OF(*record), SPAN_OF(hour), SPAN_OF(what),
			{ (const uint8_t *)user, strlen(user) + 1 }, a->q.worker,
			SPAN_LIT("\0"), a->q.purpose },
		7, &h);

	if (r)
		return err_odd(r);
	*ret = false;
	for (size_t i = 0; i < SEEN_MAX; i++)
		if (hash_equal(&n->seen[i].what, &h)) {
			*ret = true;
			return 0;
		}
	n->seen[n->seen_next].what = h;
	n->seen_next = (n->seen_next + 1) % SEEN_MAX;
	return 0;
}

int access_note(struct ask *a, const struct id *record, enum access_what what)
{
	struct step *s = a->s;
	const char *user = s->event->user ? s->event->user : "unknown";
	struct entry e = { .kind = ENTRY_ACCESS,
		.has_effective = true,
		.effective = node_today(s),
		.has_access = true };
	struct body b = {
		.worker = a->q.worker, .role = a->q.role, .entries = &e, .n_entries = 1
	};
	const struct affairs *f;
	struct ref ref;
	bool before;
	int r = seen_before(a, record, what, &before);

	if (!r)
		r = node_affairs(s, record, &f);
	if (r)
		return err_up(r);
	if (before || s->node->disk_full || affairs_role(f, &s->node->region) == ROLE_NONE)
		return 0;
	e.access.who = (struct span){ (const uint8_t *)user, strlen(user) };
	e.access.role = a->q.role;
	e.access.purpose = a->q.purpose;
	e.access.kind = 1;
	e.access.what = what;
	r = chain_append(s,
		&(struct own_change){ .record = record, .body = &b, .class = 1, .sign = true },
		&ref);
	if (r == BODY_E_KEY)
		return 0;
	if (!r)
		r = summary_entries(s, record, NULL, 0);
	return r ? err_odd(r) : 0;
}

/* Parts -------------------------------------------------------------------------------------
 */

static const char *role_name(enum role r)
{
	switch (r) {
	case ROLE_CUSTODIAN:
		return "custodian";
	case ROLE_WRITER:
		return "writer";
	case ROLE_READER:
		return "reader";
	case ROLE_NONE:
		return "none";
	}
	return NULL;
}

static const char *custody_words(struct step *s, const struct record_row *row)
{
	const struct id *self = &s->node->region;

	if (id_equal(&row->custodian, self))
		return row->offer_open ? arena_text(s->arena, "ours, offered to %s",
						 text_of_region(s, &row->offer_to))
				       : "ours";
	if (row->offer_open && id_equal(&row->offer_to, self))
		return arena_text(s->arena, "offered to us by %s%s",
			text_of_region(s, &row->custodian), row->complete ? ", complete" : "");
	return role_name(row->role);
}

static const char *care_date(struct step *s, struct care_date d)
{
	char text[CARE_DATE_TEXT];

	care_date_iso(d, text);
	return text[0] ? arena_text(s->arena, "%s", text) : NULL;
}

static const char *care_text(struct step *s, const char *text)
{
	return text[0] ? arena_text(s->arena, "%s", text) : NULL;
}

int view_record(struct step *s, const struct id *record, struct ctl_record *ret)
{
	struct record_row row;
	struct summary y;
	int r = record_get(s->view, record, &row);

	if (r)
		return r;
	r = summary_get(s, record, &y);
	if (r < 0)
		return err_up(r);
	*ret = (struct ctl_record){ .record = text_of_id(s->arena, record),
		.alias = care_text(s, y.alias),
		.born = care_date(s, y.care.dob),
		.sex = care_text(s, y.care.sex),
		.custodian = text_of_region(s, &row.custodian),
		.custody = custody_words(s, &row),
		.role = role_name(row.role),
		.changes = row.changes,
		.entries = y.entries,
		.faults = y.faults,
		.conflicts = y.conflicts,
		.episode_from = care_date(s, y.care.decom),
		.episode_to = care_date(s, y.care.dec),
		.episode_rec = care_text(s, y.care.rec),
		.legal_status = care_text(s, y.care.ls),
		.placement = care_text(s, y.care.place) };
	return 0;
}

static uint64_t chain_length(struct step *s, const struct id *record, const struct id *region)
{
	uint8_t prefix[2 * ID_LEN];
	struct scan scan;
	uint64_t n = 0;

	pair_key(record, region, prefix);
	scan_init(&scan, TABLE_CHAIN, (struct span){ prefix, sizeof(prefix) });
	while (scan_next(&scan, s->view) == 0) {
		struct chain_row row;
		struct place at;

		if (chain_row_read(
			    (struct span){ scan.key, scan.key_len }, scan.value, &at, &row))
			n += row.seq;
	}
	return n;
}

/* How long ago, for people. */
static const char *ago(struct arena *a, uint64_t ms)
{
	static const struct {
		uint64_t ms;
		const char *word;
	} units[] = { { 86400000, "day" }, { HOUR_MS, "hour" }, { 60000, "minute" },
		{ 1000, "second" } };

	for (size_t i = 0; i < COUNT(units); i++) {
		unsigned long long n = ms / units[i].ms;

		if (n)
			return arena_text(a, "%llu %s%s", n, units[i].word, n == 1 ? "" : "s");
	}
	return "a moment";
}

static const char *heard(struct step *s, const struct id *region)
{
	const struct peer *p = peer_find(s->node, region);
	uint64_t now = s->event->wall_ms;

	if (id_equal(region, &s->node->region))
		return "here";
	if (!p)
		return "not a peer of this region";
	if (p->state == PEER_LIVE)
		return "connected";
	if (!p->last_heard_ms)
		return "not heard since this daemon started";
	return arena_text(s->arena, "not heard for %s",
		ago(s->arena, now > p->last_heard_ms ? now - p->last_heard_ms : 0));
}

int view_circle(struct ask *a, const struct id *record, const struct affairs *f)
{
	struct step *s = a->s;

	a->reply.circle = arena_array(s->arena, f->n_members + 1, sizeof(*a->reply.circle));
	if (!a->reply.circle)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < f->n_members; i++) {
		const struct member *m = &f->members[i];

		if (m->removed)
			continue;
		a->reply.circle[a->reply.n_circle++] =
			(struct ctl_circle){ .region = text_of_id(s->arena, &m->row.region),
				.name = text_of_region(s, &m->row.region),
				.role = role_name(m->row.role),
				.guardian = m->row.guardian,
				.changes = chain_length(s, record, &m->row.region),
				.heard = heard(s, &m->row.region) };
	}
	return 0;
}

/* The worker whom an Accept names, from the sealed entry that it refers to. */
static const char *worker_of(struct step *s, const struct fold *f, const struct held *accept)
{
	if (!accept || !accept->control.has_words)
		return NULL;
	for (size_t i = 0; i < f->n_entries; i++)
		if (f->entries[i].entry->has_worker &&
			ref_equal(&f->entries[i].change->ref, &accept->control.words))
			return text_of_span(s->arena, f->entries[i].entry->worker.name);
	return NULL;
}

static const char *reason_text(uint32_t code)
{
	switch (code) {
#define REASON(number, name, text)                                                             \
	case number:                                                                           \
		return text;
#include <kith/reasons.def>
#undef REASON
	default:
		return "took over";
	}
}

int view_custody(struct ask *a, const struct id *record, const struct affairs *f)
{
	struct step *s = a->s;
	struct arena *ar = s->arena;
	struct ctl_custody *v = arena_array(ar, 2 * f->n_terms + f->n_acting + 1, sizeof(*v));
	struct fold fold;
	int r = fold_read(s, record, &fold);

	if (r || !v)
		return r ? err_up(r) : err_new(-ENOMEM);
	a->reply.custody = v;
	for (size_t i = 0; i < f->n_terms; i++) {
		const struct term *t = &f->terms[i];
		const struct term *last = i ? &f->terms[i - 1] : NULL;

		v[a->reply.n_custody++] = (struct ctl_custody){ .term = t->number,
			.region = text_of_id(ar, &t->custodian),
			.name = text_of_region(s, &t->custodian),
			.from = text_of_date(ar, last ? last->accept->control.date : t->date),
			.to = t->release ? text_of_date(ar, t->release->control.date) : NULL,
			.how = last ? reason_text(last->offer->control.code)
				    : "made the record",
			.worker = last ? worker_of(s, &fold, last->accept) : NULL };
	}
	for (size_t i = 0; i < f->n_acting; i++) {
		const struct offer *o = affairs_offer_to(f, &f->acting[i]);

		v[a->reply.n_custody++] = (struct ctl_custody){ .term = o->term,
			.region = text_of_id(ar, &f->acting[i]),
			.name = text_of_region(s, &f->acting[i]),
			.from = text_of_date(ar, o->accept->control.date),
			.how = "accepted; waits for the release",
			.acting = true,
			.worker = worker_of(s, &fold, o->accept) };
	}
	fold_done(&fold);
	return 0;
}

int view_seen(struct ask *a, const struct affairs *f)
{
	struct step *s = a->s;
	size_t n = 0;

	a->reply.seen = arena_array(s->arena, f->n_members + 2, sizeof(*a->reply.seen));
	if (!a->reply.seen)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < f->n_members; i++) {
		const struct member *m = &f->members[i];

		if (!m->removed && !id_equal(&m->row.region, &s->node->region))
			a->reply.seen[n++] = arena_text(s->arena, "%s: %s",
				text_of_region(s, &m->row.region), heard(s, &m->row.region));
	}
	if (affairs_role(f, &s->node->region) == ROLE_NONE)
		a->reply.seen[n++] = "this region is not in the circle any more: what is shown "
				     "is what it kept";
	a->reply.n_seen = n;
	return 0;
}

/* Verbs -------------------------------------------------------------------------------------
 */

static int list_batch(struct ask *a, struct ctl_record *v, size_t n)
{
	a->reply.records = v;
	a->reply.n_records = n;
	return ask_more(a);
}

int ask_record_list(struct ask *a)
{
	struct step *s = a->s;
	struct ctl_record *v = arena_array(s->arena, LIST_BATCH, sizeof(*v));
	const char *rec = text_of_span(s->arena, a->q.rec);
	uint64_t left = a->q.limit ? a->q.limit : UINT64_MAX, skip = a->q.after;
	struct scan scan;
	size_t n = 0;
	int r;

	if (!v)
		return err_new(-ENOMEM);
	scan_init(&scan, TABLE_RECORD, (struct span){ 0 });
	while (left && (r = scan_next(&scan, s->view)) == 0) {
		struct id record;

		memcpy(record.b, scan.key, ID_LEN);
		r = view_record(s, &record, &v[n]);
		if (r)
			return err_odd(r);
		if (rec && (!v[n].episode_rec || strcmp(rec, v[n].episode_rec) != 0 ||
				   !v[n].episode_to))
			continue;
		if (skip) {
			skip--;
			continue;
		}
		left--;
		if (++n < LIST_BATCH)
			continue;
		r = list_batch(a, v, n);
		if (r)
			return err_up(r);
		n = 0;
	}
	a->reply.records = v;
	a->reply.n_records = n;
	return 0;
}

int ask_record_show(struct ask *a)
{
	struct step *s = a->s;
	const struct affairs *f;
	struct ctl_record *v = arena_alloc(s->arena, sizeof(*v));
	struct id record;
	struct fold fold;
	char hex[HASH_TEXT_LEN];
	int r = ask_record(a, &record);

	if (r)
		return r;
	if (!v)
		return err_new(-ENOMEM);
	r = access_note(a, &record, ACCESS_SHOWN);
	if (!r)
		r = node_affairs(s, &record, &f);
	if (!r)
		r = view_record(s, &record, v);
	if (!r)
		r = view_circle(a, &record, f);
	if (!r)
		r = view_custody(a, &record, f);
	if (!r)
		r = view_seen(a, f);
	if (!r)
		r = fold_read(s, &record, &fold);
	if (r)
		return err_odd(r);
	v->entries = fold.n_entries;
	v->conflicts = fold.conflicts;
	if (!hash_is_zero(&fold.state))
		v->state_hash =
			arena_text(s->arena, "%s", hex_text(fold.state.b, HASH_LEN, hex));
	fold_done(&fold);
	a->reply.records = v;
	a->reply.n_records = 1;
	return 0;
}

int ask_circle(struct ask *a)
{
	const struct affairs *f;
	struct id record;
	int r = ask_record(a, &record);

	if (r)
		return r;
	r = node_affairs(a->s, &record, &f);
	if (!r)
		r = view_circle(a, &record, f);
	return r ? err_up(r) : 0;
}

int ask_custody(struct ask *a)
{
	const struct affairs *f;
	struct id record;
	int r = ask_record(a, &record);

	if (r)
		return r;
	r = node_affairs(a->s, &record, &f);
	if (!r)
		r = view_custody(a, &record, f);
	return r ? err_up(r) : 0;
}

static const char *kind_name(struct arena *a, const struct entry *e)
{
	switch (e->kind) {
	case ENTRY_NOTE:
		return "note";
	case ENTRY_ALIAS:
		return "alias";
	case ENTRY_ROW:
		return e->has_row && e->row.table < CARE_TABLE_COUNT
			       ? care_table_name((enum care_table)e->row.table)
			       : "row";
	case ENTRY_ACCESS:
		return "access";
	case ENTRY_WORDS:
		return "words";
	case ENTRY_WORKER:
		return "worker";
	default:
		return arena_text(a, "kind %u", e->kind);
	}
}

static const char *title_of(struct arena *a, const struct entry *e)
{
	char title[512];

	if (e->has_row) {
		const struct care_row *row = summary_row(a, &e->row);

		if (!row)
			return NULL;
		care_row_title(row, title, sizeof(title));
		return arena_text(a, "%s", title);
	}
	if (e->has_alias)
		return arena_text(a, "known to authority %.*s as %.*s",
			(int)e->alias.authority.len, (const char *)e->alias.authority.at,
			(int)e->alias.child.len, (const char *)e->alias.child.at);
	if (e->has_worker)
		return arena_text(a, "taken up by %.*s%s%.*s", (int)e->worker.name.len,
			(const char *)e->worker.name.at, e->worker.team.len ? ", " : "",
			(int)e->worker.team.len, (const char *)e->worker.team.at);
	if (e->has_access)
		return arena_text(a, "%s by %.*s",
			e->access.what == ACCESS_EXPORTED ? "exported" : "read",
			(int)e->access.who.len, (const char *)e->access.who.at);
	return text_of_span(a, e->title);
}

static int view_entry(
	struct step *s, const struct fold_entry *fe, uint64_t number, struct ctl_entry *ret)
{
	static const char *const statuses[] = { [ENTRY_CURRENT] = "current",
		[ENTRY_SUPERSEDED] = "superseded",
		[ENTRY_CONFLICT] = "conflict" };
	const struct fold_change *c = fe->change;
	const struct entry *e = fe->entry;
	struct arena *ar = s->arena;
	char author[ID_TEXT_LEN], incarnation[ID_TEXT_LEN];

	*ret = (struct ctl_entry){ .number = number,
		.recorded_ms = c->body.clock >> 16,
		.date = e->has_effective ? text_of_date(ar, e->effective) : NULL,
		.kind = kind_name(ar, e),
		.title = title_of(ar, e),
		.text = e->has_access ? text_of_span(ar, e->access.purpose)
				      : text_of_span(ar, e->text),
		.region = text_of_region(s, &c->ref.at.author),
		.worker = text_of_span(ar, c->body.worker),
		.status = c->open == FOLD_APART ? "apart" : statuses[fe->status],
		.place = arena_text(ar, "%s/%s/%llu#%u", id_text(&c->ref.at.author, author),
			id_text(&c->ref.at.incarnation, incarnation),
			(unsigned long long)c->ref.at.seq, fe->index),
		.row = e->has_row ? &e->row : NULL };
	if (!e->has_row || !e->row.n_faults)
		return 0;
	ret->faults = arena_array(ar, e->row.n_faults, sizeof(*ret->faults));
	if (!ret->faults)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < e->row.n_faults; i++)
		ret->faults[i] = text_of_span(ar, e->row.faults[i]);
	ret->n_faults = e->row.n_faults;
	return 0;
}

static int show_entries(struct ask *a, const struct fold *fold)
{
	struct step *s = a->s;
	struct ctl_entry *v = arena_array(s->arena, TIMELINE_BATCH, sizeof(*v));
	uint64_t left = a->q.limit ? a->q.limit : UINT64_MAX;
	size_t n = 0;

	if (!v)
		return err_new(-ENOMEM);
	for (size_t i = a->q.after; i < fold->n_entries && left; i++, left--) {
		int r = view_entry(s, &fold->entries[i], i + 1, &v[n]);

		if (r)
			return err_up(r);
		if (++n < TIMELINE_BATCH)
			continue;
		a->reply.entries = v;
		a->reply.n_entries = n;
		r = ask_more(a);
		if (r)
			return err_up(r);
		n = 0;
	}
	a->reply.entries = v;
	a->reply.n_entries = n;
	return 0;
}

int ask_timeline(struct ask *a)
{
	struct step *s = a->s;
	const struct affairs *f;
	struct fold fold;
	struct id record;
	int r = ask_record(a, &record);

	if (r)
		return r;
	r = access_note(a, &record, ACCESS_TIMELINE);
	if (!r)
		r = fold_read(s, &record, &fold);
	if (r)
		return err_up(r);
	r = show_entries(a, &fold);
	/* The last reply borrows from the fold: it is encoded before that goes. */
	if (!r)
		r = ask_more(a);
	if (!r)
		r = node_affairs(s, &record, &f);
	if (!r)
		r = view_seen(a, f);
	fold_done(&fold);
	return r ? err_up(r) : 0;
}

/* Export ------------------------------------------------------------------------------------
 */

struct exporting {
	struct ask *a;
	uint8_t *bytes;
	struct writer w;
};

static int flush_export(struct exporting *x)
{
	int r = 0;

	if (x->w.len) {
		x->a->reply.data = writer_span(&x->w);
		r = ask_more(x->a);
	}
	x->w = writer_of(x->bytes, EXPORT_PIECE);
	return r ? err_up(r) : 0;
}

static int add_piece(struct exporting *x, const struct export_piece *p)
{
	struct span bytes;
	int r = wire_export_encode(p, x->a->s->arena, &bytes);

	if (r)
		return err_odd(r);
	if (x->w.len + bytes.len > EXPORT_PIECE) {
		r = flush_export(x);
		if (r)
			return err_up(r);
	}
	put_span(&x->w, bytes);
	return x->w.over ? err_new(-EOVERFLOW) : 0;
}

static int export_head(struct exporting *x, const struct id *record, const struct affairs *f,
	const struct fold *fold)
{
	struct step *s = x->a->s;
	struct export_piece head = { .head = true,
		.record = *record,
		.by = s->node->region,
		.at_ms = s->event->wall_ms,
		.has_state_hash = !hash_is_zero(&fold->state),
		.state_hash = fold->state };
	int r = add_piece(x, &head);

	for (size_t i = 0; i < f->n_members && !r; i++) {
		struct export_piece p = { 0 };

		r = row_get(s->view, TABLE_CARD, SPAN_OF(f->members[i].row.region), &p.bundle);
		if (r == 0)
			r = add_piece(x, &p);
		else if (r == ROW_NONE)
			r = 0;
	}
	for (size_t i = 0; i < f->n_keys && !r; i++) {
		CLEANUP(secret_done) struct secret key = { 0 };
		struct export_piece p = { .has_key = true, .key_of = f->keys[i], .key = &key };

		r = key_get(s->view, record, f->keys[i].epoch, f->keys[i].class, &key);
		if (r == 0)
			r = add_piece(x, &p);
		else if (r == ROW_NONE)
			r = 0;
	}
	return r ? err_up(r) : 0;
}

static int export_changes(struct exporting *x, const struct id *record)
{
	struct step *s = x->a->s;
	struct scan scan;
	int r;

	scan_init(&scan, TABLE_INDEX, SPAN_OF(*record));
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct reader rd = reader_of(scan.value);
		struct wire_change c;
		struct export_piece p = { .change = &c };

		r = log_get(s->view, get_u64(&rd), &c);
		if (!r)
			r = add_piece(x, &p);
		if (r)
			return err_odd(r);
	}
	return r < 0 ? err_up(r) : 0;
}

int ask_export(struct ask *a)
{
	struct exporting x = { .a = a };
	const struct affairs *f;
	struct fold fold;
	struct id record;
	int r = ask_record(a, &record);

	if (r)
		return r;
	r = access_note(a, &record, ACCESS_EXPORTED);
	if (!r)
		r = node_affairs(a->s, &record, &f);
	if (!r)
		r = fold_read(a->s, &record, &fold);
	if (r)
		return err_up(r);
	x.bytes = arena_alloc(a->s->arena, EXPORT_PIECE);
	if (!x.bytes)
		r = err_new(-ENOMEM);
	x.w = writer_of(x.bytes, x.bytes ? EXPORT_PIECE : 0);
	if (!r)
		r = export_head(&x, &record, f, &fold);
	if (!r)
		r = export_changes(&x, &record);
	if (!r)
		r = flush_export(&x);
	fold_done(&fold);
	return r ? err_up(r) : 0;
}
