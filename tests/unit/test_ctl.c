/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Ctl (long: one test for each way of being hostile): one process is server and clients at
 * once. The server runs when its descriptor is readable and never otherwise, so a test that
 * ends has also shown that it asks to be run.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <kith/ctl.h>

#include "tests/kit/alloc.h"

#define FRAME_LIMIT 100000
#define QUEUE_LIMIT 300000
#define CLIENTS     40
#define WAIT_MS     5000 /* for what must come; nothing waits so long when it works */

struct seen {
	struct ctl_server *server;
	char dir[64], path[80];
	unsigned opened, closed, frames;
	uint64_t last, last_closed;
	struct ctl_peercred cred;
	size_t bytes;
	unsigned char first;
	bool echo, refuse, hang_up;
	uint64_t by[64]; /* who sent which frame, in order */
	int answer;      /* what the last send said */
};

static bool on_opened(void *ctx, uint64_t client, const struct ctl_peercred *cred)
{
	struct seen *t = ctx;

	t->opened++;
	t->last = client;
	t->cred = *cred;
	return !t->refuse;
}

static void on_frame(void *ctx, uint64_t client, struct span bytes)
{
	struct seen *t = ctx;

	if (t->frames < COUNT(t->by))
		t->by[t->frames] = client;
	t->frames++;
	t->bytes += bytes.len;
	t->first = bytes.len ? bytes.at[0] : 0;
	if (t->echo)
		t->answer = ctl_server_send(t->server, client, bytes);
	if (t->hang_up)
		ctl_server_close(t->server, client);
}

static void on_closed(void *ctx, uint64_t client)
{
	struct seen *t = ctx;

	t->closed++;
	t->last_closed = client;
}

static const struct ctl_server_options options = {
	.frame_max = FRAME_LIMIT,
	.queue_max = QUEUE_LIMIT,
	.clients_max = CLIENTS,
	.mode = 0660,
};

static struct ctl_handlers handlers_of(struct seen *t)
{
	return (struct ctl_handlers){ t, on_opened, on_frame, on_closed };
}

static int setup(void **state)
{
	struct seen *t = calloc(1, sizeof(*t));
	struct ctl_handlers h = handlers_of(t);
	struct why why;

	snprintf(t->dir, sizeof(t->dir), "/tmp/kith-ctl-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->path, sizeof(t->path), "%s/socket", t->dir);
	assert_int_equal(ctl_server_new(t->path, -1, &options, &h, &t->server, &why), 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct seen *t = *state;

	ctl_server_free(t->server);
	assert_int_equal(access(t->path, F_OK), -1);
	assert_int_equal(rmdir(t->dir), 0);
	free(t);
	return 0;
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* Everything that the server has to do now. */
static void settle(struct seen *t)
{
	unsigned n;

	while (readable(ctl_server_fd(t->server), 0))
		assert_int_equal(ctl_server_run(t->server, 3, &n), 0);
}

/* Run until .count has reached .want. */
static void until(struct seen *t, const unsigned *count, unsigned want)
{
	unsigned n;

	while (*count < want) {
		assert_true(readable(ctl_server_fd(t->server), WAIT_MS));
		assert_int_equal(ctl_server_run(t->server, 3, &n), 0);
	}
	assert_int_equal(*count, want);
}

static int raw(struct seen *t)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", t->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static struct ctl_client *client(struct seen *t)
{
	struct ctl_client *c;
	struct why why;

	assert_int_equal(ctl_connect(t->path, FRAME_LIMIT, &c, &why), 0);
	return c;
}

static void write_head(int fd, uint32_t len)
{
	uint32_t big = htonl(len);

	assert_int_equal(write(fd, &big, 4), 4);
}

static void go_there_and_back(struct seen *t, struct ctl_client *c)
{
	static const size_t sizes[] = { 0, 1, 3, 4, 5, 4091, 4092, 4093, 65536, FRAME_LIMIT,
		7 };
	uint8_t *bytes = malloc(FRAME_LIMIT);
	struct span got;

	t->echo = true;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		memset(bytes, (int)(i + 1), sizes[i]);
		assert_int_equal(ctl_client_post(c, (struct span){ bytes, sizes[i] }), 0);
		while (ctl_client_queued(c) > 0) {
			settle(t);
			assert_int_equal(ctl_client_flush(c), 0);
		}
		until(t, &t->frames, (unsigned)i + 1);
		while (ctl_client_receive(c, 0, &got) == CTL_E_TIMEOUT)
			settle(t);
		assert_int_equal(got.len, sizes[i]);
		assert_memory_equal(got.at, bytes, got.len);
	}
	assert_int_equal(t->opened, 1);
	assert_int_equal(t->closed, 0);
	ctl_client_free(c);
	until(t, &t->closed, 1);
	free(bytes);
}

static void frames_of_every_size_go_there_and_back(void **state)
{
	struct seen *t = *state;

	go_there_and_back(t, client(t));
}

/* With buffers that are kept from one to the next: what a large one left is not in a small one.
 */
static void frames_of_a_bulk_client_go_there_and_back(void **state)
{
	struct ctl_server_options bulk = options;
	struct seen *t = *state;
	struct ctl_handlers h = handlers_of(t);
	struct ctl_client *c;
	struct why why;

	ctl_server_free(t->server);
	bulk.bulk = true;
	assert_int_equal(ctl_server_new(t->path, -1, &bulk, &h, &t->server, &why), 0);
	c = client(t);
	ctl_client_bulk(c);
	go_there_and_back(t, c);
}

static void who_connects_is_known_by_the_kernel(void **state)
{
	struct seen *t = *state;
	struct ctl_client *c = client(t);

	until(t, &t->opened, 1);
	assert_int_equal(t->cred.pid, getpid());
	assert_int_equal(t->cred.uid, geteuid());
	assert_int_equal(t->cred.gid, getegid());
	assert_int_equal(t->cred.n_groups, getgroups(0, NULL));
	ctl_client_free(c);
}

static void frame_that_comes_byte_by_byte_arrives_once_and_whole(void **state)
{
	static const uint8_t bytes[] = { 0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 1, 'd' };
	struct seen *t = *state;
	int fd = raw(t);

	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(write(fd, bytes + i, 1), 1);
		settle(t);
		assert_int_equal(t->frames, i < 6 ? 0 : i < 11 ? 1 : 2);
	}
	assert_int_equal(t->bytes, 4);
	assert_int_equal(t->first, 'd');
	close(fd);
}

static void length_over_the_limit_closes_without_reserving_it(void **state)
{
	static const uint32_t lens[] = { FRAME_LIMIT + 1, 0x80000000, 0xffffffff };
	struct seen *t = *state;
	char c;

	for (unsigned i = 0; i < COUNT(lens); i++) {
		int fd = raw(t);

		write_head(fd, lens[i]);
		until(t, &t->closed, i + 1);
		assert_int_equal(read(fd, &c, 1), 0);
		close(fd);
	}
	assert_int_equal(t->frames, 0);
}

static void frames_before_a_bad_length_still_count(void **state)
{
	struct seen *t = *state;
	int fd = raw(t);

	write_head(fd, 1);
	assert_int_equal(write(fd, "x", 1), 1);
	write_head(fd, FRAME_LIMIT + 1);
	until(t, &t->closed, 1);
	assert_int_equal(t->frames, 1);
	close(fd);
}

static void client_that_leaves_in_the_middle_of_a_frame_is_closed_once(void **state)
{
	struct seen *t = *state;
	int fd = raw(t);

	write_head(fd, 10);
	assert_int_equal(write(fd, "half", 4), 4);
	settle(t);
	assert_int_equal(t->closed, 0);
	close(fd);
	until(t, &t->closed, 1);
	settle(t);
	assert_int_equal(t->frames, 0);
	assert_int_equal(t->closed, 1);
}

static void whole_frames_of_a_client_that_left_are_delivered_before_it_is_closed(void **state)
{
	struct seen *t = *state;
	int fd = raw(t);
	unsigned n;

	for (int i = 0; i < 5; i++) {
		write_head(fd, 1);
		assert_int_equal(write(fd, "x", 1), 1);
	}
	close(fd);
	until(t, &t->opened, 1);
	while (t->closed == 0) {
		assert_true(readable(ctl_server_fd(t->server), WAIT_MS));
		assert_int_equal(ctl_server_run(t->server, 1, &n), 0);
		assert_in_range(n, 0, 1);
	}
	assert_int_equal(t->frames, 5);
}

static void reader_that_does_not_read_is_closed_as_slow(void **state)
{
	uint8_t *bytes = calloc(1, FRAME_LIMIT);
	struct seen *t = *state;
	int fd = raw(t), r = 0, sent = 0;

	until(t, &t->opened, 1);
	while (r == 0 && sent < 1000) {
		assert_in_range(ctl_server_queued(t->server, t->last), 0, QUEUE_LIMIT);
		r = ctl_server_send(t->server, t->last, (struct span){ bytes, FRAME_LIMIT });
		sent++;
	}
	assert_int_equal(r, CTL_E_SLOW);
	assert_in_range(sent, 3, 999);
	assert_int_equal(ctl_server_send(t->server, t->last, SPAN_LIT("x")), CTL_E_CLOSED);
	assert_int_equal(t->closed, 0); /* told in a run, not inside the call */
	until(t, &t->closed, 1);
	assert_int_equal(t->last_closed, t->last);
	close(fd);
	free(bytes);
}

static void what_is_queued_goes_out_before_a_close(void **state)
{
	uint8_t *bytes = calloc(1, FRAME_LIMIT);
	struct seen *t = *state;
	struct ctl_client *c = client(t);
	struct span got;
	int r, n = 0;

	until(t, &t->opened, 1);
	while (ctl_server_queued(t->server, t->last) == 0) {
		n++;
		assert_int_equal(ctl_server_send(t->server, t->last,
					 (struct span){ bytes, FRAME_LIMIT }),
			0);
	}
	ctl_server_close(t->server, t->last);
	assert_int_equal(ctl_server_send(t->server, t->last, SPAN_LIT("x")), CTL_E_CLOSED);
	for (int i = 0; i < n; i++) {
		while ((r = ctl_client_receive(c, 0, &got)) == CTL_E_TIMEOUT)
			settle(t);
		assert_int_equal(r, 0);
		assert_int_equal(got.len, FRAME_LIMIT);
	}
	until(t, &t->closed, 1);
	assert_int_equal(ctl_client_receive(c, WAIT_MS, &got), CTL_E_CLOSED);
	ctl_client_free(c);
	free(bytes);
}

static void handler_may_close_the_client_whose_frame_it_holds(void **state)
{
	struct seen *t = *state;
	struct ctl_client *c = client(t);
	struct span got;

	t->echo = t->hang_up = true;
	assert_int_equal(ctl_client_send(c, SPAN_LIT("one")), 0);
	assert_int_equal(ctl_client_send(c, SPAN_LIT("two")), 0);
	until(t, &t->closed, 1);
	assert_int_equal(t->frames, 1);
	assert_int_equal(ctl_client_receive(c, WAIT_MS, &got), 0);
	assert_memory_equal(got.at, "one", 3);
	assert_int_equal(ctl_client_receive(c, WAIT_MS, &got), CTL_E_CLOSED);
	ctl_client_free(c);
}

static void paused_client_is_not_heard_until_it_may_go_on(void **state)
{
	struct seen *t = *state;
	struct ctl_client *c = client(t);

	assert_int_equal(ctl_client_send(c, SPAN_LIT("one")), 0);
	until(t, &t->frames, 1);
	ctl_server_pause(t->server, t->last, true);
	for (int i = 0; i < 10; i++)
		assert_int_equal(ctl_client_send(c, SPAN_LIT("more")), 0);
	settle(t); /* and it ends: a paused client does not keep the descriptor readable */
	assert_int_equal(t->frames, 1);
	ctl_server_pause(t->server, t->last, false);
	until(t, &t->frames, 11);
	ctl_client_free(c);
}

static void frames_already_taken_in_wait_too_when_a_client_is_paused(void **state)
{
	struct seen *t = *state;
	struct ctl_client *c = client(t);
	unsigned n;

	for (int i = 0; i < 4; i++)
		assert_int_equal(ctl_client_send(c, SPAN_LIT("more")), 0);
	until(t, &t->opened, 1);
	while (t->frames == 0)
		assert_int_equal(ctl_server_run(t->server, 1, &n), 0);
	ctl_server_pause(t->server, t->last, true);
	settle(t);
	assert_int_equal(t->frames, 1);
	ctl_server_pause(t->server, t->last, false);
	until(t, &t->frames, 4);
	ctl_client_free(c);
}

static void paused_client_that_leaves_is_noticed(void **state)
{
	struct seen *t = *state;
	struct ctl_client *c = client(t);

	until(t, &t->opened, 1);
	ctl_server_pause(t->server, t->last, true);
	ctl_client_free(c);
	until(t, &t->closed, 1);
}

static void busy_client_does_not_starve_the_others(void **state)
{
	struct seen *t = *state;
	struct ctl_client *busy = client(t), *quiet = client(t);
	uint64_t quiet_number;
	unsigned at = 0;

	for (int i = 0; i < 50; i++)
		assert_int_equal(ctl_client_send(busy, SPAN_LIT("again")), 0);
	assert_int_equal(ctl_client_send(quiet, SPAN_LIT("once")), 0);
	until(t, &t->opened, 2);
	quiet_number = t->last;
	until(t, &t->frames, 51);
	while (t->by[at] != quiet_number)
		at++;
	assert_in_range(at, 0, 2);
	ctl_client_free(busy);
	ctl_client_free(quiet);
	until(t, &t->closed, 2);
}

static void many_clients_come_talk_and_go(void **state)
{
	struct ctl_client *c[CLIENTS] = { NULL };
	struct seen *t = *state;
	struct span got;

	t->echo = true;
	for (unsigned round = 1; round <= 3; round++) {
		for (size_t i = 0; i < CLIENTS; i++) {
			c[i] = client(t);
			assert_int_equal(ctl_client_send(c[i], SPAN_OF(i)), 0);
		}
		until(t, &t->frames, round * CLIENTS);
		for (size_t i = 0; i < CLIENTS; i++) {
			assert_int_equal(ctl_client_receive(c[i], WAIT_MS, &got), 0);
			assert_memory_equal(got.at, &i, sizeof(i));
			ctl_client_free(c[i]);
		}
		until(t, &t->closed, round * CLIENTS);
	}
	assert_int_equal(t->last, 3 * CLIENTS); /* numbers are not used twice */
}

static void one_client_too_many_is_shown_out_and_the_others_stay(void **state)
{
	struct ctl_client *c[CLIENTS + 1] = { NULL };
	struct seen *t = *state;
	struct span got;

	t->echo = true;
	for (size_t i = 0; i < CLIENTS; i++)
		c[i] = client(t);
	until(t, &t->opened, CLIENTS);
	c[CLIENTS] = client(t);
	settle(t);
	assert_int_equal(t->opened, CLIENTS);
	assert_int_equal(ctl_client_receive(c[CLIENTS], WAIT_MS, &got), CTL_E_CLOSED);
	assert_int_equal(ctl_client_send(c[0], SPAN_LIT("here")), 0);
	until(t, &t->frames, 1);
	assert_int_equal(ctl_client_receive(c[0], WAIT_MS, &got), 0);
	for (size_t i = 0; i <= CLIENTS; i++)
		ctl_client_free(c[i]);
}

static void refused_client_is_never_told_of_again(void **state)
{
	struct seen *t = *state;
	struct ctl_client *c;
	struct span got;

	t->refuse = true;
	c = client(t);
	until(t, &t->opened, 1);
	assert_int_equal(ctl_client_receive(c, WAIT_MS, &got), CTL_E_CLOSED);
	settle(t);
	assert_int_equal(t->closed, 0);
	ctl_client_free(c);
}

static void running_out_of_descriptors_turns_callers_away_and_no_more(void **state)
{
	struct seen *t = *state;
	struct ctl_client *first = client(t), *second;
	struct rlimit old, low;
	struct span got;
	int top;

	until(t, &t->opened, 1);
	second = client(t);
	top = dup(0);
	close(top);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){ (rlim_t)top, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	settle(t);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(t->opened, 1);
	assert_int_equal(ctl_client_receive(second, WAIT_MS, &got), CTL_E_CLOSED);
	ctl_client_free(second);

	second = client(t);
	until(t, &t->opened, 2);
	ctl_client_free(second);
	ctl_client_free(first);
}

static void path_with_somebody_behind_it_is_in_use(void **state)
{
	struct seen *t = *state;
	struct ctl_handlers h = handlers_of(t);
	struct ctl_server *other;
	struct why why;

	assert_int_equal(ctl_server_new(t->path, -1, &options, &h, &other, &why), CTL_E_IN_USE);
	assert_non_null(strstr(why.text, t->path));
	assert_int_equal(access(t->path, F_OK), 0);
}

static void path_left_by_a_dead_process_is_taken_over(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct ctl_handlers h = handlers_of(*state);
	struct seen *t = *state;
	struct stat st;
	struct why why;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	t->server = ctl_server_free(t->server);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", t->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
	assert_int_equal(ctl_server_new(t->path, -1, &options, &h, &t->server, &why), 0);
	assert_int_equal(stat(t->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void path_that_is_not_a_socket_is_left_alone(void **state)
{
	struct ctl_handlers h = handlers_of(*state);
	struct seen *t = *state;
	struct ctl_server *s;
	struct why why;
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/file", t->dir);
	f = fopen(path, "w");
	fclose(f);
	assert_int_equal(ctl_server_new(path, -1, &options, &h, &s, &why), CTL_E_IN_USE);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/no/such", t->dir);
	assert_int_equal(ctl_server_new(path, -1, &options, &h, &s, &why), CTL_E_ABSENT);
}

static void socket_of_systemd_is_served_and_not_unlinked(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct ctl_handlers h = handlers_of(*state);
	struct seen *t = *state;
	struct ctl_client *c;
	struct why why;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	t->server = ctl_server_free(t->server);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", t->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_true(ctl_server_new(t->path, fd, &options, &h, &t->server, &why) < 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(ctl_server_new(t->path, fd, &options, &h, &t->server, &why), 0);
	c = client(t);
	assert_int_equal(ctl_client_send(c, SPAN_LIT("x")), 0);
	until(t, &t->frames, 1);
	ctl_client_free(c);
	t->server = ctl_server_free(t->server);
	assert_int_equal(unlink(t->path), 0);
}

static void client_says_why_it_cannot_connect(void **state)
{
	struct seen *t = *state;
	struct ctl_client *c;
	struct why why;
	char path[200];

	snprintf(path, sizeof(path), "%s/nobody", t->dir);
	assert_int_equal(ctl_connect(path, 10, &c, &why), CTL_E_ABSENT);
	assert_non_null(strstr(why.text, path));
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(ctl_connect(path, 10, &c, &why), CTL_E_ABSENT);
}

static void client_refuses_a_length_over_its_limit(void **state)
{
	struct seen *t = *state;
	struct ctl_client *c;
	struct span got;
	struct why why;

	assert_int_equal(ctl_connect(t->path, 10, &c, &why), 0);
	until(t, &t->opened, 1);
	assert_int_equal(ctl_server_send(t->server, t->last, SPAN_LIT("eleven byte")), 0);
	assert_int_equal(ctl_client_receive(c, WAIT_MS, &got), CTL_E_MALFORMED);
	ctl_client_free(c);
}

static void client_gives_up_waiting_when_told_so(void **state)
{
	struct seen *t = *state;
	struct ctl_client *c = client(t);
	struct span got;

	until(t, &t->opened, 1);
	assert_int_equal(ctl_client_receive(c, 0, &got), CTL_E_TIMEOUT);
	assert_int_equal(ctl_client_receive(c, 10, &got), CTL_E_TIMEOUT);
	assert_int_equal(ctl_server_send(t->server, t->last, SPAN_LIT("a")), 0);
	assert_int_equal(ctl_server_send(t->server, t->last, SPAN_LIT("b")), 0);
	assert_int_equal(ctl_client_receive(c, WAIT_MS, &got), 0);
	assert_true(ctl_client_ready(c));
	assert_int_equal(ctl_client_receive(c, 0, &got), 0);
	assert_int_equal(got.at[0], 'b');
	assert_false(ctl_client_ready(c));
	ctl_client_free(c);
}

static int one_exchange(const char *path, struct seen *t)
{
	static const uint8_t large[FRAME_LIMIT];
	struct ctl_handlers h = handlers_of(t);
	struct ctl_server *s = NULL;
	struct ctl_client *c = NULL;
	struct why why;
	unsigned n;
	int r;

	r = ctl_server_new(path, -1, &options, &h, &s, &why);
	if (r == 0)
		r = ctl_connect(path, FRAME_LIMIT, &c, &why);
	/* More than the kernel holds: some of it waits here. */
	for (int i = 0; i < 4 && r == 0; i++)
		r = ctl_client_post(c, (struct span){ large, sizeof(large) });
	t->server = s;
	for (int i = 0; i < 3 && r == 0; i++)
		r = ctl_server_run(s, 3, &n);
	if (r == 0)
		r = t->answer;
	ctl_client_free(c);
	t->server = ctl_server_free(s);
	return r;
}

static void out_of_memory_is_fatal_at_every_place_and_leaks_nothing(void **state)
{
	struct seen *t = *state;
	unsigned places = 0;

	t->server = ctl_server_free(t->server);
	t->echo = true;
	for (uint64_t n = 1;; n++) {
		int r;

		alloc_fail_at(n);
		r = one_exchange(t->path, t);
		if (!alloc_failed())
			break;
		assert_true(r < 0);
		t->answer = 0;
		places++;
	}
	assert_in_range(places, 6, 100);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(frames_of_every_size_go_there_and_back),
		T(frames_of_a_bulk_client_go_there_and_back),
		T(who_connects_is_known_by_the_kernel),
		T(frame_that_comes_byte_by_byte_arrives_once_and_whole),
		T(length_over_the_limit_closes_without_reserving_it),
		T(frames_before_a_bad_length_still_count),
		T(client_that_leaves_in_the_middle_of_a_frame_is_closed_once),
		T(whole_frames_of_a_client_that_left_are_delivered_before_it_is_closed),
		T(reader_that_does_not_read_is_closed_as_slow),
		T(what_is_queued_goes_out_before_a_close),
		T(handler_may_close_the_client_whose_frame_it_holds),
		T(paused_client_is_not_heard_until_it_may_go_on),
		T(frames_already_taken_in_wait_too_when_a_client_is_paused),
		T(paused_client_that_leaves_is_noticed),
		T(busy_client_does_not_starve_the_others),
		T(many_clients_come_talk_and_go),
		T(one_client_too_many_is_shown_out_and_the_others_stay),
		T(refused_client_is_never_told_of_again),
		T(running_out_of_descriptors_turns_callers_away_and_no_more),
		T(path_with_somebody_behind_it_is_in_use),
		T(path_left_by_a_dead_process_is_taken_over),
		T(path_that_is_not_a_socket_is_left_alone),
		T(socket_of_systemd_is_served_and_not_unlinked),
		T(client_says_why_it_cannot_connect),
		T(client_refuses_a_length_over_its_limit),
		T(client_gives_up_waiting_when_told_so),
		T(out_of_memory_is_fatal_at_every_place_and_leaks_nothing),
	};

	return cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
