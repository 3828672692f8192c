/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Puppets: their cards, sessions and changes, made with the real crypto and the real wire code.
 * The rules that they follow, and break when told, are those of the protocol: P1.4, P2.3, P3.1,
 * P4.2, P4.4, P5.1, P5.2, P8.4.
 */

#include "tests/fuzz/puppet.h"

#include <string.h>

#include <kith/buf.h>

void demand_broken(const char *claim, const char *file, int line)
{
	const struct err_place *trail;
	const size_t n = err_trail(&trail);

	fprintf(stderr, "%s:%d: not true: %s\n", file, line, claim);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "  %s %s:%d: %d\n", trail[i].func, trail[i].file, trail[i].line,
			trail[i].code);
}

static void hash_of(struct stage *st, const struct span *parts, size_t n, struct hash *ret)
{
	demand(crypto_hash(st->crypto, parts, n, ret) == 0);
}

/* Cards -------------------------------------------------------------------------------------
 */

static void make_bundle(struct stage *st, struct puppet *p)
{
	struct sig card_sig, list_sig;
	struct signed_bytes one = { .signature = SPAN_OF(card_sig) };
	struct incarnation in = { .id = p->incarnation,
		.number = 1,
		.key = p->sign_public,
		.status = INCARNATION_OPEN };
	struct incarnations list = { .version = 1, .v = &in, .n = 1 };
	struct bundle b = { .cards = &one, .n_cards = 1 };
	struct hash h;

	demand(wire_card_encode(&p->card, st->arena, &one.bytes) == 0);
	demand(crypto_sign(st->crypto, &p->root, SPAN_LIT("kith/card/1\0"), one.bytes,
		       &card_sig) == 0);
	hash_of(st, &one.bytes, 1, &h);
	memcpy(p->region.b, h.b, ID_LEN);
	list.region = p->region;
	demand(wire_incarnations_encode(&list, st->arena, &b.incarnations.bytes) == 0);
	demand(crypto_sign(st->crypto, &p->control, SPAN_LIT("kith/incarnations/1\0"),
		       b.incarnations.bytes, &list_sig) == 0);
	b.incarnations.signature = SPAN_OF(list_sig);
	demand(wire_bundle_encode(&b, st->arena, &p->bundle) == 0);
}

void puppet_found(struct stage *st, unsigned number, const char *name)
{
	struct puppet *p = &st->puppets[number];
	struct pubkey next;
	struct hash h;

	demand(crypto_sign_keypair(st->crypto, &p->root, &p->card.root_key) == 0);
	demand(crypto_sign_keypair(st->crypto, &p->control, &p->card.control_key) == 0);
	demand(crypto_sign_keypair(st->crypto, &p->sign, &p->sign_public) == 0);
	demand(crypto_dh_keypair(st->crypto, &p->kem, &p->kem_public) == 0);
	demand(crypto_random(st->crypto, &next, sizeof(next)) == 0);
	demand(crypto_random(st->crypto, &p->curve, sizeof(p->curve)) == 0);
	hash_of(st, (struct span[]){ SPAN_OF(next) }, 1, &p->card.next_root);
	hash_of(st, (struct span[]){ SPAN_OF(p->sign_public) }, 1, &h);
	memcpy(p->incarnation.b, h.b, ID_LEN);
	p->card.version = 1;
	p->card.kem_key = p->kem_public;
	p->card.curve_keys[0] = p->curve;
	p->card.n_curve_keys = 1;
	p->card.n_endpoints = 1;
	snprintf(p->card.endpoints[0], ENDPOINT_MAX, "tcp://%s:1", name);
	snprintf(p->card.name, REGION_NAME_MAX, "%s", name);
	make_bundle(st, p);
}

void puppet_card(struct stage *st, unsigned number, bool rival)
{
	struct puppet *p = &st->puppets[number];
	struct bundle b;
	struct signed_bytes cards[2];
	struct card next = p->card;
	struct sig sig;
	struct hash h;

	demand(wire_bundle_decode(p->bundle, st->arena, &b) == 0);
	hash_of(st, &b.cards[0].bytes, 1, &h);
	next.version = 2;
	next.before = h;
	snprintf(next.name, sizeof(next.name), "renamed-%u-%u", number, rival);
	cards[0] = b.cards[0];
	demand(wire_card_encode(&next, st->arena, &cards[1].bytes) == 0);
	demand(crypto_sign(st->crypto, &p->root, SPAN_LIT("kith/card/1\0"), cards[1].bytes,
		       &sig) == 0);
	cards[1].signature = SPAN_OF(sig);
	b.cards = cards;
	b.n_cards = 2;
	demand(wire_bundle_encode(&b, st->arena, &p->bundle) == 0);
}

/* Sessions ----------------------------------------------------------------------------------
 */

void puppet_hear_hello(struct stage *st, unsigned number, const struct signed_bytes *sh)
{
	struct puppet *p = &st->puppets[number];
	struct hello h;

	demand(wire_hello_decode(sh->bytes, st->arena, &h) == 0);
	demand(id_equal(&h.from, &st->node) && id_equal(&h.to, &p->region));
	hash_of(st, &sh->bytes, 1, &p->heard);
	p->theirs = h.ephemeral;
	p->live = false;
}

/* The keys of both directions, from both HELLOs and both ephemerals (P8.4). */
static void agree(struct stage *st, struct puppet *p, struct span hello)
{
	const bool small = id_order(&p->region, &st->node) < 0;
	struct hash ours;
	struct secret shared;
	uint8_t info[128], keys[2 * KEY_LEN];
	struct writer w = writer_of(info, sizeof(info));

	hash_of(st, &hello, 1, &ours);
	demand(crypto_dh(st->crypto, &p->ephemeral, &p->theirs, &shared) == 0);
	put_span(&w, SPAN_LIT("kith/session/1\0"));
	put_bytes(&w, small ? ours.b : p->heard.b, HASH_LEN);
	put_bytes(&w, small ? p->heard.b : ours.b, HASH_LEN);
	demand(crypto_hkdf(st->crypto, (struct span){ 0 }, SPAN_OF(shared), writer_span(&w),
		       keys, sizeof(keys)) == 0);
	memcpy(p->key_out.b, keys + (small ? 0 : KEY_LEN), KEY_LEN);
	memcpy(p->key_in.b, keys + (small ? KEY_LEN : 0), KEY_LEN);
	p->count_in = p->count_out = 0;
	p->n_gets = 0;
	p->live = true;
}

struct span puppet_hello(struct stage *st, unsigned number, unsigned wrong)
{
	struct puppet *p = &st->puppets[number];
	struct hello h = { .wire_min = WIRE_VERSION,
		.wire_max = WIRE_VERSION + wrong / 8 % 2,
		.from = p->region,
		.to = st->node,
		.incarnation = p->incarnation,
		.bundle = p->bundle,
		.curve_from = p->curve,
		.curve_to = st->node_curve,
		.software = SPAN_LIT("puppet") };
	struct frame f = { .is_hello = true };
	struct sig sig;
	struct span bytes;

	demand(crypto_dh_keypair(st->crypto, &p->ephemeral, &h.ephemeral) == 0);
	switch (wrong % 8) {
	case 1:
		h.to = p->region;
		break;
	case 2:
		h.curve_from = st->node_curve;
		break;
	case 3:
		h.wire_min = h.wire_max = WIRE_VERSION + 1;
		break;
	case 4:
		h.bundle = st->puppets[(number + 1) % PUPPETS].bundle;
		break;
	case 5:
		h.incarnation = st->node_incarnation;
		break;
	case 6:
		h.ephemeral = (struct pubkey){ { 0 } };
		break;
	}
	demand(wire_hello_encode(&h, st->arena, &f.hello.bytes) == 0);
	demand(crypto_sign(st->crypto, &p->sign, SPAN_LIT("kith/hello/1\0"), f.hello.bytes,
		       &sig) == 0);
	sig.b[0] ^= wrong % 8 == 7;
	f.hello.signature = SPAN_OF(sig);
	demand(wire_frame_encode(&f, st->arena, &bytes) == 0);
	agree(st, p, f.hello.bytes);
	return bytes;
}

static void nonce_of(uint64_t count, uint8_t into[12])
{
	struct writer w = writer_of(into, 12);

	put_u32(&w, 0);
	put_u64(&w, count);
}

struct span puppet_seal(struct stage *st, unsigned number, struct span plain)
{
	struct puppet *p = &st->puppets[number];
	struct frame f = { 0 };
	struct span bytes;
	uint8_t nonce[12], *boxed = arena_alloc(st->arena, plain.len + SEAL_TAG_LEN);

	demand(boxed);
	nonce_of(p->count_out++, nonce);
	demand(crypto_box(st->crypto, &p->key_out, nonce, (struct span){ 0 }, plain, boxed) ==
		0);
	f.sealed = (struct span){ boxed, plain.len + SEAL_TAG_LEN };
	demand(wire_frame_encode(&f, st->arena, &bytes) == 0);
	return bytes;
}

/* Changes -----------------------------------------------------------------------------------
 */

static int tale_of(const struct stage *st, const struct id *record)
{
	for (int t = 0; t < RECORDS; t++)
		if (id_equal(&st->tales[t].id, record))
			return t;
	return -1;
}

static unsigned author_of(const struct stage *st, const struct id *region)
{
	for (unsigned p = 0; p < PUPPETS; p++)
		if (id_equal(&st->puppets[p].region, region))
			return p;
	return PUPPETS;
}

/* A change that somebody made: what others may refer to from now on. */
static void remember(struct stage *st, const struct wire_change *c)
{
	struct header h;
	struct control control;
	struct tale *t;
	struct line *l;
	struct ref ref;
	int n;

	if (wire_header_decode(c->header, &h) || (n = tale_of(st, &h.record)) < 0)
		return;
	t = &st->tales[n];
	l = &t->lines[author_of(st, &h.at.author)];
	ref.at = h.at;
	hash_of(st, (struct span[]){ SPAN_LIT("kith/change/1\0"), c->header }, 2, &ref.change);
	if (h.at.seq > l->seq) {
		l->seq = h.at.seq;
		l->head = ref.change;
	}
	if (!(h.flags & FLAG_CONTROL)) {
		t->content = ref;
		return;
	}
	if (wire_control_decode(c->body, st->arena, &control))
		return;
	t->refs[control.kind < KINDS ? control.kind : 0] = ref;
	if (control.kind == CONTROL_RELEASE || control.kind == CONTROL_GENESIS) {
		t->right = ref;
		t->term = control.kind == CONTROL_GENESIS ? 1 : control.term + 1;
	}
	for (size_t i = 0; i < control.n_keys; i++)
		if (control.keys[i].epoch < EPOCHS && control.keys[i].epoch > t->epoch)
			t->epoch = control.keys[i].epoch;
}

static struct span wrap_info(const struct tale *t, uint32_t epoch, uint32_t class,
	const struct id *to, const struct pubkey *kem, uint8_t into[96])
{
	struct writer w = writer_of(into, 96);

	put_span(&w, SPAN_LIT("kith/wrap/1\0"));
	put_bytes(&w, t->id.b, ID_LEN);
	put_u32(&w, epoch);
	put_u32(&w, class);
	put_bytes(&w, to->b, ID_LEN);
	put_bytes(&w, kem->b, KEY_LEN);
	return writer_span(&w);
}

static void hear_changes(struct stage *st, struct puppet *p, const struct message *m)
{
	const int n = tale_of(st, &m->changes.record);
	uint8_t info[96];

	for (size_t i = 0; i < m->changes.n_path; i++)
		remember(st, &m->changes.path[i]);
	for (size_t i = 0; n >= 0 && i < m->changes.n_keys; i++) {
		const struct key_wrap *k = &m->changes.keys[i];

		if (k->epoch < EPOCHS && k->class < CLASSES)
			demand(crypto_unwrap(st->crypto, &p->kem, &p->kem_public,
				       wrap_info(&st->tales[n], k->epoch, k->class, &p->region,
					       &p->kem_public, info),
				       k->wrap, &st->tales[n].keys[k->epoch][k->class]) == 0);
	}
	for (size_t i = 0; i < m->changes.n_runs; i++)
		for (size_t k = 0; k < m->changes.runs[i].n; k++)
			remember(st, &m->changes.runs[i].changes[k]);
}

void puppet_hear(struct stage *st, unsigned number, struct span sealed, struct message *m)
{
	struct puppet *p = &st->puppets[number];
	uint8_t nonce[12], *plain = arena_alloc(st->arena, sealed.len);

	demand(plain && sealed.len >= SEAL_TAG_LEN);
	nonce_of(p->count_in++, nonce);
	demand(crypto_unbox(st->crypto, &p->key_in, nonce, (struct span){ 0 }, sealed, plain) ==
		0);
	demand(wire_message_decode(
		       (struct span){ plain, sealed.len - SEAL_TAG_LEN }, st->arena, m) == 0);
	if (m->kind == MSG_FEED) {
		p->through = m->feed.through;
		for (size_t i = 0; i < m->feed.n; i++)
			for (size_t k = 0; k < m->feed.items[i].run.n; k++)
				remember(st, &m->feed.items[i].run.changes[k]);
	} else if (m->kind == MSG_CHANGES) {
		hear_changes(st, p, m);
	} else if (m->kind == MSG_GET) {
		p->gets[p->n_gets % REQUESTS].request = m->get.request;
		p->gets[p->n_gets % REQUESTS].record = m->get.record;
		p->n_gets++;
	}
}

void puppet_record(struct stage *st, unsigned number, unsigned n)
{
	const struct puppet *p = &st->puppets[number];
	struct tale *t = &st->tales[n];
	struct hash h;

	*t = (struct tale){ .maker = number, .term = 1 };
	demand(crypto_random(st->crypto, t->random, sizeof(t->random)) == 0);
	hash_of(st,
		(struct span[]){ SPAN_LIT("kith/record/1\0"), SPAN_OF(p->region),
			SPAN_OF(p->incarnation), SPAN_OF(t->random) },
		4, &h);
	memcpy(t->id.b, h.b, ID_LEN);
}

void puppet_keys(struct stage *st, unsigned n, uint32_t epoch, struct key_commitment *ret)
{
	struct tale *t = &st->tales[n];

	for (uint32_t class = 0; class < CLASSES; class ++) {
		uint8_t numbers[8];
		struct writer w = writer_of(numbers, sizeof(numbers));
		struct secret *key = &t->keys[epoch][class];

		demand(crypto_random(st->crypto, key, sizeof(*key)) == 0);
		put_u32(&w, epoch);
		put_u32(&w, class);
		ret[class] = (struct key_commitment){ .epoch = epoch, .class = class };
		hash_of(st,
			(struct span[]){ SPAN_LIT("kith/key/1\0"), SPAN_OF(t->id),
				{ numbers, sizeof(numbers) }, SPAN_OF(*key) },
			4, &ret[class].commitment);
		t->commitments[epoch][class] = ret[class].commitment;
	}
}

void puppet_wrap(
	struct stage *st, unsigned n, uint32_t epoch, uint32_t class, struct key_wrap *ret)
{
	struct tale *t = &st->tales[n];
	uint8_t info[96];

	ret->epoch = epoch;
	ret->class = class;
	demand(crypto_wrap(st->crypto, &st->node_kem,
		       wrap_info(t, epoch, class, &st->node, &st->node_kem, info),
		       &t->keys[epoch % EPOCHS][class % CLASSES], ret->wrap) == 0);
}

struct rooting {
	struct crypto *crypto;
	const uint8_t *seed;
	struct merkle merkle;
	uint32_t n;
};

static int add_leaf(void *ctx, const struct leaf *l)
{
	struct rooting *t = ctx;
	uint8_t number[4], path[12];
	struct writer w = writer_of(number, sizeof(number));
	struct hash salt;

	put_u32(&w, t->n++);
	demand(crypto_mac(t->crypto, (struct span){ t->seed, 32 },
		       &(struct span){ number, sizeof(number) }, 1, &salt) == 0);
	w = writer_of(path, sizeof(path));
	put_u32(&w, l->entry);
	put_u32(&w, l->field);
	put_u32(&w, l->occurrence);
	demand(merkle_add(t->crypto, &t->merkle,
		       (struct span[]){ SPAN_OF(salt), { path, sizeof(path) }, l->raw },
		       3) == 0);
	return 0;
}

static void content_root(
	struct stage *st, struct span body, const uint8_t seed[32], struct hash *ret)
{
	struct rooting t = { .crypto = st->crypto, .seed = seed };
	struct hash root;
	uint8_t count[8];
	struct writer w = writer_of(count, sizeof(count));

	*ret = (struct hash){ 0 };
	merkle_init(&t.merkle);
	if (wire_body_leaves(body, add_leaf, &t) || merkle_root(st->crypto, &t.merkle, &root))
		return;
	put_u64(&w, t.n);
	hash_of(st,
		(struct span[]){
			SPAN_LIT("kith/content/1\0"), { count, sizeof(count) }, SPAN_OF(root) },
		3, ret);
}

/* Encoded, rooted, padded, sealed (P4). */
static struct span seal_body(
	struct stage *st, const struct tale *t, struct header *h, const struct making *m)
{
	const struct secret *key =
		&t->keys[h->key_epoch % EPOCHS]
			[(h->key_class + (m->wrong == WRONG_SEAL)) % CLASSES];
	struct span bytes = m->raw, padded;
	uint8_t context[96], *sealed;
	struct writer w = writer_of(context, sizeof(context));

	if (m->wrong != WRONG_RAW)
		demand(wire_body_encode(m->b, st->arena, &bytes) == 0);
	content_root(st, bytes, m->b->seed, &h->content_root);
	demand(wire_body_pad(bytes, st->arena, &padded) == 0);
	sealed = arena_alloc(st->arena, SEALED_LEN(padded.len));
	demand(sealed);
	put_span(&w, SPAN_LIT("kith/body/1\0"));
	put_bytes(&w, h->record.b, ID_LEN);
	put_bytes(&w, h->at.author.b, ID_LEN);
	put_bytes(&w, h->at.incarnation.b, ID_LEN);
	put_u64(&w, h->at.seq);
	put_u32(&w, h->key_epoch);
	put_u32(&w, h->key_class);
	demand(crypto_seal(st->crypto, key, writer_span(&w), padded, sealed) == 0);
	return (struct span){ sealed, SEALED_LEN(padded.len) };
}

/* A kind that nobody knows is another kind's encoding with its own number. */
static struct span encode_control(struct stage *st, const struct making *m)
{
	const bool unknown = m->c->kind == CONTROL_UNKNOWN;
	struct control c = *m->c;
	struct span bytes;

	if (m->wrong == WRONG_RAW)
		return m->raw;
	if (unknown)
		c.kind = CONTROL_ERASURE;
	demand(wire_control_encode(&c, st->arena, &bytes) == 0);
	demand(bytes.at[1] == c.kind);
	if (unknown)
		((uint8_t *)bytes.at)[1] = CONTROL_UNKNOWN;
	return bytes;
}

static void break_header(struct stage *st, struct header *h, enum wrong wrong)
{
	if (wrong == WRONG_PREV)
		h->prev.b[0] ^= 1;
	if (wrong == WRONG_SEQ)
		h->at.seq++;
	if (wrong == WRONG_FLAGS)
		h->flags ^= FLAG_MUST_UNDERSTAND;
	if (wrong == WRONG_EPOCH)
		h->key_epoch++;
	if (wrong == WRONG_RECORD)
		h->record = st->tales[0].id;
}

static struct span copied(struct stage *st, struct span s)
{
	const uint8_t *at = arena_copy(st->arena, s.at, s.len);

	demand(at);
	return (struct span){ at, s.len };
}

/* Whether what is wrong leaves a chain that others may take. */
static bool goes_on(const struct making *m)
{
	if (m->batch > BATCH_GOOD)
		return false;
	switch (m->wrong) {
	case WRONG_NOT:
	case WRONG_ROOT:
	case WRONG_UNSIGNED:
	case WRONG_SEAL:
		return true;
	case WRONG_FLAGS:
		return m->c;
	case WRONG_EPOCH:
	case WRONG_RAW:
		return m->b;
	case WRONG_PREV:
	case WRONG_BODY:
	case WRONG_SIGNATURE:
	case WRONG_SEQ:
	case WRONG_RECORD:
	case WRONG_FORK:
	case WRONG_HEADER:
	case WRONG_COUNT:
		return false;
	}
	return false;
}

/* The signature of one of a few changes that are signed together. */
static struct span sign_batch(struct stage *st, const struct puppet *p, const struct hash *id,
	uint64_t seq, enum batch how)
{
	struct hash ids[8] = { { { 1 } } };
	const size_t n = 2 + seq % (COUNT(ids) - 1), at = seq % n;
	struct span made[COUNT(ids)];
	uint8_t *bytes, *place;
	size_t len;
	struct writer w;

	ids[at] = *id;
	demand(signatures_make(st->crypto, &p->sign, ids, n, st->arena, made) == 0);
	bytes = arena_alloc(st->arena, made[at].len + HASH_LEN);
	demand(bytes);
	memcpy(bytes, made[at].at, made[at].len);
	place = bytes + SIG_LEN;
	w = writer_of(place, 8);
	put_u32(&w, (uint32_t)(how == BATCH_PLACE    ? (at + 1) % n
			       : how == BATCH_BEHIND ? n
						     : at));
	put_u32(&w, how == BATCH_NOTHING ? 0 : how == BATCH_HUGE ? UINT32_MAX : (uint32_t)n);
	len = how == BATCH_LONG ? HASH_LEN : 0;
	return (struct span){ bytes, made[at].len + len - (how == BATCH_SHORT ? HASH_LEN : 0) };
}

void puppet_make(struct stage *st, unsigned number, unsigned n, const struct making *m)
{
	const struct puppet *p = &st->puppets[number];
	struct tale *t = &st->tales[n];
	struct line *l = &t->lines[number];
	struct header h = { .version = HEADER_VERSION,
		.record = t->id,
		.at = { p->region, p->incarnation, l->seq + 1 },
		.prev = l->head,
		.flags = m->c ? FLAG_CONTROL : 0,
		.key_epoch = m->c       ? 0
			     : t->epoch ? t->epoch
					: 1,
		.key_class = m->c ? 0 : m->class };
	struct wire_change c = { 0 };
	uint8_t header[HEADER_MAX];
	struct hash id;
	struct sig sig;

	break_header(st, &h, m->wrong);
	c.body = m->c ? encode_control(st, m) : seal_body(st, t, &h, m);
	hash_of(st, &c.body, 1, &h.body_hash);
	h.content_root.b[0] ^= m->wrong == WRONG_ROOT;
	c.header = (struct span){ header, wire_header_encode(&h, header) };
	header[c.header.len / 2] ^= m->wrong == WRONG_HEADER;
	hash_of(st, (struct span[]){ SPAN_LIT("kith/change/1\0"), c.header }, 2, &id);
	demand(crypto_sign(st->crypto, &p->sign, SPAN_LIT("kith/sign/1\0"), SPAN_OF(id),
		       &sig) == 0);
	sig.b[0] ^= m->wrong == WRONG_SIGNATURE;
	c.header = copied(st, c.header);
	c.body = copied(st, c.body);
	if (m->wrong == WRONG_BODY && c.body.len)
		((uint8_t *)c.body.at)[c.body.len - 1] ^= 1;
	if (m->wrong != WRONG_UNSIGNED)
		c.signature = m->batch ? sign_batch(st, p, &id, h.at.seq, m->batch)
				       : copied(st, SPAN_OF(sig));
	if (l->n == KEPT)
		l->n = 0;
	l->kept[l->n++] = c;
	if (!goes_on(m))
		return;
	remember(st, &c);
	l->seq = h.at.seq;
	l->head = id;
}
