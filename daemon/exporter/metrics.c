/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Metrics
 *
 * Which field of control.proto becomes which metric: one row of a table each. Names, base units
 * and types are those of Prometheus' conventions; promtool checks them.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/exporter/exporter.h"

/* What is made of a field. */
enum how {
	AS_IS,
	SECONDS, /* milliseconds, a duration */
	WHEN,    /* milliseconds since 1970; 0: the sample is left out */
	AGE,     /* milliseconds since 1970, as how long ago that is; 0: 0 */
	IS_SET,  /* 1 when it is not 0 */
	IS_WORD, /* 1 when it is .word */
	INFO,    /* 1, and the fields named in .word as labels */
};

enum type { GAUGE, COUNTER };

struct metric {
	const char *name; /* without kith_ and, of a counter, _total */
	enum type type;
	enum list list;
	const char *field;
	enum how how;
	const char *word;
	const char *help;
};

/* clang-format off */
static const struct metric metrics[] = {
	{ "region_info", GAUGE, LIST_STATUS, "region", INFO, "name region incarnation version",
	  "Which region this is, and the version of kithd." },
	{ "start_time_seconds", GAUGE, LIST_STATUS, "started_ms", WHEN, NULL,
	  "When kithd was started, in seconds since 1970." },
	{ "incarnation", GAUGE, LIST_STATUS, "incarnation_number", AS_IS, NULL,
	  "The number of the incarnation, from 1." },
	{ "records", GAUGE, LIST_STATUS, "records", AS_IS, NULL,
	  "Records that are held here." },
	{ "records_in_custody", GAUGE, LIST_STATUS, "custodian_of", AS_IS, NULL,
	  "Records for which this region is responsible." },
	{ "changes", GAUGE, LIST_STATUS, "changes", AS_IS, NULL,
	  "Changes that are held here." },
	{ "oldest_unreplicated_seconds", GAUGE, LIST_STATUS, "oldest_unreplicated_ms", SECONDS, NULL,
	  "Age of the oldest change that a region should have and has not acknowledged." },
	{ "wants", GAUGE, LIST_STATUS, "wants", AS_IS, NULL,
	  "Records of which something is missing here." },
	{ "oldest_want_seconds", GAUGE, LIST_STATUS, "wants_since_ms", AGE, NULL,
	  "How long the oldest of what is missing has been missing." },
	{ "forks", GAUGE, LIST_STATUS, "forks", AS_IS, NULL,
	  "Chains with two proved histories, which people have to settle." },
	{ "link_up", GAUGE, LIST_STATUS, "link", IS_WORD, "connected",
	  "Whether kith-link is there." },
	{ "store_full", GAUGE, LIST_STATUS, "full_since_ms", IS_SET, NULL,
	  "Whether store or disk are so full that new work is refused." },
	{ "store_used_bytes", GAUGE, LIST_STATUS, "store_bytes", AS_IS, NULL,
	  "Used of the fuller one of the two LMDB environments." },
	{ "store_limit_bytes", GAUGE, LIST_STATUS, "store_map_bytes", AS_IS, NULL,
	  "How much each environment may use: map_size." },
	{ "disk_free_bytes", GAUGE, LIST_STATUS, "disk_free_bytes", AS_IS, NULL,
	  "Free on the disk of the store." },
	{ "commits", COUNTER, LIST_STATUS, "commits", AS_IS, NULL,
	  "Turns that were made durable." },
	{ "flushes", COUNTER, LIST_STATUS, "flushes", AS_IS, NULL,
	  "Flushes of the disk that they took." },
	{ "signatures", COUNTER, LIST_STATUS, "signatures", AS_IS, NULL,
	  "Signatures that were made." },
	{ "verifications", COUNTER, LIST_STATUS, "verifications", AS_IS, NULL,
	  "Signatures that were verified." },
	{ "received_bytes", COUNTER, LIST_STATUS, "bytes_in", AS_IS, NULL,
	  "Frames that came from other regions." },
	{ "sent_bytes", COUNTER, LIST_STATUS, "bytes_out", AS_IS, NULL,
	  "Frames that went to other regions." },
	{ "requests_in", GAUGE, LIST_STATUS, "requests_in", AS_IS, NULL,
	  "Records that other regions ask for: our people have to answer." },
	{ "requests_out", GAUGE, LIST_STATUS, "requests_out", AS_IS, NULL,
	  "Records that we have asked other regions for, without an answer yet." },
	{ "peers", GAUGE, LIST_STATUS, "peers", AS_IS, NULL,
	  "Regions that are trusted and linked with." },

	{ "moves_waiting", GAUGE, LIST_STATUS, "moves_waiting", AS_IS, NULL,
	  "Moves that are offered and not settled." },
	{ "moves_late", GAUGE, LIST_STATUS, "moves_warning", AS_IS, NULL,
	  "Moves that have waited longer than move_warn, and not yet move_alarm." },
	{ "moves_overdue", GAUGE, LIST_STATUS, "moves_alarm", AS_IS, NULL,
	  "Moves that have waited longer than move_alarm." },
	{ "oldest_move_seconds", GAUGE, LIST_STATUS, "move_oldest_ms", SECONDS, NULL,
	  "How long the oldest move has been waiting." },

	{ "peer_up", GAUGE, LIST_PEERS, "state", IS_WORD, "live",
	  "Whether there is a session with that region." },
	{ "peer_last_heard_timestamp_seconds", GAUGE, LIST_PEERS, "last_heard_ms", WHEN, NULL,
	  "When that region was last heard, in seconds since 1970; not there: never." },
	{ "peer_state_seconds", GAUGE, LIST_PEERS, "since_ms", AGE, NULL,
	  "How long that region has been there, or away." },
	{ "peer_unsent_entries", GAUGE, LIST_PEERS, "unsent", AS_IS, NULL,
	  "Entries of its feed that it has not acknowledged." },
	{ "peer_oldest_unreplicated_seconds", GAUGE, LIST_PEERS, "oldest_unreplicated_ms", SECONDS,
	  NULL, "Age of the oldest of these entries." },
	{ "peer_wants", GAUGE, LIST_PEERS, "wants", AS_IS, NULL,
	  "Records of which something is missing that this region should send." },
	{ "peer_clock_skew_seconds", GAUGE, LIST_PEERS, "clock_skew_ms", SECONDS, NULL,
	  "Its clock less ours, as far as a greeting can tell." },
};
/* clang-format on */

/* The fields that tell the rows of a list apart, as a label each. */
static const struct {
	const char *field, *label;
} keys[LIST_COUNT] = {
	[LIST_PEERS] = { "name", "peer" },
};

#define OPENMETRICS "application/openmetrics-text"

enum dialect dialect_of(const char *accept)
{
	return accept && strstr(accept, OPENMETRICS) ? DIALECT_OPENMETRICS : DIALECT_PROMETHEUS;
}

const char *dialect_type(enum dialect d)
{
	return d == DIALECT_OPENMETRICS ? OPENMETRICS "; version=1.0.0; charset=utf-8"
					: "text/plain; version=0.0.4; charset=utf-8";
}

static const struct field *find(const struct row *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->v[i].name, name) == 0)
			return &r->v[i];
	return NULL;
}

static int64_t number_of(const struct row *r, const char *name)
{
	const struct field *f = find(r, name);

	return f && !f->is_text ? f->number : 0;
}

static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n') {
			(void)fputs("\\n", out);
			continue;
		}
		if (*text == '\\' || *text == '"')
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
}

static void put_label(FILE *out, bool first, const char *name, size_t len, const char *text)
{
	(void)fprintf(out, "%s%.*s=\"", first ? "{" : ",", (int)len, name);
	put_escaped(out, text);
	(void)fputc('"', out);
}

static void put_labels(FILE *out, const struct metric *m, const struct row *r)
{
	const char *at = m->how == INFO ? m->word : "";
	const struct field *f;
	bool first = true;

	if (keys[m->list].field) {
		f = find(r, keys[m->list].field);
		put_label(out, true, keys[m->list].label, strlen(keys[m->list].label),
			f && f->is_text ? f->text : "");
		first = false;
	}
	while (*at) {
		const size_t len = strcspn(at, " ");
		char name[32];

		(void)snprintf(name, sizeof(name), "%.*s", (int)len, at);
		f = find(r, name);
		put_label(out, first, at, len, f && f->is_text ? f->text : "");
		first = false;
		at += len + (at[len] == ' ');
	}
	if (!first)
		(void)fputc('}', out);
}

static void put_ms(FILE *out, int64_t ms)
{
	const uint64_t size = ms < 0 ? (uint64_t)-ms : (uint64_t)ms;

	(void)fprintf(out, "%s%" PRIu64 ".%03u", ms < 0 ? "-" : "", size / 1000,
		(unsigned)(size % 1000));
}

static void put_value(FILE *out, const struct metric *m, const struct row *r, int64_t now)
{
	const struct field *f = find(r, m->field);
	const int64_t n = number_of(r, m->field);

	switch (m->how) {
	case AS_IS:
		(void)fprintf(out, "%" PRId64, n);
		break;
	case SECONDS:
	case WHEN:
		put_ms(out, n);
		break;
	case AGE:
		put_ms(out, n > 0 && now > n ? now - n : 0);
		break;
	case IS_SET:
		(void)fputs(n ? "1" : "0", out);
		break;
	case IS_WORD:
		(void)fputs(f && f->is_text && strcmp(f->text, m->word) == 0 ? "1" : "0", out);
		break;
	case INFO:
		(void)fputs("1", out);
		break;
	}
}

static void put_head(
	FILE *out, const char *name, enum type type, const char *help, enum dialect d)
{
	const char *total = type == COUNTER && d == DIALECT_PROMETHEUS ? "_total" : "";

	(void)fprintf(out, "# HELP kith_%s%s %s\n", name, total, help);
	(void)fprintf(out, "# TYPE kith_%s%s %s\n", name, total,
		type == COUNTER ? "counter" : "gauge");
}

static void put_metric(
	FILE *out, const struct metric *m, const struct figures *f, int64_t now, enum dialect d)
{
	const struct rows *rows = &f->lists[m->list];

	put_head(out, m->name, m->type, m->help, d);
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *r = &rows->v[i];

		/* What kithd does not know, or an older one does not say, is left out. */
		if (!find(r, m->field) || (m->how == WHEN && number_of(r, m->field) == 0))
			continue;
		(void)fprintf(out, "kith_%s%s", m->name, m->type == COUNTER ? "_total" : "");
		put_labels(out, m, r);
		(void)fputc(' ', out);
		put_value(out, m, r, now);
		(void)fputc('\n', out);
	}
}

/* The exporter's own. */
static void put_own(FILE *out, const struct figures *f, enum dialect d)
{
	put_head(out, "up", GAUGE, "Whether kithd has answered.", d);
	(void)fprintf(out, "kith_up %d\n", f->up);
	put_head(
		out, "exporter_ask_seconds", GAUGE, "How long asking kithd took this time.", d);
	(void)fprintf(out, "kith_exporter_ask_seconds %" PRIu64 ".%06u\n", f->took_us / 1000000,
		(unsigned)(f->took_us % 1000000));
	put_head(out, "exporter_failures", COUNTER, "How often kithd has not answered.", d);
	(void)fprintf(out, "kith_exporter_failures_total %" PRIu64 "\n", f->failed);
}

char *metrics_text(const struct figures *f, enum dialect d, struct arena *a)
{
	const struct rows *status = &f->lists[LIST_STATUS];
	const int64_t now = status->n ? number_of(&status->v[0], "now_ms") : 0;
	char *text = NULL, *ret;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	put_own(out, f, d);
	for (size_t i = 0; i < COUNT(metrics) && f->up; i++)
		put_metric(out, &metrics[i], f, now, d);
	if (d == DIALECT_OPENMETRICS)
		(void)fputs("# EOF\n", out);
	ret = fclose(out) == 0 ? (char *)arena_copy(a, text, len) : NULL;
	free(text);
	return ret;
}
