/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the checking of certificates says, in words: days, duties, places, notices.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <kith/care.h>

#include "daemon/core/certify.h"

const char *day_text(struct arena *a, int32_t day)
{
	char text[CARE_DATE_TEXT];

	return arena_text(a, "%s",
		care_date_iso(
			(struct care_date){ .day = day, .precision = CARE_DATE_DAY }, text));
}

const char *duty_how_text(enum duty_how how)
{
	switch (how) {
	case DUTY_MADE:
		return "made the record";
	case DUTY_CUSTODIAN:
		return "custodian";
	case DUTY_ACTING:
		return "acting since it accepted";
	case DUTY_ASSUMED:
		return "assumed";
	case DUTY_FORKED:
		return "by a branch of a forked custody";
	}
	return "?";
}

const char *certified_name(const struct certified *c, const struct id *region, struct arena *a)
{
	char hex[2 * 4 + 1];

	for (size_t i = 0; i < c->n_regions; i++)
		if (id_equal(&c->regions[i].region, region))
			return c->regions[i].name;
	return arena_text(a, "%s", hex_text(region->b, 4, hex));
}

const char *place_text(const struct certified *c, const struct place *at, struct arena *a)
{
	const char *name = certified_name(c, &at->author, a);
	char hex[2 * 4 + 1];

	return name ? arena_text(a, "%s/%s/%llu", name, hex_text(at->incarnation.b, 4, hex),
			      (unsigned long long)at->seq)
		    : NULL;
}

int notice_add(struct arena *a, const struct certified *c, struct notice **v, size_t *n,
	const struct notice *head, const struct place *at, const char *fmt, va_list ap)
{
	struct notice f = *head;
	char words[300];

	if (*n == NOTICES_MAX)
		return 0;
	if (!*v)
		*v = arena_array(a, NOTICES_MAX, sizeof(**v));
	if (!*v)
		return err_new(-ENOMEM);
	(void)vsnprintf(words, sizeof(words), fmt, ap);
	f.text = arena_text(a, "%s", words);
	if (at) {
		f.has_place = true;
		f.at = *at;
		f.where = place_text(c, at, a);
	}
	if (!f.text || (at && !f.where))
		return err_new(-ENOMEM);
	(*v)[(*n)++] = f;
	return 0;
}
