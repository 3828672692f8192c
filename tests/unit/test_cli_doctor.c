/* SPDX-License-Identifier: Apache-2.0 */

/*
 * kithctl doctor in a world of our own: each thing is broken by itself, and found with the next
 * command. What needs real daemons is broken in tests/e2e/test_watch.py.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/cli/doctor.h"

static struct cli cli;
static struct doctor doctor;
static char dir[] = "/tmp/kith-doctor-XXXXXX";

/* The world: what systemctl says, what a name is, what happens to a connection. */
static struct {
	const char *systemctl, *deny, *allow, *address;
	int dial, kept;
} its;

static int its_run(void *ctx, const char *const argv[], char *into, size_t room)
{
	const char *text = its.systemctl;

	(void)ctx;
	for (size_t i = 0; argv[i]; i++)
		text = strcmp(argv[i], "IPAddressDeny") == 0    ? its.deny
		       : strcmp(argv[i], "IPAddressAllow") == 0 ? its.allow
								: text;
	(void)snprintf(into, room, "%s", text ? text : "");
	return text ? 0 : 1;
}

static bool its_resolve(void *ctx, const char *host, struct addresses *ret)
{
	(void)ctx;
	*ret = (struct addresses){ .problem = "Name or service not known" };
	assert_string_equal(host, "kith.south.example");
	if (!its.address)
		return false;
	(void)snprintf(ret->text[ret->n++], ADDRESS_TEXT, "%s", its.address);
	return true;
}

static int its_dial(void *ctx, const char *address, const char *port)
{
	(void)ctx;
	assert_true(*address != '\0' && *port != '\0');
	return its.dial;
}

static int its_clock_kept(void *ctx)
{
	(void)ctx;
	return its.kept;
}

static void its_name_servers(void *ctx, struct addresses *ret)
{
	(void)ctx;
	ret->n = 0;
}

static const struct world world = {
	.run = its_run,
	.resolve = its_resolve,
	.dial = its_dial,
	.clock_kept = its_clock_kept,
	.name_servers = its_name_servers,
};

/* A region that is well, with a peer that is not. */
static int setup(void **state)
{
	(void)state;
	cli = (struct cli){ 0 };
	arena_init(&cli.arena, 0);
	its.systemctl = "LoadState=loaded\nActiveState=active\nSubState=running\n"
			"StateChangeTimestamp=now\n";
	its.deny = "::/0 0.0.0.0/0\n";
	its.allow = "127.0.0.0/8 192.0.2.0/24\n";
	its.address = "192.0.2.7";
	its.dial = 0;
	its.kept = 1;
	doctor = (struct doctor){
		.cli = &cli, .world = &world, .results = json_array(), .check = "x"
	};
	assert_int_equal(conf_defaults(&doctor.conf), 0);
	doctor.has_conf = true;
	doctor.reply = json_pack("{s:{s:s, s:s, s:s, s:I, s:I, s:I, s:I}, s:[{s:s, s:s, s:s, "
				 "s:s, s:I, s:I, s:s}]}",
		"status", "version", "kith " KITH_VERSION, "link", "connected", "listening",
		"tcp://*:7420", "wire_min", (json_int_t)1, "wire_max", (json_int_t)1,
		"store_bytes", (json_int_t)1000, "store_map_bytes", (json_int_t)100000, "peers",
		"name", "south", "state", "down", "region", "00112233445566778899aabbccddeeff",
		"endpoint", "tcp://kith.south.example:7420", "wire_min", (json_int_t)1,
		"wire_max", (json_int_t)1, "software", "kith 0.1.0");
	assert_non_null(doctor.reply);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	doctor_done(&doctor);
	arena_done(&cli.arena);
	return 0;
}

static json_t *peer(void)
{
	return json_array_get(json_object_get(doctor.reply, "peers"), 0);
}

static json_t *status(void)
{
	return json_object_get(doctor.reply, "status");
}

static void set_text(json_t *object, const char *key, const char *v)
{
	assert_int_equal(json_object_set_new(object, key, json_string(v)), 0);
}

static void set(json_t *object, const char *key, json_int_t v)
{
	assert_int_equal(json_object_set_new(object, key, json_integer(v)), 0);
}

/* The one result of a check is this, and says that; what is wrong has a next command. */
static void gives(int (*check)(struct doctor *d), enum health h, const char *words)
{
	const json_t *r;
	const char *all;

	assert_int_equal(json_array_clear(doctor.results), 0);
	assert_int_equal(check(&doctor), 0);
	assert_int_equal(json_array_size(doctor.results), 1);
	r = json_array_get(doctor.results, 0);
	all = arena_text(&cli.arena, "%s: %s | %s", json_text(r, "about"), json_text(r, "text"),
		json_text(r, "next"));
	if (strcmp(json_text(r, "state"), health_word(h)) != 0 || !strstr(all, words))
		fail_msg("%s: %s; not %s: %s", json_text(r, "state"), all, health_word(h),
			words);
	assert_int_equal(h == HEALTH_WARN || h == HEALTH_FAIL, *json_text(r, "next") != '\0');
}

static void a_name_that_is_not_known_is_a_matter_of_dns(void **state)
{
	(void)state;
	its.address = NULL;
	gives(check_peers, HEALTH_FAIL, "getent hosts kith.south.example");
}

static void each_way_in_which_a_connection_fails_has_its_own_advice(void **state)
{
	(void)state;
	its.dial = ECONNREFUSED;
	gives(check_peers, HEALTH_FAIL, "systemctl status kith-link");
	its.dial = ETIMEDOUT;
	gives(check_peers, HEALTH_FAIL, "firewall");
	its.dial = EPERM;
	gives(check_peers, HEALTH_FAIL, "nft list ruleset");
	its.dial = ENETUNREACH;
	gives(check_peers, HEALTH_FAIL, "ip route get 192.0.2.7");
}

static void a_key_that_is_not_the_one_on_the_card_is_told_from_a_broken_way(void **state)
{
	(void)state;
	set_text(peer(), "problem",
		"handshake with tcp://x failed: the peer does not know our key");
	gives(check_peers, HEALTH_FAIL, "fingerprints by telephone");
	set_text(peer(), "problem", "card-wrong");
	gives(check_peers, HEALTH_FAIL, "kithctl explain card-wrong");
	set_text(peer(), "problem", "");
	gives(check_peers, HEALTH_WARN, "look again");
}

static void who_dials_us_and_who_is_live_is_not_dialled(void **state)
{
	(void)state;
	its.dial = EPERM;
	set_text(peer(), "endpoint", "");
	gives(check_peers, HEALTH_WARN, "it dials us");
	set_text(peer(), "state", "live");
	gives(check_peers, HEALTH_OK, "live since");
}

static void versions_that_cannot_meet_say_who_upgrades(void **state)
{
	(void)state;
	gives(check_versions, HEALTH_OK, "wire version 1");
	set(peer(), "wire_min", 2);
	set(peer(), "wire_max", 3);
	gives(check_versions, HEALTH_FAIL, "apt upgrade kith");
	set(status(), "wire_min", 4);
	set(status(), "wire_max", 5);
	gives(check_versions, HEALTH_FAIL, "that region upgrades");
	set(peer(), "wire_max", 0);
	gives(check_versions, HEALTH_SKIPPED, "not greeted");
}

static void clocks_are_compared_in_both_directions(void **state)
{
	(void)state;
	gives(check_peer_clocks, HEALTH_SKIPPED, "");
	set(peer(), "clock_skew_ms", 10000);
	gives(check_peer_clocks, HEALTH_OK, "");
	set(peer(), "clock_skew_ms", -10001);
	gives(check_peer_clocks, HEALTH_WARN, "behind");
	its.kept = 0;
	gives(check_clock, HEALTH_WARN, "timedatectl");
	its.kept = 1;
	gives(check_clock, HEALTH_OK, "");
	its.kept = -1;
	gives(check_clock, HEALTH_SKIPPED, "");
}

static void a_filter_that_keeps_a_peer_out_is_found_and_none_is_said(void **state)
{
	(void)state;
	gives(check_filter, HEALTH_OK, "");
	its.address = "198.51.100.1";
	gives(check_filter, HEALTH_FAIL, "--drop-in");
	its.deny = "\n";
	gives(check_filter, HEALTH_WARN, "--drop-in");
	its.systemctl = its.deny = NULL;
	gives(check_filter, HEALTH_SKIPPED, "systemd");
}

static void units_that_are_not_active_are_told_by_why(void **state)
{
	(void)state;
	assert_int_equal(check_units(&doctor), 0);
	assert_int_equal(doctor.counts[HEALTH_OK], 4);
	its.systemctl =
		"LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\n";
	assert_int_equal(check_units(&doctor), 0);
	its.systemctl = "LoadState=not-found\nActiveState=inactive\n";
	assert_int_equal(check_units(&doctor), 0);
	its.systemctl = "LoadState=loaded\nActiveState=inactive\nSubState=dead\n";
	assert_int_equal(check_units(&doctor), 0);
	assert_int_equal(doctor.counts[HEALTH_FAIL], 12);
	assert_non_null(strstr(json_text(json_array_get(doctor.results, 4), "next"),
		"journalctl -u kithd.service"));
	assert_non_null(strstr(
		json_text(json_array_get(doctor.results, 8), "next"), "apt install kith"));
	assert_non_null(strstr(json_text(json_array_get(doctor.results, 12), "next"),
		"systemctl enable --now kithd.service"));
}

static void an_old_kithd_that_still_runs_is_said(void **state)
{
	(void)state;
	gives(check_program, HEALTH_OK, "");
	set_text(status(), "version", "kith 0.0.9");
	gives(check_program, HEALTH_WARN, "systemctl restart");
}

static void what_is_nearly_full_is_said_before_it_is(void **state)
{
	(void)state;
	gives(check_map, HEALTH_OK, "");
	set(status(), "store_bytes", 81000);
	gives(check_map, HEALTH_WARN, "map_size");
	set(status(), "store_bytes", 96000);
	gives(check_map, HEALTH_FAIL, "map_size");
}

static void listen_on(const char *endpoint)
{
	free(doctor.conf.listen);
	doctor.conf.listen = strdup(endpoint);
	assert_non_null(doctor.conf.listen);
}

static void a_missing_kith_link_and_a_port_that_is_not_bound_are_said(void **state)
{
	(void)state;
	gives(check_link, HEALTH_OK, "");
	set_text(status(), "link", "absent");
	gives(check_link, HEALTH_FAIL, "kith-link");
	gives(check_listener, HEALTH_OK, "does not listen");
	listen_on("tcp://*:7420");
	gives(check_listener, HEALTH_OK, "takes connections");
	its.dial = ETIMEDOUT;
	gives(check_listener, HEALTH_FAIL, "nft");
	set_text(status(), "listening", "");
	gives(check_listener, HEALTH_FAIL, "who has the port");
}

static void a_card_that_promises_what_is_not_so_is_said(void **state)
{
	(void)state;
	doctor.has_card = true;
	doctor.card.card.n_endpoints = 1;
	(void)snprintf(
		doctor.card.card.endpoints[0], ENDPOINT_MAX, "tcp://kith.south.example:7420");
	gives(check_card, HEALTH_FAIL, "does not listen");
	listen_on("tcp://*:7421");
	gives(check_card, HEALTH_WARN, "port 7420");
	its.address = NULL;
	gives(check_card, HEALTH_WARN, "getent");
}

static const char *path_in(const char *name)
{
	return arena_text(&cli.arena, "%s/%s", dir, name);
}

static void put(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(path_in(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path_in(name), mode), 0);
}

static void keys_that_others_may_read_lack_or_own_are_found(void **state)
{
	static const char *const names[] = { "sign", "control", "kem", "token", "store",
		"transport" };

	(void)state;
	strcpy(dir, "/tmp/kith-doctor-XXXXXX");
	assert_non_null(mkdtemp(dir));
	conf_done(&doctor.conf);
	doctor.conf = (struct conf){ .state_dir = strdup(dir),
		.keys = strdup(dir),
		.store = strdup(path_in("s")),
		.transport_key = strdup(path_in("transport.key")) };
	for (size_t i = 0; i < COUNT(names); i++)
		put(arena_text(&cli.arena, "%s.key", names[i]), "kith-key/1 x plain\n", 0600);
	assert_int_equal(mkdir(path_in("s"), 0700), 0);
	assert_int_equal(mkdir(path_in("s/data"), 0700), 0);
	assert_int_equal(mkdir(path_in("s/keys"), 0700), 0);
	gives(check_files, HEALTH_FAIL, "s/redo");
	put("s/redo", "", 0600);
	gives(check_files, HEALTH_OK, "");
	assert_int_equal(chmod(path_in("sign.key"), 0640), 0);
	gives(check_files, HEALTH_FAIL, "chmod 600");
	assert_int_equal(chmod(path_in("sign.key"), 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path_in("kem.key"), 4711, 4711), 0);
		gives(check_files, HEALTH_FAIL, "chown root");
		assert_int_equal(chown(path_in("kem.key"), 0, 0), 0);
	}
	assert_int_equal(unlink(path_in("token.key")), 0);
	gives(check_files, HEALTH_FAIL, "token.key");

	put("mine", "kith-key/1 root plain\nff\n", 0600);
	gives(check_root_key, HEALTH_WARN, "shred");
	assert_int_equal(unlink(path_in("mine")), 0);
	cli.given[OPT_BACKUPS] = dir;
	gives(check_backups, HEALTH_WARN, "disk of the store");
	put("s/data/copy", "kith-key/1 store plain\nff\n", 0600);
	gives(check_backups, HEALTH_FAIL, "apart from the backups");
	gives(check_disk, HEALTH_OK, "");
	assert_int_equal(
		run_program((const char *const[]){ "rm", "-r", dir, NULL }, (char[8]){ 0 }, 8),
		0);
	gives(check_disk, HEALTH_FAIL, "kithctl setup");
}

static void endpoints_are_taken_apart_and_nonsense_is_not(void **state)
{
	static const char *const wrong[] = { "", "tcp://", "tcp://host",
		"tcp://host:", "tcp://:7420", "tcp://host:74x0", "udp://host:1", "tcp://[::1]",
		"tcp://[::1:7420", "tcp://host:123456789" };
	struct endpoint e;

	(void)state;
	assert_true(endpoint_parse("tcp://kith.example:7420", &e));
	assert_string_equal(e.host, "kith.example");
	assert_string_equal(e.port, "7420");
	assert_true(endpoint_parse("tcp://[2001:db8::1]:7420", &e));
	assert_string_equal(e.host, "2001:db8::1");
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(endpoint_parse(wrong[i], &e));
}

static void ranges_hold_what_they_hold(void **state)
{
	(void)state;
	assert_true(address_allowed("127.0.0.0/8 192.0.2.7/32", "192.0.2.7"));
	assert_true(address_allowed("192.0.2.7", "192.0.2.7"));
	assert_false(address_allowed("192.0.2.7/32", "192.0.2.6"));
	assert_true(address_allowed("192.0.2.128/25", "192.0.2.255"));
	assert_false(address_allowed("192.0.2.128/25", "192.0.2.127"));
	assert_true(address_allowed("2001:db8::/32", "2001:db8:ffff::1"));
	assert_false(address_allowed("2001:db8::/32", "2001:db9::1"));
	assert_true(address_allowed("::/0", "2001:db9::1"));
	assert_false(address_allowed("::/0", "192.0.2.1"));
	assert_false(address_allowed("", "192.0.2.1"));
	assert_false(address_allowed("nonsense 1.2.3", "192.0.2.1"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_that_is_not_known_is_a_matter_of_dns),
		TEST(each_way_in_which_a_connection_fails_has_its_own_advice),
		TEST(a_key_that_is_not_the_one_on_the_card_is_told_from_a_broken_way),
		TEST(who_dials_us_and_who_is_live_is_not_dialled),
		TEST(versions_that_cannot_meet_say_who_upgrades),
		TEST(clocks_are_compared_in_both_directions),
		TEST(a_filter_that_keeps_a_peer_out_is_found_and_none_is_said),
		TEST(units_that_are_not_active_are_told_by_why),
		TEST(an_old_kithd_that_still_runs_is_said),
		TEST(what_is_nearly_full_is_said_before_it_is),
		TEST(a_missing_kith_link_and_a_port_that_is_not_bound_are_said),
		TEST(a_card_that_promises_what_is_not_so_is_said),
		TEST(keys_that_others_may_read_lack_or_own_are_found),
		TEST(endpoints_are_taken_apart_and_nonsense_is_not),
		TEST(ranges_hold_what_they_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
