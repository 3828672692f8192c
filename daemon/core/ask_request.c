/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Requests for records as people make, see and answer them (P7.11), and those who watch them.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/ask.h"
#include "daemon/core/request.h"

/* Views --------------------------------------------------------------------------------------
 */

static const char *state_name(enum request_state state)
{
	switch (state) {
	case REQUEST_WAITING:
		return "sending";
	case REQUEST_NOTED:
		return "noted";
	case REQUEST_REFUSED:
		return "refused";
	case REQUEST_OFFERED:
		return "offered";
	case REQUEST_CANCELLED:
		return "cancelling";
	case REQUEST_GONE:
		return "gone";
	}
	return NULL;
}

/* The record that is meant, if it is known here: 0, ROW_NONE. */
static int meant(struct step *s, const struct request_row *row, struct id *ret)
{
	struct record_row record;

	if (!row->has_record)
		return token_find(s, row->authority, row->child, ret);
	*ret = row->record;
	return record_get(s->view, ret, &record);
}

static int view_held(struct step *s, const struct request_row *row, struct ctl_asked *ret)
{
	struct record_row record;
	struct id id;
	int r = meant(s, row, &id);

	if (r == 0)
		r = record_get(s->view, &id, &record);
	if (r < 0)
		return err_up(r);
	ret->held = "not held here";
	if (r == ROW_NONE)
		return 0;
	ret->record = text_of_id(s->arena, &id);
	ret->held = id_equal(&record.custodian, &s->node->region)
			    ? "ours"
			    : arena_text(s->arena, "not ours: %s is the custodian",
				      text_of_region(s, &record.custodian));
	return 0;
}

static int view_request(struct step *s, const struct id *peer, enum request_way way,
	const struct id *request, const struct request_row *row, struct ctl_asked *ret)
{
	struct arena *a = s->arena;
	const bool open = row->state == REQUEST_NOTED || row->state == REQUEST_WAITING;

	*ret = (struct ctl_asked){ .request = text_of_id(a, request),
		.peer = text_of_region(s, peer),
		.ours = way == REQUEST_OURS,
		.state = state_name(row->state),
		.purpose = text_of_span(a, row->purpose),
		.worker = text_of_span(a, row->worker),
		.text = text_of_span(a, row->text),
		.since_ms = row->since_ms,
		.answered_ms = row->answered_ms };
	if (row->has_record)
		ret->record = text_of_id(a, &row->record);
	else
		ret->alias = arena_text(a, "%.*s/%.*s", (int)row->authority.len,
			(const char *)row->authority.at, (int)row->child.len,
			(const char *)row->child.at);
	if (row->state == REQUEST_REFUSED) {
		ret->code = reason_name(REASONS_REFUSAL, row->code);
		if (!ret->code)
			ret->code = arena_text(a, "%u", row->code);
	}
	if (way == REQUEST_OURS) {
		if (open || row->state == REQUEST_CANCELLED)
			ret->waits_for = ret->peer;
		return 0;
	}
	if (open)
		ret->waits_for = "us: kithctl move offer, or move refuse";
	return view_held(s, row, ret);
}

/* All of them, or those of one side that are open. */
static int each(struct step *s,
	int (*take)(void *ctx, const struct id *peer, enum request_way way,
		const struct id *request, const struct request_row *row),
	void *ctx)
{
	struct scan scan;
	int r;

	scan_init(&scan, TABLE_DRAFT, (struct span){ 0 });
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct request_row row;
		enum request_way way;
		struct id peer, request;

		if (!request_row_copy(
			    s->arena, scan_key(&scan), scan.value, &peer, &way, &request, &row))
			return err_new(s->arena->failed ? -ENOMEM : -EUCLEAN);
		r = take(ctx, &peer, way, &request, &row);
		if (r)
			return r;
	}
	return r < 0 ? err_up(r) : 0;
}

struct listing {
	struct ask *a;
	size_t room;
};

static int list_one(void *ctx, const struct id *peer, enum request_way way,
	const struct id *request, const struct request_row *row)
{
	struct listing *l = ctx;
	struct ctl_reply *reply = &l->a->reply;
	struct ctl_asked *grown = arena_grow(
		l->a->s->arena, reply->requests, reply->n_requests, &l->room, sizeof(*grown));

	if (!grown)
		return err_new(-ENOMEM);
	reply->requests = grown;
	return view_request(
		l->a->s, peer, way, request, row, &reply->requests[reply->n_requests++]);
}

static int watch(struct ask *a)
{
	struct node *n = a->s->node;

	for (size_t i = 0; i < WATCHERS_MAX; i++) {
		struct watcher *w = &n->watchers[i];

		if (w->busy)
			continue;
		*w = (struct watcher){
			.busy = true, .client = a->s->event->client, .request = a->q.id
		};
		a->open = true;
		return ask_more(a);
	}
	return ask_problem(a, PROBLEM_BUSY, "%d clients watch requests already", WATCHERS_MAX);
}

int ask_move_requests(struct ask *a)
{
	struct listing l = { .a = a };
	int r = each(a->s, list_one, &l);

	if (r)
		return err_up(r);
	return a->q.follow ? watch(a) : 0;
}

int requests_tell(struct step *s, const struct id *peer, enum request_way way,
	const struct id *request, const struct request_row *row)
{
	struct ctl_asked view;
	struct ctl_reply reply = { .requests = &view, .n_requests = 1 };
	bool made = false;

	for (size_t i = 0; i < WATCHERS_MAX; i++) {
		const struct watcher *w = &s->node->watchers[i];
		int r = 0;

		if (!w->busy)
			continue;
		if (!made)
			r = view_request(s, peer, way, request, row, &view);
		made = true;
		reply.id = w->request;
		if (!r)
			r = ask_reply(s, w->client, &reply);
		if (r)
			return err_up(r);
	}
	return 0;
}

int requests_waiting(struct step *s, uint64_t *ret_in, uint64_t *ret_out)
{
	*ret_in = *ret_out = 0;
	for (size_t i = 0; i < s->node->n_peers; i++) {
		const struct peer *p = s->node->peers[i];
		struct scan scan;
		int r = ROW_NONE;

		scan_init(&scan, TABLE_DRAFT, SPAN_OF(p->region));
		while ((p->requests[REQUEST_OURS] || p->requests[REQUEST_THEIRS]) &&
			(r = scan_next(&scan, s->view)) == 0) {
			struct request_row row;
			enum request_way way;
			struct id peer, request;

			if (!request_row_read(
				    scan_key(&scan), scan.value, &peer, &way, &request, &row))
				return err_new(-EUCLEAN);
			if (way == REQUEST_THEIRS)
				*ret_in += row.state == REQUEST_NOTED;
			else
				*ret_out += row.state == REQUEST_NOTED ||
					    row.state == REQUEST_WAITING;
		}
		if (r < 0)
			return err_up(r);
	}
	return 0;
}

/* Making one ---------------------------------------------------------------------------------
 */

/* What is asked for: a whole record id, or AUTHORITY/CHILD. */
static int read_subject(struct ask *a, struct request_row *row)
{
	struct span text = a->q.record;
	const uint8_t *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
	char hex[ID_TEXT_LEN] = "";

	if (slash) {
		row->authority = (struct span){ text.at, (size_t)(slash - text.at) };
		row->child = (struct span){ slash + 1, text.len - row->authority.len - 1 };
		if (row->authority.len && row->authority.len <= REQUEST_NUMBER_MAX &&
			row->child.len && row->child.len <= REQUEST_NUMBER_MAX)
			return 0;
	} else if (text.len == 2 * ID_LEN) {
		memcpy(hex, text.at, 2 * ID_LEN);
		row->has_record = true;
		if (id_parse(hex, &row->record))
			return 0;
	}
	return ask_problem(a, PROBLEM_ARGUMENT,
		"'%.*s' is neither the 32 hex digits of a record nor AUTHORITY/CHILD",
		(int)(text.len > 80 ? 80 : text.len), (const char *)text.at);
}

static int read_request(struct ask *a, struct request_row *row)
{
	int r = read_subject(a, row);

	if (r)
		return r;
	if (!a->q.purpose.len || a->q.purpose.len > REQUEST_WORDS_MAX)
		return ask_problem(a, PROBLEM_ARGUMENT,
			"say for what the record is asked, in 1 to %d bytes",
			REQUEST_WORDS_MAX);
	row->purpose = a->q.purpose;
	if (a->q.n_entries == 1 && a->q.entries[0].has_worker)
		row->worker = a->q.entries[0].worker.name;
	if (!row->worker.len || row->worker.len > REQUEST_NAME_MAX)
		return ask_problem(a, PROBLEM_ARGUMENT,
			"name the worker who would take the child up (one worker entry)");
	return 0;
}

struct search {
	const struct id *peer; /* NULL: any */
	const struct request_row *like;
	struct id low, high, found, of;
	enum request_way way;
	struct request_row row;
	size_t n;
};

/* Asked already, and not answered: the same one is meant. */
static int find_same(void *ctx, const struct id *peer, enum request_way way,
	const struct id *request, const struct request_row *row)
{
	struct search *f = ctx;

	if (way != REQUEST_OURS || !id_equal(peer, f->peer) ||
		(row->state != REQUEST_WAITING && row->state != REQUEST_NOTED) ||
		row->has_record != f->like->has_record ||
		!id_equal(&row->record, &f->like->record) ||
		!span_equal(row->authority, f->like->authority) ||
		!span_equal(row->child, f->like->child))
		return 0;
	f->found = *request;
	f->n++;
	return 0;
}

int ask_move_request(struct ask *a)
{
	struct request_row row = { .since_ms = a->s->event->wall_ms };
	struct search same = { .like = &row };
	struct id peer, made;
	struct peer *p;
	int r = ask_peer(a, &peer);

	if (!r)
		r = read_request(a, &row);
	if (r)
		return r;
	p = peer_find(a->s->node, &peer);
	same.peer = &peer;
	r = each(a->s, find_same, &same);
	if (r)
		return err_up(r);
	if (!same.n && p->requests[REQUEST_OURS] >= REQUESTS_MAX)
		return ask_problem(a, PROBLEM_REQUESTS_FULL,
			"%d requests to %s are kept already", REQUESTS_MAX, p->name);
	a->reply.has_made = true;
	a->reply.made_dry_run = a->q.dry_run;
	made = same.found;
	if (!same.n && !a->q.dry_run) {
		r = request_new(a->s, p, &row, &made);
		if (r)
			return err_up(r);
	}
	a->reply.made_text = same.n || !a->q.dry_run ? text_of_id(a->s->arena, &made) : p->name;
	return 0;
}

/* Answering ----------------------------------------------------------------------------------
 */

static int find_named(void *ctx, const struct id *peer, enum request_way way,
	const struct id *request, const struct request_row *row)
{
	struct search *f = ctx;

	if (way != f->way || id_order(request, &f->low) < 0 || id_order(request, &f->high) > 0)
		return 0;
	f->found = *request;
	f->of = *peer;
	f->row = *row;
	f->n++;
	return 0;
}

static int find(struct ask *a, enum request_way way, struct search *ret)
{
	struct span text = a->q.request;
	int r;

	*ret = (struct search){ .way = way };
	if (!text_hex_range(text, &ret->low, &ret->high))
		return ask_problem(
			a, PROBLEM_ARGUMENT, "which request? give 6 to 32 of its hex digits");
	r = each(a->s, find_named, ret);
	if (r)
		return err_up(r);
	if (ret->n == 1)
		return 0;
	if (ret->n)
		return ask_problem(a, PROBLEM_REQUEST_MANY,
			"'%.*s' is the beginning of several requests", (int)text.len,
			(const char *)text.at);
	return ask_problem(a, PROBLEM_REQUEST_UNKNOWN, "no request %s '%.*s' is kept here",
		way == REQUEST_OURS ? "of ours" : "to us", (int)text.len,
		(const char *)text.at);
}

int ask_move_refuse(struct ask *a)
{
	struct search f;
	int r;

	if (!reason_of(REASONS_REFUSAL, a->q.code))
		return ask_problem(a, PROBLEM_ARGUMENT,
			"%u is not a code for the refusal of a request", a->q.code);
	if (a->q.text.len > REQUEST_WORDS_MAX)
		return ask_problem(a, PROBLEM_TOO_LARGE, "the words have at most %d bytes",
			REQUEST_WORDS_MAX);
	r = find(a, REQUEST_THEIRS, &f);
	if (r)
		return r;
	if (f.row.state != REQUEST_NOTED)
		return ask_problem(a, PROBLEM_REQUEST_ANSWERED, "it was %s already",
			state_name(f.row.state));
	a->reply.has_made = true;
	a->reply.made_dry_run = a->q.dry_run;
	a->reply.made_text = text_of_id(a->s->arena, &f.found);
	if (a->q.dry_run)
		return 0;
	f.row.state = REQUEST_REFUSED;
	f.row.code = a->q.code;
	f.row.text = a->q.text;
	return request_answer(a->s, &f.of, &f.found, &f.row);
}

int ask_move_cancel(struct ask *a)
{
	struct search f;
	int r = find(a, REQUEST_OURS, &f);

	if (r)
		return r;
	a->reply.has_made = true;
	a->reply.made_dry_run = a->q.dry_run;
	a->reply.made_text = text_of_id(a->s->arena, &f.found);
	return a->q.dry_run ? 0 : request_cancel(a->s, &f.of, &f.found, &f.row);
}
