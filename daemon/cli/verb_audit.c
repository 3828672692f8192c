/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who asked what
 *
 * The audit of this region, page by page, oldest first: a line a request.
 */

#include <errno.h>

#include "daemon/cli/cli.h"

static int show(struct cli *c, const json_t *all)
{
	static const struct column columns[] = {
		{ "at_ms", "WHEN", FORM_WHEN, WHOLE, false },
		{ "user", "USER", FORM_TEXT, WHOLE, false },
		{ "groups", "GROUP", FORM_TEXT, WHOLE, false },
		{ "verb", "ASKED", FORM_TEXT, WHOLE, false },
		{ "record", "RECORD", FORM_ID, WHOLE, false },
		{ "about", "ABOUT", FORM_TEXT, CUT, false },
		{ "worker", "WORKER", FORM_TEXT, CUT, false },
		{ "role", "ROLE", FORM_TEXT, CUT, false },
		{ "purpose", "PURPOSE", FORM_TEXT, WRAP, false },
		{ "problem", "REFUSED", FORM_TEXT, WHOLE, true },
	};

	return show_table(
		c, all, "audit", "nobody has asked anything", columns, COUNT(columns));
}

/* All pages in one list: an empty one may stand before others, if a filter passes little. */
static int fetch(struct cli *c, struct ctl_request *r, json_t *all)
{
	uint64_t through, most = 0;
	int rc = cli_number(c, OPT_LIMIT, 1, UINT64_MAX / 2, &most);

	while (rc == 0) {
		json_t *page CLEANUP(json_drop) = NULL;
		const uint64_t has = json_array_size(json_object_get(all, "audit"));

		if (most && has >= most)
			break;
		r->limit = most ? most - has : 0;
		rc = ask(c, r, NULL, &page);
		if (rc != 0)
			break;
		through = json_number(page, "through");
		rc = json_merge(all, TAKE(page), false);
		if (rc != 0 || through == 0)
			break;
		r->after = through;
	}
	return rc;
}

int verb_audit(struct cli *c)
{
	struct ctl_request r = ask_request(c);
	json_t *all CLEANUP(json_drop) = json_object();
	int rc = all ? cli_since(c, &r.since_ms) : err_new(-ENOMEM);

	if (rc != 0)
		return rc;
	r.record = span_of(c->given[OPT_RECORD]);
	r.user = span_of(c->given[OPT_USER]);
	if (cli_number(c, OPT_AFTER, 0, UINT64_MAX / 2, &r.after) != 0)
		return CLI_USAGE;
	rc = fetch(c, &r, all);
	if (rc != 0)
		return rc;
	return c->json ? show_json(c, all, "audit") : show(c, all);
}
