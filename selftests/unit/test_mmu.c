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

/* The gate is closed: who comes waits, and may be killed. */
static int waited;

static bool killed(void)
{
	waited++;
	return true;
}

static void wait_and_take_memory(void)
{
	u64 word = 0;

	unit_waits = killed;
	CHECK_EQ(-EINTR, slat_mmu_fault(&second, HERE << PAGE_SHIFT, RW));
	CHECK_EQ(-EINTR, slat_mmu_fault(&second, THERE << PAGE_SHIFT, RW));
	CHECK_EQ(-EINTR, slat_mmu_fault(&second, (THERE + PAGES) << PAGE_SHIFT, RW));
	CHECK_EQ(-EINTR, slat_mmu_read(&second, THERE << PAGE_SHIFT, &word, sizeof(word)));
	CHECK_EQ(-EINTR, slat_mmu_write(&second, HERE << PAGE_SHIFT, &word, sizeof(word)));
	CHECK_EQ(-EINTR, slat_mmu_cmpxchg(&second, HERE << PAGE_SHIFT, &word, &word,
					  sizeof(word)));
	take_memory();
}

static void once_it_is_unlinked(void)
{
	unit_meanwhile = wait_and_take_memory;
}

static void i4_memory_goes_while_its_slot_moves(void)
{
	begin();
	waited = 0;
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	fault(&walker, HERE);
	unit_meanwhile = once_it_is_unlinked;
	CHECK_EQ(0, set_region(THERE, USER, PAGES, 0));
	CHECK_EQ(6, waited);
	CHECK_EQ(0, mapped_pfn(THERE));
	CHECK_EQ(0, mapped_pfn(HERE));
	check_maps_what_there_is(THERE);
	CHECK_EQ(1, slat_mmu_fault(&walker, HERE << PAGE_SHIFT, RW));
	end();
}

/* Transactions */

/* Slot 1 at HERE, slot 2 at THERE, both in use. */
static void begin_two(u32 flags)
{
	struct slat_memory_region two = region_of(2, THERE, OTHER, PAGES, 0);

	begin();
	CHECK_EQ(0, set_region(HERE, USER, PAGES, flags));
	CHECK_EQ(0, set_regions(&two, 1, NULL));
	fault(&walker, HERE);
	fault(&walker, THERE);
}

static void check_two(u64 here, u64 there)
{
	CHECK_EQ(here, mapped_pfn(HERE));
	CHECK_EQ(there, mapped_pfn(THERE));
	CHECK_EQ(here ? 0 : 1, slat_mmu_fault(&walker, HERE << PAGE_SHIFT, SLAT_ACCESS_READ));
	CHECK_EQ(0, slat_mmu_fault(&walker, THERE << PAGE_SHIFT, SLAT_ACCESS_READ));
}

static void i10_two_slots_swap(void)
{
	struct slat_memory_region regions[] = {
		region_of(1, THERE, USER, PAGES, 0), region_of(2, HERE, OTHER, PAGES, 0),
	};

	begin_two(0);
	CHECK_EQ(0, set_regions(regions, 2, NULL));
	CHECK_EQ(0, mapped_pfn(HERE));
	CHECK_EQ(0, mapped_pfn(THERE));
	fault(&walker, HERE);
	fault(&walker, THERE);
	check_two(user_pfn(OTHER), user_pfn(USER));
	CHECK(!(mmu.changes & 1));
	end();
}

/* Whatever is wrong with the last of them, the first is as if it had not been. */
static void i10_all_or_nothing(void)
{
	const struct {
		int error;
		struct slat_memory_region last;
	} bad[] = {
		{ -EEXIST, region_of(3, THERE, USER, 1, 0) },
		{ -EEXIST, region_of(3, HERE + 4 * PAGES - 1, USER, 2, 0) },
		{ -EINVAL, region_of(3, 0, 0, 0, 0) },
		{ -EINVAL, region_of(1, 0, 0, 0, 0) },
		{ -EINVAL, region_of(3, HERE, USER, 1, 0x80) },
	};

	begin_two(KVM_MEM_LOG_DIRTY_PAGES);
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct slat_memory_region regions[] = {
			region_of(1, HERE + 3 * PAGES, USER, PAGES, 0), bad[i].last,
		};

		CHECK_EQ(bad[i].error, set_regions(regions, 2, NULL));
		check_two(user_pfn(USER), user_pfn(OTHER));
		CHECK_EQ(1, slat_mmu_fault(&walker, (HERE + 3 * PAGES) << PAGE_SHIFT, RW));
		CHECK(!mmu.by_id.entries[3]);
	}
	/* It is there, and logged, still. */
	CHECK_EQ(-EINVAL, set_region(HERE, USER, PAGES, KVM_MEM_READONLY));
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	end();
}

/* One goes where the other was, and both may be listed first. */
static void i10_a_slot_comes_where_one_goes(void)
{
	for (int first = 0; first < 2; first++) {
		struct slat_memory_region regions[2];

		begin_two(0);
		regions[first] = region_of(1, 0, 0, 0, 0);
		regions[!first] = region_of(3, HERE + 1, OTHER, 2 * PAGES, 0);
		CHECK_EQ(0, set_regions(regions, 2, NULL));
		check_two(0, user_pfn(OTHER));
		fault(&walker, HERE + 1);
		CHECK_EQ(user_pfn(OTHER), mapped_pfn(HERE + 1));
		end();
	}
}

/* What KVM's call refuses: other memory, another size, writable. */
static void a_slot_is_replaced_as_one(void)
{
	struct slat_memory_region region = region_of(1, HERE, OTHER, 2 * PAGES, KVM_MEM_READONLY);
	u32 access;

	begin_two(0);
	CHECK_EQ(-EINVAL, set_region(HERE, OTHER, PAGES, 0));
	CHECK_EQ(-EINVAL, set_region(HERE, USER, 2 * PAGES, 0));
	CHECK_EQ(0, set_regions(&region, 1, NULL));
	CHECK_EQ(0, mapped_pfn(HERE));
	CHECK_EQ(1, slat_mmu_fault(&walker, HERE << PAGE_SHIFT, RW));
	CHECK_EQ(0, slat_mmu_fault(&walker, HERE << PAGE_SHIFT, SLAT_ACCESS_READ));
	CHECK_EQ(user_pfn(OTHER), mapped(HERE, &access));
	CHECK(!(access & SLAT_ACCESS_WRITE));
	region.flags = 0;
	CHECK_EQ(0, set_regions(&region, 1, NULL));
	fault(&walker, HERE);
	mapped(HERE, &access);
	CHECK(access & SLAT_ACCESS_WRITE);
	end();
}

static void i11_the_last_bits_of_a_log(void)
{
	struct slat_memory_region gone = region_of(1, 0, 0, 0, 0);
	struct slat_memory_region moved = region_of(1, HERE + 2 * PAGES, USER, PAGES,
						    KVM_MEM_LOG_DIRTY_PAGES);
	unsigned long bits = 0xff;
	u64 word = 1;

	begin_two(0);
	CHECK_EQ(-ENOENT, set_regions(&gone, 1, &bits));
	CHECK_EQ(0, set_region(HERE, USER, PAGES, KVM_MEM_LOG_DIRTY_PAGES));
	CHECK_EQ(0, slat_mmu_write(&second, (HERE + 3) << PAGE_SHIFT, &word, sizeof(word)));
	fault(&walker, HERE + 5);
	CHECK_EQ(0xff, bits);
	CHECK_EQ(0, set_regions(&moved, 1, &bits));
	CHECK_EQ(BIT(3) | BIT(5), bits);
	CHECK_EQ(-EINVAL, set_regions(&moved, 1, &bits));
	fault(&walker, HERE + 2 * PAGES + 7);
	/* The log goes on where nobody asks for the bits. */
	moved.guest_phys_addr = HERE << PAGE_SHIFT;
	CHECK_EQ(0, set_regions(&moved, 1, NULL));
	fault(&walker, HERE + 1);
	/* It ends without the slot. */
	moved.flags = 0;
	CHECK_EQ(0, set_regions(&moved, 1, &bits));
	CHECK_EQ(BIT(1) | BIT(7), bits);
	fault(&walker, HERE);
	CHECK_EQ(user_pfn(USER), mapped_pfn(HERE));
	end();
}

/* What the module does for a vCPU finds memory that is not there, and waits for it. */
static void accesses_fault_memory_in(void)
{
	u64 old = 0, word = 5;

	begin_two(0);
	user_absent = true;
	CHECK_EQ(0, slat_mmu_write(&second, HERE << PAGE_SHIFT, &word, sizeof(word)));
	user_absent = true;
	CHECK_EQ(0, slat_mmu_read(&second, HERE << PAGE_SHIFT, &old, sizeof(old)));
	CHECK_EQ(5, old);
	word = 6;
	user_absent = true;
	CHECK_EQ(0, slat_mmu_cmpxchg(&second, HERE << PAGE_SHIFT, &old, &word, sizeof(word)));
	CHECK_EQ(-EAGAIN, slat_mmu_cmpxchg(&second, HERE << PAGE_SHIFT, &old, &word,
					   sizeof(word)));
	CHECK_EQ(6, user_words[USER]);
	user_absent = true;
	user_unmapped = true;
	CHECK_EQ(-EFAULT, slat_mmu_read(&second, HERE << PAGE_SHIFT, &old, sizeof(old)));
	/* Its slot goes as well: no business of the vCPU. */
	unit_meanwhile = delete_slot;
	CHECK_EQ(1, slat_mmu_write(&second, HERE << PAGE_SHIFT, &word, sizeof(word)));
	end();
}

/* S6: the cost of a deletion does not follow from the size. */
static void install_large(u64 gfn, u64 size)
{
	for (u64 at = gfn; at < gfn + size; at += 512) {
		CHECK_EQ(0, slat_ptab_fill_cache(&mmu.ptab, &walker.cache));
		CHECK_EQ(SLAT_INSTALLED, slat_ptab_install(&mmu.ptab, &walker.cache, at, at, 1,
							   RW, true));
	}
}

static void s6_large_slots_go_by_one_write(void)
{
	const u64 sizes[] = { 8192, 65536 }, gib = 1 << 18;

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct slat_memory_region two = region_of(2, 2 * gib + sizes[i], OTHER, PAGES, 0);

		begin();
		slat_mmu_add_apic(&mmu);
		CHECK_EQ(0, set_region(2 * gib, USER, sizes[i], 0));
		install_large(2 * gib, sizes[i]);
		delete_slot();
		CHECK_EQ(1, mmu.ptab.unlinked_count);

		/* Not what is next to it, nor where APICs are. */
		CHECK_EQ(0, set_regions(&two, 1, NULL));
		fault(&walker, 2 * gib + sizes[i]);
		CHECK_EQ(0, set_region(2 * gib, USER, sizes[i], 0));
		install_large(2 * gib, sizes[i]);
		delete_slot();
		CHECK_EQ(user_pfn(OTHER), mapped_pfn(2 * gib + sizes[i]));
		CHECK_EQ(0, mapped_pfn(2 * gib));
		two.memory_size = 0;
		CHECK_EQ(0, set_regions(&two, 1, NULL));
		fault(&walker, SLAT_APIC_GFN);
		CHECK_EQ(0, set_region(SLAT_APIC_GFN + 1, USER, sizes[i], 0));
		install_large(SLAT_APIC_GFN + 1, sizes[i]);
		delete_slot();
		CHECK_EQ(__pa(mmu.apic_page) >> PAGE_SHIFT, mapped_pfn(SLAT_APIC_GFN));
		CHECK_EQ(0, mapped_pfn(SLAT_APIC_GFN + 1));
		end();
		slat_mmu_free_apic(&mmu);
	}
}

/* Those right before and behind it are in the same table. */
static void i5_other_slots_keep_their_leaves(void)
{
	struct slat_memory_region others[] = {
		region_of(2, HERE - PAGES, OTHER, PAGES, 0),
		region_of(3, HERE + PAGES, OTHER + PAGES, PAGES, 0),
	};
	u64 installs;

	begin();
	CHECK_EQ(0, set_regions(others, ARRAY_SIZE(others), NULL));
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	for (u64 gfn = HERE - PAGES; gfn < HERE + 2 * PAGES; gfn++)
		fault(&walker, gfn);
	installs = slat_stat_read(mmu.ptab.stats, SLAT_STAT_INSTALLS);
	for (int way = 0; way < 2; way++) {
		if (way)
			delete_slot();
		else
			CHECK_EQ(0, set_region(THERE, USER, PAGES, 0));
		for (u64 i = 0; i < PAGES; i++) {
			CHECK_EQ(user_pfn(OTHER + i), mapped_pfn(HERE - PAGES + i));
			CHECK_EQ(0, mapped_pfn(HERE + i));
			CHECK_EQ(user_pfn(OTHER + PAGES + i), mapped_pfn(HERE + PAGES + i));
		}
	}
	CHECK_EQ(installs, slat_stat_read(mmu.ptab.stats, SLAT_STAT_INSTALLS));
	end();
}

/* Neither a page nor, as the sanitizer looks at those, an object. */
static void i9_nothing_remains_of_a_machine(void)
{
	unsigned long before = unit_pages_used(), bits = 0;
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = &bits };

	for (int i = 0; i < 3; i++) {
		begin();
		CHECK_EQ(0, set_region(HERE, USER, PAGES, KVM_MEM_LOG_DIRTY_PAGES));
		fault(&walker, HERE);
		CHECK_EQ(0, slat_mmu_get_dirty_log(&mmu, &log));
		slat_mmu_zap_all(&mmu);
		CHECK_EQ(0, slat_mmu_prepare(&walker));
		fault(&second, HERE);
		CHECK(unit_pages_used() > before);
		if (i)
			delete_slot();
		end();
		CHECK_EQ(before, unit_pages_used());
	}
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
		UNIT_CASE(i10_two_slots_swap),
		UNIT_CASE(i10_all_or_nothing),
		UNIT_CASE(i10_a_slot_comes_where_one_goes),
		UNIT_CASE(a_slot_is_replaced_as_one),
		UNIT_CASE(i11_the_last_bits_of_a_log),
		UNIT_CASE(accesses_fault_memory_in),
		UNIT_CASE(s6_large_slots_go_by_one_write),
		UNIT_CASE(i5_other_slots_keep_their_leaves),
		UNIT_CASE(i9_nothing_remains_of_a_machine),
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
