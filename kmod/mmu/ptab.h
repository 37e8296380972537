/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The second-level tables of one guest: walked and filled without a lock,
 * emptied under one, in batches.
 *
 * A fault fills empty entries and adds rights, by cmpxchg, in a HOST section.
 * Everything that takes a translation away holds the lock and gathers what it
 * does in a batch:
 *
 *	slat_batch_begin(&batch, ptab);
 *		... slat_ptab_unlink(&batch, ...) ...
 *	slat_batch_seal(&batch);	stamps it with a new epoch, unlocks
 *	slat_batch_commit(&batch);	returns when nobody uses what it removed
 *
 * Nothing is flushed, waited for, allocated or freed under the lock.
 */
#ifndef SLAT_MMU_PTAB_H
#define SLAT_MMU_PTAB_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include "mmu/actor.h"
#include "mmu/format.h"
#include "mmu/stats.h"
#include "mmu/table.h"

/**
 * struct slat_ptab - the tables of a guest
 * @format: of their entries; constant
 * @epochs: who walks them, and when what was removed is out of use
 * @lock: held by whoever removes, narrows or ages translations
 * @root: where CPUs enter; NULL: none yet, or dropped.  Set from NULL by
 *	cmpxchg, to NULL under @lock; read without, and the pointer orders what
 *	it leads to
 * @generation: how many roots have been dropped; @lock
 * @unlinked: subtrees that are linked no more, by epoch, oldest first; @lock
 * @unlinked_end: where the next one goes; @lock
 * @unlinked_count: how many they are; @lock, read as a hint without
 * @spare: a zeroed table for entries that are unlinked together, NULL: none; @lock,
 *	read as a hint without
 * @stats: counters
 */
struct slat_ptab {
	const struct slat_pte_format *format;
	struct slat_epochs epochs;
	spinlock_t lock;	/* what removes, narrows or ages */
	struct slat_table *root;
	u64 generation;
	struct slat_table *unlinked;
	struct slat_table **unlinked_end;
	unsigned long unlinked_count;
	struct slat_table *spare;
	struct slat_stats __percpu *stats;
};

/**
 * struct slat_batch - what one mutation removes
 * @ptab: from these tables
 * @unlinked: the subtrees it unlinked, chained
 * @unlinked_end: where the next one goes
 * @count: how many they are
 * @narrowed: it removed or narrowed leaves
 * @epoch: the epoch that has to be over before anything of it may be reused
 *
 * On the stack of the mutator, from slat_batch_begin() to slat_batch_commit().
 */
struct slat_batch {
	struct slat_ptab *ptab;
	struct slat_table *unlinked;
	struct slat_table **unlinked_end;
	unsigned long count;
	bool narrowed;
	u64 epoch;
};

/* What slat_ptab_install() did. */
enum slat_install {
	SLAT_INSTALLED,		/* a leaf, or more rights for one */
	SLAT_PRESENT,		/* nothing: an entry maps this already */
	SLAT_CONFLICT,		/* nothing: an entry maps another frame, soon removed */
	SLAT_NO_ROOT,		/* nothing: the root has been dropped */
	SLAT_NO_TABLE,		/* nothing: it takes more tables than are in hand */
};

int slat_ptab_init(struct slat_ptab *ptab, const struct slat_pte_format *format,
		   void (*kick)(int cpu));
void slat_ptab_clear(struct slat_ptab *ptab);
void slat_ptab_destroy(struct slat_ptab *ptab);

int slat_ptab_get_root(struct slat_ptab *ptab);
bool slat_ptab_enter(struct slat_ptab *ptab, struct slat_actor *actor,
		     void (*flush)(u64 root), u64 *root);

int slat_ptab_fill_cache(struct slat_ptab *ptab, struct slat_cache *cache);
void slat_ptab_drain_cache(struct slat_ptab *ptab, struct slat_cache *cache);
enum slat_install slat_ptab_install(struct slat_ptab *ptab, struct slat_cache *cache,
				    u64 gfn, u64 pfn, unsigned int level, u32 access,
				    bool ram);
u64 slat_ptab_split(struct slat_ptab *ptab, struct slat_cache *cache, u64 first, u64 last,
		    unsigned long budget);

void slat_batch_begin(struct slat_batch *batch, struct slat_ptab *ptab)
	__acquires(&ptab->lock);
void slat_batch_seal(struct slat_batch *batch) __releases(&batch->ptab->lock);
void slat_batch_commit(struct slat_batch *batch);

u64 slat_ptab_unlink(struct slat_batch *batch, u64 first, u64 last, unsigned long budget);
void slat_ptab_widen(const struct slat_ptab *ptab, u64 gap_first, u64 gap_last, u64 *first,
		     u64 *last);
u64 slat_ptab_clean(struct slat_batch *batch, u64 first, u64 last, unsigned long budget);
void slat_ptab_clean_bits(struct slat_batch *batch, u64 gfn, const unsigned long *bits,
			  unsigned long words);
void slat_ptab_drop_root(struct slat_batch *batch);
bool slat_ptab_age(struct slat_ptab *ptab, u64 first, u64 last, bool clear);
struct slat_table *slat_ptab_reuse(struct slat_ptab *ptab);
unsigned long slat_ptab_reclaim(struct slat_ptab *ptab, unsigned long count);

#endif /* SLAT_MMU_PTAB_H */
