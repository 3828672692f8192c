/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Certificates of custody: asking for one, and checking any. What is asked for is checked
 * before it is kept, by the same means as those of others.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <kith/care.h>
#include <kith/certificate.h>
#include <kith/node.h>

#include "daemon/cli/cli.h"

/* Trees --------------------------------------------------------------------------------------
 */

static const char *id_hex(struct arena *a, const struct id *id)
{
	char hex[ID_TEXT_LEN];

	return arena_text(a, "%s", id_text(id, hex));
}

/* Takes .what, also when it fails. */
static int add(json_t *list, json_t *what)
{
	return what && json_array_append_new(list, what) == 0 ? 0 : err_new(-ENOMEM);
}

static json_t *duty_tree(struct cli *c, const struct certified *v, const struct duty *d)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:b}", "from",
		day_text(&c->arena, d->from), "to", day_text(&c->arena, d->to), "region",
		id_hex(&c->arena, &d->region), "name", certified_name(v, &d->region, &c->arena),
		"how", duty_how_text(d->how), "term", (json_int_t)d->term, "open",
		(int)d->open);
}

static json_t *region_tree(struct cli *c, const struct certified_region *r)
{
	char text[FINGERPRINT_TEXT_LEN];

	return json_pack("{s:s, s:s, s:s}", "name", r->name, "region",
		id_hex(&c->arena, &r->region), "fingerprint",
		fingerprint_text(&r->fingerprint, text));
}

static json_t *finding_tree(const struct notice *f)
{
	return json_pack("{s:b, s:s, s:s*, s:s}", "wrong", (int)f->wrong, "rule", f->rule,
		"place", f->where, "text", f->text);
}

static int findings_tree(json_t *list, const struct notice *v, size_t n, bool wrong)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		if (v[i].wrong == wrong)
			rc = add(list, finding_tree(&v[i]));
	return rc;
}

static bool on_day(const struct duty *d, int32_t day)
{
	return d->from <= day && day <= d->to;
}

/* Who is responsible on a day: "north-west (custodian), north-east (acting ...)". A region that
 * is so twice, as on the day of its Release, is named once, by the later term. */
static int day_tree(
	struct cli *c, const struct certified *v, json_t *list, int32_t from, int32_t to)
{
	const char *who = "";
	size_t n = 0;

	for (size_t i = 0; i < v->n_duties; i++) {
		const struct duty *d = &v->duties[i];
		bool again = false;

		for (size_t j = i + 1; j < v->n_duties; j++)
			again |= on_day(&v->duties[j], from) &&
				 id_equal(&v->duties[j].region, &d->region);
		if (!on_day(d, from) || again)
			continue;
		who = arena_text(&c->arena, "%s%s%s (%s, term %llu%s)", who, n++ ? ", " : "",
			certified_name(v, &d->region, &c->arena), duty_how_text(d->how),
			(unsigned long long)d->term,
			d->open && to == v->said.to ? ", not ended" : "");
		if (!who)
			return err_new(-ENOMEM);
	}
	return add(
		list, json_pack("{s:s, s:s, s:I, s:s, s:I}", "from", day_text(&c->arena, from),
			      "to", day_text(&c->arena, to), "days", (json_int_t)to - from + 1,
			      "responsible", n ? who : "NOBODY", "regions", (json_int_t)n));
}

/* Days on which nothing changes are one line. */
static int days_tree(struct cli *c, const struct certified *v, json_t *list)
{
	int64_t day = v->n_duties ? v->duties[0].from : INT64_MAX;

	while (day <= v->said.to) {
		int64_t next = (int64_t)v->said.to + 1;
		int rc;

		for (size_t i = 0; i < v->n_duties; i++) {
			const struct duty *d = &v->duties[i];

			if (d->from > day && d->from < next)
				next = d->from;
			if (d->to >= day && d->to + INT64_C(1) < next)
				next = d->to + INT64_C(1);
		}
		rc = day_tree(c, v, list, (int32_t)day, (int32_t)(next - 1));
		if (rc != 0)
			return err_up(rc);
		day = next;
	}
	return 0;
}

static int said_tree(struct cli *c, const struct certified *v, json_t *tree)
{
	const struct statement *s = &v->said;
	json_t *more CLEANUP(json_drop) = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "record",
		id_hex(&c->arena, &s->record), "issued_by",
		certified_name(v, &s->by, &c->arena), "issuer", id_hex(&c->arena, &s->by),
		"issued_ms", (json_int_t)s->at_ms, "from", day_text(&c->arena, s->from), "to",
		day_text(&c->arena, s->to));

	return more && json_object_update(tree, more) == 0 ? 0 : err_new(-ENOMEM);
}

static int certified_tree(
	struct cli *c, const char *path, const struct certified *v, json_t **ret)
{
	json_t *tree CLEANUP(json_drop) =
		json_pack("{s:s, s:b, s:b, s:b, s:[], s:[], s:[], s:[]}", "file", path,
			"proven", (int)v->proven, "continuous", (int)v->continuous, "forked",
			(int)v->forked, "days", "duties", "regions", "findings");
	int rc = tree ? 0 : err_new(-ENOMEM);

	if (rc == 0 && v->read)
		rc = said_tree(c, v, tree);
	if (rc == 0 && v->proven)
		rc = days_tree(c, v, json_object_get(tree, "days"));
	for (size_t i = 0; rc == 0 && v->proven && i < v->n_duties; i++)
		rc = add(json_object_get(tree, "duties"), duty_tree(c, v, &v->duties[i]));
	for (size_t i = 0; rc == 0 && i < v->n_regions; i++)
		rc = add(json_object_get(tree, "regions"), region_tree(c, &v->regions[i]));
	for (int wrong = 1; rc == 0 && wrong >= 0; wrong--)
		rc = findings_tree(
			json_object_get(tree, "findings"), v->notices, v->n_notices, wrong);
	if (rc == 0)
		*ret = TAKE(tree);
	return rc != 0 ? err_up(rc) : 0;
}

/* Screens ------------------------------------------------------------------------------------
 */

static const struct column finding_cols[] = {
	{ "rule", "RULE", FORM_TEXT, WHOLE, false },
	{ "place", "WHERE", FORM_TEXT, WHOLE, false },
	{ "text", "WHAT", FORM_TEXT, WRAP, false },
};

static int show_findings(struct cli *c, const json_t *tree, const char *key, const char *title)
{
	if (json_array_size(json_object_get(tree, key)) == 0)
		return 0;
	(void)printf("\n%s\n", title);
	return show_table(c, tree, key, "", finding_cols, COUNT(finding_cols));
}

static int show_regions(struct cli *c, const json_t *tree)
{
	static const struct column cols[] = {
		{ "name", "NAME", FORM_TEXT, WHOLE, false },
		{ "fingerprint", "FINGERPRINT OF ITS CARD", FORM_TEXT, WHOLE, false },
	};

	(void)printf(
		"\nregions; who does not know these fingerprints compares them by telephone\n");
	return show_table(c, tree, "regions", "", cols, COUNT(cols));
}

static int show_proven(struct cli *c, const struct certified *v, const json_t *tree)
{
	static const struct column cols[] = {
		{ "from", "FROM", FORM_TEXT, WHOLE, false },
		{ "to", "TO", FORM_TEXT, WHOLE, false },
		{ "days", "DAYS", FORM_NUMBER, WHOLE, false },
		{ "responsible", "RESPONSIBLE", FORM_TEXT, WRAP, false },
	};
	const struct statement *s = &v->said;
	const char *day = day_text(&c->arena, (int32_t)(s->at_ms / 86400000));
	unsigned minute = (unsigned)(s->at_ms / 60000 % 1440);
	int rc;

	if (!day)
		return err_new(-ENOMEM);
	(void)printf("as known to %s on %s at %02u:%02u UTC\n\n", json_text(tree, "issued_by"),
		day, minute / 60, minute % 60);
	rc = show_table(c, tree, "days", "", cols, COUNT(cols));
	if (rc == 0)
		rc = show_regions(c, tree);
	if (rc == 0)
		rc = show_findings(c, tree, "findings", "to know");
	if (rc == 0)
		(void)printf("\nCONTINUOUS: somebody was responsible on every day%s\n",
			v->forked ? "; CUSTODY IS FORKED: people must settle it" : "");
	return rc;
}

static int show_certified(
	struct cli *c, const char *path, const struct certified *v, const json_t *tree)
{
	const char *file = safe_text(&c->arena, span_of(path), SAFE_LINE);

	if (!file)
		return err_new(-ENOMEM);
	(void)printf("%s", file);
	if (v->read)
		(void)printf(": record %s, from %s to %s", json_text(tree, "record"),
			json_text(tree, "from"), json_text(tree, "to"));
	(void)printf("\n");
	if (v->proven)
		return show_proven(c, v, tree);
	(void)printf("NOT PROVEN\n");
	return show_findings(c, tree, "findings", "what is wrong");
}

/* Checking -----------------------------------------------------------------------------------
 */

/* Contradictions, into the tree of all. */
static int compare(struct cli *c, const struct certified *v, size_t n, json_t *all, bool *ret)
{
	struct notice *found = NULL;
	size_t n_found = 0;
	bool proven = true;
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		proven &= v[i].proven;
	if (proven)
		rc = certificates_agree(v, n, &c->arena, &found, &n_found);
	if (rc == 0)
		rc = findings_tree(
			json_object_get(all, "contradictions"), found, n_found, true);
	*ret = proven && n_found == 0;
	if (rc == 0 && json_object_set_new(all, "proven", json_boolean(*ret)) != 0)
		rc = err_new(-ENOMEM);
	if (rc == 0 && !c->json && n > 1 && proven) {
		if (!n_found)
			(void)printf("\nThey do not contradict each other.\n");
		rc = show_findings(c, all, "contradictions", "THEY CONTRADICT EACH OTHER");
	}
	return rc != 0 ? err_up(rc) : 0;
}

static int check_file(struct cli *c, struct crypto *crypto, const char *path,
	struct certified *ret, json_t *list)
{
	json_t *tree = NULL;
	struct span file;
	int rc = file_read(c, path, (size_t)16 * CERTIFICATE_MAX, &file);

	if (rc == 0)
		rc = certificate_check(crypto, file, &c->arena, ret);
	if (rc == 0)
		rc = certified_tree(c, path, ret, &tree);
	if (rc == 0 && !c->json) {
		if (json_array_size(list) > 0)
			(void)printf("\n");
		rc = show_certified(c, path, ret, tree);
	}
	if (rc == 0)
		return add(list, tree);
	json_decref(tree);
	return rc;
}

int verb_custody_check(struct cli *c)
{
	struct crypto *crypto CLEANUP(crypto_drop) = cli_crypto();
	json_t *all CLEANUP(json_drop) =
		json_pack("{s:[], s:[]}", "certificates", "contradictions");
	struct certified *v = arena_array(&c->arena, c->n_words, sizeof(*v));
	bool good = false;
	int rc = 0;

	if (!crypto || !all || !v)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < c->n_words && rc == 0; i++)
		rc = check_file(
			c, crypto, c->words[i], &v[i], json_object_get(all, "certificates"));
	if (rc == 0)
		rc = compare(c, v, c->n_words, all, &good);
	if (rc == 0 && c->json)
		rc = show_json(c, all, NULL);
	if (rc != 0)
		return rc;

	return good ? CLI_DONE : CLI_FAILED;
}

/* Asking for one -----------------------------------------------------------------------------
 */

struct collected {
	uint8_t *at;
	size_t len;
};

static int collect(void *ctx, struct span data)
{
	struct collected *x = ctx;

	if (data.len > CERTIFICATE_MAX - x->len)
		return cli_say(CLI_FAILED, "kithd gave more than a certificate can be");
	memcpy(x->at + x->len, data.at, data.len);
	x->len += data.len;

	return 0;
}

static int day_given(const struct cli *c, enum opt o, bool *ret_has, struct date *ret)
{
	const char *text = c->given[o];
	struct care_date date;

	if (!text)
		return 0;
	if (care_date_parse(span_of(text), 0, &date) != 0 || date.precision != CARE_DATE_DAY)
		return cli_say(
			CLI_USAGE, "\"%s\" is no day; write dd/mm/yyyy or yyyy-mm-dd", text);
	*ret_has = true;
	*ret = (struct date){ date.day, DATE_DAY };

	return 0;
}

static int write_file(struct cli *c, const char *path, struct span bytes)
{
	struct new_file file CLEANUP(new_file_drop) = { 0 };
	int rc = new_file_open(c, path, &file);

	if (rc == 0 && fwrite(bytes.at, 1, bytes.len, file.f) != bytes.len)
		rc = cli_say(CLI_FAILED, "%s cannot be written: %s", path, strerror(errno));

	return rc != 0 ? rc : new_file_keep(&file);
}

/* Checks what came, keeps it under its name, shows it. */
static int keep(struct cli *c, struct span bytes)
{
	struct crypto *crypto CLEANUP(crypto_drop) = cli_crypto();
	json_t *tree CLEANUP(json_drop) = NULL;
	const char *path = c->given[OPT_OUT];
	struct certified v;
	int rc = crypto ? certificate_check(crypto, bytes, &c->arena, &v) : CLI_FAILED;

	if (rc != 0)
		return rc;
	if (!v.proven)
		return cli_say(CLI_FAILED,
			"kithd gave a certificate that does not verify (%s): %s\n  next: "
			"kithctl "
			"verify",
			v.notices[0].rule, v.notices[0].text);
	if (!path)
		path = arena_text(&c->arena, "custody-%.12s-%s-%s.kith",
			id_hex(&c->arena, &v.said.record), day_text(&c->arena, v.said.from),
			day_text(&c->arena, v.said.to));
	if (!path)
		return err_new(-ENOMEM);
	rc = write_file(c, path, bytes);
	if (rc == 0)
		rc = certified_tree(c, path, &v, &tree);
	if (rc != 0)
		return rc;

	return c->json ? show_json(c, tree, NULL) : show_certified(c, path, &v, tree);
}

int verb_custody_prove(struct cli *c)
{
	struct ctl_request r = ask_request(c);
	json_t *reply CLEANUP(json_drop) = NULL;
	struct collected x = { .at = arena_alloc(&c->arena, CERTIFICATE_MAX) };
	const struct ask how = { .ctx = &x, .piece = collect };
	int rc = x.at ? 0 : err_new(-ENOMEM);

	r.record = span_of(c->words[0]);
	if (rc == 0)
		rc = day_given(c, OPT_FROM, &r.has_from, &r.from);
	if (rc == 0)
		rc = day_given(c, OPT_TO, &r.has_to, &r.to);
	if (rc == 0)
		rc = ask(c, &r, &how, &reply);

	return rc != 0 ? rc : keep(c, (struct span){ x.at, x.len });
}
