/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Upgrade
 *
 * Before another version of kith is started: which peers could speak with it, and what it does
 * with the store. What is installed is this kithctl's version; what runs says kithd.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <kith/message.h>
#include <kith/store.h>

#include "daemon/cli/cli.h"

enum follows { FOLLOWS_YES, FOLLOWS_NOT_NEXT, FOLLOWS_NO, FOLLOWS_UNKNOWN };

/* .min and .max of a peer; the installed kith speaks from WIRE_OLDEST to WIRE_VERSION, and the
 * one after it no longer WIRE_OLDEST when it brings a version of its own. */
static enum follows judge_peer(uint64_t min, uint64_t max)
{
	if (max == 0)
		return FOLLOWS_UNKNOWN;
	if (max < WIRE_OLDEST || min > WIRE_VERSION)
		return FOLLOWS_NO;
	return max < WIRE_VERSION ? FOLLOWS_NOT_NEXT : FOLLOWS_YES;
}

static const char *words_of(enum follows f, bool newer)
{
	switch (f) {
	case FOLLOWS_YES:
		return "it follows";
	case FOLLOWS_NOT_NEXT:
		return "it follows this time; it has to upgrade before the next";
	case FOLLOWS_NO:
		return newer ? "cannot speak with what is installed: upgrade here first"
			     : "cannot follow: that region upgrades first";
	case FOLLOWS_UNKNOWN:
		break;
	}
	return "has not greeted since kithd began: not known";
}

static int peers_of(const json_t *reply, json_t *into, size_t counts[])
{
	static const char *const short_words[] = { "yes", "not-next", "no", "unknown" };
	const json_t *peers = json_object_get(reply, "peers");

	for (size_t i = 0; i < json_array_size(peers); i++) {
		const json_t *p = json_array_get(peers, i);
		const uint64_t min = json_number(p, "wire_min"),
			       max = json_number(p, "wire_max");
		const enum follows f = judge_peer(min, max);
		json_t *one = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s}", "name",
			json_text(p, "name"), "software", json_text(p, "software"), "wire_min",
			(json_int_t)min, "wire_max", (json_int_t)max, "follows", short_words[f],
			"text", words_of(f, min > WIRE_VERSION));

		if (!one || json_array_append_new(into, one) != 0)
			return err_new(-ENOMEM);
		counts[f]++;
	}

	return 0;
}

/* What becomes of the store; "" when nothing. */
static const char *store_words(struct cli *c, uint64_t format)
{
	if (format == 0 || format == STORE_FORMAT)
		return "stays as it is";
	if (format < STORE_FORMAT)
		return arena_text(&c->arena,
			"will be rewritten when kithd is restarted, from format %" PRIu64
			" to %u; it is copied first",
			format, STORE_FORMAT);
	return arena_text(&c->arena,
		"has format %" PRIu64 ", and what is installed knows %u: it will not start; "
		"install the newer version again",
		format, STORE_FORMAT);
}

static int tell(struct cli *c, const json_t *status, json_t *peers, const char *store)
{
	static const struct column cols[] = {
		{ "name", "PEER", FORM_TEXT, WHOLE, false },
		{ "software", "SOFTWARE", FORM_TEXT, CUT, false },
		{ "wire_min", "FROM", FORM_NUMBER, WHOLE, false },
		{ "wire_max", "TO", FORM_NUMBER, WHOLE, false },
		{ "text", "", FORM_TEXT, WRAP, false },
	};
	json_t *out CLEANUP(json_drop) =
		json_pack("{s:{s:s, s:i, s:i, s:i}, s:{s:s, s:I, s:I, s:I}, s:O, s:s}",
			"installed", "version", "kith " KITH_VERSION, "wire_min",
			(int)WIRE_OLDEST, "wire_max", (int)WIRE_VERSION, "store_format",
			(int)STORE_FORMAT, "running", "version", json_text(status, "version"),
			"wire_min", (json_int_t)json_number(status, "wire_min"), "wire_max",
			(json_int_t)json_number(status, "wire_max"), "store_format",
			(json_int_t)json_number(status, "store_format"), "peers", peers,
			"store", store);

	if (!out)
		return err_new(-ENOMEM);
	if (c->json)
		return json_out(c, out);
	(void)printf("installed: kith %s, wire versions %u to %u, store format %u\n"
		     "     runs: %s, wire versions %" PRIu64 " to %" PRIu64 "\n"
		     "    store: %s\n",
		KITH_VERSION, WIRE_OLDEST, WIRE_VERSION, STORE_FORMAT,
		json_text(status, "version"), json_number(status, "wire_min"),
		json_number(status, "wire_max"), store);

	return show_table(c, out, "peers", "no peers", cols, COUNT(cols));
}

int verb_upgrade(struct cli *c)
{
	json_t *reply CLEANUP(json_drop) = NULL, *peers CLEANUP(json_drop) = json_array();
	size_t counts[FOLLOWS_UNKNOWN + 1] = { 0 };
	struct judged judged;
	const json_t *status;
	const char *store;
	uint64_t format;
	int rc;

	if (!cli_has(c, OPT_CHECK))
		return cli_say(CLI_USAGE, "kith is upgraded by the package manager\n"
					  "  next: kithctl upgrade --check; then apt upgrade "
					  "kith, and: systemctl "
					  "restart kithd kith-link");
	if (!peers)
		return err_new(-ENOMEM);
	rc = status_ask(c, &reply, &judged);
	if (rc == 0)
		rc = peers_of(reply, peers, counts);
	if (rc != 0)
		return rc;
	status = json_object_get(reply, "status");
	format = json_number(status, "store_format");
	store = store_words(c, format);
	rc = store ? tell(c, status, peers, store) : err_new(-ENOMEM);
	if (rc != 0)
		return rc;
	if (counts[FOLLOWS_NO] > 0 || format > STORE_FORMAT)
		return cli_say(CLI_FAILED,
			"not yet: what is named above would be cut off\n"
			"  next: speak with the people of those regions, then ask again");

	return 0;
}
