/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The input as a program: each act begins with a byte that chooses what is done and goes on
 * with what it needs. What an input leaves out is zero, and zero is what is right, so that a
 * short input goes far and a single changed byte is a single lie. long: one language, whose
 * acts share their words.
 */

#include <string.h>

#include "tests/fuzz/node_fuzz.h"

#define LONG    45000
#define GARBAGE ((struct id){ { 0xee } })

static struct span text_of(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

static struct id pick_region(struct world *w)
{
	const unsigned n = input_pick(w, PUPPETS + 2);

	if (n == 0)
		return w->st.node;
	return n <= PUPPETS ? w->st.puppets[n - 1].region : GARBAGE;
}

static struct id pick_record(struct world *w)
{
	const unsigned n = input_pick(w, RECORDS + 1);

	return n < RECORDS ? w->st.tales[n].id : GARBAGE;
}

/* The reference that is meant, or another. */
static struct ref pick_ref(struct world *w, const struct tale *t, const struct ref *meant)
{
	const unsigned n = input_pick(w, 32);
	struct ref wrong = *meant;

	if (n == 0 || n > KINDS + 2)
		return *meant;
	if (n < KINDS)
		return t->refs[n];
	if (n == KINDS)
		return t->content;
	if (n == KINDS + 1)
		wrong.change.b[0] ^= 1;
	else
		wrong.at.seq++;
	return wrong;
}

/* Control changes --------------------------------------------------------------------------
 */

static void fill_circle(struct world *w, const struct tale *t, struct control *c)
{
	struct circle_row *rows = arena_array(w->st.arena, BODIES + 1, sizeof(*rows));
	struct removal *out = arena_array(w->st.arena, BODIES + 1, sizeof(*out));
	struct head *last = arena_array(w->st.arena, PUPPETS + 1, sizeof(*last));

	demand(rows && out && last);
	c->n_set = input_pick(w, BODIES + 1);
	for (size_t i = 0; i < c->n_set; i++) {
		rows[i].region = pick_region(w);
		rows[i].role = (enum role)(1 + input_pick(w, 3));
		rows[i].classes = 3 ^ input_byte(w);
		rows[i].first_epoch = 1 + input_pick(w, 4);
		rows[i].guardian = true;
	}
	c->n_removed = input_pick(w, BODIES + 1);
	for (size_t i = 0; i < c->n_removed; i++) {
		out[i] = (struct removal){ .region = pick_region(w), .last = last };
		out[i].n_last = input_pick(w, PUPPETS + 2);
	}
	for (unsigned p = 0; p <= PUPPETS; p++)
		last[p] = (struct head){ .at = { p < PUPPETS ? w->st.puppets[p].region
							     : w->st.node,
						 p < PUPPETS ? w->st.puppets[p].incarnation
							     : w->st.node_incarnation,
						 t->lines[p].seq ? t->lines[p].seq : 1 },
			.change = t->lines[p].head };
	c->set = rows;
	c->removed = out;
}

/* Everything that the puppets know, and in .lie what is left out, or made up. */
static void fill_manifest(struct world *w, const struct tale *t, struct manifest *m)
{
	const uint8_t lie = input_byte(w);
	struct head *heads = arena_array(w->st.arena, PUPPETS + 1, sizeof(*heads));
	struct key_commitment *keys =
		arena_array(w->st.arena, (size_t)EPOCHS * CLASSES, sizeof(*keys));

	demand(heads && keys);
	for (unsigned p = 0; p <= PUPPETS; p++) {
		if (!t->lines[p].seq || lie & 1u << p)
			continue;
		heads[m->n_heads++] = (struct head){
			.at = { p < PUPPETS ? w->st.puppets[p].region : w->st.node,
				p < PUPPETS ? w->st.puppets[p].incarnation
					    : w->st.node_incarnation,
				t->lines[p].seq + (lie >> 6 & 1) },
			.change = t->lines[p].head
		};
	}
	for (uint32_t e = 1; e <= t->epoch && !(lie & 0x80); e++)
		for (uint32_t k = 0; k < CLASSES; k++)
			keys[m->n_keys++] =
				(struct key_commitment){ e, k, t->commitments[e][k] };
	if (lie & 0x20 && m->n_heads) {
		m->lacks = heads;
		m->n_lacks = 1;
	}
	m->heads = heads;
	m->keys = keys;
}

static void fill_keys(struct world *w, unsigned t, struct control *c)
{
	const uint32_t epoch = c->kind == CONTROL_GENESIS ? 1 : w->st.tales[t].epoch + 1;
	struct key_commitment *keys = arena_array(w->st.arena, CLASSES, sizeof(*keys));

	demand(keys);
	c->keys = keys;
	c->n_keys = CLASSES;
	puppet_keys(&w->st, t, epoch < EPOCHS ? epoch : EPOCHS - 1, keys);
}

static void fill_kind(struct world *w, unsigned n, struct control *c)
{
	const struct tale *t = &w->st.tales[n];
	const struct ref *offer = &t->refs[CONTROL_OFFER];
	const bool answers = c->kind == CONTROL_ACCEPT || c->kind == CONTROL_DECLINE ||
			     c->kind == CONTROL_STAND_DOWN;

	c->has_right = c->kind != CONTROL_GENESIS && c->kind != CONTROL_CLOSE;
	c->right = answers ? *offer : t->right;
	c->has_before = c->kind >= CONTROL_OFFER && c->kind <= CONTROL_RELEASE;
	c->before = t->refs[CONTROL_OFFER].at.seq ? *offer : t->right;
	c->has_offer = answers || c->kind == CONTROL_WITHDRAW || c->kind == CONTROL_RELEASE;
	c->offer = *offer;
	c->has_accept = c->kind == CONTROL_RELEASE;
	c->accept = t->refs[CONTROL_ACCEPT];
	c->has_withdraw = c->kind == CONTROL_STAND_DOWN;
	c->withdraw = t->refs[CONTROL_WITHDRAW];
	c->has_manifest = c->kind == CONTROL_OFFER || c->kind == CONTROL_RELEASE;
	if (c->has_manifest)
		fill_manifest(w, t, &c->manifest);
	if (c->kind == CONTROL_OFFER)
		c->to = pick_region(w);
	if (c->kind == CONTROL_OFFER || c->kind == CONTROL_DECLINE)
		c->code = 1 + input_pick(w, 101);
	if (c->kind == CONTROL_GENESIS) {
		memcpy(c->random, t->random, sizeof(c->random));
		c->suite = 1;
	}
	if (c->kind == CONTROL_GENESIS || c->kind == CONTROL_KEY_EPOCH)
		fill_keys(w, n, c);
	if (c->kind == CONTROL_CIRCLE)
		fill_circle(w, t, c);
	if (c->kind == CONTROL_CLOSE) {
		c->last.at = t->content.at;
		c->last.change = t->content.change;
	}
}

/* .p says a control change about .t; the input tells how it lies. */
static void say(struct world *w, unsigned p, unsigned t, unsigned kind)
{
	const uint8_t bend = input_byte(w), wrong = input_byte(w);
	struct tale *about = &w->st.tales[t];
	struct control c = { .kind = (enum control_kind)kind,
		.kind_number = kind,
		.date = { 20000, DATE_DAY },
		.term = about->term,
		.clock = w->st.clock += (uint64_t)1 << 16 };
	struct making m = { .c = &c,
		.wrong = (enum wrong)(wrong % WRONG_COUNT),
		.batch = (enum batch)(wrong / WRONG_COUNT % BATCH_COUNT) };

	fill_kind(w, t, &c);
	if (bend & 1)
		c.term += 1 + input_pick(w, 3);
	if (bend & 2)
		c.right = pick_ref(w, about, &c.right);
	if (bend & 4)
		c.before = pick_ref(w, about, &c.before);
	if (bend & 8)
		c.offer = pick_ref(w, about, &c.offer);
	if (bend & 16)
		c.accept = pick_ref(w, about, &c.accept);
	if (bend & 32)
		c.withdraw = pick_ref(w, about, &c.withdraw);
	if (bend & 64) {
		c.has_words = true;
		c.words = about->content;
	}
	if (bend & 128)
		c.clock = (uint64_t)input_byte(w) << 56;
	if (m.wrong == WRONG_RAW)
		m.raw = input_bytes(w, 4000);
	puppet_make(&w->st, p, t, &m);
}

/* Content ----------------------------------------------------------------------------------
 */

static struct span pick_text(struct world *w)
{
	const struct span s = input_bytes(w, 3000);

	return wire_text_ok(s) ? s : SPAN_LIT("text");
}

static void fill_row(struct world *w, struct wire_row *row)
{
	static const char *const columns[] = { "CHILD", "SEX", "DOB", "ETHNIC", "DECOM", "RNE",
		"LS", "CIN", "PLACE", "DEC", "REC", "REVIEW" };
	struct wire_cell *cells = arena_array(w->st.arena, 16, sizeof(*cells));

	struct span *faults = arena_array(w->st.arena, 2, sizeof(*faults));

	demand(cells && faults);
	*row = (struct wire_row){ .line = 2,
		.copies = 1,
		.authority = SPAN_LIT("301"),
		.file = SPAN_LIT("file.csv"),
		.cells = cells,
		.faults = faults };
	row->table = input_pick(w, 14);
	row->year = 2020 + input_pick(w, 8);
	row->n_cells = input_pick(w, 17);
	row->n_faults = row->n_cells > 12 ? 2 : 0;
	if (row->n_faults)
		faults[1] = pick_text(w);
	for (size_t i = 0; i < row->n_cells; i++) {
		cells[i].column = text_of(columns[i % COUNT(columns)]);
		cells[i].value = input_bytes(w, 40);
	}
}

static void fill_entry(struct world *w, const struct tale *t, struct entry *e)
{
	const uint8_t more = input_byte(w);

	*e = (struct entry){ .kind = 1 + input_pick(w, 8) };
	e->has_row = e->kind == ENTRY_ROW;
	e->has_alias = e->kind == ENTRY_ALIAS;
	e->has_access = e->kind == ENTRY_ACCESS;
	e->has_worker = e->kind == ENTRY_WORKER;
	e->has_effective = more & 1;
	if (e->has_effective)
		e->effective = (struct date){ 18000 + input_byte(w), DATE_DAY };
	if (more & 2)
		e->text = pick_text(w);
	if (more & 4 || e->has_row)
		fill_row(w, &e->row);
	e->alias.authority = SPAN_LIT("301");
	e->alias.child = SPAN_LIT("7");
	if (more & 8)
		e->alias.child = pick_text(w);
	e->access.who = e->worker.name = SPAN_LIT("Ann");
	e->access.kind = e->access.what = 1;
	if (more & 0x30) {
		struct entry_ref *refs = arena_array(w->st.arena, 2, sizeof(*refs));

		demand(refs);
		for (unsigned i = 0; i < 2; i++) {
			refs[i].change = pick_ref(w, t, &t->content);
			refs[i].index = input_pick(w, 3);
		}
		e->supersedes = refs;
		e->n_supersedes = more >> 4 & 1;
		e->corrects = refs + 1;
		e->n_corrects = more >> 5 & 1;
	}
}

/* More than an input has: a body may have 64 KiB. */
static struct span long_text(struct world *w)
{
	uint8_t *at = arena_alloc(w->st.arena, LONG);

	demand(at);
	memset(at, 'x', LONG);
	return (struct span){ at, LONG };
}

static void write(struct world *w, unsigned p, unsigned t)
{
	const uint8_t bend = input_byte(w), wrong = input_byte(w);
	const struct tale *about = &w->st.tales[t];
	struct ref *deps = arena_array(w->st.arena, 2, sizeof(*deps));
	struct entry *entries = arena_array(w->st.arena, BODIES + 1, sizeof(*entries));
	struct body b = { .clock = w->st.clock += (uint64_t)1 << 16,
		.worker = SPAN_LIT("Eve"),
		.role = SPAN_LIT("worker"),
		.deps = deps,
		.entries = entries };
	struct making m = { .b = &b,
		.class = bend >> 1 & 1,
		.wrong = (enum wrong)(wrong % WRONG_COUNT),
		.batch = (enum batch)(wrong / WRONG_COUNT % BATCH_COUNT) };

	demand(deps && entries);
	memset(b.seed, 7, sizeof(b.seed));
	b.n_deps = bend >> 2 & 1;
	if (b.n_deps)
		deps[0] = pick_ref(w, about, &about->content);
	if (bend & 8)
		b.clock = (uint64_t)input_byte(w) << 56;
	b.n_entries = 1 + input_pick(w, BODIES);
	for (size_t i = 0; i < b.n_entries; i++)
		fill_entry(w, about, &entries[i]);
	if (bend & 16)
		entries[0].text = long_text(w);
	if (m.wrong == WRONG_RAW)
		m.raw = input_bytes(w, 4000);
	puppet_make(&w->st, p, t, &m);
}

/* Messages ---------------------------------------------------------------------------------
 */

static void fill_run(const struct line *l, size_t from, size_t n, struct run *ret)
{
	from = l->n ? from % l->n : 0;
	*ret = (struct run){ (struct wire_change *)l->kept + from, l->n - from };
	if (n && n < ret->n)
		ret->n = n;
}

static void feed(struct world *w, unsigned p)
{
	struct feed_item *items = arena_array(w->st.arena, BODIES + 1, sizeof(*items));
	struct message m = { .kind = MSG_FEED, .feed = { .items = items } };
	const size_t n = 1 + input_pick(w, BODIES + 1);

	demand(items);
	for (size_t i = 0; i < n; i++) {
		struct feed_item *it = &items[m.feed.n];
		const uint8_t what = input_byte(w);
		const struct line *l;
		size_t from;

		if (what & 1) {
			*it = (struct feed_item){ .is_backfill = true,
				.backfill = pick_record(w) };
			m.feed.n++;
			continue;
		}
		l = &w->st.tales[(what >> 1) % RECORDS].lines[(what >> 3) % PUPPETS];
		from = input_byte(w);
		fill_run(l, from, input_byte(w), &it->run);
		m.feed.n += it->run.n > 0;
	}
	m.feed.through = ++w->st.puppets[p].through + input_byte(w);
	world_message(w, p, &m);
}

static void fill_path(
	struct world *w, const struct tale *t, uint8_t leave_out, struct message *m)
{
	struct wire_change *path =
		arena_array(w->st.arena, (size_t)KEPT * PUPPETS, sizeof(*path));
	struct run *runs = arena_array(w->st.arena, PUPPETS, sizeof(*runs));

	demand(path && runs);
	for (unsigned p = 0; p < PUPPETS; p++) {
		const struct line *l = &t->lines[p];
		struct header h;

		for (size_t i = 0; i < l->n && !(leave_out & 1u << p); i++)
			if (wire_header_decode(l->kept[i].header, &h) || h.flags & FLAG_CONTROL)
				path[m->changes.n_path++] = l->kept[i];
		if (l->n && !(leave_out & 8u << p))
			fill_run(l, 0, 0, &runs[m->changes.n_runs++]);
	}
	m->changes.path = path;
	m->changes.runs = runs;
}

static void fill_wraps(struct world *w, unsigned t, uint8_t lie, struct message *m)
{
	struct key_wrap *keys =
		arena_array(w->st.arena, (size_t)EPOCHS * CLASSES, sizeof(*keys));

	demand(keys);
	for (uint32_t e = 1; e <= w->st.tales[t].epoch; e++)
		for (uint32_t k = 0; k < CLASSES; k++) {
			struct key_wrap *wrap = &keys[m->changes.n_keys++];

			puppet_wrap(&w->st, t, e, k, wrap);
			wrap->wrap[40] ^= lie & 1;
			wrap->epoch += lie >> 1 & 1;
			wrap->class ^= lie >> 2 & 1;
		}
	m->changes.keys = keys;
}

/* Headers alone, and only the last of them signed unless .all. */
static void fill_side(
	struct world *w, const struct line *l, size_t from, size_t n, bool all, struct run *ret)
{
	struct wire_change *c = arena_array(w->st.arena, n + 1, sizeof(*c));

	demand(c);
	*ret = (struct run){ .changes = c };
	for (size_t i = from; i < from + n && i < l->n; i++) {
		c[ret->n] = (struct wire_change){ .header = l->kept[i].header };
		if (all || i + 1 == from + n || i + 1 == l->n)
			c[ret->n].signature = l->kept[i].signature;
		ret->n++;
	}
}

/* Where somebody signed two changes for one place: there, if they are told of; else anywhere.
 */
static size_t find_fork(const struct line *l)
{
	for (size_t i = 0; i + 1 < l->n; i++) {
		struct header a, b;

		if (!wire_header_decode(l->kept[i].header, &a) &&
			!wire_header_decode(l->kept[i + 1].header, &b) && a.at.seq == b.at.seq)
			return i;
	}
	return 0;
}

/* Proofs of forks, true and false, as often as .how says (P3.7). */
static void fill_evidence(struct world *w, unsigned t, struct message *m)
{
	const uint8_t how = input_byte(w), bend = input_byte(w);
	const struct line *l = &w->st.tales[t].lines[how % PUPPETS];
	const struct line *other = bend & 1 ? &w->st.tales[t].lines[(how + 1) % PUPPETS] : l;
	const size_t n = 1 + (how >> 2 & 15), at = find_fork(l) + (bend >> 1 & 3);
	struct span *all = arena_array(w->st.arena, n, sizeof(*all));
	struct evidence e;

	demand(all);
	m->changes.evidence = all;
	if (bend & 8) {
		all[m->changes.n_evidence++] = input_bytes(w, 400);
		return;
	}
	fill_side(w, l, at, 1 + (bend >> 4 & 3), bend & 64, &e.held);
	fill_side(w, other, at + 1 - (bend >> 7), 1 + (bend >> 4 & 3), bend & 64, &e.other);
	if (!e.held.n || !e.other.n)
		return;
	demand(!wire_evidence_encode(&e, w->st.arena, &all[0]));
	for (m->changes.n_evidence = 1; m->changes.n_evidence < n; m->changes.n_evidence++)
		all[m->changes.n_evidence] = all[0];
}

/* What an answer can have beside the rest: evidence, or a path that goes on in the next message
 * (P7.8), from somewhere and of some length. */
static void add_more(struct world *w, unsigned t, struct message *m)
{
	const uint8_t what = input_byte(w);
	size_t from, n;

	if (what & 1)
		fill_evidence(w, t, m);
	m->changes.more = what & 2;
	if (!(what & 4))
		return;
	m->changes.path_more = true;
	from = what >> 3 & 3;
	n = 1 + (what >> 5 & 7);
	if (from > m->changes.n_path)
		from = m->changes.n_path;
	m->changes.path += from;
	m->changes.n_path -= from;
	if (n < m->changes.n_path)
		m->changes.n_path = n;
	m->changes.done = false;
	if (!(what & 128))
		m->changes.n_runs = m->changes.n_keys = 0;
}

/* What the node asked for, or something else; .more: and what else an answer can have. */
static void answer(struct world *w, unsigned number, bool more)
{
	const struct puppet *p = &w->st.puppets[number];
	const uint8_t lie = input_byte(w), leave_out = input_byte(w);
	const unsigned slot = (p->n_gets + REQUESTS - 1 - (lie & 3)) % REQUESTS;
	struct message m = { .kind = MSG_CHANGES,
		.changes = { .request = p->gets[slot].request,
			.record = p->gets[slot].record,
			.done = !(lie & 4) } };
	struct span *bundles = arena_array(w->st.arena, PUPPETS, sizeof(*bundles));
	unsigned t;

	demand(bundles);
	for (t = 0; t < RECORDS - 1; t++)
		if (id_equal(&w->st.tales[t].id, &m.changes.record))
			break;
	if (lie & 8)
		t = input_pick(w, RECORDS);
	if (lie & 16)
		m.changes.request += input_byte(w);
	if (lie & 32)
		m.changes.record = pick_record(w);
	m.changes.none = lie & 64;
	for (unsigned b = 0; b < PUPPETS; b++)
		if (!m.changes.none && !(leave_out & 0x40))
			bundles[m.changes.n_bundles++] = w->st.puppets[b].bundle;
	m.changes.bundles = bundles;
	if (!m.changes.none) {
		fill_path(w, &w->st.tales[t], leave_out, &m);
		if (!(leave_out & 0x80))
			fill_wraps(w, t, lie & 128 ? input_byte(w) : 0, &m);
		if (more)
			add_more(w, t, &m);
	}
	world_message(w, number, &m);
}

static void get(struct world *w, unsigned p, const struct id *record)
{
	const uint8_t bend = input_byte(w);
	struct place have = { w->st.node, w->st.node_incarnation, input_byte(w) };
	struct message m = { .kind = MSG_GET };

	m.get.request = 1;
	m.get.record = *record;
	m.get.have = &have;
	m.get.n_have = bend & 1;
	m.get.budget = bend & 2 ? input_byte(w) : 1 << 18;
	m.get.keys = !(bend & 4);
	world_message(w, p, &m);
}

static void ask(struct world *w, unsigned p)
{
	const uint8_t bend = input_byte(w);
	static const enum message_kind kinds[] = { MSG_ERROR, MSG_BYE, MSG_DOORBELL,
		MSG_FEED_REQ, MSG_FEED, MSG_RECONCILE, MSG_GET, MSG_CHANGES, MSG_ASK,
		MSG_ANSWER, MSG_HEARD };
	struct message m = { .kind = kinds[input_pick(w, COUNT(kinds))] };
	struct id record;

	switch (m.kind) {
	case MSG_ERROR:
		m.error.code = bend;
		m.error.text = SPAN_LIT("why");
		break;
	case MSG_BYE:
		m.bye.code = bend;
		break;
	case MSG_FEED_REQ:
		m.feed_req.incarnation = bend & 1 ? GARBAGE : w->st.node_incarnation;
		m.feed_req.after = bend & 2 ? input_byte(w) : w->st.puppets[p].through;
		m.feed_req.budget = bend & 4 ? input_byte(w) : 1 << 20;
		break;
	case MSG_RECONCILE:
		m.reconcile.incarnation = bend & 1 ? GARBAGE : w->st.puppets[p].incarnation;
		m.reconcile.from = bend & 2 ? UINT64_MAX - bend : input_byte(w);
		w->st.puppets[p].through = m.reconcile.from;
		break;
	case MSG_GET:
		record = pick_record(w);
		get(w, p, &record);
		return;
	case MSG_ASK:
		m.ask.id.b[0] = input_byte(w) & 7;
		m.ask.cancel = bend & 1;
		m.ask.has_record = bend & 2;
		m.ask.record = pick_record(w);
		if (bend & 4) {
			m.ask.authority = SPAN_LIT("340");
			m.ask.child = SPAN_LIT("17");
		}
		if (!(bend & 8))
			m.ask.purpose = SPAN_LIT("why");
		m.ask.worker = SPAN_LIT("who");
		break;
	case MSG_ANSWER:
		m.answer.id.b[0] = input_byte(w) & 7;
		m.answer.state = (enum answer_state)(1 + bend % 5);
		m.answer.code = bend;
		break;
	case MSG_HEARD:
		m.heard.id.b[0] = input_byte(w) & 7;
		break;
	case MSG_DOORBELL:
	case MSG_FEED:
	case MSG_CHANGES:
	case MSG_UNKNOWN:
		break;
	}
	world_message(w, p, &m);
}

/* Local ------------------------------------------------------------------------------------
 */

static void fill_children(struct world *w, struct ctl_request *q)
{
	struct import_child *c = arena_array(w->st.arena, 1, sizeof(*c));
	struct wire_row *rows = arena_array(w->st.arena, BODIES, sizeof(*rows));

	demand(c && rows);
	q->children = c;
	q->n_children = 1;
	*c = (struct import_child){
		.authority = SPAN_LIT("301"), .child = SPAN_LIT("9"), .rows = rows
	};
	c->n_rows = input_pick(w, BODIES + 1);
	for (size_t i = 0; i < c->n_rows; i++)
		fill_row(w, &rows[i]);
}

static void request(struct world *w)
{
	const unsigned verb = 1 + input_pick(w, 20);
	const unsigned t = input_pick(w, RECORDS + 2);
	const uint8_t bend = input_byte(w);
	struct entry *entries = arena_array(w->st.arena, BODIES, sizeof(*entries));
	struct ctl_request q = { .id = 3,
		.verb = verb,
		.worker = SPAN_LIT("Ann"),
		.role = SPAN_LIT("social worker"),
		.purpose = SPAN_LIT("care"),
		.peer = SPAN_LIT("hostile"),
		.entries = entries,
		.dry_run = bend & 1,
		.follow = bend & 2 };
	char id[ID_TEXT_LEN];

	demand(entries);
	q.n_entries = input_pick(w, BODIES + 1);
	q.code = input_byte(w);
	q.limit = bend & 4 ? input_byte(w) : 0;
	q.after = bend & 8 ? input_byte(w) : 0;
	q.record = SPAN_LIT("301/7");
	if (t < RECORDS)
		q.record = text_of(id_text(&w->st.tales[t].id, id));
	else if (t == RECORDS)
		q.record = pick_text(w);
	if (bend & 16)
		q.peer = pick_text(w);
	if (bend & 32)
		q.text = pick_text(w);
	if (verb == VERB_PEER_ADD)
		q.bundle = w->st.puppets[bend >> 6 & 1 ? STRANGER : OTHER].bundle;
	for (size_t i = 0; i < q.n_entries; i++)
		fill_entry(w, &w->st.tales[t % RECORDS], &entries[i]);
	if (verb == VERB_MOVE_ACCEPT && !q.n_entries) {
		entries[0] = (struct entry){ .kind = ENTRY_WORKER, .has_worker = true };
		entries[0].worker.name = SPAN_LIT("Bea");
		q.n_entries = 1;
	}
	if (verb == VERB_IMPORT)
		fill_children(w, &q);
	world_request(w, &q);
}

static void link_event(struct world *w)
{
	const uint8_t what = input_byte(w);
	const struct puppet *p = &w->st.puppets[(what >> 2) % PUPPETS];
	struct event e = { .region = p->region, .curve_key = p->curve, .link = p->link };

	switch (what & 3) {
	case 0:
		e.kind = EVENT_LINK_DOWN;
		break;
	case 1:
		e.kind = EVENT_LINK_UP;
		e.dialled = what & 32;
		e.link = what & 64 ? input_byte(w) : (w->accepted += 2);
		if (what & 128)
			e.curve_key = w->st.node_curve;
		break;
	case 2:
		e.kind = EVENT_LINK_GONE;
		for (unsigned i = 0; i < PUPPETS; i++) {
			w->st.puppets[i].link = w->dialled[i] = 0;
			w->st.puppets[i].live = false;
		}
		break;
	default:
		world_ready(w);
		return;
	}
	world_step(w, &e);
}

static void raw(struct world *w, unsigned p, unsigned how)
{
	const struct span bytes = input_bytes(w, 4000);
	const uint64_t link = w->st.puppets[p].link;
	struct event e = { .kind = EVENT_ASK,
		.client = 8,
		.user = "",
		.groups = GROUP_ADMIN,
		.bytes = bytes };

	if (how == 0)
		world_frame(w, link ? link : 1, bytes);
	else if (how == 1 && w->st.puppets[p].live)
		world_frame(w, link, puppet_seal(&w->st, p, bytes));
	else
		world_step(w, &e);
}

static void state(struct world *w)
{
	static const msec pauses[] = { 0, 1, 500, 10000, 20000, 30000, 60000, 3600000 };
	const uint8_t what = input_byte(w);
	struct event gone = { .kind = EVENT_CLIENT_GONE, .client = 7 };

	if (what < 0x80)
		world_pass(w, pauses[what % COUNT(pauses)]);
	else if (what < 0xa0)
		world_restart(w);
	else if (what < 0xc0)
		world_step(w, &gone);
	else if (what < 0xe0)
		w->disk_full = !w->disk_full;
	else
		puppet_card(&w->st, what % PUPPETS, what >> 3 & 1);
}

void hostile_act(struct world *w)
{
	const uint8_t what = input_byte(w);
	const unsigned act = what & 15, p = (what >> 4) % 2, t = what >> 6;
	const bool live = w->st.puppets[p].live;
	const unsigned author = what >> 5 & 1 ? STRANGER : p;

	switch (act) {
	case 0:
	case 1:
		if (!w->st.puppets[p].link)
			world_ready(w);
		world_greet(w, p, act ? input_byte(w) : 0);
		return;
	case 2:
		say(w, author, t, 1 + input_pick(w, KINDS - 1));
		return;
	case 3:
		write(w, author, t);
		return;
	case 4:
	case 5:
		if (live)
			feed(w, p);
		return;
	case 6:
	case 7:
		if (live)
			answer(w, p, act == 7);
		return;
	case 8:
		if (live)
			ask(w, p);
		return;
	case 9:
	case 10:
		request(w);
		return;
	case 11:
		link_event(w);
		return;
	case 12:
	case 13:
	case 14:
		raw(w, p, act - 12);
		return;
	default:
		state(w);
	}
}

/* The beginning ----------------------------------------------------------------------------
 */

static void introduce(struct world *w, unsigned p)
{
	world_request(w, &(struct ctl_request){
				 .verb = VERB_PEER_ADD, .bundle = w->st.puppets[p].bundle });
}

static void local_record(struct world *w)
{
	struct entry note = { .kind = ENTRY_NOTE, .text = SPAN_LIT("a note") };
	struct tale *t = &w->st.tales[0];
	char id[ID_TEXT_LEN];

	world_request(w,
		&(struct ctl_request){ .verb = VERB_RECORD_NEW, .record = SPAN_LIT("301/7") });
	demand(!id_is_zero(&w->made));
	*t = (struct tale){ .id = w->made, .maker = PUPPETS, .term = 1 };
	id_text(&t->id, id);
	for (unsigned i = 0; i < 2; i++)
		world_request(w, &(struct ctl_request){ .verb = VERB_APPEND,
					 .record = text_of(id),
					 .entries = &note,
					 .n_entries = 1 });
	world_request(w, &(struct ctl_request){ .verb = VERB_MOVE_OFFER,
				 .record = text_of(id),
				 .peer = SPAN_LIT("hostile"),
				 .code = 1 });
	demand(w->tells[TELL_OFFERS] == 1);
}

/* A record of a puppet's: the node writes in it, the others read or write, one is offered. */
static void puppet_tale(struct world *w, unsigned p, unsigned t, bool offer)
{
	struct circle_row rows[] = {
		{ w->st.node, ROLE_WRITER, 3, 1, true },
		{ w->st.puppets[p ? HOSTILE : OTHER].region, ROLE_READER, 3, 1, true },
	};
	struct control c = { .kind = CONTROL_CIRCLE,
		.kind_number = CONTROL_CIRCLE,
		.date = { 20000, DATE_DAY },
		.term = 1,
		.has_right = true,
		.set = rows,
		.n_set = COUNT(rows) };

	puppet_record(&w->st, p, t);
	say(w, p, t, CONTROL_GENESIS);
	c.right = w->st.tales[t].right;
	c.clock = w->st.clock += 1 << 16;
	puppet_make(&w->st, p, t, &(struct making){ .c = &c });
	write(w, p, t);
	write(w, p, t);
	if (offer)
		say(w, p, t, CONTROL_OFFER);
}

static void hand_in(struct world *w, unsigned p, unsigned t)
{
	struct feed_item item = { .is_backfill = true, .backfill = w->st.tales[t].id };
	struct message m = { .kind = MSG_FEED,
		.feed = { &item, 1, ++w->st.puppets[p].through } };

	world_message(w, p, &m);
	demand(w->st.puppets[p].n_gets > 0);
	answer(w, p, false);
}

void hostile_begin(struct world *w)
{
	static const char *const names[] = { "hostile", "other", "stranger" };

	w->st.clock = UINT64_C(1767225600000) << 16;
	for (unsigned p = 0; p < PUPPETS; p++)
		puppet_found(&w->st, p, names[p]);
	world_ready(w);
	introduce(w, HOSTILE);
	introduce(w, OTHER);
	local_record(w);
	puppet_tale(w, HOSTILE, 1, true);
	puppet_tale(w, OTHER, 2, false);
	puppet_tale(w, HOSTILE, 3, false);

	for (unsigned p = 0; p < 2; p++) {
		struct message reconcile = { .kind = MSG_RECONCILE };

		world_greet(w, p, 0);
		demand(w->st.puppets[p].live && w->tells[TELL_GREETS] == p + 1);
		reconcile.reconcile.incarnation = w->st.puppets[p].incarnation;
		world_message(w, p, &reconcile);
		hand_in(w, p, p + 1);
	}
	demand(w->tells[TELL_HAS] == 2 && w->tells[TELL_COMPLETES] == 1);
	get(w, HOSTILE, &w->st.tales[0].id);
	demand(w->st.tales[0].refs[CONTROL_OFFER].at.seq > 0);
	world_pass(w, 1000);
}
