/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Store: rows and scans of a store that nothing is wrong with.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/unit/store_fixture.h"

static const struct span none = { NULL, 0 };

static void a_row_of_any_table_comes_back_as_it_was_put(void **state)
{
	struct fixture *f = *state;
	uint8_t big[100000];

	memset(big, 0xb1, sizeof(big));
	for (unsigned t = 0; t < TABLE_COUNT; t++) {
		begin(f);
		assert_int_equal(put(f, t, text("k"), text("first")), 0);
		assert_int_equal(put(f, t, text("k"), text("second")), 0);
		assert_int_equal(put(f, t, text("empty"), none), 0);
		assert_int_equal(put(f, t, text("big"), SPAN_OF(big)), 0);
		assert_row(f, t, text("k"), text("second"));
		commit(f);

		begin(f);
		assert_row(f, t, text("k"), text("second"));
		assert_row(f, t, text("empty"), none);
		assert_row(f, t, text("big"), SPAN_OF(big));
		store_turn_abort(f->store);
	}
}

static void tables_do_not_share_rows(void **state)
{
	struct fixture *f = *state;
	struct span value;

	begin(f);
	assert_int_equal(put(f, TABLE_RECORD, text("k"), text("v")), 0);
	for (unsigned t = 0; t < TABLE_COUNT; t++)
		assert_int_equal(
			get(f, t, text("k"), &value), t == TABLE_RECORD ? 0 : VIEW_NONE);
	store_turn_abort(f->store);
}

static void a_deleted_row_is_gone_and_deleting_it_twice_says_so(void **state)
{
	struct fixture *f = *state;
	struct span value;

	begin(f);
	assert_int_equal(put(f, TABLE_KEY, text("k"), text("v")), 0);
	assert_int_equal(del(f, TABLE_KEY, text("k")), 0);
	assert_int_equal(del(f, TABLE_KEY, text("k")), VIEW_NONE);
	assert_int_equal(get(f, TABLE_KEY, text("k"), &value), VIEW_NONE);
	commit(f);
}

static void keys_have_1_to_200_bytes(void **state)
{
	struct fixture *f = *state;
	uint8_t key[VIEW_KEY_MAX + 2];
	const struct span longest = { key, VIEW_KEY_MAX }, over = { key, VIEW_KEY_MAX + 1 };
	struct span k, value;

	memset(key, 'k', sizeof(key));
	begin(f);
	assert_int_equal(put(f, TABLE_LOG, longest, text("plain")), 0);
	assert_int_equal(put(f, TABLE_AUDIT, longest, text("sealed")), 0);
	assert_row(f, TABLE_LOG, longest, text("plain"));
	assert_row(f, TABLE_AUDIT, longest, text("sealed"));
	/* Behind the longest key: a legal place to go on from, and nothing there. */
	assert_int_equal(seek(f, TABLE_LOG, none, over, &k, &value), VIEW_NONE);

	assert_int_equal(put(f, TABLE_LOG, over, text("v")), -EINVAL);
	assert_int_equal(put(f, TABLE_LOG, none, text("v")), -EINVAL);
	assert_int_equal(append(f, TABLE_LOG, over, text("v")), -EINVAL);
	assert_int_equal(get(f, TABLE_LOG, over, &value), -EINVAL);
	assert_int_equal(get(f, TABLE_LOG, none, &value), -EINVAL);
	assert_int_equal(del(f, TABLE_LOG, over), -EINVAL);
	assert_int_equal(last(f, TABLE_LOG, over, &k, &value), -EINVAL);
	assert_int_equal(seek(f, TABLE_LOG, over, none, &k, &value), -EINVAL);
	store_turn_abort(f->store);
}

static void a_value_over_one_mebibyte_is_refused(void **state)
{
	static const uint8_t big[(1u << 20) + 1];
	struct fixture *f = *state;

	begin(f);
	for (int t = TABLE_LOG; t <= TABLE_KEY; t += TABLE_KEY - TABLE_LOG) {
		assert_int_equal(put(f, (enum table)t, text("k"), SPAN_OF(big)), -EMSGSIZE);
		assert_int_equal(
			put(f, (enum table)t, text("k"), (struct span){ big, sizeof(big) - 1 }),
			0);
		assert_row(f, (enum table)t, text("k"), (struct span){ big, sizeof(big) - 1 });
	}
	commit(f);
}

/* What the store handed out may be handed in again, though the write moves the page it is in.
 */
static void a_span_of_the_store_itself_can_be_put(void **state)
{
	struct fixture *f = *state;
	struct span key, value;
	char name[8];

	begin(f);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%04d", i);
		assert_int_equal(
			put(f, TABLE_CHAIN, text(name), text("a value that is moved")), 0);
		assert_int_equal(put(f, TABLE_SUMMARY, text(name), text("a sealed one")), 0);
	}
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%04d", i);
		assert_int_equal(seek(f, TABLE_CHAIN, none, text(name), &key, &value), 0);
		value.len -= (size_t)i % 10;
		assert_int_equal(put(f, TABLE_CHAIN, key, value), 0);
		assert_row(f, TABLE_CHAIN, text(name),
			(struct span){ (const uint8_t *)"a value that is moved",
				21 - (size_t)i % 10 });

		assert_int_equal(seek(f, TABLE_SUMMARY, none, text(name), &key, &value), 0);
		assert_int_equal(put(f, TABLE_DRAFT, key, value), 0);
		assert_row(f, TABLE_DRAFT, text(name), text("a sealed one"));
	}
	commit(f);
}

static void put_names(struct fixture *f, enum table t, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(put(f, t, text(names[i]), text(names[i])), 0);
}

static void assert_seek(
	struct fixture *f, const char *prefix, const char *from, const char *want)
{
	const enum table tables[] = { TABLE_SHARE, TABLE_SUMMARY, TABLE_KEY };

	for (size_t i = 0; i < COUNT(tables); i++) {
		struct span key = none, value = none;
		const int r = seek(f, tables[i], text(prefix), text(from), &key, &value);

		if (r != (want ? 0 : VIEW_NONE))
			fail_msg("seek(%s, %s) is %d", prefix, from, r);
		if (!want)
			continue;
		assert_span(key, text(want));
		assert_span(value, text(want));
	}
}

static void assert_last(struct fixture *f, const char *prefix, const char *want)
{
	const enum table tables[] = { TABLE_SHARE, TABLE_SUMMARY, TABLE_KEY };

	for (size_t i = 0; i < COUNT(tables); i++) {
		struct span key = none, value = none;
		const int r = last(f, tables[i], text(prefix), &key, &value);

		if (r != (want ? 0 : VIEW_NONE))
			fail_msg("last(%s) is %d", prefix, r);
		if (!want)
			continue;
		assert_span(key, text(want));
		assert_span(value, text(want));
	}
}

static void an_empty_table_has_no_first_and_no_last_row(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_seek(f, "", "", NULL);
	assert_seek(f, "a", "", NULL);
	assert_seek(f, "\xff", "\xff", NULL);
	assert_last(f, "", NULL);
	assert_last(f, "a", NULL);
	assert_last(f, "\xff\xff", NULL);
	store_turn_abort(f->store);
}

static void scans_stay_within_their_prefix_at_every_boundary(void **state)
{
	static const char *const names[] = { "a", "ab", "ab\xff", "ab\xff\xff", "ac", "b",
		"\xfe\xff", "\xff", "\xff\xff", "\xff\xff\x01" };
	struct fixture *f = *state;

	begin(f);
	put_names(f, TABLE_SHARE, names, COUNT(names));
	put_names(f, TABLE_SUMMARY, names, COUNT(names));
	put_names(f, TABLE_KEY, names, COUNT(names));

	assert_seek(f, "", "", "a");
	assert_seek(f, "", "aa", "ab");
	assert_seek(f, "", "\xff\xff\x02", NULL);
	assert_seek(f, "ab", "", "ab");
	assert_seek(f, "ab", "a", "ab");
	assert_seek(f, "ab", "ab", "ab");
	assert_seek(f, "ab", "ab\x01", "ab\xff");
	assert_seek(f, "ab", "ab\xff\x01", "ab\xff\xff");
	assert_seek(f, "ab", "ab\xff\xff\x01", NULL);
	assert_seek(f, "ab", "b", NULL);
	assert_seek(f, "aa", "", NULL);
	assert_seek(f, "b", "", "b");
	assert_seek(f, "c", "", NULL);
	assert_seek(f, "\xff", "", "\xff");
	assert_seek(f, "\xff\xff", "", "\xff\xff");
	assert_seek(f, "\xff\xff\xff", "", NULL);

	assert_last(f, "", "\xff\xff\x01");
	assert_last(f, "a", "ac");
	assert_last(f, "ab", "ab\xff\xff");
	assert_last(f, "ab\xff", "ab\xff\xff");
	assert_last(f, "aa", NULL);
	assert_last(f, "A", NULL);
	assert_last(f, "c", NULL);
	assert_last(f, "\xfe", "\xfe\xff");
	assert_last(f, "\xfe\xff", "\xfe\xff");
	assert_last(f, "\xff", "\xff\xff\x01");
	assert_last(f, "\xff\xff", "\xff\xff\x01");
	assert_last(f, "\xff\xff\xff", NULL);
	commit(f);
}

/* 2,000 rows over many pages; the scan deletes every second one and puts others as it goes. */
static void a_scan_meets_every_row_once_while_rows_come_and_go(void **state)
{
	struct fixture *f = *state;
	struct span key, value;
	char from[VIEW_KEY_MAX] = "", name[16];
	unsigned met = 0;

	begin(f);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "w%06d", i);
		assert_int_equal(put(f, TABLE_WANT, text(name), text("what is wanted")), 0);
	}
	commit(f);

	begin(f);
	while (seek(f, TABLE_WANT, text("w"), text(from), &key, &value) == 0) {
		snprintf(name, sizeof(name), "w%06u", met);
		assert_span(key, text(name));
		if (met % 2)
			assert_int_equal(del(f, TABLE_WANT, text(name)), 0);
		snprintf(from, sizeof(from), "%s+", name);
		name[0] = 'v'; /* out of the scan's way, into its pages */
		assert_int_equal(put(f, TABLE_WANT, text(name), text("another")), 0);
		met++;
	}
	assert_int_equal(met, 2000);
	commit(f);

	begin(f);
	assert_int_equal(seek(f, TABLE_WANT, text("w"), none, &key, &value), 0);
	assert_span(key, text("w000000"));
	assert_int_equal(last(f, TABLE_WANT, text("w"), &key, &value), 0);
	assert_span(key, text("w001998"));
	store_turn_abort(f->store);
}

static void an_append_must_be_behind_all_others(void **state)
{
	struct fixture *f = *state;

	for (int t = TABLE_LOG; t <= TABLE_AUDIT; t += TABLE_AUDIT - TABLE_LOG) {
		begin(f);
		assert_int_equal(append(f, (enum table)t, text("1"), text("a")), 0);
		assert_int_equal(append(f, (enum table)t, text("3"), text("b")), 0);
		assert_int_equal(append(f, (enum table)t, text("2"), text("c")), -EEXIST);
		assert_int_equal(append(f, (enum table)t, text("3"), text("c")), -EEXIST);
		assert_row(f, (enum table)t, text("3"), text("b"));
		err_forget();
		store_turn_abort(f->store);
	}
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void a_row_asked_for_again_in_a_turn_is_not_read_again(void **state)
{
	struct fixture *f = *state;
	uint64_t before;

	begin(f);
	assert_int_equal(put(f, TABLE_RECORD, text("k"), text("first")), 0);
	commit(f);
	begin(f);
	assert_row(f, TABLE_RECORD, text("k"), text("first"));
	before = crypto_counts(f->crypto)->hashes;
	assert_row(f, TABLE_RECORD, text("k"), text("first"));
	assert_int_equal(crypto_counts(f->crypto)->hashes, before);
	assert_int_equal(put(f, TABLE_RECORD, text("k"), text("second")), 0);
	assert_int_equal(crypto_counts(f->crypto)->hashes, before + 1);
	assert_row(f, TABLE_RECORD, text("k"), text("second"));
	assert_int_equal(crypto_counts(f->crypto)->hashes, before + 1);
	store_turn_abort(f->store);
	begin(f);
	before = crypto_counts(f->crypto)->hashes;
	assert_row(f, TABLE_RECORD, text("k"), text("first"));
	assert_int_equal(crypto_counts(f->crypto)->hashes, before + 1);
	store_turn_abort(f->store);
}

enum { MODEL_KEYS = 3000 };

/* What a turn sees of many rows, more than it keeps, is what was written last. */
static void many_rows_of_a_turn_read_back_as_they_were_written(void **state)
{
	static const enum table tables[] = { TABLE_RECORD, TABLE_SUMMARY, TABLE_KEY };
	static unsigned model[COUNT(tables)][MODEL_KEYS]; /* 0: no row */
	struct fixture *f = *state;
	unsigned x = 12345;

	begin(f);
	for (unsigned i = 1; i < 40000; i++) {
		const size_t t = (x = x * 1103515245 + 12345) >> 16 & 3;
		const unsigned k = (x = x * 1103515245 + 12345) >> 16;
		unsigned *is = &model[t % COUNT(tables)][k % MODEL_KEYS];
		const enum table table = tables[t % COUNT(tables)];
		char key[16], value[600], held[600];
		struct span got;

		/* Some are longer than what is kept. */
		snprintf(key, sizeof(key), "%u", k % MODEL_KEYS);
		snprintf(value, sizeof(value), "%0*u", i % 7 == 0 ? 500 : 20, i);
		snprintf(held, sizeof(held), "%0*u", *is % 7 == 0 ? 500 : 20, *is);
		if (*is)
			assert_row(f, table, text(key), text(held));
		else
			assert_int_equal(get(f, table, text(key), &got), VIEW_NONE);
		if (i % 5 == 0) {
			assert_int_equal(del(f, table, text(key)), *is ? 0 : VIEW_NONE);
			*is = 0;
		} else if (i % 5 < 3) {
			assert_int_equal(put(f, table, text(key), text(value)), 0);
			*is = i;
		}
		if (i % 10000 == 0) {
			commit(f);
			begin(f);
		}
	}
	commit(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_row_of_any_table_comes_back_as_it_was_put),
		STORE_TEST(tables_do_not_share_rows),
		STORE_TEST(a_deleted_row_is_gone_and_deleting_it_twice_says_so),
		STORE_TEST(keys_have_1_to_200_bytes),
		STORE_TEST(a_value_over_one_mebibyte_is_refused),
		STORE_TEST(a_span_of_the_store_itself_can_be_put),
		STORE_TEST(an_empty_table_has_no_first_and_no_last_row),
		STORE_TEST(scans_stay_within_their_prefix_at_every_boundary),
		STORE_TEST(a_scan_meets_every_row_once_while_rows_come_and_go),
		STORE_TEST(an_append_must_be_behind_all_others),
		STORE_TEST(a_row_asked_for_again_in_a_turn_is_not_read_again),
		STORE_TEST(many_rows_of_a_turn_read_back_as_they_were_written),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
