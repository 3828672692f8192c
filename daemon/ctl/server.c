/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Server
 *
 * Clients of a listening socket, in the caller's own loop. A client that is done with is only
 * marked, and freed at the end of a run: so a handler may close anybody, itself included, while
 * its frame is in its hands. Clients with a whole frame stand in a queue and each gives one
 * frame in turn, so that a busy one does not starve the others.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/ctl/bind.h"
#include "daemon/ctl/stream.h"

#define EVENTS_MAX 64 /* of one run */
#define ACCEPT_MAX 16
#define BY_NUMBER  64 /* lists of clients, so that one is found without looking at all */

struct client {
	struct client *next, *next_numbered, *next_ready, *next_gone;
	struct ctl_server *server;
	uint64_t number;
	int fd;
	uint32_t watched; /* what epoll was told */
	struct inbox in;
	struct outbox out;
	bool welcome;  /* opened, and not refused */
	bool ready;    /* stands in the queue */
	bool paused;   /* its frames wait */
	bool eof;      /* it sends no more: closed after its last whole frame */
	bool draining; /* closed after what is queued has gone out */
	bool gone;
};

struct ctl_server {
	struct ctl_handlers h;
	struct ctl_server_options o;
	struct bound bound;
	int epoll, wake, spare;
	bool awake;
	int failed; /* fatal, met where it could not be returned */
	struct client *clients;
	struct client *numbered[BY_NUMBER];
	unsigned n;
	uint64_t last_number;
	struct client *ready, **ready_end;
	struct client *gone;
};

static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* While it is armed the server's descriptor is readable. */
static void wake(struct ctl_server *s, bool on)
{
	if (s->awake == on)
		return;
	if ((on ? eventfd_write(s->wake, 1) : eventfd_read(s->wake, &(eventfd_t){ 0 })) < 0)
		s->failed = err_new(-errno);
	s->awake = on;
}

static void push_ready(struct client *c)
{
	struct ctl_server *s = c->server;

	if (c->ready || c->gone)
		return;
	c->ready = true;
	c->next_ready = NULL;
	*s->ready_end = c;
	s->ready_end = &c->next_ready;
	wake(s, true);
}

static struct client *pop_ready(struct ctl_server *s)
{
	struct client *c = s->ready;

	if (!c)
		return NULL;
	s->ready = c->next_ready;
	if (!s->ready)
		s->ready_end = &s->ready;
	c->ready = false;
	return c;
}

static void end(struct client *c)
{
	if (c->gone)
		return;
	c->gone = true;
	c->next_gone = c->server->gone;
	c->server->gone = c;
	wake(c->server, true);
}

static void watch(struct client *c)
{
	struct epoll_event e = { .data.ptr = c };

	if (!c->paused && !c->draining && !c->eof)
		e.events |= EPOLLIN | EPOLLRDHUP;
	if (c->out.len > 0)
		e.events |= EPOLLOUT;
	if (e.events == c->watched)
		return;
	if (epoll_ctl(c->server->epoll, EPOLL_CTL_MOD, c->fd, &e) < 0)
		c->server->failed = err_new(-errno);
	c->watched = e.events;
}

static struct client *find(const struct ctl_server *s, uint64_t number)
{
	struct client *c = s->numbered[number % BY_NUMBER];

	while (c && c->number != number)
		c = c->next_numbered;
	return c && !c->gone ? c : NULL;
}

static int epoll_add(int epoll, int fd, uint32_t events, void *ptr)
{
	struct epoll_event e = { .events = events, .data.ptr = ptr };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? err_new(-errno) : 0;
}

static int server_init(struct ctl_server *s)
{
	int r;

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (s->epoll < 0 || s->wake < 0 || s->spare < 0)
		return err_new(-errno);

	r = epoll_add(s->epoll, s->bound.fd, EPOLLIN, &s->bound);
	if (r == 0)
		r = epoll_add(s->epoll, s->wake, EPOLLIN, &s->wake);
	return r < 0 ? err_up(r) : 0;
}

int ctl_server_new(const char *path, int fd, const struct ctl_server_options *o,
	const struct ctl_handlers *h, struct ctl_server **ret, struct why *why)
{
	struct ctl_server *s;
	int r;

	assert(o->queue_max >= STREAM_HEAD + o->frame_max && o->clients_max > 0);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_new(-ENOMEM);
	*s = (struct ctl_server){ .h = *h, .o = *o, .epoll = -1, .wake = -1, .spare = -1 };
	s->ready_end = &s->ready;

	r = fd >= 0 ? bound_adopt(fd, &s->bound, why)
		    : bound_make(path, o->mode, &s->bound, why);
	if (r != 0) {
		free(s);
		return r < 0 ? err_up(r) : r;
	}
	r = server_init(s);
	if (r < 0) {
		why_set(why, "cannot serve the socket: %s", strerror(-r));
		ctl_server_free(s);
		return err_up(r);
	}
	*ret = s;
	return 0;
}

static void client_free(struct client *c)
{
	fd_close(c->fd); /* and epoll forgets it */
	inbox_done(&c->in);
	outbox_done(&c->out);
	free(c);
}

struct ctl_server *ctl_server_free(struct ctl_server *s)
{
	if (!s)
		return NULL;
	while (s->clients) {
		struct client *c = s->clients;

		s->clients = c->next;
		client_free(c);
	}
	fd_close(s->epoll);
	fd_close(s->wake);
	fd_close(s->spare);
	bound_done(&s->bound);
	free(s);
	return NULL;
}

int ctl_server_fd(const struct ctl_server *s)
{
	return s->epoll;
}

/* ---- Coming ---- */

/* The groups as they were when it connected; too many are none, so that nobody gets more than
 * is his. */
static size_t groups_of(int fd, gid_t into[CTL_GROUPS_MAX])
{
	socklen_t bytes = CTL_GROUPS_MAX * sizeof(*into);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, into, &bytes) < 0)
		return 0;
	return bytes / sizeof(*into);
}

static int welcome(struct ctl_server *s, int fd)
{
	gid_t groups[CTL_GROUPS_MAX];
	struct ucred u;
	struct ctl_peercred cred;
	struct client *c;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &(socklen_t){ sizeof(u) }) < 0) {
		close(fd);
		return 0;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return err_new(-ENOMEM);
	}
	*c = (struct client){ .server = s, .number = ++s->last_number, .fd = fd };
	inbox_init(&c->in, s->o.frame_max);
	if (s->o.bulk) {
		c->in.keep = c->out.keep = true;
		stream_widen(fd);
	}
	c->watched = EPOLLIN | EPOLLRDHUP;
	r = epoll_add(s->epoll, fd, c->watched, c);
	if (r < 0) {
		client_free(c);
		return err_up(r);
	}
	c->next = s->clients;
	s->clients = c;
	c->next_numbered = s->numbered[c->number % BY_NUMBER];
	s->numbered[c->number % BY_NUMBER] = c;
	s->n++;

	cred = (struct ctl_peercred){ u.pid, u.uid, u.gid, groups, groups_of(fd, groups) };
	c->welcome = s->h.opened(s->h.ctx, c->number, &cred);
	if (!c->welcome)
		end(c);
	return 0;
}

/* Out of descriptors: the spare one lets us take the caller in and show him out; otherwise he
 * would keep the listening socket readable for ever. */
static void turn_away(struct ctl_server *s)
{
	fd_close(s->spare);
	fd_close(accept4(s->bound.fd, NULL, NULL, SOCK_CLOEXEC));
	s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* The house is full: whoever was asked to leave and does not read what he is owed goes now. */
static void make_room(struct ctl_server *s)
{
	struct client *oldest = NULL;

	for (struct client *c = s->clients; c; c = c->next)
		if (c->draining && !c->gone)
			oldest = c; /* the list has the newest first */
	if (oldest)
		end(oldest);
}

static int accept_some(struct ctl_server *s)
{
	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(s->bound.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		int r;

		if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
			turn_away(s);
			continue;
		}
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (fd < 0)
			return err_new(-errno);

		if (s->n >= s->o.clients_max) {
			make_room(s);
			close(fd);
			continue;
		}
		r = welcome(s, fd);
		if (r < 0)
			return err_up(r);
	}
	return 0;
}

/* ---- Talking ---- */

static void flush(struct client *c)
{
	if (c->gone)
		return;
	if (outbox_flush(&c->out, c->fd) != 0 || (c->draining && c->out.len == 0)) {
		end(c);
		return;
	}
	watch(c);
}

static int read_some(struct client *c)
{
	int r;

	if (inbox_ready(&c->in))
		return 0; /* its turn comes; the rest may wait in the kernel */
	do
		r = inbox_fill(&c->in, c->fd);
	while (r == 0 && !inbox_ready(&c->in));
	if (r < 0)
		return err_up(r);
	if (r == CTL_E_CLOSED) {
		c->eof = true;
		watch(c);
	}
	if (c->eof || inbox_ready(&c->in))
		push_ready(c);
	return 0;
}

static int client_event(struct client *c, uint32_t events)
{
	if (c->gone)
		return 0;
	if (events & EPOLLOUT)
		flush(c);
	/* A client that we do not read from is gone when both directions are. */
	if (c->paused || c->draining) {
		if (events & (EPOLLHUP | EPOLLERR))
			end(c);
		return 0;
	}
	if (!c->eof && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		return read_some(c);
	return 0;
}

/* One frame of the client whose turn it is. */
static void deliver(struct client *c, unsigned *done)
{
	struct ctl_server *s = c->server;
	struct span frame;
	int r;

	if (c->gone || c->paused || c->draining)
		return;
	r = inbox_take(&c->in, &frame);
	if (r == CTL_E_MALFORMED) {
		end(c);
		return;
	}
	if (r == 0) {
		++*done;
		s->h.frame(s->h.ctx, c->number, frame);
	}
	if (inbox_ready(&c->in))
		push_ready(c);
	else if (c->eof)
		end(c);
}

static void leave_queue(struct client *c)
{
	struct client **at = &c->server->ready;

	if (!c->ready)
		return;
	while (*at != c)
		at = &(*at)->next_ready;
	*at = c->next_ready;
	if (!*at)
		c->server->ready_end = at;
}

/* A client is forgotten before its handler hears of it. */
static void bury(struct ctl_server *s)
{
	while (s->gone) {
		struct client *c = s->gone, **at = &s->clients;
		bool tell = c->welcome;
		uint64_t number = c->number;

		s->gone = c->next_gone;
		leave_queue(c);
		while (*at != c)
			at = &(*at)->next;
		*at = c->next;
		for (at = &s->numbered[number % BY_NUMBER]; *at != c;)
			at = &(*at)->next_numbered;
		*at = c->next_numbered;
		s->n--;
		client_free(c);
		if (tell)
			s->h.closed(s->h.ctx, number);
	}
}

int ctl_server_run(struct ctl_server *s, unsigned frames, unsigned *ret)
{
	struct epoll_event e[EVENTS_MAX];
	unsigned done = 0;
	struct client *c;
	int n, r = 0;

	n = epoll_wait(s->epoll, e, EVENTS_MAX, 0);
	if (n < 0 && errno != EINTR)
		return err_new(-errno);
	for (int i = 0; i < n && r == 0; i++) {
		if (e[i].data.ptr == &s->bound)
			r = accept_some(s);
		else if (e[i].data.ptr != &s->wake)
			r = client_event(e[i].data.ptr, e[i].events);
	}
	if (r < 0)
		return err_up(r);

	while (done < frames && (c = pop_ready(s)))
		deliver(c, &done);
	bury(s);
	wake(s, s->ready != NULL);
	if (s->failed < 0)
		return err_up(s->failed);
	*ret = done;
	return 0;
}

int ctl_server_send(struct ctl_server *s, uint64_t client, struct span bytes)
{
	struct client *c = find(s, client);
	int r;

	assert(bytes.len <= s->o.frame_max);
	if (!c || c->draining)
		return CTL_E_CLOSED;

	if (c->out.len + STREAM_HEAD + bytes.len > s->o.queue_max)
		flush(c);
	if (!c->gone && c->out.len + STREAM_HEAD + bytes.len > s->o.queue_max) {
		end(c);
		return CTL_E_SLOW;
	}
	if (c->gone)
		return CTL_E_CLOSED;

	r = outbox_send(&c->out, c->fd, bytes);
	if (r < 0)
		return err_up(r);
	if (r > 0)
		end(c);
	else
		watch(c);
	return c->gone ? CTL_E_CLOSED : 0;
}

size_t ctl_server_queued(const struct ctl_server *s, uint64_t client)
{
	const struct client *c = find(s, client);

	return c ? c->out.len : 0;
}

void ctl_server_close(struct ctl_server *s, uint64_t client)
{
	struct client *c = find(s, client);

	if (!c)
		return;
	c->draining = true;
	flush(c);
}

void ctl_server_pause(struct ctl_server *s, uint64_t client, bool pause)
{
	struct client *c = find(s, client);

	if (!c || c->paused == pause)
		return;
	c->paused = pause;
	watch(c);
	if (!pause && (c->eof || inbox_ready(&c->in)))
		push_ready(c);
}
