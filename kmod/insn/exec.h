/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Execute one decoded instruction on registers and memory that the caller
 * provides.
 *
 * An execution has this order: at most two reads, computing, at most one write
 * or compare-and-exchange, registers.  The checks of an address come right before
 * its access, as in the CPU, which reads one operand before it looks at the other.
 * Registers are untouched unless all succeeds, and it can be restarted from the
 * beginning.  This is how an access that takes user space's help is done:
 *
 *	the caller logs each access that completes, and what it read;
 *	an access that cannot complete yet returns SLAT_INSN_EXIT, and so does
 *	slat_insn_execute();
 *	once user space has done it, the caller logs it too and executes the same
 *	instruction again, with the same registers;
 *	accesses then come in the same order, with the same addresses and data:
 *	those that the log has are answered from it and not done again;
 *	when anything but SLAT_INSN_EXIT is returned, the log is emptied.
 *
 * The log must have ordinary memory too: written once, it reads differently.
 * An operand that crosses a page is one access here; the caller splits it.
 *
 * Checks that a CPU makes before it touches memory are made again: the code may
 * have changed since the exit that made the caller fetch it.
 */
#ifndef SLAT_INSN_EXEC_H
#define SLAT_INSN_EXEC_H

#include <linux/types.h>

#include "insn/decode.h"

/* Bytes of the largest operand: a YMM register. */
#define SLAT_INSN_MAX_OPERAND	32

/**
 * enum slat_insn_result - how an execution, or one access of it, ended
 * @SLAT_INSN_DONE: done; RIP is behind the instruction
 * @SLAT_INSN_AGAIN: one iteration of a string instruction is done and there are
 *	more: RIP is still at it, RF is set.  Execute it again, or let the guest
 *	do so.  Not for an access.
 * @SLAT_INSN_RETRY: a compare-and-exchange found another value than was read:
 *	nothing has changed; empty the log and execute it again
 * @SLAT_INSN_EXIT: an access must be completed elsewhere; nothing has changed
 * @SLAT_INSN_FAULT: slat_insn_cpu.fault says which; nothing has changed
 */
enum slat_insn_result {
	SLAT_INSN_DONE,
	SLAT_INSN_AGAIN,
	SLAT_INSN_RETRY,
	SLAT_INSN_EXIT,
	SLAT_INSN_FAULT,
};

/* Bits of a segment's attributes, as in a VMCS (SDM vol. 3C, table 25-2). */
#define SLAT_INSN_SEG_WRITABLE		0x0002	/* data */
#define SLAT_INSN_SEG_READABLE		0x0002	/* code */
#define SLAT_INSN_SEG_EXPAND_DOWN	0x0004	/* data */
#define SLAT_INSN_SEG_CODE		0x0008
#define SLAT_INSN_SEG_PRESENT		0x0080
#define SLAT_INSN_SEG_BIG		0x4000
#define SLAT_INSN_SEG_UNUSABLE		0x10000

/**
 * struct slat_insn_segment - a segment register
 * @base: linear address of it
 * @limit: the last byte in it, granularity applied
 * @attr: SLAT_INSN_SEG_* bits; others do not count
 */
struct slat_insn_segment {
	u64 base;
	u32 limit;
	u32 attr;
};

/**
 * struct slat_insn_fault - an exception
 * @vector: which, X86_TRAP_*
 * @error_code: its error code, where the vector has one
 * @address: with #PF: the linear address
 */
struct slat_insn_fault {
	u8 vector;
	u32 error_code;
	u64 address;
};

struct slat_insn_cpu;

/**
 * struct slat_insn_ops - memory, segments and vector registers
 * @segment: fill in slat_insn_cpu.segments[nr], which is about to be used; NULL
 *	where all of them are.  That of SS always is.
 * @read: read @len bytes, at most 32, at the linear address.  Outside of 64-bit
 *	mode an address that exceeds 32 bits wraps.
 * @write: write @len bytes.  The right to write is asked for here, also where
 *	the operand was read before.
 * @exchange: for LOCK and XCHG, of 1, 2, 4, 8 or 16 bytes: write @new if @old is
 *	still there, atomically; SLAT_INSN_RETRY if it is not.  What cannot do
 *	so, as a device, was read by @read before and is now written with @new.
 *	@new may be @old.
 * @read_vector: copy XMM or YMM register @nr; without AVX the upper half is not
 *	looked at
 * @write_vector: @len 16: set XMM register @nr, keep the rest of YMM and ZMM;
 *	32: set YMM register @nr, clear the rest of ZMM.  Called once at most,
 *	when nothing can fail any more.
 *
 * The first three fill slat_insn_cpu.fault when they return SLAT_INSN_FAULT.
 */
struct slat_insn_ops {
	void (*segment)(struct slat_insn_cpu *cpu, enum slat_insn_seg_nr nr);
	enum slat_insn_result (*read)(struct slat_insn_cpu *cpu, u64 linear,
				      void *data, u8 len);
	enum slat_insn_result (*write)(struct slat_insn_cpu *cpu, u64 linear,
				       const void *data, u8 len);
	enum slat_insn_result (*exchange)(struct slat_insn_cpu *cpu, u64 linear,
					  const void *old, const void *new, u8 len);
	void (*read_vector)(struct slat_insn_cpu *cpu, u8 nr, void *data);
	void (*write_vector)(struct slat_insn_cpu *cpu, u8 nr, const void *data, u8 len);
};

/**
 * struct slat_insn_cpu - what an execution needs and changes of a vCPU
 * @ops: how it reaches the rest; they find the vCPU by container_of()
 * @gpr: general-purpose registers, by enum slat_insn_gpr
 * @rip: instruction pointer
 * @rflags: flags.  TF is left alone: a caller that sees it set after
 *	SLAT_INSN_DONE or SLAT_INSN_AGAIN raises #DB.
 * @segments: segment registers, by enum slat_insn_seg_nr
 * @cr0: control register 0
 * @cr4: control register 4
 * @xcr0: extended control register 0
 * @cpl: current privilege level
 * @fault: filled in with SLAT_INSN_FAULT
 */
struct slat_insn_cpu {
	const struct slat_insn_ops *ops;
	u64 gpr[SLAT_INSN_NR_GPRS];
	u64 rip;
	u64 rflags;
	struct slat_insn_segment segments[SLAT_INSN_NR_SEGS];
	u64 cr0;
	u64 cr4;
	u64 xcr0;
	u8 cpl;
	struct slat_insn_fault fault;
};

enum slat_insn_result slat_insn_execute(struct slat_insn_cpu *cpu,
					const struct slat_insn *insn);

#endif /* SLAT_INSN_EXEC_H */
