/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a message between regions (P7).
 */

#include "tests/fuzz/wire_fuzz.h"

#include <kith/message.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	struct arena a;
	struct message m;
	arena_init(&a, FUZZ_BUDGET);
	if (taken(wire_message_decode(in, &a, &m)) && m.kind != MSG_UNKNOWN) {
		demand(m.kind >= MSG_ERROR && m.kind < MSG_UNKNOWN);
		SETTLES(m, wire_message_decode, wire_message_encode);
		for (size_t i = 0; m.kind == MSG_CHANGES && i < m.changes.n_evidence; i++) {
			struct evidence e;

			if (taken(wire_evidence_decode(m.changes.evidence[i], &a, &e))) {
				demand(e.held.n >= 1 && e.other.n <= RUN_CHANGES_MAX);
				SETTLES(e, wire_evidence_decode, wire_evidence_encode);
			}
		}
		for (size_t i = 0; m.kind == MSG_FEED && i < m.feed.n; i++) {
			const struct feed_item *item = &m.feed.items[i];
			demand(item->is_backfill ? item->run.n == 0 : item->run.n >= 1);
			demand(item->run.n <= RUN_CHANGES_MAX);
		}
	}
	arena_done(&a);
	return 0;
}
