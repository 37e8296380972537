// SPDX-License-Identifier: GPL-2.0-only
/*
 * What speculation could tell a guest about its host, or the host's programs
 * about a guest: as much is done about it as the host's kernel has been asked
 * to do.  What has to happen between the guest's last instruction and the first
 * RET is in enter.S.
 *
 *	other vCPUs' branches	IBPB where the CPU's current VMCS changes
 *	user space's branches	IBPB when the kernel returns to it (VMSCAPE)
 *	L1D (L1TF)		flushed before an entry, where other than the exit
 *				before it has run on this CPU since; or always
 *	buffers (MDS, ...)	VERW in enter.S; here where only those count that
 *				reach MMIO
 */
#include <linux/gfp.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <asm/cpufeature.h>
#include <asm/hardirq.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/processor.h>
#include <asm/vmx.h>

#include "vmx/spec.h"

/* Twice the largest L1D of a CPU that can only be flushed by filling it. */
#define FILL_ORDER	4
#define FILL_SIZE	(PAGE_SIZE << FILL_ORDER)
#define LINE_SIZE	64

/* Set by slat_vmx_spec_setup(), constant afterwards. */
static struct {
	bool flush_l1d;
	bool flush_l1d_always;
	u8 *fill;
} spec;

static enum vmx_l1d_flush_state choose_l1d_flush(void)
{
	u64 caps = 0;

	if (!boot_cpu_has_bug(X86_BUG_L1TF))
		return VMENTER_L1D_FLUSH_AUTO;
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, caps);
	if (caps & ARCH_CAP_SKIP_VMENTRY_L1DFLUSH)
		return VMENTER_L1D_FLUSH_NOT_REQUIRED;
	switch (l1tf_mitigation) {
	case L1TF_MITIGATION_OFF:
		return VMENTER_L1D_FLUSH_NEVER;
	case L1TF_MITIGATION_FULL_FORCE:
		return VMENTER_L1D_FLUSH_ALWAYS;
	default:
		return VMENTER_L1D_FLUSH_COND;
	}
}

/**
 * slat_vmx_spec_setup() - learn the host's policy, tell it what is done
 *
 * Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_vmx_spec_setup(void)
{
	enum vmx_l1d_flush_state state = choose_l1d_flush();

	spec.flush_l1d_always = state == VMENTER_L1D_FLUSH_ALWAYS;
	spec.flush_l1d = spec.flush_l1d_always || state == VMENTER_L1D_FLUSH_COND;
	if (spec.flush_l1d && !boot_cpu_has(X86_FEATURE_FLUSH_L1D)) {
		spec.fill = (u8 *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, FILL_ORDER);
		if (!spec.fill)
			return -ENOMEM;
	}
	/* The kernel's report in sysfs. */
	l1tf_vmx_mitigation = state;
	return 0;
}

/**
 * slat_vmx_spec_teardown() - undo slat_vmx_spec_setup()
 */
void slat_vmx_spec_teardown(void)
{
	l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_AUTO;
	free_pages((unsigned long)spec.fill, FILL_ORDER);
	spec.fill = NULL;
}

/* In one go: this is most of what an exit to user space costs. */
static __always_inline void touch_lines(const u8 *page)
{
	asm volatile(".Lline = 0\n\t"
		     ".rept %c1\n\t"
		     "movzbl .Lline(%0), %%eax\n\t"
		     ".Lline = .Lline + %c2\n\t"
		     ".endr"
		     : : "r" (page), "i" (PAGE_SIZE / LINE_SIZE), "i" (LINE_SIZE)
		     : "eax", "memory");
}

/* Once for the translations, once for the lines. */
static noinstr void fill_l1d(void)
{
	unsigned int i;

	for (i = 0; i < FILL_SIZE; i += PAGE_SIZE)
		READ_ONCE(spec.fill[i]);
	for (i = 0; i < FILL_SIZE; i += PAGE_SIZE)
		touch_lines(spec.fill + i);
}

/**
 * slat_vmx_spec_switch() - another guest CPU is about to use this CPU's predictors
 */
void slat_vmx_spec_switch(void)
{
	indirect_branch_prediction_barrier();
}

/* What interrupts read is not known here; the kernel says that there were some. */
static noinstr bool l1d_has_host_data(struct slat_cpu *cpu)
{
	bool has = cpu->host_data || kvm_get_cpu_l1tf_flush_l1d();

	cpu->host_data = false;
	kvm_clear_cpu_l1tf_flush_l1d();
	return has || spec.flush_l1d_always;
}

static noinstr void flush_l1d(void)
{
	if (spec.fill)
		fill_l1d();
	else
		native_wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
}

/**
 * slat_vmx_spec_enter() - the guest is about to run
 * @cpu: the guest CPU
 *
 * Interrupts off; RCU may not be watching.
 */
noinstr void slat_vmx_spec_enter(struct slat_cpu *cpu)
{
	if (spec.flush_l1d && l1d_has_host_data(cpu))
		flush_l1d();
	if (static_branch_unlikely(&mmio_stale_data_clear))
		x86_clear_cpu_buffers();
}

/**
 * slat_vmx_spec_exit() - the guest has run
 *
 * Interrupts off.
 */
void slat_vmx_spec_exit(void)
{
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
}
