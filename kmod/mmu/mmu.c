// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

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
	init_waitqueue_head(&mmu->opened);
	slat_slotmap_init(&mmu->by_gfn);
	xa_init(&mmu->by_id);
	INIT_LIST_HEAD(&mmu->rings);
	spin_lock_init(&mmu->backlog_lock);
	mmu->by_hva = RB_ROOT_CACHED;
	mmu->notifier.ops = &slat_mmu_notifier_ops;
	err = mmu_notifier_register(&mmu->notifier, current->mm);
	if (err)
		goto destroy;
	slat_shrink_add(mmu);
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
	slat_shrink_remove(mmu);
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
