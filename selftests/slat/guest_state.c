// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's CPUID, MSRs, FPU and other state: what it sees, and that user space
 * gets back what it set.
 */

#include "guest.h"

FIXTURE(guest) {
	struct guest guest;
	struct cpuid_table *cpuid;
};

FIXTURE_SETUP(guest)
{
	guest_create(_metadata, &self->guest);
	self->cpuid = calloc(1, sizeof(*self->cpuid));
	ASSERT_EQ(0, _supported_cpuid(self->guest.dev, self->cpuid));
}

FIXTURE_TEARDOWN(guest)
{
	free(self->cpuid);
	guest_destroy(&self->guest);
}

GUEST_CODE(cpuid_code, 64,
	   "cpuid\n"
	   "hlt\n");

static void guest_cpuid(struct __test_metadata *_metadata, struct guest *guest, __u32 function,
			__u32 index, struct kvm_regs *regs)
{
	guest_load(guest, cpuid_code);
	guest_mode(_metadata, guest, MODE_LONG);
	get_regs(_metadata, guest, regs);
	regs->rax = 0xffffffff00000000 | function;
	regs->rcx = index;
	set_regs(_metadata, guest, regs);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, regs);
}

TEST_F(guest, cpuid_is_what_user_space_says)
{
	struct kvm_cpuid_entry2 *name = cpuid_find(self->cpuid, 0, 0);
	struct kvm_regs regs;

	ASSERT_NE(NULL, name);
	name->ebx = 0x11111111;
	name->ecx = 0x22222222;
	name->edx = 0x33333333;
	ASSERT_EQ(0, _ioctl_ptr(self->guest.fd, KVM_SET_CPUID2, self->cpuid));
	guest_cpuid(_metadata, &self->guest, 0, 0, &regs);
	EXPECT_EQ(name->eax, regs.rax);
	EXPECT_EQ(0x11111111, regs.rbx);
	EXPECT_EQ(0x22222222, regs.rcx);
	EXPECT_EQ(0x33333333, regs.rdx);
}

/* What a CPU of this vendor says of a leaf that it does not have; its last is 1. */
static __u64 cpuid_beyond(struct __test_metadata *_metadata, struct guest *guest,
			  struct cpuid_table *cpuid, const char *vendor)
{
	struct kvm_cpuid_entry2 *name = cpuid_find(cpuid, 0, 0);
	struct kvm_regs regs;

	name->eax = 1;
	memcpy(&name->ebx, vendor, 4);
	memcpy(&name->edx, vendor + 4, 4);
	memcpy(&name->ecx, vendor + 8, 4);
	cpuid_find(cpuid, 1, 0)->eax = 0x12345;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_CPUID2, cpuid));
	guest_cpuid(_metadata, guest, 0x40, 0, &regs);
	return regs.rax;
}

TEST_F(guest, cpuid_beyond_the_last_leaf_of_intels)
{
	EXPECT_EQ(0x12345, cpuid_beyond(_metadata, &self->guest, self->cpuid, "GenuineIntel"));
}

TEST_F(guest, cpuid_beyond_the_last_leaf_of_amds)
{
	EXPECT_EQ(0, cpuid_beyond(_metadata, &self->guest, self->cpuid, "AuthenticAMD"));
}

/* What it may have seen stays. */
TEST_F(guest, cpuid_of_a_guest_that_has_run)
{
	struct kvm_cpuid_entry2 *leaf = cpuid_find(self->cpuid, 1, 0);
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_CPUID2, self->cpuid));
	guest_cpuid(_metadata, guest, 1, 0, &regs);
	EXPECT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_CPUID2, self->cpuid));
	leaf->ecx ^= 1;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_CPUID2, self->cpuid));
	leaf->ecx ^= 1;
	self->cpuid->head.nent--;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_CPUID2, self->cpuid));
	self->cpuid->head.nent = 0;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_CPUID2, self->cpuid));
	guest_cpuid(_metadata, guest, 1, 0, &regs);
	EXPECT_EQ(leaf->ecx & 1, regs.rcx & 1);
}

TEST_F(guest, cpuid_osxsave_follows_cr4)
{
	struct guest *guest = &self->guest;
	struct kvm_cpuid_entry2 *features = cpuid_find(self->cpuid, 1, 0);
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (!(features->ecx & 1 << 26))
		SKIP(return, "no XSAVE");
	guest_cpuid(_metadata, guest, 1, 0, &regs);
	EXPECT_EQ(0, regs.rcx & 1 << 27);
	guest_mode(_metadata, guest, MODE_LONG);
	get_sregs(_metadata, guest, &sregs);
	sregs.cr4 |= CR4_OSXSAVE;
	set_sregs(_metadata, guest, &sregs);
	get_regs(_metadata, guest, &regs);
	regs.rax = 1;
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1 << 27, regs.rcx & 1 << 27);
}

TEST_F(guest, cpuid_too_many_or_too_few)
{
	struct guest *guest = &self->guest;
	__u32 count = self->cpuid->head.nent;

	EXPECT_LT(5, count);
	self->cpuid->head.nent = 1;
	EXPECT_EQ(-E2BIG, _ioctl_ptr(guest->dev, KVM_GET_SUPPORTED_CPUID, self->cpuid));
	self->cpuid->head.nent = 1;
	EXPECT_EQ(-E2BIG, _ioctl_ptr(guest->fd, KVM_GET_CPUID2, self->cpuid));
	self->cpuid->head.nent = 257;
	EXPECT_EQ(-E2BIG, _ioctl_ptr(guest->fd, KVM_SET_CPUID2, self->cpuid));
	self->cpuid->head.nent = CPUID_ENTRIES;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_CPUID2, self->cpuid));
	/* KVM does not say. */
	if (on_slat())
		EXPECT_EQ(count, self->cpuid->head.nent);
}

GUEST_CODE(rdmsr_code, 64, "rdmsr\n shl $32, %rdx\n or %rdx, %rax\n hlt\n");
GUEST_CODE(wrmsr_code, 64, "mov %rbx, %rax\n mov %rbx, %rdx\n shr $32, %rdx\n wrmsr\n hlt\n");
GUEST_CODE(msr_gp_code, 64, "pop %rdx\n mov $0x6969, %eax\n hlt\n");

#define MSR_GP	0x6969

static __u64 guest_msr(struct __test_metadata *_metadata, struct guest *guest, __u32 index,
		       const __u64 *value)
{
	struct kvm_regs regs;

	if (value)
		guest_load(guest, wrmsr_code);
	else
		guest_load(guest, rdmsr_code);
	memcpy(guest->mem + 0x20000, msr_gp_code, msr_gp_code_end - msr_gp_code);
	get_regs(_metadata, guest, &regs);
	guest_gate(guest, MODE_LONG, 13, 0x20000, 14, 0);
	regs.rip = CODE;
	regs.rsp = STACK;
	regs.rcx = index;
	regs.rbx = value ? *value : 0;
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	return regs.rax;
}

static const struct {
	__u32 index;
	__u64 value;
} plain_msrs[] = {
	{ 0x174, 0x1234 },			/* SYSENTER_CS */
	{ 0x175, 0xffff888012345678 },
	{ 0x176, 0xffffffff81000000 },
	{ 0x277, 0x0007040600070406 },		/* PAT */
	{ 0x277, 0x0001050406070100 },
	{ 0xc0000081, 0x0023001000000000 },	/* STAR */
	{ 0xc0000082, 0xffffffff81000040 },
	{ 0xc0000083, 0xffffffff81000080 },
	{ 0xc0000084, 0x47700 },
	{ 0xc0000100, 0x7f0011112222 },		/* FS_BASE */
	{ 0xc0000101, 0xffff888000001000 },
	{ 0xc0000102, 0x7f00deadb000 },
};

TEST_F(guest, msrs_of_the_guest_and_of_user_space_are_the_same)
{
	struct guest *guest = &self->guest;

	guest_mode(_metadata, guest, MODE_LONG);
	for (size_t i = 0; i < ARRAY_SIZE(plain_msrs); i++) {
		__u64 value = plain_msrs[i].value;
		__u32 index = plain_msrs[i].index;

		ASSERT_EQ(1, _set_msr(guest, index, value)) {
			TH_LOG("MSR %#x", index);
		}
		EXPECT_EQ(value, guest_msr(_metadata, guest, index, NULL)) {
			TH_LOG("MSR %#x", index);
		}
		value ^= 0x1000;
		if (index == 0x277)
			value = 0x0606060606060606;
		EXPECT_NE(MSR_GP, guest_msr(_metadata, guest, index, &value));
		EXPECT_EQ(value, get_msr(_metadata, guest, index)) {
			TH_LOG("MSR %#x", index);
		}
	}
}

TEST_F(guest, msrs_with_bad_values_are_gp)
{
	static const struct {
		__u32 index;
		__u64 value;
	} bad[] = {
		{ 0x175, 0x8000000000000000 },	/* not canonical */
		{ 0x277, 0x0000000000000002 },	/* PAT: reserved type */
		{ 0x277, 0x0000000000000008 },
		{ 0xc0000080, 1ULL << 63 },
		{ 0xc0000080, 1 << 10 },	/* without LME in long mode */
		{ 0xc0000082, 0x8000000000000000 },
		{ 0x12345, 0 },
	};
	struct guest *guest = &self->guest;

	guest_mode(_metadata, guest, MODE_LONG);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(MSR_GP, guest_msr(_metadata, guest, bad[i].index, &bad[i].value)) {
			TH_LOG("MSR %#x value %#llx", bad[i].index,
			       (unsigned long long)bad[i].value);
		}
	}
	EXPECT_EQ(MSR_GP, guest_msr(_metadata, guest, 0x12345, NULL));
}

/* Kernels read these where CPUID says AMD, and not all of them expect a fault. */
TEST_F(guest, msrs_of_amd)
{
	static const __u32 syscfg = 0xc0010010, hwcr = 0xc0010015;
	static const __u64 changed = 1ULL << 23, flush_filter_off = 1 << 6, smm_lock = 1;
	struct guest *guest = &self->guest;

	guest_mode(_metadata, guest, MODE_LONG);
	EXPECT_EQ(0, guest_msr(_metadata, guest, syscfg, NULL));
	EXPECT_EQ(MSR_GP, guest_msr(_metadata, guest, syscfg, &changed));
	EXPECT_EQ(0, guest_msr(_metadata, guest, hwcr, NULL));
	EXPECT_NE(MSR_GP, guest_msr(_metadata, guest, hwcr, &flush_filter_off));
	EXPECT_EQ(MSR_GP, guest_msr(_metadata, guest, hwcr, &smm_lock));
}

/* The list says the truth: each of its MSRs can be read, and set to what it is. */
TEST_F(guest, msr_index_list)
{
	struct {
		struct kvm_msr_list head;
		__u32 indices[1000];
	} list = { .head.nmsrs = 0 };
	struct guest *guest = &self->guest;

	EXPECT_EQ(-E2BIG, _ioctl_ptr(guest->dev, KVM_GET_MSR_INDEX_LIST, &list));
	EXPECT_LT(10, list.head.nmsrs);
	list.head.nmsrs = 1000;
	ASSERT_EQ(0, _ioctl_ptr(guest->dev, KVM_GET_MSR_INDEX_LIST, &list));
	if (!on_slat())
		return;
	for (__u32 i = 0; i < list.head.nmsrs; i++) {
		__u64 value = get_msr(_metadata, guest, list.indices[i]);

		EXPECT_EQ(1, _set_msr(guest, list.indices[i], value)) {
			TH_LOG("MSR %#x", list.indices[i]);
		}
	}
}

TEST_F(guest, msr_feature_index_list)
{
	struct {
		struct kvm_msr_list head;
		__u32 indices[1000];
	} list = { .head.nmsrs = 1000 };
	struct guest *guest = &self->guest;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1 };

	ASSERT_EQ(0, _ioctl_ptr(guest->dev, KVM_GET_MSR_FEATURE_INDEX_LIST, &list));
	for (__u32 i = 0; i < list.head.nmsrs; i++) {
		msr.entry.index = list.indices[i];
		EXPECT_EQ(1, _ioctl_ptr(guest->dev, KVM_GET_MSRS, &msr)) {
			TH_LOG("MSR %#x", list.indices[i]);
		}
	}
}

/* TSC: an offset that user space sets, and what the guest reads. */
GUEST_CODE(tsc_code, 64, "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n hlt\n");

TEST_F(guest, tsc_goes_on_from_what_is_set)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, tsc_code);
	guest_mode(_metadata, guest, MODE_LONG);
	ASSERT_EQ(1, _set_msr(guest, 0x10, 1ULL << 50));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_LE(1ULL << 50, regs.rax);
	EXPECT_GT((1ULL << 50) + (1ULL << 40), regs.rax);
	EXPECT_LE(regs.rax, get_msr(_metadata, guest, 0x10));
}

static __u64 guest_tsc(struct __test_metadata *_metadata, struct guest *guest)
{
	struct kvm_regs regs;

	get_regs(_metadata, guest, &regs);
	regs.rip = CODE;
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	return regs.rax;
}

/* The guest's clock runs faster or slower than the host's, and never goes back. */
TEST_F(guest, tsc_scales)
{
	static const struct {
		int mul, div;
	} ratios[] = { { 2, 1 }, { 1, 2 }, { 3, 4 }, { 1, 1 } };
	struct guest *guest = &self->guest;
	int khz = _ioctl(guest->fd, KVM_GET_TSC_KHZ, 0);
	__u64 last = 0;

	ASSERT_LT(0, khz);
	guest_load(guest, tsc_code);
	guest_mode(_metadata, guest, MODE_LONG);
	if (_ioctl(guest->fd, KVM_SET_TSC_KHZ, khz * 2))
		SKIP(return, "no TSC scaling");
	for (size_t i = 0; i < ARRAY_SIZE(ratios); i++) {
		int mul = ratios[i].mul, div = ratios[i].div;
		__u64 before, inner, outer, first, second, slack = 16;

		ASSERT_EQ(0, _ioctl(guest->fd, KVM_SET_TSC_KHZ, khz / div * mul));
		EXPECT_EQ(khz / div * mul, _ioctl(guest->fd, KVM_GET_TSC_KHZ, 0));
		guest_tsc(_metadata, guest);
		before = __builtin_ia32_rdtsc();
		first = guest_tsc(_metadata, guest);
		inner = __builtin_ia32_rdtsc();
		while (__builtin_ia32_rdtsc() - inner < 100000)
			;
		outer = __builtin_ia32_rdtsc();
		second = guest_tsc(_metadata, guest);
		if (on_slat())		/* KVM's starts somewhere else */
			EXPECT_LT(last, first);
		EXPECT_LE((outer - inner) * mul / div, second - first + slack);
		EXPECT_GE((__builtin_ia32_rdtsc() - before) * mul / div + slack, second - first);
		EXPECT_LE(second, get_msr(_metadata, guest, 0x10));
		last = second;
	}
}

static __u64 tsc_offset(struct __test_metadata *_metadata, int vcpu)
{
	__u64 offset;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
		.addr = (unsigned long)&offset,
	};

	ASSERT_EQ(0, _ioctl_ptr(vcpu, KVM_GET_DEVICE_ATTR, &attr));
	return offset;
}

TEST_F(guest, tscs_begin_together_at_0)
{
	struct guest one = { };
	__u64 before, tsc;
	int other;

	pin_to(0);
	before = __builtin_ia32_rdtsc();
	guest_create(_metadata, &one);
	tsc = get_msr(_metadata, &one, 0x10);
	EXPECT_GE(__builtin_ia32_rdtsc() - before, tsc);
	EXPECT_EQ(0, get_msr(_metadata, &one, 0x3b));
	other = _ioctl(one.vm, KVM_CREATE_VCPU, 1);
	ASSERT_LE(0, other);
	/* KVM computes it anew where it distrusts the host's. */
	if (on_slat())
		EXPECT_EQ(tsc_offset(_metadata, one.fd), tsc_offset(_metadata, other));
	close(other);
	guest_destroy(&one);
}

/* User space cannot set two at the same time. */
TEST_F(guest, tscs_that_are_set_one_after_the_other_agree)
{
	__u64 second = _ioctl(self->guest.fd, KVM_GET_TSC_KHZ, 0) * 1000ULL;
	struct guest *guest = &self->guest, other = *guest;

	if (!on_slat())
		SKIP(return, "KVM does so only where it trusts the host's TSC");
	other.fd = _ioctl(guest->vm, KVM_CREATE_VCPU, 1);
	ASSERT_LE(0, other.fd);
	ASSERT_EQ(1, _set_msr(guest, 0x10, 1ULL << 50));
	EXPECT_NE(tsc_offset(_metadata, guest->fd), tsc_offset(_metadata, other.fd));
	ASSERT_EQ(1, _set_msr(&other, 0x10, 1ULL << 50));
	EXPECT_EQ(tsc_offset(_metadata, guest->fd), tsc_offset(_metadata, other.fd));
	ASSERT_EQ(1, _set_msr(guest, 0x10, (1ULL << 50) + second / 2));
	EXPECT_EQ(tsc_offset(_metadata, guest->fd), tsc_offset(_metadata, other.fd));
	ASSERT_EQ(1, _set_msr(guest, 0x10, (1ULL << 50) - second * 2));
	EXPECT_NE(tsc_offset(_metadata, guest->fd), tsc_offset(_metadata, other.fd));
	ASSERT_EQ(1, _set_msr(&other, 0x10, 0));
	EXPECT_EQ(tsc_offset(_metadata, guest->fd), tsc_offset(_metadata, other.fd));
	close(other.fd);
}

/* What the guest writes to one is seen in the other; user space sets each for itself. */
TEST_F(guest, tsc_and_tsc_adjust)
{
	static const __u64 step = 1ULL << 45, slack = 1ULL << 42;
	struct guest *guest = &self->guest;
	__u64 value = step;

	guest_mode(_metadata, guest, MODE_LONG);
	EXPECT_NE(MSR_GP, guest_msr(_metadata, guest, 0x10, &value));
	EXPECT_GE(slack, get_msr(_metadata, guest, 0x10) - step);
	EXPECT_GE(slack, step - get_msr(_metadata, guest, 0x3b));
	value = 2 * step;
	EXPECT_NE(MSR_GP, guest_msr(_metadata, guest, 0x3b, &value));
	EXPECT_EQ(2 * step, get_msr(_metadata, guest, 0x3b));
	EXPECT_EQ(2 * step, guest_msr(_metadata, guest, 0x3b, NULL));
	EXPECT_GE(slack, get_msr(_metadata, guest, 0x10) - 2 * step);

	ASSERT_EQ(1, _set_msr(guest, 0x10, 9 * step));
	EXPECT_EQ(2 * step, get_msr(_metadata, guest, 0x3b));
	ASSERT_EQ(1, _set_msr(guest, 0x3b, 5 * step));
	EXPECT_GE(slack, get_msr(_metadata, guest, 0x10) - 9 * step);
	value = 4 * step;
	EXPECT_NE(MSR_GP, guest_msr(_metadata, guest, 0x3b, &value));
	EXPECT_GE(slack, get_msr(_metadata, guest, 0x10) - 8 * step);
}

TEST_F(guest, tsc_adjust_that_the_guest_is_not_told_of)
{
	struct cpuid_table *cpuid = calloc(1, sizeof(*cpuid));
	struct guest *guest = &self->guest;
	__u64 value = 0;

	if (!on_slat())
		SKIP(return, "KVM lets it read");
	ASSERT_EQ(0, _supported_cpuid(guest->dev, cpuid));
	cpuid_find(cpuid, 7, 0)->ebx &= ~2U;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_CPUID2, cpuid));
	guest_mode(_metadata, guest, MODE_LONG);
	EXPECT_EQ(MSR_GP, guest_msr(_metadata, guest, 0x3b, NULL));
	EXPECT_EQ(MSR_GP, guest_msr(_metadata, guest, 0x3b, &value));
	free(cpuid);
}

TEST_F(guest, syscall_reaches_lstar)
{
	static const char handler[] = { 0xb8, 0x05, 0x05, 0, 0, 0xf4 };	/* mov $0x505, %eax; hlt */
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_mode(_metadata, guest, MODE_LONG);
	memcpy(guest->mem + 0x20000, handler, sizeof(handler));
	memcpy(guest->mem + CODE, "\x0f\x05", 2);
	ASSERT_EQ(1, _set_msr(guest, 0xc0000081, (__u64)SEL_CODE << 32));
	ASSERT_EQ(1, _set_msr(guest, 0xc0000082, 0x20000));
	ASSERT_EQ(1, _set_msr(guest, 0xc0000084, FLAGS_IF));
	get_regs(_metadata, guest, &regs);
	regs.rip = CODE;
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x505, regs.rax);
	EXPECT_EQ(CODE + 2, regs.rcx);
}

/* All by the guest, without an exit to user space in between. */
GUEST_LABEL(own_handler);
GUEST_CODE(own_syscall, 64,
	   "mov $0xc0000081, %ecx\n mov $8, %edx\n xor %eax, %eax\n wrmsr\n"
	   "mov $0xc0000082, %ecx\n xor %edx, %edx\n"
	   "mov $0x10000 + own_handler - own_syscall, %eax\n wrmsr\n"
	   "mov $0xc0000084, %ecx\n xor %eax, %eax\n wrmsr\n"
	   "syscall\n"
	   "hlt\n"
	   "own_handler: mov $0x505, %eax\n hlt\n");

TEST_F(guest, syscall_set_up_by_the_guest)
{
	struct kvm_regs regs;

	guest_run_code(&self->guest, MODE_LONG, own_syscall, &regs);
	EXPECT_EQ(0x505, regs.rax);
	EXPECT_EQ(guest_label(own_syscall, own_handler),
		  get_msr(_metadata, &self->guest, 0xc0000082));
}

GUEST_CODE(swapgs_code, 64,
	   "mov $0xc0000101, %ecx\n xor %edx, %edx\n mov $0x1000, %eax\n wrmsr\n"
	   "mov $0xc0000102, %ecx\n mov $0x2000, %eax\n wrmsr\n"
	   "swapgs\n"
	   "cpuid\n"			/* an exit that changes neither */
	   "mov $0xc0000102, %ecx\n rdmsr\n mov %eax, %esi\n"
	   "hlt\n");

TEST_F(guest, swapgs)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_run_code(guest, MODE_LONG, swapgs_code, &regs);
	EXPECT_EQ(0x1000, regs.rsi);
	EXPECT_EQ(0x1000, get_msr(_metadata, guest, 0xc0000102));
	EXPECT_EQ(0x2000, get_msr(_metadata, guest, 0xc0000101));
}

/* The host's own system calls go on working whatever a guest sets. */
TEST_F(guest, msrs_of_the_host_stay)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ASSERT_EQ(0, pin_to(0));
	for (int i = 0; i < 3; i++) {
		guest_run_code(guest, MODE_LONG, own_syscall, &regs);
		ASSERT_EQ(1, _set_msr(guest, 0xc0000102, 0x1234 * i));
		ASSERT_EQ(1, _set_msr(guest, 0xc0000082, 0));
	}
	EXPECT_EQ(getpid(), syscall(SYS_getpid));
}

/* FPU */

GUEST_CODE(fpu_code, 64,
	   "movaps %xmm0, %xmm1\n"
	   "addps %xmm1, %xmm1\n"
	   "fldpi\n"
	   "movabs $0x1122334455667788, %rax\n"
	   "movq %rax, %xmm5\n"
	   "hlt\n");

TEST_F(guest, fpu_state_goes_in_and_out)
{
	float values[4] = { 1.5, -2.25, 3, 0.125 };
	struct guest *guest = &self->guest;
	struct kvm_fpu fpu;
	float *xmm1 = (float *)fpu.xmm[1];

	/* KVM forgets what is set before the guest has used it. */
	if (!on_slat())
		SKIP(return, "only on " SLAT_DEVICE);
	guest_load(guest, fpu_code);
	guest_mode(_metadata, guest, MODE_LONG);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_FPU, &fpu));
	EXPECT_EQ(0x37f, fpu.fcw);
	EXPECT_EQ(0x1f80, fpu.mxcsr);
	memcpy(fpu.xmm[0], values, sizeof(values));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_FPU, &fpu));
	guest_run_hlt(_metadata, guest);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_FPU, &fpu));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(2 * values[i], xmm1[i]) {
			TH_LOG("lane %d", i);
		}
	}
	EXPECT_EQ(0x1122334455667788, *(__u64 *)fpu.xmm[5]);
	EXPECT_EQ(0x4000, *(__u16 *)(fpu.fpr[0] + 8));	/* pi's exponent */
}

/* Two guests, one thread: neither sees the other's registers, nor the thread's. */
TEST_F(guest, fpu_state_of_two_guests_is_apart)
{
	struct guest other;
	struct kvm_fpu fpu;

	guest_create(_metadata, &other);
	guest_load(&self->guest, fpu_code);
	guest_mode(_metadata, &self->guest, MODE_LONG);
	guest_run_hlt(_metadata, &self->guest);
	ASSERT_EQ(0, _ioctl_ptr(other.fd, KVM_GET_FPU, &fpu));
	EXPECT_EQ(0, *(__u64 *)fpu.xmm[5]);
	ASSERT_EQ(0, _ioctl_ptr(self->guest.fd, KVM_GET_FPU, &fpu));
	EXPECT_EQ(0x1122334455667788, *(__u64 *)fpu.xmm[5]);
	guest_destroy(&other);
}

TEST_F(guest, xsave_round_trip)
{
	struct guest *guest = &self->guest;
	struct kvm_xsave *xsave = calloc(1, sizeof(*xsave));
	struct kvm_xsave *back = calloc(1, sizeof(*back));
	__u64 *features = (__u64 *)(xsave->region + 128);

	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_XSAVE, xsave));
	xsave->region[40] = 0x12345678;		/* XMM0 */
	xsave->region[6] = 0x1f80;
	*features |= 3;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_XSAVE, xsave));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_XSAVE, back));
	EXPECT_EQ(0x12345678, back->region[40]);
	*features |= 1ULL << 62;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_XSAVE, xsave));
	free(xsave);
	free(back);
}

TEST_F(guest, xcr0_round_trip)
{
	struct guest *guest = &self->guest;
	struct kvm_xcrs xcrs;

	if (!(cpuid_find(self->cpuid, 1, 0)->ecx & 1 << 26))
		SKIP(return, "no XSAVE");
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_XCRS, &xcrs));
	EXPECT_EQ(1, xcrs.nr_xcrs);
	EXPECT_EQ(1, xcrs.xcrs[0].value);
	xcrs.xcrs[0].value = 3;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_XCRS, &xcrs));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_XCRS, &xcrs));
	EXPECT_EQ(3, xcrs.xcrs[0].value);
	xcrs.xcrs[0].value = 2;			/* without x87 */
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_XCRS, &xcrs));
	xcrs.xcrs[0].value = 1 | 1ULL << 60;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_XCRS, &xcrs));
	xcrs.xcrs[0].value = 1;
	xcrs.nr_xcrs = 17;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_XCRS, &xcrs));
}

/* XSETBV by the guest. */
GUEST_CODE(xsetbv_code, 64,
	   "mov $3, %eax\n xor %edx, %edx\n xor %ecx, %ecx\n xsetbv\n"
	   "xgetbv\n mov %eax, %ebx\n"
	   "mov $2, %eax\n xsetbv\n"		/* #GP */
	   "hlt\n");

TEST_F(guest, xsetbv_checks)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_xcrs xcrs;

	if (!(cpuid_find(self->cpuid, 1, 0)->ecx & 1 << 26))
		SKIP(return, "no XSAVE");
	guest_load(guest, xsetbv_code);
	memcpy(guest->mem + 0x20000, msr_gp_code, msr_gp_code_end - msr_gp_code);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 13, 0x20000, 14, 0);
	get_sregs(_metadata, guest, &sregs);
	sregs.cr4 |= CR4_OSXSAVE;
	set_sregs(_metadata, guest, &sregs);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(MSR_GP, regs.rax);
	/* QEMU does it without an exit: an interrupt of the host before XGETBV undoes it. */
	if (cpu_is_tcg())
		return;
	EXPECT_EQ(3, regs.rbx);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_XCRS, &xcrs));
	EXPECT_EQ(3, xcrs.xcrs[0].value);
}

TEST_F(guest, registers_round_trip)
{
	struct kvm_regs regs, back;

	for (size_t i = 0; i < sizeof(regs) / 8; i++)
		((__u64 *)&regs)[i] = 0x1111111111111111 * (i % 15 + 1);
	regs.rflags = 0x202;
	set_regs(_metadata, &self->guest, &regs);
	get_regs(_metadata, &self->guest, &back);
	EXPECT_EQ(0, memcmp(&regs, &back, sizeof(regs)));
}

TEST_F(guest, special_registers_round_trip)
{
	struct kvm_sregs sregs, back;

	guest_mode(_metadata, &self->guest, MODE_LONG);
	get_sregs(_metadata, &self->guest, &sregs);
	sregs.fs.base = 0x123456789000;
	sregs.gs.base = 0xffff800000001000;
	sregs.cr2 = 0xabcdef;
	sregs.cr8 = 5;
	sregs.ldt = (struct kvm_segment) {
		.base = 0x5000, .limit = 0xff, .selector = 0x38, .type = 2, .present = 1,
	};
	set_sregs(_metadata, &self->guest, &sregs);
	get_sregs(_metadata, &self->guest, &back);
	EXPECT_EQ(0, memcmp(&sregs, &back, sizeof(sregs)));
}

/* CR4's bits that come with a feature: those that the host has, until CPUID is set. */
TEST_F(guest, control_register_before_cpuid)
{
	static const struct {
		__u32 function;
		bool ecx;
		int bit;
		__u64 cr4;
	} rules[] = {
		{ 1, true, 26, CR4_OSXSAVE }, { 7, false, 0, 1 << 16 },	/* FSGSBASE */
		{ 7, false, 7, 1 << 20 }, { 7, false, 20, 1 << 21 },	/* SMEP, SMAP */
		{ 7, true, 2, 1 << 11 },				/* UMIP */
	};
	struct cpuid_table *cpuid = calloc(1, sizeof(*cpuid));
	int vcpu = _ioctl(self->guest.vm, KVM_CREATE_VCPU, 1);
	struct kvm_sregs reset, sregs;
	__u64 all = 0;

	ASSERT_LE(0, vcpu);
	ASSERT_EQ(0, _supported_cpuid(self->guest.dev, cpuid));
	ASSERT_EQ(0, _ioctl_ptr(vcpu, KVM_GET_SREGS, &reset));
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct kvm_cpuid_entry2 *leaf = cpuid_find(cpuid, rules[i].function, 0);
		bool has = (rules[i].ecx ? leaf->ecx : leaf->ebx) >> rules[i].bit & 1;

		sregs = reset;
		sregs.cr4 |= rules[i].cr4;
		EXPECT_EQ(has ? 0 : -EINVAL, _ioctl_ptr(vcpu, KVM_SET_SREGS, &sregs)) {
			TH_LOG("CR4 bit %#llx", (unsigned long long)rules[i].cr4);
		}
		if (has)
			all |= rules[i].cr4;
		/* Not even if the guest is told so. */
		*(rules[i].ecx ? &leaf->ecx : &leaf->ebx) |= 1U << rules[i].bit;
	}
	sregs.cr4 = reset.cr4 | all;
	EXPECT_EQ(0, _ioctl_ptr(vcpu, KVM_SET_SREGS, &sregs));
	ASSERT_EQ(0, _ioctl_ptr(vcpu, KVM_SET_SREGS, &reset));
	ASSERT_EQ(0, _ioctl_ptr(vcpu, KVM_SET_CPUID2, cpuid));
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		sregs = reset;
		sregs.cr4 |= rules[i].cr4;
		EXPECT_EQ(all & rules[i].cr4 ? 0 : -EINVAL,
			  _ioctl_ptr(vcpu, KVM_SET_SREGS, &sregs)) {
			TH_LOG("CR4 bit %#llx", (unsigned long long)rules[i].cr4);
		}
	}
	close(vcpu);
	free(cpuid);
}

TEST_F(guest, special_registers_that_cannot_be)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs good, sregs;

	guest_mode(_metadata, guest, MODE_LONG);
	get_sregs(_metadata, guest, &good);
	sregs = good;
	sregs.cr4 &= ~CR4_PAE;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs));
	sregs = good;
	sregs.cr4 |= 1ULL << 31;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs));
	sregs = good;
	sregs.efer &= ~EFER_LMA;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs));
	sregs = good;
	sregs.cr3 = 1ULL << 60;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs));
	get_sregs(_metadata, guest, &sregs);
	EXPECT_EQ(0, memcmp(&sregs, &good, sizeof(sregs)));
}

TEST_F(guest, mp_state)
{
	struct guest *guest = &self->guest;
	struct kvm_mp_state state = { .mp_state = 99 };

	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_MP_STATE, &state));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, state.mp_state);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_MP_STATE, &state));
	state.mp_state = 99;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_MP_STATE, &state));
}

TEST_F(guest, translate_by_the_guests_tables)
{
	struct guest *guest = &self->guest;
	struct kvm_translation translation = { .linear_address = 0x212345 };

	guest_mode(_metadata, guest, MODE_LONG);
	guest_u64(guest, TABLES + 0x2000 + 8) = 0x87;		/* 2 MiB leads to 0 */
	guest_u64(guest, TABLES + 0x2000 + 16) = 0;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_TRANSLATE, &translation));
	EXPECT_EQ(1, translation.valid);
	EXPECT_EQ(0x12345, translation.physical_address);
	translation.linear_address = 0x400000;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_TRANSLATE, &translation));
	EXPECT_EQ(0, translation.valid);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
