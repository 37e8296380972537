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
#include "hostile.h"
#include "regions.h"

#define FAULTS		"/sys/kernel/debug/"
#define NTH_MAX		1000

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

/* One attempt with allocation @nth failing; *@failed: it got as far as that. */
static int attempt(int (*call)(void *arg), void *arg, int nth, bool *failed)
{
	int ret;

	arm(nth);
	ret = call(arg);
	*failed = !left();
	return ret;
}

/*
 * Calls @call with the first, the second ... allocation failing, until it needs
 * no more of them.  Each call either succeeds, and @undo follows, or says that
 * there was no memory, or no way to copy.
 */
static void fail_each(struct __test_metadata *_metadata, int (*call)(void *arg),
		      void (*undo)(void *arg, int ret), void *arg)
{
	bool failed = true;
	int nth, ret;

	for (nth = 1; failed; nth++) {
		ret = attempt(call, arg, nth, &failed);
		ASSERT_TRUE(ret >= 0 || ret == -ENOMEM || ret == -EFAULT) {
			TH_LOG("allocation %d: %d", nth, ret);
		}
		if (ret >= 0 && undo)
			undo(arg, ret);
		ASSERT_GT(NTH_MAX, nth);
	}
	/* The last one had all it asked for. */
	ASSERT_LE(0, ret);
	/* It would be no test if nothing had been allocated. */
	ASSERT_LT(2, nth);
	TH_LOG("%d failures", nth - 2);
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
		bool failed;
		int ret = attempt(set_slot, &change, nth, &failed);

		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
		change.flags ^= ret ? 0 : KVM_MEM_LOG_DIRTY_PAGES;
		/* The slot is what it was, or what it was to be. */
		change.gpa = nth & 1 ? 2 * GIB : GIB;
	}
	delete_slot(&maker, 0);
	ASSERT_EQ(0, set_slot(&maker));
	for (int nth = 1, ret = -ENOMEM; ret; nth++) {
		bool failed;

		ret = attempt(delete_slot_call, &maker, nth, &failed);
		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
	}
	munmap(mem, SLOT_SIZE);
}

/* All of it or nothing, at whichever allocation. */
TEST_F_TIMEOUT(failing, regions, 600)
{
	__u64 bits[SLOT_SIZE / 4096 / 64 + 1];
	struct guest *guest = &self->guest;
	struct slat_memory_region regions[3];
	bool failed = true;
	__u8 *mem = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	for (int nth = 1; failed; nth++) {
		int ret;

		ASSERT_EQ(0, _guest_set_memory(guest, 1, GIB, SLOT_SIZE, mem,
					       KVM_MEM_LOG_DIRTY_PAGES));
		ASSERT_EQ(0, _guest_set_memory(guest, 2, 2 * GIB, SLOT_SIZE, mem, 0));
		regions[0] = no_region(1);
		regions[0].dirty_bitmap = (unsigned long)bits;
		regions[0].dirty_bitmap_size = (SLOT_SIZE / 4096 + 63) / 64 * 8;
		regions[1] = region(2, GIB, SLOT_SIZE, mem, KVM_MEM_LOG_DIRTY_PAGES);
		regions[2] = region(3, 2 * GIB, SLOT_SIZE, mem, 0);
		arm(nth);
		ret = _set_regions(guest, regions, 3);
		failed = !left();
		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
		EXPECT_EQ(ret ? 0 : -EINVAL, _guest_set_memory(guest, 1, 0, 0, NULL, 0));
		EXPECT_EQ(ret ? -EINVAL : 0, _guest_set_memory(guest, 3, 0, 0, NULL, 0));
		EXPECT_EQ(0, _guest_set_memory(guest, 2, 0, 0, NULL, 0));
	}
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
	unsigned long seen = 0;
	bool failed = true;

	ASSERT_EQ(0, _guest_set_memory(guest, 0, 0, MEMORY, guest->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	EXPECT_TRUE(works(guest));
	for (int nth = 1; failed; nth++) {
		int ret = attempt(call_ioctl, &caller, nth, &failed);

		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
		seen |= ret ? 0 : bits[0];
	}
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
	bool failed = true;

	ASSERT_EQ(0, _guest_set_memory(guest, 0, 0, MEMORY, guest->mem,
				       KVM_MEM_LOG_DIRTY_PAGES));
	EXPECT_TRUE(works(guest));
	for (int nth = 1; failed; nth++) {
		int ret = attempt(call_ioctl, &peek, nth, &failed);

		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
		ASSERT_EQ(ret ? -ENOENT : 0, _ioctl_ptr(guest->vm, SLAT_ABORT_DIRTY, &end));
	}
	EXPECT_TRUE(bits[0] >> (DATA >> 12) & 1);
	memset(bits, 0xff, sizeof(bits));
	failed = true;
	for (int nth = 1; failed; nth++) {
		int ret = attempt(call_ioctl, &clearing, nth, &failed);

		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT);
	}
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, SLAT_PEEK_DIRTY, &epoch));
	EXPECT_EQ(0, epoch.pages);
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
	bool failed = true;
	int nth;

	for (nth = 1; failed; nth++) {
		int ret;

		guest_create(_metadata, &guest);
		guest_load(&guest, touch_and_halt);
		guest_mode(_metadata, &guest, MODE_LONG);
		ret = attempt(run_guest, &guest, nth, &failed);
		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT) {
			TH_LOG("allocation %d: %d", nth, ret);
		}
		/* What was missing is there now. */
		if (ret)
			guest_run_hlt(_metadata, &guest);
		EXPECT_EQ(KVM_EXIT_HLT, guest.run->exit_reason);
		EXPECT_EQ(1, guest_u64(&guest, DATA));
		guest_destroy(&guest);
		ASSERT_GT(NTH_MAX, nth);
	}
	ASSERT_LT(2, nth);
	TH_LOG("%d failures", nth - 2);
}

static int populate_guest(void *arg)
{
	struct slat_populate range = { .size = 32 * 4096, .flags = SLAT_POPULATE_WRITE };
	const struct guest *guest = arg;
	int ret;

	do {
		ret = _ioctl_ptr(guest->vm, SLAT_POPULATE, &range);
	} while (!ret && range.size);
	return ret;
}

/* What has been mapped before one fails stays, and the rest comes later. */
TEST_F_TIMEOUT(failing, populate, 900)
{
	struct guest guest;
	bool failed = true;
	int nth;

	if (!on_slat())
		SKIP(return, "Slat's own call");
	for (nth = 1; failed; nth++) {
		int ret;

		guest_create(_metadata, &guest);
		ret = attempt(populate_guest, &guest, nth, &failed);
		ASSERT_TRUE(!ret || ret == -ENOMEM || ret == -EFAULT) {
			TH_LOG("allocation %d: %d", nth, ret);
		}
		EXPECT_EQ(0, populate_guest(&guest));
		guest_destroy(&guest);
		ASSERT_GT(NTH_MAX, nth);
	}
	ASSERT_LT(2, nth);
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
