/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the exporter makes of replies, without HTTP: each field in its unit, names that must be
 * escaped, and replies that are none.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <kith/control.h>

#include "daemon/exporter/exporter.h"

struct told {
	struct arena a;
	struct figures f;
	struct why why;
};

static int setup(void **state)
{
	static struct told t;

	t = (struct told){ 0 };
	arena_init(&t.a, 0);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	struct told *t = *state;

	arena_done(&t->a);
	return 0;
}

static int take(struct told *t, const struct ctl_reply *r, bool *ret_last)
{
	struct span bytes;

	assert_int_equal(wire_reply_encode(r, &t->a, &bytes), 0);
	return figures_take(bytes, &t->a, &t->f, ret_last, &t->why);
}

static void assert_says(struct told *t, const char *line)
{
	const char *text = metrics_text(&t->f, DIALECT_PROMETHEUS, &t->a);

	assert_non_null(text);
	if (!strstr(text, line))
		fail_msg("not said: %s", line);
}

static void each_figure_is_said_in_its_base_unit(void **state)
{
	const struct ctl_status status = { .name = "north",
		.link = "connected",
		.started_ms = 100250,
		.now_ms = 1000000,
		.oldest_unreplicated_ms = 61500,
		.wants_since_ms = 940000,
		.full_since_ms = 1,
		.commits = 7,
		.moves_alarm = 2,
		.move_oldest_ms = 600000 };
	struct told *t = *state;
	bool last = false;

	t->f.up = true;
	assert_int_equal(
		take(t, &(struct ctl_reply){ .status = &status, .last = true }, &last), 0);
	assert_true(last);
	assert_says(t, "\nkith_start_time_seconds 100.250\n");
	assert_says(t, "\nkith_oldest_unreplicated_seconds 61.500\n");
	assert_says(t, "\nkith_oldest_want_seconds 60.000\n");
	assert_says(t, "\nkith_store_full 1\n");
	assert_says(t, "\nkith_link_up 1\n");
	assert_says(t, "# TYPE kith_commits_total counter\nkith_commits_total 7\n");
	assert_says(t, "\nkith_moves_overdue 2\n");
	assert_says(t, "\nkith_oldest_move_seconds 600.000\n");
}

static void peer_is_a_label_whatever_it_is_called(void **state)
{
	struct ctl_peer peers[] = { { .name = "a\"b\\c\nd",
					    .state = "live",
					    .last_heard_ms = 5500,
					    .has_clock_skew = true,
					    .clock_skew_ms = -1250 },
		{ .name = "silent", .state = "down" } };
	struct told *t = *state;
	bool last;

	t->f.up = true;
	assert_int_equal(
		take(t, &(struct ctl_reply){ .peers = peers, .n_peers = 2, .last = true },
			&last),
		0);
	assert_says(t, "\nkith_peer_up{peer=\"a\\\"b\\\\c\\nd\"} 1\n");
	assert_says(t, "\nkith_peer_up{peer=\"silent\"} 0\n");
	assert_says(
		t, "kith_peer_last_heard_timestamp_seconds{peer=\"a\\\"b\\\\c\\nd\"} 5.500\n");
	assert_says(t, "kith_peer_clock_skew_seconds{peer=\"a\\\"b\\\\c\\nd\"} -1.250\n");
	assert_null(strstr(metrics_text(&t->f, DIALECT_PROMETHEUS, &t->a),
		"kith_peer_clock_skew_seconds{peer=\"silent\"}"));
	assert_null(strstr(metrics_text(&t->f, DIALECT_PROMETHEUS, &t->a),
		"kith_peer_last_heard_timestamp_seconds{peer=\"silent\"}"));
}

static void daemon_that_does_not_answer_is_down_and_nothing_else_is_said(void **state)
{
	struct told *t = *state;
	const char *text;

	assert_int_equal(figures_ask("/nowhere/control", &t->a, &t->f, &t->why), 1);
	assert_non_null(strstr(t->why.text, "nobody listens on /nowhere/control"));
	text = metrics_text(&t->f, DIALECT_PROMETHEUS, &t->a);
	assert_non_null(strstr(text, "\nkith_up 0\n"));
	assert_null(strstr(text, "kith_records"));
}

static void refusal_and_what_is_no_reply_are_no_figures(void **state)
{
	const struct ctl_reply refusal = {
		.problem = PROBLEM_NOT_ALLOWED, .problem_text = "no", .last = true
	};
	static const uint8_t junk[] = { 0xff, 0xff, 0xff };
	struct told *t = *state;
	bool last;

	assert_int_equal(take(t, &refusal, &last), 1);
	assert_string_equal(t->why.text, "not-allowed: no");
	assert_int_equal(figures_take(SPAN_OF(junk), &t->a, &t->f, &last, &t->why), 1);
	assert_string_equal(t->why.text, "kithd sent what is not a Reply");
}

static void openmetrics_is_for_who_accepts_it(void **state)
{
	const struct ctl_status status = { .now_ms = 1000, .commits = 7 };
	struct told *t = *state;
	const char *text;
	bool last;

	assert_int_equal(dialect_of(NULL), DIALECT_PROMETHEUS);
	assert_int_equal(dialect_of("text/plain"), DIALECT_PROMETHEUS);
	assert_int_equal(
		dialect_of("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
		DIALECT_OPENMETRICS);
	t->f.up = true;
	assert_int_equal(
		take(t, &(struct ctl_reply){ .status = &status, .last = true }, &last), 0);
	text = metrics_text(&t->f, DIALECT_OPENMETRICS, &t->a);
	assert_non_null(strstr(text, "# TYPE kith_commits counter\nkith_commits_total 7\n"));
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_figure_is_said_in_its_base_unit),
		TEST(peer_is_a_label_whatever_it_is_called),
		TEST(daemon_that_does_not_answer_is_down_and_nothing_else_is_said),
		TEST(refusal_and_what_is_no_reply_are_no_figures),
		TEST(openmetrics_is_for_who_accepts_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
