/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Store: making and opening one when something is wrong, and rows that are not what was
 * written. Files are damaged as bytes: a test that went through LMDB could only do what LMDB
 * allows.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/store_fixture.h"

static void assert_open(struct fixture *f, int want, const char *says)
{
	int r;

	fixture_stop(f);
	f->why.text[0] = '\0';
	r = store_open(f->dir, &f->options, f->crypto, &f->key, &f->store, &f->why);
	if (r != want)
		fail_msg("store_open is %d, not %d: %s", r, want, f->why.text);
	if (!strstr(f->why.text, says))
		fail_msg("\"%s\" does not say \"%s\"", f->why.text, says);
	assert_null(f->store);
}

static void assert_create(struct fixture *f, int want, const char *says)
{
	int r;

	f->why.text[0] = '\0';
	r = store_create(f->dir, &f->options, f->crypto, &f->key, &f->why);
	if (r != want)
		fail_msg("store_create is %d, not %d: %s", r, want, f->why.text);
	if (!strstr(f->why.text, says))
		fail_msg("\"%s\" does not say \"%s\"", f->why.text, says);
}

static unsigned entries_in(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void a_store_is_made_in_a_missing_or_an_empty_directory(void **state)
{
	struct fixture *f = *state;
	uint64_t rows, damaged;

	assert_create(f, 0, "");
	fixture_open(f);
	fixture_stop(f);
	assert_int_equal(entries_in(f->top), 1); /* nothing is left beside it */

	snprintf(f->dir, sizeof(f->dir), "%s/empty///", f->top);
	assert_int_equal(mkdir(f->dir, 0700), 0);
	assert_create(f, 0, "");
	fixture_open(f);
	assert_int_equal(store_verify(f->store, NULL, NULL, &rows, &damaged, &f->why), 0);
	assert_int_equal(rows, 0);
	assert_int_equal(entries_in(f->top), 2);
}

static void a_store_is_never_made_over_something_else(void **state)
{
	struct fixture *f = *state;

	assert_create(f, 0, "");
	fixture_open(f);
	begin(f);
	assert_int_equal(put(f, TABLE_RECORD, text("k"), text("v")), 0);
	commit(f);
	fixture_stop(f);

	assert_create(f, STORE_E_EXISTS, "not an empty directory");
	fixture_open(f);
	begin(f);
	assert_row(f, TABLE_RECORD, text("k"), text("v"));
	store_turn_abort(f->store);

	snprintf(f->dir, sizeof(f->dir), "%s/store/lock", f->top); /* a file, not a directory */
	assert_create(f, STORE_E_EXISTS, "not an empty directory");
}

static void a_store_that_cannot_be_made_says_why_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	snprintf(f->dir, sizeof(f->dir), "%s/missing/store", f->top);
	assert_create(f, -ENOENT, "/missing/");
	err_forget();

	snprintf(f->dir, sizeof(f->dir), "%s/store", f->top);
	assert_int_equal(entries_in(f->top), 0);
}

static void where_no_store_is_none_is_found_and_nothing_is_left(void **state)
{
	struct fixture *f = *state;

	assert_open(f, STORE_E_NONE, "no store in");
	assert_int_equal(mkdir(f->dir, 0700), 0);
	assert_open(f, STORE_E_NONE, "no store in");
	assert_int_equal(entries_in(f->dir), 0);
}

static void a_second_opener_is_told_who_has_it(void **state)
{
	struct fixture *f = *state;
	struct store *second = NULL;
	struct why why;
	char pid[32];

	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	assert_int_equal(store_open(f->dir, &f->options, f->crypto, &f->key, &second, &why),
		STORE_E_BUSY);
	assert_non_null(strstr(why.text, pid));
	assert_null(second);

	/* The first one is none the worse for it. */
	begin(f);
	assert_int_equal(put(f, TABLE_RECORD, text("k"), text("v")), 0);
	commit(f);
}

static void a_store_of_another_process_is_busy_until_that_process_dies(void **state)
{
	struct fixture *f = *state;
	int ready[2];
	pid_t pid;
	char byte;

	fixture_stop(f);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		fixture_open(f);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_open(f, STORE_E_BUSY, "in use by process");

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	fixture_open(f);
	close(ready[0]);
	close(ready[1]);
}

static void remove_in(const struct fixture *f, const char *name)
{
	char path[224];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(remove(path), 0);
}

static void cut_off(const struct fixture *f, const char *name, off_t len)
{
	char path[224];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(truncate(path, len), 0);
}

static void a_file_that_is_shorter_than_its_header_says_is_refused(void **state)
{
	static const char *const names[] = { "data/data.mdb", "keys/data.mdb" };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(names); i++) {
		struct file whole;

		begin(f);
		for (int n = 0; n < 100; n++) {
			const uint8_t key = (uint8_t)n, value[2000] = { 1 };

			assert_int_equal(
				put(f, i ? TABLE_KEY : TABLE_LOG, SPAN_OF(key), SPAN_OF(value)),
				0);
		}
		commit(f);
		fixture_stop(f);
		whole = file_read(f, names[i]);

		for (int tenths = 9; tenths > 0; tenths--) {
			cut_off(f, names[i], (off_t)whole.len * tenths / 10);
			assert_open(f, STORE_E_DAMAGED, "is shorter");
			assert_open(f, STORE_E_DAMAGED, names[i]);
		}
		cut_off(f, names[i], 8192);
		assert_open(f, STORE_E_DAMAGED, "is shorter");
		cut_off(f, names[i], 4096);
		assert_open(f, STORE_E_DAMAGED, "restore");
		cut_off(f, names[i], 100);
		assert_open(f, STORE_E_DAMAGED, "restore");
		cut_off(f, names[i], 0); /* LMDB would make a new one of this */
		assert_open(f, STORE_E_DAMAGED, "missing or empty");

		file_write(&whole);
		fixture_open(f);
	}
}

static void an_environment_that_is_missing_is_not_made_anew(void **state)
{
	struct fixture *f = *state;
	char from[224], to[224];

	fixture_stop(f);
	remove_in(f, "keys/lock.mdb");
	snprintf(from, sizeof(from), "%s/keys", f->dir);
	snprintf(to, sizeof(to), "%s/keys.away", f->dir);
	assert_int_equal(rename(from, to), 0);
	assert_open(f, STORE_E_DAMAGED, "keys/data.mdb is missing");
	assert_int_equal(rename(to, from), 0);
	fixture_open(f);
	fixture_stop(f);
	remove_in(f, "data/data.mdb");
	assert_open(f, STORE_E_DAMAGED, "data/data.mdb is missing");
	remove_in(f, "data/lock.mdb");
	remove_in(f, "data");
	assert_open(f, STORE_E_DAMAGED, "data/data.mdb is missing");
}

static void garbage_is_not_an_environment(void **state)
{
	struct fixture *f = *state;
	struct file file;

	fixture_stop(f);
	file = file_read(f, "data/data.mdb");
	memset(file.at, 0xaa, file.len);
	file_write(&file);
	assert_open(f, STORE_E_DAMAGED, "data/data.mdb is damaged");
}

static void a_wrong_store_key_is_told_from_damage(void **state)
{
	struct fixture *f = *state;

	f->key.b[31] ^= 1;
	assert_open(f, STORE_E_KEY, "store.key does not open");
	f->key.b[31] ^= 1;
	fixture_open(f);
}

static void keys_of_another_store_are_refused(void **state)
{
	struct fixture *f = *state;
	struct fixture other = *f;
	char from[224], to[224];

	fixture_stop(f);
	snprintf(other.dir, sizeof(other.dir), "%s/other", f->top);
	assert_create(&other, 0, "");
	snprintf(from, sizeof(from), "%s/keys/data.mdb", other.dir);
	snprintf(to, sizeof(to), "%s/keys/data.mdb", f->dir);
	assert_int_equal(rename(from, to), 0);
	assert_open(f, STORE_E_DAMAGED, "two different stores");
}

/* The row "format" of a store of version .version, as it stands in the file: key, number, sum.
 */
static void format_row(struct fixture *f, uint8_t version, uint8_t ret[18])
{
	const struct span parts[] = { { (const uint8_t *)"store\0format", 12 },
		{ (const uint8_t[]){ 0, 0, 0, version }, 4 } };
	struct hash sum;

	assert_int_equal(crypto_hash(f->crypto, parts, COUNT(parts), &sum), 0);
	memcpy(ret, "format", 6);
	memcpy(ret + 6, parts[1].at, 4);
	memcpy(ret + 10, sum.b, 8);
}

static void set_format(struct fixture *f, uint8_t from, uint8_t to)
{
	static const char *const names[] = { "data/data.mdb", "keys/data.mdb" };
	uint8_t old[18], new[18];

	format_row(f, from, old);
	format_row(f, to, new);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct file file = file_read(f, names[i]);

		assert_true(file_replace(&file, SPAN_OF(old), new) > 0);
		file_write(&file);
	}
}

static void a_store_of_a_newer_kith_is_left_alone(void **state)
{
	struct fixture *f = *state;

	fixture_stop(f);
	set_format(f, 1, 2);
	assert_open(f, STORE_E_NEWER, "store format 2, this one knows 1");
	set_format(f, 2, 0);
	assert_open(f, STORE_E_DAMAGED, "format 0");
	set_format(f, 0, 1);
	fixture_open(f);
}

static void damage_in_the_marks_or_a_missing_table_is_found_at_once(void **state)
{
	static const uint8_t fork[] = { 4, 0, 'f', 'o', 'r', 'k' },
			     forj[] = { 4, 0, 'f', 'o', 'r', 'j' };
	struct fixture *f = *state;
	uint8_t row[18], bad[18];
	struct file file;

	fixture_stop(f);
	format_row(f, 1, row);
	memcpy(bad, row, sizeof(bad));
	bad[17] ^= 1;
	file = file_read(f, "data/data.mdb");
	assert_true(file_replace(&file, SPAN_OF(row), bad) > 0);
	file_write(&file);
	assert_open(f, STORE_E_DAMAGED, "does not match its hash");

	file = file_read(f, "data/data.mdb");
	assert_true(file_replace(&file, SPAN_OF(bad), row) > 0);
	assert_true(file_replace(&file, SPAN_OF(fork), forj) > 0);
	file_write(&file);
	assert_open(f, STORE_E_DAMAGED, "has no table \"fork\"");
}

/* Three rows in a table; the middle one is flipped in the file where .what is found. */
static void three_rows(struct fixture *f, enum table t)
{
	begin(f);
	assert_int_equal(put(f, t, text("row-1"), text("the first value")), 0);
	assert_int_equal(put(f, t, text("row-2"), text("the second value")), 0);
	assert_int_equal(put(f, t, text("row-3"), text("the third value")), 0);
	commit(f);
	fixture_stop(f);
}

static void assert_only_row_2_is_damaged(struct fixture *f, enum table t, const char *says)
{
	struct span key, value = { 0 };
	uint64_t rows, damaged;

	fixture_open(f);
	begin(f);
	assert_row(f, t, text("row-1"), text("the first value"));
	assert_row(f, t, text("row-3"), text("the third value"));
	assert_int_equal(get(f, t, text("row-2"), &value), VIEW_DAMAGED);
	assert_null(value.at);
	/* A scan can step over it. */
	assert_int_equal(seek(f, t, text("row"), text("row-1+"), &key, &value), VIEW_DAMAGED);
	assert_span(key, text("row-2"));
	assert_null(value.at);
	assert_int_equal(seek(f, t, text("row"), text("row-2+"), &key, &value), 0);
	assert_span(key, text("row-3"));
	assert_int_equal(last(f, t, text("row-2"), &key, &value), VIEW_DAMAGED);
	store_turn_abort(f->store);

	assert_int_equal(store_verify(f->store, NULL, NULL, &rows, &damaged, &f->why), 0);
	assert_int_equal(rows, 3);
	assert_int_equal(damaged, 1);
	assert_non_null(strstr(f->why.text, says));
	assert_non_null(strstr(f->why.text, "726f772d32 is damaged"));

	/* And it can be replaced. */
	begin(f);
	assert_int_equal(put(f, t, text("row-2"), text("the second value")), 0);
	commit(f);
	checkpoint(f);
	assert_int_equal(store_verify(f->store, NULL, NULL, &rows, &damaged, &f->why), 0);
	assert_int_equal(damaged, 0);
}

static void a_flipped_bit_in_a_value_is_noticed_and_harms_no_other_row(void **state)
{
	struct fixture *f = *state;
	struct file file;

	three_rows(f, TABLE_CONTROL);
	file = file_read(f, "data/data.mdb");
	assert_true(file_replace(&file, text("the second value"), "the Second value") > 0);
	file_write(&file);
	assert_only_row_2_is_damaged(f, TABLE_CONTROL, "table \"control\"");
}

/* Behind the key stand nonce, box and tag: one bit in each third of them. */
static void a_flipped_bit_in_a_sealed_row_is_noticed_in_either_environment(void **state)
{
	static const struct {
		enum table table;
		const char *file, *says;
	} cases[] = {
		{ TABLE_SUMMARY, "data/data.mdb", "table \"summary\"" },
		{ TABLE_KEY, "keys/data.mdb", "table \"key\"" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t at = 0; at < 12 + 16 + 16; at += 14) {
			struct file file;
			uint8_t *row;

			begin(f);
			for (unsigned t = 0; t < TABLE_COUNT; t++) {
				(void)!del(f, t, text("row-1"));
				(void)!del(f, t, text("row-2"));
				(void)!del(f, t, text("row-3"));
			}
			commit(f);
			three_rows(f, cases[i].table);
			file = file_read(f, cases[i].file);
			row = file.at;
			while ((row = memmem(
					row, file.len - (size_t)(row - file.at), "row-2", 5))) {
				row += 5;
				row[at] ^= 0x10;
			}
			file_write(&file);
			assert_only_row_2_is_damaged(f, cases[i].table, cases[i].says);
		}
	}
}

/* A row is bound to its place: what is copied to another key is damage, though its bytes are
 * intact. The longer values keep rows of equal length apart from old pages. */
static void a_row_that_was_moved_to_another_key_is_noticed(void **state)
{
	static const enum table tables[] = { TABLE_RECORD, TABLE_DRAFT };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(tables); i++) {
		struct span value;
		struct file file;

		begin(f);
		assert_int_equal(put(f, tables[i], text("child-a"), text("of a")), 0);
		assert_int_equal(put(f, tables[i], text("child-b"), text("of b")), 0);
		commit(f);
		fixture_stop(f);

		file = file_read(f, "data/data.mdb");
		assert_true(file_replace(&file, text("child-a"), "child-?") > 0);
		assert_true(file_replace(&file, text("child-b"), "child-a") > 0);
		assert_true(file_replace(&file, text("child-?"), "child-b") > 0);
		file_write(&file);
		fixture_open(f);
		begin(f);
		/* The keys are out of order now; a lookup meets one of the two. */
		assert_true(get(f, tables[i], text("child-a"), &value) != 0);
		assert_true(get(f, tables[i], text("child-b"), &value) != 0);
		assert_int_equal(seek(f, tables[i], (struct span){ 0 }, (struct span){ 0 },
					 &(struct span){ 0 }, &value),
			VIEW_DAMAGED);
		store_turn_abort(f->store);
	}
}

static void verify_counts_every_damaged_row_and_names_the_first(void **state)
{
	struct fixture *f = *state;
	uint64_t rows, damaged;
	struct file file;

	begin(f);
	for (uint8_t n = 0; n < 100; n++)
		assert_int_equal(
			put(f, TABLE_CARD, SPAN_OF(n), text("a card of some region")), 0);
	commit(f);
	fixture_stop(f);
	file = file_read(f, "data/data.mdb");
	assert_int_equal(
		file_replace(&file, text("a card of some region"), "a card of SOME region"),
		100);
	file_write(&file);

	fixture_open(f);
	assert_int_equal(store_verify(f->store, NULL, NULL, &rows, &damaged, &f->why), 0);
	assert_int_equal(rows, 100);
	assert_int_equal(damaged, 100);
	assert_non_null(strstr(f->why.text, "table \"card\", row 00 is damaged"));
}

/* Gives the page that holds .what other flags and number of keys. */
static void damage_page(struct fixture *f, const char *what, uint8_t flags, uint16_t keys)
{
	struct file file = file_read(f, "data/data.mdb");
	unsigned n = 0;

	for (size_t page = 2 * 4096; page < file.len; page += 4096) {
		uint8_t *head = file.at + page;
		const uint16_t lower = (uint16_t)(16 + 2 * keys);

		if (!memmem(head, 4096, what, strlen(what)))
			continue;
		head[10] = flags;
		memcpy(head + 12, &lower, sizeof(lower));
		n++;
	}
	assert_true(n > 0);
	file_write(&file);
}

static void a_page_of_another_kind_is_fatal_and_not_a_crash(void **state)
{
	struct fixture *f = *state;
	struct span key, value;

	three_rows(f, TABLE_CONTROL);
	damage_page(f, "the second value", 0x04, 3);
	fixture_open(f);
	begin(f);
	assert_int_equal(get(f, TABLE_CONTROL, text("row-2"), &value), -EIO);
	assert_int_equal(seek(f, TABLE_CONTROL, text("row"), text(""), &key, &value), -EIO);
	assert_int_equal(put(f, TABLE_CONTROL, text("row-2"), text("v")), -EIO);
	err_forget();
	store_turn_abort(f->store);
}

/* A branch with a single key is one that LMDB gives up on by assertion. kith then dies, but
 * says of what. */
static void a_page_of_garbage_ends_the_process_with_the_name_of_the_file(void **state)
{
	struct fixture *f = *state;
	char said[2000] = "";
	size_t len = 0;
	int out[2], status;
	ssize_t n;
	pid_t pid;

	three_rows(f, TABLE_CONTROL);
	damage_page(f, "the second value", 0x01, 1);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		struct span value;

		dup2(out[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		fixture_open(f);
		begin(f);
		(void)!get(f, TABLE_CONTROL, text("row-2"), &value);
		_exit(0);
	}
	close(out[1]);
	while ((n = read(out[0], said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(said, "data/data.mdb is damaged"));
}

#define ON_A_STORE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define ON_NOTHING(name) cmocka_unit_test_setup_teardown(name, fixture_bare, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NOTHING(a_store_is_made_in_a_missing_or_an_empty_directory),
		ON_NOTHING(a_store_is_never_made_over_something_else),
		ON_NOTHING(a_store_that_cannot_be_made_says_why_and_leaves_nothing),
		ON_NOTHING(where_no_store_is_none_is_found_and_nothing_is_left),
		ON_A_STORE(a_second_opener_is_told_who_has_it),
		ON_A_STORE(a_store_of_another_process_is_busy_until_that_process_dies),
		ON_A_STORE(a_file_that_is_shorter_than_its_header_says_is_refused),
		ON_A_STORE(an_environment_that_is_missing_is_not_made_anew),
		ON_A_STORE(garbage_is_not_an_environment),
		ON_A_STORE(a_wrong_store_key_is_told_from_damage),
		ON_A_STORE(keys_of_another_store_are_refused),
		ON_A_STORE(a_store_of_a_newer_kith_is_left_alone),
		ON_A_STORE(damage_in_the_marks_or_a_missing_table_is_found_at_once),
		ON_A_STORE(a_flipped_bit_in_a_value_is_noticed_and_harms_no_other_row),
		ON_A_STORE(a_flipped_bit_in_a_sealed_row_is_noticed_in_either_environment),
		ON_A_STORE(verify_counts_every_damaged_row_and_names_the_first),
		ON_A_STORE(a_page_of_another_kind_is_fatal_and_not_a_crash),
		ON_A_STORE(a_page_of_garbage_ends_the_process_with_the_name_of_the_file),
		ON_A_STORE(a_row_that_was_moved_to_another_key_is_noticed),
	};

	return cmocka_run_group_tests_name("store_open", tests, NULL, NULL);
}
