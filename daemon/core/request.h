/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Requests
 *
 * What the files of core share about requests for records (P7.11): their rows in DRAFT, and
 * what is done with them. A row is under the other region's id, so that it goes with the peer.
 */

#include "daemon/core/inside.h"

#define REQUESTS_MAX  256 /* of one peer, and as many of ours to it */
#define ASKED_IN_TURN 64  /* one peer's, in one turn */

enum request_state {
	REQUEST_WAITING,   /* ours: the other has not noted it */
	REQUEST_NOTED,     /* and now has; theirs: waits for our people */
	REQUEST_REFUSED,   /* theirs: until it was heard */
	REQUEST_OFFERED,   /* the same */
	REQUEST_CANCELLED, /* ours: until that is noted */
	REQUEST_GONE,      /* told to those who watch, never stored */
};
struct request_row {
	enum request_state state;
	bool has_record;
	struct id record;
	struct span authority, child, purpose, worker, text;
	uint32_t code;
	uint64_t since_ms, answered_ms;
};

/* rows_request.c. What request_get gives lies in the arena. */
MUST_USE int request_put(const struct view *v, const struct id *peer, enum request_way way,
	const struct id *request, const struct request_row *row);
MUST_USE int request_get(struct step *s, const struct id *peer, enum request_way way,
	const struct id *request, struct request_row *ret);
MUST_USE int request_del(const struct view *v, const struct id *peer, enum request_way way,
	const struct id *request);
bool request_row_read(struct span key, struct span value, struct id *ret_peer,
	enum request_way *ret_way, struct id *ret_request, struct request_row *ret);
/* The same, and its texts in the arena: for who reads another sealed row before it is done. */
bool request_row_copy(struct arena *a, struct span key, struct span value, struct id *ret_peer,
	enum request_way *ret_way, struct id *ret_request, struct request_row *ret);

/* request.c */
MUST_USE int request_new(
	struct step *s, struct peer *p, const struct request_row *row, struct id *ret);
void request_message(
	const struct request_row *row, const struct id *request, struct message *ret);
/* One of theirs: .row has the state and the code. */
MUST_USE int request_answer(struct step *s, const struct id *peer, const struct id *request,
	struct request_row *row);
/* One of ours. */
MUST_USE int request_cancel(struct step *s, const struct id *peer, const struct id *request,
	struct request_row *row);

/* ask_request.c: those who watch are told of a row that has changed. */
MUST_USE int requests_tell(struct step *s, const struct id *peer, enum request_way way,
	const struct id *request, const struct request_row *row);
