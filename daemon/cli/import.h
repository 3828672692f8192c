/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Import
 *
 * A return on its way to kithd: its children cut into requests. The pure part, apart from files
 * and the connection, so that it can be tested.
 */

#include <kith/care.h>
#include <kith/control.h>

#define BATCH_TARGET   (256 * 1024) /* bytes of rows in one request, more or less */
#define CHILD_MAX      (900 * 1024) /* of one child: a request holds at least a whole one */
#define BATCH_CHILDREN 512

/* Why a child's rows cannot be sent. */
enum unsent { UNSENT_NOT, UNSENT_NAMELESS, UNSENT_TEXT, UNSENT_LARGE };
enum unsent child_unsent(const struct care_child *child);
const char *unsent_text(enum unsent why);

/* At least what the rows take on the wire. */
size_t child_size(const struct care_child *child);

/* Put children from .next on into .ret until the target is reached, leaving out those that
 * cannot be sent. Returns the child after the last one taken; none taken: ret->n_children is 0.
 * -ENOMEM. */
MUST_USE int batch_fill(const struct care_return *r, size_t next, struct arena *a,
	struct ctl_request *ret, size_t *ret_next);
