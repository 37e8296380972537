// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages the guest has written: a bitmap a slot, fed by write protection.
 *
 * A page of a logged slot is writable only while its bit is set.  Its first
 * write faults; the fault maps it writable and sets the bit, in this order.
 * Who reads the log takes the bits, then the right to write, then waits: each
 * write is either seen by the owner once the call returns, or has its bit set
 * again.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mmu/mmu.h"

/**
 * slat_dirty_alloc() - a bitmap, all clean
 * @pages: its length
 *
 * Process context.
 *
 * Return: the bitmap with one reference, NULL without memory.
 */
struct slat_dirty *slat_dirty_alloc(u64 pages)
{
	struct slat_dirty *dirty;

	dirty = kvzalloc(struct_size(dirty, bits, BITS_TO_LONGS(pages)), GFP_KERNEL_ACCOUNT);
	if (dirty)
		refcount_set(&dirty->refs, 1);
	return dirty;
}

/**
 * slat_dirty_put() - drop a reference, if there is one
 * @dirty: the bitmap, or NULL
 */
void slat_dirty_put(struct slat_dirty *dirty)
{
	if (dirty && refcount_dec_and_test(&dirty->refs))
		kvfree(dirty);
}

/**
 * slat_mmu_mark_dirty() - a page has been written, not by the guest itself
 * @mmu: the memory
 * @gfn: the guest frame
 *
 * Any context but NMI.
 */
void slat_mmu_mark_dirty(struct slat_mmu *mmu, u64 gfn)
{
	struct slat_slot *slot;

	rcu_read_lock();
	slot = mtree_load(&mmu->by_gfn, gfn);
	if (slot && slot->dirty)
		set_bit_le(gfn - slot->gfn, slot->dirty->bits);
	rcu_read_unlock();
}

/* Takes the set bits of a word and makes the pages read-only; still writable
 * in TLBs until the batch is committed.
 */
static unsigned long take_word(struct slat_batch *batch, const struct slat_slot *slot,
			       unsigned long word)
{
	unsigned long bits = xchg(&slot->dirty->bits[word], 0);
	u64 gfn = slot->gfn + word * BITS_PER_LONG;

	if (bits)
		slat_ptab_write_protect(batch, gfn + __ffs(bits), gfn + __fls(bits), ULONG_MAX);
	return bits;
}

/**
 * slat_mmu_get_dirty_log() - KVM_GET_DIRTY_LOG
 * @mmu: the memory
 * @log: which slot, and where to write its bitmap
 *
 * Process context, no lock held.
 *
 * Return: 0; -EINVAL: no such slot number; -ENOENT: no such slot, or not
 * logged; -ENOMEM; -EFAULT: the bits that could not be written are set again.
 */
int slat_mmu_get_dirty_log(struct slat_mmu *mmu, const struct kvm_dirty_log *log)
{
	struct slat_batch batch;
	struct slat_slot *slot;
	unsigned long words, i;
	unsigned long *bits;
	int err = -ENOENT;

	if (log->slot >= SLAT_SLOTS_MAX)
		return -EINVAL;

	mutex_lock(&mmu->slots_lock);
	slot = xa_load(&mmu->by_id, log->slot);
	if (!slot || !slot->dirty)
		goto unlock;
	words = BITS_TO_LONGS(slot->pages);
	bits = kvmalloc_array(words, sizeof(*bits), GFP_KERNEL_ACCOUNT);
	err = -ENOMEM;
	if (!bits)
		goto unlock;

	for (i = 0; i < words;) {
		unsigned long stop = min(words, i + SLAT_ZAP_BUDGET / BITS_PER_LONG);

		slat_batch_begin(&batch, &mmu->ptab);
		for (; i < stop; i++)
			bits[i] = take_word(&batch, slot, i);
		slat_batch_seal(&batch);
		cond_resched();
	}
	slat_batch_commit(&batch);

	err = 0;
	if (copy_to_user(log->dirty_bitmap, bits, words * sizeof(*bits))) {
		for (i = 0; i < words; i++)
			if (bits[i])
				atomic_long_or(bits[i], (atomic_long_t *)&slot->dirty->bits[i]);
		err = -EFAULT;
	}
	kvfree(bits);
unlock:
	mutex_unlock(&mmu->slots_lock);
	return err;
}
