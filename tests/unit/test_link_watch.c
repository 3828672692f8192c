/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a connection has brought without a whole message, as kith-link sees it
 */

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/link/hub.h"

#define LIMIT 1000

struct tcp {
	int ours, theirs;
};

/* Sent between the kernel's two answers to one look. */
static const struct tcp *late;
static size_t late_bytes;

static void bring(const struct tcp *t, size_t n)
{
	uint8_t bytes[4096] = { 0 };

	assert_true(n <= sizeof(bytes));
	assert_int_equal(send(t->theirs, bytes, n, 0), n);
	assert_int_equal(poll(&(struct pollfd){ t->ours, POLLIN, 0 }, 1, 10000), 1);
}

static void take(const struct tcp *t, size_t n)
{
	uint8_t bytes[4096];

	assert_true(n <= sizeof(bytes));
	assert_int_equal(recv(t->ours, bytes, n, MSG_WAITALL), n);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (late && late->ours == fd)
		bring(late, late_bytes);
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

static struct tcp tcp_new(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	const int door = socket(AF_INET, SOCK_STREAM, 0);
	struct tcp t = { -1, socket(AF_INET, SOCK_STREAM, 0) };

	assert_true(door >= 0 && t.theirs >= 0);
	assert_int_equal(bind(door, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(door, 1), 0);
	assert_int_equal(getsockname(door, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(connect(t.theirs, (struct sockaddr *)&a, sizeof(a)), 0);
	t.ours = accept(door, NULL, NULL);
	assert_true(t.ours >= 0);
	close(door);
	late = NULL;
	return t;
}

static void tcp_done(const struct tcp *t)
{
	close(t->ours);
	close(t->theirs);
}

static void what_is_over_the_limit_without_a_message_is_seen(void **state)
{
	const struct tcp t = tcp_new();
	struct watched w = { 0 };

	(void)state;
	assert_false(watch_overfull(&w, t.ours, LIMIT));
	bring(&t, LIMIT + 1);
	assert_false(watch_overfull(&w, t.ours, LIMIT)); /* nobody has taken it yet */
	take(&t, LIMIT);
	assert_false(watch_overfull(&w, t.ours, LIMIT));
	take(&t, 1);
	assert_true(watch_overfull(&w, t.ours, LIMIT));
	tcp_done(&t);
}

static void a_message_begins_the_count_again(void **state)
{
	const struct tcp t = tcp_new();
	struct watched w = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++) {
		bring(&t, LIMIT);
		take(&t, LIMIT);
		watch_heard(&w);
		assert_false(watch_overfull(&w, t.ours, LIMIT));
	}
	bring(&t, LIMIT + 1);
	take(&t, LIMIT + 1);
	assert_true(watch_overfull(&w, t.ours, LIMIT));
	tcp_done(&t);
}

static void first_bytes_that_come_while_we_look_are_not_too_many(void **state)
{
	const struct tcp t = tcp_new();
	struct watched w = { 0 };

	(void)state;
	late = &t;
	late_bytes = 11;
	assert_false(watch_overfull(&w, t.ours, LIMIT));
	assert_false(watch_overfull(&w, t.ours, LIMIT));
	take(&t, 11);
	late_bytes = LIMIT;
	assert_false(watch_overfull(&w, t.ours, LIMIT));
	take(&t, LIMIT + 11);
	late_bytes = 1;
	assert_true(watch_overfull(&w, t.ours, LIMIT));
	tcp_done(&t);
}

static void a_connection_that_has_gone_is_not_overfull(void **state)
{
	const struct tcp t = tcp_new();
	struct watched w = { 0 };

	(void)state;
	tcp_done(&t);
	assert_false(watch_overfull(&w, t.ours, LIMIT));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_over_the_limit_without_a_message_is_seen),
		cmocka_unit_test(a_message_begins_the_count_again),
		cmocka_unit_test(first_bytes_that_come_while_we_look_are_not_too_many),
		cmocka_unit_test(a_connection_that_has_gone_is_not_overfull),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
