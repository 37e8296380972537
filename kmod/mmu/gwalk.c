// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bits.h>
#include <linux/kernel.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "mmu/gwalk.h"

/* Bits of an entry, the same in all formats. */
#define PRESENT		BIT_ULL(0)
#define WRITABLE	BIT_ULL(1)
#define USER		BIT_ULL(2)
#define ACCESSED	BIT_ULL(5)
#define DIRTY		BIT_ULL(6)
#define LARGE		BIT_ULL(7)
#define NO_EXEC		BIT_ULL(63)
#define ADDRESS		GENMASK_ULL(51, 12)
#define PAE_CR3		0xffffffe0ULL

/**
 * struct mode - one of the ways of paging
 * @levels: of tables, that of PAE's four pointers not counted
 * @entry: bytes of an entry
 * @index_bits: bits of the address that a level uses
 */
struct mode {
	unsigned int levels;
	unsigned int entry;
	unsigned int index_bits;
};

static const struct mode legacy = { 2, 4, 10 };
static const struct mode pae = { 2, 8, 9 };
static const struct mode long4 = { 4, 8, 9 };
static const struct mode long5 = { 5, 8, 9 };

static const struct mode *mode_of(const struct slat_gwalk_cpu *cpu)
{
	if (cpu->efer & EFER_LMA)
		return cpu->cr4 & X86_CR4_LA57 ? &long5 : &long4;
	return cpu->cr4 & X86_CR4_PAE ? &pae : &legacy;
}

/* Whether an entry at this level can be a leaf above level 1. */
static bool large_allowed(const struct slat_gwalk_cpu *cpu, const struct mode *mode,
			  unsigned int level)
{
	if (mode == &legacy)
		return level == 2 && cpu->cr4 & X86_CR4_PSE;
	return level <= 3;
}

static unsigned int shift_of(const struct mode *mode, unsigned int level)
{
	return 12 + (level - 1) * mode->index_bits;
}

/* Bits that must be 0 in a present entry (SDM vol. 3A, 4.3 to 4.5). */
static u64 reserved_bits(const struct slat_gwalk_cpu *cpu, const struct mode *mode,
			 unsigned int level, bool leaf)
{
	u64 reserved;

	if (mode == &legacy) {
		/* PSE-36: bits 13 to 20 are the upper bits of the address. */
		return leaf && level == 2 ? BIT_ULL(21) : 0;
	}
	reserved = GENMASK_ULL(51, cpu->phys_bits);
	if (mode == &pae)
		reserved |= GENMASK_ULL(62, 52);
	if (!(cpu->efer & EFER_NX))
		reserved |= NO_EXEC;
	if (leaf && level > 1)
		reserved |= GENMASK_ULL(shift_of(mode, level) - 1, 13);
	if (!leaf && level > 3)
		reserved |= LARGE;
	return reserved;
}

static u64 leaf_address(const struct mode *mode, unsigned int level, u64 entry)
{
	u64 address = entry & ADDRESS & ~(BIT_ULL(shift_of(mode, level)) - 1);

	if (mode == &legacy && level == 2)
		address |= (entry & GENMASK_ULL(20, 13)) << 19;
	return address;
}

/* What all entries together allow (SDM vol. 3A, 4.6). */
static bool allowed(const struct slat_gwalk_cpu *cpu, u64 rights, bool no_exec, u32 access)
{
	bool user = access & SLAT_GWALK_USER;

	if (user && !(rights & USER))
		return false;
	if (access & SLAT_GWALK_FETCH) {
		if (no_exec)
			return false;
		return user || !(rights & USER) || !(cpu->cr4 & X86_CR4_SMEP);
	}
	if (!user && rights & USER && cpu->cr4 & X86_CR4_SMAP && !(cpu->rflags & X86_EFLAGS_AC))
		return false;
	if (access & SLAT_GWALK_WRITE && !(rights & WRITABLE))
		return !user && !(cpu->cr0 & X86_CR0_WP);
	return true;
}

/* Only a CPU that tells fetches apart reports them. */
static u32 error_code(const struct slat_gwalk_cpu *cpu, u32 access, u32 bits)
{
	if (!(cpu->cr4 & X86_CR4_SMEP) && !(cpu->efer & EFER_NX && cpu->cr4 & X86_CR4_PAE))
		access &= ~SLAT_GWALK_FETCH;
	return access | bits;
}

/* Where each entry was, to set its accessed bit once the walk has succeeded. */
struct step {
	u64 gpa;
	u64 entry;
};

static int mark(const struct slat_gwalk_ops *ops, void *context, const struct mode *mode,
		const struct step *step, u64 bits)
{
	u64 new = step->entry | bits;

	if (new == step->entry)
		return 0;
	return ops->update(context, step->gpa, &step->entry, &new, mode->entry);
}

static int read_pdptr(const struct slat_gwalk_cpu *cpu, const struct slat_gwalk_ops *ops,
		      void *context, unsigned int index, u64 *pdptr)
{
	if (!cpu->pdptr)
		return ops->read(context, (cpu->cr3 & PAE_CR3) + index * sizeof(*pdptr), pdptr,
				 sizeof(*pdptr));
	*pdptr = cpu->pdptr[index];
	return 0;
}

static int walk(const struct slat_gwalk_cpu *cpu, const struct slat_gwalk_ops *ops,
		void *context, u64 linear, u32 access, u64 *gpa, u32 *error)
{
	const struct mode *mode = mode_of(cpu);
	u64 table = cpu->cr3 & ADDRESS, rights = WRITABLE | USER;
	struct step steps[5] = { };
	unsigned int level;
	bool no_exec = false;
	int ret;

	if (mode == &pae) {
		ret = read_pdptr(cpu, ops, context, linear >> 30 & 3, &table);
		if (ret)
			return ret;
		if (!(table & PRESENT)) {
			*error = error_code(cpu, access, 0);
			return SLAT_GWALK_FAULT;
		}
		table &= ADDRESS;
	}

	for (level = mode->levels;; level--) {
		struct step *step = &steps[level - 1];
		u64 index = linear >> shift_of(mode, level) & (BIT_ULL(mode->index_bits) - 1);
		bool leaf;

		step->gpa = table + index * mode->entry;
		ret = ops->read(context, step->gpa, &step->entry, mode->entry);
		if (ret)
			return ret;
		if (!(step->entry & PRESENT)) {
			*error = error_code(cpu, access, 0);
			return SLAT_GWALK_FAULT;
		}
		leaf = level == 1 ||
		       (step->entry & LARGE && large_allowed(cpu, mode, level));
		if (step->entry & reserved_bits(cpu, mode, level, leaf)) {
			*error = error_code(cpu, access, SLAT_GWALK_PRESENT | SLAT_GWALK_RESERVED);
			return SLAT_GWALK_FAULT;
		}
		rights &= step->entry;
		no_exec |= mode != &legacy && step->entry & NO_EXEC;
		if (leaf)
			break;
		table = step->entry & ADDRESS;
	}

	if (!allowed(cpu, rights, no_exec, access)) {
		*error = error_code(cpu, access, SLAT_GWALK_PRESENT);
		return SLAT_GWALK_FAULT;
	}
	*gpa = leaf_address(mode, level, steps[level - 1].entry) |
	       (linear & (BIT_ULL(shift_of(mode, level)) - 1));

	ret = mark(ops, context, mode, &steps[level - 1],
		   access & SLAT_GWALK_WRITE ? ACCESSED | DIRTY : ACCESSED);
	while (!ret && ++level <= mode->levels)
		ret = mark(ops, context, mode, &steps[level - 1], ACCESSED);
	return ret;
}

/**
 * slat_gwalk() - which physical address a linear one is
 * @cpu: the CPU's state
 * @ops: memory
 * @context: for @ops
 * @linear: the linear address, canonical
 * @access: SLAT_GWALK_*: what for
 * @gpa: the physical address
 * @error: the error code of the page fault, where there is one
 *
 * Pure but for @ops.  Sets accessed and dirty bits as the CPU would.
 *
 * Return: 0; SLAT_GWALK_FAULT; what @ops returned, of which 1 means that the
 * tables changed under the walk, to be repeated.
 */
int slat_gwalk(const struct slat_gwalk_cpu *cpu, const struct slat_gwalk_ops *ops,
	       void *context, u64 linear, u32 access, u64 *gpa, u32 *error)
{
	if (!(cpu->cr0 & X86_CR0_PG)) {
		*gpa = (u32)linear;
		return 0;
	}
	return walk(cpu, ops, context, linear, access, gpa, error);
}
