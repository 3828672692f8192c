/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Doctor
 *
 * One table of checks; each looks at the world and reports what it found. The world is a struct
 * of functions, so that a test can break each thing by itself.
 */

#include <kith/conf.h>
#include <kith/node.h>

#include "daemon/cli/cli.h"

#define ADDRESSES_MAX 16
#define ADDRESS_TEXT  48
struct addresses {
	char text[ADDRESSES_MAX][ADDRESS_TEXT]; /* "192.0.2.7", "2001:db8::7" */
	size_t n;
	char problem[96]; /* why there is none */
};

struct world {
	void *ctx;
	/* As run_program(). */
	int (*run)(void *ctx, const char *const argv[], char *into, size_t room);
	/* False: .problem says why. */
	bool (*resolve)(void *ctx, const char *host, struct addresses *ret);
	/* A TCP connection within 3 s: 0, or an errno. */
	int (*dial)(void *ctx, const char *address, const char *port);
	/* Whether something keeps the clock: 1, 0, -1 not known. */
	int (*clock_kept)(void *ctx);
	/* Where name servers are: addresses. */
	void (*name_servers)(void *ctx, struct addresses *ret);
};
extern const struct world world_real;

enum health { HEALTH_OK, HEALTH_WARN, HEALTH_FAIL, HEALTH_SKIPPED };
const char *health_word(enum health h);

struct doctor {
	struct cli *cli;
	const struct world *world;
	struct conf conf;
	bool has_conf;
	json_t *reply; /* status and peers; NULL: kithd does not answer */
	bool has_card;
	struct checked_card card;
	const char *check; /* whose turn it is */
	json_t *results;
	unsigned counts[HEALTH_SKIPPED + 1];
};
void doctor_done(struct doctor *d);
/* One result of the check whose turn it is. .about: a peer, a file, or NULL. */
MUST_USE int report(struct doctor *d, enum health h, const char *about, const char *next,
	const char *fmt, ...) PRINTF(5, 6);

/* doctor_here.c: this machine. */
MUST_USE int check_conf(struct doctor *d);
MUST_USE int check_socket(struct doctor *d);
MUST_USE int check_groups(struct doctor *d);
MUST_USE int check_units(struct doctor *d);
MUST_USE int check_program(struct doctor *d);
MUST_USE int check_disk(struct doctor *d);
MUST_USE int check_map(struct doctor *d);
MUST_USE int check_clock(struct doctor *d);

/* doctor_files.c: what lies where, whose it is, and what should not lie there. */
MUST_USE int check_files(struct doctor *d);
MUST_USE int check_root_key(struct doctor *d);
MUST_USE int check_backups(struct doctor *d);

/* doctor_peers.c: the way to the other regions, and from them. */
MUST_USE int check_link(struct doctor *d);
MUST_USE int check_listener(struct doctor *d);
MUST_USE int check_card(struct doctor *d);
MUST_USE int check_peers(struct doctor *d);
MUST_USE int check_peer_clocks(struct doctor *d);
MUST_USE int check_versions(struct doctor *d);
MUST_USE int check_filter(struct doctor *d);
MUST_USE int drop_in(struct doctor *d);

/* "tcp://HOST:PORT" and "tcp://[V6]:PORT". False: it is neither. */
struct endpoint {
	char host[256], port[8];
};
bool endpoint_parse(const char *text, struct endpoint *ret);
/* Whether a list as systemd shows it ("192.0.2.0/24 ::1/128") holds an address. */
bool address_allowed(const char *list, const char *address);
