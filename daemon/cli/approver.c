/* SPDX-License-Identifier: Apache-2.0 */

/*
 * move approver
 *
 * Stands on the stream of moves and of requests, asks a program about each that waits for this
 * region, and carries out what it decides. What was decided and not carried out is asked again
 * after a restart of either side: accepting and refusing twice is the same as once.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "daemon/cli/cli.h"

#define JOBS_MAX  64
#define LOOK_MS   50 /* while something runs */
#define IDLE_MS   500
#define AGAIN_MS  1000 /* after a lost connection; doubled up to: */
#define AGAIN_MAX 30000

enum case_state { CASE_NEW, CASE_RUNS, CASE_DECIDED, CASE_ASKED, CASE_LATER };

/* One offer or request that waits for an answer of this region. */
struct matter {
	bool request; /* else an offer */
	char *key;    /* the id of the Offer, or of the request */
	json_t *view;
	enum case_state state;
	struct runner runner;
	json_t *decision;
	uint32_t asked; /* the request to kithd */
	uint64_t until; /* of LATER */
};

struct approver {
	struct cli *cli;
	struct line line;
	const char *program, *self;
	uint64_t timeout_ms, retry_ms, jobs;
	struct matter *v;
	size_t n, room;
	bool requests_listed, connected;
	uint64_t try_at, pause;
	size_t answered;
};

/* Lines for the journal: its priority before each when that is where they go. */
static void say(int priority, const char *fmt, ...) PRINTF(2, 3);
static void say(int priority, const char *fmt, ...)
{
	const char *text, *safe;
	struct arena a;
	va_list ap;

	arena_init(&a, 0);
	va_start(ap, fmt);
	text = arena_vtext(&a, fmt, ap);
	va_end(ap);
	safe = text ? safe_text(&a, span_of(text), SAFE_LINE) : NULL;
	if (getenv("JOURNAL_STREAM"))
		(void)fprintf(stderr, "<%d>%s\n", priority, safe ? safe : "?");
	else
		(void)fprintf(stderr, "kithctl: %s\n", safe ? safe : "?");
	arena_done(&a);
}
#define SAY_WARNING 4
#define SAY_NOTICE  5
#define SAY_INFO    6

/* Matters -----------------------------------------------------------------------------------
 */

static const char *name_of(const struct matter *m)
{
	const char *record = json_text(m->view, "record");

	return m->request ? m->key : record;
}

static void forget(struct approver *a, size_t i)
{
	struct matter *m = &a->v[i];

	free(m->key);
	json_decref(m->view);
	json_decref(m->decision);
	a->v[i] = a->v[--a->n];
}

static struct matter *find(struct approver *a, const char *key)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].key, key) == 0)
			return &a->v[i];
	return NULL;
}

static int add(struct approver *a, bool request, const char *key, json_t *view)
{
	if (a->n == a->room) {
		size_t room = a->room ? 2 * a->room : 16;
		struct matter *grown = reallocarray(a->v, room, sizeof(*grown));

		if (!grown)
			return err_new(-ENOMEM);
		a->v = grown;
		a->room = room;
	}
	a->v[a->n] = (struct matter){
		.request = request, .key = strdup(key), .view = json_incref(view)
	};
	if (!a->v[a->n].key)
		return err_new(-ENOMEM);
	a->n++;

	return 0;
}

/* What is seen: new, still so, or nothing that waits for us any more. */
static int see(struct approver *a, bool request, json_t *view)
{
	const char *key = json_text(view, request ? "request" : "offer");
	bool ours = request ? !json_is_true(json_object_get(view, "ours")) &&
				      strcmp(json_text(view, "state"), "noted") == 0
			    : strcmp(json_text(view, "to"), a->self) == 0 &&
				      strcmp(json_text(view, "state"), "complete") == 0;
	struct matter *m = find(a, key);

	if (!*key || (!m && !ours))
		return 0;
	if (!m)
		return add(a, request, key, view);
	/* Somebody else has answered it, or it was taken back; what runs is heard to its end.
	 */
	if (!ours && (m->state == CASE_NEW || m->state == CASE_LATER))
		forget(a, (size_t)(m - a->v));

	return 0;
}

static int see_all(struct approver *a, const struct line_reply *r)
{
	bool request = r->id == a->line.requests;
	const json_t *list = json_object_get(r->tree, request ? "requests" : "moves");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
		rc = see(a, request, json_array_get(list, i));
	a->requests_listed |= request;

	return rc;
}

/* Asking the program -----------------------------------------------------------------------
 */

static void later(struct approver *a, struct matter *m, const char *why)
{
	if (why)
		say(SAY_WARNING, "%s: %s; asks again in %" PRIu64 " s", name_of(m), why,
			a->retry_ms / 1000);
	json_decref(m->decision);
	m->decision = NULL;
	m->state = CASE_LATER;
	m->until = clock_ms() + a->retry_ms;
}

static int run(struct approver *a, struct matter *m)
{
	json_t *question CLEANUP(json_drop) = json_pack("{s:i, s:s, s:s, s:O}", "schema", 1,
		"kind", m->request ? "request" : "offer", "region", a->self,
		m->request ? "request" : "move", m->view);
	char *text = question ? json_dumps(question, JSON_COMPACT) : NULL;
	int rc;

	if (!text)
		return err_new(-ENOMEM);
	rc = runner_start(&m->runner, a->program, text);
	free(text);
	if (rc != 0)
		later(a, m, strerror(-rc));
	else
		m->state = CASE_RUNS;

	return 0;
}

static const char *worker_of(const struct approver *a, const struct matter *m)
{
	const char *worker = json_text(m->decision, "worker");
	const char *given = a->cli->given[OPT_WORKER];

	return *worker ? worker : given ? given : "";
}

/* Requests are refused with codes of their own. */
static bool code_of(const struct matter *m, uint32_t *ret)
{
	const char *code = json_text(m->decision, "decline");

	return reason_find(m->request ? REASONS_REFUSAL : REASONS_DECLINE, code, ret);
}

/* NULL: it can be carried out; else what is wrong with it. */
static const char *wrong(const struct approver *a, const struct matter *m)
{
	const json_t *d = m->decision;
	uint32_t code;

	if (!json_is_object(d))
		return "the program's line is no JSON object";
	if (json_is_true(json_object_get(d, "accept"))) {
		if (m->request)
			return reason_find(REASONS_OFFER, json_text(d, "reason"), &code)
				       ? NULL
				       : "it accepts a request without a reason of an offer";
		return *worker_of(a, m) ? NULL : "it accepts and names no worker";
	}
	if (json_object_get(d, "decline"))
		return code_of(m, &code) ? NULL
					 : "it declines with what is no code of kith-codes(7)";
	return json_is_true(json_object_get(d, "later"))
		       ? NULL
		       : "it says neither accept, decline nor "
			 "later";
}

static void hear(struct approver *a, struct matter *m)
{
	const char *why = NULL;
	char text[64];

	if (m->runner.killed)
		why = "the program took too long and was ended";
	else if (m->runner.much)
		why = "the program says more than a line";
	else if (m->runner.status != 0) {
		(void)snprintf(
			text, sizeof(text), "the program ended with %d", m->runner.status);
		why = text;
	}
	if (!why) {
		m->decision = json_loads(m->runner.said, 0, NULL);
		why = wrong(a, m);
	}
	if (why || json_is_true(json_object_get(m->decision, "later"))) {
		if (!why)
			say(SAY_INFO, "%s: later", name_of(m));
		later(a, m, why);
		return;
	}
	m->state = CASE_DECIDED;
}

/* Carrying out ------------------------------------------------------------------------------
 */

static int carry_out(struct approver *a, struct matter *m)
{
	struct ctl_request r = ask_request(a->cli);
	struct entry worker = { .kind = ENTRY_WORKER, .has_worker = true };
	const json_t *d = m->decision;
	bool accept = json_is_true(json_object_get(d, "accept"));
	int rc;

	r.record = span_of(json_text(m->view, "record"));
	r.text = span_of(json_text(d, "text"));
	r.again = true;
	if (!accept) {
		r.verb = m->request ? VERB_MOVE_REFUSE : VERB_MOVE_DECLINE;
		(void)code_of(m, &r.code);
	} else if (m->request) {
		r.verb = VERB_MOVE_OFFER;
		r.peer = span_of(json_text(m->view, "peer"));
		(void)reason_find(REASONS_OFFER, json_text(d, "reason"), &r.code);
	} else {
		r.verb = VERB_MOVE_ACCEPT;
		r.text = (struct span){ 0 };
		worker.worker.name = span_of(worker_of(a, m));
		worker.worker.role = span_of(json_text(d, "role"));
		worker.worker.team = span_of(json_text(d, "team"));
		r.entries = &worker;
		r.n_entries = 1;
	}
	if (m->request)
		r.request = span_of(m->key);
	if (m->request && !accept)
		r.record = (struct span){ 0 };
	rc = line_post(&a->line, &r);
	m->asked = r.id;
	m->state = CASE_ASKED;

	return rc;
}

/* With --json a line for each that was answered. */
static int print(const struct approver *a, const struct matter *m, const json_t *problem)
{
	bool accept = json_is_true(json_object_get(m->decision, "accept"));
	const char *answer = problem  ? "problem"
			     : accept ? (m->request ? "offered" : "accepted")
				      : (m->request ? "refused" : "declined");
	json_t *line CLEANUP(json_drop) = json_pack("{s:s, s:s, s:s, s:s*, s:O*}", "kind",
		m->request ? "request" : "offer", m->request ? "request" : "record", name_of(m),
		"answer", answer, "code", accept ? NULL : json_text(m->decision, "decline"),
		"problem", problem);

	if (!a->cli->json)
		return 0;
	return line ? json_line(a->cli, line) : err_new(-ENOMEM);
}

/* Problems that go away by themselves or by what people do; all others settle the matter. */
static bool passes(const json_t *problem)
{
	static const uint32_t passing[] = { PROBLEM_DISK_FULL, PROBLEM_INCOMPLETE, PROBLEM_BUSY,
		PROBLEM_KEYS_MISSING, PROBLEM_DAMAGED, PROBLEM_FORKED };

	for (size_t i = 0; i < COUNT(passing); i++)
		if (json_number(problem, "code") == passing[i])
			return true;
	return false;
}

static int carried_out(struct approver *a, const struct line_reply *r)
{
	const json_t *problem = json_object_get(r->tree, "problem");
	struct matter *m = NULL;
	int rc;

	for (size_t i = 0; i < a->n && !m; i++)
		if (a->v[i].state == CASE_ASKED && a->v[i].asked == r->id)
			m = &a->v[i];
	if (!m)
		return 0;
	if (problem && passes(problem)) {
		later(a, m, json_text(problem, "text"));
		return 0;
	}
	if (problem)
		say(SAY_WARNING, "%s: %s: %s; nothing was done", name_of(m),
			json_text(problem, "name"), json_text(problem, "text"));
	else if (json_is_true(json_object_get(m->decision, "accept")))
		say(SAY_NOTICE, "%s: %s", name_of(m),
			m->request ? "is offered to who asked for it" : "is accepted");
	else
		say(SAY_NOTICE, "%s: is refused with %s", name_of(m),
			json_text(m->decision, "decline"));
	rc = print(a, m, problem);
	a->answered++;
	forget(a, (size_t)(m - a->v));

	return rc;
}

/* The loop ----------------------------------------------------------------------------------
 */

static size_t running(const struct approver *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->v[i].state == CASE_RUNS;
	return n;
}

static int work(struct approver *a)
{
	uint64_t now = clock_ms();
	size_t runs = running(a);
	int rc = 0;

	for (size_t i = 0; i < a->n && rc == 0; i++) {
		struct matter *m = &a->v[i];

		if (m->state == CASE_LATER && now >= m->until)
			m->state = CASE_NEW;
		if (m->state == CASE_NEW && runs < a->jobs) {
			rc = run(a, m);
			runs += m->state == CASE_RUNS;
		}
		if (m->state == CASE_RUNS) {
			if (now > m->runner.began + a->timeout_ms && !m->runner.killed)
				runner_kill(&m->runner);
			if (runner_ended(&m->runner))
				hear(a, m);
		}
		if (m->state == CASE_DECIDED && a->connected && a->line.under_way < ASK_WINDOW)
			rc = carry_out(a, m);
	}
	return rc;
}

static int connected(struct approver *a)
{
	struct cli *c = a->cli;
	int rc = ask_name(c, &a->self);

	if (rc != 0)
		return rc;
	a->requests_listed = false;
	rc = line_begin(&a->line, c, true);
	a->connected = rc == 0;
	a->pause = AGAIN_MS;
	/* What was under way may or may not be done: it is asked again. */
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].state == CASE_ASKED)
			a->v[i].state = CASE_DECIDED;

	return rc;
}

static void lost(struct approver *a)
{
	if (a->connected)
		line_end(&a->line);
	else
		a->cli->link = ctl_client_free(a->cli->link);
	a->connected = false;
	a->try_at = clock_ms() + a->pause;
	say(SAY_WARNING, "kithd is not there; tries again in %" PRIu64 " s", a->pause / 1000);
	a->pause = a->pause * 2 < AGAIN_MAX ? a->pause * 2 : AGAIN_MAX;
}

/* At most one reply, or a little time. */
static int listen(struct approver *a)
{
	int wait = running(a) > 0 ? LOOK_MS : IDLE_MS;
	struct line_reply r = { 0 };
	int rc;

	if (!a->connected) {
		(void)poll(NULL, 0, wait);
		if (clock_ms() < a->try_at)
			return 0;
		rc = connected(a);
		if (rc < 0)
			return err_up(rc);
		if (rc != 0)
			lost(a);
		return 0;
	}
	rc = line_next(&a->line, wait, &r);
	if (rc == LINE_LOST)
		lost(a);
	if (rc == LINE_QUIET || rc == LINE_LOST)
		return 0;
	if (rc == 0 && (r.id == a->line.moves || r.id == a->line.requests))
		rc = see_all(a, &r);
	else if (rc == 0)
		rc = carried_out(a, &r);
	json_drop(&r.tree);

	return rc;
}

/* With --once: everything that is there was asked about, and what was decided is done. */
static bool done(const struct approver *a)
{
	if (!a->connected || !a->line.listed || !a->requests_listed)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].state != CASE_LATER)
			return false;
	return true;
}

static void end(struct approver *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].state == CASE_RUNS) {
			runner_kill(&a->v[i].runner);
			while (!runner_ended(&a->v[i].runner))
				(void)poll(NULL, 0, 5);
		}
	while (a->n > 0)
		forget(a, a->n - 1);
	free(a->v);
	if (a->connected)
		line_end(&a->line);
}

static int print_end(const struct approver *a)
{
	json_t *line CLEANUP(json_drop) =
		json_pack("{s:I}", "answered", (json_int_t)a->answered);

	return line ? json_line(a->cli, line) : err_new(-ENOMEM);
}

static int options(struct approver *a)
{
	struct cli *c = a->cli;
	uint64_t timeout = 60, retry = 900;

	if (args_need(c, OPT_EXEC) != 0 || cli_number(c, OPT_TIMEOUT, 1, 3600, &timeout) != 0 ||
		cli_number(c, OPT_RETRY, 1, 86400, &retry) != 0 ||
		cli_number(c, OPT_JOBS, 1, JOBS_MAX, &a->jobs) != 0)
		return CLI_USAGE;
	a->program = c->given[OPT_EXEC];
	a->timeout_ms = timeout * 1000;
	a->retry_ms = retry * 1000;
	if (strchr(a->program, '/') && access(a->program, X_OK) != 0)
		return cli_say(CLI_FAILED, "%s cannot be run: %s", a->program, strerror(errno));

	return 0;
}

int verb_move_approver(struct cli *c)
{
	struct approver a = { .cli = c, .jobs = 4, .pause = AGAIN_MS };
	bool once = cli_has(c, OPT_ONCE);
	int rc = options(&a);

	if (rc != 0)
		return rc;
	(void)signal(SIGPIPE, SIG_IGN); /* a program that does not read its question */
	rc = connected(&a);
	if (rc > 0 && !once && !ask_interrupted()) {
		lost(&a);
		rc = 0;
	}
	while (rc == 0 && !ask_interrupted() && !(once && done(&a))) {
		rc = work(&a);
		if (rc == 0)
			rc = listen(&a);
	}
	say(SAY_INFO, "ends: %zu answered", a.answered);
	if (rc == 0 && c->json)
		rc = print_end(&a);
	end(&a);

	return rc;
}
