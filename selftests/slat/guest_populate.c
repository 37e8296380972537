// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is mapped before the guest uses it: SLAT_POPULATE, and
 * KVM_PRE_FAULT_MEMORY.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#include "guest_pages.h"

#define FIRST		0x1000000UL
#define PAGES		256UL
#define SIZE		(PAGES * PAGE)

#ifndef KVM_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY 236
#define KVM_PRE_FAULT_MEMORY	_IOWR(KVMIO, 0xd5, struct slat_populate)
#endif

FIXTURE(populate) {
	struct guest guest;
	__u8 *mem;
	struct slat_populate range;
};

FIXTURE_SETUP(populate)
{
	guest_create(_metadata, &self->guest);
	self->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	madvise(self->mem, SIZE, MADV_NOHUGEPAGE);
	self->range = (struct slat_populate) { .gpa = FIRST, .size = SIZE };
}

FIXTURE_TEARDOWN(populate)
{
	guest_destroy(&self->guest);
	munmap(self->mem, SIZE);
}

#define skip_on_kvm() do {						\
	if (!on_slat())							\
		SKIP(return, "Slat's own call");			\
} while (0)

static int populate(struct guest *guest, struct slat_populate *range)
{
	return _ioctl_ptr(guest->vm, SLAT_POPULATE, range);
}

static void expect_left(struct __test_metadata *_metadata, const struct slat_populate *range,
			__u64 gpa, __u64 size)
{
	EXPECT_EQ(gpa, range->gpa);
	EXPECT_EQ(size, range->size);
}

/* How many faults the guest has by storing to the slot; its code has been run. */
static __u64 faults(struct __test_metadata *_metadata, struct guest *guest)
{
	struct slat_vm_stats before, after;

	get_stats(_metadata, guest, &before);
	guest_store(_metadata, guest, FIRST, PAGES);
	get_stats(_metadata, guest, &after);
	return after.faults - before.faults;
}

/* Brings in what the code needs. */
static void run_once(struct __test_metadata *_metadata, struct guest *guest, __u8 *mem)
{
	ASSERT_EQ(0, _guest_set_memory(guest, 2, FIRST + SIZE, PAGE, mem, 0));
	guest_store(_metadata, guest, FIRST + SIZE, 1);
	ASSERT_EQ(0, _guest_set_memory(guest, 2, FIRST + SIZE, 0, mem, 0));
}

TEST_F(populate, spares_all_faults)
{
	skip_on_kvm();
	run_once(_metadata, &self->guest, self->mem);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	self->range.flags = SLAT_POPULATE_WRITE;
	ASSERT_EQ(0, populate(&self->guest, &self->range));
	expect_left(_metadata, &self->range, FIRST + SIZE, 0);
	EXPECT_EQ(0, faults(_metadata, &self->guest));
	check_stored(_metadata, self->mem, FIRST, PAGES);
}

/* Pages that have not been written to are read-only, and are written to nevertheless. */
TEST_F(populate, to_be_read)
{
	skip_on_kvm();
	run_once(_metadata, &self->guest, self->mem);
	ASSERT_EQ(0, munmap(self->mem, SIZE));
	self->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	ASSERT_EQ(0, populate(&self->guest, &self->range));
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	EXPECT_LT(0, faults(_metadata, &self->guest));
	check_stored(_metadata, self->mem, FIRST, PAGES);
}

TEST_F(populate, huge_pages_by_huge_leaves)
{
	bool thp_was_off = thp_on();
	__u8 *mem = map_thp(_metadata, 2 * HUGE);
	struct slat_vm_stats before, after;

	thp_restore(thp_was_off);
	skip_on_kvm();
	if (!mem)
		SKIP(return, "no transparent huge pages");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 2 * HUGE, mem, 0));
	get_stats(_metadata, &self->guest, &before);
	self->range.size = 2 * HUGE;
	ASSERT_EQ(0, populate(&self->guest, &self->range));
	expect_left(_metadata, &self->range, FIRST + 2 * HUGE, 0);
	get_stats(_metadata, &self->guest, &after);
	EXPECT_EQ(2, after.installs - before.installs);
	guest_store(_metadata, &self->guest, FIRST, 1024);
	check_stored(_metadata, mem, FIRST, 1024);
}

TEST_F(populate, what_there_is_of_it)
{
	skip_on_kvm();
	EXPECT_EQ(-ENOENT, populate(&self->guest, &self->range));
	expect_left(_metadata, &self->range, FIRST, SIZE);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE / 2, self->mem, 0));
	EXPECT_EQ(0, populate(&self->guest, &self->range));
	expect_left(_metadata, &self->range, FIRST + SIZE / 2, SIZE / 2);
	EXPECT_EQ(-ENOENT, populate(&self->guest, &self->range));
	/* Two slots are one range. */
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 2, FIRST + SIZE / 2, SIZE / 2,
				       self->mem + SIZE / 2, 0));
	self->range = (struct slat_populate) { .gpa = FIRST, .size = SIZE };
	EXPECT_EQ(0, populate(&self->guest, &self->range));
	expect_left(_metadata, &self->range, FIRST + SIZE, 0);
}

TEST_F(populate, memory_that_is_not_there)
{
	skip_on_kvm();
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	ASSERT_EQ(0, munmap(self->mem + PAGE, PAGE));
	EXPECT_EQ(0, populate(&self->guest, &self->range));
	expect_left(_metadata, &self->range, FIRST + PAGE, SIZE - PAGE);
	EXPECT_EQ(-EFAULT, populate(&self->guest, &self->range));
	expect_left(_metadata, &self->range, FIRST + PAGE, SIZE - PAGE);
}

TEST_F(populate, a_log_has_nothing_of_it)
{
	unsigned long bits[PAGES / 64] = { 0 };
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bits };

	skip_on_kvm();
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	self->range.flags = SLAT_POPULATE_WRITE;
	ASSERT_EQ(0, populate(&self->guest, &self->range));
	ASSERT_EQ(0, _ioctl_ptr(self->guest.vm, KVM_GET_DIRTY_LOG, &log));
	for (__u64 i = 0; i < PAGES / 64; i++)
		EXPECT_EQ(0, bits[i]);
	guest_store(_metadata, &self->guest, FIRST, 3);
	ASSERT_EQ(0, _ioctl_ptr(self->guest.vm, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(7, bits[0]);
}

TEST_F(populate, a_slot_that_is_read_only)
{
	skip_on_kvm();
	memset(self->mem, 0, SIZE);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem,
				       KVM_MEM_READONLY));
	self->range.flags = SLAT_POPULATE_WRITE;
	ASSERT_EQ(0, populate(&self->guest, &self->range));
	guest_load(&self->guest, store);
	guest_start(_metadata, &self->guest, FIRST, 1);
	guest_run(_metadata, &self->guest, KVM_EXIT_MMIO);
	EXPECT_EQ(0, *(volatile __u64 *)self->mem);
}

static volatile int signals, quiet;

static void count_signal(int nr)
{
	signals++;
}

static void *send_signals(void *target)
{
	while (!quiet) {
		pthread_kill(*(pthread_t *)target, SIGUSR1);
		sched_yield();
	}
	return NULL;
}

/* They come before, in and after calls: all gets mapped, and what is left is said. */
TEST_F(populate, signals_end_it)
{
	struct sigaction action = { .sa_handler = count_signal };
	pthread_t self_thread = pthread_self(), sender;
	unsigned int ended = 0;

	skip_on_kvm();
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	quiet = 0;
	ASSERT_EQ(0, pthread_create(&sender, NULL, send_signals, &self_thread));
	for (int i = 0; i < 1000 && ended < 10; i++) {
		int ret;

		ASSERT_EQ(0, _ioctl(self->guest.vm, SLAT_ZAP_ALL, 0));
		self->range = (struct slat_populate) { .gpa = FIRST, .size = SIZE };
		while ((ret = populate(&self->guest, &self->range)) || self->range.size) {
			ASSERT_TRUE(!ret || ret == -EINTR);
			ASSERT_EQ(FIRST + SIZE, self->range.gpa + self->range.size);
			ended++;
		}
		expect_left(_metadata, &self->range, FIRST + SIZE, 0);
	}
	quiet = 1;
	ASSERT_EQ(0, pthread_join(sender, NULL));
	EXPECT_LT(0, signals);
	EXPECT_LT(0, ended);
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	check_stored(_metadata, self->mem, FIRST, PAGES);
}

/* KVM's call, with its errors. */
TEST_F(populate, pre_fault_memory)
{
	struct guest *guest = &self->guest;

	if (_ioctl(guest->vm, KVM_CHECK_EXTENSION, KVM_CAP_PRE_FAULT_MEMORY) != 1)
		SKIP(return, "this KVM has no KVM_PRE_FAULT_MEMORY");
	EXPECT_EQ(-ENOENT, _ioctl_ptr(guest->fd, KVM_PRE_FAULT_MEMORY, &self->range));
	ASSERT_EQ(0, _guest_set_memory(guest, 1, FIRST, SIZE, self->mem, 0));
	self->range.flags = 1;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_PRE_FAULT_MEMORY, &self->range));
	self->range.flags = 0;
	self->range.size--;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_PRE_FAULT_MEMORY, &self->range));
	self->range.size = 0;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_PRE_FAULT_MEMORY, &self->range));
	memset(self->mem, 0, SIZE);
	self->range.size = SIZE;
	do {
		ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_PRE_FAULT_MEMORY, &self->range));
	} while (self->range.size);
	expect_left(_metadata, &self->range, FIRST + SIZE, 0);
	if (on_slat()) {
		run_once(_metadata, guest, self->mem);
		EXPECT_EQ(0, faults(_metadata, guest));
	}
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
