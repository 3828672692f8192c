/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Law 10: certificates of custody, issued by anybody at any moment. Each verifies, says of its
 * issuer what the issuer believes of itself, and leaves no day without somebody; no two of one
 * record contradict each other. At rest all members prove the same.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <kith/certificate.h>

#include "daemon/core/duty.h"
#include "tests/sim/sim.h"

/* The latest words of what is wrong, for the telling. */
static const char *first_wrong(const struct notice *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].wrong)
			return v[i].text;
	return "nothing";
}

/* By our own count: from the first day that it speaks of on, each has somebody. */
static bool covers(const struct certified *c)
{
	int32_t day = c->n_duties ? c->duties[0].from : c->said.to;

	for (; day <= c->said.to; day++) {
		bool any = false;

		for (size_t i = 0; i < c->n_duties && !any; i++)
			any = c->duties[i].from <= day && day <= c->duties[i].to;
		if (!any)
			return false;
	}
	return true;
}

static bool says_open(const struct certified *c, const struct region *r)
{
	for (size_t i = 0; i < c->by->n_duties; i++)
		if (c->by->duties[i].open && id_equal(&c->by->duties[i].region, &r->id))
			return true;
	return false;
}

static void check_alone(
	struct region *r, const struct record *record, const struct certified *c)
{
	struct world *w = r->world;

	w->checked[LAW_CERTIFICATE]++;
	if (!c->proven) {
		law_broken(w, LAW_CERTIFICATE, "what %s proves about %s does not verify: %s",
			r->name, record->name, first_wrong(c->notices, c->n_notices));
		return;
	}
	if (!id_equal(&c->said.record, &record->id) || !id_equal(&c->said.by, &r->id))
		law_broken(
			w, LAW_CERTIFICATE, "%s proves something else than was asked", r->name);
	if (!covers(c))
		law_broken(w, LAW_CERTIFICATE, "%s proves a gap in %s", r->name, record->name);
	if (says_open(c, r) != record->standing[r->index].responsible)
		law_broken(w, LAW_CERTIFICATE,
			"%s is%s responsible for %s and proves otherwise", r->name,
			record->standing[r->index].responsible ? "" : " not", record->name);
}

static void check_pair(
	struct world *w, const struct record *record, const struct certified two[2])
{
	struct arena arena;
	struct notice *v;
	size_t n;

	arena_init(&arena, 0);
	must(certificates_agree(two, 2, &arena, &v, &n));
	w->checked[LAW_CERTIFICATE]++;
	/* What guardians have resolved takes back what was signed before, and proven. */
	if (n && !record->resolved)
		law_broken(w, LAW_CERTIFICATE,
			"two certificates of %s contradict each other: %s", record->name,
			v[0].text);
	arena_done(&arena);
}

/* Kept in a ring: what is proven later must fit to it. */
static void keep(struct record *record, struct span bytes)
{
	struct proof *p = &record->proofs[record->n_proofs++ % PROOFS_MAX];

	free(p->bytes);
	p->bytes = malloc(bytes.len);
	must(p->bytes ? 0 : -ENOMEM);
	memcpy(p->bytes, bytes.at, bytes.len);
	p->len = bytes.len;
}

static void take(struct region *r, struct record *record, struct span bytes)
{
	struct world *w = r->world;
	struct certified two[2];
	struct arena arena;

	arena_init(&arena, 0);
	must(certificate_check(w->judge, bytes, &arena, &two[0]));
	check_alone(r, record, &two[0]);
	for (size_t i = 0; i < PROOFS_MAX && !w->broken; i++) {
		const struct proof *p = &record->proofs[i];

		if (!p->bytes)
			continue;
		must(certificate_check(
			w->judge, (struct span){ p->bytes, p->len }, &arena, &two[1]));
		check_pair(w, record, two);
	}
	if (!w->broken)
		keep(record, bytes);
	arena_done(&arena);
}

bool prove(struct region *r, struct record *record)
{
	struct arena arena;
	struct answer answer;
	struct span bytes;

	if (!law_on(r->world, LAW_CERTIFICATE))
		return false;
	arena_init(&arena, 0);
	bytes = client_prove(r, record, &arena, &answer);
	if (bytes.len && !answer.problem[0] && answer.came)
		take(r, record, bytes);
	arena_done(&arena);
	return bytes.len > 0;
}

void prove_told(struct region *r, struct record *record)
{
	struct world *w = r->world;
	const struct proof *p;
	struct certified c;
	struct arena arena;

	if (!prove(r, record) || w->broken)
		return;
	p = &record->proofs[(record->n_proofs - 1) % PROOFS_MAX];
	arena_init(&arena, 0);
	must(certificate_check(w->judge, (struct span){ p->bytes, p->len }, &arena, &c));
	for (size_t i = 0; i < c.n_duties; i++) {
		const struct duty *d = &c.duties[i];
		const char *who = certified_name(&c, &d->region, &arena);
		const char *from = day_text(&arena, d->from), *to = day_text(&arena, d->to);

		must(who && from && to ? 0 : -ENOMEM);
		world_tell(w, r, "proves %s: %s to %s %s, %s, term %llu%s", record->name, from,
			to, who, duty_how_text(d->how), (unsigned long long)d->term,
			d->open ? ", not ended" : "");
	}
	arena_done(&arena);
}

/* Of one record: every member proves it, and all of them the same. */
static void prove_one(struct world *w, struct record *record, unsigned members)
{
	struct certified first, now;
	const char *who = NULL;
	struct arena arena;

	arena_init(&arena, 0);
	for (size_t i = 0; i < w->n_regions && !w->broken; i++) {
		struct region *r = &w->regions[i];
		struct answer answer;
		struct span bytes;

		if (!(members & 1u << i))
			continue;
		bytes = client_prove_judge(r, record, &arena, &answer);
		/* Its clock may be behind that of who made the record. */
		if (strcmp(answer.problem, "before-record") == 0)
			continue;
		must(certificate_check(w->judge, bytes, &arena, &now));
		check_alone(r, record, &now);
		if (w->broken)
			break;
		if (!who) {
			who = r->name;
			first = now;
			continue;
		}
		check_pair(w, record, (struct certified[2]){ first, now });
		if (first.by->n != now.by->n || first.by->n_lacks || now.by->n_lacks)
			law_broken(w, LAW_CERTIFICATE, "at rest %s and %s prove %s differently",
				who, r->name, record->name);
	}
	arena_done(&arena);
}

void prove_settled(struct world *w)
{
	if (!law_on(w, LAW_CERTIFICATE))
		return;
	for (size_t k = 0; k < w->n_records && !w->broken; k++) {
		struct record *record = &w->records[k];
		unsigned members = 0;

		for (size_t i = 0; i < w->n_regions; i++)
			if (record->standing[i].custodian == i)
				members = record->standing[i].members;
		prove_one(w, record, members);
	}
}

void prove_done(struct world *w)
{
	for (size_t k = 0; k < RECORDS_MAX; k++)
		for (size_t i = 0; i < PROOFS_MAX; i++)
			free(w->records[k].proofs[i].bytes);
}
