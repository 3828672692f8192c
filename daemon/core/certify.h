/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Certificates, inside: what issuing, checking and comparing share.
 */

#include <stdarg.h>

#include <kith/certificate.h>

#include "daemon/core/duty.h"

#define LABEL_CERTIFICATE SPAN_LIT("kith/certificate/1\0")
#define DAY_MS            INT64_C(86400000)

/* "north-west/5261bf51/7"; NULL: no memory. */
const char *place_text(const struct certified *c, const struct place *at, struct arena *a);
/* One more, like .head and with these words, while there are fewer than NOTICES_MAX. .at may
 * be NULL. 0, or < 0. */
MUST_USE int notice_add(struct arena *a, const struct certified *c, struct notice **v,
	size_t *n, const struct notice *head, const struct place *at, const char *fmt,
	va_list ap) PRINTF(7, 0);
