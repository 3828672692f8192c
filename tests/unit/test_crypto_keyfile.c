/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Key files: what is written is read, and every accident that would lose or show a key is
 * refused with words.
 */

#include "tests/unit/test_crypto.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kit/alloc.h"

static const struct secret key = { { 0xde, 0xad, 3, 4, [31] = 0xfe } };
static const struct secret wrapping = { { 9, 9, 9 } };

struct place_for_files {
	struct crypto *c;
	char dir[64], path[80];
	struct why why;
	struct secret got;
};

static int files_up(void **state)
{
	static struct place_for_files f;

	memset(&f, 0, sizeof(f));
	f.c = engine_with(chance_kernel());
	strcpy(f.dir, "/tmp/kith-keyfile-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	snprintf(f.path, sizeof(f.path), "%s/sign.key", f.dir);
	*state = &f;
	return 0;
}

static int files_down(void **state)
{
	struct place_for_files *f = *state;
	char fresh[96];

	snprintf(fresh, sizeof(fresh), "%s.new", f->path);
	unlink(fresh);
	unlink(f->path);
	assert_int_equal(rmdir(f->dir), 0); /* and nothing else was left there */
	f->c = crypto_free(f->c);
	err_forget();
	return 0;
}

static size_t contents(const char *path, char *into, size_t room)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(into, 1, room - 1, f);
	into[n] = '\0';
	fclose(f);
	return n;
}

static void put(const char *path, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static int reads(struct place_for_files *f, const char *kind, const struct secret *with)
{
	return keyfile_read(f->c, f->path, kind, with, &f->got, &f->why);
}

static int writes(struct place_for_files *f, const struct secret *with)
{
	return keyfile_write(f->c, f->path, "sign", &key, with, &f->why);
}

static void assert_says(const struct place_for_files *f, const char *words)
{
	if (!strstr(f->why.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, f->why.text);
}

static void a_plain_key_is_two_lines_that_only_its_owner_reads(void **state)
{
	struct place_for_files *f = *state;
	char text[256];
	struct stat st;

	assert_int_equal(writes(f, NULL), 0);
	contents(f->path, text, sizeof(text));
	assert_string_equal(text, "kith-key/1 sign plain\n"
				  "dead0304000000000000000000000000"
				  "000000000000000000000000000000fe\n");
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(reads(f, "sign", NULL), 0);
	assert_memory_equal(&f->got, &key, sizeof(key));
}

static void a_sealed_key_does_not_show_the_key(void **state)
{
	struct place_for_files *f = *state;
	char text[512];
	size_t len;

	assert_int_equal(writes(f, &wrapping), 0);
	len = contents(f->path, text, sizeof(text));
	assert_memory_equal(text, "kith-key/1 sign sealed\n", 23);
	assert_int_equal(len, 23 + 2 * SEALED_LEN(KEY_LEN) + 1);
	assert_null(strstr(text, "dead0304"));
	assert_int_equal(reads(f, "sign", &wrapping), 0);
	assert_memory_equal(&f->got, &key, sizeof(key));
}

static void a_sealed_key_needs_its_own_wrapping_key(void **state)
{
	struct place_for_files *f = *state;
	struct secret other = wrapping;

	other.b[0] ^= 1;
	assert_int_equal(writes(f, &wrapping), 0);
	assert_int_equal(reads(f, "sign", &other), CRYPTO_E_BAD);
	assert_says(f, "another wrapping key");
	assert_int_equal(reads(f, "sign", NULL), CRYPTO_E_BAD);
	assert_says(f, "give the wrapping key");
}

static void a_plain_key_is_refused_where_a_sealed_one_belongs(void **state)
{
	struct place_for_files *f = *state;

	assert_int_equal(writes(f, NULL), 0);
	assert_int_equal(reads(f, "sign", &wrapping), CRYPTO_E_BAD);
	assert_says(f, "is not sealed");
}

static void a_key_of_another_kind_is_refused_even_when_relabelled(void **state)
{
	struct place_for_files *f = *state;
	char text[512];
	size_t len;

	assert_int_equal(writes(f, &wrapping), 0);
	assert_int_equal(reads(f, "root", &wrapping), CRYPTO_E_BAD);
	assert_says(f, "not a key file of kind root");

	len = contents(f->path, text, sizeof(text));
	memcpy(text + 11, "root", 4);
	put(f->path, text, len);
	assert_int_equal(reads(f, "root", &wrapping), CRYPTO_E_BAD);
	assert_says(f, "does not open");
}

static void a_key_is_never_overwritten(void **state)
{
	struct place_for_files *f = *state;
	struct secret other = { { 1 } };

	assert_int_equal(writes(f, NULL), 0);
	assert_int_equal(
		keyfile_write(f->c, f->path, "sign", &other, NULL, &f->why), CRYPTO_E_BAD);
	assert_says(f, "never overwritten");
	assert_int_equal(reads(f, "sign", NULL), 0);
	assert_memory_equal(&f->got, &key, sizeof(key));
}

static void what_an_interrupted_write_left_is_named(void **state)
{
	struct place_for_files *f = *state;
	char fresh[96];

	snprintf(fresh, sizeof(fresh), "%s.new", f->path);
	put(fresh, "half", 4);
	assert_int_equal(writes(f, NULL), CRYPTO_E_BAD);
	assert_says(f, fresh);
	assert_says(f, "remove it");
	assert_int_equal(access(f->path, F_OK), -1);
	unlink(fresh);
	assert_int_equal(writes(f, NULL), 0);
}

static void a_key_that_others_may_read_is_refused_with_the_cure(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601 };
	struct place_for_files *f = *state;

	assert_int_equal(writes(f, NULL), 0);
	for (size_t i = 0; i < COUNT(modes); i++) {
		assert_int_equal(chmod(f->path, modes[i]), 0);
		assert_int_equal(reads(f, "sign", NULL), CRYPTO_E_BAD);
		assert_says(f, "chmod 600 ");
	}
	assert_int_equal(chmod(f->path, 0400), 0);
	assert_int_equal(reads(f, "sign", NULL), 0);
}

static void what_is_no_file_is_refused(void **state)
{
	struct place_for_files *f = *state;

	assert_int_equal(reads(f, "sign", NULL), CRYPTO_E_BAD);
	assert_says(f, "there is no key file");

	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_int_equal(reads(f, "sign", NULL), CRYPTO_E_BAD);
	assert_says(f, "is not a file");
	assert_int_equal(rmdir(f->path), 0);

	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(reads(f, "sign", NULL), CRYPTO_E_BAD);
	assert_says(f, "is not a file");
}

static void a_file_cut_grown_or_changed_anywhere_is_refused(void **state)
{
	struct place_for_files *f = *state;
	char text[512];
	size_t len;

	for (int sealed = 0; sealed < 2; sealed++) {
		const struct secret *with = sealed ? &wrapping : NULL;

		unlink(f->path);
		assert_int_equal(writes(f, with), 0);
		len = contents(f->path, text, sizeof(text) - 1);
		for (size_t n = 0; n < len; n++) {
			put(f->path, text, n);
			assert_int_equal(reads(f, "sign", with), CRYPTO_E_BAD);
		}
		text[len] = '\n';
		put(f->path, text, len + 1);
		assert_int_equal(reads(f, "sign", with), CRYPTO_E_BAD);
		/* That bit makes of a hex digit something else. */
		for (size_t i = 0; i < len; i++) {
			text[i] ^= 0x40;
			put(f->path, text, len);
			assert_int_equal(reads(f, "sign", with), CRYPTO_E_BAD);
			text[i] ^= 0x40;
		}
		put(f->path, text, len);
		assert_int_equal(reads(f, "sign", with), 0);
	}
}

static void a_huge_file_is_refused_without_reading_it(void **state)
{
	struct place_for_files *f = *state;

	put(f->path, "kith-key/1 sign plain\n", 22);
	assert_int_equal(truncate(f->path, INT64_C(1) << 40), 0);
	assert_int_equal(reads(f, "sign", NULL), CRYPTO_E_BAD);
}

static void a_directory_that_is_not_there_is_our_own_failure(void **state)
{
	struct place_for_files *f = *state;

	assert_int_equal(
		keyfile_write(f->c, "/tmp/no/such/place/x", "sign", &key, NULL, &f->why),
		-2 /* ENOENT */);
	assert_says(f, "cannot write /tmp/no/such/place/x.new");
}

static void a_write_without_memory_leaves_nothing(void **state)
{
	struct place_for_files *f = *state;

	for (uint64_t n = 1;; n++) {
		int r;

		alloc_fail_at(n);
		r = writes(f, &wrapping);
		if (!alloc_failed())
			break;
		assert_int_equal(r, -12 /* ENOMEM */);
		unlink(f->path);
	}
	assert_int_equal(reads(f, "sign", &wrapping), 0);
}

static void a_relative_path_works(void **state)
{
	struct place_for_files *f = *state;
	char *back = getcwd(NULL, 0);

	assert_int_equal(chdir(f->dir), 0);
	assert_int_equal(keyfile_write(f->c, "sign.key", "sign", &key, NULL, &f->why), 0);
	assert_int_equal(keyfile_read(f->c, "sign.key", "sign", NULL, &f->got, &f->why), 0);
	assert_int_equal(chdir(back), 0);
	free(back);
	assert_memory_equal(&f->got, &key, sizeof(key));
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, files_up, files_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_FILES(a_plain_key_is_two_lines_that_only_its_owner_reads),
		WITH_FILES(a_sealed_key_does_not_show_the_key),
		WITH_FILES(a_sealed_key_needs_its_own_wrapping_key),
		WITH_FILES(a_plain_key_is_refused_where_a_sealed_one_belongs),
		WITH_FILES(a_key_of_another_kind_is_refused_even_when_relabelled),
		WITH_FILES(a_key_is_never_overwritten),
		WITH_FILES(what_an_interrupted_write_left_is_named),
		WITH_FILES(a_key_that_others_may_read_is_refused_with_the_cure),
		WITH_FILES(what_is_no_file_is_refused),
		WITH_FILES(a_file_cut_grown_or_changed_anywhere_is_refused),
		WITH_FILES(a_huge_file_is_refused_without_reading_it),
		WITH_FILES(a_directory_that_is_not_there_is_our_own_failure),
		WITH_FILES(a_write_without_memory_leaves_nothing),
		WITH_FILES(a_relative_path_works),
	};

	return cmocka_run_group_tests_name("crypto keyfile", tests, NULL, NULL);
}
