// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMCALL and VMMCALL: the calls of KVM's paravirtual interface.
 */
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <uapi/linux/kvm_para.h>

#include "config.h"
#include "mmu/gwalk.h"
#include "vcpu/vcpu.h"

#define HYPERCALL_LEN	3

#define ICR_VECTOR	GENMASK(7, 0)
#define ICR_DELIVERY	GENMASK(10, 8)
#define ICR_LOGICAL	BIT(11)
#define ICR_LEVEL	BIT(15)
#define ICR_SHORTHAND	GENMASK(19, 18)

static long kick(struct slat_vcpu *vcpu, u32 id)
{
	const struct slat_message message = {
		.dest = id, .delivery = SLAT_DELIVER_UNHALT, .ipi = true,
	};

	if (vcpu->has_apic)
		slat_irq_deliver(vcpu->irq, &vcpu->apic, &message);
	return 0;
}

/* Returns how many CPUs take it. */
static long send_ipi(struct slat_vcpu *vcpu, u64 low, u64 high, u32 first, u32 icr)
{
	unsigned int width = slat_cpu_64bit(&vcpu->cpu) ? 64 : 32, i;
	struct slat_message message = {
		.vector = icr & ICR_VECTOR,
		.delivery = (icr & ICR_DELIVERY) >> 8,
		.assert = true,
		.ipi = true,
	};
	long took = 0;

	if (icr & (ICR_SHORTHAND | ICR_LEVEL | ICR_LOGICAL) || !vcpu->has_apic ||
	    (message.delivery != SLAT_DELIVER_FIXED && message.delivery != SLAT_DELIVER_NMI))
		return -KVM_EINVAL;
	for (i = 0; i < 2 * width; i++) {
		int ret;

		if (!((i < width ? low >> i : high >> (i - width)) & 1))
			continue;
		/* An ID, which does not wrap, and is nobody's if all ones. */
		if (check_add_overflow(first, i, &message.dest) ||
		    message.dest == SLAT_APIC_ALL)
			break;
		ret = slat_irq_deliver(vcpu->irq, &vcpu->apic, &message);
		took += max(ret, 0);
	}
	return took;
}

static long call(struct slat_vcpu *vcpu, u64 number, const u64 *args)
{
	switch (number) {
	case KVM_HC_VAPIC_POLL_IRQ:
		return 0;
	case KVM_HC_KICK_CPU:
		if (!slat_pv_has(vcpu, KVM_FEATURE_PV_UNHALT))
			break;
		return kick(vcpu, args[1]);
	case KVM_HC_SEND_IPI:
		if (!slat_pv_has(vcpu, KVM_FEATURE_PV_SEND_IPI))
			break;
		return send_ipi(vcpu, args[0], args[1], args[2], args[3]);
	case KVM_HC_SCHED_YIELD:
		if (!slat_pv_has(vcpu, KVM_FEATURE_PV_SCHED_YIELD))
			break;
		/* A hint; to whoever waits for this CPU, not only to the vCPU named. */
		cond_resched();
		return 0;
	}
	return -KVM_ENOSYS;
}

/**
 * slat_vcpu_hypercall() - see slat_vcpu_handle_exit()
 * @vcpu: the vCPU
 * @insn_len: of VMCALL or VMMCALL
 */
int slat_vcpu_hypercall(struct slat_vcpu *vcpu, unsigned int insn_len)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	u64 *gpr = cpu->gpr;
	u64 args[] = { gpr[SLAT_RBX], gpr[SLAT_RCX], gpr[SLAT_RDX], gpr[SLAT_RSI] };
	bool wide = slat_cpu_64bit(cpu);
	u64 number = gpr[SLAT_RAX];
	long ret = -KVM_EPERM;
	int i;

	for (i = 0; !wide && i < ARRAY_SIZE(args); i++)
		args[i] = (u32)args[i];
	slat_cpu_need(cpu, SLAT_STATE_SEG(SLAT_SS));
	if (!cpu->cpl)
		ret = call(vcpu, wide ? number : (u32)number, args);
	gpr[SLAT_RAX] = wide ? ret : (u32)ret;
	slat_cpu_skip(cpu, insn_len);
	return 1;
}

/* Where RIP is, linearly. */
static u64 code(struct slat_cpu *cpu)
{
	slat_cpu_need(cpu, SLAT_STATE_RIP | SLAT_STATE_SEG(SLAT_CS));
	return slat_cpu_64bit(cpu) ? cpu->rip : (u32)(cpu->rip + cpu->seg[SLAT_CS].base);
}

/* Byte by byte: an instruction that is another may end where memory does. */
static bool is_hypercall(struct slat_vcpu *vcpu, u64 linear)
{
	static const u8 begin[] = { 0x0f, 0x01 };
	u32 error;
	u64 gpa;
	int i;
	u8 byte;

	for (i = 0; i < HYPERCALL_LEN; i++) {
		if (slat_vcpu_translate(vcpu, linear + i, SLAT_GWALK_FETCH, vcpu->cpu.cpl == 3,
					&gpa, &error) ||
		    slat_mmu_read(&vcpu->walker, gpa, &byte, 1))
			return false;
		if (i < ARRAY_SIZE(begin) ? byte != begin[i] :
					    byte != SLAT_VMCALL && byte != SLAT_VMMCALL)
			return false;
	}
	return true;
}

/**
 * slat_vcpu_fix_hypercall() - an instruction that this CPU does not know
 * @vcpu: loaded, the guest about to get #UD
 *
 * Of VMCALL and VMMCALL each CPU has only one.  By KVM's quirk a guest that uses
 * the other finds it replaced, where it may write to its code, and done.
 *
 * Return: whether it was that.
 */
bool slat_vcpu_fix_hypercall(struct slat_vcpu *vcpu)
{
	u64 linear = code(&vcpu->cpu), last = linear + HYPERCALL_LEN - 1, gpa;
	u8 own = vcpu->cpu.ops->hypercall;
	u32 error;

	if (!slat_config_quirk(vcpu->config, KVM_X86_QUIRK_FIX_HYPERCALL_INSN) ||
	    !is_hypercall(vcpu, linear))
		return false;
	if (!slat_vcpu_translate(vcpu, last, SLAT_GWALK_WRITE, vcpu->cpu.cpl == 3, &gpa, &error))
		slat_mmu_write(&vcpu->walker, gpa, &own, 1);
	slat_vcpu_hypercall(vcpu, HYPERCALL_LEN);
	return true;
}
