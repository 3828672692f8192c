/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Care fixture
 *
 * A return made of literal files, and short ways to ask about it.
 */

#include <string.h>

#include <kith/care.h>

struct fixture {
	struct arena arena;
	struct care_return ret;
	struct why why;
};

static inline struct span text(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

static inline bool span_equals(struct span s, const char *want)
{
	return s.len == strlen(want) && (s.len == 0 || memcmp(s.at, want, s.len) == 0);
}

static inline bool breaks(const struct care_row *r, const char *rule)
{
	const struct care_rule *list[CARE_RULES_MAX];
	size_t n = care_faults_list(r->faults, list);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i]->code, rule) == 0)
			return true;
	}
	return false;
}

/* How many rows the report counts for a rule. */
static inline uint32_t reported(const struct care_return *r, const char *rule)
{
	for (unsigned i = 0; care_rule(i) != NULL; i++) {
		if (strcmp(care_rule(i)->code, rule) == 0)
			return r->report.rules[i].rows;
	}
	return UINT32_MAX;
}

/* Authority 301 (Barking and Dagenham), the collection that ends in .year. */
static inline void fixture_init(struct fixture *f, int year)
{
	struct care_options o = { SPAN_LIT("301"), year };

	*f = (struct fixture){ 0 };
	arena_init(&f->arena, 0);
	care_return_init(&f->ret, &f->arena, &o);
}

static inline void fixture_done(struct fixture *f)
{
	arena_done(&f->arena);
}

/* The verdict of care_return_add(). */
static inline int add(struct fixture *f, const char *name, struct span bytes)
{
	return care_return_add(&f->ret, text(name), bytes, &f->why);
}

/* The only child's row that began, or was reviewed, on an ISO date. */
static inline const struct care_row *row_on(const struct fixture *f, const char *iso)
{
	char at[CARE_DATE_TEXT];

	for (size_t i = 0; i < f->ret.n_rows; i++) {
		if (strcmp(care_date_iso(f->ret.rows[i]->date, at), iso) == 0)
			return f->ret.rows[i];
	}
	return NULL;
}

#define HEADER_LINE "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\n"
#define EPISODES_LINE                                                                          \
	"CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,"             \
	"HOME_POST,PL_POST,URN\n"
#define REVIEWS_LINE "CHILD,DOB,REVIEW,REVIEW_CODE\n"
