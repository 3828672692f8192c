/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Buffers
 *
 * A writer with a fixed end and a sticky mark when it ran over, and a reader whose getters can
 * fail. Integers are big-endian. Nothing here allocates.
 */

#include <kith/base.h>
#include <kith/ident.h>

struct writer {
	uint8_t *at;
	size_t len, room;
	bool over; /* something did not fit; .len then stands where it did not */
};

struct reader {
	const uint8_t *at;
	size_t left;
	bool bad; /* something was not there; sticky */
};

struct writer writer_of(void *into, size_t room);
void put_bytes(struct writer *w, const void *bytes, size_t len);
void put_span(struct writer *w, struct span s);
void put_u8(struct writer *w, uint8_t v);
void put_u16(struct writer *w, uint16_t v);
void put_u32(struct writer *w, uint32_t v);
void put_u64(struct writer *w, uint64_t v);
struct span writer_span(const struct writer *w);

struct reader reader_of(struct span s);
/* Each returns zero and sets .bad when too little is left. */
uint8_t get_u8(struct reader *r);
uint16_t get_u16(struct reader *r);
uint32_t get_u32(struct reader *r);
uint64_t get_u64(struct reader *r);
struct span get_span(struct reader *r, size_t len);
void get_into(struct reader *r, void *ret, size_t len);
