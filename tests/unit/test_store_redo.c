/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Store: turns that only the redo file has. They are there whatever ends the process, whole and
 * in order; and when the power goes, at whichever write, what was acknowledged is there and
 * what was not is there whole or not at all. The calls that write are answered here, in front
 * of the C library's, so that the power goes at a certain call. (long: the power that goes and
 * the turns that it must not take are one story.)
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "daemon/store/inside.h"
#include "tests/unit/store_fixture.h"

/* ---- The power ---- */

/* LMDB is to find these before the C library's. */
#define SEEN __attribute__((visibility("default")))

typedef ssize_t pwrite_fn(int fd, const void *at, size_t len, off_t offset);
typedef ssize_t writev_fn(int fd, const struct iovec *iov, int n);
typedef int fdatasync_fn(int fd);

/* How much of what is not flushed gets lost when the power goes. */
enum loss { LOSS_NONE, LOSS_ALL, LOSS_EVERY_SECOND, LOSS_HALF_OF_THE_LAST, LOSSES };

/* Shared with children: what one that is killed has not flushed, the next one's kernel knows.
 */
static struct power {
	unsigned left; /* writes and flushes until it goes; 0: it stays */
	bool kill;     /* it is only the process that goes */
	enum loss loss;
	struct unflushed {
		char path[256];
		ino_t file;
		bool direct; /* flushed when the call returns, and not torn */
		off_t offset;
		size_t len;
		const uint8_t *old;
	} v[4096];
	unsigned n;
	uint8_t old[16 << 20];
	size_t used;
} * power;

static ino_t file_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		_exit(2);
	return S_ISREG(st.st_mode) ? st.st_ino : 0;
}

static void undo(const struct unflushed *u, size_t from)
{
	pwrite_fn *real = (pwrite_fn *)dlsym(RTLD_NEXT, "pwrite");
	const size_t len = u->len - from;
	const int fd = open(u->path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || real(fd, u->old + from, len, u->offset + (off_t)from) != (ssize_t)len)
		_exit(2);
	close(fd);
}

static void power_goes(void)
{
	while (power->n && !power->kill) {
		const struct unflushed *u = &power->v[--power->n];

		if (power->loss == LOSS_ALL ||
			(power->loss == LOSS_EVERY_SECOND && power->n % 2))
			undo(u, 0);
		else if (power->loss == LOSS_HALF_OF_THE_LAST)
			undo(u, u->direct ? 0 : u->len / 2);
		if (power->loss == LOSS_HALF_OF_THE_LAST)
			break;
	}
	_exit(0);
}

/* A write begins: what it overwrites may come back. */
static void remember(int fd, size_t len, off_t offset)
{
	struct unflushed *u;
	char link[32];
	int in;

	if (!power || !power->left || !file_of(fd))
		return;
	u = &power->v[power->n++];
	if (power->n == COUNT(power->v) || power->used + len > sizeof(power->old))
		_exit(2);
	*u = (struct unflushed){
		.file = file_of(fd),
		.direct = fcntl(fd, F_GETFL) & O_DSYNC,
		.offset = offset,
		.len = len,
		.old = power->old + power->used,
	};
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, u->path, sizeof(u->path) - 1) < 0)
		_exit(2);
	in = open(u->path, O_RDONLY | O_CLOEXEC);
	memset(power->old + power->used, 0, len);
	if (in < 0 || pread(in, power->old + power->used, len, offset) < 0)
		_exit(2);
	close(in);
	power->used += len;
}

static void spend(void)
{
	if (power && power->left && --power->left == 0)
		power_goes();
}

/* The call is about to return. */
static void returns(void)
{
	if (power && power->left && power->n && power->v[power->n - 1].direct)
		power->n--;
}

SEEN ssize_t pwrite(int fd, const void *at, size_t len, off_t offset)
{
	pwrite_fn *real = (pwrite_fn *)dlsym(RTLD_NEXT, "pwrite");
	ssize_t n;

	remember(fd, len, offset);
	n = real(fd, at, len, offset);
	spend();
	returns();
	return n;
}

SEEN ssize_t writev(int fd, const struct iovec *iov, int n)
{
	writev_fn *real = (writev_fn *)dlsym(RTLD_NEXT, "writev");
	size_t len = 0;
	ssize_t done;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	remember(fd, len, lseek(fd, 0, SEEK_CUR));
	done = real(fd, iov, n);
	spend();
	returns();
	return done;
}

SEEN int fdatasync(int fd)
{
	fdatasync_fn *real = (fdatasync_fn *)dlsym(RTLD_NEXT, "fdatasync");
	unsigned kept = 0;

	spend(); /* it may go while the disk is at it */
	if (power && power->left) {
		const ino_t file = file_of(fd);

		for (unsigned i = 0; i < power->n; i++)
			if (power->v[i].file != file)
				power->v[kept++] = power->v[i];
		power->n = kept;
		return 0; /* the real power stays */
	}
	return real(fd);
}

/* ---- Turns ---- */

static const uint8_t filling[1000] = { 0xf1 };

static struct span numbered(char name[16], unsigned i)
{
	snprintf(name, 16, "%08u", i);
	return text(name);
}

/* Turn .n: a counter in four tables, one of them sealed, one of the keys; a row of its own,
 * which every third turn is behind all others; and the row of the turn before the last goes.
 * Every ninth is too long for the file. */
static int turn(struct fixture *f, unsigned n)
{
	static const enum table tables[] = { TABLE_META, TABLE_SUMMARY, TABLE_RECORD,
		TABLE_KEY };
	char name[16], value[16];
	int r = 0;

	begin(f);
	for (size_t i = 0; i < COUNT(tables) && !r; i++)
		if (tables[i] != TABLE_KEY || n % 4 == 0)
			r = put(f, tables[i], text("n"), numbered(value, n));
	if (!r)
		r = append(f, TABLE_LOG, numbered(name, n), numbered(value, n));
	if (!r && n > 1)
		r = del(f, TABLE_LOG, numbered(name, n - 2));
	for (unsigned i = 0; n % 9 == 8 && i < REDO_RECORD_MAX / sizeof(filling) && !r; i++)
		r = put(f, TABLE_INDEX, numbered(name, i), SPAN_OF(filling));
	assert_int_equal(r, 0);
	return store_turn_commit(f->store, &f->why);
}

/* Just what turns 0 to .n have left. */
static void assert_turns(struct fixture *f, unsigned n)
{
	struct span key, value;
	char name[16], number[16];

	begin(f);
	assert_row(f, TABLE_META, text("n"), numbered(number, n));
	assert_row(f, TABLE_SUMMARY, text("n"), numbered(number, n));
	assert_row(f, TABLE_RECORD, text("n"), numbered(number, n));
	assert_row(f, TABLE_LOG, numbered(name, n), numbered(number, n));
	assert_int_equal(last(f, TABLE_LOG, text(""), &key, &value), 0);
	assert_span(key, numbered(name, n));
	if (n > 1) {
		assert_int_equal(get(f, TABLE_LOG, numbered(name, n - 2), &value), VIEW_NONE);
		assert_row(f, TABLE_LOG, numbered(name, n - 1), numbered(number, n - 1));
	}
	store_turn_abort(f->store);
}

static uint64_t flushes(const struct fixture *f)
{
	uint64_t commits, ret;

	store_counts(f->store, &commits, &ret);
	return ret;
}

static void turns_that_no_checkpoint_has_seen_are_there_when_it_opens_again(void **state)
{
	struct fixture *f = *state;
	struct file before = file_read(f, "data/data.mdb"), after;

	for (unsigned n = 0; n < 8; n++) {
		assert_int_equal(turn(f, n), 0);
		assert_turns(f, n);
		fixture_close(f);
		fixture_open(f);
		assert_turns(f, n);
	}
	/* It is the redo file that had them. */
	after = file_read(f, "data/data.mdb");
	assert_span(((struct span){ after.at, after.len }),
		((struct span){ before.at, before.len }));
	free(before.at);
	free(after.at);

	checkpoint(f);
	fixture_close(f);
	fixture_open(f);
	assert_turns(f, 7);
}

static void a_turn_that_is_undone_leaves_those_before_it(void **state)
{
	struct fixture *f = *state;
	struct span value;

	for (unsigned n = 0; n < 30; n++) {
		assert_int_equal(turn(f, n), 0);
		begin(f);
		assert_int_equal(put(f, TABLE_META, text("n"), text("undone")), 0);
		assert_int_equal(put(f, TABLE_META, text("undone"), text("v")), 0);
		assert_int_equal(put(f, TABLE_KEY, text("undone"), text("v")), 0);
		store_turn_abort(f->store);
		assert_turns(f, n);
		begin(f);
		assert_int_equal(get(f, TABLE_META, text("undone"), &value), VIEW_NONE);
		assert_int_equal(get(f, TABLE_KEY, text("undone"), &value), VIEW_NONE);
		store_turn_abort(f->store);
	}
	fixture_close(f);
	fixture_open(f);
	assert_turns(f, 29);
}

/* One flush a turn, until one finds the file full: that one is two, and all are there. */
static void a_turn_that_finds_the_file_full_is_the_checkpoint(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0, records = 0, checkpoints = 0;
	char name[16];

	while (checkpoints < 3) {
		const uint64_t before = flushes(f);

		begin(f);
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(put(f, TABLE_INDEX, numbered(name, 20 * n + i),
						 SPAN_OF(filling)),
				0);
		commit(f);
		n++;
		assert_in_range(flushes(f) - before, 1, 2);
		records += flushes(f) - before == 1;
		checkpoints += flushes(f) - before == 2;
	}
	assert_in_range(records, 3 * 60, 3 * REDO_BYTES / 20000);

	/* Many small operations fill it too: pages that wait are bounded. */
	for (checkpoints = records = 0; !checkpoints;) {
		const uint64_t before = flushes(f);

		begin(f);
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(put(f, TABLE_META, numbered(name, i), text("v")), 0);
		commit(f);
		checkpoints += flushes(f) - before == 2;
		records++;
	}
	assert_in_range(records, 2, REDO_OPS_MAX / 100 + 1);

	fixture_close(f);
	fixture_open(f);
	begin(f);
	for (unsigned i = 0; i < 20 * n; i++)
		assert_row(f, TABLE_INDEX, numbered(name, i), SPAN_OF(filling));
	store_turn_abort(f->store);
}

static void a_long_turn_is_not_written_twice(void **state)
{
	struct fixture *f = *state;
	uint64_t before;

	for (unsigned n = 0; n < 8; n++)
		assert_int_equal(turn(f, n), 0);
	before = flushes(f);
	assert_int_equal(turn(f, 8), 0);
	assert_int_equal(flushes(f) - before, 4); /* the keys are in it */
	before = flushes(f);
	checkpoint(f); /* it was one */
	assert_int_equal(flushes(f) - before, 0);
	fixture_close(f);
	fixture_open(f);
	assert_turns(f, 8);
}

/* ---- Damage ---- */

/* One bit of the redo file, .at bytes behind the beginning of block .block. */
static void flip(struct fixture *f, size_t block, size_t at)
{
	struct file file = file_read(f, "redo");

	file.at[block * 4096 + at] ^= 1;
	file_write(&file);
}

static void a_record_that_was_cut_off_is_not_there_and_those_before_it_are(void **state)
{
	static const size_t places[] = { 0, 16, 19, 20, 23, 24, 30, 100 };
	struct fixture *f = *state;
	unsigned n = 4;

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(turn(f, i), 0);
	for (size_t i = 0; i < COUNT(places); i++) {
		assert_int_equal(turn(f, n), 0);
		assert_turns(f, n);
		fixture_close(f);
		flip(f, n, places[i]);
		fixture_open(f);
		assert_turns(f, n - 1);
	}
	for (; n < 12; n++)
		assert_int_equal(turn(f, n), 0);
	fixture_close(f);
	fixture_open(f);
	assert_turns(f, n - 1);
}

static void assert_refused(struct fixture *f, const char *says)
{
	assert_int_equal(
		store_open(f->dir, &f->options, f->crypto, &f->key, &f->store, &f->why),
		STORE_E_DAMAGED);
	assert_non_null(strstr(f->why.text, says));
	assert_non_null(strstr(f->why.text, "restore the whole store"));
}

static void damage_before_the_last_record_is_not_taken_for_its_end(void **state)
{
	static const size_t places[] = { 0, 16, 20, 23, 24, 100 };
	struct fixture *f = *state;

	for (unsigned n = 0; n < 4; n++)
		assert_int_equal(turn(f, n), 0);
	fixture_close(f);
	for (size_t i = 0; i < COUNT(places); i++) {
		flip(f, 1, places[i]);
		assert_refused(f, "redo has a damaged record");
		flip(f, 1, places[i]);
	}
	fixture_open(f);
	assert_turns(f, 3);
}

static void damage_behind_our_back_lets_no_turn_begin_and_is_said(void **state)
{
	struct fixture *f = *state;

	for (unsigned n = 0; n < 4; n++)
		assert_int_equal(turn(f, n), 0);
	assert_string_equal(store_failure(f->store), "");
	flip(f, 1, 30);
	begin(f);
	assert_int_equal(put(f, TABLE_META, text("undone"), text("v")), 0);
	store_turn_abort(f->store);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_turn_begin(f->store, &f->view), -EIO);
		assert_non_null(strstr(store_failure(f->store), "redo has a damaged record"));
	}
	fixture_close(f);
	flip(f, 1, 30);
	fixture_open(f);
	assert_turns(f, 3);
}

static void a_file_that_is_missing_or_short_is_not_made_anew(void **state)
{
	struct fixture *f = *state;
	struct file file;

	assert_int_equal(turn(f, 0), 0);
	fixture_close(f);
	file = file_read(f, "redo");
	assert_int_equal(truncate(file.path, (off_t)file.len - 4096), 0);
	assert_refused(f, "redo is not as long as it was made");
	assert_int_equal(remove(file.path), 0);
	assert_refused(f, "redo is missing");
	close(creat(file.path, 0600));
	file_write(&file);
	fixture_open(f);
	assert_turns(f, 0);
}

/* One whole record more, with an operation that no kith has written there. */
static void forge(struct fixture *f, const struct redo_op *op)
{
	struct marks marks;
	struct redo redo;
	struct env e;

	assert_int_equal(env_open(&e, f->dir, ENV_DATA, &f->options, false, &f->why), 0);
	assert_int_equal(marks_read(&e, f->crypto, &f->key, &marks, &f->why), 0);
	env_close(&e);
	assert_int_equal(redo_open(&redo, f->dir, false, &f->why), 0);
	redo_begin(&redo, &marks.epoch);
	redo_add(&redo, op);
	assert_int_equal(redo_write(&redo, f->crypto, &f->why), 0);
	redo_close(&redo);
}

static void what_the_environment_knows_nothing_of_is_refused_and_said(void **state)
{
	struct redo_op op = { REDO_DEL, text("meta"), text("k"), { 0 } };
	struct fixture *f = *state;

	fixture_close(f);
	forge(f, &op);
	assert_refused(f, "redo does not belong to this data/data.mdb");
	op.table = text("nowhere");
	forge(f, &op);
	assert_refused(f, "redo does not belong to this data/data.mdb");
	op = (struct redo_op){ REDO_KINDS, text("meta"), text("k"), text("row") };
	forge(f, &op);
	assert_refused(f, "redo holds what this kith cannot read");
	op.kind = REDO_PUT;
	forge(f, &op);
	fixture_open(f);
}

static void what_is_of_an_older_epoch_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct file old;

	for (unsigned n = 0; n < 4; n++)
		assert_int_equal(turn(f, n), 0);
	old = file_read(f, "redo");
	assert_int_equal(turn(f, 4), 0);
	checkpoint(f);
	fixture_close(f);
	file_write(&old);
	fixture_open(f);
	assert_turns(f, 4);
}

/* ---- The power goes ---- */

#define FOREVER 1000000u

/* Turns from where the store is, each acknowledged in the pipe, until the power goes at the
 * .left-th write. Exits with 1 when it did not. */
static void live(struct fixture *f, unsigned left, unsigned turns, int out)
{
	char number[9] = "";
	struct span value;
	unsigned n = 0;

	power->left = left;
	fixture_open(f);
	begin(f);
	if (get(f, TABLE_META, text("n"), &value) == 0) {
		memcpy(number, value.at, 8);
		n = (unsigned)strtoul(number, NULL, 10) + 1;
	}
	store_turn_abort(f->store);
	for (; turns; turns--, n++) {
		const uint8_t done = (uint8_t)(n + 1);

		if (turn(f, n) || write(out, &done, 1) != 1)
			_exit(2);
	}
	if (left == FOREVER)
		power_goes();
	power->left = 0;
	_exit(1);
}

/* How many turns were acknowledged, if any was in this life; whether it went at all. */
static bool one_life(struct fixture *f, unsigned left, unsigned turns, unsigned *acknowledged)
{
	int out[2], status;
	uint8_t byte;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid)
		live(f, left, turns, out[1]);
	close(out[1]);
	while (read(out[0], &byte, 1) == 1)
		*acknowledged = byte;
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 0;
}

/* What was acknowledged, and at most one turn more. */
static void assert_there(struct fixture *f, unsigned acknowledged)
{
	uint64_t rows, damaged;
	struct span value;

	fixture_open(f);
	begin(f);
	if (get(f, TABLE_META, text("n"), &value) == 0) {
		char number[16];
		const bool more = value.len != 8 ||
				  memcmp(value.at, numbered(number, acknowledged - 1).at, 8);

		store_turn_abort(f->store);
		assert_turns(f, acknowledged - !more);
	} else {
		store_turn_abort(f->store);
		assert_int_equal(acknowledged, 0);
	}
	checkpoint(f);
	assert_int_equal(store_verify(f->store, NULL, NULL, &rows, &damaged, &f->why), 0);
	assert_int_equal(damaged, 0);
}

static void power_is_back(enum loss loss, bool kill)
{
	power->n = 0;
	power->used = 0;
	power->left = 0;
	power->loss = loss;
	power->kill = kill;
}

/* A store whose life ends at its write or flush number .left, and what is there after it.
 * False: the life was shorter than that. */
static bool try_life(void **state, enum loss loss, unsigned left, bool kill)
{
	unsigned acknowledged = 0;
	struct fixture *f;
	bool went;

	fixture_setup(state);
	f = *state;
	fixture_close(f);
	power_is_back(loss, kill);
	went = one_life(f, left, kill ? 10 : 20, &acknowledged);
	if (kill) {
		power->kill = false;
		assert_true(one_life(f, FOREVER, 2, &acknowledged));
	}
	assert_there(f, acknowledged);
	fixture_teardown(state);
	return went;
}

static void when_the_power_goes_what_was_acknowledged_is_there(void **state)
{
	for (enum loss loss = 0; loss < LOSSES; loss++) {
		unsigned left = 1;

		while (try_life(state, loss, left++, false))
			;
		assert_in_range(left, 60, 4000);
	}
}

/* The process is killed at some write; what it had not flushed is still seen by the next one,
 * which acknowledges turns on top of it. Then the power goes. */
static void what_a_killed_process_left_to_the_kernel_is_settled_by_the_next_one(void **state)
{
	unsigned left = 1;

	while (try_life(state, LOSS_ALL, left++, true))
		;
	assert_in_range(left, 30, 4000);
}

#define ON_A_STORE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_STORE(turns_that_no_checkpoint_has_seen_are_there_when_it_opens_again),
		ON_A_STORE(a_turn_that_is_undone_leaves_those_before_it),
		ON_A_STORE(a_turn_that_finds_the_file_full_is_the_checkpoint),
		ON_A_STORE(a_long_turn_is_not_written_twice),
		ON_A_STORE(a_record_that_was_cut_off_is_not_there_and_those_before_it_are),
		ON_A_STORE(damage_before_the_last_record_is_not_taken_for_its_end),
		ON_A_STORE(damage_behind_our_back_lets_no_turn_begin_and_is_said),
		ON_A_STORE(a_file_that_is_missing_or_short_is_not_made_anew),
		ON_A_STORE(what_the_environment_knows_nothing_of_is_refused_and_said),
		ON_A_STORE(what_is_of_an_older_epoch_is_left_alone),
		cmocka_unit_test(when_the_power_goes_what_was_acknowledged_is_there),
		cmocka_unit_test(
			what_a_killed_process_left_to_the_kernel_is_settled_by_the_next_one),
	};
	struct power *shared = mmap(NULL, sizeof(*power), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return 1;
	power = shared;
	return cmocka_run_group_tests_name("store_redo", tests, NULL, NULL);
}
