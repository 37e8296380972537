// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat/compat.h"
#include "mmu/mmu.h"

/**
 * slat_mmu_create() - the memory of a new VM, which belongs to the caller's mm
 * @hw: the backend
 *
 * Process context of a user.
 *
 * Return: the memory, or an ERR_PTR(): -ENOMEM, -EINTR.
 */
struct slat_mmu *slat_mmu_create(const struct slat_hw_ops *hw)
{
	struct slat_mmu *mmu = kzalloc(sizeof(*mmu), GFP_KERNEL_ACCOUNT);
	int err;

	if (!mmu)
		return ERR_PTR(-ENOMEM);
	err = slat_ptab_init(&mmu->ptab, hw->format(), slat_kick_cpu);
	if (err)
		goto free;

	mmu->hw = hw;
	mmu->mm = current->mm;
	mutex_init(&mmu->slots_lock);
	mt_init_flags(&mmu->by_gfn, MT_FLAGS_USE_RCU | MT_FLAGS_ALLOC_RANGE);
	xa_init(&mmu->by_id);
	INIT_LIST_HEAD(&mmu->rings);
	spin_lock_init(&mmu->backlog_lock);
	mmu->by_hva = RB_ROOT_CACHED;
	mmu->notifier.ops = &slat_mmu_notifier_ops;
	err = mmu_notifier_register(&mmu->notifier, current->mm);
	if (err)
		goto destroy;
	return mmu;

destroy:
	slat_ptab_destroy(&mmu->ptab);
free:
	kfree(mmu);
	return ERR_PTR(err);
}

/**
 * slat_mmu_destroy() - free the memory of a VM that has no walker any more
 * @mmu: the memory
 *
 * Process context.  Notifiers go on until the last callback, which frees what
 * they need, actors and counters among it: nobody waits for a grace period here.
 */
void slat_mmu_destroy(struct slat_mmu *mmu)
{
	slat_mmu_drop_slots(mmu);
	slat_ptab_clear(&mmu->ptab);
	slat_mmu_free_apic(mmu);
	mmu_notifier_put(&mmu->notifier);
}

/**
 * slat_mmu_enter() - about to enter the guest
 * @walker: the vCPU's
 * @root: what to enter with
 *
 * Interrupts off, until after slat_mmu_leave().  A full barrier: look for
 * requests and signals after it.
 *
 * Return: whether to enter; if not, slat_mmu_prepare() is due.
 */
bool slat_mmu_enter(struct slat_walker *walker, u64 *root)
{
	struct slat_mmu *mmu = walker->mmu;

	return slat_ptab_enter(&mmu->ptab, walker->actor, mmu->hw->flush_root, root);
}

/**
 * slat_mmu_leave() - the CPU has left the guest, or will not enter
 * @walker: the vCPU's
 *
 * Interrupts off.
 */
void slat_mmu_leave(struct slat_walker *walker)
{
	slat_actor_leave(walker->actor);
}

/*
 * Calls for each piece of guest memory that one slot backs without a gap and
 * that does not cross a page.
 */
static int access(struct slat_mmu *mmu, u64 gpa, void *data, unsigned int len, bool write)
{
	while (len) {
		unsigned int offset = offset_in_page(gpa);
		unsigned int part = min_t(unsigned int, len, PAGE_SIZE - offset);
		u64 gfn = gpa >> PAGE_SHIFT;
		/* As in slat_mmu_fault(). */
		u64 changes = smp_load_acquire(&mmu->changes);
		struct slat_slot slot;
		void __user *user;

		if (!slat_mmu_find_slot(mmu, gfn, &slot) ||
		    (write && slot.flags & KVM_MEM_READONLY))
			return 1;
		user = (void __user *)(slot.hva + ((gfn - slot.gfn) << PAGE_SHIFT) + offset);
		if (write ? copy_to_user(user, data, part) : copy_from_user(data, user, part)) {
			/* It may be the memory of a slot that has gone by now. */
			if (READ_ONCE(mmu->changes) != changes)
				continue;
			return -EFAULT;
		}
		if (write)
			slat_mmu_mark_dirty(mmu, gfn);
		gpa += part;
		data += part;
		len -= part;
	}
	return 0;
}

/**
 * slat_mmu_read() - read guest memory
 * @mmu: the memory
 * @gpa: from this guest-physical address
 * @data: to here
 * @len: so many bytes
 *
 * Process context of the VM's owner; may sleep.
 *
 * Return: 0; 1 where there is no memory; -EFAULT where its owner has none.
 */
int slat_mmu_read(struct slat_mmu *mmu, u64 gpa, void *data, unsigned int len)
{
	return access(mmu, gpa, data, len, false);
}

/**
 * slat_mmu_write() - write guest memory
 * @mmu: the memory
 * @gpa: to this guest-physical address
 * @data: from here
 * @len: so many bytes
 *
 * As slat_mmu_read(); 1 also for memory that is read-only to the guest.
 */
int slat_mmu_write(struct slat_mmu *mmu, u64 gpa, const void *data, unsigned int len)
{
	return access(mmu, gpa, (void *)data, len, true);
}

#define CMPXCHG_USER(type, user, old, new)				\
	({								\
		type __expected = *(const type *)(old);			\
									\
		__try_cmpxchg_user((type __user *)(user), &__expected,	\
				   *(const type *)(new), fault_##type); \
	})

static int cmpxchg_user(void __user *user, const void *old, const void *new, unsigned int len)
{
	int ret;	/* -EFAULT, or whether it has changed */

	switch (len) {
	case 1:
		ret = CMPXCHG_USER(u8, user, old, new);
		break;
	case 2:
		ret = CMPXCHG_USER(u16, user, old, new);
		break;
	case 4:
		ret = CMPXCHG_USER(u32, user, old, new);
		break;
	case 8:
		ret = CMPXCHG_USER(u64, user, old, new);
		break;
	default:
		return -EOPNOTSUPP;
	}
	return ret > 0 ? -EAGAIN : ret;
}

/**
 * slat_mmu_cmpxchg() - replace guest memory if it has not changed
 * @mmu: the memory
 * @gpa: at this guest-physical address, naturally aligned
 * @old: what is expected there
 * @new: what to write
 * @len: 1, 2, 4 or 8
 *
 * Process context of the VM's owner; may sleep.
 *
 * Return: 0; -EAGAIN: it has changed; 1: there is no memory, or it is read-only
 * to the guest; -EFAULT: its owner has none; -EOPNOTSUPP: not of this length.
 */
int slat_mmu_cmpxchg(struct slat_mmu *mmu, u64 gpa, const void *old, const void *new,
		     unsigned int len)
{
	u64 gfn = gpa >> PAGE_SHIFT;
	struct slat_slot slot;
	int ret;

	if (!slat_mmu_find_slot(mmu, gfn, &slot) || slot.flags & KVM_MEM_READONLY)
		return 1;
	ret = cmpxchg_user((void __user *)(slot.hva + ((gfn - slot.gfn) << PAGE_SHIFT) +
					   offset_in_page(gpa)), old, new, len);
	if (!ret)
		slat_mmu_mark_dirty(mmu, gfn);
	return ret;
}
