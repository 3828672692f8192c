/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside the node
 *
 * What the files of core share: the node, one step's surroundings, and the calls between them.
 * Every call takes the step; nothing here keeps a pointer into the store or the step's arena.
 *
 * Results: 0, a verdict of the callee's own, or < 0. -ENOSPC and -EUCLEAN are those of rows.h.
 *
 * long: one place for what the files of this folder share, file by file.
 */

#include <kith/care.h>
#include <kith/node.h>

#include "daemon/core/affairs.h"
#include "daemon/core/body.h"
#include "daemon/core/rows.h"

#define PEERS_MAX      64
#define GETS_MAX       16
#define FOLLOWERS_MAX  32
#define STREAMS_MAX    16
#define SEEN_MAX       256
#define AFFAIRS_CACHED 2048
#define AFFAIRS_WAYS   4     /* places that a record has among them */
#define FOLD_AT_ONCE   32    /* changes that are opened in the step that takes them */
#define WANT_PAUSE     30000 /* before a want that brought nothing is asked for again */
#define FORKERS_MAX    8     /* regions that status names */
#define POLL           60000 /* feeds are asked for again, if nothing comes of them (P7.5) */
#define NAME_TEXT_MAX  REGION_NAME_MAX

/* One step: an event, the turn's view, where output goes. */
struct step {
	struct node *node;
	const struct event *event;
	const struct view *view;
	struct actions *out;
	struct arena *arena; /* .out's: lives until the turn is over */
	struct crypto *crypto;
};

/* What a peer can earn. Every verdict that is told comes from the one table. */
enum verdict {
#define VERDICT(id, name, rule, cause, next) VERDICT_##id,
#include <kith/verdicts.def>
#undef VERDICT
};
const char *verdict_name(enum verdict v);

enum peer_state { PEER_DOWN, PEER_DIALLING, PEER_GREETING, PEER_LIVE };

/* Whose request for a record it is (P7.11). */
enum request_way { REQUEST_OURS, REQUEST_THEIRS };
#define REQUEST_KEY (2 * ID_LEN + 1) /* of its row: peer, way, request */

/* A record that is being asked for, by GETs of one number (P7.7). */
struct get_slot {
	bool busy, keys;
	bool large; /* one answer did not bring all of it: asked on before the next has come */
	bool ended; /* what still comes is not looked at */
	bool any;   /* the answer that is coming has brought something */
	bool path_open;    /* some of the path has come, and more of it is to come */
	bool path_skipped; /* of regions that are not in the circle by what had come then */
	bool path_new;
	unsigned path_parts;
	uint32_t request;
	struct id record;
	unsigned asked; /* GETs whose last message has not come */
	uint64_t owed;  /* bytes that may come */
};

/* How far the answers to GETs of one number have come. May be forgotten: then the next begins
 * at what the asker says it has. */
struct answering {
	bool busy, done;
	bool path_open, path_begun; /* the path goes on behind .path, or at its beginning */
	bool keys;                  /* the key wraps are asked for */
	uint32_t request;
	struct id record;
	struct place next;
	struct path_at {
		uint64_t clock;
		struct place at;
	} path;
	uint64_t used; /* when, in GETs answered */
};

struct peer {
	struct id region;
	struct peer_row row; /* as it will stand at the end of the step */
	bool row_dirty;
	char name[REGION_NAME_MAX];
	char endpoint[ENDPOINT_MAX]; /* where to dial it; empty: it dials us */
	bool we_dial;
	bool dialled;  /* we have: its link */
	bool was_live; /* then .lived is the end of the last session */
	bool knocks;   /* we dial once, though it is to dial: its next attempt may be far off */
	struct pubkey curve_keys[CURVE_KEYS_MAX];
	size_t n_curve_keys;
	struct pubkey kem_key;
	struct hash fingerprint;

	enum peer_state state;
	unsigned failures; /* in a row */
	msec lived;
	uint64_t link;
	msec due; /* of the state: dial again, give up greeting, ask for its feed (P7.2) */
	uint64_t last_heard_ms;
	char problem[120];   /* the last thing that went wrong, for people; empty once live */
	uint64_t problem_ms; /* wall: when that was */
	char software[64];
	uint64_t since_ms;           /* wall: live, or not, since */
	uint32_t wire_min, wire_max; /* of its last HELLO */
	uint32_t wire;               /* that the session speaks (P8.3) */
	bool has_skew;
	int32_t skew_ms;       /* its clock less ours, as of its HELLO */
	struct id incarnation; /* of its last HELLO */

	/* the session (P8) */
	struct secret ephemeral;
	struct hash hello_sent;
	struct secret key_out, key_in;
	uint64_t count_out, count_in;

	/* its feed of ours: what it asked for */
	uint64_t feed_sent, feed_budget;
	uint64_t feed_reached; /* the highest that may ever have been sent */
	bool asked;
	bool feed_dirty;  /* something may have come behind feed_sent */
	bool rung;        /* a doorbell is out and it has not asked since */
	bool reconciling; /* RECONCILE is out and it has not asked since */
	bool asking;      /* and ours of its; reconciled: that began anew in this session */
	bool reconciled;
	unsigned gets_in_turn; /* GETs answered in this turn */
	msec anew_due;         /* its feed is not begun anew before */
	uint64_t anew_from;
	uint64_t answered_in_turn; /* and the bytes of it */
	struct answering answers[GETS_MAX];
	uint64_t n_answers;

	/* how it behaves */
	msec offended, shut_until;
	msec idle_since;
	unsigned idle; /* messages since then that changed nothing */
	msec greetings_since;
	unsigned greetings; /* HELLOs since then on links that it has dialled */
	unsigned offences;  /* that ended a link, without a quiet time between them */
	uint32_t next_request;

	/* our feed of its: what we asked for */
	uint64_t asked_budget; /* what is left of it, as we count */
	uint64_t owed;         /* bytes that it may send us, all requests together */
	struct get_slot gets[GETS_MAX];
	struct id want_after; /* the round through its wants goes on behind this record */
	msec wants_due; /* a failed want is tried again then; 0: nothing waits for the clock */
	uint64_t wants; /* rows of WANT */
	uint64_t wants_since_ms; /* wall: there is at least one since; 0: there is none */
	uint64_t parked;         /* rows of PARKED */

	/* requests for records, both ways */
	uint64_t requests[2];                    /* rows, by enum request_way */
	bool requests_due;                       /* some are to be said again in this session */
	uint8_t requests_after[REQUEST_KEY + 2]; /* [0]: set; then said up to this key */
	unsigned flying;                         /* said and not answered */
	unsigned asked_in_turn;
};

/* Somebody local who waits for a record to get somewhere. */
struct follower {
	bool busy;
	bool all; /* of every move, for ever; else of .record */
	uint64_t client;
	uint32_t request;
	struct id record;
	uint64_t told_held;
	uint32_t told_state;
	bool told, bare; /* .bare: for an operator */
};

/* Somebody local who watches requests for records. */
#define WATCHERS_MAX 8
struct watcher {
	bool busy;
	uint64_t client;
	uint32_t request;
};

/* Somebody local who reads the log, and stays at its end or not (follow.c). */
enum stream_kind { STREAM_ALL, STREAM_CONTROL, STREAM_SEALED };
struct stream {
	bool busy;
	bool stays; /* goes on at the end of the log */
	bool stood; /* has been told that it was there */
	bool has_record, has_author;
	struct id record, author;
	enum stream_kind kind;
	uint64_t client;
	uint32_t request;
	uint64_t next; /* number in the log that is read next */
	uint64_t left; /* changes to be told */
};

/* What a turn has added and not written to the log yet (turn.c); all of it in the turn's arena,
 * and so are the bytes of the changes. */
struct turn_head;
struct turn_changes {
	struct wire_change *held; /* the last .n of the log, before .log_next */
	size_t n, room;
	struct turn_head *heads; /* that are to be signed */
	size_t n_heads, room_heads;
};

/* What was asked in this turn, as the row that it will be (audit.c): with its seal it fills a
 * page of the store. */
#define NOTED_MAX 4048
struct audit_note {
	uint64_t at_ms;
	uint32_t verb, problem;
	uint8_t groups;
	struct id record; /* zero: none, or none that is known */
	struct span user, worker, role, purpose, about;
};
struct noted {
	uint8_t row[NOTED_MAX];
	size_t len;
	uint64_t n;
	struct audit_note last; /* its texts stand in .row */
};

/* Moves that wait, as they were counted: until a row of one changes, or one passes a limit. */
struct waiting {
	bool known;
	struct move_limits limits;
	uint64_t from_ms, until_ms; /* wall: what is counted holds in between */
	uint64_t moves, warned, alarmed;
	uint64_t since_ms; /* of the one that has waited longest */
};

/* And what is written in a record with, as long as they are here. */
struct cached_affairs {
	bool valid;
	bool alone; /* no chain of it is held but ours */
	bool keyed; /* .key is what .of commits to */
	struct hash of;
	struct secret key;
	uint64_t used; /* when, in uses */
	struct arena arena;
	struct affairs affairs;
	struct id record;
};

struct node {
	struct crypto *crypto;
	const struct node_keys *keys;
	struct node_options options;
	struct id region, incarnation;
	uint64_t incarnation_number;
	char name[REGION_NAME_MAX];
	struct pubkey kem_public;
	bool has_endpoint; /* others can dial us */

	uint64_t log_next;
	uint64_t audit_next;
	struct turn_changes turn;
	struct noted noted;
	struct summits summits; /* of batches that were verified */
	uint64_t clock;         /* hybrid logical clock, the last one given */
	struct id boot_nonce;

	bool link_ready;
	struct pubkey link_key; /* kith-link's CURVE key */
	char listening[ENDPOINT_MAX];
	char listen[ENDPOINT_MAX + 1]; /* that of EVENT_LISTEN */
	uint64_t next_link;

	struct peer *peers[PEERS_MAX];
	size_t n_peers;
	struct follower followers[FOLLOWERS_MAX];
	struct stream streams[STREAMS_MAX];
	struct watcher watchers[WATCHERS_MAX];
	size_t next_stream;
	struct {
		struct hash what;
	} seen[SEEN_MAX]; /* access entries of this hour: a ring */
	size_t seen_next;

	/* Affairs by record, newest use wins its slot. */
	struct cached_affairs cache[AFFAIRS_CACHED];
	uint64_t cache_uses;
	size_t cache_bytes; /* of all arenas */
	size_t reread;      /* control changes that were read for them in this turn */

	uint64_t emergencies; /* records whose custody people must settle */

	/* Former custodians leave records that are safe here now (circle.c). */
	bool leaving;
	struct id leaving_after;

	/* A region that is no peer any more, and what was kept for it still goes (forget.c). */
	bool forgetting;
	struct id forgotten;

	uint64_t quota_record, quota_peer; /* bytes */
	/* Records whose fold waits (uptake.c; .stale: there are some), and the one that is
	 * being read. */
	msec uptake_last; /* a portion was read */
	msec bulk_last;   /* bulk of a peer came: it goes first */
	struct uptake *uptake;

	uint64_t forks, forks_since_ms;
	struct id forkers[FORKERS_MAX]; /* whose chains they are; some, if they are many */
	size_t n_forkers;
	uint64_t link_since_ms, full_since_ms; /* wall */
	uint64_t bytes_in, bytes_out;          /* of frames of peers */
	/* Moves that wait: when the next limit is passed, by either clock, and how many offers
	 * of ours the region that is asked has not acknowledged. */
	uint64_t limits_at;
	msec limits_due;
	struct move_limits limits;
	struct waiting waiting;
	size_t unreceived;
	bool stopped; /* a chain of ours is proved forked */
	bool stale;
	bool unparking;           /* there may be room again for what is parked */
	bool disk_full, disk_out; /* as the host's last figures say; out: for custody, too */

	/* Records that this step touched: settled and told once, at its end. */
	struct id *touched;
	size_t n_touched, room_touched;
};

/* Kept in META: what lists would have to count. */
struct counts {
	uint64_t records, custodian_of;
};

/* node.c ---------------------------------------------------------------------------------- */
MUST_USE int node_act(struct step *s, const struct action *a);
MUST_USE int node_tell(struct step *s, const struct tell *t);
MUST_USE int node_link(struct step *s, enum action_kind kind, const struct link_frame *f);
/* The next hybrid logical clock (milliseconds << 16 | counter). */
uint64_t node_clock(struct step *s);
/* Moves the clock past one that was seen, unless it is more than a day ahead of the wall. */
void node_clock_seen(struct step *s, uint64_t clock);
/* The affairs of a record, from memory or from its control changes. Valid until the next
 * control change of that record or until the slot is used for another. */
MUST_USE int node_affairs(struct step *s, const struct id *record, const struct affairs **ret);
void node_forget(struct node *n, const struct id *record);
/* A content key, from memory or from its row: 0, ROW_NONE. Of a record's keys the last one that
 * was asked for stays, beside its affairs. */
MUST_USE int node_key(struct step *s, const struct id *record, const struct key_commitment *c,
	struct secret *ret);
/* Whether it is known that no chain of the record is held but ours; and what is known of it. */
bool node_alone(struct node *n, const struct id *record);
void node_set_alone(struct node *n, const struct id *record, bool alone);
/* A row of CONTROL that a scan has found; what it says borrows from the row. */
MUST_USE int held_read(const struct scan *scan, struct arena *a, struct held *ret);
/* Whether that many new control changes, each of which makes the affairs be read again, would
 * be more than a turn has time for. */
bool node_reads_enough(const struct node *n, const struct affairs *a, size_t fresh);
/* Whether the affairs that node_affairs() just gave take so much memory that others' control
 * changes are not taken any more: what was held could not be read with them. */
bool node_affairs_full(struct node *n, const struct id *record);
/* Settle this record at the end of the step, and tell those who follow it. */
MUST_USE int node_touch(struct step *s, const struct id *record);
MUST_USE int node_counts(struct step *s, int records, int custodian_of, struct counts *ret);
struct date node_today(const struct step *s);
/* Text that was cut to fit may end in half a character, and then nobody could read the reply
 * that carries it: what is not ASCII becomes '?'. */
void node_text_mend(char *text);
uint32_t node_wire_max(const struct node *n); /* the newest wire version spoken */
/* A region's name as its card has it, or the first digits of its id. */
MUST_USE int node_region_name(
	struct step *s, const struct id *region, char into[NAME_TEXT_MAX]);

/* audit.c: the number of the last note; and the notes of this turn, which are written before
 * anybody looks for them, and when it ends. */
MUST_USE int audit_last(const struct view *v, uint64_t *ret);
MUST_USE int audit_write(struct step *s);

/* region.c: cards and incarnation keys -------------------------------------------------------
 */
/* The newest card of any region whose card is held; 0, ROW_NONE. */
MUST_USE int region_card(struct step *s, const struct id *region, struct checked_card *ret);
/* An endpoint as a card may have it (P1.6). */
bool endpoint_allowed(struct span text);
/* What a bundle is beside the one that is held of its region. */
enum card_news { CARD_HELD, CARD_OLDER, CARD_NEWER, CARD_FIRST /* none was */ };
/* Keep a bundle that card_check() has made .now of, if it is newer than what is held. 0,
 * CARD_E_BAD: it rivals what is held. */
MUST_USE int region_keep(struct step *s, struct span bundle, const struct checked_card *now,
	enum card_news *ret);
/* The same, once it has proved itself. 0, CARD_E_BAD. */
MUST_USE int region_learn(
	struct step *s, struct span bundle, struct id *ret_region, enum card_news *ret_news);
/* The key of an incarnation; 0, ROW_NONE (no card, or not in its list: ask for a newer one). */
MUST_USE int region_key(struct step *s, const struct id *region, const struct id *incarnation,
	struct pubkey *ret);

/* chain.c ---------------------------------------------------------------------------------- */
enum {
	CHAIN_E_GAP = 1,   /* does not connect to what is held: a want */
	CHAIN_E_UNKNOWN,   /* the author's key is not known yet: a want */
	CHAIN_E_FORKED,    /* proof is kept; nothing more is taken of this chain */
	CHAIN_E_HEADER,    /* not a header (P2.2) */
	CHAIN_E_RUN,       /* not one chain, one after another (P3.2), or not of this record */
	CHAIN_E_LINK,      /* prev is not the change before (P2.4) */
	CHAIN_E_BODY,      /* body_hash does not match (P2.5) */
	CHAIN_E_SIGNATURE, /* (P3.1) */
	CHAIN_E_CONTROL,   /* the control body is not one (P6.1), or Genesis lies (P1.3) */
	CHAIN_E_PATH,      /* there is no room for its control changes: affairs_room() */
	CHAIN_E_STRANGER,  /* its author may not write here (P6.9) */
	CHAIN_E_QUOTA,     /* its author has used up what it may make us hold: parked */
};
enum verdict chain_verdict(int verdict);

/* Add a change of our own. For sealed ones .body is filled (clock, deps and seed are set here),
 * for control ones .control. It is signed when the turn ends, or by turn_write(). */
struct own_change {
	const struct id *record;
	struct control *control; /* or */
	struct body *body;
	uint32_t class;
};
MUST_USE int chain_append(struct step *s, const struct own_change *o, struct ref *ret);
/* The change at a place; .at as for log_get(). 0, ROW_NONE. */
MUST_USE int chain_read(struct step *s, const struct id *record, const struct place *place,
	struct log_at *at, struct wire_change *ret);
/* And the id that it has (P2.3). */
MUST_USE int chain_id_at(
	struct step *s, const struct id *record, const struct place *place, struct hash *ret);
MUST_USE int chain_id(struct crypto *c, struct span header, struct hash *ret);
/* Take a run from a peer: 0 and the number that was new, or a verdict (then nothing was
 * stored). */
MUST_USE int chain_take(struct step *s, const struct id *from, const struct run *run,
	struct id *ret_record, size_t *ret_new);
/* The record of a run, unchecked: for asking whether it is known at all. */
MUST_USE int chain_run_record(const struct run *run, struct id *ret);
/* A run without bodies: its links and its last signature; the header and id of its first. */
MUST_USE int chain_check_headers(
	struct step *s, const struct run *run, struct header *ret, struct hash *ret_id);
/* One control change by itself (P7.8): checked, not stored. */
MUST_USE int chain_check_control(struct step *s, const struct id *record,
	const struct wire_change *c, struct ref *ret, struct control *ret_control);
/* Whether we may write in this record: 0; CHAIN_E_FORKED, our chain there is; CHAIN_E_PATH, it
 * has no room for a control change of ours. */
MUST_USE int chain_writable(struct step *s, const struct id *record);

/* turn.c: changes on their way into the log --------------------------------------------------
 */
/* The next change of the log, of others or of our own: it, its header and its body stand in the
 * turn's arena. One of our own is signed later, if no other one of its chain covers it. */
MUST_USE int turn_hold(struct step *s, const struct wire_change *c);
MUST_USE int turn_own(struct step *s, const struct header *h, const struct hash *id,
	const struct wire_change *c);
/* Sign and write what the turn has so far. Nothing leaves a region without: at the end of the
 * turn, and before that where a signature of our own is read (answers, exports, proofs). */
MUST_USE int turn_write(struct step *s);
/* log_get() for core: what this turn has added, too. */
MUST_USE int log_read(struct step *s, struct log_at *at, uint64_t n,
	struct wire_change *ret); /* 0, ROW_NONE */

/* keys.c: content keys -----------------------------------------------------------------------
 */
MUST_USE int keys_make(struct step *s, const struct id *record, uint32_t epoch,
	uint32_t n_classes, struct key_commitment *ret);
MUST_USE int keys_commitment(struct step *s, const struct id *record, uint32_t epoch,
	uint32_t class, const struct secret *key, struct hash *ret);
/* Each that is committed to, those of the path first; NULL behind the last. */
const struct key_commitment *keys_of(const struct affairs *a, size_t i);
/* A member may have it: its class is one of the member's, its epoch none before its time. */
bool keys_for(const struct member *m, const struct key_commitment *c);
/* What is sealed now, is with this. */
const struct key_commitment *keys_newest(const struct affairs *a, uint32_t class);
MUST_USE int keys_wrap(struct step *s, const struct id *record, const struct key_commitment *c,
	const struct id *to, const struct pubkey *kem,
	struct key_wrap *ret); /* 0, ROW_NONE: not held, or .kem is none */
enum { KEYS_E_BAD = 1 };
MUST_USE int keys_take(struct step *s, const struct id *record, const struct affairs *a,
	const struct key_wrap *w, bool *ret_new); /* 0, KEYS_E_BAD (P5.3) */
/* All keys of the path that our row entitles us to are held; and those beside it, too (P5.5):
 * these may be gone with who made them, and nobody waits for them. */
MUST_USE int keys_whole(
	struct step *s, const struct id *record, const struct affairs *a, bool *ret);
MUST_USE int keys_all(
	struct step *s, const struct id *record, const struct affairs *a, bool *ret);
/* A key of that number is committed to, and not held. */
MUST_USE int keys_lack(
	struct step *s, const struct id *record, uint32_t epoch, uint32_t class, bool *ret);

/* body.c: seal and open ----------------------------------------------------------------------
 */
enum {
	BODY_E_KEY = 1, /* the content key is not held */
	BODY_E_SEAL,    /* does not open */
	BODY_E_FORM,    /* opens, and is not a body (P4.3, P4.5) */
	BODY_E_ROOT,    /* opens, and is not what content_root says (P4.4) */
};
MUST_USE int body_seal(struct step *s, const struct header *h, const struct body *b,
	struct span *ret_sealed, struct hash *ret_root);
MUST_USE int body_open(struct step *s, struct arena *a, struct body_key *key,
	const struct header *h, struct span sealed, struct body *ret);

/* feed.c ----------------------------------------------------------------------------------- */
/* Tell the circle of a change just stored: our own always, others' when we are custodian. */
MUST_USE int feed_change(struct step *s, const struct affairs *a, const struct id *record,
	const struct place *at, const struct id *not_to);
/* The last change that a region which is leaving gets: the one that removes it. */
MUST_USE int feed_last(
	struct step *s, const struct id *peer, const struct id *record, const struct place *at);
MUST_USE int feed_backfill(struct step *s, const struct id *peer, const struct id *record);
MUST_USE int feed_asked(struct step *s, struct peer *p, const struct message *m);
MUST_USE int feed_came(struct step *s, struct peer *p, const struct message *m, size_t bytes);
MUST_USE int feed_reconcile(struct step *s, struct peer *p, const struct message *m);
/* Ask for more if it is time. */
MUST_USE int feed_ask(struct step *s, struct peer *p);
/* At the end of a turn: send what standing requests allow. */
MUST_USE int feed_pump(struct step *s, struct peer *p);
MUST_USE int feed_oldest(
	struct step *s, const struct id *peer, uint64_t *ret_unsent, uint64_t *ret_ms);

/* sync.c ----------------------------------------------------------------------------------- */
MUST_USE int sync_want(struct step *s, struct peer *p, const struct id *record);
MUST_USE int sync_get(struct step *s, struct peer *p, const struct message *m);
MUST_USE int sync_changes(
	struct step *s, struct peer *p, const struct message *m, size_t bytes);
MUST_USE int sync_pump(struct step *s, struct peer *p);
/* A record's row says whether anything of it is wanted from anybody. .ret may be NULL. */
MUST_USE int sync_wanted(struct step *s, const struct id *record, struct record_row *ret);

/* fork.c ----------------------------------------------------------------------------------- */
enum { FORK_E_WRONG = 1 };
/* Keep both sides of a fork: what is held at the place of .h and the run that says otherwise
 * from .at on. What is kept already is kept; the first time it is told, here and to the circle.
 */
MUST_USE int fork_keep(
	struct step *s, const struct header *h, const struct run *run, size_t at);
/* Whether a chain is proved forked; 0, ROW_NONE. */
MUST_USE int fork_has(struct step *s, const struct id *record, const struct id *author,
	const struct id *incarnation);
/* Whether our own is: then nothing more is written in that record. 0, ROW_NONE. */
MUST_USE int fork_own(struct step *s, const struct id *record);
void fork_count(struct node *n, const struct id *author); /* one more, of that region */
/* The proof for others, borrowed from the store; ROW_NONE: none, or it has only one side. */
MUST_USE int fork_evidence(
	struct step *s, const struct id *record, const struct place *at, struct span *ret);
/* The proofs of an answer. */
MUST_USE int fork_take(struct step *s, struct peer *p, const struct message *m);

/* quota.c: what others can make us hold
 * --------------------------------------------------------------- */
/* 0: the default. What was parked is asked for again when one of them is larger than before. */
void quota_set(struct node *n, uint64_t record, uint64_t peer);
/* Of .quota_peer and what is kept for records that begin: custody comes last. */
uint64_t quota_reserve(const struct node *n);
/* What so many bytes of a change are charged with. */
uint64_t quota_cost(size_t bytes);
MUST_USE int quota_used(struct step *s, const struct id *region, uint64_t *ret);
MUST_USE int quota_charge(struct step *s, const struct id *author, const struct id *from,
	uint64_t cost, uint64_t changes);
/* Whether content of a chain of .author, which stands at .row, may come from .from: 0,
 * CHAIN_E_QUOTA. What is taken last may go beyond the quota, by one run. */
MUST_USE int quota_room(struct step *s, const struct id *record, const struct id *author,
	const struct chain_row *row, const struct id *from);
/* Something of this record is not taken from .p for want of room. */
MUST_USE int quota_park(struct step *s, struct peer *p, const struct id *record);
/* At the end of a step: a portion of what is parked is wanted again, when it may have room. */
MUST_USE int quota_some(struct step *s);

/* A want that is none any more; the row of its record is the caller's. */
MUST_USE int sync_drop(struct step *s, struct peer *p, const struct id *record);
/* A want that brought a verdict of chain.c: told, and not asked for again at once. */
MUST_USE int sync_refuse(struct step *s, struct peer *p, const struct id *record, int verdict);

/* path.c ----------------------------------------------------------------------------------- */
/* The cards and the path of a message (P7.8). *ret_on: the record is ours to hold and to take
 * from this peer; *ret_new: some of the path was. With .path_open of the slot it goes on in the
 * next message, and nothing else is decided yet. */
MUST_USE int path_take(struct step *s, struct peer *p, struct get_slot *slot,
	const struct message *m, bool *ret_on, bool *ret_new);
/* What came of the path of a record that is not held after all. */
MUST_USE int path_forget(struct step *s, const struct peer *p, const struct id *record);

/* follow.c --------------------------------------------------------------------------------- */
/* Tell those who follow a bounded part of what they have not seen. */
MUST_USE int follow_some(struct step *s);
/* Somebody has more to read: the next step need not wait. */
bool follow_waits(const struct node *n);
void follow_gone(struct node *n, uint64_t client);

/* uptake.c --------------------------------------------------------------------------------- */
/* The fold of this record is needed, at some time soon. */
MUST_USE int uptake_put(struct step *s, const struct id *record);
/* More records are wanted than are asked for at once: none is opened in the step that takes it.
 */
bool uptake_later(const struct node *n);
msec uptake_due(const struct node *n);
/* The next portion. */
MUST_USE int uptake_some(struct step *s);
/* Whether something stood there when the node was made. */
MUST_USE int uptake_find(struct node *n, const struct view *v);
void uptake_drop(struct node *n);

/* request.c ---------------------------------------------------------------------------------
 */
MUST_USE int request_asked(struct step *s, struct peer *p, const struct message *m);
MUST_USE int request_answered(struct step *s, struct peer *p, const struct message *m);
MUST_USE int request_heard(struct step *s, struct peer *p, const struct message *m);
/* A session is live: what is under way is said again, from the beginning. */
void requests_begin(struct peer *p);
MUST_USE int requests_pump(struct step *s, struct peer *p);
/* How many rows there are. */
MUST_USE int requests_count(struct step *s, struct peer *p);
/* An Offer answers the requests of that region for that record. */
MUST_USE int requests_offered(struct step *s, const struct id *to, const struct id *record);
/* Of others for our people to answer, and of ours that nobody has answered. */
MUST_USE int requests_waiting(struct step *s, uint64_t *ret_in, uint64_t *ret_out);

/* forget.c --------------------------------------------------------------------------------- */
/* Whether a region that is no peer has rows of one. */
MUST_USE int forget_pending(const struct view *v, const struct id *region, bool *ret);
/* Begin with a region that has, if there is one. */
MUST_USE int forget_find(struct node *n, const struct view *v);
/* The next portion. */
MUST_USE int forget_some(struct step *s);
/* It is a peer no more: .p is gone, and what is kept for it begins to go. */
MUST_USE int forget_begin(struct step *s, struct peer *p);
/* The row of a region that becomes a peer, perhaps again. */
MUST_USE int forget_resume(struct step *s, const struct id *region, struct peer_row *ret);

/* session.c ------------------------------------------------------------------------------ */
#define LABEL_HELLO SPAN_LIT("kith/hello/1\0")
MUST_USE int session_greet(struct step *s, struct peer *p, const struct pubkey *their_curve);
/* key(small) || key(large) from both HELLOs and both ephemerals (P8.4). 0, CRYPTO_E_BAD. */
MUST_USE int session_agree(
	struct step *s, struct peer *p, const struct hello *h, struct span hello);
/* The next frame of the peer, in the arena. 0, CRYPTO_E_BAD. */
MUST_USE int session_open(struct step *s, struct peer *p, struct span sealed, struct span *ret);

/* peer.c ----------------------------------------------------------------------------------- */
struct peer *peer_find(struct node *n, const struct id *region);
MUST_USE int peer_load(struct step *s, const struct id *region);
MUST_USE int peer_announce(struct step *s); /* LINK_PEERS */
MUST_USE int peer_send(struct step *s, struct peer *p, const struct message *m);
MUST_USE int peer_tick(struct step *s, struct peer *p);
MUST_USE int peer_link_ready(struct step *s, struct peer *p);
MUST_USE int peer_link_up(struct step *s);
MUST_USE int peer_link_down(struct step *s);
MUST_USE int peer_frame(struct step *s);
MUST_USE int peer_save(struct step *s, struct peer *p);
msec peer_due(const struct peer *p);
/* End its link, saying why. */
MUST_USE int peer_drop(struct step *s, struct peer *p, const char *problem);
/* A verdict about what it sent: told, remembered, and the link ended when .drop. */
MUST_USE int peer_refuse(struct step *s, struct peer *p, const struct id *record,
	enum verdict verdict, bool drop);
/* It has said something that changes nothing: too much of that ends the link (P7.5). */
MUST_USE int peer_idle(struct step *s, struct peer *p);
void peer_lost(struct step *s, struct peer *p);

/* record.c: what we are to a record
 * ------------------------------------------------------------ */
/* After control changes of a record came or were made: roles, shares, and what follows by
 * itself (Release, StandDown, removal). */
MUST_USE int record_settle(struct step *s, const struct id *record);
/* Its fold is here: the summary, and whether the open Offer to us is complete. */
struct fold;
MUST_USE int record_taken_up(struct step *s, const struct id *record, const struct fold *f);
MUST_USE int record_count(struct step *s, const struct id *record, size_t more);
/* Of the newest manifest: how many changes it names and how many of them are held. */
struct progress {
	uint64_t held, of;
	bool whole; /* held, and so are the keys */
};
MUST_USE int record_progress(
	struct step *s, const struct id *record, const struct affairs *a, struct progress *ret);
MUST_USE int record_new(
	struct step *s, const char *authority, const char *child, struct id *ret);
/* The entry by which a record is known under an identifier, found by it from now on. */
MUST_USE int record_name(struct step *s, const struct id *record, struct span authority,
	struct span child, struct entry *ret);
/* The heads of all chains whose key begins so, at most as many as a control change may have. 0,
 * RECORD_E_MANY. */
MUST_USE int record_heads(struct step *s, struct span prefix, struct head **ret, size_t *ret_n);
enum { RECORD_E_MANY = 1 /* more chains than a manifest can name (P6.1) */ };
MUST_USE int record_manifest(
	struct step *s, const struct id *record, const struct affairs *a, struct manifest *ret);
/* Tell followers how far a record is. */
MUST_USE int record_told(struct step *s, const struct id *record);

MUST_USE int follower_tell(struct step *s, struct follower *f);

/* move.c: what people decide ----------------------------------------------------------------
 */
#define MOVE_CODE_WITHDRAWN                                                                    \
	100 /* Decline: the answer to a Withdraw that came before any other */
/* Each gives 0 or an enum problem; MOVE_BEFORE: asked again, and done already (offer, accept).
 */
enum { MOVE_BEFORE = 1000 };
MUST_USE int move_offer(struct step *s, const struct id *record, const struct id *to,
	uint32_t reason, struct span words, const struct ctl_request *by, struct ref *ret);
MUST_USE int move_withdraw(
	struct step *s, const struct id *record, const struct ctl_request *by, struct ref *ret);
MUST_USE int move_accept(
	struct step *s, const struct id *record, const struct ctl_request *by, struct ref *ret);
MUST_USE int move_decline(struct step *s, const struct id *record, uint32_t code,
	const struct ctl_request *by, struct ref *ret);
/* The affairs, if custody may be worked on at all: 0, or an enum problem. */
MUST_USE int move_workable(struct step *s, const struct id *record, const struct affairs **ret);
/* Words or a name, sealed, for a control change to refer to (P6.1). 0, or an enum problem. */
MUST_USE int move_words(struct step *s, const struct id *record, struct entry *e,
	const struct ctl_request *by, struct ref *ret);
/* The control change with everything filled that all of them have. */
void move_control(
	struct step *s, const struct affairs *a, enum control_kind kind, struct control *ret);

/* handover.c: the account of each move -------------------------------------------------------
 */
/* After control changes or more of the record came: phase and times. */
MUST_USE int handover_settle(struct step *s, const struct id *record, const struct affairs *a,
	const struct record_row *row);
/* A peer has durably what stood in its feed. */
MUST_USE int handover_received(
	struct step *s, const struct peer *p, const struct feed_row *row);
/* It asks for the record, which it does from a want that is durable there. */
MUST_USE int handover_asked(struct step *s, const struct peer *p, const struct message *m);
/* At the end of a step: tell of what has waited too long, once each. */
MUST_USE int handover_limits(struct step *s);
/* How many of the limits a wait has passed, and when it passes the next (0: none follows). */
unsigned handover_late(const struct step *s, const struct move_row *row, uint64_t *ret_next);
/* When a control change was made, by its author's clock; 0: there is none. */
uint64_t handover_said(const struct held *h);
/* When an Offer was settled; 0: it is not. */
uint64_t handover_settled(const struct offer *o);
/* Those of our moves that wait for somebody. */
MUST_USE int handover_count(struct step *s, const struct waiting **ret);
/* The sealed entries that a control change refers to; ROW_NONE: not held, or they do not open.
 */
MUST_USE int handover_words(
	struct step *s, const struct id *record, const struct held *h, struct body *ret);
/* Tell those who follow all moves. */
MUST_USE int followers_tell_all(struct step *s, const struct id *record);
/* circle.c: who is in the circle
 * ------------------------------------------------------------------ */
#define CLASSES_MADE 2 /* 0 for the circle, 1 for access entries (P5.1) */
/* Out of it, and a new epoch, in one turn (P6.8, P5.4). .before: what it rests on, or NULL. */
MUST_USE int circle_out(struct step *s, const struct id *record, const struct id *region,
	uint32_t keep, const struct ref *before, struct ref *ret);
MUST_USE int circle_set(struct step *s, const struct id *record, struct circle_row row,
	const struct ref *before, struct ref *ret);
/* The candidate of an Offer that is settled becomes what it was before. *ret_done: one did. */
MUST_USE int circle_settle(
	struct step *s, const struct id *record, const struct affairs *a, bool *ret_done);
/* What people ask: each gives 0 or an enum problem. */
MUST_USE int circle_add(struct step *s, const struct id *record, const struct id *region,
	enum role role, bool guardian, bool dry_run, struct ref *ret);
MUST_USE int circle_guardian(struct step *s, const struct id *record, const struct id *region,
	bool guardian, bool dry_run, struct ref *ret);
MUST_USE int circle_remove(struct step *s, const struct id *record, const struct id *region,
	uint32_t keep, bool dry_run, struct ref *ret);
/* A backup of the store up to this number of the log was made and verified: what is in it needs
 * no former custodian any more. */
struct backup_mark {
	uint64_t through, at_ms; /* zero: never */
};
MUST_USE int circle_backup(struct step *s, uint64_t through);
MUST_USE int circle_backup_last(struct step *s, struct backup_mark *ret);
/* The next portion of the former custodians that leave. */
MUST_USE int circle_some(struct step *s);

/* emergency.c: what guardians sign
 * ---------------------------------------------------------------- */
struct emergency {
	size_t guardians, needed, have; /* votes that say the same, this one included */
	bool leads;
	struct ref ref;
};
/* CONTROL_ASSUME or CONTROL_RESOLVE. 0, or an enum problem (.ret then says how many there are).
 */
MUST_USE int emergency_sign(struct step *s, const struct id *record, enum control_kind kind,
	const struct id *to, uint32_t code, bool anyway, const struct ctl_request *by,
	struct emergency *ret);
/* For how long nothing has been heard of a region: since this daemon began, at most. */
uint64_t emergency_silence(struct step *s, const struct id *region);

/* summary.c: one sealed row a record, for lists
 * -------------------------------------------------- */
struct summary {
	char alias[64];   /* AUTHORITY/CHILD */
	uint64_t changes; /* that it knows: fewer than are held means stale */
	uint64_t entries, faults, conflicts;
	struct care_summary care;
};
MUST_USE int summary_get(struct step *s, const struct id *record, struct summary *ret);
/* The summary of a record that has its Genesis and nothing else. */
MUST_USE int summary_begin(struct step *s, const struct id *record);
/* A stored row as care reads it; borrows from .w. NULL when memory is out. */
const struct care_row *summary_row(struct arena *a, const struct wire_row *w);
/* After an own change was appended: what its entries add. */
MUST_USE int summary_entries(
	struct step *s, const struct id *record, const struct entry *entries, size_t n);
/* After the last .n changes of a run were taken: what they add, if that can be told without the
 * fold. */
MUST_USE int summary_taken(
	struct step *s, const struct id *record, const struct run *run, size_t n);
/* Made from a fold that somebody needed anyway. */
MUST_USE int summary_fold(struct step *s, const struct id *record, const struct fold *f);
/* Remade from the fold when changes of others have come since: at once when they are few. */
MUST_USE int summary_refresh(struct step *s, const struct id *record);
MUST_USE int token_find(
	struct step *s, struct span authority, struct span child, struct id *ret);
/* The same, of a record that this region is or was responsible for: what others say that their
 * records are known as does not stand in the way of ours. */
MUST_USE int token_ours(
	struct step *s, struct span authority, struct span child, struct id *ret);
MUST_USE int token_put(
	struct step *s, struct span authority, struct span child, const struct id *record);

/* ask.c ------------------------------------------------------------------------------------ */
MUST_USE int ask_step(struct step *s);
MUST_USE int ask_reply(struct step *s, uint64_t client, const struct ctl_reply *r);
/* Who has read what in this hour, as the audit has it: a restart writes no second access entry.
 */
MUST_USE int access_restore(struct step *s);
