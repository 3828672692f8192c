/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tell
 *
 * A row's words name fields in braces; what stands in square brackets is left out when a field
 * in it is not there. Records are shown by the first digits of their id, the whole id is in the
 * journal's field.
 */

#include "daemon/host/tell.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/host/journal.h"

#define SHORT_DIGITS 8

/* clang-format off */
static const struct row {
	int priority;
	const char *words;
	const char *id; /* in the catalog; NULL: says nothing that needs explaining */
} rows[TELL_COUNT] = {
	[TELL_STARTS]      = { LOG_NOTICE,  "starts[: {text}]", NULL },
	[TELL_DIALS]       = { LOG_DEBUG,   "dials {peer}[: {text}]", NULL },
	[TELL_GREETS]      = { LOG_INFO,    "is in session with {peer}[: {text}]",
			       "c3f0a7d95f0b4d6d8a51b1b7e9d2a604" },
	[TELL_LOSES]       = { LOG_INFO,    "has lost {peer}[: {text}]",
			       "5d1c64f2a3e94b7f9e08d7c6b5a41f32" },
	[TELL_REFUSES]     = { LOG_WARNING, "refuses {verdict}[ of {peer}][ about {record}][: {text}]",
			       "91e4b8c07a6d4f3c8b2f5d0e6a7c1943" },
	[TELL_STORES]      = { LOG_DEBUG,   "stores {changes}[ of {record}][ from {peer}]", NULL },
	[TELL_WANTS]       = { LOG_DEBUG,   "wants {record}[ from {peer}]", NULL },
	[TELL_HAS]         = { LOG_DEBUG,   "has what it wanted of {record}: {changes} held", NULL },
	[TELL_MAKES]       = { LOG_DEBUG,   "makes {record}", NULL },
	[TELL_OFFERS]      = { LOG_NOTICE,  "offers {record}[ to {peer}]: stays responsible until the release",
			       "2f7b9a1e4c8d4056b3e1a9f08d6c5e27" },
	[TELL_WITHDRAWS]   = { LOG_NOTICE,  "withdraws the offer of {record}[ to {peer}]",
			       "b86d0e5f31a24c9e8f7a2d4b1c6e9035" },
	[TELL_COMPLETES]   = { LOG_NOTICE,  "has all of {record}[ that {peer} offers], opened and verified:"
					    " a worker may accept it",
			       "68a5c2d7e9f14b3a8d0c7e6b5f4a3912" },
	[TELL_ACCEPTS]     = { LOG_NOTICE,  "accepts {record}[ from {peer}]: is responsible from now on",
			       "f40d3b6a8c2e4d719b5f1e0a7d8c6b24" },
	[TELL_DECLINES]    = { LOG_NOTICE,  "declines {record}[ from {peer}]",
			       "3c9e7f10b5d84a62a1f4d8e2c6b07a59" },
	[TELL_STANDS_DOWN] = { LOG_NOTICE,  "stands down from {record}: the offer[ of {peer}] was withdrawn",
			       "d72b1a9c6e0f4385bc4d8f3a5e1d7062" },
	[TELL_RELEASES]    = { LOG_NOTICE,  "releases {record}[ to {peer}]: that region is the custodian now",
			       "8e5f4d3c2b1a4e09a6d7c8f9b0e1a2d3" },
	[TELL_TAKES_OVER]  = { LOG_NOTICE,  "is the custodian of {record} now[, after {peer}]",
			       "a1b7c3d9e5f04826bd4a6c8e0f2d4b61" },
	[TELL_REMOVES]     = { LOG_NOTICE,  "removes {peer} from the circle of {record}", NULL },
	[TELL_REKEYS]      = { LOG_INFO,    "makes new content keys for {record}", NULL },
	[TELL_RECONCILES]  = { LOG_INFO,    "compares what is shared with {peer}[: {text}]", NULL },
	[TELL_FORKED]      = { LOG_ERR,     "holds the proof of a fork in {record}[ by {peer}]: both branches"
					    " are kept, nothing moves until people have settled it",
			       "17d9e0b4f2a8436c95c7b1e3d6f8a05d" },
	[TELL_STOPS]       = { LOG_CRIT,    "writes nothing more in {record}: two machines write as this region,"
					    " and one of them must be stopped",
			       "9d3c7e1f5b2a48608c4d0e6f7a1b2c93" },
	[TELL_ADDS_PEER]   = { LOG_NOTICE,  "trusts {peer} from now on[: {text}]",
			       "e93a5c7b1d0f4286ae8c4d6f2b0e7195" },
	[TELL_DROPS_PEER]  = { LOG_NOTICE,  "links with {peer} no more[: {text}]",
			       "6b8d2f4a0c1e4957b3f5d7e9a1c3e5f7" },
	[TELL_ASSUMES]     = { LOG_WARNING, "signs that {peer} takes the duty for {record}", NULL },
	[TELL_RESOLVES]    = { LOG_WARNING, "signs that {peer} is the custodian of {record} next", NULL },
	[TELL_NEEDS_PEOPLE] = { LOG_ERR,    "shows {record} as the duty of more than one region: people must"
					    " settle it[ (custodian: {peer})]",
			       "b4a70c9e35d24f18a6e1d08f7c93b52a" },
	[TELL_SETTLED]     = { LOG_NOTICE,  "sees the duty for {record} settled[: {peer} is the custodian]",
			       "53e8d1f6a90b4c7d82b6f4e9c1a07d38" },
	[TELL_ASKS]        = { LOG_INFO,    "asks {peer} for a record", NULL },
	[TELL_IS_ASKED]    = { LOG_NOTICE,  "is asked for a record by {peer}: somebody must answer",
			       "0c6b5a2f9d8e4137a4c1e7f3b2d09586" },
	[TELL_ANSWERS]     = { LOG_INFO,    "has answered a request of {peer}[: {text}]", NULL },
	[TELL_IS_ANSWERED] = { LOG_NOTICE,  "has the answer of {peer} to a request[: {text}]",
			       "7e2d91b4c6f0483fb5a8d3e6190c7f24" },
	[TELL_PARKS]       = { LOG_WARNING, "parks what {peer} sends of {record}[: {text}]",
			       "5c0e9a7d3b1f48269d8e6a4c2f0b7153" },
	[TELL_WARNS]       = { LOG_WARNING, "warns: the move of {record}[ with {peer}] waits[ {text}]",
			       "5be1a7c2f4d84e0b93d6a0c8f7e25b14" },
	[TELL_ALARMS]      = { LOG_ERR,     "is alarmed: the move of {record}[ with {peer}] still waits[ {text}]",
			       "c84d19e6a3b0472f8e5c6d7f0a9b2e31" },
	[TELL_ADMITS]      = { LOG_DEBUG,   "admits {text}[ to {record}]", NULL },
};
/* clang-format on */

static bool name_is(const char *name, size_t len, const char *is)
{
	return strlen(is) == len && memcmp(name, is, len) == 0;
}

static void put_id(FILE *out, const struct id *id)
{
	char text[ID_TEXT_LEN];

	(void)fprintf(out, "%.*s..", SHORT_DIGITS, id_text(id, text));
}

/* One field; false: it is not there. With .out NULL, only whether it is. */
static bool put_field(FILE *out, const struct tell *t, const char *name, size_t len)
{
	const bool peer = name_is(name, len, "peer"), record = name_is(name, len, "record");
	const struct id *id = peer ? &t->peer : record ? &t->record : NULL;
	const char *text = NULL;
	char number[40];

	if (name_is(name, len, "text")) {
		text = t->text;
	} else if (name_is(name, len, "verdict")) {
		text = t->verdict;
	} else if (peer && t->peer_name[0]) {
		text = t->peer_name;
	} else if (name_is(name, len, "changes")) {
		(void)snprintf(number, sizeof(number), "%llu change%s",
			(unsigned long long)t->n, t->n == 1 ? "" : "s");
		text = number;
	}
	if (!text && (!id || id_is_zero(id)))
		return false;
	if (out && text)
		(void)fputs(text, out);
	else if (out)
		put_id(out, id);
	return true;
}

/* The words from .at to .end, which have no brackets. False: a field is not there. */
static bool put_words(FILE *out, const struct tell *t, const char *at, const char *end)
{
	bool all = true;

	while (at < end) {
		if (*at == '{') {
			const char *close = strchr(at, '}');

			assert(close);
			if (!put_field(out, t, at + 1, (size_t)(close - at - 1)))
				all = false;
			at = close + 1;
			continue;
		}
		if (out)
			(void)fputc(*at, out);
		at++;
	}
	return all;
}

char *tell_text(const struct tell *t)
{
	const char *at = rows[t->verb].words, *end;
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	while (*at) {
		if (*at != '[') {
			end = at + strcspn(at, "[");
			(void)put_words(out, t, at, end);
			at = end;
			continue;
		}
		end = strchr(at, ']');
		assert(end);
		if (put_words(NULL, t, at + 1, end))
			(void)put_words(out, t, at + 1, end);
		at = end + 1;
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

void tell_log(const struct tell *t)
{
	char peer[ID_TEXT_LEN], record[ID_TEXT_LEN];
	const struct row *row = &rows[t->verb];
	const int priority = t->again ? LOG_DEBUG : row->priority;
	struct about about = { .verdict = t->verdict, .id = row->id };
	char *text;

	assert(t->verb < TELL_COUNT && row->words);
	if (!journal_hears(priority))
		return;
	if (t->peer_name[0])
		about.peer = t->peer_name;
	else if (!id_is_zero(&t->peer))
		about.peer = id_text(&t->peer, peer);
	if (!id_is_zero(&t->record))
		about.record = id_text(&t->record, record);

	text = tell_text(t);
	if (text)
		journal_say(priority, &about, "%s", text);
	free(text);
}
