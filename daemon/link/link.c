/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Link
 *
 * One connection to one peer, dialled or accepted, as kithd sees it: a number that goes up
 * once, carries frames and goes down once.
 */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <zmq.h>

#include "daemon/link/hub.h"

int link_new(struct hub *h, uint64_t number, const struct id *region, const struct pubkey *key,
	bool dialled, struct link **ret)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return err_new(-ENOMEM);
	l->number = number;
	l->region = *region;
	l->key = *key;
	l->dialled = dialled;
	l->accepted.fd = -1;
	l->out_end = &l->out;
	l->next = h->links;
	h->links = l;
	*ret = l;
	return 0;
}

struct link *link_find(const struct hub *h, uint64_t number)
{
	struct link *l = h->links;

	while (l && (l->number != number || l->state == LINK_ENDED))
		l = l->next;
	return l;
}

static void out_drop(struct link *l)
{
	while (l->out) {
		struct out_frame *f = l->out;

		l->out = f->next;
		free(f);
	}
	l->out_end = &l->out;
	l->out_bytes = 0;
}

int link_up(struct hub *h, struct link *l)
{
	struct link_frame f = {
		.kind = LINK_UP,
		.link = l->number,
		.region = l->region,
		.dialled = l->dialled,
		.curve_key = l->key,
	};
	char region[ID_TEXT_LEN];
	int r;

	assert(l->state == LINK_DIALLING);
	l->state = LINK_LIVE;
	log_say(LOG_INFO, "link %" PRIu64 " with region %s is up, %s", l->number,
		id_text(&l->region, region), l->dialled ? l->dial.endpoint : "accepted");
	r = kithd_tell(h, &f);
	return r < 0 ? err_up(r) : 0;
}

void link_forget(struct hub *h, struct link *l)
{
	if (l->state == LINK_ENDED)
		return;
	l->state = LINK_ENDED;
	out_drop(l);
	if (l->dialled && l->gently)
		socket_linger(l->dial.dealer, PARTING);
	if (l->dialled)
		socket_close(&l->dial.dealer, &l->dial.events);
	else
		door_drop(h, l);
}

int link_end(struct hub *h, struct link *l, const char *reason)
{
	struct link_frame f = {
		.kind = LINK_DOWN,
		.link = l->number,
		.reason = span_of(reason),
	};
	char region[ID_TEXT_LEN];
	int r;

	if (l->state == LINK_ENDED)
		return 0;
	/* An attempt that failed is kithd's to tell, with its back-off. */
	log_say(l->state == LINK_LIVE ? LOG_INFO : LOG_DEBUG,
		"link %" PRIu64 " with region %s is down: %s", l->number,
		id_text(&l->region, region), reason);
	link_forget(h, l);
	r = kithd_tell(h, &f);
	return r < 0 ? err_up(r) : 0;
}

int link_received(struct hub *h, struct link *l, struct span bytes)
{
	struct link_frame f = { .kind = LINK_RECEIVED, .link = l->number, .frame = bytes };
	int r;

	if (bytes.len > FRAME_MAX)
		return link_end(h, l, "the peer sent a frame over the limit");
	r = kithd_tell(h, &f);
	return r < 0 ? err_up(r) : 0;
}

enum {
	SEND_FULL = 1, /* not now */
	SEND_GONE,     /* there is no such connection any more */
};

static int send_now(struct hub *h, struct link *l, struct span bytes)
{
	void *socket = l->dialled ? l->dial.dealer : h->door.router;

	if (!l->dialled && zmq_send(socket, l->accepted.routing, ROUTING_LEN,
				   ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
		return errno == EAGAIN ? SEND_FULL : SEND_GONE;
	if (zmq_send(socket, bytes.at, bytes.len, ZMQ_DONTWAIT) >= 0)
		return 0;
	return errno == EAGAIN && l->dialled ? SEND_FULL : SEND_GONE;
}

/* Who has left may still have said something before. */
static int gone(struct hub *h, struct link *l)
{
	if (l->dialled || !door_left(h, l))
		return link_end(h, l, "the connection is closed");
	out_drop(l);
	return 0;
}

int link_send(struct hub *h, struct link *l, struct span bytes)
{
	struct out_frame *f;
	int r = SEND_FULL;

	if (l->state != LINK_LIVE || l->dial.closed)
		return 0; /* kithd has not heard yet that it ended */
	if (!l->out)
		r = send_now(h, l, bytes);
	if (r == SEND_GONE)
		return gone(h, l);
	if (r == 0)
		return 0;

	if (l->out_bytes + bytes.len > OUT_MAX)
		return link_end(h, l, "slow: the peer does not take what is sent to it");
	f = malloc(sizeof(*f) + bytes.len);
	if (!f)
		return err_new(-ENOMEM);
	f->next = NULL;
	f->len = bytes.len;
	memcpy(f->bytes, bytes.at, bytes.len);
	*l->out_end = f;
	l->out_end = &f->next;
	l->out_bytes += bytes.len;
	return 0;
}

int link_push(struct hub *h, struct link *l)
{
	while (l->out) {
		struct out_frame *f = l->out;
		int r = send_now(h, l, (struct span){ f->bytes, f->len });

		if (r == SEND_FULL)
			return 0;
		if (r == SEND_GONE)
			return gone(h, l);
		l->out = f->next;
		if (!l->out)
			l->out_end = &l->out;
		l->out_bytes -= f->len;
		free(f);
	}
	return 0;
}

void links_bury(struct hub *h)
{
	struct link **at = &h->links;

	while (*at) {
		struct link *l = *at;

		if (l->state != LINK_ENDED) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		free(l);
	}
}
