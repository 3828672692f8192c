/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What people ask of a region, in the messages of the control socket, and what they are told.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <kith/span.h>

#include "tests/sim/sim.h"

#define CLIENT 7
#define AGAIN  8 /* asks what CLIENT asks, and nobody listens */

/* Replies -----------------------------------------------------------------------------------
 */

const char *answer_value(const struct answer *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->values[i].name, name) == 0)
			return a->values[i].value;
	return NULL;
}

static void take_value(void *ctx, const char *name, const struct walk_value *v)
{
	struct answer *a = ctx;
	char *into;

	if (!name || a->n == COUNT(a->values))
		return;
	into = a->values[a->n].value;
	snprintf(a->values[a->n].name, sizeof(a->values[a->n].name), "%s", name);
	a->n++;
	switch (v->type) {
	case WALK_TEXT:
	case WALK_BYTES:
		snprintf(into, sizeof(a->values[0].value), "%.*s", (int)v->bytes.len,
			(const char *)v->bytes.at);
		return;
	case WALK_UINT:
	case WALK_INT:
		snprintf(into, sizeof(a->values[0].value), "%" PRIu64,
			v->type == WALK_UINT ? v->uint : (uint64_t)v->sint);
		return;
	case WALK_BOOL:
		snprintf(into, sizeof(a->values[0].value), "%s", v->truth ? "yes" : "no");
		return;
	}
}

static void take_name(void *ctx, const char *name)
{
	(void)ctx, (void)name;
}

static void take_leave(void *ctx)
{
	(void)ctx;
}

static void take_replies(const struct actions *out, struct arena *arena, struct answer *ret)
{
	const struct walker walker = { .ctx = ret,
		.enter = take_name,
		.leave = take_leave,
		.list_begin = take_name,
		.list_end = take_leave,
		.value = take_value };

	*ret = (struct answer){ 0 };
	for (size_t i = 0; i < out->n; i++) {
		struct reply_head head;

		if (out->v[i].kind != ACTION_REPLY || out->v[i].client != CLIENT)
			continue;
		must(wire_reply_head(out->v[i].bytes, arena, &head));
		must(wire_reply_walk(out->v[i].bytes, arena, &walker));
		ret->came |= head.last;
		if (head.problem)
			snprintf(ret->problem, sizeof(ret->problem), "%.*s",
				(int)head.problem_name.len, (const char *)head.problem_name.at);
	}
}

/* Requests ----------------------------------------------------------------------------------
 */

static struct span encode(const struct ctl_request *q, struct arena *arena)
{
	struct ctl_request full = *q;
	struct span bytes;

	full.id = 1;
	full.worker = SPAN_LIT("Ann");
	full.role = SPAN_LIT("social worker");
	full.purpose = SPAN_LIT("care");
	must(wire_request_encode(&full, arena, &bytes));
	return bytes;
}

static struct event event_of(struct span bytes)
{
	return (struct event){ .kind = EVENT_ASK,
		.client = CLIENT,
		.user = "uid 1000 (ann)",
		.groups = GROUP_ADMIN,
		.bytes = bytes };
}

void client_ask(struct region *r, const struct ctl_request *q, struct answer *ret)
{
	struct arena arena;
	struct event e, again;
	const struct event *events[] = { &e, &again };
	const size_t n = r->twice ? 2 : 1;

	*ret = (struct answer){ 0 };
	if (r->busy > r->world->now && !world_run(r->world, r->busy))
		return;
	arena_init(&arena, 0);
	again = e = event_of(encode(q, &arena));
	again.client = AGAIN;
	r->twice = false;
	if (q->verb == VERB_PEER_ADD)
		r->allowed += 4 * n; /* a card and its list: before it is learnt, and then */
	world_turn(r, events, n);
	take_replies(&r->heard, &arena, ret);
	arena_done(&arena);
	if (ret->problem[0])
		world_tell(r->world, r, "is told %s", ret->problem);
}

void client_judge(
	struct region *r, const struct view *v, const struct record *record, struct answer *ret)
{
	const struct node_options o = { .software = "judge" };
	char id[ID_TEXT_LEN];
	const struct ctl_request q = { .verb = VERB_RECORD_SHOW,
		.record = span_of(id_text(&record->id, id)) };
	struct node *node = NULL;
	struct arena arena;
	struct actions out = { .arena = &arena };
	struct why why = { { 0 } };
	struct event e;

	arena_init(&arena, 0);
	must(node_new(r->world->judge, &r->keys, &o, v, &node, &why));
	e = event_of(encode(&q, &arena));
	e.now = r->world->now;
	e.wall_ms = EPOCH_MS + e.now;
	must(node_step(node, &e, v, &out));
	take_replies(&out, &arena, ret);
	node_free(node);
	arena_done(&arena);
}

static struct ctl_request proof_of(const struct record *record, char id[ID_TEXT_LEN])
{
	return (struct ctl_request){ .verb = VERB_CERTIFICATE,
		.record = span_of(id_text(&record->id, id)) };
}

/* The data of all replies, put together. */
static struct span take_data(const struct actions *out, struct arena *a)
{
	size_t len = 0, room = 0;
	uint8_t *at = NULL;

	for (size_t i = 0; i < out->n; i++) {
		struct reply_head head;

		if (out->v[i].kind != ACTION_REPLY || out->v[i].client != CLIENT)
			continue;
		must(wire_reply_head(out->v[i].bytes, a, &head));
		for (size_t k = 0; k < head.data.len; k++) {
			at = arena_grow(a, at, len, &room, 1);
			must(at ? 0 : -ENOMEM);
			at[len++] = head.data.at[k];
		}
	}
	return (struct span){ at, len };
}

struct span client_prove(
	struct region *r, const struct record *record, struct arena *a, struct answer *ret)
{
	char id[ID_TEXT_LEN];
	const struct ctl_request q = proof_of(record, id);

	client_ask(r, &q, ret);
	return ret->came && !ret->problem[0] ? take_data(&r->heard, a) : (struct span){ 0 };
}

struct span client_prove_judge(
	struct region *r, const struct record *record, struct arena *a, struct answer *ret)
{
	const struct node_options o = { .software = "judge" };
	char id[ID_TEXT_LEN];
	const struct ctl_request q = proof_of(record, id);
	struct actions out = { .arena = a };
	struct why why = { { 0 } };
	struct node *node = NULL;
	struct view view;
	struct event e;

	must(store_turn_begin(r->store, &r->view));
	view = port_view(r);
	must(node_new(r->world->judge, &r->keys, &o, &view, &node, &why));
	e = event_of(encode(&q, a));
	e.now = r->world->now;
	e.wall_ms = (uint64_t)((int64_t)(EPOCH_MS + r->world->now) + r->skew_ms);
	must(node_step(node, &e, &view, &out));
	take_replies(&out, a, ret);
	node_free(node);
	store_turn_abort(r->store);
	return take_data(&out, a);
}

void client_introduce(struct region *to, struct region *who)
{
	struct arena arena;
	struct ctl_request q = { .verb = VERB_PEER_ADD };
	struct answer answer;

	arena_init(&arena, 0);
	must(store_turn_begin(who->store, &who->view));
	must(region_bundle(&who->view, &arena, &q.bundle));
	store_turn_abort(who->store);
	client_ask(to, &q, &answer);
	arena_done(&arena);
}

static bool done(const struct answer *a)
{
	return a->came && !a->problem[0];
}

struct record *client_make(struct region *r, const char *authority, const char *child)
{
	struct entry alias = { .kind = ENTRY_ALIAS, .has_alias = true };
	struct ctl_request q = { .verb = VERB_RECORD_NEW, .entries = &alias, .n_entries = 1 };
	const size_t n = r->world->n_records;
	struct answer answer;

	alias.alias.authority = span_of(authority);
	alias.alias.child = span_of(child);
	client_ask(r, &q, &answer);
	return r->world->n_records > n ? &r->world->records[n] : NULL;
}

static void remember(struct world *w, const char *text)
{
	for (size_t i = 0; i < w->n_texts; i++)
		if (strcmp(w->texts[i], text) == 0)
			return;
	if (w->n_texts < TEXTS_MAX)
		w->texts[w->n_texts++] = strdup(text);
}

/* .n notes, each a change of its own. */
bool client_note(struct region *r, const struct record *record, const char *text, size_t n)
{
	char id[ID_TEXT_LEN];
	struct entry note = { .kind = ENTRY_NOTE, .text = span_of(text) };
	const struct ctl_request q = { .verb = VERB_APPEND,
		.record = span_of(id_text(&record->id, id)),
		.entries = &note,
		.n_entries = 1 };

	remember(r->world, text);
	for (size_t i = 0; i < n; i++) {
		struct answer answer;

		client_ask(r, &q, &answer);
		if (!done(&answer))
			return false;
	}
	return true;
}

bool client_offer(
	struct region *r, struct record *record, const struct region *to, uint32_t reason)
{
	char id[ID_TEXT_LEN], peer[ID_TEXT_LEN];
	const struct ctl_request q = { .verb = VERB_MOVE_OFFER,
		.record = span_of(id_text(&record->id, id)),
		.peer = span_of(id_text(&to->id, peer)),
		.code = reason };
	const unsigned before = record->may;
	struct answer answer;

	/* The turn itself writes what the candidate is to have, but nothing to the candidate.
	 */
	record->may |= 1u << to->index;
	client_ask(r, &q, &answer);
	if (answer.problem[0])
		record->may = before;
	return done(&answer);
}

bool client_accept(struct region *r, const struct record *record, const char *worker)
{
	char id[ID_TEXT_LEN];
	struct entry who = { .kind = ENTRY_WORKER, .has_worker = true };
	const struct ctl_request q = { .verb = VERB_MOVE_ACCEPT,
		.record = span_of(id_text(&record->id, id)),
		.entries = &who,
		.n_entries = 1 };
	struct answer answer;

	who.worker.name = span_of(worker);
	client_ask(r, &q, &answer);
	return done(&answer);
}

static bool ask_about(
	struct region *r, const struct record *record, enum verb verb, uint32_t code)
{
	char id[ID_TEXT_LEN];
	const struct ctl_request q = {
		.verb = verb, .record = span_of(id_text(&record->id, id)), .code = code
	};
	struct answer answer;

	client_ask(r, &q, &answer);
	return done(&answer);
}

bool client_decline(struct region *r, const struct record *record, uint32_t code)
{
	return ask_about(r, record, VERB_MOVE_DECLINE, code);
}

bool client_withdraw(struct region *r, const struct record *record)
{
	return ask_about(r, record, VERB_MOVE_WITHDRAW, 0);
}

static void say_record(
	struct region *r, const struct answer *a, const char *verb, const char *name)
{
	static const char *const shown[] = { "custodian", "custody", "role", "changes",
		"entries", "conflicts" };
	char line[400];
	int n = snprintf(line, sizeof(line), "%s %s", verb, name);

	for (size_t i = 0; i < COUNT(shown); i++) {
		const char *value = answer_value(a, shown[i]);

		if (value)
			n += snprintf(line + n, sizeof(line) - (size_t)n, "%s %s=%s",
				i ? "," : "", shown[i], value);
	}
	world_tell(r->world, r, "%s", line);
}

void client_show(struct region *r, const struct record *record)
{
	char id[ID_TEXT_LEN];
	const struct ctl_request q = { .verb = VERB_RECORD_SHOW,
		.record = span_of(id_text(&record->id, id)) };
	struct answer answer;

	client_ask(r, &q, &answer);
	if (done(&answer))
		say_record(r, &answer, "shows", record->name);
}

void client_list(struct region *r)
{
	const struct ctl_request q = { .verb = VERB_RECORD_LIST };
	struct answer answer, one = { 0 };
	size_t n = 0;

	client_ask(r, &q, &answer);
	for (size_t i = 0; i < answer.n; i++) {
		struct id id;

		if (strcmp(answer.values[i].name, "record") != 0 ||
			!id_parse(answer.values[i].value, &id))
			continue;
		memset(&one, 0, sizeof(one));
		for (size_t k = i + 1;
			k < answer.n && strcmp(answer.values[k].name, "record") != 0; k++)
			one.values[one.n++] = answer.values[k];
		say_record(r, &one, "lists", record_of(r->world, &id)->name);
		n++;
	}
	world_tell(r->world, r, "lists %zu", n);
}

/* Requests for records ------------------------------------------------------------------------
 */

bool client_alias(
	struct region *r, const struct record *record, const char *authority, const char *child)
{
	char id[ID_TEXT_LEN];
	struct entry alias = { .kind = ENTRY_ALIAS, .has_alias = true };
	const struct ctl_request q = { .verb = VERB_APPEND,
		.record = span_of(id_text(&record->id, id)),
		.entries = &alias,
		.n_entries = 1 };
	struct answer answer;

	alias.alias.authority = span_of(authority);
	alias.alias.child = span_of(child);
	client_ask(r, &q, &answer);
	return done(&answer);
}

bool client_request(
	struct region *r, const struct region *of, const char *what, const char *purpose)
{
	char peer[ID_TEXT_LEN];
	struct entry who = { .kind = ENTRY_WORKER, .has_worker = true };
	const struct ctl_request q = { .verb = VERB_MOVE_REQUEST,
		.record = span_of(what),
		.peer = span_of(id_text(&of->id, peer)),
		.purpose = span_of(purpose),
		.entries = &who,
		.n_entries = 1 };
	struct answer answer;

	who.worker.name = SPAN_LIT("Jo");
	client_ask(r, &q, &answer);
	return done(&answer);
}

/* The value of .name in the view of a request that begins at .from. */
static const char *view_value(const struct answer *a, size_t from, const char *name)
{
	for (size_t i = from; i < a->n; i++) {
		if (i > from && strcmp(a->values[i].name, "request") == 0)
			break;
		if (strcmp(a->values[i].name, name) == 0)
			return a->values[i].value;
	}
	return "";
}

static bool find_request(struct region *r, const char *peer, const char *ours, char ret[96])
{
	const struct ctl_request q = { .verb = VERB_MOVE_REQUESTS };
	struct answer a;

	client_ask(r, &q, &a);
	for (size_t i = 0; i < a.n; i++) {
		if (strcmp(a.values[i].name, "request") != 0 ||
			strcmp(view_value(&a, i, "ours"), ours) != 0 ||
			(peer && (strcmp(view_value(&a, i, "peer"), peer) != 0 ||
					 strcmp(view_value(&a, i, "state"), "noted") != 0)))
			continue;
		memcpy(ret, a.values[i].value, 96);
		return true;
	}
	return false;
}

bool client_refuse(struct region *r, const struct region *who, uint32_t code)
{
	struct ctl_request q = { .verb = VERB_MOVE_REFUSE, .code = code };
	struct answer answer;
	char request[96];

	if (!find_request(r, who->name, "no", request))
		return false;
	q.request = span_of(request);
	client_ask(r, &q, &answer);
	return done(&answer);
}

bool client_cancel(struct region *r)
{
	struct ctl_request q = { .verb = VERB_MOVE_CANCEL };
	struct answer answer;
	char request[96];

	if (!find_request(r, NULL, "yes", request))
		return false;
	q.request = span_of(request);
	client_ask(r, &q, &answer);
	return done(&answer);
}

void client_requests(struct region *r)
{
	const struct ctl_request q = { .verb = VERB_MOVE_REQUESTS };
	struct answer a;
	size_t n = 0;

	client_ask(r, &q, &a);
	for (size_t i = 0; i < a.n; i++) {
		const char *held = view_value(&a, i, "held"), *code = view_value(&a, i, "code");

		if (strcmp(a.values[i].name, "request") != 0)
			continue;
		world_tell(r->world, r, "request %s %s %s: %s%s%s%s%s",
			strcmp(view_value(&a, i, "ours"), "yes") == 0 ? "to" : "from",
			view_value(&a, i, "peer"), view_value(&a, i, "alias"),
			view_value(&a, i, "state"), *code ? ", " : "", code, *held ? ", " : "",
			held);
		n++;
	}
	world_tell(r->world, r, "lists %zu requests", n);
}

/* The circle, and what guardians sign ---------------------------------------------------------
 */

bool client_circle_add(struct region *r, struct record *record, const struct region *who,
	enum role role, bool guardian)
{
	char id[ID_TEXT_LEN], peer[ID_TEXT_LEN];
	const struct ctl_request q = { .verb = VERB_CIRCLE_ADD,
		.record = span_of(id_text(&record->id, id)),
		.peer = span_of(id_text(&who->id, peer)),
		.circle_role = role,
		.guardian = guardian };
	const unsigned before = record->may;
	struct answer answer;

	record->may |= 1u << who->index;
	client_ask(r, &q, &answer);
	if (answer.problem[0])
		record->may = before;
	return done(&answer);
}

bool client_circle_remove(
	struct region *r, const struct record *record, const struct region *who)
{
	char id[ID_TEXT_LEN], peer[ID_TEXT_LEN];
	const struct ctl_request q = { .verb = VERB_CIRCLE_REMOVE,
		.record = span_of(id_text(&record->id, id)),
		.peer = span_of(id_text(&who->id, peer)) };
	struct answer answer;

	client_ask(r, &q, &answer);
	return done(&answer);
}

bool client_sign(struct region *r, const struct record *record, enum verb verb,
	const struct region *to, bool anyway)
{
	char id[ID_TEXT_LEN], peer[ID_TEXT_LEN];
	const struct ctl_request q = { .verb = verb,
		.record = span_of(id_text(&record->id, id)),
		.peer = span_of(id_text(&to->id, peer)),
		.code = 1,
		.anyway = anyway };
	struct answer answer;

	client_ask(r, &q, &answer);
	return done(&answer);
}

bool client_backup(struct region *r)
{
	const struct ctl_request q = { .verb = VERB_BACKUP_VERIFIED };
	struct answer answer;

	client_ask(r, &q, &answer);
	return done(&answer);
}

void client_custody(struct region *r, const struct record *record)
{
	char id[ID_TEXT_LEN];
	const struct ctl_request q = { .verb = VERB_CUSTODY,
		.record = span_of(id_text(&record->id, id)) };
	struct answer a;

	client_ask(r, &q, &a);
	for (size_t i = 0; i < a.n; i++)
		if (strcmp(a.values[i].name, "name") == 0 && i + 4 < a.n)
			world_tell(r->world, r, "custody %s: %s %s", record->name,
				a.values[i].value,
				strcmp(a.values[i + 2].name, "how") == 0
					? a.values[i + 2].value
					: a.values[i + 3].value);
		else if (strcmp(a.values[i].name, "notes") == 0)
			world_tell(
				r->world, r, "custody %s: %s", record->name, a.values[i].value);
}
