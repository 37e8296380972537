// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots: which guest frames are backed, and by what.
 *
 * A slot is constant.  A change publishes what is new, lets every walker that
 * may have looked up what was there pass, and only then removes translations:
 * from there on nobody installs one that comes from the old slot.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mmu/mmu.h"

#define FLAGS	(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)

static u64 slot_last(const struct slat_slot *slot)
{
	return slot->gfn + slot->pages - 1;
}

/* Also for the slot's replacement that never was one. */
static void slot_free(struct slat_slot *slot)
{
	slat_dirty_put(slot->dirty);
	kfree(slot);
}

static void slot_free_callback(struct rcu_head *rcu)
{
	slot_free(container_of(rcu, struct slat_slot, rcu));
}

static void link_hva(struct slat_mmu *mmu, struct slat_slot *slot)
{
	spin_lock(&mmu->ptab.lock);
	interval_tree_insert(&slot->by_hva, &mmu->by_hva);
	spin_unlock(&mmu->ptab.lock);
}

static void unlink_hva(struct slat_mmu *mmu, struct slat_slot *slot)
{
	spin_lock(&mmu->ptab.lock);
	interval_tree_remove(&slot->by_hva, &mmu->by_hva);
	spin_unlock(&mmu->ptab.lock);
}

/**
 * slat_mmu_publish() - what backs a guest frame has changed
 * @mmu: the memory
 *
 * Process context, under slots_lock, after the change, so that who reads the count
 * first sees it; a full barrier, as the walkers that are passed next are those that
 * saw neither.  When it returns, nobody installs what was there before.
 */
void slat_mmu_publish(struct slat_mmu *mmu)
{
	/* Pairs with the acquire in slat_mmu_fault(). */
	smp_store_release(&mmu->changes, mmu->changes + 1);
	slat_epochs_pass(&mmu->ptab.epochs);
}

/* What is logged of a slot is looked up there too, until its translations have gone. */
static void set_leaving(struct slat_mmu *mmu, struct slat_slot *slot)
{
	WRITE_ONCE(mmu->leaving, slot);
	smp_wmb();	/* then it leaves by_gfn: pairs with slat_mmu_note_writes() */
}

/* The slot is in no lookup any more, and none of its translations is used. */
static void retire(struct slat_mmu *mmu, struct slat_slot *slot)
{
	WRITE_ONCE(mmu->leaving, NULL);
	if (slot->dirty)
		slat_mmu_logging_ends(mmu);
	unlink_hva(mmu, slot);
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
	slot = mtree_load(&mmu->by_gfn, gfn);
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

/* What the ABI allows a region to be, whatever slots there are. */
static int check_region(struct slat_mmu *mmu, const struct kvm_userspace_memory_region *region)
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

static struct slat_slot *slot_make(struct slat_mmu *mmu,
				   const struct kvm_userspace_memory_region *region,
				   const struct slat_slot *old)
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
	if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES) {
		if (old && old->dirty) {
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
	}
	return slot;
}

/* Whether a slot other than OLD backs one of these frames. */
static bool overlaps(struct slat_mmu *mmu, const struct slat_slot *slot,
		     const struct slat_slot *old)
{
	unsigned long index = slot->gfn;
	struct slat_slot *other;

	while ((other = mt_find(&mmu->by_gfn, &index, slot_last(slot))))
		if (other != old)
			return true;
	return false;
}

static int store(struct slat_mmu *mmu, const struct slat_slot *range, struct slat_slot *slot,
		 gfp_t gfp)
{
	return mtree_store_range(&mmu->by_gfn, range->gfn, slot_last(range), slot, gfp);
}

/* No change to a fault: where there was no slot it has nothing to install. */
static int slot_create(struct slat_mmu *mmu, struct slat_slot *slot)
{
	int err = xa_err(xa_store(&mmu->by_id, slot->id, slot, GFP_KERNEL_ACCOUNT));

	if (err)
		return err;
	/* Before a fault can map it: from then on its memory may go away. */
	link_hva(mmu, slot);
	err = store(mmu, slot, slot, GFP_KERNEL_ACCOUNT);
	if (err) {
		unlink_hva(mmu, slot);
		xa_erase(&mmu->by_id, slot->id);
	}
	return err;
}

static int slot_delete(struct slat_mmu *mmu, struct slat_slot *old)
{
	int err;

	set_leaving(mmu, old);
	err = store(mmu, old, NULL, GFP_KERNEL_ACCOUNT);
	if (err) {
		WRITE_ONCE(mmu->leaving, NULL);
		return err;
	}
	xa_erase(&mmu->by_id, old->id);
	slat_mmu_publish(mmu);
	slat_mmu_zap_range(mmu, old->gfn, slot_last(old));
	retire(mmu, old);
	return 0;
}

/* Same frames, same memory, other flags. */
static int slot_reflag(struct slat_mmu *mmu, struct slat_slot *old, struct slat_slot *slot)
{
	int err = store(mmu, slot, slot, GFP_KERNEL_ACCOUNT);

	if (err)
		return err;
	xa_store(&mmu->by_id, slot->id, slot, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	link_hva(mmu, slot);
	slat_mmu_publish(mmu);
	if (slot->dirty && !old->dirty)
		slat_mmu_start_log(mmu, slot);
	else if (old->dirty && !slot->dirty)
		slat_mmu_zap_split(mmu, slot);
	retire(mmu, old);
	return 0;
}

/* Same memory, other frames, which may overlap the old ones. */
static int slot_move(struct slat_mmu *mmu, struct slat_slot *old, struct slat_slot *slot)
{
	int err;

	set_leaving(mmu, old);
	err = store(mmu, old, NULL, GFP_KERNEL_ACCOUNT);
	if (err)
		goto stay;
	/* As in slot_create(). */
	link_hva(mmu, slot);
	err = store(mmu, slot, slot, GFP_KERNEL_ACCOUNT);
	if (err) {
		unlink_hva(mmu, slot);
		store(mmu, old, old, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
		goto stay;
	}
	xa_store(&mmu->by_id, slot->id, slot, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	slat_mmu_publish(mmu);
	slat_mmu_zap_range(mmu, old->gfn, slot_last(old));
	retire(mmu, old);
	return 0;

stay:
	WRITE_ONCE(mmu->leaving, NULL);
	return err;
}

static int replace(struct slat_mmu *mmu, struct slat_slot *old,
		   const struct kvm_userspace_memory_region *region)
{
	struct slat_slot *slot;
	int err;

	slot = slot_make(mmu, region, old);
	if (!slot)
		return -ENOMEM;
	if (overlaps(mmu, slot, old))
		err = -EEXIST;
	else if (!old)
		err = slot_create(mmu, slot);
	else if (old->gfn != slot->gfn)
		err = slot_move(mmu, old, slot);
	else
		err = slot_reflag(mmu, old, slot);
	if (!err) {
		slat_mmu_cover_apic(mmu, slot);
		return 0;
	}
	if (slot->dirty)
		slat_mmu_logging_ends(mmu);
	slot_free(slot);
	return err;
}

/**
 * slat_mmu_set_region() - KVM_SET_USER_MEMORY_REGION
 * @mmu: the memory
 * @region: what the slot is to be; size 0: gone
 *
 * Process context of the VM's owner.  When it returns, no vCPU uses anything
 * that the slot was before.  Other slots keep their translations.
 *
 * Return: 0; -EINVAL: the ABI does not allow it; -EEXIST: the frames belong to
 * another slot; -ENOMEM: nothing has changed.
 */
int slat_mmu_set_region(struct slat_mmu *mmu, const struct kvm_userspace_memory_region *region)
{
	struct slat_slot *old;
	int err = check_region(mmu, region);

	if (err)
		return err;

	mutex_lock(&mmu->slots_lock);
	old = xa_load(&mmu->by_id, region->slot);
	if (!region->memory_size)
		err = old ? slot_delete(mmu, old) : -EINVAL;
	else if (!old)
		err = replace(mmu, NULL, region);
	else if (old->pages != region->memory_size >> PAGE_SHIFT ||
		 old->hva != region->userspace_addr ||
		 (old->flags ^ region->flags) & KVM_MEM_READONLY)
		err = -EINVAL;
	else if (old->gfn != region->guest_phys_addr >> PAGE_SHIFT ||
		 old->flags != region->flags)
		err = replace(mmu, old, region);
	mutex_unlock(&mmu->slots_lock);
	return err;
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
		retire(mmu, slot);
	xa_destroy(&mmu->by_id);
	mtree_destroy(&mmu->by_gfn);
}
