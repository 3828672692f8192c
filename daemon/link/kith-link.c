/* SPDX-License-Identifier: Apache-2.0 */

/*
 * kith-link
 *
 * The process that parses strangers' bytes, so that kithd need not: no store, no keys but the
 * transport key, and nothing that cannot be started again at any moment.
 */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <unistd.h>

#include <kith/conf.h>

#include "daemon/link/hub.h"

/* Exit codes, as --help tells them. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SETTINGS = 3 };

static const char help[] =
	"kith-link [--config FILE] [--kithd SOCKET] [--key FILE]\n"
	"\n"
	"Carries frames between kithd and other regions, over ZeroMQ with CURVE. It stays in "
	"the\n"
	"foreground, waits for kithd as long as it takes, and decides nothing itself.\n"
	"\n"
	"  --config FILE   settings (" CONF_PATH ")\n"
	"  --kithd SOCKET  where kithd serves it (link_socket in the settings)\n"
	"  --key FILE      the transport key (transport_key in the settings)\n"
	"  --help          this text\n"
	"  --version       the version\n"
	"\n"
	"Exit codes: 0 after SIGTERM or SIGINT; 1 something failed, start it again; 2 wrong "
	"use;\n"
	"3 the settings or the key cannot be used, and starting again does not help.\n";

struct given {
	const char *config, *kithd, *key;
};

/* Less than 0: go on; otherwise the exit code. */
static int take_options(int argc, char **argv, struct given *ret)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "kithd", required_argument, NULL, 'd' },
		{ "key", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (o) {
		case 'c':
			ret->config = optarg;
			break;
		case 'd':
			ret->kithd = optarg;
			break;
		case 'k':
			ret->key = optarg;
			break;
		case 'h':
			(void)fputs(help, stdout);
			return EXIT_DONE;
		case 'v':
			(void)printf("kith-link %s\n", KITH_VERSION);
			return EXIT_DONE;
		default:
			(void)fputs("Try kith-link --help.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "kith-link takes no \"%s\". Try kith-link --help.\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

static int take_key(const struct conf *conf, const char *path, struct secret *ret,
	struct pubkey *ret_public, struct why *why)
{
	CLEANUP(secret_done) struct secret wrapping = { { 0 } };
	struct crypto *c = NULL;
	bool wrapped;
	int r;

	r = conf_credential(conf, wrapping.b, why);
	if (r < 0 || r == CONF_E_BAD)
		return r;
	wrapped = r == 0;
	r = crypto_new(chance_kernel(), &c);
	if (r == 0)
		r = keyfile_read(c, path, "transport", wrapped ? &wrapping : NULL, ret, why);
	if (r == 0)
		r = crypto_dh_public(c, ret, ret_public);
	crypto_free(c);
	return r;
}

static int signals_open(void)
{
	sigset_t ends;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	/* Before ZeroMQ makes its threads, which keep them blocked. */
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	return signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void say_trail(void)
{
	const struct err_place *places;
	size_t n = err_trail(&places);

	for (size_t i = 0; i < n; i++)
		log_say(LOG_ERR, "%s: %s, %s:%d", strerror(-places[i].code), places[i].func,
			places[i].file, places[i].line);
	log_say(LOG_CRIT, "failed; it has to be started again");
}

static int serve(const char *kithd, const struct secret *key, const struct pubkey *public)
{
	int signals = signals_open();
	struct hub h;
	int r;

	r = signals < 0 ? err_new(-errno) : hub_init(&h, kithd, listen_given(), key, public);
	if (r < 0) {
		say_trail();
		return EXIT_FAILED;
	}
	r = hub_run(&h, signals);
	hub_done(&h);
	close(signals);
	if (r < 0) {
		say_trail();
		return EXIT_FAILED;
	}
	log_say(LOG_INFO, "ended by a signal");
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	CLEANUP(secret_done) struct secret key = { { 0 } };
	CLEANUP(conf_done) struct conf conf = { .map_size = 0 };
	struct given given = { NULL, NULL, NULL };
	struct why why = { "" };
	struct pubkey public;
	int r;

	r = take_options(argc, argv, &given);
	if (r >= 0)
		return r;
	r = conf_given(given.config, &conf, &why);
	if (r == 0) {
		log_level((int)conf.log_level);
		r = take_key(
			&conf, given.key ? given.key : conf.transport_key, &key, &public, &why);
	}
	if (r != 0) {
		log_say(LOG_ERR, "%s", why.text[0] ? why.text : strerror(r < 0 ? -r : EINVAL));
		return EXIT_SETTINGS;
	}
	return serve(given.kithd ? given.kithd : conf.link_socket, &key, &public);
}
