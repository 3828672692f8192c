/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Door
 *
 * The listening ROUTER. A peer is who ZAP says its key is, read from its payload frame; its
 * routing id only tells connections apart and is ZeroMQ's own. A connection is known by its
 * descriptor from the moment it is accepted, and becomes a link with its first frame.
 *
 * ZeroMQ's thread closes a descriptor after it has told the monitor. So the monitor is emptied
 * before a descriptor is believed or shut down. What is left is a moment in which a shutdown
 * may meet a newer connection with the same number: that peer then dials again.
 */

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <zmq.h>

#include "daemon/link/hub.h"

#define BIND_PAUSE  500
#define LEFT_ROUNDS 40 /* by then a fair queue has given the 16 frames of a pipe */

/* ---- Callers ---- */

static struct caller *caller_find(const struct hub *h, int fd)
{
	struct caller *c = h->door.callers;

	while (c && (c->fd != fd || c->left))
		c = c->next;
	return c;
}

static void address_of(int fd, uint8_t into[ADDRESS_LEN])
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof(a);

	memset(into, 0, ADDRESS_LEN);
	if (getpeername(fd, (struct sockaddr *)&a, &len) < 0)
		return;
	if (a.ss_family == AF_INET6)
		memcpy(into, &((struct sockaddr_in6 *)&a)->sin6_addr, ADDRESS_LEN);
	else
		memcpy(into, &((struct sockaddr_in *)&a)->sin_addr, sizeof(struct in_addr));
}

static void caller_came(struct hub *h, int fd)
{
	struct caller *c = calloc(1, sizeof(*c));

	if (!c) {
		h->failed = err_new(-ENOMEM);
		return;
	}
	*c = (struct caller){ .next = h->door.callers, .fd = fd, .since = h->now };
	address_of(fd, c->address);
	h->door.callers = c;
}

void door_events(struct hub *h)
{
	uint16_t event;
	int32_t fd;

	while (h->door.events && socket_event(h->door.events, &event, &fd)) {
		struct caller *c = caller_find(h, fd);

		if (c) { /* also when its number comes again */
			c->left = true;
			c->left_at = h->door.messages;
		}
		if (event == ZMQ_EVENT_ACCEPTED)
			caller_came(h, fd);
	}
}

static void caller_shut(struct hub *h, struct caller *c)
{
	c->shut = true;
	c->parting = 0;
	c->link = NULL;
	door_events(h);
	if (!c->left)
		(void)shutdown(c->fd, SHUT_RDWR);
}

#define CROWDS 64 /* addresses are counted by a hash of theirs */

static bool is_stranger(const struct caller *c)
{
	return !c->link && !c->shut && !c->left;
}

static size_t crowd_of(const struct caller *c)
{
	size_t n = 0;

	for (size_t i = 0; i < ADDRESS_LEN; i++)
		n = n * 31 + c->address[i];
	return n % CROWDS;
}

static struct caller *oldest_of(const struct hub *h, size_t crowd)
{
	struct caller *oldest = NULL;

	for (struct caller *c = h->door.callers; c; c = c->next)
		if (is_stranger(c) && crowd_of(c) == crowd)
			oldest = c; /* the list has the newest first */
	return oldest;
}

/* Too many who say nothing: those go who have waited longest at the address that has the most,
 * so that a crowd at one address does not keep out who comes from another. */
static void thin_out(struct hub *h)
{
	unsigned crowds[CROWDS] = { 0 }, all = 0;

	for (const struct caller *c = h->door.callers; c; c = c->next) {
		if (!is_stranger(c))
			continue;
		crowds[crowd_of(c)]++;
		all++;
	}
	for (int i = 0; i < TURN_MESSAGES && all > STRANGERS_MAX; i++, all--) {
		struct caller *c;
		size_t most = 0;

		for (size_t k = 1; k < CROWDS; k++)
			if (crowds[k] > crowds[most])
				most = k;
		c = oldest_of(h, most);
		if (!c)
			return;
		crowds[most]--;
		caller_shut(h, c);
	}
}

static void routing_drop(struct hub *h, const uint8_t routing[ROUTING_LEN])
{
	memcpy(h->door.dropped[h->door.n_dropped++ % DROPPED_MAX], routing, ROUTING_LEN);
}

static bool routing_dropped(const struct hub *h, const uint8_t routing[ROUTING_LEN])
{
	unsigned n = h->door.n_dropped < DROPPED_MAX ? h->door.n_dropped : DROPPED_MAX;

	for (unsigned i = 0; i < n; i++)
		if (memcmp(h->door.dropped[i], routing, ROUTING_LEN) == 0)
			return true;
	return false;
}

void door_drop(struct hub *h, struct link *l)
{
	struct caller *c = h->door.callers;

	routing_drop(h, l->accepted.routing);
	while (c && c->link != l)
		c = c->next;
	if (!c)
		return;
	if (!l->gently) {
		caller_shut(h, c);
		return;
	}
	c->shut = true;
	c->link = NULL;
	c->parting = h->now + PARTING;
}

bool door_left(struct hub *h, const struct link *l)
{
	const struct caller *c = h->door.callers;

	door_events(h);
	while (c && c->link != l)
		c = c->next;
	return c && c->left;
}

/* ---- Opening and closing ---- */

void door_close(struct hub *h)
{
	socket_close(&h->door.router, &h->door.events);
	while (h->door.callers) {
		struct caller *c = h->door.callers;

		h->door.callers = c->next;
		free(c);
	}
	h->door.bound[0] = '\0';
	h->door.n_dropped = 0;
}

static int bind_router(struct hub *h)
{
	size_t len = sizeof(h->door.bound);
	int fd, error = listen_open(h, h->door.wanted, &fd);

	if (error)
		return error;
	h->door.router = socket_new(h, ZMQ_ROUTER, h->door.wanted, true, NULL);
	if (h->door.router)
		h->door.events = socket_events(
			h, h->door.router, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
	if (!h->door.events ||
		zmq_setsockopt(h->door.router, ZMQ_USE_FD, &fd, sizeof(fd)) < 0) {
		error = errno;
		(void)close(fd);
		return err_new(-error);
	}
	/* The address is the socket's: what is said here only has to look like one. */
	if (zmq_bind(h->door.router, h->door.wanted) < 0)
		return errno;
	return zmq_getsockopt(h->door.router, ZMQ_LAST_ENDPOINT, h->door.bound, &len) < 0
		       ? err_new(-errno)
		       : 0;
}

int door_try(struct hub *h)
{
	int r;

	if (h->door.router || !h->door.wanted[0] || h->now < h->door.due)
		return 0;
	assert(h->zap);
	r = bind_router(h);
	if (r < 0)
		return err_up(r);
	if (r > 0) {
		if (!h->door.missed)
			log_say(LOG_ERR, "cannot listen on %s: %s; trying again",
				h->door.wanted, zmq_strerror(r));
		h->door.missed = true;
		h->door.due = h->now + BIND_PAUSE;
		door_close(h);
		return 0;
	}
	h->door.missed = false;
	log_say(LOG_INFO, "listening on %s", h->door.bound);
	r = kithd_ready(h);
	return r < 0 ? err_up(r) : 0;
}

int door_set(struct hub *h, struct span endpoint)
{
	char wanted[sizeof(h->door.wanted)] = "";
	int r;

	assert(endpoint.len < sizeof(wanted));
	if (h->door.given >= 0)
		memcpy(wanted, h->door.given_endpoint, sizeof(wanted));
	else if (endpoint.len)
		memcpy(wanted, endpoint.at, endpoint.len);
	if (strcmp(wanted, h->door.wanted) == 0)
		return 0;

	for (struct link *l = h->links; l; l = l->next) {
		if (l->dialled)
			continue;
		r = link_end(h, l, "this region listens elsewhere now");
		if (r < 0)
			return err_up(r);
	}
	door_close(h);
	memcpy(h->door.wanted, wanted, sizeof(wanted));
	h->door.due = h->now;
	h->door.missed = false;
	return door_try(h);
}

/* ---- What comes in ---- */

/* One message: the routing frame, and the last of what follows, which carries the identity. */
struct arrival {
	uint8_t routing[ROUTING_LEN];
	bool ours; /* the routing id is one that ZeroMQ made */
	zmq_msg_t last;
	size_t parts;
};

static bool arrive(void *router, struct arrival *a)
{
	zmq_msg_t routing;
	bool more;

	zmq_msg_init(&routing);
	if (zmq_msg_recv(&routing, router, ZMQ_DONTWAIT) < 0) {
		zmq_msg_close(&routing);
		return false;
	}
	*a = (struct arrival){ .ours = zmq_msg_size(&routing) == ROUTING_LEN };
	if (a->ours) {
		memcpy(a->routing, zmq_msg_data(&routing), ROUTING_LEN);
		a->ours = a->routing[0] == 0;
	}
	more = zmq_msg_more(&routing);
	zmq_msg_close(&routing);

	zmq_msg_init(&a->last);
	while (more) { /* a message is whole before it can be received */
		zmq_msg_close(&a->last);
		zmq_msg_init(&a->last);
		if (zmq_msg_recv(&a->last, router, ZMQ_DONTWAIT) < 0)
			break;
		a->parts++;
		more = zmq_msg_more(&a->last);
	}
	return true;
}

/* Half-dead connections of a peer that was cut off end by themselves in the end; the oldest
 * goes. */
static int make_room(struct hub *h, const struct id *region)
{
	struct link *oldest = NULL;
	unsigned n = 0;

	for (struct link *l = h->links; l; l = l->next) {
		if (l->dialled || l->state != LINK_LIVE || !id_equal(&l->region, region))
			continue;
		oldest = l; /* the list has the newest first */
		n++;
	}
	if (n < LINKS_PER_REGION)
		return 0;
	return link_end(h, oldest, "the peer has opened newer links");
}

static int admit(struct hub *h, const struct arrival *a, struct caller *c,
	const struct id *region, const struct pubkey *key, struct link **ret)
{
	struct link *l;
	int r;

	r = make_room(h, region);
	if (r < 0)
		return err_up(r);
	h->last_accepted += 2;
	r = link_new(h, h->last_accepted, region, key, false, &l);
	if (r < 0)
		return err_up(r);
	memcpy(l->accepted.routing, a->routing, ROUTING_LEN);
	l->accepted.fd = c->fd;
	c->link = l;
	*ret = l;
	return link_up(h, l);
}

/* The first message of a connection. *ret stays NULL if it does not become a link. */
static int newcomer(struct hub *h, struct arrival *a, struct link **ret)
{
	const int fd = zmq_msg_get(&a->last, ZMQ_SRCFD);
	const struct link_peer *p;
	struct pubkey key;
	struct caller *c;
	struct id region;
	int r;

	door_events(h);
	c = caller_find(h, fd);
	if (!c || c->shut)
		return 0; /* it has left already, or was sent away */
	if (c->link) {    /* of a connection that had this descriptor before */
		struct link *old = TAKE(c->link);

		r = link_end(h, old, CLOSED_BY_PEER);
		if (r < 0)
			return err_up(r);
	}

	if (!zap_user_parse(zmq_msg_gets(&a->last, "User-Id"), &region, &key))
		p = NULL;
	else
		p = pins_by_key(h, key.b);
	if (!p || !id_equal(&p->region, &region) || !a->ours || a->parts != 1) {
		log_say(LOG_NOTICE, "dropped a connection: %s",
			!p              ? "it is no peer any more"
			: a->parts != 1 ? "its message has several parts"
			: !a->ours      ? "it chose its own routing id"
					: "its key belongs to another peer now");
		routing_drop(h, a->routing);
		caller_shut(h, c);
		return 0;
	}
	return admit(h, a, c, &region, &key, ret);
}

static int take(struct hub *h, struct arrival *a)
{
	struct link *l = h->links;
	int r;

	if (a->ours && routing_dropped(h, a->routing))
		return 0;
	while (l && (l->dialled || l->state != LINK_LIVE ||
			    memcmp(l->accepted.routing, a->routing, ROUTING_LEN) != 0))
		l = l->next;
	if (!l) {
		r = newcomer(h, a, &l);
		if (r < 0)
			return err_up(r);
		if (!l)
			return 0;
	}
	watch_heard(&l->watched);
	if (a->parts != 1)
		return link_end(h, l, "the peer sent a message of several parts");
	return link_received(
		h, l, (struct span){ zmq_msg_data(&a->last), zmq_msg_size(&a->last) });
}

int door_receive(struct hub *h)
{
	for (int i = 0; i < TURN_MESSAGES && h->door.router && !kithd_behind(h); i++) {
		struct arrival a;
		int r;

		if (!arrive(h->door.router, &a))
			return 0;
		h->door.messages++;
		r = take(h, &a);
		zmq_msg_close(&a.last);
		if (r < 0)
			return err_up(r);
	}
	return 0;
}

/* ---- What goes ---- */

static bool readable(void *router)
{
	int events = 0;
	size_t len = sizeof(events);

	return zmq_getsockopt(router, ZMQ_EVENTS, &events, &len) == 0 && events & ZMQ_POLLIN;
}

/* Nothing of a message can be heard before it is whole. */
static int sweep_unheard(struct hub *h, struct caller *c)
{
	if (c->left || c->shut)
		return 0;
	if (c->link)
		return watch_overfull(&c->link->watched, c->fd, UNHEARD_BYTES)
			       ? link_end(h, c->link, NO_END)
			       : 0;
	if (watch_overfull(&c->watched, c->fd, STRANGER_BYTES))
		caller_shut(h, c);
	return 0;
}

/* True: it may be forgotten. .rounds: so many messages, and who left has no more. */
static int sweep_one(struct hub *h, struct caller *c, uint64_t rounds, bool *ret_gone)
{
	*ret_gone = false;
	if (c->left) {
		if (c->link && h->door.messages - c->left_at < rounds)
			return 0;
		*ret_gone = true;
		return c->link ? link_end(h, c->link, CLOSED_BY_PEER) : 0;
	}
	if (c->parting && h->now >= c->parting)
		caller_shut(h, c);
	if (!c->link && !c->shut && !kithd_behind(h) && h->now >= c->since + HELLO_WAIT) {
		log_say(LOG_NOTICE, "dropped a connection that said nothing for %d s",
			HELLO_WAIT / 1000);
		caller_shut(h, c);
	}
	return 0;
}

int door_sweep(struct hub *h)
{
	struct caller **at = &h->door.callers;
	uint64_t rounds = 0;

	if (!h->door.router)
		return 0;
	thin_out(h);
	for (struct caller *c = h->door.callers; c && h->now >= h->watch_due; c = c->next) {
		int r = sweep_unheard(h, c);

		if (r < 0)
			return err_up(r);
	}
	if (kithd_behind(h) || readable(h->door.router))
		for (const struct caller *c = h->door.callers; c; c = c->next)
			rounds += LEFT_ROUNDS;
	while (*at) {
		struct caller *c = *at;
		bool gone;
		int r;

		r = sweep_one(h, c, rounds, &gone);
		if (r < 0)
			return err_up(r);
		if (!gone) {
			at = &c->next;
			continue;
		}
		/* Ending its link may have let newer ones in at the front. */
		at = &h->door.callers;
		while (*at != c) {
			assert(*at);
			at = &(*at)->next;
		}
		*at = c->next;
		free(c);
	}
	return 0;
}
