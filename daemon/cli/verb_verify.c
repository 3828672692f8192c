/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Verifying the store
 *
 * kithd reads and verifies; here is shown how far it is, and what it found.
 */

#include <errno.h>
#include <inttypes.h>

#include "daemon/cli/cli.h"

struct watching {
	struct cli *cli;
	struct progress bar;
	char *what;
};

/* Two bars, one after the other. */
static int came_on(void *ctx, const struct reply_head *h)
{
	struct watching *w = ctx;

	if (!w->what || !span_is(h->progress_what, w->what)) {
		progress_end(&w->bar);
		w->what = safe_text(&w->cli->arena, h->progress_what, SAFE_LINE);
		if (!w->what)
			return err_new(-ENOMEM);
		w->bar = progress_begin(w->what, h->progress_of);
	}
	w->bar.of = h->progress_of;
	progress_set(&w->bar, h->progress_done);

	return 0;
}

static int show(struct cli *c, const json_t *reply)
{
	static const struct column block[] = {
		{ "rows", "rows", FORM_NUMBER, WHOLE, false },
		{ "damaged", "damaged", FORM_NUMBER, WHOLE, false },
		{ "damaged_row", "the first", FORM_TEXT, WHOLE, false },
		{ "chains", "chains", FORM_NUMBER, WHOLE, false },
		{ "changes", "changes", FORM_NUMBER, WHOLE, false },
		{ "faults", "faults", FORM_NUMBER, WHOLE, false },
	};
	static const struct column fault[] = {
		{ "record", "RECORD", FORM_TEXT, WHOLE, false },
		{ "place", "PLACE", FORM_TEXT, WHOLE, false },
		{ "rule", "RULE", FORM_TEXT, WHOLE, false },
		{ "text", "WHAT IS WRONG", FORM_TEXT, WRAP, false },
	};
	const json_t *verified = json_object_get(reply, "verified");
	int rc = show_block(c, verified, block, COUNT(block));

	if (rc == 0 && json_array_size(json_object_get(verified, "first")) > 0)
		rc = show_table(c, verified, "first", "", fault, COUNT(fault));

	return rc;
}

int verb_verify(struct cli *c)
{
	struct watching w = { .cli = c };
	const struct ask how = { .ctx = &w, .progress = came_on };
	struct ctl_request r = ask_request(c);
	json_t *reply CLEANUP(json_drop) = NULL;
	const json_t *verified;
	int rc = ask(c, &r, &how, &reply);

	progress_end(&w.bar);
	if (rc != 0)
		return rc;
	verified = json_object_get(reply, "verified");
	rc = c->json ? show_json(c, reply, NULL) : show(c, reply);
	if (rc != 0)
		return rc;
	if (json_number(verified, "damaged") == 0 && json_number(verified, "faults") == 0)
		return 0;

	return cli_say(CLI_FAILED,
		"the store is damaged: what is named above is not what was written\n"
		"  next: stop kithd, keep this disk as it is and look at its health (dmesg, "
		"smartctl); an older copy\n  of the store must not go on by itself: what it "
		"wrote anew would be a second history, a fork");
}
