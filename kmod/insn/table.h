/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The opcodes that Slat knows, for the decoder only.
 */
#ifndef SLAT_INSN_TABLE_H
#define SLAT_INSN_TABLE_H

#include <linux/types.h>

/* Opcode maps; the numbers are those in a VEX prefix. */
enum slat_insn_map {
	SLAT_INSN_MAP_1,	/* one byte */
	SLAT_INSN_MAP_0F,
	SLAT_INSN_MAP_0F38,
};

/* Prefixes that select an opcode; the numbers are those in a VEX prefix. */
enum slat_insn_pp {
	SLAT_INSN_PP_NONE,
	SLAT_INSN_PP_66,
	SLAT_INSN_PP_F3,
	SLAT_INSN_PP_F2,
	SLAT_INSN_PP_ANY,	/* they select none */
};

/* Bytes of the memory operand. */
enum slat_insn_size {
	SLAT_INSN_SIZE_1 = 1,
	SLAT_INSN_SIZE_2 = 2,
	SLAT_INSN_SIZE_4 = 4,
	SLAT_INSN_SIZE_8 = 8,
	SLAT_INSN_SIZE_OP,	/* the operand size: 2, 4 or 8 */
	SLAT_INSN_SIZE_MAX4,	/* the operand size, at most 4 */
	SLAT_INSN_SIZE_W,	/* 4, with REX.W or VEX.W 8 */
	SLAT_INSN_SIZE_2W,	/* twice that */
	SLAT_INSN_SIZE_VEC,	/* 16, with VEX.L 32 */
	SLAT_INSN_SIZE_STACK,	/* the operand size, in 64-bit mode never 4 */
};

#define SLAT_INSN_LOCKABLE	0x01	/* LOCK is allowed */
#define SLAT_INSN_GROUP		0x02	/* the reg field of ModRM is part of the opcode */
#define SLAT_INSN_NO_MODRM	0x04
#define SLAT_INSN_MOFFS		0x08	/* the address follows the opcode */
#define SLAT_INSN_ONLY_64	0x10
#define SLAT_INSN_NOT_64	0x20
#define SLAT_INSN_ALIGNED	0x40	/* misalignment is a #GP */
#define SLAT_INSN_VEX		0x80	/* also with VEX */
#define SLAT_INSN_VEX_L0	0x100	/* ... whose L is 0 */
#define SLAT_INSN_IMM8		0x200	/* the immediate has one byte, else 1, 2 or 4 */

/**
 * struct slat_insn_row - an opcode, or a member of an opcode group
 * @opcode: its last byte
 * @ext: with SLAT_INSN_GROUP: the reg field of ModRM
 * @pp: the prefix it needs, enum slat_insn_pp
 * @op: enum slat_insn_op
 * @dst: enum slat_insn_operand
 * @src: the same
 * @size: enum slat_insn_size
 * @flags: SLAT_INSN_* from above
 */
struct slat_insn_row {
	u8 opcode;
	u8 ext;
	u8 pp;
	u8 op;
	u8 dst;
	u8 src;
	u8 size;
	u16 flags;
};

const struct slat_insn_row *slat_insn_find_row(enum slat_insn_map map,
					       enum slat_insn_pp pp, u8 opcode,
					       int ext);

#endif /* SLAT_INSN_TABLE_H */
