/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which translations of a guest a CPU may have cached: its TLB tags, ASIDs
 * (APM 15.16).
 *
 * A vCPU has an ASID of the CPU that it runs on.  Each CPU gives its own away,
 * one after another; when there is none left it flushes them all and begins
 * anew, in another generation, so that ASIDs of older generations are nobody's.
 * Translations through the second-level tables are cached under ASIDs as well,
 * so that dropping a root means: each vCPU that enters with it on this CPU
 * flushes its ASID, or takes another.
 *
 * Nothing here touches hardware: an emulator that flushes at every entry would
 * not miss a flush, a unit test does.
 */
#ifndef SLAT_SVM_TAG_H
#define SLAT_SVM_TAG_H

#include <linux/types.h>

#define SLAT_TAG_DROPS_BITS	6

/* What has to be flushed before an entry, as the VMCB's TLB_CONTROL says it. */
enum slat_svm_flush {
	SLAT_FLUSH_NOTHING = 0,
	SLAT_FLUSH_ALL = 1,
	SLAT_FLUSH_ASID = 3,
};

/**
 * struct slat_svm_tags - the ASIDs of a CPU; that CPU's, interrupts off
 * @generation: from 1 upwards
 * @next: the next one to give away
 * @end: how many it has, the host's among them
 * @by_asid: one of them can be flushed alone
 * @drops: how often it has dropped roots, by a hash of their addresses: roots
 *	that share one are flushed together
 */
struct slat_svm_tags {
	u64 generation;
	u32 next;
	u32 end;
	bool by_asid;
	u32 drops[1 << SLAT_TAG_DROPS_BITS];
};

/**
 * struct slat_svm_tag - a vCPU's ASID; its thread's
 * @tags: the CPU whose it is
 * @generation: of that CPU, when it gave it away; 0: none
 * @asid: the number
 * @root: the second-level root that its translations are of
 * @drops: how often that CPU had dropped that root
 * @stale: its TLB may hold what the guest's control registers no longer say
 */
struct slat_svm_tag {
	const struct slat_svm_tags *tags;
	u64 generation;
	u32 asid;
	u64 root;
	u32 drops;
	bool stale;
};

/**
 * slat_svm_tag_is_of() - whether a vCPU has entered here and kept its ASID
 * @tag: the vCPU's
 * @tags: this CPU's
 *
 * Interrupts off.  If so its last entry was on this CPU, with AMD-V on since.
 */
static inline bool slat_svm_tag_is_of(const struct slat_svm_tag *tag,
				      const struct slat_svm_tags *tags)
{
	return tag->tags == tags && tag->generation == tags->generation;
}

void slat_svm_tags_start(struct slat_svm_tags *tags, u32 end, bool by_asid);
void slat_svm_tags_drop(struct slat_svm_tags *tags, u64 root);
enum slat_svm_flush slat_svm_tag_enter(struct slat_svm_tag *tag, struct slat_svm_tags *tags,
				       u64 root);

#endif /* SLAT_SVM_TAG_H */
