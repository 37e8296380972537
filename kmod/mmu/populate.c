// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping a range before the guest asks for it: as faults would, many pages at a
 * time, and huge leaves where the host has huge pages.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "mmu/fault.h"

/* Pages that one HOST section maps at most; naturally aligned, so those of one table. */
#define BATCH_PAGES	64U

static unsigned int batch_of(const struct slat_mmu *mmu, const struct slat_fault *fault, u64 end)
{
	const struct slat_slot *slot = &fault->slot;
	u64 first = fault->gfn;

	/* One page stands for all that is mapped with it. */
	if (slat_mmu_leaf_level(mmu, slot, first) > 1 && !slot->dirty)
		return 1;
	end = min3(end, slot->gfn + slot->pages, (first | (BATCH_PAGES - 1)) + 1);
	return end - first;
}

/* Returns the frame to go on with, 0: the same; or -errno. */
static s64 populate(struct slat_walker *walker, u64 gfn, u64 end, bool write)
{
	struct slat_mmu *mmu = walker->mmu;
	struct page *pages[BATCH_PAGES];
	struct slat_fault fault;
	unsigned int level;
	u64 next;
	int err;

	err = slat_mmu_prepare(walker) ?: slat_ptab_fill_cache(&mmu->ptab, &walker->cache);
	if (err)
		return err;
	slat_fault_init(&fault, gfn, SLAT_ACCESS_READ, pages);
	fault.populate = true;
	err = slat_fault_find_slot(walker, &fault);
	if (err)
		return err == -ENOENT && !slat_gate_same(mmu, fault.changes) ? 0 : err;
	if (write && !(fault.slot.flags & KVM_MEM_READONLY))
		fault.access |= SLAT_ACCESS_WRITE;

	err = slat_fault_get_pages(&fault, gfn, batch_of(mmu, &fault, end));
	if (err)
		return slat_gate_same(mmu, fault.changes) ? err : 0;
	next = gfn + max(fault.count, 1U);
	level = slat_fault_install(walker, &fault);
	slat_fault_put_pages(&fault);
	if (!level)
		return 0;
	return level > 1 ? (gfn | slat_level_mask(level)) + 1 : next;
}

static int populate_range(struct slat_walker *walker, struct slat_populate *range, bool write)
{
	u64 gfn = range->gpa >> PAGE_SHIFT, end = gfn + (range->size >> PAGE_SHIFT);
	u64 first = gfn;
	s64 next = 0;

	while (gfn < end && next >= 0) {
		if (signal_pending(current)) {
			next = -EINTR;
			break;
		}
		next = populate(walker, gfn, end, write);
		if (next > 0)
			gfn = min_t(u64, next, end);
		cond_resched();
	}
	range->gpa = gfn << PAGE_SHIFT;
	range->size = (end - gfn) << PAGE_SHIFT;
	/* Who calls again learns what is wrong with the rest. */
	return next < 0 && gfn == first ? next : 0;
}

/**
 * slat_walker_populate() - SLAT_POPULATE, KVM_PRE_FAULT_MEMORY
 * @walker: who maps
 * @user: struct slat_populate, which has the layout of struct kvm_pre_fault_memory
 * @flags: those that there are
 *
 * Process context of the VM's owner, OUTSIDE; may sleep.
 *
 * Return: 0: some of it is mapped, @user says what is left; or nothing is, and -EINTR:
 * a signal came; -ENOENT: no slot backs it; -EFAULT: its owner has no memory there, or
 * @user is none; -EHWPOISON: it is broken; -EINVAL; -ENOMEM.
 */
long slat_walker_populate(struct slat_walker *walker, void __user *user, u64 flags)
{
	struct slat_populate range;
	int err;

	if (copy_from_user(&range, user, sizeof(range)))
		return -EFAULT;
	if (range.flags & ~flags || memchr_inv(range.reserved, 0, sizeof(range.reserved)) ||
	    !PAGE_ALIGNED(range.gpa) || !PAGE_ALIGNED(range.size) ||
	    range.gpa + range.size <= range.gpa)
		return -EINVAL;
	err = populate_range(walker, &range, range.flags & SLAT_POPULATE_WRITE);
	return copy_to_user(user, &range, sizeof(range)) ? -EFAULT : err;
}

/**
 * slat_mmu_populate() - SLAT_POPULATE on a VM
 * @mmu: its memory
 * @user: struct slat_populate
 *
 * As slat_walker_populate().
 */
long slat_mmu_populate(struct slat_mmu *mmu, void __user *user)
{
	struct slat_walker walker;
	long ret = slat_walker_init(&walker, mmu);

	if (ret)
		return ret;
	ret = slat_walker_populate(&walker, user, SLAT_POPULATE_WRITE);
	slat_walker_exit(&walker);
	return ret;
}
