/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The custody reducer and the model, with Decline: also the one that answers a Withdraw, and
 * the Accept that crosses one; and what guardians sign. Every set of changes that a region can
 * come to know within the bound is read by daemon/core/affairs.c, forwards and backwards, and
 * both must agree on who is responsible in it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/duty.h"

#define HELD_MAX 16
#define REGIONS  3

struct set {
	struct held held[HELD_MAX];
	size_t n;
	struct ref votes[HELD_MAX];
	size_t n_votes;
	struct circle_row rows[REGIONS - 1];
};

static struct id region(unsigned who)
{
	struct id id;

	memset(id.b, 0x10 + (int)who, sizeof(id.b));
	return id;
}

static struct ref ref_at(unsigned who, uint64_t seq)
{
	struct ref ref = { .at = { .author = region(who), .seq = seq } };

	memset(ref.at.incarnation.b, 1, ID_LEN);
	memset(ref.change.b, 0x40 + (int)who, HASH_LEN);
	ref.change.b[0] = (uint8_t)seq;
	return ref;
}

/* "1.0", or "g" for Genesis, which stands first in the chain of region 0; behind it the change
 * that puts the others into the circle. */
static const char *place_read(const char *at, struct ref *ret)
{
	unsigned who, seq;
	int len = 0;

	if (*at == 'g') {
		*ret = ref_at(0, 1);
		return at + 1;
	}
	/* NOLINTNEXTLINE(cert-err34-c): the numbers are our own */
	assert_int_equal(sscanf(at, "%u.%u%n", &who, &seq, &len), 2);
	*ret = ref_at(who, seq + (who == 0 ? 3 : 1));
	return at + len;
}

static void name(struct control *c, const struct ref *names, unsigned to)
{
	c->has_right = true;
	c->right = names[0];
	c->has_offer = c->kind != CONTROL_OFFER;
	switch (c->kind) {
	case CONTROL_OFFER:
		c->to = region(to);
		break;
	case CONTROL_ACCEPT:
	case CONTROL_DECLINE:
		c->offer = names[0];
		break;
	case CONTROL_STAND_DOWN:
		c->offer = names[0];
		c->has_withdraw = true;
		c->withdraw = names[1];
		break;
	case CONTROL_RELEASE:
		c->offer = names[1];
		c->has_accept = true;
		c->accept = names[2];
		break;
	case CONTROL_WITHDRAW:
		c->offer = names[1];
		break;
	case CONTROL_RESOLVE:
	case CONTROL_ASSUME:
	case CONTROL_GENESIS:
	case CONTROL_CIRCLE:
	case CONTROL_KEY_EPOCH:
	case CONTROL_CLOSE:
	case CONTROL_ERASURE:
	case CONTROL_UNKNOWN:
		fail();
	}
}

/* What began the term, of a Resolve the last change that counts, and the votes. */
static void name_votes(
	struct set *s, struct held *h, const struct ref *names, size_t n, unsigned to)
{
	const size_t first = h->control.kind == CONTROL_RESOLVE ? 2 : 1;
	const struct ref *last = &names[1];
	const struct ref circle = ref_at(0, 2);

	h->control.has_right = true;
	h->control.right = names[0];
	h->control.to = region(to);
	h->control.code = 1;
	if (first == 2 && last->at.seq == 1 && id_equal(&last->at.author, &circle.at.author))
		last = &circle; /* of Genesis and it the last */
	if (first == 2)
		h->control.last = (struct head){ last->at, last->change };
	for (size_t i = first; i < n; i++) {
		assert_true(s->n_votes < HELD_MAX);
		s->votes[s->n_votes] = names[i];
		h->control.votes = &s->votes[s->n_votes++];
		h->control.n_votes = 1;
	}
}

/* "0.1:Rel:1:1:g,0.0,1.0": place, type, to, term, names. */
static void change_read(struct set *s, const char *at)
{
	static const struct {
		const char *name;
		enum control_kind kind;
	} kinds[] = {
		{ "Off", CONTROL_OFFER },
		{ "Wd", CONTROL_WITHDRAW },
		{ "Acc", CONTROL_ACCEPT },
		{ "Dec", CONTROL_DECLINE },
		{ "Sd", CONTROL_STAND_DOWN },
		{ "Rel", CONTROL_RELEASE },
		{ "AsV", CONTROL_ASSUME },
		{ "Asm", CONTROL_ASSUME },
		{ "RsV", CONTROL_RESOLVE },
		{ "Rsv", CONTROL_RESOLVE },
	};
	struct held *h = &s->held[s->n++];
	struct ref names[4] = { 0 };
	char type[4];
	unsigned to, term;
	size_t n = 0;
	int len = 0;

	assert_true(s->n <= HELD_MAX);
	*h = (struct held){ 0 };
	at = place_read(at, &h->ref);
	/* NOLINTNEXTLINE(cert-err34-c): the numbers are our own */
	assert_int_equal(sscanf(at, ":%3[A-Za-z]:%u:%u:%n", type, &to, &term, &len), 3);
	for (at += len; n < COUNT(names) && *at; at += *at == ',')
		at = place_read(at, &names[n++]);
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(type, kinds[i].name) == 0)
			h->control.kind = kinds[i].kind;
	h->control.kind_number = h->control.kind;
	h->control.term = term;
	h->control.clock = s->n;
	if (h->control.kind == CONTROL_ASSUME || h->control.kind == CONTROL_RESOLVE)
		name_votes(s, h, names, n, to);
	else
		name(&h->control, names, to);
}

static void set_read(struct set *s, char *words)
{
	char *rest = NULL;

	*s = (struct set){ .n = 2 };
	s->held[0] = (struct held){ .ref = ref_at(0, 1),
		.control = { .kind = CONTROL_GENESIS, .term = 1 } };
	for (unsigned r = 1; r < REGIONS; r++)
		s->rows[r - 1] = (struct circle_row){ .region = region(r),
			.role = ROLE_READER,
			.first_epoch = 1,
			.guardian = true };
	s->held[1] = (struct held){ .ref = ref_at(0, 2),
		.control = { .kind = CONTROL_CIRCLE,
			.term = 1,
			.has_right = true,
			.right = s->held[0].ref,
			.set = s->rows,
			.n_set = REGIONS - 1 } };
	for (char *w = strtok_r(words, " \n", &rest); w; w = strtok_r(NULL, " \n", &rest))
		change_read(s, w);
}

static void agree(const struct set *s, const char *line, unsigned who, unsigned term,
	const char *duty, unsigned *states)
{
	struct arena arena;
	struct affairs a;
	struct id custodian = region(who);

	arena_init(&arena, 0);
	assert_int_equal(affairs_read(s->held, s->n, &arena, &a), 0);
	if (!id_equal(&a.custodian, &custodian) || a.term != term || a.forked)
		fail_msg("not custodian %u in term %u: %s", who, term, line);
	for (unsigned r = 0; r < REGIONS; r++) {
		const struct id id = region(r);

		if (affairs_responsible(&a, &id) != (strchr(duty, (int)('0' + r)) != NULL))
			fail_msg("the model says that %s are responsible: %s", duty, line);
	}
	for (size_t i = 0; i < a.n_offers; i++)
		*states |= 1u << a.offers[i].state;
	arena_done(&arena);
}

static int by_place(const void *x, const void *y)
{
	const struct held *a = x, *b = y;

	return place_order(&a->ref.at, &b->ref.at);
}

/* Whatever days the changes are dated: no day without anybody, and what is open is whom the
 * model says to be responsible. */
static void days_agree(
	const struct set *s, const char *line, const char *duty, unsigned *chance)
{
	struct set dated = *s;
	struct reckoning k;
	struct arena arena;
	struct duty *v;
	int32_t first, last;
	size_t n;

	for (size_t i = 0; i < dated.n; i++) {
		*chance = *chance * 1103515245 + 12345;
		dated.held[i].control.date.day = (int32_t)(*chance >> 16) % 20;
	}
	qsort(dated.held, dated.n, sizeof(dated.held[0]), by_place);
	arena_init(&arena, 0);
	assert_int_equal(duties_reckon(dated.held, dated.n, &arena, &k), 0);
	assert_int_equal(duties_within(&k, 0, 40, &arena, &v, &n), 0);
	if (duties_gap(v, n, duties_since(&k), 40, &first, &last))
		fail_msg("nobody from day %d to %d: %s", first, last, line);
	for (unsigned r = 0; r < REGIONS; r++) {
		const struct id id = region(r);
		bool open = false;

		for (size_t i = 0; i < n; i++)
			open |= v[i].open && id_equal(&v[i].region, &id);
		if (open != (strchr(duty, (int)('0' + r)) != NULL))
			fail_msg("the days do not end as the model says: %s", line);
	}
	arena_done(&arena);
}

/* Every line of a dump: how many there were, and in which states an Offer was met. */
static size_t compare(const char *command, unsigned *states)
{
	FILE *model = popen(command, "r"); // NOLINT(cert-env33-c): our own
	char line[1024], words[1024];
	unsigned chance = 1;
	size_t lines = 0;
	struct set s;

	assert_non_null(model);
	while (fgets(line, sizeof(line), model)) {
		unsigned who, term;
		char duty[16];
		int len = 0;

		/* NOLINTNEXTLINE(cert-err34-c): the numbers are our own */
		assert_int_equal(sscanf(line, "%u %u %15s%n", &who, &term, duty, &len), 3);
		strcpy(words, line + len); // NOLINT: as long as .line
		set_read(&s, words);
		agree(&s, line, who, term, duty, states);
		days_agree(&s, line, duty, &chance);
		for (size_t i = 0; i < s.n / 2; i++) {
			const struct held h = s.held[i];

			s.held[i] = s.held[s.n - 1 - i];
			s.held[s.n - 1 - i] = h;
		}
		agree(&s, line, who, term, duty, states);
		lines++;
	}
	assert_int_equal(pclose(model), 0);
	return lines;
}

static void affairs_agree_with_the_model_on_declines_and_crossings(void **state)
{
	const unsigned all = 1u << OFFER_OPEN | 1u << OFFER_ACCEPTED | 1u << OFFER_DECLINED |
			     1u << OFFER_WITHDRAWN | 1u << OFFER_WITHDRAWN_ACCEPTED |
			     1u << OFFER_STOOD_DOWN | 1u << OFFER_REFUSED_LATE |
			     1u << OFFER_RELEASED;
	unsigned states = 0;

	(void)state;
	assert_true(
		compare("exec python3 tests/model/custody.py --dump-all 3 7", &states) > 3000);
	assert_int_equal(states, all); /* each state of an Offer was met */
}

static void affairs_agree_with_the_model_on_what_guardians_sign(void **state)
{
	unsigned states = 0;

	(void)state;
	assert_true(compare("exec python3 tests/model/custody.py --dump-assume 1 4", &states) >
		    150);
	assert_true(compare("exec python3 tests/model/custody.py --dump-resolve 1 5", &states) >
		    900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(affairs_agree_with_the_model_on_declines_and_crossings),
		cmocka_unit_test(affairs_agree_with_the_model_on_what_guardians_sign),
	};

	return cmocka_run_group_tests_name("affairs_model", tests, NULL, NULL);
}
