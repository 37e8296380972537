/* SPDX-License-Identifier: GPL-2.0-only */
/* A tree that nobody balances; its links change by single stores, as in the kernel. */
#ifndef SLAT_UNIT_LINUX_RBTREE_H
#define SLAT_UNIT_LINUX_RBTREE_H

#include <linux/compiler.h>
#include <linux/kernel.h>

struct rb_node {
	struct rb_node *rb_left, *rb_right, *parent;
};

struct rb_root {
	struct rb_node *rb_node;
};

#define RB_ROOT				((struct rb_root) { })
#define rb_entry(ptr, type, member)	container_of(ptr, type, member)
#define rb_insert_color(node, root)	((void)(node), (void)(root))

static inline void rb_link_node(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	node->parent = parent;
	WRITE_ONCE(node->rb_left, NULL);
	WRITE_ONCE(node->rb_right, NULL);
	WRITE_ONCE(*link, node);
}

static inline void unit_change_child(struct rb_node *old, struct rb_node *node,
				     struct rb_root *root)
{
	struct rb_node *parent = old->parent;

	if (node)
		node->parent = parent;
	if (!parent)
		WRITE_ONCE(root->rb_node, node);
	else if (parent->rb_left == old)
		WRITE_ONCE(parent->rb_left, node);
	else
		WRITE_ONCE(parent->rb_right, node);
}

static inline struct rb_node *unit_edge(struct rb_node *node, bool right)
{
	while (node && (right ? node->rb_right : node->rb_left))
		node = right ? node->rb_right : node->rb_left;
	return node;
}

static inline void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *next = unit_edge(node->rb_right, false);

	if (!node->rb_left || !next) {
		unit_change_child(node, node->rb_left ?: node->rb_right, root);
		return;
	}
	/* Like the kernel's: for a moment what is below the successor is nowhere. */
	unit_change_child(next, next->rb_right, root);
	WRITE_ONCE(next->rb_left, node->rb_left);
	WRITE_ONCE(next->rb_right, node->rb_right);
	next->rb_left->parent = next;
	if (next->rb_right)
		next->rb_right->parent = next;
	unit_change_child(node, next, root);
}

static inline void rb_replace_node(struct rb_node *old, struct rb_node *node,
				   struct rb_root *root)
{
	node->parent = old->parent;
	WRITE_ONCE(node->rb_left, old->rb_left);
	WRITE_ONCE(node->rb_right, old->rb_right);
	if (node->rb_left)
		node->rb_left->parent = node;
	if (node->rb_right)
		node->rb_right->parent = node;
	unit_change_child(old, node, root);
}

static inline struct rb_node *unit_neighbour(struct rb_node *node, bool right)
{
	struct rb_node *below = right ? node->rb_right : node->rb_left;

	if (below)
		return unit_edge(below, !right);
	while (node->parent && node == (right ? node->parent->rb_right : node->parent->rb_left))
		node = node->parent;
	return node->parent;
}

#define rb_next(node)	unit_neighbour(node, true)
#define rb_prev(node)	unit_neighbour(node, false)

#endif /* SLAT_UNIT_LINUX_RBTREE_H */
