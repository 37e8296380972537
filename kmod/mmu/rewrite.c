// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first write to a page since its log was read.
 *
 * The leaf is there, and says that the host lets the page be written: nothing but the
 * log has taken that right, and it is given back without asking the host.  Before
 * the host takes it, or the page, it takes the leaf.
 */
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/mm.h>

#include "mmu/fault.h"
#include "mmu/iter.h"

/* The entry for a page of 4 KiB, present or not; NULL: a huge leaf, or no table. */
static u64 *find_entry(const struct slat_ptab *ptab, u64 gfn)
{
	struct slat_table *root = READ_ONCE(ptab->root);
	unsigned int level;
	u64 *table, pte;

	if (!root)
		return NULL;
	table = root->entries;
	for (level = ptab->format->levels; level > 1; level--) {
		pte = READ_ONCE(table[slat_table_index(gfn, level)]);
		if (!slat_pte_is_table(ptab->format, pte, level))
			return NULL;
		table = __va(pte & SLAT_PTE_ADDR);
	}
	return &table[slat_table_index(gfn, 1)];
}

/* In a HOST section.  Returns the leaf that the frame has got, 0: none. */
static u64 give_back(const struct slat_ptab *ptab, u64 gfn, u32 access)
{
	const struct slat_pte_format *format = ptab->format;
	u64 *entry = find_entry(ptab, gfn), pte;

	if (!entry)
		return 0;
	pte = READ_ONCE(*entry);
	do {
		u32 have = slat_pte_access(format, pte);

		if (!(have & SLAT_ACCESS_HOST_WRITE) || (access & ~have) != SLAT_ACCESS_WRITE)
			return 0;
	} while (!try_cmpxchg(entry, &pte,
			      pte | format->write | format->dirty | format->accessed));
	slat_stat_inc(ptab->stats, SLAT_STAT_INSTALLS);
	return pte;
}

/*
 * In a HOST section, which is one of RCU as well.  What slots there are need not be
 * compared with anything: who changes them has either done it, or waits for the section.
 */
static bool rewrite(struct slat_walker *walker, u64 gfn, u32 access)
{
	struct slat_mmu *mmu = walker->mmu;
	const struct slat_slot *slot;
	u64 pte;

	/* The gate may be closed.  Pairs with the release in slat_gate_open(). */
	if (smp_load_acquire(&mmu->changes) & 1)
		return false;
	slot = slat_slotmap_find(&mmu->by_gfn, gfn);
	if (!slot || !slot->dirty)
		return false;
	pte = give_back(&mmu->ptab, gfn, access);
	if (!pte)
		return false;
	/* Nobody lets the page go while the section lasts. */
	SetPageDirty(pfn_to_page(slat_pte_pfn(pte)));
	slat_mmu_note_write(walker, slot, gfn);
	return true;
}

/**
 * slat_mmu_rewrite() - have a page written that the log alone keeps read-only
 * @walker: the vCPU's
 * @gfn: the guest frame
 * @access: SLAT_ACCESS_*, WRITE among them
 *
 * OUTSIDE; one HOST section.
 *
 * Return: false: it has to be looked up.
 */
bool slat_mmu_rewrite(struct slat_walker *walker, u64 gfn, u32 access)
{
	bool done;

	slat_actor_host_begin(walker->actor);
	/* After the barrier: pairs with that in slat_epochs_pass(). */
	done = rewrite(walker, gfn, access);
	slat_actor_host_end(walker->actor);
	return done;
}
