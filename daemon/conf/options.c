/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Options
 *
 * A value is checked when its line is read, so that the message can name the line.
 */

#include "daemon/conf/options.h"

#include <stdlib.h>
#include <string.h>

#include <kith/care.h>

#define TEXT(field) .at = offsetof(struct conf, field)

#define SOCKET_PATH_MAX                                                                        \
	103 /* what fits into sun_path with the suffix of a socket being made                  \
	     */
#define PATH_LEN_MAX 3000
#define ENDPOINT_MAX 128
#define KEEP_MAX     36500
#define MIB          ((uint64_t)1 << 20)
#define MAP_MIN      MIB
#define MAP_MAX      ((uint64_t)16 << 40)

/* ---- Paths and names ---- */

static bool path_good(const char *text, const char **ret_hint)
{
	*ret_hint = "give an absolute path, like \"/var/lib/kith\"";
	return text[0] == '/' && strlen(text) <= PATH_LEN_MAX;
}

static bool socket_good(const char *text, const char **ret_hint)
{
	*ret_hint = "give an absolute path of at most 103 bytes, like \"/run/kith/control\"";
	return text[0] == '/' && strlen(text) <= SOCKET_PATH_MAX;
}

static bool credential_good(const char *text, const char **ret_hint)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	*ret_hint = "give the name of a credential of the unit, like \"kith.store-key\"";
	return text[0] && text[0] != '.' && text[strspn(text, allowed)] == '\0' &&
	       strlen(text) <= 255;
}

/* ---- Endpoints ---- */

/* tcp://ADDRESS:PORT, where an address is a star, a name, IPv4 or [IPv6]. */
static bool listen_good(const char *text, const char **ret_hint)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-*:[]%_";
	const char *address = text + strlen("tcp://"), *port;
	unsigned n = 0;

	*ret_hint = "give \"tcp://*:7420\" (in quotes), or \"\" not to listen";
	if (text[0] == '\0')
		return true;
	if (strncmp(text, "tcp://", strlen("tcp://")) != 0 || strlen(text) > ENDPOINT_MAX)
		return false;
	port = strrchr(address, ':');
	if (!port || port == address || address[strspn(address, allowed)] != '\0')
		return false;
	if (port[1] == '\0' || strlen(port + 1) > 5)
		return false;
	for (const char *d = port + 1; *d; d++) {
		if (*d < '0' || *d > '9')
			return false;
		n = n * 10 + (unsigned)(*d - '0');
	}
	return n > 0 && n <= UINT16_MAX;
}

/* ---- Sizes ---- */

static bool size_parse(const char *text, uint64_t *ret)
{
	static const struct {
		const char *name;
		unsigned shift;
	} units[] = { { "MiB", 20 }, { "GiB", 30 }, { "TiB", 40 } };
	size_t digits = strspn(text, "0123456789");
	uint64_t n;

	if (digits == 0 || digits > 9)
		return false;
	n = strtoull(text, NULL, 10);
	for (size_t i = 0; i < COUNT(units); i++) {
		if (strcmp(text + digits, units[i].name) != 0)
			continue;
		*ret = n << units[i].shift; /* 30 bits and 40 */
		return *ret >> units[i].shift == n;
	}
	return false;
}

static bool map_good(const char *text, const char **ret_hint)
{
	uint64_t n;

	*ret_hint = "give a number with a unit (MiB, GiB, TiB), from 1MiB to 16TiB";
	return size_parse(text, &n) && n >= MAP_MIN && n <= MAP_MAX;
}

static void map_take(struct conf *c, const char *text)
{
	(void)size_parse(text, &c->map_size);
}

static bool map_same(const struct conf *a, const struct conf *b)
{
	return a->map_size == b->map_size;
}

static void quota_record_take(struct conf *c, const char *text)
{
	(void)size_parse(text, &c->quota_record);
}

static bool quota_record_same(const struct conf *a, const struct conf *b)
{
	return a->quota_record == b->quota_record;
}

static void quota_peer_take(struct conf *c, const char *text)
{
	(void)size_parse(text, &c->quota_peer);
}

static bool quota_peer_same(const struct conf *a, const struct conf *b)
{
	return a->quota_peer == b->quota_peer;
}

/* ---- Levels ---- */

static bool level_parse(const char *text, enum log_level *ret)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{ "error", LOG_LEVEL_ERROR },
		{ "warning", LOG_LEVEL_WARNING },
		{ "info", LOG_LEVEL_INFO },
		{ "debug", LOG_LEVEL_DEBUG },
	};

	for (size_t i = 0; i < COUNT(levels); i++) {
		if (strcmp(text, levels[i].name) != 0)
			continue;
		*ret = levels[i].level;
		return true;
	}
	return false;
}

static bool level_good(const char *text, const char **ret_hint)
{
	enum log_level level;

	*ret_hint = "give one of error, warning, info, debug";
	return level_parse(text, &level);
}

static void level_take(struct conf *c, const char *text)
{
	(void)level_parse(text, &c->log_level);
}

static bool level_same(const struct conf *a, const struct conf *b)
{
	return a->log_level == b->log_level;
}

/* ---- Limits of moves ---- */

static bool days_parse(const char *text, unsigned *ret)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	unsigned long n;

	if (strcmp(text, "never") == 0) {
		*ret = CONF_NEVER;
		return true;
	}
	if (digits == 0 || digits > 3)
		return false;
	n = strtoul(text, NULL, 10);
	if (n < 1 || n > CARE_WORKDAYS_MAX)
		return false;
	*ret = (unsigned)n;
	return *unit == '\0' || strcmp(unit, " working day") == 0 ||
	       strcmp(unit, " working days") == 0;
}

static bool days_good(const char *text, const char **ret_hint)
{
	unsigned n;

	*ret_hint = "give \"1 working day\", up to \"250 working days\" (in quotes), or never";
	return days_parse(text, &n);
}

static void warn_take(struct conf *c, const char *text)
{
	(void)days_parse(text, &c->move_warn);
}

static bool warn_same(const struct conf *a, const struct conf *b)
{
	return a->move_warn == b->move_warn;
}

static void alarm_take(struct conf *c, const char *text)
{
	(void)days_parse(text, &c->move_alarm);
}

static bool alarm_same(const struct conf *a, const struct conf *b)
{
	return a->move_alarm == b->move_alarm;
}

/* ---- The audit ---- */

static bool keep_parse(const char *text, unsigned *ret)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long n;

	if (digits == 0 || digits > 5)
		return false;
	n = strtoul(text, NULL, 10);
	if (n < 1 || n > KEEP_MAX)
		return false;
	*ret = (unsigned)n;
	return text[digits] == '\0' || strcmp(text + digits, " day") == 0 ||
	       strcmp(text + digits, " days") == 0;
}

static bool keep_good(const char *text, const char **ret_hint)
{
	unsigned n;

	*ret_hint = "give \"400 days\" (in quotes), from 1 to 36500";
	return keep_parse(text, &n);
}

static void keep_take(struct conf *c, const char *text)
{
	(void)keep_parse(text, &c->audit_keep);
}

static bool keep_same(const struct conf *a, const struct conf *b)
{
	return a->audit_keep == b->audit_keep;
}

static bool former_good(const char *text, const char **ret_hint)
{
	*ret_hint = "after-backup or never";
	return strcmp(text, "after-backup") == 0 || strcmp(text, "never") == 0;
}

static void former_take(struct conf *c, const char *text)
{
	c->keep_former = strcmp(text, "never") == 0;
}

static bool former_same(const struct conf *a, const struct conf *b)
{
	return a->keep_former == b->keep_former;
}

const struct option options[] = {
	{ "state_dir", path_good, TEXT(state_dir) },
	{ "store", path_good, TEXT(store) },
	{ "keys", path_good, TEXT(keys) },
	{ "transport_key", path_good, TEXT(transport_key) },
	{ "control_socket", socket_good, TEXT(control_socket) },
	{ "link_socket", socket_good, TEXT(link_socket) },
	{ "listen", listen_good, TEXT(listen) },
	{ "store_key_credential", credential_good, TEXT(store_key_credential) },
	{ "map_size", map_good, .take = map_take, .same = map_same },
	{ "quota_record", map_good, .take = quota_record_take, .same = quota_record_same },
	{ "quota_peer", map_good, .take = quota_peer_take, .same = quota_peer_same },
	{ "move_warn", days_good, .take = warn_take, .same = warn_same },
	{ "move_alarm", days_good, .take = alarm_take, .same = alarm_same },
	{ "audit_keep", keep_good, .take = keep_take, .same = keep_same },
	{ "log_level", level_good, .take = level_take, .same = level_same },
	{ "remove_former", former_good, .take = former_take, .same = former_same },
};
const size_t options_n = COUNT(options);
_Static_assert(COUNT(options) < CONF_OPTIONS_MAX, "parse.c has a fixed array");

static bool same(const struct option *o, const struct conf *a, const struct conf *b)
{
	const char *x, *y;

	if (o->same)
		return o->same(a, b);
	x = *(char *const *)((const char *)a + o->at);
	y = *(char *const *)((const char *)b + o->at);
	return x && y ? strcmp(x, y) == 0 : x == y;
}

size_t conf_changes(const struct conf *from, const struct conf *to,
	struct conf_change ret[CONF_OPTIONS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < options_n; i++)
		if (!same(&options[i], from, to))
			ret[n++] = (struct conf_change){ options[i].name, to->where[i] };
	return n;
}
