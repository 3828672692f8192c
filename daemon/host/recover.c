/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Recover
 *
 * After a lost turn the node's memory may be ahead of what is durable, so there is a new one.
 * It knows no links and no requests: kith-link is closed, so that all links drop and come back,
 * and each request of the lost turn is asked again, alone. Peers' frames need no such thing:
 * peers ask again by themselves.
 */

#include "daemon/host/host.h"

#include <errno.h>

#include "daemon/host/journal.h"

#define MINUTE         60000
#define HOLD_MS        1000 /* doubled with every loss in a row */
#define HOLD_DOUBLINGS 6
#define QUIET_MS       60000

/* ---- A new node ---- */

static int make(struct host *h, struct why *why)
{
	const struct node_options o = {
		.software = "kith " KITH_VERSION,
		.listen = h->conf.listen[0] ? h->conf.listen : NULL,
		.started_ms = h->started_ms,
		.audit_keep_ms = host_audit_keep(h),
		.quota_record = h->conf.quota_record,
		.quota_peer = h->conf.quota_peer,
		.remove_former = !h->conf.keep_former,
	};
	struct view view;
	int r;

	h->node = node_free(h->node);
	h->n_live = 0;
	h->news = true;
	r = turn_view(h, &view);
	if (r < 0)
		return err_up(r);
	r = node_new(h->crypto, &h->keys, &o, &view, &h->node, why);
	store_turn_abort(h->store);
	return r < 0 ? err_up(r) : r;
}

/* A store that is full makes every turn fail that peers or time bring: they come back slowly.
 * Small turns may still fit in between, so it is quiet that ends it, not success. */
static void hold(struct host *h)
{
	const msec now = host_now();
	unsigned doublings;

	if (now > h->held_until + QUIET_MS)
		h->losses = 0;
	doublings = h->losses < HOLD_DOUBLINGS ? h->losses : HOLD_DOUBLINGS;
	h->held_until = now + ((msec)HOLD_MS << doublings);
	h->losses++;
}

int node_begin(struct host *h, struct why *why)
{
	struct event tick = { .kind = EVENT_TICK };
	enum outcome outcome = OUTCOME_BROKEN;
	int r = make(h, why);

	if (r == 0)
		r = turn_step(h, &tick);
	else if (r > 0)
		return r;
	if (r == 0)
		r = turn_close(h, &outcome);
	if (r < 0)
		return err_up(r);
	if (outcome == OUTCOME_DONE)
		return 0;
	if (outcome == OUTCOME_BROKEN)
		return err_new(-ENOTRECOVERABLE);

	hold(h); /* its first tick comes when there is room again */
	r = make(h, why);
	return r < 0 ? err_up(r) : r;
}

/* ---- After a lost turn ---- */

/* Whether turns break so often that a fresh process is the better remedy. */
static bool broken_for_good(struct host *h)
{
	const msec now = host_now();
	msec *oldest = &h->breaks[h->n_breaks % BREAKS_MAX];
	const bool many = h->n_breaks >= BREAKS_MAX - 1 &&
			  now - h->breaks[(h->n_breaks + 1) % BREAKS_MAX] < MINUTE;

	*oldest = now;
	h->n_breaks++;
	return many;
}

static int renew(struct host *h, enum outcome outcome)
{
	const struct about about = { .id = LOG_ID_BROKEN };
	struct why why = { 0 };
	int r;

	if (outcome == OUTCOME_BROKEN && broken_for_good(h)) {
		journal_say(
			LOG_CRIT, &about, "%d turns broke within a minute: ends", BREAKS_MAX);
		return err_new(-ENOTRECOVERABLE);
	}
	serve_drop_link(h);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (h->askers[i].client != 0 && h->askers[i].waiting > 0)
			serve_drop(h, &h->askers[i]);
	hold(h);

	r = node_begin(h, &why);
	if (r > 0)
		journal_say(LOG_CRIT, &about, "the region cannot go on: %s", why.text);
	return r < 0 ? err_up(r) : r > 0 ? err_odd(r) : 0;
}

/* A client whose request cannot be carried out hears why; if it is our own fault that we do not
 * know, it is closed. */
static int refuse(struct host *h, const struct ask *ask, enum outcome outcome)
{
	struct asker *asker = serve_find(h, ask->client);
	const bool full = outcome == OUTCOME_FULL;
	struct ctl_reply reply = {
		.last = true,
		.problem = full ? PROBLEM_DISK_FULL : PROBLEM_DAMAGED,
		.problem_text = full ? "the store or its disk is full"
				     : "a row of the store does not match its hash",
	};
	struct ctl_request request;
	struct span bytes;
	int r;

	if (!asker)
		return 0;
	arena_reset(&h->scratch);
	r = outcome == OUTCOME_BROKEN ? 1
				      : wire_request_decode(ask->bytes, &h->scratch, &request);
	if (r < 0)
		return err_up(r);
	if (r > 0) {
		serve_drop(h, asker);
		return 0;
	}
	reply.id = request.id;
	r = wire_reply_encode(&reply, &h->scratch, &bytes);
	if (r == 0)
		r = ctl_server_send(h->control, ask->client, bytes);
	return r < 0 ? err_up(r) : 0;
}

static int ask_again(struct host *h, const struct ask *ask)
{
	struct event e = { .kind = EVENT_ASK, .client = ask->client, .bytes = ask->bytes };
	const struct asker *asker = serve_find(h, ask->client);
	enum outcome outcome = OUTCOME_DONE;
	int r;

	if (!asker)
		return 0;
	e.user = asker->user;
	e.groups = asker->groups;
	r = turn_step(h, &e);
	if (r == 0)
		r = turn_close(h, &outcome);
	if (r == 0 && outcome != OUTCOME_DONE) {
		r = renew(h, outcome);
		if (r == 0)
			r = refuse(h, ask, outcome);
	}
	return r < 0 ? err_up(r) : 0;
}

int recover(struct host *h, enum outcome outcome, const struct asks *asks)
{
	int r = renew(h, outcome);

	for (size_t i = 0; i < asks->n && r == 0; i++)
		r = ask_again(h, &asks->v[i]);
	return r < 0 ? err_up(r) : 0;
}
