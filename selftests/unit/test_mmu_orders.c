// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU against what its VM's owner does, on memory that is as weak as the
 * kernel's model allows: faults, slots, notifiers and logs whole, in any order
 * of their steps.
 */
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
static bool with_rings;

/* What HERE is mapped to at first; nobody uses it any more. */
static u64 first_pfn;
static bool gone;

/* What the guest has written to HERE, and what its owner knows of it. */
static u64 page, saved;

/* There is a slot at HERE all the time. */
static bool always;

/* HERE is mapped from the start, as who reads it has it. */
static bool has_read;

/* Both slots have been seen in each other's place. */
static bool swapped;

static unsigned long final;

static void kick(int cpu)
{
}

/* The smallest ring that goes with CPUs that log. */
static void rings_begin(void)
{
	if (!with_rings)
		return;
	CHECK_EQ(0, slat_mmu_enable_rings(&mmu, 1024 * sizeof(struct kvm_dirty_gfn)));
	CHECK_EQ(0, slat_ring_init(&walker));
	CHECK_EQ(0, slat_ring_init(&second));
}

static void rings_end(void)
{
	if (!with_rings)
		return;
	slat_ring_exit(&walker);
	slat_ring_exit(&second);
}

static void set_more_regions(void)
{
	struct slat_memory_region regions[] = {
		region_of(3, BEHIND, OTHER, PAGES, 0),
		region_of(4, BEFORE, OTHER, PAGES, 0),
		region_of(2, ELSEWHERE, OTHER, PAGES, 0),
	};

	CHECK_EQ(0, set_regions(regions, ARRAY_SIZE(regions), NULL));
}

static void explore(u32 flags, void (*first)(void), void (*second)(void), void (*third)(void),
		    void (*check)(void))
{
	void (*const threads[])(void) = { first, second, third };

	violations = 0;
	for (unsigned int seed = 0; seed < ORDERS && !violations; seed++) {
		mmu_begin(kick);
		rings_begin();
		CHECK_EQ(0, set_region(HERE, USER, PAGES, flags));
		set_more_regions();
		if (has_read)
			CHECK_EQ(0, slat_mmu_fault(&walker, HERE << PAGE_SHIFT, SLAT_ACCESS_READ));
		first_pfn = user_pfn(USER);
		gone = false;
		page = 0;
		saved = 0;
		swapped = false;
		final = 0;
		unit_weak_run(threads, third ? 3 : 2, seed);
		check();
		rings_end();
		CHECK(mmu_end());
	}
	CHECK_EQ(0, violations);
	always = false;
	has_read = false;
}

static void flush(u64 root)
{
}

/*
 * Is in the guest once, and writes where it may, through what its TLB has; the CPU
 * logs it, if it has been told to when it entered.
 */
static void stay_as(struct slat_walker *self, u64 value)
{
	struct hw_log log = { };
	u32 access;
	u64 root;

	CHECK(slat_ptab_enter(&mmu.ptab, self->actor, flush, &root));
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

static void stay(u64 value)
{
	unit_cpu = 1;
	stay_as(&walker, value);
}

static void guest(void)
{
	for (int i = 1; i <= 2; i++) {
		int ret = slat_mmu_fault(&walker, HERE << PAGE_SHIFT, RW);

		CHECK(ret >= 0);
		violations += ret && always;
		stay(i);
	}
}

/* What is mapped is the slot's. */
static void check_mapping(void)
{
	struct slat_slot slot;
	u64 pfn = mapped_pfn(HERE);

	violations += pfn && (!slat_mmu_find_slot(&mmu, HERE, &slot) ||
			      pfn != user_pfn(slot.hva >> PAGE_SHIFT));
}

static void slot_goes(void)
{
	delete_slot();
	gone = true;
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

/* What may be written is logged, and so is what the owner does not know. */
static void check_log(void)
{
	const struct slat_slot *slot = mmu.by_id.entries[1];
	u32 access;

	mapped(HERE, &access);
	if (mmu_logs && !hw_dirty(HERE))
		access = 0;
	violations += !(slot->dirty->bits[0] & 1) &&
		      (access & SLAT_ACCESS_WRITE || page != saved);
}

/* What has been written before the call is in its answer. */
static void read_log(void)
{
	unsigned long bits = 0;
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = &bits };
	u64 before = READ_ONCE(page);

	CHECK_EQ(0, slat_mmu_get_dirty_log(&mmu, &log));
	if (bits & 1)
		saved = READ_ONCE(page);
	else
		violations += before != saved;
}

static void read_log_twice(void)
{
	read_log();
	read_log();
}

static void write_against_log(void)
{
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest, read_log_twice, NULL, check_log);
}

static void log_begins(void)
{
	CHECK_EQ(0, set_region(HERE, USER, PAGES, KVM_MEM_LOG_DIRTY_PAGES));
	saved = READ_ONCE(page);
	read_log();
}

static void write_against_the_beginning_of_a_log(void)
{
	always = true;
	explore(0, guest, log_begins, NULL, check_log);
}

/* A vCPU that only writes: what another one's fault has mapped. */
static void other_guest(void)
{
	unit_cpu = 2;
	stay_as(&second, 10);
	stay_as(&second, 11);
}

static void write_of_another_against_log(void)
{
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest, other_guest, read_log, check_log);
}

static void guest_reads(void)
{
	CHECK(slat_mmu_fault(&walker, HERE << PAGE_SHIFT, SLAT_ACCESS_READ) >= 0);
	stay(1);
	stay(2);
}

/* With CPUs that log what they write */
static void logged_write_against_log(void)
{
	mmu_logs = true;
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest_reads, read_log_twice, NULL, check_log);
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest, read_log_twice, NULL, check_log);
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest_reads, other_guest, read_log, check_log);
	mmu_logs = false;
}

static void logged_write_against_the_beginning_of_a_log(void)
{
	mmu_logs = true;
	explore(0, guest_reads, log_begins, NULL, check_log);
	explore(0, guest_reads, other_guest, log_begins, check_log);
	mmu_logs = false;
}

/* Marks what it finds; whether there was any. */
static bool harvest(struct slat_walker *from, u32 *at)
{
	struct kvm_dirty_gfn *entry = &from->ring.entries[*at];

	if (smp_load_acquire(&entry->flags) != KVM_DIRTY_GFN_F_DIRTY)
		return false;
	violations += READ_ONCE(entry->slot) != 1 || READ_ONCE(entry->offset);
	smp_store_release(&entry->flags, KVM_DIRTY_GFN_F_RESET);
	++*at;
	return true;
}

static void read_rings_twice(void)
{
	u32 at = 0, at_second = 0;

	for (int i = 0; i < 2; i++) {
		bool any = false;

		while (harvest(&walker, &at) || harvest(&second, &at_second))
			any = true;
		CHECK(slat_mmu_reset_rings(&mmu) >= 0);
		if (any)
			saved = READ_ONCE(page);
	}
}

static bool is_told(const struct slat_walker *by)
{
	for (u32 i = 0; i < by->ring.next; i++)
		if (by->ring.entries[i].flags == KVM_DIRTY_GFN_F_DIRTY)
			return true;
	return false;
}

/* What the owner does not know, or will not be told of, is in some ring. */
static void check_rings(void)
{
	u32 access;

	mapped(HERE, &access);
	violations += !is_told(&walker) && !is_told(&second) &&
		      ((access & SLAT_ACCESS_WRITE && hw_dirty(HERE)) || page != saved);
}

static void write_against_rings(void)
{
	with_rings = true;
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest, read_rings_twice, NULL, check_rings);
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest, other_guest, read_rings_twice, check_rings);
	with_rings = false;
}

static void logged_write_against_rings(void)
{
	mmu_logs = true;
	with_rings = true;
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest_reads, read_rings_twice, NULL, check_rings);
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest_reads, other_guest, read_rings_twice, check_rings);
	with_rings = false;
	mmu_logs = false;
}

/* What a log has had last, and who has written there: the module. */
static struct slat_dirty *last;

static void module_writes(void)
{
	WRITE_ONCE(page, 1);
	slat_mmu_mark_dirty(&mmu, HERE);
	WRITE_ONCE(page, 2);
	slat_mmu_mark_dirty(&mmu, HERE);
}

/* A write that is not marked yet need not be in the answer. */
static void read_late_twice(void)
{
	unsigned long bits;
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = &bits };

	for (int i = 0; i < 2; i++) {
		bits = 0;
		CHECK_EQ(0, slat_mmu_get_dirty_log(&mmu, &log));
		if (bits & 1)
			saved = READ_ONCE(page);
	}
}

static void module_against_log(void)
{
	explore(KVM_MEM_LOG_DIRTY_PAGES, module_writes, read_late_twice, NULL, check_log);
}

/* A slot moves, and what was written until then is in its log. */
static void move_logged(void)
{
	last = ((struct slat_slot *)mmu.by_id.entries[1])->dirty;
	CHECK_EQ(0, set_region(THERE, USER, PAGES, KVM_MEM_LOG_DIRTY_PAGES));
	saved = page;
	violations += saved && !(last->bits[0] & 1);
	saved = 0;
}

static void check_moved(void)
{
	violations += page && !(last->bits[0] & 1);
}

static void logged_write_against_move(void)
{
	mmu_logs = true;
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest_reads, move_logged, NULL, check_moved);
	mmu_logs = false;
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
		CHECK(slat_ptab_enter(&mmu.ptab, self->actor, flush, &root));
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

/* What the module writes on behalf of a vCPU. */
static void writer(void)
{
	for (u64 i = 1; i <= 2; i++) {
		int ret = slat_mmu_write(&walker, HERE << PAGE_SHIFT, &i, sizeof(i));

		CHECK(ret >= 0);
		violations += ret && always;
	}
}

static void slot_goes_with_its_log(void)
{
	struct slat_memory_region region = region_of(1, 0, 0, 0, 0);

	CHECK_EQ(0, set_regions(&region, 1, &final));
	gone = true;
	page = READ_ONCE(page);
	saved = READ_ONCE(user_words[USER]);
}

/* I11: nothing is written that the last bits do not say, and nothing later. */
static void check_last_bits(void)
{
	violations += user_words[USER] != saved || ((saved || page) && !(final & 1));
}

static void write_against_deletion_of_a_log(void)
{
	explore(KVM_MEM_LOG_DIRTY_PAGES, writer, slot_goes_with_its_log, NULL, check_last_bits);
}

static void guest_against_deletion_of_a_log(void)
{
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest, slot_goes_with_its_log, NULL, check_last_bits);
}

/* Nothing is looked up but the leaf. */
static void rewrite_against_deletion_of_a_log(void)
{
	has_read = true;
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest, slot_goes_with_its_log, NULL, check_last_bits);
}

static void rewrite_against_log(void)
{
	has_read = true;
	explore(KVM_MEM_LOG_DIRTY_PAGES, guest, other_guest, read_log, check_log);
}

static void slot_moves_with_its_log(void)
{
	struct slat_memory_region region = region_of(1, THERE, USER, PAGES,
						     KVM_MEM_LOG_DIRTY_PAGES);

	CHECK_EQ(0, set_regions(&region, 1, &final));
	if (final & 1)
		saved = READ_ONCE(user_words[USER]);
}

static void writer_there(void)
{
	u64 value = 3;

	CHECK(slat_mmu_write(&second, THERE << PAGE_SHIFT, &value, sizeof(value)) >= 0);
}

/* The log that goes on has the rest. */
static void check_moved_log(void)
{
	const struct slat_slot *slot = mmu.by_id.entries[1];

	violations += !(slot->dirty->bits[0] & 1) && user_words[USER] != saved;
}

static void write_against_move_of_a_log(void)
{
	explore(KVM_MEM_LOG_DIRTY_PAGES, writer, slot_moves_with_its_log, writer_there,
		check_moved_log);
}

static void slot_goes_with_no_log(void)
{
	delete_slot();
	final = 1;
	saved = READ_ONCE(user_words[USER]);
}

static void write_against_deletion(void)
{
	explore(0, writer, slot_goes_with_no_log, NULL, check_last_bits);
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
		UNIT_CASE(write_against_log),
		UNIT_CASE(write_against_the_beginning_of_a_log),
		UNIT_CASE(write_of_another_against_log),
		UNIT_CASE(logged_write_against_log),
		UNIT_CASE(logged_write_against_the_beginning_of_a_log),
		UNIT_CASE(write_against_rings),
		UNIT_CASE(logged_write_against_rings),
		UNIT_CASE(module_against_log),
		UNIT_CASE(logged_write_against_move),
		UNIT_CASE(faults_against_swap),
		UNIT_CASE(write_against_deletion),
		UNIT_CASE(write_against_swap),
		UNIT_CASE(write_against_deletion_of_a_log),
		UNIT_CASE(guest_against_deletion_of_a_log),
		UNIT_CASE(rewrite_against_deletion_of_a_log),
		UNIT_CASE(rewrite_against_log),
		UNIT_CASE(write_against_move_of_a_log),
		UNIT_CASE(lookup_against_deletion),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
