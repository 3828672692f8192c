/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reload
 *
 * The configuration read again while kithd runs: taken over as a whole or not at all. What it
 * was is in force until then, whatever the file says.
 */

#include "daemon/host/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/journal.h"

static bool may_change(const char *option)
{
	static const char *const those[] = { "log_level", "listen", "quota_record",
		"quota_peer", "audit_keep", "move_warn", "move_alarm" };

	for (size_t i = 0; i < COUNT(those); i++)
		if (strcmp(option, those[i]) == 0)
			return true;
	return false;
}

/* Everything that differs may. 0; PROBLEM_RESTART with .why. */
static int judge(const struct host *h, const struct conf *fresh, struct why *why)
{
	struct conf_change changes[CONF_OPTIONS_MAX];
	size_t n = conf_changes(&h->conf, fresh, changes);

	for (size_t i = 0; i < n; i++) {
		if (may_change(changes[i].option))
			continue;
		why_set(why, "%.120s: %s has changed and needs a restart",
			changes[i].where ? changes[i].where : h->config, changes[i].option);
		return PROBLEM_RESTART;
	}
	return 0;
}

/* What is taken over, in words. */
static void list(const struct host *h, const struct conf *fresh, struct why *ret)
{
	struct conf_change changes[CONF_OPTIONS_MAX];
	size_t n = conf_changes(&h->conf, fresh, changes);
	char names[100] = "";

	for (size_t i = 0; i < n; i++) {
		const size_t len = strlen(names);

		(void)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
			changes[i].option);
	}
	why_set(ret, "%s", n ? names : "nothing has changed");
}

int host_reload(struct host *h, bool dry_run, struct why *why)
{
	struct conf fresh = { 0 };
	bool listen;
	int r = conf_load(h->config, &fresh, why);

	if (r == CONF_E_ABSENT && strcmp(h->config, CONF_PATH) == 0)
		r = conf_defaults(&fresh); /* as at the start */
	if (r < 0)
		return err_up(r);
	if (r > 0)
		return PROBLEM_CONFIGURATION;
	r = judge(h, &fresh, why);
	if (r == 0)
		list(h, &fresh, why);
	if (r != 0 || dry_run) {
		conf_done(&fresh);
		return r;
	}
	listen = strcmp(h->conf.listen, fresh.listen) != 0;
	conf_done(&h->conf);
	h->conf = fresh;
	h->relisten |= listen; /* the node hears of it in the next turn */
	h->resettle = true;
	journal_set_level((int)h->conf.log_level);
	return 0;
}

int reload_asked(struct host *h, const struct action *a)
{
	struct why why = { "" };
	int r = host_reload(h, a->dry_run, &why);
	struct ctl_reply reply = { .id = a->request, .last = true };

	if (r < 0)
		return err_up(r);
	if (r > 0) {
		reply.problem = (enum problem)r;
		reply.problem_text = why.text;
		journal_say(LOG_ERR, NULL, "the configuration is kept as it was: %s", why.text);
	} else {
		reply.has_made = true;
		reply.made_dry_run = a->dry_run;
		reply.made_text = why.text;
		if (!a->dry_run)
			journal_say(LOG_NOTICE, NULL, "takes over from %s: %s", h->config,
				why.text);
	}
	return host_reply(h, a->client, &reply);
}
