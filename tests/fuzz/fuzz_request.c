/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a request on the control socket, and as a reply to be walked.
 */

#include "tests/fuzz/wire_fuzz.h"

#include <kith/control.h>

/* Whoever enters leaves, and nothing is told of a reply that is none. */
struct depth {
	int now;
	bool called;
};

static void enter(void *ctx, const char *name)
{
	struct depth *d = ctx;
	(void)name;
	d->called = true;
	demand(++d->now <= 10);
}

static void leave(void *ctx)
{
	struct depth *d = ctx;
	demand(d->now-- > 0);
}

static void value(void *ctx, const char *name, const struct walk_value *v)
{
	struct depth *d = ctx;
	(void)name;
	d->called = true;
	demand(v->type != WALK_TEXT || wire_text_ok(v->bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	struct arena a;
	struct ctl_request req;
	struct reply_head head;
	arena_init(&a, FUZZ_BUDGET);
	if (taken(wire_request_decode(in, &a, &req))) {
		demand(wire_text_ok(req.text) && wire_text_ok(req.record));
		demand(verb_words(req.verb) || !verb_changes(req.verb));
		demand(!verb_words(req.verb) == !verb_groups(req.verb));
		SETTLES(req, wire_request_decode, wire_request_encode);
	}
	if (taken(wire_reply_head(in, &a, &head))) {
		const enum problem p = (enum problem)head.problem;

		demand(!problem_name(p) == !problem_next(p) &&
			!problem_name(p) == !problem_cause(p));
	}
	struct depth d = { 0 };
	const struct walker w = { &d, enter, leave, enter, leave, value };
	if (taken(wire_reply_walk(in, &a, &w)))
		demand(d.now == 0);
	else
		demand(!d.called);
	arena_done(&a);
	return 0;
}
