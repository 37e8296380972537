// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod/insn/exec.c against the CPU that this runs on:
 *
 *	test_insn_cpu [COUNT [SEED]]
 *
 * Random instructions run for real, in 64-bit mode, and in the executor, with
 * the same random registers, flags and memory, and must leave the same behind,
 * exceptions included.
 */
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <asm/trapnr.h>

#include "insn_machine.h"
#include "insn_native.h"
#include "insn_random.h"

#define COMPARED_FLAGS							\
	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF |	\
	 X86_EFLAGS_SF | X86_EFLAGS_OF | X86_EFLAGS_DF)

/* Operands are in its middle third. */
#define THIRD		1024
#define MEMORY_SIZE	(3 * THIRD)

static u64 count;
static bool has_avx, has_avx2, has_movbe;

/* The code that runs instructions, and memory; below 2 GiB, where any address reaches. */
static u8 *code;
static u8 *memory;
static u64 fs_base;
/* The exception that the instruction raised, or -1. */
static volatile int trap;

static void *in_code(const u8 *label)
{
	return code + (label - native_begin);
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
	greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;

	if ((u8 *)gregs[REG_RIP] != (u8 *)in_code(native_gap))
		abort();
	trap = gregs[REG_TRAPNO];
	gregs[REG_RIP] = (greg_t)in_code(native_exit);
}

static void prepare(void)
{
	static u8 stack[64 * 1024];
	const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	const struct sigaction action = {
		.sa_sigaction = on_trap,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};
	size_t size = 2 * 4096 + MEMORY_SIZE;
	unsigned int a, b, c = 0, d;

	code = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (code == MAP_FAILED) {
		printf("1..0 # SKIP no memory that is writable and executable\n");
		exit(4);
	}
	memcpy(code, native_begin, native_end - native_begin);
	memory = code + 2 * 4096;

	sigaltstack(&alternate, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);

	has_avx = __builtin_cpu_supports("avx");
	has_avx2 = __builtin_cpu_supports("avx2");
	__get_cpuid(1, &a, &b, &c, &d);
	has_movbe = c & bit_MOVBE;
	syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_base);
	/* A base for GS, which nothing here uses. */
	syscall(SYS_arch_prctl, ARCH_SET_GS, 0x1230UL);
}

static bool cpu_has(const struct slat_insn *insn)
{
	if (insn->op == SLAT_INSN_MOVBE)
		return has_movbe;
	if (insn->vex)
		return has_avx2;
	return true;
}

/*
 * With both 0x66 and REX.W, MOVBE does not ignore the segment prefixes that have
 * no meaning in 64-bit mode on Intel's CPUs: they cancel FS and GS, and choose
 * between #SS and #GP.
 */
static bool is_odd(const u8 *bytes, const struct slat_insn *insn)
{
	if (insn->op != SLAT_INSN_MOVBE || insn->mem_size != 8)
		return false;
	for (; *bytes != 0x0f; bytes++)
		if ((*bytes & 0xe7) == 0x26)
			return true;
	return false;
}

/* The displacement's bytes, which are not where another equals them, replaced. */
static bool set_disp(u8 *bytes, struct slat_insn *insn, u64 disp)
{
	const int size = insn->base == SLAT_INSN_NO_GPR && insn->addr_size == 8 &&
			 insn->disp != (u64)(s32)insn->disp ? 8 : 4;
	struct slat_insn before = *insn;

	for (int at = insn->length - size; at > 0; at--) {
		if (memcmp(bytes + at, &insn->disp, size))
			continue;
		memcpy(bytes + at, &disp, size);
		return slat_insn_decode(insn, SLAT_INSN_MODE_64, bytes, before.length) ==
			       SLAT_INSN_OK &&
		       insn->op == before.op && insn->disp == disp;
	}
	return false;
}

/* Registers that make the operand be at @target; true if there are any. */
static bool aim(struct machine *m, u8 *bytes, struct slat_insn *insn, u64 target)
{
	u64 *gpr = m->cpu.gpr;
	u64 rest = target - insn->disp;
	u64 high = insn->addr_size == 4 ? random_u64() << 32 : 0;

	if (insn->seg >= SLAT_INSN_FS)
		rest -= m->cpu.segments[insn->seg].base;
	if (insn->base == SLAT_INSN_RIP)
		return set_disp(bytes, insn, target - m->cpu.rip - insn->length);
	if (insn->base == SLAT_INSN_NO_GPR && insn->index == SLAT_INSN_NO_GPR)
		return set_disp(bytes, insn, rest + insn->disp);

	if (insn->base == SLAT_INSN_NO_GPR)
		gpr[insn->index] = (rest >> insn->scale) + high;
	else if (insn->base == insn->index)
		gpr[insn->base] = rest / (1 + (1 << insn->scale)) + high;
	else if (insn->index == SLAT_INSN_NO_GPR)
		gpr[insn->base] = rest + high;
	else
		gpr[insn->base] = rest - (gpr[insn->index] << insn->scale) + high;
	return true;
}

static u64 random_target(void)
{
	u64 target = (u64)memory + THIRD + random_below(THIRD);

	return one_in(2) ? target & -32ULL : target;
}

/* Values that make both outcomes of a comparison likely. */
static void prepare_comparison(struct machine *m, const struct slat_insn *insn, u64 target)
{
	const u8 *there = m->memory + (target - m->start);

	if (one_in(2))
		return;
	if (insn->op == SLAT_INSN_CMPXCHG || insn->op == SLAT_INSN_SCAS)
		memcpy(&m->cpu.gpr[SLAT_INSN_RAX], there, insn->mem_size);
	if (insn->op == SLAT_INSN_CMPXCHG8B) {
		memcpy(&m->cpu.gpr[SLAT_INSN_RAX], there, insn->mem_size / 2);
		memcpy(&m->cpu.gpr[SLAT_INSN_RDX], there + insn->mem_size / 2,
		       insn->mem_size / 2);
	}
}

static void prepare_string(struct machine *m, const struct slat_insn *insn)
{
	u64 *gpr = m->cpu.gpr;
	u64 high = insn->addr_size == 4 ? random_u64() << 32 : 0;

	gpr[SLAT_INSN_RSI] = random_target() + high;
	if (insn->seg >= SLAT_INSN_FS)
		gpr[SLAT_INSN_RSI] -= m->cpu.segments[insn->seg].base;
	gpr[SLAT_INSN_RDI] = random_target() + high;
	/* Not canonical, unless the address has 32 bits. */
	if (one_in(16))
		gpr[one_in(2) ? SLAT_INSN_RSI : SLAT_INSN_RDI] ^= 1ULL << 62;
	gpr[SLAT_INSN_RCX] = random_below(10);
	/* CPUs differ in what becomes of the upper halves when the count is 0. */
	if (gpr[SLAT_INSN_RCX])
		gpr[SLAT_INSN_RCX] += high;
	else if (insn->rep && insn->addr_size == 4)
		gpr[SLAT_INSN_RCX] = 1;

	/* Equal memory, so that comparisons go on. */
	if (one_in(2))
		memset(m->memory, random_u64(), m->size);
	if (one_in(2))
		memcpy(&gpr[SLAT_INSN_RAX], m->memory, 8);
}

static bool prepare_operands(struct machine *m, u8 *bytes, struct slat_insn *insn)
{
	u64 target = random_target();

	if (insn->op >= SLAT_INSN_MOVS && insn->op <= SLAT_INSN_SCAS) {
		prepare_string(m, insn);
		return true;
	}
	if (insn->op == SLAT_INSN_PUSH || insn->op == SLAT_INSN_POP)
		m->cpu.gpr[SLAT_INSN_RSP] = random_target() ^ (one_in(16) ? 1ULL << 62 : 0);
	if (insn->op >= SLAT_INSN_BT && insn->op <= SLAT_INSN_BTC &&
	    insn->src == SLAT_INSN_REG && !one_in(4))
		m->cpu.gpr[insn->reg] = random_below(THIRD * 8) - THIRD * 4;
	prepare_comparison(m, insn, target);

	/* Once in a while somewhere else: not canonical, mostly. */
	return one_in(16) || aim(m, bytes, insn, target);
}

/* Splitting a lock between cache lines is slow or forbidden, as the host likes. */
static bool splits_lock(const struct machine *m, const struct slat_insn *insn)
{
	return (insn->lock || insn->op == SLAT_INSN_XCHG) && m->logged &&
	       (m->log[0].linear & 63) + m->log[0].len > 64;
}

static u64 undefined_flags(const struct slat_insn *insn)
{
	switch (insn->op) {
	case SLAT_INSN_AND:
	case SLAT_INSN_OR:
	case SLAT_INSN_XOR:
	case SLAT_INSN_TEST:
		return X86_EFLAGS_AF;
	case SLAT_INSN_BT:
	case SLAT_INSN_BTS:
	case SLAT_INSN_BTR:
	case SLAT_INSN_BTC:
		return X86_EFLAGS_OF | X86_EFLAGS_SF | X86_EFLAGS_AF | X86_EFLAGS_PF;
	default:
		return 0;
	}
}

/* Sizes with which each operation ran, by whether memory is the destination. */
static u32 ran[SLAT_INSN_NR_OPS][2];
static u32 ran_locked[SLAT_INSN_NR_OPS];
static u64 traps[32];

/* All iterations of it. */
static enum slat_insn_result execute(struct machine *m, const struct slat_insn *insn)
{
	enum slat_insn_result result;

	do
		result = machine_execute(m, insn);
	while (result == SLAT_INSN_AGAIN);
	return result;
}

static void run_native(const struct machine *m, const u8 *bytes, const struct slat_insn *insn)
{
	struct native *native = in_code(native_state);
	u8 *gap = in_code(native_gap);

	memcpy(native->gpr, m->cpu.gpr, sizeof(native->gpr));
	memcpy(native->vectors, m->vectors, sizeof(native->vectors));
	native->rflags = m->cpu.rflags;
	native->has_avx = has_avx;
	memcpy(memory, m->memory, m->size);
	memset(gap, 0x90, SLAT_INSN_MAX_LEN);
	memcpy(gap, bytes, insn->length);
	trap = -1;
	((void (*)(void))code)();
}

static void check_native(const struct machine *m, const struct slat_insn *insn,
			 enum slat_insn_result result)
{
	const struct native *native = in_code(native_state);
	const u64 flags = COMPARED_FLAGS & ~undefined_flags(insn);

	if (result == SLAT_INSN_FAULT) {
		CHECK_EQ(trap, m->cpu.fault.vector);
	} else {
		CHECK_EQ(SLAT_INSN_DONE, result);
		CHECK_EQ(-1, trap);
		CHECK_EQ(in_code(native_gap) + insn->length, m->cpu.rip);
	}
	for (int i = 0; i < 16; i++) {
		CHECK_EQ(native->gpr[i], m->cpu.gpr[i]);
		CHECK(!memcmp(native->vectors[i], m->vectors[i], has_avx ? 32 : 16));
	}
	CHECK_EQ(native->rflags & flags, m->cpu.rflags & flags);
	CHECK(!memcmp(memory, m->memory, m->size));
}

/* True if there was something to compare. */
static bool compare_one(u8 *bytes)
{
	static u8 image[2][MEMORY_SIZE];
	struct machine m, before, exiting;
	enum slat_insn_result result;
	struct slat_insn insn;
	int failures = unit_failures;

	random_insn(bytes, SLAT_INSN_MODE_64);
	if (slat_insn_decode(&insn, SLAT_INSN_MODE_64, bytes, SLAT_INSN_MAX_LEN) ||
	    !cpu_has(&insn) || is_odd(bytes, &insn))
		return false;

	random_bytes(image[0], MEMORY_SIZE);
	machine_init(&m, (u64)memory, image[0], MEMORY_SIZE);
	m.cpu.segments[SLAT_INSN_FS].base = fs_base;
	m.cpu.segments[SLAT_INSN_GS].base = 0x1230;
	m.cpu.rip = (u64)in_code(native_gap);
	m.cpu.rflags |= random_u64() & COMPARED_FLAGS;
	for (int i = 0; i < 16; i++)
		m.cpu.gpr[i] = random_value();
	random_bytes(m.vectors, sizeof(m.vectors));
	if (!prepare_operands(&m, bytes, &insn))
		return false;

	before = m;
	memcpy(image[1], image[0], MEMORY_SIZE);
	result = execute(&m, &insn);
	if (m.outside || splits_lock(&m, &insn))
		return false;

	exiting = before;
	exiting.exits = true;
	exiting.memory = image[1];
	before.memory = image[1];
	run_native(&before, bytes, &insn);
	check_native(&m, &insn, result);

	/* The same with an exit at each access, and not a store more. */
	CHECK_EQ(result, execute(&exiting, &insn));
	check_native(&exiting, &insn, result);
	CHECK_EQ(m.stores, exiting.stores);
	if (unit_failures != failures)
		print_bytes("in", bytes, insn.length, SLAT_INSN_MODE_64);

	if (result == SLAT_INSN_FAULT) {
		traps[m.cpu.fault.vector & 31]++;
	} else {
		ran[insn.op][insn.dst == SLAT_INSN_MEM] |= insn.mem_size;
		if (insn.lock)
			ran_locked[insn.op] |= insn.mem_size;
	}
	return true;
}

static void leaves_what_the_cpu_leaves(void)
{
	u8 bytes[SLAT_INSN_MAX_LEN];

	for (u64 done = 0; done < count && unit_failures < 20;)
		done += compare_one(bytes);
}

static void has_run_every_form(void)
{
	static const struct {
		u8 first;
		u8 last;
		u32 from_memory;
		u32 to_memory;
		u32 locked;
	} forms[] = {
		{ SLAT_INSN_ADD, SLAT_INSN_XOR, 15, 15, 15 },
		{ SLAT_INSN_CMP, SLAT_INSN_CMP, 15, 15, 0 },
		{ SLAT_INSN_TEST, SLAT_INSN_TEST, 0, 15, 0 },
		{ SLAT_INSN_INC, SLAT_INSN_NEG, 0, 15, 15 },
		{ SLAT_INSN_BT, SLAT_INSN_BT, 0, 14, 0 },
		{ SLAT_INSN_BTS, SLAT_INSN_BTC, 0, 14, 14 },
		{ SLAT_INSN_MOV, SLAT_INSN_MOV, 15, 15, 0 },
		{ SLAT_INSN_MOVZX, SLAT_INSN_MOVZX, 3, 0, 0 },
		{ SLAT_INSN_MOVSX, SLAT_INSN_MOVSX, 7, 0, 0 },
		{ SLAT_INSN_MOVBE, SLAT_INSN_MOVBE, 14, 14, 0 },
		{ SLAT_INSN_XCHG, SLAT_INSN_CMPXCHG, 0, 15, 15 },
		{ SLAT_INSN_CMPXCHG8B, SLAT_INSN_CMPXCHG8B, 0, 24, 24 },
		{ SLAT_INSN_PUSH, SLAT_INSN_POP, 0, 10, 0 },
		{ SLAT_INSN_MOVS, SLAT_INSN_SCAS, 15, 0, 0 },
		{ SLAT_INSN_VMOV, SLAT_INSN_VMOV, 60, 60, 0 },
		{ SLAT_INSN_VMOVLO, SLAT_INSN_VMOVLO, 8, 0, 0 },
		{ SLAT_INSN_VMOVHI, SLAT_INSN_VMOVHI, 8, 8, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		for (int op = forms[i].first; op <= forms[i].last; op++) {
			const int failures = unit_failures;
			u32 possible = ~0;

			if (op == SLAT_INSN_MOVBE && !has_movbe)
				possible = 0;
			if (op == SLAT_INSN_VMOV && !has_avx2)
				possible = 31;
			CHECK_EQ(forms[i].from_memory & possible, ran[op][0]);
			CHECK_EQ(forms[i].to_memory & possible, ran[op][1]);
			CHECK_EQ(forms[i].locked & possible, ran_locked[op]);
			if (unit_failures != failures)
				printf("# operation %d\n", op);
		}
	}
	CHECK(traps[X86_TRAP_GP]);
	CHECK(traps[X86_TRAP_SS]);
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(leaves_what_the_cpu_leaves),
		UNIT_CASE(has_run_every_form),
	};

	count = random_arguments(argc, argv, 150000);
	prepare();
	return unit_run(cases, ARRAY_SIZE(cases));
}
