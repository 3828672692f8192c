/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Writing: entries appended by hand or by a case system, new records, and statutory returns.
 * Entries are packed into as few changes as they fit in.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/ask.h"

#define ENTRIES_MAX   256         /* in a body (P4.5) */
#define BODY_FILL_MAX (48 * 1024) /* entries are packed up to here; one may not be larger */
#define CHILD_MAX     40          /* bytes of an authority or CHILD that is an alias */

/* What a change and the summary take: a seed, a salt, a nonce. One call of chance, not three.
 */
#define CHANCE (32 + SEAL_SALT_LEN + 12)

static int append_body(struct step *s, const struct own_change *own, struct ref *ret)
{
	int r = crypto_draw(s->crypto, CHANCE);

	if (!r)
		r = chain_append(s, own, ret);
	if (!r)
		r = summary_entries(s, own->record, own->body->entries, own->body->n_entries);
	crypto_drawn(s->crypto);
	return r < 0 ? err_up(r) : r;
}

/* Appends .entries as changes of at most BODY_FILL_MAX. 0, PROBLEM_*. */
static int append_entries(struct ask *a, const struct id *record, struct entry *entries,
	size_t n, const char *source, struct ref *ret, uint64_t *ret_changes)
{
	struct step *s = a->s;
	size_t at = 0;

	while (at < n) {
		struct body b = {
			.worker = a->q.worker, .role = a->q.role, .entries = entries + at
		};
		struct own_change own = { .record = record, .body = &b };
		size_t bytes = 0;
		int r;

		if (source)
			b.source = span_of(source);
		while (at + b.n_entries < n && b.n_entries < ENTRIES_MAX) {
			bytes += wire_entry_size(&entries[at + b.n_entries]);
			if (bytes > BODY_FILL_MAX && b.n_entries)
				break;
			b.n_entries++;
		}
		r = append_body(s, &own, ret);
		if (r == BODY_E_KEY)
			return PROBLEM_KEYS_MISSING;
		if (r == BODY_E_FORM)
			return PROBLEM_TOO_LARGE;
		if (r)
			return err_odd(r);
		at += b.n_entries;
		(*ret_changes)++;
	}
	return 0;
}

/* What is superseded must be held, or the word would hang in the air. */
static int refs_held(
	struct ask *a, const struct id *record, const struct entry_ref *refs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct hash id;
		int r = chain_id_at(a->s, record, &refs[i].change.at, &id);

		if (r < 0)
			return err_up(r);
		if (r || !hash_equal(&id, &refs[i].change.change))
			return ask_problem(a, PROBLEM_ENTRY_UNKNOWN,
				"the change %llu that is to be superseded is not held",
				(unsigned long long)refs[i].change.at.seq);
	}
	return 0;
}

static int check_entry(struct ask *a, const struct id *record, const struct entry *e)
{
	int r;

	if (e->kind == ENTRY_ACCESS || e->has_access)
		return ask_problem(
			a, PROBLEM_ARGUMENT, "access entries are written by kithd alone");
	if (e->kind == 0)
		return ask_problem(a, PROBLEM_ARGUMENT, "an entry has no kind");
	if (wire_entry_size(e) > BODY_FILL_MAX)
		return ask_problem(
			a, PROBLEM_TOO_LARGE, "an entry has %zu bytes", wire_entry_size(e));
	if (e->has_alias && (!e->alias.authority.len || e->alias.authority.len > CHILD_MAX ||
				    !e->alias.child.len || e->alias.child.len > CHILD_MAX))
		return ask_problem(a, PROBLEM_ARGUMENT,
			"an alias has an authority and a CHILD of at most %d bytes", CHILD_MAX);
	r = refs_held(a, record, e->supersedes, e->n_supersedes);
	return r ? r : refs_held(a, record, e->corrects, e->n_corrects);
}

/* Whether this region may add to a record. */
static int may_write(struct ask *a, const struct id *record)
{
	const struct affairs *f;
	enum role role;
	int r = node_affairs(a->s, record, &f);

	if (r)
		return err_up(r);
	role = affairs_role(f, &a->s->node->region);
	r = fork_own(a->s, record);
	if (r != ROW_NONE)
		return r ? err_up(r) : PROBLEM_CHAIN_FORKED;
	if (role == ROLE_CUSTODIAN || role == ROLE_WRITER)
		return 0;
	return ask_problem(a, PROBLEM_NOT_WRITER,
		role == ROLE_READER ? "this region may read the record, not add to it"
				    : "this region is not in the record's circle any more");
}

int ask_made(struct ask *a, const struct id *record, const struct ref *ref)
{
	struct arena *ar = a->s->arena;
	char author[ID_TEXT_LEN], incarnation[ID_TEXT_LEN], hex[HASH_TEXT_LEN];

	a->reply.has_made = true;
	a->reply.made_dry_run = a->q.dry_run;
	a->reply.made_record = text_of_id(ar, record);
	if (a->q.dry_run || !ref)
		return 0;
	a->reply.made_place = arena_text(ar, "%s/%s/%llu", id_text(&ref->at.author, author),
		id_text(&ref->at.incarnation, incarnation), (unsigned long long)ref->at.seq);
	a->reply.made_change = arena_text(ar, "%s", hex_text(ref->change.b, HASH_LEN, hex));
	return a->reply.made_change ? 0 : err_new(-ENOMEM);
}

int ask_append(struct ask *a)
{
	struct id record;
	struct ref ref = { 0 };
	uint64_t changes = 0;
	int r = ask_record(a, &record);

	if (!r)
		r = may_write(a, &record);
	if (r)
		return r;
	if (!a->q.n_entries)
		return ask_problem(a, PROBLEM_ARGUMENT, "there is no entry to append");
	for (size_t i = 0; i < a->q.n_entries; i++) {
		r = check_entry(a, &record, &a->q.entries[i]);
		if (r)
			return r;
	}
	if (a->q.dry_run)
		return ask_made(a, &record, NULL);
	r = append_entries(a, &record, a->q.entries, a->q.n_entries, NULL, &ref, &changes);
	for (size_t i = 0; i < a->q.n_entries && !r; i++)
		if (a->q.entries[i].has_alias)
			r = token_put(a->s, a->q.entries[i].alias.authority,
				a->q.entries[i].alias.child, &record);
	if (!r)
		r = node_tell(a->s, &(struct tell){ .verb = TELL_ADMITS,
					    .record = record,
					    .n = a->q.n_entries,
					    .text = "entries" });
	return r ? r : ask_made(a, &record, &ref);
}

int ask_record_new(struct ask *a)
{
	struct span text = a->q.record;
	const uint8_t *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
	struct span authority = { 0 }, child = { 0 };
	const char *names[2];
	struct id record = { 0 };
	int r;

	if (slash) {
		authority = (struct span){ text.at, (size_t)(slash - text.at) };
		child = (struct span){ slash + 1, text.len - authority.len - 1 };
	}
	if (text.len && (!authority.len || !child.len || authority.len > CHILD_MAX ||
				child.len > CHILD_MAX))
		return ask_problem(a, PROBLEM_ARGUMENT,
			"a new record is known as AUTHORITY/CHILD, or as nothing yet");
	if (text.len) {
		r = token_ours(a->s, authority, child, &record);
		if (r < 0)
			return err_up(r);
		if (r == 0)
			return ask_problem(a, PROBLEM_ARGUMENT, "%.*s has a record already: %s",
				(int)text.len, (const char *)text.at,
				text_of_id(a->s->arena, &record));
	}
	if (a->q.dry_run)
		return ask_made(a, &record, NULL);
	names[0] = text_of_span(a->s->arena, authority);
	names[1] = text_of_span(a->s->arena, child);
	if (text.len && (!names[0] || !names[1]))
		return err_new(-ENOMEM);
	r = record_new(a->s, names[0], names[1], &record);
	return r ? err_up(r) : ask_made(a, &record, NULL);
}

/* Returns -----------------------------------------------------------------------------------
 */

/* A row as care compares it. */
static int held_of(
	struct step *s, struct arena *ar, const struct care_row *row, struct care_held *ret)
{
	struct span content;
	int r = care_row_key(row, ar, &ret->key);

	if (!r)
		r = care_row_content(row, ar, &content);
	if (r)
		return r < 0 ? err_up(r) : err_new(-ENOMEM);
	r = crypto_hash(s->crypto, &content, 1, &ret->content);
	ret->copies = row->copies;
	ret->year = row->year;
	return r ? err_odd(r) : 0;
}

struct taking {
	struct ask *a;
	const struct import_child *child;
	struct id record;
	bool have; /* it was there before this return */
	struct fold fold;
	struct care_held *held, *rows;
	size_t *held_entry; /* index in fold.entries */
	size_t n_held;
	struct date *dates; /* of the rows */
	struct care_decision *decisions;
	struct entry alias; /* of a record that was made for this child */
	struct ctl_import *report;
};

/* The year of whoever superseded entry .i: until then it stood. */
static int superseding_year(const struct fold *f, size_t i)
{
	const struct fold_entry *old = &f->entries[i];

	for (size_t k = i + 1; k < f->n_entries; k++) {
		const struct entry *e = f->entries[k].entry;

		for (size_t j = 0; j < e->n_supersedes; j++)
			if (e->supersedes[j].index == old->index && e->has_row &&
				ref_equal(&e->supersedes[j].change, &old->change->ref))
				return (int)e->row.year;
	}
	return (int)old->entry->row.year;
}

static int load_held_rows(struct taking *t)
{
	struct step *s = t->a->s;
	struct fold *f = &t->fold;

	t->held = arena_array(s->arena, f->n_entries + 1, sizeof(*t->held));
	t->held_entry = arena_array(s->arena, f->n_entries + 1, sizeof(*t->held_entry));
	if (!t->held || !t->held_entry)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < f->n_entries; i++) {
		const struct entry *e = f->entries[i].entry;
		const struct care_row *row;
		struct care_held *h = &t->held[t->n_held];
		int r;

		if (!e->has_row)
			continue;
		row = summary_row(s->arena, &e->row);
		if (!row)
			return err_new(-ENOMEM);
		r = held_of(s, s->arena, row, h);
		if (r)
			return err_up(r);
		h->past = f->entries[i].status == ENTRY_SUPERSEDED;
		if (h->past)
			h->year = superseding_year(f, i);
		t->held_entry[t->n_held++] = i;
	}
	return 0;
}

/* The date that a row is about, as an entry carries it; of precision DATE_UNKNOWN: none. */
static struct date row_date(const struct care_row *row)
{
	if (!care_date_known(row->date))
		return (struct date){ 0 };
	return (struct date){ row->date.day, row->date.precision == CARE_DATE_DAY ? DATE_DAY
					     : row->date.precision == CARE_DATE_MONTH
						     ? DATE_MONTH
						     : DATE_YEAR };
}

static int decide(struct taking *t)
{
	struct step *s = t->a->s;
	size_t n = t->child->n_rows;
	int r = 0;

	t->rows = arena_array(s->arena, n + 1, sizeof(*t->rows));
	t->dates = arena_array(s->arena, n + 1, sizeof(*t->dates));
	t->decisions = arena_array(s->arena, n + 1, sizeof(*t->decisions));
	if (!t->rows || !t->dates || !t->decisions)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n && !r; i++) {
		const struct care_row *row = summary_row(s->arena, &t->child->rows[i]);

		if (row)
			t->dates[i] = row_date(row);
		r = row ? held_of(s, s->arena, row, &t->rows[i]) : err_new(-ENOMEM);
	}
	if (!r)
		r = care_reconcile(s->arena, t->held, t->n_held, t->rows, n, t->decisions);
	return r ? (r < 0 ? err_up(r) : err_new(-ENOMEM)) : 0;
}

/* Row .i as an entry, superseding what care says. */
static int entry_of(struct taking *t, size_t i, struct entry *e)
{
	struct step *s = t->a->s;
	const struct care_decision *d = &t->decisions[i];
	const struct fold_entry *old;

	*e = (struct entry){ .kind = ENTRY_ROW, .has_row = true, .row = t->child->rows[i] };
	e->has_effective = t->dates[i].precision != DATE_UNKNOWN;
	e->effective = t->dates[i];
	if (d->kind != CARE_SUPERSEDES)
		return 0;
	old = &t->fold.entries[t->held_entry[d->of]];
	e->supersedes = arena_alloc(s->arena, sizeof(*e->supersedes));
	if (!e->supersedes)
		return err_new(-ENOMEM);
	*e->supersedes = (struct entry_ref){ old->change->ref, old->index };
	e->n_supersedes = 1;
	return 0;
}

static int write_rows(struct taking *t)
{
	struct step *s = t->a->s;
	size_t rows = t->child->n_rows, n = 0, superseding = 0;
	struct entry *entries = arena_array(s->arena, rows + 1, sizeof(*entries));
	const bool named = !t->have && !t->a->q.dry_run;
	struct ref ref = { 0 };
	int r = 0;

	if (!entries)
		return err_new(-ENOMEM);
	entries[0] = t->alias; /* one change has both: what it is known under, and its rows */
	entries += named;
	for (size_t i = 0; i < rows && !r; i++) {
		enum care_decision_kind kind = t->decisions[i].kind;

		if (kind == CARE_SAME || kind == CARE_PAST)
			continue;
		superseding += kind == CARE_SUPERSEDES;
		r = entry_of(t, i, &entries[n++]);
	}
	if (r)
		return err_up(r);
	t->report->rows_same += rows - n;
	if (n && t->have) {
		/* A child who moved on is still in old returns: what they add is refused, and
		 * the other children are none the worse for it. */
		r = may_write(t->a, &t->record);
		if (r > 0)
			t->report->rows_refused += n;
		if (r)
			return r < 0 ? err_up(r) : 0;
	}
	t->report->rows_superseding += superseding;
	t->report->rows_new += n - superseding;
	if (t->a->q.dry_run || !(n + named))
		return 0;
	return append_entries(t->a, &t->record, entries - named, n + named, "ssda903", &ref,
		&t->report->changes);
}

/* The record of a child: found by its alias (then .have), or made. */
static int find_child(struct taking *t)
{
	struct step *s = t->a->s;
	const struct import_child *c = t->child;
	int r = token_ours(s, c->authority, c->child, &t->record);

	t->have = r == 0;
	if (r != ROW_NONE)
		return r ? err_up(r) : 0;
	t->report->records_new++;
	if (t->a->q.dry_run)
		return 0;
	r = record_new(s, NULL, NULL, &t->record);
	if (!r)
		r = record_name(s, &t->record, c->authority, c->child, &t->alias);
	return r ? err_up(r) : 0;
}

static int take_child(struct ask *a, const struct import_child *c, struct ctl_import *report)
{
	struct taking t = { .a = a, .child = c, .report = report };
	int r;

	if (!c->authority.len || !c->child.len || c->authority.len > CHILD_MAX ||
		c->child.len > CHILD_MAX)
		return ask_problem(a, PROBLEM_ARGUMENT,
			"every child of a return has an authority and a CHILD of at most %d "
			"bytes",
			CHILD_MAX);
	/* Before anything is written: what is found too large in between would leave changes
	 * behind that no signature follows. */
	for (size_t i = 0; i < c->n_rows; i++) {
		const struct entry e = {
			.kind = ENTRY_ROW, .has_row = true, .row = c->rows[i]
		};

		if (wire_entry_size(&e) > BODY_FILL_MAX)
			return ask_problem(a, PROBLEM_TOO_LARGE, "a row has %zu bytes",
				wire_entry_size(&e));
	}
	r = find_child(&t);
	if (r)
		return r;
	if (t.have)
		r = fold_read(a->s, &t.record, &t.fold);
	if (!r)
		r = load_held_rows(&t);
	if (!r)
		r = decide(&t);
	if (!r)
		r = write_rows(&t);
	if (t.have)
		fold_done(&t.fold);
	report->children++;
	report->rows += c->n_rows;
	return r;
}

int ask_import(struct ask *a)
{
	struct ctl_import *report = arena_alloc(a->s->arena, sizeof(*report));

	if (!report)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < a->q.n_children; i++) {
		int r = take_child(a, &a->q.children[i], report);

		/* A problem after the first child would leave the ones before it: say so. */
		if (r > 0 && i > 0)
			return ask_problem(a, (enum problem)r,
				"%s; the %zu children before %.*s/%.*s were taken",
				a->text ? a->text : "refused", i,
				(int)a->q.children[i].authority.len,
				(const char *)a->q.children[i].authority.at,
				(int)a->q.children[i].child.len,
				(const char *)a->q.children[i].child.at);
		if (r)
			return r;
	}
	a->reply.imported = report;
	if (a->q.dry_run)
		return 0;
	return node_tell(a->s, &(struct tell){ .verb = TELL_ADMITS,
				       .n = report->rows_new + report->rows_superseding,
				       .text = "rows of a return" });
}
