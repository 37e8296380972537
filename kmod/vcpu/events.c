// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events on their way to the guest: what becomes of two that meet, and how user
 * space sees and sets them.
 *
 *	slat_cpu.event		is being delivered: the CPU had begun, or user
 *				space has said so
 *	slat_vcpu.exception	comes next
 *	slat_vcpu.nmis		wait for NMIs to be open
 *	slat_vcpu.interrupt	waits for interrupts to be open
 */
#include <linux/kernel.h>
#include <uapi/asm/debugreg.h>
#include <asm/trapnr.h>

#include "config.h"
#include "vcpu/vcpu.h"

/* Exceptions after 31 and the one of NMI do not exist. */
#define VECTORS_OF_EXCEPTIONS	32

/* Bits of DR6 that are 1 unless something has happened. */
#define DR6_LOW		0xffff0ff0ULL

static bool is_exception(const struct slat_event *event)
{
	return event->kind == SLAT_EVENT_EXCEPTION || event->kind == SLAT_EVENT_SOFT_EXCEPTION ||
	       event->kind == SLAT_EVENT_PRIVILEGED;
}

/* SDM vol. 3A, table 6-4 */
static bool is_contributory(u8 vector)
{
	return vector == X86_TRAP_DE || (vector >= X86_TRAP_TS && vector <= X86_TRAP_GP);
}

static bool is_page_fault(u8 vector)
{
	return vector == X86_TRAP_PF;
}

/* Whether the second makes a double fault of the first (SDM vol. 3A, table 6-5). */
static bool is_double(u8 first, u8 second)
{
	if (is_contributory(first))
		return is_contributory(second);
	return is_page_fault(first) && (is_contributory(second) || is_page_fault(second));
}

/* What it interrupts comes later, unless it is raised again by itself. */
static void put_off(struct slat_vcpu *vcpu)
{
	struct slat_event *event = &vcpu->cpu.event;

	if (event->kind == SLAT_EVENT_INTERRUPT && vcpu->interrupt < 0)
		vcpu->interrupt = event->vector;
	else if (event->kind == SLAT_EVENT_NMI)
		vcpu->nmis = min(vcpu->nmis + 1, 2u);
	event->kind = SLAT_EVENT_NONE;
}

/**
 * slat_vcpu_raise_event() - an exception is due
 * @vcpu: whose
 * @event: the exception
 *
 * One that is raised by the delivery of another may make both a double fault,
 * or a triple fault; else it comes first.
 */
void slat_vcpu_raise_event(struct slat_vcpu *vcpu, const struct slat_event *event)
{
	const struct slat_event *first = &vcpu->cpu.event;

	vcpu->has_payload = false;
	if (is_exception(first) && first->vector == X86_TRAP_DF &&
	    (is_contributory(event->vector) || is_page_fault(event->vector))) {
		vcpu->triple_fault = true;
		put_off(vcpu);
		return;
	}
	if (is_exception(first) && is_double(first->vector, event->vector))
		vcpu->exception = (struct slat_event) {
			.kind = SLAT_EVENT_EXCEPTION, .vector = X86_TRAP_DF, .has_error = true,
		};
	else
		vcpu->exception = *event;
	put_off(vcpu);
}

/**
 * slat_vcpu_raise() - an exception without an error code is due
 * @vcpu: whose
 * @vector: X86_TRAP_*
 */
void slat_vcpu_raise(struct slat_vcpu *vcpu, u8 vector)
{
	const struct slat_event event = { .kind = SLAT_EVENT_EXCEPTION, .vector = vector };

	slat_vcpu_raise_event(vcpu, &event);
}

/**
 * slat_vcpu_raise_error() - an exception with an error code is due
 * @vcpu: the vCPU
 * @vector: X86_TRAP_*
 * @error: its error code
 */
void slat_vcpu_raise_error(struct slat_vcpu *vcpu, u8 vector, u32 error)
{
	const struct slat_event event = {
		.kind = SLAT_EVENT_EXCEPTION, .vector = vector, .has_error = true, .error = error,
	};

	slat_vcpu_raise_event(vcpu, &event);
}

/**
 * slat_vcpu_undelivered() - an exit has interrupted the delivery of @event
 * @vcpu: the vCPU
 * @event: what was being delivered
 */
void slat_vcpu_undelivered(struct slat_vcpu *vcpu, const struct slat_event *event)
{
	vcpu->cpu.event = *event;
}

/**
 * slat_vcpu_deliver_payload() - leave in CR2 or DR6 what an exception leaves there
 * @vcpu: loaded, its exception about to be delivered
 *
 * Where user space has set both; an exception that is raised here has done so
 * already (SDM vol. 3A, 6.15).
 */
void slat_vcpu_deliver_payload(struct slat_vcpu *vcpu)
{
	struct slat_cpu *cpu = &vcpu->cpu;

	if (!vcpu->has_payload)
		return;
	vcpu->has_payload = false;
	if (vcpu->exception.vector == X86_TRAP_PF) {
		cpu->cr2 = vcpu->payload;
	} else if (vcpu->exception.vector == X86_TRAP_DB) {
		/* Reported as in pending debug exceptions: what is 1 in DR6 is 0 there. */
		cpu->dr6 = (cpu->dr6 & ~(u64)DR_TRAP_BITS) | DR6_LOW;
		cpu->dr6 |= vcpu->payload & ~(u64)DR6_LOW;
		cpu->dr6 &= ~(vcpu->payload & DR6_LOW);
	}
}

/**
 * slat_vcpu_read_events() - what KVM_GET_VCPU_EVENTS returns
 * @vcpu: loaded
 * @events: filled in
 */
void slat_vcpu_read_events(struct slat_vcpu *vcpu, struct kvm_vcpu_events *events)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	const struct slat_event *exception = is_exception(&cpu->event) ? &cpu->event :
									 &vcpu->exception;
	bool soft = cpu->event.kind == SLAT_EVENT_SOFT_INTERRUPT;
	bool interrupt = soft || cpu->event.kind == SLAT_EVENT_INTERRUPT;

	slat_cpu_need(cpu, SLAT_STATE_BLOCKING);
	*events = (struct kvm_vcpu_events) {
		.exception.injected = exception->kind != SLAT_EVENT_NONE,
		.exception.nr = exception->vector,
		.exception.has_error_code = exception->has_error,
		.exception.error_code = exception->error,
		.interrupt.injected = interrupt || vcpu->interrupt >= 0,
		.interrupt.nr = interrupt ? cpu->event.vector : max(vcpu->interrupt, 0),
		.interrupt.soft = soft,
		.nmi.injected = cpu->event.kind == SLAT_EVENT_NMI,
		.nmi.pending = !!vcpu->nmis,
		.nmi.masked = !!(cpu->blocking & SLAT_BLOCKED_BY_NMI),
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
	};
	/* Who does not know of pending ones has been told that they are injected. */
	if (READ_ONCE(vcpu->config->payloads)) {
		events->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
		events->exception.injected = is_exception(&cpu->event);
		events->exception.pending = !events->exception.injected &&
					    vcpu->exception.kind != SLAT_EVENT_NONE;
		events->exception_has_payload = events->exception.pending && vcpu->has_payload;
		if (events->exception_has_payload)
			events->exception_payload = vcpu->payload;
	}
	if (READ_ONCE(vcpu->config->triple_faults)) {
		events->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
		events->triple_fault.pending = vcpu->triple_fault;
	}
	if (cpu->blocking & SLAT_BLOCKED_BY_MOV_SS)
		events->interrupt.shadow |= KVM_X86_SHADOW_INT_MOV_SS;
	if (cpu->blocking & SLAT_BLOCKED_BY_STI)
		events->interrupt.shadow |= KVM_X86_SHADOW_INT_STI;
}

static void write_blocking(struct slat_cpu *cpu, const struct kvm_vcpu_events *events)
{
	slat_cpu_need(cpu, SLAT_STATE_BLOCKING);
	cpu->blocking &= ~SLAT_BLOCKED_BY_NMI;
	if (events->nmi.masked)
		cpu->blocking |= SLAT_BLOCKED_BY_NMI;
	if (events->flags & KVM_VCPUEVENT_VALID_SHADOW) {
		cpu->blocking &= ~(SLAT_BLOCKED_BY_STI | SLAT_BLOCKED_BY_MOV_SS);
		if (events->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS)
			cpu->blocking |= SLAT_BLOCKED_BY_MOV_SS;
		else if (events->interrupt.shadow & KVM_X86_SHADOW_INT_STI)
			cpu->blocking |= SLAT_BLOCKED_BY_STI;
	}
	slat_cpu_changed(cpu, SLAT_STATE_BLOCKING);
}

static struct slat_event exception_of(const struct kvm_vcpu_events *events)
{
	u8 vector = events->exception.nr;
	bool soft = vector == X86_TRAP_BP || vector == X86_TRAP_OF;

	return (struct slat_event) {
		.kind = soft ? SLAT_EVENT_SOFT_EXCEPTION : SLAT_EVENT_EXCEPTION,
		.vector = vector,
		.has_error = events->exception.has_error_code,
		.error = events->exception.error_code,
		.insn_len = soft,	/* INT3, INTO: one byte */
	};
}

/* Some only where user space has asked for them. */
static u32 known_flags(const struct slat_config *config)
{
	u32 known = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
		    KVM_VCPUEVENT_VALID_SIPI_VECTOR;

	if (READ_ONCE(config->payloads))
		known |= KVM_VCPUEVENT_VALID_PAYLOAD;
	if (READ_ONCE(config->triple_faults))
		known |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	return known;
}

/**
 * slat_vcpu_write_events() - what KVM_SET_VCPU_EVENTS does
 * @vcpu: loaded
 * @events: what is on its way, instead of what was
 *
 * Return: 0; -EINVAL: no such exception, or something that Slat has not.
 */
int slat_vcpu_write_events(struct slat_vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	bool pending, injected;

	if (events->flags & ~known_flags(vcpu->config))
		return -EINVAL;
	pending = events->flags & KVM_VCPUEVENT_VALID_PAYLOAD && events->exception.pending;
	injected = events->exception.injected && !pending;
	if ((pending || injected) && (events->exception.nr >= VECTORS_OF_EXCEPTIONS ||
				      events->exception.nr == X86_TRAP_NMI))
		return -EINVAL;

	vcpu->exception.kind = SLAT_EVENT_NONE;
	cpu->event.kind = SLAT_EVENT_NONE;
	if (pending)
		vcpu->exception = exception_of(events);
	vcpu->has_payload = pending && events->exception_has_payload;
	vcpu->payload = events->exception_payload;
	if (events->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		vcpu->triple_fault = events->triple_fault.pending;
	if (injected)
		cpu->event = exception_of(events);
	else if (events->nmi.injected)
		cpu->event = (struct slat_event) {
			.kind = SLAT_EVENT_NMI, .vector = X86_TRAP_NMI,
		};
	else if (events->interrupt.injected && events->interrupt.soft)
		cpu->event = (struct slat_event) {
			.kind = SLAT_EVENT_SOFT_INTERRUPT,
			.vector = events->interrupt.nr,
			.insn_len = 2,
		};
	vcpu->interrupt = events->interrupt.injected && !events->interrupt.soft ?
			  events->interrupt.nr : -1;
	if (events->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		vcpu->nmis = events->nmi.pending ? 1 : 0;
	/* Where KVM_MP_STATE_SIPI_RECEIVED starts. */
	if (events->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR)
		WRITE_ONCE(vcpu->apic.sipi_vector, events->sipi_vector);
	write_blocking(cpu, events);
	return 0;
}
