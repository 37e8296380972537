/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a kernel does to memory, on demand: where to ask for it, and somewhere to
 * swap to.
 */
#ifndef SLAT_HOST_MEMORY_H
#define SLAT_HOST_MEMORY_H

#include <sys/swap.h>

#include "guest_pages.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT		21
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif

#define KSM		"/sys/kernel/mm/ksm/"
#define SPLIT_HUGE	"/sys/kernel/debug/split_huge_pages"
#define PAGE_IDLE	"/sys/kernel/mm/page_idle/bitmap"
#define SWAP_PAGES	4096
#define SWAP_BYTES	"16777216"

/* One of /proc/vmstat; -1: this kernel does not count it. */
static inline long vm_counter(const char *name)
{
	FILE *file = fopen("/proc/vmstat", "r");
	char seen[64];
	long value;

	while (file && fscanf(file, "%63s %ld", seen, &value) == 2) {
		if (!strcmp(seen, name)) {
			fclose(file);
			return value;
		}
	}
	if (file)
		fclose(file);
	return -1;
}

#define ZRAM		"/sys/class/zram-control/"

/* A disk in memory.  -1: there is none to be had. */
static inline long zram_add(struct __test_metadata *_metadata, char *path, size_t size,
			    const char *bytes)
{
	long id = _file_read_long(ZRAM "hot_add");
	char disksize[64];

	if (id < 0)
		return -1;
	snprintf(disksize, sizeof(disksize), "/sys/block/zram%ld/disksize", id);
	file_write(_metadata, disksize, bytes);
	snprintf(path, size, "/dev/zram%ld", id);
	return id;
}

static inline void zram_remove(struct __test_metadata *_metadata, long id)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", id);
	EXPECT_EQ(0, _file_write(ZRAM "hot_remove", text));
}

/* One to swap to. */
static inline long swap_on(struct __test_metadata *_metadata, char *path, size_t size)
{
	__u32 header[3] = { 1, SWAP_PAGES - 1, 0 };
	long id = zram_add(_metadata, path, size, SWAP_BYTES);
	int fd;

	if (id < 0)
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(header), pwrite(fd, header, sizeof(header), 1024));
	ASSERT_EQ(10, pwrite(fd, "SWAPSPACE2", 10, PAGE - 10));
	ASSERT_EQ(0, fsync(fd));
	close(fd);
	ASSERT_EQ(0, swapon(path, 0));
	return id;
}

static inline void swap_off(struct __test_metadata *_metadata, const char *path, long id)
{
	ASSERT_EQ(0, swapoff(path));
	zram_remove(_metadata, id);
}

#endif /* SLAT_HOST_MEMORY_H */
