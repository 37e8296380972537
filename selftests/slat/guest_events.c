// SPDX-License-Identifier: GPL-2.0-only
/*
 * What reaches a guest through its IDT: exceptions, NMIs, interrupts, and what
 * becomes of them when something comes in between.
 */
#include "guest.h"

FIXTURE(guest) {
	struct guest guest;
};

FIXTURE_SETUP(guest)
{
	guest_create(_metadata, &self->guest);
}

FIXTURE_TEARDOWN(guest)
{
	guest_destroy(&self->guest);
}

/*
 * Handlers that count in a register each and go on after the instruction that
 * raised the exception, whose length they are told in %rbp.
 */
#define HANDLERS						\
	"on_de: inc %r8\n add %rbp, (%rsp)\n iretq\n"		\
	"on_ud: inc %r9\n add %rbp, (%rsp)\n iretq\n"		\
	"on_gp: inc %r10\n pop %r11\n add %rbp, (%rsp)\n iretq\n" \
	"on_pf: inc %r12\n pop %r13\n mov %cr2, %r14\n add %rbp, (%rsp)\n iretq\n"

GUEST_LABEL(on_de);
GUEST_LABEL(on_ud);
GUEST_LABEL(on_gp);
GUEST_LABEL(on_pf);
GUEST_CODE(exceptions, 64,
	   "xor %r8, %r8\n xor %r9, %r9\n xor %r10, %r10\n xor %r12, %r12\n"
	   "mov $2, %ebp\n xor %ecx, %ecx\n"
	   "div %ecx\n"
	   "ud2\n"
	   "mov $2, %ebp\n mov $0x12345, %ecx\n"
	   "rdmsr\n"			/* there is none: #GP */
	   "mov $8, %ebp\n"
	   "movb $1, 0x7f000000\n"
	   "hlt\n"
	   HANDLERS);

TEST_F(guest, exceptions_reach_their_handlers)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, exceptions);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_u64(guest, TABLES + 0x2000 + 0x3f8 * 8) = 0;	/* 0x7f000000 */
	guest_gate(guest, MODE_LONG, 0, guest_label(exceptions, on_de), 14, 0);
	guest_gate(guest, MODE_LONG, 6, guest_label(exceptions, on_ud), 14, 0);
	guest_gate(guest, MODE_LONG, 13, guest_label(exceptions, on_gp), 14, 0);
	guest_gate(guest, MODE_LONG, 14, guest_label(exceptions, on_pf), 14, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, regs.r8);
	EXPECT_EQ(1, regs.r9);
	EXPECT_EQ(1, regs.r10);
	EXPECT_EQ(0, regs.r11);
	EXPECT_EQ(1, regs.r12);
	EXPECT_EQ(2, regs.r13);			/* a write, not present */
	EXPECT_EQ(0x7f000000, regs.r14);
}

GUEST_LABEL(on_int_real);
GUEST_CODE(real_int, 16,
	   "xor %ax, %ax\n"
	   "int $0x40\n"
	   "mov $0x77, %cx\n"
	   "hlt\n"
	   "on_int_real: mov $0x1234, %ax\n iret\n");

TEST_F(guest, software_interrupt_in_real_mode)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, real_int);
	guest_mode(_metadata, guest, MODE_REAL);
	guest_gate(guest, MODE_REAL, 0x40, guest_label(real_int, on_int_real), 0, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x1234, regs.rax);
	EXPECT_EQ(0x77, regs.rcx);
}

/* An exit in the middle of the delivery: the guest's IDT is not mapped yet. */
GUEST_LABEL(on_int_far);
GUEST_CODE(int_far, 64,
	   "xor %eax, %eax\n"
	   "int $0x40\n"
	   "int3\n"
	   "hlt\n"
	   "on_int_far: inc %eax\n iretq\n");

TEST_F(guest, delivery_goes_on_after_a_fault_of_the_host)
{
	struct guest *guest = &self->guest;
	__u8 *far = mmap(NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	ASSERT_NE(MAP_FAILED, far);
	guest_load(guest, int_far);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 0x40, guest_label(int_far, on_int_far), 14, 0);
	guest_gate(guest, MODE_LONG, 3, guest_label(int_far, on_int_far), 14, 0);
	memcpy(far, guest->mem + IDT, 0x1000);
	ASSERT_EQ(0, _guest_set_memory(guest, 1, 0x800000, 0x4000, far, 0));
	get_sregs(_metadata, guest, &sregs);
	sregs.idt.base = 0x800000;
	set_sregs(_metadata, guest, &sregs);
	/* And a stack that has never been touched. */
	get_regs(_metadata, guest, &regs);
	regs.rsp = 0x803000;
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(2, regs.rax);
	EXPECT_EQ(0x803000, regs.rsp);
}

/* A fault while a fault is delivered. */
GUEST_LABEL(on_df);
GUEST_CODE(double_fault, 64,
	   "mov $0, %ecx\n"
	   "rdmsr_bad: mov $0x12345, %ecx\n"
	   "rdmsr\n"
	   "hlt\n"
	   "on_df: pop %rbx\n mov $0xdf, %eax\n hlt\n");

TEST_F(guest, fault_without_a_gate_is_a_double_fault)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, double_fault);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 8, guest_label(double_fault, on_df), 14, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0xdf, regs.rax);
	EXPECT_EQ(0, regs.rbx);
}

GUEST_CODE(triple_fault, 64, "ud2\n");

TEST_F(guest, fault_without_any_gate_is_a_shutdown)
{
	guest_load(&self->guest, triple_fault);
	guest_mode(_metadata, &self->guest, MODE_LONG);
	guest_run(_metadata, &self->guest, KVM_EXIT_SHUTDOWN);
}

GUEST_LABEL(on_irq);
GUEST_CODE(irq_wait, 64,
	   "xor %eax, %eax\n"
	   "sti\n"
	   "hlt\n"
	   "mov $0x22, %ecx\n"
	   "cli\n"
	   "hlt\n"
	   "on_irq: inc %eax\n iretq\n");

TEST_F(guest, interrupt_wakes_a_halted_guest)
{
	struct kvm_interrupt interrupt = { .irq = 0x20 };
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, irq_wait);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 0x20, guest_label(irq_wait, on_irq), 14, 0);
	guest_run_hlt(_metadata, guest);
	EXPECT_EQ(1, guest->run->if_flag);
	EXPECT_EQ(1, guest->run->ready_for_interrupt_injection);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_INTERRUPT, &interrupt));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, regs.rax);
	EXPECT_EQ(0x22, regs.rcx);
	EXPECT_EQ(0, guest->run->if_flag);
}

/* Interrupts are off: user space asks to be told when they are on. */
GUEST_LABEL(on_late_irq);
GUEST_CODE(irq_late, 64,
	   "xor %eax, %eax\n"
	   "xor %ebx, %ebx\n"
	   "mov %al, %al\n"
	   "out %al, $0x10\n"
	   "inc %ebx\n"
	   "sti\n"
	   "nop\n"			/* STI blocks for one instruction */
	   "inc %ebx\n"
	   "cli\n"
	   "hlt\n"
	   "on_late_irq: mov %ebx, %eax\n add $0x100, %eax\n iretq\n");

TEST_F(guest, interrupt_window)
{
	struct kvm_interrupt interrupt = { .irq = 0x21 };
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, irq_late);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 0x21, guest_label(irq_late, on_late_irq), 14, 0);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(0, guest->run->ready_for_interrupt_injection);
	guest->run->request_interrupt_window = 1;
	guest_run(_metadata, guest, KVM_EXIT_IRQ_WINDOW_OPEN);
	EXPECT_EQ(1, guest->run->ready_for_interrupt_injection);
	guest->run->request_interrupt_window = 0;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_INTERRUPT, &interrupt));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x101, regs.rax);
	EXPECT_EQ(2, regs.rbx);
}

/* One that is asked for too early waits by itself. */
TEST_F(guest, interrupt_waits_for_sti)
{
	struct kvm_interrupt interrupt = { .irq = 0x21 };
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	/* KVM tries to deliver it at once, and fails to enter. */
	if (!on_slat())
		SKIP(return, "only on " SLAT_DEVICE);
	guest_load(guest, irq_late);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 0x21, guest_label(irq_late, on_late_irq), 14, 0);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_INTERRUPT, &interrupt));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x101, regs.rax);
	EXPECT_EQ(2, regs.rbx);
}

GUEST_LABEL(on_nmi);
GUEST_CODE(nmis, 64,
	   "xor %eax, %eax\n"
	   "xor %ebx, %ebx\n"
	   "out %al, $0x10\n"		/* one is asked for here */
	   "mov %eax, %ecx\n"
	   "hlt\n"
	   "on_nmi: inc %eax\n"
	   "cmp $1, %eax\n"
	   "jne 1f\n"
	   "out %al, $0x11\n"		/* one more, while this one is in service */
	   "mov %eax, %ebx\n"
	   "1: iretq\n");

TEST_F(guest, nmis_do_not_nest)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, nmis);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 2, guest_label(nmis, on_nmi), 14, 0);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(0x10, guest->run->io.port);
	ASSERT_EQ(0, _ioctl(guest->fd, KVM_NMI, 0));
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(0x11, guest->run->io.port);
	ASSERT_EQ(0, _ioctl(guest->fd, KVM_NMI, 0));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(2, regs.rax);
	EXPECT_EQ(1, regs.rbx);		/* the second came after the first was done */
	EXPECT_EQ(2, regs.rcx);
}

/* Debug exceptions of the guest's own making. */
GUEST_LABEL(on_db);
GUEST_LABEL(watch_here);
GUEST_CODE(watch, 64,
	   "xor %ebx, %ebx\n"
	   "mov $0x30020, %eax\n"
	   "mov %rax, %dr0\n"
	   "mov $0x00010402, %eax\n"	/* DR0: a write of a byte */
	   "mov %rax, %dr7\n"
	   "movb $1, 0x30020\n"
	   "watch_here: xor %eax, %eax\n"
	   "mov %rax, %dr7\n"
	   "mov %dr7, %rcx\n"
	   "mov %dr0, %rdx\n"
	   "hlt\n"
	   "on_db: mov %dr6, %rsi\n mov (%rsp), %rdi\n inc %ebx\n iretq\n");

TEST_F(guest, watchpoint_of_the_guest)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	if (cpu_is_tcg())
		SKIP(return, "VMRUN arms no breakpoints there");
	guest_load(guest, watch);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 1, guest_label(watch, on_db), 14, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, regs.rbx);
	EXPECT_EQ(guest_label(watch, watch_here), regs.rdi);
	EXPECT_EQ(0xffff0ff1, regs.rsi);
	EXPECT_EQ(0x400, regs.rcx);
	EXPECT_EQ(0x30020, regs.rdx);
}

GUEST_LABEL(on_step);
GUEST_CODE(step_self, 64,
	   "xor %ebx, %ebx\n"
	   "pushfq\n"
	   "orq $0x100, (%rsp)\n"
	   "popfq\n"
	   "nop\n"			/* 1 */
	   "mov $0, %eax\n"		/* 2 */
	   "cpuid\n"			/* 3: an exit in between */
	   "pushfq\n"			/* 4 */
	   "andq $~0x100, (%rsp)\n"	/* 5 */
	   "popfq\n"			/* 6 */
	   "nop\n"
	   "hlt\n"
	   "on_step: inc %r15\n mov %dr6, %rsi\n iretq\n");

TEST_F(guest, single_step_by_the_guest)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, step_self);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 1, guest_label(step_self, on_step), 14, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(6, regs.r15);
	EXPECT_EQ(0xffff4ff0, regs.rsi);
}

/* Debugging by user space. */

GUEST_LABEL(stepped_2);
GUEST_LABEL(stepped_3);
GUEST_LABEL(stepped_4);
GUEST_CODE(stepped, 64,
	   "mov $1, %eax\n"
	   "stepped_2: cpuid\n"
	   "stepped_3: out %al, $0x10\n"
	   "stepped_4: hlt\n");

static void debug_set(struct __test_metadata *_metadata, struct guest *guest, __u32 control)
{
	struct kvm_guest_debug debug = { .control = control };

	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_GUEST_DEBUG, &debug));
}

TEST_F(guest, user_space_single_steps)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, stepped);
	guest_mode(_metadata, guest, MODE_LONG);
	debug_set(_metadata, guest, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP);
	guest_run(_metadata, guest, KVM_EXIT_DEBUG);
	/* Bochs, where a guest is entered with TF set; it has no monitor trap flag. */
	if (guest->run->debug.arch.pc == CODE)
		SKIP(return, "this CPU traps before the first instruction");
	EXPECT_EQ(guest_label(stepped, stepped_2), guest->run->debug.arch.pc);
	EXPECT_EQ(1, guest->run->debug.arch.exception);
	EXPECT_EQ(0x4000, guest->run->debug.arch.dr6 & 0x4000);
	guest_run(_metadata, guest, KVM_EXIT_DEBUG);
	EXPECT_EQ(guest_label(stepped, stepped_3), guest->run->debug.arch.pc);
	/* The guest does not see TF. */
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, regs.rflags & FLAGS_TF);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	debug_set(_metadata, guest, 0);
	guest_run_hlt(_metadata, guest);
}

TEST_F(guest, user_space_hardware_breakpoint)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
	};
	struct guest *guest = &self->guest;

	if (cpu_is_tcg())
		SKIP(return, "VMRUN arms no breakpoints there");
	guest_load(guest, stepped);
	guest_mode(_metadata, guest, MODE_LONG);
	debug.arch.debugreg[0] = guest_label(stepped, stepped_3);
	debug.arch.debugreg[7] = 0x402;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_GUEST_DEBUG, &debug));
	guest_run(_metadata, guest, KVM_EXIT_DEBUG);
	EXPECT_EQ(guest_label(stepped, stepped_3), guest->run->debug.arch.pc);
	EXPECT_EQ(1, guest->run->debug.arch.dr6 & 0xf);
	debug_set(_metadata, guest, 0);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	guest_run_hlt(_metadata, guest);
}

GUEST_LABEL(watched);
GUEST_CODE(uses_dr, 64,
	   "nop\n"
	   "watched: mov %dr0, %rax\n"
	   "hlt\n");

TEST_F(guest, user_space_watches_debug_registers)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg[7] = 0x2400,
	};
	struct guest *guest = &self->guest;

	if (cpu_is_tcg() && !on_slat())
		SKIP(return, "VMRUN arms no breakpoints there");
	guest_load(guest, uses_dr);
	guest_mode(_metadata, guest, MODE_LONG);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_GUEST_DEBUG, &debug));
	guest_run(_metadata, guest, KVM_EXIT_DEBUG);
	EXPECT_EQ(guest_label(uses_dr, watched), guest->run->debug.arch.pc);
	EXPECT_EQ(0xffff2ff0, guest->run->debug.arch.dr6);
	debug_set(_metadata, guest, 0);
	guest_run_hlt(_metadata, guest);
}

GUEST_LABEL(trapped);
GUEST_CODE(int3, 64,
	   "mov $5, %eax\n"
	   "trapped: int3\n"
	   "hlt\n");

TEST_F(guest, user_space_software_breakpoint)
{
	struct guest *guest = &self->guest;

	if (cpu_is_tcg())
		SKIP(return, "INT3 exits as INT n there");
	guest_load(guest, int3);
	guest_mode(_metadata, guest, MODE_LONG);
	debug_set(_metadata, guest, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP);
	guest_run(_metadata, guest, KVM_EXIT_DEBUG);
	EXPECT_EQ(guest_label(int3, trapped), guest->run->debug.arch.pc);
	EXPECT_EQ(3, guest->run->debug.arch.exception);
}

/* Events as user space sees and sets them. */

TEST_F(guest, vcpu_events_inject_an_exception)
{
	struct guest *guest = &self->guest;
	struct kvm_vcpu_events events;
	struct kvm_regs regs;

	guest_load(guest, double_fault);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 13, guest_label(double_fault, on_df), 14, 0);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, events.exception.injected);
	EXPECT_EQ(0, events.nmi.masked);
	events.exception.injected = 1;
	events.exception.nr = 13;
	events.exception.has_error_code = 1;
	events.exception.error_code = 0x5678;
	events.flags = 0;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0xdf, regs.rax);
	EXPECT_EQ(0x5678, regs.rbx);
}

TEST_F(guest, vcpu_events_mask_nmis)
{
	struct guest *guest = &self->guest;
	struct kvm_vcpu_events events;
	struct kvm_regs regs;

	guest_load(guest, nmis);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 2, guest_label(nmis, on_nmi), 14, 0);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	events.flags = 0;
	events.nmi.masked = 1;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_EQ(0, _ioctl(guest->fd, KVM_NMI, 0));
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(0x10, guest->run->io.port);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, regs.rax);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(1, events.nmi.masked);
	EXPECT_EQ(1, events.nmi.pending);
}

TEST_F(guest, vcpu_events_show_sti_shadow)
{
	struct guest *guest = &self->guest;
	struct kvm_vcpu_events events;

	guest_load(guest, irq_wait);
	guest_mode(_metadata, guest, MODE_LONG);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, events.interrupt.shadow);
	events.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	events.flags = KVM_VCPUEVENT_VALID_SHADOW;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(KVM_X86_SHADOW_INT_STI, events.interrupt.shadow);
	EXPECT_NE(0, events.flags & KVM_VCPUEVENT_VALID_SHADOW);
}

TEST_F(guest, vcpu_events_refuse_nonsense)
{
	struct kvm_vcpu_events events;
	int fd = self->guest.fd;

	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_VCPU_EVENTS, &events));
	events.flags = ~0;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(fd, KVM_SET_VCPU_EVENTS, &events));
	events.flags = 0;
	events.exception.injected = 1;
	events.exception.nr = 32;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(fd, KVM_SET_VCPU_EVENTS, &events));
	events.exception.nr = 2;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(fd, KVM_SET_VCPU_EVENTS, &events));
}

TEST_F(guest, debug_registers_round_trip)
{
	struct kvm_debugregs regs, back;
	int fd = self->guest.fd;

	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_DEBUGREGS, &regs));
	EXPECT_EQ(0xffff0ff0, regs.dr6);
	EXPECT_EQ(0x400, regs.dr7);
	for (int i = 0; i < 4; i++)
		regs.db[i] = 0x1000 * (i + 1);
	regs.dr6 = 0xffff4ff1;
	regs.dr7 = 0x455;
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_SET_DEBUGREGS, &regs));
	ASSERT_EQ(0, _ioctl_ptr(fd, KVM_GET_DEBUGREGS, &back));
	EXPECT_EQ(0, memcmp(&regs, &back, sizeof(regs)));
	regs.flags = 1;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(fd, KVM_SET_DEBUGREGS, &regs));
	regs.flags = 0;
	regs.dr6 = 1ULL << 32;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(fd, KVM_SET_DEBUGREGS, &regs));
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
