/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Requests: a region asks the one that it believes to be custodian for a record (P7.11). A row
 * on both sides until the answer was heard; what is under way is said again in each session, a
 * few at a time. The first answer is the same whether such a record exists or not: nothing here
 * looks before a person does.
 */

#include "daemon/core/request.h"

#include <errno.h>
#include <string.h>

#define FLYING_MAX 8 /* said and not answered, to one peer */

static int put(struct step *s, const struct id *peer, enum request_way way,
	const struct id *request, const struct request_row *row)
{
	int r = request_put(s->view, peer, way, request, row);

	return r ? err_odd(r) : requests_tell(s, peer, way, request, row);
}

static int drop(struct step *s, struct peer *p, enum request_way way, const struct id *request,
	const struct request_row *row)
{
	struct request_row gone = *row;
	int r = request_del(s->view, &p->region, way, request);

	if (r)
		return err_odd(r);
	if (p->requests[way])
		p->requests[way]--;
	gone.state = REQUEST_GONE;
	return requests_tell(s, &p->region, way, request, &gone);
}

int request_new(struct step *s, struct peer *p, const struct request_row *row, struct id *ret)
{
	struct message m;
	int r = crypto_random(s->crypto, ret->b, ID_LEN);

	if (!r)
		r = put(s, &p->region, REQUEST_OURS, ret, row);
	if (!r)
		r = node_tell(s, &(struct tell){ .verb = TELL_ASKS, .peer = p->region });
	if (r)
		return err_odd(r);
	p->requests[REQUEST_OURS]++;
	if (p->state != PEER_LIVE || p->requests_due)
		return 0; /* it is said in its turn */
	request_message(row, ret, &m);
	p->flying++;
	return peer_send(s, p, &m);
}

void request_message(
	const struct request_row *row, const struct id *request, struct message *ret)
{
	*ret = (struct message){ .kind = MSG_ASK,
		.ask = { .id = *request,
			.has_record = row->has_record,
			.cancel = row->state == REQUEST_CANCELLED,
			.record = row->record,
			.authority = row->authority,
			.child = row->child,
			.purpose = row->purpose,
			.worker = row->worker } };
}

static int say_answer(struct step *s, struct peer *p, const struct id *request,
	enum answer_state state, const struct request_row *row)
{
	struct message m = { .kind = MSG_ANSWER, .answer = { .id = *request, .state = state } };

	if (row && state == ANSWER_REFUSED) {
		m.answer.code = row->code;
		m.answer.text = row->text;
	}
	return peer_send(s, p, &m);
}

int request_answer(struct step *s, const struct id *peer, const struct id *request,
	struct request_row *row)
{
	struct peer *p = peer_find(s->node, peer);
	int r;

	row->answered_ms = s->event->wall_ms;
	r = put(s, peer, REQUEST_THEIRS, request, row);
	if (!r)
		r = node_tell(s, &(struct tell){ .verb = TELL_ANSWERS,
					 .peer = *peer,
					 .text = row->state == REQUEST_OFFERED ? "offered"
									       : "refused" });
	if (r || !p || p->state != PEER_LIVE || p->requests_due)
		return r ? err_up(r) : 0;
	p->flying++;
	return say_answer(s, p, request,
		row->state == REQUEST_OFFERED ? ANSWER_OFFERED : ANSWER_REFUSED, row);
}

/* Sending, in turn ---------------------------------------------------------------------------
 */

static int say_one(struct step *s, struct peer *p, enum request_way way,
	const struct id *request, const struct request_row *row)
{
	struct message m;

	if (way == REQUEST_THEIRS) {
		if (row->state == REQUEST_NOTED)
			return 0; /* our people have not answered yet */
		p->flying++;
		return say_answer(s, p, request,
			row->state == REQUEST_OFFERED ? ANSWER_OFFERED : ANSWER_REFUSED, row);
	}
	if (row->state != REQUEST_WAITING && row->state != REQUEST_CANCELLED)
		return 0;
	request_message(row, request, &m);
	p->flying++;
	return peer_send(s, p, &m);
}

void requests_begin(struct peer *p)
{
	p->requests_due = p->requests[REQUEST_OURS] || p->requests[REQUEST_THEIRS];
	memset(p->requests_after, 0, sizeof(p->requests_after));
	p->flying = 0;
}

int requests_pump(struct step *s, struct peer *p)
{
	struct scan scan;

	if (p->state != PEER_LIVE || !p->requests_due || p->flying >= FLYING_MAX)
		return 0;
	scan_init(&scan, TABLE_DRAFT, SPAN_OF(p->region));
	if (p->requests_after[0])
		scan_from(&scan, (struct span){ p->requests_after + 1, REQUEST_KEY + 1 });
	while (p->flying < FLYING_MAX) {
		struct request_row row;
		enum request_way way;
		struct id peer, request;
		int r = scan_next(&scan, s->view);

		if (r == ROW_NONE)
			p->requests_due = false;
		if (r)
			return r == ROW_NONE ? 0 : err_up(r);
		if (!request_row_read(scan_key(&scan), scan.value, &peer, &way, &request, &row))
			return err_new(-EUCLEAN);
		/* Behind this one: its key and a zero byte. */
		p->requests_after[0] = 1;
		memcpy(p->requests_after + 1, scan.key, REQUEST_KEY);
		r = say_one(s, p, way, &request, &row);
		if (r)
			return err_up(r);
	}
	return 0;
}

/* What comes ---------------------------------------------------------------------------------
 */

/* A request is by record id, or by authority and CHILD id. */
static bool names_one(const struct message *m)
{
	const bool alias = m->ask.authority.len && m->ask.child.len;

	if (m->ask.cancel)
		return true;
	return m->ask.purpose.len && m->ask.worker.len && m->ask.has_record != alias &&
	       (alias || (!m->ask.authority.len && !m->ask.child.len));
}

static int take_new(struct step *s, struct peer *p, const struct message *m)
{
	const struct request_row row = { .state = REQUEST_NOTED,
		.has_record = m->ask.has_record,
		.record = m->ask.record,
		.authority = m->ask.authority,
		.child = m->ask.child,
		.purpose = m->ask.purpose,
		.worker = m->ask.worker,
		.since_ms = s->event->wall_ms };
	int r;

	if (p->requests[REQUEST_THEIRS] >= REQUESTS_MAX || s->node->disk_full)
		return say_answer(s, p, &m->ask.id, ANSWER_FULL, NULL);
	r = put(s, &p->region, REQUEST_THEIRS, &m->ask.id, &row);
	if (!r)
		r = node_tell(s, &(struct tell){ .verb = TELL_IS_ASKED, .peer = p->region });
	if (r)
		return err_up(r);
	p->requests[REQUEST_THEIRS]++;
	return say_answer(s, p, &m->ask.id, ANSWER_NOTED, NULL);
}

int request_asked(struct step *s, struct peer *p, const struct message *m)
{
	struct request_row row;
	int r;

	if (!names_one(m))
		return peer_refuse(s, p, NULL, VERDICT_MESSAGE_MALFORMED, true);
	if (++p->asked_in_turn > ASKED_IN_TURN)
		return peer_refuse(s, p, NULL, VERDICT_TOO_OFTEN, true);
	r = request_get(s, &p->region, REQUEST_THEIRS, &m->ask.id, &row);
	if (r < 0)
		return err_up(r);
	if (m->ask.cancel) {
		if (r == 0)
			r = drop(s, p, REQUEST_THEIRS, &m->ask.id, &row);
		return r < 0 ? err_up(r) : say_answer(s, p, &m->ask.id, ANSWER_CANCELLED, NULL);
	}
	if (r == ROW_NONE)
		return take_new(s, p, m);
	if (row.state == REQUEST_NOTED)
		return say_answer(s, p, &m->ask.id, ANSWER_NOTED, NULL);
	return say_answer(s, p, &m->ask.id,
		row.state == REQUEST_OFFERED ? ANSWER_OFFERED : ANSWER_REFUSED, &row);
}

static int take_last(
	struct step *s, struct peer *p, const struct message *m, struct request_row *row)
{
	struct message heard = { .kind = MSG_HEARD, .heard = { m->answer.id } };
	const bool offered = m->answer.state == ANSWER_OFFERED;
	int r;

	row->state = offered ? REQUEST_OFFERED : REQUEST_REFUSED;
	row->code = m->answer.code;
	row->text = m->answer.text;
	row->answered_ms = s->event->wall_ms;
	r = put(s, &p->region, REQUEST_OURS, &m->answer.id, row);
	if (!r)
		r = node_tell(s, &(struct tell){ .verb = TELL_IS_ANSWERED,
					 .peer = p->region,
					 .text = offered ? "offered" : "refused" });
	return r ? err_up(r) : peer_send(s, p, &heard);
}

int request_answered(struct step *s, struct peer *p, const struct message *m)
{
	struct message heard = { .kind = MSG_HEARD, .heard = { m->answer.id } };
	struct request_row row;
	int r = request_get(s, &p->region, REQUEST_OURS, &m->answer.id, &row);

	if (p->flying)
		p->flying--;
	if (r < 0)
		return err_up(r);
	switch (m->answer.state) {
	case ANSWER_NOTED:
		if (r == ROW_NONE || row.state != REQUEST_WAITING)
			return 0;
		row.state = REQUEST_NOTED;
		return put(s, &p->region, REQUEST_OURS, &m->answer.id, &row);
	case ANSWER_REFUSED:
	case ANSWER_OFFERED:
		/* Put away here already: the other side need not keep it. */
		if (r == ROW_NONE || row.state == REQUEST_REFUSED ||
			row.state == REQUEST_OFFERED)
			return peer_send(s, p, &heard);
		return take_last(s, p, m, &row);
	case ANSWER_CANCELLED:
		return r == 0 && row.state == REQUEST_CANCELLED
			       ? drop(s, p, REQUEST_OURS, &m->answer.id, &row)
			       : 0;
	case ANSWER_FULL:
		return 0; /* in the next session again */
	}
	return 0;
}

int request_heard(struct step *s, struct peer *p, const struct message *m)
{
	struct request_row row;
	int r = request_get(s, &p->region, REQUEST_THEIRS, &m->heard.id, &row);

	if (p->flying)
		p->flying--;
	if (r || row.state == REQUEST_NOTED)
		return r < 0 ? err_up(r) : 0;
	return drop(s, p, REQUEST_THEIRS, &m->heard.id, &row);
}

/* What our people do -------------------------------------------------------------------------
 */

int request_cancel(struct step *s, const struct id *peer, const struct id *request,
	struct request_row *row)
{
	struct peer *p = peer_find(s->node, peer);
	struct message m;
	int r;

	if (!p)
		return err_new(-EUCLEAN);
	/* Answered, or never said: nobody else needs to know. */
	if (row->state == REQUEST_REFUSED || row->state == REQUEST_OFFERED)
		return drop(s, p, REQUEST_OURS, request, row);
	row->state = REQUEST_CANCELLED;
	r = put(s, peer, REQUEST_OURS, request, row);
	if (r || p->state != PEER_LIVE || p->requests_due)
		return r ? err_up(r) : 0;
	request_message(row, request, &m);
	p->flying++;
	return peer_send(s, p, &m);
}

static int is_about(
	struct step *s, const struct request_row *row, const struct id *record, bool *ret)
{
	struct id found;
	int r;

	if (row->has_record) {
		*ret = id_equal(&row->record, record);
		return 0;
	}
	r = token_find(s, row->authority, row->child, &found);
	*ret = r == 0 && id_equal(&found, record);
	return r < 0 ? err_up(r) : 0;
}

int requests_offered(struct step *s, const struct id *to, const struct id *record)
{
	const struct peer *p = peer_find(s->node, to);
	struct scan scan;
	int r;

	if (!p || !p->requests[REQUEST_THEIRS])
		return 0;
	scan_init(&scan, TABLE_DRAFT, SPAN_OF(*to));
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct request_row row;
		enum request_way way;
		struct id peer, request;
		bool about;

		if (!request_row_copy(
			    s->arena, scan_key(&scan), scan.value, &peer, &way, &request, &row))
			return err_new(s->arena->failed ? -ENOMEM : -EUCLEAN);
		if (way != REQUEST_THEIRS || row.state != REQUEST_NOTED)
			continue;
		r = is_about(s, &row, record, &about);
		if (r)
			return err_up(r);
		if (!about)
			continue;
		row.state = REQUEST_OFFERED;
		r = request_answer(s, to, &request, &row);
		if (r)
			return err_up(r);
	}
	return r < 0 ? err_up(r) : 0;
}

int requests_count(struct step *s, struct peer *p)
{
	struct scan scan;
	int r;

	p->requests[REQUEST_OURS] = p->requests[REQUEST_THEIRS] = 0;
	scan_init(&scan, TABLE_DRAFT, SPAN_OF(p->region));
	while ((r = scan_next(&scan, s->view)) == 0) {
		if (scan.key_len != REQUEST_KEY)
			return err_new(-EUCLEAN);
		p->requests[scan.key[ID_LEN] == REQUEST_OURS ? REQUEST_OURS : REQUEST_THEIRS]++;
	}
	return r < 0 ? err_up(r) : 0;
}
