// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a second-level fault becomes a translation, without a lock.
 *
 * The host page is looked up first, which may sleep; then one HOST section
 * checks that it still is the right one, and installs it.  Who takes it away
 * meanwhile either is seen by these checks, or waits for the section to end
 * and removes what it installed.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/cpu.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <asm/cpufeature.h>

#include "compat/compat.h"
#include "mmu/mmu.h"

/**
 * struct fault - one fault, while it is handled
 * @slot: copy of the slot that backs the frame
 * @changes: slat_mmu.changes before the slot was looked up
 * @seq: slat_inval sample from before the host page was looked up
 * @gfn: the guest frame
 * @hva: where its owner has it
 * @access: what the guest wants
 * @page: the host page, with a reference; NULL for what has no struct page
 * @pfn: its number
 * @writable: the host may write to it
 */
struct fault {
	struct slat_slot slot;
	u64 changes;
	unsigned long seq;
	u64 gfn;
	unsigned long hva;
	u32 access;
	struct page *page;
	u64 pfn;
	bool writable;
};

/**
 * slat_mmu_prepare() - what an entry needs and cannot allocate
 * @walker: the vCPU's
 *
 * Process context of the VM's owner.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_mmu_prepare(struct slat_walker *walker)
{
	return slat_ptab_get_root(&walker->mmu->ptab);
}

/* Whether a huge executable page can hang the CPU, and its owner minds. */
static bool itlb_multihit(void)
{
	return boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) && !cpu_mitigations_off();
}

/* Not a device's: the zero page is reserved, but memory. */
static bool pfn_is_ram(u64 pfn)
{
	return pfn_valid(pfn) && (is_zero_pfn(pfn) || !PageReserved(pfn_to_page(pfn)));
}

/* Ordinary memory; may sleep. */
static int get_page_of(struct fault *fault)
{
	bool may_write = !(fault->slot.flags & KVM_MEM_READONLY);
	bool write = fault->access & SLAT_ACCESS_WRITE;
	long got;

	/* Writable where that costs nothing: spares a second fault. */
	if (may_write && get_user_pages_fast_only(fault->hva, 1, FOLL_WRITE, &fault->page) == 1) {
		fault->writable = true;
		return 0;
	}
	got = get_user_pages_unlocked(fault->hva, 1, &fault->page,
				      FOLL_HWPOISON | (write ? FOLL_WRITE : 0));
	fault->writable = write;
	return got == 1 ? 0 : got ?: -EFAULT;
}

static int get_host_page(struct fault *fault)
{
	int err = get_page_of(fault);

	if (!err) {
		fault->pfn = page_to_pfn(fault->page);
		return 0;
	}
	if (err != -EFAULT)
		return err;
	fault->page = NULL;
	return slat_follow_pfn(current->mm, fault->hva, fault->access & SLAT_ACCESS_WRITE,
			       &fault->pfn, &fault->writable);
}

/**
 * slat_mmu_leaf_level() - the largest leaf that maps what the host maps
 * @mmu: the memory
 * @slot: what backs the frame; the leaf maps nothing outside it
 * @gfn: a guest frame of the slot
 *
 * Process context of the VM's owner, or a HOST section of its vCPU.  A
 * snapshot, unless the caller knows that no notifier runs.
 *
 * Return: its level.
 */
unsigned int slat_mmu_leaf_level(const struct slat_mmu *mmu, const struct slat_slot *slot,
				 u64 gfn)
{
	unsigned long hva = slot->hva + ((gfn - slot->gfn) << PAGE_SHIFT);
	unsigned int level = min(slat_host_level(mmu->mm, hva), mmu->ptab.format->largest);

	for (; level > 1; level--) {
		u64 mask = slat_level_mask(level);

		if (((slot->hva >> PAGE_SHIFT ^ slot->gfn) & mask) ||
		    (gfn & ~mask) < slot->gfn || (gfn | mask) >= slot->gfn + slot->pages)
			continue;
		break;
	}
	return level;
}

static u32 leaf_access(const struct slat_mmu *mmu, const struct fault *fault,
		       unsigned int *level)
{
	u32 access = SLAT_ACCESS_READ | SLAT_ACCESS_EXEC;
	bool write = fault->access & SLAT_ACCESS_WRITE;

	/* A logged page becomes writable only by being written, or the CPU logs that. */
	if (fault->writable) {
		if (write || !fault->slot.dirty)
			access |= SLAT_ACCESS_WRITE;
		else if (mmu->ptab.format->logs)
			access |= SLAT_ACCESS_WRITE | SLAT_ACCESS_LOGGED;
	}

	if (*level > 1 && itlb_multihit()) {
		if (fault->access & SLAT_ACCESS_EXEC)
			*level = 1;
		else
			access &= ~SLAT_ACCESS_EXEC;
	}
	return access;
}

/* One HOST section; nothing if the host page may be another one by now. */
static void install(struct slat_walker *walker, struct fault *fault)
{
	struct slat_mmu *mmu = walker->mmu;
	unsigned int level;
	u32 access;

	slat_actor_host_begin(walker->actor);
	if (READ_ONCE(mmu->changes) != fault->changes ||
	    slat_inval_retry(&mmu->inval, fault->seq, fault->hva)) {
		slat_stat_inc(mmu->ptab.stats, SLAT_STAT_FAULT_RETRIES);
		goto end;
	}

	/* After the checks, so that the host's mapping is stable. */
	level = fault->slot.dirty || !fault->page ? 1 :
		slat_mmu_leaf_level(mmu, &fault->slot, fault->gfn);
	access = leaf_access(mmu, fault, &level);
	if (slat_ptab_install(&mmu->ptab, &walker->cache, fault->gfn, fault->pfn, level,
			      access, pfn_is_ram(fault->pfn)) == SLAT_INSTALLED &&
	    access & SLAT_ACCESS_WRITE) {
		if (fault->slot.dirty && !(access & SLAT_ACCESS_LOGGED))
			slat_mmu_note_write(walker, &fault->slot, fault->gfn);
		if (fault->page)
			SetPageDirty(fault->page);
	}
end:
	slat_actor_host_end(walker->actor);
}

/**
 * slat_mmu_fault() - the guest needs a translation
 * @walker: the vCPU's
 * @gpa: for this guest-physical address
 * @access: SLAT_ACCESS_*
 *
 * Process context of the VM's owner, OUTSIDE; may sleep.
 *
 * Return: 0: enter again, the access may still fault; 1: there is no memory,
 * or it is read-only to the guest; -EFAULT: its owner has none; -EINTR,
 * -EAGAIN: a signal came first, which may say that the page is broken; -ENOMEM.
 */
int slat_mmu_fault(struct slat_walker *walker, u64 gpa, u32 access)
{
	struct slat_mmu *mmu = walker->mmu;
	struct fault fault = { .gfn = gpa >> PAGE_SHIFT, .access = access };
	int err;

	slat_stat_inc(mmu->ptab.stats, SLAT_STAT_FAULTS);
	err = slat_ptab_fill_cache(&mmu->ptab, &walker->cache);
	if (err)
		return err;

	/* Before the slot: pairs with the release in slat_mmu_publish(). */
	fault.changes = smp_load_acquire(&mmu->changes);
	if (!slat_mmu_find_slot(mmu, fault.gfn, &fault.slot)) {
		if (!slat_mmu_apic_shows(mmu, fault.gfn))
			return 1;
		fault.seq = slat_inval_sample(&mmu->inval);
		fault.pfn = __pa(mmu->apic_page) >> PAGE_SHIFT;
		fault.writable = true;
		install(walker, &fault);
		return 0;
	}
	if (access & SLAT_ACCESS_WRITE && fault.slot.flags & KVM_MEM_READONLY)
		return 1;

	fault.hva = fault.slot.hva + ((fault.gfn - fault.slot.gfn) << PAGE_SHIFT);
	fault.seq = slat_inval_sample(&mmu->inval);
	err = get_host_page(&fault);
	if (err == -EHWPOISON) {
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)fault.hva, PAGE_SHIFT, current);
		return -EINTR;
	}
	/* It may be the memory of a slot that has gone by now, and needs none. */
	if (err)
		return READ_ONCE(mmu->changes) == fault.changes ? err : 0;
	install(walker, &fault);
	if (fault.page)
		put_page(fault.page);
	return 0;
}
