/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Verify
 *
 * All that is stored, read and verified again on a thread of its own: first every row, then
 * every chain, each portion with a short read transaction, so that turns go on meanwhile. The
 * loop hears of it through a descriptor, and speaks for it.
 */

#include "daemon/host/host.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/host/journal.h"

#define PORTION 256 /* changes a read transaction */
#define TELL_MS 200

struct verifying {
	pthread_t thread;
	struct store *store;
	int wake;
	atomic_bool stop;
	uint64_t client; /* 0: gone; the loop's */
	uint32_t request;
	msec told; /* the thread's */

	pthread_mutex_t lock; /* what follows */
	const char *what;
	uint64_t done, of;
	bool ended;

	/* once it has ended: the loop's */
	int result;
	uint64_t rows, damaged;
	struct why why;
	struct verify chains;
};

/* ---- On the thread ---- */

static void wake(const struct verifying *v)
{
	const uint64_t one = 1;
	ssize_t n = write(v->wake, &one, sizeof(one));

	(void)n; /* it can only be full, and then it is readable */
}

static void come_to(struct verifying *v, const char *what, uint64_t done, uint64_t of)
{
	const msec now = host_now();

	if (now - v->told < TELL_MS)
		return;
	v->told = now;
	(void)pthread_mutex_lock(&v->lock);
	v->what = what;
	v->done = done;
	v->of = of > done ? of : done;
	(void)pthread_mutex_unlock(&v->lock);
	wake(v);
}

static bool row_progress(void *ctx, uint64_t done, uint64_t of)
{
	struct verifying *v = ctx;

	come_to(v, "reading rows", done, of);
	return !atomic_load(&v->stop);
}

static int verify_chains(struct verifying *v, struct crypto *c, uint64_t of)
{
	int r = 0;

	while (r == 0 && !atomic_load(&v->stop)) {
		struct store_read *read;
		struct view view;

		r = store_read_begin(v->store, c, &read, &view);
		if (r < 0)
			return err_up(r);
		r = verify_some(&v->chains, c, &view, PORTION);
		store_read_end(read);
		come_to(v, "verifying changes", v->chains.changes, of);
	}
	return r < 0 ? err_up(r) : 0;
}

static void *run(void *ctx)
{
	struct verifying *v = ctx;
	struct crypto *c = NULL;
	uint64_t of = v->of;
	int r = crypto_new(chance_kernel(), &c);

	if (r == 0)
		r = store_verify(v->store, row_progress, v, &v->rows, &v->damaged, &v->why);
	if (r == 0)
		r = verify_chains(v, c, of);
	crypto_free(c);
	v->result = r;
	(void)pthread_mutex_lock(&v->lock);
	v->ended = true;
	(void)pthread_mutex_unlock(&v->lock);
	wake(v);
	return NULL;
}

/* ---- In the loop ---- */

static int refuse(
	struct host *h, const struct action *a, enum problem problem, const char *text)
{
	const struct ctl_reply reply = {
		.id = a->request, .last = true, .problem = problem, .problem_text = text
	};

	return host_reply(h, a->client, &reply);
}

int verify_asked(struct host *h, const struct action *a)
{
	struct verifying *v;
	struct why why;
	int r;

	if (h->verifying)
		return refuse(h, a, PROBLEM_BUSY, "the store is being verified already");
	r = store_checkpoint(h->store, &why);
	if (r == STORE_E_FULL)
		return refuse(h, a, PROBLEM_DISK_FULL, why.text);
	if (r != 0)
		return r < 0 ? err_up(r) : err_new(-EIO);
	v = calloc(1, sizeof(*v));
	if (!v)
		return err_new(-ENOMEM);
	v->store = h->store;
	v->wake = h->wake;
	v->client = a->client;
	v->request = a->request;
	v->of = h->figures.changes;
	(void)pthread_mutex_init(&v->lock, NULL);
	r = pthread_create(&v->thread, NULL, run, v);
	if (r != 0) {
		free(v);
		return refuse(h, a, PROBLEM_BUSY, "no thread can be made for it now");
	}
	h->verifying = v;
	return 0;
}

static void forget(struct host *h)
{
	struct verifying *v = h->verifying;

	(void)pthread_join(v->thread, NULL);
	(void)pthread_mutex_destroy(&v->lock);
	free(v);
	h->verifying = NULL;
}

static char *place_text(const struct place *at)
{
	char author[ID_TEXT_LEN], incarnation[ID_TEXT_LEN], *text;

	return asprintf(&text, "%s/%s/%llu", id_text(&at->author, author),
		       id_text(&at->incarnation, incarnation), (unsigned long long)at->seq) < 0
		       ? NULL
		       : text;
}

/* The verdict on the whole store. */
static int report(struct host *h, const struct verifying *v)
{
	struct ctl_fault first[VERIFY_FAULTS_MAX] = { 0 };
	char records[VERIFY_FAULTS_MAX][ID_TEXT_LEN], *places[VERIFY_FAULTS_MAX];
	const size_t n = v->chains.faults < VERIFY_FAULTS_MAX ? (size_t)v->chains.faults
							      : VERIFY_FAULTS_MAX;
	const struct ctl_verified verified = { .rows = v->rows,
		.damaged = v->damaged,
		.damaged_row = v->damaged ? v->why.text : NULL,
		.changes = v->chains.changes,
		.chains = v->chains.chains,
		.faults = v->chains.faults,
		.first = first,
		.n_first = n };
	const struct ctl_reply reply = {
		.id = v->request, .last = true, .verified = &verified
	};
	int r;

	for (size_t i = 0; i < n; i++) {
		const struct verify_fault *f = &v->chains.first[i];

		places[i] = place_text(&f->at);
		first[i] = (struct ctl_fault){ id_text(&f->record, records[i]), places[i],
			f->rule, f->what };
	}
	r = host_reply(h, v->client, &reply);
	for (size_t i = 0; i < n; i++)
		free(places[i]);
	journal_say(v->damaged || v->chains.faults ? LOG_ERR : LOG_NOTICE, NULL,
		"has verified the store: %llu rows, %llu damaged; %llu changes, %llu faults",
		(unsigned long long)v->rows, (unsigned long long)v->damaged,
		(unsigned long long)v->chains.changes, (unsigned long long)v->chains.faults);
	return r < 0 ? err_up(r) : 0;
}

static int conclude(struct host *h, const struct verifying *v)
{
	struct ctl_reply reply = { .id = v->request, .last = true, .problem = PROBLEM_DAMAGED };

	if (!v->client)
		return 0;
	if (v->result == 0)
		return report(h, v);
	reply.problem_text = strerror(-v->result);
	return host_reply(h, v->client, &reply);
}

int verify_news(struct host *h)
{
	struct verifying *v = h->verifying;
	struct ctl_reply reply = { .has_progress = true };
	uint64_t n;
	bool ended;
	int r = 0;

	if (read(h->wake, &n, sizeof(n)) < 0 || !v)
		return 0;
	(void)pthread_mutex_lock(&v->lock);
	ended = v->ended;
	reply.id = v->request;
	reply.progress_what = v->what;
	reply.progress_done = v->done;
	reply.progress_of = v->of;
	(void)pthread_mutex_unlock(&v->lock);
	if (!ended && v->client && reply.progress_what)
		r = host_reply(h, v->client, &reply);
	if (ended) {
		r = conclude(h, v);
		forget(h);
	}
	return r < 0 ? err_up(r) : 0;
}

void verify_gone(struct host *h, uint64_t client)
{
	if (!h->verifying || h->verifying->client != client)
		return;
	h->verifying->client = 0;
	atomic_store(&h->verifying->stop, true);
}

void verify_end(struct host *h)
{
	if (!h->verifying)
		return;
	atomic_store(&h->verifying->stop, true);
	forget(h);
}
