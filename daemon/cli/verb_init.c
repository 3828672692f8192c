/* SPDX-License-Identifier: Apache-2.0 */

/*
 * region init
 *
 * Makes a region where there is none: keys, store, incarnation 1, first card. Offline, and all
 * or nothing: whatever was made is listed, and removed again when a later step fails. The root
 * keys go to files of their own, which people take away.
 */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kith/conf.h>
#include <kith/node.h>
#include <kith/store.h>

#include "daemon/cli/cli.h"

#define MADE_MAX 16

struct init {
	struct cli *cli;
	struct crypto *crypto;
	const char *name, *state_dir, *store, *keys, *transport, *root_out, *next_out;
	uint64_t map_size;
	bool wrapped;
	struct secret wrapping;
	/* Everything secret that is made. */
	struct node_keys own;
	struct secret store_key, transport_key, root, next_root;
	struct pubkey curve;
	struct hash next_hash;
	/* What is on disk by now, in order. */
	const char *made[MADE_MAX];
	size_t n_made;
	struct id region;
};

static void init_done(struct init *i)
{
	struct secret *all[] = { &i->wrapping, &i->own.sign, &i->own.control, &i->own.kem,
		&i->own.token, &i->store_key, &i->transport_key, &i->root, &i->next_root };

	for (size_t n = 0; n < COUNT(all); n++)
		secret_done(all[n]);
	crypto_free(i->crypto);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	(void)remove(path);
	return 0;
}

/* Undo: the latest first, and only what this run made. */
static void unmake(struct init *i)
{
	while (i->n_made > 0)
		(void)nftw(i->made[--i->n_made], remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void made(struct init *i, const char *path)
{
	i->made[i->n_made++] = path;
}

/* Paths: under --dir, or as the configuration says. */
static int paths(struct init *i)
{
	struct cli *c = i->cli;
	struct conf conf CLEANUP(conf_done) = { 0 };
	struct arena *a = &c->arena;
	const char *dir = c->given[OPT_DIR], *root = c->given[OPT_ROOT_OUT];
	char here[PATH_MAX];
	struct why why = { "" };
	int rc = cli_conf(c, &conf);

	if (rc != 0)
		return rc;
	if (dir && *dir != '/') {
		if (!getcwd(here, sizeof(here)))
			return err_new(-errno);
		dir = arena_text(a, "%s/%s", here, dir);
	}
	i->name = c->words[0];
	i->state_dir = arena_text(a, "%s", dir ? dir : conf.state_dir);
	i->store = dir ? arena_text(a, "%s/store", dir) : arena_text(a, "%s", conf.store);
	i->keys = dir ? arena_text(a, "%s/keys", dir) : arena_text(a, "%s", conf.keys);
	i->transport = dir ? arena_text(a, "%s/keys/transport.key", dir)
			   : arena_text(a, "%s", conf.transport_key);
	i->root_out = root ? root : arena_text(a, "./%s.root.key", i->name);
	i->next_out = root ? arena_text(a, "%s.next", root)
			   : arena_text(a, "./%s.next-root.key", i->name);
	i->map_size = conf.map_size;
	if (!i->state_dir || !i->store || !i->keys || !i->transport || !i->root_out ||
		!i->next_out)
		return err_new(-ENOMEM);

	rc = conf_credential(&conf, i->wrapping.b, &why);
	if (rc < 0)
		return err_up(rc);
	if (rc == CONF_E_BAD)
		return cli_say(CLI_FAILED, "%s", why.text);
	i->wrapped = rc == 0;

	return 0;
}

/* The rule of (P1.6), said before anything is made; region_found() checks it too. */
static int check_name(const char *name)
{
	size_t n = strlen(name);

	if (n > 0 && n < REGION_NAME_MAX &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n)
		return 0;

	return cli_say(
		CLI_USAGE, "\"%s\" cannot be a region's name: 1 to 63 of a-z, 0-9 and -", name);
}

static int nothing_there(const struct init *i)
{
	const char *all[] = { i->store, i->keys, i->transport, i->root_out, i->next_out };
	struct stat st;

	for (size_t n = 0; n < COUNT(all); n++) {
		if (lstat(all[n], &st) == 0)
			return cli_say(CLI_FAILED,
				"%s is there already; nothing was changed\n"
				"  next: a region is made once; choose another directory, or "
				"keep this one",
				all[n]);
		if (errno != ENOENT && errno != ENOTDIR)
			return cli_say(CLI_FAILED, "%s: %s", all[n], strerror(errno));
	}

	return 0;
}

/* A directory for us alone; one that is there stays as it is. */
static int make_dir(struct init *i, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	if (mkdir(path, 0700) != 0)
		return cli_say(CLI_FAILED, "%s cannot be made: %s", path, strerror(errno));
	made(i, path);

	return 0;
}

static int make_secrets(struct init *i)
{
	struct crypto *c = i->crypto;
	struct pubkey unused, next;
	struct span part = SPAN_OF(next);
	int rc = crypto_sign_keypair(c, &i->own.sign, &unused);

	if (rc == 0)
		rc = crypto_sign_keypair(c, &i->own.control, &unused);
	if (rc == 0)
		rc = crypto_dh_keypair(c, &i->own.kem, &unused);
	if (rc == 0)
		rc = crypto_dh_keypair(c, &i->transport_key, &i->curve);
	if (rc == 0)
		rc = crypto_random(c, i->own.token.b, KEY_LEN);
	if (rc == 0)
		rc = crypto_random(c, i->store_key.b, KEY_LEN);
	if (rc == 0)
		rc = crypto_sign_keypair(c, &i->root, &unused);
	if (rc == 0)
		rc = crypto_sign_keypair(c, &i->next_root, &next);
	if (rc == 0)
		rc = crypto_hash(c, &part, 1, &i->next_hash);

	return rc > 0 ? err_odd(rc) : rc;
}

static int write_key(struct init *i, const char *path, const char *kind,
	const struct secret *key, bool wrapped)
{
	struct why why = { "" };
	int rc;

	if (!path)
		return err_new(-ENOMEM);
	made(i, path);
	rc = keyfile_write(i->crypto, path, kind, key, wrapped ? &i->wrapping : NULL, &why);
	if (rc == 0)
		return 0;

	return cli_say(CLI_FAILED, "%s cannot be written: %s", path,
		why.text[0] ? why.text : strerror(rc < 0 ? -rc : EIO));
}

/* The daily keys may be wrapped; the root keys leave this machine and its credential. */
static int write_keys(struct init *i)
{
	const struct {
		const char *kind;
		const struct secret *key;
	} daily[] = {
		{ "sign", &i->own.sign },
		{ "control", &i->own.control },
		{ "kem", &i->own.kem },
		{ "token", &i->own.token },
		{ "store", &i->store_key },
	};
	int rc = 0;

	for (size_t n = 0; n < COUNT(daily) && rc == 0; n++)
		rc = write_key(i,
			arena_text(&i->cli->arena, "%s/%s.key", i->keys, daily[n].kind),
			daily[n].kind, daily[n].key, i->wrapped);
	if (rc == 0)
		rc = write_key(i, i->transport, "transport", &i->transport_key, i->wrapped);
	if (rc == 0)
		rc = write_key(i, i->root_out, "root", &i->root, false);
	if (rc == 0)
		rc = write_key(i, i->next_out, "next-root", &i->next_root, false);

	return rc;
}

/* One turn: region, incarnation 1, card and list. */
static int found(struct init *i, struct store *s)
{
	struct region_found f = {
		.name = i->name,
		.endpoints = i->cli->endpoints,
		.n_endpoints = i->cli->n_endpoints,
		.curve_key = i->curve,
		.root = i->root,
		.next_root = i->next_hash,
		.keys = &i->own,
	};
	struct why why = { "" };
	struct view view;
	int rc = store_turn_begin(s, &view);

	if (rc == 0) {
		rc = region_found(i->crypto, &f, &view, &i->region, &why);
		if (rc == 0)
			rc = store_turn_commit(s, &why);
		else
			store_turn_abort(s);
	}
	secret_done(&f.root);

	return rc > 0 ? cli_say(CLI_FAILED, "the region cannot be made: %s", why.text) : rc;
}

static int make_store(struct init *i)
{
	const struct store_options o = { .map_size = i->map_size };
	struct why why = { "" };
	struct store *s = NULL;
	int rc;

	made(i, i->store);
	rc = store_create(i->store, &o, i->crypto, &i->store_key, &why);
	if (rc == 0)
		rc = store_open(i->store, &o, i->crypto, &i->store_key, &s, &why);
	if (rc != 0)
		return rc < 0 ? err_up(rc) : cli_say(CLI_FAILED, "%s: %s", i->store, why.text);
	rc = found(i, s);
	store_close(s);

	return rc;
}

static uid_t given_uid;
static gid_t given_gid;

static int give_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return lchown(path, given_uid, given_gid);
}

/* Run by root: keys and store belong to whom the state directory belongs, or kithd could not
 * read them. The root keys stay root's. */
static int give(const struct init *i)
{
	const char *all[] = { i->keys, i->store, i->transport };
	struct stat st;

	if (geteuid() != 0 || stat(i->state_dir, &st) != 0 || st.st_uid == 0)
		return 0;
	given_uid = st.st_uid;
	given_gid = st.st_gid;
	for (size_t n = 0; n < COUNT(all); n++)
		if (nftw(all[n], give_one, 8, FTW_PHYS) != 0)
			return cli_say(CLI_FAILED, "%s cannot be given to its user: %s", all[n],
				strerror(errno));

	return 0;
}

static int make_all(struct init *i)
{
	int rc = make_dir(i, i->state_dir);

	if (rc == 0)
		rc = make_dir(i, i->keys);
	if (rc == 0)
		rc = make_secrets(i);
	if (rc == 0)
		rc = write_keys(i);
	if (rc == 0)
		rc = make_store(i);
	if (rc == 0)
		rc = give(i);

	return rc;
}

static int tell(const struct init *i)
{
	bool dry = cli_has(i->cli, OPT_DRY_RUN);
	char region[ID_TEXT_LEN] = "";
	json_t *out CLEANUP(json_drop) = NULL;

	if (!dry)
		(void)id_text(&i->region, region);
	if (i->cli->json) {
		out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "region", region, "name",
			i->name, "keys", i->keys, "store", i->store, "root_key", i->root_out,
			"next_root_key", i->next_out, "dry_run", dry);
		return out ? json_out(i->cli, out) : err_new(-ENOMEM);
	}
	if (dry)
		(void)printf("would make region %s: %s, %s, %s, %s (nothing was changed)\n",
			i->name, i->keys, i->store, i->root_out, i->next_out);
	else
		(void)printf(
			"region %s is made, with id %s\n"
			"     keys: %s (0700)\n    store: %s\n root key: %s\nnext root: %s\n"
			"next:\n"
			"  1. take both root key files away from this machine: they are needed "
			"only to change the card\n"
			"  2. systemctl start kithd kith-link (or kithd --config FILE)\n"
			"  3. kithctl region card --out %s.card, and give it to the other "
			"regions\n",
			i->name, region, i->keys, i->store, i->root_out, i->next_out, i->name);

	return 0;
}

int region_make(struct cli *c, bool quiet)
{
	struct init i CLEANUP(init_done) = { .cli = c };
	mode_t before = umask(0077);
	int rc = check_name(c->words[0]);

	if (rc == 0)
		rc = paths(&i);
	if (rc == 0)
		rc = nothing_there(&i);
	if (rc == 0 && !cli_has(c, OPT_DRY_RUN)) {
		i.crypto = cli_crypto();
		rc = i.crypto ? make_all(&i) : CLI_FAILED;
		if (rc != 0) {
			unmake(&i);
			(void)cli_say(0, "what had been made was removed again");
		}
	}
	(void)umask(before);

	return rc != 0 || quiet ? rc : tell(&i);
}

int verb_region_init(struct cli *c)
{
	return region_make(c, false);
}
