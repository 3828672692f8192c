/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * kith-exporter
 *
 * What kithd says of itself, as metrics for Prometheus: a process of its own with no rights but
 * to look, so that no HTTP is spoken where the records are. Every scrape asks kithd anew.
 */

#include <kith/arena.h>
#include <kith/base.h>
#include <kith/err.h>

/* One message of a reply, as it came: its fields that are neither messages nor lists. */
struct field {
	const char *name;
	bool is_text;
	const char *text;
	int64_t number;
};
struct row {
	struct field *v;
	size_t n, room;
};
struct rows {
	struct row *v;
	size_t n, room;
};

enum list { LIST_STATUS, LIST_PEERS, LIST_COUNT };
struct figures {
	bool up; /* kithd has answered; else all is empty */
	struct rows lists[LIST_COUNT];
	uint64_t took_us, failed; /* this scrape; scrapes without an answer so far */
};

/* ---- ask.c ---- */

/* Status and peers. Everything in .a. 0; 1: no answer, .why says why; < 0. */
MUST_USE int figures_ask(
	const char *socket, struct arena *a, struct figures *ret, struct why *why);
/* One Reply into .f. 0; 1: it is none, or a refusal. */
MUST_USE int figures_take(
	struct span reply, struct arena *a, struct figures *f, bool *ret_last, struct why *why);

/* ---- metrics.c ---- */

enum dialect { DIALECT_PROMETHEUS, DIALECT_OPENMETRICS };
/* By the Accept header; NULL: none was sent. */
enum dialect dialect_of(const char *accept);
const char *dialect_type(enum dialect d); /* Content-Type */
/* The whole answer, NUL-terminated in .a; NULL: no memory. */
char *metrics_text(const struct figures *f, enum dialect d, struct arena *a);

/* ---- serve.c ---- */

struct server;
/* .listen: "ADDRESS:PORT", or "[ADDRESS]:PORT". 0; 1 with .why; < 0. */
MUST_USE int server_new(
	const char *listen, const char *socket, struct server **ret, struct why *why);
struct server *server_free(struct server *s);
unsigned server_port(const struct server *s);
