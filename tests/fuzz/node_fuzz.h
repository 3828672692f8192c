/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The node under attack, and the input that drives its attackers.
 *
 * fuzz_node.c   the node over a real store, its events, what must hold after each
 * hostile.c     the input as a program of what peers, clients and kith-link do
 * puppet.c      peers with valid keys
 */

#include <kith/control.h>

#include "tests/fuzz/puppet.h"

#define HOSTILE  0
#define OTHER    1
#define STRANGER 2
#define BODIES   3 /* entries of a body, items of a frame: at most so many and one */

struct world {
	struct stage st;
	struct span input; /* what is left of it */
	struct node *node;
	const struct view *view;
	msec now;
	uint64_t accepted; /* even: the number of the next link that the node accepts */
	uint64_t dialled[PUPPETS];
	struct id made; /* the record that the node made last */
	unsigned tells[TELL_COUNT];
	unsigned changed; /* bit per record that has got a change */
	bool disk_full;
};

/* The input, read from its beginning; zero and empty behind its end. */
uint8_t input_byte(struct world *w);
unsigned input_pick(struct world *w, unsigned below);
struct span input_bytes(struct world *w, size_t most);
bool input_left(const struct world *w);

/* One event, what must hold after it, and what the puppets hear. */
void world_step(struct world *w, struct event *e);
void world_frame(struct world *w, uint64_t link, struct span bytes);
void world_message(struct world *w, unsigned p, const struct message *m);
void world_request(struct world *w, const struct ctl_request *q);
void world_ready(struct world *w);
/* A link and both HELLOs. */
void world_greet(struct world *w, unsigned p, unsigned wrong);
/* Let time pass and the node do what is due. */
void world_pass(struct world *w, msec ms);
/* The node forgets what is not stored. */
void world_restart(struct world *w);

/* One thing that the input says. */
void hostile_act(struct world *w);
/* What a world begins with: records of everybody, offers both ways. */
void hostile_begin(struct world *w);
