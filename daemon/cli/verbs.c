/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The verbs
 *
 * One row each: what it is called, what it takes, and who does it. Words and help of those that
 * go to kithd are the ones of <kith/control.def>; a test compares them.
 */

#include "daemon/cli/cli.h"

#define O(id) OPT_BIT(id)

const uint64_t options_common = O(HELP) | O(VERSION) | O(SOCKET) | O(CONFIG) | O(JSON) |
				O(COLOR) | O(WORKER_ID) | O(ROLE) | O(PURPOSE);

const struct command verbs[] = {
	{ VERB_STATUS, "status", "[--check]", "is anything wrong, since when, what to do",
		"Exits with 0 when kithd runs, 3 when it does not, 4 when that cannot be told. "
		"With --check: one\nline, and 0 ok, 1 attention, 2 alarm, 3 not running or not "
		"known.",
		verb_status, O(CHECK), 0, 0 },
	{ 0, "top", "[--interval SECONDS] [--count N]",
		"the status, again and again, with what is done a second",
		"Until q or an interrupt. Where there is no terminal, one screen after the "
		"other: one, or as many\nas --count says; with --json a line each.",
		verb_top, O(INTERVAL) | O(SCREENS), 0, 0 },
	{ 0, "setup", "[CARDFILE...]",
		"from nothing to regions that see each other, step by step",
		"Writes the configuration, makes the region, starts the units, writes this "
		"region's card, adds\nthe cards of other regions and waits for the links. What "
		"is there already stays as it is: run it\nagain and it goes on. On a terminal "
		"it asks; elsewhere give --name, --endpoint and --yes.\n--dir DIR keeps "
		"everything below DIR, for trying it without systemd.",
		verb_setup,
		O(NAME) | O(ENDPOINT) | O(ROOT_OUT) | O(OUT) | O(DIR) | O(WAIT) | O(YES) |
			O(DRY_RUN),
		0, 16 },
	{ 0, "doctor", "[--peer PEER] [--backups DIR] [--drop-in]",
		"find the usual faults, and the next command for each",
		"Configuration, socket, groups, units, files, disk, clock, DNS, firewall, keys "
		"and versions. Run it\nas root: what this user may not see is skipped. Exits "
		"with 1 when a check fails. --drop-in prints\nwhat lets kith-link speak with "
		"the peers' addresses and with nobody else.",
		verb_doctor, O(PEER) | O(BACKUPS) | O(DROP_IN), 0, 0 },
	{ 0, "upgrade", "--check", "which peers could not follow a new version",
		"Compares what is installed with what runs, the peers and the store, before "
		"kithd is restarted.\nExits with 1 when a peer would be cut off, or the store "
		"is "
		"newer than what is installed.",
		verb_upgrade, O(CHECK), 0, 0 },
	{ 0, "region init", "NAME --dir DIR", "make a region: keys, store, card; offline",
		"NAME is 1 to 63 of a-z, 0-9 and -. DIR gets keys/ and store/. The root key "
		"and the "
		"next root\nkey go to files of their own: take them away from this machine. "
		"Everything is made or nothing.",
		verb_region_init, O(DIR) | O(ENDPOINT) | O(ROOT_OUT) | O(DRY_RUN), 1, 1 },
	{ VERB_CARD, "region card", "[--out FILE]", "this region's card, to hand to another",
		NULL, verb_region_card, O(OUT), 0, 0 },
	{ VERB_PEER_ADD, "peer add", "CARDFILE", "trust a region and link with it",
		"Shows the fingerprint and asks: compare it by telephone with somebody you "
		"know at the "
		"other\nregion. \"-\" reads the card from standard input (needs --yes). "
		"--endpoint is "
		"dialled instead\nof what the card says.",
		verb_peer_add, O(ENDPOINT) | O(YES) | O(DRY_RUN), 1, 1 },
	{ VERB_PEER_REMOVE, "peer remove", "PEER", "stop linking with a region",
		"What was kept for it goes; its card stays, so that what it wrote stays "
		"verifiable, and so does\nits place in the circles of records. Added again, it "
		"gets everything that it should have.",
		verb_peer_remove, O(YES) | O(DRY_RUN), 1, 1 },
	{ VERB_PEERS, "peers", "", "the regions that we link with", NULL, verb_peers, 0, 0, 0 },
	{ VERB_RECORD_LIST, "record list", "[--rec CODE]",
		"the records held here, one line each", NULL, verb_record_list,
		O(REC) | O(AFTER) | O(LIMIT), 0, 0 },
	{ VERB_RECORD_SHOW, "record show", "RECORD", "one record: circle, custody, summary",
		NULL, verb_record_show, 0, 1, 1 },
	{ VERB_TIMELINE, "record timeline", "RECORD", "everything that is known, in order",
		"A line an entry, or with --full all of each.", verb_record_timeline,
		O(AFTER) | O(LIMIT) | O(FULL), 1, 1 },
	{ VERB_RECORD_NEW, "record new", "[--authority CODE --child ID]",
		"make a record for a child",
		"The authority and its CHILD id are an alias by which the record can be found; "
		"the "
		"record's own\nid says nothing about the child.",
		verb_record_new, O(AUTHORITY) | O(CHILD) | O(DRY_RUN), 0, 0 },
	{ 0, "record alias", "RECORD --authority CODE --child ID",
		"say under which id an authority knows the child",
		"The authority's next return then goes on in this record. An id that another "
		"record has already\nstays with that one.",
		verb_record_alias, O(AUTHORITY) | O(CHILD) | O(DATE) | O(DRY_RUN), 1, 1 },
	{ VERB_APPEND, "record append", "RECORD --note TEXT | --notes-from FILE",
		"add entries to a record",
		"One note, with a --title if there is one, or a file with one note a line "
		"(\"-\": "
		"standard\ninput), which is sent in batches.",
		verb_record_append,
		O(NOTE) | O(TITLE) | O(NOTES) | O(BATCH) | O(DATE) | O(DRY_RUN), 1, 1 },
	{ VERB_EXPORT, "record export", "RECORD --out FILE",
		"the whole record with its proof, to a file",
		"The file holds the content keys: who has it can read the record. It never "
		"replaces "
		"another.",
		verb_record_export, O(OUT), 1, 1 },
	{ VERB_IMPORT, "import ssda903", "DIR --authority CODE --year YYYY",
		"take in a statutory return",
		"Reads every *.csv in DIR; a table is known by its columns, not by the file's "
		"name. "
		"Nothing is\nrepaired, dropped or merged: a row that breaks a rule is kept "
		"with the "
		"rule attached. Importing\na return again adds nothing.",
		verb_import, O(AUTHORITY) | O(YEAR) | O(DRY_RUN), 1, 1 },
	{ VERB_MOVE_OFFER, "move offer", "RECORD --to PEER --reason REASON",
		"offer a record and its custody to a region",
		"Or many: --from-file FILE, a CSV file with the columns record, to, reason and "
		"text; "
		"--to and\n--reason stand for what a row leaves out. Run again, it goes on "
		"where it "
		"was. At the end it says\nwhat became of each; --follow waits until all are "
		"settled.",
		verb_move_offer,
		O(TO) | O(REASON) | O(TEXT) | O(FROM_FILE) | O(FOLLOW) | O(DRY_RUN), 0, 1 },
	{ VERB_MOVE_ACCEPT, "move accept", "RECORD --worker NAME",
		"take responsibility, naming the worker who takes the child up",
		"From this moment this region is responsible; it cannot be taken back.\n"
		"Or many: --all accepts what is offered and complete, with --worker, or as "
		"--worker-from-file\nFILE says: a CSV file with the columns record, worker, "
		"role "
		"and team; * is every other record.\nRun again, it goes on where it was; "
		"--follow "
		"waits for what is still to come.",
		verb_move_accept,
		O(WORKER) | O(WORKER_ROLE) | O(TEAM) | O(ALL) | O(WORKERS) | O(FROM) |
			O(FOLLOW) | O(DRY_RUN),
		0, 1 },
	{ VERB_MOVE_DECLINE, "move decline", "RECORD --code CODE [--text TEXT]",
		"refuse an offer, with a code",
		"A code is a number or a name of kith-codes(7); kithctl explain CODE says what "
		"it means and what\nthe region that offered the record will be told to do. "
		"Words may go with it.",
		verb_move_decline, O(CODE) | O(TEXT) | O(DRY_RUN), 1, 1 },
	{ VERB_MOVE_WITHDRAW, "move withdraw", "RECORD [--text TEXT]", "take an offer back",
		NULL, verb_move_withdraw, O(TEXT) | O(DRY_RUN), 1, 1 },
	{ VERB_MOVE_LIST, "move list", "", "what waits for whom, and since when", NULL,
		verb_move_list, 0, 0, 0 },
	{ VERB_MOVE_SHOW, "move show", "RECORD [--follow]",
		"one move; with follow, until it is settled", NULL, verb_move_show, O(FOLLOW),
		1, 1 },
	{ VERB_MOVE_REQUEST, "move request", "PEER RECORD --purpose WHY --worker NAME",
		"ask the region believed to be custodian for a record",
		"RECORD is a whole record id, or AUTHORITY/CHILD as the other region knows the "
		"child. The answer\ncomes when somebody there has read the request: kithctl "
		"move "
		"requests shows it. That it was noted\nsays nothing of whether there is such a "
		"record.",
		verb_move_request, O(WORKER) | O(DRY_RUN), 2, 2 },
	{ VERB_MOVE_REQUESTS, "move requests", "[--follow]",
		"who asked whom for a record, and what was answered",
		"With --follow, on and on: a line for each that is new or has changed.",
		verb_move_requests, O(FOLLOW), 0, 0 },
	{ VERB_MOVE_REFUSE, "move refuse", "REQUEST --code CODE [--text TEXT]",
		"refuse a request for a record, with a code",
		"kithctl explain and kith-codes(7) list the codes. Words may go with each. To "
		"grant it: kithctl\nmove offer.",
		verb_move_refuse, O(CODE) | O(TEXT) | O(DRY_RUN), 1, 1 },
	{ VERB_MOVE_CANCEL, "move cancel", "REQUEST",
		"take a request back, or put one away that was answered", NULL,
		verb_move_cancel, O(DRY_RUN), 1, 1 },
	{ VERB_MOVE_REPORT, "move report", "--peer PEER [--since DATE] [--compare FILE]",
		"every move with a region: how it went, and what both must agree on",
		"Counts and digests for each direction. The other region's report, written "
		"with "
		"--json, must have\nthe same: --compare says which moves differ, and exits "
		"with 1 "
		"when any does.",
		verb_move_report, O(PEER) | O(SINCE) | O(COMPARE), 0, 0 },
	{ 0, "move approver", "--exec PROGRAM [--worker NAME]",
		"answer offers and requests as a program decides",
		"The program is run for each, with a JSON document on its standard input, and "
		"answers with one\nline of JSON: {\"accept\":true,\"worker\":NAME}, "
		"{\"decline\":CODE,\"text\":WORDS} or {\"later\":true}.\nSee kithctl(1). It "
		"goes "
		"on until it is ended, over restarts of kithd.",
		verb_move_approver,
		O(EXEC) | O(WORKER) | O(TIMEOUT) | O(JOBS) | O(RETRY) | O(ONCE), 0, 0 },
	{ VERB_CERTIFICATE, "custody prove", "RECORD [--from DATE] [--to DATE] [--out FILE]",
		"a certificate of who was responsible, to a file",
		"The file proves by itself, to anybody, which region was responsible on each "
		"of these days, as\nknown to this region now. It holds no personal data. "
		"Without --out it is called\ncustody-RECORD-FROM-TO.kith.",
		verb_custody_prove, O(FROM) | O(TO) | O(OUT), 1, 1 },
	{ 0, "custody check", "FILE...", "verify certificates of custody; offline",
		"Works out again who was responsible from the signed changes in each file, and "
		"says exactly what\nis wrong. Several files are compared, too. Exits with 0 "
		"when everything is proven and nothing\ncontradicts, else with 1.",
		verb_custody_check, 0, 1, 64 },
	{ VERB_CIRCLE_ADD, "circle add", "RECORD PEER --role ROLE [--guardian]",
		"put a region into the circle of a record, or change its role",
		"ROLE is reader or writer. It gets the record and its keys. Only the "
		"custodian.",
		verb_circle_add, O(GUARDIAN) | O(DRY_RUN), 2, 2 },
	{ VERB_CIRCLE_REMOVE, "circle remove", "RECORD REGION [--keep WHAT]",
		"put a region out of the circle, and make new keys",
		"What it wrote counts up to here. --keep none says that it must destroy what "
		"it "
		"has; without,\nit may keep it. A former custodian goes by itself after the "
		"first "
		"verified backup.",
		verb_circle_remove, O(KEEP) | O(DRY_RUN), 2, 2 },
	{ VERB_CIRCLE_GUARDIAN, "circle guardian", "RECORD REGION --guardian | --no-guardian",
		"give a region a voice when the custodian is gone, or take it",
		"More than half of the guardians, of whom the custodian is one, settle who is "
		"responsible when\nthe custodian cannot: name two others at least.",
		verb_circle_guardian, O(GUARDIAN) | O(NO_GUARDIAN) | O(DRY_RUN), 2, 2 },
	{ VERB_CUSTODY_ASSUME, "custody assume", "RECORD --to REGION --reason REASON",
		"as a guardian: a region takes the duty of a custodian that is gone",
		"Each guardian signs for itself, REGION last; with more than half of them "
		"REGION "
		"is responsible,\nbeside the custodian, until it is resolved. It gets no power "
		"over "
		"circle, keys or moves.\nREASON: unreachable, lost, dissolved, forked, "
		"returned.",
		verb_custody_assume, O(TO) | O(REASON) | O(TEXT) | O(ANYWAY) | O(DRY_RUN), 1,
		1 },
	{ VERB_CUSTODY_RESOLVE, "custody resolve", "RECORD --to REGION --reason REASON",
		"as a guardian: settle who is the custodian next",
		"As custody assume, and then REGION is the custodian: it may also be the old "
		"one. "
		"What the old\ncustodian did about custody behind the last change that the "
		"first "
		"signer holds counts for\nnothing. A guardian signs once in a term.",
		verb_custody_resolve, O(TO) | O(REASON) | O(TEXT) | O(ANYWAY) | O(DRY_RUN), 1,
		1 },
	{ VERB_BACKUP_VERIFIED, "backup verified", "[--through N]",
		"say that a backup of this store was made and verified",
		"For the script that makes backups, when a copy has passed kithctl verify: "
		"what is "
		"in it needs\nits former custodians no more, and they leave (remove_former in "
		"kithd.conf).",
		verb_backup_verified, O(THROUGH) | O(DRY_RUN), 0, 0 },
	{ VERB_CIRCLE, "circle", "RECORD", "the regions that may hold a record", NULL,
		verb_circle, 0, 1, 1 },
	{ VERB_CUSTODY, "custody", "RECORD", "who was responsible, and when", NULL,
		verb_custody, 0, 1, 1 },
	{ VERB_FOLLOW, "follow", "[RECORD] [--after N] [--once]",
		"the changes as they come, from a number on",
		"A line a change: its number in this store's log, record, author, place in its "
		"chain, kind. Note\nthe number that was worked through and go on behind it "
		"with "
		"--after: each change comes at\nleast once. With --json each line is an "
		"object.",
		verb_follow, O(AFTER) | O(ONCE) | O(PEER) | O(CONTROL) | O(SEALED), 0, 1 },
	{ VERB_AUDIT, "audit", "[--since DATE] [--record RECORD] [--user USER]",
		"who asked what of this region, and why",
		"Every request about a record, and every one of an administrator, done or "
		"refused, oldest first.\nWhat readings other regions see stands in the record "
		"itself.",
		verb_audit, O(SINCE) | O(RECORD) | O(USER) | O(AFTER) | O(LIMIT), 0, 0 },
	{ VERB_VERIFY, "verify", "", "hash and verify again all that is stored",
		"Every row by its hash, every chain by its hashes, links and signatures, "
		"beside the "
		"daily work. Exits\nwith 1 when anything is not what was written.",
		verb_verify, 0, 0, 0 },
	{ VERB_RELOAD, "reload", "", "take over the configuration as it stands now",
		"As a whole or not at all. log_level, listen, the quotas, audit_keep, "
		"move_warn and move_alarm may\nchange while kithd runs. Of anything else, and "
		"of what is wrong, the file and line are named, and\nwhat was in force "
		"stays in force.",
		verb_reload, O(DRY_RUN), 0, 0 },
	{ 0, "explain", "[CODE|NAME]", "what a code or a name means, and what to do; offline",
		"Problems of requests, verdicts about other regions, reasons and refusals of "
		"moves, rules of\nreturns. Without an argument, all of them.",
		verb_explain, 0, 0, 1 },
};
const size_t n_verbs = COUNT(verbs);
