// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who uses a VM's translations: what it is to the tables.
 */
#include <linux/errno.h>

#include "mmu/mmu.h"

/**
 * slat_walker_init() - become one who uses a VM's translations
 * @walker: to initialise
 * @mmu: the VM's memory
 *
 * Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_walker_init(struct slat_walker *walker, struct slat_mmu *mmu)
{
	*walker = (struct slat_walker) { .mmu = mmu };
	walker->actor = slat_actor_get(&mmu->ptab.epochs);
	return walker->actor ? 0 : -ENOMEM;
}

/**
 * slat_walker_exit() - undo slat_walker_init()
 * @walker: the vCPU's
 */
void slat_walker_exit(struct slat_walker *walker)
{
	slat_ptab_drain_cache(&walker->mmu->ptab, &walker->cache);
	slat_actor_put(walker->actor);
}
