// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMX root operation: what a CPU is in between VMXON and VMXOFF.
 *
 * Each possible CPU has a VMXON region from setup to teardown, since a CPU that
 * comes online may not allocate.  The CPU owns the region while it is in VMX
 * operation; nobody else touches it then.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <asm/perf_event.h>
#include <asm/tlbflush.h>

#include "vmx/insn.h"
#include "vmx/root.h"
#include "vmx/vmcs.h"

static DEFINE_PER_CPU(void *, vmxon_region);

/**
 * slat_vmx_root_alloc() - get every possible CPU its VMXON region
 * @revision: VMCS revision identifier
 *
 * Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_vmx_root_alloc(u32 revision)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct page *page = alloc_pages_node(cpu_to_node(cpu),
						     GFP_KERNEL | __GFP_ZERO, 0);
		if (!page) {
			slat_vmx_root_free();
			return -ENOMEM;
		}
		per_cpu(vmxon_region, cpu) = page_address(page);
		*(u32 *)page_address(page) = revision;
	}
	return 0;
}

/**
 * slat_vmx_root_free() - undo slat_vmx_root_alloc()
 *
 * Process context.  No CPU is in VMX operation.
 */
void slat_vmx_root_free(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		free_page((unsigned long)per_cpu(vmxon_region, cpu));
		per_cpu(vmxon_region, cpu) = NULL;
	}
}

/**
 * slat_vmx_root_enter() - VMXON, and a TLB without anybody's guests
 * @caps: what the CPU can do
 * @why: the reason of a failure
 *
 * This CPU, interrupts off, CR4.VMXE clear.  A VMXON leaves cached guest
 * translations in place (SDM vol. 3C, 29.4.3), so those of an earlier owner
 * are dropped here.
 *
 * Return: 0 or -EIO.
 */
int slat_vmx_root_enter(const struct slat_vmx_caps *caps, struct slat_why *why)
{
	lockdep_assert_irqs_disabled();

	/* Processor Trace may have to stop in VMX operation. */
	intel_pt_handle_vmx(1);
	cr4_set_bits(X86_CR4_VMXE);

	if (slat_vmxon(__pa(this_cpu_read(vmxon_region)))) {
		why->text = "VMXON failed";
		goto clear;
	}
	if (caps->hw & SLAT_HW_SLAT && slat_invept_global()) {
		why->text = "INVEPT failed";
		goto leave;
	}
	if (caps->hw & SLAT_HW_TLB_TAGS && slat_invvpid_all()) {
		why->text = "INVVPID failed";
		goto leave;
	}
	return 0;

leave:
	slat_vmxoff();
clear:
	cr4_clear_bits(X86_CR4_VMXE);
	intel_pt_handle_vmx(0);
	return -EIO;
}

/**
 * slat_vmx_root_leave() - undo slat_vmx_root_enter()
 *
 * This CPU, interrupts off.
 */
void slat_vmx_root_leave(void)
{
	lockdep_assert_irqs_disabled();

	slat_vmcs_clear_local();
	if (slat_vmxoff())
		pr_warn("CPU%u: somebody else has turned VMX off\n", smp_processor_id());
	cr4_clear_bits(X86_CR4_VMXE);
	intel_pt_handle_vmx(0);
}

/**
 * slat_vmx_root_abandon() - leave VMX operation, if this CPU is in it
 *
 * Any context, NMI included; other CPUs may hold any lock.  The fixup of VMXOFF
 * covers a CPU that was stopped between setting CR4.VMXE and VMXON.
 */
void slat_vmx_root_abandon(void)
{
	if (!(__read_cr4() & X86_CR4_VMXE))
		return;
	slat_vmcs_abandon_local();
	slat_vmxoff();
	cr4_clear_bits(X86_CR4_VMXE);
}
