// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults, slots, notifiers and dirty logs: what one of them does just where it
 * hurts another, in both orders.
 */
#include <stdlib.h>

#include <linux/bitmap.h>
#include <linux/sched/signal.h>

#include "compat/compat.h"
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
#define FIRST_PFN	1000UL

struct unit_task unit_current;

static struct slat_mmu mmu;
static struct slat_walker walker, second;	/* two vCPUs */
static int kicks;

/* Memory of the owner: which page each address has.  Each has been used once. */
static struct page pages[2 * USER_PAGES];
static unsigned long backing[USER_PAGES];
static unsigned long next_page;

static void kick(int cpu)
{
	unit_without_lock();
	kicks++;
	slat_actor_leave(second.actor);
}

unsigned long page_to_pfn(const struct page *page)
{
	return FIRST_PFN + (page - pages);
}

void put_page(struct page *page)
{
}

/* The page is found; what happens next is a matter of luck. */
int get_user_pages_fast_only(unsigned long hva, int n, unsigned int flags, struct page **page)
{
	*page = &pages[backing[hva >> PAGE_SHIFT]];
	unit_step();
	return 1;
}

long get_user_pages_unlocked(unsigned long hva, long n, struct page **page, unsigned int flags)
{
	return get_user_pages_fast_only(hva, n, flags, page);
}

void send_sig_mceerr(int code, void *addr, short lsb, struct unit_task *task)
{
}

int slat_follow_pfn(struct mm_struct *mm, unsigned long hva, bool write, u64 *pfn,
		    bool *writable)
{
	return -1;
}

unsigned int slat_host_level(struct mm_struct *mm, unsigned long hva)
{
	return 1;
}

static void begin(void)
{
	unsigned long i;

	mmu = (struct slat_mmu) { .notifier.ops = &slat_mmu_notifier_ops };
	kicks = 0;
	CHECK_EQ(0, slat_ptab_init(&mmu.ptab, &format, kick));
	CHECK_EQ(0, slat_ptab_get_root(&mmu.ptab));
	mutex_init(&mmu.slots_lock);
	mt_init_flags(&mmu.by_gfn, 0);
	xa_init(&mmu.by_id);
	mmu.by_hva = RB_ROOT_CACHED;
	walker = (struct slat_walker) { .mmu = &mmu };
	second = walker;
	walker.actor = slat_actor_get(&mmu.ptab.epochs);
	second.actor = slat_actor_get(&mmu.ptab.epochs);
	for (i = 0; i < USER_PAGES; i++)
		backing[i] = i;
	next_page = USER_PAGES;
}

static void end(void)
{
	slat_ptab_drain_cache(&mmu.ptab, &walker.cache);
	slat_ptab_drain_cache(&mmu.ptab, &second.cache);
	slat_mmu_drop_slots(&mmu);
	CHECK(!mmu.by_hva.first);
	slat_ptab_destroy(&mmu.ptab);
}

static int set_region(u64 gfn, unsigned long user, u64 size, u32 flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1,
		.flags = flags,
		.guest_phys_addr = gfn << PAGE_SHIFT,
		.memory_size = size << PAGE_SHIFT,
		.userspace_addr = user << PAGE_SHIFT,
	};

	return slat_mmu_set_region(&mmu, &region);
}

static void fault(struct slat_walker *self, u64 gfn)
{
	CHECK_EQ(0, slat_mmu_fault(self, gfn << PAGE_SHIFT, RW));
}

/* The page a guest frame is mapped to, 0: to none; the access it has. */
static u64 mapped(u64 gfn, u32 *access)
{
	unsigned int level;
	u64 pte = hw_walk(slat_table_pa(mmu.ptab.root), gfn, &level);

	*access = slat_pte_access(&format, pte);
	return *access ? hw_pfn(pte, gfn, level) : 0;
}

static u64 mapped_pfn(u64 gfn)
{
	u32 access;

	return mapped(gfn, &access);
}

static struct mmu_notifier_range user_range = {
	.start = USER << PAGE_SHIFT,
	.end = (USER + PAGES) << PAGE_SHIFT,
};

static void invalidate_start(void)
{
	CHECK_EQ(0, slat_mmu_notifier_ops.invalidate_range_start(&mmu.notifier, &user_range));
}

/* The owner's first page is another one from here on. */
static void invalidate_end(void)
{
	backing[USER] = next_page++;
	slat_mmu_notifier_ops.invalidate_range_end(&mmu.notifier, &user_range);
}

static void take_memory(void)
{
	invalidate_start();
	invalidate_end();
}

static void check_maps_what_there_is(u64 gfn)
{
	fault(&walker, gfn);
	CHECK_EQ(FIRST_PFN + backing[USER], mapped_pfn(gfn));
}

static void delete_slot(void)
{
	CHECK_EQ(0, set_region(HERE, USER, 0, 0));
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
	CHECK_EQ(FIRST_PFN + OTHER, mapped_pfn(HERE));
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
	CHECK_EQ(FIRST_PFN + USER, mapped_pfn(new_gfn));
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
	CHECK_EQ(FIRST_PFN + USER, mapped_pfn(HERE));
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
		UNIT_CASE(i4_a_slot_is_deleted_after_an_install),
		UNIT_CASE(i4_a_slot_is_replaced_during_a_lookup),
		UNIT_CASE(i4_memory_goes_during_a_lookup),
		UNIT_CASE(i4_memory_goes_before_the_section),
		UNIT_CASE(i4_memory_goes_after_an_install),
		UNIT_CASE(i4_a_slot_comes_while_its_memory_goes),
		UNIT_CASE(i4_memory_goes_while_its_slot_comes),
		UNIT_CASE(i4_memory_goes_while_its_slot_moves),
		UNIT_CASE(i3_memory_goes_while_its_slot_goes),
		UNIT_CASE(i3_memory_goes_after_its_slot),
		UNIT_CASE(n4_a_page_ages),
		UNIT_CASE(i11_a_log_is_read_during_a_lookup),
		UNIT_CASE(i11_a_log_is_read_after_an_install),
		UNIT_CASE(i11_a_page_is_written_while_its_log_is_read),
		UNIT_CASE(i11_a_log_begins_during_a_lookup),
		UNIT_CASE(i11_a_log_begins_after_an_install),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
