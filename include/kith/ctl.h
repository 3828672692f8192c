/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Ctl
 *
 * Frames over a Unix stream socket: 4-byte big-endian length + message. A server without
 * threads (kithd serves its control socket and its kith-link with one each) and a client that
 * waits (kithctl, kith-link). It knows nothing of what the frames mean.
 */

#include <sys/types.h>

#include <kith/base.h>
#include <kith/err.h>

/* Verdicts. */
enum {
	CTL_E_ABSENT = 1, /* nobody listens there */
	CTL_E_DENIED,     /* the socket's permissions */
	CTL_E_CLOSED,     /* the other side went away */
	CTL_E_MALFORMED,  /* a length over the limit */
	CTL_E_SLOW,       /* its queue is full: the client is closed */
	CTL_E_TIMEOUT,
	CTL_E_BUSY,   /* too many clients */
	CTL_E_IN_USE, /* bind: somebody else listens on that path */
};

#define CTL_GROUPS_MAX 1024 /* who is in more, is in none but .gid */
struct ctl_peercred {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* besides .gid, during the call */
	size_t n_groups;
};

struct ctl_handlers {
	void *ctx;
	/* Return false to refuse. Client numbers are never used twice. All three are called
	 * from ctl_server_run only; each client that was not refused is closed once. */
	bool (*opened)(void *ctx, uint64_t client, const struct ctl_peercred *cred);
	/* One whole frame, valid during the call. */
	void (*frame)(void *ctx, uint64_t client, struct span bytes);
	void (*closed)(void *ctx, uint64_t client);
};

struct ctl_server_options {
	size_t frame_max; /* bytes of one message */
	size_t queue_max; /* at least 4 + frame_max bytes waiting to be sent to one client; over
			     it, the client is closed */
	unsigned clients_max;
	mode_t mode; /* of the socket, when bound by path */
	bool bulk;   /* large frames, and many: buffers are wide and kept */
};

struct ctl_server;

/* Listen on .fd if it is >= 0 (socket activation), else bind .path (a stale socket of a dead
 * process is replaced, a live one is CTL_E_IN_USE). */
MUST_USE int ctl_server_new(const char *path, int fd, const struct ctl_server_options *o,
	const struct ctl_handlers *h, struct ctl_server **ret, struct why *why);
struct ctl_server *ctl_server_free(struct ctl_server *s); /* unlinks what it bound */

/* One descriptor (epoll) that is readable when there is work; then call run, which handles at
 * most .frames frames and returns how many in *ret. While more are buffered the descriptor
 * stays readable. */
int ctl_server_fd(const struct ctl_server *s);
MUST_USE int ctl_server_run(struct ctl_server *s, unsigned frames, unsigned *ret);

/* Queue one frame. 0, CTL_E_CLOSED, CTL_E_SLOW. */
MUST_USE int ctl_server_send(struct ctl_server *s, uint64_t client, struct span bytes);
/* Bytes queued and not yet taken by the kernel. */
size_t ctl_server_queued(const struct ctl_server *s, uint64_t client);
/* Close after what is queued has gone out. */
void ctl_server_close(struct ctl_server *s, uint64_t client);
/* Stop reading from a client (back pressure), and go on. */
void ctl_server_pause(struct ctl_server *s, uint64_t client, bool pause);

struct ctl_client;
MUST_USE int ctl_connect(
	const char *path, size_t frame_max, struct ctl_client **ret, struct why *why);
struct ctl_client *ctl_client_free(struct ctl_client *c);
/* As .bulk of a server. */
void ctl_client_bulk(struct ctl_client *c);
MUST_USE int ctl_client_send(struct ctl_client *c, struct span bytes); /* waits */
/* For whoever has a loop of its own: queue a frame, without bound and without waiting, and pass
 * on what the kernel takes. 0, CTL_E_CLOSED. */
MUST_USE int ctl_client_post(struct ctl_client *c, struct span bytes);
MUST_USE int ctl_client_flush(struct ctl_client *c);
size_t ctl_client_queued(const struct ctl_client *c);
/* The next frame, valid until the next call. timeout < 0: wait for ever. */
MUST_USE int ctl_client_receive(struct ctl_client *c, int timeout_ms, struct span *ret);
int ctl_client_fd(const struct ctl_client *c);
/* A whole frame is already buffered: do not wait on the descriptor. */
bool ctl_client_ready(const struct ctl_client *c);
