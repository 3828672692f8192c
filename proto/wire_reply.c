/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: replies on the control socket
 *
 * The views of control.proto. Numbers of a view are always written, also zero, so that what a
 * script reads keeps its shape; text that is not there is not written.
 */

#include "proto/wire_private.h"

#include <kith/control.h>

#define TEXT(no, in, member) SLOT(no, CSTR, 0, in, member)
#define UINT(no, in, member) SLOT(no, U64, SLOT_ALWAYS, in, member)
#define BOOL(no, in, member) SLOT(no, BOOL, SLOT_ALWAYS, in, member)

/* What our reply has no struct for. */
struct marked {
	struct ctl_reply r;
	bool has_problem, has_seen;
	uint32_t code;
	const char *name, *next;
};

static const struct slot problem_slots[] = {
	SLOT(1, U32, SLOT_ALWAYS, struct marked, code),
	TEXT(2, struct marked, name),
	TEXT(3, struct marked, r.problem_text),
	TEXT(4, struct marked, next),
};
static SCHEMA(problem);

static const struct slot progress_slots[] = {
	TEXT(1, struct marked, r.progress_what),
	UINT(2, struct marked, r.progress_done),
	UINT(3, struct marked, r.progress_of),
};
static SCHEMA(progress);

static const struct slot status_slots[] = {
	TEXT(1, struct ctl_status, region),
	TEXT(2, struct ctl_status, name),
	TEXT(3, struct ctl_status, incarnation),
	UINT(4, struct ctl_status, incarnation_number),
	TEXT(5, struct ctl_status, version),
	UINT(6, struct ctl_status, started_ms),
	UINT(7, struct ctl_status, now_ms),
	UINT(8, struct ctl_status, records),
	UINT(9, struct ctl_status, custodian_of),
	UINT(10, struct ctl_status, changes),
	UINT(11, struct ctl_status, peers),
	UINT(12, struct ctl_status, peers_live),
	UINT(13, struct ctl_status, moves_waiting),
	UINT(14, struct ctl_status, wants),
	UINT(15, struct ctl_status, store_bytes),
	UINT(16, struct ctl_status, store_map_bytes),
	UINT(17, struct ctl_status, disk_free_bytes),
	UINT(18, struct ctl_status, oldest_unreplicated_ms),
	TEXT(19, struct ctl_status, state),
	TEXT(20, struct ctl_status, link),
	TEXT(21, struct ctl_status, listening),
	UINT(22, struct ctl_status, commits),
	UINT(23, struct ctl_status, flushes),
	UINT(24, struct ctl_status, verifications),
	UINT(25, struct ctl_status, signatures),
	UINT(26, struct ctl_status, forks),
	UINT(27, struct ctl_status, requests_in),
	UINT(28, struct ctl_status, requests_out),
	UINT(29, struct ctl_status, emergencies),
	UINT(30, struct ctl_status, moves_warning),
	UINT(31, struct ctl_status, moves_alarm),
	UINT(32, struct ctl_status, move_oldest_ms),
	UINT(60, struct ctl_status, link_since_ms),
	UINT(61, struct ctl_status, full_since_ms),
	UINT(62, struct ctl_status, wants_since_ms),
	UINT(63, struct ctl_status, forks_since_ms),
	UINT(64, struct ctl_status, bytes_in),
	UINT(65, struct ctl_status, bytes_out),
	SLOT(66, U32, SLOT_ALWAYS, struct ctl_status, wire_min),
	SLOT(67, U32, SLOT_ALWAYS, struct ctl_status, wire_max),
	SLOT(68, U32, SLOT_ALWAYS, struct ctl_status, store_format),
	TEXT(69, struct ctl_status, forked_by),
};
static SCHEMA(status);

static const struct slot peer_slots[] = {
	TEXT(1, struct ctl_peer, region),
	TEXT(2, struct ctl_peer, name),
	TEXT(3, struct ctl_peer, state),
	UINT(4, struct ctl_peer, last_heard_ms),
	TEXT(5, struct ctl_peer, endpoint),
	TEXT(6, struct ctl_peer, fingerprint),
	UINT(7, struct ctl_peer, unsent),
	UINT(8, struct ctl_peer, wants),
	TEXT(9, struct ctl_peer, problem),
	UINT(10, struct ctl_peer, oldest_unreplicated_ms),
	TEXT(11, struct ctl_peer, software),
	UINT(12, struct ctl_peer, held),
	UINT(13, struct ctl_peer, quota),
	UINT(14, struct ctl_peer, parked),
	UINT(15, struct ctl_peer, offences),
	UINT(16, struct ctl_peer, shut_ms),
	UINT(20, struct ctl_peer, since_ms),
	UINT(21, struct ctl_peer, wants_since_ms),
	SLOT(22, U32, SLOT_ALWAYS, struct ctl_peer, wire_min),
	SLOT(23, U32, SLOT_ALWAYS, struct ctl_peer, wire_max),
	SLOT(24, S32, SLOT_HAS, struct ctl_peer, clock_skew_ms,
		.has = offsetof(struct ctl_peer, has_clock_skew)),
	BOOL(25, struct ctl_peer, dialled),
	UINT(26, struct ctl_peer, problem_ms),
};
static SCHEMA(peer);

static const struct slot record_slots[] = {
	TEXT(1, struct ctl_record, record),
	TEXT(2, struct ctl_record, alias),
	TEXT(3, struct ctl_record, born),
	TEXT(4, struct ctl_record, sex),
	TEXT(5, struct ctl_record, custodian),
	TEXT(6, struct ctl_record, custody),
	UINT(7, struct ctl_record, changes),
	UINT(8, struct ctl_record, entries),
	TEXT(9, struct ctl_record, episode_from),
	TEXT(10, struct ctl_record, episode_to),
	TEXT(11, struct ctl_record, episode_rec),
	TEXT(12, struct ctl_record, legal_status),
	TEXT(13, struct ctl_record, placement),
	TEXT(14, struct ctl_record, state_hash),
	TEXT(15, struct ctl_record, role),
	UINT(16, struct ctl_record, conflicts),
	UINT(17, struct ctl_record, faults),
};
static SCHEMA(record);

static const struct slot entry_view_slots[] = {
	UINT(1, struct ctl_entry, number),
	TEXT(2, struct ctl_entry, date),
	TEXT(3, struct ctl_entry, kind),
	TEXT(4, struct ctl_entry, title),
	TEXT(5, struct ctl_entry, text),
	TEXT(6, struct ctl_entry, region),
	TEXT(7, struct ctl_entry, worker),
	UINT(8, struct ctl_entry, recorded_ms),
	TEXT(9, struct ctl_entry, status),
	SLOTS(10, CSTR, 0, struct ctl_entry, faults, n_faults),
	TEXT(11, struct ctl_entry, place),
	SLOT(12, SUB, SLOT_POINTER, struct ctl_entry, row, .sub = &row_schema),
};
static SCHEMA(entry_view);

static const struct slot circle_slots[] = {
	TEXT(1, struct ctl_circle, region),
	TEXT(2, struct ctl_circle, name),
	TEXT(3, struct ctl_circle, role),
	BOOL(4, struct ctl_circle, guardian),
	UINT(5, struct ctl_circle, changes),
	TEXT(6, struct ctl_circle, heard),
};
static SCHEMA(circle);

static const struct slot custody_slots[] = {
	UINT(1, struct ctl_custody, term),
	TEXT(2, struct ctl_custody, region),
	TEXT(3, struct ctl_custody, name),
	TEXT(4, struct ctl_custody, from),
	TEXT(5, struct ctl_custody, to),
	TEXT(6, struct ctl_custody, how),
	BOOL(7, struct ctl_custody, acting),
	TEXT(8, struct ctl_custody, worker),
};
static SCHEMA(custody);

static const struct slot move_slots[] = {
	TEXT(1, struct ctl_move, record),
	TEXT(2, struct ctl_move, alias),
	TEXT(3, struct ctl_move, from),
	TEXT(4, struct ctl_move, to),
	TEXT(5, struct ctl_move, state),
	TEXT(6, struct ctl_move, reason),
	UINT(7, struct ctl_move, held),
	UINT(8, struct ctl_move, of),
	UINT(9, struct ctl_move, since_ms),
	TEXT(10, struct ctl_move, waits_for),
	TEXT(11, struct ctl_move, worker),
	UINT(12, struct ctl_move, term),
	TEXT(13, struct ctl_move, code),
	UINT(14, struct ctl_move, offered_ms),
	UINT(15, struct ctl_move, received_ms),
	UINT(16, struct ctl_move, complete_ms),
	UINT(17, struct ctl_move, taken_up_ms),
	UINT(18, struct ctl_move, settled_ms),
	TEXT(19, struct ctl_move, late),
	UINT(20, struct ctl_move, due_ms),
	TEXT(21, struct ctl_move, text),
	TEXT(22, struct ctl_move, next),
	TEXT(23, struct ctl_move, offer),
	TEXT(24, struct ctl_move, answer),
	TEXT(25, struct ctl_move, release),
};
static SCHEMA(move);

static const struct slot asked_slots[] = {
	TEXT(1, struct ctl_asked, request),
	TEXT(2, struct ctl_asked, peer),
	BOOL(3, struct ctl_asked, ours),
	TEXT(4, struct ctl_asked, record),
	TEXT(5, struct ctl_asked, alias),
	TEXT(6, struct ctl_asked, purpose),
	TEXT(7, struct ctl_asked, worker),
	TEXT(8, struct ctl_asked, state),
	TEXT(9, struct ctl_asked, code),
	TEXT(10, struct ctl_asked, text),
	UINT(11, struct ctl_asked, since_ms),
	SLOT(12, U64, 0, struct ctl_asked, answered_ms),
	TEXT(13, struct ctl_asked, held),
	TEXT(14, struct ctl_asked, waits_for),
};
static SCHEMA(asked);

static const struct slot made_slots[] = {
	TEXT(1, struct marked, r.made_record),
	TEXT(2, struct marked, r.made_place),
	TEXT(3, struct marked, r.made_change),
	BOOL(4, struct marked, r.made_dry_run),
	TEXT(5, struct marked, r.made_text),
	SLOT(6, U64, 0, struct marked, r.made_records),
};
static SCHEMA(made);

static const struct slot import_slots[] = {
	UINT(1, struct ctl_import, children),
	UINT(2, struct ctl_import, records_new),
	UINT(3, struct ctl_import, rows),
	UINT(4, struct ctl_import, rows_new),
	UINT(5, struct ctl_import, rows_same),
	UINT(6, struct ctl_import, rows_superseding),
	UINT(7, struct ctl_import, changes),
	UINT(8, struct ctl_import, rows_refused),
};
static SCHEMA(import);

static const struct slot seen_slots[] = {
	SLOTS(1, CSTR, 0, struct marked, r.seen, r.n_seen),
};
static SCHEMA(seen);

static const struct slot audit_slots[] = {
	UINT(1, struct ctl_audit, number),
	UINT(2, struct ctl_audit, at_ms),
	TEXT(3, struct ctl_audit, user),
	TEXT(4, struct ctl_audit, groups),
	TEXT(5, struct ctl_audit, verb),
	TEXT(6, struct ctl_audit, record),
	TEXT(7, struct ctl_audit, about),
	TEXT(8, struct ctl_audit, worker),
	TEXT(9, struct ctl_audit, role),
	TEXT(10, struct ctl_audit, purpose),
	TEXT(11, struct ctl_audit, problem),
};
static SCHEMA(audit);

static const struct slot followed_slots[] = {
	UINT(1, struct ctl_followed, number),
	TEXT(2, struct ctl_followed, record),
	TEXT(3, struct ctl_followed, place),
	TEXT(4, struct ctl_followed, change),
	TEXT(5, struct ctl_followed, region),
	TEXT(6, struct ctl_followed, kind),
	SLOT(7, U32, SLOT_ALWAYS, struct ctl_followed, class),
	SLOT(8, U32, SLOT_ALWAYS, struct ctl_followed, epoch),
	SLOT(9, U64, 0, struct ctl_followed, recorded_ms),
};
static SCHEMA(followed);

static const struct slot fault_slots[] = {
	TEXT(1, struct ctl_fault, record),
	TEXT(2, struct ctl_fault, place),
	TEXT(3, struct ctl_fault, rule),
	TEXT(4, struct ctl_fault, text),
};
static SCHEMA(fault);

static const struct slot verified_slots[] = {
	UINT(1, struct ctl_verified, rows),
	UINT(2, struct ctl_verified, damaged),
	TEXT(3, struct ctl_verified, damaged_row),
	UINT(4, struct ctl_verified, changes),
	UINT(5, struct ctl_verified, chains),
	UINT(6, struct ctl_verified, faults),
	SLOTS(7, SUB, 0, struct ctl_verified, first, n_first, .sub = &fault_schema),
};
static SCHEMA(verified);

#define VIEWS(no, member, table)                                                               \
	SLOTS(no, SUB, 0, struct marked, r.member, r.n_##member, .sub = &table##_schema)

static const struct slot reply_slots[] = {
	SLOT(1, U32, SLOT_ALWAYS, struct marked, r.id),
	BOOL(2, struct marked, r.last),
	SLOT_WHOLE(3, struct marked, has_problem, problem),
	SLOT_WHOLE(4, struct marked, r.has_progress, progress),
	SLOT(5, SUB, SLOT_POINTER, struct marked, r.status, .sub = &status_schema),
	VIEWS(6, peers, peer),
	VIEWS(7, records, record),
	VIEWS(8, entries, entry_view),
	VIEWS(9, circle, circle),
	VIEWS(10, custody, custody),
	VIEWS(11, moves, move),
	SLOT_WHOLE(12, struct marked, r.has_made, made),
	SLOT(13, SUB, SLOT_POINTER, struct marked, r.imported, .sub = &import_schema),
	SLOT(14, BYTES, 0, struct marked, r.data),
	SLOT_WHOLE(15, struct marked, has_seen, seen),
	VIEWS(16, followed, followed),
	SLOT(17, U64, 0, struct marked, r.through),
	TEXT(24, struct marked, r.more),
	SLOT(18, SUB, SLOT_POINTER, struct marked, r.verified, .sub = &verified_schema),
	VIEWS(20, requests, asked),
	VIEWS(30, audit, audit),
};
static SCHEMA(reply);

int wire_reply_encode(const struct ctl_reply *r, struct arena *a, struct span *ret)
{
	struct marked m = {
		.r = *r,
		.has_problem = r->problem != 0,
		.has_seen = r->n_seen > 0,
		.code = (uint32_t)r->problem,
		.name = problem_name(r->problem),
		.next = problem_next(r->problem),
	};
	return schema_encode(&reply_schema, &m, a, ret);
}

/* ---- The parts that a client needs to go on ---- */

struct head_problem {
	struct reply_head h;
	bool has_problem;
};

static const struct slot head_problem_slots[] = {
	SLOT(1, U32, 0, struct head_problem, h.problem),
	SLOT(2, TEXT, 0, struct head_problem, h.problem_name),
	SLOT(3, TEXT, 0, struct head_problem, h.problem_text),
	SLOT(4, TEXT, 0, struct head_problem, h.problem_next),
};
static SCHEMA(head_problem);

static const struct slot head_progress_slots[] = {
	SLOT(1, TEXT, 0, struct head_problem, h.progress_what),
	SLOT(2, U64, 0, struct head_problem, h.progress_done),
	SLOT(3, U64, 0, struct head_problem, h.progress_of),
};
static SCHEMA(head_progress);

static const struct slot reply_head_slots[] = {
	SLOT(1, U32, 0, struct head_problem, h.id),
	SLOT(2, BOOL, 0, struct head_problem, h.last),
	SLOT_WHOLE(3, struct head_problem, has_problem, head_problem),
	SLOT_WHOLE(4, struct head_problem, h.has_progress, head_progress),
	SLOT(14, BYTES, 0, struct head_problem, h.data),
};
static SCHEMA(reply_head, .max_bytes = CONTROL_FRAME_MAX);

int wire_reply_head(struct span bytes, struct arena *a, struct reply_head *ret)
{
	struct head_problem h;
	int r = schema_decode(&reply_head_schema, bytes, a, &h, sizeof(h), NULL);
	if (r == 0)
		*ret = h.h;
	return r;
}
