/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Replies as trees
 *
 * A Reply walked by its schema becomes a jansson object with the names of control.proto. What
 * only the transport needs (id, last, progress) and data, which is bytes for somebody else, is
 * left out; replies of one request are merged into one object.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <kith/utf8.h>

#include "daemon/cli/cli.h"

#define DEPTH_MAX 8

void json_drop(json_t **j)
{
	json_decref(*j);
}

const char *json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

uint64_t json_number(const json_t *object, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(object, key));

	return v > 0 ? (uint64_t)v : 0;
}

json_t *json_bytes(struct arena *a, struct span bytes)
{
	const char *text;

	if (bytes.len == 0)
		return json_string("");
	if (utf8_valid(bytes))
		return json_stringn((const char *)bytes.at, bytes.len);
	text = base64_text(a, bytes);
	return text ? json_pack("{s:s}", "base64", text) : NULL;
}

struct tree {
	struct arena *arena;
	json_t *at[DEPTH_MAX]; /* borrowed: each hangs in the one before, the first is the root
				*/
	size_t depth;          /* of .at in use; what lies deeper is skipped */
	size_t skipped;
	bool failed;
};

/* Hang .v into the innermost object or list. Takes .v. */
static void hang(struct tree *t, const char *name, json_t *v)
{
	json_t *into = t->at[t->depth - 1];
	int rc;

	if (!v) {
		t->failed = true;
		return;
	}
	if (name)
		rc = json_is_object(into) ? json_object_set_new(into, name, v) : -1;
	else
		rc = json_array_append_new(into, v);
	if (rc != 0)
		t->failed = true;
}

static void deeper(struct tree *t, const char *name, json_t *v)
{
	if (t->depth == DEPTH_MAX || t->skipped > 0) {
		json_decref(v);
		t->skipped++;
		return;
	}
	hang(t, name, v);
	if (t->failed)
		t->skipped++;
	else
		t->at[t->depth++] = v;
}

static void enter(void *ctx, const char *name)
{
	deeper(ctx, name, json_object());
}

static void list_begin(void *ctx, const char *name)
{
	deeper(ctx, name, json_array());
}

static void leave(void *ctx)
{
	struct tree *t = ctx;

	if (t->skipped > 0)
		t->skipped--;
	else if (t->depth > 1)
		t->depth--;
}

static void value(void *ctx, const char *name, const struct walk_value *v)
{
	struct tree *t = ctx;

	if (t->skipped > 0 || t->failed)
		return;
	if (t->depth == 1 && name &&
		(strcmp(name, "id") == 0 || strcmp(name, "last") == 0 ||
			strcmp(name, "data") == 0))
		return;

	switch (v->type) {
	case WALK_TEXT:
	case WALK_BYTES:
		hang(t, name, json_bytes(t->arena, v->bytes));
		return;
	case WALK_UINT:
		hang(t, name, json_integer((json_int_t)v->uint));
		return;
	case WALK_INT:
		hang(t, name, json_integer((json_int_t)v->sint));
		return;
	case WALK_BOOL:
		hang(t, name, json_boolean(v->truth));
		return;
	}
}

int json_reply(struct span bytes, struct arena *a, json_t **ret)
{
	struct tree t = { .arena = a, .depth = 1 };
	const struct walker w = {
		.ctx = &t,
		.enter = enter,
		.leave = leave,
		.list_begin = list_begin,
		.list_end = leave,
		.value = value,
	};
	json_t *root CLEANUP(json_drop) = json_object();
	int rc;

	if (!root)
		return err_new(-ENOMEM);
	t.at[0] = root;
	rc = wire_reply_walk(bytes, a, &w);
	if (rc != 0)
		return rc < 0 ? err_up(rc) : WIRE_E_MALFORMED;
	if (t.failed)
		return err_new(-ENOMEM);
	(void)json_object_del(root, "progress");

	*ret = TAKE(root);
	return 0;
}

int json_merge(json_t *into, json_t *more, bool latest)
{
	json_t *drop CLEANUP(json_drop) = more;
	const char *key;
	json_t *v;

	json_object_foreach(drop, key, v)
	{
		json_t *there = json_object_get(into, key);
		int rc = !latest && json_is_array(there) && json_is_array(v)
				 ? json_array_extend(there, v)
				 : json_object_set(into, key, v);

		if (rc != 0)
			return err_new(-ENOMEM);
	}

	return 0;
}

static int dump(const struct cli *c, const json_t *j, size_t flags)
{
	if (json_dumpf(j, stdout, flags) != 0 || fputc('\n', stdout) == EOF)
		return cli_say(
			CLI_FAILED, "%s: standard output cannot be written", c->verb->words);

	return 0;
}

/* On a terminal for people: indented, and nothing but ASCII, since JSON lets C1 controls and
 * what turns writing round pass. Elsewhere one line. */
int json_out(const struct cli *c, const json_t *j)
{
	size_t flags =
		isatty(STDOUT_FILENO) ? JSON_INDENT(2) | JSON_ENSURE_ASCII : JSON_COMPACT;

	return dump(c, j, flags);
}

int json_line(const struct cli *c, const json_t *j)
{
	return dump(c, j, JSON_COMPACT | JSON_ENSURE_ASCII);
}
