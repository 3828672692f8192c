/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Socket
 *
 * The options that every ZeroMQ socket towards a peer has, in one table, and its monitor.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include "daemon/link/hub.h"

/* Who has gone without a word is found out by the kernel. ZeroMQ's own heartbeats end this
 * process when one is due on a connection that broke while it was not read from. */
#define KEEPALIVE 10 /* s, as the kernel counts */
#define SILENCE   40000
#define NEVER     86400000 /* a dial is one attempt, and closed long before */
#define ZAP_ENFORCE_DOMAIN                                                                     \
	93 /* a draft option, but this libzmq obeys it: no handler, no entry */

static bool set(void *s, int option, int value)
{
	return zmq_setsockopt(s, option, &value, sizeof(value)) == 0;
}

static bool set_bytes(void *s, int option, const void *bytes, size_t len)
{
	return zmq_setsockopt(s, option, bytes, len) == 0;
}

/* Who dials has a thread of its own there: it waits for name servers, and that must not hold up
 * those who were let in. */
static bool set_thread(void *s, bool server)
{
	const uint64_t threads = server ? 1 : 2; /* a bit for each */

	return set_bytes(s, ZMQ_AFFINITY, &threads, sizeof(threads));
}

static bool set_common(void *s)
{
	static const struct {
		int option, value;
	} all[] = {
		{ ZMQ_LINGER, 0 }, { ZMQ_SNDHWM, 16 }, { ZMQ_RCVHWM, 16 },
		{ ZMQ_HANDSHAKE_IVL, HANDSHAKE_WAIT }, { ZMQ_CONNECT_TIMEOUT, CONNECT_WAIT },
		{ ZMQ_TCP_KEEPALIVE, 1 }, { ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE },
		{ ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE },
		{ ZMQ_TCP_KEEPALIVE_CNT, SILENCE / 1000 / KEEPALIVE },
		{ ZMQ_TCP_MAXRT, SILENCE },
		{ ZMQ_RECONNECT_IVL, NEVER }, /* not -1: what came before would be lost */
	};
	const int64_t most = MESSAGE_BYTES;

	for (size_t i = 0; i < COUNT(all); i++)
		if (!set(s, all[i].option, all[i].value))
			return false;
	return set_bytes(s, ZMQ_MAXMSGSIZE, &most, sizeof(most));
}

static bool set_curve(
	void *s, const struct hub *h, bool server, const struct pubkey *server_key)
{
	if (!set_bytes(s, ZMQ_CURVE_PUBLICKEY, h->public.b, KEY_LEN) ||
		!set_bytes(s, ZMQ_CURVE_SECRETKEY, h->key.b, KEY_LEN))
		return false;
	if (!server)
		return set_bytes(s, ZMQ_CURVE_SERVERKEY, server_key->b, KEY_LEN);
	(void)set(s, ZAP_ENFORCE_DOMAIN, 1);
	return set(s, ZMQ_CURVE_SERVER, 1) && set(s, ZMQ_ROUTER_MANDATORY, 1) &&
	       set_bytes(s, ZMQ_ZAP_DOMAIN, "kith", strlen("kith"));
}

void *socket_new(struct hub *h, int type, const char *endpoint, bool server,
	const struct pubkey *server_key)
{
	void *s = zmq_socket(h->zmq, type);
	int error;

	/* IPv6 for who writes it, so that a host without it needs no setting. */
	if (s && set_common(s) && set_thread(s, server) &&
		set_curve(s, h, server, server_key) &&
		(!strchr(endpoint, '[') || set(s, ZMQ_IPV6, 1)))
		return s;
	error = errno;
	if (s)
		zmq_close(s);
	errno = error;
	return NULL;
}

void *socket_events(struct hub *h, void *socket, int mask)
{
	char name[64];
	void *events;

	(void)snprintf(
		name, sizeof(name), "inproc://events-%llu", (unsigned long long)++h->sockets);
	if (zmq_socket_monitor(socket, name, mask) < 0)
		return NULL;
	/* No limit: ZeroMQ's thread would wait for us with a lock that closing needs. */
	events = zmq_socket(h->zmq, ZMQ_PAIR);
	if (events && (!set(events, ZMQ_LINGER, 0) || !set(events, ZMQ_RCVHWM, 0) ||
			      zmq_connect(events, name) < 0)) {
		zmq_close(events);
		events = NULL;
	}
	return events;
}

void socket_linger(void *socket, int ms)
{
	if (socket)
		(void)set(socket, ZMQ_LINGER, ms);
}

void socket_close(void **socket, void **events)
{
	if (*socket && *events)
		zmq_socket_monitor(*socket, NULL, 0);
	if (*events)
		zmq_close(*events);
	if (*socket)
		zmq_close(*socket);
	*socket = *events = NULL;
}

int socket_event(void *events, uint16_t *ret_event, int32_t *ret_value)
{
	zmq_msg_t m;
	int found = 0;
	bool more;

	zmq_msg_init(&m);
	if (zmq_msg_recv(&m, events, ZMQ_DONTWAIT) ==
		(int)(sizeof(*ret_event) + sizeof(*ret_value))) {
		const uint8_t *at = zmq_msg_data(&m);

		memcpy(ret_event, at, sizeof(*ret_event));
		memcpy(ret_value, at + sizeof(*ret_event), sizeof(*ret_value));
		found = 1;
	}
	/* The endpoint: the same for all. */
	more = zmq_msg_more(&m);
	while (more) {
		zmq_msg_close(&m);
		zmq_msg_init(&m);
		more = zmq_msg_recv(&m, events, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&m);
	}
	zmq_msg_close(&m);
	return found;
}
