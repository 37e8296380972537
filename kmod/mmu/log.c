// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading which pages have been written.
 *
 *	KVM_GET_DIRTY_LOG	takes all bits; with manual protection, reads them
 *	KVM_CLEAR_DIRTY_LOG	takes those that the caller names
 *	SLAT_PEEK_DIRTY		takes all bits and keeps what it took: an epoch
 *	SLAT_COMMIT_DIRTY	forgets it
 *	SLAT_ABORT_DIRTY	sets these bits again
 *
 * Bits first, then the leaves: a page whose leaf is dirty has its bit set, or is
 * about to.  In the other order a write in between would lose its bit, and go on
 * unnoticed.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mmu/mmu.h"

/* Words that are taken in one batch. */
#define WORDS	(SLAT_ZAP_BUDGET / BITS_PER_LONG)

/**
 * slat_mmu_manual_protect() - KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2
 * @mmu: the memory
 * @options: KVM_DIRTY_LOG_*
 *
 * Process context, no lock held.
 *
 * Return: 0; -EINVAL: there is no such option, or not alone.
 */
int slat_mmu_manual_protect(struct slat_mmu *mmu, u64 options)
{
	u64 allowed = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

	if (options & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE)
		allowed |= KVM_DIRTY_LOG_INITIALLY_SET;
	if (options & ~allowed)
		return -EINVAL;
	mutex_lock(&mmu->slots_lock);
	mmu->manual_protect = options;
	mutex_unlock(&mmu->slots_lock);
	return 0;
}

/* Under slots_lock; an ERR_PTR() as the calls return it. */
static struct slat_slot *logged_slot(struct slat_mmu *mmu, u32 id)
{
	struct slat_slot *slot;

	if (id >= SLAT_SLOTS_MAX)
		return ERR_PTR(-EINVAL);
	slot = xa_load(&mmu->by_id, id);
	return slot && slot->dirty ? slot : ERR_PTR(-ENOENT);
}

/*
 * All that the guest has written so far has its bit set afterwards: what CPUs have
 * logged and keep until they leave it, and a leaf that a fault has just made.
 */
static void drain(struct slat_mmu *mmu)
{
	if (slat_mmu_logs(mmu))
		slat_mmu_expel(mmu);
	else
		slat_epochs_pass(&mmu->ptab.epochs);
}

static unsigned long take_word(unsigned long *word)
{
	return READ_ONCE(*word) ? xchg(word, 0) : 0;
}

/* Those of the bits that are asked for. */
static unsigned long take_of_word(unsigned long *word, unsigned long mask)
{
	if (!(READ_ONCE(*word) & mask))
		return 0;
	return mask & atomic_long_fetch_andnot(mask, (atomic_long_t *)word);
}

/*
 * Takes bits of words from @first on, those that are set in @bits if @masked, which
 * then has what was taken.  The leaves are clean when the batch is committed.
 */
static void take(struct slat_batch *batch, const struct slat_slot *slot, unsigned long first,
		 unsigned long *bits, unsigned long words, bool masked)
{
	unsigned long *log = &slot->dirty->bits[first], any = 0, i;

	for (i = 0; i < words; i++) {
		bits[i] = masked ? take_of_word(&log[i], bits[i]) : take_word(&log[i]);
		any |= bits[i];
	}
	if (!any)
		return;
	slat_batch_begin(batch, batch->ptab);
	slat_ptab_clean_bits(batch, slot->gfn + first * BITS_PER_LONG, bits, words);
	slat_batch_seal(batch);
}

/**
 * slat_dirty_take_word() - pages of one word are clean again
 * @batch: of the caller's, with its tables; to be committed
 * @slot: logged
 * @word: which word of its log, within its length
 * @mask: which of its pages
 *
 * Process context, under slots_lock.
 */
void slat_dirty_take_word(struct slat_batch *batch, const struct slat_slot *slot,
			  unsigned long word, unsigned long mask)
{
	take(batch, slot, word, &mask, 1, true);
}

static void take_all(struct slat_mmu *mmu, const struct slat_slot *slot, unsigned long first,
		     unsigned long *bits, unsigned long words, bool masked)
{
	struct slat_batch batch = { .ptab = &mmu->ptab };
	unsigned long i, part;

	for (i = 0; i < words; i += part) {
		part = min(words - i, (unsigned long)WORDS);
		take(&batch, slot, first + i, bits + i, part, masked);
		cond_resched();
	}
	/* Before anybody reads what was written through these leaves. */
	slat_batch_commit(&batch);
}

static void give_back(struct slat_dirty *dirty, const unsigned long *bits)
{
	unsigned long i;

	for (i = 0; i < dirty->words; i++)
		if (bits[i])
			atomic_long_or(bits[i], (atomic_long_t *)&dirty->bits[i]);
}

static unsigned long *alloc_bits(const struct slat_dirty *dirty)
{
	return kvmalloc_array(dirty->words, sizeof(unsigned long), GFP_KERNEL_ACCOUNT);
}

static size_t bytes(const struct slat_dirty *dirty)
{
	return dirty->words * sizeof(unsigned long);
}

/* Nothing is taken. */
static int show_log(struct slat_mmu *mmu, const struct slat_dirty *dirty, void __user *user)
{
	drain(mmu);
	/* Bits that are set meanwhile are in it, or in the next one. */
	return data_race(copy_to_user(user, dirty->bits, bytes(dirty))) ? -EFAULT : 0;
}

static int get_log(struct slat_mmu *mmu, const struct slat_slot *slot, void __user *user)
{
	struct slat_dirty *dirty = slot->dirty;
	unsigned long *bits;
	int err = 0;

	if (mmu->manual_protect)
		return show_log(mmu, dirty, user);
	bits = alloc_bits(dirty);
	if (!bits)
		return -ENOMEM;
	drain(mmu);
	take_all(mmu, slot, 0, bits, dirty->words, false);
	if (copy_to_user(user, bits, bytes(dirty))) {
		give_back(dirty, bits);
		err = -EFAULT;
	}
	kvfree(bits);
	return err;
}

/**
 * slat_mmu_get_dirty_log() - KVM_GET_DIRTY_LOG
 * @mmu: the memory
 * @log: which slot, and where to write its bitmap
 *
 * Process context, no lock held.
 *
 * Return: 0; -EINVAL: no such slot number; -ENOENT: no such slot, or not
 * logged; -ENXIO: there are rings instead; -ENOMEM; -EFAULT: the bits that could not
 * be written are set again.
 */
int slat_mmu_get_dirty_log(struct slat_mmu *mmu, const struct kvm_dirty_log *log)
{
	struct slat_slot *slot;
	int err;

	if (mmu->ring_bytes)
		return -ENXIO;
	mutex_lock(&mmu->slots_lock);
	slot = logged_slot(mmu, log->slot);
	err = IS_ERR(slot) ? PTR_ERR(slot) : get_log(mmu, slot, log->dirty_bitmap);
	mutex_unlock(&mmu->slots_lock);
	return err;
}

static int clear_log(struct slat_mmu *mmu, const struct slat_slot *slot,
		     const struct kvm_clear_dirty_log *log)
{
	u64 first = log->first_page, pages = log->num_pages, words;
	unsigned long *bits;

	/* To the end of the slot, or of a word. */
	if (first > slot->pages || pages > slot->pages - first ||
	    (pages < slot->pages - first && pages % 64))
		return -EINVAL;
	words = BITS_TO_LONGS(pages);
	if (!words)
		return 0;
	bits = kvmalloc_array(words, sizeof(*bits), GFP_KERNEL_ACCOUNT);
	if (!bits)
		return -ENOMEM;
	if (copy_from_user(bits, log->dirty_bitmap, words * sizeof(*bits))) {
		kvfree(bits);
		return -EFAULT;
	}
	/* Where the log began full, nobody has done it. */
	if (mmu->manual_protect & KVM_DIRTY_LOG_INITIALLY_SET)
		slat_mmu_split(mmu, slot->gfn + first, slot->gfn + first + pages - 1);
	take_all(mmu, slot, first / BITS_PER_LONG, bits, words, true);
	kvfree(bits);
	return 0;
}

/**
 * slat_mmu_clear_dirty_log() - KVM_CLEAR_DIRTY_LOG
 * @mmu: the memory
 * @log: which pages are clean now, and are to be told of when they are written
 *
 * Process context, no lock held.
 *
 * Return: 0; -EINVAL: no such slot number, or not such pages; -ENOENT: no such
 * slot, or not logged; -ENXIO: there are rings instead; -ENOMEM; -EFAULT.
 */
int slat_mmu_clear_dirty_log(struct slat_mmu *mmu, const struct kvm_clear_dirty_log *log)
{
	struct slat_slot *slot;
	int err;

	if (mmu->ring_bytes)
		return -ENXIO;
	if (log->slot >= SLAT_SLOTS_MAX || log->first_page % 64)
		return -EINVAL;
	mutex_lock(&mmu->slots_lock);
	slot = logged_slot(mmu, log->slot);
	err = IS_ERR(slot) ? PTR_ERR(slot) : clear_log(mmu, slot, log);
	mutex_unlock(&mmu->slots_lock);
	return err;
}

static int peek(struct slat_mmu *mmu, const struct slat_slot *slot,
		struct slat_dirty_epoch *epoch, struct slat_dirty_epoch __user *user)
{
	struct slat_dirty *dirty = slot->dirty;
	unsigned long *bits, i;

	if (dirty->peeked)
		return -EBUSY;
	bits = alloc_bits(dirty);
	if (!bits)
		return -ENOMEM;
	drain(mmu);
	take_all(mmu, slot, 0, bits, dirty->words, false);
	epoch->pages = 0;
	for (i = 0; i < dirty->words; i++)
		epoch->pages += hweight_long(bits[i]);
	if (copy_to_user(u64_to_user_ptr(epoch->bitmap), bits, bytes(dirty)) ||
	    copy_to_user(user, epoch, sizeof(*epoch))) {
		give_back(dirty, bits);
		kvfree(bits);
		return -EFAULT;
	}
	dirty->peeked = bits;
	return 0;
}

/**
 * slat_mmu_peek_dirty() - SLAT_PEEK_DIRTY
 * @mmu: the memory
 * @epoch: the caller's, a copy
 * @user: where it is
 *
 * Process context, no lock held.
 *
 * Return: 0; -EBUSY: the slot has an open epoch already; -EINVAL, -ENOENT, -ENXIO,
 * -ENOMEM, -EFAULT as slat_mmu_get_dirty_log(): there is no epoch then, and no bit is lost.
 */
int slat_mmu_peek_dirty(struct slat_mmu *mmu, struct slat_dirty_epoch *epoch,
			struct slat_dirty_epoch __user *user)
{
	struct slat_slot *slot;
	int err;

	if (mmu->ring_bytes)
		return -ENXIO;
	mutex_lock(&mmu->slots_lock);
	slot = logged_slot(mmu, epoch->slot);
	err = IS_ERR(slot) ? PTR_ERR(slot) : peek(mmu, slot, epoch, user);
	mutex_unlock(&mmu->slots_lock);
	return err;
}

/**
 * slat_mmu_end_dirty() - SLAT_COMMIT_DIRTY, SLAT_ABORT_DIRTY
 * @mmu: the memory
 * @epoch: of which slot
 * @abort: its bits are set again
 *
 * Process context, no lock held.
 *
 * Return: 0; -EINVAL: no such slot number; -ENOENT: no such slot, or no epoch.
 */
int slat_mmu_end_dirty(struct slat_mmu *mmu, const struct slat_dirty_epoch *epoch, bool abort)
{
	struct slat_slot *slot;
	int err = 0;

	mutex_lock(&mmu->slots_lock);
	slot = logged_slot(mmu, epoch->slot);
	if (IS_ERR(slot)) {
		err = PTR_ERR(slot);
	} else if (!slot->dirty->peeked) {
		err = -ENOENT;
	} else {
		if (abort)
			give_back(slot->dirty, slot->dirty->peeked);
		kvfree(slot->dirty->peeked);
		slot->dirty->peeked = NULL;
	}
	mutex_unlock(&mmu->slots_lock);
	return err;
}
