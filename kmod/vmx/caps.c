// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/slat.h>
#include <asm/page_types.h>
#include <asm/vmx.h>

#include "cpu/cpu.h"
#include "vmx/caps.h"

/* IA32_VMX_BASIC (SDM vol. 3D, A.1) */
#define BASIC_32BIT_ADDRESSES	BIT_ULL(48)
#define BASIC_MEMORY_TYPE	GENMASK_ULL(53, 50)
#define BASIC_WRITE_BACK	(6ULL << 50)

/*
 * Second-level translation is of use only with what the engine is built on:
 * four levels, tables in write-back memory, and flushes by root and in full.
 */
#define EPT_NEEDED	(VMX_EPT_PAGE_WALK_4_BIT | VMX_EPTP_WB_BIT |	\
			 VMX_EPT_INVEPT_BIT | VMX_EPT_EXTENT_CONTEXT_BIT | \
			 VMX_EPT_EXTENT_GLOBAL_BIT)

/* The VPID half of IA32_VMX_EPT_VPID_CAP is its upper one. */
#define VPID_NEEDED	((VMX_VPID_INVVPID_BIT |			\
			  VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT |		\
			  VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT) << 32)

/* A VPID is 16 bits wide (SDM vol. 3C, 25.6.12). */
#define VPID_COUNT	BIT(16)

/* Capabilities that one control bit announces. */
enum control { PINBASED, PROCBASED, PROCBASED2 };

static const struct {
	u64 cap;
	enum control control;
	u32 bit;
} control_caps[] = {
	{ SLAT_HW_VIRTUAL_NMIS,		PINBASED,   PIN_BASED_VIRTUAL_NMIS },
	{ SLAT_HW_PREEMPTION_TIMER,	PINBASED,   PIN_BASED_VMX_PREEMPTION_TIMER },
	{ SLAT_HW_POSTED_INTERRUPTS,	PINBASED,   PIN_BASED_POSTED_INTR },
	{ SLAT_HW_TPR_SHADOW,		PROCBASED,  CPU_BASED_TPR_SHADOW },
	{ SLAT_HW_SLAT,			PROCBASED2, SECONDARY_EXEC_ENABLE_EPT },
	{ SLAT_HW_TLB_TAGS,		PROCBASED2, SECONDARY_EXEC_ENABLE_VPID },
	{ SLAT_HW_UNRESTRICTED_GUEST,	PROCBASED2, SECONDARY_EXEC_UNRESTRICTED_GUEST },
	{ SLAT_HW_PML,			PROCBASED2, SECONDARY_EXEC_ENABLE_PML },
	{ SLAT_HW_TSC_SCALING,		PROCBASED2, SECONDARY_EXEC_TSC_SCALING },
	{ SLAT_HW_APIC_ACCESS,		PROCBASED2, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES },
	{ SLAT_HW_VIRTUAL_X2APIC,	PROCBASED2, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE },
	{ SLAT_HW_APIC_REGISTERS,	PROCBASED2, SECONDARY_EXEC_APIC_REGISTER_VIRT },
	{ SLAT_HW_VIRTUAL_INTERRUPTS,	PROCBASED2, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY },
	{ SLAT_HW_PAUSE_LOOP,		PROCBASED2, SECONDARY_EXEC_PAUSE_LOOP_EXITING },
	{ SLAT_HW_SHADOW_VMCS,		PROCBASED2, SECONDARY_EXEC_SHADOW_VMCS },
	{ SLAT_HW_XSAVES,		PROCBASED2, VMCS_CONTROL_BIT(XSAVES) },
	{ SLAT_HW_MODE_BASED_EXEC,	PROCBASED2, SECONDARY_EXEC_MODE_BASED_EPT_EXEC },
};

/* Capabilities of the second-level tables. */
static const struct {
	u64 cap;
	u64 bit;
} ept_caps[] = {
	{ SLAT_HW_SLAT_2M,		VMX_EPT_2MB_PAGE_BIT },
	{ SLAT_HW_SLAT_1G,		VMX_EPT_1GB_PAGE_BIT },
	{ SLAT_HW_SLAT_5LEVEL,		VMX_EPT_PAGE_WALK_5_BIT },
	{ SLAT_HW_SLAT_AD,		VMX_EPT_AD_BIT },
	{ SLAT_HW_SLAT_EXEC_ONLY,	VMX_EPT_EXECUTE_ONLY_BIT },
};

/* What makes no sense where the CPU lacks second-level translation. */
#define NEEDS_SLAT	(SLAT_HW_UNRESTRICTED_GUEST | SLAT_HW_PML |	\
			 SLAT_HW_MODE_BASED_EXEC)

/**
 * slat_vmx_caps_decode() - what a CPU's capability MSRs mean
 * @msrs: the MSRs
 * @caps: filled in
 *
 * Pure.
 *
 * Return: NULL, or the reason why such a CPU cannot be used.
 */
const char *slat_vmx_caps_decode(const struct slat_vmx_msrs *msrs,
				 struct slat_vmx_caps *caps)
{
	const u32 allowed[] = {
		[PINBASED] = msrs->pinbased >> 32,
		[PROCBASED] = msrs->procbased >> 32,
		[PROCBASED2] = msrs->procbased2 >> 32,
	};
	u64 hw = 0;
	int i;

	if (vmx_basic_vmcs_size(msrs->basic) > PAGE_SIZE)
		return "its VMCS is larger than a page";
	if (msrs->basic & BASIC_32BIT_ADDRESSES)
		return "its VMCS must lie below 4 GiB";
	if ((msrs->basic & BASIC_MEMORY_TYPE) != BASIC_WRITE_BACK)
		return "its VMCS must not be in write-back memory";

	for (i = 0; i < ARRAY_SIZE(control_caps); i++)
		if (allowed[control_caps[i].control] & control_caps[i].bit)
			hw |= control_caps[i].cap;

	if ((msrs->ept_vpid & EPT_NEEDED) != EPT_NEEDED)
		hw &= ~SLAT_HW_SLAT;
	if ((msrs->ept_vpid & VPID_NEEDED) != VPID_NEEDED)
		hw &= ~SLAT_HW_TLB_TAGS;
	if (!(hw & SLAT_HW_SLAT))
		hw &= ~NEEDS_SLAT;

	for (i = 0; i < ARRAY_SIZE(ept_caps); i++)
		if ((hw & SLAT_HW_SLAT) && (msrs->ept_vpid & ept_caps[i].bit))
			hw |= ept_caps[i].cap;

	*caps = (struct slat_vmx_caps) {
		.hw = hw,
		.revision = vmx_basic_vmcs_revision_id(msrs->basic),
		.tlb_tags = hw & SLAT_HW_TLB_TAGS ? VPID_COUNT : 1,
		.timer_shift = vmx_misc_preemption_timer_rate(msrs->misc),
	};
	if (hw & SLAT_HW_SLAT)
		caps->slat_levels = hw & SLAT_HW_SLAT_5LEVEL ? 5 : 4;
	return NULL;
}

/**
 * slat_vmx_caps_check_cr() - whether VMXON is possible with these registers
 * @msrs: the CPU's MSRs
 * @cr0: its CR0
 * @cr4: its CR4, VMXE included
 *
 * Pure.  SDM vol. 3D, A.7 and A.8.
 *
 * Return: NULL, or the reason why not.
 */
const char *slat_vmx_caps_check_cr(const struct slat_vmx_msrs *msrs,
				   unsigned long cr0, unsigned long cr4)
{
	if ((cr0 & msrs->cr0_fixed0) != msrs->cr0_fixed0 || (cr0 & ~msrs->cr0_fixed1))
		return "VMX does not allow the kernel's CR0";
	if ((cr4 & msrs->cr4_fixed0) != msrs->cr4_fixed0 || (cr4 & ~msrs->cr4_fixed1))
		return "VMX does not allow the kernel's CR4";
	return NULL;
}

/*
 * What a guest runs with: the first set must be there, of the second is taken
 * what there is, both on top of what the CPU insists on.
 */
#define PIN_NEEDED	(PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING |	\
			 PIN_BASED_VIRTUAL_NMIS)
#define PIN_WANTED	PIN_BASED_VMX_PREEMPTION_TIMER

#define PROC_NEEDED	(CPU_BASED_HLT_EXITING | CPU_BASED_MWAIT_EXITING |	\
			 CPU_BASED_MONITOR_EXITING | CPU_BASED_RDPMC_EXITING |	\
			 CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING | \
			 CPU_BASED_MOV_DR_EXITING | CPU_BASED_UNCOND_IO_EXITING | \
			 CPU_BASED_USE_MSR_BITMAPS | CPU_BASED_USE_TSC_OFFSETTING | \
			 CPU_BASED_ACTIVATE_SECONDARY_CONTROLS)
/* Turned on while they are wanted. */
#define PROC_SOMETIMES	(CPU_BASED_INTR_WINDOW_EXITING | CPU_BASED_NMI_WINDOW_EXITING)
/* With EPT the guest's page tables are its own affair. */
#define PROC_UNWANTED	(CPU_BASED_CR3_LOAD_EXITING | CPU_BASED_CR3_STORE_EXITING | \
			 CPU_BASED_INVLPG_EXITING | CPU_BASED_RDTSC_EXITING)

#define PROC2_NEEDED	(SECONDARY_EXEC_ENABLE_EPT | SECONDARY_EXEC_WBINVD_EXITING)
#define PROC2_WANTED	(SECONDARY_EXEC_ENABLE_VPID | SECONDARY_EXEC_UNRESTRICTED_GUEST | \
			 SECONDARY_EXEC_ENABLE_RDTSCP | SECONDARY_EXEC_ENABLE_INVPCID | \
			 SECONDARY_EXEC_TSC_SCALING | SECONDARY_EXEC_PAUSE_LOOP_EXITING)

#define EXIT_NEEDED	(VM_EXIT_HOST_ADDR_SPACE_SIZE | VM_EXIT_SAVE_DEBUG_CONTROLS | \
			 VM_EXIT_SAVE_IA32_EFER | VM_EXIT_LOAD_IA32_EFER |	\
			 VM_EXIT_SAVE_IA32_PAT | VM_EXIT_LOAD_IA32_PAT)
#define ENTRY_NEEDED	(VM_ENTRY_LOAD_DEBUG_CONTROLS | VM_ENTRY_LOAD_IA32_EFER | \
			 VM_ENTRY_LOAD_IA32_PAT)

/* Low half of a capability MSR: must be 1; high half: may be 1 (SDM vol. 3D, A.2). */
static const char *choose(u64 msr, u32 needed, u32 wanted, u32 *control, const char *missing)
{
	u32 must = msr, may = msr >> 32;

	*control = must | needed | (wanted & may);
	return needed & ~may ? missing : NULL;
}

static u32 choose_apicv(const struct slat_vmx_msrs *msrs)
{
	u32 proc2 = msrs->procbased2 >> 32, apicv = 0;

	if (proc2 & SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES)
		apicv |= SLAT_APICV_MEMORY;
	/* The rest needs it (SDM vol. 3C, 27.2.1.1). */
	if (!(msrs->procbased >> 32 & CPU_BASED_TPR_SHADOW))
		return apicv;
	apicv |= SLAT_APICV_PRIORITY;
	if (proc2 & SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE)
		apicv |= SLAT_APICV_MSRS;
	if (proc2 & SECONDARY_EXEC_APIC_REGISTER_VIRT)
		apicv |= SLAT_APICV_REGISTERS;
	if (proc2 & SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY)
		apicv |= SLAT_APICV_INTERRUPTS;
	return apicv;
}

/**
 * slat_vmx_choose_controls() - how guests run on such a CPU
 * @msrs: its capability MSRs
 * @controls: filled in
 *
 * Pure.
 *
 * Return: NULL, or the reason why guests cannot run there.
 */
const char *slat_vmx_choose_controls(const struct slat_vmx_msrs *msrs,
				     struct slat_vmx_controls *controls)
{
	const char *why;

	why = choose(msrs->pinbased, PIN_NEEDED, PIN_WANTED, &controls->pin,
		     "it lacks virtual NMIs");
	why = why ?: choose(msrs->procbased, PROC_NEEDED, 0, &controls->proc,
			    "it lacks an execution control that Slat needs");
	why = why ?: choose(msrs->procbased2, PROC2_NEEDED, PROC2_WANTED, &controls->proc2,
			    "it lacks EPT");
	why = why ?: choose(msrs->exit, EXIT_NEEDED, 0, &controls->exit,
			    "it lacks a VM-exit control that Slat needs");
	why = why ?: choose(msrs->entry, ENTRY_NEEDED, 0, &controls->entry,
			    "it lacks a VM-entry control that Slat needs");
	if (!why && ~(msrs->procbased >> 32) & PROC_SOMETIMES)
		why = "it lacks an execution control that Slat needs";
	controls->apicv = choose_apicv(msrs);
	/* It goes by dirty bits. */
	controls->pml = msrs->procbased2 >> 32 & SECONDARY_EXEC_ENABLE_PML &&
			msrs->ept_vpid & VMX_EPT_AD_BIT;
	controls->steps = msrs->procbased >> 32 & CPU_BASED_MONITOR_TRAP_FLAG;
	if (!why && controls->proc & PROC_UNWANTED)
		why = "it insists on exits that Slat has no use for";
	return why;
}

/**
 * slat_vmx_timer_ticks() - microseconds as a preemption-timer value
 * @us: a time in microseconds, not 0
 * @tsc_khz: TSC frequency
 * @shift: slat_vmx_caps.timer_shift
 *
 * Pure.  The timer has 32 bits; what is longer becomes the longest that fits,
 * what is shorter than one tick becomes one tick.
 *
 * Return: timer ticks that last at most @us where that is possible.
 */
u32 slat_vmx_timer_ticks(u32 us, u32 tsc_khz, u32 shift)
{
	u64 ticks = mul_u64_u32_div(us, tsc_khz, 1000) >> shift;

	return clamp_t(u64, ticks, 1, U32_MAX);
}

/**
 * slat_vmx_timer_us() - how long a preemption-timer value lasts
 * @ticks: the value
 * @tsc_khz: TSC frequency, not 0
 * @shift: slat_vmx_caps.timer_shift
 *
 * Pure.
 *
 * Return: microseconds, rounded up, U32_MAX where it is more.
 */
u32 slat_vmx_timer_us(u32 ticks, u32 tsc_khz, u32 shift)
{
	u64 us = DIV64_U64_ROUND_UP(((u64)ticks << shift) * 1000, tsc_khz);

	return min_t(u64, us, U32_MAX);
}
