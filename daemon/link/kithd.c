/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Kithd
 *
 * The connection to our own kithd. It is waited for with patience, and when it goes every link
 * goes with it: nobody here could say what to do with them.
 */

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/link/hub.h"

#define RETRY_MIN 100
#define RETRY_MAX 2000

int kithd_try(struct hub *h)
{
	struct why why = { "" };
	int r;

	if (h->kithd.client || h->now < h->kithd.due)
		return 0;
	r = ctl_connect(h->kithd.path, LINK_FRAME_MAX, &h->kithd.client, &why);
	if (r < 0)
		return err_up(r);
	if (r > 0) {
		if (!h->kithd.missed)
			log_say(LOG_NOTICE, "waiting for kithd: %s", why.text);
		h->kithd.missed = true;
		h->kithd.due = h->now + h->kithd.delay;
		h->kithd.delay *= 2;
		if (h->kithd.delay > RETRY_MAX)
			h->kithd.delay = RETRY_MAX;
		return 0;
	}
	ctl_client_bulk(h->kithd.client);
	h->kithd.failed = false;
	r = kithd_ready(h);
	return r < 0 ? err_up(r) : 0;
}

bool kithd_behind(const struct hub *h)
{
	return h->kithd.client && ctl_client_queued(h->kithd.client) > KITHD_BEHIND;
}

/* Only what the other side's going away explains. */
static void judge(struct hub *h, int verdict)
{
	if (verdict != 0)
		h->kithd.failed = true;
}

int kithd_tell(struct hub *h, const struct link_frame *f)
{
	struct span bytes;
	int r;

	if (!h->kithd.client || h->kithd.failed)
		return 0;
	arena_reset(&h->kithd.out);
	r = wire_link_encode(f, &h->kithd.out, &bytes);
	if (r != 0)
		return err_odd(r);
	r = ctl_client_post(h->kithd.client, bytes);
	if (r < 0)
		return err_up(r);
	judge(h, r);
	return 0;
}

int kithd_ready(struct hub *h)
{
	const struct link_frame f = {
		.kind = LINK_READY,
		.curve_key = h->public,
		.listen = span_of(h->door.bound),
		.pid = (uint32_t)getpid(),
	};

	return kithd_tell(h, &f);
}

int kithd_flush(struct hub *h)
{
	int r;

	if (!h->kithd.client || h->kithd.failed)
		return 0;
	r = ctl_client_flush(h->kithd.client);
	if (r < 0)
		return err_up(r);
	judge(h, r);
	return 0;
}

static int take_peers(struct hub *h, const struct link_frame *f)
{
	int r;

	r = pins_take(h, f);
	if (r < 0)
		return err_up(r);
	for (struct link *l = h->links; l; l = l->next) {
		if (l->state == LINK_ENDED || pins_allow(h, l))
			continue;
		r = link_end(h, l, "it is no peer any more, or its key has changed");
		if (r < 0)
			return err_up(r);
	}
	return door_set(h, f->listen);
}

static int drop(struct hub *h, const struct link_frame *f)
{
	struct link *l = link_find(h, f->link);
	char reason[200] = "dropped by kithd";

	if (f->reason.len > 0 && f->reason.len < sizeof(reason)) {
		memcpy(reason, f->reason.at, f->reason.len);
		reason[f->reason.len] = '\0';
	}
	if (!l)
		return 0;
	l->gently = true; /* its last frame says why */
	return link_end(h, l, reason);
}

static int obey(struct hub *h, const struct link_frame *f)
{
	struct link *l;

	switch (f->kind) {
	case LINK_PEERS:
		return take_peers(h, f);
	case LINK_DIAL:
		return dial_start(h, f->link, &f->region);
	case LINK_SEND:
		l = link_find(h, f->link);
		return l ? link_send(h, l, f->frame) : 0;
	case LINK_DROP:
		return drop(h, f);
	case LINK_READY:
	case LINK_UP:
	case LINK_DOWN:
	case LINK_RECEIVED:
		break;
	}
	log_say(LOG_ERR, "whoever serves %s is no kithd: leaving it", h->kithd.path);
	h->kithd.failed = true;
	return 0;
}

static int take_frame(struct hub *h, struct span bytes)
{
	struct link_frame f;
	int r;

	arena_reset(&h->kithd.in);
	r = wire_link_decode(bytes, &h->kithd.in, &f);
	if (r < 0)
		return err_up(r);
	if (r > 0) {
		log_say(LOG_ERR, "%s sent something that is no LinkFrame: leaving it",
			h->kithd.path);
		h->kithd.failed = true;
		return 0;
	}
	if (h->kithd.missed || h->kithd.delay != RETRY_MIN)
		log_say(LOG_INFO, "kithd is there");
	h->kithd.missed = false;
	h->kithd.delay = RETRY_MIN;
	r = obey(h, &f);
	return r < 0 ? err_up(r) : 0;
}

int kithd_hear(struct hub *h)
{
	for (int i = 0; i < TURN_MESSAGES && h->kithd.client && !h->kithd.failed; i++) {
		struct span bytes;
		int r;

		r = ctl_client_receive(h->kithd.client, 0, &bytes);
		if (r == CTL_E_TIMEOUT)
			return 0;
		if (r == 0)
			r = take_frame(h, bytes);
		else if (r > 0)
			judge(h, r), r = 0;
		if (r < 0)
			return err_up(r);
	}
	return 0;
}

void kithd_lost(struct hub *h)
{
	if (!h->kithd.missed)
		log_say(LOG_WARNING, "kithd has gone; every link is closed, and nobody is let "
				     "in until it is "
				     "back");
	for (struct link *l = h->links; l; l = l->next)
		link_forget(h, l);
	links_bury(h);
	door_close(h);
	h->door.wanted[0] = '\0';
	h->pins = NULL;
	h->n_pins = 0;

	h->kithd.client = ctl_client_free(h->kithd.client);
	h->kithd.failed = false;
	h->kithd.missed = true;
	h->kithd.due = h->now + h->kithd.delay;
	h->kithd.delay *= 2;
	if (h->kithd.delay > RETRY_MAX)
		h->kithd.delay = RETRY_MAX;
}
