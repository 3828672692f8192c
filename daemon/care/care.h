/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Care, inside
 *
 * What the files of this folder share: blanks and case, a stable sort, the rules by name, and
 * the text writer. None of it knows a locale.
 */

#include <errno.h>

#include <kith/care.h>
#include <kith/span.h>
#include <kith/utf8.h>

struct span trim(struct span s);
bool span_equal_any_case(struct span a, struct span b); /* ASCII letters only */
int span_order(struct span a, struct span b);
/* Length of the first character, 1 if it is none; whether a terminal may be shown it. */
size_t text_next(struct span s, bool *ret_printable);

/* Sort an array of pointers, stably. .spare has room for as many. */
typedef int order_fn(const void *a, const void *b);
void sort_stably(void *v, void *spare, size_t n, order_fn *order);

/* What an allocation that gave NULL means. Inline, so that compilers see that it is never 0. */
MUST_USE static inline int no_room(const struct arena *a)
{
	if (a->over)
		return CARE_E_BIG;
	(void)err_new(-ENOMEM);
	return -ENOMEM;
}

int32_t day_of(int year, int month, int day);

/* Rules by name; rules.c has the table in the same order. */
enum rule {
	RULE_101,
	RULE_102,
	RULE_103,
	RULE_141,
	RULE_142,
	RULE_143,
	RULE_144,
	RULE_145,
	RULE_146,
	RULE_147,
	RULE_148,
	RULE_149,
	RULE_165,
	RULE_166,
	RULE_167,
	RULE_168,
	RULE_178,
	RULE_355,
	RULE_380,
	RULE_381,
	RULE_388,
	RULE_431,
	RULE_432,
	RULE_433,
	RULE_434,
	RULE_435,
	RULE_436,
	RULE_437,
	RULE_501,
	RULE_1009,
	RULE_CELLS_FEW,
	RULE_CELLS_MANY,
	RULE_NUL,
	RULE_UTF8,
	RULE_AUTHORITY,
	RULE_YEAR,
	RULE_NO_CHILD,
	RULE_CHILD,
	RULE_BLANK,
	RULE_DATE,
	RULE_BACKWARDS,
	RULE_IDENTICAL,
	RULE_RIVALS,
	RULE_UPN_LETTER,
	RULE_QUOTE,
	RULE_OTHER_YEAR,
	RULE_DOB_DIFFERS,
	RULE_COUNT
};

static inline void fault(struct care_row *r, enum rule rule)
{
	r->faults |= (care_faults)1 << rule;
}

/* The faults that a row has on its own, form aside; part of care_row_init(). */
void check_row(struct care_row *r);
/* The faults of a child's rows against each other. .spare has room for 2 * n. */
void check_chain(struct care_row **rows, size_t n, struct care_row **spare);
