// SPDX-License-Identifier: GPL-2.0-only
/*
 * Translations thrown away by many hands as fast as they are made: the tables that
 * they leave behind become the next ones, and never pile up.
 */
#include <pthread.h>

#include "guest_pages.h"

#define FIRST		0x10000000UL	/* guest-physical: a table of its own for each slot */
#define SLOTS		64
#define SLOT_SIZE	(4 * PAGE)
#define ZAPS		500		/* that found something */
#define TIMES		3		/* that each hand has done all it does */
#define HANDS		3		/* of each kind */
#define IN_HAND		5		/* tables that one who maps keeps for that */

static __u64 slot_gpa(int slot)
{
	return FIRST + slot * HUGE;
}

FIXTURE(churn) {
	struct guest guest;
	__u8 *mem;
};

FIXTURE_VARIANT(churn) {
	bool shrinks;
};

FIXTURE_VARIANT_ADD(churn, alone) { .shrinks = false };
FIXTURE_VARIANT_ADD(churn, with_a_host_in_need) { .shrinks = true };

static int set_slot(struct guest *guest, __u8 *mem, int slot, bool there)
{
	return _guest_set_memory(guest, 1 + slot, slot_gpa(slot), there ? SLOT_SIZE : 0,
				 mem + slot * SLOT_SIZE, 0);
}

FIXTURE_SETUP(churn)
{
	if (!on_slat())
		SKIP(return, "counts by SLAT_GET_STATS");
	guest_create(_metadata, &self->guest);
	self->mem = mmap(NULL, SLOTS * SLOT_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	for (int slot = 0; slot < SLOTS; slot++)
		ASSERT_EQ(0, set_slot(&self->guest, self->mem, slot, true));
}

FIXTURE_TEARDOWN(churn)
{
	if (!on_slat())
		return;
	guest_destroy(&self->guest);
	munmap(self->mem, SLOTS * SLOT_SIZE);
}

/* Tables that are linked, or wait to be, or are in some cache. */
static __s64 tables_held(struct __test_metadata *_metadata, struct guest *guest)
{
	struct slat_vm_stats stats;

	get_stats(_metadata, guest, &stats);
	return stats.tables_allocated - stats.tables_freed;
}

struct hand {
	pthread_t thread;
	struct guest *guest;
	__u8 *mem;
	int number;
	int stop;
	unsigned long errors;
	unsigned long done;
};

static bool stopped(struct hand *hand)
{
	return __atomic_load_n(&hand->stop, __ATOMIC_ACQUIRE);
}

static void hand_done(struct hand *hand)
{
	__atomic_fetch_add(&hand->done, 1, __ATOMIC_RELAXED);
}

static void *drop_all(void *arg)
{
	struct hand *hand = arg;

	for (; !stopped(hand); hand_done(hand))
		hand->errors += !!_ioctl(hand->guest->vm, SLAT_ZAP_ALL, 0);
	return NULL;
}

/* Each hand has slots of its own. */
static void *change_slots(void *arg)
{
	struct hand *hand = arg;

	for (; !stopped(hand); hand_done(hand))
		for (int slot = hand->number; slot < SLOTS; slot += 2 * HANDS) {
			hand->errors += !!set_slot(hand->guest, hand->mem, slot, false);
			hand->errors += !!set_slot(hand->guest, hand->mem, slot, true);
		}
	return NULL;
}

/* All of it, also what is gone just now. */
static void *populate_all(void *arg)
{
	struct hand *hand = arg;

	for (; !stopped(hand); hand_done(hand))
		for (int slot = 0; slot < SLOTS; slot++) {
			struct slat_populate range = {
				.gpa = slot_gpa(slot), .size = SLOT_SIZE,
				.flags = SLAT_POPULATE_WRITE,
			};
			int ret = _ioctl_ptr(hand->guest->vm, SLAT_POPULATE, &range);

			hand->errors += ret && ret != -ENOENT;
		}
	return NULL;
}

static void *drop_pages(void *arg)
{
	struct hand *hand = arg;

	for (; !stopped(hand); hand_done(hand))
		hand->errors += !!madvise(hand->mem, SLOTS * SLOT_SIZE, MADV_DONTNEED);
	return NULL;
}

/* The host wants the tables for itself. */
static void *shrink(void *arg)
{
	struct hand *hand = arg;

	for (; !stopped(hand); hand_done(hand))
		hand->errors += !!_file_write("/proc/sys/vm/drop_caches", "2");
	return NULL;
}

/* Nobody changes these: what a guest can touch without being told to stop. */
static bool stays(int slot)
{
	return slot % (2 * HANDS) >= HANDS;
}

static void touch(struct __test_metadata *_metadata, struct guest *guest, int slot)
{
	if (stays(slot))
		guest_store(_metadata, guest, slot_gpa(slot), SLOT_SIZE / PAGE);
}

static __u64 zaps(struct __test_metadata *_metadata, struct guest *guest)
{
	struct slat_vm_stats stats;

	get_stats(_metadata, guest, &stats);
	return stats.zaps;
}

/* Whether there has been enough of everything. */
static bool enough(struct __test_metadata *_metadata, struct guest *guest,
		   const struct hand *hands, int count, unsigned long touched)
{
	for (int i = 0; i < count; i++)
		if (__atomic_load_n(&hands[i].done, __ATOMIC_RELAXED) < TIMES)
			return false;
	return zaps(_metadata, guest) >= ZAPS && touched >= SLOTS / 2;
}

TEST_F_TIMEOUT(churn, tables_do_not_pile_up, 600)
{
	void *(*const acts[])(void *) = {
		drop_all, change_slots, drop_pages, populate_all, shrink,
	};
	size_t count = (ARRAY_SIZE(acts) - !variant->shrinks) * HANDS;
	struct hand hands[ARRAY_SIZE(acts) * HANDS];
	unsigned long touched = 0;
	__s64 once, now, late = INT64_MAX;

	for (int slot = 0; slot < SLOTS; slot++)
		guest_store(_metadata, &self->guest, slot_gpa(slot), SLOT_SIZE / PAGE);
	once = tables_held(_metadata, &self->guest);

	for (size_t i = 0; i < count; i++) {
		hands[i] = (struct hand) {
			.guest = &self->guest, .mem = self->mem, .number = i % HANDS,
		};
		ASSERT_EQ(0, pthread_create(&hands[i].thread, NULL, acts[i / HANDS],
					    &hands[i]));
	}
	do {
		touch(_metadata, &self->guest, touched++ % SLOTS);
		/* How many wait to be over changes; what piles up never goes. */
		if (zaps(_metadata, &self->guest) >= ZAPS / 2) {
			now = tables_held(_metadata, &self->guest);
			late = now < late ? now : late;
		}
	} while (late == INT64_MAX || !enough(_metadata, &self->guest, hands, count, touched));
	for (size_t i = 0; i < count; i++)
		__atomic_store_n(&hands[i].stop, 1, __ATOMIC_RELEASE);
	for (size_t i = 0; i < count; i++) {
		ASSERT_EQ(0, pthread_join(hands[i].thread, NULL));
		EXPECT_EQ(0, hands[i].errors);
		EXPECT_LT(0, hands[i].done);
	}
	TH_LOG("tables: %lld at first, %lld late", (long long)once, (long long)late);
	for (size_t i = 0; i < count; i += HANDS)
		TH_LOG("%lu, %lu, %lu times", hands[i].done, hands[i + 1].done,
		       hands[i + 2].done);
	TH_LOG("%lu slots touched", touched);
	/* Those of the old translations and of the new ones, and what each has in hand. */
	EXPECT_GE(2 * once + IN_HAND * (1 + HANDS), late);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
