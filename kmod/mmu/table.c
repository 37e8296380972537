// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "mmu/table.h"

/**
 * slat_table_alloc() - a zeroed table that is linked nowhere
 * @stats: where to count
 *
 * Process context.  Charged to the caller's memory control group.
 *
 * Return: the table, NULL without memory.
 */
struct slat_table *slat_table_alloc(struct slat_stats __percpu *stats)
{
	struct slat_table *table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);

	if (!table)
		return NULL;
	table->entries = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!table->entries) {
		kfree(table);
		return NULL;
	}
	set_page_private(virt_to_page(table->entries), (unsigned long)table);
	slat_stat_inc(stats, SLAT_STAT_TABLES_ALLOCATED);
	return table;
}

/**
 * slat_table_make_root() - let CPUs enter through a table
 * @table: linked nowhere
 *
 * Process context.  Its first entry on each CPU invalidates what that CPU may
 * have cached of the page's former life.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_table_make_root(struct slat_table *table)
{
	table->seen = kvcalloc(nr_cpu_ids, sizeof(*table->seen), GFP_KERNEL_ACCOUNT);
	return table->seen ? 0 : -ENOMEM;
}

/**
 * slat_table_free() - free a table that nobody uses any more
 * @table: unlinked, its epoch over
 * @stats: where to count
 *
 * Process context.
 */
void slat_table_free(struct slat_table *table, struct slat_stats __percpu *stats)
{
	slat_stat_inc(stats, SLAT_STAT_TABLES_FREED);
	set_page_private(virt_to_page(table->entries), 0);
	free_page((unsigned long)table->entries);
	kvfree(table->seen);
	kfree(table);
}
