/* SPDX-License-Identifier: GPL-2.0-only */
/* How the kernel maps a user's memory: the test says it. */
#ifndef SLAT_UNIT_COMPAT_COMPAT_H
#define SLAT_UNIT_COMPAT_COMPAT_H

#include <linux/types.h>

struct mm_struct;

int slat_follow_pfn(struct mm_struct *mm, unsigned long hva, bool write, u64 *pfn,
		    bool *writable);
unsigned int slat_host_level(struct mm_struct *mm, unsigned long hva);

#endif /* SLAT_UNIT_COMPAT_COMPAT_H */
