/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What every verb needs
 *
 * Complaints, which all go this way: to standard error, behind kithctl's name, with nothing in
 * them that a terminal would obey; the configuration; OpenSSL.
 */

#include <stdarg.h>

#include <kith/conf.h>

#include "daemon/cli/cli.h"

int cli_say(int code, const char *fmt, ...)
{
	struct arena a;
	const char *text, *safe;
	va_list ap;

	arena_init(&a, 0);
	va_start(ap, fmt);
	text = arena_vtext(&a, fmt, ap);
	va_end(ap);
	safe = text ? safe_text(&a, span_of(text), SAFE_LINES) : NULL;
	(void)fflush(stdout);
	(void)fprintf(stderr, "kithctl: %s\n", safe ? safe : "out of memory");
	arena_done(&a);

	return code;
}

int cli_conf(struct cli *c, struct conf *ret)
{
	struct why why = { "" };
	int rc = conf_given(c->given[OPT_CONFIG], ret, &why);

	if (rc < 0)
		return err_up(rc);
	if (rc > 0)
		return cli_say(CLI_FAILED,
			"%s\n  next: mend that line; a kithd that runs is reached without the "
			"file by -s SOCKET",
			why.text[0] ? why.text : "the configuration cannot be read");

	return 0;
}

struct crypto *cli_crypto(void)
{
	struct crypto *c = NULL;

	if (crypto_new(chance_kernel(), &c) != 0)
		(void)cli_say(0, "OpenSSL cannot be used: is its default provider there?");

	return c;
}

void crypto_drop(struct crypto **c)
{
	crypto_free(*c);
}
