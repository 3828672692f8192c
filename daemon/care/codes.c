/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Code sets
 *
 * The codes of the return with their meanings and the collections in which they hold. A code
 * that is not here is carried unchanged and flagged; this file never decides what is kept.
 */

#include "daemon/care/care.h"

/* code, meaning, first and last collection (the year in which it ends; 0: open) */
static const struct care_code sex_codes[] = {
	{ "M", "Male", 2025, 0 },
	{ "F", "Female", 2025, 0 },
	{ "U", "Unknown / indeterminate", 2025, 0 },
	{ "1", "Male", 0, 2024 },
	{ "2", "Female", 0, 2024 },
};

static const struct care_code ethnic_codes[] = {
	{ "WBRI", "White British", 0, 0 },
	{ "WIRI", "White Irish", 0, 0 },
	{ "WOTH", "Any other White background", 0, 0 },
	{ "WIRT", "Traveller of Irish heritage", 0, 0 },
	{ "WROM", "Gypsy/Roma", 0, 0 },
	{ "MWBC", "White and Black Caribbean", 0, 0 },
	{ "MWBA", "White and Black African", 0, 0 },
	{ "MWAS", "White and Asian", 0, 0 },
	{ "MOTH", "Any other Mixed background", 0, 0 },
	{ "AIND", "Indian", 0, 0 },
	{ "APKN", "Pakistani", 0, 0 },
	{ "ABAN", "Bangladeshi", 0, 0 },
	{ "AOTH", "Any other Asian background", 0, 0 },
	{ "BCRB", "Caribbean", 0, 0 },
	{ "BAFR", "African", 0, 0 },
	{ "BOTH", "Any other Black background", 0, 0 },
	{ "CHNE", "Chinese", 0, 0 },
	{ "OOTH", "Any other ethnic group", 0, 0 },
	{ "REFU", "Refused", 0, 0 },
	{ "NOBT", "Information not yet obtained", 0, 0 },
};

static const struct care_code upn_unknown_codes[] = {
	{ "UN1", "Not of school age, no UPN assigned yet", 0, 0 },
	{ "UN2", "Never attended a maintained school in England (e.g. some UASC)", 0, 0 },
	{ "UN3", "Educated outside England", 0, 0 },
	{ "UN4", "Newly looked after, UPN not yet known", 0, 0 },
	{ "UN5", "Sources disagree on name/surname/DOB, cannot match reliably", 0, 0 },
};

static const struct care_code mother_codes[] = {
	{ "0", "Not a mother", 0, 0 },
	{ "1", "Is a mother", 0, 0 },
};

static const struct care_code rne_codes[] = {
	{ "S", "Started to be looked after", 0, 0 },
	{ "L", "Change of legal status only", 0, 0 },
	{ "P", "Change of placement and carer(s) only", 0, 0 },
	{ "T", "Change of placement (same carer(s)) only", 0, 0 },
	{ "B", "Change of legal status and placement and carer(s) at the same time", 0, 0 },
	{ "U", "Change of legal status and placement (same carer(s)) at the same time", 0, 0 },
};

static const struct care_code ls_codes[] = {
	{ "C1", "Interim care order", 0, 0 },
	{ "C2", "Full care order", 0, 0 },
	{ "D1", "Freeing order granted", 0, 0 },
	{ "E1", "Placement order granted", 0, 0 },
	{ "V2", "Single period of accommodation (s20)", 0, 0 },
	{ "V3",
		"Accommodated under agreed series of short-term breaks, individual episodes "
		"recorded",
		0, 0 },
	{ "V4",
		"Accommodated under agreed series of short-term breaks, agreement (not "
		"individual episodes) recorded",
		0, 0 },
	{ "L1", "Under police protection and in LA accommodation", 0, 0 },
	{ "L2", "Emergency protection order", 0, 0 },
	{ "L3", "Under child assessment order and in LA accommodation", 0, 0 },
	{ "J1", "Remanded to LA accommodation or youth detention accommodation", 0, 0 },
	{ "J2", "Placed in LA accommodation under PACE 1984", 0, 0 },
	{ "J3",
		"Sentenced to youth rehabilitation order (residence or intensive fostering "
		"requirement)",
		0, 0 },
};

static const struct care_code cin_codes[] = {
	{ "N1", "Abuse or neglect", 0, 0 },
	{ "N2", "Child's disability", 0, 0 },
	{ "N3", "Parental illness or disability", 0, 0 },
	{ "N4", "Family in acute stress", 0, 0 },
	{ "N5", "Family dysfunction", 0, 0 },
	{ "N6", "Socially unacceptable behaviour", 0, 0 },
	{ "N7", "Low income", 0, 0 },
	{ "N8", "Absent parenting", 0, 0 },
};

static const struct care_code place_codes[] = {
	{ "A3", "Placed for adoption with consent, with current foster carer (s19 ACA 2002)", 0,
		0 },
	{ "A4", "Placed for adoption with consent, not with current foster carer (s19)", 0, 0 },
	{ "A5", "Placed for adoption under placement order, with current foster carer (s21)", 0,
		0 },
	{ "A6",
		"Placed for adoption under placement order, not with current foster carer "
		"(s21)",
		0, 0 },
	{ "H5", "Semi-independent living not subject to children's homes regulations", 0,
		2025 },
	{ "K1", "Secure children's home", 0, 0 },
	{ "K2", "Children's home subject to Children's Homes Regulations", 0, 0 },
	{ "K3", "Registered supported accommodation", 2025, 0 },
	{ "P1", "Placed with own parent(s) or person with parental responsibility", 0, 0 },
	{ "P2", "Independent living (flat, lodgings, bedsit, B&B, friends)", 0, 2025 },
	{ "P3", "Residential employment", 0, 0 },
	{ "R1", "Residential care home", 0, 0 },
	{ "R2", "NHS/health trust or other establishment providing medical/nursing care", 0,
		0 },
	{ "R3", "Family centre or mother-and-baby unit", 0, 0 },
	{ "R5", "Young offender institution", 0, 0 },
	{ "S1", "Residential school (not dual registered)", 0, 0 },
	{ "T0", "All types of temporary move", 0, 0 },
	{ "T1", "Temporary period in hospital", 0, 0 },
	{ "T2", "Temporary absence of the child on holiday", 0, 0 },
	{ "T3", "Temporary accommodation while foster carer(s) on holiday", 0, 0 },
	{ "T4", "Temporary accommodation of 7 days or less, any other reason", 0, 0 },
	{ "U1", "Foster placement with relative/friend, long term", 0, 0 },
	{ "U2", "Foster placement with relative/friend also approved adopter (FFA/concurrent)",
		0, 0 },
	{ "U3", "Foster placement with relative/friend, not long term nor FFA/CP", 0, 0 },
	{ "U4", "Foster placement with other carer, long term", 0, 0 },
	{ "U5", "Foster placement with other carer also approved adopter (FFA/concurrent)", 0,
		0 },
	{ "U6", "Foster placement with other carer, not long term nor FFA/CP", 0, 0 },
	{ "Z1", "Other placement (schedule to DfE)", 0, 2025 },
	{ "Z11", "Other placement (split of Z1)", 2026, 0 },
	{ "Z12", "Other placement (split of Z1)", 2026, 0 },
	{ "Z13", "Other placement (split of Z1)", 2026, 0 },
	{ "Z14", "Other placement (split of Z1)", 2026, 0 },
};

static const struct care_code place_provider_codes[] = {
	{ "PR0", "Parent(s) or person with PR (only with P1)", 0, 0 },
	{ "PR1", "Own LA provision, incl. RAA hosted by this LA", 0, 0 },
	{ "PR2", "Other LA provision, incl. RAA hosted by another LA", 0, 0 },
	{ "PR3", "Other public provision", 0, 0 },
	{ "PR4", "Private provision", 0, 0 },
	{ "PR5", "Voluntary/third sector", 0, 0 },
};

static const struct care_code rec_codes[] = {
	{ "X1", "Episode ceases, new episode starts same day", 0, 0 },
	{ "E11", "Adopted, order unopposed", 0, 0 },
	{ "E12", "Adopted, consent dispensed with", 0, 0 },
	{ "E2", "Died", 0, 0 },
	{ "E3", "Care taken over by another LA in the UK", 0, 0 },
	{ "E4A", "Returned home to person with PR, planned", 0, 0 },
	{ "E4B", "Returned home to person with PR, not planned", 0, 0 },
	{ "E13", "Left care to live with person without PR", 0, 0 },
	{ "E41", "Residence/child arrangements order", 0, 0 },
	{ "E43", "SGO to former foster carers", 0, 2018 },
	{ "E44", "SGO to other carers", 0, 2018 },
	{ "E45", "SGO to former foster carer, relative/friend", 0, 0 },
	{ "E46", "SGO to former foster carer, not relative/friend", 0, 0 },
	{ "E47", "SGO to other carer, relative/friend", 0, 0 },
	{ "E48", "SGO to other carer, not relative/friend", 0, 0 },
	{ "E5", "Independent living with formal support", 0, 0 },
	{ "E6", "Independent living without formal support", 0, 0 },
	{ "E7", "Residential care funded by adult social care", 0, 0 },
	{ "E9", "Sentenced to custody", 0, 0 },
	{ "E14", "Accommodation on remand ended", 0, 0 },
	{ "E15", "Age assessment found 18 or over", 0, 0 },
	{ "E16", "Moved abroad", 0, 0 },
	{ "E17", "18+ and remained with current carers (staying put)", 0, 0 },
	{ "E8", "Any other reason", 0, 0 },
};

static const struct care_code reason_place_change_codes[] = {
	{ "CARPL", "Change to / implementation of care plan", 0, 0 },
	{ "CLOSE", "Resignation or closure of provision", 0, 0 },
	{ "ALLEG", "Allegation (s47)", 0, 0 },
	{ "STAND", "Standards of care concern", 0, 0 },
	{ "APPRR", "Approval removed", 0, 0 },
	{ "CREQB", "Carer requests end: child's behaviour", 0, 0 },
	{ "CREQO", "Carer requests end: other", 0, 0 },
	{ "CHILD", "Child requests end", 0, 0 },
	{ "LAREQ", "Responsible/area authority requests end", 0, 0 },
	{ "PLACE", "Change in status of placement only", 0, 0 },
	{ "CUSTOD", "Custody arrangement", 2019, 0 },
	{ "OTHER", "Other", 0, 0 },
};

static const struct care_code review_code_codes[] = {
	{ "PN0", "Child under 4 at review", 0, 0 },
	{ "PN1", "Attends and speaks for self", 0, 0 },
	{ "PN2", "Attends, advocate speaks", 0, 0 },
	{ "PN3", "Attends, conveys view symbolically", 0, 0 },
	{ "PN4", "Attends, does not contribute or ask an advocate", 0, 0 },
	{ "PN5", "Does not attend, briefs advocate/IRO", 0, 0 },
	{ "PN6", "Does not attend, conveys feelings by a facilitative medium", 0, 0 },
	{ "PN7", "Does not attend and views not conveyed", 0, 0 },
};

static const struct care_code missing_codes[] = {
	{ "M", "Missing: whereabouts not known", 0, 0 },
	{ "A", "Away from placement without authorisation: whereabouts known", 0, 0 },
};

static const struct care_code sdq_reason_codes[] = {
	{ "SDQ1", "No form: child's age (under 4 or over 17 at assessment)", 0, 0 },
	{ "SDQ2", "Carer refused", 0, 0 },
	{ "SDQ3", "Not possible: severity of child's disability", 0, 0 },
	{ "SDQ4", "Other", 0, 0 },
	{ "SDQ5", "Child or young person refuses", 0, 0 },
};

static const struct care_code oc2_flag_codes[] = {
	{ "0", "No", 0, 0 },
	{ "1", "Yes", 0, 0 },
};

static const struct care_code in_touch_codes[] = {
	{ "YES", "In touch", 0, 0 },
	{ "NO", "Not in touch", 0, 0 },
	{ "DIED", "Died after leaving care", 0, 0 },
	{ "REFU", "Refuses contact", 0, 0 },
	{ "NREQ", "No longer requires services", 0, 0 },
	{ "RHOM", "Returned to parents/PR for 6 months or more", 0, 0 },
};

static const struct care_code activ_codes[] = {
	{ "F1", "Full-time higher education", 0, 0 },
	{ "P1", "Part-time higher education", 0, 0 },
	{ "F2", "Full-time other education", 0, 0 },
	{ "P2", "Part-time other education", 0, 0 },
	{ "F4", "Full-time apprenticeship", 0, 0 },
	{ "P4", "Part-time apprenticeship", 0, 0 },
	{ "F5", "Full-time training/employment (not apprenticeship)", 0, 0 },
	{ "P5", "Part-time training/employment (not apprenticeship)", 0, 0 },
	{ "G4", "NEET: illness or disability", 0, 0 },
	{ "G5", "NEET: other", 0, 0 },
	{ "G6", "NEET: pregnancy or parenting", 0, 0 },
	{ "F3", "superseded by F4/F5", 0, 2021 },
	{ "P3", "superseded by P4/P5", 0, 2021 },
	{ "0", "No information / not in touch", 0, 0 },
};

static const struct care_code accom_codes[] = {
	{ "B1", "With parents or relatives, suitable", 0, 0 },
	{ "B2", "With parents or relatives, unsuitable", 0, 0 },
	{ "C1", "Community home / residential care, suitable", 0, 0 },
	{ "C2", "Community home / residential care, unsuitable", 0, 0 },
	{ "D1", "Semi-independent, transitional, suitable", 0, 0 },
	{ "D2", "Semi-independent, transitional, unsuitable", 0, 0 },
	{ "E1", "Supported lodgings, suitable", 0, 0 },
	{ "E2", "Supported lodgings, unsuitable", 0, 0 },
	{ "G1", "Gone abroad, suitable", 0, 0 },
	{ "G2", "Gone abroad, unsuitable", 0, 0 },
	{ "H1", "Deported, suitable", 0, 0 },
	{ "H2", "Deported, unsuitable", 0, 0 },
	{ "K1", "Ordinary lodgings without formal support, suitable", 0, 0 },
	{ "K2", "Ordinary lodgings without formal support, unsuitable", 0, 0 },
	{ "R1", "Residence not known, suitable", 0, 0 },
	{ "R2", "Residence not known, unsuitable", 0, 0 },
	{ "S2", "No fixed abode / homeless, unsuitable", 0, 0 },
	{ "T1", "Foyer and similar, suitable", 0, 0 },
	{ "T2", "Foyer and similar, unsuitable", 0, 0 },
	{ "U1", "Independent living, suitable", 0, 0 },
	{ "U2", "Independent living, unsuitable", 0, 0 },
	{ "V1", "Emergency accommodation, suitable", 0, 0 },
	{ "V2", "Emergency accommodation, unsuitable", 0, 0 },
	{ "W1", "Bed and breakfast, suitable", 0, 0 },
	{ "W2", "Bed and breakfast, unsuitable", 0, 0 },
	{ "X2", "In custody, unsuitable", 0, 0 },
	{ "Y1", "Other, suitable", 0, 0 },
	{ "Y2", "Other, unsuitable", 0, 0 },
	{ "Z1", "With former foster carers, suitable", 0, 0 },
	{ "Z2", "With former foster carers, unsuitable", 0, 0 },
	{ "0", "No information / not in touch", 0, 0 },
};

static const struct care_code foster_care_codes[] = {
	{ "0", "Not adopted by former foster carer", 0, 0 },
	{ "1", "Adopted by former foster carer", 0, 0 },
};

static const struct care_code nb_adoptr_codes[] = {
	{ "1", "One adopter", 0, 0 },
	{ "2", "Two adopters", 0, 0 },
};

static const struct care_code sex_adoptr_codes[] = {
	{ "M1", "Single male", 0, 0 },
	{ "F1", "Single female", 0, 0 },
	{ "MM", "Male couple", 0, 0 },
	{ "FF", "Female couple", 0, 0 },
	{ "MF", "Male/female couple", 0, 0 },
};

static const struct care_code ls_adoptr_codes[] = {
	{ "L0", "Single adopter", 0, 0 },
	{ "L11", "Different-gender married couple", 0, 0 },
	{ "L12", "Same-gender married couple", 0, 0 },
	{ "L2", "Civil partnership couple", 0, 0 },
	{ "L3", "Different-gender unmarried couple", 0, 0 },
	{ "L4", "Same-gender couple not married or in civil partnership", 0, 0 },
};

static const struct care_code reason_placed_ceased_codes[] = {
	{ "RD1", "Child's needs changed after the decision", 0, 0 },
	{ "RD2", "Court did not make a placement order", 0, 0 },
	{ "RD3", "Prospective adopters could not be found", 0, 0 },
	{ "RD4", "Any other reason", 0, 0 },
};

static const struct care_code prev_perm_codes[] = {
	{ "P1", "Adoption", 0, 0 },
	{ "P2", "Special guardianship order", 0, 0 },
	{ "P3", "Residence / child arrangements order", 0, 0 },
	{ "P4", "Unknown", 0, 0 },
	{ "Z1", "None previously", 0, 0 },
};

static const struct care_code la_perm_special_codes[] = {
	{ "WAL", "Wales", 0, 0 },
	{ "SCO", "Scotland", 0, 0 },
	{ "NIR", "Northern Ireland", 0, 0 },
	{ "NUK", "Outside UK", 0, 0 },
	{ "999", "Unknown", 0, 0 },
};

static const struct care_code sw_reason_codes[] = {
	{ "MANAGE", "Managing caseloads", 0, 0 },
	{ "FCONTA", "First contact or re-referral", 0, 0 },
	{ "LEFTRL", "Previous social worker left role", 0, 0 },
	{ "ORGRST", "Organisational restructure", 0, 0 },
	{ "TSPROC", "Child transfer due to standard process", 0, 0 },
	{ "ABSENC", "Absence cover or return from absence", 0, 0 },
	{ "CHCHAN", "Child requested change", 0, 0 },
	{ "PCCHAN", "Parent/carer requested change", 0, 0 },
	{ "SWDIED", "Previous social worker died", 0, 0 },
	{ "OTHERS", "Other reason", 0, 0 },
};

static const struct {
	const char *name;
	const struct care_code *codes;
	size_t n;
} sets[CARE_SET_COUNT] = {
	[CARE_SET_SEX] = { "SEX", sex_codes, COUNT(sex_codes) },
	[CARE_SET_ETHNIC] = { "ETHNIC", ethnic_codes, COUNT(ethnic_codes) },
	[CARE_SET_UPN_UNKNOWN] = { "UPN_UNKNOWN", upn_unknown_codes, COUNT(upn_unknown_codes) },
	[CARE_SET_MOTHER] = { "MOTHER", mother_codes, COUNT(mother_codes) },
	[CARE_SET_RNE] = { "RNE", rne_codes, COUNT(rne_codes) },
	[CARE_SET_LS] = { "LS", ls_codes, COUNT(ls_codes) },
	[CARE_SET_CIN] = { "CIN", cin_codes, COUNT(cin_codes) },
	[CARE_SET_PLACE] = { "PLACE", place_codes, COUNT(place_codes) },
	[CARE_SET_PLACE_PROVIDER] = { "PLACE_PROVIDER", place_provider_codes,
		COUNT(place_provider_codes) },
	[CARE_SET_REC] = { "REC", rec_codes, COUNT(rec_codes) },
	[CARE_SET_REASON_PLACE_CHANGE] = { "REASON_PLACE_CHANGE", reason_place_change_codes,
		COUNT(reason_place_change_codes) },
	[CARE_SET_REVIEW_CODE] = { "REVIEW_CODE", review_code_codes, COUNT(review_code_codes) },
	[CARE_SET_MISSING] = { "MISSING", missing_codes, COUNT(missing_codes) },
	[CARE_SET_SDQ_REASON] = { "SDQ_REASON", sdq_reason_codes, COUNT(sdq_reason_codes) },
	[CARE_SET_OC2_FLAG] = { "OC2_FLAG", oc2_flag_codes, COUNT(oc2_flag_codes) },
	[CARE_SET_IN_TOUCH] = { "IN_TOUCH", in_touch_codes, COUNT(in_touch_codes) },
	[CARE_SET_ACTIV] = { "ACTIV", activ_codes, COUNT(activ_codes) },
	[CARE_SET_ACCOM] = { "ACCOM", accom_codes, COUNT(accom_codes) },
	[CARE_SET_FOSTER_CARE] = { "FOSTER_CARE", foster_care_codes, COUNT(foster_care_codes) },
	[CARE_SET_NB_ADOPTR] = { "NB_ADOPTR", nb_adoptr_codes, COUNT(nb_adoptr_codes) },
	[CARE_SET_SEX_ADOPTR] = { "SEX_ADOPTR", sex_adoptr_codes, COUNT(sex_adoptr_codes) },
	[CARE_SET_LS_ADOPTR] = { "LS_ADOPTR", ls_adoptr_codes, COUNT(ls_adoptr_codes) },
	[CARE_SET_REASON_PLACED_CEASED] = { "REASON_PLACED_CEASED", reason_placed_ceased_codes,
		COUNT(reason_placed_ceased_codes) },
	[CARE_SET_PREV_PERM] = { "PREV_PERM", prev_perm_codes, COUNT(prev_perm_codes) },
	[CARE_SET_LA_PERM_SPECIAL] = { "LA_PERM_SPECIAL", la_perm_special_codes,
		COUNT(la_perm_special_codes) },
	[CARE_SET_SW_REASON] = { "SW_REASON", sw_reason_codes, COUNT(sw_reason_codes) },
};

const char *care_set_name(enum care_set s)
{
	return sets[s].name;
}

size_t care_set_codes(enum care_set s, const struct care_code **ret)
{
	*ret = sets[s].codes;
	return sets[s].n;
}

static const struct care_code *find(enum care_set s, struct span code)
{
	code = trim(code);
	for (size_t i = 0; i < sets[s].n; i++) {
		if (span_is(code, sets[s].codes[i].code))
			return &sets[s].codes[i];
	}
	return NULL;
}

enum care_code_state care_code_check(enum care_set s, struct span code, int year)
{
	const struct care_code *c = find(s, code);

	if (c == NULL)
		return CARE_CODE_UNKNOWN;
	if (year != 0 && ((c->from != 0 && year < c->from) || (c->to != 0 && year > c->to)))
		return CARE_CODE_OTHER_YEAR;
	return CARE_CODE_KNOWN;
}

const char *care_code_meaning(enum care_set s, struct span code)
{
	const struct care_code *c = find(s, code);

	return c == NULL ? NULL : c->meaning;
}
