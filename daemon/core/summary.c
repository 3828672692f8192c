/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Summaries: one sealed row a record, so that a list of names is never a fold of all; and the
 * tokens by which an identifier is found. A summary knows how many changes it has seen: when
 * that is not what is held, it is made again from the fold.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/fold.h"
#include "daemon/core/inside.h"

#define SUMMARY_FORM 1

static void put_date(struct writer *w, struct care_date d)
{
	put_u32(w, (uint32_t)d.day);
	put_u8(w, (uint8_t)d.precision);
}

static struct care_date get_date(struct reader *r)
{
	struct care_date d = { .day = (int32_t)get_u32(r) };
	uint8_t p = get_u8(r);

	d.precision = p <= CARE_DATE_UNKNOWN ? (enum care_precision)p : CARE_NO_DATE;
	return d;
}

static int put_summary(struct step *s, const struct id *record, const struct summary *y)
{
	const struct care_summary *c = &y->care;
	uint8_t value[512];
	struct writer w = writer_of(value, sizeof(value));
	int r;

	put_u8(&w, SUMMARY_FORM);
	put_bytes(&w, y->alias, sizeof(y->alias));
	put_u64(&w, y->changes);
	put_u64(&w, y->entries);
	put_u64(&w, y->faults);
	put_u64(&w, y->conflicts);
	put_bytes(&w, c->sex, CARE_TEXT);
	put_bytes(&w, c->rne, CARE_TEXT);
	put_bytes(&w, c->ls, CARE_TEXT);
	put_bytes(&w, c->place, CARE_TEXT);
	put_bytes(&w, c->rec, CARE_TEXT);
	put_date(&w, c->dob);
	put_date(&w, c->decom);
	put_date(&w, c->dec);
	put_date(&w, c->review);
	put_u32(&w, c->headers);
	put_u32(&w, c->episodes);
	put_u32(&w, c->reviews);
	r = row_put(s->view, TABLE_SUMMARY, SPAN_OF(*record), writer_span(&w));
	return r ? err_odd(r) : 0;
}

int summary_get(struct step *s, const struct id *record, struct summary *ret)
{
	struct care_summary *c = &ret->care;
	struct span value;
	struct reader r;
	int e = row_get(s->view, TABLE_SUMMARY, SPAN_OF(*record), &value);

	*ret = (struct summary){ 0 };
	if (e)
		return e;
	r = reader_of(value);
	if (get_u8(&r) != SUMMARY_FORM)
		return ROW_NONE;
	get_into(&r, ret->alias, sizeof(ret->alias));
	ret->changes = get_u64(&r);
	ret->entries = get_u64(&r);
	ret->faults = get_u64(&r);
	ret->conflicts = get_u64(&r);
	get_into(&r, c->sex, CARE_TEXT);
	get_into(&r, c->rne, CARE_TEXT);
	get_into(&r, c->ls, CARE_TEXT);
	get_into(&r, c->place, CARE_TEXT);
	get_into(&r, c->rec, CARE_TEXT);
	c->dob = get_date(&r);
	c->decom = get_date(&r);
	c->dec = get_date(&r);
	c->review = get_date(&r);
	c->headers = get_u32(&r);
	c->episodes = get_u32(&r);
	c->reviews = get_u32(&r);
	return r.bad ? ROW_NONE : 0;
}

/* A stored row as care reads it. NULL when memory is out. */
const struct care_row *summary_row(struct arena *a, const struct wire_row *w)
{
	struct care_row *row = arena_alloc(a, sizeof(*row));
	struct care_cell *cells = arena_array(a, w->n_cells ? w->n_cells : 1, sizeof(*cells));

	if (!row || !cells)
		return NULL;
	for (size_t i = 0; i < w->n_cells; i++)
		cells[i] = (struct care_cell){ w->cells[i].column, w->cells[i].value };
	care_row_init(row,
		w->table < CARE_TABLE_COUNT ? (enum care_table)w->table : CARE_TABLE_NONE,
		cells, w->n_cells, w->authority, (int)w->year);
	row->file = w->file;
	row->line = w->line;
	row->copies = w->copies ? w->copies : 1;
	return row;
}

static int apply(struct step *s, struct summary *y, const struct entry *e)
{
	y->entries++;
	if (e->has_alias) {
		snprintf(y->alias, sizeof(y->alias), "%.*s/%.*s", (int)e->alias.authority.len,
			(const char *)e->alias.authority.at, (int)e->alias.child.len,
			(const char *)e->alias.child.at);
		node_text_mend(y->alias);
	}
	if (e->has_row) {
		const struct care_row *row = summary_row(s->arena, &e->row);

		if (!row)
			return err_new(-ENOMEM);
		y->faults += e->row.n_faults;
		care_summary_apply(&y->care, row);
	}
	return 0;
}

int summary_begin(struct step *s, const struct id *record)
{
	return put_summary(s, record, &(struct summary){ .changes = 1 });
}

int summary_entries(
	struct step *s, const struct id *record, const struct entry *entries, size_t n)
{
	struct record_row row;
	struct summary y;
	int r = summary_get(s, record, &y);

	if (!r)
		r = record_get(s->view, record, &row);
	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	if (y.changes + 1 != row.changes)
		return 0; /* stale: the fold will see to it */
	for (size_t i = 0; i < n; i++) {
		if (entries[i].n_supersedes || entries[i].n_corrects)
			return 0;
		r = apply(s, &y, &entries[i]);
		if (r)
			return err_up(r);
	}
	y.changes = row.changes;
	return put_summary(s, record, &y);
}

/* One change that came: 0, or ROW_NONE when only the fold can say what it makes of the summary.
 */
static int apply_change(
	struct step *s, struct summary *y, struct body_key *key, const struct wire_change *c)
{
	struct header h;
	struct body b;
	int r;

	if (wire_header_decode(c->header, &h))
		return err_new(-EUCLEAN); /* it was taken a moment ago */
	if (h.flags & FLAG_CONTROL)
		return ROW_NONE; /* it may change whose word counts */
	r = body_open(s, s->arena, key, &h, c->body, &b);
	if (r)
		return r < 0 ? err_up(r) : ROW_NONE;
	for (size_t i = 0; i < b.n_entries; i++) {
		if (b.entries[i].n_supersedes || b.entries[i].n_corrects ||
			b.entries[i].has_alias)
			return ROW_NONE;
		r = apply(s, y, &b.entries[i]);
		if (r)
			return err_up(r);
	}
	return 0;
}

int summary_taken(struct step *s, const struct id *record, const struct run *run, size_t n)
{
	CLEANUP(body_key_done) struct body_key key = { 0 };
	struct record_row row;
	struct summary y;
	int r = summary_get(s, record, &y);

	if (!r)
		r = record_get(s->view, record, &row);
	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	/* Much of what is held: taken first, and opened when the bulk is over. */
	if (n > FOLD_AT_ONCE && n > row.changes / 8)
		return 0;
	if (row.wanted || y.changes + n != row.changes)
		return 0; /* stale: the fold will see to it */
	for (size_t i = run->n - n; i < run->n; i++) {
		r = apply_change(s, &y, &key, &run->changes[i]);
		if (r)
			return r == ROW_NONE ? 0 : err_up(r);
	}
	y.changes = row.changes;
	return put_summary(s, record, &y);
}

int summary_fold(struct step *s, const struct id *record, const struct fold *f)
{
	struct record_row row;
	struct summary y;
	int r = record_get(s->view, record, &row);

	if (r)
		return err_odd(r);
	y = (struct summary){ .changes = row.changes, .conflicts = f->conflicts };
	for (size_t i = 0; i < f->n_entries && !r; i++) {
		const struct entry *e = f->entries[i].entry;

		if (f->entries[i].status == ENTRY_SUPERSEDED ||
			f->entries[i].change->open != FOLD_OPEN)
			continue;
		r = apply(s, &y, e);
		if (!r && e->has_alias)
			r = token_put(s, e->alias.authority, e->alias.child, record);
	}
	return r ? err_up(r) : put_summary(s, record, &y);
}

int summary_refresh(struct step *s, const struct id *record)
{
	struct record_row row;
	struct summary y;
	struct fold f;
	int r = summary_get(s, record, &y);

	if (r < 0)
		return err_up(r);
	r = record_get(s->view, record, &row);
	if (r)
		return err_odd(r);
	if (y.changes == row.changes)
		return 0;
	if (row.changes > FOLD_AT_ONCE || uptake_later(s->node))
		return uptake_put(s, record);
	r = fold_read(s, record, &f);
	if (r)
		return err_up(r);
	r = summary_fold(s, record, &f);
	fold_done(&f);
	return r ? err_up(r) : 0;
}

/* Tokens
 * --------------------------------------------------------------------------------------- */

static int token(struct step *s, struct span authority, struct span child, struct hash *ret)
{
	int r = crypto_mac(s->crypto, SPAN_OF(s->node->keys->token),
		(struct span[]){ SPAN_LIT("child\0"), authority, SPAN_LIT("\0"), child }, 4,
		ret);

	return r ? err_odd(r) : 0;
}

int token_find(struct step *s, struct span authority, struct span child, struct id *ret)
{
	struct hash key;
	struct span value;
	int r = token(s, authority, child, &key);

	if (!r)
		r = row_get(s->view, TABLE_TOKEN, SPAN_OF(key), &value);
	if (r)
		return r;
	if (value.len != ID_LEN)
		return err_new(-EUCLEAN);
	memcpy(ret->b, value.at, ID_LEN);
	return 0;
}

/* Whether this region is or was responsible for a record. */
static int was_ours(struct step *s, const struct id *record, bool *ret)
{
	const struct affairs *a;
	int r = node_affairs(s, record, &a);

	if (r)
		return err_up(r);
	*ret = affairs_responsible(a, &s->node->region);
	for (size_t i = 0; i < a->n_terms; i++)
		*ret |= id_equal(&a->terms[i].custodian, &s->node->region);
	return 0;
}

int token_ours(struct step *s, struct span authority, struct span child, struct id *ret)
{
	bool ours;
	int r = token_find(s, authority, child, ret);

	if (!r)
		r = was_ours(s, ret, &ours);
	return r ? r : ours ? 0 : ROW_NONE;
}

int token_put(struct step *s, struct span authority, struct span child, const struct id *record)
{
	struct hash key;
	struct id held;
	bool ours = true, theirs = false;
	int r = token_find(s, authority, child, &held);

	/* The first record under an identifier keeps it: hints never move by themselves. But
	 * what another region says of a record of its own yields to one of ours. */
	if (r == 0 && id_equal(&held, record))
		return 0;
	if (r == 0)
		r = was_ours(s, &held, &theirs);
	if (!r && !theirs)
		r = was_ours(s, record, &ours);
	if (r < 0 || (!r && (theirs || !ours)))
		return r;
	r = token(s, authority, child, &key);
	if (!r)
		r = row_put(s->view, TABLE_TOKEN, SPAN_OF(key), SPAN_OF(*record));
	return r ? err_odd(r) : 0;
}
