// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a second-level fault becomes a translation, without a lock.
 *
 * Host pages are looked up first, which may sleep; then one HOST section checks
 * that they still are the right ones, and installs them.  Who takes one away
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
#include "mmu/fault.h"

/* Pages that faults which come one after the other map at once, at most. */
#define WINDOW_PAGES	16U

/* By how much a window grows from one such fault to the next. */
#define WINDOW_GROWTH	4

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

static unsigned long hva_of(const struct slat_fault *fault, u64 gfn)
{
	return fault->slot.hva + ((gfn - fault->slot.gfn) << PAGE_SHIFT);
}

/* What the host has mapped of these; false: not the frame itself. */
static bool get_present(struct slat_fault *fault, u64 first, unsigned int count, bool write)
{
	int got = get_user_pages_fast_only(hva_of(fault, first), count, write ? FOLL_WRITE : 0,
					   fault->pages);

	fault->first = first;
	fault->count = max(got, 0);
	fault->writable = write;
	if (fault->gfn < first + fault->count)
		return true;
	slat_fault_put_pages(fault);
	return false;
}

/* Ordinary memory; may sleep. */
static int get_pages(struct slat_fault *fault, u64 first, unsigned int count)
{
	bool may_write = !(fault->slot.flags & KVM_MEM_READONLY);
	bool write = fault->access & SLAT_ACCESS_WRITE;
	long got;

	/* Writable where that costs nothing: spares a second fault. */
	if ((may_write && get_present(fault, first, count, true)) ||
	    (!write && get_present(fault, first, count, false)))
		return 0;
	/* What is not there yet comes with the frame itself, and after it. */
	count = fault->populate ? first + count - fault->gfn : 1;
	got = get_user_pages_unlocked(hva_of(fault, fault->gfn), count, fault->pages,
				      FOLL_HWPOISON | (write ? FOLL_WRITE : 0));
	if (got <= 0)
		return got ?: -EFAULT;
	fault->first = fault->gfn;
	fault->count = got;
	fault->writable = write;
	return 0;
}

/**
 * slat_fault_get_pages() - look up the host pages of a fault
 * @fault: looked up by slat_fault_find_slot()
 * @first: first frame to map with it, if the host has its page at hand
 * @count: how many of them, the fault's own among them; as many fit @fault->pages
 *
 * Process context of the VM's owner; may sleep.
 *
 * Return: 0: the fault's own and maybe others, slat_fault_put_pages() is due;
 * -EFAULT: its owner has none; -EHWPOISON: it is broken; -EINTR, -EAGAIN: a signal
 * came first.
 */
int slat_fault_get_pages(struct slat_fault *fault, u64 first, unsigned int count)
{
	int err = get_pages(fault, first, count);

	if (err != -EFAULT)
		return err;
	fault->count = 0;
	return slat_follow_pfn(current->mm, hva_of(fault, fault->gfn),
			       fault->access & SLAT_ACCESS_WRITE, &fault->pfn,
			       &fault->writable);
}

/**
 * slat_fault_put_pages() - undo slat_fault_get_pages()
 * @fault: installed or given up
 */
void slat_fault_put_pages(struct slat_fault *fault)
{
	while (fault->count)
		put_page(fault->pages[--fault->count]);
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

static u32 leaf_access(const struct slat_mmu *mmu, const struct slat_fault *fault,
		       unsigned int *level)
{
	u32 access = SLAT_ACCESS_READ | SLAT_ACCESS_EXEC;
	bool written = fault->access & SLAT_ACCESS_WRITE && !fault->populate;

	/* A logged page becomes writable only by being written, or the CPU logs that. */
	if (fault->writable) {
		if (written || !fault->slot.dirty)
			access |= SLAT_ACCESS_WRITE;
		else if (mmu->ptab.format->logs)
			access |= SLAT_ACCESS_WRITE | SLAT_ACCESS_LOGGED;
		/* Only of what the host takes away before it changes it, see rewrite.c. */
		if (fault->count)
			access |= SLAT_ACCESS_HOST_WRITE;
	}
	if (fault->populate)
		access |= SLAT_ACCESS_NOT_YET;

	if (*level > 1 && itlb_multihit()) {
		if (fault->access & SLAT_ACCESS_EXEC)
			*level = 1;
		else
			access &= ~SLAT_ACCESS_EXEC;
	}
	return access;
}

/* In a HOST section. */
static enum slat_install install(struct slat_walker *walker, const struct slat_fault *fault,
				 u64 gfn, struct page *page, unsigned int level, u32 access)
{
	struct slat_mmu *mmu = walker->mmu;
	u64 pfn = page ? page_to_pfn(page) : fault->pfn;
	enum slat_install result;

	result = slat_ptab_install(&mmu->ptab, &walker->cache, gfn, pfn, level, access,
				   pfn_is_ram(pfn));
	if (result == SLAT_INSTALLED && access & SLAT_ACCESS_WRITE) {
		if (fault->slot.dirty && !(access & SLAT_ACCESS_LOGGED))
			slat_mmu_note_write(walker, &fault->slot, gfn);
		if (page)
			SetPageDirty(page);
	}
	return result;
}

/* The others of its window, which nobody has asked for; in the same HOST section. */
static void install_others(struct slat_walker *walker, const struct slat_fault *fault, u32 access)
{
	u64 gfn = fault->first;
	unsigned int i;

	for (i = 0; i < fault->count; i++, gfn++)
		if (gfn != fault->gfn &&
		    install(walker, fault, gfn, fault->pages[i], 1,
			    access | SLAT_ACCESS_NOT_YET) == SLAT_NO_TABLE)
			break;
}

/**
 * slat_fault_install() - map what has been looked up, if it is still the same
 * @walker: whose cache slat_ptab_fill_cache() has filled
 * @fault: with its pages; those of one table
 *
 * OUTSIDE; one HOST section.
 *
 * Return: the level of the fault's own leaf; 0: nothing is mapped, the host pages may
 * be others by now.
 */
unsigned int slat_fault_install(struct slat_walker *walker, const struct slat_fault *fault)
{
	struct slat_mmu *mmu = walker->mmu;
	unsigned int level = 0;
	u64 first = fault->gfn, last = fault->gfn;
	struct page *page = NULL;
	u32 access;

	if (fault->count) {
		first = fault->first;
		last = first + fault->count - 1;
		page = fault->pages[fault->gfn - first];
	}

	slat_actor_host_begin(walker->actor);
	if (READ_ONCE(mmu->changes) != fault->changes ||
	    slat_inval_retry_range(&mmu->inval, fault->seq, hva_of(fault, first),
				   hva_of(fault, last))) {
		slat_stat_inc(mmu->ptab.stats, SLAT_STAT_FAULT_RETRIES);
		goto end;
	}

	/* After the checks, so that the host's mapping is stable. */
	level = fault->slot.dirty || !page ? 1 :
		slat_mmu_leaf_level(mmu, &fault->slot, fault->gfn);
	access = leaf_access(mmu, fault, &level);
	install(walker, fault, fault->gfn, page, level, access);
	if (level == 1 && first != last)
		install_others(walker, fault, access);
end:
	slat_actor_host_end(walker->actor);
	return level;
}

/**
 * slat_fault_find_slot() - what backs a frame
 * @walker: who wants it mapped
 * @fault: its gfn filled in; the slot and what to check later are
 *
 * Process context, OUTSIDE; may sleep.
 *
 * Return: 0: slat_fault_get_pages() is next; -ENOENT: there is no slot, if
 * slat_gate_same(); -EINTR: the caller is about to die.
 */
int slat_fault_find_slot(struct slat_walker *walker, struct slat_fault *fault)
{
	struct slat_mmu *mmu = walker->mmu;
	int err = slat_gate_sample(mmu, &fault->changes);

	if (err)
		return err;
	if (!slat_mmu_find_slot(mmu, fault->gfn, &fault->slot))
		return -ENOENT;
	fault->seq = slat_inval_sample(&mmu->inval);
	return 0;
}

static int fault_on_apic(struct slat_walker *walker, struct slat_fault *fault)
{
	struct slat_mmu *mmu = walker->mmu;

	if (!slat_mmu_apic_shows(mmu, fault->gfn))
		return slat_gate_same(mmu, fault->changes);
	fault->seq = slat_inval_sample(&mmu->inval);
	fault->slot = (struct slat_slot) { };
	fault->pfn = __pa(mmu->apic_page) >> PAGE_SHIFT;
	fault->writable = true;
	slat_fault_install(walker, fault);
	return 0;
}

/*
 * How many pages to map around a frame: more with each fault next to where the last
 * one has been.  Of a logged slot each page is written for itself.
 */
static unsigned int window_of(const struct slat_walker *walker, const struct slat_fault *fault)
{
	if (fault->slot.dirty || !walker->around.pages ||
	    (fault->gfn != walker->around.end && fault->gfn + 1 != walker->around.first))
		return 1;
	return min(walker->around.pages * WINDOW_GROWTH, WINDOW_PAGES);
}

/*
 * Looks up the frame and its window, an aligned one as far as it lies ahead: what is
 * behind has just been mapped, and would be looked up in vain.
 */
static int get_window(const struct slat_walker *walker, struct slat_fault *fault,
		      unsigned int pages)
{
	const struct slat_slot *slot = &fault->slot;
	u64 first = fault->gfn & ~(u64)(pages - 1), end = first + pages;

	if (fault->gfn == walker->around.end)
		first = fault->gfn;
	else
		end = fault->gfn + 1;
	first = max(first, slot->gfn);
	end = min(end, slot->gfn + slot->pages);
	return slat_fault_get_pages(fault, first, end - first);
}

static void install_window(struct slat_walker *walker, const struct slat_fault *fault,
			   unsigned int pages)
{
	if (!slat_fault_install(walker, fault))
		return;
	walker->around.pages = pages;
	walker->around.first = fault->count ? fault->first : fault->gfn;
	walker->around.end = walker->around.first + max(fault->count, 1U);
}

/* Looks the frame up and maps it; apart, as it takes room on the stack. */
static noinline_for_stack int map_frame(struct slat_walker *walker, u64 gpa, u32 access)
{
	struct slat_mmu *mmu = walker->mmu;
	struct page *pages[WINDOW_PAGES];
	struct slat_fault fault;
	unsigned int window;
	int err;

	err = slat_ptab_fill_cache(&mmu->ptab, &walker->cache);
	if (err)
		return err;

	slat_fault_init(&fault, gpa >> PAGE_SHIFT, access, pages);
	err = slat_fault_find_slot(walker, &fault);
	if (err == -ENOENT)
		return fault_on_apic(walker, &fault);
	if (err)
		return err;
	if (access & SLAT_ACCESS_WRITE && fault.slot.flags & KVM_MEM_READONLY)
		return slat_gate_same(mmu, fault.changes);

	window = window_of(walker, &fault);
	err = get_window(walker, &fault, window);
	if (err == -EHWPOISON) {
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)hva_of(&fault, fault.gfn),
				PAGE_SHIFT, current);
		return -EINTR;
	}
	/* It may be the memory of a slot that has gone by now, and needs none. */
	if (err)
		return slat_gate_same(mmu, fault.changes) ? err : 0;
	install_window(walker, &fault, window);
	slat_fault_put_pages(&fault);
	return 0;
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

	slat_stat_inc(mmu->ptab.stats, SLAT_STAT_FAULTS);
	if (access & SLAT_ACCESS_WRITE && READ_ONCE(mmu->logged) && !mmu->ptab.format->logs &&
	    slat_mmu_rewrite(walker, gpa >> PAGE_SHIFT, access))
		return 0;
	return map_frame(walker, gpa, access);
}
