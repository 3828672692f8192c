/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What reading leaves behind, an access entry in the record itself (class 1), and the export:
 * the whole record with all that its independent reader needs (P9.1).
 */

#include <errno.h>

#include "daemon/core/ask.h"

#define EXPORT_PIECE ((size_t)192 * 1024)
#define HOUR_MS      3600000
#define RESTORE_MOST 1024 /* notes of the audit that are looked at after a restart */

/* Access entries ----------------------------------------------------------------------------
 */

/* One per user, record, purpose and hour: what stands for it in the ring. */
static int hash_of(
	struct step *s, const struct audit_note *note, uint32_t what, struct hash *ret)
{
	const uint64_t hour = note->at_ms / HOUR_MS;

	return crypto_hash(s->crypto,
		(struct span[]){ SPAN_OF(note->record), SPAN_OF(hour), SPAN_OF(what),
			note->user, SPAN_LIT("\0"), note->worker, SPAN_LIT("\0"),
			note->purpose },
		8, ret);
}

/* Whether this one was there already; now it is. */
static int seen_before(struct step *s, const struct audit_note *note, uint32_t what, bool *ret)
{
	struct node *n = s->node;
	struct hash h;
	int r = hash_of(s, note, what, &h);

	if (r)
		return err_odd(r);
	*ret = false;
	for (size_t i = 0; i < SEEN_MAX && !*ret; i++)
		*ret = hash_equal(&n->seen[i].what, &h);
	if (*ret)
		return 0;
	n->seen[n->seen_next].what = h;
	n->seen_next = (n->seen_next + 1) % SEEN_MAX;
	return 0;
}

static int see_again(struct step *s, const struct audit_note *note)
{
	const uint32_t what = note->verb == VERB_RECORD_SHOW ? ACCESS_SHOWN
			      : note->verb == VERB_TIMELINE  ? ACCESS_TIMELINE
			      : note->verb == VERB_EXPORT    ? ACCESS_EXPORTED
							     : 0;
	bool before;

	return what && !note->problem ? seen_before(s, note, what, &before) : 0;
}

int access_restore(struct step *s)
{
	const uint64_t now = s->node->options.started_ms;
	int r = audit_recent(s, now - now % HOUR_MS, RESTORE_MOST, see_again);

	if (r != -EUCLEAN)
		return r ? err_up(r) : 0;
	err_forget(); /* a damaged note costs a second entry, and not the start */
	return 0;
}

int access_note(struct ask *a, const struct id *record, enum access_what what)
{
	struct step *s = a->s;
	const char *user = s->event->user ? s->event->user : "unknown";
	const struct audit_note now = { .at_ms = s->event->wall_ms,
		.record = *record,
		.user = span_of(user),
		.worker = a->q.worker,
		.purpose = a->q.purpose };
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
	int r = seen_before(s, &now, what, &before);

	if (!r)
		r = node_affairs(s, record, &f);
	if (r)
		return err_up(r);
	if (before || s->node->disk_full || affairs_role(f, &s->node->region) == ROLE_NONE)
		return 0;
	r = fork_own(s, record); /* what is held stays readable */
	if (r != ROW_NONE)
		return r;
	e.access.who = span_of(user);
	e.access.role = a->q.role;
	e.access.purpose = a->q.purpose;
	e.access.kind = 1;
	e.access.what = what;
	r = chain_append(
		s, &(struct own_change){ .record = record, .body = &b, .class = 1 }, &ref);
	if (r == BODY_E_KEY)
		return 0;
	if (!r)
		r = summary_entries(s, record, NULL, 0);
	return r ? err_odd(r) : 0;
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
	const struct key_commitment *of;
	int r = add_piece(x, &head);

	for (size_t i = 0; i < f->n_members && !r; i++) {
		struct export_piece p = { 0 };

		r = row_get(s->view, TABLE_CARD, SPAN_OF(f->members[i].row.region), &p.bundle);
		if (r == 0)
			r = add_piece(x, &p);
		else if (r == ROW_NONE)
			r = 0;
	}
	for (size_t i = 0; !r && (of = keys_of(f, i)); i++) {
		CLEANUP(secret_done) struct secret key = { 0 };
		struct export_piece p = { .has_key = true, .key_of = *of, .key = &key };

		r = key_get(s->view, record, of, &key);
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
	struct index_scan scan;
	struct log_at at = { 0 };
	int r;

	index_scan_init(&scan, record);
	while ((r = index_scan_next(&scan, s->view)) == 0) {
		struct wire_change c;
		struct export_piece p = { .change = &c };

		r = log_read(s, &at, scan.n, &c);
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
		r = turn_write(a->s);
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
