/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Verifying what is stored: each test spoils one row of a sound record, in a way that the
 * store's own hashes cannot see, and names the rule that must be found broken.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

/* A record of Genesis and three notes, each signed, in a turn that is never committed. */
struct stored {
	struct fix *x;
	struct view view;
	struct id record;
	struct place at; /* of the third of its four changes */
	struct verify found;
};

static int set_up(void **state)
{
	struct stored *t = calloc(1, sizeof(*t));
	struct entry note = { .kind = ENTRY_NOTE, .text = SPAN_LIT("a note") };
	char hex[ID_TEXT_LEN];
	struct scan scan;
	struct side *s;

	assert_non_null(t);
	t->x = fix_new(1);
	s = &t->x->v[0];
	assert_int_equal(fix_ask(t->x, 0, &(struct ctl_request){ .verb = VERB_RECORD_NEW }), 0);
	assert_int_equal(store_turn_begin(s->store, &t->view), 0);
	scan_init(&scan, TABLE_RECORD, (struct span){ 0 });
	assert_int_equal(scan_next(&scan, &t->view), 0);
	memcpy(t->record.b, scan.key, ID_LEN);
	store_turn_abort(s->store);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fix_ask(t->x, 0,
					 &(struct ctl_request){ .verb = VERB_APPEND,
						 .record = text_span(id_text(&t->record, hex)),
						 .entries = &note,
						 .n_entries = 1 }),
			0);
	assert_int_equal(store_turn_begin(s->store, &t->view), 0);
	scan_init(&scan, TABLE_CHAIN, SPAN_OF(t->record));
	assert_int_equal(scan_next(&scan, &t->view), 0);
	memcpy(t->at.author.b, scan.key + ID_LEN, ID_LEN);
	memcpy(t->at.incarnation.b, scan.key + 2 * ID_LEN, ID_LEN);
	t->at.seq = 3;
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct stored *t = *state;

	store_turn_abort(t->x->v[0].store);
	fix_free(t->x);
	free(t);
	return 0;
}

static void verify_all(struct stored *t, size_t portion)
{
	int r = 0;

	memset(&t->found, 0, sizeof(t->found));
	for (int i = 0; i < 1000 && r == 0; i++)
		r = verify_some(&t->found, t->x->v[0].crypto, &t->view, portion);
	assert_int_equal(r, VERIFY_DONE);
}

/* The first fault is of that rule, whatever the portions are, and there are so many. */
static void assert_found(struct stored *t, const char *rule, uint64_t faults)
{
	for (size_t portion = 1; portion < 100; portion *= 3) {
		verify_all(t, portion);
		assert_int_equal(t->found.faults, faults);
		assert_string_equal(t->found.first[0].rule, rule);
		assert_true(id_equal(&t->found.first[0].record, &t->record));
	}
}

/* The row of .t under that key with the byte .from its end (or its start) another one. */
static void flip(struct stored *t, enum table table, struct span key, long from)
{
	struct span value;
	uint8_t copy[4096];

	assert_int_equal(row_get(&t->view, table, key, &value), 0);
	assert_true(value.len <= sizeof(copy));
	memcpy(copy, value.at, value.len);
	copy[from < 0 ? (long)value.len + from : from] ^= 1;
	assert_int_equal(row_put(&t->view, table, key, (struct span){ copy, value.len }), 0);
}

static struct span key_at(const struct stored *t, uint64_t seq)
{
	static uint8_t key[VIEW_KEY_MAX];
	struct place at = t->at;

	at.seq = seq;
	return (struct span){ key, index_key(&t->record, &at, key) };
}

static struct span log_key(const struct stored *t, uint64_t seq)
{
	static uint8_t key[8];
	struct place at = t->at;
	struct index_row row;
	struct writer w = writer_of(key, sizeof(key));

	at.seq = seq;
	assert_int_equal(index_get(&t->view, &t->record, &at, &row), 0);
	put_u64(&w, row.n);
	return writer_span(&w);
}

/* Where a change's signature begins in its row of the log. */
static long signature_at(const struct stored *t, uint64_t seq)
{
	struct span value;

	assert_int_equal(row_get(&t->view, TABLE_LOG, log_key(t, seq), &value), 0);
	return 2 + (value.at[0] << 8 | value.at[1]) + 2;
}

static void sound_record_is_found_sound(void **state)
{
	struct stored *t = *state;

	for (size_t portion = 1; portion < 100; portion *= 3) {
		verify_all(t, portion);
		assert_int_equal(t->found.faults, 0);
		assert_int_equal(t->found.changes, 4);
		assert_int_equal(t->found.chains, 1);
	}
}

static void body_that_is_not_its_hash_breaks_p2_5(void **state)
{
	struct stored *t = *state;

	flip(t, TABLE_LOG, log_key(t, 3), -1);
	assert_found(t, "P2.5", 1);
	assert_int_equal(t->found.first[0].at.seq, 3);
}

static void change_that_the_index_does_not_name_breaks_p2_3(void **state)
{
	struct stored *t = *state;

	flip(t, TABLE_INDEX, key_at(t, 3), -1);
	/* and with it the link of the change behind it */
	assert_found(t, "P2.3", 2);
	assert_string_equal(t->found.first[1].rule, "P2.4");
	assert_int_equal(t->found.first[1].at.seq, 4);
}

static void header_that_is_not_canonical_breaks_p2_2(void **state)
{
	struct stored *t = *state;

	flip(t, TABLE_LOG, log_key(t, 3), 2);
	assert_found(t, "P2.2", 1);
}

static void change_at_another_place_than_it_says_breaks_p2_1(void **state)
{
	struct stored *t = *state;
	struct span value;
	uint8_t copy[64];

	assert_int_equal(row_get(&t->view, TABLE_INDEX, key_at(t, 2), &value), 0);
	memcpy(copy, value.at, value.len);
	assert_int_equal(
		row_put(&t->view, TABLE_INDEX, key_at(t, 3), (struct span){ copy, value.len }),
		0);
	verify_all(t, 10);
	assert_string_equal(t->found.first[0].rule, "P2.1");
}

static void missing_change_is_said_once(void **state)
{
	struct stored *t = *state;

	assert_int_equal(row_del(&t->view, TABLE_INDEX, key_at(t, 3)), 0);
	assert_found(t, "P2.6", 1);
}

static void wrong_signature_breaks_p3_1(void **state)
{
	struct stored *t = *state;

	flip(t, TABLE_LOG, log_key(t, 3), signature_at(t, 3) + 5);
	assert_found(t, "P3.1", 1);
}

static void end_that_no_signature_covers_breaks_p3_1(void **state)
{
	struct stored *t = *state;
	struct span value;
	uint8_t copy[4096];
	const long sig = signature_at(t, 4);

	assert_int_equal(row_get(&t->view, TABLE_LOG, log_key(t, 4), &value), 0);
	memcpy(copy, value.at, value.len);
	copy[sig - 1] = 0;
	memmove(copy + sig, copy + sig + SIG_LEN, value.len - (size_t)sig - SIG_LEN);
	assert_int_equal(row_put(&t->view, TABLE_LOG, log_key(t, 4),
				 (struct span){ copy, value.len - SIG_LEN }),
		0);
	assert_found(t, "P3.1", 1);
}

static void head_that_is_another_change_breaks_p2_4(void **state)
{
	struct stored *t = *state;
	uint8_t key[CHAIN_PREFIX];

	memcpy(key, key_at(t, 1).at, CHAIN_PREFIX);
	flip(t, TABLE_CHAIN, (struct span){ key, sizeof(key) }, 8);
	assert_found(t, "P2.4", 1);
}

static void control_change_that_differs_beside_the_log_breaks_p7_8(void **state)
{
	struct stored *t = *state;

	flip(t, TABLE_CONTROL, key_at(t, 1), -1);
	assert_found(t, "P7.8", 1);
	assert_int_equal(row_del(&t->view, TABLE_CONTROL, key_at(t, 1)), 0);
	assert_found(t, "P2.6", 1);
}

static void author_without_a_card_breaks_p1_5(void **state)
{
	struct stored *t = *state;

	assert_int_equal(row_del(&t->view, TABLE_CARD, SPAN_OF(t->at.author)), 0);
	verify_all(t, 100);
	assert_int_equal(t->found.faults, 1);
	assert_string_equal(t->found.first[0].rule, "P1.5");
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(sound_record_is_found_sound),
		TEST(body_that_is_not_its_hash_breaks_p2_5),
		TEST(change_that_the_index_does_not_name_breaks_p2_3),
		TEST(header_that_is_not_canonical_breaks_p2_2),
		TEST(change_at_another_place_than_it_says_breaks_p2_1),
		TEST(missing_change_is_said_once),
		TEST(wrong_signature_breaks_p3_1),
		TEST(end_that_no_signature_covers_breaks_p3_1),
		TEST(head_that_is_another_change_breaks_p2_4),
		TEST(control_change_that_differs_beside_the_log_breaks_p7_8),
		TEST(author_without_a_card_breaks_p1_5),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
