/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What people ask about the circle of a record, about a custodian that is gone, and about a
 * backup that was made (P6.9, P6.12 to P6.14).
 */

#include <errno.h>

#include "daemon/core/ask.h"

static bool is_name(struct step *s, const struct id *region, struct span text, bool *ret)
{
	char name[NAME_TEXT_MAX];
	struct id low, high;

	if (node_region_name(s, region, name))
		return false;
	*ret = span_is(text, name);
	if (text_hex_range(text, &low, &high))
		*ret |= id_order(region, &low) >= 0 && id_order(region, &high) <= 0;
	return true;
}

/* A region by name or id: this one, one of the circle, or a peer. */
static int ask_region(struct ask *a, const struct id *record, struct id *ret)
{
	const struct affairs *f;
	bool is;
	int r = node_affairs(a->s, record, &f);

	if (r)
		return err_up(r);
	*ret = a->s->node->region;
	if (!is_name(a->s, ret, a->q.peer, &is))
		return err_new(-ENOMEM);
	for (size_t i = 0; i < f->n_members && !is; i++) {
		*ret = f->members[i].row.region;
		if (!is_name(a->s, ret, a->q.peer, &is))
			return err_new(-ENOMEM);
	}
	return is ? 0 : ask_peer(a, ret);
}

/* The record and the region that are named. .not_us, unless NULL: why it is not this one. */
static int begin(struct ask *a, const char *not_us, struct id *record, struct id *region)
{
	int r = ask_record(a, record);

	if (!r)
		r = ask_region(a, record, region);
	if (!r && not_us && id_equal(region, &a->s->node->region))
		return ask_problem(a, PROBLEM_ARGUMENT, "%s", not_us);
	return r;
}

static int made(struct ask *a, const struct id *record, const struct ref *ref)
{
	return ask_made(a, record, ref->at.seq ? ref : NULL);
}

int ask_circle_add(struct ask *a)
{
	struct id record, region;
	struct ref ref = { 0 };
	int r = begin(a, "this region is in the circle: only an offer makes another custodian",
		&record, &region);

	if (r)
		return r;
	if (a->q.circle_role != ROLE_WRITER && a->q.circle_role != ROLE_READER)
		return ask_problem(
			a, PROBLEM_ARGUMENT, "a region is put in as reader or writer");
	r = circle_add(a->s, &record, &region,
		a->q.circle_role == ROLE_WRITER ? ROLE_WRITER : ROLE_READER, a->q.guardian,
		a->q.dry_run, &ref);
	return r ? r : made(a, &record, &ref);
}

int ask_circle_remove(struct ask *a)
{
	struct id record, region;
	struct ref ref = { 0 };
	int r = begin(a, "the custodian stays until it has released: kithctl move offer",
		&record, &region);

	if (r)
		return r;
	r = circle_remove(a->s, &record, &region, a->q.keep_none ? 0 : 1, a->q.dry_run, &ref);
	return r ? r : made(a, &record, &ref);
}

int ask_circle_guardian(struct ask *a)
{
	struct id record, region;
	struct ref ref = { 0 };
	int r = begin(a, "the custodian is a guardian as long as it is one", &record, &region);

	if (r)
		return r;
	r = circle_guardian(a->s, &record, &region, a->q.guardian, a->q.dry_run, &ref);
	return r ? r : made(a, &record, &ref);
}

static int sign(struct ask *a, enum control_kind kind)
{
	struct id record, region;
	struct emergency e;
	const struct affairs *f;
	uint64_t minutes;
	int r = begin(a, NULL, &record, &region);

	if (r)
		return r;
	if (!reason_of(REASONS_EMERGENCY, a->q.code))
		return ask_problem(
			a, PROBLEM_ARGUMENT, "%u is not a reason for this", a->q.code);
	r = emergency_sign(a->s, &record, kind, &region, a->q.code, a->q.anyway, &a->q, &e);
	if (r == PROBLEM_VOTES_MISSING)
		return ask_problem(a, PROBLEM_VOTES_MISSING,
			"%zu of %zu guardians have signed the same, this region included; %zu "
			"must",
			e.have, e.guardians, e.needed);
	if (r == PROBLEM_CUSTODIAN_HEARD) {
		r = node_affairs(a->s, &record, &f);
		if (r)
			return err_up(r);
		minutes = emergency_silence(a->s, &f->disputed.custodian) / 60000;
		return ask_problem(a, PROBLEM_CUSTODIAN_HEARD,
			"the custodian has been silent, as far as is known here, for %llu "
			"minutes",
			(unsigned long long)minutes);
	}
	if (!r)
		r = made(a, &record, &e.ref);
	if (r)
		return r;
	a->reply.made_text = arena_text(a->s->arena,
		e.leads ? "%zu of %zu guardians have signed, %zu must: it counts"
			: "%zu of %zu guardians have signed, %zu must; the region that is "
			  "named "
			  "signs last",
		e.have, e.guardians, e.needed);
	return 0;
}

int ask_custody_assume(struct ask *a)
{
	return sign(a, CONTROL_ASSUME);
}

int ask_custody_resolve(struct ask *a)
{
	return sign(a, CONTROL_RESOLVE);
}

int ask_backup_verified(struct ask *a)
{
	const uint64_t all = a->s->node->log_next - 1;
	const uint64_t through = a->q.after ? a->q.after : all;

	if (through > all)
		return ask_problem(
			a, PROBLEM_ARGUMENT, "the log ends at %llu", (unsigned long long)all);
	a->reply.has_made = true;
	a->reply.made_dry_run = a->q.dry_run;
	a->reply.made_text =
		arena_text(a->s->arena, "through %llu of the log", (unsigned long long)through);
	return a->q.dry_run ? 0 : circle_backup(a->s, through);
}

/* Views --------------------------------------------------------------------------------------
 */

static const char *vote_words(struct step *s, const struct vote *v, const struct affairs *f)
{
	const bool assume = v->held->control.kind == CONTROL_ASSUME;

	return arena_text(s->arena, "%s signed on %s that %s %s%s",
		text_of_region(s, &v->held->ref.at.author),
		text_of_date(s->arena, v->held->control.date),
		text_of_region(s, &v->held->control.to),
		assume ? "takes the duty" : "is the custodian next",
		v->counts ? ""
		: affairs_role(f, &v->held->ref.at.author) == ROLE_NONE
			? " (not in the circle: it does not count)"
		: v->leads ? ""
			   : " (it does not count)");
}

int view_guardians(struct ask *a, const struct affairs *f)
{
	struct step *s = a->s;
	const char **seen =
		arena_array(s->arena, a->reply.n_seen + f->n_votes + 4, sizeof(*seen));
	const char *names = text_of_regions(s, f->guardians, f->n_guardians);
	size_t n = a->reply.n_seen;

	if (!seen || !names)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n; i++)
		seen[i] = a->reply.seen[i];
	if (f->forked)
		seen[n++] = "CUSTODY HAS FORKED: whom either branch made custodian is "
			    "responsible, and "
			    "nothing moves until guardians resolve it";
	if (f->assumed)
		seen[n++] =
			"THE CUSTODIAN IS TAKEN FOR GONE: a region has assumed its duty, both "
			"are responsible until guardians resolve it";
	seen[n++] = arena_text(s->arena, "guardians: %s; %zu of %zu settle an emergency%s",
		names, affairs_majority(f), f->n_guardians,
		f->n_guardians < 3 ? ": too few to act without the custodian" : "");
	for (size_t i = 0; i < f->n_votes; i++)
		seen[n++] = vote_words(s, &f->votes[i], f);
	a->reply.seen = seen;
	a->reply.n_seen = n;
	return 0;
}
