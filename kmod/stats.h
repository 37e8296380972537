/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters behind a descriptor, in the form of KVM_GET_STATS_FD.
 */
#ifndef SLAT_STATS_H
#define SLAT_STATS_H

#include <linux/types.h>

/* Counters that one descriptor shows at most. */
#define SLAT_STATS_FD_MAX	48

/**
 * struct slat_stats_desc - a counter
 * @name: what it counts
 * @flags: KVM_STATS_TYPE_*, KVM_STATS_UNIT_*, KVM_STATS_BASE_*
 */
struct slat_stats_desc {
	const char *name;
	u32 flags;
};

/**
 * struct slat_stats_layout - the counters of a kind of object
 * @file: what /proc calls the descriptor
 * @count: how many they are, at most SLAT_STATS_FD_MAX
 * @descs: what they are
 * @read: their values now; any process, no lock held
 * @put: the descriptor does not use its object any more
 */
struct slat_stats_layout {
	const char *file;
	unsigned int count;
	const struct slat_stats_desc *descs;
	void (*read)(void *object, u64 *values);
	void (*put)(void *object);
};

int slat_stats_open(const struct slat_stats_layout *layout, const char *id, void *object);

#endif /* SLAT_STATS_H */
