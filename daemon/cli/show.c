/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Showing
 *
 * A tree becomes a table or a block by a list of columns: which member, under which heading, in
 * which form. Everything that is printed has gone through safe_text().
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <libsmartcols/libsmartcols.h>

#include "daemon/cli/cli.h"

#define ID_SHORT 12

#define GOOD  "\033[32m"
#define WAITS "\033[33m"
#define BAD   "\033[31m"
#define PAST  "\033[2m"
#define PLAIN "\033[0m"

/* Words that have a colour wherever they are painted. */
static const struct {
	const char *word, *escape;
} paints[] = {
	{ "live", GOOD }, { "running", GOOD }, { "connected", GOOD }, { "ours", GOOD },
	{ "custodian", GOOD }, { "complete", GOOD }, { "released", GOOD },
	{ "greeting", WAITS }, { "dialling", WAITS }, { "offered", WAITS },
	{ "receiving", WAITS }, { "accepted", WAITS }, { "acting", WAITS }, { "coming", WAITS },
	{ "superseded", PAST }, { "withdrawn", PAST }, { "apart", PAST }, { "absent", BAD },
	{ "down", BAD }, { "declined", BAD }, { "ok", GOOD }, { "attention", WAITS },
	{ "warn", WAITS }, { "alarm", BAD }, { "fail", BAD }, { "skipped", PAST },
	{ "warning", WAITS }, { "conflict", BAD }, { "disk", BAD }, /* disk full */
};

/* By the first word. */
static const char *colour_of(const char *text)
{
	size_t n = strcspn(text, " ,");

	for (size_t i = 0; i < COUNT(paints); i++)
		if (strlen(paints[i].word) == n && strncasecmp(paints[i].word, text, n) == 0)
			return paints[i].escape;

	return NULL;
}

static struct span string_span(const json_t *v)
{
	return (struct span){ (const uint8_t *)json_string_value(v), json_string_length(v) };
}

static char *number_text(struct arena *a, uint64_t v, enum form form)
{
	char text[SHORT_TEXT], date[SHORT_TEXT];
	uint64_t now;

	if (form == FORM_SIZE)
		return arena_text(a, "%s", size_text(v, text));
	if (form == FORM_TIME)
		return arena_text(a, "%s", v == 0 ? "" : date_text(v, date));
	if (form == FORM_AGE)
		return v == 0 ? arena_text(a, "-") : arena_text(a, "%s", age_text(v, text));
	if (form != FORM_WHEN && form != FORM_SINCE)
		return arena_text(a, "%" PRIu64, v);
	if (v == 0)
		return arena_text(a, "%s", form == FORM_WHEN ? "never" : "");

	now = wall_ms();
	if (form == FORM_SINCE)
		return arena_text(a, "%s (%s)", date_text(v, date),
			age_text(v < now ? now - v : 0, text));
	if (v > now + 60000)
		return arena_text(a, "in %s", age_text(v - now, text));
	return arena_text(a, "%s ago", age_text(v < now ? now - v : 0, text));
}

static char *list_text(struct arena *a, const json_t *list, enum safe how, size_t n)
{
	char *all = arena_text(a, "%s", "");

	for (size_t i = 0; all && i < n && i < json_array_size(list); i++) {
		char *one = safe_text(a, string_span(json_array_get(list, i)), how);

		all = one ? arena_text(a, "%s%s%s", all, i > 0 ? " " : "", one) : NULL;
	}

	return all;
}

/* What stands in one place; NULL: no memory. "" when the member is not there. */
static char *text_of(
	struct arena *a, const json_t *v, enum form form, enum safe how, bool brief)
{
	char *text;

	switch (json_typeof(v)) {
	case JSON_STRING:
		text = safe_text(a, string_span(v), how);
		if (text && form == FORM_ID && brief && strlen(text) == ID_TEXT_LEN - 1)
			text[ID_SHORT] = '\0';
		return text;
	case JSON_INTEGER:
		return number_text(a, (uint64_t)json_integer_value(v), form);
	case JSON_TRUE:
		return arena_text(a, "yes");
	case JSON_FALSE:
		return arena_text(a, "%s", brief ? "" : "no");
	case JSON_ARRAY:
		return list_text(a, v, how, form == FORM_FIRST ? 1 : json_array_size(v));
	case JSON_OBJECT: /* bytes that are no text */
		return arena_text(a, "base64:%s", json_text(v, "base64"));
	case JSON_REAL:
	case JSON_NULL:
		break;
	}

	return arena_text(a, "%s", "");
}

static char *member_text(struct arena *a, const json_t *object, const struct column *col,
	enum safe how, bool brief)
{
	const json_t *v = json_object_get(object, col->key);

	return v ? text_of(a, v, col->form, how, brief) : arena_text(a, "%s", "");
}

static bool right(enum form form)
{
	return form == FORM_NUMBER || form == FORM_SIZE || form == FORM_AGE;
}

static int add_row(struct cli *c, struct libscols_table *t, const json_t *object,
	const struct column *cols, size_t n)
{
	struct libscols_line *line = scols_table_new_line(t, NULL);

	if (!line)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n; i++) {
		const char *text = member_text(&c->arena, object, &cols[i], SAFE_LINE, true);

		if (!text || scols_line_set_data(line, i, text) != 0)
			return err_new(-ENOMEM);
		if (cols[i].paint && c->colour && colour_of(text) &&
			scols_cell_set_color(scols_line_get_cell(line, i), colour_of(text)) !=
				0)
			return err_new(-ENOMEM);
	}

	return 0;
}

static void table_drop(struct libscols_table **t)
{
	if (*t)
		scols_unref_table(*t);
}

int show_table(struct cli *c, const json_t *reply, const char *key, const char *none,
	const struct column *cols, size_t n)
{
	struct libscols_table *t CLEANUP(table_drop) = NULL;
	const json_t *list = json_object_get(reply, key);

	if (json_array_size(list) == 0) {
		(void)printf("%s\n", none);
		return 0;
	}
	t = scols_new_table();
	if (!t)
		return err_new(-ENOMEM);
	(void)scols_table_enable_colors(t, c->colour);
	/* safe_text() has been over everything; a second time would show its escapes escaped.
	 */
	(void)scols_table_enable_noencoding(t, 1);
	for (size_t i = 0; i < n; i++) {
		int flags = (right(cols[i].form) ? SCOLS_FL_RIGHT : 0) |
			    (cols[i].give == CUT ? SCOLS_FL_TRUNC : 0) |
			    (cols[i].give == WRAP ? SCOLS_FL_WRAP : 0);

		if (!scols_table_new_column(
			    t, cols[i].header, cols[i].give == WHOLE ? 0 : 0.2, flags))
			return err_new(-ENOMEM);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		int rc = add_row(c, t, json_array_get(list, i), cols, n);

		if (rc != 0)
			return rc;
	}

	return scols_print_table(t) == 0 ? 0 : err_new(-EIO);
}

int show_block(struct cli *c, const json_t *object, const struct column *cols, size_t n)
{
	int width = 0;

	for (size_t i = 0; i < n; i++)
		if ((int)strlen(cols[i].header) > width)
			width = (int)strlen(cols[i].header);
	for (size_t i = 0; i < n; i++) {
		const char *text = member_text(&c->arena, object, &cols[i], SAFE_LINE, false);
		const char *colour =
			text && cols[i].paint && c->colour ? colour_of(text) : NULL;

		if (!text)
			return err_new(-ENOMEM);
		if (!*text)
			continue;
		(void)printf("%*s: %s%s%s\n", width, cols[i].header, colour ? colour : "", text,
			colour ? PLAIN : "");
	}

	return 0;
}

int show_seen(struct cli *c, const json_t *reply)
{
	const json_t *notes = json_object_get(json_object_get(reply, "seen"), "notes");

	for (size_t i = 0; i < json_array_size(notes); i++) {
		const char *text =
			safe_text(&c->arena, string_span(json_array_get(notes, i)), SAFE_LINE);

		if (!text)
			return err_new(-ENOMEM);
		(void)printf("seen: %s\n", text);
	}

	return 0;
}

int show_made(struct cli *c, const json_t *reply, const char *done)
{
	static const struct column cols[] = {
		{ "record", "record", FORM_ID, WHOLE, false },
		{ "place", "place", FORM_TEXT, WHOLE, false },
		{ "change", "change", FORM_TEXT, WHOLE, false },
		{ "text", "note", FORM_TEXT, WHOLE, false },
	};
	const json_t *made = json_object_get(reply, "made");

	if (json_is_true(json_object_get(made, "dry_run"))) {
		const char *note = json_text(made, "text");
		const char *safe = safe_text(&c->arena, span_of(note), SAFE_LINE);

		if (!safe)
			return err_new(-ENOMEM);
		(void)printf("would be: %s (dry run: nothing was changed)\n", done);
		if (*safe)
			(void)printf("note: %s\n", safe);
		return 0;
	}
	(void)printf("%s\n", done);

	return made ? show_block(c, made, cols, COUNT(cols)) : 0;
}

int show_json(struct cli *c, json_t *reply, const char *list)
{
	if (list && !json_object_get(reply, list) &&
		json_object_set_new(reply, list, json_array()) != 0)
		return err_new(-ENOMEM);

	return json_out(c, reply);
}
