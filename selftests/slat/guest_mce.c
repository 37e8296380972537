// SPDX-License-Identifier: GPL-2.0-only
/*
 * Machine checks that user space reports to a guest.
 */
#include "hostile.h"
#include "irq.h"

#define BANKS		32

#define MCG_CTL_P	_BITULL(8)
#define MCG_CMCI_P	_BITULL(10)
#define MCG_SER_P	_BITULL(24)

#define MCG_CAP		0x179
#define MCG_STATUS	0x17a
#define MCG_CTL		0x17b
#define MC_CTL2(bank)	(0x280 + (bank))
#define MC_CTL(bank)	(0x400 + 4 * (bank))
#define MC_STATUS(bank)	(0x401 + 4 * (bank))
#define MC_ADDR(bank)	(0x402 + 4 * (bank))

#define VALID		_BITULL(63)
#define OVER		_BITULL(62)
#define UNCORRECTED	_BITULL(61)
#define ENABLED		_BITULL(60)
#define CORRUPT		_BITULL(57)
#define CMCI_ENABLED	_BITULL(30)
#define IN_PROGRESS	4

#define CR4_MCE		0x40
#define APIC_LVT_CMCI	0x2f0

FIXTURE(mce) {
	struct guest guest;
	__u64 supported;
};

FIXTURE_SETUP(mce)
{
	struct guest *guest = &self->guest;

	irq_guest_create(_metadata, guest, CHIPS_KERNEL);
	ASSERT_EQ(0, _ioctl_ptr(guest->dev, KVM_X86_GET_MCE_CAP_SUPPORTED, &self->supported));
}

FIXTURE_TEARDOWN(mce)
{
	guest_destroy(&self->guest);
}

static int _setup(struct guest *guest, __u64 cap)
{
	return _ioctl_ptr(guest->fd, KVM_X86_SETUP_MCE, &cap);
}

static int _report(struct guest *guest, __u8 bank, __u64 status, __u64 addr, __u64 mcg_status)
{
	struct kvm_x86_mce event = {
		.status = status, .addr = addr, .misc = 0x8c, .mcg_status = mcg_status,
		.bank = bank,
	};

	return _ioctl_ptr(guest->fd, KVM_X86_SET_MCE, &event);
}

TEST_F(mce, capabilities)
{
	struct guest *guest = &self->guest;

	EXPECT_EQ(BANKS, _ioctl(guest->dev, KVM_CHECK_EXTENSION, KVM_CAP_MCE));
	EXPECT_EQ(MCG_CTL_P | MCG_SER_P, self->supported & (MCG_CTL_P | MCG_SER_P));
	EXPECT_EQ(BANKS, get_msr(_metadata, guest, MCG_CAP));
	ASSERT_EQ(0, _setup(guest, MCG_CTL_P | 10));
	EXPECT_EQ(MCG_CTL_P | 10, get_msr(_metadata, guest, MCG_CAP));
	EXPECT_EQ(~0ULL, get_msr(_metadata, guest, MCG_CTL));
	EXPECT_EQ(~0ULL, get_msr(_metadata, guest, MC_CTL(9)));
	EXPECT_EQ(0, get_msr(_metadata, guest, MC_STATUS(9)));

	EXPECT_EQ(-EINVAL, _setup(guest, MCG_CTL_P));
	EXPECT_EQ(-EINVAL, _setup(guest, BANKS + 1));
	EXPECT_EQ(-EINVAL, _setup(guest, 0xff));
	EXPECT_EQ(-EINVAL, _setup(guest, 1ULL << 32 | 10));
	EXPECT_EQ(-EINVAL, _setup(guest, (~self->supported & MCG_CMCI_P ?: 1ULL << 63) | 10));
	EXPECT_EQ(MCG_CTL_P | 10, get_msr(_metadata, guest, MCG_CAP));
}

TEST_F(mce, reports_that_cannot_be)
{
	struct guest *guest = &self->guest;
	struct kvm_x86_mce event = { .status = VALID, .bank = 0 };
	__u64 cap = 10;

	ASSERT_EQ(0, _setup(guest, 10));
	EXPECT_EQ(-EINVAL, _report(guest, 10, VALID, 0, 0));
	EXPECT_EQ(-EINVAL, _report(guest, 255, VALID, 0, 0));
	EXPECT_EQ(-EINVAL, _report(guest, 0, ~VALID, 0, 0));
	expect_efault(_metadata, guest->fd, KVM_X86_SET_MCE, &event, sizeof(event));
	expect_efault(_metadata, guest->fd, KVM_X86_SETUP_MCE, &cap, sizeof(cap));
	EXPECT_EQ(-EFAULT, _ioctl(guest->dev, KVM_X86_GET_MCE_CAP_SUPPORTED, 8));
}

/* MSRs by user space: what is stored, and what cannot be. */
TEST_F(mce, registers)
{
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _setup(guest, 10));
	EXPECT_EQ(1, _set_msr(guest, MCG_STATUS, 7));
	EXPECT_EQ(7, get_msr(_metadata, guest, MCG_STATUS));
	EXPECT_EQ(1, _set_msr(guest, MC_STATUS(3), VALID | 5));
	EXPECT_EQ(VALID | 5, get_msr(_metadata, guest, MC_STATUS(3)));
	EXPECT_EQ(1, _set_msr(guest, MC_CTL(3), 0));
	EXPECT_EQ(1, _set_msr(guest, MC_CTL(3), ~0ULL));
	EXPECT_EQ(0, _set_msr(guest, MC_CTL(3), 6));
	EXPECT_EQ(0, _set_msr(guest, MC_CTL(10), 0));
	EXPECT_EQ(0, _set_msr(guest, MC_STATUS(BANKS), 0));
	/* Neither of these is there. */
	EXPECT_EQ(0, _set_msr(guest, MCG_CTL, ~0ULL));
	EXPECT_EQ(1, _set_msr(guest, MCG_CTL, 0));
	EXPECT_EQ(0, _set_msr(guest, MC_CTL2(3), CMCI_ENABLED));
	EXPECT_EQ(1, _set_msr(guest, MC_CTL2(3), 0));
}

TEST_F(mce, corrected_errors_are_counted)
{
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _setup(guest, 10));
	ASSERT_EQ(0, _report(guest, 4, VALID | ENABLED | 1, 0x1000, 0));
	EXPECT_EQ(VALID | ENABLED | 1, get_msr(_metadata, guest, MC_STATUS(4)));
	EXPECT_EQ(0x1000, get_msr(_metadata, guest, MC_ADDR(4)));
	ASSERT_EQ(0, _report(guest, 4, VALID | ENABLED | 2, 0x2000, 0));
	EXPECT_EQ(VALID | OVER | ENABLED | 2, get_msr(_metadata, guest, MC_STATUS(4)));
	EXPECT_EQ(0x2000, get_msr(_metadata, guest, MC_ADDR(4)));
}

/* Says what it finds, clears it, and that it is done. */
GUEST_CODE(check, 64,
	   "mov %cr4, %rax\n"
	   "or $0x40, %eax\n"
	   "mov %rax, %cr4\n"
	   DONE
	   "1: jmp 1b\n"
	   ".globl check_handler\ncheck_handler:\n"
	   "mov $0x17a, %ecx\n"
	   "rdmsr\n"
	   "mov %eax, %r8d\n"
	   "mov $0x412, %ecx\n"			/* MC4_ADDR */
	   "rdmsr\n"
	   "mov %eax, %r9d\n"
	   "mov $0x411, %ecx\n"
	   "xor %eax, %eax\n"
	   "xor %edx, %edx\n"
	   "wrmsr\n"
	   DONE);
GUEST_LABEL(check_handler);

static void start_check(struct __test_metadata *_metadata, struct guest *guest)
{
	guest_load(guest, check);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 18, guest_label(check, check_handler), 14, 0);
}

TEST_F(mce, uncorrected_error_is_an_exception)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ASSERT_EQ(0, _setup(guest, MCG_CTL_P | 10));
	start_check(_metadata, guest);
	irq_run_done(_metadata, guest);
	ASSERT_EQ(0, _report(guest, 4, VALID | UNCORRECTED | ENABLED | CORRUPT, 0xabc000,
			     IN_PROGRESS));
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(IN_PROGRESS, (__u32)regs.r8);
	EXPECT_EQ(0xabc000, (__u32)regs.r9);
	EXPECT_EQ(0, get_msr(_metadata, guest, MC_STATUS(4)));
	/* Another one while it handles the first. */
	ASSERT_EQ(0, _report(guest, 4, VALID | UNCORRECTED | ENABLED | CORRUPT, 0, IN_PROGRESS));
	guest_run(_metadata, guest, KVM_EXIT_SHUTDOWN);
}

TEST_F(mce, uncorrected_error_that_is_not_expected)
{
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _setup(guest, 10));
	start_check(_metadata, guest);
	ASSERT_EQ(0, _report(guest, 4, VALID | UNCORRECTED | ENABLED | CORRUPT, 0, IN_PROGRESS));
	guest_run(_metadata, guest, KVM_EXIT_SHUTDOWN);
}

/* Neither the CPU nor the bank reports: nothing happens. */
TEST_F(mce, errors_that_nobody_reports)
{
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _setup(guest, MCG_CTL_P | 10));
	ASSERT_EQ(1, _set_msr(guest, MCG_CTL, 0));
	start_check(_metadata, guest);
	ASSERT_EQ(0, _report(guest, 4, VALID | UNCORRECTED | ENABLED | CORRUPT, 0, IN_PROGRESS));
	EXPECT_EQ(0, get_msr(_metadata, guest, MC_STATUS(4)));
	ASSERT_EQ(1, _set_msr(guest, MCG_CTL, ~0ULL));
	ASSERT_EQ(1, _set_msr(guest, MC_CTL(4), 0));
	ASSERT_EQ(0, _report(guest, 4, VALID | UNCORRECTED | ENABLED | CORRUPT, 0, IN_PROGRESS));
	EXPECT_EQ(0, get_msr(_metadata, guest, MC_STATUS(4)));
	irq_run_done(_metadata, guest);
}

/* One that needs no action: the guest learns of it by an interrupt, if it wants to. */
TEST_F(mce, deferred_error_is_an_interrupt)
{
	const __u64 deferred = VALID | UNCORRECTED | ENABLED | 0x10090;
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;

	if (!(self->supported & MCG_CMCI_P))
		SKIP(return, "no interrupt for corrected errors");
	ASSERT_EQ(0, _setup(guest, MCG_CMCI_P | 10));
	lapic_enable(_metadata, guest->fd);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0x10000, lapic_reg(&state, APIC_LVT_CMCI));
	EXPECT_EQ(6, lapic_reg(&state, 0x30) >> 16 & 0xff);
	lapic_set_reg(&state, APIC_LVT_CMCI, 0xa9);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_LAPIC, &state));

	ASSERT_EQ(0, _report(guest, 7, deferred, 0x1000, 0));
	EXPECT_FALSE(lapic_requested(_metadata, guest->fd, 0xa9));
	EXPECT_EQ(0x1000, get_msr(_metadata, guest, MC_ADDR(7)));
	EXPECT_EQ(0, _set_msr(guest, MC_CTL2(7), CMCI_ENABLED | 1 << 29));
	EXPECT_EQ(1, _set_msr(guest, MC_CTL2(7), CMCI_ENABLED));
	ASSERT_EQ(0, _report(guest, 7, deferred, 0x2000, 0));
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0xa9));
	EXPECT_EQ(0x2000, get_msr(_metadata, guest, MC_ADDR(7)));
}

/* What a guest may not do is #GP. */
GUEST_CODE(refused, 64,
	   "mov %r8d, %ecx\n"
	   "mov %r9d, %eax\n"
	   "xor %edx, %edx\n"
	   "wrmsr\n"
	   "xor %ebx, %ebx\n"
	   DONE
	   ".globl refused_handler\nrefused_handler:\n"
	   "mov $1, %ebx\n"
	   DONE);
GUEST_LABEL(refused_handler);

TEST_F(mce, what_a_guest_may_write)
{
	static const struct {
		__u32 index;
		__u32 value;
		bool refused;
	} writes[] = {
		{ MCG_CAP, 10, true }, { MCG_STATUS, 0, false }, { MCG_CTL, 0, true },
		{ MC_CTL(0), 0, false }, { MC_CTL(0), 6, true }, { MC_STATUS(0), 0, false },
		{ MC_STATUS(0), 1, true }, { MC_ADDR(9), 5, false }, { MC_ADDR(10), 5, true },
		{ MC_CTL2(0), 0, true },
	};
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, _setup(guest, 10));
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		struct kvm_regs regs;

		guest_load(guest, refused);
		irq_guest_start(_metadata, guest);
		guest_gate(guest, MODE_LONG, 13, guest_label(refused, refused_handler), 14, 0);
		get_regs(_metadata, guest, &regs);
		regs.r8 = writes[i].index;
		regs.r9 = writes[i].value;
		set_regs(_metadata, guest, &regs);
		irq_run_done(_metadata, guest);
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(writes[i].refused, (__u32)regs.rbx) {
			TH_LOG("MSR %#x: %#x", writes[i].index, writes[i].value);
		}
	}
}

/* Any contents: an answer, and a guest that works. */
TEST_F(mce, any_report_is_survived)
{
	struct guest *guest = &self->guest;
	__u64 state = hostile.seed;

	for (int i = 0; i < 2000; i++) {
		struct kvm_x86_mce event;
		__u64 cap = random_odd_value(&state);
		int ret;

		random_fill(&state, &event, sizeof(event));
		ret = _ioctl_ptr(guest->fd, KVM_X86_SET_MCE, &event);
		ASSERT_TRUE(ret == 0 || ret == -EINVAL);
		if (!random_below(&state, 8)) {
			ret = _ioctl_ptr(guest->fd, KVM_X86_SETUP_MCE, &cap);
			ASSERT_TRUE(ret == 0 || ret == -EINVAL);
		}
		_set_msr(guest, 0x280 + random_below(&state, 40), random_odd_value(&state));
		_set_msr(guest, 0x400 + random_below(&state, 160), random_odd_value(&state));
	}
	start_check(_metadata, guest);
	/* The last of them may have been one too many. */
	if (_guest_run(guest) || guest->run->exit_reason == KVM_EXIT_SHUTDOWN) {
		start_check(_metadata, guest);
		irq_run_done(_metadata, guest);
	}
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
