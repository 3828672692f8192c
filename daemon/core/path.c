/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The head of an answer: the cards of a record's regions and its custody path (P7.8). They are
 * judged together, before anything else of the record is looked at.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define BUNDLES_MAX 128 /* cards of one message that are looked at (P7.13) */

/* The custody path: what is new of it, checked, with what is held already. */
struct path {
	struct held *held;
	size_t n, room;
	struct wire_change *changes; /* the new ones, .held[first_new + i] */
	size_t n_new, room_new;
	size_t first_new;
	size_t bytes;
};

static int load_path(struct step *s, const struct id *record, struct path *ret)
{
	struct scan scan;
	int r;

	*ret = (struct path){ 0 };
	scan_init(&scan, TABLE_CONTROL, SPAN_OF(*record));
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct wire_change c;
		struct held *grown =
			arena_grow(s->arena, ret->held, ret->n, &ret->room, sizeof(*grown));

		if (!grown)
			return err_new(-ENOMEM);
		ret->held = grown;
		grown[ret->n] = (struct held){ 0 };
		if (!control_row_read((struct span){ scan.key, scan.key_len }, scan.value,
			    &grown[ret->n].ref, &c))
			return err_new(-EUCLEAN);
		r = wire_control_decode(c.body, s->arena, &grown[ret->n].control);
		if (r)
			return r == -ENOMEM ? err_up(r) : err_new(-EUCLEAN);
		ret->n++;
	}
	ret->first_new = ret->n;
	return r < 0 ? err_up(r) : chain_path_bytes(s, record, &ret->bytes);
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
	grown[path->n] = (struct held){ .must_understand = h.flags & FLAG_MUST_UNDERSTAND };
	r = chain_check_control(s, record, c, &grown[path->n].ref, &grown[path->n].control);
	if (r)
		return r;
	path->bytes += wire_change_size(c);
	if (path->bytes > PATH_MAX_BYTES)
		return CHAIN_E_PATH;
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
			s->view, record, &h->ref.at, &h->ref.change, &path->changes[i]);

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

/* Nobody but who is or was in the circle writes anything in it: else any member could fill a
 * record with the chains of regions that it made up. */
static int check_authors(const struct path *path, const struct affairs *a)
{
	for (size_t i = path->first_new; i < path->n; i++)
		if (!affairs_member(a, &path->held[i].ref.at.author))
			return CHAIN_E_STRANGER;
	return 0;
}

/* The regions whose cards came with a message and were not held before. */
struct strangers {
	struct id v[BUNDLES_MAX];
	size_t n;
};

/* A card that is refused leaves the others as good as they are. */
static int take_cards(
	struct step *s, struct peer *p, const struct message *m, struct strangers *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < m->changes.n_bundles && i < BUNDLES_MAX; i++) {
		struct id region;
		bool newer, first;
		int r = region_learn(s, m->changes.bundles[i], &region, &newer, &first);

		if (!r && first)
			ret->v[ret->n++] = region;

		if (r > 0)
			r = peer_refuse(s, p, &m->changes.record, VERDICT_CARD_WRONG, false);
		else if (!r && newer && peer_find(s->node, &region)) {
			/* Its keys and endpoints are in memory, too. */
			r = peer_load(s, &region);
			if (!r)
				r = peer_announce(s);
		}
		if (r)
			return err_up(r);
	}
	return 0;
}

/* A card is kept of a region that is in the circle of the record; of any other it was needed to
 * read the path, at most. .a: NULL, when nothing came of it (P7.13). */
static int drop_strangers(
	struct step *s, struct peer *p, const struct strangers *of, const struct affairs *a)
{
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
		}
		if (r)
			return err_odd(r);
	}
	return 0;
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

/* The path of the message with what is held: what it makes of the record, and whether we go on
 * with it. What is wrong is told, and then we do not. */
static int take_whole_path(struct step *s, struct peer *p, const struct message *m,
	struct affairs *a, bool *ret_on, bool *ret_new)
{
	const struct id *record = &m->changes.record;
	const struct affairs *before;
	struct path path;
	bool room = true;
	int r = load_path(s, record, &path);

	for (size_t i = 0; i < m->changes.n_path && !r; i++)
		r = take_path(s, record, &m->changes.path[i], &path);
	if (!r)
		r = affairs_read(path.held, path.n, s->arena, a);
	if (r)
		return r < 0 ? err_up(r) : sync_refuse(s, p, record, r);

	/* (P7.10), before anything of the record is kept */
	if (!is_ours(s, p, a))
		return not_ours(s, p, record);
	r = check_authors(&path, a);
	if (!r && path.n_new) {
		r = node_affairs(s, record, &before);
		if (!r && node_affairs_full(s->node, record))
			r = CHAIN_E_RUN;
	}
	if (r)
		return r < 0 ? err_up(r) : sync_refuse(s, p, record, r);
	r = check_begin(s, p, record, &room);
	if (!r && !room) {
		r = quota_park(s, p, record);
		return r ? err_up(r) : sync_drop(s, p, record);
	}
	*ret_on = true;
	*ret_new = path.n_new > 0;
	return r ? err_up(r) : keep_path(s, p, record, &path);
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

int path_take(
	struct step *s, struct peer *p, const struct message *m, bool *ret_on, bool *ret_new)
{
	struct strangers cards;
	struct affairs read;
	const struct affairs *a = &read;
	int r = take_cards(s, p, m, &cards);

	*ret_on = *ret_new = false;
	if (!r)
		r = m->changes.n_path ? take_whole_path(s, p, m, &read, ret_on, ret_new)
				      : take_no_path(s, p, m, &a, ret_on);
	if (!r)
		r = drop_strangers(s, p, &cards, *ret_on ? a : NULL);
	return r ? err_up(r) : 0;
}
