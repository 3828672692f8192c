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
						 .record = span_of(id_text(&t->record, hex)),
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

/* Where a change stands in its row of the log: from .ret_from on, .ret_len bytes. */
static struct span log_key(
	const struct stored *t, uint64_t seq, size_t *ret_from, size_t *ret_len)
{
	static uint8_t key[8];
	struct place at = t->at;
	struct log_at row = { 0 };
	struct span found;
	struct wire_change c;
	struct reader rd;
	uint64_t n;
	struct writer w = writer_of(key, sizeof(key));

	at.seq = seq;
	assert_int_equal(index_get(&t->view, &t->record, &at, &n), 0);
	put_u64(&w, n);
	assert_int_equal(t->view.back(t->view.ctx, TABLE_LOG, (struct span){ 0 },
				 writer_span(&w), &found, &row.rest),
		0);
	rd = reader_of(found);
	const size_t whole = row.rest.len;

	*ret_from = 0;
	for (uint64_t k = get_u64(&rd); k <= n; k++) {
		*ret_from = whole - row.rest.len + 4; /* behind its length */
		assert_true(log_row_next(&row, &c));
	}
	*ret_len = whole - row.rest.len - *ret_from;
	memcpy(key, found.at, sizeof(key));
	return (struct span){ key, sizeof(key) };
}

/* A byte of a change in the log, from its beginning or (< 0) its end, another one. */
static void flip_log(struct stored *t, uint64_t seq, long at)
{
	size_t from, len;
	const struct span key = log_key(t, seq, &from, &len);

	flip(t, TABLE_LOG, key, (long)from + (at < 0 ? (long)len + at : at));
}

/* Where a change's signature begins. */
static long signature_at(const struct stored *t, uint64_t seq)
{
	struct span value;
	size_t from, len;
	const struct span key = log_key(t, seq, &from, &len);

	assert_int_equal(row_get(&t->view, TABLE_LOG, key, &value), 0);
	return 2 + (value.at[from] << 8 | value.at[from + 1]) + 2;
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

	flip_log(t, 3, -1);
	assert_found(t, "P2.5", 1);
	assert_int_equal(t->found.first[0].at.seq, 3);
}

static void change_that_is_another_than_was_signed_breaks_p3_1_and_its_link(void **state)
{
	struct stored *t = *state;

	flip_log(t, 3, signature_at(t, 3) - 12); /* the end of its content root */
	assert_found(t, "P3.1", 2);
	assert_string_equal(t->found.first[1].rule, "P2.4");
	assert_int_equal(t->found.first[1].at.seq, 4);
}

static void header_that_is_not_canonical_breaks_p2_2(void **state)
{
	struct stored *t = *state;

	flip_log(t, 3, 2);
	assert_found(t, "P2.2", 1);
}

/* From the third on, the index gives the numbers that are one less. */
static void change_at_another_place_than_it_says_breaks_p2_1(void **state)
{
	struct stored *t = *state;
	struct place at = t->at;
	uint64_t n;

	at.seq = 2;
	assert_int_equal(index_get(&t->view, &t->record, &at, &n), 0);
	at.seq = 3;
	assert_int_equal(index_put(&t->view, &t->record, &at, n, 2), 0);
	verify_all(t, 10);
	assert_string_equal(t->found.first[0].rule, "P2.1");
}

static void missing_change_is_said_once(void **state)
{
	struct stored *t = *state;
	struct place at = t->at;
	struct span key = key_at(t, 1);
	uint64_t first, third;

	at.seq = 1;
	assert_int_equal(index_get(&t->view, &t->record, &at, &first), 0);
	at.seq = 3;
	assert_int_equal(index_get(&t->view, &t->record, &at, &third), 0);
	assert_int_equal(row_del(&t->view, TABLE_INDEX, key), 0);
	at.seq = 1;
	assert_int_equal(index_put(&t->view, &t->record, &at, first, 2), 0);
	at.seq = 4;
	assert_int_equal(index_put(&t->view, &t->record, &at, third + 1, 1), 0);
	assert_found(t, "P2.6", 1);
}

static void wrong_signature_breaks_p3_1(void **state)
{
	struct stored *t = *state;

	flip_log(t, 3, signature_at(t, 3) + 5);
	assert_found(t, "P3.1", 1);
}

static void end_that_no_signature_covers_breaks_p3_1(void **state)
{
	struct stored *t = *state;
	struct log_at log = { 0 };
	struct place at = t->at;
	struct wire_change c;
	uint64_t n;

	/* The last again, without its signature, where the index now says that it is. */
	at.seq = 4;
	assert_int_equal(index_get(&t->view, &t->record, &at, &n), 0);
	assert_int_equal(log_get(&t->view, &log, n, &c), 0);
	uint8_t header[HEADER_MAX], body[4096];

	assert_true(c.body.len <= sizeof(body));
	memcpy(header, c.header.at, c.header.len);
	memcpy(body, c.body.at, c.body.len);
	c = (struct wire_change){ .header = { header, c.header.len },
		.body = { body, c.body.len } };
	assert_int_equal(log_last(&t->view, &n), 0);
	assert_int_equal(log_put(&t->view, n + 1, &c, 1), 0);
	assert_int_equal(index_put(&t->view, &t->record, &at, n + 1, 1), 0);
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

/* As if the chain had not come, and its path had: the record's chain is not here any more. */
static void lose_chain(struct stored *t)
{
	uint8_t key[CHAIN_PREFIX];

	memcpy(key, key_at(t, 1).at, CHAIN_PREFIX);
	assert_int_equal(row_del(&t->view, TABLE_CHAIN, (struct span){ key, sizeof(key) }), 0);
	assert_int_equal(row_del(&t->view, TABLE_INDEX, key_at(t, 1)), 0);
}

static void control_change_that_only_custody_knows_breaks_p2_6(void **state)
{
	struct stored *t = *state;
	struct control_row row;
	struct span value;

	/* Its header and its signature are in the log alone. */
	assert_int_equal(row_get(&t->view, TABLE_CONTROL, key_at(t, 1), &value), 0);
	assert_true(control_row_read(key_at(t, 1), value, &row));
	assert_false(row.whole);
	lose_chain(t);
	assert_found(t, "P2.6", 1);
}

static void control_change_that_came_before_its_chain_is_verified_by_itself(void **state)
{
	struct stored *t = *state;
	struct log_at log = { 0 };
	uint8_t header[HEADER_MAX], signature[SIG_LEN], body[4096];
	struct place at = t->at;
	struct control_row row;
	struct wire_change c;
	struct span value;
	struct hash id;

	at.seq = 1;
	assert_int_equal(control_get(&t->view, &t->record, &at, &log, &c), 0);
	assert_true(c.signature.len == SIG_LEN && c.body.len <= sizeof(body));
	memcpy(header, c.header.at, c.header.len);
	memcpy(signature, c.signature.at, SIG_LEN);
	memcpy(body, c.body.at, c.body.len);
	c = (struct wire_change){ { header, c.header.len }, SPAN_OF(signature),
		{ body, c.body.len } };
	assert_int_equal(control_has(&t->view, &t->record, &at, &id), 0);
	assert_int_equal(control_put(&t->view, &t->record, &at, &id, &c, true), 0);
	assert_found(t, "P7.8", 1); /* the log has it, too */
	lose_chain(t);
	verify_all(t, 100);
	assert_int_equal(t->found.faults, 0);
	assert_int_equal(row_get(&t->view, TABLE_CONTROL, key_at(t, 1), &value), 0);
	assert_true(control_row_read(key_at(t, 1), value, &row) && row.whole);
	assert_int_equal(row.bytes, wire_change_size(&c));
	signature[7] ^= 1;
	assert_int_equal(control_put(&t->view, &t->record, &at, &id, &c, true), 0);
	assert_found(t, "P3.1", 1);
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
		TEST(change_that_is_another_than_was_signed_breaks_p3_1_and_its_link),
		TEST(header_that_is_not_canonical_breaks_p2_2),
		TEST(change_at_another_place_than_it_says_breaks_p2_1),
		TEST(missing_change_is_said_once),
		TEST(wrong_signature_breaks_p3_1),
		TEST(end_that_no_signature_covers_breaks_p3_1),
		TEST(head_that_is_another_change_breaks_p2_4),
		TEST(control_change_that_differs_beside_the_log_breaks_p7_8),
		TEST(control_change_that_only_custody_knows_breaks_p2_6),
		TEST(control_change_that_came_before_its_chain_is_verified_by_itself),
		TEST(author_without_a_card_breaks_p1_5),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
