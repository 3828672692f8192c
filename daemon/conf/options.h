/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Options
 *
 * The one table of what may stand in kithd.conf, and what each value must look like.
 */

#include <kith/conf.h>

struct option {
	const char *name;
	/* Whether .text is a value; otherwise *ret_hint says what one looks like. */
	bool (*good)(const char *text, const char **ret_hint);
	size_t at; /* of the char * in struct conf, or of nothing: */
	void (*take)(struct conf *c, const char *text);           /* a value that is no text */
	bool (*same)(const struct conf *a, const struct conf *b); /* for those */
};

extern const struct option options[];
extern const size_t options_n;
