/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sync (P7.6 to P7.10): wants, the questions, and taking what the answers bring. A want is a
 * row: it outlives crashes, and the next question begins where the store stands.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define GET_FIRST    ((uint64_t)256 * 1024)      /* most records are smaller */
#define GET_NEXT     ((uint64_t)384 * 1024)      /* of a large one: two messages, */
#define GETS_AHEAD   8                           /* asked for so many times ahead */
#define GETS_BYTES   ((uint64_t)4 * 1024 * 1024) /* asked for and not come, of one peer */
#define HAVES_MAX    1024
#define MESSAGE_COST 4096 /* a small message is charged as much */

/* Asking ----------------------------------------------------------------------------------- */

int sync_want(struct step *s, struct peer *p, const struct id *record)
{
	struct want_row want = { .since_ms = s->event->wall_ms };
	struct record_row row;
	int r = want_get(s->view, &p->region, record, &want);

	if (r != ROW_NONE)
		return r;
	r = want_put(s->view, &p->region, record, &want);
	if (r)
		return err_odd(r);
	if (p->wants++ == 0)
		p->wants_since_ms = s->event->wall_ms;
	r = record_get(s->view, record, &row);
	if (r < 0)
		return err_up(r);
	if (r == 0 && !row.wanted) {
		row.wanted = true;
		r = record_put(s->view, record, &row);
		if (r)
			return err_odd(r);
	}
	return node_tell(
		s, &(struct tell){ .verb = TELL_WANTS, .peer = p->region, .record = *record });
}

static struct get_slot *free_slot(struct peer *p)
{
	for (size_t i = 0; i < GETS_MAX; i++)
		if (!p->gets[i].busy)
			return &p->gets[i];
	return NULL;
}

/* What this peer was asked for. With what an answer may be larger than its budget, by less than
 * a frame, that is what may come. */
static uint64_t under_way(const struct peer *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < GETS_MAX; i++) {
		const struct get_slot *slot = &p->gets[i];
		const uint64_t over = (uint64_t)slot->asked * FRAME_MAX;

		sum += slot->busy && slot->owed > over ? slot->owed - over : 0;
	}
	return sum;
}

static bool being_asked(const struct peer *p, const struct id *record)
{
	for (size_t i = 0; i < GETS_MAX; i++)
		if (p->gets[i].busy && id_equal(&p->gets[i].record, record))
			return true;
	return false;
}

static int add_have(
	struct step *s, struct message *m, size_t *room, const struct place *at, bool no_more)
{
	struct place *grown =
		arena_grow(s->arena, m->get.have, m->get.n_have, room, sizeof(*grown));

	if (!grown)
		return err_new(-ENOMEM);
	m->get.have = grown;
	grown[m->get.n_have] = *at;
	if (no_more)
		grown[m->get.n_have].seq = UINT64_MAX;
	m->get.n_have++;
	return 0;
}

/* Whose account is full begins no further chain (P7.12): of none of its incarnations. */
static int have_full(struct step *s, const struct peer *p, const struct id *record,
	const struct affairs *a, struct message *m, size_t *room)
{
	for (size_t i = 0; i < a->n_members; i++) {
		const struct id *region = &a->members[i].row.region;
		struct checked_card card;
		int r = quota_room(s, record, region, &(struct chain_row){ 0 }, &p->region);

		if (r == 0)
			continue;
		if (r == CHAIN_E_QUOTA)
			r = region_card(s, region, &card);
		if (r < 0)
			return err_up(r);
		for (size_t k = 0; !r && k < card.incarnations.n; k++) {
			struct place at = { *region, card.incarnations.v[k].id, 0 };

			r = add_have(s, m, room, &at, true);
			if (r)
				return err_up(r);
		}
	}
	return 0;
}

/* A chain may be proved forked before any of it is here, by its path. */
static int have_forks(struct step *s, const struct id *record, struct message *m, size_t *room)
{
	struct scan scan;
	int r;

	if (!s->node->forks)
		return 0;
	scan_init(&scan, TABLE_FORK, SPAN_OF(*record));
	while ((r = scan_next(&scan, s->view)) == 0) {
		struct place at = { 0 };

		if (scan.key_len != CHAIN_PREFIX)
			return err_new(-EUCLEAN);
		memcpy(at.author.b, scan.key + ID_LEN, ID_LEN);
		memcpy(at.incarnation.b, scan.key + 2 * ID_LEN, ID_LEN);
		r = add_have(s, m, room, &at, true);
		if (r)
			return err_up(r);
	}
	return r < 0 ? err_up(r) : 0;
}

/* How far each chain is held: to its end, when nothing more is taken of it, since it is forked
 * (P3.5) or there is no room (P7.12). */
static int collect_have(struct step *s, struct peer *p, const struct id *record,
	const struct affairs *a, struct message *m)
{
	struct scan scan;
	size_t room = 0;
	int r = have_full(s, p, record, a, m, &room);

	if (r)
		return err_up(r);
	scan_init(&scan, TABLE_CHAIN, SPAN_OF(*record));
	while ((r = scan_next(&scan, s->view)) == 0 && m->get.n_have < HAVES_MAX) {
		struct chain_row row;
		struct place at;
		int full;

		if (!chain_row_read(scan_key(&scan), scan.value, &at, &row))
			return err_new(-EUCLEAN);
		full = quota_room(s, record, &at.author, &row, &p->region);
		if (full == CHAIN_E_QUOTA)
			r = quota_park(s, p, record);
		if (full < 0 || r)
			return err_up(full < 0 ? full : r);
		r = add_have(s, m, &room, &at, row.forked || full);
		if (r)
			return err_up(r);
	}
	return r < 0 ? err_up(r) : have_forks(s, record, m, &room);
}

static int ask(struct step *s, struct peer *p, struct get_slot *slot)
{
	struct message m = { .kind = MSG_GET };
	const struct affairs *a;
	bool whole;
	int r = node_affairs(s, &slot->record, &a);

	if (!r)
		r = keys_all(s, &slot->record, a, &whole);
	if (r)
		return err_up(r);
	m.get.request = slot->request;
	m.get.record = slot->record;
	m.get.budget = slot->large ? GET_NEXT : GET_FIRST;
	/* Who is not in the circle, as far as we know, is asked as if we knew nothing: what is
	 * held here is not for everybody who can name a record (P7.9). */
	if (affairs_role(a, &p->region) != ROLE_NONE) {
		/* Each wrap is two key agreements there and one here. */
		m.get.keys = !slot->asked && !whole;
		r = collect_have(s, p, &slot->record, a, &m);
		if (r)
			return err_up(r);
	} else {
		m.get.keys = !slot->asked;
	}
	slot->keys |= m.get.keys;
	slot->asked++;
	slot->owed += m.get.budget + FRAME_MAX;
	return peer_send(s, p, &m);
}

/* Records that are large are asked on before what was asked for has come. */
static int ask_on(struct step *s, struct peer *p)
{
	for (size_t i = 0; i < GETS_MAX; i++) {
		struct get_slot *slot = &p->gets[i];

		while (slot->busy && slot->large && !slot->ended && p->state == PEER_LIVE &&
			slot->asked < GETS_AHEAD &&
			(!slot->asked || under_way(p) < GETS_BYTES)) {
			int r = ask(s, p, slot);

			if (r)
				return err_up(r);
		}
	}
	return 0;
}

int sync_pump(struct step *s, struct peer *p)
{
	struct get_slot *slot;
	bool wrapped = false;
	uint8_t from[2 * ID_LEN];
	struct scan scan;
	int r;

	if (p->state != PEER_LIVE)
		return 0;
	if (s->node->disk_full) { /* a due that has passed would ring without end */
		if (p->wants_due && p->wants_due <= s->event->now)
			p->wants_due = s->event->now + WANT_PAUSE;
		return 0;
	}
	r = ask_on(s, p);
	if (r)
		return err_up(r);
	if (!p->wants || s->event->now < p->wants_due)
		return 0;
	/* Whatever is not asked for now waits for an answer, not for the clock: also when all
	 * places are taken. */
	p->wants_due = 0;
	slot = free_slot(p);
	pair_key(&p->region, &p->want_after, from);
	scan_init(&scan, TABLE_WANT, SPAN_OF(p->region));
	scan_from(&scan, (struct span){ from, sizeof(from) });
	/* Round-robin over the wants, each at most once a call. */
	for (size_t i = 0; slot && i < 4 * GETS_MAX && under_way(p) < GETS_BYTES; i++) {
		struct id record;

		r = scan_next(&scan, s->view);
		if (r == ROW_NONE && !wrapped) {
			wrapped = true;
			scan_init(&scan, TABLE_WANT, SPAN_OF(p->region));
			continue;
		}
		if (r)
			return r == ROW_NONE ? 0 : err_up(r);
		memcpy(record.b, scan.key + ID_LEN, ID_LEN);
		p->want_after = record;
		if (being_asked(p, &record))
			continue;
		*slot = (struct get_slot){
			.busy = true, .request = ++p->next_request, .record = record
		};
		r = ask(s, p, slot);
		if (r)
			return err_up(r);
		slot = free_slot(p);
	}
	return 0;
}

/* Taking what came ----------------------------------------------------------------------------
 */

int sync_drop(struct step *s, struct peer *p, const struct id *record)
{
	struct want_row want;
	int r = want_get(s->view, &p->region, record, &want);

	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	r = path_forget(s, p, record);
	if (r)
		return err_up(r);
	if (p->wants)
		p->wants--;
	if (!p->wants)
		p->wants_since_ms = 0;
	return want_del(s->view, &p->region, record);
}

int sync_refuse(struct step *s, struct peer *p, const struct id *record, int verdict)
{
	p->wants_due = s->event->now + WANT_PAUSE;
	return peer_refuse(s, p, record, chain_verdict(verdict), false);
}

static int take_keys(struct step *s, struct peer *p, const struct message *m, bool *ret_any)
{
	const struct id *record = &m->changes.record;
	const struct affairs *a;
	int r = node_affairs(s, record, &a);

	for (size_t i = 0; i < m->changes.n_keys && !r; i++) {
		bool added;

		r = keys_take(s, record, a, &m->changes.keys[i], &added);
		*ret_any |= r == 0 && added;
		if (r == KEYS_E_BAD) /* the others are not looked at: each costs a key agreement
				      */
			return peer_refuse(s, p, record, VERDICT_KEY_WRONG, false);
	}
	return r ? err_up(r) : 0;
}

static int take_runs(struct step *s, struct peer *p, const struct message *m, size_t *ret_added,
	int *ret_bad)
{
	*ret_added = 0;
	*ret_bad = 0;
	for (size_t i = 0; i < m->changes.n_runs; i++) {
		struct id record;
		size_t added;
		int r = chain_run_record(&m->changes.runs[i], &record);

		if (!r && !id_equal(&record, &m->changes.record))
			r = CHAIN_E_RUN;
		if (!r)
			r = chain_take(s, &p->region, &m->changes.runs[i], &record, &added);
		if (r < 0)
			return err_up(r);
		if (r) {
			*ret_bad = r;
			continue;
		}
		*ret_added += added;
	}
	return 0;
}

int sync_wanted(struct step *s, const struct id *record, struct record_row *ret)
{
	struct record_row row;
	int r = record_get(s->view, record, &row);

	if (ret)
		*ret = row;
	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	row.wanted = false;
	for (size_t i = 0; i < s->node->n_peers; i++) {
		struct want_row want;

		r = want_get(s->view, &s->node->peers[i]->region, record, &want);
		if (r < 0)
			return err_up(r);
		row.wanted |= r == 0;
	}
	r = record_put(s->view, record, &row);
	if (ret)
		*ret = row;
	return r ? err_odd(r) : 0;
}

/* Nothing more comes from this peer: the want is filled, as far as this peer can. */
static int fill_want(struct step *s, struct peer *p, const struct id *record)
{
	struct record_row row;
	int r = sync_drop(s, p, record);

	if (!r)
		r = record_get(s->view, record, &row);
	if (r)
		return r == ROW_NONE ? 0 : err_up(r);
	r = sync_wanted(s, record, &row);
	if (r)
		return err_up(r);
	return node_tell(s, &(struct tell){ .verb = TELL_HAS,
				    .peer = p->region,
				    .record = *record,
				    .n = row.changes });
}

static struct get_slot *find_slot(struct peer *p, const struct message *m)
{
	for (size_t i = 0; i < GETS_MAX; i++)
		if (p->gets[i].busy && p->gets[i].request == m->changes.request &&
			id_equal(&p->gets[i].record, &m->changes.record))
			return &p->gets[i];
	return NULL;
}

/* Chains, and what proves them forked. What there is no room for is parked, and the next
 * question says so (P7.12). */
static int take_content(struct step *s, struct peer *p, const struct message *m,
	size_t *ret_added, int *ret_bad)
{
	const struct id *record = &m->changes.record;
	int r = take_runs(s, p, m, ret_added, ret_bad);

	if (!r)
		r = fork_take(s, p, m);
	if (!r)
		r = node_touch(s, record);
	if (!r && *ret_added)
		r = node_tell(s, &(struct tell){ .verb = TELL_STORES,
					 .peer = p->region,
					 .record = *record,
					 .n = *ret_added });
	if (!r && *ret_bad == CHAIN_E_QUOTA) {
		*ret_bad = 0;
		r = quota_park(s, p, record);
	}
	return r ? err_up(r) : 0;
}

/* The last message of an answer: the slot is free when no other is owed. */
static void end_answer(struct get_slot *slot)
{
	const uint64_t most = (--slot->asked) * (GET_NEXT + FRAME_MAX);

	slot->any = false;
	if (slot->owed > most)
		slot->owed = most;
	if (slot->ended && !slot->asked)
		*slot = (struct get_slot){ 0 };
}

/* What came of it: on, or the end of it. */
static int judge(struct step *s, struct peer *p, struct get_slot *slot, const struct message *m)
{
	const struct affairs *a;
	bool whole;
	int r = node_affairs(s, &slot->record, &a);

	if (!r)
		r = keys_all(s, &slot->record, a, &whole);
	if (r)
		return err_up(r);
	if (slot->path_open && m->changes.done)
		return peer_refuse(s, p, NULL, VERDICT_CHANGES_UNASKED, true);
	slot->large |= m->changes.more || !m->changes.done;
	slot->ended = m->changes.done;
	/* A new epoch came in the chains: once more, for its keys. */
	if (m->changes.done && !slot->keys && !whole &&
		affairs_role(a, &s->node->region) != ROLE_NONE)
		return 0;
	if (m->changes.done)
		return fill_want(s, p, &m->changes.record);
	/* Not done, and nothing came of it: do not ask in a circle. */
	if (!m->changes.more && !slot->any) {
		p->wants_due = s->event->now + WANT_PAUSE;
		slot->ended = true;
	}
	return 0;
}

/* A message for a slot that has not ended. *ret_go: it is worth going on. */
static int take(struct step *s, struct peer *p, struct get_slot *slot, const struct message *m,
	bool *ret_any, bool *ret_go)
{
	const struct id *record = &m->changes.record;
	bool on, more = false;
	size_t added = 0;
	int r, bad;

	*ret_go = false;
	r = path_take(s, p, slot, m, &on, &more);
	*ret_any |= more;
	*ret_go = slot->path_open;
	if (r || !on)
		return r ? err_up(r) : 0;
	r = record_count(s, record, 0);
	if (!r)
		r = take_keys(s, p, m, ret_any);
	if (!r)
		r = take_content(s, p, m, &added, &bad);
	if (r)
		return err_up(r);
	*ret_any |= added > 0;
	*ret_go = !bad;
	return bad ? sync_refuse(s, p, record, bad) : 0;
}

int sync_changes(struct step *s, struct peer *p, const struct message *m, size_t bytes)
{
	struct get_slot *slot = find_slot(p, m);
	const size_t cost = bytes < MESSAGE_COST ? MESSAGE_COST : bytes;
	bool go = false, any = false;
	int r = 0;

	if (!slot || !slot->asked || cost > slot->owed)
		return peer_refuse(s, p, NULL, VERDICT_CHANGES_UNASKED, true);
	slot->owed -= cost;
	s->node->bulk_last = s->event->now;
	if (!slot->ended && m->changes.none) {
		slot->ended = true;
		r = fill_want(s, p, &slot->record);
	} else if (!slot->ended) {
		r = take(s, p, slot, m, &any, &go);
		slot->any |= any;
		slot->ended = !go;
		if (!r && go)
			r = judge(s, p, slot, m);
	}
	if (r)
		return err_up(r);
	if (p->state == PEER_LIVE && !m->changes.more)
		end_answer(slot);
	return 0;
}
