/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Verdicts: what they are called. All else that is to be said about them stands beside their
 * names in <kith/verdicts.def>.
 */

#include "daemon/core/inside.h"

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {
#define VERDICT(id, name, rule, cause, next) [VERDICT_##id] = name,
#include <kith/verdicts.def>
#undef VERDICT
	};

	return v < COUNT(names) ? names[v] : NULL;
}
