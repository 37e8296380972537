/* SPDX-License-Identifier: GPL-2.0-only */
/* Results and flags of the operations that take two numbers. */
#ifndef SLAT_INSN_ALU_H
#define SLAT_INSN_ALU_H

#include <linux/types.h>

#include "insn/decode.h"

u64 slat_insn_compute(enum slat_insn_op op, u8 size, u64 dst, u64 src, u64 *rflags);

#endif /* SLAT_INSN_ALU_H */
