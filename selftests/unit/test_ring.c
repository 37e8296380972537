// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings: what is told, once, in which entries; and user space that writes
 * what it likes in them.
 */
#include <errno.h>

#include "mmu_host.h"
#include "unit.h"

#define LOGGED		KVM_MEM_LOG_DIRTY_PAGES
#define ENTRY		sizeof(struct kvm_dirty_gfn)
#define RING		256UL		/* entries */
#define RESERVED	64

static void kick(int cpu)
{
}

static void begin(void)
{
	mmu_begin(kick);
	CHECK_EQ(0, slat_mmu_enable_rings(&mmu, RING * ENTRY));
	CHECK_EQ(0, slat_ring_init(&walker));
	CHECK_EQ(0, slat_ring_init(&second));
	CHECK_EQ(0, set_region(HERE, USER, PAGES, LOGGED));
}

static void end(void)
{
	slat_ring_exit(&walker);
	slat_ring_exit(&second);
	CHECK(mmu.rings.next == &mmu.rings);
	CHECK(mmu_end());
}

/* User space reads the entry; whether there is one. */
static bool harvest(struct slat_walker *from, u32 at, u64 *page)
{
	struct kvm_dirty_gfn *entry = &from->ring.entries[at % RING];

	if (smp_load_acquire(&entry->flags) != KVM_DIRTY_GFN_F_DIRTY)
		return false;
	CHECK_EQ(1, entry->slot);
	*page = entry->offset;
	entry->flags = KVM_DIRTY_GFN_F_RESET;
	return true;
}

static void check_told(struct slat_walker *from, u32 at, u64 page)
{
	u64 seen = ~0ULL;

	CHECK(harvest(from, at, &seen));
	CHECK_EQ(page, seen);
}

static bool writable(u64 gfn)
{
	u32 access;

	mapped(gfn, &access);
	return access & SLAT_ACCESS_WRITE;
}

static void sizes(void)
{
	mmu_begin(kick);
	CHECK_EQ(-EINVAL, slat_mmu_reset_rings(&mmu));
	CHECK_EQ(-EINVAL, slat_mmu_enable_rings(&mmu, 0));
	CHECK_EQ(-EINVAL, slat_mmu_enable_rings(&mmu, PAGE_SIZE / 2));
	CHECK_EQ(-EINVAL, slat_mmu_enable_rings(&mmu, PAGE_SIZE * 3));
	CHECK_EQ(-E2BIG, slat_mmu_enable_rings(&mmu, 2 * SLAT_RING_MAX * ENTRY));
	CHECK_EQ(0, set_region(HERE, USER, PAGES, LOGGED));
	CHECK_EQ(-EINVAL, slat_mmu_enable_rings(&mmu, PAGE_SIZE));
	delete_slot();
	CHECK_EQ(0, slat_mmu_enable_rings(&mmu, PAGE_SIZE));
	CHECK_EQ(-EINVAL, slat_mmu_enable_rings(&mmu, PAGE_SIZE));
	CHECK(mmu_end());
	/* Room for all that a CPU logs. */
	mmu_logs = true;
	mmu_begin(kick);
	CHECK_EQ(-EINVAL, slat_mmu_enable_rings(&mmu, 2 * PAGE_SIZE));
	CHECK_EQ(0, slat_mmu_enable_rings(&mmu, 4 * PAGE_SIZE));
	CHECK_EQ(0, slat_ring_init(&walker));
	CHECK_EQ(1024 - 512 - RESERVED, walker.ring.limit);
	slat_ring_exit(&walker);
	CHECK(mmu_end());
	mmu_logs = false;
}

static void a_page_is_told_once(void)
{
	begin();
	fault(&walker, HERE + 3);
	fault(&second, HERE + 3);
	fault(&second, HERE + 4);
	slat_mmu_mark_dirty(&mmu, HERE + 3);
	slat_ring_flush_backlog(&second);
	check_told(&walker, 0, 3);
	check_told(&second, 0, 4);
	CHECK(!harvest(&second, 1, &(u64){ 0 }));
	CHECK_EQ(2, slat_mmu_reset_rings(&mmu));
	CHECK_EQ(0, slat_mmu_reset_rings(&mmu));
	CHECK(!writable(HERE + 3));
	CHECK(!writable(HERE + 4));
	fault(&second, HERE + 3);
	check_told(&second, 1, 3);
	CHECK(!harvest(&walker, 1, &(u64){ 0 }));
	CHECK_EQ(0, walker.ring.entries[0].flags);
	end();
}

/* What nobody has harvested stays, and so does what comes after it. */
static void entries_are_reset_in_their_order(void)
{
	begin();
	for (int i = 0; i < 3; i++)
		fault(&walker, HERE + i);
	check_told(&walker, 1, 1);
	CHECK_EQ(0, slat_mmu_reset_rings(&mmu));
	check_told(&walker, 0, 0);
	CHECK_EQ(2, slat_mmu_reset_rings(&mmu));
	CHECK(!writable(HERE) && !writable(HERE + 1) && writable(HERE + 2));
	end();
}

static void a_ring_is_full_before_it_is(void)
{
	u64 page;
	u32 told = 0;

	begin();
	CHECK(!slat_ring_full(&walker.ring));
	for (u32 i = 0; i < RING - RESERVED; i++) {
		CHECK(!slat_ring_full(&walker.ring));
		CHECK(slat_ring_push(&walker, 1, i));
	}
	CHECK(slat_ring_full(&walker.ring));
	for (u32 i = 0; i < RESERVED; i++)
		CHECK(slat_ring_push(&walker, 1, i));
	/* No entry is lost, whatever comes: the page waits. */
	CHECK(!slat_ring_push(&walker, 1, 0));
	fault(&walker, HERE + 5);
	CHECK(mmu.backlog);
	slat_ring_flush_backlog(&walker);
	CHECK(mmu.backlog);
	while (harvest(&walker, told, &page))
		told++;
	CHECK_EQ(RING, told);
	CHECK_EQ(RING, slat_mmu_reset_rings(&mmu));
	slat_ring_flush_backlog(&walker);
	CHECK(!mmu.backlog);
	check_told(&walker, told, 5);
	end();
}

static void what_the_module_writes_is_told_by_a_vcpu(void)
{
	begin();
	slat_mmu_mark_dirty(&mmu, HERE + 1);
	slat_mmu_mark_dirty(&mmu, HERE + 9);
	slat_mmu_mark_dirty(&mmu, HERE + 1);
	slat_mmu_mark_dirty(&mmu, THERE);
	slat_ring_flush_backlog(&second);
	slat_ring_flush_backlog(&walker);
	check_told(&second, 0, 1);
	check_told(&second, 1, 9);
	CHECK_EQ(2, second.ring.next);
	CHECK_EQ(0, walker.ring.next);
	end();
}

/* The bits of a log are the rings': its calls have nothing to say. */
static void a_log_has_rings_instead(void)
{
	struct slat_dirty_epoch epoch = { .slot = 1 }, out;
	struct kvm_clear_dirty_log clear = { .slot = 1 };
	struct kvm_dirty_log log = { .slot = 1 };

	begin();
	CHECK_EQ(-ENXIO, slat_mmu_get_dirty_log(&mmu, &log));
	CHECK_EQ(-ENXIO, slat_mmu_clear_dirty_log(&mmu, &clear));
	CHECK_EQ(-ENXIO, slat_mmu_peek_dirty(&mmu, &epoch, &out));
	CHECK_EQ(0, slat_mmu_manual_protect(&mmu, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
						  KVM_DIRTY_LOG_INITIALLY_SET));
	/* No ring would tell of a log that begins full. */
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	fault(&walker, HERE);
	CHECK_EQ(0, set_region(HERE, USER, PAGES, LOGGED));
	CHECK(!writable(HERE));
	fault(&walker, HERE);
	check_told(&walker, 0, 0);
	end();
}

/* Slots that there are not, pages beyond their end, entries nobody has written. */
static void user_space_writes_what_it_likes(void)
{
	static const struct kvm_dirty_gfn odd[] = {
		{ .slot = 2 }, { .slot = 1 << 16 | 1 }, { .slot = SLAT_SLOTS_MAX }, { .slot = ~0U },
		{ .slot = 1, .offset = PAGES }, { .slot = 1, .offset = 64 },
		{ .slot = 1, .offset = ~0ULL }, { .slot = 1, .offset = 1ULL << 63 },
	};
	struct kvm_dirty_gfn *entries;

	begin();
	entries = walker.ring.entries;
	for (u32 i = 0; i < ARRAY_SIZE(odd); i++) {
		fault(&walker, HERE + i);
		entries[i].slot = odd[i].slot;
		entries[i].offset = odd[i].offset;
		entries[i].flags = ~0U;
	}
	for (u32 i = ARRAY_SIZE(odd); i < RING; i++)
		entries[i] = (struct kvm_dirty_gfn) { .flags = ~0U, .slot = 1 };
	CHECK_EQ(ARRAY_SIZE(odd), slat_mmu_reset_rings(&mmu));
	CHECK_EQ(0, slat_mmu_reset_rings(&mmu));
	CHECK_EQ(0, slat_ring_used(&walker.ring));
	/* A page in somebody else's name. */
	fault(&walker, HERE + 10);
	fault(&walker, HERE + 11);
	entries[ARRAY_SIZE(odd)].offset = 11;
	entries[ARRAY_SIZE(odd)].flags = KVM_DIRTY_GFN_F_RESET;
	CHECK_EQ(1, slat_mmu_reset_rings(&mmu));
	CHECK(writable(HERE + 10) && !writable(HERE + 11));
	end();
}

static void what_a_cpu_logs_is_told(void)
{
	struct hw_log log = { };

	mmu_logs = true;
	mmu_begin(kick);
	CHECK_EQ(0, slat_mmu_enable_rings(&mmu, 1024 * ENTRY));
	CHECK_EQ(0, slat_ring_init(&walker));
	CHECK_EQ(0, set_region(HERE, USER, PAGES, LOGGED));
	CHECK_EQ(0, slat_mmu_fault(&walker, HERE << PAGE_SHIFT, SLAT_ACCESS_READ));
	log.wanted = slat_mmu_logs(&mmu);
	CHECK(hw_may_write(HERE, &log));
	hw_drain(&walker, &log);
	check_told(&walker, 0, 0);
	CHECK(hw_dirty(HERE));
	CHECK_EQ(1, slat_mmu_reset_rings(&mmu));
	CHECK(!hw_dirty(HERE) && writable(HERE));
	slat_ring_exit(&walker);
	CHECK(mmu_end());
	mmu_logs = false;
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(sizes),
		UNIT_CASE(a_page_is_told_once),
		UNIT_CASE(entries_are_reset_in_their_order),
		UNIT_CASE(a_ring_is_full_before_it_is),
		UNIT_CASE(what_the_module_writes_is_told_by_a_vcpu),
		UNIT_CASE(a_log_has_rings_instead),
		UNIT_CASE(user_space_writes_what_it_likes),
		UNIT_CASE(what_a_cpu_logs_is_told),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
