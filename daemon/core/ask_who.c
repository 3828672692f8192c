/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who asks: what the groups of a local user allow. A user without any is turned away by the
 * host before his request is read; here it is refused once more.
 */

#include "daemon/core/ask.h"

bool ask_sees_contents(const struct ask *a)
{
	return a->s->event->groups & MAY_CARE;
}

static const char *groups_words(unsigned groups)
{
	if (groups & GROUP_OPERATOR)
		return groups & GROUP_APP ? "kith-operator and kith-app" : "kith-operator";
	return groups & GROUP_APP ? "kith-app" : groups & GROUP_LOOK ? "kith" : "no group";
}

/* Who may is said with the verb in control.def, and here is where it holds. */
int ask_may(struct ask *a)
{
	const struct event *e = a->s->event;
	unsigned who = verb_groups(a->q.verb);
	enum problem needs = who & GROUP_OPERATOR ? PROBLEM_NEEDS_RUN
			     : who & GROUP_APP    ? PROBLEM_NEEDS_CARE
						  : PROBLEM_NEEDS_ADMIN;

	if (!e->groups)
		return ask_problem(a, PROBLEM_NOT_ALLOWED, "%s is in none of kith's groups",
			e->user ? e->user : "who asks");
	if (!who || who & e->groups)
		return 0;
	return ask_problem(a, needs, "%s is for %s; %s is in %s", verb_words(a->q.verb),
		who == MAY_BOTH   ? "kith-operator, kith-app and kith-admin"
		: who == MAY_RUN  ? "kith-operator and kith-admin"
		: who == MAY_CARE ? "kith-app and kith-admin"
				  : "kith-admin",
		e->user ? e->user : "who asks", groups_words(e->groups));
}
