// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running a vCPU: enter, leave, see why, until user space has to.
 */
#include <linux/entry-kvm.h>
#include <linux/kernel.h>
#include <linux/kvm_host.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/trapnr.h>

#include "compat/compat.h"
#include "config.h"
#include "trace.h"
#include "vcpu/vcpu.h"

#define DR7_ENABLES	0xff

/* Entries in a row with the host's interrupts off: not every CPU lets these end an entry. */
#define ENTRIES_INSIDE	32

static bool interrupts_open(struct slat_cpu *cpu)
{
	slat_cpu_need(cpu, SLAT_STATE_RFLAGS | SLAT_STATE_BLOCKING);
	return cpu->rflags & X86_EFLAGS_IF &&
	       !(cpu->blocking & (SLAT_BLOCKED_BY_STI | SLAT_BLOCKED_BY_MOV_SS));
}

static bool nmis_open(struct slat_cpu *cpu)
{
	slat_cpu_need(cpu, SLAT_STATE_BLOCKING);
	return !(cpu->blocking & (SLAT_BLOCKED_BY_NMI | SLAT_BLOCKED_BY_MOV_SS |
				  SLAT_BLOCKED_BY_STI));
}

/**
 * slat_vcpu_interrupts_open() - whether the guest takes interrupts
 * @vcpu: loaded
 */
bool slat_vcpu_interrupts_open(struct slat_vcpu *vcpu)
{
	return interrupts_open(&vcpu->cpu);
}

/**
 * slat_vcpu_nmis_open() - whether the guest takes NMIs
 * @vcpu: loaded
 */
bool slat_vcpu_nmis_open(struct slat_vcpu *vcpu)
{
	return nmis_open(&vcpu->cpu);
}

static bool has_interrupt(struct slat_vcpu *vcpu)
{
	if (vcpu->interrupt >= 0)
		return true;
	if (!vcpu->has_apic)
		return false;
	/* The CPU delivers those of the APIC by itself. */
	return vcpu->cpu.apicv & SLAT_APICV_INTERRUPTS ? slat_apic_pic_asks(&vcpu->apic) :
							 slat_apic_has_interrupt(&vcpu->apic);
}

/* User space's before those of the APIC; -1: another vCPU has been faster. */
static int take_interrupt(struct slat_vcpu *vcpu)
{
	int vector = vcpu->interrupt;

	vcpu->interrupt = -1;
	return vector < 0 ? slat_apic_take_interrupt(&vcpu->apic) : vector;
}

/* Where the PIC is in the kernel, user space has no interrupts. */
static bool user_wants_window(struct slat_vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->request_interrupt_window) && !slat_irq_has_chips(vcpu->irq);
}

/*
 * Chooses what the next entry delivers, by priority: what was being delivered
 * when the guest exited, then an exception, an NMI, an interrupt; windows for
 * what has to wait.
 */
static void choose_event(struct slat_vcpu *vcpu)
{
	bool interrupt = !(vcpu->debug & KVM_GUESTDBG_BLOCKIRQ) && has_interrupt(vcpu);
	struct slat_cpu *cpu = &vcpu->cpu;

	if (cpu->event.kind == SLAT_EVENT_NONE && vcpu->exception.kind != SLAT_EVENT_NONE) {
		slat_vcpu_deliver_payload(vcpu);
		cpu->event = vcpu->exception;
		vcpu->exception.kind = SLAT_EVENT_NONE;
	}
	if (cpu->event.kind == SLAT_EVENT_NONE && vcpu->nmis && nmis_open(cpu)) {
		cpu->event = (struct slat_event) {
			.kind = SLAT_EVENT_NMI, .vector = X86_TRAP_NMI,
		};
		vcpu->nmis--;
	}
	if (cpu->event.kind == SLAT_EVENT_NONE && interrupt && interrupts_open(cpu)) {
		int vector = take_interrupt(vcpu);

		if (vector >= 0)
			cpu->event = (struct slat_event) {
				.kind = SLAT_EVENT_INTERRUPT, .vector = vector,
			};
		interrupt = has_interrupt(vcpu);
	}
	cpu->want_nmi_window = vcpu->nmis;
	/* A window that is open for nothing would end each stay before it begins. */
	cpu->want_interrupt_window = interrupt || user_wants_window(vcpu);
}

/* Interrupts off. */
static void load_debug(struct slat_cpu *cpu)
{
	const u64 *dr = cpu->debug ? cpu->debug_dr : cpu->dr;

	slat_cpu_need(cpu, SLAT_STATE_DR7);
	if (!((cpu->debug ? cpu->debug_dr7 : cpu->dr7) & DR7_ENABLES))
		return;
	/* None of the host's matches half-way. */
	set_debugreg(0, 7);
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
}

static void put_debug(void)
{
	if (hw_breakpoint_active())
		hw_breakpoint_restore();
}

/* Interrupts off.  Returns whether the guest may stay: no timer is due. */
static bool timer_bound(struct slat_vcpu *vcpu)
{
	return !vcpu->has_apic || slat_apic_timer_bound(&vcpu->apic, &vcpu->cpu.max_stay);
}

/*
 * Interrupts off, INSIDE, which this stays: whatever asks for a stay's end sends
 * an interrupt, which also ends one that has not begun again yet.
 *
 * Returns whether @exit is still to be handled.
 */
static bool enter(struct slat_vcpu *vcpu, struct slat_exit *exit)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	int left = ENTRIES_INSIDE;
	bool again = false;
	u64 host_xcr0 = 0;
	bool switch_xcr0 = cpu->cr4 & X86_CR4_OSXSAVE;

	if (switch_xcr0) {
		host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
		switch_xcr0 = host_xcr0 != cpu->xcr0;
	}
	if (switch_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, cpu->xcr0);
	load_debug(cpu);

	do {
		if (trace_slat_entry_enabled()) {
			slat_cpu_need(cpu, SLAT_STATE_RIP);
			trace_slat_entry(vcpu->id, cpu->rip);
		}
		cpu->skipped = false;
		cpu->ops->vcpu_enter(cpu, again);
		/* Who waits for this CPU to leave finds it noted. */
		if (cpu->logged_count)
			slat_mmu_note_writes(&vcpu->walker, cpu->logged, cpu->logged_count);
		cpu->ops->vcpu_exit(cpu, exit);
		again = slat_vcpu_handle_inside(vcpu, exit);
	} while (again && --left && timer_bound(vcpu));

	put_debug();
	if (switch_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, host_xcr0);
	return !again;
}

/*
 * One stay in the guest.  The word that says INSIDE is stored before requests
 * are looked for: whoever makes one later sends an interrupt.
 *
 * Returns whether @exit says why it has ended, which is to be handled.
 */
static bool stay(struct slat_vcpu *vcpu, struct slat_exit *exit)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	bool entered = false, exited = false;

	preempt_disable();
	local_irq_disable();
	if (!slat_mmu_enter(&vcpu->walker, &cpu->root))
		goto enable;
	if (!xfer_to_guest_mode_work_pending() && !slat_immediate_exit(vcpu->run) &&
	    !READ_ONCE(vcpu->look) && timer_bound(vcpu)) {
		if (test_thread_flag(TIF_NEED_FPU_LOAD))
			switch_fpu_return();
		/* INSIDE: who changes it makes this CPU leave. */
		cpu->intercept_msrs = READ_ONCE(vcpu->config->intercept_msrs);
		cpu->log_writes = slat_mmu_logs(vcpu->walker.mmu);
		vcpu->ran = true;
		guest_timing_enter_irqoff();
		exited = enter(vcpu, exit);
		entered = true;
	}
	slat_mmu_leave(&vcpu->walker);
	if (entered) {
		/* The tick that ended the stay comes now, and finds a guest's time. */
		local_irq_enable();
		asm volatile("nop");	/* STI blocks for one instruction */
		local_irq_disable();
		guest_timing_exit_irqoff();
	}
enable:
	local_irq_enable();
	preempt_enable();
	return exited;
}

/* What a thread does before it returns to user space, and before it enters. */
static int thread_work(struct slat_vcpu *vcpu)
{
	/* What the last exit was stays there to be read, as with KVM. */
	if (slat_immediate_exit(vcpu->run))
		return -EINTR;
	if (slat_thread_work()) {
		vcpu->run->exit_reason = KVM_EXIT_INTR;
		WRITE_ONCE(vcpu->signal_exits, vcpu->signal_exits + 1);
		return -EINTR;
	}
	return 1;
}

/**
 * slat_vcpu_ask() - say what to do with user space's answer to an exit
 * @vcpu: which is about to return to user space
 * @complete: called by the next KVM_RUN
 *
 * Loaded.  The answer is for the instruction at RIP: if user space puts the
 * guest elsewhere instead, as at a reset by a port, it is dropped.
 */
void slat_vcpu_ask(struct slat_vcpu *vcpu, slat_complete_fn complete)
{
	slat_cpu_need(&vcpu->cpu, SLAT_STATE_RIP);
	vcpu->complete = complete;
	vcpu->complete_rip = vcpu->cpu.rip;
}

static int answered(struct slat_vcpu *vcpu)
{
	slat_complete_fn complete = vcpu->complete;

	vcpu->complete = NULL;
	slat_cpu_need(&vcpu->cpu, SLAT_STATE_RIP);
	return vcpu->cpu.rip == vcpu->complete_rip ? complete(vcpu) : 1;
}

/* Of a local APIC in the kernel: what the guest is about to have to itself. */
static void give_apic(struct slat_vcpu *vcpu)
{
	slat_pv_offer_eoi(vcpu);
	slat_vcpu_give_priority(vcpu);
	slat_vcpu_give_vapic(vcpu);
	slat_vcpu_give_apicv(vcpu);
}

/* What it has made of that. */
static void take_apic(struct slat_vcpu *vcpu)
{
	slat_vcpu_take_apicv(vcpu);
	slat_vcpu_take_priority(vcpu);
	slat_vcpu_take_vapic(vcpu);
	slat_pv_take_eoi(vcpu);
}

static int run(struct slat_vcpu *vcpu)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	struct slat_exit exit;
	bool exited;
	int ret = 1;

	if (vcpu->complete)
		ret = answered(vcpu);
	while (ret > 0) {
		if (vcpu->triple_fault) {
			vcpu->triple_fault = false;
			vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
			return 0;
		}
		if (cpu->want_step && cpu->skipped) {
			cpu->skipped = false;
			return slat_vcpu_handle_step(vcpu, NULL);
		}
		if (vcpu->has_apic && (slat_vcpu_exit_eoi(vcpu) || slat_vcpu_exit_tpr(vcpu)))
			return 0;
		ret = thread_work(vcpu);
		if (ret <= 0)
			break;
		slat_ring_flush_backlog(&vcpu->walker);
		if (slat_ring_full(&vcpu->walker.ring)) {
			vcpu->run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
			return 0;
		}
		if (vcpu->has_apic && !slat_vcpu_wait(vcpu))
			continue;
		ret = slat_mmu_prepare(&vcpu->walker);
		if (ret < 0)
			break;
		ret = 1;
		slat_pv_update_clock(vcpu);
		slat_pv_update_steal(vcpu);
		if (vcpu->has_apic)
			slat_vcpu_choose_apicv(vcpu);
		choose_event(vcpu);
		if (vcpu->has_apic)
			give_apic(vcpu);
		exited = stay(vcpu, &exit);
		if (vcpu->has_apic)
			take_apic(vcpu);
		if (exited)
			ret = slat_vcpu_handle_exit(vcpu, &exit);
	}
	return ret;
}

/* What user space reads after every exit. */
static void report_state(struct slat_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct slat_cpu *cpu = &vcpu->cpu;

	run->if_flag = !!(slat_cpu_rflags(cpu) & X86_EFLAGS_IF);
	run->ready_for_interrupt_injection = slat_irq_has_chips(vcpu->irq) ||
					     (vcpu->interrupt < 0 && interrupts_open(cpu) &&
					      cpu->event.kind == SLAT_EVENT_NONE);
	run->cr8 = slat_vcpu_cr8(vcpu);
	run->apic_base = vcpu->apic_base;
	run->flags = 0;
}

static void note_thread(struct slat_vcpu *vcpu)
{
	struct pid *old = rcu_dereference_protected(vcpu->thread,
						    lockdep_is_held(&vcpu->mutex));

	if (old == task_pid(current))
		return;
	rcu_assign_pointer(vcpu->thread, get_pid(task_pid(current)));
	if (!old)
		return;
	synchronize_rcu();
	put_pid(old);
}

/**
 * slat_vcpu_yield_to() - somebody else's CPU time for a vCPU that has lost its CPU
 * @vcpu: whose thread may run now; never the caller's
 *
 * Process context.
 *
 * Return: whether it does.
 */
bool slat_vcpu_yield_to(struct slat_vcpu *vcpu)
{
	struct task_struct *task;
	int ret;

	rcu_read_lock();
	task = get_pid_task(rcu_dereference(vcpu->thread), PIDTYPE_PID);
	rcu_read_unlock();
	if (!task)
		return false;
	ret = yield_to(task, true);
	put_task_struct(task);
	return ret > 0;
}

/**
 * slat_vcpu_run() - KVM_RUN
 * @vcpu: whose mutex the caller holds, loaded
 *
 * Process context of the VM's owner.
 *
 * Return: 0: vcpu->run says why; -EINTR: a signal came, or user space asked for
 * it; -errno.
 */
int slat_vcpu_run(struct slat_vcpu *vcpu)
{
	u64 cr8 = READ_ONCE(vcpu->run->cr8);
	sigset_t *blocked = &current->real_blocked;
	int ret;

	if (!vcpu->has_apic && cr8 & ~15ULL)
		return -EINVAL;
	note_thread(vcpu);
	/* Not forgotten: a signal that is blocked there is fatal to nobody yet. */
	if (vcpu->signals_set)
		sigprocmask(SIG_SETMASK, &vcpu->signals, blocked);
	ret = slat_vcpu_sync_in(vcpu);
	if (!ret) {
		if (!vcpu->has_apic)
			vcpu->cpu.cr8 = cr8;
		fpu_swap_kvm_fpstate(&vcpu->fpu, true);
		ret = run(vcpu);
		slat_pv_retract_eoi(vcpu);
		fpu_swap_kvm_fpstate(&vcpu->fpu, false);
		slat_vcpu_sync_out(vcpu);
		report_state(vcpu);
	}
	if (vcpu->signals_set) {
		sigprocmask(SIG_SETMASK, blocked, NULL);
		sigemptyset(blocked);
	}
	return ret;
}
