// SPDX-License-Identifier: GPL-2.0-only
/*
 * VT-x as a backend: which host has it, and what it offers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/tsc.h>
#include <asm/vmx.h>

#include "hw.h"
#include "vmx/ept.h"
#include "vmx/insn.h"
#include "vmx/root.h"
#include "vmx/spec.h"
#include "vmx/vmx.h"

struct slat_vmx slat_vmx;

static bool cpu_says_vmx(void)
{
	return cpuid_ecx(1) & BIT(X86_FEATURE_VMX & 31);
}

/*
 * The kernel hides VMX from itself where firmware has locked it off, and
 * locks it on where firmware has left it open.
 */
static int vmx_check_cpu(struct slat_why *why)
{
	if (!cpu_says_vmx()) {
		why->text = "the CPU has no VT-x";
		return -EOPNOTSUPP;
	}
	if (!this_cpu_has(X86_FEATURE_MSR_IA32_FEAT_CTL) || !this_cpu_has(X86_FEATURE_VMX)) {
		why->text = "firmware has locked VT-x off (enable it in the firmware's set-up)";
		return -EOPNOTSUPP;
	}
	return 0;
}

static u64 vmx_read(u32 msr)
{
	u64 value;

	rdmsrl(msr, value);
	return value;
}

/* Preemption off.  Which MSRs exist: SDM vol. 3D, A.2 to A.10. */
static void vmx_read_msrs(struct slat_vmx_msrs *msrs)
{
	bool exact;

	*msrs = (struct slat_vmx_msrs) {
		.basic = vmx_read(MSR_IA32_VMX_BASIC),
		.misc = vmx_read(MSR_IA32_VMX_MISC),
		.cr0_fixed0 = vmx_read(MSR_IA32_VMX_CR0_FIXED0),
		.cr0_fixed1 = vmx_read(MSR_IA32_VMX_CR0_FIXED1),
		.cr4_fixed0 = vmx_read(MSR_IA32_VMX_CR4_FIXED0),
		.cr4_fixed1 = vmx_read(MSR_IA32_VMX_CR4_FIXED1),
	};

	exact = msrs->basic & VMX_BASIC_TRUE_CTLS;
	msrs->pinbased = vmx_read(exact ? MSR_IA32_VMX_TRUE_PINBASED_CTLS :
					  MSR_IA32_VMX_PINBASED_CTLS);
	msrs->procbased = vmx_read(exact ? MSR_IA32_VMX_TRUE_PROCBASED_CTLS :
					   MSR_IA32_VMX_PROCBASED_CTLS);
	msrs->exit = vmx_read(exact ? MSR_IA32_VMX_TRUE_EXIT_CTLS :
				      MSR_IA32_VMX_EXIT_CTLS);
	msrs->entry = vmx_read(exact ? MSR_IA32_VMX_TRUE_ENTRY_CTLS :
				       MSR_IA32_VMX_ENTRY_CTLS);

	if (msrs->procbased >> 32 & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS)
		msrs->procbased2 = vmx_read(MSR_IA32_VMX_PROCBASED_CTLS2);
	if (msrs->procbased2 >> 32 & (SECONDARY_EXEC_ENABLE_EPT | SECONDARY_EXEC_ENABLE_VPID))
		msrs->ept_vpid = vmx_read(MSR_IA32_VMX_EPT_VPID_CAP);
}

static int vmx_ident(struct slat_why *why)
{
	int err;

	if (!cpu_says_vmx())
		return -ENODEV;
	preempt_disable();
	err = vmx_check_cpu(why);
	preempt_enable();
	return err;
}

/* By their errata the timer of these does not count as fast as it should. */
static bool timer_drifts(void)
{
	if (boot_cpu_data.x86 != 6)
		return false;
	switch (boot_cpu_data.x86_model) {
	case 0x1a:	/* Nehalem */
	case 0x1e:
	case 0x2e:
	case 0x25:	/* Westmere */
		return true;
	case 0x3a:	/* Ivy Bridge, before it was sold */
		return boot_cpu_data.x86_stepping == 8;
	default:
		return false;
	}
}

static void vmx_bound_residency(unsigned int us)
{
	slat_vmx.residency_ticks = 0;
	if (!us)
		return;
	if (!(slat_vmx.caps.hw & SLAT_HW_PREEMPTION_TIMER) || !tsc_khz) {
		pr_warn("residency_us=%u has no effect: no preemption timer\n", us);
		return;
	}
	slat_vmx.residency_ticks = slat_vmx_timer_ticks(us, tsc_khz, slat_vmx.caps.timer_shift);
}

static int vmx_setup(const struct slat_hw_config *config, struct slat_why *why)
{
	u64 debugctl;

	preempt_disable();
	vmx_read_msrs(&slat_vmx.msrs);
	preempt_enable();

	why->text = slat_vmx_caps_decode(&slat_vmx.msrs, &slat_vmx.caps);
	if (why->text)
		return -EOPNOTSUPP;
	slat_ept_format(&slat_vmx.caps, boot_cpu_data.x86_phys_bits, &slat_vmx.format);
	slat_vmx.no_guests = slat_vmx_choose_controls(&slat_vmx.msrs, &slat_vmx.controls);
	if (timer_drifts()) {
		slat_vmx.caps.hw &= ~SLAT_HW_PREEMPTION_TIMER;
		slat_vmx.controls.pin &= ~PIN_BASED_VMX_PREEMPTION_TIMER;
	}
	slat_vmx.controls.apicv &= config->apicv;
	slat_vmx.controls.pml &= config->pml;
	slat_vmx.format.logs = slat_vmx.controls.pml;
	if (!config->pause_loop)
		slat_vmx.controls.proc2 &= ~SECONDARY_EXEC_PAUSE_LOOP_EXITING;
	slat_vmx.has_debugctl = !rdmsrl_safe(MSR_IA32_DEBUGCTLMSR, &debugctl);
	vmx_bound_residency(config->residency_us);
	slat_vmcs_init_cpus();
	if (slat_vmx_spec_setup())
		return -ENOMEM;
	if (slat_vmx_root_alloc(slat_vmx.caps.revision)) {
		slat_vmx_spec_teardown();
		return -ENOMEM;
	}
	return 0;
}

static void vmx_teardown(void)
{
	slat_vmx_root_free();
	slat_vmx_spec_teardown();
}

static int vmx_cpu_enable(struct slat_why *why)
{
	struct slat_vmx_msrs msrs;
	int err;

	err = vmx_check_cpu(why);
	if (err)
		return err;

	if (__read_cr4() & X86_CR4_VMXE) {
		why->text = "another hypervisor has turned VMX on";
		return -EBUSY;
	}

	vmx_read_msrs(&msrs);
	if (memcmp(&msrs, &slat_vmx.msrs, sizeof(msrs))) {
		why->text = "its VMX capabilities are not those of the other CPUs";
		return -EOPNOTSUPP;
	}
	why->text = slat_vmx_caps_check_cr(&msrs, read_cr0(), __read_cr4() | X86_CR4_VMXE);
	if (why->text)
		return -EOPNOTSUPP;

	return slat_vmx_root_enter(&slat_vmx.caps, why);
}

static const char *vmx_no_guests(void)
{
	return slat_vmx.no_guests;
}

static u32 vmx_apicv(void)
{
	return slat_vmx.controls.apicv;
}

static void vmx_flush_root(u64 root)
{
	slat_invept_single(slat_ept_pointer(&slat_vmx.format, root));
}

static const struct slat_pte_format *vmx_get_format(void)
{
	return &slat_vmx.format;
}

static void vmx_describe(struct slat_info *info)
{
	info->backend = SLAT_BACKEND_VMX;
	info->hw_caps = slat_vmx.caps.hw;
	info->vmcs_revision = slat_vmx.caps.revision;
	info->slat_levels = slat_vmx.caps.slat_levels;
	info->tlb_tags = slat_vmx.caps.tlb_tags;
	info->guest_phys_bits = slat_vmx.format.phys_bits;
	if (slat_vmx.residency_ticks)
		info->max_residency_us = slat_vmx_timer_us(slat_vmx.residency_ticks, tsc_khz,
							   slat_vmx.caps.timer_shift);
}

const struct slat_hw_ops slat_vmx_ops = {
	.name = "VT-x",
	.hypercall = SLAT_VMCALL,
	.ident = vmx_ident,
	.setup = vmx_setup,
	.teardown = vmx_teardown,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = slat_vmx_root_leave,
	.cpu_emergency = slat_vmx_root_abandon,
	.describe = vmx_describe,
	.apicv = vmx_apicv,
	.no_guests = vmx_no_guests,
	.vcpu_alloc = slat_vmx_vcpu_alloc,
	.vcpu_free = slat_vmx_vcpu_free,
	.vcpu_load = slat_vmx_vcpu_load,
	.vcpu_put = slat_vmx_vcpu_put,
	.vcpu_fetch = slat_vmx_fetch,
	.vcpu_enter = slat_vmx_vcpu_enter,
	.vcpu_exit = slat_vmx_vcpu_exit,
	.format = vmx_get_format,
	.flush_root = vmx_flush_root,
};
