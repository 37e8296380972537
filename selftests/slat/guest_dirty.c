// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages a guest has written: KVM's dirty logs, and Slat's epochs on top.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "guest_pages.h"

#define FIRST		0x1000000UL
#define PAGES		1536UL		/* three times what a CPU can log */
#define SIZE		(PAGES * PAGE)
#define WORDS		(PAGES / 64)
#define LOGGED		KVM_MEM_LOG_DIRTY_PAGES

FIXTURE(dirty) {
	struct guest guest;
	__u8 *mem;
	__u64 bits[WORDS];
};

#define dirty_data	FIXTURE_DATA(dirty)

FIXTURE_SETUP(dirty)
{
	guest_create(_metadata, &self->guest);
	self->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	madvise(self->mem, SIZE, MADV_NOHUGEPAGE);
}

FIXTURE_TEARDOWN(dirty)
{
	guest_destroy(&self->guest);
	munmap(self->mem, SIZE);
}

static void set_slot(struct __test_metadata *_metadata, dirty_data *self, __u32 flags)
{
	ASSERT_EQ(0, _guest_set_memory(&self->guest, 1, FIRST, SIZE, self->mem, flags));
}

static void manual_protect(struct __test_metadata *_metadata, struct guest *guest, __u64 options)
{
	struct kvm_enable_cap enable = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { options },
	};

	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_ENABLE_CAP, &enable));
}

/* How many pages the log has. */
static __u64 read_log(struct __test_metadata *_metadata, dirty_data *self)
{
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = self->bits };
	__u64 count = 0;

	memset(self->bits, 0, sizeof(self->bits));
	ASSERT_EQ(0, _ioctl_ptr(self->guest.vm, KVM_GET_DIRTY_LOG, &log));
	for (int i = 0; i < WORDS; i++)
		count += __builtin_popcountll(self->bits[i]);
	return count;
}

static int _clear_log(dirty_data *self, __u64 first, __u32 pages, void *bits)
{
	struct kvm_clear_dirty_log log = {
		.slot = 1, .first_page = first, .num_pages = pages, .dirty_bitmap = bits,
	};

	return _ioctl_ptr(self->guest.vm, KVM_CLEAR_DIRTY_LOG, &log);
}

static __u64 faults(struct __test_metadata *_metadata, struct guest *guest)
{
	struct slat_vm_stats stats;

	get_stats(_metadata, guest, &stats);
	return stats.faults;
}

/* Whether the CPU logs what a guest writes, as far as the module lets it. */
static bool cpu_logs(struct __test_metadata *_metadata)
{
	const __u64 needed = SLAT_HW_PML | SLAT_HW_SLAT_AD;
	struct slat_info info;
	char wanted[8];
	int fd = device_open(_metadata);

	info_get(_metadata, fd, &info);
	close(fd);
	ASSERT_EQ(0, _file_read(SLAT_SYSFS "/parameters/pml", wanted, sizeof(wanted)));
	return wanted[0] == 'Y' && (info.hw_caps & needed) == needed;
}

TEST_F(dirty, more_pages_than_a_cpu_can_log)
{
	set_slot(_metadata, self, LOGGED);
	EXPECT_EQ(expected_sum(0, 0), guest_sum(_metadata, &self->guest, FIRST, PAGES));
	EXPECT_EQ(0, read_log(_metadata, self));
	for (int i = 0; i < 2; i++) {
		guest_store(_metadata, &self->guest, FIRST, PAGES);
		EXPECT_EQ(PAGES, read_log(_metadata, self));
		EXPECT_EQ(0, read_log(_metadata, self));
	}
	guest_store(_metadata, &self->guest, FIRST + 700 * PAGE, 1);
	EXPECT_EQ(1, read_log(_metadata, self));
	EXPECT_EQ(1ULL << 700 % 64, self->bits[700 / 64]);
}

/* The log costs no fault where the CPU keeps it, and one a page where it does not. */
TEST_F(dirty, faults_for_the_log)
{
	__u64 before, after;

	skip_without_stats();
	set_slot(_metadata, self, LOGGED);
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	EXPECT_EQ(PAGES, read_log(_metadata, self));
	before = faults(_metadata, &self->guest);
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	after = faults(_metadata, &self->guest);
	EXPECT_EQ(cpu_logs(_metadata) ? 0 : PAGES, after - before);
	EXPECT_EQ(PAGES, read_log(_metadata, self));
}

TEST_F(dirty, a_log_begins_and_ends_in_between)
{
	set_slot(_metadata, self, 0);
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	for (int i = 0; i < 3; i++) {
		set_slot(_metadata, self, LOGGED);
		EXPECT_EQ(0, read_log(_metadata, self));
		guest_store(_metadata, &self->guest, FIRST, PAGES);
		EXPECT_EQ(PAGES, read_log(_metadata, self));
		set_slot(_metadata, self, 0);
		guest_store(_metadata, &self->guest, FIRST, PAGES);
	}
}

TEST_F(dirty, a_log_is_kept_until_it_is_cleared)
{
	__u64 some[WORDS] = { };

	set_slot(_metadata, self, LOGGED);
	manual_protect(_metadata, &self->guest, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	EXPECT_EQ(PAGES, read_log(_metadata, self));
	EXPECT_EQ(PAGES, read_log(_metadata, self));
	some[1] = 0xff;
	ASSERT_EQ(0, _clear_log(self, 0, PAGES, some));
	EXPECT_EQ(PAGES - 8, read_log(_metadata, self));
	EXPECT_EQ(~0xffULL, self->bits[1]);
	/* What is not set is not cleared; at its own place. */
	ASSERT_EQ(0, _clear_log(self, 64, 64, some));
	EXPECT_EQ(PAGES - 8, read_log(_metadata, self));
	ASSERT_EQ(0, _clear_log(self, 64, 64, &some[1]));
	EXPECT_EQ(PAGES - 8, read_log(_metadata, self));
	guest_store(_metadata, &self->guest, FIRST + 70 * PAGE, 4);
	EXPECT_EQ(PAGES - 8 + 2, read_log(_metadata, self));
	EXPECT_EQ(~0x3fULL, self->bits[1]);
	memset(some, 0xff, sizeof(some));
	ASSERT_EQ(0, _clear_log(self, 0, PAGES, some));
	EXPECT_EQ(0, read_log(_metadata, self));
	guest_store(_metadata, &self->guest, FIRST + 9 * PAGE, 1);
	EXPECT_EQ(1, read_log(_metadata, self));
}

TEST_F(dirty, a_log_may_begin_full)
{
	__u64 all[WORDS];

	memset(all, 0xff, sizeof(all));
	manual_protect(_metadata, &self->guest, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
						KVM_DIRTY_LOG_INITIALLY_SET);
	set_slot(_metadata, self, 0);
	guest_store(_metadata, &self->guest, FIRST, PAGES);
	set_slot(_metadata, self, LOGGED);
	EXPECT_EQ(PAGES, read_log(_metadata, self));
	ASSERT_EQ(0, _clear_log(self, 0, PAGES, all));
	EXPECT_EQ(0, read_log(_metadata, self));
	guest_store(_metadata, &self->guest, FIRST + 3 * PAGE, 5);
	EXPECT_EQ(5, read_log(_metadata, self));
}

TEST_F(dirty, clear_refuses)
{
	set_slot(_metadata, self, 0);
	EXPECT_EQ(-ENOENT, _clear_log(self, 0, PAGES, self->bits));
	set_slot(_metadata, self, LOGGED);
	EXPECT_EQ(-EINVAL, _clear_log(self, 1, 64, self->bits));
	EXPECT_EQ(-EINVAL, _clear_log(self, 0, 65, self->bits));
	EXPECT_EQ(-EINVAL, _clear_log(self, 64, PAGES, self->bits));
	EXPECT_EQ(-EINVAL, _clear_log(self, PAGES + 64, 0, self->bits));
	EXPECT_EQ(-EINVAL, _clear_log(self, ~63ULL, 64, self->bits));
	EXPECT_EQ(-EFAULT, _clear_log(self, 0, PAGES, (void *)8));
	EXPECT_EQ(0, _clear_log(self, PAGES, 0, self->bits));
	EXPECT_EQ(0, _clear_log(self, 0, 64, self->bits));
}

struct counter {
	struct guest *guest;
	pthread_t thread;
	int ret;
};

static void *counter_run(void *arg)
{
	struct counter *counter = arg;

	do {
		counter->ret = _guest_run(counter->guest);
	} while (counter->ret == -EINTR);
	return NULL;
}

/* Returns once the guest is there. */
static void counter_start(struct __test_metadata *_metadata, struct counter *counter,
			  dirty_data *self, __u64 pages)
{
	volatile __u64 *last = (volatile __u64 *)(self->mem + (pages - 1) * PAGE);
	__u64 then = *last;

	counter->guest = &self->guest;
	guest_u64(&self->guest, DATA) = 0;
	guest_load(&self->guest, count_up);
	guest_start(_metadata, &self->guest, FIRST, pages);
	ASSERT_EQ(0, pthread_create(&counter->thread, NULL, counter_run, counter));
	while (*last < then + 3)
		sched_yield();
}

static void counter_stop(struct __test_metadata *_metadata, struct counter *counter)
{
	guest_u64(counter->guest, DATA) = 1;
	ASSERT_EQ(0, pthread_join(counter->thread, NULL));
	EXPECT_EQ(0, counter->ret);
	EXPECT_EQ(KVM_EXIT_HLT, counter->guest->run->exit_reason);
}

static __u64 page_value(dirty_data *self, unsigned long page)
{
	return *(volatile __u64 *)(self->mem + page * PAGE);
}

/* What a consumer has of the guest's memory; only what the log says is copied. */
static void copy_dirty(dirty_data *self, __u64 *copy, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		if (self->bits[i / 64] >> i % 64 & 1)
			copy[i] = page_value(self, i);
}

#define COUNTED		600UL

/* I11: the copy is complete when the guest has stopped and the log was read. */
TEST_F_TIMEOUT(dirty, i11_no_write_is_missing, 300)
{
	__u64 copy[COUNTED] = { };
	struct counter counter;

	set_slot(_metadata, self, LOGGED);
	counter_start(_metadata, &counter, self, COUNTED);
	for (int i = 0; i < 60; i++) {
		__u64 before[2] = { page_value(self, 0), page_value(self, COUNTED - 1) };

		read_log(_metadata, self);
		/* What was there before the call is in its answer, or in an earlier one. */
		if (!(self->bits[0] & 1))
			ASSERT_LE(before[0], copy[0]);
		if (!(self->bits[(COUNTED - 1) / 64] >> (COUNTED - 1) % 64 & 1))
			ASSERT_LE(before[1], copy[COUNTED - 1]);
		copy_dirty(self, copy, COUNTED);
		sched_yield();
	}
	counter_stop(_metadata, &counter);
	read_log(_metadata, self);
	copy_dirty(self, copy, COUNTED);
	for (unsigned long i = 0; i < COUNTED; i++) {
		ASSERT_EQ(page_value(self, i), copy[i]) {
			TH_LOG("page %lu", i);
		}
	}
}

/* A log that begins, and ends, while the guest is there. */
TEST_F_TIMEOUT(dirty, i11_a_log_begins_while_the_guest_writes, 300)
{
	__u64 copy[COUNTED];
	struct counter counter;

	set_slot(_metadata, self, 0);
	counter_start(_metadata, &counter, self, COUNTED);
	for (int i = 0; i < 10; i++) {
		set_slot(_metadata, self, 0);
		sched_yield();
		set_slot(_metadata, self, LOGGED);
		for (unsigned long page = 0; page < COUNTED; page++)
			copy[page] = page_value(self, page);
		sched_yield();
		read_log(_metadata, self);
		copy_dirty(self, copy, COUNTED);
	}
	counter_stop(_metadata, &counter);
	read_log(_metadata, self);
	copy_dirty(self, copy, COUNTED);
	for (unsigned long i = 0; i < COUNTED; i++) {
		ASSERT_EQ(page_value(self, i), copy[i]) {
			TH_LOG("page %lu", i);
		}
	}
}

static int _epoch(struct guest *guest, unsigned long cmd, void *bits, __u64 *pages)
{
	struct slat_dirty_epoch epoch = { .slot = 1, .bitmap = (unsigned long)bits };
	int ret = _ioctl_ptr(guest->vm, cmd, &epoch);

	if (pages)
		*pages = epoch.pages;
	return ret;
}

static bool has_epochs(struct __test_metadata *_metadata)
{
	struct slat_info info = { };
	int fd;

	if (!on_slat())
		return false;
	fd = device_open(_metadata);
	info_get(_metadata, fd, &info);
	close(fd);
	EXPECT_TRUE(info.features & SLAT_FEATURE_DIRTY_EPOCHS);
	return true;
}

TEST_F(dirty, an_epoch_ends_in_either_way)
{
	struct guest *guest = &self->guest;
	__u64 pages;

	if (!has_epochs(_metadata))
		SKIP(return, "Slat's own calls");
	set_slot(_metadata, self, LOGGED);
	EXPECT_EQ(-ENOENT, _epoch(guest, SLAT_COMMIT_DIRTY, NULL, NULL));
	EXPECT_EQ(-ENOENT, _epoch(guest, SLAT_ABORT_DIRTY, NULL, NULL));
	guest_store(_metadata, guest, FIRST, 10);
	EXPECT_EQ(-EFAULT, _epoch(guest, SLAT_PEEK_DIRTY, (void *)8, NULL));
	ASSERT_EQ(0, _epoch(guest, SLAT_PEEK_DIRTY, self->bits, &pages));
	EXPECT_EQ(10, pages);
	EXPECT_EQ(0x3ff, self->bits[0]);
	EXPECT_EQ(-EBUSY, _epoch(guest, SLAT_PEEK_DIRTY, self->bits, NULL));
	EXPECT_EQ(-EINVAL, _epoch(guest, SLAT_COMMIT_DIRTY, self->bits, NULL));
	guest_store(_metadata, guest, FIRST + 20 * PAGE, 2);
	EXPECT_EQ(2, read_log(_metadata, self));
	guest_store(_metadata, guest, FIRST + 30 * PAGE, 1);
	ASSERT_EQ(0, _epoch(guest, SLAT_ABORT_DIRTY, NULL, NULL));
	ASSERT_EQ(0, _epoch(guest, SLAT_PEEK_DIRTY, self->bits, &pages));
	EXPECT_EQ(11, pages);
	ASSERT_EQ(0, _epoch(guest, SLAT_COMMIT_DIRTY, NULL, NULL));
	EXPECT_EQ(0, read_log(_metadata, self));
	/* An epoch goes with its slot. */
	ASSERT_EQ(0, _epoch(guest, SLAT_PEEK_DIRTY, self->bits, &pages));
	EXPECT_EQ(0, pages);
	set_slot(_metadata, self, 0);
	EXPECT_EQ(-ENOENT, _epoch(guest, SLAT_ABORT_DIRTY, NULL, NULL));
	set_slot(_metadata, self, LOGGED);
	EXPECT_EQ(-ENOENT, _epoch(guest, SLAT_ABORT_DIRTY, NULL, NULL));
}

/* A consumer that fails every other time loses nothing. */
TEST_F_TIMEOUT(dirty, i11_a_consumer_fails, 300)
{
	struct guest *guest = &self->guest;
	__u64 copy[COUNTED] = { };
	struct counter counter;

	if (!has_epochs(_metadata))
		SKIP(return, "Slat's own calls");
	set_slot(_metadata, self, LOGGED);
	counter_start(_metadata, &counter, self, COUNTED);
	for (int i = 0; i < 30; i++) {
		ASSERT_EQ(0, _epoch(guest, SLAT_PEEK_DIRTY, self->bits, NULL));
		if (i % 2)
			copy_dirty(self, copy, COUNTED);
		ASSERT_EQ(0, _epoch(guest, i % 2 ? SLAT_COMMIT_DIRTY : SLAT_ABORT_DIRTY, NULL,
				    NULL));
		sched_yield();
	}
	ASSERT_EQ(0, _epoch(guest, SLAT_PEEK_DIRTY, self->bits, NULL));
	counter_stop(_metadata, &counter);
	ASSERT_EQ(0, _epoch(guest, SLAT_ABORT_DIRTY, NULL, NULL));
	ASSERT_EQ(0, _epoch(guest, SLAT_PEEK_DIRTY, self->bits, NULL));
	copy_dirty(self, copy, COUNTED);
	ASSERT_EQ(0, _epoch(guest, SLAT_COMMIT_DIRTY, NULL, NULL));
	for (unsigned long i = 0; i < COUNTED; i++) {
		ASSERT_EQ(page_value(self, i), copy[i]) {
			TH_LOG("page %lu", i);
		}
	}
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
