// SPDX-License-Identifier: GPL-2.0-only
/*
 * The translation engine, one thread at a time: what it installs, removes,
 * counts, and when it lets go of tables.
 */
#include "mmu/inval.h"
#include "ptab_host.h"
#include "unit.h"

#define RW	(SLAT_ACCESS_READ | SLAT_ACCESS_WRITE | SLAT_ACCESS_EXEC)
#define RO	(SLAT_ACCESS_READ | SLAT_ACCESS_EXEC)
#define ALL	(BIT_ULL(36) - 1)

static struct slat_ptab ptab;
static struct slat_cache cache;
static struct slat_actor *actor;
static int kicks;
static int flushes;

static void kick(int cpu)
{
	unit_without_lock();
	kicks++;
}

static void flush(u64 root)
{
	unit_without_lock();
	flushes++;
}

static u64 counted(enum slat_stat stat)
{
	return slat_stat_read(ptab.stats, stat);
}

static u64 live(void)
{
	return counted(SLAT_STAT_TABLES_ALLOCATED) - counted(SLAT_STAT_TABLES_FREED) -
	       ptab.unlinked_count - cache.count - !!ptab.spare;
}

static void begin(void)
{
	kicks = 0;
	flushes = 0;
	cache = (struct slat_cache) { };
	CHECK_EQ(0, slat_ptab_init(&ptab, &format, kick));
	CHECK_EQ(0, slat_ptab_get_root(&ptab));
	actor = slat_actor_get(&ptab.epochs);
}

/* Every table that was allocated is freed again (I8, I9). */
static void end(void)
{
	u64 *count = ptab.stats->count;
	u64 allocated;

	slat_actor_put(actor);
	slat_ptab_drain_cache(&ptab, &cache);
	allocated = counted(SLAT_STAT_TABLES_ALLOCATED);

	/* Its counters go as well: count what it is about to free first. */
	slat_ptab_clear(&ptab);
	CHECK_EQ(allocated, count[SLAT_STAT_TABLES_FREED]);
	CHECK_EQ(0, ptab.unlinked_count);
	slat_ptab_destroy(&ptab);
}

/* In a section, MEANWHILE happens before the first change of an entry. */
static enum slat_install install_while(void (*meanwhile)(void), u64 gfn, u64 pfn,
				       unsigned int level, u32 access)
{
	enum slat_install result;

	slat_actor_host_begin(actor);
	unit_meanwhile = meanwhile;
	result = slat_ptab_install(&ptab, &cache, gfn, pfn, level, access, true);
	slat_actor_host_end(actor);
	return result;
}

static enum slat_install install(u64 gfn, u64 pfn, unsigned int level, u32 access)
{
	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &cache));
	return install_while(NULL, gfn, pfn, level, access);
}

static u64 leaf(u64 gfn, unsigned int *level)
{
	return hw_walk(slat_table_pa(ptab.root), gfn, level);
}

/* The access a frame has, if it is mapped to this page by a leaf of this level. */
static u32 mapped(u64 gfn, u64 pfn, unsigned int level)
{
	unsigned int at;
	u64 pte = leaf(gfn, &at);

	if (!slat_pte_present(&format, pte))
		return 0;
	CHECK_EQ(level, at);
	CHECK_EQ(pfn, hw_pfn(pte, gfn, at));
	return slat_pte_access(&format, pte);
}

static void unlink_range(u64 first, u64 last)
{
	struct slat_batch batch;

	slat_batch_begin(&batch, &ptab);
	CHECK_EQ(last + 1, slat_ptab_unlink(&batch, first, last, ULONG_MAX));
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
}

static void leaves_of_each_size(void)
{
	begin();
	CHECK_EQ(SLAT_INSTALLED, install(5, 1005, 1, RW));
	CHECK_EQ(SLAT_INSTALLED, install(512 + 7, 2048 + 7, 2, RW));
	CHECK_EQ(SLAT_INSTALLED, install(BIT(18) + 9, BIT(19) + 9, 3, RO));
	CHECK_EQ(RW, mapped(5, 1005, 1));
	CHECK_EQ(0, mapped(6, 0, 1));
	CHECK_EQ(RW, mapped(512, 2048, 2));
	CHECK_EQ(RW, mapped(1023, 2048 + 511, 2));
	CHECK_EQ(RO, mapped(BIT(18) + 1000, BIT(19) + 1000, 3));
	end();
}

static void present_means_nothing_to_do(void)
{
	begin();
	install(5, 1005, 1, RW);
	CHECK_EQ(SLAT_PRESENT, install(5, 1005, 1, RW));
	CHECK_EQ(SLAT_PRESENT, install(5, 1005, 1, RO));
	install(512, 2048, 2, RW);
	CHECK_EQ(SLAT_PRESENT, install(513, 2049, 1, RW));
	CHECK_EQ(2, counted(SLAT_STAT_INSTALLS));
	end();
}

static void rights_are_added(void)
{
	begin();
	install(5, 1005, 1, SLAT_ACCESS_READ);
	CHECK_EQ(SLAT_INSTALLED, install(5, 1005, 1, SLAT_ACCESS_READ | SLAT_ACCESS_WRITE));
	CHECK_EQ(SLAT_ACCESS_READ | SLAT_ACCESS_WRITE, mapped(5, 1005, 1));
	CHECK_EQ(SLAT_INSTALLED, install(5, 1005, 1, RO));
	CHECK_EQ(RW, mapped(5, 1005, 1));
	end();
}

static void another_page_is_a_conflict(void)
{
	begin();
	install(5, 1005, 1, RW);
	CHECK_EQ(SLAT_CONFLICT, install(5, 1006, 1, RW));
	install(512, 2048, 2, RW);
	CHECK_EQ(SLAT_CONFLICT, install(512, 4096, 2, RW));
	CHECK_EQ(SLAT_CONFLICT, install(512, 4096, 1, RW));
	CHECK_EQ(RW, mapped(5, 1005, 1));
	end();
}

static void a_small_leaf_splits_a_large_one(void)
{
	begin();
	install(BIT(18), BIT(18), 3, RO);
	CHECK_EQ(SLAT_INSTALLED, install(BIT(18) + 513, BIT(18) + 513, 1, RW));
	CHECK_EQ(RW, mapped(BIT(18) + 513, BIT(18) + 513, 1));
	CHECK_EQ(RO, mapped(BIT(18) + 514, BIT(18) + 514, 1));
	CHECK_EQ(RO, mapped(BIT(18) + 5, BIT(18) + 5, 2));
	CHECK_EQ(2, counted(SLAT_STAT_SPLITS));
	end();
}

static void a_large_leaf_stays_below_a_table(void)
{
	begin();
	install(512, 2048, 1, RW);
	CHECK_EQ(SLAT_INSTALLED, install(513, 2049, 2, RW));
	CHECK_EQ(RW, mapped(513, 2049, 1));
	CHECK_EQ(0, mapped(514, 0, 1));
	end();
}

static void ranges_are_unlinked(void)
{
	u64 gfn;

	begin();
	for (gfn = 0; gfn < 2048; gfn++)
		install(gfn, gfn + 4096, 1, RW);
	unlink_range(500, 1600);
	for (gfn = 0; gfn < 2048; gfn++)
		CHECK_EQ(gfn < 500 || gfn > 1600 ? RW : 0, mapped(gfn, gfn + 4096, 1));
	/* The tables of 512 to 1535 went whole. */
	CHECK_EQ(2, ptab.unlinked_count);
	end();
}

static void a_leaf_covered_in_part_goes_whole(void)
{
	begin();
	install(512, 2048, 2, RW);
	install(1024, 4096, 2, RW);
	unlink_range(1023, 1023);
	CHECK_EQ(0, mapped(512, 0, 2));
	CHECK_EQ(RW, mapped(1024, 4096, 2));
	end();
}

static void a_budget_is_kept_and_resumed(void)
{
	u64 next = 0, gfn;
	int batches = 0;

	begin();
	for (gfn = 1; gfn < 4000; gfn++)
		install(gfn, gfn + 4096, 1, RW);
	while (next <= 3998) {
		struct slat_batch batch;

		slat_batch_begin(&batch, &ptab);
		next = slat_ptab_unlink(&batch, next ?: 1, 3998, 64);
		slat_batch_seal(&batch);
		slat_batch_commit(&batch);
		batches++;
	}
	CHECK(batches > 10);
	for (gfn = 1; gfn < 4000; gfn++)
		CHECK_EQ(gfn == 3999 ? RW : 0, mapped(gfn, gfn + 4096, 1));
	end();
}

static void leaves_are_write_protected(void)
{
	struct slat_batch batch;

	begin();
	install(511, 1023, 1, RW);
	install(512, 2048, 2, RW);
	install(1024, 4096, 1, RO);
	slat_batch_begin(&batch, &ptab);
	CHECK_EQ(1025, slat_ptab_clean(&batch, 512, 1024, ULONG_MAX));
	slat_batch_seal(&batch);
	CHECK(batch.narrowed);
	CHECK_EQ(RW, mapped(511, 1023, 1));
	CHECK_EQ(RO, mapped(512, 2048, 2));
	CHECK_EQ(RO, mapped(1024, 4096, 1));

	slat_batch_begin(&batch, &ptab);
	slat_ptab_clean(&batch, 512, 1024, ULONG_MAX);
	slat_batch_seal(&batch);
	CHECK(!batch.narrowed);
	end();
}

static void clean_bits(u64 gfn, const unsigned long *bits, unsigned long words)
{
	struct slat_batch batch;

	slat_batch_begin(&batch, &ptab);
	slat_ptab_clean_bits(&batch, gfn, bits, words);
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
}

static bool is_dirty(u64 gfn)
{
	unsigned int level;

	return hw_walk(slat_table_pa(ptab.root), gfn, &level) & format.dirty;
}

/* Those of a bitmap, in more than one table and where there is none. */
static void pages_of_a_bitmap_are_cleaned(void)
{
	const unsigned long bits[] = { 1 | 1UL << 3, 0, 1 | 1UL << 63, ~0UL };
	u64 gfn;

	begin();
	for (gfn = 400; gfn < 600; gfn++)
		install(gfn, gfn + 4096, 1, RW);
	clean_bits(400, bits, 4);
	for (gfn = 400; gfn < 600; gfn++) {
		bool clean = bits[(gfn - 400) / 64] >> (gfn - 400) % 64 & 1;

		CHECK_EQ(clean ? RO : RW, mapped(gfn, gfn + 4096, 1));
		CHECK_EQ(!clean, is_dirty(gfn));
	}
	clean_bits(1 << 18, bits, 4);
	end();
}

/* A mark for each page, or no right to write to any of a huge leaf. */
static void leaves_are_cleaned_for_a_cpu_that_logs(void)
{
	struct slat_pte_format logging = format;
	const unsigned long bits[] = { 2 };
	struct slat_batch batch;

	begin();
	logging.logs = true;
	ptab.format = &logging;
	install(510, 1022, 1, RW);
	install(511, 1023, 1, SLAT_ACCESS_READ | SLAT_ACCESS_WRITE);
	install(512, 2048, 2, RW);
	clean_bits(510, bits, 1);
	CHECK(!is_dirty(511));
	CHECK(is_dirty(510));
	/* More rights do not make it dirty; it is the CPU's to log. */
	install(510, 1022, 1, RW);
	install(511, 1023, 1, RW);
	CHECK_EQ(RW, mapped(511, 1023, 1));
	CHECK(!is_dirty(511));
	clean_bits(513, bits, 1);
	CHECK_EQ(RO, mapped(512, 2048, 2));
	slat_batch_begin(&batch, &ptab);
	slat_ptab_clean(&batch, 0, 511, ULONG_MAX);
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
	CHECK_EQ(RW, mapped(510, 1022, 1));
	CHECK(!is_dirty(510));
	end();
}

static u64 split(u64 first, u64 last, unsigned long budget)
{
	u64 next;

	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &cache));
	spin_lock(&ptab.lock);
	next = slat_ptab_split(&ptab, &cache, first, last, budget);
	spin_unlock(&ptab.lock);
	return next;
}

/* What was huge is small, and maps the same; as far as there are tables in hand. */
static void huge_leaves_are_split_ahead(void)
{
	u64 next, gfn;
	int calls = 0;

	begin();
	install(1 << 18, 1 << 19, 3, RW);
	install(512, 2048, 2, RO);
	for (next = 0; next < (2 << 18); calls++)
		next = split(next, (2 << 18) - 1, 64);
	CHECK(calls > 100);
	CHECK_EQ(514, counted(SLAT_STAT_SPLITS));
	for (gfn = 0; gfn < 512; gfn++) {
		CHECK_EQ(RO, mapped(512 + gfn, 2048 + gfn, 1));
		CHECK_EQ(RW, mapped((1 << 18) + gfn * 511, (1 << 19) + gfn * 511, 1));
	}
	CHECK_EQ(BIT_ULL(36), split(0, ALL, ULONG_MAX));
	CHECK_EQ(514, counted(SLAT_STAT_SPLITS));
	end();
}

static bool age(u64 first, u64 last, bool clear)
{
	bool used;

	spin_lock(&ptab.lock);
	used = slat_ptab_age(&ptab, first, last, clear);
	spin_unlock(&ptab.lock);
	return used;
}

static void age_tells_and_forgets(void)
{
	begin();
	install(512, 2048, 2, RW);
	CHECK(age(0, 600, false));
	CHECK(age(513, 513, true));
	CHECK(!age(0, ALL, true));
	CHECK_EQ(RW, mapped(512, 2048, 2));
	end();
}

static void i6_dropping_all_writes_one_entry(void)
{
	struct slat_batch batch;
	struct slat_table *root;
	unsigned int level;
	u64 gfn;

	begin();
	for (gfn = 0; gfn < 4096; gfn++)
		install(gfn << 9, gfn << 9, 1, RW);
	root = ptab.root;
	slat_batch_begin(&batch, &ptab);
	slat_ptab_drop_root(&batch);
	CHECK(!ptab.root);
	CHECK_EQ(1, batch.count);
	slat_batch_seal(&batch);
	CHECK_EQ(1, ptab.unlinked_count);
	CHECK_EQ(1, ptab.generation);
	/* Nothing below the root has changed. */
	for (gfn = 0; gfn < 4096; gfn++)
		CHECK(hw_walk(slat_table_pa(root), gfn << 9, &level));
	CHECK_EQ(SLAT_NO_ROOT, install(1, 1, 1, RW));
	end();
}

/* A table is live, in the caller's hands, unlinked, or free. */
static void i8_counters_balance(void)
{
	u64 gfn;

	begin();
	for (gfn = 0; gfn < 64; gfn++)
		install(gfn << 18, gfn, 1, RW);
	CHECK_EQ(1 + 1 + 64 + 64, live());
	unlink_range(0, slat_level_mask(LEVELS));
	/* Unlinked whole at the highest level, they count as live until popped. */
	CHECK_EQ(1, ptab.unlinked_count);
	slat_ptab_reclaim(&ptab, 1);
	CHECK_EQ(64, ptab.unlinked_count);
	slat_ptab_reclaim(&ptab, ULONG_MAX);
	CHECK_EQ(0, ptab.unlinked_count);
	CHECK_EQ(1, live());
	end();
}

static void i1_a_table_waits_for_who_is_inside(void)
{
	struct slat_actor *other;
	struct slat_batch batch;
	u64 root;

	begin();
	other = slat_actor_get(&ptab.epochs);
	install(5, 1005, 1, RW);
	CHECK(slat_ptab_enter(&ptab, other, flush, &root));

	slat_batch_begin(&batch, &ptab);
	slat_ptab_unlink(&batch, 0, ALL, ULONG_MAX);
	slat_batch_seal(&batch);
	CHECK(!slat_epochs_poll(&ptab.epochs, batch.epoch));
	CHECK(!slat_ptab_reuse(&ptab));

	/* At the new epoch it holds nothing of before, though it is inside. */
	slat_actor_leave(other);
	CHECK(slat_ptab_enter(&ptab, other, flush, &root));
	CHECK(slat_epochs_poll(&ptab.epochs, batch.epoch));
	slat_cache_put(&cache, slat_ptab_reuse(&ptab));
	slat_actor_leave(other);
	slat_actor_put(other);
	end();
}

static void i1_a_table_waits_for_a_host_section(void)
{
	struct slat_actor *other;
	struct slat_batch batch;

	begin();
	other = slat_actor_get(&ptab.epochs);
	install(5, 1005, 1, RW);
	slat_actor_host_begin(other);
	slat_batch_begin(&batch, &ptab);
	slat_ptab_unlink(&batch, 0, ALL, ULONG_MAX);
	slat_batch_seal(&batch);
	CHECK(!slat_epochs_poll(&ptab.epochs, batch.epoch));
	CHECK_EQ(0, kicks);
	CHECK(!slat_ptab_reuse(&ptab));
	slat_actor_host_end(other);
	CHECK(slat_epochs_poll(&ptab.epochs, batch.epoch));
	slat_actor_put(other);
	end();
}

/* Rule 4: who finds nothing waits for who found it first. */
static void i3_an_empty_batch_waits_for_an_earlier_one(void)
{
	struct slat_actor *other;
	struct slat_batch first, second;
	u64 root;

	begin();
	other = slat_actor_get(&ptab.epochs);
	install(5, 1005, 1, RW);
	CHECK(slat_ptab_enter(&ptab, other, flush, &root));
	slat_batch_begin(&first, &ptab);
	slat_ptab_unlink(&first, 0, ALL, ULONG_MAX);
	slat_batch_seal(&first);

	slat_batch_begin(&second, &ptab);
	slat_ptab_unlink(&second, 0, ALL, ULONG_MAX);
	slat_batch_seal(&second);
	CHECK(!second.narrowed);
	CHECK_EQ(first.epoch, second.epoch);
	CHECK(!slat_epochs_poll(&ptab.epochs, second.epoch));
	slat_actor_leave(other);
	slat_actor_put(other);
	end();
}

static void i2_nobody_inside_nobody_kicked(void)
{
	begin();
	install(5, 1005, 1, RW);
	unlink_range(0, ALL);
	CHECK_EQ(0, kicks);
	CHECK_EQ(0, counted(SLAT_STAT_IPIS_SENT));
	CHECK_EQ(0, counted(SLAT_STAT_WAITS));
	end();
}

static void an_entry_costs_one_ipi(void)
{
	struct slat_actor *other;
	struct slat_batch batch;
	u64 root;
	int i;

	begin();
	other = slat_actor_get(&ptab.epochs);
	CHECK(slat_ptab_enter(&ptab, other, flush, &root));
	for (i = 0; i < 3; i++) {
		install(5, 1005, 1, RW);
		slat_batch_begin(&batch, &ptab);
		slat_ptab_unlink(&batch, 0, ALL, ULONG_MAX);
		slat_batch_seal(&batch);
		CHECK(!slat_epochs_poll(&ptab.epochs, batch.epoch));
	}
	CHECK_EQ(1, kicks);
	CHECK_EQ(2, counted(SLAT_STAT_IPIS_SAVED));
	slat_actor_leave(other);
	slat_actor_put(other);
	end();
}

static void a_tlb_is_flushed_once_an_epoch(void)
{
	u64 root;

	begin();
	CHECK(slat_ptab_enter(&ptab, actor, flush, &root));
	CHECK_EQ(1, flushes);
	slat_actor_leave(actor);
	CHECK(slat_ptab_enter(&ptab, actor, flush, &root));
	CHECK_EQ(1, flushes);
	slat_actor_leave(actor);
	install(5, 1005, 1, RW);
	unlink_range(0, ALL);
	CHECK(slat_ptab_enter(&ptab, actor, flush, &root));
	CHECK_EQ(2, flushes);
	slat_actor_leave(actor);
	unit_cpu = 1;
	CHECK(slat_ptab_enter(&ptab, actor, flush, &root));
	CHECK_EQ(3, flushes);
	slat_actor_leave(actor);
	unit_cpu = 0;
	end();
}

static void no_root_no_entry(void)
{
	struct slat_batch batch;
	u64 root;

	begin();
	slat_batch_begin(&batch, &ptab);
	slat_ptab_drop_root(&batch);
	slat_batch_seal(&batch);
	CHECK(!slat_ptab_enter(&ptab, actor, flush, &root));
	CHECK(slat_epochs_poll(&ptab.epochs, batch.epoch));
	CHECK_EQ(0, slat_ptab_get_root(&ptab));
	CHECK(slat_ptab_enter(&ptab, actor, flush, &root));
	CHECK_EQ(1, flushes);
	slat_actor_leave(actor);
	end();
}

static void actors_are_used_again(void)
{
	struct slat_actor *other, *third;

	begin();
	other = slat_actor_get(&ptab.epochs);
	CHECK(other != actor);
	slat_actor_put(other);
	third = slat_actor_get(&ptab.epochs);
	CHECK(other == third);
	slat_actor_put(third);
	end();
}

/*
 * Interleavings: what another CPU does just before this one's next atomic
 * change.
 */
static struct slat_batch other_batch;

static void meanwhile_unlink(void)
{
	slat_batch_begin(&other_batch, &ptab);
	slat_ptab_unlink(&other_batch, 0, ALL, ULONG_MAX);
	slat_batch_seal(&other_batch);
}

/* Nobody is inside yet: the mutator goes on, and it is the entry that flushes. */
static void meanwhile_unlink_and_pass_by(void)
{
	meanwhile_unlink();
	CHECK(slat_epochs_poll(&ptab.epochs, other_batch.epoch));
}

static void a_removal_before_the_word_is_flushed(void)
{
	u64 root;

	begin();
	install(5, 1005, 1, RW);
	CHECK(slat_ptab_enter(&ptab, actor, flush, &root));
	slat_actor_leave(actor);
	unit_meanwhile = meanwhile_unlink_and_pass_by;
	CHECK(slat_ptab_enter(&ptab, actor, flush, &root));
	CHECK_EQ(2, flushes);
	CHECK_EQ(0, kicks);
	slat_actor_leave(actor);
	end();
}

static void flush_while_unlinking(u64 root)
{
	flushes++;
	meanwhile_unlink();
}

static void a_removal_during_the_flush_counts_as_unseen(void)
{
	u64 root;

	begin();
	install(5, 1005, 1, RW);
	CHECK(slat_ptab_enter(&ptab, actor, flush_while_unlinking, &root));
	CHECK(!slat_epochs_poll(&ptab.epochs, other_batch.epoch));
	CHECK_EQ(1, kicks);
	slat_actor_leave(actor);
	CHECK(slat_ptab_enter(&ptab, actor, flush, &root));
	CHECK_EQ(2, flushes);
	CHECK(slat_epochs_poll(&ptab.epochs, other_batch.epoch));
	slat_actor_leave(actor);
	end();
}

static void a_late_install_goes_with_its_subtree(void)
{
	begin();
	install(5, 1005, 1, RW);
	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &cache));
	slat_actor_host_begin(actor);
	unit_meanwhile = meanwhile_unlink;
	CHECK_EQ(SLAT_INSTALLED,
		 slat_ptab_install(&ptab, &cache, 6, 1006, 1, RW, true));
	CHECK(!slat_epochs_poll(&ptab.epochs, other_batch.epoch));
	slat_actor_host_end(actor);
	CHECK(slat_epochs_poll(&ptab.epochs, other_batch.epoch));
	CHECK_EQ(0, mapped(6, 0, 1));
	end();
}

/* A second vCPU faults on the same frame. */
static void meanwhile_install(void)
{
	struct slat_actor *other = slat_actor_get(&ptab.epochs);
	struct slat_cache others = { };

	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &others));
	slat_actor_host_begin(other);
	CHECK_EQ(SLAT_INSTALLED,
		 slat_ptab_install(&ptab, &others, 5, 1005, 1, RW, true));
	slat_actor_host_end(other);
	slat_ptab_drain_cache(&ptab, &others);
	slat_actor_put(other);
}

static void the_second_of_two_faults_loses(void)
{
	begin();
	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &cache));
	CHECK_EQ(SLAT_PRESENT, install_while(meanwhile_install, 5, 1005, 1, RW));
	CHECK_EQ(1, counted(SLAT_STAT_CMPXCHG_LOST));
	CHECK_EQ(LEVELS, cache.count);
	CHECK_EQ(RW, mapped(5, 1005, 1));
	CHECK_EQ(LEVELS, live());
	end();
}

static void meanwhile_widen(void)
{
	struct slat_cache others = { };

	CHECK_EQ(SLAT_INSTALLED,
		 slat_ptab_install(&ptab, &others, 512, 2048, 2, RW, true));
}

/* Rights that a huge leaf gets while it is split are not lost. */
static void a_split_that_loses_is_made_again(void)
{
	u64 want = SLAT_ACCESS_READ | SLAT_ACCESS_WRITE;

	begin();
	install(512, 2048, 2, SLAT_ACCESS_READ);
	CHECK_EQ(SLAT_PRESENT, install_while(meanwhile_widen, 513, 2049, 1, want));
	CHECK_EQ(1, counted(SLAT_STAT_CMPXCHG_LOST));
	CHECK_EQ(0, counted(SLAT_STAT_SPLITS));
	CHECK_EQ(RW, mapped(513, 2049, 2));

	/* What the lost table was filled with is gone: it maps nothing below. */
	CHECK_EQ(SLAT_INSTALLED, install_while(NULL, 1024, 4096, 1, RW));
	CHECK_EQ(0, mapped(1025, 0, 1));
	end();
}

static void write_protect(u64 first, u64 last)
{
	struct slat_batch batch;

	slat_batch_begin(&batch, &ptab);
	slat_ptab_clean(&batch, first, last, ULONG_MAX);
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
}

/* The CPU notes that it uses the leaf. */
static void meanwhile_use(void)
{
	unsigned int level;
	u64 pte, *entry = hw_entry(slat_table_pa(ptab.root), 5, &pte, &level);

	CHECK(try_cmpxchg(entry, &pte, pte | format.accessed));
}

static void a_leaf_that_is_used_is_protected(void)
{
	begin();
	install(5, 1005, 1, RW);
	CHECK(age(5, 5, true));
	unit_meanwhile = meanwhile_use;
	write_protect(0, ALL);
	CHECK_EQ(RO, mapped(5, 1005, 1));
	CHECK(age(5, 5, false));
	end();
}

static void meanwhile_split(void)
{
	slat_ptab_install(&ptab, &cache, 513, 2049, 1, RW, true);
}

/* A fault splits the leaf for rights that the whole does not have. */
static void a_leaf_that_is_split_is_protected(void)
{
	u64 gfn;

	begin();
	install(512, 2048, 2, SLAT_ACCESS_READ | SLAT_ACCESS_WRITE);
	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &cache));
	unit_meanwhile = meanwhile_split;
	write_protect(0, ALL);
	CHECK_EQ(1, counted(SLAT_STAT_SPLITS));
	for (gfn = 512; gfn < 1024; gfn++)
		CHECK(!(mapped(gfn, 2048 + gfn - 512, 1) & SLAT_ACCESS_WRITE));
	end();
}

/* A page in each of so many tables of 2 MiB, from one on. */
#define RUN		128
#define RUN_FIRST	(64ULL << 9)
#define RUN_LAST	(RUN_FIRST + (RUN << 9) - 1)

static void install_run(u64 first, u64 last)
{
	u64 gfn;

	for (gfn = first; gfn <= last; gfn += 512)
		CHECK_EQ(SLAT_INSTALLED, install(gfn, gfn, 1, RW));
}

static void check_run(u64 first, u64 last, u32 access)
{
	u64 gfn;

	for (gfn = first; gfn <= last; gfn += 512)
		CHECK_EQ(access, mapped(gfn, gfn, 1));
}

/* S3, I8: those that go take one place in the list, and those beside them stay. */
static void tables_beside_one_another_go_as_one(void)
{
	begin();
	install_run(0, (512 << 9) - 1);
	CHECK_EQ(1 + 1 + 1 + 512, live());
	unlink_range(RUN_FIRST, RUN_LAST);
	check_run(0, RUN_FIRST - 1, RW);
	check_run(RUN_FIRST, RUN_LAST, 0);
	check_run(RUN_LAST + 1, (512 << 9) - 1, RW);
	CHECK(!ptab.spare);
	CHECK_EQ(1, ptab.unlinked_count);
	slat_ptab_reclaim(&ptab, 1);
	CHECK_EQ(RUN, ptab.unlinked_count);
	slat_ptab_reclaim(&ptab, ULONG_MAX);
	CHECK_EQ(1 + 1 + 1 + 512 - RUN, live());
	end();
}

/* Without a spare table the same is removed, one by one. */
static void tables_go_one_by_one_without_a_spare(void)
{
	begin();
	install_run(0, (512 << 9) - 1);
	unlink_range(RUN_FIRST, RUN_LAST);
	unlink_range(RUN_LAST + 1, RUN_LAST + (RUN << 9));
	check_run(RUN_FIRST, RUN_LAST + (RUN << 9), 0);
	check_run(RUN_LAST + (RUN << 9) + 1, (512 << 9) - 1, RW);
	CHECK_EQ(1 + RUN, ptab.unlinked_count);
	end();
}

/* It is for many: few are as cheap without, and leaves are nobody's tables. */
static void few_tables_leave_the_spare(void)
{
	u64 gfn, now;

	begin();
	install_run(0, (15 << 9) - 1);
	unlink_range(0, (15 << 9) - 1);
	CHECK(ptab.spare);
	CHECK_EQ(15, ptab.unlinked_count);
	for (gfn = 0; gfn < 512; gfn++)
		install(gfn, gfn, 1, RW);
	now = slat_epochs_now(&ptab.epochs);
	unlink_range(1, 511);
	CHECK_EQ(now + 1, slat_epochs_now(&ptab.epochs));
	CHECK(ptab.spare);
	CHECK_EQ(RW, mapped(0, 0, 1));
	for (gfn = 1; gfn < 512; gfn++)
		CHECK_EQ(0, mapped(gfn, 0, 1));
	end();
}

/* M9: the spare comes out of the debt, for who needs tables anyway. */
static void a_spare_comes_back(void)
{
	u64 allocated;
	int i;

	begin();
	install_run(0, RUN_LAST);
	allocated = counted(SLAT_STAT_TABLES_ALLOCATED);
	for (i = 0; i < 5; i++) {
		CHECK(ptab.spare);
		unlink_range(RUN_FIRST, RUN_LAST);
		CHECK(!ptab.spare);
		install_run(RUN_FIRST, RUN_LAST);
	}
	CHECK(counted(SLAT_STAT_TABLES_ALLOCATED) <= allocated + 1);
	check_run(0, RUN_LAST, RW);
	end();
}

/* I1: what was moved waits like what was not. */
static void moved_tables_wait_for_who_is_inside(void)
{
	struct slat_actor *other;
	struct slat_batch batch;
	u64 root;

	begin();
	install_run(RUN_FIRST, RUN_LAST);
	other = slat_actor_get(&ptab.epochs);
	CHECK(slat_ptab_enter(&ptab, other, flush, &root));
	slat_batch_begin(&batch, &ptab);
	slat_ptab_unlink(&batch, RUN_FIRST, RUN_LAST, ULONG_MAX);
	slat_batch_seal(&batch);
	CHECK_EQ(1, batch.count);
	CHECK(!slat_epochs_poll(&ptab.epochs, batch.epoch));
	CHECK(!slat_ptab_reuse(&ptab));
	slat_actor_leave(other);
	slat_batch_commit(&batch);
	slat_ptab_reclaim(&ptab, 1);
	CHECK_EQ(RUN, ptab.unlinked_count);
	slat_actor_put(other);
	end();
}

/* A fault splits a leaf between its neighbours: its table goes with them. */
static void a_leaf_is_split_while_it_is_moved(void)
{
	begin();
	install(512, 2048, 2, SLAT_ACCESS_READ | SLAT_ACCESS_WRITE);
	install_run(1024, 1024 + (RUN << 9) - 1);
	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &cache));
	unit_meanwhile = meanwhile_split;
	unlink_range(512, 1024 + (RUN << 9) - 1);
	CHECK_EQ(1, counted(SLAT_STAT_SPLITS));
	CHECK_EQ(1, ptab.unlinked_count);
	slat_ptab_reclaim(&ptab, 1);
	CHECK_EQ(RUN + 1, ptab.unlinked_count);
	slat_ptab_reclaim(&ptab, ULONG_MAX);
	CHECK_EQ(1 + 1 + 1, live());
	end();
}

/* What is at the ends of a range: a leaf that it covers in part, tables that it does not. */
static void leaves_and_tables_of_all_levels_go(void)
{
	begin();
	install(3, 3, 1, RW);
	install(513, 513, 2, RW);
	install(1024, 1024, 1, RW);
	install(BIT(18) + 5, BIT(19) + 5, 3, RO);
	install(2 * BIT(18), 5, 1, RW);
	install(2 * BIT(18) + 511, 7, 1, RW);
	install(2 * BIT(18) + 512, 6, 1, RW);
	unlink_range(600, 2 * BIT(18) + 510);
	CHECK_EQ(RW, mapped(3, 3, 1));
	CHECK_EQ(0, mapped(513, 0, 2));
	CHECK_EQ(0, mapped(1024, 0, 1));
	CHECK_EQ(0, mapped(BIT(18) + 5, 0, 3));
	CHECK_EQ(0, mapped(2 * BIT(18), 0, 1));
	CHECK_EQ(RW, mapped(2 * BIT(18) + 511, 7, 1));
	CHECK_EQ(RW, mapped(2 * BIT(18) + 512, 6, 1));
	end();
}

/* The same for tables: linked into a subtree that is unlinked already. */
static void a_table_linked_too_late_goes_with_its_subtree(void)
{
	begin();
	install(5, 1005, 1, RW);
	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &cache));
	/* Its level 3 table is there when it is found, and gone when it is filled. */
	CHECK_EQ(SLAT_INSTALLED, install_while(meanwhile_unlink, BIT(18) - 1, 7, 1, RW));
	CHECK_EQ(0, mapped(BIT(18) - 1, 0, 1));
	CHECK(slat_epochs_poll(&ptab.epochs, other_batch.epoch));
	slat_ptab_reclaim(&ptab, ULONG_MAX);
	CHECK_EQ(1, live());
	end();
}

static void meanwhile_fault(void)
{
	CHECK_EQ(SLAT_INSTALLED, install_while(NULL, 6, 1006, 1, RW));
}

/* The other order: the fault is first by one step. */
static void an_early_install_goes_with_its_subtree(void)
{
	begin();
	install(5, 1005, 1, RW);
	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &cache));
	unit_meanwhile = meanwhile_fault;
	unlink_range(0, ALL);
	CHECK_EQ(2, counted(SLAT_STAT_INSTALLS));
	CHECK_EQ(0, mapped(6, 0, 1));
	end();
}

/*
 * A notifier looks for what somebody else removes at the same time: it waits
 * where that is not over yet, also if it finds something more, and does not
 * where it is.
 */
static void a_later_batch_ends_the_earlier_one(void)
{
	struct slat_batch first, second;
	struct slat_actor *other;
	u64 root;

	begin();
	other = slat_actor_get(&ptab.epochs);
	install(5, 1005, 1, RW);
	install(512, 1512, 1, RW);
	CHECK(slat_ptab_enter(&ptab, other, flush, &root));
	slat_batch_begin(&first, &ptab);
	slat_ptab_unlink(&first, 0, 511, ULONG_MAX);
	slat_batch_seal(&first);

	slat_batch_begin(&second, &ptab);
	slat_ptab_unlink(&second, 0, ALL, ULONG_MAX);
	slat_batch_seal(&second);
	CHECK(second.epoch > first.epoch);
	CHECK(!slat_epochs_poll(&ptab.epochs, second.epoch));
	slat_actor_leave(other);
	slat_batch_commit(&second);
	CHECK(slat_epochs_done(&ptab.epochs, first.epoch));
	CHECK_EQ(1, kicks);
	slat_batch_commit(&first);
	CHECK_EQ(0, counted(SLAT_STAT_WAITS));
	slat_actor_put(other);
	end();
}

static void a_batch_after_a_finished_one_waits_for_nobody(void)
{
	struct slat_actor *other;
	struct slat_batch batch;
	u64 root;

	begin();
	other = slat_actor_get(&ptab.epochs);
	install(5, 1005, 1, RW);
	unlink_range(0, ALL);
	CHECK(slat_ptab_enter(&ptab, other, flush, &root));
	slat_batch_begin(&batch, &ptab);
	slat_ptab_unlink(&batch, 0, ALL, ULONG_MAX);
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
	CHECK_EQ(0, kicks);
	CHECK_EQ(0, counted(SLAT_STAT_WAITS));
	slat_actor_leave(other);
	slat_actor_put(other);
	end();
}

/* What a CPU knows of one root it does not know of another. */
static void two_roots_on_one_cpu(void)
{
	struct slat_actor *other;
	struct slat_batch batch;
	u64 root, old;

	begin();
	other = slat_actor_get(&ptab.epochs);
	CHECK(slat_ptab_enter(&ptab, other, flush, &old));
	slat_batch_begin(&batch, &ptab);
	slat_ptab_drop_root(&batch);
	slat_batch_seal(&batch);

	/* One is still in the guest with the old root when another one enters. */
	CHECK_EQ(0, slat_ptab_get_root(&ptab));
	CHECK(slat_ptab_enter(&ptab, actor, flush, &root));
	CHECK(root != old);
	CHECK_EQ(2, flushes);
	CHECK(!slat_epochs_poll(&ptab.epochs, batch.epoch));
	CHECK(!slat_ptab_reuse(&ptab));
	slat_actor_leave(actor);

	/* It comes back with the new one, which this CPU knows by now. */
	slat_actor_leave(other);
	CHECK(slat_ptab_enter(&ptab, other, flush, &root));
	CHECK_EQ(2, flushes);
	CHECK(slat_epochs_poll(&ptab.epochs, batch.epoch));
	slat_actor_leave(other);
	slat_actor_put(other);
	end();
}

/* The other order: it has left when the root goes. */
static void a_root_after_another_is_flushed(void)
{
	struct slat_batch batch;
	u64 root;

	begin();
	CHECK(slat_ptab_enter(&ptab, actor, flush, &root));
	slat_actor_leave(actor);
	slat_batch_begin(&batch, &ptab);
	slat_ptab_drop_root(&batch);
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
	CHECK_EQ(0, kicks);
	/* Its page may become the next root: that one is as unknown as any. */
	slat_ptab_reclaim(&ptab, ULONG_MAX);
	CHECK_EQ(0, slat_ptab_get_root(&ptab));
	CHECK(slat_ptab_enter(&ptab, actor, flush, &root));
	CHECK_EQ(2, flushes);
	slat_actor_leave(actor);
	end();
}

/*
 * A dirty log of one page, by the rules of fault and log: the bit after the
 * leaf, the bit before the right.
 */
static int dirty;

static void log_fault(void)
{
	struct slat_actor *self = slat_actor_get(&ptab.epochs);
	struct slat_cache mine = { };

	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &mine));
	slat_actor_host_begin(self);
	if (slat_ptab_install(&ptab, &mine, 5, 1005, 1, RW, true) == SLAT_INSTALLED)
		xchg(&dirty, 1);
	slat_actor_host_end(self);
	slat_ptab_drain_cache(&ptab, &mine);
	slat_actor_put(self);
}

/* Sealed, not waited for: a section may be open. */
static void log_take(void)
{
	slat_batch_begin(&other_batch, &ptab);
	xchg(&dirty, 0);
	slat_ptab_clean(&other_batch, 5, 5, ULONG_MAX);
	slat_batch_seal(&other_batch);
}

/* D1, and that the next look at the log sees what is written from now on. */
static void check_log(void)
{
	if (mapped(5, 1005, 1) & SLAT_ACCESS_WRITE)
		CHECK(dirty);
	log_take();
	CHECK(!(mapped(5, 1005, 1) & SLAT_ACCESS_WRITE));
	log_fault();
	CHECK(dirty);
}

static void a_log_is_taken_before_a_fault_installs(void)
{
	begin();
	dirty = 0;
	install(5, 1005, 1, RO);
	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &cache));
	slat_actor_host_begin(actor);
	unit_meanwhile = log_take;
	CHECK_EQ(SLAT_INSTALLED, slat_ptab_install(&ptab, &cache, 5, 1005, 1, RW, true));
	xchg(&dirty, 1);
	slat_actor_host_end(actor);
	check_log();
	end();
}

static void a_log_is_taken_before_a_fault_sets_its_bit(void)
{
	begin();
	dirty = 0;
	install(5, 1005, 1, RO);
	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, &cache));
	slat_actor_host_begin(actor);
	CHECK_EQ(SLAT_INSTALLED, slat_ptab_install(&ptab, &cache, 5, 1005, 1, RW, true));
	unit_meanwhile = log_take;
	xchg(&dirty, 1);
	slat_actor_host_end(actor);
	check_log();
	end();
}

static void a_fault_comes_after_the_log_took_its_bit(void)
{
	begin();
	install(5, 1005, 1, RW);
	dirty = 1;
	slat_batch_begin(&other_batch, &ptab);
	xchg(&dirty, 0);
	/* It finds the leaf writable, and sets no bit: the right goes next. */
	unit_meanwhile = log_fault;
	slat_ptab_clean(&other_batch, 5, 5, ULONG_MAX);
	slat_batch_seal(&other_batch);
	CHECK_EQ(0, dirty);
	check_log();
	end();
}

/* Nothing is mapped half-way. */
static void an_install_finds_too_few_tables(void)
{
	begin();
	install(5, 1005, 1, RW);
	slat_ptab_drain_cache(&ptab, &cache);
	CHECK_EQ(SLAT_INSTALLED, install_while(NULL, 6, 1006, 1, RW));
	CHECK_EQ(SLAT_NO_TABLE, install_while(NULL, 512, 1512, 1, RW));
	end();
}

/* What nobody has used yet is not young. */
static void n4_a_leaf_that_nobody_has_asked_for(void)
{
	bool used;

	begin();
	install(5, 1005, 1, SLAT_ACCESS_READ | SLAT_ACCESS_NOT_YET);
	spin_lock(&ptab.lock);
	used = slat_ptab_age(&ptab, 5, 5, false);
	spin_unlock(&ptab.lock);
	CHECK(!used);
	/* Young stays young with more rights. */
	install(6, 1006, 1, SLAT_ACCESS_READ);
	install(6, 1006, 1, RW | SLAT_ACCESS_NOT_YET);
	spin_lock(&ptab.lock);
	used = slat_ptab_age(&ptab, 6, 6, false);
	spin_unlock(&ptab.lock);
	CHECK(used);
	end();
}

/* Host memory that goes away, and a lookup before, during and after it. */
static void i4_a_lookup_that_is_too_old_is_seen(void)
{
	struct slat_inval inval = { };
	unsigned long before, during;

	before = slat_inval_sample(&inval);
	CHECK(!slat_inval_retry(&inval, before, 10));
	slat_inval_begin(&inval, 10, 19);
	during = slat_inval_sample(&inval);
	CHECK(slat_inval_retry(&inval, before, 10));
	CHECK(slat_inval_retry(&inval, during, 19));
	CHECK(!slat_inval_retry(&inval, during, 20));
	CHECK(!slat_inval_retry(&inval, during, 9));
	slat_inval_end(&inval);
	CHECK(slat_inval_retry(&inval, before, 10));
	CHECK(slat_inval_retry(&inval, during, 10));
	CHECK(!slat_inval_retry(&inval, slat_inval_sample(&inval), 10));
}

/* Two at a time: the first to end takes nothing from the other. */
static void i4_invalidations_overlap(void)
{
	struct slat_inval inval = { };
	unsigned long sample;

	slat_inval_begin(&inval, 10, 19);
	slat_inval_begin(&inval, 40, 49);
	slat_inval_end(&inval);
	sample = slat_inval_sample(&inval);
	CHECK(slat_inval_retry(&inval, sample, 10));
	CHECK(slat_inval_retry(&inval, sample, 49));
	CHECK(!slat_inval_retry(&inval, sample, 50));
	slat_inval_end(&inval);
	sample = slat_inval_sample(&inval);
	CHECK(!slat_inval_retry(&inval, sample, 10));
	slat_inval_begin(&inval, 60, 69);
	CHECK(!slat_inval_retry(&inval, sample, 10));
	CHECK(slat_inval_retry(&inval, sample, 60));
	slat_inval_end(&inval);
}

int main(void)
{
	static const struct unit_case cases[] = {
		UNIT_CASE(leaves_of_each_size),
		UNIT_CASE(present_means_nothing_to_do),
		UNIT_CASE(rights_are_added),
		UNIT_CASE(another_page_is_a_conflict),
		UNIT_CASE(a_small_leaf_splits_a_large_one),
		UNIT_CASE(a_large_leaf_stays_below_a_table),
		UNIT_CASE(ranges_are_unlinked),
		UNIT_CASE(a_leaf_covered_in_part_goes_whole),
		UNIT_CASE(a_budget_is_kept_and_resumed),
		UNIT_CASE(leaves_are_write_protected),
		UNIT_CASE(pages_of_a_bitmap_are_cleaned),
		UNIT_CASE(leaves_are_cleaned_for_a_cpu_that_logs),
		UNIT_CASE(huge_leaves_are_split_ahead),
		UNIT_CASE(age_tells_and_forgets),
		UNIT_CASE(i6_dropping_all_writes_one_entry),
		UNIT_CASE(i8_counters_balance),
		UNIT_CASE(i1_a_table_waits_for_who_is_inside),
		UNIT_CASE(i1_a_table_waits_for_a_host_section),
		UNIT_CASE(i3_an_empty_batch_waits_for_an_earlier_one),
		UNIT_CASE(i2_nobody_inside_nobody_kicked),
		UNIT_CASE(an_entry_costs_one_ipi),
		UNIT_CASE(a_tlb_is_flushed_once_an_epoch),
		UNIT_CASE(no_root_no_entry),
		UNIT_CASE(actors_are_used_again),
		UNIT_CASE(a_removal_before_the_word_is_flushed),
		UNIT_CASE(a_removal_during_the_flush_counts_as_unseen),
		UNIT_CASE(a_late_install_goes_with_its_subtree),
		UNIT_CASE(the_second_of_two_faults_loses),
		UNIT_CASE(a_split_that_loses_is_made_again),
		UNIT_CASE(a_leaf_that_is_used_is_protected),
		UNIT_CASE(a_leaf_that_is_split_is_protected),
		UNIT_CASE(tables_beside_one_another_go_as_one),
		UNIT_CASE(tables_go_one_by_one_without_a_spare),
		UNIT_CASE(few_tables_leave_the_spare),
		UNIT_CASE(a_spare_comes_back),
		UNIT_CASE(moved_tables_wait_for_who_is_inside),
		UNIT_CASE(a_leaf_is_split_while_it_is_moved),
		UNIT_CASE(leaves_and_tables_of_all_levels_go),
		UNIT_CASE(a_table_linked_too_late_goes_with_its_subtree),
		UNIT_CASE(an_early_install_goes_with_its_subtree),
		UNIT_CASE(a_later_batch_ends_the_earlier_one),
		UNIT_CASE(a_batch_after_a_finished_one_waits_for_nobody),
		UNIT_CASE(two_roots_on_one_cpu),
		UNIT_CASE(a_root_after_another_is_flushed),
		UNIT_CASE(a_log_is_taken_before_a_fault_installs),
		UNIT_CASE(a_log_is_taken_before_a_fault_sets_its_bit),
		UNIT_CASE(a_fault_comes_after_the_log_took_its_bit),
		UNIT_CASE(an_install_finds_too_few_tables),
		UNIT_CASE(n4_a_leaf_that_nobody_has_asked_for),
		UNIT_CASE(i4_a_lookup_that_is_too_old_is_seen),
		UNIT_CASE(i4_invalidations_overlap),
	};

	return unit_run(cases, ARRAY_SIZE(cases));
}
