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

PRINTF(2, 0)
static void say(cfg_t *cfg, const char *fmt, va_list ap)
{
	cfg_opt_t *hidden = cfg_getopt(cfg, SAID);
	struct why *why = (void *)hidden->simple_value.ptr;
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
	if (o->good(text ? text : "", &hint))
		return 0;
	cfg_error(cfg, "%s cannot be \"%.60s\": %s", opt->name, text ? text : "", hint);
	return -1;
}

static cfg_t *cfg_make(const char *name, struct why *said)
{
	cfg_opt_t opts[OPTIONS_MAX + 2];
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

static int apply(cfg_t *cfg, struct conf *c)
{
	for (size_t i = 0; i < options_n; i++) {
		const struct option *o = &options[i];
		const char *text;
		char *copy, **field;

		if (cfg_size(cfg, o->name) == 0)
			continue;
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
	struct why said = { "" };
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
		if (!said.text[0])
			why_set(&said, "%s: cannot be read", name);
		*why = said;
		return CONF_E_BAD;
	}
	r = apply(cfg, c);
	return r < 0 ? err_up(r) : 0;
}
