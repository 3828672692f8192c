/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Issuing a certificate (P11): the custody path as it is held here, the cards of its authors,
 * and the answer that follows, signed by this region's incarnation.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/ask.h"
#include "daemon/core/certify.h"

#define PIECE ((size_t)192 * 1024)

struct issue {
	struct ask *a;
	struct id record;
	struct wire_change *path;
	struct held *held;
	size_t n;
	struct span *cards;
	struct id *carded;
	size_t n_cards;
	struct reckoning by;
	struct statement said;
};

static int copy(struct arena *arena, struct span *s)
{
	if (s->len)
		s->at = arena_copy(arena, s->at, s->len);
	return s->len && !s->at ? err_new(-ENOMEM) : 0;
}

/* A copy of the change: what the store gives is gone with the next write. What is reckoned is
 * what the certificate will say. */
static int take_row(struct issue *x, const struct scan *scan, size_t i)
{
	struct step *s = x->a->s;
	struct wire_change *c = &x->path[i];
	struct held *h = &x->held[i];
	struct log_at log = { 0 };
	struct control_row row;
	int r;

	if (!control_row_read(scan_key(scan), scan->value, &row))
		return err_new(-EUCLEAN);
	*h = (struct held){ .ref = row.ref, .must_understand = row.must_understand };
	r = control_get(s->view, &x->record, &row.ref.at, &log, c);
	if (!r)
		r = copy(s->arena, &c->header);
	if (!r)
		r = copy(s->arena, &c->signature);
	if (!r)
		r = copy(s->arena, &c->body);
	if (r)
		return err_odd(r);
	r = wire_control_decode(c->body, s->arena, &h->control);
	return !r ? 0 : r == -ENOMEM ? err_up(r) : err_new(-EUCLEAN);
}

/* In the order of the keys, which is that of the places. */
static int read_path(struct issue *x)
{
	struct step *s = x->a->s;
	size_t room_path = 0, room_held = 0;
	struct scan scan;
	int r = turn_write(s);

	if (r)
		return err_up(r);
	scan_init(&scan, TABLE_CONTROL, SPAN_OF(x->record));
	while ((r = scan_next(&scan, s->view)) == 0) {
		x->path = arena_grow(s->arena, x->path, x->n, &room_path, sizeof(*x->path));
		x->held = arena_grow(s->arena, x->held, x->n, &room_held, sizeof(*x->held));
		if (!x->path || !x->held)
			return err_new(-ENOMEM);
		r = take_row(x, &scan, x->n);
		if (r)
			return err_up(r);
		x->n++;
	}
	return r == ROW_NONE ? 0 : err_up(r);
}

static int add_card(struct issue *x, const struct id *region)
{
	struct step *s = x->a->s;
	struct span bytes;
	int r;

	for (size_t i = 0; i < x->n_cards; i++)
		if (id_equal(&x->carded[i], region))
			return 0;
	r = row_get(s->view, TABLE_CARD, SPAN_OF(*region), &bytes);
	if (r)
		return r == ROW_NONE ? err_new(-EUCLEAN) : err_up(r);
	bytes.at = arena_copy(s->arena, bytes.at, bytes.len);
	if (!bytes.at)
		return err_new(-ENOMEM);
	x->carded[x->n_cards] = *region;
	x->cards[x->n_cards++] = bytes;
	return 0;
}

static int read_cards(struct issue *x)
{
	struct step *s = x->a->s;
	int r;

	x->cards = arena_array(s->arena, x->n + 1, sizeof(*x->cards));
	x->carded = arena_array(s->arena, x->n + 1, sizeof(*x->carded));
	if (!x->cards || !x->carded)
		return err_new(-ENOMEM);
	r = add_card(x, &s->node->region);
	for (size_t i = 0; i < x->n && !r; i++)
		r = add_card(x, &x->held[i].ref.at.author);
	return r ? err_up(r) : 0;
}

/* The days that are asked about, cut to those of which something can be known. */
static int fit_question(struct issue *x)
{
	const struct ctl_request *q = &x->a->q;
	struct step *s = x->a->s;
	struct statement *said = &x->said;
	int32_t today = node_today(s).day, since = duties_since(&x->by);

	if ((q->has_from && q->from.precision != DATE_DAY) ||
		(q->has_to && q->to.precision != DATE_DAY))
		return ask_problem(x->a, PROBLEM_ARGUMENT, "from and to are whole days");
	said->from = q->has_from ? q->from.day : since;
	said->to = q->has_to && q->to.day < today ? q->to.day : today;
	if (q->has_from && q->has_to && q->from.day > q->to.day)
		return ask_problem(
			x->a, PROBLEM_ARGUMENT, "the first day is later than the last one");
	if (said->to < since)
		return ask_problem(x->a, PROBLEM_BEFORE_RECORD,
			"the record was made on %s, after the last of these days",
			text_of_date(s->arena, (struct date){ since, DATE_DAY }));
	if (said->from > said->to)
		return ask_problem(
			x->a, PROBLEM_ARGUMENT, "nobody can prove what has not come yet");
	return 0;
}

static int make_statement(struct issue *x)
{
	struct step *s = x->a->s;
	struct statement *said = &x->said;
	int r = fit_question(x);

	if (r)
		return r;
	said->record = x->record;
	said->by = s->node->region;
	said->incarnation = s->node->incarnation;
	said->at_ms = s->event->wall_ms;
	said->log = s->node->log_next - 1;
	said->n_held = x->n;
	said->held = arena_array(s->arena, x->n, sizeof(*said->held));
	if (!said->held)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < x->n; i++)
		said->held[i] = (struct head){ x->held[i].ref.at, x->held[i].ref.change };
	said->lacks = x->by.lacks;
	said->n_lacks = x->by.n_lacks;
	return duties_within(
		&x->by, said->from, said->to, s->arena, &said->duties, &said->n_duties);
}

static int send_certificate(struct issue *x)
{
	struct step *s = x->a->s;
	struct certificate c = {
		.cards = x->cards, .n_cards = x->n_cards, .path = x->path, .n_path = x->n
	};
	struct span bytes;
	struct sig sig;
	int r = wire_statement_encode(&x->said, s->arena, &c.statement.bytes);

	if (!r)
		r = crypto_sign(s->crypto, &s->node->keys->sign, LABEL_CERTIFICATE,
			c.statement.bytes, &sig);
	c.statement.signature = SPAN_OF(sig);
	if (!r)
		r = wire_certificate_encode(&c, s->arena, &bytes);
	for (size_t at = 0; !r && at < bytes.len; at += PIECE) {
		x->a->reply.data = (struct span){ bytes.at + at,
			bytes.len - at < PIECE ? bytes.len - at : PIECE };
		r = ask_more(x->a);
	}
	return r ? err_odd(r) : 0;
}

/* More than a certificate can hold; nothing that is taken from others is (P7.8), but cards. */
static bool too_large(const struct issue *x)
{
	size_t bytes = 0;

	for (size_t i = 0; i < x->n_cards; i++)
		bytes += x->cards[i].len + 8;
	for (size_t i = 0; i < x->n; i++)
		bytes += wire_change_size(&x->path[i]) + 128;
	return bytes > CERTIFICATE_MAX - 65536 || x->n_cards > CERTIFICATE_CARDS_MAX ||
	       x->n > CERTIFICATE_PATH_MAX || x->by.n_lacks > CERTIFICATE_PATH_MAX;
}

int ask_certificate(struct ask *a)
{
	struct issue x = { .a = a };
	int r = ask_record(a, &x.record);

	if (r)
		return r;
	r = read_path(&x);
	if (!r)
		r = duties_reckon(x.held, x.n, a->s->arena, &x.by);
	if (r)
		return err_up(r);
	if (!x.by.affairs.known)
		return ask_problem(a, PROBLEM_PATH_MISSING,
			"the change that made this record has not come yet");
	if (x.by.affairs.needs_newer)
		return PROBLEM_NEEDS_NEWER;
	r = read_cards(&x);
	if (r)
		return err_up(r);
	if (too_large(&x))
		return ask_problem(a, PROBLEM_TOO_LARGE,
			"its custody path and cards are more than a certificate can hold");
	r = make_statement(&x);
	if (r)
		return r < 0 ? err_up(r) : r;
	return send_certificate(&x);
}
