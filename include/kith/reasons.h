/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reasons and codes
 *
 * The lists of <kith/reasons.def>, by number: what a code that came over the wire is called.
 */

#include <kith/base.h>

enum reasons {
	REASONS_OFFER,     /* of an Offer (P6.1) */
	REASONS_DECLINE,   /* of a Decline (P6.1) */
	REASONS_REFUSAL,   /* of a refused request (P7.11) */
	REASONS_EMERGENCY, /* of an Assume or a Resolve (P6.12) */
};
#define REASON_GIVEN_MAX 99 /* from 100 on only kith itself gives them */

struct reason {
	uint32_t number;
	const char *name, *text;
	const char *next; /* NULL: nothing is to be done about it */
};

/* In the order of their numbers. */
const struct reason *reasons_all(enum reasons of, size_t *ret_n);
/* NULL: there is none with this number. */
const struct reason *reason_of(enum reasons of, uint32_t number);
static inline const char *reason_name(enum reasons of, uint32_t number)
{
	const struct reason *r = reason_of(of, number);

	return r ? r->name : NULL;
}
