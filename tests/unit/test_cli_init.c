/* SPDX-License-Identifier: Apache-2.0 */

/*
 * region init: a region that opens, or nothing at all.
 */

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <getopt.h>

#include <kith/node.h>
#include <kith/store.h>

#include "daemon/cli/cli.h"

static char dir[] = "/tmp/kith-init-XXXXXX", config[64];
static struct cli cli;
static int out = -1;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

/* In a directory of our own, with a configuration that is not this machine's. */
static int setup(void **state)
{
	FILE *f;

	(void)state;
	strcpy(dir, "/tmp/kith-init-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	(void)snprintf(config, sizeof(config), "%s/kithd.conf", dir);
	f = fopen(config, "w");
	assert_non_null(f);
	assert_true(fprintf(f, "map_size = 16MiB\n") > 0);
	assert_int_equal(fclose(f), 0);
	out = dup(STDOUT_FILENO);
	assert_non_null(freopen("/dev/null", "w", stdout));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)fflush(stdout);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	(void)close(out);
	assert_int_equal(chdir("/"), 0);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int init(const char *name, const char *endpoint, const char *more)
{
	char *argv[] = { "kithctl", "region", "init", (char *)name, "--dir", "state",
		"--config", config, "--endpoint", (char *)endpoint, (char *)more, NULL };
	bool stop;
	int rc;

	cli = (struct cli){ 0 };
	arena_init(&cli.arena, 0);
	optind = 0;
	rc = args_read(&cli, more ? 11 : 10, argv, &stop);
	if (!stop)
		rc = cli.verb->run(&cli);
	arena_done(&cli.arena);
	return rc;
}

static bool there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void a_region_that_was_made_opens_with_its_keys(void **state)
{
	static const char *const kinds[] = { "sign", "control", "kem", "token", "store",
		"transport" };
	const struct store_options o = { .map_size = 16 << 20 };
	struct secret key, root;
	struct crypto *crypto = cli_crypto();
	struct store *store = NULL;
	struct checked_card card;
	struct span bundle;
	struct arena a;
	struct pubkey pub;
	struct view view;
	struct why why = { "" };
	char path[64];

	(void)state;
	assert_int_equal(init("north-west", "tcp://127.0.0.1:7420", NULL), 0);
	assert_int_equal(mode_of("state/keys"), 0700);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		(void)snprintf(path, sizeof(path), "state/keys/%s.key", kinds[i]);
		assert_int_equal(mode_of(path), 0600);
		assert_int_equal(keyfile_read(crypto, path, kinds[i], NULL, &key, &why), 0);
	}
	assert_int_equal(mode_of("north-west.root.key"), 0600);
	assert_int_equal(
		keyfile_read(crypto, "north-west.root.key", "root", NULL, &root, &why), 0);
	assert_int_equal(
		keyfile_read(crypto, "state/keys/store.key", "store", NULL, &key, &why), 0);

	arena_init(&a, 0);
	assert_int_equal(store_open("state/store", &o, crypto, &key, &store, &why), 0);
	assert_int_equal(store_turn_begin(store, &view), 0);
	assert_int_equal(region_bundle(&view, &a, &bundle), 0);
	assert_int_equal(card_check(crypto, bundle, &a, &card, &why), 0);
	assert_string_equal(card.card.name, "north-west");
	assert_int_equal(card.card.n_endpoints, 1);
	assert_string_equal(card.card.endpoints[0], "tcp://127.0.0.1:7420");
	assert_int_equal(crypto_sign_public(crypto, &root, &pub), 0);
	assert_memory_equal(pub.b, card.card.root_key.b, KEY_LEN);
	assert_int_equal(keyfile_read(crypto, "north-west.next-root.key", "next-root", NULL,
				 &root, &why),
		0);
	store_turn_abort(store);
	store_close(store);
	arena_done(&a);
	crypto_free(crypto);
}

static void a_region_is_made_once_and_the_second_time_changes_nothing(void **state)
{
	struct stat before, after;

	(void)state;
	assert_int_equal(init("north-west", "tcp://127.0.0.1:7420", NULL), 0);
	assert_int_equal(stat("state/keys/sign.key", &before), 0);
	assert_int_equal(init("north-west", "tcp://127.0.0.1:7420", NULL), CLI_FAILED);
	assert_int_equal(init("other", "tcp://127.0.0.1:7420", NULL), CLI_FAILED);
	assert_int_equal(stat("state/keys/sign.key", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_true(there("north-west.root.key"));
	assert_false(there("other.root.key"));
}

static void a_region_that_cannot_be_founded_leaves_nothing_behind(void **state)
{
	(void)state;
	/* The endpoint is looked at in the last step, when everything else is made. */
	assert_int_equal(init("north-west", "http://nonsense", NULL), CLI_FAILED);
	assert_false(there("state"));
	assert_false(there("north-west.root.key"));
	assert_false(there("north-west.next-root.key"));
	/* A directory that was there stays. */
	assert_int_equal(mkdir("state", 0755), 0);
	assert_int_equal(init("north-west", "http://nonsense", NULL), CLI_FAILED);
	assert_true(there("state"));
	assert_int_equal(rmdir("state"), 0);
}

static void a_name_that_is_none_is_a_usage_error(void **state)
{
	static const char *const names[] = { "", "North-West", "a b", "../x", "n\303\266rd",
		"0123456789012345678901234567890123456789012345678901234567890123" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(init(names[i], "tcp://127.0.0.1:7420", NULL), CLI_USAGE);
	assert_false(there("state"));
}

static void a_dry_run_makes_nothing(void **state)
{
	(void)state;
	assert_int_equal(init("north-west", "tcp://127.0.0.1:7420", "--dry-run"), 0);
	assert_false(there("state"));
	assert_false(there("north-west.root.key"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_region_that_was_made_opens_with_its_keys),
		TEST(a_region_is_made_once_and_the_second_time_changes_nothing),
		TEST(a_region_that_cannot_be_founded_leaves_nothing_behind),
		TEST(a_name_that_is_none_is_a_usage_error),
		TEST(a_dry_run_makes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
