// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done about each exit.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/trapnr.h>

#include "vcpu.h"

typedef int (*exit_fn)(struct slat_vcpu *vcpu, const struct slat_exit *exit);

/**
 * slat_vcpu_raise() - an exception without an error code is due
 * @vcpu: whose
 * @vector: X86_TRAP_*
 */
void slat_vcpu_raise(struct slat_vcpu *vcpu, u8 vector)
{
	vcpu->exception = (struct slat_event) {
		.kind = SLAT_EVENT_EXCEPTION, .vector = vector,
	};
}

/** slat_vcpu_raise_error() - an exception with an error code is due */
void slat_vcpu_raise_error(struct slat_vcpu *vcpu, u8 vector, u32 error)
{
	vcpu->exception = (struct slat_event) {
		.kind = SLAT_EVENT_EXCEPTION, .vector = vector,
		.has_error = true, .error = error,
	};
}

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

static int exit_host(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	return 1;
}

static int exit_hlt(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	slat_cpu_skip(&vcpu->cpu, exit->insn_len);
	vcpu->run->exit_reason = KVM_EXIT_HLT;
	return 0;
}

static int exit_skip(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	slat_cpu_skip(&vcpu->cpu, exit->insn_len);
	return 1;
}

static int exit_undefined(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	slat_vcpu_raise(vcpu, X86_TRAP_UD);
	return 1;
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
	if (vcpu->interrupt >= 0 || !READ_ONCE(vcpu->run->request_interrupt_window))
		return 1;
	vcpu->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
	return 0;
}

/* Intercepted so that the guest cannot keep the CPU busy; it gets them back. */
static int exit_exception(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	if (exit->event.vector == X86_TRAP_DB) {
		vcpu->cpu.dr6 &= ~15ULL;
		vcpu->cpu.dr6 |= exit->dr6;
	}
	vcpu->exception = exit->event;
	return 1;
}

static int exit_dr(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	unsigned int number = exit->dr.number;
	u64 value;

	slat_cpu_need(cpu, SLAT_STATE_DR7);
	if (number == 4 || number == 5) {
		if (cpu->cr4 & X86_CR4_DE)
			return exit_undefined(vcpu, exit);
		number += 2;
	}
	if (!exit->dr.write) {
		value = number < 4 ? cpu->dr[number] : number == 6 ? cpu->dr6 : cpu->dr7;
		slat_cpu_set_gpr(cpu, exit->dr.gpr, value);
		return exit_skip(vcpu, exit);
	}

	value = slat_cpu_gpr(cpu, exit->dr.gpr);
	if (number >= 6 && value >> 32)
		return exit_protection(vcpu, exit);
	if (number < 4) {
		cpu->dr[number] = value;
	} else if (number == 6) {
		cpu->dr6 = (value & 0xe00f) | 0xffff0ff0;
	} else {
		cpu->dr7 = (value & 0xffff2bff) | 0x400;
		slat_cpu_changed(cpu, SLAT_STATE_DR7);
	}
	return exit_skip(vcpu, exit);
}

static int exit_fault(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	int ret = slat_mmu_fault(&vcpu->walker, exit->fault.gpa, exit->fault.access);

	switch (ret) {
	case 0:
		return 1;
	case 1:
		return slat_vcpu_execute(vcpu);
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
	[SLAT_EXIT_DR] = exit_dr,
	[SLAT_EXIT_XSETBV] = slat_vcpu_handle_xsetbv,
	[SLAT_EXIT_INVLPG] = exit_unhandled,
	[SLAT_EXIT_INVPCID] = exit_unhandled,
	[SLAT_EXIT_INVD] = exit_skip,
	[SLAT_EXIT_RDPMC] = exit_protection,
	[SLAT_EXIT_RDTSC] = exit_unhandled,
	[SLAT_EXIT_PAUSE] = exit_skip,
	[SLAT_EXIT_IDLE] = exit_undefined,
	[SLAT_EXIT_HYPERCALL] = exit_undefined,
	[SLAT_EXIT_UNDEFINED] = exit_undefined,
	[SLAT_EXIT_TASK_SWITCH] = exit_unhandled,
	[SLAT_EXIT_INTERRUPT_WINDOW] = exit_interrupt_window,
	[SLAT_EXIT_NMI_WINDOW] = exit_host,
	[SLAT_EXIT_TRIPLE_FAULT] = exit_shutdown,
	[SLAT_EXIT_FAILED_ENTRY] = exit_failed_entry,
	[SLAT_EXIT_UNKNOWN] = exit_unknown,
};

/**
 * slat_vcpu_handle_exit() - do what an exit asks for
 * @vcpu: loaded
 * @exit: why the guest was left
 *
 * Return: 1 to enter again, 0 to return to user space, -errno.
 */
int slat_vcpu_handle_exit(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	if (exit->undelivered.kind != SLAT_EVENT_NONE)
		vcpu->cpu.event = exit->undelivered;
	return handlers[exit->reason](vcpu, exit);
}
