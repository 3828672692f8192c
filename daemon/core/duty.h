/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Duties
 *
 * Who was responsible from which day to which, by a set of control changes (P11.6, P11.7), and
 * what these name and are not among them. Pure, as affairs are: the issuer of a certificate and
 * who checks it make the same of the same set.
 */

#include "daemon/core/affairs.h"

struct reckoning {
	const struct held *held; /* in the order of their places */
	size_t n;
	int32_t *days; /* of each (P11.6) */
	struct head *lacks;
	size_t n_lacks;
	struct affairs affairs;
	struct duty *duties; /* without limits: open ones end on INT32_MAX */
	size_t n_duties;
};
/* .held is sorted by place, no place twice, and stays where it is. 0, or -ENOMEM. */
MUST_USE int duties_reckon(
	const struct held *held, size_t n, struct arena *a, struct reckoning *ret);
/* Those on days from .from to .to, cut there, in the order of (P11.7). */
MUST_USE int duties_within(const struct reckoning *r, int32_t from, int32_t to, struct arena *a,
	struct duty **ret, size_t *ret_n);
/* The day on which the record was made; only when .affairs.known. */
int32_t duties_since(const struct reckoning *r);
/* The first day without anybody, from .from to .to; false: there is none. */
bool duties_gap(const struct duty *v, size_t n, int32_t from, int32_t to, int32_t *ret,
	int32_t *ret_last);
int duty_order(const struct duty *a, const struct duty *b);
/* The one that stands in a place, or NULL. */
const struct held *held_at(const struct held *held, size_t n, const struct place *at);
/* What a change rests on: right, Offer, Accept, Withdraw, votes and the last that a Resolve
 * lets count; and with .before that, too. */
#define NAMES_MAX (6 + 64) /* (P6.12) */
struct named {
	const char *as; /* "offer" */
	const struct place *at;
	const struct hash *change;
};
size_t held_names(const struct held *h, bool before, struct named ret[NAMES_MAX]);
