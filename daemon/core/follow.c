/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Following: the log as a local stream, from any number on. Whoever follows keeps the number
 * that it has worked through and resumes behind it; nothing is kept here for who is gone. A
 * step reads a bounded part of the log, so that a long past holds nobody up.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/ask.h"

#define CHANGES_A_STEP 500
#define BYTES_A_STEP   ((size_t)4 * 1024 * 1024)

/* What a step may still read. */
struct reading {
	size_t changes, bytes;
};

static const char *control_name(enum control_kind k)
{
	switch (k) {
	case CONTROL_GENESIS:
		return "control genesis";
	case CONTROL_CIRCLE:
		return "control circle";
	case CONTROL_OFFER:
		return "control offer";
	case CONTROL_WITHDRAW:
		return "control withdraw";
	case CONTROL_ACCEPT:
		return "control accept";
	case CONTROL_DECLINE:
		return "control decline";
	case CONTROL_STAND_DOWN:
		return "control stand-down";
	case CONTROL_RELEASE:
		return "control release";
	case CONTROL_KEY_EPOCH:
		return "control key-epoch";
	case CONTROL_CLOSE:
		return "control close";
	case CONTROL_ERASURE:
		return "control erasure";
	case CONTROL_ASSUME:
		return "control assume";
	case CONTROL_RESOLVE:
		return "control resolve";
	case CONTROL_UNKNOWN:
		return "control of a later kith";
	}
	return NULL;
}

static bool wanted(const struct stream *f, const struct header *h)
{
	bool control = h->flags & FLAG_CONTROL;

	return (!f->has_record || id_equal(&f->record, &h->record)) &&
	       (!f->has_author || id_equal(&f->author, &h->at.author)) &&
	       (f->kind == STREAM_ALL || control == (f->kind == STREAM_CONTROL));
}

static int view_change(struct step *s, uint64_t n, const struct header *h,
	const struct wire_change *c, struct ctl_followed *ret)
{
	char author[ID_TEXT_LEN], incarnation[ID_TEXT_LEN], hex[HASH_TEXT_LEN];
	struct hash id;
	struct control control;
	int r = chain_id(s->crypto, c->header, &id);

	if (r)
		return err_up(r);
	*ret = (struct ctl_followed){ .number = n,
		.record = text_of_id(s->arena, &h->record),
		.place = arena_text(s->arena, "%s/%s/%llu", id_text(&h->at.author, author),
			id_text(&h->at.incarnation, incarnation),
			(unsigned long long)h->at.seq),
		.change = arena_text(s->arena, "%s", hex_text(id.b, HASH_LEN, hex)),
		.region = text_of_region(s, &h->at.author),
		.kind = "sealed",
		.class = h->key_class,
		.epoch = h->key_epoch };
	if (!(h->flags & FLAG_CONTROL))
		return 0;
	r = wire_control_decode(c->body, s->arena, &control);
	if (r)
		return r < 0 ? err_up(r) : err_new(-EUCLEAN);
	ret->kind = control_name(control.kind);
	ret->recorded_ms = control.clock >> 16;
	return 0;
}

/* The next change that .f wants: 0 and *ret, or ROW_NONE: the end, or enough for this step. */
static int next_change(
	struct step *s, struct stream *f, struct reading *left, struct ctl_followed *ret)
{
	struct log_at at = { 0 };

	while (f->next < s->node->log_next && left->changes && left->bytes) {
		struct wire_change c;
		struct header h;
		int r = log_read(s, &at, f->next, &c);

		if (r && r != ROW_NONE)
			return r;
		f->next++;
		left->changes--;
		if (r == ROW_NONE)
			continue;
		left->bytes -= c.body.len < left->bytes ? c.body.len : left->bytes;
		r = wire_header_decode(c.header, &h) ? err_new(-EUCLEAN) : 0;
		if (!r && !wanted(f, &h))
			continue;
		if (!r)
			r = view_change(s, f->next - 1, &h, &c, ret);
		if (r)
			f->next--; /* not told */
		return r;
	}
	return ROW_NONE;
}

/* A damaged row ends the stream that meets it and disturbs nobody else. */
static int end_damaged(struct step *s, struct stream *f)
{
	struct ctl_reply reply = { .id = f->request,
		.last = true,
		.problem = PROBLEM_DAMAGED,
		.through = f->next - 1,
		.problem_text = arena_text(s->arena, "change %llu of the log is damaged",
			(unsigned long long)f->next) };

	err_forget();
	f->busy = false;
	return ask_reply(s, f->client, &reply);
}

/* One reply with what there is, if anything is worth saying. */
static int tell(struct step *s, struct stream *f, struct reading *left)
{
	struct ctl_reply reply = { .id = f->request };
	size_t room = 0;
	bool end;
	int r = 0;

	while (f->left) {
		struct ctl_followed *grown = arena_grow(
			s->arena, reply.followed, reply.n_followed, &room, sizeof(*grown));

		if (!grown)
			return err_new(-ENOMEM);
		reply.followed = grown;
		r = next_change(s, f, left, &grown[reply.n_followed]);
		if (r)
			break;
		reply.n_followed++;
		f->left--;
	}
	if (r == -EUCLEAN && !reply.n_followed)
		return end_damaged(s, f);
	if (r == -EUCLEAN)
		err_forget(); /* what is before it is told first */
	else if (r < 0)
		return err_up(r);
	end = f->next >= s->node->log_next;
	reply.through = f->next - 1;
	reply.last = !f->left || (end && !f->stays);
	f->busy = !reply.last;
	/* Whoever follows hears once that it stands at the end, also when nothing was for it.
	 */
	if (!reply.n_followed && !reply.last && (!end || f->stood))
		return 0;
	f->stood |= end;
	return ask_reply(s, f->client, &reply);
}

int follow_some(struct step *s)
{
	struct node *n = s->node;
	struct reading left = { CHANGES_A_STEP, BYTES_A_STEP };

	for (size_t i = 0; i < STREAMS_MAX && left.changes && left.bytes; i++) {
		struct stream *f = &n->streams[(n->next_stream + i) % STREAMS_MAX];
		int r;

		if (!f->busy || (f->next >= n->log_next && f->stood))
			continue;
		r = tell(s, f, &left);
		if (r)
			return err_up(r);
	}
	/* Another one is first in the next step. */
	n->next_stream = (n->next_stream + 1) % STREAMS_MAX;
	return 0;
}

bool follow_waits(const struct node *n)
{
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (n->streams[i].busy && n->streams[i].next < n->log_next)
			return true;
	return false;
}

void follow_gone(struct node *n, uint64_t client)
{
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (n->streams[i].client == client)
			n->streams[i].busy = false;
}

/* Asking ----------------------------------------------------------------------------------- */

static int choose_kind(struct ask *a, enum stream_kind *ret)
{
	if (!a->q.kind.len)
		*ret = STREAM_ALL;
	else if (span_is(a->q.kind, "control"))
		*ret = STREAM_CONTROL;
	else if (span_is(a->q.kind, "sealed"))
		*ret = STREAM_SEALED;
	else
		return ask_problem(
			a, PROBLEM_ARGUMENT, "a kind of change is control or sealed");
	return 0;
}

/* An author by name, ourselves too; one that is no peer by its whole id. */
static int choose_author(struct ask *a, struct id *ret)
{
	const struct node *n = a->s->node;
	char text[ID_TEXT_LEN] = "";

	if (span_is(a->q.peer, n->name)) {
		*ret = n->region;
		return 0;
	}
	if (a->q.peer.len == ID_TEXT_LEN - 1) {
		memcpy(text, a->q.peer.at, ID_TEXT_LEN - 1);
		if (id_parse(text, ret))
			return 0;
	}
	return ask_peer(a, ret);
}

int ask_follow(struct ask *a)
{
	struct node *n = a->s->node;
	struct stream f = { .busy = true,
		.stays = a->q.follow,
		.client = a->s->event->client,
		.request = a->q.id,
		.next = a->q.after + 1,
		.left = a->q.limit ? a->q.limit : UINT64_MAX,
		.has_record = a->q.record.len > 0,
		.has_author = a->q.peer.len > 0 };
	int r = choose_kind(a, &f.kind);

	if (!r && a->q.after >= n->log_next)
		r = ask_problem(a, PROBLEM_ARGUMENT,
			"the log ends at %llu: %llu is not a number of this store, which may "
			"be another than before",
			(unsigned long long)n->log_next - 1, (unsigned long long)a->q.after);
	if (!r && f.has_record)
		r = ask_record(a, &f.record);
	if (!r && f.has_author)
		r = choose_author(a, &f.author);
	if (r)
		return r;
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (!n->streams[i].busy) {
			n->streams[i] = f;
			a->open = true;
			return 0; /* the step's end tells the first of it */
		}
	return ask_problem(a, PROBLEM_BUSY, "%d clients follow already", STREAMS_MAX);
}
