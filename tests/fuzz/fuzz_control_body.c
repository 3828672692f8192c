/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a control body: what is taken fits its kind (P6.1).
 */

#include "tests/fuzz/wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	struct control c;
	struct arena a;
	arena_init(&a, FUZZ_BUDGET);
	if (taken(wire_control_decode(in, &a, &c)) && c.kind != CONTROL_UNKNOWN) {
		demand(c.kind == (enum control_kind)c.kind_number);
		demand(c.date.precision == DATE_DAY && c.term >= 1);
		demand(c.n_keys <= 64 && c.n_set <= 64 && c.manifest.n_heads <= 256);
		SETTLES(c, wire_control_decode, wire_control_encode);
	}
	arena_done(&a);
	return 0;
}
