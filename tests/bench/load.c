/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Load
 *
 *	load append SOCKET CLIENTS WINDOW COUNT robin|block   <records, one a line
 *	load lag SOCKET-A SOCKET-B COUNT                       <records
 *
 * Notes of NOTE_LEN bytes over control sockets, each one a request, a change and a signature of
 * its own. "append" keeps WINDOW of them under way for each client; robin goes through the
 * records again and again, block finishes one before the next. "lag" adds one at A and follows
 * B's log, which says when it is there: a reply leaves after its turn's commit.
 *
 * The result is one line of JSON.
 */

#include <poll.h>
#include <string.h>

#include <kith/arena.h>
#include <kith/control.h>
#include <kith/ctl.h>

#include "tests/bench/bench.h"

#define NOTE_LEN    256
#define CLIENTS_MAX 64
#define WINDOW_MAX  256

static struct {
	char (*v)[2 * ID_LEN + 2];
	size_t n;
} records;

static void read_records(void)
{
	char line[256];

	while (fgets(line, sizeof(line), stdin)) {
		if (strlen(line) != 2 * ID_LEN + 1)
			die("load: '%s' is no record", line);
		records.v = reallocarray(records.v, records.n + 1, sizeof(*records.v));
		if (!records.v)
			die("load: out of memory");
		memcpy(records.v[records.n++], line, sizeof(*records.v));
	}
	if (records.n == 0)
		die("load: no record on standard input");
}

static struct ctl_client *connect_to(const char *path)
{
	struct ctl_client *c = NULL;
	struct why why = { 0 };

	if (ctl_connect(path, CONTROL_FRAME_MAX, &c, &why) != 0)
		die("load: %s: %s", path, why.text);
	return c;
}

/* Text that is never the same twice and does not compress. */
static void write_note(uint8_t text[NOTE_LEN])
{
	static uint64_t x = 0x9e3779b97f4a7c15;

	if (x == 0x9e3779b97f4a7c15)
		x ^= now_ns();
	for (size_t i = 0; i < NOTE_LEN; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		text[i] = (uint8_t)('a' + x % 26);
	}
}

static void post_note(struct ctl_client *c, struct arena *a, uint32_t id, const char *record)
{
	uint8_t text[NOTE_LEN];
	struct entry note = { .kind = ENTRY_NOTE, .text = { text, NOTE_LEN } };
	struct ctl_request r = { .id = id,
		.verb = VERB_APPEND,
		.worker = SPAN_LIT("bench"),
		.record = { (const uint8_t *)record, 2 * ID_LEN },
		.entries = &note,
		.n_entries = 1 };
	struct span bytes;

	write_note(text);
	arena_reset(a);
	if (wire_request_encode(&r, a, &bytes) != 0 || ctl_client_post(c, bytes) != 0)
		die("load: a request cannot be sent");
}

static void take_reply(struct ctl_client *c, struct arena *a, struct span *ret)
{
	struct reply_head head;

	arena_reset(a);
	if (ctl_client_receive(c, 60000, ret) != 0 || wire_reply_head(*ret, a, &head) != 0)
		die("load: no reply within a minute");
	if (head.problem)
		die("load: %.*s: %.*s", (int)head.problem_name.len, head.problem_name.at,
			(int)head.problem_text.len, head.problem_text.at);
	if (!head.last)
		die("load: a reply that is not the last");
}

/* ---- Appending ---- */

struct writer_client {
	struct ctl_client *c;
	uint64_t sent[WINDOW_MAX]; /* when; a ring, since replies come in order */
	unsigned begun, ended;
};

static struct {
	struct writer_client clients[CLIENTS_MAX];
	struct pollfd polls[CLIENTS_MAX];
	struct arena arena;
	unsigned n_clients, window;
	bool block;
	size_t count, given, done;
	uint64_t *took;
} load;

static const char *next_record(void)
{
	const size_t i = load.given;

	return records.v[load.block ? i * records.n / load.count : i % records.n];
}

static void fill(struct writer_client *w)
{
	while (w->begun - w->ended < load.window && load.given < load.count) {
		const char *record = next_record();

		load.given++;
		w->sent[w->begun % WINDOW_MAX] = now_ns();
		post_note(w->c, &load.arena, ++w->begun, record);
	}
	if (ctl_client_flush(w->c) != 0)
		die("load: the connection is gone");
}

static void drain(struct writer_client *w)
{
	struct span reply;

	do {
		take_reply(w->c, &load.arena, &reply);
		load.took[load.done++] = now_ns() - w->sent[w->ended % WINDOW_MAX];
		w->ended++;
	} while (ctl_client_ready(w->c));
}

static void append(const char *path)
{
	uint64_t begun;
	double s;

	load.took = calloc(load.count, sizeof(*load.took));
	if (!load.took)
		die("load: out of memory");
	for (unsigned i = 0; i < load.n_clients; i++) {
		load.clients[i].c = connect_to(path);
		load.polls[i].fd = ctl_client_fd(load.clients[i].c);
	}
	begun = now_ns();
	for (unsigned i = 0; i < load.n_clients; i++)
		fill(&load.clients[i]);
	while (load.done < load.count) {
		for (unsigned i = 0; i < load.n_clients; i++) {
			const bool queued = ctl_client_queued(load.clients[i].c) > 0;

			load.polls[i].events = queued ? POLLIN | POLLOUT : POLLIN;
		}
		if (poll(load.polls, load.n_clients, 60000) <= 0)
			die("load: nothing within a minute");
		for (unsigned i = 0; i < load.n_clients; i++) {
			if (load.polls[i].revents & (POLLIN | POLLHUP | POLLERR))
				drain(&load.clients[i]);
			if (load.polls[i].revents)
				fill(&load.clients[i]);
		}
	}
	s = seconds_since(begun);
	(void)printf("{\"n\": %zu, \"seconds\": %.6f, \"per_s\": %.1f, \"p50_us\": %.1f, "
		     "\"p99_us\": %.1f}\n",
		load.count, s, (double)load.count / s, quantile(load.took, load.count, 0.5),
		quantile(load.took, load.count, 0.99));
}

/* ---- Lag ---- */

/* What a reply says of "changes" (a status) or of "through" (following), whichever it has. */
static void see_value(void *ctx, const char *name, const struct walk_value *v)
{
	uint64_t *n = ctx;

	if (name && (strcmp(name, "changes") == 0 || strcmp(name, "through") == 0) &&
		v->type == WALK_UINT)
		*n = v->uint;
}

static void see_name(void *ctx, const char *name)
{
	(void)ctx, (void)name;
}

static void see_end(void *ctx)
{
	(void)ctx;
}

static uint64_t number_in(struct span reply, struct arena *a)
{
	uint64_t n = 0;
	const struct walker w = { &n, see_name, see_end, see_name, see_end, see_value };

	if (wire_reply_walk(reply, a, &w) != 0)
		die("load: a reply that cannot be read");
	return n;
}

static void post(struct ctl_client *c, struct arena *a, const struct ctl_request *r)
{
	struct span bytes;

	arena_reset(a);
	if (wire_request_encode(r, a, &bytes) != 0 || ctl_client_send(c, bytes) != 0)
		die("load: a request cannot be sent");
}

/* Follows a region's log from its end: it says there how far the log is, once it is durable. */
static uint64_t follow(struct ctl_client *c, struct arena *a)
{
	struct span reply;
	uint64_t held;

	post(c, a, &(struct ctl_request){ .id = 1, .verb = VERB_STATUS });
	take_reply(c, a, &reply);
	held = number_in(reply, a);
	post(c, a,
		&(struct ctl_request){
			.id = 2, .verb = VERB_FOLLOW, .after = held, .follow = true });
	if (ctl_client_receive(c, 60000, &reply) != 0)
		die("load: no reply within a minute");
	return held;
}

/* What has come on a connection that follows; 0: nothing yet. */
static uint64_t followed(struct ctl_client *c, struct arena *a)
{
	struct span reply;
	int r = ctl_client_receive(c, 0, &reply);

	if (r == CTL_E_TIMEOUT)
		return 0;
	if (r != 0)
		die("load: the connection is gone");
	arena_reset(a);
	return number_in(reply, a);
}

struct lags {
	uint64_t *ack, *both, *after;
};

/* One change, until A has acknowledged it and B has said that it is there, too. */
static void lag_one(struct ctl_client *a, struct ctl_client *b, const char *record,
	uint64_t *held, const struct lags *l, size_t i)
{
	struct pollfd polls[] = { { .fd = ctl_client_fd(a), .events = POLLIN },
		{ .fd = ctl_client_fd(b), .events = POLLIN } };
	const uint64_t begun = now_ns();
	uint64_t acked = 0, there = 0;
	struct span reply;

	post_note(a, &load.arena, (uint32_t)i + 1, record);
	if (ctl_client_flush(a) != 0)
		die("load: the connection is gone");
	while (!acked || !there) {
		if (poll(polls, COUNT(polls), 60000) <= 0)
			die("load: the change does not come");
		if (polls[0].revents) {
			take_reply(a, &load.arena, &reply);
			acked = now_ns();
		}
		if (polls[1].revents && followed(b, &load.arena) > *held) {
			there = now_ns();
			++*held;
		}
	}
	l->ack[i] = acked - begun;
	l->both[i] = (there > acked ? there : acked) - begun;
	l->after[i] = there > acked ? there - acked : 0;
}

static void lag(const char *path_a, const char *path_b, size_t count)
{
	struct ctl_client *a = connect_to(path_a), *b = connect_to(path_b);
	struct lags l = { calloc(count, sizeof(*l.ack)), calloc(count, sizeof(*l.both)),
		calloc(count, sizeof(*l.after)) };
	uint64_t held;

	if (!l.ack || !l.both || !l.after)
		die("load: out of memory");
	held = follow(b, &load.arena);
	for (size_t i = 0; i < count; i++)
		lag_one(a, b, records.v[i % records.n], &held, &l, i);
	(void)printf("{\"n\": %zu, \"ack_p50_us\": %.1f, \"after_p50_us\": %.1f, "
		     "\"after_p99_us\": %.1f, \"both_p50_us\": %.1f, \"both_p99_us\": %.1f}\n",
		count, quantile(l.ack, count, 0.5), quantile(l.after, count, 0.5),
		quantile(l.after, count, 0.99), quantile(l.both, count, 0.5),
		quantile(l.both, count, 0.99));
	free(l.ack), free(l.both), free(l.after);
	ctl_client_free(a);
	ctl_client_free(b);
}

/* ---- The command ---- */

static size_t number(const char *text, size_t max)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	if (*end || n == 0 || n > max)
		die("load: '%s' is no number from 1 to %zu", text, max);
	return n;
}

int main(int argc, char **argv)
{
	arena_init(&load.arena, 0);
	read_records();
	if (argc == 7 && strcmp(argv[1], "append") == 0) {
		load.n_clients = (unsigned)number(argv[3], CLIENTS_MAX);
		load.window = (unsigned)number(argv[4], WINDOW_MAX);
		load.count = number(argv[5], 100000000);
		load.block = strcmp(argv[6], "block") == 0;
		append(argv[2]);
	} else if (argc == 5 && strcmp(argv[1], "lag") == 0) {
		lag(argv[2], argv[3], number(argv[4], 1000000));
	} else {
		die("usage: see tests/bench/load.c");
	}
	for (unsigned i = 0; i < load.n_clients; i++)
		ctl_client_free(load.clients[i].c);
	free(load.took);
	free(records.v);
	arena_done(&load.arena);
	return EXIT_SUCCESS;
}
