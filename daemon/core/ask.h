/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Ask
 *
 * One request of a local client and the reply that is being made. A handler gives 0 when the
 * reply is whole, an enum problem, or < 0; what it streams before, it sends itself.
 */

#include <kith/reasons.h>

#include "daemon/core/fold.h"
#include "daemon/core/inside.h"

struct ask {
	struct step *s;
	struct ctl_request q;
	struct ctl_reply reply;
	const char *text; /* with a problem: what happened, in words */
	bool open;        /* the last reply comes later (follow) */
	struct id record; /* the one that .q names, once it is found */
};

/* Words for a problem, in the arena. Returns .problem. */
int ask_problem(struct ask *a, enum problem problem, const char *fmt, ...) PRINTF(3, 4);
/* Send what .reply has as one of several. Keeps nothing of it but the id. */
MUST_USE int ask_more(struct ask *a);
/* What was made; .ref NULL: nothing with a place of its own. */
MUST_USE int ask_made(struct ask *a, const struct id *record, const struct ref *ref);
/* The record that .q names: 0, PROBLEM_RECORD_UNKNOWN, PROBLEM_RECORD_MANY, PROBLEM_ARGUMENT.
 */
MUST_USE int ask_record(struct ask *a, struct id *ret);
MUST_USE int ask_peer(struct ask *a, struct id *ret);
/* By the groups of who asks: 0, PROBLEM_NOT_ALLOWED, PROBLEM_NEEDS_*. */
MUST_USE int ask_may(struct ask *a);
/* Whether who asks may see what a record says: kith-operator may not. */
bool ask_sees_contents(const struct ask *a);

/* Hex digits as a range of ids: 6 to 32 of them. False when they are something else. */
bool text_hex_range(struct span text, struct id *low, struct id *high);

/* Text in the arena; NULL when memory is out. */
const char *text_of_id(struct arena *a, const struct id *id);
const char *text_of_span(struct arena *a, struct span s); /* NULL also when it is empty */
const char *text_of_date(struct arena *a, struct date d);
const char *text_of_region(struct step *s, const struct id *region);
const char *text_of_regions(struct step *s, const struct id *v, size_t n); /* "north, east" */

/* An access entry (class 1) for what this request shows. */
enum access_what { ACCESS_SHOWN = 1, ACCESS_TIMELINE, ACCESS_EXPORTED };
MUST_USE int access_note(struct ask *a, const struct id *record, enum access_what what);

/* Handlers. */
MUST_USE int ask_status(struct ask *a);
MUST_USE int ask_peers(struct ask *a);
MUST_USE int ask_peer_add(struct ask *a);
MUST_USE int ask_peer_remove(struct ask *a);
MUST_USE int ask_card(struct ask *a);
MUST_USE int ask_record_list(struct ask *a);
MUST_USE int ask_record_show(struct ask *a);
MUST_USE int ask_timeline(struct ask *a);
MUST_USE int ask_append(struct ask *a);
MUST_USE int ask_record_new(struct ask *a);
MUST_USE int ask_export(struct ask *a);
MUST_USE int ask_import(struct ask *a);
MUST_USE int ask_move_offer(struct ask *a);
MUST_USE int ask_move_accept(struct ask *a);
MUST_USE int ask_move_decline(struct ask *a);
MUST_USE int ask_move_withdraw(struct ask *a);
MUST_USE int ask_move_list(struct ask *a);
MUST_USE int ask_move_show(struct ask *a);
MUST_USE int ask_circle(struct ask *a);
MUST_USE int ask_custody(struct ask *a);
MUST_USE int ask_follow(struct ask *a);
MUST_USE int ask_reload(struct ask *a);
MUST_USE int ask_verify(struct ask *a);
MUST_USE int ask_audit(struct ask *a);

/* audit.c: what was asked, and how it ended (0: done). */
MUST_USE int audit_note(struct ask *a, int problem);
/* What was noted since then, the oldest first; not much more than the last .most notes. */
typedef int audit_fn(struct step *s, const struct audit_note *note);
MUST_USE int audit_recent(struct step *s, uint64_t since_ms, unsigned most, audit_fn *see);
MUST_USE int ask_move_request(struct ask *a);
MUST_USE int ask_move_requests(struct ask *a);
MUST_USE int ask_move_refuse(struct ask *a);
MUST_USE int ask_move_cancel(struct ask *a);
MUST_USE int ask_certificate(struct ask *a);
MUST_USE int ask_move_report(struct ask *a);

MUST_USE int ask_circle_add(struct ask *a);
MUST_USE int ask_circle_remove(struct ask *a);
MUST_USE int ask_circle_guardian(struct ask *a);
MUST_USE int ask_custody_assume(struct ask *a);
MUST_USE int ask_custody_resolve(struct ask *a);
MUST_USE int ask_backup_verified(struct ask *a);

/* Parts that several views share. */
MUST_USE int view_circle(struct ask *a, const struct id *record, const struct affairs *f);
MUST_USE int view_custody(struct ask *a, const struct id *record, const struct affairs *f);
const char *view_worker(struct step *s, const struct id *record, const struct held *accept);
/* Guardians, what they have signed, and what they must settle: added to what is seen. */
MUST_USE int view_guardians(struct ask *a, const struct affairs *f);
MUST_USE int view_seen(struct ask *a, const struct affairs *f);
MUST_USE int view_record(struct step *s, const struct id *record, struct ctl_record *ret);
/* Any move of a record; view_move: its newest. */
MUST_USE int view_offer(struct step *s, const struct id *record, const struct affairs *f,
	const struct offer *o, struct ctl_move *ret);
void view_bare(struct ctl_move *m);
/* A place among those who follow: one record, or with NULL every move. */
MUST_USE int follower_begin(struct ask *a, const struct id *record, struct follower **ret);
MUST_USE int view_move(
	struct step *s, const struct id *record, const struct affairs *f, struct ctl_move *ret);
