/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Asking
 *
 * A connection for each scrape: two requests, and their replies by the names of control.proto.
 */

#include <errno.h>
#include <string.h>
#include <time.h>

#include <kith/control.h>
#include <kith/ctl.h>

#include "daemon/exporter/exporter.h"

#define WAIT_MS 5000 /* for each reply; Prometheus waits ten seconds */

static const char *const list_names[LIST_COUNT] = {
	[LIST_STATUS] = "status",
	[LIST_PEERS] = "peers",
};

#define DEPTH_MAX 8

/* Where the walk is: which list each open message or list belongs to; LIST_COUNT: none. */
struct walk {
	struct arena *a;
	struct figures *f;
	enum list at[DEPTH_MAX];
	size_t depth;
	bool failed;
};

static enum list list_of(const char *name)
{
	for (enum list i = 0; i < LIST_COUNT; i++)
		if (strcmp(list_names[i], name) == 0)
			return i;
	return LIST_COUNT;
}

static enum list innermost(const struct walk *w)
{
	return w->depth > 0 && w->depth <= DEPTH_MAX ? w->at[w->depth - 1] : LIST_COUNT;
}

static void push(struct walk *w, enum list l)
{
	if (w->depth < DEPTH_MAX)
		w->at[w->depth] = l;
	w->depth++;
}

static void enter(void *ctx, const char *name)
{
	struct walk *w = ctx;
	const enum list l = name ? list_of(name) : innermost(w);
	struct rows *rows;
	struct row *grown;

	push(w, l);
	if (l == LIST_COUNT)
		return;
	rows = &w->f->lists[l];
	grown = arena_grow(w->a, rows->v, rows->n, &rows->room, sizeof(*grown));
	if (!grown) {
		w->failed = true;
		return;
	}
	rows->v = grown;
	rows->v[rows->n++] = (struct row){ 0 };
}

static void list_begin(void *ctx, const char *name)
{
	push(ctx, list_of(name));
}

static void leave(void *ctx)
{
	struct walk *w = ctx;

	w->depth--;
}

static void value(void *ctx, const char *name, const struct walk_value *v)
{
	struct walk *w = ctx;
	const enum list l = innermost(w);
	struct field f = { .name = name };
	struct field *grown;
	struct row *r;

	if (!name || l == LIST_COUNT || w->failed)
		return;
	switch (v->type) {
	case WALK_TEXT:
		f.is_text = true;
		f.text = (const char *)arena_copy(w->a, v->bytes.at, v->bytes.len);
		break;
	case WALK_UINT:
		f.number = v->uint > INT64_MAX ? INT64_MAX : (int64_t)v->uint;
		break;
	case WALK_INT:
		f.number = v->sint;
		break;
	case WALK_BOOL:
		f.number = v->truth;
		break;
	case WALK_BYTES:
		return;
	}
	/* A field behind an inner message still belongs to the outer one's latest row. */
	r = &w->f->lists[l].v[w->f->lists[l].n - 1];
	grown = arena_grow(w->a, r->v, r->n, &r->room, sizeof(*grown));
	if (!grown || (f.is_text && !f.text)) {
		w->failed = true;
		return;
	}
	r->v = grown;
	r->v[r->n++] = f;
}

int figures_take(
	struct span reply, struct arena *a, struct figures *f, bool *ret_last, struct why *why)
{
	struct walk w = { .a = a, .f = f };
	const struct walker walker = { &w, enter, leave, list_begin, leave, value };
	struct reply_head head;
	int r = wire_reply_head(reply, a, &head);

	if (r == 0)
		r = wire_reply_walk(reply, a, &walker);
	if (r < 0 || w.failed)
		return r < 0 ? err_up(r) : err_new(-ENOMEM);
	if (r > 0) {
		why_set(why, "kithd sent what is not a Reply");
		return 1;
	}
	if (head.problem) {
		why_set(why, "%.*s: %.*s", (int)head.problem_name.len,
			(const char *)head.problem_name.at, (int)head.problem_text.len,
			(const char *)head.problem_text.at);
		return 1;
	}
	*ret_last = head.last;
	return 0;
}

static int ask_one(struct ctl_client *c, enum verb verb, struct arena *a, struct figures *f,
	struct why *why)
{
	const struct ctl_request q = { .id = verb, .verb = verb };
	struct span bytes;
	bool last = false;
	int r = wire_request_encode(&q, a, &bytes);

	if (r == 0)
		r = ctl_client_send(c, bytes);
	if (r > 0)
		why_set(why, "kithd closed the connection");
	while (r == 0 && !last) {
		r = ctl_client_receive(c, WAIT_MS, &bytes);
		if (r == 0)
			r = figures_take(bytes, a, f, &last, why);
		else if (r > 0)
			why_set(why, "kithd %s",
				r == CTL_E_TIMEOUT ? "has not answered within 5 s"
						   : "closed the connection");
	}
	return r < 0 ? err_up(r) : r > 0;
}

static uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int figures_ask(const char *socket, struct arena *a, struct figures *ret, struct why *why)
{
	const uint64_t begun = now_us();
	struct ctl_client *c = NULL;
	int r = ctl_connect(socket, CONTROL_FRAME_MAX, &c, why);

	if (r == 0)
		r = ask_one(c, VERB_STATUS, a, ret, why);
	if (r == 0)
		r = ask_one(c, VERB_PEERS, a, ret, why);
	ctl_client_free(c);
	ret->took_us = now_us() - begun;
	ret->up = r == 0;
	return r < 0 ? err_up(r) : r > 0;
}
