// SPDX-License-Identifier: GPL-2.0-only
/*
 * The opcodes that Slat knows (SDM vol. 2D, appendix A).  A row says all there
 * is to say about one, in the terms of the manual's opcode tables.
 */
#include <linux/kernel.h>

#include "insn/decode.h"
#include "insn/table.h"

/* The names of the columns, short enough for a line a row. */
#define NONE	SLAT_INSN_NONE
#define MEM	SLAT_INSN_MEM
#define REG	SLAT_INSN_REG
#define VEC	SLAT_INSN_VEC
#define IMM	SLAT_INSN_IMM
#define S1	SLAT_INSN_SIZE_1
#define S2	SLAT_INSN_SIZE_2
#define S4	SLAT_INSN_SIZE_4
#define S8	SLAT_INSN_SIZE_8
#define OPSIZE	SLAT_INSN_SIZE_OP
#define MAX4	SLAT_INSN_SIZE_MAX4
#define W	SLAT_INSN_SIZE_W
#define WW	SLAT_INSN_SIZE_2W
#define VECTOR	SLAT_INSN_SIZE_VEC
#define STACK	SLAT_INSN_SIZE_STACK
#define LOCK	SLAT_INSN_LOCKABLE
#define STRING	SLAT_INSN_NO_MODRM
#define MOFFS	(SLAT_INSN_NO_MODRM | SLAT_INSN_MOFFS)
#define GROUP	SLAT_INSN_GROUP
#define ALIGNED	SLAT_INSN_ALIGNED
#define VEX	SLAT_INSN_VEX
#define VEX_L0	(SLAT_INSN_VEX | SLAT_INSN_VEX_L0)
#define IMM8	SLAT_INSN_IMM8
#define NOT_64	SLAT_INSN_NOT_64
#define ONLY_64	SLAT_INSN_ONLY_64

#define ROW(opcode, op, dst, src, size, flags)				\
	{ opcode, 0, SLAT_INSN_PP_ANY, SLAT_INSN_##op, dst, src, size, flags }
#define MEMBER(opcode, ext, op, dst, src, size, flags)			\
	{ opcode, ext, SLAT_INSN_PP_ANY, SLAT_INSN_##op, dst, src, size, GROUP | (flags) }
#define VROW(pp, opcode, op, dst, src, size, flags)			\
	{ opcode, 0, SLAT_INSN_PP_##pp, SLAT_INSN_##op, dst, src, size, flags }

static const struct slat_insn_row map_1[] = {
	ROW(0x88, MOV, MEM, REG, S1, 0),
	ROW(0x89, MOV, MEM, REG, OPSIZE, 0),
	ROW(0x8a, MOV, REG, MEM, S1, 0),
	ROW(0x8b, MOV, REG, MEM, OPSIZE, 0),
	ROW(0xa0, MOV, REG, MEM, S1, MOFFS),
	ROW(0xa1, MOV, REG, MEM, OPSIZE, MOFFS),
	ROW(0xa2, MOV, MEM, REG, S1, MOFFS),
	ROW(0xa3, MOV, MEM, REG, OPSIZE, MOFFS),
	MEMBER(0xc6, 0, MOV, MEM, IMM, S1, IMM8),
	MEMBER(0xc7, 0, MOV, MEM, IMM, OPSIZE, 0),

	ROW(0x00, ADD, MEM, REG, S1, LOCK),
	ROW(0x01, ADD, MEM, REG, OPSIZE, LOCK),
	ROW(0x02, ADD, REG, MEM, S1, 0),
	ROW(0x03, ADD, REG, MEM, OPSIZE, 0),
	MEMBER(0x80, 0, ADD, MEM, IMM, S1, LOCK | IMM8),
	MEMBER(0x81, 0, ADD, MEM, IMM, OPSIZE, LOCK),
	MEMBER(0x82, 0, ADD, MEM, IMM, S1, LOCK | IMM8 | NOT_64),
	MEMBER(0x83, 0, ADD, MEM, IMM, OPSIZE, LOCK | IMM8),

	ROW(0x08, OR, MEM, REG, S1, LOCK),
	ROW(0x09, OR, MEM, REG, OPSIZE, LOCK),
	ROW(0x0a, OR, REG, MEM, S1, 0),
	ROW(0x0b, OR, REG, MEM, OPSIZE, 0),
	MEMBER(0x80, 1, OR, MEM, IMM, S1, LOCK | IMM8),
	MEMBER(0x81, 1, OR, MEM, IMM, OPSIZE, LOCK),
	MEMBER(0x82, 1, OR, MEM, IMM, S1, LOCK | IMM8 | NOT_64),
	MEMBER(0x83, 1, OR, MEM, IMM, OPSIZE, LOCK | IMM8),

	ROW(0x10, ADC, MEM, REG, S1, LOCK),
	ROW(0x11, ADC, MEM, REG, OPSIZE, LOCK),
	ROW(0x12, ADC, REG, MEM, S1, 0),
	ROW(0x13, ADC, REG, MEM, OPSIZE, 0),
	MEMBER(0x80, 2, ADC, MEM, IMM, S1, LOCK | IMM8),
	MEMBER(0x81, 2, ADC, MEM, IMM, OPSIZE, LOCK),
	MEMBER(0x82, 2, ADC, MEM, IMM, S1, LOCK | IMM8 | NOT_64),
	MEMBER(0x83, 2, ADC, MEM, IMM, OPSIZE, LOCK | IMM8),

	ROW(0x18, SBB, MEM, REG, S1, LOCK),
	ROW(0x19, SBB, MEM, REG, OPSIZE, LOCK),
	ROW(0x1a, SBB, REG, MEM, S1, 0),
	ROW(0x1b, SBB, REG, MEM, OPSIZE, 0),
	MEMBER(0x80, 3, SBB, MEM, IMM, S1, LOCK | IMM8),
	MEMBER(0x81, 3, SBB, MEM, IMM, OPSIZE, LOCK),
	MEMBER(0x82, 3, SBB, MEM, IMM, S1, LOCK | IMM8 | NOT_64),
	MEMBER(0x83, 3, SBB, MEM, IMM, OPSIZE, LOCK | IMM8),

	ROW(0x20, AND, MEM, REG, S1, LOCK),
	ROW(0x21, AND, MEM, REG, OPSIZE, LOCK),
	ROW(0x22, AND, REG, MEM, S1, 0),
	ROW(0x23, AND, REG, MEM, OPSIZE, 0),
	MEMBER(0x80, 4, AND, MEM, IMM, S1, LOCK | IMM8),
	MEMBER(0x81, 4, AND, MEM, IMM, OPSIZE, LOCK),
	MEMBER(0x82, 4, AND, MEM, IMM, S1, LOCK | IMM8 | NOT_64),
	MEMBER(0x83, 4, AND, MEM, IMM, OPSIZE, LOCK | IMM8),

	ROW(0x28, SUB, MEM, REG, S1, LOCK),
	ROW(0x29, SUB, MEM, REG, OPSIZE, LOCK),
	ROW(0x2a, SUB, REG, MEM, S1, 0),
	ROW(0x2b, SUB, REG, MEM, OPSIZE, 0),
	MEMBER(0x80, 5, SUB, MEM, IMM, S1, LOCK | IMM8),
	MEMBER(0x81, 5, SUB, MEM, IMM, OPSIZE, LOCK),
	MEMBER(0x82, 5, SUB, MEM, IMM, S1, LOCK | IMM8 | NOT_64),
	MEMBER(0x83, 5, SUB, MEM, IMM, OPSIZE, LOCK | IMM8),

	ROW(0x30, XOR, MEM, REG, S1, LOCK),
	ROW(0x31, XOR, MEM, REG, OPSIZE, LOCK),
	ROW(0x32, XOR, REG, MEM, S1, 0),
	ROW(0x33, XOR, REG, MEM, OPSIZE, 0),
	MEMBER(0x80, 6, XOR, MEM, IMM, S1, LOCK | IMM8),
	MEMBER(0x81, 6, XOR, MEM, IMM, OPSIZE, LOCK),
	MEMBER(0x82, 6, XOR, MEM, IMM, S1, LOCK | IMM8 | NOT_64),
	MEMBER(0x83, 6, XOR, MEM, IMM, OPSIZE, LOCK | IMM8),

	ROW(0x38, CMP, MEM, REG, S1, 0),
	ROW(0x39, CMP, MEM, REG, OPSIZE, 0),
	ROW(0x3a, CMP, REG, MEM, S1, 0),
	ROW(0x3b, CMP, REG, MEM, OPSIZE, 0),
	MEMBER(0x80, 7, CMP, MEM, IMM, S1, IMM8),
	MEMBER(0x81, 7, CMP, MEM, IMM, OPSIZE, 0),
	MEMBER(0x82, 7, CMP, MEM, IMM, S1, IMM8 | NOT_64),
	MEMBER(0x83, 7, CMP, MEM, IMM, OPSIZE, IMM8),

	ROW(0x63, MOVSX, REG, MEM, MAX4, ONLY_64),
	ROW(0x84, TEST, MEM, REG, S1, 0),
	ROW(0x85, TEST, MEM, REG, OPSIZE, 0),
	ROW(0x86, XCHG, MEM, REG, S1, LOCK),
	ROW(0x87, XCHG, MEM, REG, OPSIZE, LOCK),
	MEMBER(0x8f, 0, POP, MEM, NONE, STACK, 0),

	ROW(0xa4, MOVS, NONE, NONE, S1, STRING),
	ROW(0xa5, MOVS, NONE, NONE, OPSIZE, STRING),
	ROW(0xa6, CMPS, NONE, NONE, S1, STRING),
	ROW(0xa7, CMPS, NONE, NONE, OPSIZE, STRING),
	ROW(0xaa, STOS, NONE, NONE, S1, STRING),
	ROW(0xab, STOS, NONE, NONE, OPSIZE, STRING),
	ROW(0xac, LODS, NONE, NONE, S1, STRING),
	ROW(0xad, LODS, NONE, NONE, OPSIZE, STRING),
	ROW(0xae, SCAS, NONE, NONE, S1, STRING),
	ROW(0xaf, SCAS, NONE, NONE, OPSIZE, STRING),

	MEMBER(0xf6, 0, TEST, MEM, IMM, S1, IMM8),
	MEMBER(0xf7, 0, TEST, MEM, IMM, OPSIZE, 0),
	/* Not in the manual, but every CPU has it. */
	MEMBER(0xf6, 1, TEST, MEM, IMM, S1, IMM8),
	MEMBER(0xf7, 1, TEST, MEM, IMM, OPSIZE, 0),
	MEMBER(0xf6, 2, NOT, MEM, NONE, S1, LOCK),
	MEMBER(0xf7, 2, NOT, MEM, NONE, OPSIZE, LOCK),
	MEMBER(0xf6, 3, NEG, MEM, NONE, S1, LOCK),
	MEMBER(0xf7, 3, NEG, MEM, NONE, OPSIZE, LOCK),
	MEMBER(0xfe, 0, INC, MEM, NONE, S1, LOCK),
	MEMBER(0xff, 0, INC, MEM, NONE, OPSIZE, LOCK),
	MEMBER(0xfe, 1, DEC, MEM, NONE, S1, LOCK),
	MEMBER(0xff, 1, DEC, MEM, NONE, OPSIZE, LOCK),
	MEMBER(0xff, 6, PUSH, MEM, NONE, STACK, 0),
};

static const struct slat_insn_row map_0f[] = {
	ROW(0xa3, BT, MEM, REG, OPSIZE, 0),
	MEMBER(0xba, 4, BT, MEM, IMM, OPSIZE, IMM8),
	ROW(0xab, BTS, MEM, REG, OPSIZE, LOCK),
	MEMBER(0xba, 5, BTS, MEM, IMM, OPSIZE, LOCK | IMM8),
	ROW(0xb3, BTR, MEM, REG, OPSIZE, LOCK),
	MEMBER(0xba, 6, BTR, MEM, IMM, OPSIZE, LOCK | IMM8),
	ROW(0xbb, BTC, MEM, REG, OPSIZE, LOCK),
	MEMBER(0xba, 7, BTC, MEM, IMM, OPSIZE, LOCK | IMM8),
	ROW(0xb0, CMPXCHG, MEM, REG, S1, LOCK),
	ROW(0xb1, CMPXCHG, MEM, REG, OPSIZE, LOCK),
	ROW(0xb6, MOVZX, REG, MEM, S1, 0),
	ROW(0xb7, MOVZX, REG, MEM, S2, 0),
	ROW(0xbe, MOVSX, REG, MEM, S1, 0),
	ROW(0xbf, MOVSX, REG, MEM, S2, 0),
	ROW(0xc0, XADD, MEM, REG, S1, LOCK),
	ROW(0xc1, XADD, MEM, REG, OPSIZE, LOCK),
	MEMBER(0xc7, 1, CMPXCHG8B, MEM, NONE, WW, LOCK),
	VROW(NONE, 0xc3, MOV, MEM, REG, W, 0),			/* MOVNTI */

	VROW(NONE, 0x10, VMOV, VEC, MEM, VECTOR, VEX),		/* MOVUPS */
	VROW(66,   0x10, VMOV, VEC, MEM, VECTOR, VEX),		/* MOVUPD */
	VROW(F3,   0x10, VMOV, VEC, MEM, S4, VEX),		/* MOVSS */
	VROW(F2,   0x10, VMOV, VEC, MEM, S8, VEX),		/* MOVSD */
	VROW(NONE, 0x11, VMOV, MEM, VEC, VECTOR, VEX),
	VROW(66,   0x11, VMOV, MEM, VEC, VECTOR, VEX),
	VROW(F3,   0x11, VMOV, MEM, VEC, S4, VEX),
	VROW(F2,   0x11, VMOV, MEM, VEC, S8, VEX),
	VROW(NONE, 0x12, VMOVLO, VEC, MEM, S8, 0),		/* MOVLPS */
	VROW(66,   0x12, VMOVLO, VEC, MEM, S8, 0),		/* MOVLPD */
	VROW(NONE, 0x13, VMOV, MEM, VEC, S8, VEX_L0),
	VROW(66,   0x13, VMOV, MEM, VEC, S8, VEX_L0),
	VROW(NONE, 0x16, VMOVHI, VEC, MEM, S8, 0),		/* MOVHPS */
	VROW(66,   0x16, VMOVHI, VEC, MEM, S8, 0),		/* MOVHPD */
	VROW(NONE, 0x17, VMOVHI, MEM, VEC, S8, VEX_L0),
	VROW(66,   0x17, VMOVHI, MEM, VEC, S8, VEX_L0),
	VROW(NONE, 0x28, VMOV, VEC, MEM, VECTOR, VEX | ALIGNED), /* MOVAPS */
	VROW(66,   0x28, VMOV, VEC, MEM, VECTOR, VEX | ALIGNED), /* MOVAPD */
	VROW(NONE, 0x29, VMOV, MEM, VEC, VECTOR, VEX | ALIGNED),
	VROW(66,   0x29, VMOV, MEM, VEC, VECTOR, VEX | ALIGNED),
	VROW(NONE, 0x2b, VMOV, MEM, VEC, VECTOR, VEX | ALIGNED), /* MOVNTPS */
	VROW(66,   0x2b, VMOV, MEM, VEC, VECTOR, VEX | ALIGNED), /* MOVNTPD */
	VROW(66,   0x6e, VMOV, VEC, MEM, W, VEX_L0),		/* MOVD, MOVQ */
	VROW(66,   0x6f, VMOV, VEC, MEM, VECTOR, VEX | ALIGNED), /* MOVDQA */
	VROW(F3,   0x6f, VMOV, VEC, MEM, VECTOR, VEX),		/* MOVDQU */
	VROW(66,   0x7e, VMOV, MEM, VEC, W, VEX_L0),
	VROW(F3,   0x7e, VMOV, VEC, MEM, S8, VEX_L0),		/* MOVQ */
	VROW(66,   0x7f, VMOV, MEM, VEC, VECTOR, VEX | ALIGNED),
	VROW(F3,   0x7f, VMOV, MEM, VEC, VECTOR, VEX),
	VROW(66,   0xd6, VMOV, MEM, VEC, S8, VEX_L0),
	VROW(66,   0xe7, VMOV, MEM, VEC, VECTOR, VEX | ALIGNED), /* MOVNTDQ */
	VROW(F2,   0xf0, VMOV, VEC, MEM, VECTOR, VEX),		/* LDDQU */
};

static const struct slat_insn_row map_0f38[] = {
	VROW(66,   0x2a, VMOV, VEC, MEM, VECTOR, VEX | ALIGNED), /* MOVNTDQA */
	VROW(NONE, 0xf0, MOVBE, REG, MEM, OPSIZE, 0),
	VROW(66,   0xf0, MOVBE, REG, MEM, OPSIZE, 0),
	VROW(NONE, 0xf1, MOVBE, MEM, REG, OPSIZE, 0),
	VROW(66,   0xf1, MOVBE, MEM, REG, OPSIZE, 0),
};

static const struct {
	const struct slat_insn_row *rows;
	size_t nr;
} maps[] = {
	[SLAT_INSN_MAP_1] = { map_1, ARRAY_SIZE(map_1) },
	[SLAT_INSN_MAP_0F] = { map_0f, ARRAY_SIZE(map_0f) },
	[SLAT_INSN_MAP_0F38] = { map_0f38, ARRAY_SIZE(map_0f38) },
};

/**
 * slat_insn_find_row() - what an opcode means
 * @map: the map it is in
 * @pp: the prefix that it has; SLAT_INSN_PP_ANY is none
 * @opcode: its last byte
 * @ext: the reg field of ModRM, or negative while that is not known
 *
 * Pure.  With a negative @ext any member of a group is found: whether it is a
 * group and whether there is a ModRM byte is the same for all of them.
 *
 * Return: its row, or NULL.
 */
const struct slat_insn_row *slat_insn_find_row(enum slat_insn_map map,
					       enum slat_insn_pp pp, u8 opcode,
					       int ext)
{
	const struct slat_insn_row *row;

	for (row = maps[map].rows; row < maps[map].rows + maps[map].nr; row++) {
		if (row->opcode != opcode)
			continue;
		if (row->pp != SLAT_INSN_PP_ANY && row->pp != pp)
			continue;
		if ((row->flags & SLAT_INSN_GROUP) && ext >= 0 && row->ext != ext)
			continue;
		return row;
	}
	return NULL;
}
