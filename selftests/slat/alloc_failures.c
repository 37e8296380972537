// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations that fail, one after the other, in every call that allocates:
 * alloc_failures [LOADS], the number of failed allocations while the module is
 * loaded.
 *
 * Needs a kernel with fault injection: /proc/self/task/TID/fail-nth says which
 * allocation (or copy from or to user space) of this thread fails next
 * (Documentation/fault-injection/fault-injection.rst).
 */
#include "guest_pages.h"
#include "hostile.h"
#include "regions.h"

#define FAULTS		"/sys/kernel/debug/"
#define NTH_MAX		1000

#ifndef KVM_PRE_FAULT_MEMORY
#define KVM_PRE_FAULT_MEMORY	_IOWR(KVMIO, 0xd5, struct slat_populate)
#endif

static int loads = 20;
static int fail_nth = -1;

static int arm(int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nth);

	return pwrite(fail_nth, text, len, 0) == len ? 0 : -errno;
}

/* Disarms; returns how many allocations were still to come. */
static int left(void)
{
	char text[16] = "";

	if (pread(fail_nth, text, sizeof(text) - 1, 0) < 0)
		return -errno;
	arm(0);
	return atoi(text);
}

/* Fail what may sleep as well, single pages as well, and do not talk about it. */
static void set_up_faults(void)
{
	static const char *const knobs[][2] = {
		{ FAULTS "failslab/ignore-gfp-wait", "N" },
		{ FAULTS "failslab/verbose", "0" },
		{ FAULTS "fail_page_alloc/ignore-gfp-wait", "N" },
		{ FAULTS "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ FAULTS "fail_page_alloc/min-order", "0" },
		{ FAULTS "fail_page_alloc/verbose", "0" },
		{ FAULTS "fail_usercopy/verbose", "0" },
	};
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++)
		if (_file_write(knobs[i][0], knobs[i][1]) && !strstr(knobs[i][0], "usercopy"))
			ksft_exit_skip("no %s: the kernel has no fault injection\n", knobs[i][0]);
	snprintf(path, sizeof(path), "/proc/self/task/%d/fail-nth", getpid());
	if (access(path, W_OK))
		ksft_exit_skip("no %s\n", path);
}

/* The thread of a test is not that of main(). */
static void open_fail_nth(struct __test_metadata *_metadata)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth", syscall(SYS_gettid));
	fail_nth = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fail_nth);
	ASSERT_EQ(0, arm(0));
}

FIXTURE(failing) {
	struct guest guest;
	struct cpuid_table *cpuid;
	long refs;
};

FIXTURE_SETUP(failing)
{
	open_fail_nth(_metadata);
	self->refs = _file_read_long(SLAT_SYSFS "/refcnt");
	guest_create(_metadata, &self->guest);
	self->cpuid = calloc(1, sizeof(*self->cpuid));
	ASSERT_EQ(0, _supported_cpuid(self->guest.dev, self->cpuid));
}

FIXTURE_TEARDOWN(failing)
{
	EXPECT_EQ(0, arm(0));
	EXPECT_TRUE(works(&self->guest));
	free(self->cpuid);
	guest_destroy(&self->guest);
	EXPECT_EQ(self->refs, _file_read_long(SLAT_SYSFS "/refcnt"));
	close(fail_nth);
}

/*
 * The first allocation that fails, the second ... until no more of them are needed;
 * then once more, as the kernel allocates for itself now and then, and what would have
 * failed without that has not.
 */
#define PASSES		2

struct failure {
	int nth;
	int pass;
	int most;		/* failures in one pass */
	bool failed;
};

static bool next_failure(struct failure *failure)
{
	if (failure->nth && !failure->failed) {
		if (failure->nth - 1 > failure->most)
			failure->most = failure->nth - 1;
		failure->nth = 0;
		if (++failure->pass == PASSES)
			return false;
	}
	failure->nth++;
	return true;
}

/* It would be no test if nothing had been allocated, or if there were no end of it. */
static void check_failures(struct __test_metadata *_metadata, const struct failure *failure)
{
	ASSERT_LT(0, failure->most);
	ASSERT_GT(NTH_MAX, failure->most);
	TH_LOG("%d failures", failure->most);
}

/* One attempt. */
static int attempt(int (*call)(void *arg), void *arg, struct failure *failure)
{
	int ret;

	arm(failure->nth);
	ret = call(arg);
	failure->failed = !left();
	return ret;
}

/*
 * Calls @call with each allocation failing.  Each call either succeeds, and @undo
 * follows, or says that there was no memory, or no way to copy.
 */
static void fail_each(struct __test_metadata *_metadata, int (*call)(void *arg),
		      void (*undo)(void *arg, int ret), void *arg)
{
	struct failure failure = { };

	while (next_failure(&failure)) {
		int ret = attempt(call, arg, &failure);

		ASSERT_TRUE(ret >= 0 || (failure.failed && (ret == -ENOMEM || ret == -EFAULT))) {
			TH_LOG("allocation %d: %d", failure.nth, ret);
		}
		if (ret >= 0 && undo)
			undo(arg, ret);
	}
	check_failures(_metadata, &failure);
}

static void close_it(void *arg, int fd)
{
	close(fd);
}

static int create_vm(void *arg)
{
	struct guest *guest = arg;

	return _ioctl(guest->dev, KVM_CREATE_VM, 0);
}

TEST_F_TIMEOUT(failing, create_vm, 600)
{
	fail_each(_metadata, create_vm, close_it, &self->guest);
}

struct vcpu_maker {
	int vm;
	int id;
};

static int create_vcpu(void *arg)
{
	struct vcpu_maker *maker = arg;

	return _ioctl(maker->vm, KVM_CREATE_VCPU, maker->id);
}

/* A number that has been used is not free again: one that failed is. */
static void next_vcpu(void *arg, int fd)
{
	struct vcpu_maker *maker = arg;

	close(fd);
	maker->id++;
}

TEST_F_TIMEOUT(failing, create_vcpu, 600)
{
	struct vcpu_maker maker = { .vm = self->guest.vm, .id = 1 };

	fail_each(_metadata, create_vcpu, next_vcpu, &maker);
}

struct slot_maker {
	struct guest *guest;
	__u8 *mem;
	__u32 flags;
	__u64 gpa;
};

#define GIB		0x40000000ULL
#define SLOT_SIZE	(64 * 4096UL)

struct regions_setter {
	struct guest *guest;
	struct slat_memory_region regions[3];
};

static int set_all_regions(void *arg)
{
	struct regions_setter *setter = arg;

	return _set_regions(setter->guest, setter->regions, ARRAY_SIZE(setter->regions));
}

static int set_slot(void *arg)
{
	struct slot_maker *maker = arg;

	return _guest_set_memory(maker->guest, 1, maker->gpa, SLOT_SIZE, maker->mem,
				 maker->flags);
}

static void delete_slot(void *arg, int ret)
{
	struct slot_maker *maker = arg;

	_guest_set_memory(maker->guest, 1, 0, 0, NULL, 0);
}

static int delete_slot_call(void *arg)
{
	struct slot_maker *maker = arg;

	return _guest_set_memory(maker->guest, 1, 0, 0, NULL, 0);
}

/* Many slots make the lists of slots trees of more than one node. */
static void fill_slots(struct __test_metadata *_metadata, struct guest *guest, __u8 *mem)
{
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, _guest_set_memory(guest, 100 + i, 4 * GIB + i * 2 * SLOT_SIZE,
					       SLOT_SIZE, mem, 0));
	}
}

TEST_F_TIMEOUT(failing, slots, 600)
{
	__u8 *mem = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	struct slot_maker maker = { .guest = &self->guest, .mem = mem, .gpa = GIB }, change;

	ASSERT_NE(MAP_FAILED, mem);
	fill_slots(_metadata, &self->guest, mem);
	fail_each(_metadata, set_slot, delete_slot, &maker);
	maker.flags = KVM_MEM_LOG_DIRTY_PAGES;
	fail_each(_metadata, set_slot, delete_slot, &maker);
	/* In the middle of the others, and at their edge. */
	for (int i = 0; i < 100; i += 33) {
		maker.gpa = 4 * GIB + (2 * i + 1) * SLOT_SIZE;
		fail_each(_metadata, set_slot, delete_slot, &maker);
	}

	maker.gpa = GIB;
	ASSERT_EQ(0, set_slot(&maker));
	change = maker;
	change.flags = 0;
	for (int nth = 1; nth < 10; nth++) {
		struct failure failure = { .nth = nth };
		int ret = attempt(set_slot, &change, &failure);

		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
		change.flags ^= ret ? 0 : KVM_MEM_LOG_DIRTY_PAGES;
		/* The slot is what it was, or what it was to be. */
		change.gpa = nth & 1 ? 2 * GIB : GIB;
	}
	delete_slot(&maker, 0);
	ASSERT_EQ(0, set_slot(&maker));
	for (int nth = 1, ret = -ENOMEM; ret; nth++) {
		struct failure failure = { .nth = nth };

		ret = attempt(delete_slot_call, &maker, &failure);
		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
	}
	munmap(mem, SLOT_SIZE);
}

/* All of it or nothing, at whichever allocation. */
TEST_F_TIMEOUT(failing, regions, 600)
{
	__u64 bits[SLOT_SIZE / 4096 / 64 + 1];
	struct guest *guest = &self->guest;
	struct regions_setter setter = { .guest = guest };
	struct failure failure = { };
	__u8 *mem = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	setter.regions[0] = no_region(1);
	setter.regions[0].dirty_bitmap = (unsigned long)bits;
	setter.regions[0].dirty_bitmap_size = (SLOT_SIZE / 4096 + 63) / 64 * 8;
	setter.regions[1] = region(2, GIB, SLOT_SIZE, mem, KVM_MEM_LOG_DIRTY_PAGES);
	setter.regions[2] = region(3, 2 * GIB, SLOT_SIZE, mem, 0);
	while (next_failure(&failure)) {
		int ret;

		ASSERT_EQ(0, _guest_set_memory(guest, 1, GIB, SLOT_SIZE, mem,
					       KVM_MEM_LOG_DIRTY_PAGES));
		ASSERT_EQ(0, _guest_set_memory(guest, 2, 2 * GIB, SLOT_SIZE, mem, 0));
		ret = attempt(set_all_regions, &setter, &failure);
		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
		EXPECT_EQ(ret ? 0 : -EINVAL, _guest_set_memory(guest, 1, 0, 0, NULL, 0));
		EXPECT_EQ(ret ? -EINVAL : 0, _guest_set_memory(guest, 3, 0, 0, NULL, 0));
		EXPECT_EQ(0, _guest_set_memory(guest, 2, 0, 0, NULL, 0));
	}
	check_failures(_metadata, &failure);
	munmap(mem, SLOT_SIZE);
}

struct caller {
	int fd;
	unsigned long cmd;
	void *arg;
};

static int call_ioctl(void *arg)
{
	struct caller *caller = arg;

	return _ioctl_ptr(caller->fd, caller->cmd, caller->arg);
}

TEST_F_TIMEOUT(failing, calls_of_a_vcpu, 600)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[4];
	} msrs = { .head.nmsrs = 4, .entries = { { 0x10 }, { 0x174 }, { 0x175 }, { 0x176 } } };
	int fd = self->guest.fd, dev = self->guest.dev;
	struct kvm_xsave xsave;
	struct kvm_fpu fpu;
	struct caller callers[] = {
		{ fd, KVM_SET_CPUID2, self->cpuid },
		{ fd, KVM_GET_MSRS, &msrs },
		{ fd, KVM_SET_MSRS, &msrs },
		{ fd, KVM_GET_FPU, &fpu },
		{ fd, KVM_SET_FPU, &fpu },
		{ fd, KVM_GET_XSAVE, &xsave },
		{ fd, KVM_SET_XSAVE, &xsave },
		{ dev, KVM_GET_SUPPORTED_CPUID, self->cpuid },
	};

	for (size_t i = 0; i < ARRAY_SIZE(callers); i++)
		fail_each(_metadata, call_ioctl, NULL, &callers[i]);
}

TEST_F_TIMEOUT(failing, dirty_log, 600)
{
	static unsigned long bits[MEMORY / 4096 / 64];
	struct kvm_dirty_log log = { .slot = 0, .dirty_bitmap = bits };
	struct guest *guest = &self->guest;
	struct caller caller = { guest->vm, KVM_GET_DIRTY_LOG, &log };
	struct failure failure = { };
	unsigned long seen = 0;

	ASSERT_EQ(0, _guest_set_memory(guest, 0, 0, MEMORY, guest->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	EXPECT_TRUE(works(guest));
	while (next_failure(&failure)) {
		int ret = attempt(call_ioctl, &caller, &failure);

		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
		seen |= ret ? 0 : bits[0];
	}
	check_failures(_metadata, &failure);
	/* The failures have lost no bit. */
	EXPECT_TRUE(seen >> (DATA >> 12) & 1);
}

/* What asks for a log of a slot, in its own ways; no failure loses a bit. */
TEST_F_TIMEOUT(failing, dirty_epochs_and_clearing, 600)
{
	static unsigned long bits[MEMORY / 4096 / 64];
	struct kvm_clear_dirty_log clear = {
		.num_pages = MEMORY / 4096, .dirty_bitmap = bits,
	};
	struct guest *guest = &self->guest;
	struct slat_dirty_epoch epoch = { .bitmap = (unsigned long)bits };
	struct slat_dirty_epoch end = { 0 };
	struct caller peek = { guest->vm, SLAT_PEEK_DIRTY, &epoch };
	struct caller clearing = { guest->vm, KVM_CLEAR_DIRTY_LOG, &clear };
	struct failure peeks = { }, clears = { };

	ASSERT_EQ(0, _guest_set_memory(guest, 0, 0, MEMORY, guest->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	EXPECT_TRUE(works(guest));
	while (next_failure(&peeks)) {
		int ret = attempt(call_ioctl, &peek, &peeks);

		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
		ASSERT_EQ(ret ? -ENOENT : 0, _ioctl_ptr(guest->vm, SLAT_ABORT_DIRTY, &end));
	}
	EXPECT_TRUE(bits[0] >> (DATA >> 12) & 1);
	memset(bits, 0xff, sizeof(bits));
	while (next_failure(&clears)) {
		int ret = attempt(call_ioctl, &clearing, &clears);

		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
	}
	check_failures(_metadata, &peeks);
	check_failures(_metadata, &clears);
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, SLAT_PEEK_DIRTY, &epoch));
	EXPECT_EQ(0, epoch.pages);
}

/* An epoch whose end fails is open still, and either way it ends with what it has. */
TEST_F_TIMEOUT(failing, ends_of_dirty_epochs, 600)
{
	static unsigned long bits[MEMORY / 4096 / 64];
	static const unsigned long ends[] = { SLAT_COMMIT_DIRTY, SLAT_ABORT_DIRTY };
	struct guest *guest = &self->guest;
	struct slat_dirty_epoch epoch = { .bitmap = (unsigned long)bits };
	struct slat_dirty_epoch end = { 0 };

	if (!on_slat())
		SKIP(return, "Slat's own calls");
	ASSERT_EQ(0, _guest_set_memory(guest, 0, 0, MEMORY, guest->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct caller caller = { guest->vm, ends[i], &end };
		struct failure failure = { };

		while (next_failure(&failure)) {
			int ret;

			ASSERT_TRUE(works(guest));
			ASSERT_EQ(0, _ioctl_ptr(guest->vm, SLAT_PEEK_DIRTY, &epoch));
			EXPECT_TRUE(bits[0] >> (DATA >> 12) & 1);
			ret = attempt(call_ioctl, &caller, &failure);
			ASSERT_EQ(failure.failed ? -EFAULT : 0, ret);
			EXPECT_EQ(ret ? 0 : -ENOENT, _ioctl_ptr(guest->vm, ends[i], &end));
		}
		check_failures(_metadata, &failure);
	}
	/* What was aborted last is told of again. */
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, SLAT_PEEK_DIRTY, &epoch));
	EXPECT_TRUE(bits[0] >> (DATA >> 12) & 1);
}

#define HUGE_GPA	(128 * HUGE)	/* where the guest's own tables reach */

static int begin_log(void *arg)
{
	struct slot_maker *maker = arg;

	return _guest_set_memory(maker->guest, 1, maker->gpa, HUGE, maker->mem,
				 KVM_MEM_LOG_DIRTY_PAGES);
}

/* Of memory that huge leaves map: those that cannot be split are split by who writes. */
TEST_F_TIMEOUT(failing, logs_of_huge_pages, 900)
{
	bool thp_was_off = thp_on();
	struct slot_maker maker = { .guest = &self->guest, .gpa = HUGE_GPA };
	unsigned long bits[HUGE / PAGE / 64];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bits };
	struct guest *guest = &self->guest;
	struct failure failure = { };

	maker.mem = map_thp(_metadata, HUGE);
	thp_restore(thp_was_off);
	if (!maker.mem)
		SKIP(return, "no transparent huge pages");
	while (next_failure(&failure)) {
		int ret;

		ASSERT_EQ(0, _guest_set_memory(guest, 1, HUGE_GPA, HUGE, maker.mem, 0));
		guest_store(_metadata, guest, HUGE_GPA, 8);
		ret = attempt(begin_log, &maker, &failure);
		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
		if (ret)
			ASSERT_EQ(0, begin_log(&maker));
		guest_store(_metadata, guest, HUGE_GPA + 4 * PAGE, 3);
		ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_DIRTY_LOG, &log));
		EXPECT_EQ(7 << 4, bits[0]);
		ASSERT_EQ(0, _guest_set_memory(guest, 1, 0, 0, NULL, 0));
	}
	check_failures(_metadata, &failure);
	munmap(maker.mem, HUGE);
}

/* A vCPU with a ring, and a slot that it tells of. */
static int make_ring(void *arg)
{
	struct kvm_enable_cap enable = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { 1 << 16 } };
	int vm = *(int *)arg, other = _ioctl(vm, KVM_CREATE_VM, 0);
	struct kvm_userspace_memory_region region = {
		.flags = KVM_MEM_LOG_DIRTY_PAGES, .memory_size = 1 << 20,
		.userspace_addr = 1 << 30,
	};
	int ret;

	if (other < 0)
		return other;
	ret = _ioctl_ptr(other, KVM_ENABLE_CAP, &enable) ?:
	      _ioctl_ptr(other, KVM_SET_USER_MEMORY_REGION, &region);
	if (!ret)
		ret = _ioctl(other, KVM_CREATE_VCPU, 0);
	if (ret > 0)
		close(ret);
	close(other);
	return ret < 0 ? ret : 0;
}

TEST_F_TIMEOUT(failing, dirty_rings, 900)
{
	fail_each(_metadata, make_ring, NULL, &self->guest.dev);
}

static int run_guest(void *arg)
{
	return _guest_run(arg);
}

/* Of a guest: tables, and the host's own memory. */
TEST_F_TIMEOUT(failing, first_faults, 900)
{
	struct guest guest;
	struct failure failure = { };

	while (next_failure(&failure)) {
		int ret;

		guest_create(_metadata, &guest);
		guest_load(&guest, touch_and_halt);
		guest_mode(_metadata, &guest, MODE_LONG);
		ret = attempt(run_guest, &guest, &failure);
		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT) {
			TH_LOG("allocation %d: %d", failure.nth, ret);
		}
		/* What was missing is there now. */
		if (ret)
			guest_run_hlt(_metadata, &guest);
		EXPECT_EQ(KVM_EXIT_HLT, guest.run->exit_reason);
		EXPECT_EQ(1, guest_u64(&guest, DATA));
		guest_destroy(&guest);
	}
	check_failures(_metadata, &failure);
}

/* All that the guest has, by one of the two calls that there are for that. */
struct mapper {
	unsigned long cmd;
	struct guest guest;
};

static int map_guest(void *arg)
{
	const struct mapper *mapper = arg;
	struct slat_populate range = { .size = 32 * 4096 };
	bool by_vcpu = mapper->cmd == KVM_PRE_FAULT_MEMORY;
	int ret;

	if (!by_vcpu)
		range.flags = SLAT_POPULATE_WRITE;
	do {
		ret = _ioctl_ptr(by_vcpu ? mapper->guest.fd : mapper->guest.vm, mapper->cmd,
				 &range);
	} while (!ret && range.size);
	return ret;
}

/* What has been mapped before one fails stays, and the rest comes later. */
static void fail_mapping(struct __test_metadata *_metadata, unsigned long cmd)
{
	struct mapper mapper = { .cmd = cmd };
	struct failure failure = { };

	while (next_failure(&failure)) {
		int ret;

		guest_create(_metadata, &mapper.guest);
		ret = attempt(map_guest, &mapper, &failure);
		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT) {
			TH_LOG("allocation %d: %d", failure.nth, ret);
		}
		EXPECT_EQ(0, map_guest(&mapper));
		EXPECT_TRUE(works(&mapper.guest));
		guest_destroy(&mapper.guest);
	}
	check_failures(_metadata, &failure);
}

TEST_F_TIMEOUT(failing, populate, 900)
{
	if (!on_slat())
		SKIP(return, "Slat's own call");
	fail_mapping(_metadata, SLAT_POPULATE);
}

TEST_F_TIMEOUT(failing, pre_fault_memory, 900)
{
	if (!on_slat())
		SKIP(return, "not every KVM has it");
	fail_mapping(_metadata, KVM_PRE_FAULT_MEMORY);
}

FIXTURE(loading) {
	char params[PARAMS_LEN];
	bool reloads;
};

FIXTURE_SETUP(loading)
{
	open_fail_nth(_metadata);
	self->reloads = on_slat() && module_loaded() && !access(module_path(), R_OK);
	if (self->reloads)
		module_params_get(_metadata, self->params, sizeof(self->params));
}

FIXTURE_TEARDOWN(loading)
{
	arm(0);
	if (self->reloads)
		module_restore(_metadata, self->params);
	close(fail_nth);
}

/* How many allocations a load takes that ends with @error. */
static int load_allocations(struct __test_metadata *_metadata, const char *params, int error)
{
	int many = 1 << 20;

	arm(many);
	EXPECT_EQ(error, _module_load(params));
	return many - left();
}

/* Those after the parameters: sysfs, and Slat's own. */
TEST_F_TIMEOUT(loading, module, 1800)
{
	static const char params[] = "kvm_node=1";
	int first, last;

	if (!self->reloads)
		SKIP(return, "needs the module's file, to unload and load it");
	module_unload(_metadata);
	first = load_allocations(_metadata, "residency_us=foo", -EINVAL);
	last = load_allocations(_metadata, params, 0);
	ASSERT_LT(first, last);
	TH_LOG("allocations %d to %d", first, last);
	for (int nth = last; nth > first && nth > last - loads; nth--) {
		int ret;

		module_unload(_metadata);
		arm(nth);
		ret = _module_load(params);
		arm(0);
		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT) {
			TH_LOG("allocation %d: %d", nth, ret);
		}
		ASSERT_EQ(!ret, module_loaded());
		if (ret)
			module_load(_metadata, params);
		ASSERT_LT(0, info_cpus(_metadata));
	}
	module_unload(_metadata);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		loads = atoi(argv[1]);
	if (argc > 2 || loads < 1)
		ksft_exit_fail_msg("usage: alloc_failures [LOADS]\n");
	require_guests();
	set_up_faults();
	return test_harness_run(1, argv);
}
