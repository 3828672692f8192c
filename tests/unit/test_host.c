/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The host around a node that does as it is told: the store, the sockets and the keys are real,
 * the node is a script, so that turns can be lost at will. A request's .text says what becomes
 * of it. long: all tests are about one script and one world.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kith/message.h>

#include "daemon/host/host.h"
#include "tests/kit/alloc.h"
#include "tests/unit/store_fixture.h"

/* ---- The node ---- */

struct node {
	unsigned begun;
};

static struct {
	struct node node;
	unsigned news;    /* nodes made */
	unsigned seen[8]; /* events by kind */
	unsigned tries;   /* requests stepped */
	uint64_t link;    /* of the latest frame */
	size_t makes;     /* bytes that each frame makes */
	bool full_tick;   /* the first tick does not fit */
	bool full_end;    /* nor does the end of a turn with a request, once */
	unsigned ended;   /* turns */
	msec due;
} script;

int node_new(struct crypto *c, const struct node_keys *keys, const struct node_options *o,
	const struct view *v, struct node **ret, struct why *why)
{
	(void)c, (void)keys, (void)o, (void)v, (void)why;
	script.news++;
	*ret = &script.node;
	return 0;
}

struct node *node_free(struct node *n)
{
	(void)n;
	return NULL;
}

uint64_t node_changes(const struct node *n)
{
	(void)n;
	return 0;
}

msec node_due(const struct node *n)
{
	(void)n;
	return script.due;
}

static int say(struct actions *out, uint64_t client, uint32_t id, bool last, size_t size)
{
	struct ctl_reply reply = { .id = id, .last = last };
	struct action a = { .kind = ACTION_REPLY, .client = client, .last = last };
	struct action *grown;

	reply.data = (struct span){ arena_alloc(out->arena, size + 1), size };
	grown = arena_grow(out->arena, out->v, out->n, &out->room, sizeof(*out->v));
	if (!reply.data.at || !grown || wire_reply_encode(&reply, out->arena, &a.bytes))
		return err_new(-ENOMEM);
	out->v = grown;
	out->v[out->n++] = a;
	return 0;
}

static bool is(struct span s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

static int asked(const struct event *e, const struct view *v, struct actions *out)
{
	struct ctl_request q;

	if (wire_request_decode(e->bytes, out->arena, &q))
		return err_new(-ENOMEM);
	script.tries++;
	if (is(q.text, "full"))
		return VIEW_FULL;
	if (is(q.text, "damaged"))
		return VIEW_DAMAGED;
	if (is(q.text, "break"))
		return err_new(-ENOMEM);
	if (is(q.text, "write") && v->put(v->ctx, TABLE_META, q.worker, q.worker))
		return err_new(-ENOMEM);
	if (is(q.text, "large"))
		return say(out, e->client, q.id, true, (size_t)900 * 1024);
	return say(out, e->client, q.id, !is(q.text, "follow"), 0);
}

int node_step(struct node *n, const struct event *e, const struct view *v, struct actions *out)
{
	(void)n;
	script.seen[e->kind]++;
	if (e->kind == EVENT_TICK && script.full_tick) {
		script.full_tick = false;
		return VIEW_FULL;
	}
	if (e->kind == EVENT_FRAME)
		script.link = e->link;
	if (e->kind == EVENT_FRAME && script.makes && !arena_alloc(out->arena, script.makes))
		return err_new(-ENOMEM);
	return e->kind == EVENT_ASK ? asked(e, v, out) : 0;
}

int node_end(struct node *n, const struct event *e, const struct view *v, struct actions *out)
{
	(void)n, (void)e, (void)v;
	script.ended++;
	if (!script.full_end || !script.tries)
		return 0;
	script.full_end = false;
	assert_int_equal(out->n, 1); /* the answer is there, and must not be heard */
	return VIEW_FULL;
}

/* ---- A host in a directory of its own ---- */

struct world {
	struct fixture *f;
	struct host h;
	char control[192], link[192];
};

static void write_keys(struct world *w, const char *dir)
{
	static const char *const kinds[] = { "sign", "control", "kem", "token", "store" };
	char path[256];

	assert_int_equal(mkdir(dir, 0700), 0);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		snprintf(path, sizeof(path), "%s/%s.key", dir, kinds[i]);
		assert_int_equal(keyfile_write(w->f->crypto, path, kinds[i], &w->f->key, NULL,
					 &w->f->why),
			0);
	}
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char text[1024], keys[192];

	assert_non_null(w);
	fixture_bare((void **)&w->f);
	assert_int_equal(
		store_create(w->f->dir, &w->f->options, w->f->crypto, &w->f->key, &w->f->why),
		0);
	snprintf(keys, sizeof(keys), "%s/keys", w->f->top);
	snprintf(w->control, sizeof(w->control), "%s/control", w->f->top);
	snprintf(w->link, sizeof(w->link), "%s/link", w->f->top);
	write_keys(w, keys);
	snprintf(text, sizeof(text),
		"state_dir = \"%s\"\nmap_size = 64MiB\ncontrol_socket = \"%s\"\n"
		"link_socket = \"%s\"\n",
		w->f->top, w->control, w->link);
	if (conf_parse("test", text, &w->h.conf, &w->f->why))
		fail_msg("conf: %s", w->f->why.text);

	memset(&script, 0, sizeof(script));
	script.due = MSEC_NEVER;
	if (host_open(&w->h, &w->f->why))
		fail_msg("host_open: %s", w->f->why.text);
	assert_int_equal(serve_open(&w->h, -1, -1, &w->f->why), 0);
	assert_int_equal(node_begin(&w->h, &w->f->why), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	serve_close(&w->h);
	host_close(&w->h);
	err_forget();
	fixture_teardown((void **)&w->f);
	free(w);
	return 0;
}

static struct ctl_client *come(const char *path, size_t frame_max)
{
	struct ctl_client *c;
	struct why why;

	assert_int_equal(ctl_connect(path, frame_max, &c, &why), 0);
	return c;
}

static void ask(struct ctl_client *c, uint32_t id, const char *text)
{
	const struct ctl_request q = { .id = id,
		.verb = VERB_STATUS,
		.text = { (const uint8_t *)text, strlen(text) },
		.worker = SPAN_LIT("jo") };
	struct arena a;
	struct span bytes;

	arena_init(&a, 0);
	assert_int_equal(wire_request_encode(&q, &a, &bytes), 0);
	assert_int_equal(ctl_client_send(c, bytes), 0);
	arena_done(&a);
}

/* Everything that is in the sockets by now, each call one turn, until nothing moves. */
static int settle(struct world *w)
{
	struct pollfd fds[] = { { .fd = ctl_server_fd(w->h.control), .events = POLLIN },
		{ .fd = ctl_server_fd(w->h.link), .events = POLLIN } };

	for (int i = 0; i < 1000 && poll(fds, 2, 0) > 0; i++) {
		int r = serve(&w->h);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The id of the next reply, and its problem. */
static uint32_t heard(struct ctl_client *c, uint32_t *problem)
{
	struct reply_head head;
	struct span bytes;
	struct arena a;

	arena_init(&a, 0);
	assert_int_equal(ctl_client_receive(c, 5000, &bytes), 0);
	assert_int_equal(wire_reply_head(bytes, &a, &head), 0);
	arena_done(&a);
	*problem = head.problem;
	return head.id;
}

static void assert_answered(struct ctl_client *c, uint32_t id, uint32_t problem)
{
	uint32_t got;

	assert_int_equal(heard(c, &got), id);
	assert_int_equal(got, problem);
}

static void assert_silent(struct ctl_client *c)
{
	struct span bytes;

	assert_int_equal(ctl_client_receive(c, 0, &bytes), CTL_E_TIMEOUT);
}

static void assert_closed(struct ctl_client *c)
{
	struct span bytes;

	assert_int_equal(ctl_client_receive(c, 5000, &bytes), CTL_E_CLOSED);
}

static uint64_t commits(struct world *w)
{
	struct store_stat s;

	assert_int_equal(store_stat(w->h.store, &s), 0);
	return s.commits;
}

/* ---- Turns ---- */

static void requests_that_are_there_together_share_one_commit(void **state)
{
	struct world *w = *state;
	struct ctl_client *a = come(w->control, CONTROL_FRAME_MAX);
	struct ctl_client *b = come(w->control, CONTROL_FRAME_MAX);
	const uint64_t before = commits(w);

	for (uint32_t i = 1; i <= 5; i++) {
		ask(a, i, "write");
		ask(b, 100 + i, "write");
	}
	assert_int_equal(settle(w), 0);
	assert_int_equal(commits(w), before + 1);
	for (uint32_t i = 1; i <= 5; i++) {
		assert_answered(a, i, 0);
		assert_answered(b, 100 + i, 0);
	}
	ctl_client_free(a);
	ctl_client_free(b);
}

static void turn_that_wrote_nothing_is_not_flushed(void **state)
{
	struct world *w = *state;
	struct ctl_client *a = come(w->control, CONTROL_FRAME_MAX);
	const uint64_t before = commits(w);

	ask(a, 1, "read");
	assert_int_equal(settle(w), 0);
	assert_answered(a, 1, 0);
	assert_int_equal(commits(w), before);
	ctl_client_free(a);
}

static void request_that_does_not_fit_hears_disk_full_and_the_others_are_served(void **state)
{
	struct world *w = *state;
	struct ctl_client *a = come(w->control, CONTROL_FRAME_MAX);
	struct ctl_client *b = come(w->control, CONTROL_FRAME_MAX);

	ask(a, 1, "write");
	ask(b, 2, "full");
	assert_int_equal(settle(w), 0);
	assert_answered(a, 1, 0);
	assert_silent(a); /* what the lost turn wanted to say was never said */
	assert_answered(b, 2, PROBLEM_DISK_FULL);
	assert_int_equal(script.news, 3); /* the first, after the turn, after "full" alone */
	ask(b, 3, "write");
	assert_int_equal(settle(w), 0);
	assert_answered(b, 3, 0);
	ctl_client_free(a);
	ctl_client_free(b);
}

static void turn_whose_end_does_not_fit_is_lost_like_one_whose_step_does_not(void **state)
{
	struct world *w = *state;
	struct ctl_client *a = come(w->control, CONTROL_FRAME_MAX);
	unsigned ended;

	script.full_end = true;
	ask(a, 1, "write");
	assert_int_equal(settle(w), 0);
	assert_answered(a, 1, 0);
	assert_silent(a);
	assert_int_equal(script.tries, 2);
	assert_int_equal(script.news, 2);
	ended = script.ended;
	ask(a, 2, "read");
	assert_int_equal(settle(w), 0);
	assert_answered(a, 2, 0);
	assert_int_equal(script.ended, ended + 1); /* also of a turn that writes nothing */
	ctl_client_free(a);
}

static void request_that_meets_a_damaged_row_hears_so(void **state)
{
	struct world *w = *state;
	struct ctl_client *a = come(w->control, CONTROL_FRAME_MAX);

	ask(a, 7, "damaged");
	assert_int_equal(settle(w), 0);
	assert_answered(a, 7, PROBLEM_DAMAGED);
	ctl_client_free(a);
}

static void request_that_breaks_us_closes_its_own_client_only(void **state)
{
	struct world *w = *state;
	struct ctl_client *a = come(w->control, CONTROL_FRAME_MAX);
	struct ctl_client *b = come(w->control, CONTROL_FRAME_MAX);

	ask(a, 1, "write");
	ask(b, 2, "break");
	assert_int_equal(settle(w), 0);
	assert_answered(a, 1, 0);
	assert_closed(b);
	ctl_client_free(a);
	ctl_client_free(b);
}

static void who_waits_for_what_a_new_node_does_not_know_is_closed(void **state)
{
	struct world *w = *state;
	struct ctl_client *follower = come(w->control, CONTROL_FRAME_MAX);
	struct ctl_client *idle = come(w->control, CONTROL_FRAME_MAX);
	struct ctl_client *b = come(w->control, CONTROL_FRAME_MAX);

	ask(follower, 1, "follow");
	ask(idle, 2, "read");
	assert_int_equal(settle(w), 0);
	assert_answered(follower, 1, 0);
	assert_answered(idle, 2, 0);

	ask(b, 3, "full");
	assert_int_equal(settle(w), 0);
	assert_closed(follower);
	assert_silent(idle);
	ctl_client_free(follower);
	ctl_client_free(idle);
	ctl_client_free(b);
}

static void ten_broken_turns_within_a_minute_end_kithd(void **state)
{
	struct world *w = *state;
	int r = 0, n = 0;

	for (; n < 10 && r == 0; n++) {
		struct ctl_client *c = come(w->control, CONTROL_FRAME_MAX);

		ask(c, 1, "break");
		r = settle(w);
		ctl_client_free(c);
	}
	assert_true(r < 0);
	assert_int_equal(n, 5); /* each breaks two turns: its first, and one alone */
}

static void full_store_never_ends_kithd(void **state)
{
	struct world *w = *state;
	struct ctl_client *c = come(w->control, CONTROL_FRAME_MAX);

	for (uint32_t i = 0; i < 50; i++) {
		ask(c, i, "full");
		assert_int_equal(settle(w), 0);
		assert_answered(c, i, PROBLEM_DISK_FULL);
	}
	ctl_client_free(c);
}

static void tick_that_does_not_fit_comes_back_later_not_at_once(void **state)
{
	struct world *w = *state;

	script.due = 0;
	script.full_tick = true;
	assert_int_equal(serve(&w->h), 0);
	assert_true(turn_due(&w->h) > host_now());
	w->h.held_until = 0;
	assert_int_equal(serve(&w->h), 0);
	assert_false(script.full_tick);
}

static void client_that_does_not_read_is_not_read_from(void **state)
{
	struct world *w = *state;
	struct ctl_client *c = come(w->control, CONTROL_FRAME_MAX);
	struct span bytes;
	int heard_of = 0, r;

	for (uint32_t i = 0; i < 60; i++)
		ask(c, i, "large");
	for (int i = 0; i < 60; i++)
		assert_int_equal(serve(&w->h), 0);
	assert_true(script.tries < 60);
	for (int i = 0; i < 100000 && heard_of < 60; i++) {
		assert_int_equal(settle(w), 0);
		r = ctl_client_receive(c, 0, &bytes);
		assert_true(r == 0 || r == CTL_E_TIMEOUT);
		heard_of += r == 0;
	}
	assert_int_equal(heard_of, 60);
	assert_int_equal(script.tries, 60);
	ctl_client_free(c);
}

/* Ours alone: the client's side of the socket allocates before and after. */
static bool answered_or_closed(struct ctl_client *c)
{
	struct span bytes;
	int r = ctl_client_receive(c, 0, &bytes);

	return r == 0 || r == CTL_E_CLOSED;
}

static void out_of_memory_ends_kithd_or_is_a_lost_turn_but_never_silence(void **state)
{
	struct world *w = *state;
	unsigned ended = 0, survived = 0;

	for (uint64_t n = 1; n < 1000; n++) {
		struct ctl_client *c = come(w->control, CONTROL_FRAME_MAX);
		bool failed;
		int r;

		ask(c, 1, "write");
		alloc_fail_at(n);
		r = settle(w);
		failed = alloc_failed();
		if (r < 0)
			ended++;
		else if (failed)
			survived++;
		if (r == 0)
			assert_true(answered_or_closed(c));
		ctl_client_free(c);
		if (!failed) {
			assert_int_equal(r, 0);
			assert_true(ended > 0 && survived > 0);
			return;
		}
		teardown(state);
		setup(state);
		w = *state;
	}
	fail_msg("it never got through");
}

/* ---- kith-link ---- */

static void link_say(struct ctl_client *c, const struct link_frame *f)
{
	struct arena a;
	struct span bytes;

	arena_init(&a, 0);
	assert_int_equal(wire_link_encode(f, &a, &bytes), 0);
	assert_int_equal(ctl_client_send(c, bytes), 0);
	arena_done(&a);
}

static void frames_of_kith_link_become_events(void **state)
{
	struct world *w = *state;
	struct ctl_client *l = come(w->link, LINK_FRAME_MAX);

	link_say(
		l, &(struct link_frame){ .kind = LINK_READY, .listen = SPAN_LIT("tcp://a:1") });
	link_say(l, &(struct link_frame){ .kind = LINK_UP, .link = 4 });
	link_say(l, &(struct link_frame){
			    .kind = LINK_RECEIVED, .link = 4, .frame = SPAN_LIT("bytes") });
	link_say(l, &(struct link_frame){
			    .kind = LINK_DOWN, .link = 4, .reason = SPAN_LIT("bye") });
	assert_int_equal(settle(w), 0);
	assert_int_equal(script.seen[EVENT_LINK_READY], 1);
	assert_int_equal(script.seen[EVENT_LINK_UP], 1);
	assert_int_equal(script.seen[EVENT_FRAME], 1);
	assert_int_equal(script.seen[EVENT_LINK_DOWN], 1);
	assert_int_equal(script.link, 4);
	ctl_client_free(l);
	assert_int_equal(settle(w), 0);
	assert_int_equal(script.seen[EVENT_LINK_GONE], 1);
}

static void what_peers_say_is_heard_in_portions_and_all_of_it(void **state)
{
	enum { FRAMES = 12 };
	struct world *w = *state;
	struct ctl_client *l = come(w->link, LINK_FRAME_MAX);

	link_say(
		l, &(struct link_frame){ .kind = LINK_READY, .listen = SPAN_LIT("tcp://a:1") });
	assert_int_equal(settle(w), 0);
	script.makes = TURN_LINK_MAX / 3;
	for (unsigned i = 0; i < FRAMES; i++)
		link_say(l,
			&(struct link_frame){
				.kind = LINK_RECEIVED, .link = 4, .frame = SPAN_LIT("bytes") });
	assert_int_equal(serve(&w->h), 0);
	assert_in_range(script.seen[EVENT_FRAME], 3, 4);
	assert_int_equal(settle(w), 0);
	assert_int_equal(script.seen[EVENT_FRAME], FRAMES);
	ctl_client_free(l);
	assert_int_equal(settle(w), 0);
	assert_int_equal(script.seen[EVENT_LINK_GONE], 1);
}

static void second_kith_link_is_refused_and_the_first_stays(void **state)
{
	struct world *w = *state;
	struct ctl_client *l = come(w->link, LINK_FRAME_MAX), *m;

	assert_int_equal(settle(w), 0);
	m = come(w->link, LINK_FRAME_MAX);
	assert_int_equal(settle(w), 0);
	assert_closed(m);
	assert_silent(l);
	ctl_client_free(m);
	ctl_client_free(l);
}

static void kith_link_that_says_what_only_kithd_says_is_closed(void **state)
{
	struct world *w = *state;
	struct ctl_client *l = come(w->link, LINK_FRAME_MAX);

	link_say(l, &(struct link_frame){ .kind = LINK_DIAL, .link = 3 });
	assert_int_equal(settle(w), 0);
	assert_closed(l);
	assert_int_equal(script.seen[EVENT_LINK_GONE], 1);
	ctl_client_free(l);

	l = come(w->link, LINK_FRAME_MAX);
	assert_int_equal(ctl_client_send(l, SPAN_LIT("\xff\xff\xff")), 0);
	assert_int_equal(settle(w), 0);
	assert_closed(l);
	ctl_client_free(l);
}

static void lost_turn_drops_kith_link_and_takes_it_back_later(void **state)
{
	struct world *w = *state;
	struct ctl_client *c = come(w->control, CONTROL_FRAME_MAX);
	struct ctl_client *l = come(w->link, LINK_FRAME_MAX);

	assert_int_equal(settle(w), 0);
	ask(c, 1, "full");
	assert_int_equal(settle(w), 0);
	assert_closed(l);
	assert_int_equal(script.seen[EVENT_LINK_GONE], 0); /* the new node never knew it */
	ctl_client_free(l);

	l = come(w->link, LINK_FRAME_MAX);
	assert_int_equal(settle(w), 0);
	assert_closed(l);
	ctl_client_free(l);

	w->h.held_until = 0;
	l = come(w->link, LINK_FRAME_MAX);
	assert_int_equal(settle(w), 0);
	assert_silent(l);
	assert_true(w->h.link_client != 0);
	ctl_client_free(l);
	ctl_client_free(c);
}

static void who_asks_is_named_with_the_true_uid(void **state)
{
	struct world *w = *state;
	struct ctl_client *c = come(w->control, CONTROL_FRAME_MAX);
	char uid[32];

	assert_int_equal(settle(w), 0);
	snprintf(uid, sizeof(uid), "uid %u", (unsigned)geteuid());
	assert_memory_equal(w->h.askers[0].user, uid, strlen(uid));
	ctl_client_free(c);
}

/* ---- Opening ---- */

static void key_that_is_not_there_is_named(void **state)
{
	struct world *w = *state;
	struct node_keys keys = { 0 };
	struct secret store;
	char path[256];

	snprintf(path, sizeof(path), "%s/keys/kem.key", w->f->top);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(host_keys_read(w->f->crypto, &w->h.conf, &keys, &store, &w->f->why),
		CRYPTO_E_BAD);
	assert_non_null(strstr(w->f->why.text, "kem.key"));
}

static void store_that_is_not_there_says_how_to_make_one(void **state)
{
	struct host other = { 0 };
	struct why why = { 0 };

	(void)state;
	assert_int_equal(
		conf_parse("t", "state_dir = \"/nonexistent/kith\"\n", &other.conf, &why), 0);
	assert_int_equal(host_open(&other, &why), 1);
	assert_non_null(strstr(why.text, "kithctl region init"));
	host_close(&other);
}

static void second_kithd_on_one_store_is_refused(void **state)
{
	struct world *w = *state;
	struct host other = { 0 };
	struct why why = { 0 };
	char text[512];

	snprintf(text, sizeof(text), "state_dir = \"%s\"\nmap_size = 64MiB\n", w->f->top);
	assert_int_equal(conf_parse("t", text, &other.conf, &why), 0);
	assert_int_equal(host_open(&other, &why), 1);
	assert_true(strlen(why.text) > 0);
	host_close(&other);
}

/* ---- What the watchdog is fed by ---- */

static void loop_that_spins_on_a_tick_that_does_nothing_is_not_alive(void **state)
{
	struct world *w = *state;
	struct watch watch = { .done = w->h.done };

	script.due = 0; /* always */
	for (int i = 0; i < SPIN_WAKES; i++) {
		assert_int_equal(serve(&w->h), 0);
		watch.wakes++;
	}
	assert_true(script.seen[EVENT_TICK] >= SPIN_WAKES);
	assert_false(watch_alive(&watch, w->h.done));
}

static void loop_that_sleeps_and_one_that_serves_are_alive(void **state)
{
	struct world *w = *state;
	struct ctl_client *a = come(w->control, CONTROL_FRAME_MAX);
	struct watch watch = { .done = w->h.done };

	watch.wakes = SPIN_WAKES - 1;
	assert_true(watch_alive(&watch, w->h.done));
	watch.wakes = 1000000;
	ask(a, 1, "read");
	assert_int_equal(settle(w), 0);
	assert_answered(a, 1, 0);
	assert_true(watch_alive(&watch, w->h.done));
	/* Who only comes and goes does not make a working loop look dead. */
	watch.wakes = 1000000;
	ctl_client_free(a);
	assert_int_equal(settle(w), 0);
	assert_true(watch_alive(&watch, w->h.done));
	watch.wakes = 1000000;
	assert_false(watch_alive(&watch, w->h.done));
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(requests_that_are_there_together_share_one_commit),
		TEST(turn_that_wrote_nothing_is_not_flushed),
		TEST(request_that_does_not_fit_hears_disk_full_and_the_others_are_served),
		TEST(turn_whose_end_does_not_fit_is_lost_like_one_whose_step_does_not),
		TEST(request_that_meets_a_damaged_row_hears_so),
		TEST(request_that_breaks_us_closes_its_own_client_only),
		TEST(who_waits_for_what_a_new_node_does_not_know_is_closed),
		TEST(ten_broken_turns_within_a_minute_end_kithd),
		TEST(full_store_never_ends_kithd),
		TEST(tick_that_does_not_fit_comes_back_later_not_at_once),
		TEST(client_that_does_not_read_is_not_read_from),
		TEST(out_of_memory_ends_kithd_or_is_a_lost_turn_but_never_silence),
		TEST(frames_of_kith_link_become_events),
		TEST(what_peers_say_is_heard_in_portions_and_all_of_it),
		TEST(second_kith_link_is_refused_and_the_first_stays),
		TEST(kith_link_that_says_what_only_kithd_says_is_closed),
		TEST(lost_turn_drops_kith_link_and_takes_it_back_later),
		TEST(who_asks_is_named_with_the_true_uid),
		TEST(key_that_is_not_there_is_named),
		TEST(store_that_is_not_there_says_how_to_make_one),
		TEST(second_kithd_on_one_store_is_refused),
		TEST(loop_that_spins_on_a_tick_that_does_nothing_is_not_alive),
		TEST(loop_that_sleeps_and_one_that_serves_are_alive),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
