/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The tally of moves
 *
 * Counts and a digest for each direction, and the refusals by their code. The digest is what
 * two regions that have each done their part must have alike: SHA-256 over "kith/moves/1\0"
 * and, for each move that was handed over, sorted by record and offer, the record (16 bytes),
 * the id of its Offer and the id of its Release (32 each).
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cli/cli.h"

#define LINE (ID_LEN + 2 * HASH_LEN)

static const struct column counts[] = {
	{ "from", "FROM", FORM_TEXT, WHOLE, false },
	{ "to", "TO", FORM_TEXT, WHOLE, false },
	{ "sent", "SENT", FORM_NUMBER, WHOLE, false },
	{ "received", "RECEIVED", FORM_NUMBER, WHOLE, false },
	{ "complete", "COMPLETE", FORM_NUMBER, WHOLE, false },
	{ "taken_up", "TAKEN UP", FORM_NUMBER, WHOLE, false },
	{ "handed_over", "HANDED OVER", FORM_NUMBER, WHOLE, false },
	{ "refused", "REFUSED", FORM_NUMBER, WHOLE, false },
	{ "withdrawn", "WITHDRAWN", FORM_NUMBER, WHOLE, false },
	{ "waiting", "WAITING", FORM_NUMBER, WHOLE, false },
	{ "digest", "DIGEST", FORM_TEXT, WHOLE, false },
};

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Bytes of a hex text; false: it is not that. */
static bool unhex(const char *text, uint8_t *into, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < 2 * len; i++) {
		const char *at = strchr(digits, text[i]);

		if (!at)
			return false;
		into[i / 2] = (uint8_t)(into[i / 2] << 4 | (at - digits));
	}
	return true;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, LINE);
}

static bool goes(const json_t *move, const char *from, const char *to)
{
	return strcmp(json_text(move, "from"), from) == 0 &&
	       strcmp(json_text(move, "to"), to) == 0;
}

static int digest_of(struct cli *c, struct crypto *crypto, const json_t *moves,
	const char *from, const char *to, char ret[HASH_TEXT_LEN])
{
	uint8_t *lines = arena_array(&c->arena, json_array_size(moves) + 1, LINE);
	struct hash h;
	size_t n = 0;
	int rc;

	if (!lines)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < json_array_size(moves); i++) {
		const json_t *m = json_array_get(moves, i);
		uint8_t *at = lines + n * LINE;

		if (goes(m, from, to) && unhex(json_text(m, "record"), at, ID_LEN) &&
			unhex(json_text(m, "offer"), at + ID_LEN, HASH_LEN) &&
			unhex(json_text(m, "release"), at + ID_LEN + HASH_LEN, HASH_LEN))
			n++;
	}
	qsort(lines, n, LINE, by_bytes);
	rc = crypto_hash(crypto,
		(struct span[]){ SPAN_LIT("kith/moves/1\0"), { lines, n * LINE } }, 2, &h);
	if (rc != 0)
		return err_odd(rc);
	(void)hex_text(h.b, HASH_LEN, ret);

	return 0;
}

static int more(json_t *row, const char *key, bool by)
{
	return json_object_set_new(
		row, key, json_integer((json_int_t)json_number(row, key) + by));
}

static int count(json_t *row, const json_t *m)
{
	const char *state = json_text(m, "state");
	bool taken = json_number(m, "taken_up_ms") > 0,
	     refused = strcmp(state, "declined") == 0;
	bool complete = taken || json_number(m, "complete_ms") > 0;

	return more(row, "sent", true) |
	       more(row, "received", complete || refused || json_number(m, "received_ms") > 0) |
	       more(row, "complete", complete) | more(row, "taken_up", taken) |
	       more(row, "handed_over", *json_text(m, "release") != '\0') |
	       more(row, "refused", refused) |
	       more(row, "withdrawn", begins(state, "withdrawn") || begins(state, "stood")) |
	       more(row, "waiting", *json_text(m, "waits_for") != '\0');
}

/* The row of a direction, which is made if there is none. */
static json_t *row_of(json_t *rows, const char *from, const char *to)
{
	json_t *row;

	for (size_t i = 0; i < json_array_size(rows); i++)
		if (goes(json_array_get(rows, i), from, to))
			return json_array_get(rows, i);
	row = json_pack("{s:s, s:s}", "from", from, "to", to);

	return row && json_array_append_new(rows, row) == 0 ? row : NULL;
}

/* {code, moves, next} of every code with which a move was refused. */
static int count_refusals(json_t *list, const json_t *moves)
{
	for (size_t i = 0; i < json_array_size(moves); i++) {
		const json_t *m = json_array_get(moves, i);
		const char *code = json_text(m, "code");
		json_t *row = NULL;

		if (strcmp(json_text(m, "state"), "declined") != 0)
			continue;
		for (size_t k = 0; k < json_array_size(list) && !row; k++)
			if (strcmp(json_text(json_array_get(list, k), "code"), code) == 0)
				row = json_array_get(list, k);
		if (!row) {
			row = json_pack("{s:s, s:i, s:s}", "code", code, "moves", 0, "next",
				json_text(m, "next"));
			if (!row || json_array_append_new(list, row) != 0)
				return err_new(-ENOMEM);
		}
		if (more(row, "moves", true) != 0)
			return err_new(-ENOMEM);
	}
	return 0;
}

int tally_add(struct cli *c, json_t *report, const json_t *moves)
{
	struct crypto *crypto CLEANUP(crypto_drop) = cli_crypto();
	json_t *rows = json_array(), *refused = json_array();
	char digest[HASH_TEXT_LEN];
	int rc = 0;

	if (!rows || !refused || json_object_set_new(report, "directions", rows) != 0 ||
		json_object_set_new(report, "refused", refused) != 0)
		return err_new(-ENOMEM);
	if (!crypto)
		return CLI_FAILED;
	for (size_t i = 0; i < json_array_size(moves); i++) {
		const json_t *m = json_array_get(moves, i);
		json_t *row = row_of(rows, json_text(m, "from"), json_text(m, "to"));

		if (!row || count(row, m) != 0)
			return err_new(-ENOMEM);
	}
	for (size_t i = 0; i < json_array_size(rows) && rc == 0; i++) {
		json_t *row = json_array_get(rows, i);

		rc = digest_of(
			c, crypto, moves, json_text(row, "from"), json_text(row, "to"), digest);
		if (rc == 0 && json_object_set_new(row, "digest", json_string(digest)) != 0)
			rc = err_new(-ENOMEM);
	}
	if (rc != 0)
		return rc;

	return count_refusals(refused, moves);
}

int tally_show(struct cli *c, const json_t *report)
{
	static const struct column refused[] = {
		{ "code", "REFUSED", FORM_TEXT, WHOLE, false },
		{ "moves", "MOVES", FORM_NUMBER, WHOLE, false },
		{ "next", "NEXT", FORM_TEXT, WRAP, false },
	};
	int rc = show_table(c, report, "directions", "no moves", counts, COUNT(counts));

	if (rc != 0 || json_array_size(json_object_get(report, "refused")) == 0)
		return rc;
	(void)printf("\n");

	return show_table(c, report, "refused", "", refused, COUNT(refused));
}

/* Comparing ---------------------------------------------------------------------------------
 */

/* How it ended, in words; open moves are where each side sees them. */
static const char *end_of(const json_t *m)
{
	if (!m)
		return "not held";
	if (*json_text(m, "release"))
		return "handed over";
	return json_number(m, "settled_ms") > 0 ? json_text(m, "state") : "not settled";
}

static bool alike(const json_t *a, const json_t *b)
{
	return a && b && strcmp(json_text(a, "release"), json_text(b, "release")) == 0 &&
	       strcmp(json_text(a, "answer"), json_text(b, "answer")) == 0 &&
	       strcmp(end_of(a), end_of(b)) == 0;
}

static int differ(json_t *list, const json_t *here, const json_t *there)
{
	const json_t *any = here ? here : there;

	return json_array_append_new(list,
		       json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "record",
			       json_text(any, "record"), "from", json_text(any, "from"), "to",
			       json_text(any, "to"), "offer", json_text(any, "offer"), "here",
			       end_of(here), "there", end_of(there))) == 0
		       ? 0
		       : err_new(-ENOMEM);
}

/* By their offers: those of .from that .in lacks, and with .both those that differ. */
static int compare_into(json_t *list, const json_t *from, const json_t *in, bool both)
{
	json_t *by_offer CLEANUP(json_drop) = json_object();
	int rc = by_offer ? 0 : err_new(-ENOMEM);

	for (size_t i = 0; i < json_array_size(in) && rc == 0; i++) {
		json_t *m = json_array_get(in, i);

		if (json_object_set(by_offer, json_text(m, "offer"), m) != 0)
			rc = err_new(-ENOMEM);
	}
	for (size_t i = 0; i < json_array_size(from) && rc == 0; i++) {
		const json_t *m = json_array_get(from, i);
		const json_t *other = json_object_get(by_offer, json_text(m, "offer"));

		if (both && !alike(m, other))
			rc = differ(list, m, other);
		else if (!both && !other)
			rc = differ(list, NULL, m);
	}

	return rc;
}

int tally_compare(json_t *report, const json_t *theirs)
{
	const json_t *here = json_object_get(report, "moves");
	const json_t *there = json_object_get(theirs, "moves");
	json_t *list = json_array();
	int rc;

	if (!list || json_object_set_new(report, "differences", list) != 0)
		return err_new(-ENOMEM);
	rc = compare_into(list, here, there, true);
	if (rc == 0)
		rc = compare_into(list, there, here, false);
	if (rc == 0 && json_object_set_new(
			       report, "agree", json_boolean(json_array_size(list) == 0)) != 0)
		rc = err_new(-ENOMEM);

	return rc;
}
