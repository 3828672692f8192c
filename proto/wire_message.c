/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: messages
 *
 * What regions say to each other once a session stands (P7). Changes are borrowed from the
 * frame; the arrays around them come from the arena that is charged to the peer.
 */

#include "proto/wire_private.h"

#include <kith/message.h>

#include <assert.h>

static const struct slot error_slots[] = {
	SLOT(1, U32, SLOT_ALWAYS, struct message, error.code),
	SLOT(2, TEXT, 0, struct message, error.text),
};
static SCHEMA(error);

static const struct slot bye_slots[] = {
	SLOT(1, U32, SLOT_ALWAYS, struct message, bye.code),
};
static SCHEMA(bye);

static const struct schema doorbell_schema = { .n = 0 };

static const struct slot feed_req_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct message, feed_req.incarnation),
	SLOT(2, U64, SLOT_ALWAYS, struct message, feed_req.after),
	SLOT(3, U64, SLOT_ALWAYS, struct message, feed_req.budget),
};
static SCHEMA(feed_req);

static const struct slot run_slots[] = {
	SLOTS(1, SUB, 0, struct run, changes, n, .min_n = 1, .max_n = RUN_CHANGES_MAX,
		.sub = &change_schema),
};
static SCHEMA(run);

static const struct slot feed_item_slots[] = {
	SLOT(1, SUB, SLOT_UNLESS, struct feed_item, run,
		.has = offsetof(struct feed_item, is_backfill), .hi = RUN_BYTES_MAX,
		.sub = &run_schema),
	SLOT(2, FIXED, SLOT_HAS, struct feed_item, backfill,
		.has = offsetof(struct feed_item, is_backfill)),
};
static SCHEMA(feed_item, .one = true);

static const struct slot feed_slots[] = {
	SLOTS(1, SUB, 0, struct message, feed.items, feed.n, .sub = &feed_item_schema),
	SLOT(2, U64, SLOT_ALWAYS, struct message, feed.through),
};
static SCHEMA(feed);

static const struct slot reconcile_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct message, reconcile.incarnation),
	SLOT(2, U64, SLOT_ALWAYS, struct message, reconcile.from),
};
static SCHEMA(reconcile);

static const struct slot have_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct place, author),
	SLOT(2, FIXED, SLOT_NEED, struct place, incarnation),
	SLOT(3, U64, SLOT_NEED, struct place, seq),
};
static SCHEMA(have);

static const struct slot get_slots[] = {
	SLOT(1, U32, SLOT_ALWAYS, struct message, get.request),
	SLOT(2, FIXED, SLOT_NEED, struct message, get.record),
	SLOTS(3, SUB, 0, struct message, get.have, get.n_have, .sub = &have_schema),
	SLOT(4, U64, SLOT_ALWAYS, struct message, get.budget),
	SLOT(5, BOOL, 0, struct message, get.keys),
};
static SCHEMA(get);

static const struct slot key_wrap_slots[] = {
	SLOT(1, U32, SLOT_NEED, struct key_wrap, epoch, .lo = 1),
	SLOT(2, U32, SLOT_ALWAYS, struct key_wrap, class, .hi = 31),
	SLOT(3, FIXED, SLOT_NEED, struct key_wrap, wrap),
};
static SCHEMA(key_wrap);

static const struct slot changes_slots[] = {
	SLOT(1, U32, SLOT_ALWAYS, struct message, changes.request),
	SLOT(2, FIXED, SLOT_NEED, struct message, changes.record),
	SLOTS(3, BYTES, 0, struct message, changes.bundles, changes.n_bundles, .lo = 1,
		.hi = BUNDLE_MAX),
	SLOTS(4, SUB, 0, struct message, changes.path, changes.n_path, .sub = &change_schema),
	SLOTS(5, SUB, 0, struct message, changes.keys, changes.n_keys, .sub = &key_wrap_schema),
	SLOTS(6, SUB, 0, struct message, changes.runs, changes.n_runs, .hi = RUN_BYTES_MAX,
		.sub = &run_schema),
	SLOT(7, BOOL, 0, struct message, changes.done),
	SLOT(8, BOOL, 0, struct message, changes.none),
	SLOT(9, BOOL, 0, struct message, changes.more),
	SLOTS(34, BYTES, 0, struct message, changes.evidence, changes.n_evidence, .lo = 1,
		.hi = EVIDENCE_MAX),
	SLOT(35, BOOL, 0, struct message, changes.path_more),
};
static SCHEMA(changes);

static const struct slot ask_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct message, ask.id),
	SLOT(2, FIXED, SLOT_HAS, struct message, ask.record,
		.has = offsetof(struct message, ask.has_record)),
	SLOT(3, TEXT, 0, struct message, ask.authority, .hi = REQUEST_NUMBER_MAX),
	SLOT(4, TEXT, 0, struct message, ask.child, .hi = REQUEST_NUMBER_MAX),
	SLOT(5, TEXT, 0, struct message, ask.purpose, .hi = REQUEST_WORDS_MAX),
	SLOT(6, TEXT, 0, struct message, ask.worker, .hi = REQUEST_NAME_MAX),
	SLOT(7, BOOL, 0, struct message, ask.cancel),
};
static SCHEMA(ask);

static const struct slot answer_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct message, answer.id),
	SLOT(2, ENUM, SLOT_NEED, struct message, answer.state, .lo = ANSWER_NOTED,
		.hi = ANSWER_FULL),
	SLOT(3, U32, 0, struct message, answer.code),
	SLOT(4, TEXT, 0, struct message, answer.text, .hi = REQUEST_WORDS_MAX),
};
static SCHEMA(answer);

static const struct slot heard_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct message, heard.id),
};
static SCHEMA(heard);

/* The numbers of the fields are those of enum message_kind. */
#define KIND(no, table)                                                                        \
	{                                                                                      \
		.number = (no), .type = SLOT_SUB, .size = sizeof(struct message),              \
		.sub = &table##_schema                                                         \
	}
static const struct slot message_slots[] = {
	KIND(MSG_ERROR, error),
	KIND(MSG_BYE, bye),
	KIND(MSG_DOORBELL, doorbell),
	KIND(MSG_FEED_REQ, feed_req),
	KIND(MSG_FEED, feed),
	KIND(MSG_RECONCILE, reconcile),
	KIND(MSG_GET, get),
	KIND(MSG_CHANGES, changes),
	KIND(MSG_ASK, ask),
	KIND(MSG_ANSWER, answer),
	KIND(MSG_HEARD, heard),
};
static SCHEMA(message, .max_bytes = FRAME_MAX, .one = true, .or_a_later_one = true);

int wire_message_decode(struct span bytes, struct arena *a, struct message *ret)
{
	static const enum message_kind kinds[] = { MSG_ERROR, MSG_BYE, MSG_DOORBELL,
		MSG_FEED_REQ, MSG_FEED, MSG_RECONCILE, MSG_GET, MSG_CHANGES, MSG_ASK,
		MSG_ANSWER, MSG_HEARD };
	struct message m;
	uint64_t seen = 0;
	int r = schema_decode(&message_schema, bytes, a, &m, sizeof(m), &seen);
	if (r != 0)
		return r;
	m.kind = MSG_UNKNOWN;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (seen == UINT64_C(1) << message_slots[i].number)
			m.kind = kinds[i];
	}
	*ret = m;
	return 0;
}

int wire_message_encode(const struct message *m, struct arena *a, struct span *ret)
{
	assert(m->kind >= MSG_ERROR && m->kind < MSG_UNKNOWN);
	return schema_encode_one(&message_schema, (uint32_t)m->kind, m, a, ret);
}
