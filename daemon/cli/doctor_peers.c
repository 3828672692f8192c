/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Doctor: the way to the other regions
 *
 * kith-link, the listener, and for each peer its name, the way there, its keys, clock and
 * version; and the drop-in that lets kith-link speak with these addresses only.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cli/doctor.h"

#define SKEW_MOST 10000

/* Addresses in text --------------------------------------------------------------------------
 */

bool endpoint_parse(const char *text, struct endpoint *ret)
{
	static const char scheme[] = "tcp://";
	const char *host, *end, *port;

	if (strncmp(text, scheme, strlen(scheme)) != 0)
		return false;
	host = text + strlen(scheme);
	if (*host == '[') {
		end = strchr(++host, ']');
		port = end && end[1] == ':' ? end + 2 : NULL;
	} else {
		end = strrchr(host, ':');
		port = end ? end + 1 : NULL;
	}
	if (!port || end == host || (size_t)(end - host) >= sizeof(ret->host) || !*port ||
		strlen(port) >= sizeof(ret->port) || strspn(port, "0123456789") != strlen(port))
		return false;
	(void)snprintf(ret->host, sizeof(ret->host), "%.*s", (int)(end - host), host);
	(void)snprintf(ret->port, sizeof(ret->port), "%s", port);

	return true;
}

struct bits {
	int family;
	uint8_t at[16];
};

static bool bits_of(const char *text, struct bits *ret)
{
	ret->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	return inet_pton(ret->family, text, ret->at) == 1;
}

static bool inside(const char *range, const struct bits *a)
{
	char text[ADDRESS_TEXT];
	const char *slash = strchr(range, '/');
	struct bits net;
	unsigned long len;

	(void)snprintf(text, sizeof(text), "%.*s",
		(int)(slash ? slash - range : (int)strlen(range)), range);
	if (!bits_of(text, &net) || net.family != a->family)
		return false;
	len = slash ? strtoul(slash + 1, NULL, 10) : a->family == AF_INET ? 32 : 128;
	for (unsigned long i = 0; i < len && i < sizeof(a->at) * 8; i++)
		if ((net.at[i / 8] ^ a->at[i / 8]) >> (7 - i % 8) & 1)
			return false;

	return true;
}

bool address_allowed(const char *list, const char *address)
{
	struct bits a;
	char range[ADDRESS_TEXT + 4];

	if (!bits_of(address, &a))
		return false;
	for (const char *at = list; *at;) {
		size_t len = strcspn(at, " \n");

		if (len > 0 && len < sizeof(range)) {
			(void)snprintf(range, sizeof(range), "%.*s", (int)len, at);
			if (inside(range, &a))
				return true;
		}
		at += len;
		at += strspn(at, " \n");
	}

	return false;
}

/* kith-link and the listener -----------------------------------------------------------------
 */

static const json_t *status(const struct doctor *d)
{
	return json_object_get(d->reply, "status");
}

int check_link(struct doctor *d)
{
	const char *link = json_text(status(d), "link");

	if (!d->reply)
		return report(d, HEALTH_SKIPPED, NULL, NULL, "kithd does not answer");
	if (strcmp(link, "connected") == 0)
		return report(d, HEALTH_OK, NULL, NULL, "kith-link is connected");
	return report(d, HEALTH_FAIL, NULL,
		unit_name(d->cli) ? "journalctl -u kith-link -n 20; systemctl restart kith-link"
				  : "start it: kith-link --config FILE",
		"kith-link is not connected to kithd: no region can be reached");
}

int check_listener(struct doctor *d)
{
	const char *bound = json_text(status(d), "listening");
	struct endpoint e;
	int rc;

	if (!d->has_conf || !d->reply)
		return report(d, HEALTH_SKIPPED, NULL, NULL, "kithd does not answer");
	if (!d->conf.listen[0])
		return report(d, HEALTH_OK, NULL, NULL,
			"this region does not listen: it dials the others, and they must "
			"listen");
	if (!endpoint_parse(d->conf.listen, &e))
		return report(d, HEALTH_FAIL, NULL, "listen = \"tcp://*:7420\" in kithd.conf",
			"%s is no endpoint", d->conf.listen);
	if (!*bound)
		return report(d, HEALTH_FAIL, NULL,
			"journalctl -u kith-link -n 20; ss -ltnp shows who has the port",
			"kith-link has not bound %s", d->conf.listen);
	rc = d->world->dial(
		d->world->ctx, strcmp(e.host, "*") == 0 ? "127.0.0.1" : e.host, e.port);
	if (rc == 0)
		return report(d, HEALTH_OK, NULL, NULL, "%s takes connections", bound);
	return report(d, HEALTH_FAIL, NULL,
		"ss -ltnp; nft list ruleset: a rule may drop what comes to this port",
		"%s does not take a connection from this machine: %s", bound, strerror(rc));
}

static int check_endpoint(struct doctor *d, const char *text)
{
	struct addresses found = { 0 };
	struct endpoint e = { 0 }, ours = { 0 };
	const char *next;

	if (!endpoint_parse(text, &e))
		return report(
			d, HEALTH_FAIL, text, "kithctl explain card-wrong", "is no endpoint");
	if (!d->world->resolve(d->world->ctx, e.host, &found)) {
		next = arena_text(&d->cli->arena,
			"getent hosts %s; whoever keeps your DNS enters it, for the others too",
			e.host);
		return next ? report(d, HEALTH_WARN, text, next,
				      "its name is not known here: %s", found.problem)
			    : err_new(-ENOMEM);
	}
	if (d->has_conf && !d->conf.listen[0])
		return report(d, HEALTH_FAIL, text,
			"set listen in kithd.conf, then: systemctl reload kithd",
			"the card promises it, and this region does not listen");
	if (d->has_conf && endpoint_parse(d->conf.listen, &ours) &&
		strcmp(ours.port, e.port) != 0)
		return report(d, HEALTH_WARN, text,
			"right only where something forwards the one port to the other",
			"the card says port %s, and kithd.conf %s", e.port, ours.port);
	return report(d, HEALTH_OK, text, NULL, "is %s", found.text[0]);
}

int check_card(struct doctor *d)
{
	if (!d->has_card)
		return report(d, HEALTH_SKIPPED, NULL, NULL, "kithd does not answer");
	if (d->card.card.n_endpoints == 0)
		return report(d, HEALTH_OK, NULL, NULL,
			"it has no endpoint: the others cannot dial this region");
	for (size_t i = 0; i < d->card.card.n_endpoints; i++) {
		int rc = check_endpoint(d, d->card.card.endpoints[i]);

		if (rc != 0)
			return rc;
	}

	return 0;
}

/* Peers --------------------------------------------------------------------------------------
 */

static bool chosen(const struct doctor *d, const json_t *peer)
{
	const char *which = d->cli->given[OPT_PEER];

	return !which || strcmp(which, json_text(peer, "name")) == 0 ||
	       (strlen(which) >= 6 &&
		       strncmp(which, json_text(peer, "region"), strlen(which)) == 0);
}

static const char *since(struct doctor *d, const json_t *p)
{
	char date[SHORT_TEXT];
	const char *text =
		arena_text(&d->cli->arena, "%s", date_text(json_number(p, "since_ms"), date));

	return text ? text : "?";
}

/* The TCP connection was refused, dropped or not possible. */
static int report_way(struct doctor *d, const char *name, const struct endpoint *e,
	const char *address, int error)
{
	struct arena *a = &d->cli->arena;
	const char *next =
		error == ECONNREFUSED ? arena_text(a,
						"the people of %s look at: systemctl status "
						"kith-link; is the port "
						"that of their card?",
						name)
		: error == ETIMEDOUT  ? arena_text(a,
						"a firewall drops it: let this machine through "
						 "to %s, tcp port %s; "
						 "there, too",
						address, e->port)
		: error == EPERM || error == EACCES
			? arena_text(a, "nft list ruleset: a rule of this machine forbids it")
			: arena_text(a, "ip route get %s", address);

	return next ? report(d, HEALTH_FAIL, name, next, "%s port %s: %s", address, e->port,
			      strerror(error))
		    : err_new(-ENOMEM);
}

/* The way is free and yet there is no session. */
static int report_refused(struct doctor *d, const json_t *p, const char *name)
{
	const char *problem = json_text(p, "problem"), *next;

	if (strstr(problem, "handshake"))
		return report(d, HEALTH_FAIL, name,
			"exchange cards again and compare both fingerprints by telephone: "
			"kithctl "
			"region card, kithctl peer add",
			"it can be reached, but one side does not know the other's key: %s",
			problem);
	if (*problem && !strchr(problem, ' ')) {
		next = arena_text(&d->cli->arena, "kithctl explain %s", problem);
		return next ? report(d, HEALTH_FAIL, name, next,
				      "it can be reached, and the greeting is refused: %s",
				      problem)
			    : err_new(-ENOMEM);
	}
	return report(d, HEALTH_WARN, name,
		"wait a minute and look again; then: journalctl -u kith-link -n 20",
		"it can be reached, and is not live since %s%s%s", since(d, p),
		*problem ? ": " : "", problem);
}

static int check_peer(struct doctor *d, const json_t *p)
{
	const char *name = json_text(p, "name"), *text = json_text(p, "endpoint"), *next;
	struct addresses found = { 0 };
	struct endpoint e = { 0 };
	int error = EHOSTUNREACH;
	size_t i;

	if (strcmp(json_text(p, "state"), "live") == 0)
		return report(d, HEALTH_OK, name, NULL, "live since %s", since(d, p));
	if (!*text)
		return report(d, HEALTH_WARN, name,
			"its people run kithctl doctor there; ours is the listener above",
			"it dials us, and has not since %s", since(d, p));
	if (!endpoint_parse(text, &e) || !d->world->resolve(d->world->ctx, e.host, &found)) {
		next = arena_text(&d->cli->arena,
			"getent hosts %s; or: kithctl peer add CARDFILE --endpoint "
			"tcp://ADDRESS:PORT",
			e.host);
		return next ? report(d, HEALTH_FAIL, name, next,
				      "the name in its endpoint %s is not known here: %s", text,
				      found.problem)
			    : err_new(-ENOMEM);
	}
	for (i = 0; i < found.n && error != 0; i++)
		error = d->world->dial(d->world->ctx, found.text[i], e.port);
	if (error != 0)
		return report_way(d, name, &e, found.text[i - 1], error);

	return report_refused(d, p, name);
}

/* One function for each peer that is meant. */
static int each_peer(struct doctor *d, int (*one)(struct doctor *d, const json_t *p))
{
	const json_t *peers = json_object_get(d->reply, "peers");
	size_t n = 0;

	if (!d->reply)
		return report(d, HEALTH_SKIPPED, NULL, NULL, "kithd does not answer");
	for (size_t i = 0; i < json_array_size(peers); i++) {
		const json_t *p = json_array_get(peers, i);
		int rc = 0;

		if (!chosen(d, p))
			continue;
		n++;
		rc = one(d, p);
		if (rc != 0)
			return rc;
	}
	if (n == 0 && d->cli->given[OPT_PEER])
		return cli_say(CLI_FAILED, "no peer is called %s\n  next: kithctl peers",
			d->cli->given[OPT_PEER]);
	if (n == 0)
		return report(
			d, HEALTH_SKIPPED, NULL, NULL, "there is no peer yet: kithctl setup");

	return 0;
}

int check_peers(struct doctor *d)
{
	return each_peer(d, check_peer);
}

static int check_peer_clock(struct doctor *d, const json_t *p)
{
	const char *name = json_text(p, "name");
	const json_t *v = json_object_get(p, "clock_skew_ms");
	const json_int_t ms = json_integer_value(v);
	const uint64_t apart = (uint64_t)(ms < 0 ? -ms : ms);
	const char *where = ms < 0 ? "behind" : "ahead of";
	char age[SHORT_TEXT];

	if (!v)
		return report(d, HEALTH_SKIPPED, name, NULL, "it has not said what time it is");
	if (apart <= SKEW_MOST)
		return report(
			d, HEALTH_OK, name, NULL, "within %s of ours", age_text(apart, age));
	return report(d, HEALTH_WARN, name,
		"timedatectl here and there: the one that is not synchronised is wrong",
		"its clock is %s %s ours", age_text(apart, age), where);
}

int check_peer_clocks(struct doctor *d)
{
	return each_peer(d, check_peer_clock);
}

static int check_version(struct doctor *d, const json_t *p)
{
	const char *name = json_text(p, "name"), *runs = json_text(p, "software");
	const uint64_t min = json_number(p, "wire_min"), max = json_number(p, "wire_max");
	const uint64_t ours_min = json_number(status(d), "wire_min"),
		       ours_max = json_number(status(d), "wire_max");

	if (max == 0)
		return report(
			d, HEALTH_SKIPPED, name, NULL, "it has not greeted since kithd began");
	if (min > ours_max || max < ours_min)
		return report(d, HEALTH_FAIL, name,
			max < ours_min ? "that region upgrades kith" : "apt upgrade kith",
			"%s speaks wire versions %" PRIu64 " to %" PRIu64 ", and we %" PRIu64
			" to %" PRIu64,
			runs, min, max, ours_min, ours_max);
	return report(d, HEALTH_OK, name, NULL, "%s, wire version %" PRIu64, runs,
		max < ours_max ? max : ours_max);
}

int check_versions(struct doctor *d)
{
	return each_peer(d, check_version);
}

/* The address filter -------------------------------------------------------------------------
 */

static int check_allowed(struct doctor *d, const char *list, const json_t *p, bool *bad)
{
	const char *name = json_text(p, "name");
	struct addresses found = { 0 };
	struct endpoint e;

	if (!endpoint_parse(json_text(p, "endpoint"), &e) ||
		!d->world->resolve(d->world->ctx, e.host, &found))
		return 0; /* said above */
	for (size_t i = 0; i < found.n; i++)
		if (!address_allowed(list, found.text[i])) {
			*bad = true;
			return report(d, HEALTH_FAIL, name,
				"install what kithctl doctor --drop-in prints",
				"kith-link's filter does not let %s through", found.text[i]);
		}

	return 0;
}

int check_filter(struct doctor *d)
{
	const char *unit = unit_of(d->cli, "kith-link", "service");
	const char *const argv[] = { "systemctl", "show", "--no-pager", "-p", "IPAddressDeny",
		"--value", unit, NULL };
	const char *const argv_allow[] = { "systemctl", "show", "--no-pager", "-p",
		"IPAddressAllow", "--value", unit, NULL };
	const json_t *peers = json_object_get(d->reply, "peers");
	char deny[4096] = "", allow[4096] = "";
	bool bad = false;
	int rc = 0;

	if (!unit || !d->reply)
		return report(d, HEALTH_SKIPPED, NULL, NULL,
			"this may be no unit, or kithd does not answer");
	if (d->world->run(d->world->ctx, argv, deny, sizeof(deny)) != 0 ||
		d->world->run(d->world->ctx, argv_allow, allow, sizeof(allow)) != 0)
		return report(d, HEALTH_SKIPPED, NULL, NULL, "systemd cannot be asked");
	if (strspn(deny, " \n") == strlen(deny))
		return report(d, HEALTH_WARN, NULL,
			"install what kithctl doctor --drop-in prints",
			"any address may connect to kith-link");
	for (size_t i = 0; i < json_array_size(peers) && rc == 0; i++)
		rc = check_allowed(d, allow, json_array_get(peers, i), &bad);
	if (rc != 0 || bad)
		return rc;

	return report(d, HEALTH_OK, NULL, NULL, "it lets the peers through, and no others");
}

static int drop_in_peer(struct doctor *d, const json_t *p, bool *whole)
{
	const char *text = json_text(p, "endpoint"), *name = json_text(p, "name");
	char *line =
		arena_text(&d->cli->arena, "%s, %s", name, *text ? text : "which dials us");
	char *safe = line ? safe_text(&d->cli->arena, span_of(line), SAFE_LINE) : NULL;
	struct addresses found = { 0 };
	struct endpoint e;

	if (!safe)
		return err_new(-ENOMEM);
	(void)printf("# %s\n", safe);
	if (!endpoint_parse(text, &e) || !d->world->resolve(d->world->ctx, e.host, &found)) {
		*whole = false;
		(void)printf(
			"#IPAddressAllow=%s\n", *text ? "(its name is not known here)"
						      : "(ask its people for its address)");
	}
	for (size_t i = 0; i < found.n; i++)
		(void)printf("IPAddressAllow=%s\n", found.text[i]);

	return 0;
}

int drop_in(struct doctor *d)
{
	const json_t *peers = json_object_get(d->reply, "peers");
	struct addresses servers = { 0 };
	bool whole = true;
	int rc = 0;

	if (!d->reply)
		return cli_say(CLI_ABSENT,
			"kithd does not answer, and its peers are not known\n"
			"  next: kithctl doctor");
	(void)printf(
		"# kith-link speaks with the peers and with nobody else. Printed by kithctl "
		"doctor --drop-in:\n"
		"#   kithctl doctor --drop-in "
		">/etc/systemd/system/kith-link.service.d/peers.conf\n"
		"#   systemctl daemon-reload; systemctl restart kith-link\n"
		"# Again after every peer add, and when a peer's address has changed.\n"
		"[Service]\nIPAddressDeny=any\nIPAddressAllow=localhost\n");
	d->world->name_servers(d->world->ctx, &servers);
	if (servers.n > 0)
		(void)printf("# name servers\n");
	for (size_t i = 0; i < servers.n; i++)
		(void)printf("IPAddressAllow=%s\n", servers.text[i]);
	for (size_t i = 0; i < json_array_size(peers) && rc == 0; i++)
		rc = drop_in_peer(d, json_array_get(peers, i), &whole);
	if (rc != 0 || whole)
		return rc;

	return cli_say(CLI_FAILED, "not every peer's address is known\n"
				   "  next: fill in the lines that begin with #IPAddressAllow");
}
