/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Dial
 *
 * One attempt is one DEALER that does not reconnect, watched by its monitor from the first
 * packet to the last. It always ends in exactly one LINK_DOWN, with a reason that a person
 * understands.
 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include "daemon/link/hub.h"

#define WATCHED                                                                                \
	(ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED |                     \
		ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |         \
		ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
#define EVENTS_MAX 32 /* of one turn; an attempt has about five */
#define REASON_MAX (ENDPOINT_MAX + 160)
#define SLACK      1000 /* ZeroMQ's own limits come first */

static int fail(struct hub *h, struct link *l, const char *fmt)
{
	char reason[REASON_MAX], *at = reason;
	const char *mark = strchr(fmt, '@');

	assert(mark);
	at += snprintf(reason, sizeof(reason), "%.*s", (int)(mark - fmt), fmt);
	(void)snprintf(
		at, sizeof(reason) - (size_t)(at - reason), "%s%s", l->dial.endpoint, mark + 1);
	return link_end(h, l, reason);
}

int dial_start(struct hub *h, uint64_t number, const struct id *region)
{
	const struct link_peer *p = pins_of(h, region);
	const struct pubkey none = { { 0 } };
	struct link *l;
	int r;

	if (link_find(h, number))
		return 0; /* it is under way */
	r = link_new(h, number, region, p ? &p->dial_key : &none, true, &l);
	if (r < 0)
		return err_up(r);
	if (!p)
		return link_end(h, l, "kith-link was not told of this peer");
	if (p->endpoint.len == 0 || p->endpoint.len >= sizeof(l->dial.endpoint))
		return link_end(h, l, "the peer's card has no endpoint to dial");
	memcpy(l->dial.endpoint, p->endpoint.at, p->endpoint.len);
	l->dial.due = h->now + CONNECT_WAIT + HANDSHAKE_WAIT + SLACK;

	l->dial.dealer = socket_new(h, ZMQ_DEALER, l->dial.endpoint, false, &l->key);
	if (l->dial.dealer)
		l->dial.events = socket_events(h, l->dial.dealer, WATCHED);
	if (!l->dial.events) {
		if (errno == EMFILE)
			return link_end(h, l, "kith-link has too many sockets");
		return err_new(-errno);
	}
	if (zmq_connect(l->dial.dealer, l->dial.endpoint) < 0)
		return fail(h, l, "@ is not an endpoint that can be dialled");
	return 0;
}

static int up(struct hub *h, struct link *l)
{
	l->dial.due = MSEC_NEVER;
	return link_up(h, l);
}

/* Frames that came before the connection closed are still worth hearing. */
static int closed(struct hub *h, struct link *l)
{
	int r;

	if (l->state == LINK_DIALLING)
		return fail(h, l,
			"handshake with @ failed: the peer does not know our key, or its key "
			"is "
			"not the one on its card");
	l->dial.closed = true;
	r = dial_receive(h, l);
	return r < 0 ? err_up(r) : 0;
}

static int take_event(struct hub *h, struct link *l, uint16_t event, int32_t value)
{
	switch (event) {
	case ZMQ_EVENT_CONNECTED:
		l->dial.connected = true;
		l->dial.fd = value;
		return 0;
	case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
		return up(h, l);
	case ZMQ_EVENT_CLOSED:
		if (l->dial.connected)
			return closed(h, l);
		if (h->now + SLACK + HANDSHAKE_WAIT + SLACK >= l->dial.due)
			return fail(h, l, "no answer from @ within 10 s");
		return fail(h, l, "connection refused by @, or there is no way to it");
	case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
		return fail(h, l,
			"handshake refused by @: the peer does not know our key; it needs our "
			"card");
	case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
	case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
	case ZMQ_EVENT_DISCONNECTED:
		return closed(h, l);
	default:
		return 0;
	}
}

int dial_events(struct hub *h, struct link *l)
{
	uint16_t event;
	int32_t value;

	for (int i = 0; i < EVENTS_MAX && l->state != LINK_ENDED; i++) {
		int r;

		if (!socket_event(l->dial.events, &event, &value))
			return 0;
		r = take_event(h, l, event, value);
		if (r < 0)
			return err_up(r);
	}
	return 0;
}

int dial_receive(struct hub *h, struct link *l)
{
	for (int i = 0; i < TURN_MESSAGES && l->state == LINK_LIVE && !kithd_behind(h); i++) {
		bool parts = false;
		zmq_msg_t m;
		int r;

		zmq_msg_init(&m);
		if (zmq_msg_recv(&m, l->dial.dealer, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(&m);
			return l->dial.closed ? link_end(h, l, CLOSED_BY_PEER) : 0;
		}
		watch_heard(&l->watched);
		parts = zmq_msg_more(&m);
		r = parts ? link_end(h, l, "the peer sent a message of several parts")
			  : link_received(
				    h, l, (struct span){ zmq_msg_data(&m), zmq_msg_size(&m) });
		zmq_msg_close(&m);
		if (r < 0)
			return err_up(r);
	}
	return 0;
}

int dial_overdue(struct hub *h, struct link *l)
{
	return fail(h, l, "no answer from @, or its name is not known");
}

int dial_unheard(struct hub *h, struct link *l)
{
	if (l->dial.closed || !watch_overfull(&l->watched, l->dial.fd, UNHEARD_BYTES))
		return 0;
	return link_end(h, l, NO_END);
}
