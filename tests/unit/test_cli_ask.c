/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Asking: kithctl's side of the control socket, against a server that answers as kithd would,
 * breaks off, refuses, or answers what was not asked.
 */

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/cli/cli.h"

static char dir[] = "/tmp/kith-ask-XXXXXX", path[64];
static struct ctl_server *server;
static pid_t child;
static struct cli cli;
static const struct command command = { .number = VERB_PEERS, .words = "peers" };

static void send_reply(uint64_t client, const struct ctl_reply *r)
{
	struct arena a;
	struct span bytes;
	int sent;

	arena_init(&a, 0);
	if (wire_reply_encode(r, &a, &bytes) != 0)
		_exit(9);
	/* A client that has heard enough may be gone before all of it is said. */
	sent = ctl_server_send(server, client, bytes);
	if (sent != 0 && sent != CTL_E_CLOSED)
		_exit(10);
	arena_done(&a);
}

/* What is asked for is in the request's text; its limit is how often. */
static void answer(uint64_t client, const struct ctl_request *q)
{
	struct ctl_peer peer = { .name = "north-west", .unsent = q->limit };
	struct ctl_reply r = { .id = q->id, .peers = &peer, .n_peers = 1 };
	const char *how = (const char *)q->text.at;

	if (q->text.len == 5 && memcmp(how, "close", 5) == 0) {
		ctl_server_close(server, client);
		return;
	}
	if (q->text.len == 6 && memcmp(how, "refuse", 6) == 0) {
		r = (struct ctl_reply){ .id = q->id,
			.last = true,
			.problem = PROBLEM_BUSY,
			.problem_text = "many" };
		send_reply(client, &r);
		return;
	}
	if (q->text.len == 7 && memcmp(how, "another", 7) == 0)
		r.id += 1000;
	if (q->text.len == 6 && memcmp(how, "pieces", 6) == 0)
		for (uint64_t i = 0; i < q->limit; i++) {
			const struct ctl_reply piece = { .id = q->id,
				.data = SPAN_LIT("abc"),
				.peers = &peer,
				.n_peers = 1,
				.has_progress = true,
				.progress_done = i,
				.progress_of = q->limit };

			send_reply(client, &piece);
		}
	r.last = true;
	send_reply(client, &r);
}

static bool opened(void *ctx, uint64_t client, const struct ctl_peercred *cred)
{
	(void)ctx;
	(void)client;
	(void)cred;
	return true;
}

static void frame(void *ctx, uint64_t client, struct span bytes)
{
	struct ctl_request q;
	struct arena a;

	(void)ctx;
	arena_init(&a, 0);
	if (wire_request_decode(bytes, &a, &q) != 0)
		_exit(8);
	answer(client, &q);
	arena_done(&a);
}

static void closed(void *ctx, uint64_t client)
{
	(void)ctx;
	(void)client;
}

static _Noreturn void serve(void)
{
	struct pollfd p = { .fd = ctl_server_fd(server), .events = POLLIN };
	unsigned n;

	for (;;) {
		(void)poll(&p, 1, -1);
		if (ctl_server_run(server, 64, &n) != 0)
			_exit(7);
	}
}

/* Bound before the fork, so that nobody has to wait for it. */
static int setup(void **state)
{
	static const struct ctl_server_options o = { .frame_max = CONTROL_FRAME_MAX,
		.queue_max = 4 * CONTROL_FRAME_MAX,
		.clients_max = 4,
		.mode = 0600 };
	static const struct ctl_handlers h = { NULL, opened, frame, closed };
	struct why why = { "" };

	(void)state;
	strcpy(dir, "/tmp/kith-ask-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/control", dir);
	assert_int_equal(ctl_server_new(path, -1, &o, &h, &server, &why), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		serve();
	cli = (struct cli){ .verb = &command };
	cli.given[OPT_SOCKET] = path;
	cli.given[OPT_WORKER_ID] = "jo";
	arena_init(&cli.arena, 0);
	return 0;
}

static int teardown(void **state)
{
	int status;

	(void)state;
	cli.link = ctl_client_free(cli.link);
	arena_done(&cli.arena);
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status)); /* it did not leave on its own: see the _exits */
	server = ctl_server_free(server);
	return rmdir(dir);
}

static struct ctl_request request(const char *text, uint64_t limit)
{
	struct ctl_request r = ask_request(&cli);

	r.text = (struct span){ (const uint8_t *)text, strlen(text) };
	r.limit = limit;
	return r;
}

struct heard {
	char bytes[64];
	size_t n, progress;
};

static int piece(void *ctx, struct span data)
{
	struct heard *h = ctx;

	memcpy(h->bytes + h->n, data.at, data.len);
	h->n += data.len;
	return 0;
}

static int progress(void *ctx, const struct reply_head *head)
{
	struct heard *h = ctx;

	assert_int_equal(head->progress_done, h->progress);
	h->progress++;
	return 0;
}

static void one_answer_in_many_pieces_is_one_tree_and_the_bytes_in_order(void **state)
{
	struct ctl_request r = request("pieces", 3);
	struct heard h = { .n = 0 };
	const struct ask how = { .ctx = &h, .piece = piece, .progress = progress };
	json_t *reply = NULL;

	(void)state;
	assert_int_equal(ask(&cli, &r, &how, &reply), 0);
	assert_int_equal(json_array_size(json_object_get(reply, "peers")), 4);
	assert_int_equal(h.n, 9);
	assert_memory_equal(h.bytes, "abcabcabc", 9);
	assert_int_equal(h.progress, 3);
	json_decref(reply);
}

/* Requests 1 to .of, the .bad-th of which is refused. */
struct many {
	uint64_t given, of, bad, answered;
};

static int next(void *ctx, struct arena *a, struct ctl_request *r)
{
	struct many *m = ctx;

	(void)a;
	if (m->given == m->of)
		return ASK_END;
	m->given++;
	r->limit = m->given;
	if (m->given == m->bad)
		r->text = SPAN_LIT("refuse");
	return 0;
}

static int answered(void *ctx, const json_t *reply)
{
	struct many *m = ctx;

	m->answered++;
	assert_int_equal(
		json_number(json_array_get(json_object_get(reply, "peers"), 0), "unsent"),
		m->answered);
	return 0;
}

static void many_requests_are_answered_each_once_and_in_their_order(void **state)
{
	struct many m = { .of = 100 };
	const struct ask_many each = { .ctx = &m, .next = next, .answered = answered };

	(void)state;
	assert_int_equal(ask_each(&cli, &each), 0);
	assert_int_equal(m.given, 100);
	assert_int_equal(m.answered, 100);
}

static void after_a_refusal_no_more_than_what_was_under_way_was_asked(void **state)
{
	struct many m = { .of = 100, .bad = 20 };
	const struct ask_many each = { .ctx = &m, .next = next, .answered = answered };

	(void)state;
	assert_int_equal(ask_each(&cli, &each), CLI_FAILED);
	assert_int_equal(m.answered, 19);
	assert_true(m.given < 20 + ASK_WINDOW);
}

static void a_refusal_is_exit_1(void **state)
{
	struct ctl_request r = request("refuse", 0);
	json_t *reply = NULL;

	(void)state;
	assert_int_equal(ask(&cli, &r, NULL, &reply), CLI_FAILED);
	assert_null(reply);
}

static void a_connection_that_breaks_is_exit_4(void **state)
{
	struct ctl_request r = request("close", 0);
	json_t *reply = NULL;

	(void)state;
	assert_int_equal(ask(&cli, &r, NULL, &reply), CLI_LOST);
}

static void an_answer_to_another_request_is_exit_4(void **state)
{
	struct ctl_request r = request("another", 0);
	json_t *reply = NULL;

	(void)state;
	assert_int_equal(ask(&cli, &r, NULL, &reply), CLI_LOST);
}

static void where_nobody_listens_it_is_exit_3(void **state)
{
	struct ctl_request r = request("", 0);
	json_t *reply = NULL;

	(void)state;
	cli.given[OPT_SOCKET] = "/tmp/kith-nobody-listens-here";
	assert_int_equal(ask(&cli, &r, NULL, &reply), CLI_ABSENT);
}

static int interrupt(void *ctx, const struct reply_head *head)
{
	(void)ctx;
	(void)head;
	return raise(SIGINT);
}

/* The last: what a signal sets stays set. */
static void an_interrupt_ends_a_stream_with_exit_4(void **state)
{
	struct ctl_request r = request("pieces", 1000);
	const struct ask how = { .latest = true, .progress = interrupt };
	json_t *reply = NULL;

	(void)state;
	assert_int_equal(ask(&cli, &r, &how, &reply), CLI_LOST);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_answer_in_many_pieces_is_one_tree_and_the_bytes_in_order),
		TEST(many_requests_are_answered_each_once_and_in_their_order),
		TEST(after_a_refusal_no_more_than_what_was_under_way_was_asked),
		TEST(a_refusal_is_exit_1),
		TEST(a_connection_that_breaks_is_exit_4),
		TEST(an_answer_to_another_request_is_exit_4),
		TEST(where_nobody_listens_it_is_exit_3),
		TEST(an_interrupt_ends_a_stream_with_exit_4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
