/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Out of memory in every decoder: each file of the fuzzers' corpora is read with the first of
 * the reader's allocations failing, with the second, until a reading meets no failure. It is
 * -ENOMEM each time, never a verdict: a peer is not to be blamed for our lack of memory.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/care.h>
#include <kith/conf.h>
#include <kith/control.h>
#include <kith/message.h>

#include "tests/kit/alloc.h"

#define CORPUS "tests/fuzz/corpus"

struct decoder {
	const char *corpus;
	int (*decode)(struct span in, struct arena *a);
};

static int body(struct span in, struct arena *a)
{
	struct body b;

	return wire_body_decode(in, a, &b);
}

static int control(struct span in, struct arena *a)
{
	struct control c;

	return wire_control_decode(in, a, &c);
}

static int bundle(struct span in, struct arena *a)
{
	struct bundle b;

	return wire_bundle_decode(in, a, &b);
}

static int incarnations(struct span in, struct arena *a)
{
	struct incarnations l;

	return wire_incarnations_decode(in, a, &l);
}

static int hello(struct span in, struct arena *a)
{
	struct hello h;

	return wire_hello_decode(in, a, &h);
}

static int message(struct span in, struct arena *a)
{
	struct message m;

	return wire_message_decode(in, a, &m);
}

static int link_frame(struct span in, struct arena *a)
{
	struct link_frame f;

	return wire_link_decode(in, a, &f);
}

static int certificate(struct span in, struct arena *a)
{
	struct certificate c;
	struct statement s;
	int r = wire_certificate_decode(in, a, &c);

	return r ? r : wire_statement_decode(c.statement.bytes, a, &s);
}

static int request(struct span in, struct arena *a)
{
	struct ctl_request q;

	return wire_request_decode(in, a, &q);
}

static int reply_head(struct span in, struct arena *a)
{
	struct reply_head h;

	return wire_reply_head(in, a, &h);
}

static void name(void *ctx, const char *called)
{
	(void)ctx, (void)called;
}

static void leave(void *ctx)
{
	(void)ctx;
}

static void value(void *ctx, const char *called, const struct walk_value *v)
{
	(void)ctx, (void)called, (void)v;
}

static int reply(struct span in, struct arena *a)
{
	static const struct walker w = { NULL, name, leave, name, leave, value };

	return wire_reply_walk(in, a, &w);
}

static int import(struct span in, struct arena *a)
{
	const struct care_options o = { SPAN_LIT("301"), 2023 };
	struct care_return r;
	struct why why;
	int rc;

	if (in.len < 2)
		return 0;
	care_return_init(&r, a, &o);
	rc = care_return_add(&r, SPAN_LIT("one"), (struct span){ in.at + 2, in.len - 2 }, &why);
	return rc < 0 ? rc : care_return_finish(&r);
}

static int conf(struct span in, struct arena *a)
{
	struct conf c;
	struct why why;
	char *text = malloc(in.len + 1);
	int r;

	(void)a;
	if (!text)
		return -ENOMEM;
	memcpy(text, in.at, in.len);
	text[in.len] = '\0';
	r = conf_parse("kithd.conf", text, &c, &why);
	if (r == 0)
		conf_done(&c);
	free(text);
	return r;
}

/* How many of the reader's allocations failed. */
static uint64_t try_all(const struct decoder *d, const char *file, struct span in)
{
	for (uint64_t n = 1;; n++) {
		struct arena a;
		bool failed;
		int r;

		arena_init(&a, 0);
		alloc_fail_at(n);
		r = d->decode(in, &a);
		failed = alloc_failed();
		arena_done(&a);
		if (failed && r != -ENOMEM)
			fail_msg("%s/%s: allocation %llu failed, and it is %d", d->corpus, file,
				(unsigned long long)n, r);
		if (!failed && r < 0)
			fail_msg("%s/%s: %d", d->corpus, file, r);
		if (!failed)
			return n - 1;
	}
}

static struct span read_whole(const char *dir, const char *file)
{
	char path[512];
	uint8_t *at = malloc(1 << 20);
	struct span s = { at, 0 };
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "rb");
	assert_non_null(at);
	assert_non_null(f);
	s.len = fread(at, 1, 1 << 20, f);
	assert_int_equal(fclose(f), 0);
	return s;
}

static uint64_t try_corpus(const struct decoder *d)
{
	char dir[256];
	uint64_t failed = 0;
	struct dirent *entry;
	DIR *open;

	snprintf(dir, sizeof(dir), CORPUS "/%s", d->corpus);
	open = opendir(dir);
	assert_non_null(open);
	while ((entry = readdir(open))) {
		struct span in;

		if (entry->d_name[0] == '.')
			continue;
		in = read_whole(dir, entry->d_name);
		failed += try_all(d, entry->d_name, in);
		free((void *)in.at);
	}
	closedir(open);
	return failed;
}

static void no_decoder_takes_our_lack_of_memory_for_a_fault_of_the_bytes(void **state)
{
	static const struct decoder decoders[] = {
		{ "body", body },
		{ "control_body", control },
		{ "bundle", bundle },
		{ "bundle", incarnations },
		{ "frame", hello },
		{ "message", message },
		{ "link", link_frame },
		{ "certificate", certificate },
		{ "request", request },
		{ "request", reply_head },
		{ "request", reply },
		{ "ssda903", import },
		{ "conf", conf },
	};
	uint64_t failed = 0;

	(void)state;
	alloc_arenas(true);
	for (size_t i = 0; i < COUNT(decoders); i++)
		failed += try_corpus(&decoders[i]);
	alloc_arenas(false);
	print_message("# %llu allocations failed\n", (unsigned long long)failed);
	assert_true(failed > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_decoder_takes_our_lack_of_memory_for_a_fault_of_the_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
