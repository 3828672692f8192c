/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a certificate and as its statement (P11): decoded, checked from beginning to
 * end, and compared with itself, with which it always agrees.
 */

#include "tests/fuzz/wire_fuzz.h"

#include <kith/certificate.h>

static void try_statement(struct span in)
{
	struct arena a;
	struct statement s;
	arena_init(&a, FUZZ_BUDGET);
	if (taken(wire_statement_decode(in, &a, &s))) {
		demand(s.n_held >= 1 && s.n_held <= CERTIFICATE_PATH_MAX);
		SETTLES(s, wire_statement_decode, wire_statement_encode);
	}
	arena_done(&a);
}

static void try_form(struct span in)
{
	struct arena a;
	struct certificate c;
	arena_init(&a, FUZZ_BUDGET);
	if (taken(wire_certificate_decode(in, &a, &c))) {
		demand(in.len <= CERTIFICATE_MAX && c.n_path >= 1 && c.n_cards >= 1);
		demand(c.statement.signature.len == SIG_LEN);
		SETTLES(c, wire_certificate_decode, wire_certificate_encode);
		try_statement(c.statement.bytes);
	}
	arena_done(&a);
}

static void demand_sound(const struct certified *c)
{
	size_t n_wrong = 0;
	for (size_t i = 0; i < c->n_notices; i++) {
		const struct notice *f = &c->notices[i];
		n_wrong += f->wrong;
		demand(f->rule && f->text && f->has_place == (f->where != NULL));
	}
	demand(c->n_notices <= NOTICES_MAX && c->proven == (n_wrong == 0));
	demand(c->proven == c->continuous);
	demand(!c->proven || (c->read && c->reckoned && c->n_duties > 0));
	for (size_t i = 0; c->reckoned && i < c->n_duties; i++) {
		const struct duty *d = &c->duties[i];
		demand(c->said.from <= d->from && d->from <= d->to && d->to <= c->said.to);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct crypto *crypto;
	struct span in = { data, size };
	struct certified two[2];
	struct notice *found;
	struct arena a;
	size_t n;
	demand(crypto || crypto_new(chance_kernel(), &crypto) == 0);
	try_form(in);
	try_statement(in);
	arena_init(&a, 0);
	demand(certificate_check(crypto, in, &a, &two[0]) == 0);
	demand_sound(&two[0]);
	two[1] = two[0];
	if (two[0].proven) {
		demand(certificates_agree(two, 2, &a, &found, &n) == 0);
		demand(n == 0);
	}
	arena_done(&a);
	return 0;
}
