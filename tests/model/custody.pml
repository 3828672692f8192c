/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Custody (PROTOCOL P6, restored regions, forks, guardians), for Spin.
 *
 * What happens stands below in Promela, one choice for each step that a region, the network or
 * people can take. What a region concludes from the changes that it holds is C, in view.pml,
 * written from the protocol and not from daemon/core. README.md says what is checked.
 *
 * One verifier runs everything: the environment chooses the bounds and the variant.
 *
 *	BOUNDS="offers changes backups restores victims excuses forked guardians"  (see configure)
 *	VARIANT=none or the name of a wrong variant (see variants[])
 */

#define N 3 /* regions */
#define M 4 /* those who hold something: the regions, and the clone of region 0 */
#define K 5 /* chains: one a region, and two for the incarnations after a restore */
#define L 7 /* changes in a chain, at most */

int ent[35];	/* K * L changes, packed: see "A change" below */
byte long_[K];	/* of each chain */
byte head[20];	/* M * K: how much of each chain a region holds. Chains come in order (P2.4) */
byte own[M];	/* the chain that a region writes on */
byte author[K];
byte cut[K];	/* of a chain that another incarnation closed: how much of it counts, and 1 */
byte from[K];	/* which chain this one came after, and 1 */
byte promised[K]; /* regions that take no more of a chain: bits */
byte collected[K]; /* regions whose promise, or excuse, the present life has: bits */
bool cloned;	/* region 0 lives twice */
byte saved[K];	/* the backup of one region: how much it held of each chain */
byte saved_of;	/* that region, and 1 */
byte saves;
byte restores;
byte excuses;
byte lost;	/* regions that were responsible when their disk went: bits */
byte signed_rsv[M]; /* the newest term, and 1, whose Resolve a guardian signed */
byte broken;	/* the law that the last step broke; see the assertions */

#include "view.pml"

c_code {
/* Restored, and the fence is not complete, or what came back does not count yet. */
static bool fenced(int r)
{
	return now.own[r] < N || variant == SAME_INCARNATION || variant == NO_FENCE ||
	       now.cut[now.from[now.own[r]] - 1]; /* the youngest is the last */
}
static bool quarantined(int r)
{
	if (r == N || now.own[r] < N || variant == SAME_INCARNATION || variant == NO_FENCE)
		return false;
	return !fenced(r) || view(r)->dangling;
}

/* Whether the region itself says that it is responsible. In quarantine it says "unknown", which
 * is taken for yes only if it was when its disk went. */
static bool duty(int r)
{
	if (r == N && !now.cloned)
		return false;
	if (quarantined(r))
		return variant != NOT_OURS && now.lost >> r & 1;
	/* An excused peer may hold an Accept of the life before: until that peer is heard, or a
	 * Release or StandDown of this life, the region goes on as responsible. */
	if (now.excuses && now.lost >> r & 1 && variant != EXCUSE_FORGETS)
		return true;
	return view(r)->duty >> id(r) & 1;
}
static bool custodian(int r)
{
	return (r < N || now.cloned) && !quarantined(r) && view(r)->custodian == id(r);
}

/* Writing --------------------------------------------------------------------------------- */

static int total(void)
{
	int c, n = 0;

	for (c = 0; c < K; c++)
		n += now.long_[c];
	return n;
}
static int offers(void)
{
	int c, i, n = 0;

	for (c = 0; c < K; c++)
		for (i = 0; i < now.long_[c]; i++)
			n += type(ref(c, i)) == OFF;
	return n;
}

/* A region that may write about custody: not in quarantine, and no fork (P6.10). */
static bool may(int r)
{
	return (r < N || now.cloned) && now.long_[now.own[r]] < L && total() < max_changes && !quarantined(r) &&
	       !view(r)->dangling && !view(r)->forked;
}
static bool rules(int r) { return may(r) && view(r)->custodian == id(r); }

static void append(int r, int t, int whom, ref_t begins, ref_t offer, ref_t quoted)
{
	static const char *const names[] = { "", "Offer", "Withdraw", "Accept", "Decline",
		"StandDown", "Release", "Remove", "Assume", "Resolve" };
	int c = now.own[r], k, i;

	/* Who is put out is sent all that was there before. */
	for (k = 0; t == RMV && k < K; k++)
		for (i = 0; i < now.head[r * K + k]; i++)
			now.ent[k * L + i] |= 1 << whom << 6;
	now.ent[c * L + now.long_[c]] =
		pack(t, whom, view(r)->circle | 1 << id(r) | (t == OFF) << whom, begins, offer, quoted);
	now.long_[c]++;
	if (t == REL || t == SD)
		now.lost &= ~(1 << r);
	now.head[r * K + c] = now.long_[c];
	if (readtrail)
		printf("  %d: %s -> %d\n", r, names[t], whom);
}

static bool may_offer(int r, int whom)
{
	return whom != id(r) && rules(r) && offers() < max_offers &&
	       (view(r)->open < 0 || variant == TWO_OFFERS) && view(r)->n < 7;
}
static struct offered *open_offer(int r)
{
	return view(r)->open < 0 ? NULL : &view(r)->offers[view(r)->open];
}
/* The variants that look at more than the open offer take the oldest that they may. */
static struct offered *to_withdraw(int r)
{
	struct view *v = view(r);
	int i;

	for (i = 0; variant == TWO_OFFERS && i < v->n; i++)
		if (v->offers[i].term == v->term && is_open(&v->offers[i]))
			return &v->offers[i];
	return open_offer(r);
}
static struct offered *to_release(int r)
{
	struct view *v = view(r);
	int i;

	for (i = 0; i < v->n; i++) {
		struct offered *o = &v->offers[i];

		if (o->term != v->term || o->rel || (o->wd && variant != RELEASE_WITHDRAWN) ||
			(o->dec && !o->acc) || (!o->acc && variant != NO_ACCEPT))
			continue;
		/* Whom nobody could ask may have stood down on a Withdraw that is lost. */
		if (now.excuses && chain_of(o->at) != now.own[r] && variant != OLD_OFFER)
			continue;
		return o;
	}
	return NULL;
}
/* Any Offer that has come and has no answer, whatever is held of the path. */
static struct offered *naive_offer(int r)
{
	static struct offered o;
	int c, i;

	count(r);
	for (c = 0; c < K; c++)
		for (i = 0; i < now.head[r * K + c]; i++) {
			o.at = ref(c, i);
			if (type(o.at) == OFF && to(o.at) == r && !answered(o.at, ACC, DEC))
				return &o;
		}
	return NULL;
}
static struct offered *to_answer(int r, int t)
{
	struct view *v = view(r);
	int i;

	if (!may(r))
		return NULL;
	if (variant == NAIVE_END && naive_offer(r))
		return t == ACC ? naive_offer(r) : NULL;
	for (i = 0; i < v->n; i++) {
		struct offered *o = &v->offers[i];

		if (o->to != id(r) || o->rel || o->wd || o->term != v->term)
			continue;
		if (t == ACC && !o->acc && (!o->dec || variant == ACCEPT_DECLINED))
			return o;
		if (t == DEC && !o->dec && (!o->acc || variant == DECLINE_ACCEPTED))
			return o;
	}
	return NULL;
}
static bool newest(const struct view *v, const struct offered *o)
{
	int i;

	for (i = v->n - 1; v->offers[i].to != o->to; i--)
		;
	return &v->offers[i] == o;
}
/* Withdrawn: an acceptor stands down, and who had not answered declines, which tells the
 * custodian that no Accept is on its way. */
static struct offered *to_close(int r, int t, ref_t *quoted)
{
	struct view *v = view(r);
	int i, k;

	if (!may(r))
		return NULL;
	for (i = 0; i < v->n; i++) {
		struct offered *o = &v->offers[i];

		*quoted = o->wd;
		if (o->to != id(r) || o->sd || o->dec || (variant == NEWEST_ONLY && !newest(v, o)))
			continue;
		if (variant == UNSEEN_WITHDRAW && !*quoted)
			for (k = 0; k < now.long_[chain_of(o->at)]; k++)
				if (type(ref(chain_of(o->at), k)) == WD &&
					about(ref(chain_of(o->at), k)) == o->at)
					return t == SD && o->acc ? o : NULL;
		if ((o->acc ? SD : DEC) != t || o->rel)
			continue;
		if (*quoted || (variant == RESCIND && t == SD))
			return o;
	}
	return NULL;
}
/* Out of the circle, when every offer to it is settled (P6.8). */
static bool may_remove(int r, int m)
{
	struct view *v = view(r);
	int i;

	if (m == id(r) || !rules(r) || !(v->circle >> m & 1))
		return false;
	for (i = 0; i < v->n; i++) {
		struct offered *o = &v->offers[i];

		if (o->to != m || o->rel || o->sd || (o->dec && !o->acc))
			continue;
		if (variant == EARLY_REMOVAL && o->wd)
			continue;
		if (variant == ACCEPT_DECLINED && o->dec)
			continue;
		if (variant == NEWEST_ONLY && !newest(v, o))
			continue;
		return false;
	}
	return true;
}

/* The answer that an Offer (.m: -1) or a removal rests on: it is named, so that nobody takes
 * the one without the other. */
static ref_t permit(int r, int m)
{
	struct view *v = view(r);
	int i;

	for (i = v->n - 1; i >= 0 && variant != BEFORE_IGNORED; i--) {
		struct offered *o = &v->offers[i];

		if (m < 0 ? o->term == v->term : o->to == m)
			return m < 0 && o->wd ? 0 : o->sd ? o->sd : o->dec ? o->dec : o->rel;
	}
	return 0;
}

/* Guardians: more than half of three. The region that is named writes it, another signs. */
static bool may_assume(int r, int g)
{
	struct view *v = view(r);
	int c, i;

	if (!guardians || g == r || !may(r) || v->custodian == r || v->custodian == g ||
		view(g)->begun != v->begun)
		return false;
	for (c = 0; c < K; c++)
		for (i = 0; i < now.long_[c]; i++)
			if (type(ref(c, i)) == ASM)
				return false;
	return true;
}
static ref_t last_of(int r, int u)
{
	int c = now.own[u];

	return now.head[r * K + c] ? ref(c, now.head[r * K + c] - 1) : 0;
}
static bool may_resolve(int r, int g, int whom)
{
	struct view *v = view(r);
	int c = now.own[v->custodian];

	if (!guardians || g == r || !may(r) || quarantined(g) || view(g)->begun != v->begun ||
		now.restores || (whom != r && variant != RESOLVE_OTHER) ||
		now.head[r * K + c] < now.head[g * K + c] || v->term > 1)
		return false;
	count(r); /* and what it names must count for its author */
	if (!counted[last_of(r, v->custodian)] && variant != RESOLVE_UNCOUNTED)
		return false;
	return variant == RESOLVE_TWICE ||
	       (now.signed_rsv[r] <= v->term && now.signed_rsv[g] <= v->term);
}

/* The network ----------------------------------------------------------------------------- */

static bool may_deliver(int c, int r)
{
	int k = now.head[r * K + c], q, old;
	ref_t at = ref(c, k);

	if (k >= now.long_[c])
		return false;
	old = now.from[c] ? now.from[c] - 1 : -1;
	if (variant == SAME_INCARNATION) { /* who comes first is the only one */
		if (old >= 0 && now.head[r * K + old] > now.cut[old] - 1)
			return false;
		if (now.cut[c] && k >= now.cut[c] - 1)
			for (q = c + 1; q < K; q++)
				if (now.from[q] == c + 1 && now.head[r * K + q])
					return false;
	}
	if (r == N && !now.cloned)
		return false;
	if (now.author[c] == id(r)) {
		/* One's own comes back by the fence; later only what was not shown to it. */
		if (!now.cut[c] || (k >= now.cut[c] - 1 && !now.excuses && !forking))
			return false;
	} else if (now.promised[c] >> r & 1 && now.own[now.author[c]] != c) {
		/* Promised: until the fence is complete nothing, then what it covers. What an
		 * excused region shows is evidence, and taken. */
		if (!now.cut[c] || (k >= now.cut[c] - 1 &&
					   (!now.excuses || !now.head[r * K + now.own[now.author[c]]])))
			return false;
	}
	if (audience(at) >> id(r) & 1)
		return true;
	for (q = 0; q < M; q++)
		if (q != r && has(q, at) && view(q)->circle >> id(r) & 1)
			return true;
	return false;
}

static void deliver(int c, int r)
{
	now.head[r * K + c]++;
	if (readtrail)
		printf("  %d gets change %d of chain %d\n", r, now.head[r * K + c], c);
}

/* Backups --------------------------------------------------------------------------------- */

static void save(int r)
{
	memcpy(now.saved, &now.head[r * K], K);
	now.saved_of = r + 1;
	now.saves++;
	if (readtrail)
		printf("  %d makes a backup\n", r);
}
static bool may_restore(int r)
{
	return now.restores < max_restores && now.saved_of == r + 1;
}
static void restore(int r)
{
	int c = N + now.restores, old = now.own[r], k;

	if (duty(r))
		now.lost |= 1 << r;
	else
		now.lost &= ~(1 << r);
	memcpy(&now.head[r * K], now.saved, K);
	now.author[c] = r;
	now.from[c] = old + 1;
	now.own[r] = c;
	now.restores++;
	/* What an earlier life was handed back is gone: everybody is asked again. */
	for (k = 0; k < c && variant != OLD_PROMISES; k++)
		if (now.author[k] == r)
			now.collected[k] = 0;
	if (variant == SAME_INCARNATION || variant == NO_FENCE)
		now.cut[old] = now.head[r * K + old] + 1;
	if (readtrail)
		printf("  %d IS RESTORED\n", r);
}
static bool may_fence(int r, int p)
{
	int c;

	for (c = 0; c < now.own[r]; c++)
		if (now.author[c] == r && !now.cut[c] && !(now.collected[c] >> p & 1))
			return p != r;
	return false;
}
/* .p hands back what it holds of all that .r wrote before, and promises; or is excused. */
static void fence(int r, int p, bool excused)
{
	int c, others = 7 & ~(1 << r);

	now.excuses += excused;
	for (c = 0; c < now.own[r]; c++) {
		if (now.author[c] != r)
			continue;
		if (!excused && now.head[p * K + c] > now.head[r * K + c])
			now.head[r * K + c] = now.head[p * K + c];
		if (now.cut[c])
			continue;
		now.collected[c] |= 1 << p;
		if (!excused)
			now.promised[c] |= 1 << p;
		if ((now.collected[c] & others) == others || variant == HALF_FENCE)
			now.cut[c] = now.head[r * K + c] + 1;
	}
	if (readtrail)
		printf("  %d %s %d\n", r, excused ? "excuses" : "has the promise of", p);
}

/* Region 0 goes on twice: a virtual machine was copied. Both write what the other does not
 * know, at the same places; they are branches of one chain. */
static bool may_clone(void) { return forking && !now.cloned; }
static void clone(void)
{
	now.cloned = true;
	memcpy(&now.head[N * K], now.head, K);
	now.own[N] = N;
	now.author[N] = 0;
	now.from[N] = 1;
	now.cut[0] = now.head[0] + 1;
	if (readtrail)
		printf("  0 IS CLONED: 3\n");
}

/* The laws -------------------------------------------------------------------------------- */

static int was_custodian;
static ref_t was_begun[M];

static void before(void)
{
	int r;

	for (was_custodian = 0, r = 0; r < M; r++)
		was_custodian |= custodian(r) << r, was_begun[r] = view(r)->begun;
}

/* All has arrived, and nothing is left that follows by itself. */
static bool healed(void)
{
	int r, c;
	ref_t quoted;

	for (r = 0; r < N; r++) {
		for (c = 0; c < K; c++)
			if (may_deliver(c, r))
				return false;
		if (quarantined(r) || view(r)->forked)
			return false;
		if (total() >= max_changes || now.long_[now.own[r]] >= L)
			return false;
		if (to_close(r, SD, &quoted) || to_close(r, DEC, &quoted) ||
			(rules(r) && to_release(r)))
			return false;
		for (c = 0; c < K; c++) { /* an Assume waits for people */
			int i;

			for (i = 0; i < now.long_[c]; i++)
				if (type(ref(c, i)) == ASM && begun(ref(c, i)) == view(r)->begun)
					return false;
		}
	}
	return true;
}

/* The duty of a custodian ends by its own Release, or by a Resolve. */
static bool ended(int r)
{
	int c, i;

	for (c = 0; c < K; c++)
		for (i = 0; i < now.head[r * K + c]; i++) {
			ref_t at = ref(c, i);

			if (type(at) == RSV || (type(at) == REL && by(at) == id(r) &&
						       begun(at) == was_begun[r]))
				return true;
		}
	return false;
}

static bool two_open(int r)
{
	struct view *v = view(r);
	int i, n = 0;

	for (i = 0; i < v->n; i++)
		n += v->offers[i].term == v->term && is_open(&v->offers[i]);
	return n > 1;
}

/* .forgets: the step was a restore. */
static bool breaks(int law, bool forgets)
{
	bool relaxed = now.excuses || now.cloned || guardians;
	int r, c, all = 0, rulers = 0;

	for (r = 0; r < M; r++) {
		all += duty(r);
		rulers += custodian(r);
	}
	switch (law) {
	case GAP:
		return !all;
	case TWO:
		return rulers > 1 && !relaxed;
	case HEALED:
		return all != 1 && !now.excuses && !now.cloned && healed();
	case OUTSIDE:
		for (c = 0; c < N && !relaxed; c++)
			for (r = 0; r < N && custodian(c); r++)
				if (duty(r) && !quarantined(r) && !(view(c)->circle >> r & 1))
					return true;
		return false;
	case DROPPED:
		for (r = 0; r < M && !forgets; r++)
			if (was_custodian >> r & 1 && !duty(r) && !ended(r))
				return true;
		return false;
	case MANY:
		return two_open(0) || two_open(1) || two_open(2);
	}
	return false;
}

static int after(bool forgets)
{
	int law;

	for (law = GAP; law <= MANY; law++)
		if ((!only_law || law == only_law) && breaks(law, forgets))
			return law;
	return FINE;
}
} /* c_code */

#define STEP(guard, does, forgets)                                                       \
	d_step {                                                                          \
		c_expr { (guard) } ->                                                     \
		c_code { { before(); does; now.broken = after(forgets); } }; \
		assert(broken != 1); /* I1: nobody is responsible */                       \
		assert(broken != 2); /* I2: two custodians of record */                    \
		assert(broken != 3); /* I3: healed, and not exactly one is responsible */   \
		assert(broken != 4); /* I4: responsible, and outside the circle */          \
		assert(broken != 5); /* I5: a custodian's duty ended without its Release */ \
		assert(broken != 6)  /* I6: two Offers of a term are open */                \
	}

#define DECIDES(r)                                                                        \
	:: STEP(to_withdraw(r) && rules(r), append(r, WD, to_withdraw(r)->to, view(r)->begun, to_withdraw(r)->at, 0), false) \
	:: STEP(rules(r) && to_release(r), append(r, REL, to_release(r)->to, view(r)->begun, to_release(r)->at, to_release(r)->acc), false) \
	:: STEP(to_answer(r, ACC), append(r, ACC, r, 0, to_answer(r, ACC)->at, 0), false)  \
	:: STEP(to_answer(r, DEC), append(r, DEC, r, 0, to_answer(r, DEC)->at, 0), false)  \
	:: STEP(closes(r, SD), close_offer(r, SD), false)                                  \
	:: STEP(closes(r, DEC), close_offer(r, DEC), false)                                \
	:: STEP(victims >> (r) & 1 && now.saves < max_saves && now.restores < max_restores, save(r), false) \
	:: STEP(may_restore(r), restore(r), true)

#define TOWARDS(r, other)                                                                  \
	:: STEP(may_offer(r, other), append(r, OFF, other, view(r)->begun, 0, permit(r, -1)), false)   \
	:: STEP(may_remove(r, other), append(r, RMV, other, view(r)->begun, 0, permit(r, other)), false)  \
	:: STEP(may_fence(r, other), fence(r, other, false), false)                         \
	:: STEP(may_fence(r, other) && now.excuses < max_excuses, fence(r, other, true), false) \
	:: STEP(may_assume(r, other), append(r, ASM, r, view(r)->begun, 0, 0), false)      \
	:: STEP(may_resolve(r, other, r), resolve(r, other, r), false)                      \
	:: STEP(may_resolve(r, other, 3 - (r) - (other)), resolve(r, other, 3 - (r) - (other)), false)

#define CLONES :: STEP(may_clone(), clone(), true)

#define GETS(r, c) :: STEP(may_deliver(c, r), deliver(c, r), false)

c_code {
static bool closes(int r, int t)
{
	ref_t quoted;

	return to_close(r, t, &quoted) != NULL;
}
static void close_offer(int r, int t)
{
	ref_t quoted;
	struct offered *o = to_close(r, t, &quoted);

	append(r, t, r, 0, o->at, t == SD ? quoted : 0);
}
static void resolve(int r, int g, int whom)
{
	int term = view(r)->term + 1;

	append(r, RSV, whom, view(r)->begun, 0, last_of(r, view(r)->custodian));
	now.signed_rsv[r] = now.signed_rsv[g] = term;
}
}

active proctype world()
{
	d_step { author[0] = 0; author[1] = 1; author[2] = 2; author[3] = 3; author[4] = 3;
		own[0] = 0; own[1] = 1; own[2] = 2 };
end:	do
	DECIDES(0)
	DECIDES(1)
	DECIDES(2)
	TOWARDS(0, 1)
	TOWARDS(0, 2)
	TOWARDS(1, 0)
	TOWARDS(1, 2)
	TOWARDS(2, 0)
	TOWARDS(2, 1)
	GETS(0, 0) GETS(0, 1) GETS(0, 2) GETS(0, 3) GETS(0, 4)
	GETS(1, 0) GETS(1, 1) GETS(1, 2) GETS(1, 3) GETS(1, 4)
	DECIDES(3)
	TOWARDS(3, 1)
	TOWARDS(3, 2)
	CLONES
	GETS(2, 0) GETS(2, 1) GETS(2, 2) GETS(2, 3) GETS(2, 4)
	GETS(3, 0) GETS(3, 1) GETS(3, 2) GETS(3, 3)
	od
}
