/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Care
 *
 * What a record means: statutory returns (SSDA903) in, their codes, dates and rules, and what
 * a row says about a child. Bytes in, structs out: no files, no clock, no locale.
 *
 * A return is imported as it is. Nothing is repaired, dropped or merged: cells keep the bytes
 * they came with, a row that breaks a rule is kept with the rule attached, and only a file that
 * cannot be cut into rows at all is refused, with its line and the reason. Blanks around a
 * value are ignored when it is interpreted, never when it is stored.
 */

#include <kith/arena.h>
#include <kith/base.h>
#include <kith/err.h>
#include <kith/ident.h>

/* Verdicts of csv_next() and care_return_add(). */
enum {
	CARE_E_END = 1, /* csv_next: no further row */
	CARE_E_EMPTY,   /* the file has no header line: empty, or nothing but line ends */
	CARE_E_LATER, /* a table of the return that this kith recognises and does not import */
	CARE_E_UNKNOWN, /* the columns are those of no table */
	CARE_E_CELL,    /* a cell is longer than CARE_CELL_MAX */
	CARE_E_CELLS,   /* a row has more than CARE_CELLS_MAX cells */
	CARE_E_QUOTE,   /* a quoted cell that is never closed */
	CARE_E_BIG,     /* the arena's budget is used up */
};

/* CSV (RFC 4180, and what people send). ---------------------------------------------------- */

#define CARE_CELL_MAX  16384 /* bytes, quotes taken off */
#define CARE_CELLS_MAX 128

struct csv {
	struct arena
		*arena; /* for cells with doubled quotes; all others borrow from the file */
	const uint8_t *at, *end;
	uint32_t line; /* of .at, from 1 */
};

struct csv_row {
	const struct span *cells; /* in the arena, and so valid as long as it and the file */
	size_t n;
	uint32_t line; /* where the row begins: a quoted cell may hold line ends */
	bool stray;    /* text after a closing quote; it was kept as part of the cell */
};

/* A byte order mark is skipped. LF, CRLF and CR end a row, and so does the end of the file. */
void csv_init(struct csv *c, struct arena *a, struct span file);
/* The next row that is not an empty line. 0, CARE_E_END, _CELL, _CELLS, _QUOTE, _BIG; .why is
 * set for the last four, naming the line. A NUL byte is a byte like any other here. */
MUST_USE int csv_next(struct csv *c, struct csv_row *ret, struct why *why);

/* Tables. ---------------------------------------------------------------------------------- */

/* The names, not these numbers, are what is stored and hashed. */
enum care_table {
	CARE_TABLE_NONE,
	CARE_HEADER,
	CARE_EPISODES,
	CARE_REVIEWS, /* this one and those before it are imported; what follows is recognised
		       */
	CARE_UASC,
	CARE_OC2,
	CARE_OC3,
	CARE_AD1,
	CARE_PLACED_ADOPTION,
	CARE_PREV_PERM,
	CARE_MISSING,
	CARE_SW_EPISODES,
	CARE_DOLO,
	CARE_TABLE_COUNT
};

const char *care_table_name(enum care_table t);     /* "Episodes"; "" for CARE_TABLE_NONE */
enum care_table care_table_named(struct span name); /* CARE_TABLE_NONE: no such table */
bool care_table_imported(enum care_table t);
/* The table all of whose columns are there, in any order and case; the one with most columns
 * if several are. The file's name has no say. */
enum care_table care_table_of(const struct span *columns, size_t n);

/* Dates. ----------------------------------------------------------------------------------- */

enum care_precision {
	CARE_NO_DATE, /* blank, or not a date */
	CARE_DATE_DAY,
	CARE_DATE_MONTH,   /* zz/05/2020: .day is the 15th, never the 1st */
	CARE_DATE_YEAR,    /* zz/zz/2020: .day is 1 July */
	CARE_DATE_UNKNOWN, /* zz/zz/zzzz: people say that nobody knows; .day is 0 and means
			      nothing */
};

struct care_date {
	int32_t day; /* days since 1970-01-01, proleptic Gregorian */
	enum care_precision precision;
};

/* Verdicts of the parsers; *ret is then CARE_NO_DATE. */
enum {
	CARE_DATE_E_BLANK = 1,
	CARE_DATE_E_BAD, /* another form, or a day that no calendar has (31/02) */
};

#define CARE_DATE_TEXT 16 /* room for either text, with its NUL */

/* d/m/yyyy (also with - or .), yyyy-mm-dd, a time of day behind either (ignored), yy instead of
 * yyyy, and zz in place of what is unknown (either case). A two-digit year is 20yy unless the
 * date would lie more than a year after the end of the collection (31 March .year): then it is
 * 19yy. .year 0: always 20yy. Years 1850 to 2199. */
MUST_USE int care_date_parse(struct span text, int year, struct care_date *ret);
/* 2020-05-12, 2020-05 or 2020: what care_date_iso() writes. */
MUST_USE int care_date_parse_iso(struct span text, struct care_date *ret);
/* "2020-05-12", "2020-05", "2020", "unknown", "". Returns .into. */
char *care_date_iso(struct care_date d, char into[CARE_DATE_TEXT]);
/* "12/05/2020", "zz/05/2020", "zz/zz/2020", "zz/zz/zzzz", "". Returns .into. */
char *care_date_text(struct care_date d, char into[CARE_DATE_TEXT]);
bool care_date_known(
	struct care_date d); /* precision day, month or year: .day may be compared */

/* Working days. ---------------------------------------------------------------------------- */

#define CARE_WORKDAY_LAST 84000 /* days since 1970, in 2199: no later ones are counted */
#define CARE_WORKDAYS_MAX 250   /* a year of them: the most that a limit may have */

/* Monday to Friday and no bank holiday of England, for days since 1970-01-01 that are not
 * before. One that is proclaimed for a single year is not known. */
bool care_workday(int32_t day);
/* The moment .n working days after another, both in milliseconds since 1970 (UTC): the same
 * time of day. What begins on a day without work begins with the next working day. UINT64_MAX
 * beyond 2199. */
uint64_t care_workdays_after(uint64_t ms, unsigned n);

/* Codes. ----------------------------------------------------------------------------------- */

enum care_set {
	CARE_SET_SEX,
	CARE_SET_ETHNIC,
	CARE_SET_UPN_UNKNOWN,
	CARE_SET_MOTHER,
	CARE_SET_RNE,
	CARE_SET_LS,
	CARE_SET_CIN,
	CARE_SET_PLACE,
	CARE_SET_PLACE_PROVIDER,
	CARE_SET_REC,
	CARE_SET_REASON_PLACE_CHANGE,
	CARE_SET_REVIEW_CODE,
	CARE_SET_MISSING,
	CARE_SET_SDQ_REASON,
	CARE_SET_OC2_FLAG,
	CARE_SET_IN_TOUCH,
	CARE_SET_ACTIV,
	CARE_SET_ACCOM,
	CARE_SET_FOSTER_CARE,
	CARE_SET_NB_ADOPTR,
	CARE_SET_SEX_ADOPTR,
	CARE_SET_LS_ADOPTR,
	CARE_SET_REASON_PLACED_CEASED,
	CARE_SET_PREV_PERM,
	CARE_SET_LA_PERM_SPECIAL,
	CARE_SET_SW_REASON,
	CARE_SET_COUNT
};

struct care_code {
	const char *code, *meaning;
	int from, to; /* first and last collection (the year in which it ends), 0: open */
};

enum care_code_state {
	CARE_CODE_KNOWN,      /* in that collection; with .year 0: in any */
	CARE_CODE_OTHER_YEAR, /* a code of this set, but not in that collection */
	CARE_CODE_UNKNOWN,
};

const char *care_set_name(enum care_set s);
size_t care_set_codes(enum care_set s, const struct care_code **ret);
/* Exact (codes are upper case), blanks around it ignored. */
enum care_code_state care_code_check(enum care_set s, struct span code, int year);
/* NULL: unknown in every year. */
const char *care_code_meaning(enum care_set s, struct span code);

struct care_authority {
	const char *code; /* DfE, three digits */
	const char *gss;  /* "" when there is none */
	const char *name;
	bool current; /* false: gone in a reorganisation, still found in old returns */
};

/* By DfE code, GSS code or name (any case). NULL: unknown. */
const struct care_authority *care_authority_find(struct span text);
size_t care_authorities(const struct care_authority **ret); /* sorted by code */

/* Rules. ----------------------------------------------------------------------------------- */

/* What a broken rule means for an entry written by hand. At import all are attached, none
 * refuses. */
enum care_severity {
	CARE_WARN,
	CARE_REFUSE,
};

struct care_rule {
	const char *code;      /* the sector's number ("148"), or our own for form ("K02") */
	enum care_table table; /* CARE_TABLE_NONE: any */
	enum care_severity severity;
	const char *text; /* what is wrong and what to do, for people */
};

#define CARE_RULES_MAX 64

/* Bit i is care_rule(i). Store the codes, not the bits. */
typedef uint64_t care_faults;

const struct care_rule *care_rule(unsigned i);             /* NULL: past the last */
const struct care_rule *care_rule_named(struct span code); /* NULL: unknown */
/* The number of broken rules, lowest index first, into .ret. */
size_t care_faults_list(care_faults f, const struct care_rule *ret[CARE_RULES_MAX]);

/* Whether the check letter agrees. For a UPN of the right shape only. */
bool care_upn_letter_agrees(struct span upn);

/* Rows. ------------------------------------------------------------------------------------ */

struct care_cell {
	struct span name;  /* the column as the file calls it; empty for a cell too many */
	struct span value; /* as it came; may hold any byte */
};

struct care_row {
	enum care_table table;
	const struct care_cell *cells; /* all, in the order of the file */
	size_t n_cells;
	struct span file;
	uint32_t line;
	struct span child;     /* CHILD without blanks around it; empty: the row names nobody */
	struct span authority; /* DfE code; the words of the LA column where they are unknown */
	int year;              /* the collection: the year in which it ends */
	struct care_date date; /* DECOM or REVIEW; CARE_NO_DATE: none, blank or not a date */
	struct span date_text; /* that cell without blanks around it */
	care_faults faults;
	uint32_t copies; /* how often this very row stands in the return, from 1 */
};

/*
 * Understand cells, from a file or as stored: fills everything but .file, .line and .copies
 * (1). .authority and .year are the options; an LA or YEAR cell that is not blank wins. The
 * faults are those that one row can have on its own. Everything is borrowed.
 */
void care_row_init(struct care_row *ret, enum care_table t, const struct care_cell *cells,
	size_t n, struct span authority, int year);
/* The value in a column (any case of .column), without blanks around it; empty: no such cell.
 */
struct span care_row_value(const struct care_row *r, const char *column);

/*
 * Identity: table, authority, CHILD and date (as ISO text; what is not a date stands as it
 * came). The authority belongs to it because a CHILD is unique only inside one. Content: table
 * and every cell's name and value, in order. Both injective, both in the arena.
 * 0, CARE_E_BIG.
 */
MUST_USE int care_row_key(const struct care_row *r, struct arena *a, struct span *ret);
MUST_USE int care_row_content(const struct care_row *r, struct arena *a, struct span *ret);

/* Returns. --------------------------------------------------------------------------------- */

struct care_file {
	struct span name;
	enum care_table table;
	int verdict;     /* of care_return_add() */
	const char *why; /* NULL when the verdict is 0 */
	uint32_t rows;
};

/* The rows of one (authority, CHILD): an alias, never a key. */
struct care_child {
	struct span authority;
	struct span child; /* empty: rows that name no child; they are nobody's record but are
			      kept */
	struct care_row **rows; /* in order of appearance; identical ones once, with .copies */
	size_t n_rows;
};

#define CARE_REPORT_LINES 5

struct care_report {
	struct {
		uint32_t files, rows, identical; /* identical: beyond the first of each */
	} tables[CARE_TABLE_COUNT];
	struct {
		uint32_t rows; /* that break it, each copy counted */
		uint32_t n;    /* of .at */
		struct {
			struct span file;
			uint32_t line;
		} at[CARE_REPORT_LINES]; /* the first ones */
	} rules[CARE_RULES_MAX];
	uint32_t files, refused;          /* refused: _CELL, _CELLS, _QUOTE, _BIG */
	uint32_t rows, identical, faulty; /* faulty: rows that break any rule */
	uint32_t children;
};

struct care_options {
	struct span authority; /* a DfE code */
	int year;
};

struct care_return {
	struct arena *arena;
	struct care_options options;
	struct care_file *files;
	size_t n_files, room_files;
	struct care_row *
		*rows; /* as received; of identical ones all but the first have .copies 0 */
	size_t n_rows, room_rows;
	struct care_child
		*children; /* after care_return_finish(), in order of first appearance */
	size_t n_children;
	struct care_report report;
};

/* Everything lives in .a and borrows .options and the files' names and bytes. */
void care_return_init(struct care_return *r, struct arena *a, const struct care_options *o);
/*
 * One file. 0, or a verdict, in which case none of its rows is in the return and .why says the
 * line, the cause and what to do; either way it is listed in .files. < 0: out of memory.
 */
MUST_USE int care_return_add(
	struct care_return *r, struct span name, struct span bytes, struct why *why);
/* Group, count identical rows, check the chains, write the report. Once, after the last file.
 * 0, CARE_E_BIG. */
MUST_USE int care_return_finish(struct care_return *r);

/* Reconciliation. -------------------------------------------------------------------------- */

/* A row that a record holds, or that a return brings: care_row_key() and a hash of
 * care_row_content(). */
struct care_held {
	struct span key;
	struct hash content;
	uint32_t copies;
	int year;  /* the collection of the row; of a past one, that of the row that superseded
		      it */
	bool past; /* held, and superseded since */
};

enum care_decision_kind {
	CARE_SAME, /* held already: write nothing */
	CARE_NEW,
	CARE_SUPERSEDES, /* .of is the held row that it replaces */
	CARE_PAST, /* .of held just this, until a row of this or a later collection superseded
		    * it: an old return imported again. Write nothing */
};

struct care_decision {
	enum care_decision_kind kind;
	size_t of; /* index into .held; for CARE_SAME the equal one */
};

/*
 * What to write for each row of a return, .ret[i] for .rows[i]. Inside one identity, equal
 * content is the same row (more copies than held supersede it, fewer say nothing); what remains
 * supersedes, in order, held rows that nothing in the return equals; the rest is new. A held
 * row that the return lacks stays. A return that is imported again adds nothing; for an older
 * one that needs the superseded rows among .held, marked .past. 0, CARE_E_BIG.
 */
MUST_USE int care_reconcile(struct arena *a, const struct care_held *held, size_t n_held,
	const struct care_held *rows, size_t n_rows, struct care_decision *ret);

/* Meaning. --------------------------------------------------------------------------------- */

#define CARE_TEXT 16 /* a code that is longer is cut here, not in its row */

/* What a list shows of a child. All zero before the first row. */
struct care_summary {
	char sex[CARE_TEXT];
	struct care_date dob;
	struct care_date decom, dec; /* of the latest episode */
	char rne[CARE_TEXT], ls[CARE_TEXT], place[CARE_TEXT], rec[CARE_TEXT];
	struct care_date review;             /* the latest */
	uint32_t headers, episodes, reviews; /* rows applied */
};

/* The latest episode is the one with the latest DECOM; of two, the one applied later. A row
 * without a date is never later than one with. */
void care_summary_apply(struct care_summary *s, const struct care_row *r);
/* Whether the latest episode is closed and says that another authority took over (E3). */
bool care_summary_moved(const struct care_summary *s);

/*
 * One line for a timeline: "Episode from 12/05/2020: LS C2 full care order, ...". Bytes that
 * are not printable UTF-8 become '?'. Cut at .room; always ends in a NUL when .room > 0.
 * Returns the length written.
 */
size_t care_row_title(const struct care_row *r, char *into, size_t room);
