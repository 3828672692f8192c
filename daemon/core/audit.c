/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Audit
 *
 * A note of each request about a record or for an administrator, done or refused: who asked
 * what, in which role and why. It is written in the turn of what it tells of, with the others
 * of that turn in one row. Only people of this machine are in it; what others see of a reading
 * is the access entry in the record.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/ask.h"

#define ROW_FORM    1
#define ABOUT_MAX   100  /* bytes of what else was named */
#define NOTE_MAX    3500 /* three words of 1,000 bytes, a user and the rest */
#define FORGET_MAX  4    /* old rows that go when a new one comes */
#define PAGE_ROWS   1000 /* in one reply */
#define PAGE_LOOKED 20000

_Static_assert(1 + NOTE_MAX <= NOTED_MAX, "a row has room for any note");

/* What is not said in a note is as in the one before it in its row. */
enum {
	SAYS_TIME = 1,
	SAYS_WHAT = 2,
	SAYS_RECORD = 4,
	SAYS_USER = 8,
	SAYS_WORDS = 16,
	SAYS_ABOUT = 32,
};

/* What may be seen by anybody is not about a record, and is not noted; a dry run does nothing.
 */
static bool is_noted(const struct ask *a)
{
	const unsigned who = verb_groups(a->q.verb);

	return who && !(who & GROUP_LOOK) && !a->q.dry_run;
}

static struct span cut(struct span s, size_t most)
{
	if (s.len <= most)
		return s;
	/* Not in the middle of a character: .at[most] must begin one. */
	for (s.len = most; s.len > 0 && (s.at[s.len] & 0xc0) == 0x80; s.len--)
		;
	return s;
}

static void put_text(struct writer *w, struct span s)
{
	put_u16(w, (uint16_t)s.len);
	put_span(w, s);
}

static struct span get_text(struct reader *r)
{
	return get_span(r, get_u16(r));
}

static unsigned difference(const struct audit_note *a, const struct audit_note *b)
{
	unsigned says = 0;

	if (a->at_ms != b->at_ms)
		says |= SAYS_TIME;
	if (a->verb != b->verb || a->problem != b->problem || a->groups != b->groups)
		says |= SAYS_WHAT;
	if (!id_equal(&a->record, &b->record))
		says |= SAYS_RECORD;
	if (!span_equal(a->user, b->user))
		says |= SAYS_USER;
	if (!span_equal(a->worker, b->worker) || !span_equal(a->role, b->role) ||
		!span_equal(a->purpose, b->purpose))
		says |= SAYS_WORDS;
	if (!span_equal(a->about, b->about))
		says |= SAYS_ABOUT;
	return says;
}

static void note_write(
	struct writer *w, const struct audit_note *before, const struct audit_note *note)
{
	const unsigned says = difference(before, note);

	put_u8(w, (uint8_t)says);
	if (says & SAYS_TIME)
		put_u64(w, note->at_ms);
	if (says & SAYS_WHAT) {
		put_u32(w, note->verb);
		put_u32(w, note->problem);
		put_u8(w, note->groups);
	}
	if (says & SAYS_RECORD)
		put_bytes(w, note->record.b, ID_LEN);
	if (says & SAYS_USER)
		put_text(w, note->user);
	if (says & SAYS_WORDS) {
		put_text(w, note->worker);
		put_text(w, note->role);
		put_text(w, note->purpose);
	}
	if (says & SAYS_ABOUT)
		put_text(w, note->about);
}

/* The next note of a row; .note is the one before it, or zero. False: there is none, or (.r is
 * bad) none that can be read. */
static bool next_note(struct reader *r, struct audit_note *note)
{
	unsigned says;

	if (r->bad || !r->left)
		return false;
	says = get_u8(r);
	if (says & SAYS_TIME)
		note->at_ms = get_u64(r);
	if (says & SAYS_WHAT) {
		note->verb = get_u32(r);
		note->problem = get_u32(r);
		note->groups = get_u8(r);
	}
	if (says & SAYS_RECORD)
		get_into(r, note->record.b, ID_LEN);
	if (says & SAYS_USER)
		note->user = get_text(r);
	if (says & SAYS_WORDS) {
		note->worker = get_text(r);
		note->role = get_text(r);
		note->purpose = get_text(r);
	}
	if (says & SAYS_ABOUT)
		note->about = get_text(r);
	return !r->bad;
}

/* A row: its form, then notes. */
static struct reader row_read(struct span value)
{
	struct reader r = reader_of(value);

	r.bad |= get_u8(&r) != ROW_FORM;
	return r;
}

static void key_write(uint64_t n, uint8_t into[8])
{
	struct writer w = writer_of(into, 8);

	put_u64(&w, n);
}

static uint64_t key_read(struct span key)
{
	struct reader r = reader_of(key);

	return get_u64(&r);
}

int audit_last(const struct view *v, uint64_t *ret)
{
	struct span key, value;
	int r = row_last(v, TABLE_AUDIT, (struct span){ 0 }, &key, &value);
	struct audit_note note = { 0 };
	struct reader rd;

	*ret = 0;
	if (r == ROW_NONE)
		return 0;
	if (r && r != -EUCLEAN)
		return err_up(r);
	*ret = key_read(key) - 1;
	if (r) { /* damaged: it may have had as many as there is room for */
		err_forget();
		*ret += NOTED_MAX;
		return 0;
	}
	for (rd = row_read(value); next_note(&rd, &note);)
		++*ret;
	return rd.bad ? err_new(-EUCLEAN) : 0;
}

/* ---- Noting ---- */

/* What is too old goes, a few rows at a time; nothing as long as the oldest is damaged, which
 * is for people and keeps nobody from working. */
static int forget_old(struct step *s)
{
	const uint64_t keep = s->node->options.audit_keep_ms, now = s->event->wall_ms;
	struct scan scan;
	int r = 0;

	if (now < keep)
		return 0;
	for (unsigned i = 0; i < FORGET_MAX && r == 0; i++) {
		struct audit_note note = { 0 };
		struct reader rd;

		scan_init(&scan, TABLE_AUDIT, (struct span){ 0 });
		r = scan_next(&scan, s->view);
		if (r == -EUCLEAN) {
			err_forget();
			return 0;
		}
		if (r)
			break;
		for (rd = row_read(scan.value); next_note(&rd, &note);)
			;
		if (!rd.bad && note.at_ms >= now - keep) /* its last */
			return 0;
		r = row_del(s->view, TABLE_AUDIT, scan_key(&scan));
	}
	return r < 0 ? err_up(r) : 0;
}

int audit_write(struct step *s)
{
	struct noted *t = &s->node->noted;
	uint8_t key[8];
	int r;

	if (!t->n)
		return 0;
	key_write(s->node->audit_next - t->n, key);
	r = forget_old(s);
	if (r == 0)
		r = row_append(
			s->view, TABLE_AUDIT, SPAN_OF(key), (struct span){ t->row, t->len });
	*t = (struct noted){ 0 };
	return r ? err_odd(r) : 0;
}

/* The record of a reply that has made one. */
static struct id record_of(const struct ask *a)
{
	struct id made;

	if (id_is_zero(&a->record) && a->reply.made_record &&
		id_parse(a->reply.made_record, &made))
		return made;
	return a->record;
}

static struct span about_of(const struct ask *a)
{
	const struct span all[] = { a->q.peer, a->q.request, a->q.rec, a->q.kind };

	if (a->q.n_children)
		return span_of(arena_text(a->s->arena, "%zu children", a->q.n_children));
	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i].len)
			return cut(all[i], ABOUT_MAX);
	/* A record that was named and is not known. */
	return id_is_zero(&a->record) ? cut(a->q.record, ABOUT_MAX) : (struct span){ 0 };
}

int audit_note(struct ask *a, int problem)
{
	struct step *s = a->s;
	struct node *n = s->node;
	const char *user = s->event->user ? s->event->user : "unknown";
	struct noted *t = &n->noted;
	struct reader written;
	struct audit_note note;
	struct writer w;

	/* When nothing fits any more, reading goes on and is not noted. */
	if (!n->options.audit_keep_ms || !is_noted(a) || n->disk_out)
		return 0;
	note = (struct audit_note){ .at_ms = s->event->wall_ms,
		.verb = a->q.verb,
		.problem = (uint32_t)problem,
		.groups = (uint8_t)s->event->groups,
		.record = record_of(a),
		.user = cut(span_of(user), 200),
		.worker = a->q.worker,
		.role = a->q.role,
		.purpose = a->q.purpose,
		.about = about_of(a) };
	w = writer_of(t->row + t->len, sizeof(t->row) - t->len);
	note_write(&w, &t->last, &note);
	if (!t->n || w.over) {
		int r = audit_write(s);

		if (r)
			return err_up(r);
		t->row[t->len++] = ROW_FORM;
		w = writer_of(t->row + t->len, sizeof(t->row) - t->len);
		note_write(&w, &t->last, &note);
	}
	/* As it stands there: its texts are where they stay. */
	written = reader_of(writer_span(&w));
	if (!next_note(&written, &t->last))
		return err_new(-EINVAL);
	t->len += w.len;
	t->n++;
	n->audit_next++;
	return 0;
}

int audit_recent(struct step *s, uint64_t since_ms, unsigned most, audit_fn *see)
{
	const uint64_t last = s->node->audit_next;
	struct scan scan;
	uint8_t key[8];
	int r = 0;

	key_write(last > most ? last - most : 0, key);
	scan_init(&scan, TABLE_AUDIT, (struct span){ 0 });
	scan_from(&scan, SPAN_OF(key));
	while (!r && (r = scan_next(&scan, s->view)) == 0) {
		struct audit_note note = { 0 };
		struct reader rd = row_read(scan.value);

		while (!r && next_note(&rd, &note))
			if (note.at_ms >= since_ms)
				r = see(s, &note);
		if (rd.bad)
			return err_new(-EUCLEAN);
	}
	return r < 0 ? err_up(r) : 0;
}

/* ---- Showing ---- */

/* .user is "uid 1000 (jo)"; 1000, jo and all of it mean him. */
static bool is_user(struct span user, struct span wanted)
{
	static const char before[] = "uid ";
	const size_t skip = sizeof(before) - 1;
	struct span rest, number;
	const uint8_t *space;

	if (span_equal(user, wanted))
		return true;
	if (user.len < skip || memcmp(user.at, before, skip) != 0)
		return false;
	rest = (struct span){ user.at + skip, user.len - skip };
	space = memchr(rest.at, ' ', rest.len);
	number = (struct span){ rest.at, space ? (size_t)(space - rest.at) : rest.len };
	if (span_equal(number, wanted))
		return true;
	/* " (jo)" */
	return space && rest.len > number.len + 3 &&
	       span_equal((struct span){ space + 2, rest.len - number.len - 3 }, wanted);
}

static const char *groups_text(unsigned groups)
{
	return groups & GROUP_ADMIN      ? "kith-admin"
	       : groups & GROUP_APP      ? "kith-app"
	       : groups & GROUP_OPERATOR ? "kith-operator"
	       : groups & GROUP_LOOK     ? "kith"
					 : "none";
}

static bool wanted(const struct ask *a, const struct id *record, const struct audit_note *note)
{
	const uint64_t keep = a->s->node->options.audit_keep_ms;
	const uint64_t now = a->s->event->wall_ms;

	return note->at_ms >= a->q.since_ms && (now < keep || note->at_ms >= now - keep) &&
	       (!a->q.record.len || id_equal(record, &note->record)) &&
	       (!a->q.user.len || is_user(note->user, a->q.user));
}

static int show(struct ask *a, uint64_t number, const struct audit_note *note, size_t *room)
{
	struct arena *ar = a->s->arena;
	struct ctl_audit *v =
		arena_grow(ar, a->reply.audit, a->reply.n_audit, room, sizeof(*v));

	if (!v)
		return err_new(-ENOMEM);
	a->reply.audit = v;
	v[a->reply.n_audit++] = (struct ctl_audit){ .number = number,
		.at_ms = note->at_ms,
		.user = text_of_span(ar, note->user),
		.groups = groups_text(note->groups),
		.verb = verb_words(note->verb),
		.record = id_is_zero(&note->record) ? NULL : text_of_id(ar, &note->record),
		.about = text_of_span(ar, note->about),
		.worker = text_of_span(ar, note->worker),
		.role = text_of_span(ar, note->role),
		.purpose = text_of_span(ar, note->purpose),
		.problem = note->problem ? problem_name((enum problem)note->problem) : NULL };
	return 0;
}

/* Where to begin: the row in which the note behind .after stands, or the one behind it. */
static int begin(struct ask *a, struct scan *ret)
{
	struct span found, value;
	uint8_t key[8];
	int r;

	key_write(a->q.after + 1, key);
	scan_init(ret, TABLE_AUDIT, (struct span){ 0 });
	r = row_back(a->s->view, TABLE_AUDIT, (struct span){ 0 }, SPAN_OF(key), &found, &value);
	if (r == 0)
		scan_from(ret, found);
	return r < 0 ? err_up(r) : 0;
}

int ask_audit(struct ask *a)
{
	const uint64_t most = a->q.limit && a->q.limit < PAGE_ROWS ? a->q.limit : PAGE_ROWS;
	struct id record = { 0 };
	uint64_t at = a->q.after;
	unsigned looked = 0;
	size_t room = 0;
	struct scan scan;
	int r = a->q.record.len ? ask_record(a, &record) : 0;

	if (!r)
		r = audit_write(a->s); /* of this turn, too */
	if (!r)
		r = begin(a, &scan);
	if (r)
		return r;
	while (looked < PAGE_LOOKED && a->reply.n_audit < most && r == 0) {
		struct audit_note note = { 0 };
		struct reader rd;
		uint64_t n;

		r = scan_next(&scan, a->s->view);
		if (r)
			break;
		n = key_read(scan_key(&scan));
		for (rd = row_read(scan.value);
			a->reply.n_audit < most && r == 0 && next_note(&rd, &note); n++) {
			if (n <= a->q.after)
				continue;
			looked++;
			at = n;
			if (wanted(a, &record, &note))
				r = show(a, at, &note, &room);
		}
		if (rd.bad)
			return err_new(-EUCLEAN);
	}
	if (r == 0) /* not at the end */
		a->reply.through = at;
	return r < 0 ? err_up(r) : 0;
}
