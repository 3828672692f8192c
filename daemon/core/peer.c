/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Peers: when to dial, HELLO, and the sealed session that every other message travels in (P8).
 * A link is one connection; whatever goes wrong on it ends it, and dialling begins again with
 * a longer pause.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/inside.h"

#define DIAL_MIN   500    /* the first pause; doubles per failure */
#define DIAL_MAX   60000  /* and no longer than this */
#define DIAL_NEAR  5000   /* nor than this to who was in session less than so long ago: */
#define NEAR_FOR   900000 /* whatever kept it away, it is soon back after that has ended */
#define DIAL_WAIT  20000  /* kith-link answers well before */
#define KNOCK_WAIT 50     /* then who is to dial has not noticed that we are back */
#define GREET_WAIT 10000  /* a peer that is slower than this is not there */
#define FORGIVEN   2      /* offences that cost no more than the link */
#define SHUT_MAX   600000 /* the longest time that a peer is kept out */
#define QUIET      600000 /* in session without offence: all is forgotten */
#define IDLE_MAX   64     /* messages that change nothing (P7.5), */
#define IDLE_TIME  30000  /* in so long */
#define GREET_MAX  100    /* HELLOs in so long (P8.5) */

struct peer *peer_find(struct node *n, const struct id *region)
{
	for (size_t i = 0; i < n->n_peers; i++)
		if (id_equal(&n->peers[i]->region, region))
			return n->peers[i];
	return NULL;
}

static struct peer *find_link(struct node *n, uint64_t link)
{
	for (size_t i = 0; i < n->n_peers; i++)
		if (n->peers[i]->state != PEER_DOWN && n->peers[i]->link == link)
			return n->peers[i];
	return NULL;
}

/* The only place where .state changes: what is not in the table cannot happen. */
static void move(struct peer *p, enum peer_state to, msec due)
{
	static const unsigned from[] = {
		[PEER_DOWN] = 1u << PEER_DOWN | 1u << PEER_DIALLING | 1u << PEER_GREETING |
			      1u << PEER_LIVE,
		[PEER_DIALLING] = 1u << PEER_DOWN,
		[PEER_GREETING] = 1u << PEER_DOWN | 1u << PEER_DIALLING,
		[PEER_LIVE] = 1u << PEER_GREETING,
	};

	if (from[to] & 1u << p->state)
		p->state = to;
	p->due = due;
}

msec peer_due(const struct peer *p)
{
	bool waits = p->state == PEER_LIVE && p->wants && p->wants_due;

	return waits && p->wants_due < p->due ? p->wants_due : p->due;
}

int peer_save(struct step *s, struct peer *p)
{
	int r;

	if (!p->row_dirty)
		return 0;
	r = peer_row_put(s->view, &p->region, &p->row);
	p->row_dirty = false;
	return r ? err_odd(r) : 0;
}

/* Doubles per failure, with up to a quarter more by chance, so that two do not keep meeting. */
static int dial_pause(struct step *s, const struct peer *p, msec *ret)
{
	/* Who lets itself be greeted and then offends is not dialled at once for ever. */
	const bool offends = p->offences > FORGIVEN;
	const bool near = p->was_live && s->event->now < p->lived + NEAR_FOR && !offends;
	const unsigned n = offends && p->offences > p->failures ? p->offences : p->failures;
	const msec most = near ? DIAL_NEAR : DIAL_MAX;
	msec pause = DIAL_MIN;
	uint16_t jitter;
	int r;

	for (unsigned i = 1; i < n && pause < most; i++)
		pause *= 2;
	if (pause > most)
		pause = most;
	r = crypto_random(s->crypto, &jitter, sizeof(jitter));
	if (r)
		return err_odd(r);
	*ret = pause + pause * jitter / 4 / UINT16_MAX;
	return 0;
}

/* Forget a session. When to dial again is decided by peer_lost's callers or the next tick. */
void peer_lost(struct step *s, struct peer *p)
{
	secret_done(&p->ephemeral);
	secret_done(&p->key_in);
	secret_done(&p->key_out);
	p->count_in = p->count_out = 0;
	p->reconciled = p->knocks = false;
	p->idle = 0;
	p->asked = p->asking = p->feed_dirty = p->rung = p->reconciling = false;
	p->feed_sent = p->feed_budget = p->asked_budget = p->owed = 0;
	memset(p->gets, 0, sizeof(p->gets));
	memset(p->answers, 0, sizeof(p->answers));
	if (p->state == PEER_LIVE) {
		p->since_ms = s->event->wall_ms;
		p->was_live = true;
		p->lived = s->event->now;
	}
	p->requests_due = false;
	p->flying = 0;
	move(p, PEER_DOWN, s->event->now);
}

/* Who breaks the rules again and again is kept out, for twice as long each time. */
static void offend(struct step *s, struct peer *p)
{
	msec pause = 1000;

	p->offended = s->event->now;
	if (++p->offences <= FORGIVEN)
		return;
	for (unsigned i = FORGIVEN + 1; i < p->offences && pause < SHUT_MAX; i++)
		pause *= 2;
	p->shut_until = s->event->now + (pause < SHUT_MAX ? pause : SHUT_MAX);
}

/* Lost by failure: count it and pause. */
static int fail(struct step *s, struct peer *p, const char *problem)
{
	msec pause = 0;
	int r;

	snprintf(p->problem, sizeof(p->problem), "%s", problem);
	p->problem_ms = s->event->wall_ms;
	p->failures++;
	peer_lost(s, p);
	r = dial_pause(s, p, &pause);
	if (r)
		return err_up(r);
	p->due = p->we_dial ? s->event->now + pause : MSEC_NEVER;
	return 0;
}

int peer_drop(struct step *s, struct peer *p, const char *problem)
{
	struct link_frame f = {
		.kind = LINK_DROP, .link = p->link, .reason = span_of(problem)
	};
	int r = node_link(s, ACTION_LINK_DROP, &f);

	if (!r)
		r = node_tell(
			s, &(struct tell){
				   .verb = TELL_LOSES, .peer = p->region, .text = problem });
	return r ? err_up(r) : fail(s, p, problem);
}

int peer_refuse(struct step *s, struct peer *p, const struct id *record, enum verdict verdict,
	bool drop_it)
{
	const char *name = verdict_name(verdict);
	struct tell t = { .verb = TELL_REFUSES, .peer = p->region, .verdict = name };
	int r;

	if (record)
		t.record = *record;
	r = node_tell(s, &t);
	if (r)
		return err_up(r);
	snprintf(p->problem, sizeof(p->problem), "%s", name);
	p->problem_ms = s->event->wall_ms;
	if (!drop_it)
		return 0;
	offend(s, p);
	return peer_drop(s, p, name);
}

/* Counts one more of what may be said so often in a while. */
static bool is_too_often(const struct step *s, msec *since, unsigned *n, unsigned most)
{
	if (*n == 0 || s->event->now >= *since + IDLE_TIME) {
		*since = s->event->now;
		*n = 0;
	}
	return ++*n > most;
}

int peer_idle(struct step *s, struct peer *p)
{
	if (is_too_often(s, &p->idle_since, &p->idle, IDLE_MAX))
		return peer_refuse(s, p, NULL, VERDICT_TOO_OFTEN, true);
	return 0;
}

static int count_rows(struct step *s, enum table table, const struct id *region, uint64_t *ret)
{
	struct scan scan;
	int r;

	scan_init(&scan, table, SPAN_OF(*region));
	while ((r = scan_next(&scan, s->view)) == 0)
		++*ret;
	return r < 0 ? err_up(r) : 0;
}

int peer_load(struct step *s, const struct id *region)
{
	struct node *n = s->node;
	struct peer *p = peer_find(n, region);
	struct checked_card c;
	int r = region_card(s, region, &c);

	if (!r && p)
		r = peer_save(s, p); /* the row may be behind: it is written when a turn ends */
	if (r)
		return err_odd(r);
	if (!p) {
		if (n->n_peers == PEERS_MAX)
			return 0;
		p = calloc(1, sizeof(*p));
		if (!p)
			return err_new(-ENOMEM);
		n->peers[n->n_peers++] = p;
		p->region = *region;
		p->due = n->link_ready ? s->event->now : MSEC_NEVER;
		r = count_rows(s, TABLE_WANT, region, &p->wants);
		if (!r)
			r = count_rows(s, TABLE_PARKED, region, &p->parked);
		if (!r)
			r = requests_count(s, p);
		if (r)
			return err_up(r);
		/* In node_new() nobody says what time it is. */
		p->since_ms = s->event->wall_ms ? s->event->wall_ms : n->options.started_ms;
		p->wants_since_ms = p->wants ? p->since_ms : 0;
		p->feed_reached = UINT64_MAX;
	}
	r = peer_row_get(s->view, region, &p->row);
	if (r)
		return err_odd(r);
	if (p->feed_reached == UINT64_MAX) /* all of it may have been sent before we began */
		p->feed_reached = p->row.feed_next - 1;
	memcpy(p->name, c.card.name, sizeof(p->name));
	memcpy(p->endpoint, p->row.endpoint[0] ? p->row.endpoint : c.card.endpoints[0],
		sizeof(p->endpoint));
	/* One of two dials: the smaller id, when both can be dialled. */
	p->we_dial = p->endpoint[0] && (!n->has_endpoint || c.card.n_endpoints == 0 ||
					       id_order(&n->region, region) < 0);
	memcpy(p->curve_keys, c.card.curve_keys, sizeof(p->curve_keys));
	p->n_curve_keys = c.card.n_curve_keys;
	p->kem_key = c.card.kem_key;
	p->fingerprint = c.fingerprint;
	return 0;
}

int peer_announce(struct step *s)
{
	struct node *n = s->node;
	struct link_frame f = { .kind = LINK_PEERS, .n_peers = n->n_peers };

	if (!n->link_ready)
		return 0;
	f.peers = arena_array(s->arena, n->n_peers ? n->n_peers : 1, sizeof(*f.peers));
	if (!f.peers)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n->n_peers; i++) {
		const struct peer *p = n->peers[i];
		struct link_peer *l = &f.peers[i];

		l->region = p->region;
		memcpy(l->curve_keys, p->curve_keys, sizeof(l->curve_keys));
		l->n_curve_keys = p->n_curve_keys;
		l->endpoint = span_of(p->endpoint);
		l->dial_key = p->curve_keys[p->n_curve_keys - 1];
	}
	if (n->options.listen)
		f.listen = (struct span){ (const uint8_t *)n->options.listen,
			strlen(n->options.listen) };
	return node_link(s, ACTION_LINK_PEERS, &f);
}

static int dial(struct step *s, struct peer *p)
{
	struct node *n = s->node;
	struct link_frame f = { .kind = LINK_DIAL, .region = p->region, .link = n->next_link };
	int r;

	p->knocks = false;
	p->link = n->next_link;
	n->next_link += 2;
	move(p, PEER_DIALLING, s->event->now + DIAL_WAIT);
	r = node_tell(s, &(struct tell){ .verb = TELL_DIALS, .peer = p->region });
	return r ? err_up(r) : node_link(s, ACTION_LINK_DIAL, &f);
}

int peer_link_ready(struct step *s, struct peer *p)
{
	const msec now = s->event->now;

	if (p->state == PEER_DOWN && !p->we_dial && p->endpoint[0] && now >= p->shut_until) {
		p->knocks = true;
		p->due = now + KNOCK_WAIT;
	}
	return peer_tick(s, p);
}

int peer_tick(struct step *s, struct peer *p)
{
	if (!s->node->link_ready || s->event->now < peer_due(p)) {
		/* A peer that was never ticked while a kith-link is there dials at once. */
		if (!s->node->link_ready || p->state != PEER_DOWN || p->due != MSEC_NEVER ||
			!p->we_dial)
			return 0;
	}
	switch (p->state) {
	case PEER_DOWN:
		if (p->we_dial || p->knocks)
			return dial(s, p);
		p->due = MSEC_NEVER;
		return 0;
	case PEER_DIALLING:
		return peer_drop(s, p, "no answer to the dial");
	case PEER_GREETING:
		return peer_drop(s, p, "linked, and said no HELLO");
	case PEER_LIVE:
		if (s->event->now < p->due)
			return 0; /* a want is due: the pump sees to it */
		p->due = s->event->now + POLL;
		if (s->event->now > p->offended + QUIET)
			p->offences = 0;
		p->asking = false;
		return feed_ask(s, p);
	}
	return 0;
}

/* ---- HELLO ---- */

static bool knows_curve(const struct peer *p, const struct pubkey *key)
{
	for (size_t i = 0; i < p->n_curve_keys; i++)
		if (memcmp(p->curve_keys[i].b, key->b, KEY_LEN) == 0)
			return true;
	return false;
}

int peer_link_up(struct step *s)
{
	const struct event *e = s->event;
	struct peer *p = peer_find(s->node, &e->region);
	struct link_frame f = { .kind = LINK_DROP, .link = e->link };
	bool ours = p && e->dialled && p->state == PEER_DIALLING && p->link == e->link;

	if (p && !e->dialled && e->now < p->shut_until) {
		f.reason = SPAN_LIT("it broke the rules, and is kept out for a while");
		return node_link(s, ACTION_LINK_DROP, &f);
	}
	if (!p || !s->node->link_ready || !knows_curve(p, &e->curve_key) ||
		(e->dialled && !ours)) {
		f.reason = SPAN_LIT("not a peer, or a dial that was given up");
		return node_link(s, ACTION_LINK_DROP, &f);
	}
	/* Both have dialled, and both came through: if each took the other's, none were left.
	 */
	if (!e->dialled && p->state == PEER_GREETING && p->dialled &&
		id_order(&s->node->region, &p->region) < 0) {
		f.reason = SPAN_LIT("it crosses with the link that we have dialled");
		return node_link(s, ACTION_LINK_DROP, &f);
	}
	if (p->state != PEER_DOWN && !ours) {
		/* The newer link wins (P8.5): the older may be dead without knowing it. */
		f.link = p->link;
		f.reason = SPAN_LIT("replaced by a newer link");
		int r = node_link(s, ACTION_LINK_DROP, &f);

		if (r)
			return err_up(r);
		peer_lost(s, p);
	}
	p->link = e->link;
	p->dialled = e->dialled;
	move(p, PEER_GREETING, e->now + GREET_WAIT);
	return session_greet(s, p, &e->curve_key);
}

int peer_link_down(struct step *s)
{
	struct peer *p = find_link(s->node, s->event->link);
	const char *text = s->event->text ? s->event->text : "the link ended";
	int r;

	if (!p)
		return 0;
	r = node_tell(
		s, &(struct tell){ .verb = TELL_LOSES,
			   .peer = p->region,
			   .text = text,
			   .again = p->state == PEER_DIALLING && p->failures > 0 &&
				    strncmp(p->problem, text, sizeof(p->problem) - 1) == 0 });
	return r ? err_up(r) : fail(s, p, text);
}

/* What a HELLO must be, besides decodable. False: *ret is the verdict. */
static bool judge_hello(
	const struct step *s, const struct peer *p, const struct hello *h, enum verdict *ret)
{
	const struct node *n = s->node;

	if (!id_equal(&h->from, &p->region) || !id_equal(&h->to, &n->region))
		*ret = VERDICT_HELLO_REGION;
	else if (!knows_curve(p, &h->curve_from) ||
		 memcmp(h->curve_to.b, n->link_key.b, KEY_LEN) != 0)
		*ret = VERDICT_HELLO_LINK;
	else if (h->wire_min > node_wire_max(n) || h->wire_max < WIRE_OLDEST)
		*ret = VERDICT_VERSIONS;
	else
		return true;
	return false;
}

/* What people may want to know of it, also when its version cannot be spoken with. */
static void note_hello(const struct step *s, struct peer *p, const struct hello *h)
{
	const uint64_t ours = s->event->wall_ms, theirs = h->wall_ms;
	const uint64_t apart = theirs > ours ? theirs - ours : ours - theirs;
	const int32_t ms = apart < INT32_MAX ? (int32_t)apart : INT32_MAX;
	const uint32_t newest = node_wire_max(s->node);

	snprintf(p->software, sizeof(p->software), "%.*s", (int)h->software.len,
		(const char *)h->software.at);
	node_text_mend(p->software);
	p->wire_min = h->wire_min;
	p->wire_max = h->wire_max;
	p->wire = h->wire_max < newest ? h->wire_max : newest;
	p->has_skew = theirs != 0;
	p->skew_ms = theirs < ours ? -ms : ms;
}

static int go_live(struct step *s, struct peer *p, const struct hello *h)
{
	int r;

	if (!id_equal(&p->incarnation, &h->incarnation))
		p->anew_due = 0; /* restored from a backup: it may need all of it again */
	p->incarnation = h->incarnation;
	p->count_in = p->count_out = 0;
	p->failures = 0;
	if (!p->offences)
		p->problem[0] = '\0';
	note_hello(s, p, h);
	p->since_ms = p->last_heard_ms = s->event->wall_ms;
	p->wants_due = 0;
	requests_begin(p);
	move(p, PEER_LIVE, s->event->now + POLL);
	r = node_tell(s, &(struct tell){ .verb = TELL_GREETS, .peer = p->region });
	return r ? err_up(r) : feed_ask(s, p);
}

static int take_hello(struct step *s, struct peer *p, const struct signed_bytes *sh)
{
	enum verdict verdict;
	struct hello h;
	struct pubkey key;
	struct sig sig;
	struct id region;
	enum card_news news;
	int r;

	/* Who cannot stay dials twice a second, at most. */
	if (!p->dialled && is_too_often(s, &p->greetings_since, &p->greetings, GREET_MAX))
		return peer_refuse(s, p, NULL, VERDICT_TOO_OFTEN, true);
	r = wire_hello_decode(sh->bytes, s->arena, &h);
	if (r)
		return r < 0 ? err_up(r)
			     : peer_refuse(s, p, NULL, VERDICT_HELLO_MALFORMED, true);
	if (!judge_hello(s, p, &h, &verdict)) {
		if (verdict == VERDICT_VERSIONS)
			note_hello(s, p, &h);
		return peer_refuse(s, p, NULL, verdict, true);
	}
	r = region_learn(s, h.bundle, &region, &news);
	if (r < 0)
		return err_up(r);
	if (r || !id_equal(&region, &p->region))
		return peer_refuse(s, p, NULL, VERDICT_CARD_WRONG, true);
	r = region_key(s, &p->region, &h.incarnation, &key);
	if (r)
		return r < 0 ? err_up(r) : peer_refuse(s, p, NULL, VERDICT_INCARNATION, true);
	memcpy(sig.b, sh->signature.at, SIG_LEN);
	r = crypto_verify(s->crypto, &key, LABEL_HELLO, sh->bytes, &sig);
	if (!r)
		r = session_agree(s, p, &h, sh->bytes);
	if (r)
		return r < 0 ? err_up(r)
			     : peer_refuse(s, p, NULL, VERDICT_HELLO_SIGNATURE, true);
	if (news == CARD_NEWER) {
		r = peer_load(s, &p->region);
		if (!r)
			r = peer_announce(s);
		if (r)
			return err_up(r);
	}
	r = go_live(s, p, &h);
	if (r || news != CARD_OLDER)
		return r ? err_up(r) : 0;
	return peer_refuse(s, p, NULL, VERDICT_CARD_OLDER, false);
}

/* Sealed messages
 * ------------------------------------------------------------------------------ */

static int take_doorbell(struct step *s, struct peer *p)
{
	int r = peer_idle(s, p);

	if (r || p->state != PEER_LIVE)
		return r ? err_up(r) : 0;
	p->asking = false;
	return feed_ask(s, p);
}

static int take_message(struct step *s, struct peer *p, const struct message *m, size_t bytes)
{
	switch (m->kind) {
	case MSG_ERROR:
		return peer_drop(s, p, "the peer reported an error");
	case MSG_BYE:
		return peer_drop(s, p, "the peer said goodbye");
	case MSG_DOORBELL:
		return take_doorbell(s, p);
	case MSG_FEED_REQ:
		return feed_asked(s, p, m);
	case MSG_FEED:
		return feed_came(s, p, m, bytes);
	case MSG_RECONCILE:
		return feed_reconcile(s, p, m);
	case MSG_GET:
		return sync_get(s, p, m);
	case MSG_CHANGES:
		return sync_changes(s, p, m, bytes);
	case MSG_ASK:
		return request_asked(s, p, m);
	case MSG_ANSWER:
		return request_answered(s, p, m);
	case MSG_HEARD:
		return request_heard(s, p, m);
	case MSG_UNKNOWN:
		return 0; /* a later version's: skipped */
	}
	return 0;
}

static int take_sealed(struct step *s, struct peer *p, struct span sealed)
{
	struct message m;
	struct span plain;
	int r = session_open(s, p, sealed, &plain);

	if (r)
		return r < 0 ? err_up(r) : peer_refuse(s, p, NULL, VERDICT_FRAME_SEALED, true);
	p->last_heard_ms = s->event->wall_ms;
	r = wire_message_decode(plain, s->arena, &m);
	if (r)
		return r < 0 ? err_up(r)
			     : peer_refuse(s, p, NULL, VERDICT_MESSAGE_MALFORMED, true);
	return take_message(s, p, &m, plain.len);
}

int peer_frame(struct step *s)
{
	struct peer *p = find_link(s->node, s->event->link);
	struct frame f;
	int r;

	s->node->bytes_in += s->event->bytes.len;
	if (!p)
		return 0; /* a link that we have given up: what is still in flight is nothing */
	r = wire_frame_decode(s->event->bytes, &f);
	if (r)
		return r < 0 ? err_up(r)
			     : peer_refuse(s, p, NULL, VERDICT_FRAME_MALFORMED, true);
	if (f.is_hello && p->state == PEER_GREETING)
		return take_hello(s, p, &f.hello);
	if (!f.is_hello && p->state == PEER_LIVE)
		return take_sealed(s, p, f.sealed);
	return peer_refuse(
		s, p, NULL, f.is_hello ? VERDICT_HELLO_TWICE : VERDICT_BEFORE_HELLO, true);
}
