/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Puppets
 *
 * Regions that are no nodes: they own valid keys, cards and sessions, and say whatever an input
 * has them say. What they make is signed, linked and sealed as it must be, and then wrong in
 * the one way that was asked for, so that the code behind a signature is reached.
 *
 * A stage holds everything that a run changes, without a pointer into itself: it is kept by
 * copying it.
 */

#include <stdio.h>
#include <stdlib.h>

#include <kith/node.h>

#define PUPPETS 3 /* two peers, and a stranger whose changes they may carry */
#define RECORDS                                                                                \
	4          /* made by the node, by the hostile peer, by the other, and one not told of \
		    */
#define EPOCHS   4 /* 1 to 3; 0 is not used */
#define CLASSES  2
#define KEPT     48 /* changes of one chain that can be sent again */
#define KINDS    13 /* of control changes, by number; 12: one that is not known */
#define REQUESTS 4

/* A promise of the fuzzed side, or of ours, is broken: says which, and aborts. */
#define demand(claim)                                                                          \
	do {                                                                                   \
		if (!(claim)) {                                                                \
			demand_broken(#claim, __FILE__, __LINE__);                             \
			abort();                                                               \
		}                                                                              \
	} while (0)
void demand_broken(const char *claim, const char *file, int line);

struct puppet {
	struct id region, incarnation;
	struct secret root, sign, control, kem;
	struct pubkey sign_public, kem_public, curve;
	struct span bundle;
	struct card card;

	uint64_t link;     /* 0: none */
	bool live;         /* HELLO was said by both */
	struct hash heard; /* the node's HELLO */
	struct pubkey theirs;
	struct secret ephemeral, key_out, key_in;
	uint64_t count_out, count_in;
	struct {
		uint32_t request;
		struct id record;
	} gets[REQUESTS]; /* what the node asked */
	unsigned n_gets;
	uint64_t through; /* of the feed that it says it has */
};

/* One author's chain of one record, as a puppet has it. */
struct line {
	uint64_t seq;
	struct hash head;
	struct wire_change kept[KEPT];
	size_t n;
};

struct tale {
	struct id id;
	unsigned maker; /* a puppet, or PUPPETS: the node */
	uint8_t random[32];
	uint64_t term;
	uint32_t epoch;
	struct secret keys[EPOCHS][CLASSES];
	struct hash commitments[EPOCHS][CLASSES];
	struct ref refs[KINDS]; /* the newest change of each kind that anybody made */
	struct ref right, content;
	struct line lines[PUPPETS + 1]; /* the node's is the last: only what it sent */
};

struct stage {
	struct puppet puppets[PUPPETS];
	struct tale tales[RECORDS];
	struct id node, node_incarnation;
	struct pubkey node_curve, node_kem;
	uint64_t clock;
	struct crypto *crypto; /* the puppets' own */
	struct arena *arena;   /* of the run */
};

/* The ways in which a change can be wrong. */
enum wrong {
	WRONG_NOT,
	WRONG_PREV,
	WRONG_BODY,
	WRONG_SIGNATURE,
	WRONG_ROOT,
	WRONG_SEQ,
	WRONG_FLAGS,
	WRONG_EPOCH,
	WRONG_RECORD,
	WRONG_UNSIGNED,
	WRONG_FORK,   /* the next one stands at the same place */
	WRONG_SEAL,   /* sealed under another key */
	WRONG_RAW,    /* the body is other bytes: .raw */
	WRONG_HEADER, /* a byte of the header, not hidden by hash or signature */
	WRONG_COUNT
};

/* Keys, a card, an incarnation. */
void puppet_found(struct stage *st, unsigned p, const char *name);
/* Its second card, or a rival of that. */
void puppet_card(struct stage *st, unsigned p, bool rival);

/* The node's HELLO came; what is said back, signed unless .wrong, and the session. */
void puppet_hear_hello(struct stage *st, unsigned p, const struct signed_bytes *hello);
struct span puppet_hello(struct stage *st, unsigned p, unsigned wrong);
/* A sealed frame of these bytes. */
struct span puppet_seal(struct stage *st, unsigned p, struct span plain);
/* A sealed frame came: it opens, decodes, and what it brings is remembered. */
void puppet_hear(struct stage *st, unsigned p, struct span sealed, struct message *ret);

/* A record of its own: the bytes that its id is made from. */
void puppet_record(struct stage *st, unsigned p, unsigned t);
/* The next change of p's chain in t: exactly one of .c and .b. */
/* Signed in a batch (P3.6), and the ways in which that can be wrong. */
enum batch {
	BATCH_NOT,
	BATCH_GOOD,
	BATCH_PLACE,   /* of another */
	BATCH_BEHIND,  /* behind the last */
	BATCH_SHORT,   /* a hash is missing */
	BATCH_LONG,    /* a hash too many */
	BATCH_NOTHING, /* size 0 */
	BATCH_HUGE,    /* size 2^32 - 1 */
	BATCH_COUNT
};

struct making {
	enum batch batch;
	struct control *c;
	struct body *b;
	uint32_t class;
	enum wrong wrong;
	struct span raw;
};
void puppet_make(struct stage *st, unsigned p, unsigned t, const struct making *m);
/* New content keys of an epoch, and what a Genesis or key epoch says of them. */
void puppet_keys(struct stage *st, unsigned t, uint32_t epoch, struct key_commitment *ret);
/* A wrap of a content key for the node. */
void puppet_wrap(
	struct stage *st, unsigned t, uint32_t epoch, uint32_t class, struct key_wrap *ret);
