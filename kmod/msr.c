// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MSRs that a guest has.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/msr.h>
#include <asm/trapnr.h>

#include "vcpu.h"

#define MSRS_MAX	256

#define EFER_KNOWN	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)

/* How a write is checked. */
enum check { ANY, CANONICAL, PAT, LOW32, EFER };

/* MSRs that are a register of struct slat_cpu. */
static const struct {
	u32 index;
	u32 state;
	size_t offset;
	enum check check;
} registers[] = {
#define REGISTER(msr, state, member, check) \
	{ msr, state, offsetof(struct slat_cpu, member), check }
	REGISTER(MSR_EFER, SLAT_STATE_CRS, efer, EFER),
	REGISTER(MSR_STAR, 0, star, ANY),
	REGISTER(MSR_LSTAR, 0, lstar, CANONICAL),
	REGISTER(MSR_CSTAR, 0, cstar, CANONICAL),
	REGISTER(MSR_SYSCALL_MASK, 0, sfmask, LOW32),
	REGISTER(MSR_KERNEL_GS_BASE, 0, kernel_gs_base, CANONICAL),
	REGISTER(MSR_FS_BASE, SLAT_STATE_SEGS, seg[SLAT_FS].base, CANONICAL),
	REGISTER(MSR_GS_BASE, SLAT_STATE_SEGS, seg[SLAT_GS].base, CANONICAL),
	REGISTER(MSR_IA32_SYSENTER_CS, SLAT_STATE_MSRS, sysenter_cs, LOW32),
	REGISTER(MSR_IA32_SYSENTER_ESP, SLAT_STATE_MSRS, sysenter_esp, CANONICAL),
	REGISTER(MSR_IA32_SYSENTER_EIP, SLAT_STATE_MSRS, sysenter_eip, CANONICAL),
	REGISTER(MSR_IA32_CR_PAT, SLAT_STATE_MSRS, pat, PAT),
#undef REGISTER
};

static bool pat_valid(u64 value)
{
	int i;

	for (i = 0; i < 64; i += 8) {
		u8 type = value >> i;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool value_valid(const struct slat_cpu *cpu, enum check check, u64 value)
{
	switch (check) {
	case CANONICAL:
		return (s64)(value << 16) >> 16 == (s64)value;
	case PAT:
		return pat_valid(value);
	case LOW32:
		return !(value >> 32);
	case EFER:
		return !(value & ~(cpu->efer_allowed & EFER_KNOWN));
	default:
		return true;
	}
}

static u64 *register_of(struct slat_cpu *cpu, int i)
{
	slat_cpu_need(cpu, registers[i].state);
	return (void *)cpu + registers[i].offset;
}

static u64 guest_tsc(const struct slat_cpu *cpu)
{
	return rdtsc() + cpu->tsc_offset;
}

/**
 * slat_vcpu_get_msr() - read an MSR of a guest
 * @vcpu: loaded
 * @index: which
 * @value: filled in
 *
 * Return: 0, -ENOENT: the guest does not have it.
 */
int slat_vcpu_get_msr(struct slat_vcpu *vcpu, u32 index, u64 *value)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	int i;

	for (i = 0; i < ARRAY_SIZE(registers); i++) {
		if (registers[i].index == index) {
			*value = *register_of(cpu, i);
			return 0;
		}
	}
	switch (index) {
	case MSR_IA32_TSC:
		*value = guest_tsc(cpu);
		return 0;
	case MSR_IA32_APICBASE:
		*value = vcpu->apic_base;
		return 0;
	case MSR_IA32_MISC_ENABLE:
		*value = MSR_IA32_MISC_ENABLE_FAST_STRING;
		return 0;
	default:
		return -ENOENT;
	}
}

/* Not by the guest itself. */
static int set_register(struct slat_cpu *cpu, int i, u64 value)
{
	if (!value_valid(cpu, registers[i].check, value))
		return -EINVAL;
	*register_of(cpu, i) = value;
	if (registers[i].state)
		slat_cpu_changed(cpu, registers[i].state);
	return 0;
}

/**
 * slat_vcpu_set_msr() - write an MSR of a guest
 * @vcpu: loaded
 * @index: which
 * @value: to what
 *
 * Return: 0; -ENOENT: the guest does not have it; -EINVAL: not with this value.
 */
int slat_vcpu_set_msr(struct slat_vcpu *vcpu, u32 index, u64 value)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	int i;

	for (i = 0; i < ARRAY_SIZE(registers); i++)
		if (registers[i].index == index)
			return set_register(cpu, i, value);
	switch (index) {
	case MSR_IA32_TSC:
		cpu->tsc_offset = value - rdtsc();
		return 0;
	case MSR_IA32_APICBASE:
		vcpu->apic_base = value;
		return 0;
	case MSR_IA32_MISC_ENABLE:
		return 0;
	default:
		return -ENOENT;
	}
}

/**
 * slat_vcpu_handle_rdmsr() - see slat_vcpu_handle_exit()
 * @vcpu: the vCPU
 * @exit: why the guest was left
 */
int slat_vcpu_handle_rdmsr(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	u64 value;

	if (slat_vcpu_get_msr(vcpu, cpu->gpr[SLAT_RCX], &value)) {
		slat_vcpu_raise_error(vcpu, X86_TRAP_GP, 0);
		return 1;
	}
	slat_cpu_set_edx_eax(cpu, value);
	slat_cpu_skip(cpu, exit->insn_len);
	return 1;
}

/* LMA is the CPU's, and LME cannot change while paging is on. */
static bool efer_writable(const struct slat_cpu *cpu, u64 *value)
{
	if ((*value ^ cpu->efer) & EFER_LME && cpu->cr0 & X86_CR0_PG)
		return false;
	*value = (*value & ~(u64)EFER_LMA) | (cpu->efer & EFER_LMA);
	return true;
}

/**
 * slat_vcpu_handle_wrmsr() - see slat_vcpu_handle_exit()
 * @vcpu: the vCPU
 * @exit: why the guest was left
 */
int slat_vcpu_handle_wrmsr(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	u32 index = cpu->gpr[SLAT_RCX];
	u64 value = slat_cpu_edx_eax(cpu);

	if ((index == MSR_EFER && !efer_writable(cpu, &value)) ||
	    slat_vcpu_set_msr(vcpu, index, value)) {
		slat_vcpu_raise_error(vcpu, X86_TRAP_GP, 0);
		return 1;
	}
	slat_cpu_skip(cpu, exit->insn_len);
	return 1;
}

/**
 * slat_vcpu_msr_ioctl() - KVM_GET_MSRS, KVM_SET_MSRS
 * @vcpu: loaded
 * @user: which, and their values
 * @set: write them
 *
 * Return: how many were done before one could not be; -E2BIG; -EFAULT; -ENOMEM.
 */
long slat_vcpu_msr_ioctl(struct slat_vcpu *vcpu, struct kvm_msrs __user *user, bool set)
{
	struct kvm_msr_entry *entries;
	struct kvm_msrs head;
	unsigned int i;
	size_t size;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs >= MSRS_MAX)
		return -E2BIG;
	if (!head.nmsrs)
		return 0;
	size = head.nmsrs * sizeof(*entries);
	entries = memdup_user(user->entries, size);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	for (i = 0; i < head.nmsrs; i++) {
		u64 value = entries[i].data;

		if (set ? slat_vcpu_set_msr(vcpu, entries[i].index, value) :
			  slat_vcpu_get_msr(vcpu, entries[i].index, &value))
			break;
		entries[i].data = value;
	}
	if (!set && copy_to_user(user->entries, entries, size)) {
		kfree(entries);
		return -EFAULT;
	}
	kfree(entries);
	return i;
}
