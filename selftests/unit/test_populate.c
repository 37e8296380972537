// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames that are mapped before the guest asks for them: around its faults, and
 * because their owner says so.
 */
#include <errno.h>

#include <linux/sched/signal.h>

#include "mmu_host.h"
#include "unit.h"

static void kick(int cpu)
{
}

static void begin(u64 gfn, unsigned long user, u32 flags)
{
	mmu_begin(kick);
	unit_current.signal = false;
	CHECK_EQ(0, set_region(gfn, user, PAGES, flags));
}

static void end(void)
{
	CHECK(mmu_end());
}

/* How many frames are mapped, each to what its slot says. */
static unsigned int count_mapped(void)
{
	const struct slat_slot *slot = mmu.by_id.entries[1];
	unsigned int count = 0;

	for (u64 i = 0; i < slot->pages; i++) {
		u64 pfn = mapped_pfn(slot->gfn + i);

		CHECK(!pfn || pfn == user_pfn((slot->hva >> PAGE_SHIFT) + i));
		count += !!pfn;
	}
	return count;
}

static bool is_young(u64 gfn)
{
	bool young;

	spin_lock(&mmu.ptab.lock);
	young = slat_ptab_age(&mmu.ptab, gfn, gfn, false);
	spin_unlock(&mmu.ptab.lock);
	return young;
}

static void faults_one_after_the_other_map_more(void)
{
	begin(HERE, USER, 0);
	fault(&walker, HERE);
	CHECK_EQ(1, count_mapped());
	fault(&walker, HERE + 1);
	CHECK_EQ(4, count_mapped());
	CHECK(is_young(HERE + 1));
	CHECK(!is_young(HERE + 2));
	fault(&walker, HERE + 4);
	CHECK_EQ(16, count_mapped());
	CHECK(is_young(HERE));
	CHECK(!is_young(HERE + 15));
	end();
}

static void faults_downwards_map_more(void)
{
	begin(HERE, USER, 0);
	fault(&walker, HERE + 15);
	fault(&walker, HERE + 14);
	CHECK_EQ(4, count_mapped());
	fault(&walker, HERE + 11);
	CHECK_EQ(16, count_mapped());
	end();
}

static void faults_anywhere_map_one_page_each(void)
{
	begin(HERE, USER, 0);
	for (int i = 0; i < 8; i++)
		fault(&walker, HERE + 2 * i);
	CHECK_EQ(8, count_mapped());
	/* Those of another vCPU are not this one's. */
	fault(&second, HERE + 15);
	CHECK_EQ(9, count_mapped());
	end();
}

static void a_window_ends_where_its_slot_does(void)
{
	begin(HERE + 6, USER, 0);
	fault(&walker, HERE + 6);
	fault(&walker, HERE + 7);
	CHECK_EQ(2, count_mapped());
	fault(&walker, HERE + 8);
	CHECK_EQ(10, count_mapped());
	CHECK_EQ(0, mapped_pfn(HERE + 5));
	fault(&walker, HERE + 16);
	CHECK_EQ(16, count_mapped());
	CHECK_EQ(0, mapped_pfn(HERE + 22));
	end();
}

/* A page that the guest has not written to is not dirty. */
static void a_logged_slot_has_no_windows(void)
{
	begin(HERE, USER, KVM_MEM_LOG_DIRTY_PAGES);
	for (int i = 0; i < 4; i++) {
		fault(&walker, HERE + i);
		CHECK_EQ(1 + i, count_mapped());
	}
	end();
}

/* Only what is in its window, not what is asked for. */
static void i4_a_neighbour_goes_during_a_lookup(void)
{
	begin(HERE, USER - 9, 0);
	fault(&walker, HERE + 5);
	fault(&walker, HERE + 6);
	CHECK_EQ(3, count_mapped());
	unit_meanwhile = invalidate_start;
	fault(&walker, HERE + 8);
	CHECK_EQ(3, count_mapped());
	invalidate_end();
	fault(&walker, HERE + 8);
	CHECK_EQ(11, count_mapped());
	end();
}

static struct slat_populate range;

static long populate(u64 gfn, u64 pages, u64 flags)
{
	range = (struct slat_populate) {
		.gpa = gfn << PAGE_SHIFT, .size = pages << PAGE_SHIFT, .flags = flags,
	};
	return slat_mmu_populate(&mmu, &range);
}

static void check_left(u64 gfn, u64 pages)
{
	CHECK_EQ(gfn << PAGE_SHIFT, range.gpa);
	CHECK_EQ(pages << PAGE_SHIFT, range.size);
}

static void a_range_is_mapped(void)
{
	u32 access;

	begin(HERE, USER, 0);
	CHECK_EQ(0, populate(HERE + 1, PAGES - 2, SLAT_POPULATE_WRITE));
	check_left(HERE + PAGES - 1, 0);
	CHECK_EQ(PAGES - 2, count_mapped());
	mapped(HERE + 1, &access);
	CHECK(access & SLAT_ACCESS_WRITE);
	CHECK(!is_young(HERE + 1));
	CHECK_EQ(0, mapped_pfn(HERE));
	CHECK_EQ(0, mapped_pfn(HERE + PAGES - 1));
	end();
}

static void nothing_is_written_by_being_mapped(void)
{
	u32 access;

	begin(HERE, USER, KVM_MEM_LOG_DIRTY_PAGES);
	CHECK_EQ(0, populate(HERE, PAGES, SLAT_POPULATE_WRITE));
	CHECK_EQ(PAGES, count_mapped());
	mapped(HERE, &access);
	CHECK_EQ(0, access & SLAT_ACCESS_WRITE);
	end();
	begin(HERE, USER, KVM_MEM_READONLY);
	CHECK_EQ(0, populate(HERE, PAGES, SLAT_POPULATE_WRITE));
	CHECK_EQ(PAGES, count_mapped());
	mapped(HERE, &access);
	CHECK_EQ(0, access & SLAT_ACCESS_WRITE);
	end();
}

static void a_range_has_a_hole(void)
{
	begin(HERE, USER, 0);
	CHECK_EQ(-ENOENT, populate(HERE - 1, 2, 0));
	check_left(HERE - 1, 2);
	CHECK_EQ(0, count_mapped());
	/* What there is of it, then the error. */
	CHECK_EQ(0, populate(HERE, PAGES + 1, 0));
	check_left(HERE + PAGES, 1);
	CHECK_EQ(-ENOENT, slat_mmu_populate(&mmu, &range));
	CHECK_EQ(PAGES, count_mapped());
	user_unmapped = true;
	CHECK_EQ(-EFAULT, populate(HERE, PAGES, 0));
	end();
}

/* Not before something is mapped. */
static void signal_comes(void)
{
	unit_current.signal = mapped_pfn(HERE + 60);
	if (!unit_current.signal)
		unit_meanwhile = signal_comes;
}

static void a_signal_comes(void)
{
	begin(HERE + 60, USER, 0);
	unit_meanwhile = signal_comes;
	CHECK_EQ(0, populate(HERE + 60, PAGES, 0));
	/* What is left begins where a batch ends. */
	check_left(HERE + 64, PAGES - 4);
	CHECK_EQ(4, count_mapped());
	CHECK_EQ(-EINTR, slat_mmu_populate(&mmu, &range));
	check_left(HERE + 64, PAGES - 4);
	unit_current.signal = false;
	CHECK_EQ(0, slat_mmu_populate(&mmu, &range));
	check_left(HERE + 60 + PAGES, 0);
	CHECK_EQ(PAGES, count_mapped());
	end();
}

/* More steps than it takes to map a range. */
#define STEPS	64

static unsigned int steps;
static void (*what)(void);

/* Who takes memory away would wait for it. */
static bool in_section(void)
{
	const struct slat_actor *actor;

	for (actor = mmu.ptab.epochs.actors; actor; actor = actor->next)
		if ((atomic64_read(&actor->word) & SLAT_WORD_WHERE) == SLAT_HOST)
			return true;
	return false;
}

static void after_steps(void)
{
	if (steps)
		steps--;
	else if (!in_section())
		return what();
	unit_meanwhile = after_steps;
}

static void populate_while(void (*meanwhile)(void), unsigned int after)
{
	what = meanwhile;
	steps = after;
	unit_meanwhile = after_steps;
	populate(HERE, PAGES, 0);
	unit_meanwhile = NULL;
}

static bool was_mapped;

static void take_what_is_mapped(void)
{
	was_mapped = mapped_pfn(HERE);
	take_memory();
}

static void i4_memory_goes_while_it_is_mapped(void)
{
	for (unsigned int after = 0; after < STEPS; after++) {
		begin(HERE, USER, 0);
		was_mapped = false;
		populate_while(take_what_is_mapped, after);
		CHECK_EQ(was_mapped ? 0 : PAGES, count_mapped());
		check_left(HERE + PAGES, 0);
		end();
	}
}

static void i4_a_slot_goes_while_it_is_mapped(void)
{
	for (unsigned int after = 0; after < STEPS; after++) {
		begin(HERE, USER, 0);
		populate_while(delete_slot, after);
		if (mmu.by_id.entries[1])
			delete_slot();
		for (u64 i = 0; i < PAGES; i++)
			CHECK_EQ(0, mapped_pfn(HERE + i));
		end();
	}
}

static void a_range_is_no_range(void)
{
	begin(HERE, USER, 0);
	CHECK_EQ(-EINVAL, populate(HERE, 0, 0));
	CHECK_EQ(-EINVAL, populate(HERE, 1, ~SLAT_POPULATE_WRITE));
	CHECK_EQ(-EINVAL, populate(-1ULL >> PAGE_SHIFT, 2, 0));
	range = (struct slat_populate) { .gpa = HERE << PAGE_SHIFT, .size = 1 };
	CHECK_EQ(-EINVAL, slat_mmu_populate(&mmu, &range));
	range = (struct slat_populate) { .gpa = 1, .size = PAGE_SIZE };
	CHECK_EQ(-EINVAL, slat_mmu_populate(&mmu, &range));
	range = (struct slat_populate) { .size = PAGE_SIZE, .reserved[4] = 1 };
	CHECK_EQ(-EINVAL, slat_mmu_populate(&mmu, &range));
	CHECK_EQ(-EFAULT, slat_mmu_populate(&mmu, NULL));
	CHECK_EQ(0, count_mapped());
	end();
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(faults_one_after_the_other_map_more),
		UNIT_CASE(faults_downwards_map_more),
		UNIT_CASE(faults_anywhere_map_one_page_each),
		UNIT_CASE(a_window_ends_where_its_slot_does),
		UNIT_CASE(a_logged_slot_has_no_windows),
		UNIT_CASE(i4_a_neighbour_goes_during_a_lookup),
		UNIT_CASE(a_range_is_mapped),
		UNIT_CASE(nothing_is_written_by_being_mapped),
		UNIT_CASE(a_range_has_a_hole),
		UNIT_CASE(a_signal_comes),
		UNIT_CASE(i4_memory_goes_while_it_is_mapped),
		UNIT_CASE(i4_a_slot_goes_while_it_is_mapped),
		UNIT_CASE(a_range_is_no_range),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
