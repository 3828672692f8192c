/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Records as people see them: lists, one record, its circle and custody, its timeline.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/ask.h"

#define LIST_BATCH     200
#define TIMELINE_BATCH 100 /* entries of a reply, and of so many bytes: */
#define TIMELINE_BYTES ((size_t)256 * 1024)

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
	int r = 0;

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
	if (r < 0)
		return err_up(r);
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
	if (!r && (f->forked || f->assumed || f->n_votes))
		r = view_guardians(a, f);
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
	if (!r)
		r = view_guardians(a, f);
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
	if (!r)
		r = view_guardians(a, f);
	for (size_t i = 0; i < a->reply.n_custody && !ask_sees_contents(a); i++)
		a->reply.custody[i].worker = NULL;
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
	/* In a list, what a peer left empty is empty and not nothing. */
	for (size_t i = 0; i < e->row.n_faults; i++)
		ret->faults[i] = e->row.faults[i].len ? text_of_span(ar, e->row.faults[i]) : "";
	ret->n_faults = e->row.n_faults;
	return 0;
}

static int show_entries(struct ask *a, const struct fold *fold)
{
	struct step *s = a->s;
	struct ctl_entry *v = arena_array(s->arena, TIMELINE_BATCH, sizeof(*v));
	uint64_t left = a->q.limit ? a->q.limit : UINT64_MAX;
	size_t n = 0, bytes = 0;

	if (!v)
		return err_new(-ENOMEM);
	for (size_t i = a->q.after; i < fold->n_entries && left; i++, left--) {
		int r = view_entry(s, &fold->entries[i], i + 1, &v[n]);

		if (r)
			return err_up(r);
		bytes += wire_entry_size(fold->entries[i].entry);
		if (++n < TIMELINE_BATCH && bytes < TIMELINE_BYTES)
			continue;
		a->reply.entries = v;
		a->reply.n_entries = n;
		r = ask_more(a);
		if (r)
			return err_up(r);
		n = bytes = 0;
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
