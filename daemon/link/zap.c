/* SPDX-License-Identifier: Apache-2.0 */

/*
 * ZAP
 *
 * ZeroMQ asks here whether a key may come in (RFC 27). Without somebody who answers it lets
 * everybody in, so this is bound before the door is, and when it cannot be, nothing starts. The
 * User-Id says which peer and which of its keys; it comes back with each of the peer's
 * messages.
 */

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include <zmq.h>

#include "daemon/link/hub.h"

#define ZAP_ENDPOINT  "inproc://zeromq.zap.01"
#define ZAP_VERSION   "1.0"
#define REFUSED_PAUSE 10000 /* between two lines about strangers */
#define LET_IN_TIME   10000
#define LET_IN_MAX    8 /* of one key, in that time, while kithd is behind */

/* A request: version, id, domain, address, identity, mechanism, and for CURVE the key. */
enum {
	ASK_VERSION,
	ASK_ID,
	ASK_DOMAIN,
	ASK_ADDRESS,
	ASK_IDENTITY,
	ASK_MECHANISM,
	ASK_KEY,
	ASK_N
};

int zap_open(struct hub *h)
{
	h->zap = zmq_socket(h->zmq, ZMQ_REP);
	if (!h->zap || zmq_setsockopt(h->zap, ZMQ_LINGER, &(int){ 0 }, sizeof(int)) < 0 ||
		zmq_bind(h->zap, ZAP_ENDPOINT) < 0)
		return err_new(-errno);
	return 0;
}

/* All frames of one request; what is over ASK_N is dropped and counted. 0: nobody asks. */
static size_t receive(void *zap, zmq_msg_t ask[ASK_N])
{
	zmq_msg_t surplus, *into;
	size_t n = 0;
	bool more;

	do {
		into = n < ASK_N ? &ask[n] : &surplus;
		zmq_msg_init(into);
		if (zmq_msg_recv(into, zap, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(into);
			return n;
		}
		more = zmq_msg_more(into);
		if (into == &surplus)
			zmq_msg_close(&surplus);
		n++;
	} while (more);
	return n;
}

static bool is_text(zmq_msg_t *m, const char *text)
{
	return zmq_msg_size(m) == strlen(text) &&
	       memcmp(zmq_msg_data(m), text, strlen(text)) == 0;
}

static void say_refused(struct hub *h, zmq_msg_t *address)
{
	h->door.refused++;
	if (h->now < h->door.refused_due)
		return;
	log_say(LOG_NOTICE,
		"refused a caller at %.*s with an unknown key (%u since the last such line); "
		"if it "
		"is a peer, its card is not known here: see kithctl peers",
		(int)zmq_msg_size(address), (const char *)zmq_msg_data(address),
		h->door.refused);
	h->door.refused = 0;
	h->door.refused_due = h->now + REFUSED_PAUSE;
}

static void reply(void *zap, zmq_msg_t *id, const char *code, const char *user)
{
	const struct span frames[] = {
		SPAN_LIT(ZAP_VERSION),
		{ zmq_msg_data(id), zmq_msg_size(id) },
		span_of(code),
		SPAN_LIT(""),
		span_of(user),
		SPAN_LIT(""),
	};

	/* If this fails whoever asked has gone. */
	for (size_t i = 0; i < COUNT(frames); i++)
		(void)zmq_send(zap, frames[i].at, frames[i].len,
			ZMQ_DONTWAIT | (i + 1 < COUNT(frames) ? ZMQ_SNDMORE : 0));
}

/* What a connection has brought stays in ZeroMQ after it has gone, until kithd can take it: who
 * comes, speaks and goes over and over while kithd is behind would fill us. It comes later. */
static bool is_too_often(struct hub *h, const uint8_t key[KEY_LEN])
{
	struct let_in *at = &h->door.let_in[0];

	for (size_t i = 0; i < LET_IN_KEYS; i++) {
		struct let_in *this = &h->door.let_in[i];

		if (memcmp(this->key, key, KEY_LEN) == 0) {
			at = this;
			break;
		}
		if (this->since < at->since)
			at = this;
	}
	if (memcmp(at->key, key, KEY_LEN) != 0 || h->now >= at->since + LET_IN_TIME) {
		*at = (struct let_in){ .since = h->now };
		memcpy(at->key, key, KEY_LEN);
	}
	return ++at->n > LET_IN_MAX && kithd_behind(h);
}

static bool answer_one(struct hub *h)
{
	const struct link_peer *peer = NULL;
	const char *code = "400";
	char user[ZAP_USER_LEN + 1] = "";
	zmq_msg_t ask[ASK_N];
	size_t n = receive(h->zap, ask);

	if (n == 0)
		return false;
	if (n == ASK_N && is_text(&ask[ASK_VERSION], ZAP_VERSION) &&
		is_text(&ask[ASK_MECHANISM], "CURVE") && zmq_msg_size(&ask[ASK_KEY]) == KEY_LEN)
		peer = pins_by_key(h, zmq_msg_data(&ask[ASK_KEY]));
	if (peer) {
		hex_text(peer->region.b, ID_LEN, user);
		user[(size_t)2 * ID_LEN] = ':';
		hex_text(zmq_msg_data(&ask[ASK_KEY]), KEY_LEN, user + 2 * ID_LEN + 1);
		code = is_too_often(h, zmq_msg_data(&ask[ASK_KEY])) ? "300" : "200";
	}
	if (n > ASK_ID)
		reply(h->zap, &ask[ASK_ID], code, user);
	if (!peer && n > ASK_ADDRESS)
		say_refused(h, &ask[ASK_ADDRESS]);

	for (size_t i = 0; i < n && i < ASK_N; i++)
		zmq_msg_close(&ask[i]);
	return true;
}

void zap_answer(struct hub *h)
{
	for (int i = 0; i < TURN_MESSAGES && answer_one(h); i++)
		;
}

bool zap_user_parse(const char *user, struct id *ret_region, struct pubkey *ret_key)
{
	return user && strlen(user) == ZAP_USER_LEN && user[2 * ID_LEN] == ':' &&
	       hex_parse(user, 2 * ID_LEN, ret_region->b, ID_LEN) &&
	       hex_parse(user + 2 * ID_LEN + 1, 2 * KEY_LEN, ret_key->b, KEY_LEN);
}
