/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Serve
 *
 * The control socket and the socket of kith-link: what comes in becomes events. Everything that
 * is there when the loop wakes makes one turn; while that is being committed the next gathers
 * in the sockets. Nobody waits for company.
 */

#include "daemon/host/host.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/host/journal.h"

#define SLICE     16 /* frames of one socket before the other has its turn */
#define LINKS_MAX 4  /* connections that claim to be kith-link; one is served */

/* The handlers return nothing: what is fatal waits for serve(). */
static void step(struct host *h, struct event *e)
{
	int r;

	if (h->failed < 0)
		return;
	r = turn_step(h, e);
	if (r < 0)
		h->failed = err_up(r);
}

/* ---- Clients of the control socket ---- */

struct asker *serve_find(struct host *h, uint64_t client)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (client != 0 && h->askers[i].client == client)
			return &h->askers[i];
	return NULL;
}

static char *user_text(uid_t uid)
{
	const struct passwd *p = getpwuid(uid);
	char *text;
	int n = p ? asprintf(&text, "uid %u (%s)", (unsigned)uid, p->pw_name)
		  : asprintf(&text, "uid %u", (unsigned)uid);

	return n < 0 ? NULL : text;
}

/* A free place, best one where this user has sat before. */
static struct asker *place_for(struct host *h, uid_t uid)
{
	struct asker *best = NULL;

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct asker *a = &h->askers[i];

		if (a->client != 0)
			continue;
		if (a->user && a->uid == uid)
			return a;
		if (!best || (best->user && !a->user))
			best = a;
	}
	return best;
}

static void find_groups(struct host *h)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[LOCAL_GROUPS] = {
		{ "kith", GROUP_LOOK },
		{ "kith-operator", GROUP_OPERATOR },
		{ "kith-app", GROUP_APP },
		{ "kith-admin", GROUP_ADMIN },
	};

	for (size_t i = 0; i < LOCAL_GROUPS; i++) {
		const struct group *g = getgrnam(known[i].name);

		if (g)
			h->groups[i] = (struct local_group){ known[i].bit, g->gr_gid };
	}
}

static bool is_in(const struct ctl_peercred *cred, gid_t gid)
{
	bool in = cred->gid == gid;

	for (size_t i = 0; i < cred->n_groups; i++)
		in |= cred->groups[i] == gid;
	return in;
}

static unsigned groups_of(const struct host *h, const struct ctl_peercred *cred)
{
	unsigned bits = cred->uid == 0 || cred->uid == geteuid() ? GROUP_ADMIN : 0;

	for (size_t i = 0; i < LOCAL_GROUPS; i++)
		if (h->groups[i].bit && is_in(cred, h->groups[i].gid))
			bits |= h->groups[i].bit;
	return bits;
}

static bool strangers_full(const struct host *h)
{
	unsigned n = 0;

	for (size_t i = 0; i < CLIENTS_MAX; i++)
		n += h->askers[i].client != 0 && h->askers[i].groups == 0;
	return n >= STRANGERS_MAX;
}

static bool control_opened(void *ctx, uint64_t client, const struct ctl_peercred *cred)
{
	struct host *h = ctx;
	struct asker *a = place_for(h, cred->uid);
	const unsigned groups = groups_of(h, cred);

	h->done++;
	if (!a || (!groups && strangers_full(h)))
		return false;
	if (!a->user || a->uid != cred->uid) {
		free(a->user);
		a->user = user_text(cred->uid);
		a->uid = cred->uid;
	}
	if (!a->user)
		return false;
	a->client = client;
	a->groups = groups;
	a->waiting = 0;
	return true;
}

/* Who is in no group gets a word and the door; what he sent is not even looked at. */
static void turn_away(struct host *h, const struct asker *a)
{
	char text[200];
	const struct ctl_reply reply = {
		.last = true, .problem = PROBLEM_NOT_ALLOWED, .problem_text = text
	};
	int r;

	(void)snprintf(text, sizeof(text), "%.100s is in none of kith's groups", a->user);
	r = host_reply(h, a->client, &reply);
	if (r < 0)
		h->failed = err_up(r);
	ctl_server_close(h->control, a->client);
}

static void control_frame(void *ctx, uint64_t client, struct span bytes)
{
	struct host *h = ctx;
	const struct asker *a = serve_find(h, client);
	struct event e = { .kind = EVENT_ASK, .client = client, .bytes = bytes };

	if (!a)
		return;
	if (!a->groups) {
		turn_away(h, a);
		return;
	}
	e.user = a->user;
	e.groups = a->groups;
	step(h, &e);
}

static void control_closed(void *ctx, uint64_t client)
{
	struct host *h = ctx;
	struct asker *a = serve_find(h, client);
	struct event e = { .kind = EVENT_CLIENT_GONE, .client = client };

	h->done++;
	verify_gone(h, client);
	if (!a)
		return;
	a->client = 0;
	step(h, &e);
}

void serve_drop(struct host *h, struct asker *a)
{
	ctl_server_close(h->control, a->client);
	a->client = 0;
}

/* Who does not read its replies is not read from either. */
static void pause_slow_readers(struct host *h)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		const uint64_t client = h->askers[i].client;

		if (client != 0)
			ctl_server_pause(h->control, client,
				ctl_server_queued(h->control, client) > REPLIES_PAUSE);
	}
	/* Many peers may ask for much at once: each has to wait until kith-link has the
	 * answers. */
	if (h->link_client != 0)
		ctl_server_pause(h->link, h->link_client,
			ctl_server_queued(h->link, h->link_client) > LINK_PAUSE);
}

/* ---- kith-link ---- */

static bool link_opened(void *ctx, uint64_t client, const struct ctl_peercred *cred)
{
	struct host *h = ctx;

	h->done++;
	if (cred->uid != geteuid() && !(h->has_link_user && cred->uid == h->link_user)) {
		journal_say(LOG_WARNING, NULL, "uid %u is not %s and may not be the link",
			(unsigned)cred->uid, LINK_USER);
		return false;
	}
	if (h->link_client != 0) {
		journal_say(LOG_WARNING, NULL, "a second kith-link (pid %ld) is refused",
			(long)cred->pid);
		return false;
	}
	if (host_now() < h->held_until)
		return false;
	h->link_client = client;
	h->news = true;
	journal_say(LOG_DEBUG, NULL, "kith-link (pid %ld) is there", (long)cred->pid);
	return true;
}

static const char *text_of(struct host *h, struct span s)
{
	const uint8_t *copy = arena_copy(&h->turn.arena, s.at, s.len);

	if (!copy)
		h->failed = err_new(-ENOMEM);
	return (const char *)copy;
}

/* What kith-link may say, as an event; false: it may not say that. */
static bool event_of(struct host *h, const struct link_frame *f, struct event *e)
{
	e->link = f->link;
	e->region = f->region;
	e->curve_key = f->curve_key;
	switch (f->kind) {
	case LINK_READY:
		e->kind = EVENT_LINK_READY;
		e->text = text_of(h, f->listen);
		return true;
	case LINK_UP:
		e->kind = EVENT_LINK_UP;
		e->dialled = f->dialled;
		return true;
	case LINK_DOWN:
		e->kind = EVENT_LINK_DOWN;
		e->text = text_of(h, f->reason);
		return true;
	case LINK_RECEIVED:
		e->kind = EVENT_FRAME;
		e->bytes = f->frame;
		return true;
	case LINK_PEERS:
	case LINK_DIAL:
	case LINK_SEND:
	case LINK_DROP:
		break;
	}
	return false;
}

static void link_frame(void *ctx, uint64_t client, struct span bytes)
{
	struct host *h = ctx;
	struct event e = { 0 };
	struct link_frame f;
	int r;

	if (client != h->link_client || h->failed < 0)
		return;
	r = wire_link_decode(bytes, &h->turn.arena, &f);
	if (r < 0) {
		h->failed = err_up(r);
		return;
	}
	if (r > 0 || !event_of(h, &f, &e)) {
		journal_say(
			LOG_WARNING, NULL, "kith-link says what is no LinkFrame and is closed");
		ctl_server_close(h->link, client);
		return;
	}
	step(h, &e);
	if (h->turn.arena.used > TURN_LINK_MAX)
		ctl_server_pause(h->link, client, true);
}

static void link_closed(void *ctx, uint64_t client)
{
	struct host *h = ctx;
	struct event e = { .kind = EVENT_LINK_GONE };

	if (client != h->link_client)
		return;
	h->link_client = 0;
	h->news = true;
	journal_say(LOG_INFO, NULL, "kith-link has gone, and all links with it");
	step(h, &e);
}

void serve_drop_link(struct host *h)
{
	if (h->link_client != 0)
		ctl_server_close(h->link, h->link_client);
	h->link_client = 0;
}

/* ---- Both ---- */

int serve_open(struct host *h, int control_fd, int link_fd, struct why *why)
{
	const struct ctl_server_options control = {
		.frame_max = CONTROL_FRAME_MAX,
		.queue_max = REPLIES_MAX,
		.clients_max = CLIENTS_MAX,
		.mode = 0660,
	};
	const struct ctl_server_options link = {
		.frame_max = LINK_FRAME_MAX,
		.queue_max = LINK_QUEUE_MAX,
		.clients_max = LINKS_MAX,
		.mode = 0660,
		.bulk = true,
	};
	const struct ctl_handlers on_control = { h, control_opened, control_frame,
		control_closed };
	const struct ctl_handlers on_link = { h, link_opened, link_frame, link_closed };
	const struct passwd *user = getpwnam(LINK_USER);
	int r;

	find_groups(h);
	if (user) {
		h->has_link_user = true;
		h->link_user = user->pw_uid;
	}
	r = ctl_server_new(
		h->conf.control_socket, control_fd, &control, &on_control, &h->control, why);
	if (r == 0)
		r = ctl_server_new(
			h->conf.link_socket, link_fd, &link, &on_link, &h->link, why);
	return r < 0 ? err_up(r) : r;
}

void serve_close(struct host *h)
{
	h->control = ctl_server_free(h->control);
	h->link = ctl_server_free(h->link);
}

/* One slice of both sockets. */
static int gather(struct host *h, unsigned *ret)
{
	unsigned n = 0, m = 0;
	int r = ctl_server_run(h->link, SLICE, &n);

	if (r == 0)
		r = ctl_server_run(h->control, SLICE, &m);
	if (r == 0)
		r = h->failed;
	*ret = n + m;
	return r < 0 ? err_up(r) : 0;
}

int serve(struct host *h)
{
	struct event tick = { .kind = EVENT_TICK }, listen = { .kind = EVENT_LISTEN },
		     settings = { .kind = EVENT_SETTINGS };
	unsigned all = 0, n;
	int r;

	do {
		r = gather(h, &n);
		all += n;
	} while (r == 0 && n > 0 && all < TURN_FRAMES_MAX && !turn_heavy(h));

	h->done += all;
	if (r == 0 && h->relisten && host_now() >= h->held_until) {
		h->relisten = false;
		listen.text = h->conf.listen[0] ? h->conf.listen : NULL;
		r = turn_step(h, &listen);
	}
	if (r == 0 && h->resettle && host_now() >= h->held_until) {
		h->resettle = false;
		settings.quota_record = h->conf.quota_record;
		settings.quota_peer = h->conf.quota_peer;
		settings.audit_keep_ms = host_audit_keep(h);
		r = turn_step(h, &settings);
	}
	if (r == 0 && turn_due(h) <= host_now())
		r = turn_step(h, &tick);
	if (r == 0)
		r = turn_end(h);
	if (r < 0)
		return err_up(r);
	pause_slow_readers(h);
	return 0;
}
