/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty rings: a vCPU tells which pages it has written in memory that it shares
 * with user space, one entry a page.
 */
#ifndef SLAT_MMU_RING_H
#define SLAT_MMU_RING_H

#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/types.h>

/* As many entries as KVM's rings have at most. */
#define SLAT_RING_MAX	65536

struct slat_mmu;
struct slat_slot;
struct slat_walker;

/**
 * struct slat_ring - the pages that a vCPU has dirtied
 *
 * The vCPU's thread owns it: (o) written by it alone, read by whoever resets.
 *
 * @entries: shared with user space, which may write anything there at any time;
 *	NULL: there is no ring.  Constant
 * @size: how many; a power of two; constant
 * @limit: so many may be in use when the guest is entered; constant
 * @next: (o) how many pages have been written there so far
 * @reset: how many of these have been reset; slots_lock, read by the owner
 * @link: in slat_mmu.rings; slots_lock
 */
struct slat_ring {
	struct kvm_dirty_gfn *entries;
	u32 size;
	u32 limit;
	u32 next;
	u32 reset;
	struct list_head link;
};

int slat_ring_init(struct slat_walker *walker);
void slat_ring_exit(struct slat_walker *walker);
bool slat_ring_push(struct slat_walker *walker, u32 slot, u64 page);
void slat_ring_flush_backlog(struct slat_walker *walker);
struct page *slat_ring_page(const struct slat_walker *walker, unsigned long index);
int slat_mmu_enable_rings(struct slat_mmu *mmu, u64 bytes);
int slat_mmu_reset_rings(struct slat_mmu *mmu);

/* The owner's; what a reset has freed is written only after that. */
static inline u32 slat_ring_used(const struct slat_ring *ring)
{
	/* Pairs with the release in reset_ring(). */
	return ring->next - smp_load_acquire(&ring->reset);
}

/** slat_ring_full() - whether the guest may not be entered; the vCPU's thread */
static inline bool slat_ring_full(const struct slat_ring *ring)
{
	return ring->entries && slat_ring_used(ring) >= ring->limit;
}

#endif /* SLAT_MMU_RING_H */
