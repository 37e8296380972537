// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod/insn with bytes, registers and memory that nobody meant well with:
 *
 *	test_insn_hostile [COUNT [SEED]]
 *
 * The sanitizers look for what is out of bounds; here, that an execution makes
 * its few accesses in order and changes nothing unless it succeeds.
 */
#include <linux/kernel.h>

#include "insn/exec.h"
#include "insn_random.h"
#include "unit.h"

static u64 count;

/* Accesses of one execution, and vector registers it wrote. */
static unsigned int reads, writes, vector_writes;

static enum slat_insn_result random_result(void)
{
	static const enum slat_insn_result results[] = {
		SLAT_INSN_RETRY, SLAT_INSN_EXIT, SLAT_INSN_FAULT,
	};

	return one_in(8) ? results[random_below(ARRAY_SIZE(results))] : SLAT_INSN_DONE;
}

static bool is_size(u8 len)
{
	return len && len <= SLAT_INSN_MAX_OPERAND && !(len & (len - 1));
}

static enum slat_insn_result read(struct slat_insn_cpu *cpu, u64 linear, void *data, u8 len)
{
	CHECK(is_size(len));
	CHECK_EQ(0, writes);
	reads++;
	random_bytes(data, len);
	return random_result();
}

static enum slat_insn_result write(struct slat_insn_cpu *cpu, u64 linear, const void *data,
				   u8 len)
{
	u8 copy[SLAT_INSN_MAX_OPERAND];

	CHECK(is_size(len));
	memcpy(copy, data, len);
	writes++;
	return random_result();
}

static enum slat_insn_result cmpxchg(struct slat_insn_cpu *cpu, u64 linear, const void *old,
				     const void *new, u8 len)
{
	u8 copy[SLAT_INSN_MAX_OPERAND];

	CHECK_EQ(1, reads);
	CHECK(len <= 16);
	memcpy(copy, old, len);
	return write(cpu, linear, new, len);
}

static void read_vector(struct slat_insn_cpu *cpu, u8 nr, void *data)
{
	CHECK(nr < 16);
	random_bytes(data, 32);
}

static void write_vector(struct slat_insn_cpu *cpu, u8 nr, const void *data, u8 len)
{
	u8 copy[SLAT_INSN_MAX_OPERAND];

	CHECK(nr < 16);
	CHECK(len == 16 || len == 32);
	memcpy(copy, data, len);
	vector_writes++;
}

static const struct slat_insn_ops ops = {
	.read = read,
	.write = write,
	.exchange = cmpxchg,
	.read_vector = read_vector,
	.write_vector = write_vector,
};

static void random_cpu(struct slat_insn_cpu *cpu)
{
	random_bytes(cpu, sizeof(*cpu));
	cpu->ops = &ops;
	for (int i = 0; i < SLAT_INSN_NR_GPRS; i++)
		cpu->gpr[i] = random_value();
	/* Mostly segments that can be used. */
	for (int i = 0; i < SLAT_INSN_NR_SEGS; i++) {
		cpu->segments[i].attr = one_in(8) ? random_u64() :
					SLAT_INSN_SEG_PRESENT | SLAT_INSN_SEG_WRITABLE;
		cpu->segments[i].limit = one_in(2) ? random_u64() : U32_MAX;
	}
}

static void execute(const struct slat_insn *insn)
{
	struct slat_insn_cpu cpu, before;
	enum slat_insn_result result;

	random_cpu(&cpu);
	before = cpu;
	reads = 0;
	writes = 0;
	vector_writes = 0;
	result = slat_insn_execute(&cpu, insn);

	CHECK(reads + writes <= 2);
	CHECK(writes + vector_writes <= 1);
	if (result == SLAT_INSN_DONE)
		return;
	CHECK_EQ(0, vector_writes);
	CHECK_EQ(before.rip, cpu.rip);
	if (result == SLAT_INSN_AGAIN) {
		CHECK(insn->rep);
		return;
	}
	CHECK_EQ(before.rflags, cpu.rflags);
	CHECK(!memcmp(before.gpr, cpu.gpr, sizeof(cpu.gpr)));
}

static void survives(void)
{
	for (u64 i = 0; i < count && unit_failures < 20; i++) {
		enum slat_insn_mode mode = random_mode();
		u8 bytes[SLAT_INSN_MAX_LEN];
		size_t len = one_in(4) ? random_below(SLAT_INSN_MAX_LEN + 1) : SLAT_INSN_MAX_LEN;
		struct slat_insn insn;
		int failures;
		u8 *exact;

		if (one_in(2))
			random_insn(bytes, mode);
		else
			random_bytes(bytes, sizeof(bytes));
		/* Where AddressSanitizer sees a byte too many. */
		exact = malloc(len);
		memcpy(exact, bytes, len);
		failures = unit_failures;
		if (!slat_insn_decode(&insn, mode, exact, len))
			execute(&insn);
		if (unit_failures != failures)
			print_bytes("in", bytes, len, mode);
		free(exact);
	}
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(survives),
	};

	count = random_arguments(argc, argv, 1000000);
	return unit_run(cases, ARRAY_SIZE(cases));
}
