/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Limits
 *
 *	limits DIR
 *
 * What this machine can do at this moment, one operation after the other, on one core and the
 * disk that DIR is on: flushes, commits of the store, signatures, verifications, hashes, seals.
 * A figure of kith means something beside these, measured in the same run. One line of JSON.
 */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <kith/crypto.h>
#include <kith/store.h>

#include "tests/bench/bench.h"

#define LONG_ENOUGH_NS ((uint64_t)300 * 1000000)
#define ROW_LEN        512
#define ROWS_A_TURN    1024

static struct {
	struct crypto *c;
	struct store *s;
	struct secret key;
	struct pubkey pub;
	struct sig sig;
	uint8_t bytes[ROW_LEN];
	uint8_t room[SEALED_LEN(ROW_LEN)];
	uint64_t next;
	int fd;
} with;

static void must(int r, const char *what)
{
	if (r != 0)
		die("limits: %s: %d", what, r);
}

/* How often .work, which does .n at a time, is done in a second. */
static double rate(const char *name, void (*work)(void), unsigned n)
{
	const uint64_t begun = now_ns();
	uint64_t done = 0;
	double r;

	work(); /* what is made once is made now */
	do {
		work();
		done += n;
	} while (now_ns() - begun < LONG_ENOUGH_NS);
	r = (double)done / seconds_since(begun);
	(void)printf("\"%s\": %.1f, ", name, r);
	return r;
}

static void flush_grown(void)
{
	if (write(with.fd, with.bytes, ROW_LEN) != ROW_LEN || fdatasync(with.fd) < 0)
		die("limits: the disk does not take a write");
}

static void sign(void)
{
	must(crypto_sign(with.c, &with.key, SPAN_LIT("bench/1\0"),
		     (struct span){ with.bytes, HASH_LEN }, &with.sig),
		"sign");
}

static void verify(void)
{
	must(crypto_verify(with.c, &with.pub, SPAN_LIT("bench/1\0"),
		     (struct span){ with.bytes, HASH_LEN }, &with.sig),
		"verify");
}

static void hash(void)
{
	struct hash h;

	must(crypto_hash(with.c, &(struct span){ with.bytes, 256 }, 1, &h), "hash");
}

static void seal(void)
{
	must(crypto_seal(with.c, &with.key, SPAN_LIT("bench"),
		     (struct span){ with.bytes, ROW_LEN }, with.room),
		"seal");
}

static void commit(unsigned rows)
{
	struct why why = { 0 };
	struct view v;

	must(store_turn_begin(with.s, &v), "turn");
	for (unsigned i = 0; i < rows; i++) {
		uint8_t key[8];

		with.next++;
		for (size_t k = 0; k < sizeof(key); k++)
			key[k] = (uint8_t)(with.next >> (56 - 8 * k));
		must(v.append(v.ctx, TABLE_LOG, (struct span){ key, sizeof(key) },
			     (struct span){ with.bytes, ROW_LEN }),
			"append");
	}
	must(store_turn_commit(with.s, &why), why.text);
}

static void commit_one(void)
{
	commit(1);
}

static void commit_many(void)
{
	commit(ROWS_A_TURN);
}

int main(int argc, char **argv)
{
	const struct store_options o = { .map_size = (uint64_t)16 << 30 };
	char store[256], file[256];
	struct why why = { 0 };

	if (argc != 2)
		die("usage: limits DIR");
	(void)snprintf(store, sizeof(store), "%s/limits-store", argv[1]);
	(void)snprintf(file, sizeof(file), "%s/limits-file", argv[1]);
	must(crypto_new(chance_kernel(), &with.c), "crypto");
	must(crypto_sign_keypair(with.c, &with.key, &with.pub), "key");
	must(store_create(store, &o, with.c, &with.key, &why), why.text);
	must(store_open(store, &o, with.c, &with.key, &with.s, &why), why.text);
	with.fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (with.fd < 0)
		die("limits: %s cannot be made", file);

	(void)fputc('{', stdout);
	rate("fdatasync", flush_grown, 1);
	rate("commit", commit_one, 1);
	rate("rows", commit_many, ROWS_A_TURN);
	rate("sign", sign, 1);
	rate("verify", verify, 1);
	rate("hash", hash, 1);
	rate("seal", seal, 1);
	(void)printf("\"row_bytes\": %d}\n", ROW_LEN);

	(void)close(with.fd);
	store_close(with.s);
	crypto_free(with.c);
	return EXIT_SUCCESS;
}
