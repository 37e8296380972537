/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the kernel's <asm/vmx.h> that pure code uses, written down from
 * the SDM: vol. 3C, 25.6 (controls), vol. 3D, appendix A (capability MSRs).
 */
#ifndef SLAT_UNIT_ASM_VMX_H
#define SLAT_UNIT_ASM_VMX_H

#include <linux/bits.h>

#define PIN_BASED_VIRTUAL_NMIS			BIT(5)
#define PIN_BASED_VMX_PREEMPTION_TIMER		BIT(6)
#define PIN_BASED_POSTED_INTR			BIT(7)

#define CPU_BASED_TPR_SHADOW			BIT(21)

#define SECONDARY_EXEC_ENABLE_EPT		BIT(1)
#define SECONDARY_EXEC_ENABLE_VPID		BIT(5)
#define SECONDARY_EXEC_UNRESTRICTED_GUEST	BIT(7)
#define SECONDARY_EXEC_APIC_REGISTER_VIRT	BIT(8)
#define SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY	BIT(9)
#define SECONDARY_EXEC_PAUSE_LOOP_EXITING	BIT(10)
#define SECONDARY_EXEC_SHADOW_VMCS		BIT(14)
#define SECONDARY_EXEC_ENABLE_PML		BIT(17)
#define SECONDARY_EXEC_MODE_BASED_EPT_EXEC	BIT(22)
#define SECONDARY_EXEC_TSC_SCALING		BIT(25)

#define VMX_FEATURE_XSAVES			(2 * 32 + 20)
#define VMCS_CONTROL_BIT(x)			BIT(VMX_FEATURE_##x & 0x1f)

#define VMX_EPT_EXECUTE_ONLY_BIT		BIT_ULL(0)
#define VMX_EPT_PAGE_WALK_4_BIT			BIT_ULL(6)
#define VMX_EPT_PAGE_WALK_5_BIT			BIT_ULL(7)
#define VMX_EPTP_WB_BIT				BIT_ULL(14)
#define VMX_EPT_2MB_PAGE_BIT			BIT_ULL(16)
#define VMX_EPT_1GB_PAGE_BIT			BIT_ULL(17)
#define VMX_EPT_INVEPT_BIT			BIT_ULL(20)
#define VMX_EPT_AD_BIT				BIT_ULL(21)
#define VMX_EPT_EXTENT_CONTEXT_BIT		BIT_ULL(25)
#define VMX_EPT_EXTENT_GLOBAL_BIT		BIT_ULL(26)

/* Positions within the upper half. */
#define VMX_VPID_INVVPID_BIT			BIT_ULL(0)
#define VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT	BIT_ULL(9)
#define VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT	BIT_ULL(10)

static inline u32 vmx_basic_vmcs_revision_id(u64 basic)
{
	return basic & GENMASK_ULL(30, 0);
}

static inline u32 vmx_basic_vmcs_size(u64 basic)
{
	return (basic & GENMASK_ULL(44, 32)) >> 32;
}

static inline int vmx_misc_preemption_timer_rate(u64 misc)
{
	return misc & GENMASK_ULL(4, 0);
}

#endif /* SLAT_UNIT_ASM_VMX_H */
