/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes between kithd and kith-link.
 */

#include "tests/fuzz/wire_fuzz.h"

#include <kith/message.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	struct arena a;
	struct link_frame f;
	arena_init(&a, FUZZ_BUDGET);
	if (taken(wire_link_decode(in, &a, &f))) {
		demand(f.kind >= LINK_PEERS && f.kind <= LINK_RECEIVED);
		demand(f.frame.len <= FRAME_MAX);
		SETTLES(f, wire_link_decode, wire_link_encode);
	}
	arena_done(&a);
	return 0;
}
