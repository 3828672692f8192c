/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Turn
 *
 * Write, then speak: every event that is there steps against one view, one commit makes all of
 * it durable, and only then does a word of it leave. Requests are kept until then, so that
 * nobody waits for an answer that was lost with its turn.
 */

#include "daemon/host/host.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/host/journal.h"
#include "daemon/host/tell.h"

int turn_view(struct host *h, struct view *ret)
{
	const struct about about = { .id = LOG_ID_IO };
	int r = store_turn_begin(h->store, ret);

	if (r < 0 && *store_failure(h->store))
		journal_say(LOG_CRIT, &about,
			"the store cannot be read (%s): ends now, verify the store",
			store_failure(h->store));
	return r < 0 ? err_up(r) : 0;
}

static int begin(struct host *h)
{
	struct turn *t = &h->turn;
	int r = turn_view(h, &t->view);

	if (r < 0)
		return err_up(r);
	t->open = true;
	t->failed = false;
	t->result = 0;
	t->asks = (struct asks){ 0 };
	return 0;
}

static int keep(struct turn *t, const struct event *e)
{
	struct asks *l = &t->asks;
	struct ask *grown = arena_grow(&t->kept, l->v, l->n, &l->room, sizeof(*l->v));
	uint8_t *copy = arena_copy(&t->kept, e->bytes.at, e->bytes.len);

	if (!grown || !copy)
		return err_new(-ENOMEM);
	l->v = grown;
	l->v[l->n++] = (struct ask){ e->client, { copy, e->bytes.len } };
	return 0;
}

int turn_step(struct host *h, struct event *e)
{
	struct turn *t = &h->turn;
	int r = t->open ? 0 : begin(h);

	if (r == 0)
		r = host_count(h);
	if (r == 0 && e->kind == EVENT_ASK)
		r = keep(t, e);
	e->figures = &h->figures;
	if (r < 0)
		return err_up(r);
	if (t->failed)
		return 0; /* the turn is lost; what asks will be asked again */

	e->now = host_now();
	e->wall_ms = host_wall();
	r = node_step(h->node, e, &t->view, &t->actions);
	if (r != 0) {
		t->failed = true;
		t->result = r;
	}
	return 0;
}

bool turn_heavy(const struct host *h)
{
	const struct turn *t = &h->turn;

	return t->failed || t->kept.used > TURN_KEPT_MAX || t->arena.used > TURN_MADE_MAX;
}

msec turn_due(const struct host *h)
{
	const msec due = h->relisten || h->resettle ? 0 : node_due(h->node);

	return due < h->held_until ? h->held_until : due;
}

/* ---- Speaking ---- */

/* A reply to the last of its requests means that this client waits for nothing more. */
static int reply(struct host *h, uint64_t client, struct span bytes, bool last)
{
	struct asker *asker = serve_find(h, client);
	int r;

	if (!asker)
		return 0;
	if (last && asker->waiting > 0)
		asker->waiting--;

	r = ctl_server_send(h->control, client, bytes);
	if (r == CTL_E_SLOW)
		journal_say(LOG_WARNING, NULL,
			"a client (%s) does not read its replies and is closed", asker->user);
	return r < 0 ? err_up(r) : 0;
}

int host_reply(struct host *h, uint64_t client, const struct ctl_reply *r)
{
	struct arena a;
	struct span bytes;
	int rc;

	arena_init(&a, 0);
	rc = wire_reply_encode(r, &a, &bytes);
	if (rc == 0)
		rc = reply(h, client, bytes, r->last);
	arena_done(&a);
	return rc ? err_odd(rc) : 0;
}

static int do_task(struct host *h, const struct action *a)
{
	switch (a->task) {
	case HOST_RELOAD:
		return reload_asked(h, a);
	case HOST_VERIFY:
		return verify_asked(h, a);
	}
	return 0;
}

static int to_link(struct host *h, const struct action *a)
{
	int r;

	if (h->link_client == 0)
		return 0;
	r = ctl_server_send(h->link, h->link_client, a->bytes);
	if (r == CTL_E_SLOW)
		journal_say(LOG_WARNING, NULL, "kith-link does not keep up and is closed");
	return r < 0 ? err_up(r) : 0;
}

static int live_add(struct host *h, const struct id *peer)
{
	if (h->n_live == h->room_live) {
		const size_t room = h->room_live ? h->room_live * 2 : 16;
		struct id *grown = reallocarray(h->live, room, sizeof(*grown));

		if (!grown)
			return err_new(-ENOMEM);
		h->live = grown;
		h->room_live = room;
	}
	h->live[h->n_live++] = *peer;
	return 0;
}

static void live_remove(struct host *h, const struct id *peer)
{
	for (size_t i = 0; i < h->n_live; i++)
		if (id_equal(&h->live[i], peer))
			h->live[i--] = h->live[--h->n_live];
}

static int tell(struct host *h, const struct tell *t)
{
	int r = 0;

	if (t->verb == TELL_GREETS || t->verb == TELL_LOSES) {
		live_remove(h, &t->peer);
		if (t->verb == TELL_GREETS)
			r = live_add(h, &t->peer);
	}
	h->news = true;
	tell_log(t);
	return r < 0 ? err_up(r) : 0;
}

static bool is_for_link(const struct action *a)
{
	return a->kind == ACTION_LINK_PEERS || a->kind == ACTION_LINK_DIAL ||
	       a->kind == ACTION_LINK_DROP || a->kind == ACTION_LINK_SEND;
}

/* What goes to other regions has the longer way: it goes first. */
static int speak(struct host *h)
{
	const struct actions *all = &h->turn.actions;
	int r = 0;

	for (size_t i = 0; i < all->n && r == 0; i++)
		if (is_for_link(&all->v[i]))
			r = to_link(h, &all->v[i]);
	for (size_t i = 0; i < all->n && r == 0; i++) {
		const struct action *a = &all->v[i];

		switch (a->kind) {
		case ACTION_LINK_PEERS:
		case ACTION_LINK_DIAL:
		case ACTION_LINK_DROP:
		case ACTION_LINK_SEND:
			break;
		case ACTION_REPLY:
			r = reply(h, a->client, a->bytes, a->last);
			break;
		case ACTION_TELL:
			r = tell(h, &a->tell);
			break;
		case ACTION_HOST:
			r = do_task(h, a);
			break;
		}
	}
	return r < 0 ? err_up(r) : 0;
}

/* ---- Ending ---- */

static int commit(struct host *h, enum outcome *ret)
{
	struct why why = { 0 };
	struct about about = { .id = LOG_ID_FULL };
	int r = store_turn_commit(h->store, &why);

	if (r == 0) {
		*ret = OUTCOME_DONE;
		return 0;
	}
	h->figures_at = 0;
	if (r == STORE_E_FULL) {
		journal_say(LOG_ERR, &about, "the turn does not fit: %s", why.text);
		*ret = OUTCOME_FULL;
		return 0;
	}
	about.id = LOG_ID_IO;
	journal_say(LOG_CRIT, &about,
		"the store cannot be written (%s): ends now, verify the store",
		why.text[0] ? why.text : strerror(r < 0 ? -r : EIO));
	return r < 0 ? err_up(r) : err_new(-EIO);
}

static enum outcome outcome_of(int result)
{
	const struct about full = { .id = LOG_ID_FULL }, damaged = { .id = LOG_ID_DAMAGED },
			   broken = { .id = LOG_ID_BROKEN };

	if (result == VIEW_FULL) {
		journal_say(LOG_ERR, &full,
			"the store or its disk is full: nothing new is taken in");
		err_forget();
		return OUTCOME_FULL;
	}
	if (result == VIEW_DAMAGED) {
		journal_say(LOG_ERR, &damaged,
			"a row of the store is damaged: keep the disk as it is; kithctl "
			"verify");
		journal_trail();
		return OUTCOME_DAMAGED;
	}
	journal_say(LOG_ERR, &broken, "a turn broke (%d) and is undone", result);
	journal_trail();
	return OUTCOME_BROKEN;
}

/* Sign, and say to peers and followers what came of it. */
static void end_steps(struct host *h)
{
	const struct event e = {
		.now = host_now(), .wall_ms = host_wall(), .figures = &h->figures
	};
	struct turn *t = &h->turn;

	if (t->failed)
		return;
	t->result = node_end(h->node, &e, &t->view, &t->actions);
	t->failed = t->result != 0;
}

static int finish(struct host *h, enum outcome *ret)
{
	struct turn *t = &h->turn;
	int r;

	*ret = OUTCOME_DONE;
	end_steps(h);
	h->done += store_turn_dirty(h->store) || t->actions.n > 0;
	if (!t->failed && store_turn_dirty(h->store)) {
		r = commit(h, ret);
		if (r < 0)
			return err_up(r);
	} else {
		store_turn_abort(h->store);
		if (t->failed)
			*ret = outcome_of(t->result);
	}
	if (*ret != OUTCOME_DONE)
		return 0;

	for (size_t i = 0; i < t->asks.n; i++) {
		struct asker *a = serve_find(h, t->asks.v[i].client);

		if (a)
			a->waiting++;
	}
	r = speak(h);
	return r < 0 ? err_up(r) : 0;
}

int turn_close(struct host *h, enum outcome *ret)
{
	struct turn *t = &h->turn;
	int r;

	assert(t->open);
	t->open = false;
	r = finish(h, ret);
	arena_reset(&t->arena);
	t->actions = (struct actions){ .arena = &t->arena };
	return r < 0 ? err_up(r) : 0;
}

int turn_end(struct host *h)
{
	struct turn *t = &h->turn;
	enum outcome outcome = OUTCOME_BROKEN;
	struct asks asks;
	int r;

	if (!t->open)
		return 0;
	r = turn_close(h, &outcome);
	asks = t->asks;
	if (r == 0 && outcome != OUTCOME_DONE)
		r = recover(h, outcome, &asks);
	t->asks = (struct asks){ 0 };
	arena_reset(&t->kept);
	return r < 0 ? err_up(r) : 0;
}
