/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables: the pages that second-level entries live in.
 */
#ifndef SLAT_MMU_TABLE_H
#define SLAT_MMU_TABLE_H

#include <linux/mm.h>
#include <linux/types.h>

#include "mmu/stats.h"

/**
 * struct slat_table - one table
 * @entries: its page, zeroed when it is linked
 * @level: of its entries; written before it is linked, constant then
 * @seen: of a root: for each CPU, the epoch up to which its TLB knows what was
 *	removed below the root, 0 if it has never entered; a CPU touches only
 *	its own, interrupts off.  NULL in other tables
 * @next: in the list that holds it while it is not linked
 * @epoch: when it was unlinked: free once that epoch is over
 */
struct slat_table {
	u64 *entries;
	unsigned int level;
	u64 *seen;
	struct slat_table *next;
	u64 epoch;
};

/**
 * struct slat_cache - tables in hand, so that a fault need not allocate
 * @head: the first of them, zeroed
 * @count: how many
 */
struct slat_cache {
	struct slat_table *head;
	unsigned int count;
};

struct slat_table *slat_table_alloc(struct slat_stats __percpu *stats);
int slat_table_make_root(struct slat_table *table);
void slat_table_free(struct slat_table *table, struct slat_stats __percpu *stats);

/** slat_table_pa() - what an entry that leads to a table holds */
static inline u64 slat_table_pa(const struct slat_table *table)
{
	return __pa(table->entries);
}

/** slat_table_at() - the table an entry leads to */
static inline struct slat_table *slat_table_at(u64 pa)
{
	return (struct slat_table *)page_private(pfn_to_page(pa >> PAGE_SHIFT));
}

/** slat_cache_put() - keep a zeroed table for later */
static inline void slat_cache_put(struct slat_cache *cache, struct slat_table *table)
{
	table->next = cache->head;
	cache->head = table;
	cache->count++;
}

/** slat_cache_get() - take one; NULL if there is none */
static inline struct slat_table *slat_cache_get(struct slat_cache *cache)
{
	struct slat_table *table = cache->head;

	if (table) {
		cache->head = table->next;
		cache->count--;
	}
	return table;
}

#endif /* SLAT_MMU_TABLE_H */
