/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a frame, and a HELLO in it (P8.1, P8.2).
 */

#include "tests/fuzz/wire_fuzz.h"

#include <kith/message.h>

static int frame_decode(struct span in, struct arena *a, struct frame *ret)
{
	(void)a;
	return wire_frame_decode(in, ret);
}

static void try_hello(struct span in)
{
	struct arena a;
	struct hello h;
	arena_init(&a, FUZZ_BUDGET);
	if (taken(wire_hello_decode(in, &a, &h))) {
		demand(h.wire_min >= 1 && h.wire_min <= h.wire_max);
		demand(wire_text_ok(h.software) && h.bundle.len <= BUNDLE_MAX);
		SETTLES(h, wire_hello_decode, wire_hello_encode);
	}
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	struct frame f;
	try_hello(in);
	if (!taken(wire_frame_decode(in, &f)))
		return 0;
	struct arena a;
	arena_init(&a, 0);
	SETTLES(f, frame_decode, wire_frame_encode);
	demand(f.is_hello ? f.hello.signature.len == SIG_LEN : f.hello.bytes.len == 0);
	if (f.is_hello)
		try_hello(f.hello.bytes);
	arena_done(&a);
	return 0;
}
