// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segmentation (SDM vol. 3A, 3.4 and 5.3) and the alignment of operands.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "insn/address.h"

/**
 * slat_insn_raise() - end an execution with an exception
 * @cpu: whose
 * @vector: which; its error code is 0 if it has one
 *
 * Return: SLAT_INSN_FAULT.
 */
enum slat_insn_result slat_insn_raise(struct slat_insn_cpu *cpu, u8 vector)
{
	cpu->fault = (struct slat_insn_fault) { .vector = vector };
	return SLAT_INSN_FAULT;
}

/**
 * slat_insn_is_protected() - whether segments have types
 * @cpu: whose
 *
 * Return: false in real and in virtual-8086 mode.
 */
bool slat_insn_is_protected(const struct slat_insn_cpu *cpu)
{
	return (cpu->cr0 & X86_CR0_PE) && !(cpu->rflags & X86_EFLAGS_VM);
}

static bool is_canonical(const struct slat_insn_cpu *cpu, u64 linear)
{
	return (u64)sign_extend64(linear, cpu->cr4 & X86_CR4_LA57 ? 56 : 47) == linear;
}

static bool type_allows(const struct slat_insn_segment *segment, enum slat_insn_access access)
{
	if (segment->attr & SLAT_INSN_SEG_CODE)
		return access == SLAT_INSN_READ && (segment->attr & SLAT_INSN_SEG_READABLE);
	return access == SLAT_INSN_READ || (segment->attr & SLAT_INSN_SEG_WRITABLE);
}

static bool limit_allows(const struct slat_insn_segment *segment, u64 first, u64 last)
{
	const u32 down = SLAT_INSN_SEG_CODE | SLAT_INSN_SEG_EXPAND_DOWN;

	if ((segment->attr & down) != SLAT_INSN_SEG_EXPAND_DOWN)
		return last <= segment->limit;
	return first > segment->limit &&
	       last <= (segment->attr & SLAT_INSN_SEG_BIG ? U32_MAX : U16_MAX);
}

static bool segment_allows(const struct slat_insn_cpu *cpu,
			   const struct slat_insn_segment *segment,
			   u64 offset, u8 len, enum slat_insn_access access)
{
	if ((segment->attr & SLAT_INSN_SEG_UNUSABLE) || !(segment->attr & SLAT_INSN_SEG_PRESENT))
		return false;
	if (slat_insn_is_protected(cpu) && !type_allows(segment, access))
		return false;
	return limit_allows(segment, offset, offset + len - 1);
}

/**
 * slat_insn_linear() - the linear address of an operand
 * @cpu: whose memory it is in
 * @insn: the instruction
 * @seg: the segment
 * @offset: the offset in it, of the instruction's address size
 * @len: bytes of the operand
 * @access: what is done to it
 * @linear: where the address goes
 *
 * Return: SLAT_INSN_DONE, or SLAT_INSN_FAULT: #SS(0) or #GP(0) for an address
 * outside of the segment, not canonical or without the alignment that the
 * instruction needs, #AC(0) for one without that which CPL 3 asked for.
 */
enum slat_insn_result slat_insn_linear(struct slat_insn_cpu *cpu, const struct slat_insn *insn,
				       enum slat_insn_seg_nr seg, u64 offset, u8 len,
				       enum slat_insn_access access, u64 *linear)
{
	const struct slat_insn_segment *segment = &cpu->segments[seg];
	bool aligned, allowed;

	if (cpu->ops->segment && (insn->mode != SLAT_INSN_MODE_64 || seg >= SLAT_INSN_FS))
		cpu->ops->segment(cpu, seg);
	if (insn->mode == SLAT_INSN_MODE_64) {
		/* The others are at 0 and have no limit (SDM vol. 3A, 3.4.4). */
		*linear = offset + (seg >= SLAT_INSN_FS ? segment->base : 0);
		allowed = is_canonical(cpu, *linear) && is_canonical(cpu, *linear + len - 1);
	} else {
		*linear = (u32)(offset + segment->base);
		allowed = segment_allows(cpu, segment, offset, len, access);
	}
	aligned = !(*linear & (len - 1));

	/* A #GP for alignment goes before the #SS of an address that is not canonical. */
	if (insn->aligned && !aligned)
		return slat_insn_raise(cpu, X86_TRAP_GP);
	if (!allowed)
		return slat_insn_raise(cpu, seg == SLAT_INSN_SS ? X86_TRAP_SS : X86_TRAP_GP);
	/* Of longer operands it depends on the CPU. */
	if (!aligned && len <= 8 && cpu->cpl == 3 && (cpu->cr0 & X86_CR0_AM) &&
	    (cpu->rflags & X86_EFLAGS_AC))
		return slat_insn_raise(cpu, X86_TRAP_AC);
	return SLAT_INSN_DONE;
}
