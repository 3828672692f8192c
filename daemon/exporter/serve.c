/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Serving
 *
 * HTTP with libmicrohttpd, one thread: scrapes come one after the other, and kithd is asked
 * for each. Nothing that a client sends is looked at but method, path and Accept.
 */

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "daemon/exporter/exporter.h"

#define CLIENTS_MAX 16
#define IDLE_S      10

struct server {
	struct MHD_Daemon *http;
	char *socket;
	uint64_t failed;
	struct why last; /* said once, until it changes */
};

static const char page[] =
	"<!doctype html>\n<html lang=\"en\"><head><title>kith-exporter</title></head>\n"
	"<body><p>kith-exporter " KITH_VERSION ": <a href=\"/metrics\">metrics</a></p></body>"
	"</html>\n";

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type,
	const char *text, enum MHD_ResponseMemoryMode mode)
{
	/* The library asks for a pointer that is not const, and does not write to it. */
	struct MHD_Response *r =
		MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, mode);
	enum MHD_Result done = MHD_NO;

	if (!r)
		return MHD_NO;
	if (MHD_add_response_header(r, "Content-Type", type) == MHD_YES &&
		(status != MHD_HTTP_METHOD_NOT_ALLOWED ||
			MHD_add_response_header(r, "Allow", "GET, HEAD") == MHD_YES))
		done = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result plain(struct MHD_Connection *c, unsigned status, const char *text)
{
	return answer(c, status, "text/plain; charset=utf-8", text, MHD_RESPMEM_PERSISTENT);
}

/* A reason is worth a line when it is new. */
static void say(struct server *s, bool up, const char *why)
{
	if (strcmp(s->last.text, up ? "" : why) == 0)
		return;
	why_set(&s->last, "%s", up ? "" : why);
	(void)fprintf(stderr, "<%d>kith-exporter: %s\n", up ? 6 : 4,
		up ? "kithd answers again" : why);
}

static enum MHD_Result metrics(struct server *s, struct MHD_Connection *c)
{
	const enum dialect d = dialect_of(
		MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
	struct figures f = { 0 };
	struct why why = { "" };
	enum MHD_Result done = MHD_NO;
	struct arena a;
	const char *text;
	int r;

	arena_init(&a, 0);
	r = figures_ask(s->socket, &a, &f, &why);
	if (r < 0)
		why_set(&why, "%s", strerror(-r));
	err_forget();
	s->failed += !f.up;
	f.failed = s->failed;
	say(s, f.up, why.text);
	text = metrics_text(&f, d, &a);
	if (text)
		done = answer(c, MHD_HTTP_OK, dialect_type(d), text, MHD_RESPMEM_MUST_COPY);
	arena_done(&a);
	return done;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *body, size_t *body_len,
	void **state)
{
	static int begun;

	(void)version, (void)body;
	if (!*state) { /* the head alone; the answer waits for the end of the request */
		*state = &begun;
		return MHD_YES;
	}
	if (*body_len > 0) {
		*body_len = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
		strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return plain(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
	if (strcmp(url, "/metrics") == 0)
		return metrics(ctx, c);
	if (strcmp(url, "/") == 0)
		return answer(c, MHD_HTTP_OK, "text/html; charset=utf-8", page,
			MHD_RESPMEM_PERSISTENT);
	return plain(c, MHD_HTTP_NOT_FOUND, "metrics are at /metrics\n");
}

/* Numeric only: whom a name means is not to decide who may read. */
static int resolve(const char *listen, struct addrinfo **ret, struct why *why)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	const char *colon = strrchr(listen, ':');
	char host[64];
	size_t len;

	if (!colon || colon == listen || !colon[1]) {
		why_set(why, "%.100s: an address is ADDRESS:PORT, as 127.0.0.1:9742", listen);
		return 1;
	}
	len = (size_t)(colon - listen);
	if (listen[0] == '[' && colon[-1] == ']') {
		listen++;
		len -= 2;
	}
	(void)snprintf(host, sizeof(host), "%.*s", (int)(len > 63 ? 63 : len), listen);
	if (getaddrinfo(host, colon + 1, &want, ret) != 0) {
		why_set(why, "%.60s and %.20s are not an address in digits and a port", host,
			colon + 1);
		return 1;
	}
	return 0;
}

int server_new(const char *listen, const char *socket, struct server **ret, struct why *why)
{
	struct addrinfo *at = NULL;
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
	struct server *s;
	int r = resolve(listen, &at, why);

	if (r != 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (s)
		s->socket = strdup(socket);
	if (!s || !s->socket) {
		freeaddrinfo(at);
		server_free(s);
		return err_new(-ENOMEM);
	}
	if (at->ai_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	errno = 0;
	s->http = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR,
		at->ai_addr, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CLIENTS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
	freeaddrinfo(at);
	if (!s->http) {
		why_set(why, "cannot listen on %.100s: %s", listen,
			errno ? strerror(errno) : "libmicrohttpd says no more");
		server_free(s);
		return 1;
	}
	*ret = s;
	return 0;
}

struct server *server_free(struct server *s)
{
	if (!s)
		return NULL;
	if (s->http)
		MHD_stop_daemon(s->http);
	free(s->socket);
	free(s);
	return NULL;
}

unsigned server_port(const struct server *s)
{
	const union MHD_DaemonInfo *i = MHD_get_daemon_info(s->http, MHD_DAEMON_INFO_BIND_PORT);

	return i ? i->port : 0;
}
