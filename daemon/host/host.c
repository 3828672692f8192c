/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Host
 *
 * Opening what a region lives on, and letting go of it.
 */

#include "daemon/host/host.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define FIGURES_FRESH_MS 100 /* what is written in that time fits the reserve */

_Static_assert(CONF_CREDENTIAL_LEN == KEY_LEN, "a credential is a wrapping key");

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		abort(); /* these two clocks are always there */
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

msec host_now(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

uint64_t host_wall(void)
{
	return clock_ms(CLOCK_REALTIME);
}

/* No store is no reason to tell of a key that is not there: the keys come after. */
static bool store_is_there(const struct conf *c, struct why *why)
{
	if (access(c->store, F_OK) == 0)
		return true;
	why_set(why, "there is no store in %s: make one with \"kithctl region init\"",
		c->store);
	return false;
}

static int open_store(struct host *h, const struct secret *key, struct why *why)
{
	const struct store_options o = { .map_size = h->conf.map_size };
	struct why cause = { 0 };
	int r = store_open(h->conf.store, &o, h->crypto, key, &h->store, &cause);

	if (r == 0)
		return 0;
	if (r < 0)
		why_set(why, "the store in %s cannot be opened: %s", h->conf.store,
			strerror(-r));
	else if (r == STORE_E_NONE)
		why_set(why,
			"there is no store in %.100s: make one with \"kithctl region init\"",
			h->conf.store);
	else
		*why = cause;
	return 1;
}

int host_open(struct host *h, struct why *why)
{
	CLEANUP(secret_done) struct secret store_key = { 0 };
	int r;

	arena_init(&h->turn.arena, 0);
	arena_init(&h->turn.kept, 0);
	arena_init(&h->scratch, 0);
	h->turn.actions.arena = &h->turn.arena;
	h->started_ms = host_wall();
	h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->wake < 0) {
		why_set(why, "no descriptor can be made: %s", strerror(errno));
		return 1;
	}
	if (!store_is_there(&h->conf, why))
		return 1;

	r = crypto_new(chance_kernel(), &h->crypto);
	if (r != 0) {
		why_set(why, "OpenSSL has not what kith needs: %s", strerror(-r));
		return 1;
	}
	r = host_keys_read(h->crypto, &h->conf, &h->keys, &store_key, why);
	if (r < 0)
		why_set(why, "the keys in %.100s cannot be read: %s", h->conf.keys,
			strerror(-r));
	if (r != 0)
		return 1;
	return open_store(h, &store_key, why);
}

/* What turns have written goes to its place, so that the next start has nothing to do again. If
 * that fails nothing is lost. */
static void settle_store(struct host *h)
{
	struct why why;

	if (!h->store)
		return;
	if (h->turn.open)
		store_turn_abort(h->store);
	h->turn.open = false;
	if (store_checkpoint(h->store, &why) < 0)
		err_forget();
}

void host_close(struct host *h)
{
	verify_end(h);
	if (h->wake > 0)
		(void)close(h->wake);
	h->node = node_free(h->node);
	settle_store(h);
	h->store = store_close(h->store);
	host_keys_done(&h->keys);
	h->crypto = crypto_free(h->crypto);
	arena_done(&h->turn.arena);
	arena_done(&h->turn.kept);
	arena_done(&h->scratch);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		free(h->askers[i].user);
	free(h->live);
	conf_done(&h->conf);
}

int host_count(struct host *h)
{
	struct store_stat s;
	int r;

	h->limits.warn = h->conf.move_warn == CONF_NEVER ? 0 : h->conf.move_warn;
	h->limits.alarm = h->conf.move_alarm == CONF_NEVER ? 0 : h->conf.move_alarm;
	h->figures.limits = &h->limits;
	h->figures.link_connected = h->link_client != 0;
	store_counts(h->store, &h->figures.commits, &h->figures.flushes);
	if (h->figures_at != 0 && host_now() - h->figures_at < FIGURES_FRESH_MS)
		return 0;
	r = store_stat(h->store, &s);
	if (r < 0)
		return err_up(r);

	h->figures_at = host_now();
	/* The fuller one of the two decides; each may have the whole map size. */
	h->figures.store_bytes =
		s.used_bytes > s.keys_used_bytes ? s.used_bytes : s.keys_used_bytes;
	h->figures.store_map_bytes = s.map_size;
	h->figures.disk_free_bytes = s.disk_free_bytes;
	h->figures.changes = h->node ? node_changes(h->node) : 0;
	h->figures.store_format = STORE_FORMAT;
	h->peers = s.rows[TABLE_PEER];
	h->records = s.rows[TABLE_RECORD];
	return 0;
}
