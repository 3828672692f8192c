/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Doctor: files
 *
 * Whose state, keys and store are, and who may read them; root keys that were to be taken away;
 * what lies with the backups.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/cli/doctor.h"

#define KEY_FILE_MOST 512
#define HEAD          "kith-key/1 "

/* The kind of a key file, by its first line; "" when it is none. */
static void kind_of(const char *path, char into[SHORT_TEXT])
{
	char text[64] = "";
	struct stat st;
	int fd;
	ssize_t n;

	into[0] = '\0';
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > KEY_FILE_MOST)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n > 0 && strncmp(text, HEAD, strlen(HEAD)) == 0) {
		const char *kind = text + strlen(HEAD);

		(void)snprintf(into, SHORT_TEXT, "%.*s", (int)strcspn(kind, " \n"), kind);
	}
}

static const char *owner(struct doctor *d, uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	return pw ? arena_text(&d->cli->arena, "%s", pw->pw_name)
		  : arena_text(&d->cli->arena, "uid %u", (unsigned)uid);
}

/* .most: the mode that it may have at most. */
static int check_path(struct doctor *d, const char *path, mode_t most,
	const struct stat *state_dir, bool *bad)
{
	struct stat st;
	const char *next;

	if (!path)
		return err_new(-ENOMEM);
	if (stat(path, &st) != 0) {
		*bad = true;
		if (errno == EACCES)
			return report(d, HEALTH_SKIPPED, path, NULL, "ask as root");
		return report(d, HEALTH_FAIL, path,
			"put it back from the backup; a region that was never made: kithctl "
			"setup",
			"%s", strerror(errno));
	}
	if (st.st_mode & 07777 & ~most) {
		*bad = true;
		next = arena_text(&d->cli->arena, "chmod %o %s", (unsigned)most, path);
		return next ? report(d, HEALTH_FAIL, path, next,
				      "others may open it: its mode is %04o",
				      (unsigned)(st.st_mode & 07777))
			    : err_new(-ENOMEM);
	}
	if (st.st_uid != state_dir->st_uid) {
		const char *is = owner(d, st.st_uid), *of = owner(d, state_dir->st_uid);

		*bad = true;
		next = of ? arena_text(&d->cli->arena, "chown %s: %s", of, path) : NULL;
		return next && is
			       ? report(d, HEALTH_FAIL, path, next,
					 "it is %s's, and the state directory is %s's", is, of)
			       : err_new(-ENOMEM);
	}

	return 0;
}

int check_files(struct doctor *d)
{
	static const char *const kinds[] = { "sign", "control", "kem", "token", "store" };
	static const char *const parts[] = { "data", "keys", "redo" };
	struct arena *a = &d->cli->arena;
	struct stat dir;
	bool bad = false;
	int rc;

	if (!d->has_conf)
		return report(d, HEALTH_SKIPPED, NULL, NULL, "where they are is not known");
	if (stat(d->conf.state_dir, &dir) != 0)
		return report(d, errno == EACCES ? HEALTH_SKIPPED : HEALTH_FAIL,
			d->conf.state_dir, "kithctl setup", "%s", strerror(errno));
	if (access(d->conf.state_dir, X_OK) != 0)
		return report(d, HEALTH_SKIPPED, d->conf.state_dir, NULL, "ask as root");
	rc = check_path(d, d->conf.keys, 0700, &dir, &bad);
	if (rc == 0 && access(d->conf.keys, X_OK) != 0)
		return bad ? 0 : report(d, HEALTH_SKIPPED, d->conf.keys, NULL, "ask as root");
	for (size_t i = 0; i < COUNT(kinds) && rc == 0; i++)
		rc = check_path(d, arena_text(a, "%s/%s.key", d->conf.keys, kinds[i]), 0600,
			&dir, &bad);
	if (rc == 0)
		rc = check_path(d, d->conf.transport_key, 0600, &dir, &bad);
	if (rc == 0)
		rc = check_path(d, d->conf.store, 0700, &dir, &bad);
	for (size_t i = 0; i < COUNT(parts) && rc == 0; i++)
		rc = check_path(d, arena_text(a, "%s/%s", d->conf.store, parts[i]),
			strcmp(parts[i], "redo") == 0 ? 0600 : 0700, &dir, &bad);
	if (rc != 0 || bad)
		return rc;

	return report(d, HEALTH_OK, NULL, NULL, "keys and store are %s's alone",
		owner(d, dir.st_uid) ? owner(d, dir.st_uid) : "their owner");
}

static int look_for_root(struct doctor *d, const char *dir, bool *found)
{
	DIR *at = opendir(dir);
	const struct dirent *e;
	int rc = 0;

	while (at && rc == 0 && (e = readdir(at)) != NULL) {
		const char *path = arena_text(&d->cli->arena, "%s/%s", dir, e->d_name);
		char kind[SHORT_TEXT];

		if (!path) {
			rc = err_new(-ENOMEM);
			break;
		}
		kind_of(path, kind);
		if (strcmp(kind, "root") != 0 && strcmp(kind, "next-root") != 0)
			continue;
		*found = true;
		rc = report(d, HEALTH_WARN, path,
			"copy it to two places away from this machine, then: shred -u it here",
			"a %s key lies on this machine: who takes it can pretend to be this "
			"region",
			kind);
	}
	if (at)
		(void)closedir(at);

	return rc;
}

int check_root_key(struct doctor *d)
{
	const char *dirs[] = { ".", "/root", "/etc/kith",
		d->has_conf ? d->conf.state_dir : NULL, d->has_conf ? d->conf.keys : NULL };
	struct stat seen[COUNT(dirs)] = { 0 };
	bool found = false;

	for (size_t i = 0; i < COUNT(dirs); i++) {
		bool again = !dirs[i] || stat(dirs[i], &seen[i]) != 0;
		int rc;

		for (size_t k = 0; k < i; k++)
			again |= seen[k].st_ino == seen[i].st_ino &&
				 seen[k].st_dev == seen[i].st_dev;
		rc = again ? 0 : look_for_root(d, dirs[i], &found);
		if (rc != 0)
			return rc;
	}
	if (found)
		return 0;

	return report(d, HEALTH_OK, NULL, NULL,
		"none in ., /root, /etc/kith and the state directory");
}

static char store_key_at[4096];

static int find_store_key(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	char is[SHORT_TEXT];

	(void)st;
	(void)ftw;
	if (kind != FTW_F)
		return 0;
	kind_of(path, is);
	if (strcmp(is, "store") != 0)
		return 0;
	(void)snprintf(store_key_at, sizeof(store_key_at), "%s", path);
	return 1;
}

int check_backups(struct doctor *d)
{
	const char *dir = d->cli->given[OPT_BACKUPS];
	struct stat there, here;

	if (!dir)
		return report(d, HEALTH_SKIPPED, NULL, NULL,
			"where they go is not said: --backups DIR");
	if (stat(dir, &there) != 0)
		return report(d, HEALTH_FAIL, dir, "make it, or name the right directory", "%s",
			strerror(errno));
	store_key_at[0] = '\0';
	if (nftw(dir, find_store_key, 16, FTW_PHYS) == 1)
		return report(d, HEALTH_FAIL, store_key_at,
			"keep the keys apart from the backups: other disk, other hands",
			"store.key lies with the backups: who has them can read every record");
	if (d->has_conf && stat(d->conf.store, &here) == 0 && here.st_dev == there.st_dev)
		return report(d, HEALTH_WARN, dir,
			"send them to another disk, better to another house",
			"it is on the disk of the store: both would be lost together");

	return report(d, HEALTH_OK, dir, NULL, "another disk, and no store.key");
}
