/* SPDX-License-Identifier: Apache-2.0 */

/*
 * kith-exporter
 *
 * Options, and waiting for the end. It keeps nothing: it may be killed and started at any time.
 */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <kith/conf.h>

#include "daemon/exporter/exporter.h"

/* Exit codes, as --help tells them. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define LISTEN "127.0.0.1:9742"

static const char help[] =
	"usage: kith-exporter [OPTION]...\n"
	"Asks kithd how it is and answers Prometheus: http://" LISTEN "/metrics.\n"
	"\n"
	"  -l, --listen ADDRESS:PORT  else " LISTEN "; port 0 takes a free one and says which\n"
	"  -c, --config FILE          read kithd's socket from FILE; else " CONF_PATH "\n"
	"  -s, --socket PATH          kithd's control socket, whatever the configuration says\n"
	"  -h, --help                 this\n"
	"  -V, --version              the version\n"
	"\n"
	"Exit codes: 0 after SIGTERM or SIGINT; 1 it could not start; 2 wrong use.\n";

struct given {
	const char *config, *socket, *listen;
};

/* Less than 0: go on; otherwise the exit code. */
static int take_options(int argc, char **argv, struct given *ret)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "listen", required_argument, NULL, 'l' },
		{ "socket", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "c:hl:s:V", known, NULL)) != -1) {
		switch (o) {
		case 'c':
			ret->config = optarg;
			break;
		case 'l':
			ret->listen = optarg;
			break;
		case 's':
			ret->socket = optarg;
			break;
		case 'h':
			(void)fputs(help, stdout);
			return EXIT_DONE;
		case 'V':
			(void)puts("kith-exporter " KITH_VERSION);
			return EXIT_DONE;
		default:
			(void)fputs("try: kith-exporter --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		(void)fputs("kith-exporter takes options only; try: kith-exporter --help\n",
			stderr);
		return EXIT_USAGE;
	}
	return -1;
}

static int fail(int r, const struct why *why)
{
	(void)fprintf(stderr, "<3>kith-exporter: %s\n",
		why->text[0] ? why->text : strerror(r < 0 ? -r : 0));
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct given g = { .listen = LISTEN };
	struct conf conf = { 0 };
	struct why why = { "" };
	struct server *s = NULL;
	sigset_t set;
	int number, r = take_options(argc, argv, &g);

	if (r >= 0)
		return r;
	/* Before there is a second thread. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);

	r = g.socket ? 0 : conf_given(g.config, &conf, &why);
	if (r == 0)
		r = server_new(g.listen, g.socket ? g.socket : conf.control_socket, &s, &why);
	conf_done(&conf);
	if (r != 0)
		return fail(r, &why);
	(void)fprintf(stderr, "<6>kith-exporter: answers on port %u\n", server_port(s));
	(void)sigwait(&set, &number);
	server_free(s);
	return EXIT_DONE;
}
