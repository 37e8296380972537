/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way from a guest frame to a translation, step by step, for who maps frames:
 *
 *	slat_ptab_fill_cache()
 *	slat_fault_init()
 *	slat_fault_find_slot()
 *	slat_fault_get_pages()
 *	slat_fault_install()
 *	slat_fault_put_pages()
 */
#ifndef SLAT_MMU_FAULT_H
#define SLAT_MMU_FAULT_H

#include "mmu/mmu.h"

/**
 * struct slat_fault - frames that are being mapped
 * @gfn: the guest frame that is wanted
 * @access: how; SLAT_ACCESS_*
 * @populate: not by a guest: what follows it is wanted as well
 * @slot: copy of the slot that backs the frame
 * @changes: slat_mmu.changes before the slot was looked up
 * @seq: slat_inval sample from before the host pages were looked up
 * @pages: host pages, with references; not that of what has no struct page
 * @count: how many of them
 * @first: the frame of the first of them
 * @pfn: of @gfn, where @count is 0
 * @writable: the host may write to them
 */
struct slat_fault {
	u64 gfn;
	u32 access;
	bool populate;
	struct slat_slot slot;
	u64 changes;
	unsigned long seq;
	struct page **pages;
	unsigned int count;
	u64 first;
	u64 pfn;
	bool writable;
};

/** slat_fault_init() - begin with a frame; @pages has room for what is looked up */
static inline void slat_fault_init(struct slat_fault *fault, u64 gfn, u32 access,
				   struct page **pages)
{
	fault->gfn = gfn;
	fault->access = access;
	fault->populate = false;
	fault->pages = pages;
	fault->count = 0;
}

int slat_fault_find_slot(struct slat_walker *walker, struct slat_fault *fault);
bool slat_mmu_rewrite(struct slat_walker *walker, u64 gfn, u32 access);
int slat_fault_get_pages(struct slat_fault *fault, u64 first, unsigned int count);
unsigned int slat_fault_install(struct slat_walker *walker, const struct slat_fault *fault);
void slat_fault_put_pages(struct slat_fault *fault);

#endif /* SLAT_MMU_FAULT_H */
