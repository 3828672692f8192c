/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a change: three byte strings that lie inside.
 */

#include "tests/fuzz/wire_fuzz.h"
#include <kith/message.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	struct wire_change c;
	if (!taken(wire_change_decode(in, &c)))
		return 0;
	demand(c.header.len >= 1 && c.header.len <= HEADER_MAX &&
		c.body.len <= BODY_SEALED_MAX);
	demand(c.signature.len == 0 || c.signature.len == SIG_LEN ||
		(c.signature.len >= SIG_LEN + 8 + HASH_LEN &&
			c.signature.len <= SIGNATURE_MAX && c.signature.len % HASH_LEN == 8));
	demand(c.header.at >= data && c.header.at + c.header.len <= data + size);
	struct arena a;
	arena_init(&a, 0);
	struct wire_change again;
	struct span bytes;
	demand(wire_change_encode(&c, &a, &bytes) == 0);
	demand(wire_change_decode(bytes, &again) == 0);
	demand_same(again.header, c.header);
	demand_same(again.signature, c.signature);
	demand_same(again.body, c.body);
	demand(wire_change_size(&c) > bytes.len);
	arena_done(&a);
	return 0;
}
