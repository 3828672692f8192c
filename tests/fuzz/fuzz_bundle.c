/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a bundle, and what is in it as cards and incarnation lists (P1.6).
 */

#include "tests/fuzz/wire_fuzz.h"

static int card_decode(struct span in, struct arena *a, struct card *ret)
{
	(void)a;
	return wire_card_decode(in, ret);
}

static void try_card(struct span in)
{
	struct arena a;
	struct card c;
	arena_init(&a, FUZZ_BUDGET);
	if (taken(wire_card_decode(in, &c))) {
		demand(c.n_curve_keys >= 1 && c.n_curve_keys <= CURVE_KEYS_MAX);
		demand(strlen(c.name) >= 1 && strlen(c.name) < REGION_NAME_MAX);
		SETTLES(c, card_decode, wire_card_encode);
	}
	arena_done(&a);
}

static void try_list(struct span in)
{
	struct arena a;
	struct incarnations l;
	arena_init(&a, FUZZ_BUDGET);
	if (taken(wire_incarnations_decode(in, &a, &l))) {
		demand(l.n <= INCARNATIONS_MAX);
		SETTLES(l, wire_incarnations_decode, wire_incarnations_encode);
	}
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	struct arena a;
	struct bundle b;
	arena_init(&a, FUZZ_BUDGET);
	if (taken(wire_bundle_decode(in, &a, &b))) {
		demand(size <= BUNDLE_MAX && b.n_cards >= 1 && b.n_cards <= CARDS_MAX);
		SETTLES(b, wire_bundle_decode, wire_bundle_encode);
		for (size_t i = 0; i < b.n_cards; i++)
			try_card(b.cards[i].bytes);
		try_list(b.incarnations.bytes);
	}
	try_card(in);
	try_list(in);
	arena_done(&a);
	return 0;
}
