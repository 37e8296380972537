// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every kind of host memory that can be a guest's: what both sides see, how
 * large the leaves are, and what the guest is told where there is none.
 *
 * What the machine has not got - huge pages, /dev/mem - is skipped.
 */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "guest_pages.h"

#define FIRST		0x1000000UL	/* guest-physical addresses of more slots */
#define SECOND		0x2000000UL
#define PAGES		64UL
#define SIZE		(PAGES * PAGE)
#define GIGA		(512 * HUGE)

FIXTURE(backing) {
	bool thp_was_off;
	struct guest guest;
};

FIXTURE_SETUP(backing)
{
	self->thp_was_off = thp_on();
	guest_create(_metadata, &self->guest);
}

FIXTURE_TEARDOWN(backing)
{
	thp_restore(self->thp_was_off);
	guest_destroy(&self->guest);
}

static __u8 *map(struct __test_metadata *_metadata, size_t size, int flags, int fd)
{
	__u8 *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	ASSERT_NE(MAP_FAILED, mem);
	return mem;
}

static __u8 *map_anonymous(struct __test_metadata *_metadata, size_t size)
{
	return map(_metadata, size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* Both sides see what the other writes. */
static void check_shared(struct __test_metadata *_metadata, struct guest *guest, __u8 *mem,
			 __u64 pages)
{
	guest_store(_metadata, guest, FIRST, pages);
	check_stored(_metadata, mem, FIRST, pages);
	for (__u64 i = 0; i < pages; i++)
		*(volatile __u64 *)(mem + i * PAGE) = 3;
	EXPECT_EQ(3 * pages, guest_sum(_metadata, guest, FIRST, pages));
}

/* The guest is told that there is nothing, and goes on once there is. */
static void check_hole(struct __test_metadata *_metadata, struct guest *guest, __u64 gpa)
{
	guest_load(guest, sum);
	guest_start(_metadata, guest, gpa, 1);
	EXPECT_EQ(-EFAULT, _guest_run(guest));
}

static __u64 installs(struct __test_metadata *_metadata, struct guest *guest)
{
	struct slat_vm_stats stats;

	get_stats(_metadata, guest, &stats);
	return stats.installs;
}

/* How many leaves it takes to map some pages for writing; all are written. */
static __u64 count_leaves(struct __test_metadata *_metadata, struct guest *guest, __u64 gpa,
			  __u64 pages)
{
	__u64 before;

	/* What the code needs besides is mapped. */
	guest_store(_metadata, guest, DATA, 1);
	before = installs(_metadata, guest);
	guest_store(_metadata, guest, gpa, pages);
	return installs(_metadata, guest) - before;
}

/* Files. */

TEST_F(backing, one_file_in_two_slots)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	__u8 *first, *second;

	ASSERT_EQ(0, ftruncate(fd, SIZE));
	first = map(_metadata, SIZE, MAP_SHARED, fd);
	second = map(_metadata, SIZE, MAP_SHARED, fd);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, first, 0));
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 2, SECOND, SIZE, second, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	EXPECT_EQ(expected_sum(FIRST, PAGES),
		  guest_sum(_metadata, &self->guest, SECOND, PAGES));
	guest_store(_metadata, &self->guest, SECOND, PAGES);
	check_stored(_metadata, first, SECOND, PAGES);
}

/* The same host memory twice: taking it away takes it from both. */
TEST_F(backing, one_address_in_two_slots)
{
	__u8 *mem = map_anonymous(_metadata, SIZE);

	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 2, SECOND, SIZE, mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	EXPECT_EQ(expected_sum(FIRST, PAGES),
		  guest_sum(_metadata, &self->guest, SECOND, PAGES));
	ASSERT_EQ(0, madvise(mem, SIZE, MADV_DONTNEED));
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, SECOND, PAGES));
}

TEST_F(backing, a_private_file_mapping_keeps_the_file)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	__u64 value = 5;
	__u8 *mem;

	ASSERT_EQ(0, ftruncate(fd, SIZE));
	for (__u64 i = 0; i < PAGES; i++)
		ASSERT_EQ(sizeof(value), pwrite(fd, &value, sizeof(value), i * PAGE));
	mem = map(_metadata, SIZE, MAP_PRIVATE, fd);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	EXPECT_EQ(5 * PAGES, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	check_shared(_metadata, &self->guest, mem, PAGES);
	for (__u64 i = 0; i < PAGES; i++) {
		ASSERT_EQ(sizeof(value), pread(fd, &value, sizeof(value), i * PAGE));
		ASSERT_EQ(5, value);
	}
}

TEST_F(backing, a_read_only_mapping_is_not_written)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	__u64 value = 5;
	__u8 *mem;

	ASSERT_EQ(0, ftruncate(fd, SIZE));
	ASSERT_EQ(sizeof(value), pwrite(fd, &value, sizeof(value), 0));
	mem = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	EXPECT_EQ(5, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	guest_load(&self->guest, store);
	guest_start(_metadata, &self->guest, FIRST, 1);
	EXPECT_EQ(-EFAULT, _guest_run(&self->guest));
	EXPECT_EQ(5, *(volatile __u64 *)mem);

	/* In a slot that says so it is a device to writes. */
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 0, mem, 0));
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, KVM_MEM_READONLY));
	guest_load(&self->guest, store);
	guest_start(_metadata, &self->guest, FIRST, 1);
	guest_run(_metadata, &self->guest, KVM_EXIT_MMIO);
	guest_run_hlt(_metadata, &self->guest);
	EXPECT_EQ(5, guest_sum(_metadata, &self->guest, FIRST, PAGES));
}

TEST_F(backing, a_file_that_shrinks_is_gone)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	__u8 *mem;

	ASSERT_EQ(0, ftruncate(fd, SIZE));
	mem = map(_metadata, SIZE, MAP_SHARED, fd);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(0, ftruncate(fd, SIZE / 2));
	EXPECT_EQ(expected_sum(FIRST, PAGES / 2),
		  guest_sum(_metadata, &self->guest, FIRST, PAGES / 2));
	check_hole(_metadata, &self->guest, FIRST + SIZE / 2);
	/* What it is given again is not what it had. */
	ASSERT_EQ(0, ftruncate(fd, SIZE));
	guest_run_hlt(_metadata, &self->guest);
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST + SIZE / 2, PAGES / 2));
}

/* Mappings that come, go and move. */

TEST_F(backing, memory_may_come_after_the_slot)
{
	__u8 *mem = reserve(_metadata, SIZE, PAGE);

	ASSERT_EQ(0, munmap(mem, SIZE));
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	check_hole(_metadata, &self->guest, FIRST);
	ASSERT_EQ(mem, mmap(mem, SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	guest_run_hlt(_metadata, &self->guest);
	check_shared(_metadata, &self->guest, mem, PAGES);
}

TEST_F(backing, a_mapping_that_grows)
{
	__u8 *mem = reserve(_metadata, SIZE, PAGE);

	ASSERT_EQ(0, munmap(mem, SIZE));
	ASSERT_EQ(mem, mmap(mem, SIZE / 2, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES / 2);
	check_hole(_metadata, &self->guest, FIRST + SIZE / 2);
	ASSERT_EQ(mem, mremap(mem, SIZE / 2, SIZE, 0));
	guest_run_hlt(_metadata, &self->guest);
	EXPECT_EQ(expected_sum(FIRST, PAGES / 2),
		  guest_sum(_metadata, &self->guest, FIRST, PAGES));
}

/* The slot stays where it was told to be: its memory moves away, and back. */
TEST_F(backing, a_mapping_that_moves)
{
	__u8 *mem = map_anonymous(_metadata, SIZE);
	__u8 *away = reserve(_metadata, SIZE, PAGE);

	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(away, mremap(mem, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, away));
	check_hole(_metadata, &self->guest, FIRST);
	check_stored(_metadata, away, FIRST, PAGES);

	ASSERT_EQ(mem, mmap(mem, SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	*(volatile __u64 *)mem = 7;
	check_stored(_metadata, away, FIRST, PAGES);

	ASSERT_EQ(mem, mremap(away, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, mem));
	EXPECT_EQ(expected_sum(FIRST, PAGES),
		  guest_sum(_metadata, &self->guest, FIRST, PAGES));
}

TEST_F(backing, another_file_in_the_same_place)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	__u8 *mem = map_anonymous(_metadata, SIZE);

	ASSERT_EQ(0, ftruncate(fd, SIZE));
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(mem, mmap(mem, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0));
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	check_shared(_metadata, &self->guest, mem, PAGES);
}

/* Memory without struct pages: the text screen. */

#define SCREEN		0xb8000
#define SCREEN_PAGES	8UL

static __u8 *map_screen(int prot)
{
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	__u8 *mem;

	if (fd < 0)
		return MAP_FAILED;
	mem = mmap(NULL, SCREEN_PAGES * PAGE, prot, MAP_SHARED, fd, SCREEN);
	close(fd);
	return mem;
}

TEST_F(backing, device_memory)
{
	__u8 *mem = map_screen(PROT_READ | PROT_WRITE);
	__u8 *other = map_screen(PROT_READ | PROT_WRITE);

	if (mem == MAP_FAILED || other == MAP_FAILED)
		SKIP(return, "the screen cannot be mapped");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SCREEN_PAGES * PAGE, mem, 0));
	guest_store(_metadata, &self->guest, FIRST, SCREEN_PAGES);
	check_stored(_metadata, other, FIRST, SCREEN_PAGES);
	for (__u64 i = 0; i < SCREEN_PAGES; i++)
		*(volatile __u64 *)(other + i * PAGE) = 0x0720072007200720;
	EXPECT_EQ(SCREEN_PAGES * 0x0720072007200720,
		  guest_sum(_metadata, &self->guest, FIRST, SCREEN_PAGES));
	ASSERT_EQ(0, munmap(mem, SCREEN_PAGES * PAGE));
	check_hole(_metadata, &self->guest, FIRST);
}

TEST_F(backing, device_memory_to_read)
{
	__u8 *mem = map_screen(PROT_READ);

	if (mem == MAP_FAILED)
		SKIP(return, "the screen cannot be mapped");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SCREEN_PAGES * PAGE, mem, 0));
	EXPECT_EQ(*(volatile __u64 *)mem, guest_sum(_metadata, &self->guest, FIRST, 1));
	if (!on_slat())
		return;		/* KVM emulates the write, as one to a device */
	guest_load(&self->guest, store);
	guest_start(_metadata, &self->guest, FIRST, 1);
	EXPECT_EQ(-EFAULT, _guest_run(&self->guest));
}

/* Pages that are broken. */

static sigjmp_buf broken;
static siginfo_t broken_info;

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	broken_info = *info;
	siglongjmp(broken, 1);
}

TEST_F(backing, a_broken_page_is_a_signal)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	__u8 *mem = map_anonymous(_metadata, SIZE);

	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	if (madvise(mem + 3 * PAGE, PAGE, MADV_HWPOISON))
		SKIP(return, "this kernel cannot break pages");
	ASSERT_EQ(0, sigaction(SIGBUS, &action, NULL));
	if (!sigsetjmp(broken, 1)) {
		guest_load(&self->guest, sum);
		guest_start(_metadata, &self->guest, FIRST, PAGES);
		_guest_run(&self->guest);
		ASSERT_TRUE(false) {
			TH_LOG("no signal");
		}
	}
	EXPECT_EQ(BUS_MCEERR_AR, broken_info.si_code);
	EXPECT_EQ(mem + 3 * PAGE, broken_info.si_addr);
	EXPECT_EQ(12, broken_info.si_addr_lsb);
	/* The others are as they were. */
	EXPECT_EQ(expected_sum(FIRST, 3), guest_sum(_metadata, &self->guest, FIRST, 3));
}

/* Huge pages. */

static __u8 *map_hugetlb(size_t size, int log)
{
	__u8 *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | log << 26, -1, 0);

	return mem;
}

#define HUGEPAGES	"/sys/kernel/mm/hugepages/hugepages-%lukB/nr_hugepages"

/* False: this machine has not got them. */
static bool want_hugetlb(unsigned long kib, long count)
{
	char path[96], text[16];

	snprintf(path, sizeof(path), HUGEPAGES, kib);
	snprintf(text, sizeof(text), "%ld", count);
	_file_write("/proc/sys/vm/compact_memory", "1");
	return !_file_write(path, text) && _file_read_long(path) == count;
}

static void check_split_for_the_log(struct __test_metadata *_metadata, struct guest *guest,
				    __u8 *mem)
{
	__u64 bitmap[8] = { 0 };
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };
	struct slat_vm_stats before, after;

	guest_store(_metadata, guest, FIRST, 512);
	get_stats(_metadata, guest, &before);
	ASSERT_EQ(0, _guest_set_memory(guest, 1, FIRST, HUGE, mem, KVM_MEM_LOG_DIRTY_PAGES));
	get_stats(_metadata, guest, &after);
	EXPECT_EQ(before.splits + 1, after.splits);
	/* By who begins the log, not by who writes; all of it stays mapped. */
	get_stats(_metadata, guest, &before);
	EXPECT_EQ(expected_sum(FIRST, 512), guest_sum(_metadata, guest, FIRST, 512));
	get_stats(_metadata, guest, &after);
	EXPECT_EQ(before.faults, after.faults);
	guest_store(_metadata, guest, FIRST + 70 * PAGE, 3);
	get_stats(_metadata, guest, &after);
	EXPECT_EQ(before.splits, after.splits);
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_DIRTY_LOG, &log));
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(i == 1 ? 7ULL << 6 : 0, bitmap[i]);
	check_stored(_metadata, mem, FIRST, 512);

	/* Without the log it becomes one leaf again. */
	ASSERT_EQ(0, _guest_set_memory(guest, 1, FIRST, HUGE, mem, 0));
	EXPECT_EQ(1, count_leaves(_metadata, guest, FIRST, 512));
}

TEST_F(backing, hugetlb_2m)
{
	__u8 *mem;

	if (!want_hugetlb(2048, 2))
		SKIP(return, "no 2 MiB pages");
	mem = map_hugetlb(2 * HUGE, 21);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 2 * HUGE, mem, 0));
	if (on_slat())
		EXPECT_EQ(2, count_leaves(_metadata, &self->guest, FIRST, 1024));
	check_shared(_metadata, &self->guest, mem, 1024);
	ASSERT_EQ(0, munmap(mem, 2 * HUGE));
	check_hole(_metadata, &self->guest, FIRST + HUGE);
	want_hugetlb(2048, 0);
}

TEST_F(backing, hugetlb_2m_is_split_for_the_dirty_log)
{
	__u8 *mem;

	skip_without_stats();
	if (!want_hugetlb(2048, 1))
		SKIP(return, "no 2 MiB pages");
	mem = map_hugetlb(HUGE, 21);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, HUGE, mem, 0));
	check_split_for_the_log(_metadata, &self->guest, mem);
	munmap(mem, HUGE);
	want_hugetlb(2048, 0);
}

/* The second gigabyte of the guest, mapped by its own tables. */
static void guest_map_second_gigabyte(struct guest *guest)
{
	guest_u64(guest, TABLES + 0x1000 + 8) = GIGA | 0x87;
}

TEST_F(backing, hugetlb_1g)
{
	__u64 before;
	__u8 *mem;

	skip_without_stats();
	if (!want_hugetlb(1048576, 1))
		SKIP(return, "no 1 GiB pages");
	mem = map_hugetlb(GIGA, 30);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, GIGA, GIGA, mem, 0));
	guest_store(_metadata, &self->guest, DATA, 1);
	before = installs(_metadata, &self->guest);

	guest_load(&self->guest, store);
	guest_start(_metadata, &self->guest, GIGA, GIGA / PAGE);
	guest_map_second_gigabyte(&self->guest);
	guest_run_hlt(_metadata, &self->guest);
	EXPECT_EQ(1, installs(_metadata, &self->guest) - before);
	check_stored(_metadata, mem, GIGA, GIGA / PAGE);

	/* A log of it splits it into tables of tables. */
	struct slat_vm_stats stats, after;

	get_stats(_metadata, &self->guest, &stats);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, GIGA, GIGA, mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	guest_load(&self->guest, store);
	guest_start(_metadata, &self->guest, GIGA + 1000 * PAGE, 1);
	guest_map_second_gigabyte(&self->guest);
	guest_run_hlt(_metadata, &self->guest);
	get_stats(_metadata, &self->guest, &after);
	EXPECT_EQ(stats.splits + 513, after.splits);
	munmap(mem, GIGA);
	want_hugetlb(1048576, 0);
}

TEST_F(backing, thp)
{
	__u8 *mem = map_thp(_metadata, 2 * HUGE);

	if (!mem)
		SKIP(return, "no transparent huge pages");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 2 * HUGE, mem, 0));
	if (on_slat())
		EXPECT_EQ(2, count_leaves(_metadata, &self->guest, FIRST, 1024));
	check_shared(_metadata, &self->guest, mem, 1024);
	/* A page of it goes: the rest stays. */
	guest_store(_metadata, &self->guest, FIRST, 1024);
	ASSERT_EQ(0, madvise(mem + 9 * PAGE, PAGE, MADV_DONTNEED));
	EXPECT_EQ(expected_sum(FIRST, 1024) - (FIRST + 9 * PAGE),
		  guest_sum(_metadata, &self->guest, FIRST, 1024));
}

/* Some CPUs must not execute from huge leaves. */
static bool cpu_has_bug(const char *name)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[4096];
	bool has = false;

	while (file && !has && fgets(line, sizeof(line), file))
		has = !strncmp(line, "bugs", 4) && strstr(line, name);
	if (file)
		fclose(file);
	return has;
}

TEST_F(backing, code_in_a_huge_page)
{
	__u8 *mem = map_thp(_metadata, HUGE);
	struct slat_vm_stats before, after;
	struct kvm_regs regs;

	if (!mem)
		SKIP(return, "no transparent huge pages");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, HUGE, mem, 0));
	guest_store(_metadata, &self->guest, FIRST, 512);
	if (on_slat())
		get_stats(_metadata, &self->guest, &before);
	/* Not next to each other: one fault may make its neighbours executable. */
	for (__u64 page = 100; page < 400; page += 100) {
		memcpy(mem + page * PAGE, sum, sum_end - sum);
		guest_start(_metadata, &self->guest, FIRST, 100);
		get_regs(_metadata, &self->guest, &regs);
		regs.rip = FIRST + page * PAGE;
		set_regs(_metadata, &self->guest, &regs);
		guest_run_hlt(_metadata, &self->guest);
		get_regs(_metadata, &self->guest, &regs);
		EXPECT_EQ(expected_sum(FIRST, 100), regs.rax);
	}
	/* A CPU with the erratum must not see one that can be executed. */
	if (on_slat() && cpu_has_bug("itlb_multihit")) {
		get_stats(_metadata, &self->guest, &after);
		EXPECT_LE(3, after.faults - before.faults);
	}
	check_shared(_metadata, &self->guest, mem, 512);
}

TEST_F(backing, thp_is_split_for_the_dirty_log)
{
	__u8 *mem;

	skip_without_stats();
	mem = map_thp(_metadata, HUGE);
	if (!mem)
		SKIP(return, "no transparent huge pages");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, HUGE, mem, 0));
	check_split_for_the_log(_metadata, &self->guest, mem);
}

/* Where the guest's huge page is not the host's it gets small leaves. */
TEST_F(backing, a_huge_page_off_by_one_page)
{
	__u8 *mem = map_thp(_metadata, 2 * HUGE);

	if (!mem)
		SKIP(return, "no transparent huge pages");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, HUGE, mem + PAGE, 0));
	if (on_slat())
		EXPECT_EQ(512, count_leaves(_metadata, &self->guest, FIRST, 512));
	check_shared(_metadata, &self->guest, mem + PAGE, 512);
}

/* S4: a slot that ends within a huge page does not give away the rest of it. */
TEST_F(backing, a_huge_page_that_two_slots_share)
{
	__u8 *mem = map_thp(_metadata, HUGE);
	__u64 half = HUGE / 2;

	if (!mem)
		SKIP(return, "no transparent huge pages");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, half, mem, 0));
	if (on_slat())
		EXPECT_EQ(256, count_leaves(_metadata, &self->guest, FIRST, 256));
	check_shared(_metadata, &self->guest, mem, 256);
	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, FIRST + half, 1);
	guest_run(_metadata, &self->guest, KVM_EXIT_MMIO);
	guest_run_hlt(_metadata, &self->guest);

	ASSERT_EQ(0, _guest_set_memory(&self->guest, 2, FIRST + half, half, mem + half,
				       KVM_MEM_READONLY));
	memset(mem, 0, HUGE);
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST, 512));
	guest_store(_metadata, &self->guest, FIRST, 256);
	guest_load(&self->guest, store);
	guest_start(_metadata, &self->guest, FIRST + half, 1);
	guest_run(_metadata, &self->guest, KVM_EXIT_MMIO);
	EXPECT_EQ(0, *(volatile __u64 *)(mem + half));
}

/* Faults that sleep: a thread in KVM_RUN waits for a page that user space gives. */

struct waiting {
	struct guest *guest;
	struct slat_populate *range;	/* to be mapped, instead of running the guest */
	pthread_t thread;
	int uffd;
	int ret;
};

static void *waiting_run(void *arg)
{
	struct waiting *waiting = arg;

	waiting->ret = waiting->range ?
		       _ioctl_ptr(waiting->guest->vm, SLAT_POPULATE, waiting->range) :
		       _guest_run(waiting->guest);
	return NULL;
}

/* False: no userfaultfd here. */
static bool waiting_open(struct __test_metadata *_metadata, struct waiting *waiting, __u8 *mem)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (unsigned long)mem, .len = SIZE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	waiting->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (waiting->uffd < 0)
		return false;
	ASSERT_EQ(0, _ioctl_ptr(waiting->uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, _ioctl_ptr(waiting->uffd, UFFDIO_REGISTER, &range));
	return true;
}

/* Returns once it sleeps for this page. */
static void waiting_sleeps(struct __test_metadata *_metadata, struct waiting *waiting, __u8 *hva)
{
	struct pollfd pollfd = { .fd = waiting->uffd, .events = POLLIN };
	struct uffd_msg msg;

	ASSERT_EQ(1, poll(&pollfd, 1, -1));
	ASSERT_EQ(sizeof(msg), read(waiting->uffd, &msg, sizeof(msg)));
	ASSERT_EQ(UFFD_EVENT_PAGEFAULT, msg.event);
	ASSERT_EQ((unsigned long)hva, msg.arg.pagefault.address & ~(PAGE - 1));
}

static void waiting_start(struct __test_metadata *_metadata, struct waiting *waiting, __u8 *hva)
{
	ASSERT_EQ(0, pthread_create(&waiting->thread, NULL, waiting_run, waiting));
	waiting_sleeps(_metadata, waiting, hva);
}

/* A page that begins with @value. */
static void waiting_give(struct __test_metadata *_metadata, struct waiting *waiting, __u8 *hva,
			 __u64 value)
{
	__u8 *page = map_anonymous(_metadata, PAGE);
	struct uffdio_copy copy = {
		.dst = (unsigned long)hva, .src = (unsigned long)page, .len = PAGE,
	};

	*(__u64 *)page = value;
	ASSERT_EQ(0, _ioctl_ptr(waiting->uffd, UFFDIO_COPY, &copy));
}

static void waiting_join(struct __test_metadata *_metadata, struct waiting *waiting)
{
	ASSERT_EQ(0, pthread_join(waiting->thread, NULL));
	ASSERT_EQ(0, waiting->ret);
	close(waiting->uffd);
}

TEST_F(backing, a_page_that_user_space_gives)
{
	struct waiting waiting = { .guest = &self->guest };
	__u8 *mem = map_anonymous(_metadata, SIZE);
	struct kvm_regs regs;

	if (!waiting_open(_metadata, &waiting, mem))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, FIRST, 1);
	waiting_start(_metadata, &waiting, mem);
	waiting_give(_metadata, &waiting, mem, 11);
	waiting_join(_metadata, &waiting);
	EXPECT_EQ(KVM_EXIT_HLT, self->guest.run->exit_reason);
	get_regs(_metadata, &self->guest, &regs);
	EXPECT_EQ(11, regs.rax);
}

/*
 * I4: the slot goes while a fault in it sleeps.  It waits for nobody, and what
 * the fault finds afterwards is not mapped.  KVM would wait for the fault.
 */
TEST_F(backing, i4_a_slot_is_deleted_while_its_fault_sleeps)
{
	struct waiting waiting = { .guest = &self->guest };
	__u8 *mem = map_anonymous(_metadata, SIZE);

	if (!on_slat())
		SKIP(return, "KVM waits for the fault");
	if (!waiting_open(_metadata, &waiting, mem))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, FIRST, 1);
	waiting_start(_metadata, &waiting, mem);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 0, mem, 0));
	waiting_give(_metadata, &waiting, mem, 11);
	waiting_join(_metadata, &waiting);
	EXPECT_EQ(KVM_EXIT_MMIO, self->guest.run->exit_reason);
	EXPECT_EQ(FIRST, self->guest.run->mmio.phys_addr);
}

/* The other order: what the fault has mapped goes with the slot. */
TEST_F(backing, i4_a_slot_is_deleted_after_its_fault_slept)
{
	struct waiting waiting = { .guest = &self->guest };
	__u8 *mem = map_anonymous(_metadata, SIZE);

	if (!waiting_open(_metadata, &waiting, mem))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, FIRST, 1);
	waiting_start(_metadata, &waiting, mem);
	waiting_give(_metadata, &waiting, mem, 11);
	waiting_join(_metadata, &waiting);
	EXPECT_EQ(KVM_EXIT_HLT, self->guest.run->exit_reason);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 0, mem, 0));
	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, FIRST, 1);
	guest_run(_metadata, &self->guest, KVM_EXIT_MMIO);
}

/* The frame is somebody else's by the time the fault wakes up. */
TEST_F(backing, i4_a_slot_is_replaced_while_its_fault_sleeps)
{
	struct waiting waiting = { .guest = &self->guest };
	__u8 *mem = map_anonymous(_metadata, SIZE);
	__u8 *other = map_anonymous(_metadata, SIZE);
	struct kvm_regs regs;

	if (!on_slat())
		SKIP(return, "KVM waits for the fault");
	if (!waiting_open(_metadata, &waiting, mem))
		SKIP(return, "no userfaultfd");
	*(volatile __u64 *)other = 13;
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, FIRST, 1);
	waiting_start(_metadata, &waiting, mem);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 0, mem, 0));
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 2, FIRST, SIZE, other, 0));
	waiting_give(_metadata, &waiting, mem, 11);
	waiting_join(_metadata, &waiting);
	EXPECT_EQ(KVM_EXIT_HLT, self->guest.run->exit_reason);
	get_regs(_metadata, &self->guest, &regs);
	EXPECT_EQ(13, regs.rax);
}

/* The range is invalidated while the fault that looks it up sleeps. */
TEST_F(backing, i4_memory_goes_while_its_fault_sleeps)
{
	struct waiting waiting = { .guest = &self->guest };
	__u8 *mem = map_anonymous(_metadata, SIZE);
	struct uffdio_range range = { .start = (unsigned long)mem, .len = SIZE };
	struct kvm_regs regs;

	if (!waiting_open(_metadata, &waiting, mem))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, FIRST, 1);
	waiting_start(_metadata, &waiting, mem);
	ASSERT_EQ(mem, mmap(mem, SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	*(volatile __u64 *)mem = 17;
	ASSERT_EQ(0, _ioctl_ptr(waiting.uffd, UFFDIO_WAKE, &range));
	waiting_join(_metadata, &waiting);
	EXPECT_EQ(KVM_EXIT_HLT, self->guest.run->exit_reason);
	get_regs(_metadata, &self->guest, &regs);
	EXPECT_EQ(17, regs.rax);
}

/* A page that has been looked up goes while the one after it is. */
TEST_F(backing, i4_memory_goes_after_it_was_looked_up)
{
	struct slat_populate range = { .gpa = FIRST, .size = 2 * PAGE };
	struct waiting waiting = { .guest = &self->guest, .range = &range };
	__u8 *mem = map_anonymous(_metadata, SIZE);
	struct slat_vm_stats before, after;
	struct kvm_regs regs;

	if (!on_slat())
		SKIP(return, "Slat's own call");
	if (!waiting_open(_metadata, &waiting, mem))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
	get_stats(_metadata, &self->guest, &before);
	waiting_start(_metadata, &waiting, mem);
	waiting_give(_metadata, &waiting, mem, 11);
	waiting_sleeps(_metadata, &waiting, mem + PAGE);
	ASSERT_EQ(0, madvise(mem, PAGE, MADV_DONTNEED));
	waiting_give(_metadata, &waiting, mem, 13);
	waiting_give(_metadata, &waiting, mem + PAGE, 17);
	waiting_join(_metadata, &waiting);
	EXPECT_EQ(0, range.size);
	get_stats(_metadata, &self->guest, &after);
	EXPECT_EQ(1, after.fault_retries - before.fault_retries);
	guest_load(&self->guest, sum);
	guest_start(_metadata, &self->guest, FIRST, 2);
	guest_run_hlt(_metadata, &self->guest);
	get_regs(_metadata, &self->guest, &regs);
	EXPECT_EQ(13 + 17, regs.rax);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
