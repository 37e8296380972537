// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings.
 *
 * A page's bit is set while an entry of some ring tells of it, from its first write
 * until user space resets the entry: pages are told once.  An entry is:
 *
 *	flags		written by
 *	0		nobody: not in use
 *	DIRTY		its vCPU, after slot and offset (release)
 *	RESET		user space, when it has read them
 *	0		a reset, which takes the bit, and then makes the leaf clean
 *
 * What user space makes of slot and offset is its own affair: a reset takes the bit
 * of any page that is logged.
 *
 * What is written with no vCPU at hand, or when its ring is full, is in the log's
 * backlog until a vCPU has room.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "mmu/mmu.h"

/*
 * Entries that are free when the guest is entered: what a CPU logs in one stay, and
 * some faults and writes of the module.
 */
#define CPU_LOG		512
#define RESERVED	64

static u32 reserved(const struct slat_mmu *mmu)
{
	return RESERVED + (mmu->ptab.format->logs ? CPU_LOG : 0);
}

/**
 * slat_mmu_enable_rings() - KVM_CAP_DIRTY_LOG_RING
 * @mmu: the memory, without vCPUs
 * @bytes: size of each vCPU's ring
 *
 * Process context, no lock held; once.
 *
 * Return: 0; -EINVAL: no such size, or too late: there is a log already; -E2BIG.
 */
int slat_mmu_enable_rings(struct slat_mmu *mmu, u64 bytes)
{
	u64 least = max_t(u64, reserved(mmu) * sizeof(struct kvm_dirty_gfn), PAGE_SIZE);
	int err = -EINVAL;

	if (!is_power_of_2(bytes) || bytes < least)
		return -EINVAL;
	if (bytes > SLAT_RING_MAX * sizeof(struct kvm_dirty_gfn))
		return -E2BIG;
	mutex_lock(&mmu->slots_lock);
	if (!mmu->ring_bytes && !mmu->logged) {
		mmu->ring_bytes = bytes;
		err = 0;
	}
	mutex_unlock(&mmu->slots_lock);
	return err;
}

/**
 * slat_ring_init() - a vCPU's ring, if its VM has such
 * @walker: the vCPU's
 *
 * Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_ring_init(struct slat_walker *walker)
{
	struct slat_mmu *mmu = walker->mmu;
	struct slat_ring *ring = &walker->ring;

	if (!mmu->ring_bytes)
		return 0;
	ring->entries = __vmalloc(mmu->ring_bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!ring->entries)
		return -ENOMEM;
	ring->size = mmu->ring_bytes / sizeof(*ring->entries);
	ring->limit = ring->size - reserved(mmu);
	mutex_lock(&mmu->slots_lock);
	list_add_tail(&ring->link, &mmu->rings);
	mutex_unlock(&mmu->slots_lock);
	return 0;
}

/**
 * slat_ring_exit() - undo slat_ring_init()
 * @walker: the vCPU's, whom nobody runs
 */
void slat_ring_exit(struct slat_walker *walker)
{
	struct slat_ring *ring = &walker->ring;

	if (!ring->entries)
		return;
	mutex_lock(&walker->mmu->slots_lock);
	list_del(&ring->link);
	mutex_unlock(&walker->mmu->slots_lock);
	vfree(ring->entries);
}

/**
 * slat_ring_page() - what user space maps of a ring
 * @walker: the vCPU's
 * @index: number of the page
 *
 * Return: the page, with a reference; NULL: the ring ends before.
 */
struct page *slat_ring_page(const struct slat_walker *walker, unsigned long index)
{
	const struct slat_ring *ring = &walker->ring;
	struct page *page;

	if (!ring->entries || index >= ring->size * sizeof(*ring->entries) / PAGE_SIZE)
		return NULL;
	page = vmalloc_to_page((void *)ring->entries + index * PAGE_SIZE);
	get_page(page);
	return page;
}

/**
 * slat_ring_push() - tell of a page
 * @walker: the caller's
 * @slot: number of its slot
 * @page: the page's in the slot
 *
 * The vCPU's thread, in any section.
 *
 * Return: whether there was room.
 */
bool slat_ring_push(struct slat_walker *walker, u32 slot, u64 page)
{
	struct slat_ring *ring = &walker->ring;
	struct kvm_dirty_gfn *entry = &ring->entries[ring->next & (ring->size - 1)];

	if (slat_ring_used(ring) >= ring->size)
		return false;
	WRITE_ONCE(entry->slot, slot);
	WRITE_ONCE(entry->offset, page);
	WRITE_ONCE(ring->next, ring->next + 1);
	/*
	 * Pairs with what user space does first: it loads the flags, acquire.  Last:
	 * who has found the entry resets it with its next call.
	 */
	smp_store_release(&entry->flags, KVM_DIRTY_GFN_F_DIRTY);
	return true;
}

/* Pushes pages of one word; false: no room for all. */
static bool flush_word(struct slat_walker *walker, const struct slat_slot *slot,
		       unsigned long word)
{
	unsigned long *bits = &slot->dirty->backlog[word], left = xchg(bits, 0);

	for (; left; left &= left - 1) {
		u64 page = word * BITS_PER_LONG + __ffs(left);

		if (slat_ring_full(&walker->ring) || !slat_ring_push(walker, slot->id, page)) {
			atomic_long_or(left, (atomic_long_t *)bits);
			return false;
		}
	}
	return true;
}

static bool flush_slot(struct slat_walker *walker, const struct slat_slot *slot)
{
	struct slat_mmu *mmu = walker->mmu;
	struct slat_dirty *dirty = slot->dirty;
	unsigned long word, end;

	spin_lock(&mmu->backlog_lock);
	word = dirty->backlog_first;
	end = dirty->backlog_end;
	dirty->backlog_first = ULONG_MAX;
	dirty->backlog_end = 0;
	spin_unlock(&mmu->backlog_lock);

	for (; word < end; word++) {
		if (flush_word(walker, slot, word))
			continue;
		slat_dirty_extend_backlog(mmu, dirty, word, end);
		return false;
	}
	return true;
}

static noinline void flush_slots(struct slat_walker *walker)
{
	struct slat_mmu *mmu = walker->mmu;
	struct slat_slot *slot;
	unsigned long id;

	mutex_lock(&mmu->slots_lock);
	/* Full barrier: what is added from here on sets it again. */
	xchg(&mmu->backlog, false);
	xa_for_each(&mmu->by_id, id, slot)
		if (slot->dirty && !flush_slot(walker, slot))
			break;
	mutex_unlock(&mmu->slots_lock);
}

/**
 * slat_ring_flush_backlog() - tell of what has been written with no vCPU at hand
 * @walker: the caller's
 *
 * Process context, the vCPU's thread, OUTSIDE; as far as the guest could be entered
 * with what is in the ring.
 */
void slat_ring_flush_backlog(struct slat_walker *walker)
{
	if (walker->ring.entries && READ_ONCE(walker->mmu->backlog))
		flush_slots(walker);
}

/* Pages of one word of a log, gathered from entries that follow each other. */
struct group {
	struct slat_batch batch;
	u32 slot;
	u64 word;
	unsigned long mask;
};

static void reset_group(struct slat_mmu *mmu, struct group *group)
{
	struct slat_slot *slot;

	if (!group->mask)
		return;
	slot = group->slot < SLAT_SLOTS_MAX ? xa_load(&mmu->by_id, group->slot) : NULL;
	if (slot && slot->dirty && group->word < slot->dirty->words)
		slat_dirty_take_word(&group->batch, slot, group->word, group->mask);
	group->mask = 0;
	cond_resched();
}

static void reset_page(struct slat_mmu *mmu, struct group *group, u32 slot, u64 page)
{
	u64 word = page / BITS_PER_LONG;

	if (slot != group->slot || word != group->word)
		reset_group(mmu, group);
	group->slot = slot;
	group->word = word;
	group->mask |= 1UL << page % BITS_PER_LONG;
}

static int reset_ring(struct slat_mmu *mmu, struct slat_ring *ring, struct group *group)
{
	/* Whatever user space writes beyond is no entry. */
	u32 end = READ_ONCE(ring->next), at;

	for (at = ring->reset; at != end; at++) {
		struct kvm_dirty_gfn *entry = &ring->entries[at & (ring->size - 1)];

		/* Pairs with the release of user space, which has read the entry. */
		if (!(smp_load_acquire(&entry->flags) & KVM_DIRTY_GFN_F_RESET))
			break;
		reset_page(mmu, group, READ_ONCE(entry->slot), READ_ONCE(entry->offset));
		WRITE_ONCE(entry->flags, 0);
	}
	end = at - ring->reset;
	/* The entries are their vCPU's again: pairs with slat_ring_used(). */
	smp_store_release(&ring->reset, at);
	return end;
}

/**
 * slat_mmu_reset_rings() - KVM_RESET_DIRTY_RINGS
 * @mmu: the memory
 *
 * Process context, no lock held.  When it returns, what is written to the pages of
 * the entries that user space has marked is told again.
 *
 * Return: how many entries; -EINVAL: there are no rings.
 */
int slat_mmu_reset_rings(struct slat_mmu *mmu)
{
	struct group group = { .batch.ptab = &mmu->ptab };
	struct slat_ring *ring;
	int count = 0;

	if (!mmu->ring_bytes)
		return -EINVAL;
	mutex_lock(&mmu->slots_lock);
	list_for_each_entry(ring, &mmu->rings, link)
		count += reset_ring(mmu, ring, &group);
	reset_group(mmu, &group);
	slat_batch_commit(&group.batch);
	mutex_unlock(&mmu->slots_lock);
	return count;
}
