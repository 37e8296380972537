// SPDX-License-Identifier: GPL-2.0-only
/*
 * Second-level tables as nested paging has them: ordinary page tables, which
 * the CPU walks as user mode does (APM 15.25).
 */
#include <linux/kernel.h>

#include "svm/npt.h"

#define NPT_PRESENT	BIT_ULL(0)
#define NPT_WRITE	BIT_ULL(1)
#define NPT_USER	BIT_ULL(2)
#define NPT_PWT		BIT_ULL(3)
#define NPT_PCD		BIT_ULL(4)
#define NPT_ACCESSED	BIT_ULL(5)
#define NPT_DIRTY	BIT_ULL(6)
#define NPT_HUGE	BIT_ULL(7)
#define NPT_NO_EXEC	BIT_ULL(63)

/**
 * slat_npt_format() - the format that a host's nested tables have
 * @levels: of the host's own tables, which the nested ones must have as well
 * @has_1g: leaves of 1 GiB
 * @host_phys_bits: width of its physical addresses
 * @format: filled in
 *
 * Pure.  Memory types are those of the host's PAT: write-back is its first,
 * uncacheable its fourth.
 */
void slat_npt_format(unsigned int levels, bool has_1g, unsigned int host_phys_bits,
		     struct slat_pte_format *format)
{
	*format = (struct slat_pte_format) {
		.present = NPT_PRESENT,
		.table = NPT_PRESENT | NPT_WRITE | NPT_USER | NPT_ACCESSED,
		.leaf = NPT_PRESENT | NPT_USER,
		.huge = NPT_HUGE,
		.write = NPT_WRITE,
		.no_exec = NPT_NO_EXEC,
		.accessed = NPT_ACCESSED,
		.dirty = NPT_DIRTY,
		.device = NPT_PCD | NPT_PWT,
		.levels = levels,
		.largest = has_1g ? 3 : 2,
		.phys_bits = min(host_phys_bits, levels == 5 ? 57U : 48U),
	};
}
