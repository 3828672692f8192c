/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who is in the circle of a record, what guardians sign when its custodian is gone, and that a
 * backup was made.
 */

#include <errno.h>
#include <string.h>

#include "daemon/cli/cli.h"

static int change(struct cli *c, struct ctl_request *r, const char *done)
{
	json_t *reply CLEANUP(json_drop) = NULL;
	int rc = ask_change(c, r, done, &reply);
	const char *text = json_text(json_object_get(reply, "made"), "text");

	if (rc == 0 && *text)
		(void)printf("%s\n", text);
	return rc;
}

static struct ctl_request about(struct cli *c)
{
	struct ctl_request r = ask_request(c);

	r.record = span_of(c->words[0]);
	r.peer = span_of(c->n_words > 1 ? c->words[1] : c->given[OPT_TO]);
	r.text = span_of(c->given[OPT_TEXT]);
	return r;
}

int verb_circle_add(struct cli *c)
{
	struct ctl_request r = about(c);
	const char *role = c->given[OPT_ROLE];

	if (args_need(c, OPT_ROLE) != 0)
		return CLI_USAGE;
	if (strcmp(role, "reader") != 0 && strcmp(role, "writer") != 0)
		return cli_say(CLI_USAGE, "--role is reader or writer");
	r.role = (struct span){ 0 }; /* not the person's */
	r.circle_role = strcmp(role, "writer") == 0 ? ROLE_WRITER : ROLE_READER;
	r.guardian = cli_has(c, OPT_GUARDIAN);
	return change(c, &r,
		arena_text(&c->arena, "%s is a %s of %s", c->words[1], role, c->words[0]));
}

int verb_circle_remove(struct cli *c)
{
	struct ctl_request r = about(c);
	const char *keep = c->given[OPT_KEEP];

	if (keep && strcmp(keep, "none") != 0 && strcmp(keep, "what-it-has") != 0)
		return cli_say(CLI_USAGE, "--keep is what-it-has or none");
	r.keep_none = keep && strcmp(keep, "none") == 0;
	return change(c, &r,
		arena_text(&c->arena, "%s is out of the circle of %s; new keys are made",
			c->words[1], c->words[0]));
}

int verb_circle_guardian(struct cli *c)
{
	struct ctl_request r = about(c);

	if (cli_has(c, OPT_GUARDIAN) == cli_has(c, OPT_NO_GUARDIAN))
		return cli_say(CLI_USAGE, "say --guardian or --no-guardian");
	r.guardian = cli_has(c, OPT_GUARDIAN);
	return change(c, &r,
		arena_text(&c->arena, "%s is %s of %s", c->words[1],
			r.guardian ? "a guardian" : "no guardian", c->words[0]));
}

static int sign(struct cli *c, const char *what)
{
	struct ctl_request r = about(c);

	if (args_need(c, OPT_TO) != 0 || args_need(c, OPT_REASON) != 0 ||
		reason_choose(REASONS_EMERGENCY, c->given[OPT_REASON], &r.code) != 0)
		return CLI_USAGE;
	r.anyway = cli_has(c, OPT_ANYWAY);
	return change(c, &r,
		arena_text(&c->arena, "signed that %s %s of %s", c->given[OPT_TO], what,
			c->words[0]));
}

int verb_custody_assume(struct cli *c)
{
	return sign(c, "takes the duty");
}

int verb_custody_resolve(struct cli *c)
{
	return sign(c, "is the next custodian");
}

int verb_backup_verified(struct cli *c)
{
	struct ctl_request r = ask_request(c);

	if (cli_number(c, OPT_THROUGH, 1, UINT64_MAX, &r.after) != 0)
		return CLI_USAGE;
	return change(c, &r, "noted");
}
