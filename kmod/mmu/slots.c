// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots: which guest frames are backed, and by what.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mmu/mmu.h"
#include "mmu/slots.h"

#define FLAGS	(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)

/**
 * slat_slot_make() - a slot that is nowhere yet
 * @mmu: of this memory, its slots_lock held
 * @region: what it is to be
 * @old: the slot with its number, or NULL
 * @log_goes_on: what has been written to @old counts for it as well
 *
 * Process context.
 *
 * Return: the slot; NULL without memory.
 */
struct slat_slot *slat_slot_make(struct slat_mmu *mmu, const struct slat_memory_region *region,
				 const struct slat_slot *old, bool log_goes_on)
{
	struct slat_slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	slot->gfn = region->guest_phys_addr >> PAGE_SHIFT;
	slot->pages = region->memory_size >> PAGE_SHIFT;
	slot->hva = region->userspace_addr;
	slot->id = region->slot;
	slot->flags = region->flags;
	slot->by_hva.start = slot->hva;
	slot->by_hva.last = slot->hva + region->memory_size - 1;
	if (!(slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
		return slot;
	if (log_goes_on) {
		slot->dirty = old->dirty;
		refcount_inc(&slot->dirty->refs);
	} else {
		slot->dirty = slat_dirty_alloc(mmu, slot->pages);
		if (!slot->dirty) {
			kfree(slot);
			return NULL;
		}
	}
	slat_mmu_logging_begins(mmu);
	return slot;
}

static void slot_free(struct slat_slot *slot)
{
	slat_dirty_put(slot->dirty);
	kfree(slot);
}

static void slot_free_callback(struct rcu_head *rcu)
{
	slot_free(container_of(rcu, struct slat_slot, rcu));
}

/**
 * slat_slot_unmake() - undo slat_slot_make()
 * @mmu: the memory, its slots_lock held
 * @slot: never published
 */
void slat_slot_unmake(struct slat_mmu *mmu, struct slat_slot *slot)
{
	if (slot->dirty)
		slat_mmu_logging_ends(mmu);
	slot_free(slot);
}

/**
 * slat_slot_link() - let notifiers find a slot
 * @mmu: the memory
 * @slot: about to be published: from then on its memory may go away
 */
void slat_slot_link(struct slat_mmu *mmu, struct slat_slot *slot)
{
	spin_lock(&mmu->ptab.lock);
	interval_tree_insert(&slot->by_hva, &mmu->by_hva);
	spin_unlock(&mmu->ptab.lock);
}

/**
 * slat_slot_retire() - undo slat_slot_link() and free
 * @mmu: the memory
 * @slot: in no lookup any more, and none of its translations is used
 */
void slat_slot_retire(struct slat_mmu *mmu, struct slat_slot *slot)
{
	if (slot->dirty)
		slat_mmu_logging_ends(mmu);
	spin_lock(&mmu->ptab.lock);
	interval_tree_remove(&slot->by_hva, &mmu->by_hva);
	spin_unlock(&mmu->ptab.lock);
	call_rcu(&slot->rcu, slot_free_callback);
}

/**
 * slat_mmu_find_slot() - which slot backs a guest frame
 * @mmu: the memory
 * @gfn: the guest frame
 * @copy: filled in, but for what links the slot, which others change
 *
 * Any context but NMI.  The slot may be replaced at any time; what is in the
 * copy is not kept.
 *
 * Return: whether there is one.
 */
bool slat_mmu_find_slot(struct slat_mmu *mmu, u64 gfn, struct slat_slot *copy)
{
	struct slat_slot *slot;

	rcu_read_lock();
	slot = slat_slotmap_find(&mmu->by_gfn, gfn);
	if (slot)
		*copy = (struct slat_slot) {
			.gfn = slot->gfn,
			.pages = slot->pages,
			.hva = slot->hva,
			.id = slot->id,
			.flags = slot->flags,
			.dirty = slot->dirty,
		};
	rcu_read_unlock();
	return slot;
}

/**
 * slat_slot_check() - what the ABI allows a region to be, whatever slots there are
 * @mmu: the memory
 * @region: the region
 *
 * Return: 0 or -EINVAL.
 */
int slat_slot_check(const struct slat_mmu *mmu, const struct slat_memory_region *region)
{
	u64 size = region->memory_size, end;

	if (region->flags & ~FLAGS || region->slot >= SLAT_SLOTS_MAX)
		return -EINVAL;
	if (!PAGE_ALIGNED(region->guest_phys_addr) || !PAGE_ALIGNED(size) ||
	    !PAGE_ALIGNED(region->userspace_addr))
		return -EINVAL;
	if (size >> PAGE_SHIFT > INT_MAX)
		return -EINVAL;
	if (check_add_overflow(region->guest_phys_addr, size, &end) ||
	    end > BIT_ULL(mmu->ptab.format->phys_bits))
		return -EINVAL;
	if (!access_ok((void __user *)(unsigned long)region->userspace_addr, size))
		return -EINVAL;
	return 0;
}

/**
 * slat_slot_gap() - what lies around a slot and belongs to nobody
 * @mmu: the memory, under slots_lock
 * @slot: published
 * @first: filled in: the lowest guest frame that no other slot backs from here on
 * @last: filled in: the highest one
 *
 * Neither is where the registers of APICs are, unless the slot is.
 */
void slat_slot_gap(const struct slat_mmu *mmu, struct slat_slot *slot, u64 *first, u64 *last)
{
	struct slat_slot *prev = slat_slotmap_prev(slot), *next = slat_slotmap_next(slot);

	*first = prev ? slat_slot_last(prev) + 1 : 0;
	*last = next ? next->gfn - 1 :
		       (BIT_ULL(mmu->ptab.format->phys_bits) >> PAGE_SHIFT) - 1;
	if (!mmu->apic_page)
		return;
	if (*first <= SLAT_APIC_GFN && SLAT_APIC_GFN < slot->gfn)
		*first = SLAT_APIC_GFN + 1;
	if (*last >= SLAT_APIC_GFN && SLAT_APIC_GFN > slat_slot_last(slot))
		*last = SLAT_APIC_GFN - 1;
}

/**
 * slat_mmu_drop_slots() - the VM is going away: no slot any more
 * @mmu: the memory, without walkers
 *
 * Process context.
 */
void slat_mmu_drop_slots(struct slat_mmu *mmu)
{
	struct slat_slot *slot;
	unsigned long id;

	xa_for_each(&mmu->by_id, id, slot)
		slat_slot_retire(mmu, slot);
	xa_destroy(&mmu->by_id);
	slat_slotmap_init(&mmu->by_gfn);
}
