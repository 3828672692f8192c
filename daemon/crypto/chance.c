/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Chance
 *
 * The kernel's, asked directly: a buffered generator in the process would survive a fork or a
 * cloned virtual machine (crypto_draw() is as much as one change takes, and forgotten with it).
 */

#include <errno.h>
#include <sys/random.h>

#include <kith/crypto.h>

static int kernel_fill(void *ctx, void *into, size_t len)
{
	uint8_t *at = into;

	(void)ctx;
	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(-errno);
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

struct chance chance_kernel(void)
{
	return (struct chance){ .fill = kernel_fill };
}
