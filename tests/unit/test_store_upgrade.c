/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Store: from an older format to a newer one. There is one format so far, so the steps are this
 * test's own; what surrounds them is what every upgrade goes through.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "daemon/store/inside.h"
#include "tests/unit/store_fixture.h"

/* How often each step was begun, by environment, and which fails. */
static unsigned runs[4][ENV_COUNT];
static int fails_from;
static enum env_id fails_in;

static int run(unsigned from, enum env_id id, MDB_txn *txn)
{
	char name[32];
	MDB_dbi dbi;
	int rc;

	runs[from][id]++;
	(void)snprintf(name, sizeof(name), "made-by-step-%u", from);
	rc = mdb_dbi_open(txn, name, MDB_CREATE, &dbi);
	if (!rc && fails_from == (int)from && fails_in == id)
		rc = EIO;
	return rc;
}

static int from_1(enum env_id id, MDB_txn *txn, struct crypto *c, const struct secret *key)
{
	(void)c, (void)key;
	return run(1, id, txn);
}

static int from_2(enum env_id id, MDB_txn *txn, struct crypto *c, const struct secret *key)
{
	(void)c, (void)key;
	return run(2, id, txn);
}

static const struct upgrade_step steps[] = { { 1, "one", from_1 }, { 2, "two", from_2 } };

/* The store as open_in() has it when it comes to the upgrade, without its lock. */
static int upgrade(struct fixture *f, uint32_t to, struct marks ret[ENV_COUNT])
{
	struct store s = { .lock = -1, .crypto = f->crypto, .key = f->key };
	struct marks marks[ENV_COUNT];
	int r = 0;

	f->why.text[0] = '\0';
	for (unsigned e = 0; e < ENV_COUNT; e++) {
		assert_int_equal(
			env_open(&s.env[e], f->dir, e, &f->options, false, &f->why), 0);
		r = marks_read(&s.env[e], f->crypto, &f->key, &marks[e], &f->why);
		/* A mark above ours is refused: then it stands in .ret of the last time. */
		if (r == STORE_E_NEWER)
			marks[e].format = ret[e].format;
		else
			assert_int_equal(r, 0);
	}
	s.turn.store = &s;
	assert_int_equal(redo_open(&s.redo, f->dir, false, &f->why), 0);
	redo_begin(&s.redo, &marks[ENV_DATA].epoch);
	r = upgrade_run(&s, f->dir, marks, to, steps, COUNT(steps), &f->why);
	redo_close(&s.redo);
	for (unsigned e = 0; e < ENV_COUNT; e++)
		env_close(&s.env[e]);
	return r;
}

static int setup(void **state)
{
	memset(runs, 0, sizeof(runs));
	fails_from = 0;
	fixture_setup(state);
	return 0;
}

static const char *copy_of(const struct fixture *f)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s.before-format-1", f->dir);
	return path;
}

static void put_rows(struct fixture *f)
{
	begin(f);
	assert_int_equal(put(f, TABLE_META, text("a"), text("one")), 0);
	assert_int_equal(put(f, TABLE_KEY, text("b"), text("two")), 0);
	assert_int_equal(store_turn_commit(f->store, &f->why), 0);
	fixture_close(f);
}

static void assert_rows(struct fixture *f)
{
	fixture_open(f);
	begin(f);
	assert_row(f, TABLE_META, text("a"), text("one"));
	assert_row(f, TABLE_KEY, text("b"), text("two"));
	store_turn_abort(f->store);
	fixture_close(f);
}

/* The copy is the store as it was. */
static void assert_copied(struct fixture *f)
{
	assert_in_range(
		snprintf(f->dir, sizeof(f->dir), "%s", copy_of(f)), 1, sizeof(f->dir) - 1);
	assert_rows(f);
}

static void a_store_of_this_format_is_left_alone_and_not_copied(void **state)
{
	struct fixture *f = *state;
	struct marks marks[ENV_COUNT] = { 0 };

	put_rows(f);
	assert_int_equal(upgrade(f, 1, marks), 0);
	assert_int_not_equal(access(copy_of(f), F_OK), 0);
	assert_rows(f);
}

static void an_older_one_is_copied_first_and_the_older_kith_is_refused_with_the_reason(
	void **state)
{
	struct fixture *f = *state;
	struct marks marks[ENV_COUNT] = { 0 };

	put_rows(f);
	assert_int_equal(upgrade(f, 2, marks), 0);
	assert_int_equal(runs[1][ENV_DATA], 1);
	assert_int_equal(runs[1][ENV_KEYS], 1);
	assert_int_equal(runs[2][ENV_DATA], 0);

	/* This kith knows format 1: for it, the store is a newer one's. */
	assert_int_equal(
		store_open(f->dir, &f->options, f->crypto, &f->key, &f->store, &f->why),
		STORE_E_NEWER);
	assert_non_null(strstr(f->why.text, "store format 2, this one knows 1"));
	assert_non_null(strstr(f->why.text, "put back the copy"));

	assert_copied(f);
}

static void what_was_interrupted_between_the_two_environments_goes_on_there(void **state)
{
	struct fixture *f = *state;
	struct marks marks[ENV_COUNT] = { 0 };
	struct stat before, after;

	put_rows(f);
	fails_from = 1;
	fails_in = ENV_DATA;
	assert_int_equal(upgrade(f, 2, marks), STORE_E_IO);
	assert_int_equal(runs[1][ENV_KEYS], 1);
	assert_int_equal(stat(copy_of(f), &before), 0);

	fails_from = 0;
	marks[ENV_KEYS].format = 2;
	assert_int_equal(upgrade(f, 2, marks), 0);
	assert_int_equal(runs[1][ENV_KEYS], 1); /* not again */
	assert_int_equal(runs[1][ENV_DATA], 2);
	/* The copy of the first attempt is the one before the upgrade. */
	assert_int_equal(stat(copy_of(f), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_copied(f);
}

static void several_formats_are_gone_through_one_after_the_other(void **state)
{
	struct fixture *f = *state;
	struct marks marks[ENV_COUNT] = { 0 };

	put_rows(f);
	assert_int_equal(upgrade(f, 3, marks), 0);
	for (unsigned e = 0; e < ENV_COUNT; e++) {
		assert_int_equal(runs[1][e], 1);
		assert_int_equal(runs[2][e], 1);
	}
}

static void a_copy_that_was_only_begun_is_made_anew(void **state)
{
	struct fixture *f = *state;
	struct marks marks[ENV_COUNT] = { 0 };
	char part[300];
	FILE *file;

	put_rows(f);
	snprintf(part, sizeof(part), "%s.part", copy_of(f));
	assert_int_equal(mkdir(part, 0700), 0);
	snprintf(part, sizeof(part), "%s.part/data", copy_of(f));
	assert_int_equal(mkdir(part, 0700), 0);
	snprintf(part, sizeof(part), "%s.part/data/data.mdb", copy_of(f));
	file = fopen(part, "w");
	assert_non_null(file);
	assert_true(fputs("half", file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(upgrade(f, 2, marks), 0);
	assert_int_not_equal(access(part, F_OK), 0);
	assert_copied(f);
}

static void a_step_that_is_missing_is_not_skipped(void **state)
{
	struct fixture *f = *state;
	struct marks marks[ENV_COUNT] = { 0 };

	put_rows(f);
	assert_int_equal(upgrade(f, 4, marks), -ENOTSUP);
	assert_int_equal(runs[2][ENV_KEYS], 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_store_of_this_format_is_left_alone_and_not_copied),
		TEST(an_older_one_is_copied_first_and_the_older_kith_is_refused_with_the_reason),
		TEST(what_was_interrupted_between_the_two_environments_goes_on_there),
		TEST(several_formats_are_gone_through_one_after_the_other),
		TEST(a_copy_that_was_only_begun_is_made_anew),
		TEST(a_step_that_is_missing_is_not_skipped),
	};

	return cmocka_run_group_tests_name("store_upgrade", tests, NULL, NULL);
}
