// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest CPU under AMD-V: its control structure, and one entry.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/hardirq.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>
#include <uapi/asm/debugreg.h>

#include "compat/compat.h"
#include "svm/root.h"
#include "svm/svm.h"

#define DR6_RESET	0xffff0ff0

/* Always taken from the guest: it could keep the CPU busy for ever with these. */
#define INTERCEPTED_EXCEPTIONS	(BIT(X86_TRAP_DB) | BIT(X86_TRAP_UD) |	\
				 BIT(X86_TRAP_AC) | BIT(X86_TRAP_MC))

#define INTERCEPTED_CR	(BIT(INTERCEPT_CR0_WRITE) | BIT(INTERCEPT_CR4_WRITE))
#define INTERCEPTED_DR	0x00ff00ff	/* all, read and written */

#define WORD_BIT(name)	BIT(INTERCEPT_##name & 31)

#define INTERCEPTED_WORD3							\
	(WORD_BIT(INTR) | WORD_BIT(NMI) | WORD_BIT(SMI) | WORD_BIT(INIT) |	\
	 WORD_BIT(RDPMC) | WORD_BIT(CPUID) | WORD_BIT(INVD) | WORD_BIT(HLT) |	\
	 WORD_BIT(INVLPGA) | WORD_BIT(IOIO_PROT) | WORD_BIT(MSR_PROT) |		\
	 WORD_BIT(TASK_SWITCH) | WORD_BIT(SHUTDOWN))
#define INTERCEPTED_WORD4							\
	(WORD_BIT(VMRUN) | WORD_BIT(VMMCALL) | WORD_BIT(VMLOAD) |		\
	 WORD_BIT(VMSAVE) | WORD_BIT(STGI) | WORD_BIT(CLGI) | WORD_BIT(SKINIT) |	\
	 WORD_BIT(WBINVD) | WORD_BIT(MONITOR) | WORD_BIT(MWAIT) |		\
	 WORD_BIT(XSETBV) | WORD_BIT(RDPRU))

/* A virtual interrupt that nothing but IF holds back: it exits when it comes. */
#define INTERRUPT_WINDOW	(V_IRQ_MASK | V_IGN_TPR_MASK | V_INTR_PRIO_MASK)

/* So many PAUSEs exit, or as many no further apart than so many ticks of the TSC. */
#define PAUSE_COUNT	3000
#define PAUSE_GAP	128

/* Whose branches the predictors of a CPU have learnt; that CPU's. */
static DEFINE_PER_CPU(const struct vmcb *, last_vmcb);

/* On kernels that look for errors in memory management. */
static const bool checks_clean = IS_ENABLED(CONFIG_DEBUG_VM);

static void free_vmcb(struct slat_svm_vcpu *svm)
{
	free_page((unsigned long)svm->last);
	free_page((unsigned long)svm->vmcb);
	kfree(svm);
}

/**
 * slat_svm_vcpu_alloc() - see slat_hw_ops.vcpu_alloc
 * @cpu: the guest CPU
 */
int slat_svm_vcpu_alloc(struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);
	struct vmcb_control_area *control;

	if (!svm)
		return -ENOMEM;
	svm->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (checks_clean)
		svm->last = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!svm->vmcb || (checks_clean && !svm->last)) {
		free_vmcb(svm);
		return -ENOMEM;
	}
	control = &svm->vmcb->control;
	control->intercepts[INTERCEPT_DR] = INTERCEPTED_DR;
	control->iopm_base_pa = __pa(slat_svm.iopm);
	control->nested_ctl = SVM_NESTED_CTL_NP_ENABLE;
	control->pause_filter_count = PAUSE_COUNT;
	if (boot_cpu_has(X86_FEATURE_PFTHRESHOLD))
		control->pause_filter_thresh = PAUSE_GAP;
	cpu->hw = svm;
	cpu->reads_pdptrs = true;
	return 0;
}

/**
 * slat_svm_vcpu_free() - see slat_hw_ops.vcpu_free
 * @cpu: the guest CPU
 */
void slat_svm_vcpu_free(struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	int host;

	/* Another one's page is no reason to believe that it ran there. */
	for_each_possible_cpu(host)
		cmpxchg(per_cpu_ptr(&last_vmcb, host), svm->vmcb, NULL);
	free_vmcb(svm);
	cpu->hw = NULL;
}

/**
 * slat_svm_vcpu_load() - see slat_hw_ops.vcpu_load
 * @cpu: the guest CPU
 */
void slat_svm_vcpu_load(struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);

	if (this_cpu_read(last_vmcb) != svm->vmcb) {
		this_cpu_write(last_vmcb, svm->vmcb);
		indirect_branch_prediction_barrier();
	}
	if (slat_svm.switches_tsc_aux) {
		rdmsrl(MSR_TSC_AUX, svm->host_tsc_aux);
		wrmsrl(MSR_TSC_AUX, cpu->tsc_aux);
	}
	if (slat_svm.has_debugctl)
		rdmsrl(MSR_IA32_DEBUGCTLMSR, svm->host_debugctl);
	cpu->host_cpu = smp_processor_id();
}

/**
 * slat_svm_vcpu_put() - see slat_hw_ops.vcpu_put
 * @cpu: the guest CPU
 */
void slat_svm_vcpu_put(struct slat_cpu *cpu)
{
	if (slat_svm.switches_tsc_aux)
		wrmsrl(MSR_TSC_AUX, slat_svm_of(cpu)->host_tsc_aux);
	cpu->host_cpu = -1;
}

static bool in_shadow(const struct slat_svm_vcpu *svm)
{
	return svm->vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK;
}

/*
 * NMIs are open again when the IRET is over that ends the handling of one; it
 * is stepped over, and so is what follows STI or MOV SS.
 */
static bool steps_for_nmi(const struct slat_cpu *cpu)
{
	const struct slat_svm_vcpu *svm = slat_svm_of(cpu);

	return cpu->want_nmi_window && (svm->iret || (!svm->nmi_blocked && in_shadow(svm)));
}

/* Where VMRUN forgets the shadow, a window would open in it: between STI and HLT. */
static bool steps_for_shadow(const struct slat_cpu *cpu)
{
	return slat_svm.forgets_shadow && cpu->want_interrupt_window &&
	       in_shadow(slat_svm_of(cpu));
}

/* There the shadow is over only when the guest has left @rip, where it was entered in one. */
static void keep_shadow(struct vmcb *vmcb, u64 rip)
{
	if (vmcb->save.rip == rip && vmcb->control.exit_code != SVM_EXIT_EXCP_BASE + X86_TRAP_DB)
		vmcb->control.int_state |= SVM_INTERRUPT_SHADOW_MASK;
}

/* Single steps are TF's: there is no exit for them. */
static void flush_step(struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	u64 *rflags = &svm->vmcb->save.rflags;
	bool step = cpu->want_step || steps_for_nmi(cpu) || steps_for_shadow(cpu);

	/* Clear, it was the guest that has cleared it. */
	if (!svm->stepping || !(*rflags & X86_EFLAGS_TF))
		svm->own_tf = *rflags & X86_EFLAGS_TF;
	svm->stepping = step;
	*rflags = (*rflags & ~(u64)X86_EFLAGS_TF) | (step ? X86_EFLAGS_TF : svm->own_tf);
}

/* What stays as it is the CPU need not read again. */
static void put(struct slat_svm_vcpu *svm, u64 *field, u64 value, u32 group)
{
	if (*field == value)
		return;
	*field = value;
	svm->changed |= group;
}

static void put32(struct slat_svm_vcpu *svm, u32 *field, u32 value, u32 group)
{
	if (*field == value)
		return;
	*field = value;
	svm->changed |= group;
}

static void flush_intercepts(struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	u32 *intercepts = svm->vmcb->control.intercepts;
	u32 word3 = INTERCEPTED_WORD3, word4 = INTERCEPTED_WORD4, word5 = 0;
	u32 crs = INTERCEPTED_CR | svm->read_cr;

	/* What it is written to only the instruction says. */
	if (cpu->cr8_limit)
		crs |= BIT(INTERCEPT_CR8_WRITE);
	if (cpu->want_interrupt_window)
		word3 |= WORD_BIT(VINTR);
	if (svm->nmi_blocked && !svm->iret)
		word3 |= WORD_BIT(IRET);
	if (slat_svm.pause_filter && !(cpu->spared & SLAT_SPARED_PAUSE))
		word3 |= WORD_BIT(PAUSE);
	if (cpu->spared & SLAT_SPARED_HLT)
		word3 &= ~WORD_BIT(HLT);
	if (cpu->spared & SLAT_SPARED_MWAIT)
		word4 &= ~(WORD_BIT(MONITOR) | WORD_BIT(MWAIT));
	if (!cpu->has_rdtscp)
		word4 |= WORD_BIT(RDTSCP);
	if (!cpu->has_invpcid && slat_svm.has_invpcid)
		word5 |= WORD_BIT(INVPCID);

	put32(svm, &intercepts[INTERCEPT_CR], crs, SLAT_CLEAN_INTERCEPTS);
	put32(svm, &intercepts[INTERCEPT_EXCEPTION], INTERCEPTED_EXCEPTIONS | cpu->intercepts,
	      SLAT_CLEAN_INTERCEPTS);
	put32(svm, &intercepts[INTERCEPT_WORD3], word3, SLAT_CLEAN_INTERCEPTS);
	put32(svm, &intercepts[INTERCEPT_WORD4], word4, SLAT_CLEAN_INTERCEPTS);
	put32(svm, &intercepts[INTERCEPT_WORD5], word5, SLAT_CLEAN_INTERCEPTS);
}

static void flush_controls(struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	struct vmcb_control_area *control = &svm->vmcb->control;
	struct slat_svm_tags *tags = slat_svm_root_tags();
	bool window = cpu->want_interrupt_window && !steps_for_shadow(cpu);

	/* Another CPU, or one that AMD-V was off on, has read nothing. */
	if (!slat_svm_tag_is_of(&svm->tag, tags))
		svm->changed = SLAT_CLEAN_ALL;

	flush_intercepts(cpu);
	/* Of what all ports have there is enough for all MSRs. */
	put(svm, &control->msrpm_base_pa,
	    __pa(cpu->intercept_msrs ? slat_svm.iopm : slat_svm.msrpm), SLAT_CLEAN_MAPS);
	put32(svm, &control->int_ctl, V_INTR_MASKING_MASK | (cpu->cr8 & V_TPR_MASK) |
				      (window ? INTERRUPT_WINDOW : 0),
	      SLAT_CLEAN_TPR);
	put(svm, &control->tsc_offset, cpu->tsc_offset, SLAT_CLEAN_INTERCEPTS);
	if (slat_svm.tsc_scaling)
		slat_svm_root_scale_tsc(cpu->tsc_ratio ? cpu->tsc_ratio >> 16 :
							 SVM_TSC_RATIO_DEFAULT);
	put(svm, &control->nested_cr3, cpu->root, SLAT_CLEAN_NP);
	control->tlb_ctl = slat_svm_tag_enter(&svm->tag, tags, cpu->root);
	put32(svm, &control->asid, svm->tag.asid, SLAT_CLEAN_ASID);
	put(svm, &svm->vmcb->save.cr2, cpu->cr2, SLAT_CLEAN_CR2);
	put(svm, &svm->vmcb->save.dr6, DR6_RESET, SLAT_CLEAN_DR);
	control->clean = SLAT_CLEAN_ALL & ~svm->changed;
	if (checks_clean)
		slat_svm_clean_check(svm);
}

/*
 * The kernel counts the time between as the guest's, in which RCU, tracing and
 * lockdep may not be used: nothing here is instrumented, or calls what is.
 */
static noinstr void stay(struct slat_cpu *cpu, u64 vmcb, u64 host)
{
	guest_state_enter_irqoff();
	slat_svm_of(cpu)->entered = slat_svm_switch(cpu->gpr, vmcb, host);
	guest_state_exit_irqoff();
}

static void after_exit(struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	const struct vmcb *vmcb = svm->vmcb;

	if (vmcb->control.exit_code == SVM_EXIT_EXCP_BASE + X86_TRAP_MC)
		slat_machine_check();
	if (svm->iret && vmcb->save.rip != svm->iret_rip) {
		svm->iret = false;
		svm->nmi_blocked = false;
	}
	if (vmcb->control.exit_code == SVM_EXIT_ERR) {
		if (svm->soft.kind != SLAT_EVENT_NONE)
			svm->vmcb->save.rip = svm->soft_rip;
		return;
	}
	cpu->event.kind = SLAT_EVENT_NONE;
}

static bool is_exception(enum slat_event_kind kind)
{
	return kind != SLAT_EVENT_NONE && kind != SLAT_EVENT_INTERRUPT && kind != SLAT_EVENT_NMI;
}

/*
 * AMD-V keeps no trap pending: one that is due comes as an exit without an
 * entry, before an interrupt, and not at all after an exception.
 */
static bool trap_is_due(struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	bool trap = svm->trap;

	svm->trap = false;
	cpu->pending_debug = 0;
	return trap && !is_exception(cpu->event.kind);
}

/**
 * slat_svm_vcpu_enter() - see slat_hw_ops.vcpu_enter
 * @cpu: the guest CPU, loaded here
 * @again: makes no difference: all that it writes is memory
 */
void slat_svm_vcpu_enter(struct slat_cpu *cpu, bool again)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	struct vmcb *vmcb = svm->vmcb;
	bool shadow;
	u64 rip;

	slat_svm_flush(cpu);
	svm->trapped = trap_is_due(cpu);
	if (svm->trapped)
		return;

	flush_step(cpu);
	slat_svm_inject(cpu);
	flush_controls(cpu);
	vmcb->save.rax = cpu->gpr[SLAT_RAX];
	shadow = slat_svm.forgets_shadow && in_shadow(svm);
	rip = vmcb->save.rip;
	if (svm->host_debugctl)
		wrmsrl(MSR_IA32_DEBUGCTLMSR, 0);

	stay(cpu, __pa(vmcb), slat_svm_root_host());

	/* All but what exits for every change. */
	cpu->valid = SLAT_STATE_CRS;
	if (svm->host_debugctl)
		wrmsrl(MSR_IA32_DEBUGCTLMSR, svm->host_debugctl);
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
	if (!svm->entered)
		return;
	/* The CPU has read nothing of what it has refused. */
	svm->changed = vmcb->control.exit_code == SVM_EXIT_ERR ? SLAT_CLEAN_ALL : 0;
	if (checks_clean)
		slat_svm_clean_keep(svm);
	cpu->gpr[SLAT_RAX] = vmcb->save.rax;
	cpu->cr2 = vmcb->save.cr2;
	cpu->cr8 = vmcb->control.int_ctl & V_TPR_MASK;
	if (shadow)
		keep_shadow(vmcb, rip);
	after_exit(cpu);
}
