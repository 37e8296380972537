// SPDX-License-Identifier: GPL-2.0-only
/*
 * The invariants of Documentation/mmu.rst, as far as a device can show them.
 * Those about single steps of one CPU are shown by the unit tests.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "guest_pages.h"

#define FIRST		0x1000000UL
#define SECOND		0x8000000UL
#define MEBI		(256 * PAGE)
#define LARGE		(64 * MEBI)
#define PAGES		64UL
#define SIZE		(PAGES * PAGE)

FIXTURE(invariant) {
	struct guest guest;
	__u8 *mem;
};

FIXTURE_SETUP(invariant)
{
	guest_create(_metadata, &self->guest);
	self->mem = map_small(_metadata, SIZE);
}

FIXTURE_TEARDOWN(invariant)
{
	guest_destroy(&self->guest);
}

/* A guest that stores to one page for ever, and can be interrupted. */
GUEST_CODE(spin, 64,
	   "sti\n"
	   "1: incq (%rsi)\n"
	   "jmp 1b\n");

struct spinner {
	struct guest *guest;
	pthread_t thread;
	int ret;
};

static void *spinner_run(void *arg)
{
	struct spinner *spinner = arg;

	do {
		spinner->ret = _guest_run(spinner->guest);
	} while (spinner->ret == -EINTR);
	return NULL;
}

/* Returns once the guest is there. */
static void spinner_start(struct __test_metadata *_metadata, struct spinner *spinner,
			  const __u8 *mem)
{
	guest_load(spinner->guest, spin);
	guest_start(_metadata, spinner->guest, FIRST, 1);
	ASSERT_EQ(0, pthread_create(&spinner->thread, NULL, spinner_run, spinner));
	while (*(const volatile __u64 *)mem < 1000)
		sched_yield();
}

static void spinner_join(struct __test_metadata *_metadata, struct spinner *spinner)
{
	ASSERT_EQ(0, pthread_join(spinner->thread, NULL));
}

/* I2, M5 */
TEST_F(invariant, i2_nobody_inside_nobody_interrupted)
{
	struct slat_vm_stats before, after;

	skip_without_stats();
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	get_stats(_metadata, &self->guest, &before);
	for (int i = 0; i < 10; i++) {
		guest_store(_metadata, &self->guest, FIRST, PAGES);
		ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_DONTNEED));
		guest_store(_metadata, &self->guest, FIRST, PAGES);
		ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, SECOND, SIZE, self->mem, 0));
		guest_store(_metadata, &self->guest, SECOND, PAGES);
		ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
		guest_store(_metadata, &self->guest, FIRST, PAGES);
		ASSERT_EQ(0, _ioctl(self->guest.vm, SLAT_ZAP_ALL, 0));
	}
	get_stats(_metadata, &self->guest, &after);
	EXPECT_EQ(before.batches + 40, after.batches);
	EXPECT_EQ(before.ipis_sent, after.ipis_sent);
	EXPECT_EQ(before.ipis_saved, after.ipis_saved);
	EXPECT_EQ(before.waits, after.waits);
}

/* I3: once the call has returned the guest does not reach the memory any more. */
TEST_F(invariant, i3_a_deleted_slot_is_not_written)
{
	struct spinner spinner = { .guest = &self->guest };
	struct slat_vm_stats before, after;

	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	spinner_start(_metadata, &spinner, self->mem);
	if (on_slat())
		get_stats(_metadata, &self->guest, &before);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 0, self->mem, 0));
	*(volatile __u64 *)self->mem = 0;
	spinner_join(_metadata, &spinner);
	ASSERT_EQ(0, spinner.ret);
	EXPECT_EQ(KVM_EXIT_MMIO, self->guest.run->exit_reason);
	EXPECT_EQ(FIRST, self->guest.run->mmio.phys_addr);
	EXPECT_EQ(0, *(volatile __u64 *)self->mem);
	if (on_slat()) {
		get_stats(_metadata, &self->guest, &after);
		EXPECT_GE(before.batches + 1, after.batches);
		EXPECT_GE(before.ipis_sent + 1, after.ipis_sent);
	}
}

TEST_F(invariant, i3_protected_memory_is_not_written)
{
	struct spinner spinner = { .guest = &self->guest };
	__u64 seen;

	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
	for (int i = 0; i < 20; i++) {
		*(volatile __u64 *)self->mem = 0;
		spinner_start(_metadata, &spinner, self->mem);
		ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_READ));
		seen = *(volatile __u64 *)self->mem;
		spinner_join(_metadata, &spinner);
		ASSERT_EQ(-EFAULT, spinner.ret);
		ASSERT_EQ(seen, *(volatile __u64 *)self->mem);
		ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_READ | PROT_WRITE));
	}
}

/* I3, I11: what the log does not say is not written after it was read. */
TEST_F(invariant, i3_a_read_dirty_log_is_complete)
{
	struct spinner spinner = { .guest = &self->guest };
	__u64 bitmap[PAGES / 64];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };
	__u64 seen = 0, now;

	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	spinner_start(_metadata, &spinner, self->mem);
	for (int i = 0; i < 50; i++) {
		bitmap[0] = 0;
		ASSERT_EQ(0, _ioctl_ptr(self->guest.vm, KVM_GET_DIRTY_LOG, &log));
		now = *(volatile __u64 *)self->mem;
		if (bitmap[0] & 1)
			seen = now;
		else
			/* It may have faulted since, but for the next log. */
			EXPECT_LE(seen, now);
		sched_yield();
	}
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_READ));
	spinner_join(_metadata, &spinner);
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_READ | PROT_WRITE));
	now = *(volatile __u64 *)self->mem;
	bitmap[0] = 0;
	ASSERT_EQ(0, _ioctl_ptr(self->guest.vm, KVM_GET_DIRTY_LOG, &log));
	EXPECT_TRUE(bitmap[0] & 1 || now == seen);
}

/* I5 */
TEST_F(invariant, i5_other_slot_keeps_its_translations)
{
	struct slat_vm_stats before, after;
	__u8 *large = map_small(_metadata, LARGE);

	skip_without_stats();
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, LARGE, large, 0));
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 2, SECOND, SIZE, self->mem, 0));
	get_stats(_metadata, &self->guest, &before);
	guest_store(_metadata, &self->guest, FIRST, LARGE / PAGE);
	get_stats(_metadata, &self->guest, &after);
	EXPECT_LE(before.installs + LARGE / PAGE, after.installs);
	guest_store(_metadata, &self->guest, SECOND, PAGES);
	/* What the code below touches besides, for the last time. */
	EXPECT_EQ(expected_sum(SECOND, PAGES),
		  guest_sum(_metadata, &self->guest, SECOND, PAGES));

	get_stats(_metadata, &self->guest, &before);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 0, large, 0));
	EXPECT_EQ(expected_sum(SECOND, PAGES),
		  guest_sum(_metadata, &self->guest, SECOND, PAGES));
	guest_store(_metadata, &self->guest, SECOND, PAGES);
	get_stats(_metadata, &self->guest, &after);
	EXPECT_EQ(before.faults, after.faults);
	EXPECT_EQ(before.batches + 1, after.batches);
	munmap(large, LARGE);
}

/* I6: one subtree is unlinked, whatever there is to drop; its time is a benchmark's. */
TEST_F(invariant, i6_zap_all_touches_one_entry)
{
	struct slat_vm_stats before, after;
	const size_t size = 16 * MEBI;
	__u8 *large = map_small(_metadata, size);

	skip_without_stats();
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, size, large, 0));
	guest_store(_metadata, &self->guest, FIRST, size / PAGE);
	get_stats(_metadata, &self->guest, &before);
	ASSERT_EQ(0, _ioctl(self->guest.vm, SLAT_ZAP_ALL, 0));
	get_stats(_metadata, &self->guest, &after);
	EXPECT_EQ(before.tables_unlinked + 1, after.tables_unlinked);
	EXPECT_EQ(before.tables_freed, after.tables_freed);
	EXPECT_EQ(before.batches + 1, after.batches);
	munmap(large, size);
}

/* I8: tables that a slot leaves behind are those of the next one. */
TEST_F(invariant, i8_tables_of_a_deleted_slot_are_used_again)
{
	struct slat_vm_stats early, late;
	const size_t size = 16 * HUGE;
	__u8 *large = map_small(_metadata, size);

	skip_without_stats();
	for (int i = 0; i < 12; i++) {
		__u64 gpa = i % 2 ? FIRST : SECOND;

		ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, gpa, size, large, 0));
		for (__u64 offset = 0; offset < size; offset += HUGE)
			guest_store(_metadata, &self->guest, gpa + offset, 1);
		ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, gpa, 0, large, 0));
		if (i == 3)
			get_stats(_metadata, &self->guest, &early);
	}
	get_stats(_metadata, &self->guest, &late);
	EXPECT_LE(early.tables_freed, late.tables_freed);
	EXPECT_GE(early.tables_allocated - early.tables_freed + 4,
		  late.tables_allocated - late.tables_freed);
	munmap(large, size);
}

/* I9: memory of the kernel's that is charged to a control group comes back. */

#define CGROUP	"/sys/fs/cgroup/guest_invariants"

static long kernel_bytes(void)
{
	FILE *file = fopen(CGROUP "/memory.stat", "r");
	char name[64];
	long value, found = -1;

	while (file && fscanf(file, "%63s %ld", name, &value) == 2)
		if (!strcmp(name, "kernel"))
			found = value;
	if (file)
		fclose(file);
	return found;
}

static void machines_in_a_group(struct __test_metadata *_metadata, __u8 *mem)
{
	struct guest guest;

	for (int i = 0; i < 8; i++) {
		guest_create(_metadata, &guest);
		ASSERT_EQ(0, _guest_set_memory(&guest, 1, FIRST, 32 * HUGE, mem, 0));
		for (int table = 0; table < 32; table++)
			guest_store(_metadata, &guest, FIRST + table * HUGE, 1);
		guest_destroy(&guest);
	}
}

TEST_F(invariant, i9_nothing_remains_of_a_machine)
{
	__u8 *mem = map_small(_metadata, 32 * HUGE);
	long before, after, tables = 8 * 32 * PAGE;
	int status;
	pid_t child;

	_file_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0700) || access(CGROUP "/memory.stat", R_OK) || kernel_bytes() < 0) {
		rmdir(CGROUP);
		SKIP(return, "no memory control groups that count kernel memory");
	}
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		if (_file_write(CGROUP "/cgroup.procs", "0"))
			_exit(2);
		machines_in_a_group(_metadata, mem);
		before = kernel_bytes();
		machines_in_a_group(_metadata, mem);
		/* The last of it goes after a grace period. */
		for (int i = 0; i < 1000; i++) {
			after = kernel_bytes();
			if (after < before + tables / 4)
				_exit(!_metadata->passed);
			sched_yield();
		}
		_exit(3);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	rmdir(CGROUP);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
