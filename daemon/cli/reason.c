/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reasons and codes that people give, by number or by name: those of <kith/reasons.def>.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "daemon/cli/cli.h"

#define GIVEN_MAX 99 /* from 100 on they are kith's own */

struct reason {
	uint32_t number;
	const char *name, *text;
};
static const struct reason offers[] = {
#define REASON(number, name, text) { number, name, text },
#include <kith/reasons.def>
#undef REASON
};
static const struct reason declines[] = {
#define DECLINE(number, name, rule, why, next) { number, name, why },
#include <kith/reasons.def>
#undef DECLINE
};
static const struct reason refusals[] = {
#define REFUSAL(number, name, rule, why, next) { number, name, why },
#include <kith/reasons.def>
#undef REFUSAL
};
static const struct reason emergencies[] = {
#define EMERGENCY(number, name, text) { number, name, text },
#include <kith/reasons.def>
#undef EMERGENCY
};

static const struct {
	const struct reason *v;
	size_t n;
	const char *what;
} lists[] = {
	[REASONS_OFFER] = { offers, COUNT(offers), "reason" },
	[REASONS_DECLINE] = { declines, COUNT(declines), "code of a refusal" },
	[REASONS_REFUSAL] = { refusals, COUNT(refusals), "code for the refusal of a request" },
	[REASONS_EMERGENCY] = { emergencies, COUNT(emergencies), "reason for this" },
};

bool reason_find(enum reasons of, const char *text, uint32_t *ret)
{
	char *end = NULL;
	unsigned long number = strtoul(text, &end, 10);

	for (size_t i = 0; i < lists[of].n; i++) {
		const struct reason *r = &lists[of].v[i];

		if (r->number <= GIVEN_MAX && ((*text && !*end && number == r->number) ||
						      strcasecmp(text, r->name) == 0)) {
			*ret = r->number;
			return true;
		}
	}
	return false;
}

int reason_choose(enum reasons of, const char *text, uint32_t *ret)
{
	if (reason_find(of, text, ret))
		return 0;
	(void)cli_say(0, "\"%s\" is no %s; there is", text, lists[of].what);
	for (size_t i = 0; i < lists[of].n && lists[of].v[i].number <= GIVEN_MAX; i++)
		(void)fprintf(stderr, "  %" PRIu32 "  %-15s %s\n", lists[of].v[i].number,
			lists[of].v[i].name, lists[of].v[i].text);
	return CLI_USAGE;
}
