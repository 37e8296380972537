// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>

#include "mmu/mmu.h"

/* Where each counter goes. */
static const size_t offsets[SLAT_STATS] = {
	[SLAT_STAT_FAULTS] = offsetof(struct slat_vm_stats, faults),
	[SLAT_STAT_FAULT_RETRIES] = offsetof(struct slat_vm_stats, fault_retries),
	[SLAT_STAT_INSTALLS] = offsetof(struct slat_vm_stats, installs),
	[SLAT_STAT_CMPXCHG_LOST] = offsetof(struct slat_vm_stats, cmpxchg_lost),
	[SLAT_STAT_SPLITS] = offsetof(struct slat_vm_stats, splits),
	[SLAT_STAT_BATCHES] = offsetof(struct slat_vm_stats, batches),
	[SLAT_STAT_WAITS] = offsetof(struct slat_vm_stats, waits),
	[SLAT_STAT_IPIS_SENT] = offsetof(struct slat_vm_stats, ipis_sent),
	[SLAT_STAT_IPIS_SAVED] = offsetof(struct slat_vm_stats, ipis_saved),
	[SLAT_STAT_FLUSHES] = offsetof(struct slat_vm_stats, flushes),
	[SLAT_STAT_ZAPS] = offsetof(struct slat_vm_stats, zaps),
	[SLAT_STAT_TABLES_ALLOCATED] = offsetof(struct slat_vm_stats, tables_allocated),
	[SLAT_STAT_TABLES_FREED] = offsetof(struct slat_vm_stats, tables_freed),
};

/**
 * slat_mmu_get_stats() - the counters
 * @mmu: the memory
 * @stats: its out members are filled in
 *
 * Any context.
 */
void slat_mmu_get_stats(struct slat_mmu *mmu, struct slat_vm_stats *stats)
{
	int i;

	for (i = 0; i < SLAT_STATS; i++)
		*(u64 *)((void *)stats + offsets[i]) = slat_stat_read(mmu->ptab.stats, i);
	stats->tables_unlinked = READ_ONCE(mmu->ptab.unlinked_count);
}
