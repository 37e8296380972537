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

/*
 * From RSI on, a page each RBX bytes, RCX of them: looks whether each holds its own
 * address, until there is something at DATA.  RDI: which does not, 0: all do.
 */
GUEST_CODE(look, 64,
	   "sti\n"
	   "1: mov %rsi, %rdi\n"
	   "mov %rcx, %rdx\n"
	   "2: cmp %rdi, (%rdi)\n"
	   "jne 3f\n"
	   "add %rbx, %rdi\n"
	   "dec %rdx\n"
	   "jnz 2b\n"
	   "cmpq $0, 0x30000\n"
	   "je 1b\n"
	   "xor %edi, %edi\n"
	   "3: hlt\n");

/* Tables, each of which has one page; who maps them, and what takes them away. */
#define WALKED		32
#define MAPPERS		2
#define ROUNDS		300

struct helper {
	struct guest *guest;
	pthread_t thread;
	int stop;
	int paused;
	int errors;
	int rounds;
};

/*
 * Takes back all tables that are unlinked, and more, for MANY that are linked.  Returns
 * how many there are besides: what vCPUs have in hand, and what is lost.
 */
#define MANY		160
#define ABOVE		4	/* at most, of the upper levels */
#define IN_HAND		6	/* at most: of one vCPU, and one that is spare */

static __s64 other_tables(struct __test_metadata *_metadata, struct guest *guest)
{
	__u8 *mem = mmap(NULL, MANY * HUGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct slat_vm_stats stats;

	ASSERT_NE(MAP_FAILED, mem);
	madvise(mem, MANY * HUGE, MADV_NOHUGEPAGE);
	ASSERT_EQ(0, _guest_set_memory(guest, 3, SECOND, MANY * HUGE, mem, 0));
	ASSERT_EQ(0, _ioctl(guest->vm, SLAT_ZAP_ALL, 0));
	for (int i = 0; i < MANY; i++) {
		struct slat_populate range = { .gpa = SECOND + i * HUGE, .size = PAGE };

		ASSERT_EQ(0, _ioctl_ptr(guest->vm, SLAT_POPULATE, &range));
	}
	get_stats(_metadata, guest, &stats);
	EXPECT_EQ(0, stats.tables_unlinked);
	ASSERT_EQ(0, _guest_set_memory(guest, 3, SECOND, 0, mem, 0));
	munmap(mem, MANY * HUGE);
	TH_LOG("%llu tables, %d are linked", stats.tables_allocated - stats.tables_freed,
	       MANY + ABOVE);
	return stats.tables_allocated - stats.tables_freed - MANY - ABOVE;
}

static void *map_pages(void *arg)
{
	struct helper *mapper = arg;

	for (; mapper->rounds < ROUNDS; mapper->rounds++)
		for (int i = 0; i < WALKED; i++) {
			struct slat_populate range = { .gpa = FIRST + i * HUGE, .size = PAGE };

			mapper->errors += !!_ioctl_ptr(mapper->guest->vm, SLAT_POPULATE, &range);
		}
	__atomic_store_n(&mapper->stop, 1, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * I1: what is unlinked is used again at once.  If somebody still walked it, in the guest
 * or on its behalf, pages would show up where they are not, and tables that are linked
 * below others get lost.
 */
TEST_F(invariant, i1_tables_are_not_used_again_while_they_are_walked)
{
	__u8 *mem = map_small(_metadata, WALKED * HUGE);
	struct spinner looker = { .guest = &self->guest };
	struct helper mappers[MAPPERS] = { };
	struct kvm_regs regs;

	skip_without_stats();
	for (int i = 0; i < WALKED; i++)
		*(volatile __u64 *)(mem + i * HUGE) = FIRST + i * HUGE;
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, WALKED * HUGE, mem, 0));
	guest_load(&self->guest, look);
	guest_u64(&self->guest, DATA) = 0;
	guest_start(_metadata, &self->guest, FIRST, WALKED);
	get_regs(_metadata, &self->guest, &regs);
	regs.rbx = HUGE;
	set_regs(_metadata, &self->guest, &regs);
	ASSERT_EQ(0, pthread_create(&looker.thread, NULL, spinner_run, &looker));
	for (int i = 0; i < MAPPERS; i++) {
		mappers[i].guest = &self->guest;
		ASSERT_EQ(0, pthread_create(&mappers[i].thread, NULL, map_pages, &mappers[i]));
	}
	for (int i = 0; i < MAPPERS; i++)
		while (!__atomic_load_n(&mappers[i].stop, __ATOMIC_ACQUIRE))
			ASSERT_EQ(0, _ioctl(self->guest.vm, SLAT_ZAP_ALL, 0));
	for (int i = 0; i < MAPPERS; i++) {
		ASSERT_EQ(0, pthread_join(mappers[i].thread, NULL));
		EXPECT_EQ(0, mappers[i].errors);
	}
	guest_u64(&self->guest, DATA) = 1;
	ASSERT_EQ(0, pthread_join(looker.thread, NULL));
	ASSERT_EQ(0, looker.ret);
	EXPECT_EQ(KVM_EXIT_HLT, self->guest.run->exit_reason);
	get_regs(_metadata, &self->guest, &regs);
	EXPECT_EQ(0, regs.rdi);
	EXPECT_GE(IN_HAND, other_tables(_metadata, &self->guest));
	munmap(mem, WALKED * HUGE);
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

static void *zap_for_ever(void *arg)
{
	struct helper *zapper = arg;

	while (!__atomic_load_n(&zapper->stop, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&zapper->paused, __ATOMIC_ACQUIRE))
			sched_yield();
		else
			zapper->errors += !!_ioctl(zapper->guest->vm, SLAT_ZAP_ALL, 0);
	}
	return NULL;
}

/* M4: often there is nothing left to remove, but somebody who still uses it. */
TEST_F(invariant, i3_who_removes_nothing_waits_as_well)
{
	struct spinner spinner = { .guest = &self->guest };
	struct helper zapper = { .guest = &self->guest, .paused = 1 };

	skip_without_stats();
	ASSERT_EQ(0, pthread_create(&zapper.thread, NULL, zap_for_ever, &zapper));
	for (int i = 0; i < 400; i++) {
		ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
		spinner_start(_metadata, &spinner, self->mem);
		__atomic_store_n(&zapper.paused, 0, __ATOMIC_RELEASE);
		sched_yield();
		ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 0, self->mem, 0));
		*(volatile __u64 *)self->mem = 0;
		__atomic_store_n(&zapper.paused, 1, __ATOMIC_RELEASE);
		spinner_join(_metadata, &spinner);
		EXPECT_EQ(0, spinner.ret);
		EXPECT_EQ(KVM_EXIT_MMIO, self->guest.run->exit_reason);
		EXPECT_EQ(0, *(volatile __u64 *)self->mem);
	}
	__atomic_store_n(&zapper.stop, 1, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(zapper.thread, NULL));
	EXPECT_EQ(0, zapper.errors);
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
	EXPECT_GE(IN_HAND, other_tables(_metadata, &self->guest));
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
