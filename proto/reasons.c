/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reasons and codes, as tables made from <kith/reasons.def>
 */

#include <kith/reasons.h>

static const struct reason offers[] = {
#define REASON(number, name, text) { number, name, text, NULL },
#include <kith/reasons.def>
#undef REASON
};
static const struct reason declines[] = {
#define DECLINE(number, name, rule, why, next) { number, name, why, next },
#include <kith/reasons.def>
#undef DECLINE
};
static const struct reason refusals[] = {
#define REFUSAL(number, name, rule, why, next) { number, name, why, next },
#include <kith/reasons.def>
#undef REFUSAL
};
static const struct reason emergencies[] = {
#define EMERGENCY(number, name, text) { number, name, text, NULL },
#include <kith/reasons.def>
#undef EMERGENCY
};

static const struct {
	const struct reason *v;
	size_t n;
} lists[] = {
	[REASONS_OFFER] = { offers, COUNT(offers) },
	[REASONS_DECLINE] = { declines, COUNT(declines) },
	[REASONS_REFUSAL] = { refusals, COUNT(refusals) },
	[REASONS_EMERGENCY] = { emergencies, COUNT(emergencies) },
};

const struct reason *reasons_all(enum reasons of, size_t *ret_n)
{
	*ret_n = lists[of].n;
	return lists[of].v;
}

const struct reason *reason_of(enum reasons of, uint32_t number)
{
	for (size_t i = 0; i < lists[of].n; i++)
		if (lists[of].v[i].number == number)
			return &lists[of].v[i];
	return NULL;
}
