// SPDX-License-Identifier: GPL-2.0-only
/* What replaced follow_pte(). */
#include <linux/mm.h>

int probe(struct follow_pfnmap_args *args);

int probe(struct follow_pfnmap_args *args)
{
	return follow_pfnmap_start(args);
}
