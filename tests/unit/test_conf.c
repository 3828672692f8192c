/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Configuration: what a person may write, and what they are told when it is wrong.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kith/conf.h>

#include "tests/kit/alloc.h"

#define GIB ((uint64_t)1 << 30)

struct place {
	char dir[64];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/kith-conf-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s", p->dir);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
	free(p);
	return 0;
}

static const char *in(const struct place *p, const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	return path;
}

static void put(const struct place *p, const char *name, const char *text)
{
	FILE *f = fopen(in(p, name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void empty_text_gives_every_default(void **state)
{
	struct conf c;
	struct why why;

	(void)state;
	assert_int_equal(conf_parse("x", "", &c, &why), 0);
	assert_string_equal(c.state_dir, "/var/lib/kith");
	assert_string_equal(c.store, "/var/lib/kith/store");
	assert_string_equal(c.keys, "/var/lib/kith/keys");
	assert_string_equal(c.transport_key, "/var/lib/kith/keys/transport.key");
	assert_string_equal(c.control_socket, "/run/kith/control");
	assert_string_equal(c.link_socket, "/run/kith/link");
	assert_string_equal(c.listen, "");
	assert_null(c.store_key_credential);
	assert_true(c.map_size == 256 * GIB);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	assert_int_equal(c.move_warn, 1);
	assert_int_equal(c.move_alarm, 5);
	conf_done(&c);
	conf_done(&c); /* and twice is once */
}

static void every_option_is_taken(void **state)
{
	struct conf c;
	struct why why;

	(void)state;
	assert_int_equal(conf_parse("x",
				 "# a comment\n"
				 "state_dir = /srv/kith\n"
				 "store = '/fast/store'\n"
				 "control_socket=\"/tmp/c\"\n"
				 "link_socket = \"/tmp/l\" // another\n"
				 "listen = \"tcp://[::1]:7420\"\n"
				 "map_size = 64MiB\n"
				 "store_key_credential = kith.store-key\n"
				 "log_level = debug\n"
				 "transport_key = /etc/kith/t.key",
				 &c, &why),
		0);
	assert_string_equal(c.state_dir, "/srv/kith");
	assert_string_equal(c.store, "/fast/store");
	assert_string_equal(c.keys, "/srv/kith/keys"); /* follows state_dir */
	assert_string_equal(c.transport_key, "/etc/kith/t.key");
	assert_string_equal(c.control_socket, "/tmp/c");
	assert_string_equal(c.link_socket, "/tmp/l");
	assert_string_equal(c.listen, "tcp://[::1]:7420");
	assert_string_equal(c.store_key_credential, "kith.store-key");
	assert_true(c.map_size == GIB / 16);
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
	conf_done(&c);
}

static void limits_of_moves_are_working_days_or_never(void **state)
{
	static const struct {
		const char *text;
		unsigned want; /* 0: refused */
	} days[] = { { "1", 1 }, { "1 working day", 1 }, { "250 working days", 250 },
		{ "never", CONF_NEVER }, { "0", 0 }, { "251", 0 }, { "", 0 }, { "1 day", 0 },
		{ "5 workingdays", 0 }, { "-1", 0 }, { "9999", 0 },
		{ "five working days", 0 } };

	(void)state;
	for (size_t i = 0; i < COUNT(days); i++) {
		char text[80];
		struct conf c;
		struct why why;

		snprintf(text, sizeof(text), "move_warn = \"%s\"\nmove_alarm = \"%s\"",
			days[i].text, days[i].text);
		assert_int_equal(
			conf_parse("x", text, &c, &why), days[i].want ? 0 : CONF_E_BAD);
		if (!days[i].want)
			continue;
		assert_int_equal(c.move_warn, days[i].want);
		assert_int_equal(c.move_alarm, days[i].want);
		conf_done(&c);
	}
}

static void sizes_have_units_and_bounds(void **state)
{
	static const struct {
		const char *text;
		uint64_t want; /* 0: refused */
	} sizes[] = {
		{ "1MiB", GIB >> 10 },
		{ "256GiB", 256 * GIB },
		{ "16TiB", 16384 * GIB },
		{ "17TiB", 0 },
		{ "0MiB", 0 },
		{ "1", 0 },
		{ "1GB", 0 },
		{ "1gib", 0 },
		{ "GiB", 0 },
		{ "-1GiB", 0 },
		{ "1.5GiB", 0 },
		{ "1GiBx", 0 },
		{ "999999999TiB", 0 },
		{ "99999999999999999999GiB", 0 },
	};
	char text[100];
	struct conf c;
	struct why why;

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		snprintf(text, sizeof(text), "map_size = \"%s\"", sizes[i].text);
		if (sizes[i].want == 0) {
			assert_int_equal(conf_parse("f", text, &c, &why), CONF_E_BAD);
			assert_non_null(strstr(why.text, "f:1: map_size cannot be"));
			assert_non_null(strstr(why.text, "MiB, GiB, TiB"));
			continue;
		}
		assert_int_equal(conf_parse("f", text, &c, &why), 0);
		assert_true(c.map_size == sizes[i].want);
		conf_done(&c);
	}
}

static void endpoints_are_addresses_with_a_port(void **state)
{
	static const char *const good[] = { "", "tcp://*:7420", "tcp://127.0.0.1:1",
		"tcp://[::]:65535", "tcp://north-west.example:7420" };
	static const char *const bad[] = { "*:7420", "tcp://", "tcp://:7420", "tcp://*",
		"tcp://*:", "tcp://*:0", "tcp://*:65536", "tcp://*:74x", "ipc:///tmp/x",
		"tcp://a b:1", "tcp://*:000001" };
	char text[100];
	struct conf c;
	struct why why;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		snprintf(text, sizeof(text), "listen = \"%s\"", good[i]);
		assert_int_equal(conf_parse("f", text, &c, &why), 0);
		assert_string_equal(c.listen, good[i]);
		conf_done(&c);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof(text), "listen = \"%s\"", bad[i]);
		assert_int_equal(conf_parse("f", text, &c, &why), CONF_E_BAD);
		assert_non_null(strstr(why.text, "tcp://*:7420"));
	}
}

static void mistakes_are_told_with_their_line_and_what_to_do(void **state)
{
	static const struct {
		const char *text, *say;
	} mistakes[] = {
		{ "\n\nlistne = \"x\"", "kithd.conf:3: " },
		{ "# a\n// b\nstore = /s # \"c\nlistne = x", "kithd.conf:4: " },
		{ "listne = x", "listne" },
		{ "log_level = info\nlog_level = info",
			"kithd.conf:2: log_level is set a second time" },
		{ "log_level = loud", "error, warning, info, debug" },
		{ "state_dir = here", "kithd.conf:1: state_dir cannot be \"here\": give an "
				      "absolute path" },
		{ "store = \"\"", "absolute path" },
		{ "keys = {/a, /b}", "kithd.conf:1: " },
		{ "keys /a", "kithd.conf:1: " },
		{ "keys = \"/a", "kithd.conf:1: " },
		{ "store_key_credential = \"../shadow\"", "name of a credential" },
		{ "include(\"/etc/passwd\")", "kithd.conf:1: " },
		{ "\"%said\" = 1", "kithd.conf" },
		{ "control_socket = \"/23456789012345678901234567890123456789012345678901234567"
		  "8901234567890123456789012345678901234567890123456\"",
			"103 bytes" },
	};
	struct conf c;
	struct why why;

	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		why_set(&why, "nothing");
		assert_int_equal(
			conf_parse("kithd.conf", mistakes[i].text, &c, &why), CONF_E_BAD);
		if (!strstr(why.text, mistakes[i].say))
			fail_msg("\"%s\" gave \"%s\"", mistakes[i].text, why.text);
	}
}

static void dropins_win_over_the_file_in_the_order_of_their_names(void **state)
{
	struct place *p = *state;
	struct conf c;
	struct why why;

	put(p, "k.conf", "log_level = error\nmap_size = 1GiB\nlisten = \"tcp://*:1\"\n");
	assert_int_equal(mkdir(in(p, "k.conf.d"), 0700), 0);
	put(p, "k.conf.d/20-b.conf", "log_level = debug\n");
	put(p, "k.conf.d/10-a.conf", "log_level = warning\nmap_size = 2GiB\n");
	put(p, "k.conf.d/30-c.conf.dpkg-old", "log_level = error\n");
	put(p, "k.conf.d/.hidden.conf", "log_level = error\n");
	assert_int_equal(conf_load(in(p, "k.conf"), &c, &why), 0);
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
	assert_true(c.map_size == 2 * GIB);
	assert_string_equal(c.listen, "tcp://*:1");
	conf_done(&c);
}

static void mistake_in_a_dropin_names_the_dropin(void **state)
{
	struct place *p = *state;
	struct conf c;
	struct why why;

	put(p, "k.conf", "");
	assert_int_equal(mkdir(in(p, "k.conf.d"), 0700), 0);
	put(p, "k.conf.d/a.conf", "\nfoo = 1\n");
	assert_int_equal(conf_load(in(p, "k.conf"), &c, &why), CONF_E_BAD);
	assert_non_null(strstr(why.text, "k.conf.d/a.conf:2: "));
	assert_int_equal(symlink("/nowhere", in(p, "k.conf.d/0.conf")), 0);
	assert_int_equal(conf_load(in(p, "k.conf"), &c, &why), CONF_E_BAD);
}

static void file_that_is_not_there_or_no_text_is_said(void **state)
{
	struct place *p = *state;
	struct conf c;
	struct why why;
	FILE *f;

	assert_int_equal(conf_load(in(p, "none"), &c, &why), CONF_E_ABSENT);
	assert_non_null(strstr(why.text, "there is no /tmp/"));
	assert_int_equal(conf_load(p->dir, &c, &why), CONF_E_BAD);
	f = fopen(in(p, "nul"), "w");
	assert_int_equal(fwrite("a\0b", 3, 1, f), 1);
	fclose(f);
	assert_int_equal(conf_load(in(p, "nul"), &c, &why), CONF_E_BAD);
	assert_non_null(strstr(why.text, "NUL"));
	assert_int_equal(truncate(in(p, "nul"), 2 << 20), 0);
	assert_int_equal(conf_load(in(p, "nul"), &c, &why), CONF_E_BAD);
}

static void sample_says_the_defaults(void **state)
{
	char text[8192] = "";
	struct conf c;
	struct why why;
	size_t len;
	FILE *f = fopen("conf/kithd.conf", "r");

	(void)state;
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	assert_in_range(len, 500, sizeof(text) - 2);
	assert_int_equal(conf_parse("conf/kithd.conf", text, &c, &why), 0);
	conf_done(&c);

	/* With its settings switched on it is still right, and means the same. */
	for (char *hash = text; (hash = strstr(hash, "\n#")); hash += 2)
		if (hash[2] >= 'a' && hash[2] <= 'z')
			hash[1] = ' ';
	assert_int_equal(conf_parse("conf/kithd.conf", text, &c, &why), 0);
	assert_string_equal(c.transport_key, "/var/lib/kith/keys/transport.key");
	assert_string_equal(c.store, "/var/lib/kith/store");
	assert_string_equal(c.control_socket, "/run/kith/control");
	assert_string_equal(c.link_socket, "/run/kith/link");
	assert_string_equal(c.listen, "tcp://*:7420");
	assert_string_equal(c.store_key_credential, "kith.store-key");
	assert_true(c.map_size == 256 * GIB);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	conf_done(&c);
}

static void wrapping_key_comes_from_the_credentials_directory(void **state)
{
	struct place *p = *state;
	uint8_t key[CONF_CREDENTIAL_LEN];
	struct conf c;
	struct why why;

	assert_int_equal(conf_defaults(&c), 0);
	assert_int_equal(conf_credential(&c, key, &why), CONF_E_ABSENT);
	conf_done(&c);

	assert_int_equal(conf_parse("f", "store_key_credential = cred", &c, &why), 0);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(conf_credential(&c, key, &why), CONF_E_BAD);
	assert_non_null(strstr(why.text, "LoadCredential"));
	setenv("CREDENTIALS_DIRECTORY", p->dir, 1);
	assert_int_equal(conf_credential(&c, key, &why), CONF_E_BAD);
	put(p, "cred", "0123456789abcdef0123456789abcde");
	assert_int_equal(conf_credential(&c, key, &why), CONF_E_BAD);
	put(p, "cred", "0123456789abcdef0123456789abcdef");
	assert_int_equal(conf_credential(&c, key, &why), 0);
	assert_memory_equal(key, "0123456789abcdef0123456789abcdef", sizeof(key));
	put(p, "cred", "0123456789abcdef0123456789abcdef\n");
	assert_int_equal(conf_credential(&c, key, &why), CONF_E_BAD);
	unsetenv("CREDENTIALS_DIRECTORY");
	conf_done(&c);
}

static void out_of_memory_is_fatal_and_leaves_nothing(void **state)
{
	struct place *p = *state;
	struct why why;
	struct conf c;
	unsigned places = 0;

	put(p, "k.conf", "state_dir = /a\nlisten = \"tcp://*:1\"\n");
	for (uint64_t n = 1;; n++) {
		int r;

		alloc_fail_at(n);
		r = conf_load(in(p, "k.conf"), &c, &why);
		if (!alloc_failed()) {
			assert_int_equal(r, 0);
			conf_done(&c);
			break;
		}
		assert_true(r < 0);
		places++;
	}
	assert_in_range(places, 1, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_text_gives_every_default),
		cmocka_unit_test(every_option_is_taken),
		cmocka_unit_test(limits_of_moves_are_working_days_or_never),
		cmocka_unit_test(sizes_have_units_and_bounds),
		cmocka_unit_test(endpoints_are_addresses_with_a_port),
		cmocka_unit_test(mistakes_are_told_with_their_line_and_what_to_do),
		cmocka_unit_test_setup_teardown(
			dropins_win_over_the_file_in_the_order_of_their_names, setup, teardown),
		cmocka_unit_test_setup_teardown(
			mistake_in_a_dropin_names_the_dropin, setup, teardown),
		cmocka_unit_test_setup_teardown(
			file_that_is_not_there_or_no_text_is_said, setup, teardown),
		cmocka_unit_test(sample_says_the_defaults),
		cmocka_unit_test_setup_teardown(
			wrapping_key_comes_from_the_credentials_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(
			out_of_memory_is_fatal_and_leaves_nothing, setup, teardown),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
