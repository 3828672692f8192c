/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Telling systemd how it is
 *
 * The protocol of sd_notify(3) and sd_watchdog_enabled(3), a datagram and two variables. It is
 * written out here since libsystemd brings its own libraries with it (compression, gcrypt) into
 * the one process that parses strangers' bytes.
 */

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/link/hub.h"

void notify(const char *state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	const size_t len = path ? strlen(path) : 0;
	int fd;

	/* A path, or a name of the abstract namespace. */
	if (len < 2 || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Nobody to tell it to is no fault of ours. */
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
}

static bool number(const char *name, unsigned long long *ret)
{
	const char *text = getenv(name);
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && !*end;
}

msec notify_watchdog(void)
{
	unsigned long long pid, usec;

	if (getenv("WATCHDOG_PID") &&
		(!number("WATCHDOG_PID", &pid) || pid != (unsigned long long)getpid()))
		return 0;
	return number("WATCHDOG_USEC", &usec) ? usec / 1000 : 0;
}
