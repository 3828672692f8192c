/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire: certificates
 *
 * A certificate and the statement in it (P11.1, P11.2) as bytes and as structs. Whether they
 * prove anything is not decided here.
 */

#include "proto/wire_private.h"

#define FORMAT     1
#define DUTIES_MAX 1024

static const struct slot duty_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct duty, region),
	SLOT(2, S32, SLOT_NEED, struct duty, from),
	SLOT(3, S32, SLOT_NEED, struct duty, to),
	SLOT(4, ENUM, SLOT_NEED, struct duty, how, .lo = DUTY_MADE, .hi = DUTY_FORKED),
	SLOT(5, U64, SLOT_NEED, struct duty, term, .lo = 1),
	SLOT(6, BOOL, 0, struct duty, open),
};
static SCHEMA(duty);

static const struct slot statement_slots[] = {
	SLOT(1, FIXED, SLOT_NEED, struct statement, record),
	SLOT(2, FIXED, SLOT_NEED, struct statement, by),
	SLOT(3, FIXED, SLOT_NEED, struct statement, incarnation),
	SLOT(4, U64, SLOT_NEED, struct statement, at_ms),
	SLOT(5, S32, SLOT_NEED, struct statement, from),
	SLOT(6, S32, SLOT_NEED, struct statement, to),
	SLOTS(7, SUB, 0, struct statement, held, n_held, .min_n = 1,
		.max_n = CERTIFICATE_PATH_MAX, .sub = &head_schema),
	SLOTS(8, SUB, 0, struct statement, lacks, n_lacks, .max_n = CERTIFICATE_PATH_MAX,
		.sub = &head_schema),
	SLOTS(9, SUB, 0, struct statement, duties, n_duties, .max_n = DUTIES_MAX,
		.sub = &duty_schema),
	SLOT(10, U64, SLOT_NEED, struct statement, log),
};
static SCHEMA(statement, .max_bytes = CERTIFICATE_MAX);

static const struct slot certificate_slots[] = {
	SLOT(1, U32, SLOT_NEED, struct certificate, format, .lo = FORMAT, .hi = FORMAT),
	SLOT(2, BYTES, SLOT_NEED, struct certificate, statement.bytes, .lo = 1),
	SLOT(3, SIG, SLOT_NEED, struct certificate, statement.signature),
	SLOTS(4, BYTES, 0, struct certificate, cards, n_cards, .min_n = 1,
		.max_n = CERTIFICATE_CARDS_MAX, .lo = 1, .hi = BUNDLE_MAX),
	SLOTS(5, SUB, 0, struct certificate, path, n_path, .min_n = 1,
		.max_n = CERTIFICATE_PATH_MAX, .sub = &change_schema),
};
static SCHEMA(certificate, .max_bytes = CERTIFICATE_MAX);

int wire_certificate_decode(struct span bytes, struct arena *a, struct certificate *ret)
{
	struct certificate c;
	int r = schema_decode(&certificate_schema, bytes, a, &c, sizeof(c), NULL);
	if (r == 0)
		*ret = c;
	return r;
}

int wire_certificate_encode(const struct certificate *c, struct arena *a, struct span *ret)
{
	struct certificate with = *c;
	with.format = FORMAT;
	return schema_encode(&certificate_schema, &with, a, ret);
}

int wire_statement_decode(struct span bytes, struct arena *a, struct statement *ret)
{
	struct statement s;
	int r = schema_decode(&statement_schema, bytes, a, &s, sizeof(s), NULL);
	if (r == 0)
		*ret = s;
	return r;
}

int wire_statement_encode(const struct statement *s, struct arena *a, struct span *ret)
{
	return schema_encode(&statement_schema, s, a, ret);
}
