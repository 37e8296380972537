// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done about each exit.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/trapnr.h>

#include "config.h"
#include "trace.h"
#include "vcpu/vcpu.h"

typedef int (*exit_fn)(struct slat_vcpu *vcpu, const struct slat_exit *exit);

/* User space is told that something is beyond this VMM. */
static int internal_error(struct slat_vcpu *vcpu, u32 suberror, u64 detail0, u64 detail1)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	run->internal.ndata = 2;
	run->internal.data[0] = detail0;
	run->internal.data[1] = detail1;
	return 0;
}

/**
 * slat_vcpu_no_memory() - the guest has made its CPU use what is no memory
 * @vcpu: whose
 *
 * Return: 0: user space is told.
 */
int slat_vcpu_no_memory(struct slat_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	vcpu->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	vcpu->run->internal.ndata = 0;
	return 0;
}

static int exit_host(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	return 1;
}

static int exit_hlt(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	slat_cpu_skip(&vcpu->cpu, exit->insn_len);
	if (vcpu->has_apic) {
		vcpu->mp_state = KVM_MP_STATE_HALTED;
		return 1;
	}
	vcpu->run->exit_reason = KVM_EXIT_HLT;
	return 0;
}

static int exit_skip(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	slat_cpu_skip(&vcpu->cpu, exit->insn_len);
	return 1;
}

/* It waits for another vCPU, which may wait for this CPU. */
static int exit_pause(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	vcpu->config->ops->yield(vcpu->config, vcpu);
	return exit_skip(vcpu, exit);
}

static int exit_undefined(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	slat_vcpu_raise(vcpu, X86_TRAP_UD);
	return 1;
}

/* A guest may always use them, by KVM's quirk; they do nothing. */
static int exit_idle(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	if (!slat_config_quirk(vcpu->config, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS) &&
	    !slat_vcpu_has_mwait(vcpu))
		return exit_undefined(vcpu, exit);
	return exit_skip(vcpu, exit);
}

static int exit_hypercall(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	return slat_vcpu_hypercall(vcpu, exit->insn_len);
}

static int exit_protection(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	slat_vcpu_raise_error(vcpu, X86_TRAP_GP, 0);
	return 1;
}

static int exit_shutdown(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

static int exit_failed_entry(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	vcpu->run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	vcpu->run->fail_entry.hardware_entry_failure_reason = exit->hardware.reason;
	vcpu->run->fail_entry.cpu = raw_smp_processor_id();
	return 0;
}

static int exit_unknown(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	return internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON,
			      exit->hardware.reason, exit->hardware.detail);
}

static int exit_unhandled(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	return internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION, exit->reason, 0);
}

static int exit_interrupt_window(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	if (vcpu->interrupt >= 0 || slat_irq_has_chips(vcpu->irq) ||
	    !READ_ONCE(vcpu->run->request_interrupt_window))
		return 1;
	vcpu->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
	return 0;
}

/*
 * Intercepted so that the guest cannot keep the CPU busy, #UD for a quirk; it gets
 * them back.
 */
static int exit_exception(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	if (exit->event.vector == X86_TRAP_DB || exit->event.vector == X86_TRAP_BP)
		return slat_vcpu_handle_debug(vcpu, exit);
	if (exit->event.vector == X86_TRAP_UD && slat_vcpu_fix_hypercall(vcpu))
		return 1;
	slat_vcpu_raise_event(vcpu, &exit->event);
	return 1;
}

/* What is there is no memory. */
static int touch(struct slat_vcpu *vcpu, const struct slat_exit *exit, u64 gpa)
{
	/* It was not the instruction that touched it. */
	if (exit->undelivered.kind != SLAT_EVENT_NONE)
		return internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV,
				      exit->undelivered.vector, gpa);
	return slat_vcpu_execute(vcpu);
}

static int exit_apic_access(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	return touch(vcpu, exit, (SLAT_APIC_GFN << PAGE_SHIFT) | exit->offset);
}

/* The instruction is over. */
static int exit_apic_write(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	slat_lapic_written(&vcpu->apic.lapic, exit->offset);
	return 1;
}

/* So is this one, and the interrupt is not in service any more. */
static int exit_eoi(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	slat_lapic_ended(&vcpu->apic.lapic, exit->vector);
	return 1;
}

static int exit_fault(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	int ret = slat_mmu_fault(&vcpu->walker, exit->fault.gpa, exit->fault.access);

	trace_slat_fault(vcpu->id, exit->fault.gpa, exit->fault.access, ret);
	switch (ret) {
	case 0:
		return 1;
	case 1:
		return touch(vcpu, exit, exit->fault.gpa);
	case -EINTR:
	case -EAGAIN:
		return 1;
	default:
		return ret;
	}
}

static const exit_fn handlers[SLAT_EXIT_REASONS] = {
	[SLAT_EXIT_HOST] = exit_host,
	[SLAT_EXIT_EXCEPTION] = exit_exception,
	[SLAT_EXIT_FAULT] = exit_fault,
	[SLAT_EXIT_MISCONFIG] = exit_unhandled,
	[SLAT_EXIT_IO] = slat_vcpu_handle_io,
	[SLAT_EXIT_CPUID] = slat_vcpu_handle_cpuid,
	[SLAT_EXIT_HLT] = exit_hlt,
	[SLAT_EXIT_RDMSR] = slat_vcpu_handle_rdmsr,
	[SLAT_EXIT_WRMSR] = slat_vcpu_handle_wrmsr,
	[SLAT_EXIT_CR] = slat_vcpu_handle_cr,
	[SLAT_EXIT_DR] = slat_vcpu_handle_dr,
	[SLAT_EXIT_XSETBV] = slat_vcpu_handle_xsetbv,
	[SLAT_EXIT_INVLPG] = exit_unhandled,
	[SLAT_EXIT_INVPCID] = exit_unhandled,
	[SLAT_EXIT_INVD] = exit_skip,
	[SLAT_EXIT_RDPMC] = exit_protection,
	[SLAT_EXIT_RDTSC] = exit_unhandled,
	[SLAT_EXIT_PAUSE] = exit_pause,
	[SLAT_EXIT_IDLE] = exit_idle,
	[SLAT_EXIT_HYPERCALL] = exit_hypercall,
	[SLAT_EXIT_UNDEFINED] = exit_undefined,
	[SLAT_EXIT_TASK_SWITCH] = slat_vcpu_handle_task_switch,
	[SLAT_EXIT_INTERRUPT_WINDOW] = exit_interrupt_window,
	[SLAT_EXIT_NMI_WINDOW] = exit_host,
	[SLAT_EXIT_PRIORITY] = exit_host,
	[SLAT_EXIT_APIC_WRITE] = exit_apic_write,
	[SLAT_EXIT_APIC_ACCESS] = exit_apic_access,
	[SLAT_EXIT_EOI] = exit_eoi,
	[SLAT_EXIT_STEP] = slat_vcpu_handle_step,
	[SLAT_EXIT_TRIPLE_FAULT] = exit_shutdown,
	[SLAT_EXIT_FAILED_ENTRY] = exit_failed_entry,
	[SLAT_EXIT_UNKNOWN] = exit_unknown,
};

/**
 * slat_vcpu_handle_exit() - do what an exit asks for
 * @vcpu: loaded
 * @exit: why the guest was left; completed
 *
 * Return: 1 to enter again, 0 to return to user space, -errno.
 */
int slat_vcpu_handle_exit(struct slat_vcpu *vcpu, struct slat_exit *exit)
{
	int ret;

	if (trace_slat_exit_enabled()) {
		slat_cpu_need(&vcpu->cpu, SLAT_STATE_RIP);
		trace_slat_exit(vcpu->id, slat_vcpu_stats_descs[exit->reason].name,
				vcpu->cpu.rip);
	}
	/* After a shutdown the CPU has nothing left to deliver. */
	if (exit->undelivered.kind != SLAT_EVENT_NONE && exit->reason != SLAT_EXIT_TRIPLE_FAULT)
		slat_vcpu_undelivered(vcpu, &exit->undelivered);
	WRITE_ONCE(vcpu->exits[exit->reason], vcpu->exits[exit->reason] + 1);
	if (exit->partial) {
		ret = slat_vcpu_assist(vcpu, exit);
		if (ret <= 0)
			return ret;
		if (exit->partial)
			return 1;
	}
	return handlers[exit->reason](vcpu, exit);
}

/**
 * slat_vcpu_handle_inside() - the same of an exit for which the guest is not left
 * @vcpu: loaded
 * @exit: why it exited
 *
 * Interrupts off.  Only what changes nothing but registers.
 *
 * Return: whether it is done.
 */
bool slat_vcpu_handle_inside(struct slat_vcpu *vcpu, struct slat_exit *exit)
{
	if (exit->reason != SLAT_EXIT_CPUID || exit->partial || vcpu->cpu.want_step ||
	    exit->undelivered.kind != SLAT_EVENT_NONE)
		return false;
	return slat_vcpu_handle_exit(vcpu, exit) > 0;
}
