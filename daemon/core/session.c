/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The session with a peer (P8): our HELLO, the keys that both HELLOs give, and the frames that
 * are sealed with them. When a link is made and what a message means is not decided here.
 */

#include <errno.h>
#include <string.h>

#include "daemon/core/inside.h"

#define FRAME_HEAD 8 /* what a Frame adds to what it carries, at most */

static int send_frame(struct step *s, struct peer *p, const struct frame *f)
{
	struct link_frame l = { .kind = LINK_SEND, .link = p->link };
	int r = wire_frame_encode(f, s->arena, &l.frame);

	return r ? err_odd(r) : node_link(s, ACTION_LINK_SEND, &l);
}

int session_greet(struct step *s, struct peer *p, const struct pubkey *their_curve)
{
	struct node *n = s->node;
	struct frame f = { .is_hello = true };
	struct cursor_row cursor;
	struct hello h = { .wire_min = WIRE_OLDEST,
		.wire_max = node_wire_max(n),
		.wall_ms = s->event->wall_ms,
		.from = n->region,
		.to = p->region,
		.incarnation = n->incarnation,
		.boot_nonce = n->boot_nonce,
		.curve_from = n->link_key,
		.curve_to = *their_curve,
		.software = span_of(n->options.software) };
	struct sig sig;
	int r;

	r = region_bundle(s->view, s->arena, &h.bundle);
	if (!r)
		r = crypto_dh_keypair(s->crypto, &p->ephemeral, &h.ephemeral);
	if (r)
		return err_odd(r);
	r = cursor_get(s->view, &p->region, &cursor);
	if (r < 0)
		return err_up(r);
	if (r == 0) {
		h.has_last_seen = true;
		h.last_seen.incarnation = cursor.incarnation;
		h.last_seen.feed = cursor.n;
		h.last_seen.running = cursor.running;
	}
	r = wire_hello_encode(&h, s->arena, &f.hello.bytes);
	if (!r)
		r = crypto_sign(s->crypto, &n->keys->sign, LABEL_HELLO, f.hello.bytes, &sig);
	if (!r)
		r = crypto_hash(s->crypto, &f.hello.bytes, 1, &p->hello_sent);
	if (r)
		return err_odd(r);
	f.hello.signature = SPAN_OF(sig);
	return send_frame(s, p, &f);
}

int session_agree(struct step *s, struct peer *p, const struct hello *h, struct span hello)
{
	CLEANUP(secret_done) struct secret shared = { 0 };
	struct node *n = s->node;
	bool small = id_order(&n->region, &p->region) < 0;
	struct hash theirs;
	uint8_t info[128], keys[2 * KEY_LEN];
	struct writer w = writer_of(info, sizeof(info));
	int r;

	r = crypto_dh(s->crypto, &p->ephemeral, &h->ephemeral, &shared);
	if (r)
		return r;
	r = crypto_hash(s->crypto, &hello, 1, &theirs);
	if (r)
		return err_odd(r);
	put_span(&w, SPAN_LIT("kith/session/1\0"));
	put_bytes(&w, small ? p->hello_sent.b : theirs.b, HASH_LEN);
	put_bytes(&w, small ? theirs.b : p->hello_sent.b, HASH_LEN);
	r = crypto_hkdf(s->crypto, (struct span){ 0 }, SPAN_OF(shared), writer_span(&w), keys,
		sizeof(keys));
	if (r)
		return err_odd(r);
	memcpy(p->key_out.b, keys + (small ? 0 : KEY_LEN), KEY_LEN);
	memcpy(p->key_in.b, keys + (small ? KEY_LEN : 0), KEY_LEN);
	memset(keys, 0, sizeof(keys));
	secret_done(&p->ephemeral);
	return 0;
}

static void nonce_of(uint64_t count, uint8_t into[12])
{
	struct writer w = writer_of(into, 12);

	put_u32(&w, 0);
	put_u64(&w, count);
}

int peer_send(struct step *s, struct peer *p, const struct message *m)
{
	struct frame f = { 0 };
	struct span plain;
	uint8_t nonce[12], *boxed;
	int r = wire_message_encode(m, s->arena, &plain);

	if (r)
		return err_odd(r);
	if (plain.len + SEAL_TAG_LEN + FRAME_HEAD > FRAME_MAX)
		return peer_drop(s, p, "what it asks for does not fit into a message");
	boxed = arena_alloc(s->arena, plain.len + SEAL_TAG_LEN);
	if (!boxed)
		return err_new(-ENOMEM);
	nonce_of(p->count_out++, nonce);
	r = crypto_box(s->crypto, &p->key_out, nonce, (struct span){ 0 }, plain, boxed);
	if (r)
		return err_odd(r);
	f.sealed = (struct span){ boxed, plain.len + SEAL_TAG_LEN };
	return send_frame(s, p, &f);
}

int session_open(struct step *s, struct peer *p, struct span sealed, struct span *ret)
{
	uint8_t nonce[12], *plain;
	int r;

	if (sealed.len < SEAL_TAG_LEN)
		return CRYPTO_E_BAD;
	plain = arena_alloc(s->arena, sealed.len);
	if (!plain)
		return err_new(-ENOMEM);
	nonce_of(p->count_in, nonce);
	r = crypto_unbox(s->crypto, &p->key_in, nonce, (struct span){ 0 }, sealed, plain);
	if (r)
		return r < 0 ? err_up(r) : r;
	p->count_in++;
	*ret = (struct span){ plain, sealed.len - SEAL_TAG_LEN };
	return 0;
}
