// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page that second-level tables have where local APICs have their registers,
 * so that the CPU finds it there and knows what it is.
 *
 *	a slot backs SLAT_APIC_GFN		its memory
 *	a vCPU has its registers elsewhere	nothing
 *	else					the page
 *
 * All vCPUs share the tables, but a vCPU whose registers are elsewhere, or are
 * MSRs, or that has turned its APIC off, must not find memory there.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>

#include "mmu/mmu.h"

/**
 * slat_mmu_add_apic() - have such a page
 * @mmu: the memory, without vCPUs
 *
 * Process context, once.  Without memory for it guests do without.
 */
void slat_mmu_add_apic(struct slat_mmu *mmu)
{
	mmu->apic_page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
}

/**
 * slat_mmu_free_apic() - undo slat_mmu_add_apic()
 * @mmu: the memory, whose tables have been freed
 */
void slat_mmu_free_apic(struct slat_mmu *mmu)
{
	free_page((unsigned long)mmu->apic_page);
}

/**
 * slat_mmu_apic_shows() - whether a guest frame is to be that page
 * @mmu: the memory
 * @gfn: the guest frame, which no slot backs
 *
 * Checked by slat_mmu.changes, like the slots.
 */
bool slat_mmu_apic_shows(const struct slat_mmu *mmu, u64 gfn)
{
	return gfn == SLAT_APIC_GFN && mmu->apic_page && !READ_ONCE(mmu->apic_hidden);
}

/**
 * slat_mmu_hide_apic() - one more or one less vCPU has its registers elsewhere
 * @mmu: the memory
 * @hide: one more
 *
 * Process context, the vCPU OUTSIDE.  When it returns, none finds the page there
 * where one is left that must not.
 */
void slat_mmu_hide_apic(struct slat_mmu *mmu, bool hide)
{
	if (!mmu->apic_page)
		return;
	mutex_lock(&mmu->slots_lock);
	WRITE_ONCE(mmu->apic_hidden, mmu->apic_hidden + (hide ? 1 : -1));
	if (hide && mmu->apic_hidden == 1) {
		slat_mmu_publish(mmu);
		slat_mmu_zap_range(mmu, SLAT_APIC_GFN, SLAT_APIC_GFN);
	}
	mutex_unlock(&mmu->slots_lock);
}

/**
 * slat_mmu_apic_covered() - whether a slot is where that page may be
 * @mmu: the memory
 * @slot: about to come
 */
bool slat_mmu_apic_covered(const struct slat_mmu *mmu, const struct slat_slot *slot)
{
	return mmu->apic_page && SLAT_APIC_GFN - slot->gfn < slot->pages;
}
