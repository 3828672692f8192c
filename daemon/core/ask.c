/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Requests of local clients: decoded, taken to their handler, answered. Also what a request's
 * words mean: which record, which peer. (long: the table of handlers, and what all of them use)
 */

#include "daemon/core/ask.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int (*const handlers[])(struct ask *) = {
	[VERB_STATUS] = ask_status,
	[VERB_PEERS] = ask_peers,
	[VERB_PEER_ADD] = ask_peer_add,
	[VERB_CARD] = ask_card,
	[VERB_RECORD_LIST] = ask_record_list,
	[VERB_RECORD_SHOW] = ask_record_show,
	[VERB_TIMELINE] = ask_timeline,
	[VERB_APPEND] = ask_append,
	[VERB_RECORD_NEW] = ask_record_new,
	[VERB_EXPORT] = ask_export,
	[VERB_IMPORT] = ask_import,
	[VERB_MOVE_OFFER] = ask_move_offer,
	[VERB_MOVE_ACCEPT] = ask_move_accept,
	[VERB_MOVE_DECLINE] = ask_move_decline,
	[VERB_MOVE_WITHDRAW] = ask_move_withdraw,
	[VERB_MOVE_LIST] = ask_move_list,
	[VERB_MOVE_SHOW] = ask_move_show,
	[VERB_CIRCLE] = ask_circle,
	[VERB_CUSTODY] = ask_custody,
	[VERB_PEER_REMOVE] = ask_peer_remove,
	[VERB_FOLLOW] = ask_follow,
	[VERB_RELOAD] = ask_reload,
	[VERB_VERIFY] = ask_verify,
	[VERB_AUDIT] = ask_audit,
	[VERB_CIRCLE_ADD] = ask_circle_add,
	[VERB_CIRCLE_REMOVE] = ask_circle_remove,
	[VERB_CIRCLE_GUARDIAN] = ask_circle_guardian,
	[VERB_CUSTODY_ASSUME] = ask_custody_assume,
	[VERB_CUSTODY_RESOLVE] = ask_custody_resolve,
	[VERB_BACKUP_VERIFIED] = ask_backup_verified,
	[VERB_MOVE_REQUEST] = ask_move_request,
	[VERB_MOVE_REQUESTS] = ask_move_requests,
	[VERB_MOVE_REFUSE] = ask_move_refuse,
	[VERB_MOVE_CANCEL] = ask_move_cancel,
	[VERB_CERTIFICATE] = ask_certificate,
	[VERB_MOVE_REPORT] = ask_move_report,
};

int ask_reply(struct step *s, uint64_t client, const struct ctl_reply *r)
{
	struct action a = { .kind = ACTION_REPLY, .client = client, .last = r->last };
	int e;

	if (s->arena->failed) /* one of its texts, most likely */
		return err_new(-ENOMEM);
	e = wire_reply_encode(r, s->arena, &a.bytes);
	/* What peers wrote can be longer than any list was thought to be. */
	if (!e && a.bytes.len > CONTROL_FRAME_MAX)
		e = wire_reply_encode(
			&(struct ctl_reply){ .id = r->id,
				.last = r->last,
				.problem = PROBLEM_TOO_LARGE,
				.problem_text = "the answer is larger than a reply can be" },
			s->arena, &a.bytes);
	return e ? err_odd(e) : node_act(s, &a);
}

int ask_more(struct ask *a)
{
	int r;

	a->reply.id = a->q.id;
	r = ask_reply(a->s, a->s->event->client, &a->reply);
	a->reply = (struct ctl_reply){ 0 };
	return r ? err_up(r) : 0;
}

int ask_problem(struct ask *a, enum problem problem, const char *fmt, ...)
{
	char words[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	node_text_mend(words);
	a->text = arena_text(a->s->arena, "%s", words);
	return a->text ? (int)problem : err_new(-ENOMEM);
}

/* What makes a store smaller must be possible when it is full. */
static bool needs_room(uint32_t verb)
{
	return verb_changes(verb) && verb != VERB_PEER_REMOVE && verb != VERB_RELOAD;
}

static bool is_custody(uint32_t verb)
{
	return verb == VERB_MOVE_OFFER || verb == VERB_MOVE_ACCEPT ||
	       verb == VERB_MOVE_DECLINE || verb == VERB_MOVE_WITHDRAW ||
	       verb == VERB_CUSTODY_ASSUME || verb == VERB_CUSTODY_RESOLVE;
}

static int handle(struct ask *a)
{
	static const struct host_figures none;
	const struct host_figures *f = a->s->event->figures;
	const struct node *n = a->s->node;
	uint32_t verb = a->q.verb;

	if (verb >= COUNT(handlers) || !handlers[verb])
		return ask_problem(a, PROBLEM_VERB, "verb %u is not known here", verb);
	if (!f)
		f = &none;
	if (needs_room(verb) && (is_custody(verb) ? n->disk_out : n->disk_full))
		return ask_problem(a, PROBLEM_DISK_FULL,
			"the store is nearly full (%llu of %llu MiB used, %llu MiB free on the "
			"disk)",
			(unsigned long long)f->store_bytes >> 20,
			(unsigned long long)f->store_map_bytes >> 20,
			(unsigned long long)f->disk_free_bytes >> 20);
	return handlers[verb](a);
}

/* Who asks and why goes into bodies, beside entries that were measured. */
#define WORD_MAX 1000

static int check_words(struct ask *a)
{
	const struct ctl_request *q = &a->q;

	if (q->worker.len <= WORD_MAX && q->role.len <= WORD_MAX && q->purpose.len <= WORD_MAX)
		return 0;
	return ask_problem(a, PROBLEM_TOO_LARGE,
		"worker, role and purpose have at most %d bytes each", WORD_MAX);
}

int ask_step(struct step *s)
{
	struct ask a = { .s = s };
	int r;

	r = wire_request_decode(s->event->bytes, s->arena, &a.q);
	if (r < 0)
		return err_up(r);
	r = r ? ask_problem(&a, PROBLEM_MALFORMED, "the request cannot be read")
	      : check_words(&a);
	if (r == 0)
		r = ask_may(&a);
	if (r == 0)
		r = handle(&a);
	if (r >= 0) {
		const int noted = audit_note(&a, r);

		if (noted < 0)
			return err_up(noted);
	}
	if (r < 0)
		return err_up(r);
	if (r == 0 && a.open)
		return 0;
	if (r) {
		a.reply = (struct ctl_reply){ .problem = (enum problem)r,
			.problem_text = a.text ? a.text : problem_cause((enum problem)r) };
	}
	a.reply.id = a.q.id;
	a.reply.last = true;
	return ask_reply(s, s->event->client, &a.reply);
}

/* Text ---------------------------------------------------------------------------------------
 */

const char *text_of_id(struct arena *a, const struct id *id)
{
	char hex[ID_TEXT_LEN];

	return arena_text(a, "%s", id_text(id, hex));
}

const char *text_of_span(struct arena *a, struct span s)
{
	return s.len ? (const char *)arena_copy(a, s.at, s.len) : NULL;
}

const char *text_of_date(struct arena *a, struct date d)
{
	static const enum care_precision of[] = {
		[DATE_UNKNOWN] = CARE_DATE_UNKNOWN,
		[DATE_YEAR] = CARE_DATE_YEAR,
		[DATE_MONTH] = CARE_DATE_MONTH,
		[DATE_DAY] = CARE_DATE_DAY,
	};
	char text[CARE_DATE_TEXT];

	return arena_text(
		a, "%s", care_date_iso((struct care_date){ d.day, of[d.precision] }, text));
}

const char *text_of_region(struct step *s, const struct id *region)
{
	char name[NAME_TEXT_MAX];

	if (node_region_name(s, region, name))
		return NULL;
	return arena_text(s->arena, "%s", name);
}

const char *text_of_regions(struct step *s, const struct id *v, size_t n)
{
	const char *text = "";

	for (size_t i = 0; i < n && text; i++) {
		const char *name = text_of_region(s, &v[i]);

		text = name ? arena_text(s->arena, "%s%s%s", text, i ? ", " : "", name) : NULL;
	}
	return text;
}

/* What is meant ------------------------------------------------------------------------------
 */

bool text_hex_range(struct span text, struct id *low, struct id *high)
{
	char padded[ID_TEXT_LEN];

	if (text.len == 2 * ID_LEN && hex_parse((const char *)text.at, text.len, low, ID_LEN)) {
		*high = *low;
		return true;
	}
	if (text.len < 6 || text.len > 2 * ID_LEN)
		return false;
	memset(padded, '0', 2 * ID_LEN);
	padded[2 * ID_LEN] = '\0';
	memcpy(padded, text.at, text.len);
	if (!id_parse(padded, low))
		return false;
	memset(padded, 'f', 2 * ID_LEN);
	memcpy(padded, text.at, text.len);
	return id_parse(padded, high);
}

static int find_by_hex(
	struct ask *a, const struct id *low, const struct id *high, struct id *ret)
{
	struct record_row row;
	struct scan scan;
	int r;

	if (id_equal(low, high)) { /* all of its digits */
		*ret = *low;
		r = record_get(a->s->view, low, &row);
		return r < 0 ? err_up(r) : r ? PROBLEM_RECORD_UNKNOWN : 0;
	}
	scan_init(&scan, TABLE_RECORD, (struct span){ 0 });
	scan_from(&scan, SPAN_OF(*low));
	r = scan_next(&scan, a->s->view);
	if (r < 0)
		return err_up(r);
	if (r == ROW_NONE || memcmp(scan.key, high->b, ID_LEN) > 0)
		return PROBLEM_RECORD_UNKNOWN;
	memcpy(ret->b, scan.key, ID_LEN);
	r = scan_next(&scan, a->s->view);
	if (r < 0)
		return err_up(r);
	return r == 0 && memcmp(scan.key, high->b, ID_LEN) <= 0 ? PROBLEM_RECORD_MANY : 0;
}

int ask_record(struct ask *a, struct id *ret)
{
	struct span text = a->q.record;
	const uint8_t *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
	struct id low, high;
	int r;

	if (!text.len)
		return ask_problem(a, PROBLEM_ARGUMENT, "which record? none was named");
	if (slash && !ask_sees_contents(a))
		return ask_problem(a, PROBLEM_NEEDS_CARE,
			"who is in kith-operator only names records by their ids, not by a "
			"council's ids of children");
	if (slash) {
		struct span authority = { text.at, (size_t)(slash - text.at) };
		struct span child = { slash + 1, text.len - authority.len - 1 };

		r = token_find(a->s, authority, child, ret);
		if (r == ROW_NONE)
			r = PROBLEM_RECORD_UNKNOWN;
	} else if (text_hex_range(text, &low, &high)) {
		r = find_by_hex(a, &low, &high, ret);
	} else {
		return ask_problem(a, PROBLEM_ARGUMENT,
			"'%.*s' is neither 6 to 32 hex digits nor AUTHORITY/CHILD",
			(int)(text.len > 80 ? 80 : text.len), (const char *)text.at);
	}
	if (r == 0)
		a->record = *ret;
	if (r <= 0)
		return r ? err_up(r) : 0;
	return ask_problem(a, (enum problem)r,
		r == PROBLEM_RECORD_MANY ? "'%.*s' is the beginning of several records"
					 : "no record '%.*s' is held here",
		(int)(text.len > 80 ? 80 : text.len), (const char *)text.at);
}

int ask_peer(struct ask *a, struct id *ret)
{
	struct node *n = a->s->node;
	struct span text = a->q.peer;
	struct id low, high;
	bool hex = text_hex_range(text, &low, &high);

	for (size_t i = 0; i < n->n_peers; i++) {
		const struct peer *p = n->peers[i];

		if (span_is(text, p->name) || (hex && id_order(&p->region, &low) >= 0 &&
						      id_order(&p->region, &high) <= 0)) {
			*ret = p->region;
			return 0;
		}
	}
	return ask_problem(a, PROBLEM_PEER_UNKNOWN, "no peer is called '%.*s'",
		(int)(text.len > 80 ? 80 : text.len), (const char *)text.at);
}

/* The region and its peers
 * ---------------------------------------------------------------------- */

static const char *state_words(const struct step *s)
{
	const struct node *n = s->node;
	uint64_t parked = 0;

	for (size_t i = 0; i < n->n_peers; i++)
		parked += n->peers[i]->parked;

	if (n->disk_full)
		return "disk full: refuses new work";
	if (n->stopped)
		return "two machines write as this region: stop one; see journalctl -x -u "
		       "kithd";
	if (n->forks)
		return "running; a chain is forked";
	if (parked)
		return "running; what is beyond a quota is parked: kithctl peers";
	return n->link_ready ? "running" : "running; kith-link is not connected";
}

static int add_up_peers(struct step *s, struct ctl_status *st)
{
	for (size_t i = 0; i < s->node->n_peers; i++) {
		const struct peer *p = s->node->peers[i];
		uint64_t unsent, age;
		int r = feed_oldest(s, &p->region, &unsent, &age);

		if (r)
			return err_up(r);
		st->peers_live += p->state == PEER_LIVE;
		st->wants += p->wants;
		if (p->wants_since_ms &&
			(!st->wants_since_ms || p->wants_since_ms < st->wants_since_ms))
			st->wants_since_ms = p->wants_since_ms;
		if (age > st->oldest_unreplicated_ms)
			st->oldest_unreplicated_ms = age;
	}
	return 0;
}

static void copy_figures(const struct host_figures *f, struct ctl_status *st)
{
	st->store_format = f->store_format;
	st->store_bytes = f->store_bytes;
	st->store_map_bytes = f->store_map_bytes;
	st->disk_free_bytes = f->disk_free_bytes;
	st->commits = f->commits;
	st->flushes = f->flushes;
}

int ask_status(struct ask *a)
{
	struct step *s = a->s;
	struct node *n = s->node;
	const struct host_figures *f = s->event->figures;
	const struct crypto_counts *c = crypto_counts(s->crypto);
	struct ctl_status *st = arena_alloc(s->arena, sizeof(*st));
	const struct waiting *waiting;
	struct counts counts;
	int r = node_counts(s, 0, 0, &counts);

	if (r || !st)
		return r ? err_up(r) : err_new(-ENOMEM);
	*st = (struct ctl_status){ .region = text_of_id(s->arena, &n->region),
		.name = n->name,
		.incarnation = text_of_id(s->arena, &n->incarnation),
		.incarnation_number = n->incarnation_number,
		.version = n->options.software,
		.started_ms = n->options.started_ms,
		.now_ms = s->event->wall_ms,
		.records = counts.records,
		.custodian_of = counts.custodian_of,
		.changes = n->log_next - 1,
		.peers = n->n_peers,
		.state = state_words(s),
		.link = n->link_ready ? "connected" : "absent",
		.listening = n->listening[0] ? n->listening : NULL,
		.verifications = c->verifies,
		.signatures = c->signs,
		.forks = n->forks,
		.forks_since_ms = n->forks_since_ms,
		.link_since_ms = n->link_since_ms,
		.full_since_ms = n->full_since_ms,
		.bytes_in = n->bytes_in,
		.bytes_out = n->bytes_out,
		.wire_min = WIRE_OLDEST,
		.wire_max = node_wire_max(n) };
	if (f)
		copy_figures(f, st);
	if (n->n_forkers)
		st->forked_by = text_of_regions(s, n->forkers, n->n_forkers);
	r = n->n_forkers && !st->forked_by ? err_new(-ENOMEM) : add_up_peers(s, st);
	if (r)
		return err_up(r);
	r = handover_count(s, &waiting);
	if (!r)
		r = requests_waiting(s, &st->requests_in, &st->requests_out);
	st->emergencies = s->node->emergencies;
	st->moves_waiting = waiting->moves;
	st->moves_warning = waiting->warned;
	st->moves_alarm = waiting->alarmed;
	if (waiting->moves && waiting->since_ms < s->event->wall_ms)
		st->move_oldest_ms = s->event->wall_ms - waiting->since_ms;
	a->reply.status = st;
	return r ? err_up(r) : 0;
}

int ask_peers(struct ask *a)
{
	static const char *const states[] = {
		[PEER_DOWN] = "down",
		[PEER_DIALLING] = "dialling",
		[PEER_GREETING] = "greeting",
		[PEER_LIVE] = "live",
	};
	struct node *n = a->s->node;
	struct arena *arena = a->s->arena;

	a->reply.peers = arena_array(arena, n->n_peers + 1, sizeof(*a->reply.peers));
	if (!a->reply.peers)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n->n_peers; i++) {
		const struct peer *p = n->peers[i];
		struct ctl_peer *v = &a->reply.peers[i];
		char text[FINGERPRINT_TEXT_LEN];
		int r;

		*v = (struct ctl_peer){ .region = text_of_id(arena, &p->region),
			.name = p->name,
			.state = states[p->state],
			.endpoint = p->endpoint[0] ? p->endpoint : NULL,
			.fingerprint = arena_text(
				arena, "%s", fingerprint_text(&p->fingerprint, text)),
			.problem = p->problem[0] ? p->problem : NULL,
			.problem_ms = p->problem[0] ? p->problem_ms : 0,
			.software = p->software[0] ? p->software : NULL,
			.last_heard_ms = p->last_heard_ms,
			.wants = p->wants,
			.wants_since_ms = p->wants_since_ms,
			.since_ms = p->since_ms,
			.wire_min = p->wire_min,
			.wire_max = p->wire_max,
			.has_clock_skew = p->has_skew,
			.clock_skew_ms = p->skew_ms,
			.dialled = p->we_dial,
			.parked = p->parked,
			.offences = p->offences,
			.quota = n->quota_peer };
		if (p->shut_until > a->s->event->now)
			v->shut_ms = p->shut_until - a->s->event->now;
		r = quota_used(a->s, &p->region, &v->held);
		if (!r)
			r = feed_oldest(
				a->s, &p->region, &v->unsent, &v->oldest_unreplicated_ms);
		if (r)
			return err_up(r);
	}
	a->reply.n_peers = n->n_peers;
	return 0;
}

/* Everything that it shares with us already, before it was introduced. */
static int backfill_all(struct step *s, const struct id *region)
{
	struct scan scan;
	int r;

	scan_init(&scan, TABLE_SHARE, SPAN_OF(*region));
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct id record;

		memcpy(record.b, scan.key + ID_LEN, ID_LEN);
		r = feed_backfill(s, region, &record);
		if (r)
			return err_up(r);
	}
	return r < 0 ? err_up(r) : 0;
}

static int add_peer(struct ask *a, const struct checked_card *c)
{
	struct step *s = a->s;
	struct peer_row row;
	struct peer *p;
	int r = peer_row_get(s->view, &c->region, &row);
	bool fresh = r == ROW_NONE;

	if (r < 0)
		return err_up(r);
	if (fresh) {
		r = forget_resume(s, &c->region, &row);
		if (r)
			return err_up(r);
	}
	if (a->q.peer_endpoint.len >= ENDPOINT_MAX)
		return ask_problem(a, PROBLEM_ARGUMENT, "the endpoint is too long");
	if (a->q.peer_endpoint.len && !endpoint_allowed(a->q.peer_endpoint))
		return ask_problem(a, PROBLEM_ARGUMENT,
			"an endpoint has the form tcp://host:port, in printable characters");
	if (a->q.peer_endpoint.len) {
		memset(row.endpoint, 0, sizeof(row.endpoint));
		memcpy(row.endpoint, a->q.peer_endpoint.at, a->q.peer_endpoint.len);
	}
	p = peer_find(s->node, &c->region);
	if (p) {
		row.feed_next = p->row.feed_next;
		row.feed_acked = p->row.feed_acked;
	}
	r = peer_row_put(s->view, &c->region, &row);
	if (!r)
		r = peer_load(s, &c->region);
	if (!r && fresh)
		r = backfill_all(s, &c->region);
	if (!r)
		r = peer_announce(s);
	p = peer_find(s->node, &c->region);
	if (!r && p)
		r = peer_tick(s, p);
	if (!r)
		r = node_tell(s, &(struct tell){ .verb = TELL_ADDS_PEER, .peer = c->region });
	return r ? err_odd(r) : 0;
}

int ask_peer_add(struct ask *a)
{
	struct step *s = a->s;
	struct checked_card c;
	struct why why;
	enum card_news news;
	bool pending;
	int r = card_check(s->crypto, a->q.bundle, s->arena, &c, &why);

	if (r < 0)
		return err_up(r);
	if (r)
		return ask_problem(a, PROBLEM_PEER_CARD, "%s", why.text);
	if (id_equal(&c.region, &s->node->region))
		return ask_problem(a, PROBLEM_SELF, "%s is this region", c.card.name);
	if (!peer_find(s->node, &c.region) && s->node->n_peers == PEERS_MAX)
		return ask_problem(
			a, PROBLEM_ARGUMENT, "there are %d peers already", PEERS_MAX);
	for (size_t i = 0; i < s->node->n_peers; i++)
		if (strcmp(s->node->peers[i]->name, c.card.name) == 0 &&
			!id_equal(&s->node->peers[i]->region, &c.region))
			return ask_problem(a, PROBLEM_PEER_CARD,
				"another peer is called %s already: names must differ",
				c.card.name);
	a->reply.has_made = true;
	a->reply.made_dry_run = a->q.dry_run;
	r = forget_pending(s->view, &c.region, &pending);
	if (r)
		return err_up(r);
	if (pending) {
		a->reply = (struct ctl_reply){ 0 };
		return ask_problem(a, PROBLEM_BUSY,
			"what was kept for %s before is still being cleared away: ask again "
			"in a moment",
			c.card.name);
	}
	if (a->q.dry_run)
		return 0;
	r = region_keep(s, a->q.bundle, &c, &news);
	if (r)
		return r < 0 ? err_up(r)
			     : ask_problem(a, PROBLEM_PEER_CARD,
				       "another card of this version is held already");
	return add_peer(a, &c);
}

/* How many records are shared with a region, and how many of them are on offer between us. */
static int count_shared(
	struct step *s, const struct id *region, uint64_t *ret, uint64_t *ret_on)
{
	struct scan scan;
	int r;

	*ret = *ret_on = 0;
	scan_init(&scan, TABLE_SHARE, SPAN_OF(*region));
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct record_row row;
		struct id record;

		memcpy(record.b, scan.key + ID_LEN, ID_LEN);
		r = record_get(s->view, &record, &row);
		if (r < 0)
			return err_up(r);
		*ret += 1;
		*ret_on += row.offer_open && (id_equal(&row.offer_to, region) ||
						     id_equal(&row.custodian, region));
	}
	return r < 0 ? err_up(r) : 0;
}

int ask_peer_remove(struct ask *a)
{
	struct step *s = a->s;
	uint64_t shared, on_offer;
	struct id region;
	int r = ask_peer(a, &region);

	if (r)
		return r;
	r = count_shared(s, &region, &shared, &on_offer);
	if (r)
		return err_up(r);
	a->reply.has_made = true;
	a->reply.made_dry_run = a->q.dry_run;
	a->reply.made_records = shared;
	a->reply.made_text = arena_text(s->arena,
		"%s shares %llu record%s with this region and stays in their circles; "
		"%llu of them on offer",
		text_of_region(s, &region), (unsigned long long)shared, shared == 1 ? "" : "s",
		(unsigned long long)on_offer);
	return a->q.dry_run ? 0 : forget_begin(s, peer_find(s->node, &region));
}

/* The host does it and replies. */
static int hand_over(struct ask *a, enum host_task task)
{
	a->open = true;
	return node_act(a->s, &(struct action){ .kind = ACTION_HOST,
				      .client = a->s->event->client,
				      .task = task,
				      .request = a->q.id,
				      .dry_run = a->q.dry_run });
}

int ask_reload(struct ask *a)
{
	return hand_over(a, HOST_RELOAD);
}

int ask_verify(struct ask *a)
{
	return hand_over(a, HOST_VERIFY);
}

int ask_card(struct ask *a)
{
	int r = region_bundle(a->s->view, a->s->arena, &a->reply.data);

	return r ? err_odd(r) : 0;
}
