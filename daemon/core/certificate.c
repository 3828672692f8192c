/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Checking certificates (P11). In order: the form of the file, its cards, the issuer's
 * signature, each change by itself, the list of them that the issuer signed, what they name,
 * and then what they amount to beside what the issuer says. A stage that finds something wrong
 * is finished, so that all of its kind is named; the next one is not begun.
 */

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <kith/node.h>

#include "daemon/core/certify.h"

struct checking {
	struct crypto *crypto;
	struct arena *arena;
	struct certified *ret;
	struct certificate file;
	struct checked_card *cards;
	size_t n_cards;
	struct held *held;
	size_t n_held;
	size_t wrong; /* notices that are */
};

/* Words --------------------------------------------------------------------------------------
 */

PRINTF(4, 5)
static int wrong(
	struct checking *k, const char *rule, const struct place *at, const char *fmt, ...)
{
	va_list ap;
	int r;

	k->wrong++;
	va_start(ap, fmt);
	r = notice_add(k->arena, k->ret, &k->ret->notices, &k->ret->n_notices,
		&(struct notice){ .wrong = true, .rule = rule }, at, fmt, ap);
	va_end(ap);
	return r;
}

/* At most half the room: what is wrong must fit. */
PRINTF(4, 5)
static int remark(
	struct checking *k, const char *rule, const struct place *at, const char *fmt, ...)
{
	va_list ap;
	int r;

	if (k->ret->n_notices >= NOTICES_MAX / 2)
		return 0;
	va_start(ap, fmt);
	r = notice_add(k->arena, k->ret, &k->ret->notices, &k->ret->n_notices,
		&(struct notice){ .rule = rule }, at, fmt, ap);
	va_end(ap);
	return r;
}

/* Form ---------------------------------------------------------------------------------------
 */

static int head_order(const struct head *a, const struct head *b)
{
	int order = place_order(&a->at, &b->at);

	return order ? order : memcmp(a->change.b, b->change.b, HASH_LEN);
}

/* The first of a list that does not stand behind the one before it; NULL: all do. */
static const struct head *disorder(const struct head *v, size_t n, bool same_place)
{
	for (size_t i = 1; i < n; i++) {
		if ((same_place ? head_order(&v[i - 1], &v[i])
				: place_order(&v[i - 1].at, &v[i].at)) >= 0)
			return &v[i];
	}
	return NULL;
}

static int check_statement(struct checking *k)
{
	struct statement *s = &k->ret->said;
	int r = wire_statement_decode(k->file.statement.bytes, k->arena, s);
	const struct head *bad;

	if (r < 0)
		return err_up(r);
	if (r)
		return wrong(k, "P11.2", NULL, "its statement cannot be read");
	k->ret->read = true;
	if (s->from > s->to || (uint64_t)(int64_t)s->to > s->at_ms / (uint64_t)DAY_MS)
		return wrong(k, "P11.2", NULL,
			"its days are in no order: from, to, and the day of issue");
	bad = disorder(s->held, s->n_held, false);
	if (!bad)
		bad = disorder(s->lacks, s->n_lacks, true);
	if (bad)
		return wrong(
			k, "P11.2", &bad->at, "the statement lists it twice, or out of order");
	return 0;
}

static int check_form(struct checking *k, struct span file)
{
	int r;

	if (!file.len)
		return wrong(k, "P11.1", NULL, "the file is empty");
	if (file.len > CERTIFICATE_MAX)
		return wrong(k, "P11.1", NULL, "the file is larger than a certificate can be");
	r = wire_certificate_decode(file, k->arena, &k->file);
	if (r < 0)
		return err_up(r);
	if (r)
		return wrong(k, "P11.1", NULL,
			"this is no certificate of custody, or it was cut short or added to");
	return check_statement(k);
}

/* Cards --------------------------------------------------------------------------------------
 */

static const struct checked_card *card_of(const struct checking *k, const struct id *region)
{
	for (size_t i = 0; i < k->n_cards; i++)
		if (id_equal(&k->cards[i].region, region))
			return &k->cards[i];
	return NULL;
}

static const struct pubkey *key_of(const struct checked_card *card, const struct id *life)
{
	for (size_t i = 0; i < card->incarnations.n; i++)
		if (id_equal(&card->incarnations.v[i].id, life))
			return &card->incarnations.v[i].key;
	return NULL;
}

static int check_cards(struct checking *k)
{
	struct certified *c = k->ret;
	struct checked_card *cards = arena_array(k->arena, k->file.n_cards, sizeof(*cards));

	c->regions = arena_array(k->arena, k->file.n_cards, sizeof(*c->regions));
	if (!cards || !c->regions)
		return err_new(-ENOMEM);
	k->cards = cards;
	for (size_t i = 0; i < k->file.n_cards; i++) {
		struct checked_card *card = &cards[k->n_cards];
		struct why why = { "" };
		int r = card_check(k->crypto, k->file.cards[i], k->arena, card, &why);

		if (r < 0)
			return err_up(r);
		if (r)
			r = wrong(k, "P1.6", NULL, "card %zu: %s", i + 1, why.text);
		else if (card_of(k, &card->region))
			r = wrong(k, "P11.1", NULL, "card %zu: that of %s stands there twice",
				i + 1, card->card.name);
		else {
			struct certified_region *region = &c->regions[c->n_regions++];

			region->region = card->region;
			region->fingerprint = card->fingerprint;
			memcpy(region->name, card->card.name, sizeof(region->name));
			k->n_cards++;
		}
		if (r)
			return err_up(r);
	}
	return 0;
}

static int check_issuer(struct checking *k)
{
	const struct statement *s = &k->ret->said;
	const struct checked_card *card = card_of(k, &s->by);
	const struct pubkey *key = card ? key_of(card, &s->incarnation) : NULL;
	struct sig sig;
	int r;

	if (!card)
		return wrong(
			k, "P1.6", NULL, "the card of the region that issued it is not there");
	if (!key)
		return wrong(k, "P1.5", NULL, "%s has no such incarnation as issued it",
			card->card.name);
	assert(k->file.statement.signature.len == SIG_LEN);
	memcpy(sig.b, k->file.statement.signature.at, SIG_LEN);
	r = crypto_verify(k->crypto, key, LABEL_CERTIFICATE, k->file.statement.bytes, &sig);
	if (r < 0)
		return err_up(r);
	return r ? wrong(k, "P11.3", NULL,
			   "the statement is not signed by %s: something in it was changed, or "
			   "somebody else wrote it",
			   card->card.name)
		 : 0;
}

/* Changes ------------------------------------------------------------------------------------
 */

static int genesis_lies(
	struct checking *k, const struct header *h, const struct control *c, bool *ret)
{
	struct hash hash;
	int r = crypto_hash(k->crypto,
		(struct span[]){ SPAN_LIT("kith/record/1\0"), SPAN_OF(h->at.author),
			SPAN_OF(h->at.incarnation), { c->random, sizeof(c->random) } },
		4, &hash);

	*ret = h->at.seq != 1 || memcmp(hash.b, h->record.b, ID_LEN) != 0;
	return r ? err_odd(r) : 0;
}

static int check_content(struct checking *k, const struct wire_change *c,
	const struct header *h, struct held *ret)
{
	bool lies = false;
	int r = wire_control_decode(c->body, k->arena, &ret->control);

	if (r < 0)
		return err_up(r);
	if (r)
		return wrong(k, "P6.1", &h->at, "its content is none of a control change");
	ret->must_understand = h->flags & FLAG_MUST_UNDERSTAND;
	if (ret->control.kind == CONTROL_UNKNOWN && ret->must_understand)
		return wrong(k, "P6.11", &h->at,
			"it is of a kind that this kith does not know: check with a newer one");
	if (ret->control.kind != CONTROL_GENESIS)
		return 0;
	r = genesis_lies(k, h, &ret->control, &lies);
	if (r)
		return err_up(r);
	return lies ? wrong(k, "P1.3", &h->at, "it did not make this record") : 0;
}

static int signed_by(struct checking *k, const struct pubkey *key, const struct hash *id,
	struct span signature)
{
	int r = signature_check(k->crypto, key, id, signature, NULL);

	return r < 0 ? err_up(r) : r;
}

/* Hashes and signature. .ret->ref is filled when there is a place to speak of. */
static int check_signed(struct checking *k, const struct wire_change *c, const struct header *h,
	struct held *ret)
{
	const struct checked_card *card = card_of(k, &h->at.author);
	const struct pubkey *key = card ? key_of(card, &h->at.incarnation) : NULL;
	struct hash body;
	int r;

	if (!card)
		return wrong(k, "P1.6", &h->at, "the card of its author is not there");
	if (!key)
		return wrong(k, "P1.5", &h->at, "its author has no such incarnation");
	r = crypto_hash(k->crypto, &c->body, 1, &body);
	if (!r)
		r = crypto_hash(k->crypto,
			(struct span[]){ SPAN_LIT("kith/change/1\0"), c->header }, 2,
			&ret->ref.change);
	if (r)
		return err_odd(r);
	if (!hash_equal(&body, &h->body_hash))
		return wrong(k, "P2.5", &h->at,
			"what it says was changed: it is not what its author wrote");
	r = signed_by(k, key, &ret->ref.change, c->signature);
	if (r < 0)
		return err_up(r);
	return r ? wrong(k, "P3.1", &h->at, "its signature is not that of %s: it is forged",
			   card->card.name)
		 : 0;
}

static int check_change(struct checking *k, size_t i, const struct place *last)
{
	const struct wire_change *c = &k->file.path[i];
	struct held *held = &k->held[k->n_held];
	size_t before = k->wrong;
	struct header h;
	int r = wire_header_decode(c->header, &h);

	if (r)
		return r < 0 ? err_up(r)
			     : wrong(k, "P2.2", NULL, "change %zu of the file has no header",
				       i + 1);
	held->ref.at = h.at;
	if (last && place_order(last, &h.at) >= 0)
		return wrong(k, "P11.1", &h.at, "it stands there twice, or out of order");
	if (!id_equal(&h.record, &k->ret->said.record))
		return wrong(k, "P11.1", &h.at, "it belongs to another record");
	if (!(h.flags & FLAG_CONTROL))
		return wrong(k, "P11.1", &h.at, "it is no control change");
	r = check_signed(k, c, &h, held);
	if (!r && k->wrong == before)
		r = check_content(k, c, &h, held);
	return r ? err_up(r) : 0;
}

static int check_path(struct checking *k)
{
	const struct place *last = NULL;

	k->held = arena_array(k->arena, k->file.n_path, sizeof(*k->held));
	if (!k->held)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < k->file.n_path; i++) {
		size_t before = k->wrong;
		int r = check_change(k, i, last);

		if (r)
			return err_up(r);
		if (k->wrong == before)
			last = &k->held[k->n_held++].ref.at;
	}
	return 0;
}

/* The path is what the issuer listed, no more and no less (P11.4). Both are in order. */
static int check_listed(struct checking *k)
{
	const struct statement *s = &k->ret->said;
	const struct head *said = s->held;
	const struct held *is = k->held;
	size_t i = 0, j = 0;
	int r = 0;

	while (!r && (i < s->n_held || j < k->n_held)) {
		int order = i == s->n_held   ? 1
			    : j == k->n_held ? -1
					     : place_order(&said[i].at, &is[j].ref.at);

		if (order < 0)
			r = wrong(k, "P11.4", &said[i].at,
				"it was taken out of the file: the issuer has signed that it "
				"was there");
		else if (order > 0)
			r = wrong(k, "P11.4", &is[j].ref.at,
				"it was put into the file: the issuer has not signed for it");
		else if (!hash_equal(&said[i].change, &is[j].ref.change))
			r = wrong(k, "P11.4", &is[j].ref.at,
				"the issuer has signed for another change in this place");
		i += order <= 0;
		j += order >= 0;
	}
	return r ? err_up(r) : 0;
}

/* Whom a missing change is missed by: the first that names it. */
static int say_missing(struct checking *k, const struct head *missing)
{
	for (size_t i = 0; i < k->n_held; i++) {
		struct named names[NAMES_MAX];
		size_t n = held_names(&k->held[i], true, names);

		for (size_t j = 0; j < n; j++)
			if (place_equal(names[j].at, &missing->at) &&
				hash_equal(names[j].change, &missing->change)) {
				const char *by =
					place_text(k->ret, &k->held[i].ref.at, k->arena);

				return !by ? err_new(-ENOMEM)
					   : wrong(k, "P11.5", &missing->at,
						     "%s names it as its %s, and the issuer "
						     "says "
						     "neither that it holds it nor that it "
						     "lacks it: it was withheld",
						     by, names[j].as);
			}
	}
	return 0;
}

/* What they name is there, or the issuer says that it lacks it (P11.5). */
static int check_named(struct checking *k, const struct reckoning *by)
{
	const struct statement *s = &k->ret->said;
	size_t i = 0, j = 0;
	int r = 0;

	while (!r && (i < s->n_lacks || j < by->n_lacks)) {
		int order = i == s->n_lacks    ? 1
			    : j == by->n_lacks ? -1
					       : head_order(&s->lacks[i], &by->lacks[j]);

		if (order > 0)
			r = say_missing(k, &by->lacks[j]);
		else if (order < 0)
			r = wrong(k, "P11.5", &s->lacks[i].at,
				"the issuer says that it lacks it, and nothing names it");
		else
			r = remark(k, "P11.5", &s->lacks[i].at,
				"another change names it; the issuer did not hold it");
		i += order <= 0;
		j += order >= 0;
	}
	return r ? err_up(r) : 0;
}

/* Duties -------------------------------------------------------------------------------------
 */

static int say_duty(struct checking *k, const struct duty *d, const char *what)
{
	const char *name = certified_name(k->ret, &d->region, k->arena);
	const char *from = day_text(k->arena, d->from), *to = day_text(k->arena, d->to);

	if (!name || !from || !to)
		return err_new(-ENOMEM);
	return wrong(k, "P11.7", NULL, "%s: %s, %s, term %llu, from %s to %s%s", what, name,
		duty_how_text(d->how), (unsigned long long)d->term, from, to,
		d->open ? ", not ended" : "");
}

static int say_gap(struct checking *k, const struct duty *v, size_t n, bool *ret)
{
	const struct statement *s = &k->ret->said;
	int32_t first = k->ret->by->affairs.known ? duties_since(k->ret->by) : s->from;
	const char *from, *to;
	int32_t gap, last;

	*ret = duties_gap(v, n, first > s->from ? first : s->from, s->to, &gap, &last);
	if (!*ret)
		return 0;
	from = day_text(k->arena, gap);
	to = day_text(k->arena, last);
	if (!from || !to)
		return err_new(-ENOMEM);
	return wrong(k, "P11.8", NULL, "nobody is responsible from %s to %s", from, to);
}

/* The issuer's answer beside the one that follows from the path (P11.7). */
static int check_duties(struct checking *k)
{
	const struct statement *s = &k->ret->said;
	const struct certified *c = k->ret;
	size_t i = 0, j = 0;
	bool gap;
	int r = 0;

	while (!r && (i < s->n_duties || j < c->n_duties)) {
		int order = i == s->n_duties   ? 1
			    : j == c->n_duties ? -1
					       : duty_order(&s->duties[i], &c->duties[j]);

		if (order < 0)
			r = say_duty(k, &s->duties[i],
				"the statement says what the changes do not bear out");
		else if (order > 0)
			r = say_duty(k, &c->duties[j], "the statement leaves out");
		else if (s->duties[i].open != c->duties[j].open)
			r = say_duty(
				k, &c->duties[j], "the statement is wrong about the end of");
		i += order <= 0;
		j += order >= 0;
	}
	if (!r && k->wrong)
		r = say_gap(k, s->duties, s->n_duties, &gap);
	return r ? err_up(r) : 0;
}

/* A date that its own clock or what it names contradicts (P11.6): people should know. */
static int check_date(struct checking *k, const struct held *h)
{
	int32_t date = h->control.date.day, day = k->ret->by->days[h - k->ret->by->held];
	int64_t clock = (int64_t)(h->control.clock >> 16) / DAY_MS;
	const char *said = day_text(k->arena, date), *counted = day_text(k->arena, day);

	if (!said || !counted)
		return err_new(-ENOMEM);
	if (day > date)
		return remark(k, "P11.6", &h->ref.at,
			"it is dated %s and rests on a change of %s: counted from the later "
			"day",
			said, counted);
	if (date > clock)
		return remark(k, "P11.6", &h->ref.at,
			"it is dated %s, days after its own clock: its author's date is wrong",
			said);
	if (date + INT64_C(1) < clock)
		return remark(k, "P11.6", &h->ref.at,
			"it is dated %s, days before its own clock: dated back, or its "
			"author's "
			"clock was set back",
			said);
	return 0;
}

static int check_dates(struct checking *k)
{
	const struct reckoning *by = k->ret->by;

	for (size_t i = 0; i < by->n; i++) {
		int r = by->held[i].control.kind == CONTROL_UNKNOWN
				? 0
				: check_date(k, &by->held[i]);

		if (r)
			return err_up(r);
	}
	return 0;
}

/* Guardians ended a term: what its custodian wrote behind may be in the file, and counts for
 * nothing (P6.14). */
static int say_resolved(struct checking *k)
{
	const struct affairs *f = &k->ret->by->affairs;
	int r = 0;

	for (size_t i = 0; i < f->n_terms && !r; i++) {
		const struct held *by = f->terms[i].resolve;
		const char *last;

		if (!by)
			continue;
		last = place_text(k->ret, &by->control.last.at, k->arena);
		r = last ? remark(k, "P6.14", &by->ref.at,
				   "guardians ended term %llu with it: what its custodian "
				   "wrote behind %s counts for nothing",
				   (unsigned long long)f->terms[i].number, last)
			 : err_new(-ENOMEM);
	}
	return r ? err_up(r) : 0;
}

static int check_answer(struct checking *k)
{
	const struct statement *s = &k->ret->said;
	struct certified *c = k->ret;
	bool gap;
	int r;

	if (!c->by->affairs.known)
		return wrong(k, "P6.2", NULL, "the change that made the record is not there");
	r = duties_within(c->by, s->from, s->to, k->arena, &c->duties, &c->n_duties);
	if (r)
		return err_up(r);
	c->reckoned = true;
	c->forked = c->by->affairs.forked;
	if (!c->n_duties)
		return wrong(k, "P11.8", NULL,
			"it proves nothing: the record was made after the last day asked "
			"about");
	r = check_duties(k);
	if (!r && !k->wrong)
		r = say_gap(k, c->duties, c->n_duties, &gap);
	if (!r && c->forked)
		r = remark(k, "P6.10", NULL,
			"custody is forked: two regions were released to, and both are "
			"responsible until people settle it");
	if (!r)
		r = say_resolved(k);
	if (!r)
		r = check_dates(k);
	c->continuous = !k->wrong;
	return r ? err_up(r) : 0;
}

static int check_meaning(struct checking *k)
{
	struct reckoning *by = arena_alloc(k->arena, sizeof(*by));
	int r = by ? duties_reckon(k->held, k->n_held, k->arena, by) : err_new(-ENOMEM);

	if (r)
		return err_up(r);
	k->ret->by = by;
	r = check_named(k, by);
	if (!r && !k->wrong)
		r = check_answer(k);
	return r ? err_up(r) : 0;
}

int certificate_check(
	struct crypto *c, struct span file, struct arena *a, struct certified *ret)
{
	static int (*const stages[])(struct checking *) = { check_cards, check_issuer,
		check_path, check_listed, check_meaning };
	struct checking k = { .crypto = c, .arena = a, .ret = ret };
	int r;

	*ret = (struct certified){ 0 };
	r = check_form(&k, file);
	for (size_t i = 0; i < COUNT(stages) && !r && !k.wrong; i++)
		r = stages[i](&k);
	ret->proven = !r && !k.wrong;
	return r ? err_up(r) : 0;
}
