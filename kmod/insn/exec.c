// SPDX-License-Identifier: GPL-2.0-only
/*
 * Execute one instruction: each function here is one shape of instruction, in
 * the order that exec.h promises.  They work on a copy of the registers, which
 * becomes the vCPU's at the end.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "insn/address.h"
#include "insn/alu.h"
#include "insn/exec.h"

/* XCR0: the CPU's state has XMM and YMM registers. */
#define XCR0_AVX	0x6

/**
 * struct exec - an execution under way
 * @cpu: whose; not changed before the end
 * @insn: the instruction
 * @gpr: general-purpose registers to be
 * @rflags: flags to be
 */
struct exec {
	struct slat_insn_cpu *cpu;
	const struct slat_insn *insn;
	u64 gpr[SLAT_INSN_NR_GPRS];
	u64 rflags;
};

static u64 mask(u8 bytes)
{
	return GENMASK_ULL(8 * bytes - 1, 0);
}

/* Four bytes clear the upper half of a register, fewer keep the rest. */
static void set_gpr(struct exec *e, u8 nr, u8 bytes, u64 value)
{
	const u64 kept = bytes < 4 ? e->gpr[nr] & ~mask(bytes) : 0;

	e->gpr[nr] = kept | (value & mask(bytes));
}

static u64 get_operand_register(const struct exec *e)
{
	return e->gpr[e->insn->reg] >> (e->insn->reg_high ? 8 : 0);
}

static void set_operand_register(struct exec *e, u64 value)
{
	const struct slat_insn *insn = e->insn;

	if (insn->reg_high)
		value = (value & 0xff) << 8 | (e->gpr[insn->reg] & 0xff);
	set_gpr(e, insn->reg, insn->reg_high ? 2 : insn->reg_size, value);
}

/* The part of a register that makes an address or counts a string. */
static u64 get_address_register(const struct exec *e, u8 nr)
{
	return e->gpr[nr] & mask(e->insn->addr_size);
}

static enum slat_insn_result read_memory(struct exec *e, u64 linear, void *data, u8 len)
{
	return e->cpu->ops->read(e->cpu, linear, data, len);
}

/* Write what was read as @old before, if it was. */
static enum slat_insn_result write_memory(struct exec *e, u64 linear, const void *old,
					  const void *new, u8 len)
{
	if (e->insn->lock || e->insn->op == SLAT_INSN_XCHG)
		return e->cpu->ops->exchange(e->cpu, linear, old, new, len);
	return e->cpu->ops->write(e->cpu, linear, new, len);
}

static enum slat_insn_result linear_address(struct exec *e, u8 seg, u64 offset,
					    enum slat_insn_access access, u64 *linear)
{
	return slat_insn_linear(e->cpu, e->insn, seg, offset, e->insn->mem_size, access, linear);
}

/* Of the operand that ModRM or an offset describes. */
static enum slat_insn_result operand_address(struct exec *e, enum slat_insn_access access,
					     u64 *linear)
{
	const struct slat_insn *insn = e->insn;
	u64 offset = insn->disp;

	if (insn->base == SLAT_INSN_RIP)
		offset += e->cpu->rip + insn->length;
	else if (insn->base != SLAT_INSN_NO_GPR)
		offset += e->gpr[insn->base];
	if (insn->index != SLAT_INSN_NO_GPR)
		offset += e->gpr[insn->index] << insn->scale;

	/* A bit's number in a register is signed and may be that of a bit far away. */
	if (insn->op >= SLAT_INSN_BT && insn->op <= SLAT_INSN_BTC && insn->src == SLAT_INSN_REG) {
		const s64 bit = sign_extend64(get_operand_register(e), 8 * insn->reg_size - 1);

		offset += (bit >> 3) & -(u64)insn->mem_size;
	}
	return linear_address(e, insn->seg, offset & mask(insn->addr_size), access, linear);
}

/* Load or store or compute, between memory and a register or an immediate. */
static enum slat_insn_result execute_general(struct exec *e)
{
	const struct slat_insn *insn = e->insn;
	const u8 op = insn->op;
	const bool stores = insn->dst == SLAT_INSN_MEM && op != SLAT_INSN_CMP &&
			    op != SLAT_INSN_TEST && op != SLAT_INSN_BT;
	const bool loads = insn->src == SLAT_INSN_MEM ||
			   (op != SLAT_INSN_MOV && op != SLAT_INSN_MOVBE);
	const u64 other = insn->dst == SLAT_INSN_REG || insn->src == SLAT_INSN_REG ?
			  get_operand_register(e) : insn->imm;
	enum slat_insn_result result;
	u64 linear, value;
	u64 old = 0;

	result = operand_address(e, stores ? SLAT_INSN_WRITE : SLAT_INSN_READ, &linear);
	if (!result && loads)
		result = read_memory(e, linear, &old, insn->mem_size);
	if (result)
		return result;

	switch (op) {
	case SLAT_INSN_XCHG:
		value = other;
		set_operand_register(e, old);
		break;
	case SLAT_INSN_XADD:
		value = slat_insn_compute(SLAT_INSN_ADD, insn->mem_size, old, other, &e->rflags);
		set_operand_register(e, old);
		break;
	case SLAT_INSN_CMPXCHG:
		slat_insn_compute(SLAT_INSN_CMP, insn->mem_size, e->gpr[SLAT_INSN_RAX], old,
				  &e->rflags);
		/* The CPU writes in either case. */
		value = e->rflags & X86_EFLAGS_ZF ? other : old;
		if (!(e->rflags & X86_EFLAGS_ZF))
			set_gpr(e, SLAT_INSN_RAX, insn->mem_size, old);
		break;
	default:
		if (insn->dst == SLAT_INSN_MEM)
			value = slat_insn_compute(op, insn->mem_size, old, other, &e->rflags);
		else
			value = slat_insn_compute(op, insn->mem_size, other, old, &e->rflags);
	}

	if (stores)
		return write_memory(e, linear, &old, &value, insn->mem_size);
	if (insn->dst == SLAT_INSN_REG && op != SLAT_INSN_CMP)
		set_operand_register(e, value);
	return SLAT_INSN_DONE;
}

static enum slat_insn_result execute_cmpxchg8b(struct exec *e)
{
	const u8 half = e->insn->mem_size / 2;
	enum slat_insn_result result;
	u8 old[16] = { 0 }, new[16];
	u64 linear;

	result = operand_address(e, SLAT_INSN_WRITE, &linear);
	if (!result)
		result = read_memory(e, linear, old, 2 * half);
	if (result)
		return result;

	if (!memcmp(old, &e->gpr[SLAT_INSN_RAX], half) &&
	    !memcmp(old + half, &e->gpr[SLAT_INSN_RDX], half)) {
		e->rflags |= X86_EFLAGS_ZF;
		memcpy(new, &e->gpr[SLAT_INSN_RBX], half);
		memcpy(new + half, &e->gpr[SLAT_INSN_RCX], half);
	} else {
		e->rflags &= ~X86_EFLAGS_ZF;
		memcpy(new, old, sizeof(new));
		e->gpr[SLAT_INSN_RAX] = 0;
		e->gpr[SLAT_INSN_RDX] = 0;
		memcpy(&e->gpr[SLAT_INSN_RAX], old, half);
		memcpy(&e->gpr[SLAT_INSN_RDX], old + half, half);
	}
	return write_memory(e, linear, old, new, 2 * half);
}

/* Bytes of the stack pointer. */
static u8 stack_size(const struct exec *e)
{
	if (e->insn->mode == SLAT_INSN_MODE_64)
		return 8;
	return e->cpu->segments[SLAT_INSN_SS].attr & SLAT_INSN_SEG_BIG ? 4 : 2;
}

static enum slat_insn_result execute_push(struct exec *e)
{
	const u8 size = e->insn->mem_size;
	const u64 top = (e->gpr[SLAT_INSN_RSP] - size) & mask(stack_size(e));
	enum slat_insn_result result;
	u64 from, to, value;

	result = operand_address(e, SLAT_INSN_READ, &from);
	if (!result)
		result = read_memory(e, from, &value, size);
	if (!result)
		result = linear_address(e, SLAT_INSN_SS, top, SLAT_INSN_WRITE, &to);
	if (result)
		return result;

	set_gpr(e, SLAT_INSN_RSP, stack_size(e), top);
	return e->cpu->ops->write(e->cpu, to, &value, size);
}

static enum slat_insn_result execute_pop(struct exec *e)
{
	const u8 size = e->insn->mem_size;
	const u64 top = e->gpr[SLAT_INSN_RSP] & mask(stack_size(e));
	enum slat_insn_result result;
	u64 from, to, value;

	result = linear_address(e, SLAT_INSN_SS, top, SLAT_INSN_READ, &from);
	if (!result)
		result = read_memory(e, from, &value, size);
	/* An address that is made with the stack pointer has the new one. */
	set_gpr(e, SLAT_INSN_RSP, stack_size(e), top + size);
	if (!result)
		result = operand_address(e, SLAT_INSN_WRITE, &to);
	if (result)
		return result;
	return e->cpu->ops->write(e->cpu, to, &value, size);
}

/* One iteration. */
static enum slat_insn_result execute_string(struct exec *e)
{
	const struct slat_insn *insn = e->insn;
	const u8 op = insn->op, size = insn->mem_size;
	const u64 step = e->rflags & X86_EFLAGS_DF ? -(u64)size : size;
	const u64 count = get_address_register(e, SLAT_INSN_RCX);
	const bool has_source = op == SLAT_INSN_MOVS || op == SLAT_INSN_CMPS ||
				op == SLAT_INSN_LODS;
	const bool has_target = op != SLAT_INSN_LODS;
	const bool stores = op == SLAT_INSN_MOVS || op == SLAT_INSN_STOS;
	const bool compares = op == SLAT_INSN_CMPS || op == SLAT_INSN_SCAS;
	enum slat_insn_result result = SLAT_INSN_DONE;
	u64 source = e->gpr[SLAT_INSN_RAX];
	u64 target = 0;
	u64 from, to;
	bool equal;

	if (insn->rep && !count)
		return SLAT_INSN_DONE;

	if (has_source)
		result = linear_address(e, insn->seg, get_address_register(e, SLAT_INSN_RSI),
					SLAT_INSN_READ, &from);
	if (!result && has_source)
		result = read_memory(e, from, &source, size);
	if (!result && has_target)
		result = linear_address(e, SLAT_INSN_ES, get_address_register(e, SLAT_INSN_RDI),
					stores ? SLAT_INSN_WRITE : SLAT_INSN_READ, &to);
	if (!result && compares)
		result = read_memory(e, to, &target, size);
	if (!result && stores)
		result = e->cpu->ops->write(e->cpu, to, &source, size);
	if (result)
		return result;

	if (op == SLAT_INSN_LODS)
		set_gpr(e, SLAT_INSN_RAX, size, source);
	if (compares)
		slat_insn_compute(SLAT_INSN_CMP, size, source, target, &e->rflags);
	if (has_source)
		set_gpr(e, SLAT_INSN_RSI, insn->addr_size, e->gpr[SLAT_INSN_RSI] + step);
	if (has_target)
		set_gpr(e, SLAT_INSN_RDI, insn->addr_size, e->gpr[SLAT_INSN_RDI] + step);
	if (!insn->rep)
		return SLAT_INSN_DONE;

	set_gpr(e, SLAT_INSN_RCX, insn->addr_size, count - 1);
	if (count == 1)
		return SLAT_INSN_DONE;
	if (!compares)
		return SLAT_INSN_AGAIN;
	/* 0xf3 goes on while they are equal, 0xf2 while they are not. */
	equal = e->rflags & X86_EFLAGS_ZF;
	return equal == (insn->rep == 0xf3) ? SLAT_INSN_AGAIN : SLAT_INSN_DONE;
}

/* Whether the system lets programs use vector registers (SDM vol. 2A, 2.4 and 2.6). */
static enum slat_insn_result check_vectors(struct exec *e)
{
	const struct slat_insn_cpu *cpu = e->cpu;
	bool enabled;

	if (e->insn->vex)
		enabled = slat_insn_is_protected(cpu) && (cpu->cr4 & X86_CR4_OSXSAVE) &&
			  (cpu->xcr0 & XCR0_AVX) == XCR0_AVX;
	else
		enabled = !(cpu->cr0 & X86_CR0_EM) && (cpu->cr4 & X86_CR4_OSFXSR);

	if (!enabled)
		return slat_insn_raise(e->cpu, X86_TRAP_UD);
	if (cpu->cr0 & X86_CR0_TS)
		return slat_insn_raise(e->cpu, X86_TRAP_NM);
	return SLAT_INSN_DONE;
}

static enum slat_insn_result execute_vector(struct exec *e)
{
	const struct slat_insn *insn = e->insn;
	const bool stores = insn->dst == SLAT_INSN_MEM;
	u8 data[SLAT_INSN_MAX_OPERAND] = { 0 };
	u8 *part = insn->op == SLAT_INSN_VMOVHI ? data + 8 : data;
	enum slat_insn_result result;
	u64 linear;

	result = check_vectors(e);
	if (!result)
		result = operand_address(e, stores ? SLAT_INSN_WRITE : SLAT_INSN_READ, &linear);
	if (result)
		return result;

	if (stores || insn->op != SLAT_INSN_VMOV)
		e->cpu->ops->read_vector(e->cpu, insn->reg, data);
	if (stores)
		return e->cpu->ops->write(e->cpu, linear, part, insn->mem_size);

	result = read_memory(e, linear, part, insn->mem_size);
	if (!result)
		e->cpu->ops->write_vector(e->cpu, insn->reg, data, insn->vex ? 32 : 16);
	return result;
}

/**
 * slat_insn_execute() - execute an instruction, of a string one iteration
 * @cpu: the registers and the way to memory
 * @insn: what slat_insn_decode() made of the bytes at RIP, for the vCPU's mode
 *
 * Takes no lock and does not sleep where the ops do not; makes at most three
 * accesses.  The head of this file has the contract.
 *
 * Return: SLAT_INSN_DONE, SLAT_INSN_AGAIN, or with nothing changed
 * SLAT_INSN_RETRY, SLAT_INSN_EXIT or SLAT_INSN_FAULT.
 */
enum slat_insn_result slat_insn_execute(struct slat_insn_cpu *cpu,
					const struct slat_insn *insn)
{
	struct exec e = { .cpu = cpu, .insn = insn, .rflags = cpu->rflags };
	enum slat_insn_result result;

	memcpy(e.gpr, cpu->gpr, sizeof(e.gpr));

	switch (insn->op) {
	case SLAT_INSN_CMPXCHG8B:
		result = execute_cmpxchg8b(&e);
		break;
	case SLAT_INSN_PUSH:
		result = execute_push(&e);
		break;
	case SLAT_INSN_POP:
		result = execute_pop(&e);
		break;
	case SLAT_INSN_MOVS:
	case SLAT_INSN_CMPS:
	case SLAT_INSN_STOS:
	case SLAT_INSN_LODS:
	case SLAT_INSN_SCAS:
		result = execute_string(&e);
		break;
	case SLAT_INSN_VMOV:
	case SLAT_INSN_VMOVLO:
	case SLAT_INSN_VMOVHI:
		result = execute_vector(&e);
		break;
	default:
		result = execute_general(&e);
	}

	if (result != SLAT_INSN_DONE && result != SLAT_INSN_AGAIN)
		return result;

	memcpy(cpu->gpr, e.gpr, sizeof(e.gpr));
	/* With RF set a breakpoint at RIP is not hit again (SDM vol. 3B, 18.3.1.1). */
	if (result == SLAT_INSN_AGAIN) {
		cpu->rflags = e.rflags | X86_EFLAGS_RF;
		return result;
	}
	cpu->rflags = e.rflags & ~(u64)X86_EFLAGS_RF;
	cpu->rip += insn->length;
	if (insn->mode != SLAT_INSN_MODE_64)
		cpu->rip = (u32)cpu->rip;
	return result;
}
