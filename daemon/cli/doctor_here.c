/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Doctor: this machine
 *
 * Configuration, socket, groups, units, versions, disk and clock.
 */

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/cli/doctor.h"

int check_conf(struct doctor *d)
{
	const char *file = d->cli->given[OPT_CONFIG] ? d->cli->given[OPT_CONFIG] : CONF_PATH;
	struct why why = { "" };
	int rc = conf_load(file, &d->conf, &why);

	if (rc == 0) {
		d->has_conf = true;
		return report(d, HEALTH_OK, NULL, NULL, "%s can be read", file);
	}
	if (rc < 0)
		return err_up(rc);
	if (rc == CONF_E_ABSENT && !d->cli->given[OPT_CONFIG]) {
		rc = conf_defaults(&d->conf);
		if (rc < 0)
			return err_up(rc);
		d->has_conf = rc == 0;
		return report(d, HEALTH_WARN, NULL, "kithctl setup",
			"there is no %s: the defaults count, and this region does not listen",
			file);
	}

	return report(d, HEALTH_FAIL, NULL,
		"mend the line that is named, then: systemctl reload kithd", "%s",
		why.text[0] ? why.text : "there is no such file");
}

/* The unit as words, where there is systemd and the usual socket. */
static int report_absent(struct doctor *d, const char *path)
{
	struct unit_state u = { 0 };

	if (unit_name(d->cli)) {
		const char *const argv[] = { "systemctl", "show", "--no-pager", "-p",
			"LoadState,ActiveState,SubState,Result,StateChangeTimestamp",
			unit_name(d->cli), NULL };
		char text[2048];

		if (d->world->run(d->world->ctx, argv, text, sizeof(text)) == 0)
			unit_parse(text, &u);
	}
	if (u.known && strcmp(u.active, "failed") == 0)
		return report(d, HEALTH_FAIL, NULL, "journalctl -u kithd -n 20",
			"nobody listens on %s: kithd has failed (%s)", path, u.result);
	return report(d, HEALTH_FAIL, NULL,
		unit_name(d->cli) ? "systemctl enable --now kithd"
				  : "start it: kithd --config FILE",
		"nobody listens on %s: kithd does not run", path);
}

int check_socket(struct doctor *d)
{
	struct cli *c = d->cli;
	struct why why = { "" };
	struct judged judged;
	struct span bundle;
	const char *path = c->given[OPT_SOCKET];
	int rc;

	if (!path && !d->has_conf)
		return report(d, HEALTH_SKIPPED, NULL, NULL, "which socket is not known");
	path = path ? path : d->conf.control_socket;
	rc = ctl_connect(path, CONTROL_FRAME_MAX, &c->link, &why);
	if (rc < 0)
		return err_up(rc);
	if (rc == CTL_E_ABSENT)
		return report_absent(d, path);
	if (rc == CTL_E_DENIED)
		return report(d, HEALTH_FAIL, NULL,
			"systemctl restart kithd-control.socket makes it anew; its mode is "
			"0666",
			"%s may not be opened by this user", path);
	if (rc > 0)
		return report(d, HEALTH_FAIL, NULL, "journalctl -u kithd -n 20", "%s: %s", path,
			why.text);
	rc = status_ask(c, &d->reply, &judged);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return report(d, HEALTH_FAIL, NULL,
			"see what was said above, and the groups below",
			"kithd answers on %s, but not this", path);
	d->has_card = card_ask(c, &d->card, &bundle) == 0;

	return report(d, HEALTH_OK, NULL, NULL, "kithd answers on %s: %s", path,
		json_text(json_object_get(d->reply, "status"), "state"));
}

static bool member(const char *group)
{
	const struct group *g = getgrnam(group);
	gid_t all[256];
	int n = getgroups((int)COUNT(all), all);

	for (int i = 0; g && i < n; i++)
		if (all[i] == g->gr_gid)
			return true;
	return g && getegid() == g->gr_gid;
}

/* Whether the group's list has them already: then they only have to log in again. */
static bool listed(const char *group, const char *who)
{
	const struct group *g = getgrnam(group);

	for (char **m = g ? g->gr_mem : NULL; m && *m; m++)
		if (strcmp(*m, who) == 0)
			return true;
	return false;
}

int check_groups(struct doctor *d)
{
	static const char *const groups[] = { "kith-admin", "kith-operator", "kith-app",
		"kith" };
	const struct passwd *pw = getpwuid(geteuid());
	const char *who = arena_text(&d->cli->arena, "%s", pw ? pw->pw_name : "this user");

	if (!who)
		return err_new(-ENOMEM);
	if (geteuid() == 0)
		return report(d, HEALTH_OK, NULL, NULL, "root may ask everything");
	for (size_t i = 0; i < COUNT(groups); i++)
		if (member(groups[i]))
			return report(
				d, HEALTH_OK, NULL, NULL, "%s is in group %s", who, groups[i]);
	for (size_t i = 0; i < COUNT(groups); i++)
		if (listed(groups[i], who))
			return report(d, HEALTH_FAIL, NULL, "log in again",
				"%s was added to group %s after this session began", who,
				groups[i]);
	/* Who started kithd by hand needs no group. */
	if (d->reply)
		return report(d, HEALTH_OK, NULL, NULL,
			"%s is in no group of kith, and is answered", who);
	return report(d, HEALTH_FAIL, NULL,
		"an administrator runs: adduser USER kith-operator (who may what: kithd(8))",
		"%s is in none of kith, kith-operator, kith-app, kith-admin", who);
}

static int check_unit(struct doctor *d, const char *unit)
{
	const char *const argv[] = { "systemctl", "show", "--no-pager", "-p",
		"LoadState,ActiveState,SubState,Result,StateChangeTimestamp", unit, NULL };
	struct unit_state u = { 0 };
	char text[2048];
	const char *next;

	if (d->world->run(d->world->ctx, argv, text, sizeof(text)) == 0)
		unit_parse(text, &u);
	if (!u.known)
		return report(d, HEALTH_SKIPPED, unit, NULL, "systemd cannot be asked");
	if (strcmp(u.load, "not-found") == 0)
		return report(d, HEALTH_FAIL, unit, "apt install kith", "is not installed");
	if (strcmp(u.active, "active") == 0)
		return report(d, HEALTH_OK, unit, NULL, "%s since %s", u.sub, u.since);
	next = arena_text(&d->cli->arena,
		strcmp(u.active, "failed") == 0
			? "journalctl -u %s -n 20, mend it, then: systemctl restart %s"
			: "systemctl enable --now %s",
		unit, unit);
	return next ? report(d, HEALTH_FAIL, unit, next, "%s (%s%s%s) since %s", u.active,
			      u.sub, *u.result ? ", result " : "", u.result, u.since)
		    : err_new(-ENOMEM);
}

int check_units(struct doctor *d)
{
	static const struct {
		const char *stem, *kind;
	} units[] = {
		{ "kithd", "service" },
		{ "kithd-control", "socket" },
		{ "kithd-link", "socket" },
		{ "kith-link", "service" },
	};

	if (!unit_name(d->cli))
		return report(d, HEALTH_SKIPPED, NULL, NULL,
			"--config or --socket is given: this may be no unit");
	for (size_t i = 0; i < COUNT(units); i++) {
		int rc = check_unit(d, unit_of(d->cli, units[i].stem, units[i].kind));

		if (rc != 0)
			return rc;
	}

	return 0;
}

int check_program(struct doctor *d)
{
	const char *runs = json_text(json_object_get(d->reply, "status"), "version");

	if (!*runs)
		return report(d, HEALTH_SKIPPED, NULL, NULL, "kithd does not answer");
	if (strcmp(runs, "kith " KITH_VERSION) == 0)
		return report(d, HEALTH_OK, NULL, NULL, "%s", runs);
	return report(d, HEALTH_WARN, NULL, "systemctl restart kithd kith-link",
		"%s runs, and %s is installed", runs, "kith " KITH_VERSION);
}

int check_disk(struct doctor *d)
{
	char left[SHORT_TEXT], all[SHORT_TEXT];
	struct statvfs v;
	uint64_t size, free;
	enum health h;

	if (!d->has_conf)
		return report(d, HEALTH_SKIPPED, NULL, NULL, "where the store is is not known");
	if (statvfs(d->conf.store, &v) != 0) {
		if (errno == ENOENT)
			return report(d, HEALTH_FAIL, d->conf.store, "kithctl setup",
				"there is no store");
		return report(d, HEALTH_SKIPPED, d->conf.store, NULL, "%s: ask as root",
			strerror(errno));
	}
	size = (uint64_t)v.f_blocks * v.f_frsize;
	free = (uint64_t)v.f_bavail * v.f_frsize;
	h = free < (UINT64_C(32) << 20)                      ? HEALTH_FAIL
	    : free < (UINT64_C(1) << 30) || free < size / 20 ? HEALTH_WARN
							     : HEALTH_OK;
	if (v.f_flag & ST_RDONLY)
		return report(d, HEALTH_FAIL, d->conf.store,
			"dmesg -T | tail; the disk may be failing",
			"its file system can only be read");
	return report(d, h, d->conf.store,
		"free space: du -xsh /var/* | sort -h; journalctl --vacuum-size=200M; or a "
		"larger disk",
		"%s of %s are left", size_text(free, left), size_text(size, all));
}

int check_map(struct doctor *d)
{
	const json_t *s = json_object_get(d->reply, "status");
	const uint64_t used = json_number(s, "store_bytes"),
		       map = json_number(s, "store_map_bytes");
	char a[SHORT_TEXT], b[SHORT_TEXT];

	if (map == 0)
		return report(d, HEALTH_SKIPPED, NULL, NULL, "kithd does not answer");
	return report(d,
		used > map / 100 * 95   ? HEALTH_FAIL
		: used > map / 100 * 80 ? HEALTH_WARN
					: HEALTH_OK,
		NULL, "raise map_size in kithd.conf, then: systemctl restart kithd",
		"the store uses %s of %s", size_text(used, a), size_text(map, b));
}

int check_clock(struct doctor *d)
{
	int kept = d->world->clock_kept(d->world->ctx);

	if (kept < 0)
		return report(d, HEALTH_SKIPPED, NULL, NULL, "the kernel does not say");
	if (kept)
		return report(d, HEALTH_OK, NULL, NULL, "it is kept by NTP");
	return report(d, HEALTH_WARN, NULL,
		"apt install systemd-timesyncd; timedatectl set-ntp true; timedatectl "
		"timesync-status",
		"nothing keeps it; entries are dated by it, and people compare it");
}
