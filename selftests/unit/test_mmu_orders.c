// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU against what its VM's owner does, on weak memory: faults, slots and notifiers
 * whole, in any order of their steps.
 */
#include "mmu_orders.h"

/* Both slots have been seen in each other's place. */
static bool swapped;

static void order_begin(void)
{
	swapped = false;
}

static void order_end(void)
{
}

/* What is mapped is the slot's. */
static void check_mapping(void)
{
	struct slat_slot slot;
	u64 pfn = mapped_pfn(HERE);

	violations += pfn && (!slat_mmu_find_slot(&mmu, HERE, &slot) ||
			      pfn != user_pfn(slot.hva >> PAGE_SHIFT));
}

static void fault_against_deletion(void)
{
	explore(0, guest, slot_goes, NULL, check_mapping);
}

static void another_slot_comes(void)
{
	slot_goes();
	CHECK_EQ(0, set_region(HERE, OTHER, PAGES, 0));
}

static void fault_against_replacement(void)
{
	explore(0, guest, another_slot_comes, NULL, check_mapping);
}

static void slot_moves(void)
{
	CHECK_EQ(0, set_region(THERE, USER, PAGES, 0));
	gone = true;
}

static void fault_against_move(void)
{
	explore(0, guest, slot_moves, NULL, check_mapping);
}

static void memory_goes(void)
{
	invalidate_start();
	gone = true;
	invalidate_end();
}

static void fault_against_notifier(void)
{
	explore(0, guest, memory_goes, NULL, check_mapping);
}

/* M4 */
static void notifier_against_deletion(void)
{
	explore(0, guest, slot_goes, memory_goes, check_mapping);
}

/* N1, S5 */
static void slot_comes_again(void)
{
	delete_slot();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
}

static void notifier_against_creation(void)
{
	explore(0, guest, slot_comes_again, memory_goes, check_mapping);
}

/* I10 */
static void two_slots_swap(void)
{
	struct slat_memory_region regions[] = {
		region_of(1, ELSEWHERE, USER, PAGES, 0), region_of(2, HERE, OTHER, PAGES, 0),
	};

	CHECK_EQ(0, set_regions(regions, 2, NULL));
}

/* Who sees one of them in its new place sees none in its old one any more. */
static void look(u64 gfn, u64 new_pfn)
{
	u64 pfn = mapped_pfn(gfn);

	violations += pfn && pfn != new_pfn && swapped;
	swapped |= pfn == new_pfn;
}

static void look_around(struct slat_walker *self, int cpu)
{
	u64 gfns[] = { HERE, ELSEWHERE };

	unit_cpu = cpu;
	for (int i = 0; i < 2; i++) {
		u64 gfn = gfns[(i + cpu) % 2], root;
		int ret = slat_mmu_fault(self, gfn << PAGE_SHIFT, SLAT_ACCESS_READ);

		CHECK(ret >= 0);
		violations += ret;
		unit_cpu = cpu;
		CHECK(slat_ptab_enter(&mmu.ptab, self->actor, orders_flush, &root));
		look(HERE, user_pfn(OTHER));
		look(ELSEWHERE, user_pfn(USER));
		slat_actor_leave(self->actor);
	}
}

static void first_looks(void)
{
	look_around(&walker, 1);
}

static void second_looks(void)
{
	look_around(&second, 2);
}

static void check_nothing(void)
{
}

static void faults_against_swap(void)
{
	explore(0, first_looks, two_slots_swap, second_looks, check_nothing);
}

/* Nothing is written later. */
static void check_written(void)
{
	violations += user_words[USER] != saved;
}

static void slot_goes_for_good(void)
{
	delete_slot();
	saved = READ_ONCE(user_words[USER]);
}

static void write_against_deletion(void)
{
	explore(0, writer, slot_goes_for_good, NULL, check_written);
}

static void write_against_swap(void)
{
	always = true;
	explore(0, writer, two_slots_swap, NULL, check_nothing);
}

/* A slot that stays is found while others go. */
static void lookups(void)
{
	struct slat_slot slot;

	for (int i = 0; i < 3; i++)
		violations += !slat_mmu_find_slot(&mmu, ELSEWHERE, &slot);
}

static void lookup_against_deletion(void)
{
	explore(0, lookups, delete_slot, NULL, check_nothing);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(fault_against_deletion),
		UNIT_CASE(fault_against_replacement),
		UNIT_CASE(fault_against_move),
		UNIT_CASE(fault_against_notifier),
		UNIT_CASE(notifier_against_deletion),
		UNIT_CASE(notifier_against_creation),
		UNIT_CASE(faults_against_swap),
		UNIT_CASE(write_against_deletion),
		UNIT_CASE(write_against_swap),
		UNIT_CASE(lookup_against_deletion),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
