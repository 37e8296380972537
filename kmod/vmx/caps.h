/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a CPU's VMX capability MSRs say (SDM vol. 3D, appendix A).  Nothing here
 * touches hardware, so that it can be tested with the values of any CPU.
 */
#ifndef SLAT_VMX_CAPS_H
#define SLAT_VMX_CAPS_H

#include <linux/types.h>

/**
 * struct slat_vmx_msrs - the capability MSRs of one CPU, as read
 * @basic: IA32_VMX_BASIC
 * @misc: IA32_VMX_MISC
 * @pinbased: IA32_VMX_TRUE_PINBASED_CTLS, or the plain one without it; its low
 *	half holds the bits that must be 1, its high half those that may be
 * @procbased: the same for the primary processor-based controls
 * @procbased2: the same for the secondary ones; 0 where there are none
 * @exit: the same for the VM-exit controls
 * @entry: the same for the VM-entry controls
 * @ept_vpid: IA32_VMX_EPT_VPID_CAP; 0 where there is neither EPT nor VPID
 * @cr0_fixed0: bits of CR0 that must be 1 in VMX operation
 * @cr0_fixed1: bits of CR0 that may be 1
 * @cr4_fixed0: bits of CR4 that must be 1
 * @cr4_fixed1: bits of CR4 that may be 1
 */
struct slat_vmx_msrs {
	u64 basic;
	u64 misc;
	u64 pinbased;
	u64 procbased;
	u64 procbased2;
	u64 exit;
	u64 entry;
	u64 ept_vpid;
	u64 cr0_fixed0;
	u64 cr0_fixed1;
	u64 cr4_fixed0;
	u64 cr4_fixed1;
};

/**
 * struct slat_vmx_caps - what they mean for Slat
 * @hw: SLAT_HW_* bits
 * @revision: VMCS revision identifier
 * @slat_levels: levels of the deepest EPT table that the CPU walks, or 0
 * @tlb_tags: number of VPIDs, 1 without
 * @timer_shift: the preemption timer counts every (1 << timer_shift) TSC ticks
 */
struct slat_vmx_caps {
	u64 hw;
	u32 revision;
	u32 slat_levels;
	u32 tlb_tags;
	u32 timer_shift;
};

/**
 * struct slat_vmx_controls - how guests run
 * @pin: pin-based VM-execution controls
 * @proc: primary processor-based ones
 * @proc2: secondary ones
 * @exit: VM-exit controls
 * @entry: VM-entry controls
 * @apicv: what of a local APIC the CPU does: SLAT_APICV_*
 * @pml: whether the CPU can log what a guest writes
 * @steps: whether the CPU can exit after each instruction
 */
struct slat_vmx_controls {
	u32 pin;
	u32 proc;
	u32 proc2;
	u32 exit;
	u32 entry;
	u32 apicv;
	bool pml;
	bool steps;
};

const char *slat_vmx_caps_decode(const struct slat_vmx_msrs *msrs,
				 struct slat_vmx_caps *caps);
const char *slat_vmx_caps_check_cr(const struct slat_vmx_msrs *msrs,
				   unsigned long cr0, unsigned long cr4);
const char *slat_vmx_choose_controls(const struct slat_vmx_msrs *msrs,
				     struct slat_vmx_controls *controls);
u32 slat_vmx_timer_ticks(u32 us, u32 tsc_khz, u32 shift);
u32 slat_vmx_timer_us(u32 ticks, u32 tsc_khz, u32 shift);

#endif /* SLAT_VMX_CAPS_H */
