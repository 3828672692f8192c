/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Setup
 *
 * From nothing to regions that see each other. Each step looks first whether it is done, so
 * that whoever stopped in the middle runs it again. Nothing that is there is changed.
 *
 * long: one path from the first step to the last, read in that order.
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kith/conf.h>
#include <kith/node.h>

#include "daemon/cli/doctor.h"

#define START_MS  30000
#define LOOK_MS   250
#define WAIT_ELSE 60

struct setup {
	struct cli *cli;
	bool asks, dry; /* there is somebody to ask; nothing is changed */
	const char *config, *name, *dir;
	struct conf conf;
	json_t *steps;
	struct checked_card card;
	const char *card_file;
	json_t *waiting; /* names of peers that are not live */
};

static void setup_done(struct setup *s)
{
	json_decref(s->steps);
	json_decref(s->waiting);
	conf_done(&s->conf);
}

static int step(struct setup *s, const char *name, bool done, const char *fmt, ...)
	PRINTF(4, 5);
/* One line of what was done, or was done already. */
static int step(struct setup *s, const char *name, bool done, const char *fmt, ...)
{
	const char *text, *safe;
	va_list ap;

	va_start(ap, fmt);
	text = arena_vtext(&s->cli->arena, fmt, ap);
	va_end(ap);
	safe = text ? safe_text(&s->cli->arena, span_of(text), SAFE_LINE) : NULL;
	if (!safe ||
		json_array_append_new(s->steps, json_pack("{s:s, s:b, s:s}", "step", name,
							"already", done, "text", safe)) != 0)
		return err_new(-ENOMEM);
	if (!s->cli->json)
		(void)printf("%-14s %s%s\n", name,
			done     ? "(already) "
			: s->dry ? "(would) "
				 : "",
			safe);
	(void)fflush(stdout);

	return 0;
}

static bool there(const char *path)
{
	struct stat st;

	return path && lstat(path, &st) == 0;
}

/* Configuration ------------------------------------------------------------------------------
 */

/* What to bind for an endpoint: every address, but for one that is this machine's alone. */
static const char *listen_for(struct setup *s, const char *endpoint)
{
	struct endpoint e;

	if (!endpoint_parse(endpoint, &e))
		return NULL;
	if (strncmp(e.host, "127.", 4) == 0 || strcmp(e.host, "localhost") == 0)
		return endpoint;
	return arena_text(&s->cli->arena, "tcp://*:%s", e.port);
}

static int write_file(struct setup *s, const char *path, const char *text)
{
	struct new_file file CLEANUP(new_file_drop) = { 0 };
	int rc = s->dry ? 0 : new_file_open(s->cli, path, &file);

	if (rc == 0 && !s->dry && fputs(text, file.f) == EOF)
		return cli_say(CLI_FAILED, "%s cannot be written: %s", path, strerror(errno));
	/* Settings are no secret, and kith-link reads them as another user. */
	if (rc == 0 && !s->dry && fchmod(fileno(file.f), 0644) != 0)
		return cli_say(CLI_FAILED, "%s: %s", path, strerror(errno));
	if (rc == 0 && !s->dry)
		rc = new_file_keep(&file);

	return rc != 0 ? rc : step(s, "configuration", false, "write %s", path);
}

static int make_dir(const char *path)
{
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return 0;
	return cli_say(CLI_FAILED, "%s cannot be made: %s\n  next: run it as root", path,
		strerror(errno));
}

/* --dir: all of it in one file, which must not be there. */
static int write_whole(struct setup *s, const char *listen)
{
	int rc = s->dry ? 0 : make_dir(s->dir);
	const char *text = arena_text(&s->cli->arena,
		"# Written by kithctl setup.\nstate_dir = \"%s/state\"\ncontrol_socket = "
		"\"%s/control\"\nlink_socket = \"%s/link\"\nlisten = \"%s\"\n",
		s->dir, s->dir, s->dir, listen);

	if (!text)
		return err_new(-ENOMEM);
	return rc != 0 ? rc : write_file(s, s->config, text);
}

/* A drop-in with the one setting that most regions need. */
static int write_listen(struct setup *s, const char *listen)
{
	struct arena *a = &s->cli->arena;
	const char *dir = arena_text(a, "%s.d", s->config);
	const char *path = arena_text(a, "%s.d/listen.conf", s->config);
	const char *text = arena_text(a,
		"# Written by kithctl setup: where other regions reach this one.\nlisten = "
		"\"%s\"\n",
		listen);
	int rc;

	if (!dir || !path || !text)
		return err_new(-ENOMEM);
	if (there(path))
		return cli_say(CLI_FAILED,
			"%s is there already, and sets something else than %s\n"
			"  next: change it yourself, then run kithctl setup again",
			path, listen);
	rc = s->dry ? 0 : make_dir(dir);

	return rc != 0 ? rc : write_file(s, path, text);
}

static int read_conf(struct setup *s)
{
	struct why why = { "" };
	int rc = conf_load(s->config, &s->conf, &why);

	if (rc == CONF_E_ABSENT)
		rc = conf_defaults(&s->conf);
	if (rc > 0) {
		(void)cli_say(0, "%s\n  next: mend that line, then run kithctl setup again",
			why.text);
		return CLI_FAILED;
	}

	return rc < 0 ? err_up(rc) : 0;
}

static const char *ask_for(struct setup *s, const char *question, const char *otherwise)
{
	char line[512];

	if (!s->asks)
		return otherwise;
	if (!term_line(question, otherwise, line, sizeof(line)))
		return NULL;
	return arena_text(&s->cli->arena, "%s", line);
}

/* Where the others reach this region, unless it is said or the region is made. */
static int choose_endpoint(struct setup *s)
{
	struct cli *c = s->cli;
	const char *answer;

	if (c->n_endpoints > 0 || !s->asks)
		return 0;
	answer = ask_for(s,
		"Where do other regions reach this one (tcp://HOST:7420)? Nothing: it only "
		"dials.",
		"");
	if (!answer)
		return cli_say(CLI_FAILED, "nothing more was done");
	if (*answer)
		c->endpoints[c->n_endpoints++] = answer;

	return 0;
}

static int set_up_conf(struct setup *s, bool made)
{
	struct cli *c = s->cli;
	const char *listen = "";
	int rc = made ? 0 : choose_endpoint(s);

	if (rc != 0)
		return rc;
	if (c->n_endpoints > 0) {
		listen = listen_for(s, c->endpoints[0]);
		if (!listen)
			return cli_say(CLI_USAGE, "%s is no endpoint: tcp://HOST:PORT",
				c->endpoints[0]);
	}
	if (s->dir && !there(s->config))
		rc = write_whole(s, listen);
	else if (*listen && !s->conf.listen[0])
		rc = write_listen(s, listen);
	else
		return step(s, "configuration", true, "%s: listen = \"%s\"", s->config,
			s->conf.listen);
	if (rc != 0 || s->dry)
		return rc;
	conf_done(&s->conf);
	s->conf = (struct conf){ 0 };

	return read_conf(s);
}

/* The region ---------------------------------------------------------------------------------
 */

/* verb_region_init() reads what was given on the command line: so it is given. */
static int make_region(struct setup *s)
{
	struct cli *c = s->cli;
	const char *given_dir = c->given[OPT_DIR], *root;
	char **words = c->words, *name;
	size_t n_words = c->n_words;
	int rc;

	s->name = s->name ? s->name
			  : ask_for(s, "What is this region called (like north-west)?", "");
	if (!s->name || !*s->name)
		return cli_say(CLI_USAGE,
			"the region needs a name\n  next: kithctl setup --name NAME "
			"--endpoint tcp://HOST:PORT");
	root = c->given[OPT_ROOT_OUT];
	if (!root) {
		root = arena_text(&c->arena, "./%s.root.key", s->name);
		root = root ? ask_for(s,
				      "Where does the root key go? A stick that leaves this "
				      "room is best.",
				      root)
			    : NULL;
		if (!root)
			return cli_say(CLI_FAILED, "nothing more was done");
	}
	if (s->dry)
		return step(s, "region", false, "make %s; its root keys: %s and %s.next",
			s->name, root, root);

	name = arena_text(&c->arena, "%s", s->name);
	if (!name)
		return err_new(-ENOMEM);
	c->given[OPT_ROOT_OUT] = root;
	c->given[OPT_CONFIG] = s->config;
	c->given[OPT_DIR] = NULL;
	c->words = &name;
	c->n_words = 1;
	rc = region_make(c, true);
	c->given[OPT_DIR] = given_dir;
	c->words = words;
	c->n_words = n_words;
	if (rc != 0)
		return rc;

	return step(s, "region", false, "make %s; take %s and %s.next away from this machine",
		s->name, root, root);
}

/* Running ------------------------------------------------------------------------------------
 */

static bool answers(struct setup *s)
{
	struct ctl_client *link = NULL;
	struct why why = { "" };
	int rc = ctl_connect(s->conf.control_socket, CONTROL_FRAME_MAX, &link, &why);

	ctl_client_free(link);
	return rc == 0;
}

/* False: not in time, or interrupted. */
static bool wait_until(struct setup *s, bool (*true_of)(struct setup *s), uint64_t ms)
{
	const uint64_t end = clock_ms() + ms;

	while (!true_of(s)) {
		if (clock_ms() >= end || ask_interrupted())
			return false;
		(void)poll(NULL, 0, LOOK_MS);
	}

	return true;
}

static int start_units(struct setup *s)
{
	struct cli *c = s->cli;
	const char *kithd = unit_of(c, "kithd", "service"),
		   *link = unit_of(c, "kith-link", "service");
	const char *const argv[] = { "systemctl", "enable", "--now", kithd, link, NULL };
	char text[512];

	if (!kithd || !link)
		return err_new(-ENOMEM);
	if (s->dry)
		return step(s, "start", false, "systemctl enable --now %s %s", kithd, link);
	if (s->asks && !term_yes("Start kithd and kith-link now, and whenever this machine "
				 "starts? [y/N]"))
		return cli_say(CLI_FAILED,
			"not started\n  next: systemctl enable --now %s %s; then "
			"kithctl setup again",
			kithd, link);
	if (run_program(argv, text, sizeof(text)) != 0 || !wait_until(s, answers, START_MS))
		return cli_say(CLI_FAILED,
			"%s does not start\n  next: journalctl -u %s -n 20, mend it, then "
			"kithctl "
			"setup again",
			kithd, kithd);

	return step(s, "start", false, "systemctl enable --now %s %s", kithd, link);
}

static int start_by_hand(struct setup *s)
{
	const char *how = arena_text(&s->cli->arena,
		"kithd --config %s & kith-link --config %s &", s->config, s->config);

	if (!how)
		return err_new(-ENOMEM);
	if (s->dry)
		return step(s, "start", false, "%s", how);
	if (s->asks)
		(void)fprintf(stderr,
			"Start the region in another terminal; it is waited for:\n  %s\n", how);
	if (!s->asks || !wait_until(s, answers, START_MS * 20))
		return cli_say(CLI_FAILED,
			"kithd does not run yet\n  next: %s and then kithctl setup again", how);

	return step(s, "start", false, "%s", how);
}

static int start(struct setup *s)
{
	const char *unit = unit_name(s->cli);
	struct unit_state u = { 0 };

	if (answers(s))
		return step(s, "start", true, "kithd answers on %s", s->conf.control_socket);
	if (unit)
		unit_ask(unit, &u);

	return u.known && strcmp(u.load, "loaded") == 0 ? start_units(s) : start_by_hand(s);
}

/* Cards and peers ----------------------------------------------------------------------------
 */

static int give_card(struct setup *s)
{
	struct cli *c = s->cli;
	char print[FINGERPRINT_TEXT_LEN];
	struct span bundle;
	const char *text;
	int rc = card_ask(c, &s->card, &bundle);

	if (rc != 0)
		return rc;
	s->name = s->card.card.name;
	s->card_file = c->given[OPT_OUT] ? c->given[OPT_OUT]
					 : arena_text(&c->arena, "./%s.card", s->name);
	text = card_text_make(
		&c->arena, s->name, fingerprint_text(&s->card.fingerprint, print), bundle);
	if (!s->card_file || !text)
		return err_new(-ENOMEM);
	if (there(s->card_file))
		return step(s, "card", true, "%s; fingerprint %s", s->card_file, print);
	rc = 0;
	if (!s->dry) {
		struct new_file file CLEANUP(new_file_drop) = { 0 };

		rc = new_file_open(c, s->card_file, &file);
		if (rc == 0 && fputs(text, file.f) == EOF)
			return cli_say(CLI_FAILED, "%s cannot be written", s->card_file);
		if (rc == 0)
			rc = new_file_keep(&file);
	}

	return rc != 0 ? rc
		       : step(s, "card", false, "send %s to the other regions; fingerprint %s",
				 s->card_file, print);
}

static bool peer_known(const json_t *reply, const struct checked_card *card)
{
	const json_t *peers = json_object_get(reply, "peers");
	char id[ID_TEXT_LEN];

	(void)id_text(&card->region, id);
	for (size_t i = 0; i < json_array_size(peers); i++)
		if (strcmp(json_text(json_array_get(peers, i), "region"), id) == 0)
			return true;
	return false;
}

static int add_card(struct setup *s, const char *path)
{
	json_t *reply CLEANUP(json_drop) = NULL, *added CLEANUP(json_drop) = NULL;
	struct checked_card card;
	struct judged judged;
	struct span bundle;
	int rc = card_from_file(s->cli, path, &card, &bundle);

	if (rc == 0)
		rc = status_ask(s->cli, &reply, &judged);
	if (rc != 0)
		return rc;
	if (peer_known(reply, &card))
		return step(s, "peer", true, "%s", card.card.name);
	if (!s->dry)
		rc = peer_add(s->cli, &card, bundle, &added);

	return rc != 0 ? rc : step(s, "peer", false, "trust %s", card.card.name);
}

static int add_cards(struct setup *s)
{
	struct cli *c = s->cli;

	for (size_t i = 0; i < c->n_words; i++) {
		int rc = add_card(s, c->words[i]);

		if (rc != 0)
			return rc;
	}
	while (s->asks && c->n_words == 0) {
		const char *path = ask_for(s,
			"The file with another region's card? Nothing: no more for now.", "");

		if (!path || !*path)
			break;
		/* Mistyped: asked again. */
		if (add_card(s, path) < 0)
			return -1;
	}

	return 0;
}

static bool all_live(struct setup *s)
{
	json_t *reply CLEANUP(json_drop) = NULL;
	struct judged judged;
	const json_t *peers;

	(void)json_array_clear(s->waiting);
	if (status_ask(s->cli, &reply, &judged) != 0)
		return false;
	peers = json_object_get(reply, "peers");
	for (size_t i = 0; i < json_array_size(peers); i++) {
		const json_t *p = json_array_get(peers, i);

		if (strcmp(json_text(p, "state"), "live") != 0)
			(void)json_array_append_new(
				s->waiting, json_string(json_text(p, "name")));
	}

	return json_array_size(s->waiting) == 0;
}

static int wait_live(struct setup *s)
{
	uint64_t seconds = WAIT_ELSE;
	int rc = cli_number(s->cli, OPT_WAIT, 0, 86400, &seconds);

	if (rc != 0)
		return rc;
	if (!all_live(s) && s->asks)
		(void)fprintf(stderr,
			"Waiting up to %" PRIu64
			" s for the links; the others must add %s too.\n",
			seconds, s->card_file);
	if (wait_until(s, all_live, seconds * 1000))
		return step(s, "links", false, "every peer is live");
	for (size_t i = 0; i < json_array_size(s->waiting) && rc == 0; i++)
		rc = step(s, "links", false,
			"%s is not live yet: its people run kithctl peer add with %s; then: "
			"kithctl "
			"doctor --peer %s",
			json_string_value(json_array_get(s->waiting, i)), s->card_file,
			json_string_value(json_array_get(s->waiting, i)));

	return rc != 0 ? rc : CLI_FAILED;
}

/* All of it ----------------------------------------------------------------------------------
 */

static int paths(struct setup *s)
{
	struct cli *c = s->cli;
	const char *dir = c->given[OPT_DIR];
	char here[PATH_MAX];

	if (dir && c->given[OPT_CONFIG]) {
		(void)cli_say(0, "--dir makes a configuration of its own: not with --config");
		return CLI_USAGE;
	}
	if (dir && *dir != '/' && !getcwd(here, sizeof(here)))
		return err_new(-errno);
	if (dir)
		s->dir = *dir == '/' ? dir : arena_text(&c->arena, "%s/%s", here, dir);
	s->config = s->dir                 ? arena_text(&c->arena, "%s/kithd.conf", s->dir)
		    : c->given[OPT_CONFIG] ? c->given[OPT_CONFIG]
					   : CONF_PATH;
	s->name = c->given[OPT_NAME];

	return s->config && (!dir || s->dir) ? read_conf(s) : err_new(-ENOMEM);
}

static int lead(struct setup *s)
{
	bool made = there(s->conf.store);
	int rc = set_up_conf(s, made);

	/* --dir: what was just written says where; on a dry run nothing did. */
	if (rc == 0 && !s->dry)
		made = there(s->conf.store);
	if (rc == 0)
		rc = made ? step(s, "region", true, "its store is in %s", s->conf.store)
			  : make_region(s);
	if (rc == 0)
		rc = start(s);
	if (rc != 0 || (s->dry && !answers(s)))
		return rc;
	s->cli->given[OPT_SOCKET] = s->conf.control_socket;
	rc = give_card(s);
	if (rc == 0)
		rc = add_cards(s);
	if (rc != 0 || s->dry)
		return rc;

	return wait_live(s);
}

static int tell(struct setup *s, int rc)
{
	json_t *out CLEANUP(json_drop) = NULL;

	if (s->cli->json && rc >= 0) {
		out = json_pack("{s:O, s:b, s:O}", "steps", s->steps, "complete",
			rc == 0 && !s->dry, "waiting", s->waiting);
		if (!out)
			return err_new(-ENOMEM);
		if (s->card_file)
			(void)json_object_set_new(out, "card", json_string(s->card_file));
		return json_out(s->cli, out) == 0 ? rc : CLI_FAILED;
	}
	if (rc == 0 && !s->dry)
		(void)printf(
			"next:\n"
			"  kithctl doctor                 looks whether anything is missing, "
			"like a "
			"root key that is still here\n"
			"  kithctl doctor --drop-in       narrows kith-link down to the peers\n"
			"  kithctl import ssda903 DIR     takes in a return; kith(7) goes on "
			"from "
			"there\n");

	return rc;
}

int verb_setup(struct cli *c)
{
	struct setup s CLEANUP(setup_done) = { .cli = c,
		.asks = !cli_has(c, OPT_YES) && !cli_has(c, OPT_DRY_RUN) &&
			isatty(STDIN_FILENO),
		.dry = cli_has(c, OPT_DRY_RUN),
		.steps = json_array(),
		.waiting = json_array() };
	int rc = s.steps && s.waiting ? paths(&s) : err_new(-ENOMEM);

	if (rc == 0)
		rc = lead(&s);

	return tell(&s, rc);
}
