// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU and its local APIC in the kernel: INIT and SIPI, HLT, and what user
 * space sees of it.
 *
 * Whoever has something for a vCPU stores it (a bit of IRR, an event), sets
 * slat_vcpu.look, and then reads where the vCPU is: INSIDE, it gets an IPI;
 * waiting, it is woken.  The vCPU clears slat_vcpu.look before it chooses what
 * to deliver, says where it is, and only then reads slat_vcpu.look again.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/rcuwait.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat/compat.h"
#include "config.h"
#include "vcpu/vcpu.h"

/**
 * slat_vcpu_kick() - the vCPU is to look at what is due
 * @vcpu: whose
 *
 * Any context.
 */
void slat_vcpu_kick(struct slat_vcpu *vcpu)
{
	const struct slat_actor *actor = vcpu->walker.actor;

	WRITE_ONCE(vcpu->look, true);
	/* Pairs with slat_actor_enter(), and with the barrier of who waits. */
	smp_mb();
	if ((atomic64_read(&actor->word) & SLAT_WORD_WHERE) == SLAT_INSIDE)
		slat_kick_cpu(READ_ONCE(actor->cpu));
	rcuwait_wake_up(&vcpu->wait);
}

/* INIT leaves what it does not name as it was (SDM vol. 3A, table 10-1). */
static void init(struct slat_vcpu *vcpu)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	u64 xcr0 = cpu->xcr0, pat, caches = cpu->cr0 & (X86_CR0_CD | X86_CR0_NW);

	slat_cpu_need(cpu, SLAT_STATE_MSRS);
	pat = cpu->pat;
	slat_cpu_reset(cpu);
	cpu->xcr0 = xcr0;
	cpu->pat = pat;
	cpu->cr0 = X86_CR0_ET | caches;
	vcpu->exception.kind = SLAT_EVENT_NONE;
	vcpu->interrupt = -1;
	vcpu->nmis = 0;
	slat_lapic_reset(&vcpu->apic.lapic);
	slat_pv_reset(vcpu);
	vcpu->mp_state = vcpu->apic_base & MSR_IA32_APICBASE_BSP ? KVM_MP_STATE_RUNNABLE :
								   KVM_MP_STATE_INIT_RECEIVED;
}

static void start(struct slat_vcpu *vcpu)
{
	u8 page = READ_ONCE(vcpu->apic.sipi_vector);
	struct slat_cpu *cpu = &vcpu->cpu;

	slat_cpu_need(cpu, SLAT_STATE_SEGS);
	cpu->seg[SLAT_CS].selector = page << 8;
	cpu->seg[SLAT_CS].base = page << 12;
	cpu->rip = 0;
	slat_cpu_changed(cpu, SLAT_STATE_SEGS | SLAT_STATE_RIP);
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
}

/* What other CPUs have sent. */
static void take_events(struct slat_vcpu *vcpu)
{
	unsigned long *events = &vcpu->apic.events;

	if (!READ_ONCE(*events))
		return;
	if (test_and_clear_bit(SLAT_APIC_EVENT_INIT, events))
		init(vcpu);
	if (test_and_clear_bit(SLAT_APIC_EVENT_SIPI, events) &&
	    vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED)
		start(vcpu);
	if (test_and_clear_bit(SLAT_APIC_EVENT_NMI, events))
		vcpu->nmis = min(vcpu->nmis + 1, 2u);
}

/* HLT ends with what can be delivered. */
static bool wakes(struct slat_vcpu *vcpu)
{
	return vcpu->exception.kind != SLAT_EVENT_NONE ||
	       (vcpu->nmis && slat_vcpu_nmis_open(vcpu)) ||
	       ((vcpu->interrupt >= 0 || slat_apic_has_interrupt(&vcpu->apic)) &&
		slat_vcpu_interrupts_open(vcpu));
}

static bool runs(struct slat_vcpu *vcpu)
{
	take_events(vcpu);
	if (vcpu->mp_state == KVM_MP_STATE_HALTED &&
	    (wakes(vcpu) || test_bit(SLAT_APIC_EVENT_UNHALT, &vcpu->apic.events))) {
		clear_bit(SLAT_APIC_EVENT_UNHALT, &vcpu->apic.events);
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	}
	return vcpu->mp_state == KVM_MP_STATE_RUNNABLE;
}

/* A short wait may not be worth sleeping.  Returns whether there is something. */
static bool poll(struct slat_vcpu *vcpu)
{
	u32 limit = vcpu->pv.poll ? READ_ONCE(vcpu->config->halt_poll_ns) : 0;
	u64 end = ktime_get_ns() + limit;

	if (!limit || vcpu->mp_state != KVM_MP_STATE_HALTED)
		return false;
	while (!READ_ONCE(vcpu->look) && !slat_apic_timer_over(&vcpu->apic) &&
	       !need_resched() && !signal_pending(current) && ktime_get_ns() < end)
		cpu_relax();
	return READ_ONCE(vcpu->look) || slat_apic_timer_over(&vcpu->apic);
}

/**
 * slat_vcpu_wait() - wait until the vCPU has something to do
 * @vcpu: with a local APIC here, in slat_vcpu_run()
 *
 * Return: whether it runs; false: the thread has something to do first.
 */
bool slat_vcpu_wait(struct slat_vcpu *vcpu)
{
	slat_apic_timer_follow(&vcpu->apic);
	for (;;) {
		/* What comes from here on is seen: in stay(), or below. */
		if (READ_ONCE(vcpu->look))
			xchg(&vcpu->look, false);
		slat_apic_timer_poll(&vcpu->apic);
		if (runs(vcpu)) {
			slat_apic_timer_wake(&vcpu->apic);
			return true;
		}
		if (poll(vcpu))
			continue;
		slat_apic_timer_sleep(&vcpu->apic);
		prepare_to_rcuwait(&vcpu->wait);
		set_current_state(TASK_INTERRUPTIBLE);
		if (!READ_ONCE(vcpu->look) && !signal_pending(current) &&
		    !slat_immediate_exit(vcpu->run))
			schedule();
		finish_rcuwait(&vcpu->wait);
		if (signal_pending(current) || slat_immediate_exit(vcpu->run)) {
			slat_apic_timer_wake(&vcpu->apic);
			return false;
		}
	}
}

/**
 * slat_vcpu_exit_eoi() - user space's IOAPIC has to know of an EOI
 * @vcpu: with a local APIC here, in slat_vcpu_run()
 *
 * Return: whether there is one: KVM_EXIT_IOAPIC_EOI.
 */
bool slat_vcpu_exit_eoi(struct slat_vcpu *vcpu)
{
	if (vcpu->apic.eoi < 0)
		return false;
	vcpu->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
	vcpu->run->eoi.vector = vcpu->apic.eoi;
	vcpu->apic.eoi = -1;
	return true;
}

/**
 * slat_vcpu_cr8() - the task priority as CR8 has it
 * @vcpu: whose
 */
u64 slat_vcpu_cr8(const struct slat_vcpu *vcpu)
{
	return vcpu->has_apic ? slat_lapic_reg(&vcpu->apic.lapic, SLAT_APIC_TPR) >> 4 :
				vcpu->cpu.cr8;
}

/**
 * slat_vcpu_set_cr8() - set it
 * @vcpu: whose
 * @value: 0 to 15
 */
void slat_vcpu_set_cr8(struct slat_vcpu *vcpu, u64 value)
{
	vcpu->cpu.cr8 = value;
	if (vcpu->has_apic)
		slat_lapic_write(&vcpu->apic.lapic, SLAT_APIC_TPR, value << 4);
}

/**
 * slat_vcpu_give_priority() - the CPU has the task priority while it is in the guest
 * @vcpu: with a local APIC here, in slat_vcpu_run(), about to enter
 *
 * It comes back where the guest may then take an interrupt.
 */
void slat_vcpu_give_priority(struct slat_vcpu *vcpu)
{
	struct slat_cpu *cpu = &vcpu->cpu;

	cpu->cr8 = slat_vcpu_cr8(vcpu);
	cpu->cr8_limit = slat_lapic_tpr_limit(&vcpu->apic.lapic);
}

/**
 * slat_vcpu_take_priority() - what the guest has made of it
 * @vcpu: with a local APIC here, loaded, after an exit
 */
void slat_vcpu_take_priority(struct slat_vcpu *vcpu)
{
	/* The lower half of the register is not CR8's. */
	if (vcpu->cpu.cr8 != slat_vcpu_cr8(vcpu))
		slat_vcpu_set_cr8(vcpu, vcpu->cpu.cr8);
}

/* Where the registers are not any more, the CPU must not find them. */
static void set_base(struct slat_vcpu *vcpu, u64 value)
{
	struct slat_lapic *lapic = &vcpu->apic.lapic;
	bool was_plain = slat_lapic_is_plain(lapic);

	slat_lapic_set_base(lapic, value);
	if (slat_lapic_is_plain(lapic) != was_plain)
		slat_mmu_hide_apic(vcpu->walker.mmu, was_plain);
}

/**
 * slat_vcpu_set_apic_base() - write IA32_APIC_BASE
 * @vcpu: whose
 * @value: what to write
 * @guest: the guest does, not user space
 *
 * Return: 0; -EINVAL.
 */
int slat_vcpu_set_apic_base(struct slat_vcpu *vcpu, u64 value, bool guest)
{
	const u64 known = MSR_IA32_APICBASE_BSP | MSR_IA32_APICBASE_ENABLE |
			  (vcpu->apic.lapic.has_x2apic ? X2APIC_ENABLE : 0) |
			  ((BIT_ULL(vcpu->cpu.phys_bits) - 1) & PAGE_MASK);

	if (vcpu->has_apic) {
		if (value & ~known ||
		    (value & X2APIC_ENABLE && !(value & MSR_IA32_APICBASE_ENABLE)))
			return -EINVAL;
		if (guest && !slat_lapic_base_valid(&vcpu->apic.lapic, value))
			return -EINVAL;
		set_base(vcpu, value);
	}
	vcpu->apic_base = value;
	return 0;
}

/**
 * slat_vcpu_mmio() - an access to what is no memory, done in the kernel
 * @vcpu: loaded
 * @gpa: where
 * @data: filled in, or what to write
 * @len: bytes, 8 at most
 * @write: it is a write
 *
 * Return: whether it is done; else it is user space's.
 */
bool slat_vcpu_mmio(struct slat_vcpu *vcpu, u64 gpa, void *data, unsigned int len, bool write)
{
	if (vcpu->has_apic && slat_apic_access(&vcpu->apic, gpa, data, len, write)) {
		if (vcpu->apic.tpr_access != SLAT_TPR_NONE) {
			slat_cpu_need(&vcpu->cpu, SLAT_STATE_RIP);
			vcpu->vapic.rip = vcpu->cpu.rip;
		}
		return true;
	}
	return write ? slat_bus_write(&vcpu->irq->mmio, gpa, len, data) :
		       slat_bus_read(&vcpu->irq->mmio, gpa, len, data);
}

/**
 * slat_vcpu_pio() - port I/O, done in the kernel
 * @vcpu: loaded
 * @port: which
 * @data: filled in, or what to write
 * @size: of an item in bytes
 * @count: items
 * @in: it reads
 *
 * Return: how many items are done; the rest is user space's.
 */
u32 slat_vcpu_pio(struct slat_vcpu *vcpu, u16 port, void *data, u8 size, u32 count, bool in)
{
	struct slat_bus *bus = &vcpu->irq->pio;
	u32 done;

	for (done = 0; done < count; done++, data += size)
		if (!(in ? slat_bus_read(bus, port, size, data) :
			   slat_bus_write(bus, port, size, data)))
			break;
	return done;
}

/**
 * slat_vcpu_get_lapic() - KVM_GET_LAPIC
 * @vcpu: loaded
 * @user: where to
 *
 * Return: 0; -EINVAL: user space has it; -EFAULT; -ENOMEM.
 */
long slat_vcpu_get_lapic(struct slat_vcpu *vcpu, void __user *user)
{
	struct kvm_lapic_state *state;
	long err = 0;

	if (!vcpu->has_apic)
		return -EINVAL;
	state = kzalloc(sizeof(*state), GFP_KERNEL_ACCOUNT);
	if (!state)
		return -ENOMEM;
	slat_apic_timer_poll(&vcpu->apic);
	slat_lapic_save(&vcpu->apic.lapic, state->regs, READ_ONCE(vcpu->irq->wide_ids));
	if (copy_to_user(user, state, sizeof(*state)))
		err = -EFAULT;
	kfree(state);
	return err;
}

/**
 * slat_vcpu_set_lapic() - KVM_SET_LAPIC
 * @vcpu: loaded
 * @user: its registers
 *
 * Return: 0; -EINVAL: user space has it, or an ID that cannot be; -EFAULT;
 * -ENOMEM.
 */
long slat_vcpu_set_lapic(struct slat_vcpu *vcpu, const void __user *user)
{
	struct kvm_lapic_state *state;
	long err;

	if (!vcpu->has_apic)
		return -EINVAL;
	state = memdup_user(user, sizeof(*state));
	if (IS_ERR(state))
		return PTR_ERR(state);
	err = slat_lapic_restore(&vcpu->apic.lapic, state->regs, READ_ONCE(vcpu->irq->wide_ids));
	kfree(state);
	return err;
}

/**
 * slat_vcpu_get_mp_state() - KVM_GET_MP_STATE
 * @vcpu: loaded
 * @user: where to
 *
 * Return: 0; -EFAULT.
 */
long slat_vcpu_get_mp_state(struct slat_vcpu *vcpu, void __user *user)
{
	struct kvm_mp_state state;

	if (vcpu->has_apic)
		take_events(vcpu);
	state.mp_state = vcpu->mp_state;
	return copy_to_user(user, &state, sizeof(state)) ? -EFAULT : 0;
}

/**
 * slat_vcpu_set_mp_state() - KVM_SET_MP_STATE
 * @vcpu: loaded
 * @user: the state
 *
 * Return: 0; -EINVAL: no such state, or, without a local APIC in the kernel,
 * another than running; -EFAULT.
 */
long slat_vcpu_set_mp_state(struct slat_vcpu *vcpu, const void __user *user)
{
	struct kvm_mp_state state;

	if (copy_from_user(&state, user, sizeof(state)))
		return -EFAULT;
	switch (state.mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_HALTED:
	case KVM_MP_STATE_SIPI_RECEIVED:
		if (vcpu->has_apic)
			break;
		fallthrough;
	default:
		return -EINVAL;
	}
	vcpu->mp_state = state.mp_state;
	/* It starts when it runs. */
	if (state.mp_state == KVM_MP_STATE_SIPI_RECEIVED) {
		vcpu->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		set_bit(SLAT_APIC_EVENT_SIPI, &vcpu->apic.events);
	}
	return 0;
}
