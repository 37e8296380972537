// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a change of the slots becomes visible: slat_mmu.changes.
 *
 * It counts changes, and is odd while several slots change as one: the gate is
 * closed, and whoever wants to look a slot up waits until it is open.  Guests go
 * on: they reach what does not change, and what does until its translations are
 * gone; nothing new is reached before the gate is open.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/wait.h>

#include "mmu/mmu.h"

static bool open(const struct slat_mmu *mmu)
{
	return !(READ_ONCE(mmu->changes) & 1);
}

/**
 * slat_gate_sample() - about to look a slot up
 * @mmu: the memory
 * @changes: filled in; as long as it is slat_mmu.changes, what is found is right
 *
 * Process context, OUTSIDE; may sleep, killably.  To be compared in the HOST
 * section that relies on what was found, or by slat_gate_same().
 *
 * Return: 0; -EINTR: the caller is about to die.
 */
int slat_gate_sample(struct slat_mmu *mmu, u64 *changes)
{
	for (;;) {
		/* Pairs with the releases in slat_mmu_publish() and slat_gate_open(). */
		*changes = smp_load_acquire(&mmu->changes);
		if (!(*changes & 1))
			return 0;
		if (wait_event_killable(mmu->opened, open(mmu)))
			return -EINTR;
	}
}

/**
 * slat_gate_same() - whether slots looked up since a sample were all of one map
 * @mmu: the memory
 * @changes: from slat_gate_sample()
 *
 * Any context, after slat_mmu_find_slot().
 */
bool slat_gate_same(const struct slat_mmu *mmu, u64 changes)
{
	/* A lookup ends with a read barrier: pairs with the full one in slat_gate_close(). */
	return READ_ONCE(mmu->changes) == changes;
}

/**
 * slat_gate_close() - several slots are about to change
 * @mmu: the memory
 *
 * Process context, under slots_lock, until slat_gate_open(): neither allocate nor
 * touch user memory in between.  When it returns, nobody installs or stores by a
 * slot, until the gate is open.
 */
void slat_gate_close(struct slat_mmu *mmu)
{
	lockdep_assert_held(&mmu->slots_lock);
	WRITE_ONCE(mmu->changes, mmu->changes + 1);
	slat_epochs_pass(&mmu->ptab.epochs);
}

/**
 * slat_gate_open() - they have
 * @mmu: the memory
 */
void slat_gate_open(struct slat_mmu *mmu)
{
	lockdep_assert_held(&mmu->slots_lock);
	/* Pairs with the acquire in slat_gate_sample(). */
	smp_store_release(&mmu->changes, mmu->changes + 1);
	wake_up_all(&mmu->opened);
}

/**
 * slat_mmu_publish() - what backs a guest frame has changed
 * @mmu: the memory
 *
 * Process context, under slots_lock, after the change of one slot, so that who reads
 * the count first sees it; a full barrier, as the walkers that are passed next are
 * those that saw neither.  When it returns, nobody installs what was there before.
 */
void slat_mmu_publish(struct slat_mmu *mmu)
{
	lockdep_assert_held(&mmu->slots_lock);
	/* Pairs with the acquire in slat_gate_sample(). */
	smp_store_release(&mmu->changes, mmu->changes + 2);
	slat_epochs_pass(&mmu->ptab.epochs);
}
