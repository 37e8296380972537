/* SPDX-License-Identifier: GPL-2.0-only */
/* A few ranges.  What other CPUs do just after a store: unit_meanwhile. */
#ifndef SLAT_UNIT_LINUX_MAPLE_TREE_H
#define SLAT_UNIT_LINUX_MAPLE_TREE_H

#include <linux/atomic.h>

#define UNIT_RANGES		16
#define MT_FLAGS_USE_RCU	0
#define MT_FLAGS_ALLOC_RANGE	0

struct maple_tree {
	struct unit_range {
		unsigned long first, last;
		void *entry;
	} ranges[UNIT_RANGES];
};

#define mt_init_flags(tree, flags)	(*(tree) = (struct maple_tree) { })
#define mtree_destroy(tree)		mt_init_flags(tree, 0)

static inline void *mt_find(struct maple_tree *tree, unsigned long *index, unsigned long max)
{
	struct unit_range *found = NULL;

	for (int i = 0; i < UNIT_RANGES; i++) {
		struct unit_range *range = &tree->ranges[i];

		if (range->entry && range->first <= max && range->last >= *index &&
		    (!found || range->first < found->first))
			found = range;
	}
	if (!found)
		return NULL;
	*index = found->last + 1;
	return found->entry;
}

static inline void *mtree_load(struct maple_tree *tree, unsigned long index)
{
	for (int i = 0; i < UNIT_RANGES; i++) {
		struct unit_range *range = &tree->ranges[i];
		void *entry;

		if (range->first > index || range->last < index)
			continue;
		entry = READ_ONCE(range->entry);
		if (entry)
			return entry;
	}
	return NULL;
}

/* What overlaps is replaced whole, slots do not; a range's bounds never change. */
static inline int mtree_store_range(struct maple_tree *tree, unsigned long first,
				    unsigned long last, void *entry, int gfp)
{
	struct unit_range *mine = NULL;

	for (int i = 0; i < UNIT_RANGES; i++) {
		struct unit_range *range = &tree->ranges[i];

		if (!mine && (!range->last || (range->first == first && range->last == last)))
			mine = range;
		else if (range->entry && range->first <= last && range->last >= first)
			smp_store_release(&range->entry, NULL);
	}
	mine->first = first;
	mine->last = last;
	smp_store_release(&mine->entry, entry);
	unit_step();
	return 0;
}

#endif /* SLAT_UNIT_LINUX_MAPLE_TREE_H */
