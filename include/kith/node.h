/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Node
 *
 * A region as a function. The host gives it one event at a time together with the turn's view
 * of the store; it writes through the view and says in .actions what is to be done. No clock,
 * socket, file, chance or log inside: time is in the event, chance behind crypto.
 *
 * Write, then speak: the host carries the actions of a turn out only after the turn's commit.
 * If a step is fatal or the commit fails, the turn's actions are dropped and the node is freed
 * and made anew from the store: its memory may be ahead of what is durable.
 */

#include <kith/arena.h>
#include <kith/control.h>
#include <kith/crypto.h>
#include <kith/message.h>
#include <kith/view.h>

struct node;

/* The region's own secrets that are in use every day. Borrowed for the node's life. */
struct node_keys {
	struct secret sign;    /* the incarnation's Ed25519 key */
	struct secret control; /* signs the incarnation list */
	struct secret kem;     /* X25519: wraps are opened with it */
	struct secret token;   /* HMAC key of identifier lookups */
};

struct node_options {
	const char *software;   /* "kith 0.1.0" */
	const char *listen;     /* endpoint for kith-link to bind; NULL: do not listen */
	uint64_t started_ms;    /* wall clock */
	bool remove_former;     /* a former custodian leaves after the first verified backup */
	uint64_t audit_keep_ms; /* who asked what is kept so long; 0: not noted */
	uint32_t wire_max;      /* 0: WIRE_VERSION. For tests: what a later kith would say */
	uint64_t quota_record, quota_peer; /* bytes that one region can make us hold, in one
					      record and in all; 0: the default */
};

enum event_kind {
	EVENT_TICK,        /* node_due() has come; also first of all after node_new */
	EVENT_LINK_READY,  /* a kith-link has connected: .curve_key, .text is what it listens on
			    */
	EVENT_LINK_GONE,   /* and is gone, with all its links */
	EVENT_LINK_UP,     /* .link .region .dialled .curve_key (the peer's) */
	EVENT_LINK_DOWN,   /* .link .text */
	EVENT_FRAME,       /* .link .bytes: one Frame of a peer */
	EVENT_ASK,         /* .client .user .groups .bytes: one Request of a local client */
	EVENT_CLIENT_GONE, /* .client */
	EVENT_SETTINGS,    /* .quota_record, .quota_peer, .audit_keep_ms: as in the options */
	EVENT_LISTEN,      /* .text: kith-link is to bind this from now on; NULL: nothing */
};

struct event {
	enum event_kind kind;
	msec now;         /* monotonic: timers */
	uint64_t wall_ms; /* since 1970: dates and the hybrid clock */
	uint64_t link, client;
	struct id region;
	bool dialled;
	struct pubkey curve_key;
	struct span bytes;
	const char *text;
	uint64_t quota_record, quota_peer, audit_keep_ms;
	const char *user; /* who asks: "uid 1000 (jo)" */
	unsigned groups;  /* of who asks: bits of enum groups; 0 may nothing */
	const struct host_figures *figures; /* may be NULL: what only the host knows */
};

/* When a move has waited too long, in working days; 0: never. */
struct move_limits {
	unsigned warn, alarm;
};
#define MOVE_WARN_DAYS  1
#define MOVE_ALARM_DAYS 5

struct host_figures {
	uint64_t store_bytes, store_map_bytes, disk_free_bytes, commits, flushes, changes;
	uint32_t store_format;
	bool link_connected;
	const struct move_limits *limits; /* NULL: the days above */
};

enum action_kind {
	ACTION_LINK_PEERS, /* .bytes: a whole LinkFrame */
	ACTION_LINK_DIAL,  /* the same */
	ACTION_LINK_DROP,  /* the same */
	ACTION_LINK_SEND,  /* .link, .bytes: a whole LinkFrame */
	ACTION_REPLY,      /* .client, .bytes: a Reply, the .last to its request or not */
	ACTION_TELL,       /* .tell */
	ACTION_HOST,       /* .client waits for what the host does: .task, .request, .dry_run */
};

/* The trace: what a node says of itself. Stories assert it, the host logs it. */
enum tell_verb {
	TELL_STARTS,
	TELL_DIALS,
	TELL_GREETS,  /* a session is live */
	TELL_LOSES,   /* a session ended: .text why */
	TELL_REFUSES, /* .verdict, of .peer, about .record */
	TELL_STORES,  /* .n changes of .record from .peer */
	TELL_WANTS,   /* .record from .peer */
	TELL_HAS,     /* a want is filled: .record, .n changes held */
	TELL_MAKES,   /* a record */
	TELL_OFFERS,
	TELL_WITHDRAWS,
	TELL_COMPLETES, /* everything in a manifest is held, opened, verified */
	TELL_ACCEPTS,
	TELL_DECLINES,
	TELL_STANDS_DOWN,
	TELL_RELEASES,
	TELL_TAKES_OVER, /* is custodian now */
	TELL_REMOVES,    /* .peer from the circle of .record */
	TELL_REKEYS,
	TELL_RECONCILES,
	TELL_FORKED, /* proof is held: .record, .peer */
	TELL_STOPS,  /* writing in .record: its own chain is forked */
	TELL_ADDS_PEER,
	TELL_DROPS_PEER,
	TELL_ADMITS,       /* local work, .text: appended, imported */
	TELL_ASSUMES,      /* signs that .peer takes the duty for .record */
	TELL_RESOLVES,     /* signs that .peer is custodian of .record next */
	TELL_NEEDS_PEOPLE, /* .record: its duty was assumed, or its custody has forked */
	TELL_SETTLED,      /* and no more */
	TELL_ASKS,         /* .peer for a record */
	TELL_IS_ASKED,     /* by .peer: people must answer */
	TELL_ANSWERS,      /* .peer; .text: offered, refused */
	TELL_IS_ANSWERED,  /* by .peer; .text likewise */
	TELL_PARKS,        /* .record: content from .peer, .text why */
	TELL_WARNS,        /* the move of .record with .peer waits too long: .text for whom */
	TELL_ALARMS,       /* and longer */
	TELL_COUNT,
};
const char *tell_word(enum tell_verb v);

struct tell {
	enum tell_verb verb;
	struct id peer, record; /* zero: not about one */
	char peer_name[REGION_NAME_MAX];
	uint64_t n;
	const char *verdict; /* static text, or NULL */
	const char *text;    /* arena text, or NULL. Never content of a record */
	bool again;          /* nothing has changed since it was last told: for the curious */
};

/* What a client may ask that is not the node's: the host replies to .request. */
enum host_task { HOST_RELOAD, HOST_VERIFY };

struct action {
	enum action_kind kind;
	uint64_t link, client;
	struct span bytes;
	struct tell tell;
	enum host_task task;
	uint32_t request;
	bool dry_run, last;
};

struct actions {
	struct action *v;
	size_t n, room;
	struct arena
		*arena; /* everything the step gives back lies here, until the turn is over */
};

/* Verdicts of node_new. */
enum {
	NODE_E_EMPTY = 1, /* the store holds no region: kithctl region init */
	NODE_E_KEYS,      /* the keys given are not this region's */
};

MUST_USE int node_new(struct crypto *c, const struct node_keys *keys,
	const struct node_options *o, const struct view *v, struct node **ret, struct why *why);
struct node *node_free(struct node *n); /* accepts NULL, returns NULL */

/* 0; VIEW_FULL: the turn cannot be committed (the host aborts it, and steps the event again
 * with nothing else when it changes nothing, or answers disk-full); < 0 fatal. */
MUST_USE int node_step(
	struct node *n, const struct event *e, const struct view *v, struct actions *out);
/* The last call of every turn in which a step was taken, before it is committed: what was
 * written is signed, and peers and followers are told. Of the event the times and the figures
 * count; results as those of a step. */
MUST_USE int node_end(
	struct node *n, const struct event *e, const struct view *v, struct actions *out);

/* When to call EVENT_TICK next, on the monotonic clock; MSEC_NEVER is possible. */
msec node_due(const struct node *n);
/* How many changes it holds. */
uint64_t node_changes(const struct node *n);

/* Signatures of changes: of one change (P3.1), or of a batch and a place in it (P3.6). The one
 * function that verifies either, with the key of the author's incarnation: 0, CRYPTO_E_BAD.
 * .seen may be NULL; with it a batch costs one verification however many of its changes come.
 */
#define SUMMITS_MAX 64
struct summits {
	size_t next;
	struct {
		uint8_t summit[8 + HASH_LEN];
		struct sig sig;
		struct pubkey key;
	} v[SUMMITS_MAX]; /* begun zeroed: what verifies with no key is not in it */
};
MUST_USE int signature_check(struct crypto *c, const struct pubkey *key,
	const struct hash *change, struct span signature, struct summits *seen);
/* The signatures of .n changes, at most BATCH_MAX, made with one: into .ret, bytes in .a. */
MUST_USE int signatures_make(struct crypto *c, const struct secret *key,
	const struct hash *changes, size_t n, struct arena *a, struct span *ret);

/* Verifying what is stored, again: every chain of every record by its own hashes, links and
 * signatures (P2, P3), and the control changes that lie beside them. It needs no node and may
 * run beside one, on another thread with a struct crypto of its own: a portion at a time, each
 * with a view as it then is. Begun zeroed. */
#define VERIFY_FAULTS_MAX 8
struct verify_fault {
	struct id record;
	struct place at;
	const char *rule, *what; /* "P2.4", and in words; static */
};
struct verify {
	uint64_t changes, chains, faults;
	struct verify_fault first[VERIFY_FAULTS_MAX]; /* .faults of them, or all */

	/* where it goes on */
	bool inside, beside, lost;
	struct id record;
	struct place at;
	struct hash prev;
	uint32_t uncovered; /* changes since the last signature */
	struct summits summits;
	uint8_t key[VIEW_KEY_MAX + 1];
	size_t key_len;
};
enum { VERIFY_DONE = 1 };
/* At most .most changes further: 0, or VERIFY_DONE. */
MUST_USE int verify_some(
	struct verify *v, struct crypto *c, const struct view *view, size_t most);

/* What a store needs to become a region. Offline, by kithctl region init. */
struct region_found {
	const char *name;
	const char *const *endpoints;
	size_t n_endpoints;
	struct pubkey curve_key; /* of the transport key */
	struct secret root;      /* given; not kept */
	struct hash next_root;
	const struct node_keys *keys;
};
/* Writes region, incarnation 1, card and list. 0; NODE_E_KEYS when the name or an endpoint is
 * not allowed (.why says which). */
MUST_USE int region_found(struct crypto *c, const struct region_found *f, const struct view *v,
	struct id *ret_region, struct why *why);
/* The bundle of this region, in the arena. */
MUST_USE int region_bundle(const struct view *v, struct arena *a, struct span *ret);

/* Check a bundle as it came: every signature, the id, the limits (P1.4 to P1.6). */
struct checked_card {
	struct id region;
	struct card card; /* the newest */
	struct hash fingerprint;
	struct incarnations incarnations;
};
enum { CARD_E_BAD = 1 };
MUST_USE int card_check(struct crypto *c, struct span bundle, struct arena *a,
	struct checked_card *ret, struct why *why);
/* 16 groups of four hex digits. */
#define FINGERPRINT_TEXT_LEN 80
char *fingerprint_text(const struct hash *h, char into[FINGERPRINT_TEXT_LEN]);
