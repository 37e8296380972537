// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-V as a backend: which host has it, and what it offers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>

#include "hw.h"
#include "svm/insn.h"
#include "svm/npt.h"
#include "svm/root.h"
#include "svm/svm.h"

#define CPUID_FEATURES	0x80000001
#define CPUID_SVM	0x8000000a

#define FEATURE(name)	BIT(X86_FEATURE_##name & 31)

/* Both maps: a bit for each port and three more; two bits for each MSR (APM 15.10, 15.11). */
#define IOPM_ORDER	2
#define MSRPM_ORDER	1
#define MSRPM_RANGE	2048
#define MSRPM_MSRS	0x2000

struct slat_svm slat_svm;

/* What the guest reaches without an exit: what it writes often. */
static const u32 passed_msrs[] = { MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE };

static void pass_msr(void *msrpm, u32 msr)
{
	static const u32 first[] = { 0, 0xc0000000, 0xc0010000 };
	int i;

	for (i = 0; i < ARRAY_SIZE(first); i++) {
		u32 bit = 2 * (msr - first[i]);

		if (msr - first[i] >= MSRPM_MSRS)
			continue;
		__clear_bit_le(bit, msrpm + i * MSRPM_RANGE);
		__clear_bit_le(bit + 1, msrpm + i * MSRPM_RANGE);
	}
}

static bool cpu_says_svm(void)
{
	return cpuid_eax(0x80000000) >= CPUID_SVM && cpuid_ecx(CPUID_FEATURES) & FEATURE(SVM);
}

/* This CPU's; preemption off. */
static int svm_check_cpu(struct slat_why *why)
{
	u64 vm_cr;

	if (!cpu_says_svm()) {
		why->text = "the CPU has no AMD-V";
		return -EOPNOTSUPP;
	}
	if (!rdmsrl_safe(MSR_VM_CR, &vm_cr) && vm_cr & SLAT_VM_CR_SVMDIS) {
		why->text = "firmware has locked AMD-V off (enable it in the firmware's set-up)";
		return -EOPNOTSUPP;
	}
	if (!(cpuid_edx(CPUID_SVM) & FEATURE(NPT)) || !boot_cpu_has(X86_FEATURE_NX)) {
		why->text = "the CPU has no nested paging";
		return -EOPNOTSUPP;
	}
	return 0;
}

static int svm_ident(struct slat_why *why)
{
	int err;

	if (!cpu_says_svm())
		return -ENODEV;
	preempt_disable();
	err = svm_check_cpu(why);
	preempt_enable();
	if (!err && sme_me_mask) {
		why->text = "the host's memory is encrypted (SME), which is not supported";
		err = -EOPNOTSUPP;
	}
	return err;
}

static void read_features(void)
{
	u32 features = cpuid_edx(CPUID_SVM);
	u64 debugctl;

	slat_svm.revision = cpuid_eax(CPUID_SVM) & 0xff;
	slat_svm.asids = cpuid_ebx(CPUID_SVM);
	slat_svm.levels_5 = __read_cr4() & X86_CR4_LA57;
	slat_svm.next_rip = features & FEATURE(NRIPS);
	slat_svm.decode_assists = features & FEATURE(DECODEASSISTS);
	slat_svm.flush_by_asid = features & FEATURE(FLUSHBYASID);
	slat_svm.tsc_scaling = features & FEATURE(TSCRATEMSR);
	slat_svm.switches_tsc_aux = boot_cpu_has(X86_FEATURE_RDTSCP) ||
				    boot_cpu_has(X86_FEATURE_RDPID);
	slat_svm.has_debugctl = !rdmsrl_safe(MSR_IA32_DEBUGCTLMSR, &debugctl);
	slat_svm.has_invpcid = boot_cpu_has(X86_FEATURE_INVPCID);
	slat_npt_format(slat_svm.levels_5 ? 5 : 4, boot_cpu_has(X86_FEATURE_GBPAGES),
			boot_cpu_data.x86_phys_bits, &slat_svm.format);
}

static int alloc_maps(void)
{
	int i;

	slat_svm.iopm = (void *)__get_free_pages(GFP_KERNEL, IOPM_ORDER);
	if (!slat_svm.iopm)
		return -ENOMEM;
	slat_svm.msrpm = (void *)__get_free_pages(GFP_KERNEL, MSRPM_ORDER);
	if (!slat_svm.msrpm) {
		free_pages((unsigned long)slat_svm.iopm, IOPM_ORDER);
		return -ENOMEM;
	}
	memset(slat_svm.iopm, 0xff, PAGE_SIZE << IOPM_ORDER);
	memset(slat_svm.msrpm, 0xff, PAGE_SIZE << MSRPM_ORDER);
	for (i = 0; i < ARRAY_SIZE(passed_msrs); i++)
		pass_msr(slat_svm.msrpm, passed_msrs[i]);
	return 0;
}

static void free_maps(void)
{
	free_pages((unsigned long)slat_svm.msrpm, MSRPM_ORDER);
	free_pages((unsigned long)slat_svm.iopm, IOPM_ORDER);
}

static int svm_setup(const struct slat_hw_config *config, struct slat_why *why)
{
	int err;

	preempt_disable();
	read_features();
	preempt_enable();
	/* One is the host's. */
	if (slat_svm.asids < 2) {
		why->text = "the CPU has no TLB tags for guests";
		return -EOPNOTSUPP;
	}
	/* QEMU's emulation. */
	slat_svm.forgets_shadow = hypervisor_cpuid_base("TCGTCGTCGTCG", 0);
	slat_svm.pause_filter = config->pause_loop && boot_cpu_has(X86_FEATURE_PAUSEFILTER);
	if (config->residency_us)
		pr_warn("residency_us=%u has no effect: no preemption timer\n",
			config->residency_us);
	err = alloc_maps();
	if (err)
		return err;
	err = slat_svm_root_alloc();
	if (err)
		free_maps();
	return err;
}

static void svm_teardown(void)
{
	slat_svm_root_free();
	free_maps();
}

static int svm_cpu_enable(struct slat_why *why)
{
	u64 efer;
	int err;

	err = svm_check_cpu(why);
	if (err)
		return err;
	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME) {
		why->text = "another hypervisor has turned AMD-V on";
		return -EBUSY;
	}
	if (cpuid_ebx(CPUID_SVM) < slat_svm.asids ||
	    (slat_svm.next_rip && !(cpuid_edx(CPUID_SVM) & FEATURE(NRIPS))) ||
	    (slat_svm.decode_assists && !(cpuid_edx(CPUID_SVM) & FEATURE(DECODEASSISTS))) ||
	    (slat_svm.flush_by_asid && !(cpuid_edx(CPUID_SVM) & FEATURE(FLUSHBYASID))) ||
	    (slat_svm.tsc_scaling && !(cpuid_edx(CPUID_SVM) & FEATURE(TSCRATEMSR)))) {
		why->text = "its AMD-V has less than that of the other CPUs";
		return -EOPNOTSUPP;
	}
	return slat_svm_root_enter(why);
}

static void svm_describe(struct slat_info *info)
{
	info->backend = SLAT_BACKEND_SVM;
	info->hw_caps = SLAT_HW_SLAT | SLAT_HW_SLAT_2M | SLAT_HW_SLAT_AD | SLAT_HW_TLB_TAGS |
			SLAT_HW_UNRESTRICTED_GUEST;
	if (slat_svm.format.largest == 3)
		info->hw_caps |= SLAT_HW_SLAT_1G;
	if (slat_svm.levels_5)
		info->hw_caps |= SLAT_HW_SLAT_5LEVEL;
	if (slat_svm.tsc_scaling)
		info->hw_caps |= SLAT_HW_TSC_SCALING;
	if (boot_cpu_has(X86_FEATURE_PAUSEFILTER))
		info->hw_caps |= SLAT_HW_PAUSE_LOOP;
	info->slat_levels = slat_svm.format.levels;
	info->tlb_tags = slat_svm.asids;
	info->guest_phys_bits = slat_svm.format.phys_bits;
}

/* The task priority is in the VMCB, and the rest is AVIC, which is not used. */
static u32 svm_apicv(void)
{
	return 0;
}

/* Without nested paging there is no backend. */
static const char *svm_no_guests(void)
{
	return NULL;
}

static void svm_flush_root(u64 root)
{
	slat_svm_tags_drop(slat_svm_root_tags(), root);
}

static const struct slat_pte_format *svm_get_format(void)
{
	return &slat_svm.format;
}

const struct slat_hw_ops slat_svm_ops = {
	.name = "AMD-V",
	.hypercall = SLAT_VMMCALL,
	.ident = svm_ident,
	.setup = svm_setup,
	.teardown = svm_teardown,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = slat_svm_root_leave,
	.cpu_emergency = slat_svm_root_abandon,
	.describe = svm_describe,
	.apicv = svm_apicv,
	.no_guests = svm_no_guests,
	.vcpu_alloc = slat_svm_vcpu_alloc,
	.vcpu_free = slat_svm_vcpu_free,
	.vcpu_load = slat_svm_vcpu_load,
	.vcpu_put = slat_svm_vcpu_put,
	.vcpu_fetch = slat_svm_fetch,
	.vcpu_enter = slat_svm_vcpu_enter,
	.vcpu_exit = slat_svm_vcpu_exit,
	.format = svm_get_format,
	.flush_root = svm_flush_root,
};
