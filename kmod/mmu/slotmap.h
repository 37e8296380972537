/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The slots of a VM by guest frame: a tree that is changed without allocating
 * anything, so that no change fails half-way, and read without a lock.
 *
 * A reader sees the tree before or after each slat_slotmap_begin() and _end(),
 * never in between: it looks again where a change came in between.
 */
#ifndef SLAT_MMU_SLOTMAP_H
#define SLAT_MMU_SLOTMAP_H

#include <linux/preempt.h>
#include <linux/rbtree.h>
#include <linux/seqlock.h>
#include <linux/types.h>

struct slat_slot;

/**
 * struct slat_slotmap - slots by guest frame
 * @root: those that are there, none overlaps another
 * @seq: odd while @root is being changed
 *
 * Changed by one at a time, read under RCU.
 */
struct slat_slotmap {
	struct rb_root root;
	seqcount_t seq;
};

static inline void slat_slotmap_init(struct slat_slotmap *map)
{
	map->root = RB_ROOT;
	seqcount_init(&map->seq);
}

/** slat_slotmap_begin() - begin a change that readers see as one; preemption off */
static inline void slat_slotmap_begin(struct slat_slotmap *map)
{
	preempt_disable();
	write_seqcount_begin(&map->seq);
}

/** slat_slotmap_end() - end what slat_slotmap_begin() began */
static inline void slat_slotmap_end(struct slat_slotmap *map)
{
	write_seqcount_end(&map->seq);
	preempt_enable();
}

void slat_slotmap_insert(struct slat_slotmap *map, struct slat_slot *slot);
void slat_slotmap_remove(struct slat_slotmap *map, struct slat_slot *slot);
void slat_slotmap_replace(struct slat_slotmap *map, struct slat_slot *old,
			  struct slat_slot *slot);
struct slat_slot *slat_slotmap_find(struct slat_slotmap *map, u64 gfn);
struct slat_slot *slat_slotmap_first(struct slat_slotmap *map, u64 gfn);
struct slat_slot *slat_slotmap_next(struct slat_slot *slot);
struct slat_slot *slat_slotmap_prev(struct slat_slot *slot);

#endif /* SLAT_MMU_SLOTMAP_H */
