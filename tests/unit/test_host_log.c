/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What kithd says: tells as lines, and the form of a line on standard error.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/host/journal.h"
#include "daemon/host/tell.h"

/* Standard error goes into a file while a test looks at it. */
struct ear {
	FILE *file;
	int before;
};

static int listen_in(void **state)
{
	struct ear *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	e->file = tmpfile();
	assert_non_null(e->file);
	e->before = dup(STDERR_FILENO);
	(void)fflush(stderr);
	assert_true(dup2(fileno(e->file), STDERR_FILENO) >= 0);
	*state = e;
	return 0;
}

static int listen_out(void **state)
{
	struct ear *e = *state;

	(void)fflush(stderr);
	assert_true(dup2(e->before, STDERR_FILENO) >= 0);
	close(e->before);
	(void)fclose(e->file);
	free(e);
	return 0;
}

static void heard(struct ear *e, char *into, size_t room)
{
	(void)fflush(stderr);
	rewind(e->file);
	into[fread(into, 1, room - 1, e->file)] = '\0';
}

static void assert_words(const struct tell *t, const char *want)
{
	char *text = tell_text(t);

	assert_string_equal(text, want);
	free(text);
}

static const struct id some = { { 0x3f, 0xa2, 0x11, 0x9c, 0x55 } };

static void tell_is_a_line_in_words(void **state)
{
	struct tell t = {
		.verb = TELL_STORES, .record = some, .n = 12, .peer_name = "south-west"
	};

	(void)state;
	assert_words(&t, "stores 12 changes of 3fa2119c.. from south-west");
	t.n = 1;
	assert_words(&t, "stores 1 change of 3fa2119c.. from south-west");
}

static void what_is_not_there_is_left_out(void **state)
{
	(void)state;
	assert_words(&(struct tell){ .verb = TELL_REFUSES, .verdict = "bad signature" },
		"refuses bad signature");
	assert_words(&(struct tell){ .verb = TELL_REFUSES,
			     .verdict = "bad signature",
			     .peer = some,
			     .text = "link 4" },
		"refuses bad signature of 3fa2119c..: link 4");
}

static void every_verb_has_a_line(void **state)
{
	(void)state;
	for (unsigned v = 0; v < TELL_COUNT; v++) {
		struct tell t = { .verb = v,
			.peer = some,
			.record = some,
			.n = 3,
			.verdict = "why",
			.text = "text" };
		char *text;

		strcpy(t.peer_name, "north");
		text = tell_text(&t);
		assert_non_null(text);
		assert_true(strlen(text) > 0);
		assert_null(strpbrk(text, "{}[]"));
		free(text);
	}
}

static void foreign_text_cannot_forge_a_line(void **state)
{
	struct ear *e = *state;
	char text[256];

	journal_open(LOG_INFO);
	journal_say(LOG_WARNING, NULL, "peer says %s", "hello\nkithd: all is well\x1b[2J");
	heard(e, text, sizeof(text));
	assert_string_equal(text, "kithd: warning: peer says hello?kithd: all is well?[2J\n");
}

static void less_urgent_than_the_level_is_not_said(void **state)
{
	struct ear *e = *state;
	char text[256];

	journal_open(LOG_WARNING);
	journal_say(LOG_INFO, NULL, "info");
	journal_set_level(LOG_INFO);
	journal_say(LOG_INFO, NULL, "now");
	journal_say(LOG_DEBUG, NULL, "debug");
	heard(e, text, sizeof(text));
	assert_string_equal(text, "kithd: now\n");
}

static void backlog_of_a_thousand_wants_writes_nothing_at_the_usual_level(void **state)
{
	struct ear *e = *state;
	char text[256];

	journal_open(LOG_INFO);
	for (unsigned i = 0; i < 1000; i++) {
		tell_log(&(struct tell){ .verb = TELL_WANTS, .record = some, .peer = some });
		tell_log(&(struct tell){ .verb = TELL_STORES, .record = some, .n = 1 });
		tell_log(&(struct tell){ .verb = TELL_HAS, .record = some, .n = 1 });
	}
	heard(e, text, sizeof(text));
	assert_string_equal(text, "");
}

static void peer_that_stays_away_is_said_to_be_lost_once(void **state)
{
	struct ear *e = *state;
	char text[256];
	struct tell t = { .verb = TELL_LOSES, .peer_name = "north", .text = "no answer" };

	journal_open(LOG_INFO);
	tell_log(&t);
	t.again = true;
	for (unsigned i = 0; i < 100; i++)
		tell_log(&t);
	heard(e, text, sizeof(text));
	assert_string_equal(text, "kithd: has lost north: no answer\n");
}

static void journal_of_another_stream_is_not_ours(void **state)
{
	struct ear *e = *state;
	char text[256];

	assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
	journal_open(LOG_INFO);
	journal_say(LOG_INFO, NULL, "plain");
	unsetenv("JOURNAL_STREAM");
	heard(e, text, sizeof(text));
	assert_string_equal(text, "kithd: plain\n");
}

int main(void)
{
#define HEARD(t) cmocka_unit_test_setup_teardown(t, listen_in, listen_out)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tell_is_a_line_in_words),
		cmocka_unit_test(what_is_not_there_is_left_out),
		cmocka_unit_test(every_verb_has_a_line),
		HEARD(foreign_text_cannot_forge_a_line),
		HEARD(less_urgent_than_the_level_is_not_said),
		HEARD(backlog_of_a_thousand_wants_writes_nothing_at_the_usual_level),
		HEARD(peer_that_stays_away_is_said_to_be_lost_once),
		HEARD(journal_of_another_stream_is_not_ours),
	};
#undef HEARD
	return cmocka_run_group_tests(tests, NULL, NULL);
}
