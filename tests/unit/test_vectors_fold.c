/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Golden vectors of the fold: small sets of changes, their order, the status of every entry and
 * the state hash (P10). A set that comes in another order of rows is the same state.
 */

#include "tests/unit/vectors.h"

#include "daemon/core/fold.h"

static int row_order(const void *x, const void *y)
{
	const struct fold_change *a = x, *b = y;

	return place_order(&a->ref.at, &b->ref.at);
}

static struct ref ref_of(struct vectors *v, const json_t *row)
{
	struct ref ref;

	FIXED(v, row, "author", ref.at.author);
	FIXED(v, row, "incarnation", ref.at.incarnation);
	ref.at.seq = number_of(row, "seq");
	FIXED(v, row, "id", ref.change);
	return ref;
}

static void add_deps(struct vectors *v, const json_t *rows, const json_t *row, struct body *b)
{
	const json_t *deps = field(row, "deps"), *d;

	b->deps = arena_array(&v->arena, json_array_size(deps) + 1, sizeof(*b->deps));
	for (struct each e = each_of(deps); each_next(&e, &d);) {
		struct ref *ref = &b->deps[b->n_deps++];

		*ref = ref_of(v, json_array_get(rows, number_of(d, "row")));
		if (json_is_true(field(d, "wrong_id")))
			ref->change.b[0] ^= 1;
	}
}

static void add_entries(
	struct vectors *v, const json_t *rows, const json_t *row, struct body *b)
{
	const json_t *entries = field(row, "entries"), *list, *target;

	b->entries = arena_array(&v->arena, json_array_size(entries) + 1, sizeof(*b->entries));
	for (struct each e = each_of(entries); each_next(&e, &list);) {
		struct entry *entry = &b->entries[b->n_entries++];

		entry->supersedes = arena_array(
			&v->arena, json_array_size(list) + 1, sizeof(*entry->supersedes));
		for (struct each s = each_of(list); each_next(&s, &target);)
			entry->supersedes[entry->n_supersedes++] = (struct entry_ref){
				ref_of(v, json_array_get(rows, number_of(target, "row"))),
				(uint32_t)number_of(target, "index")
			};
	}
}

static struct fold_change *changes_of(struct vectors *v, const json_t *rows)
{
	size_t n = json_array_size(rows), i = 0;
	struct fold_change *all = arena_array(&v->arena, n + 1, sizeof(*all));
	const json_t *row;

	for (struct each e = each_of(rows); each_next(&e, &row); i++) {
		all[i].ref = ref_of(v, row);
		all[i].header.key_class = (uint32_t)number_of(row, "class");
		all[i].clock = number_of(row, "clock");
		all[i].open = json_is_true(field(row, "control")) ? FOLD_CONTROL : FOLD_OPEN;
		add_deps(v, rows, row, &all[i].body);
		add_entries(v, rows, row, &all[i].body);
	}
	qsort(all, n, sizeof(*all), row_order);
	return all;
}

static void check_statuses(const struct fold *f, const struct fold_change *c, const json_t *row,
	const json_t *statuses, const json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *expected = json_array_get(statuses, i);

		if (json_array_get(rows, i) != row || json_is_null(expected))
			continue;
		assert_int_equal(json_array_size(expected), c->body.n_entries);
		for (size_t k = 0; k < c->body.n_entries; k++)
			assert_int_equal(f->entries[c->first + k].status,
				json_integer_value(json_array_get(expected, k)));
	}
}

static void a_set_of_changes_has_one_order_one_status_each_and_one_hash(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "fold", "cases")); each_next(&e, &j);) {
		const json_t *rows = field(j, "changes"), *order = field(j, "order");
		struct fold f = { 0 };
		struct secret key;

		print_message("# %s\n", why_of(j));
		arena_init(&f.arena, 0);
		assert_int_equal(
			fold_arrange(&f, changes_of(v, rows), json_array_size(rows)), 0);
		assert_int_equal(f.n_changes, json_array_size(order));
		for (size_t i = 0; i < f.n_changes; i++) {
			size_t at = (size_t)json_integer_value(json_array_get(order, i));
			const json_t *row = json_array_get(rows, at);
			struct ref ref = ref_of(v, row);

			assert_true(ref_equal(&ref, &f.changes[i].ref));
			check_statuses(&f, &f.changes[i], row, field(j, "status"), rows);
		}
		FIXED(v, j, "key", key);
		assert_int_equal(fold_state(&f, v->c, &key), 0);
		same_hash(&f.state, bytes_of(v, j, "state_hash"));
		fold_done(&f);
	}
}

/* The last case of the file, with its last chain standing apart (P6.9): nothing else may move.
 */
static void what_stands_apart_changes_nothing_and_comes_last(void **state)
{
	struct vectors *v = *state;
	const json_t *cases = vectors_open(v, "fold", "cases");
	const json_t *j = json_array_get(cases, 2), *rows = field(j, "changes");
	size_t n = json_array_size(rows);
	struct fold_change *all = changes_of(v, rows), *more;
	struct fold f = { 0 };
	struct secret key;

	more = arena_array(&v->arena, n + 1, sizeof(*more));
	memcpy(more, all, n * sizeof(*more));
	more[n] = (struct fold_change){ .open = FOLD_APART, .clock = 1 };
	memset(&more[n].ref.at.author, 0xff, sizeof(more[n].ref.at.author));
	more[n].ref.at.seq = 1;
	more[0].body.deps = &more[n].ref;
	more[0].body.n_deps = 1;

	arena_init(&f.arena, 0);
	assert_int_equal(fold_arrange(&f, more, n + 1), 0);
	assert_int_equal(f.apart, 1);
	assert_int_equal(f.changes[n].open, FOLD_APART);
	FIXED(v, j, "key", key);
	assert_int_equal(fold_state(&f, v->c, &key), 0);
	same_hash(&f.state, bytes_of(v, j, "state_hash"));
	fold_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_VECTORS(a_set_of_changes_has_one_order_one_status_each_and_one_hash),
		IN_VECTORS(what_stands_apart_changes_nothing_and_comes_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
