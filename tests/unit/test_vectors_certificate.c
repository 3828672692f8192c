/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Golden vectors of certificates (P11): what each file proves and with which remarks, by which
 * rule and where one is broken, and which two contradict each other.
 */

#include "tests/unit/vectors.h"

#include <kith/certificate.h>

static void same_place(struct vectors *v, const json_t *j, const struct notice *f)
{
	struct place at;

	assert_int_equal(f->has_place, json_object_get(j, "author") != NULL);
	if (!f->has_place)
		return;
	FIXED(v, j, "author", at.author);
	FIXED(v, j, "incarnation", at.incarnation);
	at.seq = number_of(j, "seq");
	assert_true(place_equal(&at, &f->at));
	assert_non_null(f->where);
}

static void check(struct vectors *v, const json_t *j, const char *file, struct certified *ret)
{
	assert_int_equal(certificate_check(v->c, bytes_of(v, j, file), &v->arena, ret), 0);
	for (size_t i = 0; i < ret->n_notices; i++)
		print_message("#   %s %s %s\n", ret->notices[i].rule,
			ret->notices[i].where ? ret->notices[i].where : "",
			ret->notices[i].text);
}

static void same_duties(struct vectors *v, const json_t *list, const struct certified *c)
{
	assert_int_equal(json_array_size(list), c->n_duties);
	for (size_t i = 0; i < c->n_duties; i++) {
		const json_t *j = json_array_get(list, i);
		const struct duty *d = &c->duties[i];

		same_bytes(SPAN_OF(d->region), bytes_of(v, j, "region"));
		assert_int_equal(d->from, (int32_t)number_of(j, "from"));
		assert_int_equal(d->to, (int32_t)number_of(j, "to"));
		assert_int_equal(d->how, number_of(j, "how"));
		assert_int_equal(d->term, number_of(j, "term"));
		assert_int_equal(d->open, json_is_true(field(j, "open")));
	}
}

static void a_good_certificate_proves_what_the_text_makes_of_it(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "certificate", "good"));
		each_next(&e, &j);) {
		const json_t *remarks = field(j, "remarks");
		struct certified c;

		print_message("# %s\n", why_of(j));
		check(v, j, "file", &c);
		assert_true(c.proven);
		assert_true(c.continuous);
		same_bytes(SPAN_OF(c.said.record), bytes_of(v, j, "record"));
		same_bytes(SPAN_OF(c.said.by), bytes_of(v, j, "by"));
		assert_int_equal(c.said.from, (int32_t)number_of(j, "from"));
		assert_int_equal(c.said.to, (int32_t)number_of(j, "to"));
		same_duties(v, field(j, "duties"), &c);
		assert_int_equal(c.n_notices, json_array_size(remarks));
		for (size_t i = 0; i < c.n_notices; i++) {
			const json_t *remark = json_array_get(remarks, i);

			assert_false(c.notices[i].wrong);
			assert_string_equal(
				c.notices[i].rule, json_string_value(field(remark, "rule")));
			same_place(v, remark, &c.notices[i]);
		}
	}
}

static void a_broken_certificate_is_refused_by_its_rule_and_at_its_place(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "certificate", "broken"));
		each_next(&e, &j);) {
		struct certified c;

		print_message("# %s\n", why_of(j));
		check(v, j, "file", &c);
		assert_false(c.proven);
		assert_false(c.continuous);
		assert_true(c.n_notices >= 1);
		assert_true(c.notices[0].wrong);
		assert_string_equal(c.notices[0].rule, json_string_value(field(j, "rule")));
		same_place(v, j, &c.notices[0]);
	}
}

static void two_certificates_contradict_each_other_when_the_text_says_so(void **state)
{
	struct vectors *v = *state;
	const json_t *j;

	for (struct each e = each_of(vectors_open(v, "certificate", "pairs"));
		each_next(&e, &j);) {
		const char *rule = json_string_value(field(j, "rule"));
		struct notice *found;
		struct certified c[2];
		size_t n;

		print_message("# %s\n", why_of(j));
		check(v, j, "one", &c[0]);
		check(v, j, "other", &c[1]);
		assert_true(c[0].proven && c[1].proven);
		for (int turn = 0; turn < 2; turn++) {
			const struct certified first = c[0];

			assert_int_equal(certificates_agree(c, 2, &v->arena, &found, &n), 0);
			assert_int_equal(n > 0, *rule != '\0');
			if (n)
				assert_string_equal(found[0].rule, rule);
			c[0] = c[1];
			c[1] = first;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_VECTORS(a_good_certificate_proves_what_the_text_makes_of_it),
		IN_VECTORS(a_broken_certificate_is_refused_by_its_rule_and_at_its_place),
		IN_VECTORS(two_certificates_contradict_each_other_when_the_text_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
