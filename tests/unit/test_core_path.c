/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Custody paths that are longer than a message (P7.8): they come in parts, whatever of them is
 * here already and wherever the link ends; and nobody fills one for everybody.
 */

#include "tests/unit/core_fixture.h"

enum { NORTH, SOUTH, EAST };

static size_t path_bytes(const struct affairs *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_all; i++)
		n += a->all[i]->bytes;
	return n;
}

struct filler {
	struct id record;
	unsigned n;     /* control changes, of about 48 KiB */
	unsigned heads; /* in a removal, if not as many as may be */
};

/* Honest, if odd: circle changes that remove a region which is not there, with many heads. */
static int fill_path(struct step *s, void *ctx)
{
	const struct filler *f = ctx;
	struct head *heads = arena_array(s->arena, 256, sizeof(*heads));
	struct removal out[3] = { { .region = { { 9 } } }, { .region = { { 8 } } },
		{ .region = { { 7 } } } };
	struct ref ref;

	assert_non_null(heads);
	for (unsigned i = 0; i < 256; i++)
		heads[i].at = (struct place){ s->node->region, { { 1, (uint8_t)i } }, 1 };
	for (unsigned i = 0; i < f->n; i++) {
		const struct affairs *a;
		struct control c;

		assert_int_equal(node_affairs(s, &f->record, &a), 0);
		move_control(s, a, CONTROL_CIRCLE, &c);
		c.has_before = false;
		for (unsigned k = 0; k < COUNT(out); k++) {
			out[k].last = heads;
			out[k].n_last = f->heads ? f->heads : k ? 128 : 256;
		}
		c.removed = out;
		c.n_removed = COUNT(out);
		assert_int_equal(
			chain_append(s,
				&(struct own_change){ .record = &f->record, .control = &c },
				&ref),
			0);
	}
	return 0;
}

/* A record of north's with a path of about so many times 48 KiB. */
static struct fix *long_path(struct filler *f)
{
	struct fix *x = fix_new(3);

	fix_introduce_all(x);
	f->record = fix_record(x, NORTH);
	assert_int_equal(fix_inside(x, NORTH, fill_path, f), 0);
	fix_wait(x, 1);
	return x;
}

static void path_of_several_messages_comes_whole_and_the_record_is_taken_over(void **state)
{
	struct filler f = { .n = 20 };
	struct fix *x = long_path(&f);

	(void)state;
	assert_true(path_bytes(fix_affairs(x, NORTH, &f.record)) > 2 * FRAME_MAX);
	fix_move(x, NORTH, &f.record, SOUTH);
	fix_wait(x, 1);
	assert_true(id_equal(&fix_affairs(x, SOUTH, &f.record)->custodian, &x->v[SOUTH].id));
	assert_int_equal(fix_affairs(x, SOUTH, &f.record)->n_all,
		fix_affairs(x, NORTH, &f.record)->n_all);
	assert_false(fix_told(x, SOUTH, "refuses"));
	/* And again, from who got it so. */
	fix_move(x, SOUTH, &f.record, EAST);
	assert_true(id_equal(&fix_affairs(x, EAST, &f.record)->custodian, &x->v[EAST].id));
	assert_false(fix_told(x, EAST, "refuses"));
	fix_free(x);
}

/* Read again for each of its changes, its rows would be some 40,000. */
static void changes_that_came_by_their_path_do_not_make_it_be_read_again(void **state)
{
	struct filler f = { .n = 200, .heads = 1 };
	struct fix *x = long_path(&f);
	uint64_t before = crypto_counts(x->v[SOUTH].crypto)->hashes;

	(void)state;
	assert_int_equal(fix_offer(x, NORTH, &f.record, SOUTH), 0);
	fix_wait(x, 1);
	assert_int_equal(fix_affairs(x, SOUTH, &f.record)->n_all,
		fix_affairs(x, NORTH, &f.record)->n_all);
	assert_in_range(crypto_counts(x->v[SOUTH].crypto)->hashes - before, f.n, f.n * 60);
	fix_free(x);
}

static void path_whose_link_ends_in_the_middle_comes_whole_afterwards(void **state)
{
	struct filler f = { .n = 18 };
	struct fix *x = long_path(&f);

	(void)state;
	assert_int_equal(fix_ask(x, NORTH, &(struct ctl_request){ .verb = VERB_STATUS }), 0);
	for (unsigned cut = 1; cut < 12; cut++) {
		char hex[ID_TEXT_LEN], peer[ID_TEXT_LEN];
		struct ctl_request q = { .verb = VERB_MOVE_OFFER,
			.record = span_of(id_text(&f.record, hex)),
			.peer = span_of(id_text(&x->v[SOUTH].id, peer)),
			.code = 1 };

		if (cut == 1)
			assert_int_equal(fix_ask(x, NORTH, &q), 0);
		/* So many frames, and then the link is gone. */
		for (unsigned i = 0; i < cut && x->first; i++)
			fix_arrive(x);
		fix_down(x, SOUTH, NORTH, true);
		x->now += 1000;
		for (unsigned i = 0; i < x->n; i++)
			fix_step(x, i, &(struct event){ .kind = EVENT_TICK });
	}
	fix_wait(x, 100);
	assert_true(fix_record_row(x, SOUTH, &f.record).complete);
	assert_int_equal(fix_accept(x, SOUTH, &f.record), 0);
	fix_free(x);
}

static void nobody_writes_more_control_changes_than_have_room(void **state)
{
	struct filler f = { .n = 24 };
	struct fix *x = long_path(&f);
	size_t before;

	(void)state;
	before = path_bytes(fix_affairs(x, NORTH, &f.record));
	assert_true(before < PATH_TERM_MAX && before + 2 * PATH_CONTROL_MAX > PATH_TERM_MAX);
	assert_int_equal(fix_offer(x, NORTH, &f.record, SOUTH), PROBLEM_PATH_FULL);
	assert_int_equal(path_bytes(fix_affairs(x, NORTH, &f.record)), before);
	assert_int_equal(fix_note(x, NORTH, &f.record, "content is none of this"), 0);
	fix_free(x);
}

static void room_in_a_path_is_counted_for_each_region_and_term(void **state)
{
	struct id a = { { 1 } }, b = { { 2 } };
	struct term terms[2] = { { .number = 1, .custodian = a },
		{ .number = 2, .custodian = b } };
	struct held v[4] = { { .ref.at.author = a, .control.term = 1, .bytes = PATH_TERM_MAX },
		{ .ref.at.author = a, .control.term = 2, .bytes = PATH_MEMBER_MAX },
		{ .ref.at.author = b, .control.term = 1, .bytes = 100 },
		{ .ref.at.author = b, .control.term = 2, .bytes = 100 } };
	const struct held *all[4] = { &v[0], &v[1], &v[2], &v[3] };
	struct affairs f = {
		.known = true, .terms = terms, .n_terms = 2, .all = all, .n_all = 4
	};

	(void)state;
	assert_true(affairs_room(&f, &a, 1, 0));
	assert_false(affairs_room(&f, &a, 1, 1));
	assert_false(affairs_room(&f, &a, 2, 1));
	assert_false(affairs_room(&f, &a, 77, 1));
	assert_true(affairs_room(&f, &b, 1, PATH_MEMBER_MAX - 100));
	assert_false(affairs_room(&f, &b, 1, PATH_MEMBER_MAX - 99));
	assert_true(affairs_room(&f, &b, 2, PATH_TERM_MAX - 100));
	v[3].bytes = PATH_MAX_BYTES;
	assert_false(affairs_room(&f, &b, 1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			path_of_several_messages_comes_whole_and_the_record_is_taken_over),
		cmocka_unit_test(changes_that_came_by_their_path_do_not_make_it_be_read_again),
		cmocka_unit_test(path_whose_link_ends_in_the_middle_comes_whole_afterwards),
		cmocka_unit_test(nobody_writes_more_control_changes_than_have_room),
		cmocka_unit_test(room_in_a_path_is_counted_for_each_region_and_term),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
