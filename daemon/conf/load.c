/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Load
 *
 * Files in their order over an empty struct, and at the end what nobody said.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/conf/parse.h"

#define FILE_MAX    (1024 * 1024) /* bytes; a configuration has some hundred */
#define DROPINS_MAX 256
#define SUFFIX      ".conf"

static void heap_done(char **p)
{
	free(*p);
}

static void fd_done(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

void conf_done(struct conf *c)
{
	free(c->state_dir);
	free(c->store);
	free(c->keys);
	free(c->transport_key);
	free(c->control_socket);
	free(c->link_socket);
	free(c->listen);
	free(c->store_key_credential);
	for (size_t i = 0; i < COUNT(c->where); i++)
		free(c->where[i]);
	*c = (struct conf){ .map_size = 0 };
}

/* .field, if nobody set it: .dir/.rest. */
static int fall_back(char **field, const char *dir, const char *rest)
{
	if (*field)
		return 0;
	if (asprintf(field, "%s%s", dir, rest) < 0) {
		*field = NULL;
		return err_new(-ENOMEM);
	}
	return 0;
}

static int finish(struct conf *c)
{
	int r;

	if (c->map_size == 0)
		c->map_size = (uint64_t)256 << 30;
	if (c->quota_record == 0)
		c->quota_record = (uint64_t)256 << 20;
	if (c->quota_peer == 0)
		c->quota_peer = (uint64_t)16 << 30;
	if (c->audit_keep == 0)
		c->audit_keep = 400;
	if (c->log_level == 0)
		c->log_level = LOG_LEVEL_INFO;
	if (c->move_warn == 0)
		c->move_warn = 1;
	if (c->move_alarm == 0)
		c->move_alarm = 5;
	r = fall_back(&c->state_dir, "", "/var/lib/kith");
	if (r == 0)
		r = fall_back(&c->store, c->state_dir, "/store");
	if (r == 0)
		r = fall_back(&c->keys, c->state_dir, "/keys");
	if (r == 0)
		r = fall_back(&c->transport_key, c->keys, "/transport.key");
	if (r == 0)
		r = fall_back(&c->control_socket, "", "/run/kith/control");
	if (r == 0)
		r = fall_back(&c->link_socket, "", "/run/kith/link");
	if (r == 0)
		r = fall_back(&c->listen, "", "");
	return r < 0 ? err_up(r) : 0;
}

/* Bytes of a whole file; a file over .max is CONF_E_BAD. */
static int slurp(const char *path, size_t max, char **ret, size_t *ret_len, struct why *why)
{
	CLEANUP(fd_done) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(heap_done) char *text = NULL;
	struct stat st;
	size_t len = 0;
	ssize_t n;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		why_set(why, "there is no %s", path);
		return CONF_E_ABSENT;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		why_set(why, "%s cannot be opened: %s", path, strerror(errno));
		return CONF_E_BAD;
	}
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size > max) {
		why_set(why, "%s is not a file of at most %zu bytes", path, max);
		return CONF_E_BAD;
	}
	text = malloc(max + 1);
	if (!text)
		return err_new(-ENOMEM);
	while (len <= max && (n = read(fd, text + len, max + 1 - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			why_set(why, "%s cannot be read: %s", path, strerror(errno));
			return CONF_E_BAD;
		}
		len += (size_t)n;
	}
	if (len > max) {
		why_set(why, "%s grew while it was read", path);
		return CONF_E_BAD;
	}
	*ret = TAKE(text);
	*ret_len = len;
	return 0;
}

static int overlay_file(const char *path, struct conf *c, struct why *why)
{
	CLEANUP(heap_done) char *text = NULL;
	size_t len;
	int r;

	r = slurp(path, FILE_MAX, &text, &len, why);
	if (r == 0)
		r = conf_overlay(path, text, len, c, why);
	return r < 0 ? err_up(r) : r;
}

static int is_dropin(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > strlen(SUFFIX) &&
	       strcmp(e->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int overlay_dropins(const char *path, struct conf *c, struct why *why)
{
	CLEANUP(heap_done) char *dir = NULL;
	struct dirent **e = NULL;
	int n, r = 0;

	if (asprintf(&dir, "%s.d", path) < 0) {
		dir = NULL;
		return err_new(-ENOMEM);
	}
	n = scandir(dir, &e, is_dropin, by_bytes);
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0 || n > DROPINS_MAX) {
		why_set(why, "%s cannot be listed: %s", dir,
			n < 0 ? strerror(errno) : "too many files");
		r = CONF_E_BAD;
	}
	for (int i = 0; i < n; i++) {
		CLEANUP(heap_done) char *file = NULL;

		if (r == 0 && asprintf(&file, "%s/%s", dir, e[i]->d_name) < 0) {
			file = NULL;
			r = err_new(-ENOMEM);
		}
		if (r == 0)
			r = overlay_file(file, c, why);
		free(e[i]);
	}
	free(e);
	if (r == CONF_E_ABSENT) /* gone since it was listed, or a link to nowhere */
		r = CONF_E_BAD;
	return r < 0 ? err_up(r) : r;
}

/* Hands over what is whole, and clears the rest. */
static int give(int r, struct conf *c, struct conf *ret)
{
	if (r == 0)
		r = finish(c);
	if (r != 0) {
		conf_done(c);
		return r < 0 ? err_up(r) : r;
	}
	*ret = *c;
	return 0;
}

int conf_load(const char *path, struct conf *ret, struct why *why)
{
	struct conf c = { .map_size = 0 };
	int r;

	r = overlay_file(path, &c, why);
	if (r == 0)
		r = overlay_dropins(path, &c, why);
	return give(r, &c, ret);
}

int conf_parse(const char *name, const char *text, struct conf *ret, struct why *why)
{
	struct conf c = { .map_size = 0 };

	return give(conf_overlay(name, text, strlen(text), &c, why), &c, ret);
}

int conf_defaults(struct conf *ret)
{
	struct conf c = { .map_size = 0 };

	return give(0, &c, ret);
}

int conf_given(const char *path, struct conf *ret, struct why *why)
{
	int r = conf_load(path ? path : CONF_PATH, ret, why);

	if (r == CONF_E_ABSENT && !path)
		r = conf_defaults(ret);
	return r < 0 ? err_up(r) : r;
}

int conf_credential(const struct conf *c, uint8_t ret[CONF_CREDENTIAL_LEN], struct why *why)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	CLEANUP(heap_done) char *path = NULL;
	CLEANUP(heap_done) char *bytes = NULL;
	size_t len;
	int r;

	if (!c->store_key_credential)
		return CONF_E_ABSENT;
	if (!dir) {
		why_set(why,
			"the credential %s is configured, but systemd gave none: see "
			"LoadCredential= of the unit, or unset store_key_credential",
			c->store_key_credential);
		return CONF_E_BAD;
	}
	if (asprintf(&path, "%s/%s", dir, c->store_key_credential) < 0) {
		path = NULL;
		return err_new(-ENOMEM);
	}
	r = slurp(path, CONF_CREDENTIAL_LEN, &bytes, &len, why);
	if (r < 0)
		return err_up(r);
	if (r > 0)
		return CONF_E_BAD;
	if (len == CONF_CREDENTIAL_LEN)
		memcpy(ret, bytes, CONF_CREDENTIAL_LEN);
	explicit_bzero(bytes, len);
	if (len != CONF_CREDENTIAL_LEN) {
		why_set(why, "%s has %zu bytes and not %d", path, len, CONF_CREDENTIAL_LEN);
		return CONF_E_BAD;
	}
	return 0;
}
