/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walking the present entries of a range of guest frames, in their order, each
 * before what is below it.
 *
 *	slat_iter_start(&it, ptab, root, first, last);
 *	while (slat_iter_next(&it)) {
 *		... it.entry, it.pte, it.level, it.gfn ...
 *		slat_iter_skip(&it, n);	past this entry and those after it, not below them
 *	}
 *
 * The caller keeps the tables, by their lock.
 */
#ifndef SLAT_MMU_ITER_H
#define SLAT_MMU_ITER_H

#include <linux/compiler.h>
#include <linux/mm.h>

#include "mmu/ptab.h"

/**
 * struct slat_iter - where a walk is
 * @format: of the entries
 * @top: level of the root's entries
 * @last: last frame of the range
 * @next: first frame that has not been dealt with
 * @tables: the table at each level on the way to @next
 * @at: level of the table that @next is looked up in
 * @descend: go into the table of the current entry
 * @steps: entries read so far
 * @entry: the current entry
 * @pte: its value when it was read
 * @level: its level
 * @gfn: the first frame it maps
 */
struct slat_iter {
	const struct slat_pte_format *format;
	unsigned int top;
	u64 last;
	u64 next;
	u64 *tables[SLAT_LEVELS_MAX + 1];
	unsigned int at;
	bool descend;
	unsigned long steps;
	u64 *entry;
	u64 pte;
	unsigned int level;
	u64 gfn;
};

static inline unsigned int slat_table_index(u64 gfn, unsigned int level)
{
	return gfn >> (level - 1) * SLAT_TABLE_BITS & (SLAT_TABLE_ENTRIES - 1);
}

/* As far down as one table has all of the range, and more than that. */
static inline void slat_iter_narrow(struct slat_iter *it)
{
	while (it->at > 1) {
		u64 mask = slat_level_mask(it->at);
		u64 pte = READ_ONCE(it->tables[it->at][slat_table_index(it->next, it->at)]);

		if ((it->next ^ it->last) & ~mask || it->last - it->next == mask ||
		    !slat_pte_is_table(it->format, pte, it->at))
			break;
		it->at--;
		it->tables[it->at] = __va(pte & SLAT_PTE_ADDR);
	}
}

/** slat_iter_start() - begin a walk; it passes by tables on the way to where the range is */
static inline void slat_iter_start(struct slat_iter *it, const struct slat_ptab *ptab,
				   struct slat_table *root, u64 first, u64 last)
{
	it->format = ptab->format;
	it->top = ptab->format->levels;
	it->last = last;
	it->next = first;
	it->tables[it->top] = root->entries;
	it->at = it->top;
	it->descend = false;
	it->steps = 0;
	it->entry = NULL;
	slat_iter_narrow(it);
}

/* To the entry after the current one, in a table higher up if this one ends. */
static inline void slat_iter_advance(struct slat_iter *it)
{
	it->next = (it->next | slat_level_mask(it->at)) + 1;
	while (it->at < it->top && !(it->next & slat_level_mask(it->at + 1)))
		it->at++;
}

/** slat_iter_next() - go to the next present entry; false: there is none */
static inline bool slat_iter_next(struct slat_iter *it)
{
	if (it->entry) {
		if (it->descend) {
			it->at--;
			it->tables[it->at] = __va(it->pte & SLAT_PTE_ADDR);
		} else {
			slat_iter_advance(it);
		}
	}
	for (; it->next <= it->last; slat_iter_advance(it)) {
		it->steps++;
		it->entry = &it->tables[it->at][slat_table_index(it->next, it->at)];
		it->pte = READ_ONCE(*it->entry);
		if (!slat_pte_present(it->format, it->pte))
			continue;
		it->level = it->at;
		it->gfn = it->next & ~slat_level_mask(it->at);
		it->descend = slat_pte_is_table(it->format, it->pte, it->at);
		return true;
	}
	return false;
}

/** slat_iter_covered() - whether all that the current entry maps is in [first, last] */
static inline bool slat_iter_covered(const struct slat_iter *it, u64 first)
{
	return it->gfn >= first && it->gfn + slat_level_mask(it->level) <= it->last;
}

/**
 * slat_iter_run() - how much of the current entry's table is in the range
 * @it: at an entry that the range covers, or a leaf that it covers in part
 *
 * Return: the entries that are, from the current one on.
 */
static inline unsigned int slat_iter_run(const struct slat_iter *it)
{
	u64 covered = (it->last + 1 - it->gfn) / slat_level_pages(it->level);

	return clamp(covered, 1ULL,
		     (u64)SLAT_TABLE_ENTRIES - slat_table_index(it->gfn, it->level));
}

/** slat_iter_skip() - go on after that many entries of this table, all of them read */
static inline void slat_iter_skip(struct slat_iter *it, unsigned int count)
{
	it->steps += count - 1;
	it->next = it->gfn + count * slat_level_pages(it->level) - 1;
	it->descend = false;
}

#endif /* SLAT_MMU_ITER_H */
