/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Store: a process that is killed while it writes. A child makes turns and tells each one when
 * its commit has returned; it is killed at some moment, and what it told must be there, whole.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include <kith/buf.h>

#include "tests/unit/store_fixture.h"

#define KILLS      30
#define TURN_BYTES 700

struct big_endian {
	uint8_t b[8];
};

static struct big_endian number(uint64_t n)
{
	struct big_endian be;
	struct writer w = writer_of(be.b, sizeof(be.b));

	put_u64(&w, n);
	return be;
}

/* Scattered over the B-tree, as records are. */
static struct big_endian scattered(uint64_t n)
{
	return number(n * UINT64_C(0x9e3779b97f4a7c15));
}

static const uint8_t *turn_bytes(uint64_t n, uint8_t room[TURN_BYTES])
{
	for (size_t i = 0; i < TURN_BYTES; i++)
		room[i] = (uint8_t)(n + i);
	return room;
}

/* Turn .n: rows in both environments, plain and sealed, appended, scattered and overwritten. */
static int turn(struct fixture *f, uint64_t n)
{
	const struct big_endian be = number(n), far = scattered(n);
	uint8_t room[TURN_BYTES];
	const struct span bytes = { turn_bytes(n, room), TURN_BYTES };
	int r;

	r = store_turn_begin(f->store, &f->view);
	if (!r)
		r = put(f, TABLE_META, text("head"), SPAN_OF(be));
	if (!r)
		r = append(f, TABLE_LOG, SPAN_OF(be), bytes);
	if (!r)
		r = put(f, TABLE_KEY, SPAN_OF(far), SPAN_OF(be));
	if (!r)
		r = put(f, TABLE_INDEX, SPAN_OF(far), SPAN_OF(be));
	if (!r)
		r = put(f, TABLE_SUMMARY, SPAN_OF(far), bytes);
	return r ? r : store_turn_commit(f->store, &f->why);
}

__attribute__((noreturn)) static void work(struct fixture *f, uint64_t n, int ack)
{
	fixture_open(f);
	for (;; n++) {
		if (turn(f, n) || write(ack, &n, sizeof(n)) != sizeof(n))
			_exit(1);
	}
}

/* The last turn that was told. Kills after .turns of them, and then up to 3 ms into the ones
 * that follow: not a wait for something, but the moment of the fault. */
static uint64_t kill_after(pid_t pid, int ack, unsigned turns, unsigned *seed, uint64_t n)
{
	const struct timespec moment = { .tv_nsec = rand_r(seed) % 3000000 };
	uint64_t told;
	int status;

	for (unsigned i = 0; i < turns; i++)
		assert_int_equal(read(ack, &n, sizeof(n)), sizeof(n));
	nanosleep(&moment, NULL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	while (read(ack, &told, sizeof(told)) == sizeof(told))
		n = told;
	return n;
}

static void assert_turn_is_whole(struct fixture *f, uint64_t n)
{
	const struct big_endian be = number(n), far = scattered(n);
	uint8_t room[TURN_BYTES];
	const struct span bytes = { turn_bytes(n, room), TURN_BYTES };

	assert_row(f, TABLE_LOG, SPAN_OF(be), bytes);
	assert_row(f, TABLE_KEY, SPAN_OF(far), SPAN_OF(be));
	assert_row(f, TABLE_INDEX, SPAN_OF(far), SPAN_OF(be));
	assert_row(f, TABLE_SUMMARY, SPAN_OF(far), bytes);
}

/* Everything up to the head is there and nothing of a later turn, but for one orphan key. */
static uint64_t check_after_kill(struct fixture *f, uint64_t told)
{
	struct store_stat stat;
	struct span key, value;
	struct reader reader;
	struct big_endian be;
	uint64_t head, rows, damaged;

	fixture_open(f);
	begin(f);
	assert_int_equal(get(f, TABLE_META, text("head"), &value), 0);
	reader = reader_of(value);
	head = get_u64(&reader);
	assert_in_range(head, told, told + 1); /* one may have been durable and not yet told */
	assert_int_equal(last(f, TABLE_LOG, (struct span){ 0 }, &key, &value), 0);
	be = number(head);
	assert_span(key, SPAN_OF(be));
	for (uint64_t n = 1; n <= head; n++)
		assert_turn_is_whole(f, n);
	store_turn_abort(f->store);

	assert_int_equal(store_stat(f->store, &stat), 0);
	assert_int_equal(stat.rows[TABLE_LOG], head);
	assert_int_equal(stat.rows[TABLE_INDEX], head);
	assert_int_equal(stat.rows[TABLE_SUMMARY], head);
	assert_in_range(stat.rows[TABLE_KEY], head, head + 1);
	assert_int_equal(store_verify(f->store, NULL, NULL, &rows, &damaged, &f->why), 0);
	assert_int_equal(damaged, 0);
	fixture_close(f);
	return head;
}

static void killed_at_any_moment_every_told_turn_is_there_whole_and_no_other(void **state)
{
	struct fixture *f = *state;
	unsigned seed = (unsigned)time(NULL);
	uint64_t head = 0;

	print_message("# seed %u\n", seed);
	fixture_close(f);
	for (int i = 0; i < KILLS; i++) {
		int ack[2];
		pid_t pid;
		uint64_t told;

		assert_int_equal(pipe2(ack, O_CLOEXEC), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid) {
			close(ack[0]);
			work(f, head + 1, ack[1]);
		}
		close(ack[1]);
		told = kill_after(pid, ack[0], 1 + (unsigned)rand_r(&seed) % 20, &seed, head);
		close(ack[0]);
		head = check_after_kill(f, told);
	}
	assert_true(head >= KILLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			killed_at_any_moment_every_told_turn_is_there_whole_and_no_other,
			fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("store_crash", tests, NULL, NULL);
}
