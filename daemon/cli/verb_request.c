/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Requests for records: made, shown, watched, refused, taken back.
 */

#include <errno.h>

#include "daemon/cli/cli.h"

static const struct column cols[] = {
	{ "request", "REQUEST", FORM_ID, WHOLE, false },
	{ "ours", "OURS", FORM_FLAG, WHOLE, false },
	{ "peer", "REGION", FORM_TEXT, WHOLE, false },
	{ "alias", "CHILD", FORM_TEXT, WHOLE, false },
	{ "record", "RECORD", FORM_ID, WHOLE, false },
	{ "state", "STATE", FORM_TEXT, WHOLE, true },
	{ "code", "CODE", FORM_TEXT, WHOLE, false },
	{ "held", "HELD", FORM_TEXT, WRAP, false },
	{ "purpose", "PURPOSE", FORM_TEXT, WRAP, false },
	{ "worker", "WORKER", FORM_TEXT, CUT, false },
	{ "text", "WORDS", FORM_TEXT, WRAP, false },
	{ "since_ms", "SINCE", FORM_WHEN, WHOLE, false },
	{ "waits_for", "WAITS FOR", FORM_TEXT, WRAP, false },
};

int verb_move_request(struct cli *c)
{
	struct ctl_request r = ask_request(c);
	struct entry worker = { .kind = ENTRY_WORKER, .has_worker = true };

	if (args_need(c, OPT_PURPOSE) != 0 || args_need(c, OPT_WORKER) != 0)
		return CLI_USAGE;
	r.peer = span_of(c->words[0]);
	r.record = span_of(c->words[1]);
	worker.worker.name = span_of(c->given[OPT_WORKER]);
	r.entries = &worker;
	r.n_entries = 1;
	return ask_change(c, &r,
		arena_text(&c->arena, "asked %s for %s; kithctl move requests shows the answer",
			c->words[0], c->words[1]),
		NULL);
}

/* Watching: a line a request, as it is new or changes. */
static int watched(void *ctx, const json_t *reply)
{
	struct cli *c = ctx;
	const json_t *list = json_object_get(reply, "requests");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		int rc = 0;

		if (c->json) {
			rc = json_line(c, one);
		} else {
			const char *what = json_text(one, "alias");

			(void)printf("%.8s %s %s: %s %s%s%s\n", json_text(one, "request"),
				json_is_true(json_object_get(one, "ours")) ? "to" : "from",
				json_text(one, "peer"), *what ? what : json_text(one, "record"),
				json_text(one, "state"), *json_text(one, "code") ? ": " : "",
				json_text(one, "code"));
		}
		if (rc != 0)
			return rc;
	}
	return fflush(stdout) == 0 ? 0 : cli_say(CLI_FAILED, "nobody reads what is followed");
}

int verb_move_requests(struct cli *c)
{
	struct ctl_request r = ask_request(c);
	struct ask how = { .ctx = c, .reply = watched };
	json_t *reply CLEANUP(json_drop) = NULL;
	int rc;

	r.follow = cli_has(c, OPT_FOLLOW);
	rc = ask(c, &r, r.follow ? &how : NULL, &reply);
	if (rc != 0 || r.follow)
		return rc;
	if (c->json)
		return show_json(c, reply, "requests");
	return show_table(c, reply, "requests", "no requests", cols, COUNT(cols));
}

int verb_move_refuse(struct cli *c)
{
	struct ctl_request r = ask_request(c);

	if (args_need(c, OPT_CODE) != 0 ||
		reason_choose(REASONS_REFUSAL, c->given[OPT_CODE], &r.code) != 0)
		return CLI_USAGE;
	r.request = span_of(c->words[0]);
	r.text = span_of(c->given[OPT_TEXT]);
	return ask_change(
		c, &r, arena_text(&c->arena, "refused request %s", c->words[0]), NULL);
}

int verb_move_cancel(struct cli *c)
{
	struct ctl_request r = ask_request(c);

	r.request = span_of(c->words[0]);
	return ask_change(
		c, &r, arena_text(&c->arena, "took request %s back", c->words[0]), NULL);
}
