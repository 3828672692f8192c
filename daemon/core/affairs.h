/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Affairs
 *
 * What the control changes of one record amount to (PROTOCOL P6): who was and is custodian,
 * who is responsible, who is in the circle, which keys there should be. A pure function of the
 * set of control changes that are held, whatever the order in which they came; the model of
 * tests/model is compared with it.
 */

#include <kith/arena.h>
#include <kith/crypto.h>
#include <kith/wire.h>

/* One control change that is held: signed, hashed, decoded. */
struct held {
	struct ref ref;
	struct control control;
	bool must_understand; /* the header's flag */
	size_t bytes;         /* that it takes in a path (P7.8) */
};

struct term {
	uint64_t number; /* from 1 */
	struct id custodian;
	struct ref begun;                            /* Genesis, Release or Resolve */
	struct date date;                            /* of .begun */
	const struct held *offer, *accept, *release; /* that ended it; NULL: not by a Release */
	const struct held *resolve;                  /* that ended it instead (P6.14) */
};

/* Who was or is responsible, from when to when, and why: the whole time, in the order of the
 * terms. What is shown to people and proved to others. */
enum why_responsible {
	STINT_CUSTODIAN, /* .from is what began the term */
	STINT_ACCEPTED,  /* acting since its Accept (P6.5) */
	STINT_ASSUMED,   /* acting since its Assume (P6.13) */
	STINT_FORKED,    /* a branch of a forked custody made it responsible (P6.10) */
};
struct stint {
	struct id region;
	enum why_responsible why;
	uint64_t term;
	const struct held *from, *to; /* .to NULL: still */
};

enum offer_state {
	OFFER_OPEN,
	OFFER_ACCEPTED, /* the acceptor is responsible, too; the Release is the custodian's */
	OFFER_DECLINED,
	OFFER_WITHDRAWN,          /* and the candidate has not answered yet */
	OFFER_WITHDRAWN_ACCEPTED, /* both crossed: waits for its StandDown */
	OFFER_STOOD_DOWN,
	OFFER_REFUSED_LATE, /* withdrawn, and the candidate has declined */
	OFFER_RELEASED,
};

/* Every Offer that counts, in the order of the path. */
struct offer {
	const struct held *offer;
	uint64_t term;
	struct id from;
	enum offer_state state;
	const struct held *accept, *decline, *withdraw, *stand_down, *release;
	enum role before; /* of the candidate, when it came into the circle for this Offer */
};

struct member {
	struct circle_row row;
	bool wrote; /* is or was a custodian or writer (P6.9) */
	bool removed;
	bool former; /* a reader because it handed over, and nobody has said otherwise since */
	const struct removal *removal; /* when removed, or NULL */
	const struct held *set;        /* the circle change that set .row; NULL: none did */
	enum role was;                 /* its role before that */
	size_t offers_then;            /* how many Offers there were at that time */
};

/* What guardians have signed in the running term, or in the one that forked (P6.12 to P6.14).
 */
struct vote {
	const struct held *held; /* Assume or Resolve */
	bool counts;             /* by a guardian, and its first of the kind in the term */
	bool leads; /* by the region that it names: it counts with those it quotes */
};

struct affairs {
	bool known;       /* Genesis is held */
	bool forked;      /* two Releases of one term count (P6.10) */
	bool needs_newer; /* (P6.11) */
	struct ref genesis;
	struct term *terms;
	size_t n_terms;
	struct offer *offers;
	size_t n_offers;
	struct id custodian; /* of record, now */
	uint64_t term;
	struct ref right;     /* what began the term */
	struct ref before;    /* the newest custody change, to be named by the next */
	struct offer *open;   /* not settled yet: OFFER_OPEN or OFFER_ACCEPTED; NULL: none */
	struct stint *stints; /* since Genesis */
	size_t n_stints;
	struct id *acting; /* responsible now without being custodian */
	size_t n_acting;
	bool assumed; /* one of them by an Assume */
	struct term
		disputed;   /* the term that a Resolve would end: the running, or forked one */
	struct vote *votes; /* in that term */
	size_t n_votes;
	struct id *guardians; /* as they stand in that term */
	size_t n_guardians;
	const struct held
		*last;       /* the newest of its custodian's control changes that is held */
	struct id *dangling; /* regions of which a custody change is held that does not count */
	size_t n_dangling;
	struct member *members;
	size_t n_members;
	const struct held **all; /* sorted by place */
	size_t n_all;
	struct key_commitment *keys; /* of all epochs that count, the oldest first */
	size_t n_keys;
	struct key_commitment
		*past_keys; /* of epochs that counted only for who began them (P5.5) */
	size_t n_past_keys;
	uint32_t epoch; /* the newest */
};

/* .held stays where it is while .ret is used. 0, or -ENOMEM. */
MUST_USE int affairs_read(
	const struct held *held, size_t n, struct arena *a, struct affairs *ret);

/* Whether the path has room for .more bytes of that author, which say that they are of that
 * term (P7.8): of its own term as custodian, or of all else that it says. */
#define PATH_MAX_BYTES   ((size_t)4 * 1024 * 1024)
#define PATH_TERM_MAX    ((size_t)1024 * 1024)
#define PATH_MEMBER_MAX  ((size_t)256 * 1024)
#define PATH_CONTROL_MAX ((size_t)68 * 1024) /* of one control change, about */
bool affairs_room(const struct affairs *a, const struct id *author, uint64_t term, size_t more);
const struct member *affairs_member(const struct affairs *a, const struct id *region);
enum role affairs_role(
	const struct affairs *a, const struct id *region); /* ROLE_NONE: not in the circle */
bool affairs_responsible(const struct affairs *a, const struct id *region);
/* Whether a sealed change of that author, place and class counts (P6.9). */
bool affairs_counts(const struct affairs *a, const struct place *at, uint32_t class);
/* More than half of the guardians of the disputed term. */
size_t affairs_majority(const struct affairs *a);
/* A custody change of that region is held and does not count: what it names is not here. */
bool affairs_dangling(const struct affairs *a, const struct id *region);
/* An Offer to that region which it had accepted when it was withdrawn: it owes a StandDown,
 * also when it was offered the record again since (P6.5, P6.8). NULL: none. */
const struct offer *affairs_owes_stand_down(const struct affairs *a, const struct id *region);
const struct offer *affairs_offer_to(
	const struct affairs *a, const struct id *region); /* the newest */
