/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM's memory for tests: what its owner does, and what hardware finds. */
#ifndef SLAT_UNIT_MMU_HOST_H
#define SLAT_UNIT_MMU_HOST_H

#include "mmu/mmu.h"
#include "ptab_host.h"
#include "unit.h"

#define RW		(SLAT_ACCESS_READ | SLAT_ACCESS_WRITE)
#define HERE		0x100UL		/* guest frames */
#define THERE		0x300UL
#define PAGES		16UL
#define USER		0x40UL		/* where its owner has the memory, in pages */
#define OTHER		0x80UL
#define USER_PAGES	0x100UL

extern struct slat_mmu mmu;
extern struct slat_walker walker, second;	/* two vCPUs */

/* The page that each address of the owner's has.  Each has been used once. */
extern unsigned long backing[USER_PAGES];
extern bool user_unmapped, user_readonly;

/* Whether CPUs log what they write; before mmu_begin(). */
extern bool mmu_logs;

/* What a CPU has logged in this stay. */
struct hw_log {
	u64 gpas[8];
	unsigned int count;
	bool wanted;
};

/* How large the pages are that the owner has it in. */
extern unsigned int host_level;

/* The first word of each page; where it is, once it has been faulted in. */
extern u64 user_words[USER_PAGES];
extern bool user_absent;

void mmu_begin(void (*kick)(int cpu));
bool mmu_end(void);
u64 user_pfn(unsigned long user);
struct slat_memory_region region_of(u32 slot, u64 gfn, unsigned long user, u64 size, u32 flags);
int set_regions(const struct slat_memory_region *regions, unsigned int count,
		unsigned long *final);
int set_region(u64 gfn, unsigned long user, u64 size, u32 flags);
void invalidate_start(void);
void invalidate_end(void);
bool hw_may_write(u64 gfn, struct hw_log *log);
bool hw_dirty(u64 gfn);
void hw_drain(struct slat_walker *self, struct hw_log *log);

static inline void fault(struct slat_walker *self, u64 gfn)
{
	CHECK_EQ(0, slat_mmu_fault(self, gfn << PAGE_SHIFT, RW));
}

/* The page a guest frame is mapped to, 0: to none; the access it has. */
static inline u64 mapped(u64 gfn, u32 *access)
{
	unsigned int level;
	u64 pte = hw_walk(slat_table_pa(mmu.ptab.root), gfn, &level);

	*access = slat_pte_access(&format, pte);
	return *access ? hw_pfn(pte, gfn, level) : 0;
}

static inline u64 mapped_pfn(u64 gfn)
{
	u32 access;

	return mapped(gfn, &access);
}

static inline void take_memory(void)
{
	invalidate_start();
	invalidate_end();
}

static inline void delete_slot(void)
{
	CHECK_EQ(0, set_region(HERE, USER, 0, 0));
}

#endif /* SLAT_UNIT_MMU_HOST_H */
