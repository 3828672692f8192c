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
	struct ref begun;                            /* Genesis or Release */
	struct date date;                            /* of .begun */
	const struct held *offer, *accept, *release; /* that ended it; NULL: still running */
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
};

struct member {
	struct circle_row row;
	bool wrote; /* is or was a custodian or writer (P6.9) */
	bool removed;
	const struct removal *removal; /* when removed, or NULL */
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
	struct ref right;   /* what began the term */
	struct ref before;  /* the newest custody change, to be named by the next */
	struct offer *open; /* not settled yet: OFFER_OPEN or OFFER_ACCEPTED; NULL: none */
	struct id *acting;  /* responsible without being custodian */
	size_t n_acting;
	struct member *members;
	size_t n_members;
	const struct held **all; /* sorted by place */
	size_t n_all;
	struct key_commitment *keys; /* of all epochs */
	size_t n_keys;
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
const struct offer *affairs_offer_to(
	const struct affairs *a, const struct id *region); /* the newest */
