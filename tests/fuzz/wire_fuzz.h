/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What every fuzz target of proto/ demands: bytes earn a verdict of <kith/wire.h> and nothing
 * else, and what was taken, written and read again is the same.
 */

#include <stdlib.h>
#include <string.h>

#include <kith/wire.h>

#define FUZZ_BUDGET (4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void demand(bool claim)
{
	if (!claim)
		abort();
}

static inline bool taken(int r)
{
	demand(r == 0 || r == WIRE_E_MALFORMED || r == WIRE_E_RANGE || r == WIRE_E_BUDGET);
	return r == 0;
}

static inline void demand_same(struct span a, struct span b)
{
	demand(a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0));
}

/* .in was decoded: so is its encoding, which is then stable. Near a message's limit our own
 * encoding, which writes what may be left out, can be over it. */
#define SETTLES(in, decode, encode)                                                            \
	do {                                                                                   \
		struct span once_, twice_;                                                     \
		__typeof__(in) again_;                                                         \
		demand(encode(&(in), &a, &once_) == 0);                                        \
		int r_ = decode(once_, &a, &again_);                                           \
		if (r_ == WIRE_E_MALFORMED && once_.len > 5000)                                \
			break;                                                                 \
		demand(r_ == 0);                                                               \
		demand(encode(&again_, &a, &twice_) == 0);                                     \
		demand_same(once_, twice_);                                                    \
	} while (0)
