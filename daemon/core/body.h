/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Body
 *
 * The content key that was used last, kept by whoever opens one body after the other: a record
 * has few keys, and reading one opens a sealed row.
 */

#include <kith/crypto.h>

struct body_key {
	bool held;
	struct id record;
	uint32_t epoch, class;
	struct secret secret;
};

static inline void body_key_done(struct body_key *k)
{
	secret_done(&k->secret);
}
