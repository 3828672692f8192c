/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Parse
 *
 * libconfuse reads name = value; the checks are ours and run while it is at the line. It hands
 * its error function no pointer of ours, so what it said lies in a hidden option, which no file
 * can set.
 */

#include "daemon/conf/parse.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confuse.h>

#include "daemon/conf/options.h"

#define SAID "%said"                 /* not a word of the language */
#define SEEN ((cfg_flag_t)(1 << 24)) /* our own mark on an option; libconfuse has up to 13 */

/* What the checks leave for us while libconfuse is at the line. */
struct said {
	struct why why;
	char *where[CONF_OPTIONS_MAX]; /* "file:line" of each option that is set */
	bool no_memory;
};

static struct said *said_of(cfg_t *cfg)
{
	return (struct said *)cfg_getopt(cfg, SAID)->simple_value.ptr;
}

static void said_done(struct said *s)
{
	for (size_t i = 0; i < COUNT(s->where); i++)
		free(s->where[i]);
}

PRINTF(2, 0)
static void say(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct why *why = &said_of(cfg)->why;
	char text[sizeof(why->text)];

	if (why->text[0])
		return; /* the first one is the cause */
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	why_set(why, "%s:%d: %s", cfg->filename, cfg->line, text);
}

static const struct option *option_of(const char *name)
{
	for (size_t i = 0; i < options_n; i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

static int check(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct option *o = option_of(opt->name);
	const char *text = cfg_opt_getstr(opt), *hint = "";

	if (opt->flags & SEEN) {
		cfg_error(cfg, "%s is set a second time: keep one of the two", opt->name);
		return -1;
	}
	opt->flags |= SEEN;
	assert(o);
	if (o->good(text ? text : "", &hint)) {
		struct said *s = said_of(cfg);

		if (asprintf(&s->where[o - options], "%s:%d", cfg->filename, cfg->line) < 0) {
			s->where[o - options] = NULL;
			s->no_memory = true;
		}
		return 0;
	}
	cfg_error(cfg, "%s cannot be \"%.60s\": %s", opt->name, text ? text : "", hint);
	return -1;
}

static cfg_t *cfg_make(const char *name, struct said *said)
{
	cfg_opt_t opts[CONF_OPTIONS_MAX + 2];
	const cfg_opt_t last = CFG_END();
	cfg_t *cfg;

	for (size_t i = 0; i < options_n; i++) {
		const cfg_opt_t one = CFG_STR(options[i].name, NULL, CFGF_NODEFAULT);

		opts[i] = one;
		opts[i].validcb = check;
	}
	opts[options_n] = (cfg_opt_t){
		.name = SAID,
		.type = CFGT_PTR,
		.flags = CFGF_NODEFAULT,
		.simple_value.ptr = (void *)said,
	};
	opts[options_n + 1] = last;

	cfg = cfg_init(opts, CFGF_NONE);
	if (!cfg)
		return NULL;
	(void)cfg_set_error_function(cfg, say);
	cfg->filename = strdup(name);
	if (!cfg->filename) {
		cfg_free(cfg);
		return NULL;
	}
	return cfg;
}

static void cfg_done(cfg_t **cfg)
{
	if (*cfg)
		cfg_free(*cfg);
}

static int apply(cfg_t *cfg, struct said *said, struct conf *c)
{
	for (size_t i = 0; i < options_n; i++) {
		const struct option *o = &options[i];
		const char *text;
		char *copy, **field;

		if (cfg_size(cfg, o->name) == 0)
			continue;
		free(c->where[i]);
		c->where[i] = TAKE(said->where[i]);
		text = cfg_getstr(cfg, o->name);
		if (o->take) {
			o->take(c, text);
			continue;
		}
		copy = strdup(text);
		if (!copy)
			return err_new(-ENOMEM);
		field = (char **)((char *)c + o->at);
		free(*field);
		*field = copy;
	}
	return 0;
}

/* libconfuse 3.3 counts a line with a comment three times, and its messages then name another
 * line: comments to the end of a line become blanks before it sees them. */
static void blank_comments(char *text, size_t len)
{
	bool quoted = false, comment = false;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			comment = false;
		else if (comment)
			text[i] = ' ';
		else if (text[i] == '\\' && quoted && i + 1 < len)
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == '#' || (text[i] == '/' && i + 1 < len &&
							       text[i + 1] == '/'))) {
			comment = true;
			text[i] = ' ';
		}
	}
}

static void text_done(char **text)
{
	free(*text);
}

int conf_overlay(
	const char *name, const char *text, size_t len, struct conf *c, struct why *why)
{
	CLEANUP(cfg_done) cfg_t *cfg = NULL;
	CLEANUP(text_done) char *copy = NULL;
	CLEANUP(said_done) struct said said = { 0 };
	FILE *f;
	int r;

	if (len == 0)
		return 0;
	if (memchr(text, '\0', len)) {
		why_set(why, "%s: there is a NUL byte in it; it must be text", name);
		return CONF_E_BAD;
	}
	copy = malloc(len);
	if (!copy)
		return err_new(-ENOMEM);
	memcpy(copy, text, len);
	blank_comments(copy, len);
	cfg = cfg_make(name, &said);
	f = cfg ? fmemopen(copy, len, "r") : NULL;
	if (!f)
		return err_new(-ENOMEM);
	r = cfg_parse_fp(cfg, f);
	(void)fclose(f);
	if (r != CFG_SUCCESS) {
		if (!said.why.text[0])
			why_set(&said.why, "%s: cannot be read", name);
		*why = said.why;
		return CONF_E_BAD;
	}
	r = said.no_memory ? err_new(-ENOMEM) : apply(cfg, &said, c);
	return r < 0 ? err_up(r) : 0;
}
