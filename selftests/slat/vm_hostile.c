// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad input to the ioctls of a VM, bad use of its descriptors, and limits:
 * vm_hostile [ROUNDS [SEED]] of random calls.
 */
#include <stddef.h>
#include <poll.h>
#include <stddef.h>
#include <sys/resource.h>

#include "hostile.h"
#include "regions.h"

#define GIB		0x40000000ULL
#define ONE_SLOT	5
#define LAST_SLOT	32763

FIXTURE(vm) {
	struct guest guest;
	long refs;
	int fds;
	__u8 *mem;		/* two pages that no slot has */
};

FIXTURE_SETUP(vm)
{
	self->refs = _file_read_long(SLAT_SYSFS "/refcnt");
	self->fds = first_free_fd();
	guest_create(_metadata, &self->guest);
	self->mem = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(vm)
{
	EXPECT_TRUE(works(&self->guest));
	munmap(self->mem, 2 * 4096);
	guest_destroy(&self->guest);
	EXPECT_EQ(self->fds, first_free_fd());
	EXPECT_EQ(self->refs, _file_read_long(SLAT_SYSFS "/refcnt"));
}

static int set_region(struct guest *guest, const struct kvm_userspace_memory_region *region)
{
	return _ioctl_ptr(guest->vm, KVM_SET_USER_MEMORY_REGION, region);
}

/* Slot 5: one page at 1 GiB.  No other slot is there but the guest's memory. */
static struct kvm_userspace_memory_region one_page(const void *mem)
{
	return (struct kvm_userspace_memory_region) {
		.slot = ONE_SLOT, .guest_phys_addr = GIB, .memory_size = 4096,
		.userspace_addr = (unsigned long)mem,
	};
}

/* What each of these changes of a good region makes of it. */
static const struct {
	const char *what;
	int error;
	struct kvm_userspace_memory_region bits;	/* xor */
} bad_regions[] = {
	{ "size of one byte", -EINVAL, { .memory_size = 4096 ^ 1 } },
	{ "size of a page and one byte", -EINVAL, { .memory_size = 1 } },
	{ "size with bit 63", -EINVAL, { .memory_size = 1ULL << 63 } },
	{ "all of memory", -EINVAL, { .memory_size = ~4095ULL ^ 4096 } },
	{ "more pages than an int counts", -EINVAL, { .memory_size = 1ULL << 43 } },
	{ "odd guest address", -EINVAL, { .guest_phys_addr = 1 } },
	{ "half a page of guest address", -EINVAL, { .guest_phys_addr = 2048 } },
	{ "guest address beyond any CPU's", -EINVAL, { .guest_phys_addr = 1ULL << 52 } },
	{ "guest address with bit 63", -EINVAL, { .guest_phys_addr = 1ULL << 63 } },
	{ "last guest page, wraps to 0", -EINVAL, { .guest_phys_addr = ~4095ULL ^ GIB } },
	{ "odd host address", -EINVAL, { .userspace_addr = 1 } },
	{ "kernel's half", -EINVAL, { .userspace_addr = 0xffffULL << 48 } },
	{ "host address that is not canonical", -EINVAL, { .userspace_addr = 1ULL << 62 } },
	{ "slot too large", -EINVAL, { .slot = (LAST_SLOT + 1) ^ ONE_SLOT } },
	{ "slot of 15 bits", -EINVAL, { .slot = 0x7fff ^ ONE_SLOT } },
	{ "last slot of a last address space", -EINVAL, { .slot = ~0U ^ ONE_SLOT } },
	{ "all flags", -EINVAL, { .flags = ~0U } },
	{ "overlaps, same page", -EEXIST, { .guest_phys_addr = GIB ^ 0x3ff000 } },
	{ "overlaps, covers", -EEXIST, { .guest_phys_addr = GIB,
					 .memory_size = 4096 ^ (2 * MEMORY) } },
	{ "deletes what is not there", -EINVAL, { .memory_size = 4096 } },
};

TEST_F(vm, regions_that_cannot_be)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_regions); i++) {
		struct kvm_userspace_memory_region region = one_page(self->mem);

		for (size_t word = 0; word < sizeof(region) / 8; word++)
			((__u64 *)&region)[word] ^= ((const __u64 *)&bad_regions[i].bits)[word];
		ASSERT_EQ(bad_regions[i].error, set_region(&self->guest, &region)) {
			TH_LOG("%s", bad_regions[i].what);
		}
	}
}

TEST_F(vm, region_refuses_each_flag)
{
	for (int bit = 0; bit < 32; bit++) {
		struct kvm_userspace_memory_region region = one_page(self->mem);

		region.flags = 1U << bit;
		if (region.flags & (KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY))
			continue;
		ASSERT_EQ(-EINVAL, set_region(&self->guest, &region)) {
			TH_LOG("bit %d", bit);
		}
	}
}

/* Where the addresses of programs end, on a kernel that uses what the CPU has. */
static __u64 user_end(void)
{
	unsigned int eax, ebx, ecx, edx;
	bool la57 = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && ecx & 1 << 16;

	return (1ULL << (la57 ? 56 : 47)) - 4096;
}

/* The host address is checked as a range, not as a point. */
TEST_F(vm, region_that_leaves_the_user_half)
{
	struct kvm_userspace_memory_region region = one_page(NULL);

	region.userspace_addr = user_end() - 4096;
	region.memory_size = 1ULL << 32;
	EXPECT_EQ(-EINVAL, set_region(&self->guest, &region));
	region.userspace_addr = ~4095ULL;
	region.memory_size = 8192;
	EXPECT_EQ(-EINVAL, set_region(&self->guest, &region));
}

/* An existing slot changes its place and its log, nothing else. */
TEST_F(vm, changes_that_a_slot_refuses)
{
	struct kvm_userspace_memory_region good = one_page(self->mem), bad;
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, set_region(guest, &good));
	EXPECT_EQ(0, set_region(guest, &good));
	bad = good;
	bad.memory_size = 8192;
	EXPECT_EQ(-EINVAL, set_region(guest, &bad));
	bad = good;
	bad.userspace_addr += 4096;
	EXPECT_EQ(-EINVAL, set_region(guest, &bad));
	bad = good;
	bad.flags = KVM_MEM_READONLY;
	EXPECT_EQ(-EINVAL, set_region(guest, &bad));
	bad = good;
	bad.guest_phys_addr = 0;
	EXPECT_EQ(-EEXIST, set_region(guest, &bad));
	bad = good;
	bad.slot = ONE_SLOT + 1;
	EXPECT_EQ(-EEXIST, set_region(guest, &bad));
	/* Nothing of that has changed it. */
	guest->run->immediate_exit = 0;
	good.guest_phys_addr = 2 * GIB;
	EXPECT_EQ(0, set_region(guest, &good));
	good.guest_phys_addr += 4096;
	good.flags = KVM_MEM_LOG_DIRTY_PAGES;
	EXPECT_EQ(0, set_region(guest, &good));
	good.memory_size = 0;
	EXPECT_EQ(0, set_region(guest, &good));
	EXPECT_EQ(-EINVAL, set_region(guest, &good));
}

TEST_F(vm, read_only_does_not_come_off)
{
	struct kvm_userspace_memory_region region = one_page(self->mem);

	region.flags = KVM_MEM_READONLY;
	ASSERT_EQ(0, set_region(&self->guest, &region));
	region.flags = 0;
	EXPECT_EQ(-EINVAL, set_region(&self->guest, &region));
	region.flags = KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES;
	EXPECT_EQ(0, set_region(&self->guest, &region));
	region.memory_size = 0;
	EXPECT_EQ(0, set_region(&self->guest, &region));
}

/* A slot may be where nothing is mapped: a guest that goes there finds out. */
TEST_F(vm, region_without_memory)
{
	struct kvm_userspace_memory_region region = one_page(self->mem);
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;
	int ret;

	ASSERT_EQ(0, munmap(self->mem, 2 * 4096));
	ASSERT_EQ(0, set_region(guest, &region));
	guest_load(guest, touch_and_halt);
	guest_mode(_metadata, guest, MODE_LONG);
	get_sregs(_metadata, guest, &sregs);
	sregs.cr3 = GIB;
	set_sregs(_metadata, guest, &sregs);
	ret = _guest_run(guest);
	EXPECT_TRUE(ret == -EFAULT || (!ret && guest->run->exit_reason != KVM_EXIT_HLT));
	region.memory_size = 0;
	EXPECT_EQ(0, set_region(guest, &region));
	self->mem = mmap(self->mem, 2 * 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
}

TEST_F(vm, pointers_to_nowhere)
{
	struct kvm_userspace_memory_region region = one_page(self->mem);
	struct kvm_dirty_log log = { .slot = 0 };
	struct kvm_clear_dirty_log clear = { .slot = 0 };
	struct slat_dirty_epoch epoch = { .slot = 0 };
	struct slat_populate populate = { .size = 4096 };
	struct slat_vm_stats stats = { 0 };
	int vm = self->guest.vm, other = _ioctl(self->guest.dev, KVM_CREATE_VM, 0);
	__u64 address = 0xfffbc000;

	ASSERT_LE(0, other);
	expect_efault(_metadata, vm, KVM_SET_USER_MEMORY_REGION, &region, sizeof(region));
	expect_efault(_metadata, vm, KVM_GET_DIRTY_LOG, &log, sizeof(log));
	expect_efault(_metadata, vm, KVM_CLEAR_DIRTY_LOG, &clear, sizeof(clear));
	expect_efault(_metadata, other, KVM_SET_IDENTITY_MAP_ADDR, &address, sizeof(address));
	close(other);
	if (on_slat()) {
		expect_efault(_metadata, vm, SLAT_GET_STATS, &stats, sizeof(stats));
		expect_efault_read_only(_metadata, vm, SLAT_GET_STATS, &stats, sizeof(stats));
		expect_efault(_metadata, vm, SLAT_PEEK_DIRTY, &epoch, sizeof(epoch));
		expect_efault(_metadata, vm, SLAT_COMMIT_DIRTY, &epoch, sizeof(epoch));
		expect_efault(_metadata, vm, SLAT_ABORT_DIRTY, &epoch, sizeof(epoch));
		expect_efault(_metadata, vm, SLAT_POPULATE, &populate, sizeof(populate));
		expect_efault_read_only(_metadata, vm, SLAT_POPULATE, &populate,
					sizeof(populate));
	}
	/* None of the truncated ones has made a slot. */
	region.memory_size = 0;
	EXPECT_EQ(-EINVAL, set_region(&self->guest, &region));
}

/* Slot 5, as one_page(). */
static struct slat_memory_region one_region(const void *mem)
{
	return region(ONE_SLOT, GIB, 4096, mem, KVM_MEM_LOG_DIRTY_PAGES);
}

TEST_F(vm, regions_from_nowhere)
{
	struct slat_memory_region one = one_region(self->mem);
	struct slat_memory_regions all = { .count = 1, .regions = (unsigned long)&one };
	int vm = self->guest.vm;
	__u8 *page;

	if (!on_slat())
		SKIP(return, "SLAT_SET_MEMORY_REGIONS");
	expect_efault(_metadata, vm, SLAT_SET_MEMORY_REGIONS, &all, sizeof(all));
	page = edge_create(_metadata);
	for (size_t cut = 1; cut <= sizeof(one); cut++) {
		memcpy(page + 4096 - sizeof(one) + cut, &one, sizeof(one) - cut);
		all.regions = (unsigned long)page + 4096 - sizeof(one) + cut;
		ASSERT_EQ(-EFAULT, _ioctl_ptr(vm, SLAT_SET_MEMORY_REGIONS, &all));
	}
	edge_destroy(page);
	for (size_t i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		all.regions = bad_pointers[i];
		ASSERT_EQ(-EFAULT, _ioctl_ptr(vm, SLAT_SET_MEMORY_REGIONS, &all));
	}
	all.regions = (unsigned long)&one;
	all.count = LAST_SLOT + 1;
	EXPECT_EQ(-EFAULT, _ioctl_ptr(vm, SLAT_SET_MEMORY_REGIONS, &all));
	for (__u64 count = LAST_SLOT + 2; count <= ~0U; count += 0x7fffff) {
		all.count = count;
		ASSERT_EQ(-EINVAL, _ioctl_ptr(vm, SLAT_SET_MEMORY_REGIONS, &all));
	}
	one.memory_size = 0;
	EXPECT_EQ(-EINVAL, _set_regions(&self->guest, &one, 1));
}

TEST_F(vm, regions_refuse_what_they_do_not_know)
{
	struct slat_memory_region one = one_region(self->mem);

	if (!on_slat())
		SKIP(return, "SLAT_SET_MEMORY_REGIONS");
	for (int bit = 0; bit < 8 * sizeof(struct slat_memory_regions); bit++) {
		struct slat_memory_regions all = { .regions = (unsigned long)&one };
		size_t at = bit / 8;

		if (at >= offsetof(struct slat_memory_regions, count) &&
		    at < offsetof(struct slat_memory_regions, reserved))
			continue;
		((__u8 *)&all)[at] |= 1 << bit % 8;
		ASSERT_EQ(-EINVAL, _ioctl_ptr(self->guest.vm, SLAT_SET_MEMORY_REGIONS, &all)) {
			TH_LOG("bit %d", bit);
		}
	}
	for (int bit = 0; bit < 8 * sizeof(one.reserved); bit++) {
		struct slat_memory_region bad = one;

		((__u8 *)bad.reserved)[bit / 8] |= 1 << bit % 8;
		ASSERT_EQ(-EINVAL, _set_regions(&self->guest, &bad, 1)) {
			TH_LOG("bit %d", bit);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_regions); i++) {
		const struct kvm_userspace_memory_region *bits = &bad_regions[i].bits;
		struct slat_memory_region bad = region(ONE_SLOT ^ bits->slot,
						       GIB ^ bits->guest_phys_addr,
						       4096 ^ bits->memory_size, NULL,
						       bits->flags);

		bad.userspace_addr = (unsigned long)self->mem ^ bits->userspace_addr;
		ASSERT_EQ(bad_regions[i].error, _set_regions(&self->guest, &bad, 1)) {
			TH_LOG("%s", bad_regions[i].what);
		}
	}
}

/* Nothing changes where the last bits of a log would be lost. */
TEST_F(vm, last_bits_to_nowhere)
{
	static const __u64 sizes[] = { 1, 7, 9, 16, 4096, 1ULL << 28, (1ULL << 28) + 1,
				       1ULL << 32, 1ULL << 63, ~0ULL };
	struct slat_memory_region one = one_region(self->mem), gone = no_region(ONE_SLOT);
	struct guest *guest = &self->guest;
	__u64 bits = 1;
	__u8 *page;

	if (!on_slat())
		SKIP(return, "SLAT_SET_MEMORY_REGIONS");
	ASSERT_EQ(0, _set_regions(guest, &one, 1));
	gone.dirty_bitmap_size = sizeof(bits);
	for (size_t i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		gone.dirty_bitmap = bad_pointers[i];
		ASSERT_EQ(-EFAULT, _set_regions(guest, &gone, 1));
	}
	page = edge_create(_metadata);
	for (int cut = 1; cut <= sizeof(bits); cut++) {
		gone.dirty_bitmap = (unsigned long)page + 4096 - sizeof(bits) + cut;
		ASSERT_EQ(-EFAULT, _set_regions(guest, &gone, 1));
	}
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ));
	gone.dirty_bitmap = (unsigned long)page;
	ASSERT_EQ(-EFAULT, _set_regions(guest, &gone, 1));
	edge_destroy(page);
	gone.dirty_bitmap = (unsigned long)&bits;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int ret;

		gone.dirty_bitmap_size = sizes[i];
		ret = _set_regions(guest, &gone, 1);
		ASSERT_TRUE(ret == -EINVAL || ret == -EFAULT) {
			TH_LOG("%d of %#llx bytes", ret, sizes[i]);
		}
	}
	gone.dirty_bitmap_size = 0;
	EXPECT_EQ(-EINVAL, _set_regions(guest, &gone, 1));
	EXPECT_EQ(1, bits);
	/* At an odd address, and across pages. */
	page = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	memset(page, 0xff, 2 * 4096);
	gone.dirty_bitmap = (unsigned long)page + 4096 - 3;
	gone.dirty_bitmap_size = sizeof(bits);
	EXPECT_EQ(0, _set_regions(guest, &gone, 1));
	for (int i = 0; i < 2 * 4096; i++)
		ASSERT_EQ(i < 4096 - 3 || i >= 4096 + 5 ? 0xff : 0, page[i]);
	EXPECT_EQ(-ENOENT, _set_regions(guest, &gone, 1));
	munmap(page, 2 * 4096);
}

TEST_F(vm, dirty_log_of_what_is_not_logged)
{
	static const __u32 slots[] = { LAST_SLOT + 1, 0x7fff, 0x8000, 0xffff, ~0U };
	unsigned long bits[MEMORY / 4096 / 64];
	struct kvm_dirty_log log = { .dirty_bitmap = bits };

	EXPECT_EQ(-ENOENT, _ioctl_ptr(self->guest.vm, KVM_GET_DIRTY_LOG, &log));
	log.slot = LAST_SLOT;
	EXPECT_EQ(-ENOENT, _ioctl_ptr(self->guest.vm, KVM_GET_DIRTY_LOG, &log));
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
		log.slot = slots[i];
		ASSERT_EQ(-EINVAL, _ioctl_ptr(self->guest.vm, KVM_GET_DIRTY_LOG, &log)) {
			TH_LOG("slot %#x", slots[i]);
		}
	}
}

TEST_F(vm, dirty_log_to_nowhere_loses_no_bit)
{
	struct guest *guest = &self->guest;
	unsigned long bits[MEMORY / 4096 / 64] = { 0 };
	struct kvm_dirty_log log = { 0 };

	if (!on_slat())
		SKIP(return, "KVM loses them");
	ASSERT_EQ(0, _guest_set_memory(guest, 0, 0, MEMORY, guest->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	EXPECT_TRUE(works(guest));
	for (size_t i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		log.dirty_bitmap = (void *)bad_pointers[i];
		ASSERT_EQ(-EFAULT, _ioctl_ptr(guest->vm, KVM_GET_DIRTY_LOG, &log));
	}
	log.dirty_bitmap = bits;
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_DIRTY_LOG, &log));
	EXPECT_TRUE(bits[0] >> (DATA >> 12) & 1);
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_DIRTY_LOG, &log));
	EXPECT_FALSE(bits[0] >> (DATA >> 12) & 1);
}

TEST_F(vm, epochs_refuse_what_must_be_0)
{
	static const unsigned long calls[] = {
		SLAT_PEEK_DIRTY, SLAT_COMMIT_DIRTY, SLAT_ABORT_DIRTY,
	};
	unsigned long bits[MEMORY / 4096 / 64];
	struct guest *guest = &self->guest;
	struct slat_dirty_epoch epoch;

	if (!on_slat())
		SKIP(return, "Slat's own calls");
	ASSERT_EQ(0, _guest_set_memory(guest, 0, 0, MEMORY, guest->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		/* The first byte of each field that must be 0, and the last of all. */
		static const size_t zero[] = {
			offsetof(struct slat_dirty_epoch, flags),
			offsetof(struct slat_dirty_epoch, reserved), sizeof(epoch) - 1,
		};

		for (size_t at = 0; at < ARRAY_SIZE(zero); at++) {
			epoch = (struct slat_dirty_epoch) { 0 };
			((__u8 *)&epoch)[zero[at]] = 1;
			EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, calls[i], &epoch));
		}
		epoch = (struct slat_dirty_epoch) { .slot = LAST_SLOT };
		EXPECT_EQ(-ENOENT, _ioctl_ptr(guest->vm, calls[i], &epoch));
		epoch.slot = LAST_SLOT + 1;
		EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, calls[i], &epoch));
	}
	/* A bitmap to nowhere, and an answer to nowhere: no epoch. */
	for (size_t i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		epoch = (struct slat_dirty_epoch) { .bitmap = bad_pointers[i] };
		EXPECT_EQ(-EFAULT, _ioctl_ptr(guest->vm, SLAT_PEEK_DIRTY, &epoch));
	}
	epoch = (struct slat_dirty_epoch) { .bitmap = (unsigned long)bits };
	expect_efault_read_only(_metadata, guest->vm, SLAT_PEEK_DIRTY, &epoch, sizeof(epoch));
	epoch.bitmap = 0;
	EXPECT_EQ(-ENOENT, _ioctl_ptr(guest->vm, SLAT_ABORT_DIRTY, &epoch));
}

TEST_F(vm, stats_refuse_what_must_be_0)
{
	struct slat_vm_stats stats = { 0 };

	if (!on_slat())
		SKIP(return, "Slat's own call");
	stats.flags = 1;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.vm, SLAT_GET_STATS, &stats));
	stats.flags = 0;
	stats.pad = 1U << 31;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.vm, SLAT_GET_STATS, &stats));
	stats.pad = 0;
	for (size_t i = 0; i < ARRAY_SIZE(stats.reserved); i++) {
		stats.reserved[i] = 1ULL << 63;
		ASSERT_EQ(-EINVAL, _ioctl_ptr(self->guest.vm, SLAT_GET_STATS, &stats));
		stats.reserved[i] = 0;
	}
	EXPECT_EQ(0, _ioctl_ptr(self->guest.vm, SLAT_GET_STATS, &stats));
	EXPECT_EQ(-EINVAL, _ioctl(self->guest.vm, SLAT_ZAP_ALL, 1));
	EXPECT_EQ(-EINVAL, _ioctl(self->guest.vm, SLAT_ZAP_ALL, 1UL << 63));
}

TEST_F(vm, populate_refuses_what_is_no_range)
{
	static const struct slat_populate bad[] = {
		{ .gpa = 0, .size = 0 },
		{ .gpa = 1, .size = 4096 },
		{ .gpa = 0, .size = 1 },
		{ .gpa = 0, .size = 4095 },
		{ .gpa = 4096, .size = -4096ULL },
		{ .gpa = -4096ULL, .size = 4096 },
		{ .gpa = -4096ULL, .size = 8192 },
		{ .gpa = 1ULL << 63, .size = 1ULL << 63 },
		{ .gpa = 0, .size = 4096, .flags = 2 },
		{ .gpa = 0, .size = 4096, .flags = 1ULL << 63 },
		{ .gpa = 0, .size = 4096, .reserved[0] = 1 },
		{ .gpa = 0, .size = 4096, .reserved[4] = 1ULL << 63 },
	};
	struct slat_populate range;

	if (!on_slat())
		SKIP(return, "Slat's own call");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		range = bad[i];
		ASSERT_EQ(-EINVAL, _ioctl_ptr(self->guest.vm, SLAT_POPULATE, &range)) {
			TH_LOG("range %zu", i);
		}
	}
	/* Far away, or far too much: no slot, and nothing takes long. */
	range = (struct slat_populate) { .gpa = 1ULL << 62, .size = 1ULL << 62 };
	EXPECT_EQ(-ENOENT, _ioctl_ptr(self->guest.vm, SLAT_POPULATE, &range));
	range = (struct slat_populate) { .size = 1ULL << 63 };
	EXPECT_EQ(0, _ioctl_ptr(self->guest.vm, SLAT_POPULATE, &range));
	EXPECT_EQ(MEMORY, range.gpa);
	EXPECT_EQ((1ULL << 63) - MEMORY, range.size);
}

TEST_F(vm, types_of_vm)
{
	for (int bit = 0; bit < 64; bit++) {
		ASSERT_EQ(-EINVAL, _ioctl(self->guest.dev, KVM_CREATE_VM, 1UL << bit)) {
			TH_LOG("bit %d", bit);
		}
	}
}

TEST_F(vm, addresses_of_tables_of_real_mode)
{
	EXPECT_EQ(-EINVAL, _ioctl(self->guest.vm, KVM_SET_TSS_ADDR, 0xfffff000));
	EXPECT_EQ(-EINVAL, _ioctl(self->guest.vm, KVM_SET_TSS_ADDR, 1UL << 32));
	EXPECT_EQ(-EINVAL, _ioctl(self->guest.vm, KVM_SET_TSS_ADDR, ~0UL));
}

/* Its page is the guest's while it runs in real mode: not once a vCPU exists. */
TEST_F(vm, identity_map_comes_before_vcpus)
{
	int vm = _ioctl(self->guest.dev, KVM_CREATE_VM, 0);
	__u64 address = 0xfffbc000;

	ASSERT_LE(0, vm);
	EXPECT_EQ(0, _ioctl_ptr(vm, KVM_SET_IDENTITY_MAP_ADDR, &address));
	close(vm);
	EXPECT_EQ(-EINVAL, _ioctl_ptr(self->guest.vm, KVM_SET_IDENTITY_MAP_ADDR, &address));
}

TEST_F(vm, numbers_of_vcpus)
{
	int end = _ioctl(self->guest.vm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);
	int last;

	ASSERT_LT(1, end);
	last = _ioctl(self->guest.vm, KVM_CREATE_VCPU, end - 1);
	EXPECT_LE(0, last);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-EEXIST, _ioctl(self->guest.vm, KVM_CREATE_VCPU, 0));
		EXPECT_EQ(-EEXIST, _ioctl(self->guest.vm, KVM_CREATE_VCPU, end - 1));
		EXPECT_EQ(-EINVAL, _ioctl(self->guest.vm, KVM_CREATE_VCPU, end));
		EXPECT_EQ(-EINVAL, _ioctl(self->guest.vm, KVM_CREATE_VCPU, 0x7fffffff));
		EXPECT_EQ(-EINVAL, _ioctl(self->guest.vm, KVM_CREATE_VCPU, 0xffffffff));
	}
	/* A number stays taken when its descriptor is closed. */
	close(last);
	EXPECT_EQ(-EEXIST, _ioctl(self->guest.vm, KVM_CREATE_VCPU, end - 1));
}

TEST_F(vm, more_vcpus_than_offered)
{
	int max = _ioctl(self->guest.vm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	int ids = _ioctl(self->guest.vm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);

	ASSERT_LT(1, max);
	for (int id = 1; id < max; id++) {
		int fd = _ioctl(self->guest.vm, KVM_CREATE_VCPU, id);

		ASSERT_LE(0, fd) {
			TH_LOG("vCPU %d of %d", id, max);
		}
		close(fd);
	}
	EXPECT_TRUE(max >= ids || _ioctl(self->guest.vm, KVM_CREATE_VCPU, max) == -EINVAL);
}

TEST_F(vm, no_descriptor_left)
{
	struct rlimit limit, none;
	int fd;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = first_free_fd();
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	for (int i = 0; i < 50; i++) {
		ASSERT_EQ(-EMFILE, _ioctl(self->guest.vm, KVM_CREATE_VCPU, 1));
		ASSERT_EQ(-EMFILE, _ioctl(self->guest.dev, KVM_CREATE_VM, 0));
	}
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	/* The number is free. */
	fd = _ioctl(self->guest.vm, KVM_CREATE_VCPU, 1);
	EXPECT_LE(0, fd);
	close(fd);
}

/* All slots there are: made, found, and gone with the VM, or one by one. */
TEST_F_TIMEOUT(vm, as_many_slots_as_offered, 300)
{
	int max = _ioctl(self->guest.vm, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
	/* On KVM each waits for a grace period. */
	int last = on_slat() ? max - 1 : 100;
	struct kvm_userspace_memory_region region = one_page(self->mem);

	ASSERT_EQ(LAST_SLOT + 1, max);
	for (int slot = 1; slot <= last; slot++) {
		region.slot = slot;
		region.guest_phys_addr = GIB + slot * 8192;
		ASSERT_EQ(0, set_region(&self->guest, &region)) {
			TH_LOG("slot %d", slot);
		}
	}
	region.slot = 1;
	region.guest_phys_addr = GIB + last * 8192;
	EXPECT_EQ(-EEXIST, set_region(&self->guest, &region));
	region.slot = max;
	region.guest_phys_addr = 4 * GIB;
	EXPECT_EQ(-EINVAL, set_region(&self->guest, &region));
	EXPECT_TRUE(works(&self->guest));
	region.memory_size = 0;
	for (int slot = 1; slot <= last; slot += 2) {
		region.slot = slot;
		ASSERT_EQ(0, set_region(&self->guest, &region));
	}
}

/* Commands of one descriptor on another one. */
TEST_F(vm, foreign_descriptors)
{
	struct guest *guest = &self->guest;
	char buf[8192] = { 0 };
	int pipes[2], null = open("/dev/null", O_RDWR), vcpu;

	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_USER_MEMORY_REGION, buf));
	EXPECT_EQ(-EINVAL, _ioctl(guest->fd, KVM_CREATE_VCPU, 1));
	EXPECT_EQ(-EINVAL, _ioctl(guest->fd, KVM_CREATE_VM, 0));
	EXPECT_EQ(-EINVAL, _ioctl(guest->fd, KVM_GET_VCPU_MMAP_SIZE, 0));
	EXPECT_EQ(-ENOTTY, _ioctl(guest->vm, KVM_RUN, 0));
	EXPECT_EQ(-ENOTTY, _ioctl_ptr(guest->vm, KVM_GET_REGS, buf));
	EXPECT_EQ(-ENOTTY, _ioctl(guest->vm, KVM_CREATE_VM, 0));
	EXPECT_EQ(-ENOTTY, _ioctl(guest->vm, KVM_GET_VCPU_MMAP_SIZE, 0));
	EXPECT_EQ(-EINVAL, _ioctl(guest->dev, KVM_RUN, 0));
	EXPECT_EQ(-EINVAL, _ioctl(guest->dev, KVM_CREATE_VCPU, 1));
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->dev, KVM_SET_USER_MEMORY_REGION, buf));

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-ENOTTY, _ioctl(pipes[0], KVM_RUN, 0));
	EXPECT_EQ(-ENOTTY, _ioctl(null, KVM_CREATE_VM, 0));
	EXPECT_EQ(-EBADF, _ioctl(-1, KVM_CREATE_VCPU, 1));
	close(pipes[0]);
	close(pipes[1]);
	close(null);
	vcpu = _ioctl(guest->vm, KVM_CREATE_VCPU, 1);
	ASSERT_LE(0, vcpu);
	close(vcpu);
	EXPECT_EQ(-EBADF, _ioctl(vcpu, KVM_RUN, 0));
}

/* Right numbers, with sizes or directions that no kernel has. */
static void probe_unknown(struct __test_metadata *_metadata, int fd, int error)
{
	static const unsigned int sizes[] = { 1, 3, 0x1001, (1 << _IOC_SIZEBITS) - 1 };
	static char buf[1 << _IOC_SIZEBITS];

	for (unsigned int nr = 0; nr < 256; nr++) {
		for (unsigned int i = 0; i < 8; i++) {
			unsigned int letter = i & 1 ? KVMIO : SLAT_IOC;
			unsigned long cmd = _IOC(i / 2, letter, nr, sizes[i / 2]);

			ASSERT_EQ(error, _ioctl_ptr(fd, cmd, buf)) {
				TH_LOG("command %#lx", cmd);
			}
		}
	}
}

TEST_F(vm, unknown_commands)
{
	probe_unknown(_metadata, self->guest.vm, -ENOTTY);
	probe_unknown(_metadata, self->guest.fd, -EINVAL);
	probe_unknown(_metadata, self->guest.dev, -EINVAL);
}

TEST_F(vm, descriptors_are_no_files)
{
	int fds[] = { self->guest.vm, self->guest.fd };
	char byte;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct pollfd pfd = { .fd = fds[i], .events = POLLIN | POLLOUT };

		EXPECT_EQ(-1, read(fds[i], &byte, 1));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, write(fds[i], "", 1));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(0, lseek(fds[i], 4096, SEEK_SET));
		EXPECT_EQ(-1, ftruncate(fds[i], 4096));
		EXPECT_EQ(1, poll(&pfd, 1, -1));
		EXPECT_FALSE(pfd.revents & POLLNVAL);
	}
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->guest.vm, 0));
	EXPECT_EQ(ENODEV, errno);
}

struct touch {
	volatile __u8 *at;
	bool write;
};

static void touch(void *arg)
{
	struct touch *touch = arg;

	if (touch->write)
		*touch->at = 1;
	else
		(void)*touch->at;
}

static void expect_sigbus(struct __test_metadata *_metadata, volatile __u8 *at)
{
	for (int write = 0; write < 2; write++) {
		struct touch how = { .at = at, .write = write };
		int status = in_child(_metadata, touch, &how);

		ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) {
			TH_LOG("status %#x", status);
		}
	}
}

TEST_F(vm, vcpu_pages_end)
{
	struct guest *guest = &self->guest;
	__u8 *map;

	map = mmap(NULL, 2 * guest->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, guest->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, memcmp(map, guest->run, guest->run_size));
	expect_sigbus(_metadata, map + guest->run_size);
	expect_sigbus(_metadata, map + 2 * guest->run_size - 1);
	munmap(map, 2 * guest->run_size);

	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, guest->fd, guest->run_size);
	ASSERT_NE(MAP_FAILED, map);
	expect_sigbus(_metadata, map);
	map = mremap(map, 4096, 8192, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, map);
	expect_sigbus(_metadata, map + 4096);
	munmap(map, 8192);

	/* The last offset that a file can have. */
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, guest->fd,
		   0x7ffffffffffff000);
	if (map != MAP_FAILED) {
		expect_sigbus(_metadata, map);
		munmap(map, 4096);
	}
}

/* Mappings other than the usual one do no harm, and what they share is the vCPU's. */
TEST_F(vm, vcpu_pages_mapped_otherwise)
{
	struct guest *guest = &self->guest;
	struct kvm_run *run;

	run = mmap(NULL, guest->run_size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED,
		   guest->fd, 0);
	ASSERT_NE(MAP_FAILED, run);
	run->immediate_exit = 1;
	EXPECT_EQ(1, guest->run->immediate_exit);
	EXPECT_EQ(-EINTR, _guest_run(guest));
	EXPECT_EQ(0, madvise(run, guest->run_size, MADV_DONTNEED));
	EXPECT_EQ(1, run->immediate_exit);
	run->immediate_exit = 0;
	munmap(run, guest->run_size);

	/* A copy of one's own. */
	run = mmap(NULL, guest->run_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, guest->fd, 0);
	ASSERT_NE(MAP_FAILED, run);
	run->immediate_exit = 1;
	EXPECT_EQ(0, guest->run->immediate_exit);
	munmap(run, guest->run_size);
}

TEST_F(vm, vcpu_pages_stay_while_mapped)
{
	struct guest guest;
	long refs = _file_read_long(SLAT_SYSFS "/refcnt");

	guest_create(_metadata, &guest);
	close(guest.fd);
	close(guest.vm);
	guest.run->immediate_exit = 1;
	memset((char *)guest.run + 4096, 0x5a, guest.run_size - 4096);
	EXPECT_EQ(1, guest.run->immediate_exit);
	close(guest.dev);
	EXPECT_TRUE(!on_slat() || refs < _file_read_long(SLAT_SYSFS "/refcnt"));
	munmap(guest.run, guest.run_size);
	munmap(guest.mem, MEMORY);
	EXPECT_EQ(refs, _file_read_long(SLAT_SYSFS "/refcnt"));
}

/* The argument of a random call: a number, a bad pointer, or random memory. */
static unsigned long random_argument(__u64 *state, __u8 *page)
{
	unsigned int size = random_below(state, 512);

	switch (random_below(state, 4)) {
	case 0:
		return random_odd_value(state);
	case 1:
		return bad_pointers[random_below(state, ARRAY_SIZE(bad_pointers))];
	default:
		random_fill(state, page + 4096 - size, size);
		return (unsigned long)page + 4096 - size;
	}
}

/* A command that exists as often as one that does not. */
static unsigned long random_command(__u64 *state)
{
	static const unsigned long commands[] = {
		KVM_CREATE_VCPU, KVM_CHECK_EXTENSION, KVM_SET_USER_MEMORY_REGION,
		KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG, KVM_SET_TSS_ADDR,
		KVM_SET_IDENTITY_MAP_ADDR, KVM_ENABLE_CAP, KVM_SET_NR_MMU_PAGES,
		KVM_GET_NR_MMU_PAGES, KVM_REGISTER_COALESCED_MMIO,
		KVM_UNREGISTER_COALESCED_MMIO, KVM_IOEVENTFD, KVM_IRQFD, KVM_SIGNAL_MSI,
		KVM_SET_GSI_ROUTING, KVM_IRQ_LINE, KVM_IRQ_LINE_STATUS, KVM_CREATE_IRQCHIP,
		KVM_GET_IRQCHIP, KVM_SET_IRQCHIP, KVM_CREATE_PIT, KVM_CREATE_PIT2,
		KVM_GET_PIT2, KVM_SET_PIT2, KVM_REINJECT_CONTROL, KVM_SET_CLOCK, KVM_GET_CLOCK,
		KVM_SET_BOOT_CPU_ID, KVM_CREATE_DEVICE, KVM_SET_TSC_KHZ, KVM_GET_TSC_KHZ,
		KVM_GET_STATS_FD, KVM_X86_SET_MSR_FILTER, KVM_RESET_DIRTY_RINGS, SLAT_ZAP_ALL,
		SLAT_GET_STATS, SLAT_PEEK_DIRTY, SLAT_COMMIT_DIRTY, SLAT_ABORT_DIRTY,
		SLAT_POPULATE,
	};
	unsigned int size = random_below(state, 1 << 8);

	if (random_below(state, 2))
		return commands[random_below(state, ARRAY_SIZE(commands))];
	return _IOC(random_below(state, 4), random_below(state, 2) ? KVMIO : SLAT_IOC,
		    random_below(state, 256), size);
}

TEST_F_TIMEOUT(vm, random_calls, 600)
{
	__u64 state = hostile.seed;
	int vm = _ioctl(self->guest.dev, KVM_CREATE_VM, 0);
	__u8 *page = edge_create(_metadata);
	int free = first_free_fd();

	if (!on_slat()) {
		close(vm);
		SKIP(return, "KVM is not what is tested");
	}
	for (int i = 0; i < hostile.rounds; i++) {
		unsigned long cmd = random_command(&state);
		unsigned long arg = random_argument(&state, page);
		int ret = _ioctl(vm, cmd, arg);

		ASSERT_TRUE(answer_known(ret)) {
			TH_LOG("round %d: command %#lx, argument %#lx: %d", i, cmd, arg, ret);
		}
		close_from(free);
	}
	edge_destroy(page);
	close(vm);
}

int main(int argc, char **argv)
{
	hostile_arguments(&argc, argv, 20000);
	require_guests();
	return test_harness_run(argc, argv);
}
