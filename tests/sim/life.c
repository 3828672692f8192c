/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A random life: some regions, some children, and everything that happens to them, by the seed.
 * Each deed is drawn with the world in view, written down, and done; so a life can be lived
 * again from what was written, also with less in it. At the end everything heals, and then the
 * laws must hold at rest.
 *
 * long: one branch or two for every deed that there is.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/rows.h"
#include "tests/sim/sim.h"

#define CHILDREN 10
#define PLAN_MAX 128

struct life {
	struct world world;
	struct script script;
	const struct life_options *options;
	FILE *record;
	uint64_t chance;
	struct record *children[CHILDREN + 1]; /* from 1; NULL: not made */
	unsigned n_children;
	struct deed plan[PLAN_MAX]; /* what was begun and will end; by time */
	size_t n_plan;
	unsigned done[DEED_COUNT], worked[DEED_COUNT];
};

/* Doing --------------------------------------------------------------------------------------
 */

static bool note(struct region *r, const struct record *record, size_t n, uint64_t about)
{
	char text[900];
	const size_t len = 60 + about % 800;
	uint64_t at = about;
	int said = snprintf(text, sizeof(text), "visit %llu by %s ",
		(unsigned long long)(about % (1u << 30)), r->name);

	for (size_t i = (size_t)said; i < len; i++) {
		at = at * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		text[i] = (char)('a' + (at >> 33) % 26);
	}
	text[len > (size_t)said ? len : (size_t)said] = '\0';
	return client_note(r, record, text, n);
}

/* A mutant for the shrinker: all who are responsible for the first record forget why. */
static void lose_duty(struct world *w)
{
	for (size_t i = 0; i < w->n_regions && w->n_records; i++) {
		struct region *r = &w->regions[i];
		struct scan scan;

		must(store_turn_begin(r->store, &r->view));
		scan_init(&scan, TABLE_CONTROL, SPAN_OF(w->records[0].id));
		while (scan_next(&scan, &r->view) == 0)
			must(row_del(&r->view, TABLE_CONTROL,
				(struct span){ scan.key, scan.key_len }));
		must(store_turn_commit(r->store, &(struct why){ { 0 } }));
	}
	law_everywhere(w);
}

/* long: one line or two for everything that people do */
static bool do_people(struct life *l, const struct deed *d, struct region *r)
{
	struct record *record = l->children[d->a[1]];
	struct region *all = l->world.regions; /* .a[2] of some is one of them */
	char child[32];

	if (d->kind != DEED_MAKE && !record)
		return false;
	switch (d->kind) {
	case DEED_MAKE:
		snprintf(child, sizeof(child), "%lld", (long long)d->a[1]);
		l->children[d->a[1]] = client_make(r, "998", child);
		return l->children[d->a[1]];
	case DEED_NOTE:
		return note(r, record, (size_t)d->a[2], (uint64_t)d->a[3]);
	case DEED_OFFER:
		return client_offer(r, record, &all[d->a[2]], (uint32_t)d->a[3]);
	case DEED_ACCEPT:
		return client_accept(r, record, "Jo");
	case DEED_DECLINE:
		return client_decline(r, record, (uint32_t)d->a[2]);
	case DEED_PROVE:
		return prove(r, record);
	case DEED_WITHDRAW:
		return client_withdraw(r, record);
	case DEED_ADD:
		return client_circle_add(r, record, &all[d->a[2]],
			d->a[3] & 1 ? ROLE_WRITER : ROLE_READER, d->a[3] & 2);
	case DEED_REMOVE:
		return client_circle_remove(r, record, &all[d->a[2]]);
	case DEED_REQUEST:
		snprintf(child, sizeof(child), "998/%lld", (long long)d->a[1]);
		return client_request(r, &all[d->a[2]], child, "placed here");
	case DEED_REFUSE:
		return client_refuse(r, &all[d->a[2]], 4);
	case DEED_ASSUME:
		return client_sign(r, record, VERB_CUSTODY_ASSUME, &all[d->a[2]], true);
	case DEED_RESOLVE:
		return client_sign(r, record, VERB_CUSTODY_RESOLVE, &all[d->a[2]], true);
	case DEED_BACKUP:
		return client_backup(r);
	case DEED_CUT:
	case DEED_MUTE:
	case DEED_HEAL:
	case DEED_KILL:
	case DEED_DELAY:
	case DEED_RESTART:
	case DEED_CRASH_BEFORE:
	case DEED_CRASH_AFTER:
	case DEED_GARBLE:
	case DEED_REPLAY:
	case DEED_SLOW:
	case DEED_FULL:
	case DEED_ROOM:
	case DEED_CLOCK:
	case DEED_STARVE:
	case DEED_TWICE:
	case DEED_BREAK:
	case DEED_COUNT:
		return false;
	}
	return false;
}

/* long: one line or two for every kind of trouble */
static void do_trouble(struct life *l, const struct deed *d, struct region *r)
{
	struct world *w = &l->world;
	const unsigned a = (unsigned)d->a[0], b = (unsigned)d->a[1];

	switch (d->kind) {
	case DEED_CUT:
		net_cut(w, a, b, true);
		return;
	case DEED_MUTE:
		net_mute(w, a, b);
		return;
	case DEED_HEAL:
		net_cut(w, a, b, false);
		return;
	case DEED_KILL:
		net_kill(w, a, b);
		return;
	case DEED_DELAY:
		w->slow[a][b] = (msec)d->a[2];
		w->shaky[a][b] = (msec)d->a[3];
		return;
	case DEED_RESTART:
		world_restart(r);
		return;
	case DEED_CRASH_BEFORE:
		r->crash = CRASH_BEFORE_COMMIT;
		return;
	case DEED_CRASH_AFTER:
		r->crash = CRASH_AFTER_COMMIT;
		return;
	case DEED_GARBLE:
		r->garble = true;
		return;
	case DEED_REPLAY:
		net_replay(r);
		return;
	case DEED_SLOW:
		r->disk_ms = (msec)d->a[1];
		return;
	case DEED_FULL:
		r->full = true;
		r->room = (size_t)d->a[1];
		return;
	case DEED_ROOM:
		r->full = false;
		return;
	case DEED_CLOCK:
		r->skew_ms = d->a[1];
		return;
	case DEED_STARVE:
		r->starve = (uint64_t)d->a[1];
		return;
	case DEED_TWICE:
		r->twice = true;
		return;
	case DEED_BREAK:
		lose_duty(w);
		return;
	case DEED_MAKE:
	case DEED_NOTE:
	case DEED_OFFER:
	case DEED_ACCEPT:
	case DEED_DECLINE:
	case DEED_PROVE:
	case DEED_ADD:
	case DEED_REMOVE:
	case DEED_REQUEST:
	case DEED_REFUSE:
	case DEED_ASSUME:
	case DEED_RESOLVE:
	case DEED_BACKUP:
	case DEED_WITHDRAW:
	case DEED_COUNT:
		return;
	}
}

static bool of_people(enum deed_kind kind)
{
	return kind < DEED_CUT;
}

static void do_deed(struct life *l, const struct deed *d)
{
	struct world *w = &l->world;
	struct region *r = &w->regions[d->a[0]];

	if (l->record) {
		script_write_deed(d, l->record);
		(void)fflush(l->record);
	}
	l->done[d->kind]++;
	if (of_people(d->kind)) {
		l->worked[d->kind] += do_people(l, d, r);
	} else {
		if (d->kind != DEED_DELAY)
			world_tell(w, r, "meets trouble %d", (int)d->kind);
		do_trouble(l, d, r);
	}
}

/* Drawing ------------------------------------------------------------------------------------
 */

static uint64_t draw(struct life *l, uint64_t below) /* splitmix64 */
{
	uint64_t z = l->chance += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return below ? (z ^ z >> 31) % below : 0;
}

static bool chance(struct life *l, unsigned percent)
{
	return draw(l, 100) < percent;
}

static unsigned some_region(struct life *l)
{
	return (unsigned)draw(l, l->world.n_regions);
}

static unsigned some_child(struct life *l)
{
	unsigned child = 1 + (unsigned)draw(l, l->n_children ? l->n_children : 1);

	return l->children[child] ? child : 0;
}

/* Mostly somebody who can do it, and now and then anybody: refusals are part of life. */
static unsigned custodian_of(struct life *l, unsigned child)
{
	for (unsigned i = 0; i < l->world.n_regions && !chance(l, 5); i++)
		if (l->children[child]->standing[i].custodian == i)
			return i;
	return some_region(l);
}

static unsigned candidate_of(struct life *l, unsigned child)
{
	for (unsigned i = 0; i < l->world.n_regions && !chance(l, 5); i++)
		if (l->children[child]->standing[i].offered == i)
			return i;
	return some_region(l);
}

static unsigned writer_of_child(struct life *l, unsigned child)
{
	unsigned r = some_region(l);

	for (int tries = 0; tries < 4 && !(l->children[child]->standing[r].members & 1u << r);
		tries++)
		r = some_region(l);
	return r;
}

static void plan(struct life *l, const struct deed *d)
{
	size_t i = l->n_plan;

	if (l->n_plan == PLAN_MAX)
		return;
	for (; i > 0 && l->plan[i - 1].at > d->at; i--)
		l->plan[i] = l->plan[i - 1];
	l->plan[i] = *d;
	l->n_plan++;
}

/* A region loses all its links, one by one, and gets them back in another order. */
static void plan_swizzle(struct life *l, msec at, unsigned r)
{
	msec healed = at + 1000 + draw(l, 120000);

	for (unsigned i = 0; i < l->world.n_regions; i++) {
		if (i == r)
			continue;
		plan(l, &(struct deed){ at + draw(l, 3000),
				chance(l, 30) ? DEED_MUTE : DEED_CUT, { r, i } });
		plan(l, &(struct deed){ healed + draw(l, 5000), DEED_HEAL, { r, i } });
	}
}

/* What does not end by itself ends later. */
static void plan_end(struct life *l, const struct deed *d)
{
	struct deed end = { .at = d->at + 500 + draw(l, chance(l, 30) ? 1800000 : 90000),
		.a = { d->a[0], d->a[1] } };

	if (d->kind == DEED_CUT || d->kind == DEED_MUTE) {
		end.kind = DEED_HEAL;
	} else if (d->kind == DEED_FULL) {
		end.kind = DEED_ROOM;
	} else if (d->kind == DEED_SLOW && d->a[1]) {
		end.kind = DEED_SLOW;
		end.a[1] = 0;
	} else {
		return;
	}
	plan(l, &end);
}

static bool draw_trouble(struct life *l, struct deed *d)
{
	static const enum deed_kind kinds[] = { DEED_CUT, DEED_MUTE, DEED_KILL, DEED_DELAY,
		DEED_RESTART, DEED_CRASH_BEFORE, DEED_CRASH_AFTER, DEED_GARBLE, DEED_REPLAY,
		DEED_SLOW, DEED_FULL, DEED_CLOCK, DEED_STARVE, DEED_TWICE };
	const unsigned kind = (unsigned)draw(l, COUNT(kinds) + 1), a = some_region(l),
		       b = some_region(l);

	if (kind == COUNT(kinds)) {
		plan_swizzle(l, d->at, a);
		return false;
	}
	d->kind = kinds[kind];
	d->a[0] = a;
	if (d->kind <= DEED_DELAY) {
		d->a[1] = b;
		d->a[2] = (int64_t)draw(l, chance(l, 10) ? 3000 : 60);
		d->a[3] = (int64_t)draw(l, chance(l, 20) ? 2000 : 100);
		if (a == b)
			return false;
	} else if (d->kind == DEED_SLOW) {
		d->a[1] = 1 + (int64_t)draw(l, 4000);
	} else if (d->kind == DEED_FULL) {
		d->a[1] = (int64_t)draw(l, 4000);
	} else if (d->kind == DEED_CLOCK) {
		d->a[1] = (int64_t)draw(l, 4 * 86400000) - 2 * 86400000;
	} else if (d->kind == DEED_STARVE) {
		d->a[1] = 1 + (int64_t)draw(l, chance(l, 50) ? 60 : 2000);
	}
	plan_end(l, d);
	return true;
}

/* All guardians are asked to sign the same, in any order; the region that is named last. */
static void plan_emergency(struct life *l, const struct deed *d, enum deed_kind kind)
{
	const unsigned child = (unsigned)d->a[1], to = writer_of_child(l, child);

	for (unsigned i = 0; i < l->world.n_regions; i++)
		if (i != to)
			plan(l, &(struct deed){
					d->at + draw(l, 4000), kind, { i, child, to } });
	for (unsigned i = 0; i < 3; i++)
		plan(l, &(struct deed){
				d->at + 5000 + draw(l, 60000), kind, { to, child, to } });
}

/* Each third child's custodian may be taken for gone; the others' laws have no exception. */
static bool draw_circle(struct life *l, struct deed *d, unsigned child)
{
	const unsigned what = (unsigned)draw(l, 100);

	d->a[2] = some_region(l);
	d->a[0] = custodian_of(l, child);
	if (what < 40) {
		d->kind = DEED_ADD;
		d->a[3] = (int64_t)draw(l, 4);
	} else if (what < 52) {
		d->kind = DEED_REMOVE;
		d->a[2] = writer_of_child(l, child);
	} else if (what < 66) {
		d->kind = DEED_BACKUP;
	} else if (what < 80) {
		d->kind = DEED_REQUEST;
		d->a[0] = some_region(l);
		if (d->a[0] == d->a[2])
			return false;
	} else if (what < 88) {
		d->kind = DEED_REFUSE;
		d->a[0] = some_region(l);
	} else if (child % 3 == 0) {
		plan_emergency(l, d, what < 94 ? DEED_ASSUME : DEED_RESOLVE);
		return false;
	} else {
		return false;
	}
	return true;
}

/* A life of moves has few notes and little else. */
static unsigned draw_what(struct life *l)
{
	const unsigned what = (unsigned)draw(l, 100);

	if (!l->options->moves || (l->n_children < CHILDREN && what < 20))
		return what;
	return what < 40 ? 35 + what * 18 / 40 : what < 78 ? 53 + (what - 40) * 17 / 38 : what;
}

static bool draw_deed(struct life *l, struct deed *d)
{
	const unsigned what = draw_what(l), child = some_child(l);

	if (!child || (what < 10 && l->n_children < CHILDREN)) {
		if (l->n_children == CHILDREN)
			return false;
		*d = (struct deed){ d->at, DEED_MAKE, { some_region(l), ++l->n_children } };
		return true;
	}
	d->a[1] = child;
	if (what < 35) {
		d->kind = DEED_NOTE;
		d->a[0] = writer_of_child(l, child);
		d->a[2] = 1 + (int64_t)draw(l, chance(l, 2) ? 90 : 3);
		d->a[3] = (int64_t)draw(l, UINT64_C(1) << 40);
	} else if (what < 53) {
		d->kind = DEED_OFFER;
		d->a[0] = custodian_of(l, child);
		d->a[2] = some_region(l);
		d->a[3] = 1 + (int64_t)draw(l, 3);
	} else if (what < 70) {
		d->kind = DEED_ACCEPT;
		d->a[0] = candidate_of(l, child);
	} else if (what < 75) {
		d->kind = DEED_DECLINE;
		d->a[0] = candidate_of(l, child);
		d->a[2] = 1 + (int64_t)draw(l, 4);
	} else if (what < 81) {
		d->kind = DEED_WITHDRAW;
		d->a[0] = custodian_of(l, child);
	} else if (what < 87) {
		d->kind = DEED_PROVE;
		d->a[0] = chance(l, 90) ? writer_of_child(l, child) : some_region(l);
	} else if (what < 92) {
		return draw_circle(l, d, child);
	} else {
		return draw_trouble(l, d);
	}
	return true;
}

/* A life's course ----------------------------------------------------------------------------
 */

static void begin(struct life *l, uint64_t seed, size_t n)
{
	struct world *w = &l->world;

	world_init(w, seed);
	w->audits = true;
	w->keep = 200;
	for (size_t i = 0; i < n; i++)
		world_add(w, region_names[i]);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			if (i != k)
				client_introduce(&w->regions[i], &w->regions[k]);
}

static void live_script(struct life *l)
{
	struct world *w = &l->world;
	const struct script *s = l->options->script;

	begin(l, s->seed, s->n_regions);
	for (size_t i = 0; i < s->n && !w->broken; i++)
		if (world_run(w, START + s->v[i].at))
			do_deed(l, &s->v[i]);
	if (!w->broken)
		world_run(w, START + s->end);
}

/* In bursts: people answer each other, and then nothing happens for a while. */
static void draw_course(struct life *l, msec end)
{
	struct world *w = &l->world;
	msec next = 0;

	while (!w->broken && next < end) {
		struct deed d = { .at = next };

		if (l->n_plan && l->plan[0].at <= next) {
			d = l->plan[0];
			memmove(l->plan, l->plan + 1, --l->n_plan * sizeof(l->plan[0]));
			if (world_run(w, START + d.at))
				do_deed(l, &d);
			continue;
		}
		if (!world_run(w, START + next))
			return;
		if (l->options->broken_on_purpose && next > end / 2 && w->n_records)
			d.kind = DEED_BREAK, do_deed(l, &d);
		else if (draw_deed(l, &d))
			do_deed(l, &d);
		next += chance(l, 70) ? draw(l, 4000) : draw(l, 180000);
	}
}

static void live_drawn(struct life *l)
{
	const struct life_options *o = l->options;
	const msec end = o->hours * 3600 * 1000;
	size_t n;

	l->chance = o->seed ^ UINT64_C(0x6c696665);
	n = chance(l, 85) ? 3 + draw(l, 4) : 7 + draw(l, 9);
	if (l->record) {
		fprintf(l->record, "seed %llu\nregions %zu\n", (unsigned long long)o->seed, n);
		(void)fflush(l->record);
	}
	begin(l, o->seed, n);
	for (unsigned a = 0; a < n; a++)
		for (unsigned b = 0; b < n; b++)
			if (a != b)
				do_deed(l, &(struct deed){ 0, DEED_DELAY,
						   { a, b, (int64_t)draw(l, 50),
							   (int64_t)draw(l, 200) } });
	draw_course(l, end);
}

/* Everything heals, and nobody asks for anything: what is left to do is done by itself. */
static void rest(struct life *l)
{
	struct world *w = &l->world;

	for (unsigned i = 0; i < w->n_regions; i++) {
		struct region *r = &w->regions[i];

		r->crash = CRASH_NOT;
		r->full = r->twice = false;
		r->disk_ms = 0;
		r->starve = 0;
	}
	net_heal(w);
	if (!w->broken)
		world_settle(w);
}

static void tell_sums(struct life *l)
{
	const struct world *w = &l->world;
	unsigned troubles = 0;

	uint64_t moves = 0, resolved = 0;

	for (size_t k = 0; k < w->n_records; k++) {
		uint64_t term = 1;

		for (size_t i = 0; i < w->n_regions; i++)
			if (w->records[k].standing[i].term > term)
				term = w->records[k].standing[i].term;
		moves += term - 1;
		resolved += w->records[k].resolved;
	}
	for (unsigned i = DEED_CUT; i < DEED_COUNT; i++)
		troubles += l->done[i];
	printf("%llu region-hours, %llu moves, %u requests, %u assumes, %u resolves signed, "
	       "%llu records resolved, %u put in, %u put out, %u backups\n",
		(unsigned long long)(w->now - START) * w->n_regions / 3600000,
		(unsigned long long)moves, l->worked[DEED_REQUEST], l->worked[DEED_ASSUME],
		l->worked[DEED_RESOLVE], (unsigned long long)resolved, l->worked[DEED_ADD],
		l->worked[DEED_REMOVE], l->worked[DEED_BACKUP]);
	printf("%llu events in %llu turns by %zu regions, %llu restarts, %llu turns lost: "
	       "%u records, %u notes, %u offers, %u accepts, %u declines, %u withdrawals, "
	       "%u certificates, "
	       "%u troubles; a step makes at most %zu kB\nlooked at",
		(unsigned long long)w->events, (unsigned long long)w->turns, w->n_regions,
		(unsigned long long)w->restarts, (unsigned long long)w->lost,
		l->worked[DEED_MAKE], l->worked[DEED_NOTE], l->worked[DEED_OFFER],
		l->worked[DEED_ACCEPT], l->worked[DEED_DECLINE], l->worked[DEED_WITHDRAW],
		l->worked[DEED_PROVE], troubles, w->largest / 1024);
	for (unsigned law = LAW_HASHES; law <= LAW_LAST; law++)
		printf(" %u: %llu", law, (unsigned long long)w->checked[law]);
	printf("; digest %016llx\n", (unsigned long long)w->digest);
}

enum law life_live(const struct life_options *o)
{
	struct life *l = calloc(1, sizeof(*l));
	struct world *w;
	enum law broken;

	must(l ? 0 : -ENOMEM);
	w = &l->world;
	l->options = o;
	l->record = o->record ? fopen(o->record, "we") : NULL;
	must(o->record && !l->record ? -errno : 0);
	if (o->script)
		live_script(l);
	else
		live_drawn(l);
	if (l->record) {
		script_write(&(struct script){ .end = w->now - START }, l->record);
		(void)fclose(l->record);
	}
	if (!w->broken)
		rest(l);
	if (!o->quiet) {
		tell_sums(l);
		for (size_t i = 0; w->broken && i < w->n_telling; i++)
			printf("%s\n", w->telling[i]);
	}
	if (w->broken && !o->quiet)
		printf("law %d (%s) is broken: %s\n", (int)w->broken, law_name(w->broken),
			w->how);
	broken = w->broken;
	world_done(w);
	script_free(&l->script);
	free(l);
	return broken;
}

void life_run(const struct life_options *o, struct tally *t)
{
	const uint64_t seed = o->script ? o->script->seed : o->seed;

	printf("seed %llu, %llu hours\n", (unsigned long long)seed,
		(unsigned long long)(o->script ? o->script->end / 3600000 : o->hours));
	(void)fflush(stdout);
	if (!life_live(o)) {
		t->passed++;
		return;
	}
	t->failed++;
	if (!o->script)
		printf("lives again:    sim --hours %llu --seed %llu\n"
		       "made shorter:   sim --shrink --hours %llu --seed %llu\n",
			(unsigned long long)o->hours, (unsigned long long)seed,
			(unsigned long long)o->hours, (unsigned long long)seed);
}
