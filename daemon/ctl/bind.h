/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bind
 *
 * The listening socket: one that systemd opened, or a path of our own.
 */

#include <sys/stat.h>

#include <kith/base.h>
#include <kith/ctl.h>

struct bound {
	int fd;
	char *path; /* NULL: not ours to unlink */
	dev_t device;
	ino_t inode;
};

MUST_USE int bound_adopt(int fd, struct bound *ret, struct why *why);
MUST_USE int bound_make(const char *path, mode_t mode, struct bound *ret, struct why *why);
void bound_done(struct bound *b);
