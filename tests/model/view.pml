/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a region makes of the changes that it holds: the custody path, who is responsible, the
 * circle, the open Offer. Each wrong variant changes one line of it or of custody.pml.
 */

c_decl {
\#include <stdbool.h>
\#include <stdio.h>
\#include <stdlib.h>
\#include <string.h>

extern int readtrail; /* the verifier replays a trail */

enum type { NO_TYPE, OFF, WD, ACC, DEC, SD, REL, RMV, ASM, RSV };
enum law { FINE, GAP, TWO, HEALED, OUTSIDE, DROPPED, MANY };

/* A ref is chain * L + seq, and 1; 0 is Genesis, or nothing. */
typedef unsigned char ref_t;

struct offered { ref_t at, acc, dec, wd, sd, rel; unsigned char to, term; };

/* What one region makes of what it holds. */
struct view {
	unsigned char custodian, term;
	ref_t begun;		/* the change that began the term */
	unsigned char circle, duty; /* regions: bits */
	bool forked, dangling;	/* dangling: holds a change of its own that does not count yet */
	struct offered offers[8];
	int n, open;		/* open: index, or -1 */
};

enum variant { PROPOSED, RESCIND, STOP_START, SAME_INCARNATION, NO_FENCE, NOT_OURS, NAIVE_END,
	TWO_OFFERS, RELEASE_WITHDRAWN, EARLY_REMOVAL, ACCEPT_DECLINED, DECLINE_ACCEPTED,
	UNSEEN_WITHDRAW, NO_ACCEPT, NEWEST_ONLY, HALF_FENCE, FORK_FIRST, LATE_NOTHING, BEFORE_IGNORED, OLD_PROMISES, OLD_OFFER, EXCUSE_FORGETS, RESOLVE_UNCOUNTED,
	RESOLVE_OTHER, RESOLVE_TWICE, RESOLVE_DEAF, VARIANTS };
static const char *const variants[VARIANTS] = { "proposed", "acceptor_may_rescind",
	"stop_on_accept_start_on_release", "restore_with_same_incarnation", "no_fence",
	"restored_region_answers_not_ours", "duty_ends_on_release_without_custody_path",
	"two_open_offers", "release_after_withdraw", "removal_before_stand_down",
	"accept_counts_after_own_decline", "decline_after_own_accept",
	"stand_down_without_having_seen_the_withdraw", "release_without_accept",
	"only_the_newest_offer_is_answered", "work_resumes_before_the_last_promise",
	"fork_first_branch_wins", "late_release_counts_for_nothing", "what_came_before_need_not_be_held",
	"promises_to_an_earlier_life_are_enough", "release_on_an_offer_of_an_earlier_life",
	"who_excused_a_peer_knows_its_duty", "resolve_names_what_does_not_count",
	"resolve_names_a_region_that_did_not_sign", "guardian_signs_two_resolves_of_a_term",
	"who_was_offered_to_behind_a_resolve_is_not_told" };
static int variant, max_offers = 2, max_changes = 7, max_saves = 1, max_restores, victims = 1,
	max_excuses, forking, guardians, only_law;
}

c_code {
static void __attribute__((constructor)) configure(void)
{
	const char *b = getenv("BOUNDS"), *v = getenv("VARIANT");
	int i;

	if (getenv("LAW"))
		only_law = atoi(getenv("LAW"));
	if (b && sscanf(b, "%d %d %d %d %d %d %d %d", &max_offers, &max_changes, &max_saves,
			&max_restores, &victims, &max_excuses, &forking, &guardians) != 8) {
		fprintf(stderr, "BOUNDS wants eight numbers\n");
		exit(2);
	}
	for (i = 0; v && i < VARIANTS; i++)
		if (strcmp(v, variants[i]) == 0)
			variant = i;
	if (v && strcmp(v, variants[variant]) != 0) {
		fprintf(stderr, "no variant %s\n", v);
		exit(2);
	}
}

/* A change -------------------------------------------------------------------------------- */

static int pack(int type, int to, int audience, ref_t begun, ref_t offer, ref_t aux)
{
	return type | to << 4 | audience << 6 | begun << 10 | offer << 16 | aux << 22;
}
static int entry(ref_t at) { return now.ent[at - 1]; }
static int type(ref_t at) { return entry(at) & 15; }
static int to(ref_t at) { return entry(at) >> 4 & 3; }
static int audience(ref_t at) { return entry(at) >> 6 & 15; }
static ref_t begun(ref_t at) { return entry(at) >> 10 & 63; }
static ref_t about(ref_t at) { return type(at) == OFF ? at : entry(at) >> 16 & 63; }
static ref_t aux(ref_t at) { return entry(at) >> 22 & 63; }
/* Which region holder .r is. */
static int id(int r) { return r < N ? r : 0; }
static int chain_of(ref_t at) { return (at - 1) / L; }
static int by(ref_t at) { return now.author[chain_of(at)]; }
static ref_t ref(int chain, int seq) { return (ref_t)(chain * L + seq + 1); }
static bool has(int r, ref_t at) { return (at - 1) % L < now.head[r * K + chain_of(at)]; }

/* What follows from what is held ---------------------------------------------------------- */

static bool counted[K * L + 1];
static int viewer; /* whose view is being made */

/* How much of a chain counts, as far as the viewer knows: a cut (Close) is known by whatever is
 * held of the incarnation behind it. */
static int through(int c)
{
	int i;

	for (i = c + 1; i < K; i++)
		if (now.author[i] == now.author[c] && now.cut[c] && now.head[viewer * K + i])
			return now.cut[c] - 1;
	return now.long_[c];
}

/* Each change of an incarnation stands on what its author held of those before it (Close). */
static bool comes_after(int r, ref_t at)
{
	int c = chain_of(at), old;

	if (variant == BEFORE_IGNORED || variant == NAIVE_END)
		return true;
	for (old = 0; old < c; old++)
		if (now.author[old] == now.author[c] && now.cut[old] &&
			now.head[r * K + old] < now.cut[old] - 1)
			return false;
	return true;
}

/* A change counts when everything that it names is held and counts (P6.3). */
static void count(int r)
{
	bool more = true;
	int c, i;

	memset(counted, 0, sizeof(counted));
	counted[0] = true;
	while (more) {
		more = false;
		for (c = 0; c < K; c++)
			for (i = 0; i < now.head[r * K + c]; i++) {
				ref_t at = ref(c, i);

				if (counted[at] || !comes_after(r, at))
					continue;
				if (variant != NAIVE_END &&
					(!counted[begun(at)] || !counted[aux(at)] ||
						(about(at) != at && !counted[about(at)])))
					continue;
				more = counted[at] = true;
			}
	}
}

/* The first answer of the region that the offer names, in the order of its chains. */
static ref_t answered(ref_t offer, int a, int b)
{
	int c, i;

	for (c = 0; c < K; c++)
		for (i = 0; i < (now.cloned ? now.long_[c] : through(c)); i++) {
			ref_t at = ref(c, i);

			if (counted[at] && (type(at) == a || type(at) == b) &&
				by(at) == to(offer) && about(at) == offer)
				return at;
		}
	return 0;
}

static bool is_open(const struct offered *o) { return !o->wd && !o->dec && !o->rel; }

static void take_offer(struct view *v, ref_t at)
{
	struct offered *o = &v->offers[v->n];
	ref_t said = answered(at, ACC, DEC), acc = answered(at, ACC, ACC);

	/* At most one is open (P6.4). */
	if (v->n && v->offers[v->n - 1].term == v->term && is_open(&v->offers[v->n - 1]) &&
		variant != TWO_OFFERS)
		return;
	v->n++;
	*o = (struct offered){ .at = at, .to = to(at), .term = v->term };
	o->acc = said && type(said) == ACC ? said : 0;
	o->dec = said && type(said) == DEC ? said : 0;
	if (variant == ACCEPT_DECLINED && acc)
		o->acc = acc;
	if (variant == DECLINE_ACCEPTED && o->acc && answered(at, DEC, DEC)) {
		o->dec = answered(at, DEC, DEC);
		o->acc = 0;
	}
	if (variant == RESCIND || variant == UNSEEN_WITHDRAW)
		o->sd = answered(at, SD, SD);
	v->circle |= 1 << o->to;
}

/* What the custodian writes in its term, in order. The Release that ends it, or 0. */
static ref_t walk_line(struct view *v, const ref_t *line, int n)
{
	int i, k;

	for (i = 0; i < n; i++) {
		struct offered *o = NULL;
		ref_t at = line[i], sd;

		if (!counted[at] || begun(at) != v->begun)
			continue;
		for (k = 0; k < v->n; k++)
			if (v->offers[k].at == about(at) && v->offers[k].term == v->term)
				o = &v->offers[k];
		if (type(at) == OFF)
			take_offer(v, at);
		if (type(at) == RMV)
			v->circle &= ~(1 << to(at));
		if (type(at) == WD && o && !o->wd) {
			o->wd = at;
			sd = answered(o->at, SD, SD);
			if (o->acc && sd && (aux(sd) == at || variant == UNSEEN_WITHDRAW))
				o->sd = sd;
		}
		if (type(at) == REL && o && (!o->wd || variant == RELEASE_WITHDRAWN) &&
			(variant == NO_ACCEPT || (o->acc && aux(at) == o->acc))) {
			o->rel = at;
			return at;
		}
	}
	return 0;
}

/* The changes of a region in the order of its incarnations; the first .*cuts of them are in
 * every branch, what lies behind a cut stands in .late. */
static int lines(int u, ref_t *main_line, ref_t *late, int *n_late)
{
	int c, i, n = 0;

	*n_late = 0;
	for (c = 0; c < K; c++) {
		if (now.author[c] != u)
			continue;
		if (through(c) < now.long_[c] && !*n_late) {
			memcpy(late, main_line, n * sizeof(*late));
			*n_late = n;
			for (i = 0; i < now.long_[c]; i++)
				late[(*n_late)++] = ref(c, i);
		}
		for (i = 0; i < through(c); i++)
			main_line[n++] = ref(c, i);
	}
	return n;
}

static ref_t resolved(ref_t term_begun)
{
	int c, i;

	for (c = 0; c < K; c++)
		for (i = 0; i < now.long_[c]; i++)
			if (counted[ref(c, i)] && type(ref(c, i)) == RSV &&
				begun(ref(c, i)) == term_begun)
				return ref(c, i);
	return 0;
}

static bool late_counts(const ref_t *line, int i, int n)
{
	for (; i < n; i++)
		if (counted[line[i]])
			return true;
	return false;
}

/* The path from where .v stands to its end; other branches give duty only (P6.10). */
static void walk(struct view *v)
{
	for (;;) {
		ref_t line[K * L], late[K * L], rel, other = 0, rsv = resolved(v->begun);
		int n_late, n = lines(v->custodian, line, late, &n_late), i, k;
		struct view branch = *v;

		if (rsv) { /* it names the last change of the custodian that counts */
			for (i = 0; i < n && aux(rsv) && line[i] != aux(rsv); i++)
				;
			i = aux(rsv) ? i + 1 : 0;
			/* Whom it offered to behind that must hear of it. */
			for (k = i; k < n; k++)
				if (counted[line[k]] && type(line[k]) == OFF && variant != RESOLVE_DEAF)
					v->circle |= 1 << to(line[k]);
			n = i;
			n_late = 0;
		}
		rel = walk_line(v, line, n);
		if (n_late)
			other = walk_line(&branch, late, n_late);
		/* Of a clone both branches bind, whatever they say; of a closed life what it gave. */
		if (!other && now.cloned && n_late > now.cut[0] - 1 && n >= now.cut[0] &&
			v->custodian == 0 && late_counts(late, now.cut[0] - 1, n_late) &&
			late_counts(line, now.cut[0] - 1, n)) {
			v->forked = true;
			v->duty |= variant != FORK_FIRST;
		}
		if (other && other != rel && variant != LATE_NOTHING) {
			v->forked = true;
			branch.custodian = to(about(other));
			branch.begun = other;
			branch.term++;
			walk(&branch);
			if (variant != FORK_FIRST)
				v->duty |= branch.duty | 1 << branch.custodian;
			v->circle |= branch.circle;
		}
		if (now.cloned && other && !rel && v->custodian == 0)
			v->duty |= 1;
		if (now.cloned && rel && !other && v->forked && variant != FORK_FIRST)
			v->duty |= 1;
		if (!rel && !rsv)
			return;
		v->custodian = rel ? to(about(rel)) : to(rsv);
		v->begun = rel ? rel : rsv;
		v->term++;
		v->circle |= 1 << v->custodian;
	}
}

static void find_duty(struct view *v, int r)
{
	int c, i;

	v->open = v->n && v->offers[v->n - 1].term == v->term && is_open(&v->offers[v->n - 1]) ?
		v->n - 1 : -1;
	if (variant == STOP_START) {
		if (v->open < 0 || !v->offers[v->open].acc)
			v->duty |= 1 << v->custodian;
		return;
	}
	v->duty |= 1 << v->custodian;
	/* An acceptor, until the path has passed the term or it stood down (P6.5). */
	for (i = 0; i < v->n; i++)
		if (v->offers[i].acc && !v->offers[i].sd && v->offers[i].term >= v->term)
			v->duty |= 1 << v->offers[i].to;
	for (c = 0; c < K; c++)
		for (i = 0; i < now.long_[c]; i++) {
			ref_t at = ref(c, i);

			if (counted[at] && type(at) == ASM && begun(at) == v->begun)
				v->duty |= 1 << by(at);
			if (has(r, at) && by(at) == id(r) && !counted[at] &&
				(!now.cut[c] || i < now.cut[c] - 1))
				v->dangling = true;
		}
}

/* This one forgets its duty on any Release of its offer, whatever it holds of the path. */
static void naive_duty(struct view *v, int r)
{
	int c, i;

	v->duty = v->custodian == r ? 1 << r : 0;
	for (c = 0; c < K; c++)
		for (i = 0; i < now.long_[c]; i++) {
			ref_t at = ref(c, i);
			int d, k;
			bool ended = false;

			if (!has(r, at) || type(at) != ACC || by(at) != r)
				continue;
			for (d = 0; d < K; d++)
				for (k = 0; k < now.long_[d]; k++)
					if (has(r, ref(d, k)) && about(ref(d, k)) == about(at) &&
						(type(ref(d, k)) == REL || type(ref(d, k)) == SD))
						ended = true;
			if (!ended)
				v->duty |= 1 << r;
		}
}

/* The same state is asked about many times before the next one. */
static struct view cache[M];
static int cache_ent[K * L];
static unsigned char cache_key[M * K + 3 * K];
static bool cached[M];

static struct view *view(int r)
{
	unsigned char key[sizeof(cache_key)];

	memcpy(key, now.head, M * K);
	memcpy(key + M * K, now.long_, K);
	memcpy(key + M * K + K, now.cut, K);
	memcpy(key + M * K + 2 * K, now.author, K);
	if (memcmp(key, cache_key, sizeof(key)) || memcmp(cache_ent, now.ent, sizeof(cache_ent))) {
		memcpy(cache_key, key, sizeof(key));
		memcpy(cache_ent, now.ent, sizeof(cache_ent));
		memset(cached, 0, sizeof(cached));
	}
	if (!cached[r]) {
		cache[r] = (struct view){ .circle = 1 };
		viewer = r;
		count(r);
		walk(&cache[r]);
		find_duty(&cache[r], r);
		if (variant == NAIVE_END)
			naive_duty(&cache[r], r);
		cached[r] = true;
	}
	return &cache[r];
}
} /* c_code */
