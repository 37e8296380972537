// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking translations away: batches, the subtrees they unlink, and how those
 * come to be free tables again.
 *
 * A subtree is unlinked whole, by one write to the entry above it, and put at
 * the end of one list, which is thereby sorted by epoch; many at a time below a
 * table that has never been linked.  While its epoch is not over it is in limbo;
 * after that it is debt: nobody uses it, and whoever needs tables takes them from
 * there.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "mmu/iter.h"
#include "mmu/ptab.h"
#include "trace.h"

/**
 * slat_batch_begin() - begin, or go on with, a mutation
 * @batch: to fill
 * @ptab: of these tables
 *
 * Process context.  Takes the tables' lock, until slat_batch_seal().
 */
void slat_batch_begin(struct slat_batch *batch, struct slat_ptab *ptab)
	__acquires(&ptab->lock)
{
	*batch = (struct slat_batch) { .ptab = ptab };
	batch->unlinked_end = &batch->unlinked;
	spin_lock(&ptab->lock);
}

/* Under the lock; read as a hint without. */
static void unlinked_add(struct slat_ptab *ptab, long count)
{
	WRITE_ONCE(ptab->unlinked_count, ptab->unlinked_count + count);
}

/**
 * slat_batch_seal() - end what needs the lock
 * @batch: since slat_batch_begin()
 *
 * Begins a new epoch if the batch removed anything.  If not, the current epoch
 * counts nevertheless: somebody else may have removed what this caller looked
 * for, and not waited yet.
 */
void slat_batch_seal(struct slat_batch *batch)
	__releases(&batch->ptab->lock)
{
	struct slat_ptab *ptab = batch->ptab;
	struct slat_table *table;

	lockdep_assert_held(&ptab->lock);
	if (!batch->unlinked && !batch->narrowed) {
		batch->epoch = slat_epochs_now(&ptab->epochs);
		spin_unlock(&ptab->lock);
		return;
	}

	batch->epoch = slat_epochs_bump(&ptab->epochs);
	slat_stat_inc(ptab->stats, SLAT_STAT_BATCHES);
	if (batch->unlinked) {
		for (table = batch->unlinked; table; table = table->next)
			table->epoch = batch->epoch;
		*ptab->unlinked_end = batch->unlinked;
		ptab->unlinked_end = batch->unlinked_end;
		unlinked_add(ptab, batch->count);
	}
	spin_unlock(&ptab->lock);
	trace_slat_batch(&ptab->epochs, batch->epoch, batch->count);
}

/**
 * slat_batch_commit() - return when nobody uses what the batch removed
 * @batch: sealed
 *
 * See slat_epochs_wait() for the context.
 */
void slat_batch_commit(struct slat_batch *batch)
{
	lockdep_assert_not_held(&batch->ptab->lock);
	slat_epochs_wait(&batch->ptab->epochs, batch->epoch);
}

static void batch_unlink(struct slat_batch *batch, struct slat_table *table)
{
	table->next = NULL;
	*batch->unlinked_end = table;
	batch->unlinked_end = &table->next;
	batch->count++;
}

/* So many entries of a table cost more than the table, which has to be filled again. */
#define ENTRIES_WORTH_A_TABLE	16

/* All that follows from a slot's size when it goes: unrolled. */
static void move_entries(u64 *to, u64 *from, unsigned int count)
{
	unsigned int i;

#pragma GCC unroll 8
	for (i = 0; i < count; i++)
		to[i] = xchg(&from[i], 0);
}

/*
 * Removes entries that are beside one another.  Many are moved to a table that nobody
 * walks, which takes them to the debt as if it had been above them.
 */
static void unlink_entries(struct slat_batch *batch, u64 *entries, unsigned int count,
			   unsigned int level)
{
	struct slat_ptab *ptab = batch->ptab;
	const struct slat_pte_format *format = ptab->format;
	struct slat_table *table = ptab->spare;
	unsigned int i;

	batch->narrowed = true;
	if (table && level > 1 && count >= ENTRIES_WORTH_A_TABLE) {
		WRITE_ONCE(ptab->spare, NULL);
		table->level = level;
		move_entries(table->entries, entries, count);
		batch_unlink(batch, table);
		return;
	}
	for (i = 0; i < count; i++) {
		u64 pte = READ_ONCE(entries[i]);

		if (!slat_pte_present(format, pte))
			continue;
		/* A fault may widen or split it meanwhile. */
		pte = xchg(&entries[i], 0);
		if (slat_pte_is_table(format, pte, level))
			batch_unlink(batch, slat_table_at(pte & SLAT_PTE_ADDR));
	}
}

/**
 * slat_ptab_unlink() - remove the translations of a range of guest frames
 * @batch: begun
 * @first: first guest frame
 * @last: last guest frame
 * @budget: entries to read at most, more or less
 *
 * A table is unlinked with all below it where the range covers it.  A leaf that
 * the range covers in part goes as a whole.
 *
 * Return: the first frame that is left to do, @last + 1 if none.
 */
u64 slat_ptab_unlink(struct slat_batch *batch, u64 first, u64 last, unsigned long budget)
{
	struct slat_ptab *ptab = batch->ptab;
	struct slat_table *root = READ_ONCE(ptab->root);
	struct slat_iter it;
	unsigned int count;

	lockdep_assert_held(&ptab->lock);
	if (!root)
		return last + 1;

	slat_iter_start(&it, ptab, root, first, last);
	while (slat_iter_next(&it)) {
		if (it.steps > budget)
			return it.next;
		if (it.descend && !slat_iter_covered(&it, first))
			continue;
		count = min_t(unsigned long, slat_iter_run(&it), budget - it.steps + 1);
		unlink_entries(batch, it.entry, count, it.level);
		slat_iter_skip(&it, count);
	}
	return last + 1;
}

/**
 * slat_ptab_widen() - unlink whole tables rather than most of what is in them
 * @ptab: the tables
 * @gap_first: lowest guest frame that nothing to be kept is mapped from
 * @gap_last: highest one
 * @first: the first frame to unlink; falls to @gap_first at most
 * @last: the last one; rises to @gap_last at most
 *
 * Any context.  The higher the tables, the less does the cost of unlinking follow
 * from the number of frames.
 */
void slat_ptab_widen(const struct slat_ptab *ptab, u64 gap_first, u64 gap_last, u64 *first,
		     u64 *last)
{
	u64 pages = *last - *first + 1;
	unsigned int level;

	for (level = 2; level <= ptab->format->levels; level++) {
		u64 mask = slat_level_mask(level);

		if (pages < ENTRIES_WORTH_A_TABLE * slat_level_pages(level - 1))
			break;
		if ((*first & ~mask) >= gap_first && (*first | mask) <= gap_last) {
			*last = max(*last, *first | mask);
			*first &= ~mask;
		}
		if ((*last & ~mask) >= gap_first && (*last | mask) <= gap_last) {
			*first = min(*first, *last & ~mask);
			*last |= mask;
		}
	}
}

/*
 * What a clean leaf has not: the right to write, or where the CPU logs that, the
 * mark that it has been used.  One mark for a huge leaf would not tell which page.
 */
static u64 taken_of(const struct slat_pte_format *format, unsigned int level)
{
	return format->logs && level == 1 ? format->dirty : format->write | format->dirty;
}

/* Returns the entry, which may no longer be a leaf: a fault may split it. */
static u64 clean_leaf(struct slat_batch *batch, u64 *entry, u64 pte, unsigned int level)
{
	const struct slat_pte_format *format = batch->ptab->format;
	u64 taken = taken_of(format, level);

	/* Its accessed bit may change, and it may become dirty. */
	while (slat_pte_is_leaf(format, pte, level) && pte & taken) {
		if (try_cmpxchg(entry, &pte, pte & ~taken)) {
			batch->narrowed = true;
			break;
		}
	}
	return pte;
}

/**
 * slat_ptab_clean() - have the next write to each page of a range noticed
 * @batch: begun
 * @first: first guest frame
 * @last: last guest frame
 * @budget: entries to read at most, more or less
 *
 * Leaves become read-only, or where the CPU logs writes, not dirty.  A huge leaf
 * becomes read-only in any case, as a whole.
 *
 * Return: the first frame that is left to do, @last + 1 if none.
 */
u64 slat_ptab_clean(struct slat_batch *batch, u64 first, u64 last, unsigned long budget)
{
	struct slat_ptab *ptab = batch->ptab;
	struct slat_table *root = READ_ONCE(ptab->root);
	struct slat_iter it;

	lockdep_assert_held(&ptab->lock);
	if (!root)
		return last + 1;

	slat_iter_start(&it, ptab, root, first, last);
	while (slat_iter_next(&it)) {
		if (it.steps > budget)
			return it.next;
		it.pte = clean_leaf(batch, it.entry, it.pte, it.level);
		it.descend = slat_pte_is_table(ptab->format, it.pte, it.level);
	}
	return last + 1;
}

/* Returns the entry that the frame's walk ends at, NULL without tables. */
static u64 *clean_page(struct slat_batch *batch, u64 gfn, unsigned int *level)
{
	struct slat_ptab *ptab = batch->ptab;
	struct slat_table *root = READ_ONCE(ptab->root);
	u64 *table, *entry, pte;

	if (!root)
		return NULL;
	table = root->entries;
	for (*level = ptab->format->levels;; (*level)--) {
		entry = &table[slat_table_index(gfn, *level)];
		pte = clean_leaf(batch, entry, READ_ONCE(*entry), *level);
		if (!slat_pte_is_table(ptab->format, pte, *level))
			return entry;
		table = __va(pte & SLAT_PTE_ADDR);
	}
}

/**
 * slat_ptab_clean_bits() - the same for the pages of a bitmap
 * @batch: begun
 * @gfn: the guest frame of its first bit
 * @bits: which; what is beyond the end of a slot is 0
 * @words: its length
 */
void slat_ptab_clean_bits(struct slat_batch *batch, u64 gfn, const unsigned long *bits,
			  unsigned long words)
{
	unsigned int level = 0;
	u64 *entry = NULL;
	u64 last = 0, page;
	unsigned long i, left;

	lockdep_assert_held(&batch->ptab->lock);
	for (i = 0; i < words; i++) {
		for (left = bits[i]; left; left &= left - 1) {
			page = gfn + i * BITS_PER_LONG + __ffs(left);
			/* Most are in the table of the one before. */
			if (level == 1 && !((page ^ last) & ~slat_level_mask(2))) {
				entry += page - last;
				clean_leaf(batch, entry, READ_ONCE(*entry), level);
			} else {
				entry = clean_page(batch, page, &level);
				if (!entry)
					return;
			}
			last = page;
		}
	}
}

/**
 * slat_ptab_drop_root() - remove all translations, in constant time
 * @batch: begun
 *
 * Who is in the guest goes on with the old root until the batch is committed;
 * nobody enters with it any more.
 */
void slat_ptab_drop_root(struct slat_batch *batch)
{
	struct slat_ptab *ptab = batch->ptab;
	struct slat_table *root;

	lockdep_assert_held(&ptab->lock);
	root = xchg(&ptab->root, NULL);
	if (!root)
		return;
	ptab->generation++;
	batch_unlink(batch, root);
	slat_stat_inc(ptab->stats, SLAT_STAT_ZAPS);
	trace_slat_zap(&ptab->epochs, ptab->generation);
}

/* Takes the oldest unlinked table, if its epoch is over. */
static struct slat_table *debt_pop(struct slat_ptab *ptab)
{
	struct slat_table *table;

	if (!READ_ONCE(ptab->unlinked_count))
		return NULL;
	spin_lock(&ptab->lock);
	table = ptab->unlinked;
	if (table && slat_epochs_done(&ptab->epochs, table->epoch)) {
		ptab->unlinked = table->next;
		if (!table->next)
			ptab->unlinked_end = &ptab->unlinked;
		unlinked_add(ptab, -1);
	} else {
		table = NULL;
	}
	spin_unlock(&ptab->lock);
	return table;
}

/* Makes the tables below one that is ours alone the oldest of the list. */
static void debt_push_children(struct slat_ptab *ptab, struct slat_table *table)
{
	struct slat_table *first = NULL, **end = &first;
	unsigned long count = 0;
	int i;

	for (i = 0; table->level > 1 && i < SLAT_TABLE_ENTRIES; i++) {
		u64 pte = table->entries[i];
		struct slat_table *child;

		if (!slat_pte_is_table(ptab->format, pte, table->level))
			continue;
		child = slat_table_at(pte & SLAT_PTE_ADDR);
		child->epoch = table->epoch;
		*end = child;
		end = &child->next;
		count++;
	}
	if (!first)
		return;

	spin_lock(&ptab->lock);
	*end = ptab->unlinked;
	if (!ptab->unlinked)
		ptab->unlinked_end = end;
	ptab->unlinked = first;
	unlinked_add(ptab, count);
	spin_unlock(&ptab->lock);
}

/**
 * slat_ptab_reuse() - a zeroed table out of the debt
 * @ptab: the tables
 *
 * Process context.
 *
 * Return: the table; NULL if there is none that could be used again at once.
 */
struct slat_table *slat_ptab_reuse(struct slat_ptab *ptab)
{
	struct slat_table *table = debt_pop(ptab);

	if (!table)
		return NULL;
	debt_push_children(ptab, table);
	/* A root does not become another table: it has more than one needs. */
	if (table->seen) {
		slat_table_free(table, ptab->stats);
		return NULL;
	}
	clear_page(table->entries);
	return table;
}

/**
 * slat_ptab_reclaim() - free tables out of the debt
 * @ptab: the tables
 * @count: at most so many
 *
 * Process context; may sleep.
 *
 * Return: how many that was.
 */
unsigned long slat_ptab_reclaim(struct slat_ptab *ptab, unsigned long count)
{
	struct slat_table *table;
	unsigned long freed;

	for (freed = 0; freed < count && (table = debt_pop(ptab)); freed++) {
		debt_push_children(ptab, table);
		slat_table_free(table, ptab->stats);
		cond_resched();
	}
	return freed;
}
