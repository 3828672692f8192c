/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Pins
 *
 * The peers that kithd named last, with the CURVE keys that prove them.
 */

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "daemon/link/hub.h"

int pins_take(struct hub *h, const struct link_frame *f)
{
	struct link_peer *pins;

	arena_reset(&h->pins_arena);
	h->pins = NULL;
	h->n_pins = 0;
	pins = arena_array(&h->pins_arena, f->n_peers + 1, sizeof(*pins));
	if (!pins)
		return err_new(-ENOMEM);

	for (size_t i = 0; i < f->n_peers; i++) {
		const struct span endpoint = f->peers[i].endpoint;

		pins[i] = f->peers[i];
		pins[i].endpoint.at = arena_copy(&h->pins_arena,
			endpoint.len ? endpoint.at : (const void *)"", endpoint.len);
		if (!pins[i].endpoint.at)
			return err_new(-ENOMEM);
	}
	h->pins = pins;
	h->n_pins = f->n_peers;
	log_say(LOG_INFO, "knows %zu region%s", h->n_pins, h->n_pins == 1 ? "" : "s");
	return 0;
}

const struct link_peer *pins_of(const struct hub *h, const struct id *region)
{
	for (size_t i = 0; i < h->n_pins; i++)
		if (id_equal(&h->pins[i].region, region))
			return &h->pins[i];
	return NULL;
}

static bool has_key(const struct link_peer *p, const uint8_t key[KEY_LEN])
{
	for (size_t i = 0; i < p->n_curve_keys; i++)
		if (memcmp(p->curve_keys[i].b, key, KEY_LEN) == 0)
			return true;
	return false;
}

const struct link_peer *pins_by_key(const struct hub *h, const uint8_t key[KEY_LEN])
{
	for (size_t i = 0; i < h->n_pins; i++)
		if (has_key(&h->pins[i], key))
			return &h->pins[i];
	return NULL;
}

bool pins_allow(const struct hub *h, const struct link *l)
{
	const struct link_peer *p = pins_of(h, &l->region);

	if (!p)
		return false;
	if (l->dialled)
		return memcmp(p->dial_key.b, l->key.b, KEY_LEN) == 0;
	return has_key(p, l->key.b);
}
