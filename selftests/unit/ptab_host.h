/* SPDX-License-Identifier: GPL-2.0-only */
/* Second-level tables for tests: a format, and what hardware does with it. */
#ifndef SLAT_UNIT_PTAB_HOST_H
#define SLAT_UNIT_PTAB_HOST_H

#include <linux/kernel.h>
#include <linux/mm.h>

#include "mmu/iter.h"
#include "mmu/ptab.h"

#define LEVELS	4

/* Bits as in EPT, with accessed and dirty. */
static const struct slat_pte_format format = {
	.present = 7,
	.table = 7 | BIT(8),
	.leaf = 1,
	.huge = BIT(7),
	.write = BIT(1),
	.exec = BIT(2),
	.accessed = BIT(8),
	.dirty = BIT(9),
	.ram = 6 << 3,
	.levels = LEVELS,
	.largest = 3,
	.phys_bits = 48,
};

/* The entry that hardware's walk from a root ends at, its value and its level. */
static inline u64 *hw_entry(u64 root, u64 gfn, u64 *pte, unsigned int *level)
{
	u64 *table = __va(root);

	for (*level = LEVELS;; (*level)--) {
		u64 *entry = &table[slat_table_index(gfn, *level)];

		/* Where the walk goes next depends on it. */
		*pte = smp_load_acquire(entry);
		if (!slat_pte_is_table(&format, *pte, *level))
			return entry;
		table = __va(*pte & SLAT_PTE_ADDR);
	}
}

/* The leaf that hardware finds from a root, 0 if none; and its level. */
static inline u64 hw_walk(u64 root, u64 gfn, unsigned int *level)
{
	u64 pte;

	hw_entry(root, gfn, &pte, level);
	return pte;
}

/* The host page a leaf maps a frame to. */
static inline u64 hw_pfn(u64 pte, u64 gfn, unsigned int level)
{
	return slat_pte_pfn(pte) + (gfn & slat_level_mask(level));
}

#endif /* SLAT_UNIT_PTAB_HOST_H */
