/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Parts that several views of a record share: its line, its circle, who was responsible and
 * when, and how complete all this is.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/ask.h"

#define HOUR_MS 3600000

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

	if (row->emergency && row->acting)
		return "DUTY ASSUMED OR FORKED: ours, too, until guardians resolve it";
	if (row->emergency)
		return arena_text(s->arena,
			"DUTY ASSUMED OR FORKED: guardians must resolve it%s",
			id_equal(&row->custodian, self) ? "; ours" : "");
	if (row->acting)
		return arena_text(s->arena, "acting: accepted from %s",
			text_of_region(s, &row->custodian));
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

		if (chain_row_read(scan_key(&scan), scan.value, &at, &row))
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

/* The worker whom an Accept names, from the one sealed change that it refers to (P6.1). */
const char *view_worker(struct step *s, const struct id *record, const struct held *accept)
{
	CLEANUP(body_key_done) struct body_key key = { 0 };
	struct log_at at = { 0 };
	struct hash id;
	struct wire_change c;
	struct header h;
	struct body b;

	if (!accept || !accept->control.has_words ||
		chain_read(s, record, &accept->control.words.at, &at, &c) ||
		chain_id(s->crypto, c.header, &id) ||
		!hash_equal(&id, &accept->control.words.change) ||
		wire_header_decode(c.header, &h) ||
		body_open(s, s->arena, &key, &h, c.body, &b))
		return NULL;
	for (size_t i = 0; i < b.n_entries; i++)
		if (b.entries[i].has_worker)
			return text_of_span(s->arena, b.entries[i].worker.name);
	return NULL;
}

/* How one came to be custodian of term .i: and the Accept that names its worker. */
static const struct held *view_term(
	struct step *s, const struct affairs *f, size_t i, struct ctl_custody *ret)
{
	const struct term *t = &f->terms[i], *last = i ? t - 1 : NULL;
	const struct held *end = t->release ? t->release : t->resolve;
	const struct reason *why;

	*ret = (struct ctl_custody){ .term = t->number,
		.region = text_of_id(s->arena, &t->custodian),
		.name = text_of_region(s, &t->custodian),
		.from = text_of_date(s->arena, t->date),
		.to = end ? text_of_date(s->arena, end->control.date) : NULL,
		.how = "made the record" };
	if (!last)
		return NULL;
	if (last->resolve) {
		why = reason_of(REASONS_EMERGENCY, last->resolve->control.code);
		ret->how = arena_text(s->arena, "guardians resolved: %s",
			why ? why->text : "guardians acted");
		return NULL;
	}
	ret->from = text_of_date(s->arena, last->accept->control.date);
	why = reason_of(REASONS_OFFER, last->offer->control.code);
	ret->how = why ? why->text : "took over";
	return last->accept;
}

/* Duties beside the custodian's that have no end, and those that guardians gave. */
static bool shows(const struct stint *d)
{
	return d->why != STINT_CUSTODIAN && (!d->to || d->why != STINT_ACCEPTED);
}

int view_custody(struct ask *a, const struct id *record, const struct affairs *f)
{
	static const char *const how[] = {
		[STINT_CUSTODIAN] = NULL,
		[STINT_ACCEPTED] = "accepted; waits for the release",
		[STINT_ASSUMED] = "took the duty of a custodian that is gone",
		[STINT_FORKED] = "custody has forked: another branch made it responsible",
	};
	struct step *s = a->s;
	struct arena *ar = s->arena;
	struct ctl_custody *v = arena_array(ar, f->n_terms + f->n_stints + 1, sizeof(*v));

	if (!v)
		return err_new(-ENOMEM);
	a->reply.custody = v;
	for (size_t i = 0; i < f->n_terms; i++) {
		struct ctl_custody *one = &v[a->reply.n_custody++];
		const struct held *accept = view_term(s, f, i, one);

		one->worker = view_worker(s, record, accept);
	}
	for (size_t i = 0; i < f->n_stints; i++) {
		const struct stint *d = &f->stints[i];

		if (!shows(d))
			continue;
		v[a->reply.n_custody++] = (struct ctl_custody){ .term = d->term,
			.region = text_of_id(ar, &d->region),
			.name = text_of_region(s, &d->region),
			.from = d->from ? text_of_date(ar, d->from->control.date) : NULL,
			.to = d->to ? text_of_date(ar, d->to->control.date) : NULL,
			.how = how[d->why],
			.acting = true,
			.worker = view_worker(
				s, record, d->why == STINT_ACCEPTED ? d->from : NULL) };
	}
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
