/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a header: one header has one encoding (P2.2).
 */

#include "tests/fuzz/wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	struct header h;
	if (!taken(wire_header_decode(in, &h)))
		return 0;
	uint8_t again[HEADER_MAX];
	size_t len = wire_header_encode(&h, again);
	demand(len <= sizeof(again));
	demand_same((struct span){ again, len }, in);
	return 0;
}
