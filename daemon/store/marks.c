/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Marks
 *
 * What an environment says about itself, so that a newer format, a keys environment of another
 * store and a wrong store.key are each told apart before any row is believed. The database
 * "store", its row "format" and the form of a plain row stay as they are in every version.
 */

#include "daemon/store/inside.h"

#include <errno.h>
#include <string.h>

#include <kith/buf.h>

#define FORMAT_LEN 4
#define NAME       "store"
#define EPOCH      SPAN_LIT("redo")
#define BOX_LEN    (12 + 16 + 16) /* nonce, the store's id, tag */

static const struct row_form form = { .table = NAME, .sealed = false };
static const struct row_form form_key = { .table = NAME, .sealed = true };

static int mark_put(const struct env *e, MDB_txn *txn, MDB_dbi dbi, struct crypto *c,
	struct span name, struct span value, struct why *why)
{
	CLEANUP(scratch_done) struct scratch packed = { 0 };
	struct span row;
	MDB_val k = val_of(name), v;
	int r, rc;

	r = row_pack(c, NULL, (struct row_at){ form, name }, value, &packed, &row);
	if (r)
		return err_up(r);
	v = val_of(row);
	rc = mdb_put(txn, dbi, &k, &v, 0);
	return rc ? env_explain(e, rc, why) : 0;
}

/* The box stands inside a plain row, so that a wrong key and a damaged row look different. */
static int marks_put(const struct env *e, MDB_txn *txn, MDB_dbi dbi, struct crypto *c,
	const struct secret *key, const struct marks *m, struct why *why)
{
	CLEANUP(scratch_done) struct scratch boxed = { 0 };
	const struct row_at at = { form_key, SPAN_LIT("check") };
	uint8_t format[FORMAT_LEN];
	struct writer w = writer_of(format, sizeof(format));
	struct span box;
	int r;

	put_u32(&w, STORE_FORMAT);
	r = mark_put(e, txn, dbi, c, SPAN_LIT("format"), writer_span(&w), why);
	if (!r)
		r = mark_put(e, txn, dbi, c, SPAN_LIT("id"), SPAN_OF(m->store), why);
	if (!r)
		r = mark_put(e, txn, dbi, c, EPOCH, SPAN_OF(m->epoch), why);
	if (!r)
		r = row_pack(c, key, at, SPAN_OF(m->store), &boxed, &box);
	if (!r)
		r = mark_put(e, txn, dbi, c, at.key, box, why);
	return r;
}

/* One of an environment that has them. */
static int mark_set(const struct env *e, MDB_txn *txn, struct crypto *c, struct span name,
	struct span value, struct why *why)
{
	MDB_dbi dbi;
	const int rc = mdb_dbi_open(txn, NAME, 0, &dbi);

	return rc ? env_explain(e, rc, why) : mark_put(e, txn, dbi, c, name, value, why);
}

int marks_put_format(
	const struct env *e, MDB_txn *txn, struct crypto *c, uint32_t format, struct why *why)
{
	uint8_t bytes[FORMAT_LEN];
	struct writer w = writer_of(bytes, sizeof(bytes));

	put_u32(&w, format);
	return mark_set(e, txn, c, SPAN_LIT("format"), writer_span(&w), why);
}

int marks_put_epoch(const struct env *e, MDB_txn *txn, struct crypto *c, const struct id *epoch,
	struct why *why)
{
	return mark_set(e, txn, c, EPOCH, SPAN_OF(*epoch), why);
}

int marks_write(const struct env *e, enum env_id id, struct crypto *c, const struct secret *key,
	const struct marks *m, struct why *why)
{
	MDB_txn *txn;
	MDB_dbi dbi;
	int r = 0, rc;

	rc = mdb_txn_begin(e->mdb, NULL, 0, &txn);
	if (rc)
		return env_explain(e, rc, why);

	rc = mdb_dbi_open(txn, NAME, MDB_CREATE, &dbi);
	if (!rc)
		r = marks_put(e, txn, dbi, c, key, m, why);
	for (unsigned t = 0; t < TABLE_COUNT && !rc && !r; t++) {
		MDB_dbi table;

		if (table_env(t) == id)
			rc = mdb_dbi_open(txn, row_form(t).table, MDB_CREATE, &table);
	}

	if (r || rc)
		mdb_txn_abort(txn);
	else
		rc = mdb_txn_commit(txn);
	/* Once more in full: the first pages of a new environment were written unflushed. */
	if (!r && !rc)
		rc = mdb_env_sync(e->mdb, 1);
	return rc ? env_explain(e, rc, why) : r;
}

static int damaged(const struct env *e, const char *what, struct why *why)
{
	why_set(why,
		"%s is not a kith store or is damaged (%s): restore the whole store (data and "
		"keys) from one backup",
		e->file, what);
	return STORE_E_DAMAGED;
}

/* A mark of exactly .len bytes. */
static int mark_get(const struct env *e, MDB_txn *txn, MDB_dbi dbi, struct crypto *c,
	struct span name, uint8_t *ret, size_t len, struct why *why)
{
	struct scratch none = { 0 }; /* stays empty: the row is plain */
	MDB_val k = val_of(name), v;
	struct span value;
	int r, rc;

	rc = mdb_get(txn, dbi, &k, &v);
	if (rc == MDB_NOTFOUND)
		return damaged(e, "a mark is missing", why);
	if (rc)
		return env_explain(e, rc, why);

	r = row_unpack(c, NULL, (struct row_at){ form, name }, span_of_val(v), &none, &value);
	if (r == VIEW_DAMAGED || (!r && value.len != len))
		return damaged(e, "a mark does not match its hash", why);
	if (r)
		return err_odd(r);
	memcpy(ret, value.at, len);
	return 0;
}

static int format_check(const struct env *e, struct span bytes, uint32_t *ret, struct why *why)
{
	struct reader reader = reader_of(bytes);
	const uint32_t format = get_u32(&reader);

	*ret = format;
	if (format == 0)
		return damaged(e, "format 0", why);
	if (format <= STORE_FORMAT)
		return 0;
	why_set(why,
		"%s was written by a newer kith (store format %u, this one knows %u): install "
		"that version of kith again, or put back the copy that it made before",
		e->file, format, STORE_FORMAT);
	return STORE_E_NEWER;
}

static int key_check(const struct env *e, struct crypto *c, const struct secret *key,
	const struct id *id, struct span box, struct why *why)
{
	CLEANUP(scratch_done) struct scratch opened = { 0 };
	struct span value;
	int r;

	r = row_unpack(
		c, key, (struct row_at){ form_key, SPAN_LIT("check") }, box, &opened, &value);
	if (r == VIEW_DAMAGED) {
		why_set(why,
			"store.key does not open %s: put back the store.key that was made with "
			"this "
			"store",
			e->file);
		return STORE_E_KEY;
	}
	if (r)
		return err_odd(r);
	if (value.len != ID_LEN || memcmp(value.at, id->b, ID_LEN) != 0)
		return damaged(e, "its id is not the one it was made with", why);
	return 0;
}

static int marks_get(const struct env *e, MDB_txn *txn, MDB_dbi dbi, struct crypto *c,
	const struct secret *key, struct marks *ret, struct why *why)
{
	uint8_t format[FORMAT_LEN] = { 0 }, box[BOX_LEN] = { 0 };
	struct marks m = { 0 };
	int r;

	r = mark_get(e, txn, dbi, c, SPAN_LIT("format"), format, sizeof(format), why);
	if (!r)
		r = format_check(e, SPAN_OF(format), &m.format, why);
	if (!r)
		r = mark_get(e, txn, dbi, c, SPAN_LIT("id"), m.store.b, ID_LEN, why);
	if (!r)
		r = mark_get(e, txn, dbi, c, EPOCH, m.epoch.b, ID_LEN, why);
	if (!r)
		r = mark_get(e, txn, dbi, c, SPAN_LIT("check"), box, sizeof(box), why);
	if (!r)
		r = key_check(e, c, key, &m.store, SPAN_OF(box), why);
	if (!r)
		*ret = m;
	return r;
}

int marks_read(const struct env *e, struct crypto *c, const struct secret *key,
	struct marks *ret, struct why *why)
{
	MDB_txn *txn;
	MDB_dbi dbi;
	int r, rc;

	rc = mdb_txn_begin(e->mdb, NULL, MDB_RDONLY, &txn);
	if (rc)
		return env_explain(e, rc, why);

	rc = mdb_dbi_open(txn, NAME, 0, &dbi);
	if (rc == MDB_NOTFOUND)
		r = damaged(e, "it has no marks", why);
	else if (rc)
		r = env_explain(e, rc, why);
	else
		r = marks_get(e, txn, dbi, c, key, ret, why);
	mdb_txn_abort(txn);
	return r;
}
