// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a kernel does to memory while a guest uses it: merge, move, split,
 * collapse, swap, discard, protect, copy.
 *
 * Each must succeed, which the kernel's own counters tell: memory that is
 * pinned is left alone.  Contents survive, and the guest goes on writing.  What
 * this kernel cannot do is skipped.
 */
#include <poll.h>
#include <linux/const.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "guest_pages.h"
#include "host_memory.h"

#define FIRST		0x1000000UL
#define PAGES		64UL
#define SIZE		(PAGES * PAGE)

FIXTURE(reclaim) {
	struct guest guest;
	bool thp_was_off;
	__u8 *mem;
};

FIXTURE_SETUP(reclaim)
{
	/* What another CPU has yet to put into the LRU lists is neither freed nor swapped. */
	ASSERT_EQ(0, pin_to(0));
	self->thp_was_off = thp_on();
	guest_create(_metadata, &self->guest);
	self->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, 0));
}

FIXTURE_TEARDOWN(reclaim)
{
	guest_destroy(&self->guest);
	thp_restore(self->thp_was_off);
}

#define skip_without_counter(name) do {					\
	if (vm_counter(name) < 0)						\
		SKIP(return, "this kernel does not count " name);	\
} while (0)

#define PAGEMAP_PRESENT	_BITULL(63)
#define PAGEMAP_SWAPPED	_BITULL(62)

static __u64 pagemap_entry(struct __test_metadata *_metadata, const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry;

	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(entry), pread(fd, &entry, sizeof(entry),
				       (unsigned long)addr / PAGE * sizeof(entry)));
	close(fd);
	return entry;
}

/* The page frame at an address, which is mapped. */
static __u64 pfn_of(struct __test_metadata *_metadata, const void *addr)
{
	__u64 entry = pagemap_entry(_metadata, addr);

	ASSERT_TRUE(entry & PAGEMAP_PRESENT);
	return entry & ((1ULL << 55) - 1);
}

static __u64 count_pages(struct __test_metadata *_metadata, const __u8 *mem, __u64 pages,
			 __u64 bit)
{
	__u64 count = 0;

	for (__u64 i = 0; i < pages; i++)
		count += !!(pagemap_entry(_metadata, mem + i * PAGE) & bit);
	return count;
}

/* The guest sees what it wrote, writes again, and the host sees that. */
static void check_survived(struct __test_metadata *_metadata, struct guest *guest, __u8 *mem,
			   __u64 pages)
{
	EXPECT_EQ(expected_sum(FIRST, pages), guest_sum(_metadata, guest, FIRST, pages));
	for (__u64 i = 0; i < pages; i++)
		*(volatile __u64 *)(mem + i * PAGE) = i;
	EXPECT_EQ(pages * (pages - 1) / 2, guest_sum(_metadata, guest, FIRST, pages));
	guest_store(_metadata, guest, FIRST, pages);
	check_stored(_metadata, mem, FIRST, pages);
}

/* Merging */

static void ksm_scan(struct __test_metadata *_metadata, int scans)
{
	long until = file_read_long(_metadata, KSM "full_scans") + scans;

	while (file_read_long(_metadata, KSM "full_scans") < until)
		poll(NULL, 0, 5);
}

TEST_F(reclaim, equal_pages_are_merged)
{
	__u64 first;

	if (access(KSM "run", W_OK))
		SKIP(return, "this kernel merges no pages");
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	for (__u64 i = 0; i < PAGES; i++)
		memset(self->mem + i * PAGE, 0x77, PAGE);
	EXPECT_EQ(0x7777777777777777 * PAGES,
		  guest_sum(_metadata, &self->guest, FIRST, PAGES));
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_MERGEABLE));
	file_write(_metadata, KSM "sleep_millisecs", "1");
	file_write(_metadata, KSM "pages_to_scan", "1000");
	file_write(_metadata, KSM "run", "1");
	ksm_scan(_metadata, 3);
	EXPECT_LE(1, file_read_long(_metadata, KSM "pages_shared"));
	EXPECT_LE(PAGES - 1, file_read_long(_metadata, KSM "pages_sharing"));
	file_write(_metadata, KSM "run", "0");

	first = pfn_of(_metadata, self->mem);
	for (__u64 i = 1; i < PAGES; i++)
		EXPECT_EQ(first, pfn_of(_metadata, self->mem + i * PAGE));
	EXPECT_EQ(0x7777777777777777 * PAGES,
		  guest_sum(_metadata, &self->guest, FIRST, PAGES));

	/* What the guest writes is written to its own copy. */
	guest_store(_metadata, &self->guest, FIRST, 1);
	EXPECT_EQ(FIRST, *(volatile __u64 *)self->mem);
	for (__u64 i = 1; i < PAGES; i++)
		ASSERT_EQ(0x7777777777777777, *(volatile __u64 *)(self->mem + i * PAGE));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	check_survived(_metadata, &self->guest, self->mem, PAGES);
	file_write(_metadata, KSM "run", "2");
	file_write(_metadata, KSM "run", "0");
}

/* Moving */

TEST_F(reclaim, pages_are_migrated)
{
	long before = vm_counter("pgmigrate_success");
	__u64 pfn[PAGES];

	skip_without_counter("pgmigrate_success");
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	for (__u64 i = 0; i < PAGES; i++)
		pfn[i] = pfn_of(_metadata, self->mem + i * PAGE);
	/* Take a page out of use, and thereby what is in it to another. */
	for (__u64 i = 0; i < PAGES; i += 8) {
		int err = madvise(self->mem + i * PAGE, PAGE, MADV_SOFT_OFFLINE) ? errno : 0;

		if (err == EINVAL)
			SKIP(return, "this kernel cannot take pages out of use");
		ASSERT_EQ(0, err);
	}
	EXPECT_LE(before + PAGES / 8, vm_counter("pgmigrate_success"));
	check_stored(_metadata, self->mem, FIRST, PAGES);
	for (__u64 i = 0; i < PAGES; i += 8)
		EXPECT_NE(pfn[i], pfn_of(_metadata, self->mem + i * PAGE));
	check_survived(_metadata, &self->guest, self->mem, PAGES);
}

/* Huge pages */

static void map_huge(struct __test_metadata *_metadata, struct guest *guest, __u8 *mem)
{
	ASSERT_EQ(0, _guest_set_memory(guest, 1, FIRST, 0, mem, 0));
	ASSERT_EQ(0, _guest_set_memory(guest, 1, FIRST, HUGE, mem, 0));
	guest_store(_metadata, guest, FIRST, 512);
}

TEST_F(reclaim, a_huge_page_is_split)
{
	long before = vm_counter("thp_split_page");
	__u8 *mem = map_thp(_metadata, HUGE);
	char command[96];

	skip_without_counter("thp_split_page");
	if (!mem)
		SKIP(return, "no transparent huge pages");
	map_huge(_metadata, &self->guest, mem);
	snprintf(command, sizeof(command), "%d,%#lx,%#lx", getpid(), (unsigned long)mem,
		 (unsigned long)mem + HUGE);
	if (_file_write(SPLIT_HUGE, command))
		SKIP(return, "this kernel does not split on demand");
	EXPECT_LT(before, vm_counter("thp_split_page"));
	EXPECT_EQ(0, mapped_huge(mem));
	check_stored(_metadata, mem, FIRST, 512);
	check_survived(_metadata, &self->guest, mem, 512);
}

TEST_F(reclaim, small_pages_are_collapsed)
{
	__u8 *mem = reserve(_metadata, HUGE, HUGE);
	struct slat_vm_stats before, after;
	long collapsed = vm_counter("thp_collapse_alloc");

	skip_without_counter("thp_collapse_alloc");
	ASSERT_EQ(mem, mmap(mem, HUGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	map_huge(_metadata, &self->guest, mem);
	EXPECT_EQ(0, mapped_huge(mem));
	_file_write("/proc/sys/vm/compact_memory", "1");
	if (madvise(mem, HUGE, MADV_COLLAPSE)) {
		ASSERT_EQ(EINVAL, errno);
		SKIP(return, "this kernel does not collapse on demand");
	}
	EXPECT_LT(collapsed, vm_counter("thp_collapse_alloc"));
	EXPECT_EQ(HUGE, mapped_huge(mem));
	check_stored(_metadata, mem, FIRST, 512);
	if (on_slat()) {
		get_stats(_metadata, &self->guest, &before);
		guest_sum(_metadata, &self->guest, FIRST, 512);
		get_stats(_metadata, &self->guest, &after);
		/* One huge leaf, what the code needs, and what the host made a fault do again. */
		EXPECT_GE(before.faults + 16, after.faults);
	}
	check_survived(_metadata, &self->guest, mem, 512);
}

/* Swapping */

/* The first time the kernel may only learn that the guest has used the pages. */
static void page_out(struct __test_metadata *_metadata, __u8 *mem)
{
	ASSERT_EQ(0, madvise(mem, SIZE, MADV_PAGEOUT));
	ASSERT_EQ(0, madvise(mem, SIZE, MADV_PAGEOUT));
}

TEST_F(reclaim, pages_are_swapped)
{
	long out = vm_counter("pswpout"), in = vm_counter("pswpin");
	char path[32];
	long id;

	skip_without_counter("pswpout");
	id = swap_on(_metadata, path, sizeof(path));
	if (id < 0)
		SKIP(return, "no zram to swap to");
	for (int round = 0; round < 3; round++) {
		guest_store(_metadata, &self->guest, FIRST, PAGES);
		page_out(_metadata, self->mem);
		EXPECT_EQ(PAGES, count_pages(_metadata, self->mem, PAGES, PAGEMAP_SWAPPED));
		EXPECT_LE(out + (round + 1) * PAGES, vm_counter("pswpout"));
		/* The guest is first to want them back. */
		EXPECT_EQ(expected_sum(FIRST, PAGES),
			  guest_sum(_metadata, &self->guest, FIRST, PAGES));
		EXPECT_LT(in, vm_counter("pswpin"));
		check_survived(_metadata, &self->guest, self->mem, PAGES);
	}
	swap_off(_metadata, path, id);
}

/* Read back in, it is clean in the swap cache: the next write must not be lost. */
TEST_F(reclaim, what_is_written_after_it_was_read_from_swap_stays)
{
	char path[32];
	long id;

	skip_without_counter("pswpout");
	id = swap_on(_metadata, path, sizeof(path));
	if (id < 0)
		SKIP(return, "no zram to swap to");
	for (__u64 i = 0; i < PAGES; i++)
		*(volatile __u64 *)(self->mem + i * PAGE) = 5;
	for (int round = 0; round < 3; round++) {
		page_out(_metadata, self->mem);
		EXPECT_EQ(5 * PAGES, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	}
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	page_out(_metadata, self->mem);
	EXPECT_EQ(PAGES, count_pages(_metadata, self->mem, PAGES, PAGEMAP_SWAPPED));
	check_stored(_metadata, self->mem, FIRST, PAGES);
	swap_off(_metadata, path, id);
}

/* Aging: the kernel learns from the guest's own tables which pages it has used. */

static bool idle(struct __test_metadata *_metadata, int fd, __u64 pfn)
{
	__u64 bits;

	ASSERT_EQ(sizeof(bits), pread(fd, &bits, sizeof(bits), pfn / 64 * 8));
	return bits >> pfn % 64 & 1;
}

TEST_F(reclaim, used_pages_are_young)
{
	int fd = open(PAGE_IDLE, O_RDWR | O_CLOEXEC);
	__u64 pfn[PAGES], tracked = 0;

	if (fd < 0)
		SKIP(return, "this kernel does not track idle pages");
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	for (__u64 i = 0; i < PAGES; i++) {
		__u64 bit;
		int written;

		pfn[i] = pfn_of(_metadata, self->mem + i * PAGE);
		bit = 1ULL << pfn[i] % 64;
		written = pwrite(fd, &bit, sizeof(bit), pfn[i] / 64 * 8);
		/* The file ends with the last whole word of what the machine has. */
		if (!written) {
			pfn[i] = 0;
			continue;
		}
		ASSERT_EQ(sizeof(bit), written);
	}
	/* Not all of them may be known to the kernel's lists yet. */
	for (__u64 i = 0; i < PAGES; i++) {
		if (pfn[i] && idle(_metadata, fd, pfn[i]))
			tracked++;
		else
			pfn[i] = 0;
	}
	EXPECT_LE(PAGES / 2, tracked);
	/* The CPU remembers that it has marked them: make it forget. */
	ASSERT_EQ(0, madvise(self->mem + SIZE - PAGE, PAGE, MADV_DONTNEED));
	pfn[PAGES - 1] = 0;
	guest_sum(_metadata, &self->guest, FIRST, PAGES / 2);
	for (__u64 i = 0; i < PAGES; i++) {
		if (!pfn[i])
			continue;
		ASSERT_EQ(i >= PAGES / 2, idle(_metadata, fd, pfn[i])) {
			TH_LOG("page %llu", (unsigned long long)i);
		}
	}
	check_stored(_metadata, self->mem, FIRST, PAGES - 1);
	close(fd);
}

/* Discarding */

TEST_F(reclaim, freed_pages_that_are_written_again_stay)
{
	long before = vm_counter("pglazyfreed");
	char path[32];
	long id;

	skip_without_counter("pglazyfreed");
	/* Without a place to swap to nothing anonymous is reclaimed. */
	id = swap_on(_metadata, path, sizeof(path));
	if (id < 0)
		SKIP(return, "no zram to swap to");
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_FREE));
	guest_store(_metadata, &self->guest, FIRST, PAGES / 2);
	page_out(_metadata, self->mem);
	EXPECT_LE(before + PAGES / 2, vm_counter("pglazyfreed"));
	check_stored(_metadata, self->mem, FIRST, PAGES / 2);
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST + SIZE / 2, PAGES / 2));
	EXPECT_EQ(expected_sum(FIRST, PAGES / 2),
		  guest_sum(_metadata, &self->guest, FIRST, PAGES));
	swap_off(_metadata, path, id);
}

TEST_F(reclaim, discarded_pages_are_freed)
{
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	EXPECT_EQ(PAGES, count_pages(_metadata, self->mem, PAGES, PAGEMAP_PRESENT));
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_DONTNEED));
	EXPECT_EQ(0, count_pages(_metadata, self->mem, PAGES, PAGEMAP_PRESENT));
	EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST, PAGES));
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	check_survived(_metadata, &self->guest, self->mem, PAGES);
}

/* Protecting */

TEST_F(reclaim, protected_pages_are_protected)
{
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_READ));
	EXPECT_EQ(expected_sum(FIRST, PAGES),
		  guest_sum(_metadata, &self->guest, FIRST, PAGES));
	guest_load(&self->guest, store);
	guest_start(_metadata, &self->guest, FIRST, PAGES);
	EXPECT_EQ(-EFAULT, _guest_run(&self->guest));
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_READ | PROT_WRITE));
	guest_run_hlt(_metadata, &self->guest);
	check_survived(_metadata, &self->guest, self->mem, PAGES);
}

/* Copying: a child has what the guest had written by then, and nothing later. */
TEST_F(reclaim, a_child_has_what_was_there)
{
	__u64 before[PAGES], moved = 0;
	int go[2], status;
	char byte;
	pid_t child;

	ASSERT_EQ(0, pipe(go));
	for (__u64 i = 0; i < PAGES; i++)
		*(volatile __u64 *)(self->mem + i * PAGE) = 5;
	/* Mapped for writing: the copy begins with taking that away. */
	guest_store(_metadata, &self->guest, FIRST, PAGES / 2);
	for (__u64 i = 0; i < PAGES; i++)
		before[i] = pfn_of(_metadata, self->mem + i * PAGE);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		bool same = read(go[0], &byte, 1) == 1;

		for (__u64 i = 0; i < PAGES; i++)
			same &= *(volatile __u64 *)(self->mem + i * PAGE) ==
				(i < PAGES / 2 ? FIRST + i * PAGE : 5);
		_exit(!same);
	}
	guest_store(_metadata, &self->guest, FIRST + 2 * PAGE, PAGES - 2);
	for (__u64 i = 2; i < PAGES; i++)
		moved += before[i] != pfn_of(_metadata, self->mem + i * PAGE);
	EXPECT_EQ(PAGES - 2, moved);
	ASSERT_EQ(1, write(go[1], "", 1));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	check_stored(_metadata, self->mem, FIRST, PAGES);
	check_survived(_metadata, &self->guest, self->mem, PAGES);
}

/* Files: what is written back is clean, and dirty again by the next write. */

#define DISK_BYTES	"8388608"
#define DIR		"/tmp/guest_reclaim"

static __u8 *map_file(struct __test_metadata *_metadata, const char *disk, int *fd)
{
	__u8 *mem;

	ASSERT_EQ(0, mount(disk, DIR, "ext2", 0, NULL));
	*fd = open(DIR "/memory", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, *fd);
	ASSERT_EQ(0, ftruncate(*fd, SIZE));
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	return mem;
}

static void unmap_file(struct __test_metadata *_metadata, __u8 *mem, int fd)
{
	ASSERT_EQ(0, munmap(mem, SIZE));
	close(fd);
	ASSERT_EQ(0, umount(DIR));
}

static bool have_ext2(void)
{
	return !system("grep -qw ext2 /proc/filesystems") &&
	       !system("command -v mke2fs >/dev/null");
}

TEST_F(reclaim, a_file_is_written_back)
{
	char command[96], disk[32];
	long id = have_ext2() ? zram_add(_metadata, disk, sizeof(disk), DISK_BYTES) : -1;
	__u8 *mem;
	int fd;

	if (id < 0)
		SKIP(return, "no zram, or no ext2");
	snprintf(command, sizeof(command), "mke2fs -F -b 4096 %s >/dev/null 2>&1", disk);
	ASSERT_EQ(0, system(command));
	mkdir(DIR, 0700);

	for (int round = 0; round < 2; round++) {
		mem = map_file(_metadata, disk, &fd);
		ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, 0, mem, 0));
		ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, mem, 0));
		guest_store(_metadata, &self->guest, FIRST, PAGES);
		EXPECT_EQ(SIZE, mapping_bytes(mem, "Private_Dirty"));
		memset(mem, 0, SIZE);
		ASSERT_EQ(0, fsync(fd));
		EXPECT_EQ(0, mapping_bytes(mem, "Private_Dirty"));
		/* Mapped and clean, in one round read before it is written. */
		if (round)
			EXPECT_EQ(0, guest_sum(_metadata, &self->guest, FIRST, PAGES));
		EXPECT_EQ(0, mapping_bytes(mem, "Private_Dirty"));
		guest_store(_metadata, &self->guest, FIRST, PAGES);
		EXPECT_EQ(SIZE, mapping_bytes(mem, "Private_Dirty"));
		unmap_file(_metadata, mem, fd);

		/* From the disk. */
		mem = map_file(_metadata, disk, &fd);
		check_stored(_metadata, mem, FIRST, PAGES);
		unmap_file(_metadata, mem, fd);
	}
	rmdir(DIR);
	zram_remove(_metadata, id);
}

#define SPARSE		0x10000000UL
#define TABLES_SPARE	64

static __s64 tables_held(struct __test_metadata *_metadata, struct guest *guest)
{
	struct slat_vm_stats stats;

	get_stats(_metadata, guest, &stats);
	return stats.tables_allocated - stats.tables_freed;
}

/* Tables of a slot that is gone are the host's when it asks for memory. */
TEST_F(reclaim, tables_of_a_deleted_slot)
{
	struct guest *guest = &self->guest;
	__s64 before, after;
	__u8 *mem;

	skip_without_stats();
	mem = mmap(NULL, TABLES_SPARE * HUGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	guest_store(_metadata, guest, FIRST, 1);
	before = tables_held(_metadata, guest);
	ASSERT_EQ(0, _guest_set_memory(guest, 2, SPARSE, TABLES_SPARE * HUGE, mem, 0));
	for (int i = 0; i < TABLES_SPARE; i++)
		guest_store(_metadata, guest, SPARSE + i * HUGE, 1);
	EXPECT_LE(before + TABLES_SPARE, tables_held(_metadata, guest));
	ASSERT_EQ(0, _guest_set_memory(guest, 2, SPARSE, 0, mem, 0));
	EXPECT_LE(before + TABLES_SPARE, tables_held(_metadata, guest));

	_file_write("/proc/sys/vm/drop_caches", "2");
	after = tables_held(_metadata, guest);
	EXPECT_GE(before + 1, after) {
		TH_LOG("tables: %lld, then %lld", (long long)before, (long long)after);
	}
	guest_store(_metadata, guest, FIRST, PAGES);
	check_stored(_metadata, self->mem, FIRST, PAGES);
	munmap(mem, TABLES_SPARE * HUGE);
}

int main(int argc, char **argv)
{
	require_root();
	require_guests();
	return test_harness_run(argc, argv);
}
