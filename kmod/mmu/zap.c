// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking translations away on behalf of the VM's owner, who can wait.
 */
#include <linux/kernel.h>
#include <linux/sched.h>

#include "mmu/mmu.h"

typedef u64 (*mutate_fn)(struct slat_batch *batch, u64 first, u64 last,
			 unsigned long budget);

static void mutate(struct slat_batch *batch, u64 first, u64 last, mutate_fn fn)
{
	struct slat_ptab *ptab = batch->ptab;

	while (first <= last) {
		slat_batch_begin(batch, ptab);
		first = fn(batch, first, last, SLAT_ZAP_BUDGET);
		slat_batch_seal(batch);
		cond_resched();
	}
}

/**
 * slat_mmu_unlink() - slat_ptab_unlink() without a limit
 * @batch: not begun, its tables set; when it returns, sealed
 * @first: first guest frame
 * @last: last one
 *
 * Process context.
 */
void slat_mmu_unlink(struct slat_batch *batch, u64 first, u64 last)
{
	mutate(batch, first, last, slat_ptab_unlink);
}

/**
 * slat_mmu_zap_range() - drop the translations of a range of guest frames
 * @mmu: the memory
 * @first: first guest frame
 * @last: last one
 *
 * Process context, the caller OUTSIDE.  Costs the tables at the range's edges,
 * not its pages.  When it returns, nobody uses a translation of the range that
 * was there before the call.
 */
void slat_mmu_zap_range(struct slat_mmu *mmu, u64 first, u64 last)
{
	struct slat_batch batch = { .ptab = &mmu->ptab };

	slat_mmu_unlink(&batch, first, last);
	slat_batch_commit(&batch);
}

/**
 * slat_mmu_clean() - have the next write to each page of a range noticed
 * @mmu: the memory
 * @first: first guest frame
 * @last: last guest frame
 *
 * As slat_mmu_zap_range(), but for the cost: each translation is looked at.
 */
void slat_mmu_clean(struct slat_mmu *mmu, u64 first, u64 last)
{
	struct slat_batch batch = { .ptab = &mmu->ptab };

	mutate(&batch, first, last, slat_ptab_clean);
	slat_batch_commit(&batch);
}

/**
 * slat_mmu_split() - small leaves for a range, ahead of what needs them
 * @mmu: the memory
 * @first: first guest frame, of a slot that is logged: no huge leaf comes there
 * @last: last guest frame
 *
 * Process context, the caller OUTSIDE.  Without memory for tables some leaves stay
 * huge.
 */
void slat_mmu_split(struct slat_mmu *mmu, u64 first, u64 last)
{
	struct slat_cache cache = { };

	while (first <= last && !slat_ptab_fill_cache(&mmu->ptab, &cache)) {
		spin_lock(&mmu->ptab.lock);
		first = slat_ptab_split(&mmu->ptab, &cache, first, last, SLAT_ZAP_BUDGET);
		spin_unlock(&mmu->ptab.lock);
		cond_resched();
	}
	slat_ptab_drain_cache(&mmu->ptab, &cache);
}

/**
 * slat_mmu_zap_split() - let a slot's huge pages have huge leaves again
 * @mmu: the memory
 * @slot: whose pages were logged one by one
 *
 * Process context of the VM's owner, OUTSIDE.  Drops what maps huge pages of
 * the host by small leaves; pages that are small there keep theirs.
 */
void slat_mmu_zap_split(struct slat_mmu *mmu, const struct slat_slot *slot)
{
	u64 gfn = slot->gfn, last = slot->gfn + slot->pages - 1;
	struct slat_batch batch = { .ptab = &mmu->ptab };
	unsigned int level;

	for (; gfn <= last; gfn = (gfn | slat_level_mask(max(level, 2U))) + 1) {
		level = slat_mmu_leaf_level(mmu, slot, gfn);
		if (level == 1)
			continue;
		slat_batch_begin(&batch, &mmu->ptab);
		slat_ptab_unlink(&batch, gfn, gfn | slat_level_mask(level), ULONG_MAX);
		slat_batch_seal(&batch);
		cond_resched();
	}
	slat_batch_commit(&batch);
}

/**
 * slat_mmu_zap_all() - drop every translation, in constant time
 * @mmu: the memory
 *
 * Process context, the caller OUTSIDE.  What it unlinks becomes the tables of
 * later faults, so that a caller in a loop cannot pile it up.
 */
void slat_mmu_zap_all(struct slat_mmu *mmu)
{
	struct slat_batch batch;

	slat_batch_begin(&batch, &mmu->ptab);
	slat_ptab_drop_root(&batch);
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
}

/**
 * slat_mmu_expel() - make all who are in the guest leave it
 * @mmu: the VM's memory
 *
 * Process context, the caller OUTSIDE.  When it returns, whoever is in the guest
 * has entered it after the call began, and has seen what was stored before: see
 * slat_mmu_enter().
 */
void slat_mmu_expel(struct slat_mmu *mmu)
{
	struct slat_epochs *epochs = &mmu->ptab.epochs;

	slat_epochs_wait(epochs, slat_epochs_bump(epochs));
}
