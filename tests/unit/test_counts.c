/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What work costs, counted: signatures, verifications, hashes, seals and flushes. Times depend
 * on the machine; these do not, so a change that makes kith do more for the same says so here,
 * and has to be meant. (long: a case for each kind of work)
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

/* Of a change that comes in a run: its body and its header when it is checked, what its content
 * root is made of when it is opened, and the rows that are read and written. */
#define HASHES_TAKEN 8
/* Of a note of our own: its body, header and content root, its place in the batch, three rows
 * that are read and as many that are written, and its share of a row of the log. */
#define HASHES_MADE 19

/* What a region has spent up to now. */
struct spent {
	struct crypto_counts crypto;
	uint64_t commits, flushes;
};

static struct spent spent_by(const struct fix *x, unsigned at)
{
	struct spent s = { .crypto = *crypto_counts(x->v[at].crypto) };
	struct store_stat stat;

	assert_int_equal(store_stat(x->v[at].store, &stat), 0);
	s.commits = stat.commits;
	s.flushes = stat.flushes;
	return s;
}

static struct spent since(const struct fix *x, unsigned at, const struct spent *before)
{
	struct spent s = spent_by(x, at);

	s.crypto.signs -= before->crypto.signs;
	s.crypto.verifies -= before->crypto.verifies;
	s.crypto.hashes -= before->crypto.hashes;
	s.crypto.seals -= before->crypto.seals;
	s.crypto.opens -= before->crypto.opens;
	s.crypto.wraps -= before->crypto.wraps;
	s.crypto.boxes -= before->crypto.boxes;
	s.crypto.draws -= before->crypto.draws;
	s.commits -= before->commits;
	s.flushes -= before->flushes;
	return s;
}

/* .n notes in one request. */
static void add_notes(struct fix *x, const struct id *record, size_t n)
{
	char hex[ID_TEXT_LEN];
	struct entry *notes = calloc(n, sizeof(*notes));

	assert_non_null(notes);
	for (size_t i = 0; i < n; i++)
		notes[i] = (struct entry){ .kind = ENTRY_NOTE, .text = SPAN_LIT("a note") };
	assert_int_equal(fix_ask(x, 0,
				 &(struct ctl_request){ .verb = VERB_APPEND,
					 .record = span_of(id_text(record, hex)),
					 .entries = notes,
					 .n_entries = n }),
		0);
	free(notes);
}

static uint64_t held(struct fix *x, unsigned at, const struct id *record)
{
	return fix_record_row(x, at, record).changes;
}

/* Two regions in session, and a record that both hold. */
static struct fix *pair(struct id *ret)
{
	struct fix *x = fix_new(2);

	fix_introduce_all(x);
	*ret = fix_record(x, 0);
	assert_int_equal(fix_note(x, 0, ret, "the first"), 0);
	assert_int_equal(fix_offer(x, 0, ret, 1), 0);
	fix_wait(x, 2);
	assert_int_equal(held(x, 1, ret), held(x, 0, ret));
	return x;
}

/* ---- At home ---- */

static void a_note_costs_one_signature_one_seal_and_one_flush(void **state)
{
	struct fix *x = fix_new(1);
	const struct id record = fix_record(x, 0);
	struct spent s;

	(void)state;
	assert_int_equal(fix_note(x, 0, &record, "the first"), 0);
	s = spent_by(x, 0);
	assert_int_equal(fix_note(x, 0, &record, "the second"), 0);
	s = since(x, 0, &s);
	assert_int_equal(s.crypto.signs, 1);
	assert_int_equal(s.crypto.verifies, 0);
	assert_int_equal(s.crypto.seals, 1);
	assert_int_equal(s.crypto.opens, 0);
	assert_int_equal(s.commits, 1);
	assert_int_equal(s.flushes, 1);
	fix_free(x);
}

/* What region .at spends on a note of region 0 is the same a hundred notes later. */
static void long_record_costs_nothing_more(struct fix *x, const struct id *record, unsigned at)
{
	struct spent first = spent_by(x, at), later;

	assert_int_equal(fix_note(x, 0, record, "two"), 0);
	first = since(x, at, &first);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(fix_note(x, 0, record, "and more"), 0);
	later = spent_by(x, at);
	assert_int_equal(fix_note(x, 0, record, "end"), 0);
	later = since(x, at, &later);
	assert_int_equal(later.crypto.hashes, first.crypto.hashes);
	assert_int_equal(later.crypto.opens, first.crypto.opens);
}

static void a_note_costs_the_same_however_long_its_record_is(void **state)
{
	struct fix *x = fix_new(1);
	const struct id record = fix_record(x, 0);

	(void)state;
	assert_int_equal(fix_note(x, 0, &record, "one"), 0);
	long_record_costs_nothing_more(x, &record, 0);
	fix_free(x);
}

/* Two records that have the same places in the memory of affairs. */
static void two_of_one_place(struct fix *x, struct id ret[2])
{
	enum { SETS = AFFAIRS_CACHED / AFFAIRS_WAYS };
	static struct id of[SETS];
	static bool taken[SETS];

	memset(taken, 0, sizeof(taken));
	for (unsigned i = 0; i <= SETS; i++) {
		const struct id id = fix_record(x, 0);
		const size_t set = (id.b[0] | (size_t)id.b[1] << 8) % SETS;

		if (taken[set]) {
			ret[0] = of[set];
			ret[1] = id;
			return;
		}
		of[set] = id;
		taken[set] = true;
	}
	fail_msg("no two of more records than there are places");
}

static uint64_t hashes_of_a_note(struct fix *x, const struct id *record)
{
	struct spent s = spent_by(x, 0);

	assert_int_equal(fix_note(x, 0, record, "a note"), 0);
	return since(x, 0, &s).crypto.hashes;
}

static void records_of_one_place_in_memory_do_not_push_each_other_out(void **state)
{
	struct fix *x = fix_new(1);
	struct id records[2];
	uint64_t again;

	(void)state;
	two_of_one_place(x, records);
	(void)hashes_of_a_note(x, &records[0]);
	(void)hashes_of_a_note(x, &records[0]);
	again = hashes_of_a_note(x, &records[0]);
	(void)hashes_of_a_note(x, &records[1]);
	assert_int_equal(hashes_of_a_note(x, &records[0]), again);
	fix_free(x);
}

static void a_request_of_many_changes_costs_one_signature(void **state)
{
	struct fix *x = fix_new(1);
	const struct id record = fix_record(x, 0);
	const uint64_t before = held(x, 0, &record);
	struct spent s = spent_by(x, 0);

	(void)state;
	add_notes(x, &record, 600); /* a body has at most 256 (P4.5) */
	s = since(x, 0, &s);
	assert_int_equal(held(x, 0, &record) - before, 3);
	assert_int_equal(s.crypto.signs, 1);
	assert_int_equal(s.crypto.seals, 3);
	assert_int_equal(s.flushes, 1);
	fix_free(x);
}

/* Work on several records in one turn, as many clients together do it. */
struct work {
	struct id *records;
	size_t n;
};

static int work_on_all(struct step *s, void *ctx)
{
	const struct work *w = ctx;
	struct entry note = { .kind = ENTRY_NOTE, .text = SPAN_LIT("a note") };
	struct ref ref;

	for (size_t i = 0; i < 3 * w->n; i++) {
		struct body b = { .entries = &note, .n_entries = 1 };
		struct own_change own = { .record = &w->records[i % w->n], .body = &b };

		assert_int_equal(chain_append(s, &own, &ref), 0);
	}
	return 0;
}

static void a_turn_costs_one_signature_however_many_records_it_is_about(void **state)
{
	struct fix *x = fix_new(1);
	struct id records[5];
	struct work w = { records, COUNT(records) };
	struct spent s;

	(void)state;
	for (size_t i = 0; i < w.n; i++)
		records[i] = fix_record(x, 0);
	s = spent_by(x, 0);
	assert_int_equal(fix_inside(x, 0, work_on_all, &w), 0);
	s = since(x, 0, &s);
	assert_int_equal(s.crypto.signs, 1);
	assert_int_equal(s.crypto.seals, 15);
	assert_int_equal(s.flushes, 1);
	fix_free(x);
}

/* A note for each record, each a request of its own, in one turn. */
static int ask_for_all(struct step *s, void *ctx)
{
	const struct work *w = ctx;
	struct entry note = { .kind = ENTRY_NOTE, .text = SPAN_LIT("a note") };

	for (size_t i = 0; i < w->n; i++) {
		char hex[ID_TEXT_LEN];
		const struct ctl_request q = { .verb = VERB_APPEND,
			.record = span_of(id_text(&w->records[i], hex)),
			.worker = SPAN_LIT("Ann"),
			.entries = &note,
			.n_entries = 1 };

		fix_ask_inside(s, &q);
		assert_int_equal(record_settle(s, &w->records[i]), 0);
	}
	return 0;
}

/* What clients cost together: one note more costs its own hashes, and each row of its record is
 * read once and written once. */
static void a_note_of_a_busy_turn_costs_a_known_number_of_hashes_boxes_and_draws(void **state)
{
	enum { FEW = 16, MANY = 32 };
	struct fix *x = fix_new(1);
	struct id records[MANY];
	struct work w = { records, FEW };
	struct spent few, many;
	struct store_stat before, after;

	(void)state;
	x->v[0].node->options.audit_keep_ms = UINT64_C(86400000);
	for (size_t i = 0; i < MANY; i++)
		records[i] = fix_record(x, 0);
	w.n = MANY; /* from then on their keys are in memory */
	assert_int_equal(fix_inside(x, 0, ask_for_all, &w), 0);
	w.n = FEW;
	few = spent_by(x, 0);
	assert_int_equal(fix_inside(x, 0, ask_for_all, &w), 0);
	few = since(x, 0, &few);
	assert_int_equal(store_stat(x->v[0].store, &before), 0);
	w.n = MANY;
	many = spent_by(x, 0);
	assert_int_equal(fix_inside(x, 0, ask_for_all, &w), 0);
	many = since(x, 0, &many);
	assert_int_equal(store_stat(x->v[0].store, &after), 0);
	assert_in_range(many.crypto.hashes - few.crypto.hashes, 0, HASHES_MADE * (MANY - FEW));
	/* Its summary opened and written. */
	assert_int_equal(many.crypto.boxes - few.crypto.boxes, 2 * (MANY - FEW));
	/* The seed of its body, the salt of its seal, the nonce of its summary, at once. */
	assert_int_equal(many.crypto.draws - few.crypto.draws, MANY - FEW);
	assert_int_equal(many.crypto.signs, 1);
	assert_int_equal(many.crypto.seals - few.crypto.seals, MANY - FEW);
	assert_int_equal(after.rows[TABLE_AUDIT] - before.rows[TABLE_AUDIT], 1);
	assert_int_equal(after.rows[TABLE_INDEX], before.rows[TABLE_INDEX]);
	fix_free(x);
}

static void a_new_record_costs_three_flushes_for_its_keys_go_first(void **state)
{
	struct fix *x = fix_new(1);
	struct spent s = spent_by(x, 0);

	(void)state;
	(void)fix_record(x, 0);
	s = since(x, 0, &s);
	assert_int_equal(s.commits, 1);
	assert_int_equal(s.flushes, 3);
	assert_int_equal(s.crypto.signs, 1);
	fix_free(x);
}

static void a_question_costs_no_flush(void **state)
{
	struct fix *x = fix_new(1);
	const struct id record = fix_record(x, 0);
	struct spent s = spent_by(x, 0);

	(void)state;
	assert_int_equal(fix_ask(x, 0, &(struct ctl_request){ .verb = VERB_STATUS }), 0);
	assert_int_equal(fix_about(x, 0, VERB_CIRCLE, &record), 0);
	s = since(x, 0, &s);
	assert_int_equal(s.flushes, 0);
	assert_int_equal(s.crypto.signs + s.crypto.verifies, 0);
	fix_free(x);
}

/* ---- Between two ---- */

static void a_note_and_what_comes_of_it_cost_one_commit_here_and_one_there(void **state)
{
	enum { N = 20 };
	struct id record;
	struct fix *x = pair(&record);
	const uint64_t before = held(x, 1, &record);
	struct spent here = spent_by(x, 0), there = spent_by(x, 1);

	(void)state;
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(fix_note(x, 0, &record, "one after the other"), 0);
	assert_int_equal(held(x, 1, &record), before + N);
	here = since(x, 0, &here);
	there = since(x, 1, &there);
	assert_int_equal(here.commits, N);
	assert_int_equal(here.flushes, N);
	assert_int_equal(here.crypto.signs, N);
	assert_int_equal(here.crypto.verifies, 0);
	assert_int_equal(there.commits, N);
	assert_int_equal(there.flushes, N);
	assert_int_equal(there.crypto.verifies, N);
	assert_int_equal(there.crypto.signs, 0);
	fix_free(x);
}

static uint64_t unacknowledged(const struct fix *x)
{
	const struct peer_row *row = &x->v[0].node->peers[0]->row;

	return row->feed_next - 1 - row->feed_acked;
}

static void what_came_is_acknowledged_soon_and_once_however_much_it_was(void **state)
{
	enum { N = 20 };
	struct id record;
	struct fix *x = pair(&record);
	struct spent here, there;

	(void)state;
	fix_wait(x, 5);
	assert_int_equal(unacknowledged(x), 0);
	here = spent_by(x, 0);
	there = spent_by(x, 1);
	x->frames = 0;
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(fix_note(x, 0, &record, "one after the other"), 0);
	assert_int_equal(unacknowledged(x), N);
	assert_int_equal(x->frames, N);
	fix_wait(x, 3);
	assert_int_equal(unacknowledged(x), 0);
	fix_wait(x, 30);
	assert_int_equal(x->frames, N + 1);
	here = since(x, 0, &here);
	there = since(x, 1, &there);
	assert_int_equal(here.commits, N + 1);
	assert_int_equal(there.commits, N);
	fix_free(x);
}

static void a_steady_stream_is_acknowledged_once_in_two_seconds(void **state)
{
	enum { SECONDS = 20 };
	struct id record;
	struct fix *x = pair(&record);

	(void)state;
	fix_wait(x, 5);
	x->frames = 0;
	for (unsigned i = 0; i < 4 * SECONDS; i++) {
		assert_int_equal(fix_note(x, 0, &record, "and another"), 0);
		fix_pass(x, 250);
		assert_in_range(unacknowledged(x), 0, 9);
	}
	assert_in_range(x->frames - 4 * SECONDS, SECONDS / 2 - 2, SECONDS / 2);
	fix_free(x);
}

static void a_change_that_comes_costs_one_verification_and_one_flush(void **state)
{
	struct id record;
	struct fix *x = pair(&record);
	struct spent s = spent_by(x, 1);

	(void)state;
	assert_int_equal(fix_note(x, 0, &record, "and it goes over"), 0);
	assert_int_equal(held(x, 1, &record), held(x, 0, &record));
	s = since(x, 1, &s);
	assert_int_equal(s.crypto.verifies, 1);
	assert_int_equal(s.crypto.signs, 0);
	assert_int_equal(s.crypto.opens, 1);
	assert_int_equal(s.commits, 1);
	assert_int_equal(s.flushes, 1);
	fix_free(x);
}

static void a_change_that_comes_costs_the_same_however_long_its_record_is(void **state)
{
	struct id record;
	struct fix *x = pair(&record);

	(void)state;
	long_record_costs_nothing_more(x, &record, 1);
	fix_free(x);
}

static void what_came_of_one_turn_costs_one_verification(void **state)
{
	struct id records[3];
	struct work w = { records, COUNT(records) };
	struct fix *x = pair(&records[0]);
	uint64_t before[3];
	struct spent s;

	(void)state;
	for (size_t i = 1; i < COUNT(records); i++) {
		records[i] = fix_record(x, 0);
		assert_int_equal(fix_offer(x, 0, &records[i], 1), 0);
		fix_wait(x, 2);
	}
	for (size_t i = 0; i < COUNT(records); i++)
		before[i] = held(x, 1, &records[i]);
	s = spent_by(x, 1);
	assert_int_equal(fix_inside(x, 0, work_on_all, &w), 0);
	fix_wait(x, 2);
	s = since(x, 1, &s);
	for (size_t i = 0; i < COUNT(records); i++)
		assert_int_equal(held(x, 1, &records[i]), before[i] + 3);
	assert_int_equal(s.crypto.verifies, 1);
	assert_int_equal(s.crypto.opens, 9);
	fix_free(x);
}

/* What the other spends on an outage in which .n notes were written. */
static struct spent outage(struct fix *x, const struct id *record, unsigned n)
{
	const uint64_t before = held(x, 0, record);
	struct spent s;

	fix_cut(x, 0, 1);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(fix_note(x, 0, record, "written alone"), 0);
	assert_int_equal(held(x, 1, record), before);
	fix_heal(x, 0, 1);
	s = spent_by(x, 1);
	fix_wait(x, 60);
	assert_int_equal(held(x, 1, record), before + n);
	return since(x, 1, &s);
}

static void a_run_that_comes_costs_one_verification_however_long_it_is(void **state)
{
	struct id record;
	struct fix *x = pair(&record);
	const struct spent none = outage(x, &record, 0), some = outage(x, &record, 10),
			   more = outage(x, &record, 30);

	(void)state;
	assert_int_equal(some.crypto.verifies - none.crypto.verifies, 1);
	assert_int_equal(more.crypto.verifies - none.crypto.verifies, 1);
	assert_int_equal(more.crypto.signs, none.crypto.signs);
	assert_int_equal(more.flushes, some.flushes);
	fix_free(x);
}

static void a_change_of_a_run_is_opened_once_and_costs_a_known_number_of_hashes(void **state)
{
	struct id record;
	struct fix *x = pair(&record);
	const struct spent some = outage(x, &record, 10), more = outage(x, &record, 30);

	(void)state;
	assert_int_equal(more.crypto.opens - some.crypto.opens, 20);
	assert_in_range(more.crypto.hashes - some.crypto.hashes, 20 * (HASHES_TAKEN - 1),
		20 * HASHES_TAKEN); /* rows of the log hold several */
	fix_free(x);
}

static void much_that_comes_is_stored_before_any_of_it_is_opened(void **state)
{
	struct id record;
	struct fix *x = pair(&record);
	const uint64_t before = held(x, 1, &record);
	struct spent s;

	(void)state;
	fix_cut(x, 0, 1);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(fix_note(x, 0, &record, "written alone"), 0);
	fix_heal(x, 0, 1);
	s = spent_by(x, 1);
	for (unsigned i = 0; i < 400 && held(x, 1, &record) == before; i++)
		fix_pass(x, 10);
	assert_int_equal(held(x, 1, &record), before + 200);
	assert_int_equal(since(x, 1, &s).crypto.opens, 0);
	fix_wait(x, 2);
	assert_int_equal(since(x, 1, &s).crypto.opens, 200 + 1); /* all that are sealed */
	fix_free(x);
}

/* A record of .n notes of 256 bytes, each signed, that is offered. */
static struct id long_record(struct fix *x, unsigned n)
{
	const struct id record = fix_record(x, 0);
	char text[257];

	memset(text, 'x', 256);
	text[256] = '\0';
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(fix_note(x, 0, &record, text), 0);
	return record;
}

static void a_long_record_takes_few_rounds_and_hardly_more_bytes_than_its_changes(void **state)
{
	enum { N = 4000, CHANGE = 820, RUN = 192 * 1024 / CHANGE, GET = 384 * 1024 };
	struct fix *x = fix_new(2);
	struct id record;
	struct spent s, here;

	(void)state;
	fix_introduce_all(x);
	record = long_record(x, N);
	s = spent_by(x, 1);
	here = spent_by(x, 0);
	fix_hush(x);
	assert_int_equal(fix_offer(x, 0, &record, 1), 0);
	fix_wait(x, 2);
	assert_int_equal(held(x, 1, &record), held(x, 0, &record));
	/* Full runs but at the end of each GET's budget, with one signature each; a GET for
	 * two of them, eight under way; bell, feed and acknowledgements. */
	assert_in_range(x->frames, N / RUN, N / RUN + N * CHANGE / GET + 24);
	assert_in_range(x->bytes, N * (CHANGE - 20), N * (CHANGE + 8) + 16384);
	s = since(x, 1, &s);
	assert_in_range(s.crypto.verifies, N / RUN, N / RUN + 16);
	/* Who answers hashes the row of each, and no other row for each. */
	assert_in_range(since(x, 0, &here).crypto.hashes, N, N + N / 8);
	fix_free(x);
}

static void a_long_outage_costs_its_peer_one_row_a_record_and_few_verifications(void **state)
{
	enum { RECORDS = 8, ROUNDS = 200 };
	struct fix *x = fix_new(2);
	struct id records[RECORDS];
	struct store_stat stat;
	struct spent s, asked;

	(void)state;
	fix_introduce_all(x);
	for (unsigned i = 0; i < RECORDS; i++) {
		records[i] = fix_record(x, 0);
		assert_int_equal(fix_offer(x, 0, &records[i], 1), 0);
	}
	fix_wait(x, 2);
	fix_cut(x, 0, 1);
	for (unsigned k = 0; k < ROUNDS; k++) /* never two of a record one after the other */
		for (unsigned i = 0; i < RECORDS; i++)
			assert_int_equal(fix_note(x, 0, &records[i], "written alone"), 0);
	assert_int_equal(store_stat(x->v[0].store, &stat), 0);
	assert_in_range(stat.rows[TABLE_FEED], 64, 64 + 8 * RECORDS);
	fix_heal(x, 0, 1);
	s = spent_by(x, 1);
	asked = spent_by(x, 0);
	fix_wait(x, 150); /* and the last of it is acknowledged when it polls */
	for (unsigned i = 0; i < RECORDS; i++)
		assert_int_equal(held(x, 1, &records[i]), held(x, 0, &records[i]));
	assert_in_range(since(x, 1, &s).crypto.verifies, 64, 64 + 3 * RECORDS);
	/* Whose keys are all there is sent none. */
	assert_int_equal(since(x, 0, &asked).crypto.wraps, 0);
	assert_int_equal(since(x, 1, &s).crypto.wraps, 0);
	assert_int_equal(store_stat(x->v[0].store, &stat), 0);
	assert_int_equal(stat.rows[TABLE_FEED], 0);
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_note_costs_one_signature_one_seal_and_one_flush),
		cmocka_unit_test(a_note_costs_the_same_however_long_its_record_is),
		cmocka_unit_test(records_of_one_place_in_memory_do_not_push_each_other_out),
		cmocka_unit_test(a_request_of_many_changes_costs_one_signature),
		cmocka_unit_test(a_turn_costs_one_signature_however_many_records_it_is_about),
		cmocka_unit_test(
			a_note_of_a_busy_turn_costs_a_known_number_of_hashes_boxes_and_draws),
		cmocka_unit_test(a_new_record_costs_three_flushes_for_its_keys_go_first),
		cmocka_unit_test(a_question_costs_no_flush),
		cmocka_unit_test(
			a_note_and_what_comes_of_it_cost_one_commit_here_and_one_there),
		cmocka_unit_test(what_came_is_acknowledged_soon_and_once_however_much_it_was),
		cmocka_unit_test(a_steady_stream_is_acknowledged_once_in_two_seconds),
		cmocka_unit_test(a_change_that_comes_costs_one_verification_and_one_flush),
		cmocka_unit_test(a_change_that_comes_costs_the_same_however_long_its_record_is),
		cmocka_unit_test(what_came_of_one_turn_costs_one_verification),
		cmocka_unit_test(a_run_that_comes_costs_one_verification_however_long_it_is),
		cmocka_unit_test(
			a_change_of_a_run_is_opened_once_and_costs_a_known_number_of_hashes),
		cmocka_unit_test(
			a_long_record_takes_few_rounds_and_hardly_more_bytes_than_its_changes),
		cmocka_unit_test(
			a_long_outage_costs_its_peer_one_row_a_record_and_few_verifications),
		cmocka_unit_test(much_that_comes_is_stored_before_any_of_it_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
