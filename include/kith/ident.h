/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Identities
 *
 * Fixed-width names of regions, incarnations, records and changes (PROTOCOL P1). They are
 * compared and sorted as bytes and say nothing about a person.
 */

#include <kith/base.h>

#define ID_LEN   16
#define HASH_LEN 32

/* A region, an incarnation or a record (P1.1, P1.2, P1.3). */
struct id {
	uint8_t b[ID_LEN];
};

/* SHA-256, or 32 bytes that stand for it (zero where the protocol says so). */
struct hash {
	uint8_t b[HASH_LEN];
};

/* One place in one record: who wrote it, in which life of its store, and the how-manieth. */
struct place {
	struct id author;
	struct id incarnation;
	uint64_t seq; /* from 1 */
};

/* A reference to a change: where it stands, with its id as a check. */
struct ref {
	struct place at;
	struct hash change;
};

#define ID_TEXT_LEN   33 /* 32 hex digits and the NUL */
#define HASH_TEXT_LEN 65

bool id_equal(const struct id *a, const struct id *b);
bool id_is_zero(const struct id *a);
int id_order(const struct id *a, const struct id *b); /* as memcmp */
bool hash_equal(const struct hash *a, const struct hash *b);
bool hash_is_zero(const struct hash *a);
bool place_equal(const struct place *a, const struct place *b);
int place_order(const struct place *a, const struct place *b); /* author, incarnation, seq */
bool ref_equal(const struct ref *a, const struct ref *b);

/* Lower-case hex into .into, which must have room for 2 * len + 1. Returns .into. */
char *hex_text(const void *bytes, size_t len, char *into);
char *id_text(const struct id *id, char into[ID_TEXT_LEN]);

/* Exactly .len bytes from 2 * len hex digits of either case; false for anything else. */
MUST_USE bool hex_parse(const char *text, size_t text_len, void *ret, size_t len);
MUST_USE bool id_parse(const char *text, struct id *ret);
