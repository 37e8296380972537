// SPDX-License-Identifier: GPL-2.0-only
/*
 * Task switches of guests: each way into a task and out of it, what it saves
 * and loads, and what a bad TSS raises (SDM vol. 3A, chapter 8).
 */
#include "guest.h"

/* Tasks beside the first, whose TSS is guest.h's. */
#define TSS_B		0x3000
#define TSS_C		0x3100
#define TSS16		0x3200
#define LDT		0x3300
#define SEL_B		0x40
#define SEL_C		0x48
#define SEL_TSS16	0x50
#define SEL_LDT		0x58
#define SEL_ABSENT	0x60		/* a data segment that is not present */
#define SEL_DATA16	0x68
#define SEL_CODE16	0x70
#define GDT_LIMIT	(16 * 8 - 1)
#define SEL_BEYOND	0x88

#define STACK_B		0x70000
#define STACK_C		0x60000

#define CR0_TS		0x8
#define FLAGS_NT	0x4000
#define FLAGS_VM	0x20000
#define TYPE_OF(guest, selector) (guest_u8(guest, GDT + (selector) + 5) & 15)

/* Where things are in a TSS of 32 bits. */
enum {
	LINK = 0, CR3 = 0x1c, EIP = 0x20, EFLAGS = 0x24, EAX = 0x28, ECX = 0x2c, EBX = 0x34,
	ESP = 0x38, EBP = 0x3c, ES = 0x48, CS = 0x4c, SS = 0x50, DS = 0x54, FS = 0x58, GS = 0x5c,
	LDTR = 0x60, TRAP = 0x64
};

#define ONLY_SLAT(why) do {		\
	if (!on_slat())			\
		SKIP(return, why);	\
} while (0)

FIXTURE(task) {
	struct guest guest;
};

FIXTURE_SETUP(task)
{
	guest_create(_metadata, &self->guest);
}

FIXTURE_TEARDOWN(task)
{
	guest_destroy(&self->guest);
}

static void put_descriptor(struct guest *guest, __u16 selector, struct kvm_segment seg)
{
	guest_u64(guest, GDT + selector) = guest_descriptor(&seg);
}

static void build_tss(struct guest *guest, __u16 selector, __u32 tss, __u32 eip, __u32 esp)
{
	put_descriptor(guest, selector, (struct kvm_segment) {
		.base = tss, .limit = 0x67, .type = 9, .present = 1,
	});
	memset(guest->mem + tss, 0, 0x68);
	guest_u32(guest, tss + CR3) = TABLES;
	guest_u32(guest, tss + EIP) = eip;
	guest_u32(guest, tss + EFLAGS) = FLAGS_FIXED;
	guest_u32(guest, tss + ESP) = esp;
	for (int seg = ES; seg <= GS; seg += 4)
		guest_u32(guest, tss + seg) = seg == CS ? SEL_CODE : SEL_DATA;
	guest_u16(guest, tss + 0x66) = 0x68;
}

/* Two more tasks, the code of both is in the code that was loaded last. */
static void build_tasks(struct __test_metadata *_metadata, struct guest *guest,
			enum guest_mode mode, __u32 b, __u32 c)
{
	struct kvm_sregs sregs;

	guest_mode(_metadata, guest, mode);
	build_tss(guest, SEL_B, TSS_B, b, STACK_B);
	build_tss(guest, SEL_C, TSS_C, c, STACK_C);
	/* A task's CR3 is the system's to write; the CPU only reads it. */
	guest_u32(guest, TSS + CR3) = TABLES;
	get_sregs(_metadata, guest, &sregs);
	sregs.gdt.limit = GDT_LIMIT;
	set_sregs(_metadata, guest, &sregs);
}

static void task_gate(struct guest *guest, __u8 vector, __u16 selector)
{
	guest_u32(guest, IDT + vector * 8) = (__u32)selector << 16;
	guest_u32(guest, IDT + vector * 8 + 4) = 0x8500;
}

GUEST_LABEL(jmp_b);
GUEST_LABEL(jmp_after);
GUEST_CODE(jmp_tss, 32,
	   "mov $0x11, %eax\n mov $0x22, %ecx\n"
	   "mov $0x33, %ebx\n mov $0x44, %ebp\n"
	   "ljmp $0x40, $0x12345678\n"
	   "jmp_after: mov $0xbad, %eax\n hlt\n"
	   "jmp_b: pushf\n pop %edi\n mov %cr0, %esi\n str %edx\n hlt\n");

TEST_F(task, jmp)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	guest_load(guest, jmp_tss);
	build_tasks(_metadata, guest, MODE_PAGED32, guest_label(jmp_tss, jmp_b), 0);
	guest_u32(guest, TSS_B + EAX) = 0x1111;
	guest_u32(guest, TSS_B + ECX) = 0x2222;
	guest_u32(guest, TSS_B + EBX) = 0x3333;
	guest_u32(guest, TSS_B + EBP) = 0x4444;
	guest_run_hlt(_metadata, guest);

	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x1111, regs.rax);
	EXPECT_EQ(0x2222, regs.rcx);
	EXPECT_EQ(0x3333, regs.rbx);
	EXPECT_EQ(0x4444, regs.rbp);
	EXPECT_EQ(STACK_B, regs.rsp);
	EXPECT_EQ(0, regs.rdi & FLAGS_NT);
	EXPECT_EQ(CR0_TS, regs.rsi & CR0_TS);
	EXPECT_EQ(SEL_B, regs.rdx);

	EXPECT_EQ(0x11, guest_u32(guest, TSS + EAX));
	EXPECT_EQ(0x22, guest_u32(guest, TSS + ECX));
	EXPECT_EQ(0x33, guest_u32(guest, TSS + EBX));
	EXPECT_EQ(0x44, guest_u32(guest, TSS + EBP));
	EXPECT_EQ(STACK, guest_u32(guest, TSS + ESP));
	EXPECT_EQ(guest_label(jmp_tss, jmp_after), guest_u32(guest, TSS + EIP));
	EXPECT_EQ(SEL_CODE, guest_u16(guest, TSS + CS));
	EXPECT_EQ(SEL_DATA, guest_u16(guest, TSS + GS));
	EXPECT_EQ(0, guest_u16(guest, TSS_B + LINK));
	EXPECT_EQ(9, TYPE_OF(guest, SEL_TSS));
	EXPECT_EQ(11, TYPE_OF(guest, SEL_B));

	get_sregs(_metadata, guest, &sregs);
	EXPECT_EQ(TSS_B, sregs.tr.base);
	EXPECT_EQ(0x67, sregs.tr.limit);
	EXPECT_EQ(11, sregs.tr.type);
	EXPECT_EQ(SEL_B, sregs.tr.selector);
	EXPECT_EQ(1, sregs.ldt.unusable);
}

GUEST_LABEL(call_b);
GUEST_LABEL(call_b_end);
GUEST_CODE(call_tss, 32,
	   "mov $1, %eax\n"
	   "lcall $0x40, $0\n"
	   "inc %eax\n"
	   "lcall $0x40, $0\n"
	   "inc %eax\n pushf\n pop %edi\n str %edx\n hlt\n"
	   "call_b: inc %ebx\n pushf\n pop %ecx\n iret\n"
	   "call_b_end: jmp call_b\n");

TEST_F(task, call_and_iret)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, call_tss);
	build_tasks(_metadata, guest, MODE_PAGED32, guest_label(call_tss, call_b), 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(3, regs.rax);
	EXPECT_EQ(0, regs.rdi & FLAGS_NT);
	EXPECT_EQ(SEL_TSS, regs.rdx);
	EXPECT_EQ(2, guest_u32(guest, TSS_B + EBX));
	EXPECT_EQ(FLAGS_NT, guest_u32(guest, TSS_B + ECX) & FLAGS_NT);
	EXPECT_EQ(0, guest_u32(guest, TSS_B + EFLAGS) & FLAGS_NT);
	EXPECT_EQ(guest_label(call_tss, call_b_end), guest_u32(guest, TSS_B + EIP));
	EXPECT_EQ(SEL_TSS, guest_u16(guest, TSS_B + LINK));
	EXPECT_EQ(9, TYPE_OF(guest, SEL_B));
	EXPECT_EQ(11, TYPE_OF(guest, SEL_TSS));
}

/* Each task calls the next one, and they return in turn. */
GUEST_LABEL(nest_b);
GUEST_LABEL(nest_c);
GUEST_CODE(nest, 32,
	   "xor %eax, %eax\n lcall $0x40, $0\n mov $7, %eax\n hlt\n"
	   "nest_b: lcall $0x48, $0\n movl $2, 0x30004\n iret\n"
	   "nest_c: mov 0x3100, %ax\n mov %eax, 0x30008\n movl $3, 0x30000\n iret\n");

TEST_F(task, nested)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, nest);
	build_tasks(_metadata, guest, MODE_PAGED32, guest_label(nest, nest_b),
		    guest_label(nest, nest_c));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(7, regs.rax);
	EXPECT_EQ(3, guest_u32(guest, DATA));
	EXPECT_EQ(2, guest_u32(guest, DATA + 4));
	EXPECT_EQ(SEL_B, guest_u32(guest, DATA + 8));
}

/* Exceptions and interrupts by a task gate. */
GUEST_LABEL(gate_b);
GUEST_LABEL(gate_next);
GUEST_CODE(int_gate, 32,
	   "xor %eax, %eax\n"
	   "int $0x40\n"
	   "gate_next: inc %eax\n"
	   "hlt\n"
	   "gate_b: pushf\n pop %ecx\n mov 0x1820, %edx\n mov %esp, %ebx\n iret\n");

TEST_F(task, software_interrupt)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, int_gate);
	build_tasks(_metadata, guest, MODE_PAGED32, guest_label(int_gate, gate_b), 0);
	task_gate(guest, 0x40, SEL_B);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, regs.rax);
	EXPECT_EQ(FLAGS_NT, guest_u32(guest, TSS_B + ECX) & FLAGS_NT);
	EXPECT_EQ(guest_label(int_gate, gate_next), guest_u32(guest, TSS_B + 0x30));
	EXPECT_EQ(STACK_B, guest_u32(guest, TSS_B + EBX));
}

GUEST_LABEL(fault_b);
GUEST_LABEL(fault_here);
GUEST_CODE(fault_gate, 32,
	   "mov $0xfff8, %ecx\n"
	   "fault_here: mov %cx, %es\n"
	   "mov $5, %edx\n hlt\n"
	   "fault_b: mov 0x1820, %ebx\n addl $2, 0x1820\n pop %eax\n mov %esp, %ecx\n iret\n");

TEST_F(task, exception_with_an_error_code)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, fault_gate);
	build_tasks(_metadata, guest, MODE_PAGED32, guest_label(fault_gate, fault_b), 0);
	task_gate(guest, 13, SEL_B);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(5, regs.rdx);
	EXPECT_EQ(0xfff8, guest_u32(guest, TSS_B + EAX));
	EXPECT_EQ(guest_label(fault_gate, fault_here), guest_u32(guest, TSS_B + EBX));
	EXPECT_EQ(STACK_B, guest_u32(guest, TSS_B + ECX));
}

GUEST_LABEL(irq_b);
GUEST_CODE(irq_gate, 32,
	   "xor %eax, %eax\n sti\n hlt\n inc %eax\n cli\n hlt\n"
	   "irq_b: incl 0x30000\n iret\n jmp irq_b\n");

TEST_F(task, external_interrupt)
{
	struct kvm_interrupt interrupt = { .irq = 0x20 };
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, irq_gate);
	build_tasks(_metadata, guest, MODE_PAGED32, guest_label(irq_gate, irq_b), 0);
	task_gate(guest, 0x20, SEL_B);
	guest_run_hlt(_metadata, guest);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_INTERRUPT, &interrupt));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(1, regs.rax);
	EXPECT_EQ(1, guest_u32(guest, DATA));
}

/* IRET out of the task of an NMI opens the door for the next one. */
GUEST_LABEL(nmi_b);
GUEST_CODE(nmi_gate, 32,
	   "xor %eax, %eax\n out %al, $0x10\n inc %eax\n out %al, $0x11\n inc %eax\n hlt\n"
	   "nmi_b: incl 0x30000\n iret\n jmp nmi_b\n");

TEST_F(task, nmi)
{
	struct guest *guest = &self->guest;
	struct kvm_vcpu_events events;
	struct kvm_regs regs;

	guest_load(guest, nmi_gate);
	build_tasks(_metadata, guest, MODE_PAGED32, guest_label(nmi_gate, nmi_b), 0);
	task_gate(guest, 2, SEL_B);
	guest_run(_metadata, guest, KVM_EXIT_IO);
	ASSERT_EQ(0, _ioctl(guest->fd, KVM_NMI, 0));
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(0x11, guest->run->io.port);
	EXPECT_EQ(1, guest_u32(guest, DATA));
	/* KVM leaves them blocked. */
	if (!on_slat())
		return;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_GET_VCPU_EVENTS, &events));
	EXPECT_EQ(0, events.nmi.masked);
	ASSERT_EQ(0, _ioctl(guest->fd, KVM_NMI, 0));
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(2, regs.rax);
	EXPECT_EQ(2, guest_u32(guest, DATA));
}

/* What is wrong with the new task is raised in it; with the TSS itself, in the old one. */
GUEST_LABEL(bad_b);
GUEST_LABEL(bad_here);
GUEST_LABEL(on_bad);
GUEST_CODE(bad, 32,
	   "bad_here: ljmp $0x40, $0\n"
	   "mov $0xbad, %eax\n hlt\n"
	   "bad_b: mov $0x600d, %eax\n hlt\n"
	   "on_bad: pop %ebx\n pop %ecx\n str %edx\n mov %cr2, %eax\n mov %eax, %esi\n"
	   "mov $0xfa, %eax\n hlt\n");

static void run_bad(struct __test_metadata *_metadata, struct guest *guest, __u8 vector,
		    struct kvm_regs *regs)
{
	guest_gate(guest, MODE_PAGED32, vector, guest_label(bad, on_bad), 14, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, regs);
	EXPECT_EQ(0xfa, regs->rax);
}

static void build_bad(struct __test_metadata *_metadata, struct guest *guest)
{
	guest_load(guest, bad);
	build_tasks(_metadata, guest, MODE_PAGED32, guest_label(bad, bad_b), 0);
	put_descriptor(guest, SEL_ABSENT, (struct kvm_segment) {
		.limit = 0xffff, .type = 3, .s = 1,
	});
}

TEST_F(task, bad_data_selector_is_ts)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ONLY_SLAT("KVM loses what the new task raises");
	build_bad(_metadata, guest);
	guest_u16(guest, TSS_B + DS) = SEL_BEYOND;
	run_bad(_metadata, guest, 10, &regs);
	EXPECT_EQ(SEL_BEYOND, regs.rbx);
	EXPECT_EQ(guest_label(bad, bad_b), regs.rcx);
	EXPECT_EQ(SEL_B, regs.rdx);
}

TEST_F(task, data_segment_that_is_not_present_is_np)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ONLY_SLAT("KVM loses what the new task raises");
	build_bad(_metadata, guest);
	guest_u16(guest, TSS_B + FS) = SEL_ABSENT;
	run_bad(_metadata, guest, 11, &regs);
	EXPECT_EQ(SEL_ABSENT, regs.rbx);
	EXPECT_EQ(SEL_B, regs.rdx);
}

TEST_F(task, bad_ldt_is_ts)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ONLY_SLAT("KVM loses what the new task raises");
	build_bad(_metadata, guest);
	guest_u16(guest, TSS_B + LDTR) = SEL_DATA;
	task_gate(guest, 10, SEL_C);
	guest_u32(guest, TSS_C + EIP) = guest_label(bad, on_bad);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0xfa, regs.rax);
	EXPECT_EQ(SEL_DATA, regs.rbx);
	EXPECT_EQ(SEL_C, regs.rdx);
	EXPECT_EQ(SEL_B, guest_u16(guest, TSS_C + LINK));
	EXPECT_EQ(guest_label(bad, bad_b), guest_u32(guest, TSS_B + EIP));
}

/* Nowhere to push to: the handler of #SS is a task as well. */
TEST_F(task, stack_segment_that_is_not_present_is_ss)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ONLY_SLAT("KVM loses what the new task raises");
	build_bad(_metadata, guest);
	guest_u16(guest, TSS_B + SS) = SEL_ABSENT;
	task_gate(guest, 12, SEL_C);
	guest_u32(guest, TSS_C + EIP) = guest_label(bad, on_bad);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0xfa, regs.rax);
	EXPECT_EQ(SEL_ABSENT, regs.rbx);
	EXPECT_EQ(SEL_C, regs.rdx);
	EXPECT_EQ(SEL_B, guest_u16(guest, TSS_C + LINK));
}

TEST_F(task, tss_that_is_too_short_is_ts)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	build_bad(_metadata, guest);
	guest_u16(guest, GDT + SEL_B) = 0x66;
	run_bad(_metadata, guest, 10, &regs);
	EXPECT_EQ(SEL_B, regs.rbx);
	EXPECT_EQ(guest_label(bad, bad_here), regs.rcx);
	EXPECT_EQ(SEL_TSS, regs.rdx);
}

TEST_F(task, tss_that_is_not_mapped_is_pf)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ONLY_SLAT("KVM loses what the new task raises");
	build_bad(_metadata, guest);
	build_tss(guest, SEL_B, TSS_B, 0, 0);
	put_descriptor(guest, SEL_B, (struct kvm_segment) {
		.base = 0x800ff0, .limit = 0x67, .type = 9, .present = 1,
	});
	guest_u32(guest, TABLES + 8) = 0;
	run_bad(_metadata, guest, 14, &regs);
	EXPECT_EQ(guest_label(bad, bad_here), regs.rcx);
	EXPECT_EQ(SEL_TSS, regs.rdx);
	EXPECT_EQ(0x800ff0, regs.rsi & ~0xfULL);
	EXPECT_EQ(11, TYPE_OF(guest, SEL_TSS));
	EXPECT_EQ(9, TYPE_OF(guest, SEL_B));
}

TEST_F(task, busy_tss_is_gp)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	build_bad(_metadata, guest);
	guest_u8(guest, GDT + SEL_B + 5) |= 2;
	run_bad(_metadata, guest, 13, &regs);
	EXPECT_EQ(SEL_B, regs.rbx);
	EXPECT_EQ(SEL_TSS, regs.rdx);
}

TEST_F(task, tss_in_no_memory_is_an_internal_error)
{
	struct guest *guest = &self->guest;

	build_bad(_metadata, guest);
	put_descriptor(guest, SEL_B, (struct kvm_segment) {
		.base = 0x1000000, .limit = 0x67, .type = 9, .present = 1,
	});
	ONLY_SLAT("KVM raises an exception");
	guest_run(_metadata, guest, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, guest->run->internal.suberror);
}

/* A task of 16 bits, and back. */
GUEST_LABEL(back32);
GUEST_LABEL(in16);
GUEST_CODE(tss16, 32,
	   "mov $0x12345678, %eax\n mov $0x11, %ebx\n"
	   "ljmp $0x50, $0\n"
	   "back32: inc %ebx\n str %edx\n hlt\n"
	   ".code16\n"
	   "in16: add $1, %ax\n mov %ax, 0x4000\n mov %sp, 0x4002\n ljmp $0x18, $0\n");

TEST_F(task, sixteen_bits)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ONLY_SLAT("KVM fails to enter with a TSS of 16 bits");
	guest_load(guest, tss16);
	build_tasks(_metadata, guest, MODE_PAGED32, 0, 0);
	put_descriptor(guest, SEL_CODE16, (struct kvm_segment) {
		.base = CODE, .limit = 0xffff, .type = 11, .present = 1, .s = 1,
	});
	put_descriptor(guest, SEL_DATA16, (struct kvm_segment) {
		.base = DATA, .limit = 0xffff, .type = 3, .present = 1, .s = 1,
	});
	put_descriptor(guest, SEL_TSS16, (struct kvm_segment) {
		.base = TSS16, .limit = 0x2b, .type = 1, .present = 1,
	});
	memset(guest->mem + TSS16, 0, 0x2c);
	guest_u16(guest, TSS16 + 0x0e) = in16 - tss16;
	guest_u16(guest, TSS16 + 0x10) = FLAGS_FIXED;
	guest_u16(guest, TSS16 + 0x12) = 0x99;
	guest_u16(guest, TSS16 + 0x1a) = 0x8000;
	guest_u16(guest, TSS16 + 0x22) = SEL_DATA16;
	guest_u16(guest, TSS16 + 0x24) = SEL_CODE16;
	guest_u16(guest, TSS16 + 0x26) = SEL_DATA16;
	guest_u16(guest, TSS16 + 0x28) = SEL_DATA16;
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x9a, guest_u16(guest, DATA + 0x4000));
	EXPECT_EQ(0x8000, guest_u16(guest, DATA + 0x4002));
	EXPECT_EQ(0x9a, guest_u16(guest, TSS16 + 0x12));
	EXPECT_EQ(0x12345678, regs.rax);
	EXPECT_EQ(0x12, regs.rbx);
	EXPECT_EQ(SEL_TSS, regs.rdx);
	EXPECT_EQ(1, TYPE_OF(guest, SEL_TSS16));
}

/* The same address is something else in each task, and a segment may be its own. */
GUEST_LABEL(space_b);
GUEST_CODE(space, 32,
	   "mov 0x800000, %eax\n"
	   "lcall $0x40, $0\n"
	   "mov 0x800000, %ebx\n hlt\n"
	   "space_b: mov 0x800000, %eax\n mov %gs:4, %ecx\n iret\n");

TEST_F(task, own_page_tables_and_ldt)
{
	struct guest *guest = &self->guest;
	struct kvm_segment own = {
		.base = DATA, .limit = 0xff, .type = 2, .present = 1, .s = 1, .db = 1,
	};
	struct kvm_regs regs;

	guest_load(guest, space);
	build_tasks(_metadata, guest, MODE_PAGED32, guest_label(space, space_b), 0);
	memcpy(guest->mem + TABLES + 0x1000, guest->mem + TABLES, 0x1000);
	guest_u32(guest, TABLES + 8) = 0x87;
	guest_u32(guest, TABLES + 0x1000 + 8) = 0x87;
	/* 0x800000 is 0 in one; in the other a page of 4 KiB, at DATA. */
	guest_u32(guest, TABLES + 0x1000 + 8) = (TABLES + 0x2000) | 7;
	guest_u32(guest, TABLES + 0x2000) = DATA | 7;
	guest_u32(guest, 0) = 0xaaaa;
	guest_u32(guest, DATA) = 0xbbbb;
	guest_u32(guest, DATA + 4) = 0xcccc;
	guest_u32(guest, TSS_B + CR3) = TABLES + 0x1000;
	put_descriptor(guest, SEL_LDT, (struct kvm_segment) {
		.base = LDT, .limit = 15, .type = 2, .present = 1,
	});
	guest_u64(guest, LDT + 8) = guest_descriptor(&own);
	guest_u16(guest, TSS_B + LDTR) = SEL_LDT;
	guest_u16(guest, TSS_B + GS) = 8 | 4;
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0xaaaa, regs.rax);
	EXPECT_EQ(0xaaaa, regs.rbx);
	EXPECT_EQ(0xbbbb, guest_u32(guest, TSS_B + EAX));
	EXPECT_EQ(0xcccc, guest_u32(guest, TSS_B + ECX));
	EXPECT_EQ(3, guest_u8(guest, LDT + 8 + 5) & 15);	/* has been used */
}

/* A task that asks to be debugged: #DB before its first instruction. */
GUEST_LABEL(trap_b);
GUEST_LABEL(on_trap);
GUEST_CODE(trapped, 32,
	   "mov $0x455, %eax\n mov %eax, %dr7\n"
	   "ljmp $0x40, $0\n"
	   "trap_b: mov $0x600d, %ecx\n hlt\n"
	   "on_trap: mov (%esp), %ebx\n mov %dr6, %edx\n mov %dr7, %esi\n iret\n");

TEST_F(task, debug_trap)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ONLY_SLAT("KVM raises none");
	guest_load(guest, trapped);
	build_tasks(_metadata, guest, MODE_PAGED32, guest_label(trapped, trap_b), 0);
	guest_u16(guest, TSS_B + TRAP) = 1;
	guest_gate(guest, MODE_PAGED32, 1, guest_label(trapped, on_trap), 14, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x600d, regs.rcx);
	EXPECT_EQ(guest_label(trapped, trap_b), regs.rbx);
	EXPECT_EQ(0xffff8ff0, regs.rdx);
	EXPECT_EQ(0x400, regs.rsi);		/* local breakpoints end with the task */
}

/* Into a task in ring 3, and out of it by a gate. */
GUEST_LABEL(user_b);
GUEST_LABEL(on_user);
GUEST_CODE(user_task, 32,
	   "ljmp $0x40, $0\n"
	   "user_b: mov %cs, %eax\n mov %ss, %ebx\n hlt\n"
	   "on_user: mov 8(%esp), %ecx\n mov %esp, %edx\n mov %ss, %esi\n hlt\n");

TEST_F(task, ring_3)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, user_task);
	build_tasks(_metadata, guest, MODE_PAGED32, guest_label(user_task, user_b), 0);
	for (int seg = ES; seg <= GS; seg += 4)
		guest_u32(guest, TSS_B + seg) = seg == CS ? SEL_CODE_USER : SEL_DATA_USER;
	guest_u32(guest, TSS_B + 4) = STACK_C;
	guest_u32(guest, TSS_B + 8) = SEL_DATA;
	guest_gate(guest, MODE_PAGED32, 13, guest_label(user_task, on_user), 14, 0);
	guest_run_hlt(_metadata, guest);		/* #GP: HLT is for ring 0 */
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(SEL_CODE_USER, regs.rax);
	EXPECT_EQ(SEL_DATA_USER, regs.rbx);
	EXPECT_EQ(SEL_CODE_USER, regs.rcx);
	EXPECT_EQ(STACK_C - 24, regs.rdx);
	EXPECT_EQ(SEL_DATA, regs.rsi);
}

GUEST_LABEL(vm86_b);
GUEST_LABEL(on_vm86);
GUEST_CODE(vm86, 32,
	   "ljmp $0x40, $0\n"
	   ".code16\n"
	   "vm86_b: mov %cs, %ax\n mov %ax, 0x10\n hlt\n"
	   ".code32\n"
	   "on_vm86: mov 12(%esp), %ebx\n mov 8(%esp), %ecx\n mov %ss, %esi\n hlt\n");

TEST_F(task, virtual_8086_mode)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, vm86);
	build_tasks(_metadata, guest, MODE_PAGED32, vm86_b - vm86, 0);
	guest_u32(guest, TSS_B + EFLAGS) = FLAGS_FIXED | FLAGS_VM;
	for (int seg = ES; seg <= GS; seg += 4)
		guest_u32(guest, TSS_B + seg) = DATA >> 4;
	guest_u32(guest, TSS_B + CS) = CODE >> 4;
	guest_u32(guest, TSS_B + ESP) = 0x8000;
	guest_u32(guest, TSS_B + 4) = STACK_C;
	guest_u32(guest, TSS_B + 8) = SEL_DATA;
	guest_gate(guest, MODE_PAGED32, 13, guest_label(vm86, on_vm86), 14, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(CODE >> 4, guest_u16(guest, DATA + 0x10));
	EXPECT_EQ(FLAGS_VM, regs.rbx & FLAGS_VM);
	EXPECT_EQ(CODE >> 4, regs.rcx);
	EXPECT_EQ(SEL_DATA, regs.rsi);
}

int main(int argc, char **argv)
{
	require_guests();
	if (cpu_is_tcg())
		ksft_exit_skip("task switches do not exit there, and are not a CPU's\n");
	return test_harness_run(argc, argv);
}
