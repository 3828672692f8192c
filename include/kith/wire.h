/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Wire
 *
 * Signed things as plain structs on our side, as bytes on the other: headers, changes, control
 * bodies, sealed bodies, cards. The only door: nothing past it knows protobuf. Decoders borrow
 * from the bytes where they can and put the rest into an arena; what they return is valid as
 * long as both. Peers' bytes cause the verdicts below, -ENOMEM when memory is out, nothing
 * else.
 */

#include <kith/arena.h>
#include <kith/crypto.h>
#include <kith/err.h>
#include <kith/ident.h>

enum {
	WIRE_E_MALFORMED = 1, /* not an encoding of the message, or beyond its limits */
	WIRE_E_RANGE,         /* decodes, but a field is outside what the protocol allows */
	WIRE_E_BUDGET,        /* would need more memory than its arena may give */
};

#define HEADER_MAX      208
#define BODY_PLAIN_MAX  65536
#define BODY_SEALED_MAX SEALED_LEN(BODY_PLAIN_MAX)
#define FRAME_MAX       262144
#define RUN_CHANGES_MAX 256
#define RUN_BYTES_MAX   (192 * 1024)
#define BUNDLE_MAX      6144
#define BATCH_MAX       4096                              /* heads in one batch (P3.6) */
#define SIGNATURE_MAX   (SIG_LEN + 2 * 4 + 12 * HASH_LEN) /* of a change, of either form */
#define HEADER_VERSION  1

/* Header (P2.1). */
enum { FLAG_CONTROL = 1, FLAG_MUST_UNDERSTAND = 2 };
struct header {
	struct id record;
	struct place at;
	struct hash prev, body_hash, content_root;
	uint32_t version, key_epoch, key_class, flags;
};
/* Canonical (P2.2) and in range (P2.4, P2.7), or a verdict. */
MUST_USE int wire_header_decode(struct span bytes, struct header *ret);
size_t wire_header_encode(const struct header *h, uint8_t into[HEADER_MAX]);

/* A change as bytes (P2.6). .signature.len is 0, SIG_LEN, or that of a batch (P3.6). */
struct wire_change {
	struct span header, signature, body;
};
MUST_USE int wire_change_decode(struct span bytes, struct wire_change *ret); /* borrows only */
MUST_USE int wire_change_encode(const struct wire_change *c, struct arena *a, struct span *ret);

enum date_precision { DATE_UNKNOWN, DATE_YEAR, DATE_MONTH, DATE_DAY };
struct date {
	int32_t day; /* since 1970-01-01 */
	enum date_precision precision;
};

/* Control bodies (P6.1). The numbers are the protocol's. */
#define HEADS_MAX 256 /* of a manifest or a removal */
#define KEYS_MAX  64  /* commitments in one change */
enum control_kind {
	CONTROL_GENESIS = 1,
	CONTROL_CIRCLE,
	CONTROL_OFFER,
	CONTROL_WITHDRAW,
	CONTROL_ACCEPT,
	CONTROL_DECLINE,
	CONTROL_STAND_DOWN,
	CONTROL_RELEASE,
	CONTROL_KEY_EPOCH,
	CONTROL_CLOSE,
	CONTROL_ERASURE,
	CONTROL_ASSUME,
	CONTROL_RESOLVE,
	CONTROL_UNKNOWN /* any other number: kept, see (P6.11) */
};
enum role { ROLE_NONE, ROLE_CUSTODIAN, ROLE_WRITER, ROLE_READER };

struct head {
	struct place at;
	struct hash change;
};
struct key_commitment {
	uint32_t epoch, class;
	struct hash commitment;
};
struct circle_row {
	struct id region;
	enum role role;
	uint32_t classes; /* bit per class 0..31 */
	uint32_t first_epoch;
	bool guardian;
};
struct removal {
	struct id region;
	struct head *last;
	size_t n_last;
	uint32_t keep;
};
struct manifest {
	struct head *heads;
	size_t n_heads;
	struct hash blobs;
	struct key_commitment *keys;
	size_t n_keys;
	struct head *lacks;
	size_t n_lacks;
};
struct control {
	enum control_kind kind;
	uint32_t kind_number; /* as it came */
	struct date date;
	uint64_t clock, term;
	bool has_right, has_before, has_words, has_offer, has_accept, has_withdraw;
	struct ref right, before, words, offer, accept, withdraw;
	uint8_t random[32]; /* genesis */
	uint32_t suite;
	struct circle_row *set; /* circle */
	size_t n_set;
	struct removal *removed;
	size_t n_removed;
	struct id to;      /* offer, assume, resolve */
	uint32_t code;     /* offer, decline, assume, resolve */
	bool has_manifest; /* offer, release */
	struct manifest manifest;
	struct key_commitment *keys; /* genesis, key epoch */
	size_t n_keys;
	struct ref *votes; /* assume, resolve: what the one that leads rests on */
	size_t n_votes;
	struct head last; /* close, resolve */
};
/* Every field that the kind needs is there and in range; the kinds' own fields only. */
MUST_USE int wire_control_decode(struct span bytes, struct arena *a, struct control *ret);
MUST_USE int wire_control_encode(const struct control *c, struct arena *a, struct span *ret);

/* Bodies (P4.5). */
enum entry_kind {
	ENTRY_NOTE = 1,
	ENTRY_ALIAS,
	ENTRY_ROW,
	ENTRY_ACCESS,
	ENTRY_WORDS,
	ENTRY_WORKER
};
struct entry_ref {
	struct ref change;
	uint32_t index;
};
struct wire_cell {
	struct span column, value;
};
struct wire_row {
	uint32_t table, line, year, copies;
	struct span authority, file;
	struct wire_cell *cells;
	size_t n_cells;
	struct span *faults;
	size_t n_faults;
};
/* Text spans are UTF-8 without NUL (checked), cells any bytes. Empty means not there. */
struct entry {
	uint32_t kind; /* enum entry_kind, or a number we do not know */
	bool has_effective;
	struct date effective;
	struct entry_ref *supersedes, *corrects;
	size_t n_supersedes, n_corrects;
	struct span title, text;
	bool has_row, has_alias, has_access, has_worker;
	struct wire_row row;
	struct {
		struct span authority, child;
	} alias;
	struct {
		struct span who, role, purpose;
		uint32_t kind, what;
	} access;
	struct {
		struct span name, role, team;
		uint64_t received_ms, complete_ms; /* 0: not said */
	} worker;
};
struct body {
	uint8_t seed[32];
	uint64_t clock; /* milliseconds << 16 | counter */
	struct span worker, role, source;
	struct ref *deps;
	size_t n_deps;
	struct entry *entries;
	size_t n_entries;
};
/* The Body message without padding. */
MUST_USE int wire_body_decode(struct span bytes, struct arena *a, struct body *ret);
MUST_USE int wire_body_encode(const struct body *b, struct arena *a, struct span *ret);
/* As encode, padded as (P4.3); WIRE_E_RANGE when over 65,532 bytes. */
MUST_USE int wire_body_pad(struct span body, struct arena *a, struct span *ret);
MUST_USE int wire_body_unpad(struct span padded, struct span *ret);
/* How many bytes an entry adds to a body, to fill bodies without trial. */
size_t wire_entry_size(const struct entry *e);

/* The leaves of a Body's encoding in order (P4.4). Returns WIRE_E_MALFORMED on bad encodings,
 * else what the last call of .leaf gave (0 goes on). */
struct leaf {
	uint32_t entry, field, occurrence;
	struct span raw;
};
MUST_USE int wire_body_leaves(
	struct span body, int (*leaf)(void *ctx, const struct leaf *l), void *ctx);

/* Cards (P1.4 to P1.6). */
#define CARDS_MAX        16
#define INCARNATIONS_MAX 64
#define CURVE_KEYS_MAX   2
#define ENDPOINTS_MAX    4
#define REGION_NAME_MAX  64 /* with its NUL */
#define ENDPOINT_MAX     128
struct card {
	uint32_t version;
	struct hash before, next_root;
	struct pubkey root_key, control_key, kem_key;
	struct pubkey curve_keys[CURVE_KEYS_MAX];
	size_t n_curve_keys;
	char endpoints[ENDPOINTS_MAX][ENDPOINT_MAX];
	size_t n_endpoints;
	char name[REGION_NAME_MAX];
};
enum incarnation_status { INCARNATION_OPEN = 1, INCARNATION_CLOSED, INCARNATION_COMPROMISED };
struct incarnation {
	struct id id;
	uint64_t number;
	struct pubkey key;
	enum incarnation_status status;
};
struct incarnations {
	struct id region;
	uint64_t version;
	struct incarnation *v;
	size_t n;
};
struct signed_bytes {
	struct span bytes, signature; /* signature.len == SIG_LEN */
};
struct bundle {
	struct signed_bytes *cards;
	size_t n_cards;
	struct signed_bytes incarnations;
};
MUST_USE int wire_card_decode(struct span bytes, struct card *ret);
MUST_USE int wire_card_encode(const struct card *c, struct arena *a, struct span *ret);
MUST_USE int wire_incarnations_decode(
	struct span bytes, struct arena *a, struct incarnations *ret);
MUST_USE int wire_incarnations_encode(
	const struct incarnations *l, struct arena *a, struct span *ret);
MUST_USE int wire_bundle_decode(struct span bytes, struct arena *a, struct bundle *ret);
MUST_USE int wire_bundle_encode(const struct bundle *b, struct arena *a, struct span *ret);

/* One piece of an export (P9.1). All optional; pieces concatenate. */
struct export_piece {
	bool head; /* format, record, by, at */
	bool has_key, has_state_hash;
	struct id record, by;
	uint64_t at_ms;
	struct span bundle;           /* empty: none */
	struct key_commitment key_of; /* .commitment unused */
	const struct secret *key;
	const struct wire_change *change; /* NULL: none */
	struct hash state_hash;
};
MUST_USE int wire_export_encode(
	const struct export_piece *p, struct arena *a, struct span *ret);

/* Certificates (P11). Days since 1970-01-01, both ends included. */
#define CERTIFICATE_MAX       (1024 * 1024)
#define CERTIFICATE_PATH_MAX  2048
#define CERTIFICATE_CARDS_MAX 128
enum duty_how { DUTY_MADE = 1, DUTY_CUSTODIAN, DUTY_ACTING, DUTY_ASSUMED, DUTY_FORKED };
struct duty {
	struct id region;
	uint64_t term;
	int32_t from, to;
	enum duty_how how;
	bool open; /* had not ended, as far as is known */
};
struct statement {
	struct id record, by, incarnation;
	uint64_t at_ms, log;
	int32_t from, to;
	struct head *held, *lacks;
	size_t n_held, n_lacks;
	struct duty *duties;
	size_t n_duties;
};
struct certificate {
	uint32_t format;
	struct signed_bytes statement;
	struct span *cards;
	size_t n_cards;
	struct wire_change *path;
	size_t n_path;
};
MUST_USE int wire_certificate_decode(
	struct span bytes, struct arena *a, struct certificate *ret);
MUST_USE int wire_certificate_encode(
	const struct certificate *c, struct arena *a, struct span *ret);
MUST_USE int wire_statement_decode(struct span bytes, struct arena *a, struct statement *ret);
MUST_USE int wire_statement_encode(
	const struct statement *s, struct arena *a, struct span *ret);

/* UTF-8 without NUL and without overlong forms. */
bool wire_text_ok(struct span s);
