/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Regions: this one's card, and the peers
 *
 * Trust begins here, with a fingerprint that two people compare. The card is checked before
 * anybody is asked, so that what is shown is what is sent.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <kith/node.h>

#include "daemon/cli/cli.h"

int verb_reload(struct cli *c)
{
	struct ctl_request r = ask_request(c);

	return ask_change(c, &r, "configuration read again", NULL);
}

int verb_peers(struct cli *c)
{
	static const struct column cols[] = {
		{ "name", "NAME", FORM_TEXT, WHOLE, false },
		{ "region", "REGION", FORM_ID, WHOLE, false },
		{ "state", "STATE", FORM_TEXT, WHOLE, true },
		{ "last_heard_ms", "HEARD", FORM_WHEN, WHOLE, false },
		{ "unsent", "UNSENT", FORM_NUMBER, WHOLE, false },
		{ "wants", "WANTS", FORM_NUMBER, WHOLE, false },
		{ "held", "HELD", FORM_SIZE, WHOLE, false },
		{ "parked", "PARKED", FORM_NUMBER, WHOLE, false },
		{ "oldest_unreplicated_ms", "OLDEST", FORM_AGE, WHOLE, false },
		{ "endpoint", "ENDPOINT", FORM_TEXT, CUT, false },
		{ "software", "SOFTWARE", FORM_TEXT, CUT, false },
		{ "problem", "PROBLEM", FORM_TEXT, WRAP, false },
	};
	struct ctl_request r = ask_request(c);
	json_t *reply CLEANUP(json_drop) = NULL;
	int rc = ask(c, &r, NULL, &reply);

	if (rc != 0)
		return rc;
	if (c->json)
		return show_json(c, reply, "peers");
	rc = show_table(c, reply, "peers", "no peers; next: kithctl peer add CARDFILE", cols,
		COUNT(cols));

	return rc != 0 ? rc : show_seen(c, reply);
}

/* Check a bundle here, before anybody is asked about it. */
static int check(struct cli *c, struct span bundle, const char *from, struct checked_card *ret)
{
	struct crypto *crypto CLEANUP(crypto_drop) = cli_crypto();
	struct why why = { "" };
	int rc;

	if (!crypto)
		return CLI_FAILED;
	rc = card_check(crypto, bundle, &c->arena, ret, &why);
	if (rc < 0)
		return err_up(rc);
	if (rc > 0)
		return cli_say(CLI_FAILED,
			"%s: the card does not prove itself: %s\n"
			"  next: ask the other region for a fresh one: kithctl region card",
			from, why.text);

	return 0;
}

static json_t *card_json(const struct checked_card *card)
{
	char region[ID_TEXT_LEN], print[FINGERPRINT_TEXT_LEN];
	json_t *endpoints = json_array();

	for (size_t i = 0; i < card->card.n_endpoints; i++)
		(void)json_array_append_new(endpoints, json_string(card->card.endpoints[i]));

	return json_pack("{s:s, s:s, s:s, s:o}", "region", id_text(&card->region, region),
		"name", card->card.name, "fingerprint",
		fingerprint_text(&card->fingerprint, print), "endpoints", endpoints);
}

/* The pieces of a bundle, which is small, one after the other. */
struct pieces {
	uint8_t at[BUNDLE_MAX];
	size_t n;
};

static int piece(void *ctx, struct span data)
{
	struct pieces *p = ctx;

	if (data.len > sizeof(p->at) - p->n)
		return cli_say(CLI_FAILED, "kithd gave a card that is too large");
	memcpy(p->at + p->n, data.at, data.len);
	p->n += data.len;

	return 0;
}

static int put_text(struct cli *c, const char *path, const char *text)
{
	struct new_file file CLEANUP(new_file_drop) = { 0 };
	int rc = new_file_open(c, path, &file);

	if (rc != 0)
		return rc;
	if (fputs(text, file.f) == EOF)
		return cli_say(CLI_FAILED, "%s cannot be written: %s", path, strerror(errno));

	return new_file_keep(&file);
}

int card_ask(struct cli *c, struct checked_card *ret, struct span *ret_bundle)
{
	struct pieces *got = arena_alloc(&c->arena, sizeof(*got));
	const struct ask how = { .ctx = got, .piece = piece };
	struct ctl_request r = ask_request(c);
	json_t *reply CLEANUP(json_drop) = NULL;
	int rc;

	if (!got)
		return err_new(-ENOMEM);
	got->n = 0;
	r.verb = VERB_CARD;
	rc = ask(c, &r, &how, &reply);
	if (rc != 0)
		return rc;
	*ret_bundle = (struct span){ got->at, got->n };

	return check(c, *ret_bundle, "kithd", ret);
}

int verb_region_card(struct cli *c)
{
	json_t *out CLEANUP(json_drop) = NULL;
	char print[FINGERPRINT_TEXT_LEN];
	struct checked_card card;
	struct span bundle;
	const char *path = c->given[OPT_OUT], *text;
	int rc = card_ask(c, &card, &bundle);

	if (rc != 0)
		return rc;
	text = card_text_make(
		&c->arena, card.card.name, fingerprint_text(&card.fingerprint, print), bundle);
	if (!text)
		return err_new(-ENOMEM);
	if (path) {
		rc = put_text(c, path, text);
		if (rc != 0)
			return rc;
	}
	if (c->json) {
		out = card_json(&card);
		if (!out || json_object_set_new(out, "card", json_string(text)) != 0)
			return err_new(-ENOMEM);
		return json_out(c, out);
	}

	if (!path)
		(void)fputs(text, stdout);
	else
		(void)printf("the card of %s is in %s\nFingerprint: %s\n"
			     "next: send it to the other region, which runs kithctl peer add; "
			     "read them "
			     "the fingerprint by telephone\n",
			card.card.name, path, print);

	return 0;
}

/* Whether a person says that the fingerprint is right. */
static int confirm(struct cli *c, const struct checked_card *card)
{
	char region[ID_TEXT_LEN], print[FINGERPRINT_TEXT_LEN];
	FILE *to = c->json ? stderr : stdout;

	(void)fprintf(to, "     region: %s\n         id: %s\nfingerprint: %s\n",
		card->card.name, id_text(&card->region, region),
		fingerprint_text(&card->fingerprint, print));
	for (size_t i = 0; i < card->card.n_endpoints; i++)
		(void)fprintf(to, "   endpoint: %s\n", card->card.endpoints[i]);
	if (c->verb->number == VERB_PEER_ADD && c->n_endpoints > 0)
		(void)fprintf(to, "  to dial: %s (instead)\n", c->endpoints[0]);
	if (cli_has(c, OPT_YES) || cli_has(c, OPT_DRY_RUN))
		return 0;

	(void)fflush(to);
	if (!isatty(STDIN_FILENO))
		return cli_say(CLI_FAILED, "nobody can be asked whether the fingerprint is "
					   "right: this is no terminal\n"
					   "  next: run it on a terminal, or give --yes when "
					   "the fingerprint was compared "
					   "elsewhere");
	if (!term_yes("Does this match what the other region reads to you on the telephone? "
		      "[y/N]"))
		return cli_say(CLI_FAILED,
			"nothing was done\n  next: if it did not match, do not use "
			"this card, and tell the other region");

	return 0;
}

int card_from_file(
	struct cli *c, const char *path, struct checked_card *ret, struct span *ret_bundle)
{
	struct why why = { "" };
	struct span text;
	int rc = file_read(c, path, CARD_TEXT_MAX, &text);

	if (rc == 0)
		rc = card_text_parse(text, &c->arena, ret_bundle, &why);
	if (rc != 0)
		return rc < 0 || !why.text[0] ? rc
					      : cli_say(CLI_FAILED,
							"%s: %s\n  next: ask for the file that "
							"kithctl region card made",
							path, why.text);

	return check(c, *ret_bundle, path, ret);
}

int peer_add(struct cli *c, struct checked_card *card, struct span bundle, json_t **ret)
{
	struct ctl_request r = ask_request(c);
	int rc = confirm(c, card);

	if (rc != 0)
		return rc;
	r.verb = VERB_PEER_ADD;
	r.bundle = bundle;
	if (c->verb->number == VERB_PEER_ADD && c->n_endpoints > 0)
		r.peer_endpoint = span_of(c->endpoints[0]);

	return ask(c, &r, NULL, ret);
}

int verb_peer_add(struct cli *c)
{
	json_t *reply CLEANUP(json_drop) = NULL, *out CLEANUP(json_drop) = NULL;
	struct checked_card card;
	struct span bundle;
	int rc;

	if (c->n_endpoints > 1)
		return cli_say(CLI_USAGE, "one --endpoint: the one to dial");
	rc = card_from_file(c, c->words[0], &card, &bundle);
	if (rc == 0)
		rc = peer_add(c, &card, bundle, &reply);
	if (rc != 0)
		return rc;
	if (c->json) {
		out = card_json(&card);
		if (!out || json_object_update(out, reply) != 0)
			return err_new(-ENOMEM);
		return json_out(c, out);
	}

	return show_made(c, reply,
		arena_text(&c->arena, "%s is trusted; kithd links with it", card.card.name));
}

/* Whether a person says so, knowing what it means. */
static int confirm_removal(struct cli *c, const json_t *would)
{
	FILE *to = c->json ? stderr : stdout;
	const json_t *made = json_object_get(would, "made");
	const char *text = json_text(made, "text");
	char *safe = safe_text(&c->arena, span_of(text), SAFE_LINE);

	if (!safe)
		return err_new(-ENOMEM);
	(void)fprintf(to, "%s\n", safe);
	if (cli_has(c, OPT_YES))
		return 0;
	(void)fflush(to);
	if (!isatty(STDIN_FILENO))
		return cli_say(CLI_FAILED, "nobody can be asked whether that is meant: this is "
					   "no terminal\n"
					   "  next: run it on a terminal, or give --yes");
	if (!term_yes("Stop linking with it? [y/N]"))
		return cli_say(CLI_FAILED, "nothing was done");

	return 0;
}

int verb_peer_remove(struct cli *c)
{
	json_t *would CLEANUP(json_drop) = NULL, *reply CLEANUP(json_drop) = NULL;
	struct ctl_request r = ask_request(c);
	bool dry = r.dry_run;
	int rc;

	r.peer = span_of(c->words[0]);
	r.dry_run = true;
	rc = ask(c, &r, NULL, &would);
	if (rc != 0)
		return rc;
	if (dry && c->json)
		return show_json(c, would, NULL);
	if (dry)
		return show_made(
			c, would, arena_text(&c->arena, "%s is no peer any more", c->words[0]));
	rc = confirm_removal(c, would);
	if (rc != 0)
		return rc;
	r.dry_run = false;
	rc = ask(c, &r, NULL, &reply);
	if (rc != 0)
		return rc;
	if (c->json)
		return show_json(c, reply, NULL);
	(void)printf("%s is no peer any more\n", c->words[0]);

	return 0;
}
