// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots that change as one: what running guests see of it, and what their owner
 * learns of what they have written.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "guest_pages.h"
#include "regions.h"

#define FIRST		0x1000000UL
#define SECOND		0x1400000UL
#define THIRD		0x8000000UL
#define PAGES		64UL
#define SIZE		(PAGES * PAGE)
#define STEPS		60UL
#define BATCH		64UL
#define LOG_ROUNDS	40

FIXTURE(slots) {
	struct guest guest;
	__u8 *mem, *other;
};

FIXTURE_SETUP(slots)
{
	guest_create(_metadata, &self->guest);
	self->mem = map_small(_metadata, 2 * STEPS * PAGE);
	self->other = map_small(_metadata, SIZE);
}

FIXTURE_TEARDOWN(slots)
{
	guest_destroy(&self->guest);
}

#define skip_without_regions() do {					\
	if (!on_slat())							\
		SKIP(return, "SLAT_SET_MEMORY_REGIONS");		\
} while (0)

static volatile __u64 *word(const __u8 *mem, __u64 page)
{
	return (volatile __u64 *)(mem + page * PAGE);
}

/*
 * Reads the words at RSI and at RDI in turn, until one is less than the one before
 * or as large as RCX: RBX the last, RAX the one before.  Counts in [R8].
 */
GUEST_CODE(climb, 64,
	   "sti\n"
	   "xor %eax, %eax\n"
	   "1: mov (%rsi), %rbx\n"
	   "cmp %rax, %rbx\n"
	   "jb 2f\n"
	   "mov %rbx, %rax\n"
	   "mov (%rdi), %rbx\n"
	   "cmp %rax, %rbx\n"
	   "jb 2f\n"
	   "mov %rbx, %rax\n"
	   "incq (%r8)\n"
	   "cmp %rcx, %rbx\n"
	   "jb 1b\n"
	   "2: hlt\n");

struct runner {
	struct guest *guest;
	pthread_t thread;
	bool again;		/* after an exit for what is no memory */
	bool done;
	int ret;
};

static void *runner_run(void *arg)
{
	struct runner *runner = arg;
	struct kvm_run *run = runner->guest->run;

	do {
		runner->ret = _guest_run(runner->guest);
	} while (runner->ret == -EINTR || (!runner->ret && run->exit_reason == KVM_EXIT_MMIO &&
					   __atomic_load_n(&runner->again, __ATOMIC_SEQ_CST)));
	__atomic_store_n(&runner->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Until the guest has got further, or to an end. */
static void wait_for_steps(struct runner *runner, __u64 steps)
{
	__u64 seen = guest_u64(runner->guest, DATA) + steps;

	while (guest_u64(runner->guest, DATA) < seen &&
	       !__atomic_load_n(&runner->done, __ATOMIC_SEQ_CST))
		sched_yield();
}

static void climb_at(struct __test_metadata *_metadata, struct guest *guest, int nr)
{
	struct kvm_regs regs;

	guest_mode(_metadata, guest, MODE_LONG);
	get_regs(_metadata, guest, &regs);
	/* In either order. */
	regs.rsi = nr ? SECOND : FIRST;
	regs.rdi = nr ? FIRST : SECOND;
	regs.r8 = DATA + nr * PAGE;
	regs.rcx = STEPS;
	regs.rsp = STACK - nr * PAGE;
	set_regs(_metadata, guest, &regs);
}

/* What a step changes besides, so that there is time between the first and the last. */
#define BETWEEN		1024

static void next_step(struct slat_memory_region *regions, __u64 step)
{
	struct slat_memory_region *last = &regions[BETWEEN + 1], swapped;

	regions[0].userspace_addr += 2 * PAGE;
	last->userspace_addr += 2 * PAGE;
	for (int i = 1; i <= BETWEEN; i++)
		regions[i].userspace_addr += step & 1 ? PAGE : -PAGE;
	/* In either order. */
	swapped = regions[0];
	regions[0] = *last;
	*last = swapped;
}

/* I10: two slots get new memory at the same time, higher numbers in it each time. */
TEST_F_TIMEOUT(slots, i10_two_slots_change_as_one, 300)
{
	struct guest second;
	struct runner runners[2] = { { .guest = &self->guest }, { .guest = &second } };
	struct slat_memory_region regions[BETWEEN + 2];

	skip_without_regions();
	for (__u64 i = 0; i < 2 * STEPS; i++)
		*word(self->mem, i) = i / 2 + 1;
	regions[0] = region(1, FIRST, PAGE, self->mem, 0);
	for (int i = 1; i <= BETWEEN; i++)
		regions[i] = region(2 + i, THIRD + 2 * i * PAGE, PAGE, self->other, 0);
	regions[BETWEEN + 1] = region(2, SECOND, PAGE, self->mem + PAGE, 0);
	ASSERT_EQ(0, _set_regions(&self->guest, regions, BETWEEN + 2));

	guest_add_vcpu(_metadata, &self->guest, 1, &second);
	guest_load(&self->guest, climb);
	for (int i = 0; i < 2; i++)
		climb_at(_metadata, runners[i].guest, i);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&runners[i].thread, NULL, runner_run, &runners[i]));
	for (__u64 step = 1; step < STEPS; step++) {
		next_step(regions, step);
		ASSERT_EQ(0, _set_regions(&self->guest, regions, BETWEEN + 2));
		/* As often as not there are no translations yet. */
		if (step % 8 >= 4)
			wait_for_steps(&runners[step & 1], 1);
	}
	for (int i = 0; i < 2; i++) {
		struct kvm_regs regs;

		ASSERT_EQ(0, pthread_join(runners[i].thread, NULL));
		ASSERT_EQ(0, runners[i].ret);
		ASSERT_EQ(KVM_EXIT_HLT, runners[i].guest->run->exit_reason);
		get_regs(_metadata, runners[i].guest, &regs);
		EXPECT_EQ(STEPS, regs.rbx) {
			TH_LOG("vCPU %d: %llu after %llu", i, regs.rbx, regs.rax);
		}
	}
	guest_remove_vcpu(&second);
}

static void check_word(struct __test_metadata *_metadata, struct guest *guest, __u64 gpa,
		       __u64 expected)
{
	EXPECT_EQ(expected, guest_sum(_metadata, guest, gpa, 1)) {
		TH_LOG("at %#llx", gpa);
	}
}

TEST_F(slots, two_slots_swap_places)
{
	struct guest *guest = &self->guest;
	struct slat_memory_region regions[] = {
		region(1, FIRST, SIZE, self->mem, 0), region(2, SECOND, SIZE, self->other, 0),
	};

	skip_without_regions();
	ASSERT_EQ(0, _set_regions(guest, regions, 2));
	*word(self->mem, 0) = 1;
	*word(self->other, 0) = 2;
	check_word(_metadata, guest, FIRST, 1);
	check_word(_metadata, guest, SECOND, 2);
	regions[0].guest_phys_addr = SECOND;
	regions[1].guest_phys_addr = FIRST;
	ASSERT_EQ(0, _set_regions(guest, regions, 2));
	check_word(_metadata, guest, FIRST, 2);
	check_word(_metadata, guest, SECOND, 1);
	/* One is deleted, another one comes where it was, and is larger. */
	regions[0] = region(3, FIRST, SIZE, self->mem + SIZE, KVM_MEM_READONLY);
	*word(self->mem + SIZE, 0) = 3;
	regions[1] = no_region(2);
	ASSERT_EQ(0, _set_regions(guest, regions, 2));
	check_word(_metadata, guest, FIRST, 3);
	check_word(_metadata, guest, SECOND, 1);
	/* The same slot with other memory, of another size, not read-only any more. */
	regions[0] = region(3, FIRST + PAGE, PAGE, self->other, 0);
	ASSERT_EQ(0, _set_regions(guest, regions, 1));
	check_word(_metadata, guest, FIRST + PAGE, 2);
	guest_store(_metadata, guest, FIRST + PAGE, 1);
	EXPECT_EQ(FIRST + PAGE, *word(self->other, 0));
}

TEST_F(slots, all_or_nothing)
{
	struct guest *guest = &self->guest;
	__u64 bits[PAGES / 64] = { 0 };
	struct slat_memory_region good[] = {
		region(1, FIRST, SIZE, self->mem, 0),
		region(2, SECOND, SIZE, self->other, KVM_MEM_LOG_DIRTY_PAGES),
	};
	/* What is wrong is the last; the first alone would do. */
	struct {
		const char *what;
		int error;
		struct slat_memory_region last;
	} bad[] = {
		{ "overlaps a slot", -EEXIST, region(3, 0x1000, PAGE, self->mem, 0) },
		{ "overlaps a new slot", -EEXIST,
		  region(3, THIRD + SIZE - PAGE, SIZE, self->mem, 0) },
		{ "is not there", -EINVAL, no_region(3) },
		{ "twice", -EINVAL, no_region(1) },
		{ "no such flag", -EINVAL, region(3, FIRST, SIZE, self->mem, 0x8000) },
		{ "no such number", -EINVAL, region(32764, FIRST, SIZE, self->mem, 0) },
		{ "last bits of no slot", -ENOENT, region(3, FIRST, SIZE, self->mem, 0) },
		{ "last bits of a log that goes on", -EINVAL, good[1] },
		{ "last bits, too short", -EINVAL, no_region(2) },
	};

	skip_without_regions();
	for (int i = 6; i < 9; i++) {
		bad[i].last.dirty_bitmap = (unsigned long)bits;
		bad[i].last.dirty_bitmap_size = i == 8 ? 4 : sizeof(bits);
	}
	ASSERT_EQ(0, _set_regions(guest, good, 2));
	*word(self->mem, 0) = 1;
	*word(self->other, 0) = 2;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct slat_memory_region regions[] = {
			region(1, THIRD, SIZE, self->mem, 0), bad[i].last,
		};

		EXPECT_EQ(bad[i].error, _set_regions(guest, regions, 2)) {
			TH_LOG("%s", bad[i].what);
		}
		check_word(_metadata, guest, FIRST, 1);
		check_word(_metadata, guest, SECOND, 2);
		/* None of its numbers is in use, nor is its place taken. */
		EXPECT_EQ(-EINVAL, _guest_set_memory(guest, 3, 0, 0, NULL, 0));
		EXPECT_EQ(0, _guest_set_memory(guest, 3, THIRD, SIZE, self->mem, 0));
		EXPECT_EQ(0, _guest_set_memory(guest, 3, THIRD, 0, NULL, 0));
	}
	EXPECT_EQ(0, _set_regions(guest, NULL, 0));
	EXPECT_EQ(0, bits[0]);
}

/* M5, S3: as many as 64 cost others nothing, and a guest one exit. */
TEST_F(slots, i5_a_batch_leaves_others_alone)
{
	struct guest *guest = &self->guest;
	struct slat_memory_region regions[BATCH];
	struct slat_vm_stats before, after;

	skip_without_regions();
	ASSERT_EQ(0, _guest_set_memory(guest, 100, THIRD, SIZE, self->other, 0));
	for (__u64 i = 0; i < BATCH; i++)
		regions[i] = region(1 + i, FIRST + 2 * i * PAGE, PAGE, self->mem + i * PAGE, 0);
	ASSERT_EQ(0, _set_regions(guest, regions, BATCH));
	guest_store(_metadata, guest, THIRD, PAGES);
	for (__u64 i = 0; i < BATCH; i++)
		check_word(_metadata, guest, FIRST + 2 * i * PAGE, *word(self->mem, i));
	EXPECT_EQ(expected_sum(THIRD, PAGES), guest_sum(_metadata, guest, THIRD, PAGES));

	get_stats(_metadata, guest, &before);
	for (__u64 i = 0; i < BATCH; i++)
		regions[i] = no_region(1 + i);
	ASSERT_EQ(0, _set_regions(guest, regions, BATCH));
	EXPECT_EQ(expected_sum(THIRD, PAGES), guest_sum(_metadata, guest, THIRD, PAGES));
	get_stats(_metadata, guest, &after);
	EXPECT_EQ(before.faults, after.faults);
	EXPECT_EQ(before.ipis_sent, after.ipis_sent);
	EXPECT_EQ(before.ipis_saved, after.ipis_saved);
	EXPECT_EQ(before.waits, after.waits);
	for (__u64 i = 0; i < BATCH; i++)
		EXPECT_EQ(-EINVAL, _guest_set_memory(guest, 1 + i, 0, 0, NULL, 0));
}

/* A guest that stores to all pages of a slot for ever. */
GUEST_CODE(wander, 64,
	   "sti\n"
	   "1: mov %rsi, %rdi\n"
	   "mov %rcx, %rbx\n"
	   "2: incq (%rdi)\n"
	   "add $4096, %rdi\n"
	   "incq (%r8)\n"
	   "dec %rbx\n"
	   "jnz 2b\n"
	   "jmp 1b\n");

static void wander_start(struct __test_metadata *_metadata, struct runner *runner)
{
	struct guest *guest = runner->guest;
	struct kvm_regs regs;

	runner->again = true;
	guest_load(guest, wander);
	guest_start(_metadata, guest, FIRST, PAGES);
	get_regs(_metadata, guest, &regs);
	regs.r8 = DATA;
	set_regs(_metadata, guest, &regs);
	ASSERT_EQ(0, pthread_create(&runner->thread, NULL, runner_run, runner));
}

struct known {
	__u64 words[PAGES];
};

static void take_log(const __u8 *mem, struct known *known, const __u64 *bits)
{
	for (__u64 i = 0; i < PAGES; i++)
		if (bits[i / 64] >> i % 64 & 1)
			known->words[i] = *word(mem, i);
}

/* What has changed since is in the bitmap. */
static void check_log(struct __test_metadata *_metadata, const __u8 *mem, struct known *known,
		      const __u64 *bits)
{
	take_log(mem, known, bits);
	for (__u64 i = 0; i < PAGES; i++) {
		ASSERT_EQ(known->words[i], *word(mem, i)) {
			TH_LOG("page %llu", i);
		}
	}
}

/* I11: of a slot that goes while its guest writes. */
TEST_F_TIMEOUT(slots, i11_last_bits_of_a_deleted_slot, 300)
{
	struct guest *guest = &self->guest;
	struct runner runner = { .guest = guest };
	struct slat_memory_region slot = region(1, FIRST, SIZE, self->mem,
						KVM_MEM_LOG_DIRTY_PAGES);
	struct known known = { 0 };
	unsigned int written = 0;

	skip_without_regions();
	ASSERT_EQ(0, _set_regions(guest, &slot, 1));
	wander_start(_metadata, &runner);
	for (int i = 0; i < LOG_ROUNDS; i++) {
		__u64 bits[PAGES / 64] = { 0x5555555555555555ULL };
		struct slat_memory_region gone = no_region(1);

		wait_for_steps(&runner, 1 + i % 3 * PAGES);
		gone.dirty_bitmap = (unsigned long)bits;
		gone.dirty_bitmap_size = sizeof(bits);
		ASSERT_EQ(0, _set_regions(guest, &gone, 1));
		written += !!bits[0];
		check_log(_metadata, self->mem, &known, bits);
		wait_for_steps(&runner, 1);
		memset(bits, 0, sizeof(bits));
		check_log(_metadata, self->mem, &known, bits);
		ASSERT_EQ(0, _set_regions(guest, &slot, 1));
	}
	EXPECT_LT(0, written);
	__atomic_store_n(&runner.again, false, __ATOMIC_SEQ_CST);
	slot = no_region(1);
	ASSERT_EQ(0, _set_regions(guest, &slot, 1));
	ASSERT_EQ(0, pthread_join(runner.thread, NULL));
	EXPECT_EQ(0, runner.ret);
}

/* The same of one that moves to and fro; its log goes on, clean. */
TEST_F_TIMEOUT(slots, i11_last_bits_of_a_moved_slot, 300)
{
	struct guest *guest = &self->guest;
	struct runner runner = { .guest = guest };
	struct slat_memory_region slot = region(1, FIRST, SIZE, self->mem,
						KVM_MEM_LOG_DIRTY_PAGES);
	struct known known = { 0 };
	unsigned int written = 0;
	__u64 bits[PAGES / 64];

	skip_without_regions();
	ASSERT_EQ(0, _set_regions(guest, &slot, 1));
	wander_start(_metadata, &runner);
	for (int i = 0; i < LOG_ROUNDS; i++) {
		wait_for_steps(&runner, 1 + i % 3 * PAGES);
		slot.guest_phys_addr = i & 1 ? FIRST : SECOND;
		/* Now and then nobody asks, and nothing is lost. */
		slot.dirty_bitmap = i % 3 ? (unsigned long)bits : 0;
		slot.dirty_bitmap_size = i % 3 ? sizeof(bits) : 0;
		ASSERT_EQ(0, _set_regions(guest, &slot, 1));
		if (!(i % 3))
			continue;
		written += !!bits[0];
		/* At its first place the guest goes on, and with that the log. */
		if (i & 1)
			take_log(self->mem, &known, bits);
		else
			check_log(_metadata, self->mem, &known, bits);
	}
	EXPECT_LT(0, written);
	__atomic_store_n(&runner.again, false, __ATOMIC_SEQ_CST);
	slot = no_region(1);
	slot.dirty_bitmap = (unsigned long)bits;
	slot.dirty_bitmap_size = sizeof(bits);
	ASSERT_EQ(0, _set_regions(guest, &slot, 1));
	check_log(_metadata, self->mem, &known, bits);
	ASSERT_EQ(0, pthread_join(runner.thread, NULL));
	EXPECT_EQ(0, runner.ret);
}

/* What it costs to delete a slot does not follow from its size. */
TEST_F_TIMEOUT(slots, a_large_slot_goes_by_one_write, 300)
{
	const __u64 pages = 64 * 512, gib = 1 << 30;
	struct guest *guest = &self->guest;
	struct slat_vm_stats before, after;
	__u8 *large;

	skip_without_regions();
	large = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, large);
	madvise(large, pages * PAGE, MADV_NOHUGEPAGE);
	/* The guest's own memory is in the gigabyte below. */
	ASSERT_EQ(0, _guest_set_memory(guest, 1, gib, pages * PAGE, large, 0));
	for (__u64 i = 0; i < 64; i++) {
		guest_load(guest, sum);
		guest_start(_metadata, guest, gib + i * HUGE, 1);
		guest_u64(guest, TABLES + 0x1000 + 8) = gib | 0x87;
		guest_run_hlt(_metadata, guest);
	}
	get_stats(_metadata, guest, &before);
	ASSERT_EQ(0, _guest_set_memory(guest, 1, gib, 0, NULL, 0));
	get_stats(_metadata, guest, &after);
	EXPECT_EQ(before.tables_unlinked + 1, after.tables_unlinked);
	EXPECT_EQ(before.batches + 1, after.batches);
	munmap(large, pages * PAGE);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
