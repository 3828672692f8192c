/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The circle of a record (P6.8, P6.9): who is put in and out, by people or because something
 * settled, and the former custodian that leaves when the record is safe here without it.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define RECORDS_A_STEP 50

/* The heads of all chains of one region: what of it counts (P6.9). */
static int heads_of(
	struct step *s, const struct id *record, const struct id *region, struct removal *ret)
{
	uint8_t prefix[2 * ID_LEN];
	int r;

	pair_key(record, region, prefix);
	r = record_heads(s, (struct span){ prefix, sizeof(prefix) }, &ret->last, &ret->n_last);
	return r ? err_odd(r) : 0; /* one region has at most 64 incarnations (P1.6) */
}

static void rest_on(struct control *c, const struct ref *before)
{
	c->has_before = before != NULL;
	if (before)
		c->before = *before;
}

int circle_out(struct step *s, const struct id *record, const struct id *region, uint32_t keep,
	const struct ref *before, struct ref *ret)
{
	struct key_commitment keys[CLASSES_MADE];
	struct removal out = { .region = *region, .keep = keep };
	const struct affairs *a;
	struct control c;
	struct ref ref;
	int r = node_affairs(s, record, &a);

	if (!r)
		r = heads_of(s, record, region, &out);
	if (r)
		return err_up(r);
	move_control(s, a, CONTROL_CIRCLE, &c);
	rest_on(&c, before);
	c.removed = &out;
	c.n_removed = 1;
	r = chain_append(s, &(struct own_change){ .record = record, .control = &c }, ret);
	if (!r)
		r = feed_last(s, region, record, &ret->at);
	if (!r)
		r = node_tell(
			s, &(struct tell){
				   .verb = TELL_REMOVES, .record = *record, .peer = *region });
	if (!r)
		r = node_affairs(s, record, &a);
	if (r)
		return err_odd(r);

	/* And a new epoch, in the same turn (P5.4). */
	move_control(s, a, CONTROL_KEY_EPOCH, &c);
	c.has_before = false;
	r = keys_make(s, record, a->epoch + 1, CLASSES_MADE, keys);
	if (r)
		return err_up(r);
	c.keys = keys;
	c.n_keys = CLASSES_MADE;
	r = chain_append(s, &(struct own_change){ .record = record, .control = &c }, &ref);
	return r ? err_odd(r)
		 : node_tell(s, &(struct tell){ .verb = TELL_REKEYS, .record = *record });
}

int circle_set(struct step *s, const struct id *record, struct circle_row row,
	const struct ref *before, struct ref *ret)
{
	const struct affairs *a;
	struct control c;
	int r = node_affairs(s, record, &a);

	if (r)
		return err_up(r);
	move_control(s, a, CONTROL_CIRCLE, &c);
	rest_on(&c, before);
	c.set = &row;
	c.n_set = 1;
	r = chain_append(s, &(struct own_change){ .record = record, .control = &c }, ret);
	return r ? err_odd(r) : 0;
}

/* What follows by itself ---------------------------------------------------------------------
 */

/* The candidate of a closed Offer that is still what it became for it. *ret: by what. */
static const struct member *left_over(const struct affairs *a, const struct offer **ret)
{
	for (size_t i = 0; i < a->n_members; i++) {
		const struct member *m = &a->members[i];
		const struct offer *o = affairs_offer_to(a, &m->row.region);

		*ret = o;
		if (m->removed || m->row.role != ROLE_WRITER || !o ||
			o->before == ROLE_WRITER || m->offers_then > (size_t)(o - a->offers) ||
			affairs_owes_stand_down(a, &m->row.region))
			continue;
		if (o->state == OFFER_DECLINED || o->state == OFFER_REFUSED_LATE ||
			o->state == OFFER_STOOD_DOWN)
			return m;
	}
	return NULL;
}

int circle_settle(
	struct step *s, const struct id *record, const struct affairs *a, bool *ret_done)
{
	const struct offer *o = NULL;
	const struct member *m = left_over(a, &o);
	struct circle_row row;
	struct ref before, ref;

	*ret_done = m != NULL;
	if (!m)
		return 0;
	row = m->row;
	before = o->stand_down ? o->stand_down->ref : o->decline->ref;
	if (o->before == ROLE_NONE)
		return circle_out(s, record, &row.region, 0, &before, &ref);
	row.role = o->before;
	return circle_set(s, record, row, &before, &ref);
}

/* What people ask ----------------------------------------------------------------------------
 */

static int may_change(struct step *s, const struct id *record, const struct affairs **ret)
{
	int r = move_workable(s, record, ret);

	if (!r && !id_equal(&(*ret)->custodian, &s->node->region))
		r = PROBLEM_NOT_CUSTODIAN;
	return r;
}

/* An Offer to it is not settled: then it comes and goes with that (P6.8). */
static bool is_candidate(const struct affairs *a, const struct id *region)
{
	return (a->open && id_equal(&a->open->offer->control.to, region)) ||
	       affairs_owes_stand_down(a, region) ||
	       (affairs_offer_to(a, region) &&
		       affairs_offer_to(a, region)->state == OFFER_WITHDRAWN);
}

int circle_add(struct step *s, const struct id *record, const struct id *region, enum role role,
	bool guardian, bool dry_run, struct ref *ret)
{
	struct circle_row row = { .region = *region,
		.role = role,
		.classes = 1u << 0 | 1u << 1,
		.first_epoch = 1,
		.guardian = guardian };
	const struct affairs *a;
	int r = may_change(s, record, &a);

	if (r)
		return r;
	if (is_candidate(a, region))
		return PROBLEM_OFFER_OPEN;
	return dry_run ? 0 : circle_set(s, record, row, NULL, ret);
}

int circle_guardian(struct step *s, const struct id *record, const struct id *region,
	bool guardian, bool dry_run, struct ref *ret)
{
	const struct affairs *a;
	const struct member *m;
	int r = may_change(s, record, &a);

	if (r)
		return r;
	m = affairs_member(a, region);
	if (!m || m->removed)
		return PROBLEM_MEMBER_UNKNOWN;
	if (is_candidate(a, region))
		return PROBLEM_OFFER_OPEN;
	if (dry_run || m->row.guardian == guardian)
		return 0;
	struct circle_row row = m->row;

	row.guardian = guardian;
	return circle_set(s, record, row, m->former ? &a->right : NULL, ret);
}

int circle_remove(struct step *s, const struct id *record, const struct id *region,
	uint32_t keep, bool dry_run, struct ref *ret)
{
	const struct affairs *a;
	const struct offer *o;
	struct ref before;
	int r = may_change(s, record, &a);

	if (r)
		return r;
	if (affairs_role(a, region) == ROLE_NONE)
		return PROBLEM_MEMBER_UNKNOWN;
	if (is_candidate(a, region))
		return PROBLEM_OFFER_OPEN;
	if (dry_run)
		return 0;
	o = affairs_offer_to(a, region);
	before = !o              ? a->right
		 : o->stand_down ? o->stand_down->ref
		 : o->decline    ? o->decline->ref
		 : o->release    ? o->release->ref
				 : a->right;
	return circle_out(s, record, region, keep, &before, ret);
}

/* The former custodian, after a backup -------------------------------------------------------
 */

int circle_backup_last(struct step *s, struct backup_mark *ret)
{
	uint8_t packed[16];
	struct reader rd = reader_of((struct span){ packed, sizeof(packed) });
	int r = meta_get(s->view, "backup", packed, sizeof(packed));

	*ret = (struct backup_mark){ 0 };
	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	ret->through = get_u64(&rd);
	ret->at_ms = get_u64(&rd);
	return 0;
}

int circle_backup(struct step *s, uint64_t through)
{
	uint8_t packed[16];
	struct writer w = writer_of(packed, sizeof(packed));
	int r;

	put_u64(&w, through);
	put_u64(&w, s->event->wall_ms);
	r = meta_put(s->view, "backup", packed, sizeof(packed));
	if (r)
		return err_odd(r);
	if (s->node->options.remove_former) {
		s->node->leaving = true;
		s->node->leaving_after = (struct id){ 0 };
	}
	return 0;
}

/* It handed over in a term that a backup has, and all that it handed over is here. */
static int leaver_of(struct step *s, const struct id *record, uint64_t through,
	const struct affairs *a, const struct member **ret)
{
	uint64_t begun;
	struct progress p;
	int r;

	*ret = NULL;
	for (size_t i = 0; i < a->n_members && !*ret; i++)
		if (a->members[i].former && !a->members[i].removed &&
			a->members[i].row.role == ROLE_READER && !a->open)
			*ret = &a->members[i];
	if (!*ret)
		return 0;
	r = index_get(s->view, record, &a->right.at, &begun);
	if (!r && begun <= through)
		r = record_progress(s, record, a, &p);
	else
		*ret = NULL;
	if (*ret && !p.whole)
		*ret = NULL;
	return r < 0 ? err_up(r) : 0;
}

static int let_go(struct step *s, const struct id *record, uint64_t through)
{
	const struct affairs *a;
	const struct member *m;
	struct record_row row;
	int r = record_get(s->view, record, &row);

	/* Nothing of most records needs to be read. */
	if (r || row.term < 2 || !id_equal(&row.custodian, &s->node->region))
		return r ? err_odd(r) : 0;
	for (;;) {
		struct id region;
		struct ref before, ref;

		r = node_affairs(s, record, &a);
		if (r || a->forked || a->needs_newer || affairs_dangling(a, &s->node->region))
			return r ? err_up(r) : 0;
		r = leaver_of(s, record, through, a, &m);
		if (r || !m)
			return r ? err_up(r) : 0;
		region = m->row.region;
		before = a->right;
		r = circle_out(s, record, &region, 1, &before, &ref);
		if (r)
			return err_up(r);
	}
}

int circle_some(struct step *s)
{
	struct node *n = s->node;
	struct backup_mark mark;
	struct scan scan;
	int r;

	if (!n->leaving)
		return 0;
	r = circle_backup_last(s, &mark);
	if (r)
		return err_up(r);
	scan_init(&scan, TABLE_RECORD, (struct span){ 0 });
	scan_from(&scan, SPAN_OF(n->leaving_after));
	for (size_t i = 0; i < RECORDS_A_STEP; i++) {
		struct id record;

		r = scan_next(&scan, s->view);
		if (r == ROW_NONE)
			n->leaving = false;
		if (r)
			return r == ROW_NONE ? 0 : err_up(r);
		memcpy(record.b, scan.key, ID_LEN);
		r = let_go(s, &record, mark.through);
		if (r)
			return err_up(r);
		n->leaving_after = record;
	}
	return 0;
}
