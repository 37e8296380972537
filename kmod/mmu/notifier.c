// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host memory goes away: what the kernel calls before it unmaps, moves, merges
 * or write-protects pages of the VM's owner.
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "mmu/mmu.h"

static struct slat_mmu *to_mmu(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct slat_mmu, notifier);
}

/* The guest frames of a slot that a range of host addresses backs. */
static void slot_gfns(const struct slat_slot *slot, unsigned long start, unsigned long last,
		      u64 *first_gfn, u64 *last_gfn)
{
	unsigned long slot_last = slot->by_hva.last;

	start = max(start, slot->hva);
	last = min(last, slot_last);
	*first_gfn = slot->gfn + ((start - slot->hva) >> PAGE_SHIFT);
	*last_gfn = slot->gfn + ((last - slot->hva) >> PAGE_SHIFT);
}

static struct slat_slot *to_slot(struct interval_tree_node *node)
{
	return container_of(node, struct slat_slot, by_hva);
}

/*
 * Never fails and never sleeps, as the range may not be blockable.  Even where
 * it finds nothing it waits: another mutator may have removed the translation
 * and not waited yet.
 */
static int invalidate_range_start(struct mmu_notifier *notifier,
				  const struct mmu_notifier_range *range)
{
	struct slat_mmu *mmu = to_mmu(notifier);
	unsigned long last = range->end - 1;
	struct interval_tree_node *node;
	struct slat_batch batch;

	spin_lock(&mmu->ptab.lock);
	slat_inval_begin(&mmu->inval, range->start, last);
	spin_unlock(&mmu->ptab.lock);
	slat_epochs_pass(&mmu->ptab.epochs);

	slat_batch_begin(&batch, &mmu->ptab);
	for (node = interval_tree_iter_first(&mmu->by_hva, range->start, last); node;
	     node = interval_tree_iter_next(node, range->start, last)) {
		u64 first_gfn, last_gfn;

		slot_gfns(to_slot(node), range->start, last, &first_gfn, &last_gfn);
		slat_ptab_unlink(&batch, first_gfn, last_gfn, ULONG_MAX);
	}
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
	return 0;
}

static void invalidate_range_end(struct mmu_notifier *notifier,
				 const struct mmu_notifier_range *range)
{
	struct slat_mmu *mmu = to_mmu(notifier);

	spin_lock(&mmu->ptab.lock);
	slat_inval_end(&mmu->inval);
	spin_unlock(&mmu->ptab.lock);
}

/* The callers hold the lock of the host's page table: look, change, return. */
static int age(struct slat_mmu *mmu, unsigned long start, unsigned long end, bool clear)
{
	struct interval_tree_node *node;
	bool used = false;

	spin_lock(&mmu->ptab.lock);
	for (node = interval_tree_iter_first(&mmu->by_hva, start, end - 1); node;
	     node = interval_tree_iter_next(node, start, end - 1)) {
		u64 first_gfn, last_gfn;

		slot_gfns(to_slot(node), start, end - 1, &first_gfn, &last_gfn);
		used |= slat_ptab_age(&mmu->ptab, first_gfn, last_gfn, clear);
	}
	spin_unlock(&mmu->ptab.lock);
	return used;
}

static int clear_flush_young(struct mmu_notifier *notifier, struct mm_struct *mm,
			     unsigned long start, unsigned long end)
{
	return age(to_mmu(notifier), start, end, true);
}

static int clear_young(struct mmu_notifier *notifier, struct mm_struct *mm,
		       unsigned long start, unsigned long end)
{
	return age(to_mmu(notifier), start, end, true);
}

static int test_young(struct mmu_notifier *notifier, struct mm_struct *mm,
		      unsigned long address)
{
	return age(to_mmu(notifier), address, address + 1, false);
}

/* The owner's address space ends, and with it all memory: nothing comes back. */
static void release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	slat_mmu_zap_all(to_mmu(notifier));
}

static void free_notifier(struct mmu_notifier *notifier)
{
	struct slat_mmu *mmu = to_mmu(notifier);

	slat_ptab_destroy(&mmu->ptab);
	kfree(mmu);
}

const struct mmu_notifier_ops slat_mmu_notifier_ops = {
	.invalidate_range_start = invalidate_range_start,
	.invalidate_range_end = invalidate_range_end,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = release,
	.free_notifier = free_notifier,
};
