/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rules
 *
 * What each rule says, and the checks that one row can fail on its own. Numbers are those of
 * the sector's own validation; K is ours, for form. A broken rule is attached to its row and
 * changes nothing else about it.
 */

#include "daemon/care/care.h"

static const struct care_rule rules[] = {
	[RULE_101] = { "101", CARE_HEADER, CARE_REFUSE,
		"SEX is blank or not a code of this collection. Use M, F or U (1 or 2 up to "
		"2023/24)." },
	[RULE_102] = { "102", CARE_HEADER, CARE_REFUSE,
		"DOB is blank or not a date. Give it as dd/mm/yyyy; where the day is not "
		"known, "
		"zz/mm/yyyy." },
	[RULE_103] = { "103", CARE_HEADER, CARE_REFUSE,
		"ETHNIC is blank or not a code. Use the four-letter code; REFU or NOBT where "
		"it is not "
		"known." },
	[RULE_141] = { "141", CARE_EPISODES, CARE_REFUSE,
		"DECOM, the date on which the episode began, is not a date. Give it as "
		"dd/mm/yyyy." },
	[RULE_142] = { "142", CARE_EPISODES, CARE_REFUSE,
		"A later episode has begun, but this one has not ended. Fill in DEC and REC "
		"here." },
	[RULE_143] = { "143", CARE_EPISODES, CARE_REFUSE,
		"RNE, the reason for the new episode, is not a code. Use S, L, P, T, B or U." },
	[RULE_144] = { "144", CARE_EPISODES, CARE_REFUSE,
		"LS, the legal status, is not a code. Look the code up in the guide and "
		"correct it." },
	[RULE_145] = { "145", CARE_EPISODES, CARE_REFUSE,
		"CIN, the category of need, is not a code. Use N1 to N8." },
	[RULE_146] = { "146", CARE_EPISODES, CARE_REFUSE,
		"PLACE, the placement, is not a code of this collection. Use the code that "
		"replaced "
		"it." },
	[RULE_147] = { "147", CARE_EPISODES, CARE_REFUSE,
		"DEC, the date on which the episode ceased, is not a date. Give it as "
		"dd/mm/yyyy." },
	[RULE_148] = { "148", CARE_EPISODES, CARE_REFUSE,
		"DEC and REC go together and one of them is blank. Fill in both, or leave both "
		"blank "
		"while the episode is open." },
	[RULE_149] = { "149", CARE_EPISODES, CARE_REFUSE,
		"REC, the reason for ceasing, is not a code. Look the code up in the guide and "
		"correct "
		"it." },
	[RULE_165] = { "165", CARE_HEADER, CARE_WARN,
		"MOTHER is neither 0 nor 1, or is given for a boy. Correct it, or leave it "
		"blank." },
	[RULE_166] = { "166", CARE_REVIEWS, CARE_REFUSE,
		"REVIEW, the date of the review, is blank or not a date. Give it as "
		"dd/mm/yyyy." },
	[RULE_167] = { "167", CARE_REVIEWS, CARE_REFUSE,
		"REVIEW_CODE, how the child took part, is blank or not a code. Use PN0 to "
		"PN7." },
	[RULE_168] = { "168", CARE_HEADER, CARE_WARN,
		"UPN has not the form of one. Give letter and digits (A123456789012), or UN1 "
		"to UN5 "
		"where it is not known." },
	[RULE_178] = { "178", CARE_EPISODES, CARE_WARN,
		"PLACE_PROVIDER is not a code, or is given for a placement that has no "
		"provider. Use "
		"PR0 to PR5, or leave it blank." },
	[RULE_355] = { "355", CARE_EPISODES, CARE_WARN,
		"The episode begins and ends on the same day. Check DECOM and DEC." },
	[RULE_380] = { "380", CARE_EPISODES, CARE_REFUSE,
		"A period of care cannot begin in a temporary placement. Check PLACE and "
		"RNE." },
	[RULE_381] = { "381", CARE_EPISODES, CARE_REFUSE,
		"A period of care cannot end in a temporary placement. Check PLACE and REC." },
	[RULE_388] = { "388", CARE_EPISODES, CARE_REFUSE,
		"REC and the next episode disagree: X1 needs an episode that begins on the "
		"same day, "
		"and no other REC may have one. Correct REC or add the episode." },
	[RULE_431] = { "431", CARE_EPISODES, CARE_WARN,
		"RNE says that care started (S), but the episode before ended on that day or "
		"later. "
		"Check RNE and DECOM." },
	[RULE_432] = { "432", CARE_EPISODES, CARE_WARN,
		"Care ended with the episode before, so RNE must be S here. Check RNE, or REC "
		"there." },
	[RULE_433] = { "433", CARE_EPISODES, CARE_WARN,
		"RNE says that care went on, but the episode does not begin on the day on "
		"which the one "
		"before ended. Check RNE and DECOM." },
	[RULE_434] = { "434", CARE_EPISODES, CARE_WARN,
		"RNE says that only the legal status changed (L); LS, PLACE, PL_POST, URN and "
		"PLACE_PROVIDER say otherwise. Check them." },
	[RULE_435] = { "435", CARE_EPISODES, CARE_WARN,
		"RNE says that only the placement changed (P, T); LS, PLACE, PL_POST, URN and "
		"PLACE_PROVIDER say otherwise. Check them." },
	[RULE_436] = { "436", CARE_EPISODES, CARE_WARN,
		"RNE says that legal status and placement changed (B, U); LS, PLACE, PL_POST, "
		"URN and "
		"PLACE_PROVIDER say otherwise. Check them." },
	[RULE_437] = { "437", CARE_EPISODES, CARE_REFUSE,
		"REC says that the child died (E2) or is an adult (E15), but there are later "
		"episodes. "
		"Check REC." },
	[RULE_501] = { "501", CARE_EPISODES, CARE_REFUSE,
		"The episode begins before the one before it ended. Check DECOM here and DEC "
		"there." },
	[RULE_1009] = { "1009", CARE_EPISODES, CARE_WARN,
		"REASON_PLACE_CHANGE is not a code. Look the code up in the guide and correct "
		"it." },
	[RULE_CELLS_FEW] = { "K01", CARE_TABLE_NONE, CARE_REFUSE,
		"The row has fewer cells than the header line. Look for a line that was broken "
		"in two." },
	[RULE_CELLS_MANY] = { "K02", CARE_TABLE_NONE, CARE_REFUSE,
		"The row has more cells than the header line. Look for a comma that should be "
		"in quotes." },
	[RULE_NUL] = { "K03", CARE_TABLE_NONE, CARE_WARN,
		"A cell holds a NUL byte. Export the return again from the case system." },
	[RULE_UTF8] = { "K04", CARE_TABLE_NONE, CARE_WARN,
		"A cell is not UTF-8. Export the return again as CSV UTF-8." },
	[RULE_AUTHORITY] = { "K05", CARE_TABLE_NONE, CARE_WARN,
		"The authority is not one that kith knows. Check the LA column, or "
		"--authority." },
	[RULE_YEAR] = { "K06", CARE_TABLE_NONE, CARE_WARN,
		"YEAR is not a year; that of the import was used. Give the year in which the "
		"collection "
		"ends." },
	[RULE_NO_CHILD] = { "K07", CARE_TABLE_NONE, CARE_REFUSE,
		"CHILD is blank, so the row is in nobody's record. Fill in CHILD and import "
		"again." },
	[RULE_CHILD] = { "K08", CARE_TABLE_NONE, CARE_WARN,
		"CHILD is not 1 to 20 letters and digits. Check that the column was not "
		"reformatted." },
	[RULE_BLANK] = { "K09", CARE_EPISODES, CARE_REFUSE,
		"DECOM, RNE, LS, CIN or PLACE is blank. Each episode needs all five." },
	[RULE_DATE] = { "K10", CARE_TABLE_NONE, CARE_WARN,
		"DOB in Reviews, or MC_DOB, is not a date. Give it as dd/mm/yyyy." },
	[RULE_BACKWARDS] = { "K11", CARE_EPISODES, CARE_REFUSE,
		"The episode ends before it begins. Check DECOM and DEC." },
	[RULE_IDENTICAL] = { "K12", CARE_TABLE_NONE, CARE_WARN,
		"The same row stands in the return more than once. Remove the copies at the "
		"source." },
	[RULE_RIVALS] = { "K13", CARE_TABLE_NONE, CARE_WARN,
		"Another row has the same child and date and says something else. Find out "
		"which is "
		"right and correct the other at the source." },
	[RULE_UPN_LETTER] = { "K14", CARE_HEADER, CARE_WARN,
		"The check letter of UPN is wrong. Compare it with the school's." },
	[RULE_QUOTE] = { "K15", CARE_TABLE_NONE, CARE_WARN,
		"There is text behind a closing quote. Check the row: it was kept as one "
		"cell." },
	[RULE_OTHER_YEAR] = { "K16", CARE_TABLE_NONE, CARE_WARN,
		"A code is not valid in this collection, but in another. Check the year of the "
		"import." },
	[RULE_DOB_DIFFERS] = { "K17", CARE_REVIEWS, CARE_WARN,
		"DOB is not that of the child's Header row. Find out which is right." },
};

_Static_assert(COUNT(rules) == RULE_COUNT && RULE_COUNT <= CARE_RULES_MAX,
	"each rule has its text and its bit");

const struct care_rule *care_rule(unsigned i)
{
	return i < RULE_COUNT ? &rules[i] : NULL;
}

const struct care_rule *care_rule_named(struct span code)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		if (span_is(code, rules[i].code))
			return &rules[i];
	}
	return NULL;
}

size_t care_faults_list(care_faults f, const struct care_rule *ret[CARE_RULES_MAX])
{
	size_t n = 0;

	for (unsigned i = 0; i < RULE_COUNT; i++) {
		if (f >> i & 1)
			ret[n++] = &rules[i];
	}
	return n;
}

static bool digits(struct span s, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
	}
	return true;
}

static bool upper_letter(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

/* Letter and 12 digits, or 11 and a letter (a temporary one). */
static bool upn_has_form(struct span upn)
{
	if (upn.len != 13 || !upper_letter(upn.at[0]) || !digits(upn, 1, 12))
		return false;
	if (upn.at[0] == 'I' || upn.at[0] == 'O' || upn.at[0] == 'S')
		return false;
	return upper_letter(upn.at[12]) || digits(upn, 12, 13);
}

bool care_upn_letter_agrees(struct span upn)
{
	static const char letters[] = "ABCDEFGHJKLMNPQRTUVWXYZ";
	unsigned sum = 0;

	if (!upn_has_form(upn))
		return false;
	for (unsigned i = 1; i < 13; i++) {
		unsigned value = (unsigned)upn.at[i] - '0';

		/* The last letter of a temporary UPN counts by its place in the alphabet. */
		for (unsigned l = 0; upper_letter(upn.at[i]) && l < 23; l++) {
			if (letters[l] == (char)upn.at[i])
				value = l;
		}
		sum += (i + 1) * value;
	}
	return (char)upn.at[0] == letters[sum % 23];
}

enum blank {
	BLANK_OK,
	BLANK_BREAKS,
};

static void check_code(struct care_row *r, const char *column, enum care_set set,
	enum rule rule, enum blank blank)
{
	struct span v = care_row_value(r, column);

	if (v.len == 0) {
		if (blank == BLANK_BREAKS)
			fault(r, rule);
		return;
	}
	switch (care_code_check(set, v, r->year)) {
	case CARE_CODE_KNOWN:
		return;
	case CARE_CODE_OTHER_YEAR:
		fault(r, RULE_OTHER_YEAR);
		fault(r, rule);
		return;
	case CARE_CODE_UNKNOWN:
		fault(r, rule);
		return;
	}
}

static void check_date(struct care_row *r, const char *column, enum rule rule, enum blank blank)
{
	struct care_date d;
	int verdict = care_date_parse(care_row_value(r, column), r->year, &d);

	if (verdict == CARE_DATE_E_BAD ||
		(verdict == CARE_DATE_E_BLANK && blank == BLANK_BREAKS))
		fault(r, rule);
}

static void check_child(struct care_row *r)
{
	if (r->child.len == 0)
		fault(r, RULE_NO_CHILD);
	if (r->child.len > 20)
		fault(r, RULE_CHILD);
	for (size_t i = 0; i < r->child.len; i++) {
		uint8_t c = r->child.at[i] & (uint8_t)~0x20u;

		if (!upper_letter(c) && !digits(r->child, i, i + 1))
			fault(r, RULE_CHILD);
	}
}

static void check_header(struct care_row *r)
{
	struct span upn = care_row_value(r, "UPN");
	struct span mother = care_row_value(r, "MOTHER");
	struct span sex = care_row_value(r, "SEX");

	check_code(r, "SEX", CARE_SET_SEX, RULE_101, BLANK_BREAKS);
	check_date(r, "DOB", RULE_102, BLANK_BREAKS);
	check_code(r, "ETHNIC", CARE_SET_ETHNIC, RULE_103, BLANK_BREAKS);
	check_code(r, "MOTHER", CARE_SET_MOTHER, RULE_165, BLANK_OK);
	check_date(r, "MC_DOB", RULE_DATE, BLANK_OK);
	if (mother.len > 0 && (span_is(sex, "1") || span_is(sex, "M")))
		fault(r, RULE_165);
	if (upn.len == 0 || care_code_check(CARE_SET_UPN_UNKNOWN, upn, 0) == CARE_CODE_KNOWN)
		return;
	if (!upn_has_form(upn))
		fault(r, RULE_168);
	else if (!care_upn_letter_agrees(upn))
		fault(r, RULE_UPN_LETTER);
}

/* Placements for which a provider must not be given; T4 may from 2025/26. */
static bool has_no_provider(struct span place, int year)
{
	static const char *const without[] = { "T0", "T1", "T2", "T3", "T4", "Z1", "Z11", "Z12",
		"Z13", "Z14" };

	if (span_is(place, "T4") && year >= 2026)
		return false;
	for (size_t i = 0; i < COUNT(without); i++) {
		if (span_is(place, without[i]))
			return true;
	}
	return false;
}

static bool temporary(struct span place)
{
	return place.len == 2 && place.at[0] == 'T' && place.at[1] >= '0' && place.at[1] <= '4';
}

static void check_episode_dates(struct care_row *r, struct span dec, struct span rec)
{
	struct care_date end;

	check_date(r, "DECOM", RULE_141, BLANK_OK);
	check_date(r, "DEC", RULE_147, BLANK_OK);
	if ((dec.len == 0) != (rec.len == 0))
		fault(r, RULE_148);
	if (care_date_parse(dec, r->year, &end) != 0)
		return;
	if (end.precision != CARE_DATE_DAY || r->date.precision != CARE_DATE_DAY)
		return;
	if (end.day == r->date.day)
		fault(r, RULE_355);
	if (end.day < r->date.day)
		fault(r, RULE_BACKWARDS);
}

static void check_episode(struct care_row *r)
{
	static const char *const needed[] = { "DECOM", "RNE", "LS", "CIN", "PLACE" };
	struct span place = care_row_value(r, "PLACE");
	struct span rne = care_row_value(r, "RNE");
	struct span rec = care_row_value(r, "REC");

	for (size_t i = 0; i < COUNT(needed); i++) {
		if (care_row_value(r, needed[i]).len == 0)
			fault(r, RULE_BLANK);
	}
	check_code(r, "RNE", CARE_SET_RNE, RULE_143, BLANK_OK);
	check_code(r, "LS", CARE_SET_LS, RULE_144, BLANK_OK);
	check_code(r, "CIN", CARE_SET_CIN, RULE_145, BLANK_OK);
	check_code(r, "PLACE", CARE_SET_PLACE, RULE_146, BLANK_OK);
	check_code(r, "REC", CARE_SET_REC, RULE_149, BLANK_OK);
	check_code(r, "PLACE_PROVIDER", CARE_SET_PLACE_PROVIDER, RULE_178, BLANK_OK);
	check_code(r, "REASON_PLACE_CHANGE", CARE_SET_REASON_PLACE_CHANGE, RULE_1009, BLANK_OK);
	check_episode_dates(r, care_row_value(r, "DEC"), rec);
	if (care_row_value(r, "PLACE_PROVIDER").len > 0 && has_no_provider(place, r->year))
		fault(r, RULE_178);
	if (temporary(place) && !span_is(rne, "P") && !span_is(rne, "B"))
		fault(r, RULE_380);
	if (temporary(place) && rec.len > 0 && !span_is(rec, "X1"))
		fault(r, RULE_381);
}

void check_row(struct care_row *r)
{
	check_child(r);
	if (r->table == CARE_HEADER)
		check_header(r);
	if (r->table == CARE_EPISODES)
		check_episode(r);
	if (r->table == CARE_REVIEWS) {
		check_date(r, "DOB", RULE_DATE, BLANK_OK);
		check_date(r, "REVIEW", RULE_166, BLANK_BREAKS);
		check_code(r, "REVIEW_CODE", CARE_SET_REVIEW_CODE, RULE_167, BLANK_BREAKS);
	}
}
