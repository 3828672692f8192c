/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Golden vectors of custody: the control changes of a record, in whatever order they came, and
 * who is custodian, acting and in the circle by them (P6).
 */

#include "tests/unit/vectors.h"

#include "daemon/core/affairs.h"

static void place_of(struct vectors *v, const json_t *row, struct place *ret)
{
	FIXED(v, row, "author", ret->author);
	FIXED(v, row, "incarnation", ret->incarnation);
	ret->seq = number_of(row, "seq");
}

/* .backwards: as if they had come in the opposite order. */
static void read_affairs(
	struct vectors *v, const json_t *rows, bool backwards, struct affairs *ret)
{
	size_t n = json_array_size(rows);
	struct held *held = arena_array(&v->arena, n, sizeof(*held));

	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, backwards ? n - 1 - i : i);

		place_of(v, row, &held[i].ref.at);
		FIXED(v, row, "id", held[i].ref.change);
		assert_int_equal(wire_control_decode(
					 bytes_of(v, row, "body"), &v->arena, &held[i].control),
			0);
		held[i].must_understand = true;
	}
	assert_int_equal(affairs_read(held, n, &v->arena, ret), 0);
}

static void check_terms(struct vectors *v, const json_t *j, const struct affairs *a)
{
	const json_t *terms = field(j, "terms"), *last;

	assert_int_equal(a->n_terms, json_array_size(terms));
	for (size_t i = 0; i < a->n_terms; i++) {
		const json_t *term = json_array_get(terms, i);

		assert_int_equal(a->terms[i].number, number_of(term, "number"));
		same_bytes(SPAN_OF(a->terms[i].custodian), bytes_of(v, term, "custodian"));
		same_hash(&a->terms[i].begun.change, bytes_of(v, term, "begun"));
	}
	last = json_array_get(terms, a->n_terms - 1);
	assert_int_equal(a->term, a->n_terms);
	same_bytes(SPAN_OF(a->custodian), bytes_of(v, last, "custodian"));
	same_hash(&a->right.change, bytes_of(v, last, "begun"));
}

static void check_people(struct vectors *v, const json_t *j, const struct affairs *a)
{
	const json_t *acting = field(j, "acting"), *row;
	size_t members = 0;

	assert_int_equal(a->n_acting, json_array_size(acting));
	for (size_t i = 0; i < a->n_acting; i++)
		same_bytes(SPAN_OF(a->acting[i]), hex_of(v, json_array_get(acting, i)));
	for (size_t i = 0; i < a->n_members; i++)
		members += !a->members[i].removed;
	assert_int_equal(members, json_array_size(field(j, "circle")));
	for (struct each e = each_of(field(j, "circle")); each_next(&e, &row);) {
		struct id region;

		FIXED(v, row, "region", region);
		assert_int_equal(affairs_role(a, &region), number_of(row, "role"));
	}
	for (struct each e = each_of(field(j, "counts")); each_next(&e, &row);) {
		struct place at;

		place_of(v, row, &at);
		assert_int_equal(affairs_counts(a, &at, (uint32_t)number_of(row, "class")),
			json_is_true(field(row, "counts")));
	}
}

static void check_cases(struct vectors *v, bool backwards)
{
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "custody", "cases")); each_next(&e, &j);) {
		struct affairs a;

		print_message("# %s\n", why_of(j));
		read_affairs(v, field(j, "changes"), backwards, &a);
		assert_true(a.known);
		assert_false(a.forked);
		assert_false(a.needs_newer);
		assert_int_equal(a.epoch, number_of(j, "epoch"));
		check_terms(v, j, &a);
		check_people(v, j, &a);
	}
}

static void custody_is_what_the_text_makes_of_the_changes(void **state)
{
	check_cases(*state, false);
}

static void custody_is_the_same_whatever_the_order_of_arrival(void **state)
{
	check_cases(*state, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_VECTORS(custody_is_what_the_text_makes_of_the_changes),
		IN_VECTORS(custody_is_the_same_whatever_the_order_of_arrival),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
