// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logs: what each call takes, keeps and gives back; with CPUs that log what
 * they write, and with those that fault for it.
 */
#include <errno.h>

#include "mmu_host.h"
#include "unit.h"

#define LOGGED	KVM_MEM_LOG_DIRTY_PAGES

static int kicks;
static struct hw_log log_of_second;

/* What the second vCPU has logged is noted before it is OUTSIDE. */
static void kick(int cpu)
{
	unit_without_lock();
	kicks++;
	hw_drain(&second, &log_of_second);
	slat_actor_leave(second.actor);
}

static void begin(u32 flags)
{
	kicks = 0;
	log_of_second.count = 0;
	mmu_begin(kick);
	CHECK_EQ(0, set_region(HERE, USER, PAGES, flags));
}

static void end(void)
{
	CHECK(mmu_end());
}

static void flush(u64 root)
{
}

static void enter_second(void)
{
	u64 root;

	CHECK(slat_ptab_enter(&mmu.ptab, second.actor, flush, &root));
	log_of_second.wanted = slat_mmu_logs(&mmu);
}

static unsigned long read_log(void)
{
	unsigned long bits = 0;
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = &bits };

	CHECK_EQ(0, slat_mmu_get_dirty_log(&mmu, &log));
	return bits;
}

static int clear(u32 slot, u64 first, u32 pages, unsigned long bits)
{
	struct kvm_clear_dirty_log log = {
		.slot = slot, .first_page = first, .num_pages = pages, .dirty_bitmap = &bits,
	};

	return slat_mmu_clear_dirty_log(&mmu, &log);
}

static int peek(unsigned long *bits, struct slat_dirty_epoch *out)
{
	struct slat_dirty_epoch epoch = { .slot = 1, .bitmap = (unsigned long)bits };

	return slat_mmu_peek_dirty(&mmu, &epoch, out);
}

static int end_epoch(bool abort)
{
	struct slat_dirty_epoch epoch = { .slot = 1 };

	return slat_mmu_end_dirty(&mmu, &epoch, abort);
}

static void read_fault(u64 gfn)
{
	CHECK_EQ(0, slat_mmu_fault(&walker, gfn << PAGE_SHIFT, SLAT_ACCESS_READ));
}

/* The guest writes a page, in a stay of the first vCPU. */
static void guest_writes(u64 gfn)
{
	struct hw_log log = { .wanted = slat_mmu_logs(&mmu) };

	if (!hw_may_write(gfn, &log)) {
		fault(&walker, gfn);
		CHECK(hw_may_write(gfn, &log));
	}
	hw_drain(&walker, &log);
}

static void a_log_has_each_write_once(void)
{
	begin(LOGGED);
	read_fault(HERE + 1);
	CHECK_EQ(0, read_log());
	guest_writes(HERE);
	guest_writes(HERE + 1);
	CHECK_EQ(3, read_log());
	CHECK_EQ(0, read_log());
	guest_writes(HERE + 1);
	CHECK_EQ(2, read_log());
	end();
}

static void a_log_begins_with_pages_that_are_mapped(void)
{
	begin(0);
	guest_writes(HERE);
	guest_writes(HERE + 1);
	CHECK_EQ(0, set_region(HERE, USER, PAGES, LOGGED));
	CHECK_EQ(0, read_log());
	guest_writes(HERE + 1);
	CHECK_EQ(2, read_log());
	end();
}

static int write_fault(u64 gfn)
{
	return slat_mmu_fault(&walker, gfn << PAGE_SHIFT, RW);
}

/* Only with CPUs that do not log: they do not fault for it. */
static void the_host_is_not_asked_again(void)
{
	begin(LOGGED);
	guest_writes(HERE);
	read_fault(HERE + 1);
	CHECK_EQ(1, read_log());
	user_unmapped = true;
	if (!mmu_logs) {
		CHECK_EQ(0, write_fault(HERE));
		CHECK_EQ(0, write_fault(HERE + 1));
		CHECK_EQ(3, read_log());
	}
	take_memory();
	CHECK_EQ(-EFAULT, write_fault(HERE));
	CHECK_EQ(-EFAULT, write_fault(HERE + 1));
	CHECK_EQ(0, read_log());
	end();
}

static void the_host_is_asked_for_what_it_had_read_only(void)
{
	begin(LOGGED);
	user_readonly = true;
	read_fault(HERE);
	user_unmapped = true;
	CHECK_EQ(-EFAULT, write_fault(HERE));
	user_unmapped = false;
	user_readonly = false;
	guest_writes(HERE);
	CHECK_EQ(1, read_log());
	end();
}

/* A fault that finds a leaf whose first write the CPU is to log leaves it so. */
static void a_fault_finds_a_clean_leaf(void)
{
	begin(LOGGED);
	read_fault(HERE);
	fault(&second, HERE);
	CHECK(!slat_mmu_fault(&second, HERE << PAGE_SHIFT, RW | SLAT_ACCESS_EXEC));
	read_log();
	guest_writes(HERE);
	CHECK_EQ(1, read_log());
	end();
}

/* Only with CPUs that log: no fault, and no exit before somebody asks. */
static void a_cpu_in_the_guest_is_asked(void)
{
	begin(LOGGED);
	read_fault(HERE);
	enter_second();
	CHECK_EQ(mmu_logs, hw_may_write(HERE, &log_of_second));
	CHECK_EQ(mmu_logs, read_log());
	CHECK_EQ(mmu_logs, kicks);
	slat_actor_leave(second.actor);
	end();
}

static bool logged_at_kick;

static void kick_at_the_beginning(int cpu)
{
	const struct slat_slot *slot = slat_slotmap_find(&mmu.by_gfn, HERE);

	logged_at_kick = slot && slot->dirty;
	CHECK(mmu.logged);
	kick(cpu);
}

/* Who is in the guest and does not log leaves it before there is a log. */
static void all_leave_before_the_first_log(void)
{
	begin(0);
	fault(&walker, HERE);
	mmu.ptab.epochs.kick = kick_at_the_beginning;
	enter_second();
	logged_at_kick = true;
	CHECK_EQ(0, set_region(HERE, USER, PAGES, LOGGED));
	CHECK_EQ(!mmu_logs, logged_at_kick);
	CHECK_EQ(1, kicks);
	CHECK_EQ(1, mmu.logged);
	CHECK_EQ(0, set_region(HERE, USER, PAGES, 0));
	CHECK_EQ(0, mmu.logged);
	end();
}

static void a_log_is_kept_until_it_is_cleared(void)
{
	begin(LOGGED);
	CHECK_EQ(0, slat_mmu_manual_protect(&mmu, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE));
	guest_writes(HERE);
	guest_writes(HERE + 1);
	guest_writes(HERE + 2);
	CHECK_EQ(7, read_log());
	CHECK_EQ(7, read_log());
	CHECK_EQ(0, clear(1, 0, PAGES, 2 | ~0UL << PAGES));
	CHECK_EQ(5, read_log());
	guest_writes(HERE + 1);
	CHECK_EQ(7, read_log());
	end();
}

static void clear_refuses(void)
{
	begin(LOGGED);
	CHECK_EQ(-EINVAL, clear(SLAT_SLOTS_MAX, 0, PAGES, 0));
	CHECK_EQ(-ENOENT, clear(2, 0, PAGES, 0));
	CHECK_EQ(-EINVAL, clear(2, 1, PAGES, 0));
	CHECK_EQ(-EINVAL, clear(1, 1, PAGES, 0));
	CHECK_EQ(-EINVAL, clear(1, 64, 0, 0));
	CHECK_EQ(-EINVAL, clear(1, 0, PAGES + 1, 0));
	CHECK_EQ(-EINVAL, clear(1, 0, PAGES - 1, 0));
	CHECK_EQ(-EINVAL, clear(1, ~63ULL, 128, 0));
	CHECK_EQ(0, clear(1, 0, 0, 0));
	CHECK_EQ(-EINVAL, slat_mmu_manual_protect(&mmu, KVM_DIRTY_LOG_INITIALLY_SET));
	CHECK_EQ(-EINVAL, slat_mmu_manual_protect(&mmu, 4));
	end();
}

static void a_log_may_begin_full(void)
{
	u32 access;

	begin(0);
	CHECK_EQ(0, slat_mmu_manual_protect(&mmu, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
						  KVM_DIRTY_LOG_INITIALLY_SET));
	fault(&walker, HERE);
	CHECK_EQ(0, set_region(HERE, USER, PAGES, LOGGED));
	CHECK_EQ((1UL << PAGES) - 1, read_log());
	mapped(HERE, &access);
	CHECK(access & SLAT_ACCESS_WRITE);
	CHECK_EQ(0, clear(1, 0, PAGES, ~0UL));
	CHECK_EQ(0, read_log());
	guest_writes(HERE);
	CHECK_EQ(1, read_log());
	end();
}

static void an_epoch_is_committed(void)
{
	struct slat_dirty_epoch out;
	unsigned long bits = 0;

	begin(LOGGED);
	CHECK_EQ(-ENOENT, end_epoch(false));
	guest_writes(HERE);
	guest_writes(HERE + 3);
	CHECK_EQ(0, peek(&bits, &out));
	CHECK_EQ(9, bits);
	CHECK_EQ(2, out.pages);
	CHECK_EQ(-EBUSY, peek(&bits, &out));
	guest_writes(HERE + 1);
	CHECK_EQ(0, end_epoch(false));
	CHECK_EQ(-ENOENT, end_epoch(false));
	CHECK_EQ(2, read_log());
	end();
}

static void an_epoch_is_aborted(void)
{
	struct slat_dirty_epoch out;
	unsigned long bits = 0;

	begin(LOGGED);
	guest_writes(HERE);
	CHECK_EQ(0, peek(&bits, &out));
	guest_writes(HERE + 1);
	CHECK_EQ(0, end_epoch(true));
	CHECK_EQ(-ENOENT, end_epoch(true));
	CHECK_EQ(3, read_log());
	/* An epoch of nothing is one as well. */
	CHECK_EQ(0, peek(&bits, &out));
	CHECK_EQ(0, bits);
	CHECK_EQ(0, end_epoch(true));
	end();
}

static void an_epoch_that_nobody_sees_does_not_begin(void)
{
	struct slat_dirty_epoch out;
	unsigned long bits = 0;

	begin(LOGGED);
	guest_writes(HERE);
	CHECK_EQ(-EFAULT, peek(NULL, &out));
	CHECK_EQ(-EFAULT, peek(&bits, NULL));
	CHECK_EQ(-ENOENT, end_epoch(true));
	CHECK_EQ(1, read_log());
	end();
}

/* What is left when a slot goes is what nobody has been told for good. */
static void the_last_bits_of_a_slot(void)
{
	struct slat_dirty_epoch out;
	struct slat_dirty *dirty;
	unsigned long bits = 0;

	begin(LOGGED);
	dirty = ((struct slat_slot *)mmu.by_id.entries[1])->dirty;
	refcount_inc(&dirty->refs);
	guest_writes(HERE);
	CHECK_EQ(0, peek(&bits, &out));
	guest_writes(HERE + 1);
	read_fault(HERE + 2);
	enter_second();
	CHECK_EQ(mmu_logs, hw_may_write(HERE + 2, &log_of_second));
	delete_slot();
	CHECK_EQ(mmu_logs ? 7 : 3, *slat_dirty_final(dirty));
	slat_dirty_put(dirty);
	end();
}

/* A slot moves, onto itself in part, while a CPU has logged where it was. */
static void a_slot_moves_with_what_is_logged(void)
{
	begin(LOGGED);
	read_fault(HERE);
	read_fault(HERE + PAGES - 1);
	enter_second();
	CHECK_EQ(mmu_logs, hw_may_write(HERE, &log_of_second));
	CHECK_EQ(mmu_logs, hw_may_write(HERE + PAGES - 1, &log_of_second));
	CHECK_EQ(0, set_region(HERE + PAGES / 2, USER, PAGES, LOGGED));
	if (mmu_logs)
		CHECK_EQ(1 | 1 << (PAGES - 1), read_log() & ~(1UL << (PAGES / 2 - 1)));
	end();
}

/* A page of the module's own writes; what is no slot's is nobody's. */
static void a_write_of_the_module_is_logged(void)
{
	begin(LOGGED);
	slat_mmu_mark_dirty(&mmu, HERE + 2);
	slat_mmu_mark_dirty(&mmu, THERE);
	CHECK_EQ(4, read_log());
	end();
}

/* From here on, with CPUs that do. */
static void cpus_log_what_they_write(void)
{
	mmu_logs = true;
	begin(LOGGED);
	CHECK(slat_mmu_logs(&mmu));
	end();
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(a_log_has_each_write_once),
		UNIT_CASE(a_log_begins_with_pages_that_are_mapped),
		UNIT_CASE(the_host_is_not_asked_again),
		UNIT_CASE(the_host_is_asked_for_what_it_had_read_only),
		UNIT_CASE(a_fault_finds_a_clean_leaf),
		UNIT_CASE(a_cpu_in_the_guest_is_asked),
		UNIT_CASE(all_leave_before_the_first_log),
		UNIT_CASE(a_log_is_kept_until_it_is_cleared),
		UNIT_CASE(clear_refuses),
		UNIT_CASE(a_log_may_begin_full),
		UNIT_CASE(an_epoch_is_committed),
		UNIT_CASE(an_epoch_is_aborted),
		UNIT_CASE(an_epoch_that_nobody_sees_does_not_begin),
		UNIT_CASE(the_last_bits_of_a_slot),
		UNIT_CASE(a_slot_moves_with_what_is_logged),
		UNIT_CASE(a_write_of_the_module_is_logged),
	};
	static const struct unit_case second_part = UNIT_CASE(cpus_log_what_they_write);
	struct unit_case all[2 * ARRAY_SIZE(cases) + 1];

	memcpy(all, cases, sizeof(cases));
	all[ARRAY_SIZE(cases)] = second_part;
	memcpy(all + ARRAY_SIZE(cases) + 1, cases, sizeof(cases));
	return unit_run(all, ARRAY_SIZE(all));
}
