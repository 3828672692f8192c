/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * kithctl
 *
 * One run of kithctl: what was given, the connection, and how things are shown. A verb's
 * function returns 0, one of the exits below (it has said why), or < 0 when memory or OpenSSL
 * failed.
 */

#include <stdio.h>

#include <jansson.h>

#include <kith/arena.h>
#include <kith/base.h>
#include <kith/control.h>
#include <kith/crypto.h>
#include <kith/ctl.h>
#include <kith/err.h>
#include <kith/reasons.h>
#include <kith/span.h>

/* Exit codes, as kithctl(1) lists them; those of status are LSB's, and of status --check those
 * of a monitoring plug-in. */
enum {
	CLI_DONE,
	CLI_FAILED, /* refused, or it did not work */
	CLI_USAGE,
	CLI_ABSENT, /* kithd does not run, or may not be spoken to */
	CLI_LOST,   /* interrupted, or the connection broke */
};

enum opt {
#define OPTION(id, name, letter, arg, help) OPT_##id,
#include "daemon/cli/options.def"
#undef OPTION
	OPT_COUNT
};

struct cli;
struct command {
	uint32_t number;   /* enum verb; 0: offline */
	const char *words; /* "record list" */
	const char *takes; /* "RECORD --out FILE": for people */
	const char *help;  /* one line */
	const char *more;  /* a paragraph, or NULL */
	int (*run)(struct cli *c);
	uint64_t options;   /* a bit per enum opt, besides the common ones */
	size_t least, most; /* words after the verb */
};
extern const struct command verbs[];
extern const size_t n_verbs;
#define OPT_BIT(id) (UINT64_C(1) << OPT_##id)
extern const uint64_t options_common;

struct cli {
	const struct command *verb;
	const char *given[OPT_COUNT]; /* NULL: not given; "" when it takes no argument */
	const char **endpoints;
	size_t n_endpoints;
	char **words; /* after the verb */
	size_t n_words;
	bool json, colour;
	struct arena arena; /* for the whole run */
	struct ctl_client *link;
	uint32_t asked; /* the latest request's id */
	bool denied;    /* the socket is there and may not be opened */
};

static inline bool cli_has(const struct cli *c, enum opt o)
{
	return c->given[o] != NULL;
}
/* "kithctl: ..." on standard error, foreign bytes escaped. Returns .code. */
int cli_say(int code, const char *fmt, ...) PRINTF(2, 3);
/* A whole number from .least to .most, or a usage error. Not given: *ret stays. */
MUST_USE int cli_number(
	const struct cli *c, enum opt o, uint64_t least, uint64_t most, uint64_t *ret);
/* Midnight (UTC) of the day that --since names; a usage error. Not given: *ret stays. */
MUST_USE int cli_since(struct cli *c, uint64_t *ret);
void json_drop(json_t **j); /* for CLEANUP */
void file_drop(FILE **f);

/* args.c: options and words. *ret_stop: there is nothing more to do. */
MUST_USE int args_read(struct cli *c, int argc, char **argv, bool *ret_stop);
/* Which of enum opt is missing: says so and gives CLI_USAGE. */
MUST_USE int args_need(const struct cli *c, enum opt o);

/* term.c: what a terminal may see. */
enum safe { SAFE_LINE, SAFE_LINES /* line ends stay */ };
/* Text that may hold anything, with everything that moves a cursor or turns writing round made
 * visible (\x1b, \u202e). In the arena; NULL when memory is out. */
MUST_USE char *safe_text(struct arena *a, struct span text, enum safe how);
#define SHORT_TEXT 32
char *age_text(uint64_t ms, char into[SHORT_TEXT]);     /* "3 min", "2 days" */
char *date_text(uint64_t wall, char into[SHORT_TEXT]);  /* "2026-11-21 14:02:11" */
char *size_text(uint64_t bytes, char into[SHORT_TEXT]); /* "1.4 GiB" */
uint64_t wall_ms(void);
uint64_t clock_ms(void); /* monotonic */
/* The first words of an answer on standard input are yes. */
bool term_yes(const char *question);
/* A line from standard input, without its end; nothing typed: .otherwise. False: there is none.
 */
bool term_line(const char *question, const char *otherwise, char *into, size_t room);

/* progress.c: a bar on a terminal, a line every tenth elsewhere. Always on standard error. */
struct progress {
	const char *what;
	uint64_t done, of, began, drawn;
	unsigned tenth; /* of plain lines */
	bool bar;
};
struct progress progress_begin(const char *what, uint64_t of);
void progress_set(struct progress *p, uint64_t done);
void progress_end(struct progress *p); /* clears the bar */
/* "importing 1200 of 5000 (24 %), 300/s, 12 s left". Returns .into. */
char *progress_text(
	const char *what, uint64_t done, uint64_t of, uint64_t ms, char *into, size_t room);

/* card_text.c: a bundle as text that survives a mail. */
#define CARD_TEXT_MAX 16384
enum { CARD_TEXT_E_BAD = 1 };
MUST_USE int card_text_parse(
	struct span text, struct arena *a, struct span *ret, struct why *why);
/* With "Region: " and "Fingerprint: " above. NUL-terminated, in the arena; NULL: no memory. */
MUST_USE char *card_text_make(
	struct arena *a, const char *name, const char *fingerprint, struct span bundle);
MUST_USE char *base64_text(struct arena *a, struct span bytes);

/* json.c: a Reply as a tree, with the names of control.proto. */
/* 0, WIRE_E_MALFORMED, -ENOMEM. Without data, which is bytes for the caller. */
MUST_USE int json_reply(struct span bytes, struct arena *a, json_t **ret);
/* Add a later reply of the same request: lists grow (.latest: are replaced), the rest is
 * replaced. Drops .more. */
MUST_USE int json_merge(json_t *into, json_t *more, bool latest);
MUST_USE int json_out(const struct cli *c, const json_t *j);
/* One of many: always one line. */
MUST_USE int json_line(const struct cli *c, const json_t *j);
/* The text of a member, "" when it is not there. */
const char *json_text(const json_t *object, const char *key);
uint64_t json_number(const json_t *object, const char *key);
MUST_USE json_t *json_bytes(struct arena *a, struct span bytes); /* text, or {"base64": ...} */

/* ask.c: requests and their replies. */
struct ask {
	void *ctx;
	bool quiet;   /* what kithd refuses is not said: CLI_FAILED */
	bool latest;  /* follow: keep the latest of each list */
	bool refused; /* a problem is an answer like others, and not the end */
	int (*piece)(void *ctx, struct span data); /* NULL: not wanted */
	/* Each reply by itself; the tree then stays empty. NULL: not wanted */
	int (*reply)(void *ctx, const json_t *reply);
	int (*progress)(void *ctx, const struct reply_head *h); /* NULL: not shown */
};
/* Where kithd is asked: --socket, or as the configuration says. */
MUST_USE int ask_socket(struct cli *c, const char **ret);
/* Who asks and how: worker, role, purpose, dry run, the verb's number. */
struct ctl_request ask_request(struct cli *c);
/* One request, all its replies, one tree. .how may be NULL. */
MUST_USE int ask(struct cli *c, struct ctl_request *r, const struct ask *how, json_t **ret);
/* One that changes something, and .done (NULL: no memory), or the reply as JSON, when it has.
 * *ret: the reply, for what is said behind it; NULL with --json. .ret may be NULL. */
MUST_USE int ask_change(struct cli *c, struct ctl_request *r, const char *done, json_t **ret);
/* The name of this region, in .arena. */
MUST_USE int ask_name(struct cli *c, const char **ret);

/* A signal asked for the end. */
bool ask_interrupted(void);
/* Ends the connection; the next request makes a new one. */
void ask_close(struct cli *c);

/* Many requests, a few under way at once. */
#define ASK_WINDOW 32
enum { ASK_END = 100 }; /* beside the exits */
struct ask_many {
	void *ctx;
	bool refused; /* a problem is an answer like others, and not the end */
	/* 0 and *ret (everything it points to in .a), ASK_END, < 0, or an exit. */
	int (*next)(void *ctx, struct arena *a, struct ctl_request *ret);
	/* One whole answer, in the order of the requests. Borrowed. */
	int (*answered)(void *ctx, const json_t *reply);
};
MUST_USE int ask_each(struct cli *c, const struct ask_many *m);
/* The connection, if there is none yet; else why not. */
MUST_USE int ask_connect(struct cli *c);
/* One request, with an id of its own; its bytes are made in .a. */
MUST_USE int ask_send(struct cli *c, struct ctl_request *r, struct arena *a, size_t *ret_bytes);

/* line.c: a connection on which the stream of moves stands while requests come and go. */
enum { LINE_QUIET = 101, LINE_LOST }; /* beside the exits */
struct line {
	struct cli *cli;
	uint32_t moves, requests; /* the ids of what stands; 0: does not */
	bool listed;              /* every move that waits has been told once */
	size_t under_way;         /* requests without their last reply */
	struct arena scratch;
};
struct line_reply {
	uint32_t id;
	bool last;
	json_t *tree; /* the caller's, to be dropped */
};
/* Connects, and lets the moves stand; .requests: also those for records. */
MUST_USE int line_begin(struct line *l, struct cli *c, bool requests);
void line_end(struct line *l); /* closes the connection; for CLEANUP */
MUST_USE int line_post(struct line *l, struct ctl_request *r);
/* One reply; LINE_QUIET when none comes in time, or a signal; LINE_LOST. */
MUST_USE int line_next(struct line *l, int timeout_ms, struct line_reply *ret);

/* sheet.c: a CSV file, a row each. */
#define SHEET_COLUMNS 4
struct sheet_row {
	uint32_t line;
	const char *cells[SHEET_COLUMNS]; /* "": empty, or not there */
};
struct sheet {
	struct sheet_row *rows;
	size_t n;
};
/* .names of the columns in their usual order; the first must be given in each row. */
MUST_USE int sheet_read(struct cli *c, const char *path, const char *const *names,
	size_t n_names, struct sheet *ret);

/* reason.c: a reason by number or by name; not one that only kith gives. */
bool reason_find(enum reasons of, const char *text, uint32_t *ret);
/* 0, or CLI_USAGE after saying which there are. */
MUST_USE int reason_choose(enum reasons of, const char *text, uint32_t *ret);

/* verb_offers.c, verb_accepts.c, approver.c */
int offers_from_file(struct cli *c);
int accepts_all(struct cli *c);
int verb_move_approver(struct cli *c);

/* runner.c: a program that is asked one question. */
#define ANSWER_MAX 4096
struct runner {
	pid_t pid;
	int out;
	uint64_t began;        /* clock_ms() */
	bool killed, much;     /* .much: it said more than fits */
	int status;            /* its exit, or 128 and its signal */
	char said[ANSWER_MAX]; /* its first line, once it has ended */
	size_t n;
};
/* 0, or -errno. .question has less than 64 KiB. */
MUST_USE int runner_start(struct runner *r, const char *program, const char *question);
bool runner_ended(struct runner *r); /* then .status and .said are there */
void runner_kill(struct runner *r);  /* it, and all that it began */

/* bulk.c: what became of each of many. */
struct bulk {
	struct cli *cli;
	json_t *report; /* "moves", "not_done": for the end */
	size_t n, done, before;
};
MUST_USE int bulk_begin(struct bulk *b, struct cli *c);
void bulk_end(struct bulk *b);
/* One that was refused: {line, record, name, text, next}; .line 0: of no file. */
MUST_USE int bulk_refused(
	struct bulk *b, uint32_t line, const char *record, const json_t *problem);
/* How each of these records stands now, into "moves". */
MUST_USE int bulk_collect(struct bulk *b, const char *const *records, size_t n);
/* The report, and the exit: 1 when anything was refused. */
MUST_USE int bulk_report(struct bulk *b, const char *did);
/* Wait until all of these records' moves are settled. */
MUST_USE int bulk_wait(struct bulk *b, const char *const *records, size_t n);

/* show.c: trees as tables and blocks. */
enum form {
	FORM_TEXT,
	FORM_ID,
	FORM_NUMBER,
	FORM_SIZE,
	FORM_WHEN,  /* "3 min ago" */
	FORM_SINCE, /* "2026-11-21 14:02 (3 min)" */
	FORM_TIME,  /* "2026-11-21 14:02:07" */
	FORM_AGE,
	FORM_FLAG,
	FORM_LIST,
	FORM_FIRST /* of a list */
};
/* What a column does on a terminal that is too narrow. */
enum give { WHOLE, CUT, WRAP };
struct column {
	const char *key, *header;
	enum form form;
	enum give give;
	bool paint; /* in the colour of its word */
};
/* The list under .key, or one line saying .none. */
MUST_USE int show_table(struct cli *c, const json_t *reply, const char *key, const char *none,
	const struct column *cols, size_t n);
/* "key: value", leaving out what is not there. */
MUST_USE int show_block(
	struct cli *c, const json_t *object, const struct column *cols, size_t n);
MUST_USE int show_made(struct cli *c, const json_t *reply, const char *done);
MUST_USE int show_seen(struct cli *c, const json_t *reply);
/* With --json .list is there even when it is empty. NULL: no list. */
MUST_USE int show_json(struct cli *c, json_t *reply, const char *list);

/* judge.c: what is wrong, from what kithd says of itself. Pure: the same replies and the same
 * time give the same findings. */
enum grave { GRAVE_NONE, GRAVE_NOTE, GRAVE_ATTENTION, GRAVE_ALARM };
struct finding {
	enum grave grave;
	const char *name;  /* "peer-away": stable, for scripts */
	const char *about; /* a peer's name, or NULL */
	uint64_t since_ms; /* wall; 0: not known */
	const char *text, *next;
};
#define FINDINGS_MAX 64
struct judged {
	enum grave worst; /* a note is nothing wrong */
	struct finding v[FINDINGS_MAX];
	size_t n; /* the gravest first */
};
/* .reply has status, and perhaps peers and moves. -ENOMEM. */
MUST_USE int judge(struct arena *a, const json_t *reply, uint64_t now_ms, struct judged *ret);
const char *grave_word(enum grave g); /* "ok" for none and note, "attention", "alarm" */
MUST_USE json_t *judged_json(const struct judged *j);

/* unit.c: what systemd says of a unit. */
struct unit_state {
	bool known; /* systemd runs here and could be asked */
	char load[SHORT_TEXT], active[SHORT_TEXT], sub[SHORT_TEXT], result[SHORT_TEXT],
		since[64]; /* "Sat 2026-11-21 14:02:11 UTC" */
};
/* Output of "systemctl show -p LoadState,..." */
void unit_parse(const char *text, struct unit_state *ret);
/* A program's standard output, cut at .room; its exit status, or -1 when it cannot be run or
 * takes longer than 5 s. */
int run_program(const char *const argv[], char *into, size_t room);
void unit_ask(const char *unit, struct unit_state *ret);
/* The unit that serves this configuration, like unit_of(c, "kithd", "service"): kithd.service,
 * kithd@north.service for /etc/kith/north.conf, or NULL when it is none of these or a socket is
 * named. */
const char *unit_of(struct cli *c, const char *stem, const char *kind);
const char *unit_name(struct cli *c); /* of kithd */
/* Says that kithd does not run, what its unit does and what starts it. CLI_ABSENT. */
int unit_absent(struct cli *c, const char *socket);

/* verb_status.c: status, peers and moves as one tree, and what is wrong in it. */
MUST_USE int status_ask(struct cli *c, json_t **ret, struct judged *judged);
MUST_USE int status_screen(struct cli *c, const json_t *reply, const struct judged *judged);

/* What grew between two looks, a second. */
struct rates {
	uint64_t ms;    /* between them; 0: there was no look before, or kithd began anew */
	double per[16]; /* as rates_names */
};
extern const char *const rates_names[];
extern const size_t n_rates;
struct rates rates_between(const json_t *before, const json_t *status, uint64_t ms);
/* tally.c: counts, digests and refusals of moves. */
/* Adds "directions" and "refused" to .report. */
MUST_USE int tally_add(struct cli *c, json_t *report, const json_t *moves);
MUST_USE int tally_show(struct cli *c, const json_t *report);
/* Adds "differences" and "agree": what stands otherwise in the report of the other region. */
MUST_USE int tally_compare(json_t *report, const json_t *theirs);
/* Overdue first, and what waits longest. */
MUST_USE int moves_sort(struct cli *c, json_t *reply);

/* verb_peer.c: this region's card, as kithd has it, checked. */
struct checked_card;
MUST_USE int card_ask(struct cli *c, struct checked_card *ret, struct span *ret_bundle);
MUST_USE int card_from_file(
	struct cli *c, const char *path, struct checked_card *ret, struct span *ret_bundle);
/* After a person has said that the fingerprint is right, or --yes. */
MUST_USE int peer_add(
	struct cli *c, struct checked_card *card, struct span bundle, json_t **ret);
/* verb_init.c: region init, for the verb's one word; .quiet: what was made is not told. */
MUST_USE int region_make(struct cli *c, bool quiet);

/* file.c: files that appear whole or not at all. */
/* At most .most bytes, into the arena. "-" is standard input. */
MUST_USE int file_read(struct cli *c, const char *path, size_t most, struct span *ret);
struct new_file {
	FILE *f;
	char *path, *temporary;
};
MUST_USE int new_file_open(struct cli *c, const char *path, struct new_file *ret);
MUST_USE int new_file_keep(struct new_file *n); /* flush, refuse to overwrite, name it */
void new_file_drop(struct new_file *n);         /* for CLEANUP: removes what was not kept */

/* --config, or the usual file, or the defaults. */
struct conf;
MUST_USE int cli_conf(struct cli *c, struct conf *ret);

/* The kernel's chance; NULL after saying why not. */
MUST_USE struct crypto *cli_crypto(void);
void crypto_drop(struct crypto **c);

/* The verbs. */
int verb_status(struct cli *c);
int verb_top(struct cli *c);
int verb_doctor(struct cli *c);
int verb_setup(struct cli *c);
int verb_upgrade(struct cli *c);
int verb_explain(struct cli *c);
/* What a verdict about another region says; NULL: there is none of that name. */
const char *verdict_text(const char *name);
int verb_follow(struct cli *c);
int verb_reload(struct cli *c);
int verb_verify(struct cli *c);
int verb_audit(struct cli *c);
int verb_region_init(struct cli *c);
int verb_region_card(struct cli *c);
int verb_peer_add(struct cli *c);
int verb_peer_remove(struct cli *c);
int verb_peers(struct cli *c);
int verb_record_list(struct cli *c);
int verb_record_show(struct cli *c);
int verb_record_timeline(struct cli *c);
int verb_record_new(struct cli *c);
int verb_record_alias(struct cli *c);
int verb_record_append(struct cli *c);
int verb_record_export(struct cli *c);
int verb_circle(struct cli *c);
int verb_custody(struct cli *c);
int verb_custody_prove(struct cli *c);
int verb_custody_check(struct cli *c);
int verb_import(struct cli *c);
int verb_move_offer(struct cli *c);
int verb_move_accept(struct cli *c);
int verb_move_decline(struct cli *c);
int verb_move_withdraw(struct cli *c);
int verb_circle_add(struct cli *c);
int verb_circle_remove(struct cli *c);
int verb_circle_guardian(struct cli *c);
int verb_custody_assume(struct cli *c);
int verb_custody_resolve(struct cli *c);
int verb_backup_verified(struct cli *c);
int verb_move_request(struct cli *c);
int verb_move_requests(struct cli *c);
int verb_move_refuse(struct cli *c);
int verb_move_cancel(struct cli *c);
int verb_move_list(struct cli *c);
int verb_move_show(struct cli *c);
int verb_move_report(struct cli *c);
