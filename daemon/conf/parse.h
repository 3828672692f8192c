/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Parse
 *
 * The text of one file over what earlier files said. libconfuse is seen here only.
 */

#include <kith/conf.h>

/* Texts in .c that the file sets are replaced. 0, CONF_E_BAD. */
MUST_USE int conf_overlay(
	const char *name, const char *text, size_t len, struct conf *c, struct why *why);
