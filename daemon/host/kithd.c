/* SPDX-License-Identifier: Apache-2.0 */

/*
 * kithd
 *
 * The daemon of a region. It stays in the foreground and reads one configuration; everything
 * else is said to it over its control socket.
 */

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "daemon/host/host.h"
#include "daemon/host/journal.h"

#define EXIT_USAGE   2
#define MEMORY_KEPT  (32 * 1024 * 1024) /* that is free, at most */
#define MAPPED_ALONE (4 * 1024 * 1024)  /* so large a piece is given back at once */

static const char help[] =
	"usage: kithd [OPTION]...\n"
	"The daemon of a region: keeps its store and serves kithctl and kith-link.\n"
	"\n"
	"  -c, --config FILE   read FILE and FILE.d/*.conf; else " CONF_PATH "\n"
	"      --check-config  say whether the configuration is right, and end\n"
	"  -f, --foreground    taken and ignored: kithd always stays in the foreground\n"
	"  -h, --help          this\n"
	"  -V, --version       the version\n"
	"\n"
	"Signals: TERM and INT end it; HUP reads the configuration again.\n"
	"Exit status: 0 ended when asked to; 1 could not start or go on, standard error or "
	"the\n"
	"journal says why; 2 wrong options.\n";

struct options {
	const char *config;
	bool check;
};

/* 0 to go on, else the exit status and *ret_stop. */
static int read_options(int argc, char **argv, struct options *ret, bool *ret_stop)
{
	enum { CHECK = 256 };
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, CHECK },
		{ "foreground", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;

	*ret_stop = true;
	while ((c = getopt_long(argc, argv, "c:fhV", known, NULL)) != -1) {
		switch (c) {
		case 'c':
			ret->config = optarg;
			break;
		case CHECK:
			ret->check = true;
			break;
		case 'f':
			break;
		case 'h':
			(void)fputs(help, stdout);
			return EXIT_SUCCESS;
		case 'V':
			(void)puts("kithd " KITH_VERSION);
			return EXIT_SUCCESS;
		default:
			(void)fputs("try: kithd --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr,
			"kithd: %s: kithd takes options only; try: kithd --help\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	*ret_stop = false;
	return 0;
}

static int explain(int r, const struct why *why)
{
	journal_say(LOG_ERR, NULL, "%s", why->text[0] ? why->text : strerror(r < 0 ? -r : 0));
	journal_trail();
	return EXIT_FAILURE;
}

/* Sockets that systemd has opened for us, by their names. */
static int take_sockets(int *ret_control, int *ret_link)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < n; i++) {
		const int fd = SD_LISTEN_FDS_START + i;

		if (strcmp(names[i], "control") == 0 && *ret_control < 0)
			*ret_control = fd;
		else if (strcmp(names[i], "link") == 0 && *ret_link < 0)
			*ret_link = fd;
		else
			(void)close(fd);
		free(names[i]);
	}
	free(names);
	return n < 0 ? err_new(n) : 0;
}

static int run(struct host *h)
{
	int control_fd = -1, link_fd = -1;
	struct why why = { 0 };
	int r = take_sockets(&control_fd, &link_fd);

	if (r == 0)
		r = host_open(h, &why);
	if (r == 0)
		r = serve_open(h, control_fd, link_fd, &why);
	if (r == 0)
		r = node_begin(h, &why);
	if (r != 0)
		return explain(r, &why);
	return loop_run(h);
}

/* Signals are read by the loop; blocked before anything may start a thread. */
static void block_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* Turns need much memory for a moment, again and again. Given back each time, its pages are
 * made and cleared anew: a quarter of the time in which a long record is opened. */
static void keep_memory(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_ALONE);
	(void)mallopt(M_TRIM_THRESHOLD, MEMORY_KEPT);
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	static struct host h; /* zeroed, and too large for comfort on the stack */
	struct why why = { 0 };
	bool stop;
	int r = read_options(argc, argv, &o, &stop);

	if (stop)
		return r;
	journal_open(LOG_INFO);
	r = conf_given(o.config, &h.conf, &why);
	if (r != 0)
		return explain(r, &why);
	if (o.check) {
		(void)printf("%s is right\n", o.config ? o.config : CONF_PATH);
		conf_done(&h.conf);
		return EXIT_SUCCESS;
	}
	journal_open((int)h.conf.log_level);
	block_signals();
	keep_memory();
	h.config = o.config ? o.config : CONF_PATH;
	r = run(&h);
	serve_close(&h);
	host_close(&h);
	return r;
}
