/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Hub
 *
 * What kith-link knows: whom kithd lets in, the sockets, and the links, each of which is one
 * connection. It decides nothing: it dials when told to, says who linked, and passes frames on.
 * One thread; everything here belongs to it.
 *
 * Memory: each link may have OUT_MAX queued here and 16 frames in ZeroMQ each way, a region has
 * at most LINKS_PER_REGION accepted links, and nothing is read from peers while kithd is
 * behind.
 */

#include <kith/arena.h>
#include <kith/crypto.h>
#include <kith/ctl.h>
#include <kith/message.h>
#include <kith/span.h>

#define OUT_MAX          (8 * 1024 * 1024) /* bytes that wait for one peer */
#define KITHD_BEHIND     (1024 * 1024) /* bytes that wait for kithd: read no more from peers */
#define LINKS_PER_REGION 4             /* accepted; a broken one ends after 40 s only */
#define TURN_MESSAGES    64
#define CONNECT_WAIT     10000 /* ms, as all times here */
#define HANDSHAKE_WAIT   5000
#define HELLO_WAIT       15000 /* from being accepted to the first frame */
#define PARTING          250   /* for the last frames of a link that kithd drops */
#define ROUTING_LEN      5     /* as ZeroMQ makes them: a zero and a number */
#define DROPPED_MAX      64
#define STRANGERS_MAX    64 /* connections that have said nothing yet; each costs a message */
#define MESSAGE_BYTES    (260 * 1024) /* of a frame with what CURVE adds */
#define STRANGER_BYTES   (2 * MESSAGE_BYTES)
#define UNHEARD_BYTES    (24 * MESSAGE_BYTES) /* ZeroMQ's queue of whole messages, and some */
#define WATCH_PAUSE      50
#define ADDRESS_LEN      16
#define LET_IN_KEYS      128
#define NO_END           "the peer sent a message that does not end"
#define CLOSED_BY_PEER   "the connection was closed by the peer or the network"

struct out_frame {
	struct out_frame *next;
	size_t len;
	uint8_t bytes[];
};

/* How much a connection has brought without a whole message (watch.c). */
struct watched {
	uint64_t mark;
	bool heard;
};

enum link_state {
	LINK_DIALLING,
	LINK_LIVE,
	LINK_ENDED, /* freed at the end of the turn */
};

struct link {
	struct link *next;
	uint64_t number;
	enum link_state state;
	struct id region;
	struct pubkey key; /* the peer's */
	struct watched watched;
	struct out_frame *out, **out_end;
	size_t out_bytes;
	bool dialled;
	bool gently; /* let what was sent go out before it is closed */
	struct {     /* if dialled */
		void *dealer, *events;
		char endpoint[ENDPOINT_MAX];
		bool connected;
		bool closed; /* and ended when its last frames were heard */
		int fd;      /* ZeroMQ's, once connected */
		msec due;    /* not live by then: no answer */
	} dial;
	struct { /* if accepted */
		uint8_t routing[ROUTING_LEN];
		int fd; /* ZeroMQ's */
	} accepted;
};

/* How often a key was let in lately (zap.c). */
struct let_in {
	uint8_t key[KEY_LEN];
	msec since;
	unsigned n;
};

/* An accepted connection, from its first byte on; most strangers get no further. */
struct caller {
	struct caller *next;
	int fd;
	msec since;
	uint8_t address[ADDRESS_LEN]; /* where it comes from; zero: it has left */
	struct watched watched;
	struct link *link; /* NULL: has said nothing yet, or its link was dropped */
	bool shut;         /* we ended it: hear nothing more from it */
	msec parting;      /* and shut its connection then; 0: it is */
	bool left;
	uint64_t left_at; /* .messages then: its last frames may still be in its pipe */
};

struct hub {
	msec now;
	int failed; /* fatal, met where it could not be returned */
	void *zmq, *zap;
	struct secret key;
	struct pubkey public;

	/* Whom kithd lets in; spans point into the arena. */
	struct arena pins_arena;
	struct link_peer *pins;
	size_t n_pins;

	struct {
		const char *path;
		struct ctl_client *client; /* NULL: away */
		msec due, delay;           /* of the next try */
		bool failed;               /* seen to be gone in the middle of something */
		bool missed;               /* said once that nobody is there */
		struct arena in, out;      /* of the frame in hand */
	} kithd;

	struct {
		void *router, *events;
		char wanted[ENDPOINT_MAX];
		char bound[ENDPOINT_MAX];
		int given; /* systemd's socket, which is listened on whatever is wanted; -1 */
		char given_endpoint[ENDPOINT_MAX];
		msec due;    /* of the next try to bind */
		bool missed; /* said once that it cannot */
		struct caller *callers;
		uint8_t dropped[DROPPED_MAX]
			       [ROUTING_LEN]; /* what still comes from them is nobody's */
		unsigned n_dropped;
		struct let_in let_in[LET_IN_KEYS];
		uint64_t messages; /* that it has given, ever */
		unsigned refused;  /* strangers, since it was last said */
		msec refused_due;
	} door;

	struct link *links;
	uint64_t heard;            /* the link that gave the last messages; 0: the door */
	msec watch_due;            /* of the next look at what is on its way */
	msec feed_due, feed_every; /* of systemd's watchdog; .feed_every 0: there is none */
	uint64_t last_accepted, sockets; /* numbers given out */
};

msec hub_clock(void);

/* ---- log.c: lines for the journal, with the urgency in front ---- */
void log_level(int level);
void log_say(int level, const char *fmt, ...) PRINTF(2, 3);

/* ---- notify.c: to systemd, if that has started us ---- */
void notify(const char *state); /* as sd_notify(3) has them */
msec notify_watchdog(void);     /* within which it wants to hear "WATCHDOG=1"; 0: never */

/* ---- kithd.c ---- */
/* Connect when it is time to; no verdict, kithd is waited for. */
MUST_USE int kithd_try(struct hub *h);
/* What kithd said, at most TURN_MESSAGES frames. */
MUST_USE int kithd_hear(struct hub *h);
/* Tell kithd. If it has gone, .failed is set and it is as if nothing had been said. */
MUST_USE int kithd_tell(struct hub *h, const struct link_frame *f);
MUST_USE int kithd_ready(struct hub *h);
MUST_USE int kithd_flush(struct hub *h);
/* It is behind: read no frames from peers now. */
bool kithd_behind(const struct hub *h);
/* After .failed: end everything and begin to wait. */
void kithd_lost(struct hub *h);

/* ---- pins.c: the peers of the last LINK_PEERS ---- */
MUST_USE int pins_take(struct hub *h, const struct link_frame *f);
const struct link_peer *pins_of(const struct hub *h, const struct id *region);
const struct link_peer *pins_by_key(const struct hub *h, const uint8_t key[KEY_LEN]);
bool pins_allow(const struct hub *h, const struct link *l);

/* ---- zap.c: who may come in at all ---- */
#define ZAP_USER_LEN (2 * ID_LEN + 1 + 2 * KEY_LEN) /* hex of region ':' hex of key */
MUST_USE int zap_open(struct hub *h);               /* before anything is bound */
void zap_answer(struct hub *h);
MUST_USE bool zap_user_parse(const char *user, struct id *ret_region, struct pubkey *ret_key);

/* ---- socket.c: ZeroMQ sockets as all of ours are ---- */
MUST_USE void *socket_new(struct hub *h, int type, const char *endpoint, bool server,
	const struct pubkey *server_key);
/* The events in .mask as messages on a socket of their own. */
MUST_USE void *socket_events(struct hub *h, void *socket, int mask);
/* How long what was sent may still go out after the close; not at all unless asked for. */
void socket_linger(void *socket, int ms);
void socket_close(void **socket, void **events);
/* The next event. 1: there is one; 0: none. */
int socket_event(void *events, uint16_t *ret_event, int32_t *ret_value);

/* ---- watch.c: messages without end ---- */
void watch_heard(struct watched *w); /* a whole message has come */
/* Whether more than .limit bytes came since. */
bool watch_overfull(struct watched *w, int fd, uint64_t limit);

/* ---- dial.c ---- */
MUST_USE int dial_start(struct hub *h, uint64_t number, const struct id *region);
MUST_USE int dial_events(struct hub *h, struct link *l);
MUST_USE int dial_receive(struct hub *h, struct link *l);
MUST_USE int dial_overdue(struct hub *h, struct link *l);
MUST_USE int dial_unheard(struct hub *h, struct link *l); /* of a live one */

/* ---- door.c: the listening side ---- */
MUST_USE int door_set(struct hub *h, struct span endpoint);
MUST_USE int door_try(struct hub *h); /* bind when it is time to */
void door_close(struct hub *h);
void door_events(struct hub *h);
MUST_USE int door_receive(struct hub *h);
MUST_USE int door_sweep(struct hub *h); /* who left, and who says nothing */
/* This link's connection is to end; nobody else is touched. */
void door_drop(struct hub *h, struct link *l);
/* Its peer has closed it: door_sweep() ends it when its last frames were heard. */
bool door_left(struct hub *h, const struct link *l);

/* ---- listen.c: where the door's socket comes from ---- */
int listen_given(void);                           /* of systemd; -1: none */
MUST_USE int listen_adopt(struct hub *h, int fd); /* -EINVAL: it is none of TCP */
/* A descriptor of its own for ZeroMQ, which closes it. 0, or an errno. */
MUST_USE int listen_open(const struct hub *h, const char *endpoint, int *ret);

/* ---- link.c ---- */
MUST_USE int link_new(struct hub *h, uint64_t number, const struct id *region,
	const struct pubkey *key, bool dialled, struct link **ret);
struct link *link_find(const struct hub *h, uint64_t number);
MUST_USE int link_up(struct hub *h, struct link *l);
/* The only end of a link: tells kithd, once, and lets go of the connection. */
MUST_USE int link_end(struct hub *h, struct link *l, const char *reason);
/* The same without telling. */
void link_forget(struct hub *h, struct link *l);
/* A message that came: its only payload part. Over the limit it ends the link. */
MUST_USE int link_received(struct hub *h, struct link *l, struct span bytes);
MUST_USE int link_send(struct hub *h, struct link *l, struct span bytes);
/* What was queued, as far as the peer takes it. */
MUST_USE int link_push(struct hub *h, struct link *l);
void links_bury(struct hub *h);

/* ---- loop.c ---- */
/* .given: a socket to listen on, or -1. */
MUST_USE int hub_init(struct hub *h, const char *kithd, int given, const struct secret *key,
	const struct pubkey *public);
MUST_USE int hub_run(struct hub *h, int signals); /* 0: .signals was readable */
void hub_done(struct hub *h);
