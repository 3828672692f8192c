/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Control
 *
 * The control socket's messages (proto/control.proto) as structs: requests both ways, replies
 * outwards. kithctl reads replies through wire_reply_walk(), which knows nothing of their
 * meaning, so that --json and tables come from the schema itself.
 */

#include <kith/wire.h>

#define CONTROL_FRAME_MAX (1024 * 1024)

/* The groups of local people that kithd knows, as bits. */
enum groups {
	GROUP_LOOK = 1,     /* kith */
	GROUP_OPERATOR = 2, /* kith-operator */
	GROUP_APP = 4,      /* kith-app */
	GROUP_ADMIN = 8,    /* kith-admin; root; the user whom kithd runs as */
};
#define MAY_ADMIN GROUP_ADMIN
#define MAY_RUN   (GROUP_ADMIN | GROUP_OPERATOR)
#define MAY_CARE  (GROUP_ADMIN | GROUP_APP)
#define MAY_BOTH  (GROUP_ADMIN | GROUP_OPERATOR | GROUP_APP)
#define MAY_LOOK  (GROUP_ADMIN | GROUP_OPERATOR | GROUP_APP | GROUP_LOOK)

enum verb {
#define VERB(id, number, words, changes, who, help) VERB_##id = number,
#include <kith/control.def>
#undef VERB
};
enum problem {
#define PROBLEM(id, number, name, rule, cause, next) PROBLEM_##id = number,
#include <kith/control.def>
#undef PROBLEM
};
const char *verb_words(uint32_t verb); /* NULL: none of ours */
bool verb_changes(uint32_t verb);
unsigned verb_groups(uint32_t verb); /* who may: bits of enum groups; 0: none of ours */
const char *problem_name(enum problem p);
const char *problem_cause(enum problem p);
const char *problem_next(enum problem p);

struct import_child {
	struct span authority, child;
	struct wire_row *rows;
	size_t n_rows;
};
struct ctl_request {
	uint32_t id, verb;
	struct span worker, role, purpose, record, peer, peer_endpoint, bundle, text, rec;
	struct entry *entries;
	size_t n_entries;
	struct import_child *children;
	size_t n_children;
	uint32_t code;
	bool dry_run, follow;
	uint64_t after, limit;
	struct span kind;
	struct span request;
	uint32_t circle_role;
	bool guardian, keep_none, anyway;
	bool has_from, has_to; /* days of a question */
	struct date from, to;
	bool again;
	uint64_t since_ms;
	struct span page;
	struct span user;
};
MUST_USE int wire_request_decode(struct span bytes, struct arena *a, struct ctl_request *ret);
MUST_USE int wire_request_encode(
	const struct ctl_request *r, struct arena *a, struct span *ret);

/* Replies. Text is NUL-terminated UTF-8 or NULL for "not there". Views mirror control.proto. */
struct ctl_peer {
	const char *region, *name, *state, *endpoint, *fingerprint, *problem, *software;
	uint64_t last_heard_ms, unsent, wants, oldest_unreplicated_ms, since_ms, wants_since_ms,
		problem_ms;
	uint32_t wire_min, wire_max;
	bool has_clock_skew, dialled;
	int32_t clock_skew_ms;
	uint64_t held, quota, parked, offences, shut_ms;
};
struct ctl_record {
	const char *record, *alias, *born, *sex, *custodian, *custody, *episode_from,
		*episode_to, *episode_rec, *legal_status, *placement, *state_hash, *role;
	uint64_t changes, entries, conflicts, faults;
};
struct ctl_entry {
	uint64_t number, recorded_ms;
	const char *date, *kind, *title, *text, *region, *worker, *status, *place;
	const char **faults;
	size_t n_faults;
	const struct wire_row *row; /* NULL: none */
};
struct ctl_circle {
	const char *region, *name, *role, *heard;
	bool guardian;
	uint64_t changes;
};
struct ctl_custody {
	uint64_t term;
	const char *region, *name, *from, *to, *how, *worker;
	bool acting;
};
struct ctl_move {
	const char *record, *alias, *from, *to, *state, *reason, *waits_for, *worker, *code;
	uint64_t held, of, since_ms, term;
	uint64_t offered_ms, received_ms, complete_ms, taken_up_ms, settled_ms, due_ms;
	const char *late, *text, *next, *offer, *answer, *release;
};
struct ctl_asked {
	const char *request, *peer, *record, *alias, *purpose, *worker, *state, *code, *text,
		*held, *waits_for;
	bool ours;
	uint64_t since_ms, answered_ms;
};
struct ctl_status {
	const char *region, *name, *incarnation, *version, *state, *link, *listening,
		*forked_by;
	uint64_t incarnation_number, started_ms, now_ms, records, custodian_of, changes, peers,
		peers_live, moves_waiting, wants, store_bytes, store_map_bytes, disk_free_bytes,
		oldest_unreplicated_ms, commits, flushes, verifications, signatures, forks,
		link_since_ms, full_since_ms, wants_since_ms, forks_since_ms, bytes_in,
		bytes_out, requests_in, requests_out, moves_warning, moves_alarm,
		move_oldest_ms, emergencies;
	uint32_t wire_min, wire_max, store_format;
};
struct ctl_import {
	uint64_t children, records_new, rows, rows_new, rows_same, rows_superseding, changes,
		rows_refused;
};
/* What verify found. */
struct ctl_fault {
	const char *record, *place, *rule, *text;
};
struct ctl_verified {
	uint64_t rows, damaged, changes, chains, faults;
	const char *damaged_row;
	struct ctl_fault *first;
	size_t n_first;
};
/* One change of the log. */
struct ctl_followed {
	uint64_t number, recorded_ms;
	const char *record, *place, *change, *region, *kind;
	uint32_t class, epoch;
};
/* A request of somebody of this machine. */
struct ctl_audit {
	uint64_t number, at_ms;
	const char *user, *groups, *verb, *record, *about, *worker, *role, *purpose, *problem;
};
struct ctl_reply {
	uint32_t id;
	bool last;
	enum problem problem; /* 0: none */
	const char *problem_text;
	bool has_progress;
	const char *progress_what;
	uint64_t progress_done, progress_of;
	const struct ctl_status *status;
	struct ctl_peer *peers;
	size_t n_peers;
	struct ctl_record *records;
	size_t n_records;
	struct ctl_entry *entries;
	size_t n_entries;
	struct ctl_circle *circle;
	size_t n_circle;
	struct ctl_custody *custody;
	size_t n_custody;
	struct ctl_move *moves;
	size_t n_moves;
	bool has_made, made_dry_run;
	const char *made_record, *made_place, *made_change, *made_text;
	uint64_t made_records;
	const struct ctl_import *imported;
	struct span data;
	const char **seen;
	size_t n_seen;
	struct ctl_followed *followed;
	size_t n_followed;
	uint64_t through; /* of the log; 0: not said */
	struct ctl_audit *audit;
	size_t n_audit;
	const char *more;
	const struct ctl_verified *verified;
	struct ctl_asked *requests;
	size_t n_requests;
};
MUST_USE int wire_reply_encode(const struct ctl_reply *r, struct arena *a, struct span *ret);

/* Walk a Reply by its descriptor: for each field present, in schema order. A message field
 * gives enter, its fields, leave; a repeated one gives list_begin, its elements, list_end. */
enum walk_type { WALK_TEXT, WALK_BYTES, WALK_UINT, WALK_INT, WALK_BOOL };
struct walk_value {
	enum walk_type type;
	struct span bytes; /* text, bytes */
	uint64_t uint;
	int64_t sint;
	bool truth;
};
struct walker {
	void *ctx;
	void (*enter)(void *ctx, const char *name); /* a sub-message; name NULL inside a list */
	void (*leave)(void *ctx);
	void (*list_begin)(void *ctx, const char *name);
	void (*list_end)(void *ctx);
	void (*value)(void *ctx, const char *name,
		const struct walk_value *v); /* name NULL in a list */
};
MUST_USE int wire_reply_walk(struct span bytes, struct arena *a, const struct walker *w);
/* The parts of a reply that a client needs to go on, without the walk. */
struct reply_head {
	uint32_t id, problem;
	bool last, has_progress;
	struct span problem_name, problem_text, problem_next, progress_what, data;
	uint64_t progress_done, progress_of;
};
MUST_USE int wire_reply_head(struct span bytes, struct arena *a, struct reply_head *ret);
