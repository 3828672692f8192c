/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bind
 *
 * The socket is made under another name and renamed, so that it is never there with the wrong
 * mode, and whoever finds the path finds somebody who listens.
 */

#include "daemon/ctl/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NEW_SUFFIX ".new"

void bound_done(struct bound *b)
{
	struct stat st;

	if (b->fd >= 0)
		close(b->fd);
	/* Somebody may have put his own there since. */
	if (b->path && stat(b->path, &st) == 0 && st.st_dev == b->device &&
		st.st_ino == b->inode)
		unlink(b->path);
	free(b->path);
	*b = (struct bound){ .fd = -1 };
}

int bound_adopt(int fd, struct bound *ret, struct why *why)
{
	int listens = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &(socklen_t){ sizeof(int) }) <
			0 ||
		!listens || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) {
		why_set(why, "descriptor %d is not a listening socket", fd);
		return err_new(-ENOTSOCK);
	}
	*ret = (struct bound){ .fd = fd };
	return 0;
}

/* 0: the path is free, or left behind by a dead process. */
static int look(const struct sockaddr_un *at, struct why *why)
{
	struct stat st;
	int fd, error = 0;

	if (lstat(at->sun_path, &st) < 0)
		return 0; /* bind says what is wrong, if something is */
	if (!S_ISSOCK(st.st_mode)) {
		why_set(why, "%s is there and is not a socket: move it away", at->sun_path);
		return CTL_E_IN_USE;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_new(-errno);
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0)
		error = errno;
	close(fd);
	if (error == ECONNREFUSED || error == ENOENT)
		return 0;
	if (error == EACCES) {
		why_set(why, "%s belongs to somebody else", at->sun_path);
		return CTL_E_DENIED;
	}
	why_set(why, "somebody else listens on %s: stop it first", at->sun_path);
	return CTL_E_IN_USE;
}

static int bind_verdict(const char *path, int error, struct why *why)
{
	why_set(why, "cannot listen on %s: %s", path, strerror(error));
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return CTL_E_ABSENT;
	case EACCES:
	case EPERM:
	case EROFS:
		return CTL_E_DENIED;
	case EADDRINUSE:
		return CTL_E_IN_USE;
	default:
		return err_new(-error);
	}
}

/* 0 or an errno. */
static int bind_at(const struct sockaddr_un *fresh, const char *path, mode_t mode, int fd)
{
	int error;

	unlink(fresh->sun_path);
	if (bind(fd, (const struct sockaddr *)fresh, sizeof(*fresh)) < 0)
		return errno;
	if (chmod(fresh->sun_path, mode) == 0 && listen(fd, SOMAXCONN) == 0 &&
		rename(fresh->sun_path, path) == 0)
		return 0;
	error = errno;
	unlink(fresh->sun_path);
	return error;
}

int bound_make(const char *path, mode_t mode, struct bound *ret, struct why *why)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX }, fresh = { .sun_family = AF_UNIX };
	struct bound b = { .fd = -1 };
	struct stat st;
	int error, r;

	if (strlen(path) + strlen(NEW_SUFFIX) >= sizeof(at.sun_path)) {
		why_set(why, "%s: a socket's path has at most %zu bytes", path,
			sizeof(at.sun_path) - sizeof(NEW_SUFFIX));
		return CTL_E_ABSENT;
	}
	memcpy(at.sun_path, path, strlen(path));
	memcpy(fresh.sun_path, path, strlen(path));
	memcpy(fresh.sun_path + strlen(path), NEW_SUFFIX, sizeof(NEW_SUFFIX));
	r = look(&at, why);
	if (r != 0)
		return r < 0 ? err_up(r) : r;

	b.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (b.fd < 0)
		return err_new(-errno);
	b.path = strdup(path);
	error = b.path ? bind_at(&fresh, path, mode, b.fd) : ENOMEM;
	if (error == 0 && stat(path, &st) < 0)
		error = errno;
	if (error != 0) {
		bound_done(&b);
		return bind_verdict(path, error, why);
	}
	b.device = st.st_dev;
	b.inode = st.st_ino;
	*ret = b;
	return 0;
}
