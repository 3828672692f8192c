/* SPDX-License-Identifier: Apache-2.0 */

/*
 * move report
 *
 * Every move with one region, fetched page by page, counted, and compared with what the other
 * region reports of the same moves.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <kith/care.h>

#include "daemon/cli/cli.h"

#define REPORT_MAX ((size_t)256 * 1024 * 1024)

int cli_since(struct cli *c, uint64_t *ret)
{
	struct care_date date;

	if (!cli_has(c, OPT_SINCE))
		return 0;
	if (care_date_parse(span_of(c->given[OPT_SINCE]), 0, &date) != 0 ||
		date.precision != CARE_DATE_DAY || date.day < 0)
		return cli_say(CLI_USAGE,
			"--since \"%s\" is no day; write dd/mm/yyyy or "
			"yyyy-mm-dd",
			c->given[OPT_SINCE]);
	*ret = (uint64_t)date.day * 86400000;

	return 0;
}

/* All pages in one list. */
static int fetch(struct cli *c, uint64_t since, json_t *moves)
{
	struct ctl_request r = ask_request(c);
	bool end = false;

	r.peer = span_of(c->given[OPT_PEER]);
	r.since_ms = since;
	while (!end) {
		json_t *reply CLEANUP(json_drop) = NULL;
		const char *go_on;
		int rc = ask(c, &r, NULL, &reply);

		if (rc == 0 && json_object_get(reply, "moves") &&
			json_array_extend(moves, json_object_get(reply, "moves")) != 0)
			rc = err_new(-ENOMEM);
		if (rc != 0)
			return rc;
		go_on = json_text(reply, "more");
		end = *go_on == '\0';
		r.page = span_of(arena_text(&c->arena, "%s", go_on));
	}

	return 0;
}

static int compare(struct cli *c, json_t *report)
{
	json_t *theirs CLEANUP(json_drop) = NULL;
	const char *file = c->given[OPT_COMPARE];
	struct span bytes = { 0 };
	json_error_t at;
	int rc = file_read(c, file, REPORT_MAX, &bytes);

	if (rc != 0)
		return rc;
	theirs = json_loadb((const char *)bytes.at, bytes.len, 0, &at);
	if (!theirs || !json_is_array(json_object_get(theirs, "moves")))
		return cli_say(CLI_FAILED,
			"%s is no report\n  next: the other region writes one with kithctl "
			"--json "
			"move report --peer %s",
			file, json_text(report, "region"));
	if (strcmp(json_text(theirs, "region"), json_text(report, "peer")) != 0 ||
		strcmp(json_text(theirs, "peer"), json_text(report, "region")) != 0)
		return cli_say(CLI_FAILED,
			"%s is what %s reports of its moves with %s, not what %s reports of "
			"those "
			"with us",
			file, json_text(theirs, "region"), json_text(theirs, "peer"),
			json_text(report, "peer"));
	if (json_number(theirs, "since_ms") != json_number(report, "since_ms"))
		return cli_say(CLI_FAILED,
			"the two reports begin on different days\n  next: give both the same "
			"--since");

	return tally_compare(report, theirs);
}

static int show(struct cli *c, const json_t *report)
{
	static const struct column cols[] = {
		{ "record", "RECORD", FORM_ID, WHOLE, false },
		{ "from", "FROM", FORM_TEXT, WHOLE, false },
		{ "to", "TO", FORM_TEXT, WHOLE, false },
		{ "here", "HERE", FORM_TEXT, WHOLE, false },
		{ "there", "THERE", FORM_TEXT, WHOLE, false },
	};
	int rc = tally_show(c, report);

	if (rc != 0 || !json_object_get(report, "agree"))
		return rc;
	(void)printf("\n");

	return show_table(c, report, "differences", "both reports agree", cols, COUNT(cols));
}

int verb_move_report(struct cli *c)
{
	json_t *report CLEANUP(json_drop) = json_object();
	json_t *moves = json_array();
	const char *self = NULL;
	uint64_t since = 0;
	int rc = report && moves ? args_need(c, OPT_PEER) : err_new(-ENOMEM);

	if (rc == 0 && json_object_set_new(report, "moves", moves) != 0)
		rc = err_new(-ENOMEM);
	if (rc == 0)
		rc = cli_since(c, &since);
	if (rc == 0)
		rc = ask_name(c, &self);
	if (rc == 0)
		rc = fetch(c, since, moves);
	if (rc == 0 && (json_object_set_new(report, "region", json_string(self)) != 0 ||
			       json_object_set_new(
				       report, "peer", json_string(c->given[OPT_PEER])) != 0 ||
			       json_object_set_new(report, "since_ms",
				       json_integer((json_int_t)since)) != 0))
		rc = err_new(-ENOMEM);
	if (rc == 0)
		rc = tally_add(c, report, moves);
	if (rc == 0 && cli_has(c, OPT_COMPARE))
		rc = compare(c, report);
	if (rc != 0)
		return rc;

	rc = c->json ? json_out(c, report) : show(c, report);
	if (rc == 0 && json_is_false(json_object_get(report, "agree")))
		return cli_say(CLI_FAILED,
			"the two reports differ in %zu moves\n  next: what is "
			"not settled yet may be on its way: kithctl peers",
			json_array_size(json_object_get(report, "differences")));

	return rc;
}
