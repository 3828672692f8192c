/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Tell
 *
 * What the node tells of itself, as a line of the log: one row of a table for each verb.
 */

#include <kith/node.h>

/* The line in words, to be freed; NULL: no memory. */
char *tell_text(const struct tell *t);
void tell_log(const struct tell *t);
