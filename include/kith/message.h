/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Messages
 *
 * What regions say to each other (PROTOCOL P7, P8) and what kithd and kith-link say to each
 * other, as structs. The same rules as <kith/wire.h>: bytes earn verdicts.
 */

#include <kith/wire.h>

/* Frame (P8.1): exactly one of the two. */
struct frame {
	bool is_hello;
	struct signed_bytes hello;
	struct span sealed;
};
MUST_USE int wire_frame_decode(struct span bytes, struct frame *ret); /* borrows only */
MUST_USE int wire_frame_encode(const struct frame *f, struct arena *a, struct span *ret);

#define HELLO_MAX    8192
#define WIRE_VERSION 1
#define WIRE_OLDEST  1 /* that is still spoken: the one before, when there is one (P8.3) */
struct hello {
	uint32_t wire_min, wire_max;
	struct id from, to, incarnation, boot_nonce;
	struct span bundle;
	struct pubkey ephemeral, curve_from, curve_to;
	bool has_last_seen;
	struct {
		struct id incarnation;
		uint64_t feed;
		struct hash running;
	} last_seen;
	struct span software;
	uint64_t wall_ms; /* 0: not said */
};
MUST_USE int wire_hello_decode(struct span bytes, struct arena *a, struct hello *ret);
MUST_USE int wire_hello_encode(const struct hello *h, struct arena *a, struct span *ret);

enum message_kind {
	MSG_ERROR = 1,
	MSG_BYE,
	MSG_DOORBELL,
	MSG_FEED_REQ,
	MSG_FEED,
	MSG_RECONCILE,
	MSG_GET,
	MSG_CHANGES,
	MSG_ASK = 30,
	MSG_ANSWER,
	MSG_HEARD,
	MSG_UNKNOWN /* a field number of a later version: skipped */
};
struct run {
	struct wire_change *changes;
	size_t n; /* 1 .. RUN_CHANGES_MAX */
};
struct feed_item {
	bool is_backfill;
	struct id backfill;
	struct run run;
};
struct key_wrap {
	uint32_t epoch, class;
	uint8_t wrap[WRAP_LEN];
};
/* What a region says to one that asked it for a record (P7.11). */
enum answer_state {
	ANSWER_NOTED = 1,
	ANSWER_REFUSED,
	ANSWER_OFFERED,
	ANSWER_CANCELLED,
	ANSWER_FULL, /* too many wait already: ask again another time */
};
#define REQUEST_WORDS_MAX  1000 /* bytes of a purpose, or of the words of an answer */
#define REQUEST_NAME_MAX   200  /* of a worker's name */
#define REQUEST_NUMBER_MAX 64   /* of an authority, or of a CHILD id */
struct message {
	enum message_kind kind;
	union {
		struct {
			uint32_t code;
			struct span text;
		} error;
		struct {
			uint32_t code;
		} bye;
		struct {
			struct id incarnation;
			uint64_t after, budget;
		} feed_req;
		struct {
			struct feed_item *items;
			size_t n;
			uint64_t through;
		} feed;
		struct {
			struct id incarnation;
			uint64_t from;
		} reconcile;
		struct {
			uint32_t request;
			struct id record;
			struct place *have;
			size_t n_have;
			uint64_t budget;
			bool keys;
		} get;
		struct {
			uint32_t request;
			struct id record;
			struct span *bundles;
			size_t n_bundles;
			struct wire_change *path;
			size_t n_path;
			struct key_wrap *keys;
			size_t n_keys;
			struct run *runs;
			size_t n_runs;
			struct span *evidence; /* each an Evidence */
			size_t n_evidence;
			bool path_more; /* the path goes on in the next message */
			bool done, none, more;
		} changes;
		struct {
			struct id id;
			bool has_record, cancel;
			struct id record;
			struct span authority, child, purpose, worker;
		} ask;
		struct {
			struct id id;
			enum answer_state state;
			uint32_t code;
			struct span text;
		} answer;
		struct {
			struct id id;
		} heard;
	};
};
/* Pre-scanned (P8.6) and checked; every run's changes have headers and bodies within limits,
 * but headers are not decoded here. */
MUST_USE int wire_message_decode(struct span bytes, struct arena *a, struct message *ret);
MUST_USE int wire_message_encode(const struct message *m, struct arena *a, struct span *ret);
/* Bytes that one change adds to a message, tags and lengths included (an upper bound). */
size_t wire_change_size(const struct wire_change *c);

/* The proof of a fork (P3.7). Headers and signatures are not checked here. */
#define EVIDENCE_MAX 147456 /* two runs without bodies */
struct evidence {
	struct run held, other;
};
MUST_USE int wire_evidence_decode(struct span bytes, struct arena *a, struct evidence *ret);
MUST_USE int wire_evidence_encode(const struct evidence *e, struct arena *a, struct span *ret);

/* Between kithd and kith-link (link.proto). */
#define LINK_FRAME_MAX (FRAME_MAX + 64)
enum link_kind {
	LINK_PEERS = 1,
	LINK_DIAL,
	LINK_SEND,
	LINK_DROP,
	LINK_READY,
	LINK_UP,
	LINK_DOWN,
	LINK_RECEIVED,
};
struct link_peer {
	struct id region;
	struct pubkey curve_keys[CURVE_KEYS_MAX];
	size_t n_curve_keys;
	struct span endpoint; /* empty: it dials us */
	struct pubkey dial_key;
};
struct link_frame {
	enum link_kind kind;
	uint64_t link;
	struct id region;
	struct link_peer *peers; /* LINK_PEERS */
	size_t n_peers;
	struct span listen;      /* LINK_PEERS: endpoint to bind; LINK_READY: the one bound */
	struct span frame;       /* LINK_SEND, LINK_RECEIVED */
	struct span reason;      /* LINK_DROP, LINK_DOWN */
	bool dialled;            /* LINK_UP */
	struct pubkey curve_key; /* LINK_READY: ours; LINK_UP: the peer's */
	uint32_t pid;
};
MUST_USE int wire_link_decode(struct span bytes, struct arena *a, struct link_frame *ret);
MUST_USE int wire_link_encode(const struct link_frame *f, struct arena *a, struct span *ret);
