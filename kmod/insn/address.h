/* SPDX-License-Identifier: GPL-2.0-only */
/* From an offset in a segment to a linear address, and all that can fail there. */
#ifndef SLAT_INSN_ADDRESS_H
#define SLAT_INSN_ADDRESS_H

#include "insn/exec.h"

/**
 * enum slat_insn_access - what is done to an operand in memory
 * @SLAT_INSN_READ: it is read
 * @SLAT_INSN_WRITE: it is written, perhaps read before
 */
enum slat_insn_access {
	SLAT_INSN_READ,
	SLAT_INSN_WRITE,
};

enum slat_insn_result slat_insn_raise(struct slat_insn_cpu *cpu, u8 vector);
bool slat_insn_is_protected(const struct slat_insn_cpu *cpu);
enum slat_insn_result slat_insn_linear(struct slat_insn_cpu *cpu, const struct slat_insn *insn,
				       enum slat_insn_seg_nr seg, u64 offset, u8 len,
				       enum slat_insn_access access, u64 *linear);

#endif /* SLAT_INSN_ADDRESS_H */
