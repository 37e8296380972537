// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults, slots, notifiers and dirty logs: what one of them does just where it
 * hurts another, in both orders.
 */
#include <errno.h>

#include "mmu_host.h"
#include "unit.h"

static int kicks;

static void kick(int cpu)
{
	unit_without_lock();
	kicks++;
	slat_actor_leave(second.actor);
}

static void begin(void)
{
	kicks = 0;
	mmu_begin(kick);
}

static void end(void)
{
	CHECK(mmu_end());
}

static void check_maps_what_there_is(u64 gfn)
{
	fault(&walker, gfn);
	CHECK_EQ(user_pfn(USER), mapped_pfn(gfn));
}

/* A fault asleep while its slot goes. */
static void i4_a_slot_is_deleted_during_a_lookup(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	unit_meanwhile = delete_slot;
	fault(&walker, HERE);
	CHECK_EQ(0, mapped_pfn(HERE));
	end();
}

static void delete_slot_and_memory(void)
{
	delete_slot();
	user_unmapped = true;
}

/* Its owner unmaps what was the slot's: no business of the vCPU. */
static void i4_a_slot_and_its_memory_go_during_a_lookup(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	unit_meanwhile = delete_slot_and_memory;
	CHECK_EQ(0, slat_mmu_fault(&walker, HERE << PAGE_SHIFT, SLAT_ACCESS_READ));
	CHECK_EQ(1, slat_mmu_fault(&walker, HERE << PAGE_SHIFT, SLAT_ACCESS_READ));
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	CHECK_EQ(-EFAULT, slat_mmu_fault(&walker, HERE << PAGE_SHIFT, SLAT_ACCESS_READ));
	end();
}

static void i4_a_slot_is_deleted_after_an_install(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	check_maps_what_there_is(HERE);
	delete_slot();
	CHECK_EQ(0, mapped_pfn(HERE));
	end();
}

static void replace_slot(void)
{
	delete_slot();
	CHECK_EQ(0, set_region(HERE, OTHER, PAGES, 0));
}

static void i4_a_slot_is_replaced_during_a_lookup(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	unit_meanwhile = replace_slot;
	fault(&walker, HERE);
	CHECK_EQ(0, mapped_pfn(HERE));
	fault(&walker, HERE);
	CHECK_EQ(user_pfn(OTHER), mapped_pfn(HERE));
	end();
}

/* The same for memory. */
static void i4_memory_goes_during_a_lookup(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	unit_meanwhile = take_memory;
	fault(&walker, HERE);
	CHECK_EQ(0, mapped_pfn(HERE));
	check_maps_what_there_is(HERE);
	end();
}

/* After the lookup, and before the word that says HOST. */
static void before_the_section(void)
{
	unit_meanwhile = take_memory;
}

static void i4_memory_goes_before_the_section(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	unit_meanwhile = before_the_section;
	fault(&walker, HERE);
	CHECK_EQ(0, mapped_pfn(HERE));
	check_maps_what_there_is(HERE);
	end();
}

static void i4_memory_goes_after_an_install(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	check_maps_what_there_is(HERE);
	take_memory();
	CHECK_EQ(0, mapped_pfn(HERE));
	check_maps_what_there_is(HERE);
	end();
}

/* A slot that is published over memory that is going away. */
static void i4_a_slot_comes_while_its_memory_goes(void)
{
	begin();
	invalidate_start();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	fault(&walker, HERE);
	CHECK_EQ(0, mapped_pfn(HERE));
	invalidate_end();
	check_maps_what_there_is(HERE);
	end();
}

/* The other order: it can be found already, its memory goes just then. */
static u64 new_gfn;

static void fault_and_take_memory(void)
{
	fault(&second, new_gfn);
	CHECK_EQ(user_pfn(USER), mapped_pfn(new_gfn));
	take_memory();
}

static void i4_memory_goes_while_its_slot_comes(void)
{
	begin();
	new_gfn = HERE;
	unit_meanwhile = fault_and_take_memory;
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	CHECK_EQ(0, mapped_pfn(HERE));
	check_maps_what_there_is(HERE);
	end();
}

static void fault_after_the_next_store(void)
{
	unit_meanwhile = fault_and_take_memory;
}

static void i4_memory_goes_while_its_slot_moves(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	new_gfn = THERE;
	/* The first store takes it away from here, the second puts it there. */
	unit_meanwhile = fault_after_the_next_store;
	CHECK_EQ(0, set_region(THERE, USER, PAGES, 0));
	CHECK_EQ(0, mapped_pfn(THERE));
	CHECK_EQ(0, mapped_pfn(HERE));
	check_maps_what_there_is(THERE);
	end();
}

static u64 apic_pfn(void)
{
	return __pa(mmu.apic_page) >> PAGE_SHIFT;
}

static void begin_apic(void)
{
	begin();
	slat_mmu_add_apic(&mmu);
	fault(&walker, SLAT_APIC_GFN);
	CHECK_EQ(apic_pfn(), mapped_pfn(SLAT_APIC_GFN));
}

static void end_apic(void)
{
	end();
	slat_mmu_free_apic(&mmu);
}

static void hide_apic(void)
{
	slat_mmu_hide_apic(&mmu, true);
}

/* Its registers are where all find them, or nobody does. */
static void an_apic_is_hidden(void)
{
	begin_apic();
	hide_apic();
	hide_apic();
	CHECK_EQ(0, mapped_pfn(SLAT_APIC_GFN));
	slat_mmu_hide_apic(&mmu, false);
	CHECK_EQ(1, slat_mmu_fault(&walker, SLAT_APIC_GFN << PAGE_SHIFT, RW));
	slat_mmu_hide_apic(&mmu, false);
	CHECK_EQ(1, slat_mmu_fault(&walker, (SLAT_APIC_GFN + 1) << PAGE_SHIFT, RW));
	fault(&walker, SLAT_APIC_GFN);
	CHECK_EQ(apic_pfn(), mapped_pfn(SLAT_APIC_GFN));
	end_apic();
}

static void an_apic_is_hidden_during_a_fault(void)
{
	begin();
	slat_mmu_add_apic(&mmu);
	unit_meanwhile = hide_apic;
	fault(&walker, SLAT_APIC_GFN);
	CHECK(mmu.apic_hidden);
	CHECK_EQ(0, mapped_pfn(SLAT_APIC_GFN));
	end_apic();
}

static void cover_apic(void)
{
	CHECK_EQ(0, set_region(SLAT_APIC_GFN - 1, USER, PAGES, 0));
}

static void a_slot_covers_an_apic(void)
{
	begin_apic();
	cover_apic();
	CHECK_EQ(0, mapped_pfn(SLAT_APIC_GFN));
	fault(&walker, SLAT_APIC_GFN);
	CHECK_EQ(user_pfn(USER + 1), mapped_pfn(SLAT_APIC_GFN));
	CHECK_EQ(0, set_region(SLAT_APIC_GFN - 1, USER, 0, 0));
	fault(&walker, SLAT_APIC_GFN);
	CHECK_EQ(apic_pfn(), mapped_pfn(SLAT_APIC_GFN));
	end_apic();
}

static void a_slot_covers_an_apic_during_a_fault(void)
{
	begin();
	slat_mmu_add_apic(&mmu);
	unit_meanwhile = cover_apic;
	fault(&walker, SLAT_APIC_GFN);
	CHECK_EQ(0, mapped_pfn(SLAT_APIC_GFN));
	end_apic();
}

/*
 * M4: a slot goes, its translation is unlinked, and somebody uses it still; a
 * notifier finds nothing more to unlink, and waits all the same.
 */
static void flush(u64 root)
{
}

static void take_memory_of_a_slot_that_goes(void)
{
	CHECK_EQ(0, mapped_pfn(HERE));
	CHECK_EQ(0, kicks);
	take_memory();
	CHECK_EQ(1, kicks);
}

static void after_the_unlinking(void)
{
	unit_meanwhile = take_memory_of_a_slot_that_goes;
}

static void after_the_store(void)
{
	unit_meanwhile = after_the_unlinking;
}

static void i3_memory_goes_while_its_slot_goes(void)
{
	u64 root;

	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	check_maps_what_there_is(HERE);
	CHECK(slat_ptab_enter(&mmu.ptab, second.actor, flush, &root));
	unit_meanwhile = after_the_store;
	delete_slot();
	CHECK_EQ(1, kicks);
	end();
}

/* The other order: its translations are out of use when the memory goes. */
static void i3_memory_goes_after_its_slot(void)
{
	u64 root;

	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	check_maps_what_there_is(HERE);
	CHECK(slat_ptab_enter(&mmu.ptab, second.actor, flush, &root));
	delete_slot();
	CHECK_EQ(1, kicks);
	take_memory();
	CHECK_EQ(1, kicks);
	end();
}

/* Aging says what the guest has used, and takes nothing away. */
static void use(u64 gfn)
{
	unsigned int level;
	u64 pte, *entry = hw_entry(slat_table_pa(mmu.ptab.root), gfn, &pte, &level);

	CHECK(try_cmpxchg(entry, &pte, pte | format.accessed));
}

static void n4_a_page_ages(void)
{
	const struct mmu_notifier_ops *ops = &slat_mmu_notifier_ops;
	unsigned long hva = USER << PAGE_SHIFT, end_hva = hva + PAGE_SIZE;
	u64 root;

	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	check_maps_what_there_is(HERE);
	CHECK(slat_ptab_enter(&mmu.ptab, second.actor, flush, &root));
	CHECK(ops->test_young(&mmu.notifier, NULL, hva));
	CHECK(!ops->test_young(&mmu.notifier, NULL, end_hva));
	CHECK(ops->clear_young(&mmu.notifier, NULL, hva, end_hva));
	CHECK(!ops->test_young(&mmu.notifier, NULL, hva));
	use(HERE);
	CHECK(ops->clear_flush_young(&mmu.notifier, NULL, hva, end_hva));
	CHECK(!ops->test_young(&mmu.notifier, NULL, hva));
	CHECK_EQ(user_pfn(USER), mapped_pfn(HERE));
	CHECK_EQ(0, kicks);
	slat_actor_leave(second.actor);
	end();
}

/* Dirty logs */

static unsigned long reported;

static void read_log(void)
{
	unsigned long bits = 0;
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = &bits };

	CHECK_EQ(0, slat_mmu_get_dirty_log(&mmu, &log));
	reported |= bits;
}

/* D1, and that the next look at the log sees what is written from now on. */
static void check_logged(void)
{
	u32 access;

	mapped(HERE, &access);
	if (access & SLAT_ACCESS_WRITE) {
		reported = 0;
		read_log();
		CHECK_EQ(1, reported);
		mapped(HERE, &access);
	}
	CHECK(!(access & SLAT_ACCESS_WRITE));
	/* The next write is in the next log. */
	fault(&walker, HERE);
	mapped(HERE, &access);
	CHECK(access & SLAT_ACCESS_WRITE);
	reported = 0;
	read_log();
	CHECK_EQ(1, reported);
}

static void i11_a_log_is_read_during_a_lookup(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, KVM_MEM_LOG_DIRTY_PAGES));
	unit_meanwhile = read_log;
	fault(&walker, HERE);
	check_logged();
	end();
}

static void i11_a_log_is_read_after_an_install(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, KVM_MEM_LOG_DIRTY_PAGES));
	fault(&walker, HERE);
	check_logged();
	end();
}

/* After the log took the bit, before it takes the right. */
static void fault_second(void)
{
	fault(&second, HERE);
}

static void after_the_bit(void)
{
	unit_meanwhile = fault_second;
}

static void i11_a_page_is_written_while_its_log_is_read(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, KVM_MEM_LOG_DIRTY_PAGES));
	fault(&walker, HERE);
	reported = 0;
	unit_meanwhile = after_the_bit;
	read_log();
	CHECK_EQ(1, reported);
	check_logged();
	end();
}

/* D3: the bits are not lost with the copy. */
static void i11_a_log_is_read_to_nowhere(void)
{
	struct kvm_dirty_log log = { .slot = 1 };

	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, KVM_MEM_LOG_DIRTY_PAGES));
	fault(&walker, HERE);
	CHECK_EQ(-EFAULT, slat_mmu_get_dirty_log(&mmu, &log));
	reported = 0;
	read_log();
	CHECK_EQ(1, reported);
	check_logged();
	end();
}

static void begin_log(void)
{
	CHECK_EQ(0, set_region(HERE, USER, PAGES, KVM_MEM_LOG_DIRTY_PAGES));
}

/* A fault that does not know of the log yet maps nothing for writing. */
static void i11_a_log_begins_during_a_lookup(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	unit_meanwhile = begin_log;
	fault(&walker, HERE);
	CHECK_EQ(0, mapped_pfn(HERE));
	check_logged();
	end();
}

static void i11_a_log_begins_after_an_install(void)
{
	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	fault(&walker, HERE);
	begin_log();
	check_logged();
	end();
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(i4_a_slot_is_deleted_during_a_lookup),
		UNIT_CASE(i4_a_slot_and_its_memory_go_during_a_lookup),
		UNIT_CASE(i4_a_slot_is_deleted_after_an_install),
		UNIT_CASE(i4_a_slot_is_replaced_during_a_lookup),
		UNIT_CASE(i4_memory_goes_during_a_lookup),
		UNIT_CASE(i4_memory_goes_before_the_section),
		UNIT_CASE(i4_memory_goes_after_an_install),
		UNIT_CASE(i4_a_slot_comes_while_its_memory_goes),
		UNIT_CASE(i4_memory_goes_while_its_slot_comes),
		UNIT_CASE(i4_memory_goes_while_its_slot_moves),
		UNIT_CASE(an_apic_is_hidden),
		UNIT_CASE(an_apic_is_hidden_during_a_fault),
		UNIT_CASE(a_slot_covers_an_apic),
		UNIT_CASE(a_slot_covers_an_apic_during_a_fault),
		UNIT_CASE(i3_memory_goes_while_its_slot_goes),
		UNIT_CASE(i3_memory_goes_after_its_slot),
		UNIT_CASE(n4_a_page_ages),
		UNIT_CASE(i11_a_log_is_read_during_a_lookup),
		UNIT_CASE(i11_a_log_is_read_after_an_install),
		UNIT_CASE(i11_a_page_is_written_while_its_log_is_read),
		UNIT_CASE(i11_a_log_is_read_to_nowhere),
		UNIT_CASE(i11_a_log_begins_during_a_lookup),
		UNIT_CASE(i11_a_log_begins_after_an_install),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
