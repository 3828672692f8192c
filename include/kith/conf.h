/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Configuration
 *
 * kithd.conf and its drop-ins as a struct: FILE first, then FILE.d/X.conf in the order of their
 * names; a later file wins, option by option. All programs read the same files. What is wrong
 * is said as "file:line: ..." with what to do. Peers, cards and keys are not configuration.
 */

#include <kith/base.h>
#include <kith/err.h>

#define CONF_PATH           "/etc/kith/kithd.conf"
#define CONF_CREDENTIAL_LEN 32
#define CONF_OPTIONS_MAX    24

/* Verdicts. */
enum {
	CONF_E_ABSENT = 1, /* there is no such file; no credential is configured */
	CONF_E_BAD,        /* it may not be read, or something in it is wrong */
};

/* As in syslog, so that a number may be compared. */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

#define CONF_NEVER UINT32_MAX

/* Every text is set and owned, except where it says NULL. Paths are absolute. */
struct conf {
	char *state_dir;                /* /var/lib/kith */
	char *store;                    /* state_dir/store */
	char *keys;                     /* state_dir/keys, a directory */
	char *transport_key;            /* keys/transport.key */
	char *control_socket;           /* /run/kith/control */
	char *link_socket;              /* /run/kith/link */
	char *listen;                   /* an endpoint for ZeroMQ; empty: do not listen */
	char *store_key_credential;     /* of systemd, wraps the key files; NULL: they are not
					   wrapped */
	char *where[CONF_OPTIONS_MAX];  /* conf_changes() knows */
	uint64_t map_size;              /* bytes, of each LMDB environment; 256 GiB */
	uint64_t quota_record;          /* bytes of one region in one record; 256 MiB */
	uint64_t quota_peer;            /* bytes on one region's account; 16 GiB */
	unsigned audit_keep;            /* days; 400 */
	enum log_level log_level;       /* info */
	unsigned move_warn, move_alarm; /* working days; CONF_NEVER; 1 and 5 */
	bool keep_former;               /* remove_former = never; after-backup */
};

/* 0, CONF_E_ABSENT (.path itself is not there), CONF_E_BAD. *ret only on 0. */
MUST_USE int conf_load(const char *path, struct conf *ret, struct why *why);
/* As conf_load. .path NULL: CONF_PATH, and all defaults on a machine without it. */
MUST_USE int conf_given(const char *path, struct conf *ret, struct why *why);

/* One text as if it stood in the file .name, without drop-ins. 0, CONF_E_BAD. */
MUST_USE int conf_parse(const char *name, const char *text, struct conf *ret, struct why *why);

/* Which options have another value in .to than in .from, in the order of the manual: how many.
 * .where is "file:line" where .to has it from, or NULL: no file sets it any more. Borrowed from
 * .to. */
struct conf_change {
	const char *option, *where;
};
size_t conf_changes(const struct conf *from, const struct conf *to,
	struct conf_change ret[CONF_OPTIONS_MAX]);

/* All defaults: what an empty file gives. */
MUST_USE int conf_defaults(struct conf *ret);
void conf_done(struct conf *c); /* accepts what was zeroed */

/* The 32 bytes of the wrapping key, from $CREDENTIALS_DIRECTORY. CONF_E_ABSENT: none is
 * configured and key files are plain. CONF_E_BAD: it is configured and not there. */
MUST_USE int conf_credential(
	const struct conf *c, uint8_t ret[CONF_CREDENTIAL_LEN], struct why *why);
