/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Feeds and wants between real nodes (P7): that everything comes, once, to those who may have
 * it, and that nobody talks for ever.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH, EAST };

static uint64_t changes_at(struct fix *x, unsigned at, const struct id *record)
{
	return fix_record_row(x, at, record).changes;
}

/* A burst of small changes in one turn, of which only the last is signed. */
struct burst {
	struct id record;
	size_t signed_n, unsigned_n, bytes;
};

static int burst(struct step *s, void *ctx)
{
	const struct burst *b = ctx;
	static char words[40000];
	struct entry e = { .kind = ENTRY_NOTE };
	struct ref ref;

	memset(words, 'w', sizeof(words));
	e.text = (struct span){ (const uint8_t *)words, b->bytes };
	for (size_t i = 0; i < b->signed_n + b->unsigned_n; i++) {
		struct body body = { .entries = &e, .n_entries = 1 };
		struct own_change own = { .record = &b->record,
			.body = &body,
			.sign = i < b->signed_n || i + 1 == b->signed_n + b->unsigned_n };

		assert_int_equal(chain_append(s, &own, &ref), 0);
	}
	return 0;
}

static void burst_of_small_changes_with_few_signatures_comes_whole(void **state)
{
	struct fix *x = fix_new(2);
	struct burst b = { .signed_n = 75, .unsigned_n = 190, .bytes = 200 };

	(void)state;
	fix_introduce_all(x);
	b.record = fix_record(x, NORTH);
	assert_int_equal(fix_offer(x, NORTH, &b.record, SOUTH), 0);
	fix_wait(x, 1);
	fix_hush(x);
	assert_int_equal(fix_inside(x, NORTH, burst, &b), 0);
	fix_wait(x, 61);
	assert_int_equal(changes_at(x, SOUTH, &b.record), changes_at(x, NORTH, &b.record));
	assert_false(fix_told(x, SOUTH, "refuses"));
	fix_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_of_small_changes_with_few_signatures_comes_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
