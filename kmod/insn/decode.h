/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an instruction that touches memory is, from its bytes (SDM vol. 2,
 * chapter 2).  Known are those that compilers and kernels use on device memory
 * and page tables, in their forms with a memory operand.
 */
#ifndef SLAT_INSN_DECODE_H
#define SLAT_INSN_DECODE_H

#include <linux/types.h>

/* An instruction has no more bytes (SDM vol. 2A, 2.3.11). */
#define SLAT_INSN_MAX_LEN	15

/**
 * enum slat_insn_mode - how a code segment makes the CPU read instructions
 * @SLAT_INSN_MODE_16: CS.L = 0, CS.D = 0; real and virtual-8086 mode too
 * @SLAT_INSN_MODE_32: CS.L = 0, CS.D = 1
 * @SLAT_INSN_MODE_64: CS.L = 1, in IA-32e mode
 *
 * The value is the default size of an address in bytes.
 */
enum slat_insn_mode {
	SLAT_INSN_MODE_16 = 2,
	SLAT_INSN_MODE_32 = 4,
	SLAT_INSN_MODE_64 = 8,
};

/* Segment registers as the CPU numbers them. */
enum slat_insn_seg_nr {
	SLAT_INSN_ES,
	SLAT_INSN_CS,
	SLAT_INSN_SS,
	SLAT_INSN_DS,
	SLAT_INSN_FS,
	SLAT_INSN_GS,
	SLAT_INSN_NR_SEGS,
};

/* General-purpose registers as the CPU numbers them; R8 to R15 follow. */
enum slat_insn_gpr {
	SLAT_INSN_RAX,
	SLAT_INSN_RCX,
	SLAT_INSN_RDX,
	SLAT_INSN_RBX,
	SLAT_INSN_RSP,
	SLAT_INSN_RBP,
	SLAT_INSN_RSI,
	SLAT_INSN_RDI,
	SLAT_INSN_NR_GPRS = 16,
	/* As the base or index of an address only. */
	SLAT_INSN_RIP = SLAT_INSN_NR_GPRS,
	SLAT_INSN_NO_GPR,
};

/* Operations.  The first eight are in the order of their opcodes. */
enum slat_insn_op {
	SLAT_INSN_ADD,
	SLAT_INSN_OR,
	SLAT_INSN_ADC,
	SLAT_INSN_SBB,
	SLAT_INSN_AND,
	SLAT_INSN_SUB,
	SLAT_INSN_XOR,
	SLAT_INSN_CMP,
	SLAT_INSN_TEST,
	SLAT_INSN_INC,
	SLAT_INSN_DEC,
	SLAT_INSN_NOT,
	SLAT_INSN_NEG,
	SLAT_INSN_BT,
	SLAT_INSN_BTS,
	SLAT_INSN_BTR,
	SLAT_INSN_BTC,
	SLAT_INSN_MOV,
	SLAT_INSN_MOVZX,
	SLAT_INSN_MOVSX,	/* MOVSXD too */
	SLAT_INSN_MOVBE,
	SLAT_INSN_XCHG,
	SLAT_INSN_XADD,
	SLAT_INSN_CMPXCHG,
	SLAT_INSN_CMPXCHG8B,	/* CMPXCHG16B too */
	SLAT_INSN_PUSH,
	SLAT_INSN_POP,
	SLAT_INSN_MOVS,
	SLAT_INSN_CMPS,
	SLAT_INSN_STOS,
	SLAT_INSN_LODS,
	SLAT_INSN_SCAS,
	SLAT_INSN_VMOV,		/* a vector register; a shorter load clears the rest */
	SLAT_INSN_VMOVLO,	/* load its low 8 bytes, keep the others */
	SLAT_INSN_VMOVHI,	/* move bytes 8 to 15 of it, keep the others */
	SLAT_INSN_NR_OPS,
};

/* What an operand is.  String instructions name none, their operation does. */
enum slat_insn_operand {
	SLAT_INSN_NONE,
	SLAT_INSN_MEM,
	SLAT_INSN_REG,
	SLAT_INSN_VEC,
	SLAT_INSN_IMM,
};

/**
 * struct slat_insn - a decoded instruction
 * @op: what it does, enum slat_insn_op
 * @mode: the mode that it was decoded for, enum slat_insn_mode
 * @length: bytes of it
 * @dst: enum slat_insn_operand; also read by most operations
 * @src: enum slat_insn_operand
 * @mem_size: bytes of the memory operand
 * @reg_size: bytes of the general-purpose register operand
 * @reg: number of the register operand
 * @reg_high: that is AH, CH, DH or BH, @reg the register which it is part of
 * @lock: has a LOCK prefix
 * @rep: the last of its prefixes 0xf2 and 0xf3, or 0
 * @vex: has a VEX prefix
 * @aligned: its memory operand must be aligned to its size
 * @addr_size: bytes of its addresses, of string counts too
 * @seg: the segment of the memory operand, enum slat_insn_seg_nr; where there
 *	are two, of the one that a prefix can move to another segment
 * @base: first register of the memory operand's address, enum slat_insn_gpr
 * @index: second register of it
 * @scale: @index counts shifted left by so much
 * @disp: displacement, sign-extended
 * @imm: immediate operand, sign-extended
 */
struct slat_insn {
	u8 op;
	u8 mode;
	u8 length;
	u8 dst;
	u8 src;
	u8 mem_size;
	u8 reg_size;
	u8 reg;
	bool reg_high;
	bool lock;
	u8 rep;
	bool vex;
	bool aligned;
	u8 addr_size;
	u8 seg;
	u8 base;
	u8 index;
	u8 scale;
	u64 disp;
	u64 imm;
};

/**
 * enum slat_insn_status - what decoding gave
 * @SLAT_INSN_OK: an instruction
 * @SLAT_INSN_NEED_MORE: the beginning of one
 * @SLAT_INSN_UNKNOWN: nothing that can be executed here, valid or not
 * @SLAT_INSN_UD: the CPU raises #UD
 * @SLAT_INSN_GP: the CPU raises #GP(0)
 */
enum slat_insn_status {
	SLAT_INSN_OK,
	SLAT_INSN_NEED_MORE,
	SLAT_INSN_UNKNOWN,
	SLAT_INSN_UD,
	SLAT_INSN_GP,
};

enum slat_insn_status slat_insn_decode(struct slat_insn *insn, enum slat_insn_mode mode,
				       const u8 *bytes, size_t len);

#endif /* SLAT_INSN_DECODE_H */
