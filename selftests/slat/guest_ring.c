// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings, as KVM has them.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "guest_pages.h"
#include "hostile.h"

#define FIRST		0x1000000UL
#define PAGES		2048UL
#define SIZE		(PAGES * PAGE)
#define ENTRIES		1024U
#define RING_SIZE	(ENTRIES * sizeof(struct kvm_dirty_gfn))
#define RING_AT		(KVM_DIRTY_LOG_PAGE_OFFSET * PAGE)
#define LOGGED		KVM_MEM_LOG_DIRTY_PAGES

FIXTURE(ring) {
	struct guest guest;
	struct kvm_dirty_gfn *entries;
	__u32 at;
	__u8 *mem;
	__u64 told[PAGES];		/* how often each page has been */
};

#define ring_data	FIXTURE_DATA(ring)

static int _enable(struct guest *guest, __u32 cap, __u64 size)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { size } };

	return _ioctl_ptr(guest->vm, KVM_ENABLE_CAP, &enable);
}

FIXTURE_SETUP(ring)
{
	guest_create_vm(_metadata, &self->guest);
	ASSERT_EQ(0, _enable(&self->guest, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, RING_SIZE));
	guest_create_vcpu(_metadata, &self->guest);
	self->entries = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->guest.fd,
			     RING_AT);
	ASSERT_NE(MAP_FAILED, self->entries);
	self->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	madvise(self->mem, SIZE, MADV_NOHUGEPAGE);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, LOGGED));
}

FIXTURE_TEARDOWN(ring)
{
	munmap(self->entries, RING_SIZE);
	guest_destroy(&self->guest);
	munmap(self->mem, SIZE);
}

/* Reads what there is, and gives it back.  How many. */
static int harvest(struct __test_metadata *_metadata, ring_data *self)
{
	int count = 0;

	for (;; self->at++, count++) {
		struct kvm_dirty_gfn *entry = &self->entries[self->at % ENTRIES];

		if (__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			break;
		ASSERT_EQ(1, entry->slot);
		ASSERT_GT(PAGES, entry->offset);
		self->told[entry->offset]++;
		__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	}
	return count;
}

static void reset(struct __test_metadata *_metadata, struct guest *guest, int count)
{
	ASSERT_EQ(count, _ioctl(guest->vm, KVM_RESET_DIRTY_RINGS, 0));
}

TEST_F(ring, each_write_is_told_once)
{
	for (int round = 1; round <= 3; round++) {
		guest_store(_metadata, &self->guest, FIRST + 10 * PAGE, 200);
		EXPECT_EQ(200, harvest(_metadata, self));
		/* Until it is reset. */
		guest_store(_metadata, &self->guest, FIRST + 10 * PAGE, 200);
		EXPECT_EQ(0, harvest(_metadata, self));
		reset(_metadata, &self->guest, 200);
		reset(_metadata, &self->guest, 0);
		for (unsigned long i = 0; i < PAGES; i++)
			ASSERT_EQ(i >= 10 && i < 210 ? round : 0, self->told[i]);
	}
}

TEST_F(ring, a_full_ring_exits)
{
	struct guest *guest = &self->guest;
	__u64 sum = 0;
	int exits = 0;

	guest_load(guest, store);
	guest_start(_metadata, guest, FIRST, PAGES);
	for (;;) {
		int count;

		ASSERT_EQ(0, _guest_run(guest));
		if (guest->run->exit_reason == KVM_EXIT_HLT)
			break;
		ASSERT_EQ(KVM_EXIT_DIRTY_RING_FULL, guest->run->exit_reason);
		/* And again, until somebody makes room. */
		ASSERT_EQ(0, _guest_run(guest));
		ASSERT_EQ(KVM_EXIT_DIRTY_RING_FULL, guest->run->exit_reason);
		count = harvest(_metadata, self);
		EXPECT_LT(0, count);
		EXPECT_GE(ENTRIES, count);
		reset(_metadata, guest, count);
		exits++;
	}
	EXPECT_LE(2, exits);
	harvest(_metadata, self);
	for (unsigned long i = 0; i < PAGES; i++) {
		ASSERT_LE(1, self->told[i]);
		sum += self->told[i];
	}
	/* A page that was told, and reset, just before it was written: once more. */
	EXPECT_GE(PAGES + exits, sum);
}

TEST_F(ring, a_log_has_no_bitmap)
{
	__u64 bits[PAGES / 64];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bits };
	struct kvm_clear_dirty_log clear = { .slot = 1, .num_pages = 64, .dirty_bitmap = bits };

	EXPECT_EQ(-ENXIO, _ioctl_ptr(self->guest.vm, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(-ENXIO, _ioctl_ptr(self->guest.vm, KVM_CLEAR_DIRTY_LOG, &clear));
}

TEST_F(ring, mappings_that_there_are_not)
{
	static const int prot[] = { PROT_READ | PROT_EXEC, PROT_READ };
	static const int flags[] = { MAP_SHARED, MAP_PRIVATE };

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, prot[i], flags[i], self->guest.fd,
					   RING_AT));
		EXPECT_EQ(EINVAL, errno);
	}
}

static bool touch_faults(const __u8 *byte)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		*(const volatile __u8 *)byte;
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGBUS;
}

TEST_F(ring, a_ring_ends)
{
	__u8 *more = mmap(NULL, RING_SIZE + PAGE, PROT_READ, MAP_SHARED, self->guest.fd, RING_AT);

	ASSERT_NE(MAP_FAILED, more);
	EXPECT_FALSE(touch_faults(more + RING_SIZE - 1));
	EXPECT_TRUE(touch_faults(more + RING_SIZE));
	munmap(more, RING_SIZE + PAGE);
}

TEST_F(ring, sizes)
{
	const __u64 max = _ioctl(self->guest.dev, KVM_CHECK_EXTENSION,
				 KVM_CAP_DIRTY_LOG_RING_ACQ_REL);
	const __u64 bad[] = { 0, 1, PAGE / 2, 3 * PAGE, 1ULL << 63, ~0ULL };
	struct guest guest;

	ASSERT_LE(RING_SIZE, max);
	EXPECT_EQ(-EINVAL, _enable(&self->guest, KVM_CAP_DIRTY_LOG_RING, RING_SIZE));
	guest_create_vm(_metadata, &guest);
	EXPECT_EQ(-EINVAL, _ioctl(guest.vm, KVM_RESET_DIRTY_RINGS, 0));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int ret = _enable(&guest, KVM_CAP_DIRTY_LOG_RING, bad[i]);

		EXPECT_EQ(bad[i] == 1ULL << 63 ? -E2BIG : -EINVAL, ret) {
			TH_LOG("size %#llx", bad[i]);
		}
	}
	EXPECT_EQ(-E2BIG, _enable(&guest, KVM_CAP_DIRTY_LOG_RING, 2 * max));
	EXPECT_EQ(0, _enable(&guest, KVM_CAP_DIRTY_LOG_RING, max));
	EXPECT_EQ(-EINVAL, _enable(&guest, KVM_CAP_DIRTY_LOG_RING, max));
	guest_create_vcpu(_metadata, &guest);
	guest_destroy(&guest);
}

/* A byte from a port, which user space gives, and the module writes. */
GUEST_CODE(input, 64,
	   "mov %rsi, %rdi\n"
	   "mov $0x10, %dx\n"
	   "insb\n"
	   "hlt\n");

TEST_F(ring, what_the_module_writes_is_told)
{
	struct guest *guest = &self->guest;

	guest_load(guest, input);
	guest_start(_metadata, guest, FIRST + 7 * PAGE, 1);
	ASSERT_EQ(0, _guest_run(guest));
	ASSERT_EQ(KVM_EXIT_IO, guest->run->exit_reason);
	*((__u8 *)guest->run + guest->run->io.data_offset) = 0x5a;
	ASSERT_EQ(0, _guest_run(guest));
	ASSERT_EQ(KVM_EXIT_HLT, guest->run->exit_reason);
	EXPECT_EQ(0x5a, self->mem[7 * PAGE]);
	EXPECT_EQ(1, harvest(_metadata, self));
	EXPECT_EQ(1, self->told[7]);
	reset(_metadata, guest, 1);
}

static void *count_run(void *arg)
{
	struct guest *guest = arg;

	for (;;) {
		int ret = _guest_run(guest);

		if (ret && ret != -EINTR)
			return (void *)1;
		if (!ret && guest->run->exit_reason == KVM_EXIT_HLT)
			return NULL;
		sched_yield();
	}
}

static __u64 page_value(ring_data *self, unsigned long page)
{
	return *(volatile __u64 *)(self->mem + page * PAGE);
}

/* What was told since the last time, after the reset, as its writes are told anew. */
static int copy_told(struct __test_metadata *_metadata, ring_data *self, __u64 *copy,
		     unsigned long pages)
{
	int count;

	memset(self->told, 0, sizeof(self->told));
	count = harvest(_metadata, self);
	reset(_metadata, &self->guest, count);
	for (unsigned long i = 0; i < pages; i++)
		if (self->told[i])
			copy[i] = page_value(self, i);
	return count;
}

#define COUNTED		700UL

/* I11, with more pages than the ring takes at once. */
TEST_F_TIMEOUT(ring, i11_no_write_is_missing, 300)
{
	static __u64 copy[COUNTED];
	struct guest *guest = &self->guest;
	pthread_t thread;
	void *failed;

	guest_u64(guest, DATA) = 0;
	guest_load(guest, count_up);
	guest_start(_metadata, guest, FIRST, COUNTED);
	ASSERT_EQ(0, pthread_create(&thread, NULL, count_run, guest));
	for (int i = 0; i < 100;) {
		i += !!copy_told(_metadata, self, copy, COUNTED);
		sched_yield();
	}
	guest_u64(guest, DATA) = 1;
	while (pthread_tryjoin_np(thread, &failed)) {
		copy_told(_metadata, self, copy, COUNTED);
		sched_yield();
	}
	EXPECT_EQ(NULL, failed);
	copy_told(_metadata, self, copy, COUNTED);
	for (unsigned long i = 0; i < COUNTED; i++) {
		ASSERT_EQ(page_value(self, i), copy[i]) {
			TH_LOG("page %lu", i);
		}
	}
}

/* Whatever is in the ring, the machine is none the worse for it. */
TEST_F_TIMEOUT(ring, user_space_writes_what_it_likes, 300)
{
	__u64 state = 0x51a7;

	for (int i = 0; i < 200; i++) {
		int ret;

		random_fill(&state, self->entries, RING_SIZE);
		for (__u32 entry = 0; entry < ENTRIES; entry++)
			if (random_below(&state, 2))
				self->entries[entry].flags = KVM_DIRTY_GFN_F_RESET;
		ret = _ioctl(self->guest.vm, KVM_RESET_DIRTY_RINGS, 0);
		ASSERT_LE(0, ret);
		ASSERT_GE(ENTRIES, ret);
		guest_load(&self->guest, store);
		guest_start(_metadata, &self->guest, FIRST, PAGES);
		ASSERT_EQ(0, _guest_run(&self->guest));
	}
	for (__u32 entry = 0; entry < ENTRIES; entry++)
		self->entries[entry] = (struct kvm_dirty_gfn) { .flags = KVM_DIRTY_GFN_F_RESET };
	_ioctl(self->guest.vm, KVM_RESET_DIRTY_RINGS, 0);
	EXPECT_TRUE(works(&self->guest));
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
