/* SPDX-License-Identifier: GPL-2.0-only */
/* A list. */
#ifndef SLAT_UNIT_LINUX_INTERVAL_TREE_H
#define SLAT_UNIT_LINUX_INTERVAL_TREE_H

#include <stddef.h>

struct interval_tree_node {
	unsigned long start;
	unsigned long last;
	struct interval_tree_node *next;
};

struct rb_root_cached {
	struct interval_tree_node *first;
};

#define RB_ROOT_CACHED	((struct rb_root_cached) { })

static inline void interval_tree_insert(struct interval_tree_node *node,
					struct rb_root_cached *root)
{
	node->next = root->first;
	root->first = node;
}

static inline void interval_tree_remove(struct interval_tree_node *node,
					struct rb_root_cached *root)
{
	struct interval_tree_node **at = &root->first;

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
}

static inline struct interval_tree_node *
unit_overlaps(struct interval_tree_node *node, unsigned long start, unsigned long last)
{
	while (node && (node->start > last || node->last < start))
		node = node->next;
	return node;
}

#define interval_tree_iter_first(root, start, last)	unit_overlaps((root)->first, start, last)
#define interval_tree_iter_next(node, start, last)	unit_overlaps((node)->next, start, last)

#endif /* SLAT_UNIT_LINUX_INTERVAL_TREE_H */
