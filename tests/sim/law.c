/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The four laws, by their own means: signatures are verified against the keys that the
 * simulator made, not against cards; who may hold a record follows from what people asked for,
 * not from what the core made of it.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/rows.h"
#include "tests/sim/sim.h"

const char *law_name(enum law law)
{
	static const char *const names[] = { "", "equal state when healed and quiet",
		"nothing stored that does not verify", "no byte outside the circle",
		"somebody responsible at every moment", "nothing sent that is not stored",
		"what a peer can make grow has bounds", "nothing wanted when healed and quiet",
		"no cursor ahead of what is held or wanted", "counted costs",
		"certificates verify and agree", "somebody responsible holds the whole record",
		"one custodian of record" };

	return names[law];
}

bool law_on(const struct world *w, enum law law)
{
	return w->laws & 1u << law;
}

void law_broken(struct world *w, enum law law, const char *fmt, ...)
{
	va_list ap;

	if (w->broken || !law_on(w, law))
		return;
	w->broken = law;
	va_start(ap, fmt);
	vsnprintf(w->how, sizeof(w->how), fmt, ap);
	va_end(ap);
	world_tell(w, NULL, "law %d is broken: %s", (int)law, w->how);
}

/* Law 2: what is stored verifies -------------------------------------------------------------
 */

static const char *signature_wrong(
	struct world *w, const struct region *author, const struct hash *id, struct span sig)
{
	struct hash h;
	uint64_t key;
	uint64_t *slot;

	must(crypto_hash(
		w->judge, (struct span[]){ SPAN_OF(*id), sig, SPAN_OF(author->id) }, 3, &h));
	memcpy(&key, h.b, sizeof(key));
	slot = &w->verified[key % COUNT(w->verified)];
	if (*slot == key)
		return NULL;
	if (signature_check(w->judge, &author->sign_public, id, sig, NULL))
		return "its signature is not its author's";
	*slot = key;
	return NULL;
}

/* A change by itself: NULL, or what is wrong (P2.2, P2.3, P2.5, P3.1). */
static const char *change_wrong(struct world *w, const struct wire_change *c,
	const struct hash *want, struct header *ret, struct hash *ret_id)
{
	uint8_t again[HEADER_MAX];
	const struct region *author;
	struct hash body;

	if (wire_header_decode(c->header, ret))
		return "its header is not one";
	if (wire_header_encode(ret, again) != c->header.len ||
		memcmp(again, c->header.at, c->header.len) != 0)
		return "its header is not canonical";
	must(crypto_hash(w->judge, (struct span[]){ SPAN_LIT("kith/change/1\0"), c->header }, 2,
		ret_id));
	must(crypto_hash(w->judge, &c->body, 1, &body));
	if (want && !hash_equal(want, ret_id))
		return "it stands under another id";
	if (!hash_equal(&body, &ret->body_hash))
		return "its body is another";
	author = region_of(w, &ret->at.author);
	if (!author)
		return "its author is nobody";
	if (!id_equal(&author->incarnation, &ret->at.incarnation))
		return "its author has no such incarnation";
	return c->signature.len ? signature_wrong(w, author, ret_id, c->signature) : NULL;
}

static void say_wrong(struct region *r, const struct header *h, const char *wrong)
{
	const struct record *record = record_of(r->world, &h->record);
	const struct region *author = region_of(r->world, &h->at.author);

	law_broken(r->world, LAW_VERIFY, "%s holds change %llu of %s in %s: %s", r->name,
		(unsigned long long)h->at.seq, author ? author->name : "nobody",
		record ? record->name : "no record", wrong);
}

/* One row of LOG with its place in the chain. */
static const char *row_wrong(
	struct region *r, uint64_t n, struct header *ret, bool *ret_signed, bool *ret_last)
{
	struct world *w = r->world;
	struct log_at at = { 0 }, at_before = { 0 };
	struct wire_change c, other;
	struct place place;
	struct hash id, before;
	uint64_t index;
	const char *wrong;

	*ret = (struct header){ 0 };
	if (log_get(&r->view, &at, n, &c))
		return "it cannot be read";
	wrong = change_wrong(w, &c, NULL, ret, &id);
	if (wrong)
		return wrong;
	*ret_signed = c.signature.len > 0;
	if (index_get(&r->view, &ret->record, &ret->at, &index) || index != n)
		return "its place is another's";
	place = ret->at;
	place.seq++;
	*ret_last = index_get(&r->view, &ret->record, &place, &index) != 0;
	if (ret->at.seq == 1)
		return hash_is_zero(&ret->prev) ? NULL : "it is the first and names one before";
	place.seq = ret->at.seq - 1;
	if (index_get(&r->view, &ret->record, &place, &index) ||
		log_get(&r->view, &at_before, index, &other))
		return "the one before it is not there";
	must(crypto_hash(w->judge, (struct span[]){ SPAN_LIT("kith/change/1\0"), other.header },
		2, &before));
	if (!hash_equal(&before, &ret->prev))
		return "it names another before it";
	return NULL;
}

static void check_row(struct region *r, uint64_t n)
{
	struct header h;
	bool is_signed = false, last = false;
	const char *wrong = row_wrong(r, n, &h, &is_signed, &last);

	/* What came from others ends in a signature, and so does every turn of its own. */
	if (!wrong && last && !is_signed)
		wrong = "no signature covers it";
	if (wrong)
		say_wrong(r, &h, wrong);
	r->world->checked[LAW_VERIFY]++;
}

static void check_control(struct region *r, const struct scan *scan)
{
	struct log_at log = { 0 };
	struct wire_change c;
	struct control_row row;
	struct header h = { 0 };
	struct hash id;
	struct id record;
	const char *wrong = "its row cannot be read";

	memcpy(record.b, scan->key, ID_LEN);
	if (control_row_read((struct span){ scan->key, scan->key_len }, scan->value, &row))
		wrong = control_get(&r->view, &record, &row.ref.at, &log, &c)
				? "it is not held"
				: change_wrong(r->world, &c, &row.ref.change, &h, &id);
	if (!wrong && !c.signature.len)
		wrong = "a control change without a signature";
	if (!wrong && !place_equal(&row.ref.at, &h.at))
		wrong = "it stands in another place";
	if (!wrong && !span_equal(row.body, c.body))
		wrong = "what custody has of it is not what it says";
	if (wrong)
		say_wrong(r, &h, wrong);
	r->world->checked[LAW_VERIFY]++;
}

static void check_stored(struct region *r)
{
	struct scan scan;
	uint64_t rows = 0, places = 0;

	scan_init(&scan, TABLE_LOG, (struct span){ 0 });
	while (scan_next(&scan, &r->view) == 0) {
		struct reader rd = reader_of((struct span){ scan.key, scan.key_len });

		struct log_at row = { .rest = scan.value };
		struct wire_change c;

		for (uint64_t n = get_u64(&rd); log_row_next(&row, &c); n++, rows++)
			check_row(r, n);
	}
	scan_init(&scan, TABLE_INDEX, (struct span){ 0 });
	while (scan_next(&scan, &r->view) == 0) {
		struct index_extents row;
		uint64_t n;
		uint32_t count;

		must(index_row_read(scan.value, &row) ? 0 : -EUCLEAN);
		while (index_extents_take(&row, &n, &count))
			places += count;
	}
	if (rows != places)
		law_broken(r->world, LAW_VERIFY, "%s has %llu changes in %llu places", r->name,
			(unsigned long long)rows, (unsigned long long)places);
	scan_init(&scan, TABLE_CONTROL, (struct span){ 0 });
	while (scan_next(&scan, &r->view) == 0)
		check_control(r, &scan);
}

/* Law 3: no byte outside the circle
 * -------------------------------------------------------------- */

static bool contains(struct span in, struct span what)
{
	return in.at && in.len >= what.len && memmem(in.at, in.len, what.at, what.len);
}

static void check_outside(struct region *r, const char *where, struct span bytes)
{
	struct world *w = r->world;

	for (size_t i = 0; i < w->n_records; i++) {
		const struct record *record = &w->records[i];

		if (record->may & 1u << r->index)
			continue;
		w->checked[LAW_CIRCLE]++;
		if (contains(bytes, SPAN_OF(record->id)))
			law_broken(w, LAW_CIRCLE,
				"%s was never in the circle of %s and has its id in %s",
				r->name, record->name, where);
	}
}

static void check_file(struct region *r, const char *name)
{
	struct world *w = r->world;
	char path[160];
	uint8_t *bytes = NULL;
	size_t len = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	f = fopen(path, "re");
	if (!f || fseek(f, 0, SEEK_END)) {
		must(-errno);
		abort();
	}
	len = (size_t)ftell(f);
	bytes = malloc(len + 1);
	rewind(f);
	if (!bytes || fread(bytes, 1, len, f) != len) {
		must(-EIO);
		abort();
	}
	(void)fclose(f);
	check_outside(r, path, (struct span){ bytes, len });
	for (size_t i = 0; i < w->n_texts; i++) {
		const struct span text = { (const uint8_t *)w->texts[i], strlen(w->texts[i]) };

		w->checked[LAW_CIRCLE]++;
		if (contains((struct span){ bytes, len }, text))
			law_broken(w, LAW_CIRCLE, "\"%.40s\" stands readable in %s of %s",
				w->texts[i], name, r->name);
	}
	free(bytes);
}

/* Law 4: somebody responsible
 * -------------------------------------------------------------------- */

static unsigned index_of(struct world *w, const struct id *id)
{
	const struct region *r = region_of(w, id);

	return r ? r->index : NOBODY;
}

void law_standing(struct region *r, struct record *record, struct standing *ret)
{
	struct world *w = r->world;
	struct arena arena;
	struct held *held = NULL;
	struct affairs a;
	struct scan scan;
	size_t n = 0, room = 0;

	arena_init(&arena, 0);
	scan_init(&scan, TABLE_CONTROL, SPAN_OF(record->id));
	while (scan_next(&scan, &r->view) == 0) {
		struct control_row row;
		uint8_t *body;

		held = arena_grow(&arena, held, n, &room, sizeof(*held));
		must(held ? 0 : -ENOMEM);
		held[n] = (struct held){ 0 };

		if (!control_row_read(
			    (struct span){ scan.key, scan.key_len }, scan.value, &row))
			continue;
		body = arena_copy(&arena, row.body.at, row.body.len);
		must(body ? 0 : -ENOMEM);
		if (wire_control_decode(
			    (struct span){ body, row.body.len }, &arena, &held[n].control))
			continue;
		held[n].ref = row.ref;
		held[n].must_understand = row.must_understand;
		n++;
	}
	must(affairs_read(held, n, &arena, &a));
	*ret = (struct standing){ .known = a.known,
		.responsible = affairs_responsible(&a, &r->id),
		.custodian = a.known ? index_of(w, &a.custodian) : NOBODY,
		.offered = a.open ? index_of(w, &a.open->offer->control.to) : NOBODY,
		.accepted = a.open && a.open->accept };
	for (unsigned i = 0; i < w->n_regions; i++)
		if (affairs_role(&a, &w->regions[i].id) != ROLE_NONE)
			ret->members |= 1u << i;
	custody_standing(r, record, &a, ret);
	arena_done(&arena);
}

static void check_duty(struct world *w, const struct record *record)
{
	w->checked[LAW_DUTY]++;
	for (size_t i = 0; i < w->n_regions; i++)
		if (record->standing[i].responsible)
			return;
	law_broken(w, LAW_DUTY, "nobody is responsible for %s", record->name);
}

/* As a turn goes ------------------------------------------------------------------------------
 */

static void made(struct region *r, const struct id *id)
{
	for (size_t i = 0; i < r->wrote.n_made; i++)
		if (id_equal(&r->wrote.made[i], id))
			return;
	must(r->wrote.n_made < NEW_MAX ? 0 : -ERANGE);
	r->wrote.made[r->wrote.n_made++] = *id;
}

void law_written(struct region *r, enum table t, struct span key, struct span value)
{
	struct world *w = r->world;
	struct reader rd = reader_of(key);
	const struct record *record;
	struct id id;

	if (t == TABLE_LOG) {
		struct log_at row = { .rest = value };
		struct wire_change c;

		for (uint64_t n = get_u64(&rd); log_row_next(&row, &c); n++) {
			if (r->wrote.n_log < COUNT(r->wrote.log))
				r->wrote.log[r->wrote.n_log++] = n;
			else
				r->wrote.many = true;
		}
	} else if (t == TABLE_CONTROL) {
		get_into(&rd, id.b, ID_LEN);
		record = record_of(w, &id);
		if (record) {
			r->wrote.control[record - w->records] = true;
		} else {
			made(r, &id);
		}
	} else if (t == TABLE_CURSOR) {
		get_into(&rd, id.b, ID_LEN);
		r->wrote.cursor[index_of(w, &id)] = true;
	}
	if (t == TABLE_LOG || t == TABLE_CONTROL || t == TABLE_WANT || t == TABLE_KEY)
		w->busy = w->now;
	check_outside(r, "a key", key);
	check_outside(r, "a value", value);
}

void law_before_commit(struct region *r)
{
	struct world *w = r->world;

	if (r->wrote.many)
		check_stored(r);
	for (size_t i = 0; i < r->wrote.n_log && !r->wrote.many; i++)
		check_row(r, r->wrote.log[i]);
	for (size_t i = 0; i < r->wrote.n_made; i++) {
		/* Not yet there for the laws: they are when the turn is durable. */
		const size_t n = w->n_records + i;
		struct record *record = &w->records[n];

		must(n < RECORDS_MAX ? 0 : -ERANGE);
		*record = (struct record){ .id = r->wrote.made[i], .may = 1u << r->index };
		snprintf(record->name, sizeof(record->name), "R%zu", n + 1);
		for (size_t k = 0; k < REGIONS_MAX; k++)
			record->standing[k].custodian = record->standing[k].offered = NOBODY;
	}
}

void law_after_commit(struct region *r)
{
	struct world *w = r->world;
	bool any = r->wrote.n_made > 0;

	for (size_t i = 0; i < r->wrote.n_made; i++)
		r->wrote.control[w->n_records++] = true;
	for (size_t i = 0; i < w->n_records; i++)
		any |= r->wrote.control[i];
	if (!any)
		return;
	must(store_turn_begin(r->store, &r->view));
	for (size_t i = 0; i < w->n_records; i++)
		if (r->wrote.control[i])
			law_standing(r, &w->records[i], &w->records[i].standing[r->index]);
	store_turn_abort(r->store);
	for (size_t i = 0; i < w->n_records; i++) {
		check_duty(w, &w->records[i]);
		custody_check(w, &w->records[i]);
	}
}

/* At quiet points
 * --------------------------------------------------------------------------------- */

void law_everywhere(struct world *w)
{
	for (size_t i = 0; i < w->n_regions && !w->broken; i++) {
		struct region *r = &w->regions[i];

		must(store_turn_begin(r->store, &r->view));
		if (law_on(w, LAW_VERIFY))
			check_stored(r);
		for (size_t k = 0; k < w->n_records; k++)
			law_standing(r, &w->records[k], &w->records[k].standing[i]);
		store_turn_abort(r->store);
		check_file(r, "data/data.mdb");
		check_file(r, "keys/data.mdb");
		check_file(r, "redo");
	}
	for (size_t k = 0; k < w->n_records; k++) {
		check_duty(w, &w->records[k]);
		custody_check(w, &w->records[k]);
	}
	watch_everywhere(w);
}

static unsigned members_of(const struct world *w, const struct record *record)
{
	for (size_t i = 0; i < w->n_regions; i++)
		if (record->standing[i].custodian == i)
			return record->standing[i].members;
	return 0;
}

void law_settled(struct world *w)
{
	custody_settled(w);
	for (size_t k = 0; k < w->n_records && !w->broken; k++) {
		const struct record *record = &w->records[k];
		const unsigned members = members_of(w, record);
		char first[96] = "";
		const char *who = NULL;

		if (!members)
			law_broken(w, LAW_HASHES, "nobody is custodian of %s", record->name);
		for (size_t i = 0; i < w->n_regions && !w->broken; i++) {
			struct region *r = &w->regions[i];
			struct answer answer;
			const char *hash;
			struct view view;

			if (!(members & 1u << i))
				continue;
			must(store_turn_begin(r->store, &r->view));
			view = port_view(r);
			client_judge(r, &view, record, &answer);
			store_turn_abort(r->store);
			hash = answer_value(&answer, "state_hash");
			w->checked[LAW_HASHES]++;
			if (!hash || !*hash) {
				law_broken(w, LAW_HASHES, "%s has no state of %s: %s", r->name,
					record->name, answer.problem);
			} else if (!who) {
				who = r->name;
				snprintf(first, sizeof(first), "%s", hash);
			} else if (strcmp(first, hash) != 0) {
				law_broken(w, LAW_HASHES, "%s and %s differ about %s", who,
					r->name, record->name);
			}
		}
	}
}
