/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A random life: some regions, some children, and everything that happens to them, by the seed.
 * At the end everything heals, and then the laws must hold at rest.
 */

#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

#define CHILDREN 10

struct life {
	struct world world;
	unsigned made, notes, offers, accepts, declines, withdrawals, cuts, deaths;
};

static bool chance(struct world *w, unsigned percent)
{
	return world_random(w, 100) < percent;
}

static struct region *some_region(struct world *w)
{
	return &w->regions[world_random(w, w->n_regions)];
}

static struct record *some_record(struct world *w)
{
	return w->n_records ? &w->records[world_random(w, w->n_records)] : NULL;
}

/* Mostly somebody who can do it, and now and then anybody: refusals are part of life. */
static struct region *custodian_of(struct world *w, const struct record *record)
{
	for (size_t i = 0; i < w->n_regions && !chance(w, 5); i++)
		if (record->standing[i].custodian == i)
			return &w->regions[i];
	return some_region(w);
}

static struct region *candidate_of(struct world *w, const struct record *record)
{
	for (size_t i = 0; i < w->n_regions && !chance(w, 5); i++)
		if (record->standing[i].offered == i)
			return &w->regions[i];
	return some_region(w);
}

static void some_note(struct life *l, const struct record *record)
{
	struct world *w = &l->world;
	char text[900];
	struct region *r = some_region(w);
	const size_t len = 20 + world_random(w, 800);

	for (int tries = 0; tries < 4 && !(record->standing[r->index].members & 1u << r->index);
		tries++)
		r = some_region(w);
	snprintf(text, sizeof(text), "visit %llu by %s ",
		(unsigned long long)world_random(w, 1u << 30), r->name);
	for (size_t i = strlen(text); i < len; i++)
		text[i] = (char)('a' + world_random(w, 26));
	text[len > 60 ? len : 60] = '\0';
	for (size_t i = strlen(text); i < 60 && len <= 60; i++)
		text[i] = '.';
	l->notes += client_note(r, record, text,
		chance(w, 2) ? 30 + world_random(w, 60) : 1 + world_random(w, 3));
}

static void some_trouble(struct life *l)
{
	struct world *w = &l->world;
	struct region *a = some_region(w), *b = some_region(w);

	switch (world_random(w, 6)) {
	case 0:
		if (a != b) {
			world_tell(w, a, "is cut off from %s", b->name);
			net_cut(w, a->index, b->index, true);
			l->cuts++;
		}
		return;
	case 1:
		world_tell(w, a, "is restarted");
		world_restart(a);
		l->deaths++;
		return;
	case 2:
		a->garble = true;
		return;
	case 3:
		net_replay(a);
		return;
	case 4:
		a->crash = CRASH_BEFORE_COMMIT;
		l->deaths++;
		return;
	default:
		a->crash = CRASH_AFTER_COMMIT;
		l->deaths++;
		return;
	}
}

static void heal_some(struct world *w, unsigned percent)
{
	for (unsigned a = 0; a < w->n_regions; a++)
		for (unsigned b = 0; b < a; b++)
			if (w->cut[a][b] && chance(w, percent))
				net_cut(w, a, b, false);
}

static void something(struct life *l)
{
	struct world *w = &l->world;
	struct record *record = some_record(w);
	const unsigned what = (unsigned)world_random(w, 100);
	struct region *r;
	char child[16];

	heal_some(w, 10);
	if (!record || (what < 10 && w->n_records < CHILDREN)) {
		snprintf(child, sizeof(child), "%llu", (unsigned long long)w->order);
		l->made += client_make(some_region(w), "998", child) != NULL;
		return;
	}
	if (what < 35) {
		some_note(l, record);
	} else if (what < 55) {
		r = some_region(w);
		l->offers += client_offer(
			custodian_of(w, record), record, r, 1 + (uint32_t)world_random(w, 3));
	} else if (what < 75) {
		r = candidate_of(w, record);
		l->accepts += client_accept(r, record, "Jo");
	} else if (what < 80) {
		r = candidate_of(w, record);
		l->declines += client_decline(r, record, 1 + (uint32_t)world_random(w, 4));
	} else if (what < 87) {
		l->withdrawals += client_withdraw(custodian_of(w, record), record);
	} else {
		some_trouble(l);
	}
}

static void life_begin(struct life *l, uint64_t seed)
{
	static const char *const names[] = { "north", "south", "east", "west", "mid", "coast" };
	struct world *w = &l->world;
	size_t n;

	world_init(w, seed);
	w->keep = 200;
	w->jitter = 1 + world_random(w, 200);
	w->latency = 1 + world_random(w, 50);
	n = 3 + world_random(w, 4);
	for (size_t i = 0; i < n; i++)
		world_add(w, names[i]);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			if (i != k)
				client_introduce(&w->regions[i], &w->regions[k]);
}

void life_run(uint64_t seed, uint64_t hours, struct tally *t)
{
	struct life *l = calloc(1, sizeof(*l));
	struct world *w = &l->world;

	printf("seed %llu, %llu hours\n", (unsigned long long)seed, (unsigned long long)hours);
	(void)fflush(stdout);
	life_begin(l, seed);
	while (!w->broken && w->now < START + hours * 3600 * 1000) {
		/* In bursts: people answer each other, and then nothing happens for a while. */
		const msec pause =
			chance(w, 70) ? world_random(w, 4000) : world_random(w, 180000);

		if (world_run(w, w->now + pause))
			something(l);
	}
	for (unsigned i = 0; i < w->n_regions; i++)
		w->regions[i].crash = CRASH_NOT;
	heal_some(w, 100);
	if (!w->broken)
		world_settle(w);
	printf("%llu events in %llu turns, %llu restarts: %u records, %u notes, %u offers, "
	       "%u accepts, %u declines, %u withdrawals, %u cuts\n"
	       "looked at %llu states, %llu changes, %llu places, %llu duties\n",
		(unsigned long long)w->events, (unsigned long long)w->turns,
		(unsigned long long)w->restarts, l->made, l->notes, l->offers, l->accepts,
		l->declines, l->withdrawals, l->cuts,
		(unsigned long long)w->checked[LAW_HASHES],
		(unsigned long long)w->checked[LAW_VERIFY],
		(unsigned long long)w->checked[LAW_CIRCLE],
		(unsigned long long)w->checked[LAW_DUTY]);
	if (w->broken) {
		for (size_t i = 0; i < w->n_telling; i++)
			printf("%s\n", w->telling[i]);
		printf("seed %llu: law %d is broken: %s\n", (unsigned long long)seed,
			(int)w->broken, w->how);
		t->failed++;
	} else {
		t->passed++;
	}
	world_done(w);
	free(l);
}
