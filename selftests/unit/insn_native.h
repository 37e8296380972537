/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A piece of code that runs one instruction of a 64-bit program with chosen
 * registers, see insn_native.S.
 */
#ifndef SLAT_UNIT_INSN_NATIVE_H
#define SLAT_UNIT_INSN_NATIVE_H

#define NATIVE_SIZE	768

#ifndef __ASSEMBLER__

#include <linux/types.h>

/* What the code loads before the instruction and stores after it. */
struct native {
	u64 gpr[16];
	u64 rflags;
	/* The code's own. */
	u64 host_rsp;
	u64 has_avx;
	u64 pad[13];
	u8 vectors[16][32];
};

_Static_assert(sizeof(struct native) == NATIVE_SIZE, "the code counts on it");

/* The code, in it the gap of 15 bytes and where it goes on, its struct native. */
extern const u8 native_begin[], native_gap[], native_exit[], native_state[], native_end[];

#endif /* !__ASSEMBLER__ */

#endif /* SLAT_UNIT_INSN_NATIVE_H */
