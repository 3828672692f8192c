/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Records: reading, adding, exporting
 */

#include <errno.h>
#include <string.h>
#include <time.h>

#include <kith/care.h>

#include "daemon/cli/cli.h"

#define NOTES_MAX   (64 * 1024 * 1024) /* bytes of a file of notes */
#define BATCH_BYTES (192 * 1024)       /* of notes in one request */

static struct ctl_request record_request(struct cli *c)
{
	struct ctl_request r = ask_request(c);

	r.record = span_of(c->words[0]);
	return r;
}

static int paging(const struct cli *c, struct ctl_request *r)
{
	int rc = cli_number(c, OPT_AFTER, 0, INT64_MAX, &r->after);

	return rc != 0 ? rc : cli_number(c, OPT_LIMIT, 1, INT64_MAX, &r->limit);
}

int verb_record_list(struct cli *c)
{
	static const struct column cols[] = {
		{ "record", "RECORD", FORM_ID, WHOLE, false },
		{ "alias", "ALIAS", FORM_TEXT, CUT, false },
		{ "born", "BORN", FORM_TEXT, WHOLE, false },
		{ "sex", "SEX", FORM_TEXT, WHOLE, false },
		{ "custody", "CUSTODY", FORM_TEXT, WHOLE, true },
		{ "custodian", "CUSTODIAN", FORM_TEXT, CUT, false },
		{ "episode_from", "FROM", FORM_TEXT, WHOLE, false },
		{ "episode_to", "TO", FORM_TEXT, WHOLE, false },
		{ "episode_rec", "REC", FORM_TEXT, WHOLE, false },
		{ "legal_status", "LS", FORM_TEXT, WHOLE, false },
		{ "changes", "CHANGES", FORM_NUMBER, WHOLE, false },
		{ "entries", "ENTRIES", FORM_NUMBER, WHOLE, false },
		{ "faults", "FAULTS", FORM_NUMBER, WHOLE, false },
	};
	struct ctl_request r = ask_request(c);
	json_t *reply CLEANUP(json_drop) = NULL;
	int rc = paging(c, &r);

	if (cli_has(c, OPT_REC))
		r.rec = span_of(c->given[OPT_REC]);
	if (rc == 0)
		rc = ask(c, &r, NULL, &reply);
	if (rc != 0)
		return rc;
	if (c->json)
		return show_json(c, reply, "records");
	rc = show_table(c, reply, "records", "no records", cols, COUNT(cols));

	return rc != 0 ? rc : show_seen(c, reply);
}

static const struct column circle_cols[] = {
	{ "name", "NAME", FORM_TEXT, WHOLE, false },
	{ "region", "REGION", FORM_ID, WHOLE, false },
	{ "role", "ROLE", FORM_TEXT, WHOLE, true },
	{ "guardian", "GUARDIAN", FORM_FLAG, WHOLE, false },
	{ "changes", "CHANGES", FORM_NUMBER, WHOLE, false },
	{ "heard", "HEARD", FORM_TEXT, CUT, false },
};
static const struct column custody_cols[] = {
	{ "term", "TERM", FORM_NUMBER, WHOLE, false },
	{ "name", "NAME", FORM_TEXT, WHOLE, false },
	{ "region", "REGION", FORM_ID, WHOLE, false },
	{ "from", "FROM", FORM_TEXT, WHOLE, false },
	{ "to", "TO", FORM_TEXT, WHOLE, false },
	{ "acting", "ACTING", FORM_FLAG, WHOLE, false },
	{ "how", "HOW", FORM_TEXT, WRAP, false },
	{ "worker", "WORKER", FORM_TEXT, CUT, false },
};

/* One heading and its table, when there is one. */
static int part(struct cli *c, const json_t *reply, const char *key, const struct column *cols,
	size_t n)
{
	if (json_array_size(json_object_get(reply, key)) == 0)
		return 0;
	(void)printf("\n%s\n", key);
	return show_table(c, reply, key, "", cols, n);
}

int verb_record_show(struct cli *c)
{
	static const struct column cols[] = {
		{ "record", "record", FORM_ID, WHOLE, false },
		{ "alias", "alias", FORM_TEXT, WHOLE, false },
		{ "born", "born", FORM_TEXT, WHOLE, false },
		{ "sex", "sex", FORM_TEXT, WHOLE, false },
		{ "custodian", "custodian", FORM_TEXT, WHOLE, false },
		{ "custody", "custody", FORM_TEXT, WHOLE, true },
		{ "role", "our role", FORM_TEXT, WHOLE, false },
		{ "episode_from", "episode from", FORM_TEXT, WHOLE, false },
		{ "episode_to", "episode to", FORM_TEXT, WHOLE, false },
		{ "episode_rec", "ended with", FORM_TEXT, WHOLE, false },
		{ "legal_status", "legal status", FORM_TEXT, WHOLE, false },
		{ "placement", "placement", FORM_TEXT, WHOLE, false },
		{ "changes", "changes", FORM_NUMBER, WHOLE, false },
		{ "entries", "entries", FORM_NUMBER, WHOLE, false },
		{ "conflicts", "conflicts", FORM_NUMBER, WHOLE, false },
		{ "faults", "faults", FORM_NUMBER, WHOLE, false },
		{ "state_hash", "state hash", FORM_TEXT, WHOLE, false },
	};
	struct ctl_request r = record_request(c);
	json_t *reply CLEANUP(json_drop) = NULL;
	int rc = ask(c, &r, NULL, &reply);

	if (rc != 0)
		return rc;
	if (c->json)
		return show_json(c, reply, "records");
	rc = show_block(
		c, json_array_get(json_object_get(reply, "records"), 0), cols, COUNT(cols));
	if (rc == 0)
		rc = part(c, reply, "circle", circle_cols, COUNT(circle_cols));
	if (rc == 0)
		rc = part(c, reply, "custody", custody_cols, COUNT(custody_cols));

	return rc != 0 ? rc : show_seen(c, reply);
}

static int list_verb(struct cli *c, const char *key, const struct column *cols, size_t n)
{
	struct ctl_request r = record_request(c);
	json_t *reply CLEANUP(json_drop) = NULL;
	int rc = ask(c, &r, NULL, &reply);

	if (rc != 0)
		return rc;
	if (c->json)
		return show_json(c, reply, key);
	rc = show_table(c, reply, key, "nothing is known", cols, n);

	return rc != 0 ? rc : show_seen(c, reply);
}

int verb_circle(struct cli *c)
{
	return list_verb(c, "circle", circle_cols, COUNT(circle_cols));
}

int verb_custody(struct cli *c)
{
	return list_verb(c, "custody", custody_cols, COUNT(custody_cols));
}

/* All of each entry: a block, then its words as they were written. */
static int show_full(struct cli *c, const json_t *entries)
{
	static const struct column cols[] = {
		{ "number", "entry", FORM_NUMBER, WHOLE, false },
		{ "date", "date", FORM_TEXT, WHOLE, false },
		{ "kind", "kind", FORM_TEXT, WHOLE, false },
		{ "status", "status", FORM_TEXT, WHOLE, true },
		{ "region", "region", FORM_TEXT, WHOLE, false },
		{ "worker", "worker", FORM_TEXT, WHOLE, false },
		{ "recorded_ms", "recorded", FORM_WHEN, WHOLE, false },
		{ "place", "place", FORM_TEXT, WHOLE, false },
		{ "faults", "faults", FORM_LIST, WHOLE, false },
		{ "title", "title", FORM_TEXT, WHOLE, false },
	};

	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *e = json_array_get(entries, i);
		const char *text;
		int rc;

		if (i > 0)
			(void)putchar('\n');
		rc = show_block(c, e, cols, COUNT(cols));
		if (rc != 0)
			return rc;
		text = safe_text(&c->arena, span_of(json_text(e, "text")), SAFE_LINES);
		if (!text)
			return err_new(-ENOMEM);
		if (*text)
			(void)printf("\n%s\n", text);
	}

	return 0;
}

/* The column WHAT: the title, or the first line of the text. */
static int add_what(const json_t *entries)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		json_t *e = json_array_get(entries, i);
		const char *what = json_text(e, "title");

		if (!*what)
			what = json_text(e, "text");
		if (json_object_set_new(e, "what", json_stringn(what, strcspn(what, "\r\n"))) !=
			0)
			return err_new(-ENOMEM);
	}

	return 0;
}

int verb_record_timeline(struct cli *c)
{
	static const struct column cols[] = {
		{ "number", "N", FORM_NUMBER, WHOLE, false },
		{ "date", "DATE", FORM_TEXT, WHOLE, false },
		{ "kind", "KIND", FORM_TEXT, WHOLE, false },
		{ "what", "WHAT", FORM_TEXT, CUT, false },
		{ "faults", "FAULTS", FORM_LIST, CUT, false },
		{ "region", "REGION", FORM_TEXT, WHOLE, false },
		{ "worker", "WORKER", FORM_TEXT, CUT, false },
		{ "status", "STATUS", FORM_TEXT, WHOLE, true },
	};
	struct ctl_request r = record_request(c);
	json_t *reply CLEANUP(json_drop) = NULL, *entries;
	int rc = paging(c, &r);

	if (rc == 0)
		rc = ask(c, &r, NULL, &reply);
	if (rc != 0)
		return rc;
	if (c->json)
		return show_json(c, reply, "entries");

	entries = json_object_get(reply, "entries");
	if (cli_has(c, OPT_FULL))
		rc = show_full(c, entries);
	else {
		rc = add_what(entries);
		if (rc == 0)
			rc = show_table(c, reply, "entries", "no entries", cols, COUNT(cols));
	}

	return rc != 0 ? rc : show_seen(c, reply);
}

/* --authority and --child, both of them: the authority's code in *ret. */
static int alias_given(const struct cli *c, const char **ret)
{
	const struct care_authority *authority;

	if (args_need(c, OPT_AUTHORITY) != 0 || args_need(c, OPT_CHILD) != 0)
		return CLI_USAGE;
	authority = care_authority_find(span_of(c->given[OPT_AUTHORITY]));
	if (!authority)
		return cli_say(CLI_USAGE,
			"\"%s\" is no local authority; give its DfE code, GSS code or name",
			c->given[OPT_AUTHORITY]);
	*ret = authority->code;

	return 0;
}

int verb_record_new(struct cli *c)
{
	struct ctl_request r = ask_request(c);
	const char *alias, *authority = NULL;

	if (cli_has(c, OPT_AUTHORITY) || cli_has(c, OPT_CHILD)) {
		int rc = alias_given(c, &authority);

		if (rc != 0)
			return rc;
		alias = arena_text(&c->arena, "%s/%s", authority, c->given[OPT_CHILD]);
		if (!alias)
			return err_new(-ENOMEM);
		r.record = span_of(alias);
	}
	return ask_change(c, &r, "made a record", NULL);
}

/* Notes out of a file, a batch a request. */
struct append {
	struct cli *cli;
	struct span left;
	struct date date;
	uint64_t batch, answered, lines;
	uint64_t under_way[ASK_WINDOW]; /* notes in each request that is not answered, a ring */
	size_t sent, heard;             /* requests */
	json_t *reply;                  /* the latest, which says the last place */
	struct progress progress;
};

static struct entry note_of(const struct append *w, struct span text)
{
	return (struct entry){
		.kind = ENTRY_NOTE, .has_effective = true, .effective = w->date, .text = text
	};
}

/* The next line that is not blank, without its end. */
static bool take_line(struct span *left, struct span *ret)
{
	while (left->len > 0) {
		const uint8_t *end = memchr(left->at, '\n', left->len);
		size_t len = end ? (size_t)(end - left->at) : left->len;

		*ret = (struct span){ left->at, len };
		left->at += len + (end ? 1 : 0);
		left->len -= len + (end ? 1 : 0);
		if (ret->len > 0 && ret->at[ret->len - 1] == '\r')
			ret->len--;
		if (ret->len > 0)
			return true;
	}

	return false;
}

static int append_next(void *ctx, struct arena *a, struct ctl_request *r)
{
	struct append *w = ctx;
	size_t bytes = 0;
	struct span line;

	r->record = span_of(w->cli->words[0]);
	r->entries = arena_array(a, w->batch, sizeof(*r->entries));
	if (!r->entries)
		return err_new(-ENOMEM);
	while (r->n_entries < w->batch && bytes < BATCH_BYTES && take_line(&w->left, &line)) {
		r->entries[r->n_entries++] = note_of(w, line);
		bytes += line.len;
	}
	if (r->n_entries == 0)
		return ASK_END;
	w->under_way[w->sent++ % ASK_WINDOW] = r->n_entries;

	return 0;
}

static int append_answered(void *ctx, const json_t *reply)
{
	struct append *w = ctx;

	w->answered += w->under_way[w->heard++ % ASK_WINDOW];
	json_decref(w->reply);
	w->reply = json_deep_copy(reply);
	if (w->lines > w->batch)
		progress_set(&w->progress, w->answered);

	return w->reply ? 0 : err_new(-ENOMEM);
}

/* UTF-8 in every line is checked before the first is sent: half a file helps nobody. */
static int count_lines(struct append *w)
{
	struct span left = w->left, line;

	while (take_line(&left, &line)) {
		w->lines++;
		if (!wire_text_ok(line))
			return cli_say(CLI_FAILED,
				"note %llu is not UTF-8\n  next: iconv -t UTF-8, then again; "
				"nothing was "
				"sent",
				(unsigned long long)w->lines);
	}
	if (w->lines == 0)
		return cli_say(CLI_FAILED, "there is no note in %s", w->cli->given[OPT_NOTES]);

	return 0;
}

static int append_file(struct cli *c, struct append *w)
{
	const struct ask_many many = {
		.ctx = w, .next = append_next, .answered = append_answered
	};
	int rc = file_read(c, c->given[OPT_NOTES], NOTES_MAX, &w->left);

	if (rc == 0)
		rc = cli_number(c, OPT_BATCH, 1, 200, &w->batch);
	if (rc == 0)
		rc = count_lines(w);
	if (rc != 0)
		return rc;
	w->progress = progress_begin("appending", w->lines);
	rc = ask_each(c, &many);
	progress_end(&w->progress);
	if (rc > 0 && w->answered > 0)
		(void)cli_say(0,
			"the first %llu of %llu notes are in, and perhaps more; next: kithctl "
			"record timeline %s",
			(unsigned long long)w->answered, (unsigned long long)w->lines,
			c->words[0]);

	return rc;
}

static int append_one(struct cli *c, struct append *w)
{
	struct ctl_request r = record_request(c);
	struct entry e;

	if (args_need(c, OPT_NOTE) != 0)
		return CLI_USAGE;
	e = note_of(w, span_of(c->given[OPT_NOTE]));
	if (cli_has(c, OPT_TITLE))
		e.title = span_of(c->given[OPT_TITLE]);
	if (!wire_text_ok(e.text) || !wire_text_ok(e.title))
		return cli_say(CLI_USAGE, "the note is not UTF-8; check the terminal's locale");
	r.entries = &e;
	r.n_entries = 1;
	w->lines = 1;

	return ask(c, &r, NULL, &w->reply);
}

/* --date, or today where this runs. */
static int date_given(const struct cli *c, struct date *ret)
{
	static const enum date_precision precision[] = {
		[CARE_NO_DATE] = DATE_UNKNOWN,
		[CARE_DATE_DAY] = DATE_DAY,
		[CARE_DATE_MONTH] = DATE_MONTH,
		[CARE_DATE_YEAR] = DATE_YEAR,
		[CARE_DATE_UNKNOWN] = DATE_UNKNOWN,
	};
	struct care_date date;

	if (!cli_has(c, OPT_DATE)) {
		time_t now = time(NULL);
		struct tm local;

		if (!localtime_r(&now, &local))
			return err_new(-EOVERFLOW);
		*ret = (struct date){ (int32_t)((now + local.tm_gmtoff) / 86400), DATE_DAY };
		return 0;
	}
	if (care_date_parse(span_of(c->given[OPT_DATE]), 0, &date) != 0)
		return cli_say(CLI_USAGE,
			"\"%s\" is no date; write dd/mm/yyyy or yyyy-mm-dd, zz for what nobody "
			"knows",
			c->given[OPT_DATE]);
	*ret = (struct date){ date.day, precision[date.precision] };

	return 0;
}

int verb_record_append(struct cli *c)
{
	struct append w = { .cli = c, .batch = 100 };
	json_t *reply CLEANUP(json_drop) = NULL;
	int rc;

	if (cli_has(c, OPT_NOTES) && (cli_has(c, OPT_NOTE) || cli_has(c, OPT_TITLE)))
		return cli_say(CLI_USAGE, "--notes-from stands alone: no --note, no --title");
	rc = date_given(c, &w.date);
	if (rc == 0)
		rc = cli_has(c, OPT_NOTES) ? append_file(c, &w) : append_one(c, &w);
	reply = w.reply;
	if (rc != 0)
		return rc;
	if (!c->json)
		return show_made(c, reply,
			arena_text(&c->arena, "appended %llu note%s",
				(unsigned long long)w.lines, w.lines == 1 ? "" : "s"));
	if (json_object_set_new(reply, "notes", json_integer((json_int_t)w.lines)) != 0)
		return err_new(-ENOMEM);

	return show_json(c, reply, NULL);
}

int verb_record_alias(struct cli *c)
{
	struct ctl_request r = record_request(c);
	struct entry e = { .kind = ENTRY_ALIAS, .has_effective = true, .has_alias = true };
	const char *authority = NULL;
	int rc = alias_given(c, &authority);

	if (rc != 0 || !authority)
		return rc;
	rc = date_given(c, &e.effective);
	if (rc != 0)
		return rc;
	e.alias.authority = span_of(authority);
	e.alias.child = span_of(c->given[OPT_CHILD]);
	if (!wire_text_ok(e.alias.child))
		return cli_say(
			CLI_USAGE, "the alias is not UTF-8; check the terminal's locale");
	r.verb = VERB_APPEND;
	r.entries = &e;
	r.n_entries = 1;
	return ask_change(c, &r,
		arena_text(&c->arena, "also known as %s/%s", authority, c->given[OPT_CHILD]),
		NULL);
}

struct export_file {
	FILE *f;
	const char *path;
	uint64_t bytes;
};

static int export_piece(void *ctx, struct span data)
{
	struct export_file *e = ctx;

	if (fwrite(data.at, 1, data.len, e->f) != data.len)
		return cli_say(
			CLI_FAILED, "%s cannot be written: %s", e->path, strerror(errno));
	e->bytes += data.len;

	return 0;
}

int verb_record_export(struct cli *c)
{
	struct new_file file CLEANUP(new_file_drop) = { 0 };
	struct ctl_request r = record_request(c);
	json_t *reply CLEANUP(json_drop) = NULL;
	struct export_file e = { .path = c->given[OPT_OUT] };
	const struct ask how = { .ctx = &e, .piece = export_piece };
	char size[SHORT_TEXT];
	int rc = args_need(c, OPT_OUT);

	if (rc == 0)
		rc = new_file_open(c, e.path, &file);
	e.f = file.f;
	if (rc == 0)
		rc = ask(c, &r, &how, &reply);
	if (rc == 0 && e.bytes == 0)
		rc = cli_say(CLI_FAILED, "kithd gave nothing to export");
	if (rc == 0)
		rc = new_file_keep(&file);
	if (rc != 0)
		return rc;
	if (c->json) {
		if (json_object_set_new(reply, "file", json_string(e.path)) != 0 ||
			json_object_set_new(
				reply, "bytes", json_integer((json_int_t)e.bytes)) != 0)
			return err_new(-ENOMEM);
		return show_json(c, reply, NULL);
	}
	(void)printf("%s: %s; it holds the content keys: who has it can read the record\n",
		e.path, size_text(e.bytes, size));

	return show_seen(c, reply);
}
