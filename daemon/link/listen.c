/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Listening
 *
 * The socket that ZeroMQ accepts from is made here, or was made by systemd (kith-peers.socket),
 * and is handed to it ready: to make it itself libzmq asks the kernel for all interfaces, which
 * this process may not.
 */

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/link/hub.h"

#define GIVEN_FIRST 3 /* where systemd puts them */
#define GIVEN_NAME  "peers"
#define BACKLOG     100

/* "tcp://HOST:PORT" into its parts; what else there is was said when the settings were read. */
static bool split(const char *endpoint, char host[ENDPOINT_MAX], char port[16])
{
	const char *at = endpoint + strlen("tcp://"), *colon;
	size_t len;

	if (strncmp(endpoint, "tcp://", strlen("tcp://")) != 0)
		return false;
	colon = strrchr(at, ':');
	if (!colon || colon == at || strlen(colon + 1) >= 16)
		return false;
	(void)snprintf(port, 16, "%s", strcmp(colon + 1, "*") == 0 ? "0" : colon + 1);
	len = (size_t)(colon - at);
	if (*at == '[' && colon[-1] == ']') {
		at++;
		len -= 2;
	}
	(void)snprintf(host, ENDPOINT_MAX, "%.*s", (int)len, at);
	return true;
}

/* 0, or an errno. */
static int ready(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? errno : 0;
}

static int make(const struct addrinfo *at, int *ret)
{
	const int on = 1, off = 0;
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		(at->ai_family != AF_INET6 ||
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0) &&
		bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
		*ret = fd;
		return 0;
	}
	error = errno;
	(void)close(fd);
	return error;
}

int listen_open(const struct hub *h, const char *endpoint, int *ret)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	char host[ENDPOINT_MAX], port[16];
	struct addrinfo *at = NULL;
	int error;

	if (h->door.given >= 0) {
		*ret = fcntl(h->door.given, F_DUPFD_CLOEXEC, 0);
		return *ret < 0 ? errno : 0;
	}
	if (!split(endpoint, host, port))
		return EINVAL;
	error = getaddrinfo(strcmp(host, "*") == 0 ? "0.0.0.0" : host, port, &want, &at);
	if (error != 0)
		return error == EAI_SYSTEM ? errno : EADDRNOTAVAIL;
	error = make(at, ret);
	freeaddrinfo(at);
	return error;
}

/* Its address as an endpoint; false: it is none of TCP that listens. */
static bool describe(int fd, char into[ENDPOINT_MAX])
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof(a);
	char host[64], port[16];
	int listens = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &(socklen_t){ sizeof(int) }) <
			0 ||
		!listens || getsockname(fd, (struct sockaddr *)&a, &len) < 0 ||
		getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	(void)snprintf(into, ENDPOINT_MAX,
		a.ss_family == AF_INET6 ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
	return true;
}

/* The place of the socket of that name in what systemd has opened for us, or -1. */
static int place_of(const char *names)
{
	int place = 0;

	for (const char *at = names; *at; place++) {
		const size_t len = strcspn(at, ":");

		if (len == strlen(GIVEN_NAME) && strncmp(at, GIVEN_NAME, len) == 0)
			return place;
		at += len + (at[len] == ':');
	}
	return -1;
}

int listen_given(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	int place;

	if (!pid || !n || !names || strtol(pid, NULL, 10) != getpid())
		return -1;
	place = place_of(names);
	return place >= 0 && place < strtol(n, NULL, 10) ? GIVEN_FIRST + place : -1;
}

int listen_adopt(struct hub *h, int fd)
{
	if (!describe(fd, h->door.given_endpoint) || ready(fd) != 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -EINVAL;
	h->door.given = fd;
	return 0;
}
