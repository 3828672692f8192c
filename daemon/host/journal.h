/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Journal
 *
 * One line of what happened: to the journal with fields when standard error is the journal,
 * else in plain words to standard error. Never a name, a birth date or any content of a record.
 */

#include <syslog.h>

#include <kith/err.h>

/* Fields of the journal; what is NULL is left out. */
struct about {
	const char *peer;    /* KITH_PEER=: a region's name, or its id in hex */
	const char *record;  /* KITH_RECORD=: its id in hex */
	const char *verdict; /* KITH_VERDICT= */
	const char *id;      /* MESSAGE_ID=: 32 hex digits, explained in the catalog */
};

/* Ids of what kithd itself says; those of tells stand in tell.c. All are in the catalog. */
#define LOG_ID_FULL    "4b0f2f6c0d7a4b6fa3c1f7f7a52e9c10"
#define LOG_ID_DAMAGED "0a6d3a53d6a84f0c8d26c8a3a1c9b5e2"
#define LOG_ID_BROKEN  "7c2e58f19b4b4c27b1d0e0c8f64d7a93"
#define LOG_ID_IO      "e1d79c0b6f514f0a9a3b8e5d2c6470f8"

/* Looks at JOURNAL_STREAM. .level: a syslog priority; what is less urgent is not said. */
void journal_open(int level);
void journal_set_level(int level);
bool journal_hears(int priority); /* a line of that urgency is written */
/* .about may be NULL. Control characters of foreign text are shown as '?'. */
void journal_say(int priority, const struct about *about, const char *fmt, ...) PRINTF(3, 4);
/* The trail of the latest fatal error, and forget it. */
void journal_trail(void);
