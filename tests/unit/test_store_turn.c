/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Store: turns, reads beside them, figures and verifying; and running out of memory in a turn.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "tests/kit/alloc.h"
#include "tests/unit/store_fixture.h"

static void an_aborted_turn_leaves_nothing_in_either_environment(void **state)
{
	struct fixture *f = *state;
	struct span value;

	begin(f);
	assert_int_equal(put(f, TABLE_RECORD, text("k"), text("v")), 0);
	assert_int_equal(put(f, TABLE_KEY, text("k"), text("v")), 0);
	assert_true(store_turn_dirty(f->store));
	store_turn_abort(f->store);

	begin(f);
	assert_false(store_turn_dirty(f->store));
	assert_int_equal(get(f, TABLE_RECORD, text("k"), &value), VIEW_NONE);
	assert_int_equal(get(f, TABLE_KEY, text("k"), &value), VIEW_NONE);
	store_turn_abort(f->store);
}

static void what_was_committed_is_there_after_opening_again(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_int_equal(put(f, TABLE_RECORD, text("k"), text("v")), 0);
	assert_int_equal(put(f, TABLE_KEY, text("k"), text("content key")), 0);
	commit(f);
	fixture_close(f);
	fixture_open(f);

	begin(f);
	assert_row(f, TABLE_RECORD, text("k"), text("v"));
	assert_row(f, TABLE_KEY, text("k"), text("content key"));
	store_turn_abort(f->store);
}

static void a_turn_is_one_flush_with_keys_three_and_none_without_writes(void **state)
{
	struct fixture *f = *state;
	struct store_stat stat;
	struct span value;

	begin(f);
	assert_int_equal(get(f, TABLE_KEY, text("k"), &value), VIEW_NONE);
	assert_int_equal(del(f, TABLE_LOG, text("k")), VIEW_NONE);
	commit(f);
	assert_int_equal(store_stat(f->store, &stat), 0);
	assert_int_equal(stat.commits, 0);
	assert_int_equal(stat.flushes, 0);

	begin(f);
	assert_int_equal(put(f, TABLE_LOG, text("1"), text("v")), 0);
	assert_int_equal(put(f, TABLE_LOG, text("2"), text("v")), 0);
	commit(f);
	assert_int_equal(store_stat(f->store, &stat), 0);
	assert_int_equal(stat.commits, 1);
	assert_int_equal(stat.flushes, 1);

	begin(f);
	assert_int_equal(put(f, TABLE_LOG, text("3"), text("v")), 0);
	assert_int_equal(put(f, TABLE_KEY, text("k"), text("v")), 0);
	commit(f);
	assert_int_equal(store_stat(f->store, &stat), 0);
	assert_int_equal(stat.commits, 2);
	assert_int_equal(stat.flushes, 4);
	assert_int_equal(stat.rows[TABLE_LOG], 3);
	assert_int_equal(stat.rows[TABLE_KEY], 1);
	assert_int_equal(stat.rows[TABLE_FEED], 0);
	assert_int_equal(stat.map_size, UINT64_C(64) << 20);
	assert_true(stat.disk_free_bytes <= stat.disk_size_bytes && stat.disk_size_bytes > 0);
}

static void what_is_deleted_is_free_again_in_the_figures(void **state)
{
	struct fixture *f = *state;
	struct store_stat before, full, after;
	uint8_t value[3000] = { 1 };
	char name[16];

	assert_int_equal(store_stat(f->store, &before), 0);
	begin(f);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "%06d", i);
		assert_int_equal(put(f, TABLE_LOG, text(name), SPAN_OF(value)), 0);
	}
	commit(f);
	assert_int_equal(store_stat(f->store, &full), 0);
	assert_true(full.used_bytes - before.used_bytes >= 300 * sizeof(value));
	assert_true(full.last_txn > before.last_txn);

	begin(f);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "%06d", i);
		assert_int_equal(del(f, TABLE_LOG, text(name)), 0);
	}
	commit(f);
	checkpoint(f);
	assert_int_equal(store_stat(f->store, &after), 0);
	assert_true(after.used_bytes < before.used_bytes + 16 * 4096);
}

static void a_read_sees_the_last_checkpoint_and_refuses_to_write(void **state)
{
	struct fixture *f = *state;
	struct store_read *read;
	struct view old;
	struct span value;

	begin(f);
	assert_int_equal(put(f, TABLE_RECORD, text("k"), text("old")), 0);
	assert_int_equal(put(f, TABLE_KEY, text("k"), text("old key")), 0);
	commit(f);
	checkpoint(f);

	assert_int_equal(store_read_begin(f->store, f->crypto, &read, &old), 0);
	begin(f);
	assert_int_equal(put(f, TABLE_RECORD, text("k"), text("new")), 0);
	assert_int_equal(del(f, TABLE_KEY, text("k")), 0);
	commit(f);
	checkpoint(f);

	assert_int_equal(old.get(old.ctx, TABLE_RECORD, text("k"), &value), 0);
	assert_span(value, text("old"));
	assert_int_equal(old.get(old.ctx, TABLE_KEY, text("k"), &value), 0);
	assert_span(value, text("old key"));
	assert_int_equal(old.put(old.ctx, TABLE_RECORD, text("k"), text("v")), -EPERM);
	assert_int_equal(old.append(old.ctx, TABLE_LOG, text("k"), text("v")), -EPERM);
	assert_int_equal(old.del(old.ctx, TABLE_RECORD, text("k")), -EPERM);
	err_forget();
	store_read_end(read);

	begin(f);
	assert_row(f, TABLE_RECORD, text("k"), text("new"));
	store_turn_abort(f->store);
}

struct reading {
	struct fixture *f;
	bool half; /* a turn was seen in part */
	unsigned seen;
};

/* Both tables of a turn say the same number, whenever one looks. */
static void *read_all_the_time(void *arg)
{
	struct reading *reading = arg;
	struct crypto *crypto;

	if (crypto_new(chance_kernel(), &crypto))
		return NULL;
	while (reading->seen < 300 && !reading->half) {
		struct store_read *read;
		struct view view;
		struct span a, b;

		if (store_read_begin(reading->f->store, crypto, &read, &view))
			break;
		reading->half = view.get(view.ctx, TABLE_META, text("n"), &a) ||
				view.get(view.ctx, TABLE_SUMMARY, text("n"), &b) ||
				a.len != b.len || memcmp(a.at, b.at, a.len) != 0;
		store_read_end(read);
		reading->seen++;
	}
	crypto_free(crypto);
	return NULL;
}

static void a_read_on_another_thread_never_sees_half_a_turn(void **state)
{
	struct fixture *f = *state;
	struct reading reading = { .f = f };
	pthread_t thread;

	begin(f);
	assert_int_equal(put(f, TABLE_META, text("n"), text("first")), 0);
	assert_int_equal(put(f, TABLE_SUMMARY, text("n"), text("first")), 0);
	commit(f);
	checkpoint(f);

	assert_int_equal(pthread_create(&thread, NULL, read_all_the_time, &reading), 0);
	for (int i = 0; i < 200; i++) {
		char n[16];

		snprintf(n, sizeof(n), "%d", i);
		begin(f);
		assert_int_equal(put(f, TABLE_META, text("n"), text(n)), 0);
		assert_int_equal(put(f, TABLE_SUMMARY, text("n"), text(n)), 0);
		commit(f);
		if (i % 2)
			checkpoint(f);
	}
	pthread_join(thread, NULL);
	assert_false(reading.half);
	assert_int_equal(reading.seen, 300);
}

static void a_sealed_row_is_not_on_the_disk_in_the_clear(void **state)
{
	static const char secret[] = "Aspen Road 7, second floor";
	struct fixture *f = *state;
	struct file data, keys, redo;

	begin(f);
	assert_int_equal(put(f, TABLE_SUMMARY, text("k"), text(secret)), 0);
	assert_int_equal(put(f, TABLE_KEY, text("k"), text(secret)), 0);
	assert_int_equal(put(f, TABLE_RECORD, text("k"), text("seen by everyone")), 0);
	commit(f);

	redo = file_read(f, "redo");
	checkpoint(f);
	data = file_read(f, "data/data.mdb");
	keys = file_read(f, "keys/data.mdb");
	assert_int_equal(file_replace(&data, text(secret), NULL), 0);
	assert_int_equal(file_replace(&keys, text(secret), NULL), 0);
	assert_int_equal(file_replace(&redo, text(secret), NULL), 0);
	/* The search finds what is in the clear. */
	assert_true(file_replace(&data, text("seen by everyone"), NULL) > 0);
	assert_true(file_replace(&redo, text("seen by everyone"), NULL) > 0);
	free(redo.at);
	free(data.at);
	free(keys.at);
}

static bool count_progress(void *ctx, uint64_t done, uint64_t of)
{
	uint64_t *calls = ctx;

	assert_true(done <= of);
	++*calls;
	return true;
}

static void verify_reads_every_row_of_every_table_in_batches(void **state)
{
	struct fixture *f = *state;
	uint64_t rows, damaged, calls = 0;
	char name[16];

	begin(f);
	for (unsigned t = 0; t < TABLE_COUNT; t++)
		assert_int_equal(put(f, t, text("k"), text("v")), 0);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "z%06d", i);
		assert_int_equal(append(f, TABLE_LOG, text(name), text(name)), 0);
	}
	commit(f);

	assert_int_equal(
		store_verify(f->store, count_progress, &calls, &rows, &damaged, &f->why), 0);
	assert_int_equal(rows, TABLE_COUNT + 10000);
	assert_int_equal(damaged, 0);
	assert_true(calls >= TABLE_COUNT + 2); /* the log takes three batches */
	assert_int_equal(store_verify(f->store, NULL, NULL, &rows, &damaged, &f->why), 0);
	assert_int_equal(rows, TABLE_COUNT + 10000);
}

static void out_of_memory_in_a_turn_is_fatal_and_loses_nothing_older(void **state)
{
	struct fixture *f = *state;
	uint8_t value[6000] = { 7 };
	struct span got;
	uint64_t n;

	begin(f);
	assert_int_equal(put(f, TABLE_SUMMARY, text("old"), text("kept")), 0);
	commit(f);
	fixture_close(f);

	for (n = 1; n < 1000; n++) {
		int r;

		alloc_fail_at(n);
		r = store_open(f->dir, &f->options, f->crypto, &f->key, &f->store, &f->why);
		if (!r) {
			r = store_turn_begin(f->store, &f->view);
			if (!r)
				r = put(f, TABLE_META, text("undone"), SPAN_OF(value));
			if (!r) { /* the next one begins with the redo file */
				store_turn_abort(f->store);
				r = store_turn_begin(f->store, &f->view);
			}
			if (!r)
				r = put(f, TABLE_SUMMARY, text("k"), SPAN_OF(value));
			if (!r)
				r = put(f, TABLE_LOG, text("k"), SPAN_OF(value));
			if (!r)
				r = get(f, TABLE_SUMMARY, text("old"), &got);
		}
		fixture_close(f);
		if (!alloc_failed())
			break;
		assert_int_equal(r, -ENOMEM);
		err_forget();
	}
	assert_in_range(n, 5, 999);

	fixture_open(f);
	begin(f);
	assert_row(f, TABLE_SUMMARY, text("old"), text("kept"));
	assert_int_equal(get(f, TABLE_LOG, text("k"), &got), VIEW_NONE);
	store_turn_abort(f->store);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(an_aborted_turn_leaves_nothing_in_either_environment),
		STORE_TEST(what_was_committed_is_there_after_opening_again),
		STORE_TEST(a_turn_is_one_flush_with_keys_three_and_none_without_writes),
		STORE_TEST(what_is_deleted_is_free_again_in_the_figures),
		STORE_TEST(a_read_sees_the_last_checkpoint_and_refuses_to_write),
		STORE_TEST(a_read_on_another_thread_never_sees_half_a_turn),
		STORE_TEST(a_sealed_row_is_not_on_the_disk_in_the_clear),
		STORE_TEST(verify_reads_every_row_of_every_table_in_batches),
		STORE_TEST(out_of_memory_in_a_turn_is_fatal_and_loses_nothing_older),
	};

	return cmocka_run_group_tests_name("store_turn", tests, NULL, NULL);
}
