// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>

#include "svm/tag.h"

/* Roots are pages. */
static u32 *drops_of(struct slat_svm_tags *tags, u64 root)
{
	return &tags->drops[(root >> 12) % ARRAY_SIZE(tags->drops)];
}

/**
 * slat_svm_tags_start() - AMD-V is on: nothing that is cached is ours
 * @tags: this CPU's
 * @end: how many ASIDs it has
 * @by_asid: it can flush one of them
 *
 * The first entry flushes all ASIDs.
 */
void slat_svm_tags_start(struct slat_svm_tags *tags, u32 end, bool by_asid)
{
	tags->generation++;
	tags->end = end;
	tags->next = end;
	tags->by_asid = by_asid;
}

/**
 * slat_svm_tags_drop() - drop what is cached of a second-level root
 * @tags: this CPU's
 * @root: physical address of the root
 */
void slat_svm_tags_drop(struct slat_svm_tags *tags, u64 root)
{
	++*drops_of(tags, root);
}

static enum slat_svm_flush take_asid(struct slat_svm_tag *tag, struct slat_svm_tags *tags)
{
	bool none_left = tags->next >= tags->end;

	if (none_left) {
		tags->generation++;
		tags->next = 1;
	}
	tag->tags = tags;
	tag->generation = tags->generation;
	tag->asid = tags->next++;
	return none_left ? SLAT_FLUSH_ALL : SLAT_FLUSH_NOTHING;
}

/**
 * slat_svm_tag_enter() - an ASID under which nothing wrong is cached
 * @tag: the vCPU's
 * @tags: this CPU's
 * @root: what it enters with
 *
 * Interrupts off, right before the entry.
 *
 * Return: what the entry has to flush for that.
 */
enum slat_svm_flush slat_svm_tag_enter(struct slat_svm_tag *tag, struct slat_svm_tags *tags,
				       u64 root)
{
	u32 drops = *drops_of(tags, root);
	bool mine = slat_svm_tag_is_of(tag, tags);
	bool stale = tag->stale || tag->root != root || tag->drops != drops;

	tag->root = root;
	tag->drops = drops;
	tag->stale = false;
	if (!mine)
		return take_asid(tag, tags);
	if (!stale)
		return SLAT_FLUSH_NOTHING;
	return tags->by_asid ? SLAT_FLUSH_ASID : take_asid(tag, tags);
}
