/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Control changes as the reducer reads them, without bytes or signatures: regions are "A" to
 * "D", A made the record. Later changes have later clocks.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/affairs.h"

#define UNUSED   __attribute__((unused))
#define HELD_MAX 24

enum who { A, B, C, D };

struct set {
	struct held held[HELD_MAX];
	struct circle_row rows[HELD_MAX];
	struct removal removals[HELD_MAX];
	struct head heads[HELD_MAX];
	struct key_commitment keys[HELD_MAX];
	size_t n;
	uint64_t seq[4];
	uint64_t clock;
	struct arena arena;
	struct affairs affairs;
};

UNUSED static struct id region(enum who who)
{
	struct id id;

	memset(id.b, 0x10 + (int)who, sizeof(id.b));
	return id;
}

UNUSED static struct ref ref_at(enum who who, uint64_t seq)
{
	struct ref ref = { .at = { .author = region(who), .seq = seq } };

	memset(ref.at.incarnation.b, 1, ID_LEN);
	memset(ref.change.b, 0x40 + (int)who, HASH_LEN);
	ref.change.b[0] = (uint8_t)seq;
	return ref;
}

UNUSED static struct held *add(
	struct set *s, enum who who, enum control_kind kind, uint64_t term)
{
	struct held *h = &s->held[s->n++];

	assert_true(s->n <= HELD_MAX);
	h->ref = ref_at(who, ++s->seq[who]);
	h->control = (struct control){ .kind = kind,
		.kind_number = kind,
		.term = term,
		.clock = ++s->clock,
		.date = { 20000, DATE_DAY } };
	return h;
}

/* A change of the custodian's: .right is what began its term. */
UNUSED static struct held *custodian(struct set *s, enum who who, enum control_kind kind,
	uint64_t term, const struct held *begun)
{
	struct held *h = add(s, who, kind, term);

	h->control.has_right = true;
	h->control.right = begun->ref;
	return h;
}

UNUSED static struct held *genesis(struct set *s)
{
	struct held *h = add(s, A, CONTROL_GENESIS, 1);

	s->keys[0] = (struct key_commitment){ .epoch = 1 };
	h->control.keys = s->keys;
	h->control.n_keys = 1;
	return h;
}

UNUSED static struct held *offer(
	struct set *s, enum who who, uint64_t term, const struct held *begun, enum who to)
{
	struct held *h = custodian(s, who, CONTROL_OFFER, term, begun);

	h->control.to = region(to);
	return h;
}

UNUSED static struct held *answer(
	struct set *s, enum who who, enum control_kind kind, const struct held *to)
{
	struct held *h = add(s, who, kind, to->control.term);

	h->control.has_right = h->control.has_offer = true;
	h->control.right = h->control.offer = to->ref;
	return h;
}

UNUSED static struct held *withdraw(
	struct set *s, enum who who, const struct held *begun, const struct held *of)
{
	struct held *h = custodian(s, who, CONTROL_WITHDRAW, of->control.term, begun);

	h->control.has_offer = true;
	h->control.offer = of->ref;
	return h;
}

UNUSED static struct held *stand_down(
	struct set *s, enum who who, const struct held *of, const struct held *quoted)
{
	struct held *h = answer(s, who, CONTROL_STAND_DOWN, of);

	h->control.has_withdraw = true;
	h->control.withdraw = quoted->ref;
	return h;
}

UNUSED static struct held *release(struct set *s, enum who who, const struct held *begun,
	const struct held *of, const struct held *accept)
{
	struct held *h = custodian(s, who, CONTROL_RELEASE, of->control.term, begun);

	h->control.has_offer = h->control.has_accept = true;
	h->control.offer = of->ref;
	h->control.accept = accept->ref;
	return h;
}

/* A circle change that puts one region in. */
UNUSED static struct held *put_in(struct set *s, enum who who, uint64_t term,
	const struct held *begun, enum who in, enum role role)
{
	struct held *h = custodian(s, who, CONTROL_CIRCLE, term, begun);
	struct circle_row *row = &s->rows[s->n];

	*row = (struct circle_row){
		.region = region(in), .role = role, .classes = 3, .first_epoch = 1
	};
	h->control.set = row;
	h->control.n_set = 1;
	return h;
}

/* One that takes it out; what it wrote up to .last counts (0: nothing). */
UNUSED static struct held *take_out(struct set *s, enum who who, uint64_t term,
	const struct held *begun, enum who out, uint64_t last)
{
	struct held *h = custodian(s, who, CONTROL_CIRCLE, term, begun);
	struct removal *r = &s->removals[s->n];
	struct head *head = &s->heads[s->n];
	const struct ref ref = ref_at(out, last);

	*head = (struct head){ .at = ref.at, .change = ref.change };
	*r = (struct removal){ .region = region(out), .last = head, .n_last = last ? 1 : 0 };
	h->control.removed = r;
	h->control.n_removed = 1;
	return h;
}

/* Leave one out: it is not held. */
UNUSED static void lose(struct set *s, const struct held *what)
{
	const size_t i = (size_t)(what - s->held);

	memmove(&s->held[i], &s->held[i + 1], (s->n - i - 1) * sizeof(s->held[0]));
	s->n--;
}

UNUSED static const struct affairs *read_affairs(struct set *s)
{
	assert_int_equal(affairs_read(s->held, s->n, &s->arena, &s->affairs), 0);
	return &s->affairs;
}

UNUSED static bool responsible(const struct set *s, enum who who)
{
	const struct id id = region(who);

	return affairs_responsible(&s->affairs, &id);
}

UNUSED static enum role role_of(const struct set *s, enum who who)
{
	const struct id id = region(who);

	return affairs_role(&s->affairs, &id);
}

UNUSED static bool counts(const struct set *s, enum who who, uint64_t seq, uint32_t class)
{
	const struct ref ref = ref_at(who, seq);

	return affairs_counts(&s->affairs, &ref.at, class);
}

UNUSED static bool custodian_is(const struct set *s, enum who who, uint64_t term)
{
	const struct id id = region(who);

	return id_equal(&s->affairs.custodian, &id) && s->affairs.term == term;
}

UNUSED static int setup(void **state)
{
	struct set *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	arena_init(&s->arena, 0);
	*state = s;
	return 0;
}

UNUSED static int teardown(void **state)
{
	struct set *s = *state;

	arena_done(&s->arena);
	free(s);
	return 0;
}
