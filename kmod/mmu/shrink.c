// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables that a VM does not use any more, given back when the host needs memory: a
 * slot that was deleted may have left many, and the VM may never need as many again.
 */
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/shrinker.h>

#include "compat/compat.h"
#include "mmu/mmu.h"

/*
 * All VMs' memories, by slat_mmu.shrunk.  Nothing is allocated under the lock: who
 * allocates may come here for it.
 */
static LIST_HEAD(memories);
static DEFINE_MUTEX(memories_lock);

/*
 * No more than these: those below an unlinked one are counted when it is freed.  A
 * memory from which nothing was unlinked has none.
 */
static unsigned long spare_tables(const struct slat_mmu *mmu)
{
	const struct slat_ptab *ptab = &mmu->ptab;

	if (!READ_ONCE(ptab->unlinked_count))
		return 0;
	return slat_stat_read(ptab->stats, SLAT_STAT_TABLES_ALLOCATED) -
	       slat_stat_read(ptab->stats, SLAT_STAT_TABLES_FREED);
}

static unsigned long count(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long tables = 0;
	struct slat_mmu *mmu;

	if (!mutex_trylock(&memories_lock))
		return 0;
	list_for_each_entry(mmu, &memories, shrunk)
		tables += spare_tables(mmu);
	mutex_unlock(&memories_lock);
	return tables;
}

static unsigned long scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long freed = 0;
	struct slat_mmu *mmu;

	if (!mutex_trylock(&memories_lock))
		return SHRINK_STOP;
	list_for_each_entry(mmu, &memories, shrunk) {
		freed += slat_ptab_reclaim(&mmu->ptab, sc->nr_to_scan - freed);
		if (freed == sc->nr_to_scan)
			break;
	}
	/* Not always from the same. */
	list_rotate_left(&memories);
	mutex_unlock(&memories_lock);
	return freed ?: SHRINK_STOP;
}

/**
 * slat_shrink_add() - take from this memory what it does not need
 * @mmu: the memory
 *
 * Process context.
 */
void slat_shrink_add(struct slat_mmu *mmu)
{
	mutex_lock(&memories_lock);
	list_add_tail(&mmu->shrunk, &memories);
	mutex_unlock(&memories_lock);
}

/**
 * slat_shrink_remove() - undo slat_shrink_add()
 * @mmu: the memory
 *
 * Process context.
 */
void slat_shrink_remove(struct slat_mmu *mmu)
{
	mutex_lock(&memories_lock);
	list_del(&mmu->shrunk);
	mutex_unlock(&memories_lock);
}

/**
 * slat_shrink_setup() - have the kernel ask
 *
 * Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int slat_shrink_setup(void)
{
	return slat_shrinker_register(count, scan);
}

/**
 * slat_shrink_teardown() - undo slat_shrink_setup()
 *
 * Process context.
 */
void slat_shrink_teardown(void)
{
	slat_shrinker_unregister();
}
