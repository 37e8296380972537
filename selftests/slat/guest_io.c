// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits to user space: port I/O in all its forms, HLT, and entries that fail or
 * are cut short.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

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

static void *io_data(struct guest *guest)
{
	return (char *)guest->run + guest->run->io.data_offset;
}

static void expect_io(struct __test_metadata *_metadata, struct guest *guest, int direction,
		      __u16 port, __u8 size)
{
	guest_run(_metadata, guest, KVM_EXIT_IO);
	EXPECT_EQ(direction, guest->run->io.direction);
	EXPECT_EQ(port, guest->run->io.port);
	EXPECT_EQ(size, guest->run->io.size);
	EXPECT_LE(1, guest->run->io.count);
	ASSERT_LE(guest->run->io.data_offset + size * guest->run->io.count, guest->run_size);
}

GUEST_CODE(outs, 64,
	   "movabs $0x1122334455667788, %rax\n"
	   "out %al, $0x80\n"
	   "mov $0x1234, %dx\n"
	   "out %ax, %dx\n"
	   "out %eax, %dx\n"
	   "hlt\n");

TEST_F(guest, out_of_each_size)
{
	struct guest *guest = &self->guest;

	guest_load(guest, outs);
	guest_mode(_metadata, guest, MODE_LONG);
	expect_io(_metadata, guest, KVM_EXIT_IO_OUT, 0x80, 1);
	EXPECT_EQ(0x88, *(__u8 *)io_data(guest));
	expect_io(_metadata, guest, KVM_EXIT_IO_OUT, 0x1234, 2);
	EXPECT_EQ(0x7788, *(__u16 *)io_data(guest));
	expect_io(_metadata, guest, KVM_EXIT_IO_OUT, 0x1234, 4);
	EXPECT_EQ(0x55667788, *(__u32 *)io_data(guest));
	guest_run_hlt(_metadata, guest);
}

GUEST_CODE(ins, 64,
	   "movabs $0x1122334455667788, %rax\n"
	   "in $0x80, %al\n"
	   "mov %rax, %r8\n"
	   "mov $0x1234, %dx\n"
	   "in %dx, %ax\n"
	   "mov %rax, %r9\n"
	   "in %dx, %eax\n"
	   "hlt\n");

TEST_F(guest, in_of_each_size)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, ins);
	guest_mode(_metadata, guest, MODE_LONG);
	expect_io(_metadata, guest, KVM_EXIT_IO_IN, 0x80, 1);
	*(__u32 *)io_data(guest) = 0xffffffaa;
	expect_io(_metadata, guest, KVM_EXIT_IO_IN, 0x1234, 2);
	*(__u32 *)io_data(guest) = 0xffffbbcc;
	expect_io(_metadata, guest, KVM_EXIT_IO_IN, 0x1234, 4);
	*(__u32 *)io_data(guest) = 0xddeeff00;
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x11223344556677aa, regs.r8);
	EXPECT_EQ(0x112233445566bbcc, regs.r9);
	EXPECT_EQ(0xddeeff00, regs.rax);
}

/* As many bytes as the exits of a string instruction bring; their number is free. */
static void gather_outs(struct __test_metadata *_metadata, struct guest *guest, __u16 port,
			__u8 size, unsigned int total, char *data)
{
	unsigned int got = 0;

	while (got < total) {
		unsigned int bytes;

		expect_io(_metadata, guest, KVM_EXIT_IO_OUT, port, size);
		bytes = size * guest->run->io.count;
		ASSERT_LE(got + bytes, total);
		memcpy(data + got, io_data(guest), bytes);
		got += bytes;
	}
}

static void feed_ins(struct __test_metadata *_metadata, struct guest *guest, __u16 port,
		     __u8 size, unsigned int total, const char *data)
{
	unsigned int given = 0;

	while (given < total) {
		unsigned int bytes;

		expect_io(_metadata, guest, KVM_EXIT_IO_IN, port, size);
		bytes = size * guest->run->io.count;
		ASSERT_LE(given + bytes, total);
		memcpy(io_data(guest), data + given, bytes);
		given += bytes;
	}
}

#define STRING_BYTES	600

GUEST_CODE(rep_outsb, 64,
	   "cld\n"
	   "mov $0x30ff0, %esi\n"
	   "mov $600, %ecx\n"
	   "mov $0x10, %edx\n"
	   "rep outsb\n"
	   "mov $0x66, %ebx\n"
	   "hlt\n");

TEST_F(guest, rep_outsb_over_a_page_boundary)
{
	struct guest *guest = &self->guest;
	char data[STRING_BYTES];
	struct kvm_regs regs;

	guest_load(guest, rep_outsb);
	guest_mode(_metadata, guest, MODE_LONG);
	for (int i = 0; i < STRING_BYTES; i++)
		guest_u8(guest, 0x30ff0 + i) = i * 7;
	gather_outs(_metadata, guest, 0x10, 1, STRING_BYTES, data);
	guest_run_hlt(_metadata, guest);
	EXPECT_EQ(0, memcmp(data, guest->mem + 0x30ff0, STRING_BYTES));
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, regs.rcx);
	EXPECT_EQ(0x30ff0 + STRING_BYTES, regs.rsi);
	EXPECT_EQ(0x66, regs.rbx);
}

GUEST_CODE(rep_insw, 64,
	   "cld\n"
	   "mov $0x30ff1, %edi\n"
	   "mov $300, %ecx\n"
	   "mov $0x10, %edx\n"
	   "rep insw\n"
	   "mov $0x66, %ebx\n"
	   "hlt\n");

TEST_F(guest, rep_insw_over_a_page_boundary)
{
	struct guest *guest = &self->guest;
	char data[STRING_BYTES];
	struct kvm_regs regs;

	for (int i = 0; i < STRING_BYTES; i++)
		data[i] = i * 11;
	guest_load(guest, rep_insw);
	guest_mode(_metadata, guest, MODE_LONG);
	feed_ins(_metadata, guest, 0x10, 2, STRING_BYTES, data);
	guest_run_hlt(_metadata, guest);
	EXPECT_EQ(0, memcmp(data, guest->mem + 0x30ff1, STRING_BYTES));
	EXPECT_EQ(0, guest_u8(guest, 0x30ff0));
	EXPECT_EQ(0, guest_u8(guest, 0x30ff1 + STRING_BYTES));
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, regs.rcx);
	EXPECT_EQ(0x30ff1 + STRING_BYTES, regs.rdi);
	EXPECT_EQ(0x66, regs.rbx);
}

/* RCX is how many are wanted, whatever it was at the exit. */
TEST_F(guest, count_that_user_space_changes)
{
	static const __u64 counts[] = { 0, 1, 299, 301, 0x10000 };
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, rep_insw);
	guest_mode(_metadata, guest, MODE_LONG);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		__u64 given = 0;

		get_regs(_metadata, guest, &regs);
		regs.rip = CODE;
		set_regs(_metadata, guest, &regs);
		memset(guest->mem + 0x30ff1, 0, 0x20000);
		expect_io(_metadata, guest, KVM_EXIT_IO_IN, 0x10, 2);
		get_regs(_metadata, guest, &regs);
		ASSERT_EQ(300, regs.rcx);
		regs.rcx = counts[i];
		set_regs(_metadata, guest, &regs);
		do {
			given += guest->run->io.count;
			memset(io_data(guest), 0xaa, 2 * guest->run->io.count);
			ASSERT_EQ(0, _guest_run(guest));
		} while (guest->run->exit_reason == KVM_EXIT_IO);
		EXPECT_EQ(KVM_EXIT_HLT, guest->run->exit_reason);
		get_regs(_metadata, guest, &regs);
		EXPECT_EQ(0, regs.rcx);
		EXPECT_EQ(0x30ff1 + 2 * counts[i], regs.rdi);
		EXPECT_LE(counts[i], given);
		for (__u64 at = 0; at < 0x20000; at++) {
			ASSERT_EQ(at < 2 * counts[i] ? 0xaa : 0, guest_u8(guest, 0x30ff1 + at)) {
				TH_LOG("RCX %llu, byte %llu", (unsigned long long)counts[i],
				       (unsigned long long)at);
			}
		}
	}
}

GUEST_CODE(real_outs, 16,
	   "std\n"
	   "mov $0x3000, %ax\n"
	   "mov %ax, %es\n"
	   "mov $6, %si\n"
	   "mov $4, %cx\n"
	   "mov $0x10, %dx\n"
	   "rep outsw %es:(%si), %dx\n"
	   "hlt\n");

TEST_F(guest, rep_outsw_downwards_in_real_mode_with_a_segment)
{
	struct guest *guest = &self->guest;
	__u16 data[4];
	struct kvm_regs regs;

	guest_load(guest, real_outs);
	guest_mode(_metadata, guest, MODE_REAL);
	for (int i = 0; i < 4; i++)
		guest_u16(guest, DATA + 2 * i) = 0x1110 * (i + 1);
	gather_outs(_metadata, guest, 0x10, 2, sizeof(data), (char *)data);
	guest_run_hlt(_metadata, guest);
	EXPECT_EQ(0x4440, data[0]);
	EXPECT_EQ(0x1110, data[3]);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0, regs.rcx);
	EXPECT_EQ(0xfffe, regs.rsi & 0xffff);
}

GUEST_CODE(rep_none, 64,
	   "xor %ecx, %ecx\n"
	   "mov $0x30000, %esi\n"
	   "mov $0x10, %edx\n"
	   "rep outsb\n"
	   "hlt\n");

TEST_F(guest, rep_of_nothing_does_not_exit)
{
	struct kvm_regs regs;

	guest_run_code(&self->guest, MODE_LONG, rep_none, &regs);
	EXPECT_EQ(0x30000, regs.rsi);
}

/* A string that ends where there is no memory: #PF there, the rest is done. */
GUEST_LABEL(outs_pf);
GUEST_CODE(outs_fault, 64,
	   "cld\n"
	   "mov $0x1ffffc, %esi\n"
	   "mov $8, %ecx\n"
	   "mov $0x10, %edx\n"
	   "rep outsb\n"
	   "hlt\n"
	   "outs_pf: pop %rax\n mov %cr2, %rbx\n mov $0x14, %r8\n hlt\n");

TEST_F(guest, rep_outsb_into_a_page_fault)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;
	char data[4];

	guest_load(guest, outs_fault);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 14, guest_label(outs_fault, outs_pf), 14, 0);
	guest_u64(guest, TABLES + 0x2000 + 8) = 0;	/* the second 2 MiB */
	memcpy(guest->mem + 0x1ffffc, "abcd", 4);
	gather_outs(_metadata, guest, 0x10, 1, 4, data);
	guest_run_hlt(_metadata, guest);
	EXPECT_EQ(0, memcmp(data, "abcd", 4));
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x14, regs.r8);
	EXPECT_EQ(0, regs.rax);
	EXPECT_EQ(0x200000, regs.rbx);
	EXPECT_EQ(4, regs.rcx);
	EXPECT_EQ(0x200000, regs.rsi);
}

/* Without IOPL ring 3 has no ports. */
GUEST_LABEL(user_io);
GUEST_LABEL(user_gp);
GUEST_CODE(user_out, 64,
	   "pushq $0x33\n pushq $0x7f000\n pushq $2\n pushq $0x2b\n"
	   "pushq $0x10000 + user_io - user_out\n"
	   "iretq\n"
	   "user_io: out %al, $0x10\n hlt\n"
	   "user_gp: pop %rax\n mov $0x90, %ebx\n hlt\n");

TEST_F(guest, port_of_ring_3_is_gp)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, user_out);
	guest_mode(_metadata, guest, MODE_LONG);
	guest_gate(guest, MODE_LONG, 13, guest_label(user_out, user_gp), 14, 0);
	guest_run_hlt(_metadata, guest);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(0x90, regs.rbx);
	EXPECT_EQ(0, regs.rax);
}

TEST_F(guest, immediate_exit)
{
	struct guest *guest = &self->guest;
	struct kvm_regs regs;

	guest_load(guest, outs);
	guest_mode(_metadata, guest, MODE_LONG);
	guest->run->immediate_exit = 1;
	EXPECT_EQ(-EINTR, _guest_run(guest));
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(CODE, regs.rip);
	guest->run->immediate_exit = 0;
	expect_io(_metadata, guest, KVM_EXIT_IO_OUT, 0x80, 1);
	/* It completes what user space has answered, and is no exit of its own. */
	guest->run->immediate_exit = 1;
	EXPECT_EQ(-EINTR, _guest_run(guest));
	EXPECT_EQ(KVM_EXIT_IO, guest->run->exit_reason);
	get_regs(_metadata, guest, &regs);
	EXPECT_EQ(CODE + 12, regs.rip);
}

static void on_alarm(int signal)
{
}

GUEST_CODE(spin, 64, "1: pause\n jmp 1b\n");

/* Interrupts on: some machines do not leave a guest that has them off. */
static void start_spinning(struct __test_metadata *_metadata, struct guest *guest)
{
	struct kvm_regs regs;

	guest_load(guest, spin);
	guest_mode(_metadata, guest, MODE_LONG);
	get_regs(_metadata, guest, &regs);
	regs.rflags |= FLAGS_IF;
	set_regs(_metadata, guest, &regs);
}

TEST_F(guest, signal_ends_the_run)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_value.tv_usec = 20000 };

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	start_spinning(_metadata, &self->guest);
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	EXPECT_EQ(-EINTR, _guest_run(&self->guest));
	EXPECT_EQ(KVM_EXIT_INTR, self->guest.run->exit_reason);
}

GUEST_CODE(cpuids, 64, "cli\n 1: xor %eax, %eax\n cpuid\n incl 0x30000\n jmp 1b\n");

/* An exit for which nobody leaves for long; not every machine interrupts such a guest. */
TEST_F(guest, signal_ends_nothing_but_cpuid)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_value.tv_usec = 20000 };
	struct guest *guest = &self->guest;

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	guest_load(guest, cpuids);
	guest_mode(_metadata, guest, MODE_LONG);
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	EXPECT_EQ(-EINTR, _guest_run(guest));
	EXPECT_EQ(KVM_EXIT_INTR, guest->run->exit_reason);
	EXPECT_LT(0, guest_u32(guest, DATA));
}

/* A signal that is blocked, but not in KVM_RUN. */
TEST_F(guest, signal_mask_counts_during_the_run)
{
	struct {
		struct kvm_signal_mask head;
		__u32 set[2];		/* right behind the head */
	} mask = { .head.len = 8 };
	struct guest *guest = &self->guest;
	sigset_t alarm, pending;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &alarm, NULL));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SIGNAL_MASK, &mask));
	guest_load(guest, outs);
	guest_mode(_metadata, guest, MODE_LONG);
	ASSERT_EQ(0, raise(SIGALRM));
	EXPECT_EQ(-EINTR, _guest_run(guest));
	ASSERT_EQ(0, sigpending(&pending));
	EXPECT_EQ(1, sigismember(&pending, SIGALRM));
	mask.set[0] = 1U << (SIGALRM - 1);
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SIGNAL_MASK, &mask));
	expect_io(_metadata, guest, KVM_EXIT_IO_OUT, 0x80, 1);
}

/* The same for one that comes during the run, and that nobody handles. */
TEST_F(guest, signal_that_would_be_fatal_ends_the_run)
{
	struct {
		struct kvm_signal_mask head;
		__u32 set[2];
	} mask = { .head.len = 8 };
	struct itimerval timer = { .it_value.tv_usec = 20000 };
	struct guest *guest = &self->guest;
	sigset_t alarm;
	int sig;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	signal(SIGALRM, SIG_DFL);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &alarm, NULL));
	ASSERT_EQ(0, _ioctl_ptr(guest->fd, KVM_SET_SIGNAL_MASK, &mask));
	start_spinning(_metadata, guest);
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	EXPECT_EQ(-EINTR, _guest_run(guest));
	ASSERT_EQ(0, sigwait(&alarm, &sig));
	EXPECT_EQ(SIGALRM, sig);
}

TEST_F(guest, entry_that_fails_says_why_and_can_be_repaired)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs sregs, good;

	if (cpu_has_svm())
		SKIP(return, "VMRUN does not check what TR has");
	guest_load(guest, outs);
	guest_mode(_metadata, guest, MODE_LONG);
	get_sregs(_metadata, guest, &good);
	sregs = good;
	sregs.tr.type = 2;		/* an LDT: no TSS that VMX knows */
	set_sregs(_metadata, guest, &sregs);
	for (int i = 0; i < 2; i++) {
		guest_run(_metadata, guest, KVM_EXIT_FAIL_ENTRY);
		EXPECT_EQ(0x80000021,
			  guest->run->fail_entry.hardware_entry_failure_reason);
	}
	set_sregs(_metadata, guest, &good);
	expect_io(_metadata, guest, KVM_EXIT_IO_OUT, 0x80, 1);
}

/* The exit comes by itself, with the host's next interrupt. */
GUEST_LABEL(repaired);
GUEST_CODE(bad_cr3, 64,
	   "movabs $0x0080000000004000, %rax\n"
	   "mov %rax, %cr3\n"
	   "1: jmp 1b\n"
	   "repaired: hlt\n");

TEST_F(guest, entry_that_fails_after_a_bad_cr3)
{
	struct guest *guest = &self->guest;
	struct kvm_sregs good;
	struct kvm_regs regs;

	if (!cpu_is_tcg())
		SKIP(return, "only an emulator loads such a CR3");
	guest_load(guest, bad_cr3);
	guest_mode(_metadata, guest, MODE_LONG);
	get_sregs(_metadata, guest, &good);
	for (int i = 0; i < 2; i++) {
		guest_run(_metadata, guest, KVM_EXIT_FAIL_ENTRY);
		EXPECT_EQ(0xffffffff, guest->run->fail_entry.hardware_entry_failure_reason);
	}
	set_sregs(_metadata, guest, &good);
	get_regs(_metadata, guest, &regs);
	regs.rip = guest_label(bad_cr3, repaired);
	set_regs(_metadata, guest, &regs);
	guest_run_hlt(_metadata, guest);
}

GUEST_CODE(sync_code, 64,
	   "out %al, $0x10\n"
	   "mov $0x55, %ebx\n"
	   "out %al, $0x10\n"
	   "hlt\n");

TEST_F(guest, registers_through_kvm_run)
{
	struct guest *guest = &self->guest;
	struct kvm_run *run = guest->run;

	if (!(_ioctl(guest->vm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_REGS))
		SKIP(return, "no KVM_CAP_SYNC_REGS");
	guest_load(guest, sync_code);
	guest_mode(_metadata, guest, MODE_LONG);
	run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	expect_io(_metadata, guest, KVM_EXIT_IO_OUT, 0x10, 1);
	EXPECT_EQ(1, run->s.regs.sregs.cs.l);
	run->s.regs.regs.rax = 0x42;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	expect_io(_metadata, guest, KVM_EXIT_IO_OUT, 0x10, 1);
	EXPECT_EQ(0x42, *(__u8 *)io_data(guest));
	EXPECT_EQ(0x55, run->s.regs.regs.rbx);
	EXPECT_EQ(0, run->kvm_dirty_regs);
	run->kvm_valid_regs = ~0;
	EXPECT_EQ(-EINVAL, _guest_run(guest));
	run->kvm_valid_regs = 0;
	run->kvm_dirty_regs = 1ULL << 63;
	EXPECT_EQ(-EINVAL, _guest_run(guest));
	run->kvm_dirty_regs = 0;
	guest_run_hlt(_metadata, guest);
}

int main(int argc, char **argv)
{
	require_guests();
	return test_harness_run(argc, argv);
}
