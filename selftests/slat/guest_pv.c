// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest that knows of its hypervisor shares with it: clocks, stolen
 * time, EOIs, hypercalls.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "irq.h"

#define MSR_WALL		0x4b564d00
#define MSR_CLOCK		0x4b564d01
#define MSR_STEAL		0x4b564d03
#define MSR_EOI			0x4b564d04
#define MSR_POLL		0x4b564d05
#define PV_CLOCK		0
#define PV_CLOCK2		3
#define PV_STEAL		5
#define PV_EOI			6
#define PV_UNHALT		7
#define PV_SEND_IPI		11

#define CLOCK_PAGE		0x31000
#define WALL_PAGE		0x32000
#define STEAL_PAGE		0x33000
#define EOI_WORD		0x34000
#define NS			1000000000ULL

struct clock_page {
	__u32 version;
	__u32 pad;
	__u64 tsc;
	__u64 ns;
	__u32 mul;
	__s8 shift;
	__u8 flags;
};

struct wall_page {
	__u32 version, sec, nsec;
};

struct steal_page {
	__u64 steal;
	__u32 version, flags;
};

FIXTURE(pv) {
	struct guest guest;
};

FIXTURE_SETUP(pv)
{
	irq_guest_create(_metadata, &self->guest, CHIPS_KERNEL);
}

FIXTURE_TEARDOWN(pv)
{
	guest_destroy(&self->guest);
}

TEST_F(pv, leaves_say_what_it_is)
{
	struct cpuid_table *cpuid = calloc(1, sizeof(*cpuid));
	const __u32 wanted = 1 << PV_CLOCK | 1 << PV_CLOCK2 | 1 << PV_STEAL | 1 << PV_EOI |
			     1 << PV_UNHALT | 1 << PV_SEND_IPI;
	struct kvm_cpuid_entry2 *entry;

	ASSERT_EQ(0, _supported_cpuid(self->guest.dev, cpuid));
	entry = cpuid_find(cpuid, 0x40000000, 0);
	ASSERT_NE(NULL, entry);
	EXPECT_LE(0x40000001, entry->eax);
	EXPECT_EQ(0, memcmp(&entry->ebx, "KVMK", 4));
	EXPECT_EQ(0, memcmp(&entry->ecx, "VMKV", 4));
	EXPECT_EQ(0, memcmp(&entry->edx, "M\0\0", 4));
	entry = cpuid_find(cpuid, 0x40000001, 0);
	ASSERT_NE(NULL, entry);
	EXPECT_EQ(wanted, entry->eax & wanted);
	free(cpuid);
}

/* Writes RDI to the MSR in ECX, reads its TSC. */
GUEST_CODE(write_msr, 64,
	   "mov %edi, %eax\n"
	   "mov %rdi, %rdx\n"
	   "shr $32, %rdx\n"
	   "wrmsr\n"
	   "1: rdtsc\n"
	   "shl $32, %rdx\n"
	   "or %rdx, %rax\n"
	   "mov %rax, %r8\n"
	   DONE
	   "jmp 1b\n"
	   ".globl write_msr_fault\nwrite_msr_fault:\n"
	   "mov $0x6f, %r9d\n"
	   DONE);
GUEST_LABEL(write_msr_fault);

static void guest_writes(struct __test_metadata *_metadata, struct guest *guest, __u32 index,
			 __u64 value, struct kvm_regs *regs)
{
	guest_load(guest, write_msr);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 13, guest_label(write_msr, write_msr_fault), 14, 0);
	get_regs(_metadata, guest, regs);
	regs->rcx = index;
	regs->rdi = value;
	set_regs(_metadata, guest, regs);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, regs);
}

static __u64 vm_clock(struct __test_metadata *_metadata, struct guest *guest)
{
	struct kvm_clock_data data = { };

	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_CLOCK, &data));
	return data.clock;
}

static __u64 clock_at(const struct clock_page *page, __u64 tsc)
{
	__u64 ticks = tsc - page->tsc;

	ticks = page->shift < 0 ? ticks >> -page->shift : ticks << page->shift;
	return page->ns + (__u64)(((__uint128_t)ticks * page->mul) >> 32);
}

TEST_F(pv, clock_is_that_of_the_vm)
{
	struct guest *guest = &self->guest;
	const struct clock_page *page = (void *)(guest->mem + CLOCK_PAGE);
	__u64 before, inside, after;
	struct kvm_regs regs;

	guest_writes(_metadata, guest, MSR_CLOCK, CLOCK_PAGE | 1, &regs);
	EXPECT_EQ(CLOCK_PAGE | 1, get_msr(_metadata, guest, MSR_CLOCK));
	for (int i = 0; i < 10; i++) {
		before = vm_clock(_metadata, guest);
		irq_run_done(_metadata, guest);
		after = vm_clock(_metadata, guest);
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(0, page->version & 1);
		EXPECT_NE(0, page->version);
		inside = clock_at(page, regs.r8);
		EXPECT_LE(before, inside);
		EXPECT_LE(inside, after);
	}
	/* Not where there is no memory, nor after it is turned off. */
	guest_writes(_metadata, guest, MSR_CLOCK, 0x7ffffff001, &regs);
	guest_writes(_metadata, guest, MSR_CLOCK, CLOCK_PAGE, &regs);
	memset(guest->mem + CLOCK_PAGE, 0, sizeof(*page));
	irq_run_done(_metadata, guest);
	EXPECT_EQ(0, page->version);
}

TEST_F(pv, clock_can_be_set)
{
	struct guest *guest = &self->guest;
	const struct clock_page *page = (void *)(guest->mem + CLOCK_PAGE);
	struct kvm_clock_data data = { .clock = 1000000 * NS };
	struct kvm_regs regs;

	guest_writes(_metadata, guest, MSR_CLOCK, CLOCK_PAGE | 1, &regs);
	EXPECT_GT(1000000 * NS, clock_at(page, regs.r8));
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_CLOCK, &data));
	irq_run_done(_metadata, guest);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_LE(1000000 * NS, clock_at(page, regs.r8));
	EXPECT_GE(vm_clock(_metadata, guest), clock_at(page, regs.r8));

	data.flags = 1;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_SET_CLOCK, &data));
	data.flags = ~0U;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_SET_CLOCK, &data));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_SET_CLOCK, 0));
	EXPECT_EQ(-EFAULT, _ioctl(guest->vm, KVM_GET_CLOCK, 0));
}

TEST_F(pv, clock_goes_on_while_a_guest_moves)
{
	struct guest *guest = &self->guest;
	struct kvm_clock_data data = { };

	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_CLOCK, &data));
	if (!on_slat() && !(data.flags & KVM_CLOCK_REALTIME))
		SKIP(return, "KVM has no TSC that it trusts");
	EXPECT_EQ(KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC,
		  data.flags & (KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC));
	EXPECT_NE(0, data.host_tsc);
	data.flags = KVM_CLOCK_REALTIME;
	data.clock = 5 * NS;
	data.realtime -= 1000 * NS;
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_CLOCK, &data));
	EXPECT_LE(1005 * NS, vm_clock(_metadata, guest));
	/* All that one host says the other takes. */
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_GET_CLOCK, &data));
	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_CLOCK, &data));
	EXPECT_LE(1005 * NS, vm_clock(_metadata, guest));
	data.flags = KVM_CLOCK_REALTIME;
	data.clock = 5 * NS;
	/* The other host's wall clock may be ahead. */
	data.realtime = ~0ULL;
	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_SET_CLOCK, &data));
	EXPECT_LE(5 * NS, vm_clock(_metadata, guest));
	EXPECT_GT(1005 * NS, vm_clock(_metadata, guest));
}

TEST_F(pv, clock_follows_the_tsc)
{
	struct guest *guest = &self->guest;
	const struct clock_page *page = (void *)(guest->mem + CLOCK_PAGE);
	struct kvm_regs regs;
	__u64 before, inside;

	guest_writes(_metadata, guest, MSR_CLOCK, CLOCK_PAGE | 1, &regs);
	before = vm_clock(_metadata, guest);
	EXPECT_EQ(1, _set_msr(guest, 0x10, 1ULL << 60));
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_LE(1ULL << 60, regs.r8);
	inside = clock_at(page, regs.r8);
	EXPECT_LE(before, inside);
	EXPECT_LE(inside, vm_clock(_metadata, guest));
}

static __u64 wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS + now.tv_nsec;
}

TEST_F(pv, wall_clock_is_when_the_clock_was_zero)
{
	struct guest *guest = &self->guest;
	const struct wall_page *page = (void *)(guest->mem + WALL_PAGE);
	__u64 now, wall;
	struct kvm_regs regs;

	guest_writes(_metadata, guest, MSR_WALL, WALL_PAGE, &regs);
	now = wall_now() - vm_clock(_metadata, guest);
	wall = page->sec * NS + page->nsec;
	EXPECT_EQ(0, page->version & 1);
	EXPECT_NE(0, page->version);
	EXPECT_LE(wall, now + NS);
	EXPECT_LE(now, wall + NS);
	EXPECT_GT(NS, page->nsec);
}

TEST_F(pv, it_is_told_that_it_was_stopped)
{
	struct guest *guest = &self->guest;
	const struct clock_page *page = (void *)(guest->mem + CLOCK_PAGE);
	struct kvm_regs regs;

	EXPECT_EQ(-EINVAL, _ioctl(guest->fd, KVM_KVMCLOCK_CTRL, 0));
	guest_writes(_metadata, guest, MSR_CLOCK, CLOCK_PAGE | 1, &regs);
	EXPECT_EQ(0, page->flags & 2);
	EXPECT_EQ(0, _ioctl(guest->fd, KVM_KVMCLOCK_CTRL, 0));
	irq_run_done(_metadata, guest);
	EXPECT_EQ(2, page->flags & 2);
}

static pid_t spin_on_this_cpu(void)
{
	pid_t pid;

	pin_to(0);
	pid = fork();
	if (!pid)
		for (;;)
			;
	return pid;
}

TEST_F(pv, time_is_stolen_by_others)
{
	struct guest *guest = &self->guest;
	volatile struct steal_page *page = (void *)(guest->mem + STEAL_PAGE);
	struct kvm_regs regs;
	pid_t pid;

	guest_writes(_metadata, guest, MSR_STEAL, STEAL_PAGE | 3, &regs);
	EXPECT_EQ(0x6f, regs.r9);
	EXPECT_EQ(0, get_msr(_metadata, guest, MSR_STEAL));
	regs.r9 = 0;
	set_regs(_metadata, guest, &regs);
	guest_writes(_metadata, guest, MSR_STEAL, STEAL_PAGE | 1, &regs);
	EXPECT_EQ(0, regs.r9);
	EXPECT_NE(0, page->version);
	EXPECT_EQ(0, page->version & 1);
	pid = spin_on_this_cpu();
	ASSERT_LT(0, pid);
	/* Ends when it is true, or by the harness's timeout. */
	while (!page->steal) {
		sched_yield();
		irq_run_done(_metadata, guest);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_EQ(0, page->version & 1);
}

/* What a guest that has moved brings with it is not forgotten. */
TEST_F(pv, stolen_time_goes_on_while_a_guest_moves)
{
	struct guest *guest = &self->guest;
	volatile struct steal_page *page = (void *)(guest->mem + STEAL_PAGE);
	struct kvm_regs regs;

	page->steal = 77 * NS;
	page->version = 101;
	EXPECT_EQ(1, _set_msr(guest, MSR_STEAL, STEAL_PAGE | 1));
	guest_writes(_metadata, guest, MSR_POLL, 1, &regs);
	EXPECT_LE(77 * NS, page->steal);
	EXPECT_LE(102, page->version);
	EXPECT_EQ(0, page->version & 1);
}

/* Two interrupts; each handler ends it by its bit if it may. */
GUEST_CODE(eois, 64,
	   "mov $0xfee00000, %ebp\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "mov $0x4b564d04, %ecx\n"
	   "mov $0x34001, %eax\n"
	   "xor %edx, %edx\n"
	   "wrmsr\n"
	   "xor %ebx, %ebx\n"
	   "xor %r8d, %r8d\n"
	   "sti\n"
	   "movl $0x40050, 0x300(%rbp)\n"
	   "nop\n"
	   "movl $0x40050, 0x300(%rbp)\n"
	   "nop\n"
	   "cli\n"
	   DONE
	   ".globl eois_handler\neois_handler:\n"
	   "inc %ebx\n"
	   "btrl $0, 0x34000\n"
	   "jc 1f\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n"
	   "1: inc %r8d\n"
	   "iretq\n");
GUEST_LABEL(eois_handler);

TEST_F(pv, interrupts_end_without_an_exit)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct kvm_regs regs;

	guest_load(guest, eois);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(eois, eois_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(2, (__u32)regs.rbx);
	/* Each, but where something else exits as well; none where none has to exit. */
	EXPECT_EQ(!_cpu_delivers(guest), (__u32)regs.r8 > 0);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0, lapic_reg(&state, APIC_ISR + 0x20));
	EXPECT_EQ(0, lapic_reg(&state, APIC_IRR + 0x20));
	EXPECT_EQ(0, guest_u32(guest, EOI_WORD) & 1);
	EXPECT_EQ(EOI_WORD | 1, get_msr(_metadata, guest, MSR_EOI));
}

/* The first handler asks for a second interrupt, which leaves before it ends. */
GUEST_CODE(waiting_eois, 64,
	   "mov $0xfee00000, %ebp\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "mov $0x4b564d04, %ecx\n"
	   "mov $0x34001, %eax\n"
	   "xor %edx, %edx\n"
	   "wrmsr\n"
	   "xor %ebx, %ebx\n"
	   "xor %r8d, %r8d\n"
	   "sti\n"
	   "movl $0x40050, 0x300(%rbp)\n"
	   "nop\n"
	   "cli\n"
	   DONE
	   ".globl waiting_eois_handler\nwaiting_eois_handler:\n"
	   "inc %ebx\n"
	   "cmp $1, %ebx\n"
	   "jne 1f\n"
	   "movl $0x40050, 0x300(%rbp)\n"
	   "jmp 2f\n"
	   "1: " DONE
	   "2: btrl $0, 0x34000\n"
	   "jc 3f\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n"
	   "3: inc %r8d\n"
	   "iretq\n");
GUEST_LABEL(waiting_eois_handler);

TEST_F(pv, an_end_that_is_waited_for_exits)
{
	struct guest *guest = &self->guest;
	struct kvm_lapic_state state;
	struct kvm_regs regs;

	guest_load(guest, waiting_eois);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(waiting_eois, waiting_eois_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(2, (__u32)regs.rbx);
	EXPECT_EQ(0, (__u32)regs.r8);
	/* User space sees what is in service, and nothing between. */
	EXPECT_EQ(0, guest_u32(guest, EOI_WORD) & 1);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(1 << 16, lapic_reg(&state, APIC_ISR + 0x20));
	irq_run_done(_metadata, guest);
	get_lapic(_metadata, guest->fd, &state);
	EXPECT_EQ(0, lapic_reg(&state, APIC_ISR + 0x20));
	EXPECT_EQ(0, guest_u32(guest, EOI_WORD) & 1);
}

/* In place of the other vendor's instruction there is #UD, or KVM's quirk. */
#define HYPERCALLS(name, insn)						\
	GUEST_CODE(name, 64, insn "\n" DONE)
HYPERCALLS(vmcalls, "vmcall");
HYPERCALLS(vmmcalls, "vmmcall");

static __s64 hypercall(struct __test_metadata *_metadata, struct guest *guest, __u64 number,
		       __u64 a0, __u64 a1, __u64 a2, __u64 a3)
{
	struct kvm_regs regs;

	get_regs(_metadata, guest, &regs);
	regs.rip = CODE;
	regs.rax = number;
	regs.rbx = a0;
	regs.rcx = a1;
	regs.rdx = a2;
	regs.rsi = a3;
	set_regs(_metadata, guest, &regs);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	return regs.rax;
}

static void load_hypercalls(struct __test_metadata *_metadata, struct guest *guest)
{
	if (cpu_has_svm())
		guest_load(guest, vmmcalls);
	else
		guest_load(guest, vmcalls);
	irq_guest_start(_metadata, guest);
}

TEST_F(pv, hypercalls)
{
	struct guest *guest = &self->guest;

	load_hypercalls(_metadata, guest);
	lapic_enable(_metadata, guest->fd);
	EXPECT_EQ(-1000, hypercall(_metadata, guest, 4711, 0, 0, 0, 0));
	EXPECT_EQ(-1000, hypercall(_metadata, guest, ~0ULL, 0, 0, 0, 0));
	EXPECT_EQ(0, hypercall(_metadata, guest, 1, 0, 0, 0, 0));
	/* To itself; to nobody; what no IPI can be. */
	EXPECT_EQ(1, hypercall(_metadata, guest, 10, 1, 0, 0, 0x50));
	EXPECT_TRUE(lapic_requested(_metadata, guest->fd, 0x50));
	EXPECT_EQ(0, hypercall(_metadata, guest, 10, 1, 0, 77, 0x51));
	EXPECT_FALSE(lapic_requested(_metadata, guest->fd, 0x51));
	EXPECT_EQ(-22, hypercall(_metadata, guest, 10, 1, 0, 0, 0x40052));
	EXPECT_EQ(-22, hypercall(_metadata, guest, 10, 1, 0, 0, 0x852));
	/* No ID is a broadcast. */
	EXPECT_EQ(0, hypercall(_metadata, guest, 10, ~0ULL, ~0ULL, ~0U, 0x53));
	EXPECT_FALSE(lapic_requested(_metadata, guest->fd, 0x53));
	hypercall(_metadata, guest, 5, ~0ULL, ~0ULL, 0, 0);
}

/* The other vendor's, and #UD where it is not replaced. */
GUEST_LABEL(vmcall_ud);
GUEST_LABEL(vmmcall_ud);
GUEST_CODE(vmcall_or_ud, 64, "vmcall\n" DONE "vmcall_ud: mov $0x6b, %eax\n" DONE);
GUEST_CODE(vmmcall_or_ud, 64, "vmmcall\n" DONE "vmmcall_ud: mov $0x6b, %eax\n" DONE);

static const __u8 *load_others(struct __test_metadata *_metadata, struct guest *guest)
{
	bool svm = cpu_has_svm();

	if (svm)
		guest_load(guest, vmcall_or_ud);
	else
		guest_load(guest, vmmcall_or_ud);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 6, svm ? guest_label(vmcall_or_ud, vmcall_ud) :
					      guest_label(vmmcall_or_ud, vmmcall_ud), 14, 0);
	return (const __u8 *)(svm ? vmcall_or_ud : vmmcall_or_ud);
}

TEST_F(pv, hypercalls_of_the_other_vendor_are_replaced)
{
	const __u8 *own = (const __u8 *)(cpu_has_svm() ? vmmcalls : vmcalls);
	struct guest *guest = &self->guest;

	load_others(_metadata, guest);
	EXPECT_EQ(-1000, hypercall(_metadata, guest, 4711, 0, 0, 0, 0));
	EXPECT_EQ(0, memcmp(guest->mem + CODE, own, 3));
	EXPECT_EQ(0, hypercall(_metadata, guest, 11, 0, 0, 0, 0));
}

TEST_F(pv, hypercalls_of_the_other_vendor_are_ud)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_DISABLE_QUIRKS2, .args[0] = KVM_X86_QUIRK_FIX_HYPERCALL_INSN,
	};
	struct guest *guest = &self->guest;
	const __u8 *code;

	ASSERT_EQ(0, _ioctl_ptr(guest->vm, KVM_ENABLE_CAP, &cap));
	code = load_others(_metadata, guest);
	EXPECT_EQ(0x6b, hypercall(_metadata, guest, 4711, 0, 0, 0, 0));
	EXPECT_EQ(0, memcmp(guest->mem + CODE, code, 3));
}

/* What looks like one up to where memory ends is nothing but #UD. */
TEST_F(pv, undefined_instruction_before_the_end_of_memory)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	load_others(_metadata, guest);
	guest_u8(guest, MEMORY - 1) = 0x06;	/* PUSH ES */
	get_regs(_metadata, guest, &regs);
	regs.rip = MEMORY - 1;
	set_regs(_metadata, guest, &regs);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x6b, regs.rax);
}

GUEST_CODE(halts, 64, "cli\n hlt\n" DONE);

static void *run_other(void *arg)
{
	struct irq_vcpu *other = arg;
	int ret;

	do {
		ret = _ioctl(other->fd, KVM_RUN, 0);
	} while (ret == -EINTR || ret == -EAGAIN);
	return (void *)(long)ret;
}

/* One kick ends one HLT, whichever comes first. */
TEST_F(pv, a_kick_ends_hlt)
{
	struct guest *guest = &self->guest, second = *guest;
	struct kvm_regs regs = { .rip = 0x20000, .rsp = STACK, .rflags = FLAGS_FIXED };
	struct irq_vcpu other;
	struct kvm_sregs sregs;
	pthread_t thread;
	void *ret;

	other.fd = irq_vcpu_create(_metadata, guest, 1, &other.run);
	second.fd = other.fd;
	load_hypercalls(_metadata, guest);
	guest_load_at(guest, 0x20000, halts, halts_end);
	get_sregs(_metadata, guest, &sregs);
	sregs.apic_base = 0xfee00800;
	set_sregs(_metadata, &second, &sregs);
	set_regs(_metadata, &second, &regs);
	lapic_enable(_metadata, other.fd);
	ASSERT_EQ(0, _set_mp_state(other.fd, KVM_MP_STATE_RUNNABLE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_other, &other));
	EXPECT_EQ(0, hypercall(_metadata, guest, 5, 0, 1, 0, 0));
	pthread_join(thread, &ret);
	EXPECT_EQ(0, (long)ret);
	EXPECT_EQ(KVM_EXIT_IO, other.run->exit_reason);
	munmap(other.run, guest->run_size);
	close(other.fd);
}

TEST_F(pv, what_is_not_told_can_be_refused)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args[0] = 1 };
	struct cpuid_table *cpuid = calloc(1, sizeof(*cpuid));
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	ASSERT_EQ(0, _supported_cpuid(guest->dev, cpuid));
	cpuid_find(cpuid, 0x40000001, 0)->eax = 1 << PV_CLOCK;
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_CPUID2, cpuid));
	free(cpuid);
	guest_writes(_metadata, guest, MSR_CLOCK, CLOCK_PAGE | 1, &regs);
	EXPECT_EQ(0, regs.r9);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_ENABLE_CAP, &cap));
	guest_writes(_metadata, guest, MSR_CLOCK, CLOCK_PAGE | 1, &regs);
	EXPECT_EQ(0x6f, regs.r9);
	regs.r9 = 0;
	set_regs(_metadata, guest, &regs);
	guest_writes(_metadata, guest, 0x12, CLOCK_PAGE | 1, &regs);
	EXPECT_EQ(0, regs.r9);
	load_hypercalls(_metadata, guest);
	EXPECT_EQ(-1000, hypercall(_metadata, guest, 10, 1, 0, 0, 0x50));
	cap.flags = 1;
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_ENABLE_CAP, &cap));
	cap = (struct kvm_enable_cap) { .cap = 12345 };
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->fd, KVM_ENABLE_CAP, &cap));
	EXPECT_EQ(-EFAULT, _ioctl(guest->fd, KVM_ENABLE_CAP, 0));
}

TEST_F(pv, msrs_take_no_nonsense)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	EXPECT_EQ(1, get_msr(_metadata, guest, MSR_POLL));
	EXPECT_EQ(0, _set_msr(guest, MSR_POLL, 2));
	EXPECT_EQ(1, _set_msr(guest, MSR_POLL, 0));
	EXPECT_EQ(0, get_msr(_metadata, guest, MSR_POLL));
	EXPECT_EQ(0, _set_msr(guest, MSR_STEAL, 2));
	EXPECT_EQ(0, _set_msr(guest, MSR_EOI, 2));
	/* There is no memory there, or not all of it. */
	_set_msr(guest, MSR_CLOCK, ~0ULL);
	_set_msr(guest, MSR_WALL, ~0ULL);
	_set_msr(guest, MSR_STEAL, ~0ULL & ~62ULL);
	_set_msr(guest, MSR_EOI, ~2ULL);
	_set_msr(guest, MSR_WALL, MEMORY - 4);
	guest_writes(_metadata, guest, MSR_POLL, 1, &regs);
	EXPECT_EQ(0, regs.r9);
}

GUEST_CODE(naps, 64,
	   "mov $0xfee00000, %ebp\n"
	   "xor %ebx, %ebx\n"
	   "movl $0x1ff, 0xf0(%rbp)\n"
	   "movl $0xb, 0x3e0(%rbp)\n"
	   "movl $0x50, 0x320(%rbp)\n"
	   "1: movl $20000, 0x380(%rbp)\n"
	   "sti\n"
	   "hlt\n"
	   "cli\n"
	   "cmp $20, %ebx\n"
	   "jb 1b\n"
	   DONE
	   ".globl naps_handler\nnaps_handler:\n"
	   "inc %ebx\n"
	   "movl $0, 0xb0(%rbp)\n"
	   "iretq\n");
GUEST_LABEL(naps_handler);

TEST_F(pv, short_waits_can_be_polled)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HALT_POLL, .args[0] = 1ULL << 32 };
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	EXPECT_EQ(1, _ioctl(guest->vm, KVM_CHECK_EXTENSION, KVM_CAP_HALT_POLL));
	EXPECT_EQ(-EINVAL, _ioctl_ptr(guest->vm, KVM_ENABLE_CAP, &cap));
	cap.args[0] = 1000000;
	EXPECT_EQ(0, _ioctl_ptr(guest->vm, KVM_ENABLE_CAP, &cap));
	guest_load(guest, naps);
	irq_guest_start(_metadata, guest);
	guest_gate(guest, MODE_LONG, 0x50, guest_label(naps, naps_handler), 14, 0);
	irq_run_done(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(20, (__u32)regs.rbx);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
