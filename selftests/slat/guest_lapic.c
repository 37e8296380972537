// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC in the kernel, as a guest uses it and as user space sees it.
 */
#include <sched.h>
#include <signal.h>
#include <x86intrin.h>

#include "irq.h"
#include "stats_file.h"

FIXTURE(lapic) {
	struct guest guest;
};

FIXTURE_SETUP(lapic)
{
	irq_guest_create(_metadata, &self->guest, CHIPS_KERNEL);
}

FIXTURE_TEARDOWN(lapic)
{
	guest_destroy(&self->guest);
}

GUEST_CODE(self_ipi, 64,
	   APIC_PAGE_IN_RBP
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0x40050, 0x300(%rbp)\n"
	   "mov 0x220(%rbp), %r8d\n"
	   "sti\n"
	   "nop\n"
	   "nop\n"
	   "cli\n"
	   "mov 0x120(%rbp), %r9d\n"
	   DONE
	   ".globl self_ipi_handler\nself_ipi_handler:\n"
	   "inc %ebx\n"
	   "mov 0x120(%rbp), %r10d\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(self_ipi_handler);

TEST_F(lapic, self_ipi_is_delivered_once)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, self_ipi);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(self_ipi, self_ipi_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, (__u32)regs.rbx);
	/* Requested before it could be delivered. */
	EXPECT_EQ(0x10000, (__u32)regs.r8);
	EXPECT_EQ(0, (__u32)regs.r9);
	/* In service while it was handled: bit 16 of vectors 0x40 to 0x5f. */
	EXPECT_EQ(0x10000, (__u32)regs.r10);
}

/* As a debugger steps a guest whose timer goes on meanwhile. */
TEST_F(lapic, user_space_blocks_interrupts)
{
	struct kvm_guest_debug debug = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_BLOCKIRQ };
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	if (!on_slat() && !(_ioctl(guest->vm, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2) &
			    KVM_GUESTDBG_BLOCKIRQ))
		SKIP(return, "this KVM does not block interrupts");
	guest_load(guest, self_ipi);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(self_ipi, self_ipi_handler), 14, 0);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_GUEST_DEBUG, &debug));
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, (__u32)regs.rbx);
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x50));
	/* From its beginning, as nothing had been. */
	debug.control = 0;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_GUEST_DEBUG, &debug));
	irq_guest_start(_metadata, guest);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, (__u32)regs.rbx);
}

GUEST_CODE(halt, 64,
	   APIC_PAGE_IN_RBP
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0xb, 0x3e0(%rbp)\n"
	   "movl $0x50, 0x320(%rbp)\n"
	   "movl $10000, 0x380(%rbp)\n"
	   "sti\n"
	   "hlt\n"
	   "cli\n"
	   "mov 0x390(%rbp), %r8d\n"
	   DONE
	   ".globl halt_handler\nhalt_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(halt_handler);

TEST_F(lapic, one_shot_timer_ends_hlt)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, halt);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(halt, halt_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, (__u32)regs.rbx);
	EXPECT_EQ(0, (__u32)regs.r8);
}

GUEST_CODE(periodic, 64,
	   APIC_PAGE_IN_RBP
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0xb, 0x3e0(%rbp)\n"
	   "movl $0x20050, 0x320(%rbp)\n"
	   "movl $300000, 0x380(%rbp)\n"
	   "1: sti\n"
	   "hlt\n"
	   "cli\n"
	   "cmp $3, %ebx\n"
	   "jb 1b\n"
	   "movl $0, 0x380(%rbp)\n"
	   DONE
	   ".globl periodic_handler\nperiodic_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(periodic_handler);

TEST_F(lapic, periodic_timer_goes_on)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, periodic);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(periodic, periodic_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	/* And whatever came meanwhile. */
	EXPECT_LE(3, (__u32)regs.rbx);
}

GUEST_CODE(deadline, 64,
	   APIC_PAGE_IN_RBP
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0x40050, 0x320(%rbp)\n"
	   "rdtsc\n"
	   "add $100000, %eax\n"
	   "adc $0, %edx\n"
	   "mov $0x6e0, %ecx\n"
	   "mov %eax, %esi\n"
	   "mov %edx, %edi\n"
	   "wrmsr\n"
	   "sti\n"
	   "hlt\n"
	   "cli\n"
	   "rdtsc\n"
	   "shl $32, %rdx\n"
	   "or %rdx, %rax\n"
	   "shl $32, %rdi\n"
	   "or %rdi, %rsi\n"
	   "mov %rax, %r8\n"
	   "mov $0x6e0, %ecx\n"
	   "rdmsr\n"
	   "mov %rax, %r9\n"
	   DONE
	   ".globl deadline_handler\ndeadline_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(deadline_handler);

TEST_F(lapic, deadline_is_not_early)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	if (_ioctl(guest->vm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) != 1)
		SKIP(return, "no TSC deadline timer");
	guest_load(guest, deadline);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(deadline, deadline_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, (__u32)regs.rbx);
	EXPECT_LE(regs.rsi, regs.r8);
	EXPECT_EQ(0, regs.r9);
}

/* A deadline that is over is 0, whoever asks. */
TEST_F(lapic, deadline_ends_while_the_guest_does_not_run)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;

	if (!on_slat())
		SKIP(return, "KVM waits for the next KVM_RUN");
	get_lapic(_metadata, guest->fd, &state);
	lapic_set_reg(&state, APIC_SVR, 0x1ff);
	lapic_set_reg(&state, APIC_LVTT, 0x40050);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_LAPIC, &state));
	ASSERT_EQ(1, _set_msr(guest, 0x6e0, 1));
	/* Ends, or by the harness's timeout. */
	while (get_msr(_metadata, guest, 0x6e0))
		sched_yield();
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x50));
}

/* Sets a deadline and leaves by a port; counts what comes, now and later. */
GUEST_CODE(spinning, 64,
	   APIC_PAGE_IN_RBP
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0x40050, 0x320(%rbp)\n"
	   "rdtsc\n"
	   "add $100000, %eax\n"
	   "adc $0, %edx\n"
	   "mov $0x6e0, %ecx\n"
	   "wrmsr\n"
	   DONE
	   "sti\n"
	   "1: test %ebx, %ebx\n"
	   "jz 1b\n"
	   "cli\n"
	   DONE
	   "sti\n"
	   "nop\n"
	   "cli\n"
	   DONE
	   ".globl spinning_handler\nspinning_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(spinning_handler);

static void run_spinning(struct __test_metadata *_metadata, struct guest *guest, bool late)
{
	struct kvm_regs regs;
	__u64 begin;

	if (_ioctl(guest->vm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) != 1)
		SKIP(return, "no TSC deadline timer");
	guest_load(guest, spinning);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(spinning, spinning_handler), 14, 0);
	irq_run_done(_metadata, guest);
	begin = __rdtsc();
	while (late && __rdtsc() - begin < 200000)
		;
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, (__u32)regs.rbx);
	EXPECT_EQ(0, get_msr(_metadata, guest, 0x6e0));
	/* Nothing of it is left. */
	begin = __rdtsc();
	while (__rdtsc() - begin < 200000)
		;
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, (__u32)regs.rbx);
}

TEST_F(lapic, deadline_ends_a_stay_in_the_guest)
{
	run_spinning(_metadata, &self->guest, false);
}

TEST_F(lapic, deadline_passes_in_user_space)
{
	run_spinning(_metadata, &self->guest, true);
}

/* Eight deadlines, for each of which it spins.  R8: by how much the best was missed. */
GUEST_CODE(punctual, 64,
	   APIC_PAGE_IN_RBP
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0x40050, 0x320(%rbp)\n"
	   "mov $0x6e0, %ecx\n"
	   "mov $8, %ebx\n"
	   "or $-1, %r8\n"
	   "2: rdtsc\n"
	   "add $20000, %eax\n"
	   "adc $0, %edx\n"
	   "mov %rdx, %rsi\n"
	   "shl $32, %rsi\n"
	   "or %rax, %rsi\n"
	   "wrmsr\n"
	   "sti\n"
	   "1: jmp 1b\n"
	   ".globl punctual_handler\npunctual_handler:\n"
	   "rdtsc\n"
	   "shl $32, %rdx\n"
	   "or %rdx, %rax\n"
	   "sub %rsi, %rax\n"
	   "cmp %r8, %rax\n"
	   "cmovb %rax, %r8\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "dec %ebx\n"
	   "jnz 2b\n"
	   DONE);
GUEST_LABEL(punctual_handler);

/* Neither is it the bound of all stays that ends these. */
TEST_F(lapic, deadline_is_not_late)
{
	struct guest *guest = &self->guest;
	struct slat_info info = { };
	struct kvm_regs regs;
	__u64 bound;

	if (!on_slat())
		SKIP(return, "KVM's own affair");
	ASSERT_EQ(0, _ioctl_ptr(guest->dev, SLAT_GET_INFO, &info));
	if (!(info.hw_caps & SLAT_HW_PREEMPTION_TIMER) || !info.max_residency_us)
		SKIP(return, "stays are not bounded");
	bound = (__u64)_ioctl(guest->fd, KVM_GET_TSC_KHZ, 0) * info.max_residency_us / 1000;
	guest_load(guest, punctual);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(punctual, punctual_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_GT(bound / 2, regs.r8);
}

/* 20,000 turns when its deadline is over. */
GUEST_CODE(goes_on, 64,
	   APIC_PAGE_IN_RBP
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0x40050, 0x320(%rbp)\n"
	   "mov $1, %eax\n"
	   "xor %edx, %edx\n"
	   "mov $0x6e0, %ecx\n"
	   "wrmsr\n"
	   "sti\n"
	   "mov $20000, %ecx\n"
	   "1: dec %ecx\n"
	   "jnz 1b\n"
	   DONE);

/* What is over ends no stay, even if nobody wants its interrupt. */
TEST_F(lapic, deadline_is_over_while_interrupts_are_blocked)
{
	struct kvm_guest_debug debug = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_BLOCKIRQ };
	struct guest *guest = &self->guest;
	int stats;

	if (!on_slat())
		SKIP(return, "KVM does not count all exits");
	guest_load(guest, goes_on);
	irq_guest_start(_metadata, guest);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_GUEST_DEBUG, &debug));
	stats = stats_open(_metadata, guest, true);
	irq_run_done(_metadata, guest);
	EXPECT_GT(200, stat_value(_metadata, stats, "exits"));
	/* The host's timer may come after all these turns; the harness waits no longer. */
	while (!lapic_requested(_metadata, guest->fd, 0x50))
		sched_yield();
	close(stats);
}

/*
 * The timer of an APIC that software has disabled goes on, and nobody hears of
 * it, not even afterwards.
 */
GUEST_CODE(off, 64,
	   APIC_PAGE_IN_RBP
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0xb, 0x3e0(%rbp)\n"
	   "movl $0x20050, 0x320(%rbp)\n"
	   "movl $0xff, 0xf0(%rbp)\n"
	   "movl $0x20050, 0x320(%rbp)\n"	/* stays masked */
	   "mov 0x320(%rbp), %r8d\n"
	   "movl $300000, 0x380(%rbp)\n"
	   "sti\n"
	   "or $-1, %eax\n"
	   "1: mov %eax, %edx\n"
	   "mov 0x390(%rbp), %eax\n"
	   "cmp %edx, %eax\n"
	   "jbe 1b\n"				/* until it has begun again */
	   "cli\n"
	   "movl $0, 0x380(%rbp)\n"
	   "mov 0x220(%rbp), %r9d\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0x50, 0x320(%rbp)\n"
	   "sti\n"
	   "nop\n"
	   "cli\n"
	   DONE
	   ".globl off_handler\noff_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(off_handler);

TEST_F(lapic, timer_of_an_apic_that_software_disables)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, off);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(off, off_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x30050, (__u32)regs.r8);
	EXPECT_EQ(0, (__u32)regs.r9);
	EXPECT_EQ(0, (__u32)regs.rbx);
}

/* The same of one that is not there at all. */
GUEST_CODE(absent, 64,
	   "xor %ebx, %ebx\n"
	   "sti\n"
	   "nop\n"
	   "cli\n"
	   "mov $0x1b, %ecx\n"
	   "xor %edx, %edx\n"
	   "mov $0xfee00900, %eax\n"
	   "wrmsr\n"
	   "sti\n"
	   "nop\n"
	   "cli\n"
	   DONE
	   ".globl absent_handler\nabsent_handler:\n"
	   "inc %ebx\n"
	   "iretq\n");
GUEST_LABEL(absent_handler);

TEST_F(lapic, timer_of_an_apic_that_is_disabled)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (!on_slat())
		SKIP(return, "KVM keeps the interrupt until the APIC is enabled");
	guest_load(guest, absent);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(absent, absent_handler), 14, 0);
	get_sregs(_metadata, guest, &sregs);
	sregs.apic_base = 0xfee00100;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs));
	get_lapic(_metadata, guest->fd, &state);
	lapic_set_reg(&state, APIC_SVR, 0x1ff);
	lapic_set_reg(&state, APIC_LVTT, 0x50);
	lapic_set_reg(&state, APIC_TDCR, 0xb);
	lapic_set_reg(&state, APIC_TMICT, 10000);
	lapic_set_reg(&state, APIC_TMCCT, 10000);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_LAPIC, &state));
	/* Ends, or by the harness's timeout. */
	do {
		get_lapic(_metadata, guest->fd, &state);
	} while (lapic_reg(&state, APIC_TMCCT));
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, (__u32)regs.rbx);
	EXPECT_FALSE(lapic_requested(_metadata, guest->fd, 0x50));
}

/* A guest that is told of neither x2APIC mode nor TSC deadlines has none. */
GUEST_CODE(untold, 64,
	   "xor %ebx, %ebx\n"
	   "xor %esi, %esi\n"
	   "mov $0x1b, %ecx\n"
	   "xor %edx, %edx\n"
	   "mov $0xfee00d00, %eax\n"
	   "wrmsr\n"
	   "mov %ebx, %r8d\n"
	   "mov $0x80f, %ecx\n"
	   "rdmsr\n"
	   "mov %ebx, %r9d\n"
	   "mov $0x6e0, %ecx\n"
	   "rdmsr\n"
	   "wrmsr\n"
	   DONE
	   ".globl untold_fault\nuntold_fault:\n"
	   "inc %ebx\n"
	   "add $8, %rsp\n"
	   "addq $2, (%rsp)\n"			/* RDMSR, WRMSR */
	   "iretq\n");
GUEST_LABEL(untold_fault);

TEST_F(lapic, modes_that_the_guest_is_not_told_of)
{
	struct cpuid_table *cpuid = malloc(sizeof(*cpuid));
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	ASSERT_NE(NULL, cpuid);
	ASSERT_EQ(0, _supported_cpuid(guest->dev, cpuid));
	cpuid_find(cpuid, 1, 0)->ecx &= ~(1u << 21 | 1u << 24);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_CPUID2, cpuid));
	free(cpuid);
	guest_load(guest, untold);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 13, guest_label(untold, untold_fault), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, (__u32)regs.r8);
	EXPECT_EQ(2, (__u32)regs.r9);
	/* KVM has deadlines for all. */
	EXPECT_EQ(on_slat() ? 4 : 2, (__u32)regs.rbx);
	/* What user space may save and restore does not depend on it. */
	EXPECT_EQ(0, get_msr(_metadata, guest, 0x6e0));
	EXPECT_EQ(1, _set_msr(guest, 0x6e0, 0));
	EXPECT_EQ(0, _set_msr(guest, 0x1b, 0xfee00d00));
	get_sregs(_metadata, guest, &sregs);
	EXPECT_EQ(0xfee00900, sregs.apic_base);
	sregs.apic_base = 0xfee00d00;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs));
}

GUEST_CODE(priority, 64,
	   APIC_PAGE_IN_RBP
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "mov $6, %eax\n"
	   "mov %rax, %cr8\n"
	   "mov 0x80(%rbp), %r8d\n"
	   "movl $0x40050, 0x300(%rbp)\n"
	   "sti\n"
	   "nop\n"
	   "nop\n"
	   "mov %ebx, %r9d\n"			/* held back by the task priority */
	   "mov $4, %eax\n"
	   "mov %rax, %cr8\n"
	   "nop\n"
	   "cli\n"
	   "mov %cr8, %r10\n"
	   DONE
	   ".globl priority_handler\npriority_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(priority_handler);

TEST_F(lapic, task_priority_holds_back)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, priority);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(priority, priority_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x60, (__u32)regs.r8);
	EXPECT_EQ(0, (__u32)regs.r9);
	EXPECT_EQ(1, (__u32)regs.rbx);
	EXPECT_EQ(4, regs.r10);
	EXPECT_EQ(4, guest->run->cr8);
}

GUEST_CODE(one_priority, 64,
	   APIC_PAGE_IN_RBP
	   "mov %cr8, %r8\n"
	   "movl $0x53, 0x80(%rbp)\n"
	   "mov %cr8, %r9\n"
	   "mov $3, %eax\n"
	   "mov %rax, %cr8\n"
	   "mov 0x80(%rbp), %r10d\n"
	   "movl $0xf7, 0x80(%rbp)\n"
	   "mov %cr8, %r11\n"
	   "mov %r11, %cr8\n"
	   DONE);

/* However it is written, and read. */
TEST_F(lapic, task_priority_is_cr8)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct kvm_regs regs;

	guest_load(guest, one_priority);
	irq_guest_start(_metadata, guest);
	get_lapic(_metadata, guest->fd, &state);
	lapic_set_reg(&state, APIC_TPR, 0x90);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_LAPIC, &state));
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(9, regs.r8);
	EXPECT_EQ(5, regs.r9);
	EXPECT_EQ(0x30, (__u32)regs.r10);
	EXPECT_EQ(15, regs.r11);
	EXPECT_EQ(15, guest->run->cr8);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0xf0, lapic_reg(&state, APIC_TPR) & 0xf0);
}

GUEST_CODE(uses_tpr, 64,
	   APIC_PAGE_IN_RBP
	   ".globl writes_tpr\nwrites_tpr: movl $0x30, 0x80(%rbp)\n"
	   ".globl reads_tpr\nreads_tpr: mov 0x80(%rbp), %r8d\n"
	   DONE
	   "movl $0x40, 0x80(%rbp)\n"
	   DONE);
GUEST_LABEL(writes_tpr);
GUEST_LABEL(reads_tpr);

static int _report_tpr(struct guest *guest, __u32 enabled, __u32 flags)
{
	struct kvm_tpr_access_ctl control = { .enabled = enabled, .flags = flags };

	return _ioctl_ptr(guest->fd, KVM_TPR_ACCESS_REPORTING, &control);
}

/* User space may want to replace the instructions. */
TEST_F(lapic, uses_of_the_task_priority_are_reported)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ASSERT_EQ(1, _ioctl(guest->vm, KVM_CHECK_EXTENSION, KVM_CAP_VAPIC));
	EXPECT_EQ(-EINVAL, _report_tpr(guest, 1, 1));
	EXPECT_EQ(-EFAULT, _ioctl(guest->fd, KVM_TPR_ACCESS_REPORTING, 8));
	ASSERT_EQ(0, _report_tpr(guest, 1, 0));
	guest_load(guest, uses_tpr);
	irq_guest_start(_metadata, guest);
	guest_run(_metadata, guest, KVM_EXIT_TPR_ACCESS);
	EXPECT_EQ(1, guest->run->tpr_access.is_write);
	EXPECT_EQ(guest_label(uses_tpr, writes_tpr), guest->run->tpr_access.rip);
	/* It has been done. */
	EXPECT_EQ(3, guest->run->cr8);
	guest_run(_metadata, guest, KVM_EXIT_TPR_ACCESS);
	EXPECT_EQ(0, guest->run->tpr_access.is_write);
	EXPECT_EQ(guest_label(uses_tpr, reads_tpr), guest->run->tpr_access.rip);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x30, (__u32)regs.r8);
	ASSERT_EQ(0, _report_tpr(guest, 0, 0));
	irq_run_done(_metadata, guest);
}

#define VAPIC_WORD	0x30100

GUEST_CODE(virtual_apic, 64,
	   "mov 0x30100, %r8d\n"
	   DONE
	   "movb $0x50, 0x30100\n"
	   DONE
	   "mov $6, %eax\n"
	   "mov %rax, %cr8\n"
	   DONE
	   "mov 0x30100, %r9d\n"
	   DONE);

static int _set_vapic(struct guest *guest, __u64 address)
{
	struct kvm_vapic_addr vapic = { .vapic_addr = address };

	return _ioctl_ptr(guest->fd, KVM_SET_VAPIC_ADDR, &vapic);
}

static __u32 tpr_of(struct __test_metadata *_metadata, struct guest *guest)
{
	struct kvm_lapic_state state;

	EXPECT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_LAPIC, &state));
	return lapic_reg(&state, APIC_TPR);
}

TEST_F(lapic, task_priority_in_memory)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct kvm_regs regs;

	lapic_enable(_metadata, guest->fd);
	get_lapic(_metadata, guest->fd, &state);
	lapic_set_reg(&state, APIC_TPR, 0x90);
	lapic_set_reg(&state, APIC_ISR + 4 * 16, 1 << 5);	/* 0x85 */
	lapic_set_reg(&state, APIC_IRR + 2 * 16, 1 << 7);	/* 0x47 */
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_LAPIC, &state));
	ASSERT_EQ(0, _set_vapic(guest, VAPIC_WORD));
	guest_load(guest, virtual_apic);
	irq_guest_start(_metadata, guest);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x47008090, (__u32)regs.r8);
	irq_run_done(_metadata, guest);
	EXPECT_EQ(0x50, tpr_of(_metadata, guest));
	if (on_slat()) {
		/* KVM believes the word. */
		irq_run_done(_metadata, guest);
		EXPECT_EQ(0x60, tpr_of(_metadata, guest));
		irq_run_done(_metadata, guest);
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(0x60, regs.r9 & 0xff);
	}
	ASSERT_EQ(0, _set_vapic(guest, 0));
	guest_u8(guest, VAPIC_WORD) = 0x70;
	guest_load(guest, virtual_apic);
	irq_guest_start(_metadata, guest);
	irq_run_done(_metadata, guest);
	EXPECT_NE(0x70, tpr_of(_metadata, guest));
}

TEST_F(lapic, task_priority_in_no_memory)
{
	struct guest *guest = &self->guest;
	struct guest other;

	EXPECT_EQ(-EFAULT, _ioctl(guest->fd, KVM_SET_VAPIC_ADDR, 8));
	EXPECT_EQ(-EINVAL, _set_vapic(guest, MEMORY));
	EXPECT_EQ(-EINVAL, _set_vapic(guest, MEMORY - 2));
	EXPECT_EQ(-EINVAL, _set_vapic(guest, ~0ULL));
	/* It was there once. */
	ASSERT_EQ(0, _guest_set_memory(guest, 1, MEMORY, 0x1000, guest->mem, 0));
	ASSERT_EQ(0, _set_vapic(guest, MEMORY + 8));
	ASSERT_EQ(0, _guest_set_memory(guest, 1, 0, 0, NULL, 0));
	guest_load(guest, virtual_apic);
	irq_guest_start(_metadata, guest);
	irq_run_done(_metadata, guest);

	guest_create(_metadata, &other);
	EXPECT_EQ(-EINVAL, _set_vapic(&other, VAPIC_WORD));
	guest_destroy(&other);
}

GUEST_CODE(x2apic, 64,
	   "mov $0x1b, %ecx\n"
	   "rdmsr\n"
	   "or $0x400, %eax\n"
	   "wrmsr\n"
	   "mov $0x802, %ecx\n"
	   "rdmsr\n"
	   "mov %eax, %r8d\n"
	   "mov $0x80d, %ecx\n"
	   "rdmsr\n"
	   "mov %eax, %r9d\n"
	   "mov $0x80f, %ecx\n"
	   "mov $0x1ff, %eax\n"
	   "xor %edx, %edx\n"
	   "wrmsr\n"
	   "xor %ebx, %ebx\n"
	   "mov $0x83f, %ecx\n"
	   "mov $0x50, %eax\n"
	   "wrmsr\n"
	   "sti\n"
	   "nop\n"
	   "nop\n"
	   "cli\n"
	   DONE
	   "mov $0x80e, %ecx\n"			/* there is no such register */
	   "rdmsr\n"
	   DONE
	   ".globl x2apic_handler\nx2apic_handler:\n"
	   "inc %ebx\n"
	   "mov $0x80b, %ecx\n"
	   "xor %eax, %eax\n"
	   "xor %edx, %edx\n"
	   "wrmsr\n"
	   "iretq\n"
	   ".globl x2apic_fault\nx2apic_fault:\n"
	   "mov $0x6f, %ebx\n"
	   DONE);
GUEST_LABEL(x2apic_handler);
GUEST_LABEL(x2apic_fault);

TEST_F(lapic, x2apic_mode)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, x2apic);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(x2apic, x2apic_handler), 14, 0);
	guest_gate(guest, MODE_LONG, 13, guest_label(x2apic, x2apic_fault), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, (__u32)regs.r8);
	EXPECT_EQ(1, (__u32)regs.r9);
	EXPECT_EQ(1, (__u32)regs.rbx);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x6f, (__u32)regs.rbx);
}

TEST_F(lapic, state_survives_user_space)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state, again;

	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0, lapic_reg(&state, APIC_ID));
	EXPECT_EQ(0xff, lapic_reg(&state, APIC_SVR));
	EXPECT_EQ(0x700, lapic_reg(&state, APIC_LINT0));
	lapic_set_reg(&state, APIC_SVR, 0x1ff);
	lapic_set_reg(&state, APIC_TPR, 0x30);
	lapic_set_reg(&state, APIC_IRR + 0x20, 0x00010000);
	EXPECT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_LAPIC, &state));
	get_lapic(_metadata, guest->fd, &again);
	EXPECT_EQ(0x1ff, lapic_reg(&again, APIC_SVR));
	EXPECT_EQ(0x30, lapic_reg(&again, APIC_TPR));
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x50));
	EXPECT_EQ(-EFAULT, _ioctl(guest->fd, KVM_GET_LAPIC, 0));
	EXPECT_EQ(-EFAULT, _ioctl(guest->fd, KVM_SET_LAPIC, 0));
}

TEST_F(lapic, any_state_is_survived)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;

	memset(&state, 0xff, sizeof(state));
	_ioctl_ptr(guest->fd, KVM_SET_LAPIC, &state);
	guest_load(guest, self_ipi);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(self_ipi, self_ipi_handler), 14, 0);
	for (int i = 0x10; i < 0x100; i++)
		if (i != 0x50)
			guest_gate(guest, MODE_LONG, i,
				   guest_label(self_ipi, self_ipi_handler), 14, 0);
	irq_run_done(_metadata, guest);
}

TEST_F(lapic, apic_base_modes)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;

	get_sregs(_metadata, guest, &sregs);
	EXPECT_EQ(0xfee00900, sregs.apic_base);
	sregs.apic_base = 0xfee00500;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs));
	sregs.apic_base = 0xfee00d00;
	EXPECT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SREGS, &sregs));
	EXPECT_EQ(0xfee00d00, get_msr(_metadata, guest, 0x1b));
	EXPECT_EQ(0, get_msr(_metadata, guest, 0x802));
	EXPECT_EQ(1, get_msr(_metadata, guest, 0x80d));
}

/* The other vCPU: what it runs begins at the page that SIPI names, in real mode. */
GUEST_CODE(ap, 16,
	   "mov $0x1234, %ax\n"
	   "cs mov %ax, 0x800\n"
	   "out %al, $0x99\n");

GUEST_CODE(wake_ap, 64,
	   APIC_PAGE_IN_RBP
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0x01000000, 0x310(%rbp)\n"
	   "movl $0x4500, 0x300(%rbp)\n"
	   "movl $0x4620, 0x300(%rbp)\n"	/* starts at 0x20000 */
	   DONE);

static void *run_ap(void *arg)
{
	struct irq_vcpu *ap = arg;
	int ret;

	do {
		ret = _ioctl(ap->fd, KVM_RUN, 0);
	} while (ret == -EINTR || ret == -EAGAIN);
	return (void *)(long)ret;
}

TEST_F(lapic, init_and_sipi_start_another_cpu)
{
	struct guest *guest = &self->guest;
	struct irq_vcpu other;
	pthread_t thread;
	void *ret;

	other.fd = irq_vcpu_create(_metadata, guest, 1, &other.run);
	EXPECT_EQ(KVM_MP_STATE_UNINITIALIZED, _get_mp_state(other.fd));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, _get_mp_state(guest->fd));
	guest_load_at(guest, 0x20000, ap, ap_end);
	guest_load(guest, wake_ap);
	irq_guest_start(_metadata, guest);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_ap, &other));
	irq_run_done(_metadata, guest);
	pthread_join(thread, &ret);
	EXPECT_EQ(0, (long)ret);
	EXPECT_EQ(KVM_EXIT_IO, other.run->exit_reason);
	EXPECT_EQ(0x1234, guest_u16(guest, 0x20800));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, _get_mp_state(other.fd));
	munmap(other.run, guest->run_size);
	close(other.fd);
}

TEST_F(lapic, user_space_starts_another_cpu)
{
	struct kvm_vcpu_events events = {
		.flags = KVM_VCPUEVENT_VALID_SIPI_VECTOR, .sipi_vector = 0x20,
	};
	struct guest *guest = &self->guest;
	struct irq_vcpu other;

	other.fd = irq_vcpu_create(_metadata, guest, 1, &other.run);
	guest_load_at(guest, 0x20000, ap, ap_end);
	EXPECT_EQ(0, _ioctl_ptr(other.fd, KVM_SET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, _set_mp_state(other.fd, KVM_MP_STATE_SIPI_RECEIVED));
	EXPECT_EQ(0, (long)run_ap(&other));
	EXPECT_EQ(KVM_EXIT_IO, other.run->exit_reason);
	EXPECT_EQ(0x1234, guest_u16(guest, 0x20800));
	munmap(other.run, guest->run_size);
	close(other.fd);
}

TEST_F(lapic, mp_states)
{
	struct guest *guest = &self->guest;

	for (int state = 0; state <= KVM_MP_STATE_HALTED; state++) {
		EXPECT_EQ(0, _set_mp_state(guest->fd, state));
		EXPECT_EQ(state, _get_mp_state(guest->fd));
	}
	EXPECT_EQ(-EINVAL, _set_mp_state(guest->fd, KVM_MP_STATE_STOPPED));
	EXPECT_EQ(-EINVAL, _set_mp_state(guest->fd, ~0U));
	EXPECT_EQ(-EFAULT, _ioctl(guest->fd, KVM_SET_MP_STATE, 0));
}

/* HLT with interrupts closed: nothing but a signal ends it, and NMI. */
GUEST_CODE(halt_for_ever, 64,
	   "cli\n"
	   "hlt\n"
	   DONE
	   ".globl halt_for_ever_nmi\nhalt_for_ever_nmi:\n"
	   "mov $0x77, %ebx\n"
	   "iretq\n");
GUEST_LABEL(halt_for_ever_nmi);

static void no_op(int signal)
{
}

struct sleeper {
	pthread_t thread;
	struct guest *guest;
	int ret;
};

static void *run_once(void *arg)
{
	struct sleeper *sleeper = arg;

	__atomic_store_n(&sleeper->ret, _guest_run(sleeper->guest), __ATOMIC_RELEASE);
	return NULL;
}

TEST_F(lapic, a_signal_ends_hlt)
{
	struct sleeper sleeper = { .guest = &self->guest };
	struct sigaction action = { .sa_handler = no_op };

	sigaction(SIGUSR1, &action, NULL);
	guest_load(&self->guest, halt_for_ever);
	irq_guest_start(_metadata, &self->guest);
	ASSERT_EQ(0, pthread_create(&sleeper.thread, NULL, run_once, &sleeper));
	/* Whenever it comes: KVM_RUN does not begin before it has looked at this. */
	self->guest.run->immediate_exit = 1;
	pthread_kill(sleeper.thread, SIGUSR1);
	pthread_join(sleeper.thread, NULL);
	EXPECT_EQ(-EINTR, sleeper.ret);
	self->guest.run->immediate_exit = 0;
}

/* One that comes before HLT does not end it: they come until one does. */
TEST_F(lapic, an_nmi_ends_hlt)
{
	struct sleeper sleeper = { .guest = &self->guest, .ret = 1 };
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, halt_for_ever);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 2, guest_label(halt_for_ever, halt_for_ever_nmi), 14,
		   0);
	lapic_enable(_metadata, guest->fd);
	ASSERT_EQ(0, pthread_create(&sleeper.thread, NULL, run_once, &sleeper));
	do {
		/* As an MSI: delivery mode NMI. */
		EXPECT_EQ(1, _signal_msi(guest, APIC_DEFAULT, 0x400));
		sched_yield();
	} while (__atomic_load_n(&sleeper.ret, __ATOMIC_ACQUIRE) > 0);
	pthread_join(sleeper.thread, NULL);
	EXPECT_EQ(0, sleeper.ret);
	EXPECT_EQ(KVM_EXIT_IO, guest->run->exit_reason);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x77, (__u32)regs.rbx);
}

TEST_F(lapic, user_space_has_no_interrupts)
{
	struct kvm_interrupt interrupt = { .irq = 0x50 };

	EXPECT_EQ(-ENXIO, _ioctl_ptr(self->guest.fd, KVM_INTERRUPT, &interrupt));
}

TEST(without_a_local_apic)
{
	struct kvm_lapic_state state = { };
	struct guest guest;

	guest_create(_metadata, &guest);
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest.fd, KVM_GET_LAPIC, &state));
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest.fd, KVM_SET_LAPIC, &state));
	EXPECT_EQ(-EINVAL, _set_mp_state(guest.fd, KVM_MP_STATE_HALTED));
	guest_destroy(&guest);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
