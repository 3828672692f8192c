/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Records: making one, what we are to one, how far one has come, and what follows by itself
 * when its control changes do: Release after an Accept, StandDown after a Withdraw, the removal
 * of a candidate that is none any more (P6.5 to P6.8).
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/fold.h"
#include "daemon/core/inside.h"

int record_count(struct step *s, const struct id *record, size_t more)
{
	struct record_row row;
	int r = record_get(s->view, record, &row);

	if (r < 0)
		return err_up(r);
	if (r == ROW_NONE) {
		row.since_ms = s->event->wall_ms;
		/* One that comes is wanted until all of it is here: no fold before. */
		row.wanted = !more;
		r = node_counts(s, 1, 0, NULL);
		if (r)
			return err_up(r);
	} else if (!more) {
		return 0;
	}
	row.changes += more;
	r = record_put(s->view, record, &row);
	return r ? err_odd(r) : 0;
}

int record_name(struct step *s, const struct id *record, struct span authority,
	struct span child, struct entry *ret)
{
	*ret = (struct entry){ .kind = ENTRY_ALIAS,
		.has_effective = true,
		.effective = node_today(s),
		.has_alias = true };
	ret->alias.authority = authority;
	ret->alias.child = child;
	return token_put(s, authority, child, record);
}

int record_new(struct step *s, const char *authority, const char *child, struct id *ret)
{
	struct node *n = s->node;
	struct key_commitment keys[CLASSES_MADE];
	struct control c = { .kind = CONTROL_GENESIS,
		.date = node_today(s),
		.term = 1,
		.suite = 1,
		.keys = keys,
		.n_keys = CLASSES_MADE };
	struct own_change own = { .record = ret, .control = &c };
	struct hash hash;
	struct ref ref;
	int r;

	r = crypto_random(s->crypto, c.random, sizeof(c.random));
	if (!r)
		r = crypto_hash(s->crypto,
			(struct span[]){ SPAN_LIT("kith/record/1\0"), SPAN_OF(n->region),
				SPAN_OF(n->incarnation), SPAN_OF(c.random) },
			4, &hash);
	if (r)
		return err_odd(r);
	memcpy(ret->b, hash.b, ID_LEN);
	r = keys_make(s, ret, 1, CLASSES_MADE, keys);
	if (!r)
		r = chain_append(s, &own, &ref);
	if (!r)
		r = node_tell(s, &(struct tell){ .verb = TELL_MAKES, .record = *ret });
	if (!r)
		r = summary_begin(s, ret);
	if (r)
		return err_odd(r);
	if (!authority)
		return 0;

	struct entry alias;
	struct body b = { .entries = &alias, .n_entries = 1 };

	r = record_name(s, ret, span_of(authority), span_of(child), &alias);
	if (!r)
		r = chain_append(s, &(struct own_change){ .record = ret, .body = &b }, &ref);
	if (!r)
		r = summary_entries(s, ret, &alias, 1);
	return r ? err_odd(r) : 0;
}

/* Manifests ----------------------------------------------------------------------------------
 */

int record_heads(struct step *s, struct span prefix, struct head **ret, size_t *ret_n)
{
	struct head *heads = arena_array(s->arena, HEADS_MAX, sizeof(*heads));
	struct scan scan;
	size_t n = 0;
	int r;

	if (!heads)
		return err_new(-ENOMEM);
	scan_init(&scan, TABLE_CHAIN, prefix);
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct chain_row row;

		if (n == HEADS_MAX)
			return RECORD_E_MANY;
		if (!chain_row_read(scan_key(&scan), scan.value, &heads[n].at, &row))
			return err_new(-EUCLEAN);
		heads[n++].change = row.head;
	}
	*ret = heads;
	*ret_n = n;
	return r < 0 ? err_up(r) : 0;
}

int record_manifest(
	struct step *s, const struct id *record, const struct affairs *a, struct manifest *ret)
{
	size_t n = a->n_keys < KEYS_MAX ? a->n_keys : KEYS_MAX;

	/* The newest keys: a record that was re-keyed often has more than fit (P6.1). */
	*ret = (struct manifest){ .keys = a->keys + (a->n_keys - n), .n_keys = n };
	return record_heads(s, SPAN_OF(*record), &ret->heads, &ret->n_heads);
}

/* The manifest that says what should be here: the open Offer's, else the last Release's. */
static const struct manifest *current_manifest(const struct affairs *a)
{
	if (a->open && a->open->offer->control.has_manifest)
		return &a->open->offer->control.manifest;
	for (size_t i = a->n_terms; i > 0; i--)
		if (a->terms[i - 1].release)
			return &a->terms[i - 1].release->control.manifest;
	return NULL;
}

int record_progress(
	struct step *s, const struct id *record, const struct affairs *a, struct progress *ret)
{
	const struct manifest *m = current_manifest(a);
	bool all = true, keys;
	int r;

	*ret = (struct progress){ 0 };
	for (size_t i = 0; m && i < m->n_heads; i++) {
		const struct head *h = &m->heads[i];
		struct chain_row row;
		struct hash at = { 0 };

		r = chain_get(s->view, record, &h->at.author, &h->at.incarnation, &row);
		if (r < 0)
			return err_up(r);
		ret->of += h->at.seq;
		ret->held += row.seq < h->at.seq ? row.seq : h->at.seq;
		if (row.seq < h->at.seq) {
			all = false;
			continue;
		}
		at = row.head;
		r = row.seq > h->at.seq ? chain_id_at(s, record, &h->at, &at) : 0;
		if (r < 0)
			return err_up(r);
		all &= r == 0 && hash_equal(&at, &h->change);
	}
	r = keys_whole(s, record, a, &keys);
	if (r)
		return err_up(r);
	ret->whole = all && keys;
	return 0;
}

/* What follows by itself
 * ----------------------------------------------------------------------- */

static int say(struct step *s, const struct id *record, struct control *c, enum tell_verb verb,
	const struct id *peer)
{
	struct own_change own = { .record = record, .control = c };
	struct tell t = { .verb = verb, .record = *record };
	struct ref ref;
	int r;

	/* .peer may stand in the affairs, which the change that is written makes anew. */
	if (peer)
		t.peer = *peer;
	r = chain_append(s, &own, &ref);
	return r ? err_odd(r) : node_tell(s, &t);
}

static int release(
	struct step *s, const struct id *record, const struct affairs *a, bool *ret_more)
{
	struct id to = a->open->offer->control.to;
	struct control c;
	int r;

	move_control(s, a, CONTROL_RELEASE, &c);
	c.has_offer = c.has_accept = c.has_manifest = true;
	c.offer = a->open->offer->ref;
	c.accept = a->open->accept->ref;
	r = record_manifest(s, record, a, &c.manifest);
	if (r == RECORD_E_MANY) {
		/* What cannot be handed over whole stays: we are responsible, too. */
		*ret_more = false;
		return 0;
	}
	return r ? err_up(r) : say(s, record, &c, TELL_RELEASES, &to);
}

static int stand_down(
	struct step *s, const struct id *record, const struct affairs *a, const struct offer *o)
{
	struct control c;

	move_control(s, a, CONTROL_STAND_DOWN, &c);
	c.has_offer = c.has_withdraw = true;
	c.offer = c.right = o->offer->ref;
	c.withdraw = o->withdraw->ref;
	c.term = o->term;
	return say(s, record, &c, TELL_STANDS_DOWN, &o->from);
}

/* The answer to a Withdraw that nobody here had acted on: it tells the custodian that no Accept
 * is on its way, so that it may close the circle. */
static int decline_withdrawn(
	struct step *s, const struct id *record, const struct affairs *a, const struct offer *o)
{
	struct control c;

	move_control(s, a, CONTROL_DECLINE, &c);
	c.has_offer = true;
	c.offer = c.right = o->offer->ref;
	c.code = MOVE_CODE_WITHDRAWN;
	c.term = o->term;
	return say(s, record, &c, TELL_DECLINES, &o->from);
}

/* One thing that follows by itself. *ret_more: something was done, look again. */
static int follow_up(struct step *s, const struct id *record, bool *ret_more)
{
	const struct id *self = &s->node->region;
	const struct affairs *a;
	const struct offer *o;
	int r = node_affairs(s, record, &a);

	*ret_more = false;
	if (r)
		return err_up(r);
	/* What of its own does not count yet may say otherwise than what it would write. */
	if (!a->known || a->forked || a->needs_newer || affairs_dangling(a, self))
		return 0;
	r = chain_writable(s, record);
	if (r)
		return r < 0 ? err_up(r) : 0;
	*ret_more = true;
	if (id_equal(&a->custodian, self)) {
		if (a->open && a->open->accept)
			return release(s, record, a, ret_more);
		r = circle_settle(s, record, a, ret_more);
		if (r || *ret_more)
			return r ? err_up(r) : 0;
		*ret_more = true;
	}
	o = affairs_owes_stand_down(a, self);
	if (o)
		return stand_down(s, record, a, o);
	o = affairs_offer_to(a, self);
	if (o && o->state == OFFER_WITHDRAWN && affairs_role(a, self) != ROLE_NONE)
		return decline_withdrawn(s, record, a, o);
	*ret_more = false;
	return 0;
}

/* Who else has the record, as the one probe needs it (P7.9). */
static int share(struct step *s, const struct id *record, const struct affairs *a)
{
	for (size_t i = 0; i < a->n_members; i++) {
		const struct member *m = &a->members[i];
		bool has;
		int r;

		if (id_equal(&m->row.region, &s->node->region))
			continue;
		r = share_has(s->view, &m->row.region, record);
		if (r < 0)
			return err_up(r);
		has = r == 0;
		if (!m->removed && !has) {
			r = share_put(s->view, &m->row.region, record, m->row.role);
			/* The custodian has everything: a newcomer gets it from there. */
			if (!r && id_equal(&a->custodian, &s->node->region))
				r = feed_backfill(s, &m->row.region, record);
		} else if (m->removed && has) {
			r = share_del(s->view, &m->row.region, record);
		} else {
			r = 0;
		}
		if (r)
			return err_odd(r);
	}
	return 0;
}

/* The open Offer to us is complete when everything in its manifest is held and opens (P6.7).
 * .f is its fold, or NULL: then it is made at once if that is little, or soon. */
static int check_complete(struct step *s, const struct id *record, const struct affairs *a,
	const struct fold *f, struct record_row *row)
{
	const struct id *self = &s->node->region;
	bool mine = a->open && !a->open->accept && id_equal(&a->open->offer->control.to, self);
	struct progress p;
	struct fold own = { 0 };
	int r;

	if (!mine) {
		row->complete = false;
		return 0;
	}
	if (row->complete)
		return 0;
	r = record_progress(s, record, a, &p);
	if (r || !p.whole)
		return r ? err_up(r) : 0;
	if (!f && (row->changes > FOLD_AT_ONCE || uptake_later(s->node)))
		return uptake_put(s, record);
	if (!f) {
		r = fold_read(s, record, &own);
		if (r)
			return err_up(r);
	}
	if ((f ? f : &own)->damaged) {
		r = node_tell(s, &(struct tell){ .verb = TELL_REFUSES,
					 .record = *record,
					 .peer = a->custodian,
					 .verdict = verdict_name(VERDICT_BODY_SEAL) });
	} else {
		row->complete = true;
		r = node_tell(s,
			&(struct tell){ .verb = TELL_COMPLETES, .record = *record, .n = p.of });
		if (!r && !f)
			r = summary_fold(s, record, &own);
	}
	fold_done(&own);
	return r ? err_up(r) : 0;
}

/* What people must know of, as it changes; and how many records are ours. */
static int tell_changes(struct step *s, const struct id *record, const struct record_row *was,
	const struct record_row *row)
{
	const struct id *self = &s->node->region;
	const bool was_ours = was->term && id_equal(&was->custodian, self),
		   ours = id_equal(&row->custodian, self);
	int r = 0;

	if (was_ours != ours)
		r = node_counts(s, 0, ours ? 1 : -1, NULL);
	if (!r && ours && was->term != row->term && row->term > 1)
		r = node_tell(s, &(struct tell){ .verb = TELL_TAKES_OVER, .record = *record });
	if (!r && was->emergency != row->emergency) {
		s->node->emergencies += row->emergency ? 1 : UINT64_MAX;
		r = node_tell(s, &(struct tell){ .verb = row->emergency ? TELL_NEEDS_PEOPLE
									: TELL_SETTLED,
					 .record = *record,
					 .peer = row->custodian });
	}
	return r ? err_up(r) : 0;
}

/* A new custodian has what was handed over to it. What we wrote behind that, perhaps before we
 * knew that it was coming, it gets from us (P7.1). */
static int tell_custodian(struct step *s, const struct id *record, const struct affairs *a)
{
	const struct manifest *m = current_manifest(a);
	const struct node *n = s->node;
	struct chain_row own;
	int r = chain_get(s->view, record, &n->region, &n->incarnation, &own);

	if (r)
		return r < 0 ? err_up(r) : 0;
	for (size_t i = 0; m && i < m->n_heads; i++) {
		const struct place *at = &m->heads[i].at;

		if (id_equal(&at->author, &n->region) &&
			id_equal(&at->incarnation, &n->incarnation) && at->seq >= own.seq)
			return 0;
	}
	r = feed_backfill(s, &a->custodian, record);
	return r ? err_odd(r) : 0;
}

static int update_row(struct step *s, const struct id *record, const struct affairs *a)
{
	const struct id *self = &s->node->region;
	struct record_row row, was;
	uint8_t before[RECORD_ROW_MAX], after[RECORD_ROW_MAX];
	int r = record_get(s->view, record, &row);

	if (r)
		return err_odd(r);
	was = row;
	row.role = affairs_role(a, self);
	row.custodian = a->custodian;
	row.term = a->term;
	row.offer_open = a->open;
	row.offer_to = a->open ? a->open->offer->control.to : (struct id){ 0 };
	row.offer_seq = a->open ? a->open->offer->ref.at.seq : 0;
	row.acting = row.role != ROLE_CUSTODIAN && affairs_responsible(a, self);
	row.emergency = a->forked || a->assumed;
	/* One Offer may take another's place in one step: what was whole for the one need not
	 * be so for the other (P6.7). */
	if (was.offer_seq != row.offer_seq)
		row.complete = false;
	if (was.term != row.term || was.offer_seq != row.offer_seq)
		row.since_ms = s->event->wall_ms;
	r = check_complete(s, record, a, NULL, &row);
	if (r)
		return err_up(r);
	r = tell_changes(s, record, &was, &row);
	if (!r && was.term && was.term != row.term && !id_equal(&was.custodian, self) &&
		!id_equal(&row.custodian, self))
		r = tell_custodian(s, record, a);
	if (r)
		return err_up(r);
	if (record_row_write(&was, before) == record_row_write(&row, after) &&
		memcmp(before, after, record_row_write(&row, after)) == 0)
		return 0;
	r = record_put(s->view, record, &row);
	return r ? err_odd(r) : 0;
}

int record_taken_up(struct step *s, const struct id *record, const struct fold *f)
{
	const struct affairs *a;
	struct record_row row;
	bool was;
	int r = node_affairs(s, record, &a);

	if (!r)
		r = record_get(s->view, record, &row);
	if (r)
		return err_odd(r);
	was = row.complete;
	r = check_complete(s, record, a, f, &row);
	if (!r && was != row.complete)
		r = record_put(s->view, record, &row);
	if (!r && was != row.complete)
		r = handover_settle(s, record, a, &row);
	return r ? err_odd(r) : summary_fold(s, record, f);
}

int record_settle(struct step *s, const struct id *record)
{
	const struct affairs *a;
	struct record_row row;
	bool more = true;
	int r = 0;

	/* Each round writes a control change that makes its own reason go away; four can chain.
	 */
	for (unsigned i = 0; more && i < 16 && !r; i++)
		r = follow_up(s, record, &more);
	if (!r)
		r = node_affairs(s, record, &a);
	if (r)
		return err_up(r);
	if (!a->known)
		return 0;
	r = share(s, record, a);
	if (!r)
		r = update_row(s, record, a);
	if (!r)
		r = record_get(s->view, record, &row);
	if (r)
		return err_odd(r);
	r = handover_settle(s, record, a, &row);
	if (r || row.wanted)
		return r ? err_up(r) : 0;
	return summary_refresh(s, record);
}

/* Followers ----------------------------------------------------------------------------------
 */

int record_told(struct step *s, const struct id *record)
{
	struct node *n = s->node;

	for (size_t i = 0; i < FOLLOWERS_MAX; i++) {
		struct follower *f = &n->followers[i];
		int r;

		if (!f->busy || f->all || !id_equal(&f->record, record))
			continue;
		r = follower_tell(s, f);
		if (r)
			return err_up(r);
	}
	return 0;
}
