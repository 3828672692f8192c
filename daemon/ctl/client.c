/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Client
 *
 * One connection that waits where its user wants to wait. It never waits in read or write, only
 * in poll, so that a time limit holds whatever the other side does.
 */

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/ctl/stream.h"

#define CONNECT_WAIT_S 5 /* while the server's backlog is full */

struct ctl_client {
	int fd;
	struct inbox in;
	struct outbox out;
};

static int connect_verdict(const char *path, int error, struct why *why)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
	case ENOTSOCK:
	case ENOTDIR:
		why_set(why, "nobody listens on %s: is kithd running?", path);
		return CTL_E_ABSENT;
	case EACCES:
	case EPERM:
		why_set(why, "you may not use %s: it belongs to somebody else", path);
		return CTL_E_DENIED;
	case EAGAIN:
		why_set(why, "%s has too many callers waiting: try again", path);
		return CTL_E_BUSY;
	default:
		why_set(why, "cannot connect to %s: %s", path, strerror(error));
		return err_new(-error);
	}
}

int ctl_connect(const char *path, size_t frame_max, struct ctl_client **ret, struct why *why)
{
	struct timeval wait = { .tv_sec = CONNECT_WAIT_S };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct ctl_client *c;
	int r;

	if (strlen(path) >= sizeof(to.sun_path)) {
		why_set(why, "%s: a socket's path has at most %zu bytes", path,
			sizeof(to.sun_path) - 1);
		return CTL_E_ABSENT;
	}
	memcpy(to.sun_path, path, strlen(path));

	c = calloc(1, sizeof(*c));
	if (!c)
		return err_new(-ENOMEM);
	inbox_init(&c->in, frame_max);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		r = err_new(-errno);
		ctl_client_free(c);
		return r;
	}

	/* Linux lets this limit connect too. */
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		r = connect_verdict(path, errno, why);
		ctl_client_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct ctl_client *ctl_client_free(struct ctl_client *c)
{
	if (!c)
		return NULL;
	if (c->fd >= 0)
		close(c->fd);
	inbox_done(&c->in);
	outbox_done(&c->out);
	free(c);
	return NULL;
}

/* Until one of .events or the deadline (ms, CLOCK_MONOTONIC; < 0: none). 0, CTL_E_TIMEOUT. */
static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	struct timespec now;
	int64_t left = -1;
	int n;

	do {
		if (deadline >= 0) {
			clock_gettime(CLOCK_MONOTONIC, &now);
			left = deadline - (now.tv_sec * 1000 + now.tv_nsec / 1000000);
			if (left < 0)
				left = 0;
		}
		n = poll(&p, 1, (int)left);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_new(-errno);
	return n == 0 ? CTL_E_TIMEOUT : 0;
}

int ctl_client_post(struct ctl_client *c, struct span bytes)
{
	return outbox_send(&c->out, c->fd, bytes);
}

void ctl_client_bulk(struct ctl_client *c)
{
	c->in.keep = c->out.keep = true;
	stream_widen(c->fd);
}

int ctl_client_flush(struct ctl_client *c)
{
	return outbox_flush(&c->out, c->fd);
}

size_t ctl_client_queued(const struct ctl_client *c)
{
	return c->out.len;
}

int ctl_client_send(struct ctl_client *c, struct span bytes)
{
	int r;

	r = ctl_client_post(c, bytes);
	while (r == 0 && c->out.len > 0) {
		r = wait_for(c->fd, POLLOUT, -1);
		if (r != 0)
			return r < 0 ? err_up(r) : err_odd(r);
		r = outbox_flush(&c->out, c->fd);
	}
	return r < 0 ? err_up(r) : r;
}

int ctl_client_receive(struct ctl_client *c, int timeout_ms, struct span *ret)
{
	struct timespec now;
	int64_t deadline = -1;
	int r;

	if (timeout_ms >= 0) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		deadline = now.tv_sec * 1000 + now.tv_nsec / 1000000 + timeout_ms;
	}

	for (;;) {
		r = inbox_take(&c->in, ret);
		if (r != CTL_E_TIMEOUT)
			return r;
		r = inbox_fill(&c->in, c->fd);
		if (r == CTL_E_TIMEOUT)
			r = wait_for(c->fd, POLLIN, deadline);
		if (r != 0)
			return r < 0 ? err_up(r) : r;
	}
}

int ctl_client_fd(const struct ctl_client *c)
{
	return c->fd;
}

bool ctl_client_ready(const struct ctl_client *c)
{
	return inbox_ready(&c->in);
}
