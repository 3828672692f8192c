/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The simulator
 *
 * A federation in one process under virtual time: real core, real crypto, real LMDB store; only
 * the clock, chance and kith-link are ours. One seed is one story, byte for byte. The laws are
 * checked as it goes:
 *
 *   1  healed and quiet: every member of a record's circle has the same state hash
 *   2  nothing is stored that does not verify
 *   3  no byte of a record outside its circle, and to who left it nothing written since
 *   4  somebody is responsible for every record at every moment
 *   5  nothing is sent that is not stored
 *   6  what a peer can make grow stays within its bounds
 *   7  healed and quiet: nothing is wanted any more
 *   8  a cursor is never ahead of what is held or wanted
 *   9  counted costs: verifications per run, commits and flushes per turn
 *  10  every certificate of custody verifies, and no two contradict each other
 *  11  somebody responsible holds the whole record, at every moment
 *  12  at most one region takes itself for custodian of record, but for a fork that is proved
 * and what guardians have resolved; healed and quiet: exactly one, and all agree
 *
 * world.c    regions, the queue of events, time
 * turn.c     turns as the host does them, and what it does when one is lost
 * net.c      links: latency, cuts, what kith-link would do
 * port.c     the view that a node gets: the store's, with somebody looking on
 * law.c      laws 1 to 4
 * watch.c    laws 5 to 9, and what is sent
 * prove.c    law 10
 * custody.c  laws 11 and 12
 * client.c   what people ask of a region, and what they are told
 * story.c    text files: a script and the telling that is expected
 * life.c     a seeded random life, done deed by deed
 * deed.c     deeds: what may happen, and how a file says it
 * shrink.c   a broken life made shorter
 * mutant.c   a world broken on purpose for each law
 */

#include <stdio.h>

#include <kith/node.h>
#include <kith/store.h>

#include "daemon/core/affairs.h"

#define REGIONS_MAX 16
#define RECORDS_MAX 48
#define PROOFS_MAX  6
#define TEXTS_MAX   512
#define NEW_MAX     4                       /* records that one turn makes */
#define NOBODY      REGIONS_MAX             /* instead of a region's index */
#define EPOCH_MS    UINT64_C(1767225600000) /* 2026-01-01 */
#define START       UINT64_C(1000000)       /* the monotonic clock when a world begins */

enum law {
	LAW_HASHES = 1,
	LAW_VERIFY,
	LAW_CIRCLE,
	LAW_DUTY,
	LAW_DURABLE,
	LAW_BOUNDS,
	LAW_WANTS,
	LAW_CURSOR,
	LAW_COSTS,
	LAW_CERTIFICATE,
	LAW_WHOLE,
	LAW_ONE
};
#define LAW_LAST LAW_ONE

/* What one region's durable control changes amount to, for one record. */
struct standing {
	bool known, responsible;
	unsigned custodian; /* index, or NOBODY */
	unsigned offered;   /* to whom an Offer is open, or NOBODY */
	bool accepted;      /* and it has answered so */
	unsigned members;   /* bit per region that is in the circle */
	bool whole;         /* everything that was handed over last is held */
	bool forked;        /* as it sees */
	uint64_t term;
};

struct record {
	char name[16]; /* R1 */
	struct id id;
	unsigned may; /* bit per region that was ever let in, by what people asked */
	struct standing standing[REGIONS_MAX];
	bool resolved; /* guardians did: what was said before may be void */
	struct proof {
		uint8_t *bytes;
		size_t len;
	} proofs[PROOFS_MAX]; /* certificates that were issued, a ring */
	size_t n_proofs;
};

struct world;
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): said in the order of its story */
struct region {
	struct world *world;
	unsigned index;
	char name[16], dir[96];
	uint64_t chance;
	struct id id, incarnation;
	struct pubkey sign_public, curve;
	struct node_keys keys;
	struct secret root, store_key;
	struct crypto *crypto;
	struct store *store;
	struct node *node;
	struct view view; /* the store's, in a turn */
	struct arena arena;
	uint64_t life;      /* of its node: what was on its way to an earlier one is lost */
	uint64_t next_link; /* even: accepted links */
	unsigned admits;    /* bit per region that its kith-link lets in */
	enum crash { CRASH_NOT, CRASH_BEFORE_COMMIT, CRASH_AFTER_COMMIT } crash; /* next turn */
	bool garble;       /* the next frame for it comes with a byte changed */
	uint64_t spoiled;  /* mutant: the change of LOG that reads back changed */
	size_t spoiled_at; /* at that byte of its row */
	uint8_t *last_frame;
	size_t last_frame_len;
	struct link *last_link;

	uint64_t quota_record, quota_peer; /* 0: the default */

	/* The disk, the clock, the memory. */
	msec disk_ms;      /* how long a commit takes */
	msec busy;         /* in one until then: what comes waits */
	msec late;         /* added to what this turn sends */
	bool full;         /* only turns that write at most .room bytes fit */
	size_t room, left; /* .left: of the turn that runs */
	bool spoilt;       /* the turn did not fit */
	int64_t skew_ms;   /* of the wall clock */
	uint64_t starve;   /* that allocation of its next steps fails; 0: none */
	msec held;         /* after a lost turn: no tick before */
	unsigned losses;   /* in a row */
	bool twice;        /* the next request comes two times */

	struct arena heard_arena; /* replies of the last world_turn() */
	struct actions heard;

	/* What the running turn may cost, and what it did (law 9). */
	uint64_t allowed, verifies, flushes, commits;
	enum { WASTE_NOT, WASTE_SIGNATURES, WASTE_MEMORY, WASTE_FLUSHES, SPEAKS_EARLY } mutant;

	/* What the running turn has written, for the laws. */
	struct {
		bool control[RECORDS_MAX];
		uint64_t log[1024];
		size_t n_log;
		bool many;               /* more than .log holds: look at everything */
		struct id made[NEW_MAX]; /* Genesis of its own */
		size_t n_made;
		bool cursor[REGIONS_MAX + 1];
	} wrote;
};

struct link {
	struct link *next;
	unsigned ends[2]; /* who dialled, who accepted */
	uint64_t numbers[2], lives[2];
	bool up, told[2]; /* .told: that end has heard that it is up */
	msec last[2];     /* when what was sent last to that end comes */
	msec until[2];    /* the other end has closed it: what had been sent comes until then */
	uint64_t sealed[2]; /* sealed frames sent to that end: the next one's nonce */
	uint64_t stalls;    /* of one way: a heartbeat that was missed belongs to the last */
	struct item *stalled[2]; /* came to that end while the way was cut */
	size_t n_stalled[2], room_stalled[2];
};

enum item_kind { ITEM_START, ITEM_READY, ITEM_DIAL, ITEM_UP, ITEM_DOWN, ITEM_FRAME, ITEM_DEAD };
struct item {
	msec at;
	uint64_t order, life, number, allowed;
	struct link *link;
	const char *text;
	uint8_t *bytes;
	size_t len;
	enum item_kind kind;
	unsigned region, peer;
	bool dialled;
};

struct world {
	uint64_t seed, chance;
	msec now, latency, jitter, busy; /* .busy: when something last changed that peers see */
	char top[64];
	struct region regions[REGIONS_MAX];
	size_t n_regions;
	struct record records[RECORDS_MAX];
	size_t n_records;
	bool cut[REGIONS_MAX][REGIONS_MAX];                                   /* from, to */
	msec slow[REGIONS_MAX][REGIONS_MAX], shaky[REGIONS_MAX][REGIONS_MAX]; /* added */
	struct link *links, *graves; /* graves: down for good */
	struct item *heap;
	size_t n_heap, room_heap;
	uint64_t order, events, turns, restarts, lost;
	uint64_t digest; /* of all that was told and sent */
	size_t largest;  /* what one step made */

	char **telling; /* since the last look */
	size_t n_telling, room_telling;
	size_t keep; /* only so many of the last lines; 0: all */

	char *texts[TEXTS_MAX]; /* words of notes: must never be read in a file */
	size_t n_texts;
	bool audits; /* who asks is noted: not in stories, where it would shift chance */
	struct crypto *judge; /* the laws' own */
	unsigned laws;        /* bit per law that is looked at */
	enum law broken;      /* the first that broke, and how */
	char how[256];
	uint64_t checked[LAW_LAST + 1];
	uint64_t verified[1 << 14]; /* signatures already seen to be right, by hash */
};

/* A broken promise of the simulator's own ground: says where and ends the program. */
void must_at(int r, const char *what, const char *file, int line);
#define must(r) must_at((r), #r, __FILE__, __LINE__)

/* world.c */
void world_init(struct world *w, uint64_t seed);
void world_done(struct world *w);
struct region *world_add(struct world *w, const char *name);
void world_push(struct world *w, const struct item *item); /* takes .bytes */
/* Until then, or until a law breaks; false when it broke. */
bool world_run(struct world *w, msec until);
/* Until nothing has moved for some minutes; false: a law broke, or it does not come to rest. */
bool world_settle(struct world *w);
void world_restart(struct region *r);
void world_node(struct region *r, msec at); /* a new node; its link is ready then */
void world_digest(struct world *w, struct span bytes);
PRINTF(3, 4) void world_tell(struct world *w, const struct region *r, const char *fmt, ...);
void world_tell_hush(struct world *w);
uint64_t world_random(struct world *w, uint64_t below);
struct region *world_region(struct world *w, const char *name); /* by name or number; NULL */
struct record *world_record(struct world *w, const char *name);
struct record *record_of(struct world *w, const struct id *id);
struct region *region_of(struct world *w, const struct id *id);

/* turn.c */
void world_turn(struct region *r, const struct event *const *events, size_t n);

/* net.c */
void net_peers(struct region *r, const struct link_frame *f);
void net_dial(struct region *r, const struct link_frame *f);
void net_send(struct region *r, const struct link_frame *f);
void net_drop(struct region *r, uint64_t number, const char *reason);
bool net_arrives(struct region *r, struct item *item); /* true: the region hears of it */
void net_lost(struct region *r);                       /* a restart: all its links */
void net_forget(struct link *l);                       /* what was still on its way */
void net_cut(struct world *w, unsigned a, unsigned b, bool cut); /* both ways */
/* One way only: what is sent stays on its way until healed, or a heartbeat ends the link. */
void net_mute(struct world *w, unsigned from, unsigned to);
void net_kill(struct world *w, unsigned a, unsigned b); /* the links between them */
void net_heal(struct world *w);                         /* everything */
bool net_replay(struct region *r); /* the last frame that it got comes again */

/* port.c */
struct view port_view(struct region *r);

/* law.c */
PRINTF(3, 4) void law_broken(struct world *w, enum law law, const char *fmt, ...);
bool law_on(const struct world *w, enum law law);
void law_before_commit(struct region *r); /* over what the turn wrote */
void law_after_commit(struct region *r);
void law_everywhere(struct world *w); /* everything that is stored, and the raw files */
void law_settled(struct world *w);    /* law 1 */
void law_written(struct region *r, enum table t, struct span key, struct span value);
void law_standing(struct region *r, struct record *record, struct standing *ret);

const char *law_name(enum law law);

/* watch.c */
/* A frame that leaves, after the commit; gives how many signatures it may cost who gets it. */
uint64_t watch_sent(struct region *r, struct link *l, unsigned to_end, struct span frame);
void watch_turn_begins(struct region *r);
void watch_step(struct region *r, const struct event *e, size_t used);
void watch_committed(struct region *r, bool dirty);
void watch_everywhere(struct world *w);
void watch_settled(struct world *w);

/* client.c */
struct answer {
	bool came;
	char problem[40];
	struct {
		char name[24], value[96];
	} values[48];
	size_t n;
};
const char *answer_value(const struct answer *a, const char *name); /* NULL: not there */
void client_ask(struct region *r, const struct ctl_request *q, struct answer *ret);
void client_introduce(struct region *to, struct region *who);
struct record *client_make(struct region *r, const char *authority, const char *child);
bool client_note(struct region *r, const struct record *record, const char *text, size_t n);
bool client_offer(
	struct region *r, struct record *record, const struct region *to, uint32_t reason);
bool client_accept(struct region *r, const struct record *record, const char *worker);
bool client_decline(struct region *r, const struct record *record, uint32_t code);
bool client_withdraw(struct region *r, const struct record *record);
bool client_circle_add(struct region *r, struct record *record, const struct region *who,
	enum role role, bool guardian);
bool client_circle_remove(
	struct region *r, const struct record *record, const struct region *who);
bool client_sign(struct region *r, const struct record *record, enum verb verb,
	const struct region *to, bool anyway);
bool client_backup(struct region *r);
void client_custody(struct region *r, const struct record *record);
bool client_alias(struct region *r, const struct record *record, const char *authority,
	const char *child);
bool client_request(
	struct region *r, const struct region *of, const char *what, const char *purpose);
/* The first open request of that region is refused. */
bool client_refuse(struct region *r, const struct region *who, uint32_t code);
bool client_cancel(struct region *r); /* the first of its own */
void client_requests(struct region *r);
void client_show(struct region *r, const struct record *record);
void client_list(struct region *r);
/* What a node made from .v, and thrown away again, says of a record. Writes through .v. */
void client_judge(struct region *r, const struct view *v, const struct record *record,
	struct answer *ret);

/* A certificate, in .a; of no bytes when it was refused, as .ret says. The second is given by a
 * node that is made from what is stored, and thrown away again. */
struct span client_prove(
	struct region *r, const struct record *record, struct arena *a, struct answer *ret);
struct span client_prove_judge(
	struct region *r, const struct record *record, struct arena *a, struct answer *ret);

/* custody.c: laws 11 and 12 */
void custody_standing(
	struct region *r, struct record *record, const struct affairs *a, struct standing *ret);
void custody_check(struct world *w, const struct record *record);
void custody_settled(struct world *w);

/* prove.c: law 10. */
bool prove(struct region *r, struct record *record);      /* issued, whatever the law found */
void prove_told(struct region *r, struct record *record); /* and what it says is told */
void prove_settled(struct world *w);
void prove_done(struct world *w);

/* deed.c: what happens in a life. Regions are indices, children numbers from 1. */
enum deed_kind {
	DEED_MAKE,
	DEED_NOTE,
	DEED_OFFER,
	DEED_ACCEPT,
	DEED_DECLINE,
	DEED_PROVE,
	DEED_WITHDRAW,
	DEED_ADD,
	DEED_REMOVE,
	DEED_REQUEST,
	DEED_REFUSE,
	DEED_ASSUME,
	DEED_RESOLVE,
	DEED_BACKUP,
	DEED_CUT,
	DEED_MUTE,
	DEED_HEAL,
	DEED_KILL,
	DEED_DELAY,
	DEED_RESTART,
	DEED_CRASH_BEFORE,
	DEED_CRASH_AFTER,
	DEED_GARBLE,
	DEED_REPLAY,
	DEED_SLOW,
	DEED_FULL,
	DEED_ROOM,
	DEED_CLOCK,
	DEED_STARVE,
	DEED_TWICE,
	DEED_BREAK,
	DEED_COUNT
};
#define DEED_ARGS 4
struct deed {
	msec at; /* since START */
	enum deed_kind kind;
	int64_t a[DEED_ARGS];
};
struct script {
	uint64_t seed;
	size_t n_regions;
	msec end;
	struct deed *v;
	size_t n, room;
};
void script_add(struct script *s, const struct deed *d);
void script_free(struct script *s);
void script_write(const struct script *s, FILE *f);
void script_write_deed(const struct deed *d, FILE *f);
void script_read(struct script *s, const char *path); /* ends the program when it is none */
extern const char *const region_names[REGIONS_MAX];

/* story.c, life.c, shrink.c, mutant.c: passed and failed are added to. */
struct tally {
	unsigned passed, failed;
};
void story_run(const char *path, bool update, struct tally *t);
struct life_options {
	uint64_t seed, hours;
	const char *record;          /* a file that gets every deed as it is done, or NULL */
	const struct script *script; /* instead of seed and hours */
	bool quiet;
	bool moves;             /* mostly moves */
	bool broken_on_purpose; /* in the middle: for the mutant of --shrink */
};
enum law life_live(const struct life_options *o); /* the law that broke, or 0 */
void life_run(const struct life_options *o, struct tally *t);
void life_shrink(
	const struct life_options *o, const char *dir, unsigned seconds, struct tally *t);
void mutants_run(struct tally *t);
