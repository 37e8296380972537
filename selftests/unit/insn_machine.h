/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU for the executor, with some memory: either all accesses complete at
 * once, or each of them asks for an exit first, as one to a device does.
 */
#ifndef SLAT_UNIT_INSN_MACHINE_H
#define SLAT_UNIT_INSN_MACHINE_H

#include <linux/kernel.h>
#include <asm/processor-flags.h>

#include "insn/exec.h"
#include "unit.h"

/* No execution makes more accesses. */
#define MACHINE_ACCESSES	3

struct machine_access {
	bool writes;
	u64 linear;
	u8 len;
	u8 data[SLAT_INSN_MAX_OPERAND];
};

struct machine {
	struct slat_insn_cpu cpu;
	u8 vectors[16][32];
	/* Memory: so much from this linear address on. */
	u64 start;
	u8 *memory;
	size_t size;
	/* Exit at each access. */
	bool exits;
	/* An access was outside of memory. */
	bool outside;
	/* What other vCPUs do between a read and its compare-and-exchange. */
	void (*interfere)(struct machine *machine);
	/* Stores done, those of compare-and-exchange too. */
	unsigned int stores;
	unsigned int cmpxchgs;
	unsigned int vector_writes;
	struct machine_access log[MACHINE_ACCESSES];
	unsigned int logged;
	unsigned int answered;
};

static inline struct machine *machine_of(struct slat_insn_cpu *cpu)
{
	return container_of(cpu, struct machine, cpu);
}

/* The memory of an access that is not in the log, which gets it. */
static inline u8 *machine_memory(struct machine *m, u64 linear, u8 len)
{
	if (m->logged == MACHINE_ACCESSES || linear - m->start >= m->size ||
	    m->size - (linear - m->start) < len) {
		CHECK(m->logged < MACHINE_ACCESSES);
		m->outside = true;
		return NULL;
	}
	m->log[m->logged] = (struct machine_access) { .linear = linear, .len = len };
	return m->memory + (linear - m->start);
}

/* After the access is done and in the log. */
static inline enum slat_insn_result machine_exit(struct machine *m)
{
	m->logged++;
	if (m->exits)
		return SLAT_INSN_EXIT;
	m->answered++;
	return SLAT_INSN_DONE;
}

/* The next access in the log, if this one has been done before. */
static inline struct machine_access *machine_replay(struct machine *m, bool writes, u64 linear,
						    u8 len)
{
	struct machine_access *done;

	if (m->answered == m->logged)
		return NULL;
	done = &m->log[m->answered++];
	CHECK_EQ(done->writes, writes);
	CHECK_EQ(done->linear, linear);
	CHECK_EQ(done->len, len);
	return done;
}

static inline enum slat_insn_result machine_read(struct slat_insn_cpu *cpu, u64 linear,
						 void *data, u8 len)
{
	struct machine *m = machine_of(cpu);
	struct machine_access *done = machine_replay(m, false, linear, len);
	u8 *memory;

	if (done) {
		memcpy(data, done->data, len);
		return SLAT_INSN_DONE;
	}
	memory = machine_memory(m, linear, len);
	if (!memory)
		return SLAT_INSN_EXIT;
	memcpy(m->log[m->logged].data, memory, len);
	memcpy(data, memory, len);
	return machine_exit(m);
}

static inline enum slat_insn_result machine_write(struct slat_insn_cpu *cpu, u64 linear,
						  const void *data, u8 len)
{
	struct machine *m = machine_of(cpu);
	struct machine_access *done = machine_replay(m, true, linear, len);
	u8 *memory;

	if (done) {
		CHECK(!memcmp(done->data, data, len));
		return SLAT_INSN_DONE;
	}
	memory = machine_memory(m, linear, len);
	if (!memory)
		return SLAT_INSN_EXIT;
	memcpy(memory, data, len);
	memcpy(m->log[m->logged].data, data, len);
	m->log[m->logged].writes = true;
	m->stores++;
	return machine_exit(m);
}

static inline enum slat_insn_result machine_cmpxchg(struct slat_insn_cpu *cpu, u64 linear,
						    const void *old, const void *new, u8 len)
{
	struct machine *m = machine_of(cpu);

	m->cmpxchgs++;
	if (m->interfere)
		m->interfere(m);
	if (m->answered == m->logged && linear - m->start < m->size - len &&
	    memcmp(m->memory + (linear - m->start), old, len))
		return SLAT_INSN_RETRY;
	return machine_write(cpu, linear, new, len);
}

static inline void machine_read_vector(struct slat_insn_cpu *cpu, u8 nr, void *data)
{
	memcpy(data, machine_of(cpu)->vectors[nr], 32);
}

static inline void machine_write_vector(struct slat_insn_cpu *cpu, u8 nr, const void *data,
					u8 len)
{
	struct machine *m = machine_of(cpu);

	memcpy(m->vectors[nr], data, len);
	m->vector_writes++;
}

static const struct slat_insn_ops machine_ops = {
	.read = machine_read,
	.write = machine_write,
	.exchange = machine_cmpxchg,
	.read_vector = machine_read_vector,
	.write_vector = machine_write_vector,
};

/* In a flat 64-bit program. */
static inline void machine_init(struct machine *m, u64 start, u8 *memory, size_t size)
{
	*m = (struct machine) {
		.cpu.ops = &machine_ops,
		.cpu.rflags = X86_EFLAGS_FIXED,
		.cpu.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_AM,
		.cpu.cr4 = X86_CR4_OSFXSR | X86_CR4_OSXSAVE,
		.cpu.xcr0 = 7,
		.cpu.cpl = 3,
		.start = start,
		.memory = memory,
		.size = size,
	};
	for (int i = 0; i < SLAT_INSN_NR_SEGS; i++)
		m->cpu.segments[i] = (struct slat_insn_segment) {
			.limit = U32_MAX,
			.attr = SLAT_INSN_SEG_PRESENT | SLAT_INSN_SEG_WRITABLE |
				SLAT_INSN_SEG_BIG,
		};
	m->cpu.segments[SLAT_INSN_CS].attr |= SLAT_INSN_SEG_CODE;
}

/*
 * One execution: where accesses exit, again until all of them are done.  What
 * does not succeed must leave the registers alone.
 */
static inline enum slat_insn_result machine_execute(struct machine *m,
						    const struct slat_insn *insn)
{
	enum slat_insn_result result;

	m->logged = 0;
	m->outside = false;
	do {
		const struct slat_insn_cpu before = m->cpu;
		const unsigned int vector_writes = m->vector_writes;

		m->answered = 0;
		result = slat_insn_execute(&m->cpu, insn);
		if (result == SLAT_INSN_DONE || result == SLAT_INSN_AGAIN) {
			CHECK_EQ(m->logged, m->answered);
		} else {
			CHECK(!memcmp(before.gpr, m->cpu.gpr, sizeof(before.gpr)));
			CHECK_EQ(before.rip, m->cpu.rip);
			CHECK_EQ(before.rflags, m->cpu.rflags);
			CHECK_EQ(vector_writes, m->vector_writes);
		}
	} while (result == SLAT_INSN_EXIT && !m->outside);
	return result;
}

#endif /* SLAT_UNIT_INSN_MACHINE_H */
