/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Arguments
 *
 * Options may stand anywhere. The first one or two words name the verb; what else it takes is
 * in its row of the table in verbs.c. Help is made from the tables, so it cannot lag behind.
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cli/cli.h"

static const struct {
	const char *name, *arg, *help;
	char letter;
} options[OPT_COUNT] = {
#define OPTION(id, name, letter, arg, help) { name, arg, help, letter },
#include "daemon/cli/options.def"
#undef OPTION
};

#define LONG_ONLY 256 /* getopt's values past every letter: LONG_ONLY + enum opt */

static void help_options(uint64_t which)
{
	for (size_t i = 0; i < OPT_COUNT; i++) {
		char left[64];

		if (!(which >> i & 1))
			continue;
		(void)snprintf(left, sizeof(left), "%s%c%s--%s%s%s",
			options[i].letter ? "-" : " ",
			options[i].letter ? options[i].letter : ' ',
			options[i].letter ? ", " : "  ", options[i].name,
			options[i].arg ? " " : "", options[i].arg ? options[i].arg : "");
		(void)printf("  %-30s %s\n", left, options[i].help);
	}
}

static void help_all(void)
{
	(void)printf("kithctl [OPTION...] VERB [ARGUMENT...]\n\n"
		     "Speaks with this region's kithd.\n\nVerbs:\n");
	for (size_t i = 0; i < n_verbs; i++)
		(void)printf("  %-18s %s\n", verbs[i].words, verbs[i].help);
	(void)printf("\nOptions of every verb:\n");
	help_options(options_common);
	(void)printf("\nkithctl VERB --help says what else a verb takes. A RECORD is 6 or more "
		     "digits "
		     "of its id,\nor AUTHORITY/CHILD. Exits: 0 done, 1 refused or failed, 2 "
		     "usage, 3 "
		     "kithd does not run,\n4 interrupted or the connection broke. See "
		     "kithctl(1) and "
		     "kith(7).\n");
}

static void help_verb(const struct command *v)
{
	(void)printf(
		"kithctl %s%s%s\n\n%s\n", v->words, *v->takes ? " " : "", v->takes, v->help);
	if (v->more)
		(void)printf("\n%s\n", v->more);
	if (v->options) {
		(void)printf("\nOptions:\n");
		help_options(v->options);
	}
	(void)printf("\nOptions of every verb:\n");
	help_options(options_common);
}

/* The verb that one or two words name; *ret_n is how many. */
static const struct command *verb_named(char **words, size_t n, size_t *ret_n)
{
	for (size_t i = 0; i < n_verbs; i++) {
		const char *space = strchr(verbs[i].words, ' ');
		size_t first =
			space ? (size_t)(space - verbs[i].words) : strlen(verbs[i].words);

		if (n == 0 || strlen(words[0]) != first ||
			memcmp(words[0], verbs[i].words, first) != 0)
			continue;
		*ret_n = space ? 2 : 1;
		if (!space || (n > 1 && strcmp(words[1], space + 1) == 0))
			return &verbs[i];
	}

	return NULL;
}

/* "record" alone: what there is to do with it. */
static int verb_unknown(char **words, size_t n, bool help)
{
	bool any = false;

	for (size_t i = 0; i < n_verbs; i++) {
		size_t len = strlen(words[0]);

		if (strncmp(verbs[i].words, words[0], len) != 0 || verbs[i].words[len] != ' ')
			continue;
		if (!any && !help && n > 1)
			(void)cli_say(0, "there is no \"%s %s\"; there is", words[0], words[1]);
		else if (!any && !help)
			(void)cli_say(0, "\"%s\" is not enough; there is", words[0]);
		any = true;
		(void)fprintf(
			help ? stdout : stderr, "  %-18s %s\n", verbs[i].words, verbs[i].help);
	}
	if (any)
		return help ? 0 : CLI_USAGE;

	return cli_say(CLI_USAGE, "there is no verb \"%s\"\n  next: kithctl --help", words[0]);
}

static int option_taken(struct cli *c, enum opt o, const char *value)
{
	c->given[o] = value ? value : "";
	if (o != OPT_ENDPOINT)
		return 0;
	if (c->n_endpoints == ENDPOINTS_MAX)
		return cli_say(CLI_USAGE, "at most %d endpoints", ENDPOINTS_MAX);
	c->endpoints[c->n_endpoints++] = value;

	return 0;
}

static int options_read(struct cli *c, int argc, char **argv)
{
	struct option longs[OPT_COUNT + 1] = { 0 };
	char letters[3 * OPT_COUNT + 1], *p = letters;
	int got;

	for (size_t i = 0; i < OPT_COUNT; i++) {
		longs[i] = (struct option){ options[i].name,
			options[i].arg ? required_argument : no_argument, NULL,
			LONG_ONLY + (int)i };
		if (!options[i].letter)
			continue;
		*p++ = options[i].letter;
		if (options[i].arg)
			*p++ = ':';
	}
	*p = '\0';

	while ((got = getopt_long(argc, argv, letters, longs, NULL)) >= 0) {
		size_t o = (size_t)(got - LONG_ONLY);
		int rc;

		if (got == '?') {
			(void)fprintf(stderr, "  next: kithctl --help\n");
			return CLI_USAGE;
		}
		if (got < LONG_ONLY)
			for (o = 0; o < OPT_COUNT && options[o].letter != got; o++)
				;
		rc = option_taken(c, (enum opt)o, optarg);
		if (rc != 0)
			return rc;
	}

	return 0;
}

static int colour_chosen(struct cli *c)
{
	const char *when = c->given[OPT_COLOR] ? c->given[OPT_COLOR] : "auto";
	const char *no = getenv("NO_COLOR");

	if (strcmp(when, "always") == 0)
		c->colour = true;
	else if (strcmp(when, "auto") == 0)
		c->colour = isatty(STDOUT_FILENO) && !(no && *no);
	else if (strcmp(when, "never") != 0)
		return cli_say(CLI_USAGE, "--color is auto, always or never");

	return 0;
}

static int options_fit(const struct cli *c)
{
	const struct command *v = c->verb;

	for (size_t i = 0; i < OPT_COUNT; i++)
		if (c->given[i] && !((v->options | options_common) >> i & 1))
			return cli_say(CLI_USAGE, "%s takes no --%s\n  next: kithctl %s --help",
				v->words, options[i].name, v->words);
	if (c->n_words < v->least || c->n_words > v->most)
		return cli_say(CLI_USAGE, "usage: kithctl %s%s%s\n  next: kithctl %s --help",
			v->words, *v->takes ? " " : "", v->takes, v->words);

	return 0;
}

int args_read(struct cli *c, int argc, char **argv, bool *ret_stop)
{
	size_t n = 0;
	int rc;

	*ret_stop = true;
	c->endpoints = arena_array(&c->arena, ENDPOINTS_MAX, sizeof(*c->endpoints));
	if (!c->endpoints)
		return err_new(-ENOMEM);
	rc = options_read(c, argc, argv);
	if (rc != 0)
		return rc;
	if (cli_has(c, OPT_VERSION)) {
		(void)printf("kithctl %s\n", KITH_VERSION);
		return 0;
	}
	c->words = argv + optind;
	c->n_words = (size_t)(argc - optind);
	if (c->n_words == 0) {
		if (!cli_has(c, OPT_HELP))
			return cli_say(CLI_USAGE, "which verb?\n  next: kithctl --help");
		help_all();
		return 0;
	}

	c->verb = verb_named(c->words, c->n_words, &n);
	if (!c->verb)
		return verb_unknown(c->words, c->n_words, cli_has(c, OPT_HELP));
	c->words += n;
	c->n_words -= n;
	if (cli_has(c, OPT_HELP)) {
		help_verb(c->verb);
		return 0;
	}
	rc = options_fit(c);
	if (rc == 0)
		rc = colour_chosen(c);
	c->json = cli_has(c, OPT_JSON);
	*ret_stop = rc != 0;

	return rc;
}

int args_need(const struct cli *c, enum opt o)
{
	if (c->given[o] && *c->given[o])
		return 0;

	return cli_say(CLI_USAGE, "%s needs --%s %s (%s)\n  next: kithctl %s --help",
		c->verb->words, options[o].name, options[o].arg, options[o].help,
		c->verb->words);
}

int cli_number(const struct cli *c, enum opt o, uint64_t least, uint64_t most, uint64_t *ret)
{
	const char *text = c->given[o];
	char *end = NULL;
	unsigned long long v;

	if (!text)
		return 0;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end || strspn(text, "0123456789") != strlen(text) ||
		v < least || v > most)
		return cli_say(CLI_USAGE, "--%s is a number from %" PRIu64 " to %" PRIu64,
			options[o].name, least, most);

	*ret = v;
	return 0;
}
