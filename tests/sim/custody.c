/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Laws 11 and 12: somebody responsible holds the whole record, and at most one region takes
 * itself for custodian of record. From what is durable, by the path and the chains that each
 * region holds.
 */

#include "daemon/core/rows.h"
#include "tests/sim/sim.h"

/* What was handed over last, as this region sees it. */
static const struct manifest *handed_over(const struct affairs *a)
{
	if (a->open && a->open->accept && a->open->offer->control.has_manifest)
		return &a->open->offer->control.manifest;
	for (size_t i = a->n_terms; i > 0; i--)
		if (a->terms[i - 1].release)
			return &a->terms[i - 1].release->control.manifest;
	return NULL;
}

/* From its Accept on a region has what was offered; what came with the Release is on its way.
 */
static const struct manifest *held_by_all(const struct affairs *a)
{
	for (size_t i = a->n_terms; i > 0; i--)
		if (a->terms[i - 1].offer)
			return &a->terms[i - 1].offer->control.manifest;
	return NULL;
}

static bool holds(struct region *r, const struct record *record, const struct manifest *m)
{
	for (size_t i = 0; m && i < m->n_heads; i++) {
		struct chain_row row;

		if (chain_get(&r->view, &record->id, &m->heads[i].at.author,
			    &m->heads[i].at.incarnation, &row) ||
			row.seq < m->heads[i].at.seq)
			return false;
	}
	return true;
}

void custody_standing(
	struct region *r, struct record *record, const struct affairs *a, struct standing *ret)
{
	const struct manifest *m = a->open && a->open->accept ? handed_over(a) : held_by_all(a);

	ret->term = a->term;
	ret->forked = a->forked;
	ret->whole = holds(r, record, m);
	for (size_t i = 0; i < a->n_terms; i++)
		record->resolved |= a->terms[i].resolve != NULL;
}

void custody_check(struct world *w, const struct record *record)
{
	unsigned custodians = 0, whole = 0, forked = 0;

	for (size_t i = 0; i < w->n_regions; i++) {
		const struct standing *s = &record->standing[i];

		custodians += s->custodian == i;
		whole += s->responsible && s->whole;
		forked += s->forked;
	}
	w->checked[LAW_WHOLE]++;
	w->checked[LAW_ONE]++;
	if (!whole && !record->resolved)
		law_broken(w, LAW_WHOLE, "nobody who is responsible holds all of %s",
			record->name);
	if (custodians > 1 && !forked && !record->resolved)
		law_broken(w, LAW_ONE, "%u regions take themselves for custodian of %s",
			custodians, record->name);
}

/* Healed and quiet: exactly one, and whoever is in its circle knows it. */
void custody_settled(struct world *w)
{
	for (size_t k = 0; k < w->n_records && !w->broken; k++) {
		const struct record *record = &w->records[k];
		const struct standing *its = NULL;
		unsigned custodians = 0, members = 0;

		for (size_t i = 0; i < w->n_regions; i++)
			if (record->standing[i].custodian == i) {
				custodians++;
				its = &record->standing[i];
				members = its->members;
			}
		w->checked[LAW_ONE]++;
		if (custodians != 1) {
			law_broken(w, LAW_ONE, "at rest %u regions are custodian of %s",
				custodians, record->name);
			return;
		}
		for (size_t i = 0; i < w->n_regions; i++)
			if (members & 1u << i &&
				record->standing[i].custodian != its->custodian)
				law_broken(w, LAW_ONE,
					"at rest %s does not know who is custodian of %s",
					w->regions[i].name, record->name);
	}
}
