/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Mutants: for each law a world that is broken on purpose, behind the core's back. The law must
 * see it, alone: the others do not look. The same world unbroken must pass, or the law sees
 * ghosts.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/rows.h"
#include "tests/sim/sim.h"

enum { NORTH, SOUTH, EAST };

static void begin(struct region *r)
{
	must(store_turn_begin(r->store, &r->view));
}

static void commit(struct region *r)
{
	struct why why;

	must(store_turn_commit(r->store, &why));
}

/* A record that went from north to south; east knows nothing of it. */
static void ground(struct world *w, enum law law)
{
	static const char *const names[] = { "north", "south", "east" };
	struct record *record;

	world_init(w, 42);
	w->laws = 1u << law;
	for (size_t i = 0; i < COUNT(names); i++)
		world_add(w, names[i]);
	for (size_t i = 0; i < COUNT(names); i++)
		for (size_t k = 0; k < COUNT(names); k++)
			if (i != k)
				client_introduce(&w->regions[i], &w->regions[k]);
	world_run(w, w->now + 5000);
	record = client_make(&w->regions[NORTH], "998", "1");
	must(record ? 0 : -ENOENT);
	client_note(&w->regions[NORTH], record, "the words of a note that was written", 3);
	client_offer(&w->regions[NORTH], record, &w->regions[SOUTH], 1);
	world_run(w, w->now + 5000);
	must(client_accept(&w->regions[SOUTH], record, "Jo") ? 0 : -EPERM);
	world_settle(w);
}

/* The number of the newest change of the record in LOG that is (or is not) control. */
static uint64_t newest(struct region *r, bool control)
{
	struct scan scan;
	uint64_t n = 0;

	scan_init(&scan, TABLE_LOG, (struct span){ 0 });
	while (scan_next(&scan, &r->view) == 0) {
		struct reader rd = reader_of((struct span){ scan.key, scan.key_len });
		struct log_at row = { .rest = scan.value };
		struct wire_change c;
		struct header h;

		for (uint64_t k = get_u64(&rd); log_row_next(&row, &c); k++)
			if (!wire_header_decode(c.header, &h) &&
				!(h.flags & FLAG_CONTROL) == !control)
				n = k;
	}
	must(n ? 0 : -ENOENT);
	return n;
}

/* The row of LOG that holds a change, and where in it the change ends. */
static struct span row_of(struct region *r, uint64_t n, struct span *ret_key)
{
	uint8_t upto[8];
	struct writer w = writer_of(upto, sizeof(upto));
	struct span value;

	put_u64(&w, n);
	must(r->view.back(
		r->view.ctx, TABLE_LOG, (struct span){ 0 }, writer_span(&w), ret_key, &value));
	return value;
}

static size_t end_of(struct region *r, uint64_t n)
{
	struct span key;
	struct log_at row = { .rest = row_of(r, n, &key) };
	struct reader rd = reader_of(key);
	const size_t whole = row.rest.len;
	struct wire_change c;

	for (uint64_t k = get_u64(&rd); k <= n; k++)
		must(log_row_next(&row, &c) ? 0 : -EUCLEAN);
	return whole - row.rest.len;
}

/* Law 1: one stored body reads back changed in one region. */
static void spoil_body(struct world *w)
{
	struct region *r = &w->regions[SOUTH];

	begin(r);
	r->spoiled = newest(r, false);
	r->spoiled_at = end_of(r, r->spoiled) - 1;
	store_turn_abort(r->store);
}

/* A copy of a change, with its parts where they can be written to. */
struct forged {
	uint8_t header[HEADER_MAX], signature[SIG_LEN], body[4096];
	struct wire_change change;
	struct header h;
	struct hash id;
};

static void copy(struct region *r, uint64_t n, struct forged *f)
{
	struct log_at at = { 0 };
	struct wire_change c;

	must(log_get(&r->view, &at, n, &c));
	must(c.body.len <= sizeof(f->body) && c.signature.len == SIG_LEN ? 0 : -ERANGE);
	memcpy(f->header, c.header.at, c.header.len);
	memcpy(f->signature, c.signature.at, SIG_LEN);
	memcpy(f->body, c.body.at, c.body.len);
	f->change = (struct wire_change){ { f->header, c.header.len },
		{ f->signature, SIG_LEN }, { f->body, c.body.len } };
	must(wire_header_decode(f->change.header, &f->h));
}

static void identify(struct world *w, struct forged *f)
{
	must(crypto_hash(w->judge,
		(struct span[]){ SPAN_LIT("kith/change/1\0"), f->change.header }, 2, &f->id));
}

/* Law 2: north's next change, well linked, stands in south's store, and south has signed it. */
static void forge_signature(struct world *w)
{
	struct region *r = &w->regions[SOUTH];
	struct forged f;
	struct log_at log = { 0 };
	struct wire_change before;
	struct place at;
	struct sig sig;
	uint64_t last, row;

	begin(r);
	must(log_last(&r->view, &last));
	copy(r, newest(r, true), &f);
	for (at = f.h.at; index_get(&r->view, &f.h.record, &at, &row) == 0; at.seq++) {
		must(log_get(&r->view, &log, row, &before));
		must(crypto_hash(w->judge,
			(struct span[]){ SPAN_LIT("kith/change/1\0"), before.header }, 2,
			&f.h.prev));
	}
	f.h.at = at;
	f.change.header.len = wire_header_encode(&f.h, f.header);
	identify(w, &f);
	must(crypto_sign(
		w->judge, &r->keys.sign, SPAN_LIT("kith/sign/1\0"), SPAN_OF(f.id), &sig));
	if (id_equal(&f.h.at.author, &r->id))
		sig.b[0] ^= 1;
	memcpy(f.signature, sig.b, SIG_LEN);
	must(log_put(&r->view, last + 1, &f.change, 1));
	must(index_put(&r->view, &f.h.record, &at, last + 1, 1));
	commit(r);
	law_everywhere(w);
}

/* Law 2: south's newest note has left its turn without a signature. */
static void leave_unsigned(struct world *w)
{
	struct region *r = &w->regions[SOUTH];
	uint8_t key[8], bytes[8192];
	struct writer k, length = writer_of(bytes, 4);
	struct span value;
	struct reader rd;
	size_t at, len;
	uint64_t n;
	uint32_t all;

	client_note(r, &w->records[0], "one more", 1);
	begin(r);
	n = newest(r, false);
	k = writer_of(key, sizeof(key));
	put_u64(&k, n);
	must(row_get(&r->view, TABLE_LOG, writer_span(&k), &value));
	must(value.len <= sizeof(bytes) ? 0 : -ERANGE);
	memcpy(bytes, value.at, value.len);
	rd = reader_of(value);
	all = get_u32(&rd); /* it is alone in its row */
	at = 4 + 2 + get_u16(&rd);
	len = (size_t)bytes[at] << 8 | bytes[at + 1];
	must(len == SIG_LEN && all == value.len - 4 ? 0 : -ENOENT);
	bytes[at] = bytes[at + 1] = 0;
	memmove(bytes + at + 2, bytes + at + 2 + len, value.len - at - 2 - len);
	put_u32(&length, all - (uint32_t)len);
	must(row_put(
		&r->view, TABLE_LOG, writer_span(&k), (struct span){ bytes, value.len - len }));
	commit(r);
	law_everywhere(w);
}

/* Law 2: a body is exchanged under its header. */
static void exchange_body(struct world *w)
{
	struct region *r = &w->regions[SOUTH];
	uint8_t *bytes, own[8];
	struct span value, key;
	uint64_t n;

	begin(r);
	n = newest(r, false);
	value = row_of(r, n, &key);
	must(key.len == sizeof(own) ? 0 : -EUCLEAN);
	memcpy(own, key.at, sizeof(own));
	bytes = malloc(value.len);
	must(bytes ? 0 : -ENOMEM);
	memcpy(bytes, value.at, value.len);
	bytes[end_of(r, n) - 1] ^= 1;
	must(row_put(&r->view, TABLE_LOG, SPAN_OF(own), (struct span){ bytes, value.len }));
	free(bytes);
	commit(r);
	law_everywhere(w);
}

/* Law 3: an outsider has got into the row that says who may have what, and is told. */
static void share_with_outsider(struct world *w)
{
	struct region *r = &w->regions[SOUTH], *east = &w->regions[EAST];
	const struct record *record = &w->records[0];
	struct peer_row row;

	begin(r);
	must(share_put(&r->view, &east->id, &record->id, ROLE_READER));
	must(peer_row_get(&r->view, &east->id, &row));
	must(feed_put(&r->view, &east->id, row.feed_next,
		&(struct feed_row){ .is_backfill = true, .record = record->id }));
	row.feed_next++;
	must(peer_row_put(&r->view, &east->id, &row));
	commit(r);
	world_restart(r);
	world_run(w, w->now + 120000);
}

/* Law 3: nothing was sent by the rules, and the id still lies in the outsider's file. */
static void leak_into_file(struct world *w)
{
	struct region *east = &w->regions[EAST];

	begin(east);
	must(row_put(&east->view, TABLE_META, SPAN_LIT("leak"), SPAN_OF(w->records[0].id)));
	commit(east);
	law_everywhere(w);
}

/* A region loses those control changes of the first record that are of these kinds. */
static void lose_controls(struct region *r, const struct world *w, unsigned kinds)
{
	struct scan scan;

	begin(r);
	scan_init(&scan, TABLE_CONTROL, SPAN_OF(w->records[0].id));
	while (scan_next(&scan, &r->view) == 0) {
		struct control_row row;
		struct control control;
		struct arena arena;

		arena_init(&arena, 0);
		must(control_row_read((struct span){ scan.key, scan.key_len }, scan.value, &row)
				? 0
				: -EINVAL);
		must(wire_control_decode(row.body, &arena, &control));
		if (kinds & 1u << control.kind)
			must(row_del(&r->view, TABLE_CONTROL,
				(struct span){ scan.key, scan.key_len }));
		arena_done(&arena);
	}
	commit(r);
}

/* Law 4: the new custodian loses what made it so; the old one knows itself released. */
static void lose_duty(struct world *w)
{
	lose_controls(&w->regions[SOUTH], w, 1u << CONTROL_ACCEPT | 1u << CONTROL_RELEASE);
	law_everywhere(w);
}

/* Law 3: east has been in the circle and left it; it is told of what was written since. */
static void tell_who_left(struct world *w)
{
	struct region *south = &w->regions[SOUTH], *east = &w->regions[EAST];
	struct record *record = &w->records[0];
	struct peer_row row;
	struct feed_row entry = { .record = record->id };

	client_offer(south, record, east, 1);
	world_run(w, w->now + 5000);
	client_decline(east, record, 2);
	world_run(w, w->now + 5000);
	client_note(south, record, "written when east was not there any more", 1);
	must(w->broken || record->standing[SOUTH].members & 1u << EAST ? -EINVAL : 0);
	begin(south);
	entry.at = (struct place){ south->id, south->incarnation, 1 };
	for (uint64_t at; index_get(&south->view, &record->id, &entry.at, &at) == 0;)
		entry.at.seq++;
	entry.at.seq--;
	must(peer_row_get(&south->view, &east->id, &row));
	must(feed_put(&south->view, &east->id, row.feed_next, &entry));
	row.feed_next++;
	must(peer_row_put(&south->view, &east->id, &row));
	commit(south);
	world_restart(south);
	world_run(w, w->now + 120000);
}

/* Law 5: a region speaks, and dies before it has written. */
static void speak_early(struct world *w)
{
	struct region *r = &w->regions[SOUTH];

	r->mutant = SPEAKS_EARLY;
	r->crash = CRASH_BEFORE_COMMIT;
	client_note(r, &w->records[0], "said before it was written", 1);
}

/* Law 6: a step takes much more memory than what came can need. */
static void waste_memory(struct world *w)
{
	w->regions[NORTH].mutant = WASTE_MEMORY;
	client_note(&w->regions[SOUTH], &w->records[0], "one more", 1);
}

/* Law 6: a peer names records that there are not, and each is wanted. */
static void name_many_records(struct world *w)
{
	struct region *south = &w->regions[SOUTH], *north = &w->regions[NORTH];
	const msec until = w->now + 120000;
	struct peer_row row;

	begin(south);
	must(peer_row_get(&south->view, &north->id, &row));
	for (unsigned i = 0; i < 200; i++)
		must(feed_put(&south->view, &north->id, row.feed_next++,
			&(struct feed_row){
				.is_backfill = true, .record = { { 1, (uint8_t)i } } }));
	must(peer_row_put(&south->view, &north->id, &row));
	commit(south);
	world_restart(south);
	while (!w->broken && w->now < until) {
		world_run(w, w->now + 5);
		watch_everywhere(w);
	}
}

/* Law 6: south holds as much of north's as ever, and takes it for little. */
static void forget_charge(struct world *w)
{
	struct region *south = &w->regions[SOUTH], *north = &w->regions[NORTH];

	begin(south);
	must(charge_put(&south->view, &north->id, &(struct charge_row){ .bytes = 100 }));
	commit(south);
	law_everywhere(w);
}

/* Law 6: one account takes more than its region may make anybody hold. */
static void overcharge(struct world *w)
{
	struct region *south = &w->regions[SOUTH], *north = &w->regions[NORTH];

	begin(south);
	must(charge_put(
		&south->view, &north->id, &(struct charge_row){ .bytes = UINT64_C(1) << 40 }));
	commit(south);
	law_everywhere(w);
}

/* Law 7: a want that its node does not know of. */
static void forget_want(struct world *w)
{
	struct region *r = &w->regions[SOUTH];

	begin(r);
	must(want_put(&r->view, &w->regions[EAST].id, &w->records[0].id,
		&(struct want_row){ .since_ms = EPOCH_MS }));
	commit(r);
}

/* Law 8: north says that it has what it never got. */
static void skip_ahead(struct world *w)
{
	struct region *south = &w->regions[SOUTH], *north = &w->regions[NORTH];
	struct cursor_row cursor;

	net_cut(w, SOUTH, NORTH, true);
	client_note(south, &w->records[0], "north is cut off and does not hear", 1);
	begin(north);
	must(cursor_get(&north->view, &south->id, &cursor));
	cursor.n++;
	must(cursor_put(&north->view, &south->id, &cursor));
	commit(north);
	law_everywhere(w);
}

/* Law 9 */
static void waste_signatures(struct world *w)
{
	w->regions[NORTH].mutant = WASTE_SIGNATURES;
	client_note(&w->regions[SOUTH], &w->records[0], "one more", 1);
}

static void waste_flushes(struct world *w)
{
	w->regions[NORTH].mutant = WASTE_FLUSHES;
	client_note(&w->regions[SOUTH], &w->records[0], "one more", 1);
}

/* The first control change of that kind in south's store: its row, and the key of that. */
static struct span control_of_kind(struct region *r, enum control_kind kind,
	uint8_t key[VIEW_KEY_MAX], struct control_row *ret)
{
	struct arena arena;
	struct scan scan;
	size_t len = 0;

	arena_init(&arena, 0);
	scan_init(&scan, TABLE_CONTROL, SPAN_OF(r->world->records[0].id));
	while (!len && scan_next(&scan, &r->view) == 0) {
		struct control control;

		must(control_row_read((struct span){ scan.key, scan.key_len }, scan.value, ret)
				? 0
				: -EUCLEAN);
		must(wire_control_decode(ret->body, &arena, &control));
		if (control.kind != kind)
			continue;
		len = scan.key_len;
		memcpy(key, scan.key, len);
	}
	arena_done(&arena);
	must(len ? 0 : -ENOENT);
	return (struct span){ key, len };
}

/* Law 10: south has proven that north released to it, and then leaves the Release out. */
static void withhold_release(struct world *w)
{
	struct region *south = &w->regions[SOUTH];
	uint8_t key[VIEW_KEY_MAX];
	struct control_row row;

	must(prove(south, &w->records[0]) && !w->broken ? 0 : -EPERM);
	begin(south);
	must(row_del(&south->view, TABLE_CONTROL,
		control_of_kind(south, CONTROL_RELEASE, key, &row)));
	law_standing(south, &w->records[0], &w->records[0].standing[SOUTH]);
	commit(south);
	must(prove(south, &w->records[0]) ? 0 : -EPERM);
}

/* Law 10: the Accept in south's store says another day than the one that was signed. */
static void change_day(struct world *w)
{
	struct region *south = &w->regions[SOUTH];
	uint8_t at[VIEW_KEY_MAX], key[8], bytes[16384], *body;
	struct span value, found, date = SPAN_LIT("\x08\x05\x12");
	struct control_row row = { 0 };
	uint64_t n;

	begin(south);
	(void)control_of_kind(south, CONTROL_ACCEPT, at, &row);
	must(index_get(&south->view, &w->records[0].id, &row.ref.at, &n));
	value = row_of(south, n, &found);
	must(value.len <= sizeof(bytes) && found.len == sizeof(key) ? 0 : -ERANGE);
	memcpy(bytes, value.at, value.len);
	memcpy(key, found.at, sizeof(key));
	body = memmem(bytes, value.len, row.body.at, row.body.len);
	must(body ? 0 : -ENOENT);
	for (size_t i = 0; i + 8 < row.body.len; i++)
		if (memcmp(body + i, date.at, date.len) == 0 && body[i + 4] == 0x08) {
			body[i + 5] ^= 2; /* the lowest bits of the day */
			break;
		}
	must(row_put(&south->view, TABLE_LOG, SPAN_OF(key), (struct span){ bytes, value.len }));
	commit(south);
	must(prove(south, &w->records[0]) ? 0 : -EPERM);
}

/* Law 11: the custodian loses the end of what was handed over to it. */
static void lose_content(struct world *w)
{
	struct region *south = &w->regions[SOUTH], *north = &w->regions[NORTH];
	struct chain_row row;

	begin(south);
	must(chain_get(&south->view, &w->records[0].id, &north->id, &north->incarnation, &row));
	row.seq = 2;
	must(chain_put(&south->view, &w->records[0].id, &north->id, &north->incarnation, &row));
	commit(south);
	law_everywhere(w);
}

/* Law 12: who handed over forgets that it did. */
static void forget_release(struct world *w)
{
	lose_controls(&w->regions[NORTH], w, 1u << CONTROL_RELEASE);
	law_everywhere(w);
}

static const struct {
	const char *name;
	enum law law;
	void (*breaks)(struct world *w);
} mutants[] = {
	{ "law_1_sees_a_body_that_one_region_reads_otherwise", LAW_HASHES, spoil_body },
	{ "law_2_sees_a_change_that_another_region_signed", LAW_VERIFY, forge_signature },
	{ "law_2_sees_a_change_of_its_own_that_nothing_signs", LAW_VERIFY, leave_unsigned },
	{ "law_2_sees_a_body_exchanged_under_its_header", LAW_VERIFY, exchange_body },
	{ "law_3_sees_a_record_that_is_sent_to_an_outsider", LAW_CIRCLE, share_with_outsider },
	{ "law_3_sees_an_id_in_an_outsiders_file", LAW_CIRCLE, leak_into_file },
	{ "law_4_sees_a_record_that_nobody_is_responsible_for", LAW_DUTY, lose_duty },
	{ "law_3_sees_a_change_that_is_sent_to_who_left_before", LAW_CIRCLE, tell_who_left },
	{ "law_5_sees_a_region_that_speaks_before_it_writes", LAW_DURABLE, speak_early },
	{ "law_6_sees_a_step_that_takes_too_much_memory", LAW_BOUNDS, waste_memory },
	{ "law_6_sees_more_wants_than_there_are_records", LAW_BOUNDS, name_many_records },
	{ "law_6_sees_changes_that_are_on_nobodys_account", LAW_BOUNDS, forget_charge },
	{ "law_6_sees_an_account_beyond_its_quota", LAW_BOUNDS, overcharge },
	{ "law_7_sees_a_want_that_nobody_fills", LAW_WANTS, forget_want },
	{ "law_8_sees_a_cursor_ahead_of_what_is_held", LAW_CURSOR, skip_ahead },
	{ "law_9_sees_a_signature_verified_for_nothing", LAW_COSTS, waste_signatures },
	{ "law_9_sees_a_second_commit_in_one_turn", LAW_COSTS, waste_flushes },
	{ "law_11_sees_a_custodian_who_lacks_what_was_handed_over", LAW_WHOLE, lose_content },
	{ "law_12_sees_a_second_custodian_of_record", LAW_ONE, forget_release },
	{ "law_10_sees_a_release_that_its_issuer_has_withheld", LAW_CERTIFICATE,
		withhold_release },
	{ "law_10_sees_a_day_that_was_changed", LAW_CERTIFICATE, change_day },
};

void mutants_run(struct tally *t)
{
	for (size_t i = 0; i < COUNT(mutants); i++) {
		struct world *w = calloc(1, sizeof(*w));
		bool sound, caught;

		must(w ? 0 : -ENOMEM);
		ground(w, mutants[i].law);
		sound = !w->broken;
		mutants[i].breaks(w);
		if (!w->broken)
			world_settle(w);
		caught = w->broken == mutants[i].law;
		printf("%s - %s\n", sound && caught ? "caught" : "NOT CAUGHT", mutants[i].name);
		if (!sound || w->broken)
			printf("  %s%s\n", sound ? "" : "before it was broken: ", w->how);
		if (sound && caught)
			t->passed++;
		else
			t->failed++;
		world_done(w);
		free(w);
	}
}
