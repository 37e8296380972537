// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that are user space's: by filter, because there is none, or because the
 * value cannot be.  Also built for 32 bits, as guest_msr_filter_32.
 */
#include "guest.h"

#define STAR		0xc0000081
#define KERNEL_GS_BASE	0xc0000102
#define NO_MSR		0x12345
#define RANGES		KVM_MSR_FILTER_MAX_RANGES
#define REASONS		(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | \
			 KVM_MSR_EXIT_REASON_FILTER)

FIXTURE(guest) {
	struct guest guest;
};

/* RCX: which; RBX: 0x6969 for #GP, else 1. */
GUEST_LABEL(on_gp_read);
GUEST_CODE(read_msr, 64,
	   "rdmsr\n shl $32, %rdx\n or %rdx, %rax\n mov $1, %ebx\n hlt\n"
	   "on_gp_read: mov $0x6969, %ebx\n hlt\n");
GUEST_LABEL(on_gp_write);
GUEST_CODE(write_msr, 64,
	   "wrmsr\n mov $1, %ebx\n hlt\n"
	   "on_gp_write: mov $0x6969, %ebx\n hlt\n");

FIXTURE_SETUP(guest)
{
	guest_create(_metadata, &self->guest);
}

FIXTURE_TEARDOWN(guest)
{
	guest_destroy(&self->guest);
}

static int _want(struct guest *guest, __u64 reasons)
{
	struct kvm_enable_cap enable = { .cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { reasons } };

	return _ioctl_ptr(guest->vm, KVM_ENABLE_CAP, &enable);
}

static int _filter(struct guest *guest, const struct kvm_msr_filter *filter)
{
	return _ioctl_ptr(guest->vm, KVM_X86_SET_MSR_FILTER, filter);
}

/* One MSR is denied, to those who read or write it. */
static int _deny(struct guest *guest, __u32 index, __u32 access)
{
	__u8 bitmap[8] = { 0 };
	struct kvm_msr_filter filter = {
		.ranges[0] = { .flags = access, .nmsrs = 1, .base = index, .bitmap = bitmap },
	};

	return _filter(guest, &filter);
}

static void start(struct __test_metadata *_metadata, struct guest *guest, bool write,
		  __u32 index, __u64 value)
{
	struct kvm_regs regs;

	if (write)
		guest_load(guest, write_msr);
	else
		guest_load(guest, read_msr);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 13, write ? guest_label(write_msr, on_gp_write) :
						 guest_label(read_msr, on_gp_read), 14, 0);
	get_regs(_metadata, guest, &regs);
	regs.rcx = index;
	regs.rax = (__u32)value;
	regs.rdx = value >> 32;
	set_regs(_metadata, guest, &regs);
}

static void expect_msr_exit(struct __test_metadata *_metadata, struct guest *guest,
			    bool write, __u32 index, __u32 reason)
{
	guest_run(_metadata, guest, write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR);
	EXPECT_EQ(index, guest->run->msr.index);
	EXPECT_EQ(reason, guest->run->msr.reason);
	EXPECT_EQ(0, guest->run->msr.error);
}

/* To HLT; returns 1, or 0x6969 for #GP. */
static __u64 finish(struct __test_metadata *_metadata, struct guest *guest, __u64 *value)
{
	struct kvm_regs regs;

	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	if (value)
		*value = regs.rax;
	return regs.rbx;
}

TEST_F(guest, unknown_msr_is_read_by_user_space)
{
	struct guest *guest = &self->guest;
	__u64 value;

	ASSERT_EQ(0, _want(guest, KVM_MSR_EXIT_REASON_UNKNOWN));
	start(_metadata, guest, false, NO_MSR, 0);
	expect_msr_exit(_metadata, guest, false, NO_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
	guest->run->msr.data = 0x1122334455667788;
	EXPECT_EQ(1, finish(_metadata, guest, &value));
	EXPECT_EQ(0x1122334455667788, value);
}

TEST_F(guest, unknown_msr_is_written_by_user_space)
{
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _want(guest, KVM_MSR_EXIT_REASON_UNKNOWN));
	start(_metadata, guest, true, NO_MSR, 0x99aabbccddeeff00);
	expect_msr_exit(_metadata, guest, true, NO_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
	EXPECT_EQ(0x99aabbccddeeff00, guest->run->msr.data);
	EXPECT_EQ(1, finish(_metadata, guest, NULL));
}

TEST_F(guest, error_is_a_protection_fault)
{
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _want(guest, KVM_MSR_EXIT_REASON_UNKNOWN));
	for (int write = 0; write < 2; write++) {
		start(_metadata, guest, write, NO_MSR, 0);
		expect_msr_exit(_metadata, guest, write, NO_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
		guest->run->msr.error = 1;
		EXPECT_EQ(0x6969, finish(_metadata, guest, NULL));
	}
}

TEST_F(guest, value_that_cannot_be_is_user_spaces)
{
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _want(guest, KVM_MSR_EXIT_REASON_INVAL));
	start(_metadata, guest, true, 0xc0000082, 1ULL << 63);	/* LSTAR, not canonical */
	expect_msr_exit(_metadata, guest, true, 0xc0000082, KVM_MSR_EXIT_REASON_INVAL);
	guest->run->msr.error = 1;
	EXPECT_EQ(0x6969, finish(_metadata, guest, NULL));
	/* The reason that was not asked for. */
	start(_metadata, guest, false, NO_MSR, 0);
	EXPECT_EQ(0x6969, finish(_metadata, guest, NULL));
}

TEST_F(guest, nobody_wants_to_know)
{
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _deny(guest, STAR, KVM_MSR_FILTER_READ));
	start(_metadata, guest, false, STAR, 0);
	EXPECT_EQ(0x6969, finish(_metadata, guest, NULL));
	ASSERT_EQ(0, _want(guest, REASONS));
	start(_metadata, guest, false, STAR, 0);
	expect_msr_exit(_metadata, guest, false, STAR, KVM_MSR_EXIT_REASON_FILTER);
	EXPECT_EQ(1, finish(_metadata, guest, NULL));
	ASSERT_EQ(0, _want(guest, 0));
	start(_metadata, guest, false, STAR, 0);
	EXPECT_EQ(0x6969, finish(_metadata, guest, NULL));
}

/* Whether the guest would otherwise leave for it, or not. */
TEST_F(guest, filter_is_about_reads_or_writes)
{
	static const __u32 msrs[] = { STAR, KERNEL_GS_BASE };
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _want(guest, REASONS));
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		ASSERT_EQ(0, _deny(guest, msrs[i], KVM_MSR_FILTER_READ));
		start(_metadata, guest, false, msrs[i], 0);
		expect_msr_exit(_metadata, guest, false, msrs[i], KVM_MSR_EXIT_REASON_FILTER);
		EXPECT_EQ(1, finish(_metadata, guest, NULL));
		start(_metadata, guest, true, msrs[i], 0x1000);
		EXPECT_EQ(1, finish(_metadata, guest, NULL));
		ASSERT_EQ(0, _deny(guest, msrs[i], KVM_MSR_FILTER_WRITE));
		start(_metadata, guest, true, msrs[i], 0x2000);
		expect_msr_exit(_metadata, guest, true, msrs[i], KVM_MSR_EXIT_REASON_FILTER);
		EXPECT_EQ(1, finish(_metadata, guest, NULL));
		/* User space is not filtered, and nothing was written. */
		EXPECT_EQ(0x1000, get_msr(_metadata, guest, msrs[i]));
		ASSERT_EQ(0, _deny(guest, NO_MSR, KVM_MSR_FILTER_WRITE));
		start(_metadata, guest, false, msrs[i], 0);
		EXPECT_EQ(1, finish(_metadata, guest, NULL));
	}
}

TEST_F(guest, default_is_to_deny)
{
	struct guest *guest = &self->guest;
	__u8 bitmap[8] = { 1 };		/* the first of two is allowed */
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_DENY,
		.ranges[RANGES - 1] = {
			.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			.nmsrs = 2, .base = STAR, .bitmap = bitmap,
		},
	};

	ASSERT_EQ(0, _want(guest, REASONS));
	ASSERT_EQ(0, _filter(guest, &filter));
	start(_metadata, guest, false, STAR, 0);
	EXPECT_EQ(1, finish(_metadata, guest, NULL));
	start(_metadata, guest, false, STAR + 1, 0);
	expect_msr_exit(_metadata, guest, false, STAR + 1, KVM_MSR_EXIT_REASON_FILTER);
	EXPECT_EQ(1, finish(_metadata, guest, NULL));
	start(_metadata, guest, false, KERNEL_GS_BASE, 0);
	expect_msr_exit(_metadata, guest, false, KERNEL_GS_BASE, KVM_MSR_EXIT_REASON_FILTER);
}

TEST_F(guest, filters_that_cannot_be)
{
	struct guest *guest = &self->guest;
	__u8 bitmap[8] = { 0 };
	struct kvm_msr_filter good = {
		.ranges[0] = { .flags = KVM_MSR_FILTER_READ, .nmsrs = 1, .base = STAR,
			       .bitmap = bitmap },
	}, filter;

	ASSERT_EQ(0, _want(guest, REASONS));
	ASSERT_EQ(0, _filter(guest, &good));
	filter = good;
	filter.flags = 2;
	EXPECT_EQ(-EINVAL, _filter(guest, &filter));
	filter = (struct kvm_msr_filter) { .flags = KVM_MSR_FILTER_DEFAULT_DENY };
	EXPECT_EQ(-EINVAL, _filter(guest, &filter));
	filter = good;
	filter.ranges[0].flags = 0;
	EXPECT_EQ(-EINVAL, _filter(guest, &filter));
	filter.ranges[0].flags = 4;
	EXPECT_EQ(-EINVAL, _filter(guest, &filter));
	filter = good;
	filter.ranges[0].nmsrs = KVM_MSR_FILTER_MAX_BITMAP_SIZE * 8 + 1;
	EXPECT_EQ(-EINVAL, _filter(guest, &filter));
	filter.ranges[0].nmsrs = 0xffffffff;
	EXPECT_EQ(-EINVAL, _filter(guest, &filter));
	filter = good;
	filter.ranges[1] = filter.ranges[0];
	filter.ranges[1].bitmap = NULL;
	EXPECT_EQ(-EFAULT, _filter(guest, &filter));
	EXPECT_EQ(-EFAULT, _filter(guest, NULL));
	/* None of them has replaced the good one. */
	start(_metadata, guest, false, STAR, 0);
	expect_msr_exit(_metadata, guest, false, STAR, KVM_MSR_EXIT_REASON_FILTER);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
