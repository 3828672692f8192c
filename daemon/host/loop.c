/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Loop
 *
 * One thread, one sd-event loop: two sockets, the node's timer, a look at the store once a
 * minute, three signals and systemd's watchdog.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "daemon/host/host.h"
#include "daemon/host/journal.h"

#define USEC_MS     ((uint64_t)1000)
#define MINUTE_USEC ((uint64_t)60 * 1000000)
#define STATUS_USEC ((uint64_t)1000000) /* the status line is at most so much behind */

struct loop {
	struct host *host;
	sd_event *event;
	sd_event_source *tick, *minute, *status, *watchdog;
	struct watch watch;
	uint64_t feed_usec; /* how often the watchdog is fed; 0: there is none */
};

bool watch_alive(struct watch *w, uint64_t done)
{
	const bool alive = w->wakes < SPIN_WAKES || done != w->done;

	*w = (struct watch){ .done = done };
	return alive;
}

static void event_done(sd_event **e)
{
	sd_event_unref(*e);
}

/* The end of our strength: systemd starts us again, from what is durable. */
static int give_up(struct loop *l, int r)
{
	journal_say(LOG_CRIT, NULL, "ends: %s", strerror(-r));
	journal_trail();
	return sd_event_exit(l->event, EXIT_FAILURE);
}

static void show_status(struct loop *l)
{
	const struct host *h = l->host;

	if (!h->news || host_count(l->host) < 0)
		return;
	l->host->news = false;
	(void)sd_notifyf(0, "STATUS=%llu of %llu peers live, %llu records%s",
		(unsigned long long)h->n_live, (unsigned long long)h->peers,
		(unsigned long long)h->records, h->link_client ? "" : ", no kith-link");
}

static int on_status(sd_event_source *s, uint64_t usec, void *ctx)
{
	(void)s, (void)usec;
	show_status(ctx);
	return 0;
}

/* Much may be told in a second; the line is written once. */
static int set_status(struct loop *l)
{
	int on = SD_EVENT_OFF;
	int r = sd_event_source_get_enabled(l->status, &on);

	if (r < 0 || on != SD_EVENT_OFF || !l->host->news)
		return r < 0 ? r : 0;
	r = sd_event_source_set_time_relative(l->status, STATUS_USEC);
	return r < 0 ? r : sd_event_source_set_enabled(l->status, SD_EVENT_ONESHOT);
}

static int set_tick(struct loop *l)
{
	const msec due = turn_due(l->host);
	int r;

	if (due == MSEC_NEVER)
		return sd_event_source_set_enabled(l->tick, SD_EVENT_OFF);
	r = sd_event_source_set_time(l->tick, due * USEC_MS);
	return r < 0 ? r : sd_event_source_set_enabled(l->tick, SD_EVENT_ONESHOT);
}

/* Whatever woke us: one turn of all that is there. */
static int turn(struct loop *l)
{
	int r = serve(l->host);

	l->watch.wakes++;
	if (r == 0)
		r = set_tick(l);
	if (r >= 0)
		r = set_status(l);
	return r < 0 ? give_up(l, r) : 0;
}

static int on_socket(sd_event_source *s, int fd, uint32_t events, void *ctx)
{
	(void)s, (void)fd, (void)events;
	return turn(ctx);
}

static int on_wake(sd_event_source *s, int fd, uint32_t events, void *ctx)
{
	struct loop *l = ctx;
	int r = verify_news(l->host);

	(void)s, (void)fd, (void)events;
	return r < 0 ? give_up(l, r) : 0;
}

static int on_tick(sd_event_source *s, uint64_t usec, void *ctx)
{
	(void)s, (void)usec;
	return turn(ctx);
}

static int on_minute(sd_event_source *s, uint64_t usec, void *ctx)
{
	struct loop *l = ctx;
	int n, r = store_check_readers(l->host->store, &n);

	if (r < 0)
		return give_up(l, r);
	if (n > 0)
		journal_say(LOG_WARNING, NULL,
			"%d readers of the store had died and are cleared", n);
	l->host->news = true;
	show_status(l);
	r = sd_event_source_set_time(s, usec + MINUTE_USEC);
	return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* A loop that hangs does not come here, and one that only spins is not fed either. */
static int on_watchdog(sd_event_source *s, uint64_t usec, void *ctx)
{
	struct loop *l = ctx;
	int r;

	if (watch_alive(&l->watch, l->host->done))
		(void)sd_notify(0, "WATCHDOG=1");
	else
		journal_say(LOG_ERR, NULL, "wakes and wakes, and nothing is done");
	r = sd_event_source_set_time(s, usec + l->feed_usec);
	return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static int add_watchdog(struct loop *l)
{
	uint64_t usec;
	int r = sd_watchdog_enabled(0, &usec);

	if (r <= 0)
		return r;
	l->feed_usec = usec / 3;
	return sd_event_add_time_relative(
		l->event, &l->watchdog, CLOCK_MONOTONIC, l->feed_usec, USEC_MS, on_watchdog, l);
}

static int on_end(sd_event_source *s, const struct signalfd_siginfo *info, void *ctx)
{
	const struct loop *l = ctx;

	(void)s;
	journal_say(LOG_NOTICE, NULL, "ends, asked to by signal %u", info->ssi_signo);
	return sd_event_exit(l->event, EXIT_SUCCESS);
}

static int on_reload(sd_event_source *s, const struct signalfd_siginfo *info, void *ctx)
{
	struct loop *l = ctx;
	struct why why = { 0 };
	int r = host_reload(l->host, false, &why);

	(void)s, (void)info;
	if (r != 0) {
		journal_say(LOG_ERR, NULL, "the configuration is kept as it was: %s",
			r < 0 ? strerror(-r) : why.text);
		err_forget();
		return 0;
	}
	journal_say(LOG_NOTICE, NULL, "takes over from %s: %s", l->host->config, why.text);
	return turn(l);
}

static int add_sources(struct loop *l)
{
	static const struct {
		int signal;
		sd_event_signal_handler_t handler;
	} signals[] = { { SIGTERM, on_end }, { SIGINT, on_end }, { SIGHUP, on_reload } };
	sd_event *e = l->event;
	int r;

	for (size_t i = 0; i < COUNT(signals); i++) {
		r = sd_event_add_signal(e, NULL, signals[i].signal, signals[i].handler, l);
		if (r < 0)
			return err_new(r);
	}
	r = sd_event_add_io(e, NULL, ctl_server_fd(l->host->control), EPOLLIN, on_socket, l);
	if (r >= 0)
		r = sd_event_add_io(
			e, NULL, ctl_server_fd(l->host->link), EPOLLIN, on_socket, l);
	if (r >= 0)
		r = sd_event_add_io(e, NULL, l->host->wake, EPOLLIN, on_wake, l);
	if (r >= 0)
		r = sd_event_add_time(e, &l->tick, CLOCK_MONOTONIC, 0, USEC_MS, on_tick, l);
	if (r >= 0)
		r = sd_event_add_time_relative(e, &l->minute, CLOCK_MONOTONIC, MINUTE_USEC,
			USEC_MS * 1000, on_minute, l);
	if (r >= 0)
		r = sd_event_add_time_relative(e, &l->status, CLOCK_MONOTONIC, STATUS_USEC,
			USEC_MS * 100, on_status, l);
	if (r >= 0)
		r = add_watchdog(l);
	return r < 0 ? err_new(r) : 0;
}

int loop_run(struct host *h)
{
	CLEANUP(event_done) sd_event *event = NULL;
	struct loop l = { .host = h };
	int r = sd_event_new(&event);

	l.event = event;
	if (r < 0)
		r = err_new(r);
	else
		r = add_sources(&l);
	if (r == 0) {
		(void)sd_notify(0, "READY=1");
		h->news = true;
		show_status(&l);
		r = sd_event_loop(event);
		(void)sd_notify(0, "STOPPING=1");
	}
	l.tick = sd_event_source_unref(l.tick);
	l.minute = sd_event_source_unref(l.minute);
	l.status = sd_event_source_unref(l.status);
	l.watchdog = sd_event_source_unref(l.watchdog);
	if (r >= 0)
		return r;
	journal_say(LOG_CRIT, NULL, "the loop broke: %s", strerror(-r));
	journal_trail();
	return EXIT_FAILURE;
}
