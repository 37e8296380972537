// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debugging: the guest's own debug registers, and user space that debugs the
 * guest with KVM_SET_GUEST_DEBUG (SDM vol. 3B, chapter 17).
 *
 * MOV DR and #DB always exit, so that DR0 to DR3 and DR6 are in the CPU only
 * while a breakpoint is armed, and are never read back from it.  Single steps of
 * user space are the backend's: the guest's TF is its own.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/debugreg.h>
#include <asm/trapnr.h>

#include "vcpu/vcpu.h"

/* Bits that are always 1, and those that a write changes. */
#define DR6_FIXED	0xffff0ff0ULL
#define DR6_WRITABLE	0xe00fULL
#define DR6_BREAKPOINTS	0xfULL
#define DR6_BD		BIT(13)
#define DR7_FIXED	0x400ULL
#define DR7_WRITABLE	0xffff2bffULL
#define DR7_GD		BIT(13)

static u64 dr6_from(u64 value)
{
	return (value & DR6_WRITABLE) | DR6_FIXED;
}

static u64 dr7_from(u64 value)
{
	return (value & DR7_WRITABLE) | DR7_FIXED;
}

static void set_dr7(struct slat_cpu *cpu, u64 value)
{
	cpu->dr7 = dr7_from(value);
	slat_cpu_changed(cpu, SLAT_STATE_DR7);
}

/*
 * A #DB of the guest's own: the CPU has left DR6 and DR7.GD to who intercepts
 * it.
 */
static int reflect_db(struct slat_vcpu *vcpu, const struct slat_event *event, u64 dr6)
{
	struct slat_cpu *cpu = &vcpu->cpu;

	cpu->dr6 = (cpu->dr6 & ~DR6_BREAKPOINTS) | DR6_FIXED | (dr6 & DR6_WRITABLE);
	slat_cpu_need(cpu, SLAT_STATE_DR7);
	if (cpu->dr7 & DR7_GD)
		set_dr7(cpu, cpu->dr7 & ~DR7_GD);
	slat_vcpu_raise_event(vcpu, event);
	return 1;
}

static int exit_to_user(struct slat_vcpu *vcpu, u8 vector, u64 dr6)
{
	struct kvm_debug_exit_arch *arch = &vcpu->run->debug.arch;
	struct slat_cpu *cpu = &vcpu->cpu;

	slat_cpu_need(cpu, SLAT_STATE_RIP | SLAT_STATE_SEG(SLAT_CS) | SLAT_STATE_DR7);
	vcpu->run->exit_reason = KVM_EXIT_DEBUG;
	arch->exception = vector;
	arch->pad = 0;
	arch->pc = cpu->seg[SLAT_CS].base + cpu->rip;
	arch->dr6 = dr6 | DR6_FIXED;
	arch->dr7 = cpu->debug ? cpu->debug_dr7 : cpu->dr7;
	return 0;
}

/**
 * slat_vcpu_handle_debug() - an exit by #DB or #BP
 * @vcpu: loaded
 * @exit: the exit
 *
 * Return: see slat_vcpu_handle_exit().
 */
int slat_vcpu_handle_debug(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	u32 theirs = exit->event.vector == X86_TRAP_DB ? KVM_GUESTDBG_USE_HW_BP :
							 KVM_GUESTDBG_USE_SW_BP;

	if (vcpu->debug & theirs)
		return exit_to_user(vcpu, exit->event.vector, exit->dr6);
	if (exit->event.vector == X86_TRAP_DB)
		return reflect_db(vcpu, &exit->event, exit->dr6);
	slat_vcpu_raise_event(vcpu, &exit->event);
	return 1;
}

/**
 * slat_vcpu_handle_dr() - MOV to or from a debug register
 * @vcpu: the vCPU
 * @exit: why the guest was left
 *
 * See slat_vcpu_handle_exit().
 */
int slat_vcpu_handle_dr(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	const struct slat_event db = { .kind = SLAT_EVENT_EXCEPTION, .vector = X86_TRAP_DB };
	struct slat_cpu *cpu = &vcpu->cpu;
	unsigned int number = exit->dr.number;
	u64 value;

	slat_cpu_need(cpu, SLAT_STATE_DR7);
	if (number == 4 || number == 5) {
		if (cpu->cr4 & X86_CR4_DE) {
			slat_vcpu_raise(vcpu, X86_TRAP_UD);
			return 1;
		}
		number += 2;
	}
	/* The exit comes before the CPU looks at DR7.GD (SDM vol. 3C, 26.1.1). */
	if (vcpu->debug_gd)
		return exit_to_user(vcpu, X86_TRAP_DB, DR6_BD);
	if (cpu->dr7 & DR7_GD)
		return reflect_db(vcpu, &db, DR6_BD);

	if (!exit->dr.write) {
		value = number < 4 ? cpu->dr[number] : number == 6 ? cpu->dr6 : cpu->dr7;
		slat_cpu_set_gpr(cpu, exit->dr.gpr, value);
		slat_cpu_skip(cpu, exit->insn_len);
		return 1;
	}

	value = slat_cpu_gpr(cpu, exit->dr.gpr);
	if (!slat_cpu_64bit(cpu))
		value = (u32)value;
	if (number >= 6 && value >> 32) {
		slat_vcpu_raise_error(vcpu, X86_TRAP_GP, 0);
		return 1;
	}
	if (number < 4)
		cpu->dr[number] = value;
	else if (number == 6)
		cpu->dr6 = dr6_from(value);
	else
		set_dr7(cpu, value);
	slat_cpu_skip(cpu, exit->insn_len);
	return 1;
}

/**
 * slat_vcpu_handle_step() - user space has asked for one instruction
 * @vcpu: the vCPU
 * @exit: why the guest was left
 */
int slat_vcpu_handle_step(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	return exit_to_user(vcpu, X86_TRAP_DB, DR_STEP);
}

/**
 * slat_vcpu_get_debugregs() - KVM_GET_DEBUGREGS
 * @vcpu: the vCPU
 * @user: where user space has it
 *
 * 0 or -EFAULT.
 */
long slat_vcpu_get_debugregs(struct slat_vcpu *vcpu, void __user *user)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	struct kvm_debugregs regs = { };

	slat_cpu_need(cpu, SLAT_STATE_DR7);
	memcpy(regs.db, cpu->dr, sizeof(regs.db));
	regs.dr6 = cpu->dr6;
	regs.dr7 = cpu->dr7;
	return copy_to_user(user, &regs, sizeof(regs)) ? -EFAULT : 0;
}

/**
 * slat_vcpu_set_debugregs() - KVM_SET_DEBUGREGS
 * @vcpu: the vCPU
 * @user: where user space has it
 *
 * 0, -EFAULT or -EINVAL.
 */
long slat_vcpu_set_debugregs(struct slat_vcpu *vcpu, const void __user *user)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	struct kvm_debugregs regs;

	if (copy_from_user(&regs, user, sizeof(regs)))
		return -EFAULT;
	if (regs.flags || regs.dr6 >> 32 || regs.dr7 >> 32)
		return -EINVAL;
	memcpy(cpu->dr, regs.db, sizeof(cpu->dr));
	cpu->dr6 = dr6_from(regs.dr6);
	set_dr7(cpu, regs.dr7);
	return 0;
}

static void inject(struct slat_vcpu *vcpu, u32 control)
{
	if (control & KVM_GUESTDBG_INJECT_DB) {
		slat_vcpu_raise(vcpu, X86_TRAP_DB);
	} else {
		const struct slat_event bp = {
			.kind = SLAT_EVENT_SOFT_EXCEPTION, .vector = X86_TRAP_BP, .insn_len = 1,
		};

		slat_vcpu_raise_event(vcpu, &bp);
	}
}

/**
 * slat_vcpu_set_guest_debug() - KVM_SET_GUEST_DEBUG
 * @vcpu: loaded
 * @user: struct kvm_guest_debug
 *
 * Return: 0; -EBUSY: to inject one exception while another is due; -EFAULT.
 */
long slat_vcpu_set_guest_debug(struct slat_vcpu *vcpu, const void __user *user)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	struct kvm_guest_debug debug;

	if (copy_from_user(&debug, user, sizeof(debug)))
		return -EFAULT;
	if (debug.control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)) {
		if (vcpu->exception.kind != SLAT_EVENT_NONE)
			return -EBUSY;
		inject(vcpu, debug.control);
	}

	/* A backend may step by RFLAGS. */
	slat_cpu_need(cpu, SLAT_STATE_DR7 | SLAT_STATE_RFLAGS);
	vcpu->debug = debug.control & KVM_GUESTDBG_ENABLE ? debug.control : 0;

	cpu->want_step = vcpu->debug & KVM_GUESTDBG_SINGLESTEP;
	cpu->skipped = false;
	cpu->debug = vcpu->debug & KVM_GUESTDBG_USE_HW_BP;
	memcpy(cpu->debug_dr, debug.arch.debugreg, sizeof(cpu->debug_dr));
	cpu->debug_dr7 = dr7_from(debug.arch.debugreg[7]) & ~DR7_GD;
	vcpu->debug_gd = cpu->debug && debug.arch.debugreg[7] & DR7_GD;
	slat_cpu_changed(cpu, SLAT_STATE_DR7 | SLAT_STATE_RFLAGS);

	cpu->intercepts &= ~BIT(X86_TRAP_BP);
	if (vcpu->debug & KVM_GUESTDBG_USE_SW_BP)
		cpu->intercepts |= BIT(X86_TRAP_BP);
	return 0;
}
