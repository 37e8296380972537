// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod/insn/exec.c: modes, segments, faults and restarts; test_insn_cpu has what
 * a program in 64-bit mode can compare with its CPU.
 */
#include <linux/kernel.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "insn_machine.h"
#include "insn_random.h"
#include "unit.h"

#define M16	SLAT_INSN_MODE_16
#define M32	SLAT_INSN_MODE_32
#define M64	SLAT_INSN_MODE_64

#define START	0x10000

static u8 memory[0x20000];

static struct machine machine(void)
{
	struct machine m;

	for (size_t i = 0; i < sizeof(memory); i++)
		memory[i] = i;
	machine_init(&m, START, memory, sizeof(memory));
	return m;
}

/* Real mode, DS and the others from START on. */
static struct machine real_machine(void)
{
	struct machine m = machine();

	m.cpu.cr0 = 0;
	m.cpu.cpl = 0;
	for (int i = 0; i < SLAT_INSN_NR_SEGS; i++) {
		m.cpu.segments[i].base = START;
		m.cpu.segments[i].limit = 0xffff;
		m.cpu.segments[i].attr &= ~SLAT_INSN_SEG_BIG;
	}
	return m;
}

static enum slat_insn_result run(struct machine *m, enum slat_insn_mode mode, struct code code)
{
	struct slat_insn insn;

	CHECK_EQ(SLAT_INSN_OK, slat_insn_decode(&insn, mode, code.bytes, code.len));
	CHECK_EQ(code.len, insn.length);
	return machine_execute(m, &insn);
}

static void check_done(struct machine *m, enum slat_insn_mode mode, struct code code)
{
	CHECK_EQ(SLAT_INSN_DONE, run(m, mode, code));
}

/* @vector, with error code 0 and no access. */
static void check_fault(u8 vector, struct machine *m, enum slat_insn_mode mode, struct code code)
{
	m->cpu.fault = (struct slat_insn_fault) { .error_code = 1 };
	if (!CHECK_EQ(SLAT_INSN_FAULT, run(m, mode, code)))
		return;
	CHECK_EQ(vector, m->cpu.fault.vector);
	CHECK_EQ(0, m->cpu.fault.error_code);
	CHECK_EQ(0, m->logged);
}

static void real_mode_addresses(void)
{
	struct machine m = real_machine();

	/* mov (%bx,%si), %al wraps at 64 KiB, whatever is above 16 bits. */
	m.cpu.gpr[SLAT_INSN_RBX] = 0xaaaaff00;
	m.cpu.gpr[SLAT_INSN_RSI] = 0xbbbb0210;
	m.cpu.gpr[SLAT_INSN_RAX] = -1;
	check_done(&m, M16, CODE(0x8a, 0x00));
	CHECK_EQ(START + 0x110, m.log[0].linear);
	CHECK_EQ(0xffffffffffffff10, m.cpu.gpr[SLAT_INSN_RAX]);

	/* mov (%bx), %ax at the last byte; through %bp it is on the stack. */
	m.cpu.gpr[SLAT_INSN_RBX] = 0xffff;
	check_fault(X86_TRAP_GP, &m, M16, CODE(0x8b, 0x07));
	m.cpu.gpr[SLAT_INSN_RBP] = 0xffff;
	check_fault(X86_TRAP_SS, &m, M16, CODE(0x8b, 0x46, 0x00));
	m.cpu.gpr[SLAT_INSN_RBX] = 0xfffe;
	check_done(&m, M16, CODE(0x8b, 0x07));

	/* Types do not count: a store through CS. */
	check_done(&m, M16, CODE(0x2e, 0x89, 0x07));
}

static void segment_types(void)
{
	struct machine m = machine();
	struct slat_insn_segment *cs = &m.cpu.segments[SLAT_INSN_CS];
	struct slat_insn_segment *ds = &m.cpu.segments[SLAT_INSN_DS];

	m.cpu.gpr[SLAT_INSN_RDI] = START;
	/* mov %cs:(%edi), %eax and back: code is at most readable. */
	check_done(&m, M32, CODE(0x2e, 0x8b, 0x07));
	check_fault(X86_TRAP_GP, &m, M32, CODE(0x2e, 0x89, 0x07));
	cs->attr &= ~SLAT_INSN_SEG_READABLE;
	check_fault(X86_TRAP_GP, &m, M32, CODE(0x2e, 0x8b, 0x07));

	/* Data that is not writable; cmp only reads, add does both. */
	ds->attr &= ~SLAT_INSN_SEG_WRITABLE;
	check_done(&m, M32, CODE(0x8b, 0x07));
	check_done(&m, M32, CODE(0x39, 0x07));
	check_fault(X86_TRAP_GP, &m, M32, CODE(0x89, 0x07));
	check_fault(X86_TRAP_GP, &m, M32, CODE(0x01, 0x07));
	/* ... except in virtual-8086 mode. */
	m.cpu.rflags |= X86_EFLAGS_VM;
	check_done(&m, M32, CODE(0x89, 0x07));
	m.cpu.rflags &= ~X86_EFLAGS_VM;

	/* Null; in 64-bit mode that is no fault. */
	ds->attr |= SLAT_INSN_SEG_UNUSABLE;
	check_fault(X86_TRAP_GP, &m, M32, CODE(0x8b, 0x07));
	check_done(&m, M64, CODE(0x89, 0x07));
	ds->attr = SLAT_INSN_SEG_WRITABLE;
	check_fault(X86_TRAP_GP, &m, M32, CODE(0x8b, 0x07));
}

static void segment_limits(void)
{
	struct machine m = machine();
	struct slat_insn_segment *ds = &m.cpu.segments[SLAT_INSN_DS];

	/* mov (%edi), %eax */
	ds->base = START;
	ds->limit = 0xfff;
	m.cpu.gpr[SLAT_INSN_RDI] = 0xffc;
	check_done(&m, M32, CODE(0x8b, 0x07));
	CHECK_EQ(START + 0xffc, m.log[0].linear);
	m.cpu.gpr[SLAT_INSN_RDI] = 0xffd;
	check_fault(X86_TRAP_GP, &m, M32, CODE(0x8b, 0x07));
	m.cpu.gpr[SLAT_INSN_RDI] = 0xfffffffe;
	check_fault(X86_TRAP_GP, &m, M32, CODE(0x8b, 0x07));

	/* Expand-down: what is above the limit, up to 64 KiB or 4 GiB. */
	ds->attr |= SLAT_INSN_SEG_EXPAND_DOWN;
	m.cpu.gpr[SLAT_INSN_RDI] = 0xfff;
	check_fault(X86_TRAP_GP, &m, M32, CODE(0x8b, 0x07));
	m.cpu.gpr[SLAT_INSN_RDI] = 0x1000;
	check_done(&m, M32, CODE(0x8b, 0x07));
	m.cpu.gpr[SLAT_INSN_RDI] = 0xfffd;
	check_done(&m, M32, CODE(0x8b, 0x07));
	ds->attr &= ~SLAT_INSN_SEG_BIG;
	check_fault(X86_TRAP_GP, &m, M32, CODE(0x8b, 0x07));

	/* A base wraps at 4 GiB. */
	*ds = m.cpu.segments[SLAT_INSN_ES];
	ds->base = 0xffff0000;
	m.cpu.gpr[SLAT_INSN_RDI] = START + 0x10000;
	check_done(&m, M32, CODE(0x8b, 0x07));
	CHECK_EQ(START, m.log[0].linear);
}

static void long_mode_addresses(void)
{
	struct machine m = machine();

	/* mov (%rdi), %eax; only FS and GS have a base. */
	m.cpu.segments[SLAT_INSN_DS].base = 0x1000;
	m.cpu.segments[SLAT_INSN_GS].base = 0x100;
	m.cpu.gpr[SLAT_INSN_RDI] = START;
	check_done(&m, M64, CODE(0x8b, 0x07));
	CHECK_EQ(START, m.log[0].linear);
	check_done(&m, M64, CODE(0x65, 0x8b, 0x07));
	CHECK_EQ(START + 0x100, m.log[0].linear);

	/* The last byte counts too; (%rbp) is on the stack; LA57 has more. */
	m.start = 0x7ffffffe1000;
	m.cpu.gpr[SLAT_INSN_RDI] = 0x7ffffffffffc;
	m.cpu.gpr[SLAT_INSN_RBP] = 0x7ffffffffffd;
	check_done(&m, M64, CODE(0x8b, 0x07));
	check_fault(X86_TRAP_SS, &m, M64, CODE(0x8b, 0x45, 0x00));
	m.cpu.gpr[SLAT_INSN_RDI]++;
	check_fault(X86_TRAP_GP, &m, M64, CODE(0x8b, 0x07));
	m.cpu.cr4 |= X86_CR4_LA57;
	check_done(&m, M64, CODE(0x8b, 0x07));
}

static void alignment(void)
{
	struct machine m = machine();

	m.cpu.gpr[SLAT_INSN_RDI] = START + 1;
	/* mov (%rdi), %eax asks for it in programs that set AC ... */
	m.cpu.rflags |= X86_EFLAGS_AC;
	check_fault(X86_TRAP_AC, &m, M64, CODE(0x8b, 0x07));
	check_done(&m, M64, CODE(0x8a, 0x07));
	m.cpu.cpl = 0;
	check_done(&m, M64, CODE(0x8b, 0x07));
	m.cpu.cpl = 3;
	m.cpu.cr0 &= ~X86_CR0_AM;
	check_done(&m, M64, CODE(0x8b, 0x07));

	/* ... movaps, vmovntdq and cmpxchg16b always. */
	check_fault(X86_TRAP_GP, &m, M64, CODE(0x0f, 0x28, 0x07));
	m.cpu.gpr[SLAT_INSN_RDI] = START + 16;
	check_done(&m, M64, CODE(0x0f, 0x28, 0x07));
	check_fault(X86_TRAP_GP, &m, M64, CODE(0xc5, 0xfd, 0xe7, 0x07));
	check_done(&m, M64, CODE(0x48, 0x0f, 0xc7, 0x0f));
	m.cpu.gpr[SLAT_INSN_RDI] = START + 8;
	check_fault(X86_TRAP_GP, &m, M64, CODE(0x48, 0x0f, 0xc7, 0x0f));
	check_done(&m, M64, CODE(0x0f, 0xc7, 0x0f));
}

static void vectors_must_be_enabled(void)
{
	const struct machine enabled = machine();
	struct machine m = enabled;

	m.cpu.gpr[SLAT_INSN_RDI] = START;
	m.cpu.cr0 |= X86_CR0_TS;
	check_fault(X86_TRAP_NM, &m, M64, CODE(0x0f, 0x10, 0x07));
	check_fault(X86_TRAP_NM, &m, M64, CODE(0xc5, 0xf8, 0x10, 0x07));
	/* movnti is an integer's. */
	check_done(&m, M64, CODE(0x0f, 0xc3, 0x07));
	m.cpu.cr0 |= X86_CR0_EM;
	check_fault(X86_TRAP_UD, &m, M64, CODE(0x0f, 0x10, 0x07));

	m.cpu.cr0 = enabled.cpu.cr0;
	m.cpu.cr4 = X86_CR4_OSFXSR;
	check_done(&m, M64, CODE(0x0f, 0x10, 0x07));
	check_fault(X86_TRAP_UD, &m, M64, CODE(0xc5, 0xf8, 0x10, 0x07));
	m.cpu.cr4 = X86_CR4_OSXSAVE;
	check_fault(X86_TRAP_UD, &m, M64, CODE(0x0f, 0x10, 0x07));
	check_done(&m, M64, CODE(0xc5, 0xf8, 0x10, 0x07));
	m.cpu.xcr0 = 3;
	check_fault(X86_TRAP_UD, &m, M64, CODE(0xc5, 0xf8, 0x10, 0x07));

	m = enabled;
	m.cpu.gpr[SLAT_INSN_RDI] = START;
	m.cpu.cr0 &= ~X86_CR0_PE;
	check_fault(X86_TRAP_UD, &m, M32, CODE(0xc5, 0xf8, 0x10, 0x07));
}

static void strings_count_and_move(void)
{
	struct machine m = real_machine();

	/* rep movsb with SI, DI and CX: the upper halves are others'. */
	m.cpu.gpr[SLAT_INSN_RCX] = 0x11110002;
	m.cpu.gpr[SLAT_INSN_RSI] = 0x2222ffff;
	m.cpu.gpr[SLAT_INSN_RDI] = 0x33330100;
	m.cpu.rip = 0x500;
	CHECK_EQ(SLAT_INSN_AGAIN, run(&m, M16, CODE(0xf3, 0xa4)));
	CHECK_EQ(0x500, m.cpu.rip);
	CHECK_EQ(0x11110001, m.cpu.gpr[SLAT_INSN_RCX]);
	CHECK_EQ(0x22220000, m.cpu.gpr[SLAT_INSN_RSI]);
	CHECK_EQ(0x33330101, m.cpu.gpr[SLAT_INSN_RDI]);
	CHECK(m.cpu.rflags & X86_EFLAGS_RF);
	CHECK_EQ(0xff, memory[0x100]);

	CHECK_EQ(SLAT_INSN_DONE, run(&m, M16, CODE(0xf3, 0xa4)));
	CHECK_EQ(0x502, m.cpu.rip);
	CHECK_EQ(0x11110000, m.cpu.gpr[SLAT_INSN_RCX]);
	CHECK(!(m.cpu.rflags & X86_EFLAGS_RF));

	/* Nothing left to do: no access, no register, not even a fault. */
	m.cpu.segments[SLAT_INSN_ES].attr |= SLAT_INSN_SEG_UNUSABLE;
	CHECK_EQ(SLAT_INSN_DONE, run(&m, M16, CODE(0xf3, 0xa4)));
	CHECK_EQ(0x504, m.cpu.rip);
	CHECK_EQ(0x33330102, m.cpu.gpr[SLAT_INSN_RDI]);
	CHECK_EQ(0, m.logged);
	m.cpu.gpr[SLAT_INSN_RCX] = 1;
	check_fault(X86_TRAP_GP, &m, M16, CODE(0xf3, 0xaa));
}

static void strings_go_down(void)
{
	struct machine m = machine();

	/* std; rep stosl */
	m.cpu.rflags |= X86_EFLAGS_DF;
	m.cpu.gpr[SLAT_INSN_RAX] = 0x12345678;
	m.cpu.gpr[SLAT_INSN_RCX] = 2;
	m.cpu.gpr[SLAT_INSN_RDI] = START + 0x100;
	CHECK_EQ(SLAT_INSN_AGAIN, run(&m, M64, CODE(0xf3, 0xab)));
	CHECK_EQ(SLAT_INSN_DONE, run(&m, M64, CODE(0xf3, 0xab)));
	CHECK_EQ(START + 0xf8, m.cpu.gpr[SLAT_INSN_RDI]);
	CHECK_EQ(2, m.stores);
	CHECK_EQ(0x78, memory[0x100]);
	CHECK_EQ(0x12, memory[0xff]);
}

static void comparisons_end_early(void)
{
	struct machine m = machine();

	/* repe scasb finds no second 0; repne scasb finds 2 */
	m.cpu.gpr[SLAT_INSN_RCX] = 9;
	m.cpu.gpr[SLAT_INSN_RDI] = START;
	CHECK_EQ(SLAT_INSN_AGAIN, run(&m, M64, CODE(0xf3, 0xae)));
	CHECK_EQ(SLAT_INSN_DONE, run(&m, M64, CODE(0xf3, 0xae)));
	CHECK_EQ(7, m.cpu.gpr[SLAT_INSN_RCX]);

	m.cpu.gpr[SLAT_INSN_RAX] = 3;
	CHECK_EQ(SLAT_INSN_AGAIN, run(&m, M64, CODE(0xf2, 0xae)));
	CHECK_EQ(SLAT_INSN_DONE, run(&m, M64, CODE(0xf2, 0xae)));
	CHECK_EQ(5, m.cpu.gpr[SLAT_INSN_RCX]);
	CHECK(m.cpu.rflags & X86_EFLAGS_ZF);
}

static void string_segments(void)
{
	struct machine m = machine();

	m.cpu.segments[SLAT_INSN_ES].base = 0x1000;
	m.cpu.segments[SLAT_INSN_FS].base = 0x2000;
	m.cpu.gpr[SLAT_INSN_RSI] = START;
	m.cpu.gpr[SLAT_INSN_RDI] = START;
	/* fs movsb: from FS, to ES */
	check_done(&m, M32, CODE(0x64, 0xa4));
	CHECK_EQ(START + 0x2000, m.log[0].linear);
	CHECK_EQ(START + 0x1000, m.log[1].linear);
	/* fs scasb: ES all the same */
	check_done(&m, M32, CODE(0x64, 0xae));
	CHECK_EQ(START + 0x1001, m.log[0].linear);
}

static void stacks(void)
{
	struct machine m = real_machine();

	/* pushw (%bx): SP wraps, the rest of ESP stays. */
	m.cpu.gpr[SLAT_INSN_RSP] = 0xabcd0000;
	m.cpu.gpr[SLAT_INSN_RBX] = 0x20;
	check_done(&m, M16, CODE(0xff, 0x37));
	CHECK_EQ(0xabcdfffe, m.cpu.gpr[SLAT_INSN_RSP]);
	CHECK_EQ(START + 0xfffe, m.log[1].linear);
	CHECK_EQ(0x20, memory[0xfffe]);
	/* popw (%bx) */
	m.cpu.gpr[SLAT_INSN_RBX] = 0x30;
	check_done(&m, M16, CODE(0x8f, 0x07));
	CHECK_EQ(0xabcd0000, m.cpu.gpr[SLAT_INSN_RSP]);
	CHECK_EQ(0x20, memory[0x30]);

	/* The stack's segment says how wide its pointer is, not the code's. */
	m.cpu.segments[SLAT_INSN_SS].attr |= SLAT_INSN_SEG_BIG;
	m.cpu.gpr[SLAT_INSN_RSP] = 0x10000;
	check_fault(X86_TRAP_SS, &m, M16, CODE(0x8f, 0x07));

	/* popl (%esp): the address is made with the new value */
	m = machine();
	m.cpu.gpr[SLAT_INSN_RSP] = START + 0x40;
	check_done(&m, M32, CODE(0x8f, 0x04, 0x24));
	CHECK_EQ(START + 0x40, m.log[0].linear);
	CHECK_EQ(START + 0x44, m.log[1].linear);
	/* pushq (%rsp): with the old one */
	check_done(&m, M64, CODE(0xff, 0x34, 0x24));
	CHECK_EQ(START + 0x44, m.log[0].linear);
	CHECK_EQ(START + 0x3c, m.log[1].linear);
	CHECK_EQ(8, m.log[1].len);
}

/* Where both operands are bad, the one that is read is found first. */
static void reads_before_it_looks_at_the_target(void)
{
	struct machine m = machine();

	/* pushq (%rdi) and popq (%rdi), the stack not canonical */
	m.cpu.gpr[SLAT_INSN_RSP] = 1ULL << 63;
	CHECK_EQ(SLAT_INSN_EXIT, run(&m, M64, CODE(0xff, 0x37)));
	CHECK(m.outside);
	check_fault(X86_TRAP_SS, &m, M64, CODE(0x8f, 0x07));
	m.cpu.gpr[SLAT_INSN_RDI] = START;
	CHECK_EQ(SLAT_INSN_FAULT, run(&m, M64, CODE(0xff, 0x37)));
	CHECK_EQ(1, m.logged);

	/* movsb, the target not canonical */
	m.cpu.gpr[SLAT_INSN_RDI] = 1ULL << 63;
	CHECK_EQ(SLAT_INSN_EXIT, run(&m, M64, CODE(0xa4)));
	m.cpu.gpr[SLAT_INSN_RSI] = START;
	CHECK_EQ(SLAT_INSN_FAULT, run(&m, M64, CODE(0xa4)));
	CHECK_EQ(0, m.stores);
}

static void rip(void)
{
	struct machine m = machine();

	m.cpu.gpr[SLAT_INSN_RDI] = START;
	m.cpu.rip = 0xffffffff;
	check_done(&m, M32, CODE(0x8b, 0x07));
	CHECK_EQ(1, m.cpu.rip);
	m.cpu.rip = 0xffffffff;
	check_done(&m, M64, CODE(0x8b, 0x07));
	CHECK_EQ(0x100000001, m.cpu.rip);
}

/* TF is the caller's, RF ends with the instruction. */
static void debug_flags(void)
{
	struct machine m = machine();

	m.cpu.gpr[SLAT_INSN_RDI] = START;
	m.cpu.rflags |= X86_EFLAGS_TF | X86_EFLAGS_RF;
	check_done(&m, M64, CODE(0x01, 0x07));
	CHECK(m.cpu.rflags & X86_EFLAGS_TF);
	CHECK(!(m.cpu.rflags & X86_EFLAGS_RF));
}

/* A store that does not need the old value does not read it. */
static void accesses(void)
{
	struct machine m = machine();

	m.cpu.gpr[SLAT_INSN_RDI] = START + 0xffc;
	check_done(&m, M64, CODE(0x48, 0x89, 0x07));
	CHECK_EQ(1, m.logged);
	CHECK(m.log[0].writes);
	/* Over the end of a page, in one piece. */
	CHECK_EQ(8, m.log[0].len);
	check_done(&m, M64, CODE(0x0f, 0x38, 0xf1, 0x07));
	CHECK_EQ(1, m.logged);
	check_done(&m, M64, CODE(0x48, 0xc7, 0x07, 1, 2, 3, 4));
	CHECK_EQ(1, m.logged);
	/* cmp and test write nothing */
	check_done(&m, M64, CODE(0x39, 0x07));
	check_done(&m, M64, CODE(0x85, 0x07));
	check_done(&m, M64, CODE(0x0f, 0xa3, 0x07));
	CHECK_EQ(3, m.stores);
	CHECK_EQ(0, m.cmpxchgs);
}

static void interfere(struct machine *m)
{
	if (m->cmpxchgs == 1)
		m->memory[0] += 0x40;
}

static void locks(void)
{
	struct machine m = machine();

	/* lock addb $1, (%rdi) while another vCPU writes there */
	m.interfere = interfere;
	m.cpu.gpr[SLAT_INSN_RDI] = START;
	CHECK_EQ(SLAT_INSN_RETRY, run(&m, M64, CODE(0xf0, 0x80, 0x07, 1)));
	CHECK_EQ(0, m.stores);
	check_done(&m, M64, CODE(0xf0, 0x80, 0x07, 1));
	CHECK_EQ(0x41, memory[0]);
	CHECK_EQ(2, m.cmpxchgs);

	/* xchg locks by itself, add does not; a failed comparison does. */
	check_done(&m, M64, CODE(0x86, 0x07));
	CHECK_EQ(3, m.cmpxchgs);
	check_done(&m, M64, CODE(0x80, 0x07, 1));
	CHECK_EQ(3, m.cmpxchgs);
	m.cpu.gpr[SLAT_INSN_RAX] = 0xff;
	check_done(&m, M64, CODE(0xf0, 0x0f, 0xb0, 0x07));
	CHECK_EQ(4, m.cmpxchgs);
	CHECK(!(m.cpu.rflags & X86_EFLAGS_ZF));
	CHECK_EQ(memory[0], m.cpu.gpr[SLAT_INSN_RAX]);
}

/* What was read before an exit stays read, even if memory is another by now. */
static void restarts_from_the_log(void)
{
	struct machine m = machine();
	struct slat_insn insn;
	const u8 xadd[] = { 0x0f, 0xc0, 0x07 };

	m.exits = true;
	m.cpu.gpr[SLAT_INSN_RDI] = START + 5;
	m.cpu.gpr[SLAT_INSN_RAX] = 0x10;
	CHECK_EQ(SLAT_INSN_OK, slat_insn_decode(&insn, M64, xadd, sizeof(xadd)));

	CHECK_EQ(SLAT_INSN_EXIT, slat_insn_execute(&m.cpu, &insn));
	memory[5] = 0x80;
	m.answered = 0;
	CHECK_EQ(SLAT_INSN_EXIT, slat_insn_execute(&m.cpu, &insn));
	CHECK_EQ(0x15, memory[5]);
	CHECK_EQ(0x10, m.cpu.gpr[SLAT_INSN_RAX]);
	m.answered = 0;
	CHECK_EQ(SLAT_INSN_DONE, slat_insn_execute(&m.cpu, &insn));
	CHECK_EQ(0x15, memory[5]);
	CHECK_EQ(5, m.cpu.gpr[SLAT_INSN_RAX]);
	CHECK_EQ(1, m.stores);
}

static enum slat_insn_result read_faults(struct slat_insn_cpu *cpu, u64 linear, void *data,
					 u8 len)
{
	cpu->fault = (struct slat_insn_fault) { X86_TRAP_PF, 2, linear };
	return SLAT_INSN_FAULT;
}

static void page_faults_pass(void)
{
	struct slat_insn_ops ops = machine_ops;
	struct machine m = machine();

	ops.read = read_faults;
	m.cpu.ops = &ops;
	m.cpu.gpr[SLAT_INSN_RDI] = START + 0x123;
	CHECK_EQ(SLAT_INSN_FAULT, run(&m, M64, CODE(0x01, 0x07)));
	CHECK_EQ(X86_TRAP_PF, m.cpu.fault.vector);
	CHECK_EQ(2, m.cpu.fault.error_code);
	CHECK_EQ(START + 0x123, m.cpu.fault.address);
	CHECK_EQ(0, m.stores);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(real_mode_addresses),
		UNIT_CASE(segment_types),
		UNIT_CASE(segment_limits),
		UNIT_CASE(long_mode_addresses),
		UNIT_CASE(alignment),
		UNIT_CASE(vectors_must_be_enabled),
		UNIT_CASE(strings_count_and_move),
		UNIT_CASE(strings_go_down),
		UNIT_CASE(comparisons_end_early),
		UNIT_CASE(string_segments),
		UNIT_CASE(stacks),
		UNIT_CASE(reads_before_it_looks_at_the_target),
		UNIT_CASE(rip),
		UNIT_CASE(debug_flags),
		UNIT_CASE(accesses),
		UNIT_CASE(locks),
		UNIT_CASE(restarts_from_the_log),
		UNIT_CASE(page_faults_pass),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
