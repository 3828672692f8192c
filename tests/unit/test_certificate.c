/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Certificates: the forms that may be read and written, days and duties from small sets of
 * changes, and memory that is out in the middle of a check. What is proven and what is not
 * stands in the golden vectors.
 */

#include "tests/unit/vectors.h"

#include <errno.h>
#include <stdio.h>

#include <kith/certificate.h>

#include "daemon/core/duty.h"
#include "proto/wire_private.h"
#include "tests/kit/alloc.h"

/* Sets of changes ----------------------------------------------------------------------------
 */

enum who { A, B, C };

struct set {
	struct held held[16];
	struct arena arena;
	struct reckoning by;
	uint64_t seq[3];
	size_t n;
};

static struct id region(enum who who)
{
	struct id id;

	memset(id.b, 0x10 + (int)who, sizeof(id.b));
	return id;
}

static struct held *add(struct set *s, enum who who, enum control_kind kind, int32_t day)
{
	struct held *h = &s->held[s->n++];

	*h = (struct held){
		.control = { .kind = kind, .term = 1, .clock = s->n, .date = { day, DATE_DAY } }
	};
	h->ref.at = (struct place){ .author = region(who), .seq = ++s->seq[who] };
	h->ref.change.b[0] = (uint8_t)s->n;
	return h;
}

static struct held *about(struct set *s, enum who who, enum control_kind kind, int32_t day,
	const struct held *right, const struct held *offer)
{
	struct held *h = add(s, who, kind, day);

	h->control.has_right = true;
	h->control.right = right->ref;
	h->control.has_offer = offer != NULL;
	if (offer)
		h->control.offer = offer->ref;
	return h;
}

static struct held *offer(struct set *s, const struct held *right, enum who to, int32_t day)
{
	struct held *h = about(s, A, CONTROL_OFFER, day, right, NULL);

	h->control.to = region(to);
	return h;
}

static struct held *release(struct set *s, const struct held *right, const struct held *of,
	const struct held *accept, int32_t day)
{
	struct held *h = about(s, A, CONTROL_RELEASE, day, right, of);

	h->control.has_accept = true;
	h->control.accept = accept->ref;
	return h;
}

static int by_place(const void *x, const void *y)
{
	const struct held *a = x, *b = y;

	return place_order(&a->ref.at, &b->ref.at);
}

static void reckon(struct set *s)
{
	qsort(s->held, s->n, sizeof(s->held[0]), by_place);
	assert_int_equal(duties_reckon(s->held, s->n, &s->arena, &s->by), 0);
}

static int set_up(void **state)
{
	struct set *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	arena_init(&s->arena, 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct set *s = *state;

	arena_done(&s->arena);
	free(s);
	return 0;
}

#define IN_SET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* "B acting 3-5 1, ..." of the days from .from to .to; a + behind what is open. */
static const char *duties(struct set *s, int32_t from, int32_t to)
{
	static const char *const how[] = { "", "made", "custodian", "acting", "assumed" };
	const char *text = "";
	struct duty *v;
	size_t n;

	assert_int_equal(duties_within(&s->by, from, to, &s->arena, &v, &n), 0);
	for (size_t i = 0; i < n; i++)
		text = arena_text(&s->arena, "%s%s%c %s %d-%d%s", text, i ? ", " : "",
			'A' + v[i].region.b[0] - 0x10, how[v[i].how], v[i].from, v[i].to,
			v[i].open ? "+" : "");
	return text;
}

static void two_share_the_day_of_a_handover(void **state)
{
	struct set *s = *state;
	struct held *g = add(s, A, CONTROL_GENESIS, 100), *o = offer(s, g, B, 110);
	struct held *a = about(s, B, CONTROL_ACCEPT, 112, o, o);

	release(s, g, o, a, 113);
	reckon(s);
	assert_string_equal(
		duties(s, 100, 120), "A made 100-113, B acting 112-113, B custodian 113-120+");
	assert_string_equal(
		duties(s, 113, 113), "A made 113-113, B acting 113-113, B custodian 113-113+");
	assert_string_equal(duties(s, 114, 114), "B custodian 114-114+");
	assert_string_equal(duties(s, 50, 99), "");
	assert_string_equal(duties(s, 50, 100), "A made 100-100");
}

static void a_change_never_counts_from_before_what_it_rests_on(void **state)
{
	struct set *s = *state;
	struct held *g = add(s, A, CONTROL_GENESIS, 100), *o = offer(s, g, B, 90);
	struct held *a = about(s, B, CONTROL_ACCEPT, 20, o, o);

	release(s, g, o, a, -7);
	reckon(s);
	assert_string_equal(
		duties(s, 0, 120), "A made 100-100, B acting 100-100, B custodian 100-120+");
}

static void a_date_far_ahead_leaves_no_gap(void **state)
{
	struct set *s = *state;
	struct held *g = add(s, A, CONTROL_GENESIS, 100), *o = offer(s, g, B, 101);
	struct held *a = about(s, B, CONTROL_ACCEPT, INT32_MAX, o, o);

	release(s, g, o, a, 102);
	reckon(s);
	assert_string_equal(duties(s, 100, 120), "A made 100-120");
	assert_string_equal(duties(s, INT32_MAX, INT32_MAX),
		"A made 2147483647-2147483647, B acting 2147483647-2147483647, "
		"B custodian 2147483647-2147483647+");
}

static void a_stand_down_ends_what_an_accept_began(void **state)
{
	struct set *s = *state;
	struct held *g = add(s, A, CONTROL_GENESIS, 1), *o = offer(s, g, B, 2);
	struct held *w, *d;

	(void)about(s, B, CONTROL_ACCEPT, 4, o, o);
	w = about(s, A, CONTROL_WITHDRAW, 3, g, o);
	reckon(s);
	assert_string_equal(duties(s, 1, 9), "A made 1-9+, B acting 4-9+");
	*state = s;
	qsort(s->held, s->n, sizeof(s->held[0]), by_place);
	for (size_t i = 0; i < s->n; i++) {
		if (s->held[i].control.kind == CONTROL_WITHDRAW)
			w = &s->held[i];
		if (s->held[i].control.kind == CONTROL_OFFER)
			o = &s->held[i];
	}
	d = about(s, B, CONTROL_STAND_DOWN, 6, o, o);
	d->control.has_withdraw = true;
	d->control.withdraw = w->ref;
	reckon(s);
	assert_string_equal(duties(s, 1, 9), "A made 1-9+, B acting 4-6");
}

static void who_accepted_in_vain_is_responsible_until_the_term_has_passed(void **state)
{
	struct set *s = *state;
	struct held *g = add(s, A, CONTROL_GENESIS, 1), *o = offer(s, g, B, 2), *other, *a;

	(void)about(s, B, CONTROL_ACCEPT, 3, o, o);
	(void)about(s, A, CONTROL_WITHDRAW, 3, g, o);
	other = offer(s, g, C, 5);
	a = about(s, C, CONTROL_ACCEPT, 6, other, other);
	release(s, g, other, a, 8);
	reckon(s);
	assert_string_equal(
		duties(s, 1, 9), "A made 1-8, B acting 3-8, C acting 6-8, C custodian 8-9+");
}

static void what_is_named_and_not_there_is_lacked_once(void **state)
{
	struct set *s = *state;
	struct held *g = add(s, A, CONTROL_GENESIS, 1), *o = offer(s, g, B, 2);
	struct held *a = about(s, B, CONTROL_ACCEPT, 3, o, o);

	a->control.has_before = true;
	a->control.before = o->ref;
	s->held[1] = s->held[2];
	s->n = 2;
	reckon(s);
	assert_int_equal(s->by.n_lacks, 1);
	assert_int_equal(s->by.lacks[0].at.seq, 2);
	assert_string_equal(duties(s, 1, 9), "A made 1-9+");
}

static void a_day_without_anybody_is_found(void **state)
{
	const struct duty v[] = { { .from = 1, .to = 4 }, { .from = 2, .to = 3 },
		{ .from = 5, .to = 5 }, { .from = 8, .to = INT32_MAX } };
	int32_t first = 0, last = 0;

	(void)state;
	assert_true(duties_gap(v, 4, 1, 9, &first, &last));
	assert_int_equal(first, 6);
	assert_int_equal(last, 7);
	assert_false(duties_gap(v, 4, 1, 5, &first, &last));
	assert_true(duties_gap(v, 4, 0, 5, &first, &last));
	assert_int_equal(first, 0);
	assert_int_equal(last, 0);
	assert_true(duties_gap(v, 3, 5, 9, &first, &last));
	assert_int_equal(first, 6);
	assert_int_equal(last, 9);
	assert_true(duties_gap(v, 0, 3, 3, &first, &last));
	assert_false(duties_gap(v, 4, 8, INT32_MAX, &first, &last));
}

/* Forms --------------------------------------------------------------------------------------
 */

static struct statement statement_of(struct vectors *v, size_t n_held, size_t n_duties)
{
	struct statement s = { .at_ms = 86400000, .to = 1, .n_held = n_held };

	s.held = arena_array(&v->arena, n_held + 1, sizeof(*s.held));
	s.duties = arena_array(&v->arena, n_duties + 1, sizeof(*s.duties));
	assert_true(s.held && s.duties);
	s.n_duties = n_duties;
	for (size_t i = 0; i < n_held; i++)
		s.held[i].at.seq = i + 1;
	for (size_t i = 0; i < n_duties; i++)
		s.duties[i] = (struct duty){ .from = -1,
			.to = INT32_MAX,
			.how = DUTY_ASSUMED,
			.term = UINT64_MAX,
			.open = i % 2 };
	return s;
}

static void a_statement_comes_back_as_it_went_within_its_limits(void **state)
{
	struct vectors *v = *state;
	const struct statement in = statement_of(v, 3, 2);
	struct statement out;
	struct span bytes, again;

	assert_int_equal(wire_statement_encode(&in, &v->arena, &bytes), 0);
	assert_true(proof_repacks("Statement", bytes));
	assert_int_equal(wire_statement_decode(bytes, &v->arena, &out), 0);
	assert_int_equal(out.duties[1].to, INT32_MAX);
	assert_int_equal(out.duties[1].from, -1);
	assert_true(out.duties[1].open);
	assert_int_equal(wire_statement_encode(&out, &v->arena, &again), 0);
	same_bytes(again, bytes);
	for (size_t n = 0; n <= CERTIFICATE_PATH_MAX; n += CERTIFICATE_PATH_MAX) {
		const struct statement s = statement_of(v, n, 1024);

		assert_int_equal(wire_statement_encode(&s, &v->arena, &bytes), 0);
		assert_int_equal(
			wire_statement_decode(bytes, &v->arena, &out), n ? 0 : WIRE_E_RANGE);
	}
}

static void a_certificate_comes_back_as_it_went(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "certificate", "good"));
		each_next(&e, &j);) {
		struct span in = bytes_of(v, j, "file"), out;
		struct certificate c;

		assert_true(proof_repacks("Certificate", in));
		assert_int_equal(wire_certificate_decode(in, &v->arena, &c), 0);
		assert_int_equal(wire_certificate_encode(&c, &v->arena, &out), 0);
		same_bytes(out, in);
	}
}

/* Memory -------------------------------------------------------------------------------------
 */

static void memory_that_is_out_is_no_verdict_about_a_certificate(void **state)
{
	struct vectors *v = *state;
	const json_t *pair = json_array_get(vectors_open(v, "certificate", "pairs"), 8);
	const struct span one = bytes_of(v, pair, "one"), other = bytes_of(v, pair, "other");
	uint64_t failures = 0;

	alloc_arenas(true);
	for (uint64_t n = 1;; n++) {
		struct certified c[2];
		struct notice *found;
		struct arena a;
		size_t n_found;
		int r;

		arena_init(&a, 0);
		alloc_fail_at(n);
		r = certificate_check(v->c, one, &a, &c[0]);
		if (!r)
			r = certificate_check(v->c, other, &a, &c[1]);
		if (!r)
			r = certificates_agree(c, 2, &a, &found, &n_found);
		arena_done(&a);
		err_forget();
		if (!alloc_failed())
			break;
		failures++;
		assert_int_equal(r, -ENOMEM);
	}
	alloc_arenas(false);
	assert_true(failures > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SET(two_share_the_day_of_a_handover),
		IN_SET(a_change_never_counts_from_before_what_it_rests_on),
		IN_SET(a_date_far_ahead_leaves_no_gap),
		IN_SET(a_stand_down_ends_what_an_accept_began),
		IN_SET(who_accepted_in_vain_is_responsible_until_the_term_has_passed),
		IN_SET(what_is_named_and_not_there_is_lacked_once),
		cmocka_unit_test(a_day_without_anybody_is_found),
		IN_VECTORS(a_statement_comes_back_as_it_went_within_its_limits),
		IN_VECTORS(a_certificate_comes_back_as_it_went),
		IN_VECTORS(memory_that_is_out_is_no_verdict_about_a_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
