/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Following the log
 *
 * What has been so far is asked for page by page, so that a long past waits for its reader and
 * not in a queue; then the request stands. A line a change, written at once.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/cli/cli.h"

#define PAGE 1000

struct following {
	struct cli *cli;
	struct arena scratch;
	uint64_t through, came; /* .came: in this page */
};

static void scratch_drop(struct following *f)
{
	arena_done(&f->scratch);
}

static const char *safe(struct following *f, const json_t *change, const char *key)
{
	const char *text = json_text(change, key);

	return safe_text(&f->scratch, span_of(text), SAFE_LINE);
}

static int show_line(struct following *f, const json_t *change)
{
	const char *record = safe(f, change, "record"), *region = safe(f, change, "region");
	const char *kind = safe(f, change, "kind"), *place = safe(f, change, "place");
	const char *seq = place ? strrchr(place, '/') : NULL;

	if (!record || !region || !kind || !place)
		return err_new(-ENOMEM);
	(void)printf("%" PRIu64 " %s %s %s %s\n", json_number(change, "number"), record, region,
		seq ? seq + 1 : place, kind);
	return 0;
}

/* One reply: each change a line. With --json a reply without any is a line too: how far the log
 * was looked at. */
static int reply_came(void *ctx, const json_t *reply)
{
	struct following *f = ctx;
	const json_t *changes = json_object_get(reply, "followed");
	uint64_t through = json_number(reply, "through");
	size_t n = json_array_size(changes);
	int rc = 0;

	arena_reset(&f->scratch);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const json_t *change = json_array_get(changes, i);

		rc = f->cli->json ? json_line(f->cli, change) : show_line(f, change);
	}
	if (rc == 0 && n == 0 && f->cli->json && through > 0)
		rc = json_line(f->cli, reply);
	if (rc != 0)
		return rc;
	f->came += n;
	if (through > f->through)
		f->through = through;

	return fflush(stdout) == 0 ? 0 : cli_say(CLI_FAILED, "nobody reads what is followed");
}

static int ask_page(struct following *f, struct ctl_request *r, bool stays)
{
	const struct ask how = { .ctx = f, .reply = reply_came, .latest = stays };
	json_t *tree CLEANUP(json_drop) = NULL;

	f->came = 0;
	r->after = f->through;
	r->follow = stays;
	r->limit = stays ? 0 : PAGE;

	return ask(f->cli, r, &how, &tree);
}

int verb_follow(struct cli *c)
{
	struct following f CLEANUP(scratch_drop) = { .cli = c };
	struct ctl_request r = ask_request(c);
	bool once = cli_has(c, OPT_ONCE);
	int rc;

	arena_init(&f.scratch, 0);
	if (cli_has(c, OPT_CONTROL) && cli_has(c, OPT_SEALED))
		return cli_say(CLI_USAGE, "--control and --sealed: one of the two, or neither");
	if (cli_number(c, OPT_AFTER, 0, UINT64_MAX / 2, &f.through) != 0)
		return CLI_USAGE;
	r.record = span_of(c->n_words > 0 ? c->words[0] : NULL);
	r.peer = span_of(c->given[OPT_PEER]);
	r.kind = span_of(cli_has(c, OPT_CONTROL)  ? "control"
			 : cli_has(c, OPT_SEALED) ? "sealed"
						  : NULL);
	do
		rc = ask_page(&f, &r, false);
	while (rc == 0 && f.came == PAGE);
	if (rc == 0 && !once)
		rc = ask_page(&f, &r, true);
	if (rc == CLI_LOST || (rc == 0 && !c->json))
		(void)cli_say(
			0, "to go on behind this: kithctl follow --after %" PRIu64, f.through);

	return rc;
}
