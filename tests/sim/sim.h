/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The simulator
 *
 * A federation in one process under virtual time: real core, real crypto, real LMDB store; only
 * the clock, chance and kith-link are ours. One seed is one story, byte for byte. Four laws
 * are checked as it goes:
 *
 *   1  healed and quiet: every member of a record's circle has the same state hash
 *   2  nothing is stored that does not verify
 *   3  no byte of a record outside its circle
 *   4  somebody is responsible for every record at every moment
 *
 * world.c    regions, their turns and restarts, the queue of events
 * net.c      links: latency, cuts, what kith-link would do
 * port.c     the view that a node gets: the store's, with somebody looking on
 * law.c      the four laws
 * client.c   what people ask of a region, and what they are told
 * story.c    text files: a script and the telling that is expected
 * life.c     a seeded random life
 * mutant.c   a world broken on purpose for each law
 */

#include <stdio.h>

#include <kith/node.h>
#include <kith/store.h>

#include "daemon/core/affairs.h"

#define REGIONS_MAX 6
#define RECORDS_MAX 48
#define TEXTS_MAX   512
#define NOBODY      REGIONS_MAX             /* instead of a region's index */
#define EPOCH_MS    UINT64_C(1767225600000) /* 2026-01-01 */
#define START       UINT64_C(1000000)       /* the monotonic clock when a world begins */

enum law { LAW_HASHES = 1, LAW_VERIFY, LAW_CIRCLE, LAW_DUTY };

/* What one region's durable control changes amount to, for one record. */
struct standing {
	bool known, responsible;
	unsigned custodian; /* index, or NOBODY */
	unsigned offered;   /* to whom an Offer is open, or NOBODY */
	bool accepted;      /* and it has answered so */
	unsigned members;   /* bit per region that is in the circle */
};

struct record {
	char name[16]; /* R1 */
	struct id id;
	unsigned may; /* bit per region that was ever let in, by what people asked */
	struct standing standing[REGIONS_MAX];
};

struct world;
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
	bool garble;      /* the next frame for it comes with a byte changed */
	uint64_t spoiled; /* mutant: the LOG row that reads back changed */
	uint8_t *last_frame;
	size_t last_frame_len;
	struct link *last_link;

	/* What the running turn has written, for the laws. */
	struct {
		bool control[RECORDS_MAX];
		uint64_t log[1024];
		size_t n_log;
		bool many; /* more than .log holds: look at everything */
		bool has_new;
		struct id new_record; /* a Genesis of its own */
	} wrote;
};

struct link {
	struct link *next;
	unsigned ends[2]; /* who dialled, who accepted */
	uint64_t numbers[2], lives[2];
	bool up;
	msec last[2]; /* when what was sent last to that end comes */
};

enum item_kind { ITEM_START, ITEM_READY, ITEM_DIAL, ITEM_UP, ITEM_DOWN, ITEM_FRAME };
struct item {
	msec at;
	uint64_t order, life, number;
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
	bool cut[REGIONS_MAX][REGIONS_MAX];
	struct link *links, *graves; /* graves: down for good */
	struct item *heap;
	size_t n_heap, room_heap;
	uint64_t order, events, turns, restarts;

	char **telling; /* since the last look */
	size_t n_telling, room_telling;
	size_t keep; /* only so many of the last lines; 0: all */

	char *texts[TEXTS_MAX]; /* words of notes: must never be read in a file */
	size_t n_texts;
	struct crypto *judge; /* the laws' own */
	unsigned laws;        /* bit per law that is looked at */
	enum law broken;      /* the first that broke, and how */
	char how[256];
	uint64_t checked[LAW_DUTY + 1];
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
void world_turn(
	struct region *r, const struct event *const *events, size_t n, struct actions *out);
void world_restart(struct region *r);
PRINTF(3, 4) void world_tell(struct world *w, const struct region *r, const char *fmt, ...);
void world_tell_hush(struct world *w);
uint64_t world_random(struct world *w, uint64_t below);
struct region *world_region(struct world *w, const char *name); /* by name or number; NULL */
struct record *world_record(struct world *w, const char *name);
struct record *record_of(struct world *w, const struct id *id);
struct region *region_of(struct world *w, const struct id *id);

/* net.c */
void net_peers(struct region *r, const struct link_frame *f);
void net_dial(struct region *r, const struct link_frame *f);
void net_send(struct region *r, const struct link_frame *f);
void net_drop(struct region *r, uint64_t number, const char *reason);
void net_arrives(struct region *r, const struct item *item);
void net_lost(struct region *r); /* a restart: all its links */
void net_cut(struct world *w, unsigned a, unsigned b, bool cut);
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
void client_show(struct region *r, const struct record *record);
void client_list(struct region *r);
/* What a node made from .v, and thrown away again, says of a record. Writes through .v. */
void client_judge(struct region *r, const struct view *v, const struct record *record,
	struct answer *ret);

/* story.c, life.c, mutant.c: passed and failed are added to; 0 unless something failed. */
struct tally {
	unsigned passed, failed;
};
void story_run(const char *path, bool update, struct tally *t);
void life_run(uint64_t seed, uint64_t hours, struct tally *t);
void mutants_run(struct tally *t);
