/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reasons and codes that people give, by number or by name.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "daemon/cli/cli.h"

bool reason_find(enum reasons of, const char *text, uint32_t *ret)
{
	char *end = NULL;
	unsigned long number = strtoul(text, &end, 10);
	size_t n;
	const struct reason *all = reasons_all(of, &n);

	for (size_t i = 0; i < n && all[i].number <= REASON_GIVEN_MAX; i++)
		if ((*text && !*end && number == all[i].number) ||
			strcasecmp(text, all[i].name) == 0) {
			*ret = all[i].number;
			return true;
		}
	return false;
}

int reason_choose(enum reasons of, const char *text, uint32_t *ret)
{
	static const char *const what[] = {
		[REASONS_OFFER] = "reason",
		[REASONS_DECLINE] = "code of a refusal",
		[REASONS_REFUSAL] = "code for the refusal of a request",
		[REASONS_EMERGENCY] = "reason for this",
	};
	size_t n;
	const struct reason *all = reasons_all(of, &n);

	if (reason_find(of, text, ret))
		return 0;
	(void)cli_say(0, "\"%s\" is no %s; there is", text, what[of]);
	for (size_t i = 0; i < n && all[i].number <= REASON_GIVEN_MAX; i++)
		(void)fprintf(stderr, "  %2" PRIu32 "  %-18s %s\n", all[i].number, all[i].name,
			all[i].text);
	return CLI_USAGE;
}
