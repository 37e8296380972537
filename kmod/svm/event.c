// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events that an entry delivers, and what became of them (APM 15.20, 15.7.2).
 *
 * An event of an instruction (INT n, INT3, INTO, INT1) comes after it: it is
 * delivered with RIP there already, or CPUs that can are told where that is.
 */
#include <linux/kernel.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "svm/svm.h"

static const u32 types[] = {
	[SLAT_EVENT_INTERRUPT] = SVM_EVTINJ_TYPE_INTR,
	[SLAT_EVENT_NMI] = SVM_EVTINJ_TYPE_NMI,
	[SLAT_EVENT_EXCEPTION] = SVM_EVTINJ_TYPE_EXEPT,
	[SLAT_EVENT_SOFT_INTERRUPT] = SVM_EVTINJ_TYPE_SOFT,
	[SLAT_EVENT_SOFT_EXCEPTION] = SVM_EVTINJ_TYPE_EXEPT,
	[SLAT_EVENT_PRIVILEGED] = SVM_EVTINJ_TYPE_EXEPT,
};

static void inject_soft(struct slat_cpu *cpu)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	struct vmcb *vmcb = svm->vmcb;
	u64 next = vmcb->save.rip + cpu->event.insn_len;

	svm->soft = cpu->event;
	svm->soft_rip = vmcb->save.rip;
	if (!(cpu->efer & EFER_LMA))
		next = (u32)next;
	if (slat_svm.next_rip)
		vmcb->control.next_rip = next;
	if (!slat_svm.next_rip || cpu->event.kind == SLAT_EVENT_PRIVILEGED)
		vmcb->save.rip = next;
}

/**
 * slat_svm_inject() - what the next entry delivers
 * @cpu: loaded here, its registers in the VMCB
 */
void slat_svm_inject(struct slat_cpu *cpu)
{
	const struct slat_event *event = &cpu->event;
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	struct vmcb_control_area *control = &svm->vmcb->control;

	control->event_inj = 0;
	svm->soft.kind = SLAT_EVENT_NONE;
	if (event->kind == SLAT_EVENT_NONE)
		return;
	/* RIP is still at a guest's own INT, which therefore is executed again. */
	if (slat_event_is_soft(event) && !event->insn_len)
		return;

	control->event_inj = SVM_EVTINJ_VALID | types[event->kind] | event->vector;
	/* Real mode has no error codes. */
	if (event->has_error && cpu->cr0 & X86_CR0_PE) {
		control->event_inj |= SVM_EVTINJ_VALID_ERR;
		control->event_inj_err = event->error;
	}
	if (slat_event_is_soft(event))
		inject_soft(cpu);
	if (event->kind == SLAT_EVENT_NMI) {
		svm->nmi_blocked = true;
		svm->iret = false;
	}
}

static enum slat_event_kind kind_of(u32 info)
{
	u8 vector = info & SVM_EXITINTINFO_VEC_MASK;

	switch (info & SVM_EXITINTINFO_TYPE_MASK) {
	case SVM_EXITINTINFO_TYPE_INTR:
		return SLAT_EVENT_INTERRUPT;
	case SVM_EXITINTINFO_TYPE_NMI:
		return SLAT_EVENT_NMI;
	case SVM_EXITINTINFO_TYPE_SOFT:
		return SLAT_EVENT_SOFT_INTERRUPT;
	default:
		return vector == X86_TRAP_BP || vector == X86_TRAP_OF ?
		       SLAT_EVENT_SOFT_EXCEPTION : SLAT_EVENT_EXCEPTION;
	}
}

/**
 * slat_svm_undelivered() - the event whose delivery an exit has interrupted
 * @cpu: loaded here
 * @event: filled in, if there is one
 *
 * Once for each exit.  Of a guest's own INT the length is not known.
 */
void slat_svm_undelivered(struct slat_cpu *cpu, struct slat_event *event)
{
	struct slat_svm_vcpu *svm = slat_svm_of(cpu);
	const struct vmcb_control_area *control = &svm->vmcb->control;
	u32 info = control->exit_int_info;
	enum slat_event_kind kind = kind_of(info);

	if (!(info & SVM_EXITINTINFO_VALID))
		return;
	if (svm->soft.kind != SLAT_EVENT_NONE &&
	    (u8)(info & SVM_EXITINTINFO_VEC_MASK) == svm->soft.vector) {
		*event = svm->soft;
		svm->vmcb->save.rip = svm->soft_rip;
		return;
	}
	*event = (struct slat_event) {
		.kind = kind,
		.vector = info & SVM_EXITINTINFO_VEC_MASK,
		.has_error = !!(info & SVM_EXITINTINFO_VALID_ERR),
		.error = control->exit_int_info_err,
	};
	if (!event->has_error)
		event->error = 0;
	/* It begins again. */
	if (kind == SLAT_EVENT_NMI)
		svm->nmi_blocked = false;
}
