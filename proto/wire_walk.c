/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: walking a reply
 *
 * kithctl prints replies by their schema alone: names, types and order come from protobuf-c's
 * descriptors, values from the bytes, one scan for each field of a message, without unpacking.
 * A reply is checked as a whole before the first call.
 */

#include "proto/wire_private.h"

#include "control.pb-c.h"

#include <kith/control.h>

#include <assert.h>

static bool is_text(const ProtobufCFieldDescriptor *d)
{
	return d->type == PROTOBUF_C_TYPE_STRING;
}

static bool is_sub(const ProtobufCFieldDescriptor *d)
{
	return d->type == PROTOBUF_C_TYPE_MESSAGE;
}

static bool is_many(const ProtobufCFieldDescriptor *d)
{
	return d->label == PROTOBUF_C_LABEL_REPEATED;
}

static unsigned wire_type(const ProtobufCFieldDescriptor *d)
{
	bool bytes = is_text(d) || is_sub(d) || d->type == PROTOBUF_C_TYPE_BYTES;
	return bytes ? WIRE_LEN : WIRE_VARINT;
}

/* Here and below, recursion is as deep as the schemas nest.
 * NOLINTBEGIN(misc-no-recursion) */
static int check(const ProtobufCMessageDescriptor *m, struct span in)
{
	struct scan scan = scan_of(in);
	struct scan_field f;
	uint64_t seen[2] = { 0 };
	while (scan_one(&scan, &f)) {
		const ProtobufCFieldDescriptor *d =
			protobuf_c_message_descriptor_get_field(m, f.number);
		if (!d)
			continue;
		if (f.wire != wire_type(d) || (is_text(d) && !wire_text_ok(f.bytes)))
			return WIRE_E_MALFORMED;
		assert(d->id < 128);
		const uint64_t bit = UINT64_C(1) << d->id % 64;
		if (!is_many(d) && (seen[d->id / 64] & bit))
			return WIRE_E_MALFORMED;
		seen[d->id / 64] |= bit;
		int verdict = is_sub(d) ? check(d->descriptor, f.bytes) : 0;
		if (verdict != 0)
			return verdict;
	}
	return scan.bad ? WIRE_E_MALFORMED : 0;
}

static struct walk_value value_of(const ProtobufCFieldDescriptor *d, const struct scan_field *f)
{
	struct walk_value v = { .type = WALK_UINT, .uint = f->uint };
	if (is_text(d) || d->type == PROTOBUF_C_TYPE_BYTES) {
		v.type = is_text(d) ? WALK_TEXT : WALK_BYTES;
		v.bytes = f->bytes;
	} else if (d->type == PROTOBUF_C_TYPE_BOOL) {
		v.type = WALK_BOOL;
		v.truth = f->uint != 0;
	} else if (d->type == PROTOBUF_C_TYPE_SINT32 || d->type == PROTOBUF_C_TYPE_SINT64) {
		v.type = WALK_INT;
		v.sint = (int64_t)(f->uint >> 1 ^ (0 - (f->uint & 1)));
	} else if (d->type == PROTOBUF_C_TYPE_INT32 || d->type == PROTOBUF_C_TYPE_INT64) {
		v.type = WALK_INT;
		v.sint = (int64_t)f->uint;
	}
	return v;
}

static void walk(const ProtobufCMessageDescriptor *m, struct span in, const struct walker *w);

static void walk_one(
	const ProtobufCFieldDescriptor *d, const struct scan_field *f, const struct walker *w)
{
	const char *name = is_many(d) ? NULL : d->name;
	if (!is_sub(d)) {
		struct walk_value v = value_of(d, f);
		w->value(w->ctx, name, &v);
		return;
	}
	w->enter(w->ctx, name);
	walk(d->descriptor, f->bytes, w);
	w->leave(w->ctx);
}

static void walk(const ProtobufCMessageDescriptor *m, struct span in, const struct walker *w)
{
	for (unsigned i = 0; i < m->n_fields; i++) {
		const ProtobufCFieldDescriptor *d = &m->fields[i];
		struct scan scan = scan_of(in);
		struct scan_field f;
		size_t n = 0;
		while (scan_one(&scan, &f)) {
			if (f.number != d->id)
				continue;
			if (n++ == 0 && is_many(d))
				w->list_begin(w->ctx, d->name);
			walk_one(d, &f, w);
		}
		if (n > 0 && is_many(d))
			w->list_end(w->ctx);
	}
}
/* NOLINTEND(misc-no-recursion) */

int wire_reply_walk(struct span bytes, struct arena *a, const struct walker *w)
{
	(void)a; /* nothing is copied */
	if (bytes.len > CONTROL_FRAME_MAX)
		return WIRE_E_MALFORMED;
	int verdict = check(&kith__reply__descriptor, bytes);
	if (verdict == 0)
		walk(&kith__reply__descriptor, bytes, w);
	return verdict;
}
