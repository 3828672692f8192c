/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The view that a node gets: the store's own, with the laws looking on at every write, with a
 * limit for a turn when the disk is full, and with the one hook that a mutant needs: a row that
 * reads back changed.
 */

#include <string.h>

#include "daemon/core/rows.h"
#include <errno.h>

#include "tests/sim/sim.h"

/* A turn that did not fit is spoilt: everything in it is answered so. */
static bool fits(struct region *r, size_t len)
{
	if (r->full && len > r->left)
		r->spoilt = true;
	r->left -= r->spoilt || !r->full ? 0 : len;
	return !r->spoilt;
}

static int port_get(void *ctx, enum table t, struct span key, struct span *ret)
{
	struct region *r = ctx;

	return r->spoilt ? VIEW_FULL : r->view.get(r->view.ctx, t, key, ret);
}

static int port_back(void *ctx, enum table t, struct span prefix, struct span upto,
	struct span *ret_key, struct span *ret)
{
	static uint8_t changed[1 << 18];
	struct region *r = ctx;
	int rc = r->spoilt ? VIEW_FULL
			   : r->view.back(r->view.ctx, t, prefix, upto, ret_key, ret);
	struct reader rd = reader_of(upto);

	if (rc || t != TABLE_LOG || !r->spoiled || get_u64(&rd) != r->spoiled)
		return rc;
	must(ret->len <= sizeof(changed) && r->spoiled_at < ret->len ? 0 : -ERANGE);
	memcpy(changed, ret->at, ret->len);
	changed[r->spoiled_at] ^= 1;
	ret->at = changed;
	return 0;
}

static int port_seek(void *ctx, enum table t, struct span prefix, struct span from,
	struct span *ret_key, struct span *ret)
{
	struct region *r = ctx;

	if (r->spoilt)
		return VIEW_FULL;
	return r->view.seek(r->view.ctx, t, prefix, from, ret_key, ret);
}

static int port_last(
	void *ctx, enum table t, struct span prefix, struct span *ret_key, struct span *ret)
{
	struct region *r = ctx;

	if (r->spoilt)
		return VIEW_FULL;
	return r->view.last(r->view.ctx, t, prefix, ret_key, ret);
}

static int port_put(void *ctx, enum table t, struct span key, struct span value)
{
	struct region *r = ctx;

	if (!fits(r, key.len + value.len))
		return VIEW_FULL;
	law_written(r, t, key, value);
	return r->view.put(r->view.ctx, t, key, value);
}

static int port_append(void *ctx, enum table t, struct span key, struct span value)
{
	struct region *r = ctx;

	if (!fits(r, key.len + value.len))
		return VIEW_FULL;
	law_written(r, t, key, value);
	return r->view.append(r->view.ctx, t, key, value);
}

static int port_del(void *ctx, enum table t, struct span key)
{
	struct region *r = ctx;

	if (r->spoilt)
		return VIEW_FULL;
	return r->view.del(r->view.ctx, t, key);
}

struct view port_view(struct region *r)
{
	return (struct view){ .ctx = r,
		.get = port_get,
		.seek = port_seek,
		.last = port_last,
		.put = port_put,
		.back = port_back,
		.append = port_append,
		.del = port_del };
}
