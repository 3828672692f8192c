/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The head of an answer: the cards of a record's regions and its custody path (P7.8). They are
 * judged together, before anything else of the record is looked at.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define PARTS_MAX   64  /* of one path */
#define BUNDLES_MAX 128 /* cards of one message that are looked at (P7.13) */

/* The custody path: what is new of it, checked, with what is held already. */
struct path {
	struct held *held;
	size_t n, room;
	struct wire_change *changes; /* the new ones, .held[first_new + i] */
	size_t n_new, room_new;
	size_t first_new;
};

static int load_path(struct step *s, const struct id *record, struct path *ret)
{
	struct scan scan;
	int r;

	*ret = (struct path){ 0 };
	scan_init(&scan, TABLE_CONTROL, SPAN_OF(*record));
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct held *grown =
			arena_grow(s->arena, ret->held, ret->n, &ret->room, sizeof(*grown));

		if (!grown)
			return err_new(-ENOMEM);
		ret->held = grown;
		r = held_read(&scan, s->arena, &grown[ret->n]);
		if (r)
			return err_up(r);
		ret->n++;
	}
	ret->first_new = ret->n;
	return r < 0 ? err_up(r) : 0;
}

/* One change of the path: 0, or the verdict of chain_check_control. */
static int take_path(
	struct step *s, const struct id *record, const struct wire_change *c, struct path *path)
{
	struct header h;
	struct hash held;
	struct held *grown;
	struct wire_change *grown_c;
	int r = wire_header_decode(c->header, &h);

	if (r)
		return r < 0 ? err_up(r) : CHAIN_E_HEADER;
	if (!id_equal(&h.record, record))
		return CHAIN_E_RUN;
	r = control_has(s->view, record, &h.at, &held);
	if (r < 0)
		return err_up(r);
	if (r == 0)
		return 0; /* what is held was verified; another at its place is for the chain to
			     prove */
	grown = arena_grow(s->arena, path->held, path->n, &path->room, sizeof(*grown));
	grown_c = arena_grow(
		s->arena, path->changes, path->n_new, &path->room_new, sizeof(*grown_c));
	if (!grown || !grown_c)
		return err_new(-ENOMEM);
	path->held = grown;
	path->changes = grown_c;
	grown[path->n] = (struct held){ .must_understand = h.flags & FLAG_MUST_UNDERSTAND,
		.bytes = wire_change_size(c) };
	r = chain_check_control(s, record, c, &grown[path->n].ref, &grown[path->n].control);
	if (r)
		return r;
	path->changes[path->n_new++] = *c;
	path->n++;
	return 0;
}

static int keep_path(
	struct step *s, struct peer *p, const struct id *record, const struct path *path)
{
	for (size_t i = 0; i < path->n_new; i++) {
		const struct held *h = &path->held[path->first_new + i];
		int r = control_put(
			s->view, record, &h->ref.at, &h->ref.change, &path->changes[i], true);

		if (!r)
			r = quota_charge(s, &h->ref.at.author, &p->region,
				quota_cost(wire_change_size(&path->changes[i])), 0);
		if (r)
			return err_odd(r);
		node_clock_seen(s, h->control.clock);
	}
	if (path->n_new)
		node_forget(s->node, record);
	return 0;
}

/* Nobody but who is or was in the circle writes anything in it, and nobody more than has room:
 * else any member could fill a record with the chains of regions that it made up. */
static int check_new(const struct path *path, const struct affairs *a)
{
	const struct held *last = NULL;

	for (size_t i = path->first_new; i < path->n; i++) {
		const struct held *h = &path->held[i];

		if (!affairs_member(a, &h->ref.at.author))
			return CHAIN_E_STRANGER;
		if (last && id_equal(&last->ref.at.author, &h->ref.at.author) &&
			last->control.term == h->control.term)
			continue;
		if (!affairs_room(a, &h->ref.at.author, h->control.term, 0))
			return CHAIN_E_PATH;
		last = h;
	}
	return 0;
}

/* A part of a path may have what rests on another part of it: not yet. *ret: there was any. */
static int skip_strangers(
	struct step *s, struct path *path, struct affairs *a, bool *ret_skipped)
{
	size_t n = path->first_new;

	for (size_t i = path->first_new; i < path->n; i++) {
		if (!affairs_member(a, &path->held[i].ref.at.author))
			continue;
		path->held[n] = path->held[i];
		path->changes[n - path->first_new] = path->changes[i - path->first_new];
		n++;
	}
	if (n == path->n)
		return 0;
	*ret_skipped = true;
	path->n = n;
	path->n_new = n - path->first_new;
	return affairs_read(path->held, path->n, s->arena, a);
}

int path_forget(struct step *s, const struct peer *p, const struct id *record)
{
	struct record_row row;
	struct scan scan;
	int r = record_get(s->view, record, &row);

	/* Somebody else may be sending it, too. */
	for (size_t i = 0; r == ROW_NONE && i < s->node->n_peers; i++) {
		const struct peer *other = s->node->peers[i];
		struct want_row want;

		if (other != p)
			r = want_get(s->view, &other->region, record, &want);
	}
	if (r != ROW_NONE)
		return r < 0 ? err_up(r) : 0;
	scan_init(&scan, TABLE_CONTROL, SPAN_OF(*record));
	while ((r = scan_next(&scan, s->view)) == 0) {
		r = row_del(s->view, TABLE_CONTROL, scan_key(&scan));
		if (r)
			return err_up(r);
	}
	node_forget(s->node, record);
	return r < 0 ? err_up(r) : 0;
}

/* The regions whose cards came with a message and were not held before. */
struct strangers {
	struct id v[BUNDLES_MAX];
	size_t n;
};

/* A card that is refused leaves the others as good as they are. One message is told of once. */
static int take_cards(
	struct step *s, struct peer *p, const struct message *m, struct strangers *ret)
{
	bool wrong = false, older = false;
	int r = 0;

	ret->n = 0;
	for (size_t i = 0; i < m->changes.n_bundles && i < BUNDLES_MAX && r >= 0; i++) {
		enum card_news news;
		struct id region;

		r = region_learn(s, m->changes.bundles[i], &region, &news);
		wrong |= r > 0;
		if (r)
			continue;
		/* Of another region it may not have heard the newest. */
		older |= news == CARD_OLDER && id_equal(&region, &p->region);
		if (news == CARD_FIRST)
			ret->v[ret->n++] = region;
		if (news != CARD_NEWER || !peer_find(s->node, &region))
			continue;
		/* Its keys and endpoints are in memory, too. */
		r = peer_load(s, &region);
		if (!r)
			r = peer_announce(s);
	}
	if (r < 0)
		return err_up(r);
	if (!wrong && !older)
		return 0;
	return peer_refuse(s, p, &m->changes.record,
		wrong ? VERDICT_CARD_WRONG : VERDICT_CARD_OLDER, false);
}

/* A card is kept of a region that is in the circle of the record; of any other it was needed to
 * read the path, at most. .a: NULL, when nothing came of it (P7.13); else who has nothing to do
 * with the record was made up. */
static int drop_strangers(struct step *s, struct peer *p, const struct id *record,
	const struct strangers *of, const struct affairs *a)
{
	bool made_up = false;

	for (size_t i = 0; i < of->n; i++) {
		struct span card;
		int r;

		if (a && affairs_member(a, &of->v[i])) {
			r = row_get(s->view, TABLE_CARD, SPAN_OF(of->v[i]), &card);
			if (!r)
				r = quota_charge(
					s, &of->v[i], &p->region, quota_cost(card.len), 0);
		} else {
			r = row_del(s->view, TABLE_CARD, SPAN_OF(of->v[i]));
			made_up |= a != NULL;
		}
		if (r)
			return err_odd(r);
	}
	return made_up ? peer_refuse(s, p, record, VERDICT_CARD_STRANGE, false) : 0;
}

/* A record begins here: whose account is full, with what is kept for this, has to wait. */
static int check_begin(struct step *s, struct peer *p, const struct id *record, bool *ret)
{
	struct record_row row;
	uint64_t used;
	int r = record_get(s->view, record, &row);

	*ret = r == 0;
	if (r != ROW_NONE)
		return r;
	r = quota_used(s, &p->region, &used);
	if (r)
		return err_up(r);
	*ret = used < quota_reserve(s->node);
	return 0;
}

/* Ours to hold, and to take from this peer (P7.10). */
static bool is_ours(const struct step *s, const struct peer *p, const struct affairs *a)
{
	return a->known && affairs_role(a, &s->node->region) != ROLE_NONE &&
	       affairs_role(a, &p->region) != ROLE_NONE;
}

static int not_ours(struct step *s, struct peer *p, const struct id *record)
{
	int r = sync_drop(s, p, record);

	if (!r)
		r = sync_wanted(s, record, NULL);
	return r ? err_up(r) : peer_refuse(s, p, record, VERDICT_NOT_IN_CIRCLE, false);
}

/* The path of the message beside what is held, checked but for its place in the circle. */
static int read_path(
	struct step *s, const struct message *m, struct path *path, struct affairs *a)
{
	const struct id *record = &m->changes.record;
	int r = load_path(s, record, path);

	for (size_t i = 0; i < m->changes.n_path && !r; i++)
		r = take_path(s, record, &m->changes.path[i], path);
	return r ? r : affairs_read(path->held, path->n, s->arena, a);
}

/* Nothing of a record that begins is kept when there is no room; else the new part of the path.
 */
static int keep_new(struct step *s, struct peer *p, const struct id *record,
	const struct path *path, bool *ret_room)
{
	const struct affairs *before;
	int r = check_begin(s, p, record, ret_room);

	if (r)
		return err_up(r);
	if (!*ret_room) {
		r = quota_park(s, p, record);
		return r ? err_up(r) : sync_drop(s, p, record);
	}
	if (path->n_new) {
		r = node_affairs(s, record, &before);
		if (r)
			return err_up(r);
		if (node_affairs_full(s->node, record))
			return CHAIN_E_RUN;
	}
	return keep_path(s, p, record, path);
}

/* One of several parts (P7.8). It is kept before it is known whether the record is ours; and
 * forgotten with the want, if it is not. */
static int take_part(struct step *s, struct peer *p, struct get_slot *slot,
	const struct message *m, struct path *path, struct affairs *a, bool *ret_whole)
{
	const struct id *record = &m->changes.record;
	bool room = true;
	int r = ++slot->path_parts > PARTS_MAX
			? CHAIN_E_PATH
			: skip_strangers(s, path, a, &slot->path_skipped);

	if (!r)
		r = check_new(path, a);
	if (!r)
		r = keep_new(s, p, record, path, &room);
	slot->path_new |= path->n_new > 0;
	slot->path_open = !r && room && m->changes.path_more;
	*ret_whole = !r && room && !m->changes.path_more && !slot->path_skipped;
	if (r)
		return r < 0 ? err_up(r) : sync_refuse(s, p, record, r);
	if (slot->path_open || !slot->path_skipped)
		return 0;
	/* Once more from its beginning, as long as that brings anything. */
	return slot->path_new ? 0 : sync_refuse(s, p, record, CHAIN_E_STRANGER);
}

/* The path of the message with what is held: what it makes of the record, and whether we go on
 * with it. What is wrong is told, and then we do not. */
static int take_whole_path(struct step *s, struct peer *p, struct get_slot *slot,
	const struct message *m, struct affairs *a, bool *ret_on, bool *ret_new)
{
	const struct id *record = &m->changes.record;
	bool parts = slot->path_open || m->changes.path_more, room = true, whole;
	struct path path;
	int r = read_path(s, m, &path, a);

	if (r) {
		slot->path_open = false;
		return r < 0 ? err_up(r) : sync_refuse(s, p, record, r);
	}
	if (parts) {
		r = take_part(s, p, slot, m, &path, a, &whole);
		/* Another part is worth asking for, whatever this one brought. */
		*ret_new = path.n_new > 0 || slot->path_open;
		if (r || !whole)
			return r ? err_up(r) : 0;
	}
	/* (P7.10), before anything of the record is kept but parts of a path */
	if (!is_ours(s, p, a))
		return not_ours(s, p, record);
	if (!parts) {
		r = check_new(&path, a);
		if (!r)
			r = keep_new(s, p, record, &path, &room);
		if (r)
			return r < 0 ? err_up(r) : sync_refuse(s, p, record, r);
	}
	*ret_on = room;
	*ret_new = path.n_new > 0;
	return 0;
}

/* A message without a path: what is held says it all. */
static int take_no_path(struct step *s, struct peer *p, const struct message *m,
	const struct affairs **ret, bool *ret_on)
{
	int r = node_affairs(s, &m->changes.record, ret);

	if (r)
		return err_up(r);
	*ret_on = is_ours(s, p, *ret);
	return *ret_on ? 0 : not_ours(s, p, &m->changes.record);
}

int path_take(struct step *s, struct peer *p, struct get_slot *slot, const struct message *m,
	bool *ret_on, bool *ret_new)
{
	struct strangers cards;
	struct affairs read;
	const struct affairs *a = &read;
	int r = take_cards(s, p, m, &cards);

	*ret_on = *ret_new = false;
	if (!r && m->changes.n_path) {
		r = take_whole_path(s, p, slot, m, &read, ret_on, ret_new);
	} else if (!r && slot->path_open) {
		/* It does not know any more where it was: from the beginning, later. */
		slot->path_open = false;
		p->wants_due = s->event->now + WANT_PAUSE;
	} else if (!r) {
		r = take_no_path(s, p, m, &a, ret_on);
	}
	if (!r)
		r = drop_strangers(s, p, &m->changes.record, &cards, *ret_on ? a : NULL);
	return r ? err_up(r) : 0;
}
