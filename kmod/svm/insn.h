/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What AMD-V adds to the instructions and MSRs of a CPU (APM 15.5, 15.30).
 */
#ifndef SLAT_SVM_INSN_H
#define SLAT_SVM_INSN_H

#include <linux/bits.h>
#include <asm/asm.h>

/* VM_CR: AMD-V cannot be turned on. */
#define SLAT_VM_CR_SVMDIS	BIT(4)

/* A fixup: on a CPU whose AMD-V is off it raises #UD. */
static __always_inline void slat_stgi(void)
{
	asm volatile("1: stgi\n2:\n\t" _ASM_EXTABLE(1b, 2b) : : : "memory");
}

#endif /* SLAT_SVM_INSN_H */
