/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: requests on the control socket
 *
 * Request of control.proto, and what verbs and problems are called. Any local user of the group
 * may send one, so they are checked like a peer's bytes.
 */

#include "proto/wire_private.h"

#include <kith/control.h>

static const struct slot child_slots[] = {
	SLOT(1, TEXT, 0, struct import_child, authority),
	SLOT(2, TEXT, 0, struct import_child, child),
	SLOTS(3, SUB, 0, struct import_child, rows, n_rows, .sub = &row_schema),
};
static SCHEMA(child);

static const struct slot request_slots[] = {
	SLOT(1, U32, SLOT_ALWAYS, struct ctl_request, id),
	SLOT(2, U32, SLOT_NEED, struct ctl_request, verb),
	SLOT(3, TEXT, 0, struct ctl_request, worker),
	SLOT(4, TEXT, 0, struct ctl_request, role),
	SLOT(5, TEXT, 0, struct ctl_request, purpose),
	SLOT(6, TEXT, 0, struct ctl_request, record),
	SLOT(7, TEXT, 0, struct ctl_request, peer),
	SLOT(8, BYTES, 0, struct ctl_request, bundle),
	SLOTS(9, SUB, 0, struct ctl_request, entries, n_entries, .sub = &entry_schema),
	SLOTS(10, SUB, 0, struct ctl_request, children, n_children, .sub = &child_schema),
	SLOT(11, U32, 0, struct ctl_request, code),
	SLOT(12, TEXT, 0, struct ctl_request, text),
	SLOT(13, BOOL, 0, struct ctl_request, dry_run),
	SLOT(14, BOOL, 0, struct ctl_request, follow),
	SLOT(15, TEXT, 0, struct ctl_request, rec),
	SLOT(16, U64, 0, struct ctl_request, after),
	SLOT(17, U64, 0, struct ctl_request, limit),
	SLOT(18, TEXT, 0, struct ctl_request, peer_endpoint),
	SLOT(19, TEXT, 0, struct ctl_request, kind),
	SLOT(20, TEXT, 0, struct ctl_request, request),
	SLOT(21, U32, 0, struct ctl_request, circle_role),
	SLOT(22, BOOL, 0, struct ctl_request, guardian),
	SLOT(23, BOOL, 0, struct ctl_request, keep_none),
	SLOT(24, BOOL, 0, struct ctl_request, anyway),
	SLOT(25, SUB, SLOT_HAS, struct ctl_request, from,
		.has = offsetof(struct ctl_request, has_from), .sub = &date_schema),
	SLOT(26, SUB, SLOT_HAS, struct ctl_request, to,
		.has = offsetof(struct ctl_request, has_to), .sub = &date_schema),
	SLOT(28, BOOL, 0, struct ctl_request, again),
	SLOT(29, U64, 0, struct ctl_request, since_ms),
	SLOT(30, TEXT, 0, struct ctl_request, page),
	SLOT(36, TEXT, 0, struct ctl_request, user),
};
/* As many parts as fit: an import is one request with thousands of cells. */
static SCHEMA(request, .max_bytes = CONTROL_FRAME_MAX, .max_parts = CONTROL_FRAME_MAX / 2);

int wire_request_decode(struct span bytes, struct arena *a, struct ctl_request *ret)
{
	struct ctl_request req;
	int r = schema_decode(&request_schema, bytes, a, &req, sizeof(req), NULL);
	if (r == 0)
		*ret = req;
	return r;
}

int wire_request_encode(const struct ctl_request *r, struct arena *a, struct span *ret)
{
	return schema_encode(&request_schema, r, a, ret);
}

static const struct {
	const char *words;
	bool changes;
	unsigned groups;
} verbs[] = {
#define VERB(id, number, words, changes, who, help) [number] = { words, changes, who },
#include <kith/control.def>
#undef VERB
};

static const struct {
	const char *name, *cause, *next;
} problems[] = {
#define PROBLEM(id, number, name, rule, cause, next) [number] = { name, cause, next },
#include <kith/control.def>
#undef PROBLEM
};

const char *verb_words(uint32_t verb)
{
	return verb < COUNT(verbs) ? verbs[verb].words : NULL;
}

bool verb_changes(uint32_t verb)
{
	return verb < COUNT(verbs) && verbs[verb].changes;
}

unsigned verb_groups(uint32_t verb)
{
	return verb < COUNT(verbs) ? verbs[verb].groups : 0;
}

const char *problem_name(enum problem p)
{
	return (size_t)p < COUNT(problems) ? problems[p].name : NULL;
}

const char *problem_cause(enum problem p)
{
	return (size_t)p < COUNT(problems) ? problems[p].cause : NULL;
}

const char *problem_next(enum problem p)
{
	return (size_t)p < COUNT(problems) ? problems[p].next : NULL;
}
