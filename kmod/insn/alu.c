// SPDX-License-Identifier: GPL-2.0-only
/*
 * Results and flags (SDM vol. 1, appendix A).  Flags that the manual calls
 * undefined are as Intel's and AMD's CPUs leave them.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/swab.h>
#include <asm/processor-flags.h>

#include "insn/alu.h"

#define ARITHMETIC_FLAGS	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF |	\
				 X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_OF)

/* PF is set where the low byte has an even number of ones. */
static bool even_parity(u8 byte)
{
	byte ^= byte >> 4;
	byte ^= byte >> 2;
	byte ^= byte >> 1;
	return !(byte & 1);
}

/* The flags that a result alone decides. */
static u64 result_flags(u64 result, u64 sign)
{
	u64 flags = 0;

	if (even_parity(result))
		flags |= X86_EFLAGS_PF;
	if (!(result & (sign | (sign - 1))))
		flags |= X86_EFLAGS_ZF;
	if (result & sign)
		flags |= X86_EFLAGS_SF;
	return flags;
}

/*
 * A bit of @carries is set where the sum or difference carried or borrowed out
 * of that position.
 */
static u64 carry_flags(u64 carries, u64 sign)
{
	u64 flags = 0;

	if (carries & sign)
		flags |= X86_EFLAGS_CF;
	if (carries & BIT_ULL(3))
		flags |= X86_EFLAGS_AF;
	/* Overflow: into the sign but not out of it, or the other way round. */
	if ((carries ^ (carries << 1)) & sign)
		flags |= X86_EFLAGS_OF;
	return flags;
}

static u64 add(u64 dst, u64 src, u64 carry, u64 sign, u64 *flags)
{
	const u64 sum = dst + src + carry;

	*flags = carry_flags((dst & src) | ((dst | src) & ~sum), sign) | result_flags(sum, sign);
	return sum;
}

static u64 subtract(u64 dst, u64 src, u64 borrow, u64 sign, u64 *flags)
{
	const u64 rest = dst - src - borrow;

	*flags = carry_flags((~dst & src) | ((~dst | src) & rest), sign) |
		 result_flags(rest, sign);
	return rest;
}

static u64 swap_bytes(u64 value, u8 size)
{
	switch (size) {
	case 2:
		return __swab16(value);
	case 4:
		return __swab32(value);
	default:
		return __swab64(value);
	}
}

/**
 * slat_insn_compute() - what an operation makes of two operands
 * @op: an operation up to SLAT_INSN_MOVBE
 * @size: bytes of the operands: 1, 2, 4 or 8
 * @dst: the first operand; bits above @size do not count
 * @src: the second operand, likewise; of no effect for operations with one
 * @rflags: its flags before, changed to those after
 *
 * Pure.  Comparisons return a result like any other operation.
 *
 * Return: the result; bits above @size mean nothing, except that MOVZX and
 * MOVSX extend @src to all 64.
 */
u64 slat_insn_compute(enum slat_insn_op op, u8 size, u64 dst, u64 src, u64 *rflags)
{
	const u64 sign = BIT_ULL(8 * size - 1);
	const u64 carry = *rflags & X86_EFLAGS_CF;
	const u64 bit = BIT_ULL(src & (8 * size - 1));
	u64 changed = ARITHMETIC_FLAGS;
	u64 flags = 0;
	u64 result;

	switch (op) {
	case SLAT_INSN_ADD:
		result = add(dst, src, 0, sign, &flags);
		break;
	case SLAT_INSN_ADC:
		result = add(dst, src, carry, sign, &flags);
		break;
	case SLAT_INSN_SUB:
	case SLAT_INSN_CMP:
		result = subtract(dst, src, 0, sign, &flags);
		break;
	case SLAT_INSN_SBB:
		result = subtract(dst, src, carry, sign, &flags);
		break;
	case SLAT_INSN_NEG:
		result = subtract(0, dst, 0, sign, &flags);
		break;
	case SLAT_INSN_INC:
		result = add(dst, 1, 0, sign, &flags);
		changed &= ~X86_EFLAGS_CF;
		break;
	case SLAT_INSN_DEC:
		result = subtract(dst, 1, 0, sign, &flags);
		changed &= ~X86_EFLAGS_CF;
		break;
	case SLAT_INSN_AND:
	case SLAT_INSN_TEST:
		result = dst & src;
		flags = result_flags(result, sign);
		break;
	case SLAT_INSN_OR:
		result = dst | src;
		flags = result_flags(result, sign);
		break;
	case SLAT_INSN_XOR:
		result = dst ^ src;
		flags = result_flags(result, sign);
		break;
	case SLAT_INSN_BT:
	case SLAT_INSN_BTS:
	case SLAT_INSN_BTR:
	case SLAT_INSN_BTC:
		changed = X86_EFLAGS_CF;
		flags = dst & bit ? X86_EFLAGS_CF : 0;
		result = op == SLAT_INSN_BTS ? dst | bit :
			 op == SLAT_INSN_BTR ? dst & ~bit : dst ^ bit;
		break;
	case SLAT_INSN_NOT:
		changed = 0;
		result = ~dst;
		break;
	case SLAT_INSN_MOVZX:
		changed = 0;
		result = src & (sign | (sign - 1));
		break;
	case SLAT_INSN_MOVSX:
		changed = 0;
		result = sign_extend64(src, 8 * size - 1);
		break;
	case SLAT_INSN_MOVBE:
		changed = 0;
		result = swap_bytes(src, size);
		break;
	default:
		changed = 0;
		result = src;
	}

	*rflags = (*rflags & ~changed) | (flags & changed);
	return result;
}
