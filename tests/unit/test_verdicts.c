/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table of verdicts, and that core has no other.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/inside.h"

static const struct {
	const char *name, *rule, *cause, *next;
} table[] = {
#define VERDICT(id, name, rule, cause, next) { name, rule, cause, next },
#include <kith/verdicts.def>
#undef VERDICT
};

/* A whole text file; NULL: not there. */
static char *slurp(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 20);

	assert_non_null(text);
	if (!f || !fread(text, 1, (1 << 20) - 1, f)) {
		free(text);
		text = NULL;
	}
	if (f)
		(void)fclose(f);
	return text;
}

static void every_verdict_has_a_name_of_its_own_a_cause_and_what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_string_equal(verdict_name((enum verdict)i), table[i].name);
		assert_true(strspn(table[i].name, "abcdefghijklmnopqrstuvwxyz-") ==
			    strlen(table[i].name));
		assert_true(strlen(table[i].cause) > 10 && strlen(table[i].next) > 10);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(table[i].name, table[k].name);
	}
	assert_null(verdict_name((enum verdict)COUNT(table)));
}

static void every_verdict_quotes_a_rule_that_stands_in_the_protocol(void **state)
{
	char *protocol = slurp("proto/PROTOCOL.md");

	(void)state;
	assert_non_null(protocol);
	for (size_t i = 0; i < COUNT(table); i++) {
		const char *at = table[i].rule;

		do { /* "P7.5, P7.7" */
			const int len = (int)strcspn(at, ",");
			char rule[32];

			assert_true(len > 0);
			(void)snprintf(rule, sizeof(rule), "**%.*s**", len, at);
			assert_non_null(strstr(protocol, rule));
			at += len;
			at += strspn(at, ", ");
		} while (*at);
	}
	free(protocol);
}

static void every_refusal_of_a_run_has_a_verdict_of_its_own(void **state)
{
	(void)state;
	for (int v = CHAIN_E_GAP; v <= CHAIN_E_QUOTA; v++)
		for (int w = CHAIN_E_GAP; w < v; w++)
			assert_int_not_equal(chain_verdict(v), chain_verdict(w));
}

/* Whether .text says .what with a quotation mark before the statement ends. */
static bool says_itself(const char *text, const char *what)
{
	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		if (strcspn(at + strlen(what), "\"") < strcspn(at + strlen(what), ";,}"))
			return true;
	return false;
}

static void core_tells_no_verdict_that_is_not_in_the_table(void **state)
{
	glob_t files;

	(void)state;
	assert_int_equal(glob("daemon/core/*.c", 0, NULL, &files), 0);
	assert_true(files.gl_pathc > 10);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *text = slurp(files.gl_pathv[i]);

		assert_non_null(text);
		assert_false(says_itself(text, ".verdict ="));
		free(text);
	}
	globfree(&files);
	assert_true(says_itself("t.verdict = \"odd\";", ".verdict ="));
	assert_false(says_itself("t.verdict = name, \"odd\"", ".verdict ="));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_has_a_name_of_its_own_a_cause_and_what_to_do),
		cmocka_unit_test(every_verdict_quotes_a_rule_that_stands_in_the_protocol),
		cmocka_unit_test(every_refusal_of_a_run_has_a_verdict_of_its_own),
		cmocka_unit_test(core_tells_no_verdict_that_is_not_in_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
