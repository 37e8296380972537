// SPDX-License-Identifier: GPL-2.0-only
/*
 * The translation engine with vCPUs and mutators at the same time.
 *
 * Simulated vCPUs run on simulated CPUs that have TLBs; a TLB forgets nothing
 * unless it is told to.  Host memory is blocks of frames, each given to one
 * block of guest frames or to none.  Mutators take a block's memory away, make
 * it read-only, or drop everything, and do to host memory what a kernel does
 * once they have waited.  So whoever uses a translation too long touches a
 * block that belongs to somebody else, writes to one that must not change, or
 * walks a freed table.
 */
#include <pthread.h>
#include <stdlib.h>

#include <linux/atomic.h>

#include "ptab_host.h"
#include "mmu/inval.h"
#include "unit.h"

#define CPUS		2
#define VCPUS		3
#define MUTATORS	2
#define BLOCKS		8
#define FRAMES		(2 * BLOCKS)	/* blocks of host memory */
#define BLOCK_PAGES	SLAT_TABLE_ENTRIES
#define NOBODY		(-1)
#define STAY		64		/* accesses in the guest before it exits */

struct tlb_entry {
	u64 root;
	u64 pfn;
	bool write;
};

static struct slat_ptab ptab;
static struct slat_inval inval;

/* Which guest block a host block belongs to, and the other way round. */
static int owner[FRAMES];
static int backing[BLOCKS];
static int logged[BLOCKS];	/* faults map it read-only */
static int frozen[BLOCKS];	/* nobody may write to it */

/* A CPU runs one vCPU at a time, interrupts off. */
static struct cpu {
	pthread_mutex_t lock;
	int kicked;
	struct tlb_entry tlb[BLOCKS * BLOCK_PAGES];
} cpus[CPUS];

static int rounds = 1500;
static int stop;
static u64 accesses, faults;

static __thread unsigned int seed;

static unsigned int pick(unsigned int n)
{
	return rand_r(&seed) % n;
}

static void kick(int cpu)
{
	WRITE_ONCE(cpus[cpu].kicked, 1);
}

static void flush(u64 root)
{
	struct tlb_entry *tlb = cpus[unit_cpu].tlb;
	int i;

	for (i = 0; i < BLOCKS * BLOCK_PAGES; i++)
		if (tlb[i].root == root)
			tlb[i].root = 0;
}

/* One access of the guest; false: it faults. */
static bool guest_access(u64 root, u64 gfn, bool write)
{
	struct tlb_entry *entry = &cpus[unit_cpu].tlb[gfn];
	int block = gfn / BLOCK_PAGES;

	if (entry->root != root || (write && !entry->write)) {
		unsigned int level;
		u64 pte = hw_walk(root, gfn, &level);

		if (!slat_pte_present(&format, pte) || (write && !(pte & format.write)))
			return false;
		*entry = (struct tlb_entry) {
			.root = root,
			.pfn = hw_pfn(pte, gfn, level),
			.write = pte & format.write,
		};
	}
	CHECK(entry->pfn < FRAMES * BLOCK_PAGES);
	if (entry->pfn < FRAMES * BLOCK_PAGES)
		CHECK_EQ(block, READ_ONCE(owner[entry->pfn / BLOCK_PAGES]));
	CHECK_EQ(gfn % BLOCK_PAGES, entry->pfn % BLOCK_PAGES);
	if (write)
		CHECK(!READ_ONCE(frozen[block]));
	__atomic_add_fetch(&accesses, 1, __ATOMIC_RELAXED);
	return true;
}

static void fault(struct slat_actor *actor, struct slat_cache *cache, u64 gfn, bool write)
{
	int block = gfn / BLOCK_PAGES;
	u32 access = SLAT_ACCESS_READ | SLAT_ACCESS_WRITE;
	unsigned long seq;
	int frame;

	CHECK_EQ(0, slat_ptab_fill_cache(&ptab, cache));
	seq = slat_inval_sample(&inval);
	frame = READ_ONCE(backing[block]);
	if (frame == NOBODY)
		return;

	slat_actor_host_begin(actor);
	if (!slat_inval_retry(&inval, seq, gfn)) {
		if (READ_ONCE(logged[block]))
			access = SLAT_ACCESS_READ;
		slat_ptab_install(&ptab, cache, gfn,
				  (u64)frame * BLOCK_PAGES + gfn % BLOCK_PAGES,
				  1 + pick(2), access, true);
		__atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
	}
	slat_actor_host_end(actor);
}

static void *vcpu(void *arg)
{
	struct slat_actor *actor = slat_actor_get(&ptab.epochs);
	struct slat_cache cache = { };

	seed = (unsigned long)arg;
	while (!READ_ONCE(stop)) {
		bool write = pick(2), faulted = false;
		u64 root, gfn;
		int i;

		unit_cpu = pick(CPUS);
		pthread_mutex_lock(&cpus[unit_cpu].lock);
		WRITE_ONCE(cpus[unit_cpu].kicked, 0);
		if (!slat_ptab_enter(&ptab, actor, flush, &root)) {
			pthread_mutex_unlock(&cpus[unit_cpu].lock);
			CHECK_EQ(0, slat_ptab_get_root(&ptab));
			continue;
		}
		for (i = 0; i < STAY && !faulted; i++) {
			if (READ_ONCE(cpus[unit_cpu].kicked))
				break;
			gfn = pick(BLOCKS * BLOCK_PAGES);
			if (pick(4))
				gfn &= ~(BLOCK_PAGES - 1);
			faulted = !guest_access(root, gfn, write);
		}
		slat_actor_leave(actor);
		pthread_mutex_unlock(&cpus[unit_cpu].lock);
		if (faulted)
			fault(actor, &cache, gfn, write);
	}
	slat_ptab_drain_cache(&ptab, &cache);
	slat_actor_put(actor);
	return NULL;
}

static void unlink_block(struct slat_batch *batch, int block)
{
	u64 first = (u64)block * BLOCK_PAGES;
	u64 last = first + BLOCK_PAGES - 1;

	do {
		slat_batch_begin(batch, &ptab);
		first = slat_ptab_unlink(batch, first, last, 32);
		slat_batch_seal(batch);
	} while (first <= last);
}

/* The kernel takes a block's memory away and gives it other memory. */
static void move_block(int block)
{
	int old = READ_ONCE(backing[block]);
	struct slat_batch batch;
	int frame;

	spin_lock(&ptab.lock);
	slat_inval_begin(&inval, (u64)block * BLOCK_PAGES,
			 (u64)(block + 1) * BLOCK_PAGES - 1);
	spin_unlock(&ptab.lock);
	slat_epochs_pass(&ptab.epochs);
	unlink_block(&batch, block);
	slat_batch_commit(&batch);
	if (old != NOBODY)
		WRITE_ONCE(owner[old], NOBODY);

	frame = pick(FRAMES);
	while (cmpxchg(&owner[frame], NOBODY, block) != NOBODY)
		frame = (frame + 1) % FRAMES;
	WRITE_ONCE(backing[block], frame);

	spin_lock(&ptab.lock);
	slat_inval_end(&inval);
	spin_unlock(&ptab.lock);
}

/* As a dirty log does: from the commit on no write goes unseen. */
static void freeze_block(int block)
{
	u64 first = (u64)block * BLOCK_PAGES;
	u64 last = first + BLOCK_PAGES - 1;
	struct slat_batch batch;

	WRITE_ONCE(logged[block], 1);
	slat_epochs_pass(&ptab.epochs);
	do {
		slat_batch_begin(&batch, &ptab);
		first = slat_ptab_clean(&batch, first, last, 32);
		slat_batch_seal(&batch);
	} while (first <= last);
	slat_batch_commit(&batch);
	WRITE_ONCE(frozen[block], 1);
	sched_yield();
	WRITE_ONCE(frozen[block], 0);
	WRITE_ONCE(logged[block], 0);
}

static void zap_all(void)
{
	struct slat_batch batch;

	slat_batch_begin(&batch, &ptab);
	slat_ptab_drop_root(&batch);
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
	slat_ptab_reclaim(&ptab, pick(8));
}

/* The same, but for the root: so many tables beside one another are moved. */
static void unlink_all(void)
{
	struct slat_batch batch;

	slat_batch_begin(&batch, &ptab);
	slat_ptab_unlink(&batch, 0, 64 * BLOCK_PAGES - 1, ULONG_MAX);
	slat_batch_seal(&batch);
	slat_batch_commit(&batch);
	slat_ptab_reclaim(&ptab, pick(8));
}

/* Each mutator has its own blocks: two never move one block at a time. */
static void *mutator(void *arg)
{
	unsigned long self = (unsigned long)arg;
	int i;

	seed = 100 + self;
	for (i = 0; i < rounds; i++) {
		int block = pick(BLOCKS / MUTATORS) * MUTATORS + self;

		switch (pick(9)) {
		case 0:
			zap_all();
			break;
		case 8:
			unlink_all();
			break;
		case 1:
		case 2:
			freeze_block(block);
			break;
		case 3:
			spin_lock(&ptab.lock);
			slat_ptab_age(&ptab, 0, BLOCKS * BLOCK_PAGES - 1, pick(2));
			spin_unlock(&ptab.lock);
			break;
		default:
			move_block(block);
		}
	}
	return NULL;
}

static void nobody_uses_what_is_gone(void)
{
	pthread_t vcpus[VCPUS], mutators[MUTATORS];
	unsigned long i;

	for (i = 0; i < FRAMES; i++)
		owner[i] = NOBODY;
	for (i = 0; i < BLOCKS; i++)
		backing[i] = NOBODY;
	for (i = 0; i < CPUS; i++)
		pthread_mutex_init(&cpus[i].lock, NULL);
	CHECK_EQ(0, slat_ptab_init(&ptab, &format, kick));

	for (i = 0; i < VCPUS; i++)
		pthread_create(&vcpus[i], NULL, vcpu, (void *)(i + 1));
	for (i = 0; i < MUTATORS; i++)
		pthread_create(&mutators[i], NULL, mutator, (void *)i);
	for (i = 0; i < MUTATORS; i++)
		pthread_join(mutators[i], NULL);
	WRITE_ONCE(stop, 1);
	for (i = 0; i < VCPUS; i++)
		pthread_join(vcpus[i], NULL);

	CHECK(faults > rounds / 4);
	CHECK(accesses > faults);
	printf("# %llu accesses, %llu faults, %llu lost, ", accesses, faults,
	       slat_stat_read(ptab.stats, SLAT_STAT_CMPXCHG_LOST));
	printf("%llu IPIs, %llu saved, %llu flushes, %llu waits\n",
	       slat_stat_read(ptab.stats, SLAT_STAT_IPIS_SENT),
	       slat_stat_read(ptab.stats, SLAT_STAT_IPIS_SAVED),
	       slat_stat_read(ptab.stats, SLAT_STAT_FLUSHES),
	       slat_stat_read(ptab.stats, SLAT_STAT_WAITS));
	slat_ptab_destroy(&ptab);
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = { UNIT_CASE(nobody_uses_what_is_gone) };

	if (argc > 1)
		rounds = atoi(argv[1]);
	return unit_run(cases, ARRAY_SIZE(cases));
}
