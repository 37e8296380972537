// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory: where it comes from, goes away, is written; and what that
 * costs the rest of it.
 *
 * What counts translations needs SLAT_GET_STATS and is skipped elsewhere.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "guest_pages.h"

#define FIRST		0x1000000UL	/* guest-physical addresses of more slots */
#define SECOND		0x2000000UL
#define PAGES		256UL
#define SIZE		(PAGES * PAGE)

FIXTURE(memory) {
	struct guest guest;
	__u8 *mem;
};

FIXTURE_SETUP(memory)
{
	guest_create(_metadata, &self->guest);
	self->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(memory)
{
	guest_destroy(&self->guest);
	munmap(self->mem, SIZE);
}

/* Both sides see what the other writes. */
static void check_shared(struct __test_metadata *_metadata, struct guest *guest, __u8 *mem)
{
	ASSERT_EQ(0, _guest_set_memory(guest, 1, FIRST, SIZE, mem, 0));
	guest_store(_metadata, guest, FIRST, PAGES);
	check_stored(_metadata, mem, FIRST, PAGES);
	for (__u64 i = 0; i < PAGES; i++)
		*(volatile __u64 *)(mem + i * PAGE) = 3;
	EXPECT_EQ(3 * PAGES, guest_sum(_metadata, guest, FIRST, PAGES));
}

TEST_F(memory, anonymous)
{
	check_shared(_metadata, &self->guest, self->mem);
}

TEST_F(memory, shared)
{
	int fd = memfd_create("guest", 0);
	__u8 *mem;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, SIZE));
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	check_shared(_metadata, &self->guest, mem);
	munmap(mem, SIZE);
	close(fd);
}

/* Read first: what is mapped for reading must not stay when it is written. */
TEST_F(memory, the_zero_page_is_not_written)
{
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	guest_store(_metadata, &self->guest, FIRST, 1);
	EXPECT_EQ(FIRST, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	check_stored(_metadata, self->mem, FIRST, 1);
}

TEST_F(memory, discarded_memory_reads_as_zero)
{
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_DONTNEED));
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST, PAGES));
}

TEST_F(memory, unmapped_memory_is_an_error_not_a_hang)
{
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_NONE));
	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, FIRST, PAGES);
	EXPECT_EQ(-EFAULT, _guest_run(&self->guest));
	/* With memory again it goes on where it was. */
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_READ | PROT_WRITE));
	guest_run_hlt(_metadata, &self->guest);
}

TEST_F(memory, a_fork_keeps_its_own)
{
	int status;
	pid_t child;

	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	memset(self->mem, 0, SIZE);
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		char byte;
		bool zero = true;

		if (read(pipes[0], &byte, 1) != 1)
			_exit(2);
		for (size_t i = 0; i < SIZE; i++)
			zero &= !self->mem[i];
		/* A call from here is a call from another mm. */
		if (on_slat() && _guest_run(&self->guest) != -EIO)
			_exit(3);
		_exit(!zero);
	}
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(1, write(pipes[1], "", 1));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	check_stored(_metadata, self->mem, FIRST, PAGES);
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(memory, read_only_slots_exit_at_a_write)
{
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, KVM_MEM_READONLY));
	*(__u64 *)self->mem = 5;
	EXPECT_EQ(5, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	guest_load(&self->guest, store);
	guest_start(_metadata, &self->guest, FIRST, 1);
	guest_run(_metadata, &self->guest, KVM_EXIT_MMIO);
	EXPECT_EQ(FIRST, self->guest.run->mmio.phys_addr);
	EXPECT_EQ(8, self->guest.run->mmio.len);
	EXPECT_EQ(1, self->guest.run->mmio.is_write);
	EXPECT_EQ(FIRST, *(__u64 *)self->guest.run->mmio.data);
	guest_run_hlt(_metadata, &self->guest);
	EXPECT_EQ(5, *(__u64 *)self->mem);
}

TEST_F(memory, no_slot_is_a_device)
{
	struct kvm_regs regs;

	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, SECOND, 2);
	for (int i = 0; i < 2; i++) {
		guest_run(_metadata, &self->guest, KVM_EXIT_MMIO);
		EXPECT_EQ(SECOND + i * PAGE, self->guest.run->mmio.phys_addr);
		EXPECT_EQ(8, self->guest.run->mmio.len);
		EXPECT_EQ(0, self->guest.run->mmio.is_write);
		*(__u64 *)self->guest.run->mmio.data = 0x1000 << i;
	}
	guest_run_hlt(_metadata, &self->guest);
	get_regs(_metadata, &self->guest, &regs);
	EXPECT_EQ(0x3000, regs.rax);
}

TEST_F(memory, a_deleted_slot_is_a_device)
{
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 0, self->mem, 0));
	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, FIRST, 1);
	guest_run(_metadata, &self->guest, KVM_EXIT_MMIO);
	EXPECT_EQ(FIRST, self->guest.run->mmio.phys_addr);
	check_stored(_metadata, self->mem, FIRST, PAGES);
}

TEST_F(memory, a_moved_slot_is_where_it_was_moved_to)
{
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, SECOND, SIZE, self->mem, 0));
	EXPECT_EQ(expected_sum(FIRST, PAGES),
		  guest_sum(_metadata, &self->guest, SECOND, PAGES));
	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, FIRST, 1);
	guest_run(_metadata, &self->guest, KVM_EXIT_MMIO);
}

TEST_F(memory, a_page_faults_once)
{
	struct slat_vm_stats before, after;

	skip_without_stats();
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	/* One page of it brings in the tables and what the code needs. */
	guest_store(_metadata, &self->guest, FIRST, 1);
	get_stats(_metadata, &self->guest, &before);
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	get_stats(_metadata, &self->guest, &after);
	EXPECT_EQ(PAGES - 1, after.faults - before.faults);
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	get_stats(_metadata, &self->guest, &before);
	EXPECT_EQ(after.faults, before.faults);
}

/* How many faults it takes to store to some pages of the first slot; the others have been. */
static __u64 count_faults(struct __test_metadata *_metadata, struct guest *guest, __u64 gpa,
			  __u64 pages)
{
	struct slat_vm_stats before, after;

	get_stats(_metadata, guest, &before);
	guest_store(_metadata, guest, gpa, pages);
	get_stats(_metadata, guest, &after);
	return after.faults - before.faults;
}

/* The second of them maps four pages, those after it sixteen. */
TEST_F(memory, pages_that_the_host_has_fault_together)
{
	skip_without_stats();
	memset(self->mem, 1, SIZE);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	guest_store(_metadata, &self->guest, FIRST, 1);
	EXPECT_EQ(2 + (PAGES - 16) / 16, count_faults(_metadata, &self->guest, FIRST, PAGES));
	EXPECT_EQ(0, count_faults(_metadata, &self->guest, FIRST, PAGES));
	check_stored(_metadata, self->mem, FIRST, PAGES);
}

TEST_F(memory, pages_here_and_there_fault_one_by_one)
{
	struct slat_vm_stats before, after;

	skip_without_stats();
	memset(self->mem, 1, SIZE);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	guest_store(_metadata, &self->guest, FIRST, 1);
	get_stats(_metadata, &self->guest, &before);
	for (__u64 page = 2; page < PAGES; page += 2)
		EXPECT_EQ(1, count_faults(_metadata, &self->guest, FIRST + page * PAGE, 1));
	get_stats(_metadata, &self->guest, &after);
	EXPECT_EQ(PAGES / 2 - 1, after.installs - before.installs);
}

/* The log has what the guest has written, not what lies next to it. */
TEST_F(memory, neighbours_are_not_logged)
{
	unsigned long bits[PAGES / 64] = { 0 };
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bits };

	memset(self->mem, 1, SIZE);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	guest_store(_metadata, &self->guest, FIRST, 5);
	ASSERT_EQ(0, _ioctl_ptr(self->guest.vm, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(0x1f, bits[0]);
	for (__u64 i = 1; i < PAGES / 64; i++)
		EXPECT_EQ(0, bits[i]);
}

/* I6 as the owner sees it: contents stay, translations come back by faults. */
TEST_F(memory, zap_all_keeps_contents)
{
	struct slat_vm_stats before, after;

	skip_without_stats();
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	get_stats(_metadata, &self->guest, &before);
	ASSERT_EQ(0, _ioctl(self->guest.vm, SLAT_ZAP_ALL, 0));
	get_stats(_metadata, &self->guest, &after);
	EXPECT_EQ(before.zaps + 1, after.zaps);
	EXPECT_EQ(before.tables_unlinked + 1, after.tables_unlinked);
	EXPECT_EQ(expected_sum(FIRST, PAGES),
		  guest_sum(_metadata, &self->guest, FIRST, PAGES));
	get_stats(_metadata, &self->guest, &before);
	/* Each page, by faults of up to sixteen. */
	EXPECT_LE(PAGES, before.installs - after.installs);
	EXPECT_LE(PAGES / 16, before.faults - after.faults);
}

/* Whoever zaps in a loop cannot make the tables grow. */
TEST_F(memory, zap_all_in_a_loop_reuses_tables)
{
	struct slat_vm_stats early, late;

	skip_without_stats();
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	for (int i = 0; i < 40; i++) {
		guest_store(_metadata, &self->guest, FIRST, 8);
		ASSERT_EQ(0, _ioctl(self->guest.vm, SLAT_ZAP_ALL, 0));
		if (i == 9)
			get_stats(_metadata, &self->guest, &early);
	}
	get_stats(_metadata, &self->guest, &late);
	EXPECT_GE(early.tables_allocated - early.tables_freed + 16,
		  late.tables_allocated - late.tables_freed);
}

static __u64 dirty_pages(struct __test_metadata *_metadata, struct guest *guest, __u64 *bitmap)
{
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };
	__u64 count = 0;

	memset(bitmap, 0, PAGES / 8);
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_DIRTY_LOG, &log));
	for (__u64 i = 0; i < PAGES; i++)
		count += bitmap[i / 64] >> i % 64 & 1;
	return count;
}

TEST_F(memory, the_dirty_log_has_each_write_once)
{
	__u64 bitmap[PAGES / 64];

	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	EXPECT_EQ(0, dirty_pages(_metadata, &self->guest, bitmap));
	guest_store(_metadata, &self->guest, FIRST + 10 * PAGE, 7);
	EXPECT_EQ(7, dirty_pages(_metadata, &self->guest, bitmap));
	EXPECT_EQ(0x7fULL << 10, bitmap[0]);
	EXPECT_EQ(0, dirty_pages(_metadata, &self->guest, bitmap));
	guest_sum(_metadata, &self->guest, FIRST, PAGES);
	EXPECT_EQ(0, dirty_pages(_metadata, &self->guest, bitmap));
	guest_store(_metadata, &self->guest, FIRST + 12 * PAGE, 1);
	EXPECT_EQ(1, dirty_pages(_metadata, &self->guest, bitmap));
	EXPECT_EQ(1ULL << 12, bitmap[0]);
}

TEST_F(memory, logging_begins_with_pages_that_are_mapped)
{
	__u64 bitmap[PAGES / 64];

	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	EXPECT_EQ(0, dirty_pages(_metadata, &self->guest, bitmap));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	EXPECT_EQ(PAGES, dirty_pages(_metadata, &self->guest, bitmap));
}

/* A page that is dropped by the kernel and comes back is still logged. */
TEST_F(memory, discarding_loses_no_dirty_bit)
{
	__u64 bitmap[PAGES / 64];

	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_DONTNEED));
	EXPECT_EQ(PAGES, dirty_pages(_metadata, &self->guest, bitmap));
	guest_store(_metadata, &self->guest, FIRST, 3);
	EXPECT_EQ(3, dirty_pages(_metadata, &self->guest, bitmap));
}

/* I9; the leak check and the counters of the other tests do the rest. */
TEST_F(memory, machines_come_and_go)
{
	struct guest guest;

	for (int i = 0; i < 200; i++) {
		guest_create(_metadata, &guest);
		ASSERT_EQ(0, _guest_set_memory(&guest, 1, FIRST, SIZE, self->mem, 0));
		if (i % 20 == 0)
			guest_store(_metadata, &guest, FIRST, 4);
		guest_destroy(&guest);
	}
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
