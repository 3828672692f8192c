/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * UTF-8
 *
 * As RFC 3629 has it: no overlong forms, no surrogates, nothing over U+10FFFF. NUL and controls
 * are characters like others.
 */

#include <kith/base.h>

/* The first character of text that is not empty; its bytes, or 0 when it is none (*ret stays).
 */
size_t utf8_next(struct span text, uint32_t *ret);
bool utf8_valid(struct span text);
