// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/string.h>
#include <uapi/asm/debugreg.h>
#include <asm/processor.h>

#include "cpu/regs.h"

#define CR0_RESET	(X86_CR0_CD | X86_CR0_NW | X86_CR0_ET)
#define PAT_RESET	0x0007040600070406ULL
#define DR6_RESET	0xffff0ff0
#define DR7_RESET	0x400

#define PDPTR_RESERVED	(GENMASK_ULL(2, 1) | GENMASK_ULL(8, 5))

#define CR0_DEFINED	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | \
			 X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | \
			 X86_CR0_PG)

const u32 slat_cpu_own_msrs[SLAT_OWN_MSRS] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

/**
 * slat_cpu_reset() - all registers as after RESET (SDM vol. 3A, 10.1.1)
 * @cpu: whose; general-purpose registers included, RDX says which CPU it is
 */
void slat_cpu_reset(struct slat_cpu *cpu)
{
	const struct kvm_segment data = {
		.limit = 0xffff, .type = 3, .present = 1, .s = 1,
	};
	int i;

	memset(cpu->gpr, 0, sizeof(cpu->gpr));
	cpu->gpr[SLAT_RDX] = 0x600;
	cpu->rip = 0xfff0;
	cpu->rflags = X86_EFLAGS_FIXED;
	for (i = 0; i < SLAT_SEGS; i++)
		cpu->seg[i] = data;
	cpu->seg[SLAT_CS].selector = 0xf000;
	cpu->seg[SLAT_CS].base = 0xffff0000;
	cpu->seg[SLAT_CS].type = 11;
	cpu->seg[SLAT_TR].type = 11;
	cpu->seg[SLAT_TR].s = 0;
	cpu->seg[SLAT_LDTR].type = 2;
	cpu->seg[SLAT_LDTR].s = 0;
	cpu->gdt = (struct kvm_dtable) { .limit = 0xffff };
	cpu->idt = (struct kvm_dtable) { .limit = 0xffff };
	cpu->cpl = 0;

	cpu->cr0 = CR0_RESET;
	cpu->cr2 = 0;
	cpu->cr3 = 0;
	cpu->cr4 = 0;
	cpu->cr8 = 0;
	cpu->efer = 0;
	memset(cpu->pdptr, 0, sizeof(cpu->pdptr));
	memset(cpu->dr, 0, sizeof(cpu->dr));
	cpu->dr6 = DR6_RESET;
	cpu->dr7 = DR7_RESET;
	cpu->xcr0 = 1;
	cpu->sysenter_cs = 0;
	cpu->sysenter_esp = 0;
	cpu->sysenter_eip = 0;
	cpu->star = 0;
	cpu->lstar = 0;
	cpu->cstar = 0;
	cpu->sfmask = 0;
	cpu->kernel_gs_base = 0;
	cpu->tsc_aux = 0;
	cpu->pat = PAT_RESET;
	cpu->debugctl = 0;
	cpu->pending_debug = 0;
	cpu->blocking = 0;
	cpu->event = (struct slat_event) { };
	slat_cpu_changed(cpu, SLAT_STATE_ALL);
}

/**
 * slat_cpu_skip() - an instruction has been done on the guest's behalf
 * @cpu: loaded here
 * @len: its length
 */
void slat_cpu_skip(struct slat_cpu *cpu, unsigned int len)
{
	u64 rip;

	slat_cpu_need(cpu, SLAT_STATE_RIP | SLAT_STATE_RFLAGS | SLAT_STATE_BLOCKING);
	rip = cpu->rip + len;
	/* Beyond 4 GiB only 64-bit code goes on; asking which it is takes a while. */
	if (rip >> 32 != cpu->rip >> 32 && !slat_cpu_64bit(cpu))
		rip = (u32)rip;
	cpu->rip = rip;
	slat_cpu_changed(cpu, SLAT_STATE_RIP);

	/* They last for one instruction. */
	if (cpu->blocking & (SLAT_BLOCKED_BY_STI | SLAT_BLOCKED_BY_MOV_SS)) {
		cpu->blocking &= ~(SLAT_BLOCKED_BY_STI | SLAT_BLOCKED_BY_MOV_SS);
		slat_cpu_changed(cpu, SLAT_STATE_BLOCKING);
	}
	/*
	 * The guest's trap comes after it, as if the CPU had done it, and none that
	 * an emulated CPU left pending for a step of user space's.
	 */
	if (!(cpu->rflags & X86_EFLAGS_TF) != !(cpu->pending_debug & DR_STEP)) {
		cpu->pending_debug ^= DR_STEP;
		slat_cpu_changed(cpu, SLAT_STATE_BLOCKING);
	}
	cpu->skipped = true;
}

/**
 * slat_cpu_xcr0_valid() - whether XSETBV takes this value
 * @cpu: which CPU
 * @value: of XCR0
 *
 * Pure.  SDM vol. 1, 13.3.
 */
bool slat_cpu_xcr0_valid(const struct slat_cpu *cpu, u64 value)
{
	u64 avx512 = XFEATURE_MASK_OPMASK | XFEATURE_MASK_ZMM_Hi256 | XFEATURE_MASK_Hi16_ZMM;

	if (value & ~(cpu->xcr0_allowed | XFEATURE_MASK_FP) || !(value & XFEATURE_MASK_FP))
		return false;
	if (value & XFEATURE_MASK_YMM && !(value & XFEATURE_MASK_SSE))
		return false;
	if (!(value & avx512))
		return true;
	return (value & avx512) == avx512 && value & XFEATURE_MASK_YMM;
}

/**
 * slat_cpu_pdptrs_valid() - whether PAE paging takes these pointers
 * @cpu: which CPU
 * @pdptr: four of them
 *
 * Pure.  SDM vol. 3A, 4.4.1.
 */
bool slat_cpu_pdptrs_valid(const struct slat_cpu *cpu, const u64 *pdptr)
{
	u64 reserved = PDPTR_RESERVED | ~(BIT_ULL(cpu->phys_bits) - 1);
	int i;

	for (i = 0; i < 4; i++)
		if (pdptr[i] & 1 && pdptr[i] & reserved)
			return false;
	return true;
}

/* KVM's order of general-purpose registers is another one. */
static u64 *kvm_gpr(struct kvm_regs *regs, unsigned int gpr)
{
	u64 *const first[] = {
		(u64 *)&regs->rax, (u64 *)&regs->rcx, (u64 *)&regs->rdx, (u64 *)&regs->rbx,
		(u64 *)&regs->rsp, (u64 *)&regs->rbp, (u64 *)&regs->rsi, (u64 *)&regs->rdi,
	};

	return gpr < SLAT_R8 ? first[gpr] : (u64 *)&regs->r8 + (gpr - SLAT_R8);
}

/**
 * slat_cpu_get_regs() - KVM_GET_REGS
 * @cpu: the guest CPU, loaded here
 * @regs: the registers
 *
 * Loaded here.
 */
void slat_cpu_get_regs(struct slat_cpu *cpu, struct kvm_regs *regs)
{
	int i;

	slat_cpu_need(cpu, SLAT_STATE_RIP | SLAT_STATE_RSP | SLAT_STATE_RFLAGS);
	for (i = 0; i < SLAT_GPRS; i++)
		*kvm_gpr(regs, i) = cpu->gpr[i];
	regs->rip = cpu->rip;
	regs->rflags = cpu->rflags;
}

/**
 * slat_cpu_set_regs() - KVM_SET_REGS
 * @cpu: the guest CPU, loaded here
 * @regs: the registers
 */
void slat_cpu_set_regs(struct slat_cpu *cpu, const struct kvm_regs *regs)
{
	int i;

	for (i = 0; i < SLAT_GPRS; i++)
		cpu->gpr[i] = *kvm_gpr((struct kvm_regs *)regs, i);
	cpu->rip = regs->rip;
	cpu->rflags = regs->rflags | X86_EFLAGS_FIXED;
	slat_cpu_changed(cpu, SLAT_STATE_RIP | SLAT_STATE_RSP | SLAT_STATE_RFLAGS);
}

static const struct {
	enum slat_seg seg;
	size_t offset;
} sregs_segs[] = {
	{ SLAT_CS, offsetof(struct kvm_sregs, cs) },
	{ SLAT_DS, offsetof(struct kvm_sregs, ds) },
	{ SLAT_ES, offsetof(struct kvm_sregs, es) },
	{ SLAT_FS, offsetof(struct kvm_sregs, fs) },
	{ SLAT_GS, offsetof(struct kvm_sregs, gs) },
	{ SLAT_SS, offsetof(struct kvm_sregs, ss) },
	{ SLAT_TR, offsetof(struct kvm_sregs, tr) },
	{ SLAT_LDTR, offsetof(struct kvm_sregs, ldt) },
};

/**
 * slat_cpu_get_sregs() - KVM_GET_SREGS but what is an interrupt controller's
 * @cpu: the guest CPU, loaded here
 * @sregs: the registers
 *
 * Loaded here.
 */
void slat_cpu_get_sregs(struct slat_cpu *cpu, struct kvm_sregs *sregs)
{
	int i;

	slat_cpu_need(cpu, SLAT_STATE_SEGS | SLAT_STATE_CRS | SLAT_STATE_CR3);
	for (i = 0; i < ARRAY_SIZE(sregs_segs); i++)
		*(struct kvm_segment *)((void *)sregs + sregs_segs[i].offset) =
			cpu->seg[sregs_segs[i].seg];
	sregs->gdt = cpu->gdt;
	sregs->idt = cpu->idt;
	sregs->cr0 = cpu->cr0;
	sregs->cr2 = cpu->cr2;
	sregs->cr3 = cpu->cr3;
	sregs->cr4 = cpu->cr4;
	sregs->cr8 = cpu->cr8;
	sregs->efer = cpu->efer;
}

/**
 * slat_cpu_sregs_valid() - whether a CPU can be in such a state
 * @cpu: which CPU
 * @sregs: the state
 *
 * Pure.  SDM vol. 3A, 2.5 and 4.1.
 */
bool slat_cpu_sregs_valid(const struct slat_cpu *cpu, const struct kvm_sregs *sregs)
{
	u64 cr0 = sregs->cr0, cr4 = sregs->cr4, efer = sregs->efer;

	if (cr0 & ~CR0_DEFINED || cr4 & ~cpu->cr4_allowed || efer & ~cpu->efer_allowed)
		return false;
	if (cr0 & X86_CR0_PG && !(cr0 & X86_CR0_PE))
		return false;
	if (cr0 & X86_CR0_NW && !(cr0 & X86_CR0_CD))
		return false;
	if (efer & EFER_LME && cr0 & X86_CR0_PG) {
		/* Long mode, on: the guest has done all the steps. */
		if (!(cr4 & X86_CR4_PAE) || !(efer & EFER_LMA))
			return false;
		return !(sregs->cr3 >> cpu->phys_bits);
	}
	/* Not in long mode: no trace of it. */
	return !(efer & EFER_LMA) && !sregs->cs.l;
}

/**
 * slat_cpu_set_sregs() - KVM_SET_SREGS of what slat_cpu_sregs_valid() accepts
 * @cpu: the guest CPU, loaded here
 * @sregs: the registers
 */
void slat_cpu_set_sregs(struct slat_cpu *cpu, const struct kvm_sregs *sregs)
{
	int i;

	slat_cpu_need(cpu, SLAT_STATE_CR3);
	for (i = 0; i < ARRAY_SIZE(sregs_segs); i++)
		cpu->seg[sregs_segs[i].seg] =
			*(const struct kvm_segment *)((const void *)sregs + sregs_segs[i].offset);
	cpu->gdt = sregs->gdt;
	cpu->idt = sregs->idt;
	cpu->cr0 = sregs->cr0 | X86_CR0_ET;
	cpu->cr2 = sregs->cr2;
	cpu->cr3 = sregs->cr3;
	cpu->cr4 = sregs->cr4;
	cpu->cr8 = sregs->cr8;
	cpu->efer = sregs->efer;
	cpu->cpl = cpu->seg[SLAT_SS].dpl;
	slat_cpu_changed(cpu, SLAT_STATE_SEGS | SLAT_STATE_CRS | SLAT_STATE_CR3);
}
