/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Verifying again what is stored: each chain from its first change to its head by its own
 * hashes, links and signatures, and the control changes that lie beside it. It trusts nothing
 * that was found true when it came, and stops at nothing that it finds wrong.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define UNSIGNED_MAX 255 /* (P3.3) */

/* One portion: what verify_some() was given, and the key of the chain at hand. */
struct portion {
	struct verify *v;
	struct step s;
	struct log_at log;
	struct pubkey key;
	bool has_key;
};

static void fault(struct verify *v, const char *rule, const char *what)
{
	if (v->faults < VERIFY_FAULTS_MAX)
		v->first[v->faults] = (struct verify_fault){ v->record, v->at, rule, what };
	v->faults++;
}

/* A row that is damaged or not there is a fault like others. True: .r was one of them. */
static bool row_fault(struct verify *v, int r, const char *missing)
{
	if (r != ROW_NONE && r != -EUCLEAN)
		return false;
	err_forget();
	fault(v, "P2.6", r == ROW_NONE ? missing : "a row of it is damaged");
	return true;
}

static int find_key(struct portion *p)
{
	int r = region_key(&p->s, &p->v->at.author, &p->v->at.incarnation, &p->key);

	p->has_key = r == 0;
	if (r == -EUCLEAN)
		err_forget();
	else if (r < 0)
		return err_up(r);
	if (r)
		fault(p->v, "P1.5", "the key of its author's incarnation is not held");
	return 0;
}

static int check_signature(struct portion *p, const struct hash *id, struct span signature)
{
	int r;

	if (!p->has_key || !signature.len)
		return 0;
	r = signature_check(p->s.crypto, &p->key, id, signature, &p->v->summits);
	if (r == CRYPTO_E_BAD)
		fault(p->v, signature.len == SIG_LEN ? "P3.1" : "P3.6",
			"its signature is wrong");
	return r < 0 ? err_up(r) : 0;
}

/* Header, id and body of one change. *ret_good: there is a header to go on with. */
static int check_change(struct portion *p, const struct wire_change *c, struct header *h,
	struct hash *ret_id, bool *ret_good)
{
	struct hash body;
	int r;

	*ret_good = wire_header_decode(c->header, h) == 0;
	if (!*ret_good) {
		fault(p->v, "P2.2", "its header is not canonical");
		return 0;
	}
	r = chain_id(p->s.crypto, c->header, ret_id);
	if (!r)
		r = crypto_hash(p->s.crypto, &c->body, 1, &body);
	if (r)
		return err_odd(r);
	if (!id_equal(&h->record, &p->v->record) || !place_equal(&h->at, &p->v->at))
		fault(p->v, "P2.1", "it stands at another place than it says");
	if (!hash_equal(&body, &h->body_hash))
		fault(p->v, "P2.5", "its body is not the one that was signed");
	return check_signature(p, ret_id, c->signature);
}

/* What custody needs of a control change lies beside the log (P7.8). */
static int check_control(struct portion *p, const struct wire_change *c, const struct header *h,
	const struct hash *id)
{
	uint8_t key[VIEW_KEY_MAX];
	struct span k = { key, index_key(&p->v->record, &p->v->at, key) }, value;
	struct control_row row;
	struct control control;
	int r = row_get(p->s.view, TABLE_CONTROL, k, &value);

	if (row_fault(p->v, r, "it is not among the control changes"))
		return 0;
	if (r)
		return err_up(r);
	if (!control_row_read(k, value, &row) || row.whole ||
		!hash_equal(&row.ref.change, id) || !span_equal(c->body, row.body) ||
		row.must_understand != !!(h->flags & FLAG_MUST_UNDERSTAND) ||
		row.bytes != wire_change_size(c))
		fault(p->v, "P7.8", "the custody path has another change at its place");
	if (!c->signature.len)
		fault(p->v, "P3.3", "a control change is not signed itself");
	r = wire_control_decode(c->body, p->s.arena, &control);
	if (r > 0)
		fault(p->v, "P6.1", "its body is no control change");
	return r < 0 ? err_up(r) : 0;
}

/* The change at .at, the next of its chain. */
static int check_next(struct portion *p)
{
	struct verify *v = p->v;
	struct wire_change c;
	struct header h;
	struct hash id;
	bool good, lost = v->lost;
	uint64_t n;
	int r = index_get(p->s.view, &v->record, &v->at, &n);

	v->lost = true; /* until there is an id to which the next one can link */
	if (row_fault(v, r, "it is missing"))
		return 0;
	if (!r)
		r = log_get(p->s.view, &p->log, n, &c);
	if (row_fault(v, r, "the log has nothing at the number that the index gives"))
		return 0;
	if (!r)
		r = check_change(p, &c, &h, &id, &good);
	if (r || !good)
		return r ? err_up(r) : 0;
	if (!lost && !hash_equal(&h.prev, &v->prev))
		fault(v, "P2.4", "it does not name the change before it");
	v->lost = false;
	v->prev = id;
	v->uncovered = c.signature.len ? 0 : v->uncovered + 1;
	if (v->uncovered == UNSIGNED_MAX + 1)
		fault(v, "P3.3", "too many changes in a row have no signature");
	return h.flags & FLAG_CONTROL ? check_control(p, &c, &h, &id) : 0;
}

static void end_chain(struct verify *v, const struct chain_row *row)
{
	v->at.seq = row->seq;
	if (!v->lost && !hash_equal(&v->prev, &row->head))
		fault(v, "P2.4", "the head of its chain is another change");
	if (v->uncovered)
		fault(v, "P3.1", "no signature covers the end of its chain");
	v->chains++;
	v->inside = false;
}

/* On with the chain at hand, as long as it is by now. */
static int go_on(struct portion *p, size_t *left)
{
	struct verify *v = p->v;
	struct chain_row row;
	int r = chain_get(p->s.view, &v->record, &v->at.author, &v->at.incarnation, &row);

	if (row_fault(v, r, "its chain is gone")) {
		v->inside = false;
		return 0;
	}
	if (!r)
		r = find_key(p);
	for (; !r && *left && v->at.seq <= row.seq; v->at.seq++, (*left)--) {
		r = check_next(p);
		v->changes++;
	}
	if (r)
		return err_up(r);
	if (v->at.seq > row.seq)
		end_chain(v, &row);
	return 0;
}

/* The row behind the last one: 0, VIEW_NONE, VIEW_DAMAGED (.key is set then too), or < 0. */
static int next_row(struct portion *p, enum table t, struct span *ret)
{
	struct verify *v = p->v;
	struct span key = { 0 };
	int r = p->s.view->seek(p->s.view->ctx, t, (struct span){ 0 },
		(struct span){ v->key, v->key_len }, &key, ret);

	if (r < 0)
		return err_up(r);
	if (r == VIEW_NONE || key.len > VIEW_KEY_MAX || key.len < CHAIN_PREFIX)
		return VIEW_NONE;
	memcpy(v->key, key.at, key.len);
	v->key[key.len] = 0;
	v->key_len = key.len + 1;
	memcpy(v->record.b, v->key, ID_LEN);
	memcpy(v->at.author.b, v->key + ID_LEN, ID_LEN);
	memcpy(v->at.incarnation.b, v->key + 2 * ID_LEN, ID_LEN);
	v->at.seq = 1;
	return r;
}

static int next_chain(struct portion *p)
{
	struct verify *v = p->v;
	struct span value;
	int r = next_row(p, TABLE_CHAIN, &value);

	if (r < 0)
		return err_up(r);
	if (r == VIEW_NONE) {
		v->beside = true;
		v->key_len = 0;
		return 0;
	}
	if (r == VIEW_DAMAGED) {
		fault(v, "P2.6", "the row of its chain is damaged");
		return 0;
	}
	v->prev = (struct hash){ 0 };
	v->uncovered = 0;
	v->lost = false;
	v->inside = true;
	return 0;
}

/* A control change that came before its chain did: nothing else has looked at it yet. */
static int check_beside(struct portion *p)
{
	struct verify *v = p->v;
	struct control_row row;
	struct header h;
	struct hash id;
	struct span value;
	uint64_t n;
	bool good;
	int r = next_row(p, TABLE_CONTROL, &value);

	if (r < 0)
		return err_up(r);
	if (r == VIEW_NONE)
		return VERIFY_DONE;
	if (r == VIEW_DAMAGED) {
		fault(v, "P2.6", "a row of the custody path is damaged");
		return 0;
	}
	if (!control_row_read((struct span){ v->key, v->key_len - 1 }, value, &row)) {
		fault(v, "P7.8", "a row of the custody path cannot be read");
		return 0;
	}
	v->at = row.ref.at;
	r = index_get(p->s.view, &v->record, &v->at, &n);
	if (r == 0 || r == -EUCLEAN) { /* seen with its chain */
		err_forget();
		return 0;
	}
	if (r < 0)
		return err_up(r);
	v->changes++;
	if (!row.whole) {
		fault(v, "P2.6", "it is missing, and custody rests on it");
		return 0;
	}
	r = find_key(p);
	if (!r)
		r = check_change(p, &row.change, &h, &id, &good);
	if (!r && good && !hash_equal(&id, &row.ref.change))
		fault(v, "P2.3", "it is not the change that its row names");
	if (!r && !row.change.signature.len)
		fault(v, "P3.3", "a control change is not signed itself");
	return r ? err_up(r) : 0;
}

int verify_some(struct verify *v, struct crypto *c, const struct view *view, size_t most)
{
	struct arena arena;
	struct portion p = { .v = v, .s = { .view = view, .arena = &arena, .crypto = c } };
	int r = 0;

	arena_init(&arena, 0);
	while (most && !r) {
		if (v->inside) {
			r = go_on(&p, &most);
		} else {
			r = v->beside ? check_beside(&p) : next_chain(&p);
			most--;
		}
	}
	arena_done(&arena);
	return r < 0 ? err_up(r) : r;
}
