/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Audit
 *
 * A row for each request about a record or for an administrator, done or refused: who asked
 * what, in which role and why. It is written in the turn of what it tells of. Only people of
 * this machine are in it; what others see of a reading is the access entry in the record.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/ask.h"

#define ROW_FORM    1
#define ABOUT_MAX   100  /* bytes of what else was named */
#define ROW_MAX     4096 /* three words of 1,000 bytes, a user and the rest */
#define FORGET_MAX  4    /* old rows that go when a new one comes */
#define PAGE_ROWS   1000 /* in one reply */
#define PAGE_LOOKED 20000

struct audit_row {
	uint64_t at_ms;
	uint32_t verb, problem;
	uint8_t groups;
	struct id record; /* zero: none, or none that is known */
	struct span user, worker, role, purpose, about;
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

static size_t row_write(const struct audit_row *row, uint8_t into[ROW_MAX])
{
	struct writer w = writer_of(into, ROW_MAX);

	put_u8(&w, ROW_FORM);
	put_u64(&w, row->at_ms);
	put_u32(&w, row->verb);
	put_u32(&w, row->problem);
	put_u8(&w, row->groups);
	put_bytes(&w, row->record.b, ID_LEN);
	put_text(&w, row->user);
	put_text(&w, row->worker);
	put_text(&w, row->role);
	put_text(&w, row->purpose);
	put_text(&w, row->about);
	return w.over ? 0 : w.len;
}

static bool row_read(struct span value, struct audit_row *ret)
{
	struct reader r = reader_of(value);
	bool known = get_u8(&r) == ROW_FORM;

	ret->at_ms = get_u64(&r);
	ret->verb = get_u32(&r);
	ret->problem = get_u32(&r);
	ret->groups = get_u8(&r);
	get_into(&r, ret->record.b, ID_LEN);
	ret->user = get_text(&r);
	ret->worker = get_text(&r);
	ret->role = get_text(&r);
	ret->purpose = get_text(&r);
	ret->about = get_text(&r);
	return known && !r.bad && r.left == 0;
}

static void key_write(uint64_t n, uint8_t into[8])
{
	struct writer w = writer_of(into, 8);

	put_u64(&w, n);
}

static uint64_t key_read(const struct scan *s)
{
	struct reader r = reader_of((struct span){ s->key, s->key_len });

	return get_u64(&r);
}

/* ---- Noting ---- */

/* What is too old goes, a few rows at a time. */
static int forget_old(struct step *s)
{
	const uint64_t keep = s->node->options.audit_keep_ms, now = s->event->wall_ms;
	struct audit_row row;
	struct scan scan;
	int r = 0;

	if (now < keep)
		return 0;
	for (unsigned i = 0; i < FORGET_MAX && r == 0; i++) {
		scan_init(&scan, TABLE_AUDIT, (struct span){ 0 });
		r = scan_next(&scan, s->view);
		if (r == 0 && row_read(scan.value, &row) && row.at_ms >= now - keep)
			return 0;
		if (r == 0)
			r = row_del(
				s->view, TABLE_AUDIT, (struct span){ scan.key, scan.key_len });
	}
	return r < 0 ? err_up(r) : 0;
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
	const char *text;

	if (a->q.n_children) {
		text = arena_text(a->s->arena, "%zu children", a->q.n_children);
		return text ? (struct span){ (const uint8_t *)text, strlen(text) }
			    : (struct span){ 0 };
	}
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
	uint8_t key[8], *value;
	struct audit_row row;
	size_t len;
	int r;

	/* When nothing fits any more, reading goes on and is not noted. */
	if (!n->options.audit_keep_ms || !is_noted(a) || n->disk_out)
		return 0;
	row = (struct audit_row){ .at_ms = s->event->wall_ms,
		.verb = a->q.verb,
		.problem = (uint32_t)problem,
		.groups = (uint8_t)s->event->groups,
		.record = record_of(a),
		.user = cut((struct span){ (const uint8_t *)user, strlen(user) }, 200),
		.worker = a->q.worker,
		.role = a->q.role,
		.purpose = a->q.purpose,
		.about = about_of(a) };
	value = arena_alloc(s->arena, ROW_MAX);
	if (!value)
		return err_new(-ENOMEM);
	len = row_write(&row, value);
	key_write(n->audit_next, key);
	r = forget_old(s);
	if (r == 0)
		r = row_append(s->view, TABLE_AUDIT, SPAN_OF(key), (struct span){ value, len });
	if (r)
		return err_odd(r);
	n->audit_next++;
	return 0;
}

/* ---- Showing ---- */

static bool is(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* .user is "uid 1000 (jo)"; 1000, jo and all of it mean him. */
static bool is_user(struct span user, struct span wanted)
{
	static const char before[] = "uid ";
	const size_t skip = sizeof(before) - 1;
	struct span rest, number;
	const uint8_t *space;

	if (is(user, wanted))
		return true;
	if (user.len < skip || memcmp(user.at, before, skip) != 0)
		return false;
	rest = (struct span){ user.at + skip, user.len - skip };
	space = memchr(rest.at, ' ', rest.len);
	number = (struct span){ rest.at, space ? (size_t)(space - rest.at) : rest.len };
	if (is(number, wanted))
		return true;
	/* " (jo)" */
	return space && rest.len > number.len + 3 &&
	       is((struct span){ space + 2, rest.len - number.len - 3 }, wanted);
}

static const char *groups_text(unsigned groups)
{
	return groups & GROUP_ADMIN      ? "kith-admin"
	       : groups & GROUP_APP      ? "kith-app"
	       : groups & GROUP_OPERATOR ? "kith-operator"
	       : groups & GROUP_LOOK     ? "kith"
					 : "none";
}

static bool wanted(const struct ask *a, const struct id *record, const struct audit_row *row)
{
	const uint64_t keep = a->s->node->options.audit_keep_ms;
	const uint64_t now = a->s->event->wall_ms;

	return row->at_ms >= a->q.since_ms && (now < keep || row->at_ms >= now - keep) &&
	       (!a->q.record.len || id_equal(record, &row->record)) &&
	       (!a->q.user.len || is_user(row->user, a->q.user));
}

static int show(struct ask *a, uint64_t number, const struct audit_row *row, size_t *room)
{
	struct arena *ar = a->s->arena;
	struct ctl_audit *v =
		arena_grow(ar, a->reply.audit, a->reply.n_audit, room, sizeof(*v));

	if (!v)
		return err_new(-ENOMEM);
	a->reply.audit = v;
	v[a->reply.n_audit++] = (struct ctl_audit){ .number = number,
		.at_ms = row->at_ms,
		.user = text_of_span(ar, row->user),
		.groups = groups_text(row->groups),
		.verb = verb_words(row->verb),
		.record = id_is_zero(&row->record) ? NULL : text_of_id(ar, &row->record),
		.about = text_of_span(ar, row->about),
		.worker = text_of_span(ar, row->worker),
		.role = text_of_span(ar, row->role),
		.purpose = text_of_span(ar, row->purpose),
		.problem = row->problem ? problem_name((enum problem)row->problem) : NULL };
	return 0;
}

int ask_audit(struct ask *a)
{
	const uint64_t most = a->q.limit && a->q.limit < PAGE_ROWS ? a->q.limit : PAGE_ROWS;
	struct id record = { 0 };
	uint64_t at = a->q.after;
	size_t room = 0;
	struct scan scan;
	uint8_t key[8];
	int r = a->q.record.len ? ask_record(a, &record) : 0;

	if (r)
		return r;
	key_write(a->q.after + 1, key);
	scan_init(&scan, TABLE_AUDIT, (struct span){ 0 });
	scan_from(&scan, SPAN_OF(key));
	for (unsigned i = 0; i < PAGE_LOOKED && a->reply.n_audit < most && r == 0; i++) {
		struct audit_row row;

		r = scan_next(&scan, a->s->view);
		if (r)
			break;
		if (!row_read(scan.value, &row))
			return err_new(-EUCLEAN);
		at = key_read(&scan);
		if (wanted(a, &record, &row))
			r = show(a, at, &row, &room);
	}
	if (r == 0) /* not at the end */
		a->reply.through = at;
	return r < 0 ? err_up(r) : 0;
}
