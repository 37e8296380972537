/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM whose vCPU and owner take their steps in any order, on memory that is as weak
 * as the kernel's model allows.
 */
#ifndef SLAT_UNIT_MMU_ORDERS_H
#define SLAT_UNIT_MMU_ORDERS_H

#include "mmu_host.h"
#include "unit.h"
#include "weak.h"

#ifndef ORDERS
#define ORDERS	20000
#endif

/* Where slots are that stay; deleting the one at HERE moves the first in the tree. */
#define ELSEWHERE	0x200UL
#define BEFORE		0x40UL
#define BEHIND		0x400UL

static unsigned int violations;

/* What HERE is mapped to at first; nobody uses it any more. */
static u64 first_pfn;
static bool gone;

/* What the guest has written to HERE, and what its owner knows of it. */
static u64 page, saved;

/* There is a slot at HERE all the time. */
static bool always;

/* HERE is mapped from the start, as who reads it has it. */
static bool has_read;

/* What else a test has at the beginning and at the end of each order. */
static void order_begin(void);
static void order_end(void);

static inline void orders_kick(int cpu)
{
}

static inline void orders_flush(u64 root)
{
}

static inline void set_more_regions(void)
{
	struct slat_memory_region regions[] = {
		region_of(3, BEHIND, OTHER, PAGES, 0),
		region_of(4, BEFORE, OTHER, PAGES, 0),
		region_of(2, ELSEWHERE, OTHER, PAGES, 0),
	};

	CHECK_EQ(0, set_regions(regions, ARRAY_SIZE(regions), NULL));
}

static inline void explore(u32 flags, void (*first)(void), void (*second)(void),
			   void (*third)(void), void (*check)(void))
{
	void (*const threads[])(void) = { first, second, third };

	violations = 0;
	for (unsigned int seed = 0; seed < ORDERS && !violations; seed++) {
		mmu_begin(orders_kick);
		order_begin();
		CHECK_EQ(0, set_region(HERE, USER, PAGES, flags));
		set_more_regions();
		if (has_read)
			CHECK_EQ(0, slat_mmu_fault(&walker, HERE << PAGE_SHIFT, SLAT_ACCESS_READ));
		first_pfn = user_pfn(USER);
		gone = false;
		page = 0;
		saved = 0;
		unit_weak_run(threads, third ? 3 : 2, seed);
		check();
		order_end();
		CHECK(mmu_end());
	}
	CHECK_EQ(0, violations);
	always = false;
	has_read = false;
}

/*
 * Is in the guest once, and writes where it may, through what its TLB has; the CPU
 * logs it, if it has been told to when it entered.
 */
static inline void stay_as(struct slat_walker *self, u64 value)
{
	struct hw_log log = { };
	u32 access;
	u64 root;

	CHECK(slat_ptab_enter(&mmu.ptab, self->actor, orders_flush, &root));
	log.wanted = slat_mmu_logs(&mmu);
	if (mapped(HERE, &access) == first_pfn) {
		unit_weak_yield();
		violations += gone;
	}
	if (hw_may_write(HERE, &log)) {
		unit_weak_yield();
		WRITE_ONCE(page, value);
	}
	hw_drain(self, &log);
	slat_actor_leave(self->actor);
}

static inline void stay(u64 value)
{
	unit_cpu = 1;
	stay_as(&walker, value);
}

static inline void guest(void)
{
	for (int i = 1; i <= 2; i++) {
		int ret = slat_mmu_fault(&walker, HERE << PAGE_SHIFT, RW);

		CHECK(ret >= 0);
		violations += ret && always;
		stay(i);
	}
}

static inline void slot_goes(void)
{
	delete_slot();
	gone = true;
}

/* What the module writes on behalf of a vCPU. */
static inline void writer(void)
{
	for (u64 i = 1; i <= 2; i++) {
		int ret = slat_mmu_write(&walker, HERE << PAGE_SHIFT, &i, sizeof(i));

		CHECK(ret >= 0);
		violations += ret && always;
	}
}

#endif /* SLAT_UNIT_MMU_ORDERS_H */
