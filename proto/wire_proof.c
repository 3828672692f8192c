/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: proof
 *
 * What only the tests ask, here because nobody else sees protobuf-c: whether it reads what our
 * tables write, and whether the schemas keep to what the tables can do. Programs do not link
 * it.
 */

#include "proto/wire_private.h"

#include "change.pb-c.h"
#include "control.pb-c.h"
#include "link.pb-c.h"
#include "peer.pb-c.h"
#include "record.pb-c.h"

#include <stdlib.h>
#include <string.h>

static const ProtobufCMessageDescriptor *const roots[] = {
	&kith__header__descriptor,
	&kith__control__descriptor,
	&kith__card__descriptor,
	&kith__incarnations__descriptor,
	&kith__card_bundle__descriptor,
	&kith__export__descriptor,
	&kith__certificate__descriptor,
	&kith__statement__descriptor,
	&kith__frame__descriptor,
	&kith__hello__descriptor,
	&kith__message__descriptor,
	&kith__change__descriptor,
	&kith__body__descriptor,
	&kith__link_frame__descriptor,
	&kith__request__descriptor,
	&kith__reply__descriptor,
};

/* Recursion here ends with the schemas, and at PROOF_DEPTH_ODD.
 * NOLINTBEGIN(misc-no-recursion) */
static bool all_known(const ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		if (f->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		const uint8_t *at = (const uint8_t *)m + f->offset, *elements = at;
		size_t n = 1;
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			memcpy(&n, (const uint8_t *)m + f->quantifier_offset, sizeof(n));
			memcpy(&elements, at, sizeof(elements));
		}
		for (size_t k = 0; k < n; k++) {
			const ProtobufCMessage *sub;
			memcpy(&sub, elements + k * sizeof(sub), sizeof(sub));
			if (sub && !all_known(sub))
				return false;
		}
	}
	return m->n_unknown_fields == 0;
}

/* Replies are walked, not read by a table, and may number higher. */
#define NUMBERS_READ   64
#define NUMBERS_WALKED 128
static bool is_plain(const ProtobufCFieldDescriptor *f, unsigned numbers)
{
	bool odd = f->type == PROTOBUF_C_TYPE_ENUM || f->type == PROTOBUF_C_TYPE_FLOAT ||
		   f->type == PROTOBUF_C_TYPE_DOUBLE || f->label == PROTOBUF_C_LABEL_REQUIRED ||
		   (f->flags & (PROTOBUF_C_FIELD_FLAG_PACKED | PROTOBUF_C_FIELD_FLAG_ONEOF));
	return !odd && f->id < numbers;
}

static unsigned depth(const ProtobufCMessageDescriptor *m, unsigned at, unsigned numbers)
{
	unsigned deepest = at;
	if (at == PROOF_DEPTH_ODD)
		return at;
	for (unsigned i = 0; i < m->n_fields && deepest < PROOF_DEPTH_ODD; i++) {
		unsigned deep = at;
		if (!is_plain(&m->fields[i], numbers))
			return PROOF_DEPTH_ODD;
		if (m->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			deep = depth(m->fields[i].descriptor, at + 1, numbers);
		deepest = deep > deepest ? deep : deepest;
	}
	return deepest;
}
/* NOLINTEND(misc-no-recursion) */

bool proof_repacks(const char *message, struct span in)
{
	for (size_t i = 0; i < COUNT(roots); i++) {
		if (strcmp(roots[i]->short_name, message) != 0)
			continue;
		ProtobufCMessage *m = protobuf_c_message_unpack(roots[i], NULL, in.len, in.at);
		uint8_t *again = malloc(in.len + 1);
		bool same = m && again && all_known(m) &&
			    protobuf_c_message_get_packed_size(m) == in.len &&
			    protobuf_c_message_pack(m, again) == in.len &&
			    memcmp(again, in.at, in.len) == 0;
		free(again);
		protobuf_c_message_free_unpacked(m, NULL);
		return same;
	}
	return false;
}

unsigned proof_depth(void)
{
	unsigned deepest = 0;
	for (size_t i = 0; i < COUNT(roots); i++) {
		unsigned deep = depth(roots[i], 0,
			roots[i] == &kith__reply__descriptor ? NUMBERS_WALKED : NUMBERS_READ);
		deepest = deep > deepest ? deep : deepest;
	}
	return deepest;
}
