// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control registers: what a guest's MOV to them checks and does (SDM vol. 3A,
 * 2.5 and 4.1; vol. 2B, MOV--Move to/from Control Registers).
 */
#include <linux/kernel.h>
#include <asm/trapnr.h>

#include "vcpu/vcpu.h"

#define CR0_PAGING_BITS	(X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)
#define CR4_PAGING_BITS	(X86_CR4_PGE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_SMEP)
#define CR0_WRITABLE	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_NE | \
			 X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

static bool pae_paging(const struct slat_cpu *cpu)
{
	return cpu->cr0 & X86_CR0_PG && cpu->cr4 & X86_CR4_PAE && !slat_cpu_long_mode(cpu);
}

/**
 * slat_vcpu_load_pdptrs() - read what PAE paging keeps in the CPU
 * @vcpu: loaded
 *
 * Process context; may sleep.
 *
 * Return: 0; 1: one of them has reserved bits set, or there is no memory there.
 */
int slat_vcpu_load_pdptrs(struct slat_vcpu *vcpu)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	u64 pdptr[4];
	int i;

	slat_cpu_need(cpu, SLAT_STATE_CR3);
	if (slat_mmu_read(&vcpu->walker, cpu->cr3 & 0xffffffe0, pdptr, sizeof(pdptr)))
		return 1;
	if (!slat_cpu_pdptrs_valid(cpu, pdptr))
		return 1;
	for (i = 0; i < 4; i++)
		cpu->pdptr[i] = pdptr[i];
	slat_cpu_changed(cpu, SLAT_STATE_CR3);
	return 0;
}

/* Each returns 0, or 1 for #GP. */
static int set_cr0(struct slat_vcpu *vcpu, u64 value)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	u64 old = cpu->cr0, efer = cpu->efer;

	if (value >> 32)
		return 1;
	value = (value & CR0_WRITABLE) | X86_CR0_ET;
	if (value & X86_CR0_NW && !(value & X86_CR0_CD))
		return 1;
	if (value & X86_CR0_PG && !(value & X86_CR0_PE))
		return 1;

	if (value & X86_CR0_PG && !(old & X86_CR0_PG) && efer & EFER_LME) {
		slat_cpu_need(cpu, SLAT_STATE_SEG(SLAT_CS));
		if (!(cpu->cr4 & X86_CR4_PAE) || cpu->seg[SLAT_CS].l)
			return 1;
		cpu->efer |= EFER_LMA;
	}
	if (!(value & X86_CR0_PG) && old & X86_CR0_PG) {
		if (cpu->cr4 & X86_CR4_PCIDE || slat_cpu_64bit(cpu))
			return 1;
		cpu->efer &= ~(u64)EFER_LMA;
	}

	cpu->cr0 = value;
	if (pae_paging(cpu) && (value ^ old) & CR0_PAGING_BITS && slat_vcpu_load_pdptrs(vcpu)) {
		cpu->cr0 = old;
		cpu->efer = efer;
		return 1;
	}
	slat_cpu_changed(cpu, SLAT_STATE_CRS);
	return 0;
}

/**
 * slat_vcpu_set_cr3() - load CR3 as the guest's instructions do
 * @vcpu: loaded
 * @value: what is loaded
 *
 * Process context; may sleep.
 *
 * Return: 0; 1: it is no valid value.
 */
int slat_vcpu_set_cr3(struct slat_vcpu *vcpu, u64 value)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	u64 old;

	slat_cpu_need(cpu, SLAT_STATE_CR3);
	old = cpu->cr3;
	if (cpu->cr4 & X86_CR4_PCIDE)
		value &= ~BIT_ULL(63);
	if (slat_cpu_long_mode(cpu) && value >> cpu->phys_bits)
		return 1;
	cpu->cr3 = value;
	if (pae_paging(cpu) && slat_vcpu_load_pdptrs(vcpu)) {
		cpu->cr3 = old;
		return 1;
	}
	slat_cpu_changed(cpu, SLAT_STATE_CR3);
	return 0;
}

static int set_cr4(struct slat_vcpu *vcpu, u64 value)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	u64 old = cpu->cr4, changed = value ^ old;

	if (value & ~cpu->cr4_allowed)
		return 1;
	if (slat_cpu_long_mode(cpu)) {
		if (!(value & X86_CR4_PAE) || changed & X86_CR4_LA57)
			return 1;
	}
	if (value & X86_CR4_PCIDE && changed & X86_CR4_PCIDE) {
		slat_cpu_need(cpu, SLAT_STATE_CR3);
		if (!slat_cpu_long_mode(cpu) || cpu->cr3 & 0xfff)
			return 1;
	}
	cpu->cr4 = value;
	if (pae_paging(cpu) && changed & CR4_PAGING_BITS && slat_vcpu_load_pdptrs(vcpu)) {
		cpu->cr4 = old;
		return 1;
	}
	slat_cpu_changed(cpu, SLAT_STATE_CRS);
	return 0;
}

/* Without an interrupt controller here user space has to know. */
static int set_cr8(struct slat_vcpu *vcpu, u64 value, unsigned int insn_len)
{
	u64 old = slat_vcpu_cr8(vcpu);

	if (value & ~15ULL) {
		slat_vcpu_raise_error(vcpu, X86_TRAP_GP, 0);
		return 1;
	}
	slat_vcpu_set_cr8(vcpu, value);
	slat_cpu_skip(&vcpu->cpu, insn_len);
	if (value >= old || vcpu->has_apic)
		return 1;
	vcpu->run->exit_reason = KVM_EXIT_SET_TPR;
	return 0;
}

static u64 get_cr(struct slat_cpu *cpu, unsigned int number)
{
	switch (number) {
	case 0:
		return cpu->cr0;
	case 3:
		slat_cpu_need(cpu, SLAT_STATE_CR3);
		return cpu->cr3;
	default:
		return cpu->cr4;
	}
}

static int write_cr(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	u64 value = slat_cpu_gpr(cpu, exit->cr.gpr);

	/* What is above in a register is nobody's outside of 64-bit mode. */
	if (!slat_cpu_64bit(cpu))
		value = (u32)value;
	if (exit->cr.clts)
		return set_cr0(vcpu, cpu->cr0 & ~X86_CR0_TS);
	/* LMSW changes the low four bits, and never clears PE. */
	if (exit->cr.lmsw)
		return set_cr0(vcpu, (cpu->cr0 & ~14ULL) | (exit->cr.source & 15));
	switch (exit->cr.number) {
	case 0:
		return set_cr0(vcpu, value);
	case 3:
		return slat_vcpu_set_cr3(vcpu, value);
	default:
		return set_cr4(vcpu, value);
	}
}

/**
 * slat_vcpu_handle_cr() - see slat_vcpu_handle_exit()
 * @vcpu: the vCPU
 * @exit: why the guest was left
 */
int slat_vcpu_handle_cr(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	struct slat_cpu *cpu = &vcpu->cpu;

	if (!exit->cr.write) {
		u64 value = exit->cr.number == 8 ? slat_vcpu_cr8(vcpu) :
						   get_cr(cpu, exit->cr.number);

		if (exit->cr.smsw && exit->cr.size == 2)
			value = (slat_cpu_gpr(cpu, exit->cr.gpr) & ~0xffffULL) | (u16)value;
		slat_cpu_set_gpr(cpu, exit->cr.gpr, value);
		slat_cpu_skip(cpu, exit->insn_len);
		return 1;
	}
	if (exit->cr.number == 8)
		return set_cr8(vcpu, slat_cpu_gpr(cpu, exit->cr.gpr), exit->insn_len);
	if (write_cr(vcpu, exit))
		slat_vcpu_raise_error(vcpu, X86_TRAP_GP, 0);
	else
		slat_cpu_skip(cpu, exit->insn_len);
	return 1;
}

/**
 * slat_vcpu_handle_xsetbv() - see slat_vcpu_handle_exit()
 * @vcpu: the vCPU
 * @exit: why the guest was left
 *
 * SDM vol. 1, 13.3.
 */
int slat_vcpu_handle_xsetbv(struct slat_vcpu *vcpu, const struct slat_exit *exit)
{
	struct slat_cpu *cpu = &vcpu->cpu;
	u64 value = slat_cpu_edx_eax(cpu);

	slat_cpu_need(cpu, SLAT_STATE_SEG(SLAT_SS));
	if ((u32)cpu->gpr[SLAT_RCX] || cpu->cpl || !slat_cpu_xcr0_valid(cpu, value)) {
		slat_vcpu_raise_error(vcpu, X86_TRAP_GP, 0);
		return 1;
	}
	cpu->xcr0 = value;
	slat_cpu_skip(cpu, exit->insn_len);
	return 1;
}
