// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the kernel maps a user's memory, where its own answer is not exported or
 * has changed its name.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>

#include "compat/compat.h"

#ifdef SLAT_HAVE_FOLLOW_PFNMAP
static int follow(struct vm_area_struct *vma, unsigned long hva, u64 *pfn, bool *writable)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = hva };
	int err = follow_pfnmap_start(&args);

	if (err)
		return err;
	*pfn = args.pfn;
	*writable = args.writable;
	follow_pfnmap_end(&args);
	return 0;
}
#else
static int follow(struct vm_area_struct *vma, unsigned long hva, u64 *pfn, bool *writable)
{
	spinlock_t *lock;	/* of the page table */
	pte_t *pte;
	int err = follow_pte(vma->vm_mm, hva, &pte, &lock);

	if (err)
		return err;
	__acquire(lock);	/* which is not annotated there */
	*pfn = pte_pfn(*pte);
	*writable = pte_write(*pte);
	pte_unmap_unlock(pte, lock);
	return 0;
}
#endif

/**
 * slat_follow_pfn() - the host page of a mapping that has no struct pages
 * @mm: the caller's
 * @hva: where it is mapped
 * @write: it is going to be written to
 * @pfn: the host page
 * @writable: whether the mapping allows writes
 *
 * Process context; may sleep.  The page is what it is only while no notifier
 * has said otherwise.
 *
 * Return: 0; -EFAULT where there is no such mapping.
 */
int slat_follow_pfn(struct mm_struct *mm, unsigned long hva, bool write, u64 *pfn,
		    bool *writable)
{
	unsigned int flags = write ? FAULT_FLAG_WRITE : 0;
	struct vm_area_struct *vma;
	bool unlocked = false;
	int err = -EFAULT;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, hva);
	if (!vma || !(vma->vm_flags & (VM_IO | VM_PFNMAP)))
		goto unlock;
	err = follow(vma, hva, pfn, writable);
	if (err || (write && !*writable)) {
		err = fixup_user_fault(mm, hva, flags, &unlocked);
		/* The mapping may have changed while the lock was dropped. */
		vma = err ? NULL : vma_lookup(mm, hva);
		err = vma && vma->vm_flags & (VM_IO | VM_PFNMAP) ?
		      follow(vma, hva, pfn, writable) : -EFAULT;
	}
	if (!err && write && !*writable)
		err = -EFAULT;
unlock:
	mmap_read_unlock(mm);
	return err ? -EFAULT : 0;
}

static unsigned int level_of(struct mm_struct *mm, unsigned long hva)
{
	pgd_t pgd = READ_ONCE(*pgd_offset(mm, hva));
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	if (pgd_none(pgd))
		return 1;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (p4d_none(p4d) || !p4d_present(p4d))
		return 1;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (pud_none(pud) || !pud_present(pud))
		return 1;
	if (pud_leaf(pud))
		return 3;
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	return pmd_present(pmd) && pmd_leaf(pmd) ? 2 : 1;
}

/**
 * slat_host_level() - how large the page is that a user's address is mapped by
 * @mm: whose
 * @hva: the address
 *
 * Any context.  A snapshot, unless the caller knows that no notifier runs.
 *
 * Return: 1: 4 KiB; 2: 2 MiB; 3: 1 GiB.
 */
unsigned int slat_host_level(struct mm_struct *mm, unsigned long hva)
{
	unsigned long flags;
	unsigned int level;

	/* A page table is freed only after an IPI to who has interrupts off. */
	local_irq_save(flags);
	level = level_of(mm, hva);
	local_irq_restore(flags);
	return level;
}
