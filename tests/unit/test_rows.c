/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The log and its index: every change reads back by its number and by its place, whatever sizes
 * the rows were cut into, and hardly more lies on the disk than was put there.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_fixture.h"

#define MANY 600

static struct {
	uint8_t header[MANY][HEADER_MAX], signature[MANY][SIGNATURE_MAX], *body[MANY];
	struct wire_change v[MANY];
} made;

/* The .i-th change: a body of .len bytes that nobody could mistake for another's, and a
 * signature that begins and ends as some others do. */
static void make(size_t i, size_t len, size_t signature)
{
	free(made.body[i]);
	made.body[i] = malloc(len ? len : 1);
	assert_non_null(made.body[i]);
	memset(made.body[i], (int)(i & 0xff), len);
	memset(made.header[i], (int)(i >> 8 & 0xff), HEADER_MAX);
	made.header[i][0] = (uint8_t)i;
	for (size_t k = 0; k < signature; k++)
		made.signature[i][k] = (uint8_t)(k + (i >> (k < SIG_LEN ? 6 : k / HASH_LEN)));
	made.v[i] = (struct wire_change){ { made.header[i], 167 },
		{ made.signature[i], signature }, { made.body[i], len } };
}

static void assert_same(const struct wire_change *a, const struct wire_change *b)
{
	assert_int_equal(a->header.len, b->header.len);
	assert_memory_equal(a->header.at, b->header.at, a->header.len);
	assert_int_equal(a->signature.len, b->signature.len);
	if (a->signature.len)
		assert_memory_equal(a->signature.at, b->signature.at, a->signature.len);
	assert_int_equal(a->body.len, b->body.len);
	if (a->body.len)
		assert_memory_equal(a->body.at, b->body.at, a->body.len);
}

static const struct view *begin(struct fix *x)
{
	assert_int_equal(store_turn_begin(x->v[0].store, &x->v[0].view), 0);
	return &x->v[0].view;
}

static void end(struct fix *x)
{
	struct why why;

	assert_int_equal(store_turn_commit(x->v[0].store, &why), 0);
	for (size_t i = 0; i < MANY; i++) {
		free(made.body[i]);
		made.body[i] = NULL;
	}
	fix_free(x);
}

static void changes_of_any_size_read_back_in_any_order(void **state)
{
	static const size_t sizes[] = { 0, 1, 328, 584, 1096, 2120, 4168, 16500,
		BODY_SEALED_MAX };
	struct fix *x = fix_new(1);
	const struct view *v = begin(x);
	struct log_at at = { 0 };
	struct wire_change c;
	uint64_t last;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		make(i, sizes[i * 7 % COUNT(sizes)],
			i % 3 ? 0 : SIG_LEN + i % (SIGNATURE_MAX - SIG_LEN + 1));
	/* Turns of one, of some, and of all the rest. */
	for (size_t i = 0, n = 1; i < MANY; i += n, n = n * 2 < MANY - i ? n * 2 : MANY - i)
		assert_int_equal(log_put(v, i + 1, made.v + i, n < MANY - i ? n : MANY - i), 0);
	assert_int_equal(log_last(v, &last), 0);
	assert_int_equal(last, MANY);
	for (uint64_t n = 1; n <= MANY; n++) {
		assert_int_equal(log_get(v, &at, n, &c), 0);
		assert_same(&c, &made.v[n - 1]);
	}
	assert_int_equal(log_get(v, &at, MANY + 1, &c), ROW_NONE);
	for (uint64_t n = 1; n <= MANY; n++) {
		const uint64_t k = n * 389 % MANY + 1;

		assert_int_equal(log_get(v, &at, k, &c), 0);
		assert_same(&c, &made.v[k - 1]);
	}
	end(x);
}

static void log_of_many_takes_hardly_more_room_than_its_changes(void **state)
{
	struct fix *x = fix_new(1);
	const struct view *v = begin(x);
	struct store_stat before, after;
	struct why why;
	size_t bytes = 0;

	(void)state;
	assert_int_equal(store_stat(x->v[0].store, &before), 0);
	for (size_t i = 0; i < MANY; i++) {
		make(i, 584, 64);
		bytes += 167 + 64 + 584;
	}
	assert_int_equal(log_put(v, 1, made.v, MANY), 0);
	assert_int_equal(store_turn_commit(x->v[0].store, &why), 0);
	assert_int_equal(store_stat(x->v[0].store, &after), 0);
	assert_in_range(after.used_bytes - before.used_bytes, bytes, bytes + bytes / 9);
	(void)begin(x);
	end(x);
}

/* A turn of many clients: each change is the head of its chain, and all are one batch. */
static void batch_takes_the_room_of_its_changes_and_of_little_more_than_its_leaves(void **state)
{
	enum { BATCH = 256, BODY = 584, EACH = 4 + 2 + 167 + 2 + BODY };
	struct fix *x = fix_new(1);
	const struct view *v = begin(x);
	const struct secret key = { { 7 } };
	struct hash ids[BATCH] = { 0 };
	struct span signatures[BATCH];
	struct store_stat before, after;
	struct log_at at = { 0 };
	struct wire_change c;
	struct arena arena;
	struct why why;

	(void)state;
	arena_init(&arena, 0);
	for (size_t i = 0; i < BATCH; i++) {
		make(i, BODY, 0);
		assert_int_equal(crypto_random(x->v[0].crypto, ids[i].b, HASH_LEN), 0);
	}
	assert_int_equal(
		signatures_make(x->v[0].crypto, &key, ids, BATCH, &arena, signatures), 0);
	for (size_t i = 0; i < BATCH; i++)
		made.v[i].signature = signatures[i];
	assert_int_equal(store_stat(x->v[0].store, &before), 0);
	assert_int_equal(log_put(v, 1, made.v, BATCH), 0);
	for (size_t i = 0; i < BATCH; i++) { /* one after the other, and each alone */
		struct log_at alone = { 0 };

		assert_int_equal(log_get(v, &at, i + 1, &c), 0);
		assert_same(&c, &made.v[i]);
		assert_int_equal(log_get(v, &alone, i * 77 % BATCH + 1, &c), 0);
		assert_same(&c, &made.v[i * 77 % BATCH]);
	}
	assert_int_equal(store_turn_commit(x->v[0].store, &why), 0);
	assert_int_equal(store_stat(x->v[0].store, &after), 0);
	/* Two nodes of 32 bytes on an average, a whole one a row; pages are full to a tenth. */
	assert_in_range(after.used_bytes - before.used_bytes, BATCH * (EACH + 64),
		BATCH * (EACH + 64 + 28) * 11 / 10);
	arena_done(&arena);
	(void)begin(x);
	end(x);
}

static void signature_that_its_row_cannot_have_is_no_signature(void **state)
{
	/* be32 8, be16 0: no header; a signature of 100 bytes, all of them as before. */
	static const uint8_t row[] = { 0, 0, 0, 8, 0, 0, 0x80, 100, 0, 64, 0, 36 };
	struct log_at at = { .rest = { row, sizeof(row) } };
	struct wire_change c;

	(void)state;
	assert_false(log_row_next(&at, &c));
}

static void chain_is_one_row_though_others_come_between(void **state)
{
	struct fix *x = fix_new(1);
	const struct view *v = begin(x);
	const struct id record = { { 1 } };
	struct place at = { { { 2 } }, { { 3 } }, 1 };
	struct index_scan scan;
	struct store_stat stat;
	struct why why;
	uint64_t n, k;
	uint32_t more;

	(void)state;
	assert_int_equal(index_put(v, &record, &at, 10, 200), 0);
	at.seq = 201;
	assert_int_equal(index_put(v, &record, &at, 210, 1), 0);
	at.seq = 202;
	assert_int_equal(index_put(v, &record, &at, 500, 3), 0); /* others came between */
	for (at.seq = 1; at.seq <= 204; at.seq++) {
		assert_int_equal(index_reach(v, &record, &at, &n, &more), 0);
		assert_int_equal(n, at.seq <= 201 ? at.seq + 9 : at.seq + 298);
		assert_int_equal(more, (at.seq <= 201 ? 201 : 204) - at.seq);
	}
	at.seq = 205;
	assert_int_equal(index_get(v, &record, &at, &n), ROW_NONE);
	at.incarnation.b[0] = 4;
	at.seq = 1;
	assert_int_equal(index_get(v, &record, &at, &n), ROW_NONE);
	index_scan_init(&scan, &record);
	for (k = 1; index_scan_next(&scan, v) == 0; k++)
		assert_int_equal(scan.at.seq, k);
	assert_int_equal(k, 205);
	assert_int_equal(store_turn_commit(x->v[0].store, &why), 0);
	assert_int_equal(store_stat(x->v[0].store, &stat), 0);
	assert_int_equal(stat.rows[TABLE_INDEX], 1);
	(void)begin(x);
	end(x);
}

static void place_is_found_in_any_of_many_extents(void **state)
{
	enum { RECORDS = 7, CHANGES = 7 * 500 };
	struct fix *x = fix_new(1);
	const struct view *v = begin(x);
	struct id record = { { 1 } };
	struct place at = { { { 2 } }, { { 3 } }, 1 };
	struct index_scan scan;
	struct store_stat stat;
	struct why why;
	uint64_t n, seq = 0;

	(void)state;
	/* In turn: every change is an extent. Something else came after the hundredth. */
	for (n = 1; n <= CHANGES; n++) {
		record.b[0] = (uint8_t)(n % RECORDS);
		at.seq = (n + RECORDS - 1) / RECORDS;
		assert_int_equal(index_put(v, &record, &at, n + (n > 100), 1), 0);
	}
	for (uint64_t i = 1; i <= CHANGES; i++) {
		record.b[0] = (uint8_t)(i % RECORDS);
		at.seq = (i + RECORDS - 1) / RECORDS;
		assert_int_equal(index_get(v, &record, &at, &n), 0);
		assert_int_equal(n, i + (i > 100));
	}
	at.seq++;
	assert_int_equal(index_get(v, &record, &at, &n), ROW_NONE);
	index_scan_init(&scan, &record);
	while (index_scan_next(&scan, v) == 0) {
		assert_int_equal(scan.at.seq, ++seq);
		at.seq = seq;
		assert_int_equal(index_get(v, &record, &at, &n), 0);
		assert_int_equal(scan.n, n);
	}
	assert_int_equal(seq, CHANGES / RECORDS);
	assert_int_equal(store_turn_commit(x->v[0].store, &why), 0);
	assert_int_equal(store_stat(x->v[0].store, &stat), 0);
	assert_in_range(stat.rows[TABLE_INDEX], 1, CHANGES / INDEX_EXTENTS_MAX + RECORDS);
	(void)begin(x);
	end(x);
}

static void what_extents_cannot_say_gets_a_row_of_its_own(void **state)
{
	struct fix *x = fix_new(1);
	const struct view *v = begin(x);
	const struct id record = { { 1 } };
	const struct {
		uint64_t seq, n;
		uint32_t count;
	} puts[] = { { 1, 1, UINT16_MAX }, { 65536, 65536, 3 }, { 65539, 65539 + 65535, 1 },
		{ 65540, 65539 + 65535 + 1 + 65536, 2 }, { 65542, 5, 1 } };
	struct place at = { { { 2 } }, { { 3 } }, 0 };
	struct store_stat stat;
	struct why why;
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < COUNT(puts); i++) {
		at.seq = puts[i].seq;
		assert_int_equal(index_put(v, &record, &at, puts[i].n, puts[i].count), 0);
	}
	for (size_t i = 0; i < COUNT(puts); i++) {
		for (at.seq = puts[i].seq; at.seq < puts[i].seq + puts[i].count; at.seq++) {
			assert_int_equal(index_get(v, &record, &at, &n), 0);
			assert_int_equal(n, puts[i].n + at.seq - puts[i].seq);
		}
	}
	assert_int_equal(store_turn_commit(x->v[0].store, &why), 0);
	assert_int_equal(store_stat(x->v[0].store, &stat), 0);
	assert_int_equal(stat.rows[TABLE_INDEX], 3); /* too far behind, and before */
	(void)begin(x);
	end(x);
}

static void last_row_up_to_a_key_is_found_and_none_beyond_its_prefix(void **state)
{
	static const char *const names[] = { "a1", "a3", "a30", "b0", "b2" };
	static const struct {
		const char *prefix, *upto, *is;
	} asked[] = { { "", "a", NULL }, { "", "a1", "a1" }, { "", "a2", "a1" },
		{ "a", "a3", "a3" }, { "a", "a31", "a30" }, { "a", "b1", NULL },
		{ "b", "b1", "b0" }, { "", "b1", "b0" }, { "", "c", "b2" },
		{ "c", "c", NULL } };
	struct fix *x = fix_new(1);
	const struct view *v = begin(x);
	struct span key, value;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(row_put(v, TABLE_TOKEN, span_of(names[i]), SPAN_LIT("v")), 0);
	for (size_t i = 0; i < COUNT(asked); i++) {
		const int r = v->back(v->ctx, TABLE_TOKEN, span_of(asked[i].prefix),
			span_of(asked[i].upto), &key, &value);

		assert_int_equal(r, asked[i].is ? 0 : VIEW_NONE);
		if (!asked[i].is)
			continue;
		assert_int_equal(key.len, strlen(asked[i].is));
		assert_memory_equal(key.at, asked[i].is, key.len);
	}
	end(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_row_up_to_a_key_is_found_and_none_beyond_its_prefix),
		cmocka_unit_test(changes_of_any_size_read_back_in_any_order),
		cmocka_unit_test(log_of_many_takes_hardly_more_room_than_its_changes),
		cmocka_unit_test(
			batch_takes_the_room_of_its_changes_and_of_little_more_than_its_leaves),
		cmocka_unit_test(signature_that_its_row_cannot_have_is_no_signature),
		cmocka_unit_test(chain_is_one_row_though_others_come_between),
		cmocka_unit_test(place_is_found_in_any_of_many_extents),
		cmocka_unit_test(what_extents_cannot_say_gets_a_row_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
