/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What every verb needs
 *
 * Complaints, which all go this way: to standard error, behind kithctl's name, with nothing in
 * them that a terminal would obey; the configuration; OpenSSL.
 */

#include <stdarg.h>
#include <stdlib.h>

#include <kith/conf.h>

#include "daemon/cli/cli.h"

int cli_say(int code, const char *fmt, ...)
{
	struct arena a;
	char *text = NULL, *safe;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return code;

	(void)fflush(stdout);
	arena_init(&a, 0);
	safe = safe_text(&a, (struct span){ (const uint8_t *)text, (size_t)n }, SAFE_LINES);
	(void)fprintf(stderr, "kithctl: %s\n", safe ? safe : "out of memory");
	arena_done(&a);
	free(text);

	return code;
}

int cli_conf(struct cli *c, struct conf *ret)
{
	const char *file = c->given[OPT_CONFIG];
	struct why why = { "" };
	int rc = conf_load(file ? file : CONF_PATH, ret, &why);

	if (rc == CONF_E_ABSENT && !file)
		rc = conf_defaults(ret);
	if (rc < 0)
		return err_up(rc);
	if (rc > 0)
		return cli_say(CLI_FAILED, "%s\n  next: kithd --check-config says the same",
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
