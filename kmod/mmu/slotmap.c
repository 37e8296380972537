// SPDX-License-Identifier: GPL-2.0-only
#include <linux/compiler.h>
#include <linux/kernel.h>

#include "mmu/mmu.h"
#include "mmu/slotmap.h"

static struct slat_slot *to_slot(struct rb_node *node)
{
	return node ? rb_entry(node, struct slat_slot, by_gfn) : NULL;
}

/**
 * slat_slotmap_insert() - add a slot that overlaps none
 * @map: begun
 * @slot: zeroed where it was never in a map
 */
void slat_slotmap_insert(struct slat_slotmap *map, struct slat_slot *slot)
{
	struct rb_node **at = &map->root.rb_node, *parent = NULL;

	while (*at) {
		parent = *at;
		at = slot->gfn < to_slot(parent)->gfn ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&slot->by_gfn, parent, at);
	rb_insert_color(&slot->by_gfn, &map->root);
}

/**
 * slat_slotmap_remove() - take a slot out
 * @map: begun
 * @slot: in it; readers may have it until a grace period is over
 */
void slat_slotmap_remove(struct slat_slotmap *map, struct slat_slot *slot)
{
	rb_erase(&slot->by_gfn, &map->root);
}

/**
 * slat_slotmap_replace() - put a slot in the place of one with the same frames
 * @map: begun
 * @old: in it; readers may have it until a grace period is over
 * @slot: the other one
 */
void slat_slotmap_replace(struct slat_slotmap *map, struct slat_slot *old,
			  struct slat_slot *slot)
{
	rb_replace_node(&old->by_gfn, &slot->by_gfn, &map->root);
}

static struct slat_slot *find(const struct slat_slotmap *map, u64 gfn)
{
	struct rb_node *node = READ_ONCE(map->root.rb_node);

	while (node) {
		struct slat_slot *slot = to_slot(node);

		if (gfn < slot->gfn)
			node = READ_ONCE(node->rb_left);
		else if (gfn - slot->gfn >= slot->pages)
			node = READ_ONCE(node->rb_right);
		else
			return slot;
	}
	return NULL;
}

/**
 * slat_slotmap_find() - the slot of a guest frame
 * @map: the map
 * @gfn: the guest frame
 *
 * Under RCU, any context but NMI.  Ends with a read barrier.
 *
 * Return: the slot, which may be on its way out; NULL if there is none.
 */
struct slat_slot *slat_slotmap_find(struct slat_slotmap *map, u64 gfn)
{
	struct slat_slot *slot;
	unsigned int seq;

	do {
		seq = read_seqcount_begin(&map->seq);
		slot = find(map, gfn);
	} while (read_seqcount_retry(&map->seq, seq));
	return slot;
}

/**
 * slat_slotmap_first() - the first slot that ends behind a guest frame
 * @map: nobody changes it
 * @gfn: the guest frame
 *
 * Return: the slot that has the frame, else the one after it; NULL if none.
 */
struct slat_slot *slat_slotmap_first(struct slat_slotmap *map, u64 gfn)
{
	struct rb_node *node = map->root.rb_node;
	struct slat_slot *first = NULL;

	while (node) {
		struct slat_slot *slot = to_slot(node);

		if (slot->gfn + slot->pages > gfn) {
			first = slot;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return first;
}

/**
 * slat_slotmap_next() - the slot after one
 * @slot: in a map that nobody changes
 *
 * Return: NULL: it is the last.
 */
struct slat_slot *slat_slotmap_next(struct slat_slot *slot)
{
	return to_slot(rb_next(&slot->by_gfn));
}

/**
 * slat_slotmap_prev() - the slot before one
 * @slot: in a map that nobody changes
 *
 * Return: NULL: it is the first.
 */
struct slat_slot *slat_slotmap_prev(struct slat_slot *slot)
{
	return to_slot(rb_prev(&slot->by_gfn));
}
