/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is wrong, since when, and the next command: found from replies that a test makes up.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/cli/cli.h"

#define NOW    UINT64_C(1767225600000)
#define MINUTE UINT64_C(60000)
#define DAY    (1440 * MINUTE)

static struct arena arena;
static json_t *reply;
static struct judged judged;

/* A region where nothing is wrong. */
static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	reply = json_pack("{s:{s:s, s:s, s:I, s:I, s:I, s:I, s:I},"
			  " s:[{s:s, s:s, s:I, s:I, s:I, s:I}], s:[]}",
		"status", "name", "north", "link", "connected", "peers", (json_int_t)1,
		"link_since_ms", (json_int_t)(NOW - DAY), "store_bytes", (json_int_t)1000,
		"store_map_bytes", (json_int_t)1000000, "disk_free_bytes", (json_int_t)1 << 40,
		"peers", "name", "south", "state", "live", "since_ms", (json_int_t)(NOW - DAY),
		"last_heard_ms", (json_int_t)NOW, "clock_skew_ms", (json_int_t)-40, "unsent",
		(json_int_t)0, "moves");
	assert_non_null(reply);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(reply);
	arena_done(&arena);
	return 0;
}

static json_t *status(void)
{
	return json_object_get(reply, "status");
}

static json_t *peer(void)
{
	return json_array_get(json_object_get(reply, "peers"), 0);
}

static void set(json_t *object, const char *key, uint64_t v)
{
	assert_int_equal(json_object_set_new(object, key, json_integer((json_int_t)v)), 0);
}

static void set_text(json_t *object, const char *key, const char *v)
{
	assert_int_equal(json_object_set_new(object, key, json_string(v)), 0);
}

/* The one finding there is. */
static const struct finding *only(void)
{
	assert_int_equal(judge(&arena, reply, NOW, &judged), 0);
	assert_int_equal(judged.n, 1);
	assert_true(*judged.v[0].next != '\0');
	return &judged.v[0];
}

static void where_nothing_is_wrong_nothing_is_found(void **state)
{
	(void)state;
	assert_int_equal(judge(&arena, reply, NOW, &judged), 0);
	assert_int_equal(judged.n, 0);
	assert_int_equal(judged.worst, GRAVE_NONE);
}

static void a_full_store_is_an_alarm_with_its_time(void **state)
{
	(void)state;
	set(status(), "full_since_ms", NOW - MINUTE);
	set(status(), "store_bytes", 999000);
	assert_string_equal(only()->name, "full");
	assert_int_equal(judged.worst, GRAVE_ALARM);
	assert_int_equal(only()->since_ms, NOW - MINUTE);
}

static void what_fills_up_is_said_before_it_is_full(void **state)
{
	(void)state;
	set(status(), "store_bytes", 800001);
	assert_string_equal(only()->name, "map-nearly-full");
	assert_int_equal(judged.worst, GRAVE_ATTENTION);
	set(status(), "store_bytes", 800000);
	set(status(), "disk_free_bytes", 1 << 29);
	assert_string_equal(only()->name, "disk-low");
}

static void a_fork_is_an_alarm(void **state)
{
	(void)state;
	set(status(), "forks", 2);
	set(status(), "forks_since_ms", NOW - DAY);
	assert_string_equal(only()->name, "forked");
	assert_int_equal(judged.worst, GRAVE_ALARM);
	assert_non_null(strstr(only()->text, "one region signed"));
	set_text(status(), "forked_by", "south, east");
	assert_non_null(strstr(only()->text, "south, east signed two histories"));
}

static void without_kith_link_its_absence_is_said_and_not_that_of_each_peer(void **state)
{
	(void)state;
	set_text(status(), "link", "absent");
	set(status(), "link_since_ms", NOW - 1000);
	set_text(peer(), "state", "down");
	set(peer(), "since_ms", NOW - DAY);
	assert_string_equal(only()->name, "link-absent");
	assert_int_equal(judged.worst, GRAVE_ATTENTION);
	set(status(), "link_since_ms", NOW - MINUTE);
	assert_int_equal(only()->grave, GRAVE_ALARM);
}

static void a_peer_that_is_away_is_noticed_after_half_a_minute_and_alarms_after_a_day(
	void **state)
{
	(void)state;
	set_text(peer(), "state", "dialling");
	set(peer(), "since_ms", NOW - 30000);
	assert_int_equal(judge(&arena, reply, NOW, &judged), 0);
	assert_int_equal(judged.n, 0);
	set(peer(), "since_ms", NOW - 30001);
	set(peer(), "unsent", 17);
	set_text(peer(), "problem", "connection refused by tcp://x");
	assert_string_equal(only()->name, "peer-away");
	assert_string_equal(only()->about, "south");
	assert_int_equal(only()->since_ms, NOW - 30001);
	assert_int_equal(only()->grave, GRAVE_ATTENTION);
	assert_non_null(strstr(only()->text, "connection refused"));
	assert_non_null(strstr(only()->text, "17 changes wait"));
	assert_string_equal(only()->next, "kithctl doctor --peer south");
	set(peer(), "since_ms", NOW - DAY - 1);
	assert_int_equal(only()->grave, GRAVE_ALARM);
}

static void a_verdict_about_a_peer_is_explained_and_versions_lead_to_the_upgrade(void **state)
{
	(void)state;
	set_text(peer(), "state", "down");
	set(peer(), "since_ms", NOW - MINUTE);
	set_text(peer(), "problem", "card-wrong");
	assert_string_equal(only()->next, "kithctl explain card-wrong");
	set_text(peer(), "problem", "no-version-in-common");
	assert_string_equal(only()->next, "kithctl upgrade --check");
}

static void a_peer_that_breaks_a_rule_is_named_for_a_day(void **state)
{
	static const char *const states[] = { "live", "down" };

	(void)state;
	for (size_t i = 0; i < COUNT(states); i++) {
		set_text(peer(), "state", states[i]);
		set(peer(), "since_ms", NOW - 1000);
		set_text(peer(), "problem", "signature-wrong");
		set(peer(), "problem_ms", NOW - DAY);
		assert_string_equal(only()->name, "peer-problem");
		assert_string_equal(only()->about, "south");
		assert_int_equal(only()->grave, GRAVE_ATTENTION);
		assert_non_null(strstr(only()->text, "not signed by the key"));
		assert_string_equal(only()->next, "kithctl explain signature-wrong");
		set(peer(), "problem_ms", NOW - DAY - 1);
		assert_int_equal(judge(&arena, reply, NOW, &judged), 0);
		assert_int_equal(judged.n, 0);
		set(peer(), "problem_ms", NOW);
		set_text(peer(), "problem", "connection refused by tcp://x");
		assert_int_equal(judge(&arena, reply, NOW, &judged), 0);
		assert_int_equal(judged.n, 0);
	}
}

static void a_live_peer_that_takes_nothing_is_said(void **state)
{
	(void)state;
	set(peer(), "oldest_unreplicated_ms", 15 * MINUTE);
	assert_int_equal(judge(&arena, reply, NOW, &judged), 0);
	assert_int_equal(judged.n, 0);
	set(peer(), "oldest_unreplicated_ms", 16 * MINUTE);
	assert_string_equal(only()->name, "peer-behind");
	assert_int_equal(only()->since_ms, NOW - 16 * MINUTE);
	set(peer(), "oldest_unreplicated_ms", DAY + 1);
	assert_int_equal(only()->grave, GRAVE_ALARM);
}

static void wants_that_stay_are_said(void **state)
{
	(void)state;
	set(peer(), "wants", 3);
	set(peer(), "wants_since_ms", NOW - 16 * MINUTE);
	assert_string_equal(only()->name, "wants");
	assert_non_null(strstr(only()->text, "3 records"));
}

static void a_clock_is_said_in_the_right_direction(void **state)
{
	(void)state;
	assert_int_equal(json_object_set_new(peer(), "clock_skew_ms", json_integer(-20000)), 0);
	assert_string_equal(only()->name, "clock");
	assert_non_null(strstr(only()->text, "20 s behind ours"));
	assert_int_equal(json_object_set_new(peer(), "clock_skew_ms", json_integer(20000)), 0);
	assert_non_null(strstr(only()->text, "20 s ahead of ours"));
}

static void a_move_that_is_late_is_said_and_is_an_alarm_when_one_is_far_too_late(void **state)
{
	json_t *moves = json_object_get(reply, "moves");

	(void)state;
	for (uint64_t days = 2; days <= 5; days++)
		assert_int_equal(
			json_array_append_new(
				moves, json_pack("{s:I, s:s, s:s*}", "since_ms",
					       (json_int_t)(NOW - days * DAY - 1), "waits_for",
					       days == 5 ? "us to accept" : "south", "late",
					       days > 2 ? "warning" : NULL)),
			0);
	assert_string_equal(only()->name, "moves-late");
	assert_int_equal(only()->grave, GRAVE_ATTENTION);
	assert_non_null(strstr(only()->text, "3 moves wait"));
	assert_non_null(strstr(only()->text, "us to accept"));
	assert_int_equal(only()->since_ms, NOW - 5 * DAY - 1);
	assert_int_equal(
		json_object_set_new(json_array_get(moves, 3), "late", json_string("alarm")), 0);
	assert_int_equal(only()->grave, GRAVE_ALARM);
}

static void who_may_not_look_at_moves_is_told_how_many_are_late(void **state)
{
	(void)state;
	set(status(), "moves_warning", 2);
	set(status(), "move_oldest_ms", 5 * DAY);
	assert_string_equal(only()->name, "moves-late");
	assert_int_equal(only()->grave, GRAVE_ATTENTION);
	assert_int_equal(only()->since_ms, NOW - 5 * DAY);
	set(status(), "moves_alarm", 1);
	assert_int_equal(only()->grave, GRAVE_ALARM);
	assert_non_null(strstr(only()->text, "3 moves wait"));
}

static void requests_of_others_are_a_note(void **state)
{
	(void)state;
	set(status(), "requests_in", 1);
	assert_string_equal(only()->name, "requests");
	assert_int_equal(judged.worst, GRAVE_NOTE);
	assert_string_equal(only()->next, "kithctl move requests");
}

static void the_gravest_comes_first_and_a_note_is_nothing_wrong(void **state)
{
	(void)state;
	set(status(), "peers", 0);
	assert_string_equal(only()->name, "no-peers");
	assert_int_equal(judged.worst, GRAVE_NOTE);
	assert_string_equal(grave_word(judged.worst), "ok");
	set(status(), "disk_free_bytes", 1 << 29);
	set(status(), "forks", 1);
	assert_int_equal(judge(&arena, reply, NOW, &judged), 0);
	assert_int_equal(judged.n, 3);
	assert_string_equal(judged.v[0].name, "forked");
	assert_string_equal(judged.v[1].name, "disk-low");
	assert_string_equal(judged.v[2].name, "no-peers");
}

static void what_systemctl_shows_is_read_by_its_keys(void **state)
{
	struct unit_state u;

	(void)state;
	unit_parse("Result=exit-code\nLoadState=loaded\nActiveState=failed\nSubState=failed\n"
		   "StateChangeTimestamp=Sat 2026-11-21 14:02:11 UTC\n",
		&u);
	assert_true(u.known);
	assert_string_equal(u.active, "failed");
	assert_string_equal(u.result, "exit-code");
	assert_string_equal(u.since, "Sat 2026-11-21 14:02:11 UTC");
	unit_parse("Failed to connect to bus\n", &u);
	assert_false(u.known);
}

static void a_program_that_says_too_much_fails_or_is_not_there_hurts_nobody(void **state)
{
	const char *const much[] = { "seq", "100000", NULL },
			  *const none[] = { "no-such", NULL },
			  *const fails[] = { "sh", "-c", "echo so; exit 7", NULL };
	char text[16];

	(void)state;
	assert_int_equal(run_program(much, text, sizeof(text)), 0);
	assert_string_equal(text, "1\n2\n3\n4\n5\n6\n7\n8");
	assert_int_equal(run_program(none, text, sizeof(text)), -1);
	assert_int_equal(run_program(fails, text, sizeof(text)), 7);
	assert_string_equal(text, "so\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(where_nothing_is_wrong_nothing_is_found),
		TEST(a_full_store_is_an_alarm_with_its_time),
		TEST(what_fills_up_is_said_before_it_is_full),
		TEST(a_fork_is_an_alarm),
		TEST(without_kith_link_its_absence_is_said_and_not_that_of_each_peer),
		TEST(a_peer_that_is_away_is_noticed_after_half_a_minute_and_alarms_after_a_day),
		TEST(a_verdict_about_a_peer_is_explained_and_versions_lead_to_the_upgrade),
		TEST(a_peer_that_breaks_a_rule_is_named_for_a_day),
		TEST(a_live_peer_that_takes_nothing_is_said),
		TEST(wants_that_stay_are_said),
		TEST(a_clock_is_said_in_the_right_direction),
		TEST(a_move_that_is_late_is_said_and_is_an_alarm_when_one_is_far_too_late),
		TEST(who_may_not_look_at_moves_is_told_how_many_are_late),
		TEST(requests_of_others_are_a_note),
		TEST(the_gravest_comes_first_and_a_note_is_nothing_wrong),
		TEST(what_systemctl_shows_is_read_by_its_keys),
		TEST(a_program_that_says_too_much_fails_or_is_not_there_hurts_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
