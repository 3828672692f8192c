/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How often memory is asked for, per change, when everything is warm: in kith's own code
 * (malloc, calloc and realloc, where the linker's --wrap sees them), and in OpenSSL. What is
 * taken from an arena that has room is none. Counted is the turn, from its beginning to its
 * commit, and not what the test does around it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include <openssl/crypto.h>

#include "tests/kit/alloc.h"
#include "tests/unit/core_fixture.h"

#define WARM   50 /* turns before it counts */
#define ROUNDS 200

struct asked {
	uint64_t own, openssl;
};

static uint64_t openssl_calls;

static void *count_malloc(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	openssl_calls++;
	return malloc(n);
}

static void *count_realloc(void *at, size_t n, const char *file, int line)
{
	(void)file, (void)line;
	openssl_calls++;
	return realloc(at, n);
}

static void count_free(void *at, const char *file, int line)
{
	(void)file, (void)line;
	free(at);
}

/* As fix_step, and what it asked for is added. */
static void counted_step(struct fix *x, unsigned at, const struct event *e, struct asked *sum)
{
	uint64_t own = alloc_count(), openssl = openssl_calls;
	struct actions out;

	fix_turn(x, at, e, &out);
	assert_int_equal(x->v[at].result, 0);
	openssl = openssl_calls - openssl;
	sum->openssl += openssl;
	sum->own += alloc_count() - own - openssl; /* ours pass through the wrapper too */
	fix_speak(x, at, &out);
}

/* Everything on its way; what .at does with it is counted. */
static void counted_run(struct fix *x, unsigned at, struct asked *sum)
{
	while (x->first) {
		struct parcel *p = fix_take(x);

		if (p->to == at)
			counted_step(x, at, &p->event, sum);
		else
			fix_step(x, p->to, &p->event);
		parcel_free(p);
	}
}

/* A client of the first region appends a note. */
static void counted_append(struct fix *x, const struct id *record, struct asked *sum)
{
	struct entry note = { .kind = ENTRY_NOTE, .text = SPAN_LIT("a note") };
	char hex[ID_TEXT_LEN];
	struct ctl_request q = { .id = 1,
		.verb = VERB_APPEND,
		.record = span_of(id_text(record, hex)),
		.entries = &note,
		.n_entries = 1 };
	struct event e = fix_ann();
	struct arena a;

	arena_init(&a, 0);
	assert_int_equal(wire_request_encode(&q, &a, &e.bytes), 0);
	x->v[0].reply[0] = '\0';
	counted_step(x, 0, &e, sum);
	assert_int_equal(x->v[0].problem, 0);
	arena_done(&a);
}

/* Two regions in session, and a record of the first that both hold and are warm with. */
static struct fix *warm_pair(struct id *ret)
{
	struct fix *x = fix_new(2);
	struct asked warm = { 0 };

	fix_introduce_all(x);
	*ret = fix_offered(x, 0, 1);
	for (unsigned i = 0; i < WARM; i++) {
		counted_append(x, ret, &warm);
		counted_run(x, 1, &warm);
	}
	return x;
}

/* The bounds are what was measured (0, 12; 0, 10; 0.1, 0.4) and a quarter: OpenSSL's vary with
 * it. */
static void within(const char *what, struct asked got, unsigned n, struct asked most)
{
	print_message("%s: %.1f by kith, %.1f by OpenSSL\n", what, (double)got.own / n,
		(double)got.openssl / n);
	assert_in_range(got.own, 0, most.own * n);
	assert_in_range(got.openssl, 0, most.openssl * n);
}

static void a_note_asks_for_memory_so_often_and_no_more(void **state)
{
	struct fix *x = fix_new(1);
	const struct id record = fix_record(x, 0);
	struct asked warm = { 0 }, sum = { 0 };

	(void)state;
	for (unsigned i = 0; i < WARM; i++)
		counted_append(x, &record, &warm);
	for (unsigned i = 0; i < ROUNDS; i++)
		counted_append(x, &record, &sum);
	within("a note", sum, ROUNDS, (struct asked){ 1, 15 });
	fix_free(x);
}

static void a_change_that_comes_asks_for_memory_so_often_and_no_more(void **state)
{
	struct id record;
	struct fix *x = warm_pair(&record);
	const uint64_t before = fix_record_row(x, 1, &record).changes;
	struct asked own = { 0 }, sum = { 0 };

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		counted_append(x, &record, &own);
		counted_run(x, 1, &sum);
	}
	assert_int_equal(fix_record_row(x, 1, &record).changes, before + ROUNDS);
	within("a change that comes", sum, ROUNDS, (struct asked){ 1, 13 });
	fix_free(x);
}

/* As many in one turn, and one after the other from one frame. */
static void a_change_of_a_long_run_asks_for_memory_so_often_and_no_more(void **state)
{
	struct id record;
	struct fix *x = warm_pair(&record);
	struct asked own = { 0 }, sum = { 0 };
	uint64_t before;

	(void)state;
	fix_cut(x, 0, 1);
	for (unsigned i = 0; i < ROUNDS; i++)
		counted_append(x, &record, &own);
	fix_heal(x, 0, 1);
	before = fix_record_row(x, 1, &record).changes;
	for (unsigned i = 0; i < 100; i++) {
		const struct event tick = { .kind = EVENT_TICK };

		x->now += 100;
		for (unsigned at = 0; at < 2; at++)
			if (node_due(x->v[at].node) <= x->now)
				counted_step(x, at, &tick, at ? &sum : &own);
		counted_run(x, 1, &sum);
	}
	assert_int_equal(fix_record_row(x, 1, &record).changes, before + ROUNDS);
	within("a change of a run", sum, ROUNDS, (struct asked){ 1, 1 });
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_note_asks_for_memory_so_often_and_no_more),
		cmocka_unit_test(a_change_that_comes_asks_for_memory_so_often_and_no_more),
		cmocka_unit_test(a_change_of_a_long_run_asks_for_memory_so_often_and_no_more),
	};

	if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
