/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registers of a guest CPU, fetched from the backend when they are needed.
 */
#ifndef SLAT_CPU_REGS_H
#define SLAT_CPU_REGS_H

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "cpu/cpu.h"
#include "hw.h"

/** slat_cpu_need() - these groups are about to be read; loaded here */
static inline void slat_cpu_need(struct slat_cpu *cpu, u32 groups)
{
	if (groups & ~cpu->valid)
		cpu->ops->vcpu_fetch(cpu, groups);
}

/** slat_cpu_changed() - all registers of these groups have been set */
static inline void slat_cpu_changed(struct slat_cpu *cpu, u32 groups)
{
	cpu->valid |= groups;
	cpu->dirty |= groups;
}

static inline u64 slat_cpu_gpr(struct slat_cpu *cpu, unsigned int gpr)
{
	if (gpr == SLAT_RSP)
		slat_cpu_need(cpu, SLAT_STATE_RSP);
	return cpu->gpr[gpr];
}

static inline void slat_cpu_set_gpr(struct slat_cpu *cpu, unsigned int gpr, u64 value)
{
	cpu->gpr[gpr] = value;
	if (gpr == SLAT_RSP)
		slat_cpu_changed(cpu, SLAT_STATE_RSP);
}

static inline u64 slat_cpu_rflags(struct slat_cpu *cpu)
{
	slat_cpu_need(cpu, SLAT_STATE_RFLAGS);
	return cpu->rflags;
}

static inline bool slat_cpu_long_mode(const struct slat_cpu *cpu)
{
	return cpu->efer & EFER_LMA;
}

/* In 64-bit mode proper, not in compatibility mode. */
static inline bool slat_cpu_64bit(struct slat_cpu *cpu)
{
	if (!slat_cpu_long_mode(cpu))
		return false;
	slat_cpu_need(cpu, SLAT_STATE_SEG(SLAT_CS));
	return cpu->seg[SLAT_CS].l;
}

/* EDX:EAX, as RDMSR and its like take and leave it. */
static inline u64 slat_cpu_edx_eax(const struct slat_cpu *cpu)
{
	return (u32)cpu->gpr[SLAT_RAX] | cpu->gpr[SLAT_RDX] << 32;
}

static inline void slat_cpu_set_edx_eax(struct slat_cpu *cpu, u64 value)
{
	cpu->gpr[SLAT_RAX] = (u32)value;
	cpu->gpr[SLAT_RDX] = value >> 32;
}

/* MSRs that a backend may let a guest reach without an exit: no others. */
#define SLAT_OWN_MSRS	6
extern const u32 slat_cpu_own_msrs[SLAT_OWN_MSRS];

bool slat_cpu_xcr0_valid(const struct slat_cpu *cpu, u64 value);
bool slat_cpu_pdptrs_valid(const struct slat_cpu *cpu, const u64 *pdptr);
void slat_cpu_reset(struct slat_cpu *cpu);
void slat_cpu_skip(struct slat_cpu *cpu, unsigned int len);
void slat_cpu_get_regs(struct slat_cpu *cpu, struct kvm_regs *regs);
void slat_cpu_set_regs(struct slat_cpu *cpu, const struct kvm_regs *regs);
void slat_cpu_get_sregs(struct slat_cpu *cpu, struct kvm_sregs *sregs);
bool slat_cpu_sregs_valid(const struct slat_cpu *cpu, const struct kvm_sregs *sregs);
void slat_cpu_set_sregs(struct slat_cpu *cpu, const struct kvm_sregs *sregs);

#endif /* SLAT_CPU_REGS_H */
