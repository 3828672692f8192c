/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Meaning
 *
 * What a row says about a child, short enough for a list or one line of a timeline. The row
 * itself stays the truth: what is cut or replaced here is still whole there.
 */

#include "daemon/care/care.h"

#include <string.h>

struct line {
	char *at;
	size_t len, room; /* .room without the final NUL */
};

/* The part of a character that does not fit stays away. */
static void put_char(struct line *l, const uint8_t *bytes, size_t n)
{
	if (n > l->room - l->len) {
		l->room = l->len;
		return;
	}
	memcpy(l->at + l->len, bytes, n);
	l->len += n;
}

static void put_value(struct line *l, struct span s)
{
	while (s.len > 0 && l->len < l->room) {
		bool printable;
		size_t n = text_next(s, &printable);

		put_char(l, printable ? s.at : (const uint8_t *)"?", printable ? n : 1);
		s.at += n;
		s.len -= n;
	}
}

static void put(struct line *l, const char *text)
{
	put_value(l, span_of(text));
}

static bool upper_at(const char *s, size_t i)
{
	return s[i] >= 'A' && s[i] <= 'Z';
}

/* A code and what it means, in the middle of a sentence: "C2 full care order". */
static void put_code(struct line *l, enum care_set set, struct span code)
{
	const char *meaning = care_code_meaning(set, code);
	uint8_t first;

	put_value(l, code);
	if (meaning == NULL) {
		put(l, " (unknown code)");
		return;
	}
	put(l, " ");
	first = (uint8_t)meaning[0];
	if (upper_at(meaning, 0) && !upper_at(meaning, 1) && set != CARE_SET_ETHNIC)
		first = (uint8_t)(first - 'A' + 'a');
	put_value(l, (struct span){ &first, 1 });
	put(l, meaning + 1);
}

static void put_coded(struct line *l, const char *before, enum care_set set, struct span code)
{
	if (code.len == 0)
		return;
	put(l, before);
	put_code(l, set, code);
}

/* As people write it; what is not a date stands as it came. */
static void put_date(struct line *l, const struct care_row *r, struct span cell)
{
	char text[CARE_DATE_TEXT];
	struct care_date d;

	if (cell.len == 0) {
		put(l, "(no date)");
		return;
	}
	if (care_date_parse(cell, r->year, &d) == 0)
		put(l, care_date_text(d, text));
	else
		put_value(l, cell);
}

static void episode_title(struct line *l, const struct care_row *r)
{
	struct span dec = care_row_value(r, "DEC"), rec = care_row_value(r, "REC");

	put(l, "Episode from ");
	put_date(l, r, r->date_text);
	put_coded(l, ": LS ", CARE_SET_LS, care_row_value(r, "LS"));
	put_coded(l, ", placement ", CARE_SET_PLACE, care_row_value(r, "PLACE"));
	if (dec.len == 0) {
		put_coded(l, ", open, although with a reason for ending, ", CARE_SET_REC, rec);
		put(l, rec.len == 0 ? ", open" : "");
		return;
	}
	put(l, ", ended ");
	put_date(l, r, dec);
	put_coded(l, " ", CARE_SET_REC, rec);
}

static void header_title(struct line *l, const struct care_row *r)
{
	put(l, "Header: born ");
	put_date(l, r, care_row_value(r, "DOB"));
	put_coded(l, ", sex ", CARE_SET_SEX, care_row_value(r, "SEX"));
	put_coded(l, ", ethnicity ", CARE_SET_ETHNIC, care_row_value(r, "ETHNIC"));
}

size_t care_row_title(const struct care_row *r, char *into, size_t room)
{
	struct line l = { into, 0, room - 1 };

	if (room == 0)
		return 0;
	if (r->table == CARE_EPISODES) {
		episode_title(&l, r);
	} else if (r->table == CARE_HEADER) {
		header_title(&l, r);
	} else {
		put(&l, r->table == CARE_REVIEWS ? "Review on " : care_table_name(r->table));
		if (r->table == CARE_REVIEWS)
			put_date(&l, r, r->date_text);
		put_coded(&l, ": ", CARE_SET_REVIEW_CODE, care_row_value(r, "REVIEW_CODE"));
	}
	into[l.len] = '\0';
	return l.len;
}

static void keep_text(char into[CARE_TEXT], struct span s)
{
	struct line l = { into, 0, CARE_TEXT - 1 };

	memset(into, 0, CARE_TEXT);
	put_value(&l, s);
}

static bool later_or_same(struct care_date d, struct care_date than)
{
	if (!care_date_known(d))
		return !care_date_known(than);
	return !care_date_known(than) || d.day >= than.day;
}

static void apply_episode(struct care_summary *s, const struct care_row *r)
{
	if (s->episodes++ > 0 && !later_or_same(r->date, s->decom))
		return;
	s->decom = r->date;
	if (care_date_parse(care_row_value(r, "DEC"), r->year, &s->dec) != 0)
		s->dec = (struct care_date){ 0, CARE_NO_DATE };
	keep_text(s->rne, care_row_value(r, "RNE"));
	keep_text(s->ls, care_row_value(r, "LS"));
	keep_text(s->place, care_row_value(r, "PLACE"));
	keep_text(s->rec, care_row_value(r, "REC"));
}

void care_summary_apply(struct care_summary *s, const struct care_row *r)
{
	struct care_date dob;

	if (r->table == CARE_EPISODES)
		apply_episode(s, r);
	if (r->table == CARE_REVIEWS) {
		s->reviews++;
		if (later_or_same(r->date, s->review))
			s->review = r->date;
	}
	if (r->table != CARE_HEADER)
		return;
	s->headers++;
	/* A blank says nothing, so it takes nothing away. */
	if (care_row_value(r, "SEX").len > 0)
		keep_text(s->sex, care_row_value(r, "SEX"));
	if (care_date_parse(care_row_value(r, "DOB"), r->year, &dob) == 0)
		s->dob = dob;
}

bool care_summary_moved(const struct care_summary *s)
{
	return s->dec.precision != CARE_NO_DATE && strcmp(s->rec, "E3") == 0;
}
