/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Host
 *
 * kithd around the node: what holds the store, the keys and the two sockets, and the turn in
 * which events become writes and then words.
 */

#include <sys/types.h>

#include <kith/conf.h>
#include <kith/ctl.h>
#include <kith/node.h>
#include <kith/store.h>

#define CLIENTS_MAX     64                         /* of the control socket */
#define STRANGERS_MAX   4                          /* of them in no group of kith */
#define TURN_FRAMES_MAX 256                        /* of one turn, both sockets together */
#define TURN_KEPT_MAX   ((size_t)8 * 1024 * 1024)  /* bytes of requests kept for a turn */
#define TURN_MADE_MAX   ((size_t)16 * 1024 * 1024) /* bytes of what a turn has made */
/* Over it, what peers say waits for the next turn: so that of two regions one reads while the
 * other writes, and both while the link between them is busy. */
#define TURN_LINK_MAX  ((size_t)1536 * 1024)
#define REPLIES_MAX    ((size_t)64 * 1024 * 1024) /* queued for one client */
#define REPLIES_PAUSE  ((size_t)4 * 1024 * 1024)  /* over it, the client is not read from */
#define LINK_QUEUE_MAX ((size_t)32 * 1024 * 1024)
#define LINK_PAUSE     ((size_t)8 * 1024 * 1024) /* over it, kith-link is not read from */
#define LINK_USER      "kith-link"
#define BREAKS_MAX     10 /* broken turns within a minute: then kithd ends */

/* A place for a client of the control socket. The name stays with the place, so that a user who
 * comes again is not looked up again. */
struct asker {
	uint64_t client; /* 0: nobody sits here */
	uid_t uid;
	unsigned groups;  /* bits of enum groups; 0: a stranger */
	char *user;       /* "uid 1000 (jo)" of .uid, or NULL */
	unsigned waiting; /* requests of past turns without their last reply */
};

/* The groups of this machine whose members may ask, as they were at the start. */
#define LOCAL_GROUPS 4
struct local_group {
	unsigned bit; /* enum groups; 0: this machine has no such group */
	gid_t gid;
};

/* One request of the turn under way. */
struct ask {
	uint64_t client;
	struct span bytes;
};

struct asks {
	struct ask *v;
	size_t n, room;
};

/* The turn under way. Events step one after the other against one view. */
struct turn {
	bool open, failed;
	int result; /* of the step that failed */
	struct view view;
	struct arena arena; /* what steps make; until the next turn */
	struct actions actions;
	struct arena kept; /* copies of requests, to ask again if the turn is lost */
	struct asks asks;
};

struct host {
	struct conf conf;
	const char *config;          /* the file that .conf is from, and is read from again */
	struct verifying *verifying; /* NULL: nothing is verified now */
	int wake;                    /* readable: verify_news() */
	bool relisten;               /* the node has yet to hear of a new conf.listen */
	bool resettle;               /* ... and of other settings that it has */
	struct crypto *crypto;
	struct node_keys keys;
	struct store *store;
	struct node *node;
	uint64_t started_ms;

	struct ctl_server *control, *link;
	int failed;           /* fatal, met in a handler that cannot return it */
	uint64_t link_client; /* the kith-link that is served; 0: none */
	uid_t link_user;
	bool has_link_user;
	struct asker askers[CLIENTS_MAX];
	struct local_group groups[LOCAL_GROUPS];

	struct turn turn;
	struct host_figures figures;
	struct move_limits limits; /* as .conf has them */
	struct arena scratch;      /* of a request that is looked at */
	msec figures_at;
	uint64_t peers, records; /* for the status line */
	struct id *live;         /* peers in session, as the node told */
	size_t n_live, room_live;
	bool news; /* the status line is old */
	uint64_t
		done; /* things that came, or that a turn has made: grows while there is work */

	msec breaks[BREAKS_MAX]; /* when turns broke, a ring */
	size_t n_breaks;
	msec held_until; /* after a lost turn neither links nor ticks come before */
	unsigned losses; /* lost turns without a quiet minute between them */
};

/* ---- host.c: keys, store and node ---- */

static inline uint64_t host_audit_keep(const struct host *h) /* ms */
{
	return h->conf.audit_keep * UINT64_C(86400000);
}

/* .conf is set, all else zero. Keys and store are opened; no node yet. 0, or 1 with .why. */
MUST_USE int host_open(struct host *h, struct why *why);
void host_close(struct host *h); /* keys are wiped; accepts what host_open left half done */
msec host_now(void);
uint64_t host_wall(void); /* milliseconds since 1970 */
/* Figures of the store; commits and flushes are exact, the rest is read again when a commit
 * failed or it is 100 ms old. */
MUST_USE int host_count(struct host *h);

/* ---- keys.c ---- */

/* 0, or CRYPTO_E_BAD with .why. */
MUST_USE int host_keys_read(struct crypto *c, const struct conf *conf, struct node_keys *ret,
	struct secret *ret_store, struct why *why);
void host_keys_done(struct node_keys *k);

/* ---- turn.c ---- */

/* How a turn ended. */
enum outcome {
	OUTCOME_DONE,
	OUTCOME_FULL,    /* the disk or the map */
	OUTCOME_DAMAGED, /* a row of the store */
	OUTCOME_BROKEN,  /* ourselves */
};

/* store_turn_begin(); why it could not is said in the journal. */
MUST_USE int turn_view(struct host *h, struct view *ret);
/* One event into the turn under way, which is begun if there is none. */
MUST_USE int turn_step(struct host *h, struct event *e);
/* Commit, and then carry out what was to be done; or drop it all. < 0: kithd must end. */
MUST_USE int turn_close(struct host *h, enum outcome *ret);
/* As close; after a lost turn the node is made anew and who asked is answered. */
MUST_USE int turn_end(struct host *h);
bool turn_heavy(const struct host *h); /* enough for one turn */
/* When the next tick is due; after a lost turn it is held back. */
msec turn_due(const struct host *h);

/* A reply that the host makes itself, in or out of a turn. */
MUST_USE int host_reply(struct host *h, uint64_t client, const struct ctl_reply *r);

/* ---- reload.c ---- */

/* Read .config again. 0, and .why says what was (dry run: would be) taken over;
 * PROBLEM_CONFIGURATION, PROBLEM_RESTART: all stays as it was, .why says why. */
MUST_USE int host_reload(struct host *h, bool dry_run, struct why *why);
MUST_USE int reload_asked(struct host *h, const struct action *a);

/* ---- verify.c ---- */

MUST_USE int verify_asked(struct host *h, const struct action *a);
/* What the thread has to say goes to who asked. */
MUST_USE int verify_news(struct host *h);
/* Who asked is gone: it ends without a word. */
void verify_gone(struct host *h, uint64_t client);
void verify_end(struct host *h); /* waits for its end */

/* ---- recover.c ---- */

/* A new node from the store as it is, the one before it freed, and its first tick in a turn of
 * its own. 0, a verdict of node_new with .why, < 0. */
MUST_USE int node_begin(struct host *h, struct why *why);
/* After a lost turn: a new node, no links, and each request of that turn again, alone. */
MUST_USE int recover(struct host *h, enum outcome outcome, const struct asks *asks);

/* ---- serve.c: the two sockets ---- */

/* .control_fd and .link_fd: listening, or -1 to bind the paths of the configuration. 0, or a
 * verdict of ctl_server_new with .why. */
MUST_USE int serve_open(struct host *h, int control_fd, int link_fd, struct why *why);
void serve_close(struct host *h);
/* Everything that is there, within the bounds of a turn: one turn, to its end. */
MUST_USE int serve(struct host *h);
struct asker *serve_find(struct host *h, uint64_t client); /* NULL: gone */
/* Close a client, or the kith-link, that a new node knows nothing of. The node does not hear of
 * it. */
void serve_drop(struct host *h, struct asker *a);
void serve_drop_link(struct host *h);

/* ---- loop.c ---- */

/* What the watchdog looks at: how often the loop woke, and how far .done was, the last time. */
#define SPIN_WAKES 1000
struct watch {
	uint64_t wakes, done;
};
/* Whether the loop does anything but go round: it slept, or something was done. Begins anew. */
bool watch_alive(struct watch *w, uint64_t done);

/* Until a signal, or until kithd must end: the exit status. */
MUST_USE int loop_run(struct host *h);
