// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest's CPU does of its local APIC's work (SDM vol. 3C, chapter 30).
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/apicdef.h>
#include <asm/page.h>
#include <asm/vmx.h>

#include "vmx/insn.h"
#include "vmx/vmx.h"

#define X2APIC_MSRS	256

/* Where the bitmap has the MSRs of x2APIC mode: reads, writes 2 KiB above. */
#define READS		(APIC_BASE_MSR / BITS_PER_BYTE)
#define WRITES		(READS + 2048)

static void pass(void *bits, u32 first, u32 last)
{
	u32 offset;

	for (offset = first; offset <= last; offset += 16)
		__clear_bit_le(offset / 16, bits);
}

/*
 * Reads of what is no register are #GP, and the current count runs: these exit,
 * as do all writes but to what the CPU has the effects of.
 */
static void flush_msrs(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);
	u32 apicv = cpu->apicv & SLAT_APICV_MSRS ? cpu->apicv : 0;
	void *reads = vmx->msr_bitmap + READS, *writes = vmx->msr_bitmap + WRITES;

	if (apicv == vmx->passed)
		return;
	vmx->passed = apicv;
	memset(reads, 0xff, X2APIC_MSRS / BITS_PER_BYTE);
	memset(writes, 0xff, X2APIC_MSRS / BITS_PER_BYTE);
	if (!apicv)
		return;
	pass(reads, APIC_TASKPRI, APIC_TASKPRI);
	pass(writes, APIC_TASKPRI, APIC_TASKPRI);
	if (apicv & SLAT_APICV_INTERRUPTS) {
		pass(writes, APIC_EOI, APIC_EOI);
		pass(writes, APIC_SELF_IPI, APIC_SELF_IPI);
	}
	if (!(apicv & SLAT_APICV_REGISTERS))
		return;
	/* What it delivers goes by a priority that it keeps up to date there. */
	if (apicv & SLAT_APICV_INTERRUPTS)
		pass(reads, APIC_PROCPRI, APIC_PROCPRI);
	pass(reads, APIC_ID, APIC_LVR);
	pass(reads, APIC_LDR, APIC_LDR);
	pass(reads, APIC_SPIV, APIC_ESR);
	pass(reads, APIC_ICR, APIC_ICR);
	pass(reads, APIC_LVTT, APIC_TMICT);
	pass(reads, APIC_TDCR, APIC_TDCR);
}

/**
 * slat_vmx_apicv_init() - fields of the VMCS that stay as they are
 * @cpu: loaded here
 */
void slat_vmx_apicv_init(struct slat_cpu *cpu)
{
	unsigned int i;

	if (cpu->apic_page && slat_vmx.controls.apicv & SLAT_APICV_PRIORITY) {
		slat_vmwrite(VIRTUAL_APIC_PAGE_ADDR, __pa(cpu->apic_page));
		slat_vmwrite(TPR_THRESHOLD, 0);
	}
	if (cpu->apic_access)
		slat_vmwrite(APIC_ACCESS_ADDR, cpu->apic_access);
	if (slat_vmx.controls.apicv & SLAT_APICV_INTERRUPTS)
		for (i = 0; i < ARRAY_SIZE(cpu->apic_eoi_exits); i++)
			slat_vmwrite(EOI_EXIT_BITMAP0 + 2 * i, 0);
}

/**
 * slat_vmx_apicv_proc2() - secondary controls that say what it does
 * @cpu: whose
 */
u32 slat_vmx_apicv_proc2(const struct slat_cpu *cpu)
{
	static const struct {
		u32 apicv;
		u32 control;
	} controls[] = {
		{ SLAT_APICV_MEMORY, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES },
		{ SLAT_APICV_MSRS, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE },
		{ SLAT_APICV_REGISTERS, SECONDARY_EXEC_APIC_REGISTER_VIRT },
		{ SLAT_APICV_INTERRUPTS, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY },
	};
	u32 proc2 = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(controls); i++)
		if (cpu->apicv & controls[i].apicv)
			proc2 |= controls[i].control;
	return proc2;
}

/* SDM vol. 3C, 25.4.2 and 25.6.8. */
static void flush_interrupts(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);
	unsigned int i;

	/* The CPU has changed it, whatever was written there. */
	slat_vmwrite(GUEST_INTR_STATUS, cpu->apic_status);
	for (i = 0; i < ARRAY_SIZE(vmx->eoi_exits); i++) {
		if (cpu->apic_eoi_exits[i] == vmx->eoi_exits[i])
			continue;
		vmx->eoi_exits[i] = cpu->apic_eoi_exits[i];
		slat_vmwrite(EOI_EXIT_BITMAP0 + 2 * i, vmx->eoi_exits[i]);
	}
}

/**
 * slat_vmx_apicv_flush() - the VMCS's part of what it does from now on
 * @cpu: loaded here, about to enter
 *
 * A threshold above the priority would fail the entry (SDM vol. 3C, 27.2.1.1), and
 * means nothing where the CPU delivers interrupts.
 */
void slat_vmx_apicv_flush(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);

	flush_msrs(cpu);
	if (!(cpu->apicv & SLAT_APICV_PRIORITY))
		return;
	if (cpu->apicv & SLAT_APICV_INTERRUPTS) {
		flush_interrupts(cpu);
	} else if (cpu->cr8_limit != vmx->tpr_threshold) {
		vmx->tpr_threshold = cpu->cr8_limit;
		slat_vmwrite(TPR_THRESHOLD, cpu->cr8_limit);
	}
}
