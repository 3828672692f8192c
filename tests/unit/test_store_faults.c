/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Store: a full map, a full disk, a disk that fails. The calls with which LMDB and the redo
 * file write are answered here, in front of the C library's: a fault is then a certain call,
 * not a chance.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include "tests/unit/store_fixture.h"

static int write_fault;  /* errno of the next writes; 0: none */
static int sync_fault;   /* errno of the next flushes */
static bool write_short; /* the next writes of several pages do half, as on a full disk */
static bool disk_full;   /* what statvfs says */

/* LMDB is to find these before the C library's. */
#define SEEN __attribute__((visibility("default")))

typedef ssize_t pwrite_fn(int fd, const void *at, size_t len, off_t offset);
typedef ssize_t writev_fn(int fd, const struct iovec *iov, int n);
typedef int fdatasync_fn(int fd);
typedef int statvfs_fn(const char *path, struct statvfs *ret);

SEEN ssize_t pwrite(int fd, const void *at, size_t len, off_t offset)
{
	pwrite_fn *real = (pwrite_fn *)dlsym(RTLD_NEXT, "pwrite");

	if (write_fault) {
		errno = write_fault;
		return -1;
	}
	return real(fd, at, write_short && len > 4096 ? len / 2 : len, offset);
}

SEEN ssize_t writev(int fd, const struct iovec *iov, int n)
{
	writev_fn *real = (writev_fn *)dlsym(RTLD_NEXT, "writev");

	if (write_fault) {
		errno = write_fault;
		return -1;
	}
	return real(fd, iov, write_short && n > 1 ? n / 2 : n);
}

SEEN int fdatasync(int fd)
{
	fdatasync_fn *real = (fdatasync_fn *)dlsym(RTLD_NEXT, "fdatasync");

	if (sync_fault) {
		errno = sync_fault;
		return -1;
	}
	return real(fd);
}

SEEN int statvfs(const char *path, struct statvfs *ret)
{
	statvfs_fn *real = (statvfs_fn *)dlsym(RTLD_NEXT, "statvfs");
	const int r = real(path, ret);

	if (disk_full)
		ret->f_bavail = 2;
	return r;
}

static int faults_setup(void **state)
{
	write_fault = sync_fault = 0;
	write_short = disk_full = false;
	return fixture_setup(state);
}

static int small_setup(void **state)
{
	faults_setup(state);
	fixture_teardown(state);
	return fixture_sized(state, UINT64_C(512) << 10);
}

static const uint8_t filling[1000] = { 0xf1 };

static struct span numbered(char name[16], unsigned i)
{
	snprintf(name, 16, "%08u", i);
	return text(name);
}

/* Rows from .n on until one does not fit or .max are there; how many there are in *ret. */
static int fill(struct fixture *f, enum table t, unsigned n, unsigned max, unsigned *ret)
{
	char name[16];
	int r = 0;

	for (; n < max && !r; n++)
		r = put(f, t, numbered(name, n), SPAN_OF(filling));
	*ret = n;
	return r;
}

static void assert_kept(struct fixture *f, const char *value)
{
	begin(f);
	assert_row(f, TABLE_RECORD, text("kept"), text(value));
	assert_row(f, TABLE_KEY, text("kept"), text(value));
	store_turn_abort(f->store);
}

static void keep(struct fixture *f, const char *value)
{
	begin(f);
	assert_int_equal(put(f, TABLE_RECORD, text("kept"), text(value)), 0);
	assert_int_equal(put(f, TABLE_KEY, text("kept"), text(value)), 0);
	commit(f);
}

/* For either environment: the turn that fills it is lost whole, all else stands, small turns
 * still pass. */
static void assert_full_map(struct fixture *f, enum table t, const char *says)
{
	struct span key, value;
	unsigned n;

	keep(f, "old");
	begin(f);
	assert_int_equal(put(f, TABLE_RECORD, text("kept"), text("new")), 0);
	assert_int_equal(put(f, TABLE_KEY, text("kept"), text("new")), 0);
	assert_int_equal(fill(f, t, 0, 10000, &n), VIEW_FULL);
	assert_in_range(n, 50, 600);
	/* Spoilt: nothing works in it any more, in either environment. */
	assert_int_equal(put(f, TABLE_META, text("k"), text("v")), VIEW_FULL);
	assert_int_equal(append(f, TABLE_LOG, text("k"), text("v")), VIEW_FULL);
	assert_int_equal(del(f, TABLE_KEY, text("kept")), VIEW_FULL);
	assert_int_equal(get(f, TABLE_RECORD, text("kept"), &value), VIEW_FULL);
	assert_int_equal(seek(f, t, text(""), text(""), &key, &value), VIEW_FULL);
	assert_int_equal(last(f, t, text(""), &key, &value), VIEW_FULL);
	assert_int_equal(store_turn_commit(f->store, &f->why), STORE_E_FULL);
	assert_non_null(strstr(f->why.text, says));
	assert_kept(f, "old");

	keep(f, "after");
	assert_kept(f, "after");
	begin(f);
	assert_int_equal(seek(f, t, text("0"), text(""), &key, &value), VIEW_NONE);
	store_turn_abort(f->store);
}

static void a_turn_that_fills_the_map_is_lost_whole_and_nothing_else(void **state)
{
	assert_full_map(*state, TABLE_INDEX, "data.mdb has reached its map size");
}

static void a_turn_that_fills_the_map_of_the_keys_is_lost_whole_too(void **state)
{
	assert_full_map(*state, TABLE_KEY, "keys/data.mdb has reached its map size");
}

/* Turn by turn to the very end, then room is made and used again. */
static void a_full_map_takes_deletes_and_then_writes_again(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0, more;
	char name[16];
	int r, verdict;

	keep(f, "old");
	do {
		begin(f);
		r = fill(f, TABLE_INDEX, n, n + 8, &more);
		verdict = store_turn_commit(f->store, &f->why);
		if (!verdict)
			n = more;
	} while (!verdict);
	assert_int_equal(r, 0); /* 8 rows fit into the reserve: the commit is what refuses */
	assert_int_equal(verdict, STORE_E_FULL);
	assert_in_range(n, 50, 600);
	assert_kept(f, "old");

	for (unsigned i = 0; i < n / 2; i += 4) {
		begin(f);
		for (unsigned k = i; k < i + 4; k++)
			assert_int_equal(del(f, TABLE_INDEX, numbered(name, k)), 0);
		commit(f);
	}
	keep(f, "after");
	begin(f);
	assert_int_equal(fill(f, TABLE_INDEX, n, n + 16, &n), 0);
	commit(f);

	begin(f);
	assert_row(f, TABLE_INDEX, numbered(name, n - 1), SPAN_OF(filling));
	store_turn_abort(f->store);
	assert_kept(f, "after");
}

/* Rows all over the map are written again and again: the pages that wait for a checkpoint must
 * not use up what is free, or no turn ever fits again. */
static void turns_in_a_map_with_little_room_go_on(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0, at = 0;
	char name[16];

	while (n < 200) {
		begin(f);
		assert_int_equal(fill(f, TABLE_INDEX, n, n + 8, &n), 0);
		commit(f);
	}
	for (unsigned i = 0; i < 400; i++) {
		begin(f);
		for (unsigned k = 0; k < 5; k++) {
			at = (at + 149) % n;
			assert_int_equal(
				put(f, TABLE_INDEX, numbered(name, at), SPAN_OF(filling)), 0);
		}
		commit(f);
	}
}

/* With less than what is used there is no room to do turns again: that is said, and they are
 * there when there is. */
static void a_map_made_smaller_while_the_redo_file_is_needed_loses_no_turn(void **state)
{
	struct fixture *f = *state;
	const struct store_options smaller = { .map_size = UINT64_C(64) << 10 };
	unsigned n = 0;
	int r;

	while (n < 200) {
		begin(f);
		assert_int_equal(fill(f, TABLE_INDEX, n, n + 8, &n), 0);
		commit(f);
	}
	keep(f, "old");
	fixture_close(f);
	r = store_open(f->dir, &smaller, f->crypto, &f->key, &f->store, &f->why);
	assert_int_equal(r, STORE_E_FULL);
	assert_non_null(strstr(f->why.text, "raise the map size"));
	fixture_open(f);
	assert_kept(f, "old");
	fixture_stop(f);

	/* And nothing is in the way when it is not needed. */
	if (store_open(f->dir, &smaller, f->crypto, &f->key, &f->store, &f->why))
		fail_msg("store_open: %s", f->why.text);
	assert_kept(f, "old");
}

/* Rows of a turn that the redo file takes, and of one that is a checkpoint. */
static const unsigned lengths[] = { 100, 600 };

/* A turn of so many rows whose commit meets .verdict; then the fault is over. */
static void assert_lost(struct fixture *f, unsigned rows, int verdict, const char *says)
{
	const struct store_stat none = { 0 };
	struct store_stat before = none, after = none;
	unsigned n;

	assert_int_equal(store_stat(f->store, &before), 0);
	begin(f);
	assert_int_equal(put(f, TABLE_RECORD, text("kept"), text("new")), 0);
	assert_int_equal(fill(f, TABLE_LOG, 0, rows, &n), 0);
	assert_int_equal(store_turn_commit(f->store, &f->why), verdict);
	if (!strstr(f->why.text, says))
		fail_msg("\"%s\" does not say \"%s\"", f->why.text, says);
	assert_int_equal(store_stat(f->store, &after), 0);
	assert_int_equal(after.commits, before.commits);
	write_fault = sync_fault = 0;
	write_short = disk_full = false;
}

static void a_full_disk_loses_the_turn_and_the_next_one_passes(void **state)
{
	static const int errors[] = { ENOSPC, EDQUOT };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(errors) * COUNT(lengths); i++) {
		keep(f, "old");
		write_fault = errors[i / COUNT(lengths)];
		assert_lost(f, lengths[i % COUNT(lengths)], STORE_E_FULL,
			"is full: free some space");
		assert_kept(f, "old");
		keep(f, "after");
		assert_kept(f, "after");
	}
}

/* LMDB calls a short write EIO; only the free space says which of the two it was. */
static void a_short_write_on_a_full_disk_is_full_and_not_broken(void **state)
{
	struct fixture *f = *state;

	keep(f, "old");
	write_short = disk_full = true;
	assert_lost(f, lengths[1], STORE_E_FULL, "is full: free some space");
	assert_kept(f, "old");
	keep(f, "after");
	assert_kept(f, "after");
}

/* A disk that is full when a checkpoint is due: turns go on as long as the redo file has room,
 * then they are refused; nothing that was acknowledged is lost, also not when kithd is started
 * meanwhile. */
static void a_full_disk_at_a_checkpoint_loses_no_turn_before_it(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0, more;

	keep(f, "old");
	begin(f);
	assert_int_equal(fill(f, TABLE_LOG, n, n + 10, &n), 0);
	commit(f);
	for (int i = 0; i < 3; i++) {
		begin(f);
		assert_int_equal(fill(f, TABLE_LOG, n, n + lengths[1], &more), 0);
		write_short = disk_full = true;
		assert_int_equal(store_turn_commit(f->store, &f->why), STORE_E_FULL);
		assert_int_equal(store_checkpoint(f->store, &f->why), STORE_E_FULL);
		write_short = false;
		assert_kept(f, "old");
		begin(f);
		assert_int_equal(fill(f, TABLE_LOG, n, n + 10, &n), 0);
		commit(f);
		fixture_close(f);
		fixture_open(f);
	}
	disk_full = false;
	assert_kept(f, "old");
	begin(f);
	for (unsigned i = 0; i < 40; i++) {
		char name[16];

		assert_row(f, TABLE_LOG, numbered(name, i), SPAN_OF(filling));
	}
	store_turn_abort(f->store);
	keep(f, "after");
	checkpoint(f);
	assert_kept(f, "after");
}

static void assert_stops_until_opened_again(struct fixture *f, const char *value)
{
	uint64_t rows, damaged;

	/* A retry could seem to succeed: the kernel has forgotten the pages it could not write.
	 */
	assert_int_equal(store_turn_begin(f->store, &f->view), -EIO);
	assert_int_equal(store_turn_begin(f->store, &f->view), -EIO);
	err_forget();

	fixture_close(f);
	fixture_open(f);
	begin(f);
	assert_row(f, TABLE_RECORD, text("kept"), text(value));
	store_turn_abort(f->store);
	checkpoint(f);
	assert_int_equal(store_verify(f->store, NULL, NULL, &rows, &damaged, &f->why), 0);
	assert_int_equal(damaged, 0);
	keep(f, "after");
}

static void a_write_error_stops_all_turns_until_the_store_is_opened_again(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(lengths); i++) {
		keep(f, "old");
		write_fault = EIO;
		assert_lost(f, lengths[i], STORE_E_IO, "failed");
		assert_stops_until_opened_again(f, "old");
	}
}

/* What the redo file was given may be there; nobody has heard of it. */
static void a_flush_error_stops_all_turns_until_the_store_is_opened_again(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(lengths); i++) {
		keep(f, "old");
		sync_fault = EIO;
		assert_lost(f, lengths[i], STORE_E_IO, "failed");
		assert_stops_until_opened_again(f, i == 0 ? "new" : "old");
	}
}

/* Its record is whole: to say that nothing of it is there would be wrong after a kill. */
static void a_disk_that_is_full_only_when_it_flushes_does_not_bring_a_lost_turn_back(
	void **state)
{
	struct fixture *f = *state;

	keep(f, "old");
	sync_fault = ENOSPC;
	assert_lost(f, lengths[0], STORE_E_IO, "failed");
	assert_stops_until_opened_again(f, "new");
}

/* Keys go first: when they cannot be written, nothing that needs them is. */
static void when_the_keys_do_not_commit_the_data_does_not_either(void **state)
{
	struct fixture *f = *state;

	keep(f, "old");
	begin(f);
	assert_int_equal(put(f, TABLE_KEY, text("kept"), text("new")), 0);
	assert_int_equal(put(f, TABLE_RECORD, text("kept"), text("new")), 0);
	write_fault = ENOSPC;
	assert_int_equal(store_turn_commit(f->store, &f->why), STORE_E_FULL);
	write_fault = 0;
	assert_non_null(strstr(f->why.text, "keys/data.mdb"));
	assert_kept(f, "old");
}

static void a_store_cannot_be_made_on_a_full_or_failing_disk(void **state)
{
	struct fixture *f = *state;
	char path[160];

	fixture_close(f);
	snprintf(f->dir, sizeof(f->dir), "%s/second", f->top);
	write_fault = ENOSPC;
	assert_int_equal(
		store_create(f->dir, &f->options, f->crypto, &f->key, &f->why), STORE_E_FULL);
	write_fault = 0;
	sync_fault = EIO;
	assert_int_equal(
		store_create(f->dir, &f->options, f->crypto, &f->key, &f->why), STORE_E_IO);
	sync_fault = 0;

	/* No trace of either. */
	assert_int_equal(access(f->dir, F_OK), -1);
	snprintf(path, sizeof(path), "%s/store", f->top);
	assert_int_equal(nftw(path, fixture_drop, 16, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(rmdir(f->top), 0);
	assert_int_equal(mkdir(f->top, 0700), 0);
}

#define ON_A_STORE(name) cmocka_unit_test_setup_teardown(name, faults_setup, fixture_teardown)
#define ON_A_SMALL_MAP(name)                                                                   \
	cmocka_unit_test_setup_teardown(name, small_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_SMALL_MAP(a_turn_that_fills_the_map_is_lost_whole_and_nothing_else),
		ON_A_SMALL_MAP(a_turn_that_fills_the_map_of_the_keys_is_lost_whole_too),
		ON_A_SMALL_MAP(a_full_map_takes_deletes_and_then_writes_again),
		ON_A_SMALL_MAP(turns_in_a_map_with_little_room_go_on),
		ON_A_STORE(a_map_made_smaller_while_the_redo_file_is_needed_loses_no_turn),
		ON_A_STORE(a_full_disk_loses_the_turn_and_the_next_one_passes),
		ON_A_STORE(a_short_write_on_a_full_disk_is_full_and_not_broken),
		ON_A_STORE(a_full_disk_at_a_checkpoint_loses_no_turn_before_it),
		ON_A_STORE(a_write_error_stops_all_turns_until_the_store_is_opened_again),
		ON_A_STORE(a_flush_error_stops_all_turns_until_the_store_is_opened_again),
		ON_A_STORE(
			a_disk_that_is_full_only_when_it_flushes_does_not_bring_a_lost_turn_back),
		ON_A_STORE(when_the_keys_do_not_commit_the_data_does_not_either),
		ON_A_STORE(a_store_cannot_be_made_on_a_full_or_failing_disk),
	};

	return cmocka_run_group_tests_name("store_faults", tests, NULL, NULL);
}
