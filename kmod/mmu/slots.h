/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a change of slots is made of.
 */
#ifndef SLAT_MMU_SLOTS_H
#define SLAT_MMU_SLOTS_H

#include <linux/bitmap.h>

#include "mmu/mmu.h"

/** slat_slot_last() - the last guest frame of a slot */
static inline u64 slat_slot_last(const struct slat_slot *slot)
{
	return slot->gfn + slot->pages - 1;
}

/** slat_slot_log_bytes() - how long the bitmap of a slot is in user space */
static inline u64 slat_slot_log_bytes(const struct slat_slot *slot)
{
	return BITS_TO_LONGS(slot->pages) * sizeof(long);
}

/* slots.c */
struct slat_slot *slat_slot_make(struct slat_mmu *mmu, const struct slat_memory_region *region,
				 const struct slat_slot *old, bool log_goes_on);
void slat_slot_unmake(struct slat_mmu *mmu, struct slat_slot *slot);
void slat_slot_link(struct slat_mmu *mmu, struct slat_slot *slot);
void slat_slot_retire(struct slat_mmu *mmu, struct slat_slot *slot);
int slat_slot_check(const struct slat_mmu *mmu, const struct slat_memory_region *region);
void slat_slot_gap(const struct slat_mmu *mmu, struct slat_slot *slot, u64 *first, u64 *last);

/* final.c */
struct slat_final;
struct slat_final *slat_final_get(u64 user, u64 len);
u64 slat_final_len(const struct slat_final *final);
void slat_final_write(struct slat_final *final, const void *bits);
void slat_final_put(struct slat_final *final);

/* regions.c */
int slat_mmu_set_regions(struct slat_mmu *mmu, const struct slat_memory_region *regions,
			 struct slat_final **finals, unsigned int count);

#endif /* SLAT_MMU_SLOTS_H */
