/* SPDX-License-Identifier: Apache-2.0 */

/*
 * kithctl's tables and its reading of a command line.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <getopt.h>

#include "daemon/cli/cli.h"

static struct cli cli;
static bool stop;

static int setup(void **state)
{
	(void)state;
	cli = (struct cli){ 0 };
	arena_init(&cli.arena, 0);
	optind = 0; /* getopt begins anew */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&cli.arena);
	return 0;
}

/* A command line in one string, parted by '|'. */
static int give(const char *line)
{
	char **argv = arena_array(&cli.arena, 32, sizeof(*argv));
	char *at = arena_text(&cli.arena, "kithctl|%s", line), *word;
	int argc = 0;

	assert_non_null(argv);
	while ((word = strsep(&at, "|")) != NULL && argc < 31)
		argv[argc++] = word;
	if (argc == 2 && !*argv[1])
		argc = 1;
	return args_read(&cli, argc, argv, &stop);
}

static void the_table_says_what_control_def_says(void **state)
{
	size_t served = 0, n = 0;

	(void)state;
#define VERB(id, number_, words_, changes_, who_, help_)                                       \
	n++;                                                                                   \
	for (size_t i = 0; i < n_verbs; i++)                                                   \
		if (verbs[i].number == (number_)) {                                            \
			served++;                                                              \
			assert_string_equal(verbs[i].words, words_);                           \
			assert_string_equal(verbs[i].help, help_);                             \
			assert_int_equal(                                                      \
				(verbs[i].options & OPT_BIT(DRY_RUN)) != 0, changes_);         \
		}
#include <kith/control.def>
#undef VERB
	assert_int_equal(served, n);
}

static void no_two_options_share_a_name_or_a_letter(void **state)
{
	static const struct {
		const char *name;
		char letter;
	} all[] = {
#define OPTION(id, name, letter, arg, help) { name, letter },
#include "daemon/cli/options.def"
#undef OPTION
	};

	(void)state;
	assert_true(OPT_COUNT <= 64);
	for (size_t i = 0; i < COUNT(all); i++)
		for (size_t k = i + 1; k < COUNT(all); k++) {
			assert_string_not_equal(all[i].name, all[k].name);
			assert_true(all[i].letter == 0 || all[i].letter != all[k].letter);
		}
}

static void options_may_stand_before_between_and_behind_the_words(void **state)
{
	(void)state;
	assert_int_equal(give("--json|move|-s|/x|offer|ab12cd|--to|north-east|--reason=E3"), 0);
	assert_false(stop);
	assert_int_equal(cli.verb->number, VERB_MOVE_OFFER);
	assert_true(cli.json);
	assert_int_equal(cli.n_words, 1);
	assert_string_equal(cli.words[0], "ab12cd");
	assert_string_equal(cli.given[OPT_SOCKET], "/x");
	assert_string_equal(cli.given[OPT_TO], "north-east");
	assert_string_equal(cli.given[OPT_REASON], "E3");
	assert_null(cli.given[OPT_TEXT]);
}

static void endpoints_are_kept_in_their_order_up_to_the_limit(void **state)
{
	(void)state;
	assert_int_equal(give("region|init|n|-e|a|-e|b|-e|c|-e|d"), 0);
	assert_int_equal(cli.n_endpoints, 4);
	assert_string_equal(cli.endpoints[0], "a");
	assert_string_equal(cli.endpoints[3], "d");
}

static void what_a_verb_does_not_take_is_a_usage_error(void **state)
{
	static const char *const wrong[] = {
		"",
		"dance",
		"record",
		"record|dance",
		"record|list|--to|x",
		"circle",
		"circle|a|b",
		"status|--color|pink",
		"--nothing",
		"status|--socket",
		"region|init|n|-e|a|-e|b|-e|c|-e|d|-e|e",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		cli.verb = NULL;
		memset(cli.given, 0, sizeof(cli.given));
		cli.n_endpoints = 0;
		optind = 0;
		assert_int_equal(give(wrong[i]), CLI_USAGE);
		assert_true(stop);
	}
}

static void help_is_there_for_every_verb(void **state)
{
	/* The text goes to standard output, where TAP's lines are not disturbed by it. */
	int out = dup(STDOUT_FILENO);

	(void)state;
	assert_true(out >= 0);
	assert_non_null(freopen("/dev/null", "w", stdout));
	for (size_t i = 0; i < n_verbs; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "%s|--help", verbs[i].words);
		for (char *p = line; *p; p++)
			*p = *p == ' ' ? '|' : *p;
		memset(cli.given, 0, sizeof(cli.given));
		optind = 0;
		assert_int_equal(give(line), 0);
		assert_true(stop);
		assert_ptr_equal(cli.verb, &verbs[i]);
	}
	(void)fflush(stdout);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	(void)close(out);
}

static void numbers_are_numbers_and_in_range(void **state)
{
	static const char *const wrong[] = { "", "x", "1x", "-1", " 1", "0x10", "0", "201",
		"99999999999999999999999" };
	uint64_t n = 7;

	(void)state;
	assert_int_equal(cli_number(&cli, OPT_BATCH, 1, 200, &n), 0);
	assert_int_equal(n, 7);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		cli.given[OPT_BATCH] = wrong[i];
		assert_int_equal(cli_number(&cli, OPT_BATCH, 1, 200, &n), CLI_USAGE);
		assert_int_equal(n, 7);
	}
	cli.given[OPT_BATCH] = "200";
	assert_int_equal(cli_number(&cli, OPT_BATCH, 1, 200, &n), 0);
	assert_int_equal(n, 200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_table_says_what_control_def_says),
		TEST(no_two_options_share_a_name_or_a_letter),
		TEST(options_may_stand_before_between_and_behind_the_words),
		TEST(endpoints_are_kept_in_their_order_up_to_the_limit),
		TEST(what_a_verb_does_not_take_is_a_usage_error),
		TEST(help_is_there_for_every_verb),
		TEST(numbers_are_numbers_and_in_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
