// SPDX-License-Identifier: GPL-2.0-only
/*
 * Second-level tables as EPT has them (SDM vol. 3C, 29.3).
 */
#include <linux/kernel.h>
#include <linux/slat.h>
#include <asm/vmx.h>

#include "vmx/caps.h"
#include "vmx/ept.h"

#define EPT_READ	BIT_ULL(0)
#define EPT_WRITE	BIT_ULL(1)
#define EPT_EXEC	BIT_ULL(2)
#define EPT_RWX		(EPT_READ | EPT_WRITE | EPT_EXEC)
#define EPT_IGNORE_PAT	BIT_ULL(6)
#define EPT_HUGE	BIT_ULL(7)
#define EPT_ACCESSED	BIT_ULL(8)
#define EPT_DIRTY	BIT_ULL(9)
#define EPT_MEMORY_TYPE_SHIFT	3
#define EPT_WRITE_BACK	6ULL
#define EPT_UNCACHEABLE	0ULL

/**
 * slat_ept_format() - the format that a CPU's EPT has
 * @caps: the CPU's capabilities, EPT among them
 * @host_phys_bits: width of its physical addresses
 * @format: filled in
 *
 * Pure.
 */
void slat_ept_format(const struct slat_vmx_caps *caps, unsigned int host_phys_bits,
		     struct slat_pte_format *format)
{
	*format = (struct slat_pte_format) {
		.present = EPT_RWX,
		.table = EPT_RWX,
		.leaf = EPT_READ,
		.huge = EPT_HUGE,
		.write = EPT_WRITE,
		.exec = EPT_EXEC,
		.ram = EPT_WRITE_BACK << EPT_MEMORY_TYPE_SHIFT | EPT_IGNORE_PAT,
		.device = EPT_UNCACHEABLE << EPT_MEMORY_TYPE_SHIFT,
		.levels = caps->slat_levels,
		.largest = caps->hw & SLAT_HW_SLAT_1G ? 3 : caps->hw & SLAT_HW_SLAT_2M ? 2 : 1,
		.phys_bits = min(host_phys_bits, caps->slat_levels == 5 ? 57U : 48U),
	};
	if (caps->hw & SLAT_HW_SLAT_AD) {
		format->accessed = EPT_ACCESSED;
		format->dirty = EPT_DIRTY;
		format->table |= EPT_ACCESSED;
	}
}

/**
 * slat_ept_pointer() - what the VMCS holds for a root
 * @format: of its entries
 * @root: its physical address
 *
 * Pure.  SDM vol. 3C, 25.6.11.
 */
u64 slat_ept_pointer(const struct slat_pte_format *format, u64 root)
{
	u64 eptp = root | VMX_EPTP_MT_WB | (u64)(format->levels - 1) << 3;

	return format->accessed ? eptp | VMX_EPTP_AD_ENABLE_BIT : eptp;
}
