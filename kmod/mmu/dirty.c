// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of a slot have been written: a bitmap a slot.
 *
 * A page is clean while its bit is not set: its leaf is then read-only, or where
 * the CPU logs writes, not dirty.  Its first write is noticed:
 *
 *	a fault			makes the leaf writable, and dirty; then sets the bit
 *	the CPU			makes the leaf dirty and logs the page; the bit is set
 *				before its actor's word says that it has left
 *
 * Who takes bits (log.c) then makes the leaves clean, then waits: each write is
 * either in memory when the call returns, or has its bit set again.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "mmu/mmu.h"

/**
 * slat_dirty_alloc() - a bitmap, as a new log has it
 * @mmu: the memory
 * @pages: its length
 *
 * Process context, under slots_lock.
 *
 * Return: the bitmap with one reference, NULL without memory.
 */
struct slat_dirty *slat_dirty_alloc(struct slat_mmu *mmu, u64 pages)
{
	unsigned long words = BITS_TO_LONGS(pages);
	struct slat_dirty *dirty;

	dirty = kvzalloc(struct_size(dirty, bits, words), GFP_KERNEL_ACCOUNT);
	if (!dirty)
		return NULL;
	refcount_set(&dirty->refs, 1);
	dirty->words = words;
	dirty->backlog_first = ULONG_MAX;
	if (mmu->ring_bytes) {
		dirty->backlog = kvcalloc(words, sizeof(unsigned long), GFP_KERNEL_ACCOUNT);
		if (!dirty->backlog) {
			kvfree(dirty);
			return NULL;
		}
		return dirty;
	}
	if (mmu->manual_protect & KVM_DIRTY_LOG_INITIALLY_SET)
		bitmap_set(dirty->bits, 0, pages);
	return dirty;
}

/**
 * slat_dirty_put() - drop a reference, if there is one
 * @dirty: the bitmap, or NULL
 */
void slat_dirty_put(struct slat_dirty *dirty)
{
	if (!dirty || !refcount_dec_and_test(&dirty->refs))
		return;
	kvfree(dirty->peeked);
	kvfree(dirty->backlog);
	kvfree(dirty);
}

/**
 * slat_dirty_final() - all that nobody has been told for good
 * @dirty: the bitmap of a slot that is gone: nobody writes to it any more
 *
 * Process context, under slots_lock.
 *
 * Return: a bit a page, those of an open epoch among them.
 */
const unsigned long *slat_dirty_final(struct slat_dirty *dirty)
{
	unsigned long i;

	for (i = 0; dirty->peeked && i < dirty->words; i++)
		dirty->bits[i] |= dirty->peeked[i];
	return dirty->bits;
}

/**
 * slat_dirty_extend_backlog() - there may be pages in some words of a backlog
 * @mmu: the memory
 * @dirty: whose
 * @first: the first word
 * @end: after the last one
 *
 * A thread, in any section, after the words have been written.
 */
void slat_dirty_extend_backlog(struct slat_mmu *mmu, struct slat_dirty *dirty,
			       unsigned long first, unsigned long end)
{
	spin_lock(&mmu->backlog_lock);
	dirty->backlog_first = min(dirty->backlog_first, first);
	dirty->backlog_end = max(dirty->backlog_end, end);
	spin_unlock(&mmu->backlog_lock);
	/* Pairs with the xchg() in flush_slots(). */
	smp_store_release(&mmu->backlog, true);
}

/* The page's bit has just been set; some ring tells of it, now or later. */
static void tell(struct slat_mmu *mmu, struct slat_walker *walker, const struct slat_slot *slot,
		 u64 page)
{
	unsigned long word = page / BITS_PER_LONG;

	if (walker && slat_ring_push(walker, slot->id, page))
		return;
	set_bit_le(page, slot->dirty->backlog);
	slat_dirty_extend_backlog(mmu, slot->dirty, word, word + 1);
}

/*
 * A bit that is set need not be set again: who takes it afterwards finds the write,
 * or the leaf that it went through, which has been made before the bit is read here.
 */
static void mark(struct slat_mmu *mmu, struct slat_walker *walker, const struct slat_slot *slot,
		 u64 gfn)
{
	u64 page;

	if (!slot || !slot->dirty)
		return;
	page = gfn - slot->gfn;
	if (page >= slot->pages || test_bit_le(page, slot->dirty->bits))
		return;
	if (!mmu->ring_bytes)
		set_bit_le(page, slot->dirty->bits);
	else if (!test_and_set_bit_le(page, slot->dirty->bits))
		tell(mmu, walker, slot, page);
}

/**
 * slat_mmu_mark_dirty() - a page has been written, not by the guest itself
 * @mmu: the memory
 * @gfn: the guest frame
 *
 * Any context but NMI, after the write: who takes the bit next reads it.
 */
void slat_mmu_mark_dirty(struct slat_mmu *mmu, u64 gfn)
{
	smp_mb();	/* the write, then the bit: pairs with who takes it, in log.c */
	rcu_read_lock();
	mark(mmu, NULL, slat_slotmap_find(&mmu->by_gfn, gfn), gfn);
	rcu_read_unlock();
}

/**
 * slat_mmu_note_write() - a fault has made a leaf dirty
 * @walker: the vCPU's
 * @slot: which maps the page, or a copy
 * @gfn: the guest frame
 *
 * In the HOST section that has made it, by a full barrier.
 */
void slat_mmu_note_write(struct slat_walker *walker, const struct slat_slot *slot, u64 gfn)
{
	mark(walker->mmu, walker, slot, gfn);
}

/**
 * slat_mmu_note_writes() - what a CPU has logged
 * @walker: the vCPU's
 * @gpas: guest-physical addresses
 * @count: how many
 *
 * INSIDE, after the guest was left: who waits until the word says so finds it
 * noted.
 */
void slat_mmu_note_writes(struct slat_walker *walker, const u64 *gpas, unsigned int count)
{
	struct slat_mmu *mmu = walker->mmu;
	const struct slat_slot *slot = NULL;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < count; i++) {
		u64 gfn = gpas[i] >> PAGE_SHIFT;

		/* Most are in the slot of the one before. */
		if (!slot || gfn - slot->gfn >= slot->pages)
			slot = slat_slotmap_find(&mmu->by_gfn, gfn);
		mark(mmu, walker, slot, gfn);
	}
	rcu_read_unlock();
}

/**
 * slat_mmu_logging_begins() - there is going to be one more slot that is logged
 * @mmu: the memory
 *
 * Process context, under slots_lock, before a fault finds the slot.  When it
 * returns, all who are in the guest log what they write, where they can: no leaf
 * of the slot may be one that is theirs to log before that.
 */
void slat_mmu_logging_begins(struct slat_mmu *mmu)
{
	WRITE_ONCE(mmu->logged, mmu->logged + 1);
	if (mmu->logged == 1 && mmu->ptab.format->logs)
		slat_mmu_expel(mmu);
}

/**
 * slat_mmu_logging_ends() - undo slat_mmu_logging_begins()
 * @mmu: the memory
 *
 * Process context, under slots_lock or without walkers.
 */
void slat_mmu_logging_ends(struct slat_mmu *mmu)
{
	WRITE_ONCE(mmu->logged, mmu->logged - 1);
}

/**
 * slat_mmu_start_log() - what is mapped of a slot is clean, from now on
 * @mmu: the memory
 * @slot: published, with its bitmap
 *
 * Process context, under slots_lock.  Where all bits are set already there is
 * nothing to do yet: KVM_CLEAR_DIRTY_LOG will.
 */
void slat_mmu_start_log(struct slat_mmu *mmu, const struct slat_slot *slot)
{
	u64 last = slot->gfn + slot->pages - 1;

	if (mmu->manual_protect & KVM_DIRTY_LOG_INITIALLY_SET && !mmu->ring_bytes)
		return;
	/* Here and now, not in a vCPU that writes. */
	slat_mmu_split(mmu, slot->gfn, last);
	slat_mmu_clean(mmu, slot->gfn, last);
}
