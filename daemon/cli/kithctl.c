/* SPDX-License-Identifier: Apache-2.0 */

/*
 * kithctl
 *
 * The command line of a region. It decides nothing: it asks kithd over the control socket and
 * shows what comes back. Only "region init" works on files, and only where there is no region
 * yet.
 */

#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "daemon/cli/cli.h"

/* Names are UTF-8. A terminal that does not say so still gets them whole, not as \x escapes. */
static void choose_locale(void)
{
	if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		(void)setlocale(LC_CTYPE, "C.UTF-8");
}

static int fatal(int code)
{
	const struct err_place *trail;
	size_t n = err_trail(&trail);

	(void)cli_say(0, "%s\n  next: ask again; if it comes again, report these places",
		strerror(code < 0 ? -code : code));
	for (size_t i = 0; i < n; i++)
		(void)fprintf(stderr, "  %s (%s:%d) %d\n", trail[i].func, trail[i].file,
			trail[i].line, trail[i].code);

	return CLI_FAILED;
}

int main(int argc, char **argv)
{
	struct cli c = { 0 };
	bool stop;
	int rc;

	choose_locale();
	arena_init(&c.arena, 0);
	rc = args_read(&c, argc, argv, &stop);
	if (!stop)
		rc = c.verb->run(&c);
	if (rc < 0)
		rc = fatal(rc);
	ctl_client_free(c.link);
	arena_done(&c.arena);
	if (fflush(stdout) != 0 && rc == 0)
		rc = cli_say(CLI_FAILED, "standard output cannot be written");

	return rc;
}
