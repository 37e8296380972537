/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters of the translation engine.  Each CPU counts for itself.
 */
#ifndef SLAT_MMU_STATS_H
#define SLAT_MMU_STATS_H

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/types.h>

enum slat_stat {
	SLAT_STAT_FAULTS,		/* second-level faults on memory */
	SLAT_STAT_FAULT_RETRIES,	/* of those, given up for a mutator's sake */
	SLAT_STAT_INSTALLS,		/* leaves installed or given more rights */
	SLAT_STAT_CMPXCHG_LOST,		/* entries that another fault was first to fill */
	SLAT_STAT_SPLITS,		/* huge leaves split */
	SLAT_STAT_BATCHES,		/* mutations that removed or narrowed something */
	SLAT_STAT_WAITS,		/* commits that had to wait for an actor */
	SLAT_STAT_IPIS_SENT,
	SLAT_STAT_IPIS_SAVED,		/* an earlier IPI will do */
	SLAT_STAT_FLUSHES,		/* TLB invalidations at entry */
	SLAT_STAT_ZAPS,			/* zap-alls */
	SLAT_STAT_TABLES_ALLOCATED,
	SLAT_STAT_TABLES_FREED,
	SLAT_STATS
};

struct slat_stats {
	u64 count[SLAT_STATS];
};

/* Any context. */
#define slat_stat_inc(stats, stat)	this_cpu_inc((stats)->count[stat])

/** slat_stat_read() - a counter's sum; a snapshot, exact when nothing counts */
static inline u64 slat_stat_read(const struct slat_stats __percpu *stats, enum slat_stat stat)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(stats, cpu)->count[stat]);
	return sum;
}

#endif /* SLAT_MMU_STATS_H */
