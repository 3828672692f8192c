/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Watch
 *
 * ZeroMQ keeps the parts of a message until the last one has come, whatever its limits say: an
 * accepted peer could fill us with one message that never ends. So what a connection has
 * brought since its last whole message is asked of the kernel, and too much of it ends the
 * connection.
 */

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "daemon/link/hub.h"

/* What ZeroMQ has taken from a connection; false: there is no such connection. */
static bool bytes_taken(int fd, uint64_t *ret)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	int waiting = 0;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
		len < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(uint64_t) ||
		ioctl(fd, SIOCINQ, &waiting) < 0)
		return false;
	/* What has come between the two answers counts at the next look. */
	*ret = info.tcpi_bytes_received > (__u64)waiting
		       ? info.tcpi_bytes_received - (__u64)waiting
		       : 0;
	return true;
}

void watch_heard(struct watched *w)
{
	w->heard = true;
}

bool watch_overfull(struct watched *w, int fd, uint64_t limit)
{
	uint64_t now;

	if (!bytes_taken(fd, &now))
		return false;
	/* A descriptor that is a newer connection's has had less. */
	if (w->heard || now < w->mark) {
		w->heard = false;
		w->mark = now;
	}
	return now - w->mark > limit;
}
