/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Any bytes as a return
 *
 * Whatever a file holds is a verdict or rows, and the rows keep the laws of an import: nothing
 * is lost, every row is understood again from its own cells, and a second import adds nothing.
 * The first byte chooses the collection, the second cuts the rest into two files.
 */

#include <stdlib.h>
#include <string.h>

#include <kith/care.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BUDGET ((size_t)64 << 20)

static void must(bool claim)
{
	if (!claim)
		abort();
}

/* Not a hash to trust anyone with, but one that needs no library. */
static struct hash digest(struct span s)
{
	struct hash h = { { 0 } };
	uint64_t sum = 14695981039346656037u;

	for (size_t i = 0; i < s.len; i++)
		sum = (sum ^ s.at[i]) * 1099511628211u;
	memcpy(h.b, &sum, sizeof(sum));
	return h;
}

/* What is a date reads again from either text; what is a rule or a table has a name. */
static void check_words(const struct care_row *r)
{
	const struct care_rule *rules[CARE_RULES_MAX];
	const size_t n = care_faults_list(r->faults, rules);

	must(care_table_named((struct span){ (const uint8_t *)care_table_name(r->table),
		     strlen(care_table_name(r->table)) }) == r->table);
	for (size_t i = 0; i < n; i++)
		must(care_rule_named((struct span){ (const uint8_t *)rules[i]->code,
			     strlen(rules[i]->code) }) == rules[i]);
	for (size_t i = 0; i < r->n_cells; i++) {
		struct care_date d, again;
		char text[CARE_DATE_TEXT];

		(void)!care_date_parse_iso(r->cells[i].value, &d);
		if (care_date_parse(r->cells[i].value, r->year, &d) != 0)
			continue;
		care_date_text(d, text);
		must(care_date_parse((struct span){ (const uint8_t *)text, strlen(text) }, 0,
			     &again) == 0);
		must(again.day == d.day && again.precision == d.precision);
		if (d.precision == CARE_DATE_UNKNOWN)
			continue;
		care_date_iso(d, text);
		must(care_date_parse_iso((struct span){ (const uint8_t *)text, strlen(text) },
			     &again) == 0);
		must(again.day == d.day && again.precision == d.precision);
	}
}

static void check_row(struct arena *a, const struct care_row *r)
{
	struct care_row again;
	struct span one, two;
	char title[80];
	size_t len;

	care_row_init(&again, r->table, r->cells, r->n_cells, r->authority, r->year);
	must((again.faults & ~r->faults) == 0);
	check_words(r);
	if (care_row_key(r, a, &one) != 0 || care_row_key(&again, a, &two) != 0)
		return;
	must(one.len == two.len && memcmp(one.at, two.at, one.len) == 0);
	len = care_row_title(r, title, sizeof(title));
	must(len < sizeof(title) && strlen(title) == len);
}

static void check_child(struct arena *a, const struct care_child *c)
{
	struct care_held *rows = arena_array(a, c->n_rows, sizeof(*rows));
	struct care_decision *d = arena_array(a, c->n_rows, sizeof(*d));
	struct care_summary summary = { 0 };
	struct span content;

	if (rows == NULL || d == NULL)
		return;
	for (size_t i = 0; i < c->n_rows; i++) {
		check_row(a, c->rows[i]);
		care_summary_apply(&summary, c->rows[i]);
		if (care_row_key(c->rows[i], a, &rows[i].key) != 0 ||
			care_row_content(c->rows[i], a, &content) != 0)
			return;
		rows[i].content = digest(content);
		rows[i].copies = c->rows[i]->copies;
	}
	must(summary.headers + summary.episodes + summary.reviews == c->n_rows);

	if (care_reconcile(a, NULL, 0, rows, c->n_rows, d) != 0)
		return;
	for (size_t i = 0; i < c->n_rows; i++)
		must(d[i].kind == CARE_NEW);
	if (care_reconcile(a, rows, c->n_rows, rows, c->n_rows, d) != 0)
		return;
	for (size_t i = 0; i < c->n_rows; i++)
		must(d[i].kind == CARE_SAME);
}

static void check_return(struct arena *a, struct care_return *r)
{
	size_t rows = 0;

	for (size_t i = 0; i < r->n_children; i++) {
		for (size_t k = 0; k < r->children[i].n_rows; k++)
			rows += r->children[i].rows[k]->copies;
		check_child(a, &r->children[i]);
	}
	must(rows == r->n_rows && rows == r->report.rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct care_options o = { SPAN_LIT("301"), 0 };
	struct care_return r;
	struct arena a;
	struct why why;
	size_t cut;

	if (size < 2)
		return 0;
	o.year = 2015 + data[0] % 16;
	cut = (size - 2) * data[1] / 255;
	arena_init(&a, BUDGET);
	care_return_init(&r, &a, &o);
	must(care_return_add(&r, SPAN_LIT("one"), (struct span){ data + 2, cut }, &why) >= 0);
	must(care_return_add(&r, SPAN_LIT("two"),
		     (struct span){ data + 2 + cut, size - 2 - cut }, &why) >= 0);
	if (care_return_finish(&r) == 0)
		check_return(&a, &r);
	arena_done(&a);
	return 0;
}
