/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Keys
 *
 * The region's own secrets from their files, which a systemd credential may have wrapped.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/host/host.h"

static int read_one(struct crypto *c, const char *dir, const char *kind,
	const struct secret *wrapping, struct secret *ret, struct why *why)
{
	char *path;
	int r;

	if (asprintf(&path, "%s/%s.key", dir, kind) < 0)
		return err_new(-ENOMEM);
	r = keyfile_read(c, path, kind, wrapping, ret, why);
	free(path);
	return r < 0 ? err_up(r) : r;
}

int host_keys_read(struct crypto *c, const struct conf *conf, struct node_keys *ret,
	struct secret *ret_store, struct why *why)
{
	const struct {
		const char *kind;
		struct secret *into;
	} all[] = {
		{ "sign", &ret->sign },
		{ "control", &ret->control },
		{ "kem", &ret->kem },
		{ "token", &ret->token },
		{ "store", ret_store },
	};
	CLEANUP(secret_done) struct secret wrapping = { 0 };
	int wrapped = conf_credential(conf, wrapping.b, why);
	int r = 0;

	if (wrapped < 0)
		return err_up(wrapped);
	if (wrapped == CONF_E_BAD)
		return CRYPTO_E_BAD;
	for (size_t i = 0; i < COUNT(all) && r == 0; i++)
		r = read_one(c, conf->keys, all[i].kind, wrapped == 0 ? &wrapping : NULL,
			all[i].into, why);
	return r < 0 ? err_up(r) : r;
}

void host_keys_done(struct node_keys *k)
{
	secret_done(&k->sign);
	secret_done(&k->control);
	secret_done(&k->kem);
	secret_done(&k->token);
}
