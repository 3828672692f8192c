/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The fold against what PROTOCOL.md says, done the slow way (P10.1, P10.2): records by chance,
 * and one that a hostile region could write, which must not take longer than it is long.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/core/fold.h"

#define CASES   500
#define STRANDS 5
#define MOST    40 /* changes of a record by chance */

static uint64_t chance;

static size_t below(size_t n)
{
	chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (size_t)(chance >> 33) % n;
}

/* A record being made: .of says in what order its changes were written, .all lies by chains. */
struct made {
	struct arena arena;
	struct fold_change *all;
	size_t n, *of;
};

static struct made make(size_t strands, const size_t *lengths)
{
	struct made m = { 0 };

	arena_init(&m.arena, 0);
	for (size_t k = 0; k < strands; k++)
		m.n += lengths[k];
	m.all = arena_array(&m.arena, m.n, sizeof(*m.all));
	m.of = arena_array(&m.arena, m.n, sizeof(*m.of));
	assert_true(m.all && m.of);
	for (size_t k = 0, at = 0; k < strands; k++)
		for (size_t seq = 1; seq <= lengths[k]; seq++, at++) {
			struct fold_change *c = &m.all[at];

			c->ref.at.author.b[0] = (uint8_t)k;
			c->ref.at.seq = seq;
			memcpy(c->ref.change.b, &at, sizeof(at));
			c->open = FOLD_OPEN;
			c->clock = 1;
		}
	return m;
}

static void add_dep(struct made *m, struct fold_change *c, const struct fold_change *to)
{
	struct ref *v = arena_array(&m->arena, c->body.n_deps + 1, sizeof(*v));

	assert_non_null(v);
	if (c->body.n_deps)
		memcpy(v, c->body.deps, c->body.n_deps * sizeof(*v));
	v[c->body.n_deps++] = to->ref;
	c->body.deps = v;
}

static void add_entry(
	struct made *m, struct fold_change *c, const struct fold_change *to, uint32_t index)
{
	struct entry *v = arena_array(&m->arena, c->body.n_entries + 1, sizeof(*v));
	struct entry_ref *ref = arena_alloc(&m->arena, sizeof(*ref));

	assert_true(v && ref);
	if (c->body.n_entries)
		memcpy(v, c->body.entries, c->body.n_entries * sizeof(*v));
	*ref = (struct entry_ref){ .change = to ? to->ref : c->ref, .index = index };
	if (to && index % 2) {
		v[c->body.n_entries].corrects = ref;
		v[c->body.n_entries].n_corrects = 1;
	} else if (to) {
		v[c->body.n_entries].supersedes = ref;
		v[c->body.n_entries].n_supersedes = 1;
	}
	c->body.n_entries++;
	c->body.entries = v;
}

/* Any record, as its chains grew side by side. */
static struct made by_chance(void)
{
	size_t lengths[STRANDS], written[STRANDS] = { 0 }, first[STRANDS], n = 0;
	struct made m;

	for (size_t k = 0; k < STRANDS; k++)
		lengths[k] = below(MOST / STRANDS + 1);
	lengths[0]++;
	m = make(STRANDS, lengths);
	for (size_t k = 0, at = 0; k < STRANDS; at += lengths[k++])
		first[k] = at;
	while (n < m.n) {
		const size_t k = below(STRANDS);
		struct fold_change *c = &m.all[first[k] + written[k]];

		if (written[k] == lengths[k])
			continue;
		c->clock = 1 + below(6);
		c->header.key_class = below(12) == 0;
		c->open = below(12) == 0   ? FOLD_CONTROL
			  : below(20) == 0 ? FOLD_APART
					   : FOLD_OPEN;
		for (size_t d = below(3); n && d > 0; d--)
			add_dep(&m, c, &m.all[m.of[below(n)]]);
		for (size_t e = below(4); e > 0;
			e--) /* few targets, so that they are contested */
			add_entry(&m, c,
				n && below(4) ? &m.all[m.of[below(n < 4 ? n : 4)]] : NULL,
				(uint32_t)below(3));
		m.of[n++] = first[k] + written[k]++;
	}
	return m;
}

/* The slow way -------------------------------------------------------------------------------
 */

static bool counts(const struct fold_change *c)
{
	return c->open == FOLD_CONTROL || (c->open == FOLD_OPEN && c->header.key_class == 0);
}

static bool find(const struct made *m, const struct ref *ref, size_t *ret)
{
	for (size_t i = 0; i < m->n; i++)
		if (memcmp(&m->all[i].ref, ref, sizeof(*ref)) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

static bool mark(bool *seen, size_t at)
{
	const bool was = seen[at];

	seen[at] = true;
	return !was;
}

/* What change .at names, and the one before it. True: there was one more. */
static bool mark_seen_by(const struct made *m, size_t at, bool *seen)
{
	const struct fold_change *c = &m->all[at];
	bool more = c->ref.at.seq > 1 && mark(seen, at - 1);
	size_t dep;

	for (size_t d = 0; counts(c) && d < c->body.n_deps; d++)
		if (find(m, &c->body.deps[d], &dep) && m->all[dep].open != FOLD_APART)
			more |= mark(seen, dep);
	return more;
}

static bool knew(const struct made *m, size_t later, size_t earlier)
{
	bool seen[MOST + STRANDS] = { false }, more = true;

	seen[later] = true;
	while (more) {
		more = false;
		for (size_t at = 0; at < m->n; at++)
			if (seen[at])
				more |= mark_seen_by(m, at, seen);
	}
	return seen[earlier];
}

/* Whether that entry of change .at says that (.target, .index) is superseded. */
static bool claims(const struct made *m, size_t at, size_t entry, size_t target, uint32_t index)
{
	const struct entry *e = &m->all[at].body.entries[entry];
	const struct entry_ref *ref = e->n_supersedes ? e->supersedes : e->corrects;
	size_t to;

	return counts(&m->all[at]) && (e->n_supersedes || e->n_corrects) &&
	       find(m, &ref->change, &to) && to == target && ref->index == index;
}

static bool is_superseded(const struct made *m, size_t at, size_t entry)
{
	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < m->all[i].body.n_entries; k++)
			if (counts(&m->all[at]) && claims(m, i, k, at, (uint32_t)entry))
				return true;
	return false;
}

static bool has_rival(const struct made *m, size_t at, size_t target, uint32_t index)
{
	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < m->all[i].body.n_entries; k++)
			if (i != at && claims(m, i, k, target, index) && !knew(m, i, at) &&
				!knew(m, at, i))
				return true;
	return false;
}

static enum entry_status status_of(const struct made *m, size_t at, size_t entry)
{
	if (is_superseded(m, at, entry))
		return ENTRY_SUPERSEDED;
	for (size_t to = 0; to < m->n; to++)
		for (uint32_t i = 0; i < m->all[to].body.n_entries; i++)
			if (counts(&m->all[to]) && claims(m, at, entry, to, i) &&
				has_rival(m, at, to, i))
				return ENTRY_CONFLICT;
	return ENTRY_CURRENT;
}

static bool may_come(const struct made *m, size_t at, const bool *out)
{
	const struct fold_change *c = &m->all[at];
	size_t dep;

	if (out[at] || c->open == FOLD_APART)
		return false;
	for (size_t i = at; m->all[i].ref.at.seq > 1; i--)
		if (m->all[i - 1].open != FOLD_APART && !out[i - 1])
			return false;
	for (size_t d = 0; counts(c) && d < c->body.n_deps; d++)
		if (find(m, &c->body.deps[d], &dep) && m->all[dep].open != FOLD_APART &&
			!out[dep])
			return false;
	return true;
}

static void check_order(const struct made *m, const struct fold *f)
{
	bool out[MOST + STRANDS] = { false };

	for (size_t i = 0; i < f->n_changes && f->changes[i].open != FOLD_APART; i++) {
		size_t best = SIZE_MAX;

		for (size_t at = 0; at < m->n; at++)
			if (may_come(m, at, out) &&
				(best == SIZE_MAX || m->all[at].clock < m->all[best].clock))
				best = at; /* .all lies by author: the first of one clock */
		assert_true(best < m->n);
		assert_memory_equal(
			&f->changes[i].ref, &m->all[best].ref, sizeof(m->all[best].ref));
		out[best] = true;
	}
}

static void a_record_by_chance_folds_as_the_rules_say(void **state)
{
	size_t conflicts = 0;

	(void)state;
	for (chance = 1; chance <= CASES; chance++) {
		const uint64_t seed = chance;
		struct made m = by_chance();
		struct fold f = { 0 };

		arena_init(&f.arena, 0);
		assert_int_equal(fold_arrange(&f, m.all, m.n), 0);
		assert_int_equal(f.n_changes, m.n);
		check_order(&m, &f);
		for (size_t i = 0; i < f.n_entries; i++) {
			size_t at = 0;

			assert_true(find(&m, &f.entries[i].change->ref, &at));
			if (f.entries[i].status != status_of(&m, at, f.entries[i].index))
				fail_msg("seed %u: entry %zu", (unsigned)seed, i);
		}
		conflicts += f.conflicts;
		fold_done(&f);
		arena_done(&m.arena);
		chance = seed;
	}
	assert_true(conflicts > CASES / 4);
}

/* Compared with each other they would be some 10^11 steps, and the test would not end. */
static void what_a_hundred_thousand_entries_say_of_one_takes_no_longer_than_they_are(
	void **state)
{
	enum { CHAINS = 4, EACH = 5000, SAY = 5 };
	const size_t lengths[CHAINS] = { EACH, EACH, EACH, EACH };
	struct made m = make(CHAINS, lengths);
	struct fold f = { 0 };

	(void)state;
	arena_init(&f.arena, 0);
	add_entry(&m, &m.all[0], NULL, 0);
	for (size_t at = 1; at < m.n; at++) {
		for (size_t k = 0; k < SAY; k++)
			add_entry(&m, &m.all[at], &m.all[0], 0);
		m.all[at].clock = m.all[at].ref.at.seq;
	}
	assert_int_equal(fold_arrange(&f, m.all, m.n), 0);
	assert_int_equal(f.conflicts, (m.n - 1) * SAY);
	fold_done(&f);
	arena_done(&m.arena);
}

/* Deps on all chains' changes of the round before. */
static void add_round(struct made *m, struct fold_change *c, size_t chains, size_t each)
{
	struct ref *v = arena_array(&m->arena, chains, sizeof(*v));

	assert_non_null(v);
	for (size_t k = 0; k < chains; k++)
		v[k] = m->all[k * each + c->ref.at.seq - 2].ref;
	c->body.deps = v;
	c->body.n_deps = chains;
}

/* A region may have 64 lives, and a change 64 deps. */
static void many_chains_that_know_of_each_other_take_no_longer_than_they_are(void **state)
{
	enum { CHAINS = 64, EACH = 200 };
	size_t lengths[CHAINS];
	struct made m;
	struct fold f = { 0 };

	(void)state;
	for (size_t k = 0; k < CHAINS; k++)
		lengths[k] = EACH;
	m = make(CHAINS, lengths);
	arena_init(&f.arena, 0);
	add_entry(&m, &m.all[0], NULL, 0);
	for (size_t at = 1; at < m.n; at++) {
		const size_t seq = m.all[at].ref.at.seq;

		m.all[at].clock = seq;
		add_entry(&m, &m.all[at], &m.all[0], 0);
		if (seq > 1)
			add_round(&m, &m.all[at], CHAINS, EACH);
	}
	assert_int_equal(fold_arrange(&f, m.all, m.n), 0);
	assert_int_equal(f.missing_deps, 0);
	/* Each round knows of all rounds before it, and nobody of the others of its own: but of
	 * the first round only the first change has been superseded. */
	assert_int_equal(f.conflicts, m.n - 1);
	fold_done(&f);
	arena_done(&m.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_by_chance_folds_as_the_rules_say),
		cmocka_unit_test(
			what_a_hundred_thousand_entries_say_of_one_takes_no_longer_than_they_are),
		cmocka_unit_test(
			many_chains_that_know_of_each_other_take_no_longer_than_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
