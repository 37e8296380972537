// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's registers between struct slat_cpu and the VMCB (APM appendix B).
 */
#include <linux/kernel.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <asm/tlbflush.h>

#include "cpu/segment.h"
#include "svm/svm.h"

/* A segment's attributes: its rights without the hole for the limit. */
#define ATTR_LOW		GENMASK(7, 0)
#define ATTR_HIGH_SHIFT		4

#define TYPE_BUSY		2	/* of a TSS */

/* Limits that only a segment counted in pages has. */
#define LIMIT_BYTES_MAX		0xfffff

static const u16 seg_at[SLAT_SEGS] = {
	[SLAT_ES] = offsetof(struct vmcb_save_area, es),
	[SLAT_CS] = offsetof(struct vmcb_save_area, cs),
	[SLAT_SS] = offsetof(struct vmcb_save_area, ss),
	[SLAT_DS] = offsetof(struct vmcb_save_area, ds),
	[SLAT_FS] = offsetof(struct vmcb_save_area, fs),
	[SLAT_GS] = offsetof(struct vmcb_save_area, gs),
	[SLAT_TR] = offsetof(struct vmcb_save_area, tr),
	[SLAT_LDTR] = offsetof(struct vmcb_save_area, ldtr),
};

static struct vmcb_seg *seg_of(struct vmcb_save_area *save, enum slat_seg seg)
{
	return (void *)save + seg_at[seg];
}

/* CPUs keep G, and the busy bit of TR, only in the descriptor that they read. */
static void fetch_seg(struct kvm_segment *seg, const struct vmcb_seg *from)
{
	*seg = (struct kvm_segment) {
		.base = from->base, .limit = from->limit, .selector = from->selector,
	};
	slat_segment_set_rights(seg, (from->attrib & ATTR_LOW) |
				     (from->attrib & ~ATTR_LOW) << ATTR_HIGH_SHIFT);
	seg->g = from->limit > LIMIT_BYTES_MAX;
	seg->unusable = !seg->present;
}

static void flush_seg(const struct kvm_segment *seg, struct vmcb_seg *to)
{
	u32 rights = slat_segment_rights(seg);

	if (seg->unusable)
		rights &= ~SLAT_RIGHTS_PRESENT;
	*to = (struct vmcb_seg) {
		.selector = seg->selector, .limit = seg->limit, .base = seg->base,
		.attrib = (rights & ATTR_LOW) | (rights >> ATTR_HIGH_SHIFT & ~ATTR_LOW),
	};
}

static void fetch_segs(struct slat_cpu *cpu, struct vmcb_save_area *save, u32 groups)
{
	int i;

	for (i = 0; i < SLAT_SEGS; i++)
		if (groups & SLAT_STATE_SEG(i))
			fetch_seg(&cpu->seg[i], seg_of(save, i));
	if (groups & SLAT_STATE_SEG(SLAT_TR))
		cpu->seg[SLAT_TR].type |= TYPE_BUSY;
	if (groups & SLAT_STATE_SEG(SLAT_SS)) {
		cpu->cpl = save->cpl;
		cpu->seg[SLAT_SS].dpl = save->cpl;
	}
	if (groups & SLAT_STATE_TABLES) {
		cpu->gdt.base = save->gdtr.base;
		cpu->gdt.limit = save->gdtr.limit;
		cpu->idt.base = save->idtr.base;
		cpu->idt.limit = save->idtr.limit;
	}
}

static void flush_segs(const struct slat_cpu *cpu, struct vmcb_save_area *save, u32 groups)
{
	int i;

	for (i = 0; i < SLAT_SEGS; i++)
		if (groups & SLAT_STATE_SEG(i))
			flush_seg(&cpu->seg[i], seg_of(save, i));
	if (groups & SLAT_STATE_SEG(SLAT_SS))
		save->cpl = cpu->cpl;
	if (groups & SLAT_STATE_TABLES) {
		save->gdtr.base = cpu->gdt.base;
		save->gdtr.limit = cpu->gdt.limit;
		save->idtr.base = cpu->idt.base;
		save->idtr.limit = cpu->idt.limit;
	}
}

/*
 * The CPU runs with caches and machine checks on.  Reads of a register that is
 * not the guest's because of that exit.
 */
static void flush_crs(struct slat_cpu *cpu, struct vmcb_save_area *save)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);

	save->cr0 = cpu->cr0 & ~(u64)(X86_CR0_CD | X86_CR0_NW);
	save->cr4 = cpu->cr4 | (cr4_read_shadow() & X86_CR4_MCE);
	save->efer = cpu->efer | EFER_SVME;
	svm->changed |= SLAT_CLEAN_CR;
	svm->read_cr = (save->cr0 != cpu->cr0 ? BIT(INTERCEPT_CR0_READ) : 0) |
		       (save->cr4 != cpu->cr4 ? BIT(INTERCEPT_CR4_READ) : 0);
	/* The instruction that changed them would have dropped translations. */
	svm->tag.stale = true;
}

/* TF is set only at an entry: until then it is the guest's own here. */
static void fetch_rflags(struct slat_cpu *cpu, const struct vmcb_save_area *save)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);

	cpu->rflags = save->rflags;
	/* Clear, it was the guest that has cleared it. */
	if (svm->stepping && save->rflags & X86_EFLAGS_TF)
		cpu->rflags = (cpu->rflags & ~(u64)X86_EFLAGS_TF) | svm->own_tf;
}

static void fetch_msrs(struct slat_cpu *cpu, const struct vmcb_save_area *save)
{
	cpu->sysenter_cs = save->sysenter_cs;
	cpu->sysenter_esp = save->sysenter_esp;
	cpu->sysenter_eip = save->sysenter_eip;
	cpu->pat = save->g_pat;
}

static void flush_msrs(const struct slat_cpu *cpu, struct vmcb_save_area *save)
{
	save->sysenter_cs = cpu->sysenter_cs;
	save->sysenter_esp = cpu->sysenter_esp;
	save->sysenter_eip = cpu->sysenter_eip;
	save->g_pat = cpu->pat;
}

static void fetch_syscall(struct slat_cpu *cpu, const struct vmcb_save_area *save)
{
	cpu->star = save->star;
	cpu->lstar = save->lstar;
	cpu->cstar = save->cstar;
	cpu->sfmask = save->sfmask;
	cpu->kernel_gs_base = save->kernel_gs_base;
}

static void flush_syscall(const struct slat_cpu *cpu, struct vmcb_save_area *save)
{
	save->star = cpu->star;
	save->lstar = cpu->lstar;
	save->cstar = cpu->cstar;
	save->sfmask = cpu->sfmask;
	save->kernel_gs_base = cpu->kernel_gs_base;
	if (slat_svm.switches_tsc_aux)
		wrmsrl(MSR_TSC_AUX, cpu->tsc_aux);
}

/* Which instruction blocks is not known any more. */
static void fetch_blocking(struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);

	cpu->blocking = svm->nmi_blocked ? SLAT_BLOCKED_BY_NMI : 0;
	if (svm->vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK)
		cpu->blocking |= SLAT_BLOCKED_BY_STI | SLAT_BLOCKED_BY_MOV_SS;
	cpu->pending_debug = 0;
}

static void flush_blocking(const struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	bool shadow = cpu->blocking & (SLAT_BLOCKED_BY_STI | SLAT_BLOCKED_BY_MOV_SS);
	bool nmi_blocked = cpu->blocking & SLAT_BLOCKED_BY_NMI;

	svm->vmcb->control.int_state = shadow ? SVM_INTERRUPT_SHADOW_MASK : 0;
	svm->trap = cpu->pending_debug;
	if (nmi_blocked != svm->nmi_blocked) {
		svm->nmi_blocked = nmi_blocked;
		svm->iret = false;
	}
}

/**
 * slat_svm_fetch() - see slat_hw_ops.vcpu_fetch
 * @cpu: loaded here
 * @groups: SLAT_STATE_*
 */
void slat_svm_fetch(struct slat_cpu *cpu, u32 groups)
{
	struct vmcb_save_area *save = &slat_svm_of(cpu)->vmcb->save;

	groups &= ~cpu->valid;
	cpu->valid |= groups;

	if (groups & SLAT_STATE_RIP)
		cpu->rip = save->rip;
	if (groups & SLAT_STATE_RSP)
		cpu->gpr[SLAT_RSP] = save->rsp;
	if (groups & SLAT_STATE_RFLAGS)
		fetch_rflags(cpu, save);
	if (groups & SLAT_STATE_SEGS)
		fetch_segs(cpu, save, groups);
	if (groups & SLAT_STATE_CR3)
		cpu->cr3 = save->cr3;
	/* While user space debugs, the VMCB has its DR7. */
	if (groups & SLAT_STATE_DR7 && !cpu->debug)
		cpu->dr7 = save->dr7;
	if (groups & SLAT_STATE_MSRS)
		fetch_msrs(cpu, save);
	if (groups & SLAT_STATE_SYSCALL)
		fetch_syscall(cpu, save);
	if (groups & SLAT_STATE_BLOCKING)
		fetch_blocking(cpu);
}

/**
 * slat_svm_flush() - write what has been changed to the VMCB
 * @cpu: loaded here
 */
void slat_svm_flush(struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	struct vmcb_save_area *save = &svm->vmcb->save;
	u32 groups = cpu->dirty;

	if (!groups)
		return;
	cpu->dirty = 0;
	if (groups & SLAT_STATE_RIP)
		save->rip = cpu->rip;
	if (groups & SLAT_STATE_RSP)
		save->rsp = cpu->gpr[SLAT_RSP];
	if (groups & SLAT_STATE_RFLAGS) {
		save->rflags = cpu->rflags;
		svm->stepping = false;
	}
	if (groups & SLAT_STATE_SEGS) {
		flush_segs(cpu, save, groups);
		svm->changed |= SLAT_CLEAN_SEG | SLAT_CLEAN_DT;
	}
	if (groups & SLAT_STATE_CRS)
		flush_crs(cpu, save);
	if (groups & SLAT_STATE_CR3) {
		save->cr3 = cpu->cr3;
		svm->changed |= SLAT_CLEAN_CR;
		svm->tag.stale = true;
	}
	if (groups & SLAT_STATE_DR7) {
		save->dr7 = cpu->debug ? cpu->debug_dr7 : cpu->dr7;
		svm->changed |= SLAT_CLEAN_DR;
	}
	if (groups & SLAT_STATE_MSRS) {
		flush_msrs(cpu, save);
		svm->changed |= SLAT_CLEAN_NP;
	}
	if (groups & SLAT_STATE_SYSCALL)
		flush_syscall(cpu, save);
	if (groups & SLAT_STATE_BLOCKING)
		flush_blocking(cpu);
}
