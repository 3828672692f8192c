/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Stories: a script, and between "tells" and "end" the telling that is expected since the last
 * look. With --update what was told is written in place of what was expected. Every story ends
 * healed and settled, with all laws looked at.
 *
 *	seed 7                          before anything else; 1 when not said
 *	regions north south east        make them; a script may also call them 1, 2, 3
 *	introduce all | north south     trust each other
 *	cut north south, heal north south, heal all
 *	restart south, crash south before-commit | after-commit   (of the next turn that writes)
 *	replay south, garble south      the last frame comes again; the next comes damaged
 *	until 60s, wait 5s, settle, hush (forget the telling so far)
 *	make north authority child, note north R1 "words", notes north R1 300 "words"
 *	offer north R1 to south reason 1, accept south R1 "Jo", decline south R1 2,
 *	alias north R1 998 child-1      an identifier by which it can be asked for
 *	withdraw north R1, show south R1, list south
 *	request south from north 998/1 "purpose", refuse north south 4, cancel south,
 *	requests south
 *	add north R1 east reader [guardian], remove north R1 east, backup north
 *	assume south R1 east [anyway], resolve south R1 east [anyway], custody south R1
 *	prove south R1                  a certificate, and what it says
 *	wait-for south R1 150           until so many of its changes are there
 *	quota south 8 1000              KiB that it may hold of one, in a record and in all
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/rows.h"
#include "tests/sim/sim.h"

#define WORDS 8

struct story {
	const char *path;
	unsigned line;
	struct world world;
	bool begun;
	uint64_t seed;
	char *words[WORDS + 1]; /* of this line; NULL behind the last */
	struct tally *tally;
};

static void __attribute__((noreturn)) bad(const struct story *s, const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", s->path, s->line, what);
	exit(2);
}

/* Words are separated by blanks; "..." is one. */
static void split(struct story *s, char *line)
{
	size_t n = 0;

	memset(s->words, 0, sizeof(s->words));
	while (*(line += strspn(line, " \t\n")) && *line != '#') {
		const bool quoted = *line == '"';
		char *end = quoted ? strchr(++line, '"') : line + strcspn(line, " \t\n");

		if (n == WORDS || !end)
			bad(s, "too many words, or a quote without end");
		s->words[n++] = line;
		line = end;
		if (*line)
			*line++ = '\0';
	}
}

static struct region *region_at(struct story *s, unsigned i)
{
	struct region *r = world_region(&s->world, s->words[i]);

	if (!r)
		bad(s, "no such region");
	return r;
}

static struct record *record_at(struct story *s, unsigned i)
{
	struct record *record = world_record(&s->world, s->words[i]);

	if (!record)
		bad(s, "no such record");
	return record;
}

static msec time_at(struct story *s, unsigned i)
{
	char *end = NULL;
	const unsigned long long n = strtoull(s->words[i] ? s->words[i] : "x", &end, 10);

	if (strcmp(end, "ms") == 0)
		return n;
	if (strcmp(end, "s") != 0)
		bad(s, "a time is 30s or 500ms");
	return n * 1000;
}

static uint32_t number_at(struct story *s, unsigned i)
{
	if (!s->words[i])
		bad(s, "a number is missing");
	return (uint32_t)strtoul(s->words[i], NULL, 10);
}

static const char *text_at(struct story *s, unsigned i)
{
	if (!s->words[i])
		bad(s, "words are missing");
	return s->words[i];
}

/* Commands ----------------------------------------------------------------------------------
 */

static void do_seed(struct story *s)
{
	s->seed = number_at(s, 1);
}

static void do_regions(struct story *s)
{
	for (unsigned i = 1; s->words[i]; i++)
		if (!world_add(&s->world, s->words[i]))
			bad(s, "too many regions");
}

static void do_introduce(struct story *s)
{
	struct world *w = &s->world;

	if (strcmp(text_at(s, 1), "all") != 0) {
		client_introduce(region_at(s, 1), region_at(s, 2));
		client_introduce(region_at(s, 2), region_at(s, 1));
		return;
	}
	for (size_t i = 0; i < w->n_regions; i++)
		for (size_t k = 0; k < w->n_regions; k++)
			if (i != k)
				client_introduce(&w->regions[i], &w->regions[k]);
}

static void do_cut(struct story *s)
{
	net_cut(&s->world, region_at(s, 1)->index, region_at(s, 2)->index, true);
}

static void do_heal(struct story *s)
{
	if (strcmp(text_at(s, 1), "all") == 0)
		net_heal(&s->world);
	else
		net_cut(&s->world, region_at(s, 1)->index, region_at(s, 2)->index, false);
}

static void do_restart(struct story *s)
{
	struct region *r = region_at(s, 1);

	world_tell(&s->world, r, "is restarted");
	world_restart(r);
}

static void do_crash(struct story *s)
{
	struct region *r = region_at(s, 1);

	r->crash = strcmp(text_at(s, 2), "before-commit") == 0 ? CRASH_BEFORE_COMMIT
							       : CRASH_AFTER_COMMIT;
}

static void do_replay(struct story *s)
{
	if (!net_replay(region_at(s, 1)))
		bad(s, "there is nothing to replay");
}

static void do_garble(struct story *s)
{
	region_at(s, 1)->garble = true;
}

static void do_until(struct story *s)
{
	world_run(&s->world, START + time_at(s, 1));
}

static void do_wait(struct story *s)
{
	world_run(&s->world, s->world.now + time_at(s, 1));
}

static uint64_t held_by(struct region *r, const struct record *record)
{
	struct index_scan scan;
	uint64_t n = 0;

	must(store_turn_begin(r->store, &r->view));
	index_scan_init(&scan, &record->id);
	while (index_scan_next(&scan, &r->view) == 0)
		n++;
	store_turn_abort(r->store);
	return n;
}

static void do_wait_for(struct story *s)
{
	const msec limit = s->world.now + 600000;

	while (held_by(region_at(s, 1), record_at(s, 2)) < number_at(s, 3)) {
		if (s->world.now > limit)
			bad(s, "they do not come");
		if (!world_run(&s->world, s->world.now + 1))
			return;
	}
}

static void do_settle(struct story *s)
{
	world_settle(&s->world);
}

static void do_hush(struct story *s)
{
	world_tell_hush(&s->world);
}

static void do_make(struct story *s)
{
	client_make(region_at(s, 1), text_at(s, 2), text_at(s, 3));
}

static void do_note(struct story *s)
{
	client_note(region_at(s, 1), record_at(s, 2), text_at(s, 3), 1);
}

static void do_notes(struct story *s)
{
	client_note(region_at(s, 1), record_at(s, 2), text_at(s, 4), number_at(s, 3));
}

static void do_offer(struct story *s)
{
	client_offer(region_at(s, 1), record_at(s, 2), region_at(s, 4), number_at(s, 6));
}

static void do_accept(struct story *s)
{
	client_accept(region_at(s, 1), record_at(s, 2), text_at(s, 3));
}

static void do_decline(struct story *s)
{
	client_decline(region_at(s, 1), record_at(s, 2), number_at(s, 3));
}

static void do_withdraw(struct story *s)
{
	client_withdraw(region_at(s, 1), record_at(s, 2));
}

static void do_alias(struct story *s)
{
	client_alias(region_at(s, 1), record_at(s, 2), text_at(s, 3), text_at(s, 4));
}

static void do_add(struct story *s)
{
	client_circle_add(region_at(s, 1), record_at(s, 2), region_at(s, 3),
		strcmp(text_at(s, 4), "writer") == 0 ? ROLE_WRITER : ROLE_READER,
		s->words[5] != NULL);
}

static void do_remove(struct story *s)
{
	client_circle_remove(region_at(s, 1), record_at(s, 2), region_at(s, 3));
}

static void do_assume(struct story *s)
{
	client_sign(region_at(s, 1), record_at(s, 2), VERB_CUSTODY_ASSUME, region_at(s, 3),
		s->words[4] != NULL);
}

static void do_resolve(struct story *s)
{
	client_sign(region_at(s, 1), record_at(s, 2), VERB_CUSTODY_RESOLVE, region_at(s, 3),
		s->words[4] != NULL);
}

static void do_backup(struct story *s)
{
	client_backup(region_at(s, 1));
}

static void do_custody(struct story *s)
{
	client_custody(region_at(s, 1), record_at(s, 2));
}

static void do_request(struct story *s)
{
	client_request(region_at(s, 1), region_at(s, 3), text_at(s, 4), text_at(s, 5));
}

static void do_refuse(struct story *s)
{
	client_refuse(region_at(s, 1), region_at(s, 2), number_at(s, 3));
}

static void do_cancel(struct story *s)
{
	client_cancel(region_at(s, 1));
}

static void do_requests(struct story *s)
{
	client_requests(region_at(s, 1));
}

static void do_show(struct story *s)
{
	client_show(region_at(s, 1), record_at(s, 2));
}

static void do_prove(struct story *s)
{
	prove_told(region_at(s, 1), record_at(s, 2));
}

static void do_quota(struct story *s)
{
	struct region *r = region_at(s, 1);
	struct event e = { .kind = EVENT_SETTINGS };
	const struct event *one = &e;

	r->quota_record = e.quota_record = (uint64_t)number_at(s, 2) << 10;
	r->quota_peer = e.quota_peer = (uint64_t)number_at(s, 3) << 10;
	world_turn(r, &one, 1);
}

static void do_list(struct story *s)
{
	client_list(region_at(s, 1));
}

static const struct {
	const char *word;
	void (*run)(struct story *s);
} commands[] = {
	{ "seed", do_seed },
	{ "regions", do_regions },
	{ "introduce", do_introduce },
	{ "cut", do_cut },
	{ "heal", do_heal },
	{ "restart", do_restart },
	{ "crash", do_crash },
	{ "replay", do_replay },
	{ "garble", do_garble },
	{ "until", do_until },
	{ "wait", do_wait },
	{ "wait-for", do_wait_for },
	{ "settle", do_settle },
	{ "hush", do_hush },
	{ "make", do_make },
	{ "note", do_note },
	{ "notes", do_notes },
	{ "offer", do_offer },
	{ "accept", do_accept },
	{ "decline", do_decline },
	{ "withdraw", do_withdraw },
	{ "add", do_add },
	{ "remove", do_remove },
	{ "assume", do_assume },
	{ "resolve", do_resolve },
	{ "backup", do_backup },
	{ "custody", do_custody },
	{ "alias", do_alias },
	{ "request", do_request },
	{ "refuse", do_refuse },
	{ "cancel", do_cancel },
	{ "requests", do_requests },
	{ "show", do_show },
	{ "prove", do_prove },
	{ "list", do_list },
	{ "quota", do_quota },
};

static void command(struct story *s)
{
	if (!s->begun && strcmp(s->words[0], "seed") != 0) {
		world_init(&s->world, s->seed);
		s->begun = true;
	}
	for (size_t i = 0; i < COUNT(commands); i++)
		if (strcmp(s->words[0], commands[i].word) == 0) {
			commands[i].run(s);
			return;
		}
	bad(s, "no such command");
}

/* Expectations --------------------------------------------------------------------------------
 */

static char *chomp(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	return line;
}

/* Reads to "end"; compares, or writes what was told. */
static void tells(struct story *s, FILE *in, FILE *out)
{
	const unsigned first = s->line;
	char line[1024];
	size_t n = 0;
	bool same = true;

	for (;;) {
		const char *told = n < s->world.n_telling ? s->world.telling[n] : NULL;

		if (!fgets(line, sizeof(line), in))
			bad(s, "tells without end");
		s->line++;
		if (strcmp(chomp(line), "end") == 0)
			break;
		if (told && strcmp(line + strspn(line, " \t"), told + strspn(told, " ")) == 0) {
			n++;
			continue;
		}
		if (!out && same)
			printf("# %s:%u\n#   expected %s\n#   told     %s\n", s->path, s->line,
				line, told ? told : "nothing more");
		same = false;
		n++;
	}
	if (n < s->world.n_telling) {
		if (!out && same)
			printf("# %s:%u\n#   told also %s\n", s->path, s->line,
				s->world.telling[n]);
		same = false;
	}
	for (size_t i = 0; out && i < s->world.n_telling; i++)
		fprintf(out, "\t%s\n", s->world.telling[i]);
	if (!same && !out)
		for (size_t i = 0; i < s->world.n_telling; i++)
			printf("#\t%s\n", s->world.telling[i]);
	if (same || out)
		s->tally->passed++;
	else
		s->tally->failed++;
	if (!same && !out)
		printf("# the telling that was expected at line %u did not come\n", first);
	world_tell_hush(&s->world);
}

static void finish(struct story *s)
{
	if (!s->begun)
		bad(s, "an empty story");
	net_heal(&s->world);
	world_settle(&s->world);
	for (int law = LAW_HASHES; law <= LAW_LAST; law++) {
		if ((int)s->world.broken != law) {
			s->tally->passed++;
			continue;
		}
		s->tally->failed++;
		printf("# %s: law %d (%s) is broken: %s\n", s->path, law,
			law_name((enum law)law), s->world.how);
		for (size_t i = 0; i < s->world.n_telling; i++)
			printf("#\t%s\n", s->world.telling[i]);
	}
	world_done(&s->world);
}

void story_run(const char *path, bool update, struct tally *t)
{
	struct story s = { .path = path, .seed = 1, .tally = t };
	char line[1024], copy[1024], new_path[512];
	FILE *in = fopen(path, "re"), *out = NULL;

	if (!in)
		bad(&s, strerror(errno));
	snprintf(new_path, sizeof(new_path), "%s.new", path);
	if (update)
		out = fopen(new_path, "we");
	if (update && !out)
		bad(&s, strerror(errno));
	while (fgets(line, sizeof(line), in)) {
		s.line++;
		if (out)
			fputs(line, out);
		snprintf(copy, sizeof(copy), "%s", line);
		split(&s, copy);
		if (!s.words[0])
			continue;
		if (strcmp(s.words[0], "tells") == 0) {
			tells(&s, in, out);
			if (out)
				fputs("end\n", out);
		} else {
			command(&s);
		}
	}
	(void)fclose(in);
	finish(&s);
	if (out && (fclose(out) || rename(new_path, path)))
		bad(&s, strerror(errno));
}
