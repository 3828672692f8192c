/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A standing line
 *
 * One connection on which the stream of moves stands while other requests come and go: for what
 * goes on until all of many moves are where they should be. Nothing here waits longer than it
 * is told to.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "daemon/cli/cli.h"

static int stand(struct line *l, uint32_t verb, uint32_t *ret_id)
{
	struct ctl_request r = ask_request(l->cli);
	int rc;

	r.verb = verb;
	r.follow = true;
	r.dry_run = false;
	rc = line_post(l, &r);
	*ret_id = r.id;
	l->under_way--;

	return rc;
}

int line_begin(struct line *l, struct cli *c, bool requests)
{
	int rc = ask_connect(c);

	*l = (struct line){ .cli = c };
	arena_init(&l->scratch, 0);
	if (rc == 0)
		rc = stand(l, VERB_MOVE_LIST, &l->moves);
	if (rc == 0 && requests)
		rc = stand(l, VERB_MOVE_REQUESTS, &l->requests);

	return rc;
}

void line_end(struct line *l)
{
	if (l->cli)
		l->cli->link = ctl_client_free(l->cli->link);
	arena_done(&l->scratch);
}

int line_post(struct line *l, struct ctl_request *r)
{
	size_t bytes;
	int rc;

	arena_reset(&l->scratch);
	rc = ask_send(l->cli, r, &l->scratch, &bytes);
	if (rc == 0)
		l->under_way++;

	return rc;
}

static int refused(const struct line *l, const struct line_reply *r)
{
	const json_t *p = json_object_get(r->tree, "problem");

	if (!p || (r->id != l->moves && r->id != l->requests))
		return 0;
	return cli_say(CLI_FAILED, "%s: %s\n  next: %s", json_text(p, "name"),
		json_text(p, "text"), json_text(p, "next"));
}

int line_next(struct line *l, int timeout_ms, struct line_reply *ret)
{
	struct pollfd p = { .fd = ctl_client_fd(l->cli->link), .events = POLLIN };
	struct reply_head head;
	struct span bytes = { 0 };
	int rc;

	if (!ctl_client_ready(l->cli->link) && timeout_ms > 0)
		(void)poll(&p, 1, timeout_ms);
	rc = ctl_client_receive(l->cli->link, 0, &bytes);
	if (rc == CTL_E_TIMEOUT || rc == -EINTR)
		return LINE_QUIET;
	if (rc != 0)
		return rc < 0 ? err_up(rc) : LINE_LOST;
	arena_reset(&l->scratch);
	rc = wire_reply_head(bytes, &l->scratch, &head);
	if (rc == 0)
		rc = json_reply(bytes, &l->scratch, &ret->tree);
	if (rc != 0)
		return rc < 0 ? err_up(rc) : LINE_LOST;
	ret->id = head.id;
	ret->last = head.last;
	if (head.last && head.id != l->moves && head.id != l->requests)
		l->under_way--;
	if (head.id == l->moves && !*json_text(ret->tree, "more"))
		l->listed = true;
	rc = refused(l, ret);
	if (rc != 0)
		json_drop(&ret->tree);

	return rc;
}
