/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Certificates
 *
 * Checking a certificate of continuous responsibility (PROTOCOL P11) from its bytes alone: no
 * store, no daemon, nobody's word. Who was responsible is worked out again from the signed
 * changes in the file and compared with what the issuer says. What is wrong is said as
 * notices: which rule, where, in words that name regions and no person.
 */

#include <kith/arena.h>
#include <kith/crypto.h>
#include <kith/wire.h>

/* .wrong: the certificate does not prove what it says. Otherwise something to know. */
struct notice {
	bool wrong, has_place;
	const char *rule;  /* "P3.1" */
	struct place at;   /* of a change, when .has_place */
	const char *where; /* the same, "north-west/5261bf51/7"; NULL: about the file as a whole
			    */
	const char *text;  /* in the arena, or static */
};
#define NOTICES_MAX 32

struct certified_region {
	struct id region;
	struct hash fingerprint; /* of its newest card in the file (P1.7) */
	char name[REGION_NAME_MAX];
};

struct reckoning;
struct certified {
	bool read;       /* .said, .regions: as the file has them, proven or not */
	bool reckoned;   /* .duties, .forked */
	bool forked;     /* two Releases of one term (P6.10) */
	bool continuous; /* somebody on every day since the record was made (P11.8) */
	bool proven;     /* nothing is wrong */
	struct statement said;
	struct certified_region *regions;
	size_t n_regions;
	struct duty *duties; /* what the changes in the file amount to, within the question */
	size_t n_duties;
	const struct reckoning *by;
	struct notice *notices; /* the first of what is wrong comes first */
	size_t n_notices;
};
/* 0, and everything in .ret, which lives as long as .file and the arena; < 0 when memory or
 * OpenSSL failed. Any bytes may be given. */
MUST_USE int certificate_check(
	struct crypto *c, struct span file, struct arena *a, struct certified *ret);

/* Whether .n certificates, each checked and proven, contradict each other (P11.9): *ret_n
 * notices, none when they agree. */
MUST_USE int certificates_agree(const struct certified *v, size_t n, struct arena *a,
	struct notice **ret, size_t *ret_n);

/* The name that the file's card gives a region, or the first digits of its id. */
const char *certified_name(const struct certified *c, const struct id *region, struct arena *a);
const char *duty_how_text(enum duty_how how); /* "made the record" */
/* yyyy-mm-dd, in the arena. */
const char *day_text(struct arena *a, int32_t day);
