/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests that store to pages and add up what is there, and what their
 * translations cost: for tests of guest memory.
 */
#ifndef SLAT_GUEST_PAGES_H
#define SLAT_GUEST_PAGES_H

#include "guest.h"

#define PAGE		4096UL
#define HUGE		(512 * PAGE)

/* From RSI on, RCX pages: store each page's own address in it. */
GUEST_CODE(store, 64,
	   "1: mov %rsi, (%rsi)\n"
	   "add $4096, %rsi\n"
	   "dec %rcx\n"
	   "jnz 1b\n"
	   "hlt\n");

/* Add up what is there, into RAX. */
GUEST_CODE(sum, 64,
	   "1: add (%rsi), %rax\n"
	   "add $4096, %rsi\n"
	   "dec %rcx\n"
	   "jnz 1b\n"
	   "hlt\n");

/* Count in each page from RSI on, RCX of them, until there is something at DATA. */
GUEST_CODE(count_up, 64,
	   "sti\n"
	   "1: mov %rsi, %rdi\n"
	   "mov %rcx, %rdx\n"
	   "2: incq (%rdi)\n"
	   "add $4096, %rdi\n"
	   "dec %rdx\n"
	   "jnz 2b\n"
	   "cmpq $0, 0x30000\n"
	   "je 1b\n"
	   "hlt\n");

/* About to run the code that was loaded last. */
static inline void guest_start(struct __test_metadata *_metadata, struct guest *guest,
			       __u64 gpa, __u64 pages)
{
	struct kvm_regs regs;

	guest_mode(_metadata, guest, MODE_LONG);
	get_regs(_metadata, guest, &regs);
	regs.rsi = gpa;
	regs.rcx = pages;
	regs.rax = 0;
	set_regs(_metadata, guest, &regs);
}

static inline void guest_store(struct __test_metadata *_metadata, struct guest *guest,
			       __u64 gpa, __u64 pages)
{
	guest_load(guest, store);
	guest_start(_metadata, guest, gpa, pages);
	guest_run_hlt(_metadata, guest);
}

static inline __u64 guest_sum(struct __test_metadata *_metadata, struct guest *guest,
			      __u64 gpa, __u64 pages)
{
	struct kvm_regs regs;

	guest_load(guest, sum);
	guest_start(_metadata, guest, gpa, pages);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	return regs.rax;
}

static inline __u64 expected_sum(__u64 gpa, __u64 pages)
{
	return pages * gpa + PAGE * (pages * (pages - 1) / 2);
}

static inline void get_stats(struct __test_metadata *_metadata, struct guest *guest,
			     struct slat_vm_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, SLAT_GET_STATS, stats));
}

#define skip_without_stats() do {					\
	if (!on_slat())							\
		SKIP(return, "counts by SLAT_GET_STATS");		\
} while (0)

static inline void check_stored(struct __test_metadata *_metadata, const __u8 *mem, __u64 gpa,
				__u64 pages)
{
	for (__u64 i = 0; i < pages; i++) {
		ASSERT_EQ(gpa + i * PAGE, *(const volatile __u64 *)(mem + i * PAGE)) {
			TH_LOG("page %llu", (unsigned long long)i);
		}
	}
}

/* What the kernel says of the mapping at an address, in bytes. */
static inline size_t mapping_bytes(const void *mem, const char *field)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	unsigned long start, end, kib = 0;
	size_t len = strlen(field);
	bool here = false;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (unsigned long)mem >= start && (unsigned long)mem < end;
		else if (here && !strncmp(line, field, len) &&
			 sscanf(line + len, ": %lu kB", &kib) == 1)
			break;
	}
	if (file)
		fclose(file);
	return kib << 10;
}

#define mapped_huge(mem)	mapping_bytes(mem, "AnonHugePages")

/* Address space that begins at a multiple of @align; the rest stays unused. */
static inline __u8 *reserve(struct __test_metadata *_metadata, size_t size, size_t align)
{
	__u8 *mem = mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	return (__u8 *)(((unsigned long)mem + align - 1) & ~(align - 1));
}

#define THP		"/sys/kernel/mm/transparent_hugepage/enabled"

/* Small machines have it off.  Returns whether this one had. */
static inline bool thp_on(void)
{
	char text[64] = "";

	_file_read(THP, text, sizeof(text));
	return strstr(text, "[never]") && !_file_write(THP, "madvise");
}

static inline void thp_restore(bool was_off)
{
	if (was_off)
		_file_write(THP, "never");
}

/* Ordinary memory in pages of 4 KiB. */
static inline __u8 *map_small(struct __test_metadata *_metadata, size_t size)
{
	__u8 *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	madvise(mem, size, MADV_NOHUGEPAGE);
	return mem;
}

/* Ordinary memory in huge pages; NULL: there is none to be had. */
static inline __u8 *map_thp(struct __test_metadata *_metadata, size_t size)
{
	__u8 *mem = reserve(_metadata, size, HUGE);

	ASSERT_EQ(mem, mmap(mem, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	if (madvise(mem, size, MADV_HUGEPAGE))
		return NULL;
	_file_write("/proc/sys/vm/compact_memory", "1");
	memset(mem, 0, size);
	return mapped_huge(mem) == size ? mem : NULL;
}

#endif /* SLAT_GUEST_PAGES_H */
