/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Explaining
 *
 * Every code that kith shows anywhere, from the tables that its programs are made from:
 * problems of requests, verdicts about other regions, reasons and refusals of moves, rules of
 * returns. Needs no kithd.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <kith/care.h>

#include "daemon/cli/cli.h"

struct code {
	const char *kind, *number, *name, *rule, *text, *next;
};

#define NUMBER_TEXT(n) #n
static const struct code codes[] = {
#define PROBLEM(id, number, name, rule, cause, next)                                           \
	{ "problem", NUMBER_TEXT(number), name, rule, cause, next },
#include <kith/control.def>
#undef PROBLEM
#define VERDICT(id, name, rule, cause, next) { "verdict", NULL, name, rule, cause, next },
#include <kith/verdicts.def>
#undef VERDICT
#define REASON(number, name, text)                                                             \
	{ "reason of an offer", NUMBER_TEXT(number), name, "P6.1", text, NULL },
#include <kith/reasons.def>
#undef REASON
#define REFUSAL(number, name, rule, cause, next)                                               \
	{ "refusal of a request", NUMBER_TEXT(number), name, rule, cause, next },
#include <kith/reasons.def>
#undef REFUSAL
#define EMERGENCY(number, name, text)                                                          \
	{ "reason of guardians", NUMBER_TEXT(number), name, "P6.12", text, NULL },
#include <kith/reasons.def>
#undef EMERGENCY
#define DECLINE(number, name, rule, cause, next)                                               \
	{ "code of a refusal", NUMBER_TEXT(number), name, rule, cause, next },
#include <kith/reasons.def>
#undef DECLINE
};

const char *verdict_text(const char *name)
{
	for (size_t i = 0; i < COUNT(codes); i++)
		if (strcmp(codes[i].kind, "verdict") == 0 && strcmp(codes[i].name, name) == 0)
			return codes[i].text;
	return NULL;
}

static bool meant(const struct code *x, const char *what)
{
	return !what || (x->number && strcasecmp(x->number, what) == 0) ||
	       (x->name && strcasecmp(x->name, what) == 0);
}

static int add(json_t *list, const struct code *x)
{
	json_t *j = json_pack("{s:s, s:s*, s:s*, s:s*, s:s*, s:s*}", "kind", x->kind, "code",
		x->number, "name", x->name, "rule", x->rule && *x->rule ? x->rule : NULL,
		"text", x->text, "next", x->next);

	return j && json_array_append_new(list, j) == 0 ? 0 : err_new(-ENOMEM);
}

static int add_all(json_t *list, const char *what)
{
	int rc = 0;

	for (size_t i = 0; i < COUNT(codes) && rc == 0; i++)
		if (meant(&codes[i], what))
			rc = add(list, &codes[i]);
	for (unsigned i = 0; i < CARE_RULES_MAX && care_rule(i) && rc == 0; i++) {
		const struct care_rule *rule = care_rule(i);
		const struct code x = {
			.kind = "rule of a return", .number = rule->code, .text = rule->text
		};

		if (meant(&x, what))
			rc = add(list, &x);
	}

	return rc;
}

static int show(struct cli *c, const json_t *tree)
{
	static const struct column row[] = {
		{ "kind", "KIND", FORM_TEXT, WHOLE, false },
		{ "code", "CODE", FORM_TEXT, WHOLE, false },
		{ "name", "NAME", FORM_TEXT, WHOLE, false },
		{ "text", "WHAT IT SAYS", FORM_TEXT, WRAP, false },
		{ "next", "WHAT TO DO", FORM_TEXT, WRAP, false },
	};
	static const struct column block[] = {
		{ "kind", "what it is", FORM_TEXT, WHOLE, false },
		{ "code", "code", FORM_TEXT, WHOLE, false },
		{ "name", "name", FORM_TEXT, WHOLE, false },
		{ "text", "what it says", FORM_TEXT, WHOLE, false },
		{ "rule", "rule of the protocol", FORM_TEXT, WHOLE, false },
		{ "next", "what to do", FORM_TEXT, WHOLE, false },
	};
	const json_t *list = json_object_get(tree, "explained");
	int rc = 0;

	if (c->n_words == 0)
		return show_table(c, tree, "explained", "", row, COUNT(row));
	for (size_t i = 0; i < json_array_size(list) && rc == 0; i++) {
		if (i > 0)
			(void)printf("\n");
		rc = show_block(c, json_array_get(list, i), block, COUNT(block));
	}

	return rc;
}

int verb_explain(struct cli *c)
{
	const char *what = c->n_words > 0 ? c->words[0] : NULL;
	json_t *tree CLEANUP(json_drop) = json_pack("{s:[]}", "explained");
	json_t *list = json_object_get(tree, "explained");
	int rc = list ? add_all(list, what) : err_new(-ENOMEM);

	if (rc < 0)
		return err_up(rc);
	if (json_array_size(list) == 0)
		return cli_say(CLI_FAILED,
			"nothing is called \"%s\"\n  next: kithctl explain lists everything",
			what);

	return c->json ? show_json(c, tree, "explained") : show(c, tree);
}
