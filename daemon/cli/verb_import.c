/* SPDX-License-Identifier: Apache-2.0 */

/*
 * import ssda903
 *
 * Reads every *.csv of a directory, lets care understand it, sends the children to kithd in
 * batches and reports: which tables, how many rows, which rules are broken and where first.
 */

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <kith/utf8.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/import.h"

#define FILE_MAX ((size_t)512 * 1024 * 1024)

struct import {
	struct cli *cli;
	struct care_return ret;
	size_t next, in,
		sendable; /* children: the next to send, taken in by kithd, that can be sent */
	size_t under_way[ASK_WINDOW];
	size_t sent, heard; /* requests */
	struct ctl_import sum;
	uint64_t unsent_rows;
	struct progress progress;
};

static int is_csv(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 4 && strcasecmp(d->d_name + n - 4, ".csv") == 0 && d->d_name[0] != '.';
}

/* The name that goes into the record: UTF-8, whatever the disk holds. */
static int add_file(struct import *im, const char *dir, const char *name)
{
	struct cli *c = im->cli;
	const char *path = arena_text(&c->arena, "%s/%s", dir, name);
	const char *shown = safe_text(&c->arena, span_of(name), SAFE_LINE);
	struct why why = { "" };
	struct span bytes;
	int rc;

	if (!path || !shown)
		return err_new(-ENOMEM);
	rc = file_read(c, path, FILE_MAX, &bytes);
	if (rc != 0)
		return rc;
	rc = care_return_add(&im->ret, span_of(shown), bytes, &why);

	return rc < 0 ? err_up(rc) : 0; /* a verdict is in the list of files */
}

static int read_dir(struct import *im, const char *dir)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_csv, alphasort), rc = 0;

	if (n < 0)
		return cli_say(CLI_FAILED, "%s cannot be read: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = add_file(im, dir, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	if (n == 0)
		return cli_say(CLI_FAILED, "there is no *.csv in %s", dir);

	return rc;
}

static int import_next(void *ctx, struct arena *a, struct ctl_request *r)
{
	struct import *im = ctx;
	int rc = batch_fill(&im->ret, im->next, a, r, &im->next);

	if (rc != 0)
		return rc;
	if (r->n_children == 0)
		return ASK_END;
	im->under_way[im->sent++ % ASK_WINDOW] = r->n_children;

	return 0;
}

static int import_answered(void *ctx, const json_t *reply)
{
	struct import *im = ctx;
	const json_t *j = json_object_get(reply, "imported");

	im->sum.children += json_number(j, "children");
	im->sum.records_new += json_number(j, "records_new");
	im->sum.rows += json_number(j, "rows");
	im->sum.rows_new += json_number(j, "rows_new");
	im->sum.rows_same += json_number(j, "rows_same");
	im->sum.rows_superseding += json_number(j, "rows_superseding");
	im->sum.rows_refused += json_number(j, "rows_refused");
	im->sum.changes += json_number(j, "changes");
	im->in += im->under_way[im->heard++ % ASK_WINDOW];
	progress_set(&im->progress, im->in);

	return 0;
}

static json_t *text_json(struct span s)
{
	return utf8_valid(s) ? json_stringn((const char *)s.at, s.len) : json_string("?");
}

static json_t *files_json(const struct care_return *r)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < r->n_files; i++) {
		const struct care_file *f = &r->files[i];
		json_t *one = json_pack("{s:o, s:s, s:I, s:s}", "name", text_json(f->name),
			"table", care_table_name(f->table), "rows", (json_int_t)f->rows,
			"problem", f->why ? f->why : "");

		if (!one || json_array_append_new(list, one) != 0)
			return json_decref(list), NULL;
	}

	return list;
}

static json_t *tables_json(const struct care_report *rep)
{
	json_t *list = json_array();

	for (size_t t = 0; list && t < CARE_TABLE_COUNT; t++) {
		json_t *one;

		if (rep->tables[t].files == 0)
			continue;
		one = json_pack("{s:s, s:I, s:I, s:I}", "name",
			care_table_name((enum care_table)t), "files",
			(json_int_t)rep->tables[t].files, "rows",
			(json_int_t)rep->tables[t].rows, "identical",
			(json_int_t)rep->tables[t].identical);
		if (!one || json_array_append_new(list, one) != 0)
			return json_decref(list), NULL;
	}

	return list;
}

/* One rule: its places as "file:line". */
static json_t *fault_json(struct arena *a, const struct care_report *rep, unsigned i)
{
	const struct care_rule *rule = care_rule(i);
	json_t *first = json_array();

	for (uint32_t k = 0; k < rep->rules[i].n; k++) {
		const char *at = arena_text(a, "%.*s:%" PRIu32,
			(int)rep->rules[i].at[k].file.len,
			(const char *)rep->rules[i].at[k].file.at, rep->rules[i].at[k].line);

		if (!at || json_array_append_new(first, json_string(at)) != 0)
			return json_decref(first), NULL;
	}

	return json_pack("{s:s, s:I, s:s, s:o}", "rule", rule->code, "rows",
		(json_int_t)rep->rules[i].rows, "text", rule->text, "first", first);
}

static json_t *faults_json(struct arena *a, const struct care_report *rep)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < CARE_RULES_MAX && care_rule(i); i++) {
		json_t *one;

		if (rep->rules[i].rows == 0)
			continue;
		one = fault_json(a, rep, i);
		if (!one || json_array_append_new(list, one) != 0)
			return json_decref(list), NULL;
	}

	return list;
}

/* Rows that cannot be sent, each with its place and the reason. */
static json_t *unsent_json(struct import *im)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < im->ret.n_children; i++) {
		const struct care_child *child = &im->ret.children[i];
		enum unsent why = child_unsent(child);

		for (size_t k = 0; why != UNSENT_NOT && k < child->n_rows; k++) {
			json_t *one = json_pack("{s:o, s:I, s:s}", "file",
				text_json(child->rows[k]->file), "line",
				(json_int_t)child->rows[k]->line, "problem", unsent_text(why));

			if (!one || json_array_append_new(list, one) != 0)
				return json_decref(list), NULL;
		}
	}

	return list;
}

static json_t *report_json(struct import *im)
{
	const struct care_report *rep = &im->ret.report;
	const struct ctl_import *s = &im->sum;
	json_t *imported = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "children",
		(json_int_t)s->children, "records_new", (json_int_t)s->records_new, "rows",
		(json_int_t)s->rows, "rows_new", (json_int_t)s->rows_new, "rows_same",
		(json_int_t)s->rows_same, "rows_superseding", (json_int_t)s->rows_superseding,
		"changes", (json_int_t)s->changes, "rows_refused", (json_int_t)s->rows_refused);

	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:b}", "files",
		files_json(&im->ret), "tables", tables_json(rep), "faults",
		faults_json(&im->cli->arena, rep), "not_sent", unsent_json(im), "rows",
		(json_int_t)rep->rows, "identical", (json_int_t)rep->identical, "faulty",
		(json_int_t)rep->faulty, "children", (json_int_t)rep->children, "imported",
		imported, "dry_run", cli_has(im->cli, OPT_DRY_RUN));
}

static int report_tables(struct cli *c, const json_t *report)
{
	static const struct column files[] = {
		{ "name", "FILE", FORM_TEXT, WHOLE, false },
		{ "table", "TABLE", FORM_TEXT, WHOLE, false },
		{ "rows", "ROWS", FORM_NUMBER, WHOLE, false },
		{ "problem", "NOTE", FORM_TEXT, WRAP, false },
	};
	static const struct column faults[] = {
		{ "rule", "RULE", FORM_TEXT, WHOLE, false },
		{ "rows", "ROWS", FORM_NUMBER, WHOLE, false },
		{ "text", "WHAT", FORM_TEXT, WRAP, false },
		{ "first", "FIRST", FORM_FIRST, WHOLE, false },
	};
	static const struct column unsent[] = {
		{ "file", "FILE", FORM_TEXT, WHOLE, false },
		{ "line", "LINE", FORM_NUMBER, WHOLE, false },
		{ "problem", "NOT IMPORTED", FORM_TEXT, WRAP, false },
	};
	int rc = show_table(c, report, "files", "no files", files, COUNT(files));

	(void)printf("\n");
	if (rc == 0)
		rc = show_table(
			c, report, "faults", "no row breaks a rule", faults, COUNT(faults));
	if (rc == 0 && json_array_size(json_object_get(report, "not_sent")) > 0) {
		(void)printf("\n");
		rc = show_table(c, report, "not_sent", "", unsent, COUNT(unsent));
	}

	return rc;
}

static int report(struct import *im)
{
	const struct care_report *rep = &im->ret.report;
	const struct ctl_import *s = &im->sum;
	json_t *j CLEANUP(json_drop) = report_json(im);
	int rc;

	if (!j)
		return err_new(-ENOMEM);
	if (im->cli->json)
		return json_out(im->cli, j);
	rc = report_tables(im->cli, j);
	(void)printf("\nreturn:   %" PRIu32 " rows of %" PRIu32 " children; %" PRIu32
		     " repeat another row, %" PRIu32 " break a rule and are kept as they are\n"
		     "imported: %" PRIu64 " children, %" PRIu64 " new records; rows: %" PRIu64
		     " new, %" PRIu64 " held already, %" PRIu64 " superseding; %" PRIu64
		     " changes%s\n",
		rep->rows, rep->children, rep->identical, rep->faulty, s->children,
		s->records_new, s->rows_new, s->rows_same, s->rows_superseding, s->changes,
		cli_has(im->cli, OPT_DRY_RUN) ? " (dry run: nothing was changed)" : "");
	if (s->rows_refused)
		(void)printf("refused:  %" PRIu64
			     " rows of children whose record this region may only read\n"
			     "  next: kithctl custody AUTHORITY/CHILD names the region that "
			     "can add to it\n",
			s->rows_refused);

	return rc;
}

/* Exit 1 when anything of the return is not in: a script must not take it for done. */
static int verdict(const struct import *im)
{
	size_t tables = 0;

	for (size_t i = 0; i < im->ret.n_files; i++)
		tables += im->ret.files[i].verdict == 0;
	if (tables == 0)
		return cli_say(CLI_FAILED,
			"no file of %s is a table that is imported: nothing was done\n"
			"  next: give the directory with the return's own files, their columns "
			"as the "
			"guide has them",
			im->cli->words[0]);
	if (im->ret.report.refused > 0)
		return cli_say(CLI_FAILED,
			"%" PRIu32
			" file(s) could not be read as CSV; the others are imported\n"
			"  next: mend them and import the directory again: nothing is added "
			"twice",
			im->ret.report.refused);
	if (im->unsent_rows > 0)
		return cli_say(CLI_FAILED,
			"%" PRIu64 " row(s) were not imported\n"
			"  next: mend them and import the directory again: nothing is added "
			"twice",
			im->unsent_rows);
	if (im->sum.rows_refused > 0)
		return cli_say(CLI_FAILED,
			"%" PRIu64
			" row(s) were refused: another region is responsible for the child",
			im->sum.rows_refused);

	return 0;
}

static int send_all(struct import *im)
{
	const struct ask_many many = {
		.ctx = im, .next = import_next, .answered = import_answered
	};
	int rc;

	for (size_t i = 0; i < im->ret.n_children; i++)
		if (child_unsent(&im->ret.children[i]) == UNSENT_NOT)
			im->sendable++;
		else
			im->unsent_rows += im->ret.children[i].n_rows;
	im->progress = progress_begin("importing children:", im->sendable);
	rc = ask_each(im->cli, &many);
	progress_end(&im->progress);
	if (rc > 0 && im->in > 0)
		(void)cli_say(0,
			"%zu of %zu children are in, and perhaps more; next: import again, "
			"nothing is "
			"added twice",
			im->in, im->sendable);

	return rc;
}

static void arena_drop(struct arena *a)
{
	arena_done(a);
}

int verb_import(struct cli *c)
{
	struct arena rows CLEANUP(arena_drop);
	struct import im = { .cli = c };
	struct care_options o = { .year = 0 };
	const struct care_authority *authority;
	uint64_t year = 0;
	int rc;

	arena_init(&rows, 0);
	if (args_need(c, OPT_AUTHORITY) != 0 || args_need(c, OPT_YEAR) != 0 ||
		cli_number(c, OPT_YEAR, 1992, 2199, &year) != 0)
		return CLI_USAGE;
	authority = care_authority_find(span_of(c->given[OPT_AUTHORITY]));
	if (!authority)
		return cli_say(CLI_USAGE,
			"\"%s\" is no local authority; give its DfE code, GSS code or name",
			c->given[OPT_AUTHORITY]);
	o.authority = span_of(authority->code);
	o.year = (int)year;
	care_return_init(&im.ret, &rows, &o);

	rc = read_dir(&im, c->words[0]);
	if (rc == 0)
		rc = care_return_finish(&im.ret);
	if (rc < 0)
		return err_up(rc);
	if (rc == 0)
		rc = send_all(&im);
	if (rc == 0)
		rc = report(&im);

	return rc != 0 ? rc : verdict(&im);
}
