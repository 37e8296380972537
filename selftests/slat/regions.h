/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes of slots that are made as one. */
#ifndef SLAT_REGIONS_H
#define SLAT_REGIONS_H

#include "guest.h"

static inline struct slat_memory_region region(__u32 slot, __u64 gpa, __u64 size, const void *mem,
					       __u32 flags)
{
	return (struct slat_memory_region) {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (unsigned long)mem,
	};
}

static inline struct slat_memory_region no_region(__u32 slot)
{
	return region(slot, 0, 0, NULL, 0);
}

static inline int _set_regions(struct guest *guest, const struct slat_memory_region *regions,
			       __u32 count)
{
	struct slat_memory_regions all = {
		.count = count, .regions = (unsigned long)regions,
	};

	return _ioctl_ptr(guest->vm, SLAT_SET_MEMORY_REGIONS, &all);
}

#endif /* SLAT_REGIONS_H */
