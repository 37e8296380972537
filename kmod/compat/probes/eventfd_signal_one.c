// SPDX-License-Identifier: GPL-2.0-only
/* An eventfd is signalled once (newer kernels) or by a count (older). */
#include <linux/eventfd.h>

void probe(struct eventfd_ctx *ctx);

void probe(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx);
}
