// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's registers between struct slat_cpu and the VMCS (SDM vol. 3C, 25.4).
 */
#include <linux/bitmap.h>
#include <linux/kernel.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/vmx.h>

#include "cpu/segment.h"
#include "vmx/insn.h"
#include "vmx/vmx.h"

/* In a segment's rights, beside those of its descriptor (SDM vol. 3C, table 25-2). */
#define RIGHTS_UNUSABLE	BIT(16)

/* Bits of CR0 that cached translations depend on (SDM vol. 3A, 4.10.4.1). */
#define CR0_OF_TRANSLATIONS	(X86_CR0_PE | X86_CR0_PG | X86_CR0_WP)

/* Where each segment is in the four arrays of fields. */
static const u8 seg_field[SLAT_SEGS] = {
	[SLAT_ES] = 0, [SLAT_CS] = 2, [SLAT_SS] = 4, [SLAT_DS] = 6,
	[SLAT_FS] = 8, [SLAT_GS] = 10, [SLAT_LDTR] = 12, [SLAT_TR] = 14,
};

static void fetch_seg(struct kvm_segment *seg, u32 field)
{
	u32 rights = slat_vmread(GUEST_ES_AR_BYTES + field);

	*seg = (struct kvm_segment) {
		.base = slat_vmread(GUEST_ES_BASE + field),
		.limit = slat_vmread(GUEST_ES_LIMIT + field),
		.selector = slat_vmread(GUEST_ES_SELECTOR + field),
		.unusable = !!(rights & RIGHTS_UNUSABLE),
	};
	slat_segment_set_rights(seg, rights);
	/* Not present is how programs say that it cannot be used. */
	if (seg->unusable)
		seg->present = 0;
}

static void flush_seg(const struct kvm_segment *seg, u32 field)
{
	u32 rights = slat_segment_rights(seg);

	/* The rest does not count then, but for SS: its DPL is the CPL. */
	if (seg->unusable || !seg->present)
		rights |= RIGHTS_UNUSABLE;

	slat_vmwrite(GUEST_ES_BASE + field, seg->base);
	slat_vmwrite(GUEST_ES_LIMIT + field, seg->limit);
	slat_vmwrite(GUEST_ES_SELECTOR + field, seg->selector);
	slat_vmwrite(GUEST_ES_AR_BYTES + field, rights);
}

static void fetch_segs(struct slat_cpu *cpu, u32 groups)
{
	unsigned long segs = (groups & SLAT_STATE_SEGS) / SLAT_STATE_SEG(0);
	int i;

	for_each_set_bit(i, &segs, SLAT_SEGS)
		fetch_seg(&cpu->seg[i], seg_field[i]);
	if (groups & SLAT_STATE_SEG(SLAT_SS))
		cpu->cpl = cpu->seg[SLAT_SS].dpl;
	if (!(groups & SLAT_STATE_TABLES))
		return;
	cpu->gdt.base = slat_vmread(GUEST_GDTR_BASE);
	cpu->gdt.limit = slat_vmread(GUEST_GDTR_LIMIT);
	cpu->idt.base = slat_vmread(GUEST_IDTR_BASE);
	cpu->idt.limit = slat_vmread(GUEST_IDTR_LIMIT);
}

static void flush_segs(struct slat_cpu *cpu, u32 groups)
{
	int i;

	for (i = 0; i < SLAT_SEGS; i++)
		if (groups & SLAT_STATE_SEG(i))
			flush_seg(&cpu->seg[i], seg_field[i]);
	if (!(groups & SLAT_STATE_TABLES))
		return;
	slat_vmwrite(GUEST_GDTR_BASE, cpu->gdt.base);
	slat_vmwrite(GUEST_GDTR_LIMIT, cpu->gdt.limit);
	slat_vmwrite(GUEST_IDTR_BASE, cpu->idt.base);
	slat_vmwrite(GUEST_IDTR_LIMIT, cpu->idt.limit);
}

/*
 * The guest sees its own CR0 and CR4; the CPU runs with what VMX insists on as
 * well, and with caches on.
 */
static void flush_crs(struct slat_cpu *cpu)
{
	const struct slat_vmx_msrs *msrs = &slat_vmx.msrs;
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);
	u64 must0 = msrs->cr0_fixed0, cr0, cr4;
	u64 entry = vmx->cached.entry & ~(u64)VM_ENTRY_IA32E_MODE;

	if (slat_vmx.controls.proc2 & SECONDARY_EXEC_UNRESTRICTED_GUEST)
		must0 &= ~(X86_CR0_PE | X86_CR0_PG);
	cr0 = (cpu->cr0 | must0) & ~(X86_CR0_CD | X86_CR0_NW);
	cr4 = cpu->cr4 | msrs->cr4_fixed0;

	/* The instruction that changed them would have dropped translations. */
	if ((slat_vmread(GUEST_CR0) ^ cr0) & CR0_OF_TRANSLATIONS ||
	    slat_vmread(GUEST_CR4) != cr4 || slat_vmread(GUEST_IA32_EFER) != cpu->efer)
		vmx->flush_vpid = true;

	slat_vmwrite(GUEST_CR0, cr0);
	slat_vmwrite(CR0_READ_SHADOW, cpu->cr0);
	slat_vmwrite(GUEST_CR4, cr4);
	slat_vmwrite(CR4_READ_SHADOW, cpu->cr4);

	slat_vmwrite(GUEST_IA32_EFER, cpu->efer);
	if (cpu->efer & EFER_LMA)
		entry |= VM_ENTRY_IA32E_MODE;
	slat_vmwrite_cached(VM_ENTRY_CONTROLS, &vmx->cached.entry, entry);
}

static void fetch_cr3(struct slat_cpu *cpu)
{
	int i;

	cpu->cr3 = slat_vmread(GUEST_CR3);
	for (i = 0; i < 4; i++)
		cpu->pdptr[i] = slat_vmread(GUEST_PDPTR0 + 2 * i);
}

static void flush_cr3(struct slat_cpu *cpu)
{
	int i;

	slat_vmx_of(cpu)->flush_vpid = true;
	slat_vmwrite(GUEST_CR3, cpu->cr3);
	for (i = 0; i < 4; i++)
		slat_vmwrite(GUEST_PDPTR0 + 2 * i, cpu->pdptr[i]);
}

static void fetch_rflags(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);

	cpu->rflags = slat_vmread(GUEST_RFLAGS);
	if (vmx->stepping)
		cpu->rflags = (cpu->rflags & ~(u64)X86_EFLAGS_TF) | vmx->own_tf;
}

static void flush_rflags(struct slat_cpu *cpu)
{
	struct slat_vmx_vcpu *vmx = slat_vmx_of(cpu);

	vmx->stepping = slat_vmx_steps_by_tf(cpu);
	vmx->own_tf = cpu->rflags & X86_EFLAGS_TF;
	slat_vmwrite(GUEST_RFLAGS, vmx->stepping ? cpu->rflags | X86_EFLAGS_TF : cpu->rflags);
}

static void fetch_msrs(struct slat_cpu *cpu)
{
	cpu->sysenter_cs = slat_vmread(GUEST_SYSENTER_CS);
	cpu->sysenter_esp = slat_vmread(GUEST_SYSENTER_ESP);
	cpu->sysenter_eip = slat_vmread(GUEST_SYSENTER_EIP);
	cpu->pat = slat_vmread(GUEST_IA32_PAT);
	cpu->debugctl = slat_vmread(GUEST_IA32_DEBUGCTL);
}

static void flush_msrs(struct slat_cpu *cpu)
{
	slat_vmwrite(GUEST_SYSENTER_CS, cpu->sysenter_cs);
	slat_vmwrite(GUEST_SYSENTER_ESP, cpu->sysenter_esp);
	slat_vmwrite(GUEST_SYSENTER_EIP, cpu->sysenter_eip);
	slat_vmwrite(GUEST_IA32_PAT, cpu->pat);
	slat_vmwrite(GUEST_IA32_DEBUGCTL, cpu->debugctl);
}

static noinline void fetch_rest(struct slat_cpu *cpu, u32 groups)
{
	if (groups & SLAT_STATE_SEGS)
		fetch_segs(cpu, groups);
	if (groups & SLAT_STATE_CR3)
		fetch_cr3(cpu);
	if (groups & SLAT_STATE_MSRS)
		fetch_msrs(cpu);
	if (groups & SLAT_STATE_SYSCALL)
		slat_vmx_host_fetch(cpu);
}

static noinline void flush_rest(struct slat_cpu *cpu, u32 groups)
{
	if (groups & SLAT_STATE_SEGS)
		flush_segs(cpu, groups);
	if (groups & SLAT_STATE_CRS)
		flush_crs(cpu);
	if (groups & SLAT_STATE_CR3)
		flush_cr3(cpu);
	if (groups & SLAT_STATE_DR7)
		slat_vmwrite(GUEST_DR7, cpu->debug ? cpu->debug_dr7 : cpu->dr7);
	if (groups & SLAT_STATE_MSRS)
		flush_msrs(cpu);
	/* Which of them the guest sees depends on its control registers. */
	if (groups & (SLAT_STATE_SYSCALL | SLAT_STATE_CRS))
		slat_vmx_host_flush(cpu);
}

/* What executing an instruction on the guest's behalf takes. */
#define OFTEN	(SLAT_STATE_RIP | SLAT_STATE_RSP | SLAT_STATE_RFLAGS | SLAT_STATE_BLOCKING)

/**
 * slat_vmx_fetch() - read groups of registers from the VMCS
 * @cpu: loaded here
 * @groups: SLAT_STATE_*
 */
void slat_vmx_fetch(struct slat_cpu *cpu, u32 groups)
{
	groups &= ~cpu->valid;
	cpu->valid |= groups;

	if (groups & SLAT_STATE_RIP)
		cpu->rip = slat_vmread(GUEST_RIP);
	if (groups & SLAT_STATE_RSP)
		cpu->gpr[SLAT_RSP] = slat_vmread(GUEST_RSP);
	if (groups & SLAT_STATE_RFLAGS)
		fetch_rflags(cpu);
	if (groups & SLAT_STATE_BLOCKING) {
		cpu->blocking = slat_vmread(GUEST_INTERRUPTIBILITY_INFO);
		cpu->pending_debug = slat_vmread(GUEST_PENDING_DBG_EXCEPTIONS);
	}
	if (groups & ~OFTEN)
		fetch_rest(cpu, groups);
}

/**
 * slat_vmx_flush() - write what has been changed to the VMCS
 * @cpu: loaded here
 */
void slat_vmx_flush(struct slat_cpu *cpu)
{
	u32 groups = cpu->dirty;

	cpu->dirty = 0;
	if (groups & SLAT_STATE_RIP)
		slat_vmwrite(GUEST_RIP, cpu->rip);
	if (groups & SLAT_STATE_RSP)
		slat_vmwrite(GUEST_RSP, cpu->gpr[SLAT_RSP]);
	if (groups & SLAT_STATE_RFLAGS)
		flush_rflags(cpu);
	if (groups & SLAT_STATE_BLOCKING) {
		slat_vmwrite(GUEST_INTERRUPTIBILITY_INFO, cpu->blocking);
		slat_vmwrite(GUEST_PENDING_DBG_EXCEPTIONS, cpu->pending_debug);
	}
	if (groups & ~OFTEN)
		flush_rest(cpu, groups);
}
