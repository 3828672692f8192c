/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Loop
 *
 * zmq_poll only says that there is something to do; then everybody does what there is, without
 * waiting and with a bound. That is what ZeroMQ's edge-triggered descriptors ask for, and with
 * a few dozen sockets it costs nothing.
 */

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <zmq.h>

#include "daemon/link/hub.h"

#define RETRY_MIN  100
#define PUSH_PAUSE 5 /* a full ROUTER pipe cannot be polled for */
#define IDLE       60000
#define BESIDES    5 /* poll items that are not a dialled link's */

struct polls {
	zmq_pollitem_t *items;
	size_t n, room;
	msec due;
};

msec hub_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (msec)t.tv_sec * 1000 + (msec)t.tv_nsec / 1000000;
}

int hub_init(struct hub *h, const char *kithd, int given, const struct secret *key,
	const struct pubkey *public)
{
	int r;

	*h = (struct hub){ .now = hub_clock(), .key = *key, .public = *public };
	h->kithd.path = kithd;
	h->kithd.delay = RETRY_MIN;
	h->door.given = -1;
	arena_init(&h->pins_arena, 0);
	arena_init(&h->kithd.in, 0);
	arena_init(&h->kithd.out, 0);
	h->zmq = zmq_ctx_new();
	if (!h->zmq || zmq_ctx_set(h->zmq, ZMQ_IO_THREADS, 2) < 0)
		return err_new(-errno);
	if (given >= 0 && listen_adopt(h, given) < 0)
		return err_new(-EINVAL);
	r = zap_open(h);
	return r < 0 ? err_up(r) : 0;
}

void hub_done(struct hub *h)
{
	void *none = NULL;

	for (struct link *l = h->links; l; l = l->next)
		link_forget(h, l);
	links_bury(h);
	door_close(h);
	socket_close(&h->zap, &none);
	if (h->zmq)
		zmq_ctx_term(h->zmq);
	h->kithd.client = ctl_client_free(h->kithd.client);
	arena_done(&h->pins_arena);
	arena_done(&h->kithd.in);
	arena_done(&h->kithd.out);
	secret_done(&h->key);
}

/* ---- What to wait for ---- */

static void watch(struct polls *p, void *socket, int fd, short events)
{
	if (events)
		p->items[p->n++] = (zmq_pollitem_t){ socket, fd, events, 0 };
}

static void until(struct polls *p, msec due)
{
	if (due < p->due)
		p->due = due;
}

static int make_room(struct hub *h, struct polls *p)
{
	size_t need = BESIDES;
	zmq_pollitem_t *items;

	for (const struct link *l = h->links; l; l = l->next)
		need += 2;
	if (need <= p->room)
		return 0;
	items = realloc(p->items, 2 * need * sizeof(*items));
	if (!items)
		return err_new(-ENOMEM);
	p->items = items;
	p->room = 2 * need;
	return 0;
}

static void watch_link(struct hub *h, struct polls *p, const struct link *l)
{
	short events = 0;

	if (!l->dialled) {
		if (l->out)
			until(p, h->now + PUSH_PAUSE);
		return;
	}
	watch(p, l->dial.events, 0, ZMQ_POLLIN);
	until(p, l->dial.due);
	if (l->state == LINK_LIVE && !kithd_behind(h))
		events |= ZMQ_POLLIN;
	if (l->out)
		events |= ZMQ_POLLOUT;
	watch(p, l->dial.dealer, 0, events);
}

static void watch_door(struct hub *h, struct polls *p)
{
	const bool behind = kithd_behind(h);

	if (!h->door.router) {
		until(p, h->door.wanted[0] ? h->door.due : MSEC_NEVER);
		return;
	}
	watch(p, h->door.events, 0, ZMQ_POLLIN);
	watch(p, h->door.router, 0, behind ? 0 : ZMQ_POLLIN);
	for (const struct caller *c = h->door.callers; c; c = c->next) {
		if (c->left)
			until(p, behind ? MSEC_NEVER : h->now);
		else if (c->parting)
			until(p, c->parting);
		else if (!c->link && !c->shut && !behind)
			until(p, c->since + HELLO_WAIT);
	}
}

static void watch_kithd(struct hub *h, struct polls *p)
{
	const struct ctl_client *c = h->kithd.client;

	if (!c) {
		until(p, h->kithd.due);
		return;
	}
	if (h->kithd.failed || ctl_client_ready(c))
		until(p, h->now);
	watch(p, NULL, ctl_client_fd(c),
		(short)(ZMQ_POLLIN | (ctl_client_queued(c) > 0 ? ZMQ_POLLOUT : 0)));
}

static int wait_for_work(struct hub *h, struct polls *p, int signals, bool *ret_signal)
{
	int r;

	r = make_room(h, p);
	if (r < 0)
		return err_up(r);
	p->n = 0;
	p->due = h->now + IDLE;
	watch(p, NULL, signals, ZMQ_POLLIN);
	watch(p, h->zap, 0, ZMQ_POLLIN);
	watch_kithd(h, p);
	watch_door(h, p);
	if (h->links || h->door.callers)
		until(p, h->watch_due);
	if (h->feed_every)
		until(p, h->feed_due);
	for (const struct link *l = h->links; l; l = l->next)
		watch_link(h, p, l);

	if (zmq_poll(p->items, (int)p->n, p->due > h->now ? (long)(p->due - h->now) : 0) < 0 &&
		errno != EINTR)
		return err_new(-errno);
	*ret_signal = p->items[0].revents & ZMQ_POLLIN;
	return 0;
}

/* ---- What to do ---- */

static struct link *next_dialled(struct link *l)
{
	while (l && !(l->dialled && l->state == LINK_LIVE))
		l = l->next;
	return l;
}

/* The door and every link that we dialled give some messages in turn, from where kithd was too
 * far behind for more the last time: so that a flood at one keeps no other one waiting. */
static int receive(struct hub *h)
{
	struct link *l = link_find(h, h->heard);
	unsigned sources = 1;
	int r = 0;

	for (struct link *at = next_dialled(h->links); at; at = next_dialled(at->next))
		sources++;
	for (; sources > 0 && r == 0 && !kithd_behind(h); sources--) {
		l = next_dialled(l ? l->next : h->links);
		h->heard = l ? l->number : 0;
		r = l ? dial_receive(h, l) : door_receive(h);
	}
	return r < 0 ? err_up(r) : 0;
}

static int do_link(struct hub *h, struct link *l)
{
	int r = 0;

	if (l->dialled && l->state != LINK_ENDED)
		r = dial_events(h, l);
	if (r == 0 && l->state == LINK_LIVE)
		r = link_push(h, l);
	if (r == 0 && l->dialled && l->state == LINK_LIVE && h->now >= h->watch_due)
		r = dial_unheard(h, l);
	if (r == 0 && l->dialled && l->state == LINK_DIALLING && h->now >= l->dial.due)
		r = dial_overdue(h, l);
	return r < 0 ? err_up(r) : 0;
}

static int turn(struct hub *h)
{
	int r;

	/* First what somebody may be waiting for at the other end. */
	r = kithd_flush(h);
	if (r == 0)
		r = kithd_hear(h);
	zap_answer(h);
	if (r == 0)
		r = receive(h);
	door_events(h);
	if (r == 0)
		r = door_sweep(h);
	for (struct link *l = h->links; l && r == 0; l = l->next)
		r = do_link(h, l);
	if (h->now >= h->watch_due)
		h->watch_due = h->now + WATCH_PAUSE;
	links_bury(h);

	if (r == 0 && h->kithd.failed)
		kithd_lost(h);
	if (r == 0)
		r = kithd_try(h);
	if (r == 0)
		r = door_try(h);
	if (r == 0)
		r = h->failed;
	return r < 0 ? err_up(r) : 0;
}

int hub_run(struct hub *h, int signals)
{
	struct polls p = { NULL, 0, 0, 0 };
	bool signal = false;
	int r = 0;

	h->feed_every = notify_watchdog() / 3;
	notify("READY=1");
	while (r == 0 && !signal) {
		h->now = hub_clock();
		r = turn(h);
		if (r == 0 && h->feed_every && h->now >= h->feed_due) {
			notify("WATCHDOG=1");
			h->feed_due = h->now + h->feed_every;
		}
		if (r == 0)
			r = wait_for_work(h, &p, signals, &signal);
	}
	free(p.items);
	return r < 0 ? err_up(r) : 0;
}
