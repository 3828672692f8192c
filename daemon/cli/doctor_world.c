/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Doctor: the world as it is
 */

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

#include "daemon/cli/doctor.h"

#define DIAL_MS     3000
#define RESOLV_CONF "/etc/resolv.conf"

static int real_run(void *ctx, const char *const argv[], char *into, size_t room)
{
	(void)ctx;
	return run_program(argv, into, room);
}

static void keep(struct addresses *a, const struct addrinfo *i)
{
	if (a->n < ADDRESSES_MAX && getnameinfo(i->ai_addr, i->ai_addrlen, a->text[a->n],
					    ADDRESS_TEXT, NULL, 0, NI_NUMERICHOST) == 0)
		a->n++;
}

static bool real_resolve(void *ctx, const char *host, struct addresses *ret)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all;
	int rc = getaddrinfo(host, NULL, &hints, &all);

	(void)ctx;
	*ret = (struct addresses){ 0 };
	if (rc != 0) {
		(void)snprintf(ret->problem, sizeof(ret->problem), "%s", gai_strerror(rc));
		return false;
	}
	for (const struct addrinfo *i = all; i; i = i->ai_next)
		keep(ret, i);
	freeaddrinfo(all);

	return ret->n > 0;
}

/* Once, and given up after DIAL_MS: 0 or an errno. */
static int connected(int fd, const struct addrinfo *to)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error = 0;

	if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (poll(&p, 1, DIAL_MS) <= 0)
		return ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;

	return error;
}

static int real_dial(void *ctx, const char *address, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	struct addrinfo *to;
	int fd, rc;

	(void)ctx;
	if (getaddrinfo(address, port, &hints, &to) != 0)
		return EADDRNOTAVAIL;
	fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? errno : connected(fd, to);
	if (fd >= 0)
		(void)close(fd);
	freeaddrinfo(to);

	return rc;
}

static int real_clock_kept(void *ctx)
{
	struct timex t = { 0 };

	(void)ctx;
	if (adjtimex(&t) < 0)
		return -1;
	return !(t.status & STA_UNSYNC);
}

static void real_name_servers(void *ctx, struct addresses *ret)
{
	FILE *f CLEANUP(file_drop) = fopen(RESOLV_CONF, "re");
	char line[256];

	(void)ctx;
	while (f && ret->n < ADDRESSES_MAX && fgets(line, sizeof(line), f))
		if (sscanf(line, "nameserver %47s", ret->text[ret->n]) == 1)
			ret->n++;
}

const struct world world_real = {
	.run = real_run,
	.resolve = real_resolve,
	.dial = real_dial,
	.clock_kept = real_clock_kept,
	.name_servers = real_name_servers,
};
