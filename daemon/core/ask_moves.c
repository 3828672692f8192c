/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Many moves: the list of what waits, those who follow it, and the account of all moves with
 * one region, page by page.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/ask.h"

#define PAGE_MAX   200 /* moves in one reply: it stays far below what a reply may have */
#define LOOKED_MAX 500 /* records that one request for a page looks at */

/* One more view in the reply. */
static struct ctl_move *add(struct ask *a, size_t *room)
{
	struct ctl_move *grown =
		arena_grow(a->s->arena, a->reply.moves, a->reply.n_moves, room, sizeof(*grown));

	if (!grown)
		return NULL;
	a->reply.moves = grown;
	return &grown[a->reply.n_moves];
}

static void added(struct ask *a)
{
	if (!ask_sees_contents(a))
		view_bare(&a->reply.moves[a->reply.n_moves]);
	a->reply.n_moves++;
}

static int list_one(struct ask *a, const struct id *record, size_t *room)
{
	const struct affairs *f;
	struct ctl_move *m = add(a, room);
	int r = m ? node_affairs(a->s, record, &f) : err_new(-ENOMEM);

	if (!r)
		r = view_move(a->s, record, f, m);
	if (r)
		return err_up(r);
	added(a);
	return 0;
}

int ask_move_list(struct ask *a)
{
	struct follower *follower;
	struct scan scan;
	size_t room = 0;
	int r = a->q.follow ? follower_begin(a, NULL, &follower) : 0;

	if (r)
		return r;
	scan_init(&scan, TABLE_MOVE, (struct span){ 0 });
	while ((r = scan_next(&scan, a->s->view)) == 0) {
		struct move_row row;
		struct id record;

		if (!move_row_read(scan.value, &row))
			return err_new(-EUCLEAN);
		if (row.phase == MOVE_SETTLED)
			continue;
		memcpy(record.b, scan.key, ID_LEN);
		r = list_one(a, &record, &room);
		if (!r && a->reply.n_moves == PAGE_MAX) {
			a->reply.more = "the list goes on in the next reply";
			r = ask_more(a);
			room = 0;
		}
		if (r)
			return err_up(r);
	}
	if (r < 0)
		return err_up(r);
	return a->q.follow ? ask_more(a) : 0; /* also when there is none: it stands */
}

int followers_tell_all(struct step *s, const struct id *record)
{
	struct node *n = s->node;
	const struct affairs *a;
	struct ctl_move whole;
	bool made = false;

	for (size_t i = 0; i < FOLLOWERS_MAX; i++) {
		const struct follower *f = &n->followers[i];
		struct ctl_move move;
		int r = 0;

		if (!f->busy || !f->all)
			continue;
		if (!made)
			r = node_affairs(s, record, &a);
		if (!made && !r)
			r = view_move(s, record, a, &whole);
		if (r)
			return err_up(r);
		made = true;
		move = whole;
		if (f->bare)
			view_bare(&move);
		r = ask_reply(s, f->client,
			&(struct ctl_reply){ .id = f->request, .moves = &move, .n_moves = 1 });
		if (r)
			return err_up(r);
	}
	return 0;
}

/* The account -------------------------------------------------------------------------------
 */

static bool between(
	const struct step *s, const struct offer *o, const struct id *peer, uint64_t since)
{
	const struct id *self = &s->node->region, *to = &o->offer->control.to;

	return ((id_equal(&o->from, self) && id_equal(to, peer)) ||
		       (id_equal(&o->from, peer) && id_equal(to, self))) &&
	       handover_said(o->offer) >= since;
}

static int report_record(
	struct ask *a, const struct id *record, const struct id *peer, size_t *room)
{
	const struct affairs *f;
	int r = node_affairs(a->s, record, &f);

	for (size_t i = 0; !r && i < f->n_offers; i++) {
		struct ctl_move *m;

		if (!between(a->s, &f->offers[i], peer, a->q.since_ms))
			continue;
		m = add(a, room);
		r = m ? view_offer(a->s, record, f, &f->offers[i], m) : err_new(-ENOMEM);
		if (!r)
			added(a);
	}
	return r ? err_up(r) : 0;
}

int ask_move_report(struct ask *a)
{
	struct id peer, record = { 0 };
	char text[ID_TEXT_LEN] = "";
	size_t room = 0, looked = 0;
	struct scan scan;
	int r = ask_peer(a, &peer);

	if (r)
		return r;
	if (a->q.page.len == 2 * ID_LEN)
		memcpy(text, a->q.page.at, 2 * ID_LEN);
	if (a->q.page.len && !id_parse(text, &record))
		return ask_problem(a, PROBLEM_ARGUMENT, "page is what a reply had as more");
	scan_init(&scan, TABLE_MOVE, (struct span){ 0 });
	scan_from(&scan, SPAN_OF(record));
	while ((r = scan_next(&scan, a->s->view)) == 0) {
		memcpy(record.b, scan.key, ID_LEN);
		if (looked++ == LOOKED_MAX || a->reply.n_moves >= PAGE_MAX) {
			a->reply.more = text_of_id(a->s->arena, &record);
			return 0;
		}
		r = report_record(a, &record, &peer, &room);
		if (r)
			return err_up(r);
	}
	return r < 0 ? err_up(r) : 0;
}
