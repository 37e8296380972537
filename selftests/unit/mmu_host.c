// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/sched/signal.h>

#include "compat/compat.h"
#include "mmu/slots.h"
#include "mmu_host.h"

#define FIRST_PFN	1000UL

struct unit_task unit_current;
struct slat_mmu mmu;
struct slat_walker walker, second;
unsigned long backing[USER_PAGES];
bool user_unmapped, user_absent, user_readonly;
bool mmu_logs;
unsigned int host_level;
u64 user_words[USER_PAGES];
bool (*unit_waits)(void);

static struct page pages[2 * USER_PAGES];
static unsigned long next_page;
static struct slat_pte_format logging;

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
	for (int i = 0; i < n; i++)
		page[i] = &pages[READ_ONCE(backing[(hva >> PAGE_SHIFT) + i])];
	unit_step();
	return user_unmapped || (user_readonly && flags & FOLL_WRITE) ? 0 : n;
}

long get_user_pages_unlocked(unsigned long hva, long n, struct page **page, unsigned int flags)
{
	return get_user_pages_fast_only(hva, n, flags, page) ?: -EFAULT;
}

/* Only first words of pages are anything. */
static u64 *user_word(unsigned long hva, unsigned long size)
{
	if (hva & ~PAGE_MASK || size != sizeof(u64))
		abort();
	return user_absent ? NULL : &user_words[hva >> PAGE_SHIFT];
}

unsigned long unit_copy_to_user(unsigned long to, const void *from, unsigned long size)
{
	u64 *word = user_word(to, size);

	if (!word)
		return size;
	WRITE_ONCE(*word, *(const u64 *)from);
	unit_step();
	return 0;
}

unsigned long unit_copy_from_user(void *to, unsigned long from, unsigned long size)
{
	u64 *word = user_word(from, size);

	if (!word)
		return size;
	*(u64 *)to = READ_ONCE(*word);
	return 0;
}

int unit_cmpxchg_user(unsigned long at, unsigned long old, unsigned long value)
{
	u64 expected = old, *word = user_word(at, sizeof(u64));

	return word ? !try_cmpxchg(word, &expected, value) : -EFAULT;
}

unsigned long unit_fault_in(unsigned long at, unsigned long size)
{
	unit_without_lock();
	unit_step();
	user_absent = user_unmapped;
	return user_unmapped ? size : 0;
}

/* What the owner has pinned. */
struct slat_final {
	u64 len;
	unsigned long *bits;
};

u64 slat_final_len(const struct slat_final *final)
{
	return final->len;
}

void slat_final_write(struct slat_final *final, const void *bits)
{
	const unsigned long *from = bits;

	for (u64 i = 0; i < final->len / sizeof(*from); i++)
		final->bits[i] = READ_ONCE(from[i]);
}

void send_sig_mceerr(int code, void *addr, short lsb, struct unit_task *task)
{
}

int slat_follow_pfn(struct mm_struct *mm, unsigned long hva, bool write, u64 *pfn,
		    bool *writable)
{
	return -EFAULT;
}

unsigned int slat_host_level(struct mm_struct *mm, unsigned long hva)
{
	return host_level;
}

/** mmu_begin() - memory without slots, two vCPUs that are OUTSIDE */
void mmu_begin(void (*kick)(int cpu))
{
	mmu = (struct slat_mmu) { .notifier.ops = &slat_mmu_notifier_ops };
	logging = format;
	logging.logs = true;
	if (slat_ptab_init(&mmu.ptab, mmu_logs ? &logging : &format, kick) ||
	    slat_ptab_get_root(&mmu.ptab))
		abort();
	mutex_init(&mmu.slots_lock);
	init_waitqueue_head(&mmu.opened);
	slat_slotmap_init(&mmu.by_gfn);
	xa_init(&mmu.by_id);
	INIT_LIST_HEAD(&mmu.rings);
	spin_lock_init(&mmu.backlog_lock);
	mmu.by_hva = RB_ROOT_CACHED;
	user_unmapped = false;
	user_readonly = false;
	host_level = 1;
	user_absent = false;
	unit_waits = NULL;
	memset(user_words, 0, sizeof(user_words));
	walker = (struct slat_walker) { .mmu = &mmu };
	second = walker;
	walker.actor = slat_actor_get(&mmu.ptab.epochs);
	second.actor = slat_actor_get(&mmu.ptab.epochs);
	for (unsigned long i = 0; i < USER_PAGES; i++)
		backing[i] = i;
	next_page = USER_PAGES;
}

/** mmu_end() - nothing of it remains; false: a slot does */
bool mmu_end(void)
{
	bool empty;

	slat_ptab_drain_cache(&mmu.ptab, &walker.cache);
	slat_ptab_drain_cache(&mmu.ptab, &second.cache);
	slat_mmu_drop_slots(&mmu);
	empty = !mmu.by_hva.first;
	slat_ptab_destroy(&mmu.ptab);
	return empty;
}

/** user_pfn() - the host page that a page of the owner's is in */
u64 user_pfn(unsigned long user)
{
	return FIRST_PFN + backing[user];
}

/** set_region() - slat_mmu_set_region() of slot 1, in pages */
int set_region(u64 gfn, unsigned long user, u64 size, u32 flags)
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

/** region_of() - a region, in pages */
struct slat_memory_region region_of(u32 slot, u64 gfn, unsigned long user, u64 size, u32 flags)
{
	return (struct slat_memory_region) {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gfn << PAGE_SHIFT,
		.memory_size = size << PAGE_SHIFT,
		.userspace_addr = user << PAGE_SHIFT,
	};
}

/** set_regions() - slat_mmu_set_regions(); @final: the last bits of the first, a word */
int set_regions(const struct slat_memory_region *regions, unsigned int count,
		unsigned long *final)
{
	struct slat_final first = { .len = sizeof(*final), .bits = final };
	struct slat_final *finals[UNIT_XARRAY] = { final ? &first : NULL };

	return slat_mmu_set_regions(&mmu, regions, finals, count);
}

static const struct mmu_notifier_range user_range = {
	.start = USER << PAGE_SHIFT,
	.end = (USER + PAGES) << PAGE_SHIFT,
};

/** invalidate_start() - what the owner has at USER begins to go away */
void invalidate_start(void)
{
	if (slat_mmu_notifier_ops.invalidate_range_start(&mmu.notifier, &user_range))
		abort();
}

/** invalidate_end() - the owner's page at USER is another one from here on */
void invalidate_end(void)
{
	xchg(&backing[USER], next_page++);
	slat_mmu_notifier_ops.invalidate_range_end(&mmu.notifier, &user_range);
}

/** hw_may_write() - what a CPU does before it writes to a page; false: it faults */
bool hw_may_write(u64 gfn, struct hw_log *log)
{
	unsigned int level;
	u64 pte, *entry = hw_entry(slat_table_pa(mmu.ptab.root), gfn, &pte, &level);

	while (slat_pte_access(&format, pte) & SLAT_ACCESS_WRITE) {
		if (pte & format.dirty)
			return true;
		if (!try_cmpxchg(entry, &pte, pte | format.dirty))
			continue;
		if (log->wanted)
			log->gpas[log->count++] = gfn << PAGE_SHIFT;
		return true;
	}
	return false;
}

/** hw_dirty() - whether it writes without saying so */
bool hw_dirty(u64 gfn)
{
	unsigned int level;

	return hw_walk(slat_table_pa(mmu.ptab.root), gfn, &level) & format.dirty;
}

/** hw_drain() - it leaves the guest: what it has logged is noted */
void hw_drain(struct slat_walker *self, struct hw_log *log)
{
	slat_mmu_note_writes(self, log->gpas, log->count);
	log->count = 0;
}
