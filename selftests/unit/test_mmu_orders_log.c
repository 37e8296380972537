// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU against who reads what it has written, on weak memory: dirty logs, dirty
 * rings, and the last bits of a slot that goes, in any order of their steps.
 */
#include "mmu_orders.h"

static bool with_rings;
static unsigned long final;

/* The smallest ring that goes with CPUs that log. */
static void order_begin(void)
{
	final = 0;
	if (!with_rings)
		return;
	CHECK_EQ(0, slat_mmu_enable_rings(&mmu, 1024 * sizeof(struct kvm_dirty_gfn)));
	CHECK_EQ(0, slat_ring_init(&walker));
	CHECK_EQ(0, slat_ring_init(&second));
}

static void order_end(void)
{
	if (!with_rings)
		return;
	slat_ring_exit(&walker);
	slat_ring_exit(&second);
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

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(write_against_log),
		UNIT_CASE(write_against_the_beginning_of_a_log),
		UNIT_CASE(write_of_another_against_log),
		UNIT_CASE(logged_write_against_log),
		UNIT_CASE(logged_write_against_the_beginning_of_a_log),
		UNIT_CASE(write_against_rings),
		UNIT_CASE(logged_write_against_rings),
		UNIT_CASE(module_against_log),
		UNIT_CASE(logged_write_against_move),
		UNIT_CASE(write_against_deletion_of_a_log),
		UNIT_CASE(guest_against_deletion_of_a_log),
		UNIT_CASE(rewrite_against_deletion_of_a_log),
		UNIT_CASE(rewrite_against_log),
		UNIT_CASE(write_against_move_of_a_log),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
