// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables without a lock: how CPUs enter through the root, and how a fault
 * becomes an entry.
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/mmdebug.h>
#include <linux/string.h>

#include "mmu/iter.h"
#include "mmu/ptab.h"

/**
 * slat_ptab_init() - tables that map nothing
 * @ptab: to initialise
 * @format: of the entries
 * @kick: make a CPU leave the guest, an IPI that returns at once
 *
 * Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_ptab_init(struct slat_ptab *ptab, const struct slat_pte_format *format,
		   void (*kick)(int cpu))
{
	*ptab = (struct slat_ptab) { .format = format };
	ptab->stats = alloc_percpu_gfp(struct slat_stats, GFP_KERNEL_ACCOUNT);
	if (!ptab->stats)
		return -ENOMEM;
	spin_lock_init(&ptab->lock);
	ptab->unlinked_end = &ptab->unlinked;
	slat_epochs_init(&ptab->epochs, ptab->stats, kick);
	return 0;
}

/**
 * slat_ptab_clear() - free all tables
 * @ptab: whose actors have all been put
 *
 * Process context; may sleep if there are any.  Others may still begin batches.
 */
void slat_ptab_clear(struct slat_ptab *ptab)
{
	struct slat_table *spare;
	struct slat_batch batch;

	slat_batch_begin(&batch, ptab);
	slat_ptab_drop_root(&batch);
	spare = ptab->spare;
	WRITE_ONCE(ptab->spare, NULL);
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
	slat_ptab_reclaim(ptab, ULONG_MAX);
	if (spare)
		slat_table_free(spare, ptab->stats);
}

/**
 * slat_ptab_destroy() - free everything
 * @ptab: whose actors have all been put, used by nobody else
 *
 * As slat_ptab_clear().
 */
void slat_ptab_destroy(struct slat_ptab *ptab)
{
	slat_ptab_clear(ptab);
	/* Its actors have given their caches back, so that was all there ever was. */
	VM_WARN_ON_ONCE(slat_stat_read(ptab->stats, SLAT_STAT_TABLES_ALLOCATED) !=
			slat_stat_read(ptab->stats, SLAT_STAT_TABLES_FREED));
	slat_epochs_destroy(&ptab->epochs);
	free_percpu(ptab->stats);
}

/*
 * Takes a table out of the debt for each that it allocates: all tables together
 * are never more than have been linked at one time.
 */
static struct slat_table *get_table(struct slat_ptab *ptab)
{
	return slat_ptab_reuse(ptab) ?: slat_table_alloc(ptab->stats);
}

/**
 * slat_ptab_get_root() - see to it that there is a root
 * @ptab: the tables
 *
 * Process context, no lock held.  The root may be dropped again at any time.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_ptab_get_root(struct slat_ptab *ptab)
{
	struct slat_table *root;

	if (READ_ONCE(ptab->root))
		return 0;

	root = get_table(ptab);
	if (!root)
		return -ENOMEM;
	root->level = ptab->format->levels;
	if (slat_table_make_root(root)) {
		slat_table_free(root, ptab->stats);
		return -ENOMEM;
	}
	if (cmpxchg(&ptab->root, NULL, root))
		slat_table_free(root, ptab->stats);
	return 0;
}

/**
 * slat_ptab_enter() - go INSIDE, with a TLB that is up to date
 * @ptab: the tables
 * @actor: this thread's, OUTSIDE
 * @flush: drop what this CPU has cached of a root
 * @root: physical address of the root to enter with
 *
 * Interrupts off, from before this call until after slat_actor_leave().  To be
 * repeated at every entry.
 *
 *	root	seen epoch of (root, this CPU)
 *	there	the current one			enter
 *	there	older, or never entered		flush, then enter
 *	none	-				stay OUTSIDE
 *
 * Return: whether the actor is INSIDE; if not, slat_ptab_get_root() is due.
 */
bool slat_ptab_enter(struct slat_ptab *ptab, struct slat_actor *actor,
		     void (*flush)(u64 root), u64 *root)
{
	u64 now = slat_epochs_now(&ptab->epochs), entered;
	struct slat_table *table;
	u64 *seen;

	/* After its barrier: what a mutator publishes from here on makes it kick. */
	do {
		entered = now;
		slat_actor_enter(actor, entered);
		now = slat_epochs_now(&ptab->epochs);
	} while (now != entered);
	table = READ_ONCE(ptab->root);
	if (!table) {
		slat_actor_leave(actor);
		return false;
	}

	*root = slat_table_pa(table);
	seen = &table->seen[smp_processor_id()];
	if (*seen < now) {
		/* Never re-read: the flush covers what was removed before @now. */
		flush(*root);
		slat_stat_inc(ptab->stats, SLAT_STAT_FLUSHES);
		*seen = now;
	}
	return true;
}

/* Who removes translations cannot allocate; does without if need be. */
static void fill_spare(struct slat_ptab *ptab)
{
	struct slat_table *table;

	if (READ_ONCE(ptab->spare))
		return;
	table = get_table(ptab);
	spin_lock(&ptab->lock);
	if (!ptab->spare) {
		WRITE_ONCE(ptab->spare, table);
		table = NULL;
	}
	spin_unlock(&ptab->lock);
	if (table)
		slat_table_free(table, ptab->stats);
}

/**
 * slat_ptab_fill_cache() - enough tables for any one slat_ptab_install()
 * @ptab: the tables
 * @cache: the caller's
 *
 * Process context, no lock held.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_ptab_fill_cache(struct slat_ptab *ptab, struct slat_cache *cache)
{
	if (cache->count >= ptab->format->levels)
		return 0;
	while (cache->count < ptab->format->levels) {
		struct slat_table *table = get_table(ptab);

		if (!table)
			return -ENOMEM;
		slat_cache_put(cache, table);
	}
	fill_spare(ptab);
	return 0;
}

/**
 * slat_ptab_drain_cache() - give back what slat_ptab_fill_cache() got
 * @ptab: the tables
 * @cache: the caller's
 */
void slat_ptab_drain_cache(struct slat_ptab *ptab, struct slat_cache *cache)
{
	struct slat_table *table;

	while ((table = slat_cache_get(cache)))
		slat_table_free(table, ptab->stats);
}

/* A table that maps what a huge leaf maps. */
static void split_leaf(const struct slat_pte_format *format, struct slat_table *table,
		       u64 pte, unsigned int level)
{
	u64 step = slat_level_pages(level - 1) << 12;
	int i;

	if (level - 1 == 1)
		pte &= ~format->huge;
	for (i = 0; i < SLAT_TABLE_ENTRIES; i++)
		table->entries[i] = pte + i * step;
}

/* Puts a table in the place of an entry, and a lost one back into the cache. */
static void link_table(struct slat_ptab *ptab, struct slat_cache *cache, u64 *entry,
		       u64 pte, unsigned int level)
{
	struct slat_table *table = slat_cache_get(cache);
	bool split = slat_pte_present(ptab->format, pte);

	table->level = level - 1;
	if (split)
		split_leaf(ptab->format, table, pte, level);

	/* Full barrier: the table is filled before it can be reached. */
	if (try_cmpxchg(entry, &pte, slat_table_pa(table) | ptab->format->table)) {
		if (split)
			slat_stat_inc(ptab->stats, SLAT_STAT_SPLITS);
		return;
	}
	slat_stat_inc(ptab->stats, SLAT_STAT_CMPXCHG_LOST);
	if (split)
		clear_page(table->entries);
	slat_cache_put(cache, table);
}

/**
 * slat_ptab_split() - have small leaves in place of huge ones, which map the same
 * @ptab: the tables
 * @cache: filled by slat_ptab_fill_cache() since the last call
 * @first: first guest frame
 * @last: last guest frame
 * @budget: entries to read at most, more or less
 *
 * The tables' lock held, which keeps what is walked; nothing is removed.
 *
 * Return: the first frame that is left to do, @last + 1 if none.
 */
u64 slat_ptab_split(struct slat_ptab *ptab, struct slat_cache *cache, u64 first, u64 last,
		    unsigned long budget)
{
	const struct slat_pte_format *format = ptab->format;
	struct slat_table *root = READ_ONCE(ptab->root);
	struct slat_iter it;

	lockdep_assert_held(&ptab->lock);
	if (!root)
		return last + 1;
	slat_iter_start(&it, ptab, root, first, last);
	while (slat_iter_next(&it)) {
		if (it.steps > budget)
			return it.next;
		/* A fault may do it first, or use it meanwhile. */
		while (it.level > 1 && slat_pte_is_leaf(format, it.pte, it.level)) {
			if (!cache->count)
				return it.next;
			link_table(ptab, cache, it.entry, it.pte, it.level);
			it.pte = READ_ONCE(*it.entry);
		}
		it.descend = it.level > 2 && slat_pte_is_table(format, it.pte, it.level);
	}
	return last + 1;
}

/* What a leaf at this level, for this frame, is to be; the host page it maps. */
static u64 leaf_pfn(u64 pte, unsigned int level, u64 gfn)
{
	return slat_pte_pfn(pte) + (gfn & slat_level_mask(level));
}

/**
 * slat_ptab_install() - map a guest frame
 * @ptab: the tables
 * @cache: filled by slat_ptab_fill_cache(); it lasts for one call, and for others
 *	that find tables where the first has been
 * @gfn: the guest frame
 * @pfn: the host page for it
 * @level: the largest leaf that may map it; gfn and pfn agree in the bits
 *	below, and the caller answers for everything such a leaf maps
 * @access: SLAT_ACCESS_* to allow
 * @ram: the host page is ordinary memory
 *
 * In a HOST section.  Needs no lock: entries are only filled, widened, or
 * replaced by a table that maps the same.
 *
 * Return: see enum slat_install.
 */
enum slat_install slat_ptab_install(struct slat_ptab *ptab, struct slat_cache *cache,
				    u64 gfn, u64 pfn, unsigned int level, u32 access,
				    bool ram)
{
	const struct slat_pte_format *format = ptab->format;
	struct slat_table *root = READ_ONCE(ptab->root);
	unsigned int at = ptab->format->levels;
	u64 *table;

	if (!root)
		return SLAT_NO_ROOT;
	table = root->entries;

	for (;;) {
		u64 *entry = &table[slat_table_index(gfn, at)];
		u64 pte = READ_ONCE(*entry);
		u64 want = slat_pte_make_leaf(format, pfn, at, access, ram);

		if (slat_pte_is_table(format, pte, at)) {
			table = __va(pte & SLAT_PTE_ADDR);
			at--;
			continue;
		}
		if (slat_pte_present(format, pte)) {
			u32 have = slat_pte_access(format, pte);

			if (leaf_pfn(pte, at, gfn) != pfn)
				return SLAT_CONFLICT;
			if (!(access & ~(have | SLAT_ACCESS_LOGGED | SLAT_ACCESS_NOT_YET)))
				return SLAT_PRESENT;
			want = slat_pte_make_leaf(format, pfn, at, access | have, ram) |
			       (pte & format->accessed);
			/* One that is not dirty is the CPU's to log. */
			if (have & SLAT_ACCESS_WRITE)
				want = (want & ~format->dirty) | (pte & format->dirty);
		}
		if (at > level) {
			if (!cache->count)
				return SLAT_NO_TABLE;
			link_table(ptab, cache, entry, pte, at);
			continue;
		}
		if (try_cmpxchg(entry, &pte, want)) {
			slat_stat_inc(ptab->stats, SLAT_STAT_INSTALLS);
			return SLAT_INSTALLED;
		}
		slat_stat_inc(ptab->stats, SLAT_STAT_CMPXCHG_LOST);
	}
}

/**
 * slat_ptab_age() - whether a range has been used, and that it has not been since
 * @ptab: the tables
 * @first: first guest frame
 * @last: last guest frame
 * @clear: forget that it has
 *
 * Any context, the tables' lock held.  Flushes nothing: a use through a TLB that
 * remembers the accessed bit goes unseen, which costs accuracy only.
 *
 * Return: whether a leaf of the range was used since it was last forgotten.
 */
bool slat_ptab_age(struct slat_ptab *ptab, u64 first, u64 last, bool clear)
{
	const struct slat_pte_format *format = ptab->format;
	struct slat_table *root = READ_ONCE(ptab->root);
	struct slat_iter it;
	bool used = false;

	lockdep_assert_held(&ptab->lock);
	if (!root)
		return false;
	slat_iter_start(&it, ptab, root, first, last);
	while (slat_iter_next(&it)) {
		if (!slat_pte_is_leaf(format, it.pte, it.level) ||
		    !(it.pte & format->accessed))
			continue;
		used = true;
		if (!clear)
			return true;
		/* Lost to another change of the leaf: it was used just now. */
		cmpxchg(it.entry, it.pte, it.pte & ~format->accessed);
	}
	return used;
}
